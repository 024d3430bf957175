//! `burn-zoo predict`: a table in, the same table with predictions and their uncertainty out.

use std::{
    collections::HashSet,
    io::{Write, stderr},
};

use anyhow::{Context, Result, bail};
use burn_zoo::{
    Error,
    data::{
        Binding, Remark, SplitBy,
        read::{Dialect, Record},
    },
    models::{Noise, Task},
    uncertainty::{MonteCarlo, Prediction},
    zoo::{Features, Model},
};
use clap::{ValueEnum, builder::NonEmptyStringValueParser};
use csv::WriterBuilder;
use serde_json::{Map, Value, json};

use super::{
    Aligned, OnDevice, Usage, idle_interval,
    numbers::{bytes, fixed, level, passes, significant, whole},
    one_line, open,
    progress::Rows,
    reading::Reading,
};

/// Predict the rows of a table, with uncertainty
///
/// Reads CSV and its kin, gzipped or not: delimiter and decimal comma are found
/// out, or refused with the option that says them. Columns are matched by name,
/// in any order; columns that the model does not use are passed through. Of
/// numbers it adds mean, sd (total), sd_epistemic (networks disagree),
/// sd_aleatoric (noise of the data), lower and upper, all in the target's unit;
/// of classes class, probability, entropy, expected_entropy and
/// mutual_information (nats), and p_CLASS for each. The column outside names
/// the cells beyond what the training saw. The same arguments give the same
/// bytes. A header without rows is answered by a header without rows.
#[derive(clap::Args)]
pub struct Args {
    /// A model of the zoo, or a directory that `train` wrote
    model: String,
    /// A file with a table, or - for standard input
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    input: String,
    /// The number of sampled networks
    #[arg(long, default_value_t = 50, value_parser = passes)]
    passes: u32,
    /// The probability, between 0 and 1, that an interval shall hold; may be
    /// given several times [default: 0.9]
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    interval: Vec<f64>,
    /// How to write the predictions
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// What to do with a row that cannot be predicted
    #[arg(long, value_enum, default_value_t)]
    on_error: OnError,
    /// Draws the networks: a whole number
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = whole)]
    seed: u64,
    /// At most so many bytes for samples, such as 65536, 512M or 2G, and a row at
    /// least; smaller blocks, same numbers
    #[arg(long, default_value = "512M", value_parser = bytes)]
    memory: usize,
    /// Leave out the columns that the model does not use
    #[arg(long)]
    no_passthrough: bool,
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

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum OnError {
    /// Stop with an error that names it; rows before it are written
    #[default]
    Fail,
    /// Leave it out, and count it on standard error
    Skip,
    /// Write it without a prediction, and the reason into a column error
    Mark,
}

impl Args {
    /// The levels of the intervals.
    fn levels(&self) -> &[f64] {
        if self.interval.is_empty() { &[0.9] } else { &self.interval }
    }
}

/// Rows that are read, predicted and written at a time.
const BLOCK: usize = 4096;

