//! Models of series.

mod file;
mod forecast;
mod model;

pub use file::{ForecastEvaluation, SeriesData, SeriesFile};
pub use forecast::Forecast;
pub use model::{Rolling, SeriesModel};
