//! What happens around a phone: accidents, other people, and a technician who does what the cure says.

use std::time::Duration;

use transload_provision::catalog::Vid;
use transload_provision::hold::{ActionKind, Hold, HoldCode, HoldCondition};
use transload_provision::journey::{Act, Fact, Journey, Stage};

use super::liar;
use super::phone::Phone;
use super::run::{Event, Run, Stop};
use super::world;

/// A phone that needs a hand more often than this goes round in circles.
const HANDS: u32 = 25;

impl Run {
    pub fn happens(&mut self, event: Event) -> Result<(), Stop> {
        self.tell(|_| format!("{event:?}"));
        match event {
            Event::Plug(span) if self.phone.powered => return Err(Stop::Unplugged(span)),
            Event::Kill(span) if self.up => {
                self.kill();
                self.at(span, Event::Start);
            }
            // It cannot open its ledger before.
            Event::Start if self.full_since.is_some() => self.at(Duration::from_secs(10), Event::Start),
            Event::Start => self.start_bench(),
            Event::DiskFull(span) => {
                self.full_since.get_or_insert(self.now);
                self.at(span, Event::DiskFree);
            }
            Event::DiskFree => self.fold(),
            Event::Elsewhere => return self.elsewhere(),
            Event::FactoryReset if self.phone.powered => {
                self.phone.factory_reset();
                return Err(Stop::Unplugged(Duration::from_secs(5)));
            }
            Event::Plug(_) | Event::Kill(_) | Event::FactoryReset => {}
            Event::Expires => {
                let noted = self.journey.as_ref().is_some_and(Journey::is_registered);
                if self.up && noted && !self.phone.registered {
                    self.see(Fact::Unregistered);
                }
            }
            Event::License => {
                let direction = self.world.settings.direction;
                self.world.library.licenses.insert((direction, self.phone.mac));
                self.assess();
            }
            Event::Hold => {
                self.operate(Act::Hold);
            }
            Event::Damage => self.damage(),
            Event::Lie => self.lie(),
            Event::Late(observation) => {
                if self.up {
                    let fact = observation.fact;
                    self.see(fact);
                }
            }
            Event::Hand(code) => return self.hand(code),
            Event::Settled => return self.settle(),
        }
        Ok(())
    }

    pub fn operate(&mut self, act: Act) {
        self.see_durably(Fact::Operator { act });
    }

    /// Away for hours, and back with whatever somebody else has given it.
    fn elsewhere(&mut self) -> Result<(), Stop> {
        // Without leases a phone at rest is not heard, and one that was away for hours is like it.
        if !self.phone.powered || !self.world.leases {
            return Ok(());
        }
        let family = self.phone.load.family().to_owned();
        let load = world::any_load(&mut self.rng, &family, self.world.settings.direction);
        // The bench may conclude that it is done only after it has left.
        self.carried_off |= self.is_far(&self.phone.load) && !self.phone.license_due;
        self.phone.in_contact = false;
        self.phone.powered = false;
        self.phone.factory_reset();
        self.phone.become_other(load);
        self.was_done = false;
        // What the roster says is what was true when it was written.
        if let Some(entry) = self.world.entry.as_mut() {
            entry.load = None;
        }
        let span = self.seconds(2 * 3600, 30 * 3600);
        Err(Stop::Unplugged(span))
    }

    /// A file of a load that this phone has not got beyond.
    fn damage(&mut self) {
        let names: Vec<_> = self.world.library.loads.keys().cloned().collect();
        let Some(name) = names.get(self.rng.usize(0..names.len().max(1))) else { return };
        let Some(load) = self.world.library.loads.get_mut(name) else { return };
        let component = load.platforms[0].components[0].clone();
        load.damaged.push((component, "it ends early".to_owned()));
        self.assess();
    }

    /// The technician sees a hold and comes, some time.
    pub fn ask_for_a_hand(&mut self) {
        let Some(hold) = &self.verdict.hold else { return };
        if self.hand_under_way || !self.has_cure(hold) {
            return;
        }
        let code = hold.code;
        self.hand_under_way = true;
        let after =
            if self.rng.u32(0..8) == 0 { self.seconds(3600, 20 * 3600) } else { self.seconds(30, 900) };
        self.at(after, Event::Hand(code));
    }

    /// Whether the technician has what the cure takes.
    fn has_cure(&self, hold: &Hold) -> bool {
        match hold.code {
            HoldCode::NotEligible => false,
            HoldCode::NoRoute => self.verdict.model.is_none(),
            HoldCode::NoLicense => self.world.license_comes,
            HoldCode::FirmwareMissing | HoldCode::FirmwareDamaged | HoldCode::NotListed => {
                self.world.mendable
            }
            HoldCode::Failed => !self.refuses_the_hop(),
            _ => true,
        }
    }

    /// Its next hop is one that it refuses for good.
    pub fn refuses_the_hop(&self) -> bool {
        let old = |load| self.phone.draw.is("old-leap", "refused") && Phone::is_old(&self.phone.load, load);
        self.world.library.loads.keys().any(old)
    }

