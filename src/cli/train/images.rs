//! Trainings on pictures.

use anyhow::Result;
use burn_zoo::{
    Error,
    data::image::ImageSource,
    recipe::{self, ImageOrigin, PreparedImages},
    settings::CnnSettings,
};
use serde::{Deserialize, Serialize};

use super::{
    super::{Usage, usage},
    Args, Made, Ready,
};

/// Everything that a training on pictures is a function of, but the pictures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pictures {
    pub source: String,
    pub settings: CnnSettings,
}

impl Pictures {
    /// What the arguments say.
    pub fn new(settings: CnnSettings, data: &str, args: &Args) -> Result<Self> {
        let of_tables = [
            ("--valid", args.valid.is_some()),
            ("--test", args.test.is_some()),
            ("--target", args.target.is_some()),
            ("--text", args.text.is_some()),
            ("--task", args.task.is_some()),
            ("--column", !args.columns.is_empty()),
            ("--na", !args.missing.is_empty()),
        ];
        let said = of_tables.into_iter().find_map(|(option, said)| said.then_some(option));
        if let Some(option) = args.of_series() {
            return Err(Usage(format!("{option} is for series: cnn learns pictures")).into());
        }
        if let Some(option) = said.or(args.reading.said()) {
            return Err(Usage(format!("{option} is for tables: cnn learns pictures")).into());
        }
        let source: ImageSource = data.parse().map_err(usage)?;
        Ok(Self { source: source.to_string(), settings })
    }

    /// Reads the pictures and deals them out.
    pub fn prepare(&self, made: &Made, say: &dyn Fn(&str)) -> Result<Ready> {
        let source: ImageSource = self.source.parse().map_err(usage)?;
        let data = source.read(&self.settings.data.reading).map_err(refused)?;
        let sha256 = data.sha256.clone();
        let prepared = recipe::prepare_images(data, &self.source, &self.settings).map_err(refused)?;
        prepared.notes.iter().for_each(|note| say(&format!("note: {note}")));
        let origin = ImageOrigin { command: made.command.clone(), device: made.device.clone() };
        Ok(Ready::Pictures(Box::new(prepared), origin, sha256))
    }
}

/// A setting that does not fit the pictures is a mistake in the arguments.
fn refused(error: Error) -> anyhow::Error {
    match error {
        Error::Config { .. } | Error::Unknown { .. } => usage(error),
        other => other.into(),
    }
}

/// What is going to be learned.
pub fn stated(prepared: &PreparedImages) -> String {
    let [channels, height, width] = prepared.config.input;
    let color = if channels == 1 { "grey" } else { "rgb" };
    format!("{}: pictures of {height} x {width} (height x width), {color}", prepared.config.task)
}
