//! `burn-zoo train`: from a table to a saved model.

use std::{
    fs::{self, File, TryLockError},
    io::{Write, stderr},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use burn_zoo::{
    DeviceSpec, Error,
    data::{self, ColumnKind, TaskChoice},
    recipe::{self, Origin, Outcome, Prepared},
    report::Figure,
    settings::Settings,
    train::Epoch,
    zoo::ModelFile,
};
use clap::{ValueEnum, builder::NonEmptyStringValueParser};
use serde::{Deserialize, Serialize};

use super::{
    OnDevice, Usage, check, complain,
    evaluate::write_evaluation,
    numbers::whole,
    one_line,
    progress::Report,
    reading::Reading,
    tables::{Source, shown},
    usage,
};

/// Train a model on a table, and save it with its preprocessing
///
/// The table is CSV or its kin: a file, - for standard input, or the built-in
/// wine-red. What its columns are is inferred from the training part and
/// stated; numbers, levels, yes and no, dates. The target decides what is
/// predicted: numbers, two classes or several. The saved directory is a model
/// for predict, evaluate and show.
#[derive(Clone, clap::Args)]
pub struct Args {
    /// The family of models, mlp, or a file with settings (see `config`)
    #[arg(value_name = "FAMILY|CONFIG.toml", required_unless_present = "resume")]
    family: Option<String>,
    /// The table: a file, - for standard input, or wine-red
    #[arg(long, value_name = "FILE|NAME", required_unless_present = "resume", value_parser = NonEmptyStringValueParser::new())]
    data: Option<String>,
    /// A table of its own to stop the training by and to fit the noise to
    #[arg(long, value_name = "FILE", requires = "test", value_parser = NonEmptyStringValueParser::new())]
    valid: Option<String>,
    /// A table of its own for the scores
    #[arg(long, value_name = "FILE", requires = "valid", value_parser = NonEmptyStringValueParser::new())]
    test: Option<String>,
    /// The directory to write; it must not exist
    #[arg(long, value_name = "DIR", required_unless_present = "resume")]
    out: Option<PathBuf>,
    /// Go on with a training that was interrupted, to the same model: the
    /// directory that it was to write
    #[arg(long, value_name = "DIR", conflicts_with_all = ANEW)]
    resume: Option<PathBuf>,
    /// The column to predict [default: a built-in table's usual one]
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// What to predict [default: by the target, and stated]
    #[arg(long, value_enum)]
    task: Option<TaskKind>,
    /// What a column is: numeric, categorical, boolean, date, date:%d.%m.%Y,
    /// ignored or id; may be given several times
    #[arg(long = "column", value_name = "NAME=KIND")]
    columns: Vec<String>,
    /// A cell that means missing, besides empty ones, NA, ? and their like; may
    /// be given several times
    #[arg(long = "na", value_name = "CELL", allow_hyphen_values = true)]
    missing: Vec<String>,
    /// Change a setting, such as train.epochs=50 or model.rates=[0.1,0.2]; may
    /// be given several times (all of them: burn-zoo config mlp)
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Draws split, initial weights, order and masks: a whole number
    /// [default: 0]
    #[arg(long, allow_negative_numbers = true, value_parser = whole)]
    seed: Option<u64>,
    /// Say nothing while it works
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    device: OnDevice,
    #[command(flatten)]
    reading: Reading,
}

/// What a training is begun with, and not gone on with.
const ANEW: [&str; 18] = [
    "family",
    "data",
    "valid",
    "test",
    "out",
    "target",
    "task",
    "columns",
    "missing",
    "set",
    "seed",
    "delimiter",
    "decimal",
    "thousands",
    "quote",
    "header",
    "no_header",
    "skip",
];

#[derive(Clone, Copy, ValueEnum)]
enum TaskKind {
    Regression,
    Classes,
}

/// Trains, saves, and writes the scores on the test part.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    match &args.resume {
        Some(directory) => {
            let (job, mut unfinished) = Unfinished::open(directory)?;
            if let Some(other) = args.device.of_arguments().filter(|device| device.to_string() != job.device) {
                return Err(
                    Usage(format!("--device {other}: this training began on {}, and ends there", job.device)).into()
                );
            }
            job.run(&mut unfinished, args.quiet, out)
        }
        None => {
            let job = Job::new(args)?;
            check_free(&job.out)?;
            check_place(&job.out)?;
            let mut unfinished = Unfinished::of(&job.out);
            if unfinished.directory.symlink_metadata().is_ok() {
                return Err(unfinished.there(&job));
            }
            job.run(&mut unfinished, args.quiet, out)
        }
    }
}

