//! One phone from its first DHCP message to its target: facts in, verdict and evidence out.
//!
//! ```sh
//! cargo run -p transload-provision --example decide
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::net::Ipv4Addr;
use std::time::Duration;

use transload_provision::catalog::Catalog;
use transload_provision::journey::{
    Answer, Assessment, Context, Fact, Journey, Next, Observation, UpgradeInstruction, assess,
};
use transload_provision::library::{Library, Load, Platform};
use transload_provision::load::{Direction, LoadName, Side};
use transload_provision::mac::Mac;
use transload_provision::page::Page;
use transload_provision::settings::Settings;
use transload_provision::time::Time;
use transload_provision::worlds::Worlds;

const MAC: Mac = Mac([0x00, 0x12, 0x34, 0xab, 0x45, 0xde]);
const OLD: &str = "sip88xx.11-7-1-17";
/// The seed's path: an Enterprise load, the transition load, the Multiplatform load.
const PATH: [&str; 3] = ["sip88xx.12-5-1SR1-4", "sip88xx.TLexE2M-11-2-3C-4", "sip88xx.11-2-3MPP-398"];
/// Bytes of each component.
const SIZE: u64 = 1000;

/// All inputs of the decisions on one phone; the time is a number.
struct DecisionInputs {
    catalog: Catalog,
    library: Library,
    settings: Settings,
    journey: Journey,
    worlds: Worlds,
    now: Time,
    /// The lines printed last.
    told: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut bench = DecisionInputs::new()?;
    for (class, side, runs) in [
        ("Cisco Systems, Inc. IP Phone CP-8851", Side::Enterprise, OLD),
        ("Cisco Systems, Inc. IP Phone CP-8851", Side::Enterprise, PATH[0]),
        ("CP-8851-3PCC", Side::Multiplatform, PATH[1]),
        ("CP-8851-3PCC", Side::Multiplatform, PATH[2]),
    ] {
        bench.starts(class);
        bench.asks_for_configuration(side);
        let page = Page { load: Some(runs.parse()?), vid: Some("V05".parse()?), ..Page::default() };
        bench.sees("its own page is read", Fact::Probed(page));
        // An Enterprise phone reads its configuration when it starts, and at no other time.
        if side == Side::Enterprise {
            bench.starts(class);
        }
        bench.asks_for_configuration(side);
        if runs == PATH[1] {
            bench.sees("it fetches its license", Fact::LicenseGiven { direction: Direction::E2m });
        }
        bench.takes_next_load();
    }
    Ok(())
}

impl DecisionInputs {
    fn new() -> Result<Self, Box<dyn Error>> {
        let mut library = Library::default();
        for name in PATH {
            library.loads.insert(name.parse()?, complete(name));
        }
        library.licenses.insert((Direction::E2m, MAC));
        let now = Time(1_700_000_000_000);
        let (journey, worlds) = (Journey::new(MAC, now), Worlds::new(MAC));
        let (catalog, settings, told) = (Catalog::current(), settings(), Vec::new());
        Ok(Self { catalog, library, settings, journey, worlds, now, told })
    }

    fn context(&self) -> Context<'_> {
        let Self { catalog, library, settings, now, .. } = self;
        Context { catalog, library, settings, entry: None, now: *now }
    }

    /// Takes in a fact, judges again, and prints what is new.
    fn sees(&mut self, what: &str, fact: Fact) -> Assessment {
        self.now = self.now + Duration::from_secs(20);
        let observation = Observation::new(self.now, fact);
        self.journey.observe(&observation);
        let mut worlds = self.worlds.clone();
        worlds.observe(&observation, &self.context());
        self.worlds = worlds;
        let verdict = assess(Some(&self.journey), MAC, &self.context());
        println!("{what}");
        let told = self.tell(&verdict);
        if told != self.told {
            println!("    {}", told.join("\n    "));
        }
        self.told = told;
        verdict
    }

    fn tell(&self, verdict: &Assessment) -> Vec<String> {
        let load = verdict.load.as_ref().map_or("firmware that is not known", LoadName::as_str);
        let decision = format!(
            "{}. It runs {load}: {}. It is given {}.",
            verdict.stage,
            verdict.evidence,
            next(&verdict.next)
        );
        let hold = verdict.hold.as_ref().map(|hold| format!("held, {}", hold.code));
        let worlds = self.worlds.explain().into_iter().map(|world| format!("| {world}"));
        let lines = [decision].into_iter().chain(hold).chain(worlds);
        lines.collect()
    }

    fn starts(&mut self, class: &str) {
        let vendor_class = Some(class.to_owned());
        self.sees("it starts", Fact::Dhcp { boot: true, vendor_class, request_list: Vec::new() });
        self.sees("it takes an address", Fact::Leased { address: Ipv4Addr::new(10, 23, 45, 101) });
    }

    /// The phone reads its configuration and gets the verdict's answer.
    fn asks_for_configuration(&mut self, side: Side) {
        let asked = Fact::ConfigAsked { side, signed: false, model: None, user_agent: None };
        let verdict = self.sees("it asks for its configuration", asked);
        let Next::Load { load, when, attempt, license } = verdict.next else { return };
        let (conditional, catalog) = (false, self.catalog.digest.clone());
        let offered =
            Fact::Offered { load: load.clone(), when: when.clone(), conditional, attempt, side, catalog };
        self.sees("its document names a load", offered);
        let load = Some(UpgradeInstruction { load, when, attempt });
        let answer = Answer::Document { load, license: license.then_some(attempt) };
        self.sees("that is what it is answered with", Fact::Answered { side, answer });
    }

    /// The phone asks for its load and fetches all of it.
    fn takes_next_load(&mut self) {
        let Next::Load { load, .. } = assess(Some(&self.journey), MAC, &self.context()).next else { return };
        self.sees("it asks for the load's list", Fact::LoadsGiven { load: load.clone() });
        for name in complete(load.as_str()).sizes.into_keys() {
            let asked = Some(self.now);
            self.sees("it fetches a component", Fact::Fetched { name, from: 0, to: SIZE, size: SIZE, asked });
        }
    }
}

fn next(next: &Next) -> String {
    match next {
        Next::Nothing => "nothing yet".into(),
        Next::Later => "\"not found\" for now".into(),
        Next::Introduction => "a document without a load".into(),
        Next::Load { load, attempt, license, .. } => {
            let license = if *license { " and its license" } else { "" };
            format!("a document that names {load}{license}, attempt {attempt}")
        }
        Next::License => "a document that names its license".into(),
        Next::Final => "its final document".into(),
    }
}

fn complete(name: &str) -> Load {
    let version = name.split_once('.').map_or(name, |(_, version)| version);
    let components = vec![format!("kern88xx.{version}.sbn"), format!("rootfs88xx.{version}.sbn")];
    let sizes: BTreeMap<String, u64> = components.iter().map(|name| (name.clone(), SIZE)).collect();
    let platforms = vec![Platform { name: "PLATFORM_1".into(), components }];
    Load { platforms, sizes, ..Load::default() }
}

fn settings() -> Settings {
    Settings { registrar: None, ..Settings::new(Direction::E2m, Ipv4Addr::new(10, 23, 45, 67)) }
}
