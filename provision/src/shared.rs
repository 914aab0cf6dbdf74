//! The part of `transload.toml` that a plugin of another DHCP server needs. The appliance validates the whole file
//! (`transload check`); here only the needed keys are read, and unusable ones reported.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Deserialize;
use toml::Value;

use crate::documents::FileServer;
use crate::mac::Mac;
use crate::options::{
    ClassRule, Gives, OptionValue, Pattern, SECOND_URL, SERVER_ADDRESSES, SERVER_NAME, Site, URL, find_class,
    parse_oui, phone_option,
};

/// A plugin's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginConfig {
    /// The servers of phones.
    pub site: Site,
    /// The user's classes, in file order.
    pub classes: Vec<ClassRule>,
    /// Settings that a plugin leaves to its own DHCP server, one line each.
    pub left_out: Vec<String>,
    port: u16,
    /// The appliance's addresses, in all networks, each with its prefix length.
    addresses: Vec<(Ipv4Addr, u8)>,
}

/// The reason that the file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SharedError {
    /// The file is no TOML, or a value has another form.
    #[error("{0}; run `transload check` on it")]
    Form(String),
    /// The appliance's address is missing.
    #[error(
        "it does not say where phones find the appliance; set address = \"10.23.45.67/24\" under [bench]"
    )]
    NoAddress,
    /// A class is invalid.
    #[error("class {name}: {cause}; run `transload check` on it")]
    Class {
        /// Its name.
        name: String,
        /// The defect.
        cause: String,
    },
}

impl PluginConfig {
    /// Reads the text of a `transload.toml`.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn read(text: &str) -> Result<Self, SharedError> {
        let file: SharedFile =
            toml::from_str(text).map_err(|error| SharedError::Form(error.message().to_owned()))?;
        let own = file.bench.address.ok_or(SharedError::NoAddress)?;
        let further = file.dhcp.network.into_iter().filter_map(|network| network.address);
        let addresses =
            std::iter::once(own).chain(further).map(|text| prefix(&text)).collect::<Result<_, _>>()?;
        let mut left_out = Vec::new();
        let classes =
            file.dhcp.class.into_iter().map(|class| class.rule(&mut left_out)).collect::<Result<_, _>>()?;
        if !file.dhcp.reservation.is_empty() {
            left_out.push(
                "[[dhcp.reservation]]: reserve addresses in this DHCP server's own configuration".into(),
            );
        }
        let outside = file.migration.enterprise.as_deref() == Some("call-manager");
        let call_managers = outside.then_some(file.migration.call_manager);
        let cda = file.migration.multiplatform.as_deref() == Some("cda");
        let site = Site { call_managers, cda, home: file.after.call_manager };
        let port = file.files.http.first().copied().unwrap_or(80);
        Ok(Self { site, classes, left_out, port, addresses })
    }

    /// The appliance as a phone reaches it: by its address in the phone's own network, if any.
    pub fn server(&self, phone: Ipv4Addr) -> FileServer {
        let mask = |length: u8| u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
        let near = |(address, length): &&(Ipv4Addr, u8)| {
            u32::from(*address) & mask(*length) == u32::from(phone) & mask(*length)
        };
        let found = self.addresses.iter().find(near).or(self.addresses.first());
        FileServer { address: found.map_or(Ipv4Addr::UNSPECIFIED, |(address, _)| *address), port: self.port }
    }

    /// The appliance by each of its addresses.
    pub fn servers(&self) -> impl Iterator<Item = FileServer> {
        self.addresses.iter().map(|(address, _)| FileServer { address: *address, port: self.port })
    }

    /// The user's class of a client.
    pub fn class(&self, vendor_class: Option<&[u8]>, mac: Mac) -> Option<&ClassRule> {
        find_class(&self.classes, vendor_class, mac.oui())
    }
}

