//! Decides how DHCP steers a phone, for our own server, the Kea hook and the exports alike.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{ClassRule, Layer, Origin, PhoneOptions, Resolved, Steering, phone_options, resolve};
use crate::client::Persona;
use crate::documents::FileServer;

/// The servers of a site, before any phone is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Site {
    /// The call managers that steer the Enterprise side; `None` if this server does.
    pub call_managers: Option<Vec<Ipv4Addr>>,
    /// Cisco's cloud steers the Multiplatform side.
    pub cda: bool,
    /// The call managers of finished phones; empty if they keep theirs.
    pub home: Vec<Ipv4Addr>,
}

impl Site {
    /// How a phone with this persona is steered.
    pub fn steer(&self, persona: Persona, finished: bool) -> Steer {
        let home = Some(&self.home).filter(|home| finished && !home.is_empty());
        Steer { persona, servers: home.or(self.call_managers.as_ref()).cloned(), cda: self.cda }
    }
}

/// How one phone is steered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steer {
    /// The assumed persona.
    pub persona: Persona,
    /// Its servers as an Enterprise phone; `None` for this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub servers: Option<Vec<Ipv4Addr>>,
    /// As a Multiplatform phone it is left to CDA.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cda: bool,
}

impl Steer {
    /// The options; `server` is this server as the phone reaches it.
    pub fn options(&self, server: FileServer) -> PhoneOptions {
        let this = [server.address];
        let enterprise = self.servers.as_deref().unwrap_or(&this);
        phone_options(self.persona, &Steering { server, enterprise, cda: self.cda })
    }
}

/// The merged options of a client: its class, its persona if it is a phone, and the server's other layers.
pub fn answer<'a>(
    class: Option<&'a ClassRule>,
    phone: Option<&'a PhoneOptions>,
    more: impl IntoIterator<Item = Layer<'a>>,
) -> Resolved<'a> {
    let class = class.map(|class| Layer { origin: Origin::Class(&class.name), gives: &class.gives });
    let phone = phone.map(|phone| Layer { origin: Origin::BuiltIn(phone.class), gives: &phone.gives });
    let layers: Vec<_> = class.into_iter().chain(phone).chain(more).collect();
    resolve(&layers)
}