/// Everything that a training is a function of, but the tables' contents.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    out: PathBuf,
    tables: Vec<String>,
    target: Option<String>,
    reading: Reading,
    device: String,
    command: String,
    settings: Settings,
}

impl Job {
    fn new(args: &Args) -> Result<Self> {
        let (Some(family), Some(data), Some(out)) = (&args.family, &args.data, &args.out) else {
            unreachable!("clap asks for them");
        };
        Ok(Self {
            out: out.components().collect(), // without a slash behind
            tables: [Some(data), args.valid.as_ref(), args.test.as_ref()].into_iter().flatten().cloned().collect(),
            target: args.target.clone(),
            reading: args.reading.clone(),
            device: args.device.spec().to_string(),
            command: command(),
            settings: settings(family, args)?,
        })
    }

    /// The command that goes on with it.
    fn resume(&self) -> String {
        let table = if self.tables.iter().any(|table| table == "-") { " < TABLE" } else { "" };
        format!("burn-zoo train --resume {}{table}", word(&self.out.display().to_string()))
    }

    /// Reads, trains, saves, and writes the scores.
    fn run(&self, unfinished: &mut Unfinished, quiet: bool, out: &mut dyn Write) -> Result<()> {
        let say = |line: &str| {
            if !quiet {
                let _ = writeln!(stderr(), "{}", one_line(line, 2000)); // nobody who reads it is no failure
            }
        };
        let device = self.device.parse::<DeviceSpec>()?.init()?;
        let (prepared, origin) = self.prepare(&say)?;
        say(&stated(&prepared));
        unfinished.begin(self, &origin.sha256)?;
        let report = Report::new(quiet, &self.settings.train);
        stop_on_interrupt(self.resume(), report.interrupted());
        let outcome = prepared.train(origin, &device, report, Some(&unfinished.checkpoint()));
        let outcome = outcome.map_err(|error| self.broken(error, unfinished))?;
        self.save(&outcome, unfinished)?;
        let best = outcome.model.file().provenance.best_epoch;
        say(&format!("saved {} (epoch {best} of {})", self.out.display(), outcome.curve.len()));
        match &outcome.model.file().test {
            Some(test) => Ok(write_evaluation(test, out)?),
            None => Ok(()),
        }
    }

    /// Reads the tables and finds out what is in them.
    fn prepare(&self, say: &dyn Fn(&str)) -> Result<(Prepared, Origin)> {
        let missing = &self.settings.data.missing_values;
        let sources =
            self.tables.iter().map(|name| Source::read(name, &self.reading, missing)).collect::<Result<Vec<_>>>()?;
        let target = match (&self.target, data::find(&self.tables[0])) {
            (Some(target), _) => target.clone(),
            (None, Ok(built_in)) => built_in.target.to_string(),
            (None, Err(_)) => return Err(Usage("--target is missing: the column to predict".to_string()).into()),
        };
        let rows: Vec<usize> = sources.iter().map(|source| source.frame.rows()).collect();
        let sha256: Vec<String> = sources.iter().map(|source| source.sha256.clone()).collect();
        let first = &sources[0].frame;
        let columns = (!first.dialect(0).header).then_some(first.columns().len());
        let origin = Origin {
            data: self.tables.clone(),
            sha256,
            reading: self.reading.remembered(columns),
            command: self.command.clone(),
            device: self.device.clone(),
        };
        let mut frames = sources.into_iter().map(|source| source.frame);
        let mut frame = frames.next().expect("a table");
        frames.try_for_each(|part| frame.append(&part))?;
        frame.notes().for_each(|note| say(&format!("note: {note}")));
        frame.column(&target).map_err(|error| Usage(format!("{}: {error}", frame.name())))?;
        let given = <[usize; 3]>::try_from(rows).ok();
        let prepared = recipe::prepare(&frame, given, &target, &self.settings).map_err(|error| match error {
            Error::Config { .. } | Error::Unknown { .. } => usage(error),
            other => other.into(),
        })?;
        prepared.notes.iter().for_each(|note| say(&format!("note: {note}")));
        Ok((prepared, origin))
    }

