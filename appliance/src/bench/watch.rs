//! Records stage changes for the report, and hands them to the configured hook.

use transload_provision::journey::{Assessment, Fact};
use transload_provision::mac::Mac;

use super::judge::context;
use super::{Bench, BenchState, show};
use crate::bench::views::phone::{HoldCode, Stage};
use crate::system::program;

/// Stage changes that wait for the hook; further ones are dropped.
const WAITING: usize = 1024;

/// A stage change for the hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageNotice {
    /// The phone.
    pub mac: Mac,
    /// Its new stage.
    pub stage: Stage,
    /// The command with its placeholders filled in.
    pub command: Vec<String>,
}

impl Bench {
    /// Records the stage of a phone if it changed. Phones that are not in the ledger are skipped.
    pub(super) fn note_stand(&self, state: &mut BenchState, mac: Mac, verdict: &Assessment) {
        self.note_done(state, mac, verdict);
        let Some(phone) = state.phones.get(&mac).filter(|phone| phone.written) else { return };
        let (stage, hold) = show::standing(state, self.now(), mac, verdict);
        let code = hold.as_ref().map(|hold| hold.code);
        let last = phone.journey.history.last();
        if last.is_some_and(|last| last.is_at(stage, code)) {
            return;
        }
        let was = last.map_or(Stage::Absent, |last| last.stage);
        let hold_code = code.map_or("", HoldCode::as_str);
        tracing::info!(%mac, %was, %stage, hop = verdict.hop, hops = verdict.hops, hold = hold_code, "stage");
        self.note_down(state, mac, Fact::Stood { stage, code, cause: hold.map(|hold| hold.cause()) });
        self.queue_change(state, mac, was, stage);
    }

    /// Records that the phone is done.
    fn note_done(&self, state: &mut BenchState, mac: Mac, verdict: &Assessment) {
        let Some(journey) = state.phones.get(&mac).map(|phone| &phone.journey) else { return };
        if let Some(done) = journey.finishes(verdict, &context(state, mac, self.now())) {
            self.observe(state, mac, done);
        }
    }

    /// As [`Self::note_stand`], for the verdict at this moment.
    pub(super) fn stand_now(&self, state: &mut BenchState, mac: Mac) {
        let verdict = self.assess(state, mac);
        self.note_stand(state, mac, &verdict);
    }

    fn queue_change(&self, state: &mut BenchState, mac: Mac, was: Stage, stage: Stage) {
        if state.rules.stage_hook.is_empty() {
            return;
        }
        if state.changes.len() >= WAITING {
            let output = format!("not run: {WAITING} other stage changes were waiting for it");
            tracing::warn!(%mac, %stage, "the hook hooks.stage was {output}");
            self.note_down(state, mac, Fact::HookRan { stage, output, failed: true });
            return;
        }
        let phone = show::phone(state, self.now(), mac);
        let command = program::filled(&state.rules.stage_hook, |name| {
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            Some(match name {
                "mac" => mac.to_string(),
                "stage" => stage.to_string(),
                "was" => was.to_string(),
                "hold" => phone.hold.as_ref().map(|hold| hold.code.to_string()).unwrap_or_default(),
                "model" => text(&phone.model),
                "load" => text(&phone.load),
                "target" => text(&phone.target),
                "address" => phone.address.map(|address| address.to_string()).unwrap_or_default(),
                "location" => text(&phone.location),
                _ => return None,
            })
        });
        state.changes.push_back(StageNotice { mac, stage, command });
        self.changed.notify_one();
    }

    /// The oldest waiting change of a phone for which `may` is true.
    pub fn next_change(&self, may: impl Fn(Mac) -> bool) -> Option<StageNotice> {
        let mut state = self.state();
        let at = state.changes.iter().position(|change| may(change.mac))?;
        state.changes.remove(at)
    }

    /// Waits until there may be a change.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Records the result of the hook.
    pub fn hook_ran(&self, mac: Mac, stage: Stage, outcome: Result<String, String>) {
        let failed = outcome.is_err();
        let output = outcome.unwrap_or_else(|why| why);
        if failed {
            tracing::warn!(
                %mac, %stage, output, "the hook hooks.stage failed for this phone; run it by hand to see why"
            );
        } else {
            tracing::info!(%mac, %stage, output, "the hook hooks.stage ran");
        }
        let mut state = self.state();
        self.note_down(&mut state, mac, Fact::HookRan { stage, output, failed });
    }
}
