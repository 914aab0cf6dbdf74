//! The clock stops while work is unfinished, and continues afterwards.

use tokio::time::sleep as really;

use super::*;

const SPEED: u32 = 1000;
const MOMENT: Duration = Duration::from_millis(100);

/// Waits until a running clock shows `at`.
async fn until(pace: &Pace, at: Duration) {
    let passed = async {
        while pace.elapsed() < at {
            really(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), passed).await.expect("time goes on");
}

#[tokio::test]
async fn time_stands_still_while_work_is_in_hand_and_goes_on_after_it() {
    let pace = Pace::patient(SPEED);
    let (first, second) = (pace.hold("one"), pace.hold("another"));
    let began = pace.elapsed();
    really(MOMENT).await;
    drop(first);
    really(MOMENT).await;
    assert!(pace.elapsed() <= began + REQUEST + MOMENT, "{:?}", pace.elapsed());
    drop(second);
    let stood = pace.elapsed();
    assert!(stood <= began + REQUEST + MOMENT, "what has passed in reality is not made up for: {stood:?}");
    until(&pace, stood + Duration::from_secs(60)).await;
}

#[tokio::test]
async fn time_passes_nobody_who_sleeps() {
    let pace = Pace::patient(SPEED);
    let late = Duration::from_secs(5);
    let (never_woken, before) = (pace.sleep_until(late), pace.sleep_until(late / 2));
    drop(before.await);
    assert!((late / 2..=late).contains(&pace.elapsed()));
    really(MOMENT).await;
    assert_eq!(pace.elapsed(), late, "the other has not gone on yet");
    drop(never_woken);
    until(&pace, late * 2).await;
}

#[tokio::test]
async fn a_sleeper_wakes_in_time_with_work_in_hand() {
    let pace = Pace::patient(SPEED);
    for seconds in [600, 60, 61] {
        let at = pace.elapsed() + Duration::from_secs(seconds);
        let hold = pace.sleep_until(at).await;
        really(MOMENT).await;
        assert!((at..=at + REQUEST).contains(&pace.elapsed()), "{at:?}, {:?}", pace.elapsed());
        drop(hold);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_has_no_time_for_the_run_takes_none_from_it() {
    let pace = Pace::patient(SPEED);
    let began = pace.elapsed();
    // Blocks every worker thread.
    tokio::task::block_in_place(|| {
        let blocked: Vec<_> =
            (0..4).map(|_| tokio::spawn(async { std::thread::sleep(MOMENT * 5) })).collect();
        std::thread::sleep(MOMENT * 5);
        drop(blocked);
    });
    let passed = pace.elapsed().saturating_sub(began);
    assert!(passed < MOMENT * 5 * SPEED / 2, "{passed:?}");
}

#[tokio::test]
async fn a_steady_clock_waits_for_nobody() {
    let pace = Pace::steady(SPEED);
    let (_hold, _sleep) = (pace.hold("work"), pace.sleep(Duration::from_secs(1)));
    really(MOMENT).await;
    assert!(pace.elapsed() >= MOMENT * SPEED);
    drop(pace.sleep(Duration::from_secs(10)).await);
}

#[tokio::test]
async fn the_systems_clock_waits_for_nobody_either() {
    let pace = Pace::system();
    let (_hold, _sleep) = (pace.hold("work"), pace.sleep(Duration::ZERO));
    let began = pace.elapsed();
    drop(pace.sleep_undisturbed(MOMENT).await);
    assert!(pace.elapsed() >= began + MOMENT);
    assert_eq!((pace.speed(), pace.is_rehearsed()), (1, false));
}

#[tokio::test]
async fn work_that_does_not_end_is_told() {
    let pace = Pace::run(SPEED, true, MOMENT);
    let hold = pace.hold("a short one");
    drop(hold);
    let _hold = pace.hold("a long one");
    let what = tokio::time::timeout(Duration::from_secs(30), pace.stuck()).await;
    assert_eq!(what, Ok("a long one"));
}

#[tokio::test]
async fn an_unanswered_message_is_told_to_its_client_alone() {
    let (pace, asked, other) = (Pace::patient(SPEED), Mac([1; 6]), Mac([2; 6]));
    pace.not_answered(asked);
    let before = pace.unanswered(asked);
    pace.not_answered(other);
    let told = pace.until_unanswered(asked, before);
    assert!(tokio::time::timeout(MOMENT, told).await.is_err());
    pace.not_answered(asked);
    pace.until_unanswered(asked, before).await;
    assert_eq!((pace.unanswered(asked), pace.unanswered(other)), (2, 1));
}

#[tokio::test]
async fn a_client_may_wait_until_its_server_knows_that_it_has_all() {
    let pace = Pace::patient(SPEED);
    let client = SocketAddr::from(([127, 0, 0, 1], 4711));
    let (first, second) = (pace.transfer(client), pace.transfer(client));
    drop(first);
    assert!(tokio::time::timeout(MOMENT, pace.until_over(client)).await.is_err());
    until(&pace, Duration::from_secs(60)).await;
    drop(second);
    pace.until_over(client).await;
}

#[tokio::test]
async fn the_clock_ends_with_those_who_have_it() {
    let pace = Pace::patient(SPEED);
    let PaceKind::Run(shared) = &pace.0 else { unreachable!() };
    let shared = Arc::downgrade(shared);
    drop(pace);
    let gone = async {
        while shared.strong_count() > 0 {
            really(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("nothing keeps it");
}