    fn hand(&mut self, code: HoldCode) -> Result<(), Stop> {
        if !self.up || !self.phone.powered {
            // Nobody is there to show a hold, or the phone is not there.
            self.at(Duration::from_secs(600), Event::Hand(code));
            return Ok(());
        }
        self.hand_under_way = false;
        let Some(hold) = self.verdict.hold.clone().filter(|hold| hold.code == code) else {
            self.ask_for_a_hand();
            return Ok(());
        };
        self.hands += 1;
        if self.hands > HANDS {
            self.is_wrong(format!("needs a hand again and again: {hold:?} on {}", self.phone.load));
            return Err(Stop::Over);
        }
        let entry = || world::entry(self.phone.mac);
        // It is another model than the page says.
        let named = [self.phone.model, self.phone.multiplatform_name()];
        let listed = self.world.entry.as_ref().and_then(|entry| entry.model.as_deref());
        let unlisted = listed != Some(self.phone.model);
        if unlisted && self.verdict.model.as_deref().is_some_and(|said| !named.contains(&said)) {
            let mut line = self.world.entry.take().unwrap_or_else(entry);
            line.model = Some(self.phone.model.to_owned());
            self.world.entry = Some(line);
            self.assess();
            return Ok(());
        }
        match code {
            HoldCode::Operator => self.operate(Act::Release),
            HoldCode::NoLicense => {
                let direction = self.world.settings.direction;
                self.world.library.licenses.insert((direction, self.phone.mac));
            }
            HoldCode::UnknownVid => {
                let vid = Some(Vid(self.phone.vid));
                let mut line = self.world.entry.take().unwrap_or_else(entry);
                line.vid = vid;
                self.world.entry = Some(line);
            }
            HoldCode::NoRoute => {
                let mut line = self.world.entry.take().unwrap_or_else(entry);
                line.model = Some(self.phone.model.to_owned());
                self.world.entry = Some(line);
            }
            HoldCode::NotListed => self.world.entry = Some(entry()),
            HoldCode::FirmwareMissing | HoldCode::FirmwareDamaged => {
                for load in self.world.library.loads.values_mut() {
                    load.missing.clear();
                    load.damaged.clear();
                }
            }
            HoldCode::TrustList => {
                self.phone.trust_list = false;
                return Err(Stop::Unplugged(Duration::from_secs(5)));
            }
            HoldCode::NotAsking => {
                self.phone.at_screen = false;
                if hold.asks_for(&ActionKind::FactoryReset) {
                    self.phone.factory_reset();
                }
                return Err(Stop::Unplugged(Duration::from_secs(5)));
            }
            HoldCode::NeedsRestart => return Err(Stop::Unplugged(Duration::from_secs(5))),
            HoldCode::Failed => return self.mend(&hold),
            HoldCode::WaitingOutside => return self.see_to_it_outside(&hold),
            HoldCode::NotEligible | HoldCode::ForeignDhcp => {}
        }
        self.assess();
        Ok(())
    }

    fn mend(&mut self, hold: &Hold) -> Result<(), Stop> {
        self.phone.link = 0.0;
        self.phone.flash_fails = 0.0;
        let for_license = hold.asks_for(&ActionKind::CheckLicense);
        if for_license {
            self.phone.bad_license = false;
            self.phone.licensed_from = None;
        }
        if hold.asks_for(&ActionKind::Retry) {
            self.operate(Act::Retry);
        }
        if hold.asks_for(&ActionKind::FactoryReset) {
            self.phone.factory_reset();
        }
        let waits = |condition: &Option<_>| *condition == Some(HoldCondition::ScreenIsStill);
        if self.phone.busy && hold.actions().iter().any(|action| waits(&action.only_if)) {
            // It is not still: the technician waits.
            self.assess();
            return Ok(());
        }
        if for_license { Ok(()) } else { Err(Stop::Unplugged(Duration::from_secs(5))) }
    }

    /// It has come to its end when it is done, or held beyond help, and stays so.
    fn settle(&mut self) -> Result<(), Stop> {
        self.at(Duration::from_secs(600), Event::Settled);
        self.assess();
        // A technician looks after a phone that is not on the page at all.
        let absent = self.verdict.stage == Stage::Absent;
        if absent && self.up && self.phone.powered && !self.phone.busy {
            return Err(Stop::Unplugged(Duration::from_secs(5)));
        }
        let held = self.verdict.hold.as_ref().is_some_and(|hold| !self.has_cure(hold));
        let waits = self.events.iter().any(|(_, index)| self.what[*index as usize] != Event::Settled);
        let ended = self.up && self.phone.powered && (self.verdict.stage == Stage::Done || held);
        self.settled = if ended && !waits && !self.phone.busy { self.settled + 1 } else { 0 };
        if self.settled <= 2 {
            return Ok(());
        }
        self.stay_on()
    }

    /// Some stay for days after they are done: they renew their leases, read their profile, are unplugged, boxed and
    /// plugged in again.
    fn stay_on(&mut self) -> Result<(), Stop> {
        let done = self.verdict.stage == Stage::Done;
        let until = match self.stays_until {
            None if done && self.rng.u32(0..4) == 0 => {
                let stay = liar::stay(self);
                *self.stays_until.insert(self.now + stay)
            }
            None => return Err(Stop::Over),
            Some(until) => until,
        };
        if self.now >= until {
            return Err(Stop::Over);
        }
        self.settled = 0;
        let after = self.seconds(60, 12 * 3600);
        match self.rng.u32(0..6) {
            0 => {
                let span = self.seconds(60, 3 * 24 * 3600);
                self.at(after, Event::Plug(span));
            }
            1 => {
                let span = self.seconds(5, 3600);
                self.at(after, Event::Kill(span));
            }
            2 if self.world.liar => self.plan_lies(),
            _ => {}
        }
        Ok(())
    }
}
