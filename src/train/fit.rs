//! A training run.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
};

use burn::{
    optim::{
        AdamConfig, AdamWConfig, ModuleOptimizer, OptimizerRecord, SgdConfig, decay::WeightDecayConfig,
        momentum::MomentumConfig,
    },
    store::{ModuleRecord, RecordError},
    tensor::{Bytes, Device},
    train::{
        EarlyStoppingStrategy, Learner, LearnerSummary, SupervisedTraining,
        checkpoint::{Checkpoint, Checkpointer, CheckpointerError, CheckpointingAction, CheckpointingStrategy},
        logger::{EvaluationProgressLogger, InMemoryMetricLogger, TrainingProgressLogger},
        metric::{
            LossMetric, MetricDefinition,
            store::{Aggregate, EventStoreClient, Split},
        },
        renderer::{EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation, MetricsRendererTraining},
    },
};

use serde::{Deserialize, Serialize};

use super::{
    checkpoint::{CheckpointFile, Identity},
    config::{OptimizerKind, TrainConfig},
    loader::{Examples, KeyedLoader},
    log::{StepLog, Steps},
    schedule::LearningRates,
    step::{Stepping, Trainable, check_smoothing},
};
use crate::{
    device::{Check, device_faults},
    error::{Error, Result},
    key::Key,
};

/// One epoch of a training curve. Losses are means over rows, weighted if the rows are, and without the penalties.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// From 1.
    pub number: usize,
    /// Of the training part, under dropout and label smoothing, while the weights were moving.
    pub train_loss: f64,
    /// Of the validation part, by the mean network, at the end of the epoch.
    pub valid_loss: f64,
    /// Whether no earlier epoch had a lower validation loss.
    pub best: bool,
    /// Of the epoch's steps.
    pub learning_rate: f64,
    /// What the L1 and L2 penalties and learned rates add to the loss, at the end of the epoch; 0 without them.
    pub penalty: f64,
    /// The norm of all gradients together, penalties included, before clipping: mean over the steps; none without clipping.
    pub grad_norm: Option<f64>,
    /// The share of steps whose gradients were clipped; none without clipping.
    pub clipped: Option<f64>,
}

/// A trained model.
#[derive(Clone, Debug)]
pub struct Trained<M> {
    /// The weights of the best epoch, on the inner device.
    pub model: M,
    /// The epochs that were run.
    pub curve: Vec<Epoch>,
    /// The epoch with the lowest validation loss, from 1.
    pub best_epoch: usize,
}

/// Who is told how a training goes.
pub trait Progress: Send {
    /// Training begins.
    fn start(&mut self, epochs: usize);
    /// It goes on from a checkpoint, behind these epochs.
    fn resumed(&mut self, curve: &[Epoch]) {
        let _ = curve;
    }
    /// An epoch has ended. Its checkpoint is written, if there are any.
    fn epoch(&mut self, epoch: &Epoch);
    /// The device gets these wrong, and the training uses them: its numbers cannot be trusted. It goes on.
    fn faults(&mut self, faults: &[Check]) {
        let _ = faults;
    }
    /// Training has ended.
    fn end(&mut self);
}

impl<P: Progress + ?Sized> Progress for Box<P> {
    fn start(&mut self, epochs: usize) {
        (**self).start(epochs);
    }

    fn resumed(&mut self, curve: &[Epoch]) {
        (**self).resumed(curve);
    }

    fn epoch(&mut self, epoch: &Epoch) {
        (**self).epoch(epoch);
    }

    fn faults(&mut self, faults: &[Check]) {
        (**self).faults(faults);
    }

