//! Estimates the time until all phones under way are done, from the durations of hops on this bench.

use std::time::Duration;

use crate::journey::{Assessment, Journey, Round, Stage};
use crate::time::Time;

/// A hop that takes longer than the others still needs at least this fraction of their time.
const LEAST: u32 = 8;

/// The timing of one phone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The durations of the hops finished here, from each `.loads` file to the next or, for the last, to the boot
    /// after it.
    pub finished: Vec<Duration>,
    /// The rest of the phone's way; `None` if it is done, held, stuck or absent.
    pub ahead: Option<Ahead>,
}

/// The rest of a phone's way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ahead {
    /// Hops, including the one in progress.
    pub hops: u32,
    /// Time spent on the hop in progress.
    pub spent: Duration,
    /// A wait of known length after the hops.
    pub wait: Duration,
}

/// The timing of a phone by its facts.
pub fn standing(journey: &Journey, assessment: &Assessment, now: Time) -> Standing {
    let rounds = &journey.rounds;
    let ends = |(at, round): (usize, &Round)| {
        let ended = round.booted?;
        let next = rounds.get(at + 1).filter(|next| next.load != round.load);
        Some(next.map_or(ended, |next| next.began) - round.began)
    };
    let under_way = matches!(assessment.stage, Stage::Seen | Stage::Moving | Stage::Crossing);
    let at_target = assessment.load.is_some() && assessment.load == assessment.target;
    let open = rounds.last().filter(|round| round.booted.is_none());
    let ahead = Ahead {
        hops: if at_target { 0 } else { (assessment.hops + 1).saturating_sub(assessment.hop.max(1)) as u32 },
        spent: open.map_or(Duration::ZERO, |round| now - round.began),
        wait: assessment.deadline.filter(|_| at_target).map_or(Duration::ZERO, |deadline| deadline - now),
    };
    Standing {
        finished: rounds.iter().enumerate().filter_map(ends).collect(),
        ahead: (under_way && assessment.hops > 0).then_some(ahead),
    }
}

/// The time until the last phone under way is done, without held and stuck ones. `None` if it is unknown: no phone is
/// under way, or no hop is finished yet.
pub fn time_left<'s>(standings: impl IntoIterator<Item = &'s Standing>) -> Option<Duration> {
    let standings: Vec<&Standing> = standings.into_iter().collect();
    let hop = typical(&standings);
    let ahead = standings.iter().filter_map(|standing| standing.ahead);
    // If one phone's time is unknown, so is the last one's.
    let all: Option<Vec<Duration>> = ahead.map(|ahead| left(ahead, hop)).collect();
    all?.into_iter().max()
}

fn left(ahead: Ahead, hop: Option<Duration>) -> Option<Duration> {
    if ahead.hops == 0 {
        return Some(ahead.wait);
    }
    let hop = hop?;
    let current = hop.saturating_sub(ahead.spent).max(hop / LEAST);
    Some(current + hop * (ahead.hops - 1) + ahead.wait)
}

/// The third quartile of the finished hops, since the last phone counts, not the median one.
fn typical(standings: &[&Standing]) -> Option<Duration> {
    let mut finished: Vec<Duration> = standings.iter().flat_map(|phone| &phone.finished).copied().collect();
    finished.sort_unstable();
    finished.get(finished.len() * 3 / 4).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn ahead(hops: u32, spent: u32) -> Standing {
        let ahead = Ahead { hops, spent: MINUTE * spent, ..Ahead::default() };
        Standing { finished: Vec::new(), ahead: Some(ahead) }
    }

    fn finished(minutes: &[u32]) -> Standing {
        Standing { finished: minutes.iter().map(|minutes| MINUTE * *minutes).collect(), ahead: None }
    }

    #[test]
    fn until_a_hop_was_finished_nobody_can_say() {
        assert_eq!(time_left(&[ahead(2, 3), ahead(1, 0)]), None);
        assert_eq!(
            time_left(&[finished(&[5])]),
            None,
            "and where nothing is under way there is no end to wait for"
        );
    }

    #[test]
    fn the_last_phone_counts() {
        let phones = [finished(&[8, 9, 10, 11]), ahead(1, 2), ahead(2, 1)];
        assert_eq!(time_left(&phones), Some(MINUTE * 21), "10 min left of the first hop, and the second");
    }

    #[test]
    fn a_hop_that_takes_longer_than_others_is_never_just_about_to_end() {
        assert_eq!(time_left(&[finished(&[8]), ahead(1, 60)]), Some(MINUTE));
    }

    #[test]
    fn a_wait_with_a_known_end_needs_no_finished_hop() {
        let wait = Ahead { wait: MINUTE * 35, ..Ahead::default() };
        assert_eq!(time_left(&[Standing { ahead: Some(wait), ..Standing::default() }]), Some(MINUTE * 35));
    }
}
