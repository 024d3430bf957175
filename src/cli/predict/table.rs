//! Rows of a table in, the same rows with predictions out.

use std::{collections::HashSet, io::Write};

use anyhow::{Context, Result, bail};
use burn_zoo::{
    Error,
    data::{
        Binding, Remark,
        read::{Dialect, Record},
    },
    models::{Noise, Task},
    uncertainty::{MonteCarlo, Prediction},
    zoo::{Features, Model},
};

use super::super::{
    notes::Words,
    progress::Rows,
    records::{Cell, Sink, class_cells, class_columns},
    tables::shown,
};
use super::{Args, Count, OnError, twice};

/// Rows that are read, predicted and written at a time.
const BLOCK: usize = 4096;
/// Cells of such rows: wide tables have fewer rows in a block.
const CELLS: usize = 1 << 19;

/// Reads, predicts and writes block by block.
pub fn run(args: &Args, model: &Model, words: &mut Words, out: &mut dyn Write) -> Result<()> {
    let name = shown(&args.input);
    let reading = args.reading.clone().or(&model.file().data.reading);
    let mut reader = reading.open(&args.input, &model.file().data.settings.missing_values)?;
    reader.notes().iter().for_each(|note| words.say(&format!("{name}: {note}")));
    let dialect = reader.dialect().clone();
    let header = if dialect.header { reader.columns().to_vec() } else { by_position(model, reader.columns(), name)? };
    if !dialect.header && model.file().data.reading.columns == Some(header.len() + 1) {
        words.say(&format!("{name}: one column less than the training table: taken to be `{}`", model.target().name));
    }
    let binding = model.schema().bind(&header, name)?;
    let columns = Columns::new(model, &header, &binding, args).with_context(|| name.to_string())?;
    words.extra_columns(model, &header, args);

    let monte_carlo = args.sampling.monte_carlo();
    let job = Job { model, monte_carlo, binding: &binding, dialect: &dialect, columns: &columns, name, args };
    let mut sink = Sink::new(args, &columns.names, &model.target().classes, out)?;
    let mut progress = Rows::new(args.sampling.quiet);
    let mut count = Count::default();
    let mut records = reader.records();
    let block_rows = BLOCK.min(CELLS / header.len().max(1)).max(1);
    let done = (|| {
        loop {
            let mut block = Vec::new();
            let mut broken = None;
            for record in records.by_ref().take(block_rows) {
                match record {
                    Ok(record) => block.push(record),
                    Err(error) => broken = Some(error),
                }
            }
            job.predict(&block, &mut sink, words, &mut count)?;
            sink.flush()?;
            progress.add(block.len());
            if let Some(error) = broken {
                return Err(error.into());
            }
            if block.len() < block_rows {
                return Ok(());
            }
        }
    })();
    progress.end();
    match &done {
        Ok(()) => sink.end()?,
        Err(_) => sink.flush()?,
    }
    words.summary(&count, name, args);
    done
}

/// The names of columns that have none: those of the training table, with or without the target, if it had none either, else the model's in its
/// order. Any other number of columns would have some taken for others.
fn by_position(model: &Model, columns: &[String], name: &str) -> Result<Vec<String>> {
    let (features, found) = (model.features(), columns.len());
    match model.file().data.reading.columns {
        Some(all) if found == all => Ok(columns.to_vec()),
        Some(all) if found + 1 == all => {
            let names = (1..=all).map(|number| format!("column_{number}"));
            Ok(names.filter(|name| *name != model.target().name).collect())
        }
        Some(all) => bail!(
            "{name}: {found} columns without names: expected the {all} of the training table, or {} without the target",
            all - 1
        ),
        None if found == features.len() => Ok(features.iter().map(ToString::to_string).collect()),
        None => {
            bail!("{name}: {found} columns without names: expected the {} that the model reads", features.len())
        }
    }
}

/// Everything that a block of rows is predicted with.
struct Job<'a> {
    model: &'a Model,
    monte_carlo: MonteCarlo,
    binding: &'a Binding<'a>,
    dialect: &'a Dialect,
    columns: &'a Columns,
    name: &'a str,
    args: &'a Args,
}

