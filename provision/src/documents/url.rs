//! Builds the URLs given to phones; no other module does.

use std::fmt;
use std::net::Ipv4Addr;

use crate::load::LoadName;
use crate::mac::Mac;

/// The HTTP file service as phones reach it. Displays as its root without a trailing slash: `http://10.23.45.67`, or
/// `http://10.23.45.67:6970`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileServer {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its TCP port; 80 is left out of URLs, as in Cisco's samples.
    pub port: u16,
}

impl fmt::Display for FileServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.address)?;
        if self.port == 80 { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl FileServer {
    /// The URL of a load for one phone. A phone does not retry a failed upgrade until scheme, server, port or path of
    /// the rule change (Cisco administration guide, Provisioning Formats), so each attempt has its own path.
    pub fn attempt_url(self, mac: Mac, attempt: u32, load: &LoadName) -> String {
        format!("{self}/{mac}/{attempt}/{}", load.loads_file())
    }

    /// The URL of a load for any phone, for a shared profile.
    pub fn load_url(self, load: &LoadName) -> String {
        format!("{self}/{}", load.loads_file())
    }

    /// The URL of a license; the phone replaces `$MAU` by its own MAC in upper case.
    pub fn license_url(self) -> String {
        format!("{self}/$MAU.lic")
    }
}
