//! Checks that the bench is alive, for the watchdog.

use std::net::Ipv4Addr;
use std::sync::{Arc, Weak};

use super::Bench;

impl Bench {
    /// Returns once the phone table, the lease table and the ledger's writer have each answered, and never if one of
    /// them hangs. A full disk is no hang: the writer reports it and the rest continues.
    pub async fn pulse(self: &Arc<Self>) {
        let bench = Arc::clone(self);
        // Off the threads that serve: a lock that is never released would block one of them too.
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
