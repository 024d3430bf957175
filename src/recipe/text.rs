//! From text to a model.

use std::{
    collections::{BTreeSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    path::Path,
};

use burn::tensor::Device;

use super::{BURN, INTERVAL, Origin, Outcome, PASSES, class_targets, copies};
use crate::{
    data::{
        Frame, Scaler, Split, Target, Targets,
        text::{self, LabelledTexts, Language, Sequences, TextSettings, Texts, Vocabulary},
    },
    error::{Error, Result},
    key::{Key, MASK_SCHEME},
    models::{LstmConfig, Noise, Task},
    settings::SequenceSettings,
    train::{self, Examples, Progress, Streaming},
    uncertainty::MonteCarlo,
    zoo::{Provenance, Tau, TextData, TextFile, TextModel, Way, Weights},
};

/// Where texts are.
#[derive(Clone, Copy, Debug)]
pub enum TextSource<'a> {
    /// In a column of a table. `given` says how many rows, one part after the other, train, validate and test, if they are from files of their own.
    Table {
        /// The table.
        frame: &'a Frame,
        /// The rows of the parts.
        given: Option<[usize; 3]>,
        /// The column of the texts.
        column: &'a str,
        /// The column to predict from them; none to predict the next token.
        target: Option<&'a str>,
    },
    /// In a file of plain text.
    File(&'a text::TextFile),
    /// In three of them: one trains, one validates, one tests.
    Files([&'a text::TextFile; 3]),
}

/// Texts that are ready to train on.
#[derive(Clone, Debug)]
pub struct PreparedTexts {
    /// The tokens of the training part.
    pub vocabulary: Vocabulary,
    /// The network, with the kind of prediction.
    pub config: LstmConfig,
    /// Which rows of the table do what; of plain text there are none.
    pub split: Split,
    /// What a user should be told, one line each.
    pub notes: Vec<String>,
    settings: SequenceSettings,
    column: Option<String>,
    what: What,
}

/// What is learned.
#[derive(Clone, Debug)]
enum What {
    Language(Language),
    Labelled { target: Target, parts: [(Vec<String>, Targets); 3] },
}

/// Trains an [`Lstm`](crate::models::Lstm) on text: [`prepare_texts`], then [`PreparedTexts::train`].
///
/// # Errors
/// As those two.
pub fn train_text(
    source: TextSource<'_>,
    settings: &SequenceSettings,
    origin: Origin,
    device: &Device,
    progress: impl Progress + 'static,
) -> Result<Outcome<TextModel>> {
    prepare_texts(source, settings)?.train(origin, device, progress, None)
}

/// Deals the texts out, or cuts the file, and counts the tokens of the training part.
///
/// # Errors
/// [`Error::Unknown`] for a column that is not there; [`Error::Config`] for settings that do not fit together or the text; [`Error::Data`] for texts that there is
/// nothing to learn from.
pub fn prepare_texts(source: TextSource<'_>, settings: &SequenceSettings) -> Result<PreparedTexts> {
    settings.check()?;
    let target = if let TextSource::Table { target, .. } = source { target } else { None };
    settings.check_use(target.is_none())?;
    let data = &settings.data;
    match source {
        TextSource::File(file) => of_language(Language::of_file(file, data)?, None, no_rows(), settings),
        TextSource::Files(files) => of_language(Language::of_files(files, data)?, None, no_rows(), settings),
        TextSource::Table { frame, given, column, target: None } => {
            let texts = Texts::all(frame, column, data.empty)?;
            let split = deal(frame, given, texts.rows(), &(0..texts.rows()).collect::<Vec<_>>(), None, settings)?;
            let language = Language::of_texts(&texts, &split, data)?;
            of_language(language, Some(column.to_string()), split, settings)
        }
        TextSource::Table { frame, given, column, target: Some(target) } => {
            labelled(frame, given, column, target, settings)
        }
    }
}

fn no_rows() -> Split {
    Split { train: Vec::new(), valid: Vec::new(), test: Vec::new() }
}

fn of_language(
    language: Language,
    column: Option<String>,
    split: Split,
    settings: &SequenceSettings,
) -> Result<PreparedTexts> {
    let vocabulary = language.vocabulary.clone();
    let config = settings.model.checked(vocabulary.len(), Task::NextWord { vocabulary: vocabulary.len() })?;
    language.streams(0, &settings.data)?; // that there are
    let notes = language.notes.clone();
    Ok(PreparedTexts {
        vocabulary,
        config,
        split,
        notes,
        settings: settings.clone(),
        column,
        what: What::Language(language),
    })
}

fn labelled(
    frame: &Frame,
    given: Option<[usize; 3]>,
    column: &str,
    target: &str,
    settings: &SequenceSettings,
) -> Result<PreparedTexts> {
    let data = &settings.data;
    let LabelledTexts { texts, target, targets, mut notes } = LabelledTexts::find(frame, column, target, data)?;
    let task = match target.classes.len() {
        0 => Task::Regression { targets: 1, noise: settings.model.noise },
        2 => Task::Binary,
        classes => Task::MultiClass { classes },
    };
    if target.is_classes() && settings.model.noise != Noise::Constant {
        let expected =
            format!("the default, constant: `{}` has classes, whose probabilities hold the noise", target.name);
        return Err(Error::config("model.noise", format!("{:?}", settings.model.noise).to_lowercase(), expected));
    }
    let rows: Vec<usize> = (0..texts.rows()).map(|text| texts.row(text)).collect();
    let classes = if let Targets::Classes(classes) = &targets { Some(&classes[..]) } else { None };
    // Of texts, not of rows of the table.
    let split = deal(frame, given, texts.rows(), &rows, classes, settings)?;
    let part = |of: &[usize]| {
        let some = texts.select(of).iter().map(str::to_string).collect::<Vec<_>>();
        (some, targets.select(of))
    };
    let parts = [part(&split.train), part(&split.valid), part(&split.test)];
    teaches(frame, &texts, &target, &targets, &split)?;
    let vocabulary = Vocabulary::of_texts(frame.name(), parts[0].0.iter().map(String::as_str), data)?;
    let config = settings.model.checked(vocabulary.len(), task)?;
    for (name, (texts, _)) in ["training", "validation", "test"].into_iter().zip(&parts) {
        let rows = sequences(texts, &vocabulary, data);
        notes.extend(rows.note().map(|note| format!("{name} part: {note}")));
        let unknown = vocabulary.count_unknown(rows.numbers());
        if unknown > 0 {
            notes.push(format!("{unknown} of {} tokens of the {name} part are unknown", rows.numbers().len()));
        }
    }
    let number = |text: &String| {
        let mut hasher = DefaultHasher::new(); // the same keys in every run
        text.hash(&mut hasher);
        hasher.finish()
    };
    notes.extend(copies(
        "texts are copies of others",
        parts.each_ref().map(|(texts, _)| texts.iter().map(number).collect()),
    ));
    Ok(PreparedTexts {
        vocabulary,
        config,
        split: split.of(&rows),
        notes,
        settings: settings.clone(),
        column: Some(column.to_string()),
        what: What::Labelled { target, parts },
    })
}

/// Which of so many texts do what; `rows` are those of the table that they stand in.
fn deal(
    frame: &Frame,
    given: Option<[usize; 3]>,
    texts: usize,
    rows: &[usize],
    classes: Option<&[usize]>,
    settings: &SequenceSettings,
) -> Result<Split> {
    let (shares, key) = (settings.data.split, Key::new(settings.train.seed).fold_str("split"));
    let Some([train, valid, _]) = given else {
        let split = match classes {
            Some(classes) => Split::stratified(classes, shares, key),
            None => Split::random(texts, shares, key),
        };
        // The shares are checked: there are too few rows.
        return split.map_err(|few| Error::Data { place: frame.name().to_string(), reason: few.to_string() });
    };
    if shares != TextSettings::default().split {
        return Err(Error::config(
            "data.split",
            format!("{shares:?}"),
            "nothing: the parts are files (--valid, --test)",
        ));
    }
    let part = |text: &usize| [train, train + valid].iter().filter(|end| rows[*text] >= **end).count();
    let of = |wanted: usize| (0..texts).filter(|text| part(text) == wanted).collect::<Vec<_>>();
    let split = Split { train: of(0), valid: of(1), test: of(2) };
    match split.parts().iter().position(|part| part.is_empty()) {
        Some(part) => {
            let place = frame.names().nth(part).unwrap_or(frame.name()).to_string();
            let reason = format!("no text in the {} part", ["training", "validation", "test"][part]);
            Err(Error::Data { place, reason })
        }
        None => Ok(split),
    }
}

/// That the training part has more than one target, and every class that another part has.
fn teaches(frame: &Frame, texts: &Texts<'_>, target: &Target, targets: &Targets, split: &Split) -> Result<()> {
    let at = frame.column(&target.name)?;
    let refuse = |text: usize, reason: String| Err(Error::Data { place: frame.place_of(texts.row(text), at), reason });
    let cell = |text: usize| frame.cell(texts.row(text), at);
    if let Targets::Classes(classes) = targets {
        let trained: BTreeSet<usize> = split.train.iter().map(|&text| classes[text]).collect();
        if let Some(&text) = split.valid.iter().chain(&split.test).find(|text| !trained.contains(&classes[**text])) {
            let reason =
                format!("no row of the training part is of the class `{}`: look for a misspelt one", cell(text));
            return refuse(text, reason);
        }
    }
    let first = cell(split.train[0]);
    match split.train.iter().all(|&text| cell(text) == first) {
        true => refuse(split.train[0], format!("every row of the training part has `{first}`: nothing to learn")),
        false => Ok(()),
    }
}

fn sequences(texts: &[String], vocabulary: &Vocabulary, data: &TextSettings) -> Sequences {
    Sequences::of(texts.iter().map(String::as_str), vocabulary, data.length, data.long)
}

impl PreparedTexts {
    /// How many tokens, if the next one is predicted, or else texts, train, validate and test.
    pub fn rows(&self) -> [usize; 3] {
        match &self.what {
            What::Language(language) => language.parts().map(<[u32]>::len),
            What::Labelled { parts, .. } => parts.each_ref().map(|(texts, _)| texts.len()),
        }
    }

    /// What is predicted; none for the next token.
    pub fn target(&self) -> Option<&Target> {
        match &self.what {
            What::Language(_) => None,
            What::Labelled { target, .. } => Some(target),
        }
    }

    /// Trains, fits the noise's precision tau to the validation part if there is any, and looks at the test part once, at the end.
    ///
    /// With a file `checkpoint`, an interrupted training goes on ([`train::fit_from`]).
    ///
    /// # Errors
    /// As [`train::fit_from`].
    pub fn train(
        self,
        origin: Origin,
        device: &Device,
        progress: impl Progress + 'static,
        checkpoint: Option<&Path>,
    ) -> Result<Outcome<TextModel>> {
        self.trained(origin, device, Box::new(progress), checkpoint)
    }

    /// Not generic, so that it is compiled once, here, and not in every program that trains.
    fn trained(
        self,
        origin: Origin,
        device: &Device,
        progress: Box<dyn Progress>,
        checkpoint: Option<&Path>,
    ) -> Result<Outcome<TextModel>> {
        let (settings, rows) = (&self.settings, self.rows());
        let lstm = self.config.init(device, Key::new(settings.train.seed).fold_str("init"));
        let (config, monte_carlo) = (&settings.train, MonteCarlo::new(PASSES));
        let file = |best_epoch: usize, target: Option<Target>, counts: Vec<usize>, scaling: Option<Scaler>| TextFile {
            schema: TextFile::LAYOUT,
            family: "lstm".to_string(),
            kind: TextFile::KIND.to_string(),
            mask_scheme: MASK_SCHEME,
            provenance: Provenance {
                command: origin.command.clone(),
                version: env!("CARGO_PKG_VERSION").to_string(),
                burn: BURN.to_string(),
                device: origin.device.clone(),
                best_epoch,
            },
            data: TextData {
                names: origin.data.clone(),
                sha256: origin.sha256.clone(),
                column: self.column.clone(),
                rows,
                counts,
                reading: origin.reading.clone(),
                settings: settings.data.clone(),
            },
            target,
            vocabulary: self.vocabulary.clone(),
            model: self.config.clone(),
            train: config.clone(),
            scaling,
            tau: None,
            weights: Weights::default(),
            test: None,
        };
        let (model, curve) = match &self.what {
            What::Language(language) => {
                let parts = [0, 1].map(|part| language.streams(part, &settings.data).and_then(in_streams));
                let [train, valid] = parts;
                let trained =
                    train::fit_from(Streaming::new(lstm), config, [train?, valid?], device, progress, checkpoint)?;
                let [train, _, test] = language.parts();
                let counts = counted(train.iter().map(|&token| token as usize), self.vocabulary.len());
                let file = file(trained.best_epoch, None, counts, None);
                let model = TextModel::new(file, trained.model.into_model(), device);
                let place = origin.data.last().map_or("the text", String::as_str);
                let scores = model.evaluate_language(place, test, &monte_carlo)?;
                (model.described(|file| file.test = Some(scores)), trained.curve)
            }
            What::Labelled { target, parts } => {
                let scaling = scaling(&parts[0].1)?;
                let examples = self.examples(&parts[0], &parts[1], target.classes.len(), scaling.as_ref())?;
                let trained = train::fit_from(lstm, config, examples, device, progress, checkpoint)?;
                let counts = match &parts[0].1 {
                    Targets::Classes(classes) => counted(classes.iter().copied(), target.classes.len()),
                    Targets::Numbers(_) => Vec::new(),
                };
                let file = file(trained.best_epoch, Some(target.clone()), counts, scaling);
                let model = TextModel::new(file, trained.model, device);
                (judged(model, &parts[1], &parts[2], settings.model.noise, &monte_carlo)?, trained.curve)
            }
        };
        Ok(Outcome { model, curve, split: self.split.clone() })
    }

    /// The training and the validation part as rows of one width.
    fn examples(
        &self,
        train: &(Vec<String>, Targets),
        valid: &(Vec<String>, Targets),
        classes: usize,
        scaling: Option<&Scaler>,
    ) -> Result<[Examples; 2]> {
        let rows = [train, valid].map(|(texts, _)| sequences(texts, &self.vocabulary, &self.settings.data));
        let width = rows[0].longest().max(rows[1].longest());
        let part = |rows: &Sequences, targets: &Targets| {
            let targets = match (targets.select(rows.texts()), scaling) {
                (Targets::Numbers(numbers), Some(scaling)) => {
                    numbers.chunks(1).flat_map(|row| scaling.apply(row).collect::<Vec<_>>()).collect()
                }
                (Targets::Numbers(_), None) => unreachable!("numbers have a scale"),
                (Targets::Classes(of_rows), _) => class_targets(&of_rows, classes),
            };
            let examples = Examples::new(rows.padded(width)?, targets, rows.rows())?;
            match rows.weights() {
                Some(weights) => examples.with_weights(weights),
                None => Ok(examples),
            }
        };
        Ok([part(&rows[0], &train.1)?, part(&rows[1], &valid.1)?])
    }
}

fn in_streams(streams: text::Streams) -> Result<Examples> {
    let (rows, side_by_side) = (streams.rows(), streams.streams());
    let (inputs, targets) = streams.into_values();
    Examples::new(inputs, targets, rows)?.in_streams(side_by_side)
}

/// The standardisation of numbers that train.
fn scaling(targets: &Targets) -> Result<Option<Scaler>> {
    match targets {
        Targets::Numbers(numbers) => Scaler::fit(numbers.chunks(1)).map(Some),
        Targets::Classes(_) => Ok(None),
    }
}

fn counted(of: impl Iterator<Item = usize>, n: usize) -> Vec<usize> {
    let mut counts = vec![0; n];
    of.for_each(|i| counts[i] += 1);
    counts
}

/// The model with its tau, fitted to the validation part, and its scores on the test part.
fn judged(
    model: TextModel,
    valid: &(Vec<String>, Targets),
    test: &(Vec<String>, Targets),
    noise: Noise,
    monte_carlo: &MonteCarlo,
) -> Result<TextModel> {
    let mut model = model;
    if let (Targets::Numbers(numbers), Noise::Constant) = (&valid.1, noise) {
        let valid: Vec<&str> = valid.0.iter().map(String::as_str).collect();
        let tau = Tau {
            monte_carlo: model.fit_tau(&valid, numbers, Way::Sampled(monte_carlo))?,
            mean_network: model.fit_tau(&valid, numbers, Way::Mean)?,
        };
        model = model.described(|file| file.tau = Some(tau));
    }
    if matches!(test.1, Targets::Classes(_)) || noise != Noise::None {
        let texts: Vec<&str> = test.0.iter().map(String::as_str).collect();
        let scores = model.evaluate(&texts, &test.1, monte_carlo, INTERVAL)?;
        model = model.described(|file| file.test = Some(scores));
    }
    Ok(model)
}
