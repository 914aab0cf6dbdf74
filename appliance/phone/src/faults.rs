//! What surrounds virtual phones and is not theirs: a server that is not there, a network that loses, somebody's DHCP
//! server, files that were spoiled on purpose. Calm unless a drill stirs it up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

/// A file of a rehearsal has come by then, in real time; a transfer that is to break does so at some moment before.
const LONGEST: Duration = Duration::from_millis(40);

/// Shared by the phones of a drill and whoever stirs it up.
#[derive(Debug, Clone, Default)]
pub struct FaultInjector(Arc<Sky>);

#[derive(Debug, Default)]
struct Sky {
    cut: watch::Sender<bool>,
    rogue: AtomicBool,
    stirred: AtomicBool,
    spoiled: AtomicBool,
    loss: AtomicU32,
    /// Milliseconds that whatever a phone sends is under way, in real time.
    delay: AtomicU32,
}

impl FaultInjector {
    /// The server has no power from now on, or has it again.
    pub fn cut(&self, off: bool) {
        self.0.cut.send_replace(off);
    }

    /// Somebody else's DHCP server is faster, or is gone again.
    pub fn set_rogue(&self, there: bool) {
        self.0.rogue.store(there, Ordering::Relaxed);
    }

    /// Things go wrong: a load that a phone was told of may have been withdrawn by the time it asks for it.
    pub fn stir(&self) {
        self.0.stirred.store(true, Ordering::Relaxed);
    }

    /// Files were spoiled at some time: that a phone meets one before the server has noticed is nobody's fault.
    pub fn spoil(&self) {
        self.0.spoiled.store(true, Ordering::Relaxed);
    }

    /// So many of a thousand transfers break.
    pub fn set_loss(&self, per_mille: u32) {
        self.0.loss.store(per_mille, Ordering::Relaxed);
    }

    /// The machine is slow: whatever a phone sends is under way for so long, in real time.
    pub fn delay(&self, span: Duration) {
        self.0.delay.store(span.as_millis() as u32, Ordering::Relaxed);
    }

    /// Until what a phone sends now is there.
    pub(super) async fn carry(&self) {
        let delay = self.0.delay.load(Ordering::Relaxed);
        if delay > 0 {
            sleep(Duration::from_millis(delay.into())).await;
        }
    }

    pub(super) fn is_cut(&self) -> bool {
        *self.0.cut.borrow()
    }

    pub(super) fn is_rogue(&self) -> bool {
        self.0.rogue.load(Ordering::Relaxed)
    }

    pub(super) fn is_stirred(&self) -> bool {
        self.0.stirred.load(Ordering::Relaxed)
    }

    pub(super) fn is_spoiled(&self) -> bool {
        self.0.spoiled.load(Ordering::Relaxed)
    }

    /// Whether something is lost this time.
    pub(super) fn loses(&self) -> bool {
        fastrand::u32(..1000) < self.0.loss.load(Ordering::Relaxed)
    }

    /// Until the server has no power.
    pub(super) async fn until_cut(&self) {
        let mut cut = self.0.cut.subscribe();
        // The sender lives as long as this.
        let _ = cut.wait_for(|off| *off).await;
    }

    /// Until what is under way now breaks; mostly never.
    pub(super) async fn breaks(&self) {
        let lost = async {
            if self.loses() {
                sleep(LONGEST.mul_f64(fastrand::f64())).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = self.until_cut() => {}
            () = lost => {}
        }
    }
}
