//! From rows to series: which rows belong together, in which order, and which stamps repeat, lie between the steps, or are missing.

use std::collections::BTreeMap;

use super::{
    settings::{Duplicates, Gaps, Irregular},
    step::{Grid, MILLIONTHS, Step, duration},
    time::{ROW, Stamp, TimeColumns, more_columns, places},
    words::{count, in_series, label, lines},
    zone::{Moment, Zone},
};
use crate::{
    data::frame::Frame,
    error::{Error, Result},
};

/// A table, and how it is read.
pub(super) struct Source<'a> {
    pub frame: &'a Frame,
    pub time: &'a TimeColumns,
    /// None is found out.
    pub step: Option<Step>,
    pub group: &'a [String],
    pub targets: &'a [String],
    /// The other columns that a row must have a value in.
    pub covariates: &'a [String],
    /// Whether targets must be above 0.
    pub log: bool,
    pub duplicates: Duplicates,
    pub irregular: Irregular,
    pub gaps: Gaps,
}

/// A series, and its cells without a value: their rows and columns.
type LaidOut = (Layout, Vec<(usize, usize)>);

/// The rows of one series, by ticks.
pub(super) struct Layout {
    pub group: Vec<String>,
    pub grid: Grid,
    /// The tick of the first entry.
    pub first: i64,
    /// The rows of each tick: none where the stamp is missing, several of which the means or sums count.
    pub rows: Vec<Vec<usize>>,
    /// How many ticks there are to the last one with all targets.
    pub known: usize,
    /// The targets of each of those, NaN where there is none.
    pub targets: Vec<f64>,
}

/// The series of a table.
pub(super) struct Laid {
    pub step: Step,
    pub zone: Zone,
    pub series: Vec<Layout>,
    pub notes: Vec<String>,
}

/// The largest number that is standardised.
const LARGEST: f64 = 1e70;

