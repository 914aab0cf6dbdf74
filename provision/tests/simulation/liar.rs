//! Somebody on the wire who speaks in a phone's name, by broadcast and by datagram, as often as he likes. He cannot take the
//! phone's address and its Ethernet address both, so nothing that he says is ever answered two-way.

use std::net::Ipv4Addr;
use std::time::Duration;

use transload_provision::hold::HoldCode;
use transload_provision::journey::{
    Assessment, Fact, Heard, Journey, LicenseState, Next, Observation, Report, Request, Stage, assess_request,
};
use transload_provision::load::{Kind, LoadName, Side};

use super::run::{Event, Run};
use super::world;

const CLASSES: [Option<&str>; 5] = [
    None,
    Some("Cisco Systems, Inc. IP Phone CP-8851"),
    Some("Cisco Systems, Inc. IP Phone CP-7841"),
    Some("CP-8841-3PCC"),
    Some("dslforum.org"),
];

impl Run {
    /// When he speaks: in bursts, so that he is heard between any two things that a phone does.
    pub fn plan_lies(&mut self) {
        for _ in 0..self.rng.u32(1..6) {
            let mut after = self.seconds(1, 4 * 3600);
            for _ in 0..self.rng.u32(1..12) {
                self.at(after, Event::Lie);
                after += self.seconds(1, 300);
            }
        }
    }

    /// One word in the phone's name.
    pub fn lie(&mut self) {
        let side = if self.rng.bool() { Side::Enterprise } else { Side::Multiplatform };
        let direction = self.world.settings.direction;
        let family = self.phone.load.family().to_owned();
        let load = world::any_load(&mut self.rng, &family, direction);
        match self.rng.u32(0..8) {
            // Where another server gives the leases, broadcasts are not listened to.
            0..3 if self.world.leases => {
                let boot = self.rng.u32(0..4) > 0;
                let class = CLASSES[self.rng.usize(0..CLASSES.len())].map(str::to_owned);
                let request_list =
                    vec![1, 66, 6, 3, 15, 150, if side == Side::Enterprise { 35 } else { 160 }];
                self.tell_lie(Fact::Dhcp { boot, vendor_class: class, request_list }, Heard::Broadcast);
                if self.rng.bool() {
                    self.tell_lie(Fact::Leased { address: Ipv4Addr::new(10, 23, 45, 101) }, Heard::Broadcast);
                    if self.full_since.is_none() {
                        self.notes_the_options(true);
                    }
                }
            }
            3 => self.lie_for_a_configuration(side),
            0..3 | 4 | 5 => {
                let named = self.world.library.loads.keys().nth(self.rng.usize(0..4)).cloned();
                self.lie_for_a_load(named.unwrap_or(load));
            }
            6 => {
                let report = Report { active: Some(load), ..Report::default() };
                self.tell_lie(Fact::Registered { report }, Heard::OneWay);
            }
            _ => {
                let met = self.journey.as_ref().is_some_and(Journey::is_met);
                if met && self.world.library.licensed(direction, self.phone.mac) {
                    self.tell_lie(Fact::LicenseGiven { direction }, Heard::OneWay);
                } else {
                    self.tell_lie(Fact::Missing { name: format!("{}.lic", self.phone.mac) }, Heard::OneWay);
                }
            }
        }
    }

    /// What the bench answers goes to the phone, which did not ask.
    fn lie_for_a_configuration(&mut self, side: Side) {
        let asked = Fact::ConfigAsked { side, signed: self.rng.bool(), model: None, user_agent: None };
        self.tell_lie(asked, Heard::OneWay);
        let verdict = self.answer(Request::Datagram(self.now));
        if self.full_since.is_none() {
            let document = self.document_by(&verdict, side);
            self.notes_the_answer(side, &document, Heard::OneWay, true);
        }
        if let Next::Load { load, when, attempt, .. } = verdict.next {
            let (conditional, catalog) = (when.is_some(), String::new());
            self.tell_lie(Fact::Offered { load, when, conditional, attempt, side, catalog }, Heard::OneWay);
        }
    }

