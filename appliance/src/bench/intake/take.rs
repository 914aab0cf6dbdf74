//! Imports made while the bench runs: files into the library, phones into the roster.

use std::path::PathBuf;

use indicatif::ProgressBar;

use crate::bench::Bench;
use crate::state::import::{self, ImportOptions, ImportReport};
use crate::state::state_folder;
use crate::system::error::{Exit, Failure};

impl Bench {
    /// Imports a file or package into the library; its content counts when this returns.
    ///
    /// # Errors
    /// Nothing was imported. Problems with single files stand in the report instead.
    pub async fn import(&self, path: PathBuf, options: ImportOptions) -> Result<ImportReport, Failure> {
        let library = self.library();
        let (report, fresh) = aside(move || {
            let (state, direction) = (library.state(), library.direction());
            let report = import::import(state, direction, options, &[path], &ProgressBar::hidden())?;
            // If the rescan fails now, the regular rescan follows.
            Ok((report, library.rescan().ok().flatten()))
        })
        .await?;
        if let Some(fresh) = fresh {
            self.set_library(fresh);
        }
        self.read_roster().await;
        Ok(report)
    }

    /// Adds the phones and cells of a table to the roster; they count and are on disk when this returns.
    ///
    /// # Errors
    /// The roster is unchanged. Problems with single lines stand in the report instead.
    pub async fn add_to_roster(&self, table: Vec<u8>) -> Result<ImportReport, Failure> {
        let library = self.library();
        let report = aside(move || import::add_to_roster(library.state(), table)).await?;
        self.read_roster().await;
        Ok(report)
    }

    /// Shows the roster's phones at once; reservations follow with the regular rescan.
    async fn read_roster(&self) {
        let library = self.library();
        if let Ok(roster) = aside(move || state_folder::roster(library.state())).await {
            self.set_roster(roster.entries);
        }
    }
}

/// Runs blocking work off the threads that serve.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(Failure::new(
            Exit::Act,
            format!("it was not done: {error}"),
            "try again, and report this with its log",
        ))
    })
}
