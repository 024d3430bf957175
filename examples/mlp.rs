//! Trains on wine-red, predicts with 90 % intervals, counts how often they hold, and draws the band of a curve with a gap in its data:
//! `cargo run --example mlp`. `--seeds 5` prints the table of docs/wine-red.md instead.

use std::{
    error::Error,
    path::{Path, PathBuf},
};

use burn::tensor::Device;
use burn_zoo::{
    DeviceSpec, Key,
    data::{self, Frame, Table},
    recipe::{INTERVAL, Origin, Outcome, PASSES, train_mlp},
    report::Figure,
    settings::Settings,
    train::Quiet,
    uncertainty::{MonteCarlo, metrics::Estimate},
    zoo::{Reading, Scores},
};
use clap::Parser;

#[derive(Parser)]
struct Args {
    /// Where to compute
    #[arg(long, env = "BURN_ZOO_DEVICE")]
    device: Option<DeviceSpec>,
    /// Print a table over so many seeds instead
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Where to put the plots
    #[arg(long, default_value = "out")]
    out: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let spec = args.device.unwrap_or(DeviceSpec::default_spec());
    let device = spec.init()?;
    match args.seeds {
        Some(seeds) => seeds_table(seeds, &device),
        None => {
            std::fs::create_dir_all(&args.out).map_err(|error| format!("{}: {error}", args.out.display()))?;
            wine(&device)?;
            gap(&device, &args.out)
        }
    }
}

fn train(table: &Table, target: &str, settings: &Settings, device: &Device) -> burn_zoo::Result<Outcome> {
    let name = |text: &str| text.to_string();
    let origin = Origin {
        data: vec![name("example")],
        sha256: vec![name("-")],
        reading: Reading::default(),
        command: name("-"),
        device: name("-"),
    };
    train_mlp(&Frame::of("example", table), target, settings, origin, device, Quiet)
}

/// Ten wines that the training did not see, and how good all 240 are.
fn wine(device: &Device) -> Result<(), Box<dyn Error>> {
    let wine_red = data::find("wine-red")?;
    let table = wine_red.table();
    let Outcome { model, curve, split } = train(&table, wine_red.target, &Settings::default(), device)?;
    println!("trained {} epochs on {} wines", curve.len(), split.train.len());

    let (features, quality) = table.without(wine_red.target)?;
    let test = features.select(&split.test);
    let rows: Vec<&[f64]> = test.iter().collect();
    let prediction = model.predict(&rows, &MonteCarlo::new(PASSES))?.regression()?;
    let (interval, sd) = (prediction.interval(INTERVAL)?, prediction.total_variance()?);
    println!("\nquality   mean     sd   90 % interval");
    for row in 0..10 {
        let (mean, sd) = (prediction.mean()[row], sd[row].sqrt());
        let (lower, upper) = (interval.lower[row], interval.upper[row]);
        let truth = quality[split.test[row]];
        let inside = if (lower..=upper).contains(&truth) { "" } else { "  missed" };
        println!("{truth:7.0}  {mean:5.2}  {sd:5.2}   {lower:5.2} .. {upper:5.2}{inside}");
    }
    let truth: Vec<f64> = split.test.iter().map(|&row| quality[row]).collect();
    let scores = prediction.scores(&truth, INTERVAL)?;
    println!("\n{} wines: RMSE {:.3}, coverage {:.3} at 0.9", scores.n, scores.rmse, scores.coverage);
    Ok(())
}

