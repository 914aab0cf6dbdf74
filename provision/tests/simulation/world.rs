//! What surrounds a phone, drawn at random: library, roster, configuration, and the phone itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::LazyLock;

use transload_provision::catalog::{Catalog, Vid};
use transload_provision::journey::{Assessment, Context, Journey, assess};
use transload_provision::library::{Library, Load, Platform};
use transload_provision::load::{Direction, LoadName, Side};
use transload_provision::mac::Mac;
use transload_provision::roster::Entry;
use transload_provision::settings::{Admit, After, Settings, Timing, UnknownVid, WayBack};
use transload_provision::time::Time;
use transload_provision::unknown::Draw;

use super::phone::{Page, Phone};

static CURRENT: LazyLock<Catalog> = LazyLock::new(Catalog::current);
static SEED: LazyLock<Catalog> = LazyLock::new(Catalog::seed_2019);

/// Models with the VIDs that they are drawn from.
const MODELS: [(&str, &str, &[u8]); 12] = [
    ("7811", "sip78xx", &[0, 1, 5]),
    ("7821", "sip78xx", &[1, 3, 5, 24, 25]),
    ("7841", "sip78xx", &[2, 4, 9]),
    ("7861", "sip78xx", &[1, 3, 5]),
    ("7832", "sip7832", &[1, 5]),
    ("8811", "sip88xx", &[5, 8, 14, 15]),
    ("8841", "sip88xx", &[5, 14, 15]),
    ("8851", "sip88xx", &[5, 7, 8, 14, 15, 16]),
    ("8851NR", "sip88xx", &[3, 8, 15]),
    ("8845", "sip8845_65", &[0, 5, 8]),
    ("8865", "sip8845_65", &[1, 5]),
    ("8832", "sip8832", &[1, 5]),
];
const STRANGERS: [(&str, &str); 2] = [("8821", "sip8821"), ("8831", "sip8831")];

/// What phones come with.
const NEAR_E2M: [&str; 9] = [
    "9-3-4-17",
    "10-3-1-12",
    "11-5-1-18",
    "11-7-1-17",
    "12-5-1SR1-4",
    "12-8-1-0101-482",
    "14-0-1-0001-135",
    "14-2-1-0101-26",
    "14-4-1-0301-6",
];
const NEAR_M2E: [&str; 5] =
    ["11-0-1MPP-150", "11-2-3MPP-398", "11-3-3MPP0103-381", "11-3-6MPP0001-273", "12-0-7MPP0201-66"];
const E2M: [&str; 2] = ["TLexE2M-11-2-3C-4", "TLexE2M-11-2-3C-12"];
const M2E: &str = "TLexM2E-11-2-3C-4";

/// Libraries that a technician brings along.
const E2M_LIBRARIES: [&[&str]; 6] = [
    &["12-5-1SR1-4", "TLexE2M-11-2-3C-4", "11-2-3MPP-398"],
    &["14-4-1-0301-6", "12-0-7MPP0201-66"],
    &["12-5-1SR1-4", "TLexE2M-11-2-3C-4", "11-2-3MPP-398", "14-4-1-0301-6", "12-0-7MPP0201-66"],
    &["12-5-1SR1-4", "TLexE2M-11-2-3C-12", "11-3-3MPP0103-381"],
    &["12-8-1-0101-482", "TLexE2M-11-2-3C-4", "11-2-3MPP-398", "11-3-6MPP0001-273"],
    &["14-2-1-0101-26", "14-4-1-0301-6", "11-3-6MPP0001-273", "TLexE2M-11-2-3C-4"],
];
const M2E_LIBRARIES: [&[&str]; 5] = [
    &["TLexM2E-11-2-3C-4", "12-5-1SR1-4"],
    &["12-0-7MPP0201-66", "14-4-1-0301-6"],
    &["TLexM2E-11-2-3C-4", "12-5-1SR1-4", "12-0-7MPP0201-66", "14-4-1-0301-6"],
    &["TLexM2E-11-2-3C-4", "14-4-1-0301-6", "11-7-1-17"],
    &["11-3-6MPP0001-273", "12-5-1SR1-4", "14-2-1-0101-26"],
];

