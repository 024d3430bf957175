//! Initial weights from a key: alike on every device, whatever else draws.

use std::collections::BTreeMap;

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Tensor, TensorData},
};

use crate::key::Key;

/// Draws the weights of every `burn::nn::Linear` in `module` from `init_key`, on the host, by parameter path.
///
/// ```text
/// weight, bias ~ U(-1 / sqrt(d_input), 1 / sqrt(d_input)), from init_key folded by each segment of the parameter's path
/// ```
/// That is Burn's and PyTorch's default law for `Linear`. What Burn's own initialisation would have drawn depends on the backend, on the process's one
/// generator and on which parameter is used first; this does not. Other modules' parameters stay as they are.
/// What was frozen is trained again. Layers are taken to be in Burn's default layout, `LinearLayout::Row`.
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
    module.map(&mut Keyed { init_key, path: Vec::new(), linear: Vec::new(), fan_in: BTreeMap::new() })
}

struct Keyed {
    init_key: Key,
    path: Vec<String>,
    linear: Vec<bool>,
    fan_in: BTreeMap<String, usize>,
}

impl ModuleMapper for Keyed {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.push(name.to_string());
        self.linear.push(container_type == "Struct:Linear");
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
        self.linear.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.linear.last() != Some(&true) {
            return param;
        }
        let shape = param.lazy_shape();
        let parent = self.path[..self.path.len() - 1].join(".");
        let fan_in = match D {
            2 => *self.fan_in.entry(parent).insert_entry(shape[0]).get(),
            _ => match self.fan_in.get(&parent) {
                Some(fan_in) => *fan_in,
                None => return param, // somebody's own `Linear`, without a weight
            },
        };
        let bound = 1.0 / (fan_in as f64).sqrt();
        let key = self.path.iter().fold(self.init_key, |key, segment| key.fold_str(segment));
        let values = key.uniform(0, 1, shape.num_elements());
        let values: Vec<f32> = values.iter().map(|&u| (bound * (2.0 * f64::from(u) - 1.0)) as f32).collect();
        let tensor = Tensor::from_data(TensorData::new(values, shape), &param.lazy_device());
        // Said of the parameter, not of the tensor: it must hold on an inner device, until the module is put on an autodiff one.
        Param::initialized(param.id, tensor).set_require_grad(true)
    }
}
