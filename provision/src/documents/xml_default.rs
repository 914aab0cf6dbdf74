//! `XMLDefault.cnf.xml`: what an Enterprise phone without a document of its own is told.

use std::net::Ipv4Addr;

use super::xml::{DocumentError, Element, parent, text};
use crate::load::LoadName;

/// What to tell Enterprise phones.
#[derive(Debug, Clone, Copy)]
pub struct XmlDefault<'a> {
    /// The call manager and trust verification service they are told of: this server.
    pub server: Ipv4Addr,
    /// The load of each model that should have one; a model that is not listed keeps what it runs.
    pub loads: &'a [ModelLoad<'a>],
}

/// The load of one model.
#[derive(Debug, Clone, Copy)]
pub struct ModelLoad<'a> {
    /// The model, without the vendor: `8851`.
    pub model: &'a str,
    /// Its number in call managers, which makes the element's name: 684 for an 8851.
    pub id: u32,
    /// The load.
    pub load: &'a LoadName,
}

/// The document, with every element of Cisco's sample. Phones look for the loads after the call manager group.
pub fn xml_default(default: &XmlDefault) -> Result<Vec<u8>, DocumentError> {
    let mut elements = vec![
        text("autoRegistrationName", "AUTO-REG"),
        text("autoRegistration", "enabled"),
        text("selfProvisioningSecureMode", true),
        text("adminProvisionMode", false),
        text("ipAddressMode", 0),
        text("ipPreferenceModeControl", 0),
        text("ipMediaAddressFamilyPreference", 0),
        call_manager_group(&[default.server], SIP_PORT),
        parent(
            "TVS",
            vec![parent(
                "members",
                vec![
                    parent("member", vec![text("port", 2445), text("address", default.server)])
                        .with("priority", 0),
                ],
            )],
        ),
    ];
    elements.extend(default.loads.iter().map(|ModelLoad { model, id, load }| {
        text(format!("loadInformation{id}"), load).with("model", format_args!("Cisco {model}"))
    }));
    parent("Default", elements).into_document()
}

/// Where call managers listen for SIP.
pub(super) const SIP_PORT: u16 = 5060;

/// The call managers to register with, the preferred one first, on the other ports that call managers listen on.
pub(super) fn call_manager_group(call_managers: &[Ipv4Addr], sip_port: u16) -> Element {
    let member = |(priority, address): (usize, &Ipv4Addr)| {
        let ports = vec![
            text("ethernetPhonePort", 2000),
            text("sipPort", sip_port),
            text("securedSipPort", 5061),
            parent("mgcpPorts", vec![text("listen", 2427), text("keepAlive", 2428)]),
        ];
        let call_manager = vec![
            text("name", address),
            text("description", address),
            parent("ports", ports),
            text("processNodeName", address),
        ];
        parent("member", vec![parent("callManager", call_manager)]).with("priority", priority)
    };
    parent(
        "callManagerGroup",
        vec![
            text("name", "Default"),
            text("tftpDefault", true),
            parent("members", call_managers.iter().enumerate().map(member).collect()),
        ],
    )
}
