//! Trains on the built-in digits in seconds, predicts with uncertainty, and turns a digit from 0 to 180 degrees, as Gal & Ghahramani 2016 do in their
//! figure 4: `cargo run --example cnn`.

use std::{error::Error, path::PathBuf};

use burn_zoo::{
    DeviceSpec,
    data::image::{ImageSource, Images, rotated},
    recipe::{ImageOrigin, Outcome, PASSES, train_cnn},
    report::Figure,
    settings::CnnSettings,
    train::Quiet,
    uncertainty::{ClassPrediction, MonteCarlo, metrics::auroc},
    zoo::ImageModel,
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

/// A one, which lies on its side halfway, as in the paper.
const TURNED: usize = 1;
const STEPS: u32 = 12;

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let spec = args.device.unwrap_or(DeviceSpec::default_spec());
    std::fs::create_dir_all(&args.out).map_err(|error| format!("{}: {error}", args.out.display()))?;

    let settings = CnnSettings::variant("digits")?;
    let data = ImageSource::Digits.read(&settings.data.reading)?;
    let test = data.test.clone().ok_or("the digits have a test part")?;
    let origin = ImageOrigin { command: "cargo run --example cnn".to_string(), device: spec.to_string() };
    let Outcome { model, curve, split } = train_cnn(data, "digits", &settings, origin, &spec.init()?, Quiet)?;
    println!("trained {} epochs on {} digits", curve.len(), split.train.len());

    judge(&model, &test.images, &test.labels)?;
    let digit = test.labels.iter().position(|&label| label == TURNED).ok_or("there is one")?;
    let figure = turn(&model, test.images.row(digit))?;
    for name in ["cnn-rotation.svg", "cnn-rotation.png"] {
        figure.save(args.out.join(name))?;
        println!("wrote {}", args.out.join(name).display());
    }
    Ok(())
}

/// Ten digits that the training did not see, and how good all are.
fn judge(model: &ImageModel, images: &Images, labels: &[usize]) -> Result<(), Box<dyn Error>> {
    let prediction = model.predict(images, &MonteCarlo::new(PASSES))?;
    println!("\ntruth  class  probability  entropy  mutual information");
    for (row, truth) in labels.iter().enumerate().take(10) {
        let class = prediction.class(row);
        println!(
            "{truth:5}  {class:5}  {:11.3}  {:7.3}  {:18.3}{}",
            prediction.probabilities(row)[class],
            prediction.entropy()[row],
            prediction.mutual_information()[row],
            if class == *truth { "" } else { "  wrong" }
        );
    }
    let scores = prediction.scores(labels)?;
    println!(
        "\n{} digits: accuracy {:.3}, NLL {:.3} nats, ECE {:.3}",
        scores.n, scores.accuracy, scores.nll, scores.ece
    );
    let (mut wrong, mut right) = (Vec::new(), Vec::new());
    for (row, truth) in labels.iter().enumerate() {
        if prediction.class(row) == *truth { &mut right } else { &mut wrong }.push(prediction.entropy()[row]);
    }
    if !wrong.is_empty() {
        let area = auroc(&wrong, &right)?;
        println!("entropy is higher for a wrong digit than for a right one in {:.1} % of pairs", 100.0 * area.value);
    }
    Ok(())
}

/// The classes of a digit that turns, with what half of the networks say.
fn turn(model: &ImageModel, digit: &[f32]) -> Result<Figure, Box<dyn Error>> {
    let shape = model.file().model.input;
    let degrees: Vec<f64> = (0..=STEPS).map(|step| 180.0 * f64::from(step) / f64::from(STEPS)).collect();
    let turned: Vec<Vec<f32>> = degrees.iter().map(|&angle| rotated(digit, shape, angle)).collect();
    let prediction = model.predict(&Images::new(shape, turned.concat())?, &MonteCarlo::new(100).keep_samples())?;

    println!("\ndegrees  class  probability  mutual information");
    for (row, angle) in degrees.iter().enumerate() {
        let class = prediction.class(row);
        let (p, information) = (prediction.probabilities(row)[class], prediction.mutual_information()[row]);
        println!("{angle:7}  {class:5}  {p:11.3}  {information:18.3}");
    }
    let rows = 0..degrees.len();
    let seen = |class: &usize| rows.clone().any(|row| prediction.class(row) == *class);
    let mut figure = Figure::new("A digit that turns: a shade holds half of the networks")
        .axes("degrees", "probability of the class")
        .y_range(0.0..1.0);
    for class in (0..prediction.n_classes()).filter(seen) {
        let mean: Vec<f64> = rows.clone().map(|row| prediction.probabilities(row)[class]).collect();
        let (low, high): (Vec<f64>, Vec<f64>) = rows.clone().map(|row| middle(&prediction, row, class)).unzip();
        figure = figure.band("", &degrees, &low, &high).line(&model.classes()[class], &degrees, &mean);
    }
    Ok(figure.pictures(&degrees, shape[2], &turned))
}

/// Between which probabilities the middle half of the networks lies.
fn middle(prediction: &ClassPrediction, row: usize, class: usize) -> (f64, f64) {
    let of_pass = |pass| prediction.sample(pass, row).expect("the samples are kept")[class];
    let mut said: Vec<f64> = (0..prediction.passes()).map(of_pass).collect();
    said.sort_by(f64::total_cmp);
    let at = |quantile: f64| said[(quantile * (said.len() - 1) as f64).round() as usize];
    (at(0.25), at(0.75))
}
