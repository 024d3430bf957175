//! Training: the same weights from the same seed, the best epoch's weights, and every task and optimizer learning something.
#![cfg(all(feature = "train", feature = "ndarray", feature = "flex"))]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use burn::{
    data::dataloader::DataLoader,
    module::{Module, ModuleVisitor, Param},
    nn::{Linear, LinearConfig},
    optim::{AdamWConfig, GradientsParams},
    tensor::{Device, Tensor, TensorData},
};
use burn_zoo::{
    DeviceSpec, Error, Key, Pass, Rate, Stochastic,
    models::{HeadConfig, Mlp, MlpConfig, Noise, Task},
    outputs::{BinaryLogits, Gaussian, Logits, MultiLabelLogits, Outputs, Point},
    train::{
        Epoch, Examples, KeyedLoader, Loss, OptimizerKind, Progress, Quiet, Schedule, TrainBatch, TrainConfig,
        Trainable, Trained, fit,
    },
    uncertainty::MonteCarlo,
};

const REGRESSION: Task = Task::Regression { targets: 1, noise: Noise::Constant };

/// Two standard normal inputs a row, and targets made of them and of a noise.
fn examples(rows: usize, key: Key, target: impl Fn([f32; 2], f32) -> Vec<f32>) -> Examples {
    let inputs = key.fold_str("inputs").normal(0, rows, 2);
    let noise = key.fold_str("noise").normal(0, rows, 1);
    let targets = inputs.chunks(2).zip(noise).flat_map(|(x, noise)| target([x[0], x[1]], noise)).collect();
    Examples::new(inputs, targets, rows).unwrap()
}

/// A training and a validation part of one law.
fn parts(target: impl Fn([f32; 2], f32) -> Vec<f32>) -> [Examples; 2] {
    [examples(256, Key::new(1), &target), examples(128, Key::new(2), &target)]
}

fn line([a, b]: [f32; 2], noise: f32) -> Vec<f32> {
    vec![a - 0.5 * b + 0.1 * noise]
}

fn mlp(task: Task, device: &Device) -> Mlp {
    let rate = |rate| Rate::new(rate).unwrap();
    let config = MlpConfig::new(2, task).with_hidden(vec![16]).with_input_rate(rate(0.0)).with_rates(vec![rate(0.1)]);
    config.init(device, Key::new(0).fold_str("init"))
}

fn config(epochs: usize) -> TrainConfig {
    TrainConfig::new().with_epochs(epochs).with_learning_rate(0.01)
}

fn train<M: Trainable>(model: M, config: &TrainConfig, parts: [Examples; 2]) -> Trained<M> {
    fit(model, config, parts, &Device::flex(), Quiet).unwrap()
}

/// All parameters and buffers by path.
fn weights<M: Module>(module: &M) -> BTreeMap<String, Vec<f32>> {
    #[derive(Default)]
    struct Weights(Vec<String>, BTreeMap<String, Vec<f32>>);
    impl ModuleVisitor for Weights {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.0.push(name.to_string());
        }

        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.1.insert(self.0.join("."), param.val().try_into_vec_as().unwrap());
        }
    }
    let mut weights = Weights::default();
    module.visit(&mut weights);
    weights.1
}

fn tensor(values: &[f32], width: usize) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len() / width, width]), &Device::flex())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as().unwrap()
}

/// Inputs and targets of a part as tensors: `examples` again, without the loader.
fn rows(rows: usize, key: Key, target: impl Fn([f32; 2], f32) -> Vec<f32>) -> (Tensor<2>, Tensor<2>) {
    let inputs = key.fold_str("inputs").normal(0, rows, 2);
    let noise = key.fold_str("noise").normal(0, rows, 1);
    let targets: Vec<f32> = inputs.chunks(2).zip(noise).flat_map(|(x, noise)| target([x[0], x[1]], noise)).collect();
    (tensor(&inputs, 2), tensor(&targets, targets.len() / rows))
}

/// The loss of the validation part, computed again.
fn valid_loss<M: Stochastic<Tensor<2>, Output = Outputs>>(
    model: &M,
    target: impl Fn([f32; 2], f32) -> Vec<f32>,
) -> f64 {
    let (inputs, targets) = rows(128, Key::new(2), target);
    let loss = values(Loss::of(model.run(inputs, &Pass::mean()), targets).0);
    loss.iter().map(|&x| f64::from(x)).sum::<f64>() / loss.len() as f64
}

