//! Programs that the configuration names: run without a shell, for a bounded time, their words kept.

use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Command;
use tokio::time::timeout;
use transload_provision::text;

/// What `hooks.stage` may name.
pub const STAGE_PLACEHOLDERS: &[&str] =
    &["mac", "stage", "was", "hold", "model", "load", "target", "address", "location"];
/// What `hooks.restart` may name.
pub const RESTART_PLACEHOLDERS: &[&str] = &["mac"];

/// Bytes of what a program prints that are read; the rest is thrown away.
const READ: usize = 4096;
/// Characters of it that are kept.
const KEPT: usize = 300;

/// Shells, whose `-c` takes a script.
const SHELLS: [&str; 8] = ["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish"];
/// Placeholders that hold what a person or a phone wrote.
const FREE_TEXT: [&str; 2] = ["model", "location"];
/// What the service manager tells this program alone.
const OWN_VARIABLES: [&str; 6] =
    ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID"];

/// `{name}` in each argument, replaced by its value; what has none stays as it is. An argument that does not begin with a
/// dash as it is configured does not begin with one afterwards: a value is never taken for an option.
pub fn filled(command: &[String], value: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let fill = |argument: &String| {
        let (mut text, mut rest) = (String::new(), argument.as_str());
        while let Some((before, name, after)) = next_placeholder(rest) {
            text.push_str(before);
            match value(name) {
                Some(value) => text.push_str(&value),
                None => text.extend(["{", name, "}"]),
            }
            rest = after;
        }
        text += rest;
        if argument.starts_with('-') { text } else { text.trim_start_matches('-').to_owned() }
    };
    command.iter().map(fill).collect()
}

/// The placeholders in a command.
pub fn placeholders(command: &[String]) -> Vec<&str> {
    let mut names = Vec::new();
    for argument in command {
        let mut rest = argument.as_str();
        while let Some((_, name, after)) = next_placeholder(rest) {
            names.push(name);
            rest = after;
        }
    }
    names
}

/// A placeholder of free text within a shell's script, where it would be run.
pub fn in_script(command: &[String]) -> Option<&str> {
    let (name, arguments) = command.split_first()?;
    let name = name.rsplit('/').next().unwrap_or(name);
    let takes_script = |option: &String| option.starts_with('-') && option.ends_with('c');
    let at = arguments.iter().position(takes_script).filter(|_| SHELLS.contains(&name))?;
    let script = arguments.get(at + 1..at + 2)?;
    placeholders(script).into_iter().find(|name| FREE_TEXT.contains(name))
}

/// The text before the next `{word}`, the word, and the text after it. Other braces are text.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text.get(from..)?.find('{')?;
        let inner = text.get(open + 1..)?;
        let length = inner.find(|letter: char| !letter.is_ascii_lowercase() && letter != '-')?;
        match inner.get(length..)?.strip_prefix('}') {
            Some(after) if length > 0 => return Some((text.get(..open)?, inner.get(..length)?, after)),
            _ => from = open + 1,
        }
    }
}

/// Runs a program for `limit` at most, it and what it started. Gives what it printed, shortened.
///
/// # Errors
/// Why it was of no use, for the technician.
pub async fn run(command: &[String], limit: Duration) -> Result<String, String> {
    let Some((name, arguments)) = command.split_first() else {
        return Err("no program is set".to_owned());
    };
    let lost = |error: std::io::Error| format!("{name} could not be started: {error}");
    let (reader, writer) = std::io::pipe().map_err(lost)?;
    let mut reader = Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(lost)?;
    let mut child = {
        // The command keeps its ends of the pipe open for as long as it is there.
        let mut command = Command::new(name);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(writer.try_clone().map_err(lost)?)
            .stderr(writer)
            .process_group(0)
            .kill_on_drop(true);
        for variable in OWN_VARIABLES {
            command.env_remove(variable);
        }
        command.spawn().map_err(lost)?
    };
    let mut group = Group(child.id());
    let mut printed = Vec::new();
    let ended = timeout(limit, async {
        let mut open = true;
        loop {
            let mut chunk = [0; 1024];
            tokio::select! {
                biased;
                read = reader.read(&mut chunk), if open => match read {
                    Ok(0) | Err(_) => open = false,
                    Ok(length) if printed.len() < READ => printed.extend_from_slice(&chunk[..length]),
                    Ok(_) => {}
                },
                status = child.wait() => return status,
            }
        }
    })
    .await;
    // What it printed in its last moment; nobody is waited for.
    let mut rest = [0; READ];
    if let Ok(length) = reader.try_read(&mut rest) {
        printed.extend_from_slice(&rest[..length]);
    }
    let said = words(&printed);
    let with = if said.is_empty() { String::new() } else { format!(": {said}") };
    match ended {
        Ok(status) => {
            // Whatever it left running on purpose may stay.
            group.0 = None;
            match status {
                Ok(status) if status.success() => Ok(said),
                Ok(status) => Err(format!("{name} ended with {status}{with}")),
                Err(error) => Err(format!("{name} was lost: {error}{with}")),
            }
        }
        Err(_) => Err(format!("{name} took longer than {} s and was ended{with}", limit.as_secs())),
    }
}

