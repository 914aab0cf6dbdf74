//! An answer's content on its way: read piece by piece, never held as a whole unless it was made in memory.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use crate::doors::Track;
use crate::doors::wire::Receipts;

/// Bytes read from disk at once.
const PIECE: u64 = 64 * 1024;

/// Where content comes from.
pub(super) enum Source {
    Memory(Bytes),
    Disk(Arc<File>),
}

/// Content of known length, and who follows its transfer.
pub(super) struct Content<T: Track> {
    source: Source,
    begin: u64,
    position: u64,
    end: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    tracking: Option<(T, Receipts)>,
}

impl<T: Track> Content<T> {
    /// Sends `range` of the source. The tracker learns what went out, and its end when the client has it all.
    pub(super) fn tracked(source: Source, range: Range<u64>, tracker: T, receipts: Receipts) -> Self {
        let mut content = Self { tracking: Some((tracker, receipts)), ..Self::untracked(source, range) };
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
        }
    }

    /// The last piece is handed over: the tracker now waits for its arrival.
    fn end_if_through(&mut self) {
        if self.position < self.end {
            return;
        }
        if let Some((tracker, receipts)) = self.tracking.take() {
            let (begin, end) = (self.begin, self.end);
            receipts.on_arrival(move || {
                tracker.advance(begin, end);
                tracker.finish();
            });
        }
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let length = PIECE.min(self.end - self.position);
        let piece = match &self.source {
            Source::Memory(bytes) => bytes.slice(self.position as usize..(self.position + length) as usize),
            Source::Disk(file) => {
                let reading = self.reading.get_or_insert_with(|| {
                    let (file, position) = (Arc::clone(file), self.position);
                    tokio::task::spawn_blocking(move || {
                        let mut piece = vec![0; length as usize];
                        file.read_exact_at(&mut piece, position)?;
                        Ok(Bytes::from(piece))
                    })
                });
                let piece = ready!(Pin::new(reading).poll(context));
                self.reading = None;
                piece.map_err(io::Error::other)??
            }
        };
        Poll::Ready(Ok(piece))
    }
}

impl<T: Track + Unpin> Body for Content<T> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.position >= self.end {
            return Poll::Ready(None);
        }
        let piece = ready!(self.poll_piece(context));
        // The pieces before have gone out, or there were no room for this one.
        if let Some((tracker, _)) = self.tracking.as_ref().filter(|_| self.position > self.begin) {
            tracker.advance(self.begin, self.position);
        }
        match piece {
            Ok(piece) => {
                self.position += piece.len() as u64;
                self.end_if_through();
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Err(error) => {
                if let Some((tracker, _)) = self.tracking.take() {
                    tracker.broken(&format!("the file could not be read: {error}"));
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
