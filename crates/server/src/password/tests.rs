//! Tests of passwords. Hashes are made at a low cost, but where the cost is what is tested.

use proptest::prelude::{ProptestConfig, any, prop, proptest};
use zeroize::ZeroizeOnDrop;

use super::*;
use trailbook_event::limits::{
    PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, PASSWORD_OWN_CHARS_MIN, PASSWORD_WORD_CHARS_MAX, PASSWORD_WORDS_MAX,
};

const LOW: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };
const JANE: Person<'_> = Person { email: "jane.doe@acme.example", name: "Jane Mary Doe", organization: "Acme Rockets" };
const GOOD: &str = "plum kettle orbit";

fn password(text: &str) -> Password {
    Password::new(text.to_owned())
}

fn hasher() -> Hasher {
    Hasher::new(LOW).unwrap()
}

/// Text that is hard to guess, of so many characters.
fn random_text(chars: usize) -> String {
    "zK4ü vQ9日xW2mR7-pL5t😀hB8nJ".chars().cycle().take(chars).collect()
}

#[test]
fn a_password_has_so_many_characters_and_not_one_less_or_more() {
    let check = |chars| password(&random_text(chars)).check(&JANE);
    assert_eq!(check(PASSWORD_CHARS_MIN - 1), Err(Weak::Short));
    assert_eq!(check(PASSWORD_CHARS_MIN), Ok(()));
    assert_eq!(check(PASSWORD_CHARS_MAX), Ok(()));
    assert_eq!(check(PASSWORD_CHARS_MAX + 1), Err(Weak::Long));
    assert_eq!(Weak::Short.to_string(), "the password must have at least 12 characters");
}

#[test]
fn no_kind_of_character_is_asked_for_or_refused() {
    for good in [
        GOOD,
        "zwölf boxkämpfer jagen viktor",
        "早く寝る猫と青い自転車の歌",
        "   padded, spaced   out   ",
        "tab\tand\0nul x9q",
    ] {
        assert_eq!(password(good).check(&JANE), Ok(()), "{good:?}");
    }
}

#[test]
fn what_is_easy_to_guess_is_refused_with_its_reason() {
    for (bad, reason) in [
        ("password1234", "it is among the commonest passwords"),
        ("aaaaaaaaaaaaaaaaaaaab", "it repeats itself"),
        ("klmklmklmklmklm", "it repeats itself"),
        ("fghijklmnopqrst", "it has characters in order, such as abc or 6543"),
    ] {
        assert_eq!(password(bad).check(&JANE), Err(Weak::Guessable(reason)), "{bad}");
    }
    assert!(password(&"a".repeat(PASSWORD_CHARS_MAX)).check(&JANE).is_err());
    // Its beginning alone would be refused.
    assert_eq!(password(&format!("{}{}", "a".repeat(40), random_text(20))).check(&JANE), Ok(()));
}

#[test]
fn none_of_the_commonest_is_a_password() {
    let lines: Vec<&str> = include_str!("common.txt").lines().collect();
    assert!(lines.len() >= 3_000);
    for line in lines {
        assert!(line.chars().count() >= PASSWORD_CHARS_MIN && line.to_lowercase() == line, "{line}");
        // Upper case is not common, and no way around it.
        assert!(password(&line.to_uppercase()).check(&JANE).is_err(), "{line}");
    }
    assert_eq!(password("KartoffelPuffer").check(&JANE), Err(Weak::Guessable("it is among the commonest passwords")));
}

#[test]
fn what_is_known_of_the_person_is_no_password() {
    for bad in ["jane.doe@acme.example", "JaneMaryDoe1", "acme-rockets", "rocketsACMEjane", "trailbook acme 1"] {
        assert_eq!(password(bad).check(&JANE), Err(Weak::Personal), "{bad}");
    }
    assert!(password("Tr41lb00kAcm3").check(&JANE).is_err());
    let person = Person { email: "x@y.example", name: "Xylophilia Quandt", organization: "Zorbify" };
    assert_eq!(password("zorbifyXylophilia").check(&person), Err(Weak::Personal));
    assert_eq!(password("zorbifyXylophilia").check(&JANE), Ok(()));
}

#[test]
fn so_much_of_a_password_must_be_its_own() {
    let own = |chars| password(&format!("trailbook rockets {}", random_text(chars))).check(&JANE);
    // The two spaces count.
    assert_eq!(own(PASSWORD_OWN_CHARS_MIN - 3), Err(Weak::Personal));
    assert_eq!(own(PASSWORD_OWN_CHARS_MIN - 2), Ok(()));
}

#[test]
fn the_words_about_a_person_are_bounded() {
    let name: String = (0..1_000).map(|n| format!("name{n} ")).collect();
    let words = Person { name: &name, ..JANE }.words();
    assert_eq!(words.len(), PASSWORD_WORDS_MAX);
    let few: String = (0..PASSWORD_WORDS_MAX - 2).map(|n| format!("name{n}-")).collect();
    let words = Person { email: &few, name: "", organization: "" }.words();
    assert_eq!(words.len(), PASSWORD_WORDS_MAX, "trailbook, each, and all together");
    assert!(words.iter().all(|word| word.chars().count() <= PASSWORD_WORD_CHARS_MAX));
    assert_eq!(words.last().unwrap().chars().count(), PASSWORD_WORD_CHARS_MAX);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_judged(text in any::<String>(), digits in prop::collection::vec("[0-9a@4$sS5 ]", 0..140), name in any::<String>()) {
        let person = Person { name: &name, ..JANE };
        let _ = password(&text).check(&person);
        let _ = password(&digits.concat()).check(&person);
    }
}

