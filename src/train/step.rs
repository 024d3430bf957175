//! What burn-train asks of a model.

use std::fmt::Display;

use burn::{
    module::Module,
    optim::{GradientsParams, ModuleOptimizer, lr_scheduler::module_lr_scheduler::ModuleLearningRate},
    tensor::{Device, ExecutionError, Tensor},
    train::{
        InferenceStep, ItemLazy, TrainOutput, TrainStep,
        metric::{Adaptor, LossInput},
    },
};

use super::{
    config::TrainConfig,
    loader::{Examples, TrainBatch},
    log::StepLog,
    loss::Loss,
    rule::Rule,
};
use crate::{
    error::{Error, Result},
    key::Key,
    outputs::{BinaryLogits, Gaussian, Logits, MultiLabelLogits, Outputs, Point, TokenLogits},
    pass::Pass,
    stochastic::Stochastic,
};

/// A model that can be trained on rows of numbers: any module that is [`Stochastic`]. What its outputs mean says how far they are from the targets
/// ([`Loss::of`]).
pub trait Trainable: Module + Display + Stochastic<Tensor<2>, Output = Outputs> + 'static {}

impl<M: Module + Display + Stochastic<Tensor<2>, Output = Outputs> + 'static> Trainable for M {}

impl Adaptor<LossInput> for Loss {
    fn adapt(&self) -> LossInput {
        LossInput::new(self.0.clone())
    }
}

impl ItemLazy for Loss {
    fn sync(self) -> Result<Self, ExecutionError> {
        self.0.device().flush()?;
        Ok(Self(self.0.without_autodiff()))
    }
}

/// A model and how it is trained, as burn-train wants them. The parameters keep the model's paths, so records are the model's.
///
/// For one device: burn-train's strategies for several call `optimize_multi`, which knows no rule.
#[derive(Clone, Debug)]
pub(super) struct Stepping<M> {
    pub(super) model: M,
    rule: Rule,
    label_smoothing: f64,
    /// Of the training part.
    rows: usize,
    log: StepLog,
}

impl<M: Trainable> Stepping<M> {
    /// `rows` are those of the training part.
    pub(super) fn new(model: M, config: &TrainConfig, rows: usize, log: StepLog) -> Self {
        Self { model, rule: Rule::new(config), label_smoothing: config.label_smoothing, rows, log }
    }

    /// What learned rates add to the loss of a row: its share of the divergence, in the unit of [`Loss::of`].
    fn regulariser(&self, output: &Outputs) -> Option<Tensor<1>> {
        let to_loss = match output {
            Outputs::Logits(_) => 1.0,
            Outputs::Tokens(TokenLogits(x)) => 1.0 / x.dims()[1] as f64,
            Outputs::Binary(BinaryLogits(x)) | Outputs::MultiLabel(MultiLabelLogits(x)) => 1.0 / x.dims()[1] as f64,
            Outputs::Gaussian(Gaussian { mean, .. }) => 1.0 / mean.dims()[1] as f64,
            // A squared error is twice the negative log-likelihood of unit noise.
            Outputs::Point(Point(mean)) => 2.0 / mean.dims()[1] as f64,
        };
        Some(self.model.regulariser()? * (to_loss / self.rows as f64))
    }
}

impl<M: Trainable> TrainStep for Stepping<M> {
    type Input = TrainBatch;
    type Output = Loss;

    fn step(&self, batch: TrainBatch) -> TrainOutput<Loss> {
        let output = self.model.run(batch.inputs, &Pass::train(batch.mask_key));
        let (targets, regulariser) =
            (smoothed(&output, batch.targets, self.label_smoothing), self.regulariser(&output));
        let loss = Loss::of(output, targets).weighted(batch.weights);
        let mean = loss.0.clone().mean();
        let whole = match regulariser {
            Some(regulariser) => mean + regulariser,
            None => mean,
        };
        TrainOutput::new(&self.model, whole.backward(), loss)
    }

    /// Penalties and clipping stand here and not in `step`: accumulated gradients are penalised and clipped once.
    fn optimize(self, optim: &mut ModuleOptimizer, learning_rate: ModuleLearningRate, grads: GradientsParams) -> Self {
        let grads = self.rule.penalise(&self.model, grads);
        let (grads, clipped) = self.rule.clip(&self.model, grads);
        self.log.step(learning_rate.base(), clipped);
        let model = self.rule.constrain(optim.step(learning_rate, self.model, grads));
        Self { model, ..self }
    }
}

impl<M: Trainable> InferenceStep for Stepping<M> {
    type Input = TrainBatch;
    type Output = Loss;

    fn step(&self, batch: TrainBatch) -> Loss {
        let output = self.model.run(batch.inputs, &Pass::mean());
        // What is trained is told by `train()`: a model on the plain device has forgotten it.
        let penalty = || self.rule.penalty(&self.model.clone().train());
        self.log
            .penalty(|| [penalty(), self.regulariser(&output)].into_iter().flatten().reduce(|sum, next| sum + next));
        Loss::of(output, batch.targets).weighted(batch.weights)
    }
}