/// A curve with a gap in its data: there the networks disagree. Beyond the data on either side they need not: the spread is no alarm.
fn gap(device: &Device, out: &Path) -> Result<(), Box<dyn Error>> {
    let n = 200;
    let (place, noise) = (Key::new(1).uniform(0, 1, n), Key::new(2).normal(0, 1, n));
    let curve = |x: f64| x.sin() + 0.3 * x;
    let rows: Vec<[f64; 2]> = (place.iter().zip(noise))
        .map(|(&u, noise)| {
            let side = f64::from(u) * 6.0; // two pieces of 3, with 3 between them
            let x = if side < 3.0 { side - 4.5 } else { side - 1.5 };
            [x, curve(x) + 0.15 * f64::from(noise)]
        })
        .collect();
    let table = Table::new(vec!["x".into(), "y".into()], &rows)?;
    let settings = [
        "model.hidden=[128,128,128]",
        "model.input_rate=0",
        "model.rates=0.2",
        "train.epochs=1000",
        "train.patience=200",
    ]
    .iter()
    .filter_map(|set| set.split_once('='))
    .try_fold(Settings::default(), |settings, (path, value)| settings.set(path, value))?;
    let Outcome { model, split, .. } = train(&table, "y", &settings, device)?;

    let xs: Vec<f64> = (0..=240).map(|i| -7.5 + 15.0 * f64::from(i) / 240.0).collect();
    let grid: Vec<[f64; 1]> = xs.iter().map(|&x| [x]).collect();
    let prediction = model.predict(&grid, &MonteCarlo::new(200))?.regression()?;
    let (all, networks) = (prediction.interval(0.9)?, prediction.epistemic_interval(0.9)?);
    let seen: Vec<[f64; 2]> = split.train.iter().map(|&row| rows[row]).collect();
    let figure = Figure::new("In a gap of the data, sampled networks disagree")
        .axes("x", "y")
        .band("90 % of observations", &xs, &all.lower, &all.upper)
        .band("90 % of networks", &xs, &networks.lower, &networks.upper)
        .line("mean", &xs, prediction.mean())
        .points(
            "training data",
            &seen.iter().map(|row| row[0]).collect::<Vec<_>>(),
            &seen.iter().map(|row| row[1]).collect::<Vec<_>>(),
        );
    for name in ["mlp-gap.svg", "mlp-gap.png"] {
        figure.save(out.join(name))?;
        println!("wrote {}", out.join(name).display());
    }
    let disagreement = |x: f64| {
        let at = xs.iter().position(|&grid| grid >= x).expect("on the grid");
        prediction.epistemic_variance()[at].sqrt()
    };
    println!(
        "networks disagree by {:.3} amid the data, {:.3} in the gap, {:.3} outside",
        disagreement(-3.0),
        disagreement(0.0),
        disagreement(7.0)
    );
    Ok(())
}

/// Split, weights and masks from five seeds, and three ways to predict, each with a tau of its own.
fn seeds_table(seeds: u64, device: &Device) -> Result<(), Box<dyn Error>> {
    let wine_red = data::find("wine-red")?;
    let table = wine_red.table();
    let mut arms: [(&str, Vec<Scores>); 3] =
        [("Monte Carlo", vec![]), ("mean network", vec![]), ("trained without dropout", vec![])];
    for seed in 0..seeds {
        let settings = Settings::default().set("train.seed", &seed.to_string())?;
        let test = |settings: &Settings| -> Result<_, Box<dyn Error>> {
            let outcome = train(&table, wine_red.target, settings, device)?;
            Ok(outcome.model.file().test.ok_or("constant noise has scores")?)
        };
        let with = test(&settings)?;
        let without = test(&settings.set("model.rates", "0")?.set("model.input_rate", "0")?)?;
        arms[0].1.push(with.monte_carlo);
        arms[1].1.push(with.mean_network);
        arms[2].1.push(without.mean_network);
    }
    println!("| | RMSE | log-likelihood, nats | coverage of the 90 % interval |");
    println!("|---|---|---|---|");
    for (name, scores) in arms {
        let cell = |name: &str| -> Result<String, Box<dyn Error>> {
            let values: Option<Vec<f64>> = scores.iter().map(|scores| scores.get(name)).collect();
            let sign = if name == "nll" { -1.0 } else { 1.0 };
            let values: Vec<f64> = values.ok_or("a regression")?.iter().map(|value| sign * value).collect();
            let Estimate { value, standard_error } = Estimate::mean(&values)?;
            Ok(standard_error.map_or(format!("{value:.3}"), |error| format!("{value:.3} ± {error:.3}")))
        };
        println!("| {name} | {} | {} | {} |", cell("rmse")?, cell("nll")?, cell("coverage")?);
    }
    Ok(())
}
