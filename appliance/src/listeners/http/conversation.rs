//! The requests and answers of one connection.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use transload_http::{
    HttpRequest, LookupResult, Method, Received, Representation, Response, ResponseContent, Status,
};
use transload_provision::text;

use super::stream::TrackedStream;
use super::{content_type, digest, disk};
use crate::listeners::connections::{Caller, Connection};
use crate::listeners::rate::{self, RateLimit};
use crate::listeners::{FileAnswer, FileProtocol, FileRequest, Plane, Track};
use crate::state::library::OpenFile;

/// The longest piece of a file that the kernel is told to send at once, in bytes.
const PIECE: u64 = 512 * 1024;
/// Bytes sent to one client in a row, before other connections get their turn.
const TURN: u64 = 4 * PIECE;
/// Content up to this length leaves together with its head, in bytes.
const SHORT: u64 = 16 * 1024;
/// The capacity of an idle connection's buffer, in bytes.
const KEPT: usize = 4 * 1024;

/// A connection that has its place.
pub(super) struct Conversation<'c, P: Plane> {
    plane: &'c Arc<P>,
    rate: &'c RateLimit,
    caller: Caller,
    stream: TrackedStream<P::Tracker>,
    /// Every request gets the answer "come back later".
    turned_away: bool,
    out: Vec<u8>,
}

/// The source of an answer's content.
enum ContentSource {
    Memory(Bytes),
    Disk(OpenFile),
}

/// Serves until the client or `stop` ends the connection.
pub(super) async fn serve<P: Plane>(
    plane: &Arc<P>,
    rate: &RateLimit,
    connection: Connection,
    stop: CancellationToken,
) -> io::Result<()> {
    let Connection { stream, caller, patience, seat, turned_away } = connection;
    let stream = TrackedStream::new(stream, patience.stall);
    let mut conversation = Conversation { plane, rate, caller, stream, turned_away, out: Vec::new() };
    let mut received = Vec::new();
    let mut until = Instant::now() + patience.head;
    let mut stopped = Box::pin(stop.cancelled());
    loop {
        let (length, persists) = match transload_http::receive(&received) {
            Received::Request(request, length) => {
                seat.works();
                let persists = conversation.respond(&request).await?;
                seat.waits();
                (length, persists)
            }
            Received::Refused(version, status) => {
                conversation.say(&transload_http::refuse(version, status)).await?;
                (received.len(), false)
            }
            Received::Partial => {
                let read = tokio::select! {
                    biased;
                    read = conversation.stream.read(&mut received, until) => read?,
                    () = &mut stopped => 0,
                };
                if read == 0 {
                    break;
                }
                continue;
            }
        };
        received.drain(..length);
        received.shrink_to(KEPT);
        conversation.out.shrink_to(KEPT);
        if !persists || stop.is_cancelled() {
            break;
        }
        until = Instant::now() + patience.head;
    }
    conversation.stream.close().await
}

