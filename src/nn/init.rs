//! Initial weights from a key: alike on every device, whatever else draws.

use std::collections::BTreeMap;

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Tensor, TensorData},
};

use crate::key::Key;

/// The law of a layer's initial numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Init {
    /// Burn's and PyTorch's default law for `Linear` and `Conv`: weight and bias ~ U(-b, b), b = 1 / sqrt(fan_in), where the fan is `d_input`, or the
    /// input channels that a kernel reads, times its size.
    #[default]
    FanIn,
    /// Glorot & Bengio 2010 (<https://proceedings.mlr.press/v9/glorot10a.html>), Keras' default: weight ~ U(-b, b), b = sqrt(6 / (fan_in + fan_out)),
    /// which has the variance 2 / (fan_in + fan_out); bias 0.
    GlorotUniform,
}

/// Draws the weights of every `burn::nn::Linear` and `Conv1d`, `Conv2d` and `Conv3d` in `module` from `init_key`, on the host, by parameter path, by
/// the law [`Init::FanIn`].
///
/// ```text
/// weight, bias ~ U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)), from init_key folded by each segment of the parameter's path
/// ```
/// What Burn's own initialisation would have drawn depends on the backend, on the process's one generator and on which parameter is used first;
/// this does not. Other modules' parameters stay as they are. What was frozen is trained again. Layers are taken to be in Burn's default layout,
/// `LinearLayout::Row`.
///
/// # Examples
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::{nn::LinearConfig, tensor::Device};
/// use burn_zoo::{Key, nn::init_weights};
///
/// let layer = init_weights(LinearConfig::new(10, 20).init(&Device::flex()), Key::new(0).fold_str("init"));
/// # }
/// ```
pub fn init_weights<M: Module>(module: M, init_key: Key) -> M {
    init_weights_with(module, init_key, Init::default())
}

/// [`init_weights`] by another law. It is for models that were built already too: what they held before is forgotten.
///
/// # Examples
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::Device;
/// use burn_zoo::{Key, models::{MlpConfig, Noise, Task}, nn::{Init, init_weights_with}};
///
/// let init_key = Key::new(0).fold_str("init");
/// let mlp = MlpConfig::new(8, Task::Regression { targets: 1, noise: Noise::Constant }).init(&Device::flex(), init_key);
/// let mlp = init_weights_with(mlp, init_key, Init::GlorotUniform);
/// # }
/// ```
pub fn init_weights_with<M: Module>(module: M, init_key: Key, init: Init) -> M {
    module.map(&mut Keyed { init_key, init, path: Vec::new(), drawn: Vec::new(), fan_in: BTreeMap::new() })
}

struct Keyed {
    init_key: Key,
    init: Init,
    path: Vec<String>,
    drawn: Vec<bool>,
    fan_in: BTreeMap<String, usize>,
}

impl ModuleMapper for Keyed {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.push(name.to_string());
        let drawn = ["Struct:Linear", "Struct:Conv1d", "Struct:Conv2d", "Struct:Conv3d"];
        self.drawn.push(drawn.contains(&container_type));
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
        self.drawn.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.drawn.last() != Some(&true) {
            return param;
        }
        let shape = param.lazy_shape();
        let parent = self.path[..self.path.len() - 1].join(".");
        // [d_input, d_output], or [channels out, channels in, kernel...].
        let [of_inputs, of_outputs] = match D {
            1 => [0, 0],
            2 => [shape[0], shape[1]],
            _ => {
                let kernel: usize = shape[2..].iter().product();
                [shape[1] * kernel, shape[0] * kernel]
            }
        };
        let fan_in = match D {
            2.. => *self.fan_in.entry(parent).insert_entry(of_inputs).get(),
            _ => match self.fan_in.get(&parent) {
                Some(fan_in) => *fan_in,
                None => return param, // somebody's own layer of that name, without a weight
            },
        };
        let bound = match (self.init, D) {
            (Init::FanIn, _) => 1.0 / (fan_in as f64).sqrt(),
            (Init::GlorotUniform, 1) => 0.0,
            (Init::GlorotUniform, _) => (6.0 / (of_inputs + of_outputs) as f64).sqrt(),
        };
        let key = self.path.iter().fold(self.init_key, |key, segment| key.fold_str(segment));
        let values = key.uniform(0, 1, shape.num_elements());
        let values: Vec<f32> = values.iter().map(|&u| (bound * (2.0 * f64::from(u) - 1.0)) as f32).collect();
        let tensor = Tensor::from_data(TensorData::new(values, shape), &param.lazy_device());
        // Said of the parameter, not of the tensor: it must hold on an inner device, until the module is put on an autodiff one.
        Param::initialized(param.id, tensor).set_require_grad(true)
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::{
        nn::{
            Linear, LinearConfig,
            conv::{Conv2d, Conv2dConfig},
        },
        tensor::Device,
    };

