//! `burn-zoo evaluate`: how good a model and its uncertainty are on a table with known targets.

use std::{
    io::{Write, stderr},
    path::PathBuf,
};

use anyhow::{Result, bail};
use burn_zoo::{
    Error,
    data::{Frame, Remark, Targets},
    report,
    uncertainty::MonteCarlo,
    zoo::{Evaluation, Model, ModelFile, Scores},
};
use clap::{ValueEnum, builder::NonEmptyStringValueParser};
use serde_json::{Map, Value, json};

use super::{
    OnDevice, Usage, idle_interval,
    numbers::{bytes, fixed, level, passes, significant, whole, with_error},
    open,
    reading::Reading,
    tables::Source,
    write_columns,
};

/// Judge a model on a table with known targets
///
/// Scores the Monte Carlo prediction, the mean network beside it, and a baseline
/// that knows the training part's mean and standard deviation, or its shares of
/// classes, and nothing else. Numbers: rmse, mae, width and crps in the
/// target's unit, nll in nats, coverage as a share. Classes: accuracy as a
/// share, nll in nats, brier, ece. Standard errors are over rows.
#[derive(clap::Args)]
pub struct Args {
    /// A model of the zoo, or a directory that `train` wrote
    model: String,
    /// A file with a table, - for standard input, or a built-in table
    #[arg(long, value_name = "FILE|NAME", value_parser = NonEmptyStringValueParser::new())]
    data: String,
    /// The number of sampled networks
    #[arg(long, default_value_t = 50, value_parser = passes)]
    passes: u32,
    /// The probability, between 0 and 1, that the interval of coverage and width
    /// shall hold [default: 0.9]
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    interval: Option<f64>,
    /// How to write the scores
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Draw what was predicted against what was true, or how far probabilities
    /// can be believed, into a file (.svg or .png)
    #[arg(long, value_name = "FILE", value_parser = picture)]
    plot: Option<PathBuf>,
    /// Draws the networks: a whole number
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = whole)]
    seed: u64,
    /// At most so many bytes for samples, such as 65536, 512M or 2G; those of all
    /// rows must fit
    #[arg(long, default_value = "512M", value_parser = bytes)]
    memory: usize,
    /// Say nothing but errors on standard error
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    device: OnDevice,
    #[command(flatten)]
    reading: Reading,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Four digits and standard errors, for people
    #[default]
    Table,
    /// One JSON document
    Json,
}

/// Reads, predicts, judges, and draws.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let model = open(&args.model, args.device.spec())?;
    let file = model.file();
    let reading = args.reading.clone().or(&file.data.reading);
    let source = Source::read(&args.data, &reading, &file.data.settings.missing_values)?;
    let say = |note: &str| {
        if !args.quiet {
            let _ = writeln!(stderr(), "note: {note}");
        }
    };
    source.frame.notes().for_each(|note| say(&note));
    if let Some(known) = known(file, &source.sha256) {
        say(&format!("{}: {known}", args.data));
    }
    args.interval.and_then(|level| idle_interval(&model, level)).iter().for_each(|note| say(note));
    all_columns(&model, &source.frame)?;
    if source.frame.rows() == 0 {
        bail!("{}: no rows below the header: nothing to judge by", source.frame.name());
    }
    let usable = model.usable(&source.frame)?;
    let left = source.frame.rows() - usable.len();
    let frame = if left > 0 { source.frame.select(&usable) } else { source.frame };
    if left > 0 {
        say(&format!("{}: {left} rows are left out, as in the training: cells or targets are missing", args.data));
    }
    if usable.is_empty() {
        bail!("{}: no row is left to judge by", frame.name());
    }
    let targets = model.target().read(&frame)?;
    let mut outside = 0;
    let features = model.read_each(&frame, |remarks| outside += usize::from(remarks.iter().any(Remark::is_outside)))?;
    if outside > 0 {
        say(&format!("{}: {outside} of {} rows lie outside of what the training saw", args.data, features.rows()));
    }
    let monte_carlo = MonteCarlo::new(args.passes as usize).seed(args.seed).memory(args.memory);
    let interval = args.interval.unwrap_or(0.9);
    let evaluation = model.evaluate(&features, &targets, &monte_carlo, interval).map_err(|error| match error {
        Error::SamplesNotKept => {
            let (passes, rows, memory) = (args.passes, features.rows(), args.memory);
            Usage(format!("--memory {memory}: too few bytes for {passes} samples of {rows} rows: raise it")).into()
        }
        other => anyhow::Error::from(other),
    })?;
    if let Some(path) = &args.plot {
        let prediction = model.predict(&features, &monte_carlo)?;
        let figure = match &targets {
            Targets::Numbers(numbers) => {
                report::actual_against_predicted(&prediction.regression()?, numbers, 0, interval, &model.target().name)?
            }
            Targets::Classes(classes) => {
                report::reliability(&prediction.classes()?.classified(classes)?.reliability(15), &model.target().name)
            }
        };
        figure.save(path)?;
    }
    match args.format {
        Format::Table => Ok(write_evaluation(&evaluation, out)?),
        Format::Json => Ok(writeln!(out, "{}", json_of(args, &model, &evaluation))?),
    }
}

