//! What a peer's TCP has acknowledged of what was written to it, and whether the peer takes too little.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use tokio::time::Instant;

/// What a peer has to take while patience lasts, in bytes, unless less is left. Without it, one byte now and then would
/// hold a place for days.
const LEAST: u64 = 64 * 1024;

/// A connection's account of bytes.
pub(crate) struct Uptake {
    written: u64,
    acknowledged: u64,
    /// What had been acknowledged when the peer was last seen to take enough, and when that was.
    enough: (u64, Instant),
    patience: Duration,
}

impl Uptake {
    /// A peer that takes too little for `patience` is to be given up on.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { written: 0, acknowledged: 0, enough: (0, Instant::now()), patience }
    }

    /// Bytes that the kernel has taken.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Bytes that the peer has acknowledged, as far as [`Self::look`] has seen.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// How often a writer that waits for room is to ask [`Self::is_stalled`].
    pub(crate) fn pause(&self) -> Duration {
        // A quarter, so that the end comes soon after patience has.
        self.patience / 4
    }

    /// How long patience lasts.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// The kernel has taken so many bytes.
    pub(crate) fn wrote(&mut self, bytes: usize) {
        self.written += bytes as u64;
    }

    /// An answer begins. If the peer has all before it, the time before it does not count.
    pub(crate) fn begin(&mut self, socket: &impl AsRawFd) {
        self.look(socket);
        if self.acknowledged >= self.written {
            self.enough = (self.acknowledged, Instant::now());
        }
    }

    /// Asks the kernel what the peer has acknowledged.
    pub(crate) fn look(&mut self, socket: &impl AsRawFd) {
        if self.acknowledged < self.written
            && let Ok(under_way) = unacknowledged(socket)
        {
            self.acknowledged = self.acknowledged.max(self.written.saturating_sub(under_way));
        }
    }

    /// Whether the peer has taken too little for too long.
    pub(crate) fn is_stalled(&mut self, socket: &impl AsRawFd) -> bool {
        self.look(socket);
        let (mark, since) = self.enough;
        if self.acknowledged >= mark + LEAST || self.acknowledged >= self.written {
            self.enough = (self.acknowledged, Instant::now());
            return false;
        }
        since.elapsed() >= self.patience
    }

    /// Whether it is time to ask [`Self::is_stalled`], because the peer was not seen to take enough for a while.
    pub(crate) fn is_due(&self) -> bool {
        self.enough.1.elapsed() >= self.pause()
    }
}

/// Bytes written that the peer's TCP has not acknowledged.
#[allow(unsafe_code)] // No safe wrapper for this request is at hand; it writes one int.
fn unacknowledged(socket: &impl AsRawFd) -> io::Result<u64> {
    let mut bytes: nix::libc::c_int = 0;
    // SAFETY: the descriptor is open for as long as the socket is borrowed, and SIOCOUTQ (of the same number as
    // TIOCOUTQ) writes an int to the pointer it is given.
    let result = unsafe { nix::libc::ioctl(socket.as_raw_fd(), nix::libc::TIOCOUTQ, &raw mut bytes) };
    nix::errno::Errno::result(result)?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}
