//! Damaged models and tables: no panic, bounded memory, an error in one line or finite predictions.
#![cfg(all(feature = "train", feature = "flex"))]

mod memory;

use std::{
    fs,
    io::{Cursor, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::atomic::Ordering::Relaxed,
};

use burn::{
    module::{Module, ModuleVisitor, Param},
    store::{ModuleSnapshot, SafetensorsStore},
    tensor::{Device, Tensor},
};
use burn_zoo::{
    Key,
    data::{
        Column, Frame, Missing, Unseen,
        image::{ImageData, Images, Labelled},
        read::{Header, Quote, ReadOptions, TableReader},
        text::{self, Long},
    },
    models::{CnnConfig, LstmConfig, MlpConfig, Norm, Pool, Stage, Task},
    recipe::{self, ImageOrigin, Origin, TextSource},
    settings::{CnnSettings, SequenceSettings, Settings},
    train::Quiet,
    uncertainty::{MonteCarlo, Prediction},
    zoo::{AnyModel, ImageFile, ImageModel, MODEL_TOML, Model, ModelFile, Reading, TextFile, TextModel, WEIGHTS},
};
use flate2::{Compression, write::GzEncoder};
use memory::{LIVE, PEAK, alone};
use sha2::{Digest, Sha256};

/// That `work` on a file of so many bytes stays within 64 MiB and ten times the file.
#[track_caller]
fn bounded<T>(bytes: usize, what: impl Fn() -> String, work: impl FnOnce() -> T) -> T {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let done = work();
    let peak = PEAK.load(Relaxed).saturating_sub(before);
    assert!(peak <= (64 << 20) + 10 * bytes, "{peak} bytes for a file of {bytes}: {}", what());
    done
}

/// Ten thousand cases; those that panic are told together.
#[track_caller]
fn survive(mut each: impl FnMut(u64)) {
    let failed: Vec<u64> = (0..10_000).filter(|&case| catch_unwind(AssertUnwindSafe(|| each(case))).is_err()).collect();
    assert!(failed.is_empty(), "{} cases failed, among them {:?}", failed.len(), &failed[..failed.len().min(20)]);
}

/// Numbers of a key's own, one after the other.
struct Draws(Key, u64);

impl Draws {
    fn below(&mut self, n: usize) -> usize {
        self.1 += 1;
        (self.0.fold(self.1).to_u64() % n.max(1) as u64) as usize
    }

    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// Flips, inserts, removes, cuts or doubles.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        let byte = match self.below(2) {
            0 => self.of(b"0159.-+eE\"'{}[],;:=#%/ \t\r\n\0\xff\xc3"),
            _ => self.below(256) as u8,
        };
        match self.below(6) {
            _ if bytes.is_empty() => bytes.push(byte),
            0 => bytes[at] = byte,
            1 => bytes[at] ^= 1 << self.below(8),
            2 => bytes.insert(at, byte),
            3 => drop(bytes.remove(at)),
            4 if self.below(4) == 0 => bytes.truncate(at),
            _ => {
                let length = 1 + self.below(200);
                let piece = bytes[at..bytes.len().min(at + length)].to_vec();
                let to = self.below(bytes.len());
                bytes.splice(to..to, piece);
            }
        }
    }

    /// Puts something else in place of a number.
    fn exchange_number(&mut self, text: &mut String, others: &[&str]) {
        let is_digit = |byte: u8| byte.is_ascii_digit() || byte == b'.';
        let bytes = text.as_bytes();
        let starts = (1..bytes.len()).filter(|&i| is_digit(bytes[i]) && !is_digit(bytes[i - 1]));
        let starts: Vec<usize> = starts.filter(|&i| !bytes[i - 1].is_ascii_alphanumeric()).collect();
        if starts.is_empty() {
            return;
        }
        let start = self.of(&starts);
        let end = (start..bytes.len()).find(|&i| !is_digit(bytes[i])).unwrap_or(bytes.len());
        text.replace_range(start..end, self.of(others));
    }
}

const TOML_NUMBERS: [&str; 22] = [
    "1e308",
    "-1e308",
    "1e-320",
    "-1",
    "0",
    "1",
    "2",
    "3",
    "18446744073709551615",
    "9223372036854775807",
    "4294967296",
    "1e70",
    "1e39",
    "nan",
    "inf",
    "-inf",
    "\"inf\"",
    "1e999",
    "[]",
    "[1, 1]",
    "{}",
    "true",
];
const CSV_NUMBERS: [&str; 18] = [
    "1e308",
    "-1e308",
    "1e-320",
    "5e-324",
    "1e70",
    "1e38",
    "-1",
    "0",
    "18446744073709551615",
    "nan",
    "inf",
    "NA",
    "",
    "\"\"",
    "1e999",
    "-200",
    "007",
    "0000-00-00",
];

fn flats(rows: usize) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/flats.csv");
    let text = fs::read_to_string(path).unwrap();
    text.lines().take(rows + 1).flat_map(|line| [line, "\n"]).collect()
}

fn frame(bytes: &[u8], options: &ReadOptions) -> Result<Frame, String> {
    let reader = TableReader::from_reader("t.csv", Cursor::new(bytes.to_vec()), options).map_err(|e| e.to_string())?;
    Frame::read("t.csv", reader).map_err(|error| error.to_string())
}

