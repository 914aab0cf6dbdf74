//! Takes rosters: spreadsheets and text tables, alone or in an archive.

use std::fs::File;
use std::io::{Read, Seek};

use transload_provision::text;

use super::ImportVerdict;
use super::archive::{ImportStop, broken};
use super::intake::{Intake, RosterCandidate, unreadable};
use super::sources::SourceFile;
use crate::system::plain_file;

impl Intake<'_> {
    /// Takes a file that is a roster.
    pub(super) fn roster(
        &mut self,
        source: &SourceFile,
        mut file: &File,
        sure: bool,
    ) -> Result<(), ImportStop> {
        file.rewind().map_err(|error| unreadable(&error))?;
        let content =
            plain_file::content(file, plain_file::FileKind::Roster).map_err(|error| unreadable(&error))?;
        self.bar.inc(content.len() as u64);
        let (source, name) = (source.shown.clone(), String::new());
        self.taken.rosters.push(RosterCandidate { source, name, file: content, sure });
        Ok(())
    }

    /// Takes a spreadsheet or text table from an archive.
    pub(super) fn table(
        &mut self,
        source: &SourceFile,
        name: &str,
        content: &mut dyn Read,
    ) -> Result<(), ImportStop> {
        let mut file = Vec::new();
        let largest = plain_file::FileKind::Roster.largest();
        content.take(largest + 1).read_to_end(&mut file).map_err(|error| broken(&error))?;
        if file.len() as u64 > largest {
            self.say(&source.shown, name, ImportVerdict::Refused, "it is larger than any roster");
        } else {
            let (source, name) = (source.shown.clone(), text::line(name));
            self.taken.rosters.push(RosterCandidate { source, name, file, sure: false });
        }
        Ok(())
    }
}
