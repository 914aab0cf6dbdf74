//! Clients that are no phones.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Desk;
use crate::bench::views::phone::OtherClient;

pub(super) fn routes() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::new().routes(routes!(clients))
}

/// Clients that have a lease of this bench and are no phones, by MAC.
#[utoipa::path(get, path = "/api/clients", tag = "clients", responses((status = 200, body = Vec<OtherClient>)))]
async fn clients(State(desk): State<Arc<Desk>>) -> Json<Vec<OtherClient>> {
    Json(desk.bench.others())
}