fn settings(changes: &[&str]) -> Settings {
    let small = ["model.hidden=[3]", "train.epochs=1", "train.batch_size=64"];
    small.iter().chain(changes).fold(Settings::default(), |settings, change| {
        let (path, value) = change.split_once('=').unwrap();
        settings.set(path, value).unwrap()
    })
}

fn origin() -> Origin {
    let (data, sha256) = (vec!["t.csv".to_string()], vec![String::new()]);
    Origin { data, sha256, reading: Reading::default(), command: String::new(), device: "flex".to_string() }
}

fn trained(text: &str, target: &str, changes: &[&str]) -> Model {
    let frame = frame(text.as_bytes(), &ReadOptions::default()).unwrap();
    recipe::train_mlp(&frame, target, &settings(changes), origin(), &Device::flex(), Quiet).unwrap().model
}

/// What a prediction of a table came to: finite numbers, or an error.
fn predict(model: &Model, frame: &Frame, passes: usize) -> Result<usize, String> {
    let (features, _) = model.read(frame).map_err(|error| error.to_string())?;
    if features.rows() == 0 {
        return Ok(0);
    }
    match model.predict(&features, &MonteCarlo::new(passes)).map_err(|error| error.to_string())? {
        Prediction::Regression(prediction) => {
            let mut numbers = [prediction.mean(), prediction.epistemic_variance()].concat();
            if let (Ok(sd), Ok(interval)) = (prediction.sd(), prediction.interval(0.9)) {
                numbers.extend([sd, interval.lower, interval.upper].concat());
            }
            assert!(numbers.iter().all(|x| x.is_finite()), "{numbers:?}");
        }
        Prediction::Classes(prediction) => {
            for row in 0..prediction.rows() {
                let sum: f64 = prediction.probabilities(row).iter().sum();
                assert!((sum - 1.0).abs() < 1e-6 && prediction.entropy()[row].is_finite(), "{sum}");
            }
        }
        Prediction::MultiLabel(_) => panic!("labels"),
    }
    Ok(features.rows())
}

#[track_caller]
fn assert_one_line(error: &str) {
    assert!(!error.is_empty() && !error.contains('\n') && error.chars().count() < 5000, "{error:?}");
}

/// A saved model as its two files.
#[derive(Clone)]
struct Saved {
    toml: String,
    weights: Vec<u8>,
}

impl Saved {
    fn of(model: &AnyModel, directory: &Path) -> Self {
        let path = directory.join("saved");
        model.save(&path, &[]).unwrap();
        let (toml, weights) =
            (fs::read_to_string(path.join(MODEL_TOML)).unwrap(), fs::read(path.join(WEIGHTS)).unwrap());
        fs::remove_dir_all(path).unwrap();
        Self { toml, weights }
    }

    /// Makes the claims about the weights true, so that what is wrong is found later.
    fn repair(&mut self) {
        let Some(at) = self.toml.find("\n[weights]\n") else { return };
        let end = self.toml[at + 2..].find("\n[").map_or(self.toml.len(), |end| at + 2 + end);
        let sha256: String = Sha256::digest(&self.weights).iter().map(|byte| format!("{byte:02x}")).collect();
        let params = parameters(&self.toml).unwrap_or(1);
        let bytes = self.weights.len();
        let claims = format!("\n[weights]\nparams = {params}\nbytes = {bytes}\nsha256 = \"{sha256}\"\n");
        self.toml.replace_range(at..end, &claims);
    }

    /// Another network with weights that fit.
    fn rebuilt(&mut self, change: impl FnOnce(&mut ModelFile)) {
        let mut file = ModelFile::read(&self.toml, Path::new("model.toml")).unwrap();
        change(&mut file);
        self.describe(file.to_toml(), file.model.check().is_ok(), || file.model.init(&Device::flex(), Key::new(1)));
    }

    /// Another description, and its own weights if they can be drawn and are few.
    fn describe<M: ModuleSnapshot>(&mut self, toml: String, can_be_drawn: bool, draw: impl FnOnce() -> M) {
        self.toml = toml;
        if can_be_drawn && parameters(&self.toml).is_some_and(|n| n < 1 << 20) {
            let mut store = SafetensorsStore::from_bytes(None).clear_metadata();
            draw().save_into(&mut store).unwrap();
            self.weights = store.get_bytes().unwrap().to_vec();
        }
        self.repair();
    }

    fn bytes(&self) -> usize {
        self.toml.len() + self.weights.len()
    }
}

/// The parameters of the network that a description describes, if it does.
fn parameters(toml: &str) -> Option<usize> {
    let model = toml.parse::<toml::Table>().ok()?.remove("model")?;
    if model.get("stages").is_some() {
        return trained_numbers(&model.try_into().ok()?);
    }
    if model.get("mask_time").is_some() {
        let config: LstmConfig = model.try_into().ok()?;
        let small = config.check().is_ok() && config.hidden * config.layers < 2000;
        return small.then(|| config.init(&Device::flex(), Key::new(1)).num_params());
    }
    let config: MlpConfig = model.try_into().ok()?;
    let widths = [&[config.d_input], &config.hidden[..], &[config.task.d_output()]].concat();
    let linear = widths.windows(2).map(|ends| ends[0].checked_add(1)?.checked_mul(ends[1]));
    let norm = config.hidden.iter().map(|width| width.checked_mul(if config.batch_norm { 2 } else { 0 }));
    linear.chain(norm).try_fold(0usize, |sum, layer| sum.checked_add(layer?))
}