/// One-hot targets, or labels, moved towards equal shares as PyTorch's `CrossEntropyLoss(label_smoothing)` does it. Other targets stay.
fn smoothed(output: &Outputs, targets: Tensor<2>, smoothing: f64) -> Tensor<2> {
    match classes(output) {
        Some(classes) if smoothing > 0.0 => targets * (1.0 - smoothing) + smoothing / classes as f64,
        _ => targets,
    }
}

/// Between how many classes each target decides; none for a regression, and for words.
fn classes(output: &Outputs) -> Option<usize> {
    match output {
        Outputs::Logits(Logits(logits)) => Some(logits.dims()[1]),
        Outputs::Binary(_) | Outputs::MultiLabel(_) => Some(2),
        Outputs::Point(_) | Outputs::Gaussian(_) | Outputs::Tokens(_) => None,
    }
}

/// That there are labels, if they are to be smoothed.
///
/// # Errors
/// [`Error::Config`] for a regression.
pub(super) fn check_smoothing<M: Trainable>(
    model: &M,
    config: &TrainConfig,
    train: &Examples,
    device: &Device,
) -> Result<()> {
    if config.label_smoothing == 0.0 {
        return Ok(());
    }
    let row = train.batch(&[0], None, Key::new(0), device).inputs;
    match classes(&model.valid().fork(device).run(row, &Pass::mean())) {
        Some(_) => Ok(()),
        None => {
            let expected = "0 for a regression or the next word: only classes have labels to smooth";
            Err(Error::config("train.label_smoothing", config.label_smoothing, expected))
        }
    }
}

/// The module that a wrapper's field `model` is, so that no path of a parameter changes.
macro_rules! as_its_model {
    ($wrapper:ident, $bound:path) => {
        impl<M: $bound> burn::module::Module for $wrapper<M> {
            fn collect_devices(&self, devices: burn::module::Devices) -> burn::module::Devices {
                self.model.collect_devices(devices)
            }

            fn fork(self, device: &burn::tensor::Device) -> Self {
                Self { model: self.model.fork(device), ..self }
            }

            fn to_device(self, device: &burn::tensor::Device) -> Self {
                Self { model: self.model.to_device(device), ..self }
            }

            fn train(self) -> Self {
                Self { model: self.model.train(), ..self }
            }

            fn valid(&self) -> Self {
                Self { model: self.model.valid(), ..self.apart() }
            }

            fn materialize(self) -> Self {
                Self { model: self.model.materialize(), ..self }
            }

            fn visit<V: burn::module::ModuleVisitor>(&self, visitor: &mut V) {
                self.model.visit(visitor);
            }

            fn map<P: burn::module::ModuleMapper>(self, mapper: &mut P) -> Self {
                Self { model: self.model.map(mapper), ..self }
            }
        }

        impl<M: $bound> std::fmt::Display for $wrapper<M> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.model, f)
            }
        }
    };
}
pub(super) use as_its_model;

as_its_model!(Stepping, Trainable);

