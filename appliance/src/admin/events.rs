//! Serves `GET /api/events`: changes of phones as server-sent events (WHATWG HTML, section 9.2).
//!
//! One thread looks at the bench for all listeners. Without listeners, it only counts traffic.

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

use super::extract::StrictQuery;
use super::problem::ProblemDetails;
use super::{ApiState, PeerAddress, live};
use crate::bench::views::health::{self, Serving};
use crate::bench::{Bench, SurveyCursor};
use crate::listeners::bounds::Bound;
use crate::system::error::Trouble;

/// Simultaneous listeners.
const LISTENERS: usize = 64;
/// The least time between two looks.
const PAUSE: Duration = Duration::from_millis(250);
/// Looking uses at most 1/30 of a core, so looks are rarer on a slow box with many phones.
const SHARE: u32 = 30;
const SECOND: Duration = Duration::from_secs(1);

/// The listeners, and the state that they watch.
pub struct LiveEvents {
    board: Mutex<live::LiveState>,
    /// Incremented with each look.
    looks: watch::Sender<u64>,
    places: Arc<Semaphore>,
    somebody: Notify,
}

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(events))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct EventsQuery {
    /// As `Last-Event-ID`, for who cannot set headers.
    after: Option<String>,
}

impl LiveEvents {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            board: Mutex::new(live::LiveState::new(RandomState::new().hash_one(std::process::id()))),
            looks: watch::Sender::new(0),
            places: Arc::new(Semaphore::new(LISTENERS)),
            somebody: Notify::new(),
        })
    }

    fn board(&self) -> MutexGuard<'_, live::LiveState> {
        // Each change under this lock is complete, so a poisoned lock holds valid data.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_watched(&self) -> bool {
        self.places.available_permits() < LISTENERS
    }
}

/// Looks at the bench until `stop`; those who watch are let go then. Has a thread of its own: a look at a thousand
/// phones takes longer than what answers phones may be kept waiting.
pub(super) fn keep(api: &ApiState, stop: CancellationToken) {
    let (live, bench) = (Arc::clone(&api.live), Arc::clone(&api.bench));
    let serving = Arc::clone(&api.serving);
    let kept = tokio::runtime::Builder::new_current_thread().enable_time().build().and_then(|runtime| {
        let thread = std::thread::Builder::new().name("events".to_owned());
        thread.spawn(move || runtime.block_on(look(&live, &bench, &*serving, stop)))
    });
    if let Err(error) = kept {
        tracing::error!(%error, "no thread for the page's events: the page does not move until the program is restarted");
    }
}

async fn look(live: &LiveEvents, bench: &Bench, serving: &dyn Serving, stop: CancellationToken) {
    let (mut counted, mut seen) = (Instant::now(), SurveyCursor::default());
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
    // New listeners are refused, and present ones are told.
    live.places.close();
    live.looks.send_modify(|looks| *looks = u64::MAX);
}

/// Processor time of this thread.
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The phones as they change. An event `state` tells everything, `change` what is other than it was; both have ids, and who
/// comes back with the last one is told what he missed.
#[utoipa::path(get, path = "/api/events", tag = "phones", params(EventsQuery),
    responses((status = 200, body = String, content_type = "text/event-stream")))]
async fn events(
    State(api): State<Arc<ApiState>>,
    Extension(PeerAddress(peer)): Extension<PeerAddress>,
    StrictQuery(from): StrictQuery<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, ProblemDetails> {
    let live = Arc::clone(&api.live);
    let Ok(place) = Arc::clone(&live.places).try_acquire_owned() else {
        api.bench.metrics().bounds.reached(Bound::Listeners, peer);
        let detail =
            "too many watch already, or the program is ending; close some pages, or read /api/phones";
        return Err(ProblemDetails::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    };
    let header = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let known = header.or(from.after.as_deref()).and_then(|id| live.board().known(id));
    let (sender, events) = mpsc::channel(1);
    tokio::spawn(listen(live, known, sender, place));
    let mut response = Body::new(EventBody(events)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

async fn listen(
    live: Arc<LiveEvents>,
    mut known: Option<u64>,
    sender: mpsc::Sender<Bytes>,
    _place: OwnedSemaphorePermit,
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
            // A slow listener waits here and misses nothing: the next event holds every change until then.
            if sender.send(piece).await.is_err() {
                return;
            }
        }
    }
}

/// The body of one listener's stream.
struct EventBody(mpsc::Receiver<Bytes>);

impl http_body::Body for EventBody {
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
