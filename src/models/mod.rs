//! The models of the zoo. Each implements [`Stochastic`](crate::Stochastic); none knows what Monte Carlo makes of it.

mod head;
mod mlp;
mod task;

pub use head::{HeadConfig, Over, UncertaintyHead};
pub use mlp::{Mlp, MlpConfig, MlpLayer, View};
pub use task::{Noise, Task};
