//! The admin plane: what technicians and their programs see of the bench.

mod access;
mod operate;
mod problem;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use transload_provision::journey::{Act, Means, Restart};
use transload_provision::mac::Mac;

use crate::bench::explain::Explanation;
use crate::bench::{Bench, Refusal};
use crate::doors::connections::{self, Limits};
use crate::library::LibraryView;
use crate::view::{PhoneDetail, PhoneView};
use access::Access;
use problem::Problem;

/// Enough for browsers and programs of a bench's staff.
const CONNECTIONS: usize = 256;

/// What the admin plane shows.
pub trait Board: Send + Sync + 'static {
    /// All phones: those seen and those listed, by MAC.
    fn phones(&self) -> Vec<PhoneView>;
    /// One phone, if it was seen or listed.
    fn phone(&self, mac: Mac) -> Option<PhoneDetail>;
    /// Why a client got what it got, and what it will get next.
    fn explain(&self, mac: Mac) -> Explanation;
    /// The library as it stands.
    fn library_view(&self) -> LibraryView;
    /// The operator's hand on a journey; on record when this is answered.
    fn operate(&self, mac: Mac, act: Act) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// Makes a phone read its configuration again; on record when this is answered.
    fn restart(&self, mac: Mac, how: Restart) -> impl Future<Output = Result<Means, Refusal>> + Send;
}

impl Board for Bench {
    fn phones(&self) -> Vec<PhoneView> {
        self.phones()
    }

    fn phone(&self, mac: Mac) -> Option<PhoneDetail> {
        self.phone(mac)
    }

    fn explain(&self, mac: Mac) -> Explanation {
        self.explain(mac)
    }

    fn library_view(&self) -> LibraryView {
        self.library_view()
    }

    fn operate(&self, mac: Mac, act: Act) -> impl Future<Output = Result<(), Refusal>> + Send {
        self.operate(mac, act)
    }

    fn restart(&self, mac: Mac, how: Restart) -> impl Future<Output = Result<Means, Refusal>> + Send {
        self.restart(mac, how)
    }
}

/// Serves until `stop`. A token is asked for if there is one; without one, only a listener on a loopback address
/// answers.
pub async fn serve<B: Board>(
    listener: TcpListener,
    board: Arc<B>,
    token: Option<String>,
    stop: CancellationToken,
) {
    let loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    let router = router(board, Access::new(token.as_deref(), loopback));
    let limits = Limits { connections: CONNECTIONS, per_peer: CONNECTIONS, ..Limits::default() };
    connections::serve(listener, limits, stop, |_| TowerToHyperService::new(router.clone())).await;
}

fn router<B: Board>(board: Arc<B>, access: Access) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/healthz", get(|| async { Json(serde_json::json!({"status": "ok"})) }))
        .route("/api/phones", get(phones::<B>))
        .route("/api/phones/{mac}", get(phone::<B>))
        .route("/api/phones/{mac}/{what}", post(operate::operate::<B>))
        .route("/api/phones/{mac}/explain", get(explain::<B>))
        .route("/api/library", get(library::<B>))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "there is nothing at this address") })
        .method_not_allowed_fallback(|| async {
            let detail = "read this address with GET; POST is for what an operator does to a phone";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        })
        .with_state(board)
        .layer(middleware::from_fn_with_state(Arc::new(access), access::check))
}

async fn index() -> &'static str {
    concat!(
        "transload ",
        env!("CARGO_PKG_VERSION"),
        "\n\nGET /api/phones          the phones, and what each needs\n",
        "GET /api/phones/{mac}    one phone\n",
        "POST /api/phones/{mac}/{hold|release|retry|restart}    the operator's hand\n",
        "GET /api/phones/{mac}/explain    why it got what it got, and what it will get next\n",
        "GET /api/library         firmware and licenses at hand\n",
        "GET /healthz             whether this answers\n",
    )
}

async fn phones<B: Board>(State(board): State<Arc<B>>) -> Json<Vec<PhoneView>> {
    Json(board.phones())
}

async fn phone<B: Board>(State(board): State<Arc<B>>, Path(mac): Path<String>) -> Response {
    match mac.parse::<Mac>() {
        Err(error) => Problem::new(StatusCode::BAD_REQUEST, error.to_string()).into_response(),
        Ok(mac) => board.phone(mac).map_or_else(
            || {
                let detail = format!("no phone {mac} was seen, and none is in the roster");
                Problem::new(StatusCode::NOT_FOUND, detail).into_response()
            },
            |phone| Json(phone).into_response(),
        ),
    }
}

async fn explain<B: Board>(State(board): State<Arc<B>>, Path(mac): Path<String>) -> Response {
    match mac.parse::<Mac>() {
        Err(error) => Problem::new(StatusCode::BAD_REQUEST, error.to_string()).into_response(),
        Ok(mac) => Json(board.explain(mac)).into_response(),
    }
}

async fn library<B: Board>(State(board): State<Arc<B>>) -> Json<LibraryView> {
    Json(board.library_view())
}
