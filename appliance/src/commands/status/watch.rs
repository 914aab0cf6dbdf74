//! `transload status --watch` in a terminal: redrawn in place, in the window's size, until interrupted. What was on the
//! screen before is there again afterwards.

use std::fmt::Write as _;
use std::io::{Write, stdout};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinError, JoinHandle};

use super::show::Paper;
use super::{Seen, look};
use crate::commands::cli::StatusArgs;
use crate::config::Config;
use crate::system::error::{Exit, Failure};

/// Between two looks at the phones.
const PAUSE: Duration = Duration::from_secs(1);

/// Another screen, without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// Terminals that know these show a frame at once; others take no notice.
const BEGIN_FRAME: &str = "\x1b[?2026h\x1b[H";
const END_FRAME: &str = "\x1b[J\x1b[?2026l";

/// Shows the phones until interrupted.
///
/// # Errors
/// The terminal cannot be used.
pub(super) fn watch(config: &Config, args: &StatusArgs) -> Result<(), Failure> {
    let no_terminal = |error: std::io::Error| {
        let cause = format!("the terminal cannot be watched in: {error}");
        Failure::new(Exit::Act, cause, "run it without --watch")
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_terminal)?;
    let ended = runtime.block_on(frames(config, args));
    // A look that is under way is not waited for.
    runtime.shutdown_background();
    ended.map_err(no_terminal)
}

async fn frames(config: &Config, args: &StatusArgs) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut resized = signal(SignalKind::window_change())?;
    let _screen = Screen::enter()?;
    let mut latest: Option<Result<Seen, Failure>> = None;
    let mut due = tokio::time::interval(PAUSE);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut under_way = None;
    loop {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = resized.recv() => {}
            _ = due.tick(), if under_way.is_none() => {
                let (config, args) = (config.clone(), args.clone());
                under_way = Some(tokio::task::spawn_blocking(move || look(&config, &args)));
                continue;
            }
            looked = finished(&mut under_way) => {
                under_way = None;
                latest = Some(looked.map_err(std::io::Error::other)?);
            }
        }
        if let Some(latest) = &latest {
            draw(latest)?;
        }
    }
}

/// Until the look that is under way is over; for ever where there is none.
async fn finished<T>(under_way: &mut Option<JoinHandle<T>>) -> Result<T, JoinError> {
    match under_way {
        Some(look) => look.await,
        None => std::future::pending().await,
    }
}

fn draw(latest: &Result<Seen, Failure>) -> std::io::Result<()> {
    let (columns, lines) =
        terminal_size::terminal_size().map_or((80, 24), |(width, height)| (width.0, height.0));
    // Writing into the last column leaves terminals at odds about where the next character goes.
    let width = usize::from(columns).saturating_sub(1).max(1);
    let height = usize::from(lines).max(1);
    let text = match latest {
        Ok(seen) => {
            let paper = Paper { width: Some(width), height: Some(height) };
            seen.text(paper)
        }
        Err(failure) => format!("{failure}\n"),
    };
    let mut frame = BEGIN_FRAME.to_owned();
    for (at, line) in text.lines().take(height).enumerate() {
        let line: String = line.chars().take(width).collect();
        let _ = write!(frame, "{}{line}\x1b[K", if at > 0 { "\r\n" } else { "" });
    }
    frame.push_str(END_FRAME);
    stdout().write_all(frame.as_bytes()).and_then(|()| stdout().flush())
}

/// Gives the terminal back however this ends.
struct Screen;

impl Screen {
    fn enter() -> std::io::Result<Self> {
        stdout().write_all(ENTER.as_bytes()).and_then(|()| stdout().flush())?;
        Ok(Self)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = stdout().write_all(LEAVE.as_bytes()).and_then(|()| stdout().flush());
    }
}
