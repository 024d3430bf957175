//! Windows of series: what a model sees and what it is to say, and the way back to the targets' unit.

use std::sync::Arc;

use super::{
    panel::{Panel, Series},
    schema::{SeriesScale, SeriesSchema},
    words::in_series,
    zone::Moment,
};
use crate::error::{Error, Result};

/// A part of the data, by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The earliest values, which the weights and all scales are fitted to.
    Train,
    /// Those behind them, which stop the training.
    Valid,
    /// The latest, which nothing is chosen by.
    Test,
}

/// Where a forecast is made: of which series, and how many of its steps are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// The series' place in the panel.
    pub series: usize,
    /// The number of steps that are known: the first target is the step of that number.
    pub at: usize,
}

/// What the numbers of an input are.
///
/// # Shapes
/// - input: `window * features`, one step after the other: the targets, transformed and on the standard scale, then what is observed, what is known, the
///   calendar; then `horizon * known`: what is known, and the calendar, of the steps to come.
/// - targets: `horizon * targets`, on the same scale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many steps the model looks back.
    pub window: usize,
    /// How many numbers it sees of each.
    pub features: usize,
    /// How many steps it forecasts at once.
    pub horizon: usize,
    /// How many numbers it knows of each.
    pub known: usize,
    /// How many targets each step has: the first of its features.
    pub targets: usize,
    /// The features, behind the targets, that are measured: observed numbers.
    pub measured: Vec<usize>,
}

impl Shape {
    /// The length of an input.
    pub fn d_input(&self) -> usize {
        self.window * self.features + self.horizon * self.known
    }

    /// The length of what is to be said.
    pub fn d_target(&self) -> usize {
        self.horizon * self.targets
    }
}

/// The windows of a panel.
///
/// # Examples
/// ```
/// use burn_zoo::data::series::{self, Part, SeriesSchema, Windows};
///
/// let airline = series::find("airline")?;
/// let (schema, panel) = SeriesSchema::fit(&airline.frame(), &airline.settings(), &Default::default())?;
/// let windows = Windows::new(&schema, &panel)?;
/// let origin = windows.origins(Part::Test)[0];
/// let (input, target) = (windows.input(origin)?, windows.target(origin));
/// assert_eq!((input.len(), target.len()), (windows.shape().d_input(), 12));
/// let back = windows.invert(origin, &target.iter().map(|&z| f64::from(z)).collect::<Vec<_>>());
/// assert!((back[0] - windows.actual(origin)[0]).abs() < 1e-3); // thousands of passengers
/// # Ok::<(), burn_zoo::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Windows {
    schema: Arc<SeriesSchema>,
    shape: Shape,
    series: Vec<Seen>,
}

/// A series as a model sees it.
#[derive(Clone, Debug)]
struct Seen {
    series: Series,
    scale: SeriesScale,
    /// The features of each step, NaN in a gap that nothing runs through.
    features: Vec<f32>,
    /// What is known of each step, and of those behind the last.
    known: Vec<f32>,
    /// Whether all of a step's features are there.
    whole: Vec<bool>,
    /// Whether all values up to the step before are there that the way back needs.
    returns: Vec<bool>,
    /// Whether the table has the targets of a step, and all that they are transformed with.
    said: Vec<bool>,
}

impl Windows {
    /// The windows of the series of a panel.
    ///
    /// # Errors
    /// [`Error::Data`] for a series that the schema does not know, and for a value that is too far from the training part to be put on its scale.
    pub fn new(schema: &SeriesSchema, panel: &Panel) -> Result<Self> {
        let known = schema.known_features().len();
        let observed = schema.observed.width();
        let targets = schema.targets.len();
        let is_number = schema.observed.scales().map(|scale| scale == crate::data::schema::Scale::Standard);
        let shape = Shape {
            window: schema.window,
            features: targets + observed + known,
            horizon: schema.horizon,
            known,
            targets,
            measured: is_number.zip(targets..).filter(|(number, _)| *number).map(|(_, at)| at).collect(),
        };
        let mut series = Vec::new();
        for (at, one) in panel.series.iter().enumerate() {
            let scale = schema.scale_of(&one.group).ok_or_else(|| {
                let known: Vec<String> = schema.scales.iter().map(|scale| scale.group.join(", ")).collect();
                Error::unknown("series", &one.name(), known)
            })?;
            series.push(Seen::new(schema, &shape, one, scale, |step| panel.stamp(at, step))?);
        }
        Ok(Self { schema: Arc::new(schema.clone()), shape, series })
    }

