//! Trainings on series.

use anyhow::Result;
use burn_zoo::{
    Error,
    data::series,
    recipe::{self, Origin, PreparedSeries},
    settings::ForecastSettings,
};
use serde::{Deserialize, Serialize};

use super::{
    super::{Usage, reading::Reading, tables::Source, usage},
    Args, Made, Ready, kind_of,
};

/// Everything that a training on series is a function of, but the table's contents.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Series {
    pub source: String,
    reading: Reading,
    pub settings: ForecastSettings,
}

impl Series {
    /// What the arguments say.
    pub fn new(mut settings: ForecastSettings, data: &str, args: &Args) -> Result<Self> {
        let of_tables = [
            ("--valid", args.valid.is_some(), "the parts follow each other in time"),
            ("--test", args.test.is_some(), "the parts follow each other in time"),
            ("--task", args.task.is_some(), "lstm forecasts numbers"),
            ("--text", args.text.is_some(), "the settings are of kind = \"series\""),
        ];
        if let Some((option, _, why)) = of_tables.into_iter().find(|(_, said, _)| *said) {
            return Err(Usage(format!("{option} is not for series: {why}")).into());
        }
        let all = &mut settings.data;
        for (given, setting) in [
            (&args.time, &mut all.time),
            (&args.group, &mut all.group),
            (&args.known, &mut all.known),
            (&args.observed, &mut all.observed),
        ] {
            if !given.is_empty() {
                *setting = given.clone();
            }
        }
        if let Some(target) = &args.target {
            all.target = vec![target.clone()];
        }
        if let Some(horizon) = args.horizon {
            all.horizon = usize::try_from(horizon).unwrap_or(usize::MAX);
        }
        if let Ok(built_in) = series::find(data) {
            for (name, setting) in [(built_in.time, &mut all.time), (built_in.target, &mut all.target)] {
                if setting.is_empty() {
                    *setting = vec![name.to_string()];
                }
            }
        }
        all.missing_values.extend(args.missing.iter().cloned());
        for column in &args.columns {
            let (name, kind) = kind_of(column)?;
            settings.schema.insert(name, kind);
        }
        Ok(Self { source: data.to_string(), reading: args.reading.clone(), settings })
    }

    /// Reads the table and makes series of it.
    pub fn prepare(&self, made: &Made, say: &dyn Fn(&str)) -> Result<Ready> {
        let missing = &self.settings.data.missing_values;
        let source = Source::read_series(&self.source, &self.reading, missing)?;
        source.frame.notes().for_each(|note| say(&format!("note: {note}")));
        let frame = &source.frame;
        let columns = (!frame.dialect(0).header).then_some(frame.columns().len());
        let origin = Origin {
            data: vec![self.source.clone()],
            sha256: vec![source.sha256.clone()],
            reading: self.reading.remembered(columns),
            command: made.command.clone(),
            device: made.device.clone(),
        };
        let prepared = recipe::prepare_series(frame, &self.settings).map_err(|error| match error {
            Error::Config { .. } | Error::Unknown { .. } => usage(error),
            other => other.into(),
        })?;
        prepared.notes.iter().for_each(|note| say(&format!("note: {note}")));
        Ok(Ready::Series(Box::new(prepared), origin))
    }
}

/// What is going to be learned.
pub fn stated(prepared: &PreparedSeries) -> String {
    let schema = &prepared.schema;
    format!(
        "forecasts of `{}`, {} steps of {} at once, from {} steps of {} features",
        schema.targets.join("`, `"),
        schema.horizon,
        schema.step,
        schema.window,
        schema.features().len()
    )
}
