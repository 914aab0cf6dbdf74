//! Text as TOML, and messages about values of the wrong form.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::system::error::Problem;

/// No more mistakes than this are reported at once.
pub const MOST: usize = 20;

/// The text of a configuration and where it comes from, to say where something stands.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// What the user calls the file.
    pub file: &'a Path,
    /// Its content.
    pub text: &'a str,
}

impl Source<'_> {
    /// A problem with what stands at `span`.
    pub fn problem(&self, span: Range<usize>, cause: &str, cure: impl Into<String>) -> Problem {
        Problem::new(format!("{}: {cause}", self.place(span)), cure)
    }

    /// File and line of what stands at `span`.
    pub fn place(&self, span: Range<usize>) -> String {
        let before = self.text.get(..span.start).unwrap_or_default();
        let line = 1 + before.matches('\n').count();
        format!("{}:{line}", self.file.display())
    }

    /// What stands at `span`, shortened to its first line.
    fn quote(&self, span: Range<usize>) -> String {
        let text = self.text.get(span).unwrap_or_default().lines().next().unwrap_or_default();
        let mut quote: String = text.chars().take(60).collect();
        if quote.len() < text.len() {
            quote.push('…');
        }
        quote
    }
}

/// Reads the text as TOML.
///
/// # Errors
/// Each place that is not TOML.
pub fn table(source: Source<'_>) -> Result<DeTable<'_>, Vec<Problem>> {
    let (table, errors) = DeTable::parse_recoverable(source.text);
    if errors.is_empty() {
        return Ok(table.into_inner());
    }
    let problems = errors.iter().take(MOST).map(|error| {
        let span = error.span().unwrap_or_default();
        let line = source.text.get(..span.start).unwrap_or_default().lines().last().unwrap_or_default();
        let near = format!("{}{}", line.trim_start(), source.quote(span.start..source.text.len()));
        source.problem(
            span,
            &format!("this is not TOML: {} in `{near}`", error.message()),
            "write name = \"text\", name = 5 or name = [\"a\", \"b\"] under a [section]",
        )
    });
    Err(problems.collect())
}

/// Removes the innermost entry of a table that the span points at, so that the rest can be read. The result is the path
/// to it from `value`.
pub fn take_out(value: &mut Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<Vec<String>> {
    match value.get_mut() {
        DeValue::Table(table) => take_out_of(table, span),
        DeValue::Array(list) => list.iter_mut().find_map(|item| take_out(item, span)),
        _ => None,
    }
}

fn take_out_of(table: &mut DeTable<'_>, span: &Range<usize>) -> Option<Vec<String>> {
    let mut found = None;
    for (key, value) in table.iter_mut() {
        let name = key.get_ref().to_string();
        if let Some(mut path) = take_out(value, span) {
            path.insert(0, name);
            return Some(path);
        }
        let covers = |place: Range<usize>| place.start <= span.start && span.end <= place.end;
        if covers(key.span()) || covers(value.span()) {
            found = Some((key.clone(), name));
        }
    }
    let (key, name) = found?;
    table.remove(&key);
    Some(vec![name])
}

/// serde's message, as a technician can use it.
pub fn explain(source: Source<'_>, span: Range<usize>, key: &str, message: &str) -> Problem {
    let quote = source.quote(span.clone());
    if let Some((_, rest)) = message.split_once("unknown variant `") {
        let (name, rest) = rest.split_once("`, ").unwrap_or((rest, ""));
        let known: Vec<String> = rest.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        return source.problem(
            span,
            &format!("{key}: {quote} is not a possible value"),
            suggest(name, &known),
        );
    }
    let Some((_, wanted)) = message.rsplit_once(", expected ") else {
        return source.problem(
            span,
            &format!("{key}: {quote}: {message}"),
            "correct this value, or leave the key out",
        );
    };
    let wanted = match wanted {
        "a boolean" => "true or false",
        "a sequence" => "a list such as [\"a\", \"b\"]",
        "a map" => "a table such as { name = \"value\" }",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "a string" | "string or table" | "path string" => "text in quotes",
        other => other,
    };
    let what = wanted.split(" such as ").next().unwrap_or(wanted);
    source.problem(span, &format!("{key}: {quote} is not {what}"), format!("write {wanted}"))
}

/// The nearest known word, or all of them where none is near.
pub fn suggest(name: &str, known: &[String]) -> String {
    let nearest = known
        .iter()
        .map(|word| (strsim::damerau_levenshtein(&name.to_lowercase(), word), word))
        .min()
        .filter(|(distance, word)| *distance <= 1 + word.len() / 3);
    match nearest {
        Some((_, word)) => format!("did you mean `{word}`?"),
        None if known.is_empty() => "leave it out".to_owned(),
        None => format!("use one of {}", known.join(", ")),
    }
}
