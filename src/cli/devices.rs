//! `burn-zoo devices`: where models can run, and whether a device computes as it should.

use std::io::Write;

use anyhow::Result;
use burn_zoo::{Check, DeviceSpec, check_device};
use serde_json::{Value, json};

use super::{Difference, Listing, Usage, device, write_columns};

/// List the devices, and which of them this build and this machine hold
///
/// With --check, a device is compared with the host's arithmetic in double
/// precision: the operations that the models stand on, and their gradients.
/// Where one is beyond its tolerance, the exit code is 3.
#[derive(clap::Args)]
pub struct Args {
    /// Compare a device with the host [default: that of BURN_ZOO_DEVICE, or the
    /// first of flex, ndarray that is compiled in]
    #[arg(long, value_name = "DEVICE", num_args = 0..=1, value_parser = device)]
    check: Option<Option<DeviceSpec>>,
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: Listing,
}

/// Writes a line for each device, or for each check of one.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    match args.check {
        None => list(args.format, out),
        Some(Some(spec)) => check(spec, args.format, out),
        Some(None) => {
            let said = std::env::var(super::DEVICE).ok();
            let spec = said.map_or(Ok(DeviceSpec::default_spec()), |name| device(&name)).map_err(Usage)?;
            check(spec, args.format, out)
        }
    }
}

fn list(format: Listing, out: &mut dyn Write) -> Result<()> {
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
    let adapters = adapters();
    if format == Listing::Json {
        let devices = devices.map(|(name, compiled, (ready, state))| {
            json!({ "name": name, "compiled": compiled, "ready": ready, "default": name == default, "state": state })
        });
        let adapters: Vec<Value> = adapters
            .iter()
            .map(|[device, name, kind, api]| {
                let device = if device.is_empty() { Value::Null } else { json!(device) };
                json!({ "device": device, "name": name, "kind": kind, "api": api, "software": kind == "software" })
            })
            .collect();
        return Ok(writeln!(out, "{}", json!({ "schema": 1, "devices": devices, "adapters": adapters }))?);
    }
    let rows = devices.map(|(name, _, (_, state))| vec![name.to_string(), state]);
    write_columns(out, &["device", "state"], &rows)?;
    if !adapters.is_empty() {
        writeln!(out)?;
        let rows: Vec<Vec<String>> = adapters.into_iter().map(Vec::from).collect();
        write_columns(out, &["device", "adapter", "kind", "graphics API"], &rows)?;
    }
    Ok(())
}

/// The adapters that wgpu finds: by which name each is chosen, its own name, its kind and its graphics API.
fn adapters() -> Vec<[String; 4]> {
    #[cfg(feature = "wgpu")]
    let found = burn_zoo::adapters().into_iter().map(|adapter| {
        let device = adapter.device.map(|device| device.to_string()).unwrap_or_default();
        [device, adapter.name, adapter.kind.to_string(), adapter.api]
    });
    #[cfg(not(feature = "wgpu"))]
    let found = std::iter::empty();
    found.collect()
}

fn check(spec: DeviceSpec, format: Listing, out: &mut dyn Write) -> Result<()> {
    let checks = check_device(&spec.init()?)?;
    let wrong = checks.iter().filter(|check| !check.is_right()).count();
    match format {
        Listing::Json => {
            let of_check = |check: &Check| {
                let Check { operation, size, quantity, error, tolerance } = check;
                let error = if error.is_finite() { json!(error) } else { Value::Null };
                json!({ "operation": operation, "size": size, "quantity": quantity, "error": error, "tolerance": tolerance,
                        "right": check.is_right() })
            };
            let checks: Vec<Value> = checks.iter().map(of_check).collect();
            writeln!(out, "{}", json!({ "schema": 1, "device": spec.to_string(), "checks": checks }))?;
        }
        Listing::Table => {
            let row = |check: &Check| {
                let verdict = if check.is_right() { "right" } else { "WRONG" };
                let (error, tolerance) = (format!("{:.1e}", check.error), format!("{:.0e}", check.tolerance));
                let what = [check.operation, &check.size, check.quantity].map(str::to_string);
                what.into_iter().chain([error, tolerance, verdict.to_string()]).collect()
            };
            let rows: Vec<Vec<String>> = checks.iter().map(row).collect();
            write_columns(out, &["operation", "size", "quantity", "error", "tolerance", ""], &rows)?;
        }
    }
    match wrong {
        0 => Ok(()),
        1 => Err(Difference(format!("{spec}: 1 of {} checks is beyond its tolerance", checks.len())).into()),
        n => Err(Difference(format!("{spec}: {n} of {} checks are beyond their tolerance", checks.len())).into()),
    }
}
