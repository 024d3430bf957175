//! Scores of a model of pictures, and what its uncertainties tell.

use std::io::Write;

use anyhow::{Context, Result};
use burn_zoo::{
    Result as Done,
    data::image::{ImageSource, Labelled, TestPart},
    report,
    uncertainty::{
        ClassPrediction,
        metrics::{Estimate, auroc},
    },
    zoo::{ImageFile, ImageModel},
};
use serde_json::{Map, Value, json};

use super::{
    super::{
        Usage,
        notes::Words,
        numbers::{fixed, with_error},
        usage, write_columns,
    },
    Args, Format, json_of, number, write_evaluation,
};

/// Reads, predicts, judges, and draws.
pub fn run(args: &Args, model: &ImageModel, words: &Words, out: &mut dyn Write) -> Result<()> {
    if args.stride.is_some() {
        return Err(Usage(format!("--stride is for series: {} reads pictures", args.model)).into());
    }
    if let Some(option) = args.reading.said() {
        return Err(Usage(format!("{option} is for tables: {} reads pictures", args.model)).into());
    }
    let (classes, pictures, sha256) = read(&args.data, model, words)?;
    if let Some(known) = known(model.file(), &sha256) {
        words.say(&format!("{}: {known}", args.data));
    }
    let labels = model.labels(&classes, &pictures.labels).with_context(|| args.data.clone())?;
    let inside = Both::of(model, &pictures, args)?;
    let evaluation = model.judge(&inside.sampled, &inside.mean, &labels)?;
    let outside = match &args.ood {
        Some(source) => Some(Both::of(model, &read(source, model, words)?.1, args)?),
        None => None,
    };
    let mut detections = vec![("misclassified", inside.tell_wrong(&labels)?)];
    if let Some(outside) = &outside {
        detections.push(("ood", inside.tell_others(outside)?));
    }
    if let Some(path) = &args.plot {
        report::reliability(&inside.sampled.classified(&labels)?.reliability(15), &args.data).save(path)?;
    }
    match args.format {
        Format::Table => {
            write_evaluation(&evaluation, out)?;
            writeln!(out)?;
            let header: Vec<&str> = ["auroc"].into_iter().chain(detections.iter().map(|(what, _)| *what)).collect();
            let cell = |estimate: Option<Estimate>| match estimate {
                Some(Estimate { value, standard_error: Some(error) }) => with_error(value, error),
                Some(Estimate { value, standard_error: None }) => fixed(value),
                None => "-".to_string(),
            };
            let row = |at: usize| {
                let cells = detections.iter().map(|(_, estimates)| cell(estimates[at]));
                [UNCERTAINTIES[at].to_string()].into_iter().chain(cells).collect()
            };
            Ok(write_columns(out, &header, &(0..UNCERTAINTIES.len()).map(row).collect::<Vec<_>>())?)
        }
        Format::Json => {
            let mut document = json_of(args, None, &evaluation);
            document.extend(args.ood.as_ref().map(|source| ("ood".to_string(), json!(source))));
            let told = detections.into_iter().map(|(what, estimates)| (what.to_string(), json_of_detection(estimates)));
            document.insert("auroc".to_string(), Value::Object(told.collect()));
            Ok(writeln!(out, "{}", Value::Object(document))?)
        }
    }
}

/// The pictures to judge by, as the model reads them: the classes, the pictures, and the checksum of what was read.
fn read(source: &str, model: &ImageModel, words: &Words) -> Result<(Vec<String>, Labelled, String)> {
    let parsed: ImageSource = source.parse().map_err(usage)?;
    let TestPart { classes, pictures, sha256, notes } = parsed.read_test(&model.reading())?;
    notes.iter().for_each(|note| words.say(&format!("{source}: {note}")));
    Ok((classes, pictures, sha256))
}

/// What the model saw of pictures without an official test part, if it did.
fn known(file: &ImageFile, sha256: &str) -> Option<String> {
    let [train, valid, test] = file.data.rows;
    (file.data.sha256 == sha256).then(|| {
        format!(
            "the model was trained on these pictures: {train} of them trained and {valid} chose; only {test} are new to it"
        )
    })
}

/// What is said of pictures by many sampled networks, and by the mean network.
struct Both {
    sampled: ClassPrediction,
    mean: ClassPrediction,
}

/// What tells pictures apart, in the order of [`Both::uncertainties`].
const UNCERTAINTIES: [&str; 4] = ["entropy", "expected_entropy", "mutual_information", "mean_network_entropy"];

/// How well each of the uncertainties tells; nothing where there is nothing to tell.
type Detection = [Option<Estimate>; 4];

impl Both {
    fn of(model: &ImageModel, pictures: &Labelled, args: &Args) -> Result<Self> {
        let sampled = model.predict(&pictures.images, &args.sampling.monte_carlo())?;
        Ok(Self { sampled, mean: model.predict_mean(&pictures.images)? })
    }

    fn uncertainties(&self) -> [&[f64]; 4] {
        let sampled = &self.sampled;
        [sampled.entropy(), sampled.expected_entropy(), sampled.mutual_information(), self.mean.entropy()]
    }

    /// Pictures that are taken for another class from the others; the mean network's entropy tells its own mistakes.
    fn tell_wrong(&self, labels: &[usize]) -> Done<Detection> {
        let mut detection = [None; 4];
        for (at, numbers) in self.uncertainties().into_iter().enumerate() {
            let by = if at < 3 { &self.sampled } else { &self.mean };
            let (mut wrong, mut right) = (Vec::new(), Vec::new());
            for (row, &number) in numbers.iter().enumerate() {
                if by.class(row) == labels[row] { right.push(number) } else { wrong.push(number) }
            }
            detection[at] = tell(&wrong, &right)?;
        }
        Ok(detection)
    }

    /// Those of another source from these.
    fn tell_others(&self, others: &Self) -> Done<Detection> {
        let mut detection = [None; 4];
        let both = others.uncertainties().into_iter().zip(self.uncertainties());
        for (at, (others, these)) in both.enumerate() {
            detection[at] = tell(others, these)?;
        }
        Ok(detection)
    }
}

fn tell(positives: &[f64], negatives: &[f64]) -> Done<Option<Estimate>> {
    if positives.is_empty() || negatives.is_empty() {
        return Ok(None);
    }
    auroc(positives, negatives).map(Some)
}

fn json_of_detection(estimates: Detection) -> Value {
    let named = || UNCERTAINTIES.iter().zip(estimates);
    let mut object: Map<String, Value> = named()
        .map(|(name, estimate)| (name.to_string(), estimate.map_or(Value::Null, |estimate| number(estimate.value))))
        .collect();
    let errors = named().filter_map(|(name, estimate)| Some((name.to_string(), number(estimate?.standard_error?))));
    let errors: Map<String, Value> = errors.collect();
    if !errors.is_empty() {
        object.insert("standard_error".to_string(), Value::Object(errors));
    }
    Value::Object(object)
}
