//! `[timing]`: how long each kind of silence is waited out.

use transload_provision::settings::Timing;

use super::section::Section;

pub(super) fn read(s: &mut Section<'_>) -> Timing {
    let default = Timing::default();
    Timing {
        already_there: s
            .key("already-there")
            .text("A phone that was told a load and does not ask for it runs it already.")
            .duration(default.already_there),
        transfer_idle: s
            .key("transfer-idle")
            .text("A transfer without a byte moving.")
            .duration(default.transfer_idle),
        flash: s.key("flash").text("From the last file of a load to the next start.").duration(default.flash),
        license: s
            .key("license")
            .text("From the crossing to the license being fetched, and from then to the belief that it was accepted.")
            .duration(default.license),
        not_asking: s
            .key("not-asking")
            .text("A phone that has an address and asks for nothing.")
            .duration(default.not_asking),
        restart: s
            .key("restart")
            .text("A phone that was told to restart and does not ask for its configuration; twice as long each further time.")
            .duration(default.restart),
        restarts: s
            .key("restarts")
            .text("Restarts that a phone is told of before it needs a hand.")
            .or(default.restarts),
        quiet: s
            .key("quiet")
            .text("A phone is left alone for so long after it asked for something, before its own page is read.")
            .duration(default.quiet),
        attempts: s
            .key("attempts")
            .text("Failed attempts at one hop before the phone is stuck.")
            .require(|attempts| *attempts != 0, "= 0 would move no phone", "write 1 or more")
            .or(default.attempts),
    }
}
