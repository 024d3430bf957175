//! What somebody can do who imports burn-zoo, on the backends that they chose themselves. Numbers are frozen: they are the same on each backend, and
//! whether burn-zoo computes by its own operations (`--features zoo-backends`) or by the plain formulation.

use burn::tensor::{Device, Tensor, TensorData};
use burn_zoo::{
    DeviceSpec, Key, Pass, from_fn,
    models::{Cnn, CnnConfig, HeadConfig, Lstm, LstmConfig, Noise, Norm, Pool, SequenceInput, Stage, Task},
    outputs::Point,
    train::Loss,
    uncertainty::{MonteCarlo, Prediction},
    zoo,
};
use importer::{Model, Own, Row, Sequence, one_epoch};

/// Of the largest number: another backend adds in another order, and f32 has 6e-8 for each addition.
const OF_LARGEST: f64 = 1e-5;

const REGRESSION: Task = Task::Regression { targets: 1, noise: Noise::Constant };

/// What is compiled in, by name.
#[allow(deprecated)] // Burn deprecates ndarray; burn-zoo supports it as long as Burn has it
fn devices() -> Vec<(&'static str, Device)> {
    Vec::from([
        #[cfg(feature = "flex")]
        ("flex", Device::flex()),
        #[cfg(feature = "ndarray")]
        ("ndarray", Device::ndarray()),
    ])
}

fn normal<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(Key::new(seed).normal(0, 1, shape.iter().product()), shape), device)
}

/// Rows of `width` numbers, with what `target` makes of them.
fn rows(seed: u64, rows: usize, width: usize, target: fn(&[f32]) -> Vec<f32>) -> Vec<Row> {
    let inputs = Key::new(seed).normal(0, rows, width);
    inputs.chunks(width).map(|inputs| Row { inputs: inputs.to_vec(), targets: target(inputs) }).collect()
}

/// All inputs, and all targets.
fn columns(rows: &[Row]) -> [Vec<f32>; 2] {
    [
        rows.iter().flat_map(|row| row.inputs.clone()).collect(),
        rows.iter().flat_map(|row| row.targets.clone()).collect(),
    ]
}

fn mean(inputs: &[f32]) -> Vec<f32> {
    vec![inputs.iter().sum::<f32>() / (inputs.len() as f32).sqrt()]
}

/// Whether the mean is above 0, as one of two classes.
fn sign(inputs: &[f32]) -> Vec<f32> {
    if mean(inputs)[0] > 0.0 { vec![0.0, 1.0] } else { vec![1.0, 0.0] }
}

/// The means of a prediction, or its probabilities; then how far the networks disagree.
fn numbers(prediction: &Prediction) -> Vec<f64> {
    match prediction {
        Prediction::Regression(prediction) => {
            let sds = prediction.epistemic_variance().iter().map(|variance| variance.sqrt());
            prediction.mean().iter().copied().chain(sds).collect()
        }
        Prediction::Classes(prediction) => {
            let probabilities = (0..prediction.rows()).flat_map(|row| prediction.probabilities(row).to_vec());
            probabilities.chain(prediction.mutual_information().iter().copied()).collect()
        }
        Prediction::MultiLabel(_) => unreachable!("no model here predicts labels"),
    }
}

#[track_caller]
fn assert_near(found: &[f64], expected: &[f64], what: &str) {
    let largest = expected.iter().fold(0.0_f64, |largest, number| largest.max(number.abs()));
    let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= OF_LARGEST * largest);
    assert!(near && found.len() == expected.len(), "{what}: {found:.7?}, expected {expected:?}");
}

/// That a model learns in one epoch of the importer's Learner, and then predicts `expected` of two rows.
fn learns<M: Model>(init: fn(&Device) -> M, width: usize, target: fn(&[f32]) -> Vec<f32>, expected: &[f64]) {
    for (name, device) in devices() {
        let (train, valid) = (rows(1, 100, width, target), rows(2, 40, width, target));
        let [inputs, targets] = columns(&valid).map(|values| {
            let shape = [valid.len(), values.len() / valid.len()];
            Tensor::<2>::from_data(TensorData::new(values, shape), &device)
        });
        let loss = |model: &M| {
            Loss::of(model.run(inputs.clone(), &Pass::mean()), targets.clone()).0.mean().into_scalar::<f32>()
        };
        let model = init(&device);
        let before = loss(&model);
        let model = one_epoch(model, [train, valid], &device).unwrap();
        let after = loss(&model);
        assert!(after < before, "{name}: a loss of {before}, and {after} behind the epoch");
        let prediction = MonteCarlo::new(20).predict(&model, normal(3, [2, width], &device)).unwrap();
        assert_near(&numbers(&prediction), expected, name);
    }
}

fn own(device: &Device) -> Own {
    Own::new(4, device)
}

/// Of 6 x 6, with batch normalisation, and channels that are dropped.
fn cnn(device: &Device) -> Cnn {
    let stage = Stage {
        padding: 1,
        norm: Norm::After,
        pool: Pool::Max(2),
        dropout: "spatial:0.3".parse().unwrap(),
        ..Stage::new(3, 3)
    };
    let config = CnnConfig::new([1, 6, 6], Task::MultiClass { classes: 2 }).with_stages(vec![stage]);
    config.with_hidden(vec![8]).init(device, Key::new(0).fold_str("init"))
}

