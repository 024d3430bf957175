//! `burn-zoo show`: what a model is, and how good.

use std::{io::Write, path::Path};

use anyhow::Result;
use burn_zoo::{
    Rate,
    data::{Column, Transform},
    models::{Pool, Stage},
    nn::MaskTime,
    zoo::{self, AnyFile, Evaluation, ImageFile, ModelFile, Precision, Provenance, SeriesFile, TextFile, Weights},
};
use clap::ValueEnum;

use super::{
    describe,
    evaluate::{write_evaluation, write_forecasts},
    numbers::fixed,
};

/// Describe a model: what it reads and predicts, its network, its scores
#[derive(clap::Args)]
pub struct Args {
    /// A model of the zoo, or a directory that `train` wrote
    model: String,
    /// What to write
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    /// The description in short
    #[default]
    Text,
    /// The whole model.toml
    Toml,
    /// The card of the model's family, in Markdown
    Card,
}

/// Writes the description.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let file = describe(&args.model)?;
    match args.format {
        Format::Toml => write!(out, "{}", file.to_toml())?,
        Format::Card => match zoo::find(&args.model) {
            Ok(entry) => write!(out, "{}", entry.card())?,
            Err(_) => anyhow::bail!("{} has no card: only models of the zoo have", Path::new(&args.model).display()),
        },
        Format::Text => match &file {
            AnyFile::Table(file) => of_table(&args.model, file, out)?,
            AnyFile::Images(file) => of_images(&args.model, file, out)?,
            AnyFile::Series(file) => of_series(&args.model, file, out)?,
            AnyFile::Text(file) => of_text(&args.model, file, out)?,
        },
    }
    Ok(())
}

fn of_table(name: &str, file: &ModelFile, out: &mut dyn Write) -> Result<()> {
    let (data, model) = (&file.data, &file.model);
    let columns: Vec<String> = file.inputs.columns.iter().map(column).collect();
    writeln!(out, "{name}: predicts {} from {} columns of {}", file.target.name, columns.len(), data.names.join(", "))?;
    writeln!(out, "task      {}", model.task)?;
    if file.target.is_classes() {
        writeln!(out, "classes   {}", file.target.classes.join(", "))?;
    }
    writeln!(out, "columns   {}", columns.join(", "))?;
    writeln!(
        out,
        "network   hidden {:?}{}, {}, rates {} on the inputs, {} behind",
        model.hidden,
        if model.batch_norm { " with batch norm" } else { "" },
        model.activation,
        model.input_rate,
        listed(&model.rates)
    )?;
    write_weights(&file.weights, out)?;
    let chose = if file.tau.is_some() { "the epoch and tau" } else { "the epoch" };
    write_rows(data.rows, chose, out)?;
    if let Some(tau) = &file.tau {
        let sd: Vec<String> = tau.monte_carlo.iter().map(|tau| fixed(tau.sqrt().recip())).collect();
        let unit = if file.target.transform == Transform::Log { " of the logarithm" } else { "" };
        writeln!(out, "noise     constant, standard deviation {}{unit}", sd.join(", "))?;
    }
    write_end(&file.provenance, &file.test, out)
}

fn of_images(name: &str, file: &ImageFile, out: &mut dyn Write) -> Result<()> {
    let (data, model) = (&file.data, &file.model);
    let [channels, height, width] = model.input;
    let color = if channels == 1 { "grey" } else { "rgb" };
    writeln!(out, "{name}: predicts the class of pictures of {}", data.source)?;
    writeln!(out, "task      {}", model.task)?;
    writeln!(out, "classes   {}", file.classes.join(", "))?;
    writeln!(out, "pictures  {height} x {width} (height x width), {color}")?;
    for (i, stage) in model.stages.iter().enumerate() {
        writeln!(out, "{:<9} {}", if i == 0 { "stages" } else { "" }, of_stage(stage))?;
    }
    if model.depth_rate.get() > 0.0 {
        writeln!(out, "{:<9} the last residual block is left out at rate {}", "", model.depth_rate)?;
    }
    writeln!(
        out,
        "head      {}hidden {:?}{}, {}, rates {} before, {} behind",
        if model.global_pool { "of the means of the channels, " } else { "" },
        model.hidden,
        if model.batch_norm { " with batch norm" } else { "" },
        model.activation,
        model.input_rate,
        listed(&model.rates)
    )?;
    write_weights(&file.weights, out)?;
    write_rows(data.rows, "the epoch", out)?;
    write_end(&file.provenance, &file.test, out)
}

