//! Dropout models for [Burn](https://burn.dev) that say how sure they are.

#![warn(missing_docs)]

pub mod data;
mod device;
mod error;
mod key;
pub mod models;
pub mod nn;
mod ops;
pub mod outputs;
mod pass;
mod rate;
#[cfg(feature = "train")]
pub mod recipe;
mod replay;
#[cfg(feature = "plot")]
pub mod report;
pub mod settings;
mod stochastic;
pub mod train;
pub mod uncertainty;
pub mod zoo;

/// The Burn that this crate is built with. Its types are in this crate's interface, so a program has to use this very one: with `use burn_zoo::burn;`
/// it does, and needs no dependency on `burn` of its own.
pub use burn;
pub use device::{Adapter, Check, DeviceSpec, check_device, device_faults};
#[cfg(feature = "wgpu")]
pub use device::{AdapterInfo, adapters};
pub use error::{Error, Result};
pub use key::{Key, MASK_SCHEME};
pub use pass::{Law, Pass, Segment, Site, Source, Statistics};
pub use rate::Rate;
pub use replay::{Drawn, Recorder, Replay};
pub use stochastic::{Batch, FromFn, Joinable, Predictive, Samples, Stochastic, StochasticStream, from_fn};

/// Compiles and runs the README's programs.
#[cfg(all(doctest, feature = "flex"))]
#[doc = include_str!("../README.md")]
struct Readme;
