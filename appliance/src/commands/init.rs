//! `transload init`: writes a configuration file with every default.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::config::{self, PLACES};
use crate::system::error::{Exit, Failure};

/// The file's content.
pub fn template() -> String {
    config::template().join("\n")
}

/// Writes the file to `path`, or to the place where other commands look first. An existing file stays.
pub fn run(path: Option<&Path>) -> Result<(), Failure> {
    let path = path.unwrap_or(Path::new(PLACES[0]));
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| {
        let cure = match error.kind() {
            ErrorKind::AlreadyExists => "edit that file, move it away, or name another with --config",
            ErrorKind::NotFound => "make its folder first, or name another file with --config",
            _ => "name a file that you may write with --config",
        };
        Failure::new(Exit::Usage, format!("cannot write {}: {error}", path.display()), cure)
    })?;
    file.write_all(template().as_bytes()).map_err(|error| {
        Failure::new(
            Exit::Act,
            format!("cannot write {}: {error}", path.display()),
            "make room on the disk, delete the file and try again",
        )
    })?;
    println!("{} is written; set bench.interface in it, then run `transload check`", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn what_is_written_means_the_defaults() {
        let parse = |text: &str| Config::parse(text, Path::new("x")).unwrap();
        assert_eq!(parse(&template()), parse(""));
    }

    /// Each `# key = value` in a comment is valid as a setting.
    #[test]
    fn what_is_shown_in_comments_can_be_used() {
        let shown: String = template()
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        assert_ne!(shown, template());
        let config = Config::parse(&shown, Path::new("x")).map_err(|failure| failure.to_string()).unwrap();
        assert_eq!(config.bench.interface.as_deref(), Some("eth1"));
        assert_eq!(
            (config.dhcp.classes.len(), config.dhcp.reservations.len(), config.dhcp.networks.len()),
            (1, 1, 2)
        );
    }
}