    fn lie_for_a_load(&mut self, load: LoadName) {
        let permitted = self.answer(Request::Load { proven: false }).permits(&load, &self.world.library);
        let fact =
            if permitted { Fact::LoadsGiven { load } } else { Fact::LoadsRefused { name: load.to_string() } };
        self.tell_lie(fact, Heard::OneWay);
    }

    fn tell_lie(&mut self, fact: Fact, heard: Heard) {
        if self.up && self.full_since.is_none() {
            let unheard = self.unheard;
            self.take_in(Observation { at: self.now, heard, fact }, true, true);
            self.unheard = unheard;
        }
    }

    /// The verdict for the answer to a request.
    pub fn answer(&self, request: Request) -> Assessment {
        assess_request(self.journey.as_ref(), request, self.phone.mac, &self.world.context(self.now))
    }

    /// No lie ends the flash mark, or makes one that is done.
    pub fn is_not_led_astray(&mut self) {
        if !self.lied {
            return;
        }
        let honest = self.world.verdict(self.honest.as_ref(), self.phone.mac, self.now);
        let lied = &self.verdict;
        let mut wrong = Vec::new();
        if honest.writing && !lied.writing && self.phone.busy && self.phone.has_taken {
            wrong.push("a lie ends the flash mark".to_owned());
        }
        // He may hold it up: it is told the same once more.
        if lied.stage == Stage::Done && honest.stage != Stage::Done {
            wrong.push(format!("by a lie it is {} and not {}", lied.stage, honest.stage));
        }
        for wrong in wrong {
            self.is_wrong(wrong);
        }
    }
}

impl Run {
    /// No lie leads to an answer that cannot be taken back.
    pub fn is_answered_rightly(&mut self, request: Option<Request>) {
        if !self.lied {
            return;
        }
        let (mac, context) = (self.phone.mac, self.world.context(self.now));
        let honest = match request {
            Some(request) => assess_request(self.honest.as_ref(), request, mac, &context),
            None => self.world.verdict(self.honest.as_ref(), mac, self.now),
        };
        let lied = &self.verdict;
        // Attempts that nobody could watch are not counted against it.
        let tried = honest.hold.as_ref().is_some_and(|hold| hold.code == HoldCode::Failed);
        // The operator has read on its screen what it runs.
        let listed = self.world.entry.as_ref().and_then(|entry| entry.load.as_ref());
        let vouched = listed == Some(&self.phone.load) && listed == lied.load.as_ref();
        let again = lied.next == Next::License
            && !matches!(honest.license, LicenseState::Absent | LicenseState::Present);
        if is_irreversible(lied)
            && !is_irreversible(&honest)
            && !names_the_same(&lied.next, &honest.next)
            && !again
            && !tried
            && !vouched
        {
            let (believed, evidence, hold) = (&honest.load, &honest.evidence, &honest.hold);
            self.is_wrong(format!(
                "a lie leads to {:?} ({:?}, {}) in place of {:?} ({believed:?}, {evidence}, {hold:?})",
                lied.next, lied.load, lied.evidence, honest.next
            ));
        }
    }
}

fn names_the_same(one: &Next, other: &Next) -> bool {
    match (one, other) {
        (Next::Load { load, when, .. }, Next::Load { load: other, when: condition, .. }) => {
            // By the condition the phone itself tells what it runs.
            load == other && (when == condition || when.is_some())
        }
        _ => one == other,
    }
}

fn is_irreversible(verdict: &Assessment) -> bool {
    match &verdict.next {
        Next::Load { load, when, .. } => {
            let crosses = verdict.load.as_ref().is_none_or(|runs| runs.kind() != load.kind());
            when.is_some() || (crosses && load.kind() != Kind::Enterprise)
        }
        Next::License | Next::Final => true,
        Next::Nothing | Next::Later | Next::Introduction => false,
    }
}

/// How long a phone stays after it is done.
pub fn stay(run: &mut Run) -> Duration {
    run.seconds(24 * 3600, 8 * 24 * 3600)
}