fn of_series(name: &str, file: &SeriesFile, out: &mut dyn Write) -> Result<()> {
    let (series, model) = (&file.series, &file.model);
    writeln!(
        out,
        "{name}: forecasts {} of {}, {} steps of {} at once",
        series.targets.join(", "),
        file.data.name,
        series.horizon,
        series.step
    )?;
    writeln!(out, "task      {}", model.task)?;
    let groups: Vec<String> = series.scales.iter().map(|scale| scale.group.join(", ")).collect();
    match &groups[..] {
        [_] if series.group.is_empty() => {}
        some => writeln!(out, "series    {} by {}: {}", some.len(), series.group.join(", "), some.join("; "))?,
    }
    writeln!(out, "window    {} steps; season {}; transform {}", series.window, series.season, series.transform)?;
    writeln!(out, "features  {}", series.features().join(", "))?;
    let known = series.known_features();
    writeln!(
        out,
        "known     {}",
        if known.is_empty() { "nothing of the horizon".to_string() } else { known.join(", ") }
    )?;
    writeln!(
        out,
        "network   {} x {} states{}, rates {} on inputs, {} on states, {} behind",
        model.layers,
        model.hidden,
        if model.bidirectional { " from both ends" } else { "" },
        model.input_rate,
        model.recurrent_rate,
        model.output_rate
    )?;
    write_weights(&file.weights, out)?;
    let [train, valid, test] = file.data.windows;
    let chose = if file.tau.is_some() { "the epoch and tau" } else { "the epoch" };
    writeln!(out, "windows   {train} trained, {valid} chose {chose}, {test} test")?;
    let made = &file.provenance;
    writeln!(out, "made by   {} (burn-zoo {}, {})", made.command, made.version, made.device)?;
    let Some(test) = &file.test else { return Ok(()) };
    writeln!(out, "test      {} origins, {} passes, {} % intervals", test.origins, test.passes, test.interval * 100.0)?;
    Ok(write_forecasts(test, out)?)
}

fn of_text(name: &str, file: &TextFile, out: &mut dyn Write) -> Result<()> {
    let (data, model) = (&file.data, &file.model);
    let predicts = match &file.target {
        Some(target) => target.name.clone(),
        None if file.is_of_characters() => "the next character".to_string(),
        None => "the next word".to_string(),
    };
    let column = data.column.as_ref().map_or(String::new(), |column| format!("column `{column}` of "));
    writeln!(out, "{name}: predicts {predicts} from texts in {column}{}", data.names.join(", "))?;
    let kind = if file.is_of_characters() { "characters" } else { "words" };
    match file.is_language() {
        true => writeln!(out, "task      a predictor of the next of {} {kind}", file.vocabulary.len())?,
        false => writeln!(out, "task      {}", model.task)?,
    }
    if let Some(target) = file.target.as_ref().filter(|target| target.is_classes()) {
        writeln!(out, "classes   {}", target.classes.join(", "))?;
    }
    writeln!(out, "tokens    {} {kind}, the special ones included", file.vocabulary.len())?;
    let plural = if model.layers == 1 { "" } else { "s" };
    let both = if model.bidirectional { ", from both ends" } else { "" };
    let tied = if model.tied { ", embedding tied to the output" } else { "" };
    writeln!(out, "network   lstm, {} layer{plural} of {}{both}{tied}", model.layers, model.hidden)?;
    let time = if model.mask_time == MaskTime::Sequence { "the same at all steps" } else { "anew at each step" };
    writeln!(
        out,
        "rates     {} words, {} inputs, {} states, {} outputs, {} weights; masks {time}",
        model.word_rate, model.input_rate, model.recurrent_rate, model.output_rate, model.weight_rate
    )?;
    write_weights(&file.weights, out)?;
    let what = if file.is_language() { "tokens" } else { "texts" };
    let chose = if file.tau.is_some() { "the epoch and tau" } else { "the epoch" };
    let [train, valid, test] = data.rows;
    writeln!(out, "{what:<9} {train} trained, {valid} chose {chose}, {test} test")?;
    if let Some(tau) = &file.tau {
        let sd: Vec<String> = tau.monte_carlo.iter().map(|tau| fixed(tau.sqrt().recip())).collect();
        writeln!(out, "noise     constant, standard deviation {}", sd.join(", "))?;
    }
    write_end(&file.provenance, &file.test, out)
}

/// A stage of convolutions, in the words of its settings.
fn of_stage(stage: &Stage) -> String {
    let many = if stage.repeats > 1 { format!("{} x ", stage.repeats) } else { String::new() };
    let residual = if stage.residual { " residual" } else { "" };
    let pool = match stage.pool {
        Pool::None => String::new(),
        pool => format!(", pool {}", String::from(pool)),
    };
    format!(
        "{many}{} channels@{}{residual}, {}{pool}, dropout {}",
        stage.channels, stage.kernel, stage.activation, stage.dropout
    )
}

fn listed(rates: &[Rate]) -> String {
    rates.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn write_weights(weights: &Weights, out: &mut dyn Write) -> Result<()> {
    let half = if weights.dtype == Precision::F16 { " (f16)" } else { "" };
    let Weights { params, bytes, sha256, .. } = weights;
    Ok(writeln!(out, "weights   {params} parameters, {bytes} bytes{half}, sha256 {sha256}")?)
}

fn write_rows([train, valid, test]: [usize; 3], chose: &str, out: &mut dyn Write) -> Result<()> {
    Ok(writeln!(out, "rows      {train} trained, {valid} chose {chose}, {test} test")?)
}

fn write_end(made: &Provenance, test: &Option<Evaluation>, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "made by   {} (burn-zoo {}, {})", made.command, made.version, made.device)?;
    let Some(test) = test else { return Ok(()) };
    let intervals = test.interval.map_or(String::new(), |level| format!(", {} % intervals", level * 100.0));
    writeln!(out, "test      {} passes{intervals}", test.passes)?;
    Ok(write_evaluation(test, out)?)
}

/// A column's name, and what it is unless it is a number.
fn column(column: &Column) -> String {
    let (name, kind) = (column.name(), column.kind());
    match column {
        Column::Numeric { .. } => name.to_string(),
        Column::Categorical { levels, rare, .. } => format!("{name} ({} levels)", levels.len() + rare.len()),
        _ => format!("{name} ({kind})"),
    }
}
