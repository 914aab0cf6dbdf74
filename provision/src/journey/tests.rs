//! Journeys as a bench sees them: facts in, what the phone is given out.

mod certainty;
mod contract;
mod datagrams;
mod doubtful;
mod hearsay;
mod history;
mod holds;
mod mishaps;
mod one_way;
mod outside;
mod overtaken;
mod page;
mod redirected;
mod registered;
mod repeats;
mod returns;
mod spelled;
mod stalls;
mod transfers;
mod walks;

use std::time::Duration;

use super::*;
use crate::catalog::Catalog;
use crate::client::Persona;
use crate::hold::{Hold, HoldCode};

use crate::library::{Library, Load, Platform};
use crate::load::Direction;
use crate::page::Page;
use crate::roster::Entry;
use crate::settings::{Admit, Settings, Timing, WayBack};

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
        let components = vec![format!("rootfs88xx.{version}.sbn"), "sb288xx.BE-01-020.sbn".to_owned()];
        let sizes = components.iter().map(|name| (name.clone(), 1000)).collect();
        let platforms = vec![Platform { name: "PLATFORM_1".into(), components }];
        library.loads.insert(load(name), Load { platforms, sizes, ..Load::default() });
    }
    library
}

impl Bench {
    fn new(direction: Direction, loads: &[&str]) -> Self {
        let mut library = library(loads);
        library.licenses.insert((direction, MAC));
        let settings = Settings::new(direction, Ipv4Addr::new(10, 23, 45, 67));
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
        let observation = Observation::new(self.now, fact);
        self.journey.get_or_insert_with(|| Journey::new(MAC, observation.at)).observe(&observation);
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
        self.see(Fact::Leased { address: Ipv4Addr::new(10, 23, 45, 101) });
    }

    /// The phone's own page is read, and names this load.
    fn page_names(&mut self, name: &str) {
        self.see(Fact::Probed(Page { load: Some(load(name)), ..Page::default() }));
    }

    fn context(&self) -> Context<'_> {
        Context {
            catalog: &self.catalog,
            library: &self.library,
            settings: &self.settings,
            entry: self.entry.as_ref(),
            now: self.now,
        }
    }

    fn verdict(&self) -> Assessment {
        assess(self.journey.as_ref(), MAC, &self.context())
    }

    /// As a bench does when it finds the phone done.
    fn records_done(&mut self) {
        let verdict = self.verdict();
        let fact = self.journey.as_ref().and_then(|journey| journey.finishes(&verdict, &self.context()));
        if let Some(fact) = fact {
            self.see(fact);
        }
    }

    /// So long a time that no phone writes flash any more.
    fn flash_is_over(&mut self) {
        let timing = &self.settings.timing;
        self.pass((timing.flash + timing.not_asking).as_secs());
    }

    /// The phone reads its boot file; what a bench would record with the answer is recorded.
    fn reads(&mut self, side: Side) -> Next {
        self.see(Fact::ConfigAsked { side, signed: false, model: None, user_agent: None });
        let verdict = self.verdict();
        if let Next::Load { load, when, attempt, .. } = &verdict.next {
            let conditional = when.is_some();
            let branches =
                [Some((load.clone(), when.clone())), when.clone().map(|otherwise| (otherwise, None))];
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
                self.journey.as_mut().unwrap().observe(&Observation::new(at, fact));
            }
            self.pass(1);
        }
        verdict.next
    }

    /// A Multiplatform phone comes back for its profile every minute, for two minutes.
    fn comes_back(&mut self) {
        for _ in 0..2 {
            self.pass(60);
            self.reads(Side::Multiplatform);
        }
        self.pass(10);
    }

    fn fetches(&mut self, name: &str) {
        assert!(self.permits(name), "{name} is not permitted: {:?}", self.verdict());
        self.see(Fact::LoadsGiven { load: load(name) });
        let components: Vec<_> = self.library.loads[&load(name)].platforms[0].components.clone();
        for name in components {
            self.see(Fact::Fetched { name, from: 0, to: 1000, size: 1000, asked: None });
        }
    }

    fn permits(&self, name: &str) -> bool {
        let request = Request::Load { proven: true };
        let verdict = assess_request(self.journey.as_ref(), request, MAC, &self.context());
        verdict.permits(&load(name), &self.library)
    }

    fn hold(&self) -> (Stage, Option<HoldCode>) {
        let verdict = self.verdict();
        (verdict.stage, verdict.hold.map(|hold| hold.code))
    }
}

/// On the first load of the seed's path, as far as the bench can have seen, with a page that is off.
fn fetched_and_started() -> Bench {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench
}

fn names(next: &Next) -> Option<&str> {
    match next {
        Next::Load { load, .. } => Some(load.as_str()),
        _ => None,
    }
}