    fn end(&mut self) {
        (**self).end();
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn start(&mut self, _epochs: usize) {}

    fn epoch(&mut self, _epoch: &Epoch) {}

    fn end(&mut self) {}
}

/// Trains `model` on `train` until the loss on `valid` has not fallen for `patience` epochs, and gives back the weights of the best epoch.
///
/// # Panics
/// If the model reads or predicts another number of columns than the parts have.
///
/// # Errors
/// [`Error::Config`]; [`Error::Length`] if the two parts have other widths; [`Error::NotLearned`] if no epoch had a finite loss;
/// [`Error::Training`] if burn-train broke off.
pub fn fit<M: Trainable>(
    model: M,
    config: &TrainConfig,
    parts: [Examples; 2],
    device: &Device,
    progress: impl Progress + 'static,
) -> Result<Trained<M>> {
    fit_from(model, config, parts, device, progress, None)
}

/// As [`fit`], with a checkpoint of each epoch in the file `checkpoint`. If there is one already, the training goes on from it, and gives the same
/// weights and the same curve, bit for bit, as one that was never interrupted; if that training had ended, its result comes at once.
///
/// The file is replaced by renaming, so a killed process leaves the last whole epoch. After a power cut it may be damaged: it has a checksum, and a
/// damaged one is refused. One training at a time may use it. Bits are those of one device: another one goes on well, but rounds in its own way.
///
/// # Panics
/// As [`fit`]; and when it goes on where Burn's default device cannot be had, as in a build for a GPU that is not there: Burn 0.22.1 reads the optimizer's
/// state there, whatever the device of the training.
///
/// # Errors
/// As [`fit`]; [`Error::Checkpoint`] for a file that is no checkpoint, is damaged, or belongs to other settings, another network or other examples (the
/// number of workers may change); [`Error::Io`] if it cannot be read or written, with the checkpoint of the epoch before in place.
pub fn fit_from<M: Trainable>(
    model: M,
    config: &TrainConfig,
    [train, valid]: [Examples; 2],
    device: &Device,
    progress: impl Progress + 'static,
    checkpoint: Option<&Path>,
) -> Result<Trained<M>> {
    config.check()?;
    check_widths(&train, &valid)?;
    check_smoothing(&model, config, &train, &device.clone().inner())?;
    let (inner, autodiff) = (device.clone().inner(), device.clone().autodiff());
    let (rows, train, valid) = (train.rows(), Arc::new(train), Arc::new(valid));
    let mut model = to_train(model, &autodiff);
    let template = model.valid();
    let mut optimizer = optimizer(config);

    let file = checkpoint.map(|path| {
        let identity = Identity::new(config, &template, [&train, &valid], &inner);
        CheckpointFile::new(path, identity)
    });
    let mut state = State { curve: Vec::new(), best: None };
    if let Some(file) = &file {
        if let Some(past) = file.read()? {
            let bad = |error: RecordError| file.bad(error.to_string());
            model = model.try_load_record(ModuleRecord::from_bytes(past.model).map_err(bad)?).map_err(bad)?;
            optimizer = optimizer.load_record(OptimizerRecord::from_bytes(past.optimizer).map_err(bad)?);
            state = State { curve: past.curve, best: past.best };
        }
        if !has_ended(&state.curve, config) {
            file.prepare()?;
        }
    }
    let mut progress: Box<dyn Progress> = Box::new(progress);
    progress.start(config.epochs);
    let done = state.curve.len();
    if done > 0 {
        progress.resumed(&state.curve);
    }
    if has_ended(&state.curve, config) {
        progress.end();
        return state.result(template);
    }
    // A single row that is left over joins the last batch.
    let faults = device_faults(&template, rows.min(config.batch_size + 1))?;
    if !faults.is_empty() {
        progress.faults(&faults);
    }

    let run = Key::new(config.seed);
    let train = KeyedLoader::shuffled(train, config.batch_size, run, done + 1, config.workers, &autodiff);
    let together = valid_rows(&valid);
    let valid = KeyedLoader::in_order(valid, together, &inner);
    let ((to_models, models), (to_optimizers, optimizers), (to_schedulers, _)) = (channel(), channel(), channel());
    let (learning_rates, log) = (LearningRates::new(config, train.steps(), done + 1), StepLog::default());
    let shared = Shared { state, models, optimizers, file, error: None, progress };
    let watch = Watch { shared: Arc::new(Mutex::new(shared)), config: config.clone(), done, log: log.clone() };
    let training = SupervisedTraining::new("", Arc::new(train), Arc::new(valid)) // the directory of files that are not written
        .metrics((LossMetric::new(),))
        .with_metric_logger(InMemoryMetricLogger::new())
        .with_application_logger(None)
        .renderer(Box::new(Silent))
        .with_custom_checkpointers(Handover(to_models), Handover(to_optimizers), Handover(to_schedulers))
        .with_checkpointing_strategy(watch.clone())
        .early_stopping(watch.clone())
        .num_epochs(config.epochs - done);
    let model = Stepping::new(model, config, rows, log);
    let result = training.launch(Learner::new(model, optimizer, learning_rates));
    let mut shared = watch.lock();
    shared.progress.end();
    if let Some(error) = shared.error.take() {
        return Err(error);
    }
    if let Some(error) = &result.error {
        return Err(Error::Training { reason: error.to_string() });
    }
    std::mem::take(&mut shared.state).result(template)
}

/// That both parts have the same columns.
pub(super) fn check_widths(train: &Examples, valid: &Examples) -> Result<()> {
    for (what, of_train, of_valid) in [
        ("inputs of the validation part", train.d_input(), valid.d_input()),
        ("targets of the validation part", train.d_target(), valid.d_target()),
    ] {
        if of_train != of_valid {
            return Err(Error::length(what, of_train, of_valid));
        }
    }
    Ok(())
}

/// Rows in a batch of validation: well below what any device can reduce over, and fewer where they are large.
pub(super) fn valid_rows(valid: &Examples) -> usize {
    ((1 << 22) / valid.d_input()).clamp(1, 4096)
}

pub(super) fn optimizer(config: &TrainConfig) -> ModuleOptimizer {
    let decay = (config.weight_decay > 0.0).then(|| WeightDecayConfig::new(config.weight_decay as f32));
    match config.optimizer {
        OptimizerKind::Adam => AdamConfig::new().with_epsilon(1e-8).with_weight_decay(decay).init(),
        OptimizerKind::AdamW => {
            AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(config.weight_decay as f32).init()
        }
        OptimizerKind::Sgd => {
            let momentum = (config.momentum > 0.0)
                .then(|| MomentumConfig::new().with_momentum(config.momentum).with_dampening(0.0));
            SgdConfig::new().with_momentum(momentum).with_weight_decay(decay).init()
        }
    }
}

/// The model on the autodiff device; what was frozen stays so.
pub(super) fn to_train<M: Trainable>(model: M, autodiff: &Device) -> M {
    let trained_before = model.devices().iter().any(Device::is_autodiff);
    if trained_before { model } else { model.train() }.fork(autodiff)
}

/// The best epoch so far.
pub(super) fn best(curve: &[Epoch]) -> Option<&Epoch> {
    curve.iter().rev().find(|epoch| epoch.best)
}

/// Whether an epoch of this validation loss is the best so far.
pub(super) fn is_best(curve: &[Epoch], valid_loss: f64) -> bool {
    valid_loss.is_finite() && best(curve).is_none_or(|best| valid_loss < best.valid_loss)
}

/// Whether all epochs were run, or `patience` of them without a better one.
pub(super) fn has_ended(curve: &[Epoch], config: &TrainConfig) -> bool {
    let done = curve.len();
    done >= config.epochs || done - best(curve).map_or(0, |best| best.number) >= config.patience
}

/// The epochs that were run, and what they gave.
#[derive(Default)]
struct State {
    curve: Vec<Epoch>,
    /// The record of the best epoch's model.
    best: Option<Bytes>,
}

impl State {
    fn result<M: Trainable>(self, template: M) -> Result<Trained<M>> {
        let best_epoch = best(&self.curve).map(|best| best.number);
        let (Some(best_epoch), Some(best)) = (best_epoch, self.best) else {
            return Err(Error::NotLearned);
        };
        let model = ModuleRecord::from_bytes(best).and_then(|record| template.try_load_record(record));
        Ok(Trained { model: model.map_err(broken)?, curve: self.curve, best_epoch })
    }
}

fn broken(error: RecordError) -> Error {
    Error::Training { reason: error.to_string() }
}

/// Sees the end of each epoch: keeps the curve and the best epoch's weights, writes the checkpoint, and stops in time.
#[derive(Clone)]
struct Watch {
    shared: Arc<Mutex<Shared>>,
    config: TrainConfig,
    /// Epochs before those that burn-train counts.
    done: usize,
    log: StepLog,
}

struct Shared {
    state: State,
    models: Receiver<ModuleRecord>,
    optimizers: Receiver<OptimizerRecord>,
    file: Option<CheckpointFile>,
    /// Why no checkpoint could be written.
    error: Option<Error>,
    progress: Box<dyn Progress>,
}

impl Watch {
    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().expect("no thread panics while it holds the curve")
    }
}

