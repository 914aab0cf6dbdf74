//! Reads product names from phones, labels, orders, inventories and people. Model names are taken apart here and
//! nowhere else. The module knows words, but no models.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::embedded;

/// The longest text read, in bytes.
const MAX_TEXT: usize = 200;
/// The longest word read, in bytes; longer words are not understood.
const MAX_WORD: usize = 32;

/// A product named by a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The number with the letters of its series: `8851`, `ATA191`, `SPA504G`.
    pub number: String,
    /// The variant within the number, sorted: `NR`.
    pub variants: Vec<&'static str>,
    /// The product was ordered with Multiplatform firmware, or runs it.
    pub multiplatform: bool,
    /// The text has the suffix of orders with encryption, `K9`.
    pub encryption: bool,
    /// The text names a part or an accessory.
    pub accessory: bool,
    /// Every word was understood.
    pub understood: bool,
}

impl Product {
    /// The model in one word: `8851NR`.
    pub fn model(&self) -> String {
        self.variants.iter().fold(self.number.clone(), |model, variant| model + variant)
    }

    /// True for a phone whose name was fully understood.
    pub fn is_phone(&self) -> bool {
        self.understood && !self.accessory
    }

    /// True for the 7800 and 8800 series. A phone of another series is never taken for one that can migrate.
    pub fn is_of_our_series(&self) -> bool {
        self.number.len() == 4 && ["78", "88"].iter().any(|series| self.number.starts_with(series))
    }
}

/// The product that a text names; `None` if it contains no product number. A text with several products is not
/// understood.
pub fn read(text: &str) -> Option<Product> {
    let text = text.trim_end_matches('\0');
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let end = (0..=text.len().min(MAX_TEXT)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let mut reading = Reading { strange: end < text.len(), ..Reading::default() };
    let words = text[..end].split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        let word = upper(word);
        if reading.word(&word) {
            continue;
        }
        // "no radio", "wall mount", "ATA 191".
        let both = words.peek().map(|next| format!("{word}{}", upper(next)));
        match both.filter(|both| reading.word(both)) {
            Some(_) => drop(words.next()),
            None => reading.not_understood(&word),
        }
    }
    reading.product()
}

/// The model that a text names, in one word: `8851NR` for `CP-8851-NR-K9=`. `None` if that is not certain.
pub fn canonical(text: &str) -> Option<String> {
    read(text).filter(Product::is_phone).map(|product| product.model())
}

/// True if two texts name one model.
pub fn is_same(one: &str, other: &str) -> bool {
    let key = |text: &str| canonical(text).unwrap_or_else(|| text.trim().to_ascii_uppercase());
    key(one) == key(other)
}

fn upper(word: &str) -> Cow<'_, str> {
    if !word.is_ascii() {
        Cow::Owned(word.to_uppercase())
    } else if word.bytes().any(|byte| byte.is_ascii_lowercase()) {
        Cow::Owned(word.to_ascii_uppercase())
    } else {
        Cow::Borrowed(word)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AffixKind {
    Other,
    Variant,
    Multiplatform,
    Encryption,
    Series,
    Mount,
    Accessory,
}

/// The certainty of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// The source says so.
    #[default]
    Confirmed,
    /// Concluded, or seen in one place outside Cisco.
    Likely,
}

impl Certainty {
    /// The source of a row, as text for people.
    pub fn cited(self, source: &str) -> String {
        match self {
            Self::Confirmed => source.to_owned(),
            Self::Likely => format!("{source}; likely, not confirmed"),
        }
    }
}

/// A row of the word table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Affix {
    kind: AffixKind,
    pub words: Vec<String>,
    #[serde(default)]
    means: Option<String>,
    #[serde(default)]
    pub tight: bool,
    #[allow(dead_code)] // for those who read the table
    pub source: String,
    #[allow(dead_code)]
    pub date: String,
    #[allow(dead_code)]
    pub certainty: Certainty,
}

#[derive(Deserialize)]
struct WordsFile {
    affix: Vec<Affix>,
}

/// The meaning of one word.
#[derive(Debug, Clone, Copy)]
struct WordMeaning {
    kind: AffixKind,
    variant: &'static str,
    tight: bool,
}

pub(super) fn affixes() -> &'static [Affix] {
    static AFFIXES: LazyLock<Vec<Affix>> =
        LazyLock::new(|| embedded::<WordsFile>(include_str!("../../catalog/names.toml")).affix);
    &AFFIXES
}

fn known(word: &str) -> Option<WordMeaning> {
    static WORDS: LazyLock<HashMap<&'static str, WordMeaning>> = LazyLock::new(|| {
        let rows = affixes().iter();
        let words = rows.flat_map(|row| row.words.iter().map(move |word| (word.as_str(), row)));
        let mut table: HashMap<&'static str, WordMeaning> = HashMap::new();
        for (word, row) in words {
            let tight = word.len() > 1 || row.tight || table.get(word).is_some_and(|known| known.tight);
            let variant = row.means.as_deref().unwrap_or(word);
            table.insert(word, WordMeaning { kind: row.kind, variant, tight });
        }
        table
    });
    WORDS.get(word).copied()
}

/// The parse so far.
#[derive(Default)]
struct Reading {
    number: Option<String>,
    several: bool,
    variants: Vec<&'static str>,
    /// The variants of the number's earlier occurrence.
    before: Option<Vec<&'static str>>,
    multiplatform: bool,
    encryption: bool,
    with: bool,
    mount: bool,
    accessory: bool,
    strange: bool,
}

