//! Layers that obey the [`Pass`](crate::Pass), and what belongs to them. Each works inside anybody's `#[derive(Module)]`.

mod activation;
mod alpha;
mod batch_norm;
mod concrete;
mod drop_block;
mod drop_connect;
mod dropout;
mod embedding_dropout;
mod gaussian;
mod init;
mod kind;
mod rate_layer;
mod recurrent;
mod scaling;
mod spatial;
mod stochastic_depth;

pub use activation::Activation;
pub use alpha::{AlphaDropout, AlphaDropoutConfig};
pub use batch_norm::{BatchNorm, BatchNormConfig, Buffer};
pub use concrete::{ConcreteDropout, ConcreteDropoutConfig, SpatialConcreteDropout2d, SpatialConcreteDropout2dConfig};
pub use drop_block::{DropBlock, DropBlockConfig};
pub use drop_connect::{DropConnect, DropConnectConfig};
pub use dropout::{Dropout, DropoutConfig};
pub use embedding_dropout::{EmbeddingDropout, EmbeddingDropoutConfig};
pub use gaussian::{GaussianDropout, GaussianDropoutConfig};
pub use init::{Init, init_weights, init_weights_with};
pub use kind::{DropoutKind, MapDropout, NoDropout};
pub use recurrent::{
    BurnLayer, ElmanCell, GateMasks, GruCell, LstmCell, MaskTime, Recurrent, RecurrentCell, RecurrentConfig,
    RecurrentDirection, RecurrentLayer, RecurrentState, VariationalGru, VariationalLstm, VariationalRnn,
};
pub use scaling::{to_inverted_scaling, to_original_scaling};
pub use spatial::{
    SpatialDropout1d, SpatialDropout1dConfig, SpatialDropout2d, SpatialDropout2dConfig, SpatialDropout3d,
    SpatialDropout3dConfig,
};
pub use stochastic_depth::{StochasticDepth, StochasticDepthConfig};
