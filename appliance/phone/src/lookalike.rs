//! Look-alike firmware and licenses for rehearsals and tests: files in the form of Cisco's, without Cisco's content.
//!
//! A component ends with a checksum of its bytes, and a `.loads` file carries one of its listing, where real files
//! are signed. So a virtual phone notices a truncated or altered file as a real one does.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::shared::Direction;
use crate::shared::Mac;

/// The versions of the 2019 procedure, in the order an Enterprise phone meets them; the last one leads back.
pub const SEED_VERSIONS: [&str; 4] =
    ["12-5-1SR1-4", "TLexE2M-11-2-3C-4", "11-2-3MPP-398", "TLexM2E-11-2-3C-4"];
/// Versions between which phones cross directly, in both directions.
pub const DIRECT_VERSIONS: [&str; 2] = ["14-4-1-0301-6", "12-0-7MPP0201-66"];
/// Every load family.
pub const FAMILIES: [&str; 5] = ["sip78xx", "sip7832", "sip88xx", "sip8845_65", "sip8832"];
/// The default size of the largest component, in bytes. Real ones have 39 to 82 MB.
pub const SMALL: u64 = 256 * 1024;

/// The signer's name in look-alikes.
pub const SIGNER: &str = "CN=Transload look-alike";
const LICENSE_HEAD: &str = "Transload look-alike license";
const LARGEST_HEADER: usize = 4096;

/// A phone of a generated state folder.
#[derive(Debug, Clone)]
pub struct MadePhone {
    /// The phone.
    pub mac: Mac,
    /// `8851`.
    pub model: String,
    /// `V05`.
    pub vid: String,
}

/// Component names up to the version, `=own` where the version is the component's and not the load's.
/// One inner list for each hardware platform; names as in listings of real packages.
fn platforms(family: &str) -> &'static [&'static [&'static str]] {
    match family {
        "sip78xx" => {
            &[&["rootfs78xx", "kern78xx", "sboot78xx"], &["rootfs2.78xx", "kern2.78xx", "sboot2.78xx"]]
        }
        "sip7832" => &[
            &["rootfs7832", "kern7832", "sboot7832=BC-01-003"],
            &["rootfs27832", "kern27832", "sboot27832=BC-01-003", "key7832=BC-01-001"],
        ],
        "sip88xx" => &[
            &["rootfs88xx", "kern88xx", "vc488xx", "sb288xx=BE-01-020", "fbi88xx=BE-01-010"],
            &[
                "rootfs288xx",
                "kern288xx",
                "ssb288xx=BE-01-006",
                "sb2288xx=BE-01-020",
                "m0patch288xx=BE-01-001P",
            ],
            &["rootfs388xx", "kern388xx", "sb2388xx=BE-01-020", "preloader88xx=BE-01-008P"],
        ],
        "sip8845_65" => &[
            &[
                "rootfs8845_65",
                "kern8845_65",
                "vc48845_65",
                "fbi8845_65=BEV-01-006P",
                "sb28845_65=BEV-01-020P",
            ],
            &["rootfs28845_65", "kern28845_65", "vc48845_65", "sb228845_65=BEV-01-004P"],
        ],
        "sip8832" => &[
            &["rootfs8832", "kern8832", "key8832=BC-01-002"],
            &["rootfs28832", "kern28832", "key28832=BC-01-002", "trustzone28832=BC-01-004"],
        ],
        _ => &[],
    }
}

/// Writes `<load>.loads` and its components into a folder; files that are there stay.
///
/// `rootfs` is the size in bytes of the largest component; it has to be the same for all loads of a folder, since
/// loads share boot components.
pub fn firmware(folder: &Path, load: &str, rootfs: u64) -> io::Result<()> {
    let unknown = || io::Error::other(format!("{load}: no look-alike for this load; families: {FAMILIES:?}"));
    let (family, version) = load.split_once('.').ok_or_else(unknown)?;
    if platforms(family).is_empty() {
        return Err(unknown());
    }
    fs::create_dir_all(folder)?;
    let mut listing = Vec::new();
    for (index, components) in platforms(family).iter().enumerate() {
        let number = index + 1;
        write!(listing, "[PLATFORM_{number}]\r\nhwcompat=0x{:08X}\r\nswcompat=0x00000004\r\n", 1 << index)?;
        for (position, component) in components.iter().enumerate() {
            let (stem, own) = component.split_once('=').unwrap_or((component, version));
            let name = format!("{stem}.{own}.sbn");
            let size = match position {
                0 => rootfs,
                1 => rootfs / 8,
                _ => (rootfs / 64).max(353),
            };
            component_file(folder, family, &name, size)?;
            write!(listing, "file{position}={name}\r\n")?;
        }
        listing.extend_from_slice(b"\r\n");
    }
    let name = format!("{load}.loads");
    let mut file = header(&name, &listing);
    file.extend_from_slice(&listing);
    fs::write(folder.join(name), file)
}

