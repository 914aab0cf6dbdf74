//! An answer's content on its way: files are sent by the kernel piece by piece, and only what is short is ever held.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::net::IpAddr;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use rustix::io::{ReadWriteFlags, preadv2};
use tokio::task::JoinHandle;

use crate::listeners::Track;
use crate::listeners::carrier::{Arrival, Carrier, PIECE, Piece};
use crate::listeners::rate::{self, Rate};
use crate::state::library::OpenFile;

/// Content up to this length is held, in bytes: it leaves together with its headers.
const SHORT: u64 = 16 * 1024;
/// Bytes read at once where only the cache is to be filled.
const WARM: usize = 64 * 1024;

/// Where content comes from.
pub(super) enum Source {
    Memory(Bytes),
    Disk(OpenFile),
}

/// Content of known length, and who follows its transfer.
pub(super) struct Content<T: Track> {
    source: Source,
    begin: u64,
    position: u64,
    end: u64,
    /// A piece on its way from a slow disk.
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    tracking: Option<(T, Carrier)>,
    /// Where the rate is limited: what each piece waits for.
    turns: Option<Turns>,
}

struct Turns {
    rate: Rate,
    phone: IpAddr,
    /// The wait for the next piece.
    wait: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// It is the next piece's turn, though its disk may still be slow.
    come: bool,
}

impl<T: Track> Content<T> {
    /// Sends `range` of the source. The tracker learns what went out, and its end when the client has it all.
    pub(super) fn tracked(source: Source, range: Range<u64>, tracker: T, carrier: Carrier) -> Self {
        let mut content = Self::untracked(source, range);
        content.tracking = Some((tracker, carrier));
        content.end_if_through();
        content
    }

    /// An answer that is no transfer.
    pub(super) fn text(text: &'static str) -> Self {
        Self::untracked(Source::Memory(Bytes::from_static(text.as_bytes())), 0..text.len() as u64)
    }

    /// Content whose length matters and whose transfer does not.
    pub(super) fn untracked(source: Source, range: Range<u64>) -> Self {
        Self {
            source,
            begin: range.start,
            position: range.start,
            end: range.end,
            reading: None,
            tracking: None,
            turns: None,
        }
    }

    /// From here on, pieces from disk wait for their turn. What was made for this phone never does.
    pub(super) fn in_turn(mut self, rate: &Rate, phone: IpAddr) -> Self {
        if rate.is_limited() && matches!(self.source, Source::Disk(_)) {
            self.turns = Some(Turns { rate: rate.clone(), phone, wait: None, come: false });
        }
        self
    }

    /// How long the next piece may be, once it is its turn.
    fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<usize> {
        let left = (self.end - self.position).min(PIECE as u64);
        let Some(turns) = &mut self.turns else {
            return Poll::Ready(left as usize);
        };
        let piece = left.min(rate::PIECE);
        let wait = turns.wait.get_or_insert_with(|| {
            let (rate, phone) = (turns.rate.clone(), turns.phone);
            Box::pin(async move { rate.take(phone, piece).await })
        });
        if !turns.come {
            ready!(wait.as_mut().poll(context));
            turns.come = true;
        }
        Poll::Ready(piece as usize)
    }

    fn is_short(&self) -> bool {
        self.end - self.begin <= SHORT
    }

