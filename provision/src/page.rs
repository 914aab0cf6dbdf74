//! Reads a phone's web page: `DeviceInformationX` of Enterprise firmware, the status page of Multiplatform firmware.
//! It comes from the network: nothing in it is trusted to be there, to be short, or to be true.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use serde::{Deserialize, Serialize};

use crate::catalog::{Vid, name};
use crate::load::{LoadName, Side};
use crate::mac::Mac;

/// The longest page read, in bytes; real ones have a few thousand.
pub const MAX_PAGE: usize = 64 * 1024;
/// The longest element text read, in bytes.
const MAX_TEXT: usize = 512;

/// The content of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The MAC.
    pub mac: Option<Mac>,
    /// `8851`, `8851NR`: upper case, without `CP-`.
    pub model: Option<String>,
    /// The VID in the UDI. The page's hardware revision is another number: a phone of revision V01 may have VID V00.
    pub vid: Option<Vid>,
    /// Serial number.
    pub serial: Option<String>,
    /// The present load.
    pub load: Option<LoadName>,
}

/// The paths to ask for, in order, without their leading slash. A phone of unknown side may have either page.
pub fn paths(side: Option<Side>) -> &'static [&'static str] {
    match side {
        Some(Side::Enterprise) => &["DeviceInformationX"],
        Some(Side::Multiplatform) => &["status.xml", "admin/status.xml"],
        None => &["DeviceInformationX", "status.xml", "admin/status.xml"],
    }
}

/// Reads a page as far as possible; `None` if nothing is found.
///
/// Elements of Enterprise firmware: `MACAddress`, `versionID`, `serialNumber`, `modelNumber`, `udi`. Those of
/// Multiplatform firmware are not documented, so any element with a similar name counts, in any letter case and with
/// or without underscores; a load is any text in the form of its name.
pub fn parse(bytes: &[u8]) -> Option<Page> {
    let text = String::from_utf8_lossy(bytes.get(..MAX_PAGE).unwrap_or(bytes));
    let mut reader = Reader::from_str(&text);
    let lenient = reader.config_mut();
    lenient.check_end_names = false;
    lenient.allow_unmatched_ends = true;
    lenient.allow_dangling_amp = true;
    let mut page = Page::default();
    let (mut name, mut content) = (String::new(), String::new());
    // A page that is cut off or malformed later still counts up to there.
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(element) => {
                name = plain(element.local_name().as_ref());
                content.clear();
            }
            Event::Text(part) => content.push_str(&part),
            Event::CData(part) => content.push_str(&part),
            Event::GeneralRef(entity) => match entity.resolve_char_ref() {
                Ok(Some(character)) => content.push(character),
                _ => content.push_str(resolve_predefined_entity(&entity).unwrap_or(" ")),
            },
            Event::End(_) => {
                page.take(&name, content.trim());
                name.clear();
            }
            Event::Eof => break,
            _ => {}
        }
        if content.len() > MAX_TEXT {
            name.clear();
        }
    }
    (page != Page::default()).then_some(page)
}

/// Normalizes an element's name: `Serial_Number` and `serialNumber` are the same.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).take(40).collect()
}

impl Page {
    /// Takes in one element; the first value counts.
    fn take(&mut self, name: &str, text: &str) {
        let first = |kept: &mut Option<String>, found: Option<String>| {
            *kept = kept.take().or(found);
        };
        match name {
            "macaddress" | "mac" => self.mac = self.mac.or_else(|| text.parse().ok()),
            "serialnumber" | "serial" => first(&mut self.serial, word(text)),
            "modelnumber" | "productname" | "model" => first(&mut self.model, model(text)),
            "vid" => self.vid = self.vid.or_else(|| text.parse().ok()),
            "udi" => self.udi(text),
            name if name.contains("inactive") => {}
            name if name.contains("version") || name.contains("activeload") => {
                self.load = self.load.take().or_else(|| text.parse().ok());
            }
            _ => {}
        }
    }

    /// Reads a UDI: `phone`, a description, then `CP-8845`, `V00` and the serial number, each on its own line or
    /// after a slash. The description may name the model too, but less exactly.
    fn udi(&mut self, text: &str) {
        let mut words =
            text.split(|c: char| c.is_whitespace() || "/,;".contains(c)).filter(|word| !word.is_empty());
        let mut product = None;
        while let Some(next) = words.next() {
            if let Some(found) = model(next) {
                product = Some(found);
                continue;
            }
            // Without the V, any digits would look like a version.
            let version = next.strip_prefix(['V', 'v']).and_then(|digits| digits.parse().ok());
            if let Some(vid) = version.filter(|_| product.is_some()) {
                self.vid = Some(vid);
                self.serial = self.serial.take().or_else(|| words.next().and_then(word));
                break;
            }
        }
        self.model = self.model.take().or(product);
    }
}