impl Source<'_> {
    /// Puts the rows in order.
    ///
    /// # Errors
    /// [`Error::Data`] for a cell that cannot be read, and for all that is to be refused at once.
    pub fn lay_out(&self) -> Result<Laid> {
        let frame = self.frame;
        let refuse = |reason: String| Error::Data { place: frame.name().to_string(), reason };
        if frame.rows() == 0 {
            return Err(refuse("no rows below the header: nothing to learn from".to_string()));
        }
        let (stamps, zone, values) = (self.time.read(frame)?, self.time.zone()?, self.values()?);
        let columns = places(frame, "data.target", self.targets)?;
        let covariates = places(frame, "data.known", self.covariates)?;
        let columns = [columns, covariates].concat();
        let (mut notes, mut problems, mut ordered) = (Vec::new(), Vec::new(), Vec::new());
        for (group, rows) in self.groups()? {
            ordered.push(self.order(group, rows, &stamps, &mut notes));
        }
        let moments = |series: &Ordered| {
            let mut moments: Vec<Moment> = series.rows.iter().map(|(moment, _)| *moment).collect();
            moments.dedup();
            moments
        };
        let all: Vec<Vec<Moment>> = ordered.iter().map(moments).collect();
        let numbers = self.time.are_numbers();
        let step = match self.step {
            Some(step) if numbers != matches!(step, Step::Number(_)) => {
                let expected = if numbers { "a number: the stamps are numbers" } else { "a time, such as 1h or 1d" };
                return Err(Error::config("data.step", step, expected));
            }
            Some(step) => step,
            None => Step::infer(all.iter().map(Vec::as_slice), &zone, numbers).ok_or_else(|| {
                let stamp = self.shown(ordered[0].rows[0].0, &zone);
                refuse(format!(
                    "there is one time only, `{stamp}`: nothing to learn{}",
                    more_columns(frame, &self.time.columns)
                ))
            })?,
        };
        let grids: Vec<Grid> = all.iter().map(|moments| Grid::of(step, &zone, moments)).collect();

        problems.extend(self.repeated(&ordered, &grids, &zone, &mut notes));
        problems.extend(self.between(&ordered, &grids, step, &zone, &mut notes));
        let (mut series, mut missing, mut cells) = (Vec::new(), Missing::default(), Vec::new());
        for (ordered, grid) in ordered.into_iter().zip(grids) {
            let name = label(&ordered.group);
            let ticks = self.ticks(ordered.sorted, &ordered.rows, &grid)?;
            if let Some((layout, without)) = self.layout(ordered.group, grid, &ticks, &values, &columns, &mut notes)? {
                missing.look(self, ticks.range(layout.first..layout.first + layout.known as i64), &name, &zone, step);
                cells.extend(without);
                series.push(layout);
            }
        }
        let (gaps, without) = (missing.word(step), self.without(&cells));
        match self.gaps {
            Gaps::Refuse => {
                let say = ": say --set data.gaps=break, interpolate or previous";
                problems.extend([gaps, without].into_iter().flatten().map(|problem| problem + say));
            }
            rule => {
                let done = match rule {
                    Gaps::Break => "no window runs through them",
                    Gaps::Interpolate => "they are read as lying on a straight line between their neighbours",
                    _ => "they are read as the value before",
                };
                notes.extend([gaps, without].into_iter().flatten().map(|problem| format!("{problem}: {done}")));
            }
        }
        if !problems.is_empty() {
            return Err(refuse(problems.join("; ")));
        }
        match series.is_empty() {
            true => {
                Err(refuse(format!("no row has a value of `{}`: nothing to learn from", self.targets.join("` and `"))))
            }
            false => Ok(Laid { step, zone, series, notes }),
        }
    }

    fn shown(&self, moment: Moment, zone: &Zone) -> String {
        self.time.shown(moment, zone)
    }

    /// The targets row by row, NaN where there is none.
    fn values(&self) -> Result<Vec<f64>> {
        let at = places(self.frame, "data.target", self.targets)?;
        let mut values = Vec::with_capacity(self.frame.rows() * at.len());
        for row in 0..self.frame.rows() {
            for &at in &at {
                let cell = self.frame.cell(row, at);
                let refuse = |reason: String| Err(Error::Data { place: self.frame.place_of(row, at), reason });
                values.push(match self.frame.dialect(row) {
                    dialect if dialect.is_missing(cell) => f64::NAN,
                    dialect => match dialect.number(cell) {
                        None => {
                            return refuse(format!(
                                "`{cell}` is not a finite number: say --na '{cell}' if it means missing"
                            ));
                        }
                        Some(number) if number.abs() > LARGEST => {
                            return refuse(format!(
                                "`{cell}` is beyond 1e70: say --na if it means missing, or use another unit"
                            ));
                        }
                        Some(number) if self.log && number <= 0.0 => {
                            return refuse(format!("`{cell}` has no logarithm: say --set data.transform=none"));
                        }
                        Some(number) => number,
                    },
                });
            }
        }
        Ok(values)
    }

    /// The rows of each series, in the order of the table.
    fn groups(&self) -> Result<BTreeMap<Vec<&str>, Vec<usize>>> {
        let at = places(self.frame, "data.group", self.group)?;
        let mut groups: BTreeMap<Vec<&str>, Vec<usize>> = BTreeMap::new();
        for row in 0..self.frame.rows() {
            if let Some(&at) = at.iter().find(|&&at| self.frame.cell(row, at).is_empty()) {
                let reason = "the cell is empty: a row without a series".to_string();
                return Err(Error::Data { place: self.frame.place_of(row, at), reason });
            }
            groups.entry(at.iter().map(|&at| self.frame.cell(row, at)).collect()).or_default().push(row);
        }
        Ok(groups)
    }

    /// The rows of a series in the order of time; those of one moment in the order of the table.
    fn order(&self, group: Vec<&str>, rows: Vec<usize>, stamps: &[Stamp], notes: &mut Vec<String>) -> Ordered {
        let group: Vec<String> = group.into_iter().map(str::to_string).collect();
        let mut moments: Vec<Moment> = match self.time.format == ROW {
            true => (0..rows.len()).map(|row| (row as f64 * MILLIONTHS) as Moment).collect(),
            false => rows.iter().map(|&row| stamps[row].moment).collect(),
        };
        let in_order = |moments: &[Moment]| moments.windows(2).all(|pair| pair[0] <= pair[1]);
        let again: Vec<usize> = (0..rows.len()).filter(|&i| stamps[rows[i]].again.is_some()).collect();
        if !again.is_empty() {
            // Of two rows, the second is the later, if all rows are then in the order of time.
            let mut counts: BTreeMap<Moment, usize> = BTreeMap::new();
            let (mut later, mut count_later) = (moments.clone(), 0);
            for &i in &again {
                let count = counts.entry(moments[i]).or_default();
                *count += 1;
                if *count == 2 {
                    later[i] = stamps[rows[i]].again.expect("it was looked for");
                    count_later += 1;
                }
            }
            let n = again.len();
            let place = in_series(&group);
            if in_order(&later) && count_later > 0 {
                moments = later;
                notes.push(format!(
                    "{}{place} {} that the clock of {} showed twice: of two rows, the second is the later",
                    count(n, "row"),
                    if n == 1 { "is of a time" } else { "are of times" },
                    self.time.zone
                ));
            } else if count_later == 0 {
                notes.push(format!(
                    "{}{place} {} that the clock of {} showed twice: the first is meant",
                    count(n, "row"),
                    if n == 1 { "is of a time" } else { "are of times" },
                    self.time.zone
                ));
            }
        }
        let sorted = in_order(&moments);
        let before = moments.windows(2).filter(|pair| pair[1] < pair[0]).count();
        let mut rows: Vec<(Moment, usize)> = moments.into_iter().zip(rows).collect();
        if !sorted {
            let place = in_series(&group);
            notes.push(format!("the rows{place} were put in the order of time: {before} stood behind a later one"));
            rows.sort_unstable();
        }
        Ordered { group, rows, sorted }
    }

    /// What of a moment makes rows the same.
    fn key(&self, moment: Moment, grid: &Grid) -> i64 {
        match self.irregular {
            Irregular::Refuse => moment,
            Irregular::Snap => grid.tick(moment).0,
        }
    }

    /// Rows that repeat a stamp: a problem, or a note.
    fn repeated(&self, all: &[Ordered], grids: &[Grid], zone: &Zone, notes: &mut Vec<String>) -> Option<String> {
        let (mut stamps, mut too_many, mut first) = (0, 0, None);
        for (series, grid) in all.iter().zip(grids) {
            for same in series.rows.chunk_by(|a, b| self.key(a.0, grid) == self.key(b.0, grid)) {
                if same.len() > 1 {
                    stamps += 1;
                    too_many += same.len() - 1;
                    first.get_or_insert((series, same));
                }
            }
        }
        let (series, same) = first?;
        let rows: Vec<usize> = same.iter().map(|(_, row)| *row).collect();
        let (shown, place) = (self.shown(same[0].0, zone), in_series(&series.group));
        let what = if self.irregular == Irregular::Snap { "a step" } else { "a stamp" };
        let more = if stamps > 1 { format!(", and {} more", count(stamps - 1, "time")) } else { String::new() };
        let problem = format!(
            "{} {what}: `{shown}`{place} stands {} times ({}){more}",
            if too_many == 1 { "1 row repeats".to_string() } else { format!("{too_many} rows repeat") },
            same.len(),
            lines(self.frame, &rows)
        );
        let done = match self.duplicates {
            Duplicates::Refuse => {
                let group = self.group_hint().unwrap_or_else(|| more_columns(self.frame, &self.time.columns));
                return Some(format!("{problem}: say --set data.duplicates=mean, first, last or sum{group}"));
            }
            Duplicates::Mean => "their means count",
            Duplicates::First => "the first row counts",
            Duplicates::Last => "the last row counts",
            Duplicates::Sum => "their sums count",
        };
        notes.push(format!("{problem}: {done}"));
        None
    }

    /// The option that names a column by which no stamp would repeat.
    fn group_hint(&self) -> Option<String> {
        if !self.group.is_empty() {
            return None;
        }
        let stamps = self.time.read(self.frame).ok()?;
        let used = |name: &String| self.targets.contains(name) || self.time.columns.contains(name);
        let tells = |at: usize| {
            let mut seen = std::collections::HashSet::new();
            (0..self.frame.rows()).all(|row| seen.insert((stamps[row].moment, self.frame.cell(row, at))))
        };
        let number = |at: usize| self.frame.dialect(0).number(self.frame.cell(0, at)).is_some();
        let columns = self.frame.columns().iter().enumerate().filter(|(at, name)| !used(name) && !number(*at));
        let (_, name) = columns.into_iter().find(|(at, _)| tells(*at))?;
        Some(format!("; if the table holds several series, say --group {name}"))
    }

    /// Stamps between the steps: a problem, or a note.
    fn between(
        &self,
        all: &[Ordered],
        grids: &[Grid],
        step: Step,
        zone: &Zone,
        notes: &mut Vec<String>,
    ) -> Option<String> {
        let (mut stamps, mut off, mut first) = (0, 0, None);
        for (series, grid) in all.iter().zip(grids) {
            for same in series.rows.chunk_by(|a, b| a.0 == b.0) {
                stamps += 1;
                if !grid.tick(same[0].0).1 {
                    off += 1;
                    first.get_or_insert((series, same[0]));
                }
            }
        }
        let (series, (moment, row)) = first?;
        let problem = format!(
            "{off} of {} {} between steps of {step}, the first `{}`{} ({})",
            count(stamps, "stamp"),
            if off == 1 { "lies" } else { "lie" },
            self.shown(moment, zone),
            in_series(&series.group),
            lines(self.frame, &[row])
        );
        match self.irregular {
            Irregular::Refuse => Some(format!("{problem}: say --set data.irregular=snap, or another data.step")),
            Irregular::Snap => {
                notes.push(format!("{problem}: they count for the nearest step"));
                None
            }
        }
    }

    /// The rows that count, by tick.
    fn ticks(&self, sorted: bool, rows: &[(Moment, usize)], grid: &Grid) -> Result<Ticks> {
        let mut ticks = Ticks::new();
        rows.iter().for_each(|&(moment, row)| ticks.entry(grid.tick(moment).0).or_default().push((moment, row)));
        let one = match self.duplicates {
            Duplicates::First => 0,
            Duplicates::Last => usize::MAX,
            _ => return Ok(ticks),
        };
        let columns = [self.targets, self.covariates].concat();
        let at = places(self.frame, "data.target", &columns)?;
        for rows in ticks.values_mut().filter(|rows| rows.len() > 1) {
            // Of rows of one moment the table says which is the first, if it is in order at all.
            let same = |a: usize, b: usize| at.iter().all(|&at| self.frame.cell(a, at) == self.frame.cell(b, at));
            let pair = rows.windows(2).find(|pair| pair[0].0 == pair[1].0 && !same(pair[0].1, pair[1].1));
            if let (false, Some(pair)) = (sorted, pair) {
                return Err(Error::Data {
                    place: self.frame.name().to_string(),
                    reason: format!(
                        "the rows are not in the order of time, so it is not known which of two with one stamp is the first \
                         ({}): sort them, or say --set data.duplicates=mean",
                        lines(self.frame, &[pair[0].1, pair[1].1])
                    ),
                });
            }
            *rows = vec![rows[one.min(rows.len() - 1)]];
        }
        Ok(ticks)
    }

    /// The series from its first row with a value everywhere; none, with a note, if there is no such row. Also the cells without a value in between.
    fn layout(
        &self,
        group: Vec<String>,
        grid: Grid,
        ticks: &Ticks,
        values: &[f64],
        columns: &[usize],
        notes: &mut Vec<String>,
    ) -> Result<Option<LaidOut>> {
        let (frame, width) = (self.frame, self.targets.len());
        let has = |row: usize, at: usize| !frame.dialect(row).is_missing(frame.cell(row, at));
        let given = |rows: &[(Moment, usize)], columns: &[usize]| {
            columns.iter().all(|&at| rows.iter().any(|(_, row)| has(*row, at)))
        };
        let first = ticks.iter().find(|(_, rows)| given(rows, columns)).map(|(tick, _)| *tick);
        let last = ticks.iter().rev().find(|(_, rows)| given(rows, &columns[..width])).map(|(tick, _)| *tick);
        let (Some(first), Some(last)) = (first, last) else {
            if !group.is_empty() {
                notes.push(format!("the series `{}` is left out: no row has all values", label(&group)));
            }
            return Ok(None);
        };
        if last < first {
            notes.push(format!("the series `{}` is left out: no row has all values", label(&group)));
            return Ok(None);
        }
        let place = in_series(&group);
        let early: Vec<usize> = ticks.range(..first).flat_map(|(_, rows)| rows.iter().map(|(_, row)| *row)).collect();
        if !early.is_empty() {
            let without: Vec<&str> = columns
                .iter()
                .filter(|&&at| early.iter().any(|&row| !has(row, at)))
                .map(|&at| frame.columns()[at].as_str())
                .collect();
            notes.push(format!(
                "{} before the first with all values{place} {} left out: no `{}` ({})",
                count(early.len(), "row"),
                if early.len() == 1 { "is" } else { "are" },
                without.join("`, `"),
                lines(frame, &early)
            ));
        }
        let late: Vec<usize> = ticks.range(last + 1..).flat_map(|(_, rows)| rows.iter().map(|(_, row)| *row)).collect();
        if !late.is_empty() {
            notes.push(format!(
                "{} behind the last value{place} ({}): {}",
                count(late.len(), "row"),
                lines(frame, &late),
                if self.covariates.is_empty() { "not used" } else { "what is known of the future" }
            ));
        }
        let end = *ticks.keys().next_back().expect("there are rows");
        self.bound(ticks, end - first, &group)?;
        let mut rows = vec![Vec::new(); (end - first + 1) as usize];
        let known = (last - first + 1) as usize;
        let mut targets = vec![f64::NAN; known * width];
        let mut without = Vec::new();
        for (tick, of_tick) in ticks.range(first..) {
            let at = (tick - first) as usize;
            rows[at] = of_tick.iter().map(|(_, row)| *row).collect();
            if at >= known {
                continue;
            }
            for j in 0..width {
                let some = rows[at].iter().map(|row| values[row * width + j]);
                targets[at * width + j] = merged(some.filter(|y| !y.is_nan()).collect(), self.duplicates);
            }
            let missing = columns.iter().filter(|&&at| !of_tick.iter().any(|(_, row)| has(*row, at)));
            without.extend(missing.map(|&column| (of_tick[0].1, column)));
        }
        Ok(Some((Layout { group, grid, first, rows, known, targets }, without)))
    }

    /// That a stamp far from all others does not make a series of nothing but gaps.
    fn bound(&self, ticks: &Ticks, length: i64, group: &[String]) -> Result<()> {
        if length <= 20 * ticks.len() as i64 + 100_000 {
            return Ok(());
        }
        let pairs = ticks.iter().zip(ticks.iter().skip(1));
        let far = pairs.max_by_key(|((a, _), (b, _))| *b - *a).expect("there are two");
        let ((from, before), (to, after)) = far;
        Err(Error::Data {
            place: self.frame.name().to_string(),
            reason: format!(
                "two stamps{} are {} steps apart ({}): look for a wrong one, or say a longer data.step",
                in_series(group),
                to - from,
                lines(self.frame, &[before[0].1, after[0].1])
            ),
        })
    }

    /// What is to be said of cells without a value, by column.
    fn without(&self, cells: &[(usize, usize)]) -> Option<String> {
        let mut by_column: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        cells.iter().for_each(|&(row, column)| by_column.entry(column).or_default().push(row));
        let word = |(column, rows): (usize, Vec<usize>)| {
            let name = &self.frame.columns()[column];
            format!("`{name}` has no value in {} ({})", count(rows.len(), "row"), lines(self.frame, &rows))
        };
        let words: Vec<String> = by_column.into_iter().map(word).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

/// The rows of each tick, with the moments that they say.
type Ticks = BTreeMap<i64, Vec<(Moment, usize)>>;

/// The rows of a series in the order of time.
struct Ordered {
    group: Vec<String>,
    rows: Vec<(Moment, usize)>,
    /// Whether the table had them in that order.
    sorted: bool,
}

/// What values of one stamp come to; the order in which they stand does not matter.
pub(super) fn merged(mut values: Vec<f64>, rule: Duplicates) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    match &values[..] {
        [] => f64::NAN,
        [one] => *one,
        some if rule == Duplicates::Sum => some.iter().sum(),
        some => some.iter().map(|y| y / n).sum::<f64>().clamp(some[0], some[some.len() - 1]), // rounding
    }
}

