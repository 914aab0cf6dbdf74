//! What those who watch know, and what each of them has yet to be told. A listener holds no queue: whoever was away or
//! is slow is told what is so now, in one event.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use transload_provision::mac::Mac;

use crate::bench::Survey;
use crate::library::Shelf;
use crate::view::PhoneView;

/// Seconds of traffic remembered.
const TRAFFIC_KEPT: usize = 300;

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
    /// The latest event and the step that it goes on from: nearly everybody is told the same.
    latest: Option<(u64, Bytes)>,
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
    /// Counts seconds.
    pub second: u64,
}

impl Board {
    pub(super) fn new(run: u64) -> Self {
        Self { run, ..Self::default() }
    }

    /// The step that is reached.
    pub(super) fn step(&self) -> u64 {
        self.step
    }

    /// Once a second, watched or not: what phones took.
    pub(super) fn second(&mut self, sent: u64) {
        let rate = sent.saturating_sub(self.sent);
        self.sent = sent;
        if self.traffic.len() >= TRAFFIC_KEPT {
            self.traffic.pop_front();
        }
        self.traffic.push_back(rate);
        self.step += 1;
        self.figures.rate = rate;
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

    /// One event that tells whoever knows `step` what he does not know; nothing where there is nothing to tell.
    pub(super) fn since(&mut self, step: Option<u64>) -> Option<Bytes> {
        let Some(step) = step.filter(|step| *step >= self.gone) else {
            return Some(self.everything());
        };
        if step == self.step {
            return None;
        }
        if let Some((from, event)) = &self.latest
            && *from == step
            && event.starts_with(self.head("change").as_bytes())
        {
            return Some(event.clone());
        }
        let rows = self.rows.values().filter(|row| row.since > step).map(|row| row.json.as_str());
        let moved = self.rows.iter().filter(|(_, row)| row.moved > step);
        let moved =
            moved.map(|(mac, row)| format!("\"{mac}\":{}", row.percent)).collect::<Vec<_>>().join(",");
        let rows = rows.collect::<Vec<_>>().join(",");
        let mut event = self.head("change");
        let _ = write!(event, "{{\"phones\":[{rows}],\"percent\":{{{moved}}}");
        if self.figures_since > step {
            let _ = write!(event, ",\"bench\":{}", json(&self.figures));
        }
        event.push_str("}\n\n");
        let event = Bytes::from(event);
        self.latest = Some((step, event.clone()));
        Some(event)
    }

    fn everything(&self) -> Bytes {
        let rows = self.rows.values().map(|row| row.json.as_str()).collect::<Vec<_>>().join(",");
        let moved = self.rows.iter().map(|(mac, row)| format!("\"{mac}\":{}", row.percent));
        let moved = moved.collect::<Vec<_>>().join(",");
        let (bench, traffic) = (json(&self.figures), json(&self.traffic));
        let head = self.head("state");
        Bytes::from(format!(
            "{head}{{\"phones\":[{rows}],\"percent\":{{{moved}}},\"bench\":{bench},\"traffic\":{traffic}}}\n\n"
        ))
    }

    fn head(&self, event: &str) -> String {
        format!("event: {event}\nid: {:x}-{}\ndata: ", self.run, self.step)
    }
}

/// Whole hundredths; 100 only where nothing is left.
#[allow(clippy::cast_sign_loss, reason = "it is between 0 and 100")]
fn percent(progress: f64) -> u8 {
    (progress * 100.0).clamp(0.0, 100.0) as u8
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use transload_provision::load::Direction;

    use super::*;

    fn phone(mac: &str, stage: &str, progress: f64) -> PhoneView {
        let json = format!(
            r#"{{"mac":"{mac}","model":"8851","vid":null,"serial":null,"location":null,"address":null,
            "persona":"enterprise","load":null,"load_evidence":null,"route":[],"target":null,"hop":1,"hops":2,
            "stage":"{stage}","writing":false,"progress":{progress},"attempts":1,"license":"absent","hold":null,
            "first_seen":null,"last_seen":null}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    struct Bench {
        board: Board,
        shelf: Arc<Shelf>,
    }

    impl Bench {
        fn new() -> Self {
            let state = tempfile::tempdir().unwrap();
            let shelf = Arc::new(Shelf::scan(state.path(), Direction::E2m).unwrap());
            Self { board: Board::new(0xabc), shelf }
        }

        fn stands(&mut self, phones: &[PhoneView], gone: &[&str]) {
            let shelf = Arc::clone(&self.shelf);
            let gone = gone.iter().map(|mac| mac.parse().unwrap()).collect();
            self.board.take(Survey { phones: phones.to_vec(), gone, left: None, shelf });
        }

        /// The kind, id and data of what whoever knows `step` is told.
        fn told(&mut self, step: Option<u64>) -> Option<(String, String, Value)> {
            let event = self.board.since(step)?;
            let text = std::str::from_utf8(&event).unwrap();
            let lines: Vec<&str> = text.strip_suffix("\n\n").unwrap().lines().collect();
            let [event, id, data] = lines.as_slice() else { panic!("{text}") };
            let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            Some((event[7..].to_owned(), id[4..].to_owned(), data))
        }
    }

    const A: &str = "001234AB45DE";
    const B: &str = "001234AB45DF";

    #[test]
    fn who_comes_is_told_everything_and_then_only_what_changed() {
        let mut bench = Bench::new();
        bench.stands(&[phone(A, "moving", 0.1), phone(B, "seen", 0.0)], &[]);
        let (event, id, data) = bench.told(None).unwrap();
        assert_eq!((event.as_str(), data["phones"].as_array().unwrap().len()), ("state", 2));
        let step = bench.board.known(&id).unwrap();
        bench.stands(&[phone(A, "moving", 0.104), phone(B, "seen", 0.0)], &[]);
        assert_eq!(bench.told(Some(step)), None, "nothing that anybody sees has changed");
        bench.stands(&[phone(A, "moving", 0.2), phone(B, "moving", 0.0)], &[]);
        let (event, _, data) = bench.told(Some(step)).unwrap();
        assert_eq!((event.as_str(), &data["phones"][0]["mac"]), ("change", &Value::from(B)));
        assert_eq!(data["percent"], serde_json::json!({A: 20, B: 0}));
        assert_eq!(bench.told(Some(step)).unwrap().2, data, "everybody is told the same");
    }

    #[test]
    fn who_was_away_is_told_all_he_missed_at_once() {
        let mut bench = Bench::new();
        bench.stands(&[phone(A, "seen", 0.0), phone(B, "seen", 0.0)], &[]);
        let step = bench.board.step();
        bench.stands(&[phone(A, "moving", 0.5), phone(B, "seen", 0.0)], &[]);
        bench.stands(&[phone(A, "moving", 0.5), phone(B, "done", 0.0)], &[]);
        let (_, _, data) = bench.told(Some(step)).unwrap();
        assert_eq!(data["phones"].as_array().unwrap().len(), 2);
        bench.board.second(1000);
        let (_, _, data) = bench.told(Some(bench.board.step() - 1)).unwrap();
        assert_eq!(
            (&data["bench"]["rate"], data["phones"].as_array().unwrap().len()),
            (&Value::from(1000), 0)
        );
    }

    #[test]
    fn when_a_phone_goes_or_the_program_was_restarted_everything_is_told_anew() {
        let mut bench = Bench::new();
        bench.stands(&[phone(A, "seen", 0.0), phone(B, "seen", 0.0)], &[]);
        let step = bench.board.step();
        bench.stands(&[], &[B]);
        let (event, _, data) = bench.told(Some(step)).unwrap();
        assert_eq!((event.as_str(), data["phones"].as_array().unwrap().len()), ("state", 1));
        let step = bench.board.step();
        for (id, known) in [
            (format!("abc-{step}"), Some(step)),
            (format!("abd-{step}"), None),
            ("abc-99".into(), None),
            (String::new(), None),
        ] {
            assert_eq!(bench.board.known(&id), known, "{id}");
        }
    }
}