#[test]
fn a_password_does_not_show_itself_and_is_wiped() {
    fn is_wiped<T: ZeroizeOnDrop>(_: &T) {}
    let password = password(GOOD);
    assert_eq!(format!("{password:?}"), "Password(..)");
    is_wiped(&*password.0);
}

#[tokio::test]
async fn a_password_is_verified_by_its_hash_and_no_other_is() {
    let hasher = hasher();
    let (first, second) = (hasher.hash(&password(GOOD)).await.unwrap(), hasher.hash(&password(GOOD)).await.unwrap());
    assert!(first.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{first}");
    assert_ne!(first, second, "each has its salt");
    for (text, is) in [
        (GOOD, true),
        ("plum kettle orbi", false),
        ("plum kettle orbit ", false),
        ("Plum kettle orbit", false),
        ("", false),
    ] {
        assert_eq!(hasher.verify(&password(text), Some(&first)).await, Ok(is), "{text:?}");
    }
}

#[tokio::test]
async fn a_composed_and_a_decomposed_letter_are_two_passwords() {
    let hasher = hasher();
    let hash = hasher.hash(&password("caf\u{e9} au lait, two")).await.unwrap();
    assert_eq!(hasher.verify(&password("cafe\u{301} au lait, two"), Some(&hash)).await, Ok(false));
}

#[tokio::test]
async fn the_cost_is_what_owasp_asks_for_at_least() {
    let hash = Hasher::new(COST).unwrap().hash(&password(GOOD)).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
}

/// Time is not measured here, as a busy machine would decide: an unknown account is compared with a hash that differs
/// from a real one in salt and output only, by the same statements.
#[tokio::test]
async fn an_account_that_does_not_exist_is_the_same_work() {
    for cost in [LOW, Cost { memory_kib: 128, passes: 2, lanes: 2 }] {
        let hasher = Hasher::new(cost).unwrap();
        let real = hasher.against(Some(&hasher.hash(&password(GOOD)).await.unwrap())).unwrap();
        let nobody = hasher.against(None).unwrap();
        let work = |hash: &PasswordHash| {
            let lengths = (hash.salt.as_ref().unwrap().len(), hash.hash.as_ref().unwrap().len());
            (hash.algorithm, hash.version, hash.params.clone(), lengths)
        };
        assert_eq!(work(&real), work(&nobody));
        assert_eq!(hasher.verify(&password(GOOD), None).await, Ok(false));
    }
}

#[tokio::test]
async fn hashes_of_another_cost_are_verified_and_made_anew() {
    let (old, new) = (hasher(), Hasher::new(Cost { memory_kib: 128, ..LOW }).unwrap());
    let hash = old.hash(&password(GOOD)).await.unwrap();
    assert_eq!(new.verify(&password(GOOD), Some(&hash)).await, Ok(true));
    assert!(new.needs_rehash(&hash) && !old.needs_rehash(&hash));
    assert!(!new.needs_rehash(&new.hash(&password(GOOD)).await.unwrap()));
    assert!(old.needs_rehash(&hash.replace("argon2id", "argon2i")) && old.needs_rehash("no hash"));
}

#[tokio::test]
async fn a_stored_hash_that_is_none_or_asks_for_too_much_is_named() {
    let hasher = hasher();
    let hash = hasher.hash(&password(GOOD)).await.unwrap();
    let costing = |memory_kib, passes| hash.replace("m=64,t=1", &format!("m={memory_kib},t={passes}"));
    let verify = async |hash: &str| hasher.verify(&password(GOOD), Some(hash)).await;
    let fields: Vec<&str> = hash.split('$').collect();
    for bad in ["", "no hash", "$argon2id", &fields[..4].join("$"), &fields[..5].join("$"), &costing(1, 1)] {
        assert!(matches!(verify(bad).await, Err(PasswordError::Damaged(_))), "{bad}");
    }
    assert!(verify(&hash.replace("argon2id", "scrypt")).await.is_err());
    for too_much in [costing(PASSWORD_MEMORY_KIB_MAX + 1, 1), costing(64, PASSWORD_PASSES_MAX + 1)] {
        assert!(matches!(verify(&too_much).await, Err(PasswordError::Damaged(_))), "{too_much}");
    }
    for most in [costing(PASSWORD_MEMORY_KIB_MAX, 1), costing(64, PASSWORD_PASSES_MAX)] {
        assert_eq!(verify(&most).await, Ok(false), "{most}");
    }
}

#[tokio::test]
async fn so_many_are_hashed_and_wait_and_one_more_is_refused() {
    let hasher = Arc::new(hasher());
    let all = u32::try_from(PASSWORDS_HASHED_MAX).unwrap();
    let turns = Arc::clone(&hasher.turns).acquire_many_owned(all).await.unwrap();
    let waiting: Vec<_> = (0..PASSWORDS_HASHED_MAX + PASSWORDS_WAITING_MAX)
        .map(|_| {
            let hasher = Arc::clone(&hasher);
            tokio::spawn(async move { hasher.verify(&password(GOOD), None).await })
        })
        .collect();
    while hasher.places.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(hasher.verify(&password(GOOD), None).await, Err(PasswordError::Busy));
    drop(turns);
    for one in waiting {
        assert_eq!(one.await.unwrap(), Ok(false));
    }
    assert_eq!(hasher.verify(&password(GOOD), None).await, Ok(false), "there is room again");
}

#[tokio::test]
async fn a_new_password_is_hashed_only_if_it_is_good() {
    let hasher = hasher();
    assert_eq!(hasher.hash_new(&password("short"), &JANE).await, Err(PasswordError::Weak(Weak::Short)));
    let hash = hasher.hash_new(&password(GOOD), &JANE).await.unwrap();
    assert_eq!(hasher.verify(&password(GOOD), Some(&hash)).await, Ok(true));
}