fn prefix(text: &str) -> Result<(Ipv4Addr, u8), SharedError> {
    let read = || {
        let (address, length) = text.trim().split_once('/')?;
        Some((address.trim().parse().ok()?, length.trim().parse().ok().filter(|length| *length <= 32)?))
    };
    read().ok_or_else(|| SharedError::Form(format!("{text:?} is no address with its prefix length")))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SharedFile {
    bench: BenchTable,
    migration: MigrationTable,
    files: FilesTable,
    after: AfterTable,
    dhcp: DhcpTable,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct BenchTable {
    address: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct MigrationTable {
    enterprise: Option<String>,
    multiplatform: Option<String>,
    call_manager: Vec<Ipv4Addr>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct FilesTable {
    http: Vec<u16>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct AfterTable {
    call_manager: Vec<Ipv4Addr>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct DhcpTable {
    class: Vec<ClassTable>,
    network: Vec<NetworkTable>,
    reservation: Vec<Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NetworkTable {
    address: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
#[allow(clippy::struct_field_names, reason = "vendor class is the standard's term")]
struct ClassTable {
    name: String,
    vendor_class: Option<String>,
    oui: Vec<String>,
    options: BTreeMap<String, Value>,
    next_server: Option<Ipv4Addr>,
    server_name: Option<String>,
    boot_file: Option<String>,
}

impl ClassTable {
    fn rule(self, left_out: &mut Vec<String>) -> Result<ClassRule, SharedError> {
        let wrong = |cause: String| SharedError::Class { name: self.name.clone(), cause };
        let vendor_class = self.vendor_class.as_deref().map(str::parse::<Pattern>).transpose();
        let oui: Result<_, _> = self.oui.iter().map(|text| parse_oui(text)).collect();
        let mut options = Vec::new();
        for (key, value) in &self.options {
            let Some(code) = phone_option_code(key) else {
                left_out.push(format!(
                    "class {}: option {key}: set it in this DHCP server's own configuration",
                    self.name
                ));
                continue;
            };
            let value = option_value(value)
                .ok_or_else(|| wrong(format!("option {key} has a value of another form")))?;
            options.push((
                code,
                phone_option(code, &value).map_err(|error| wrong(format!("{error}; {}", error.cure())))?,
            ));
        }
        options.sort_by_key(|(code, _)| *code);
        Ok(ClassRule {
            vendor_class: vendor_class.map_err(|error| wrong(error.to_string()))?,
            oui: oui.map_err(|error| wrong(error.to_string()))?,
            gives: Gives {
                options,
                next_server: self.next_server,
                server_name: self.server_name.clone(),
                boot_file: self.boot_file.clone(),
            },
            name: self.name,
        })
    }
}

fn phone_option_code(key: &str) -> Option<u8> {
    match key {
        "tftp" | "tftp-server" | "tftp-server-name" | "66" => Some(SERVER_NAME),
        "150" => Some(SERVER_ADDRESSES),
        "159" => Some(SECOND_URL),
        "160" => Some(URL),
        _ => None,
    }
}

fn option_value(value: &Value) -> Option<OptionValue> {
    match value {
        Value::String(text) => Some(OptionValue::Text(text.clone())),
        Value::Array(list) => {
            let address = |item: &Value| item.as_str()?.parse().ok();
            list.iter().map(address).collect::<Option<_>>().map(OptionValue::Addresses)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_appliances_own_file_serves_as_it_is() {
        let shared = PluginConfig::read(
            r#"
            [bench]
            interface = "eth1"
            address = "10.23.45.67/24"
            [migration]
            enterprise = "call-manager"
            multiplatform = "cda"
            call-manager = ["192.0.2.10"]
            [files]
            http = [8080, 6970]
            [after]
            call-manager = ["192.0.2.20"]
            [dhcp]
            enabled = false
            [[dhcp.class]]
            name = "lab"
            vendor-class = "CP-88*"
            oui = ["00:12:34"]
            options = { 160 = "http://10.9.9.9", domain = "lab.example" }
            [[dhcp.network]]
            interface = "eth2"
            address = "10.24.0.67/16"
            "#,
        )
        .unwrap();
        let server = |at: [u8; 4]| shared.server(at.into()).to_string();
        assert_eq!(server([10, 24, 9, 9]), "http://10.24.0.67:8080");
        assert_eq!(server([10, 99, 9, 9]), "http://10.23.45.67:8080", "behind a relay");
        assert_eq!(
            (shared.site.cda, shared.site.call_managers.as_ref().map_or(0, Vec::len), shared.site.home.len()),
            (true, 1, 1)
        );
        let class = shared.class(Some(b"CP-8851-3PCC"), Mac([0, 0x12, 0x34, 1, 2, 3])).unwrap();
        assert_eq!(class.gives.options, [(160, b"http://10.9.9.9".to_vec())]);
        assert_eq!(shared.class(Some(b"CP-8851-3PCC"), Mac([1, 0x12, 0x34, 1, 2, 3])), None);
        assert_eq!(shared.left_out.len(), 1, "{:?}", shared.left_out);
        assert!(shared.left_out[0].contains("option domain"));
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        for (text, said) in [
            ("[bench]\ninterface = \"eth1\"", "[bench]"),
            ("[bench]\naddress = \"10.0.0.1\"", "10.0.0.1"),
            ("[bench", "transload check"),
            (
                "[bench]\naddress = \"10.0.0.1/8\"\n[[dhcp.class]]\nname = \"a\"\noptions = { 160 = \"nothing\" }",
                "class a",
            ),
        ] {
            let error = PluginConfig::read(text).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
