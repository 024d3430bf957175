//! A training loop without burn-train's `Learner`: for thousands of tiny trainings, where the Learner's own cost would dominate.

use std::sync::Arc;

use burn::{
    data::dataloader::DataLoader,
    module::Module,
    optim::{ModuleOptimizer, lr_scheduler::module_lr_scheduler::ModuleLrScheduler},
    tensor::{Device, Tensor},
    train::{InferenceStep, TrainOutput, TrainStep},
};

use super::{
    config::TrainConfig,
    fit::{Epoch, Trained, check_widths, has_ended, is_best, optimizer, to_train, valid_rows},
    loader::{Examples, KeyedLoader, TrainBatch},
    log::{StepLog, Steps},
    loss::Loss,
    schedule::LearningRates,
    step::{Stepping, Trainable, check_smoothing},
};
use crate::{
    error::{Error, Result},
    key::Key,
};

/// Trains as [`fit`](super::fit) does: the same weights, best epoch and curve, bit for bit, but in this thread, without files, and nobody is told.
///
/// # Panics
/// As [`fit`](super::fit).
///
/// # Errors
/// As [`fit`](super::fit).
pub fn fit_light<M: Trainable>(
    model: M,
    config: &TrainConfig,
    [train, valid]: [Examples; 2],
    device: &Device,
) -> Result<Trained<M>> {
    config.check()?;
    check_widths(&train, &valid)?;
    let together = valid_rows(&valid);
    let valid = KeyedLoader::in_order(Arc::new(valid), together, &device.clone().inner());
    let valid: Vec<TrainBatch> = batches(&valid).collect(); // alike in every epoch
    let mut run = Run::new(model, config, train, device)?;
    let mut curve: Vec<Epoch> = Vec::new();
    let mut kept = None;
    while !has_ended(&curve, config) {
        let train_loss = run.epoch()?;
        let now = run.stepping.valid();
        let valid_loss = mean(valid.iter().map(|batch| InferenceStep::step(&now, batch.clone())))?;
        let (number, best) = (curve.len() + 1, is_best(&curve, valid_loss));
        let Steps { learning_rate, penalty, grad_norm, clipped } = run.log.take();
        curve.push(Epoch { number, train_loss, valid_loss, best, learning_rate, penalty, grad_norm, clipped });
        if best {
            kept = Some((now.model, number));
        }
    }
    match kept {
        Some((model, best_epoch)) => Ok(Trained { model, curve, best_epoch }),
        None => Err(Error::NotLearned),
    }
}

/// Trains on all examples for all `epochs`, and gives back the last weights, on the inner device: for protocols that fix the number of epochs, and
/// so have no validation part. `patience` is not read.
///
/// # Panics
/// If the model reads or predicts another number of columns than the examples have.
///
/// # Errors
/// [`Error::Config`]; [`Error::NotLearned`] if the loss of the last epoch was not finite.
pub fn fit_epochs<M: Trainable>(model: M, config: &TrainConfig, train: Examples, device: &Device) -> Result<M> {
    config.check()?;
    let mut run = Run::new(model, config, train, device)?;
    let mut loss = f64::NAN;
    for _ in 0..config.epochs {
        loss = run.epoch()?;
    }
    match loss.is_finite() {
        true => Ok(run.stepping.valid().model),
        false => Err(Error::NotLearned),
    }
}

/// What a Learner holds, and does in an epoch. This and [`fit_light`]'s validation are all that is known here of how a step is made.
struct Run<M> {
    stepping: Stepping<M>,
    optimizer: ModuleOptimizer,
    learning_rates: ModuleLrScheduler,
    train: KeyedLoader,
    log: StepLog,
}

impl<M: Trainable> Run<M> {
    fn new(model: M, config: &TrainConfig, train: Examples, device: &Device) -> Result<Self> {
        check_smoothing(&model, config, &train, &device.clone().inner())?;
        let autodiff = device.clone().autodiff();
        let model = to_train(model, &autodiff);
        let (run, rows) = (Key::new(config.seed), train.rows());
        let train = KeyedLoader::shuffled(Arc::new(train), config.batch_size, run, 1, config.workers, &autodiff);
        let log = StepLog::default();
        Ok(Self {
            stepping: Stepping::new(model, config, rows, log.clone()),
            optimizer: optimizer(config),
            learning_rates: LearningRates::new(config, train.steps(), 1).into(),
            train,
            log,
        })
    }

    /// The mean loss of an epoch.
    fn epoch(&mut self) -> Result<f64> {
        let Self { stepping, optimizer, learning_rates, train, .. } = self;
        mean(batches(train).map(|batch| {
            let TrainOutput { grads, item } = TrainStep::step(stepping, batch);
            *stepping = stepping.clone().optimize(optimizer, learning_rates.step(), grads);
            item
        }))
    }
}

fn batches(loader: &KeyedLoader) -> impl Iterator<Item = TrainBatch> + '_ {
    loader.iter().map(|batch| batch.expect("a keyed batch is made of rows in memory"))
}

/// The mean over rows as burn-train's `LossMetric` has it: f32 means of batches, added up in f64. They are read back together.
fn mean(losses: impl Iterator<Item = Loss>) -> Result<f64> {
    let (rows, means): (Vec<usize>, Vec<Tensor<1>>) =
        losses.map(|Loss(loss)| loss.without_autodiff()).map(|loss| (loss.dims()[0], loss.mean())).unzip();
    let means: Vec<f64> =
        Tensor::cat(means, 0).try_into_vec_as().map_err(|error| Error::Training { reason: error.to_string() })?;
    let sum: f64 = means.iter().zip(&rows).map(|(mean, &rows)| mean * rows as f64).sum();
    Ok(sum / rows.iter().sum::<usize>() as f64)
}
