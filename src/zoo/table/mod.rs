//! Models of tables.

mod file;
mod model;

pub use file::{Data, ModelFile, Reading, Scaling, Tau};
pub use model::{Features, Model, Rows};