/// The same of a network of pictures that is small enough to be made.
fn trained_numbers(config: &CnnConfig) -> Option<usize> {
    #[derive(Default)]
    struct Count {
        path: Vec<String>,
        numbers: usize,
    }
    impl ModuleVisitor for Count {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.to_string());
        }

        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let is_statistic = self.path.last().is_some_and(|name| name.starts_with("running_"));
            self.numbers += if is_statistic { 0 } else { param.lazy_shape().num_elements() };
        }
    }
    config.check().ok()?;
    let [channels, height, width] = config.input;
    let wide = [channels * height * width].into_iter().chain(config.hidden.iter().copied());
    let stages = config.stages.iter().flat_map(|stage| [stage.channels, stage.kernel, stage.repeats, stage.padding]);
    if wide.chain(stages).any(|n| n > 4000) {
        return None;
    }
    let mut count = Count::default();
    config.init(&Device::flex(), Key::new(1)).visit(&mut count);
    Some(count.numbers)
}

/// Changes a description that stays one, with weights that fit: `None` for kinds that are not drawn.
fn reshape(saved: &mut Saved, draws: &mut Draws) {
    let kind = draws.below(12);
    let n = draws.of(&[0, 1, 2, 7, 500, 3000]);
    let x = draws.of(&[1e308, -1e308, 1e-320, 1e70, 1e-70, 0.0, -1.0, f64::NAN, f64::INFINITY, f64::MAX]);
    let at = draws.below(5);
    saved.rebuilt(|file| {
        let scaling = &mut file.scaling;
        match kind {
            0 => {
                // A schema of thousands of columns.
                for i in 0..n {
                    file.inputs.columns.push(Column::number(&format!("x{i}"), 0.0, 1.0, 0.5));
                    scaling.features.mean.push(0.0);
                    scaling.features.sd.push(1.0);
                }
                file.model.d_input += n;
            }
            1 => file.model.d_input = n,
            2 => file.model.hidden = vec![1; n],
            3 => file.model.hidden = vec![n],
            4 => file.inputs.columns.reverse(),
            5 => drop(file.inputs.columns.pop()),
            6 => file.model.task = Task::MultiClass { classes: n },
            7 => scaling.features.sd[at] = x,
            8 => scaling.targets.sd.iter_mut().chain(&mut scaling.targets.mean).for_each(|y| *y = x),
            9 => file.tau.iter_mut().for_each(|tau| tau.monte_carlo[0] = x),
            10 => file.inputs.columns.iter_mut().for_each(|column| match column {
                Column::Numeric { min, max, fill, .. } => (*min, *max, *fill) = (x, -x, x),
                Column::Categorical { levels, rare, .. } => std::mem::swap(levels, rare),
                Column::Date { format, .. } => *format = ["%Q", "%Y", "%s", "%H:%M", "%"][at].to_string(),
                Column::Boolean { no, yes, .. } => no.clone_from(yes),
            }),
            _ => {
                file.inputs.missing =
                    [Missing::Error, Missing::Drop, Missing::Mean, Missing::Indicator, Missing::Mean][at];
                file.inputs.unseen = [Unseen::Error, Unseen::Zeros, Unseen::Rare, Unseen::Error, Unseen::Rare][at];
                file.scaling.targets.sd.clear();
            }
        }
    });
}

