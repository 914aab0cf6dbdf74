//! How long things take, as metrics have it.

use prometheus_client::metrics::histogram::Histogram;

/// Upper bounds in seconds: from a reply out of memory to one that a failing SD card has held back.
const LATENCIES: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// A histogram of seconds.
pub fn seconds() -> Histogram {
    Histogram::new(LATENCIES)
}