/// A component's size in bytes; small, for nothing here is fetched.
pub const SIZE: u64 = 1000;

/// What surrounds a phone.
#[derive(Debug)]
pub struct World {
    pub library: Library,
    pub settings: Settings,
    pub entry: Option<Entry>,
    /// Its addresses come from the bench.
    pub leases: bool,
    seed_2019: bool,
    /// Its license arrives some time, or when it is asked for.
    pub license_comes: bool,
    /// It asks by TFTP alone.
    pub tftp: bool,
    /// Somebody else speaks in its name.
    pub liar: bool,
    /// The technician can get what is missing.
    pub mendable: bool,
}

impl World {
    pub fn catalog(&self) -> &'static Catalog {
        if self.seed_2019 { &SEED } else { &CURRENT }
    }

    pub fn context(&self, now: Time) -> Context<'_> {
        Context {
            catalog: self.catalog(),
            library: &self.library,
            settings: &self.settings,
            entry: self.entry.as_ref(),
            now,
        }
    }

    pub fn verdict(&self, journey: Option<&Journey>, mac: Mac, now: Time) -> Assessment {
        assess(journey.filter(|journey| journey.is_known()), mac, &self.context(now))
    }
}

/// A line of the roster with nothing in it.
pub fn entry(mac: Mac) -> Entry {
    Entry {
        mac,
        model: None,
        vid: None,
        serial: None,
        location: None,
        load: None,
        note: None,
        address: None,
        cda: false,
        more: BTreeMap::new(),
        line: 1,
    }
}

fn one<'a, T>(rng: &mut fastrand::Rng, of: &'a [T]) -> &'a T {
    &of[rng.usize(0..of.len())]
}

/// Any load that a phone of this family could come with.
pub fn any_load(rng: &mut fastrand::Rng, family: &str, direction: Direction) -> LoadName {
    let (near, far, transition): (&[&str], &[&str], &[&str]) = match direction {
        Direction::E2m => (&NEAR_E2M, &NEAR_M2E, &E2M),
        Direction::M2e => (&NEAR_M2E, &NEAR_E2M, &[M2E]),
    };
    let version = match rng.u32(0..20) {
        0..15 => *one(rng, near),
        15..18 => *one(rng, transition),
        _ => *one(rng, far),
    };
    format!("{family}.{version}").parse().unwrap()
}

