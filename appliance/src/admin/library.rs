//! Serves the library.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use crate::state::library::LibraryView;

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(library))
}

/// Firmware and licenses at hand.
#[utoipa::path(get, path = "/api/library", tag = "library", responses((status = 200, body = LibraryView)))]
async fn library(State(api): State<Arc<ApiState>>) -> Json<LibraryView> {
    Json(api.bench.library_view())
}
