//! DHCP options in the configuration: by field name or number, with a value of the option's type.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use toml::{Spanned, Value};
use transload_dhcp::options as standard;
use transload_provision::options::{self, Gives, OptionValue, check_general, phone_option, steers};

use super::findings::Findings;
use super::values::{Text, Written};
use super::written::Options;

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

/// What a section says of the server and the file to boot from.
pub(super) struct Boot {
    pub(super) next_server: Option<Text<Ipv4Addr>>,
    pub(super) server_name: Option<Spanned<String>>,
    pub(super) file: Option<Spanned<String>>,
}

impl Boot {
    /// Together with options; `sname` and `file` have room for 63 and 127 octets and a NUL (RFC 2131 §2).
    pub(super) fn with(self, options: Vec<Encoded>, key: &str, f: &mut Findings<'_>) -> Gives {
        let mut text = |written: Option<Spanned<String>>, name: &str, most: usize| {
            let written = written?;
            let fits = (1..=most).contains(&written.get_ref().len());
            if !fits || !written.get_ref().bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
                let cause = format!("{key}: {name} is not 1 to {most} printable ASCII characters");
                f.problem(written.span(), &cause, "shorten it, or leave it out");
            }
            Some(written.into_inner())
        };
        Gives {
            options,
            next_server: self.next_server.map(|Text(address)| address),
            server_name: text(self.server_name, "server-name", 63),
            boot_file: text(self.file, "boot-file", 127),
        }
    }
}

/// Options for every client of a network: those that steer phones are refused.
pub(super) fn common(written: Options, key: &str, f: &mut Findings<'_>) -> Vec<Encoded> {
    encode_all(written, key, f, |code| Ok(check_general(code, key)?))
}

/// Options for chosen clients.
pub(super) fn of_phones(written: Options, key: &str, f: &mut Findings<'_>) -> Vec<Encoded> {
    encode_all(written, key, f, |_| Ok(()))
}

fn encode_all(
    written: Options,
    key: &str,
    f: &mut Findings<'_>,
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
        f.problem(name.span(), &format!("{key}: {}", problem.cause), problem.cure);
    }
    let classless = all.get(&standard::code::CLASSLESS_ROUTES);
    if classless.is_some_and(|routes| !standard::has_default_route(routes))
        && all.contains_key(&standard::code::ROUTER)
    {
        f.warnings.push(format!(
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
