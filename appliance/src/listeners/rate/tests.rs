use std::net::Ipv4Addr;

use super::*;

const MEGABYTE: u64 = 1_000_000;

fn phone(number: u8) -> IpAddr {
    Ipv4Addr::new(10, 23, 45, number).into()
}

fn always<T>(_: &T) -> bool {
    true
}

/// Lets each phone ask again for `pieces` of its size after each ticket; returns the bytes of each phone in `seconds`
/// on a line of 1 MB/s.
fn saturated(pieces: &[u64], seconds: u64) -> Vec<u64> {
    let mut line = RateQueue::new(MEGABYTE);
    let mut got = vec![0; pieces.len()];
    for (index, bytes) in pieces.iter().enumerate() {
        line.ask(Duration::ZERO, phone(index as u8), *bytes, index);
    }
    while let Some(now) = line.next_at().filter(|now| *now < Duration::from_secs(seconds)) {
        while let Some(index) = line.next(now, always) {
            got[index] += pieces[index];
            line.ask(now, phone(index as u8), pieces[index], index);
        }
    }
    got
}

#[test]
fn all_phones_together_get_the_rate_and_no_more() {
    let total: u64 = saturated(&[1428, 1428, 1428], 10).iter().sum();
    let most = 10 * MEGABYTE + MEGABYTE / 50 + 1428;
    assert!((9_900_000..=most).contains(&total), "{total}");
}

#[test]
fn each_gets_the_same_share_however_much_it_asks_for_at_once() {
    let got = saturated(&[512, 1428, 16 * 1024, 64 * 1024], 20);
    let mean = got.iter().sum::<u64>() / 4;
    assert!(got.iter().all(|bytes| bytes.abs_diff(mean) <= 2 * 64 * 1024), "{got:?}");
}

#[test]
fn one_phone_with_many_transfers_gets_one_share() {
    let mut line = RateQueue::new(MEGABYTE);
    let mut got = [0_u64; 2];
    let who = |ticket: usize| usize::from(ticket == 9);
    for ticket in 0..10 {
        line.ask(Duration::ZERO, phone(who(ticket) as u8), 1000, ticket);
    }
    while let Some(now) = line.next_at().filter(|now| *now < Duration::from_secs(5)) {
        while let Some(ticket) = line.next(now, always) {
            got[who(ticket)] += 1000;
            line.ask(now, phone(who(ticket) as u8), 1000, ticket);
        }
    }
    assert!(got[0].abs_diff(got[1]) <= 20_000, "{got:?}");
}

#[test]
fn who_comes_late_or_paused_gets_its_share_at_once_and_nothing_for_the_pause() {
    let mut line = RateQueue::new(MEGABYTE);
    let (mut got, mut late) = ([0_u64; 2], false);
    line.ask(Duration::ZERO, phone(0), 10_000, 0);
    while let Some(now) = line.next_at().filter(|now| *now < Duration::from_secs(20)) {
        if now >= Duration::from_secs(10) && !late {
            late = true;
            line.ask(now, phone(1), 10_000, 1);
        }
        while let Some(index) = line.next(now, always) {
            if late {
                got[index] += 10_000;
            }
            line.ask(now, phone(index as u8), 10_000, index);
        }
    }
    assert!(got[0].abs_diff(got[1]) <= 30_000, "{got:?}");
}

#[test]
fn who_has_gone_takes_nothing_from_the_line() {
    let mut line = RateQueue::new(1000);
    line.ask(Duration::ZERO, phone(1), 1_000_000, "gone");
    line.ask(Duration::ZERO, phone(2), 100, "here");
    assert_eq!(line.next(Duration::from_secs(1), |ticket| *ticket != "gone"), Some("here"));
    assert_eq!(line.next_at(), None);
}

#[test]
fn a_phone_that_paused_is_forgotten() {
    let mut line = RateQueue::new(MEGABYTE);
    for number in 0..200 {
        let now = Duration::from_secs(u64::from(number));
        line.ask(now, phone(number), 100, ());
        assert!(line.next(now, always).is_some());
    }
    assert!(line.phones.len() <= 2, "{}", line.phones.len());
}

#[tokio::test]
async fn waiting_takes_as_long_as_the_bytes_do() {
    let unlimited = RateLimit::new(None);
    assert!(!unlimited.is_limited());
    unlimited.take(phone(1), u64::MAX).await;
    let rate = RateLimit::new(Some(MEGABYTE));
    let begun = Instant::now();
    for _ in 0..32 {
        rate.take(phone(1), 10_000).await;
    }
    // The last piece may leave when those before it, less a burst, have left.
    assert!(begun.elapsed() >= Duration::from_millis(310 - 25), "{:?}", begun.elapsed());
}