impl CheckpointingStrategy for Watch {
    fn checkpointing(&mut self, number: usize, store: &EventStoreClient) -> Vec<CheckpointingAction> {
        let loss = |split| store.find_metric("Loss", number, Aggregate::Mean, &split).unwrap_or(f64::NAN);
        let (train_loss, valid_loss) = (loss(Split::Train), loss(Split::Valid));
        let number = self.done + number;
        let mut shared = self.lock();
        let best = is_best(&shared.state.curve, valid_loss);
        let Steps { learning_rate, penalty, grad_norm, clipped } = self.log.take();
        let epoch = Epoch { number, train_loss, valid_loss, best, learning_rate, penalty, grad_norm, clipped };
        shared.state.curve.push(epoch);
        match shared.wants_records() {
            true => vec![CheckpointingAction::Save],
            false => Vec::new(),
        }
    }
}

/// burn-train asks when it has saved what [`CheckpointingStrategy`] asked for.
impl EarlyStoppingStrategy for Watch {
    fn should_stop(&mut self, _: usize, _: &EventStoreClient) -> bool {
        let mut shared = self.lock();
        shared.error = shared.keep().err();
        if shared.error.is_none() {
            let epoch = *shared.last();
            shared.progress.epoch(&epoch);
        }
        shared.error.is_some() || has_ended(&shared.state.curve, &self.config)
    }
}

