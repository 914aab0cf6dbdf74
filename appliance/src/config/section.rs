//! A table of the configuration file while it is read: which keys it has, and what is wrong with them.
//!
//! It knows no key by itself. The files beside it declare theirs, and everything that depends on them is collected here.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::key::{Key, Same};
use super::reader::{MOST, Source, explain, suggest, take_out};
use super::template::Template;
use crate::system::error::Problem;

/// A table, in messages.
const SECTION: &str = "a section such as [section], or a table";

/// What reading the file brings besides the values.
#[derive(Default)]
pub struct Findings {
    /// Unknown keys and values of another form, each with its path, by which they are sorted.
    pub malformed: Vec<(Vec<String>, Problem)>,
    /// Values that cannot be used.
    pub problems: Vec<Problem>,
    /// Values that are used, and one thing that the user may not expect of each.
    pub warnings: Vec<String>,
    /// The file that `init` writes.
    pub template: Template,
    /// What `reload` refuses to change.
    pub at_restart: Vec<(String, Same)>,
}

impl Findings {
    fn append(&mut self, mut other: Self) {
        self.malformed.append(&mut other.malformed);
        self.problems.append(&mut other.problems);
        self.warnings.append(&mut other.warnings);
        self.template.append(other.template);
        self.at_restart.append(&mut other.at_restart);
    }
}

/// A table of the file.
pub struct Section<'a> {
    source: Source<'a>,
    /// The names that lead here, with the position in a list of tables.
    place: Vec<String>,
    /// The same for messages, without positions: `dhcp.class`.
    path: String,
    span: Range<usize>,
    table: DeTable<'a>,
    known: Vec<String>,
    spans: BTreeMap<&'static str, Range<usize>>,
    findings: Findings,
}

impl<'a> Section<'a> {
    fn new(
        source: Source<'a>,
        place: Vec<String>,
        path: String,
        span: Range<usize>,
        table: DeTable<'a>,
    ) -> Self {
        let (known, spans, findings) = (Vec::new(), BTreeMap::new(), Findings::default());
        Self { source, place, path, span, table, known, spans, findings }
    }

    /// Reads the whole file.
    pub fn file<T>(
        source: Source<'a>,
        table: DeTable<'a>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> (T, Findings) {
        let mut file = Self::new(source, Vec::new(), String::new(), 0..0, table);
        let value = read(&mut file);
        (value, file.end())
    }

    /// Declares a key.
    pub fn key<T: DeserializeOwned>(&mut self, name: &'static str) -> Key<'_, 'a, T> {
        Key::new(self, name)
    }

    /// Declares a section and reads it. `text` is the comment above it in the file of `init`.
    pub fn section<T>(&mut self, name: &str, text: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let value = self.remove(name).unwrap_or_else(|| Spanned::new(0..0, DeValue::Table(DeTable::new())));
        self.inner(&[name], None, value, |inner| {
            inner.findings.template.section(name, text);
            read(inner)
        })
    }

    /// Declares a list of tables and reads each. `example` shows it in the file of `init`.
    pub fn tables<T>(
        &mut self,
        name: &str,
        example: &str,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Vec<T> {
        self.show(example);
        let Some(value) = self.remove(name) else { return Vec::new() };
        let span = value.span();
        let DeValue::Array(tables) = value.into_inner() else {
            self.misfit(span, &[name], "a sequence");
            return Vec::new();
        };
        if let Some(strange) = tables.iter().find(|table| !table.get_ref().is_table()) {
            self.misfit(strange.span(), &[name], SECTION);
            return Vec::new();
        }
        let mut values = Vec::new();
        for (at, table) in tables.into_iter().enumerate() {
            values.extend(self.inner(&[name], Some(at), table, &mut read));
        }
        values
    }

    /// Declares a table of tables with names of the user's, and reads each.
    pub fn named_tables<T>(
        &mut self,
        name: &str,
        example: &str,
        mut read: impl FnMut(&mut Self, &Spanned<String>) -> Option<T>,
    ) -> Vec<T> {
        self.describe("", example);
        let Some(value) = self.remove(name) else { return Vec::new() };
        let span = value.span();
        let DeValue::Table(tables) = value.into_inner() else {
            self.misfit(span, &[name], "a map");
            return Vec::new();
        };
        let mut values = Vec::new();
        for (key, table) in tables {
            let key = Spanned::new(key.span(), key.into_inner().into_owned());
            values.extend(self.inner(&[name, key.get_ref()], None, table, |inner| read(inner, &key)));
        }
        values
    }

    fn inner<T>(
        &mut self,
        names: &[&str],
        at: Option<usize>,
        value: Spanned<DeValue<'a>>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let span = value.span();
        let table = if let DeValue::Table(table) = value.into_inner() {
            table
        } else {
            self.misfit(span.clone(), names, SECTION);
            DeTable::new()
        };
        let mut place = self.place_of(names);
        place.extend(at.map(|at| format!("{at:09}")));
        let mut inner = Self::new(self.source, place, self.path_of(&names.join(".")), span, table);
        let value = read(&mut inner);
        self.findings.append(inner.end());
        value
    }

    /// Refuses the keys that nothing has declared.
    fn end(mut self) -> Findings {
        for (key, _) in std::mem::take(&mut self.table) {
            let name = key.get_ref();
            let cause = format!("{}: there is no key `{name}` here", self.path_of(name));
            let problem = self.source.problem(key.span(), &cause, suggest(name, &self.known));
            self.findings.malformed.push((self.place_of(&[name]), problem));
        }
        self.findings
    }

    fn remove(&mut self, name: &str) -> Option<Spanned<DeValue<'a>>> {
        self.known.push(name.to_owned());
        self.table.remove(name)
    }

