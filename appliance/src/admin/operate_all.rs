//! What an operator does to many phones at once.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use transload_provision::journey::{Deed, Restart};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Desk;
use super::extract::Said;
use super::problem::Problem;
use crate::bench::PhoneOutcome;
use crate::bench::selection::Selection;

pub(super) fn routes() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::new()
        .routes(routes!(hold_all))
        .routes(routes!(release_all))
        .routes(routes!(retry_all))
        .routes(routes!(restart_all))
        .routes(routes!(forget_all))
}

/// Whom an order is for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Order {
    /// The phones that are meant. One that says nothing is refused: all of them are `{"all": true}`.
    phones: Selection,
    /// Only tell who is meant.
    #[serde(default)]
    dry_run: bool,
}

/// Whom a restart is for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RestartOrder {
    /// The phones that are meant. One that says nothing is refused: all of them are `{"all": true}`.
    phones: Selection,
    /// Only tell who is meant.
    #[serde(default)]
    dry_run: bool,
    /// `reset` makes them boot.
    how: Option<Restart>,
}

type Answer = Result<Json<Vec<PhoneOutcome>>, Problem>;

/// Stops phones, safely, until they are released.
#[utoipa::path(post, path = "/api/phones/hold", tag = "operate", request_body = Order,
    responses((status = 200, body = [PhoneOutcome])))]
async fn hold_all(State(desk): State<Arc<Desk>>, Said(order): Said<Order>) -> Answer {
    act(&desk, &order.phones, Deed::Hold, order.dry_run).await
}

/// Lets phones go on that an operator holds.
#[utoipa::path(post, path = "/api/phones/release", tag = "operate", request_body = Order,
    responses((status = 200, body = [PhoneOutcome])))]
async fn release_all(State(desk): State<Arc<Desk>>, Said(order): Said<Order>) -> Answer {
    act(&desk, &order.phones, Deed::Release, order.dry_run).await
}

/// Gives phones that failed another attempt.
#[utoipa::path(post, path = "/api/phones/retry", tag = "operate", request_body = Order,
    responses((status = 200, body = [PhoneOutcome])))]
async fn retry_all(State(desk): State<Arc<Desk>>, Said(order): Said<Order>) -> Answer {
    act(&desk, &order.phones, Deed::Retry, order.dry_run).await
}

/// Makes phones read their configuration again.
#[utoipa::path(post, path = "/api/phones/restart", tag = "operate", request_body = RestartOrder,
    responses((status = 200, body = [PhoneOutcome])))]
async fn restart_all(State(desk): State<Arc<Desk>>, Said(order): Said<RestartOrder>) -> Answer {
    let deed = order.how.unwrap_or(Restart::Restart).into();
    act(&desk, &order.phones, deed, order.dry_run).await
}

/// Takes phones off the bench's books: all that is known of them goes, and that they were forgotten is on record. Their
/// leases stay until they end, and their roster lines stay. A phone that may be writing flash is refused.
#[utoipa::path(post, path = "/api/phones/forget", tag = "operate", request_body = Order,
    responses((status = 200, body = [PhoneOutcome])))]
async fn forget_all(State(desk): State<Arc<Desk>>, Said(order): Said<Order>) -> Answer {
    says_which(&order.phones)?;
    Ok(Json(desk.bench.forget_all(&order.phones, order.dry_run).await))
}

async fn act(desk: &Desk, phones: &Selection, deed: Deed, dry_run: bool) -> Answer {
    says_which(phones)?;
    Ok(Json(desk.bench.operate_all(phones, deed, dry_run).await))
}

fn says_which(phones: &Selection) -> Result<(), Problem> {
    if phones.is_empty() {
        let detail = "say which phones: mac, model, stage, code or location, or \"all\": true";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    Ok(())
}