impl Job<'_> {
    /// Predicts a block and writes it in its order.
    fn predict(&self, block: &[Record], sink: &mut Sink, words: &mut Words, count: &mut Count) -> Result<()> {
        let fail = self.args.on_error == OnError::Fail;
        let mut features = Features::new(self.model.schema().width());
        let mut rows: Vec<Row> = Vec::with_capacity(block.len());
        for record in block {
            let mut remarks = Vec::new();
            let cell = |column: usize| record.cells[column].as_str();
            let encoded = features.push(|values| self.binding.encode(cell, self.dialect, values, &mut remarks));
            let fault = encoded
                .err()
                .map(|bad| format!("{}, line {}, column `{}`: {}", self.name, record.line, bad.column, bad.reason));
            let stop = fail && fault.is_some();
            rows.push(Row { record, remarks, fault });
            if stop {
                break;
            }
        }
        let lines = self.lines(&mut features, &mut rows)?;
        let mut lines = lines.into_iter();
        for row in rows {
            count.rows += 1;
            let passed = self.columns.passed.iter().map(|&column| Cell::Text(row.record.cells[column].clone()));
            let line: Vec<Cell> = match row.fault {
                None => {
                    words.cells(row.record.line, &row.remarks);
                    let outside = row.remarks.iter().filter(|remark| remark.is_outside()).map(ToString::to_string);
                    let outside: Vec<String> = outside.collect();
                    count.outside += usize::from(!outside.is_empty());
                    let error = (self.args.on_error == OnError::Mark).then_some(Cell::Nothing);
                    let numbers = lines.next().expect("a prediction for each row without a fault");
                    passed.chain(numbers).chain([Cell::List(outside)]).chain(error).collect()
                }
                Some(fault) if fail => bail!("{fault}"),
                Some(fault) => {
                    count.bad += 1;
                    if self.args.on_error == OnError::Skip {
                        words.say(&fault);
                        continue;
                    }
                    let nothing = (0..self.columns.predicted).map(|_| Cell::Nothing);
                    passed.chain(nothing).chain([Cell::List(Vec::new()), Cell::Text(fault)]).collect()
                }
            };
            sink.write(&line)?;
        }
        Ok(())
    }

    /// The predictions of the rows without a fault; a row whose prediction is not finite gets one.
    fn lines(&self, features: &mut Features, rows: &mut Vec<Row>) -> Result<Vec<Vec<Cell>>> {
        let mut lines = Vec::new();
        while features.rows() > 0 {
            lines.clear();
            let done = self.model.predict_each(features, &self.monte_carlo, |_, prediction| {
                lines.extend(cells_of(&prediction, self.columns.noise, self.args)?);
                Ok(())
            });
            let (row, value) = match done {
                Ok(()) => break,
                Err(Error::NotFinite { row, value, .. }) => (row, value),
                Err(other) => return Err(other.into()),
            };
            let good = rows.iter().enumerate().filter(|(_, row)| row.fault.is_none()).map(|(at, _)| at).nth(row);
            let at = good.expect("it was predicted");
            let line = rows[at].record.line;
            let fault =
                format!("{}, line {line}: the prediction is {value}: a number of this row is too large", self.name);
            rows[at].fault = Some(fault);
            if self.args.on_error == OnError::Fail {
                rows.truncate(at + 1);
                features.truncate(row);
            } else {
                features.remove(row);
            }
            lines.clear();
        }
        Ok(lines)
    }
}

/// A row on its way.
struct Row<'a> {
    record: &'a Record,
    remarks: Vec<Remark>,
    /// Why it cannot be predicted.
    fault: Option<String>,
}

/// Which columns of the input pass through, and what the output's are called.
struct Columns {
    passed: Vec<usize>,
    /// How many columns a prediction has.
    predicted: usize,
    noise: bool,
    names: Vec<String>,
}

impl Columns {
    fn new(model: &Model, header: &[String], binding: &Binding, args: &Args) -> Result<Self> {
        let noise = model.mlp().task() != (Task::Regression { targets: 1, noise: Noise::None });
        let mut names = columns_of(&model.target().classes, noise, args);
        let predicted = names.len();
        names.push("outside".to_string());
        names.extend((args.on_error == OnError::Mark).then(|| "error".to_string()));
        let used: HashSet<usize> = binding.places().iter().copied().collect();
        // A target that is called as a column of the prediction, such as `class`, would be told twice.
        let told = |name: &String| *name == model.target().name && names.contains(name);
        let passes = |column: &usize| !args.no_passthrough && !used.contains(column) && !told(&header[*column]);
        let passed: Vec<usize> = (0..header.len()).filter(passes).collect();
        let names = [passed.iter().map(|&column| header[column].clone()).collect(), names].concat();
        // Two of a name would be one in JSON.
        if let Some(name) = twice(&names) {
            bail!(
                "2 columns of the output would be called `{name}`: rename those of the input, or say --no-passthrough"
            );
        }
        Ok(Self { passed, predicted, noise, names })
    }
}

/// The columns of a prediction of these classes, or of a number; `noise` is whether the model says something about that of the data.
pub fn columns_of(classes: &[String], noise: bool, args: &Args) -> Vec<String> {
    if !classes.is_empty() {
        return class_columns(classes);
    }
    if !noise {
        return ["mean", "sd_epistemic"].map(String::from).to_vec(); // an interval would be too narrow by all of it
    }
    let mut names = ["mean", "sd", "sd_epistemic", "sd_aleatoric"].map(String::from).to_vec();
    for level in args.levels() {
        let level = if args.levels().len() > 1 { format!("_{level}") } else { String::new() };
        names.extend(["lower", "upper"].map(|name| format!("{name}{level}")));
    }
    names
}

/// The cells of each row's prediction.
pub fn cells_of(prediction: &Prediction, noise: bool, args: &Args) -> burn_zoo::Result<Vec<Vec<Cell>>> {
    let numbers = |numbers: Vec<f64>| numbers.into_iter().map(Cell::Number);
    match prediction {
        Prediction::Classes(classes) => Ok(class_cells(classes).collect()),
        Prediction::Regression(regression) if !noise => Ok((0..regression.rows())
            .map(|row| numbers(vec![regression.mean()[row], regression.epistemic_variance()[row].sqrt()]).collect())
            .collect()),
        Prediction::Regression(regression) => {
            let intervals = args.levels().iter().map(|&level| regression.interval(level));
            let intervals = intervals.collect::<burn_zoo::Result<Vec<_>>>()?;
            let (aleatoric, sd) = (regression.aleatoric_variance()?, regression.sd()?);
            let row = |row: usize| {
                let (epistemic, aleatoric) = (regression.epistemic_variance()[row].sqrt(), aleatoric[row].sqrt());
                let ends = intervals.iter().flat_map(|interval| [interval.lower[row], interval.upper[row]]);
                let moments = [regression.mean()[row], sd[row], epistemic, aleatoric];
                numbers(moments.into_iter().chain(ends).collect()).collect()
            };
            Ok((0..regression.rows()).map(row).collect())
        }
        Prediction::MultiLabel(_) => unreachable!("no recipe trains a predictor of labels"),
    }
}
