//! `burn-zoo show`: what a model is, and how good.

use std::{io::Write, path::Path};

use anyhow::Result;
use burn_zoo::{
    data::{Column, Transform},
    zoo,
};
use clap::ValueEnum;

use super::{describe, evaluate::write_evaluation, numbers::fixed};

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
        Format::Text => text(&args.model, &file, out)?,
    }
    Ok(())
}

fn text(name: &str, file: &zoo::ModelFile, out: &mut dyn Write) -> Result<()> {
    let (data, model) = (&file.data, &file.model);
    let rates: Vec<String> = model.rates.iter().map(ToString::to_string).collect();
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
        rates.join(", ")
    )?;
    writeln!(
        out,
        "weights   {} parameters, {} bytes, sha256 {}",
        file.weights.params, file.weights.bytes, file.weights.sha256
    )?;
    let [train, valid, test] = data.rows;
    let chose = if file.tau.is_some() { "the epoch and tau" } else { "the epoch" };
    writeln!(out, "rows      {train} trained, {valid} chose {chose}, {test} test")?;
    if let Some(tau) = &file.tau {
        let sd: Vec<String> = tau.monte_carlo.iter().map(|tau| fixed(tau.sqrt().recip())).collect();
        let unit = if file.target.transform == Transform::Log { " of the logarithm" } else { "" };
        writeln!(out, "noise     constant, standard deviation {}{unit}", sd.join(", "))?;
    }
    writeln!(
        out,
        "made by   {} (burn-zoo {}, {})",
        file.provenance.command, file.provenance.version, file.provenance.device
    )?;
    let Some(test) = &file.test else { return Ok(()) };
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
