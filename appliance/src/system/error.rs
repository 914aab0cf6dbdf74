//! What ends a command early: an exit status, and for each problem one line of cause and one of cure.

use std::fmt;
use std::process::ExitCode;

use serde::Serialize;
use transload_provision::text;
use utoipa::ToSchema;

/// Exit statuses, as the contract has them; 0 is no failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 1: something a user must act on.
    Act = 1,
    /// 2: wrong use or bad configuration.
    Usage = 2,
    /// 3: another DHCP server was found.
    ForeignDhcp = 3,
    /// 4: missing privilege, or an address in use.
    Privilege = 4,
}

/// One thing that is wrong, and what to do about it; both in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What happened, to which file, phone or key.
    pub cause: String,
    /// What to do.
    pub cure: String,
}

/// A command cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Failure {
    /// The status the process ends with.
    pub exit: Exit,
    /// At least one, in the order a user meets them.
    pub problems: Vec<Problem>,
}

impl Problem {
    /// Both lines; line ends within them become spaces, and hidden characters are left out.
    pub fn new(cause: impl Into<String>, cure: impl Into<String>) -> Self {
        let line = |text: String| text::line(&text).split_whitespace().collect::<Vec<_>>().join(" ");
        Self { cause: line(cause.into()), cure: line(cure.into()) }
    }
}

impl Failure {
    /// A failure for one reason.
    pub fn new(exit: Exit, cause: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { exit, problems: vec![Problem::new(cause, cure)] }
    }

    /// The status for the operating system.
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
