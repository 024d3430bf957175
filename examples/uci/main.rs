//! Reproduces Table 1 of Gal & Ghahramani 2016 on their own splits: `cargo run --example uci`. Its output is recorded in docs/uci.md.

mod protocol;

use std::{
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use burn_zoo::{DeviceSpec, uncertainty::metrics::Estimate};
use clap::{Parser, builder::PossibleValuesParser};
use protocol::{Data, EXPERIMENTS, Outcome, Paper, Protocol, Result, SETS, Set, run};

#[derive(Parser)]
struct Args {
    /// Only this data set; may be given several times
    #[arg(long = "set", value_name = "NAME", value_parser = PossibleValuesParser::new(SETS.map(|set| set.name)))]
    sets: Vec<String>,
    /// At most so many splits of each set [default: 20, naval-propulsion-plant: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=20))]
    splits: Option<u64>,
    /// The folder with the folder uci/
    #[arg(long, env = "BURN_ZOO_DATA", value_name = "DIR")]
    data: PathBuf,
    /// Epochs; Table 1 is 400
    #[arg(long, value_name = "N", value_parser = positive, default_value_t = Protocol::default().epochs)]
    epochs: usize,
    /// Rows in a step; the paper says 32, its later code 128
    #[arg(long, value_name = "N", value_parser = positive, default_value_t = Protocol::default().batch_size)]
    batch_size: usize,
    /// Sampled networks (T); the authors' code has 10000
    #[arg(long, value_name = "N", value_parser = positive, default_value_t = Protocol::default().passes)]
    passes: usize,
    /// Which of the authors' results stand beside ours
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(EXPERIMENTS), default_value = EXPERIMENTS[0])]
    paper: String,
    /// Draws initial weights, orders and masks
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Splits that are run at a time; changes no result [default: one a core]
    #[arg(long, value_name = "N", value_parser = positive)]
    threads: Option<usize>,
    /// Where to compute
    #[arg(long, env = "BURN_ZOO_DEVICE")]
    device: Option<DeviceSpec>,
}

fn positive(text: &str) -> std::result::Result<usize, String> {
    match text.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err("expected a whole number of at least 1".to_string()),
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    let device = args.device.unwrap_or(DeviceSpec::default_spec()).init()?;
    let Args { epochs, batch_size, passes, seed, .. } = args;
    let protocol = Protocol { epochs, batch_size, passes, seed };
    let mut summary = Vec::new();
    for set in SETS.iter().filter(|set| args.sets.is_empty() || args.sets.iter().any(|name| name == set.name)) {
        let data = Data::read(&args.data.join("uci").join(set.name), &args.paper)?;
        let splits = args.splits.map_or(set.splits, |n| n as usize).min(data.paper.len());
        let outcomes = in_threads(splits, args.threads, |split| {
            let outcome = run(&data, set, split, &protocol, &device);
            eprintln!("{} {split}", set.name);
            outcome
        })?;
        let rows: Vec<Row> = outcomes.into_iter().zip(data.paper).collect();
        print_splits(set, &rows);
        summary.push((set, rows));
    }
    print_summary(&summary)
}

type Row = (Outcome, Paper);

/// The results of `0..n`, in order. Each thread computes alone: what runs beside it changes no bit.
fn in_threads<T: Send>(n: usize, threads: Option<usize>, run: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads.unwrap_or_else(cores).clamp(1, n) {
            scope.spawn(|| {
                let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
                alone.install(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        if number >= n {
                            break;
                        }
                        let result = run(number);
                        results.lock().expect("nobody panics with it").push((number, result));
                    }
                });
            });
        }
    });
    let mut results = results.into_inner().expect("nobody panics with it");
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

fn print_splits(set: &Set, rows: &[Row]) {
    println!("## {}\n", set.name);
    header(&[
        "split",
        "RMSE",
        "mean network",
        "log-likelihood",
        "fitted tau",
        "coverage",
        "paper: RMSE",
        "mean network",
        "log-likelihood",
    ]);
    let [d, t] = digits(set);
    for (split, (ours, paper)) in rows.iter().enumerate() {
        println!(
            "| {split} | {:.d$} | {:.d$} | {:.3} | {:.t$} | {:.3} | {:.d$} | {:.d$} | {:.3} |",
            ours.rmse,
            ours.mean_network_rmse,
            ours.log_likelihood,
            ours.fitted_tau,
            ours.coverage,
            paper.rmse,
            paper.mean_network_rmse,
            paper.log_likelihood
        );
    }
    println!();
}

