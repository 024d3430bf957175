//! Texts in; their classes, their numbers, or how likely each is, out.

use std::io::Write;

use anyhow::{Result, bail};
use burn_zoo::{
    Error,
    data::{
        read::Record,
        text::{Empty, Token},
    },
    models::{Noise, Task},
    zoo::{TextModel, TextReading},
};

use super::{
    super::{
        notes::Words,
        progress::Rows,
        records::{Cell, Sink},
        tables::shown,
        texts,
    },
    Args, Count, OnError,
    table::{cells_of, columns_of},
    twice,
};

/// Texts that are read, predicted and written at a time.
const BLOCK: usize = 512;

/// Reads, predicts and writes block by block.
pub fn run(args: &Args, model: &TextModel, words: &mut Words, out: &mut dyn Write) -> Result<()> {
    if model.file().data.column.is_none() {
        return plain(args, model, words, out);
    }
    let (name, file) = (shown(&args.input), model.file());
    let reading = args.reading.clone().or(&file.data.reading);
    let mut reader = reading.open(&args.input, &[])?;
    reader.notes().iter().for_each(|note| words.say(&format!("{name}: {note}")));
    let header = texts::names(reader.columns(), reader.dialect().header, file, name)?;
    let column = texts::column(&header, file, name)?;
    let predicted = columns(model, args);
    // A target that is called as a column of the prediction, such as `class`, would be told twice.
    let target = file.target.as_ref().map(|target| &target.name);
    let told = |name: &String| Some(name) == target && predicted.contains(name);
    let passes = |at: &usize| !args.no_passthrough && *at != column && !told(&header[*at]);
    let passed: Vec<usize> = (0..header.len()).filter(passes).collect();
    let names = passed.iter().map(|&at| header[at].clone()).chain(predicted.iter().cloned());
    let names: Vec<String> = names.chain((args.on_error == OnError::Mark).then(|| "error".to_string())).collect();
    if let Some(twice) = twice(&names) {
        bail!(
            "{name}: 2 columns of the output would be called `{twice}`: rename those of the input, or say \
             --no-passthrough"
        );
    }
    let classes = file.target.as_ref().map_or(&[][..], |target| &target.classes);
    let mut sink = Sink::new(args, &names, classes, out)?;
    let mut job = Job { model, args, words, passed: &passed, predicted: predicted.len(), count: Count::default() };
    let mut progress = Rows::new(args.sampling.quiet);
    let mut records = reader.records();
    let done = (|| {
        loop {
            let (mut block, mut broken) = (Vec::new(), None);
            for record in records.by_ref().take(BLOCK) {
                match record {
                    Ok(record) => block.push(record),
                    Err(error) => broken = Some(error),
                }
            }
            let rows = block.len();
            let fault = |record: &Record| {
                let empty = record.cells[column].is_empty() && file.data.settings.empty == Empty::Error;
                empty.then(|| format!("{name}, line {}, column `{}`: the text is empty", record.line, header[column]))
            };
            let rows_of = block.iter().map(|record| Row {
                line: record.line,
                text: &record.cells[column],
                passed: passed.iter().map(|&at| Cell::Text(record.cells[at].clone())).collect(),
                fault: fault(record),
            });
            job.predict(rows_of.collect(), name, &mut sink)?;
            sink.flush()?;
            progress.add(rows);
            match broken {
                Some(error) => return Err(error.into()),
                None if rows < BLOCK => return Ok(()),
                None => {}
            }
        }
    })();
    progress.end();
    match &done {
        Ok(()) => sink.end()?,
        Err(_) => sink.flush()?,
    }
    job.words.faults(&job.count, name, args);
    done
}

/// The lines of a file of plain text.
fn plain(args: &Args, model: &TextModel, words: &mut Words, out: &mut dyn Write) -> Result<()> {
    let file = texts::open_plain(&args.input, &args.model, &args.reading)?;
    let told: &[&str] = if args.no_passthrough { &["line"] } else { &["line", "text"] };
    let names = told.iter().map(ToString::to_string).chain(columns(model, args));
    let names: Vec<String> = names.chain((args.on_error == OnError::Mark).then(|| "error".to_string())).collect();
    let passed: Vec<usize> = (0..told.len()).collect();
    let mut sink = Sink::new(args, &names, &[], out)?;
    let predicted = names.len() - passed.len() - usize::from(args.on_error == OnError::Mark);
    let mut job = Job { model, args, words, passed: &passed, predicted, count: Count::default() };
    let mut progress = Rows::new(args.sampling.quiet);
    let lines: Vec<(u64, &str)> = (1..).zip(file.lines()).collect();
    let done = lines.chunks(BLOCK).try_for_each(|block| {
        let row = |&(line, text): &(u64, &'_ str)| {
            let passed = [Cell::Whole(line as usize), Cell::Text(text.to_string())];
            (line, passed.into_iter().take(told.len()).collect::<Vec<_>>())
        };
        let rows = block.iter().map(|of_line| {
            let (line, passed) = row(of_line);
            Row { line, text: of_line.1, passed, fault: None }
        });
        job.predict(rows.collect(), file.name(), &mut sink)?;
        progress.add(block.len());
        sink.flush()
    });
    progress.end();
    match &done {
        Ok(()) => sink.end()?,
        Err(_) => sink.flush()?,
    }
    job.words.faults(&job.count, file.name(), args);
    done
}

