//! Selects phones by a query, page by page.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde::de::value::{Error, StrDeserializer};
use transload_provision::catalog::name;
use transload_provision::mac::Mac;
use utoipa::IntoParams;

use crate::bench::views::phone::{HoldCode, PhoneView, Stage};

/// The most phones in one page.
const LARGEST: usize = 1000;

/// A question for phones: each condition narrows it down.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Those in one of these stages.
    #[serde(deserialize_with = "words")]
    #[param(style = Form, explode = false, min_items = 1, value_type = Vec<Stage>)]
    pub stage: BTreeSet<Stage>,
    /// Those held or stuck for one of these reasons.
    #[serde(deserialize_with = "words")]
    #[param(style = Form, explode = false, min_items = 1, value_type = Vec<HoldCode>)]
    pub code: BTreeSet<HoldCode>,
    /// Those of this model, in any spelling: `8851`, `CP-8851-K9=`.
    pub model: Option<String>,
    /// Those with this in their MAC in any spelling, model, serial number, location, address, load or target; letter
    /// case does not matter.
    pub search: Option<String>,
    /// At most so many.
    #[serde(deserialize_with = "page_size")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
    /// Those behind this phone: the last of the page before.
    #[param(value_type = Option<String>, pattern = r"^\s*([Ss][Ee][Pp])?[:. \-]*([0-9A-Fa-f][:. \-]*){12}$")]
    pub after: Option<Mac>,
}

impl Filter {
    /// One page of fitting phones, and whether more follow. `phones` are in order of MAC.
    pub fn page(&self, phones: Vec<PhoneView>) -> (Vec<PhoneView>, bool) {
        let behind = |phone: &PhoneView| self.after.is_none_or(|after| phone.mac > after);
        let mut wanted = phones.into_iter().filter(|phone| behind(phone) && self.matches(phone));
        let page = wanted.by_ref().take(self.limit.unwrap_or(usize::MAX)).collect();
        (page, wanted.next().is_some())
    }

    /// Whether a phone fits the filter.
    pub fn matches(&self, phone: &PhoneView) -> bool {
        let code = phone.hold.as_ref().map(|hold| hold.code);
        let model = phone.model.as_deref().unwrap_or_default();
        (self.stage.is_empty() || self.stage.contains(&phone.stage))
            && (self.code.is_empty() || code.is_some_and(|code| self.code.contains(&code)))
            && self.model.as_deref().is_none_or(|wanted| name::is_same(model, wanted))
            && self.search.as_deref().is_none_or(|text| mentions(phone, text))
    }
}

fn mentions(phone: &PhoneView, text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let digits: String = text.chars().filter(|letter| !matches!(letter, ':' | '-' | '.')).collect();
    let texts = [&phone.model, &phone.serial, &phone.location, &phone.load, &phone.target];
    let digits = digits.trim_start_matches("sep");
    text.is_empty()
        || (!digits.is_empty() && phone.mac.lower().contains(digits))
        || phone.address.is_some_and(|address| address.to_string().contains(&text))
        || texts.into_iter().flatten().any(|known| known.to_lowercase().contains(&text))
}

/// Words separated by commas.
fn words<'de, D: serde::Deserializer<'de>, T: DeserializeOwned + Ord>(
    from: D,
) -> Result<BTreeSet<T>, D::Error> {
    let text = String::deserialize(from)?;
    let word = |word: &str| T::deserialize(StrDeserializer::<Error>::new(word.trim()));
    text.split(',').map(word).collect::<Result<_, _>>().map_err(serde::de::Error::custom)
}

fn page_size<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    let text = String::deserialize(from)?;
    let size = text.parse().ok().filter(|size| (1..=LARGEST).contains(size));
    let wrong =
        || serde::de::Error::custom(format!("limit is a number from 1 to {LARGEST}, and not {text:?}"));
    size.map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use axum::extract::Query;

    use super::*;

    fn phone(mac: &str, stage: &str, more: &serde_json::Value) -> PhoneView {
        let mut phone = serde_json::json!({
            "mac": mac, "model": "8851", "vid": null, "serial": "FCH1", "location": "Room 12", "address": "10.23.45.101",
            "persona": "enterprise", "load": "sip88xx.12-5-1SR1-4", "load_evidence": null, "route": [], "target": null,
            "hop": 0, "hops": 0, "stage": stage, "writing": false, "progress": 0.0, "attempts": 0, "license": "absent",
            "hold": null, "first_seen": null, "last_seen": null
        });
        phone.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(phone).unwrap()
    }

    fn phones() -> Vec<PhoneView> {
        let hold =
            serde_json::json!({"hold": {"code": "no-license", "cause": "a", "cure": "b", "actions": []}});
        vec![
            phone("001234AB4501", "done", &serde_json::json!({"target": "sip88xx.11-2-3MPP-398"})),
            phone("001234AB4502", "held", &hold),
            phone("001234AB4503", "stuck", &serde_json::json!({"model": "7841", "location": null})),
        ]
    }

    fn asked(query: &str) -> Result<Filter, String> {
        let uri = format!("http://localhost/?{query}").parse().unwrap();
        Query::try_from_uri(&uri).map(|Query(filter)| filter).map_err(|error| error.body_text())
    }

    fn found(query: &str) -> (String, bool) {
        let (page, more) = asked(query).unwrap().page(phones());
        (page.iter().map(|phone| phone.mac.to_string()[11..].to_owned()).collect(), more)
    }

    #[test]
    fn phones_are_found_by_what_is_known_of_them() {
        for (query, expected) in [
            ("", "123"),
            ("stage=held,stuck", "23"),
            ("stage=done&code=no-license", ""),
            ("code=no-license,failed", "2"),
            ("model=8851", "12"),
            ("model=885", ""),
            ("search=00:12:34:ab:45:03", "3"),
            ("search=SEP001234ab45", "123"),
            ("search=room%2012", "12"),
            ("search=mpp", "1"),
            ("search=45.101", "123"),
            ("search=nobody", ""),
            ("search=--", ""),
            ("search=", "123"),
        ] {
            assert_eq!(found(query), (expected.to_owned(), false), "{query}");
        }
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        assert_eq!(found("limit=2"), ("12".to_owned(), true));
        assert_eq!(found("limit=2&after=001234AB4502"), ("3".to_owned(), false));
        assert_eq!(found("limit=3"), ("123".to_owned(), false));
        assert_eq!(found("limit=1&stage=held,stuck"), ("2".to_owned(), true));
        assert_eq!(found("limit=1&stage=held,stuck&after=00:12:34:ab:45:02"), ("3".to_owned(), false));
    }

    #[test]
    fn what_is_no_question_is_refused_and_said() {
        for (query, word) in [
            ("stage=dancing", "dancing"),
            ("stage=", "variant"),
            ("code=held", "held"),
            ("limit=0", "1 to 1000"),
            ("limit=-1", "1 to 1000"),
            ("limit=1001", "1 to 1000"),
            ("after=nobody", "nobody"),
            ("stag=held", "stag"),
        ] {
            let why = asked(query).unwrap_err();
            assert!(why.contains(word), "{query}: {why}");
        }
    }
}
