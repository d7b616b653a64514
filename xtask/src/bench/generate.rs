//! Makes events that look like a portal's: about 850 bytes of JSON with real skew, the same sequence every time.
//!
//! Actors follow Zipf's law over 50,000, targets a flatter one over 500,000; three events in ten carry a random request
//! id, and `meta` has 100 to 300 bytes. `occurred_at` lies in the hour before the start.

#[cfg(test)]
mod tests;

use std::fmt::Write;

const ACTORS: usize = 50_000;
const ACTOR_EXPONENT: f64 = 1.0;
const TARGETS: usize = 500_000;
const TARGET_EXPONENT: f64 = 0.7;
const WITH_REQUEST_ID_PERCENT: u64 = 30;
/// `occurred_at` lies this far back at most.
const PAST_MS: u64 = 55 * 60 * 1000;
/// How long a random request id is.
pub(super) const REQUEST_ID_CHARS: usize = 32;

/// Source, action, type of action, method and path: together, as a plugin would report them.
const ACTIONS: [(&str, &str, &str, &str, &str); 8] = [
    ("catalog", "entity-fetch", "by-name", "GET", "/api/catalog/entities/by-name/component/default"),
    ("catalog", "entity-mutate", "refresh", "POST", "/api/catalog/refresh"),
    ("catalog", "location-mutate", "create", "POST", "/api/catalog/locations"),
    ("scaffolder", "task", "create", "POST", "/api/scaffolder/v2/tasks"),
    ("scaffolder", "task", "get", "GET", "/api/scaffolder/v2/tasks"),
    ("permission", "policy-write", "update", "PUT", "/api/permission/policies/role/default"),
    ("techdocs", "page-read", "read", "GET", "/api/techdocs/static/docs/default"),
    ("auth", "user-login", "login", "POST", "/api/auth/oidc/refresh"),
];
const USER_AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15",
    "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
];
const WORDS: [&str; 16] = [
    "production",
    "staging",
    "pipeline",
    "release",
    "approval",
    "rollback",
    "cluster",
    "payments",
    "inventory",
    "gateway",
    "template",
    "repository",
    "ownership",
    "dependency",
    "incident",
    "maintenance",
];

/// A request body, and where the random request ids in it stand.
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) request_id_offsets: Vec<usize>,
}

/// A source of events.
pub(super) struct Generator {
    random: Random,
    actors: Zipf,
    targets: Zipf,
    start_ms: u64,
    made: u64,
    made_bytes: u64,
}

impl Generator {
    /// Events that happened before `start_s`, in seconds since 1970.
    pub(super) fn new(start_s: u64) -> Self {
        Self {
            random: Random::new(0x7261_696c),
            actors: Zipf::new(ACTORS, ACTOR_EXPONENT),
            targets: Zipf::new(TARGETS, TARGET_EXPONENT),
            start_ms: start_s * 1000,
            made: 0,
            made_bytes: 0,
        }
    }

    /// One JSON object, or as many lines of NDJSON.
    pub(super) fn body(&mut self, events: usize) -> Body {
        let mut text = String::with_capacity(events * 1000);
        let mut request_id_offsets = Vec::new();
        for index in 0..events {
            if index > 0 {
                text.push('\n');
            }
            let start = text.len();
            request_id_offsets.extend(self.event(&mut text));
            self.made += 1;
            self.made_bytes += (text.len() - start) as u64;
        }
        Body { bytes: text.into_bytes(), request_id_offsets }
    }

    /// How long an event was, of all that were made.
    pub(super) fn event_bytes_mean(&self) -> f64 {
        self.made_bytes as f64 / self.made.max(1) as f64
    }

