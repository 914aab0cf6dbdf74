//! What files hold: which components a load has, and whether they can be what they should be.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};

use transload_provision::library::{Load, Platform};
use transload_provision::load::LoadName;
use transload_provision::loads_file;

use super::Unusable;
use super::walk::Found;

/// The loads whose `.loads` file is among the files (by lower-case name), with what is wrong with them.
pub(super) fn loads(
    files: &BTreeMap<String, Found>,
    unusable: &mut Vec<Unusable>,
) -> BTreeMap<LoadName, Load> {
    let mut loads = BTreeMap::new();
    for found in files.values().filter(|found| is_loads_file(&found.name)) {
        match found.name.parse::<LoadName>() {
            Ok(name) => drop(loads.insert(name, load(found, files))),
            Err(error) => unusable.push(Unusable { path: found.path.clone(), cause: error.to_string() }),
        }
    }
    loads
}

fn is_loads_file(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("loads"))
}

fn load(found: &Found, files: &BTreeMap<String, Found>) -> Load {
    let mut load = Load::default();
    match read_loads_file(found) {
        Ok(platforms) => load.platforms = platforms,
        Err(cause) => load.damaged.push((found.name.clone(), cause)),
    }
    let mut components: Vec<&String> =
        load.platforms.iter().flat_map(|platform| &platform.components).collect();
    components.sort_unstable();
    components.dedup_by_key(|name| name.to_ascii_lowercase());
    for name in components {
        let key = name.to_ascii_lowercase();
        let Some(component) = files.get(&key) else {
            load.missing.push(name.clone());
            continue;
        };
        if let Err(cause) = plausible(component) {
            load.damaged.push((component.name.clone(), cause));
        }
        load.sizes.insert(key, component.stamp.size);
    }
    load
}

fn read_loads_file(found: &Found) -> Result<Vec<Platform>, String> {
    let mut bytes = Vec::new();
    File::open(&found.path)
        .and_then(|file| file.take(loads_file::MAX_FILE as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("it cannot be read: {error}"))?;
    loads_file::parse(&bytes).map_err(|error| error.to_string())
}

/// What can be told of a component without knowing its content. Those of the 78xx begin with a header: `CD 34 12 AB`,
/// at 4 the header's length and at 12 that of what follows it, both 32 bits, low byte first.
fn plausible(component: &Found) -> Result<(), String> {
    let size = component.stamp.size;
    if size == 0 {
        return Err("it is empty; take it from Cisco's package again".into());
    }
    let mut head = Vec::new();
    File::open(&component.path)
        .and_then(|file| file.take(16).read_to_end(&mut head))
        .map_err(|error| format!("it cannot be read: {error}"))?;
    if let [0xCD, 0x34, 0x12, 0xAB, h0, h1, h2, h3, _, _, _, _, p0, p1, p2, p3] = *head {
        let header = u64::from(u32::from_le_bytes([h0, h1, h2, h3]));
        let payload = u64::from(u32::from_le_bytes([p0, p1, p2, p3]));
        let announced = header + payload;
        if announced != size {
            return Err(format!(
                "it has {size} bytes and its header says {announced}; take it from Cisco's package again"
            ));
        }
    }
    Ok(())
}

/// Whether two files hold the same bytes. One that cannot be read is like no other.
pub(super) fn same_content(one: &Found, other: &Found) -> bool {
    one.stamp.size == other.stamp.size && (one.path == other.path || equal_bytes(one, other).unwrap_or(false))
}

fn equal_bytes(one: &Found, other: &Found) -> io::Result<bool> {
    const BLOCK: usize = 64 * 1024;
    let mut left = BufReader::with_capacity(BLOCK, File::open(&one.path)?);
    let mut right = BufReader::with_capacity(BLOCK, File::open(&other.path)?);
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
