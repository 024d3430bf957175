//! What dropout does to a model of characters that has little text: no dropout, ordinary dropout with a mask for each step, and variational dropout with one
//! mask for all steps (Gal & Ghahramani 2016b), on a tenth of the Penn Treebank: `cargo run --example ptb`. Its output is recorded in docs/language.md.

use std::{
    error::Error,
    io::{Write, stdout},
    path::{Path, PathBuf},
    time::Instant,
};

use burn::tensor::{Device, Tensor, TensorData};
use burn_zoo::{
    DeviceSpec, Key, Rate,
    data::text::{Language, Streams, TextFile, TextSettings},
    models::{Lstm, LstmConfig, SequenceInput, Task},
    nn::MaskTime,
    train::{Examples, Quiet, Schedule, Streaming, TrainConfig, fit},
    uncertainty::{LanguageScores, LanguageTally, MonteCarlo, MonteCarloStream, metrics::Estimate},
};
use clap::{Parser, ValueEnum};

#[derive(Parser)]
struct Args {
    /// The folder with the folder ptb/
    #[arg(long, env = "BURN_ZOO_DATA", value_name = "DIR")]
    data: PathBuf,
    /// Initial weights and masks of each arm
    #[arg(long, value_name = "N", default_value_t = 3)]
    seeds: u64,
    /// Only this arm; may be given several times
    #[arg(long = "arm", value_enum)]
    arms: Vec<Arm>,
    /// At most so many epochs
    #[arg(long, value_name = "N", default_value_t = 10)]
    epochs: usize,
    /// Numbers of a state
    #[arg(long, value_name = "N", default_value_t = 128)]
    hidden: usize,
    /// The probability of dropping, of inputs, states and outputs
    #[arg(long, default_value_t = 0.1)]
    rate: f64,
    /// The share of each file's lines that is read, from the beginning
    #[arg(long, default_value_t = 0.1)]
    share: f64,
    /// Sampled networks of the Monte Carlo prediction
    #[arg(long, value_name = "N", default_value_t = 20)]
    passes: usize,
    /// Where to compute
    #[arg(long, env = "BURN_ZOO_DEVICE")]
    device: Option<DeviceSpec>,
}

/// What is dropped, and when anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Arm {
    None,
    PerStep,
    Variational,
}

impl Arm {
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PerStep => "per step",
            Self::Variational => "variational",
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let (device, rate) = (args.device.unwrap_or(DeviceSpec::default_spec()).init()?, Rate::new(args.rate)?);
    if !(args.share > 0.0 && args.share <= 1.0) {
        return Err(format!("--share {}: expected a share above 0, at most 1", args.share).into());
    }
    let settings = TextSettings { min_count: 1, ..TextSettings::default() };
    let files = ["train", "valid", "test"].map(|part| read(&args.data, part, args.share));
    let [train, valid, test] = files;
    let language = Language::of_files([&train?, &valid?, &test?], &settings)?;
    let [train, valid, test] = language.parts().map(<[u32]>::len);
    let vocabulary = language.vocabulary.len();
    println!("{train} characters train, {valid} choose the epoch, {test} test; {vocabulary} different ones");
    println!("arm          seed  epochs  best  parameters  bits per character (mean network)  (Monte Carlo)  seconds");
    let arms = if args.arms.is_empty() { Arm::value_variants() } else { &args.arms[..] };
    for &arm in arms {
        let mut of_seeds = [Vec::new(), Vec::new()];
        for seed in 0..args.seeds {
            let [mean, sampled] = run(arm, seed, rate, &language, &settings, &args, &device)?;
            of_seeds[0].push(mean);
            of_seeds[1].push(sampled);
        }
        let [mean, sampled] = of_seeds.map(|bits| Estimate::mean(&bits));
        let shown = |bits: Estimate| match bits.standard_error {
            Some(error) => format!("{:.3} ± {error:.3}", bits.value),
            None => format!("{:.3}", bits.value),
        };
        println!("{:<11}  all   {} by the mean network, {} by Monte Carlo", arm.name(), shown(mean?), shown(sampled?));
    }
    Ok(())
}

