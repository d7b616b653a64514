//! The generator makes the same events every time, all of them valid, with the skew that it says.

use std::collections::HashMap;

use serde_json::Value;
use trailbook_store::Clock;

use super::{Generator, Plan, RUN_EVENTS, Random};
use crate::emit::{COLUMNS, Form, emit};
use crate::parameters::Parameters;
use crate::pipeline::Pipeline;

const END_MS: u64 = 1_800_000_000_000;

fn generator(events: u64) -> Generator {
    Generator::new(Plan { events, end_ms: END_MS, seed: 7 })
}

fn lines(generator: &Generator) -> String {
    let mut text = String::new();
    for made in (0..generator.runs()).flat_map(|run| generator.run(run)) {
        made.write(&mut text);
        text.push('\n');
    }
    text
}

#[test]
fn the_same_plan_makes_the_same_events() {
    let text = lines(&generator(2_500));
    assert_eq!(text, lines(&generator(2_500)));
    assert_eq!(text.lines().count(), 2_500);
    let other = Generator::new(Plan { events: 2_500, end_ms: END_MS, seed: 8 });
    assert_ne!(text, lines(&other));
}

#[test]
fn a_run_by_itself_is_the_same_as_among_others() {
    let generator = generator(5_000);
    let all = lines(&generator);
    let mut third = String::new();
    for made in generator.run(3) {
        made.write(&mut third);
        third.push('\n');
    }
    let place = usize::try_from(3 * RUN_EVENTS).unwrap();
    assert!(third.lines().eq(all.lines().skip(place).take(RUN_EVENTS as usize)));
}

#[test]
fn every_event_becomes_an_item() {
    let pipeline = Pipeline::new(Clock::from_fn(|| END_MS as i64)).unwrap();
    let text = lines(&generator(20_000));
    let items = pipeline.prepare(&text, &mut Random::new(0, 0), None).unwrap();
    assert_eq!(items.len(), 20_000);
}

#[test]
fn events_have_about_850_bytes_and_meta_100_to_300() {
    let text = lines(&generator(10_000));
    let mean = text.len() / 10_000;
    assert!((820..880).contains(&mean), "{mean}");
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let meta_bytes = event["meta"].to_string().len();
        assert!((100..=300).contains(&meta_bytes), "{meta_bytes}");
    }
}

#[test]
fn few_organizations_and_actors_have_most_events() {
    let generator = generator(50_000);
    let (mut organizations, mut actors) = (HashMap::<usize, u32>::new(), HashMap::<usize, u32>::new());
    let (mut with_request_id, mut with_rare_word, mut succeeded) = (0, 0, 0);
    for made in (0..generator.runs()).flat_map(|run| generator.run(run)) {
        *organizations.entry(made.organization).or_default() += 1;
        *actors.entry(made.actor).or_default() += 1;
        with_request_id += u32::from(made.request_id.is_some());
        with_rare_word += u32::from(made.rare_word.is_some());
        succeeded += u32::from(made.outcome == "succeeded");
    }
    // 1 / H(20) is 27.8 %, a twentieth of it 1.4 %.
    assert!((13_000..14_800).contains(&organizations[&0]), "{}", organizations[&0]);
    assert!((550..850).contains(&organizations[&19]), "{}", organizations[&19]);
    // 1 / H(50,000) is 8.8 %.
    assert!((4_000..4_800).contains(&actors[&0]), "{}", actors[&0]);
    assert!((14_000..16_000).contains(&with_request_id), "{with_request_id}");
    assert!((180..330).contains(&with_rare_word), "{with_rare_word}");
    assert!((46_500..47_500).contains(&succeeded), "{succeeded}");
}

#[test]
fn time_rises_but_for_a_few_late_events() {
    let generator = generator(50_000);
    let times: Vec<u64> =
        (0..generator.runs()).flat_map(|run| generator.run(run)).map(|made| made.occurred_ms).collect();
    assert!(times.iter().all(|at| *at <= END_MS));
    let span_days = (times.iter().max().unwrap() - times.iter().min().unwrap()) / 86_400_000;
    assert!((89..=93).contains(&span_days), "{span_days}");
    // 50,000 events in 90 days are 155 s apart, more than the jitter.
    let late = times.windows(2).filter(|pair| pair[1] < pair[0]).count();
    assert!((25..80).contains(&late), "{late}");
}

#[test]
fn rare_words_differ_and_stand_in_no_other_word() {
    let words: std::collections::HashSet<String> = (0..super::RARE_WORDS).map(super::rare_word).collect();
    assert_eq!(words.len() as u64, super::RARE_WORDS);
    let text = lines(&generator(20_000));
    let has_rare_start = |word: &str| word.contains("zq");
    let found = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| has_rare_start(word));
    for word in found {
        assert!(words.contains(word), "{word}");
    }
}

#[test]
fn parameters_are_of_events_that_peers_hold_and_can_be_kept() {
    let mut parameters = Parameters::draw(&generator(50_000), 5, 20).unwrap();
    assert_eq!([parameters.events.len(), parameters.targets.len(), parameters.words.len()], [20; 3]);
    let all = parameters.events.iter().chain(&parameters.targets).chain(&parameters.words);
    assert!(all.clone().all(|drawn| drawn.index % 5 == 0 && drawn.index < 50_000));
    assert!(parameters.words.iter().all(|drawn| drawn.word.starts_with("zq")));
    parameters.events[0].id = "an id".to_owned();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("parameters.json");
    parameters.save(&path).unwrap();
    assert_eq!(Parameters::load(&path).unwrap(), parameters);
}

#[test]
fn peers_are_given_every_column_of_every_event_in_a_step() {
    let parameters = Parameters::draw(&generator(3_000), 1, 1).unwrap();
    let mut tabs = Vec::new();
    emit(&parameters, 2, Form::Tabs, &mut tabs).unwrap();
    let tabs = String::from_utf8(tabs).unwrap();
    assert_eq!(tabs.lines().count(), 1_500);
    let text = lines(&generator(3_000));
    for (row, event) in tabs.lines().zip(text.lines().step_by(2)) {
        let columns: Vec<&str> = row.split('\t').collect();
        assert_eq!(columns.len(), COLUMNS.len());
        assert_eq!(columns[13], event);
        let event: Value = serde_json::from_str(event).unwrap();
        assert_eq!(event["actor"]["id"], columns[9]);
        assert_eq!(event["targets"][0]["id"], columns[10]);
        assert_eq!(event["context"]["request_id"].as_str().unwrap_or_default(), columns[11]);
    }
    let mut sql = Vec::new();
    emit(&parameters, 2, Form::Sql, &mut sql).unwrap();
    let sql = String::from_utf8(sql).unwrap();
    assert_eq!(sql.lines().count(), 3);
    assert!(sql.lines().all(|line| line.starts_with("INSERT INTO events (id,") && line.ends_with("')")));
}
