//! `burn-zoo list`: what there is.

use std::io::Write;

use anyhow::Result;
use burn_zoo::zoo;

use super::{Listing, numbers::fixed, write_columns};

/// List the models that come with burn-zoo
#[derive(clap::Args)]
pub struct Args {
    /// Only names like this: * stands for any text
    #[arg(value_name = "GLOB")]
    filter: Option<String>,
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: Listing,
}

/// Writes a line for each model.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let wanted = |name: &str| args.filter.as_ref().is_none_or(|glob| matches(glob, name));
    let entries = zoo::list().iter().filter(|entry| wanted(entry.name));
    let files = entries.map(|entry| Ok((entry.name, entry.file()?))).collect::<burn_zoo::Result<Vec<_>>>()?;
    if args.format == Listing::Json {
        let models: Vec<_> = files
            .iter()
            .map(|(name, file)| {
                serde_json::json!({
                    "name": name, "data": file.data.names, "target": file.target.name,
                    "params": file.weights.params, "bytes": file.weights.bytes,
                    "test": file.test.map(|test| test.monte_carlo),
                })
            })
            .collect();
        return Ok(writeln!(out, "{}", serde_json::json!({ "schema": 1, "models": models }))?);
    }
    let row = |(name, file): &(&str, zoo::ModelFile)| {
        let score = |name: &str| file.test.and_then(|test| test.monte_carlo.get(name)).map_or("-".to_string(), fixed);
        let (params, bytes) = (file.weights.params.to_string(), file.weights.bytes.to_string());
        let data = file.data.names.join(",");
        vec![name.to_string(), data, file.target.name.clone(), params, bytes, score("rmse"), score("coverage")]
    };
    let rows: Vec<_> = files.iter().map(row).collect();
    Ok(write_columns(out, &["name", "data", "target", "params", "bytes", "rmse", "coverage"], &rows)?)
}

/// Whether `name` is like `glob`, in which `*` stands for any text.
fn matches(glob: &str, name: &str) -> bool {
    match glob.split_once('*') {
        None => glob == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            (0..=name.len()).filter(|&at| name.is_char_boundary(at)).any(|at| matches(rest, &name[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for glob in ["mlp/wine-red", "*", "mlp/*", "*wine*", "m*/*red"] {
            assert!(matches(glob, "mlp/wine-red"), "{glob}");
        }
        for glob in ["", "mlp", "wine*", "mlp/*x", "*wine"] {
            assert!(!matches(glob, "mlp/wine-red"), "{glob}");
        }
    }
}
