//! Batch normalisation: Ioffe & Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
//! shift", ICML 2015, <https://arxiv.org/abs/1502.03167>. The pass says which statistics are used, not the device.

use std::sync::Mutex;

use burn::{
    config::Config,
    module::{
        Content, Devices, DisplaySettings, Initializer, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper,
        ModuleVisitor, Param, ParamId,
    },
    tensor::{Device, Tensor, assert_shape},
};

use crate::pass::{Pass, Statistics};

/// Configuration of [`BatchNorm`].
#[derive(Config, Debug)]
pub struct BatchNormConfig {
    /// The number of features (channels).
    pub num_features: usize,
    /// Added to the variance. Burn's and PyTorch's default: 1e-5.
    #[config(default = 1e-5)]
    pub epsilon: f64,
    /// The weight of a new batch in the running statistics, in `[0, 1]`. Burn's and PyTorch's default: 0.1.
    #[config(default = 0.1)]
    pub momentum: f64,
}

/// Normalises each feature by a mean and a variance, then scales and shifts it by two learned parameters.
///
/// ```text
/// y = gamma (x - mean) / sqrt(variance + epsilon) + beta
/// ```
/// With [`Statistics::Running`] (every pass but [`Pass::train`]) mean and variance are the running ones, and the pass leaves every
/// number of the module as it was. Burn's `BatchNorm` takes the batch's on every autodiff device and updates the running ones there,
/// so that "Monte Carlo dropout by predicting on an autodiff device" normalises by the batch, and a row's prediction depends
/// on its neighbours.
///
/// Parameters and buffers have Burn's names (`gamma`, `beta`, `running_mean`, `running_var`): records are interchangeable. Unlike
/// Burn's, clones share no running statistics, and the running variance is that of the sample (divided by n - 1), as PyTorch's; Burn
/// 0.22.1 divides by n.
#[derive(Module, Debug)]
#[module(custom_display)]
pub struct BatchNorm {
    /// The learned scale.
    pub gamma: Param<Tensor<1>>,
    /// The learned shift.
    pub beta: Param<Tensor<1>>,
    /// The mean of the data, as training saw it.
    pub running_mean: Buffer,
    /// The variance of the data, as training saw it.
    pub running_var: Buffer,
    epsilon: f64,
    momentum: f64,
}

impl BatchNormConfig {
    /// A layer that changes nothing yet: scale 1, shift 0, running mean 0, running variance 1.
    ///
    /// # Panics
    /// If `num_features` is zero, `epsilon` is not positive, or `momentum` is not in `[0, 1]`.
    pub fn init(&self, device: &Device) -> BatchNorm {
        assert!(self.num_features > 0, "batch norm of no features");
        assert!(self.epsilon > 0.0 && self.epsilon.is_finite(), "epsilon {} is not positive", self.epsilon);
        assert!((0.0..=1.0).contains(&self.momentum), "momentum {} is not in [0, 1]", self.momentum);
        let shape = [self.num_features];
        BatchNorm {
            gamma: Initializer::Ones.init(shape, device),
            beta: Initializer::Zeros.init(shape, device),
            running_mean: Buffer::new(Tensor::zeros(shape, device)),
            running_var: Buffer::new(Tensor::ones(shape, device)),
            epsilon: self.epsilon,
            momentum: self.momentum,
        }
    }
}

