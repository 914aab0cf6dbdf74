//! Serves a page with the failure while the appliance cannot start: a box without a keyboard has no other way to show
//! it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use hyper_util::service::TowerToHyperService;
use maud::{DOCTYPE, PreEscaped, html};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::admin::connection;
use crate::config::PLACES;
use crate::listeners::connections::{Entrance, Limits, Patience};
use crate::system::error::Failure;

/// The program ends after this time, so that the service manager tries again.
const SHOWN: Duration = Duration::from_secs(20);
/// Time between two looks at the configuration file; a change ends the page at once.
const LOOK: Duration = Duration::from_millis(500);
const STYLE: PreEscaped<&str> = PreEscaped(
    "body{font:1.1em sans-serif;max-width:45em;margin:2em auto;padding:0 1em}\
     dt{font-weight:bold;margin-top:1em;overflow-wrap:anywhere}dd{overflow-wrap:anywhere}",
);

/// Shows `failure` at `address` until the configuration changes, the program is told to end, or [`SHOWN`] has passed.
/// The page changes nothing and holds no secret, so it needs no token.
pub async fn show(address: SocketAddr, failure: &Failure, named: Option<&Path>) {
    let Ok(listener) = TcpListener::bind(address).await else {
        tokio::time::sleep(LOOK).await;
        return;
    };
    let router = Router::new().fallback(answer).with_state(failure.clone());
    let patience = Patience { head: Duration::from_secs(5), stall: Duration::from_secs(5) };
    let limits = Limits { connections: 64, per_peer: 16, patience, ..Limits::default() };
    let entrance = Entrance::alike(limits);
    let stop = CancellationToken::new();
    let page = connection::serve(listener, entrance, stop, move |_| TowerToHyperService::new(router.clone()));
    tokio::select! {
        () = page => {}
        () = changed(named) => {}
        () = told_to_end() => {}
        () = tokio::time::sleep(SHOWN) => {}
    }
}

async fn answer(State(failure): State<Failure>, uri: Uri) -> Response {
    let mut response = if uri.path() == "/" {
        (StatusCode::SERVICE_UNAVAILABLE, Html(page(&failure))).into_response()
    } else {
        let lines = failure.problems.iter().map(|problem| format!("{}; {}", problem.cause, problem.cure));
        let detail = lines.collect::<Vec<_>>().join("\n");
        let problem = serde_json::json!({"title": "no phone is served", "status": 503, "detail": detail});
        let media = [(header::CONTENT_TYPE, "application/problem+json")];
        (StatusCode::SERVICE_UNAVAILABLE, media, problem.to_string()).into_response()
    };
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn page(failure: &Failure) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width";
            meta http-equiv="refresh" content="5";
            title { "Transload needs you" }
            style { (STYLE) }
            h1 { "No phone is served" }
            p { "Transload has found something that you have to put right first." }
            dl {
                @for problem in &failure.problems {
                    dt { (problem.cause) }
                    dd { (problem.cure) }
                }
            }
            p { "Phones wait, and come to no harm. This page looks again by itself." }
        }
    };
    page.into_string()
}

/// Waits until the configuration file changes.
async fn changed(named: Option<&Path>) {
    let places: Vec<PathBuf> =
        named.map_or_else(|| PLACES.map(PathBuf::from).to_vec(), |path| vec![path.to_owned()]);
    let stamps = || -> Vec<Option<(u64, SystemTime)>> {
        let stamp = |path: &PathBuf| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.len(), metadata.modified().ok()?))
        };
        places.iter().map(stamp).collect()
    };
    let before = stamps();
    while stamps() == before {
        tokio::time::sleep(LOOK).await;
    }
}

async fn told_to_end() {
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        // The signal then ends the program by itself.
        _ => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::error::{Exit, Problem};

    #[test]
    fn every_problem_stands_on_the_page_and_none_of_it_is_markup() {
        let mut failure = Failure::new(Exit::Usage, "transload.toml:3: unknown key <b>", "write a & b");
        failure.problems.push(Problem::new("second cause", "second cure"));
        let page = page(&failure);
        for part in
            ["transload.toml:3: unknown key &lt;b&gt;", "write a &amp; b", "second cause", "second cure"]
        {
            assert!(page.contains(part), "{page}");
        }
        assert!(!page.contains("<b>"));
    }

    #[tokio::test]
    async fn it_ends_when_the_configuration_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("transload.toml");
        std::fs::write(&file, "[bench").unwrap();
        let failure = Failure::new(Exit::Usage, "cause", "cure");
        let began = std::time::Instant::now();
        let shown = show(([127, 0, 0, 1], 0).into(), &failure, Some(&file));
        let (path, edited) = (file.clone(), tokio::time::sleep(LOOK / 2));
        tokio::join!(shown, async move {
            edited.await;
            std::fs::write(path, "[bench]\n").unwrap();
        });
        assert!(began.elapsed() < SHOWN);
    }
}
