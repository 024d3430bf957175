//! `burn-zoo check`: whether a file of settings can be trained with.

use std::{fs, io::Write};

use anyhow::{Context, Result};
use burn_zoo::settings::AnySettings;

/// Check a file of settings without training; silent if it is good
#[derive(clap::Args)]
pub struct Args {
    /// A file with settings (TOML), as `config` writes it
    config: String,
}

/// Reads and checks the file.
pub fn run(args: &Args, _: &mut dyn Write) -> Result<()> {
    read(&args.config)?.check().with_context(|| args.config.clone())
}

/// The settings of a file.
pub fn read(file: &str) -> Result<AnySettings> {
    let text = fs::read_to_string(file).with_context(|| file.to_string())?;
    AnySettings::from_toml(&text).with_context(|| file.to_string())
}