#[test]
fn the_same_seed_gives_the_same_weights_bit_for_bit() {
    for spec in [DeviceSpec::NdArray, DeviceSpec::Flex] {
        let device = spec.init().unwrap();
        let run = || fit(mlp(REGRESSION, &device), &config(3), parts(line), &device, Quiet).unwrap();
        let (first, second) = (run(), run());
        assert_eq!(weights(&first.model), weights(&second.model), "{spec}");
        assert_eq!(first.curve, second.curve, "{spec}");
    }
}

#[test]
fn two_backends_train_alike() {
    let run = |spec: DeviceSpec| {
        let device = spec.init().unwrap();
        fit(mlp(REGRESSION, &device), &config(3), parts(line), &device, Quiet).unwrap().curve
    };
    for (a, b) in run(DeviceSpec::NdArray).iter().zip(&run(DeviceSpec::Flex)) {
        // Rounding, carried through 24 steps.
        assert!((a.train_loss - b.train_loss).abs() < 1e-4 && (a.valid_loss - b.valid_loss).abs() < 1e-4);
    }
}

#[test]
fn the_number_of_loader_workers_changes_no_weight() {
    let run = |workers| {
        weights(&train(mlp(REGRESSION, &Device::flex()), &config(3).with_workers(workers), parts(line)).model)
    };
    let alone = run(0);
    assert_eq!(alone, run(1));
    assert_eq!(alone, run(3));
}

#[test]
fn another_seed_gives_other_weights() {
    let run = |seed| weights(&train(mlp(REGRESSION, &Device::flex()), &config(3).with_seed(seed), parts(line)).model);
    assert_ne!(run(0), run(1));
}

/// Labels that the inputs say little about: a network that is trained for long learns them by heart.
fn noise([a, _]: [f32; 2], noise: f32) -> Vec<f32> {
    vec![0.3 * a + noise]
}

fn overfitting() -> (TrainConfig, [Examples; 2]) {
    let parts = [examples(32, Key::new(1), noise), examples(128, Key::new(2), noise)];
    (config(60).with_learning_rate(0.05).with_patience(60).with_batch_size(8), parts)
}

#[test]
fn the_best_epochs_weights_are_given_back() {
    let (config, parts) = overfitting();
    let trained = train(mlp(REGRESSION, &Device::flex()), &config, parts.clone());
    let best = trained.curve.iter().map(|epoch| epoch.valid_loss).fold(f64::INFINITY, f64::min);
    let last = trained.curve.last().unwrap();
    assert_eq!(trained.curve[trained.best_epoch - 1].valid_loss, best);
    assert!(trained.best_epoch < last.number && best < 0.9 * last.valid_loss, "{trained:?}");
    assert!((valid_loss(&trained.model, noise) - best).abs() < 1e-6 * best);
    // The weights of a training that ends there.
    let shorter = train(mlp(REGRESSION, &Device::flex()), &config.with_epochs(trained.best_epoch), parts);
    assert_eq!(weights(&shorter.model), weights(&trained.model));
}

#[test]
fn epochs_are_numbered_from_1_and_the_best_so_far_are_marked() {
    let (config, parts) = overfitting();
    let curve = train(mlp(REGRESSION, &Device::flex()), &config, parts).curve;
    let mut best = f64::INFINITY;
    for (i, epoch) in curve.iter().enumerate() {
        assert_eq!((epoch.number, epoch.best), (i + 1, epoch.valid_loss < best));
        best = best.min(epoch.valid_loss);
    }
}

#[test]
fn training_stops_when_patience_ends() {
    let (config, parts) = overfitting();
    for patience in [1, 4] {
        let trained = train(mlp(REGRESSION, &Device::flex()), &config.clone().with_patience(patience), parts.clone());
        assert!(trained.curve.len() < 60);
        assert_eq!(trained.curve.len(), trained.best_epoch + patience);
    }
}

#[test]
fn every_optimizer_learns() {
    for optimizer in [OptimizerKind::Adam, OptimizerKind::AdamW, OptimizerKind::Sgd] {
        let trained = train(mlp(REGRESSION, &Device::flex()), &config(15).with_optimizer(optimizer), parts(line));
        let loss = trained.curve[trained.best_epoch - 1].valid_loss;
        // The variance of the targets is 1.26, that of their noise 0.01.
        assert!(loss < 0.1, "{optimizer:?}: {loss}");
    }
}

