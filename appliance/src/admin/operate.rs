//! What an operator does to a phone.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use transload_provision::journey::{Act, Restart};
use transload_provision::mac::Mac;

use super::Board;
use super::problem::Problem;
use crate::bench::Refusal;

#[derive(Deserialize)]
pub(super) struct Options {
    how: Option<String>,
}

/// `POST /api/phones/{mac}/{hold|release|retry|restart}`; a restart takes `?how=reset`.
pub(super) async fn operate<B: Board>(
    State(board): State<Arc<B>>,
    Path((mac, what)): Path<(String, String)>,
    Query(options): Query<Options>,
) -> Response {
    let mac = match mac.parse::<Mac>() {
        Ok(mac) => mac,
        Err(error) => return Problem::new(StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    let act = match what.as_str() {
        "hold" => Act::Hold,
        "release" => Act::Release,
        "retry" => Act::Retry,
        "restart" => return restart(&*board, mac, options.how.as_deref()).await,
        _ => {
            let detail =
                format!("{what} is nothing that can be done to a phone: hold, release, retry or restart");
            return Problem::new(StatusCode::NOT_FOUND, detail).into_response();
        }
    };
    match board.operate(mac, act).await {
        Ok(()) => Json(json!({"mac": mac, "done": what})).into_response(),
        Err(refusal) => problem(&refusal).into_response(),
    }
}

async fn restart<B: Board>(board: &B, mac: Mac, how: Option<&str>) -> Response {
    let how = match how {
        None | Some("restart") => Restart::Restart,
        Some("reset") => Restart::Reset,
        Some(other) => {
            let detail = format!("how={other} is no restart: restart or reset");
            return Problem::new(StatusCode::BAD_REQUEST, detail).into_response();
        }
    };
    match board.restart(mac, how).await {
        Ok(by) => Json(json!({"mac": mac, "done": how, "by": by})).into_response(),
        Err(refusal) => problem(&refusal).into_response(),
    }
}

fn problem(refusal: &Refusal) -> Problem {
    let status = match refusal {
        Refusal::Unknown(_) => StatusCode::NOT_FOUND,
        Refusal::Conflict(_) => StatusCode::CONFLICT,
        Refusal::NotWritten(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    Problem::new(status, refusal.to_string())
}
