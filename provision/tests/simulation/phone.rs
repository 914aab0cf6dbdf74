//! The phone: Enterprise firmware reads its configuration when it starts, Multiplatform and transition firmware come
//! back for their profile. Section numbers are those of the field notes on these phones.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use transload_provision::journey::{Fact, Journey, Restart};
use transload_provision::load::{Direction, Kind, LoadName, Side};
use transload_provision::mac::Mac;
use transload_provision::unknown::Draw;

use super::answers::Document;
use super::outside::{Profile, Server};
use super::run::{Run, Stop};
use transload_phone::truth;

/// Half of a lease.
const RENEWAL: Duration = Duration::from_secs(1800);

/// Its own page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    Whole,
    WithoutUdi,
    Off,
}

#[derive(Debug, Clone)]
pub struct Phone {
    pub mac: Mac,
    pub model: &'static str,
    pub vid: u8,
    pub load: LoadName,
    pub inactive: Option<LoadName>,
    /// Which section of a `.loads` file it is.
    pub platform: usize,
    /// Components it has written.
    pub components: BTreeSet<String>,
    pub trust_list: bool,
    /// Its `Profile_Rule` is an absolute URL: it does not look at DHCP.
    pub absolute_rule: bool,
    /// It waits for a hand at its activation screen.
    pub at_screen: bool,
    pub page: Page,
    pub page_open: bool,
    /// It does not accept the license that lies here for it.
    pub bad_license: bool,
    /// How many of a hundred transfers break.
    pub link: f64,
    /// How many of a hundred loads it throws away after it has them.
    pub flash_fails: f64,
    pub slow: u64,
    pub draw: Draw,
    pub authorized: Option<Direction>,
    pub license_due: bool,
    /// The attempt whose URL its license came from.
    pub licensed_from: Option<u32>,
    /// The upgrade that failed: the same URL is not tried again.
    pub failed: Option<(LoadName, u32)>,
    /// What CDA gave it.
    pub profile: Option<Profile>,
    /// Whom it asks since it started.
    pub server: Server,
    pub registered: bool,
    pub powered: bool,
    /// The bench has heard of it since it last started with another load.
    pub in_contact: bool,
    /// It fetches or writes a load.
    pub busy: bool,
    /// It has taken a part of that load, and its latest transfer was not cut: it may write flash.
    pub has_taken: bool,
}

impl Default for Phone {
    fn default() -> Self {
        Self {
            mac: Mac([0; 6]),
            model: "8851",
            vid: 5,
            load: "sip88xx.11-7-1-17".parse().unwrap(),
            inactive: None,
            platform: 0,
            components: BTreeSet::new(),
            trust_list: false,
            absolute_rule: false,
            at_screen: false,
            page: Page::Whole,
            page_open: false,
            bad_license: false,
            link: 0.0,
            flash_fails: 0.0,
            slow: 1,
            draw: Draw::default(),
            authorized: None,
            license_due: false,
            licensed_from: None,
            failed: None,
            profile: None,
            server: Server::Bench,
            registered: false,
            powered: true,
            in_contact: false,
            busy: false,
            has_taken: false,
        }
    }
}

impl Phone {
    pub fn is_in_transition(&self) -> bool {
        truth::is_transition(self.load.kind())
    }

    /// A crossing is a factory reset; so is what a hand does.
    pub fn factory_reset(&mut self) {
        self.authorized = None;
        self.licensed_from = None;
        self.failed = None;
        self.profile = None;
        self.page_open = false;
        self.absolute_rule = false;
        self.trust_list = false;
    }

    /// Somebody else has loaded it, and so got beyond its activation screen.
    pub fn become_other(&mut self, load: LoadName) {
        self.load = load;
        self.at_screen = false;
        self.inactive = None;
        self.components.clear();
        self.license_due = false;
    }

