//! Which rate? Trains on wine-red with rates from 0 to 0.7, judges each by the log-likelihood of validation rows, and chooses by the one-standard-error
//! rule; draws that, and the curves of a training with and without dropout: `cargo run --example rate`.

use std::{error::Error, path::PathBuf};

use burn::tensor::Device;
use burn_zoo::{
    DeviceSpec,
    data::{self, Frame, Table},
    recipe::{Origin, Outcome, PASSES, train_mlp},
    report::Figure,
    settings::Settings,
    train::Quiet,
    uncertainty::{MonteCarlo, metrics::Estimate},
    zoo::Reading,
};
use clap::Parser;

#[derive(Parser)]
struct Args {
    /// Where to compute
    #[arg(long, env = "BURN_ZOO_DEVICE")]
    device: Option<DeviceSpec>,
    /// Splits, initial weights and masks to average over, at least 2
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(2..))]
    seeds: u64,
    /// Where to put the plots
    #[arg(long, default_value = "out")]
    out: PathBuf,
}

const RATES: [f64; 8] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7];

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let device = args.device.unwrap_or(DeviceSpec::default_spec()).init()?;
    let wine = data::find("wine-red")?;
    let (table, target) = (wine.table(), wine.target);
    std::fs::create_dir_all(&args.out)?;

    println!("| rate | validation log-likelihood, nats | test RMSE | best epoch |");
    println!("|---|---|---|---|");
    let (mut likelihoods, mut by_seed) = (Vec::new(), Vec::new());
    for rate in RATES {
        let (mut likelihood, mut rmse, mut epochs) = (Vec::new(), Vec::new(), 0);
        for seed in 0..args.seeds {
            let outcome = train(&table, target, &settings(rate, seed)?, &device)?;
            likelihood.push(validation(&table, target, &outcome)?);
            let test = outcome.model.file().test.ok_or("constant noise has scores")?;
            rmse.push(test.monte_carlo.get("rmse").ok_or("a regression")?);
            epochs += outcome.model.file().provenance.best_epoch;
        }
        by_seed.push(likelihood.clone());
        let (likelihood, rmse) = (Estimate::mean(&likelihood)?, Estimate::mean(&rmse)?);
        println!("| {rate} | {} | {} | {:.0} |", shown(&likelihood), shown(&rmse), epochs as f64 / args.seeds as f64);
        likelihoods.push(likelihood);
    }
    let best = best(&likelihoods);
    let loose = one_standard_error(&likelihoods, best);
    let chosen = paired(&by_seed, best)?;
    println!("\nthe best rate is {}", RATES[best]);
    println!("the largest within one standard error of it is {}", RATES[loose]);
    println!(
        "the largest within one standard error of the differences from it, seed by seed, is {}: chosen",
        RATES[chosen]
    );

    let of = |value: fn(&Estimate) -> f64| likelihoods.iter().map(value).collect::<Vec<f64>>();
    let error = |estimate: &Estimate| estimate.standard_error.unwrap_or(0.0);
    let (low, high): (Vec<f64>, Vec<f64>) =
        likelihoods.iter().map(|l| (l.value - error(l), l.value + error(l))).unzip();
    let figure = Figure::new("The rate, chosen by validation rows")
        .axes("rate", "log-likelihood, nats")
        .band("one standard error over seeds", &RATES, &low, &high)
        .line("validation rows", &RATES, &of(|l| l.value))
        .horizontal("the best, less one standard error", likelihoods[best].value - error(&likelihoods[best]))
        .vertical("chosen", RATES[chosen]);
    save(&figure, &args.out.join("rate"))?;

    let mut figure = Figure::new("Training with and without dropout").axes("epoch", "squared error, standardised");
    for (name, rate) in [("without", 0.0), ("with", RATES[chosen].max(0.1))] {
        // To the end: what early stopping spares us is to be seen.
        let settings = settings(rate, 0)?.set("train.epochs", "200")?.set("train.patience", "200")?;
        let curve = train(&table, target, &settings, &device)?.curve;
        let of = |value: fn(&burn_zoo::train::Epoch) -> f64| curve.iter().map(value).collect::<Vec<f64>>();
        let epochs = of(|epoch| epoch.number as f64);
        figure = figure.dashed(&format!("{name}: training part"), &epochs, &of(|epoch| epoch.train_loss)).line(
            &format!("{name}: validation part"),
            &epochs,
            &of(|epoch| epoch.valid_loss),
        );
        let lowest = of(|epoch| epoch.valid_loss).into_iter().fold(f64::INFINITY, f64::min);
        let last = curve[curve.len() - 1];
        println!(
            "{name} dropout, after {} epochs: training loss {:.3}, validation loss {:.3} (lowest {lowest:.3})",
            last.number, last.train_loss, last.valid_loss
        );
    }
    save(&figure, &args.out.join("rate-curves"))
}

