//! What those who watch know, and what each of them has yet to be told. A listener holds no queue: whoever was away or
//! is slow is told what is so now, in one event. A long event is written piece by piece as its listener takes it, so that
//! a listener that reads nothing holds one piece and not all phones.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use transload_provision::mac::Mac;

use crate::bench::Survey;
use crate::bench::views::phone::PhoneView;
use crate::state::library::Shelf;

/// Seconds of traffic remembered.
const TRAFFIC_KEPT: usize = 300;

/// Phones written at once.
const PHONES: usize = 64;
/// A piece that is shorter is made longer, where more follows; bytes.
const SHORT: usize = 32 * 1024;
/// Phones' percentages written at once.
const PERCENTS: usize = 1024;

/// An event on its way to one listener.
#[derive(Debug)]
pub(super) struct Telling {
    /// What the listener knows, or nothing.
    since: Option<u64>,
    /// What it will know.
    pub(super) step: u64,
    next: Next,
}

/// What comes next of an event.
#[derive(Debug, Clone, Copy)]
enum Next {
    Head,
    Phones { after: Option<Mac> },
    Percents { after: Option<Mac> },
    Nothing,
}

/// Everything that is watched, and since which step it is so.
#[derive(Default)]
pub(super) struct Board {
    /// Of this run of the program; steps of another run tell nothing.
    run: u64,
    step: u64,
    rows: BTreeMap<Mac, Row>,
    /// The step at which a phone went away last; whoever knows less is told everything.
    gone: u64,
    figures: Figures,
    figures_since: u64,
    shelf: Option<Arc<Shelf>>,
    traffic: VecDeque<u64>,
    /// The bytes sent before the latest second.
    sent: u64,
    /// Nearly everybody is told the same.
    latest: Option<Latest>,
}

struct Row {
    /// Without what changes all the time.
    known: PhoneView,
    since: u64,
    json: String,
    percent: u8,
    moved: u64,
}

/// What is said of the bench as a whole.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Figures {
    /// Seconds until the last phone under way arrives; null where nobody can say.
    pub left: Option<u64>,
    /// Bytes that phones took in the latest second.
    pub rate: u64,
    /// Changes when the library does.
    pub library: u64,
    /// Bounds that were reached lately, and what to do, one line each.
    pub reached: Vec<String>,
    /// Addresses without a lease that asked for files, and routers with proxy ARP, and what to do, one line each.
    pub notices: Vec<String>,
    /// Clients with a lease that are no phones.
    pub others: usize,
    /// Counts seconds.
    pub second: u64,
}

impl Board {
    pub(super) fn new(run: u64) -> Self {
        Self { run, ..Self::default() }
    }

    /// The step that is reached.
    #[cfg(test)]
    pub(super) fn step(&self) -> u64 {
        self.step
    }

    /// Once a second, watched or not: what phones took, the bounds that were reached lately, and notices.
    pub(super) fn second(&mut self, sent: u64, reached: Vec<String>, notices: Vec<String>, others: usize) {
        let rate = sent.saturating_sub(self.sent);
        self.sent = sent;
        if self.traffic.len() >= TRAFFIC_KEPT {
            self.traffic.pop_front();
        }
        self.traffic.push_back(rate);
        self.step += 1;
        (self.figures.rate, self.figures.reached, self.figures.notices) = (rate, reached, notices);
        self.figures.others = others;
        self.figures.second += 1;
        self.figures_since = self.step;
    }

    /// Takes in how things stand.
    pub(super) fn take(&mut self, survey: Survey) {
        let step = self.step + 1;
        let mut changed = false;
        for phone in survey.phones {
            let percent = percent(phone.progress);
            let json = || serde_json::to_string(&phone).unwrap_or_default();
            let known = PhoneView { progress: 0.0, last_seen: None, ..phone.clone() };
            let row = match self.rows.remove(&phone.mac) {
                Some(row) if row.known == known && row.percent == percent => row,
                Some(row) if row.known == known => Row { percent, moved: step, ..row },
                _ => Row { known, since: step, json: json(), percent, moved: step },
            };
            changed |= row.moved == step;
            self.rows.insert(phone.mac, row);
        }
        for mac in survey.gone {
            self.rows.remove(&mac);
            (self.gone, changed) = (step, true);
        }
        let left = survey.left.map(|left| left.as_secs());
        let same = self.shelf.as_ref().is_some_and(|shelf| Arc::ptr_eq(shelf, &survey.shelf));
        if !same || left != self.figures.left {
            self.figures.library += u64::from(!same);
            self.figures.left = left;
            self.figures_since = step;
            changed = true;
        }
        self.shelf = Some(survey.shelf);
        if changed {
            self.step = step;
        }
    }

    /// The step that a client says it knows; `None` where that is of another run, or nonsense.
    pub(super) fn known(&self, id: &str) -> Option<u64> {
        let (run, step) = id.split_once('-')?;
        let step = step.parse().ok()?;
        (u64::from_str_radix(run, 16).ok()? == self.run && step <= self.step && step >= self.gone)
            .then_some(step)
    }

