//! What a model reads of series, as the training part showed it.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{
    calendar::Cycle,
    layout::{Laid, Layout, Source},
    panel::{Columns, Panel, Series, without_missing},
    settings::{Auto, Duplicates, Gaps, Irregular, SeriesSettings},
    step::{Step, StepChoice},
    time::{ROW, TimeColumns, places},
    transform::Transform,
    windows::{Part, Windows},
    words::{count, label},
    zone::Moment,
};
use crate::{
    data::{
        frame::Frame,
        scaler::Scaler,
        schema::{Scale, Schema},
        settings::{ColumnKind, Missing, Unseen},
    },
    error::{Error, Result},
};

/// What a model reads of series: columns, steps, parts and scales. Everything is of the training part alone, but where the parts begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesSchema {
    /// The columns that tell series apart.
    pub group: Vec<String>,
    /// The columns that are forecast.
    pub targets: Vec<String>,
    /// What lies between two stamps.
    pub step: Step,
    /// After how many steps a series is like itself.
    pub season: usize,
    /// How many steps the model looks back.
    pub window: usize,
    /// How many steps it forecasts at once.
    pub horizon: usize,
    /// What it sees instead of the targets, before they are put on the standard scale.
    pub transform: Transform,
    /// The cycles of the calendar that it is told.
    pub calendar: Vec<Cycle>,
    /// Where the validation and the test part begin: microseconds since 1970, or millionths of stamps that are numbers.
    pub cuts: [i64; 2],
    /// What happens to rows that repeat a stamp.
    pub duplicates: Duplicates,
    /// What happens to stamps between the steps.
    pub irregular: Irregular,
    /// What happens to stamps that are missing, or have no value.
    pub gaps: Gaps,
    /// What means "missing" besides an empty cell, `NA`, `?` and their like.
    pub missing_values: Vec<String>,
    /// How time is told as a number, if it is: 0 where the training part begins, 1 where it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trend: Option<Trend>,
    /// The columns that say when.
    pub time: TimeColumns,
    /// The columns that are known of the past.
    pub observed: Schema,
    /// Their means and standard deviations, feature by feature, over all series.
    pub observed_scale: Scaler,
    /// The columns that are known of the future, too.
    pub known: Schema,
    /// Their means and standard deviations, feature by feature, over all series.
    pub known_scale: Scaler,
    /// The scales of the targets, series by series.
    pub scales: Vec<SeriesScale>,
}

/// A straight line through time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trend {
    /// Where it is 0: microseconds since 1970, or millionths of stamps that are numbers.
    pub start: i64,
    /// After how much more it is 1.
    pub length: i64,
}

/// The scale of the targets of one series, as its training part showed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesScale {
    /// The cells that tell it from the others.
    pub group: Vec<String>,
    /// The mean of each target, transformed.
    pub mean: Vec<f64>,
    /// Its standard deviation (divided by n), transformed; 1 where it is constant.
    pub sd: Vec<f64>,
    /// Whether it is constant, transformed: then it is forecast to stay so.
    pub constant: Vec<bool>,
    /// The mean absolute error of the seasonal-naive forecast in the training part, not transformed: what a scaled error is divided by. 0 where there is
    /// none.
    pub naive_mae: Vec<f64>,
}

/// Fewer standard deviations of the largest value than that are rounding errors.
const ROUNDING: f64 = 1e-12;

