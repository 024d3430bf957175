//! `burn-zoo predict`: a table in, the same table with predictions and their uncertainty out.

use std::{collections::HashSet, io::Write};

use anyhow::{Context, Result, anyhow, bail};
use burn_zoo::{
    Error,
    data::read::{Dialect, Record},
    uncertainty::{MonteCarlo, RegressionPrediction},
    zoo::Model,
};
use clap::ValueEnum;
use csv::WriterBuilder;
use serde_json::{Map, Value, json};

use super::{
    OnDevice, Usage,
    numbers::{bytes, fixed, significant},
    one_line, open,
    reading::Reading,
    write_columns,
};

/// Predict the rows of a table, with uncertainty
///
/// Reads CSV and its kin, gzipped or not: delimiter and decimal comma are found
/// out, or refused with the option that says them. Columns are matched by name,
/// in any order; columns that the model does not use are passed through. Adds mean, sd (total), sd_epistemic (networks
/// disagree), sd_aleatoric (noise of the data), lower and upper, all in the
/// target's unit. The same arguments give the same bytes. A header without rows
/// is answered by a header without rows.
#[derive(clap::Args)]
pub struct Args {
    /// A model of the zoo, or a directory that `train` wrote
    model: String,
    /// A file with a table, or - for standard input
    #[arg(long, value_name = "FILE")]
    input: String,
    /// The number of sampled networks
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    passes: u32,
    /// The probability that an interval shall hold; may be given several times
    #[arg(long, default_value = "0.9", value_name = "LEVEL", value_parser = level)]
    interval: Vec<f64>,
    /// How to write the predictions
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Draws the networks
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// At most so many bytes for samples, a row at least; smaller blocks, same
    /// numbers
    #[arg(long, default_value = "512M", value_parser = bytes)]
    memory: usize,
    /// Leave out the columns that the model does not use
    #[arg(long)]
    no_passthrough: bool,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    device: OnDevice,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned columns, four digits, for people
    #[default]
    Table,
    /// Comma-separated values with a header
    Csv,
    /// One JSON document
    Json,
    /// One JSON object a line
    Jsonl,
}

fn level(text: &str) -> Result<f64, String> {
    let level = text.parse().ok().filter(|level| *level > 0.0 && *level < 1.0);
    level.ok_or_else(|| "expected a probability between 0 and 1".to_string())
}

/// Rows that are read, predicted and written at a time.
const BLOCK: usize = 4096;

/// Reads, predicts and writes block by block.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let model = open(&args.model, args.device.spec())?;
    if model.file().tau.is_none() && model.mlp().task().output() != burn_zoo::outputs::OutputKind::Gaussian {
        return Err(Usage(format!("{}: trained with model.noise = none, so there is no interval", args.model)).into());
    }
    if let Some(level) = twice(&args.interval.iter().map(ToString::to_string).collect::<Vec<_>>()) {
        return Err(Usage(format!("--interval {level} is given twice")).into());
    }
    let name = if args.input == "-" { "standard input" } else { &args.input };
    let mut reader = args.reading.open(&args.input)?;
    let dialect = reader.dialect().clone();
    let header = if dialect.header { reader.columns().to_vec() } else { by_position(&model, reader.columns())? };
    let columns = Columns::find(&model, &header, args).with_context(|| name.to_string())?;
    let monte_carlo = MonteCarlo::new(args.passes as usize).seed(args.seed).memory(args.memory);

    let mut sink = Sink::new(args, &columns.names, out)?;
    let mut records = reader.records();
    loop {
        let block: Vec<Record> = records.by_ref().take(BLOCK).collect::<Result<_, _>>()?;
        if block.is_empty() {
            break;
        }
        let rows = block.iter().map(|record| columns.numbers(record, &dialect, name)).collect::<Result<Vec<_>>>()?;
        let mut written = Ok(());
        let done = model.predict_each(&rows, &monte_carlo, |range, prediction| {
            let lines = columns.lines(&block[range], &prediction.regression()?, args)?;
            if written.is_ok() {
                written = lines.iter().try_for_each(|line| sink.write(line));
            }
            Ok(())
        });
        done.map_err(|error| match error {
            Error::NotFinite { row, value, .. } => {
                anyhow!(
                    "{name}, line {}: the prediction is {value}: a number of this row is too large",
                    block[row].line
                )
            }
            other => other.into(),
        })?;
        written?;
    }
    sink.end()
}

