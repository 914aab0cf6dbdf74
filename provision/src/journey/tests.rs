//! Journeys as a bench sees them: facts in, what the phone is given out.

use std::time::Duration;

use super::*;
use crate::catalog::Catalog;
use crate::library::{Library, Load, Platform};
use crate::load::Direction;
use crate::roster::Entry;
use crate::settings::{Admit, After, Settings, Timing, UnknownVid};

const MAC: Mac = Mac([0x00, 0x12, 0x34, 0xab, 0x45, 0xde]);
const ENTERPRISE_CLASS: &str = "Cisco Systems, Inc. IP Phone CP-8851";
const MPP_CLASS: &str = "CP-8851-3PCC";

const OLD: &str = "sip88xx.11-7-1-17";
const FLOOR: &str = "sip88xx.12-5-1SR1-4";
const E2M: &str = "sip88xx.TLexE2M-11-2-3C-4";
const MPP: &str = "sip88xx.11-2-3MPP-398";
const M2E: &str = "sip88xx.TLexM2E-11-2-3C-4";

struct Bench {
    catalog: Catalog,
    library: Library,
    settings: Settings,
    entry: Option<Entry>,
    journey: Option<Journey>,
    now: Time,
}

fn load(name: &str) -> LoadName {
    name.parse().unwrap()
}

fn library(names: &[&str]) -> Library {
    let mut library = Library::default();
    for name in names {
        let version = name.split_once('.').unwrap().1;
        let components = vec![
            format!("rootfs88xx.{version}.sbn"),
            "sb288xx.BE-01-020.sbn".to_owned(),
        ];
        let sizes = components
            .iter()
            .map(|name| (name.to_ascii_lowercase(), 1000))
            .collect();
        let platforms = vec![Platform {
            name: "PLATFORM_1".into(),
            components,
        }];
        library.loads.insert(
            load(name),
            Load {
                platforms,
                sizes,
                ..Load::default()
            },
        );
    }
    library
}

impl Bench {
    fn new(direction: Direction, loads: &[&str]) -> Self {
        let mut library = library(loads);
        library.licenses.insert((direction, MAC));
        let settings = Settings {
            direction,
            admit: Admit::Eligible,
            unknown_vid: UnknownVid::Hold,
            routes: BTreeMap::new(),
            timing: Timing::default(),
            server: Ipv4Addr::new(10, 23, 45, 67),
            http_port: 80,
            after: After::default(),
        };
        Self {
            catalog: Catalog::seed_2019(),
            library,
            settings,
            entry: None,
            journey: None,
            now: Time(1_000_000),
        }
    }

