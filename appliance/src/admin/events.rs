//! `GET /api/events`: the phones as they change, as server-sent events (WHATWG HTML, section 9.2).
//!
//! One thread looks at the bench for all who watch; while nobody does, it only counts what phones take.

use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::Frame;
use serde::Deserialize;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::Asked;
use super::problem::Problem;
use super::{Desk, Peer, live};
use crate::bench::views::health::{self, Serving};
use crate::bench::{Bench, Seen};
use crate::listeners::bounds::Bound;
use crate::system::error::Trouble;

/// Those who may watch at one time.
const LISTENERS: usize = 64;
/// Between two looks, at least.
const PAUSE: Duration = Duration::from_millis(250);
/// Of a core, one part in so many goes into looks at most: on a slow box with many phones they come less often.
const SHARE: u32 = 30;
const SECOND: Duration = Duration::from_secs(1);

/// Those who watch, and what they watch.
pub struct Live {
    board: Mutex<live::Board>,
    /// Counts looks.
    looks: watch::Sender<u64>,
    seats: Arc<Semaphore>,
    somebody: Notify,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::new().routes(routes!(events))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct From {
    /// As `Last-Event-ID`, for who cannot set headers.
    after: Option<String>,
}

impl Live {
    /// Nobody watches yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            board: Mutex::new(live::Board::new(RandomState::new().hash_one(std::process::id()))),
            looks: watch::Sender::new(0),
            seats: Arc::new(Semaphore::new(LISTENERS)),
            somebody: Notify::new(),
        })
    }

    fn board(&self) -> MutexGuard<'_, live::Board> {
        // Every change is a whole step, so a panic elsewhere leaves it sound.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_watched(&self) -> bool {
        self.seats.available_permits() < LISTENERS
    }
}

/// Looks at the bench until `stop`; those who watch are let go then. Has a thread of its own: a look at a thousand
/// phones takes longer than what answers phones may be kept waiting.
pub(super) fn keep(desk: &Desk, stop: CancellationToken) {
    let (live, bench) = (Arc::clone(&desk.live), Arc::clone(&desk.bench));
    let serving = Arc::clone(&desk.serving);
    let kept = tokio::runtime::Builder::new_current_thread().enable_time().build().and_then(|runtime| {
        let thread = std::thread::Builder::new().name("events".to_owned());
        thread.spawn(move || runtime.block_on(look(&live, &bench, &*serving, stop)))
    });
    if let Err(error) = kept {
        tracing::error!(%error, "no thread for the page's events: the page does not move until the program is restarted");
    }
}

async fn look(live: &Live, bench: &Bench, serving: &dyn Serving, stop: CancellationToken) {
    let (mut counted, mut seen) = (Instant::now(), Seen::default());
    loop {
        if counted.elapsed() >= SECOND {
            counted = Instant::now();
            let lines = |told: Vec<Trouble>| told.iter().map(Trouble::line).collect();
            let (reached, notices) = (lines(health::reached(bench, serving)), lines(health::notices(bench)));
            live.board().second(bench.sent(), reached, notices, bench.others().len());
        }
        let mut pause = SECOND.saturating_sub(counted.elapsed());
        if live.is_watched() {
            let began = worked();
            let survey = bench.survey(&mut seen);
            live.board().take(survey);
            live.looks.send_modify(|looks| *looks += 1);
            pause = pause.min(PAUSE).max(worked().saturating_sub(began) * SHARE);
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = live.somebody.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    // No seat is given any more, and who has one is told so.
    live.seats.close();
    live.looks.send_modify(|looks| *looks = u64::MAX);
}

/// How long this thread has been at work.
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The phones as they change. An event `state` tells everything, `change` what is other than it was; both have ids, and who
/// comes back with the last one is told what he missed.
#[utoipa::path(get, path = "/api/events", tag = "phones", params(From),
    responses((status = 200, body = String, content_type = "text/event-stream")))]
async fn events(
    State(desk): State<Arc<Desk>>,
    Extension(Peer(peer)): Extension<Peer>,
    Asked(from): Asked<From>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let live = Arc::clone(&desk.live);
    let Ok(seat) = Arc::clone(&live.seats).try_acquire_owned() else {
        desk.bench.metrics().bounds.reached(Bound::Listeners, peer);
        let detail =
            "too many watch already, or the program is ending; close some pages, or read /api/phones";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    };
    let header = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let known = header.or(from.after.as_deref()).and_then(|id| live.board().known(id));
    let (sender, events) = mpsc::channel(1);
    tokio::spawn(listen(live, known, sender, seat));
    let mut response = Body::new(Events(events)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

async fn listen(
    live: Arc<Live>,
    mut known: Option<u64>,
    sender: mpsc::Sender<Bytes>,
    _seat: OwnedSemaphorePermit,
) {
    let mut looks = live.looks.subscribe();
    live.somebody.notify_one();
    loop {
        tokio::select! {
            _ = looks.changed() => {}
            () = sender.closed() => return,
        }
        if *looks.borrow_and_update() == u64::MAX {
            return;
        }
        let Some(mut telling) = live.board().tell(known) else { continue };
        known = Some(telling.step);
        loop {
            let Some(piece) = live.board().piece(&mut telling) else { break };
            // Who is slow waits here, and misses nothing: the next event tells all that has changed by then.
            if sender.send(piece).await.is_err() {
                return;
            }
        }
    }
}

/// Events on their way to one listener.
struct Events(mpsc::Receiver<Bytes>);

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let event = ready!(self.0.poll_recv(context));
        Poll::Ready(event.map(|event| Ok(Frame::data(event))))
    }
}
