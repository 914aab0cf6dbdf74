//! Listeners get every change exactly once.

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

struct LiveBench {
    board: LiveState,
    library: Arc<LibrarySnapshot>,
}

impl LiveBench {
    fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        let library = Arc::new(LibrarySnapshot::scan(state.path(), Direction::E2m).unwrap());
        Self { board: LiveState::new(0xabc), library }
    }

    fn stands(&mut self, phones: &[PhoneView], gone: &[&str]) {
        let library = Arc::clone(&self.library);
        let gone = gone.iter().map(|mac| mac.parse().unwrap()).collect();
        self.board.take(Survey { phones: phones.to_vec(), gone, left: None, library });
    }

    /// Kind, id and data of the event for a listener that knows `step`.
    fn told(&mut self, step: Option<u64>) -> Option<(String, String, Value)> {
        let mut telling = self.board.tell(step)?;
        let mut event = Vec::new();
        while let Some(piece) = self.board.piece(&mut telling) {
            event.extend_from_slice(&piece);
        }
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
    let mut bench = LiveBench::new();
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
    let mut bench = LiveBench::new();
    bench.stands(&[phone(A, "seen", 0.0), phone(B, "seen", 0.0)], &[]);
    let step = bench.board.step();
    bench.stands(&[phone(A, "moving", 0.5), phone(B, "seen", 0.0)], &[]);
    bench.stands(&[phone(A, "moving", 0.5), phone(B, "done", 0.0)], &[]);
    let (_, _, data) = bench.told(Some(step)).unwrap();
    assert_eq!(data["phones"].as_array().unwrap().len(), 2);
    bench.board.second(1000, Vec::new(), Vec::new(), 0);
    let (_, _, data) = bench.told(Some(bench.board.step() - 1)).unwrap();
    assert_eq!((&data["bench"]["rate"], data["phones"].as_array().unwrap().len()), (&Value::from(1000), 0));
}

#[test]
fn when_a_phone_goes_or_the_program_was_restarted_everything_is_told_anew() {
    let mut bench = LiveBench::new();
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

fn mac(number: usize) -> String {
    format!("001234{number:06X}")
}

#[test]
fn a_long_event_is_told_in_pieces_and_nobody_holds_more_than_one() {
    let mut bench = LiveBench::new();
    let phones: Vec<_> = (0..3000).map(|number| phone(&mac(number), "seen", 0.0)).collect();
    bench.stands(&phones, &[]);
    let step = bench.board.step();
    let moved: Vec<_> = (0..3000).map(|number| phone(&mac(number), "moving", 0.1)).collect();
    bench.stands(&moved, &[]);
    for since in [None, Some(step)] {
        let (_, _, data) = bench.told(since).unwrap();
        let told = (data["phones"].as_array().unwrap().len(), data["percent"].as_object().unwrap().len());
        assert_eq!(told, (3000, 3000));
    }
    let mut held = 0;
    for listener in 0..64 {
        bench.board.second(listener, Vec::new(), Vec::new(), 0);
        let mut telling = bench.board.tell(Some(step).filter(|_| listener % 2 == 0)).unwrap();
        // A stalled listener holds the piece that waits for room, and the next one.
        held +=
            (0..2).filter_map(|_| bench.board.piece(&mut telling)).map(|piece| piece.len()).sum::<usize>();
    }
    let row = serde_json::to_string(&phones[0]).unwrap().len();
    assert!(held < 64 * 2 * (SHORT + PHONES * (row + 1)), "{held} bytes; a phone has {row}");
    assert!(held < 64 * phones.len() * row / 5, "{held} bytes are not 64 copies of all phones");
}

#[test]
fn phones_that_change_or_go_while_an_event_is_told_leave_it_whole() {
    let mut bench = LiveBench::new();
    let phones: Vec<_> = (0..200).map(|number| phone(&mac(number), "seen", 0.0)).collect();
    bench.stands(&phones, &[]);
    let mut telling = bench.board.tell(None).unwrap();
    let mut event = Vec::new();
    for turn in 0.. {
        let Some(piece) = bench.board.piece(&mut telling) else { break };
        event.extend_from_slice(&piece);
        if turn == 1 {
            let (gone, changed) = (mac(63), phone(&mac(150), "done", 1.0));
            bench.stands(&[changed], &[&gone]);
        }
    }
    let text = String::from_utf8(event).unwrap();
    let data = text.trim_end().rsplit("data: ").next().unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["phones"].as_array().unwrap().len(), 200);
    assert_eq!(bench.told(Some(telling.step)).unwrap().0, "state", "everything is told again");
}