/// One damaged model.
fn damaged(whole: &Saved, draws: &mut Draws, reshape: fn(&mut Saved, &mut Draws)) -> Saved {
    let mut saved = whole.clone();
    let repaired = draws.below(3) == 0;
    match draws.below(20) {
        0..6 => (0..1 + draws.below(3)).for_each(|_| draws.exchange_number(&mut saved.toml, &TOML_NUMBERS)),
        6..11 => {
            let mut bytes = saved.toml.into_bytes();
            (0..1 + draws.below(3)).for_each(|_| draws.damage(&mut bytes));
            // A file that is no text is refused at once: mostly something else.
            saved.toml = String::from_utf8_lossy(&bytes).into_owned();
        }
        11 => {
            let depth = draws.of(&[10, 90, 1000, 20_000]);
            let nested = match draws.below(4) {
                0 => format!("x = {}{}", "[".repeat(depth), "]".repeat(depth)),
                1 => format!("{}x = 1", "a.".repeat(depth)),
                2 => format!("x = {}1{}", "{a = ".repeat(depth), "}".repeat(depth)),
                _ => format!("[{}a]", "a.".repeat(depth)),
            };
            let line = saved.toml.match_indices('\n').map(|(at, _)| at).nth(draws.below(40)).unwrap_or(0);
            saved.toml.insert_str(line, &format!("\n{nested}"));
        }
        12..14 => reshape(&mut saved, draws),
        14 => {
            // Another length of the header.
            let length: u64 = draws.of(&[0, 1, 8, 100, 1 << 20, 99_999_999, 1 << 32, u64::MAX, u64::MAX - 7]);
            saved.weights[..8].copy_from_slice(&length.to_le_bytes());
        }
        15 => {
            let numbers = 1 + draws.below(20);
            for _ in 0..numbers {
                let x = draws.of(&[f32::NAN, f32::INFINITY, f32::MAX, -f32::MAX, 1e20, -1e38, f32::MIN_POSITIVE, 0.0]);
                let at = saved.weights.len() - 4 * (1 + draws.below(30));
                saved.weights[at..at + 4].copy_from_slice(&x.to_le_bytes());
            }
        }
        16..18 => {
            let header = 8 + u64::from_le_bytes(saved.weights[..8].try_into().unwrap()) as usize;
            let mut text = saved.weights[8..header].to_vec();
            (0..1 + draws.below(3)).for_each(|_| draws.damage(&mut text));
            let mut weights = match draws.below(2) {
                0 => (text.len() as u64).to_le_bytes().to_vec(), // the header stays whole
                _ => saved.weights[..8].to_vec(),
            };
            weights.extend(text);
            weights.extend(&saved.weights[header..]);
            saved.weights = weights;
        }
        _ => (0..1 + draws.below(3)).for_each(|_| draws.damage(&mut saved.weights)),
    }
    if repaired {
        saved.repair();
    }
    saved
}

#[test]
fn ten_thousand_damaged_models_are_refused_or_predict_finite_numbers() {
    let _alone = alone();
    let directory = tempfile::tempdir().unwrap();
    let small = flats(60);
    let models = [
        trained(&small, "rent", &["data.rare=1"]),
        trained(&small, "rent", &["data.transform=log", "model.noise=predicted"]),
        trained(&small, "district", &["model.batch_norm=true"]),
        trained(&small, "lift", &[]),
    ];
    let wholes: Vec<Saved> =
        models.iter().map(|model| Saved::of(&AnyModel::Table(model.clone()), directory.path())).collect();
    let rows = frame(flats(4).as_bytes(), &ReadOptions::default()).unwrap();
    for (whole, model) in wholes.iter().zip(&models) {
        assert_eq!(predict(model, &rows, 2), Ok(4));
        let mut repaired = whole.clone();
        repaired.repair();
        ModelFile::read(&repaired.toml, Path::new("model.toml")).unwrap();
    }
    let path = directory.path().join("damaged");
    fs::create_dir(&path).unwrap();
    let (mut opened, mut predicted) = (0, 0);
    survive(|case| {
        let mut draws = Draws(Key::new(case).fold_str("model"), 0);
        let saved = damaged(&wholes[case as usize % wholes.len()], &mut draws, reshape);
        fs::write(path.join(MODEL_TOML), &saved.toml).unwrap();
        fs::write(path.join(WEIGHTS), &saved.weights).unwrap();
        let what = || format!("case {case}");
        let done = bounded(saved.bytes(), what, || {
            let model = Model::open(&path, &Device::flex()).map_err(|error| error.to_string())?;
            opened += 1;
            predict(&model, &rows, 2)
        });
        match done {
            Ok(rows) => predicted += rows.min(1),
            Err(error) => assert_one_line(&error),
        }
    });
    println!("{opened} of 10000 opened, {predicted} predicted");
    assert!(opened > 1000 && predicted > 500 && predicted < 6000, "{opened} {predicted}");
}

/// Pictures of 8 x 8, three classes, in grey or in colour.
fn pictures(channels: usize, n: usize) -> Labelled {
    let values = Key::new(2).fold(channels as u64).uniform(0, n, channels * 64);
    let images = Images::new([channels, 8, 8], values).unwrap();
    Labelled { images, labels: (0..n).map(|i| i % 3).collect(), names: Vec::new() }
}

fn trained_on_pictures(channels: usize, changes: &[&str]) -> ImageModel {
    let small = ["model.hidden=[5]", "train.epochs=1", "train.batch_size=64"];
    let settings = small.iter().chain(changes).fold(CnnSettings::default(), |settings, change| {
        let (path, value) = change.split_once('=').unwrap();
        settings.set(path, value).unwrap()
    });
    let classes = ["a", "b", "c"].map(String::from).to_vec();
    let (train, test) = (pictures(channels, 60), Some(pictures(channels, 12)));
    let data = ImageData { classes, train, test, sha256: String::new(), notes: Vec::new() };
    let origin = ImageOrigin { command: String::new(), device: "flex".to_string() };
    recipe::train_cnn(data, "drawn", &settings, origin, &Device::flex(), Quiet).unwrap().model
}

