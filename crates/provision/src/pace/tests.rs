//! All on a clock that advances only when all tasks wait.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::*;

fn on_a_paused_clock<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(work)
}

fn pace(connections: usize, rate: Option<u32>) -> Pace {
    Pace::new(Limits { connections, rate: rate.and_then(NonZeroU32::new) })
}

const QUICK: Duration = Duration::from_millis(20);

/// A platform that answers after `took`; `push` returns the answer to a request by its number and the number under way.
async fn run(
    pace: &Pace,
    devices: usize,
    took: Duration,
    answer: impl Fn(usize, usize) -> Feedback + Clone + Send + 'static,
) -> Vec<Instant> {
    let (count, under_way) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut running = JoinSet::new();
    for _ in 0..devices {
        let (pace, answer) = (pace.clone(), answer.clone());
        let (count, under_way) = (count.clone(), under_way.clone());
        running.spawn(async move {
            let _turn = pace.permit().await;
            let begun = Instant::now();
            loop {
                pace.open().await;
                let sent = Instant::now();
                let at_once = under_way.fetch_add(1, Ordering::SeqCst) + 1;
                sleep(took).await;
                under_way.fetch_sub(1, Ordering::SeqCst);
                let feedback = answer(count.fetch_add(1, Ordering::SeqCst), at_once);
                pace.feedback(RequestKind::Write, sent, feedback);
                if feedback == Feedback::Success {
                    return begun;
                }
            }
        });
    }
    let mut begun = running.join_all().await;
    begun.sort();
    begun
}

#[test]
fn it_grows_to_the_most_and_not_beyond() {
    on_a_paused_clock(async {
        let pace = pace(32, None);
        let started = Instant::now();
        run(&pace, 3200, QUICK, |_, _| Feedback::Success).await;
        assert_eq!(pace.report(), PaceReport { most: 32, least: None, pushed_back: 0 });
        // A hundred rounds at 32, and a few before it got there.
        assert!(started.elapsed() < QUICK * 105, "{:?}", started.elapsed());
    });
}

#[test]
fn a_platform_that_takes_ten_at_once_is_found_out() {
    on_a_paused_clock(async {
        let pace = pace(64, None);
        let started = Instant::now();
        run(&pace, 2000, QUICK, |_, at_once| if at_once > 10 { Feedback::Overload(None) } else { Feedback::Success })
            .await;
        let report = pace.report();
        assert!(report.pushed_back > 0 && report.least.unwrap() < 10, "{report:?}");
        // Ten at once would take 200 rounds.
        assert!(started.elapsed() < QUICK * 600, "{:?}", started.elapsed());
    });
}

#[test]
fn a_crowd_that_is_pushed_back_halves_once() {
    on_a_paused_clock(async {
        let pace = pace(32, None);
        run(&pace, 320, QUICK, |_, _| Feedback::Success).await;
        let sent = Instant::now();
        let turns: Vec<Permit> = futures_of(&pace, 32).await;
        sleep(QUICK).await;
        for _ in 0..32 {
            // All 32 were sent before the first refusal: together they are one sign of overload.
            pace.feedback(RequestKind::Write, sent, Feedback::Overload(None));
        }
        assert_eq!(pace.report(), PaceReport { most: 32, least: Some(16), pushed_back: 32 });
        // What is sent behind it and pushed back again is something new.
        sleep(QUICK).await;
        pace.feedback(RequestKind::Write, Instant::now(), Feedback::Overload(None));
        assert_eq!(pace.report().least, Some(8));
        drop(turns);
        // No request begins while eight are under way.
        let eight = futures_of(&pace, 8).await;
        // Ten minutes pass at once on the paused clock.
        assert!(tokio::time::timeout(Duration::from_secs(600), pace.permit()).await.is_err());
        drop(eight);
    });
}

async fn futures_of(pace: &Pace, count: usize) -> Vec<Permit> {
    let mut turns = Vec::new();
    for _ in 0..count {
        turns.push(pace.permit().await);
    }
    turns
}

