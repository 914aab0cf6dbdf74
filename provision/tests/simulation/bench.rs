//! What the appliance does around the decisions: it takes facts in, and looks at the phone when it said it would.

use std::time::Duration;

use transload_provision::journey::{
    Assessment, Fact, Heard, Journey, Means, Observation, Order, Report, Restart, page_due, under_way,
};
use transload_provision::load::{LoadName, Side};
use transload_provision::page::Page as PageText;
use transload_provision::time::Time;

use super::outside::Server;
use super::phone::Page;
use super::run::{Entry, Run, Stop};

/// How often a page is asked for between two starts of its phone.
const VISITS: u32 = 6;
/// What the ledger may not have yet when the plug is pulled.
const IN_MEMORY: Duration = Duration::from_secs(1);

impl Run {
    /// Takes in a fact that the ledger may lose.
    pub fn see(&mut self, fact: Fact) {
        self.take(fact, false);
    }

    /// Takes in a fact that is on disk before anything follows from it.
    pub fn see_durably(&mut self, fact: Fact) {
        self.take(fact, true);
    }

    fn take(&mut self, fact: Fact, durable: bool) {
        if self.up {
            self.take_in(Observation::new(self.now, fact), durable, false);
        }
    }

    /// Takes in what a request says, by TFTP until its answer is acknowledged.
    pub fn hear(&mut self, fact: Fact, durable: bool) {
        if self.up {
            self.take_in(Observation { at: self.now, heard: self.heard(), fact }, durable, false);
        }
    }

    /// How its requests are heard.
    pub fn heard(&self) -> Heard {
        if self.asks_by_tftp() { Heard::OneWay } else { Heard::TwoWay }
    }

    /// What CDA's profile names has HTTP URLs.
    pub fn asks_by_tftp(&self) -> bool {
        self.world.tftp && self.phone.server != Server::Cda
    }

    /// The phone has its answer.
    pub fn acknowledges(&mut self) {
        if self.asks_by_tftp() {
            self.see(Fact::Acknowledged { asked: self.now });
        }
    }

    pub fn take_in(&mut self, observation: Observation, durable: bool, lie: bool) {
        self.tell(|_| format!("{}: {:?}", if lie { "LIAR" } else { "bench" }, observation.fact));
        if !matches!(observation.fact, Fact::Listed { .. }) {
            self.notes_the_roster();
        }
        if matches!(observation.fact, Fact::Finished { .. }) {
            self.compares_finish();
        }
        self.shadow_takes(&observation);
        if observation.fact.is_ours() {
            if self.full_since.is_none() {
                self.ledger.push(Entry { observation, durable, lie });
            }
            return;
        }
        self.lied |= lie;
        self.unheard &= !speaks(&observation.fact);
        let mac = self.phone.mac;
        let take = |journey: &mut Option<Journey>| {
            journey.get_or_insert_with(|| Journey::new(mac, observation.at)).observe(&observation);
        };
        take(&mut self.journey);
        if !lie && self.world.liar {
            take(&mut self.honest);
        }
        if self.full_since.is_none() {
            self.ledger.push(Entry { observation, durable, lie });
        }
        self.assess();
    }

    /// Derives everything anew, and when it is to be looked at again.
    pub fn assess(&mut self) {
        if !self.up {
            return;
        }
        self.verdict = self.world.verdict(self.journey.as_ref(), self.phone.mac, self.now);
        let context = self.world.context(self.now);
        let finished = self.journey.as_ref().and_then(|journey| journey.finishes(&self.verdict, &context));
        if let Some(finished) = finished {
            return self.see_durably(finished);
        }
        self.held_for.extend(self.verdict.hold.as_ref().map(|hold| hold.code));
        self.due = self.verdict.deadline;
        if self.verdict.restart.is_some() {
            self.due = Some(self.now + Duration::from_millis(100));
        }
        if let Some(page) = self.page_wanted() {
            let page = page.max(self.now + Duration::from_millis(100));
            self.due = Some(self.due.map_or(page, |due| due.min(page)));
        }
        self.tell(|run| format!("       {}", in_words(&run.verdict)));
        if self.lied {
            self.tell(|run| {
                let honest = run.world.verdict(run.honest.as_ref(), run.phone.mac, run.now);
                format!("       without lies: {}", in_words(&honest))
            });
        }
        self.assign_early();
        self.check();
        self.shadow_checks();
        self.ask_for_a_hand();
    }

    fn page_wanted(&self) -> Option<Time> {
        let journey = self.journey.as_ref().filter(|_| self.world.settings.probe && self.world.leases)?;
        let (started, tries, next) = self.visits;
        let fresh = started != journey.started();
        let answers = journey.page.read >= Some(journey.started());
        (fresh || answers || tries < VISITS).then_some(())?;
        let due = page_due(journey, &self.world.context(self.now))?;
        Some(if fresh { due } else { due.max(next) })
    }

    /// What the bench does by itself when time has passed.
    pub fn look(&mut self) -> Result<(), Stop> {
        self.due = None;
        if self.page_wanted().is_some_and(|due| due <= self.now) {
            self.visit();
        } else {
            self.assess();
        }
        if let Some(order) = self.verdict.restart.filter(|_| self.may_restart()) {
            return self.restart(order);
        }
        Ok(())
    }

    fn may_restart(&self) -> bool {
        let registered = self.journey.as_ref().is_some_and(Journey::is_registered);
        registered || self.world.settings.restart_hook
    }

