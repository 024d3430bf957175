//! Scores of a model of tables.

use std::io::Write;

use anyhow::{Result, bail};
use burn_zoo::{
    Error,
    data::{Frame, Remark, Targets},
    report,
    zoo::{Model, ModelFile},
};
use serde_json::Value;

use super::{
    super::{Usage, notes::Words, tables::Source},
    Args, Format, json_of, write_evaluation,
};

/// Reads, predicts, judges, and draws.
pub fn run(args: &Args, model: &Model, words: &Words, out: &mut dyn Write) -> Result<()> {
    if args.stride.is_some() {
        return Err(Usage(format!("--stride is for series: {} reads tables", args.model)).into());
    }
    if args.ood.is_some() {
        return Err(Usage(format!("--ood is for pictures: {} reads tables", args.model)).into());
    }
    let file = model.file();
    let reading = args.reading.clone().or(&file.data.reading);
    let source = Source::read(&args.data, &reading, &file.data.settings.missing_values)?;
    source.frame.notes().for_each(|note| words.say(&note));
    if let Some(known) = known(file, &source.sha256) {
        words.say(&format!("{}: {known}", args.data));
    }
    all_columns(model, &source.frame)?;
    if source.frame.rows() == 0 {
        bail!("{}: no rows below the header: nothing to judge by", source.frame.name());
    }
    let usable = model.usable(&source.frame)?;
    let left = source.frame.rows() - usable.len();
    let frame = if left > 0 { source.frame.select(&usable) } else { source.frame };
    if left > 0 {
        words
            .say(&format!("{}: {left} rows are left out, as in the training: cells or targets are missing", args.data));
    }
    if usable.is_empty() {
        bail!("{}: no row is left to judge by", frame.name());
    }
    let targets = model.target().read(&frame)?;
    let mut outside = 0;
    let features = model.read_each(&frame, |remarks| outside += usize::from(remarks.iter().any(Remark::is_outside)))?;
    if outside > 0 {
        words.say(&format!(
            "{}: {outside} of {} rows lie outside of what the training saw",
            args.data,
            features.rows()
        ));
    }
    let monte_carlo = args.sampling.monte_carlo();
    let interval = args.interval.unwrap_or(0.9);
    let evaluation = model.evaluate(&features, &targets, &monte_carlo, interval).map_err(|error| match error {
        Error::SamplesNotKept => {
            let (passes, rows, memory) = (args.sampling.passes, features.rows(), args.sampling.memory);
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
        Format::Json => {
            let document = json_of(args, Some(&model.target().name), &evaluation);
            Ok(writeln!(out, "{}", Value::Object(document))?)
        }
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