/// A world and its phone. `settle` may change which way an open question goes.
pub fn draw(rng: &mut fastrand::Rng, settle: impl FnOnce(Draw) -> Draw) -> (World, Phone) {
    let direction = if rng.bool() { Direction::E2m } else { Direction::M2e };
    let stranger = rng.u32(0..40) == 0;
    let (model, family, vid) = if stranger {
        let (model, family) = *one(rng, &STRANGERS);
        (model, family, 5)
    } else {
        let (model, family, vids) = *one(rng, &MODELS);
        (model, family, if rng.u32(0..4) > 0 { 5 } else { *one(rng, vids) })
    };
    let mac = Mac([0x00, 0x56, 0x2b, rng.u8(..), rng.u8(..), rng.u8(..)]);
    let draw = settle(Draw::new(|of| rng.usize(0..of)));
    let load = any_load(rng, family, direction);
    let mut library = library(rng, family, direction);
    let licensed = rng.u32(0..10);
    if licensed < 8 {
        library.licenses.insert((direction, mac));
    }
    let (proceeds, seed_2019) = (rng.u32(0..10) == 0, rng.u32(0..5) == 0);
    // Whoever proceeds without a VID answers for it, and so does who takes a list that is older than the hardware.
    let vid = if proceeds || seed_2019 { 5 } else { vid };
    let listed = rng.u32(0..3);
    let mut entry = (listed > 0).then(|| entry(mac));
    if let Some(entry) = entry.as_mut() {
        entry.model = rng.bool().then(|| model.to_owned());
        entry.vid = (listed > 1).then_some(Vid(vid));
        entry.load = (rng.u32(0..4) == 0).then(|| load.clone());
    }
    let call_manager = direction == Direction::E2m && rng.u32(0..4) == 0;
    let cda = rng.u32(0..4) == 0;
    if let Some(entry) = entry.as_mut() {
        entry.cda = cda && rng.bool();
    }
    let settings = Settings {
        direction,
        call_managers: call_manager.then(|| vec![Ipv4Addr::new(192, 0, 2, 10)]),
        cda,
        admit: if rng.u32(0..10) == 0 { Admit::Listed } else { Admit::Eligible },
        unknown_vid: if proceeds { UnknownVid::Proceed } else { UnknownVid::Hold },
        way_back: WayBack::License,
        routes: BTreeMap::new(),
        probe: rng.u32(0..5) > 0,
        timing: Timing::default(),
        server: Ipv4Addr::new(10, 23, 45, 67),
        http_port: 80,
        registrar: (rng.u32(0..5) > 0).then_some(5060),
        restart_hook: rng.u32(0..5) == 0,
        after: After::default(),
    };
    // Without leases nobody hears of a phone that asks for nothing, and of one that others steer it would not know who it is.
    let leases = rng.u32(0..6) > 0 || call_manager || cda;
    let world = World {
        library,
        settings,
        entry,
        leases,
        seed_2019,
        license_comes: licensed == 8,
        mendable: rng.u32(0..4) > 0,
        tftp: rng.u32(0..6) == 0,
        liar: rng.u32(0..3) == 0,
    };
    let factory_new = rng.u32(0..8) == 0;
    let phone = Phone {
        mac,
        model,
        vid,
        platform: rng.usize(0..2),
        inactive: None,
        components: BTreeSet::new(),
        trust_list: rng.u32(0..12) == 0,
        absolute_rule: leases && rng.u32(0..20) == 0,
        at_screen: leases
            && factory_new
            && load.kind().side() == Side::Enterprise
            && draw.is("activation-code", "waits-for-a-hand"),
        page: *one(rng, &[Page::Whole, Page::Whole, Page::WithoutUdi, Page::Off]),
        bad_license: rng.u32(0..30) == 0,
        link: if rng.u32(0..4) == 0 { rng.f64() * 20.0 } else { 0.5 },
        flash_fails: if rng.u32(0..10) == 0 { 30.0 } else { 0.0 },
        slow: if rng.u32(0..8) == 0 { 8 } else { 1 },
        draw,
        load,
        ..Phone::default()
    };
    (world, phone)
}

/// Each load whole or not, and its hardware platforms with shared boot components.
fn library(rng: &mut fastrand::Rng, family: &str, direction: Direction) -> Library {
    let versions = match direction {
        Direction::E2m => *one(rng, &E2M_LIBRARIES),
        Direction::M2e => *one(rng, &M2E_LIBRARIES),
    };
    let mut library = Library::default();
    for version in versions {
        let platform = |number: usize| {
            let tail = if number == 0 { String::new() } else { number.to_string() };
            let own = ["kern", "rootfs"].map(|part| format!("{part}{tail}{family}.{version}.sbn"));
            let components = own.into_iter().chain([format!("sb2{tail}{family}.BE-01-020.sbn")]).collect();
            Platform { name: format!("PLATFORM_{}", number + 1), components }
        };
        let platforms: Vec<Platform> = (0..2).map(platform).collect();
        let names = platforms.iter().flat_map(|platform| &platform.components);
        let sizes = names.map(|name| (name.clone(), SIZE)).collect();
        let mut load = Load { platforms, sizes, ..Load::default() };
        match rng.u32(0..60) {
            0 => load.missing.push(load.platforms[0].components[1].clone()),
            1 => load.damaged.push((load.platforms[0].components[1].clone(), "it ends early".to_owned())),
            _ => {}
        }
        library.loads.insert(format!("{family}.{version}").parse().unwrap(), load);
    }
    library
}
