//! What may be a password: [NIST SP 800-63B][nist] and OWASP ASVS 5.0, V6.2.
//!
//! Its length counts, and whether it can be guessed: neither capitals nor digits are asked for, every character may be
//! in it, spaces too. Whether it can be guessed is what `zxcvbn` thinks of it: common passwords, words and names,
//! dates, rows of keys, repetitions, and what is known of the person. Of that it must not be made anyway: without the
//! words of e-mail address, name and organization, so much must be left.
//!
//! `zxcvbn` is asked about pieces of [`PASSWORD_JUDGED_CHARS_MAX`] characters: its numbers overflow for longer ones,
//! and it takes long. A password is as good as its best piece.
//!
//! [nist]: https://pages.nist.gov/800-63-4/sp800-63b.html

use trailbook_event::limits::{
    PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, PASSWORD_JUDGED_CHARS_MAX, PASSWORD_OWN_CHARS_MIN, PASSWORD_WORD_CHARS_MAX,
    PASSWORD_WORDS_MAX,
};
use zxcvbn::Score;
use zxcvbn::feedback::Warning;

/// The 3,000 commonest passwords that have [`PASSWORD_CHARS_MIN`] characters, in small letters, and some more: those
/// of `SecLists` (MIT) among a million of ten million that leaked, and those that Django refuses. `zxcvbn` knows other
/// ones, and finds some of these hard to guess.
const COMMON_PASSWORDS: &str = include_str!("common.txt");
const COMMON: &str = "it is among the commonest passwords";

/// Who a password is for, and what it must thus not be made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person<'a> {
    pub(crate) email: &'a str,
    pub(crate) name: &'a str,
    pub(crate) organization: &'a str,
}

/// What is no good as a password, in words for the person who typed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Weak {
    /// It is shorter than it may be.
    #[error("the password must have at least {PASSWORD_CHARS_MIN} characters")]
    Short,
    /// It is longer than it may be.
    #[error("the password must have at most {PASSWORD_CHARS_MAX} characters")]
    Long,
    /// Whoever knows the person can guess it.
    #[error(
        "the password must not be made of your e-mail address, your name, your organization or the name of this product"
    )]
    Personal,
    /// Anybody can guess it.
    #[error("the password is easy to guess: {0}")]
    Guessable(&'static str),
}

impl Person<'_> {
    /// What a password must not be made of.
    pub(super) fn words(&self) -> Vec<String> {
        let texts = [self.email, self.name, self.organization];
        let parts = texts.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
        let mut words: Vec<String> = vec!["trailbook".to_owned()];
        for word in parts.chain(texts) {
            let word: String = word.to_lowercase().chars().take(PASSWORD_WORD_CHARS_MAX).collect();
            // One or two letters say nothing of a person, and are in many words.
            if word.chars().count() > 2 && !words.contains(&word) && words.len() < PASSWORD_WORDS_MAX {
                words.push(word);
            }
        }
        words
    }
}

/// Refuses what is no good as a password of a person with these words.
pub(super) fn check(password: &str, words: &[String]) -> Result<(), Weak> {
    match password.chars().count() {
        ..PASSWORD_CHARS_MIN => return Err(Weak::Short),
        PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX => {}
        _ => return Err(Weak::Long),
    }
    if own_chars(password, words) < PASSWORD_OWN_CHARS_MIN {
        return Err(Weak::Personal);
    }
    if is_common(password) {
        return Err(Weak::Guessable(COMMON));
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let pieces = pieces(password);
    if pieces.iter().any(|piece| is_strong(piece, &words)) {
        return Ok(());
    }
    if pieces.iter().any(|piece| is_strong(piece, &[])) {
        return Err(Weak::Personal);
    }
    let warning = pieces.first().and_then(|piece| zxcvbn::zxcvbn(piece, &words).feedback()?.warning());
    Err(Weak::Guessable(warning.map_or("use more words, and less common ones", reason)))
}

/// Whether it is one of the commonest of those that are long enough, in capitals or not.
fn is_common(password: &str) -> bool {
    let lower = password.trim().to_lowercase();
    COMMON_PASSWORDS.lines().any(|line| line == lower)
}

/// How many characters a password has without these words.
fn own_chars(password: &str, words: &[String]) -> usize {
    let mut words: Vec<&String> = words.iter().collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let rest = words.iter().fold(password.to_lowercase(), |rest, word| rest.replace(word.as_str(), ""));
    rest.chars().count()
}

/// The password in pieces that can be judged. The last one overlaps the one before, so that all are of one length.
fn pieces(password: &str) -> Vec<String> {
    let chars: Vec<char> = password.chars().collect();
    let last = chars.len().saturating_sub(PASSWORD_JUDGED_CHARS_MAX);
    let begins = (0..last).step_by(PASSWORD_JUDGED_CHARS_MAX).chain([last]);
    begins.map(|begin| chars.iter().skip(begin).take(PASSWORD_JUDGED_CHARS_MAX).collect()).collect()
}

/// Whether guessing it takes more than 10^8 attempts.
fn is_strong(piece: &str, words: &[&str]) -> bool {
    zxcvbn::zxcvbn(piece, words).score() >= Score::Three
}

fn reason(warning: Warning) -> &'static str {
    match warning {
        Warning::StraightRowsOfKeysAreEasyToGuess | Warning::ShortKeyboardPatternsAreEasyToGuess => {
            "it follows the rows of a keyboard"
        }
        Warning::RepeatsLikeAaaAreEasyToGuess | Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess => {
            "it repeats itself"
        }
        Warning::ThisIsATop10Password | Warning::ThisIsATop100Password | Warning::ThisIsACommonPassword => COMMON,
        Warning::ThisIsSimilarToACommonlyUsedPassword => "it is like a common password",
        Warning::SequencesLikeAbcAreEasyToGuess => "it has characters in order, such as abc or 6543",
        Warning::RecentYearsAreEasyToGuess | Warning::DatesAreOftenEasyToGuess => "it is made of a date",
        Warning::AWordByItselfIsEasyToGuess => "it is made of one word",
        Warning::NamesAndSurnamesByThemselvesAreEasyToGuess | Warning::CommonNamesAndSurnamesAreEasyToGuess => {
            "it is made of names"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_has_so_many_characters_and_one_more_makes_a_second() {
        let text = |chars| "é日ab".chars().cycle().take(chars).collect::<String>();
        for (chars, count) in [(12, 1), (PASSWORD_JUDGED_CHARS_MAX, 1), (PASSWORD_JUDGED_CHARS_MAX + 1, 2), (128, 7)] {
            let pieces = pieces(&text(chars));
            assert_eq!(pieces.len(), count, "{chars}");
            assert!(pieces.iter().all(|one| one.chars().count() == chars.min(PASSWORD_JUDGED_CHARS_MAX)), "{chars}");
            assert!(text(chars).starts_with(&pieces[0]) && text(chars).ends_with(&pieces[count - 1]), "{chars}");
        }
    }
}