/// Changes the description of a model of pictures, with weights that fit.
fn reshape_pictures(saved: &mut Saved, draws: &mut Draws) {
    let kind = draws.below(13);
    let n = draws.of(&[0, 1, 2, 3, 7, 60]);
    let x = draws.of(&[1e308, -1e308, 1e-320, 1e70, 1e-70, 0.0, -1.0, f64::NAN, f64::INFINITY, f64::MAX]);
    let kinds =
        ["none", "element:0.5", "spatial:0.2", "drop-block:0.1:3", "gaussian:0.3", "alpha:0.05", "drop-connect:0.5"];
    let dropout = draws.of(&[&kinds[..], &["concrete:0.1", "spatial-concrete:0.1"]].concat());
    let mut file = ImageFile::read(&saved.toml, Path::new("model.toml")).unwrap();
    let model = &mut file.model;
    let stage = model.stages.first_mut();
    match (kind, stage) {
        (0, _) => model.input = [draws.of(&[1, 3]), n, draws.of(&[1, 8, 60])],
        (1, Some(stage)) => stage.kernel = n,
        (2, Some(stage)) => stage.padding = n,
        (3, Some(stage)) => stage.stride = n,
        (4, Some(stage)) => stage.repeats = n.min(7),
        (5, Some(stage)) => stage.channels = n,
        (6, Some(stage)) => stage.pool = draws.of(&[Pool::None, Pool::Max(n), Pool::Average(n)]),
        (7, Some(stage)) => stage.dropout = dropout.parse().unwrap(),
        (8, Some(stage)) => (stage.norm, stage.residual) = (draws.of(&[Norm::Before, Norm::After]), n > 2),
        (9, _) => model.stages = vec![Stage::new(2, 1); n.min(7)],
        (10, _) => model.hidden = vec![3; n],
        (11, _) => file.normalisation.sd.iter_mut().chain(&mut file.normalisation.mean).for_each(|y| *y = x),
        _ => file.classes.iter_mut().for_each(|class| class.clear()),
    }
    saved.describe(file.to_toml(), true, || file.model.init(&Device::flex(), Key::new(1)));
}

#[test]
fn ten_thousand_damaged_models_of_pictures_are_refused_or_predict_finite_numbers() {
    let _alone = alone();
    let directory = tempfile::tempdir().unwrap();
    let models = [
        trained_on_pictures(1, &["model.stages=[{channels=3,kernel=3,dropout=\"spatial:0.2\"}]"]),
        trained_on_pictures(
            3,
            &[
                "model.stages=[{channels=4,kernel=3,padding=1,norm=\"before\",repeats=2},{channels=4,kernel=1,residual=true,pool=\"none\"}]",
                "model.depth_rate=0.1",
                "model.global_pool=true",
            ],
        ),
        trained_on_pictures(
            1,
            &["model.stages=[{channels=3,kernel=3,dropout=\"concrete:0.1\"}]", "model.batch_norm=true"],
        )
        .with_half_weights()
        .unwrap(),
    ];
    let wholes: Vec<Saved> =
        models.iter().map(|model| Saved::of(&AnyModel::Images(model.clone()), directory.path())).collect();
    for (whole, model) in wholes.iter().zip(&models).take(2) {
        let mut repaired = whole.clone();
        repaired.repair();
        assert_eq!(&ImageFile::read(&repaired.toml, Path::new("model.toml")).unwrap(), model.file());
    }
    let path = directory.path().join("damaged");
    fs::create_dir(&path).unwrap();
    let (mut opened, mut predicted) = (0, 0);
    survive(|case| {
        let mut draws = Draws(Key::new(case).fold_str("model of pictures"), 0);
        let saved = damaged(&wholes[case as usize % wholes.len()], &mut draws, reshape_pictures);
        fs::write(path.join(MODEL_TOML), &saved.toml).unwrap();
        fs::write(path.join(WEIGHTS), &saved.weights).unwrap();
        let what = || format!("case {case}");
        let done = bounded(saved.bytes(), what, || {
            let model = ImageModel::open(&path, &Device::flex()).map_err(|error| error.to_string())?;
            opened += 1;
            let shape = model.file().model.input;
            let images = Images::new(shape, Key::new(1).uniform(0, 2, shape.iter().product())).unwrap();
            let prediction = model.predict(&images, &MonteCarlo::new(2)).map_err(|error| error.to_string())?;
            for row in 0..2 {
                let sum: f64 = prediction.probabilities(row).iter().sum();
                assert!((sum - 1.0).abs() < 1e-6 && prediction.entropy()[row].is_finite(), "{sum}");
            }
            Ok::<_, String>(())
        });
        match done {
            Ok(()) => predicted += 1,
            Err(error) => assert_one_line(&error),
        }
    });
    println!("{opened} of 10000 opened, {predicted} predicted");
    assert!(opened > 1000 && predicted > 500 && predicted < 7000, "{opened} {predicted}");
}

/// A small model of text: of a language, or of a class or a number of each.
fn trained_on_text(target: Option<&str>, changes: &[&str]) -> TextModel {
    let small = ["model.hidden=3", "model.embedding=2", "train.epochs=1", "data.min_count=1"];
    let settings = small.iter().chain(changes).fold(SequenceSettings::default(), |settings, change| {
        let (path, value) = change.split_once('=').unwrap();
        settings.set(path, value).unwrap()
    });
    let row = |i: usize| format!("{}{} \"so\" ,{},{}\n", "ab".repeat(1 + i % 4), i % 3, ["x", "y", "z"][i % 3], i % 7);
    let table =
        frame(format!("text,class,n\n{}", (0..40).map(row).collect::<String>()).as_bytes(), &ReadOptions::default());
    let (table, lines) = (table.unwrap(), (0..40).map(row).collect::<String>());
    let file = text::TextFile::from_bytes("t.txt", lines.as_bytes()).unwrap();
    let source = match target {
        Some(_) => TextSource::Table { frame: &table, given: None, column: "text", target },
        None => TextSource::File(&file),
    };
    recipe::train_text(source, &settings, origin(), &Device::flex(), Quiet).unwrap().model
}