    /// What the numbers of an input are.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// What the windows were made by.
    pub fn schema(&self) -> &SeriesSchema {
        &self.schema
    }

    /// The origins of all windows whose targets lie in a part of the data, in the order of series and time. Windows of a later part may look back into an
    /// earlier one.
    pub fn origins(&self, part: Part) -> Vec<Origin> {
        self.origins_every(part, 1)
    }

    /// The same, of each series only those that are so many steps, or multiples, behind the first that there could be: a rolling origin.
    ///
    /// # Panics
    /// For a stride of 0.
    pub fn origins_every(&self, part: Part, stride: usize) -> Vec<Origin> {
        let mut origins = Vec::new();
        for series in 0..self.series.len() {
            let (from, to) = self.bounds(series, part);
            let first = from.max(self.shape.window + self.schema.transform.lag());
            let last = (to + 1).saturating_sub(self.shape.horizon);
            let all = (first..last).step_by(stride).map(|at| Origin { series, at });
            origins.extend(all.filter(|&origin| self.is_told(origin)));
        }
        origins
    }

    /// The steps of a series that lie in a part.
    fn bounds(&self, series: usize, part: Part) -> (usize, usize) {
        let series = &self.series[series].series;
        let before = |moment: Moment| self.schema.steps_before(series, moment);
        let [valid, test] = self.schema.cuts;
        match part {
            Part::Train => (0, before(valid)),
            Part::Valid => (before(valid), before(test)),
            Part::Test => (before(test), series.steps()),
        }
    }

    /// Whether an origin is one of a part's.
    pub(super) fn is_in(&self, origin: Origin, part: Part) -> bool {
        let (from, to) = self.bounds(origin.series, part);
        (from..to).contains(&origin.at) && origin.at + self.shape.horizon <= to && self.is_told(origin)
    }

    /// The origins behind the last value of each series, for forecasts of what is to come.
    pub fn last_origins(&self) -> Vec<Origin> {
        let last = |(series, seen): (usize, &Seen)| Origin { series, at: seen.series.steps() };
        self.series.iter().enumerate().map(last).collect()
    }

    /// Whether a window before the origin has all that the model reads, and the horizon behind it all that it is to say.
    fn is_told(&self, origin: Origin) -> bool {
        let seen = &self.series[origin.series];
        let (from, to) = (origin.at, origin.at + self.shape.horizon);
        to <= seen.said.len() && seen.said[from..to].iter().all(|said| *said) && self.why_not(origin).is_none()
    }

    /// Why no forecast can be made at an origin.
    fn why_not(&self, origin: Origin) -> Option<String> {
        let seen = &self.series[origin.series];
        let (at, window) = (origin.at, self.shape.window);
        let place = in_series(&seen.series.group);
        if at < window || at > seen.whole.len() {
            return Some(format!("the window{place} has {window} steps, of which there are {at}"));
        }
        if !seen.whole[at - window..at].iter().all(|whole| *whole) || !seen.returns[at] {
            return Some(format!("the window{place} of {window} steps runs through a gap"));
        }
        if seen.series.bridged[at - 1] {
            return Some(format!("the window{place} ends inside of a gap, whose end is not yet known"));
        }
        let ahead = seen.known.chunks(self.shape.known.max(1)).skip(at).take(self.shape.horizon);
        let columns = self.schema.known.width();
        let known = if columns == 0 { self.shape.horizon } else { ahead.filter(|row| whole(row)).count() };
        (known < self.shape.horizon).then(|| {
            let names: Vec<&str> = self.schema.known.names().collect();
            format!(
                "`{}` is known of {known} steps to come{place}, expected {}",
                names.join("`, `"),
                self.shape.horizon
            )
        })
    }

    /// What the model sees at an origin.
    ///
    /// # Errors
    /// [`Error::Data`] for an origin without a whole window before it, or without what is to be known of the horizon.
    ///
    /// # Panics
    /// If there is no such series.
    pub fn input(&self, origin: Origin) -> Result<Vec<f32>> {
        self.input_after(origin, &[])
    }

