//! One test for each transition: what a phone may be doing after one more fact.

mod fetching;
mod gaps;
mod kept;
mod named;
mod readings;
mod starts;
mod trust;
mod views;

use std::net::Ipv4Addr;

use super::*;
use crate::catalog::Catalog;
use crate::client::Persona;
use crate::journey::{Answer, Heard, Report, UpgradeInstruction};
use crate::library::{Library, Load, Platform};
use crate::load::Direction;
use crate::page::Page;
use crate::settings::{Settings, UnknownVid};

const MAC: Mac = Mac([0x00, 0x12, 0x34, 0xab, 0x45, 0xde]);
const ENTERPRISE_CLASS: &str = "Cisco Systems, Inc. IP Phone CP-8851";
const MPP_CLASS: &str = "CP-8851-3PCC";

const OLD: &str = "sip88xx.11-7-1-17";
const FLOOR: &str = "sip88xx.12-5-1SR1-4";
const E2M: &str = "sip88xx.TLexE2M-11-2-3C-4";
const M2E: &str = "sip88xx.TLexM2E-11-2-3C-4";
const MPP: &str = "sip88xx.11-2-3MPP-398";
const NEW: &str = "sip88xx.14-4-1-0301-6";
const DIRECT: &str = "sip88xx.12-0-7MPP0201-66";

fn load(name: &str) -> LoadName {
    name.parse().unwrap()
}

/// A phone before a bench whose library has every load.
struct Watched {
    catalog: Catalog,
    library: Library,
    settings: Settings,
    worlds: Worlds,
    now: Time,
}

impl Watched {
    /// A phone of which nothing is known.
    fn new() -> Self {
        let mut library = Library::default();
        for name in [OLD, FLOOR, E2M, M2E, MPP, NEW, DIRECT] {
            let version = name.split_once('.').unwrap().1;
            let components =
                vec![format!("kern88xx.{version}.sbn"), format!("rootfs88xx.{version}.sbn"), SHARED.into()];
            let sizes = components.iter().map(|name| (name.clone(), SIZE)).collect();
            let platforms = vec![Platform { name: "PLATFORM_1".into(), components }];
            library.loads.insert(load(name), Load { platforms, sizes, ..Load::default() });
        }
        let server = Ipv4Addr::new(10, 23, 45, 67);
        let settings = Settings {
            unknown_vid: UnknownVid::Proceed,
            registrar: None,
            ..Settings::new(Direction::E2m, server)
        };
        let now = Time(1_700_000_000_000);
        Self { catalog: Catalog::current(), library, settings, worlds: Worlds::new(MAC), now }
    }

    /// A phone that the bench gives its leases and that has shown by its page what it runs.
    fn running(name: &str) -> Self {
        let mut watched = Self::new();
        watched.starts(if load(name).kind().side() == Side::Enterprise {
            ENTERPRISE_CLASS
        } else {
            MPP_CLASS
        });
        watched.see(Fact::ConfigAsked {
            side: load(name).kind().side(),
            signed: false,
            model: None,
            user_agent: None,
        });
        watched.shows(name);
        watched
    }

    fn context(&self) -> Context<'_> {
        Context {
            catalog: &self.catalog,
            library: &self.library,
            settings: &self.settings,
            entry: None,
            now: self.now,
        }
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    /// A fact, heard as most of its kind are.
    fn see(&mut self, fact: Fact) {
        let observation = Observation::new(self.now, fact);
        self.take(&observation);
    }

    /// A datagram that nobody has acknowledged.
    fn hear(&mut self, fact: Fact) {
        let observation = Observation { at: self.now, heard: Heard::OneWay, fact };
        self.take(&observation);
    }

    fn take(&mut self, observation: &Observation) {
        let mut worlds = self.worlds.clone();
        worlds.observe(observation, &self.context());
        self.worlds = worlds;
    }

    fn starts(&mut self, class: &str) {
        self.wait(60);
        let vendor_class = Some(class.to_owned());
        self.see(Fact::Dhcp { boot: true, vendor_class, request_list: Vec::new() });
        self.wait(2);
    }

    fn renews(&mut self, class: &str) {
        let vendor_class = Some(class.to_owned());
        self.see(Fact::Dhcp { boot: false, vendor_class, request_list: Vec::new() });
    }

    fn asks(&mut self, side: Side) {
        self.wait(10);
        self.see(Fact::ConfigAsked { side, signed: false, model: None, user_agent: None });
    }

    /// What its next reading is answered with, and every one after that.
    fn is_told(&mut self, name: &str, attempt: u32) {
        let side = self.worlds.side().unwrap();
        let load = Some(UpgradeInstruction { load: load(name), when: None, attempt });
        self.see(Fact::Answered { side, answer: Answer::Document { load, license: Some(attempt) } });
    }

    /// One that nobody else can have told it of, it was told of here.
    fn asks_for(&mut self, name: &str) {
        if self.settings.call_managers.is_none() && !self.worlds.observed().has_named(&load(name)) {
            self.is_told(name, 1);
        }
        self.wait(1);
        self.see(Fact::LoadsGiven { load: load(name) });
    }

    /// So many of its components.
    fn fetches(&mut self, name: &str, components: usize) {
        let names = self.library.loads[&load(name)].platforms[0].components.clone();
        for name in names.into_iter().take(components) {
            let asked = Some(self.now);
            self.wait(20);
            self.see(Fact::Fetched { name, from: 0, to: SIZE, size: SIZE, asked });
        }
    }

    fn shows(&mut self, name: &str) {
        self.see(Fact::Probed(Page { load: Some(load(name)), ..Page::default() }));
    }

    fn registers(&mut self, name: &str) {
        let report = Report { active: Some(load(name)), ..Report::default() };
        self.see(Fact::Registered { report });
    }

    fn is_given(&mut self, persona: Persona) {
        self.see(Fact::OptionsGiven { persona });
    }

    fn passes(&mut self, seconds: u64) {
        self.wait(seconds);
        let mut worlds = self.worlds.clone();
        worlds.pass(self.now, &self.context());
        self.worlds = worlds;
    }

    fn is_unwatched(&mut self, seconds: u64) {
        let since = self.now;
        self.wait(seconds);
        self.see(Fact::Unwatched { since });
    }

    /// The worlds that have to be reckoned with, in short.
    fn told(&self) -> Vec<String> {
        let told = |world: &World| {
            let runs = world.runs.to_string().replace("sip88xx.", "");
            let mode = match &world.mode {
                Mode::Told(order) => format!("told {}", order.load),
                Mode::Fetching(fetching) => format!("fetches {}", fetching.load),
                mode => format!("{mode:?}").to_lowercase(),
            };
            format!("{} {runs}, {}", world.surprise(), mode.replace("sip88xx.", ""))
        };
        let mut told: Vec<String> = self.worlds.kept(MARGIN).map(told).collect();
        told.sort();
        told
    }

    /// What had to go wrong in the world that runs this load.
    fn accidents(&self, name: &str) -> Vec<Accident> {
        let world = self.worlds.all().iter().find(|world| world.is(&load(name))).unwrap();
        world.accidents.iter().map(|(accident, _)| *accident).collect()
    }

    fn allows(&self, name: &str) -> bool {
        let model = self.catalog.model("8851").unwrap();
        self.worlds.allow(&load(name), model, None, &self.context())
    }
}

/// A component's bytes.
const SIZE: u64 = 1000;
/// A component that every load lists last.
const SHARED: &str = "sb288xx.BE-01-020.sbn";
