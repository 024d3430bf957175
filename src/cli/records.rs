//! Records of a prediction in the formats that there are.

use std::io::Write;

use anyhow::{Context, Result};
use clap::ValueEnum;
use csv::WriterBuilder;
use serde_json::{Map, Value, json};

use burn_zoo::uncertainty::ClassPrediction;

use super::{
    Aligned,
    numbers::{fixed, significant},
    one_line,
    predict::Args,
    sampling::Sampling,
};

/// How records are written.
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
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

/// What stands in one column of a record.
pub enum Cell {
    Text(String),
    /// A class, by its number.
    Class(usize),
    Number(f64),
    List(Vec<String>),
    Nothing,
}

/// Writes whole records in the chosen format.
pub struct Sink<'a> {
    out: &'a mut dyn Write,
    names: &'a [String],
    classes: &'a [String],
    format: Format,
    started: bool,
    table: Aligned,
    block: Vec<Vec<String>>,
}

impl<'a> Sink<'a> {
    /// Begins with what stands before the first record.
    pub fn new(args: &Args, names: &'a [String], classes: &'a [String], out: &'a mut dyn Write) -> Result<Self> {
        Self::of(args.format, &args.model, &args.sampling, names, classes, out)
    }

    /// The same of any command.
    pub fn of(
        format: Format,
        model: &str,
        sampling: &Sampling,
        names: &'a [String],
        classes: &'a [String],
        out: &'a mut dyn Write,
    ) -> Result<Self> {
        match format {
            Format::Csv => csv_line(out, names.iter().map(String::as_str))?,
            Format::Json => {
                let model = Value::from(model);
                write!(
                    out,
                    "{{\"schema\":1,\"model\":{model},\"passes\":{},\"seed\":{},\"rows\":[",
                    sampling.passes, sampling.seed
                )?;
            }
            Format::Table | Format::Jsonl => {}
        }
        let table = Aligned::new(names);
        Ok(Self { out, names, classes, format, started: false, table, block: Vec::new() })
    }

    /// One record.
    pub fn write(&mut self, line: &[Cell]) -> Result<()> {
        let text = |cell: &Cell, number: fn(f64) -> String| match cell {
            Cell::Text(text) => text.clone(),
            Cell::Class(class) => self.classes[*class].clone(),
            Cell::Number(x) => number(*x),
            Cell::List(items) => items.join("; "),
            Cell::Nothing => String::new(),
        };
        match self.format {
            Format::Table => {
                self.block.push(line.iter().map(|cell| one_line(&text(cell, fixed), usize::MAX)).collect());
            }
            Format::Csv => {
                let cells: Vec<String> = line.iter().map(|cell| text(cell, |x| significant(x, 9))).collect();
                csv_line(self.out, cells.iter().map(String::as_str))?;
            }
            Format::Json | Format::Jsonl => {
                let value = |cell: &Cell| match cell {
                    Cell::Text(text) => json!(text),
                    Cell::Class(class) => json!(self.classes[*class]),
                    Cell::Number(x) => json!(significant(*x, 9).parse::<f64>().unwrap_or(*x)),
                    Cell::List(items) => json!(items),
                    Cell::Nothing => Value::Null,
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

    /// What is still to be written of the rows so far.
    pub fn flush(&mut self) -> Result<()> {
        if self.format == Format::Table {
            self.table.write(&mut self.out, &std::mem::take(&mut self.block))?;
        }
        Ok(())
    }

    /// The last record was written.
    pub fn end(mut self) -> Result<()> {
        self.flush()?;
        if self.format == Format::Json {
            writeln!(self.out, "\n]}}")?;
        }
        Ok(())
    }
}

fn csv_line<'a>(out: &mut dyn Write, cells: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(cells)?;
    Ok(out.write_all(&writer.into_inner().context("a record in memory")?)?)
}

/// The columns of a prediction of these classes.
pub fn class_columns(classes: &[String]) -> Vec<String> {
    let fixed = ["class", "probability", "entropy", "expected_entropy", "mutual_information"].map(String::from);
    fixed.into_iter().chain(classes.iter().map(|class| format!("p_{class}"))).collect()
}

/// Their cells for each row.
pub fn class_cells(classes: &ClassPrediction) -> impl Iterator<Item = Vec<Cell>> {
    (0..classes.rows()).map(|row| {
        let (p, class) = (classes.probabilities(row), classes.class(row));
        let entropies = [classes.entropy(), classes.expected_entropy(), classes.mutual_information()];
        let numbers = [&[p[class]], &entropies.map(|entropy| entropy[row])[..], p].concat();
        [Cell::Class(class)].into_iter().chain(numbers.into_iter().map(Cell::Number)).collect()
    })
}
