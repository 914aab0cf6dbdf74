//! What must be so at every step, and how a phone must have ended.

use std::collections::{BTreeSet, VecDeque};

use transload_phone::truth::{self, TrueHardware};
use transload_provision::hold::HoldCode;
use transload_provision::journey::{Next, Stage};
use transload_provision::load::{Direction, Kind, LoadName, Side};

use super::answers::Document;
use super::outside::Server;
use super::phone::Phone;
use super::run::Run;

impl Run {
    pub fn hardware(&self) -> TrueHardware<'static> {
        // Whether models without a radio may go back is not known, and this one does not tell that it is one.
        let model = match self.world.settings.direction {
            Direction::E2m => self.phone.model,
            Direction::M2e => self.phone.multiplatform_name(),
        };
        TrueHardware { model, vid: self.phone.vid }
    }

    /// Firmware of the side that it should come to.
    pub fn is_far(&self, load: &LoadName) -> bool {
        match self.world.settings.direction {
            Direction::E2m => load.kind() == Kind::Multiplatform,
            Direction::M2e => load.kind() == Kind::Enterprise,
        }
    }

    /// After each fact and at each moment of which the bench said that something changes.
    pub fn check(&mut self) {
        self.is_not_led_astray();
        self.stays_done();
        let verdict = &self.verdict;
        let stopped = matches!(verdict.stage, Stage::Held | Stage::Stuck);
        if stopped != verdict.hold.is_some() {
            let what = format!("{} with {:?}", verdict.stage, verdict.hold);
            self.is_wrong(what);
        }
        let verdict = &self.verdict;
        if verdict.writing && matches!(verdict.stage, Stage::Absent | Stage::Seen | Stage::Done) {
            let what = format!("said to be writing, and {}", verdict.stage);
            self.is_wrong(what);
        }
        let verdict = &self.verdict;
        if verdict.hold.as_ref().is_some_and(|hold| hold.cause().len() < 10 || hold.cure().len() < 10) {
            let what = format!("held without a cause or a cure: {:?}", verdict.hold);
            self.is_wrong(what);
        }
        if self.verdict.deadline.is_some_and(|deadline| deadline <= self.now) {
            self.is_wrong("a moment to look again that has passed".to_owned());
        }
        if !self.phone.powered || !self.phone.in_contact || self.unheard {
            return;
        }
        // Told the load once more, a phone that does not run it after all fetches it again.
        // Behind CDA it may have its last load again: nothing but its silence tells that it runs it.
        let again =
            self.phone.server == Server::Cda && self.phone.is_in_transition() && self.verdict.again.is_some();
        if self.verdict.next == Next::Final
            && !again
            && !self.was_carried_off()
            && (!self.is_far(&self.phone.load) || self.phone.license_due)
        {
            let (load, evidence) = (&self.phone.load, &self.verdict.evidence);
            let what = format!("called done on {load}, license due: {}; {evidence}", self.phone.license_due);
            self.is_wrong(what);
        }
        let side = self.phone.load.kind().side();
        if self.phone.server != Server::Bench {
            return;
        }
        // What is asked for by datagram is judged when it is answered.
        if let Some(load) = self.named(&self.document(side)).filter(|_| !self.asks_by_tftp()) {
            self.judge(&load);
        }
    }

    /// Neither time, nor silence, nor a restart, nor a lost lease takes it away.
    fn stays_done(&mut self) {
        let stage = self.verdict.stage;
        let said = self.phone.load.clone();
        self.was_done &= self.verdict.stage != Stage::Done || self.verdict.load.as_ref() == Some(&said);
        self.was_done &= self.is_far(&said) && !self.phone.license_due && !self.carried_off;
        if self.was_done && !matches!(stage, Stage::Done | Stage::Held) {
            self.is_wrong(format!("it was done, and is {stage} on {said}: {}", self.verdict.evidence));
        }
        self.was_done |= stage == Stage::Done
            && self.full_since.is_none()
            && self.verdict.load.as_ref() == Some(&self.phone.load);
    }

    /// It was done, somebody else loaded it since, and it has shown nothing of that yet.
    pub fn was_carried_off(&self) -> bool {
        let done = self.journey.as_ref().is_some_and(|journey| journey.proven().finish.is_some());
        self.carried_off && done
    }

    /// The load that a document makes this phone ask for.
    pub fn named(&self, document: &Document) -> Option<LoadName> {
        let Document::Load { load, when, .. } = document else { return None };
        let named = match when {
            Some(when) if *when != self.phone.load => when,
            _ => load,
        };
        Some(named.clone()).filter(|named| *named != self.phone.load)
    }

    /// Whether the phone bears the load, and can go on from it.
    pub fn judge(&mut self, to: &LoadName) {
        let from = self.phone.load.clone();
        if let Err(rule) = truth::judge(self.hardware(), &from, to) {
            let evidence = &self.verdict.evidence;
            self.is_wrong(format!("offered {to}, which would strand it: {rule} ({evidence})"));
        }
        // What is not all here is not found, whoever names it: a document may name in its condition what is not needed.
        if self.world.library.complete(to).is_none() && self.verdict.permits(to, &self.world.library) {
            self.is_wrong(format!("offered {to}, which is not all here"));
        }
        let leaves = from.kind().side() == self.world.settings.direction.near()
            && (from.kind().side() != to.kind().side() || truth::is_transition(to.kind()));
        let direction = self.world.settings.direction;
        if leaves && !self.world.library.licensed(direction, self.phone.mac) {
            self.is_wrong(format!("offered {to} without its license at hand"));
        }
        if leaves && !self.is_far(to) && self.way_from(to).is_none() {
            self.is_wrong(format!("offered {to}, from which nothing leads on"));
        }
    }

    /// Its profile names its last load for good, and it does not try one again that was not found. One in whose place a
    /// mended library has a newer target is refused knowingly.
    pub fn refused_rightly(&mut self, load: &LoadName) {
        let ready = self.phone.server == Server::Cda
            && self.phone.is_in_transition()
            && self.verdict.target.as_ref() == Some(load)
            && self.verdict.hold.is_none()
            && self.verdict.load.is_some()
            && !self.was_carried_off()
            && self.world.library.complete(load).is_some();
        if ready {
            let evidence = &self.verdict.evidence;
            self.is_wrong(format!("refused {load}, the last it needs, on {}: {evidence}", self.phone.load));
        }
    }

    /// Whether real hardware can come from a load to the far side over what is here whole; downgrades within a side
    /// are not relied on.
    fn way_from(&self, from: &LoadName) -> Option<()> {
        let hardware = self.hardware();
        let mut queue = VecDeque::from([from.clone()]);
        let mut seen = BTreeSet::new();
        let old_leap = self.phone.draw.is("old-leap", "refused");
        while let Some(load) = queue.pop_front() {
            if self.is_far(&load) {
                return Some(());
            }
            for next in self.world.library.loads.keys() {
                let down = load.kind() == next.kind() && next.version() <= load.version();
                let bears = truth::judge(hardware, &load, next).is_ok()
                    && self.world.library.complete(next).is_some();
                let leaps = old_leap && Phone::is_old(&load, next);
                // A direct crossing is there for those above 14.1; the transition load is not meant for them.
                let needless = next.kind() == Kind::Transition(Direction::E2m)
                    && "14.1".parse().is_ok_and(|floor| load.version().at_least(&floor));
                if bears && !down && !leaps && !needless && seen.insert(next.clone()) {
                    queue.push_back(next.clone());
                }
            }
        }
        None
    }

    /// How it ended.
    pub fn judge_end(&mut self) {
        if self.verdict.stage == Stage::Done {
            if !self.was_carried_off() && (!self.is_far(&self.phone.load) || self.phone.license_due) {
                self.is_wrong(format!("ended as done on {}", self.phone.load));
            }
            return;
        }
        let from = self.phone.load.clone();
        let direction = self.world.settings.direction;
        let licensed = self.world.library.licensed(direction, self.phone.mac) && !self.phone.bad_license;
        let hold_code = self.verdict.hold.as_ref().map(|hold| hold.code);
        let way = if self.is_far(&from) {
            // Without its license, one on an old release cannot be told from one in the transition load.
            !self.refuses_the_hop() && (licensed || hold_code != Some(HoldCode::NoLicense))
        } else {
            self.way_from(&from).is_some() && licensed
        };
        let Some(hold) = self.verdict.hold.clone() else {
            self.is_wrong(format!("ended as {} on {from} with no reason shown", self.verdict.stage));
            return;
        };
        // By the list of 2019, or because the roster's phones alone take part.
        let excused = matches!(hold.code, HoldCode::NotEligible | HoldCode::NotListed)
            || (hold.code == HoldCode::NoRoute
                && self.verdict.next == Next::Introduction
                && self.unknown_for_good())
            || (matches!(hold.code, HoldCode::FirmwareDamaged | HoldCode::FirmwareMissing)
                && !self.world.mendable);
        if way && !excused {
            self.is_wrong(format!("could reach the target and is held on {from}: {hold:?}"));
        }
        if hold.code == HoldCode::NotEligible && self.verdict.next != Next::Nothing {
            self.is_wrong("not eligible, and given something all the same".to_owned());
        }
    }

    /// Nothing that this phone does will ever tell which load it runs, and no load at hand is safe to be told next.
    fn unknown_for_good(&self) -> bool {
        let side = self.phone.load.kind().side();
        let tells = match side {
            Side::Enterprise => {
                let here = self.world.settings.call_managers.is_none();
                here && !self.phone.trust_list
                    && self.world.settings.registrar.is_some()
                    && !self.phone.draw.is("registers", "never")
            }
            Side::Multiplatform => false,
        };
        !tells
    }
}
