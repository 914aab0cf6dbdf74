//! Records size and SHA-256 of imported files in `manifest.json`, so that damage is found.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use transload_provision::load::Direction;
use transload_provision::mac::Mac;

use super::stamp::FileStamp;
use crate::system::plain_file::{self, FileKind};

/// The manifest's name in the state folder.
pub const NAME: &str = "manifest.json";

/// Known files by [`firmware_key`] or [`license_key`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The known files.
    pub files: BTreeMap<String, ManifestEntry>,
}

/// A file as it was imported or first verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// The content's SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// The size in bytes.
    pub size: u64,
    /// The modification time in nanoseconds since 1970; another time means a change by hand.
    pub modified: u64,
    /// The file's package; `None` if it was put there by hand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub package: Option<String>,
    /// When the file was imported or first verified.
    pub since: Timestamp,
    /// Verification found other content in the file as modified at this time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub spoiled: Option<u64>,
}

/// A firmware file's key: phones ask for bare names in any letter case.
pub fn firmware_key(name: &str) -> String {
    name.to_ascii_lowercase()
}

pub fn license_key(direction: Direction, mac: Mac) -> String {
    format!("licenses/{direction}/{mac}")
}

/// Whether a key is a license's.
pub fn is_license(key: &str) -> bool {
    key.starts_with("licenses/")
}

/// Formats a digest for the manifest.
pub fn hexadecimal(digest: &[u8]) -> String {
    HEXLOWER.encode(digest)
}

/// The SHA-256 of a file. `progress` is called with the bytes read.
pub fn digest(path: &Path, mut progress: impl FnMut(u64)) -> io::Result<String> {
    use std::io::Read;
    let mut file = plain_file::open_without_links(path)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 256 * 1024];
    loop {
        let length = file.read(&mut block)?;
        if length == 0 {
            return Ok(hexadecimal(&hash.finalize()));
        }
        hash.update(&block[..length]);
        progress(length as u64);
    }
}

impl Manifest {
    /// Reads a state folder's manifest; a missing one is empty.
    pub fn read(state: &Path) -> io::Result<Self> {
        match plain_file::read(&state.join(NAME), FileKind::Manifest) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            read => serde_json::from_slice(&read?).map_err(io::Error::other),
        }
    }

    /// Writes the manifest whole or not at all.
    pub fn write(&self, state: &Path) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        crate::system::atomic::write(&state.join(NAME), &text)
    }

    /// Damage known from the file's size or an earlier verification; cheap.
    pub(super) fn damage(&self, key: &str, stamp: &FileStamp) -> Option<String> {
        let known = self.files.get(key)?;
        let again = match &known.package {
            Some(package) => format!("import {package} again"),
            None => "take it from Cisco's package again".to_owned(),
        };
        if known.size != stamp.size {
            return Some(format!("it has {} bytes and had {}; {again}", stamp.size, known.size));
        }
        (known.spoiled == Some(stamp.nanoseconds()))
            .then(|| format!("its content is no longer what it was (SHA-256); {again}"))
    }

    /// Whether the file was modified since its content was last known.
    pub(super) fn is_unverified(&self, key: &str, stamp: &FileStamp) -> bool {
        self.files
            .get(key)
            .is_some_and(|known| known.size == stamp.size && known.modified != stamp.nanoseconds())
    }
}
