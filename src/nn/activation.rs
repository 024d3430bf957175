//! Activations by name.

use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

/// The function between two layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// max(x, 0)
    #[default]
    Relu,
    /// tanh(x): bounded, and so is the uncertainty far from the data (Gal & Ghahramani 2016a, section 5.1)
    Tanh,
    /// 1 / (1 + exp(-x))
    Sigmoid,
    /// x Phi(x), exact
    Gelu,
    /// x sigmoid(x)
    Silu,
    /// x, or exp(x) - 1 below zero
    Elu,
    /// The self-normalising unit (Klambauer et al. 2017)
    Selu,
    /// x: none at all
    Identity,
}

impl std::fmt::Display for Activation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Relu => "relu",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
            Self::Gelu => "gelu",
            Self::Silu => "silu",
            Self::Elu => "elu",
            Self::Selu => "selu",
            Self::Identity => "identity",
        })
    }
}

impl Activation {
    /// All of them, in the order of their names in the docs.
    pub const ALL: [Self; 8] =
        [Self::Relu, Self::Tanh, Self::Sigmoid, Self::Gelu, Self::Silu, Self::Elu, Self::Selu, Self::Identity];

    /// Applies the function to every entry.
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Relu => activation::relu(x),
            Self::Tanh => activation::tanh(x),
            Self::Sigmoid => activation::sigmoid(x),
            // Burn's own derivative is the tanh approximation's on some backends (error 9e-4).
            Self::Gelu => x.clone() * ((x * std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0) * 0.5,
            Self::Silu => activation::silu(x),
            Self::Elu => activation::elu(x, 1.0),
            Self::Selu => activation::selu(x),
            Self::Identity => x,
        }
    }
}
