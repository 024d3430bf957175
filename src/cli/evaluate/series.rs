//! Scores of a model of series, by rolling origin.

use std::io::Write;

use anyhow::Result;
use burn_zoo::{
    Error,
    data::series::Part,
    uncertainty::ForecastScores,
    zoo::{ForecastEvaluation, Rolling, SeriesModel},
};
use serde_json::{Map, Value, json};

use super::{
    super::{Usage, notes::Words, numbers::fixed, tables::Source, write_columns},
    Args, Format, number,
};

/// Reads, forecasts, judges.
pub fn run(args: &Args, model: &SeriesModel, words: &Words, out: &mut dyn Write) -> Result<()> {
    for (option, said) in [("--ood", args.ood.is_some()), ("--plot", args.plot.is_some())] {
        if said {
            return Err(Usage(format!("{option} is not for series: {} forecasts series", args.model)).into());
        }
    }
    if args.stride == Some(0) {
        return Err(Usage("--stride 0: expected at least 1".to_string()).into());
    }
    let file = model.file();
    let reading = args.reading.clone().or(&file.data.reading);
    let source = Source::read_series(&args.data, &reading, &file.series.missing_values)?;
    source.frame.notes().for_each(|note| words.say(&note));
    let (panel, windows) = model.read(&source.frame)?;
    panel.notes.iter().for_each(|note| words.say(note));
    let stride = args.stride.map_or(1, |stride| usize::try_from(stride).unwrap_or(usize::MAX));
    let (monte_carlo, interval) = (args.sampling.monte_carlo(), args.interval.unwrap_or(0.9));
    let rolling =
        model.evaluate(&windows, Part::Test, stride, &monte_carlo, interval).map_err(|error| match error {
            Error::Data { reason, .. } => Error::Data { place: args.data.clone(), reason },
            other => other,
        })?;
    say_lost(&rolling.all, &|line| words.say(line));
    match args.format {
        Format::Table => {
            write_forecasts(&rolling.all, out)?;
            writeln!(out)?;
            Ok(write_steps(&rolling, out)?)
        }
        Format::Json => Ok(writeln!(out, "{}", Value::Object(document(args, model, &rolling)))?),
    }
}

/// Says which forecasts without a training are not beaten.
pub fn say_lost(all: &ForecastEvaluation, say: &dyn Fn(&str)) {
    for (name, scores) in all.not_beaten() {
        let value = |scores: &ForecastScores, name: &str| match name {
            "mase" => scores.mase.map_or("-".to_string(), fixed),
            _ => fixed(scores.crps),
        };
        let ways = all.ways();
        let other = ways.iter().find(|(way, _)| *way == name).and_then(|(_, scores)| *scores);
        let Some(other) = other else { continue };
        let by = |score: &&str| format!("{score} {} against {}", value(&all.monte_carlo, score), value(&other, score));
        let by: Vec<String> = scores.iter().map(by).collect();
        say(&format!("the model does not beat the forecast `{name}`, which takes no training: {}", by.join(", ")));
    }
}

/// Writes the scores of all steps side by side.
pub fn write_forecasts(all: &ForecastEvaluation, out: &mut dyn Write) -> std::io::Result<()> {
    let ways: Vec<(&str, ForecastScores)> =
        all.ways().into_iter().filter_map(|(name, scores)| Some((name, scores?))).collect();
    let header: Vec<&str> = [""].into_iter().chain(ways.iter().map(|(name, _)| *name)).collect();
    let row = |at: usize| {
        let cells = ways.iter().map(|(_, scores)| cell(scores, at));
        [ForecastScores::NAMES[at].to_string()].into_iter().chain(cells).collect()
    };
    write_columns(out, &header, &(0..ForecastScores::NAMES.len()).map(row).collect::<Vec<_>>())
}

fn cell(scores: &ForecastScores, at: usize) -> String {
    match scores.values()[at] {
        Some(n) if at == 0 => n.to_string(),
        Some(value) => fixed(value),
        None => "-".to_string(),
    }
}

/// Writes the scores of each step: of each score, the ways to forecast side by side.
fn write_steps(rolling: &Rolling, out: &mut dyn Write) -> std::io::Result<()> {
    let header: Vec<&str> = ["step", "forecast"].into_iter().chain(ForecastScores::NAMES).collect();
    let mut rows = Vec::new();
    for (step, evaluation) in (1..).zip(&rolling.steps) {
        for (name, scores) in evaluation.ways() {
            let Some(scores) = scores else { continue };
            let cells = (0..ForecastScores::NAMES.len()).map(|at| cell(&scores, at));
            rows.push([step.to_string(), name.to_string()].into_iter().chain(cells).collect());
        }
    }
    write_columns(out, &header, &rows)
}

/// The scores as JSON: of each way in all, and by step.
fn document(args: &Args, model: &SeriesModel, rolling: &Rolling) -> Map<String, Value> {
    let object = |scores: &ForecastScores| {
        let named = ForecastScores::NAMES.iter().zip(scores.values());
        let mut object: Map<String, Value> =
            named.map(|(name, value)| (name.to_string(), value.map_or(Value::Null, number))).collect();
        object.insert("n".to_string(), json!(scores.n));
        object
    };
    let mut document = Map::new();
    for (key, value) in [
        ("schema", json!(1)),
        ("model", json!(args.model)),
        ("data", json!(args.data)),
        ("target", json!(model.file().series.targets)),
        ("passes", json!(args.sampling.passes)),
        ("seed", json!(args.sampling.seed)),
        ("interval", json!(rolling.all.interval)),
        ("origins", json!(rolling.all.origins)),
    ] {
        document.insert(key.to_string(), value);
    }
    for (at, (name, scores)) in rolling.all.ways().into_iter().enumerate() {
        let Some(scores) = scores else { continue };
        let mut way = object(&scores);
        let steps = rolling.steps.iter().filter_map(|step| step.ways()[at].1);
        way.insert("steps".to_string(), steps.map(|scores| Value::Object(object(&scores))).collect());
        document.insert(name.to_string(), Value::Object(way));
    }
    document
}
