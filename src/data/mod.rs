//! Data: tables, pictures, series and texts, what their columns are, splits, scaling.

mod date;
mod frame;
pub mod image;
mod infer;
pub mod read;
mod scaler;
mod schema;
pub mod series;
mod settings;
mod split;
mod table;
mod target;
pub mod text;

pub use frame::Frame;
#[cfg(feature = "train")]
pub(crate) use scaler::LARGEST;
pub use scaler::Scaler;
#[cfg(feature = "train")]
pub(crate) use schema::Scale;
pub use schema::{BadCell, Binding, Column, Ignored, Remark, Schema};
pub use settings::{
    ClassWeights, ColumnKind, DataSettings, ImageDataSettings, Missing, MissingTarget, SplitBy, TaskChoice, Transform,
    Unseen,
};
pub use split::{SPLIT, Split};
pub use table::{BUILT_IN, BuiltIn, Table, find, sha256};
pub use target::{Found, Target, Targets};
