//! Reads documents as a phone does.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// The parts of an Enterprise phone's configuration that a migration needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    /// The load to run.
    pub load: Option<String>,
    /// The load server, if it is not the configuration's server.
    pub load_server: Option<String>,
    /// The web page is to be on or off, if set.
    pub web_access: Option<bool>,
    /// The phone should ask other phones for firmware first.
    pub peer_sharing: bool,
    /// The call manager to register with, if its settings are complete.
    pub manager: Option<Manager>,
}

/// A call manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manager {
    /// Its address.
    pub address: String,
    /// Its SIP port.
    pub port: u16,
    /// The name of the phone's line.
    pub line: String,
}

/// Reads `SEP<MAC>.cnf.xml`. One error makes a phone ignore all of it.
pub fn device(document: &[u8]) -> Result<Configuration, String> {
    let leaves = leaves(document)?;
    if !leaves.iter().any(|leaf| leaf.path.starts_with("device/")) {
        return Err("no <device> with anything in it".to_owned());
    }
    let text = |path: &str| {
        let leaf = leaves.iter().rfind(|leaf| leaf.path == path)?;
        Some(leaf.text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    Ok(Configuration {
        load: text("device/loadInformation"),
        load_server: text("device/vendorConfig/loadServer"),
        // 0 is on: the encoding is inverted (§9.1).
        web_access: text("device/vendorConfig/webAccess").map(|value| value == "0"),
        peer_sharing: text("device/vendorConfig/peerFirmwareSharing").is_some_and(|value| value != "0"),
        manager: manager(text),
    })
}

/// The settings for a registration (§13).
fn manager(text: impl Fn(&str) -> Option<String>) -> Option<Manager> {
    const NODE: &str = "device/devicePool/callManagerGroup/members/member/callManager";
    const LINE: &str = "device/sipProfile/sipLines/line";
    for (path, value) in [
        ("device/fullConfig", "true"),
        ("device/deviceProtocol", "SIP"),
        ("device/deviceSecurityMode", "1"),
        ("device/sipProfile/sipProxies/registerWithProxy", "true"),
        (&format!("{LINE}/featureID"), "9"),
        (&format!("{LINE}/proxy"), "USECALLMANAGER"),
    ] {
        if text(path)? != value {
            return None;
        }
    }
    Some(Manager {
        address: text(&format!("{NODE}/processNodeName"))?,
        port: text(&format!("{NODE}/ports/sipPort"))?.parse().ok()?,
        line: text(&format!("{LINE}/name"))?,
    })
}

/// Reads `XMLDefault.cnf.xml` for a model number. A phone expects a call manager in it.
pub fn default(document: &[u8], id: u32) -> Result<Configuration, String> {
    const MANAGER: &str = "Default/callManagerGroup/members/member/callManager";
    let leaves = leaves(document)?;
    let text = |path: &str| {
        let leaf = leaves.iter().rfind(|leaf| leaf.path == path)?;
        Some(leaf.text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    for needed in ["ports/ethernetPhonePort", "processNodeName"] {
        if text(&format!("{MANAGER}/{needed}")).is_none() {
            return Err(format!("no <{needed}> of a call manager"));
        }
    }
    Ok(Configuration { load: text(&format!("Default/loadInformation{id}")), ..Configuration::default() })
}

/// Reads a profile of Multiplatform firmware: its parameters in order.
pub fn profile(document: &[u8]) -> Result<Vec<(String, String)>, String> {
    let leaves = leaves(document)?;
    let parameters: Vec<_> = leaves
        .into_iter()
        .filter_map(|leaf| {
            let name =
                leaf.path.strip_prefix("device/").unwrap_or(&leaf.path).strip_prefix("flat-profile/")?;
            Some((name.to_owned(), leaf.text))
        })
        .collect();
    if parameters.is_empty() {
        return Err("no <flat-profile> with a parameter in it".to_owned());
    }
    Ok(parameters)
}

/// An element without children.
struct Leaf {
    path: String,
    text: String,
}

fn leaves(document: &[u8]) -> Result<Vec<Leaf>, String> {
    let bad = |error: &dyn std::fmt::Display| format!("no well-formed XML: {error}");
    let document = std::str::from_utf8(document).map_err(|error| bad(&error))?;
    let mut reader = Reader::from_str(document);
    let (mut leaves, mut path, mut text) = (Vec::new(), Vec::<String>::new(), String::new());
    let mut roots = 0;
    let mut childless = false;
    loop {
        let event = reader.read_event().map_err(|error| bad(&error))?;
        match event {
            Event::Start(ref tag) | Event::Empty(ref tag) => {
                roots += u32::from(path.is_empty());
                path.push(tag.name().as_ref().to_owned());
                text.clear();
                childless = true;
            }
            Event::Text(ref part) => text += &part.xml10_content(),
            Event::CData(ref part) => text += &part.xml10_content(),
            Event::GeneralRef(ref entity) => match entity.resolve_char_ref().map_err(|error| bad(&error))? {
                Some(character) => text.push(character),
                None => text += resolve_predefined_entity(entity).ok_or_else(|| bad(&"an unknown entity"))?,
            },
            Event::Eof => break,
            _ => {}
        }
        if matches!(event, Event::End(_) | Event::Empty(_)) {
            if childless {
                leaves.push(Leaf { path: path.join("/"), text: std::mem::take(&mut text) });
            }
            path.pop();
            childless = false;
        }
    }
    if path.is_empty() && roots == 1 {
        Ok(leaves)
    } else {
        Err(bad(&"elements are left open, or there is not one root"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_finds_its_load_and_load_server() {
        let document = b"<device>\n <loadInformation>sip88xx.TLexE2M-11-2-3C-4</loadInformation>\n <vendorConfig><webAccess>0</webAccess><loadServer>12.34.56.78</loadServer></vendorConfig>\n</device>";
        let expected = Configuration {
            load: Some("sip88xx.TLexE2M-11-2-3C-4".into()),
            load_server: Some("12.34.56.78".into()),
            web_access: Some(true),
            peer_sharing: false,
            manager: None,
        };
        assert_eq!(device(document), Ok(expected));
    }

    #[test]
    fn a_phone_reads_only_its_own_models_default() {
        let document = |ports: &str| {
            format!(
                "<Default><callManagerGroup><members><member priority=\"0\"><callManager><ports>{ports}</ports>\
                 <processNodeName>12.34.56.78</processNodeName></callManager></member></members></callManagerGroup>\
                 <loadInformation683 model=\"Cisco 8841\">a</loadInformation683>\
                 <loadInformation684 model=\"Cisco 8851\">b</loadInformation684></Default>"
            )
        };
        let whole = document("<ethernetPhonePort>2000</ethernetPhonePort>");
        assert_eq!(default(whole.as_bytes(), 684).unwrap().load.as_deref(), Some("b"));
        assert_eq!(default(whole.as_bytes(), 621).unwrap().load, None);
        assert!(default(document("").as_bytes(), 684).is_err());
    }

    #[test]
    fn a_profile_with_or_without_device_is_read_and_its_escapes_resolved() {
        let inner = "<flat-profile><Upgrade_Rule ua=\"na\">($SWVER &lt; 12-0)? http://h/a?x=1&amp;y=2 | &#104;</Upgrade_Rule><Empty/></flat-profile>";
        let expected = vec![
            ("Upgrade_Rule".to_owned(), "($SWVER < 12-0)? http://h/a?x=1&y=2 | h".to_owned()),
            ("Empty".to_owned(), String::new()),
        ];
        assert_eq!(profile(inner.as_bytes()), Ok(expected.clone()));
        assert_eq!(profile(format!("<device>\n{inner}\n</device>").as_bytes()), Ok(expected));
    }

    #[test]
    fn one_syntax_error_spoils_the_document() {
        for document in [
            "",
            "<device>",
            "<device><a></device>",
            "<device><a>&nope;</a></device>",
            "text",
            "<html></html>",
        ] {
            assert!(device(document.as_bytes()).is_err(), "{document}");
            assert!(profile(document.as_bytes()).is_err(), "{document}");
        }
    }
}
