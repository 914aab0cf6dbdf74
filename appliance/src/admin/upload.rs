//! Serves `POST /api/import` and `POST /api/roster`, which take files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::StatusCode;
use http_body_util::BodyExt;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::sync::{Mutex, OnceCell, Semaphore, SemaphorePermit};
use transload_provision::load::Direction;
use transload_provision::text::{is_hidden, line};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::extract::StrictQuery;
use super::problem::ProblemDetails;
use crate::state::import::{ImportOptions, ImportReport};
use crate::system::error::{Exit, Failure};
use crate::system::space::DiskSpace;

/// Larger than any package; bytes.
const LARGEST: u64 = 4 << 30;
/// Larger than a roster of 100,000 phones; bytes.
const LARGEST_ROSTER: usize = 16 << 20;
/// Simultaneous uploads.
const AT_ONCE: usize = 4;
/// An upload that sends nothing for this time is ended.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bounds for the folders before a file's name, and for each name's length.
const DEPTH: usize = 8;
const NAME: usize = 200;

static RECEIVED: Semaphore = Semaphore::const_new(AT_ONCE);
/// Imports of this process run one after another. The state folder's lock excludes other processes.
static IMPORTING: Mutex<()> = Mutex::const_new(());
/// Leftover uploads of an earlier run are removed before the first upload.
static CLEARED: OnceCell<()> = OnceCell::const_new();

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    let files = OpenApiRouter::new().routes(routes!(import)).layer(DefaultBodyLimit::disable());
    let rosters = OpenApiRouter::new().routes(routes!(roster)).layer(DefaultBodyLimit::max(LARGEST_ROSTER));
    files.merge(rosters)
}

/// What is sent.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ImportQuery {
    /// The file's name, with the folders it came in, if any: a license's folder tells its direction.
    name: String,
    /// Of licenses whose folder tells none.
    #[param(value_type = Option<String>, pattern = "^(e2m|m2e)$")]
    direction: Option<Direction>,
    /// A different file of the same name is replaced.
    #[serde(default)]
    replace: bool,
}

/// Takes in a file as it was delivered: a package, a license or a folder's file, a roster.
#[utoipa::path(post, path = "/api/import", tag = "library", params(ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = ImportReport)))]
async fn import(
    State(api): State<Arc<ApiState>>,
    StrictQuery(sent): StrictQuery<ImportQuery>,
    body: Body,
) -> Result<Json<ImportReport>, ProblemDetails> {
    let bench = &api.bench;
    let Some(inner) = inner(&sent.name) else {
        let detail = format!("{:?} is no name for a file; send it as ?name=FILE", shorten(&sent.name));
        return Err(ProblemDetails::new(StatusCode::BAD_REQUEST, detail));
    };
    let _seat = turn()?;
    let folder = uploads(bench.library().state()).await.map_err(|error| unwritable(&error))?;
    let path = folder.path().join(&inner);
    receive(body, &path, &DiskSpace::of(folder.path(), bench.library().state())).await?;
    let options = ImportOptions { dry_run: false, direction: sent.direction, replace: sent.replace };
    let _turn = IMPORTING.lock().await;
    let told = bench.import(path, options).await;
    tokio::task::spawn_blocking(move || drop(folder));
    let mut report = told?;
    let staged = inner.display().to_string();
    for line in report.lines.iter_mut().filter(|line| line.source.ends_with(&staged)) {
        line.source.clone_from(&sent.name);
    }
    Ok(Json(report))
}

/// Adds a table's phones to the roster; its cells take the place of those there.
#[utoipa::path(post, path = "/api/roster", tag = "library", request_body(content = String, content_type = "text/csv"),
    responses((status = 200, body = ImportReport)))]
async fn roster(
    State(api): State<Arc<ApiState>>,
    request: Request,
) -> Result<Json<ImportReport>, ProblemDetails> {
    let _seat = turn()?;
    let table = Bytes::from_request(request, &()).await;
    let table = table.map_err(|rejection| ProblemDetails::new(rejection.status(), rejection.body_text()))?;
    let _turn = IMPORTING.lock().await;
    Ok(Json(api.bench.add_to_roster(table.to_vec()).await?))
}

