//! `burn-zoo devices`: where models can run.

use std::io::Write;

use anyhow::Result;
use burn_zoo::DeviceSpec;

use super::{Listing, write_columns};

/// List the devices, and which of them this build holds
#[derive(clap::Args)]
pub struct Args {
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: Listing,
}

/// Writes a line for each device.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let default = DeviceSpec::default_spec().to_string();
    let state =
        |name: &str, feature: &str, compiled: bool| match name.parse::<DeviceSpec>().and_then(|spec| spec.init()) {
            _ if !compiled => (false, format!("not compiled in: build with --features {feature}")),
            Ok(_) if name == default => (true, "ready, the default".to_string()),
            Ok(_) => (true, "ready".to_string()),
            Err(error) => (false, error.to_string()),
        };
    let devices =
        DeviceSpec::FEATURES.map(|(name, feature, compiled)| (name, compiled, state(name, feature, compiled)));
    if args.format == Listing::Json {
        let devices = devices.map(|(name, compiled, (ready, _))| {
            serde_json::json!({ "name": name, "compiled": compiled, "ready": ready, "default": name == default })
        });
        return Ok(writeln!(out, "{}", serde_json::json!({ "schema": 1, "devices": devices }))?);
    }
    let rows = devices.map(|(name, _, (_, state))| vec![name.to_string(), state]);
    Ok(write_columns(out, &["device", "state"], &rows)?)
}
