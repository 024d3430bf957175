//! What the zoo claims is computed again; what is saved comes back; what is damaged is refused by name.
#![cfg(all(feature = "train", feature = "cli", feature = "ndarray", feature = "flex"))]

mod cli_support;

use std::{
    fs,
    path::{Path, PathBuf},
};

use burn::{
    module::{Module, ModuleVisitor, Param},
    store::{ModuleSnapshot, SafetensorsStore},
    tensor::{Device, Tensor},
};
use burn_zoo::{
    DeviceSpec, Error, Key,
    data::{self, Split, Table, Targets},
    models::{MlpConfig, Noise, Task},
    uncertainty::{MonteCarlo, RegressionScores},
    zoo::{self, AnyFile, AnyModel, Entry, MODEL_TOML, Model, ModelFile, WEIGHTS},
};
use cli_support::{settings, train, wine};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const DEVICES: [DeviceSpec; 2] = [DeviceSpec::Flex, DeviceSpec::NdArray];

fn device() -> Device {
    Device::flex()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn wine_red() -> Model {
    zoo::find("mlp/wine-red").unwrap().load(&device()).unwrap()
}

/// The models of tables.
fn tables() -> impl Iterator<Item = &'static Entry> {
    zoo::list().iter().filter(|entry| entry.name.starts_with("mlp/"))
}

/// The parts of the table that a model was trained on, as its description deals them out.
fn parts(file: &ModelFile) -> (Table, Vec<f64>, Split) {
    let (features, targets) = data::find(&file.data.names[0]).unwrap().table().without(&file.target.name).unwrap();
    let key = Key::new(file.train.seed).fold_str("split");
    let split = Split::random(features.rows(), file.data.settings.split, key).unwrap();
    (features, targets, split)
}

fn some(features: &Table, targets: &[f64], rows: &[usize]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let select = features.select(rows).iter().map(<[f64]>::to_vec).collect();
    (select, rows.iter().map(|&row| targets[row]).collect())
}

#[test]
fn every_model_of_the_zoo_is_found_by_its_name_and_loads_on_every_device() {
    for entry in zoo::list() {
        assert_eq!(zoo::find(entry.name).unwrap().name, entry.name);
        let family = match entry.describe().unwrap() {
            AnyFile::Table(file) => file.family,
            AnyFile::Images(file) => file.family,
            AnyFile::Text(file) => file.family,
            AnyFile::Series(file) => file.family,
        };
        assert!(entry.name.starts_with(&format!("{family}/")));
        for spec in DEVICES {
            let (file, model) = (entry.describe().unwrap(), entry.open(&spec.init().unwrap()).unwrap());
            let same = match (&file, &model) {
                (AnyFile::Table(file), AnyModel::Table(model)) => file == model.file(),
                (AnyFile::Images(file), AnyModel::Images(model)) => file == model.file(),
                (AnyFile::Text(file), AnyModel::Text(model)) => file == model.file(),
                (AnyFile::Series(file), AnyModel::Series(model)) => file == model.file(),
                _ => false,
            };
            assert!(same, "{}", entry.name);
        }
    }
}

#[test]
fn a_misspelt_model_names_the_nearest() {
    let error = zoo::find("mlp/wine-rde").unwrap_err();
    assert_eq!(error.to_string(), "unknown model `mlp/wine-rde`: did you mean `mlp/wine-red`?");
}

#[test]
fn the_files_beside_the_card_are_the_ones_that_are_built_in() {
    for entry in zoo::list() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(entry.name);
        let toml = fs::read_to_string(path.with_extension("toml")).unwrap();
        assert_eq!(AnyFile::read(&toml, &path).unwrap(), entry.describe().unwrap());
        assert_eq!(toml, entry.describe().unwrap().to_toml());
        let card = path.parent().unwrap().join("README.md");
        assert_eq!(fs::read_to_string(card).unwrap(), entry.card());
    }
}

