//! `SEP<MAC>.cnf.xml`: the configuration of one Enterprise phone.

use std::net::Ipv4Addr;

use super::xml::{DocumentError, Element, parent, text};
use super::xml_default::{SIP_PORT, call_manager_group};
use crate::load::LoadName;
use crate::mac::Mac;

/// The configuration of one Enterprise phone.
#[derive(Debug, Clone, Copy)]
pub struct Sep<'a> {
    /// The load to run; `None` keeps the present one.
    pub load: Option<&'a LoadName>,
    /// The load server: HTTP on port 6970, else TFTP.
    pub load_server: Ipv4Addr,
    /// The call managers to register with, the preferred one first; may be empty.
    pub call_managers: &'a [Ipv4Addr],
    /// The registrar, in place of call managers, so that the phone can be asked and restarted; `None` gives the form
    /// of Cisco's sample.
    pub registrar: Option<RegistrarAddress>,
}

/// A call manager that accepts one phone's registration.
#[derive(Debug, Clone, Copy)]
pub struct RegistrarAddress {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its SIP port, TCP and UDP.
    pub port: u16,
    /// The phone, after which the line is named.
    pub mac: Mac,
}

/// Writes the document. Even without a load a phone accepts it, unlike "not found".
pub fn sep(sep: &Sep) -> Result<Vec<u8>, DocumentError> {
    let mut device = Vec::new();
    if !sep.call_managers.is_empty() {
        device.push(text("fullConfig", "true"));
        device.push(text("deviceProtocol", "SIP"));
        device.push(parent("devicePool", vec![call_manager_group(sep.call_managers, SIP_PORT)]));
    }
    if let Some(registrar) = &sep.registrar {
        device.extend(registration(registrar));
    }
    if let Some(load) = sep.load {
        device.push(text("loadInformation", load));
    }
    device.push(parent(
        "vendorConfig",
        vec![
            // 0 turns the phone's web page on: the encoding is inverted.
            text("webAccess", 0),
            text("loadServer", sep.load_server),
            // A phone that fetches from its neighbor would be out of sight.
            text("peerFirmwareSharing", 0),
        ],
    ));
    parent("device", device).into_document()
}

/// The least that makes a phone register (cisco-phones §13). The line takes no calls: each is declined.
fn registration(registrar: &RegistrarAddress) -> Vec<Element> {
    let RegistrarAddress { address, port, mac } = registrar;
    let stack = vec![
        text("timerInviteExpires", 180),
        text("timerRegisterExpires", 120),
        text("timerRegisterDelta", 5),
        text("timerKeepAliveExpires", 120),
        text("timerSubscribeExpires", 120),
        text("timerSubscribeDelta", 5),
        text("timerT1", 500),
        text("timerT2", 4000),
    ];
    let line = vec![
        // Feature 9: a line.
        text("featureID", 9),
        text("proxy", "USECALLMANAGER"),
        text("port", port),
        text("name", mac),
        text("authName", mac),
        text("contact", mac),
    ];
    let profile = vec![
        parent("sipProxies", vec![text("registerWithProxy", true)]),
        parent("sipStack", stack),
        parent("sipLines", vec![parent("line", line).with("button", 1)]),
    ];
    vec![
        text("fullConfig", true),
        text("deviceProtocol", "SIP"),
        parent("devicePool", vec![call_manager_group(&[*address], *port)]),
        parent("sipProfile", profile),
        // 1: TCP.
        text("transportLayerProtocol", 1),
        // 1: no signatures and no encryption.
        text("deviceSecurityMode", 1),
    ]
}
