//! Answers that grow with the number of phones. Few are made at one time, and each counts until its client has taken
//! nearly all of it: slow clients would otherwise hold as many copies of all phones as there are connections.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa_axum::router::OpenApiRouter;

use super::problem::Problem;
use super::{Desk, Peer};
use crate::listeners::bounds::Bound;

/// Long answers at one time.
pub(super) const AT_ONCE: usize = 6;
/// How long a request waits for its turn.
const WAIT: Duration = Duration::from_secs(5);
/// Bytes handed over at once.
const PIECE: usize = 64 * 1024;

/// The long answers under way.
#[derive(Clone)]
pub struct Answers(pub(super) Arc<Semaphore>);

impl Default for Answers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// Routes whose answers are long.
pub(super) fn in_turn(routes: OpenApiRouter<Arc<Desk>>) -> OpenApiRouter<Arc<Desk>> {
    routes.layer(middleware::from_fn(turn))
}

async fn turn(
    Extension(desk): Extension<Arc<Desk>>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let waiting = Arc::clone(&desk.long.0).acquire_owned();
    let Ok(Ok(turn)) = tokio::time::timeout(WAIT, waiting).await else {
        desk.bench.metrics().bounds.reached(Bound::LongAnswers, peer);
        let detail = format!("{AT_ONCE} long answers are being read already; ask again, or for fewer phones");
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response();
    };
    next.run(request).await.map(|body| Body::new(InPieces { body, rest: Bytes::new(), _turn: turn }))
}

/// An answer that is handed over piece by piece, so that it is gone from here only when it has mostly been taken.
struct InPieces {
    body: Body,
    rest: Bytes,
    _turn: OwnedSemaphorePermit,
}

impl http_body::Body for InPieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return Poll::Ready(other),
            }
        }
        let length = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}