    /// What to say of a training that failed: what may go on, or has trained at all, is kept.
    fn broken(&self, error: Error, unfinished: &Unfinished) -> anyhow::Error {
        let trained = unfinished.checkpoint().exists();
        match error {
            Error::Checkpoint { .. } => anyhow!("{error}: remove {} and begin again", unfinished.directory.display()),
            Error::NotLearned => {
                unfinished.end();
                error.into()
            }
            Error::Io { .. } | Error::Training { .. } | Error::Device { .. } => {
                anyhow!("{error}: go on with `{}`", self.resume())
            }
            other if trained => anyhow!("{other}: go on with `{}`", self.resume()),
            other => {
                unfinished.end();
                other.into()
            }
        }
    }

    /// Saves the model: whatever interrupts, what is half-written is among what is unfinished.
    fn save(&self, outcome: &Outcome, unfinished: &Unfinished) -> Result<()> {
        let whole = unfinished.directory.join(MODEL);
        let _ = fs::remove_dir_all(&whole); // of a training that was killed here
        outcome.model.save(&whole, &curve(&outcome.curve))?;
        check_free(&self.out)?;
        fs::rename(&whole, &self.out).with_context(|| self.out.display().to_string())?;
        unfinished.end();
        Ok(())
    }
}

/// What a training leaves beside its output until that is whole: `DIR.unfinished`.
struct Unfinished {
    directory: PathBuf,
    /// Held while this process trains there.
    lock: Option<File>,
}

/// Everything that a training needs to go on but its state.
#[derive(Serialize, Deserialize)]
struct Run {
    /// Of burn-zoo.
    version: String,
    /// Where the command ran: its paths begin there.
    directory: PathBuf,
    /// Of each table.
    sha256: Vec<String>,
    job: Job,
}

impl Unfinished {
    /// That of a directory to write.
    fn of(out: &Path) -> Self {
        let mut name = out.components().collect::<PathBuf>().into_os_string();
        name.push(SUFFIX);
        Self { directory: name.into(), lock: None }
    }

    /// That a training is there already.
    fn there(&self, job: &Job) -> anyhow::Error {
        let directory = self.directory.display();
        anyhow!("{directory}: an unfinished training: go on with `{}`, or remove that directory", job.resume())
    }

    /// Takes the directory, which messages call `place`, for this process alone.
    fn lock(&mut self, place: &str) -> Result<()> {
        let path = self.directory.join(LOCK);
        let lock = File::create(&path).with_context(|| format!("{place}/{LOCK}"))?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            bail!("{place}: another burn-zoo is training there: wait until it has ended");
        }
        self.lock = Some(lock); // where a file system has no locks, there is none
        Ok(())
    }

    /// The training whose output was to be `out`; its own directory is understood, too.
    fn open(out: &Path) -> Result<(Job, Self)> {
        let given = out.components().collect::<PathBuf>().to_string_lossy().into_owned();
        let shown = given.strip_suffix(SUFFIX).unwrap_or(&given); // as the user calls it
        let left = format!("{shown}{SUFFIX}");
        let out = std::path::absolute(shown)?;
        let mut unfinished = Self::of(&out);
        let path = unfinished.directory.join(RUN);
        if out.exists() {
            if ModelFile::open(&out).is_err() {
                bail!("{shown}: nothing to resume: this is no directory that `train` was to write");
            }
            if path.exists() {
                unfinished.end();
            }
            bail!("{shown}: this training has ended: nothing to go on with");
        }
        if !unfinished.directory.exists() {
            bail!("{shown}: nothing to resume: there is no {left}");
        }
        if !path.exists() {
            bail!("{shown}: nothing to resume yet: there is no {left}/{RUN}; remove {left} and begin again");
        }
        unfinished.lock(&left)?;
        let run = Run::read(&path, &format!("{left}/{RUN}"))?;
        if run.version != env!("CARGO_PKG_VERSION") {
            bail!("{left}/{RUN}: begun by burn-zoo {}, which must end it", run.version);
        }
        std::env::set_current_dir(&run.directory).with_context(|| run.directory.display().to_string())?;
        Ok((Job { out, ..run.job }, unfinished))
    }

    /// Notes what is needed to go on, or that the tables are still those that were noted.
    fn begin(&mut self, job: &Job, sha256: &[String]) -> Result<()> {
        let path = self.directory.join(RUN);
        if self.lock.is_some() {
            let run = Run::read(&path, &path.display().to_string())?;
            return match run.sha256.iter().zip(sha256).position(|(was, is)| was != is) {
                Some(at) => bail!("{}: it has changed since the training began: put it back", shown(&job.tables[at])),
                None => Ok(()),
            };
        }
        fs::create_dir_all(&self.directory).with_context(|| self.directory.display().to_string())?;
        let place = self.directory.display().to_string();
        self.lock(&place)?;
        // Another began, while this one read its tables.
        if path.exists() {
            return Err(self.there(job));
        }
        check_free(&job.out).inspect_err(|_| self.end())?;
        let run = Run {
            version: env!("CARGO_PKG_VERSION").to_string(),
            directory: std::env::current_dir()?,
            sha256: sha256.to_vec(),
            job: job.clone(),
        };
        let partial = self.directory.join(".run.toml");
        let written = fs::write(&partial, toml::to_string(&run).expect("a run is TOML"))
            .and_then(|()| fs::rename(&partial, &path));
        written.inspect_err(|_| self.end()).with_context(|| path.display().to_string())
    }

    fn checkpoint(&self) -> PathBuf {
        self.directory.join("checkpoint")
    }

    /// The output is whole, or will never be. Removes what is ours.
    fn end(&self) {
        let Ok(entries) = fs::read_dir(&self.directory) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let name = name.strip_prefix('.').unwrap_or(&name);
            // What is left harms nobody.
            let _ = match name.split('.').next() {
                Some(MODEL) => fs::remove_dir_all(entry.path()),
                Some("checkpoint" | "run") => fs::remove_file(entry.path()),
                _ => Ok(()),
            };
        }
        let _ = fs::remove_file(self.directory.join(LOCK)); // last: until then the directory is ours
        let _ = fs::remove_dir(&self.directory);
    }
}

