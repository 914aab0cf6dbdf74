//! Serves the operator's actions on one phone.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use transload_provision::journey::{Act, Means, Restart};
use transload_provision::mac::Mac;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::extract::{PhonePath, StrictQuery};
use super::problem::ProblemDetails;
use crate::bench::OrderRefusal;

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new()
        .routes(routes!(hold))
        .routes(routes!(release))
        .routes(routes!(retry))
        .routes(routes!(restart))
        .routes(routes!(forget))
}

/// What was done; it is on record.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Outcome)]
struct OperationOutcome {
    mac: Mac,
    /// `hold`, `release`, `retry`, `restart`, `reset` or `forget`.
    done: &'static str,
    /// The way of a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<Means>,
    /// What remains to be done by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct RestartQuery {
    /// `reset` makes it boot.
    #[param(inline)]
    how: Option<Restart>,
}

/// Stops a phone, safely, until it is released.
#[utoipa::path(post, path = "/api/phones/{mac}/hold", tag = "operate", params(PhonePath),
    responses((status = 200, body = OperationOutcome)))]
async fn hold(
    State(api): State<Arc<ApiState>>,
    PhonePath { mac }: PhonePath,
) -> Result<Json<OperationOutcome>, ProblemDetails> {
    act(&api, mac, Act::Hold, "hold").await
}

/// Lets a phone go on that an operator holds.
#[utoipa::path(post, path = "/api/phones/{mac}/release", tag = "operate", params(PhonePath),
    responses((status = 200, body = OperationOutcome)))]
async fn release(
    State(api): State<Arc<ApiState>>,
    PhonePath { mac }: PhonePath,
) -> Result<Json<OperationOutcome>, ProblemDetails> {
    act(&api, mac, Act::Release, "release").await
}

/// Gives a phone that failed another attempt.
#[utoipa::path(post, path = "/api/phones/{mac}/retry", tag = "operate", params(PhonePath),
    responses((status = 200, body = OperationOutcome)))]
async fn retry(
    State(api): State<Arc<ApiState>>,
    PhonePath { mac }: PhonePath,
) -> Result<Json<OperationOutcome>, ProblemDetails> {
    act(&api, mac, Act::Retry, "retry").await
}

/// Makes a phone read its configuration again.
#[utoipa::path(post, path = "/api/phones/{mac}/restart", tag = "operate", params(PhonePath, RestartQuery),
    responses((status = 200, body = OperationOutcome)))]
async fn restart(
    State(api): State<Arc<ApiState>>,
    PhonePath { mac }: PhonePath,
    StrictQuery(RestartQuery { how }): StrictQuery<RestartQuery>,
) -> Result<Json<OperationOutcome>, ProblemDetails> {
    let how = how.unwrap_or(Restart::Restart);
    let by = api.bench.restart(mac, how).await?;
    let done = if how == Restart::Reset { "reset" } else { "restart" };
    Ok(Json(OperationOutcome { mac, done, by: Some(by), note: None }))
}

/// Takes a phone off the bench's books: all that is known of it goes, and that it was forgotten is on record. Its lease
/// stays until it ends, and its roster line stays. A phone that may be writing flash is refused.
#[utoipa::path(delete, path = "/api/phones/{mac}", tag = "operate", params(PhonePath),
    responses((status = 200, body = OperationOutcome)))]
async fn forget(
    State(api): State<Arc<ApiState>>,
    PhonePath { mac }: PhonePath,
) -> Result<Json<OperationOutcome>, ProblemDetails> {
    let note = api.bench.forget(mac).await?;
    Ok(Json(OperationOutcome { mac, done: "forget", by: None, note }))
}

async fn act(
    api: &ApiState,
    mac: Mac,
    act: Act,
    done: &'static str,
) -> Result<Json<OperationOutcome>, ProblemDetails> {
    api.bench.operate(mac, act).await?;
    Ok(Json(OperationOutcome { mac, done, by: None, note: None }))
}

impl From<OrderRefusal> for ProblemDetails {
    fn from(refusal: OrderRefusal) -> Self {
        let status = match refusal {
            OrderRefusal::Unknown(_) => StatusCode::NOT_FOUND,
            OrderRefusal::Conflict(_) => StatusCode::CONFLICT,
            OrderRefusal::NotWritten(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, refusal.to_string())
    }
}
