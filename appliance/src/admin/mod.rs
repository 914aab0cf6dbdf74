//! The admin plane: what technicians and their programs see of the bench, and what they have it do.
//!
//! Each area has a file with its handlers, which describe themselves, and a function `routes`; [`areas`] lists them.

mod access;
pub mod events;
mod extract;
mod filter;
mod health;
mod library;
mod live;
mod metrics;
mod openapi;
mod operate;
mod operate_all;
mod page;
mod phones;
mod problem;
mod report;
mod upload;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::{Router, middleware};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

use crate::bench::Bench;
use crate::bounds::Bound;
use crate::doors::connections::{self, Entrance, Limits, Patience};
use crate::segment::Segments;
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
    pub segments: Arc<Segments>,
    /// The state folder.
    pub state: PathBuf,
}

/// All that is served, with its description. Another area is one more line here.
fn areas() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::with_openapi(openapi::head())
        .merge(openapi::routes())
        .merge(phones::routes())
        .merge(operate::routes())
        .merge(operate_all::routes())
        .merge(library::routes())
        .merge(report::routes())
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
    connections::serve(listener, entrance, stop, |_| TowerToHyperService::new(router.clone())).await;
}

fn entrance(desk: &Arc<Desk>) -> Entrance {
    let limits =
        Limits { connections: CONNECTIONS, per_peer: PER_PEER, patience: PATIENCE, ..Limits::default() };
    let bench = Arc::clone(&desk.bench);
    Entrance::new(limits, |_| true, move |peer| bench.metrics().bounds.reached(Bound::Page, peer))
}

fn router(desk: Arc<Desk>, access: Access) -> Router {
    let (router, _) = areas().split_for_parts();
    router
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "there is nothing at this address") })
        .method_not_allowed_fallback(|| async {
            let detail = "this address takes another method; the header Allow says which";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        })
        .with_state(desk)
        .layer(middleware::from_fn_with_state(Arc::new(access), access::check))
}
