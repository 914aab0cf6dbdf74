//! Rosters among what is imported: spreadsheets and tables of text, by themselves or within an archive.

use std::fs::File;
use std::io::{Read, Seek};

use transload_provision::text;

use super::Verdict;
use super::archive::{Stop, broken};
use super::intake::{Intake, Roster, unreadable};
use super::sources::Source;
use crate::system::plain_file;

impl Intake<'_> {
    /// A file that is a roster by itself.
    pub(super) fn roster(&mut self, source: &Source, mut file: &File, sure: bool) -> Result<(), Stop> {
        file.rewind().map_err(|error| unreadable(&error))?;
        let content =
            plain_file::content(file, plain_file::Kind::Roster).map_err(|error| unreadable(&error))?;
        self.bar.inc(content.len() as u64);
        let (source, name) = (source.shown.clone(), String::new());
        self.taken.rosters.push(Roster { source, name, file: content, sure });
        Ok(())
    }

    /// A spreadsheet or a table of text within an archive.
    pub(super) fn table(&mut self, source: &Source, name: &str, content: &mut dyn Read) -> Result<(), Stop> {
        let mut file = Vec::new();
        let largest = plain_file::Kind::Roster.largest();
        content.take(largest + 1).read_to_end(&mut file).map_err(|error| broken(&error))?;
        if file.len() as u64 > largest {
            self.say(&source.shown, name, Verdict::Refused, "it is larger than any roster");
        } else {
            let (source, name) = (source.shown.clone(), text::line(name));
            self.taken.rosters.push(Roster { source, name, file, sure: false });
        }
        Ok(())
    }
}