/// The same of a model of text.
fn reshape_texts(saved: &mut Saved, draws: &mut Draws) {
    let n = draws.of(&[0, 1, 2, 7, 60, i64::MAX as usize]);
    let x = draws.of(&[1e308, -1e308, 1e-320, 1e70, 1e-70, 0.0, -1.0, f64::NAN, f64::INFINITY, f64::MAX]);
    let mut file = TextFile::read(&saved.toml, Path::new("model.toml")).unwrap();
    match draws.below(11) {
        0 => file.model.hidden = n,
        1 => file.model.layers = n,
        2 => file.model.bidirectional = true,
        3 => file.data.settings.length = n,
        4 => file.data.settings.window = n,
        5 => file.data.settings.streams = n,
        6 => file.data.counts.iter_mut().for_each(|count| *count = n),
        7 => {
            file.scaling.iter_mut().for_each(|scaler| scaler.sd.iter_mut().chain(&mut scaler.mean).for_each(|y| *y = x))
        }
        8 => file.tau.iter_mut().for_each(|tau| tau.monte_carlo[0] = x),
        9 => (file.data.settings.long, file.data.settings.length) = (Long::Window, n),
        _ => file.target.iter_mut().for_each(|target| target.classes.clear()),
    }
    saved.describe(file.to_toml(), true, || file.model.init(&Device::flex(), Key::new(1)));
}

#[test]
fn ten_thousand_damaged_models_of_text_are_refused_or_predict_finite_numbers() {
    let _alone = alone();
    let directory = tempfile::tempdir().unwrap();
    let models = [
        trained_on_text(None, &["data.streams=4", "data.window=8"]),
        trained_on_text(None, &["data.streams=4", "data.tokens=word", "data.split=[0.5,0.25,0.25]"]),
        trained_on_text(Some("class"), &["model.bidirectional=true", "data.length=5", "data.long=window"]),
        trained_on_text(Some("n"), &["data.task=regression"]),
    ];
    let wholes: Vec<Saved> =
        models.iter().map(|model| Saved::of(&AnyModel::Text(model.clone()), directory.path())).collect();
    for (whole, model) in wholes.iter().zip(&models) {
        let mut repaired = whole.clone();
        repaired.repair();
        assert_eq!(&TextFile::read(&repaired.toml, Path::new("model.toml")).unwrap(), model.file());
    }
    let path = directory.path().join("damaged");
    fs::create_dir(&path).unwrap();
    let (mut opened, mut predicted) = (0, 0);
    survive(|case| {
        let mut draws = Draws(Key::new(case).fold_str("model of text"), 0);
        let saved = damaged(&wholes[case as usize % wholes.len()], &mut draws, reshape_texts);
        fs::write(path.join(MODEL_TOML), &saved.toml).unwrap();
        fs::write(path.join(WEIGHTS), &saved.weights).unwrap();
        let (what, monte_carlo) = (|| format!("case {case}"), MonteCarlo::new(2));
        let done = bounded(saved.bytes(), what, || {
            let model = TextModel::open(&path, &Device::flex()).map_err(|error| error.to_string())?;
            opened += 1;
            let texts = ["ababab1", "", "ab \"so\" other"];
            if model.file().is_language() {
                let tokens = model.vocabulary().encode_lines(texts);
                let scores = model.evaluate_language("t", &tokens, &monte_carlo).map_err(|error| error.to_string())?;
                assert!(scores.monte_carlo.get("nll").unwrap().is_finite(), "{scores:?}");
                let each = |_, reading: burn_zoo::zoo::TextReading| {
                    assert!(
                        reading.log_probabilities.iter().chain(&reading.entropy).all(|x| x.is_finite()),
                        "{reading:?}"
                    );
                    Ok(())
                };
                return model.read_each(&texts, &monte_carlo, each).map_err(|error| error.to_string());
            }
            match model.predict(&texts, &monte_carlo).map_err(|error| error.to_string())?.1 {
                Prediction::Classes(prediction) => {
                    for row in 0..3 {
                        let sum: f64 = prediction.probabilities(row).iter().sum();
                        assert!((sum - 1.0).abs() < 1e-6 && prediction.entropy()[row].is_finite(), "{sum}");
                    }
                }
                Prediction::Regression(prediction) => {
                    let sd = prediction.sd().map_err(|error| error.to_string())?;
                    assert!(prediction.mean().iter().chain(&sd).all(|x| x.is_finite()), "{sd:?}");
                }
                Prediction::MultiLabel(_) => panic!("labels"),
            }
            Ok::<_, String>(())
        });
        match done {
            Ok(()) => predicted += 1,
            Err(error) => assert_one_line(&error),
        }
    });
    println!("{opened} of 10000 opened, {predicted} predicted");
    assert!(opened > 1000 && predicted > 500 && predicted < 7000, "{opened} {predicted}");
}

