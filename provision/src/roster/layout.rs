//! Where a table's columns are: by the names in its header, and by content where no name tells who is meant.

use std::net::Ipv4Addr;

use super::cell::{Owner, clean, clearly_a_phone, owner, told};
use super::columns::{Found, MEANINGS, Meaning, NAMES, find, squeeze};
use super::decode::BEGINNING;
use super::grid::{Grid, MAX_COLUMNS, Row};
use crate::catalog::Vid;
use crate::catalog::name::{self, Product};
use crate::load::LoadName;

/// Rows by whose content a column without a telling name is found.
const SAMPLE: usize = 1000;

/// A table's header, and what its columns mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// The columns' names, from the leftmost on.
    pub names: Vec<String>,
    /// The columns of each [`Meaning`], the one that counts first in front.
    known: [Vec<Place>; NAMES.len()],
    /// The first row below the header.
    pub first: usize,
    /// The header's line; none where there is none.
    pub header: Option<u64>,
    /// Other programs name columns so.
    pub export: bool,
    /// The column in which MAC addresses were found by content.
    pub found_by_content: Option<usize>,
    /// The column in which models were found by content.
    pub models_by_content: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    at: usize,
    /// Only values of the right form count.
    form: bool,
}

impl Layout {
    /// Looks for the header, and for the column that tells the phones. `None` where no column does.
    pub(super) fn of(grid: &Grid) -> Option<Self> {
        let mut layout = match header(grid) {
            Some(at) => Self::named(grid, at),
            None => Self::unnamed(grid),
        }?;
        layout.models_by_content = layout.models_column(grid);
        if let Some(at) = layout.models_by_content {
            layout.known[Meaning::Model as usize].push(Place { at, form: true });
        }
        Some(layout)
    }

    /// The first column without a meaning in which every filled cell of a phone names a model, where a phone has none.
    fn models_column(&self, grid: &Grid) -> Option<usize> {
        let phone = |row: &&Row| matches!(self.owner(row), Owner::Phone(_));
        let phones: Vec<&Row> = grid.rows.iter().skip(self.first).take(SAMPLE).filter(phone).collect();
        if phones.iter().all(|row| self.cell(row, Meaning::Model).is_some()) {
            return None;
        }
        let width = phones.iter().map(|row| row.cells.len()).max()?.min(MAX_COLUMNS);
        let free = |at: &usize| !self.known.iter().flatten().any(|place| place.at == *at);
        (0..width).filter(free).find(|at| {
            let cells = phones.iter().filter_map(|row| row.cells.get(*at)).map(|cell| clean(cell));
            let mut cells = cells.filter(|cell| told(cell).is_some()).peekable();
            cells.peek().is_some() && cells.all(|cell| clearly_a_model(&cell))
        })
    }

    fn named(grid: &Grid, at: usize) -> Option<Self> {
        let row = grid.rows.get(at)?;
        let mut layout = Self { first: at + 1, header: Some(row.line), ..Self::default() };
        layout.names = row.cells.iter().map(|cell| clean(cell)).collect();
        let mut found: Vec<(Found, usize)> =
            layout.names.iter().enumerate().filter_map(|(at, name)| Some((find(name)?, at))).collect();
        let export = found.iter().any(|(found, _)| found.export);
        layout.export = export;
        found.retain(|(found, _)| !(export && found.own_table_only));
        found.sort_by_key(|(found, at)| (found.rank, *at));
        for (found, at) in found {
            layout.known[found.meaning as usize].push(Place { at, form: found.form });
        }
        let tells = |row: &Row| !matches!(layout.owner(row), Owner::Neither { .. });
        if !grid.rows.iter().skip(layout.first).take(SAMPLE).any(tells)
            && let Some(at) = phones_column(grid, layout.first)
        {
            layout.known[Meaning::Mac as usize].insert(0, Place { at, form: true });
            layout.found_by_content = Some(at);
        }
        (!layout.known[Meaning::Mac as usize].is_empty()).then_some(layout)
    }

