//! Classes and options for sites that keep their own DHCP server and want no plugin.
//!
//! The classes are those of our own server as far as vendor classes alone tell them: each text that is known to be sent is
//! given to the function that classifies on our server, and put where that puts it. What a request list, an address or a
//! phone's journey would add is left out, and the comments say so.

mod dnsmasq;
mod isc_dhcpd;
mod kea;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;

use transload_provision::catalog::Catalog;
use transload_provision::client::{self, Persona};
use transload_provision::documents::FileServer;
use transload_provision::options::{ClassRule, Gives, Pattern, Site, steers};

use super::{file_server, write, written};
use crate::config::Config;
use crate::state::state_folder;
use crate::system::error::Failure;

/// A DHCP server's language.
#[derive(Clone, Copy)]
pub struct Language {
    file: &'static str,
    text: fn(&Sheet) -> String,
    /// How the file is made part of the server's configuration.
    use_it: &'static str,
}

/// ISC Kea.
pub const KEA: Language = Language {
    file: "transload-kea.json",
    text: kea::text,
    use_it: "include it in Kea's configuration, as its first lines say, and try that with kea-dhcp4 -t",
};
/// dnsmasq.
pub const DNSMASQ: Language = Language {
    file: "transload-dnsmasq.conf",
    text: dnsmasq::text,
    use_it: "put it into /etc/dnsmasq.d/, and try it with dnsmasq --test",
};
/// ISC dhcpd.
pub const ISC_DHCPD: Language = Language {
    file: "transload-dhcpd.conf",
    text: isc_dhcpd::text,
    use_it: "put include \"…/transload-dhcpd.conf\"; into dhcpd.conf, and try it with dhcpd -t",
};

/// Vendor classes that begin so are Cisco's, whatever follows.
const PREFIXES: [&str; 8] = [
    "Cisco Systems, Inc.",
    "Cisco Systems Inc.",
    "Cisco System, Inc.",
    "Cisco System Inc.",
    "CISCO ATA",
    "Cisco ATA",
    "CISCO SPA",
    "Cisco SPA",
];

/// One class. A client is in at most one of those that steer.
struct Class {
    name: String,
    who: Who,
    gives: Gives,
}

/// Who is in a class.
enum Who {
    /// Whose vendor class is one of these.
    Exactly(Vec<String>),
    /// Whose vendor class is one of these, or begins as one of those, and who is in no earlier built-in class.
    Rest { exactly: Vec<String>, prefixes: Vec<String> },
    /// A class of the user's.
    Rule { vendor_class: Option<Pattern>, oui: Vec<[u8; 3]> },
}

/// All that is written.
struct Sheet {
    server: FileServer,
    /// The user's, then the built-in ones.
    classes: Vec<Class>,
    /// What to know before it is used, a line each.
    notes: Vec<String>,
}

impl Class {
    fn is_built_in(&self) -> bool {
        !matches!(self.who, Who::Rule { .. })
    }

    /// Its clients get none of the built-in options.
    fn steers(&self) -> bool {
        self.gives.options.iter().any(|(code, _)| steers(*code))
    }

    fn option(&self, code: u8) -> Option<&[u8]> {
        self.gives.options.iter().find(|(known, _)| *known == code).map(|(_, value)| value.as_slice())
    }
}

impl Sheet {
    /// Classes of the user's whose clients are in no built-in class.
    fn earlier(&self) -> impl Iterator<Item = &Class> {
        self.classes.iter().filter(|class| !class.is_built_in() && class.steers())
    }

    /// The built-in classes before one.
    fn built_in_before(&self, class: &Class) -> impl Iterator<Item = &Class> {
        self.classes.iter().filter(|other| other.is_built_in()).take_while(|other| other.name != class.name)
    }
}

/// Writes the file, and says how to use it.
pub fn run(config: &Config, output: &Path, language: Language) -> Result<(), Failure> {
    let site = config.settings(std::net::Ipv4Addr::UNSPECIFIED, 0).site();
    let sheet = sheet(file_server(config)?, &site, &config.dhcp.classes, &state_folder::catalog(config)?);
    let files = vec![(language.file.into(), Some((language.text)(&sheet)))];
    write(output, &files)?;
    written(output, &files).for_each(|line| println!("{line}"));
    println!("{}", language.use_it);
    if config.dhcp.enabled {
        println!("set enabled = false under [dhcp], so that this program gives no leases beside that server");
    }
    Ok(())
}