/// Reads, predicts and writes block by block.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let model = open(&args.model, args.device.spec())?;
    if let Some(level) = twice(&args.interval.iter().map(ToString::to_string).collect::<Vec<_>>()) {
        return Err(Usage(format!("--interval {level} is given twice")).into());
    }
    let name = if args.input == "-" { "standard input" } else { &args.input };
    let reading = args.reading.clone().or(&model.file().data.reading);
    let mut reader = reading.open(&args.input, &model.file().data.settings.missing_values)?;
    let mut words = Words { quiet: args.quiet, met: Vec::new() };
    reader.notes().iter().for_each(|note| words.say(&format!("{name}: {note}")));
    let dialect = reader.dialect().clone();
    let header = if dialect.header { reader.columns().to_vec() } else { by_position(&model, reader.columns(), name)? };
    if !dialect.header && model.file().data.reading.columns == Some(header.len() + 1) {
        words.say(&format!("{name}: one column less than the training table: taken to be `{}`", model.target().name));
    }
    args.interval.first().and_then(|&level| idle_interval(&model, level)).iter().for_each(|note| words.say(note));
    let binding = model.schema().bind(&header, name)?;
    let columns = Columns::new(&model, &header, &binding, args).with_context(|| name.to_string())?;
    words.extra_columns(&model, &header, args);

    let monte_carlo = MonteCarlo::new(args.passes as usize).seed(args.seed).memory(args.memory);
    let job = Job { model: &model, monte_carlo, binding: &binding, dialect: &dialect, columns: &columns, name, args };
    let mut sink = Sink::new(args, &columns.names, &model.target().classes, out)?;
    let mut progress = Rows::new(args.quiet);
    let mut count = Count::default();
    let mut records = reader.records();
    let done = (|| {
        loop {
            let mut block = Vec::new();
            let mut broken = None;
            for record in records.by_ref().take(BLOCK) {
                match record {
                    Ok(record) => block.push(record),
                    Err(error) => broken = Some(error),
                }
            }
            job.predict(&block, &mut sink, &mut words, &mut count)?;
            progress.add(block.len());
            if let Some(error) = broken {
                return Err(error.into());
            }
            if block.len() < BLOCK {
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

/// What became of the rows.
#[derive(Default)]
struct Count {
    rows: usize,
    bad: usize,
    outside: usize,
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
            let fault = encoded.err().map(|bad| {
                format!("{}, line {}, column `{}`: {}", self.name, record.line, bad.column, bad.reason)
            });
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
                lines.extend(self.columns.numbers(&prediction, self.args)?);
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
            let fault = format!("{}, line {line}: the prediction is {value}: a number of this row is too large", self.name);
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
        let (mut names, mut noise) = (Vec::new(), true);
        if model.target().is_classes() {
            names.extend(["class", "probability", "entropy", "expected_entropy", "mutual_information"].map(String::from));
            names.extend(model.target().classes.iter().map(|class| format!("p_{class}")));
        } else if model.mlp().task() == (Task::Regression { targets: 1, noise: Noise::None }) {
            noise = false; // an interval would be too narrow by all of it
            names.extend(["mean", "sd_epistemic"].map(String::from));
        } else {
            names.extend(["mean", "sd", "sd_epistemic", "sd_aleatoric"].map(String::from));
            for level in args.levels() {
                let level = if args.levels().len() > 1 { format!("_{level}") } else { String::new() };
                names.extend(["lower", "upper"].map(|name| format!("{name}{level}")));
            }
        }
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

    /// The cells of each row's prediction.
    fn numbers(&self, prediction: &Prediction, args: &Args) -> burn_zoo::Result<Vec<Vec<Cell>>> {
        let numbers = |numbers: Vec<f64>| numbers.into_iter().map(Cell::Number);
        match prediction {
            Prediction::Classes(classes) => Ok((0..classes.rows())
                .map(|row| {
                    let (p, class) = (classes.probabilities(row), classes.class(row));
                    let entropies = [classes.entropy(), classes.expected_entropy(), classes.mutual_information()];
                    let entropies = entropies.map(|entropy| entropy[row]);
                    [Cell::Class(class)].into_iter().chain(numbers([&[p[class]], &entropies[..], p].concat())).collect()
                })
                .collect()),
            Prediction::Regression(regression) if !self.noise => Ok((0..regression.rows())
                .map(|row| {
                    numbers(vec![regression.mean()[row], regression.epistemic_variance()[row].sqrt()]).collect()
                })
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
            Prediction::MultiLabel(_) => unreachable!("no table trains a predictor of labels"),
        }
    }
}

/// The first item that was there before.
fn twice(items: &[String]) -> Option<&String> {
    let mut seen = HashSet::new();
    items.iter().find(|item| !seen.insert(*item))
}

/// What is said on standard error: each kind of thing once, with its first lines.
struct Words {
    quiet: bool,
    /// In the order in which they were met: what, the first lines, how many.
    met: Vec<(String, Vec<u64>, usize)>,
}

/// Kinds of things, and lines of each, that are told.
const TOLD: usize = 8;

impl Words {
    fn say(&self, note: &str) {
        if !self.quiet {
            let _ = writeln!(stderr(), "note: {}", one_line(note, 2000)); // nobody who reads it is no failure
        }
    }

    /// Columns that the training table did not have.
    fn extra_columns(&self, model: &Model, header: &[String], args: &Args) {
        let (schema, target) = (model.schema(), model.target());
        let ignored = schema.ignored.iter().map(|column| column.name.as_str());
        let settings = &model.file().data.settings;
        let split = match &settings.split_by {
            SplitBy::Group(column) | SplitBy::Time(column) => Some(column.as_str()),
            SplitBy::Auto | SplitBy::Random | SplitBy::Stratified => None,
        };
        let others = split.into_iter().chain([target.name.as_str(), settings.weight_column.as_str()]);
        let known: HashSet<&str> = schema.names().chain(ignored).chain(others).collect();
        let extra: Vec<&str> = header.iter().map(String::as_str).filter(|name| !known.contains(name)).collect();
        if let [first, rest @ ..] = &extra[..] {
            let others = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            let became = if args.no_passthrough { "left out" } else { "passed through" };
            self.say(&format!("column `{first}`{others}: unknown to the model, {became}"));
        }
    }

    /// Notes missing cells and unknown levels.
    fn cells(&mut self, line: u64, remarks: &[Remark]) {
        for remark in remarks {
            let what = match remark {
                Remark::Missing { column } => format!("column `{column}` is missing, and filled as in the training part"),
                Remark::Unseen { column, level } => {
                    format!("column `{column}`: `{level}` is a level that the training part did not have")
                }
                Remark::Outside { .. } => continue,
            };
            match self.met.iter().position(|(known, ..)| *known == what) {
                Some(at) => {
                    let (_, lines, count) = &mut self.met[at];
                    *count += 1;
                    if lines.len() < TOLD {
                        lines.push(line);
                    }
                }
                None if self.met.len() < 10 * TOLD => self.met.push((what, vec![line], 1)),
                None => {}
            }
        }
    }

    fn summary(&self, count: &Count, name: &str, args: &Args) {
        for (what, lines, count) in self.met.iter().take(TOLD) {
            let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
            let (plural, more) = if *count > 1 { ("s", *count - lines.len()) } else { ("", 0) };
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            self.say(&format!("{name}, line{plural} {}{more}, {what}", lines.join(", ")));
        }
        if self.met.len() > TOLD {
            self.say(&format!("{name}: more columns are missing cells or have unknown levels"));
        }
        if count.outside > 0 {
            let (outside, rows) = (count.outside, count.rows);
            self.say(&format!("{name}: {outside} of {rows} rows lie outside of the training part: see column `outside`"));
        }
        if count.bad > 0 {
            let became = if args.on_error == OnError::Skip { "skipped" } else { "marked: see column `error`" };
            self.say(&format!("{name}: {} of {} rows could not be predicted and were {became}", count.bad, count.rows));
        }
    }
}

enum Cell {
    Text(String),
    /// A class, by its number.
    Class(usize),
    Number(f64),
    List(Vec<String>),
    Nothing,
}

/// Writes whole records in the chosen format.
struct Sink<'a> {
    out: &'a mut dyn Write,
    names: &'a [String],
    classes: &'a [String],
    format: Format,
    started: bool,
    table: Aligned,
    block: Vec<Vec<String>>,
}

impl<'a> Sink<'a> {
    fn new(args: &Args, names: &'a [String], classes: &'a [String], out: &'a mut dyn Write) -> Result<Self> {
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
        let table = Aligned::new(names);
        Ok(Self { out, names, classes, format: args.format, started: false, table, block: Vec::new() })
    }

    fn write(&mut self, line: &[Cell]) -> Result<()> {
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
                if self.block.len() == BLOCK {
                    self.table.write(&mut self.out, &std::mem::take(&mut self.block))?;
                }
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
    fn flush(&mut self) -> Result<()> {
        if self.format == Format::Table {
            self.table.write(&mut self.out, &std::mem::take(&mut self.block))?;
        }
        Ok(())
    }

    fn end(mut self) -> Result<()> {
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