impl SeriesSchema {
    /// What the columns of a table of series are, and the series. `said` says what columns beside the targets are.
    ///
    /// The notes of the [`Panel`] are what a user should be told.
    ///
    /// # Errors
    /// [`Error::Config`] for settings that do not fit together or the table; [`Error::Data`] for what the table holds, with file and lines.
    pub fn fit(frame: &Frame, settings: &SeriesSettings, said: &BTreeMap<String, ColumnKind>) -> Result<(Self, Panel)> {
        settings.check().map_err(in_data)?;
        if settings.target.is_empty() {
            return Err(Error::config("data.target", "[]", "the column that is forecast: say --target COLUMN"));
        }
        for (setting, names) in [
            ("data.target", &settings.target),
            ("data.group", &settings.group),
            ("data.observed", &settings.observed),
            ("data.known", &settings.known),
        ] {
            places(frame, setting, names)?;
        }
        let time = TimeColumns::find(frame, settings)?;
        let covariates = [&settings.observed[..], &settings.known].concat();
        let source = Source {
            frame,
            time: &time,
            step: match settings.step {
                StepChoice::Auto => None,
                StepChoice::Is(step) => Some(step),
            },
            group: &settings.group,
            targets: &settings.target,
            covariates: &covariates,
            log: settings.transform.is_log(),
            duplicates: settings.duplicates,
            irregular: settings.irregular,
            gaps: settings.gaps,
        };
        let Laid { step, zone, series: mut layouts, mut notes } = source.lay_out()?;

        let season = match settings.season {
            Auto::Auto => step.season(),
            Auto::Is(season) => season,
        };
        let horizon = settings.horizon;
        let window = match settings.window {
            Auto::Auto => (2 * season).min(LONGEST).max(horizon),
            Auto::Is(window) => window,
        };
        let transform = settings.transform.with_season(season);
        let needs = Needs { lag: transform.lag(), window, horizon, split: settings.split };
        notes.extend(needs.retain(frame, &mut layouts)?);
        let cuts = cuts(&layouts, settings.split);
        refuse_beyond(frame, &layouts, horizon)?;

        let trains = |layout: &Layout, step: usize| layout.grid.moment(layout.first + step as i64) < cuts[0];
        let train: Vec<usize> = layouts
            .iter()
            .flat_map(|layout| (0..layout.known).filter(|&step| trains(layout, step)).map(|step| &layout.rows[step]))
            .flatten()
            .copied()
            .collect();
        let observed = infer(frame, &train, &settings.observed, said)?;
        let known = infer(frame, &train, &settings.known, said)?;
        let start = layouts.iter().map(|layout| layout.grid.moment(layout.first)).min().expect("there are series");
        let trained = cuts[0] - start;
        let calendar = settings.calendar.cycles(step, trained as f64)?;
        let trend = settings.trend.then_some(Trend { start, length: trained.max(1) });

        let mut schema = Self {
            group: settings.group.clone(),
            targets: settings.target.clone(),
            step,
            season,
            window,
            horizon,
            transform,
            calendar,
            cuts,
            duplicates: settings.duplicates,
            irregular: settings.irregular,
            gaps: settings.gaps,
            missing_values: settings.missing_values.clone(),
            trend,
            time,
            observed,
            observed_scale: Scaler { mean: Vec::new(), sd: Vec::new() },
            known,
            known_scale: Scaler { mean: Vec::new(), sd: Vec::new() },
            scales: Vec::new(),
        };
        let mut series = schema.series(frame, &layouts, &mut notes)?;
        schema.fit_scales(&series, frame)?;
        series.retain(|series| {
            let known = schema.scale_of(&series.group).is_some();
            if !known {
                notes.push(format!("the series `{}` is left out: none of it lies in the training part", series.name()));
            }
            known
        });
        let panel = Panel { series, time: schema.time.clone(), zone, notes };
        let panel = schema.with_windows(frame, panel)?;
        let panel = schema.told(frame, panel, settings);
        Ok((schema, panel))
    }

