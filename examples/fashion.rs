//! Fashion-MNIST by the recipe `cnn/fashion-mnist`, with its dropout and without any, over seeds; MNIST is what it has never seen:
//! `cargo run --example fashion`. Its output is recorded in docs/fashion-mnist.md.

use std::{error::Error, path::PathBuf};

use burn_zoo::{
    DeviceSpec, Rate,
    data::image::{ImageSource, Images, Labelled},
    nn::DropoutKind,
    recipe::{ImageOrigin, Outcome, PASSES, train_cnn},
    settings::CnnSettings,
    train::{Epoch, Progress},
    uncertainty::{
        ClassPrediction, MonteCarlo,
        metrics::{Estimate, auroc},
    },
    zoo::ImageModel,
};
use clap::Parser;

#[derive(Parser)]
struct Args {
    /// The folder with the folders fashion-mnist/ and mnist/
    #[arg(long, env = "BURN_ZOO_DATA", value_name = "DIR")]
    data: PathBuf,
    /// Seeds, from 0
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Change a setting of the recipe, such as train.epochs=2; may be given several times
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Take the first so many pictures of each class alone, of every part
    #[arg(long, value_name = "N")]
    few: Option<usize>,
    /// Round the weights of a model that `train` wrote to f16, and judge it again, instead
    #[arg(long, value_name = "DIR", requires = "to")]
    halve: Option<PathBuf>,
    /// Where to write the rounded model
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Where to compute
    #[arg(long, env = "BURN_ZOO_DEVICE")]
    device: Option<DeviceSpec>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let spec = args.device.unwrap_or(DeviceSpec::default_spec());
    let device = spec.init()?;
    let recipe = args.set.iter().try_fold(CnnSettings::variant("fashion-mnist")?, |settings, set| {
        let (path, value) = set.split_once('=').ok_or(format!("{set}: expected PATH=VALUE"))?;
        Ok::<_, Box<dyn Error>>(settings.set(path, value)?)
    })?;
    let source = ImageSource::FashionMnist(args.data.join("fashion-mnist"));
    let mut data = source.read(&recipe.data.reading)?;
    if let (Some(from), Some(to), Some(test)) = (&args.halve, &args.to, &data.test) {
        let whole = ImageModel::open(from, &device)?;
        let half = whole.clone().with_half_weights()?.judged(test, &MonteCarlo::new(PASSES))?;
        half.save(to, &[])?;
        for (name, model) in [("f32", &whole), ("f16", &half)] {
            let file = model.file();
            println!("{name}, {} bytes: {:?}", file.weights.bytes, file.test.map(|test| test.monte_carlo.values()));
        }
        return Ok(());
    }
    let mut far = ImageSource::Mnist(args.data.join("mnist")).read_test(&recipe.data.reading)?.pictures;
    if let Some(few) = args.few {
        data.train = first(&data.train, few);
        data.test = data.test.map(|test| first(&test, few));
        far = first(&far, few);
    }
    let test = data.test.clone().ok_or("Fashion-MNIST has a test part")?;
    let train = |settings: &CnnSettings| -> Result<Trained, Box<dyn Error>> {
        let origin = ImageOrigin { command: "cargo run --example fashion".to_string(), device: spec.to_string() };
        let told = Told(std::time::Instant::now());
        let Outcome { model, curve, .. } =
            train_cnn(data.clone(), &source.to_string(), settings, origin, &device, told)?;
        Ok(Trained { epochs: [model.file().provenance.best_epoch, curve.len()], model })
    };
    let mut rows = Vec::new();
    for seed in 0..args.seeds {
        let settings = recipe.set("train.seed", &seed.to_string())?;
        let [with, without] = [train(&settings)?, train(&without_dropout(settings))?];
        let row = Row::new(&with, &without, &test, &far.images)?;
        eprintln!("seed {seed}: {row:?}");
        rows.push(row);
    }
    print(&rows);
    Ok(())
}

/// The first so many pictures of each class.
fn first(pictures: &Labelled, few: usize) -> Labelled {
    let mut seen = [0; 10];
    let mut rows: Vec<usize> = (0..pictures.labels.len()).collect();
    rows.retain(|&row| {
        let seen = &mut seen[pictures.labels[row]];
        *seen += 1;
        *seen <= few
    });
    let labels = rows.iter().map(|&row| pictures.labels[row]).collect();
    Labelled { images: pictures.images.select(&rows), labels, names: Vec::new() }
}

/// The same recipe, but that nothing is dropped.
fn without_dropout(mut settings: CnnSettings) -> CnnSettings {
    settings.model.stages.iter_mut().for_each(|stage| stage.dropout = DropoutKind::None);
    settings.model.rates.fill(Rate::ZERO);
    settings.model.input_rate = Rate::ZERO;
    settings
}

