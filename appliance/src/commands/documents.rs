//! Tests that the documents agree with the program: generated parts are current, links and names exist.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Arg, Command, CommandFactory};

use crate::commands::cli::Cli;
use crate::config::{self, Config};

const BEGIN: &str = "<!-- generated: begin -->\n";
const END: &str = "<!-- generated: end -->\n";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Compares the generated part of a document with the program, or renews it.
fn hold(document: &str, generated: &str) {
    let path = repository().join(document);
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let now = format!("{before}{BEGIN}\n{generated}\n{END}{after}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(
        kept == now,
        "{document} is stale: `UPDATE_GOLDEN=1 cargo test -p transload documents` renews it; then commit it"
    );
}

/// Escapes text for a table cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// The spelling of an argument on the command line.
fn typed(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let mut value = names.iter().map(clap::builder::Str::as_str).collect::<Vec<_>>().join(" ");
    if !arg.get_action().takes_values() {
        value.clear();
    }
    let flag = match (arg.get_short(), arg.get_long()) {
        (Some(short), Some(long)) => format!("-{short}, --{long}"),
        (None, Some(long)) => format!("--{long}"),
        (Some(short), None) => format!("-{short}"),
        (None, None) => String::new(),
    };
    format!("{flag} {value}").trim().to_owned()
}

fn meaning(arg: &Arg) -> String {
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let choices: Vec<String> =
        arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if arg.get_action().takes_values() && !choices.is_empty() {
        let _ = write!(text, " [one of: {}]", choices.join(", "));
    }
    let default: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if arg.get_action().takes_values() && !default.is_empty() {
        let _ = write!(text, " [default: `{}`]", default.join(" "));
    }
    cell(&text)
}

fn describe(command: &mut Command, name: &str, text: &mut String) {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    let _ = writeln!(text, "### `{name}`\n\n{about}.\n\n    {usage}\n");
    let own = |arg: &&Arg| {
        !arg.is_hide_set() && !arg.is_global_set() && !matches!(arg.get_id().as_str(), "help" | "version")
    };
    let arguments: Vec<&Arg> = command.get_arguments().filter(own).collect();
    if !arguments.is_empty() {
        text.push_str("| argument | meaning |\n|---|---|\n");
        for arg in arguments {
            let _ = writeln!(text, "| `{}` | {} |", cell(&typed(arg)), meaning(arg));
        }
        text.push('\n');
    }
    for inner in command.get_subcommands_mut().filter(|inner| !inner.is_hide_set()) {
        let name = format!("{name} {}", inner.get_name());
        describe(inner, &name, text);
    }
}

#[test]
fn the_documented_commands_are_those_of_the_command_line() {
    let mut program = Cli::command();
    program.build();
    let mut text = String::new();
    for command in program.get_subcommands_mut().filter(|command| !command.is_hide_set()) {
        let name = format!("transload {}", command.get_name());
        describe(command, &name, &mut text);
    }
    hold("docs/commands.md", text.trim_end());
}

/// The header of a block of `init`'s file.
fn header(block: &str) -> Option<&str> {
    block.lines().map(|line| line.trim_start_matches('#')).find(|line| line.starts_with('['))
}

/// Each block of `init`'s file, under its own heading, and what `reload` refuses to change.
#[test]
fn the_documented_configuration_is_the_one_that_init_writes() {
    let mut text = String::new();
    for block in config::template() {
        let title = header(&block).map_or("The head of the file".to_owned(), |header| format!("`{header}`"));
        let _ = writeln!(text, "### {title}\n\n```toml\n{block}```\n");
    }
    text.push_str("### Keys that need a restart\n\n");
    for what in config::kept_by_reload() {
        let _ = match (what.split_once(" [["), what.contains('.')) {
            (Some((keys, table)), _) => writeln!(text, "- {keys} `[[{table}`"),
            (None, true) => writeln!(text, "- `{what}`"),
            (None, false) => writeln!(text, "- all of `[{what}]`"),
        };
    }
    hold("docs/configuration.md", text.trim_end());
}

/// The keys of a section, as the refusal of an unknown key lists them.
fn keys(place: &str) -> Vec<String> {
    let refusal =
        Config::parse(&format!("{place}\nno-such-key = 1"), Path::new("x")).unwrap_err().to_string();
    let (_, listed) = refusal.split_once("use one of ").unwrap_or_else(|| panic!("{place}: {refusal}"));
    listed.lines().next().unwrap_or_default().split(", ").map(str::to_owned).collect()
}

#[test]
fn every_key_that_the_configuration_takes_is_documented() {
    let blocks = config::template();
    let mut missing = Vec::new();
    for section in keys("") {
        let of_section = |block: &&String| {
            let names = header(block).unwrap_or_default().trim_matches(['[', ']']);
            names.split('.').next() == Some(&section)
        };
        let lines: String = blocks.iter().filter(of_section).map(|block| block.replace('#', "")).collect();
        let shown = |key: &String| {
            [format!("\n{key} = "), format!("[{section}.{key}")].iter().any(|text| lines.contains(text))
        };
        let unknown = keys(&format!("[{section}]")).into_iter().filter(|key| !shown(key));
        missing.extend(unknown.map(|key| format!("{section}.{key}")));
    }
    assert_eq!(missing, [""; 0], "keys that the file of `init` does not show");
}