/// The first lines of a part, without the blanks at their ends.
fn read(data: &Path, part: &str, share: f64) -> burn_zoo::Result<TextFile> {
    let path = data.join(format!("ptb/ptb.{part}.txt"));
    let file = TextFile::open(&path)?;
    let lines: Vec<&str> = file.lines().collect();
    let some = (lines.len() as f64 * share).round().max(1.0) as usize;
    let text: String = lines[..some].iter().map(|line| format!("{}\n", line.trim())).collect();
    TextFile::from_bytes(&path.display().to_string(), text.as_bytes())
}

/// Trains one network and gives its bits per character on the test part: of the mean network, and of many sampled ones.
fn run(
    arm: Arm,
    seed: u64,
    rate: Rate,
    language: &Language,
    settings: &TextSettings,
    args: &Args,
    device: &Device,
) -> Result<[f64; 2], Box<dyn Error>> {
    let begin = Instant::now();
    let vocabulary = language.vocabulary.len();
    let input = SequenceInput::Words { vocabulary, embedding: 32 };
    let rate = if arm == Arm::None { Rate::ZERO } else { rate };
    let config = LstmConfig::new(input, Task::NextWord { vocabulary })
        .with_hidden(args.hidden)
        .with_input_rate(rate)
        .with_recurrent_rate(rate)
        .with_output_rate(rate)
        .with_mask_time(if arm == Arm::PerStep { MaskTime::Step } else { MaskTime::Sequence });
    let lstm = config.init(device, Key::new(seed).fold_str("init"));
    let parameters = burn::module::Module::num_params(&lstm);
    let train = TrainConfig::new()
        .with_epochs(args.epochs)
        .with_patience(2)
        .with_learning_rate(0.004)
        .with_schedule(Schedule::Cosine)
        .with_weight_decay(0.0)
        .with_clip_norm(1.0)
        .with_seed(seed);
    let examples = |part: usize| -> burn_zoo::Result<Examples> {
        let streams = language.streams(part, settings)?;
        let (rows, side_by_side) = (streams.rows(), streams.streams());
        let (inputs, targets) = streams.into_values();
        Examples::new(inputs, targets, rows)?.in_streams(side_by_side)
    };
    let trained = fit(Streaming::new(lstm), &train, [examples(0)?, examples(1)?], device, Quiet)?;
    let lstm = trained.model.into_model();
    let test = language.streams(2, settings)?;
    let mean = scores(MonteCarlo::mean_stream(&lstm), &test, device)?;
    let sampled = scores(MonteCarlo::new(args.passes).stream(&lstm), &test, device)?;
    let bits = [mean, sampled].map(|scores| scores.bits_per_character.expect("of characters"));
    println!(
        "{:<11}  {seed:>4}  {:>6}  {:>4}  {parameters:>10}  {:>33.4}  {:>13.4}  {:>7.0}",
        arm.name(),
        trained.curve.len(),
        trained.best_epoch,
        bits[0],
        bits[1],
        begin.elapsed().as_secs_f64()
    );
    stdout().flush()?;
    Ok(bits)
}

/// What the networks of a stream say about a text that they read from its beginning to its end.
fn scores(
    mut networks: MonteCarloStream<'_, Tensor<2>, Lstm>,
    text: &Streams,
    device: &Device,
) -> burn_zoo::Result<LanguageScores> {
    let mut tally = LanguageTally::default();
    for batch in 0..text.batches() {
        let (inputs, targets) = text.of_batch(batch);
        let window = TensorData::new(inputs.to_vec(), [text.streams(), 1 + text.window()]);
        tally.add(
            text.batch(batch).start,
            &networks.step(Tensor::from_data(window, device))?,
            targets,
            text.window(),
        )?;
    }
    tally.scores(true)
}
