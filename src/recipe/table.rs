//! From a table to a model.

use std::{
    collections::{BTreeSet, HashMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    path::Path,
};

use burn::tensor::Device;

use super::{BURN, INTERVAL, Outcome, PASSES, class_targets, frequencies};
use crate::{
    data::{
        ClassWeights, ColumnKind, DataSettings, Found, Frame, Ignored, LARGEST, Missing, Remark, Scale, Scaler, Schema,
        Split, SplitBy, Target, Targets, Transform, Unseen,
    },
    error::{Error, Result},
    key::{Key, MASK_SCHEME},
    models::{Noise, Task},
    settings::Settings,
    train::{self, Examples, Progress},
    uncertainty::MonteCarlo,
    zoo::{Data, Features, Model, ModelFile, Provenance, Reading, Scaling, Tau, Weights},
};

/// What a table is called, and what came before the training.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Built-in tables, or files.
    pub data: Vec<String>,
    /// Of each.
    pub sha256: Vec<String>,
    /// How they were said to be written.
    pub reading: Reading,
    /// What trains the model.
    pub command: String,
    /// The device's name.
    pub device: String,
}

impl Origin {
    /// Data that come with this crate.
    pub fn of_built_in(name: &str, sha256: String, command: &str, device: &str) -> Self {
        Self {
            data: vec![name.to_string()],
            sha256: vec![sha256],
            reading: Reading::default(),
            command: command.to_string(),
            device: device.to_string(),
        }
    }
}

/// A table that is ready to train on: what its columns are, which rows do what, what is predicted.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// What the model will read.
    pub schema: Schema,
    /// What it will predict.
    pub target: Target,
    /// Which rows of the table do what.
    pub split: Split,
    /// The kind of prediction.
    pub task: Task,
    /// What a user should be told, one line each.
    pub notes: Vec<String>,
    settings: Settings,
    /// Features and targets of the parts.
    parts: [(Features, Targets); 3],
    /// Fitted to the training part.
    scaling: Scaling,
    /// What each row of the training and the validation part weighs in the loss, if not all weigh alike.
    weights: Option<[Vec<f32>; 2]>,
}

/// Trains an [`Mlp`](crate::models::Mlp) to predict the column `target` of a table from the others: [`prepare`], then [`Prepared::train`].
///
/// # Errors
/// As those two.
pub fn train_mlp(
    frame: &Frame,
    target: &str,
    settings: &Settings,
    origin: Origin,
    device: &Device,
    progress: impl Progress + 'static,
) -> Result<Outcome> {
    prepare(frame, None, target, settings)?.train(origin, device, progress, None)
}

