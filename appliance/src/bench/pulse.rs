//! Whether the bench works.

use std::net::Ipv4Addr;
use std::sync::{Arc, Weak};

use super::Bench;

impl Bench {
    /// Answers once all that phones depend on has: what is known of them, the leases, and the writer of the ledger. Does
    /// not answer while one of them hangs. A disk that is full is no hang: the writer says so, and the rest goes on.
    pub async fn pulse(self: &Arc<Self>) {
        let bench = Arc::clone(self);
        // Away from the threads that serve: a lock that is never given back would stop one of them too.
        let locks = tokio::task::spawn_blocking(move || {
            drop(bench.state());
            if let Some(dhcp) = bench.dhcp.get().and_then(Weak::upgrade) {
                let _ = dhcp.lease(Ipv4Addr::UNSPECIFIED);
            }
        });
        let _ = locks.await;
        let _ = self.ledger.append(Vec::new()).await;
    }
}
