//! What is taken in while the bench runs: files into the library, phones into the roster.

use std::path::PathBuf;

use indicatif::ProgressBar;

use crate::bench::Bench;
use crate::state::import::{self, Options, Report};
use crate::state::state_folder;
use crate::system::error::{Exit, Failure};

impl Bench {
    /// Takes a file or package into the library; what it brings counts when this is answered.
    ///
    /// # Errors
    /// Nothing was imported; what is wrong with single files stands in the report.
    pub async fn import(&self, path: PathBuf, options: Options) -> Result<Report, Failure> {
        let shelf = self.shelf();
        let (report, fresh) = aside(move || {
            let (state, direction) = (shelf.state(), shelf.direction());
            let report = import::import(state, direction, options, &[path], &ProgressBar::hidden())?;
            // Where it cannot be read now, the bench finds out when it looks by itself.
            Ok((report, shelf.rescan().ok().flatten()))
        })
        .await?;
        if let Some(fresh) = fresh {
            self.set_shelf(fresh);
        }
        self.read_roster().await;
        Ok(report)
    }

    /// Adds a table's phones and cells to the roster; they count, and are on disk, when this is answered.
    ///
    /// # Errors
    /// The roster is as it was; what is wrong with single lines stands in the report.
    pub async fn add_to_roster(&self, table: Vec<u8>) -> Result<Report, Failure> {
        let shelf = self.shelf();
        let report = aside(move || import::add_to_roster(shelf.state(), table)).await?;
        self.read_roster().await;
        Ok(report)
    }

    /// Phones of the roster are shown at once; addresses kept for them follow when the bench looks by itself.
    async fn read_roster(&self) {
        let shelf = self.shelf();
        if let Ok(roster) = aside(move || state_folder::roster(shelf.state())).await {
            self.set_roster(roster.entries);
        }
    }
}

/// Does what blocks where it keeps nobody waiting.
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