/// A model, its best epoch, and how many there were.
struct Trained {
    model: ImageModel,
    epochs: [usize; 2],
}

/// Tells on standard error how it goes: this takes a while.
struct Told(std::time::Instant);

impl Progress for Told {
    fn start(&mut self, _epochs: usize) {}

    fn epoch(&mut self, epoch: &Epoch) {
        let Epoch { number, train_loss, valid_loss, .. } = epoch;
        let seconds = self.0.elapsed().as_secs();
        eprintln!("epoch {number}, {seconds} s: training loss {train_loss:.4}, validation loss {valid_loss:.4}");
    }

    fn end(&mut self) {}
}

/// What one seed gives.
#[derive(Debug)]
struct Row {
    epochs: [[usize; 2]; 2],
    /// Monte Carlo, the mean network, and the network that was trained without dropout.
    scores: [[Estimate; 4]; 3],
    /// Monte Carlo less the mean network, picture by picture.
    accuracy_gain: Estimate,
    /// Without dropout less Monte Carlo, nats, picture by picture.
    nll_gain: Estimate,
    /// Of telling MNIST from Fashion-MNIST: mutual information, entropy, that of the mean network, that without dropout.
    far: [Estimate; 4],
}

impl Row {
    fn new(with: &Trained, without: &Trained, test: &Labelled, far: &Images) -> burn_zoo::Result<Self> {
        let monte_carlo = MonteCarlo::new(PASSES);
        let predict = |images: &Images| -> burn_zoo::Result<[ClassPrediction; 3]> {
            let sampled = with.model.predict(images, &monte_carlo)?;
            Ok([sampled, with.model.predict_mean(images)?, without.model.predict_mean(images)?])
        };
        let (near, far) = (predict(&test.images)?, predict(far)?);
        let right = |prediction: &ClassPrediction| -> Vec<f64> {
            let labels = test.labels.iter().enumerate();
            labels.map(|(row, label)| f64::from(u8::from(prediction.class(row) == *label))).collect()
        };
        let nll = |prediction: &ClassPrediction| -> Vec<f64> {
            test.labels.iter().enumerate().map(|(row, label)| -prediction.log_probabilities(row)[*label]).collect()
        };
        let difference =
            |a: Vec<f64>, b: Vec<f64>| Estimate::mean(&a.iter().zip(&b).map(|(a, b)| a - b).collect::<Vec<_>>());
        let scores = |prediction: &ClassPrediction| -> burn_zoo::Result<[Estimate; 4]> {
            let of = prediction.classified(&test.labels)?;
            Ok([of.accuracy(), Estimate::mean(&nll(prediction))?, of.brier(), of.ece(15)])
        };
        Ok(Self {
            epochs: [with.epochs, without.epochs],
            scores: [scores(&near[0])?, scores(&near[1])?, scores(&near[2])?],
            accuracy_gain: difference(right(&near[0]), right(&near[1]))?,
            nll_gain: difference(nll(&near[2]), nll(&near[0]))?,
            far: [
                auroc(far[0].mutual_information(), near[0].mutual_information())?,
                auroc(far[0].entropy(), near[0].entropy())?,
                auroc(far[1].entropy(), near[1].entropy())?,
                auroc(far[2].entropy(), near[2].entropy())?,
            ],
        })
    }
}

fn print(rows: &[Row]) {
    let cell = |estimate: &Estimate| match estimate.standard_error {
        Some(error) => format!("{:.4} ± {error:.4}", estimate.value),
        None => format!("{:.4}", estimate.value),
    };
    println!("| seed | way to predict | best epoch | accuracy | NLL, nats | Brier | ECE |");
    println!("|---|---|---|---|---|---|---|");
    for (seed, row) in rows.iter().enumerate() {
        for (arm, name) in ["Monte Carlo, T = 50", "mean network", "trained without dropout"].iter().enumerate() {
            let [best, all] = row.epochs[arm / 2];
            let cells: Vec<String> = row.scores[arm].iter().map(cell).collect();
            println!("| {seed} | {name} | {best} of {all} | {} |", cells.join(" | "));
        }
    }
    println!("\n| seed | accuracy: Monte Carlo less mean network | NLL: without dropout less Monte Carlo |");
    println!("|---|---|---|");
    for (seed, row) in rows.iter().enumerate() {
        println!("| {seed} | {} | {} |", cell(&row.accuracy_gain), cell(&row.nll_gain));
    }
    println!(
        "\n| seed | mutual information | entropy | entropy of the mean network | entropy, trained without dropout |"
    );
    println!("|---|---|---|---|---|");
    for (seed, row) in rows.iter().enumerate() {
        println!("| {seed} | {} |", row.far.iter().map(cell).collect::<Vec<_>>().join(" | "));
    }
}
