//! Selects phones by the operator's filters.

use clap::Args;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use transload_provision::catalog::name;
use transload_provision::mac::Mac;
use utoipa::ToSchema;

use crate::bench::views::phone::{HoldCode, PhoneView, Stage};

/// The phones that fit all that is said here; of several values of one kind, any.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Args, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Selection {
    /// These, in any spelling of their MAC addresses
    #[arg(value_name = "MAC")]
    #[schema(value_type = Vec<MacSpelling>, example = json!(["001234AB45DE"]))]
    pub mac: Vec<Mac>,
    /// Of this model, such as 8851 or CP-8851-K9=; may be given again
    #[arg(long, value_name = "MODEL")]
    pub model: Vec<String>,
    /// In this stage: absent, seen, moving, crossing, done, held or stuck; may be given again
    #[arg(long, value_name = "STAGE", value_parser = word::<Stage>)]
    pub stage: Vec<Stage>,
    /// Held or stuck by this code, such as no-license; may be given again
    #[arg(long, value_name = "CODE", value_parser = word::<HoldCode>)]
    pub code: Vec<HoldCode>,
    /// With this in its location, in any letter case
    #[arg(long, value_name = "TEXT")]
    pub location: Option<String>,
    /// All that fit the rest, or simply all
    #[arg(long)]
    pub all: bool,
}

/// A MAC address, in any common spelling.
#[derive(ToSchema)]
#[schema(pattern = r"^([Ss][Ee][Pp])?[:. \-]*([0-9A-Fa-f][:. \-]*){12}$")]
#[allow(dead_code)] // for the API's description alone
pub struct MacSpelling(String);

/// The result of a selection.
pub struct Selected {
    /// The phones, by MAC.
    pub phones: Vec<PhoneView>,
    /// Named addresses that no phone has.
    pub unknown: Vec<Mac>,
}

fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let word = serde_json::Value::String(text.to_ascii_lowercase());
    serde_json::from_value(word).map_err(|error| error.to_string())
}

impl Selection {
    /// True for a selection without any filter, which does not mean all phones.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// True if the phone passes all filters.
    pub fn fits(&self, phone: &PhoneView) -> bool {
        let model = |of: &String| phone.model.as_ref().is_some_and(|model| name::is_same(model, of));
        let place = |text: &str| {
            let location = phone.location.as_deref().unwrap_or_default();
            location.to_lowercase().contains(&text.to_lowercase())
        };
        (self.mac.is_empty() || self.mac.contains(&phone.mac))
            && (self.model.is_empty() || self.model.iter().any(model))
            && (self.stage.is_empty() || self.stage.contains(&phone.stage))
            && (self.code.is_empty()
                || phone.hold.as_ref().is_some_and(|hold| self.code.contains(&hold.code)))
            && self.location.as_deref().is_none_or(place)
    }

    /// The selected phones among `phones`.
    pub fn of(&self, phones: Vec<PhoneView>) -> Selected {
        let is_known = |mac: &&Mac| phones.iter().any(|phone| phone.mac == **mac);
        let unknown = self.mac.iter().filter(|mac| !is_known(mac)).copied().collect();
        Selected { phones: phones.into_iter().filter(|phone| self.fits(phone)).collect(), unknown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(mac: &str, model: &str, location: &str, hold: Option<&str>) -> PhoneView {
        let hold =
            hold.map_or("null".to_owned(), |code| format!(r#"{{"code":"{code}","cause":"c","cure":"c"}}"#));
        let stage = if hold == "null" { "moving" } else { "held" };
        let json = format!(
            r#"{{"mac":"{mac}","model":"{model}","vid":null,"serial":null,"location":"{location}","address":null,
            "persona":"enterprise","load":null,"load_evidence":null,"route":[],"target":null,"hop":1,"hops":2,
            "writing":true,"progress":0.41,"attempts":1,"license":"absent","first_seen":null,"last_seen":null,
            "stage":"{stage}","hold":{hold}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    fn phones() -> Vec<PhoneView> {
        vec![
            phone("001234AB45DE", "8851", "Berlin, 3rd floor", Some("no-license")),
            phone("001234AB45DF", "8851NR", "BERLIN, lobby", Some("operator")),
            phone("001234AB45E0", "7841", "Köln", None),
        ]
    }

    #[test]
    fn filters_narrow_one_another_and_values_of_one_widen() {
        let last = |selection: Selection| -> Vec<String> {
            let macs = selection.of(phones()).phones.into_iter();
            macs.map(|phone| phone.mac.to_string()[10..].to_owned()).collect()
        };
        let model = |models: &[&str]| models.iter().map(|model| (*model).to_owned()).collect::<Vec<_>>();
        let any = Selection::default;
        assert_eq!(last(Selection { model: model(&["8851"]), ..any() }), ["DE"]);
        assert_eq!(last(Selection { model: model(&["8851nr", "7841"]), ..any() }), ["DF", "E0"]);
        assert_eq!(last(Selection { model: model(&["CP-8851-NR-K9", "Cisco 7841"]), ..any() }), ["DF", "E0"]);
        assert_eq!(last(Selection { model: model(&["CP-8851-K9++=", "8851-BEKEM"]), ..any() }), ["DE"]);
        assert_eq!(last(Selection { location: Some("berlin".into()), ..any() }), ["DE", "DF"]);
        assert_eq!(last(Selection { location: Some("KÖLN".into()), ..any() }), ["E0"]);
        let held = Selection { stage: vec![Stage::Held], code: vec![HoldCode::Operator], ..any() };
        assert_eq!(last(held), ["DF"]);
        assert_eq!(last(Selection { all: true, stage: vec![Stage::Moving], ..any() }), ["E0"]);
        let stranger = Mac([0; 6]);
        let named = Selection { mac: vec![stranger, phones()[0].mac], ..any() }.of(phones());
        assert_eq!((named.phones.len(), named.unknown), (1, vec![stranger]));
        assert!(any().is_empty() && !Selection { all: true, ..any() }.is_empty());
    }

    #[test]
    fn a_filter_that_is_misspelled_is_refused_and_widens_nothing() {
        for wrong in [r#"{"modell":["8851"]}"#, r#"{"stage":["hold"]}"#, r#"{"mac":["x"]}"#] {
            assert!(serde_json::from_str::<Selection>(wrong).is_err(), "{wrong}");
        }
        assert_eq!(word::<Stage>("HELD"), Ok(Stage::Held));
        assert!(word::<HoldCode>("no-licence").unwrap_err().contains("no-license"));
    }
}