impl BatchNorm {
    /// Normalises `x` by the statistics that the pass asks for.
    ///
    /// # Shapes
    /// - input: `[rows, num_features, ...]`
    /// - output: `[rows, num_features, ...]`
    ///
    /// # Panics
    /// If axis 1 is not `num_features`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>, pass: &Pass<'_>) -> Tensor<D> {
        let [num_features] = self.gamma.shape().dims();
        assert_shape!(x, [_, num_features, ..]);
        let device = x.device();
        let (mean, variance) = match pass.statistics() {
            Statistics::Running => (self.running_mean.get(), self.running_var.get()),
            Statistics::Batch => batch_statistics(x.clone()),
            Statistics::BatchUpdate => {
                let (mean, variance) = batch_statistics(x.clone());
                self.update(mean.clone(), variance.clone(), x.dims().iter().product::<usize>() / num_features);
                (mean, variance)
            }
        };
        let mut shape = [1; D];
        shape[1] = num_features;
        let scale = self.gamma.val() / (variance.to_device(&device) + self.epsilon).sqrt();
        let shift = self.beta.val() - mean.to_device(&device) * scale.clone();
        x * scale.reshape(shape) + shift.reshape(shape)
    }

    /// `running <- (1 - momentum) running + momentum batch`, with the variance of the sample.
    fn update(&self, mean: Tensor<1>, variance: Tensor<1>, count: usize) {
        let unbiased = count as f64 / (count.max(2) - 1) as f64;
        for (running, batch) in [(&self.running_mean, mean), (&self.running_var, variance * unbiased)] {
            let old = running.get();
            let batch = batch.inner().to_device(&old.device());
            let new = old.clone().inner() * (1.0 - self.momentum) + batch * self.momentum;
            running.set(if old.is_autodiff() { new.autodiff() } else { new });
        }
    }
}

/// Mean and variance (divided by n) of each feature, by a short sum over each axis rather than a long one over all: some devices lose the
/// tail of a reduction over more than 65 500 entries.
fn batch_statistics<const D: usize>(x: Tensor<D>) -> (Tensor<1>, Tensor<1>) {
    let features = x.dims()[1];
    let over = |x: Tensor<D>| (2..D).rev().fold(x, Tensor::mean_dim).mean_dim(0); // [1, features, 1, ...]
    let mean = over(x.clone());
    let variance = over((x - mean.clone()).square());
    (mean.reshape([features]), variance.reshape([features]))
}

impl ModuleDisplay for BatchNorm {
    fn custom_settings(&self) -> Option<DisplaySettings> {
        DisplaySettings::new().with_new_line_after_attribute(false).optional()
    }

    fn custom_content(&self, content: Content) -> Option<Content> {
        let [num_features] = self.gamma.shape().dims();
        content
            .add("num_features", &num_features)
            .add("momentum", &self.momentum)
            .add("epsilon", &self.epsilon)
            .optional()
    }
}

/// A tensor that a forward pass may replace: saved with the module, never trained, and each clone has its own.
///
/// Burn's `RunningState` is shared by clones: training one changes the others.
#[derive(Debug)]
pub struct Buffer {
    id: ParamId,
    value: Mutex<Tensor<1>>,
}

impl Buffer {
    /// A buffer that holds `value`.
    pub fn new(value: Tensor<1>) -> Self {
        Self::with_id(ParamId::new(), value)
    }

    /// The current value.
    pub fn get(&self) -> Tensor<1> {
        self.value.lock().expect("no thread panics while it holds a buffer").clone()
    }

    fn set(&self, value: Tensor<1>) {
        *self.value.lock().expect("no thread panics while it holds a buffer") = value;
    }

    fn with_id(id: ParamId, value: Tensor<1>) -> Self {
        Self { id, value: Mutex::new(value) }
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self::with_id(self.id, self.get())
    }
}

impl Module for Buffer {
    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        visitor.visit_float(&Param::initialized(self.id, self.get()));
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        let (id, value, _) = mapper.map_float(Param::initialized(self.id, self.get())).consume();
        Self::with_id(id, value.set_require_grad(false))
    }

    fn to_device(self, device: &Device) -> Self {
        Self::with_id(self.id, self.get().to_device(device))
    }

    fn fork(self, device: &Device) -> Self {
        self.to_device(device)
    }

    fn collect_devices(&self, mut devices: Devices) -> Devices {
        let device = self.get().device();
        if !devices.contains(&device) {
            devices.push(device);
        }
        devices
    }

    fn materialize(self) -> Self {
        self
    }

    fn valid(&self) -> Self {
        Self::with_id(self.id, self.get().without_autodiff())
    }

    fn train(self) -> Self {
        Self::with_id(self.id, Tensor::from_inner(self.get()))
    }
}

impl ModuleDisplay for Buffer {}

impl ModuleDisplayDefault for Buffer {
    fn content(&self, content: Content) -> Option<Content> {
        content.add_formatted(&"Buffer".to_string()).optional()
    }
}

impl std::fmt::Display for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer(id={})", self.id)
    }
}