#[test]
fn weights_have_the_claimed_checksum_size_and_number_of_parameters() {
    struct Count(usize);
    impl ModuleVisitor for Count {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0 += param.val().dims().iter().product::<usize>();
        }
    }
    for entry in zoo::list() {
        let claims = match entry.describe().unwrap() {
            AnyFile::Table(file) => file.weights,
            AnyFile::Images(file) => file.weights,
            AnyFile::Text(file) => file.weights,
            AnyFile::Series(file) => file.weights,
        };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(entry.name);
        let bytes = fs::read(path.with_extension("safetensors")).unwrap();
        assert_eq!((bytes.len(), sha256(&bytes)), (claims.bytes, claims.sha256));
        let mut count = Count(0);
        match entry.open(&device()).unwrap() {
            AnyModel::Table(model) => model.mlp().visit(&mut count),
            AnyModel::Images(model) => model.cnn().visit(&mut count),
            AnyModel::Text(model) => model.lstm().visit(&mut count),
            AnyModel::Series(model) => model.lstm().visit(&mut count),
        }
        assert_eq!(count.0, claims.params);
    }
}

#[test]
fn running_statistics_are_no_parameters() {
    let model = train(&wine(), "quality", &settings(&["train.epochs=1", "model.batch_norm=true"]), DeviceSpec::Flex);
    // 11 x 64 + 64, 64 x 64 + 64, 64 + 1, and a scale and a shift for each of 128 units
    assert_eq!(model.model.file().weights.params, 768 + 4160 + 65 + 256);
}

#[test]
fn the_data_have_the_claimed_checksum_columns_and_rows() {
    for entry in tables() {
        let data = entry.file().unwrap().data;
        let built_in = data::find(&data.names[0]).unwrap();
        assert_eq!(data.sha256, [built_in.sha256()]);
        let (features, _, split) = parts(&entry.file().unwrap());
        assert_eq!(features.columns(), entry.file().unwrap().inputs.names().collect::<Vec<_>>());
        assert_eq!([split.train.len(), split.valid.len(), split.test.len()], data.rows);
    }
}

#[test]
fn the_claimed_scaling_is_that_of_the_training_part() {
    for entry in tables() {
        let file = entry.file().unwrap();
        let (features, targets, split) = parts(&file);
        let (rows, targets) = some(&features, &targets, &split.train);
        let n = rows.len() as f64;
        let columns = (0..features.columns().len()).map(|j| rows.iter().map(|row| row[j]).collect::<Vec<_>>());
        let scaling = file.scaling;
        let claimed = |scaler: &data::Scaler| scaler.mean.iter().copied().zip(scaler.sd.clone()).collect::<Vec<_>>();
        let claims = [claimed(&scaling.features), claimed(&scaling.targets)].concat();
        for (column, (mean, sd)) in columns.chain([targets]).zip(claims) {
            let found = column.iter().sum::<f64>() / n;
            let variance = column.iter().map(|x| (x - found).powi(2)).sum::<f64>() / n;
            assert!((found - mean).abs() < 1e-9 * mean.abs() && (variance.sqrt() - sd).abs() < 1e-9 * sd);
        }
    }
}

#[test]
fn the_claimed_scores_come_out_again_on_every_device() {
    for entry in tables() {
        let file = entry.file().unwrap();
        let claims = file.test.unwrap();
        let (features, targets, split) = parts(&file);
        let (rows, targets) = some(&features, &targets, &split.test);
        for spec in DEVICES {
            let model = entry.load(&spec.init().unwrap()).unwrap();
            let (targets, passes) = (Targets::Numbers(targets.clone()), MonteCarlo::new(claims.passes));
            let found = model.evaluate(&rows, &targets, &passes, claims.interval.unwrap()).unwrap();
            for (claimed, found) in [
                (claims.monte_carlo, found.monte_carlo),
                (claims.mean_network, found.mean_network),
                (claims.baseline, found.baseline),
            ] {
                for ((name, claimed), found) in RegressionScores::NAMES.iter().zip(claimed.values()).zip(found.values())
                {
                    let near = (found - claimed).abs() <= 1e-5 * claimed.abs();
                    assert!(near, "{} on {spec}: {name} is {found}, claimed {claimed}", entry.name);
                }
            }
        }
    }
}

