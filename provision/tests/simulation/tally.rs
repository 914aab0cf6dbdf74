//! What became of all phones: endings, holds, and holds that ended. A simulation that meets too little proves nothing.

use std::collections::BTreeMap;

use transload_provision::hold::HoldCode;
use transload_provision::journey::Stage;

use super::run::Run;

/// How many phones came to what.
#[derive(Debug, Default)]
pub struct Tally {
    endings: BTreeMap<String, u64>,
    held: BTreeMap<HoldCode, u64>,
    /// Phones that were held and are done all the same.
    recovered: BTreeMap<HoldCode, u64>,
}

impl Tally {
    pub fn add(&mut self, run: &Run) {
        *self.endings.entry(run.ending()).or_default() += 1;
        for code in &run.held_for {
            *self.held.entry(*code).or_default() += 1;
            if run.verdict.stage == Stage::Done {
                *self.recovered.entry(*code).or_default() += 1;
            }
        }
    }

    pub fn merge(&mut self, other: Self) {
        merge(&mut self.endings, other.endings);
        merge(&mut self.held, other.held);
        merge(&mut self.recovered, other.recovered);
    }

    /// Of 1500 phones at least 16 are counted under the rarest name that is asked for, so that chance misses none.
    pub fn must_have_met_everything(&self) {
        for ending in ["done", "held: not-eligible", "held: no-license", "held: no-route", "stuck: failed"] {
            assert!(self.endings.contains_key(ending), "no phone ended as {ending}");
        }
        for code in HoldCode::ALL {
            match code {
                // Another DHCP server holds the bench, not a phone.
                HoldCode::ForeignDhcp => continue,
                // Nothing that a technician does makes a model eligible.
                HoldCode::NotEligible => {}
                _ => {
                    assert!(self.recovered.contains_key(&code), "no phone was held for {code} and then done");
                }
            }
            assert!(self.held.contains_key(&code), "no phone was held for {code}");
        }
    }
}

fn merge<K: Ord>(into: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
    for (key, count) in from {
        *into.entry(key).or_default() += count;
    }
}
