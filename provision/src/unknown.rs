//! Facts about phones that nobody outside Cisco is known to know, and the ways each could be. Phones that are
//! simulated or virtual are run both ways; otherwise they would only confirm what is guessed here.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::catalog::embedded;

/// One open question.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unknown {
    /// Of the field notes on these phones: `6.4`.
    pub section: String,
    /// What is open.
    pub fact: String,
    /// What it is called where phones are told which way it is; none where nothing depends on it.
    pub key: Option<String>,
    /// The ways it could be, at least two where there is a key.
    #[serde(default)]
    pub ways: Vec<String>,
    /// Where all ways are run.
    #[serde(default)]
    pub tried: Vec<Tried>,
    /// Why nothing that is decided here depends on it.
    pub moot: Option<String>,
    /// What is not run, and why that is little risk.
    pub untried: Option<String>,
    /// There is a hint which way it is.
    #[serde(default)]
    pub likely: bool,
}

/// Where a question is run all ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tried {
    /// Simulated phones, against the decisions alone.
    Simulation,
    /// Virtual phones, against the whole appliance.
    Rehearsal,
}

#[derive(Deserialize)]
struct Table {
    unknown: Vec<Unknown>,
}

/// All open questions, by section.
pub fn table() -> &'static [Unknown] {
    static TABLE: LazyLock<Vec<Unknown>> =
        LazyLock::new(|| embedded::<Table>(include_str!("../catalog/unknown.toml")).unknown);
    &TABLE
}

/// One way for each question: what one phone is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draw(BTreeMap<&'static str, &'static str>);

impl Draw {
    /// Takes for each question the way that `choose` picks, by its index of so many.
    pub fn new(mut choose: impl FnMut(usize) -> usize) -> Self {
        let keyed = table().iter().filter_map(|row| Some((row.key.as_deref()?, &row.ways)));
        let pick = |(key, ways): (&'static str, &'static Vec<String>)| {
            Some((key, ways.get(choose(ways.len()))?.as_str()))
        };
        Self(keyed.filter_map(pick).collect())
    }

    /// The same, but for one question. A key or a way that is not in the table changes nothing.
    #[must_use]
    pub fn with(mut self, key: &str, way: &str) -> Self {
        for row in table() {
            let known = row.key.as_deref().filter(|known| *known == key);
            let way = row.ways.iter().find(|known| *known == way);
            self.0.extend(known.zip(way.map(String::as_str)));
        }
        self
    }

    /// Which way it is; empty for what is no question.
    pub fn way(&self, key: &str) -> &'static str {
        self.0.get(key).copied().unwrap_or_default()
    }

    /// Whether it is this way.
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