/// What the model saw of a table, if it did.
fn known(file: &ModelFile, sha256: &str) -> Option<String> {
    let [train, valid, test] = file.data.rows;
    match (file.data.sha256.len(), file.data.sha256.iter().position(|known| known == sha256)?) {
        (1, _) => Some(format!(
            "the model was trained on this table: of its rows {train} trained and {valid} chose; only {test} are new to it"
        )),
        (_, 0) => Some("the model was trained on this table: none of its rows is new to it".to_string()),
        (_, 1) => Some(
            "this table chose the model's epoch, and its tau if it has one: its rows are not new to it".to_string(),
        ),
        _ => None,
    }
}

/// That columns without names are as many as those of the training table: others would be taken for each other.
fn all_columns(model: &Model, frame: &Frame) -> Result<()> {
    let (name, found) = (frame.name(), frame.columns().len());
    match model.file().data.reading.columns {
        _ if frame.dialect(0).header => Ok(()),
        Some(columns) if columns == found => Ok(()),
        Some(columns) => bail!("{name}: {found} columns without names: expected the {columns} of the training table"),
        None => bail!("{name}: {found} columns without names: the training table's had names, which tell the target"),
    }
}

/// The name of a figure, of an argument.
fn picture(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let known = path.extension().is_some_and(|end| ["svg", "png"].iter().any(|known| end.eq_ignore_ascii_case(known)));
    if known { Ok(path) } else { Err("expected a name that ends in .svg or .png".to_string()) }
}

/// The scores of each way to predict, with their names.
fn ways(evaluation: &Evaluation) -> [(&'static str, &Scores); 3] {
    [
        ("monte_carlo", &evaluation.monte_carlo),
        ("mean_network", &evaluation.mean_network),
        ("baseline", &evaluation.baseline),
    ]
}

/// Writes the scores side by side.
pub fn write_evaluation(evaluation: &Evaluation, out: &mut dyn Write) -> std::io::Result<()> {
    let ways = ways(evaluation);
    let header: Vec<&str> = [""].into_iter().chain(ways.iter().map(|(name, _)| *name)).collect();
    let cell = |scores: &Scores, at: usize| match (scores.values()[at], scores.standard_errors()[at]) {
        (n, None) if at == 0 => n.to_string(),
        (value, None) => fixed(value),
        (value, Some(error)) => with_error(value, error),
    };
    let names = evaluation.monte_carlo.names();
    let row = |at: usize| {
        [names[at].to_string()].into_iter().chain(ways.iter().map(|(_, scores)| cell(scores, at))).collect()
    };
    write_columns(out, &header, &(0..names.len()).map(row).collect::<Vec<_>>())
}

fn json_of(args: &Args, model: &Model, evaluation: &Evaluation) -> Value {
    let mut document = Map::new();
    let number = |x: f64| json!(significant(x, 9).parse::<f64>().unwrap_or(x));
    document.insert("schema".into(), json!(1));
    document.insert("model".into(), json!(args.model));
    document.insert("data".into(), json!(args.data));
    document.insert("target".into(), json!(model.target().name));
    document.insert("passes".into(), json!(args.passes));
    document.insert("seed".into(), json!(args.seed));
    document.extend(evaluation.interval.map(|level| ("interval".to_string(), json!(level))));
    for (name, scores) in ways(evaluation) {
        let named = || scores.names().iter().zip(scores.values());
        let mut way: Map<String, Value> = named().map(|(name, x)| (name.to_string(), number(x))).collect();
        way.insert("n".into(), json!(scores.values()[0] as usize));
        let errors = scores.names().iter().zip(scores.standard_errors());
        let errors: Map<String, Value> =
            errors.filter_map(|(name, error)| Some((name.to_string(), number(error?)))).collect();
        if !errors.is_empty() {
            way.insert("standard_error".into(), Value::Object(errors));
        }
        document.insert(name.to_string(), Value::Object(way));
    }
    Value::Object(document)
}
