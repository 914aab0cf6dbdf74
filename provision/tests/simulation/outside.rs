//! Those outside: a call manager, Cisco's redirection service (CDA), and the operator who enters there what `transload
//! export` writes.

use std::time::Duration;

use transload_provision::client::Persona;
use transload_provision::hold::{ActionKind, Hold, HoldAction, HoldCondition};
use transload_provision::journey::Act;
use transload_provision::load::{Direction, LoadName, Side};

use super::answers::Document;
use super::run::{Run, Stop};
use super::world;

/// Who answers a phone, by the options of its lease.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Server {
    #[default]
    Bench,
    CallManager,
    Cda,
    /// It was given the options of the other side.
    Nobody,
}

/// What CDA's profile says: the target, and the load before it where there is one.
pub type Profile = (LoadName, Option<LoadName>);

/// What was entered for this phone.
#[derive(Debug, Default)]
pub struct Outside {
    pub load: Option<LoadName>,
    pub profile: Option<Profile>,
    /// CDA has it assigned as soon as its way is known.
    pub ready: bool,
}

impl Run {
    /// Whom the phone asks, when DHCP takes it for this persona.
    pub fn server(&self, steered: Persona) -> Server {
        let settings = &self.world.settings;
        let call_manager = settings.call_managers.is_some();
        match (self.phone.load.kind().side(), steered) {
            (Side::Enterprise, Persona::Enterprise) if call_manager => Server::CallManager,
            (Side::Multiplatform, Persona::Enterprise) if call_manager => Server::Nobody,
            (Side::Enterprise, Persona::Transition | Persona::Multiplatform) => Server::Nobody,
            (Side::Multiplatform, Persona::Transition | Persona::Multiplatform) if settings.cda => {
                Server::Cda
            }
            _ => Server::Bench,
        }
    }

    /// What the call manager's configuration says.
    pub fn configuration_outside(&self) -> Document {
        let load = self.outside.load.clone();
        load.map_or(Document::Settle { registrar: false, license: None, last: false }, |load| {
            Document::Load { load, when: None, attempt: 0, license: false, registrar: false }
        })
    }

    /// A phone keeps the profile that CDA gave it, and asks no more.
    pub fn redirected(&mut self) -> Document {
        if self.phone.profile.is_none() {
            self.phone.profile.clone_from(&self.outside.profile);
        }
        let profile = self.phone.profile.clone();
        profile.map_or(Document::Unreachable, |(load, when)| Document::Load {
            load,
            when,
            attempt: 0,
            license: true,
            registrar: false,
        })
    }

    /// Who was said to be assigned in CDA is so, as soon as it is known to what.
    pub fn assign_early(&mut self) {
        let attested = self.world.entry.as_ref().is_some_and(|entry| entry.cda);
        if self.world.settings.cda && self.outside.profile.is_none() && (attested || self.outside.ready) {
            self.outside.profile = self.profile();
        }
    }

    /// The loads that the phone has before it, as the exports see it.
    fn ahead(&self) -> Vec<LoadName> {
        let route = &self.verdict.route;
        let at = self.verdict.load.as_ref().and_then(|runs| route.iter().rposition(|load| load == runs));
        route.iter().skip(at.map_or(0, |at| at + 1)).cloned().collect()
    }

    /// `transload export cda`.
    fn profile(&self) -> Option<Profile> {
        let mut loads = self.ahead();
        let runs = self.verdict.load.as_ref();
        let near = |load: &LoadName| load.kind().side() == Side::Enterprise;
        if self.world.settings.direction == Direction::E2m {
            let before = loads.iter().take_while(|load| near(load)).count();
            let crossing = before + usize::from(runs.is_none_or(near) && (before > 0 || runs.is_some()));
            loads.drain(..crossing.min(loads.len().saturating_sub(1)));
        }
        // One that has crossed directly lacks nothing but its license.
        let target =
            loads.pop().or_else(|| runs.filter(|_| runs == self.verdict.target.as_ref()).cloned())?;
        let m2e = self.world.settings.direction == Direction::M2e;
        let before = loads.pop().or_else(|| runs.filter(|runs| m2e && !near(runs)).cloned());
        let led = loads.is_empty() && (before.is_some() || !m2e);
        led.then_some((target, before))
    }

    /// `transload export call-manager`: the next load.
    fn next_by_call_manager(&self) -> Option<LoadName> {
        let far = |load: &LoadName| load.kind().side() == Side::Multiplatform;
        let ahead = self.ahead();
        let crossing = ahead.iter().position(far)?;
        let may_cross = !self.world.settings.cda || self.world.entry.as_ref().is_some_and(|entry| entry.cda);
        let runs_far = self.verdict.load.as_ref().is_some_and(far);
        (!runs_far && (crossing > 0 || may_cross && self.verdict.load.is_some())).then(|| ahead[0].clone())
    }

    /// The operator does what the cure says.
    pub fn see_to_it_outside(&mut self, hold: &Hold) -> Result<(), Stop> {
        if self.phone.busy {
            // It has no connection to anybody, and its screen says that it is not to be unplugged.
            self.assess();
            return Ok(());
        }
        if hold.asks_for(&ActionKind::WriteCda) {
            self.outside.profile = self.profile();
            let mac = self.phone.mac;
            self.world.entry.get_or_insert_with(|| world::entry(mac)).cda = true;
            self.assess();
            return Ok(());
        }
        if hold.asks_for(&ActionKind::PressCancel) {
            self.phone.at_screen = false;
        }
        let actions = hold.actions();
        let unplug = actions.iter().find(|action| action.kind == ActionKind::Unplug);
        if self.phone.license_due && unplug.is_some_and(|action| self.is_due(action)) {
            return Err(Stop::Unplugged(Duration::from_secs(5)));
        }
        // What its screen says, if that is what the cure asks for.
        let asks_load = |action: &&HoldAction| matches!(action.kind, ActionKind::WriteLoad { .. });
        if actions.iter().find(asks_load).is_some_and(|action| self.is_due(action)) {
            let (mac, load) = (self.phone.mac, self.phone.load.clone());
            self.world.entry.get_or_insert_with(|| world::entry(mac)).load = Some(load);
            if hold.asks_for(&ActionKind::Retry) {
                self.operate(Act::Retry);
            }
            self.assess();
            return Ok(());
        }
        if hold.asks_for(&ActionKind::FactoryReset) {
            self.outside.profile = self.profile().or(self.outside.profile.take());
            self.phone.factory_reset();
            return Err(Stop::Unplugged(Duration::from_secs(5)));
        }
        let next = self.next_by_call_manager();
        self.tell(|_| format!("operator enters {next:?}"));
        self.outside.load = next.or(self.outside.load.take());
        Err(Stop::Boots)
    }
    /// Whether the condition of an action holds, as the phone's screen and page show it.
    fn is_due(&self, action: &HoldAction) -> bool {
        let phone = &self.phone;
        match &action.only_if {
            None => true,
            Some(HoldCondition::Runs(loads)) => loads.contains(&phone.load),
            Some(HoldCondition::RunsNot(load)) => phone.load != *load,
            Some(HoldCondition::LicenseAccepted) => {
                !phone.license_due && action.kind == ActionKind::WriteLoad { load: Some(phone.load.clone()) }
            }
            Some(HoldCondition::ScreenAsksForLicense | HoldCondition::LicenseNotAccepted) => {
                phone.license_due
            }
            Some(_) => false,
        }
    }
}
