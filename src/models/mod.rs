//! The models of the zoo. Each implements [`Stochastic`](crate::Stochastic); none knows what Monte Carlo makes of it.

mod cnn;
mod fold;
mod head;
mod lstm;
mod mlp;
mod task;
mod view;
mod windows;

pub use cnn::{Cnn, CnnBlock, CnnConfig, CnnStage, DropoutAt, Norm, Pool, Stage};
pub use head::{HeadConfig, Over, UncertaintyHead};
pub use lstm::{Lstm, LstmConfig, SequenceInput};
pub use mlp::{Mlp, MlpConfig, MlpLayer};
pub use task::{Noise, Task};
pub use view::View;
pub use windows::OverWindows;
