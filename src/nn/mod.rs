//! Layers that obey the [`Pass`](crate::Pass), and what belongs to them. Each works inside anybody's `#[derive(Module)]`.

mod activation;
mod batch_norm;
mod dropout;
mod init;
mod scaling;

pub use activation::Activation;
pub use batch_norm::{BatchNorm, BatchNormConfig, Buffer};
pub use dropout::{Dropout, DropoutConfig};
pub use init::{Init, init_weights, init_weights_with};
pub use scaling::{to_inverted_scaling, to_original_scaling};