fn sheet(server: FileServer, site: &Site, rules: &[ClassRule], catalog: &Catalog) -> Sheet {
    let mut notes = vec![
        "A phone that says dslforum.org is not known by that: many devices say it.".to_owned(),
        "Only vendor classes count here. What a phone asks for, its address, and what is known of its migration count with \
         the hook for Kea, or on Transload's own server."
            .to_owned(),
    ];
    let mut classes = Vec::new();
    for rule in rules {
        let others = rule.gives.options.iter().filter(|(code, _)| !steers(*code));
        notes.extend(others.map(|(code, _)| {
            format!("Class {}: option {code} is left out; set it in this server's own way.", rule.name)
        }));
        let mut gives = rule.gives.clone();
        gives.options.retain(|(code, _)| steers(*code));
        let who = Who::Rule { vendor_class: rule.vendor_class.clone(), oui: rule.oui.clone() };
        classes.push(Class { name: format!("transload-{}", tag(&rule.name)), who, gives });
    }
    let said = said(catalog);
    let of =
        |persona| said.iter().filter(|(known, _)| *known == persona).map(|(_, text)| text.clone()).collect();
    for persona in [Persona::Multiplatform, Persona::Enterprise, Persona::Unknown] {
        let options = site.steer(persona, false).options(server);
        let exactly = of(persona);
        let who = match persona {
            Persona::Unknown => Who::Rest { exactly, prefixes: PREFIXES.map(str::to_owned).into() },
            _ => Who::Exactly(exactly),
        };
        classes.push(Class { name: format!("transload-{}", options.class), who, gives: options.gives });
    }
    Sheet { server, classes, notes }
}

/// The vendor classes that phones of the catalog are known to send, with what our own server takes them for.
fn said(catalog: &Catalog) -> BTreeSet<(Persona, String)> {
    let mut said = BTreeSet::new();
    for model in &catalog.models {
        let part = format!("CP-{}", model.name);
        let mut texts = vec![part.clone(), format!("Cisco Systems, Inc. IP Phone {part}")];
        for pn in model.pn.iter().chain([&format!("{part}-3PCC")]) {
            texts.extend([pn.clone(), format!("Cisco Systems, Inc. IP Phone {pn}")]);
        }
        for text in texts {
            let persona = client::vendor_class(text.as_bytes()).map(|signal| signal.persona);
            said.extend(persona.map(|persona| (persona, text)));
        }
    }
    said.retain(|(persona, text)| {
        *persona != Persona::Unknown || !PREFIXES.iter().any(|prefix| text.starts_with(prefix))
    });
    said
}

/// A name of letters, digits and hyphens, as all three languages take it.
fn tag(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

/// What a value says, where it is text: an option 150 may be text or addresses.
fn as_text(code: u8, value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    (plain && (code != 150 || text.contains('.') && text.len() >= 7)).then_some(text)
}

/// `10.23.45.67, 10.23.45.68`.
fn as_addresses(value: &[u8], separator: &str) -> String {
    let texts: Vec<String> = value
        .chunks(4)
        .map(|octets| octets.iter().map(u8::to_string).collect::<Vec<_>>().join("."))
        .collect();
    texts.join(separator)
}

/// `0a:17:2d:43`.
fn as_hex(value: &[u8]) -> String {
    value.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(":")
}

/// The notes, and what to adapt, behind each line's mark of a comment.
fn head(sheet: &Sheet, mark: &str, how: &[&str]) -> String {
    let mut lines = vec![
        format!("{mark} How Cisco 7800 and 8800 phones find Transload at {}.", sheet.server),
        format!(
            "{mark} Written by `transload export`; write it anew when the appliance's address or classes change."
        ),
    ];
    lines.extend(how.iter().map(|line| format!("{mark} {line}")));
    lines.extend(sheet.notes.iter().map(|line| format!("{mark} {line}")));
    lines.join("\n") + "\n"
}
