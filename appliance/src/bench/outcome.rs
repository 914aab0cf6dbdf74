//! The outcome of an operator's order for a phone, and the reason of a refusal.

use serde::{Deserialize, Serialize};
use transload_provision::journey::Means;
use transload_provision::mac::Mac;
use utoipa::ToSchema;

use crate::bench::views::phone::{PhoneView, Stage};
use crate::state::ledger::Ticket;

/// The reason that an operator's order is not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderRefusal {
    /// The phone is unknown.
    #[error("{0}")]
    Unknown(String),
    /// The order is impossible now or from here.
    #[error("{0}")]
    Conflict(String),
    /// The ledger could not be written.
    #[error("{0}")]
    NotWritten(String),
}

/// What came of an order for one of many phones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PhoneOutcome {
    /// The phone.
    pub mac: Mac,
    /// `8851`.
    pub model: Option<String>,
    /// Where it stands, from the roster.
    pub location: Option<String>,
    /// The stage it was in.
    pub stage: Option<Stage>,
    /// It was done and is on record. Of what was only asked for (`dry_run`): never.
    pub done: bool,
    /// The way of a restart.
    pub by: Option<Means>,
    /// Why it was not done.
    pub problem: Option<String>,
    /// What remains to be done by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl PhoneOutcome {
    /// The outcome for an address that no phone has.
    pub fn unknown(mac: Mac) -> Self {
        let problem = Some(no_such(mac).to_string());
        Self { mac, model: None, location: None, stage: None, done: false, by: None, problem, note: None }
    }
}

/// The outcome of an order for a phone; `result` is `None` in a dry run.
pub(super) fn outcome(
    phone: &PhoneView,
    result: Option<Result<Option<Means>, OrderRefusal>>,
) -> PhoneOutcome {
    PhoneOutcome {
        mac: phone.mac,
        model: phone.model.clone(),
        location: phone.location.clone(),
        stage: Some(phone.stage),
        done: matches!(result, Some(Ok(_))),
        by: result.as_ref().and_then(|result| *result.as_ref().ok()?),
        problem: result.and_then(|result| Some(result.err()?.to_string())),
        note: None,
    }
}

pub(super) fn no_such(mac: Mac) -> OrderRefusal {
    OrderRefusal::Unknown(format!("no phone {mac} was seen, and none is in the roster"))
}

pub(super) async fn written(ticket: Option<Ticket>) -> Result<(), OrderRefusal> {
    let refusal = |detail: String| OrderRefusal::NotWritten(detail);
    let ticket = ticket.ok_or_else(|| refusal("the bench has no room for another phone".to_owned()))?;
    ticket.await.map_err(|error| refusal(error.to_string()))
}