#[test]
fn weight_decay_shrinks_the_weights() {
    let size = |optimizer, decay| {
        let config = config(5).with_optimizer(optimizer).with_weight_decay(decay);
        let weights = weights(&train(mlp(REGRESSION, &Device::flex()), &config, parts(line)).model);
        weights.values().flatten().map(|w| w * w).sum::<f32>()
    };
    for optimizer in [OptimizerKind::Adam, OptimizerKind::AdamW, OptimizerKind::Sgd] {
        let (without, with) = (size(optimizer, 0.0), size(optimizer, 0.3));
        assert!(with < 0.9 * without, "{optimizer:?}: {without} became {with}");
    }
}

#[test]
fn momentum_changes_sgd_alone() {
    let run = |optimizer, momentum| {
        let config = config(2).with_optimizer(optimizer).with_momentum(momentum);
        weights(&train(mlp(REGRESSION, &Device::flex()), &config, parts(line)).model)
    };
    assert_ne!(run(OptimizerKind::Sgd, 0.0), run(OptimizerKind::Sgd, 0.9));
    assert_eq!(run(OptimizerKind::AdamW, 0.0), run(OptimizerKind::AdamW, 0.9));
}

#[test]
fn a_diverging_training_is_an_error() {
    for optimizer in [OptimizerKind::Adam, OptimizerKind::AdamW, OptimizerKind::Sgd] {
        let config = config(3).with_learning_rate(1e30).with_optimizer(optimizer);
        let error = fit(mlp(REGRESSION, &Device::flex()), &config, parts(line), &Device::flex(), Quiet).unwrap_err();
        assert!(matches!(error, Error::NotLearned), "{error}");
        assert!(error.to_string().contains("the loss was not finite in any epoch"), "{error}");
    }
}

#[test]
fn parts_of_other_widths_are_refused() {
    let [train, _] = parts(line);
    let [_, valid] = parts(|x, noise| [line(x, noise), line(x, noise)].concat());
    let error = fit(mlp(REGRESSION, &Device::flex()), &config(1), [train, valid], &Device::flex(), Quiet).unwrap_err();
    assert_eq!(error.to_string(), "targets of the validation part: expected 1, found 2");
}

#[test]
fn a_setting_that_trains_nothing_is_refused() {
    let error = fit(mlp(REGRESSION, &Device::flex()), &config(0), parts(line), &Device::flex(), Quiet).unwrap_err();
    assert_eq!(error.to_string(), "`train.epochs` is 0: expected at least 1");
}

/// The share of rows where the most probable class, or the sign of every logit, is right.
fn accuracy(outputs: Outputs, targets: &Tensor<2>) -> f64 {
    let width = targets.dims()[1];
    let targets = values(targets.clone());
    let right = |logits: Vec<f32>, right: fn(&[f32], &[f32]) -> bool| {
        let rows = logits.chunks(width).zip(targets.chunks(width));
        rows.clone().filter(|(z, y)| right(z, y)).count() as f64 / rows.len() as f64
    };
    let signs = |z: &[f32], y: &[f32]| z.iter().zip(y).all(|(z, y)| (*z > 0.0) == (*y == 1.0));
    let top = |z: &[f32], y: &[f32]| z.iter().zip(y).all(|(z_i, y)| *y == 0.0 || z.iter().all(|z| z <= z_i));
    match outputs {
        Outputs::Binary(BinaryLogits(z)) | Outputs::MultiLabel(MultiLabelLogits(z)) => right(values(z), signs),
        Outputs::Logits(Logits(z)) => right(values(z), top),
        _ => panic!("no classes"),
    }
}

fn flag(yes: bool) -> f32 {
    f32::from(u8::from(yes))
}

fn half([a, b]: [f32; 2], _: f32) -> Vec<f32> {
    vec![flag(a + b > 0.0)]
}

fn third([a, b]: [f32; 2], _: f32) -> Vec<f32> {
    vec![flag(a > 0.5), flag(a <= 0.5 && b > 0.0), flag(a <= 0.5 && b <= 0.0)]
}

fn quarters([a, b]: [f32; 2], _: f32) -> Vec<f32> {
    vec![flag(a > 0.0), flag(b > 0.0)]
}

