//! Training by burn-train's `Learner`, of the importer's modules and of burn-zoo's models alike.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use burn::{
    data::{
        dataloader::{DataLoader, DataLoaderBuilder, batcher::Batcher},
        dataset::InMemDataset,
    },
    module::{Module, ModuleDisplay},
    optim::{AdamConfig, ModuleOptimizer},
    tensor::{Device, ExecutionError, Tensor, TensorData},
    train::{
        InferenceStep, ItemLazy, Learner, LearnerModel, SupervisedTraining, TrainOutput, TrainStep,
        logger::InMemoryMetricLogger,
        metric::{Adaptor, LossInput, LossMetric},
    },
};
use burn_zoo::{Key, Pass, Stochastic, outputs::Outputs, train::Loss};

/// What is trained here: a module whose outputs depend on a pass. Those of burn-zoo are such, and anybody's.
pub trait Model: Module + ModuleDisplay + Stochastic<Tensor<2>, Output = Outputs> + 'static {}

impl<M: Module + ModuleDisplay + Stochastic<Tensor<2>, Output = Outputs> + 'static> Model for M {}

/// An example.
#[derive(Clone, Debug)]
pub struct Row {
    /// What is read.
    pub inputs: Vec<f32>,
    /// What shall be predicted: numbers, or a class as 1 among zeros.
    pub targets: Vec<f32>,
}

/// What a step sees. burn-train tells it neither epoch nor batch, so the key of the masks comes with the rows.
#[derive(Clone, Debug)]
struct Rows {
    inputs: Tensor<2>,
    targets: Tensor<2>,
    mask_key: Key,
}

/// Makes batches, and a key for each: they are counted, over all epochs. With two workers or more the count would depend on which is faster; with
/// one, or none, it does not.
struct Batches {
    mask_key: Key,
    made: AtomicU64,
}

impl Batcher<Row, Rows> for Batches {
    fn batch(&self, rows: Vec<Row>, device: &Device) -> Rows {
        let mask_key = self.mask_key.fold(self.made.fetch_add(1, Ordering::SeqCst));
        let tensor = |of: fn(&Row) -> &[f32]| {
            let values: Vec<f32> = rows.iter().flat_map(of).copied().collect();
            let shape = [rows.len(), values.len() / rows.len()];
            Tensor::from_data(TensorData::new(values, shape), device)
        };
        Rows { inputs: tensor(|row| &row.inputs), targets: tensor(|row| &row.targets), mask_key }
    }
}

/// A model as burn-train wants it. Its traits and burn-zoo's models are both somebody else's, so a type of one's own stands between.
#[derive(Module, Debug)]
struct Learned<M: Module> {
    model: M,
}

/// The loss of each row.
struct Losses(Tensor<1>);

impl Adaptor<LossInput> for Losses {
    fn adapt(&self) -> LossInput {
        LossInput::new(self.0.clone())
    }
}

impl ItemLazy for Losses {
    fn sync(self) -> Result<Self, ExecutionError> {
        self.0.device().flush()?;
        Ok(Self(self.0.without_autodiff()))
    }
}

impl<M: Model> TrainStep for Learned<M> {
    type Input = Rows;
    type Output = Losses;

    fn step(&self, rows: Rows) -> TrainOutput<Losses> {
        let losses = Loss::of(self.model.run(rows.inputs, &Pass::train(rows.mask_key)), rows.targets).0;
        TrainOutput::new(self, losses.clone().mean().backward(), Losses(losses))
    }
}

impl<M: Model> InferenceStep for Learned<M> {
    type Input = Rows;
    type Output = Losses;

    fn step(&self, rows: Rows) -> Losses {
        Losses(Loss::of(self.model.run(rows.inputs, &Pass::mean()), rows.targets).0)
    }
}

/// The model after one epoch, on the device without gradients.
pub fn one_epoch<M: Model>(model: M, [train, valid]: [Vec<Row>; 2], device: &Device) -> Result<M, String> {
    let autodiff = device.clone().autodiff();
    let loader = |rows: Vec<Row>, device: &Device| {
        let batches = Batches { mask_key: Key::new(0).fold_str("mask"), made: AtomicU64::new(0) };
        DataLoaderBuilder::new(batches).batch_size(20).set_device(device.clone()).build(InMemDataset::new(rows))
    };
    let model = Learned { model: model.train().fork(&autodiff) };
    let optimizer = AdamConfig::new().init();
    Ok(launch([loader(train, &autodiff), loader(valid, device)], model, optimizer, 0.01)?.model)
}

/// One epoch of burn-train, without files and log.
fn launch<B, M>(
    [train, valid]: [Arc<dyn DataLoader<B>>; 2],
    model: M,
    optimizer: ModuleOptimizer,
    learning_rate: f64,
) -> Result<M, String>
where
    M: LearnerModel
        + TrainStep<Input = B, Output: Adaptor<LossInput>>
        + InferenceStep<Input = B, Output: Adaptor<LossInput>>,
{
    let result = SupervisedTraining::new("", train, valid)
        .metrics((LossMetric::new(),))
        .with_metric_logger(InMemoryMetricLogger::new())
        .with_application_logger(None)
        .num_epochs(1)
        .launch(Learner::new(model, optimizer, learning_rate));
    match result.error {
        None => Ok(result.model),
        Some(error) => Err(error.to_string()),
    }
}

#[cfg(feature = "zoo-train")]
pub use keyed::one_epoch_of_keyed_batches;

/// The same with what burn-zoo has for the importer's Learner: batches in an order by key, each with the key of its masks, and a loss for every output.
#[cfg(feature = "zoo-train")]
mod keyed {
    use burn::optim::AdamWConfig;
    use burn_zoo::train::{Examples, KeyedLoader, TrainBatch, TrainConfig};

    use super::*;

    /// A model that learns from burn-zoo's batches.
    #[derive(Module, Debug)]
    struct Keyed<M: Module> {
        model: M,
    }

    impl<M: Model> TrainStep for Keyed<M> {
        type Input = TrainBatch;
        type Output = Loss;

        fn step(&self, batch: TrainBatch) -> TrainOutput<Loss> {
            let loss = Loss::of(self.model.run(batch.inputs, &Pass::train(batch.mask_key)), batch.targets);
            TrainOutput::new(self, loss.0.clone().mean().backward(), loss)
        }
    }

    impl<M: Model> InferenceStep for Keyed<M> {
        type Input = TrainBatch;
        type Output = Loss;

        fn step(&self, batch: TrainBatch) -> Loss {
            Loss::of(self.model.run(batch.inputs, &Pass::mean()), batch.targets)
        }
    }

    /// One epoch with burn-zoo's settings, as far as they are batch size, seed, learning rate and weight decay of AdamW.
    pub fn one_epoch_of_keyed_batches<M: Model>(
        model: M,
        config: &TrainConfig,
        [train, valid]: [Examples; 2],
        device: &Device,
    ) -> Result<M, String> {
        let (autodiff, run) = (device.clone().autodiff(), Key::new(config.seed));
        let train = KeyedLoader::shuffled(Arc::new(train), config.batch_size, run, 1, config.workers, &autodiff);
        let valid = KeyedLoader::in_order(Arc::new(valid), config.batch_size, device);
        let optimizer = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(config.weight_decay as f32).init();
        let model = Keyed { model: model.train().fork(&autodiff) };
        Ok(launch([Arc::new(train), Arc::new(valid)], model, optimizer, config.learning_rate)?.model)
    }
}
