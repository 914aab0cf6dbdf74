//! Problems and warnings that validation finds, and checks that several sections share.

use std::ops::Range as Bytes;
use std::time::Duration;

use toml::Spanned;

use super::reader::Source;
use super::values::{Prefix, Text, has_host};
use crate::system::error::Problem;
use crate::system::program;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What was found on the way.
pub(super) struct Findings<'a> {
    pub(super) source: Source<'a>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

impl Findings<'_> {
    /// Notes a problem with what stands at `span`.
    pub(super) fn problem(&mut self, span: Bytes<usize>, cause: &str, cure: impl Into<String>) {
        self.problems.push(self.source.problem(span, cause, cure));
    }

    /// File and line of what stands at `span`.
    pub(super) fn place(&self, span: Bytes<usize>) -> String {
        self.source.place(span)
    }

    /// Notes it where this can be no interface's name.
    pub(super) fn interface(&mut self, name: &Spanned<String>, key: &str) {
        let valid = |name: &str| (1..16).contains(&name.len()) && !name.contains(['/', ' ', '\0', '\n']);
        if !valid(name.get_ref()) {
            self.problem(
                name.span(),
                &format!("{key}: {:?} is no interface's name", name.get_ref()),
                "write a name that `ip link` shows",
            );
        }
    }

    /// Notes it where this can be no address of the box.
    pub(super) fn own_address(&mut self, address: &Spanned<Text<Prefix>>, key: &str) {
        let Text(prefix) = *address.get_ref();
        if !(8..=30).contains(&prefix.prefix_len()) || !has_host(prefix, prefix.addr()) {
            self.problem(
                address.span(),
                &format!("{key}: {prefix} is not a host's address in a network with room for phones"),
                r#"write the box's own address, such as "10.23.45.67/24""#,
            );
        }
    }

    /// A program with its arguments, which may hold these placeholders.
    pub(super) fn program(
        &mut self,
        written: Option<Spanned<Vec<String>>>,
        key: &str,
        known: &[&str],
    ) -> Vec<String> {
        let Some(spanned) = written else { return Vec::new() };
        let names = program::placeholders(spanned.get_ref());
        if let Some(name) = names.into_iter().find(|name| !known.contains(name)) {
            let all = known.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", ");
            self.problem(
                spanned.span(),
                &format!("{key}: nothing is known to put in the place of {{{name}}}"),
                format!("write {all}"),
            );
        }
        let program = spanned.get_ref().get(..1).unwrap_or_default();
        if !program::placeholders(program).is_empty() {
            self.problem(
                spanned.span(),
                &format!("{key}: the program itself is a placeholder"),
                "write the path of the program",
            );
        }
        if let Some(name) = program::in_script(spanned.get_ref()) {
            self.problem(
                spanned.span(),
                &format!("{key}: whatever {{{name}}} holds would be run as part of the script"),
                format!(r#"hand it over as an argument: ["/bin/sh", "-c", "… \"$1\"", "sh", "{{{name}}}"]"#),
            );
        }
        spanned.into_inner()
    }

    /// A span of time within bounds, or the default.
    pub(super) fn span(
        &mut self,
        written: Option<&Spanned<Text<Duration>>>,
        key: &str,
        default: Duration,
    ) -> Duration {
        let Some(spanned) = written else { return default };
        let Text(value) = *spanned.get_ref();
        if value < Duration::from_secs(1) || value > 365 * DAY {
            self.problem(
                spanned.span(),
                &format!("{key} is shorter than a second or longer than a year"),
                format!("write a time between, or leave it out for {} s", default.as_secs()),
            );
            return default;
        }
        value
    }

    pub(super) fn port(&mut self, written: Option<&Spanned<u16>>, key: &str, default: u16) -> u16 {
        let Some(spanned) = written else { return default };
        if *spanned.get_ref() == 0 {
            self.problem(
                spanned.span(),
                &format!("{key} = 0 is no port"),
                format!("write a port such as {default}"),
            );
        }
        *spanned.get_ref()
    }
}