fn turn() -> Result<SemaphorePermit<'static>, ProblemDetails> {
    RECEIVED.try_acquire().map_err(|_| {
        let detail = format!("{AT_ONCE} files are being received already; send this one when they are here");
        ProblemDetails::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    })
}

impl From<Failure> for ProblemDetails {
    fn from(failure: Failure) -> Self {
        let status = match failure.exit {
            Exit::Usage => StatusCode::BAD_REQUEST,
            Exit::Act | Exit::Privilege | Exit::ForeignDhcp => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, failure.to_string())
    }
}

/// A folder for one upload. It is in the state folder, because an import renames files.
async fn uploads(state: &Path) -> std::io::Result<tempfile::TempDir> {
    let folder = state.join(".uploads");
    CLEARED
        .get_or_init(|| async {
            // A file that cannot be removed does no harm.
            let _ = tokio::fs::remove_dir_all(&folder).await;
        })
        .await;
    tokio::fs::create_dir_all(&folder).await?;
    tempfile::tempdir_in(folder)
}

/// Writes the body to a file as it arrives.
async fn receive(mut body: Body, path: &Path, room: &DiskSpace) -> Result<(), ProblemDetails> {
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await.map_err(|error| unwritable(&error))?;
    }
    let mut file = File::create(path).await.map_err(|error| unwritable(&error))?;
    let too_large = |detail: String| ProblemDetails::new(StatusCode::PAYLOAD_TOO_LARGE, detail);
    // Other uploads and the bench use the same disk.
    let fits = |bytes: u64| {
        room.check(bytes).map_err(|error| too_large(format!("{error}; make room on the disk, or send less")))
    };
    let largest = || too_large(format!("no package is larger than {} GB; send less", LARGEST >> 30));
    let expected = http_body::Body::size_hint(&body).lower();
    fits(expected)?;
    let mut left = LARGEST;
    if expected > left {
        return Err(largest());
    }
    loop {
        let Ok(frame) = tokio::time::timeout(PATIENCE, body.frame()).await else {
            return Err(ProblemDetails::new(StatusCode::REQUEST_TIMEOUT, "nothing more came; send it again"));
        };
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| {
            let detail = format!("the file broke off: {error}; send it again");
            ProblemDetails::new(StatusCode::BAD_REQUEST, detail)
        })?;
        let Ok(data) = frame.into_data() else { continue };
        left = left.checked_sub(data.len() as u64).ok_or_else(largest)?;
        fits(data.len() as u64)?;
        file.write_all(&data).await.map_err(|error| unwritable(&error))?;
    }
    file.flush().await.map_err(|error| unwritable(&error))
}

fn unwritable(error: &std::io::Error) -> ProblemDetails {
    let detail = format!("it cannot be written to the state folder: {error}; nothing was imported");
    ProblemDetails::new(StatusCode::SERVICE_UNAVAILABLE, detail)
}

/// A path of plain names, none hidden and none that leads up.
fn inner(name: &str) -> Option<PathBuf> {
    let parts: Vec<&str> = name.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
    let plain = |part: &&str| part.len() <= NAME && !part.starts_with('.') && !part.chars().any(is_hidden);
    (!parts.is_empty() && parts.len() <= DEPTH && parts.iter().all(plain)).then(|| parts.iter().collect())
}

fn shorten(name: &str) -> String {
    line(name).chars().take(NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_but_below() {
        for (name, expected) in [
            ("a.zip", Some("a.zip")),
            ("Ent-2-Mpp-licenses/001234AB45DE.lic", Some("Ent-2-Mpp-licenses/001234AB45DE.lic")),
            ("\\\\server\\share\\a.zip", Some("server/share/a.zip")),
            ("/etc/passwd", Some("etc/passwd")),
            ("../a.zip", None),
            ("a/../../b", None),
            (".hidden", None),
            ("", None),
            ("a\0b", None),
            ("a\u{202e}piz.b", None),
            ("a/a/a/a/a/a/a/a/a", None),
        ] {
            assert_eq!(inner(name), expected.map(PathBuf::from), "{name}");
        }
    }
}