impl Shared {
    fn last(&self) -> &Epoch {
        self.state.curve.last().expect("an epoch has ended")
    }

    fn wants_records(&self) -> bool {
        self.last().best || self.file.is_some()
    }

    /// Takes the records of the last epoch, and writes its checkpoint.
    fn keep(&mut self) -> Result<()> {
        if !self.wants_records() {
            return Ok(());
        }
        let nothing = |_| Error::Training { reason: "burn-train hands no records over".to_string() };
        let (model, optimizer) = (self.models.recv().map_err(nothing)?, self.optimizers.recv().map_err(nothing)?);
        let model = model.into_bytes().map_err(broken)?;
        let is_best = self.last().best;
        if let Some(file) = &mut self.file {
            let best = self.state.best.as_deref().filter(|_| !is_best);
            let optimizer = optimizer.into_bytes().map_err(broken)?;
            file.write(&self.state.curve, &model, &optimizer, best.unwrap_or_default())?;
        }
        if is_best {
            self.state.best = Some(model);
        }
        Ok(())
    }
}

/// Hands the records over that burn-train would write to files.
struct Handover<R>(Sender<R>);

impl<R: Checkpoint> Checkpointer<R> for Handover<R> {
    fn save(&self, _: usize, record: R) -> std::result::Result<(), CheckpointerError> {
        let _ = self.0.send(record); // nobody waits for the scheduler's
        Ok(())
    }

    fn delete(&self, _: usize) -> std::result::Result<(), CheckpointerError> {
        Ok(())
    }

    fn restore(&self, epoch: usize) -> std::result::Result<R, CheckpointerError> {
        Err(CheckpointerError::Unknown(format!("epoch {epoch} is not kept here")))
    }
}

/// Says nothing. burn-train's own renderer writes to standard output, which belongs to data.
struct Silent;

impl MetricsRenderer for Silent {
    fn manual_close(&mut self) {}

    fn register_metric(&mut self, _: MetricDefinition) {}
}

impl MetricsRendererTraining for Silent {
    fn update_train(&mut self, _: MetricState) {}

    fn update_valid(&mut self, _: MetricState) {}

    fn on_train_end(&mut self, _: Option<LearnerSummary>) -> std::result::Result<(), Box<dyn std::error::Error>> {
        Ok(())
    }
}

impl MetricsRendererEvaluation for Silent {
    fn update_test(&mut self, _: EvaluationName, _: MetricState) {}
}

impl TrainingProgressLogger for Silent {
    fn start(&mut self, _: usize, _: usize, _: Option<usize>, _: Option<&str>) {}

    fn update_epoch(&mut self, _: usize) {}

    fn start_split(&mut self, _: &str, _: usize) {}

    fn update_split(&mut self, _: usize) {}

    fn end_split(&mut self) {}

    fn end(&mut self) {}

    fn log_event_training(&mut self, _: String) {}
}

impl EvaluationProgressLogger for Silent {
    fn start_global_progress(&mut self, _: usize) {}

    fn start_test(&mut self, _: &str, _: usize) {}

    fn update_test_progress(&mut self, _: usize) {}

    fn end_test(&mut self) {}

    fn end_global_progress(&mut self) {}

    fn log_event_evaluation(&mut self, _: String) {}
}
