//! Training on texts that go on from batch to batch: truncated back-propagation with a carried state, by every loop, and over an interruption.
#![cfg(all(feature = "train", feature = "ndarray", feature = "flex"))]

mod common;

use std::{fs, path::PathBuf};

use burn::{
    module::Module,
    optim::{GradientsParams, SgdConfig},
    tensor::{Device, Tensor},
};
use burn_zoo::{
    Key, Pass, Stochastic, StochasticStream,
    models::{Lstm, LstmConfig, SequenceInput, Task},
    nn::MaskTime,
    outputs::Outputs,
    train::{
        Epoch, Examples, Loss, OptimizerKind, Progress, Quiet, Streaming, TrainConfig, Trained, fit, fit_epochs,
        fit_from, fit_light,
    },
};
use common::{OF_LARGEST, assert_near, devices, gradients, parameters, rate, tensor, values};

const WORDS: usize = 5;
/// Of a window.
const STEPS: usize = 4;
const STREAMS: usize = 3;
const WINDOWS: usize = 5;

fn config() -> LstmConfig {
    let input = SequenceInput::Words { vocabulary: WORDS, embedding: 6 };
    LstmConfig::new(input, Task::NextWord { vocabulary: WORDS })
        .with_hidden(6)
        .with_tied(true)
        .with_word_rate(rate(0.1))
        .with_input_rate(rate(0.2))
        .with_recurrent_rate(rate(0.2))
        .with_output_rate(rate(0.2))
        .with_weight_rate(rate(0.1))
}

fn lstm(device: &Device) -> Lstm {
    config().init(device, Key::new(0).fold_str("init"))
}

fn model(device: &Device) -> Streaming<Lstm> {
    Streaming::new(lstm(device))
}

/// Windows of texts in `streams` streams. Each begins in the first window, and the second stream begins another text in the fourth; the last window of the
/// third ends early. `carried` says whether anything goes on at all.
fn windows(seed: u64, streams: usize, carried: bool) -> (Vec<f32>, Vec<f32>) {
    let n = WINDOWS * STEPS + 1;
    let text = |stream: usize| -> Vec<f32> {
        let drawn = Key::new(seed).fold(stream as u64).uniform(0, 1, n);
        // What comes next is what came two words ago, mostly: there is something to remember.
        let mut words: Vec<f32> = drawn.iter().map(|u| (u * WORDS as f32).floor()).collect();
        (2..n).filter(|at| drawn[*at] < 0.7).for_each(|at| words[at] = words[at - 2]);
        words
    };
    let texts: Vec<Vec<f32>> = (0..streams).map(text).collect();
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    for window in 0..WINDOWS {
        for (stream, words) in texts.iter().enumerate() {
            let begins = window == 0 || (stream == 1 && window == 3) || !carried;
            let first = window * STEPS;
            let end = if (stream, window) == (2, WINDOWS - 1) { first + 2 } else { first + STEPS };
            let until = |at: usize, word: f32| if at < end { word } else { -1.0 };
            inputs.push(f32::from(u8::from(begins)));
            inputs.extend((first..first + STEPS).map(|at| until(at, words[at])));
            targets.extend((first..first + STEPS).map(|at| until(at, words[at + 1])));
        }
    }
    (inputs, targets)
}

fn examples(seed: u64, streams: usize, carried: bool) -> Examples {
    let (inputs, targets) = windows(seed, streams, carried);
    Examples::new(inputs, targets, streams * WINDOWS).unwrap().in_streams(streams).unwrap()
}

fn parts() -> [Examples; 2] {
    [examples(1, STREAMS, true), examples(2, 2, true)]
}

fn training(epochs: usize) -> TrainConfig {
    TrainConfig::new().with_epochs(epochs).with_patience(epochs).with_learning_rate(0.05).with_seed(3)
}

/// The batches of an epoch: windows, and the words that follow.
fn batches(seed: u64, streams: usize, device: &Device) -> Vec<[Tensor<2>; 2]> {
    let (inputs, targets) = windows(seed, streams, true);
    let part = |values: &[f32], batch: usize| {
        let values: Vec<f64> =
            values.chunks(values.len() / WINDOWS).nth(batch).unwrap().iter().map(|x| f64::from(*x)).collect();
        tensor::<2>(&values, [streams, values.len() / streams], device)
    };
    (0..WINDOWS).map(|batch| [part(&inputs, batch), part(&targets, batch)]).collect()
}

