//! Models of pictures.

mod file;
mod model;

pub use file::{ImageFile, Pictures};
pub use model::ImageModel;
