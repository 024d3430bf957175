//! `burn-zoo config`: all settings with their defaults.

use std::io::Write;

use anyhow::Result;
use burn_zoo::settings::AnySettings;

use super::usage;

/// Write a file with all settings, their defaults and what they mean
///
/// Change what you want to change, leave out what you do not, and give the file
/// to `check` or in place of the family to `train`.
#[derive(clap::Args)]
pub struct Args {
    /// The family of models: mlp for tables, cnn for pictures, lstm for series,
    /// lstm/text for text; or a named variant: cnn/digits, cnn/fashion-mnist,
    /// cnn/lenet, cnn/lenet-all,
    /// cnn/two-conv
    family: String,
}

/// Writes the template.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let settings = AnySettings::find(&args.family).map_err(usage)?;
    Ok(out.write_all(settings.template().as_bytes())?)
}
