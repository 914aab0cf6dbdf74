//! A phone as the API and `status --json` show it: the contract's JSON, field by field.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
pub use transload_provision::client::Persona;
pub use transload_provision::hold::HoldCode;
use transload_provision::hold::{ActionKind, Hold, HoldAction};
pub use transload_provision::journey::{LicenseState as License, Stage};
use transload_provision::mac::Mac;
use transload_provision::time::Time;
use utoipa::ToSchema;

use crate::system::utc;

/// One phone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PhoneView {
    /// The phone.
    pub mac: Mac,
    /// `8851`.
    pub model: Option<String>,
    /// Hardware version, `V05`.
    pub vid: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// Where it stands, from the roster.
    pub location: Option<String>,
    /// Its address on the bench.
    #[schema(value_type = Option<String>, format = Ipv4)]
    pub address: Option<Ipv4Addr>,
    /// What it is behaving as.
    pub persona: Persona,
    /// The load it is believed to run.
    pub load: Option<String>,
    /// Why that is believed.
    pub load_evidence: Option<String>,
    /// Loads from the present one (or the first offered, where that is unknown) to the target.
    pub route: Vec<String>,
    /// The last load of the route.
    pub target: Option<String>,
    /// The hop in progress, from 1; 0 where none is.
    pub hop: usize,
    /// Steps of the route.
    pub hops: usize,
    /// How far it is.
    pub stage: Stage,
    /// It is writing flash: do not unplug.
    pub writing: bool,
    /// Of the hop in progress, 0 to 1.
    pub progress: f64,
    /// Attempts at the hop in progress.
    pub attempts: u32,
    /// Its license for this direction.
    pub license: License,
    /// Why it does not go on: non-null exactly for `held` and `stuck`.
    pub hold: Option<HoldView>,
    /// When it was first heard of, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub first_seen: Option<Time>,
    /// When it was last heard of, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen: Option<Time>,
}

/// A stop, its cause and its cure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Hold)]
pub struct HoldView {
    /// What kind.
    pub code: HoldCode,
    /// What happened, to which phone or file.
    pub cause: String,
    /// What to do about it.
    pub cure: String,
    /// The same for programs, in order.
    #[serde(default)]
    #[schema(required = true)]
    pub actions: Vec<HoldAction>,
}

impl From<Hold> for HoldView {
    fn from(hold: Hold) -> Self {
        Self { code: hold.code, cause: hold.cause(), cure: hold.cure(), actions: hold.actions() }
    }
}

impl HoldView {
    /// Whether this is among the actions.
    pub fn asks_for(&self, kind: &ActionKind) -> bool {
        self.actions.iter().any(|action| action.kind == *kind)
    }
}

/// One phone by itself, as `GET /api/phones/{mac}` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PhoneDetail {
    /// What is shown of it among others.
    #[serde(flatten)]
    pub phone: PhoneView,
    /// Names it asked for that are not here, the latest first. Not among them: trust lists, which no phone should find
    /// here, and boot files that it is not to have now.
    pub missing: Vec<MissingName>,
}

/// A name that a phone asked for and that is not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissingName {
    /// As asked, with folders, shortened.
    pub name: String,
    /// The name most like it that is here, if there is any that could be meant.
    pub nearest: Option<String>,
    /// When it was last asked for, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Time>,
}

/// A client that has a lease and is no phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OtherClient {
    /// The client.
    pub mac: Mac,
    /// Its address on the bench.
    #[schema(value_type = Option<String>, format = Ipv4)]
    pub address: Option<Ipv4Addr>,
    /// What it says that it is (DHCP option 60), shortened; null where it said nothing since the program started.
    pub vendor_class: Option<String>,
    /// When it was last heard of, UTC; null where that was before the program started.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen: Option<Time>,
}

impl OtherClient {
    /// In words.
    pub fn line(&self) -> String {
        let address = self.address.map_or_else(String::new, |address| format!(" at {address}"));
        let class = self.vendor_class.as_ref().map_or_else(String::new, |class| format!(" ({class})"));
        format!("{}{address}{class}", self.mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"{"mac":"001234AB45DE","model":"8851","vid":"V05","serial":null,"location":null,
        "address":"10.23.45.101","persona":"enterprise","load":"sip88xx.12-5-1SR1-4","load_evidence":"registration",
        "route":["sip88xx.12-5-1SR1-4","sip88xx.11-2-3MPP-398"],"target":"sip88xx.11-2-3MPP-398","hop":1,"hops":1,
        "stage":"held","writing":false,"progress":0.41,"attempts":1,"license":"absent",
        "hold":{"code":"no-license","cause":"a","cure":"b",
            "actions":[{"do":"import-license","direction":"e2m"}]},"first_seen":"2026-01-31T09:30:00Z","last_seen":null}"#;

    #[test]
    fn the_contracts_json_goes_in_and_out_unchanged() {
        let view: PhoneView = serde_json::from_str(SAMPLE).unwrap();
        assert_eq!(view.first_seen, Some(Time(1_769_851_800_000)));
        let (before, after): (serde_json::Value, _) =
            (serde_json::from_str(SAMPLE).unwrap(), serde_json::to_value(&view).unwrap());
        assert_eq!(before, after);
    }

    #[test]
    fn the_word_shown_is_the_word_in_the_json() {
        for code in HoldCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
        for stage in Stage::ALL {
            assert_eq!(serde_json::to_value(stage).unwrap(), stage.as_str());
        }
    }
}