fn print_summary(summary: &[(&Set, Vec<Row>)]) -> Result<()> {
    println!("## Summary: means over the splits ± standard errors\n");
    header(&[
        "set",
        "splits",
        "RMSE",
        "paper",
        "ratio",
        "log-likelihood",
        "paper",
        "difference, split by split",
        "mean network: RMSE",
        "paper",
    ]);
    for (set, rows) in summary {
        let [d, _] = digits(set);
        let [ours, paper] = [mean(rows, |(ours, _)| ours.rmse)?, mean(rows, |(_, paper)| paper.rmse)?];
        println!(
            "| {} | {} | {} | {} | {:.3} | {} | {} | {} | {} | {} |",
            set.name,
            rows.len(),
            text(ours, d),
            text(paper, d),
            ours.value / paper.value,
            text(mean(rows, |(ours, _)| ours.log_likelihood)?, 3),
            text(mean(rows, |(_, paper)| paper.log_likelihood)?, 3),
            text(mean(rows, |(ours, paper)| ours.log_likelihood - paper.log_likelihood)?, 3),
            text(mean(rows, |(ours, _)| ours.mean_network_rmse)?, d),
            text(mean(rows, |(_, paper)| paper.mean_network_rmse)?, d),
        );
    }
    println!();
    header(&[
        "set",
        "coverage at 0.9",
        "of lower predictions",
        "of higher ones",
        "of tau's own fifth",
        "of the whole network",
        "with the paper's tau",
    ]);
    for (set, rows) in summary {
        println!(
            "| {} | {} | {} | {} | {} | {} | {} |",
            set.name,
            text(mean(rows, |(ours, _)| ours.coverage)?, 3),
            text(mean(rows, |(ours, _)| ours.halves_coverage[0])?, 3),
            text(mean(rows, |(ours, _)| ours.halves_coverage[1])?, 3),
            text(mean(rows, |(ours, _)| ours.validation_coverage)?, 3),
            text(mean(rows, |(ours, _)| ours.whole_coverage)?, 3),
            text(mean(rows, |(ours, _)| ours.paper_tau_coverage)?, 3),
        );
    }
    println!();
    header(&[
        "set",
        "paper's tau",
        "its ceiling",
        "fitted tau",
        "log-likelihood with it",
        "optimiser steps",
        "a second and thread",
    ]);
    for (set, rows) in summary {
        let [_, t] = digits(set);
        let steps: usize = rows.iter().map(|(ours, _)| ours.steps).sum();
        let elapsed: Duration = rows.iter().map(|(ours, _)| ours.elapsed).sum();
        println!(
            "| {} | {:.t$} | {:.3} | {} | {} | {steps} | {:.0} |",
            set.name,
            set.tau,
            set.ceiling(),
            text(mean(rows, |(ours, _)| ours.fitted_tau)?, t),
            text(mean(rows, |(ours, _)| ours.fitted_log_likelihood)?, 3),
            steps as f64 / elapsed.as_secs_f64()
        );
    }
    Ok(())
}

fn header(columns: &[&str]) {
    println!("| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
}

/// Digits behind the point that tell splits apart: in the target's unit, and of a tau.
fn digits(set: &Set) -> [usize; 2] {
    if set.tau > 100.0 { [5, 0] } else { [3, 4] }
}

fn mean(rows: &[Row], value: fn(&Row) -> f64) -> Result<Estimate> {
    Ok(Estimate::mean(&rows.iter().map(value).collect::<Vec<_>>())?)
}

fn text(Estimate { value, standard_error }: Estimate, digits: usize) -> String {
    let error = standard_error.map_or(String::new(), |error| format!(" ± {error:.digits$}"));
    format!("{value:.digits$}{error}")
}