    fn unnamed(grid: &Grid) -> Option<Self> {
        let first =
            grid.rows.iter().take(BEGINNING).position(|row| row.cells.iter().any(|cell| is_phone(cell)))?;
        let at = grid.rows.get(first)?.cells.iter().position(|cell| is_phone(cell))?;
        // The row above may be a header in whatever language.
        let above = first.checked_sub(1).and_then(|above| grid.rows.get(above));
        let filled = |row: &Row| row.cells.iter().filter(|cell| !cell.is_empty()).count();
        if above.is_some_and(|row| filled(row) > 1 && row.cells.get(at).is_some_and(|cell| !cell.is_empty()))
        {
            return Self::named(grid, first - 1);
        }
        let mut layout = Self { first, ..Self::default() };
        if at == 0 {
            let width =
                grid.rows.iter().map(|row| row.cells.len()).max().unwrap_or_default().min(NAMES.len());
            // The columns of Transload's roster in their order, up to the first that holds something else.
            let fits = |(at, meaning): &(usize, Meaning)| {
                let rows = grid.rows.iter().skip(first).take(SAMPLE);
                let cells = rows.filter_map(|row| row.cells.get(*at)).map(|cell| clean(cell));
                let mut cells = cells.filter(|cell| told(cell).is_some()).peekable();
                cells.peek().is_none() || cells.any(|cell| may_mean(&cell, *meaning))
            };
            for (at, meaning) in MEANINGS.into_iter().enumerate().take(width).take_while(fits) {
                layout.names.push(NAMES.get(at).copied().unwrap_or_default().to_owned());
                layout.known[meaning as usize].push(Place { at, form: false });
            }
        } else {
            layout.known[Meaning::Mac as usize].push(Place { at, form: false });
            layout.found_by_content = Some(at);
        }
        Some(layout)
    }

    /// The cell of a row that tells this of the phone, and the column it is in.
    pub(super) fn cell(&self, row: &Row, meaning: Meaning) -> Option<(usize, String)> {
        let mut cells = self.known[meaning as usize].iter().filter_map(|place| {
            let cell = clean(row.cells.get(place.at)?);
            let cell = told(&cell)?;
            (!place.form || has_form(cell, meaning)).then(|| (place.at, cell.to_owned()))
        });
        let first = cells.next()?;
        // Of two columns of models, one may tell no more than that it is a phone.
        let vague = meaning == Meaning::Model && name::read(&first.1).is_none();
        let better = vague.then(|| cells.find(|(_, cell)| names_a_model(cell))).flatten();
        Some(better.unwrap_or(first))
    }

    /// Whose row it is: the first column that tells a phone, or else another device, or else what is wrong with it.
    pub(super) fn owner(&self, row: &Row) -> Owner {
        self.owning_cell(row).1
    }

    /// The same with the text that tells it; empty where no column is filled.
    pub(super) fn owning_cell(&self, row: &Row) -> (String, Owner) {
        let mut best = (String::new(), Owner::Neither { meant: false });
        let mut rank = 0;
        for place in &self.known[Meaning::Mac as usize] {
            let Some(cell) = row.cells.get(place.at).map(|cell| clean(cell)) else { continue };
            let Some(text) = told(&cell) else { continue };
            let owner = owner(text);
            let sep = text.get(..3).is_some_and(|head| head.eq_ignore_ascii_case("SEP"));
            let grade = match &owner {
                Owner::Phone(_) if !place.form || clearly_a_phone(text) => 5,
                Owner::Other(..) => 4,
                Owner::Damaged(_) if !place.form => 3,
                Owner::Neither { meant: true } if !place.form || sep => 2,
                _ if !place.form => 1,
                _ => 0,
            };
            if grade > rank {
                (best, rank) = ((text.to_owned(), owner), grade);
            }
        }
        best
    }

    /// The column in which a value of this meaning can be written; its name alone tells what it means.
    pub(super) fn writable(&self, meaning: Meaning) -> Option<usize> {
        let named =
            |place: &&Place| !place.form && self.names.get(place.at).is_some_and(|name| find(name).is_some());
        self.known[meaning as usize].iter().find(named).map(|place| place.at)
    }

    /// Adds a column, whatever it means.
    pub(super) fn add(&mut self, name: &str) -> usize {
        self.names.push(name.to_owned());
        let at = self.names.len() - 1;
        if let Some(found) = find(name).filter(|found| !found.form) {
            self.known[found.meaning as usize].push(Place { at, form: false });
        }
        at
    }

    /// The columns without a known meaning here.
    pub(super) fn unknown(&self) -> Vec<(String, usize)> {
        let means = |at: usize| self.known.iter().flatten().any(|place| place.at == at);
        let names = self.names.iter().enumerate().filter(|(at, name)| !name.is_empty() && !means(*at));
        names.map(|(at, name)| (name.clone(), at)).collect()
    }

    /// The columns that fill placeholders by name: those without a known meaning, and then those that only exports have.
    pub(super) fn own(&self) -> Vec<(String, usize)> {
        let exports = self.names.iter().enumerate().filter(|(at, name)| {
            (find(name).is_some_and(|found| found.export) || self.models_by_content == Some(*at))
                && self.known.iter().flatten().any(|place| place.at == *at)
        });
        let mut own = self.unknown();
        own.extend(exports.map(|(at, name)| (name.clone(), at)));
        own
    }

