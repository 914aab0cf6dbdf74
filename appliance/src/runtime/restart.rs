//! Restarts phones: through the registration, through the configured program, or by asking a Multiplatform phone to
//! read its profile again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use transload_provision::journey::Means;
use transload_provision::mac::Mac;

use crate::bench::Bench;
use crate::listeners::sip::Boards;
use crate::system::program;

/// Time between two checks for due restarts.
const LOOK: Duration = Duration::from_millis(100);
/// The longest run of a program, in real time.
const PROGRAM: Duration = Duration::from_secs(60);
/// Simultaneous programs; a switch takes one command after another.
const PROGRAMS: usize = 4;
/// The time limit for a phone's answer.
const PHONE: Duration = Duration::from_secs(10);

/// Works until `stop`.
pub async fn run(bench: Arc<Bench>, boards: Boards<Bench>, hook: Vec<String>, stop: CancellationToken) {
    let programs = Arc::new(Semaphore::new(PROGRAMS));
    let pace = bench.pace().clone();
    loop {
        let _hold = tokio::select! {
            () = stop.cancelled() => return,
            hold = pace.sleep_undisturbed(LOOK) => hold,
        };
        for restart in bench.pending_restarts().await {
            let mac = restart.mac;
            tracing::info!(%mac, how = restart.order.how.as_str(), by = ?restart.order.by, "restarting it");
            match restart.order.by {
                Means::Registration => {
                    if !boards.restart(mac, restart.order.how) {
                        bench.restart_done(mac, "it is not registered any more".to_owned(), true);
                    }
                }
                Means::Hook => {
                    let (bench, hook, programs) = (Arc::clone(&bench), hook.clone(), Arc::clone(&programs));
                    let hold = pace.hold("a program that cuts power");
                    tokio::spawn(async move {
                        let _hold = hold;
                        let _place = programs.acquire().await;
                        let outcome = cut_power(&hook, mac).await;
                        let refused = outcome.is_err();
                        bench.restart_done(mac, outcome.unwrap_or_else(|why| why), refused);
                    });
                }
                Means::Resync => {
                    let bench = Arc::clone(&bench);
                    let hold = pace.hold("a phone that is asked to read its profile");
                    tokio::spawn(async move {
                        let _hold = hold;
                        let outcome = match restart.address {
                            Some(address) => resync((address, 80).into()).await,
                            None => Err("its address is not known".to_owned()),
                        };
                        let refused = outcome.is_err();
                        let answer = outcome
                            .unwrap_or_else(|why| format!("{why}; it comes back by itself within a minute"));
                        bench.restart_done(mac, answer, refused);
                    });
                }
            }
        }
    }
}

/// Runs the program that cuts the phone's power.
async fn cut_power(hook: &[String], mac: Mac) -> Result<String, String> {
    let command = program::filled(hook, |name| (name == "mac").then(|| mac.to_string()));
    let said = program::run(&command, PROGRAM).await?;
    let name = command.first().map(String::as_str).unwrap_or_default();
    Ok(if said.is_empty() { format!("{name} succeeded") } else { format!("{name} succeeded: {said}") })
}

/// Requests `/admin/resync` of a Multiplatform phone (cisco-phones §9.2). A phone without a password obeys; the others
/// answer that they want one.
async fn resync(page: SocketAddr) -> Result<String, String> {
    let exchange = async {
        let mut stream = TcpStream::connect(page).await?;
        let request = format!("GET /admin/resync HTTP/1.0\r\nHost: {}\r\n\r\n", page.ip());
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(512).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = match timeout(PHONE, exchange).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(format!("its page does not answer: {error}")),
        Err(_) => return Err("its page does not answer".to_owned()),
    };
    let text = String::from_utf8_lossy(&answer);
    let status: String = text.lines().next().unwrap_or_default().chars().take(60).collect();
    match status.split(' ').nth(1) {
        Some("200") => Ok(status),
        Some("401" | "403") => Err(format!("its page wants a password ({status})")),
        _ => Err(format!("its page answered {status:?}")),
    }
}
