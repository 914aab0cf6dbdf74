//! A phone as the API and `status --json` show it: the contract's JSON, field by field.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use transload_provision::mac::Mac;
use transload_provision::time::Time;

/// One phone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    pub hold: Option<Hold>,
    /// When it was first heard of, UTC.
    #[serde(with = "utc")]
    pub first_seen: Option<Time>,
    /// When it was last heard of, UTC.
    #[serde(with = "utc")]
    pub last_seen: Option<Time>,
}

/// What a phone is behaving as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Persona {
    /// Enterprise firmware.
    Enterprise,
    /// A transition load.
    Transition,
    /// Multiplatform firmware.
    Multiplatform,
    /// Nothing tells yet.
    Unknown,
}

/// How far a phone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// In the roster, never seen.
    Absent,
    /// Heard of, no hop offered yet.
    Seen,
    /// On a hop within its side.
    Moving,
    /// On the hop that changes sides.
    Crossing,
    /// At the target.
    Done,
    /// Stopped on purpose.
    Held,
    /// Stopped by itself.
    Stuck,
}

/// What became of a phone's license.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum License {
    /// Not at hand.
    Absent,
    /// At hand.
    Present,
    /// Fetched by the phone.
    Fetched,
    /// Fetched, and the phone went on.
    Accepted,
    /// The phone was at the target when first seen.
    Unwitnessed,
}

/// Why a phone does not go on, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The kind of hold.
    pub code: HoldCode,
    /// What is wrong, in one line.
    pub cause: String,
    /// What to do, in one line.
    pub cure: String,
}

/// The kinds of hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldCode {
    /// The catalog forbids the migration of this model or hardware version.
    NotEligible,
    /// The hardware version decides and is not known.
    UnknownVid,
    /// No license for this phone and direction.
    NoLicense,
    /// A load or component of the route is not in the library.
    FirmwareMissing,
    /// A firmware file cannot be right.
    FirmwareDamaged,
    /// The loads at hand do not connect.
    NoRoute,
    /// The phone holds a trust list and refuses our configuration.
    TrustList,
    /// Only the roster's phones take part, and this is none of them.
    NotListed,
    /// The phone reads its configuration only after a restart.
    NeedsRestart,
    /// The phone has a lease and asks for nothing.
    NotAsking,
    /// A call manager or CDA must act.
    WaitingOutside,
    /// Held by hand.
    Operator,
    /// Another DHCP server is on the segment.
    ForeignDhcp,
    /// Something failed too often.
    Failed,
}

impl Stage {
    /// The word the contract uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Seen => "seen",
            Self::Moving => "moving",
            Self::Crossing => "crossing",
            Self::Done => "done",
            Self::Held => "held",
            Self::Stuck => "stuck",
        }
    }
}

impl HoldCode {
    /// The word the contract uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotEligible => "not-eligible",
            Self::UnknownVid => "unknown-vid",
            Self::NoLicense => "no-license",
            Self::FirmwareMissing => "firmware-missing",
            Self::FirmwareDamaged => "firmware-damaged",
            Self::NoRoute => "no-route",
            Self::TrustList => "trust-list",
            Self::NotListed => "not-listed",
            Self::NeedsRestart => "needs-restart",
            Self::NotAsking => "not-asking",
            Self::WaitingOutside => "waiting-outside",
            Self::Operator => "operator",
            Self::ForeignDhcp => "foreign-dhcp",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for HoldCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Times in JSON: `2026-01-31T09:30:00Z`, or null.
mod utc {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use transload_provision::time::Time;

    #[allow(clippy::ref_option, reason = "serde's signature")]
    pub fn serialize<S: Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
        time.and_then(|time| Timestamp::from_millisecond(i64::try_from(time.0).ok()?).ok())
            .serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
        let stamp = Option::<Timestamp>::deserialize(deserializer)?;
        Ok(stamp.map(|stamp| Time(u64::try_from(stamp.as_millisecond()).unwrap_or(0))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"{"mac":"001234AB45DE","model":"8851","vid":"V05","serial":null,"location":null,
        "address":"10.23.45.101","persona":"enterprise","load":"sip88xx.12-5-1SR1-4","load_evidence":"registration",
        "route":["sip88xx.12-5-1SR1-4","sip88xx.11-2-3MPP-398"],"target":"sip88xx.11-2-3MPP-398","hop":1,"hops":1,
        "stage":"held","writing":false,"progress":0.41,"attempts":1,"license":"absent",
        "hold":{"code":"no-license","cause":"a","cure":"b"},"first_seen":"2026-01-31T09:30:00Z","last_seen":null}"#;

    #[test]
    fn the_contracts_json_goes_in_and_out_unchanged() {
        let view: PhoneView = serde_json::from_str(SAMPLE).unwrap();
        assert_eq!(view.first_seen, Some(Time(1_769_851_800_000)));
        let (before, after): (serde_json::Value, _) = (
            serde_json::from_str(SAMPLE).unwrap(),
            serde_json::to_value(&view).unwrap(),
        );
        assert_eq!(before, after);
    }

    #[test]
    fn the_word_shown_is_the_word_in_the_json() {
        use HoldCode as Code;
        for code in [
            Code::NotEligible,
            Code::UnknownVid,
            Code::NoLicense,
            Code::FirmwareMissing,
            Code::FirmwareDamaged,
            Code::NoRoute,
            Code::TrustList,
            Code::NotListed,
            Code::NeedsRestart,
            Code::NotAsking,
            Code::WaitingOutside,
            Code::Operator,
            Code::ForeignDhcp,
            Code::Failed,
        ] {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
        for stage in [
            Stage::Absent,
            Stage::Seen,
            Stage::Moving,
            Stage::Crossing,
            Stage::Done,
            Stage::Held,
            Stage::Stuck,
        ] {
            assert_eq!(serde_json::to_value(stage).unwrap(), stage.as_str());
        }
    }
}
