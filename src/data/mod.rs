//! Data: tables that are built in, splits, scaling.

pub mod read;
mod scaler;
mod split;
mod table;

pub use scaler::Scaler;
pub(crate) use split::check_shares;
pub use split::{SPLIT, Split};
pub(crate) use table::hex;
pub use table::{BUILT_IN, BuiltIn, Table, find};
