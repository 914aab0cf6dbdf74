//! The requests to a call manager.

use transload_provision::documents::{product_specific, reset_phone, update_phone};

use super::{SERVER, elements, golden, load};

const ENVELOPE: &str =
    "soapenv:Envelope[xmlns:soapenv=http://schemas.xmlsoap.org/soap/envelope/]/soapenv:Body/";

fn request(name: &str, found: &[(&str, &str)]) -> Vec<(String, String)> {
    let at = |(path, text): &(&str, &str)| {
        (
            format!("{ENVELOPE}axl:{name}[xmlns:axl=http://www.cisco.com/AXL/API/14.0]/{path}"),
            (*text).to_owned(),
        )
    };
    found.iter().map(at).collect()
}

#[test]
fn an_update_names_load_and_load_server_in_the_order_of_the_schema() {
    let document = update_phone(
        "0123456789AB".parse().unwrap(),
        &load("sip88xx.14-4-1-0001-36"),
        SERVER.address,
        "14.0",
    );
    let document = golden("axl-update.xml", document.unwrap());
    assert_eq!(document.lines().count(), 1);
    let expected = [
        ("name", "SEP0123456789AB"),
        ("loadInformation", "sip88xx.14-4-1-0001-36"),
        ("vendorConfig/webAccess", "0"),
        ("vendorConfig/loadServer", "10.23.45.67"),
        ("vendorConfig/peerFirmwareSharing", "0"),
    ];
    assert_eq!(elements(&document), request("updatePhone", &expected));
}

#[test]
fn a_reset_names_the_phone() {
    let document = reset_phone("0123456789AB".parse().unwrap(), "14.0").unwrap();
    let document = golden("axl-reset.xml", document);
    assert_eq!(elements(&document), request("resetPhone", &[("name", "SEP0123456789AB")]));
    let part = String::from_utf8(product_specific(SERVER.address).unwrap()).unwrap();
    assert!(part.contains("<loadServer>10.23.45.67</loadServer>"), "{part}");
}