/// The names of columns that have none: the model's, in its order.
fn by_position(model: &Model, columns: &[String]) -> Result<Vec<String>> {
    match columns.len() == model.features().len() {
        true => Ok(model.features().to_vec()),
        false => bail!(
            "{} columns without names: expected the {} that the model reads",
            columns.len(),
            model.features().len()
        ),
    }
}

/// Which columns of the input the model reads, which pass through, and what the output's are called.
struct Columns {
    features: Vec<(usize, String)>,
    passed: Vec<usize>,
    names: Vec<String>,
}

impl Columns {
    fn find(model: &Model, header: &[String], args: &Args) -> Result<Self> {
        let at = |feature: &String| match header.iter().position(|name| name == feature) {
            Some(column) => Ok((column, feature.clone())),
            None => bail!("no column `{feature}`, which the model reads{}", nearest(feature, model, header)),
        };
        let features = model.features().iter().map(at).collect::<Result<Vec<_>>>()?;
        let used: HashSet<usize> = features.iter().map(|(at, _)| *at).collect();
        let passed: Vec<usize> =
            (0..header.len()).filter(|column| !args.no_passthrough && !used.contains(column)).collect();
        let mut names: Vec<String> = passed.iter().map(|&column| header[column].clone()).collect();
        for target in model.targets() {
            let suffix = if model.targets().len() > 1 { format!("_{target}") } else { String::new() };
            names.extend(["mean", "sd", "sd_epistemic", "sd_aleatoric"].map(|name| format!("{name}{suffix}")));
            for level in &args.interval {
                let level = if args.interval.len() > 1 { format!("_{level}") } else { String::new() };
                names.extend(["lower", "upper"].map(|name| format!("{name}{suffix}{level}")));
            }
        }
        // Two of a name would be one in JSON.
        if let Some(name) = twice(&names) {
            bail!(
                "2 columns of the output would be called `{name}`: rename those of the input, or say --no-passthrough"
            );
        }
        Ok(Self { features, passed, names })
    }

    fn numbers(&self, record: &Record, dialect: &Dialect, file: &str) -> Result<Vec<f64>> {
        let number = |(column, name): &(usize, String)| {
            let cell = &record.cells[*column];
            dialect.number(cell).ok_or_else(|| {
                let place = format!("{file}, line {}, column `{name}`", record.line);
                Error::Value { place, value: cell.clone(), expected: "a number" }.into()
            })
        };
        self.features.iter().map(number).collect()
    }

    /// The output's cells: text that passes through, and numbers.
    fn lines(
        &self,
        records: &[Record],
        prediction: &RegressionPrediction,
        args: &Args,
    ) -> burn_zoo::Result<Vec<Vec<Cell>>> {
        let intervals =
            args.interval.iter().map(|&level| prediction.interval(level)).collect::<burn_zoo::Result<Vec<_>>>()?;
        let aleatoric = prediction.aleatoric_variance()?;
        let targets = prediction.targets();
        let line = |(row, record): (usize, &Record)| {
            let mut line: Vec<Cell> =
                self.passed.iter().map(|&column| Cell::Text(record.cells[column].clone())).collect();
            for entry in row * targets..(row + 1) * targets {
                let (epistemic, aleatoric) = (prediction.epistemic_variance()[entry], aleatoric[entry]);
                let moments =
                    [prediction.mean()[entry], (epistemic + aleatoric).sqrt(), epistemic.sqrt(), aleatoric.sqrt()];
                let ends = intervals.iter().flat_map(|interval| [interval.lower[entry], interval.upper[entry]]);
                line.extend(moments.into_iter().chain(ends).map(Cell::Number));
            }
            line
        };
        Ok(records.iter().enumerate().map(line).collect())
    }
}

