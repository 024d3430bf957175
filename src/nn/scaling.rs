//! The two scalings of dropout, and the way from one to the other.
//!
//! With rate q (the probability of dropping), a mask m of zeros and ones, and the weights W that read the dropped units:
//! ```text
//!            in training            at test
//! original   y = (x * m) W          y = x ((1 - q) W)      Srivastava et al. 2014: multiply the weights by 1 - q at test
//! inverted   y = (x * m / (1-q)) W  y = x W                this crate, Burn, PyTorch, Keras: nothing to do at test
//! ```
//! They are the same model: `W_inverted = (1 - q) W_original` makes the two predict alike under every mask and without one. To mix them up
//! is not harmless: a network read with the wrong convention is off by the factor 1 - q in each layer (at q = 0.5 a swap of q and 1 - q hides).

use burn::{
    module::{ModuleMapper, Param},
    nn::Linear,
    prelude::Module,
    tensor::Tensor,
};

use crate::rate::Rate;

/// Converts a layer that was trained with the original scaling: `layer` reads units dropped with `rate` and left unscaled in training.
///
/// The result belongs behind a [`Dropout`](super::Dropout) of that rate, and predicts what `layer` predicts with its weights multiplied by
/// `1 - rate` at test. The bias is not scaled: it is never dropped.
pub fn to_inverted_scaling(layer: Linear, rate: Rate) -> Linear {
    scale_weight(layer, rate.keep())
}

/// The other way: from a layer behind this crate's (or Burn's, PyTorch's) dropout to one whose weights must be multiplied by `1 - rate` at test.
pub fn to_original_scaling(layer: Linear, rate: Rate) -> Linear {
    scale_weight(layer, rate.scale())
}

fn scale_weight(layer: Linear, factor: f64) -> Linear {
    struct Scale(f64);
    impl ModuleMapper for Scale {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            if D != 2 {
                return param; // the bias
            }
            param.map(|weight| {
                let (autodiff, tracked) = (weight.is_autodiff(), weight.is_require_grad());
                let weight = weight.inner() * self.0;
                if autodiff { weight.autodiff().set_require_grad(tracked) } else { weight }
            })
        }
    }
    layer.map(&mut Scale(factor))
}
