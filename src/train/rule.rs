//! What happens to gradients before the optimizer sees them, and to weights after it has moved them. Nothing here reads from the device.

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::Tensor,
};

use super::config::TrainConfig;

/// Penalties, clipping and max-norm, with their settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    l1: f64,
    l2: f64,
    max_norm: f64,
    clip_norm: f64,
}

/// How clipping went: `[1]` each.
pub(super) struct Clipped {
    /// The norm of all gradients together, before.
    pub(super) norm: Tensor<1>,
    /// 1 if they were scaled down, 0 if not.
    pub(super) scaled: Tensor<1>,
}

impl Rule {
    pub(super) fn new(config: &TrainConfig) -> Self {
        Self { l1: config.l1, l2: config.l2, max_norm: config.max_norm, clip_norm: config.clip_norm }
    }

    fn penalises(&self) -> bool {
        self.l1 > 0.0 || self.l2 > 0.0
    }

    /// What the penalties add to the loss: `[1]`; nothing if they are off, or there are no weights.
    pub(super) fn penalty<M: Module>(&self, model: &M) -> Option<Tensor<1>> {
        let mut penalty = Penalty { rule: *self, sum: None };
        if self.penalises() {
            model.visit(&mut penalty);
        }
        penalty.sum
    }

    /// The gradients of the loss with its penalties.
    pub(super) fn penalise<M: Module>(&self, model: &M, grads: GradientsParams) -> GradientsParams {
        let mut penalise = Penalise { rule: *self, grads };
        if self.penalises() {
            model.visit(&mut penalise);
        }
        penalise.grads
    }

    /// The gradients, scaled down together to a norm of at most `clip_norm`, as PyTorch's `clip_grad_norm_` does it.
    pub(super) fn clip<M: Module>(&self, model: &M, grads: GradientsParams) -> (GradientsParams, Option<Clipped>) {
        if self.clip_norm == 0.0 {
            return (grads, None);
        }
        let mut squares = Squares { grads: &grads, sum: None };
        model.visit(&mut squares);
        let Some(norm) = squares.sum.map(Tensor::sqrt) else { return (grads, None) };
        let excess = (norm.clone() + 1e-6) / self.clip_norm;
        let scaled = excess.clone().greater_elem(1.0).float();
        let mut shrink = Shrink { grads, excess: excess.clamp_min(1.0) };
        model.visit(&mut shrink);
        (shrink.grads, Some(Clipped { norm, scaled }))
    }

    /// The model with the weights into each unit scaled down to a norm of at most `max_norm`.
    pub(super) fn constrain<M: Module>(&self, model: M) -> M {
        match self.max_norm > 0.0 {
            true => model.map(&mut MaxNorm { limit: self.max_norm, path: Vec::new(), layer: String::new() }),
            false => model,
        }
    }
}

/// Whether a parameter is penalised: a bias and a scale have rank 1.
fn is_weight<const D: usize>(param: &Param<Tensor<D>>) -> bool {
    D >= 2 && param.is_require_grad()
}

struct Penalty {
    rule: Rule,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for Penalty {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if is_weight(param) {
            let weight = param.val().inner();
            let penalty = weight.clone().abs().sum() * self.rule.l1 + weight.square().sum() * self.rule.l2;
            self.sum = Some(added(self.sum.take(), penalty));
        }
    }
}

struct Penalise {
    rule: Rule,
    grads: GradientsParams,
}

impl ModuleVisitor for Penalise {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if is_weight(param) {
            let weight = param.val().inner();
            let gradient = weight.clone().sign() * self.rule.l1 + weight * (2.0 * self.rule.l2);
            let gradient = added(self.grads.remove::<D>(param.id), gradient);
            self.grads.register(param.id, gradient);
        }
    }
}

struct Squares<'a> {
    grads: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.grads.get::<D>(param.id) {
            self.sum = Some(added(self.sum.take(), gradient.square().sum()));
        }
    }
}

struct Shrink {
    grads: GradientsParams,
    excess: Tensor<1>,
}

impl ModuleVisitor for Shrink {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.grads.remove::<D>(param.id) {
            self.grads.register(param.id, gradient / self.excess.clone().reshape([1; D]));
        }
    }
}

struct MaxNorm {
    limit: f64,
    path: Vec<String>,
    /// What the parameter belongs to, such as `Struct:Linear`.
    layer: String,
}

impl ModuleMapper for MaxNorm {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.push(name.to_string());
        self.layer = container_type.to_string();
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let into_a_unit = match self.layer.as_str() {
            "Struct:Linear" => 0..1,                                     // [inputs, units]
            "Struct:Conv1d" | "Struct:Conv2d" | "Struct:Conv3d" => 1..D, // [units, inputs, ...]
            _ => return param,
        };
        let is_output = matches!(&self.path[..], [.., layer, _] if layer == "output");
        if !is_weight(&param) || is_output {
            return param;
        }
        param.map(|weight| {
            let weight = weight.inner();
            let norm = into_a_unit.fold(weight.clone().square(), Tensor::sum_dim).sqrt();
            // What keeps to the limit is divided by 1, and does not change by a bit.
            let excess = (norm / self.limit).clamp_min(1.0);
            (weight / excess).autodiff().set_require_grad(true)
        })
    }
}

fn added<const D: usize>(sum: Option<Tensor<D>>, next: Tensor<D>) -> Tensor<D> {
    match sum {
        Some(sum) => sum + next,
        None => next,
    }
}
