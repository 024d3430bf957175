//! Series of numbers in time, for forecasts: regular, scaled by their training part, cut into windows.
//!
//! ```text
//! Frame --SeriesSchema::fit--> (SeriesSchema, Panel) --Windows::new--> inputs, targets, and the way back
//! ```
//!
//! Nothing of what is behind an origin is read before it: not by a feature, a scale, a filled gap or a window. Each thing that is done to the rows is a
//! choice of [`SeriesSettings`], and noted in the [`Panel`].

mod augment;
mod built_in;
mod calendar;
mod layout;
mod panel;
mod schema;
mod settings;
mod step;
mod time;
mod transform;
mod windows;
mod words;
mod zone;

pub use augment::SeriesAugmentation;
pub use built_in::{BUILT_IN, BuiltInSeries, find, seasonal, seasonal_law};
pub use calendar::{CalendarChoice, Cycle};
pub use panel::{Panel, Series};
pub use schema::{SeriesScale, SeriesSchema, Trend};
pub use settings::{Auto, Duplicates, Gaps, Irregular, SeriesSettings};
pub use step::{Step, StepChoice};
pub use time::TimeColumns;
pub use transform::Transform;
pub use windows::{Origin, Part, Shape, Windows};
