//! Reads a Cisco phone's description of itself in a REGISTER (cisco-phones §13).

use super::message::Message;
use crate::mac::Mac;

/// The longest text kept, in bytes.
const LONGEST: usize = 80;

/// A phone's description of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PhoneDescription {
    /// The MAC address in its device name, `SEP001234AB45DE`.
    pub device: Option<Mac>,
    /// The MAC in its instance, which is burned in.
    pub instance: Option<Mac>,
    /// A different device name in its Reason.
    pub other: Option<String>,
    /// `ActiveLoad`, or `Load` of older firmware, as written.
    pub active: Option<String>,
    /// `InactiveLoad`.
    pub inactive: Option<String>,
    /// The model's number in call managers.
    pub model: Option<u32>,
    /// The reason of its last start.
    pub last: Option<String>,
    /// The URI of its Contact.
    pub contact: Option<String>,
}

/// Reads `Contact` and `Reason`.
pub fn said(register: &Message) -> PhoneDescription {
    let contact = register.header("Contact").unwrap_or_default();
    let (uri, parameters) = contact_uri(contact);
    let parameter = |name: &str| {
        let found = split(parameters, ';').into_iter().find_map(|part| {
            let (key, value) = part.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then_some(value.trim().trim_matches('"'))
        });
        found.map(shorten)
    };
    let instance = parameter("+sip.instance").and_then(|urn| {
        let urn = urn.trim_matches(['<', '>']).to_owned();
        urn.rsplit('-').next()?.parse().ok()
    });
    let device = parameter("+u.sip!devicename.ccm.cisco.com");
    let alarm = register.all("Reason").find_map(alarm).unwrap_or_default();
    let told = |name: &str| {
        let value = alarm.split_whitespace().find_map(|word| {
            let (key, value) = word.split_once('=')?;
            key.eq_ignore_ascii_case(name).then_some(value)
        });
        value.filter(|value| !value.is_empty()).map(shorten)
    };
    let named = told("Name");
    let device = device.or_else(|| named.clone());
    PhoneDescription {
        instance,
        other: named.filter(|named| Some(named) != device.as_ref()),
        device: device.and_then(|device| device.strip_prefix("SEP")?.parse().ok()),
        active: told("ActiveLoad").or_else(|| told("Load")),
        inactive: told("InactiveLoad"),
        model: parameter("+u.sip!model.ccm.cisco.com").and_then(|model| model.parse().ok()),
        last: told("Last"),
        contact: uri.map(|uri| uri.chars().take(2 * LONGEST).collect()),
    }
}

/// The text of an alarm in a Reason: `SIP;cause=200;text="cisco-alarm:23 Name=… Last=…"`.
fn alarm(reason: &str) -> Option<String> {
    let text = split(reason, ';').into_iter().find_map(|part| part.trim().strip_prefix("text="))?;
    let text = text.trim().trim_matches('"');
    text.starts_with("cisco-alarm:").then(|| text.to_owned())
}

/// A Contact's URI and the rest.
fn contact_uri(contact: &str) -> (Option<&str>, &str) {
    match contact.split_once('<') {
        Some((before, rest)) if !before.contains(';') => match rest.split_once('>') {
            Some((uri, parameters)) => (Some(uri), parameters),
            None => (None, ""),
        },
        _ => match contact.split_once(';') {
            Some((uri, parameters)) => (Some(uri.trim()), parameters),
            None => (Some(contact.trim()).filter(|uri| !uri.is_empty()), ""),
        },
    }
}

/// The parts between unquoted separators.
pub(super) fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => {
                parts.push(&text[from..at]);
                from = at + character.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

fn shorten(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
