use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::*;
use crate::load::LoadName;
use crate::mac::Mac;
use crate::names::{self, Asked};

const SERVER: FileServer = FileServer { address: Ipv4Addr::new(10, 23, 45, 67), port: 80 };

fn finish(parameters: &[(&str, &str)]) -> Result<String, DocumentError> {
    let parameters: BTreeMap<String, String> =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let document = profile(&Profile {
        server: SERVER,
        audience: Audience::Phone { mac: "001234AB45DE".parse().unwrap(), attempt: 1 },
        license: false,
        purpose: Purpose::Finish(&parameters),
    })?;
    // The check of the configuration agrees with the writer of the document.
    check_parameters(&parameters)?;
    Ok(String::from_utf8(document).unwrap())
}

/// The text of an element as a parser reads it.
fn read_back(document: &str, element: &str) -> Vec<String> {
    let mut reader = Reader::from_str(document);
    let mut found = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) if start.name().as_ref() == element => {
                let written = reader.read_text(start.name()).unwrap();
                found.push(quick_xml::escape::unescape(&written).unwrap().into_owned());
            }
            Event::Eof => return found,
            _ => {}
        }
    }
}

#[test]
fn a_hostile_value_reaches_the_phone_as_text() {
    for value in [
        "https://a.example/$PSN.xml?a=1&b=2",
        "</flat-profile></device><device>",
        r#""quoted" 'twice'"#,
        "]]> <!-- &lt; &#10; <![CDATA[ <?xml ?>",
        "($SWVER lt 12.0.1)? http://a/b | http://a/c",
    ] {
        let document = finish(&[("Profile_Rule", value)]).unwrap();
        assert_eq!(read_back(&document, "Profile_Rule"), [value], "{document}");
        assert_eq!(document.matches("</device>").count(), 1, "{document}");
    }
}

#[test]
fn a_value_that_a_phone_cannot_read_is_refused_by_name() {
    for value in ["a\0b", "a\u{1}", "line\nline", "tab\t", "\u{7f}", "é", "日本", "\u{2028}"] {
        let error = finish(&[("Profile_Rule", value)]).unwrap_err();
        assert!(
            matches!(&error, DocumentError::Character { element, .. } if element == "Profile_Rule"),
            "{error}"
        );
    }
    for value in ["", "   "] {
        assert!(
            matches!(finish(&[("GPP_A", value)]).unwrap_err(), DocumentError::Empty(name) if name == "GPP_A")
        );
    }
}

#[test]
fn a_name_that_no_element_can_have_is_refused() {
    for name in ["", "1st", "Profile Rule", "a>b", "a/b", "-a", "Prófile", "a:b", "a\0", "ua=\"na\"", "!--"]
    {
        assert!(matches!(finish(&[(name, "x")]).unwrap_err(), DocumentError::Name(_)), "{name}");
    }
    for name in ["Profile_Rule_B", "Line_Enable_1_", "_x", "a.b-c"] {
        assert_eq!(read_back(&finish(&[(name, "x")]).unwrap(), name), ["x"]);
    }
}

#[test]
fn a_users_value_wins_and_comes_once() {
    let document = finish(&[
        ("Resync_Periodic", "86400"),
        ("Upgrade_Enable", "No"),
        ("Trans_Auth_Rule", "https://a.example/$MAU.lic"),
    ])
    .unwrap();
    assert_eq!(read_back(&document, "Resync_Periodic"), ["86400"]);
    assert_eq!(read_back(&document, "Upgrade_Enable"), ["No"]);
    assert_eq!(read_back(&document, "Trans_Auth_Rule"), ["https://a.example/$MAU.lic"]);
    assert_eq!(read_back(&document, "Trans_Auth_Type"), ["Classic"]);
    let document = finish(&[("Trans_Auth_Type", "Other")]).unwrap();
    assert_eq!(read_back(&document, "Trans_Auth_Type"), ["Other"]);
}

#[test]
fn the_port_is_in_a_url_unless_it_is_80() {
    let (mac, load) = ("001234AB45DE".parse().unwrap(), "sip88xx.11-2-3MPP-398".parse().unwrap());
    let other = FileServer { port: 6970, ..SERVER };
    assert_eq!(
        SERVER.attempt_url(mac, 3, &load),
        "http://10.23.45.67/001234AB45DE/3/sip88xx.11-2-3MPP-398.loads"
    );
    assert_eq!(other.load_url(&load), "http://10.23.45.67:6970/sip88xx.11-2-3MPP-398.loads");
    assert_eq!(other.license_url(), "http://10.23.45.67:6970/$MAU.lic");
}

#[test]
fn what_a_phone_asks_by_a_url_it_was_given_is_understood() {
    let (mac, load): (Mac, LoadName) =
        ("001234AB45DE".parse().unwrap(), "sip88xx.11-2-3MPP-398".parse().unwrap());
    let root = SERVER.to_string();
    let url = SERVER.attempt_url(mac, 12, &load);
    let path = url.strip_prefix(&root).unwrap();
    assert_eq!(names::path_identity(path), Some((mac, 12)));
    assert_eq!(names::parse(path), Asked::Loads { load: load.to_string() });

    // The phone replaces the macro.
    let url = SERVER.license_url().replace("$MAU", &mac.to_string());
    let name = "001234AB45DE.lic".to_owned();
    assert_eq!(names::parse(url.strip_prefix(&root).unwrap()), Asked::License { mac: Some(mac), name });
}

#[test]
fn a_profile_that_would_say_nothing_is_refused() {
    let nothing = Profile { server: SERVER, audience: Audience::Cda, license: false, purpose: Purpose::Hold };
    assert!(matches!(profile(&nothing), Err(DocumentError::Empty(_))));
}

#[test]
fn a_model_name_from_a_users_catalog_cannot_break_the_document() {
    let load = "sip88xx.12-5-1SR1-4".parse().unwrap();
    let write = |model| {
        let loads = [ModelLoad { model, id: 684, load: &load }];
        xml_default(&XmlDefault { server: SERVER.address, loads: &loads })
    };
    let document = String::from_utf8(write(r#"8"><x y='&"#).unwrap()).unwrap();
    assert!(document.contains("model=\"Cisco 8&quot;&gt;&lt;x y=&apos;&amp;\">"), "{document}");
    assert!(write("88\n51").is_err());
}
