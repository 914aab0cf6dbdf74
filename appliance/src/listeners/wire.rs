//! A connection that knows what its peer has acknowledged, gives up on a peer that takes next to nothing any more, and
//! has the kernel send files.

use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::fs::sendfile;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::carrier::{Carrier, Receipt, is_placeholder};

/// While somebody waits for it, the kernel is asked what the peer has acknowledged: soon, then less and less often.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(20);
/// Bytes the kernel holds beyond those under way. More would run ahead of what the peer really has.
const UNSENT: u32 = 128 * 1024;
/// What a peer has to take while patience lasts, in bytes, unless less is left. Without it, one byte now and then would
/// hold a place for days.
const LEAST: u64 = 64 * 1024;

/// A TCP connection.
pub(super) struct Wire {
    stream: TcpStream,
    carrier: Carrier,
    /// Receipts, and how many bytes had been written when they were handed over.
    due: Vec<(u64, Receipt)>,
    written: u64,
    acknowledged: u64,
    shut: bool,
    /// What the kernel has said of its end; it says so only once.
    broken: Option<io::ErrorKind>,
    stall: Duration,
    /// What had been acknowledged when the peer was last seen to take enough, and when that was.
    enough: (u64, Instant),
    /// Set while a write waits for room.
    patience: Option<Pin<Box<Sleep>>>,
    look_again: Option<Pin<Box<Sleep>>>,
    /// How long after this look the next one comes.
    pause: Duration,
}

impl Wire {
    /// A peer that takes too little for `stall` is given up on.
    pub(super) fn new(stream: TcpStream, carrier: Carrier, stall: Duration) -> Self {
        let socket = socket2::SockRef::from(&stream);
        // Both only make things better; a kernel without them serves as well.
        let _ = socket.set_tcp_nodelay(true);
        let _ = socket.set_tcp_notsent_lowat(UNSENT);
        Self {
            stream,
            carrier,
            due: Vec::new(),
            written: 0,
            acknowledged: 0,
            shut: false,
            broken: None,
            stall,
            enough: (0, Instant::now()),
            patience: None,
            look_again: None,
            pause: FIRST_LOOK,
        }
    }

    /// Calls the receipts of what has arrived.
    fn settle(&mut self) {
        let Ok(under_way) = unacknowledged(&self.stream) else {
            return;
        };
        self.carrier.set_unacknowledged(under_way);
        self.acknowledged = self.acknowledged.max(self.written.saturating_sub(under_way));
        let arrived = self.due.iter().take_while(|(end, _)| *end <= self.acknowledged).count();
        self.due.drain(..arrived).for_each(|(_, receipt)| receipt(Ok(())));
    }

    /// Whether the peer has taken too little for too long.
    fn is_stalled(&mut self) -> bool {
        self.settle();
        let (mark, since) = self.enough;
        if self.acknowledged >= mark + LEAST || self.acknowledged >= self.written {
            self.enough = (self.acknowledged, Instant::now());
            return false;
        }
        since.elapsed() >= self.stall
    }

    fn give_up(&mut self) -> io::Error {
        self.carrier.fail(format!("the phone took next to nothing for {} s", self.stall.as_secs()));
        io::ErrorKind::TimedOut.into()
    }

    fn breaks(&mut self, error: &io::Error) {
        self.carrier.fail(broken(error));
        self.broken = Some(error.kind());
    }

    /// Ready when nothing is due any more; the task is woken to look again.
    fn poll_settled(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.due.is_empty() {
            // A peer that says something, or that it is done, has mostly taken what it was sent.
            if self.stream.poll_read_ready(context).is_ready() {
                self.settle();
                if self.due.is_empty() {
                    break;
                }
                // After a reset, the kernel counts as unacknowledged for good what was.
                if let Some(error) = self.stream.take_error()? {
                    self.breaks(&error);
                }
                if let Some(kind) = self.broken {
                    return Poll::Ready(Err(kind.into()));
                }
            }
            let pause = self.pause;
            let sleep = self.look_again.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
            ready!(sleep.as_mut().poll(context));
            self.pause = LAST_LOOK.min(pause * 2);
            sleep.as_mut().reset(Instant::now() + self.pause);
            if self.is_stalled() {
                return Poll::Ready(Err(self.give_up()));
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
                self.patience = None;
            }
            Poll::Ready(Err(ref error)) => {
                self.settle();
                self.breaks(error);
            }
            Poll::Pending => loop {
                // A quarter, so that the end comes soon after patience has.
                let pause = self.stall / 4;
                let patience = self.patience.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
                ready!(patience.as_mut().poll(context));
                patience.as_mut().reset(Instant::now() + pause);
                if self.is_stalled() {
                    return Poll::Ready(Err(self.give_up()));
                }
            },
        }
        result
    }

    /// Lets the kernel send what a placeholder stands for.
    fn poll_send_file(&mut self, context: &mut Context<'_>, length: usize) -> Poll<io::Result<usize>> {
        let Some(stretch) = self.carrier.next_stretch() else {
            return Poll::Ready(Err(io::Error::other("a placeholder stands for no file")));
        };
        let length = length.min(stretch.length);
        loop {
            ready!(self.stream.poll_write_ready(context))?;
            let mut offset = stretch.offset;
            let sent = self.stream.try_io(Interest::WRITABLE, || {
                Ok(sendfile(&self.stream, &*stretch.file, Some(&mut offset), length)?)
            });
            match sent {
                Ok(0) => {
                    let cause = "the file has become shorter on disk";
                    self.carrier.fail(cause);
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, cause)));
                }
                Ok(bytes) => {
                    self.carrier.sent(bytes);
                    self.carrier.set_unacknowledged(unacknowledged(&self.stream).unwrap_or(0));
                    return Poll::Ready(Ok(bytes));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

/// What a failed write says, for the technician.
fn broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
            "the phone closed the connection".to_owned()
        }
        _ => format!("the connection broke: {error}"),
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.due.extend(self.carrier.take_receipts().into_iter().map(|receipt| (u64::MAX, receipt)));
        self.settle();
        let lost = self.carrier.lost();
        self.due.drain(..).for_each(|(_, receipt)| receipt(Err(lost.clone())));
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
        if let Err(error) = ready!(Pin::new(&mut self.stream).poll_read(context, buffer)) {
            self.breaks(&error);
            return Poll::Ready(Err(error));
        }
        // What the peer says next is heard after the end of what it was sent before.
        if !self.due.is_empty() {
            self.settle();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut slices = slices;
        while let [first, rest @ ..] = slices
            && first.is_empty()
        {
            slices = rest;
        }
        let result = match slices.iter().position(|slice| is_placeholder(slice)) {
            Some(0) => self.poll_send_file(context, slices[0].len()),
            Some(place) => Pin::new(&mut self.stream).poll_write_vectored(context, &slices[..place]),
            None => Pin::new(&mut self.stream).poll_write_vectored(context, slices),
        };
        self.wrote(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Flushing means that nothing is held back above, so what was handed over so far ends here.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let end = self.written;
        self.carrier.departed();
        let receipts = self.carrier.take_receipts();
        if self.due.is_empty() && !receipts.is_empty() {
            (self.enough, self.pause) = ((self.acknowledged, Instant::now()), FIRST_LOOK);
            if let Some(sleep) = &mut self.look_again {
                sleep.as_mut().reset(Instant::now() + FIRST_LOOK);
            }
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