/// Finds out what is predicted, deals the rows out, and infers from the training part what the columns are.
///
/// `given` says how many rows, one part after the other, train, validate and test, if they are from files of their own.
///
/// # Errors
/// [`Error::Unknown`] for a target that is not there; [`Error::Config`] for settings that do not fit together or the table; [`Error::Data`] for what
/// the table holds.
pub fn prepare(frame: &Frame, given: Option<[usize; 3]>, target: &str, settings: &Settings) -> Result<Prepared> {
    settings.check()?;
    let Found { target, rows, targets, mut notes } = Target::find(frame, target, &settings.data)?;
    for (name, kind) in &settings.schema {
        column_of(frame, &format!("schema.{name}"), String::from(kind.clone()), name)?;
    }
    let task = match target.classes.len() {
        0 => Task::Regression { targets: 1, noise: settings.model.noise },
        2 => Task::Binary,
        classes => Task::MultiClass { classes },
    };
    fit_together(&target, given.is_some(), settings)?;
    let mut split = deal(frame, given, &rows, &targets, settings)?;

    let mut without = vec![target.name.as_str()];
    let weight_column = settings.data.weight_column.as_str();
    if !weight_column.is_empty() {
        column_of(frame, "data.weight_column", weight_column, weight_column)?;
        without.push(weight_column);
    }
    let group = if let SplitBy::Group(group) = &settings.data.split_by { group.as_str() } else { "" };
    if !group.is_empty() && !settings.schema.contains_key(group) {
        without.push(group);
    }
    let (mut schema, found) = Schema::infer(frame, &split.train, &without, &settings.schema, &settings.data)?;
    notes.extend(found);
    let uses = [(weight_column, "weighs the rows"), (group, "groups the split")];
    for (name, why) in uses.into_iter().filter(|(name, _)| without[1..].contains(name)) {
        schema.ignored.push(Ignored { name: name.to_string(), why: why.to_string() });
    }
    if settings.data.missing == Missing::Drop {
        notes.extend(drop_missing(frame, &schema, &mut split)?);
    }
    // Where the target of a row is.
    let row_of: HashMap<usize, usize> = rows.iter().enumerate().map(|(i, &row)| (row, i)).collect();
    teaches(frame, &target, &row_of, &targets, &split)?;
    notes.extend(copies(frame, &schema, &target, &split));

    let (mut remarks, mut lacking) = (Vec::new(), Lacking::default());
    // Rows that do not train may have levels that the training part lacks, whatever is to happen to those at prediction.
    let unseen = if schema.unseen == Unseen::Error { Unseen::Zeros } else { schema.unseen };
    let lenient = Schema { unseen, ..schema.clone() };
    let binding = lenient.bind(frame.columns(), frame.name())?;
    let mut part = |rows: &[usize]| -> Result<(Features, Targets)> {
        let mut features = Features::new(schema.width());
        for &row in rows {
            let encoded = features.push(|values| {
                binding.encode(|column| frame.cell(row, column), frame.dialect(row), values, &mut remarks)
            });
            encoded.map_err(|bad| {
                let cell = frame.cell(row, bad.at);
                let remedy = match frame.dialect(row).is_missing(cell) {
                    true => "say --set data.missing=indicator to train all the same".to_string(),
                    false => format!("say --na '{cell}' if it means missing"),
                };
                Error::Data { place: frame.place_of(row, bad.at), reason: format!("{}: {remedy}", bad.reason) }
            })?;
            remarks.drain(..).for_each(|remark| lacking.add(&remark));
        }
        Ok((features, targets.select(&rows.iter().map(|row| row_of[row]).collect::<Vec<_>>())))
    };
    let parts = [part(&split.train)?, part(&split.valid)?, part(&split.test)?];
    notes.extend(lacking.note());
    let weights = weights(frame, &split, &parts, settings, target.classes.len())?;
    let scaling = scaling(frame, &schema, &target, &split, &parts)?;
    Ok(Prepared { schema, target, split, task, notes, settings: settings.clone(), parts, scaling, weights })
}

/// That the settings fit what is predicted, and whether the parts were given.
fn fit_together(target: &Target, given: bool, settings: &Settings) -> Result<()> {
    let (classes, data) = (target.is_classes(), &settings.data);
    let none = |what: &str| format!("none: `{}` has {what}", target.name);
    if !classes && data.weights == ClassWeights::Balanced {
        return Err(Error::config("data.weights", "balanced", none("no classes")));
    }
    if classes && data.transform == Transform::Log {
        return Err(Error::config("data.transform", "log", none("classes")));
    }
    if classes && settings.model.noise != Noise::Constant {
        let expected =
            format!("the default, constant: `{}` has classes, whose probabilities hold the noise", target.name);
        return Err(Error::config("model.noise", format!("{:?}", settings.model.noise).to_lowercase(), expected));
    }
    let default = DataSettings::default();
    if given && (data.split != default.split || data.split_by != default.split_by) {
        let value = format!("{:?} by {}", data.split, data.split_by);
        return Err(Error::config("data.split", value, "nothing: the parts are files (--valid, --test)"));
    }
    if data.weight_column == target.name || data.split_by == SplitBy::Group(target.name.clone()) {
        let expected = "another column than the target";
        let setting = if data.weight_column == target.name { "data.weight_column" } else { "data.split_by" };
        return Err(Error::config(setting, &target.name, expected));
    }
    let Some(kind) = settings.schema.get(&target.name) else { return Ok(()) };
    let (fits, task) = match kind {
        ColumnKind::Numeric => (!classes, "regression"),
        ColumnKind::Categorical | ColumnKind::Boolean => (classes, "classes"),
        _ => (false, "regression or classes"),
    };
    match fits {
        true => Ok(()),
        false => {
            let expected = format!("nothing of what is predicted: say --task {task}");
            Err(Error::config(format!("schema.{}", target.name), String::from(kind.clone()), expected))
        }
    }
}

