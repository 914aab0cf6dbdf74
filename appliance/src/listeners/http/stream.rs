//! A connection to a client that is sent files. It knows which bytes of which transfer the client's TCP has acknowledged,
//! tells the transfers' trackers, and gives up on a client that takes next to nothing any more.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::time::Duration;

use rustix::fs::sendfile;
use rustix::net::{SendFlags, send};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::listeners::Track;
use crate::listeners::uptake::Uptake;

/// While nothing else happens, the kernel is asked what the client has acknowledged: soon, then less and less often.
const FIRST_LOOK: Duration = Duration::from_millis(2);
const LAST_LOOK: Duration = Duration::from_millis(20);
/// Transfers whose arrival is awaited while the client asks for more.
const MOST_UNDER_WAY: usize = 64;
/// How long, and for how many bytes, a client is heard out that has had its last answer. If its words were left unread, the
/// kernel would reset the connection, and the answer might be lost.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 256 * 1024;
/// The least room for what the client says, in bytes.
const ROOM: usize = 1024;

/// A TCP connection and the transfers on it.
pub(super) struct TrackedStream<T: Track> {
    stream: TcpStream,
    uptake: Uptake,
    /// Oldest first.
    transfers: VecDeque<Transfer<T>>,
    /// Why the connection ends; what is said first counts.
    fault: Option<String>,
    timer: Pin<Box<Sleep>>,
    next_look: Instant,
    /// How long after that look the next one comes.
    pause: Duration,
}

/// A part of a file on its way.
struct Transfer<T> {
    tracker: T,
    /// Which bytes of the file.
    part: Range<u64>,
    /// How many bytes are written to the connection before them.
    begins: u64,
    /// How far the tracker knows that the client has it.
    told: u64,
}

