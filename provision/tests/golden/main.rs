//! Every document as phones get it, compared with the files beside this one byte for byte, and with Cisco's
//! samples (Phone Firmware Migration, April 2019) element by element: names, attributes, order, values.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::Event;
use transload_provision::documents::FileServer;
use transload_provision::load::LoadName;

mod call_manager;
mod enterprise;
mod holds;
mod profile;

const SERVER: FileServer = FileServer { address: Ipv4Addr::new(10, 23, 45, 67), port: 80 };

fn load(name: &str) -> LoadName {
    name.parse().unwrap()
}

/// Compares with the file; `UPDATE_GOLDEN=1 cargo test -p transload-provision --test golden` renews it.
fn golden(name: &str, document: Vec<u8>) -> String {
    let document = String::from_utf8(document).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(document == expected, "{} should be\n{expected}but the document is\n{document}", path.display());
    assert!(document.is_ascii());
    document
}

/// Each element that holds text, in order: its path with attributes, and the text.
fn elements(document: &str) -> Vec<(String, String)> {
    let mut reader = Reader::from_str(document);
    reader.config_mut().trim_text(true);
    let (mut path, mut text, mut found) = (Vec::new(), String::new(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                let mut step = start.name().as_ref().to_owned();
                for attribute in start.attributes() {
                    let attribute = attribute.unwrap();
                    write!(step, "[{}={}]", attribute.key.as_ref(), attribute.value).unwrap();
                }
                path.push(step);
                text.clear();
            }
            Event::Text(part) => text += &part,
            Event::End(_) => {
                if !text.is_empty() {
                    found.push((path.join("/"), std::mem::take(&mut text)));
                }
                path.pop();
            }
            Event::Eof => return found,
            other => panic!("a phone's document has elements and text only, not {other:?}"),
        }
    }
}

/// A sample's elements under one path.
fn sample(path: &str, elements: &[(&str, &str)]) -> Vec<(String, String)> {
    elements.iter().map(|(name, value)| (format!("{path}{name}"), (*value).to_owned())).collect()
}