/// That the training part has more than one target, and every class that another part has.
fn teaches(
    frame: &Frame,
    target: &Target,
    row_of: &HashMap<usize, usize>,
    targets: &Targets,
    split: &Split,
) -> Result<()> {
    let at = frame.column(&target.name)?;
    let refuse = |row: usize, reason: String| Err(Error::Data { place: frame.place_of(row, at), reason });
    if let Targets::Classes(classes) = targets {
        let class = |row: &usize| classes[row_of[row]];
        let trained: BTreeSet<usize> = split.train.iter().map(class).collect();
        if let Some(&row) = split.valid.iter().chain(&split.test).find(|row| !trained.contains(&class(row))) {
            let name = frame.cell(row, at);
            let reason = format!(
                "no row of the training part is of the class `{name}`: look for a misspelt one, or say --set \
                 data.split_by=stratified"
            );
            return refuse(row, reason);
        }
    }
    let first = frame.cell(split.train[0], at);
    match split.train.iter().all(|&row| frame.cell(row, at) == first) {
        true => refuse(split.train[0], format!("every row of the training part has `{first}`: nothing to learn")),
        false => Ok(()),
    }
}

/// The place of a column that a setting names.
fn column_of(frame: &Frame, setting: &str, value: impl ToString, name: &str) -> Result<usize> {
    frame.column(name).map_err(|error| {
        let Error::Unknown { nearest, known, .. } = error else { return error };
        let columns = match nearest {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("one of `{}`", known.join("`, `")),
        };
        Error::config(setting, value, format!("a column of {}: {columns}", frame.name()))
    })
}

/// Which rows do what.
fn deal(
    frame: &Frame,
    given: Option<[usize; 3]>,
    rows: &[usize],
    targets: &Targets,
    settings: &Settings,
) -> Result<Split> {
    let (shares, key) = (settings.data.split, Key::new(settings.train.seed).fold_str("split"));
    if let Some([train, valid, _]) = given {
        let ends = [train, train + valid];
        let part = |row: &usize| ends.iter().filter(|end| row >= end).count();
        let of = |wanted: usize| rows.iter().copied().filter(|row| part(row) == wanted).collect::<Vec<_>>();
        let parts = [of(0), of(1), of(2)];
        if let Some(part) = parts.iter().position(Vec::is_empty) {
            let reason = format!("no row with a target in the {} part", ["training", "validation", "test"][part]);
            let place = frame.names().nth(part).unwrap_or(frame.name()).to_string();
            return Err(Error::Data { place, reason });
        }
        let [train, valid, test] = parts;
        return Ok(Split { train, valid, test });
    }
    let split = match (&settings.data.split_by, targets) {
        (SplitBy::Auto | SplitBy::Stratified, Targets::Classes(classes)) => Split::stratified(classes, shares, key),
        (SplitBy::Stratified, Targets::Numbers(_)) => {
            return Err(Error::config("data.split_by", "stratified", "another: the target has no classes"));
        }
        (SplitBy::Auto | SplitBy::Random, _) => Split::random(rows.len(), shares, key),
        (SplitBy::Group(column), _) => {
            let at = column_of(frame, "data.split_by", &settings.data.split_by, column)?;
            let groups: Vec<&str> = rows.iter().map(|&row| frame.cell(row, at)).collect();
            Split::grouped(&groups, shares, key)
        }
        (SplitBy::Time(column), _) => {
            column_of(frame, "data.split_by", &settings.data.split_by, column)?;
            Split::by_time(&frame.times(column, rows, settings.schema.get(column))?, shares)
        }
    };
    // The shares are checked: there are too few rows.
    let split = split.map_err(|few| Error::Data { place: frame.name().to_string(), reason: few.to_string() })?;
    Ok(split.of(rows))
}