    /// The last piece is handed over: the tracker now waits for its arrival.
    fn end_if_through(&mut self) {
        if self.position < self.end {
            return;
        }
        if let Some((tracker, carrier)) = self.tracking.take() {
            let (begin, end, held) = (self.begin, self.end, self.is_short());
            carrier.on_arrival(move |arrival: Arrival| match arrival {
                Ok(()) => {
                    tracker.advance(begin, end);
                    tracker.finish();
                }
                Err(lost) => {
                    let reached = if held { begin } else { end.saturating_sub(lost.bytes).max(begin) };
                    tracker.advance(begin, reached);
                    tracker.broken(&lost.cause);
                }
            });
        }
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Piece>> {
        let (file, carrier) = match (&self.source, &self.tracking) {
            (Source::Disk(file), Some((_, carrier))) => (file, carrier),
            (Source::Memory(bytes), _) => {
                let bytes = bytes.slice(self.position as usize..self.end as usize);
                return Poll::Ready(Ok(Piece::Memory(bytes)));
            }
            // Only HEAD's, of which nothing is sent.
            (Source::Disk(_), None) => return Poll::Ready(Ok(Piece::none())),
        };
        // Half of one file and half of another would be worse than a transfer that breaks.
        if !file.is_unchanged() {
            return Poll::Ready(Err(io::Error::other("it was written to while it was being sent")));
        }
        let (file, carrier) = (Arc::clone(&file.file), carrier.clone());
        let (position, length) = (self.position, ready!(self.poll_turn(context)));
        let held = if let Some(reading) = &mut self.reading {
            let read = ready!(Pin::new(reading).poll(context));
            self.reading = None;
            Some(read.map_err(io::Error::other)??)
        } else {
            None
        };
        let piece = if self.is_short() {
            held.or_else(|| cached(&file, position, length)).map(Piece::Memory)
        } else {
            (held.is_some() || is_cached(&file, position, length))
                .then(|| carrier.piece(&file, position, length))
        };
        if let Some(piece) = piece {
            self.turns.iter_mut().for_each(|turns| (turns.wait, turns.come) = (None, false));
            return Poll::Ready(Ok(piece));
        }
        // A slow disk must not hold up the others who are served by this thread.
        let held = self.is_short();
        self.reading = Some(tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; if held { length } else { WARM }];
            for begin in (0..length).step_by(bytes.len().max(1)) {
                let left = bytes.len().min(length - begin);
                file.read_exact_at(&mut bytes[..left], position + begin as u64)?;
            }
            Ok(Bytes::from(bytes))
        }));
        self.poll_piece(context)
    }
}

/// What is at hand without waiting for a disk, if it is all of it.
fn cached(file: &File, position: u64, length: usize) -> Option<Bytes> {
    let mut bytes = vec![0; length];
    let read = preadv2(file, &mut [IoSliceMut::new(&mut bytes)], position, ReadWriteFlags::NOWAIT);
    (read == Ok(length)).then(|| Bytes::from(bytes))
}

/// Whether a piece is most likely in memory: its last byte is, and files are read from front to back.
fn is_cached(file: &File, position: u64, length: usize) -> bool {
    cached(file, position + length as u64 - 1, 1).is_some()
}

impl<T: Track + Unpin> Body for Content<T> {
    type Data = Piece;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Piece>>>> {
        use bytes::Buf as _;
        if self.position >= self.end {
            return Poll::Ready(None);
        }
        let piece = ready!(self.poll_piece(context));
        match piece {
            Ok(piece) => {
                // The pieces before have gone out, or there were no room for this one.
                if let Some((tracker, carrier)) =
                    self.tracking.as_ref().filter(|_| self.position > self.begin)
                {
                    let under_way = carrier.under_way().saturating_sub(piece.remaining() as u64);
                    tracker.advance(self.begin, self.position.saturating_sub(under_way).max(self.begin));
                }
                self.position += piece.remaining() as u64;
                self.end_if_through();
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Err(error) => {
                if let Some((_, carrier)) = &self.tracking {
                    carrier.fail(format!("the file could not be read: {error}"));
                }
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.position >= self.end
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.end - self.position)
    }
}

impl<T: Track> Drop for Content<T> {
    fn drop(&mut self) {
        if let Some((tracker, carrier)) = self.tracking.take() {
            let lost = carrier.lost();
            tracker.advance(self.begin, self.position.saturating_sub(lost.bytes).max(self.begin));
            tracker.broken(&lost.cause);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::bench::Tracker;

    #[tokio::test]
    async fn a_piece_whose_turn_has_come_may_wait_for_its_disk() {
        let mut content = Content::<Tracker>::text("firmware");
        let phone = IpAddr::from([10, 23, 45, 101]);
        content.turns = Some(Turns { rate: Rate::new(Some(1_000_000)), phone, wait: None, come: false });
        for _ in 0..3 {
            assert_eq!(poll_fn(|context| content.poll_turn(context)).await, 8);
        }
    }
}
