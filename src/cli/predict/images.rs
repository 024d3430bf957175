//! Pictures in, their classes out.

use std::{io::Write, path::Path};

use anyhow::{Result, bail};
use burn_zoo::{
    Error,
    data::image::{Images, PictureFile, find_pictures, read_pictures},
    uncertainty::MonteCarlo,
    zoo::ImageModel,
};

use super::{
    super::{
        Usage,
        notes::Words,
        progress::Rows,
        records::{Cell, Sink, class_cells, class_columns},
    },
    Args, Count, OnError,
};

/// Pictures that are read, predicted and written at a time.
const BLOCK: usize = 1024;
/// Numbers of such pictures: of large ones, fewer are in a block.
const NUMBERS: usize = 1 << 24;

/// Reads, predicts and writes block by block.
pub fn run(args: &Args, model: &ImageModel, words: &Words, out: &mut dyn Write) -> Result<()> {
    if let Some(option) = args.reading.said().or(args.no_passthrough.then_some("--no-passthrough")) {
        return Err(Usage(format!("{option} is for tables: {} reads pictures", args.model)).into());
    }
    let files = find_pictures(Path::new(&args.input))?;
    let names = ["file".to_string()].into_iter().chain(class_columns(model.classes()));
    let names: Vec<String> = names.chain((args.on_error == OnError::Mark).then(|| "error".to_string())).collect();
    let mut sink = Sink::new(args, &names, model.classes(), out)?;
    let mut job = Job {
        model,
        monte_carlo: args.sampling.monte_carlo(),
        columns: names.len() - 1,
        args,
        words,
        count: Count::default(),
        changes: Vec::new(),
    };
    let mut progress = Rows::new(args.sampling.quiet);
    let pixels: usize = model.file().model.input.iter().product();
    let done = files.chunks((NUMBERS / pixels).clamp(1, BLOCK)).try_for_each(|block| {
        job.predict(block, &mut sink)?;
        progress.add(block.len());
        sink.flush()
    });
    progress.end();
    match &done {
        Ok(()) => sink.end()?,
        Err(_) => sink.flush()?,
    }
    job.tell();
    done
}

/// Everything that pictures are predicted with, and what became of them.
struct Job<'a> {
    model: &'a ImageModel,
    monte_carlo: MonteCarlo,
    /// Those behind the name of the file.
    columns: usize,
    args: &'a Args,
    words: &'a Words,
    count: Count,
    /// What was done to make pictures fit: what, the first of them, how many.
    changes: Vec<(String, Vec<String>, usize)>,
}

/// Names of pictures that are told.
const TOLD: usize = 3;

impl Job<'_> {
    /// Predicts a block and writes it in its order.
    fn predict(&mut self, block: &[PictureFile], sink: &mut Sink) -> Result<()> {
        let fail = self.args.on_error == OnError::Fail;
        let mut pictures = Vec::with_capacity(block.len());
        for (file, read) in block.iter().zip(read_pictures(block, &self.model.reading())) {
            let picture = read.map(|(image, changes)| {
                changes.into_iter().for_each(|what| self.changed(what, &file.name));
                image
            });
            let stop = fail && picture.is_err();
            pictures.push(picture);
            if stop {
                break;
            }
        }
        let mut lines = self.lines(&mut pictures)?.into_iter();
        for (file, picture) in block.iter().zip(pictures) {
            self.count.rows += 1;
            let name = Cell::Text(file.name.clone());
            let mark = self.args.on_error == OnError::Mark;
            let line: Vec<Cell> = match picture {
                Ok(_) => {
                    let numbers = lines.next().expect("a prediction for each picture without a fault");
                    [name].into_iter().chain(numbers).chain(mark.then_some(Cell::Nothing)).collect()
                }
                Err(fault) => {
                    let fault = format!("{}: {fault}", file.path.display());
                    if fail {
                        bail!("{fault}");
                    }
                    self.count.bad += 1;
                    if !mark {
                        self.words.say(&fault);
                        continue;
                    }
                    let nothing = (1..self.columns).map(|_| Cell::Nothing);
                    [name].into_iter().chain(nothing).chain([Cell::Text(fault)]).collect()
                }
            };
            sink.write(&line)?;
        }
        Ok(())
    }

    /// The predictions of the pictures without a fault; one whose prediction is not finite gets one.
    fn lines(&self, pictures: &mut [Result<Images, String>]) -> Result<Vec<Vec<Cell>>> {
        loop {
            let good: Vec<usize> = (0..pictures.len()).filter(|&at| pictures[at].is_ok()).collect();
            if good.is_empty() {
                return Ok(Vec::new());
            }
            let values = pictures.iter().flatten().flat_map(Images::values).copied().collect();
            let images = Images::new(self.model.file().model.input, values)?;
            let mut lines = Vec::with_capacity(good.len());
            let done = self.model.predict_each(&images, &self.monte_carlo, |_, prediction| {
                lines.extend(class_cells(&prediction));
                Ok(())
            });
            match done {
                Ok(()) => return Ok(lines),
                Err(Error::NotFinite { row, value, .. }) => {
                    pictures[good[row]] = Err(format!("the prediction is {value}"));
                }
                Err(other) => return Err(other.into()),
            }
        }
    }

    /// Notes what was done to a picture.
    fn changed(&mut self, what: String, name: &str) {
        let at = self.changes.iter().position(|(known, ..)| *known == what).unwrap_or_else(|| {
            self.changes.push((what, Vec::new(), 0));
            self.changes.len() - 1
        });
        let (_, names, count) = &mut self.changes[at];
        *count += 1;
        if names.len() < TOLD {
            names.push(name.to_string());
        }
    }

    /// Says what was done to pictures, and how many could not be predicted.
    fn tell(&self) {
        for (what, names, count) in &self.changes {
            let plural = if *count == 1 { "picture" } else { "pictures" };
            let more = if *count > names.len() { ", ..." } else { "" };
            self.words.say(&format!("{}: {count} {plural} {what}: {}{more}", self.args.input, names.join(", ")));
        }
        self.words.faults(&self.count, &self.args.input, self.args);
    }
}
