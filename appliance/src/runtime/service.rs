//! What the service manager is told (`sd_notify(3)`); where none started the program, nothing is.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;
use transload_provision::journey::Stage;

use crate::bench::Bench;
use crate::bench::views::phone::PhoneView;

/// How often the line of status is written anew, in real time.
const STATUS: Duration = Duration::from_secs(10);

/// All that is to listen does, or the configuration has been read again.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration is about to be read again; [`ready`] follows.
pub fn reloading() {
    // Newer service managers want to know when.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// Nothing new is begun.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping: transfers under way may end")]);
}

/// Shows the state of the phones, and that the bench works for as long as it does. Where what phones depend on hangs,
/// so does this, and the service manager starts the program anew.
pub async fn report(bench: Arc<Bench>, stop: CancellationToken) {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return stop.cancelled().await;
    }
    // A third, so that one that comes late is no failure.
    let every = sd_notify::watchdog_enabled().map_or(STATUS, |patience| (patience / 3).min(STATUS));
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let work = async {
        loop {
            ticks.tick().await;
            bench.pulse().await;
            tell(&[NotifyState::Watchdog, NotifyState::Status(&status(&bench.phones()))]);
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

/// One line for `systemctl status`.
fn status(phones: &[PhoneView]) -> String {
    let count = |stages: &[Stage]| phones.iter().filter(|phone| stages.contains(&phone.stage)).count();
    let needy = count(&[Stage::Held, Stage::Stuck]);
    let seen = count(&[Stage::Seen, Stage::Moving, Stage::Crossing, Stage::Done]) + needy;
    let (moving, done) = (count(&[Stage::Moving, Stage::Crossing]), count(&[Stage::Done]));
    let line = format!("{seen} phones: {moving} under way, {done} done, {needy} need you");
    match phones.iter().filter(|phone| phone.writing).count() {
        0 => line,
        writing => format!("{line}; do not unplug {writing} that write flash"),
    }
}
