//! What a report tells: the JSON of it, field by field.

use serde::{Deserialize, Serialize};
use transload_provision::hold::HoldCode;
use transload_provision::journey::{Deed, LicenseState, Stage};
use transload_provision::mac::Mac;
use transload_provision::time::Time;
use utoipa::ToSchema;

use crate::bench::views::phone::{HoldView, OtherClient};
use crate::system::utc;

/// Everything there is to tell of a bench's phones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Report)]
pub struct MigrationReport {
    /// When it was made, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub made: Option<Time>,
    /// What made it.
    pub program: String,
    /// The knowledge that decided.
    pub catalog: String,
    /// `e2m` or `m2e`.
    pub direction: String,
    /// Sums.
    pub totals: Totals,
    /// Phones that are not done, by reason.
    pub left: Vec<Left>,
    /// What whoever takes the phones over has to know.
    pub notes: Vec<String>,
    /// The phones, by MAC.
    pub phones: Vec<PhoneReport>,
    /// Phones that the operator forgot, the oldest first. One that came back is among the phones too.
    #[serde(default)]
    pub forgotten: Vec<ForgottenReport>,
    /// Clients that have a lease and are no phones.
    #[serde(default)]
    pub others: Vec<OtherClient>,
}

/// Sums over all phones.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Phones seen or listed.
    pub phones: usize,
    /// At their target.
    pub done: usize,
    /// Stopped on purpose.
    pub held: usize,
    /// Not getting on.
    pub stuck: usize,
    /// Seen, or on their way.
    pub under_way: usize,
    /// Listed, and never seen.
    pub absent: usize,
    /// Loads that phones came to run here.
    pub hops: usize,
    /// Bytes of firmware that phones fetched.
    pub bytes: u64,
    /// Phones that were given their license.
    pub licenses_given: usize,
    /// Phones whose license was accepted.
    pub licenses_accepted: usize,
    /// The beginning of the first fetch, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub began: Option<Time>,
    /// When the last phone of those that are done was, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub done_last: Option<Time>,
}

/// Phones that are left for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Left {
    /// A hold's code, or the stage of phones that nothing holds.
    pub reason: String,
    /// Why; `<MAC>` stands for the phone's own address.
    pub cause: String,
    /// What to do.
    pub cure: String,
    /// The phones.
    pub macs: Vec<Mac>,
}

/// One phone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PhoneReport {
    /// The phone.
    pub mac: Mac,
    /// `8851`.
    pub model: Option<String>,
    /// Hardware version.
    pub vid: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// From the roster.
    pub location: Option<String>,
    /// How far it is.
    pub stage: Stage,
    /// What stops it.
    pub hold: Option<HoldView>,
    /// The load it came with; null where nothing told.
    pub from: Option<String>,
    /// The load it is believed to run now.
    pub to: Option<String>,
    /// The load it is to run in the end.
    pub target: Option<String>,
    /// When it was first heard of, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub first_seen: Option<Time>,
    /// When it was last heard of, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen: Option<Time>,
    /// Since when it is done, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub done: Option<Time>,
    /// From the beginning of its first fetch to being done.
    pub seconds: Option<u64>,
    /// Bytes of firmware that it fetched.
    pub bytes: u64,
    /// The loads it came to, in order.
    pub hops: Vec<HopReport>,
    /// Its license.
    pub license: LicenseReport,
    /// Holds it met, oldest first.
    pub holds: Vec<HoldReport>,
    /// Holds before those, which are no longer told apart.
    pub earlier_holds: Vec<HoldSum>,
    /// What the operator did, oldest first.
    pub acts: Vec<ActReport>,
}

/// A load on a phone's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HopReport {
    /// The load.
    pub load: String,
    /// The beginning of its fetch, UTC; null where the phone had the load already.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub began: Option<Time>,
    /// The start after it, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Time>,
    /// Between the two.
    pub seconds: Option<u64>,
    /// Bytes of firmware, of every attempt.
    pub bytes: u64,
    /// Fetches of it.
    pub attempts: u32,
    /// The phone has run it.
    pub arrived: bool,
    /// Why the latest fetch broke.
    pub broken: Option<String>,
}

/// A phone's license.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LicenseReport {
    /// What is known of it.
    pub state: LicenseState,
    /// The file, within the state folder: the one at hand, or the one that was given.
    pub file: Option<String>,
    /// Its SHA-256, where it was imported.
    pub sha256: Option<String>,
    /// When it was first given to the phone, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub given: Option<Time>,
    /// When it was last given to the phone, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub given_last: Option<Time>,
    /// The phone went on as only a licensed one does.
    pub accepted: bool,
}

/// A hold that a phone met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HoldReport {
    /// What kind.
    pub code: HoldCode,
    /// Why.
    pub cause: String,
    /// Since when, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<Time>,
    /// Until when, UTC; null while it lasts.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Time>,
    /// How long, so far.
    pub seconds: u64,
}

/// Holds of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HoldSum {
    /// What kind.
    pub code: HoldCode,
    /// How many.
    pub times: u32,
    /// How long in all.
    pub seconds: u64,
}

/// A phone that the operator took off the bench's books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForgottenReport {
    /// The phone.
    pub mac: Mac,
    /// When, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Time>,
}

/// What an operator did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActReport {
    /// When, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Time>,
    /// What.
    pub act: Deed,
}
