//! A connection that sends files. It knows which bytes of which transfer the client's TCP has acknowledged, reports
//! them to the trackers, and gives up on a client that takes too little.

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

/// The first interval of looks at acknowledged bytes while nothing else happens; the interval then grows.
const FIRST_LOOK: Duration = Duration::from_millis(2);
const LAST_LOOK: Duration = Duration::from_millis(20);
/// Transfers that are followed while the client asks for more.
const MOST_UNDER_WAY: usize = 64;
/// Time and bytes to read from a client after its last answer. Unread bytes would make the kernel reset the
/// connection, and the answer might be lost.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 256 * 1024;
/// The least room for received bytes.
const ROOM: usize = 1024;

/// A TCP connection and its transfers.
pub(super) struct TrackedStream<T: Track> {
    stream: TcpStream,
    uptake: Uptake,
    /// Oldest first.
    transfers: VecDeque<PartInFlight<T>>,
    /// The first reason for the end of the connection.
    fault: Option<String>,
    timer: Pin<Box<Sleep>>,
    next_look: Instant,
    /// The interval until the next look.
    pause: Duration,
}

/// A part of a file in flight.
struct PartInFlight<T> {
    tracker: T,
    /// The part's bytes in the file.
    part: Range<u64>,
    /// Bytes written to the connection before this part.
    begins: u64,
    /// The offset up to which the tracker knows of the arrival.
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

    /// Reads the next bytes of the client until `until`; nothing if the client has closed its sending side. Meanwhile
    /// looks at what has arrived.
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

    /// Announces that a part of a file follows, after a head of `head` bytes. The tracker gets its progress.
    pub(super) async fn begin(&mut self, tracker: T, part: Range<u64>, head: usize) -> io::Result<()> {
        while self.transfers.len() >= MOST_UNDER_WAY {
            self.wait_for_look().await?;
        }
        if self.transfers.is_empty() {
            (self.pause, self.next_look) = (FIRST_LOOK, Instant::now() + FIRST_LOOK);
        }
        let begins = self.uptake.written() + head as u64;
        self.transfers.push_back(PartInFlight { tracker, told: part.start, part, begins });
        Ok(())
    }

    /// Sends all bytes. With `more`, they may wait for the bytes that follow at once.
    pub(super) async fn send(&mut self, bytes: &[u8], more: bool) -> io::Result<()> {
        self.uptake.begin(&self.stream);
        let flags = if more { SendFlags::NOSIGNAL | SendFlags::MORE } else { SendFlags::NOSIGNAL };
        let mut sent = 0;
        while sent < bytes.len() {
            sent += self.write(|stream| Ok(send(stream, &bytes[sent..], flags)?)).await?;
        }
        Ok(())
    }

    /// Sends `length` bytes of a file from the kernel's cache.
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

    /// Makes one writing system call as soon as the socket has room.
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

    /// Closes the sending side, reads the client's last bytes, and waits until the client has everything or is given
    /// up on.
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

    /// Looks at acknowledged bytes if the time has come.
    fn look_at(&mut self, now: Instant) -> io::Result<()> {
        if self.transfers.is_empty() || now < self.next_look {
            return Ok(());
        }
        self.pause = LAST_LOOK.min(self.pause * 2);
        self.next_look = now + self.pause;
        self.settle();
        // After a reset, the kernel never counts the remaining bytes as acknowledged.
        if !self.transfers.is_empty()
            && let Some(error) = self.stream.take_error()?
        {
            self.breaks(&error);
            return Err(error);
        }
        if self.uptake.is_stalled(&self.stream) { Err(self.give_up()) } else { Ok(()) }
    }

    /// Reports arrived bytes to the trackers.
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
            if let Some(PartInFlight { tracker, .. }) = self.transfers.pop_front() {
                tracker.finish();
            }
        }
    }

    /// Sets the timer to `at` or earlier.
    fn wake_by(&mut self, at: Instant) {
        if self.timer.deadline() > at || self.timer.is_elapsed() {
            self.timer.as_mut().reset(at);
        }
    }

    fn give_up(&mut self) -> io::Error {
        // Drops the kernel's buffer too: it would live for as long as the client trickles.
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        let patience = self.uptake.patience().as_secs();
        self.fault.get_or_insert_with(|| format!("the phone took next to nothing for {patience} s"));
        io::ErrorKind::TimedOut.into()
    }

    /// Records a failure on our side.
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

impl<T: Track> PartInFlight<T> {
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