#[test]
fn the_claimed_noise_fits_the_validation_part_again() {
    for entry in tables() {
        let file = entry.file().unwrap();
        let Some(tau) = &file.tau else { continue };
        let (features, targets, split) = parts(&file);
        let (rows, targets) = some(&features, &targets, &split.valid);
        let model = entry.load(&device()).unwrap();
        let passes = MonteCarlo::new(file.test.unwrap().passes);
        let sampled = model.predict(&rows, &passes).unwrap().regression().unwrap().fit_tau(&targets).unwrap();
        let mean = model.predict_mean(&rows).unwrap().regression().unwrap().fit_tau(&targets).unwrap();
        for (found, claimed) in [sampled, mean].concat().iter().zip([&tau.monte_carlo[..], &tau.mean_network].concat())
        {
            // Where a likelihood is flat, the last digits of its maximum are rounding.
            assert!((found - claimed).abs() < 1e-4 * claimed, "{found}, claimed {claimed}");
        }
    }
}

/// What a card says about one model.
fn section(entry: &Entry) -> &'static str {
    let card = entry.card();
    let from = card.find(&format!("## {}\n", entry.name)).expect("a section for each model");
    let rest = &card[from + 3..];
    &rest[..rest.find("\n## ").unwrap_or(rest.len())]
}

#[test]
fn every_score_in_a_card_is_the_description_s_to_the_digits_it_prints() {
    for entry in tables() {
        let scores = entry.file().unwrap().test.unwrap();
        let lines: Vec<Vec<&str>> = section(entry)
            .lines()
            .filter(|line| line.starts_with('|') && !line.starts_with("|-"))
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect();
        assert_eq!(lines[0][1..], RegressionScores::NAMES[1..]);
        let rows = [
            ("Monte Carlo", scores.monte_carlo),
            ("mean network", scores.mean_network),
            ("baseline: training mean", scores.baseline),
        ];
        assert_eq!(lines.len() - 1, rows.len());
        for (line, (name, scores)) in lines[1..].iter().zip(rows) {
            assert_eq!(line[0], name);
            for (printed, score) in line[1..].iter().zip(&scores.values()[1..]) {
                let (_, digits) = printed.split_once('.').expect("digits behind the point");
                assert_eq!(digits.len(), 4);
                // Half of the last digit, and what another processor may make of the score.
                assert!((printed.parse::<f64>().unwrap() - score).abs() <= 5e-5 + 1e-4, "{name}: {printed}, {score}");
            }
        }
    }
}

#[test]
fn a_card_names_the_command_the_counts_and_the_size_of_the_description() {
    for entry in tables() {
        let (file, text) = (entry.file().unwrap(), section(entry).replace('\n', " "));
        let (test, train) = (file.test.unwrap(), &file.train);
        let [trained, chose, judge] = file.data.rows;
        let widths = [vec![file.model.d_input], file.model.hidden.clone(), vec![1]].concat();
        let widths = widths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" - ");
        for says in [
            format!("``` {} ```", file.provenance.command),
            format!("{} parameters, {} bytes", file.weights.params, file.weights.bytes),
            format!("{trained} rows trained, {chose} chose the epoch and the noise, {judge} judge"),
            format!(
                "on the {judge} test rows, {} passes, seed 0, {} % intervals",
                test.passes,
                test.interval.unwrap() * 100.0
            ),
            format!("Dealt out by seed {}", train.seed),
            widths,
            format!("rate {} on the inputs and {} behind", file.model.input_rate, file.model.rates[0]),
            format!(
                "step size {}, weight decay {}, batches of {}",
                train.learning_rate, train.weight_decay, train.batch_size
            ),
            format!("stopped after {} epochs", train.patience),
        ] {
            assert!(text.contains(&says), "the card of {} does not say: {says}", entry.name);
        }
    }
}

