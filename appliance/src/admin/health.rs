//! Serves the health of the bench.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use crate::bench::views::health::{notices, reached, troubles};
use crate::system::error::Trouble;

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(healthz))
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Condition {
    Ok,
    Failing,
}

#[derive(Serialize, ToSchema)]
struct Health {
    status: Condition,
    /// What keeps phones from being served; empty where all is well.
    problems: Vec<Trouble>,
    /// Bounds that were reached within the last minute. Listed phones with a lease are served all the same.
    reached: Vec<Trouble>,
    /// Seen within the last hour: the latest addresses without a lease that asked for files, which got nothing, and
    /// routers that answer ARP for addresses of others.
    notices: Vec<Trouble>,
}

/// Whether phones are served: the ledger can be written, the interface stands, doors are open, no other DHCP server is
/// about, and the disk has room.
#[utoipa::path(get, path = "/healthz", tag = "bench", responses(
    (status = 200, description = "All is well", body = Health),
    (status = 503, description = "Something keeps phones from being served", body = Health)))]
async fn healthz(State(api): State<Arc<ApiState>>) -> (StatusCode, Json<Health>) {
    let problems = troubles(&api.bench, &*api.serving, &api.state);
    let (code, status) = if problems.is_empty() {
        (StatusCode::OK, Condition::Ok)
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Condition::Failing)
    };
    let (reached, notices) = (reached(&api.bench, &*api.serving), notices(&api.bench));
    (code, Json(Health { status, problems, reached, notices }))
}
