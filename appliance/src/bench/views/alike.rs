//! Groups phones with the same hold or stage for the page, the commands and the report.

use transload_provision::mac::Mac;

/// Stands for the phone's own MAC in a text about several phones.
const SOME_MAC: &str = "<MAC>";

/// Replaces the phone's own MAC by the placeholder.
pub fn general(text: &str, mac: Mac) -> String {
    text.replace(&mac.to_string(), SOME_MAC)
}

/// Replaces the placeholder by the MAC if there is only one phone.
pub fn particular(text: &str, macs: &[Mac]) -> String {
    match macs {
        [only] => text.replace(SOME_MAC, &only.to_string()),
        _ => text.to_owned(),
    }
}

/// Groups items by key, in the order of each key's first item.
pub fn grouped<K: PartialEq, V>(things: impl Iterator<Item = (K, V)>) -> Vec<(K, Vec<V>)> {
    let mut groups: Vec<(K, Vec<V>)> = Vec::new();
    for (key, thing) in things {
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(thing),
            None => groups.push((key, vec![thing])),
        }
    }
    groups
}