/// The first item that was there before.
fn twice(items: &[String]) -> Option<&String> {
    let mut seen = HashSet::new();
    items.iter().find(|item| !seen.insert(*item))
}

/// The column that may be meant, among those that the model does not read anyway; else all that there are.
fn nearest(feature: &str, model: &Model, header: &[String]) -> String {
    let fold = |name: &str| name.to_lowercase().replace(['-', '_', ' ', '.'], "");
    let likeness = |name: &&String| strsim::jaro_winkler(&fold(name), &fold(feature));
    let spare = header.iter().filter(|name| !model.features().iter().any(|feature| feature == *name));
    match spare.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|name| likeness(name) > 0.85) {
        Some(name) => format!(": did you mean `{name}`?"),
        None => format!("; found `{}`", header.join("`, `")),
    }
}

enum Cell {
    Text(String),
    Number(f64),
}

/// Writes whole records in the chosen format.
struct Sink<'a> {
    out: &'a mut dyn Write,
    names: &'a [String],
    format: Format,
    started: bool,
    table: Vec<Vec<String>>,
}

impl<'a> Sink<'a> {
    fn new(args: &Args, names: &'a [String], out: &'a mut dyn Write) -> Result<Self> {
        match args.format {
            Format::Csv => csv_line(out, names.iter().map(String::as_str))?,
            Format::Json => {
                let model = Value::from(args.model.as_str());
                write!(
                    out,
                    "{{\"schema\":1,\"model\":{model},\"passes\":{},\"seed\":{},\"rows\":[",
                    args.passes, args.seed
                )?;
            }
            Format::Table | Format::Jsonl => {}
        }
        Ok(Self { out, names, format: args.format, started: false, table: Vec::new() })
    }

    fn write(&mut self, line: &[Cell]) -> Result<()> {
        let text = |cell: &Cell, number: fn(f64) -> String| match cell {
            Cell::Text(text) => text.clone(),
            Cell::Number(x) => number(*x),
        };
        match self.format {
            Format::Table => {
                self.table.push(line.iter().map(|cell| one_line(&text(cell, fixed), usize::MAX)).collect());
            }
            Format::Csv => {
                let cells: Vec<String> = line.iter().map(|cell| text(cell, |x| significant(x, 9))).collect();
                csv_line(self.out, cells.iter().map(String::as_str))?;
            }
            Format::Json | Format::Jsonl => {
                let value = |cell: &Cell| match cell {
                    Cell::Text(text) => json!(text),
                    Cell::Number(x) => json!(significant(*x, 9).parse::<f64>().unwrap_or(*x)),
                };
                let object: Map<String, Value> = self.names.iter().cloned().zip(line.iter().map(value)).collect();
                let (before, after) = match (self.format, self.started) {
                    (Format::Jsonl, _) => ("", "\n"),
                    (_, true) => (",\n", ""),
                    (_, false) => ("\n", ""),
                };
                // One write for a record: a stream that breaks off ends with a whole one.
                self.out.write_all(format!("{before}{}{after}", Value::Object(object)).as_bytes())?;
            }
        }
        self.started = true;
        Ok(())
    }

    fn end(self) -> Result<()> {
        match self.format {
            Format::Table => {
                write_columns(self.out, &self.names.iter().map(String::as_str).collect::<Vec<_>>(), &self.table)?
            }
            Format::Json => writeln!(self.out, "\n]}}")?,
            Format::Csv | Format::Jsonl => {}
        }
        Ok(())
    }
}

fn csv_line<'a>(out: &mut dyn Write, cells: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(cells)?;
    Ok(out.write_all(&writer.into_inner().context("a record in memory")?)?)
}
