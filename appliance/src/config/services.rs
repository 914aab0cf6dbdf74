//! `[files]`, `[registrar]`, `[probe]`, `[admin]` and `[hooks]`: what the appliance offers and uses.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::key::Mistake;
use super::section::Section;
use super::values::{ByteRate, Text};
use crate::system::program;

/// The file service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesSection {
    /// TCP ports, at least one. URLs name the first.
    pub http: Vec<u16>,
    /// The UDP port.
    pub tftp: u16,
    /// The TFTP block number after 65535: 0 or 1.
    pub rollover: u16,
    /// Bytes per second over all phones; `None` for no limit.
    pub rate_limit: Option<u64>,
    /// Transfers at once.
    pub max_transfers: usize,
}

/// The SIP registrar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistrarSection {
    /// Whether phones are asked to register.
    pub enabled: bool,
    /// TCP and UDP port.
    pub listen: u16,
}

/// Page and API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminSection {
    /// Their address.
    pub listen: SocketAddr,
    /// The file with the token. If `listen` is no loopback address, there is one.
    pub token_file: Option<PathBuf>,
}

/// Programs to run on events; empty for none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HooksSection {
    /// The program that restarts a phone.
    pub restart: Vec<String>,
    /// The program that is told of every change of stage.
    pub stage: Vec<String>,
}

pub(super) fn files(s: &mut Section<'_>) -> FilesSection {
    s.at_restart("files", |a, b| a.files == b.files);
    let distinct = |ports: &Vec<u16>| {
        let distinct: BTreeSet<_> = ports.iter().filter(|port| **port != 0).collect();
        !ports.is_empty() && distinct.len() == ports.len()
    };
    FilesSection {
        http: s
            .key("http")
            .require(distinct, "is empty, or names 0 or a port twice", "write http = [80, 6970]")
            .or(vec![80, 6970]),
        tftp: s.key("tftp").port(69),
        rollover: s
            .key("rollover")
            .text("The TFTP block number after 65535: 0 or 1.")
            .require(|number| *number <= 1, "is neither 0 nor 1", "write 0, or 1 for clients that count so")
            .or(0),
        rate_limit: s
            .key("rate-limit")
            .text(r#"Bytes per second over all phones, such as "20M"; "0" for no limit."#)
            .or(Text(ByteRate(0)))
            .0
            .limit(),
        max_transfers: s
            .key("max-transfers")
            .require(
                |most| (1..=28_000).contains(most),
                "is not between 1 and 28000",
                "write 4096, or leave it out",
            )
            .or(4096_u32) as usize,
    }
}

pub(super) fn registrar(s: &mut Section<'_>) -> RegistrarSection {
    s.at_restart("registrar", |a, b| a.registrar == b.registrar);
    RegistrarSection {
        enabled: s.key("enabled").or(true),
        listen: s.key("listen").text("TCP and UDP.").port(5060),
    }
}

pub(super) fn probe(s: &mut Section<'_>) -> bool {
    s.key("enabled").or(true)
}

pub(super) fn admin(s: &mut Section<'_>) -> AdminSection {
    s.at_restart("admin", |a, b| a.admin == b.admin);
    let Text(listen) = s
        .key("listen")
        .text(
            "The page and API. Any address but a loopback one needs a token, which is the content of a file.",
        )
        .or(Text(SocketAddr::from(([127, 0, 0, 1], 8080))));
    let token_file = s.key("token-file").optional(r#""/etc/transload/token""#);
    if let Some(span) = s.span_of("listen").filter(|_| !listen.ip().is_loopback() && token_file.is_none()) {
        s.problem(
            span,
            &format!("admin.listen: everybody who reaches {listen} could command the bench"),
            "name a file that holds a token with token-file, or listen on 127.0.0.1",
        );
    }
    AdminSection { listen, token_file }
}

pub(super) fn hooks(s: &mut Section<'_>) -> HooksSection {
    HooksSection {
        restart: s
            .key("restart")
            .text("Cuts the power of a phone that has to start again and cannot be told to; {mac} is twelve digits. 60 s at most.")
            .check(|command: &Vec<String>| mistakes(command, program::RESTART_PLACEHOLDERS))
            .at_restart(|a, b| a.hooks.restart == b.hooks.restart)
            .optional(r#"["/usr/local/bin/cycle-port", "{mac}"]"#)
            .unwrap_or_default(),
        stage: s
            .key("stage")
            .text(
                "Is told of every change of stage, 30 s at most each, four at a time, in order for one phone. Further placeholders: {was}
                (the stage before), {hold} (its code), {model}, {load}, {target}, {address}, {location}; what is not known is empty.",
            )
            .check(|command: &Vec<String>| mistakes(command, program::STAGE_PLACEHOLDERS))
            .optional(r#"["/usr/local/bin/on-stage", "{mac}", "{stage}"]"#)
            .unwrap_or_default(),
    }
}

/// What is wrong with a program and its arguments, which may hold these placeholders.
fn mistakes(command: &[String], known: &[&str]) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    if let Some(name) = program::placeholders(command).into_iter().find(|name| !known.contains(name)) {
        let all = known.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", ");
        let cause = format!("nothing is known to put in the place of {{{name}}}");
        mistakes.push(Mistake::new(cause, format!("write {all}")));
    }
    if !program::placeholders(command.get(..1).unwrap_or_default()).is_empty() {
        mistakes.push(Mistake::new("the program itself is a placeholder", "write the path of the program"));
    }
    if let Some(name) = program::in_script(command) {
        mistakes.push(Mistake::new(
            format!("whatever {{{name}}} holds would be run as part of the script"),
            format!(r#"hand it over as an argument: ["/bin/sh", "-c", "… \"$1\"", "sh", "{{{name}}}"]"#),
        ));
    }
    mistakes
}
