//! Which model a text names, and what to ask where it names none.

use super::{Catalog, Model, name};
use crate::load::Side;
use crate::text;

/// What a text is found to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// This model.
    Model(&'a Model),
    /// A part or an accessory, of this model where that is known.
    Accessory(Option<&'a Model>),
    /// A product that no row describes; the nearest one that is described.
    Unknown(Option<&'a Model>),
    /// No product.
    Nothing,
}

/// What is asked where a text names no model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// It names a part or an accessory.
    Accessory {
        /// The text.
        text: String,
        /// The model that it belongs to.
        model: Option<String>,
    },
    /// No row describes the product that it names.
    NotDescribed {
        /// The text.
        text: String,
        /// The model with the nearest name.
        nearest: Option<String>,
    },
    /// It names no product.
    NoModel {
        /// The text.
        text: String,
    },
}

impl Question {
    /// What is not known, in a clause.
    pub fn cause(&self) -> String {
        match self {
            Self::Accessory { text, .. } => format!("{text} is a part or an accessory, and no phone"),
            Self::NotDescribed { text, nearest: Some(model) } => {
                format!("model {text} is not in the catalog; the nearest name is {model}")
            }
            Self::NotDescribed { text, nearest: None } => format!("model {text} is not in the catalog"),
            Self::NoModel { text } => format!("{text} names no model"),
        }
    }
}

impl Catalog {
    /// The model that a text names, in any spelling: `8851`, `CP-8851-K9=`, `Cisco 8851`, `8851-3PCC`. `None` where it
    /// names none for certain.
    pub fn model(&self, text: &str) -> Option<&Model> {
        match self.lookup(text) {
            Lookup::Model(model) => Some(model),
            _ => None,
        }
    }

    /// What a text names.
    pub fn lookup(&self, text: &str) -> Lookup<'_> {
        if let Some(model) = self.models.iter().find(|model| model.name.eq_ignore_ascii_case(text.trim())) {
            return Lookup::Model(model);
        }
        if let Some(model) = self.numbered(text.trim()) {
            return Lookup::Model(model);
        }
        let Some(product) = name::read(text) else { return Lookup::Nothing };
        let model = product.model();
        match self.by_name.get(&model).and_then(|at| self.models.get(*at)) {
            found if product.accessory => Lookup::Accessory(found),
            Some(found) if product.understood => Lookup::Model(found),
            Some(found) => Lookup::Unknown(Some(found)),
            None => Lookup::Unknown(self.nearest(&model)),
        }
    }

    /// The model by a call manager's number for it, `684` or `36232`, as RIS and its database tell it. Four digits are a
    /// name.
    fn numbered(&self, text: &str) -> Option<&Model> {
        let number = text.len() != 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        number.then(|| text.parse().ok()).flatten().and_then(|id| self.model_by_id(id))
    }

    /// The side of the firmware that a phone was bought with, where its order number tells: `CP-8851-K9` or
    /// `CP-8851-3PCC-K9`.
    pub fn born(text: &str) -> Option<Side> {
        let product = name::read(text).filter(name::Product::is_phone)?;
        // What a phone fills in for $PSN, 8851-3PCC, tells what it runs, and not what it was bought with.
        let side = if product.multiplatform { Side::Multiplatform } else { Side::Enterprise };
        product.encryption.then_some(side)
    }

    /// The name that the catalog has for the model, or else the text itself; `None` where it names no product.
    pub fn named(&self, text: &str) -> Option<String> {
        match self.lookup(text) {
            Lookup::Nothing => None,
            Lookup::Model(model) => Some(model.name.clone()),
            Lookup::Accessory(_) | Lookup::Unknown(_) => Some(shown(text)),
        }
    }

    /// What to ask about a text that [`Self::model`] finds no model for.
    pub fn question(&self, text: &str) -> Question {
        let text = shown(text);
        let name = |model: &Model| model.name.clone();
        match self.lookup(&text) {
            Lookup::Accessory(model) => Question::Accessory { model: model.map(name), text },
            Lookup::Unknown(nearest) => Question::NotDescribed { nearest: nearest.map(name), text },
            Lookup::Model(_) | Lookup::Nothing => Question::NoModel { text },
        }
    }

    /// The model whose name is most like this one; one that can migrate before one that cannot.
    fn nearest(&self, name: &str) -> Option<&Model> {
        /// More letters than this apart, names are not alike.
        const FAR: usize = 2;
        let apart = |model: &Model| distance(&model.name.to_ascii_uppercase(), name);
        let nearest = self.models.iter().min_by_key(|model| (apart(model), model.family.is_none()))?;
        (apart(nearest) <= FAR).then_some(nearest)
    }
}

/// A text from outside, as it may be repeated.
fn shown(text: &str) -> String {
    text::line(text).trim().chars().take(40).collect()
}

/// How many letters have to be changed, added, taken out or exchanged with the next.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().take(40).collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.iter().enumerate() {
        let mut this = vec![row + 1];
        for (column, wanted) in other.iter().enumerate() {
            let change = last[column] + usize::from(letter != wanted);
            let mut least = change.min(last[column + 1] + 1).min(this[column] + 1);
            let exchanged = row > 0 && column > 0 && one[row - 1] == *wanted && *letter == other[column - 1];
            if exchanged {
                least = least.min(before[column - 1] + 1);
            }
            this.push(least);
        }
        before = std::mem::replace(&mut last, this);
    }
    last.last().copied().unwrap_or_default()
}
