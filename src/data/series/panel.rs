//! Series of numbers at regular times.

use super::{
    layout::{Layout, merged},
    settings::{Duplicates, Gaps},
    step::Grid,
    time::TimeColumns,
    words::label,
    zone::Zone,
};
use crate::{
    data::{
        frame::Frame,
        schema::{Column, Remark, Schema},
        settings::Missing,
    },
    error::{Error, Result},
};

/// Several series with the same columns, each with a value at every step.
#[derive(Clone, Debug)]
pub struct Panel {
    pub(super) series: Vec<Series>,
    pub(super) time: TimeColumns,
    pub(super) zone: Zone,
    /// What a user should be told, one line each.
    pub notes: Vec<String>,
}

/// One series: what is known at each of its steps.
#[derive(Clone, Debug)]
pub struct Series {
    pub(super) group: Vec<String>,
    pub(super) grid: Grid,
    /// The grid's tick of the first step.
    pub(super) first: i64,
    /// How many targets there are.
    pub(super) width: usize,
    /// The targets of each step, NaN in a gap that nothing runs through.
    pub(super) targets: Vec<f64>,
    /// Whether the table has all targets of the step.
    pub(super) given: Vec<bool>,
    /// Whether a value of the step depends on later ones.
    pub(super) bridged: Vec<bool>,
    /// What is known of the past, for each step.
    pub(super) observed: Vec<f64>,
    /// What is known of the future, for each step and those behind the last.
    pub(super) known: Vec<f64>,
    /// Steps behind the last value, of which that is known.
    pub(super) future: usize,
}

impl Panel {
    /// The series, in the order of their names.
    pub fn series(&self) -> &[Series] {
        &self.series
    }

    /// The time of a step of a series, as the table writes times. Steps behind the last are those to come.
    ///
    /// # Panics
    /// If there is no such series.
    pub fn stamp(&self, series: usize, step: usize) -> String {
        let series = &self.series[series];
        self.time.shown(series.grid.moment(series.first + step as i64), &self.zone)
    }
}

impl Series {
    /// The cells that tell it from the others; none if there are no others.
    pub fn group(&self) -> &[String] {
        &self.group
    }

    /// What it is called; empty if there are no others.
    pub fn name(&self) -> String {
        label(&self.group)
    }

    /// How many steps there are, from its first value to its last.
    pub fn steps(&self) -> usize {
        self.given.len()
    }

    /// How many steps behind the last value the columns are given for that are known of the future.
    pub fn future(&self) -> usize {
        self.future
    }

    /// The targets of each step, one step after the other: NaN in a gap that nothing runs through, else what the gap is filled with.
    pub fn targets(&self) -> &[f64] {
        &self.targets
    }

    /// One of the targets at every step.
    ///
    /// # Panics
    /// If there is no such target.
    pub fn target(&self, target: usize) -> Vec<f64> {
        assert!(target < self.width, "no target {target}");
        self.targets.iter().skip(target).step_by(self.width).copied().collect()
    }

    /// Whether the table has the targets of a step: else they were made up, or are missing.
    pub fn given(&self) -> &[bool] {
        &self.given
    }
}

/// How the columns beside the targets are read.
pub(super) struct Columns<'a> {
    frame: &'a Frame,
    /// A schema for each column: a column may be missing where another is not.
    schemas: Vec<Schema>,
    /// Which features are levels, that no line runs between.
    levels: Vec<bool>,
}

impl<'a> Columns<'a> {
    /// The columns that `schema` names.
    pub fn of(frame: &'a Frame, schema: &Schema) -> Self {
        let one = |column: &Column| Schema { columns: vec![column.clone()], ignored: Vec::new(), ..schema.clone() };
        let schemas: Vec<Schema> = schema.columns.iter().map(one).collect();
        let is_levels = |schema: &Schema| vec![!matches!(schema.columns[0], Column::Numeric { .. }); schema.width()];
        Self { frame, levels: schemas.iter().flat_map(is_levels).collect(), schemas }
    }

    /// The number of features.
    pub fn width(&self) -> usize {
        self.levels.len()
    }

