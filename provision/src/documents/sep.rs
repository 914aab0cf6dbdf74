//! `SEP<MAC>.cnf.xml`: what one Enterprise phone is told.

use std::net::Ipv4Addr;

use super::xml::{DocumentError, parent, text};
use super::xml_default::call_manager_group;
use crate::load::LoadName;

/// What to tell one Enterprise phone.
#[derive(Debug, Clone, Copy)]
pub struct Sep<'a> {
    /// The load it should run; `None` leaves the phone on the one it has.
    pub load: Option<&'a LoadName>,
    /// Where it fetches loads: by HTTP on port 6970, or else by TFTP.
    pub load_server: Ipv4Addr,
    /// The call managers it should register with, the preferred one first; with none, it is told of none.
    pub call_managers: &'a [Ipv4Addr],
}

/// The document. Without a load it is still one that a phone takes, unlike "not found".
pub fn sep(sep: &Sep) -> Result<Vec<u8>, DocumentError> {
    let mut device = Vec::new();
    if !sep.call_managers.is_empty() {
        device.push(text("fullConfig", "true"));
        device.push(text("deviceProtocol", "SIP"));
        device.push(parent("devicePool", vec![call_manager_group(sep.call_managers)]));
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
