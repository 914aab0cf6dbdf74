//! Imports archives within archives as if they had been unpacked first.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use transload_provision::package;

use super::super::ImportVerdict;
use super::super::archive::{self, ArchiveForm, ImportStop, UnpackAllowance, broken};
use super::super::commit::{Staging, scratch, unwritable};
use super::super::item::ImportKind;
use super::super::sources::SourceFile;
use super::{Intake, next_block};

/// The deepest nesting that is read.
const DEPTH: usize = 3;

/// An archive that is being read.
pub(super) struct OpenPackage<'a> {
    /// The archive's file name.
    pub name: String,
    /// The enclosing folders and packages, outermost first.
    pub around: Vec<String>,
    /// The remaining allowance, shared with the enclosing archives.
    pub allowance: &'a UnpackAllowance,
}

impl OpenPackage<'_> {
    /// An archive in folders of this one.
    fn inner(&self, folders: &[String], name: &str) -> Self {
        let stem = self.name.rsplit_once('.').map_or(self.name.as_str(), |(stem, _)| stem);
        let around = self.around.iter().cloned().chain([stem.to_owned()]).chain(folders.iter().cloned());
        Self { name: name.to_owned(), around: around.collect(), allowance: self.allowance }
    }
}

impl Intake<'_> {
    /// Takes the files of a nested archive. Its faults do not affect its neighbors.
    pub(super) fn nested(
        &mut self,
        source: &SourceFile,
        outer: &OpenPackage<'_>,
        folders: &[String],
        name: &str,
        content: &mut dyn Read,
    ) -> Result<(), ImportStop> {
        if self.depth >= DEPTH {
            let note = format!("it lies in more than {DEPTH} archives; unpack it, and import what is inside");
            self.say(&source.shown, name, ImportVerdict::Refused, &note);
            return Ok(());
        }
        let file = self.unpacked(content)?;
        let mut head = Vec::new();
        let sought = (&file).take(package::MAX_HEADER as u64).read_to_end(&mut head);
        sought.and_then(|_| (&file).seek(SeekFrom::Start(0))).map_err(|error| broken(&error))?;
        let Some(form) = ArchiveForm::of(&head, name) else {
            let note = "it is neither a zip archive nor a COP file; unpack it, and import what is inside";
            self.say(&source.shown, name, ImportVerdict::Refused, note);
            return Ok(());
        };
        let before = (self.taken.items.len(), self.taken.lines.len());
        let inner = outer.inner(folders, name);
        self.depth += 1;
        let mut visit = |path: &[String], content: &mut dyn Read| self.entry(source, &inner, path, content);
        let read = archive::read(file, form, outer.allowance, &|_| (), &mut visit);
        self.depth -= 1;
        let Err(ImportStop::Refused(note)) = read else { return read };
        self.take_back(before);
        self.say(&source.shown, name, ImportVerdict::Refused, &note);
        Ok(())
    }

    /// Discards what was taken since.
    pub(super) fn take_back(&mut self, (items, lines): (usize, usize)) {
        for item in self.taken.items.drain(items..) {
            // A remaining file disappears with the staging folder.
            let _ = item.staged.map(std::fs::remove_file);
        }
        self.taken.lines.truncate(lines);
    }

    /// A file of its own, without a name: a zip archive is read from its end.
    fn unpacked(&mut self, content: &mut dyn Read) -> Result<File, ImportStop> {
        let failed = |error: &io::Error| ImportStop::Failed(unwritable("the staging folder", error));
        let mut file = match self.staging {
            Some(staging) => staging.scratch().map_err(ImportStop::Failed)?,
            None => scratch(&std::env::temp_dir()).map_err(|error| failed(&error))?,
        };
        let room = |bytes| {
            self.staging.map_or(Ok(()), |staging: &Staging| staging.room(&ImportKind::Component, bytes))
        };
        loop {
            let length = next_block(content, &mut self.block)?;
            if length == 0 {
                break;
            }
            room(length as u64).map_err(ImportStop::Failed)?;
            file.write_all(self.block.get(..length).unwrap_or_default()).map_err(|error| failed(&error))?;
        }
        file.seek(SeekFrom::Start(0)).map_err(|error| failed(&error))?;
        Ok(file)
    }
}