    fn see(&mut self, fact: Fact) {
        let observation = Observation { at: self.now, fact };
        self.journey
            .get_or_insert_with(|| Journey::new(MAC, observation.at))
            .observe(&observation);
        self.pass(1);
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    fn boot(&mut self, class: &str) {
        self.see(Fact::Dhcp {
            boot: true,
            vendor_class: Some(class.to_owned()),
            request_list: vec![1, 66, 150],
        });
        self.see(Fact::Leased {
            address: Ipv4Addr::new(10, 23, 45, 101),
        });
    }

    fn verdict(&self) -> Assessment {
        let context = Context {
            catalog: &self.catalog,
            library: &self.library,
            settings: &self.settings,
            entry: self.entry.as_ref(),
            now: self.now,
        };
        assess(self.journey.as_ref(), MAC, &context)
    }

    /// The phone reads its boot file; what a bench would record with the answer is recorded.
    fn reads(&mut self, side: Side) -> Next {
        self.see(Fact::ConfigAsked {
            side,
            signed: false,
            model: None,
            user_agent: None,
        });
        let verdict = self.verdict();
        if let Next::Load {
            load, when, attempt, ..
        } = &verdict.next
        {
            let conditional = when.is_some();
            let branches = [
                Some((load.clone(), when.clone())),
                when.clone().map(|otherwise| (otherwise, None)),
            ];
            let at = self.now;
            for (load, when) in branches.into_iter().flatten() {
                let fact = Fact::Offered {
                    load,
                    when,
                    conditional,
                    attempt: *attempt,
                    side,
                    catalog: String::new(),
                };
                self.journey.as_mut().unwrap().observe(&Observation { at, fact });
            }
            self.pass(1);
        }
        verdict.next
    }

    fn fetches(&mut self, name: &str) {
        assert!(
            self.verdict().permits(&load(name)),
            "{name} is not permitted: {:?}",
            self.verdict()
        );
        self.see(Fact::LoadsGiven { load: load(name) });
        let components: Vec<_> = self.library.loads[&load(name)].platforms[0].components.clone();
        for name in components {
            self.see(Fact::Fetched {
                name,
                from: 0,
                to: 1000,
                size: 1000,
            });
        }
    }

    fn hold(&self) -> (Stage, Option<HoldCode>) {
        let verdict = self.verdict();
        (verdict.stage, verdict.hold.map(|hold| hold.code))
    }
}

fn names(next: &Next) -> Option<&str> {
    match next {
        Next::Load { load, .. } => Some(load.as_str()),
        _ => None,
    }
}

#[test]
fn an_enterprise_phone_of_unknown_load_walks_the_seeds_path() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.verdict().stage, Stage::Seen);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    assert!(
        !bench.verdict().permits(&load(E2M)),
        "the gate stays closed for a hop too far"
    );
    bench.fetches(FLOOR);
    let moving = bench.verdict();
    assert_eq!(
        (moving.stage, moving.writing, moving.progress.value()),
        (Stage::Moving, true, 1.0)
    );

    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.verdict().load, Some(load(FLOOR)));
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(E2M));
    let crossing = bench.verdict();
    assert_eq!(
        (crossing.stage, crossing.hop, crossing.hops),
        (Stage::Crossing, 1, 2)
    );
    assert_eq!(crossing.route, [FLOOR, E2M, MPP].map(load));
    bench.fetches(E2M);

    bench.boot(MPP_CLASS);
    let transition = bench.verdict();
    assert_eq!(
        (transition.persona, transition.steered_as),
        (Persona::Transition, Persona::Transition)
    );
    assert!(matches!(
        bench.reads(Side::Multiplatform),
        Next::Load {
            license: true,
            when: None,
            ..
        }
    ));
    bench.see(Fact::LicenseGiven {
        direction: Direction::E2m,
    });
    bench.fetches(MPP);

    bench.boot(MPP_CLASS);
    assert_eq!(bench.reads(Side::Multiplatform), Next::Final);
    let done = bench.verdict();
    assert_eq!(
        (done.stage, done.license, done.hold),
        (Stage::Done, LicenseState::Accepted, None)
    );
    assert_eq!((done.hop, done.hops, done.load), (2, 2, Some(load(MPP))));
}

#[test]
fn a_multiplatform_phone_is_led_by_the_conditional_rule() {
    let mut bench = Bench::new(Direction::M2e, &[M2E, FLOOR]);
    bench.boot(MPP_CLASS);
    let next = bench.reads(Side::Multiplatform);
    assert!(
        matches!(&next, Next::Load { load: to, when: Some(when), license: true, .. } if *to == load(FLOOR) && *when == load(M2E)),
        "{next:?}"
    );
    bench.fetches(M2E);
    bench.boot(MPP_CLASS);
    assert_eq!(bench.verdict().persona, Persona::Transition);
    bench.reads(Side::Multiplatform);
    bench.see(Fact::LicenseGiven {
        direction: Direction::M2e,
    });
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.reads(Side::Enterprise), Next::Final);
    assert_eq!(
        (bench.verdict().stage, bench.verdict().license),
        (Stage::Done, LicenseState::Accepted)
    );
}

#[test]
fn a_phone_already_in_the_transition_load_says_so_by_what_its_rule_chooses() {
    let mut bench = Bench::new(Direction::M2e, &[M2E, FLOOR]);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.fetches(FLOOR);
    assert_eq!(bench.verdict().load, Some(load(M2E)));
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    assert_eq!(bench.verdict().stage, Stage::Done);
}