/// The Markdown files for readers: README and its kin, and `docs/`.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["", "docs", "dhcp/kea"] {
        for entry in std::fs::read_dir(repository().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The link and image targets of a document, outside of code.
fn links(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if !fenced && !line.starts_with("    ") {
            prose.extend(line.split('`').step_by(2));
            prose.push('\n');
        }
    }
    let after = prose.split("](").skip(1);
    after.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

/// The anchor that Markdown viewers give a heading.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let name = |heading: &str| -> String {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(name).collect()
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let mut broken = Vec::new();
    for document in documents() {
        let text = std::fs::read_to_string(&document).unwrap();
        for link in links(&text).into_iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target =
                if file.is_empty() { document.clone() } else { document.parent().unwrap().join(file) };
            let known = |anchor: &str| {
                let text = std::fs::read_to_string(&target).unwrap_or_default();
                anchor.is_empty() || anchors(&text).iter().any(|name| name == anchor)
            };
            if !target.exists() || !known(anchor) {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert_eq!(broken, [""; 0], "links that lead nowhere");
}

#[test]
fn the_readme_is_short_and_leads_to_every_document_in_one_click() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    assert!(readme.lines().count() < 150, "README.md has {} lines", readme.lines().count());
    let linked = links(&readme);
    for document in documents() {
        let path = document.strip_prefix(repository()).unwrap().to_str().unwrap();
        let reached = path == "README.md" || linked.iter().any(|link| link == path);
        assert!(reached, "README.md does not link to {path}");
    }
}

/// A table of places in the code is useless if a file is missing.
#[test]
fn every_source_file_that_the_architecture_names_exists() {
    let text = std::fs::read_to_string(repository().join("docs/architecture.md")).unwrap();
    let code = text.split('`').skip(1).step_by(2);
    let sources = code.filter(|code| code.contains('/') && !code.contains(' '));
    let files = sources.filter(|path| [".rs", ".toml", ".js", ".py"].iter().any(|end| path.ends_with(end)));
    let mut missing: Vec<&str> = files.filter(|path| !repository().join(path).exists()).collect();
    missing.sort_unstable();
    assert_eq!(missing, [""; 0], "files that docs/architecture.md names and that are not there");
}

/// Each function or constant in the table is defined in the file beside it.
#[test]
fn every_place_in_the_architecture_names_what_its_file_defines() {
    let text = std::fs::read_to_string(repository().join("docs/architecture.md")).unwrap();
    let (_, table) = text.split_once("## Where is it decided").unwrap();
    let mut places = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let code: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        let mut source = None;
        for word in code {
            let path = repository().join(word);
            if word.contains('/') && path.exists() {
                source = std::fs::read_to_string(path).ok();
            } else if let (Some(source), Some(name)) = (&source, word.strip_suffix("()")) {
                let name = name.rsplit("::").next().unwrap_or(name);
                assert!(
                    source.contains(&format!("fn {name}")) || source.contains(&format!("function {name}(")),
                    "{name} is not defined where docs/architecture.md says: {row}"
                );
                places += 1;
            }
        }
    }
    assert!(places >= 10, "only {places} places are named");
}

#[test]
fn the_documents_name_the_rust_release_that_the_packages_ask_for() {
    let workspace = std::fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let (_, rest) = workspace.split_once("rust-version = \"").unwrap();
    let (needed, _) = rest.split_once('"').unwrap();
    for document in ["README.md", "CONTRIBUTING.md", "docs/install.md"] {
        let text = std::fs::read_to_string(repository().join(document)).unwrap();
        assert!(text.contains(&format!("Rust {needed}")), "{document} does not name Rust {needed}");
    }
    let toolchain = std::fs::read_to_string(repository().join("rust-toolchain.toml")).unwrap();
    assert!(toolchain.contains("channel = \"stable\""), "rust-toolchain.toml must not fetch a toolchain");
}

/// A dependency that needs a newer Rust breaks the promise of `rust-version`.
#[test]
fn no_dependency_asks_for_a_newer_rust_than_rust_version_says() {
    // Dependencies of other systems are neither built nor present.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--locked", "--format-version", "1", "--filter-platform", &platform])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let release = |text: &str| -> Vec<u32> {
        let parts = text.split('.').filter_map(|part| part.parse().ok());
        parts.chain(std::iter::repeat(0)).take(3).collect()
    };
    let packages = metadata["packages"].as_array().unwrap();
    let own = packages.iter().find(|package| package["name"] == "transload").unwrap();
    let ours = own["rust_version"].as_str().unwrap();
    let newer: Vec<String> = packages
        .iter()
        .filter(|package| package["rust_version"].as_str().is_some_and(|its| release(its) > release(ours)))
        .map(|package| {
            format!("{} {}: Rust {}", package["name"], package["version"], package["rust_version"])
        })
        .collect();
    assert_eq!(newer, [""; 0], "they need a newer Rust than {ours}");
}
