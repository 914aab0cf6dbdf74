//! The admin plane: the API and the page for technicians and their programs.
//!
//! Each area has a file with its handlers and a function `routes`. [`areas`] lists them.

mod access;
mod clients;
pub mod connection;
pub mod events;
mod extract;
mod filter;
mod health;
mod library;
mod live;
pub mod long;
mod metrics;
mod openapi;
mod operate;
mod operate_all;
mod pace;
mod page;
mod phones;
mod problem;
mod report;
pub mod trouble;
mod upload;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Request, StatusCode};
use axum::response::Response;
use axum::{Extension, Router, middleware};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

use crate::bench::Bench;
use crate::bench::views::health::Serving;
use crate::listeners::bounds::Bound;
use crate::listeners::connections::{Caller, Entrance, Limits, Patience};
use access::Access;
use events::LiveEvents;
use problem::ProblemDetails;

/// Enough for the browsers and programs of a bench's staff, who share one address behind a proxy.
const CONNECTIONS: usize = 256;
const PER_PEER: usize = 192;
/// Time limits for a request's head, and for idle or stalled clients.
const PATIENCE: Patience = Patience { head: Duration::from_secs(10), stall: Duration::from_secs(30) };

/// What handlers work with.
pub struct ApiState {
    pub bench: Arc<Bench>,
    /// Those who watch.
    pub live: Arc<LiveEvents>,
    /// What serves phones.
    pub serving: Arc<dyn Serving>,
    /// The state folder.
    pub state: PathBuf,
    /// The running long responses.
    pub long: long::LongAnswers,
}

/// All routes with their descriptions. Another area is one more line here.
fn areas() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::with_openapi(openapi::head())
        .merge(openapi::routes())
        .merge(phones::routes())
        .merge(clients::routes())
        .merge(operate::routes())
        .merge(operate_all::routes())
        .merge(long::in_turn(library::routes()))
        .merge(long::in_turn(report::routes()))
        .merge(health::routes())
        .merge(metrics::routes())
        .merge(page::routes())
        .merge(events::routes())
        .merge(upload::routes())
}

/// Serves until `stop`. Without a token, only a listener on a loopback address answers.
pub async fn serve(
    listener: TcpListener,
    api: Arc<ApiState>,
    token: Option<String>,
    stop: CancellationToken,
) {
    let loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    events::keep(&api, stop.clone());
    let entrance = entrance(&api);
    let router = router(api, Access::new(token.as_deref(), loopback));
    connection::serve(listener, entrance, stop, service(router)).await;
}

/// The client's address of a request.
#[derive(Debug, Clone, Copy)]
struct PeerAddress(IpAddr);

/// The service for one client.
struct ClientService {
    router: TowerToHyperService<Router>,
    peer: PeerAddress,
}

impl Service<Request<Incoming>> for ClientService {
    type Response = Response;
    type Error = Infallible;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.router.call(request)
    }
}

/// Makes each client's service, which knows the client's address.
fn service(router: Router) -> impl Fn(Caller) -> ClientService {
    move |caller| ClientService {
        router: TowerToHyperService::new(router.clone()),
        peer: PeerAddress(caller.peer.ip()),
    }
}

fn entrance(api: &Arc<ApiState>) -> Entrance {
    let limits =
        Limits { connections: CONNECTIONS, per_peer: PER_PEER, patience: PATIENCE, ..Limits::default() };
    let bench = Arc::clone(&api.bench);
    Entrance::new(limits, |_| true, move |peer| bench.metrics().bounds.reached(Bound::Page, peer))
}

fn router(api: Arc<ApiState>, access: Access) -> Router {
    let (router, _) = areas().split_for_parts();
    let api_for_layers = Extension(Arc::clone(&api));
    router
        .fallback(|| async { ProblemDetails::new(StatusCode::NOT_FOUND, "there is nothing at this address") })
        .method_not_allowed_fallback(|| async {
            let detail = "this address takes another method; the header Allow says which";
            ProblemDetails::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        })
        .with_state(api)
        .layer(api_for_layers)
        .layer(middleware::map_request(pace::kept))
        .layer(middleware::from_fn_with_state(Arc::new(access), access::check))
}