/// Tables of all kinds, each with its target: dates, levels, missing cells, quotes, semicolons with decimal commas.
fn tables() -> Vec<(String, &'static str, &'static [&'static str])> {
    let mixed = |semicolons: bool| {
        let mut text = "when,what,ok,\"size, m\",note,g,y\n".to_string();
        for i in 0..60 {
            let key = Key::new(i).fold_str("mixed");
            let draw = |n: u64, below: u64| key.fold(n).to_u64() % below;
            let (day, level, ok) = (1 + draw(0, 28), ["a", "b", "\"c, d\"", "?", "e"][draw(1, 5) as usize], draw(2, 2));
            let size = if draw(3, 10) == 0 { String::new() } else { format!("{}.{:02}", draw(4, 100), draw(5, 100)) };
            let note = format!("\"said \"\"{}\"\"\"", draw(6, 1000));
            let y = ["low", "high", "mid"][draw(8, 3) as usize];
            text += &format!(
                "2024-{:02}-{day:02} 0{}:30,{level},{},{size},{note},{},{y}\n",
                1 + i % 12,
                i % 10,
                ["no", "yes"][ok as usize],
                i % 7
            );
        }
        match semicolons {
            true => text
                .replace("\", ", "\"; ")
                .replace(", ", "\u{1}")
                .replace(',', ";")
                .replace('.', ",")
                .replace('\u{1}', ", "),
            false => text,
        }
    };
    let numbers = |n: usize| {
        let row = |i: usize| format!("{}\t{}\t{}\t{:e}\n", i, i * i % 17, (i * 7) % 2, 1.5 + (i as f64).sin());
        (0..n).map(row).fold("a\tb\tc\ty\n".to_string(), |text, row| text + &row)
    };
    vec![
        (flats(60), "rent", &[]),
        (flats(60), "rent", &["data.transform=log", "data.missing=drop", "data.unseen=error"]),
        (flats(60), "district", &["data.weights=balanced", "data.missing=mean", "data.rare=9"]),
        (flats(60), "lift", &["data.split_by=group:district"]),
        (mixed(false), "y", &["data.split_by=stratified", "data.unseen=rare"]),
        (mixed(false), "g", &["data.split_by=time:when", "data.missing_target=drop", "data.rare=1"]),
        (mixed(true), "y", &["data.split_by=group:g"]),
        (mixed(true), "ok", &["data.weight_column=g", "data.missing=mean"]),
        (numbers(60), "y", &["data.weight_column=b", "data.transform=log"]),
        (numbers(200), "b", &["data.task=classes", "data.missing=error"]),
    ]
}

/// A table with some bytes or cells changed.
fn damaged_table(text: &str, draws: &mut Draws) -> Vec<u8> {
    let mut text = text.to_string();
    for _ in 0..draws.below(4) {
        match draws.below(10) {
            0..6 => draws.exchange_number(&mut text, &CSV_NUMBERS),
            6 => {
                // A whole column of one kind of number.
                let (from, to) = (draws.of(&[".", "2", "19", "yes", "-"]), draws.of(&CSV_NUMBERS));
                text = text.replace(from, to);
            }
            7 => {
                let lines: Vec<&str> = text.lines().collect();
                let line = lines[draws.below(lines.len())].to_string() + "\n";
                (0..draws.of(&[1, 3, 100])).for_each(|_| text += &line);
            }
            8 => {
                // A header of other names.
                let end = text.find('\n').unwrap_or(0);
                let at = draws.below(end);
                if text.is_char_boundary(at) {
                    text.insert_str(at, draws.of(&[",", ",,", " ", "\"", "y", "x\u{0301}", "\u{202e}", "no,no"]));
                }
            }
            _ => {
                // Each row another thing.
                let mut n = 0;
                let tag = draws.of(&["e3", "000", "x", "/2024", "9999999"]);
                text = text
                    .lines()
                    .map(|line| {
                        n += 1;
                        format!("{line}{tag}{n}\n")
                    })
                    .collect();
            }
        }
    }
    let mut bytes = text.into_bytes();
    if draws.below(2) == 0 {
        (0..1 + draws.below(3)).for_each(|_| draws.damage(&mut bytes));
    }
    if draws.below(8) == 0 {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&bytes).unwrap();
        bytes = encoder.finish().unwrap();
        (0..draws.below(2)).for_each(|_| draws.damage(&mut bytes));
    }
    bytes
}

