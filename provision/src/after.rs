//! Settings that finished phones get, so that they find their new server.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::catalog::name;
use crate::documents::check_parameters;
use crate::mac::Mac;
use crate::roster::Entry;

/// The destination of phones: all, those of one model, or one phone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Home {
    /// Profile parameters for the Multiplatform side, by element name. `{column}` in a value stands for the phone's
    /// cell in that roster column, `{{` for a brace.
    pub profile: BTreeMap<String, String>,
    /// Call managers for the Enterprise side, the preferred one first.
    pub call_manager: Vec<Ipv4Addr>,
}

/// All destinations. A setting for one phone overrides one for its model, which overrides one for all, parameter by
/// parameter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct After {
    /// Settings of all phones.
    pub all: Home,
    /// Settings by model, in any spelling.
    pub models: BTreeMap<String, Home>,
    /// Settings by phone.
    pub phones: BTreeMap<Mac, Home>,
}

/// The profile parameters of one phone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Parameters with a value, by element name.
    pub filled: BTreeMap<String, String>,
    /// Parameters without a value, by element name, each with the roster columns that are empty for the phone; no
    /// columns if a profile cannot hold the value.
    pub unfilled: BTreeMap<String, Vec<String>>,
}

impl Parameters {
    /// True if the parameters name a profile source (`Profile_Rule`, `Profile_Rule_B` to `Profile_Rule_D`). A phone
    /// that was provisioned by DHCP does not ask Cisco's redirection service by itself.
    pub fn name_a_server(&self) -> bool {
        self.filled.keys().any(|name| name.starts_with("Profile_Rule"))
    }
}

impl After {
    /// The settings for a phone, the most specific first.
    fn homes(&self, mac: Mac, model: Option<&str>) -> impl Iterator<Item = &Home> {
        let named = |model| self.models.iter().find(|(name, _)| name::is_same(name, model));
        let by_model = model.and_then(named).map(|(_, home)| home);
        self.phones.get(&mac).into_iter().chain(by_model).chain([&self.all])
    }

    /// The call managers of a phone; empty if none is set.
    pub fn call_managers(&self, mac: Mac, model: Option<&str>) -> &[Ipv4Addr] {
        let written = self.homes(mac, model).map(|home| home.call_manager.as_slice());
        written.into_iter().find(|list| !list.is_empty()).unwrap_or_default()
    }

    /// The profile parameters of a phone. A parameter with an unfilled placeholder is left out: Cisco's default is
    /// better than half a value.
    pub fn parameters(&self, mac: Mac, model: Option<&str>, entry: Option<&Entry>) -> Parameters {
        let mut written: BTreeMap<&String, &String> = BTreeMap::new();
        for (name, value) in self.homes(mac, model).flat_map(|home| &home.profile) {
            written.entry(name).or_insert(value);
        }
        let mut parameters = Parameters::default();
        for (name, value) in written {
            let filled = fill(value, |column| column_of(column, mac, model, entry));
            let usable =
                |value: &String| check_parameters(&BTreeMap::from([(name.clone(), value.clone())])).is_ok();
            match filled {
                Ok(value) if usable(&value) => _ = parameters.filled.insert(name.clone(), value),
                Ok(_) => _ = parameters.unfilled.insert(name.clone(), Vec::new()),
                Err(columns) => _ = parameters.unfilled.insert(name.clone(), columns),
            }
        }
        parameters
    }
}

fn column_of(column: &str, mac: Mac, model: Option<&str>, entry: Option<&Entry>) -> Option<String> {
    let column = column.trim().to_ascii_lowercase();
    match column.as_str() {
        "mac" => return Some(mac.to_string()),
        "model" => return model.map(str::to_owned).or_else(|| entry?.model.clone()),
        _ => {}
    }
    let entry = entry?;
    match column.as_str() {
        "vid" => entry.vid.map(|vid| vid.to_string()),
        "serial" => entry.serial.clone(),
        "location" => entry.location.clone(),
        "note" => entry.note.clone(),
        "address" => entry.address.map(|address| address.to_string()),
        _ => entry.more.get(&column).cloned(),
    }
}

