//! `trailbook send`: reads lines, gives each an id, and sends them in batches until all are recorded or refused.
//!
//! Promises: every line of the input ends in exactly one count of the summary; sending the same input again records
//! nothing twice; one bad line never keeps another from being sent; memory does not grow with the input.

mod batch;
mod lines;
mod prepare;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;
use trailbook_event::limits::EVENT_BYTES_MAX;
use trailbook_event::normalise::Form;
use trailbook_store::Clock;

use crate::client::{Client, Server};
use crate::exit::{Error, Exit};
use crate::output;
use batch::Batch;
use lines::Line;

/// How long a server that does not answer is asked again.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long an input may pause before what came so far is sent.
const PAUSE: Duration = Duration::from_millis(200);

/// Send events from a file or standard input
///
/// Each line is one event: Trailbook's own JSON, or what a Backstage backend logs in production, also mixed. Lines that
/// do not begin with { are passed over. Lines that the server refuses are named on standard error, and all others are
/// recorded.
///
/// A line gets an id made from the run's name, its place and its content, unless it has one. So sending a file again
/// records nothing twice, for as long as the server remembers ids (7 days by default).
///
/// Exit codes: 0 all was taken, 1 some lines were refused, 2 wrong usage or token, 3 the server or the network failed.
///
/// With --from, each line is a record of another system, such as one of Port's audit log.
///
/// Such as: `TRAILBOOK_TOKEN=… trailbook send --url https://audit.example audit.log`
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(flatten)]
    server: Server,
    /// The file to send; - reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The name of this run, which ids are made from [default: the file's absolute path]
    ///
    /// A line that is equal to a line at the same place of an earlier input of the same name is taken for it, and not
    /// recorded again. Give one where a path is used again for other lines, as with a rotated log. Standard input has a
    /// new name each time; give it one of yours if the same input may come twice.
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    /// Whose records the lines are: backstage, port, spectra or wso2
    ///
    /// Without it, a line is an event of Trailbook's own or of Backstage, which are told apart.
    #[arg(long, value_name = "SYSTEM", value_parser = form)]
    from: Option<Form>,
    /// Keep records that an action began (outcome initiated), whatever the server's settings say
    #[arg(long)]
    keep_initiated: bool,
}

fn form(name: &str) -> Result<Form, String> {
    let names = || Form::FOREIGN.iter().map(|form| form.name()).collect::<Vec<_>>().join(", ");
    Form::from_name(name).ok_or_else(|| format!("must be one of {}", names()))
}

/// What became of the lines of one input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    /// Recorded, now or before.
    recorded: u64,
    /// Of these, recorded before.
    before: u64,
    /// Kept out by an exclusion rule.
    excluded: u64,
    /// Records of outcome `initiated`.
    dropped: u64,
    /// Lines that are no events.
    passed_over: u64,
    /// Lines that are wrong.
    refused: u64,
}

impl Tally {
    fn text(&self) -> String {
        format!(
            "recorded {} ({} of them before), excluded {}, dropped {}, passed over {}, refused {}",
            self.recorded, self.before, self.excluded, self.dropped, self.passed_over, self.refused
        )
    }
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Error> {
    let client = Client::new(&arguments.server, PATIENCE)?;
    let started = Instant::now();
    let Input { reader, run, size_bytes } = Input::open(&arguments.file)?;
    let mut load = Load::new(&client, arguments.run.unwrap_or(run), arguments.file.display().to_string());
    load.form = arguments.from.unwrap_or_default();
    load.keep_initiated = arguments.keep_initiated;
    load.progress = progress(size_bytes);
    let result = load.all(reader).await;
    load.progress.finish_and_clear();
    let (tally, seconds) = (load.tally, started.elapsed().as_secs_f64());
    output::note(&format!("{} in {seconds:.1} s", tally.text()));
    result?;
    if tally.passed_over > 0 && tally.passed_over == load.lines {
        output::note("no line is an event: a line must be one JSON object, as `trailbook send --help` says");
    }
    Ok(if tally.refused > 0 { Exit::Partly } else { Exit::Done })
}

/// The sending of one input.
struct Load<'a> {
    client: &'a Client,
    run: String,
    /// What messages call the input.
    label: String,
    form: Form,
    keep_initiated: bool,
    progress: ProgressBar,
    tally: Tally,
    /// Lines that are not empty.
    lines: u64,
}

