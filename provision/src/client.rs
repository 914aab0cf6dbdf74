//! Reads a client's own description: option 60, option 55, its MAC and its User-Agent.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::catalog::name::{self, Product};
use crate::load::Side;
use crate::mac::Mac;
use crate::text;

/// The longest model kept without being understood, in characters.
const MAX_MODEL: usize = 40;

/// What a phone is behaving as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Persona {
    /// Enterprise firmware.
    Enterprise,
    /// A transition load; on the wire it is not told from Multiplatform firmware.
    Transition,
    /// MPP.
    Multiplatform,
    /// A Cisco device that does not tell.
    Unknown,
}

impl Persona {
    /// The side of the persona.
    pub fn side(self) -> Option<Side> {
        match self {
            Self::Enterprise => Some(Side::Enterprise),
            Self::Transition | Self::Multiplatform => Some(Side::Multiplatform),
            Self::Unknown => None,
        }
    }
}

/// A client's own description. None of it is proof: all of it can be configured or made up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// The persona.
    pub persona: Persona,
    /// The model in one word, `8851NR`, `SPA504G`; the whole text if it was not understood.
    pub model: Option<String>,
    /// The MAC in the text.
    pub mac: Option<Mac>,
    /// The release in the text, without build: `11.0.1`.
    pub version: Option<String>,
}

/// The signal of a Cisco phone or adapter in a DHCP message: vendor class (option 60), parameter request list (option
/// 55) and MAC together. `None` if nothing indicates one.
///
/// Every TR-069 client sends `dslforum.org`, so it counts only with a Cisco MAC. If the vendor class leaves the
/// persona open, the request list decides. If an Enterprise name comes with a request for 159 or 160, the persona
/// stays open (such lists were seen on 7841, 8841 and 8851).
pub fn dhcp(vendor: Option<&[u8]>, requests: &[u8], mac: Mac) -> Option<Signal> {
    said_by_dhcp(vendor?, requests, mac).map(Signal::from)
}

fn said_by_dhcp(vendor: &[u8], requests: &[u8], mac: Mac) -> Option<ParsedVendorClass> {
    let mut said = said(vendor)?;
    if said.model.is_none() && said.persona == Persona::Multiplatform && !is_cisco_oui(mac.oui()) {
        return None;
    }
    let ours = said.model.as_deref().is_none_or(is_ours);
    said.persona = match (said.persona, request_list(requests)) {
        (Persona::Unknown, Some(hint)) if ours => hint,
        (Persona::Enterprise, Some(Persona::Multiplatform)) => Persona::Unknown,
        (said, _) => said,
    };
    Some(said)
}

/// True if a DHCP message comes from a phone by its own content: its vendor class or, since some phones send none, a
/// Cisco MAC with a phone's request list.
pub fn is_phone(vendor: Option<&[u8]>, requests: &[u8], mac: Mac) -> bool {
    vendor.is_some_and(|vendor| said_by_dhcp(vendor, requests, mac).is_some())
        || (vendor.is_none() && is_cisco_oui(mac.oui()) && request_list(requests).is_some())
}

/// The persona by which a phone is steered if this is its first DHCP message and nothing else is known; `None` for
/// other clients. It equals the judgment of a journey with this one fact.
pub fn first_contact(vendor: Option<&[u8]>, requests: &[u8], mac: Mac) -> Option<Persona> {
    match vendor {
        Some(vendor) => said_by_dhcp(vendor, requests, mac).map(|said| said.persona),
        None => request_list(requests).filter(|_| is_cisco_oui(mac.oui())),
    }
}

/// The signal in option 60; `None` if it names no Cisco phone or adapter.
///
/// Forms seen: `Cisco Systems, Inc. IP Phone CP-8841` (Enterprise, in several spellings), `CP-8851-3PCC` alone or at
/// the end (MPP), `dslforum.org` (MPP with TR-069; check the MAC as well, as [`dhcp`] does). Trailing NULs do not
/// count. Phones of other series have persona [`Persona::Unknown`] and their model.
pub fn vendor_class(value: &[u8]) -> Option<Signal> {
    said(value).map(Signal::from)
}

/// A vendor class, parsed; this happens for each DHCP message.
struct ParsedVendorClass {
    persona: Persona,
    model: Option<String>,
}

impl From<ParsedVendorClass> for Signal {
    fn from(said: ParsedVendorClass) -> Self {
        Self { persona: said.persona, model: said.model, mac: None, version: None }
    }
}

