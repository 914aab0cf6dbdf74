//! Counts the written bytes that a peer's TCP has acknowledged, and tells whether the peer takes too little.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use tokio::time::Instant;

/// Bytes that a peer has to take within its patience, unless fewer are left. Otherwise one byte now and then would
/// hold a place for days.
const LEAST: u64 = 64 * 1024;

/// The byte account of a connection.
pub(crate) struct Uptake {
    written: u64,
    acknowledged: u64,
    /// The acknowledged bytes and the time when the peer last took enough.
    enough: (u64, Instant),
    patience: Duration,
}

impl Uptake {
    /// A peer that takes too little for `patience` is stalled.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { written: 0, acknowledged: 0, enough: (0, Instant::now()), patience }
    }

    /// Bytes that the kernel has taken.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Bytes that the peer has acknowledged, as of the last [`Self::look`].
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// The interval at which a waiting writer asks [`Self::is_stalled`].
    pub(crate) fn pause(&self) -> Duration {
        // A quarter, so that the end comes soon after the patience.
        self.patience / 4
    }

    /// The patience.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Adds bytes that the kernel has taken.
    pub(crate) fn wrote(&mut self, bytes: usize) {
        self.written += bytes as u64;
    }

    /// Starts an answer. If the peer has everything before it, earlier time does not count.
    pub(crate) fn begin(&mut self, socket: &impl AsRawFd) {
        self.look(socket);
        if self.acknowledged >= self.written {
            self.enough = (self.acknowledged, Instant::now());
        }
    }

    /// Asks the kernel for the acknowledged bytes.
    pub(crate) fn look(&mut self, socket: &impl AsRawFd) {
        if self.acknowledged < self.written
            && let Ok(under_way) = unacknowledged(socket)
        {
            self.acknowledged = self.acknowledged.max(self.written.saturating_sub(under_way));
        }
    }

    /// True if the peer has taken too little for too long.
    pub(crate) fn is_stalled(&mut self, socket: &impl AsRawFd) -> bool {
        self.look(socket);
        let (mark, since) = self.enough;
        if self.acknowledged >= mark + LEAST || self.acknowledged >= self.written {
            self.enough = (self.acknowledged, Instant::now());
            return false;
        }
        since.elapsed() >= self.patience
    }

    /// True if it is time to ask [`Self::is_stalled`].
    pub(crate) fn is_due(&self) -> bool {
        self.enough.1.elapsed() >= self.pause()
    }
}

/// Written bytes that the peer's TCP has not acknowledged.
#[allow(unsafe_code)] // No safe wrapper for this request is at hand; it writes one int.
fn unacknowledged(socket: &impl AsRawFd) -> io::Result<u64> {
    let mut bytes: nix::libc::c_int = 0;
    // SAFETY: the descriptor is open for as long as the socket is borrowed, and SIOCOUTQ (of the same number as
    // TIOCOUTQ) writes an int to the pointer it is given.
    let result = unsafe { nix::libc::ioctl(socket.as_raw_fd(), nix::libc::TIOCOUTQ, &raw mut bytes) };
    nix::errno::Errno::result(result)?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}
