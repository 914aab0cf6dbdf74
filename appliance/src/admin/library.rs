//! The library.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Desk;
use crate::state::library::LibraryView;

pub(super) fn routes() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::new().routes(routes!(library))
}

/// Firmware and licenses at hand.
#[utoipa::path(get, path = "/api/library", tag = "library", responses((status = 200, body = LibraryView)))]
async fn library(State(desk): State<Arc<Desk>>) -> Json<LibraryView> {
    Json(desk.bench.library_view())
}