/// Takes rows with missing cells out of all parts.
fn drop_missing(frame: &Frame, schema: &Schema, split: &mut Split) -> Result<Option<String>> {
    let binding = schema.bind(frame.columns(), frame.name())?;
    let whole = |row: &usize| !binding.misses(|column| frame.cell(*row, column), frame.dialect(*row));
    let before = split.rows();
    [&mut split.train, &mut split.valid, &mut split.test].into_iter().for_each(|part| part.retain(whole));
    let dropped = before - split.rows();
    if split.parts().into_iter().any(<[usize]>::is_empty) {
        let expected = "another choice: no row of a part is without missing cells";
        return Err(Error::config("data.missing", "drop", expected));
    }
    Ok((dropped > 0).then(|| format!("{dropped} rows with missing cells are left out")))
}

/// How many rows are alike in the target and in everything that is read, and how many of those stand in two parts.
fn copies(frame: &Frame, schema: &Schema, target: &Target, split: &Split) -> Option<String> {
    let at: HashMap<&str, usize> = frame.columns().iter().map(String::as_str).zip(0..).collect();
    let places: Vec<usize> = schema.names().chain([target.name.as_str()]).map(|name| at[name]).collect();
    let of_row = |&row: &usize| {
        let mut hasher = DefaultHasher::new(); // the same keys in every run
        places.iter().for_each(|&at| frame.cell(row, at).hash(&mut hasher));
        hasher.finish()
    };
    let parts = split.parts().map(|rows| rows.iter().map(of_row).collect());
    super::copies("rows are copies of others in all that is read", parts)
}

/// Which levels the training part lacks: how many cells, and the first names of the alphabet.
#[derive(Default)]
struct Lacking {
    cells: usize,
    names: BTreeSet<String>,
}

impl Lacking {
    fn add(&mut self, remark: &Remark) {
        if matches!(remark, Remark::Unseen { .. }) {
            self.cells += 1;
            self.names.insert(remark.to_string());
            if self.names.len() > 4 {
                self.names.pop_last();
            }
        }
    }

    fn note(&self) -> Option<String> {
        let more = if self.names.len() > 3 { ", ..." } else { "" };
        (self.cells > 0).then(|| {
            let some = self.names.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
            format!("{} cells outside of the training part have levels that it lacks: {some}{more}", self.cells)
        })
    }
}

