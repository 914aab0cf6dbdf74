//! Where the appliance listens: the staging interface for phones, another address for people.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use crate::config::Config;
use crate::config::values::Prefix;
use crate::error::{Exit, Failure};
use crate::interface::{self, Interface};

/// Where each service listens, and what phones are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The staging interface; `None` in a rehearsal, which stays on loopback.
    pub device: Option<Interface>,
    /// The bench's address and network.
    pub network: Prefix,
    /// HTTP file service.
    pub http: Vec<SocketAddrV4>,
    /// TFTP.
    pub tftp: SocketAddrV4,
    /// The port of phones' own pages.
    pub page_port: u16,
    /// DHCP on loopback, where there is no interface to serve.
    pub dhcp_loopback: Option<SocketAddrV4>,
    /// Page and API.
    pub admin: SocketAddr,
    /// The token for it, where one is needed.
    pub token: Option<String>,
}

impl Place {
    /// The address phones reach the bench at.
    pub fn server(&self) -> Ipv4Addr {
        self.network.address
    }

    /// The HTTP port that URLs name.
    pub fn http_port(&self) -> u16 {
        self.http.first().map_or(80, SocketAddrV4::port)
    }
}

/// The place that a configuration describes, on this machine as it is now.
pub fn resolve(config: &Config) -> Result<Place, Failure> {
    let Some(name) = &config.bench.interface else {
        return Err(Failure::new(
            Exit::Usage,
            "no interface to serve is named",
            "set interface under [bench], or give --interface",
        ));
    };
    let device = interface::find(name).ok().flatten().ok_or_else(|| {
        Failure::new(
            Exit::Act,
            format!("there is no interface {name}"),
            "name one that `ip address` lists, or plug it in",
        )
    })?;
    if interface::has_default_route(name) && !config.bench.allow_default_route {
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "{name} is the interface of the default route, so it is probably no isolated staging network"
            ),
            "name the staging interface, or set allow-default-route = true under [bench]",
        ));
    }
    let network = network(config, &device)?;
    let at = |port| SocketAddrV4::new(network.address, port);
    Ok(Place {
        http: config.files.http.iter().map(|port| at(*port)).collect(),
        tftp: at(config.files.tftp),
        page_port: 80,
        dhcp_loopback: None,
        admin: config.admin.listen,
        token: token(config)?,
        network,
        device: Some(device),
    })
}

fn network(config: &Config, device: &Interface) -> Result<Prefix, Failure> {
    match config.bench.address {
        Some(network) if device.addresses.iter().any(|(address, _)| *address == network.address) => {
            Ok(network)
        }
        Some(network) => Err(Failure::new(
            Exit::Act,
            format!("{} does not have the address {}", device.name, network.address),
            format!(
                "give it the address: ip address add {}/{} dev {}",
                network.address, network.length, device.name
            ),
        )),
        None => {
            device.addresses.first().map(|&(address, length)| Prefix { address, length }).ok_or_else(|| {
                Failure::new(
                    Exit::Act,
                    format!("{} has no IPv4 address", device.name),
                    format!("give it one: ip address add 10.23.45.67/24 dev {}", device.name),
                )
            })
        }
    }
}

fn token(config: &Config) -> Result<Option<String>, Failure> {
    let Some(path) = &config.admin.token_file else {
        return Ok(None);
    };
    let failure = |cause: String| {
        Failure::new(Exit::Usage, cause, "put at least 16 letters and digits into it, or listen on 127.0.0.1")
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| failure(format!("cannot read the token file {}: {error}", path.display())))?;
    let token = text.trim().to_owned();
    if token.len() < 16 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(failure(format!("the token in {} is too short or not plain text", path.display())));
    }
    Ok(Some(token))
}