    /// What the model sees some steps behind an origin, if `path` is what happened in between: the targets of each step, on the model's scale. So a forecast
    /// goes on behind the horizon: with sampled values, not with means.
    ///
    /// # Errors
    /// As [`input`](Self::input); [`Error::Config`] if the model reads columns that are known of the past only.
    ///
    /// # Panics
    /// If there is no such series, or the path has no whole steps.
    pub fn input_after(&self, origin: Origin, path: &[f32]) -> Result<Vec<f32>> {
        let Shape { window, features, horizon, known, targets, .. } = self.shape;
        assert_eq!(path.len() % targets, 0, "a path of whole steps of {targets} targets");
        let (seen, behind) = (&self.series[origin.series], path.len() / targets);
        let refuse =
            |reason: String| Error::Data { place: format!("forecast{}", in_series(&seen.series.group)), reason };
        if let Some(reason) = self.why_not(origin) {
            return Err(refuse(reason));
        }
        if behind > 0 && self.schema.observed.width() > 0 {
            let names: Vec<&str> = self.schema.observed.names().collect();
            let expected = format!("at most {horizon}: `{}` is not known of the steps to come", names.join("`, `"));
            return Err(Error::config("steps", behind + horizon, expected));
        }
        let mut input = Vec::with_capacity(self.shape.d_input());
        // What is left of the window before the origin.
        let from = (origin.at - window + behind).min(origin.at);
        input.extend_from_slice(&seen.features[from * features..origin.at * features]);
        for step in behind.saturating_sub(window)..behind {
            input.extend_from_slice(&path[step * targets..][..targets]);
            input.extend(self.known(seen, origin.at + step).map_err(refuse)?);
        }
        for step in 0..horizon {
            input.extend(self.known(seen, origin.at + behind + step).map_err(refuse)?);
        }
        debug_assert_eq!((input.len(), known), (self.shape.d_input(), self.shape.known));
        Ok(input)
    }

    /// What is known of a step, which may lie behind the last.
    fn known(&self, seen: &Seen, step: usize) -> Result<Vec<f32>, String> {
        let (width, columns) = (self.shape.known, self.schema.known.width());
        let there = seen.known.get(step * width..(step + 1) * width).filter(|row| whole(row));
        match there {
            Some(row) => Ok(row.to_vec()),
            None if columns == 0 => Ok(calendar(&self.schema, &seen.series, step).map(|x| x as f32).collect()),
            None => {
                let names: Vec<&str> = self.schema.known.names().collect();
                let given = (step).saturating_sub(seen.series.steps());
                Err(format!("`{}` is known of {given} steps to come only", names.join("`, `")))
            }
        }
    }

    /// What the model is to say at an origin: the targets of the horizon, on its scale.
    ///
    /// # Panics
    /// If the table does not have them: the origin is none of [`origins`](Self::origins).
    pub fn target(&self, origin: Origin) -> Vec<f32> {
        let (seen, features) = (&self.series[origin.series], self.shape.features);
        let steps = origin.at..origin.at + self.shape.horizon;
        let of = |step: usize| {
            assert!(seen.said[step], "a target that the table has");
            &seen.features[step * features..][..self.shape.targets]
        };
        steps.flat_map(of).copied().collect()
    }

    /// The targets of the horizon at an origin, in their unit.
    ///
    /// # Panics
    /// If the series is shorter.
    pub fn actual(&self, origin: Origin) -> &[f64] {
        let width = self.shape.targets;
        &self.series[origin.series].series.targets[origin.at * width..(origin.at + self.shape.horizon) * width]
    }

    /// One of the targets up to an origin, in its unit; NaN in a gap that nothing runs through.
    ///
    /// # Panics
    /// If there is no such series or target.
    pub fn history(&self, origin: Origin, target: usize) -> Vec<f64> {
        let mut history = self.series[origin.series].series.target(target);
        history.truncate(origin.at);
        history
    }

    /// The scale of the series of an origin.
    ///
    /// # Panics
    /// If there is no such series.
    pub fn scale(&self, origin: Origin) -> &SeriesScale {
        &self.series[origin.series].scale
    }

    /// The way back from a path of the model's numbers, steps from an origin on, to the targets' unit. A path is one sample: differences are added up
    /// along it.
    ///
    /// # Shapes
    /// - path and output: `steps * targets`, one step after the other.
    ///
    /// # Panics
    /// If there is no such series, or the path has no whole steps.
    pub fn invert(&self, origin: Origin, path: &[f64]) -> Vec<f64> {
        let (seen, width) = (&self.series[origin.series], self.shape.targets);
        assert_eq!(path.len() % width, 0, "a path of whole steps of {width} targets");
        let mut out = vec![0.0; path.len()];
        for target in 0..width {
            let (mean, sd) = (seen.scale.mean[target], seen.scale.sd[target]);
            // What never changed in the training part is forecast to stay so.
            let sd = if seen.scale.constant[target] { 0.0 } else { sd };
            let z: Vec<f64> = path.iter().skip(target).step_by(width).map(|z| mean + sd * z).collect();
            let lag = self.schema.transform.lag();
            let history: Vec<f64> =
                (origin.at - lag..origin.at).map(|step| seen.series.targets[step * width + target]).collect();
            let values = self.schema.transform.invert(&z, &history);
            out.iter_mut().skip(target).step_by(width).zip(values).for_each(|(out, y)| *out = y);
        }
        out
    }

