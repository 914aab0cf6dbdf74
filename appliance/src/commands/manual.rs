//! `transload manual`: writes manual pages and shell completions for packages.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::commands::cli::Cli;
use crate::commands::init;
use crate::system::error::{Exit, Failure};

/// The part of the manual that the command line does not define.
const ON_FILES: &str = r".SH FILES
.TP
.I /etc/transload/transload.toml
The configuration; see \fBtransload.toml\fR(5).
.TP
.I /etc/transload/token
The token that the page asks for where it listens on more than a loopback address.
.TP
.I /var/lib/transload
The state: ledger, firmware, licenses, roster. \fBtransload backup\fR writes all of it into one file.
.SH EXIT STATUS
0: fine. 1: something you must act on. 2: wrong use or bad configuration. 3: another DHCP server found. 4: missing
privilege or address in use.
.SH SEE ALSO
\fBtransload.toml\fR(5), \fBsystemctl\fR(1)
";

pub fn run(folder: &Path) -> Result<(), Failure> {
    write(folder).map_err(|error| {
        Failure::new(
            Exit::Act,
            format!("cannot write to {}: {error}", folder.display()),
            "name a folder that you may write to",
        )
    })
}

fn write(folder: &Path) -> std::io::Result<()> {
    let [commands, files, completions] = ["man1", "man5", "completions"].map(|part| folder.join(part));
    for part in [&commands, &files, &completions] {
        std::fs::create_dir_all(part)?;
    }
    clap_mangen::generate_to(Cli::command(), &commands)?;
    OpenOptions::new().append(true).open(commands.join("transload.1"))?.write_all(ON_FILES.as_bytes())?;
    std::fs::write(files.join("transload.toml.5"), configuration_page())?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut Cli::command(), "transload", &completions)?;
    }
    Ok(())
}

/// `transload.toml(5)`: the commented file itself.
fn configuration_page() -> String {
    let text = init::template().replace('\\', "\\e").replace('-', "\\-");
    let text: String = text
        .lines()
        // A leading dot or quote would be a formatter request.
        .map(|line| if line.starts_with(['.', '\'']) { format!("\\&{line}\n") } else { format!("{line}\n") })
        .collect();
    format!(
        ".TH TRANSLOAD.TOML 5 \"\" \"transload {version}\"\n\
         .SH NAME\ntransload.toml \\- configuration of transload\n\
         .SH DESCRIPTION\n\
         Read from the folder in which a command is given, else from /etc/transload; \\-\\-config names another. Every \
         value is shown here at its default. \\fBtransload check\\fR says what is wrong with a file, and \
         \\fBtransload reload\\fR makes the running bench read it again.\n\
         .PP\n.nf\n{text}.fi\n\
         .SH SEE ALSO\n\\fBtransload\\fR(1)\n",
        version = env!("CARGO_PKG_VERSION"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_a_user_sees_has_a_page_and_is_completed() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let completions = ["transload.bash", "_transload", "transload.fish"]
            .map(|shell| read(&format!("completions/{shell}")));
        for command in Cli::command().get_subcommands() {
            let page = format!("man1/transload-{}.1", command.get_name());
            assert_eq!(folder.path().join(page).exists(), !command.is_hide_set(), "{}", command.get_name());
            for shell in completions.iter().filter(|_| !command.is_hide_set()) {
                assert!(shell.contains(command.get_name()), "{}", command.get_name());
            }
        }
        assert!(read("man1/transload.1").contains("FILES"));
        assert!(read("man5/transload.toml.5").contains("[registrar]"));
    }
}