#[test]
fn classifiers_of_every_kind_learn() {
    type Law = fn([f32; 2], f32) -> Vec<f32>;
    let tasks: [(Task, Law, f64); 3] = [
        (Task::Binary, half, 0.5),
        (Task::MultiClass { classes: 3 }, third, 0.35),
        (Task::MultiLabel { labels: 2 }, quarters, 0.25),
    ];
    for (task, law, chance) in tasks {
        let trained = train(mlp(task, &Device::flex()), &config(15), parts(law));
        let (inputs, targets) = rows(128, Key::new(2), law);
        let accuracy = accuracy(trained.model.run(inputs.clone(), &Pass::mean()), &targets);
        assert!(accuracy > 0.9 && accuracy > chance + 0.3, "{task:?}: {accuracy}");
        assert_eq!(MonteCarlo::new(4).predict(&trained.model, inputs).unwrap().rows(), 128);
    }
}

#[test]
fn a_regression_of_several_targets_learns_each() {
    let law = |[a, b]: [f32; 2], noise: f32| vec![a + 0.1 * noise, b - 0.1 * noise, a - b];
    let task = Task::Regression { targets: 3, noise: Noise::Constant };
    let trained = train(mlp(task, &Device::flex()), &config(25), parts(law));
    let (inputs, targets) = rows(128, Key::new(2), law);
    let Outputs::Point(Point(mean)) = trained.model.run(inputs, &Pass::mean()) else { panic!("points") };
    let errors = values((mean - targets).square().mean_dim(0));
    assert!(errors.iter().all(|error| *error < 0.15), "{errors:?}");
}

#[test]
fn predicted_noise_is_learnt_where_it_is_large() {
    let law = |[a, b]: [f32; 2], noise: f32| vec![a + noise * if b > 0.0 { 1.0 } else { 0.1 }];
    let task = Task::Regression { targets: 1, noise: Noise::Predicted };
    let trained = train(mlp(task, &Device::flex()), &config(40), parts(law));
    let Outputs::Gaussian(Gaussian { log_variance, .. }) =
        trained.model.run(tensor(&[0.0, 1.0, 0.0, -1.0], 2), &Pass::mean())
    else {
        panic!("Gaussians")
    };
    let sd: Vec<f32> = values(log_variance).iter().map(|log| (0.5 * log).exp()).collect();
    assert!((0.6..1.6).contains(&sd[0]) && sd[1] < 0.4, "{sd:?}");
}

#[test]
fn a_head_learns_on_its_own() {
    let head = HeadConfig::new(2, Task::Binary).with_hidden(Some(16)).with_rate(Rate::new(0.1).unwrap());
    let trained = train(head.init(&Device::flex(), Key::new(0)), &config(25), parts(half));
    let (inputs, targets) = rows(128, Key::new(2), half);
    let accuracy = accuracy(trained.model.run(inputs, &Pass::mean()), &targets);
    assert!(accuracy > 0.85, "{accuracy}");
}

#[test]
fn a_trained_model_is_on_the_inner_device() {
    let trained = train(mlp(REGRESSION, &Device::flex()), &config(1), parts(line));
    assert!(trained.model.devices().iter().all(|device| !device.is_autodiff()));
    let x = tensor(&[0.0, 0.0], 2);
    assert!(MonteCarlo::new(2).predict(&trained.model, x).is_ok());
}

#[test]
fn a_model_on_an_autodiff_device_trains_to_the_same_weights() {
    let inner = train(mlp(REGRESSION, &Device::flex()), &config(2), parts(line));
    let autodiff = train(mlp(REGRESSION, &Device::flex().autodiff()), &config(2), parts(line));
    assert_eq!(weights(&inner.model), weights(&autodiff.model));
    assert!(autodiff.model.devices().iter().all(|device| !device.is_autodiff()));
}

#[test]
fn a_trained_model_can_be_trained_on() {
    let first = train(mlp(REGRESSION, &Device::flex()), &config(2), parts(line));
    let before = first.curve.last().unwrap().valid_loss;
    let second = train(first.model.clone(), &config(10), parts(line));
    assert!(second.curve[0].train_loss < first.curve[0].train_loss);
    assert!(second.curve[second.best_epoch - 1].valid_loss < 0.5 * before, "{second:?}");
    // Training has moved every weight of the second, and none of the first.
    let (old, new) = (weights(&first.model), weights(&second.model));
    assert!(old.iter().all(|(name, values)| &new[name] != values));
    assert!((valid_loss(&first.model, line) - first.curve[first.best_epoch - 1].valid_loss).abs() < 1e-6);
}