impl<'a> Load<'a> {
    fn new(client: &'a Client, run: String, label: String) -> Self {
        let (form, progress) = (Form::default(), ProgressBar::hidden());
        Self { client, run, label, form, keep_initiated: false, progress, tally: Tally::default(), lines: 0 }
    }

    async fn all(&mut self, input: impl BufRead + Send + 'static) -> Result<(), Error> {
        let mut lines = lines::follow(input);
        let mut batch = Batch::default();
        loop {
            let Ok(next) = tokio::time::timeout(PAUSE, lines.recv()).await else {
                // The input pauses: what came so far does not wait for more.
                self.post(std::mem::take(&mut batch)).await?;
                continue;
            };
            let Some(line) = next.transpose().map_err(|error| self.unreadable(&error))? else { break };
            self.lines += 1;
            if line.bytes.first() != Some(&b'{') {
                self.tally.passed_over += 1;
            } else if line.is_cut {
                let reason = format!("the line has {} bytes, more than {EVENT_BYTES_MAX}", line.length_bytes);
                self.refuse(line.number, &reason, "");
            } else {
                self.add(&mut batch, &line).await?;
            }
            self.progress.set_position(line.offset + line.length_bytes);
        }
        self.post(batch).await
    }

    async fn add(&mut self, batch: &mut Batch, line: &Line) -> Result<(), Error> {
        let text = prepare::prepare(&self.run, self.form, line);
        if !batch.has_room(text.len()) {
            self.post(std::mem::take(batch)).await?;
        }
        batch.push(line.number, text);
        Ok(())
    }

    /// Names a line that is not recorded.
    fn refuse(&mut self, line: u64, detail: &str, pointer: &str) {
        self.tally.refused += 1;
        let place = if pointer.is_empty() { String::new() } else { format!(" (at {pointer})") };
        let text = format!("{}:{line}: {detail}{place}", self.label);
        self.progress.suspend(|| output::note(&text));
    }

    fn unreadable(&self, error: &std::io::Error) -> Error {
        Error::Failed(format!("reading {}: {error}", self.label))
    }
}

/// What is sent.
struct Input {
    reader: Box<dyn BufRead + Send>,
    /// The name of its run where none is given.
    run: String,
    /// Its size, where it has one.
    size_bytes: Option<u64>,
}

impl Input {
    fn open(file: &Path) -> Result<Self, Error> {
        if file == Path::new("-") {
            let reader = Box::new(BufReader::new(std::io::stdin()));
            return Ok(Self { reader, run: run_of_a_pipe(), size_bytes: None });
        }
        let wrong = |error: std::io::Error| Error::Usage(format!("{}: {error}", file.display()));
        let path = file.canonicalize().map_err(wrong)?;
        let opened = File::open(&path).map_err(wrong)?;
        let metadata = opened.metadata().map_err(wrong)?;
        if metadata.is_dir() {
            return Err(Error::Usage(format!("{} is a folder", file.display())));
        }
        let size_bytes = metadata.is_file().then_some(metadata.len());
        Ok(Self { reader: Box::new(BufReader::new(opened)), run: path.display().to_string(), size_bytes })
    }
}

/// A name that no other input has: a program that is started anew says the same at the same place, and means another
/// event.
fn run_of_a_pipe() -> String {
    format!("standard input, process {} at {} ms", std::process::id(), Clock::system().now_ms())
}

fn progress(size_bytes: Option<u64>) -> ProgressBar {
    if !output::notes_are_read() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match size_bytes {
        Some(size) => (ProgressBar::new(size), "{wide_bar} {bytes} of {total_bytes}, {eta} left"),
        None => (ProgressBar::no_length(), "{spinner} {bytes}, {bytes_per_sec}"),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
