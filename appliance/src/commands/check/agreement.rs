//! Compares `check` with a running bench at first contact, for random rosters, libraries and settings. `TRANSLOAD_SEED`
//! sets the first seed; each roster has its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use transload_dhcp::MessageType;
use transload_dhcp::policy::{ClientRequest, Policy};
use transload_phone::lookalike;
use transload_provision::catalog::{Catalog, Model};
use transload_provision::library::Library;
use transload_provision::load::{Direction, LoadName, Side};
use transload_provision::mac::Mac;
use transload_provision::roster::{self, Entry};
use transload_provision::settings::{Admit, After, Settings, Timing, UnknownVid, WayBack};

use super::*;
use crate::bench::{Bench, ReplayedPhones, Rules};
use crate::config::DhcpValues;
use crate::state::ledger::Ledger;
use crate::system::clock::Clock;

/// Number of rosters.
const ROSTERS: u64 = 60;
/// Phones in each roster.
const PHONES: u8 = 12;
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 23, 45, 67);
/// Loads for random libraries, without their family.
const LOADS: [&str; 9] = [
    "11-7-1-17",
    "12-5-1SR1-4",
    "14-1-1-0001-125",
    "14-4-1-0301-6",
    "TLexE2M-11-2-3C-4",
    "TLexM2E-11-2-3C-4",
    "11-2-3MPP-398",
    "11-3-6MPP0001-273",
    "12-0-7MPP0501-123",
];
/// Spellings of models in rosters.
const SPELLINGS: [(&str, &str); 9] = [
    ("", ""),
    ("CP-", ""),
    ("CP-", "-K9="),
    ("CP-", "-K9++="),
    ("Cisco ", ""),
    ("Cisco IP Phone ", ", Charcoal"),
    ("CP-", "-W-K9-RF"),
    ("CP-", "-3PCC"),
    ("", " (refurbished)"),
];

/// A phone, and its roster line.
struct Case {
    mac: Mac,
    side: Side,
    class: String,
    row: String,
}

fn one<'a, T>(rng: &mut fastrand::Rng, list: &'a [T]) -> &'a T {
    &list[rng.usize(..list.len())]
}

fn settings(rng: &mut fastrand::Rng) -> Settings {
    Settings {
        direction: *one(rng, &[Direction::E2m, Direction::M2e]),
        call_managers: rng.bool().then(|| vec![Ipv4Addr::new(192, 0, 2, 10)]),
        cda: rng.u8(..3) == 0,
        admit: *one(rng, &[Admit::Eligible, Admit::Listed]),
        unknown_vid: *one(rng, &[UnknownVid::Hold, UnknownVid::Hold, UnknownVid::Proceed]),
        way_back: *one(rng, &[WayBack::License, WayBack::ByType, WayBack::Free]),
        routes: BTreeMap::new(),
        probe: rng.bool(),
        timing: Timing::default(),
        server: SERVER,
        http_port: 80,
        registrar: rng.bool().then_some(5060),
        restart_hook: false,
        after: After::default(),
    }
}

/// A spelling of a model; the last ones are unreadable.
fn spelled(rng: &mut fastrand::Rng, name: &str) -> String {
    if rng.u8(..12) == 0 {
        return one(rng, &[format!("{name}-ZZ"), format!("{name}-BEKEM"), "reception".to_owned()]).clone();
    }
    let (before, after) = one(rng, &SPELLINGS);
    let apart = name.len() > 4 && rng.bool() && name.starts_with('8');
    let name = if apart { format!("{}-{}", &name[..4], &name[4..]) } else { name.to_owned() };
    format!("{before}{name}{after}")
}

fn case(rng: &mut fastrand::Rng, index: u8, catalog: &Catalog, settings: &Settings) -> Case {
    let mac = Mac([0, 0x12, 0x34, 0xab, 0x45, index]);
    let migrating: Vec<&Model> = catalog.models.iter().filter(|model| model.family.is_some()).collect();
    let model = if rng.u8(..8) == 0 { one(rng, &catalog.models) } else { *one(rng, &migrating) };
    let family = model.family.as_deref().unwrap_or("sip88xx");
    let near = settings.direction.near();
    let runs: LoadName = format!("{family}.{}", one(rng, &LOADS)).parse().unwrap();
    let known = rng.bool() && (runs.kind().side() == near || rng.u8(..4) == 0);
    let side = if known { runs.kind().side() } else { near };
    let class = match side {
        Side::Enterprise => format!("Cisco Systems, Inc. IP Phone CP-{}", model.name),
        Side::Multiplatform => one(rng, &model.pn).clone(),
    };
    let vid = if rng.bool() { format!("V{:02}", rng.u8(..26)) } else { String::new() };
    let load = if known { runs.to_string() } else { String::new() };
    let cda = if rng.bool() { "yes" } else { "" };
    let kind = one(rng, &["", "Classic", "WxC", "none"]);
    let row = format!("{mac};{};{vid};{load};{cda};{kind}", spelled(rng, &model.name));
    Case { mac, side, class, row }
}

