//! `burn-zoo list`: what there is.

use std::io::Write;

use anyhow::Result;
use burn_zoo::zoo::{self, AnyFile, Weights};

use serde_json::{Value, json};

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
    let about = entries.map(|entry| Ok(About::of(entry.name, &entry.describe()?))).collect::<Result<Vec<_>>>()?;
    if args.format == Listing::Json {
        let models: Vec<_> = about
            .iter()
            .map(|about| {
                json!({
                    "name": about.name, "data": about.data, "target": about.target,
                    "params": about.weights.params, "bytes": about.weights.bytes,
                    "test": about.test,
                })
            })
            .collect();
        return Ok(writeln!(out, "{}", json!({ "schema": 1, "models": models }))?);
    }
    let score = |about: &About, name: &str| about.test.as_ref().and_then(|test| test.get(name)?.as_f64());
    let told = |name: &&str| about.iter().any(|about| score(about, name).is_some());
    let scores: Vec<&str> = SCORES.into_iter().filter(told).collect();
    let row = |about: &About| {
        let (params, bytes) = (about.weights.params.to_string(), about.weights.bytes.to_string());
        let cells = [about.name.to_string(), about.data.join(","), about.target.clone(), params, bytes];
        let score = |name: &&str| score(about, name).map_or("-".to_string(), fixed);
        cells.into_iter().chain(scores.iter().map(score)).collect()
    };
    let rows: Vec<_> = about.iter().map(row).collect();
    let header = [&["name", "data", "target", "params", "bytes"], &scores[..]].concat();
    Ok(write_columns(out, &header, &rows)?)
}

/// The scores that are listed, where a model has them.
const SCORES: [&str; 6] = ["rmse", "mase", "coverage", "accuracy", "ece", "bits_per_character"];

/// What is told of a model.
struct About {
    name: &'static str,
    data: Vec<String>,
    target: String,
    weights: Weights,
    /// The scores of Monte Carlo, by name.
    test: Option<Value>,
}

impl About {
    fn of(name: &'static str, file: &AnyFile) -> Self {
        match file {
            AnyFile::Table(file) => Self {
                name,
                data: file.data.names.clone(),
                target: file.target.name.clone(),
                weights: file.weights.clone(),
                test: file.test.map(|test| json!(test.monte_carlo)),
            },
            AnyFile::Text(file) => Self {
                name,
                data: file.data.names.clone(),
                target: match &file.target {
                    Some(target) => target.name.clone(),
                    None => format!("next of {} tokens", file.vocabulary.len()),
                },
                weights: file.weights.clone(),
                test: file.test.map(|test| json!(test.monte_carlo)),
            },
            AnyFile::Images(file) => Self {
                name,
                data: vec![file.data.source.clone()],
                target: format!("{} classes", file.classes.len()),
                weights: file.weights.clone(),
                test: file.test.map(|test| json!(test.monte_carlo)),
            },
            AnyFile::Series(file) => Self {
                name,
                data: vec![file.data.name.clone()],
                target: file.series.targets.join(","),
                weights: file.weights.clone(),
                test: file.test.map(|test| json!(test.monte_carlo)),
            },
        }
    }
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