#[test]
fn without_a_license_it_stays_where_it_is_and_goes_on_once_it_has_one() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.library.licenses.clear();
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.reads(Side::Enterprise), Next::Nothing);
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::NoLicense)));
    bench.library.licenses.insert((Direction::E2m, MAC));
    bench.pass(45);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    assert_eq!(bench.hold(), (Stage::Moving, None));
}

#[test]
fn a_missing_component_stops_every_hop_of_the_route_and_is_named() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench
        .library
        .loads
        .get_mut(&load(MPP))
        .unwrap()
        .missing
        .push("rootfs88xx.11-2-3MPP-398.sbn".into());
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.reads(Side::Enterprise), Next::Nothing);
    let hold = bench.verdict().hold.unwrap();
    assert_eq!(hold.code, HoldCode::FirmwareMissing);
    assert!(
        format!("{} {}", hold.cause, hold.cure).contains("rootfs88xx.11-2-3MPP-398.sbn"),
        "{hold:?}"
    );
}

#[test]
fn silence_after_an_offer_means_already_there_and_a_restart_is_asked_for() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.pass(60);
    assert_eq!(bench.verdict().load, None);
    bench.pass(61);
    assert_eq!(bench.verdict().load, Some(load(FLOOR)));
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::NeedsRestart)));
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(E2M));
}

#[test]
fn a_crossing_load_that_is_never_asked_for_is_not_taken_for_run() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.pass(200);
    assert_eq!(bench.verdict().load, Some(load(FLOOR)));
    assert_eq!(bench.hold(), (Stage::Stuck, Some(HoldCode::Failed)));
}

#[test]
fn after_a_whole_crossing_load_the_phone_is_on_the_far_side_whatever_dhcp_says() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(E2M);
    bench.boot(ENTERPRISE_CLASS);
    let verdict = bench.verdict();
    assert_eq!(verdict.persona, Persona::Transition);
    assert_eq!(
        verdict.steered_as,
        Persona::Unknown,
        "options that are valid on both sides"
    );
    // It asks for an Enterprise boot file: the flash failed, and it is where it was.
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(E2M));
    let verdict = bench.verdict();
    assert_eq!((verdict.load, verdict.attempt), (Some(load(FLOOR)), 2));
}

#[test]
fn a_component_the_phone_has_already_need_not_be_fetched_again() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.see(Fact::LoadsGiven { load: load(FLOOR) });
    let name = String::from("rootfs88xx.12-5-1SR1-4.sbn");
    bench.see(Fact::Fetched {
        name: name.clone(),
        from: 0,
        to: 400,
        size: 1000,
    });
    bench.see(Fact::Fetched {
        name,
        from: 400,
        to: 1000,
        size: 1000,
    });
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.verdict().load, Some(load(FLOOR)));
}

#[test]
fn a_broken_fetch_on_the_multiplatform_side_starts_the_next_attempt_by_itself() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    assert_eq!(bench.verdict().attempt, 1);
    bench.see(Fact::LoadsGiven { load: load(MPP) });
    bench.see(Fact::Broken {
        name: "rootfs88xx.11-2-3MPP-398.sbn".into(),
        cause: "reset".into(),
    });
    assert!(matches!(
        bench.reads(Side::Multiplatform),
        Next::Load { attempt: 2, .. }
    ));
    bench.fetches(MPP);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    assert_eq!(bench.verdict().load, Some(load(MPP)));
}

#[test]
fn too_many_failed_attempts_stop_it_until_the_operator_retries() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    for _ in 0..bench.settings.timing.attempts {
        bench.boot(ENTERPRISE_CLASS);
        assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
        bench.see(Fact::LoadsGiven { load: load(FLOOR) });
    }
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.reads(Side::Enterprise), Next::Nothing);
    assert_eq!(bench.hold(), (Stage::Stuck, Some(HoldCode::Failed)));
    bench.see(Fact::Operator { act: Act::Retry });
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
}

#[test]
fn a_phone_that_asks_for_signed_files_only_holds_a_trust_list() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.see(Fact::ConfigAsked {
        side: Side::Enterprise,
        signed: true,
        model: None,
        user_agent: None,
    });
    assert_eq!(bench.hold(), (Stage::Seen, None), "it may fall back yet");
    bench.pass(70);
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::TrustList)));
}

