//! Tests of throttled sign-ins, by attackers and those whom they would lock out.

use super::*;
use device::DeviceKey;

const NOW_MS: i64 = 1_768_000_000_000;
const MINUTE_MS: i64 = 60_000;

fn throttle() -> Throttle {
    Throttle::new(&[7; 32])
}

fn from(account: &str, address: impl Into<IpAddr>) -> Attempt<'_> {
    Attempt { account, address: address.into(), device: None }
}

/// An attempt from a browser that signed in before.
fn known(account: &str) -> Attempt<'_> {
    let key = DeviceKey::new(&[1; 32]);
    let device = key.check(&key.issue(5, NOW_MS).unwrap(), 5, NOW_MS);
    Attempt { device, ..from(account, [192, 0, 2, 1]) }
}

fn fail(throttle: &Throttle, attempt: &Attempt<'_>, now_ms: i64) -> Result<(), RetryAfter> {
    throttle.ask(attempt, now_ms)?;
    throttle.failed(attempt, now_ms);
    Ok(())
}

/// Fails as often as it is let, asking every second; says how often that was.
fn attack(throttle: &Throttle, attempts: &[Attempt<'_>], begin_ms: i64, seconds: i64) -> usize {
    (0..seconds)
        .flat_map(|second| attempts.iter().map(move |attempt| (attempt, begin_ms + second * 1_000)))
        .filter(|(attempt, now_ms)| fail(throttle, attempt, *now_ms).is_ok())
        .count()
}

fn nth(n: u32) -> [u8; 4] {
    n.to_be_bytes()
}

#[test]
fn failures_are_free_up_to_the_limit_and_then_followed_by_waits_that_double() {
    let (throttle, jane) = (throttle(), from("jane@acme.example", [192, 0, 2, 1]));
    for n in 1..=SIGN_IN_FAILURES_MAX {
        assert_eq!(fail(&throttle, &jane, NOW_MS), Ok(()), "{n}");
    }
    assert_eq!(fail(&throttle, &jane, NOW_MS), Ok(()), "the one whose failure is followed by a wait");
    let mut now_ms = NOW_MS;
    for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] {
        assert_eq!(throttle.ask(&jane, now_ms), Err(RetryAfter { seconds }));
        now_ms += i64::from(seconds) * 1_000;
        assert_eq!(throttle.ask(&jane, now_ms - 1), Err(RetryAfter { seconds: 1 }));
        assert_eq!(fail(&throttle, &jane, now_ms), Ok(()), "after {seconds}");
    }
    // One failure was forgotten meanwhile: 1 + 2 + … + 512 seconds are more than the longest wait.
    assert_eq!(throttle.ask(&jane, now_ms), Err(RetryAfter { seconds: 512 }));
    now_ms += 512_000;
    assert_eq!(fail(&throttle, &jane, now_ms), Ok(()));
    assert_eq!(throttle.ask(&jane, now_ms), Err(RetryAfter { seconds: SIGN_IN_WAIT_SECONDS_MAX }));
}

#[test]
fn attempts_at_once_are_no_more_than_those_one_after_the_other() {
    let (throttle, jane) = (throttle(), from("jane@acme.example", [192, 0, 2, 1]));
    let let_in = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| (0..50).filter(|_| throttle.ask(&jane, NOW_MS).is_ok()).count())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    assert_eq!(let_in, usize::try_from(SIGN_IN_FAILURES_MAX).unwrap() + 1);
}

#[test]
fn an_attempt_that_is_refused_counts_for_nothing() {
    let (throttle, jane) = (throttle(), from("jane@acme.example", [192, 0, 2, 1]));
    attack(&throttle, &[jane], NOW_MS, 1);
    while fail(&throttle, &jane, NOW_MS).is_ok() {}
    for _ in 0..1_000 {
        assert_eq!(throttle.ask(&jane, NOW_MS), Err(RetryAfter { seconds: 1 }));
    }
    assert_eq!(throttle.ask(&jane, NOW_MS + 1_000), Ok(()));
}

#[test]
fn one_refusal_is_put_on_record_for_each_wait() {
    let throttle = throttle();
    let jane = from("jane", [192, 0, 2, 1]);
    let mut now_ms = NOW_MS;
    assert!(!throttle.is_first_refusal(&jane, now_ms), "nobody waits");
    for _ in 0..=SIGN_IN_FAILURES_MAX {
        fail(&throttle, &jane, now_ms).unwrap();
    }
    for _ in 0..3 {
        let wait = throttle.ask(&jane, now_ms).unwrap_err();
        assert!(throttle.is_first_refusal(&jane, now_ms));
        assert!(!throttle.is_first_refusal(&jane, now_ms) && !throttle.is_first_refusal(&jane, now_ms));
        now_ms += i64::from(wait.seconds) * 1_000;
        fail(&throttle, &jane, now_ms).unwrap();
    }
}