fn model(text: &str) -> Option<String> {
    name::canonical(text)
}

/// Letters and digits only, as in serial numbers.
fn word(text: &str) -> Option<String> {
    let sound = (1..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    sound.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ENTERPRISE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<?xml-stylesheet type=\"text/xsl\" href=\"x.xsl\"?>\n\
        <DeviceInformation>\n<MACAddress>AC7E8AB75190</MACAddress>\n<HostName>SEPAC7E8AB75190</HostName>\n<phoneDN></phoneDN>\n\
        <appLoadID>rootfs8845_65.14-3-1-0201-246</appLoadID>\n<bootLoadID>sb28845_65.BEV-01-020</bootLoadID>\n\
        <versionID>sip8845&#x5F;65&#46;14&#x2D;3-1-0201-246</versionID>\n<hardwareRevision>V01</hardwareRevision>\n\
        <serialNumber>FCH2039D2UH</serialNumber>\n<modelNumber>CP-8845</modelNumber>\n<MessageWaiting>No</MessageWaiting>\n\
        <udi>phone\nCisco IP Phone 8845, Global\nCP-8845\nV00\nFCH2039D2UH</udi>\n<time>9:05:12am</time>\n</DeviceInformation>";

    fn expected() -> Page {
        Page {
            mac: "AC7E8AB75190".parse().ok(),
            model: Some("8845".into()),
            vid: Some(Vid(0)),
            serial: Some("FCH2039D2UH".into()),
            load: "sip8845_65.14-3-1-0201-246".parse().ok(),
        }
    }

    #[test]
    fn an_enterprise_page_tells_all_and_its_hardware_revision_is_no_vid() {
        assert_eq!(parse(ENTERPRISE.as_bytes()), Some(expected()));
        let slashes =
            ENTERPRISE.replace("phone\nCisco", "phone/Cisco").replace("CP-8845\nV00\nFCH", "CP-8845/V00/FCH");
        assert_eq!(parse(slashes.as_bytes()), Some(expected()));
        let without = ENTERPRISE.split("<udi>").next().unwrap();
        assert_eq!(parse(without.as_bytes()), Some(Page { vid: None, ..expected() }), "and breaks off");
    }

    #[test]
    fn a_multiplatform_page_is_read_whatever_its_elements_are_called_exactly() {
        for page in [
            "<status><Product_Name>CP-8851NR-3PCC</Product_Name><Serial_Number>FCH1</Serial_Number>\
             <Software_Version>sip88xx.11-3-6MPP0001-273</Software_Version><Hardware_Version>V05</Hardware_Version>\
             <MAC_Address>00:12:34:AB:45:DE</MAC_Address></status>",
            "<flat-status><product-name ua=\"na\">CP-8851NR-3PCC</product-name><softwareVersion>sip88xx.11-3-6MPP0001-273.loads\
             </softwareVersion><Inactive_Version>sip88xx.14-2-1-0101-26</Inactive_Version><serial>FCH1</serial><MAC>001234ab45de</MAC>",
        ] {
            let expected = Page {
                mac: "001234AB45DE".parse().ok(),
                model: Some("8851NR".into()),
                vid: None,
                serial: Some("FCH1".into()),
                load: "sip88xx.11-3-6MPP0001-273".parse().ok(),
            };
            assert_eq!(parse(page.as_bytes()), Some(expected), "{page}");
        }
        assert_eq!(parse(b"<s><VID>V16</VID></s>").unwrap().vid, Some(Vid(16)));
    }

    #[test]
    fn what_tells_nothing_is_no_page() {
        for page in [
            "",
            "<html><body>Log in</body></html>",
            "<DeviceInformation/>",
            "<udi>phone V05</udi>",
            "<versionID>12.5</versionID>",
        ] {
            assert_eq!(parse(page.as_bytes()), None, "{page}");
        }
        let endless = format!("<serialNumber>{}</serialNumber>", "A".repeat(1 << 20));
        assert_eq!(parse(endless.as_bytes()), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&bytes);
        }

        /// Hostile pages: pieces of real ones, cut and joined anywhere.
        #[test]
        fn what_is_kept_stays_small(pieces in proptest::collection::vec((0..ENTERPRISE.len(), 0..200usize), 0..12)) {
            let bytes: Vec<u8> = pieces
                .into_iter()
                .flat_map(|(from, length)| ENTERPRISE.as_bytes().iter().skip(from).take(length).copied())
                .collect();
            if let Some(page) = parse(&bytes) {
                prop_assert!(page.model.is_none_or(|model| model.len() <= 12));
                prop_assert!(page.serial.is_none_or(|serial| serial.len() <= 40));
            }
        }
    }
}