#[test]
fn training_is_a_loop_by_hand_that_carries_a_detached_state() {
    for (name, device) in devices() {
        let training = training(3).with_optimizer(OptimizerKind::Sgd).with_momentum(0.0).with_weight_decay(0.0);
        let found = fit_epochs(model(&device), &training, examples(1, STREAMS, true), &device).unwrap().into_model();

        let autodiff = device.clone().autodiff();
        let mut by_hand = lstm(&device).train().fork(&autodiff);
        let mut optimizer = SgdConfig::new().init();
        let masks = Key::new(3).fold_str("mask");
        for epoch in 1..=3 {
            let mut state = None;
            for (number, [window, targets]) in batches(1, STREAMS, &autodiff).into_iter().enumerate() {
                let pass = Pass::train(masks.fold(epoch).fold(number as u64));
                let (output, next) = by_hand.step(window, state, &pass);
                state = Some(by_hand.detached(next));
                let loss = Loss::of(Outputs::Tokens(output), targets).0.mean();
                let gradients = GradientsParams::from_grads(loss.backward(), &by_hand);
                by_hand = optimizer.step(0.05, by_hand, gradients);
            }
        }
        assert_eq!(parameters(&found), parameters(&by_hand), "{name}");
    }
}

#[test]
fn what_a_stream_remembers_reaches_the_next_batch() {
    // What the test above is worth: without a carried state the weights are others.
    let device = Device::flex();
    let train = |carried| {
        let model = fit_epochs(model(&device), &training(3), examples(1, STREAMS, carried), &device).unwrap();
        parameters(&model)
    };
    assert_eq!(train(true), train(true));
    assert_ne!(train(true), train(false));
}

#[test]
fn a_text_that_begins_knows_nothing_of_the_one_before() {
    for (name, device) in devices() {
        let run = |model: &Streaming<Lstm>, window: Tensor<2>| {
            let Outputs::Tokens(output) = model.run(window, &Pass::network(Key::new(4))) else { panic!("no words") };
            output.0
        };
        let (carried, fresh) = (model(&device), model(&device));
        let [first, second]: [[Tensor<2>; 2]; 2] =
            batches(1, STREAMS, &device).into_iter().take(2).collect::<Vec<_>>().try_into().unwrap();
        run(&carried, first[0].clone());
        // The first row of the second window begins, the others go on.
        let begins: Tensor<2> = tensor(&[1.0, 0.0, 0.0], [STREAMS, 1], &device);
        let window = Tensor::cat(vec![begins, second[0].clone().narrow(1, 1, STEPS)], 1);
        let (carried, fresh) = (run(&carried, window.clone()), run(&fresh, window));
        let row = |x: &Tensor<3>, row: usize| values(x.clone().narrow(0, row, 1));
        assert_eq!(row(&carried, 0), row(&fresh, 0), "{name}");
        assert_ne!(row(&carried, 1), row(&fresh, 1), "{name}");
    }
}

#[test]
fn validation_reads_the_text_with_a_state_of_its_own() {
    for (name, device) in devices() {
        let trained = fit_light(model(&device), &training(4), parts(), &device).unwrap();
        let other =
            fit_light(model(&device), &training(4), [examples(1, STREAMS, true), examples(7, 4, true)], &device)
                .unwrap();
        let losses =
            |trained: &Trained<Streaming<Lstm>>| trained.curve.iter().map(|epoch| epoch.train_loss).collect::<Vec<_>>();
        assert_eq!(losses(&trained), losses(&other), "{name}: what validates changes nothing");

        let best = trained.curve[trained.best_epoch - 1].valid_loss;
        let lstm = trained.model.into_model();
        let (mut state, mut sum) = (None, 0.0);
        for [window, targets] in batches(2, 2, &device) {
            let (output, next) = lstm.step(window, state, &Pass::mean());
            state = Some(next);
            sum += values(Loss::of(Outputs::Tokens(output), targets).0).iter().sum::<f64>();
        }
        assert_near(&[best], &[sum / (2 * WINDOWS) as f64], OF_LARGEST, name);
    }
}

#[test]
fn the_light_loop_gives_the_learners_bits() {
    for (name, device) in devices() {
        for time in [MaskTime::Sequence, MaskTime::Step] {
            let training = training(6).with_clip_norm(0.5);
            let model = || Streaming::new(config().with_mask_time(time).init(&device, Key::new(0).fold_str("init")));
            let light = fit_light(model(), &training, parts(), &device).unwrap();
            let learner = fit(model(), &training, parts(), &device, Quiet).unwrap();
            assert_eq!(result(&light), result(&learner), "{name}, {time:?}");
            assert!(learner.curve.iter().all(|epoch| epoch.clipped.is_some()), "{name}: gradients are clipped");
            let fewer = learner.curve.last().unwrap().train_loss < learner.curve[0].train_loss;
            assert!(fewer, "{name}: something is learned: {:?}", learner.curve);
        }
    }
}

