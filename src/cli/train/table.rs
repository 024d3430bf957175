//! Trainings on tables.

use anyhow::Result;
use burn_zoo::{
    Error,
    data::{self, TaskChoice, image::ImageSource},
    recipe::{self, Origin, Prepared},
    settings::Settings,
};
use serde::{Deserialize, Serialize};

use super::{
    super::{Usage, reading::Reading, tables::Source, usage},
    Args, Made, Ready, TaskKind, kind_of,
};

/// Everything that a training on tables is a function of, but the tables' contents.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tables {
    /// One, or one for each part.
    pub tables: Vec<String>,
    target: Option<String>,
    reading: Reading,
    pub settings: Settings,
}

impl Tables {
    /// What the arguments say.
    pub fn new(settings: Settings, data: &str, args: &Args) -> Result<Self> {
        if let (Ok(source), true) = (data.parse::<ImageSource>(), std::fs::metadata(data).is_err()) {
            let says = format!("--data {source}: pictures, which mlp does not read: say `train cnn`");
            return Err(Usage(says).into());
        }
        if let Some(option) = args.of_series() {
            return Err(Usage(format!("{option} is for series: mlp learns tables (say `train lstm`)")).into());
        }
        if super::text::is_said(args) {
            return Err(Usage("--text and text:FILE are for an lstm: say `train lstm`".to_string()).into());
        }
        let tables = [Some(data), args.valid.as_deref(), args.test.as_deref()].into_iter().flatten();
        Ok(Self {
            tables: tables.map(str::to_string).collect(),
            target: args.target.clone(),
            reading: args.reading.clone(),
            settings: with_columns(settings, args)?,
        })
    }

    /// Reads the tables and finds out what is in them.
    pub fn prepare(&self, made: &Made, say: &dyn Fn(&str)) -> Result<Ready> {
        let missing = &self.settings.data.missing_values;
        let sources =
            self.tables.iter().map(|name| Source::read(name, &self.reading, missing)).collect::<Result<Vec<_>>>()?;
        let target = match (&self.target, data::find(&self.tables[0])) {
            (Some(target), _) => target.clone(),
            (None, Ok(built_in)) => built_in.target.to_string(),
            (None, Err(_)) => return Err(Usage("--target is missing: the column to predict".to_string()).into()),
        };
        let rows: Vec<usize> = sources.iter().map(|source| source.frame.rows()).collect();
        let sha256: Vec<String> = sources.iter().map(|source| source.sha256.clone()).collect();
        let first = &sources[0].frame;
        let columns = (!first.dialect(0).header).then_some(first.columns().len());
        let origin = Origin {
            data: self.tables.clone(),
            sha256,
            reading: self.reading.remembered(columns),
            command: made.command.clone(),
            device: made.device.clone(),
        };
        let mut frames = sources.into_iter().map(|source| source.frame);
        let mut frame = frames.next().expect("a table");
        frames.try_for_each(|part| frame.append(&part))?;
        frame.notes().for_each(|note| say(&format!("note: {note}")));
        frame.column(&target).map_err(|error| Usage(format!("{}: {error}", frame.name())))?;
        let given = <[usize; 3]>::try_from(rows).ok();
        let prepared = recipe::prepare(&frame, given, &target, &self.settings).map_err(|error| match error {
            Error::Config { .. } | Error::Unknown { .. } => usage(error),
            other => other.into(),
        })?;
        prepared.notes.iter().for_each(|note| say(&format!("note: {note}")));
        Ok(Ready::Table(Box::new(prepared), origin))
    }
}

/// The settings with what the arguments say of columns and cells.
fn with_columns(mut settings: Settings, args: &Args) -> Result<Settings> {
    for column in &args.columns {
        let (name, kind) = kind_of(column)?;
        settings.schema.insert(name, kind);
    }
    settings.data.missing_values.extend(args.missing.iter().cloned());
    if let Some(task) = args.task {
        settings.data.task = match task {
            TaskKind::Regression => TaskChoice::Regression,
            TaskKind::Classes => TaskChoice::Classes,
        };
    }
    Ok(settings)
}

/// What is going to be learned.
pub fn stated(prepared: &Prepared) -> String {
    let (columns, features) = (prepared.schema.columns.len(), prepared.schema.width());
    let plural = if columns == 1 { "" } else { "s" };
    let features = if features == columns { String::new() } else { format!(" ({features} features)") };
    let classes = match &prepared.target.classes[..] {
        [] => String::new(),
        some if some.len() <= 5 => format!(" ({})", some.join(", ")),
        _ => String::new(),
    };
    let name = &prepared.target.name;
    format!("{}{classes}: `{name}` from {columns} column{plural}{features}", prepared.task)
}