/// The columns of a prediction.
fn columns(model: &TextModel, args: &Args) -> Vec<String> {
    let file = model.file();
    match &file.target {
        Some(target) => columns_of(&target.classes, has_noise(model), args),
        None => {
            let bits = file.is_of_characters().then_some("bits_per_character");
            let names = ["tokens", "nll", "perplexity"].into_iter().chain(bits).chain(["mutual_information", "unsure"]);
            names.map(String::from).collect()
        }
    }
}

/// Whether something is said about the noise of a target that is a number.
fn has_noise(model: &TextModel) -> bool {
    !matches!(model.lstm().task(), Task::Regression { noise: Noise::None, .. })
}

/// A text on its way.
struct Row<'a> {
    line: u64,
    text: &'a str,
    passed: Vec<Cell>,
    /// Why it cannot be predicted.
    fault: Option<String>,
}

/// Everything that texts are predicted with, and what became of them.
struct Job<'a> {
    model: &'a TextModel,
    args: &'a Args,
    words: &'a mut Words,
    passed: &'a [usize],
    /// How many columns a prediction has.
    predicted: usize,
    count: Count,
}

impl Job<'_> {
    /// Predicts a block and writes it in its order.
    fn predict(&mut self, mut rows: Vec<Row<'_>>, name: &str, sink: &mut Sink) -> Result<()> {
        let (fail, mark) = (self.args.on_error == OnError::Fail, self.args.on_error == OnError::Mark);
        if let Some(first) = rows.iter().position(|row| row.fault.is_some()).filter(|_| fail) {
            rows.truncate(first + 1);
        }
        let mut lines = self.lines(&mut rows, name)?.into_iter();
        for row in rows {
            self.count.rows += 1;
            let line: Vec<Cell> = match row.fault {
                None => {
                    let numbers = lines.next().expect("a prediction for each text without a fault");
                    row.passed.into_iter().chain(numbers).chain(mark.then_some(Cell::Nothing)).collect()
                }
                Some(fault) if fail => bail!("{fault}"),
                Some(fault) => {
                    self.count.bad += 1;
                    if !mark {
                        self.words.say(&fault);
                        continue;
                    }
                    let nothing = (0..self.predicted).map(|_| Cell::Nothing);
                    row.passed.into_iter().chain(nothing).chain([Cell::Text(fault)]).collect()
                }
            };
            debug_assert_eq!(line.len(), self.passed.len() + self.predicted + usize::from(mark));
            sink.write(&line)?;
        }
        Ok(())
    }

    /// The predictions of the texts without a fault; one whose prediction is not finite gets one.
    fn lines(&self, rows: &mut [Row<'_>], name: &str) -> Result<Vec<Vec<Cell>>> {
        loop {
            let good: Vec<usize> = (0..rows.len()).filter(|&at| rows[at].fault.is_none()).collect();
            if good.is_empty() {
                return Ok(Vec::new());
            }
            let some: Vec<&str> = good.iter().map(|&at| rows[at].text).collect();
            match self.cells(&some) {
                Ok(lines) => return Ok(lines),
                Err(Error::NotFinite { row, value, .. }) => {
                    let row = &mut rows[good[row]];
                    row.fault = Some(format!("{name}, line {}: the prediction is {value}", row.line));
                }
                Err(other) => return Err(other.into()),
            }
        }
    }

    fn cells(&self, some: &[&str]) -> burn_zoo::Result<Vec<Vec<Cell>>> {
        let monte_carlo = self.args.sampling.monte_carlo();
        if self.model.file().is_language() {
            let mut lines = Vec::with_capacity(some.len());
            self.model.read_each(some, &monte_carlo, |_, reading| {
                lines.push(self.of_language(&reading));
                Ok(())
            })?;
            return Ok(lines);
        }
        let (order, prediction) = self.model.predict(some, &monte_carlo)?;
        let of_rows = cells_of(&prediction, has_noise(self.model), self.args)?;
        let mut lines: Vec<(usize, Vec<Cell>)> = order.into_iter().zip(of_rows).collect();
        lines.sort_by_key(|(text, _)| *text);
        Ok(lines.into_iter().map(|(_, line)| line).collect())
    }

    /// What is said of a text by its tokens; of the places of which the networks are least sure, which token stands there.
    fn of_language(&self, reading: &TextReading) -> Vec<Cell> {
        let number = |x: Option<f64>| x.map_or(Cell::Nothing, Cell::Number);
        let nll = reading.nll();
        let token = |at: &usize| match self.model.vocabulary().token(reading.tokens[*at]).expect("it was encoded") {
            Token::Text(text) => format!("{} {text:?}", at + 1),
            special => format!("{} {special}", at + 1),
        };
        let unsure: Vec<String> = reading.most_unsure(UNSURE).iter().map(token).collect();
        let bits = self.model.file().is_of_characters().then(|| number(nll.map(|nll| nll / std::f64::consts::LN_2)));
        [Cell::Whole(reading.tokens.len()), number(nll), number(nll.map(f64::exp))]
            .into_iter()
            .chain(bits)
            .chain([number(reading.mean_mutual_information()), Cell::List(unsure)])
            .collect()
    }
}

/// Places that are told.
const UNSURE: usize = 3;
