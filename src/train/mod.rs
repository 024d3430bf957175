//! Training on burn-train's `Learner`: keyed order and masks, penalties and limits, early stopping that gives back the best weights.
//!
//! What is random is derived from the run's key, one key for each purpose:
//! ```text
//! initial weights   run.fold_str("init"), by parameter path
//! order of rows     run.fold_str("order").fold(epoch)
//! masks             run.fold_str("mask").fold(epoch).fold(batch), by site and row of the batch
//! augmentation      run.fold_str("augment").fold(epoch).fold(row)
//! split             run.fold_str("split")
//! ```
//! Epochs count from 1, batches from 0. So a row gets other masks in each epoch, and neither threads nor loader workers change a bit.

#[cfg(feature = "train")]
mod checkpoint;
mod config;
#[cfg(feature = "train")]
mod fit;
#[cfg(feature = "train")]
mod light;
#[cfg(feature = "train")]
mod loader;
#[cfg(feature = "train")]
mod log;
mod loss;
#[cfg(feature = "train")]
mod rule;
mod schedule;
#[cfg(feature = "train")]
mod step;
#[cfg(feature = "train")]
mod streaming;

pub use config::{OptimizerKind, TrainConfig};
#[cfg(feature = "train")]
pub use fit::{Epoch, Progress, Quiet, Trained, fit, fit_from};
#[cfg(feature = "train")]
pub use light::{fit_epochs, fit_light};
#[cfg(feature = "train")]
pub use loader::{Examples, KeyedLoader, TrainBatch};
pub use loss::Loss;
pub use schedule::Schedule;
#[cfg(feature = "train")]
pub use step::Trainable;
#[cfg(feature = "train")]
pub use streaming::{Streaming, StreamingModel};