fn said(value: &[u8]) -> Option<ParsedVendorClass> {
    let end = value.iter().rposition(|byte| *byte != 0)? + 1;
    let text = std::str::from_utf8(&value[..end]).ok().filter(|text| text.len() <= 255)?.trim();
    if text.eq_ignore_ascii_case("dslforum.org") {
        return Some(ParsedVendorClass { persona: Persona::Multiplatform, model: None });
    }
    let part = ["CP-", "DP-", "WP-"].iter().any(|part| strip(text, part).is_some());
    let maker = strip(text, "Cisco ");
    if !part && maker.is_none() {
        return None;
    }
    let product = name::read(text);
    let company = ["Systems, Inc.", "Systems Inc.", "System, Inc.", "System Inc."];
    if maker.is_some_and(|rest| company.iter().any(|company| strip(rest, company).is_some())) {
        // Cisco's own words without a readable model are still a Cisco device. An unreadable part number may belong
        // to another series.
        let Some(product) = product else {
            let part = |word: &&str| strip(word, "CP-").is_some_and(|rest| rest.contains(char::is_numeric));
            let model = text
                .split_whitespace()
                .find(part)
                .map(|word| text::line(word).chars().take(MAX_MODEL).collect());
            return Some(ParsedVendorClass { persona: Persona::Unknown, model });
        };
        return Some(told(&product, text, Persona::Enterprise));
    }
    // Cisco's routers and access points have names with numbers too.
    let product = product.filter(Product::is_phone)?;
    let phone = || text.split_whitespace().any(|word| word.eq_ignore_ascii_case("phone"));
    let series = product.number.starts_with(|c: char| c.is_ascii_alphabetic());
    (part || product.multiplatform || series || phone()).then(|| told(&product, text, Persona::Unknown))
}

/// The persona and model of a product. Text that is not understood is kept as it is, so that a person is asked about
/// it.
fn told(product: &Product, text: &str, otherwise: Persona) -> ParsedVendorClass {
    // From the word with the number on.
    let unclear = || {
        let number = text.find(&product.number).unwrap_or_default();
        let before = text[..number].rsplit(char::is_whitespace).next().unwrap_or_default();
        text::line(&text[number - before.len()..]).chars().take(MAX_MODEL).collect()
    };
    let model = if product.is_phone() { product.model() } else { unclear() };
    ParsedVendorClass { persona: persona(product, otherwise), model: Some(model) }
}

/// The persona that option 55 suggests: MPP asks for 159 or 160; Enterprise firmware asks for 150 and neither.
pub fn request_list(codes: &[u8]) -> Option<Persona> {
    if codes.contains(&160) || codes.contains(&159) {
        Some(Persona::Multiplatform)
    } else {
        codes.contains(&150).then_some(Persona::Enterprise)
    }
}

/// The signal in a User-Agent: `Cisco-CP-8841-3PCC/11.0 (00562b043615)` from MPP over HTTP, the same with
/// `/12.0.3_dcf719f39350_…` over SIP, and `Cisco-CP7821/12.1.1` from Enterprise firmware over SIP.
pub fn user_agent(text: &str) -> Option<Signal> {
    let rest = strip(text.get(..200).unwrap_or(text).trim(), "Cisco-CP")?;
    let (name, rest) = rest.split_once('/')?;
    let product = name::read(name)?;
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
    let (version, rest) = rest.split_at(end);
    let end_of_version = rest.chars().next().is_none_or(|c| matches!(c, ' ' | '_'));
    let word = rest.trim_start_matches([' ', '(', '_']).split([')', '_', ' ']).next();
    let digits = word.filter(|word| word.len() == 12);
    let ParsedVendorClass { persona, model } = told(&product, name, Persona::Enterprise);
    Some(Signal {
        persona,
        model,
        mac: digits
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|mac| mac.parse().ok()),
        version: (end_of_version && !version.is_empty()).then(|| version.to_owned()),
    })
}

/// True if the prefix is registered to Cisco Systems. Phones have no range of their own among its thousand.
pub fn is_cisco_oui(oui: [u8; 3]) -> bool {
    static PREFIXES: LazyLock<BTreeSet<[u8; 3]>> = LazyLock::new(|| {
        include_str!("../catalog/cisco-oui.txt")
            .lines()
            .filter_map(|line| u32::from_str_radix(line.trim(), 16).ok())
            .map(|prefix| [(prefix >> 16) as u8, (prefix >> 8) as u8, prefix as u8])
            .collect()
    });
    PREFIXES.contains(&oui)
}

/// A phone of another series is never taken for one of ours, whatever its firmware.
fn persona(product: &Product, otherwise: Persona) -> Persona {
    match (product.is_of_our_series(), product.multiplatform) {
        (false, _) => Persona::Unknown,
        (true, true) => Persona::Multiplatform,
        (true, false) => otherwise,
    }
}

/// True for the 7800 and 8800 series.
fn is_ours(model: &str) -> bool {
    name::read(model).is_some_and(|product| product.is_of_our_series())
}

/// The rest after a prefix, in any letter case.
fn strip<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests;
