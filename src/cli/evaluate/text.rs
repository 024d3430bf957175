//! Scores of a model of text.

use std::io::Write;

use anyhow::{Result, bail};
use burn_zoo::{
    Error,
    data::{MissingTarget, Target, Targets, text::Texts},
    report,
    zoo::{Evaluation, TextFile, TextModel},
};
use serde_json::Value;

use super::{
    super::{Usage, notes::Words, tables::Source, texts},
    Args, Format, json_of, write_evaluation,
};

/// Reads, predicts, judges, and draws.
pub fn run(args: &Args, model: &TextModel, words: &Words, out: &mut dyn Write) -> Result<()> {
    if args.ood.is_some() {
        return Err(Usage(format!("--ood is for pictures: {} reads text", args.model)).into());
    }
    if args.stride.is_some() {
        return Err(Usage(format!("--stride is for series: {} reads text", args.model)).into());
    }
    let file = model.file();
    let evaluation = match (&file.target, &file.data.column) {
        (Some(target), _) => of_targets(args, model, target, words)?,
        (None, _) if args.plot.is_some() => {
            return Err(Usage("--plot is for classes and numbers: a language has none".to_string()).into());
        }
        (None, Some(column)) => {
            let source = read(args, file, words)?;
            let texts = Texts::all(&source.frame, column, file.data.settings.empty)?;
            let tokens = model.vocabulary().encode_lines(texts.iter());
            of_language(args, model, &tokens, words)?
        }
        (None, None) => {
            let text = texts::open_plain(&args.data, &args.model, &args.reading)?;
            known(file, text.sha256()).iter().for_each(|known| words.say(&format!("{}: {known}", args.data)));
            of_language(args, model, &model.vocabulary().encode_lines(text.lines()), words)?
        }
    };
    match args.format {
        Format::Table => Ok(write_evaluation(&evaluation, out)?),
        Format::Json => {
            let target = file.target.as_ref().map(|target| target.name.as_str());
            Ok(writeln!(out, "{}", Value::Object(json_of(args, target, &evaluation)))?)
        }
    }
}

/// The table to judge by.
fn read(args: &Args, file: &TextFile, words: &Words) -> Result<Source> {
    let source = Source::read(&args.data, &args.reading.clone().or(&file.data.reading), &[])?;
    source.frame.notes().for_each(|note| words.say(&note));
    known(file, &source.sha256).iter().for_each(|known| words.say(&format!("{}: {known}", args.data)));
    texts::check_names(&source.frame, file)?;
    if source.frame.rows() == 0 {
        bail!("{}: no rows below the header: nothing to judge by", source.frame.name());
    }
    Ok(source)
}

fn of_language(args: &Args, model: &TextModel, tokens: &[u32], words: &Words) -> Result<Evaluation> {
    let unknown = model.vocabulary().count_unknown(tokens);
    if unknown > 0 {
        let all = tokens.len();
        words.say(&format!("{}: {unknown} of {all} tokens are unknown: their scores are those of any such", args.data));
    }
    Ok(model.evaluate_language(&args.data, tokens, &args.sampling.monte_carlo())?)
}

fn of_targets(args: &Args, model: &TextModel, target: &Target, words: &Words) -> Result<Evaluation> {
    let (file, interval) = (model.file(), args.interval.unwrap_or(0.9));
    let source = read(args, file, words)?;
    let Some(at) = source.frame.columns().iter().position(|column| *column == target.name) else {
        bail!("{}: no column `{}`, which the predictions are compared with", source.frame.name(), target.name);
    };
    let drop = file.data.settings.missing_target == MissingTarget::Drop;
    let has = |row: &usize| !(drop && source.frame.dialect(*row).is_missing(source.frame.cell(*row, at)));
    let usable: Vec<usize> = (0..source.frame.rows()).filter(has).collect();
    let left = source.frame.rows() - usable.len();
    if left > 0 {
        words.say(&format!("{}: {left} rows are left out, as in the training: targets are missing", args.data));
    }
    if usable.is_empty() {
        bail!("{}: no row is left to judge by", source.frame.name());
    }
    let frame = if left > 0 { source.frame.select(&usable) } else { source.frame };
    let column = file.data.column.as_deref().expect("a target stands in a table");
    let texts = Texts::all(&frame, column, file.data.settings.empty)?;
    let texts: Vec<&str> = texts.iter().collect();
    let targets = target.read(&frame)?;
    let monte_carlo = args.sampling.monte_carlo();
    let evaluation = model.evaluate(&texts, &targets, &monte_carlo, interval).map_err(|error| match error {
        Error::SamplesNotKept => {
            let (passes, rows, memory) = (args.sampling.passes, texts.len(), args.sampling.memory);
            Usage(format!("--memory {memory}: too few bytes for {passes} samples of {rows} rows: raise it")).into()
        }
        other => anyhow::Error::from(other),
    })?;
    if let Some(path) = &args.plot {
        let (order, prediction) = model.predict(&texts, &monte_carlo)?;
        let figure = match targets.select(&order) {
            Targets::Numbers(numbers) => {
                report::actual_against_predicted(&prediction.regression()?, &numbers, 0, interval, &target.name)?
            }
            Targets::Classes(classes) => {
                report::reliability(&prediction.classes()?.classified(&classes)?.reliability(15), &target.name)
            }
        };
        figure.save(path)?;
    }
    Ok(evaluation)
}

/// What the model saw of a file, if it did.
fn known(file: &TextFile, sha256: &str) -> Option<String> {
    let [train, valid, test] = file.data.rows;
    let what = if file.is_language() { "tokens" } else { "texts" };
    match (file.data.sha256.len(), file.data.sha256.iter().position(|known| known == sha256)?) {
        (1, _) => Some(format!(
            "the model was trained on this file: of its {what} {train} trained and {valid} chose; only {test} are new to it"
        )),
        (_, 0) => Some(format!("the model was trained on this file: none of its {what} is new to it")),
        (_, 1) => Some(format!("this file chose the model's epoch: its {what} are not new to it")),
        _ => None,
    }
}