/// A program and what it started, ended together when dropped.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0.and_then(|id| i32::try_from(id).ok()) {
            // It may have ended meanwhile.
            let _ = killpg(Pid::from_raw(leader), Signal::SIGKILL);
        }
    }
}

fn words(printed: &[u8]) -> String {
    let text = String::from_utf8_lossy(printed);
    let words = text::line(&text).split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(KEPT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[test]
    fn placeholders_are_words_in_braces_and_nothing_else_is_touched() {
        let command = ["{mac}", "a{stage}b{stage}", r#"{"mac":"{mac}"}"#, "{}{x}{Mac}{", "{{mac}}"];
        let command = command.map(str::to_owned);
        let value = |name: &str| (name != "x").then(|| name.to_uppercase());
        assert_eq!(
            filled(&command, value),
            ["MAC", "aSTAGEbSTAGE", r#"{"mac":"MAC"}"#, "{}{x}{Mac}{", "{MAC}"]
        );
        assert_eq!(placeholders(&command), ["mac", "stage", "stage", "mac", "x", "mac"]);
    }

    #[test]
    fn a_value_is_never_taken_for_an_option() {
        let command = ["{v}", "--at={v}", "-{v}", "a {v}", "{e}{v}", "{v}{v}"].map(str::to_owned);
        let value = |name: &str| Some(if name == "e" { String::new() } else { "--rm -r".to_owned() });
        let expected = ["rm -r", "--at=--rm -r", "---rm -r", "a --rm -r", "rm -r", "rm -r--rm -r"];
        assert_eq!(filled(&command, value), expected);
    }

    #[test]
    fn free_text_within_a_script_is_found() {
        let found = |command: &[&str]| {
            let command: Vec<String> = command.iter().map(|part| (*part).to_owned()).collect();
            in_script(&command).map(str::to_owned)
        };
        assert_eq!(found(&["/bin/sh", "-c", "echo {mac} {location}"]).as_deref(), Some("location"));
        assert_eq!(found(&["bash", "-e", "-xc", "echo {model}", "x"]).as_deref(), Some("model"));
        assert_eq!(found(&["/bin/sh", "-c", "echo {mac} \"$1\"", "sh", "{location}"]), None);
        assert_eq!(found(&["/usr/bin/tell", "-c", "{location}"]), None);
    }

    #[tokio::test]
    async fn what_it_prints_is_kept_within_bounds_and_failure_is_told() {
        let limit = Duration::from_secs(20);
        let said = run(&shell("echo one; printf 'two\\033[2J' >&2"), limit).await;
        assert_eq!(said, Ok("one two [2J".to_owned()));
        let said = run(&shell("head -c 10000000 /dev/zero | tr '\\0' x"), limit).await.unwrap();
        assert_eq!(said.len(), KEPT);
        let why = run(&shell("echo no such port; exit 3"), limit).await.unwrap_err();
        assert_eq!(why, "/bin/sh ended with exit status: 3: no such port");
        let why = run(&["/no/such/program".to_owned()], limit).await.unwrap_err();
        assert!(why.starts_with("/no/such/program could not be started"), "{why}");
    }

    #[tokio::test]
    async fn one_that_hangs_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 600 & echo $! > {}; wait", file.display());
        let why = run(&shell(&script), Duration::from_secs(2)).await.unwrap_err();
        assert!(why.contains("took longer than 2 s"), "{why}");
        let child: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        let gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        let patience = std::time::Instant::now();
        while !gone() {
            assert!(patience.elapsed() < Duration::from_secs(20), "its child goes on");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn one_that_leaves_something_running_has_ended_all_the_same() {
        let began = std::time::Instant::now();
        let said = run(&shell("sleep 30 & echo done"), Duration::from_secs(25)).await;
        assert_eq!(said, Ok("done".to_owned()));
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}