#[test]
fn ten_thousand_damaged_tables_are_refused_or_trained_on_and_predicted() {
    let _alone = alone();
    let (device, tables) = (Device::flex(), tables());
    let models: Vec<Option<Model>> = tables
        .iter()
        .map(|(text, target, changes)| {
            let frame = frame(text.as_bytes(), &ReadOptions::default()).unwrap();
            let prepared = recipe::prepare(&frame, None, target, &settings(changes));
            let prepared = prepared.unwrap_or_else(|error| panic!("{target} {changes:?}: {error}"));
            Some(prepared.train(origin(), &device, Quiet, None).unwrap().model)
        })
        .collect();
    let (mut read, mut ready, mut trainings, mut predicted) = (0, 0, 0, 0);
    survive(|case| {
        let mut draws = Draws(Key::new(case).fold_str("table"), 0);
        let at = case as usize % tables.len();
        let (text, target, changes) = &tables[at];
        let bytes = damaged_table(text, &mut draws);
        let options = ReadOptions {
            header: draws.of(&[Header::Detect, Header::Detect, Header::Detect, Header::Yes, Header::Yes, Header::No]),
            quote: draws.of(&[Quote::Double, Quote::Double, Quote::Double, Quote::Double, Quote::Single, Quote::None]),
            thousands: draws.of(&[None, None, None, Some('\'')]),
            missing: vec!["-200".to_string()],
            ..ReadOptions::default()
        };
        let said = [
            "schema.floor=numeric",
            "schema.what=categorical",
            "schema.when=date",
            "schema.size=categorical",
            "schema.id=categorical",
        ];
        let said = if draws.below(6) == 0 { vec![draws.of(&said)] } else { vec![] };
        let settings = settings(&[changes, &said[..]].concat());
        let train_it = case / 10 % 3 == 0;
        let done = bounded(
            bytes.len(),
            || format!("case {case}"),
            || {
                let frame = frame(&bytes, &options)?;
                read += 1;
                let model = models[at].as_ref().expect("trained");
                match predict(model, &frame, 2) {
                    Ok(rows) => predicted += rows.min(1),
                    Err(error) => assert_one_line(&error),
                }
                let prepared = recipe::prepare(&frame, None, target, &settings).map_err(|error| error.to_string())?;
                ready += 1;
                assert!(prepared.notes.iter().all(|note| !note.contains('\n')), "{:?}", prepared.notes);
                if train_it {
                    let outcome = prepared.train(origin(), &device, Quiet, None).map_err(|error| error.to_string())?;
                    trainings += 1;
                    let toml = outcome.model.file().to_toml();
                    let again = ModelFile::read(&toml, Path::new("model.toml")).map_err(|error| error.to_string());
                    assert_eq!(again.as_ref(), Ok(outcome.model.file()), "case {case}: what is saved can be opened");
                    predict(&outcome.model, &frame, 2)?;
                }
                Ok::<(), String>(())
            },
        );
        if let Err(error) = done {
            assert_one_line(&error);
        }
    });
    println!("{read} of 10000 read, {ready} ready, {trainings} trained, {predicted} predicted");
    let enough = read > 5000 && ready > 1500 && trainings > 400 && predicted > 1500; // deep enough
    assert!(enough, "{read} {ready} {trainings} {predicted}");
}

#[test]
fn a_large_table_of_short_cells_takes_ten_times_its_size_at_most() {
    let _alone = alone();
    let line = |i: u64| format!("{},{},{},{},{},,,,,{}\n", i % 7, i % 3, i % 5, i % 9, i / 9 % 2, i % 8);
    let text = (0..400_000).map(line).fold("a,b,c,d,e,f,g,h,i,y\n".to_string(), |text, line| text + &line);
    let bytes = text.len();
    let few: String = text.lines().take(501).flat_map(|line| [line, "\n"]).collect();
    let model = trained(&few, "y", &["data.missing=mean"]);
    bounded(
        bytes,
        || "reading".to_string(),
        || {
            let frame = frame(text.as_bytes(), &ReadOptions::default()).unwrap();
            let prepared = recipe::prepare(&frame, None, "y", &settings(&[])).unwrap();
            assert_eq!(prepared.split.rows(), 400_000);
            drop(prepared);
            let mut outside = 0;
            model.read_each(&frame, |remarks| outside += usize::from(!remarks.is_empty())).unwrap();
        },
    );
}

#[test]
fn many_classes_and_many_columns_take_no_time_of_their_square() {
    let _alone = alone();
    let start = std::time::Instant::now();
    // 1000 classes of 200 000 rows.
    let text = (0..200_000).fold("x,y\n".to_string(), |text, i| text + &format!("{},c{}\n", i % 97, i * 7 % 1000));
    let frame_of_classes = frame(text.as_bytes(), &ReadOptions::default()).unwrap();
    let prepared = recipe::prepare(&frame_of_classes, None, "y", &settings(&[])).unwrap();
    assert_eq!(prepared.target.classes.len(), 1000);
    prepared.target.read(&frame_of_classes).unwrap();
    // 20 000 columns of 30 rows.
    let names: Vec<String> = (0..20_000).map(|i| format!("gene_{i}")).collect();
    let row = |i: usize| (0..20_000).map(|j| ((i * j + i * i) % 10).to_string()).collect::<Vec<_>>().join(",") + "\n";
    let text = format!("{}\n{}", names.join(","), (0..30).map(row).collect::<String>());
    let mut wide = frame(text.as_bytes(), &ReadOptions::default()).unwrap();
    wide.append(&wide.clone()).unwrap();
    let prepared = recipe::prepare(&wide, Some([40, 10, 10]), "gene_3", &settings(&[])).unwrap();
    assert!(prepared.schema.columns.len() > 15_000, "{}", prepared.schema.columns.len());
    println!("{:?}", start.elapsed());
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}