#[test]
fn what_the_platform_asks_for_is_waited_for_by_everybody() {
    on_a_paused_clock(async {
        let pace = pace(8, None);
        let kind = Duration::from_secs(7);
        let first_is_refused =
            move |count, _| if count == 0 { Feedback::Overload(Some(kind)) } else { Feedback::Success };
        let started = Instant::now();
        let begun = run(&pace, 100, QUICK, first_is_refused).await;
        // The four that went along with the first one were under way already.
        let waited = begun.iter().filter(|begun| **begun >= started + QUICK + kind).count();
        assert_eq!(waited, 96);
        assert!(begun.iter().all(|begun| *begun <= started || *begun >= started + QUICK + kind));
    });
}

#[test]
fn no_platform_is_waited_for_for_ever() {
    on_a_paused_clock(async {
        let pace = pace(8, None);
        let started = Instant::now();
        // A day, as a wrong header may ask for.
        pace.feedback(RequestKind::Read, started, Feedback::Overload(Some(Duration::from_secs(86_400))));
        pace.open().await;
        assert_eq!(started.elapsed(), MAX_DEMANDED_PAUSE);
    });
}

#[test]
fn pauses_double_while_it_goes_on_and_shrink_when_it_goes_well() {
    on_a_paused_clock(async {
        let pace = pace(8, None);
        let mut pauses = Vec::new();
        for _ in 0..10 {
            let started = Instant::now();
            pace.feedback(RequestKind::Read, started, Feedback::Overload(None));
            pace.open().await;
            pauses.push(started.elapsed().as_millis());
            // Later than the pause before, so that the next refusal counts as a new one.
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000]);
        for _ in 0..10 {
            pace.feedback(RequestKind::Read, Instant::now(), Feedback::Success);
        }
        let started = Instant::now();
        pace.feedback(RequestKind::Read, started, Feedback::Overload(None));
        pace.open().await;
        assert_eq!(started.elapsed().as_millis(), 100);
    });
}

#[test]
fn answers_that_take_long_end_the_growth() {
    on_a_paused_clock(async {
        let pace = pace(64, None);
        // Beyond eight at once everybody waits for everybody else.
        let mut turns = Vec::new();
        for round in 0..200_u32 {
            turns.push(pace.permit().await);
            let at_once = u32::try_from(turns.len()).unwrap();
            let took = if at_once <= 8 { QUICK } else { QUICK * (at_once - 8) * 5 };
            pace.feedback(
                RequestKind::Write,
                Instant::now() - took.min(Duration::from_secs(round.into())),
                Feedback::Success,
            );
            if turns.len() >= pace.state().concurrency.limit() {
                turns.clear();
            }
        }
        let limit = pace.state().concurrency.limit();
        assert!((8..20).contains(&limit), "{limit}");
        assert_eq!(pace.report().pushed_back, 0);
    });
}

#[test]
fn no_second_has_more_beginnings_than_the_rate() {
    // Up to several in a millisecond, which is the resolution of the timers.
    for rate in [1, 3, 50, 250, 4_000] {
        on_a_paused_clock(async {
            let pace = pace(4_000, Some(rate));
            let begun = run(&pace, rate as usize * 3 + 2, Duration::from_millis(3), |_, _| Feedback::Success).await;
            for window in begun.windows(rate as usize + 1) {
                assert!(window[rate as usize] - window[0] >= SECOND, "{rate} a second");
            }
            // And not fewer either: timers of a millisecond are made up for.
            let took = *begun.last().unwrap() - begun[0];
            assert!(took <= SECOND * 3 + Duration::from_millis(1_100) / rate + CATCH_UP, "{rate} a second: {took:?}");
        });
    }
}

#[test]
fn a_pause_is_not_made_up_for_by_a_burst() {
    on_a_paused_clock(async {
        let pace = pace(100, Some(10));
        drop(pace.permit().await);
        sleep(Duration::from_secs(60)).await;
        let started = Instant::now();
        for _ in 0..6 {
            drop(pace.permit().await);
        }
        // What is late is made up for by 50 ms and no more.
        assert!(started.elapsed() >= Duration::from_millis(400), "{:?}", started.elapsed());
    });
}
