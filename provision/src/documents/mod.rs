//! The documents phones read, generated phone by phone: `SEP<MAC>.cnf.xml` and `XMLDefault.cnf.xml` for Enterprise
//! phones, the profile (`$PSN.xml` and `Cisco/$PN/$MA.cfg`) for Multiplatform phones and transition loads. And what a call
//! manager is told, where it steers Enterprise phones.
//!
//! Element names are case-sensitive to the phone, which ignores what it does not know, so they are written exactly
//! as in Cisco's own samples; `tests/golden/` has each kind of document.

mod call_manager;
mod profile;
mod sep;
mod url;
mod xml;
mod xml_default;

pub use call_manager::{product_specific, reset_phone, update_phone};
pub use profile::{Audience, Profile, Purpose, check_parameters, profile};
pub use sep::{Registrar, Sep, sep};
pub use url::FileServer;
pub use xml::DocumentError;
pub use xml_default::{ModelLoad, XmlDefault, xml_default};

#[cfg(test)]
mod tests;
