//! Faults around virtual phones: a server without power, a lossy network, a foreign DHCP server, damaged files. There
//! are none unless a drill injects them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

/// Real time in which a file of a rehearsal arrives; a transfer that is to break does so within it.
const LONGEST: Duration = Duration::from_millis(40);

/// Shared by the phones of a drill and the drill itself.
#[derive(Debug, Clone, Default)]
pub struct FaultInjector(Arc<Sky>);

#[derive(Debug, Default)]
struct Sky {
    cut: watch::Sender<bool>,
    rogue: AtomicBool,
    stirred: AtomicBool,
    spoiled: AtomicBool,
    loss: AtomicU32,
    /// Delay of everything that a phone sends, in milliseconds of real time.
    delay: AtomicU32,
}

impl FaultInjector {
    /// Cuts the server's power, or restores it.
    pub fn cut(&self, off: bool) {
        self.0.cut.send_replace(off);
    }

    /// Adds a foreign DHCP server that is faster than ours, or removes it.
    pub fn set_rogue(&self, there: bool) {
        self.0.rogue.store(there, Ordering::Relaxed);
    }

    /// Announces faults: a load may have been withdrawn before a phone asks for it.
    pub fn stir(&self) {
        self.0.stirred.store(true, Ordering::Relaxed);
    }

    /// Announces damaged files: a phone may meet one before the server has noticed, without a failure.
    pub fn spoil(&self) {
        self.0.spoiled.store(true, Ordering::Relaxed);
    }

    /// Sets how many of a thousand transfers break.
    pub fn set_loss(&self, per_mille: u32) {
        self.0.loss.store(per_mille, Ordering::Relaxed);
    }

    /// Delays everything that a phone sends, in real time, as on a slow machine.
    pub fn delay(&self, span: Duration) {
        self.0.delay.store(span.as_millis() as u32, Ordering::Relaxed);
    }

    /// Waits until a message has arrived.
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

    /// True if the present message is lost.
    pub(super) fn loses(&self) -> bool {
        fastrand::u32(..1000) < self.0.loss.load(Ordering::Relaxed)
    }

    /// Waits until the server has no power.
    pub(super) async fn until_cut(&self) {
        let mut cut = self.0.cut.subscribe();
        // The sender lives as long as this.
        let _ = cut.wait_for(|off| *off).await;
    }

    /// Waits until the present transfer breaks; mostly forever.
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
