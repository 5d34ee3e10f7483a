//! Tests of the order in which pages are requested and returned.

use proptest::prelude::*;

use super::schedule::Schedule;

/// A schedule of page requests. A response is a pair: the number of results on the page, and the total number of
/// results.
type TestSchedule = Schedule<(u64, u64), ()>;

fn started(schedule: &mut TestSchedule) -> Vec<u64> {
    std::iter::from_fn(|| schedule.start()).collect()
}

/// Stores a response for page `page`. The page has one result, and `total` is the total number of results.
fn receive(schedule: &mut TestSchedule, page: u64, total: u64) {
    schedule.receive(page, Ok((1, total)), false);
}

/// Takes and accepts the next page, which must have arrived.
fn accept(schedule: &mut TestSchedule) -> bool {
    let (results, total) = schedule.take().expect("it has arrived").expect("it has not failed");
    schedule.accept(results, total)
}

/// Returns a schedule of `total` pages with one result each. The first page has been accepted.
fn after_first(concurrency: u32, total: u64) -> TestSchedule {
    let mut schedule = TestSchedule::new(concurrency);
    assert_eq!(started(&mut schedule), [1], "the first page is requested alone");
    receive(&mut schedule, 1, total);
    assert!(accept(&mut schedule));
    schedule
}

#[test]
fn up_to_n_pages_are_under_way_or_have_arrived() {
    let mut schedule = after_first(3, 9);
    assert_eq!(started(&mut schedule), [2, 3, 4]);
    receive(&mut schedule, 3, 9);
    receive(&mut schedule, 4, 9);
    assert_eq!((started(&mut schedule), schedule.take()), (vec![], None), "page 2 is returned next");
    receive(&mut schedule, 2, 9);
    assert!(started(&mut schedule).is_empty());
    assert!(accept(&mut schedule));
    assert_eq!(started(&mut schedule), [5]);
    assert!(accept(&mut schedule) && accept(&mut schedule));
    assert_eq!(started(&mut schedule), [6, 7]);
}

#[test]
fn the_concurrency_can_be_set_before_the_first_page() {
    let mut schedule = TestSchedule::new(1);
    schedule.set_concurrency(3);
    assert_eq!((schedule.concurrency(), started(&mut schedule)), (3, vec![1]));
    receive(&mut schedule, 1, 9);
    assert!(accept(&mut schedule));
    assert_eq!(started(&mut schedule), [2, 3, 4]);
}

#[test]
fn only_pages_that_exist_are_requested() {
    let mut schedule = after_first(9, 3);
    assert_eq!(started(&mut schedule), [2, 3]);
    receive(&mut schedule, 2, 3);
    receive(&mut schedule, 3, 3);
    assert!(accept(&mut schedule) && !schedule.is_finished());
    assert!(accept(&mut schedule) && schedule.is_finished());
    assert_eq!((started(&mut schedule), schedule.take()), (vec![], None));
}

#[test]
fn pages_that_are_shorter_than_requested_determine_the_number_of_pages() {
    let mut schedule = TestSchedule::new(9);
    assert_eq!(started(&mut schedule), [1]);
    schedule.receive(1, Ok((2, 6)), false);
    assert!(accept(&mut schedule));
    assert_eq!(started(&mut schedule), [2, 3], "six results, two on each page");
    schedule.receive(2, Ok((1, 6)), false);
    assert!(accept(&mut schedule));
    assert_eq!(started(&mut schedule), [4], "one result is missing on page 2");
}

#[test]
fn with_a_concurrency_of_one_each_page_is_requested_after_the_page_before_it() {
    let mut schedule = after_first(1, 9);
    assert_eq!(started(&mut schedule), [2]);
    receive(&mut schedule, 2, 8);
    assert!(started(&mut schedule).is_empty() && accept(&mut schedule) && schedule.total_changed());
    assert_eq!(started(&mut schedule), [3]);
    schedule.receive(3, Ok((0, 8)), false);
    assert!(accept(&mut schedule) && schedule.is_finished(), "an empty page is the last one");
}

#[test]
fn an_error_is_returned_in_place_of_its_page() {
    let mut schedule = after_first(5, 20);
    assert_eq!(started(&mut schedule), [2, 3, 4, 5, 6]);
    schedule.receive(5, Err(()), false);
    schedule.receive(3, Err(()), false);
    receive(&mut schedule, 4, 20);
    receive(&mut schedule, 2, 20);
    assert!(accept(&mut schedule));
    assert!(started(&mut schedule).is_empty(), "no page after a failed page is requested");
    assert_eq!(schedule.take(), Some(Err(())));
    schedule.fail();
    assert_eq!(started(&mut schedule), [3, 5, 7], "pages 4 and 6 are kept");
    for page in [3, 5, 6] {
        receive(&mut schedule, page, 20);
    }
    assert!((0..4).all(|_| accept(&mut schedule)));
}