    /// Writes one event; returns where its request id stands, if it has one.
    fn event(&mut self, text: &mut String) -> Option<usize> {
        let at = rfc3339(self.start_ms.saturating_sub(self.random.below(PAST_MS)));
        let (source, action, action_type, method, path) = *self.random.pick(&ACTIONS);
        let severity = *self.random.pick(&["low", "low", "low", "low", "medium", "medium", "high", "low"]);
        let outcome = *self.random.pick(&["succeeded", "succeeded", "succeeded", "succeeded", "failed", "denied"]);
        let actor = self.actors.sample(&mut self.random);
        let target = self.targets.sample(&mut self.random);
        let (ip_high, ip_low) = (actor / 250 % 250, actor % 250);
        let agent = USER_AGENTS.get(actor % USER_AGENTS.len()).copied().unwrap_or_default();
        let mut write =
            |arguments: std::fmt::Arguments<'_>| text.write_fmt(arguments).expect("writing to a string cannot fail");
        write(format_args!(
            r#"{{"occurred_at":"{at}","source":"{source}","action":"{action}","action_type":"{action_type}","#
        ));
        write(format_args!(r#""severity":"{severity}","outcome":"{outcome}","#));
        write(format_args!(r#""actor":{{"type":"user","id":"user:default/u{actor:05}"}},"#));
        write(format_args!(
            r#""targets":[{{"type":"entity","id":"component:default/s{target:06}","name":"s{target:06}"}}],"#
        ));
        write(format_args!(
            r#""context":{{"channel":"portal","ip":"10.20.{ip_high}.{ip_low}","user_agent":"{agent}","#
        ));
        write(format_args!(
            r#""session_id":"{actor:032x}","request_method":"{method}","request_url":"{path}/s{target:06}""#
        ));
        let mut request_id_offset = None;
        if self.random.below(100) < WITH_REQUEST_ID_PERCENT {
            text.push_str(r#","request_id":""#);
            request_id_offset = Some(text.len());
            text.extend(std::iter::repeat_n('0', REQUEST_ID_CHARS));
            text.push('"');
        }
        self.tail(text, actor, target, action);
        request_id_offset
    }

    fn tail(&mut self, text: &mut String, actor: usize, target: usize, action: &str) {
        let words = [self.word(), self.word()];
        let message = format!("u{actor:05} asked for {action} of s{target:06} during {} {}", words[0], words[1]);
        let cluster = self.random.below(40);
        let duration = self.random.below(900);
        let head = format!(r#"}},"message":"{message}","meta":{{"env":"{}","cluster":"c{cluster}","#, words[0]);
        text.push_str(&head);
        let note_chars = 44 + self.random.below(176) as usize;
        let mut note = String::with_capacity(note_chars + 16);
        while note.len() < note_chars {
            note.push_str(self.word());
            note.push(' ');
        }
        note.truncate(note_chars);
        text.push_str(&format!(r#""duration_ms":{duration},"note":"{note}"}}}}"#));
    }

    fn word(&mut self) -> &'static str {
        self.random.pick::<&str>(&WORDS)
    }
}

/// A small generator of pseudo-random numbers (xorshift64*).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let at = self.below(list.len() as u64) as usize;
        list.get(at).expect("a remainder is below the length of a list that is never empty")
    }

    /// From 0 to 1.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Numbers from 0, where the k-th is chosen in proportion to 1/(k + 1)^exponent.
struct Zipf {
    cumulated: Vec<f64>,
}

impl Zipf {
    fn new(count: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let weights = (1..=count).map(|rank| 1.0 / (rank as f64).powf(exponent));
        Self {
            cumulated: weights
                .map(|weight| {
                    sum += weight;
                    sum
                })
                .collect(),
        }
    }

    fn sample(&self, random: &mut Random) -> usize {
        let sum = self.cumulated.last().copied().unwrap_or(0.0);
        let place = random.fraction() * sum;
        self.cumulated.partition_point(|&end| end <= place).min(self.cumulated.len().saturating_sub(1))
    }
}

/// Milliseconds since 1970 as RFC 3339, with the calendar of <https://howardhinnant.github.io/date_algorithms.html>.
fn rfc3339(unix_ms: u64) -> String {
    let (seconds, ms) = (unix_ms / 1000, unix_ms % 1000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ms:03}Z", second / 3600, second / 60 % 60, second % 60)
}