impl<M: Trainable> Stepping<M> {
    fn apart(&self) -> Self {
        self.clone()
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::module::{ModuleVisitor, Param, ParamId};

    use super::*;
    use crate::{
        models::{CnnConfig, Mlp, MlpConfig, Noise, Pool, Stage, Task},
        nn::ConcreteDropoutConfig,
        rate::Rate,
    };

    const REGRESSION: Task = Task::Regression { targets: 1, noise: Noise::Constant };

    fn mlp(task: Task) -> Mlp {
        let half = vec![Rate::new(0.5).unwrap()];
        MlpConfig::new(2, task).with_hidden(vec![16]).with_rates(half).init(&Device::flex().autodiff(), Key::new(0))
    }

    fn stepping(model: Mlp, config: &TrainConfig) -> Stepping<Mlp> {
        Stepping::new(model, config, 8, StepLog::default())
    }

    fn batch(mask_key: Key) -> TrainBatch {
        let tensor = |seed, width| {
            let values = Key::new(seed).normal(0, 8, width);
            Tensor::<1>::from_data(values.as_slice(), &Device::flex().autodiff()).reshape([8, width])
        };
        TrainBatch { inputs: tensor(1, 2), targets: tensor(2, 1), weights: None, mask_key }
    }

    fn values(loss: Loss) -> Vec<f32> {
        loss.0.try_into_vec_as().unwrap()
    }

    #[test]
    fn a_step_is_the_loss_under_the_masks_of_its_batch() {
        let mlp = mlp(REGRESSION);
        let step = |key| values(TrainStep::step(&stepping(mlp.clone(), &TrainConfig::new()), batch(key)).item);
        let TrainBatch { inputs, targets, mask_key, .. } = batch(Key::new(7));
        let expected = Loss::of(mlp.run(inputs, &Pass::train(mask_key)), targets);
        assert_eq!(step(Key::new(7)), values(expected));
        assert_ne!(step(Key::new(7)), step(Key::new(8)));
    }

    #[test]
    fn a_record_of_what_is_trained_is_a_record_of_the_model() {
        let trained = mlp(REGRESSION);
        let record = stepping(trained.clone(), &TrainConfig::new()).into_record();
        let read = self::mlp(REGRESSION).try_load_record(record).unwrap();
        let loss =
            |mlp: &Mlp| values(InferenceStep::step(&stepping(mlp.clone(), &TrainConfig::new()), batch(Key::new(0))));
        assert_eq!(loss(&read), loss(&trained));
    }

    #[test]
    fn a_learned_rate_bears_one_share_a_row_of_its_divergence() {
        struct Logit(Option<(ParamId, f64)>);
        impl ModuleVisitor for Logit {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                if self.0.is_none() && D == 1 && param.lazy_shape().num_elements() == 1 {
                    self.0 = Some((param.id, param.val().try_into_vec_as::<f64>().unwrap()[0]));
                }
            }
        }
        struct Weights(f64);
        impl ModuleVisitor for Weights {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                if D == 2 {
                    self.0 = param.val().square().sum().into_scalar();
                }
            }
        }
        let stage = Stage { dropout: "concrete:0.3".parse().unwrap(), pool: Pool::None, ..Stage::new(3, 2) };
        let shape = [1, 4, 4];
        let config = |task| CnnConfig::new(shape, task).with_stages(vec![stage.clone()]).with_hidden(Vec::new());
        for (task, width, to_loss) in [
            (Task::MultiClass { classes: 3 }, 3, 1.0),
            (Task::Binary, 1, 1.0),
            (Task::MultiLabel { labels: 4 }, 4, 0.25),
            (Task::Regression { targets: 2, noise: Noise::Constant }, 2, 1.0),
            (Task::Regression { targets: 1, noise: Noise::Predicted }, 1, 1.0),
        ] {
            let device = Device::flex().autodiff();
            let cnn = config(task).with_rates(vec![Rate::ZERO]).init(&device, Key::new(0));
            let mut logit = Logit(None);
            cnn.visit(&mut logit);
            let (id, logit) = logit.0.unwrap();
            let mut weights = Weights(0.0);
            cnn.head().visit(&mut weights);
            let gradient = |rows: usize| {
                let values = Key::new(1).normal(0, 8, 16);
                let inputs = Tensor::<1>::from_data(values.as_slice(), &device).reshape([8, 16]);
                let targets = Tensor::zeros([8, width], &device);
                let batch = TrainBatch { inputs, targets, weights: None, mask_key: Key::new(2) };
                let stepping = Stepping::new(cnn.clone(), &TrainConfig::new(), rows, StepLog::default());
                let gradient = TrainStep::step(&stepping, batch).grads.get::<1>(id).unwrap();
                gradient.try_into_vec_as::<f64>().unwrap()[0]
            };
            // d/dlogit of length_scale^2 / 2 * squares / (1 - p) + units (p ln p + (1 - p) ln(1 - p)), p = sigmoid(logit)
            let p = 1.0 / (1.0 + (-logit).exp());
            let (length_scale, units) = (ConcreteDropoutConfig::new().length_scale, 27.0);
            let slope = length_scale.powi(2) / 2.0 * weights.0 / (1.0 - p).powi(2) + units * (p / (1.0 - p)).ln();
            let expected = to_loss * p * (1.0 - p) * slope * (1.0 / 10.0 - 1.0 / 1000.0);
            let found = gradient(10) - gradient(1000);
            assert!((found - expected).abs() < 1e-4 * expected.abs(), "{task}: {found} of {expected}");
        }
    }

    #[test]
    fn labels_are_smoothed_in_training_and_not_in_validation() {
        let mlp = mlp(Task::Binary);
        let smoothing = stepping(mlp.clone(), &TrainConfig::new().with_label_smoothing(0.2));
        let plain = stepping(mlp, &TrainConfig::new());
        let of = |targets: [f32; 8]| {
            let targets = Tensor::<1>::from_data(targets, &Device::flex().autodiff()).reshape([8, 1]);
            TrainBatch { targets, ..batch(Key::new(0)) }
        };
        let labels = [0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
        let smooth = labels.map(|y| if y == 1.0 { 0.9 } else { 0.1 });
        let (found, expected) = (TrainStep::step(&smoothing, of(labels)), TrainStep::step(&plain, of(smooth)));
        let differences = values(found.item).into_iter().zip(values(expected.item)).map(|(a, b)| (a - b).abs());
        assert!(differences.fold(0.0, f32::max) < 1e-6);
        let validated = |stepping| values(InferenceStep::step(stepping, of(labels)));
        assert_eq!(validated(&smoothing), validated(&plain));
    }
}