#[test]
fn a_lease_without_a_request_is_not_asking() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    bench.pass(200);
    assert_eq!(bench.hold(), (Stage::Stuck, Some(HoldCode::NotAsking)));
    assert!(bench.verdict().hold.unwrap().cause.contains("Profile_Rule"));
}

#[test]
fn on_the_target_at_first_sight_is_done_and_unwitnessed() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    assert_eq!(names(&bench.reads(Side::Multiplatform)), Some(MPP));
    bench.pass(130);
    let verdict = bench.verdict();
    assert_eq!(
        (verdict.stage, verdict.license, verdict.next),
        (Stage::Done, LicenseState::Unwitnessed, Next::Final)
    );
}

#[test]
fn a_phone_in_the_transition_load_that_waits_for_its_license_is_not_done() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.see(Fact::LicenseGiven {
        direction: Direction::E2m,
    });
    bench.pass(600);
    assert_ne!(bench.verdict().stage, Stage::Done);
}

#[test]
fn a_direct_crossing_is_done_when_its_license_is_no_longer_asked_for() {
    let (from, to) = ("sip88xx.14-4-1-0301-6", "sip88xx.12-0-7MPP0201-66");
    let mut bench = Bench::new(Direction::E2m, &[from, to]);
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(from));
    bench.fetches(from);
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(to));
    bench.fetches(to);
    bench.boot(MPP_CLASS);
    assert_eq!(bench.reads(Side::Multiplatform), Next::License);
    bench.see(Fact::LicenseGiven {
        direction: Direction::E2m,
    });
    assert_eq!(
        (bench.verdict().stage, bench.verdict().license),
        (Stage::Crossing, LicenseState::Fetched)
    );
    let deadline = bench.verdict().deadline.unwrap();
    bench.now = deadline;
    assert_eq!(
        (bench.verdict().stage, bench.verdict().license),
        (Stage::Done, LicenseState::Accepted)
    );
}

#[test]
fn an_ineligible_model_stays_and_says_why() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot("Cisco Systems, Inc. IP Phone CP-8831");
    assert_eq!(bench.reads(Side::Enterprise), Next::Nothing);
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::NotEligible)));
}

#[test]
fn an_unknown_vid_takes_the_safe_first_hop_and_waits_before_the_one_it_decides() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.catalog = Catalog::current();
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.reads(Side::Enterprise), Next::Nothing);
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::UnknownVid)));
}

#[test]
fn a_roster_phone_never_seen_is_absent() {
    let bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    assert_eq!(bench.hold(), (Stage::Absent, None));
}

#[test]
fn a_journey_survives_being_written_down() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    let journey = bench.journey.clone().unwrap();
    let text = serde_json::to_string(&journey).unwrap();
    assert_eq!(serde_json::from_str::<Journey>(&text).unwrap(), journey);
}

#[test]
fn a_looping_phone_does_not_grow_without_bound() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    for round in 0..1000 {
        bench.boot(ENTERPRISE_CLASS);
        bench.see(Fact::Missing {
            name: format!("nonsense-{round}"),
        });
        bench.see(Fact::Contradiction {
            what: format!("nonsense-{round}"),
        });
        bench.see(Fact::LoadsGiven { load: load(OLD) });
        bench.see(Fact::Fetched {
            name: format!("{round}.sbn"),
            from: 0,
            to: 1,
            size: 1,
        });
    }
    let journey = bench.journey.unwrap();
    assert!(
        journey.rounds.len() <= KEPT
            && journey.missing.len() <= NAMES_KEPT
            && journey.contradictions.len() <= NAMES_KEPT
    );
}

#[test]
fn an_enterprise_name_with_a_multiplatform_request_list_gets_what_both_sides_understand() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    let request_list = vec![1, 3, 6, 66, 150, 159, 160];
    bench.see(Fact::Dhcp {
        boot: true,
        vendor_class: Some(ENTERPRISE_CLASS.into()),
        request_list,
    });
    assert_eq!(bench.verdict().steered_as, Persona::Unknown);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
}