fn stock(rng: &mut fastrand::Rng, state: &Path, cases: &[Case], direction: Direction) -> Library {
    let firmware = state.join("firmware");
    for family in lookalike::FAMILIES {
        for load in LOADS.iter().filter(|_| rng.u8(..3) > 0) {
            lookalike::firmware(&firmware, &format!("{family}.{load}"), 4096).unwrap();
        }
    }
    let licenses = state.join(format!("licenses/{direction}"));
    std::fs::create_dir_all(&licenses).unwrap();
    for case in cases.iter().filter(|_| rng.u8(..4) > 0) {
        std::fs::write(licenses.join(format!("{}.lic", case.mac)), lookalike::license(direction, case.mac))
            .unwrap();
    }
    LibrarySnapshot::scan(state, direction).unwrap().index
}

fn bench(state: &Path, settings: &Settings, catalog: &Catalog, entries: &[Entry]) -> Arc<Bench> {
    let rules = Rules {
        settings: settings.clone(),
        classes: Vec::new(),
        given: DhcpValues::default(),
        admit_all: false,
        gives_leases: true,
        stage_hook: Vec::new(),
    };
    let unread = Ledger::open(&state.join("ledger.db")).unwrap();
    let (last_seen, mut known) = (unread.marks.high_water, ReplayedPhones::default());
    let ledger = unread.replay(&mut known).unwrap();
    let library = LibrarySnapshot::scan(state, settings.direction).unwrap();
    let clock = Clock::start(last_seen, transload_pace::Pace::system());
    Bench::new(clock, catalog.clone(), rules, entries.to_vec(), library, ledger, (known, last_seen))
}

fn appears(bench: &Bench, case: &Case) {
    let request_list: &[u8] = match case.side {
        Side::Enterprise => &[1, 42, 66, 6, 3, 15, 150, 35],
        Side::Multiplatform => &[1, 3, 6, 15, 35, 66, 150, 2, 7, 42, 43, 58, 59, 159, 160],
    };
    bench.decide(&ClientRequest {
        mac: case.mac.0,
        client_id: None,
        vendor_class: Some(case.class.as_bytes()),
        request_list,
        host_name: None,
        relay_information: None,
        kind: MessageType::Discover,
        boots: true,
        relay: None,
        network: "bench",
        server: SERVER,
    });
}

/// The results for one roster.
#[derive(Default)]
struct Agreement {
    ready: usize,
    held: usize,
    /// Descriptions for the failure message.
    differences: Vec<String>,
}

fn compared(seed: u64) -> Agreement {
    let rng = &mut fastrand::Rng::with_seed(seed);
    let catalog = one(rng, &[Catalog::current(), Catalog::seed_2019()]).clone();
    let settings = settings(rng);
    let cases: Vec<Case> = (0..PHONES).map(|index| case(rng, index, &catalog, &settings)).collect();
    let rows: Vec<&str> = cases.iter().map(|case| case.row.as_str()).collect();
    let table = format!("mac;model;vid;load;cda;Transition Authorization Type\n{}\n", rows.join("\n"));
    let entries = roster::parse(table.as_bytes()).entries;
    assert_eq!(entries.len(), cases.len(), "{table}");
    let state = tempfile::tempdir().unwrap();
    let library = stock(rng, state.path(), &cases, settings.direction);
    let bench = bench(state.path(), &settings, &catalog, &entries);
    let mut found = Agreement::default();
    for (case, entry) in cases.iter().zip(&entries) {
        let context = Context {
            catalog: &catalog,
            library: &library,
            settings: &settings,
            entry: None,
            now: bench.now(),
        };
        let checked = phones::phone(entry, &context);
        appears(&bench, case);
        let Some(seen) = bench.phone(case.mac).map(|detail| detail.phone) else {
            found.differences.push(format!("{}: {} was not taken for a phone", case.row, case.class));
            continue;
        };
        // Without a model in the roster, `check` cannot know more before the phone tells it.
        if checked.model.is_none() {
            continue;
        }
        *if checked.hold.is_some() { &mut found.held } else { &mut found.ready } += 1;
        let check = (checked.hold.as_ref().map(|hold| hold.code.to_string()), &checked.route, &checked.model);
        let bench = (seen.hold.as_ref().map(|hold| hold.code.to_string()), &seen.route, &seen.model);
        if check != bench {
            let causes = (checked.hold.as_ref().map(|hold| &hold.cause), seen.hold.map(|hold| hold.cause));
            found.differences.push(format!(
                "{} ({}):\n  check {check:?}\n  bench {bench:?}\n  {causes:?}",
                case.row, case.class
            ));
        }
    }
    found
}

#[tokio::test]
async fn a_bench_says_at_first_contact_what_check_said_before() {
    let given = std::env::var("TRANSLOAD_SEED").ok().and_then(|seed| seed.parse().ok());
    let first: u64 = given.unwrap_or_else(|| u64::from(fastrand::u32(..)));
    let rosters = if given.is_some() { 1 } else { ROSTERS };
    let (mut ready, mut held, mut wrong) = (0, 0, Vec::new());
    for seed in first..first + rosters {
        let found = compared(seed);
        (ready, held) = (ready + found.ready, held + found.held);
        wrong.extend(found.differences.into_iter().map(|what| format!("TRANSLOAD_SEED={seed}: {what}")));
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(given.is_some() || (ready > 20 && held > 20), "from seed {first}: {ready} ready, {held} held");
}