#[test]
fn the_wine_card_counts_rows_and_copies_right() {
    let table = wine();
    let mut rows: Vec<Vec<u64>> = table.iter().map(|row| row.iter().map(|x| x.to_bits()).collect()).collect();
    rows.sort();
    rows.dedup();
    let text = section(zoo::find("mlp/wine-red").unwrap()).replace('\n', " ");
    assert!(text.contains(&format!("{} Portuguese", table.rows())));
    assert!(text.contains(&format!("{} rows of the table are exact copies", table.rows() - rows.len())));
}

/// A model in a directory of its own, to be damaged.
struct Saved {
    directory: TempDir,
    toml: String,
    weights: Vec<u8>,
}

impl Saved {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path().join("model");
        wine_red().save(&at, &[]).unwrap();
        let (toml, weights) = (fs::read_to_string(at.join(MODEL_TOML)).unwrap(), fs::read(at.join(WEIGHTS)).unwrap());
        Self { directory, toml, weights }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("model")
    }

    /// What opening says when the two files are these.
    fn open(&self, toml: &[u8], weights: &[u8]) -> Result<Model, Error> {
        fs::write(self.path().join(MODEL_TOML), toml).unwrap();
        fs::write(self.path().join(WEIGHTS), weights).unwrap();
        Model::open(&self.path(), &device())
    }

    /// The description with the checksum and the size of other weights, so that the parser behind the checksum is reached.
    fn toml_for(&self, weights: &[u8]) -> String {
        let (old, new) = (sha256(&self.weights), sha256(weights));
        let toml = self.toml.replace(&old, &new);
        toml.replace(&format!("\nbytes = {}\n", self.weights.len()), &format!("\nbytes = {}\n", weights.len()))
    }

    /// Weights whose header is another text.
    fn header(&self, change: impl Fn(&str) -> String) -> Vec<u8> {
        let length = u64::from_le_bytes(self.weights[..8].try_into().unwrap()) as usize;
        let header = change(std::str::from_utf8(&self.weights[8..8 + length]).unwrap());
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &self.weights[8 + length..]].concat()
    }

    /// That opening is refused in one line which names the file and says what is wrong.
    #[track_caller]
    fn refuses(&self, toml: &str, weights: &[u8], file: &str, says: &str) {
        let error = self.open(toml.as_bytes(), weights).unwrap_err();
        assert!(matches!(error, Error::Model { .. }), "{error:?}");
        let text = error.to_string();
        let place = format!("{}: ", self.path().join(file).display());
        assert!(text.starts_with(&place), "{text}");
        assert!(text[place.len()..].starts_with(says), "{text}\nexpected: {says}");
        assert!(!text.trim().contains('\n'), "{text}");
    }
}

#[test]
fn a_saved_model_opens_to_the_same_predictions_bit_for_bit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new").join("wine");
    let model = wine_red();
    model.save(&path, &[("note.txt", "hello".to_string())]).unwrap();
    assert_eq!(fs::read_to_string(path.join("note.txt")).unwrap(), "hello");
    assert_eq!(fs::read_dir(&path).unwrap().count(), 3);
    assert_eq!(fs::read_dir(directory.path().join("new")).unwrap().count(), 1);
    let opened = Model::open(&path, &device()).unwrap();
    assert_eq!(opened.file(), model.file());
    let (features, ..) = parts(model.file());
    let rows: Vec<&[f64]> = features.iter().take(50).collect();
    let predict = |model: &Model| {
        let prediction = model.predict(&rows, &MonteCarlo::new(10)).unwrap().regression().unwrap();
        (prediction.mean().to_vec(), prediction.interval(0.9).unwrap())
    };
    assert_eq!(predict(&opened), predict(&model));
}

