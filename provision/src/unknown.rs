//! Open questions about phones, each with its possible answers. Simulated and virtual phones are run with every
//! answer; otherwise they would only confirm the guesses made here.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::catalog::embedded;

/// One open question.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unknown {
    /// Section of the field notes on these phones: `6.4`.
    pub section: String,
    /// The open fact.
    pub fact: String,
    /// The key by which phones are configured; absent if nothing depends on the answer.
    pub key: Option<String>,
    /// The possible answers, at least two if there is a key.
    #[serde(default)]
    pub ways: Vec<String>,
    /// Where all answers are run.
    #[serde(default)]
    pub tried: Vec<Tried>,
    /// The reason that no decision depends on the answer.
    pub moot: Option<String>,
    /// The part that is not run, and why the risk is small.
    pub untried: Option<String>,
    /// There is a hint at the answer.
    #[serde(default)]
    pub likely: bool,
}

/// A place where a question is run with all answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tried {
    /// Simulated phones, against the decisions alone.
    Simulation,
    /// Virtual phones, against the whole appliance.
    Rehearsal,
}

#[derive(Deserialize)]
struct QuestionsFile {
    unknown: Vec<Unknown>,
}

/// All open questions, by section.
pub fn table() -> &'static [Unknown] {
    static TABLE: LazyLock<Vec<Unknown>> =
        LazyLock::new(|| embedded::<QuestionsFile>(include_str!("../catalog/unknown.toml")).unknown);
    &TABLE
}

/// One answer to each question: the character of one phone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draw(BTreeMap<&'static str, &'static str>);

impl Draw {
    /// Takes the answer that `choose` picks for each question, as an index below the given count.
    pub fn new(mut choose: impl FnMut(usize) -> usize) -> Self {
        let keyed = table().iter().filter_map(|row| Some((row.key.as_deref()?, &row.ways)));
        let pick = |(key, ways): (&'static str, &'static Vec<String>)| {
            Some((key, ways.get(choose(ways.len()))?.as_str()))
        };
        Self(keyed.filter_map(pick).collect())
    }

    /// Replaces one answer. An unknown key or answer changes nothing.
    #[must_use]
    pub fn with(mut self, key: &str, way: &str) -> Self {
        for row in table() {
            let known = row.key.as_deref().filter(|known| *known == key);
            let way = row.ways.iter().find(|known| *known == way);
            self.0.extend(known.zip(way.map(String::as_str)));
        }
        self
    }

    /// The answer to a question; empty for an unknown key.
    pub fn way(&self, key: &str) -> &'static str {
        self.0.get(key).copied().unwrap_or_default()
    }

    /// True if this is the answer.
    pub fn is(&self, key: &str, way: &str) -> bool {
        self.way(key) == way
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_run_all_ways_or_says_why_not() {
        for row in table() {
            let run = row.key.is_some() && row.ways.len() >= 2 && !row.tried.is_empty();
            let excused = row.moot.is_some() != row.untried.is_some();
            assert!(run != excused, "{}: {}", row.section, row.fact);
            assert!(
                run || (row.key.is_none() && row.ways.is_empty() && row.tried.is_empty()),
                "{}",
                row.fact
            );
        }
        let keys: Vec<_> = table().iter().filter_map(|row| row.key.as_ref()).collect();
        let unlike: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(unlike.len(), keys.len(), "a key means one thing");
    }

    #[test]
    fn a_draw_answers_every_question() {
        let draw = Draw::new(|of| of - 1);
        for row in table().iter().filter(|row| row.key.is_some()) {
            let key = row.key.as_deref().unwrap();
            assert!(draw.is(key, row.ways.last().unwrap()), "{key}");
        }
    }
}