/// The standardisation of the training part; a number of any part that it cannot hold is refused by its place.
fn scaling(
    frame: &Frame,
    schema: &Schema,
    target: &Target,
    split: &Split,
    parts: &[(Features, Targets); 3],
) -> Result<Scaling> {
    let names = schema.features();
    let refuse = |part: usize, row: usize, name: &str, why: String| {
        let (at, row) = (frame.column(name)?, split.parts()[part][row]);
        if frame.dialect(row).is_missing(frame.cell(row, at)) {
            return Ok(()); // filled by a mean of numbers of which one is beyond, too
        }
        let reason = format!("`{}` {why}: say --na if it means missing, or use another unit", frame.cell(row, at));
        Err(Error::Data { place: frame.place_of(row, at), reason })
    };
    let fit = |of_parts: [Vec<&[f64]>; 3], names: &[&str], centred: &[bool]| -> Result<Scaler> {
        let each = || {
            (0..3).flat_map(|part| of_parts[part].iter().enumerate().map(move |(row, numbers)| (part, row, *numbers)))
        };
        for (part, row, numbers) in each() {
            if let Some(j) = numbers.iter().position(|x| x.abs() > LARGEST) {
                refuse(part, row, names[j], format!("is beyond {LARGEST:e}"))?;
            }
        }
        let mut scaler = Scaler::of(of_parts[0].iter().copied());
        if let Some(j) = scaler.sd.iter().position(|sd| *sd < 1.0 / LARGEST) {
            let place = format!("{}, column `{}`", frame.name(), names[j]);
            let reason =
                format!("the training part's standard deviation is below {:e}: use another unit", 1.0 / LARGEST);
            return Err(Error::Data { place, reason });
        }
        scaler.sd.iter_mut().zip(centred).filter(|(_, centred)| **centred).for_each(|(sd, _)| *sd = 1.0);
        for (part, row, numbers) in each() {
            if let Some(j) = scaler.apply(numbers).position(|x| !x.is_finite()) {
                let why = format!("is more than {:e} standard deviations from the training part's mean", f32::MAX);
                refuse(part, row, names[j], why)?;
            }
        }
        Ok(scaler)
    };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let centred: Vec<bool> = schema.scales().map(|scale| scale == Scale::Centred).collect();
    let features = fit([0, 1, 2].map(|part| parts[part].0.iter().collect()), &names, &centred)?;
    let numbers = [0, 1, 2].map(|part| match &parts[part].1 {
        Targets::Numbers(numbers) => transformed(numbers, target.transform),
        Targets::Classes(_) => Vec::new(),
    });
    let targets = match target.is_classes() {
        true => Scaler { mean: Vec::new(), sd: Vec::new() },
        false => fit([0, 1, 2].map(|part| numbers[part].chunks(1).collect()), &[&target.name], &[false])?,
    };
    Ok(Scaling { features, targets })
}

/// What the model sees of numbers that are predicted.
fn transformed(numbers: &[f64], transform: Transform) -> Vec<f64> {
    match transform {
        Transform::None => numbers.to_vec(),
        Transform::Log => numbers.iter().map(|y| y.ln()).collect(),
    }
}

/// What each row weighs, if not all weigh alike.
fn weights(
    frame: &Frame,
    split: &Split,
    parts: &[(Features, Targets); 3],
    settings: &Settings,
    classes: usize,
) -> Result<Option<[Vec<f32>; 2]>> {
    let column = settings.data.weight_column.as_str();
    let balanced = settings.data.weights == ClassWeights::Balanced;
    if column.is_empty() && !balanced {
        return Ok(None);
    }
    let counts = match &parts[0].1 {
        Targets::Classes(of_rows) => frequencies(of_rows, classes),
        Targets::Numbers(_) => Vec::new(),
    };
    let of_part = |rows: &[usize], targets: &Targets| {
        (0..rows.len())
            .map(|i| {
                let of_class = match targets {
                    Targets::Classes(of_rows) if balanced => 1.0 / (classes as f64 * counts[of_rows[i]]),
                    _ => 1.0,
                };
                if column.is_empty() {
                    return Ok(of_class as f32);
                }
                let at = frame.column(column)?;
                let cell = frame.cell(rows[i], at);
                match frame.dialect(rows[i]).number(cell) {
                    Some(weight) if weight >= 0.0 && (weight * of_class) as f32 <= MOST_WEIGHT => {
                        Ok((weight * of_class) as f32)
                    }
                    _ => Err(Error::Data {
                        place: frame.place_of(rows[i], at),
                        reason: format!("`{cell}` is no weight: expected a number from 0 to {MOST_WEIGHT:e}"),
                    }),
                }
            })
            .collect::<Result<Vec<f32>>>()
    };
    Ok(Some([of_part(&split.train, &parts[0].1)?, of_part(&split.valid, &parts[1].1)?]))
}

/// The greatest weight of a row: sums of them are still numbers.
const MOST_WEIGHT: f32 = 1e30;

