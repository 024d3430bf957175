//! A training run.

use std::sync::{Arc, Mutex};

use burn::{
    optim::{AdamConfig, AdamWConfig, ModuleOptimizer, SgdConfig, decay::WeightDecayConfig, momentum::MomentumConfig},
    store::ModuleRecord,
    tensor::{Bytes, Device},
    train::{
        EarlyStoppingStrategy, Learner, LearnerSummary, SupervisedTraining,
        checkpoint::{CheckpointingAction, CheckpointingStrategy},
        logger::{EvaluationProgressLogger, InMemoryMetricLogger, TrainingProgressLogger},
        metric::{
            LossMetric, MetricDefinition,
            store::{Aggregate, EventStoreClient, Split},
        },
        renderer::{EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation, MetricsRendererTraining},
    },
};

use super::{
    config::{OptimizerKind, TrainConfig},
    loader::{Examples, KeyedLoader},
    log::{StepLog, Steps},
    schedule::LearningRates,
    step::{Stepping, Trainable, check_smoothing},
};
use crate::{
    error::{Error, Result},
    key::Key,
};

/// One epoch of a training curve. Losses are means over rows, weighted if the rows are, and without the penalties.
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// What the L1 and L2 penalties add to the loss, at the end of the epoch; 0 without them.
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
    /// An epoch has ended.
    fn epoch(&mut self, epoch: &Epoch);
    /// Training has ended.
    fn end(&mut self);
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
/// [`Error::Config`]; [`Error::Length`] if the two parts have other widths; [`Error::Training`] if no epoch had a finite loss, or burn-train broke off.
pub fn fit<M: Trainable>(
    model: M,
    config: &TrainConfig,
    [train, valid]: [Examples; 2],
    device: &Device,
    progress: impl Progress + 'static,
) -> Result<Trained<M>> {
    config.check()?;
    for (what, of_train, of_valid) in [
        ("inputs of the validation part", train.d_input(), valid.d_input()),
        ("targets of the validation part", train.d_target(), valid.d_target()),
    ] {
        if of_train != of_valid {
            return Err(Error::length(what, of_train, of_valid));
        }
    }
    check_smoothing(&model, config, &train, &device.clone().inner())?;
    // burn-train keeps checkpoints in files, and gives back the last model rather than the best.
    let directory = tempfile::tempdir().map_err(Error::io(std::env::temp_dir()))?;
    let (inner, autodiff) = (device.clone().inner(), device.clone().autodiff());
    let run = Key::new(config.seed);
    let train = KeyedLoader::shuffled(Arc::new(train), config.batch_size, run, 1, config.workers, &autodiff);
    let valid = KeyedLoader::in_order(Arc::new(valid), VALID_ROWS, &inner);

    let learning_rates = LearningRates::new(config, train.steps(), 1);
    let log = StepLog::default();
    let progress: Box<dyn Progress> = Box::new(progress);
    let watch = Watch {
        log: log.clone(),
        state: Arc::new(Mutex::new(State { curve: Vec::new(), best: None, progress })),
        patience: config.patience,
    };
    watch.lock().progress.start(config.epochs);
    let training = SupervisedTraining::new(directory.path(), Arc::new(train), Arc::new(valid))
        .metrics((LossMetric::new(),))
        .with_metric_logger(InMemoryMetricLogger::new())
        .with_application_logger(None)
        .renderer(Box::new(Silent))
        .with_default_checkpointers()
        .with_checkpointing_strategy(watch.clone())
        .early_stopping(watch.clone())
        .num_epochs(config.epochs);
    let trained_before = model.devices().iter().any(Device::is_autodiff);
    let model = if trained_before { model } else { model.train() }.fork(&autodiff);
    let template = model.valid();
    let model = Stepping::new(model, config, log);
    let result = training.launch(Learner::new(model, optimizer(config), learning_rates));
    let mut state = watch.lock();
    state.progress.end();
    if let Some(error) = &result.error {
        return Err(Error::Training { reason: error.to_string() });
    }
    let Some((best_epoch, _)) = state.best else {
        let reason =
            "the loss was not finite in any epoch: lower the learning rate, or look for extreme values in the data";
        return Err(Error::Training { reason: reason.to_string() });
    };
    let file = directory.path().join("checkpoint").join(format!("model-{best_epoch}.bpk"));
    // Bytes, not the file: Burn would read it at first use, after the directory is gone.
    let bytes = std::fs::read(&file).map_err(Error::io(&file))?;
    let broken = |error: burn::store::RecordError| Error::Training { reason: error.to_string() };
    let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes)).map_err(broken)?;
    let model = template.try_load_record(record).map_err(broken)?;
    Ok(Trained { model, curve: state.curve.clone(), best_epoch })
}

/// Rows in a batch of validation: well below what any device can reduce over.
pub(super) const VALID_ROWS: usize = 4096;

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

/// Sees the end of each epoch: keeps the curve and the best epoch's weights, and stops in time.
#[derive(Clone)]
struct Watch {
    log: StepLog,
    state: Arc<Mutex<State>>,
    patience: usize,
}

struct State {
    curve: Vec<Epoch>,
    best: Option<(usize, f64)>,
    progress: Box<dyn Progress>,
}

impl Watch {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics while it holds the curve")
    }
}

impl CheckpointingStrategy for Watch {
    fn checkpointing(&mut self, number: usize, store: &EventStoreClient) -> Vec<CheckpointingAction> {
        let loss = |split| store.find_metric("Loss", number, Aggregate::Mean, &split).unwrap_or(f64::NAN);
        let (train_loss, valid_loss) = (loss(Split::Train), loss(Split::Valid));
        let mut state = self.lock();
        let last = state.best;
        let best = valid_loss.is_finite() && last.is_none_or(|(_, best)| valid_loss < best);
        let Steps { learning_rate, penalty, grad_norm, clipped } = self.log.take();
        let epoch = Epoch { number, train_loss, valid_loss, best, learning_rate, penalty, grad_norm, clipped };
        state.curve.push(epoch);
        state.progress.epoch(&epoch);
        if !best {
            return Vec::new();
        }
        state.best = Some((number, valid_loss));
        let delete = last.map(|(last, _)| CheckpointingAction::Delete(last));
        [CheckpointingAction::Save].into_iter().chain(delete).collect()
    }
}

impl EarlyStoppingStrategy for Watch {
    fn should_stop(&mut self, number: usize, _: &EventStoreClient) -> bool {
        let best = self.lock().best.map_or(0, |(best, _)| best);
        number - best >= self.patience
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
