//! Table 1 of Gal & Ghahramani 2016: a split of it is run again, and what docs/uci.md says adds up.
#![cfg(all(feature = "train", feature = "flex"))]

#[allow(dead_code)] // the example and the bench use the rest
#[path = "../examples/uci/protocol.rs"]
mod protocol;

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use protocol::{Data, EXPERIMENTS, Protocol, SETS, Set, run};

/// Of RMSE and log-likelihood: another processor rounds otherwise, and 11 600 steps make the most of it (flex and ndarray: 0.013, 0.003).
const TOLERANCE: [f64; 2] = [0.1, 0.03];

const ROWS_OF_CONCRETE: f64 = 103.0;

fn set(name: &str) -> &'static Set {
    SETS.iter().find(|set| set.name == name).unwrap()
}

fn folder(set: &Set) -> Option<PathBuf> {
    let folder = std::env::var_os("BURN_ZOO_DATA").map(|data| Path::new(&data).join("uci").join(set.name));
    if folder.is_none() {
        println!("skipped: BURN_ZOO_DATA names no folder");
    }
    folder
}

/// The cells of the rows of the first table behind a heading of docs/uci.md, its header left out.
fn recorded(heading: &str) -> Vec<Vec<String>> {
    let docs = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/uci.md")).unwrap();
    let lines = docs.lines().skip_while(|line| !line.starts_with(heading)).skip_while(|line| !line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect();
    lines.take_while(|line| line.starts_with('|')).skip(2).map(cells).collect()
}

/// The number of a cell, without its standard error.
fn number(cell: &str) -> f64 {
    cell.split(" ± ").next().unwrap().parse().unwrap()
}

#[test]
fn a_split_of_concrete_gives_what_is_recorded() {
    let set = set("concrete");
    let Some(folder) = folder(set) else { return };
    let data = Data::read(&folder, EXPERIMENTS[0]).unwrap();
    let ours = run(&data, set, 0, &Protocol::default(), &Device::flex()).unwrap();
    let paper = data.paper[0];
    let recorded: Vec<f64> = recorded("## concrete")[0].iter().map(|cell| number(cell)).collect();
    let found = [
        0.0,
        ours.rmse,
        ours.mean_network_rmse,
        ours.log_likelihood,
        ours.fitted_tau,
        ours.coverage,
        paper.rmse,
        paper.mean_network_rmse,
        paper.log_likelihood,
    ];
    let [rmse, nats] = TOLERANCE;
    let tolerances = [0.0, rmse, rmse, nats, 0.05 * recorded[4], 4.5 / ROWS_OF_CONCRETE, 5e-4, 5e-4, 5e-4];
    println!("found {found:.3?}, recorded {recorded:.3?}");
    for (column, tolerance) in tolerances.into_iter().enumerate() {
        let distance = (found[column] - recorded[column]).abs();
        assert!(distance <= tolerance, "column {column}: found {found:?}, recorded {recorded:?}");
    }
}

#[test]
fn the_splits_are_the_papers() {
    for set in &SETS {
        let Some(folder) = folder(set) else { return };
        let data = Data::read(&folder, EXPERIMENTS[0]).unwrap();
        assert_eq!(data.paper.len(), 20);
        for split in 0..20 {
            let [train, test] = data.split(split);
            let mut rows = [train, test].concat();
            assert_eq!(train.len(), (0.9 * rows.len() as f64).round() as usize, "{}", set.name);
            rows.sort_unstable();
            assert!(rows.iter().enumerate().all(|(i, &row)| i == row), "{}: each row once", set.name);
        }
    }
}

#[test]
fn the_recorded_summary_is_that_of_the_recorded_splits_and_meets_the_targets() {
    let summary = recorded("## Summary");
    assert_eq!(summary.len(), SETS.len());
    for (set, row) in SETS.iter().zip(&summary) {
        let splits = recorded(&format!("## {}", set.name));
        assert_eq!((row[0].as_str(), splits.len()), (set.name, set.splits));
        let mean = |column: usize| splits.iter().map(|row| number(&row[column])).sum::<f64>() / splits.len() as f64;
        // RMSE, its paper's, log-likelihood, its paper's: of the summary and of the splits.
        for (in_summary, in_splits) in [(2, 1), (3, 6), (5, 3), (6, 8)] {
            let (said, found) = (number(&row[in_summary]), mean(in_splits));
            assert!((said - found).abs() < 2e-3 * found.abs(), "{}: {said} is said, {found} found", set.name);
        }
        assert!(mean(1) <= 1.1 * mean(6), "{}: RMSE", set.name);
        assert!(mean(3) >= mean(8) - 0.1, "{}: log-likelihood", set.name);
        assert!((0.86..=0.95).contains(&mean(5)), "{}: coverage {}", set.name, mean(5));
    }
}

#[test]
fn the_penalty_and_the_ceiling_are_the_papers() {
    // 0.01^2 * 0.95 / (2 * 455 * 0.15971), and half the logarithm of 0.15971 / 2 pi.
    let boston = set("bostonHousing");
    assert!((boston.l2(455) / 6.5366e-7 - 1.0).abs() < 1e-4, "{}", boston.l2(455));
    assert!((boston.ceiling() + 1.8362).abs() < 1e-4, "{}", boston.ceiling());
}