/// The header of a signed file: tag, length in 16 bits, value; tag 2 tells the length of it all, tag 13 is a
/// single byte of padding (cisco-phones.md §4.1).
fn header(name: &str, payload: &[u8]) -> Vec<u8> {
    let mut check = Check::default();
    check.feed(payload);
    let mut fields = Vec::new();
    let mut field = |tag: u8, value: &[u8]| {
        fields.push(tag);
        fields.extend_from_slice(&(value.len() as u16).to_be_bytes());
        fields.extend_from_slice(value);
    };
    field(4, SIGNER.as_bytes());
    field(5, &[0x01]);
    field(6, b"CN=Transload look-alike authority");
    field(8, &[2]);
    field(12, &check.sum());
    field(14, name.as_bytes());
    field(15, &1_554_076_800_u32.to_be_bytes());
    while fields.len() % 4 != 2 {
        fields.push(13);
    }
    let length = (10 + fields.len()) as u16;
    let mut header = vec![1, 0, 2, 1, 0, 2, 0, 2];
    header.extend_from_slice(&length.to_be_bytes());
    header.extend_from_slice(&fields);
    header
}

fn component_file(folder: &Path, family: &str, name: &str, size: u64) -> io::Result<()> {
    let path = folder.join(name);
    if path.try_exists()? {
        return Ok(());
    }
    let mut head = component_head(family, name, size);
    head.truncate(size.saturating_sub(8) as usize);
    let mut check = Check::default();
    let mut file = BufWriter::new(fs::File::create(&path)?);
    let mut write = |bytes: &[u8]| {
        check.feed(bytes);
        file.write_all(bytes)
    };
    write(&head)?;
    let mut left = size.saturating_sub(8) - head.len() as u64;
    let mut noise = Noise::of(name);
    while left > 0 {
        let block = noise.block();
        let part = &block[..block.len().min(left as usize)];
        write(part)?;
        left -= part.len() as u64;
    }
    let sum = check.sum();
    file.write_all(&sum)?;
    file.into_inner().map(drop).map_err(io::IntoInnerError::into_error)
}

/// The start of a component: 78xx has its own header, the file systems of the others have their magic number.
fn component_head(family: &str, name: &str, size: u64) -> Vec<u8> {
    if family == "sip78xx" {
        const HEADER: u32 = 0x154;
        let mut head = vec![0; HEADER as usize];
        head[..4].copy_from_slice(&[0xCD, 0x34, 0x12, 0xAB]);
        head[4..8].copy_from_slice(&HEADER.to_le_bytes());
        head[12..16].copy_from_slice(&(size.saturating_sub(HEADER.into()) as u32).to_le_bytes());
        head[0x38..0x38 + name.len()].copy_from_slice(name.as_bytes());
        head
    } else if !name.starts_with("rootfs") {
        name.as_bytes().to_vec()
    } else if family == "sip8832" || name.starts_with("rootfs3") {
        b"UBI#\x01\0\0\0".to_vec()
    } else {
        let mut head = vec![0; 96];
        head[..4].copy_from_slice(b"hsqs");
        head[28..30].copy_from_slice(&4_u16.to_le_bytes());
        head[40..48].copy_from_slice(&size.to_le_bytes());
        head
    }
}

/// The bytes of a look-alike license: for one phone and one direction.
pub fn license(direction: Direction, mac: Mac) -> Vec<u8> {
    format!("{LICENSE_HEAD}\nmac={mac}\ndirection={direction}\n").into_bytes()
}

/// The phone and direction of a look-alike license; `None` for other files, including real licenses.
pub fn read_license(bytes: &[u8]) -> Option<(Direction, Mac)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.strip_prefix(LICENSE_HEAD)?.trim().lines();
    let mac = lines.next()?.strip_prefix("mac=")?.parse().ok()?;
    let direction = match lines.next()?.strip_prefix("direction=")? {
        "e2m" => Direction::E2m,
        "m2e" => Direction::M2e,
        _ => return None,
    };
    Some((direction, mac))
}

