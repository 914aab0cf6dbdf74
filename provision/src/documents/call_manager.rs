//! Requests to a call manager that steers Enterprise phones, by its Administrative XML interface (AXL), and the
//! product-specific part of a phone's record (column XML of its bulk administration).

use std::fmt::Display;
use std::net::Ipv4Addr;

use super::xml::{DocumentError, Element, parent, text};
use crate::load::LoadName;
use crate::mac::Mac;

/// `updatePhone` with the phone's next load and load server, as one line: an envelope for `POST /axl/`. `schema` is
/// the call manager's, such as 14.0, and gives the order of elements (AXLSoap.xsd).
///
/// # Errors
/// None for a schema in plain ASCII.
pub fn update_phone(
    mac: Mac,
    load: &LoadName,
    load_server: Ipv4Addr,
    schema: &str,
) -> Result<Vec<u8>, DocumentError> {
    let content = vec![name(mac), text("loadInformation", load), vendor_config(load_server)];
    envelope(parent("axl:updatePhone", content), schema)
}

/// `resetPhone`: the phone boots and reads its configuration.
///
/// # Errors
/// As for [`update_phone`].
pub fn reset_phone(mac: Mac, schema: &str) -> Result<Vec<u8>, DocumentError> {
    envelope(parent("axl:resetPhone", vec![name(mac)]), schema)
}

/// The product-specific part of a phone's record, as one line.
///
/// # Errors
/// None.
pub fn product_specific(load_server: Ipv4Addr) -> Result<Vec<u8>, DocumentError> {
    vendor_config(load_server).into_line()
}

fn name(mac: Mac) -> Element {
    text("name", format_args!("SEP{mac}"))
}

fn vendor_config(load_server: Ipv4Addr) -> Element {
    let content = vec![
        // 0 turns the phone's web page on, from which the load is read: the encoding is inverted.
        text("webAccess", 0),
        text("loadServer", load_server),
        text("peerFirmwareSharing", 0),
    ];
    parent("vendorConfig", content)
}

fn envelope(request: Element, schema: impl Display) -> Result<Vec<u8>, DocumentError> {
    let request = request.with("xmlns:axl", format_args!("http://www.cisco.com/AXL/API/{schema}"));
    let body = parent("soapenv:Body", vec![request]);
    let envelope = parent("soapenv:Envelope", vec![body]);
    envelope.with("xmlns:soapenv", "http://schemas.xmlsoap.org/soap/envelope/").into_line()
}
