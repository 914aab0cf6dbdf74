//! One key of the configuration, declared in one place: name, text for `init`, check, default, and whether `reload`
//! takes it.
//!
//! A declaration is a chain that begins with [`Section::key`] and ends with the method that returns the value.

use std::ops::Range;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Config;
use super::section::Section;
use super::values::Text;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Compares one setting of two configurations.
pub type Same = fn(&Config, &Config) -> bool;

/// What is wrong with a value, and one thing to do.
pub struct Mistake {
    /// The sentence after the key and a colon.
    pub cause: String,
    /// One thing to do.
    pub cure: String,
}

impl Mistake {
    /// A mistake in a value.
    pub fn new(cause: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { cause: cause.into(), cure: cure.into() }
    }
}

/// A key with the value that the file has for it, if any.
pub struct Key<'s, 'a, T> {
    section: &'s mut Section<'a>,
    name: &'static str,
    text: &'static str,
    written: Option<(T, Range<usize>)>,
}

impl<'s, 'a, T: DeserializeOwned> Key<'s, 'a, T> {
    pub(super) fn new(section: &'s mut Section<'a>, name: &'static str) -> Self {
        let written = section.take(name);
        Self { section, name, text: "", written }
    }

    /// The comment above the key in the file of `init`, line by line.
    pub fn text(self, text: &'static str) -> Self {
        Self { text, ..self }
    }

    /// Makes `reload` refuse another value. Without it, `reload` takes the key.
    pub fn at_restart(self, same: Same) -> Self {
        self.section.at_restart(&self.section.path_of(self.name), same);
        self
    }

    /// Refuses a value for which `holds` is false. The message is the key and `cause`.
    pub fn require(mut self, holds: impl FnOnce(&T) -> bool, cause: &str, cure: impl Into<String>) -> Self {
        if let Some((_, span)) = self.written.take_if(|(value, _)| !holds(value)) {
            let cause = format!("{} {cause}", self.section.path_of(self.name));
            self.section.problem(span, &cause, cure);
        }
        self
    }

    /// Refuses a value with mistakes.
    pub fn check<M: IntoIterator<Item = Mistake>>(mut self, mistakes: impl FnOnce(&T) -> M) -> Self {
        let Some((value, span)) = &self.written else { return self };
        let mut wrong = false;
        for mistake in mistakes(value) {
            let cause = format!("{}: {}", self.section.path_of(self.name), mistake.cause);
            self.section.problem(span.clone(), &cause, mistake.cure);
            wrong = true;
        }
        if wrong {
            self.written = None;
        }
        self
    }

    /// The value, or its default.
    pub fn or(self, default: T) -> T
    where
        T: Serialize,
    {
        let shown = toml::Value::try_from(&default).map(|value| value.to_string()).unwrap_or_default();
        self.section.describe(self.text, &format!("{} = {shown}", self.name));
        self.get().unwrap_or(default)
    }

    /// The value of a key without a default. `init` shows an example of it.
    pub fn optional(self, example: &str) -> Option<T> {
        self.section.describe(self.text, &format!("#{} = {example}", self.name));
        self.get()
    }

    /// The value of a key that is a table. `init` shows an example with its header.
    pub fn table(self, example: &str) -> Option<T> {
        self.section.show(example);
        self.get()
    }

    /// The value of a key that the example of its table shows.
    pub fn get(self) -> Option<T> {
        self.written.map(|(value, _)| value)
    }
}

impl Key<'_, '_, u16> {
    /// A port.
    pub fn port(self, default: u16) -> u16 {
        self.require(|port| *port != 0, "= 0 is no port", format!("write a port such as {default}"))
            .or(default)
    }
}

impl Key<'_, '_, Text<Duration>> {
    /// A time from a second to a year.
    pub fn duration(self, default: Duration) -> Duration {
        self.limited(default).or(Text(default)).0
    }

    /// Refuses a time under a second or over a year. `default` is what applies without the key.
    pub fn limited(self, default: Duration) -> Self {
        self.require(
            |Text(time)| (Duration::from_secs(1)..=365 * DAY).contains(time),
            "is shorter than a second or longer than a year",
            format!("write a time between, or leave it out for {} s", default.as_secs()),
        )
    }
}