#[test]
fn running_statistics_are_trained_and_given_back() {
    let shifted = |x: [f32; 2], noise: f32| line(x, noise);
    let rate = Rate::new(0.1).unwrap();
    let config_ = MlpConfig::new(2, REGRESSION).with_hidden(vec![16]).with_rates(vec![rate]).with_batch_norm(true);
    let before = config_.init(&Device::flex(), Key::new(0));
    let trained = train(before.clone(), &config(5), parts(shifted));
    let (old, new) = (weights(&before), weights(&trained.model));
    assert!(old["layers.0.norm.running_mean"].iter().all(|x| *x == 0.0));
    assert_ne!(old["layers.0.norm.running_mean"], new["layers.0.norm.running_mean"]);
    assert_ne!(old["layers.0.norm.running_var"], new["layers.0.norm.running_var"]);
    assert!(new["layers.0.norm.running_var"].iter().all(|x| *x > 0.0));
    // The statistics belong to the best epoch's weights: with them its loss comes out.
    let best = trained.curve[trained.best_epoch - 1].valid_loss;
    assert!((valid_loss(&trained.model, shifted) - best).abs() < 1e-6 * best.max(1.0));
    // The model that went in keeps its own.
    assert_eq!(weights(&before), old);
}

#[test]
fn whoever_watches_is_told_every_epoch_and_the_end() {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<String>>>);
    impl Progress for Log {
        fn start(&mut self, epochs: usize) {
            self.0.lock().unwrap().push(format!("start {epochs}"));
        }

        fn epoch(&mut self, epoch: &Epoch) {
            self.0.lock().unwrap().push(format!("epoch {}", epoch.number));
        }

        fn end(&mut self) {
            self.0.lock().unwrap().push("end".to_string());
        }
    }
    let log = Log::default();
    fit(mlp(REGRESSION, &Device::flex()), &config(2), parts(line), &Device::flex(), log.clone()).unwrap();
    assert_eq!(*log.0.lock().unwrap(), ["start 2", "epoch 1", "epoch 2", "end"]);
}

#[test]
fn a_batch_of_one_row_left_over_is_trained_with_its_neighbours() {
    let law = line;
    let parts = [examples(33, Key::new(1), law), examples(1, Key::new(2), law)];
    let config_ = MlpConfig::new(2, REGRESSION).with_hidden(vec![4]).with_batch_norm(true);
    let trained = train(config_.init(&Device::flex(), Key::new(0)), &config(2), parts);
    assert!(trained.curve.iter().all(|epoch| epoch.train_loss.is_finite() && epoch.valid_loss.is_finite()));
}

