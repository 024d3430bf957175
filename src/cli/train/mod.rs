//! `burn-zoo train`: from data to a saved model.

mod images;
mod series;
mod table;
mod text;
mod unfinished;

use std::{
    fs,
    io::{Write, stderr},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use burn::tensor::Device;
use burn_zoo::{
    DeviceSpec, Error,
    data::ColumnKind,
    recipe::{ImageOrigin, Origin, Outcome, Prepared, PreparedImages, PreparedSeries, PreparedTexts},
    report::Figure,
    settings::AnySettings,
    train::{Epoch, TrainConfig},
    zoo::{AnyModel, Evaluation, ForecastEvaluation},
};
use clap::{ValueEnum, builder::NonEmptyStringValueParser};
use serde::{Deserialize, Serialize};

use super::{
    OnDevice, Usage, check, complain,
    evaluate::{say_lost, write_evaluation, write_forecasts},
    numbers::whole,
    one_line,
    progress::Report,
    reading::Reading,
    usage,
};
use images::Pictures;
use series::Series;
use table::Tables;
use text::Texts;
use unfinished::{MODEL, SUFFIX, Unfinished};

/// Train a model on a table, pictures, series or text, and save it with its
/// preprocessing
///
/// mlp learns a table, CSV or its kin: a file, - for standard input, or the
/// built-in wine-red. What its columns are is inferred from the training part
/// and stated; numbers, levels, yes and no, dates. The target decides what is
/// predicted: numbers, two classes or several.
///
/// cnn learns the classes of pictures: of the files of MNIST, Fashion-MNIST or
/// CIFAR-10, of a folder with a folder of PNG and JPEG files for each class, or
/// of the built-in digits. An official test part stays one.
///
/// lstm learns to forecast the series of a table: --time and --target name their
/// columns, --group what tells one series from another. The latest values test,
/// those before them choose.
///
/// With --text, lstm learns from the texts in a column: --target, a class or a
/// number, from each; without a target, or of plain text (--data text:FILE), the
/// language: which character or word comes next.
///
/// The saved directory is a model for predict or forecast, evaluate and show.
#[derive(Clone, clap::Args)]
pub struct Args {
    /// mlp for tables, cnn for pictures, lstm for series and texts, a named variant
    /// such as cnn/lenet, or a file with settings (see `config`)
    #[arg(value_name = "FAMILY|CONFIG.toml", required_unless_present = "resume")]
    family: Option<String>,
    /// The table: a file, - for standard input, or wine-red; or the series: a
    /// file, -, airline or seasonal; or the pictures: fashion-mnist:DIR,
    /// mnist:DIR, cifar10:DIR, images:DIR or digits; or plain text: text:FILE
    #[arg(long, value_name = "FILE|SOURCE", required_unless_present = "resume", value_parser = NonEmptyStringValueParser::new())]
    data: Option<String>,
    /// A table or text of its own to stop the training by and to fit the noise to
    #[arg(long, value_name = "FILE", requires = "test", value_parser = NonEmptyStringValueParser::new())]
    valid: Option<String>,
    /// A table or text of its own for the scores
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
    /// Of series: the column that says when; several do it together (year, month,
    /// day, hour), and row counts the rows
    #[arg(long, value_name = "COLUMN")]
    time: Vec<String>,
    /// Of series: a column that tells one series from another; may be given
    /// several times
    #[arg(long, value_name = "COLUMN")]
    group: Vec<String>,
    /// Of series: how many steps to forecast at once [default: 12]
    #[arg(long, value_name = "STEPS", value_parser = whole)]
    horizon: Option<u64>,
    /// Of series: a column that is known of the future, too; may be given several
    /// times
    #[arg(long, value_name = "COLUMN")]
    known: Vec<String>,
    /// Of series: a column that is known of the past only; may be given several
    /// times
    #[arg(long, value_name = "COLUMN")]
    observed: Vec<String>,
    /// Of an lstm: the column that holds the texts
    #[arg(long, value_name = "COLUMN")]
    text: Option<String>,
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
    /// be given several times (all of them: burn-zoo config FAMILY)
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
const ANEW: [&str; 24] = [
    "family",
    "data",
    "valid",
    "test",
    "out",
    "target",
    "time",
    "group",
    "horizon",
    "known",
    "observed",
    "text",
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

impl Args {
    /// The first option that was said of series.
    fn of_series(&self) -> Option<&'static str> {
        [
            ("--time", !self.time.is_empty()),
            ("--group", !self.group.is_empty()),
            ("--horizon", self.horizon.is_some()),
            ("--known", !self.known.is_empty()),
            ("--observed", !self.observed.is_empty()),
        ]
        .into_iter()
        .find_map(|(option, said)| said.then_some(option))
    }
}

/// Trains, saves, and writes the scores on the test part.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    match &args.resume {
        Some(directory) => {
            let (job, mut unfinished) = Unfinished::open(directory)?;
            if let Some(other) = args.device.of_arguments().filter(|device| device.to_string() != job.made.device) {
                return Err(Usage(format!(
                    "--device {other}: this training began on {}, and ends there",
                    job.made.device
                ))
                .into());
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

/// Everything that a training is a function of, but the contents of what it reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    out: PathBuf,
    made: Made,
    work: Work,
}

/// How a model is made.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Made {
    device: String,
    command: String,
}

/// What is trained, and on what.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "lowercase")]
enum Work {
    Mlp(Tables),
    Cnn(Pictures),
    #[serde(rename = "lstm/series")]
    Series(Series),
    #[serde(rename = "lstm/text")]
    Text(Texts),
}

impl Work {
    /// What is read.
    fn sources(&self) -> &[String] {
        match self {
            Self::Mlp(work) => &work.tables,
            Self::Cnn(work) => std::slice::from_ref(&work.source),
            Self::Series(work) => std::slice::from_ref(&work.source),
            Self::Text(work) => &work.sources,
        }
    }

    fn check(&self) -> burn_zoo::Result<()> {
        match self {
            Self::Mlp(work) => work.settings.check(),
            Self::Cnn(work) => work.settings.check(),
            Self::Series(work) => work.settings.check(),
            Self::Text(work) => work.settings.check(),
        }
    }

    fn config(&self) -> &TrainConfig {
        match self {
            Self::Mlp(work) => &work.settings.train,
            Self::Cnn(work) => &work.settings.train,
            Self::Series(work) => &work.settings.train,
            Self::Text(work) => &work.settings.train,
        }
    }

    fn prepare(&self, made: &Made, say: &dyn Fn(&str)) -> Result<Ready> {
        match self {
            Self::Mlp(work) => work.prepare(made, say),
            Self::Cnn(work) => work.prepare(made, say),
            Self::Series(work) => work.prepare(made, say),
            Self::Text(work) => work.prepare(made, say),
        }
    }
}

/// Data that are ready to train on.
enum Ready {
    Table(Box<Prepared>, Origin),
    Pictures(Box<PreparedImages>, ImageOrigin, String),
    Series(Box<PreparedSeries>, Origin),
    Text(Box<PreparedTexts>, Origin),
}

impl Ready {
    /// Of each of the sources.
    fn sha256(&self) -> &[String] {
        match self {
            Self::Table(_, origin) | Self::Series(_, origin) | Self::Text(_, origin) => &origin.sha256,
            Self::Pictures(_, _, sha256) => std::slice::from_ref(sha256),
        }
    }

    /// What is going to be done, in one line.
    fn stated(&self) -> String {
        let (what, split) = match self {
            Self::Table(prepared, _) => (table::stated(prepared), &prepared.split),
            Self::Pictures(prepared, ..) => (images::stated(prepared), &prepared.split),
            Self::Series(prepared, _) => (series::stated(prepared), &prepared.split),
            Self::Text(prepared, _) => return text::stated(prepared),
        };
        let [train, valid, test] = split.parts().map(<[usize]>::len);
        let rows = if matches!(self, Self::Series(..)) { "windows" } else { "rows" };
        format!("{what}; {train} {rows} train, {valid} choose, {test} test")
    }

    fn train(self, device: &Device, report: Report, checkpoint: &Path) -> burn_zoo::Result<Trained> {
        match self {
            Self::Table(prepared, origin) => {
                let Outcome { model, curve, .. } = prepared.train(origin, device, report, Some(checkpoint))?;
                let file = model.file();
                let (best, test) = (file.provenance.best_epoch, file.test);
                Ok(Trained { model: AnyModel::Table(model), curve, best, test: test.map(Scores::Rows) })
            }
            Self::Pictures(prepared, origin, _) => {
                let Outcome { model, curve, .. } = prepared.train(origin, device, report, Some(checkpoint))?;
                let file = model.file();
                let (best, test) = (file.provenance.best_epoch, file.test);
                Ok(Trained { model: AnyModel::Images(model), curve, best, test: test.map(Scores::Rows) })
            }
            Self::Series(prepared, origin) => {
                let Outcome { model, curve, .. } = prepared.train(origin, device, report, Some(checkpoint))?;
                let file = model.file();
                let (best, test) = (file.provenance.best_epoch, file.test);
                Ok(Trained { model: AnyModel::Series(model), curve, best, test: test.map(Scores::Forecasts) })
            }
            Self::Text(prepared, origin) => {
                let Outcome { model, curve, .. } = prepared.train(origin, device, report, Some(checkpoint))?;
                let file = model.file();
                let (best, test) = (file.provenance.best_epoch, file.test);
                Ok(Trained { model: AnyModel::Text(model), curve, best, test: test.map(Scores::Rows) })
            }
        }
    }
}

/// What came of it.
struct Trained {
    model: AnyModel,
    curve: Vec<Epoch>,
    best: usize,
    test: Option<Scores>,
}

/// How good it is on the test part.
enum Scores {
    /// Of rows or pictures.
    Rows(Evaluation),
    /// Of series.
    Forecasts(ForecastEvaluation),
}

impl Job {
    fn new(args: &Args) -> Result<Self> {
        let (Some(family), Some(data), Some(out)) = (&args.family, &args.data, &args.out) else {
            unreachable!("clap asks for them");
        };
        let work = match settings(family, args)? {
            AnySettings::Mlp(settings) => Work::Mlp(Tables::new(settings, data, args)?),
            AnySettings::Cnn(settings) => Work::Cnn(Pictures::new(settings, data, args)?),
            AnySettings::Series(settings) => Work::Series(Series::new(settings, data, args)?),
            AnySettings::Text(settings) => Work::Text(Texts::new(settings, data, args)?),
        };
        match work.check() {
            Err(error) if is_file(family) && args.set.is_empty() => Err(error).with_context(|| family.clone()),
            checked => checked.map_err(usage),
        }?;
        let made = Made { device: args.device.spec().to_string(), command: command() };
        Ok(Self { out: out.components().collect(), made, work }) // without a slash behind
    }

    /// The command that goes on with it.
    fn resume(&self) -> String {
        let table = if self.work.sources().iter().any(|source| source == "-") { " < TABLE" } else { "" };
        format!("burn-zoo train --resume {}{table}", word(&self.out.display().to_string()))
    }

    /// Reads, trains, saves, and writes the scores.
    fn run(&self, unfinished: &mut Unfinished, quiet: bool, out: &mut dyn Write) -> Result<()> {
        let say = |line: &str| {
            if !quiet {
                let _ = writeln!(stderr(), "{}", one_line(line, 2000)); // nobody who reads it is no failure
            }
        };
        let device = self.made.device.parse::<DeviceSpec>()?.init()?;
        let ready = self.work.prepare(&self.made, &say)?;
        say(&ready.stated());
        unfinished.begin(self, ready.sha256())?;
        let report = Report::new(quiet, self.work.config());
        stop_on_interrupt(self.resume(), report.interrupted());
        let trained = ready.train(&device, report, &unfinished.checkpoint());
        let trained = trained.map_err(|error| self.broken(error, unfinished))?;
        self.save(&trained, unfinished)?;
        say(&format!("saved {} (epoch {} of {})", self.out.display(), trained.best, trained.curve.len()));
        if let AnyModel::Images(model) = &trained.model {
            for (site, rate) in model.cnn().learned_rates() {
                say(&format!("learned rate of {site}: {rate:.4}"));
            }
        }
        match &trained.test {
            Some(Scores::Rows(test)) => Ok(write_evaluation(test, out)?),
            Some(Scores::Forecasts(test)) => {
                say_lost(test, &|line| say(&format!("note: {line}")));
                Ok(write_forecasts(test, out)?)
            }
            None => Ok(()),
        }
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
    fn save(&self, trained: &Trained, unfinished: &Unfinished) -> Result<()> {
        let whole = unfinished.directory.join(MODEL);
        let _ = fs::remove_dir_all(&whole); // of a training that was killed here
        trained.model.save(&whole, &curve(&trained.curve))?;
        check_free(&self.out)?;
        fs::rename(&whole, &self.out).with_context(|| self.out.display().to_string())?;
        unfinished.end();
        Ok(())
    }
}

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

/// Whether it is a file with settings, and no family.
fn is_file(family: &str) -> bool {
    family.ends_with(".toml")
}

/// The settings of a family, a variant or a file, with what the arguments change.
fn settings(family: &str, args: &Args) -> Result<AnySettings> {
    let mut settings = match is_file(family) {
        true => check::read(family)?,
        false => AnySettings::find(if family == "lstm" && text::is_said(args) { "lstm/text" } else { family })
            .map_err(|error| Usage(format!("{error} (nor is it a file with settings, .toml)")))?,
    };
    for set in &args.set {
        let expected = format!("--set {set}: expected PATH=VALUE, such as train.epochs=50");
        let (path, value) = pair(set.split_once('='), expected)?;
        settings = settings.set(&path, &value).map_err(usage)?;
    }
    if let Some(seed) = args.seed {
        settings.train_mut().seed = seed;
    }
    Ok(settings)
}

/// Both sides of a `=`, or what was expected.
fn pair(sides: Option<(&str, &str)>, expected: String) -> Result<(String, String)> {
    let (name, value) = sides.ok_or(Usage(expected))?;
    Ok((name.trim().to_string(), value.trim().to_string()))
}

/// A column and what it is said to be.
fn kind_of(column: &str) -> Result<(String, ColumnKind)> {
    let expected = format!("--column {column}: expected NAME=KIND, such as zip=categorical");
    let (name, kind) = pair(column.rsplit_once('='), expected)?; // a name may hold an =
    let kind = ColumnKind::try_from(kind).map_err(|expected| Usage(format!("--column {column}: {expected}")))?;
    Ok((name, kind))
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