/// Replaces placeholders. A brace that is never closed stands for itself.
///
/// # Errors
/// The placeholders without a value.
fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, Vec<String>> {
    let mut filled = String::with_capacity(text.len());
    let mut without = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        let doubled = from.starts_with("{{") || from.starts_with("}}");
        rest = match from.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            _ if doubled => {
                filled.push_str(&from[..1]);
                &from[2..]
            }
            Some((column, after)) => {
                match value(column) {
                    Some(value) => filled.push_str(&value),
                    None => without.push(column.trim().to_ascii_lowercase()),
                }
                after
            }
            None => {
                filled.push_str(&from[..1]);
                &from[1..]
            }
        };
    }
    filled.push_str(rest);
    if without.is_empty() { Ok(filled) } else { Err(without) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster;

    const MAC: Mac = Mac([0x00, 0x12, 0x34, 0xab, 0x45, 0xde]);

    fn profile(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_most_special_counts_and_the_roster_fills_in() {
        let all = Home {
            profile: profile(&[
                ("Profile_Rule", "https://provisioning.example/{MAC}.xml?s={{{serial}}}"),
                ("GPP_A", "{extension}"),
                ("GPP_B", "general"),
                ("GPP_C", "{floor}"),
            ]),
            call_manager: vec![Ipv4Addr::new(192, 0, 2, 10)],
        };
        let model = Home { profile: profile(&[("GPP_B", "{model} in {location}")]), ..Home::default() };
        let phone = Home { call_manager: vec![Ipv4Addr::new(192, 0, 2, 99)], ..Home::default() };
        let after = After { all, models: [("8851".to_owned(), model)].into(), phones: [(MAC, phone)].into() };
        let roster = roster::parse(
            b"mac,serial,location,extension,floor\n001234ab45de,FCH1,Room 1,4711,\n001234ab45df,,,,\n",
        );
        let parameters = after.parameters(MAC, Some("8851"), roster.entries.first());
        let expected = [
            ("Profile_Rule", "https://provisioning.example/001234AB45DE.xml?s={FCH1}"),
            ("GPP_A", "4711"),
            ("GPP_B", "8851 in Room 1"),
        ];
        assert_eq!(parameters.filled, profile(&expected));
        assert_eq!(parameters.unfilled, [("GPP_C".to_owned(), vec!["floor".to_owned()])].into());
        let other = roster.entries[1].mac;
        let parameters = after.parameters(other, Some("7841"), roster.entries.get(1));
        assert_eq!(parameters.filled, profile(&[("GPP_B", "general")]));
        let lacking: Vec<_> =
            parameters.unfilled.iter().map(|(name, columns)| (&**name, columns.join(","))).collect();
        assert_eq!(
            lacking,
            [("GPP_A", "extension"), ("GPP_C", "floor"), ("Profile_Rule", "serial")]
                .map(|(name, column)| (name, column.to_owned()))
        );
        assert!(!parameters.name_a_server(), "half a rule is none");
        assert_eq!(after.call_managers(MAC, Some("8851")), [Ipv4Addr::new(192, 0, 2, 99)]);
        assert_eq!(after.call_managers(other, Some("8851")), [Ipv4Addr::new(192, 0, 2, 10)]);
    }

    #[test]
    fn what_no_profile_can_hold_is_left_out() {
        let home =
            Home { profile: profile(&[("GPP_A", "{location}"), ("GPP_B", "a { b }")]), ..Home::default() };
        let after = After { all: home, ..After::default() };
        let roster = roster::parse("mac,location\n001234ab45de,Zürich\n".as_bytes());
        let parameters = after.parameters(MAC, None, roster.entries.first());
        let told: Vec<_> =
            parameters.unfilled.iter().map(|(name, columns)| (&**name, columns.join(","))).collect();
        let expected = [("GPP_A", ""), ("GPP_B", "b")];
        assert_eq!(
            told,
            expected.map(|(name, columns)| (name, columns.to_owned())),
            "Z\u{fc}rich is not ASCII"
        );
        assert_eq!(after.parameters(MAC, None, None).filled, BTreeMap::new());
        assert_eq!(fill("a } b { c", |_| None).as_deref(), Ok("a } b { c"));
    }
}
