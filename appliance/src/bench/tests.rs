//! Tests the bench's answers, file by file.

mod changes;
mod claims;
mod facts;
mod flood;
mod forget;
mod leases;
mod others;
mod refused;

use std::net::Ipv4Addr;
use std::path::Path;

use tempfile::TempDir;
use transload_dhcp::lease::{LeaseRecord, LeaseState};
use transload_phone::lookalike;
use transload_provision::journey::{Fact, Observation};
use transload_provision::load::Direction;
use transload_provision::page::Page;
use transload_provision::settings::{Settings, Timing};

use super::record::{NEWCOMERS_KEPT, PHONES_KEPT, take_in};
use super::*;
use crate::bench::views::phone::{HoldCode, Stage};
use crate::listeners::{FileAnswer, FileProtocol, FileRequest, Plane, Track};

const A: Mac = Mac([0x00, 0x12, 0x34, 0xab, 0x45, 0xde]);
const B: Mac = Mac([0x00, 0x12, 0x34, 0xab, 0x45, 0xdf]);
const AT_A: Ipv4Addr = Ipv4Addr::new(10, 23, 45, 101);
const AT_B: Ipv4Addr = Ipv4Addr::new(10, 23, 45, 102);
const FLOOR: &str = "sip88xx.12-5-1SR1-4";
const E2M: &str = "sip88xx.TLexE2M-11-2-3C-4";
const MPP: &str = "sip88xx.11-2-3MPP-398";
const ROOTFS: u64 = 1 << 20;

struct TestBench {
    state: TempDir,
    bench: Arc<Bench>,
}

fn agent(mac: Mac) -> String {
    format!("Cisco-CP-8851-3PCC/11.2.3 ({})", mac.lower())
}

fn rules(gives_leases: bool) -> Rules {
    let server = Ipv4Addr::new(10, 23, 45, 67);
    let settings = Settings { registrar: None, ..Settings::new(Direction::E2m, server) };
    Rules {
        settings,
        classes: Vec::new(),
        given: DhcpValues::default(),
        admit_all: false,
        gives_leases,
        stage_hook: Vec::new(),
    }
}

pub(super) fn open(state: &Path, gives_leases: bool) -> Arc<Bench> {
    let rules = rules(gives_leases);
    let unread = Ledger::open(&state.join("ledger.db")).unwrap();
    let (last_seen, mut known) = (unread.marks.high_water, ReplayedPhones::default());
    let ledger = unread.replay(&mut known).unwrap();
    let library = LibrarySnapshot::scan(state, Direction::E2m).unwrap();
    let clock = Clock::start(last_seen, transload_pace::Pace::system());
    Bench::new(clock, Catalog::seed_2019(), rules, Vec::new(), library, ledger, (known, last_seen))
}

impl TestBench {
    /// Firmware for the seed's path, and a license for phone A only.
    fn new(gives_leases: bool) -> Self {
        let state = tempfile::tempdir().unwrap();
        for load in [FLOOR, E2M, MPP] {
            lookalike::firmware(&state.path().join("firmware"), load, ROOTFS).unwrap();
        }
        let licenses = state.path().join("licenses/e2m");
        std::fs::create_dir_all(&licenses).unwrap();
        std::fs::write(licenses.join(format!("{A}.lic")), lookalike::license(Direction::E2m, A)).unwrap();
        let bench = open(state.path(), gives_leases);
        Self { state, bench }
    }

    /// Acts as after a power cut: transfers under way are lost, and the disk is read again.
    fn power_cut(self, gives_leases: bool) -> Self {
        let Self { state, bench } = self;
        bench.ledger.close().unwrap();
        Self { bench: open(state.path(), gives_leases), state }
    }

    fn lease(&self, mac: Mac, address: Ipv4Addr) {
        let state = LeaseState::Bound;
        let lease = LeaseRecord { address, mac: mac.0, client_id: None, state, since: 0, expires: u64::MAX };
        self.bench.restore_leases(&[lease]);
    }

    async fn fetch(&self, from: Ipv4Addr, path: &str, agent: Option<String>) -> (FileAnswer, Tracker) {
        let peer = (from, 40_000).into();
        let local = Ipv4Addr::new(10, 23, 45, 67);
        let fetch = FileRequest {
            protocol: FileProtocol::Http,
            peer,
            local,
            path: path.to_owned(),
            user_agent: agent,
            head_only: false,
        };
        self.bench.fetch(fetch).await
    }

    /// The document's text; empty if there is none.
    async fn text(&self, from: Ipv4Addr, path: &str, agent: Option<String>) -> String {
        match self.fetch(from, path, agent).await.0 {
            FileAnswer::Document { body, .. } => String::from_utf8(body.to_vec()).unwrap(),
            FileAnswer::File(_) => "a file".into(),
            FileAnswer::NotFound | FileAnswer::Busy => String::new(),
        }
    }
}

