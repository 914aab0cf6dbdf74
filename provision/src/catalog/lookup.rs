//! Finds the model that a text names, or the question to ask if it names none.

use super::{Catalog, Model, name};
use crate::load::Side;
use crate::text;

/// The result of a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// A model.
    Model(&'a Model),
    /// A part or accessory, with its model if known.
    Accessory(Option<&'a Model>),
    /// A product without a row, with the nearest model that has one.
    Unknown(Option<&'a Model>),
    /// No product.
    Nothing,
}

/// The question about a text that names no model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// The text names a part or an accessory.
    Accessory {
        /// The text.
        text: String,
        /// The model it belongs to.
        model: Option<String>,
    },
    /// No row describes the product.
    NotDescribed {
        /// The text.
        text: String,
        /// The model with the nearest name.
        nearest: Option<String>,
    },
    /// The text names no product.
    NoModel {
        /// The text.
        text: String,
    },
}

impl Question {
    /// The unknown, as a clause.
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
    /// The model that a text names, in any spelling: `8851`, `CP-8851-K9=`, `Cisco 8851`, `8851-3PCC`. `None` if that
    /// is not certain.
    pub fn model(&self, text: &str) -> Option<&Model> {
        match self.lookup(text) {
            Lookup::Model(model) => Some(model),
            _ => None,
        }
    }

    /// Looks a text up.
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

    /// The model by a call manager's number for it, such as `684` or `36232` (RIS and its database). Four digits are
    /// a name.
    fn numbered(&self, text: &str) -> Option<&Model> {
        let number = text.len() != 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        number.then(|| text.parse().ok()).flatten().and_then(|id| self.model_by_id(id))
    }

    /// The side of the firmware that a phone was bought with, if its order number tells: `CP-8851-K9` or
    /// `CP-8851-3PCC-K9`.
    pub fn born(text: &str) -> Option<Side> {
        let product = name::read(text).filter(name::Product::is_phone)?;
        // A phone's $PSN, such as 8851-3PCC, tells the present firmware, not the one it was bought with.
        let side = if product.multiplatform { Side::Multiplatform } else { Side::Enterprise };
        product.encryption.then_some(side)
    }

    /// The catalog's name of the model, else the text itself; `None` if it names no product.
    pub fn named(&self, text: &str) -> Option<String> {
        match self.lookup(text) {
            Lookup::Nothing => None,
            Lookup::Model(model) => Some(model.name.clone()),
            Lookup::Accessory(_) | Lookup::Unknown(_) => Some(shown(text)),
        }
    }

    /// The question about a text for which [`Self::model`] finds no model.
    pub fn question(&self, text: &str) -> Question {
        let text = shown(text);
        let name = |model: &Model| model.name.clone();
        match self.lookup(&text) {
            Lookup::Accessory(model) => Question::Accessory { model: model.map(name), text },
            Lookup::Unknown(nearest) => Question::NotDescribed { nearest: nearest.map(name), text },
            Lookup::Model(_) | Lookup::Nothing => Question::NoModel { text },
        }
    }

    /// The model with the most similar name; models that can migrate go first.
    fn nearest(&self, name: &str) -> Option<&Model> {
        /// Names further apart than this number of letters are not similar.
        const FAR: usize = 2;
        let apart = |model: &Model| distance(&model.name.to_ascii_uppercase(), name);
        let nearest = self.models.iter().min_by_key(|model| (apart(model), model.family.is_none()))?;
        (apart(nearest) <= FAR).then_some(nearest)
    }
}

/// Outside text, fit for a message.
fn shown(text: &str) -> String {
    text::line(text).trim().chars().take(40).collect()
}

/// The number of letters to change, add, remove or swap.
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
