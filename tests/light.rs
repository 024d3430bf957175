//! The light loop against burn-train's Learner: the same bits.
#![cfg(all(feature = "train", feature = "ndarray", feature = "flex"))]

mod common;

use burn::tensor::Device;
use burn_zoo::{
    Error, Key,
    models::{HeadConfig, Mlp, MlpConfig, Noise, Task, UncertaintyHead},
    train::{Examples, OptimizerKind, Quiet, TrainConfig, Trainable, Trained, fit, fit_epochs, fit_light},
};
use common::{devices, parameters, rate};

const INPUTS: usize = 3;
const CONSTANT: Task = Task::Regression { targets: 1, noise: Noise::Constant };
const PREDICTED: Task = Task::Regression { targets: 1, noise: Noise::Predicted };

/// Noisy labels: a network that is trained for long learns them by heart, and an early epoch is the best.
fn examples(rows: usize, seed: u64) -> Examples {
    let inputs = Key::new(seed).fold_str("inputs").normal(0, rows, INPUTS);
    let noise = Key::new(seed).fold_str("noise").normal(0, rows, 1);
    let targets = inputs.chunks(INPUTS).zip(noise).map(|(x, noise)| 0.3 * x[0] * x[1] + noise).collect();
    Examples::new(inputs, targets, rows).unwrap()
}

/// 90 rows in batches of 16 leave 10, 81 leave a single one.
fn parts(rows: usize) -> [Examples; 2] {
    [examples(rows, 1), examples(70, 2)]
}

fn mlp(task: Task, device: &Device) -> Mlp {
    let config = MlpConfig::new(INPUTS, task).with_hidden(vec![12, 8]).with_batch_norm(true);
    config.with_input_rate(rate(0.05)).with_rates(vec![rate(0.2)]).init(device, Key::new(0).fold_str("init"))
}

fn head(device: &Device) -> UncertaintyHead {
    HeadConfig::new(INPUTS, PREDICTED).init(device, Key::new(0).fold_str("init"))
}

fn config() -> TrainConfig {
    TrainConfig::new().with_epochs(40).with_patience(6).with_batch_size(16).with_learning_rate(0.02).with_seed(3)
}

/// Bit for bit: every f32 is equal as f64, and none is NaN.
fn assert_equal<M: Trainable>(light: &Trained<M>, learner: &Trained<M>, what: &str) {
    assert_eq!(light.curve, learner.curve, "{what}");
    assert_eq!(light.best_epoch, learner.best_epoch, "{what}");
    assert_eq!(parameters(&light.model), parameters(&learner.model), "{what}");
    assert!(!light.model.devices().iter().any(Device::is_autodiff), "{what}: on the inner device");
}

fn compare<M: Trainable>(model: impl Fn(&Device) -> M, config: &TrainConfig, rows: usize, what: &str) {
    for (name, device) in devices() {
        let light = fit_light(model(&device), config, parts(rows), &device).unwrap();
        let learner = fit(model(&device), config, parts(rows), &device, Quiet).unwrap();
        assert_equal(&light, &learner, &format!("{what} on {name}"));
        assert!(learner.curve.len() > 2, "{what}: something was compared");
    }
}

#[test]
fn the_light_loop_gives_the_learners_bits_with_dropout_and_batch_norm() {
    compare(|device| mlp(CONSTANT, device), &config(), 90, "a batch of 10 left over");
    compare(|device| mlp(PREDICTED, device), &config(), 81, "a row left over");
}

#[test]
fn the_light_loop_gives_the_learners_bits_with_every_optimizer() {
    for optimizer in [OptimizerKind::Adam, OptimizerKind::AdamW, OptimizerKind::Sgd] {
        let config = config().with_optimizer(optimizer).with_epochs(8).with_weight_decay(0.01);
        compare(|device| mlp(CONSTANT, device), &config, 90, &format!("{optimizer:?}"));
    }
}

#[test]
fn the_light_loop_gives_the_learners_bits_with_all_that_a_step_can_do() {
    let config = config().with_l1(1e-3).with_l2(1e-2).with_max_norm(1.0).with_clip_norm(0.5);
    let config = config.with_schedule("cosine".parse().unwrap()).with_warmup(3).with_epochs(10);
    for (name, device) in devices() {
        let weights = |part: Examples| {
            let weights = (0..part.rows()).map(|row| (row % 4) as f32).collect();
            part.with_weights(weights).unwrap()
        };
        let parts = || parts(90).map(weights);
        let light = fit_light(mlp(CONSTANT, &device), &config, parts(), &device).unwrap();
        let learner = fit(mlp(CONSTANT, &device), &config, parts(), &device, Quiet).unwrap();
        assert_equal(&light, &learner, name);
        let epoch = learner.curve[4];
        assert!(epoch.penalty > 0.0 && epoch.clipped > Some(0.0) && epoch.learning_rate < 0.02, "{epoch:?}");
    }
}

