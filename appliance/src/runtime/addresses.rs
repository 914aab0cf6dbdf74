//! Decides where the appliance listens: staging interfaces for phones, another address for people.

use std::net::{Ipv4Addr, SocketAddr};

use crate::config::Config;
use crate::runtime::segment::Segment;
use crate::system::error::{Exit, Failure};
use crate::system::plain_file::{self, FileKind};

/// The addresses of all services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAddresses {
    /// The bench's own segment, then those of other interfaces in the configuration's order.
    pub segments: Vec<Segment>,
    /// The port of phones' own web pages.
    pub page_port: u16,
    /// The address of page and API.
    pub admin: SocketAddr,
    /// The token of page and API, if one is needed.
    pub token: Option<String>,
}

impl ServiceAddresses {
    /// The bench's own address, if it is known now.
    pub fn server(&self) -> Ipv4Addr {
        let own = self.segments.first().and_then(Segment::network_now);
        own.map_or(Ipv4Addr::UNSPECIFIED, |network| network.addr())
    }
}

/// Reads the addresses from a configuration. Its interfaces may be missing yet.
pub fn resolve(config: &Config) -> Result<ServiceAddresses, Failure> {
    let Some(own) = &config.bench.interface else {
        return Err(Failure::new(
            Exit::Usage,
            "no interface to serve is named",
            "set interface under [bench], or give --interface",
        ));
    };
    let further = config.dhcp.networks.iter();
    if further.clone().any(|network| network.interface.as_ref() == Some(own)) {
        return Err(Failure::new(
            Exit::Usage,
            format!("{own} is the bench's own interface, and that of a [[dhcp.network]] too"),
            "name another interface in one of the two places",
        ));
    }
    let segment = |interface: &String, address, subnet| Segment {
        interface: Some(interface.clone()),
        address,
        subnet,
        rehearsed_dhcp: 0,
        allow_default_route: config.bench.allow_default_route,
        http: config.files.http.clone(),
        tftp: config.files.tftp,
        sip: config.registrar.enabled.then_some(config.registrar.listen),
    };
    let mut segments = vec![segment(own, config.bench.address, None)];
    segments.extend(further.filter_map(|network| {
        network.interface.as_ref().map(|name| segment(name, network.address, network.subnet))
    }));
    Ok(ServiceAddresses { segments, page_port: 80, admin: config.admin.listen, token: token(config)? })
}

fn token(config: &Config) -> Result<Option<String>, Failure> {
    let Some(path) = &config.admin.token_file else {
        return Ok(None);
    };
    let cure = "put at least 16 letters and digits into it, or listen on 127.0.0.1";
    let text = plain_file::text(path, FileKind::Token).map_err(|error| {
        let cause = format!("cannot read the token file {}: {error}", path.display());
        Failure::new(Exit::Usage, cause, plain_file::cure(&error, cure))
    })?;
    let token = text.trim().to_owned();
    if token.len() < 16 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let cause = format!("the token in {} is too short or not plain text", path.display());
        return Err(Failure::new(Exit::Usage, cause, cure));
    }
    Ok(Some(token))
}
