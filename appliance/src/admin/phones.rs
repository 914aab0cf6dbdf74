//! The phones.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};
use transload_provision::mac::Mac;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Asked, OfPhone};
use super::filter::Filter;
use super::problem::Problem;
use super::{Desk, long};
use crate::bench::views::explain::Explanation;
use crate::bench::views::phone::{PhoneDetail, PhoneView};

pub(super) fn routes() -> OpenApiRouter<Arc<Desk>> {
    long::in_turn(OpenApiRouter::new().routes(routes!(phones)))
        .routes(routes!(phone))
        .routes(routes!(explain))
}

/// The phones, those seen and those listed, by MAC. All of them, unless the query says which and how many.
#[utoipa::path(get, path = "/api/phones", tag = "phones", params(Filter), responses((status = 200, body = [PhoneView],
    headers(("Link" = String, description = "Where more follow: the next page, `rel=next` (RFC 8288)")))))]
async fn phones(
    State(desk): State<Arc<Desk>>,
    RawQuery(query): RawQuery,
    Asked(filter): Asked<Filter>,
) -> impl IntoResponse {
    let (page, more) = filter.page(desk.bench.phones());
    let last = page.last().filter(|_| more).map(|phone| phone.mac);
    let next = last.and_then(|last| next_page(query.as_deref().unwrap_or_default(), last));
    (next.map(|next| AppendHeaders([(header::LINK, next)])), Json(page))
}

/// The same question, from behind a phone on.
fn next_page(query: &str, last: Mac) -> Option<HeaderValue> {
    let kept = query.split('&').filter(|part| !part.starts_with("after="));
    let asked: Vec<String> = kept.map(str::to_owned).chain([format!("after={last}")]).collect();
    HeaderValue::try_from(format!("</api/phones?{}>; rel=\"next\"", asked.join("&"))).ok()
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