#[test]
fn a_success_starts_its_own_count_anew() {
    let throttle = throttle();
    for (attempt, times) in [(known("jane@acme.example"), 10), (from("joe@acme.example", [192, 0, 2, 1]), 3)] {
        for _ in 0..times {
            for _ in 0..SIGN_IN_FAILURES_MAX {
                assert_eq!(fail(&throttle, &attempt, NOW_MS), Ok(()));
            }
            assert_eq!(throttle.ask(&attempt, NOW_MS), Ok(()));
            throttle.succeeded(&attempt, NOW_MS);
        }
    }
}

#[test]
fn whoever_has_an_account_clears_nothing_that_he_shares_with_it() {
    let throttle = throttle();
    let (mine, address) = (from("mallory@acme.example", [192, 0, 2, 1]), [192, 0, 2, 1]);
    let names: Vec<String> = (0..1_000).map(|n| format!("person{n}@acme.example")).collect();
    let mut tried = 0;
    for name in &names {
        if throttle.ask(&mine, NOW_MS).is_ok() {
            throttle.succeeded(&mine, NOW_MS);
        }
        tried += u32::from(fail(&throttle, &from(name, address), NOW_MS).is_ok());
    }
    assert_eq!(tried, SIGN_IN_ADDRESS_FAILURES_MAX + 1);
}

#[test]
fn people_behind_one_address_who_sign_in_at_once_do_not_wait() {
    let throttle = throttle();
    let names: Vec<String> = (0..500).map(|n| format!("person{n}@acme.example")).collect();
    for name in &names {
        let attempt = from(name, [192, 0, 2, 1]);
        assert_eq!(throttle.ask(&attempt, NOW_MS), Ok(()));
        throttle.succeeded(&attempt, NOW_MS);
    }
}

#[test]
fn a_browser_that_signed_in_before_is_not_locked_out_by_others() {
    let (throttle, jane) = (throttle(), known("jane@acme.example"));
    let attackers: Vec<_> =
        (0..50).map(|n| from("jane@acme.example", nth(n))).chain([from("jane@acme.example", jane.address)]).collect();
    attack(&throttle, &attackers, NOW_MS, 600);
    let now_ms = NOW_MS + 600_000;
    assert!(throttle.ask(&from("jane@acme.example", [203, 0, 113, 9]), now_ms).is_err(), "a stranger waits");
    assert_eq!(throttle.ask(&jane, now_ms), Ok(()));
    throttle.succeeded(&jane, now_ms);
    // Who has its cookie guesses no faster than a stranger would.
    let guesses = attack(&throttle, &[jane], now_ms, 600);
    assert!((10..=16).contains(&guesses), "{guesses}");
    assert_eq!(throttle.ask(&known("jane@acme.example"), now_ms + 600_000), Ok(()), "another browser of hers");
}

#[test]
fn strangers_to_an_account_wait_for_each_other_and_not_for_long() {
    let throttle = throttle();
    let attackers: Vec<_> = (0..60).map(|n| from("jane@acme.example", nth(n))).collect();
    let first: Vec<_> = attackers.iter().filter(|attempt| fail(&throttle, attempt, NOW_MS).is_ok()).collect();
    assert_eq!(first.len(), usize::try_from(SIGN_IN_ACCOUNT_FAILURES_MAX).unwrap() + 1);
    let guesses = attack(&throttle, &attackers, NOW_MS + 1_000, 3_600);
    assert!(guesses < 3_600 / usize::try_from(SIGN_IN_SHARED_SECONDS_MAX).unwrap() * 2 + 10, "{guesses} in an hour");
    let stranger = from("jane@acme.example", [203, 0, 113, 9]);
    let wait = throttle.ask(&stranger, NOW_MS + 3_601_000).unwrap_err();
    assert!(wait.seconds <= SIGN_IN_SHARED_SECONDS_MAX, "{wait:?}");
}

#[test]
fn a_few_addresses_do_not_hold_an_account() {
    let throttle = throttle();
    let attackers: Vec<_> = (0..10).map(|n| from("jane@acme.example", nth(n))).collect();
    let hours = 6 * 3_600;
    attack(&throttle, &attackers, NOW_MS, hours);
    assert_eq!(throttle.ask(&from("jane@acme.example", [203, 0, 113, 9]), NOW_MS + hours * 1_000), Ok(()));
}

#[test]
fn an_account_is_known_by_what_was_typed_whether_it_exists_or_not() {
    // There is nothing that says which accounts exist; capitals and white space are no way around a wait.
    let throttle = throttle();
    let forms = ["jane@acme.example", "Jane@Acme.example", " JANE@ACME.EXAMPLE\t"];
    let attempts: Vec<_> = forms.iter().map(|form| from(form, [192, 0, 2, 1])).collect();
    let let_in = (0..100).filter(|n| throttle.ask(&attempts[n % 3], NOW_MS).is_ok()).count();
    assert_eq!(let_in, usize::try_from(SIGN_IN_FAILURES_MAX).unwrap() + 1);
}