#[test]
fn every_kind_of_trained_model_is_saved_and_opened() {
    let directory = tempfile::tempdir().unwrap();
    for (i, changes) in [
        &["model.batch_norm=true"][..],
        &["model.noise=predicted"],
        &["model.noise=none"],
        &["model.hidden=[]", "model.activation=tanh"],
        &["model.hidden=[5,4,3]", "model.rates=[0.1,0.2,0.3]", "model.input_rate=0"],
    ]
    .iter()
    .enumerate()
    {
        let model =
            train(&wine(), "quality", &settings(&[&["train.epochs=1"], *changes].concat()), DeviceSpec::Flex).model;
        let path = directory.path().join(i.to_string());
        model.save(&path, &[]).unwrap();
        let opened = Model::open(&path, &device()).unwrap();
        assert_eq!(opened.file(), model.file());
        let rows = [wine().row(0)[..11].to_vec()];
        let mean = |model: &Model| model.predict_mean(&rows).unwrap().regression().unwrap().mean().to_vec();
        assert_eq!(mean(&opened), mean(&model));
    }
}

#[test]
fn saving_overwrites_nothing() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "mine").unwrap();
    fs::create_dir(directory.path().join("empty")).unwrap();
    for name in ["file", "empty"] {
        let error = wine_red().save(&directory.path().join(name), &[]).unwrap_err();
        assert!(error.to_string().ends_with(&format!("{name}: there is something already: choose a new directory")));
    }
    assert_eq!(fs::read_to_string(directory.path().join("file")).unwrap(), "mine");
    assert_eq!(fs::read_dir(directory.path().join("empty")).unwrap().count(), 0);
}

#[test]
fn a_saving_that_fails_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    let error = wine_red().save(&directory.path().join("file").join("model"), &[]).unwrap_err();
    assert!(matches!(error, Error::Io { .. }) && error.to_string().contains("file/model: Not a directory"), "{error}");
    // The weights are written before the other files: this fails half-way.
    let others = [("no such directory/curve.csv", String::new())];
    let error = wine_red().save(&directory.path().join("model"), &others).unwrap_err();
    assert!(matches!(error, Error::Io { .. }) && error.to_string().contains("No such file"), "{error}");
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["file"]);
}

#[test]
fn a_missing_file_is_named() {
    let saved = Saved::new();
    for name in [WEIGHTS, MODEL_TOML] {
        fs::remove_file(saved.path().join(name)).unwrap();
        let error = Model::open(&saved.path(), &device()).unwrap_err();
        assert!(matches!(&error, Error::Io { path, .. } if path.ends_with(name)), "{error:?}");
    }
}

#[test]
fn weights_that_are_not_the_described_ones_are_refused() {
    let saved = Saved::new();
    let mut flipped = saved.weights.clone();
    flipped[10_000] ^= 1;
    saved.refuses(&saved.toml, &flipped, WEIGHTS, "damaged: sha256 ");
    saved.refuses(&saved.toml, &saved.weights[..20_000], WEIGHTS, "damaged: sha256 ");
    saved.refuses(&saved.toml, b"", WEIGHTS, "damaged: sha256 ");
}

#[test]
fn weights_that_pass_for_the_described_ones_are_refused_for_what_is_wrong_in_them() {
    let saved = Saved::new();
    let refuses = |weights: &[u8], says: &str| saved.refuses(&saved.toml_for(weights), weights, WEIGHTS, says);
    refuses(&saved.weights[..19_000], "19000 bytes: too few for the network described");
    refuses(&saved.weights[..20_400], "SafeTensors error: ");
    refuses(&[&saved.weights[..], &[0; 4]].concat(), "SafeTensors error: ");
    let renamed = saved.header(|header| header.replace("output.bias", "output.bibs"));
    refuses(&renamed, "no tensor `output.bias`");
    let transposed = saved.header(|header| header.replace("[11,64]", "[64,11]"));
    refuses(&transposed, "`layers.0.linear.weight` is F32 [64, 11]: expected F32 [11, 64]");
    let integers = saved.header(|header| header.replacen("F32", "I32", 1));
    refuses(&integers, "`layers.0.linear.bias` is I32 [64]: expected F32 [64]");
    let more = saved.header(|header| {
        let end = header.rfind('}').unwrap();
        format!("{},\"stowaway\":{{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[19972,19976]}}}}", &header[..end])
    });
    refuses(&[&more[..], &[0; 4]].concat(), "`stowaway` is no parameter of this model");
    let mut infinite = saved.weights.clone();
    let end = infinite.len();
    infinite[end - 4..].copy_from_slice(&f32::INFINITY.to_le_bytes());
    let says = "`output.weight` holds a number that is not finite";
    refuses(&infinite, says);

    let config = MlpConfig::new(11, Task::Regression { targets: 1, noise: Noise::Constant }).with_hidden(vec![32, 200]);
    let mut store = SafetensorsStore::from_bytes(None).clear_metadata();
    config.init(&device(), Key::new(0)).save_into(&mut store).unwrap();
    refuses(&store.get_bytes().unwrap(), "`layers.0.linear.bias` is F32 [32]: expected F32 [64]");
}