    fn visit(&mut self) {
        let started = self.journey.as_ref().map_or(Time(0), Journey::started);
        let tries = if self.visits.0 == started { self.visits.1 } else { 0 };
        self.visits =
            (started, (tries + 1).min(VISITS), self.now + self.world.settings.timing.quiet * (2 << tries));
        match self.page() {
            Some(page) => self.see(Fact::Probed(page)),
            None => self.assess(),
        }
    }

    /// The phone's own page, as it is read.
    fn page(&self) -> Option<PageText> {
        let phone = &self.phone;
        let open = match phone.load.kind().side() {
            Side::Enterprise => phone.page_open,
            Side::Multiplatform => {
                let transition = phone.is_in_transition();
                (!transition || phone.draw.is("transition-page", "there"))
                    && phone.draw.is("multiplatform-page", "likely-names")
            }
        };
        let answers = phone.powered && phone.in_contact && open && phone.page != Page::Off;
        answers.then(|| PageText {
            mac: Some(phone.mac),
            model: Some(phone.model.to_owned()),
            vid: (phone.page == Page::Whole).then_some(transload_provision::catalog::Vid(phone.vid)),
            serial: None,
            load: Some(phone.load.clone()),
        })
    }

    fn restart(&mut self, order: Order) -> Result<(), Stop> {
        let Order { how, by } = order;
        if self.phone.busy && self.phone.powered {
            self.is_wrong(format!("told to {how:?} while it fetches or writes a load"));
        }
        self.see_durably(Fact::RestartTold { how, by, operator: false });
        let answer = |answer: &str, refused| Fact::RestartAnswered { answer: answer.to_owned(), refused };
        if by == Means::Hook {
            self.see(answer("cycle-port succeeded", false));
            let span = self.seconds(3, 10);
            return Err(Stop::Unplugged(span));
        }
        if !self.phone.registered || !self.phone.powered {
            self.see(answer("no answer", true));
            return Ok(());
        }
        if self.phone.draw.is("restart-enough", "refused") {
            self.see(answer("400 Bad Request", true));
            return Ok(());
        }
        self.see(answer("200 OK", false));
        if how == Restart::Restart && self.phone.draw.is("restart-enough", "reset") {
            return Ok(());
        }
        Err(Stop::Told(how))
    }

    /// The bench is not there any more; what was not on disk is lost with it.
    pub fn kill(&mut self) {
        let known = self.ledger.len();
        self.up = false;
        self.marked = self.full_since.unwrap_or(self.now);
        self.starts += 1;
        if self.chance(50.0) {
            let lost = |entry: &Entry| !entry.durable && self.now - entry.observation.at <= IN_MEMORY;
            while self.ledger.last().is_some_and(lost) {
                self.ledger.pop();
            }
        }
        if self.full_since.is_some() || self.ledger.len() < known {
            self.unheard = true;
        }
    }

    /// What could not be written is, as soon as it can be.
    pub fn fold(&mut self) {
        self.full_since = None;
        if self.up {
            self.folded = (self.journey.clone(), self.honest.clone());
            self.shadow_folds();
            self.ledger.clear();
        }
    }

    /// It starts from its ledger, and notes what it cannot know.
    pub fn start_bench(&mut self) {
        let marked = self.marked;
        self.up = true;
        let mac = self.phone.mac;
        let (mut journey, mut honest) = self.folded.clone();
        for Entry { observation, lie, .. } in &self.ledger {
            let new = || Journey::new(mac, observation.at);
            journey.get_or_insert_with(new).observe(observation);
            if !lie && self.world.liar {
                honest.get_or_insert_with(new).observe(observation);
            }
        }
        (self.journey, self.honest) = (journey, honest);
        self.shadow_starts();
        let Some(journey) = &self.journey else { return self.assess() };
        let cut = under_way(journey, &self.world.library).map(LoadName::loads_file);
        let (registered, waits) = (journey.is_registered(), journey.awaits_answer());
        // How late it was is on record once a minute.
        let ago = if waits { self.rng.u64(0..60_000) } else { self.now.0 % 60_000 };
        let marked = Time(marked.0.saturating_sub(ago));
        let last = self.ledger.last().map_or(marked, |entry| entry.observation.at);
        self.see(Fact::Unwatched { since: marked.max(last) });
        if let Some(name) = cut {
            self.see(Fact::Broken { name, cause: "transload was stopped while it was fetched".to_owned() });
        }
        if registered {
            self.see(Fact::Unregistered);
        }
        self.assess();
    }

    /// The phone says what it runs.
    pub fn register(&mut self) {
        let report = Report {
            active: Some(self.phone.load.clone()),
            inactive: self.phone.inactive.clone(),
            model: Some(self.phone.model.to_owned()),
            last: None,
        };
        self.phone.registered = true;
        let journey = self.journey.as_ref();
        let known = journey.is_some_and(|journey| {
            journey.registered.is_some() && journey.reports.last().is_some_and(|(_, known)| *known == report)
        });
        if !known {
            self.see(Fact::Registered { report });
        }
    }
}

fn in_words(verdict: &Assessment) -> String {
    let Assessment { stage, load, next, license, hold, evidence, restart, .. } = verdict;
    format!("{stage} on {load:?}, next {next:?}, license {license:?}, {hold:?}, {evidence}, {restart:?}")
}

/// Whether a fact is the phone's own word.
fn speaks(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::Dhcp { .. }
            | Fact::ConfigAsked { .. }
            | Fact::LoadsGiven { .. }
            | Fact::LoadsRefused { .. }
            | Fact::LicenseGiven { .. }
            | Fact::Missing { .. }
            | Fact::Registered { .. }
            | Fact::Probed(_)
    )
}