impl<P: Plane> Conversation<'_, P> {
    /// Answers a request. Returns true if another request may follow.
    async fn respond(&mut self, request: &HttpRequest<'_>) -> io::Result<bool> {
        if self.turned_away {
            return self.say(&transload_http::turn_away(request)).await;
        }
        if request.method == Method::Other {
            return self.say(&transload_http::answer(request, LookupResult::Nothing)).await;
        }
        let user_agent = request.user_agent.map(|agent| text::line(&String::from_utf8_lossy(agent)));
        let fetch = FileRequest {
            protocol: FileProtocol::Http,
            peer: self.caller.peer,
            local: self.caller.local,
            path: request.path.to_owned(),
            user_agent,
            head_only: request.method == Method::Head,
        };
        let (served, tracker) = self.plane.fetch(fetch).await;
        let (source, etag, modified, content_type) = match served {
            FileAnswer::NotFound => {
                return self.say(&transload_http::answer(request, LookupResult::Nothing)).await;
            }
            FileAnswer::Busy => return self.say(&transload_http::answer(request, LookupResult::Busy)).await,
            FileAnswer::Document { body, content_type } => {
                let etag = digest(&body);
                (ContentSource::Memory(body), etag, None, content_type)
            }
            FileAnswer::File(open) => {
                let (etag, modified, content_type) =
                    (open.etag.clone(), open.modified, content_type(&open.name));
                (ContentSource::Disk(open), etag, Some(modified), content_type)
            }
        };
        let file = Representation { length: source.length(), etag: &etag, modified, content_type };
        let answer = transload_http::answer(request, LookupResult::File(file));
        match (&answer.content, answer.status) {
            (ResponseContent::Part(part), _) => {
                self.send_part(&answer, &source, part.clone(), tracker).await?;
                return Ok(answer.persists);
            }
            (_, Status::PreconditionFailed) => {
                tracker.broken("the client wants the file only in another state");
            }
            (_, Status::RangeNotSatisfiable) => {
                tracker.broken("the client asked for a part beyond the file's end");
            }
            _ => tracker.finish(),
        }
        self.say(&answer).await
    }

    /// Sends an answer that is no transfer. Returns true if another request may follow.
    async fn say(&mut self, answer: &Response<'_>) -> io::Result<bool> {
        self.write_head(answer);
        if let ResponseContent::Text(text) = answer.content {
            self.out.extend_from_slice(text.as_bytes());
        }
        self.stream.send(&self.out, false).await?;
        Ok(answer.persists)
    }

    fn write_head(&mut self, answer: &Response<'_>) {
        self.out.clear();
        answer.write_head(SystemTime::now(), &mut self.out);
    }

    /// Sends a part of a file after the head of its answer. Short content leaves together with the head.
    async fn send_part(
        &mut self,
        answer: &Response<'_>,
        source: &ContentSource,
        part: Range<u64>,
        tracker: P::Tracker,
    ) -> io::Result<()> {
        self.write_head(answer);
        self.stream.begin(tracker, part.clone(), self.out.len()).await?;
        let length = part.end - part.start;
        match source {
            ContentSource::Memory(bytes) => {
                self.out
                    .extend_from_slice(bytes.get(part.start as usize..part.end as usize).unwrap_or_default());
                self.stream.send(&self.out, false).await
            }
            ContentSource::Disk(open) if length <= SHORT => {
                self.take_turn(length).await;
                let read = disk::append(&open.file, part.start, length as usize, &mut self.out).await;
                self.check(open, read)?;
                self.stream.send(&self.out, false).await
            }
            ContentSource::Disk(open) => {
                self.stream.send(&self.out, true).await?;
                self.send_pieces(open, part).await
            }
        }
    }

    async fn send_pieces(&mut self, open: &OpenFile, part: Range<u64>) -> io::Result<()> {
        let most = if self.rate.is_limited() { rate::PIECE } else { PIECE };
        let mut position = part.start;
        while position < part.end {
            let length = (part.end - position).min(most);
            self.take_turn(length).await;
            let cached = disk::cache(&open.file, position, length as usize).await;
            self.check(open, cached)?;
            self.stream.send_file(&open.file, position, length as usize).await?;
            self.stream.settle();
            position += length;
            if (position - part.start).is_multiple_of(TURN) {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Waits for this client's turn if the rate is limited. Documents never wait.
    async fn take_turn(&self, bytes: u64) {
        self.rate.take(self.caller.peer.ip(), bytes).await;
    }

    /// Fails if the file was replaced: a broken transfer is better than a mixture of two files.
    fn check(&mut self, open: &OpenFile, read: io::Result<()>) -> io::Result<()> {
        let cause = match read {
            Ok(()) if open.is_unchanged() => return Ok(()),
            Ok(()) => "it was written to while it was being sent".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(self.stream.fails(format!("the file could not be read: {cause}")))
    }
}

impl ContentSource {
    fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Disk(open) => open.size,
        }
    }
}