#[test]
fn an_ipv6_address_counts_by_its_64_and_a_mapped_one_as_ipv4() {
    let throttle = throttle();
    let v6 = |last: u16| Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last);
    let let_in = (0..100).filter(|n| throttle.ask(&from("jane", v6(*n)), NOW_MS).is_ok()).count();
    assert_eq!(let_in, usize::try_from(SIGN_IN_FAILURES_MAX).unwrap() + 1);
    let next = Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 1);
    assert_eq!(throttle.ask(&from("jane", next), NOW_MS), Ok(()));
    assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), network("192.0.2.1".parse().unwrap()));
    assert_ne!(network("192.0.2.1".parse().unwrap()), network("192.0.2.2".parse().unwrap()));
}

#[test]
fn an_attempt_that_was_not_looked_at_is_none() {
    let (throttle, jane) = (throttle(), from("jane@acme.example", [192, 0, 2, 1]));
    for _ in 0..100 {
        assert_eq!(throttle.ask(&jane, NOW_MS), Ok(()));
        throttle.withdrawn(&jane, NOW_MS);
    }
}

#[test]
fn the_wait_begins_with_the_answer() {
    let (throttle, jane) = (throttle(), from("jane@acme.example", [192, 0, 2, 1]));
    (0..=SIGN_IN_FAILURES_MAX).for_each(|_| throttle.ask(&jane, NOW_MS).unwrap());
    throttle.failed(&jane, NOW_MS + 700);
    assert!(throttle.ask(&jane, NOW_MS + 1_699).is_err());
    assert_eq!(throttle.ask(&jane, NOW_MS + 1_700), Ok(()));
}

#[test]
fn a_clock_that_was_put_back_keeps_nobody_waiting() {
    let (throttle, jane) = (throttle(), from("jane@acme.example", [192, 0, 2, 1]));
    while fail(&throttle, &jane, NOW_MS).is_ok() {}
    let earlier_ms = NOW_MS - 365 * 24 * 60 * MINUTE_MS;
    assert_eq!(throttle.ask(&jane, earlier_ms), Err(RetryAfter { seconds: 1 }));
    for odd_ms in [i64::MIN, i64::MAX, 0] {
        let _ = fail(&throttle, &jane, odd_ms);
    }
}

#[test]
fn filling_the_memory_frees_nobody() {
    const COUNTS_MAX: usize = 64;
    let throttle = Throttle::with_counts_max(&[7; 32], COUNTS_MAX);
    let victim = from("jane@acme.example", [192, 0, 2, 1]);
    let mut now_ms = NOW_MS;
    while now_ms < NOW_MS + 10_000 {
        let _ = fail(&throttle, &victim, now_ms);
        now_ms += 1_000;
    }
    let wait = throttle.ask(&victim, now_ms).unwrap_err();
    let names: Vec<String> = (0..10_000).map(|n| format!("nobody{n}@acme.example")).collect();
    for (n, name) in names.iter().enumerate() {
        let _ = fail(&throttle, &from(name, nth(u32::try_from(n).unwrap())), now_ms);
    }
    assert_eq!(throttle.ask(&victim, now_ms), Err(wait));
    let counts = throttle.counts();
    for kind in [&counts.pairs, &counts.addresses, &counts.accounts] {
        assert!(kind.len() <= COUNTS_MAX && kind.len() > COUNTS_MAX / 2, "{}", kind.len());
    }
}

#[test]
fn what_was_counted_is_forgotten_with_time() {
    let (throttle, jane) = (throttle(), from("jane@acme.example", [192, 0, 2, 1]));
    while fail(&throttle, &jane, NOW_MS).is_ok() {}
    let longest_ms = i64::from(SIGN_IN_WAIT_SECONDS_MAX) * 1_000;
    let later_ms = NOW_MS + i64::from(SIGN_IN_FAILURES_MAX + 1) * longest_ms;
    let let_in = (0..100).filter(|_| throttle.ask(&jane, later_ms).is_ok()).count();
    assert_eq!(let_in, usize::try_from(SIGN_IN_FAILURES_MAX).unwrap() + 1);
}

#[test]
fn so_many_counts_are_kept_and_one_more_makes_room() {
    let mut buckets = Buckets::new(ALONE, SIGN_IN_COUNTS_MAX);
    let key = |n: usize| u128::try_from(n).unwrap().to_be_bytes();
    (0..SIGN_IN_COUNTS_MAX).for_each(|n| buckets.add(&key(n), NOW_MS));
    // The oldest has one failure more than the others, so it stays.
    buckets.add(&key(0), NOW_MS);
    assert_eq!(buckets.len(), SIGN_IN_COUNTS_MAX);
    buckets.add(&key(SIGN_IN_COUNTS_MAX), NOW_MS + 1);
    assert_eq!(buckets.len(), SIGN_IN_COUNTS_MAX / 8 * 7 + 1);
    (0..SIGN_IN_FAILURES_MAX - 1).for_each(|_| buckets.add(&key(0), NOW_MS + 1));
    assert_eq!(buckets.wait_ms(&key(0), NOW_MS + 1), 1_000);
}