    /// The value of a key, and where it is written. Each mistake inside of it is noted.
    pub(super) fn take<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<(T, Range<usize>)> {
        let mut value = self.remove(name)?;
        self.spans.insert(name, value.span());
        loop {
            let error = match T::deserialize(ValueDeserializer::from(value.clone())) {
                Ok(read) => return Some((read, value.span())),
                Err(error) => error,
            };
            let span = error.span().unwrap_or_default();
            let inner = take_out(&mut value, &span);
            let names: Vec<&str> =
                [name].into_iter().chain(inner.iter().flatten().map(String::as_str)).collect();
            self.malformed(span, &names, error.message());
            if inner.is_none() || self.findings.malformed.len() >= MOST {
                return None;
            }
        }
    }

    /// Notes a value of another form than `wanted`.
    pub fn misfit(&mut self, span: Range<usize>, names: &[&str], wanted: &str) {
        self.malformed(span, names, &format!("misfit, expected {wanted}"));
    }

    /// Refuses the name of the table itself, and does not look at its keys.
    pub fn misnamed(&mut self, span: Range<usize>, wanted: &str) {
        self.misfit(span, &[], wanted);
        self.table.clear();
    }

    /// Notes a value that serde refused with a message.
    fn malformed(&mut self, span: Range<usize>, names: &[&str], message: &str) {
        let problem = explain(self.source, span, &self.path_of(&names.join(".")), message);
        // Mistakes inside of one value stay in the order in which they were found.
        self.findings.malformed.push((self.place_of(names.get(..1).unwrap_or_default()), problem));
    }

    /// Notes a value that cannot be used.
    pub fn problem(&mut self, span: Range<usize>, cause: &str, cure: impl Into<String>) {
        self.findings.problems.push(self.source.problem(span, cause, cure));
    }

    /// Notes something that the user may not expect.
    pub fn warn(&mut self, warning: String) {
        self.findings.warnings.push(warning);
    }

    /// Makes `reload` refuse a change of `what`.
    pub fn at_restart(&mut self, what: &str, same: Same) {
        self.findings.at_restart.push((what.to_owned(), same));
    }

    /// Shows a key in the file of `init`, save those of tables, which have an example.
    pub(super) fn describe(&mut self, text: &str, line: &str) {
        self.findings.template.key(text, line);
    }

    /// Shows a table in the file of `init`, in a block of its own.
    pub(super) fn show(&mut self, example: &str) {
        self.findings.template.block(example);
    }

    /// The name of the table in messages, such as `dhcp.class`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The name of a key with its section, as messages have it.
    pub fn path_of(&self, name: &str) -> String {
        let names = [self.path.as_str(), name];
        names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(".")
    }

    fn place_of(&self, names: &[&str]) -> Vec<String> {
        self.place.iter().cloned().chain(names.iter().map(|name| (*name).to_owned())).collect()
    }

    /// Where the table is written.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Where the value of a key is written, if it is.
    pub fn span_of(&self, name: &str) -> Option<Range<usize>> {
        self.spans.get(name).cloned()
    }

    /// File and line of the table.
    pub fn line(&self) -> String {
        self.source.place(self.span())
    }
}