/// Returns a finished schedule, and the value of `total_changed` before the last page was accepted. `lengths` contains
/// the number of results on each page. `total` is the total number of results that each page reports.
fn after_pages(total: u64, lengths: &[u64]) -> (TestSchedule, bool) {
    let (mut schedule, mut before_last) = (TestSchedule::new(1), false);
    for (page, length) in (1..).zip(lengths) {
        before_last = schedule.total_changed();
        assert_eq!(started(&mut schedule), [page]);
        schedule.receive(page, Ok((*length, total)), false);
        assert!(accept(&mut schedule));
    }
    assert!(schedule.is_finished(), "{lengths:?}");
    (schedule, before_last)
}

#[test]
fn pages_with_every_result_once_have_one_length_except_for_the_last() {
    for lengths in [&[2, 2, 2][..], &[5, 1], &[6], &[4, 2], &[1, 1, 1, 1, 1, 1]] {
        assert!(!after_pages(6, lengths).0.total_changed(), "{lengths:?}");
    }
    assert!(!after_pages(0, &[0]).0.total_changed());
    for (lengths, before_last) in [
        (&[2, 1, 2, 1][..], true),
        (&[2, 3, 1], true),
        (&[2, 1, 3], true),
        (&[2, 4], false),
        (&[4, 3], false),
        (&[7], false),
        (&[3, 2, 0], true),
        (&[3, 0], false),
        (&[0], false),
    ] {
        let (schedule, before) = after_pages(6, lengths);
        assert_eq!((schedule.total_changed(), before), (true, before_last), "{lengths:?}");
    }
}

#[test]
fn a_429_halves_the_number_of_pages_for_a_while() {
    let mut schedule = after_first(8, 90);
    assert_eq!(started(&mut schedule), [2, 3, 4, 5, 6, 7, 8, 9]);
    for page in 2..=9 {
        schedule.receive(page, Ok((1, 90)), page <= 4);
    }
    for page in 2..=5 {
        assert!(accept(&mut schedule));
        assert!(started(&mut schedule).is_empty(), "after page {page}, pages up to 9 are kept");
    }
    for page in 6..=9 {
        assert!(accept(&mut schedule));
        assert_eq!(started(&mut schedule), [page + 4], "all 429s of pages under way halve the number once");
    }
    receive(&mut schedule, 10, 90);
    assert!(accept(&mut schedule));
    assert_eq!(started(&mut schedule), [14, 15], "each later page without a 429 adds one");
    for (page, number) in (11..=15).zip([2, 2, 2, 1, 1]) {
        receive(&mut schedule, page, 90);
        assert!(accept(&mut schedule));
        assert_eq!(started(&mut schedule).len(), number, "up to 8 again, after page {page}");
    }
}

#[test]
fn a_429_of_a_page_that_fails_counts_and_one_page_is_the_minimum() {
    let mut schedule = after_first(3, 90);
    assert_eq!(started(&mut schedule), [2, 3, 4]);
    schedule.abandon();
    assert_eq!(started(&mut schedule), [2, 3, 4]);
    schedule.receive(2, Err(()), true);
    schedule.abandon();
    assert_eq!(schedule.take(), Some(Err(())));
    schedule.fail();
    assert_eq!(started(&mut schedule), [2], "half of three pages is one page, and not less");
}

#[test]
fn a_repeated_429_of_the_last_page_that_was_under_way_does_not_halve_the_number_again() {
    let mut schedule = after_first(8, 90);
    assert_eq!(started(&mut schedule), [2, 3, 4, 5, 6, 7, 8, 9]);
    for page in 2..=9 {
        schedule.receive(page, Ok((1, 90)), page == 2 || page == 9);
    }
    assert!((2..=9).all(|_| accept(&mut schedule)));
    assert_eq!(started(&mut schedule), [10, 11, 12, 13]);
}

#[test]
fn a_total_that_changed_before_a_page_was_requested_is_accepted() {
    let mut schedule = after_first(3, 9);
    assert_eq!(started(&mut schedule), [2, 3, 4]);
    for page in [2, 3, 4] {
        receive(&mut schedule, page, 10);
    }
    assert!(!schedule.total_changed());
    assert!((0..3).all(|_| accept(&mut schedule)) && schedule.total_changed());
}

