//! Tracks what each listener of the live events still has to learn. A listener has no queue: after a gap it gets the
//! present state in one event. A long event is written piece by piece, so that a stalled listener holds one piece, not
//! all phones.

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
use crate::state::library::LibrarySnapshot;

/// Seconds of traffic that are remembered.
const TRAFFIC_KEPT: usize = 300;

/// Phones in one piece.
const PHONES: usize = 64;
/// Shorter pieces are extended if more follows; bytes.
const SHORT: usize = 32 * 1024;
/// Percentages in one piece.
const PERCENTS: usize = 1024;

/// An event that one listener is receiving.
#[derive(Debug)]
pub(super) struct PendingEvent {
    /// The step that the listener knows, if any.
    since: Option<u64>,
    /// The step that the listener knows afterwards.
    pub(super) step: u64,
    next: EventPart,
}

/// The next part of an event.
#[derive(Debug, Clone, Copy)]
enum EventPart {
    Head,
    Phones { after: Option<Mac> },
    Percents { after: Option<Mac> },
    Nothing,
}

/// The watched state, with the step of each change.
#[derive(Default)]
pub(super) struct LiveState {
    /// Identifies this run of the program; steps of other runs are invalid.
    run: u64,
    step: u64,
    rows: BTreeMap<Mac, WatchedPhone>,
    /// The step of the last removal of a phone. A listener that knows less gets the whole state.
    gone: u64,
    figures: BenchFigures,
    figures_since: u64,
    library: Option<Arc<LibrarySnapshot>>,
    traffic: VecDeque<u64>,
    /// Bytes sent before the latest second.
    sent: u64,
    /// Most listeners need the same piece.
    latest: Option<LatestChange>,
}

struct WatchedPhone {
    /// The phone without its constantly changing fields.
    known: PhoneView,
    since: u64,
    json: String,
    percent: u8,
    moved: u64,
}

/// Figures of the bench as a whole.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct BenchFigures {
    /// Seconds until the last moving phone arrives; null if unknown.
    pub left: Option<u64>,
    /// Bytes sent to phones in the latest second.
    pub rate: u64,
    /// Changes whenever the library changes.
    pub library: u64,
    /// Bounds that were reached lately, with cures, one line each.
    pub reached: Vec<String>,
    /// Notices with cures, one line each.
    pub notices: Vec<String>,
    /// The number of leased clients that are no phones.
    pub others: usize,
    /// Incremented each second.
    pub second: u64,
}

impl LiveState {
    pub(super) fn new(run: u64) -> Self {
        Self { run, ..Self::default() }
    }

    /// The present step.
    #[cfg(test)]
    pub(super) fn step(&self) -> u64 {
        self.step
    }

    /// Takes the figures of one second, watched or not.
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

    /// Takes a survey of the bench.
    pub(super) fn take(&mut self, survey: Survey) {
        let step = self.step + 1;
        let mut changed = false;
        for phone in survey.phones {
            let percent = percent(phone.progress);
            let json = || serde_json::to_string(&phone).unwrap_or_default();
            let known = PhoneView { progress: 0.0, last_seen: None, ..phone.clone() };
            let row = match self.rows.remove(&phone.mac) {
                Some(row) if row.known == known && row.percent == percent => row,
                Some(row) if row.known == known => WatchedPhone { percent, moved: step, ..row },
                _ => WatchedPhone { known, since: step, json: json(), percent, moved: step },
            };
            changed |= row.moved == step;
            self.rows.insert(phone.mac, row);
        }
        for mac in survey.gone {
            self.rows.remove(&mac);
            (self.gone, changed) = (step, true);
        }
        let left = survey.left.map(|left| left.as_secs());
        let same = self.library.as_ref().is_some_and(|library| Arc::ptr_eq(library, &survey.library));
        if !same || left != self.figures.left {
            self.figures.library += u64::from(!same);
            self.figures.left = left;
            self.figures_since = step;
            changed = true;
        }
        self.library = Some(survey.library);
        if changed {
            self.step = step;
        }
    }

    /// The step that a client claims to know; `None` if it is invalid or of another run.
    pub(super) fn known(&self, id: &str) -> Option<u64> {
        let (run, step) = id.split_once('-')?;
        let step = step.parse().ok()?;
        (u64::from_str_radix(run, 16).ok()? == self.run && step <= self.step && step >= self.gone)
            .then_some(step)
    }

