//! Why a command ends early: an exit status, and a cause and a cure for each problem.

use std::fmt;
use std::process::ExitCode;

use serde::Serialize;
use transload_provision::text;
use utoipa::ToSchema;

/// Exit statuses of the command line; 0 is success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 1: a user must act.
    Act = 1,
    /// 2: wrong use or bad configuration.
    Usage = 2,
    /// 3: another DHCP server was found.
    ForeignDhcp = 3,
    /// 4: missing privilege, or an address in use.
    Privilege = 4,
}

/// A problem, as one line of cause and one line of cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What happened, and to which file, phone or key.
    pub cause: String,
    pub cure: String,
}

/// Why a command cannot continue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Failure {
    /// The exit status of the process.
    pub exit: Exit,
    /// At least one problem, in the order in which a user meets them.
    pub problems: Vec<Problem>,
}

impl Problem {
    /// Line ends become spaces, and hidden characters are removed.
    pub fn new(cause: impl Into<String>, cure: impl Into<String>) -> Self {
        let line = |text: String| text::line(&text).split_whitespace().collect::<Vec<_>>().join(" ");
        Self { cause: line(cause.into()), cure: line(cure.into()) }
    }

    /// Cause and cure in one line, for a log.
    pub fn line(&self) -> String {
        format!("{}; {}", self.cause, self.cure)
    }
}

impl Failure {
    /// A failure with one problem.
    pub fn new(exit: Exit, cause: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { exit, problems: vec![Problem::new(cause, cure)] }
    }

    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }
}

/// Something that keeps phones from being served, a bound that was reached, or a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Trouble {
    /// What is concerned: `ledger`, `disk`, `interface`, `doors`, `dhcp` or `foreign-dhcp`; the bound's name; `no-lease` or
    /// `proxy-arp`.
    pub what: &'static str,
    /// What happened.
    pub cause: String,
    /// What to do.
    pub cure: String,
}

impl Trouble {
    /// What happened, and what to do.
    pub fn line(&self) -> String {
        format!("{}; {}", self.cause, self.cure)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}\n cure: {}", self.cause, self.cure)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}