/// That a loss is, row by row, what was computed by hand in f64.
#[track_caller]
fn assert_loss(output: Outputs, targets: Tensor<2>, expected: &[f64]) {
    let found = values(Loss::of(output, targets).0);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((f64::from(*found) - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{found}: expected {expected}");
    }
}

#[test]
fn the_loss_of_points_is_the_squared_error() {
    let points = Outputs::Point(Point(tensor(&[1.0, 2.0, -3.0, 0.5], 2)));
    // ((1 - 0)^2 + (2 - 4)^2) / 2, (0 + 0.5^2) / 2
    assert_loss(points, tensor(&[0.0, 4.0, -3.0, 0.0], 2), &[2.5, 0.125]);
}

#[test]
fn the_loss_of_gaussians_is_their_negative_log_likelihood_without_its_constant() {
    let mean = tensor(&[1.0, 0.0, 3.0, 0.0], 2);
    let log_variance = tensor(&[0.0, 4f32.ln(), -10.0, 10.0], 2);
    let gaussian = Outputs::Gaussian(Gaussian { mean, log_variance });
    // (log variance + squared error / variance) / 2, mean over the targets
    let first = 0.5 * (0.5 * 4.0 + 0.5 * (4f64.ln() + 1.0 / 4.0));
    let second = 0.5 * (0.5 * (-10.0 + 0.25 * 10f64.exp()) + 0.5 * (10.0 + 4.0 * (-10f64).exp()));
    assert_loss(gaussian, tensor(&[-1.0, 1.0, 3.5, 2.0], 2), &[first, second]);
}

#[test]
fn the_loss_of_logits_is_the_cross_entropy() {
    let logits = Outputs::Logits(Logits(tensor(&[1.0, 2.0, 3.0, 0.0, 0.0, 0.0], 3)));
    let sum = 1f64.exp() + 2f64.exp() + 3f64.exp();
    assert_loss(logits, tensor(&[0.0, 1.0, 0.0, 1.0, 0.0, 0.0], 3), &[sum.ln() - 2.0, 3f64.ln()]);
}

#[test]
fn the_loss_of_binary_and_of_many_labels_is_the_mean_cross_entropy() {
    let softplus = |z: f64| z.exp().ln_1p();
    let binary = Outputs::Binary(BinaryLogits(tensor(&[0.7, -1.5, 0.0], 1)));
    let targets = tensor(&[1.0, 1.0, 0.0], 1);
    assert_loss(binary, targets, &[softplus(-0.7), softplus(1.5), 2f64.ln()]);
    let labels = Outputs::MultiLabel(MultiLabelLogits(tensor(&[0.7, -1.5], 2)));
    assert_loss(labels, tensor(&[1.0, 0.0], 2), &[(softplus(-0.7) + softplus(-1.5)) / 2.0]);
}

#[test]
fn extreme_logits_have_finite_losses_and_right_gradients() {
    let z = [-200.0, -200.0, 200.0, 200.0, -1.5, 0.7, 0.0, 0.0];
    let y = [0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0];
    let on =
        |values: &[f32]| Tensor::<2>::from_data(TensorData::new(values.to_vec(), [8, 1]), &Device::flex().autodiff());
    let logits = on(&z).require_grad();
    let loss = Loss::of(Outputs::Binary(BinaryLogits(logits.clone())), on(&y)).0;
    let found = values(loss.clone());
    for ((z, y), found) in z.iter().zip(&y).zip(&found) {
        let (z, y) = (f64::from(*z), f64::from(*y));
        let expected = z.max(0.0) - y * z + (-z.abs()).exp().ln_1p();
        assert!((f64::from(*found) - expected).abs() < 1e-5, "{found}: expected {expected}");
    }
    let gradient = values(logits.grad(&loss.sum().backward()).unwrap());
    for ((z, y), found) in z.iter().zip(&y).zip(&gradient) {
        let expected = 1.0 / (1.0 + (-z).exp()) - y; // sigmoid(z) - y
        assert!((found - expected).abs() < 1e-6, "at {z}: {found}, expected {expected}");
    }

    let logits = on(&[200.0, -200.0, 0.0, 1.0, -200.0, -200.0, 200.0, 200.0]).reshape([2, 4]).require_grad();
    let targets = on(&[0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]).reshape([2, 4]);
    let loss = Loss::of(Outputs::Logits(Logits(logits.clone())), targets).0;
    assert_eq!(values(loss.clone()), [400.0, 2f32.ln()]);
    let gradient = values(logits.grad(&loss.sum().backward()).unwrap());
    for (found, expected) in gradient.iter().zip([1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.5, -0.5]) {
        assert!((found - expected).abs() < 1e-6, "{gradient:?}");
    }
}

#[test]
#[should_panic(expected = "axis 1 expected 3, got 1")]
fn targets_of_another_width_are_no_silent_broadcast() {
    // Class numbers where one-hot rows belong.
    Loss::of(Outputs::Logits(Logits(tensor(&[1.0, 2.0, 3.0], 3))), tensor(&[2.0], 1));
}

/// A network without dropout, and all rows in a batch: what weights do is arithmetic.
fn full_batch(parts: [Examples; 2]) -> Trained<Mlp> {
    let zero = Rate::new(0.0).unwrap();
    let mlp = MlpConfig::new(2, REGRESSION).with_hidden(vec![8]).with_input_rate(zero).with_rates(vec![zero]);
    let config = config(4).with_batch_size(64).with_optimizer(OptimizerKind::Sgd);
    train(mlp.init(&Device::flex(), Key::new(0)), &config, parts)
}

/// Rows of a part by number.
fn chosen(rows: &[usize]) -> Examples {
    let (inputs, targets) = self::rows(32, Key::new(1), line);
    let pick =
        |values: Vec<f32>, width: usize| rows.iter().flat_map(|&row| values[row * width..][..width].to_vec()).collect();
    Examples::new(pick(values(inputs), 2), pick(values(targets), 1), rows.len()).unwrap()
}

#[track_caller]
fn assert_alike(found: &Trained<Mlp>, expected: &Trained<Mlp>) {
    for (path, expected) in weights(&expected.model) {
        let found = &weights(&found.model)[&path];
        // Sums of other lengths and orders.
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5), "{path}: {found:?}, {expected:?}");
    }
    for (found, expected) in found.curve.iter().zip(&expected.curve) {
        assert!(
            (found.train_loss - expected.train_loss).abs() < 1e-5
                && (found.valid_loss - expected.valid_loss).abs() < 1e-5
        );
    }
}

