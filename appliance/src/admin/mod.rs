//! The admin plane: what technicians and their programs see of the bench, and what they have it do.
//!
//! Each area has a file with its handlers, which describe themselves, and a function `routes`; [`areas`] lists them.

mod access;
mod clients;
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
use crate::listeners::connections::{self, Caller, Entrance, Limits, Patience};
use access::Access;
use events::Live;
use problem::Problem;

/// Enough for browsers and programs of a bench's staff; all of them have one address where a proxy stands before this.
const CONNECTIONS: usize = 256;
const PER_PEER: usize = 192;
/// How long a client may take for a request's head, or stand idle, or take next to nothing of an answer.
const PATIENCE: Patience = Patience { head: Duration::from_secs(10), stall: Duration::from_secs(30) };

/// What handlers work with.
pub struct Desk {
    /// The appliance's mind.
    pub bench: Arc<Bench>,
    /// Those who watch.
    pub live: Arc<Live>,
    /// What serves phones.
    pub serving: Arc<dyn Serving>,
    /// The state folder.
    pub state: PathBuf,
    /// Long answers under way.
    pub long: long::Answers,
}

/// All that is served, with its description. Another area is one more line here.
fn areas() -> OpenApiRouter<Arc<Desk>> {
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

/// Serves until `stop`. A token is asked for if there is one; without one, only a listener on a loopback address
/// answers.
pub async fn serve(listener: TcpListener, desk: Arc<Desk>, token: Option<String>, stop: CancellationToken) {
    let loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    events::keep(&desk, stop.clone());
    let entrance = entrance(&desk);
    let router = router(desk, Access::new(token.as_deref(), loopback));
    connections::serve(listener, entrance, stop, service(router)).await;
}

/// The address that a request comes from.
#[derive(Debug, Clone, Copy)]
struct Peer(IpAddr);

/// What answers one client.
struct Client {
    router: TowerToHyperService<Router>,
    peer: Peer,
}

impl Service<Request<Incoming>> for Client {
    type Response = Response;
    type Error = Infallible;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.router.call(request)
    }
}

/// What answers each client: the router, told of the client's address.
fn service(router: Router) -> impl Fn(Caller) -> Client {
    move |caller| Client { router: TowerToHyperService::new(router.clone()), peer: Peer(caller.peer.ip()) }
}

fn entrance(desk: &Arc<Desk>) -> Entrance {
    let limits =
        Limits { connections: CONNECTIONS, per_peer: PER_PEER, patience: PATIENCE, ..Limits::default() };
    let bench = Arc::clone(&desk.bench);
    Entrance::new(limits, |_| true, move |peer| bench.metrics().bounds.reached(Bound::Page, peer))
}

fn router(desk: Arc<Desk>, access: Access) -> Router {
    let (router, _) = areas().split_for_parts();
    let desk_for_layers = Extension(Arc::clone(&desk));
    router
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "there is nothing at this address") })
        .method_not_allowed_fallback(|| async {
            let detail = "this address takes another method; the header Allow says which";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        })
        .with_state(desk)
        .layer(desk_for_layers)
        .layer(middleware::map_request(pace::kept))
        .layer(middleware::from_fn_with_state(Arc::new(access), access::check))
}
