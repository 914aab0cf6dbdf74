//! The feed: a socket in the state folder for other DHCP servers, such as Kea with Transload's hook. They report their
//! clients and receive verdicts. The socket exists only if this program gives no leases.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use transload_provision::feed::{FeedEvent, FeedMessage, LINE, PROTOCOL};
use transload_provision::text;

use crate::bench::Bench;
use crate::config::Config;
use crate::system::error::{Exit, Failure};

/// Simultaneous connections: DHCP servers, and scripts that report single leases.
const CONNECTIONS: usize = 64;

/// Lines are confirmed in groups of this size, or after this time, so that no peer wakes for each line.
const CONFIRM_LINES: u64 = 64;
const CONFIRM: Duration = Duration::from_secs(1);

/// Under load, words are collected for this time, so that no peer wakes for each few.
const BUSY: usize = 16;
const COLLECT: Duration = Duration::from_millis(50);

/// The path of the feed's socket.
pub fn path(state: &Path) -> PathBuf {
    state.join("feed.sock")
}

/// Opens the socket, if this program gives no leases. A writer can claim any lease, so only the state folder's owner
/// and group have access.
///
/// # Errors
/// The socket cannot be created.
pub fn open(config: &Config) -> Result<Option<UnixListener>, Failure> {
    let path = path(&config.bench.state);
    // The state folder is locked, so a leftover socket has no listener.
    _ = std::fs::remove_file(&path);
    if config.dhcp.enabled {
        return Ok(None);
    }
    let opened = UnixListener::bind(&path).and_then(|listener| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o660))?;
        let group = std::fs::metadata(&config.bench.state)
            .map(|folder| std::os::unix::fs::MetadataExt::gid(&folder))?;
        std::os::unix::fs::chown(&path, None, Some(group))?;
        Ok(listener)
    });
    opened.map(Some).map_err(|error| {
        let cause = format!("the feed's socket {} cannot be made: {error}", path.display());
        Failure::new(
            Exit::Privilege,
            cause,
            "see that the state folder can be written, and that its path is short",
        )
    })
}

/// Serves the feed until `stop`.
pub async fn serve(listener: UnixListener, bench: Arc<Bench>, stop: CancellationToken) {
    let news = bench.open_feed();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (bench, news, stop) = (Arc::clone(&bench), news.clone(), stop.clone());
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = converse(stream, &bench, news) => {}
            }
            drop(place);
        });
    }
}

/// The progress of one connection.
#[derive(Clone, Default)]
struct FeedProgress {
    /// The peer's name after its greeting; only then it receives verdicts.
    name: Option<Arc<str>>,
    lines: u64,
}

async fn converse(stream: UnixStream, bench: &Arc<Bench>, news: watch::Receiver<u64>) {
    let (reading, writing) = stream.into_split();
    let (progress, watched) = watch::channel(FeedProgress::default());
    let ended = tokio::select! {
        ended = listen(reading, bench, &progress) => ended,
        ended = tell(writing, bench, watched, news) => ended,
    };
    let name = progress.borrow().name.clone();
    match (ended, name) {
        (Ok(()), Some(name)) => {
            tracing::warn!(%name, "a DHCP server has left the feed; it goes on with the verdicts it has");
        }
        (Err(error), name) => tracing::warn!(?name, %error, "the feed to a DHCP server broke"),
        (Ok(()), None) => {}
    }
}

async fn listen(
    reading: OwnedReadHalf,
    bench: &Bench,
    progress: &watch::Sender<FeedProgress>,
) -> io::Result<()> {
    let mut reader = BufReader::new(reading);
    let mut line = Vec::new();
    let mut lines = 0;
    loop {
        line.clear();
        if (&mut reader).take(LINE as u64).read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        if line.last() != Some(&b'\n') && line.len() >= LINE {
            return Err(io::Error::other(format!("a line longer than {LINE} bytes")));
        }
        lines += 1;
        match serde_json::from_slice::<FeedEvent>(&line) {
            Ok(FeedEvent::Hello { protocol: PROTOCOL, name }) => {
                let name: String = text::line(&name).chars().take(64).collect();
                tracing::info!(name, "a DHCP server has joined the feed");
                progress.send_modify(|progress| progress.name = Some(name.into()));
            }
            Ok(FeedEvent::Hello { protocol, name }) => {
                return Err(io::Error::other(format!(
                    "{name} speaks version {protocol} of the feed, and here it is {PROTOCOL}; install the hook of this release"
                )));
            }
            Ok(event) => bench.feed_event(event),
            Err(error) => return Err(io::Error::other(format!("a line that cannot be read: {error}"))),
        }
        // Lines are confirmed in groups: a peer with more lines on the way gets no answer for each.
        if reader.buffer().is_empty() {
            progress.send_modify(|progress| progress.lines = lines);
        }
    }
}

async fn tell(
    mut writing: OwnedWriteHalf,
    bench: &Bench,
    mut progress: watch::Receiver<FeedProgress>,
    mut news: watch::Receiver<u64>,
) -> io::Result<()> {
    let over = |_| io::Error::other("the bench has ended");
    let (mut version, mut heard, mut whole) = (0, 0, false);
    let mut confirmed = Instant::now();
    loop {
        let FeedProgress { name, lines } = progress.borrow_and_update().clone();
        news.borrow_and_update();
        if name.is_some() {
            let mut words = Vec::new();
            if lines >= heard + CONFIRM_LINES || lines > heard && confirmed.elapsed() >= CONFIRM {
                (heard, confirmed) = (lines, Instant::now());
                words.push(FeedMessage::Heard { lines });
            }
            let behind = || io::Error::other("it has fallen behind, and begins anew");
            let (verdicts, reached) = bench.messages_since(version).ok_or_else(behind)?;
            let more = !verdicts.is_empty();
            let full = verdicts.len() == Bench::MESSAGES_AT_ONCE;
            words.extend(verdicts);
            version = reached;
            if !more && !whole {
                whole = true;
                words.push(FeedMessage::Whole { version });
            }
            if !words.is_empty() {
                writing.write_all(&text(&words)?).await?;
                if whole && !full && words.len() >= BUSY {
                    tokio::time::sleep(COLLECT).await;
                }
                continue;
            }
        }
        tokio::select! {
            changed = progress.changed() => changed.map_err(over)?,
            changed = news.changed() => changed.map_err(over)?,
            () = tokio::time::sleep(CONFIRM), if lines > heard => {}
        }
    }
}

fn text(words: &[FeedMessage]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for word in words {
        serde_json::to_writer(&mut text, word)?;
        text.push(b'\n');
    }
    Ok(text)
}