/// Of 5 steps of 2 numbers.
fn lstm(device: &Device) -> Lstm {
    let input = SequenceInput::Numbers { features: 2, known: 0 };
    LstmConfig::new(input, REGRESSION).with_hidden(8).init(device, Key::new(0).fold_str("init"))
}

const OWN: [f64; 4] = [0.1692276, 0.1932624, 0.0777587, 0.0694379];
const CNN: [f64; 6] = [0.4237374, 0.5762626, 0.4114134, 0.5885866, 0.0011151, 0.0010299];
const LSTM: [f64; 4] = [0.1676885, 0.0485079, 0.0477121, 0.0229603];
const HEAD: [f64; 4] = [0.1856168, 0.2822498, 0.1188792, 0.1373944];
const SEQUENCE: [f64; 4] = [0.2222669, 0.3214644, 0.0523415, 0.0451970];
const WINE: [f64; 2] = [5.0558902, 0.1677430];
const DIGIT: [f64; 11] = [
    0.0335037, 0.0885127, 0.0600059, 0.2751676, 0.0298935, 0.2151785, 0.0284744, 0.0669629, 0.0813248, 0.1209760,
    0.1429324,
];
const AIRLINE: [f64; 2] = [-0.5298808, 0.5195845];

#[test]
fn a_module_of_ones_own_with_a_layer_of_burn_zoo_learns_by_ones_own_learner() {
    learns(own, 4, mean, &OWN);
}

#[test]
fn a_cnn_learns_by_ones_own_learner() {
    learns(cnn, 36, sign, &CNN);
}

#[test]
fn an_lstm_learns_by_ones_own_learner() {
    learns(lstm, 10, mean, &LSTM);
}

#[test]
fn a_head_is_sampled_over_a_backbone_of_ones_own() {
    for (name, device) in devices() {
        let own = Own::new(4, &device);
        let head = HeadConfig::new(16, REGRESSION).init(&device, Key::new(1));
        let over = head.over(|x: Tensor<2>| own.features(x));
        let prediction = MonteCarlo::new(20).predict(&over, normal(3, [2, 4], &device)).unwrap();
        assert_near(&numbers(&prediction), &HEAD, name);
    }
}

