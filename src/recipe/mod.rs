//! From data to a model: read, split, scale, train, fit the noise, judge.

mod images;
mod series;
mod table;
mod text;

pub use images::{ImageOrigin, PreparedImages, prepare_images, train_cnn};
pub use series::{PreparedSeries, prepare_series, train_series};
pub use table::{Origin, Prepared, prepare, train_mlp};
pub use text::{PreparedTexts, TextSource, prepare_texts, train_text};

use std::collections::HashMap;

use crate::{data::Split, train::Epoch, zoo::Model};

/// Passes of the Monte Carlo prediction that tau is fitted to and the test part is judged by.
pub const PASSES: usize = 50;
/// The level of the interval that the test part is judged by.
pub const INTERVAL: f64 = 0.9;

/// The version of Burn that this crate is built on.
const BURN: &str = "0.22.1";

/// A trained model, and how it got there.
#[derive(Clone, Debug)]
pub struct Outcome<M = Model> {
    /// With its scores on the test part.
    pub model: M,
    /// The epochs that were run.
    pub curve: Vec<Epoch>,
    /// Which rows of the table or which pictures did what; those of an official test part have numbers of their own.
    pub split: Split,
}

/// The share of each class.
fn frequencies(of_rows: &[usize], classes: usize) -> Vec<f64> {
    let mut counts = vec![0.0; classes];
    of_rows.iter().for_each(|&class| counts[class] += 1.0);
    counts.iter().map(|count| count / of_rows.len() as f64).collect()
}

/// Classes as targets of a loss: one number of two classes, else one for each class.
fn class_targets(of_rows: &[usize], classes: usize) -> Vec<f32> {
    match classes {
        2 => of_rows.iter().map(|&class| class as f32).collect(),
        n => of_rows.iter().flat_map(|&class| (0..n).map(move |i| f32::from(u8::from(i == class)))).collect(),
    }
}

/// Says how many things are alike, by a number of each thing of each part, and how many of those stand in two parts.
fn copies(what: &str, parts: [Vec<u64>; 3]) -> Option<String> {
    let mut seen: HashMap<u64, [usize; 3]> = HashMap::new();
    for (part, numbers) in parts.iter().enumerate() {
        numbers.iter().for_each(|&number| seen.entry(number).or_default()[part] += 1);
    }
    let all: usize = seen.values().map(|counts| counts.iter().sum::<usize>() - 1).sum();
    let again = |part: usize| seen.values().filter(|counts| counts[0] > 0).map(|counts| counts[part]).sum::<usize>();
    (all > 0).then(|| {
        format!(
            "{all} {what}: {} of {} test rows and {} of {} validation rows also stand in the training part",
            again(2),
            parts[2].len(),
            again(1),
            parts[1].len()
        )
    })
}