/// The stamps that are missing.
#[derive(Default)]
struct Missing {
    stamps: i64,
    gaps: usize,
    first: Option<String>,
}

impl Missing {
    fn look<'a>(
        &mut self,
        source: &Source<'_>,
        ticks: impl Iterator<Item = (&'a i64, &'a Vec<(Moment, usize)>)> + Clone,
        name: &str,
        zone: &Zone,
        step: Step,
    ) {
        for ((from, before), (to, after)) in ticks.clone().zip(ticks.skip(1)) {
            if to - from < 2 {
                continue;
            }
            self.stamps += to - from - 1;
            self.gaps += 1;
            let (before, after) = (before[before.len() - 1], after[0]);
            self.first.get_or_insert_with(|| {
                let apart = match step {
                    Step::Time(_) => duration(after.0 - before.0),
                    _ => count((to - from) as usize, "step"),
                };
                let place = if name.is_empty() { String::new() } else { format!(" of `{name}`") };
                format!(
                    "{apart} between `{}` and `{}`{place} ({})",
                    source.shown(before.0, zone),
                    source.shown(after.0, zone),
                    lines(source.frame, &[before.1, after.1])
                )
            });
        }
    }

    fn word(&self, step: Step) -> Option<String> {
        let first = self.first.as_ref()?;
        let (verb, n) = if self.stamps == 1 { ("is", "1 stamp") } else { ("are", &*format!("{} stamps", self.stamps)) };
        Some(match self.gaps {
            1 => format!("{n} {verb} missing at steps of {step}, in a gap of {first}"),
            gaps => format!("{n} {verb} missing at steps of {step}, in {gaps} gaps, the first of {first}"),
        })
    }
}
