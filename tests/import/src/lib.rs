//! What an importer of burn-zoo writes: layers of burn-zoo in modules of their own, a layer of their own that draws, and training by their own
//! `Learner` of burn-train.

mod learner;
mod modules;

#[cfg(feature = "zoo-train")]
pub use learner::one_epoch_of_keyed_batches;
pub use learner::{Model, Row, one_epoch};
pub use modules::{Jitter, Own, Sequence};

#[cfg(not(any(feature = "flex", feature = "ndarray")))]
compile_error!("choose a backend: --features flex, or ndarray");
