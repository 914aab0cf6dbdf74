//! Shows a rehearsal: progress bars, then a table and a line of JSON.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use transload_phone::PhoneState;

use super::lineup::Player;
use crate::bench::views::phone::{PhoneView, Stage};

/// Phones above which there is one bar for all.
const BARS: usize = 24;
const STEPS: u64 = 1000;

/// Progress bars on a terminal; nothing elsewhere.
pub struct Bars {
    all: MultiProgress,
    lines: Vec<ProgressBar>,
    single: bool,
}

impl Bars {
    /// One bar for each phone, or one for all.
    pub fn new(players: &[Player]) -> Self {
        let target =
            if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let all = MultiProgress::with_draw_target(target);
        let single = players.len() > BARS;
        let style = ProgressStyle::with_template("{prefix:22} {bar:25} {wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = |prefix: String| {
            let bar = ProgressBar::new(STEPS).with_style(style.clone()).with_prefix(prefix);
            all.add(bar)
        };
        let lines = if single {
            vec![bar(format!("{} phones", players.len()))]
        } else {
            players.iter().map(|player| bar(format!("{} {}", player.spec.mac, player.spec.model))).collect()
        };
        Self { all, lines, single }
    }

    /// Shows the present state.
    pub fn update(&self, phones: &[(PhoneState, Option<&PhoneView>)]) {
        if self.single {
            let share: u64 = phones.iter().map(|(_, view)| position(*view)).sum();
            let count = |stage| {
                phones.iter().filter(|(_, view)| view.is_some_and(|view| view.stage == stage)).count()
            };
            if let Some(bar) = self.lines.first() {
                bar.set_position(share / phones.len().max(1) as u64);
                bar.set_message(format!(
                    "{} done, {} held, {} stuck",
                    count(Stage::Done),
                    count(Stage::Held),
                    count(Stage::Stuck)
                ));
            }
            return;
        }
        for ((state, view), bar) in phones.iter().zip(&self.lines) {
            bar.set_position(position(*view));
            bar.set_message(match view {
                Some(PhoneView { hold: Some(hold), .. }) => format!("held: {}", hold.cause),
                Some(PhoneView { stage: Stage::Done, .. }) => format!("done: {}", state.memory.load),
                _ => format!("{} {}", state.memory.load, state.doing),
            });
        }
    }

    /// Removes the bars.
    pub fn clear(&self) {
        // A closed terminal needs no clearing.
        let _ = self.all.clear();
    }
}

/// The progress on the whole route, in steps of the bar.
#[allow(clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "0 to 1000")]
fn position(view: Option<&PhoneView>) -> u64 {
    match view {
        Some(PhoneView { stage: Stage::Done, .. }) => STEPS,
        Some(view) if view.hops > 0 => {
            let within = (view.progress.clamp(0.0, 1.0) * STEPS as f64) as u64;
            (view.hop.saturating_sub(1) as u64 * STEPS + within) / view.hops as u64
        }
        _ => 0,
    }
}

/// The end of one phone.
#[derive(Debug)]
pub struct Ending {
    /// The phone.
    pub player: Player,
    /// Its true state.
    pub state: PhoneState,
    /// The appliance's view of it.
    pub view: Option<PhoneView>,
    /// The time when it ended, on the phones' clock.
    pub after: Option<Duration>,
    /// Restarts by hand on the appliance's order.
    pub restarts: u32,
    /// Errors.
    pub wrong: Vec<String>,
}

/// The last line of `--json`.
#[derive(Debug, Serialize)]
pub struct ScenarioSummary {
    /// `e2m/dhcp/dhcp`.
    pub scenario: String,
    /// The number of phones.
    pub phones: usize,
    /// Phones at their target.
    pub done: usize,
    /// Phones stopped on purpose.
    pub held: usize,
    /// Phones that do not get on.
    pub stuck: usize,
    /// Real time.
    pub seconds: f64,
    /// Bytes of firmware fetched.
    pub bytes: u64,
    /// Phones that did not end as they should, one line each.
    pub failures: Vec<String>,
}

/// Counts.
pub fn summary(scenario: String, endings: &[Ending], took: Duration) -> ScenarioSummary {
    let count = |stage| endings.iter().filter(|ending| stage_of(ending) == stage).count();
    let failures = endings.iter().flat_map(|ending| {
        let spec = &ending.player.spec;
        ending.wrong.iter().map(move |wrong| format!("{} {}: {wrong}", spec.mac, spec.model))
    });
    ScenarioSummary {
        scenario,
        phones: endings.len(),
        done: count(Stage::Done),
        held: count(Stage::Held),
        stuck: count(Stage::Stuck),
        seconds: (took.as_secs_f64() * 10.0).round() / 10.0,
        bytes: endings.iter().map(|ending| ending.state.bytes).sum(),
        failures: failures.collect(),
    }
}

fn stage_of(ending: &Ending) -> Stage {
    ending.view.as_ref().map_or(Stage::Absent, |view| view.stage)
}

/// A row for each phone.
pub fn rows(endings: &[Ending]) -> Vec<Vec<String>> {
    let row = |ending: &Ending| {
        let spec = &ending.player.spec;
        let seconds = ending.after.map(|after| after.as_secs());
        vec![
            spec.mac.to_string(),
            format!("{} V{:02}", spec.model, spec.vid),
            spec.load.to_string(),
            ending.state.memory.load.to_string(),
            ending.state.hops.len().to_string(),
            seconds.map_or_else(String::new, |seconds| format!("{}:{:02}", seconds / 60, seconds % 60)),
            result(ending),
        ]
    };
    endings.iter().map(row).collect()
}

fn result(ending: &Ending) -> String {
    let restarts = match ending.restarts {
        0 => String::new(),
        1 => ", restarted by hand once".to_owned(),
        count => format!(", restarted by hand {count} times"),
    };
    let hold = ending.view.as_ref().and_then(|view| view.hold.as_ref());
    match (ending.wrong.first(), hold) {
        (Some(wrong), _) => format!("FAILED: {wrong}"),
        (None, Some(hold)) => format!("{}: {}: {}", stage_of(ending), hold.code, hold.cause),
        (None, None) => format!("{}{restarts}", stage_of(ending)),
    }
}