/// A part of a word.
#[derive(Debug, Clone, Copy)]
enum Piece<'w> {
    Known(WordMeaning),
    Number(&'w str),
}

impl Reading {
    /// Takes in a word; returns false for an unknown word.
    fn word(&mut self, word: &str) -> bool {
        if let Some(found) = known(word).filter(|found| found.kind != AffixKind::Series) {
            self.with |= word == "WITH";
            self.known(found);
            return true;
        }
        if is_vid(word) {
            return true;
        }
        let mut division = Division { word, failed: 0, pieces: Vec::new() };
        if word.len() > MAX_WORD || !word.is_ascii() || !division.from(0) {
            return is_serial(word);
        }
        for piece in division.pieces {
            match piece {
                Piece::Known(found) => self.known(found),
                Piece::Number(number) => self.number(number),
            }
        }
        true
    }

    fn known(&mut self, word: WordMeaning) {
        match word.kind {
            AffixKind::Variant if !self.variants.contains(&word.variant) => self.variants.push(word.variant),
            AffixKind::Multiplatform => self.multiplatform = true,
            AffixKind::Encryption => self.encryption = true,
            AffixKind::Mount => self.mount = true,
            AffixKind::Accessory => self.accessory = true,
            AffixKind::Other | AffixKind::Variant | AffixKind::Series => {}
        }
    }

    /// A repeated number must have the same variants.
    fn number(&mut self, number: &str) {
        match &self.number {
            None => self.number = Some(number.to_owned()),
            Some(known) if known == number => {
                let variants = std::mem::take(&mut self.variants);
                self.several |=
                    self.before.replace(variants.clone()).is_some_and(|before| before != variants);
            }
            Some(_) => self.several = true,
        }
    }

    /// A number with an unknown suffix is still the subject of the text.
    fn not_understood(&mut self, word: &str) {
        self.strange = true;
        let digits = word.find(|c: char| c.is_ascii_digit()).map(|at| &word[at..]).unwrap_or_default();
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        if end >= 4 && self.number.is_none() {
            self.number(&digits[..4]);
        }
    }

    fn product(mut self) -> Option<Product> {
        self.variants.sort_unstable();
        if let Some(mut before) = self.before {
            before.sort_unstable();
            self.several |= before != self.variants;
        }
        let phone = self.encryption || self.multiplatform || self.with;
        Some(Product {
            number: self.number?,
            variants: self.variants,
            multiplatform: self.multiplatform,
            encryption: self.encryption,
            accessory: self.accessory || (self.mount && !phone),
            understood: !self.strange && !self.several,
        })
    }
}

/// `V05` is a hardware version and no part of the name.
fn is_vid(word: &str) -> bool {
    let digits = word.strip_prefix('V').unwrap_or_default();
    (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// `FCH2012ABCD`: site, year and week, and a number. It follows the product in a UDI.
fn is_serial(word: &str) -> bool {
    let two = |at: usize| word.get(at..at + 2).and_then(|digits| digits.parse::<u8>().ok());
    let made = |year, week| (5..=40).contains(&year) && (1..=53).contains(&week);
    word.len() == 11
        && word.bytes().take(3).all(|byte| byte.is_ascii_uppercase())
        && word.bytes().skip(3).take(4).all(|byte| byte.is_ascii_digit())
        && two(3).zip(two(5)).is_some_and(|(year, week)| made(year, week))
}

/// A compound word, split into a number and known words: `CP8851`, `8851NRK9`, `3PWNAK9`.
struct Division<'w> {
    word: &'w str,
    /// Bit set of the positions where no split starts.
    failed: u64,
    pieces: Vec<Piece<'w>>,
}

impl Division<'_> {
    /// Splits the rest from `start`. Neither a number nor a word ends within a run of digits.
    fn from(&mut self, start: usize) -> bool {
        let rest = &self.word[start..];
        if rest.is_empty() {
            return true;
        }
        let digit = |at: usize| self.word.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
        let within_digits = start > 0 && digit(start - 1) && digit(start);
        if within_digits || self.failed & (1 << start) != 0 {
            return false;
        }
        if start > 0 && is_vid(rest) {
            return true;
        }
        let number = number(rest).map(|end| (end, Piece::Number(&rest[..end])));
        let known = (1..=rest.len()).rev().filter_map(|end| {
            let found = known(&rest[..end]).filter(|found| found.tight && found.kind != AffixKind::Series)?;
            Some((end, Piece::Known(found)))
        });
        for (end, piece) in number.into_iter().chain(known) {
            self.pieces.push(piece);
            if self.from(start + end) {
                return true;
            }
            self.pieces.pop();
        }
        self.failed |= 1 << start;
        false
    }
}

/// The end of the number at the start of a word: four digits, or a series number with its letters.
fn number(word: &str) -> Option<usize> {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let letters = word.find(|c: char| c.is_ascii_digit())?;
    let series = letters > 0 && known(&word[..letters]).is_some_and(|found| found.kind == AffixKind::Series);
    let end = letters + digits(&word[letters..]);
    match (series, end - letters) {
        (false, 4) if letters == 0 => Some(end),
        // The trailing letters belong to the number: SPA504G, SPA525G2.
        (true, 2..=4) if word.starts_with("SPA") => Some(word.len()),
        (true, 2..=4) => Some(end),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