    use super::*;

    const D_INPUT: usize = 40;
    const D_OUTPUT: usize = 200;

    /// The weights and the bias of one layer.
    fn drawn(init: Init, seed: u64) -> [Vec<f32>; 2] {
        let layer = LinearConfig::new(D_INPUT, D_OUTPUT).init(&Device::flex());
        let Linear { weight, bias, .. } = init_weights_with(layer, Key::new(seed), init);
        [weight.val().try_into_vec_as().unwrap(), bias.unwrap().val().try_into_vec_as().unwrap()]
    }

    /// That numbers are uniform on (-bound, bound): inside, near both ends, and of its variance, bound^2 / 3.
    fn assert_uniform(values: &[f32], bound: f64) {
        let n = values.len() as f64;
        let largest = values.iter().fold(0.0f64, |max, &x| max.max(f64::from(x).abs()));
        assert!(largest < bound && largest > 0.97 * bound, "{largest} of {bound}");
        let variance = values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n;
        // The squares of U(-1, 1) have the mean 1/3 and the variance 4/45.
        let error = bound.powi(2) * (4.0 / 45.0 / n).sqrt();
        assert!((variance - bound.powi(2) / 3.0).abs() < 4.0 * error, "{variance} of {}", bound.powi(2) / 3.0);
    }

    #[test]
    fn the_default_law_is_within_the_root_of_the_inputs() {
        let [weight, bias] = drawn(Init::FanIn, 0);
        assert_uniform(&weight, (1.0 / D_INPUT as f64).sqrt());
        assert_uniform(&bias, (1.0 / D_INPUT as f64).sqrt());
        let layer = LinearConfig::new(D_INPUT, D_OUTPUT).init(&Device::flex());
        let same: Vec<f32> = init_weights(layer, Key::new(0)).weight.val().try_into_vec_as().unwrap();
        assert_eq!(weight, same);
    }

    #[test]
    fn glorots_law_has_the_variance_of_both_widths_and_no_bias() {
        let [weight, bias] = drawn(Init::GlorotUniform, 0);
        assert_uniform(&weight, (6.0 / (D_INPUT + D_OUTPUT) as f64).sqrt()); // variance 2 / (40 + 200)
        assert!(bias.iter().all(|&x| x == 0.0));
        assert_ne!(weight, drawn(Init::GlorotUniform, 1)[0]);
    }

    #[test]
    fn a_kernel_counts_as_what_it_reads() {
        let drawn = |init| {
            let layer = Conv2dConfig::new([6, 200], [3, 5]).with_groups(2).init(&Device::flex());
            let Conv2d { weight, bias, .. } = init_weights_with(layer, Key::new(0), init);
            [weight.val().try_into_vec_as().unwrap(), bias.unwrap().val().try_into_vec_as::<f32>().unwrap()]
        };
        let [weight, bias] = drawn(Init::FanIn);
        assert_uniform(&weight, (1.0 / (3 * 15) as f64).sqrt());
        assert_uniform(&bias, (1.0 / (3 * 15) as f64).sqrt());
        let [weight, bias] = drawn(Init::GlorotUniform);
        assert_uniform(&weight, (6.0 / (15 * (3 + 200)) as f64).sqrt());
        assert!(bias.iter().all(|&x| x == 0.0));
    }
}