#[test]
fn a_description_that_does_not_hold_is_refused_for_what_is_wrong_in_it() {
    let saved = Saved::new();
    for (old, new, says) in [
        (
            "schema = 2",
            "schema = 1",
            "schema 1, of an older version of burn-zoo: train it again (this version reads schema 2)",
        ),
        ("schema = 2", "schema = 3", "schema 3, of a newer version of burn-zoo (this version reads schema 2)"),
        ("mask_scheme = 1", "mask_scheme = 2", "mask scheme 2: this version draws by mask scheme 1"),
        ("family = \"mlp\"", "family = \"cnn\"", "a model of the family `cnn`: expected `mlp`"),
        ("schema = 2", "", "not a model: line 1: missing field `schema`"),
        ("schema = 2", "schema = 2\nschmea = 1", "not a model of this version: line 2: unknown field `schmea`"),
        (
            "epochs = 300",
            "epochs = 300\nepohcs = 3",
            "not a model of this version: unknown key `train.epohcs`: did you mean `train.epochs`?",
        ),
        ("d_input = 11", "d_input = 11\nd_outptu = 1", "not a model of this version: unknown key `model.d_outptu`: "),
        ("sd = [0.81", "var = 1\nsd = [0.81", "not a model of this version: unknown key `scaling.targets.var`: "),
        (
            "noise = \"constant\"",
            "noise = \"constant\"\nlabels = 2",
            "not a model of this version: unknown key `model.task.labels`: ",
        ),
        ("epochs = 300", "epohcs = 300", "not a model of this version: line "),
        ("epochs = 300", "epochs = \"many\"", "not a model of this version: line "),
        ("[tau]\n", "[tau\n", "not a model: line "),
        ("input_rate = 0.1", "input_rate = 1.0", "not a model of this version: line "),
        ("rates = [0.2]", "rates = [0.2, 0.2, 0.2]", "`rates` is 3 rates: expected 1 or 2, one for each hidden layer"),
        ("hidden = [64, 64]", "hidden = [64, 0]", "`hidden` is [64, 0]: expected widths of at least 1"),
        ("name = \"pH\"", "name = \"alcohol\"", "2 columns `alcohol`"),
        ("kind = \"numeric\"", "kind = \"numerical\"", "not a model of this version: "),
        ("indicator = false", "indicator = true", "12 features: expected 11"),
        ("min = 4.7", "min = nan", "column `fixed acidity` has the number NaN: expected a finite one"),
        ("classes = []", "classes = [\"a\", \"b\"]", "2 classes for a regression with constant noise"),
        ("d_input = 11", "d_input = 12", "11 features: expected 12"),
        ("sd = [0.81", "sd = [-0.81", "a standard deviation or a precision is -0.81"),
        ("sd = [0.81", "sd = [inf, 0.81", "2 target standard deviations: expected 1"),
        ("monte_carlo = [3.", "monte_carlo = [1.0, 3.", "2 precisions tau: expected 1"),
        ("monte_carlo = [3.", "monte_carlo = [-3.", "a standard deviation or a precision is -3."),
    ] {
        assert!(saved.toml.contains(old), "{old}");
        saved.refuses(&saved.toml.replacen(old, new, 1), &saved.weights, MODEL_TOML, says);
    }
    let cut = &saved.toml[..saved.toml.len() / 2];
    saved.refuses(cut, &saved.weights, MODEL_TOML, "not a model");
    saved.refuses("", &saved.weights, MODEL_TOML, "not a model: line 1: missing field `schema`");
    let error = saved.open(b"schema = \xff", &saved.weights).unwrap_err().to_string();
    assert!(error.ends_with("model.toml: not text"), "{error}");
}

