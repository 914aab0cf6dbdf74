//! Where the program says what it does: for people on a terminal, for journald with its priorities, as JSON elsewhere.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, IsTerminal, Write, stderr};
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::FilterExt;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context, Filter, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};
use transload_provision::text::is_hidden;

/// Lines about one phone in a window of time; errors are always written.
const LINES: u32 = 50;
const WINDOW: Duration = Duration::from_secs(10);
/// Phones whose lines are counted.
const PHONES: usize = 8192;

/// Starts logging to standard error; `RUST_LOG` chooses what, `level` where it is absent or wrong.
pub fn start(level: &str) {
    let chosen = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let chosen = chosen.and(PerPhone::default());
    let lines = tracing_subscriber::fmt::layer::<Registry>().with_writer(|| Shown(stderr()));
    let json = || tracing_subscriber::fmt::format().json().flatten_event(true);
    let lines = if stderr().is_terminal() {
        lines.with_target(false).with_filter(chosen).boxed()
    } else if is_journal() {
        let lines = lines.fmt_fields(JsonFields::new()).event_format(Prioritized(json()));
        lines.with_filter(chosen).boxed()
    } else {
        lines.fmt_fields(JsonFields::new()).event_format(json()).with_filter(chosen).boxed()
    };
    // A second start, as in tests, keeps the first.
    _ = tracing_subscriber::registry().with(lines).try_init();
}

/// Whether standard error goes to journald, which then says where it listens (systemd.exec(5), `JOURNAL_STREAM`).
fn is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    std::fs::metadata("/proc/self/fd/2").is_ok_and(|end| stream == format!("{}:{}", end.dev(), end.ino()))
}

/// Lines that begin with their priority, as journald takes them (sd-daemon(3)).
struct Prioritized<F>(F);

impl<S, N, F> FormatEvent<S, N> for Prioritized<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "<{}>", priority(*event.metadata().level()))?;
        self.0.format_event(context, writer, event)
    }
}

fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

/// Leaves out what would change how a line is shown. Controls are escaped before they come here, apart from those that
/// color a line.
struct Shown<W>(W);

impl<W: Write> Write for Shown<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(octets) {
            Ok(text) if !text.is_ascii() => {
                let shown = |letter: &char| letter.is_control() || !is_hidden(*letter);
                self.0.write_all(text.chars().filter(shown).collect::<String>().as_bytes())?;
            }
            _ => self.0.write_all(octets)?,
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// One phone that does the same thing over and over does not fill the log.
#[derive(Default)]
struct PerPhone(Mutex<HashMap<String, (Instant, u32)>>);

impl PerPhone {
    fn admits(&self, mac: String, now: Instant) -> bool {
        let mut phones = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if phones.len() >= PHONES {
            phones.retain(|_, (began, _)| now.duration_since(*began) < WINDOW);
        }
        if phones.len() >= PHONES && !phones.contains_key(&mac) {
            return false;
        }
        let (began, lines) = phones.entry(mac).or_insert((now, 0));
        if now.duration_since(*began) >= WINDOW {
            (*began, *lines) = (now, 0);
        }
        *lines = lines.saturating_add(1);
        *lines <= LINES
    }
}

impl<S> Filter<S> for PerPhone {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        if *event.metadata().level() == Level::ERROR {
            return true;
        }
        let mut phone = Phone(None);
        event.record(&mut phone);
        phone.0.is_none_or(|mac| self.admits(mac, Instant::now()))
    }
}

/// The phone that a line is about.
struct Phone(Option<String>);

impl Visit for Phone {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "mac" {
            self.0 = Some(format!("{value:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_journal_gets_priorities_and_fields_and_no_phone_fills_it() {
        let lines = Lines::default();
        let to = lines.clone();
        let json = tracing_subscriber::fmt::format().json().flatten_event(true);
        let layer = tracing_subscriber::fmt::layer::<Registry>()
            .with_writer(move || Shown(to.clone()))
            .fmt_fields(JsonFields::new())
            .event_format(Prioritized(json))
            .with_filter(EnvFilter::new("info").and(PerPhone::default()));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            for _ in 0..1000 {
                tracing::info!(mac = %"001234AB45DE", hop = "1/2", "again");
                tracing::debug!(mac = %"001234AB45DE", "not asked for");
            }
            tracing::error!(mac = %"001234AB45DE", "errors are always said");
            tracing::warn!(mac = %"001234AB45DF", agent = "a\u{202e}b\u{1b}[2J", "another phone");
            tracing::info!("no phone");
        });
        let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(lines.lines().filter(|line| line.contains("again")).count(), LINES as usize, "{lines}");
        let last: Vec<&str> = lines.lines().rev().take(3).collect();
        let marks = ["<6>{", "<4>{", "<3>{"];
        assert!(last.iter().zip(marks).all(|(line, mark)| line.starts_with(mark)), "{last:?}");
        assert!(lines.contains(r#""mac":"001234AB45DE","hop":"1/2""#), "{lines}");
        assert!(lines.contains(r#""agent":"ab\u001b[2J""#), "{lines}");
    }

    #[test]
    fn made_up_phones_take_no_memory_and_a_window_ends() {
        let phones = PerPhone::default();
        let now = Instant::now();
        assert!((0..LINES).all(|_| phones.admits("a".into(), now)) && !phones.admits("a".into(), now));
        assert!(phones.admits("a".into(), now + WINDOW));
        for number in 0..2 * PHONES {
            phones.admits(number.to_string(), now + WINDOW);
        }
        assert!(phones.0.lock().unwrap().len() <= PHONES);
        assert!(phones.admits("b".into(), now + 2 * WINDOW));
    }
}
