//! Checks whether the roster fills the placeholders of `[after]`.

use std::collections::BTreeMap;

use transload_provision::catalog::Catalog;
use transload_provision::load::Direction;
use transload_provision::mac::Mac;
use transload_provision::roster::Entry;
use transload_provision::settings::Settings;

use crate::system::error::Problem;

/// Phones that lack a column, by parameter and column.
type Lacking = BTreeMap<(String, String), Vec<Mac>>;

/// Models under `[after]` that the catalog does not know. No phone would get their parameters.
pub(super) fn unknown_models(settings: &Settings, catalog: &Catalog) -> Option<Problem> {
    let unknown = settings.after.models.keys().filter(|name| catalog.model(name).is_none());
    let asked: Vec<_> = unknown.map(|name| (name, catalog.question(name))).collect();
    let (name, first) = asked.first()?;
    let others = asked.len() - 1;
    let more = if others > 0 { format!(" (and {others} more)") } else { String::new() };
    let cause = format!("[after.model.{name}] is of no use: {}{more}", first.cause());
    Some(Problem::new(cause, "correct the name in the configuration, or describe the model in catalog.toml"))
}

/// Phones whose roster line lacks a column for a placeholder of `[after]`.
pub(super) fn unfilled(settings: &Settings, entries: &[Entry]) -> Option<Problem> {
    // Only Multiplatform phones take parameters, and CDA has its own.
    if settings.direction == Direction::M2e || settings.cda {
        return None;
    }
    let mut lacking = Lacking::new();
    for entry in entries {
        note(&mut lacking, settings, entry.mac, entry.model.as_deref(), Some(entry));
    }
    if entries.is_empty() {
        let models = settings.after.models.keys().map(|model| Some(model.as_str()));
        models.chain([None]).for_each(|model| note(&mut lacking, settings, Mac([0; 6]), model, None));
    }
    let line = |((name, column), macs): (&(String, String), &Vec<Mac>)| {
        let whom = || macs.iter().map(Mac::to_string).collect::<Vec<_>>().join(", ");
        match column.as_str() {
            column if entries.is_empty() => {
                format!("{name} needs column {column} of a roster, and there is none")
            }
            "" => format!(
                "{name} would be left out, because the roster's text fits into no profile: {}",
                whom()
            ),
            column => format!(
                "{name} would be left out, because column {column} of the roster is empty: {}",
                whom()
            ),
        }
    };
    let lines: Vec<String> = lacking.iter().map(line).collect();
    (!lines.is_empty()).then(|| {
        let cause = format!("finished phones would not be told all of [after]: {}", lines.join("; "));
        Problem::new(cause, "fill the columns in and import the roster again")
    })
}

fn note(lacking: &mut Lacking, settings: &Settings, mac: Mac, model: Option<&str>, entry: Option<&Entry>) {
    for (name, mut columns) in settings.after.parameters(mac, model, entry).unfilled {
        let unusable = columns.is_empty();
        // The phone itself tells its model.
        columns.retain(|column| column != "model");
        if unusable || !columns.is_empty() {
            lacking.entry((name, columns.join(", "))).or_default().push(mac);
        }
    }
}
