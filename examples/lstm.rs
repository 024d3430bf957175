//! Trains on the built-in seasonal series in seconds, forecasts its last two days with a fan chart, and draws which units a sampled network leaves out at
//! each step, as variational dropout does it and as ordinary dropout would: `cargo run --example lstm`.

use std::{collections::BTreeMap, error::Error, path::PathBuf};

use burn::tensor::{Device, Tensor};
use burn_zoo::{
    DeviceSpec, Key, Pass, Recorder,
    data::series::{Origin as At, find, seasonal_law},
    models::{LstmConfig, Noise, SequenceInput, Task},
    nn::MaskTime,
    recipe::{Origin, Outcome, PASSES, train_series},
    report::{Fan, Figure, fan_chart},
    settings::ForecastSettings,
    train::Quiet,
    uncertainty::MonteCarlo,
};
use clap::Parser;

#[derive(Parser)]
struct Args {
    /// Where to compute
    #[arg(long, env = "BURN_ZOO_DEVICE")]
    device: Option<DeviceSpec>,
    /// Where to put the plots
    #[arg(long, default_value = "out")]
    out: PathBuf,
}

/// Hours that are forecast, four times as many as the model forecasts at once, and hours before them that are shown.
const AHEAD: usize = 48;
const BEFORE: usize = 96;

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let spec = args.device.unwrap_or(DeviceSpec::default_spec());
    let device = spec.init()?;
    std::fs::create_dir_all(&args.out).map_err(|error| format!("{}: {error}", args.out.display()))?;

    let series = find("seasonal")?;
    let settings = ForecastSettings { data: series.settings(), ..ForecastSettings::default() };
    let settings = settings.set("model.noise", "predicted")?.set("train.patience", "10")?;
    let origin = Origin::of_built_in("seasonal", series.sha256(), "cargo run --example lstm", &spec.to_string());
    let Outcome { model, curve, split } = train_series(&series.frame(), &settings, origin, &device, Quiet)?;
    println!("trained {} epochs on {} windows", curve.len(), split.train.len());
    let test = model.file().test.ok_or("the test part was judged")?;
    println!("\ntest part       crps    mase  coverage of {} %", test.interval * 100.0);
    for (way, scores) in test.ways() {
        let Some(scores) = scores else { continue };
        println!("{way:<14} {:>5.2}  {:>6.2}  {:>8.2}", scores.crps, scores.mase.unwrap_or(f64::NAN), scores.coverage);
    }

    let (panel, windows) = model.read(&series.frame())?;
    let origin = At { series: 0, at: panel.series()[0].steps() - AHEAD };
    let forecast = &model.forecast(&windows, &[origin], AHEAD, &MonteCarlo::new(PASSES))?[0];
    println!("\nhour   mean    sd  the law's");
    for step in (0..AHEAD).step_by(6) {
        let (mean, sd) = seasonal_law(origin.at + step);
        println!("{:>4}  {:>5.1}  {:>4.1}  {mean:.1} ± {sd:.1}", step + 1, forecast.mean()[step], forecast.sd()[step]);
    }
    let bands = [0.5, 0.9].map(|level| {
        let interval = forecast.interval(level).expect("a level");
        (level, interval.lower.iter().zip(&interval.upper).map(|(a, b)| [*a, *b]).collect())
    });
    let all = panel.series()[0].target(0);
    let fan = Fan {
        name: "load",
        history: &all[origin.at - BEFORE..origin.at],
        mean: forecast.mean(),
        bands: &bands,
        actual: &all[origin.at..],
        stamps: &(origin.at - BEFORE..all.len()).map(|step| panel.stamp(0, step)).collect::<Vec<_>>(),
    };
    let figures = [("lstm-fan", fan_chart(&fan)), ("lstm-masks", masks(&device)?)];
    for (name, figure) in figures {
        for end in ["svg", "png"] {
            let path = args.out.join(format!("{name}.{end}"));
            figure.save(&path)?;
            println!("wrote {}", path.display());
        }
    }
    Ok(())
}

/// Steps and units of the figure.
const STEPS: usize = 24;
const UNITS: usize = 16;

/// Which units of the state a sampled network keeps at each step, as both kinds of masks have it.
fn masks(device: &Device) -> Result<Figure, Box<dyn Error>> {
    let input = SequenceInput::Numbers { features: 1, known: 0 };
    let config = LstmConfig::new(input, Task::Regression { targets: 1, noise: Noise::Constant })
        .with_hidden(UNITS)
        .with_recurrent_rate(burn_zoo::Rate::new(0.3)?);
    let mut figure = Figure::new("Units of the state that a network keeps").axes("steps of a window", "unit");
    let mut ticks = Vec::new();
    for (at, time, name) in [
        (0, MaskTime::Sequence, "variational: the same at all steps"),
        (STEPS + 4, MaskTime::Step, "ordinary: anew at each step"),
    ] {
        let lstm = config.clone().with_mask_time(time).init(device, Key::new(0).fold_str("init"));
        let recorder = Recorder::new();
        lstm.forward(Tensor::zeros([1, STEPS], device), &Pass::network(Key::new(1)).recorded(&recorder));
        // By step: a mask that holds for all has no number behind its site.
        let mut kept: BTreeMap<usize, Vec<f32>> = BTreeMap::new();
        for draw in recorder.draws() {
            let Some((_, step)) = draw.site.split_once("recurrent_dropout") else { continue };
            let values: Vec<f32> = draw.values.ok_or("a mask")?.iter::<f32>().collect();
            match step.strip_prefix('.') {
                Some(step) => drop(kept.insert(step.parse()?, values)),
                None => (0..STEPS).for_each(|step| drop(kept.insert(step, values.clone()))),
            }
        }
        let places = kept.iter().flat_map(|(step, units)| {
            let units = units.iter().enumerate().filter(|(_, kept)| **kept > 0.0);
            units.map(move |(unit, _)| ((at + step) as f64, unit as f64))
        });
        let (xs, ys): (Vec<f64>, Vec<f64>) = places.unzip();
        println!("{name}: {} of {} kept", xs.len(), STEPS * UNITS);
        figure = figure.points(name, &xs, &ys);
        ticks.extend([(at as f64, "1"), ((at + STEPS - 1) as f64, "24")]);
    }
    Ok(figure.x_ticks(&ticks))
}
