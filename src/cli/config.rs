//! `burn-zoo config`: all settings with their defaults.

use std::io::Write;

use anyhow::Result;
use burn_zoo::settings::Settings;

use super::Usage;

/// Write a file with all settings, their defaults and what they mean
///
/// Change what you want to change, leave out what you do not, and give the file
/// to `check` or in place of the family to `train`.
#[derive(clap::Args)]
pub struct Args {
    /// The family of models: mlp
    family: String,
}

/// Writes the template.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    match args.family.as_str() {
        "mlp" => Ok(out.write_all(Settings::template().as_bytes())?),
        other => Err(Usage(format!("unknown family `{other}`: expected `mlp`")).into()),
    }
}