    /// Reads a table as the training table was read: the series that the model knows.
    ///
    /// # Errors
    /// [`Error::Data`] for what the table holds, and if the model knows none of its series; others are left out with a note.
    pub fn read(&self, frame: &Frame) -> Result<Panel> {
        for name in self.columns() {
            if !frame.columns().iter().any(|column| column == name) {
                let reason = format!("no column `{name}`, which the model reads");
                return Err(Error::Data { place: frame.name().to_string(), reason });
            }
        }
        let covariates: Vec<String> = self.observed.names().chain(self.known.names()).map(str::to_string).collect();
        let source = Source {
            frame,
            time: &self.time,
            step: Some(self.step),
            group: &self.group,
            targets: &self.targets,
            covariates: &covariates,
            log: self.transform.is_log(),
            duplicates: self.duplicates,
            irregular: self.irregular,
            gaps: self.gaps,
        };
        let Laid { zone, series: layouts, mut notes, .. } = source.lay_out()?;
        let (known, others): (Vec<Layout>, Vec<Layout>) =
            layouts.into_iter().partition(|layout| self.scale_of(&layout.group).is_some());
        if known.is_empty() {
            let names: Vec<String> = self.scales.iter().map(|scale| label(&scale.group)).collect();
            let unknown = Error::unknown("series", &label(&others[0].group), names).to_string();
            return Err(Error::Data { place: frame.name().to_string(), reason: unknown });
        }
        for layout in others {
            notes.push(format!("the series `{}` is left out: the model does not know it", label(&layout.group)));
        }
        let layouts = known;
        refuse_beyond(frame, &layouts, self.horizon)?;
        let series = self.series(frame, &layouts, &mut notes)?;
        Ok(Panel { series, time: self.time.clone(), zone, notes })
    }

    /// The columns that a table must have.
    fn columns(&self) -> Vec<&str> {
        let time: &[String] = if self.time.format == ROW { &[] } else { &self.time.columns };
        let named = time.iter().chain(&self.group).chain(&self.targets).map(String::as_str);
        named.chain(self.observed.names()).chain(self.known.names()).collect()
    }

    /// The scale of a series, if it is known.
    pub fn scale_of(&self, group: &[String]) -> Option<&SeriesScale> {
        self.scales.iter().find(|scale| scale.group == group)
    }