#[test]
fn a_recurrent_layer_within_a_module_of_ones_own_is_sampled() {
    for (name, device) in devices() {
        let sequence = Sequence::new(3, &device).unwrap();
        let model = from_fn(|x: Tensor<3>, pass: &Pass<'_>| Point(sequence.forward(x, pass)));
        let prediction = MonteCarlo::new(20).predict(&model, normal(3, [2, 6, 3], &device)).unwrap();
        assert_near(&numbers(&Prediction::Regression(prediction)), &SEQUENCE, name);
    }
}

#[test]
fn a_trained_model_predicts() {
    for (name, device) in devices() {
        let model = zoo::find("mlp/wine-red").unwrap().load(&device).unwrap();
        let wine = [7.4, 0.7, 0.0, 1.9, 0.076, 11.0, 34.0, 0.9978, 3.51, 0.56, 9.4];
        let prediction = model.predict(&[wine], &MonteCarlo::new(20)).unwrap();
        assert_near(&numbers(&prediction), &WINE, name);
    }
}

#[test]
fn the_network_of_a_trained_model_is_anybodys() {
    for (name, device) in devices() {
        let digits = zoo::find("cnn/digits").unwrap().load_images(&device).unwrap();
        let prediction = MonteCarlo::new(20).predict(digits.cnn(), normal(3, [1, 784], &device)).unwrap();
        assert_near(&numbers(&prediction), &DIGIT, &format!("cnn/digits on {name}"));
        let airline = zoo::find("lstm/airline").unwrap().load_series(&device).unwrap();
        let SequenceInput::Numbers { features, known } = airline.lstm().input() else {
            panic!("a series is of numbers")
        };
        let window = normal(3, [1, 24 * features + known], &device);
        let prediction = MonteCarlo::new(20).predict(airline.lstm(), window).unwrap();
        let steps = numbers(&prediction);
        let (first, last) = (steps[0], steps[11]); // of a year, ahead
        assert_near(&[first, last], &AIRLINE, &format!("lstm/airline on {name}"));
    }
}

/// The importer's features choose their devices; burn-zoo's own names are of what its own features compile in, and the others are errors.
#[test]
fn a_device_by_name_is_one_of_burn_zoos_own_backends() {
    for (name, device) in devices() {
        let spec: DeviceSpec = name.parse().unwrap();
        assert!(spec.is_compiled_in() || !cfg!(feature = "zoo-backends"), "{name}");
        match spec.is_compiled_in() {
            true => assert_eq!(spec.init().unwrap(), device),
            false => {
                let error = spec.init().unwrap_err().to_string();
                assert_eq!(error, format!("device `{name}`: not compiled in: build with `--features {name}`"));
            }
        }
    }
}

/// To the bit, which the operation is not: it adds in another order.
#[test]
fn the_plain_formulation_runs_where_burn_zoo_has_no_backend() {
    for (name, device) in devices() {
        let (lstm, x) = (lstm(&device), normal(3, [64, 10], &device));
        let forward = |lstm: &Lstm| -> Vec<f32> {
            lstm.forward(x.clone(), &Pass::network(Key::new(0))).try_into_vec_as().unwrap()
        };
        let is_plain = forward(&lstm) == forward(&lstm.clone().in_plain_formulation());
        assert_eq!(is_plain, !name.parse::<DeviceSpec>().unwrap().is_compiled_in(), "{name}");
    }
}

/// What needs burn only by way of burn-zoo, and is handed to what the importer's own Burn wants: they are one.
mod without_a_burn_of_ones_own {
    use burn_zoo::{Pass, burn, nn::Dropout};

    #[derive(burn::module::Module, Debug)]
    pub struct Dropped {
        pub dropout: Dropout,
    }

    impl Dropped {
        pub fn forward(&self, x: burn::tensor::Tensor<2>, pass: &Pass<'_>) -> burn::tensor::Tensor<2> {
            self.dropout.forward(x, &pass.at("dropout"))
        }
    }
}

#[test]
fn the_burn_of_burn_zoo_is_the_importers() {
    for (name, device) in devices() {
        let dropout = burn_zoo::nn::DropoutConfig::new(0.5).init();
        let dropped = without_a_burn_of_ones_own::Dropped { dropout };
        let kept: Tensor<2> = dropped.forward(Tensor::ones([1, 64], &device), &Pass::network(Key::new(0)));
        let kept: Vec<f32> = kept.try_into_vec_as().unwrap();
        assert!(
            kept.iter().all(|kept| [0.0, 2.0].contains(kept)) && kept.contains(&0.0) && kept.contains(&2.0),
            "{name}"
        );
    }
}

#[cfg(feature = "zoo-train")]
mod by_burn_zoo {
    use burn_zoo::train::{Examples, OptimizerKind, Quiet, TrainConfig, Trainable, fit, fit_epochs};
    use importer::one_epoch_of_keyed_batches;

    use super::*;

    const OWN: [f64; 4] = [-0.1463065, -0.0984151, 0.0728021, 0.0696582];
    const CNN: [f64; 6] = [0.4364831, 0.5635169, 0.4209586, 0.5790414, 0.0004537, 0.0006922];
    const LSTM: [f64; 4] = [0.1196673, 0.0561105, 0.0345317, 0.0210461];

    fn parts(width: usize, target: fn(&[f32]) -> Vec<f32>) -> [Examples; 2] {
        [(1, 100), (2, 40)].map(|(seed, n)| {
            let [inputs, targets] = columns(&rows(seed, n, width, target));
            Examples::new(inputs, targets, n).unwrap()
        })
    }

    /// By stochastic gradient descent: where a gradient is next to none, a step of AdamW with its epsilon of 1e-8 may be the sign of a rounding error.
    fn fits<M: Model + Trainable>(
        init: fn(&Device) -> M,
        width: usize,
        target: fn(&[f32]) -> Vec<f32>,
        expected: &[f64],
    ) {
        for (name, device) in devices() {
            let config = TrainConfig::new().with_epochs(1).with_batch_size(20).with_learning_rate(0.02);
            let config = config.with_optimizer(OptimizerKind::Sgd);
            let trained = fit(init(&device), &config, parts(width, target), &device, Quiet).unwrap();
            let prediction = MonteCarlo::new(20).predict(&trained.model, normal(3, [2, width], &device)).unwrap();
            assert_near(&numbers(&prediction), expected, name);
        }
    }

    #[test]
    fn a_module_of_ones_own_is_fitted() {
        fits(own, 4, mean, &OWN);
    }

    #[test]
    fn a_cnn_is_fitted() {
        fits(cnn, 36, sign, &CNN);
    }

    #[test]
    fn an_lstm_is_fitted() {
        fits(lstm, 10, mean, &LSTM);
    }

    /// To the same bits as burn-zoo's own loop, which knows no Learner.
    #[test]
    fn ones_own_learner_on_keyed_batches_trains_as_burn_zoo_does() {
        for (name, device) in devices() {
            let config = TrainConfig::new().with_epochs(1).with_batch_size(20).with_seed(7);
            let [train, valid] = parts(4, mean);
            let ours = fit_epochs(own(&device), &config, train.clone(), &device).unwrap();
            let theirs = one_epoch_of_keyed_batches(own(&device), &config, [train, valid], &device).unwrap();
            let predict = |model: &Own| MonteCarlo::new(20).predict(model, normal(3, [2, 4], &device)).unwrap();
            assert_eq!(numbers(&predict(&ours)), numbers(&predict(&theirs)), "{name}");
            assert_ne!(numbers(&predict(&ours)), numbers(&predict(&own(&device))), "{name}: it learned");
        }
    }
}
