//! Values of the four steering options, as users write them.

use std::net::Ipv4Addr;

use super::{SECOND_URL, SERVER_ADDRESSES, SERVER_NAME, URL, steers};

/// A value as written in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionValue {
    /// `"http://10.23.45.67"`.
    Text(String),
    /// `["10.23.45.67"]`.
    Addresses(Vec<Ipv4Addr>),
}

/// A defect of a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// The option is not one of the four.
    #[error("option {0} is not one of those that steer phones (66, 150, 159, 160)")]
    NotAPhoneOption(u8),
    /// The option is set for more clients than phones.
    #[error(
        "option {code} steers phones and cannot be set in {place}, where everything else would get it too"
    )]
    TooGeneral {
        /// The option.
        code: u8,
        /// Where it was set.
        place: String,
    },
    /// Addresses are given where text is needed.
    #[error("option {0} is text, not a list of addresses")]
    NeedsText(u8),
    /// The value is empty.
    #[error("option {0} has no value")]
    Empty(u8),
    /// The value is longer than an option.
    #[error("the value of option {code} has {length} bytes, and phones read 255 at most")]
    TooLong {
        /// The option.
        code: u8,
        /// Its length in bytes.
        length: usize,
    },
    /// The text is not a URL that phones accept.
    #[error("option {code} has {part:?}, which is no URL")]
    NotAUrl {
        /// The option.
        code: u8,
        /// The part.
        part: String,
    },
    /// The text is neither a URL nor an address.
    #[error("option {code} has {part:?}, which is neither a URL nor an address")]
    NeitherUrlNorAddress {
        /// The option.
        code: u8,
        /// The part.
        part: String,
    },
    /// The text is not a server that phones accept.
    #[error("option {code} has {part:?}, which is no address, host name or URL")]
    NotAServer {
        /// The option.
        code: u8,
        /// The part.
        part: String,
    },
}

impl OptionError {
    /// The cure, as a clause.
    pub fn cure(&self) -> String {
        match self {
            Self::NotAPhoneOption(..) => "set it by its own type".to_owned(),
            Self::TooGeneral { .. } => "set it in a [[dhcp.class]] or a [[dhcp.reservation]]".to_owned(),
            Self::NeedsText(..) => "write it in quotes, without brackets".to_owned(),
            Self::Empty(..) => "give it one or leave it out".to_owned(),
            Self::TooLong { .. } => "shorten it".to_owned(),
            Self::NotAUrl { .. } => "write it as http://10.23.45.67 or http://10.23.45.67/path".to_owned(),
            Self::NeitherUrlNorAddress { .. } => "write it as http://10.23.45.67 or 10.23.45.67".to_owned(),
            Self::NotAServer { .. } => "write it as 10.23.45.67 or http://10.23.45.67".to_owned(),
        }
    }
}

/// The bytes of one of the phones' four options. Text has no NUL at the end (RFC 2132 §2).
///
/// - 66: an address, a host name or a URL, as text.
/// - 150: a list of addresses is sent as 4 bytes each, the form Enterprise phones need (RFC 5859 §3). Text is for
///   Multiplatform phones alone: URLs or addresses, joined by `;`.
/// - 159 and 160: a URL.
pub fn phone_option(code: u8, value: &OptionValue) -> Result<Vec<u8>, OptionError> {
    let bytes = match (code, value) {
        (SERVER_ADDRESSES, OptionValue::Addresses(list)) => addresses(list),
        (SERVER_NAME | SECOND_URL | URL, OptionValue::Addresses(_)) => {
            return Err(OptionError::NeedsText(code));
        }
        (_, OptionValue::Text(text)) if text.is_empty() => return Err(OptionError::Empty(code)),
        (SERVER_NAME, OptionValue::Text(text)) => {
            if !is_url(text) && !is_host(text) {
                return Err(OptionError::NotAServer { code, part: shorten(text) });
            }
            text.clone().into_bytes()
        }
        (SERVER_ADDRESSES, OptionValue::Text(text)) => {
            if let Some(part) =
                text.split(';').find(|part| !is_url(part) && part.parse::<Ipv4Addr>().is_err())
            {
                return Err(OptionError::NeitherUrlNorAddress { code, part: shorten(part) });
            }
            text.clone().into_bytes()
        }
        (SECOND_URL | URL, OptionValue::Text(text)) => {
            if !is_url(text) {
                return Err(OptionError::NotAUrl { code, part: shorten(text) });
            }
            text.clone().into_bytes()
        }
        _ => return Err(OptionError::NotAPhoneOption(code)),
    };
    match bytes.len() {
        0 => Err(OptionError::Empty(code)),
        1..=255 => Ok(bytes),
        length => Err(OptionError::TooLong { code, length }),
    }
}

/// Checks that this option may be set for clients besides phones; `place` names the table of the configuration
/// (`[dhcp] options`).
pub fn check_general(code: u8, place: &str) -> Result<(), OptionError> {
    if steers(code) { Err(OptionError::TooGeneral { code, place: place.to_owned() }) } else { Ok(()) }
}

/// Addresses in DHCP's form: 4 bytes each, in order.
pub(super) fn addresses(list: &[Ipv4Addr]) -> Vec<u8> {
    list.iter().flat_map(Ipv4Addr::octets).collect()
}

/// True for `<scheme>://<host>[:port][/path]` with a scheme that phones accept.
fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
    ["http", "https", "tftp"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        && is_host(host)
        && port.parse::<u16>().is_ok_and(|port| port > 0)
        && rest.bytes().all(|byte| byte.is_ascii_graphic())
}

/// True for an IPv4 address or a host name.
fn is_host(text: &str) -> bool {
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return text.parse::<Ipv4Addr>().is_ok();
    }
    text.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    })
}

fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}