#[test]
fn the_light_loop_smooths_labels_as_the_learner_does() {
    let task = Task::MultiClass { classes: 3 };
    let config = config().with_label_smoothing(0.1).with_epochs(5);
    let classes = |rows, seed| {
        let inputs = Key::new(seed).normal(0, rows, INPUTS);
        let class = |x: &[f32]| usize::from(x[0] > 0.0) + usize::from(x[1] > 0.5);
        let targets =
            inputs.chunks(INPUTS).flat_map(|x| [0, 1, 2].map(|i| f32::from(u8::from(class(x) == i)))).collect();
        Examples::new(inputs, targets, rows).unwrap()
    };
    let device = Device::flex();
    let parts = || [classes(90, 1), classes(70, 2)];
    let light = fit_light(mlp(task, &device), &config, parts(), &device).unwrap();
    let learner = fit(mlp(task, &device), &config, parts(), &device, Quiet).unwrap();
    assert_equal(&light, &learner, "smoothed");
    let wrong = fit_light(mlp(CONSTANT, &device), &config, self::parts(90), &device).unwrap_err();
    assert!(wrong.to_string().contains("label_smoothing"), "{wrong}");
    let wrong = fit_epochs(mlp(CONSTANT, &device), &config, examples(90, 1), &device).unwrap_err();
    assert!(wrong.to_string().contains("label_smoothing"), "{wrong}");
}

#[test]
fn the_light_loop_trains_a_head_as_the_learner_does() {
    compare(head, &config().with_epochs(8), 90, "head");
}

#[test]
fn an_early_epoch_is_the_best_and_training_stops_after_it() {
    let trained = fit_light(mlp(CONSTANT, &Device::flex()), &config(), parts(90), &Device::flex()).unwrap();
    assert_eq!(trained.curve.len(), trained.best_epoch + 6);
    assert!(trained.curve.len() < 40);
}

#[test]
fn a_model_that_was_trained_before_goes_on_as_with_the_learner() {
    let device = Device::flex();
    let once = fit_light(mlp(CONSTANT, &device), &config().with_epochs(3), parts(90), &device).unwrap().model;
    let config = config().with_epochs(4).with_seed(5);
    let light = fit_light(once.clone(), &config, parts(90), &device).unwrap();
    let learner = fit(once, &config, parts(90), &device, Quiet).unwrap();
    assert_equal(&light, &learner, "again");
}

#[test]
fn a_fixed_number_of_epochs_gives_the_last_weights() {
    for (name, device) in devices() {
        // The last epoch of this curve is its best, so that the Learner gives back the last weights too.
        let learner = fit(mlp(CONSTANT, &device), &config(), parts(90), &device, Quiet).unwrap();
        let config = config().with_epochs(learner.best_epoch);
        let last = fit_epochs(mlp(CONSTANT, &device), &config, examples(90, 1), &device).unwrap();
        assert_eq!(parameters(&last), parameters(&learner.model), "{name}");
        let more = config.clone().with_epochs(config.epochs + 1);
        let next = fit_epochs(mlp(CONSTANT, &device), &more, examples(90, 1), &device).unwrap();
        assert_ne!(parameters(&last), parameters(&next), "{name}");
    }
}

#[test]
fn patience_does_not_stop_a_fixed_number_of_epochs() {
    let run = |patience| {
        let config = config().with_epochs(12).with_patience(patience);
        parameters(&fit_epochs(mlp(CONSTANT, &Device::flex()), &config, examples(90, 1), &Device::flex()).unwrap())
    };
    assert_eq!(run(1), run(100));
}

#[test]
fn a_diverging_training_is_the_learners_error() {
    let device = Device::flex();
    let config = config().with_epochs(3).with_learning_rate(1e30);
    let learner = fit(mlp(CONSTANT, &device), &config, parts(90), &device, Quiet).unwrap_err();
    let light = fit_light(mlp(CONSTANT, &device), &config, parts(90), &device).unwrap_err();
    let epochs = fit_epochs(mlp(CONSTANT, &device), &config, examples(90, 1), &device).unwrap_err();
    assert_eq!(light.to_string(), learner.to_string());
    assert_eq!(epochs.to_string(), learner.to_string());
}

#[test]
fn settings_and_parts_are_checked_as_for_the_learner() {
    let device = Device::flex();
    let wrong = fit_light(mlp(CONSTANT, &device), &config().with_epochs(0), parts(90), &device).unwrap_err();
    assert!(matches!(wrong, Error::Config { .. }), "{wrong}");
    let wrong = fit_epochs(mlp(CONSTANT, &device), &config().with_batch_size(0), examples(90, 1), &device).unwrap_err();
    assert!(matches!(wrong, Error::Config { .. }), "{wrong}");
    let narrow = Examples::new(vec![0.0; 10], vec![0.0; 10], 10).unwrap();
    let wrong = fit_light(mlp(CONSTANT, &device), &config(), [examples(90, 1), narrow], &device).unwrap_err();
    assert_eq!(wrong.to_string(), "inputs of the validation part: expected 3, found 1");
}