    /// That a schema which was read from a file agrees with itself.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), String> {
        let (targets, positive) = (self.targets.len(), [self.window, self.horizon, self.season]);
        if targets == 0 || positive.contains(&0) {
            return Err("a window, a horizon, a season or a target is missing".to_string());
        }
        self.observed.check()?;
        self.known.check()?;
        for (schema, scale, what) in
            [(&self.observed, &self.observed_scale, "observed"), (&self.known, &self.known_scale, "known")]
        {
            let lengths = [scale.mean.len(), scale.sd.len()];
            if lengths != [schema.width(); 2] {
                return Err(format!("{what}_scale has {lengths:?} numbers for {} features", schema.width()));
            }
        }
        for scale in &self.scales {
            let lengths = [scale.mean.len(), scale.sd.len(), scale.constant.len(), scale.naive_mae.len()];
            if lengths != [targets; 4] || scale.group.len() != self.group.len() {
                return Err(format!(
                    "the scale of the series `{}` is not one of {targets} targets",
                    label(&scale.group)
                ));
            }
        }
        let all = self.scales.iter().flat_map(|scale| scale.mean.iter().chain(&scale.sd).chain(&scale.naive_mae));
        let all = all.chain(&self.observed_scale.mean).chain(&self.observed_scale.sd);
        let all = all.chain(&self.known_scale.mean).chain(&self.known_scale.sd);
        if let Some(number) = all.clone().find(|x| !x.is_finite()) {
            return Err(format!("a scale has the number {number}: expected a finite one"));
        }
        let sds = self.scales.iter().flat_map(|scale| &scale.sd);
        match sds.chain(&self.observed_scale.sd).chain(&self.known_scale.sd).find(|sd| **sd <= 0.0) {
            Some(sd) => Err(format!("a standard deviation is {sd}: expected one above 0")),
            None if self.cuts[0] > self.cuts[1] => Err("the test part begins before the validation part".to_string()),
            None if self.trend.is_some_and(|trend| trend.length < 1) => Err("the trend has no length".to_string()),
            None => self.transform.check().map_err(|error| error.to_string()),
        }
    }

    /// The names of what the model sees at each step of the window: targets, observed columns, known columns, calendar.
    pub fn features(&self) -> Vec<String> {
        let past = self.targets.iter().cloned().chain(self.observed.features());
        past.chain(self.known_features()).collect()
    }

    /// The names of what the model knows of each step of the horizon.
    pub fn known_features(&self) -> Vec<String> {
        let trend = self.trend.map(|_| "trend".to_string());
        let cycles = self.calendar.iter().flat_map(|cycle| cycle.names());
        self.known.features().into_iter().chain(cycles).chain(trend).collect()
    }

    fn series(&self, frame: &Frame, layouts: &[Layout], notes: &mut Vec<String>) -> Result<Vec<Series>> {
        let (observed, known) = (Columns::of(frame, &self.observed), Columns::of(frame, &self.known));
        let mut unseen = 0;
        let of = |layout: &Layout, unseen: &mut usize| {
            Series::of(layout, self.targets.len(), &observed, &known, self.gaps, unseen)
        };
        let series = layouts.iter().map(|layout| of(layout, &mut unseen)).collect();
        if unseen > 0 {
            let have = if unseen == 1 { "has a level" } else { "have levels" };
            notes.push(format!("{} {have} that the training part lacks", count(unseen, "cell")));
        }
        series
    }

    /// Fits all scales to the training part; a series without anything in it gets none.
    fn fit_scales(&mut self, series: &[Series], frame: &Frame) -> Result<()> {
        for series in series {
            let train = self.steps_before(series, self.cuts[0]);
            let mut scale = SeriesScale {
                group: series.group.clone(),
                mean: Vec::new(),
                sd: Vec::new(),
                constant: Vec::new(),
                naive_mae: Vec::new(),
            };
            for target in 0..self.targets.len() {
                // What was made up is no evidence.
                let all = series.target(target).into_iter().zip(&series.given).take(train);
                let values: Vec<f64> = all.map(|(y, given)| if *given { y } else { f64::NAN }).collect();
                let finite = |values: &[f64]| values.iter().copied().filter(|y| y.is_finite()).collect::<Vec<_>>();
                let seen = finite(&self.transform.forward(&values));
                let Some(&first) = seen.first() else { break };
                let n = seen.len() as f64;
                let mean = seen.iter().map(|z| z / n).sum::<f64>();
                let sd = seen.iter().map(|z| (z - mean).powi(2) / n).sum::<f64>().sqrt();
                let largest = |values: &[f64]| values.iter().map(|y| y.abs()).fold(0.0, f64::max);
                let raw =
                    if self.transform.is_log() { values.iter().map(|y| y.ln()).collect() } else { values.clone() };
                let same = seen.iter().all(|z| *z == first);
                // Differences of what rises evenly are rounding errors, not a scale.
                let constant = same || sd <= ROUNDING * largest(&finite(&raw));
                scale.mean.push(if same { first } else { mean });
                scale.sd.push(if constant { 1.0 } else { sd });
                scale.constant.push(constant);
                let apart = values.iter().zip(values.iter().skip(self.season)).map(|(before, y)| (y - before).abs());
                let apart: Vec<f64> = apart.filter(|error| error.is_finite()).collect();
                let mae = apart.iter().map(|error| error / apart.len() as f64).sum::<f64>();
                scale.naive_mae.push(mae);
                if !constant && sd < 1.0 / LARGEST {
                    let reason = "the standard deviation is below 1e-70: use another unit".to_string();
                    let place = format!("{}, column `{}`", frame.name(), self.targets[target]);
                    return Err(Error::Data { place, reason });
                }
            }
            if scale.mean.len() == self.targets.len() {
                self.scales.push(scale);
            }
        }
        self.observed_scale = self.scaler(series, &self.observed, |series| &series.observed);
        self.known_scale = self.scaler(series, &self.known, |series| &series.known);
        Ok(())
    }

    /// The scales of columns beside the targets, over the training parts of all series.
    fn scaler(&self, series: &[Series], schema: &Schema, values: impl Fn(&Series) -> &[f64]) -> Scaler {
        let width = schema.width();
        let mut rows: Vec<&[f64]> = Vec::new();
        for series in series.iter().filter(|_| width > 0) {
            let train = self.steps_before(series, self.cuts[0]);
            let steps = values(series).chunks(width).take(train).zip(&series.bridged);
            rows.extend(
                steps.filter(|(row, bridged)| !**bridged && row.iter().all(|x| !x.is_nan())).map(|(row, _)| row),
            );
        }
        if rows.is_empty() {
            return Scaler { mean: vec![0.0; width], sd: vec![1.0; width] };
        }
        let mut scaler = Scaler::of(rows.into_iter());
        for (sd, scale) in scaler.sd.iter_mut().zip(schema.scales()) {
            if scale == Scale::Centred || *sd < 1.0 / LARGEST {
                *sd = 1.0;
            }
        }
        scaler
    }

    /// How many steps of a series lie before a moment.
    pub(super) fn steps_before(&self, series: &Series, moment: Moment) -> usize {
        let (mut low, mut high) = (0, series.steps());
        while low < high {
            let middle = (low + high) / 2;
            if series.grid.moment(series.first + middle as i64) < moment { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The panel without series that have no window to train on; refused if a part has no window.
    fn with_windows(&mut self, frame: &Frame, mut panel: Panel) -> Result<Panel> {
        let refuse = |reason: String| Error::Data { place: frame.name().to_string(), reason };
        let mut windows = Windows::new(self, &panel)?;
        let trained: HashSet<usize> = windows.origins(Part::Train).iter().map(|origin| origin.series).collect();
        if (1..panel.series.len()).contains(&trained.len()) {
            let all = std::mem::take(&mut panel.series);
            for (at, series) in all.into_iter().enumerate() {
                if trained.contains(&at) {
                    panel.series.push(series);
                    continue;
                }
                self.scales.retain(|scale| scale.group != series.group);
                panel.notes.push(format!(
                    "the series `{}` is left out: no window of {} steps, and {} behind them, lies in the training part",
                    series.name(),
                    self.window,
                    self.horizon
                ));
            }
            windows = Windows::new(self, &panel)?;
        }
        for (part, name) in [(Part::Train, "training"), (Part::Valid, "validation"), (Part::Test, "test")] {
            if windows.origins(part).is_empty() {
                return Err(refuse(format!(
                    "no window of {} steps with {} behind them, without a gap, has those in the {name} part: say a shorter \
                     data.window or --horizon, or another data.gaps",
                    self.window, self.horizon
                )));
            }
        }
        Ok(panel)
    }

    /// The panel with what else a user should be told.
    fn told(&self, frame: &Frame, mut panel: Panel, settings: &SeriesSettings) -> Panel {
        let mut notes = Vec::new();
        let steps = panel.series.iter().map(Series::steps);
        let (least, most) = (steps.clone().min().unwrap_or(0), steps.max().unwrap_or(0));
        let how_many = match panel.series.len() {
            1 => count(most, "step"),
            n => format!(
                "{n} series of {} steps",
                if least == most { most.to_string() } else { format!("{least} to {most}") }
            ),
        };
        let start = panel.series.iter().map(|series| series.grid.moment(series.first)).min().expect("there are series");
        let last = |series: &Series| series.grid.moment(series.first + series.steps() as i64 - 1);
        let end = panel.series.iter().map(last).max().expect("there are series");
        let shown = |moment: Moment| self.time.shown(moment, &panel.zone);
        notes.push(format!(
            "{how_many} of {} from `{}` to `{}`; the season has {}, windows look back {}",
            self.step,
            shown(start),
            shown(end),
            count(self.season, "step"),
            count(self.window, "step")
        ));
        notes.push(format!(
            "the validation part begins at `{}`, the test part at `{}`",
            shown(self.cuts[0]),
            shown(self.cuts[1])
        ));
        for (target, name) in self.targets.iter().enumerate() {
            for series in &panel.series {
                notes.extend(extreme(series, target, name));
            }
        }
        let used: Vec<&String> =
            [&settings.time, &settings.group, &settings.target, &settings.known, &settings.observed]
                .into_iter()
                .flatten()
                .collect();
        let unused: Vec<&str> =
            frame.columns().iter().filter(|name| !used.contains(name)).map(String::as_str).collect();
        if !unused.is_empty() {
            let (columns, are) = if unused.len() == 1 { ("column", "is") } else { ("columns", "are") };
            notes.push(format!(
                "{columns} `{}` {are} not used: --observed NAME reads what is known of the past, --known NAME of the future, too",
                unused.join("`, `")
            ));
        }
        panel.notes.splice(0..0, notes);
        panel
    }
}

/// The longest window that nobody asked for.
const LONGEST: usize = 104;
/// The largest number that is standardised; the least standard deviation is its inverse.
const LARGEST: f64 = 1e70;

/// An error about a setting, by its whole path.
fn in_data(error: Error) -> Error {
    match error {
        Error::Config { setting, value, expected } => Error::config(format!("data.{setting}"), value, expected),
        other => other,
    }
}

/// What the columns beside the targets are: numbers where all cells of the training part are, else levels. No later cell has a say.
fn infer(frame: &Frame, train: &[usize], names: &[String], said: &BTreeMap<String, ColumnKind>) -> Result<Schema> {
    let none = Schema { missing: Missing::Error, unseen: Unseen::Zeros, columns: Vec::new(), ignored: Vec::new() };
    if names.is_empty() {
        return Ok(none);
    }
    let mut kinds = BTreeMap::new();
    for (name, &at) in names.iter().zip(&places(frame, "data.known", names)?) {
        let refuse = |reason: String| Error::Data { place: format!("{}, column `{name}`", frame.name()), reason };
        let some = || {
            let cells = train.iter().map(|&row| (frame.dialect(row), frame.cell(row, at)));
            cells.filter(|(dialect, cell)| !dialect.is_missing(cell))
        };
        if some().next().is_none() {
            return Err(refuse("no cell of the training part has a value: leave it out".to_string()));
        }
        let kind = match said.get(name) {
            Some(ColumnKind::Ignored | ColumnKind::Id) => {
                return Err(Error::config(
                    format!("schema.{name}"),
                    "ignored",
                    "nothing: data.known or data.observed names it",
                ));
            }
            Some(kind) => kind.clone(),
            None if some().all(|(dialect, cell)| dialect.number(cell).is_some()) => ColumnKind::Numeric,
            None => {
                let numbers = some().filter(|(dialect, cell)| dialect.number(cell).is_some()).count();
                let levels: HashSet<&str> = some().map(|(_, cell)| cell).collect();
                if 5 * numbers >= 4 * some().count() {
                    // Its first cell that is none is named.
                    ColumnKind::Numeric
                } else if levels.len() > 100 {
                    return Err(refuse(format!(
                        "{} different texts in the training part: too many levels; say --column '{name}=date' or leave it out",
                        levels.len()
                    )));
                } else {
                    ColumnKind::Categorical
                }
            }
        };
        kinds.insert(name.clone(), kind);
    }
    let others: Vec<&str> =
        frame.columns().iter().map(String::as_str).filter(|name| !kinds.contains_key(*name)).collect();
    let (schema, _) = Schema::infer(frame, train, &others, &kinds, &without_missing())?;
    Ok(schema)
}

/// What a series needs.
struct Needs {
    lag: usize,
    window: usize,
    horizon: usize,
    split: [f64; 3],
}

impl Needs {
    /// In the training part.
    fn train(&self) -> usize {
        self.lag + self.window + self.horizon
    }

    /// In all, so that each part has a window.
    fn all(&self) -> usize {
        let fits = |n: &usize| {
            let end = |share: f64| (share * *n as f64).round() as usize;
            let (train, valid) = (end(self.split[0]), end(self.split[0] + self.split[1]));
            train >= self.train() && valid >= train + self.horizon && *n >= valid + self.horizon
        };
        (self.train()..).find(fits).expect("a long series has all")
    }

    /// Leaves out the series that are too short, with a note; refuses if none is left.
    fn retain(&self, frame: &Frame, layouts: &mut Vec<Layout>) -> Result<Vec<String>> {
        let values = |layout: &Layout| {
            let width = layout.targets.len() / layout.known;
            layout.targets.chunks(width).filter(|values| values.iter().all(|y| !y.is_nan())).count()
        };
        let lag = if self.lag > 0 { format!(", {} for differences", self.lag) } else { String::new() };
        let what = format!("a window of {}, a horizon of {}{lag}", self.window, self.horizon);
        let longest = layouts.iter().map(values).max().expect("there are series");
        if longest < self.all() {
            let who = if layouts.len() > 1 { "the longest series has " } else { "" };
            let reason = format!(
                "{who}{}: {what} and three parts need at least {} (a shorter data.window or --horizon needs less)",
                count(longest, "value"),
                self.all()
            );
            return Err(Error::Data { place: frame.name().to_string(), reason });
        }
        let mut notes = Vec::new();
        layouts.retain(|layout| {
            let enough = values(layout) >= self.train();
            if !enough {
                notes.push(format!(
                    "the series `{}` is left out: {} are too short, {what} need at least {} in the training part",
                    label(&layout.group),
                    count(values(layout), "value"),
                    self.train()
                ));
            }
            enough
        });
        Ok(notes)
    }
}

/// Where the validation and the test part begin: the values of all series count, in the order of time.
fn cuts(layouts: &[Layout], split: [f64; 3]) -> [Moment; 2] {
    let mut moments: Vec<Moment> = Vec::new();
    for layout in layouts {
        let width = layout.targets.len() / layout.known;
        let given = layout.targets.chunks(width).zip(0..).filter(|(values, _)| values.iter().all(|y| !y.is_nan()));
        moments.extend(given.map(|(_, step)| layout.grid.moment(layout.first + step)));
    }
    moments.sort_unstable();
    let n = moments.len();
    let at = |share: f64| moments[((share * n as f64).round() as usize).min(n - 1)];
    [at(split[0]), at(split[0] + split[1])]
}

/// That the calendar goes as far as the horizon.
fn refuse_beyond(frame: &Frame, layouts: &[Layout], horizon: usize) -> Result<()> {
    let far = |layout: &&Layout| !layout.grid.reaches(layout.first + (layout.rows.len() + horizon) as i64);
    match layouts.iter().find(far) {
        Some(_) => {
            let reason = format!("a horizon of {horizon} steps ends behind the year 9999: look for a wrong time");
            Err(Error::Data { place: frame.name().to_string(), reason })
        }
        None => Ok(()),
    }
}

/// A value far outside of all others: it may mean "missing".
fn extreme(series: &Series, target: usize, name: &str) -> Option<String> {
    let values: Vec<f64> = series.target(target).into_iter().filter(|y| !y.is_nan()).collect();
    let ends = [f64::min, f64::max].map(|end: fn(f64, f64) -> f64| values.iter().copied().reduce(end));
    ends.into_iter().flatten().find_map(|x| {
        let others: Vec<f64> = values.iter().copied().filter(|other| *other != x).collect();
        let low = others.iter().copied().fold(f64::INFINITY, f64::min);
        let high = others.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (gap, times) = ((low - x).max(x - high), values.len() - others.len());
        let stands_out = others.len() > 10 && gap > 2.0 * (high - low) && high > low && 20 * times < values.len();
        stands_out.then(|| {
            let stands = if times == 1 { "stands once".to_string() } else { format!("stands {times} times") };
            format!("column `{name}`: {x} {stands}, far outside of the rest ({low} .. {high}): say --na {x} if it means missing")
        })
    })
}