impl Prepared {
    /// Trains, fits the noise's precision tau to the validation part, which also stopped the training, and looks at the test part once, at the end.
    ///
    /// The standardisation is fitted to the training part only. With a file `checkpoint`, an interrupted training goes on ([`train::fit_from`]).
    ///
    /// # Errors
    /// As [`train::fit_from`].
    pub fn train(
        &self,
        origin: Origin,
        device: &Device,
        progress: impl Progress + 'static,
        checkpoint: Option<&Path>,
    ) -> Result<Outcome> {
        self.trained(origin, device, Box::new(progress), checkpoint)
    }

    /// Not generic, so that it is compiled once, here, and not in every program that trains.
    fn trained(
        &self,
        origin: Origin,
        device: &Device,
        progress: Box<dyn Progress>,
        checkpoint: Option<&Path>,
    ) -> Result<Outcome> {
        let settings = &self.settings;
        let run = Key::new(settings.train.seed);
        let scaling = self.scaling.clone();
        let config = settings.model.config(self.schema.width(), self.task);
        config.check()?;
        let [train, valid] = [self.examples(0, &scaling)?, self.examples(1, &scaling)?];
        let mlp = config.init(device, run.fold_str("init"));
        let trained = train::fit_from(mlp, &settings.train, [train, valid], device, progress, checkpoint)?;

        let [train, valid, test] = &self.parts;
        let file = ModelFile {
            schema: ModelFile::LAYOUT,
            family: "mlp".to_string(),
            mask_scheme: MASK_SCHEME,
            provenance: Provenance {
                command: origin.command,
                version: env!("CARGO_PKG_VERSION").to_string(),
                burn: BURN.to_string(),
                device: origin.device,
                best_epoch: trained.best_epoch,
            },
            data: Data {
                names: origin.data,
                sha256: origin.sha256,
                rows: [train.0.rows(), valid.0.rows(), test.0.rows()],
                frequencies: match &train.1 {
                    Targets::Classes(classes) => frequencies(classes, self.target.classes.len()),
                    Targets::Numbers(_) => Vec::new(),
                },
                reading: origin.reading,
                settings: settings.data.clone(),
                schema: settings.schema.clone(),
            },
            target: self.target.clone(),
            inputs: self.schema.clone(),
            model: config,
            train: settings.train.clone(),
            scaling,
            tau: None,
            weights: Weights::default(),
            test: None,
        };
        let monte_carlo = MonteCarlo::new(PASSES);
        let mut model = Model::new(file, trained.model, device);
        if let (Targets::Numbers(numbers), Noise::Constant) = (&valid.1, settings.model.noise) {
            let numbers = transformed(numbers, self.target.transform);
            let tau = Tau {
                monte_carlo: model.transformed(&valid.0, Some(&monte_carlo))?.fit_tau(&numbers)?,
                mean_network: model.transformed(&valid.0, None)?.fit_tau(&numbers)?,
            };
            let file = ModelFile { tau: Some(tau), ..model.file().clone() };
            model = model.described(file);
        }
        if self.target.is_classes() || settings.model.noise != Noise::None {
            let scores = model.evaluate(&test.0, &test.1, &monte_carlo, INTERVAL)?;
            let file = ModelFile { test: Some(scores), ..model.file().clone() };
            model = model.described(file);
        }
        Ok(Outcome { model, curve: trained.curve, split: self.split.clone() })
    }

    fn examples(&self, part: usize, scaling: &Scaling) -> Result<Examples> {
        let (features, targets) = &self.parts[part];
        let inputs = features.iter().flat_map(|row| scaling.features.apply(row)).collect();
        let targets = match targets {
            Targets::Numbers(numbers) => transformed(numbers, self.target.transform)
                .chunks(1)
                .flat_map(|row| scaling.targets.apply(row).collect::<Vec<_>>())
                .collect(),
            Targets::Classes(classes) => class_targets(classes, self.target.classes.len()),
        };
        let examples = Examples::new(inputs, targets, features.rows())?;
        match &self.weights {
            Some(weights) => examples.with_weights(weights[part].clone()),
            None => Ok(examples),
        }
    }
}