#[tokio::test]
async fn a_fetch_that_a_power_cut_ended_is_tried_again_under_another_url() {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    assert!(lab.text(AT_A, "8851-3PCC.xml", None).await.contains(&format!("/{A}/1/{MPP}.loads")));
    let (_, tracker) = lab.fetch(AT_A, &format!("/{A}/1/{MPP}.loads"), None).await;
    tracker.finish();
    let (_, tracker) = lab.fetch(AT_A, &format!("/{A}/1/rootfs88xx.11-2-3MPP-398.sbn"), None).await;
    tracker.advance(0, ROOTFS / 2);
    let lab = lab.power_cut(true);
    drop(tracker);
    lab.lease(A, AT_A);
    assert!(lab.text(AT_A, "8851-3PCC.xml", None).await.contains(&format!("/{A}/2/{MPP}.loads")));
    let lab = lab.power_cut(true);
    lab.lease(A, AT_A);
    assert!(
        lab.text(AT_A, "8851-3PCC.xml", None).await.contains(&format!("/{A}/3/{MPP}.loads")),
        "nobody saw whether it was tried"
    );
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_given() {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    lab.bench.ledger.close().unwrap();
    let loads = format!("/{A}/1/{MPP}.loads");
    for path in ["8851-3PCC.xml", &loads, &format!("SEP{A}.cnf.xml"), &format!("{A}.lic")] {
        assert!(matches!(lab.fetch(AT_A, path, None).await.0, FileAnswer::Busy), "{path}");
    }
}

#[tokio::test]
async fn what_could_not_be_written_down_is_as_soon_as_it_can_be() {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    lab.text(AT_A, "8851-3PCC.xml", None).await;
    let stranger = rusqlite::Connection::open(lab.state.path().join("ledger.db")).unwrap();
    stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(lab.fetch(AT_A, &format!("/{A}/1/{MPP}.loads"), None).await.0, FileAnswer::Busy));
    assert!(lab.bench.housekeeping().await.is_err());
    stranger.execute_batch("ROLLBACK").unwrap();
    lab.bench.housekeeping().await.unwrap();
    let rounds = |lab: &TestBench| lab.bench.state().phones[&A].journey.rounds.len();
    assert_eq!(rounds(&lab), 1);
    assert_eq!(rounds(&lab.power_cut(true)), 1, "that it asked is known after a power cut too");
}

#[tokio::test]
async fn another_catalog_counts_as_soon_as_it_is_swapped_in() {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    lab.text(AT_A, "8851NR-3PCC.xml", None).await;
    let held = || lab.bench.phone(A).and_then(|phone| phone.phone.hold).map(|hold| hold.code);
    assert_eq!(held(), Some(HoldCode::NotEligible), "the procedure of 2019 leaves this model out");
    let rules = lab.bench.state().rules.clone();
    lab.bench.set_rules(rules, Catalog::current(), Vec::new());
    assert_eq!(held(), Some(HoldCode::UnknownVid), "later guides name it");
}

#[tokio::test]
async fn a_foreign_dhcp_server_holds_every_phone_that_is_under_way_and_no_longer_than_it_is_there() {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    lab.text(AT_A, &format!("SEP{A}.cnf.xml"), None).await;
    let hold = || lab.bench.phone(A).unwrap().phone.hold.map(|hold| hold.code);
    let before = hold();
    assert_ne!(before, Some(HoldCode::ForeignDhcp));
    lab.bench.set_foreign_dhcp(Ipv4Addr::new(10, 23, 45, 67), Some("192.0.2.1".into()));
    assert_eq!(hold(), Some(HoldCode::ForeignDhcp));
    lab.bench.set_foreign_dhcp(Ipv4Addr::new(10, 23, 45, 67), None);
    assert_eq!(hold(), before);
}

/// The visits that are due after the phone's quiet time.
async fn visits(lab: &TestBench, schedule: &mut PageSchedule) -> Vec<Visit> {
    let wait = std::time::Duration::from_millis(20);
    lab.bench.state().rules.settings.timing.quiet = wait;
    tokio::time::sleep(wait * 2).await;
    lab.bench.visits(schedule, 8)
}

#[tokio::test]
async fn only_a_phone_with_a_lease_is_visited_and_not_twice_at_once() {
    let lab = TestBench::new(true);
    lab.text(AT_B, &format!("SEP{B}.cnf.xml"), None).await;
    lab.lease(A, AT_A);
    lab.text(AT_A, &format!("SEP{A}.cnf.xml"), None).await;
    let mut schedule = PageSchedule::default();
    let due = visits(&lab, &mut schedule).await;
    assert_eq!(due.iter().map(|visit| (visit.mac, visit.address)).collect::<Vec<_>>(), [(A, AT_A)]);
    assert!(visits(&lab, &mut schedule).await.is_empty(), "it has not come back yet");
    schedule.back(A);
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(visits(&lab, &mut schedule).await.len(), 1, "it did not answer: once more");
    lab.bench.state().rules.settings.probe = false;
    schedule.back(A);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert!(visits(&lab, &mut schedule).await.is_empty(), "switched off");
}

