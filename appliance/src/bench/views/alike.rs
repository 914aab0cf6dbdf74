//! Phones that fare alike stand together where people look at them.

use transload_provision::mac::Mac;

/// What stands for a phone's own address in words that hold for several.
const SOME_MAC: &str = "<MAC>";

/// Words about one phone, made to hold for others of its kind.
pub fn general(text: &str, mac: Mac) -> String {
    text.replace(&mac.to_string(), SOME_MAC)
}

/// Such words about these phones: where it is only one, it is named.
pub fn particular(text: &str, macs: &[Mac]) -> String {
    match macs {
        [only] => text.replace(SOME_MAC, &only.to_string()),
        _ => text.to_owned(),
    }
}

/// Things by what they have in common, in the order of the first of each.
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
