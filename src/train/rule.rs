//! What happens to gradients before the optimizer sees them, and to weights after it has moved them. Nothing here reads from the device.

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::Tensor,
};

use super::config::TrainConfig;
use crate::stochastic::sum_by_axis;

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
            let penalty =
                sum_by_axis(weight.clone().abs()) * self.rule.l1 + sum_by_axis(weight.square()) * self.rule.l2;
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
            self.sum = Some(added(self.sum.take(), sum_by_axis(gradient.square())));
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

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::{
        nn::{
            Embedding, EmbeddingConfig, Linear, LinearConfig,
            conv::{Conv2d, Conv2dConfig},
        },
        tensor::Device,
    };

    use super::*;
    use crate::Key;

    #[derive(Module, Debug)]
    struct Net {
        conv: Conv2d,
        embedding: Embedding,
        hidden: Vec<Linear>,
        output: Linear,
    }

    /// A network of standard normal parameters.
    fn net() -> Net {
        struct Draw(u64);
        impl ModuleMapper for Draw {
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                self.0 += 1;
                param.map(|old| normal(self.0, old.dims()).set_require_grad(true))
            }
        }
        let device = Device::flex().autodiff();
        let net = Net {
            conv: Conv2dConfig::new([3, 4], [3, 3]).init(&device),
            embedding: EmbeddingConfig::new(5, 3).init(&device),
            hidden: vec![LinearConfig::new(6, 40).init(&device)],
            output: LinearConfig::new(40, 2).init(&device),
        };
        net.map(&mut Draw(0))
    }

    fn normal<const D: usize>(seed: u64, dims: [usize; D]) -> Tensor<D> {
        let values = Key::new(seed).normal(0, 1, dims.iter().product());
        Tensor::<1>::from_data(values.as_slice(), &Device::flex()).autodiff().reshape(dims)
    }

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.try_into_vec_as().unwrap()
    }

    /// Gradients of standard normal numbers times `size`, but for the embedding.
    fn gradients(net: &Net, size: f64) -> GradientsParams {
        let mut grads = GradientsParams::new();
        grads.register(net.conv.weight.id, normal(11, net.conv.weight.dims()).inner() * size);
        grads.register(net.hidden[0].weight.id, normal(12, [6, 40]).inner() * size);
        grads.register(net.output.bias.as_ref().unwrap().id, normal(13, [2]).inner() * size);
        grads
    }

    fn flat(grads: &GradientsParams, net: &Net) -> Vec<f32> {
        let parts = [
            values(grads.get::<4>(net.conv.weight.id).unwrap()),
            values(grads.get::<2>(net.hidden[0].weight.id).unwrap()),
            values(grads.get::<1>(net.output.bias.as_ref().unwrap().id).unwrap()),
        ];
        parts.concat()
    }

    fn norm<'a>(values: impl IntoIterator<Item = &'a f32>) -> f64 {
        values.into_iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt()
    }

    #[test]
    fn max_norm_bounds_the_weights_into_each_hidden_unit_and_changes_nothing_below() {
        let before = net();
        let after = Rule::new(&TrainConfig::new().with_max_norm(2.5)).constrain(before.clone());
        let units = |net: &Net| -> Vec<Vec<f32>> {
            let columns = values(net.hidden[0].weight.val().transpose());
            let channels = values(net.conv.weight.val());
            columns.chunks(6).chain(channels.chunks(27)).map(<[f32]>::to_vec).collect()
        };
        let (old, new) = (units(&before), units(&after));
        let beyond = old.iter().filter(|unit| norm(*unit) > 2.5).count();
        assert!(10 < beyond && beyond < 34, "{beyond} of {} units", old.len());
        for (old, new) in old.iter().zip(&new) {
            let size = norm(old);
            match size > 2.5 {
                true => {
                    assert!((norm(new) - 2.5).abs() < 1e-6);
                    let scaled = |x: &f32| (f64::from(*x) * 2.5 / size) as f32;
                    assert!(old.iter().map(scaled).zip(new).all(|(old, new)| (old - new).abs() < 1e-6));
                }
                false => assert_eq!(old, new),
            }
        }
        // What is no weight into a hidden unit stays, whatever its size.
        assert_eq!(values(after.output.weight.val()), values(before.output.weight.val()));
        assert_eq!(values(after.embedding.weight.val()), values(before.embedding.weight.val()));
        let biases = |net: &Net| values(net.hidden[0].bias.as_ref().unwrap().val());
        assert_eq!(biases(&after), biases(&before));
        // It is still trained.
        assert!(after.hidden[0].weight.is_require_grad() && after.hidden[0].weight.id == before.hidden[0].weight.id);
    }

    #[test]
    fn huge_gradients_are_scaled_down_together_and_small_ones_stay_to_the_bit() {
        let (net, clip) = (net(), Rule::new(&TrainConfig::new().with_clip_norm(0.5)));
        for size in [1e12, 1.0, 1e-3] {
            let before = flat(&gradients(&net, size), &net);
            let (after, clipped) = clip.clip(&net, gradients(&net, size));
            let (after, clipped) = (flat(&after, &net), clipped.unwrap());
            let found = f64::from(values(clipped.norm)[0]);
            assert!((found / norm(&before) - 1.0).abs() < 1e-6, "{found}");
            assert_eq!(values(clipped.scaled), [f32::from(u8::from(size >= 1.0))]);
            match size >= 1.0 {
                true => {
                    assert!((norm(&after) - 0.5).abs() < 1e-6, "{}", norm(&after));
                    let ratio = before[0] / after[0];
                    assert!(before.iter().zip(&after).all(|(b, a)| (b / a / ratio - 1.0).abs() < 1e-5));
                }
                false => assert_eq!(before, after),
            }
        }
    }

    #[test]
    fn penalties_are_added_to_the_gradients_of_trained_weights_alone() {
        let net = net();
        let rule = Rule::new(&TrainConfig::new().with_l1(0.25).with_l2(0.5));
        let grads = rule.penalise(&net, gradients(&net, 0.0));
        let expected = |weights: Vec<f32>| weights.into_iter().map(|w| 0.25 * w.signum() + w).collect::<Vec<_>>();
        assert_eq!(
            values(grads.get::<2>(net.hidden[0].weight.id).unwrap()),
            expected(values(net.hidden[0].weight.val()))
        );
        // One that the loss does not depend on, too.
        assert_eq!(
            values(grads.get::<2>(net.embedding.weight.id).unwrap()),
            expected(values(net.embedding.weight.val()))
        );
        assert_eq!(values(grads.get::<1>(net.output.bias.as_ref().unwrap().id).unwrap()), [0.0, 0.0]);

        let frozen = Net { embedding: net.embedding.clone().freeze(), ..net.clone() };
        assert!(rule.penalise(&frozen, GradientsParams::new()).get::<2>(frozen.embedding.weight.id).is_none());
        let size = |values: Vec<f32>| values.iter().map(|w| 0.25 * w.abs() + 0.5 * w * w).sum::<f32>();
        let [all, without] = [&net, &frozen].map(|net| values(rule.penalty(net).unwrap())[0]);
        assert!((all - without - size(values(net.embedding.weight.val()))).abs() < 1e-4);
    }

    #[test]
    fn a_weight_of_zero_is_not_pushed() {
        let mut net = net();
        net.output.weight =
            net.output.weight.map(|weight| weight.inner().zeros_like().autodiff().set_require_grad(true));
        let grads = Rule::new(&TrainConfig::new().with_l1(1.0)).penalise(&net, GradientsParams::new());
        assert!(values(grads.get::<2>(net.output.weight.id).unwrap()).iter().all(|gradient| *gradient == 0.0));
    }
}