    /// The cells of a row that stand where this is told, and do not tell it, each with its column's name.
    pub(super) fn formless<'r>(&'r self, row: &'r Row, meaning: Meaning) -> impl Iterator<Item = &'r str> {
        let places = self.known[meaning as usize].iter().filter(|place| place.form);
        places.filter_map(move |place| {
            let cell = clean(row.cells.get(place.at)?);
            told(&cell).filter(|cell| !has_form(cell, meaning))?;
            self.names.get(place.at).map(String::as_str)
        })
    }

    /// Whether a column may tell whose row it is.
    pub(super) fn tells_phones(&self, at: usize) -> bool {
        self.known[Meaning::Mac as usize].iter().any(|place| place.at == at)
    }

    /// Whether a row names the columns again.
    pub(super) fn is_header(&self, row: &Row) -> bool {
        let same = |(name, cell): (&String, &String)| *name == clean(cell);
        row.cells.len() == self.names.len() && self.names.iter().zip(&row.cells).all(same)
    }

    /// Whether the name of a column is that of another before it.
    pub(super) fn doubled(&self) -> Option<&String> {
        let doubled = |(at, name): (usize, &String)| {
            let known = find(name).is_some();
            known && self.names.iter().take(at).any(|other| squeeze(other) == squeeze(name))
        };
        self.names.iter().enumerate().find(|(at, name)| doubled((*at, name))).map(|(_, name)| name)
    }
}

/// The row that names the columns: of the first rows the one that names most of them, phones among them.
fn header(grid: &Grid) -> Option<usize> {
    let mut best: Option<(usize, (usize, bool))> = None;
    for (at, row) in grid.rows.iter().enumerate().take(BEGINNING) {
        if row.cells.iter().any(|cell| is_phone(cell)) {
            break;
        }
        let found: Vec<Found> = row.cells.iter().filter_map(|cell| find(&clean(cell))).collect();
        let mut meanings: Vec<Meaning> = found.iter().map(|found| found.meaning).collect();
        meanings.sort();
        meanings.dedup();
        let plain = found.iter().any(|found| found.meaning == Meaning::Mac && !found.form);
        let grade = (meanings.len(), plain);
        if meanings.first() == Some(&Meaning::Mac) && best.is_none_or(|(_, most)| grade > most) {
            best = Some((at, grade));
        }
    }
    best.map(|(at, _)| at)
}

fn is_phone(cell: &str) -> bool {
    matches!(owner(&clean(cell)), Owner::Phone(_))
}

/// The column in which most cells are phones by their form.
fn phones_column(grid: &Grid, first: usize) -> Option<usize> {
    let sample = || grid.rows.iter().skip(first).take(SAMPLE);
    let width = sample().map(|row| row.cells.len()).max()?;
    let mut counts = vec![0_usize; width];
    for row in sample() {
        for (count, cell) in counts.iter_mut().zip(&row.cells) {
            *count += usize::from(clearly_a_phone(&clean(cell)));
        }
    }
    let (at, most) = counts.into_iter().enumerate().rev().max_by_key(|(_, count)| *count)?;
    (most > 0).then_some(at)
}

fn has_form(cell: &str, meaning: Meaning) -> bool {
    match meaning {
        Meaning::Model => names_a_model(cell),
        Meaning::Vid => {
            let digits = cell.strip_prefix(['V', 'v']).map(str::trim_start).unwrap_or_default();
            digits.len() == 2 && cell.parse::<Vid>().is_ok()
        }
        Meaning::Load => cell.parse::<LoadName>().is_ok(),
        Meaning::Address => cell.parse::<Ipv4Addr>().is_ok(),
        _ => true,
    }
}

/// Whether somebody may have written this where a roster has that.
fn may_mean(cell: &str, meaning: Meaning) -> bool {
    match meaning {
        Meaning::Model => name::read(cell).is_some(),
        Meaning::Vid => cell.parse::<Vid>().is_ok(),
        _ => has_form(cell, meaning),
    }
}

/// A phone; no number alone, and no name that holds one.
fn names_a_model(cell: &str) -> bool {
    cell.bytes().any(|byte| byte.is_ascii_alphabetic())
        && name::read(cell).is_some_and(|product| product.is_phone())
}

/// Four digits alone may be an extension, and what names a part may be about anything.
fn clearly_a_model(cell: &str) -> bool {
    let product = name::read(cell).filter(Product::is_phone);
    product.is_some_and(|product| {
        product.is_of_our_series() && cell.bytes().any(|byte| byte.is_ascii_alphabetic())
    })
}