/// Writes a state folder: firmware of every family in these versions, a license for each phone and direction, and the
/// roster.
pub fn state(folder: &Path, versions: &[&str], rootfs: u64, owners: &[MadePhone]) -> io::Result<()> {
    for family in FAMILIES {
        for version in versions {
            firmware(&folder.join("firmware"), &format!("{family}.{version}"), rootfs)?;
        }
    }
    for direction in [Direction::E2m, Direction::M2e] {
        let licenses = folder.join("licenses").join(direction.to_string());
        fs::create_dir_all(&licenses)?;
        for owner in owners {
            fs::write(licenses.join(format!("{}.lic", owner.mac)), license(direction, owner.mac))?;
        }
    }
    fs::write(folder.join("roster.csv"), roster(owners))
}

/// The roster of these phones.
pub fn roster(owners: &[MadePhone]) -> String {
    owners.iter().fold("MAC,model,vid\n".to_owned(), |roster, owner| {
        format!("{roster}{},{},{}\n", owner.mac, owner.model, owner.vid)
    })
}

/// Checks a component while it arrives: its length and its checksum.
#[derive(Debug, Default)]
pub struct Verifier {
    check: Check,
    /// The latest bytes, which may be the checksum.
    held_back: Vec<u8>,
    /// Bytes so far.
    pub length: u64,
}

impl Verifier {
    /// Takes the next bytes of the file.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let ready = (self.held_back.len() + bytes.len()).saturating_sub(8);
        let held = ready.min(self.held_back.len());
        let (passed, latest) = bytes.split_at(ready - held);
        self.check.feed(&self.held_back[..held]);
        self.check.feed(passed);
        self.held_back.drain(..held);
        self.held_back.extend_from_slice(latest);
    }

    /// True if the complete file is intact.
    pub fn holds(&self) -> bool {
        self.held_back == self.check.sum()
    }
}

/// The signature of a `.loads` file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// An intact look-alike.
    LookAlike,
    /// Another signature, which only a real phone can judge.
    Foreign,
    /// No header, or an altered look-alike.
    Broken,
}

/// Reads the header of a `.loads` file; returns the offset of the listing too.
pub fn signature(file: &[u8]) -> (Signature, usize) {
    let mut position = 0;
    let (mut length, mut ours, mut sum) = (None, false, None);
    while position < length.unwrap_or(LARGEST_HEADER).min(file.len()) {
        let tag = file[position];
        if tag == 13 {
            position += 1;
            continue;
        }
        let Some(&[high, low]) = file.get(position + 1..position + 3) else {
            break;
        };
        let end = position + 3 + usize::from(u16::from_be_bytes([high, low]));
        let Some(value) = file.get(position + 3..end) else {
            break;
        };
        match (tag, value) {
            (2, &[high, low]) => length = Some(usize::from(u16::from_be_bytes([high, low]))),
            (4, name) => ours = name == SIGNER.as_bytes(),
            (12, value) => sum = Some(value.to_vec()),
            _ => {}
        }
        position = end;
    }
    let Some(payload) = length.filter(|length| *length == position).and_then(|length| file.get(length..))
    else {
        return (Signature::Broken, 0);
    };
    let mut check = Check::default();
    check.feed(payload);
    match (ours, sum) {
        (false, _) => (Signature::Foreign, position),
        (true, Some(sum)) if sum == check.sum() => (Signature::LookAlike, position),
        (true, _) => (Signature::Broken, position),
    }
}

/// CRC-32: it notices damage and is fast enough for a thousand phones.
#[derive(Debug, Default)]
struct Check(crc32fast::Hasher);

impl Check {
    fn feed(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn sum(&self) -> [u8; 8] {
        u64::from(self.0.clone().finalize()).to_be_bytes()
    }
}

/// Incompressible bytes that depend only on a name (splitmix64).
struct Noise(u64);

impl Noise {
    fn of(name: &str) -> Self {
        Self(crc32fast::hash(name.as_bytes()).into())
    }

    fn block(&mut self) -> [u8; 4096] {
        let mut block = [0; 4096];
        for chunk in block.chunks_exact_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = self.0;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(word ^ (word >> 31)).to_le_bytes());
        }
        block
    }
}

#[cfg(test)]
mod tests;