fn settings(rate: f64, seed: u64) -> burn_zoo::Result<Settings> {
    let settings = Settings::default().set("model.rates", &rate.to_string())?.set("model.input_rate", "0")?;
    settings.set("train.seed", &seed.to_string())
}

fn train(table: &Table, target: &str, settings: &Settings, device: &Device) -> burn_zoo::Result<Outcome> {
    let none = || "-".to_string();
    let origin = Origin {
        data: vec!["wine-red".to_string()],
        sha256: vec![none()],
        reading: Reading::default(),
        command: none(),
        device: none(),
    };
    train_mlp(&Frame::of("wine-red", table), target, settings, origin, device, Quiet)
}

/// The mean log-likelihood of the validation rows, each judged with a tau that was fitted to the other half of them.
fn validation(table: &Table, target: &str, outcome: &Outcome) -> burn_zoo::Result<f64> {
    let (features, targets) = table.without(target)?;
    let half = |which: usize| -> Vec<usize> { outcome.split.valid.iter().copied().skip(which).step_by(2).collect() };
    let (halves, mut sum) = ([half(0), half(1)], 0.0);
    for (fit, judge) in [(0, 1), (1, 0)] {
        let predict = |rows: &[usize]| {
            let rows: Vec<Vec<f64>> = rows.iter().map(|&row| features.row(row).to_vec()).collect();
            outcome.model.predict(&rows, &MonteCarlo::new(PASSES))?.regression()
        };
        let truth = |rows: &[usize]| rows.iter().map(|&row| targets[row]).collect::<Vec<f64>>();
        let tau = predict(&halves[fit])?.fit_tau(&truth(&halves[fit]))?;
        sum += predict(&halves[judge])?.with_tau(&tau)?.log_likelihood(&truth(&halves[judge]))?.iter().sum::<f64>();
    }
    Ok(sum / outcome.split.valid.len() as f64)
}

fn best(likelihoods: &[Estimate]) -> usize {
    let better = |best: usize, i: usize| if likelihoods[i].value > likelihoods[best].value { i } else { best };
    (0..likelihoods.len()).reduce(better).expect("there are rates")
}

/// The largest rate that is not worse than the best by more than the best one's standard error: of what cannot be told apart, the most regularised.
fn one_standard_error(likelihoods: &[Estimate], best: usize) -> usize {
    let least = likelihoods[best].value - likelihoods[best].standard_error.unwrap_or(0.0);
    likelihoods.iter().rposition(|likelihood| likelihood.value >= least).expect("the best itself")
}

/// The same by the standard error of the differences, seed by seed: all rates see the same rows, so the luck of a split is taken off.
fn paired(by_seed: &[Vec<f64>], best: usize) -> burn_zoo::Result<usize> {
    for rate in (best + 1..by_seed.len()).rev() {
        let differences: Vec<f64> =
            by_seed[best].iter().zip(&by_seed[rate]).map(|(best, other)| best - other).collect();
        let difference = Estimate::mean(&differences)?;
        if difference.value <= difference.standard_error.unwrap_or(0.0) {
            return Ok(rate);
        }
    }
    Ok(best)
}

fn shown(estimate: &Estimate) -> String {
    format!("{:.3} ± {:.3}", estimate.value, estimate.standard_error.unwrap_or(0.0))
}

fn save(figure: &Figure, path: &std::path::Path) -> Result<(), Box<dyn Error>> {
    for kind in ["svg", "png"] {
        let path = path.with_extension(kind);
        figure.save(&path)?;
        println!("wrote {}", path.display());
    }
    Ok(())
}
