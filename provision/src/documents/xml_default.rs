//! `XMLDefault.cnf.xml`: the configuration of an Enterprise phone without a document of its own.

use std::net::Ipv4Addr;

use super::xml::{DocumentError, Element, parent, text};
use crate::load::LoadName;

/// The configuration of Enterprise phones.
#[derive(Debug, Clone, Copy)]
pub struct XmlDefault<'a> {
    /// This server, as call manager and trust verification service.
    pub server: Ipv4Addr,
    /// The load of each model that should change; other models keep theirs.
    pub loads: &'a [ModelLoad<'a>],
}

/// The load of one model.
#[derive(Debug, Clone, Copy)]
pub struct ModelLoad<'a> {
    /// The model, without the vendor: `8851`.
    pub model: &'a str,
    /// Its number in call managers, which names the element: 684 for an 8851.
    pub id: u32,
    /// The load.
    pub load: &'a LoadName,
}

/// Writes the document with every element of Cisco's sample. Phones look for the loads after the call manager group.
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

/// The SIP port of call managers.
pub(super) const SIP_PORT: u16 = 5060;

/// The call managers to register with, the preferred one first, with the other ports of call managers.
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
