//! Generates the documents that phones read: `SEP<MAC>.cnf.xml` and `XMLDefault.cnf.xml` for Enterprise phones, the
//! profile (`$PSN.xml` and `Cisco/$PN/$MA.cfg`) for Multiplatform phones and transition loads, and requests to a call
//! manager.
//!
//! Element names are case-sensitive and a phone ignores unknown ones, so they are spelled exactly as in Cisco's
//! samples; `tests/golden/` has each kind of document.

mod call_manager;
mod profile;
mod sep;
mod url;
mod xml;
mod xml_default;

pub use call_manager::{product_specific, reset_phone, update_phone};
pub use profile::{Audience, Profile, Purpose, check_parameters, profile};
pub use sep::{RegistrarAddress, Sep, sep};
pub use url::FileServer;
pub use xml::DocumentError;
pub use xml_default::{ModelLoad, XmlDefault, xml_default};

#[cfg(test)]
mod tests;
