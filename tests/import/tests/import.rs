//! What somebody can do who imports burn-zoo, on the backends that they chose themselves.
//!
//! Run by `.ci/run`, from this directory: `cargo test`, and `cargo test --features zoo-backends`.

use burn::tensor::{Device, Tensor, TensorData};
use burn_zoo::{
    Key, Pass, from_fn,
    models::{CnnConfig, HeadConfig, LstmConfig, Noise, Pool, SequenceInput, Stage, Task},
    outputs::Point,
    train::{Examples, Quiet, TrainConfig, Trainable, fit},
    uncertainty::MonteCarlo,
    zoo,
};
use importer::{Own, Sequence};

#[allow(deprecated)] // a supported backend of burn-zoo
fn devices() -> [Device; 2] {
    [Device::flex(), Device::ndarray()]
}

fn numbers(seed: u64, n: usize) -> Vec<f32> {
    Key::new(seed).normal(0, 1, n)
}

fn tensor<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(numbers(seed, shape.iter().product()), shape), device)
}

/// One epoch on 60 rows whose target is the mean of their inputs.
fn one_epoch<M: Trainable>(model: M, width: usize, device: &Device) -> M {
    let part = |seed: u64, rows: usize| {
        let inputs = numbers(seed, rows * width);
        let targets = inputs.chunks(width).map(|row| row.iter().sum::<f32>() / width as f32).collect();
        Examples::new(inputs, targets, rows).unwrap()
    };
    let config = TrainConfig::new().with_epochs(1).with_batch_size(20);
    let trained = fit(model, &config, [part(1, 60), part(2, 20)], device, Quiet).unwrap();
    assert!(trained.curve[0].train_loss.is_finite());
    trained.model
}

const REGRESSION: Task = Task::Regression { targets: 1, noise: Noise::Constant };

#[test]
fn a_layer_trains_within_a_module_of_ones_own_and_is_sampled() {
    for device in devices() {
        let own = one_epoch(Own::new(4, &device), 4, &device);
        let prediction = MonteCarlo::new(20).predict(&own, tensor(3, [5, 4], &device)).unwrap();
        let prediction = prediction.regression().unwrap();
        assert!(prediction.epistemic_variance().iter().all(|variance| *variance > 0.0));
    }
}

#[test]
fn a_head_samples_over_a_backbone_of_ones_own() {
    for device in devices() {
        let own = Own::new(4, &device);
        let head = HeadConfig::new(16, REGRESSION).init(&device, Key::new(0));
        let over = head.over(move |x: Tensor<2>| own.features(x));
        let prediction = MonteCarlo::new(20).predict(&over, tensor(3, [5, 4], &device)).unwrap();
        assert_eq!(prediction.rows(), 5);
    }
}

#[test]
fn a_model_of_the_zoo_predicts() {
    for device in devices() {
        let model = zoo::find("mlp/wine-red").unwrap().load(&device).unwrap();
        let wine = [7.4, 0.7, 0.0, 1.9, 0.076, 11.0, 34.0, 0.9978, 3.51, 0.56, 9.4];
        let quality = model.predict(&[wine], &MonteCarlo::new(20)).unwrap().regression().unwrap();
        assert!((4.0..7.0).contains(&quality.mean()[0]), "{:?}", quality.mean());
    }
}

#[test]
fn a_cnn_and_an_lstm_train_on_any_backend() {
    for device in devices() {
        let stage = Stage { pool: Pool::Max(2), dropout: "spatial:0.1".parse().unwrap(), ..Stage::new(3, 3) };
        let cnn = CnnConfig::new([1, 8, 8], REGRESSION).with_stages(vec![stage]).with_hidden(vec![8]);
        one_epoch(cnn.init(&device, Key::new(0)), 64, &device);
        let input = SequenceInput::Numbers { features: 2, known: 0 };
        let lstm = one_epoch(LstmConfig::new(input, REGRESSION).with_hidden(8).init(&device, Key::new(0)), 2 * 6, &device);
        let prediction = MonteCarlo::new(10).predict(&lstm, tensor(4, [3, 12], &device)).unwrap();
        assert_eq!(prediction.rows(), 3);
    }
}

#[test]
fn a_recurrent_layer_works_within_a_module_of_ones_own() {
    let [flex, ndarray] = devices().map(|device| {
        let sequence = Sequence::new(3, &device);
        let model = from_fn(move |x: Tensor<3>, pass: &Pass<'_>| Point(sequence.forward(x, pass)));
        MonteCarlo::new(20).predict(&model, tensor(5, [4, 6, 3], &device)).unwrap()
    });
    for (a, b) in flex.mean().iter().zip(ndarray.mean()) {
        assert!((a - b).abs() < 1e-5, "{a} on flex, {b} on ndarray");
    }
}