    /// Begins the event for a listener that knows `step`; `None` if nothing changed.
    pub(super) fn tell(&self, step: Option<u64>) -> Option<PendingEvent> {
        let since = step.filter(|step| *step >= self.gone);
        (since != Some(self.step)).then_some(PendingEvent { since, step: self.step, next: EventPart::Head })
    }

    /// The next piece of an event; `None` after its last. A phone that changed since the event began is written as it
    /// is now, and again in the next event.
    pub(super) fn piece(&mut self, telling: &mut PendingEvent) -> Option<Bytes> {
        if let (EventPart::Head, Some(since)) = (telling.next, telling.since)
            && telling.step == self.step
        {
            return Some(self.latest_change(since, telling));
        }
        self.gather(telling)
    }

    /// Writes as much of an event as one piece holds.
    fn gather(&self, telling: &mut PendingEvent) -> Option<Bytes> {
        let mut text = self.write(telling)?;
        while text.len() < SHORT
            && let Some(more) = self.write(telling)
        {
            text.push_str(&more);
        }
        Some(Bytes::from(text))
    }

    /// The first piece of the changes since a step, shared by listeners with equal knowledge.
    fn latest_change(&mut self, since: u64, telling: &mut PendingEvent) -> Bytes {
        if let Some(latest) = &self.latest
            && (latest.since, latest.step) == (since, self.step)
        {
            telling.next = latest.next;
            return latest.bytes.clone();
        }
        let bytes = self.gather(telling).unwrap_or_default();
        self.latest = Some(LatestChange { since, step: self.step, bytes: bytes.clone(), next: telling.next });
        bytes
    }

    fn write(&self, telling: &mut PendingEvent) -> Option<String> {
        let since = telling.since;
        let mut text = String::new();
        telling.next = match telling.next {
            EventPart::Head => {
                let event = if since.is_some() { "change" } else { "state" };
                let PendingEvent { step, .. } = telling;
                let _ = write!(text, "event: {event}\nid: {:x}-{step}\ndata: {{\"phones\":[", self.run);
                EventPart::Phones { after: None }
            }
            EventPart::Phones { after } => {
                let told = |row: &WatchedPhone| since.is_none_or(|since| row.since > since);
                let rows = self.behind(after).filter(|(_, row)| told(row));
                let one = |text: &mut String, _: Mac, row: &WatchedPhone| text.push_str(&row.json);
                if let Some(last) = list(&mut text, after, rows.take(PHONES), PHONES, one) {
                    EventPart::Phones { after: Some(last) }
                } else {
                    text.push_str("],\"percent\":{");
                    EventPart::Percents { after: None }
                }
            }
            EventPart::Percents { after } => {
                let told = |row: &WatchedPhone| since.is_none_or(|since| row.moved > since);
                let rows = self.behind(after).filter(|(_, row)| told(row));
                let one = |text: &mut String, mac: Mac, row: &WatchedPhone| {
                    let _ = write!(text, "\"{mac}\":{}", row.percent);
                };
                if let Some(last) = list(&mut text, after, rows.take(PERCENTS), PERCENTS, one) {
                    EventPart::Percents { after: Some(last) }
                } else {
                    text.push('}');
                    self.write_end(&mut text, since);
                    EventPart::Nothing
                }
            }
            EventPart::Nothing => return None,
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

    fn behind(&self, after: Option<Mac>) -> impl Iterator<Item = (Mac, &WatchedPhone)> {
        let from = after.map_or(Unbounded, Excluded);
        self.rows.range((from, Unbounded)).map(|(mac, row)| (*mac, row))
    }
}

/// Writes rows separated by commas. Returns the last one if `most` rows were written, because more may follow.
fn list<'a>(
    text: &mut String,
    after: Option<Mac>,
    rows: impl Iterator<Item = (Mac, &'a WatchedPhone)>,
    most: usize,
    mut one: impl FnMut(&mut String, Mac, &WatchedPhone),
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
struct LatestChange {
    since: u64,
    step: u64,
    bytes: Bytes,
    next: EventPart,
}

/// Whole percents; 100 only if nothing is left.
#[allow(clippy::cast_sign_loss, reason = "it is between 0 and 100")]
fn percent(progress: f64) -> u8 {
    (progress * 100.0).clamp(0.0, 100.0) as u8
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}
