//! What files hold: which components a load has, and whether they can be what they should be.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};

use transload_provision::library::{Load, Platform};
use transload_provision::load::LoadName;
use transload_provision::loads_file;

use super::Unusable;
use super::manifest::{Manifest, firmware_key};
use super::walk::Found;
use crate::system::plain_file::{self, Kind};

/// The loads whose `.loads` file is among the files (by lower-case name), with what is wrong with them.
pub(super) fn loads(
    files: &BTreeMap<String, Found>,
    manifest: &Manifest,
    unusable: &mut Vec<Unusable>,
) -> BTreeMap<LoadName, Load> {
    let mut loads = BTreeMap::new();
    for found in files.values().filter(|found| is_loads_file(&found.name)) {
        match found.name.parse::<LoadName>() {
            Ok(name) => drop(loads.insert(name, load(found, files, manifest))),
            Err(error) => unusable.push(Unusable { path: found.path.clone(), cause: error.to_string() }),
        }
    }
    loads
}

fn is_loads_file(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("loads"))
}

fn load(found: &Found, files: &BTreeMap<String, Found>, manifest: &Manifest) -> Load {
    let package =
        |name: &str| manifest.files.get(&firmware_key(name)).and_then(|known| known.package.clone());
    let mut load = Load { package: package(&found.name), ..Load::default() };
    if let Some(cause) = manifest.damage(&firmware_key(&found.name), &found.stamp) {
        load.damaged.push((found.name.clone(), cause));
    }
    match read_loads_file(found) {
        Ok(platforms) => load.platforms = platforms,
        Err(cause) => load.damaged.push((found.name.clone(), cause)),
    }
    let mut components: Vec<&String> =
        load.platforms.iter().flat_map(|platform| &platform.components).collect();
    components.sort_unstable();
    components.dedup_by_key(|name| name.to_ascii_lowercase());
    for name in components {
        let key = firmware_key(name);
        load.packages.extend(package(name).map(|package| (key.clone(), package)));
        let Some(component) = files.get(&key) else {
            load.missing.push(name.clone());
            continue;
        };
        let known = || manifest.damage(&key, &component.stamp);
        if let Some(cause) = read_plausible(component).err().or_else(known) {
            load.damaged.push((component.name.clone(), cause));
        }
    }
    let named = load.platforms.iter().flat_map(|platform| &platform.components);
    let size = |name: &String| files.get(&firmware_key(name)).map(|component| component.stamp.size);
    load.sizes = named.filter_map(|name| Some((name.clone(), size(name)?))).collect();
    load
}

fn read_loads_file(found: &Found) -> Result<Vec<Platform>, String> {
    let bytes = plain_file::open_without_links(&found.path)
        .and_then(|file| plain_file::content(&file, Kind::Loads))
        .map_err(|error| format!("it cannot be read: {error}"))?;
    loads_file::parse(&bytes).map_err(|error| error.to_string())
}

/// Bytes at a component's beginning that tell whether the rest can be right.
pub const HEAD: usize = 48;

pub(super) fn read_plausible(component: &Found) -> Result<(), String> {
    let mut head = Vec::new();
    plain_file::open_without_links(&component.path)
        .and_then(|file| file.take(HEAD as u64).read_to_end(&mut head))
        .map_err(|error| format!("it cannot be read: {error}"))?;
    plausible(&head, component.stamp.size)
}

/// What can be told of a component by its first [`HEAD`] bytes and its size. Those of the 78xx begin with a header:
/// `CD 34 12 AB`, at 4 the header's length and at 12 that of what follows it, both 32 bits, low byte first. Those
/// that are a squash file system (`hsqs`) say at 40 how many bytes it has (64 bits, low byte first), before padding.
pub fn plausible(head: &[u8], size: u64) -> Result<(), String> {
    if size == 0 {
        return Err("it is empty; take it from Cisco's package again".into());
    }
    let number = |range: std::ops::Range<usize>| {
        let bytes = head.get(range)?;
        Some(bytes.iter().rev().fold(0, |number: u64, byte| number << 8 | u64::from(*byte)))
    };
    let announced = match head {
        [0xCD, 0x34, 0x12, 0xAB, ..] => number(4..8).zip(number(12..16)).map(|(header, rest)| header + rest),
        [b'h', b's', b'q', b's', ..] => Some(number(40..48).map_or(u64::MAX, |used| used.max(size))),
        _ => None,
    };
    match announced {
        Some(announced) if announced != size => Err(format!(
            "it has {size} bytes and its header says {announced}; take it from Cisco's package again"
        )),
        _ => Ok(()),
    }
}

/// Whether two files hold the same bytes. One that cannot be read is like no other.
pub(super) fn same_content(one: &Found, other: &Found) -> bool {
    one.stamp.size == other.stamp.size && (one.path == other.path || equal_bytes(one, other).unwrap_or(false))
}

fn equal_bytes(one: &Found, other: &Found) -> io::Result<bool> {
    const BLOCK: usize = 64 * 1024;
    let mut left = BufReader::with_capacity(BLOCK, plain_file::open_without_links(&one.path)?);
    let mut right = BufReader::with_capacity(BLOCK, plain_file::open_without_links(&other.path)?);
    let (mut a, mut b) = (vec![0; BLOCK], vec![0; BLOCK]);
    let mut rest = one.stamp.size;
    while rest > 0 {
        let part = rest.min(BLOCK as u64) as usize;
        let (a, b) = (&mut a[..part], &mut b[..part]);
        left.read_exact(a)?;
        right.read_exact(b)?;
        if a != b {
            return Ok(false);
        }
        rest -= part as u64;
    }
    Ok(true)
}
