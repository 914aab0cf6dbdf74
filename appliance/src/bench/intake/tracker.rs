//! Turns the progress of a transfer into evidence about its phone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use transload_provision::journey::{Fact, Heard, Observation};
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use crate::bench::Bench;
use crate::bench::metrics;
use crate::bench::record::Hearing;
use crate::listeners::{FileProtocol, Track};

/// Bytes between two progress facts of a transfer.
const STRIDE: u64 = 256 * 1024;

/// Follows one transfer. If it is dropped before the end, the transfer counts as broken.
#[derive(Debug)]
pub struct Tracker {
    bench: Arc<Bench>,
    of: Option<FileProgress>,
    /// The phone and time of a datagram request that is not acknowledged yet.
    unproven: Option<(Mac, Time)>,
    /// The client has acknowledged.
    answered: AtomicBool,
}

#[derive(Debug)]
struct FileProgress {
    mac: Mac,
    name: String,
    size: u64,
    asked: Time,
    stretch: Mutex<Stretch>,
    counted: metrics::TransferCounters,
}

/// The bytes sent, from the first to one past the last, and the part that the journey knows.
#[derive(Debug, Clone, Copy, Default)]
struct Stretch {
    from: Option<u64>,
    to: u64,
    told: u64,
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bench")
    }
}

impl Tracker {
    pub(in crate::bench) fn of_file(
        bench: &Arc<Bench>,
        phone: Option<Mac>,
        protocol: FileProtocol,
        name: String,
        size: u64,
        hearing: Hearing,
    ) -> Self {
        let mut tracker = Self::of_document(bench, phone, hearing);
        tracker.of = phone.map(|mac| FileProgress {
            mac,
            name,
            size,
            asked: hearing.at,
            stretch: Mutex::default(),
            counted: bench.metrics.transfer(protocol),
        });
        tracker
    }

    /// For answers whose acknowledgment is the only evidence.
    pub(in crate::bench) fn of_document(bench: &Arc<Bench>, phone: Option<Mac>, hearing: Hearing) -> Self {
        let proven = hearing.heard != Heard::OneWay;
        let unproven = phone.filter(|_| !proven).map(|mac| (mac, hearing.at));
        Self { bench: Arc::clone(bench), of: None, unproven, answered: AtomicBool::new(proven) }
    }

    /// For answers that are no evidence.
    pub(in crate::bench) fn idle(bench: &Arc<Bench>) -> Self {
        Self { bench: Arc::clone(bench), of: None, unproven: None, answered: AtomicBool::new(true) }
    }

    fn end_early(&mut self, why: &str) {
        let Some(transfer) = self.of.take() else { return };
        if !*self.answered.get_mut() {
            // Without an acknowledgment the request may be forged.
            return transfer.counted.ended(false);
        }
        let cause = format!("stopped at byte {} of {}: {why}", transfer.stretch().to, transfer.size);
        let broken = Fact::Broken { name: transfer.name.clone(), cause };
        // The last bytes may be unacknowledged: a broken transfer never counts as complete.
        let mut sent = transfer.stretch();
        sent.to = sent.to.min(transfer.size.saturating_sub(1));
        self.bench.ended(transfer.mac, vec![transfer.fetched(sent), broken]);
        transfer.counted.ended(false);
    }
}

impl Track for Tracker {
    fn answered(&self) {
        if let Some((mac, asked)) = self.unproven
            && !self.answered.swap(true, Ordering::Relaxed)
        {
            self.bench.acknowledged(mac, asked);
        }
    }

    fn advance(&self, from: u64, to: u64) {
        let Some(transfer) = &self.of else { return };
        let mut stretch = transfer.stretch.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = *stretch.from.get_or_insert(from);
        transfer.counted.took(to.saturating_sub(stretch.to.max(from)));
        stretch.to = stretch.to.max(to);
        if stretch.to - begin >= stretch.told + STRIDE {
            stretch.told = stretch.to - begin;
            let fact = transfer.fetched(*stretch);
            self.bench.show_progress(transfer.mac, fact);
        }
    }

    fn finish(mut self) {
        self.answered();
        if let Some(transfer) = self.of.take() {
            self.bench.ended(transfer.mac, vec![transfer.fetched(transfer.stretch())]);
            transfer.counted.ended(true);
        }
    }

    fn broken(mut self, why: &str) {
        self.end_early(why);
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        self.end_early("the connection was closed");
    }
}

impl FileProgress {
    fn stretch(&self) -> Stretch {
        *self.stretch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fetched(&self, stretch: Stretch) -> Fact {
        let from = stretch.from.unwrap_or(0);
        Fact::Fetched {
            name: self.name.clone(),
            from,
            to: stretch.to,
            size: self.size,
            asked: Some(self.asked),
        }
    }
}

impl Bench {
    /// Shows progress at once; the ledger gets it at the end of the transfer.
    fn show_progress(&self, mac: Mac, fact: Fact) {
        let observation = Observation::new(self.now(), fact);
        self.state().take(mac, &observation);
    }

    /// Records that the phone acknowledged, which proves its request.
    fn acknowledged(&self, mac: Mac, asked: Time) {
        let mut state = self.state();
        self.note_down(&mut state, mac, Fact::Acknowledged { asked });
    }

    fn ended(&self, mac: Mac, facts: Vec<Fact>) {
        let mut state = self.state();
        for fact in facts {
            self.observe(&mut state, mac, fact);
        }
    }
}
