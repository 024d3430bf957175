//! Models of text.

mod file;
mod language;
mod model;

pub use file::{TextData, TextFile};
pub use language::{Generated, TextReading};
pub use model::TextModel;
#[cfg(feature = "train")]
pub(crate) use model::Way;