#[test]
fn a_description_of_other_weights_is_refused_before_anything_large_is_made() {
    let saved = Saved::new();
    for (old, new, says) in [
        ("params = 4993", "params = 4994", "4993 parameters in 20468 bytes: the description claims 4994 in 20468"),
        ("bytes = 20468", "bytes = 9", "4993 parameters in 20468 bytes: the description claims 4993 in 9"),
        (
            "hidden = [64, 64]",
            "hidden = [64, 65]",
            "5059 parameters in 20468 bytes: the description claims 4993 in 20468",
        ),
        (
            "hidden = [64, 64]",
            "hidden = [64, 32]",
            "2881 parameters in 20468 bytes: the description claims 4993 in 20468",
        ),
        ("hidden = [64, 64]", "hidden = [40000, 40000]", "20468 bytes: too few for the network described"),
        ("batch_norm = false", "batch_norm = true", "20468 bytes: too few for the network described"),
    ] {
        assert!(saved.toml.contains(old), "{old}");
        saved.refuses(&saved.toml.replacen(old, new, 1), &saved.weights, WEIGHTS, says);
    }
    for hidden in ["[4000000000, 4000000000]", "[9000000000000000000, 9000000000000000000]"] {
        let toml = saved.toml.replacen("[64, 64]", hidden, 1);
        saved.refuses(&toml, &saved.weights, MODEL_TOML, "`hidden` is ");
    }
}

/// A text with one to three bytes changed, left out or put in, as the key says.
fn mutated(bytes: &[u8], key: Key) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let draw = |n: u64, below: usize| (key.fold(n).to_u64() % below.max(1) as u64) as usize;
    for i in 0..1 + draw(0, 3) as u64 {
        let at = draw(4 * i + 1, bytes.len());
        let byte = match draw(4 * i + 2, 2) {
            0 => b"0159.-+eE\"'{}[],:=# \n\0\xff"[draw(4 * i + 3, 23)],
            _ => draw(4 * i + 3, 256) as u8,
        };
        match draw(4 * i + 4, 4) {
            0 => drop(bytes.remove(at)),
            1 => bytes.insert(at, byte),
            2 => bytes.truncate(at),
            _ => bytes[at] = byte,
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

/// That a result is a model, or an error of a file in one line.
#[track_caller]
fn sane(result: Result<Model, Error>, what: &[u8]) -> bool {
    match result {
        Ok(_) => true,
        Err(error) => {
            assert!(matches!(error, Error::Model { .. }), "{error:?} of {}", String::from_utf8_lossy(what));
            assert!(!error.to_string().contains('\n'), "{error}");
            false
        }
    }
}

#[test]
fn no_change_of_a_description_panics() {
    let saved = Saved::new();
    let opened = (0..400).filter(|&n| {
        let toml = mutated(saved.toml.as_bytes(), Key::new(n).fold_str("toml"));
        sane(saved.open(&toml, &saved.weights), &toml)
    });
    // Most changes are noticed; one within a score or a comment is not.
    assert!(opened.count() < 200);
}

#[test]
fn no_change_of_weights_panics_with_the_checksum_made_to_fit() {
    let saved = Saved::new();
    let header = 8 + u64::from_le_bytes(saved.weights[..8].try_into().unwrap()) as usize;
    for n in 0..400 {
        let key = Key::new(n).fold_str("weights");
        let weights = match n % 4 {
            0 => mutated(&saved.weights, key),
            // The length alone, and the header alone, which the parser reads first.
            1 => [&mutated(&saved.weights[..8], key), &saved.weights[8..]].concat(),
            _ => [&saved.weights[..8], &mutated(&saved.weights[8..header], key), &saved.weights[header..]].concat(),
        };
        sane(saved.open(saved.toml_for(&weights).as_bytes(), &weights), &weights[..weights.len().min(header)]);
    }
}