    /// $PSN of NR models is not known (§6.1).
    pub fn multiplatform_name(&self) -> &'static str {
        match self.model.strip_suffix("NR") {
            Some(plain) if self.draw.is("nr-name", "plain") => plain,
            _ => self.model,
        }
    }

    /// From 9.x or 10.x to 12.5 and beyond, which not everything may take in one hop (§4.5).
    pub fn is_old(from: &LoadName, to: &LoadName) -> bool {
        from.kind() == Kind::Enterprise
            && to.kind() == Kind::Enterprise
            && from.version().major < 11
            && (to.version().major, to.version().minor) >= (12, 5)
    }

    /// Option 60 (§1.1).
    fn class(&self) -> Option<String> {
        let long = "Cisco Systems, Inc. IP Phone CP-";
        if self.load.kind().side() == Side::Enterprise {
            let stranger = self.model == "8821" && !self.draw.is("stranger-class", "named");
            return (!stranger).then(|| format!("{long}{}", self.model));
        }
        let key = if self.is_in_transition() { "transition-class" } else { "multiplatform-class" };
        let way = self.draw.way(key);
        let name = self.multiplatform_name();
        match way {
            "none" => None,
            "tr069" => Some("dslforum.org".to_owned()),
            "enterprise" => Some(format!("{long}{}", self.model)),
            "long" => Some(format!("{long}{name}-3PCC")),
            _ => Some(format!("CP-{name}-3PCC")),
        }
    }

    /// User-Agent (§6.6).
    fn agent(&self) -> Option<String> {
        if self.load.kind().side() == Side::Enterprise {
            return self
                .draw
                .is("enterprise-agent", "named")
                .then(|| format!("Cisco-CP{}/12.5.1", self.model));
        }
        let load = match self.draw.way("transition-agent") {
            "none" if self.is_in_transition() => return None,
            "another-form" if self.is_in_transition() => return Some("Cisco-MIGRATION/1.0".to_owned()),
            _ => &self.load,
        };
        let version = load.version();
        let release = format!("{}.{}.{}", version.major, version.minor, version.micro);
        Some(format!("Cisco-CP-{}-3PCC/{release} ({})", self.multiplatform_name(), self.mac.lower()))
    }

    /// Option 55 (§1.2).
    fn request_list(&self) -> Vec<u8> {
        match self.load.kind().side() {
            Side::Enterprise => vec![1, 42, 66, 6, 3, 15, 150, 35],
            Side::Multiplatform => vec![1, 3, 6, 15, 35, 66, 150, 2, 7, 42, 43, 58, 59, 159, 160],
        }
    }
}

impl Run {
    /// From power to whatever ends this run.
    pub fn start(&mut self) -> Result<(), Stop> {
        self.phone.busy = false;
        self.leave();
        self.phone.in_contact = false;
        self.tell(|run| format!("phone starts on {}", run.phone.load));
        let boot = self.seconds(20, 90);
        self.pass(boot)?;
        self.lease()?;
        if self.phone.at_screen {
            return self.rest();
        }
        match self.phone.load.kind().side() {
            Side::Enterprise => self.enterprise(),
            Side::Multiplatform => self.multiplatform(),
        }
    }

    /// Until it has an address whose options it can use.
    fn lease(&mut self) -> Result<(), Stop> {
        if !self.world.leases {
            return Ok(());
        }
        loop {
            while !self.up || self.full_since.is_some() {
                self.pass(Duration::from_secs(8))?;
            }
            let vendor_class = self.phone.class();
            let request_list = self.phone.request_list();
            self.see(Fact::Dhcp { boot: true, vendor_class, request_list });
            let wait = self.seconds(1, 5);
            self.pass(wait)?;
            if self.up {
                self.see(Fact::Leased { address: Ipv4Addr::new(10, 23, 45, 101) });
                self.notes_the_options(false);
                break;
            }
        }
        self.phone.server = self.server(self.verdict.steered_as);
        // Of one that asks elsewhere nothing more is heard.
        self.phone.in_contact = self.phone.server != Server::Bench;
        if self.phone.server == Server::Nobody { self.rest() } else { Ok(()) }
    }

    /// Nothing until something around it changes; renewals of its lease are heard.
    fn rest(&mut self) -> Result<(), Stop> {
        loop {
            self.pass(RENEWAL)?;
            self.renew();
        }
    }

    fn renew(&mut self) {
        if self.world.leases {
            let (vendor_class, request_list) = (self.phone.class(), self.phone.request_list());
            self.see(Fact::Dhcp { boot: false, vendor_class, request_list });
        }
    }