impl Run {
    /// Reads the file, which messages call `place`.
    fn read(path: &Path, place: &str) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| place.to_string())?;
        toml::from_str(&text).map_err(|error| anyhow!("{place}: damaged: {}", error.message()))
    }
}

const SUFFIX: &str = ".unfinished";
const RUN: &str = "run.toml";
const LOCK: &str = "lock";
/// The output, before it is where it belongs.
const MODEL: &str = "model";

/// On Ctrl-C, says how to go on and ends: each epoch's checkpoint is on the disk whole.
fn stop_on_interrupt(resume: String, interrupted: impl Fn() -> usize + Send + 'static) {
    let handler = move || {
        let so_far = match interrupted() {
            0 => "before the first epoch ended".to_string(),
            epoch => format!("behind epoch {epoch}"),
        };
        complain(&format!("interrupted {so_far}: go on with `{resume}`"));
        std::process::exit(130)
    };
    let _ = ctrlc::set_handler(handler); // without it, an interrupt says nothing and loses nothing
}

/// What is going to be done, in one line.
fn stated(prepared: &Prepared) -> String {
    let [train, valid, test] = [&prepared.split.train, &prepared.split.valid, &prepared.split.test].map(Vec::len);
    let (columns, features) = (prepared.schema.columns.len(), prepared.schema.width());
    let plural = if columns == 1 { "" } else { "s" };
    let features = if features == columns { String::new() } else { format!(" ({features} features)") };
    let classes = match &prepared.target.classes[..] {
        [] => String::new(),
        some if some.len() <= 5 => format!(" ({})", some.join(", ")),
        _ => String::new(),
    };
    let name = &prepared.target.name;
    format!(
        "{}{classes}: `{name}` from {columns} column{plural}{features}; {train} rows train, {valid} choose, {test} test",
        prepared.task
    )
}

/// The training curve as CSV, where what was not measured is empty, and as a figure.
fn curve(epochs: &[Epoch]) -> Vec<(&'static str, String)> {
    let mut csv = "epoch,train_loss,valid_loss,learning_rate,penalty,grad_norm,clipped\n".to_string();
    for Epoch { number, train_loss, valid_loss, best: _, learning_rate, penalty, grad_norm, clipped } in epochs {
        let [grad_norm, clipped] = [grad_norm, clipped].map(|x| x.map(|x| x.to_string()).unwrap_or_default());
        csv += &format!("{number},{train_loss},{valid_loss},{learning_rate},{penalty},{grad_norm},{clipped}\n");
    }
    let numbers = |number: fn(&Epoch) -> f64| epochs.iter().map(number).collect::<Vec<f64>>();
    let xs = numbers(|epoch| epoch.number as f64);
    let figure = Figure::new("Training")
        .axes("epoch", "loss")
        .line("training part, under dropout", &xs, &numbers(|epoch| epoch.train_loss))
        .line("validation part, mean network", &xs, &numbers(|epoch| epoch.valid_loss));
    let best = epochs.iter().rev().find(|epoch| epoch.best).map(|epoch| epoch.number as f64);
    let figure = best.into_iter().fold(figure, |figure, best| figure.vertical("best epoch", best));
    vec![("curve.csv", csv), ("curve.svg", figure.to_svg())]
}