#[test]
fn a_row_of_weight_zero_is_not_there() {
    let all: Vec<usize> = (0..32).collect();
    let mut weights = vec![3.0; 32];
    weights[0] = 0.0;
    weights[17] = 0.0;
    let left: Vec<usize> = all.iter().copied().filter(|row| weights[*row] > 0.0).collect();
    let part = || chosen(&all).with_weights(weights.clone()).unwrap();
    assert_alike(&full_batch([part(), part()]), &full_batch([chosen(&left), chosen(&left)]));
}

#[test]
fn a_row_of_twice_the_weight_is_there_twice() {
    let all: Vec<usize> = (0..32).collect();
    let mut weights = vec![0.5; 32];
    weights[5] = 1.0;
    let part = || chosen(&all).with_weights(weights.clone()).unwrap();
    let twice = [&all[..], &[5]].concat();
    assert_alike(&full_batch([part(), part()]), &full_batch([chosen(&twice), chosen(&twice)]));
}

#[test]
fn weights_that_are_all_alike_change_no_bit() {
    let [plain, weighted] = [false, true].map(|weighted| {
        let parts = parts(line).map(|part| match weighted {
            true => part.clone().with_weights(vec![0.7; part.rows()]).unwrap(),
            false => part,
        });
        train(mlp(REGRESSION, &Device::flex()), &config(3), parts)
    });
    assert_eq!(weights(&plain.model), weights(&weighted.model));
    assert_eq!(plain.curve, weighted.curve);
}

#[test]
fn weights_that_make_no_mean_are_refused() {
    let error = |weights: Vec<f32>| chosen(&[0, 1, 2]).with_weights(weights).unwrap_err().to_string();
    assert_eq!(error(vec![1.0]), "weights of 3 rows: expected 3, found 1");
    assert_eq!(error(vec![1.0, -1.0, 1.0]), "weights, row 1: `-1` is not a finite number not below 0");
    assert_eq!(error(vec![1.0, 1.0, f32::NAN]), "weights, row 2: `NaN` is not a finite number not below 0");
    assert_eq!(error(vec![0.0; 3]), "weights: `0` is not above 0 in any row");
}

#[test]
fn by_default_a_training_is_the_optimizer_on_the_mean_loss() {
    let device = Device::flex().autodiff();
    let (start, config, [train_part, valid]) = (mlp(REGRESSION, &device), config(2), parts(line));
    let loader = KeyedLoader::shuffled(Arc::new(train_part.clone()), 32, Key::new(0), 1, 0, &device);
    let mut optimizer = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(1e-4).init();
    let mut model = start.clone();
    for _ in 0..config.epochs {
        for batch in loader.iter() {
            let TrainBatch { inputs, targets, mask_key, .. } = batch.unwrap();
            let loss = Loss::of(model.run(inputs, &Pass::train(mask_key)), targets).0.mean();
            let grads = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(config.learning_rate, model, grads);
        }
    }
    let trained = train(start, &config, [train_part, valid]);
    assert_eq!(trained.best_epoch, config.epochs);
    assert_eq!(weights(&trained.model), weights(&model.valid()));
}

#[test]
fn limits_that_are_never_reached_change_no_bit() {
    let run = |config| train(mlp(REGRESSION, &Device::flex()), &config, parts(line));
    let (plain, limited) = (run(config(3)), run(config(3).with_clip_norm(1e6).with_max_norm(1e6)));
    assert_eq!(weights(&limited.model), weights(&plain.model));
    for (limited, plain) in limited.curve.iter().zip(&plain.curve) {
        assert_eq!((limited.clipped, plain.clipped, plain.grad_norm), (Some(0.0), None, None));
        assert!(limited.grad_norm.unwrap() > 0.0);
    }
}

#[test]
fn hidden_units_keep_to_the_max_norm_and_outputs_need_not() {
    let config = config(6).with_learning_rate(0.05).with_max_norm(0.4);
    let weights = weights(&train(mlp(REGRESSION, &Device::flex()), &config, parts(line)).model);
    let norms = |path: &str, units: usize| -> Vec<f32> {
        let weight = &weights[path];
        (0..units).map(|unit| weight.iter().skip(unit).step_by(units).map(|w| w * w).sum::<f32>().sqrt()).collect()
    };
    let hidden = norms("layers.0.linear.weight", 16);
    assert!(hidden.iter().all(|norm| *norm < 0.4 + 1e-6) && hidden.iter().any(|norm| *norm > 0.4 - 1e-6), "{hidden:?}");
    assert!(norms("output.weight", 1)[0] > 0.4);
}