    fn enterprise(&mut self) -> Result<(), Stop> {
        loop {
            let fetch = self.seconds(3, 45);
            self.pass(fetch)?;
            let document = if self.phone.server == Server::CallManager {
                self.configuration_outside()
            } else {
                let agent = self.phone.agent();
                self.asked_for_configuration(Side::Enterprise, self.phone.trust_list, agent)
            };
            self.tell(|_| format!("phone got {document:?}"));
            match document {
                Document::Unreachable => self.pass(Duration::from_secs(45))?,
                Document::NotFound => match self.phone.draw.way("asks-again") {
                    "45" => self.pass(Duration::from_secs(45))?,
                    "15" => self.pass(Duration::from_secs(15))?,
                    _ => return self.rest(),
                },
                Document::Load { load, registrar, .. } if load == self.phone.load => {
                    self.attend(registrar)?;
                }
                // Of one whose call manager has nothing for it the page stays as it is.
                Document::Settle { .. } if self.phone.server == Server::CallManager => return self.rest(),
                Document::Settle { registrar, .. } => self.attend(registrar)?,
                Document::Load { load, .. } => {
                    self.phone.page_open = true;
                    if self.fetch(&load)? {
                        return self.install(load);
                    }
                    self.phone.busy = false;
                    self.pass(Duration::from_secs(45))?;
                    return Err(Stop::Boots);
                }
            }
        }
    }

    /// A phone with configuration that it can use registers, or rests. Returns when it was told to read it again.
    fn attend(&mut self, registrar: bool) -> Result<(), Stop> {
        self.phone.page_open = true;
        if !registrar || self.phone.draw.is("registers", "never") {
            return self.rest();
        }
        let wait = self.seconds(2, 20);
        loop {
            let stopped = self.pass(if self.phone.registered { Duration::from_secs(115) } else { wait });
            match stopped {
                Err(Stop::Told(Restart::Restart)) => {
                    self.leave();
                    return Ok(());
                }
                Err(Stop::Told(Restart::Reset)) => return Err(Stop::Boots),
                other => other?,
            }
            if self.up {
                self.register();
            }
        }
    }

    fn multiplatform(&mut self) -> Result<(), Stop> {
        if self.phone.absolute_rule {
            return self.rest();
        }
        let random = self.seconds(0, 40);
        self.pass(random)?;
        let mut failures = 0u32;
        // What the latest profile said, which stays when the next one does not come.
        let mut profile = Document::NotFound;
        let mut renewed = self.now;
        loop {
            // One that comes back here is heard all the time.
            if self.phone.server == Server::Cda && self.now - renewed >= RENEWAL {
                self.renew();
                renewed = self.now;
            }
            let document = if self.phone.server == Server::Cda {
                self.redirected()
            } else {
                let agent = self.phone.agent();
                self.asked_for_configuration(Side::Multiplatform, false, agent)
            };
            self.tell(|_| format!("phone got {document:?}"));
            if document == Document::Unreachable {
                failures += 1;
            } else {
                failures = 0;
                profile = document;
            }
            let (license, named) = match &profile {
                Document::Settle { license, .. } => (*license, None),
                Document::Load { attempt, license, .. } => {
                    (license.then_some(*attempt), self.named(&profile).map(|load| (load, *attempt)))
                }
                Document::NotFound | Document::Unreachable => (None, None),
            };
            if let Some(attempt) = license {
                self.license(attempt)?;
            }
            if let Some((load, attempt)) = named {
                self.upgrade(load, attempt)?;
            }
            self.phone.busy = false;
            let at_home = matches!(profile, Document::Settle { last: true, .. });
            let wait = match failures {
                0 if at_home => 3600,
                0 => 60,
                failures => 60 << (failures - 1).min(4),
            };
            self.pass(Duration::from_secs(wait))?;
        }
    }

    /// Fetches its license unless it has it from this very URL.
    fn license(&mut self, attempt: u32) -> Result<(), Stop> {
        let known = self.phone.licensed_from == Some(attempt);
        if !self.up || (known && !self.phone.bad_license) {
            return Ok(());
        }
        let direction = self.world.settings.direction;
        if !self.world.library.licensed(direction, self.phone.mac) {
            self.hear(Fact::Missing { name: format!("{}.lic", self.phone.mac) }, false);
            return Ok(());
        }
        let met = self.journey.as_ref().is_some_and(Journey::is_met);
        if self.asks_by_tftp() && !met {
            self.hear(Fact::Missing { name: format!("{}.lic", self.phone.mac) }, false);
            return Ok(());
        }
        if self.full_since.is_some() {
            // On its way, and never sent.
            self.hear(Fact::LicenseGiven { direction }, false);
            return Ok(());
        }
        self.hear(Fact::LicenseGiven { direction }, true);
        if self.chance(self.phone.link) {
            return Ok(());
        }
        self.acknowledges();
        self.phone.licensed_from = Some(attempt);
        if !self.phone.bad_license {
            self.phone.authorized = Some(direction);
            self.phone.license_due &= direction != Direction::E2m;
        }
        self.pass(Duration::from_secs(2))
    }
}
