//! DHCP options in the configuration: by field name or number, with a value of the option's type.

use std::net::Ipv4Addr;

use toml::Value;

use super::validate::Findings;
use super::values::{Hex, Written};
use super::written::Options;

/// One option, as it goes on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhcpOption {
    /// Its number.
    pub code: u8,
    /// Its content.
    pub value: Vec<u8>,
}

/// The options that tell a phone where to boot from. They never go to anything that is not a classified phone.
const OF_PHONES: [u8; 4] = [66, 150, 159, 160];

/// Options for every client of a network: the phones' four are refused.
pub(super) fn common(written: Options, key: &str, f: &mut Findings<'_>) -> Vec<DhcpOption> {
    let places: Vec<_> = written.keys().map(toml::Spanned::span).collect();
    let options = encode_all(written, key, f);
    for (place, option) in places.into_iter().zip(&options) {
        if let Some(DhcpOption { code, .. }) =
            option.as_ref().filter(|option| OF_PHONES.contains(&option.code))
        {
            f.problem(
                place,
                &format!(
                    "{key}: option {code} tells phones where to boot from and cannot be set for every client"
                ),
                "leave it out: phones are given it by what they are; or set it in a [[dhcp.class]]",
            );
        }
    }
    options.into_iter().flatten().collect()
}

/// Options for chosen clients.
pub(super) fn of_phones(written: Options, key: &str, f: &mut Findings<'_>) -> Vec<DhcpOption> {
    encode_all(written, key, f).into_iter().flatten().collect()
}

fn encode_all(written: Options, key: &str, f: &mut Findings<'_>) -> Vec<Option<DhcpOption>> {
    let mut encode_one = |(name, value): (toml::Spanned<String>, toml::Spanned<Value>)| {
        let span = name.span();
        encode(name.get_ref(), value.get_ref())
            .map_err(|(cause, cure)| f.problem(span, &format!("{key}: {cause}"), cure))
            .ok()
    };
    written.into_iter().map(&mut encode_one).collect()
}

fn encode(name: &str, value: &Value) -> Result<DhcpOption, (String, String)> {
    const NAMES: [(&str, u8); 8] = [
        ("time-offset", 2),
        ("router", 3),
        ("dns", 6),
        ("log", 7),
        ("host-name", 12),
        ("domain", 15),
        ("mtu", 26),
        ("ntp", 42),
    ];
    let code = name
        .parse::<u8>()
        .ok()
        .or_else(|| NAMES.iter().find(|known| known.0 == name).map(|known| known.1));
    let code = code.ok_or_else(|| {
        (
            format!("there is no option {name:?}"),
            "write its number".to_owned(),
        )
    })?;
    let bytes = match value {
        Value::String(text) => Hex::read(text)
            .map(|hex| hex.0)
            .or_else(|| Some(text.clone().into_bytes())),
        Value::Array(list) => list
            .iter()
            .map(|item| {
                item.as_str()
                    .and_then(Ipv4Addr::read)
                    .map(|address| address.octets())
            })
            .collect::<Option<Vec<_>>>()
            .map(|octets| octets.concat()),
        _ => None,
    };
    let value = bytes.ok_or_else(|| {
        (
            format!("{name} has a value of another type"),
            "write text or addresses".to_owned(),
        )
    })?;
    Ok(DhcpOption { code, value })
}