#[test]
fn the_curve_tells_rate_penalty_and_clipping_of_its_epoch() {
    let config = config(4)
        .with_l1(0.01)
        .with_l2(0.02)
        .with_clip_norm(0.5)
        .with_schedule(Schedule::Exponential { gamma: 0.5 })
        .with_patience(4);
    let trained = train(mlp(REGRESSION, &Device::flex()), &config, parts(line));
    let rates: Vec<f64> = trained.curve.iter().map(|epoch| epoch.learning_rate).collect();
    assert_eq!(rates, [0.01, 0.005, 0.0025, 0.00125]);
    let weights = weights(&trained.model);
    let penalised = weights.iter().filter(|(path, _)| path.ends_with("weight")).flat_map(|(_, values)| values);
    let expected: f64 = penalised.map(|&w| 0.01 * f64::from(w.abs()) + 0.02 * f64::from(w * w)).sum();
    let best = trained.curve[trained.best_epoch - 1];
    assert!((best.penalty - expected).abs() < 1e-5 * expected, "{}: expected {expected}", best.penalty);
    for epoch in &trained.curve {
        let (norm, clipped) = (epoch.grad_norm.unwrap(), epoch.clipped.unwrap());
        // Of the 8 steps of an epoch.
        assert!(norm > 0.0 && (0.0..=1.0).contains(&clipped) && (clipped * 8.0).fract() == 0.0, "{epoch:?}");
    }
    assert!(trained.curve[0].clipped > Some(0.0), "{:?}", trained.curve);
}

#[test]
fn there_is_no_label_to_smooth_in_a_regression() {
    let config = config(2).with_label_smoothing(0.1);
    for noise in [Noise::Constant, Noise::Predicted] {
        let mlp = mlp(Task::Regression { targets: 1, noise }, &Device::flex());
        let error = fit(mlp, &config, parts(line), &Device::flex(), Quiet).unwrap_err().to_string();
        let expected = "`train.label_smoothing` is 0.1: expected 0 for a regression or the next word: only classes have labels to smooth";
        assert_eq!(error, expected);
    }
    assert!(train(mlp(Task::Binary, &Device::flex()), &config, parts(half)).curve[1].train_loss > 0.0);
}

#[test]
fn a_module_of_ones_own_needs_to_say_what_it_predicts_and_no_more() {
    #[derive(Module, Debug)]
    struct Line {
        output: Linear,
    }
    impl Stochastic<Tensor<2>> for Line {
        type Output = Outputs;

        fn run(&self, input: Tensor<2>, _: &Pass<'_>) -> Outputs {
            Outputs::Point(Point(self.output.forward(input)))
        }
    }
    let line_of = Line { output: LinearConfig::new(2, 1).init(&Device::flex()) };
    let weight = values(train(line_of, &config(20).with_learning_rate(0.05), parts(line)).model.output.weight.val());
    assert!((weight[0] - 1.0).abs() < 0.05 && (weight[1] + 0.5).abs() < 0.05, "{weight:?}");
}

#[test]
fn settings_out_of_range_are_named() {
    let config = TrainConfig::new().with_epochs(5);
    for (config, says) in [
        (config.clone().with_l1(-1.0), "`train.l1` is -1: expected a number not below 0"),
        (config.clone().with_l2(f64::NAN), "`train.l2` is NaN: expected a number not below 0"),
        (config.clone().with_max_norm(f64::INFINITY), "`train.max_norm` is inf: expected a number not below 0"),
        (config.clone().with_clip_norm(-0.5), "`train.clip_norm` is -0.5: expected a number not below 0"),
        (config.clone().with_label_smoothing(1.0), "`train.label_smoothing` is 1: expected 0 <= label_smoothing < 1"),
        (config.clone().with_momentum(1.0), "`train.momentum` is 1: expected 0 <= momentum < 1"),
        (config.clone().with_warmup(5), "`train.warmup` is 5: expected less than train.epochs, 5"),
    ] {
        assert_eq!(config.check().unwrap_err().to_string(), says);
    }
    assert!(config.with_warmup(4).check().is_ok());
}
