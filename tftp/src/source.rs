//! The interface between the server and its user: opens files, and hears of each transfer's progress and end.

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

/// Resolves to the answer to a request.
pub type OpenFuture = Pin<Box<dyn Future<Output = Result<Box<dyn FileContent>, OpenRefusal>> + Send>>;

/// Resolves to the number of bytes that may be sent, once the rate limit allows some.
pub type SendPermit = Pin<Box<dyn Future<Output = u64> + Send>>;

/// Decides what each client may read.
pub trait FileSource: Send + Sync + 'static {
    /// Opens `name` for `peer`, or refuses it. `name` is as the client wrote it (bytes that are not UTF-8 replaced by
    /// U+FFFD): it may hold `..`, backslashes or anything else, and must not be trusted as a path. A client that
    /// waits here keeps no other waiting; the future is dropped when the server stops.
    fn open(self: Arc<Self>, peer: SocketAddr, name: String) -> OpenFuture;

    /// Whether the holder of this address is known. A read request can be forged; if slots are short, clients at known
    /// addresses go first. Asked at most every few seconds for one known address, and for each request
    /// of another. Everybody's transfers wait for it, so it must not block.
    fn knows(&self, peer: Ipv4Addr) -> bool {
        let _ = peer;
        true
    }
}

/// A file as it was when it was opened.
pub trait FileContent: Send + Sync + 'static {
    /// Length in bytes. It must not change.
    fn size(&self) -> u64;

    /// Reads at `offset` into `buffer`, as much as one read gives; 0 only at the end. May block on a disk: it is
    /// called on a thread made for that.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// The same for what is in memory already. Everybody's transfers wait for this one, so it must not block: where it
    /// would have to, it fails with `WouldBlock`, and [`read_at`](FileContent::read_at) is called instead.
    fn read_ready(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let _ = (offset, buffer);
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// The wait before more of the file may be sent, retransmissions included; `None` without a rate limit.
    fn turn(&self) -> Option<SendPermit> {
        None
    }

    /// Called once, when the client has answered from the port that it asked from: before anything is acknowledged, and
    /// never for a request that nobody answers. The request was then not forged by anybody who cannot read what the server
    /// sent: an answer must name the server's port for this transfer, which is chosen at random and written in the
    /// server's packets alone. Must not block.
    fn answered(&self) {}

    /// Called whenever the client has acknowledged more: `bytes` of this file since its beginning, in one piece.
    /// Must not block.
    fn acknowledged(&self, bytes: u64) {
        let _ = bytes;
    }

    /// Called once, when the transfer is over. Must not block.
    fn ended(self: Box<Self>, ending: TransferEnd);
}

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenRefusal {
    /// ERROR 1.
    NotFound,
    /// ERROR 2.
    Forbidden,
    /// ERROR 0, "busy, try again".
    Busy,
}

/// How a transfer ended, and how far it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferEnd {
    /// How it ended.
    pub outcome: TransferOutcome,
    /// Bytes of the file that the client acknowledged, from its beginning. In netascii, bytes before translation.
    pub bytes: u64,
    /// Packets that were sent more than once.
    pub retransmissions: u64,
    /// From the first packet to the end.
    pub elapsed: Duration,
}

/// How a transfer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferOutcome {
    /// The client acknowledged the last block: it has the whole file.
    Finished,
    /// The last block was sent, but its acknowledgment never came: the client probably has the whole file.
    LastAckMissing,
    /// Broken off before that, for a known reason.
    Aborted(Abort),
    /// The client fell silent before that.
    TimedOut,
}

/// Why a transfer was broken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Abort {
    /// The client sent an ERROR packet. Code 8, or 0 right after the options, is how a client asks for a size alone.
    Client {
        /// As in RFC 1350 §5 and RFC 2347.
        code: u16,
        /// Its text, shortened, without control characters.
        message: String,
    },
    /// The client's port is closed.
    Gone,
    /// The same client asked for the same file again after it had fallen silent, and answered.
    Restarted,
    /// The client had not answered, and others needed its place.
    GaveWay,
    /// The file could not be read, or became shorter.
    Unreadable(String),
    /// No socket could be had for the transfer.
    NoSocket(String),
    /// The server was stopped.
    Stopped,
}
