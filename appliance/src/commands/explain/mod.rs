//! `transload explain MAC`: explains what a client received and why, and what comes next.

mod show;

use std::process::ExitCode;

use transload_provision::mac::Mac;

use crate::commands::cli::ExplainArgs;
use crate::commands::status::{self, client};
use crate::config::Config;
use crate::system::error::{Exit, Failure};
use crate::terminal::table;

/// Prints the explanation. The exit status is 1 for a held phone or an unknown client.
pub fn run(config: &Config, args: &ExplainArgs) -> Result<ExitCode, Failure> {
    let mac: Mac = args.mac.parse().map_err(|error: transload_provision::mac::NotAMac| {
        Failure::new(Exit::Usage, error.cause(), "write it as 001234AB45DE, or in any common spelling")
    })?;
    let answer = client::get(&config.admin, &format!("/api/phones/{mac}/explain"))?;
    let (explanation, note) = match answer {
        Some(explanation) => (explanation, None),
        None => (status::offline(config)?.explain(mac), Some(status::note(config))),
    };
    if args.json {
        let text = serde_json::to_string(&explanation)
            .map_err(|error| Failure::new(Exit::Act, error.to_string(), "run it without --json"))?;
        println!("{text}");
    } else {
        print!("{}", show::text(&explanation, note.as_deref(), table::width()));
    }
    let fine = explanation.phone.is_some() && explanation.hold.is_none();
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::from(Exit::Act as u8) })
}
