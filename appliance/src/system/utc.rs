//! A moment in JSON: UTC, by RFC 3339, or null.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use transload_provision::time::Time;

#[allow(clippy::ref_option, reason = "serde's signature")]
pub fn serialize<S: Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
    time.and_then(|time| Timestamp::from_millisecond(i64::try_from(time.0).ok()?).ok()).serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    let stamp = Option::<Timestamp>::deserialize(deserializer)?;
    Ok(stamp.map(|stamp| Time(u64::try_from(stamp.as_millisecond()).unwrap_or(0))))
}
