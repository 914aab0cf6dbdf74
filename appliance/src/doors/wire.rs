//! A connection that knows what its peer has acknowledged, and gives up on a peer that takes nothing any more.

use std::io::{self, IoSlice};
use std::mem;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// How often the kernel is asked what the peer has acknowledged, while somebody waits for it.
const POLL: Duration = Duration::from_millis(20);
/// Bytes the kernel holds beyond those under way. More would run ahead of what the peer really has.
const UNSENT: u32 = 128 * 1024;

type Receipt = Box<dyn FnOnce() + Send>;

/// What is to be called once the peer has acknowledged all that was written to it so far. Whatever was not called when
/// the connection ends is dropped.
#[derive(Clone, Default)]
pub struct Receipts(Arc<Mutex<Vec<Receipt>>>);

impl Receipts {
    /// Calls this when the bytes handed over up to now have arrived.
    pub fn on_arrival(&self, receipt: impl FnOnce() + Send + 'static) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(receipt));
    }

    fn take(&self) -> Vec<Receipt> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A TCP connection.
pub(super) struct Wire {
    stream: TcpStream,
    receipts: Receipts,
    /// Receipts, and how many bytes had been written when they were handed over.
    due: Vec<(u64, Receipt)>,
    written: u64,
    shut: bool,
    stall: Duration,
    /// The last number of acknowledged bytes seen, and when it last grew.
    acknowledged: u64,
    grew: Instant,
    /// Set while a write waits for room.
    patience: Option<Pin<Box<Sleep>>>,
    look_again: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    /// A peer that takes no byte for `stall` is given up on.
    pub(super) fn new(stream: TcpStream, receipts: Receipts, stall: Duration) -> Self {
        let socket = socket2::SockRef::from(&stream);
        // Both only make things better; a kernel without them serves as well.
        let _ = socket.set_tcp_nodelay(true);
        let _ = socket.set_tcp_notsent_lowat(UNSENT);
        Self {
            stream,
            receipts,
            due: Vec::new(),
            written: 0,
            shut: false,
            stall,
            acknowledged: 0,
            grew: Instant::now(),
            patience: None,
            look_again: None,
        }
    }

    /// Calls the receipts of what has arrived.
    fn settle(&mut self) {
        let Ok(under_way) = unacknowledged(&self.stream) else {
            return;
        };
        let acknowledged = self.written.saturating_sub(under_way);
        if acknowledged > self.acknowledged {
            (self.acknowledged, self.grew) = (acknowledged, Instant::now());
        }
        let arrived = self.due.iter().take_while(|(end, _)| *end <= acknowledged).count();
        self.due.drain(..arrived).for_each(|(_, receipt)| receipt());
    }

    /// Ready when nothing is due any more; the task is woken to look again.
    fn poll_settled(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.due.is_empty() {
            let sleep = self.look_again.get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::ZERO)));
            ready!(sleep.as_mut().poll(context));
            sleep.as_mut().reset(Instant::now() + POLL);
            self.settle();
            if self.grew.elapsed() >= self.stall {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Counts what was written, and how long a write has been waiting for room.
    fn wrote(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(bytes)) => {
                self.written += bytes as u64;
                self.grew = Instant::now();
                self.patience = None;
                Poll::Ready(Ok(bytes))
            }
            Poll::Pending => {
                let stall = self.stall;
                let patience = self.patience.get_or_insert_with(|| Box::pin(tokio::time::sleep(stall)));
                ready!(patience.as_mut().poll(context));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.settle();
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(Err(error)) = self.poll_settled(context) {
            return Poll::Ready(Err(error));
        }
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        // What the peer says next is heard after the end of what it was sent before.
        if !self.due.is_empty() {
            self.settle();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Flushing means that nothing is held back above, so what was handed over so far ends here.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let end = self.written;
        let receipts = self.receipts.take();
        if self.due.is_empty() && !receipts.is_empty() {
            (self.grew, self.look_again) = (Instant::now(), None);
        }
        self.due.extend(receipts.into_iter().map(|receipt| (end, receipt)));
        if let Poll::Ready(Err(error)) = self.poll_settled(context) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when the peer has it all, so that the end of a last transfer is known.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.shut = true;
        }
        self.poll_settled(context)
    }
}

/// Bytes written that the peer's TCP has not acknowledged.
#[allow(unsafe_code)] // No safe wrapper for this request is at hand; it writes one int.
fn unacknowledged(stream: &TcpStream) -> io::Result<u64> {
    let mut bytes: nix::libc::c_int = 0;
    // SAFETY: the descriptor is open for as long as the stream is borrowed, and SIOCOUTQ (of the same number as
    // TIOCOUTQ) writes an int to the pointer it is given.
    let result = unsafe { nix::libc::ioctl(stream.as_raw_fd(), nix::libc::TIOCOUTQ, &raw mut bytes) };
    nix::errno::Errno::result(result)?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}