fn check_free(out: &Path) -> Result<()> {
    match out.symlink_metadata() {
        Ok(_) => bail!("{}: there is something already: choose a new directory", out.display()),
        Err(_) => Ok(()),
    }
}

/// That the directory can be made: to be found before the training, not behind it.
fn check_place(out: &Path) -> Result<()> {
    if out.file_name().is_none() {
        return Err(Usage(format!("--out {}: expected the name of a new directory", out.display())).into());
    }
    if out.file_name().is_some_and(|name| name.to_string_lossy().ends_with(SUFFIX)) {
        let says =
            format!("--out {}: what ends in {SUFFIX} is what a training leaves: choose another name", out.display());
        return Err(Usage(says).into());
    }
    let exists = |place: &&Path| place.as_os_str().is_empty() || place.exists();
    let place = out.ancestors().skip(1).find(exists).unwrap_or(Path::new(""));
    let probe = place.join(format!(".burn-zoo.{}", std::process::id()));
    fs::create_dir(&probe).and_then(|()| fs::remove_dir(&probe)).with_context(|| out.display().to_string())
}

fn settings(family: &str, args: &Args) -> Result<Settings> {
    let mut settings = match family {
        "mlp" => Settings::default(),
        file if file.ends_with(".toml") => check::read(file)?,
        other => {
            return Err(
                Usage(format!("unknown family `{other}`: expected `mlp`, or a file with settings (.toml)")).into()
            );
        }
    };
    for set in &args.set {
        let expected = format!("--set {set}: expected PATH=VALUE, such as train.epochs=50");
        let (path, value) = pair(set.split_once('='), expected)?;
        settings = settings.set(&path, &value).map_err(usage)?;
    }
    for column in &args.columns {
        let expected = format!("--column {column}: expected NAME=KIND, such as zip=categorical");
        let (name, kind) = pair(column.rsplit_once('='), expected)?; // a name may hold an =
        let kind = ColumnKind::try_from(kind).map_err(|expected| Usage(format!("--column {column}: {expected}")))?;
        settings.schema.insert(name, kind);
    }
    settings.data.missing_values.extend(args.missing.iter().cloned());
    if let Some(task) = args.task {
        settings.data.task = match task {
            TaskKind::Regression => TaskChoice::Regression,
            TaskKind::Classes => TaskChoice::Classes,
        };
    }
    if let Some(seed) = args.seed {
        settings.train.seed = seed;
    }
    match settings.check() {
        Err(error) if family != "mlp" && args.set.is_empty() => Err(error).with_context(|| family.to_string()),
        checked => checked.map_err(usage),
    }?;
    Ok(settings)
}

/// Both sides of a `=`, or what was expected.
fn pair(sides: Option<(&str, &str)>, expected: String) -> Result<(String, String)> {
    let (name, value) = sides.ok_or(Usage(expected))?;
    Ok((name.trim().to_string(), value.trim().to_string()))
}

/// The command that makes this model again; where it was saved does not matter.
fn command() -> String {
    let mut words = vec!["burn-zoo".to_string()];
    let mut given = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--out" => drop(given.next()),
            "--quiet" | "-q" => {}
            out if out.starts_with("--out=") => {}
            other => words.push(word(other)),
        }
    }
    words.push("--out DIR".to_string());
    words.join(" ")
}

/// A word as a shell reads it.
fn word(text: &str) -> String {
    match !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_./=,:-".contains(c)) {
        true => text.to_string(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        assert_eq!(word("train.epochs=20"), "train.epochs=20");
        assert_eq!(word("fixed acidity"), "'fixed acidity'");
        assert_eq!(word("it's"), "'it'\\''s'");
    }
}
