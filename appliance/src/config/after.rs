//! `[after]`: what a finished phone is told.

use std::collections::BTreeMap;

use toml::Spanned;
use transload_provision::catalog::{Catalog, name};
use transload_provision::mac::Mac;
use transload_provision::settings::{After, Home};

use super::section::Section;
use super::values::{TextValue, plain};

type WrittenProfile = BTreeMap<Spanned<String>, Spanned<String>>;

pub(super) fn read(s: &mut Section<'_>) -> After {
    let all = home(s, "after");
    let mut models: BTreeMap<String, Home> = BTreeMap::new();
    let tables = s.named_tables(
        "model",
        "# The same keys for one model, and for one phone, which come before those for all.
        #[after.model.8832]",
        |s, name| Some((name.clone(), home(s, &format!("after.model.{}", name.get_ref())))),
    );
    for (written, home) in tables {
        let Some(model) = name::canonical(written.get_ref()) else {
            let cause = format!("after.model: {}", Catalog::current().question(written.get_ref()).cause());
            let cure = "name a model, as in [after.model.8851]; any spelling of it will do";
            s.problem(written.span(), &cause, cure);
            continue;
        };
        if models.insert(model.clone(), home).is_some() {
            let cause = format!("after.model: {} is {model}, which has a table already", written.get_ref());
            s.problem(written.span(), &cause, "put the two tables together");
        }
    }
    let phones = s.named_tables("mac", r#"#[after.mac."00:12:34:ab:45:de"]"#, |s, written| {
        let Some(mac) = Mac::read(written.get_ref()) else {
            s.misnamed(written.span(), Mac::LOOKS);
            return None;
        };
        Some((mac, home(s, &format!("after.mac.{mac}"))))
    });
    After { all, models, phones: phones.into_iter().collect() }
}

fn home(s: &mut Section<'_>, key: &str) -> Home {
    let written: Option<WrittenProfile> = s
        .key("profile")
        .text(
            "{column} in a parameter is filled in from the phone's line of the roster, any column of your own included ({{ is a brace);
            a parameter that the roster does not fill is left out. {mac} and {model} are always known.",
        )
        .optional(r#"{ Profile_Rule = "https://provisioning.example/$PSN.xml", GPP_A = "{extension}" }"#);
    let mut profile = BTreeMap::new();
    for (name, value) in written.unwrap_or_default() {
        let text = name.get_ref();
        let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !first || !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) {
            let cause = format!("{key}.profile: {text:?} is no profile parameter");
            let cure = "write the parameter's name as in a phone's profile, such as Profile_Rule";
            s.problem(name.span(), &cause, cure);
        }
        if value.get_ref().chars().any(char::is_control) {
            let cause = format!("{key}.profile.{text} holds a control character");
            s.problem(value.span(), &cause, "write printable text in one line");
        }
        profile.insert(name.into_inner(), value.into_inner());
    }
    let call_manager = s.key("call-manager").optional(r#"["192.0.2.10"]"#).map(plain).unwrap_or_default();
    Home { profile, call_manager }
}