    /// Begins the event that tells whoever knows `step` what he does not know; nothing where there is nothing to tell.
    pub(super) fn tell(&self, step: Option<u64>) -> Option<Telling> {
        let since = step.filter(|step| *step >= self.gone);
        (since != Some(self.step)).then_some(Telling { since, step: self.step, next: Next::Head })
    }

    /// The next piece of an event; nothing after its last. Phones that have changed since it began are told as they are
    /// now, and told again by the next event.
    pub(super) fn piece(&mut self, telling: &mut Telling) -> Option<Bytes> {
        if let (Next::Head, Some(since)) = (telling.next, telling.since)
            && telling.step == self.step
        {
            return Some(self.latest_change(since, telling));
        }
        self.gather(telling)
    }

    /// As much of an event as one piece holds.
    fn gather(&self, telling: &mut Telling) -> Option<Bytes> {
        let mut text = self.write(telling)?;
        while text.len() < SHORT
            && let Some(more) = self.write(telling)
        {
            text.push_str(&more);
        }
        Some(Bytes::from(text))
    }

    /// The first piece of what has changed since a step: the same bytes for all who know the same.
    fn latest_change(&mut self, since: u64, telling: &mut Telling) -> Bytes {
        if let Some(latest) = &self.latest
            && (latest.since, latest.step) == (since, self.step)
        {
            telling.next = latest.next;
            return latest.bytes.clone();
        }
        let bytes = self.gather(telling).unwrap_or_default();
        self.latest = Some(Latest { since, step: self.step, bytes: bytes.clone(), next: telling.next });
        bytes
    }

    fn write(&self, telling: &mut Telling) -> Option<String> {
        let since = telling.since;
        let mut text = String::new();
        telling.next = match telling.next {
            Next::Head => {
                let event = if since.is_some() { "change" } else { "state" };
                let Telling { step, .. } = telling;
                let _ = write!(text, "event: {event}\nid: {:x}-{step}\ndata: {{\"phones\":[", self.run);
                Next::Phones { after: None }
            }
            Next::Phones { after } => {
                let told = |row: &Row| since.is_none_or(|since| row.since > since);
                let rows = self.behind(after).filter(|(_, row)| told(row));
                let one = |text: &mut String, _: Mac, row: &Row| text.push_str(&row.json);
                if let Some(last) = list(&mut text, after, rows.take(PHONES), PHONES, one) {
                    Next::Phones { after: Some(last) }
                } else {
                    text.push_str("],\"percent\":{");
                    Next::Percents { after: None }
                }
            }
            Next::Percents { after } => {
                let told = |row: &Row| since.is_none_or(|since| row.moved > since);
                let rows = self.behind(after).filter(|(_, row)| told(row));
                let one = |text: &mut String, mac: Mac, row: &Row| {
                    let _ = write!(text, "\"{mac}\":{}", row.percent);
                };
                if let Some(last) = list(&mut text, after, rows.take(PERCENTS), PERCENTS, one) {
                    Next::Percents { after: Some(last) }
                } else {
                    text.push('}');
                    self.write_end(&mut text, since);
                    Next::Nothing
                }
            }
            Next::Nothing => return None,
        };
        Some(text)
    }

    fn write_end(&self, text: &mut String, since: Option<u64>) {
        if since.is_none_or(|since| self.figures_since > since) {
            let _ = write!(text, ",\"bench\":{}", json(&self.figures));
        }
        if since.is_none() {
            let _ = write!(text, ",\"traffic\":{}", json(&self.traffic));
        }
        text.push_str("}\n\n");
    }

    fn behind(&self, after: Option<Mac>) -> impl Iterator<Item = (Mac, &Row)> {
        let from = after.map_or(Unbounded, Excluded);
        self.rows.range((from, Unbounded)).map(|(mac, row)| (*mac, row))
    }
}

/// Writes rows with commas between; the last of them where more may follow, which is where all of `most` were there.
fn list<'a>(
    text: &mut String,
    after: Option<Mac>,
    rows: impl Iterator<Item = (Mac, &'a Row)>,
    most: usize,
    mut one: impl FnMut(&mut String, Mac, &Row),
) -> Option<Mac> {
    let (mut last, mut count) = (after, 0);
    for (mac, row) in rows {
        if last.is_some() {
            text.push(',');
        }
        one(text, mac, row);
        (last, count) = (Some(mac), count + 1);
    }
    last.filter(|_| count == most)
}

/// The first piece of the latest change.
struct Latest {
    since: u64,
    step: u64,
    bytes: Bytes,
    next: Next,
}

/// Whole hundredths; 100 only where nothing is left.
#[allow(clippy::cast_sign_loss, reason = "it is between 0 and 100")]
fn percent(progress: f64) -> u8 {
    (progress * 100.0).clamp(0.0, 100.0) as u8
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}
