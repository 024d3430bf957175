//! `burn-zoo predict`: rows or pictures in, the same with predictions and their uncertainty out.

mod images;
mod table;
mod text;

use std::{collections::HashSet, io::Write};

use anyhow::Result;
use burn_zoo::zoo::AnyModel;
use clap::{ValueEnum, builder::NonEmptyStringValueParser};

use super::{
    Usage,
    notes::Words,
    numbers::level,
    open,
    reading::Reading,
    records::Format,
    sampling::{Sampling, idle_interval},
};

/// Predict the rows of a table, pictures or texts, with uncertainty
///
/// A model of pictures reads a PNG or JPEG file, or a folder of them with its
/// sub-folders: a row for each, beginning with file. Pictures get the size and
/// the channels that the model was trained on, and what was changed is told.
///
/// A model of tables reads CSV and its kin, gzipped or not: delimiter and decimal comma are found
/// out, or refused with the option that says them. Columns are matched by name,
/// in any order; columns that the model does not use are passed through. Of
/// numbers it adds mean, sd (total), sd_epistemic (networks disagree),
/// sd_aleatoric (noise of the data), lower and upper, all in the target's unit;
/// of classes class, probability, entropy, expected_entropy and
/// mutual_information (nats), and p_CLASS for each. The column outside names
/// the cells beyond what the training saw. The same arguments give the same
/// bytes. A header without rows is answered by a header without rows.
///
/// A model of texts reads their column of such a table, or plain text, a line a
/// text. A model of a language adds tokens, nll (nats a token), perplexity,
/// bits_per_character, the mean mutual_information of the tokens, and unsure:
/// the places where the networks disagree most.
#[derive(clap::Args)]
pub struct Args {
    /// A model of the zoo, or a directory that `train` wrote
    pub model: String,
    /// A file with a table, or - for standard input; of a model of pictures a
    /// picture or a folder, of a model of plain text a file of that
    #[arg(long, value_name = "FILE|DIR", value_parser = NonEmptyStringValueParser::new())]
    input: String,
    /// The probability, between 0 and 1, that an interval shall hold; may be
    /// given several times [default: 0.9]
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    interval: Vec<f64>,
    /// How to write the predictions
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// What to do with a row or a picture that cannot be predicted
    #[arg(long, value_enum, default_value_t)]
    pub on_error: OnError,
    /// Leave out the columns that the model does not use
    #[arg(long)]
    pub no_passthrough: bool,
    #[command(flatten)]
    pub sampling: Sampling,
    #[command(flatten)]
    reading: Reading,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OnError {
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

/// What became of the rows.
#[derive(Default)]
pub struct Count {
    pub rows: usize,
    pub bad: usize,
    pub outside: usize,
}

/// Reads, predicts and writes block by block.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let model = open(&args.model, args.sampling.device.spec())?;
    if let Some(level) = twice(&args.interval.iter().map(ToString::to_string).collect::<Vec<_>>()) {
        return Err(Usage(format!("--interval {level} is given twice")).into());
    }
    let mut words = Words::new(args.sampling.quiet);
    words.device(&model)?;
    args.interval.first().and_then(|&level| idle_interval(&model, level)).iter().for_each(|note| words.say(note));
    match &model {
        AnyModel::Table(model) => table::run(args, model, &mut words, out),
        AnyModel::Images(model) => images::run(args, model, &words, out),
        AnyModel::Series(_) => Err(Usage(format!("{} forecasts series: say `forecast {0}`", args.model)).into()),
        AnyModel::Text(model) => text::run(args, model, &mut words, out),
    }
}

/// The first item that was there before.
fn twice(items: &[String]) -> Option<&String> {
    let mut seen = HashSet::new();
    items.iter().find(|item| !seen.insert(*item))
}
