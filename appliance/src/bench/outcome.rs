//! The outcome of an operator's order for a phone, and the reason of a refusal.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
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
    Unknown(RefusalReason),
    /// The order is impossible now or from here.
    #[error("{0}")]
    Conflict(RefusalReason),
    /// The ledger could not be written.
    #[error("{0}")]
    NotWritten(RefusalReason),
}

/// Why an order is refused, and what to do. JSON has both as one text, and reads it as the cause.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefusalReason {
    /// What is so.
    pub cause: String,
    /// What to do; `None` if the cause leaves no question.
    pub cure: Option<&'static str>,
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
    #[schema(value_type = Option<String>)]
    pub problem: Option<RefusalReason>,
    /// What remains to be done by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl OrderRefusal {
    /// Why.
    pub fn reason(self) -> RefusalReason {
        match self {
            Self::Unknown(reason) | Self::Conflict(reason) | Self::NotWritten(reason) => reason,
        }
    }
}

impl RefusalReason {
    pub(super) fn new(cause: String, cure: &'static str) -> Self {
        Self { cause, cure: Some(cure) }
    }
}

impl From<String> for RefusalReason {
    fn from(cause: String) -> Self {
        Self { cause, cure: None }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cure {
            Some(cure) => write!(f, "{}; {cure}", self.cause),
            None => f.write_str(&self.cause),
        }
    }
}

impl Serialize for RefusalReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RefusalReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

impl PhoneOutcome {
    /// The outcome for an address that no phone has.
    pub fn unknown(mac: Mac) -> Self {
        let problem = Some(no_such(mac).reason());
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
        problem: result.and_then(|result| Some(result.err()?.reason())),
        note: None,
    }
}

pub(super) fn no_such(mac: Mac) -> OrderRefusal {
    OrderRefusal::Unknown(format!("no phone {mac} was seen, and none is in the roster").into())
}

pub(super) async fn written(ticket: Option<Ticket>) -> Result<(), OrderRefusal> {
    let refusal = |detail: String| OrderRefusal::NotWritten(detail.into());
    let ticket = ticket.ok_or_else(|| refusal("the bench has no room for another phone".to_owned()))?;
    ticket.await.map_err(|error| refusal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_one_text_in_json() {
        let reason = RefusalReason::new("it may be writing flash".to_owned(), "wait");
        let json = serde_json::to_string(&reason).unwrap();
        assert_eq!(json, "\"it may be writing flash; wait\"");
        let read: RefusalReason = serde_json::from_str(&json).unwrap();
        assert_eq!((read.cause.as_str(), read.cure), ("it may be writing flash; wait", None));
    }
}
