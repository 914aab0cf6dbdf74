//! The phones.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Desk;
use super::extract::OfPhone;
use super::problem::Problem;
use crate::bench::explain::Explanation;
use crate::view::{PhoneDetail, PhoneView};

pub(super) fn routes() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::new().routes(routes!(phones)).routes(routes!(phone)).routes(routes!(explain))
}

/// The phones, those seen and those listed, by MAC.
#[utoipa::path(get, path = "/api/phones", tag = "phones", responses((status = 200, body = [PhoneView])))]
async fn phones(State(desk): State<Arc<Desk>>) -> Json<Vec<PhoneView>> {
    Json(desk.bench.phones())
}

/// One phone.
#[utoipa::path(get, path = "/api/phones/{mac}", tag = "phones", params(OfPhone),
    responses((status = 200, body = PhoneDetail)))]
async fn phone(
    State(desk): State<Arc<Desk>>,
    OfPhone { mac }: OfPhone,
) -> Result<Json<PhoneDetail>, Problem> {
    desk.bench.phone(mac).map(Json).ok_or_else(|| {
        let detail = format!("no phone {mac} was seen, and none is in the roster");
        Problem::new(StatusCode::NOT_FOUND, detail)
    })
}

/// Why a client got what it got, and what it will get next.
#[utoipa::path(get, path = "/api/phones/{mac}/explain", tag = "phones", params(OfPhone),
    responses((status = 200, body = Explanation)))]
async fn explain(State(desk): State<Arc<Desk>>, OfPhone { mac }: OfPhone) -> Json<Explanation> {
    Json(desk.bench.explain(mac))
}
