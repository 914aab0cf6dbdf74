//! DHCP options in the configuration: by field name or number, with a value of the option's type.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use toml::{Spanned, Value};
use transload_dhcp::options as standard;
use transload_provision::options::{self, Gives, OptionValue, check_general, phone_option, steers};

use super::section::Section;
use super::values::{Text, TextValue};

/// Number and content, as they go on the wire.
type Encoded = (u8, Vec<u8>);

/// Why an option cannot be set as it is written.
struct Unusable {
    cause: String,
    cure: String,
}

impl From<options::OptionError> for Unusable {
    fn from(error: options::OptionError) -> Self {
        Self { cause: error.to_string(), cure: error.cure() }
    }
}

impl From<standard::OptionValueError> for Unusable {
    fn from(error: standard::OptionValueError) -> Self {
        Self { cause: error.to_string(), cure: error.cure() }
    }
}

/// Reads what every client of a network gets. Options that steer phones are refused.
pub(super) fn of_network(s: &mut Section<'_>) -> Gives {
    let (owner, place) = (s.path().to_owned(), s.path_of("options"));
    gives(s, &owner, &place, |code| Ok(check_general(code, &place)?))
}

/// Reads what chosen clients get. `owner` is how messages name the table.
pub(super) fn of_clients(s: &mut Section<'_>, owner: &str) -> Gives {
    gives(s, owner, owner, |_| Ok(()))
}

fn gives(
    s: &mut Section<'_>,
    owner: &str,
    place: &str,
    permit: impl Fn(u8) -> Result<(), Unusable>,
) -> Gives {
    let written = s
        .key("options")
        .text(
            r#"Options for everybody, by field name or number: text, addresses, a number, true or false, or "hex:…".
            66, 150, 159 and 160 are given to phones by what they are, and cannot be set here. Of several values, that of the
            reservation counts; else that of the class below, of the built-in class, of the network, and last the one here."#,
        )
        .optional(r#"{ router = ["10.23.45.1"], dns = ["10.23.45.1"] }"#);
    Gives {
        options: encode_all(written.unwrap_or_default(), place, s, permit),
        next_server: s
            .key("next-server")
            .text("The header fields siaddr, sname and file; the same keys stand in networks, classes and reservations.")
            .optional(r#""10.23.45.9""#)
            .map(|Text(address)| address),
        server_name: header_field(s, owner, "server-name", 63, r#""boot.example""#),
        boot_file: header_field(s, owner, "boot-file", 127, r#""loader.bin""#),
    }
}

/// Reads a header field of at most so many octets and a NUL (RFC 2131 §2).
fn header_field(
    s: &mut Section<'_>,
    owner: &str,
    name: &'static str,
    most: usize,
    example: &str,
) -> Option<String> {
    let text: String = s.key(name).optional(example)?;
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if !printable || !(1..=most).contains(&text.len()) {
        let cause = format!("{owner}: {name} is not 1 to {most} printable ASCII characters");
        s.problem(s.span_of(name).unwrap_or_default(), &cause, "shorten it, or leave it out");
    }
    Some(text)
}

fn encode_all(
    written: BTreeMap<Spanned<String>, Spanned<Value>>,
    key: &str,
    s: &mut Section<'_>,
    permit: impl Fn(u8) -> Result<(), Unusable>,
) -> Vec<Encoded> {
    let mut all: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    for (name, value) in written {
        let encoded =
            encode(name.get_ref(), value.get_ref()).and_then(|option| permit(option.0).map(|()| option));
        let problem = match encoded {
            Err(unusable) => unusable,
            Ok((code, _)) if all.contains_key(&code) => Unusable {
                cause: format!("option {code} is set twice"),
                cure: "keep one of the two".to_owned(),
            },
            Ok((code, content)) => {
                all.insert(code, content);
                continue;
            }
        };
        s.problem(name.span(), &format!("{key}: {}", problem.cause), problem.cure);
    }
    let classless = all.get(&standard::code::CLASSLESS_ROUTES);
    if classless.is_some_and(|routes| !standard::has_default_route(routes))
        && all.contains_key(&standard::code::ROUTER)
    {
        s.warn(format!(
            "{key}: clients that ask for classless routes (121) are told no router beside them (RFC 3442), and find no \
             default route among them; add \"0.0.0.0/0\" with the router to option 121"
        ));
    }
    all.into_iter().collect()
}

fn encode(name: &str, value: &Value) -> Result<Encoded, Unusable> {
    match standard::find(name) {
        Some(option) if steers(option.code) => {
            Ok((option.code, phone_option(option.code, &phone_value(value)?)?))
        }
        _ => Ok(standard::encode(name, &plain_value(value)?)?),
    }
}

/// A value of one of the options that steer phones.
fn phone_value(value: &Value) -> Result<OptionValue, Unusable> {
    let address = |item: &Value| item.as_str().and_then(Ipv4Addr::read);
    match value {
        Value::String(text) => Some(OptionValue::Text(text.clone())),
        Value::Array(list) => list.iter().map(address).collect::<Option<_>>().map(OptionValue::Addresses),
        _ => None,
    }
    .ok_or_else(|| Unusable {
        cause: format!("{value} is neither text nor a list of addresses"),
        cure: "write \"http://10.23.45.67\" or [\"10.23.45.67\"]".to_owned(),
    })
}

/// A value of any other option.
fn plain_value(value: &Value) -> Result<standard::Value, Unusable> {
    let item = |item: &Value| match item {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        Value::String(text) => Some(standard::Value::Text(text.clone())),
        Value::Integer(number) => Some(standard::Value::Number(*number)),
        Value::Boolean(flag) => Some(standard::Value::Flag(*flag)),
        Value::Array(list) => list.iter().map(item).collect::<Option<_>>().map(standard::Value::List),
        _ => None,
    }
    .ok_or_else(|| Unusable {
        cause: format!("{value} is no option's value"),
        cure: "write text, a number, true, false, or a list of texts".to_owned(),
    })
}