#[test]
fn pages_that_may_be_older_than_the_page_before_them_are_requested_again() {
    let mut schedule = after_first(3, 9);
    assert_eq!(started(&mut schedule), [2, 3, 4]);
    receive(&mut schedule, 4, 9);
    receive(&mut schedule, 3, 9);
    receive(&mut schedule, 2, 10);
    assert!(accept(&mut schedule), "page 1 had been returned when page 2 was requested");
    assert!(!accept(&mut schedule) && schedule.total_changed(), "page 3 was requested before page 2 arrived");
    assert_eq!(started(&mut schedule), [3], "one at a time");
    receive(&mut schedule, 4, 9);
    receive(&mut schedule, 3, 10);
    assert!(accept(&mut schedule));
    assert_eq!(started(&mut schedule), [4, 5], "and then more again");
    receive(&mut schedule, 4, 11);
    assert!(accept(&mut schedule), "page 3 had been returned when page 4 was requested");
}

#[test]
fn dropped_pages_are_requested_again_and_pages_that_arrived_are_kept() {
    let mut schedule = after_first(3, 9);
    assert_eq!(started(&mut schedule), [2, 3, 4]);
    receive(&mut schedule, 3, 9);
    schedule.abandon();
    assert_eq!(started(&mut schedule), [2, 4]);
    receive(&mut schedule, 1, 9);
    receive(&mut schedule, 9, 9);
    assert_eq!(schedule.take(), None, "pages that are not under way are ignored");
    receive(&mut schedule, 2, 9);
    assert!(accept(&mut schedule) && accept(&mut schedule));
}

/// What happens at the test server.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Responds to one of the requests.
    Respond { choice: usize, rate_limited: bool },
    /// Fails one of the requests.
    Fail { choice: usize, rate_limited: bool },
    /// Drops all requests.
    Drop,
    /// Adds or removes results at the end.
    Change { total: u64 },
}

fn event() -> impl Strategy<Value = Event> {
    let chosen = || (any::<usize>(), prop::bool::weighted(0.2));
    prop_oneof![
        8 => chosen().prop_map(|(choice, rate_limited)| Event::Respond { choice, rate_limited }),
        2 => chosen().prop_map(|(choice, rate_limited)| Event::Fail { choice, rate_limited }),
        1 => Just(Event::Drop),
        1 => (0_u64..40).prop_map(|total| Event::Change { total }),
    ]
}

proptest! {
    #[test]
    fn each_result_is_returned_once_and_in_order(
        concurrency in 1_u32..9,
        page_size in 1_u64..6,
        mut total in 0_u64..40,
        events in prop::collection::vec(event(), 0..60),
    ) {
        let mut schedule = TestSchedule::new(concurrency);
        let (mut under_way, mut returned, mut totals) = (Vec::<u64>::new(), 0_u64, Vec::new());
        let mut events = events.into_iter();
        for step in 0.. {
            prop_assert!(step < 1000, "it ends");
            while let Some(page) = schedule.start() {
                prop_assert!(!under_way.contains(&page));
                prop_assert!((schedule.next_page()..schedule.next_page() + u64::from(concurrency)).contains(&page));
                under_way.push(page);
            }
            if schedule.is_finished() {
                break;
            }
            let (choice, rate_limited, fails) = match events.next().unwrap_or(Event::Respond { choice: 0, rate_limited: false }) {
                Event::Respond { choice, rate_limited } => (choice, rate_limited, false),
                Event::Fail { choice, rate_limited } => (choice, rate_limited, true),
                Event::Drop => {
                    under_way.clear();
                    schedule.abandon();
                    continue;
                }
                Event::Change { total: new } => {
                    total = new;
                    continue;
                }
            };
            let page = under_way.swap_remove(choice % under_way.len());
            let results = total.saturating_sub((page - 1) * page_size).min(page_size);
            schedule.receive(page, if fails { Err(()) } else { Ok((results, total)) }, rate_limited);
            while let Some(response) = schedule.take() {
                let start = (schedule.next_page() - 1) * page_size;
                match response {
                    Err(()) => schedule.fail(),
                    Ok((results, total)) if schedule.accept(results, total) => {
                        prop_assert!(results == 0 || start == returned, "no result is missing or doubled");
                        returned += results;
                        totals.push(total);
                    }
                    Ok(_) => under_way.clear(),
                }
            }
        }
        prop_assert!(totals.last().is_some_and(|last| returned >= *last || returned % page_size == 0));
        prop_assert!(schedule.total_changed() || totals.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
