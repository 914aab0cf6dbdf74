//! What the appliance answers: documents and `.loads` files.

use transload_provision::journey::{Assessment, Fact, Next, Request};
use transload_provision::load::{LoadName, Side};

use super::run::Run;

/// What a boot file or profile says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// Nobody answers.
    Unreachable,
    /// "Not found".
    NotFound,
    /// No load. An Enterprise phone settles, and registers where there is a registrar; a Multiplatform phone comes back.
    Settle { registrar: bool, license: Option<u32>, last: bool },
    /// A load; `when` as in the seed's conditional rule.
    Load { load: LoadName, when: Option<LoadName>, attempt: u32, license: bool, registrar: bool },
}

impl Run {
    /// A boot file or profile is asked for.
    pub fn asked_for_configuration(&mut self, side: Side, signed: bool, agent: Option<String>) -> Document {
        if !self.up || self.chance(self.phone.link / 10.0) {
            return Document::Unreachable;
        }
        let model = (side == Side::Multiplatform).then(|| self.phone.multiplatform_name().to_owned());
        self.phone.in_contact = true;
        self.hear(Fact::ConfigAsked { side, signed, model, user_agent: agent }, false);
        if signed {
            return Document::NotFound;
        }
        if self.asks_by_tftp() {
            self.verdict = self.answer(Request::Datagram(self.now));
        }
        self.is_answered_rightly(self.asks_by_tftp().then_some(Request::Datagram(self.now)));
        let unsaid = self.journey.as_ref().map(|journey| self.verdict.unsays(journey, side));
        let document = self.document(side);
        if let Some(load) = self.named(&document) {
            self.judge(&load);
            self.compares_named(&document);
        }
        unsaid.unwrap_or_default().into_iter().for_each(|fact| self.hear(fact, false));
        if let Document::Load { load, when, attempt, .. } = &document {
            let (load, when, attempt) = (load.clone(), when.clone(), *attempt);
            let held = self.journey.as_ref().is_some_and(|journey| journey.holds_offer(&load, attempt));
            if !held {
                let branches = [Some((load, when.clone())), when.clone().map(|otherwise| (otherwise, None))];
                for (load, branch) in branches.into_iter().flatten() {
                    let conditional = when.is_some();
                    let catalog = String::new();
                    let offered = Fact::Offered { load, when: branch, conditional, attempt, side, catalog };
                    self.hear(offered, true);
                }
            }
            if self.full_since.is_some() {
                self.withdraw();
                self.notes_the_answer(side, &Document::Unreachable, self.heard(), false);
                return Document::Unreachable;
            }
        }
        self.notes_the_answer(side, &document, self.heard(), false);
        // One packet or two, and sent again where they are lost.
        if self.chance(self.phone.link / 100.0) {
            return Document::Unreachable;
        }
        if document != Document::NotFound {
            self.acknowledges();
        }
        document
    }

    /// What could not be written down is not given.
    fn withdraw(&mut self) {
        let now = self.now;
        for journey in [self.journey.as_mut(), self.honest.as_mut()].into_iter().flatten() {
            journey.withdraw_offers(now);
        }
        self.assess();
    }

    /// The document for what comes next.
    pub fn document(&self, side: Side) -> Document {
        self.document_by(&self.verdict, side)
    }

    /// The document that follows from a verdict.
    pub fn document_by(&self, verdict: &Assessment, side: Side) -> Document {
        let registrar =
            self.world.settings.registrar.is_some() && verdict.next != Next::Final && verdict.may_register();
        let license = |wanted: bool| wanted.then_some(verdict.attempt);
        match (&verdict.next, side) {
            (Next::Load { load, when: None, attempt, license, .. }, _) => Document::Load {
                load: load.clone(),
                when: None,
                attempt: *attempt,
                license: *license,
                registrar,
            },
            (Next::Load { load, when, attempt, license }, Side::Multiplatform) => Document::Load {
                load: load.clone(),
                when: when.clone(),
                attempt: *attempt,
                license: *license,
                registrar: false,
            },
            (Next::Load { .. } | Next::Later, Side::Enterprise) => Document::NotFound,
            (Next::Nothing, Side::Enterprise) if !registrar => Document::NotFound,
            (next, _) => Document::Settle {
                registrar,
                license: license(*next == Next::License),
                last: *next == Next::Final,
            },
        }
    }

    /// A `.loads` file is asked for: the last gate.
    pub fn asked_for_load(&mut self, load: &LoadName) -> bool {
        let request = Request::Load { proven: !self.asks_by_tftp() };
        self.verdict = self.answer(request);
        self.is_answered_rightly(Some(request));
        if self.verdict.permits(load, &self.world.library) {
            self.compares_permitted(load);
            self.hear(Fact::LoadsGiven { load: load.clone() }, true);
            if self.full_since.is_none() {
                self.acknowledges();
            } else {
                self.withdraw();
            }
            return self.full_since.is_none();
        }
        self.refused_rightly(load);
        self.hear(Fact::LoadsRefused { name: load.to_string() }, false);
        false
    }
}