#[test]
fn workers_change_nothing() {
    let device = Device::flex();
    let run =
        |workers| result(&fit(model(&device), &training(4).with_workers(workers), parts(), &device, Quiet).unwrap());
    assert_eq!(run(2), run(0));
}

/// Everything that a training gives, to the bit.
fn result(trained: &Trained<Streaming<Lstm>>) -> String {
    format!("{} {:?} {:?}", trained.best_epoch, trained.curve, parameters(&trained.model))
}

/// Keeps the checkpoint of each epoch: that of the 7th as `FILE.7`.
struct KeepingEach(PathBuf);

impl Progress for KeepingEach {
    fn start(&mut self, _: usize) {}

    fn resumed(&mut self, _: &[Epoch]) {}

    fn epoch(&mut self, epoch: &Epoch) {
        fs::copy(&self.0, self.0.with_extension(epoch.number.to_string())).unwrap();
    }

    fn end(&mut self) {}
}

#[test]
fn a_training_goes_on_from_any_epoch_to_the_bits_of_one_that_was_not_interrupted() {
    // On a CPU: Burn reads the optimizer's state on its default device.
    for (name, device) in devices().into_iter().filter(|(name, _)| !name.starts_with("wgpu")) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("run");
        let whole = result(&fit(model(&device), &training(5), parts(), &device, Quiet).unwrap());
        let progress = KeepingEach(file.clone());
        let watched = fit_from(model(&device), &training(5), parts(), &device, progress, Some(&file)).unwrap();
        assert_eq!(result(&watched), whole, "{name}: checkpoints change nothing");
        for epoch in 1..=5 {
            let file = file.with_extension(epoch.to_string());
            let resumed = fit_from(model(&device), &training(5), parts(), &device, Quiet, Some(&file)).unwrap();
            assert_eq!(result(&resumed), whole, "{name}: behind epoch {epoch}");
        }
    }
}

#[test]
fn another_number_of_streams_is_another_training() {
    let device = Device::flex();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("run");
    let run = |streams: usize| {
        let (inputs, targets) = windows(1, 4, true);
        let train = Examples::new(inputs, targets, 4 * WINDOWS).unwrap().in_streams(streams).unwrap();
        fit_from(model(&device), &training(2), [train, examples(2, 2, true)], &device, Quiet, Some(&file))
    };
    run(4).unwrap();
    let error = run(2).unwrap_err().to_string();
    assert!(error.contains("checkpoint of another training"), "{error}");
}

#[test]
fn streams_that_do_not_fill_their_batches_are_refused() {
    let streams = |streams| {
        let (inputs, targets) = windows(1, STREAMS, true);
        Examples::new(inputs, targets, STREAMS * WINDOWS).unwrap().in_streams(streams).unwrap_err().to_string()
    };
    assert_eq!(streams(4), "rows of 4 streams: expected 16, found 15");
    assert!(streams(0).contains("rows of 0 streams"), "{}", streams(0));
}

#[test]
fn what_stands_behind_the_end_of_a_text_changes_no_loss_and_no_gradient() {
    for (name, device) in devices() {
        let device = device.autodiff();
        let model = lstm(&device);
        let run = |steps: usize| {
            let text = |seed: u64| {
                let words: Vec<f64> =
                    Key::new(seed).uniform(0, 1, 8).iter().map(|u| f64::from(u * WORDS as f32).floor()).collect();
                let behind = Tensor::full([2, steps - 4], -1.0, &device);
                Tensor::cat(vec![tensor::<2>(&words, [2, 4], &device), behind], 1)
            };
            let window = Tensor::cat(vec![Tensor::ones([2, 1], &device), text(3)], 1);
            let loss = Loss::of(model.run(window, &Pass::train(Key::new(4))), text(4)).0;
            (values(loss.clone()), gradients(&model, loss.sum()).0)
        };
        let ((alone, of_alone), (padded, of_padded)) = (run(4), run(7));
        assert_near(&padded, &alone, OF_LARGEST, name);
        for (path, gradient) in of_alone {
            assert_near(&of_padded[&path], &gradient, OF_LARGEST, &format!("{path} on {name}"));
        }
    }
}
