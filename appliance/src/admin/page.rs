//! What a browser is shown.

use std::sync::Arc;

use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use super::Desk;

pub(super) fn routes() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::new().route("/", get(index))
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
        "GET /api/openapi.json    all of this, for programs\n",
        "GET /healthz             whether this answers\n",
    )
}
