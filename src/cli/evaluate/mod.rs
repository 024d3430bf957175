//! `burn-zoo evaluate`: how good a model and its uncertainty are on rows with known targets, or pictures of known classes.

mod images;
mod series;
mod table;
mod text;

use std::{io::Write, path::PathBuf};

use anyhow::Result;
use burn_zoo::zoo::{AnyModel, Evaluation, Scores};
use clap::{ValueEnum, builder::NonEmptyStringValueParser};
use serde_json::{Map, Value, json};

pub use series::{say_lost, write_forecasts};

use super::{
    notes::Words,
    numbers::{fixed, level, significant, whole, with_error},
    open,
    reading::Reading,
    sampling::{Sampling, idle_interval},
    write_columns,
};

/// Judge a model on a table with known targets, on series, or on pictures of known
/// classes
///
/// Scores the Monte Carlo prediction, the mean network beside it, and a baseline
/// that knows the training part's mean and standard deviation, or its shares of
/// classes, and nothing else. Numbers: rmse, mae, width and crps in the
/// target's unit, nll in nats, coverage as a share. Classes: accuracy as a
/// share, nll in nats, brier, ece. Standard errors are over rows.
///
/// Of a language: nll in nats a token, perplexity, and bits_per_character where
/// tokens are characters, with standard errors over windows; the baseline knows
/// how often each token stands in the training part.
///
/// Of pictures it also says how well each uncertainty tells those that the model
/// takes for another class, and with --ood those of another source: auroc, the
/// probability that it is larger for one of them than for one of the others.
///
/// Of series, forecasts of the horizon are made from each step of the test part
/// on (rolling origin), and judged step by step: mase, rmse, crps, coverage and
/// width, beside those of the seasonal-naive forecast and of the drift.
#[derive(clap::Args)]
pub struct Args {
    /// A model of the zoo, or a directory that `train` wrote
    model: String,
    /// A file with a table, - for standard input, or a built-in table; of a model
    /// of pictures fashion-mnist:DIR, mnist:DIR, cifar10:DIR, images:DIR, digits;
    /// of series airline, seasonal; of a model of plain text a file of that
    #[arg(long, value_name = "FILE|SOURCE", value_parser = NonEmptyStringValueParser::new())]
    data: String,
    /// Pictures of another source, which the model should be unsure about
    #[arg(long, value_name = "SOURCE", value_parser = NonEmptyStringValueParser::new())]
    ood: Option<String>,
    /// Of series: so many steps lie between two origins [default: 1]
    #[arg(long, value_name = "STEPS", value_parser = whole)]
    stride: Option<u64>,
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
    #[command(flatten)]
    sampling: Sampling,
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
    let model = open(&args.model, args.sampling.device.spec())?;
    let words = Words::new(args.sampling.quiet);
    words.device(&model)?;
    args.interval.and_then(|level| idle_interval(&model, level)).iter().for_each(|note| words.say(note));
    match &model {
        AnyModel::Table(model) => table::run(args, model, &words, out),
        AnyModel::Images(model) => images::run(args, model, &words, out),
        AnyModel::Series(model) => series::run(args, model, &words, out),
        AnyModel::Text(model) => text::run(args, model, &words, out),
    }
}

/// The name of a figure, of an argument.
pub fn picture(text: &str) -> Result<PathBuf, String> {
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

/// The scores as JSON.
fn json_of(args: &Args, target: Option<&str>, evaluation: &Evaluation) -> Map<String, Value> {
    let mut document = Map::new();
    document.insert("schema".into(), json!(1));
    document.insert("model".into(), json!(args.model));
    document.insert("data".into(), json!(args.data));
    document.extend(target.map(|name| ("target".to_string(), json!(name))));
    document.insert("passes".into(), json!(args.sampling.passes));
    document.insert("seed".into(), json!(args.sampling.seed));
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
    document
}

/// A number of JSON.
fn number(x: f64) -> Value {
    json!(significant(x, 9).parse::<f64>().unwrap_or(x))
}
