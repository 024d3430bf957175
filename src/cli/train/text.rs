//! Trainings on text.

use anyhow::Result;
use burn_zoo::{
    Error,
    data::{
        TaskChoice,
        text::{TextFile, Tokens},
    },
    recipe::{self, Origin, PreparedTexts, TextSource},
    settings::SequenceSettings,
};
use serde::{Deserialize, Serialize};

use super::{
    super::{Usage, reading::Reading, tables::Source, texts::plain, usage},
    Args, Made, Ready, TaskKind,
};

/// Everything that a training on text is a function of, but the text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Texts {
    /// One, or one for each part.
    pub sources: Vec<String>,
    /// The column of a table; none for plain text.
    column: Option<String>,
    target: Option<String>,
    reading: Reading,
    pub settings: SequenceSettings,
}

/// Whether the arguments speak of text.
pub fn is_said(args: &Args) -> bool {
    args.text.is_some() || args.data.as_deref().is_some_and(|data| plain(data).is_some())
}

impl Texts {
    /// What the arguments say.
    pub fn new(mut settings: SequenceSettings, data: &str, args: &Args) -> Result<Self> {
        let of_columns = [("--column", !args.columns.is_empty()), ("--na", !args.missing.is_empty())];
        if let Some((option, _)) = of_columns.into_iter().find(|(_, said)| *said) {
            return Err(Usage(format!("{option} is for tables of features: this lstm reads texts")).into());
        }
        if let Some(option) = args.of_series() {
            return Err(Usage(format!("{option} is for series: this lstm reads texts")).into());
        }
        let parts = [args.valid.as_deref(), args.test.as_deref()].into_iter().flatten();
        let Some(file) = plain(data) else {
            let Some(column) = &args.text else {
                let says = "--text is missing: the column of the texts; or say --data text:FILE for plain text";
                return Err(Usage(says.to_string()).into());
            };
            if let Some(task) = args.task {
                settings.data.task = match task {
                    TaskKind::Regression => TaskChoice::Regression,
                    TaskKind::Classes => TaskChoice::Classes,
                };
            }
            return Ok(Self {
                sources: [data].into_iter().chain(parts).map(str::to_string).collect(),
                column: Some(column.clone()),
                target: args.target.clone(),
                reading: args.reading.clone(),
                settings,
            });
        };
        let of_tables =
            [("--text", args.text.is_some()), ("--target", args.target.is_some()), ("--task", args.task.is_some())];
        let said = of_tables.into_iter().find_map(|(option, said)| said.then_some(option));
        if let Some(option) = said.or(args.reading.said()) {
            return Err(Usage(format!("{option} is for tables: {data} is plain text")).into());
        }
        let parts = parts.map(|part| plain(part).unwrap_or(part));
        Ok(Self {
            sources: [file].into_iter().chain(parts).map(str::to_string).collect(),
            column: None,
            target: None,
            reading: args.reading.clone(),
            settings,
        })
    }

    /// Reads the texts and deals them out.
    pub fn prepare(&self, made: &Made, say: &dyn Fn(&str)) -> Result<Ready> {
        let origin = |sha256: Vec<String>, columns: Option<usize>| Origin {
            data: self.sources.clone(),
            sha256,
            reading: self.reading.remembered(columns),
            command: made.command.clone(),
            device: made.device.clone(),
        };
        let (prepared, origin) = match &self.column {
            None => {
                let files = self.sources.iter().map(TextFile::open).collect::<burn_zoo::Result<Vec<_>>>()?;
                let sha256 = files.iter().map(|file| file.sha256().to_string()).collect();
                let source = match &files[..] {
                    [train, valid, test] => TextSource::Files([train, valid, test]),
                    files => TextSource::File(&files[0]),
                };
                (recipe::prepare_texts(source, &self.settings), origin(sha256, None))
            }
            Some(column) => {
                let sources = self.sources.iter().map(|name| Source::read(name, &self.reading, &[]));
                let sources = sources.collect::<Result<Vec<_>>>()?;
                let rows: Vec<usize> = sources.iter().map(|source| source.frame.rows()).collect();
                let sha256 = sources.iter().map(|source| source.sha256.clone()).collect();
                let mut frames = sources.into_iter().map(|source| source.frame);
                let mut frame = frames.next().expect("a table");
                frames.try_for_each(|part| frame.append(&part))?;
                frame.notes().for_each(|note| say(&format!("note: {note}")));
                for (option, name) in [("--text", Some(column)), ("--target", self.target.as_ref())] {
                    let known = name.map_or(Ok(0), |name| frame.column(name));
                    known.map_err(|error| Usage(format!("{option}: {}: {error}", frame.name())))?;
                }
                let named = frame.rows() == 0 || frame.dialect(0).header;
                let columns = (!named).then_some(frame.columns().len());
                let (given, target) = (<[usize; 3]>::try_from(rows).ok(), self.target.as_deref());
                let source = TextSource::Table { frame: &frame, given, column, target };
                (recipe::prepare_texts(source, &self.settings), origin(sha256, columns))
            }
        };
        let prepared = prepared.map_err(|error| match error {
            Error::Config { .. } | Error::Unknown { .. } => usage(error),
            other => other.into(),
        })?;
        prepared.notes.iter().for_each(|note| say(&format!("note: {note}")));
        Ok(Ready::Text(Box::new(prepared), origin))
    }
}

/// What is going to be learned, and from how much.
pub fn stated(prepared: &PreparedTexts) -> String {
    let of_characters = prepared.vocabulary.tokens() == Tokens::Char;
    let kind = if of_characters { "characters" } else { "words" };
    let ([train, valid, test], vocabulary) = (prepared.rows(), prepared.vocabulary.len());
    match prepared.target() {
        None => {
            format!("a predictor of the next of {vocabulary} {kind}; {train} {kind} train, {valid} choose, {test} test")
        }
        Some(target) => {
            let classes = match &target.classes[..] {
                some if (1..=5).contains(&some.len()) => format!(" ({})", some.join(", ")),
                _ => String::new(),
            };
            format!(
                "{}{classes}: `{}` from texts of {vocabulary} {kind}; {train} texts train, {valid} choose, {test} test",
                prepared.config.task, target.name
            )
        }
    }
}