    /// The features of each step, NaN where the table has none. Unknown levels are counted in `unseen`.
    pub fn read(&self, rows: &[Vec<usize>], unseen: &mut usize) -> Result<Vec<f64>> {
        let (width, mut all) = (self.width(), vec![f64::NAN; rows.len() * self.width()]);
        let mut before = 0;
        for schema in &self.schemas {
            let binding = schema.bind(self.frame.columns(), self.frame.name())?;
            let (at, features) = (binding.places()[0], schema.width());
            for (rows, out) in rows.iter().zip(all.chunks_mut(width)) {
                let mut some: Vec<f64> = Vec::new();
                for &row in rows {
                    let (cell, dialect) = (self.frame.cell(row, at), self.frame.dialect(row));
                    if dialect.is_missing(cell) {
                        continue;
                    }
                    let mut remarks = Vec::new();
                    binding.encode(|column| self.frame.cell(row, column), dialect, &mut some, &mut remarks).map_err(
                        |bad| Error::Data {
                            place: self.frame.place_of(row, bad.at),
                            reason: format!("{}: say --na '{cell}' if it means missing", bad.reason),
                        },
                    )?;
                    *unseen += remarks.iter().filter(|remark| matches!(remark, Remark::Unseen { .. })).count();
                }
                for j in 0..features {
                    let values = some.iter().skip(j).step_by(features).copied().collect();
                    out[before + j] = merged(values, Duplicates::Mean);
                }
            }
            before += features;
        }
        Ok(all)
    }
}

impl Series {
    /// A series by its rows; what is missing is filled by the rule.
    pub(super) fn of(
        layout: &Layout,
        width: usize,
        observed: &Columns<'_>,
        known: &Columns<'_>,
        gaps: Gaps,
        unseen: &mut usize,
    ) -> Result<Self> {
        let steps = layout.known;
        let mut targets = layout.targets.clone();
        let given = targets.chunks(width).map(|values| values.iter().all(|y| !y.is_nan())).collect();
        let mut past = observed.read(&layout.rows[..steps], unseen)?;
        let mut future = known.read(&layout.rows, unseen)?;
        let mut bridged = vec![false; layout.rows.len()];
        fill(&mut targets, &vec![false; width], gaps, &mut bridged);
        fill(&mut past, &observed.levels, gaps, &mut bridged);
        fill(&mut future, &known.levels, gaps, &mut bridged);
        bridged.truncate(steps);
        let whole = |values: &&[f64]| values.iter().all(|x| !x.is_nan());
        let ahead = match known.width() {
            0 => 0,
            width => future.chunks(width).skip(steps).take_while(whole).count(),
        };
        future.truncate((steps + ahead) * known.width());
        Ok(Self {
            group: layout.group.clone(),
            grid: layout.grid.clone(),
            first: layout.first,
            width,
            targets,
            given,
            bridged,
            observed: past,
            known: future,
            future: ahead,
        })
    }
}

/// Fills what is missing, feature by feature, and notes where later values were needed for it.
fn fill(values: &mut [f64], levels: &[bool], gaps: Gaps, bridged: &mut [bool]) {
    let width = levels.len();
    if width == 0 || matches!(gaps, Gaps::Break | Gaps::Refuse) {
        return;
    }
    let steps = values.len() / width;
    for (j, is_level) in levels.iter().enumerate() {
        let has = |values: &[f64], step: usize| !values[step * width + j].is_nan();
        let Some(mut step) = (0..steps).find(|&step| has(values, step)) else { continue };
        while step < steps {
            if has(values, step) {
                step += 1;
                continue;
            }
            let (from, next) = (step - 1, (step..steps).find(|&next| has(values, next)));
            let start = values[from * width + j];
            let end = next.map(|next| (next, values[next * width + j]));
            let end = end.filter(|_| gaps == Gaps::Interpolate && !is_level);
            let behind = next.unwrap_or(steps);
            for step in step..behind {
                values[step * width + j] = match end {
                    Some((to, end)) => start + (end - start) * ((step - from) as f64 / (to - from) as f64),
                    None => start,
                };
                bridged[step] |= end.is_some();
            }
            step = behind;
        }
    }
}

/// A schema of columns whose missing cells are gaps, not features.
pub(super) fn without_missing() -> crate::data::settings::DataSettings {
    crate::data::settings::DataSettings { missing: Missing::Error, ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    fn filled(values: &[f64], gaps: Gaps, level: bool) -> (Vec<f64>, Vec<bool>) {
        let (mut values, mut bridged) = (values.to_vec(), vec![false; values.len()]);
        fill(&mut values, &[level], gaps, &mut bridged);
        (values, bridged)
    }

    #[test]
    fn a_gap_is_filled_by_the_rule() {
        let values = [1.0, NAN, NAN, 4.0, NAN];
        let (line, bridged) = filled(&values, Gaps::Interpolate, false);
        assert_eq!((line, bridged), (vec![1.0, 2.0, 3.0, 4.0, 4.0], vec![false, true, true, false, false]));
        for (gaps, level) in [(Gaps::Previous, false), (Gaps::Interpolate, true)] {
            let (held, bridged) = filled(&values, gaps, level);
            assert_eq!((held, bridged), (vec![1.0, 1.0, 1.0, 4.0, 4.0], vec![false; 5]));
        }
        assert!(filled(&values, Gaps::Break, false).0[1].is_nan());
        assert_eq!(filled(&[0.1, NAN, 0.1], Gaps::Interpolate, false).0, [0.1; 3]);
    }
}
