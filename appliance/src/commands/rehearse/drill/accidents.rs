//! The accidents of a drill, and their times.

use std::fmt;
use std::time::Duration;

use transload_phone::FaultInjector;
use transload_phone::truth::{self, TrueHardware};
use transload_provision::catalog::{Catalog, Model};
use transload_provision::load::{Direction, LoadName};
use transload_provision::mac::Mac;
use transload_provision::unknown::Draw;

use super::super::folder::Firmware;
use super::super::lineup::{self, Player};
use super::plan::Plan;

/// An accident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrillAccident {
    /// A phone loses power for this long.
    Plug(usize, Duration),
    /// The appliance loses power for this long.
    Power(Duration),
    /// The ledger cannot be written for this long.
    DiskFull(Duration),
    /// A file of the firmware is lost.
    Damage(usize),
    /// A foreign DHCP server is on the segment for this long.
    Rogue(Duration),
}

impl fmt::Display for DrillAccident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plug(phone, span) => {
                write!(f, "the plug of phone {phone} is pulled for {} s", span.as_secs())
            }
            Self::Power(span) => write!(f, "the plug of the appliance is pulled for {} s", span.as_secs()),
            Self::DiskFull(span) => write!(f, "the ledger cannot be written for {} s", span.as_secs()),
            Self::Damage(which) => write!(f, "file {which} of the firmware is lost"),
            Self::Rogue(span) => write!(f, "another DHCP server is there for {} s", span.as_secs()),
        }
    }
}

/// The phones' first loads: mostly the start of the procedure, else newer, older, half way, or the target.
const FROM_ENTERPRISE: [&str; 9] = [
    "11-7-1-17",
    "11-7-1-17",
    "11-5-1-18",
    "12-5-1SR1-4",
    "12-8-1-0101-482",
    "14-4-1-0301-6",
    "TLexE2M-11-2-3C-4",
    "11-2-3MPP-398",
    "11-7-1-17",
];
const FROM_MULTIPLATFORM: [&str; 7] = [
    "11-2-3MPP-398",
    "11-2-3MPP-398",
    "11-3-3MPP0103-381",
    "12-0-7MPP0201-66",
    "TLexM2E-11-2-3C-4",
    "12-5-1SR1-4",
    "11-0-1MPP-150",
];

/// A first load that the hardware may have.
fn load(rng: &mut fastrand::Rng, model: &Model, vid: u8, direction: Direction) -> Option<LoadName> {
    let Some(family) = &model.family else { return lineup::first_load(model, direction) };
    let versions: &[&str] = match direction {
        Direction::E2m => &FROM_ENTERPRISE,
        Direction::M2e => &FROM_MULTIPLATFORM,
    };
    let hardware = TrueHardware { model: &model.name, vid };
    let loads = versions.iter().filter_map(|version| format!("{family}.{version}").parse().ok());
    let borne: Vec<LoadName> = loads.filter(|load| truth::bears(hardware, load)).collect();
    rng.choice(borne)
}

/// The accidents with their times on the phones' clock, earliest first.
pub fn accidents(plan: &mut Plan) -> Vec<(Duration, DrillAccident)> {
    let phones = plan.phones;
    let rng = &mut plan.rng;
    let span = |rng: &mut fastrand::Rng, most: u64| Duration::from_secs(rng.u64(3..most));
    let count = rng.usize(1..6);
    let mut accidents: Vec<(Duration, DrillAccident)> = (0..count)
        .map(|_| {
            let at = span(rng, 1500);
            let what = match rng.u32(0..12) {
                0..6 => DrillAccident::Plug(rng.usize(0..phones), span(rng, 300)),
                6..9 => DrillAccident::Power(span(rng, 300)),
                9 => DrillAccident::DiskFull(span(rng, 300)),
                10 => DrillAccident::Damage(rng.usize(0..1000)),
                _ => DrillAccident::Rogue(span(rng, 400)),
            };
            (at, what)
        })
        .collect();
    accidents.sort_by_key(|(at, _)| *at);
    accidents
}

/// The phones of a drill.
#[derive(Default)]
pub struct Cast {
    /// The phones at the start.
    pub players: Vec<Player>,
    /// Phones whose license arrives late, with the time.
    pub late: Vec<(Duration, Mac)>,
    /// The draw of open questions of each phone.
    pub draws: Vec<Draw>,
}

/// The phones of a drill, with numbers from `first`.
pub fn phones(
    plan: &mut Plan,
    first: u32,
    catalog: &Catalog,
    firmware: &Firmware,
    faults: &FaultInjector,
) -> Cast {
    let direction = plan.scenario.direction;
    let mut cast = Cast::default();
    for index in (first..).take(plan.phones) {
        let rng = &mut plan.rng;
        let eligible = direction == Direction::M2e || rng.u32(0..12) > 0;
        let (name, vid) = if eligible {
            let name = lineup::ELIGIBLE[rng.usize(0..lineup::ELIGIBLE.len())];
            // Some hardware is too new for the loads of 2019.
            (name, if rng.u32(0..10) == 0 && !plan.proceeds { 15 } else { 5 })
        } else {
            lineup::INELIGIBLE[rng.usize(0..lineup::INELIGIBLE.len())]
        };
        let Some(model) = catalog.model(name) else { continue };
        let Some(load) = load(rng, model, vid, direction) else { continue };
        let [_, high, middle, low] = index.to_be_bytes();
        let mac = Mac([0x00, 0x56, 0x2b, high, middle, low]);
        let mut spec = lineup::spec(index, mac, model, vid, load, firmware);
        spec.quirks = lineup::quirks(rng.u32(..));
        let draw = Draw::new(|of| rng.usize(0..of));
        spec.quirks.take(&draw);
        spec.quirks.faults = faults.clone();
        // A phone steered from outside has its own call manager, whose trust list it holds.
        spec.quirks.trust_list = direction == Direction::E2m && rng.u32(0..10) == 0;
        spec.boot = Duration::from_secs(rng.u64(20..90));
        spec.flash = Duration::from_secs(rng.u64(40..240) * if rng.u32(0..8) == 0 { 2 } else { 1 });
        if rng.u32(0..6) == 0 {
            cast.late.push((Duration::from_secs(rng.u64(60..1800)), mac));
        }
        let listed_vid = (rng.u32(0..4) > 0).then_some(transload_provision::catalog::Vid(vid));
        cast.players.push(Player { spec, listed_vid, listed_load: None, attested: rng.bool() });
        cast.draws.push(draw);
    }
    cast
}