    /// Inputs and targets of some origins, row by row, for training.
    ///
    /// # Errors
    /// As [`input`](Self::input).
    pub fn rows(&self, origins: &[Origin]) -> Result<(Vec<f32>, Vec<f32>)> {
        let mut inputs = Vec::with_capacity(origins.len() * self.shape.d_input());
        for &origin in origins {
            inputs.extend(self.input(origin)?);
        }
        Ok((inputs, origins.iter().flat_map(|&origin| self.target(origin)).collect()))
    }
}

impl Seen {
    fn new(
        schema: &SeriesSchema,
        shape: &Shape,
        series: &Series,
        scale: &SeriesScale,
        stamp: impl Fn(usize) -> String,
    ) -> Result<Self> {
        let (steps, width) = (series.steps(), shape.targets);
        let (observed, columns) = (schema.observed.width(), schema.known.width());
        // Targets, transformed and on the scale of the training part.
        let mut z = vec![0.0; steps * width];
        let mut from_table = vec![true; steps];
        for target in 0..width {
            let values = series.target(target);
            let (mean, sd) = (scale.mean[target], scale.sd[target]);
            let seen = schema.transform.forward(&values);
            z.iter_mut().skip(target).step_by(width).zip(seen).for_each(|(z, seen)| *z = (seen - mean) / sd);
            let known = values.iter().zip(&series.given).map(|(y, given)| if *given { *y } else { f64::NAN });
            let known = schema.transform.forward(&known.collect::<Vec<_>>());
            from_table.iter_mut().zip(known).for_each(|(all, seen)| *all &= !seen.is_nan());
        }
        let scaled = |scaler: &crate::data::scaler::Scaler, row: &[f64]| scaler.apply(row).collect::<Vec<f32>>();
        let mut known: Vec<f32> = Vec::with_capacity((steps + series.future) * shape.known);
        for step in 0..steps + series.future {
            known.extend(scaled(&schema.known_scale, &series.known[step * columns..][..columns]));
            known.extend(calendar(schema, series, step).map(|x| x as f32));
        }
        let mut features: Vec<f32> = Vec::with_capacity(steps * shape.features);
        for step in 0..steps {
            features.extend(z[step * width..][..width].iter().map(|&z| z as f32));
            features.extend(scaled(&schema.observed_scale, &series.observed[step * observed..][..observed]));
            features.extend_from_slice(&known[step * shape.known..][..shape.known]);
        }
        if let Some(at) = features.iter().position(|x| x.is_infinite()) {
            let names = schema.features();
            let (step, name) = (at / shape.features, &names[at % shape.features]);
            let reason = format!("`{name}` is too far from its values in the training part to be read");
            return Err(Error::Data { place: format!("`{}`{}", stamp(step), in_series(&series.group)), reason });
        }
        let lag = schema.transform.lag();
        let there = |step: usize| series.targets[step * width..][..width].iter().all(|y| !y.is_nan());
        let returns = (0..=steps).map(|at| at >= lag && (at - lag..at).all(there)).collect();
        let is_whole: Vec<bool> = features.chunks(shape.features).map(whole).collect();
        Ok(Self {
            series: series.clone(),
            scale: scale.clone(),
            features,
            known,
            whole: is_whole,
            returns,
            said: from_table,
        })
    }
}

fn whole(row: &[f32]) -> bool {
    row.iter().all(|x| x.is_finite())
}

/// Where in its cycles, and in all of time, a step is.
fn calendar<'a>(schema: &'a SeriesSchema, series: &Series, step: usize) -> impl Iterator<Item = f64> + use<'a> {
    let tick = series.first + step as i64;
    let moment = series.grid.moment(tick);
    let wall = (!schema.calendar.is_empty()).then(|| series.grid.wall(tick));
    let cycles = schema.calendar.iter().flat_map(move |cycle| cycle.features(wall.expect("a calendar"), schema.step));
    let trend = schema.trend.map(|trend| (moment - trend.start) as f64 / trend.length as f64);
    cycles.chain(trend)
}