#[tokio::test]
async fn a_page_counts_for_its_phone_alone_and_what_it_contradicts_is_on_record() {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    lab.text(AT_A, &format!("SEP{A}.cnf.xml"), None).await;
    let visit = visits(&lab, &mut PageSchedule::default()).await.remove(0);
    let page = |mac| Page { mac: Some(mac), load: E2M.parse().ok(), ..Page::default() };
    let load = || lab.bench.phone(A).and_then(|phone| phone.phone.load);
    let contradictions = || lab.bench.state().phones[&A].journey.contradictions.len();
    lab.bench.page_read(&visit, page(B));
    assert_eq!((load(), contradictions()), (None, 1), "that is another phone's page");
    lab.bench.page_read(&visit, page(A));
    assert_eq!((load().as_deref(), contradictions()), (Some(E2M), 1));
    lab.bench.page_read(&visit, Page { load: MPP.parse().ok(), ..page(A) });
    assert_eq!((load().as_deref(), contradictions()), (Some(MPP), 2));
    assert_eq!(lab.bench.explain(A).contradictions.len(), 2, "an explanation shows them");
    lab.lease(A, AT_B);
    lab.bench.page_read(&visit, page(A));
    assert_eq!(load().as_deref(), Some(MPP), "it has another address by now: who answered at the old one?");
}

#[tokio::test]
async fn what_a_phone_asks_for_in_vain_is_told_with_what_it_may_have_meant() {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    for path in [
        "/rootfs88xx.12-5-1SR1-5.sbn",
        "sip88xx.12-5-1SR1-5.loads",
        "\\Site\\welcome.xml",
        "CTLFile.tlv",
        "ext_ITLSEP001234AB45DE.tlv",
        "SK50719900-3bee-4594-bc3f-6400e1a33bf0.xml",
        "DefaultFP0000000000-c7a6c673-7479-46b0-839e-014d3d093963.xml",
        "./French_France/be-sip.jar",
    ] {
        assert_eq!(lab.text(AT_A, path, None).await, "", "{path}");
    }
    let missing = lab.bench.phone(A).unwrap().missing;
    let mut told: Vec<_> =
        missing.iter().map(|missing| (missing.name.as_str(), missing.nearest.as_deref())).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("Site/welcome.xml", None),
            ("rootfs88xx.12-5-1SR1-5.sbn", Some("rootfs88xx.12-5-1SR1-4.sbn")),
            ("sip88xx.12-5-1SR1-5.loads", Some("sip88xx.12-5-1SR1-4.loads")),
        ]
    );
    assert!(lab.bench.phone(B).is_none());

    // A file that arrives is no longer missing.
    let folder = lab.state.path().join("extra/Site");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("welcome.xml"), "hello").unwrap();
    lab.bench.set_library(lab.bench.library().rescan().unwrap().unwrap());
    assert_eq!(lab.text(AT_A, ".\\site/./welcome.xml", None).await, "a file");
    assert_eq!(lab.bench.phone(A).unwrap().missing.len(), 2);
}

#[tokio::test]
async fn however_a_profile_rule_spells_it_a_phone_gets_its_profile_and_no_other_phones() {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    let profile = lab.text(AT_A, "/8851-3PCC.xml", None).await;
    assert!(profile.contains("<flat-profile>"), "{profile}");
    for path in [
        "/CP-8851-3PCC.cfg",
        "/CP-8851-3PCC001234ab45de.cfg",
        "/CP-8851-3PCC_001234AB45DE.cfg",
        "./cp-8851-3pcc-001234ab45de.xml",
        "/00:12:34:ab:45:de.cfg",
        "/spa8851-3PCC.cfg",
        "/FCH2045DA1B.xml",
        "tftp://10.23.45.67/Cisco/CP-8851-3PCC/001234ab45de.cfg",
    ] {
        assert_eq!(lab.text(AT_A, path, None).await, profile, "{path}");
    }
    for path in ["/CP-8851-3PCC001234ab45df.cfg", "/00:12:34:ab:45:df.cfg", "/spa001234ab45df.cfg"] {
        assert_eq!(lab.text(AT_A, path, None).await, "", "{path}");
    }
}

#[tokio::test]
async fn however_many_unlisted_phones_take_an_address_only_so_many_are_kept() {
    let lab = TestBench::new(true);
    let mut state = lab.bench.state();
    let told = |state: &mut BenchState, number: usize, fact| {
        let mac = Mac([2, 0, 0, (number >> 16) as u8, (number >> 8) as u8, number as u8]);
        take_in(state, mac, &Observation::new(Time(number as u64), fact)).is_some()
    };
    let dhcp = || Fact::Dhcp { boot: true, vendor_class: None, request_list: Vec::new() };
    let mut written = 0;
    for number in 0..PHONES_KEPT + NEWCOMERS_KEPT + 100 {
        assert!(!told(&mut state, number, dhcp()));
        written += usize::from(told(&mut state, number, Fact::Leased { address: AT_A }));
    }
    assert_eq!(written, PHONES_KEPT);
    assert_eq!(state.phones.len(), PHONES_KEPT + NEWCOMERS_KEPT);
    assert_eq!(state.phones.values().filter(|phone| !phone.written).count(), state.newcomers.len());
    assert!(told(&mut state, 7, dhcp()), "who was written down goes on being so");
}