impl<T: Track> TrackedStream<T> {
    /// A client that takes too little for `patience` is given up on.
    pub(super) fn new(stream: TcpStream, patience: Duration) -> Self {
        // An answer's last bytes leave at once; a kernel that refuses serves as well.
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            uptake: Uptake::new(patience),
            transfers: VecDeque::new(),
            fault: None,
            timer: Box::pin(tokio::time::sleep(patience)),
            next_look: Instant::now(),
            pause: FIRST_LOOK,
        }
    }

    /// Reads what the client says next, within the time `until`: nothing if it has said that it says no more. Meanwhile,
    /// finds out what has arrived.
    pub(super) async fn read(&mut self, buffer: &mut Vec<u8>, until: Instant) -> io::Result<usize> {
        if buffer.capacity() - buffer.len() < ROOM {
            buffer.reserve_exact(ROOM);
        }
        loop {
            self.wake_by(if self.transfers.is_empty() { until } else { until.min(self.next_look) });
            tokio::select! {
                biased;
                read = self.stream.read_buf(buffer) => {
                    let read = read.inspect_err(|error| self.breaks(error))?;
                    self.settle();
                    return Ok(read);
                }
                () = &mut self.timer => {}
            }
            let now = Instant::now();
            if now >= until {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.look_at(now)?;
        }
    }

    /// A part of a file is sent next, behind a head of so many bytes. The tracker learns what the client has of it.
    pub(super) async fn begin(&mut self, tracker: T, part: Range<u64>, head: usize) -> io::Result<()> {
        while self.transfers.len() >= MOST_UNDER_WAY {
            self.wait_for_look().await?;
        }
        if self.transfers.is_empty() {
            (self.pause, self.next_look) = (FIRST_LOOK, Instant::now() + FIRST_LOOK);
        }
        let begins = self.uptake.written() + head as u64;
        self.transfers.push_back(Transfer { tracker, told: part.start, part, begins });
        Ok(())
    }

    /// Sends all of these bytes. With `more`, they may wait for what follows at once.
    pub(super) async fn send(&mut self, bytes: &[u8], more: bool) -> io::Result<()> {
        self.uptake.begin(&self.stream);
        let flags = if more { SendFlags::NOSIGNAL | SendFlags::MORE } else { SendFlags::NOSIGNAL };
        let mut sent = 0;
        while sent < bytes.len() {
            sent += self.write(|stream| Ok(send(stream, &bytes[sent..], flags)?)).await?;
        }
        Ok(())
    }

    /// Has the kernel send `length` bytes of a file.
    pub(super) async fn send_file(&mut self, file: &File, position: u64, length: usize) -> io::Result<()> {
        let mut sent = 0;
        while sent < length {
            let write = |stream: &TcpStream| {
                let mut offset = position + sent as u64;
                Ok(sendfile(stream, file, Some(&mut offset), length - sent)?)
            };
            match self.write(write).await? {
                0 => return Err(self.fails("the file has become shorter on disk")),
                bytes => sent += bytes,
            }
        }
        Ok(())
    }

    /// One call of the kernel that writes, as soon as there is room.
    async fn write(&mut self, mut call: impl FnMut(&TcpStream) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            match self.stream.try_io(Interest::WRITABLE, || call(&self.stream)) {
                Ok(bytes) => {
                    self.uptake.wrote(bytes);
                    return Ok(bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_for_room().await?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.breaks(&error);
                    return Err(error);
                }
            }
        }
    }

    async fn wait_for_room(&mut self) -> io::Result<()> {
        loop {
            if self.uptake.is_due() && self.uptake.is_stalled(&self.stream) {
                return Err(self.give_up());
            }
            self.wake_by(Instant::now() + self.uptake.pause());
            tokio::select! {
                biased;
                ready = self.stream.writable() => return ready,
                () = &mut self.timer => {}
            }
        }
    }

    /// Sends nothing more, hears the client out, and waits until it has all, or is given up on.
    pub(super) async fn close(mut self) -> io::Result<()> {
        self.stream.shutdown().await.inspect_err(|error| self.breaks(error))?;
        let (mut unread, mut heard) = (Vec::new(), 0);
        let until = Instant::now() + LINGER;
        while heard < LINGER_BYTES {
            unread.clear();
            match self.read(&mut unread, until).await {
                Ok(0) => break,
                Ok(bytes) => heard += bytes,
                Err(error) if error.kind() == io::ErrorKind::TimedOut && self.fault.is_none() => break,
                Err(error) => return Err(error),
            }
        }
        while !self.transfers.is_empty() {
            self.wait_for_look().await?;
        }
        Ok(())
    }

    async fn wait_for_look(&mut self) -> io::Result<()> {
        self.wake_by(self.next_look);
        (&mut self.timer).await;
        self.look_at(Instant::now())
    }

    /// Looks at what has arrived, if it is time to.
    fn look_at(&mut self, now: Instant) -> io::Result<()> {
        if self.transfers.is_empty() || now < self.next_look {
            return Ok(());
        }
        self.pause = LAST_LOOK.min(self.pause * 2);
        self.next_look = now + self.pause;
        self.settle();
        // After a reset, the kernel counts as unacknowledged for good what was.
        if !self.transfers.is_empty()
            && let Some(error) = self.stream.take_error()?
        {
            self.breaks(&error);
            return Err(error);
        }
        if self.uptake.is_stalled(&self.stream) { Err(self.give_up()) } else { Ok(()) }
    }

    /// Tells the trackers what has arrived.
    pub(super) fn settle(&mut self) {
        if self.transfers.is_empty() {
            return;
        }
        self.uptake.look(&self.stream);
        let acknowledged = self.uptake.acknowledged();
        while let Some(first) = self.transfers.front_mut() {
            first.reached(acknowledged);
            if first.told < first.part.end || acknowledged < first.begins {
                return;
            }
            if let Some(Transfer { tracker, .. }) = self.transfers.pop_front() {
                tracker.finish();
            }
        }
    }

    /// Has the timer go off by then, or before.
    fn wake_by(&mut self, at: Instant) {
        if self.timer.deadline() > at || self.timer.is_elapsed() {
            self.timer.as_mut().reset(at);
        }
    }

    fn give_up(&mut self) -> io::Error {
        // What the kernel holds for the client is given up, too, or it would be kept for as long as the client trickles.
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        let patience = self.uptake.patience().as_secs();
        self.fault.get_or_insert_with(|| format!("the phone took next to nothing for {patience} s"));
        io::ErrorKind::TimedOut.into()
    }

    /// Notes what failed on this side.
    pub(super) fn fails(&mut self, cause: impl Into<String>) -> io::Error {
        let cause = cause.into();
        self.fault.get_or_insert_with(|| cause.clone());
        io::Error::other(cause)
    }

    fn breaks(&mut self, error: &io::Error) {
        self.fault.get_or_insert_with(|| match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
                "the phone closed the connection".to_owned()
            }
            _ => format!("the connection broke: {error}"),
        });
    }
}

impl<T: Track> Transfer<T> {
    fn reached(&mut self, acknowledged: u64) {
        let length = acknowledged.saturating_sub(self.begins).min(self.part.end - self.part.start);
        if self.part.start + length > self.told {
            self.told = self.part.start + length;
            self.tracker.advance(self.part.start, self.told);
        }
    }
}

impl<T: Track> Drop for TrackedStream<T> {
    fn drop(&mut self) {
        self.settle();
        let cause = self.fault.take().unwrap_or_else(|| "the connection was closed".to_owned());
        for transfer in self.transfers.drain(..) {
            transfer.tracker.broken(&cause);
        }
    }
}
