//! What is wrong with a user's rows, for the user.

use super::Model;

/// A user's rows cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {cause}; {cure}")]
pub struct CatalogError {
    /// The line in the file, from 1.
    pub line: usize,
    /// What is wrong.
    pub cause: String,
    /// What to write instead.
    pub cure: String,
}

/// Not TOML, or not rows of a catalog.
pub(super) fn syntax(text: &str, error: &toml::de::Error) -> CatalogError {
    let at = error.span().map_or(0, |span| span.start);
    let message = error.message().lines().next().unwrap_or_default();
    // serde writes each error in one of these forms.
    let (cause, cure) = match message.split_once(", expected ") {
        Some((cause, expected)) => (cause, format!("write {}", expected.replace('`', ""))),
        None if message.starts_with("missing field") => {
            (message, "add it to the row; every row needs it".to_owned())
        }
        None => (message, "correct it, or take the row out".to_owned()),
    };
    CatalogError { line: line_at(text, at), cause: cause.replace('`', "\""), cure }
}

/// A row about a model that no row describes.
pub(super) fn undescribed(text: &str, name: &str) -> CatalogError {
    let quoted = [format!("\"{name}\""), format!("'{name}'")];
    let at = quoted.iter().find_map(|quoted| text.find(quoted.as_str())).unwrap_or(0);
    CatalogError {
        line: line_at(text, at),
        cause: format!("no [[model]] row describes {name:?}"),
        cure: "add one with name, id and family, or correct the name".to_owned(),
    }
}

/// Two models with one number.
pub(super) fn doubled(text: &str, one: &Model, other: &Model) -> CatalogError {
    let id = one.id.unwrap_or_default();
    let at = text.find(&id.to_string()).unwrap_or(0);
    CatalogError {
        line: line_at(text, at),
        cause: format!("the models {} and {} have the same id {id}", other.name, one.name),
        cure: "write the number that the call manager has for it, as in loadInformation684".to_owned(),
    }
}

fn line_at(text: &str, at: usize) -> usize {
    1 + text.get(..at).unwrap_or_default().matches('\n').count()
}
