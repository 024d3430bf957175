//! What a model of a language says of texts, and how it goes on with them.

use burn::tensor::{Tensor, TensorData};

use super::model::{TextModel, Way};
use crate::{
    data::text::Streams,
    error::{Error, Result},
    key::Key,
    models::Lstm,
    uncertainty::{ClassPrediction, LanguageScores, LanguageTally, MonteCarlo, MonteCarloStream},
    zoo::{Evaluation, Scores},
};

/// What a model of a language says of a text, token by token, in nats.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextReading {
    /// The tokens that were predicted: all, and the end of the line, if lines have ends; else all but the first.
    pub tokens: Vec<u32>,
    /// The logarithm of the probability of each, behind those before it.
    pub log_probabilities: Vec<f64>,
    /// The entropy of what might have stood there.
    pub entropy: Vec<f64>,
    /// What the sampled networks disagree about there.
    pub mutual_information: Vec<f64>,
}

impl TextReading {
    /// The mean of -ln p of its tokens; none for no tokens.
    pub fn nll(&self) -> Option<f64> {
        mean(&self.log_probabilities).map(|mean| -mean)
    }

    /// The mean mutual information; none for no tokens.
    pub fn mean_mutual_information(&self) -> Option<f64> {
        mean(&self.mutual_information)
    }

    /// The places of so many tokens about which the networks disagree most, most first, from 0.
    pub fn most_unsure(&self, places: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.tokens.len()).collect();
        order.sort_by(|&a, &b| self.mutual_information[b].total_cmp(&self.mutual_information[a]));
        order.truncate(places);
        order
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// How a model of a language goes on with a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// The text behind the prompt.
    pub text: String,
    /// Its tokens.
    pub tokens: Vec<u32>,
    /// The probability that each had, by all networks together.
    pub probabilities: Vec<f64>,
    /// The entropy of what might have stood there, nats.
    pub entropy: Vec<f64>,
    /// What the networks disagreed about there, nats.
    pub mutual_information: Vec<f64>,
}

impl TextModel {
    /// The scores of the Monte Carlo prediction, the mean network and the baseline (how often each token stands in the training part, plus one) on tokens of a
    /// text that goes on; `place` stands for it in messages.
    ///
    /// # Errors
    /// [`Error::Task`] for a model of another task; [`Error::Data`] for fewer than two tokens; and as [`MonteCarloStream::step`].
    pub fn evaluate_language(&self, place: &str, tokens: &[u32], monte_carlo: &MonteCarlo) -> Result<Evaluation> {
        self.check_language()?;
        let settings = &self.file.data.settings;
        let streams = settings.streams.min(tokens.len() / 2).max(1);
        let streams = Streams::of(place, tokens, streams, settings.window.min(tokens.len().max(1)))?;
        let counts: Vec<f64> = self.file.data.counts.iter().map(|&count| count as f64 + 1.0).collect();
        let mut baseline = LanguageTally::default();
        for batch in 0..streams.batches() {
            let targets = streams.of_batch(batch).1;
            let constant = ClassPrediction::constant(&counts, targets.len())?;
            baseline.add(streams.batch(batch).start, &constant, targets, streams.window())?;
        }
        let scores = |scores: LanguageScores| Scores::Language(scores);
        Ok(Evaluation {
            passes: monte_carlo.passes(),
            interval: None,
            monte_carlo: scores(self.scores(&streams, Way::Sampled(monte_carlo))?),
            mean_network: scores(self.scores(&streams, Way::Mean)?),
            baseline: scores(baseline.scores(self.file.is_of_characters())?),
        })
    }

    /// Feeds the windows of all streams, fewer steps at a time where the vocabulary is large: which changes no number but by rounding.
    fn scores(&self, streams: &Streams, way: Way<'_>) -> Result<LanguageScores> {
        let mut networks = self.networks(way);
        let mut tally = LanguageTally::default();
        let (rows, window) = (streams.streams(), streams.window());
        let steps_at_once = self.steps_at_once(way, rows).min(window);
        for batch in 0..streams.batches() {
            let (inputs, targets) = streams.of_batch(batch);
            for first in (0..window).step_by(steps_at_once) {
                let steps = steps_at_once.min(window - first);
                let of_row = |values: &[f32], width: usize, from: usize| -> Vec<f32> {
                    values.chunks(width).flat_map(|row| &row[from..from + steps]).copied().collect()
                };
                let tokens = of_row(inputs, 1 + window, 1 + first);
                let prediction = networks.step(self.window(batch == 0 && first == 0, &tokens, rows))?;
                tally.add(streams.batch(batch).start, &prediction, &of_row(targets, window, first), steps)?;
            }
        }
        tally.scores(self.file.is_of_characters())
    }

    /// What many sampled networks say of texts, each for itself and from its beginning: `each` gets the number of a text and what is said of it.
    ///
    /// # Errors
    /// [`Error::Task`] for a model of another task; as [`MonteCarloStream::step`]; and what `each` returns.
    pub fn read_each(
        &self,
        texts: &[&str],
        monte_carlo: &MonteCarlo,
        mut each: impl FnMut(usize, TextReading) -> Result<()>,
    ) -> Result<()> {
        self.check_language()?;
        let (way, window) = (Way::Sampled(monte_carlo), self.file.data.settings.window);
        for (block, texts) in texts.chunks(TEXTS).enumerate() {
            let rows = texts.len();
            // What is read, and what stands behind each token of that.
            let (read, targets): (Vec<Vec<u32>>, Vec<Vec<u32>>) = texts.iter().map(|text| self.context(text)).unzip();
            let mut readings = vec![TextReading::default(); rows];
            let mut networks = self.networks(way);
            let longest = targets.iter().map(Vec::len).max().unwrap_or(0);
            let steps = self.steps_at_once(way, rows).min(window).min(longest.max(1));
            for first in (0..longest).step_by(steps) {
                let token = |row: usize, at: usize| read[row].get(at).map_or(-1.0, |&token| token as f32);
                let tokens: Vec<f32> = (0..rows)
                    .flat_map(|row| (first..first + steps).map(move |at| (row, at)))
                    .map(|(row, at)| token(row, at))
                    .collect();
                let prediction = networks.step(self.window(first == 0, &tokens, rows))?;
                for (row, reading) in readings.iter_mut().enumerate() {
                    for (step, &target) in targets[row].iter().skip(first).take(steps).enumerate() {
                        let of_step = row * steps + step;
                        reading.tokens.push(target);
                        reading.log_probabilities.push(prediction.log_probabilities(of_step)[target as usize]);
                        reading.entropy.push(prediction.entropy()[of_step]);
                        reading.mutual_information.push(prediction.mutual_information()[of_step]);
                    }
                }
            }
            readings.into_iter().enumerate().try_for_each(|(row, reading)| each(block * TEXTS + row, reading))?;
        }
        Ok(())
    }

    /// Goes on with a text: each token is drawn by `key` from what the sampled networks say together behind all before it. A temperature below 1 makes likely
    /// tokens likelier. The unknown token is never drawn.
    ///
    /// # Errors
    /// [`Error::Task`] for a model of another task; [`Error::Config`] for a temperature that is not positive, and for an empty prompt where lines have no ends;
    /// and as [`MonteCarloStream::step`].
    pub fn generate(
        &self,
        prompt: &str,
        tokens: usize,
        temperature: f64,
        monte_carlo: &MonteCarlo,
        key: Key,
    ) -> Result<Generated> {
        self.check_language()?;
        if !(temperature > 0.0 && temperature.is_finite()) {
            return Err(Error::config("temperature", temperature, "a positive number"));
        }
        let (lines, last) = prompt.rsplit_once('\n').map_or((None, prompt), |(lines, last)| (Some(lines), last));
        let mut read: Vec<u32> = self.vocabulary().end_of_line().into_iter().collect();
        read.extend(lines.map(|lines| self.vocabulary().encode_lines(lines.split('\n'))).unwrap_or_default());
        read.extend(self.vocabulary().encode(last));
        if read.is_empty() {
            return Err(Error::config("prompt", "empty", "a text: lines of this model have no ends to begin behind"));
        }
        let mut networks = self.networks(Way::Sampled(monte_carlo));
        let mut generated = Generated {
            text: String::new(),
            tokens: Vec::new(),
            probabilities: Vec::new(),
            entropy: Vec::new(),
            mutual_information: Vec::new(),
        };
        for number in 0..tokens {
            let begins = generated.tokens.is_empty();
            let values: Vec<f32> = read.iter().map(|&token| token as f32).collect();
            let prediction = networks.step(self.window(begins, &values, 1))?;
            let row = prediction.rows() - 1;
            let token = drawn(&prediction, row, self.vocabulary().unknown(), temperature, key.fold(number as u64));
            generated.tokens.push(token);
            generated.probabilities.push(prediction.probabilities(row)[token as usize]);
            generated.entropy.push(prediction.entropy()[row]);
            generated.mutual_information.push(prediction.mutual_information()[row]);
            read = vec![token];
        }
        generated.text = self.vocabulary().decode(&generated.tokens)?;
        Ok(generated)
    }

    /// A text as what is read, and what is to be predicted behind each token of that.
    fn context(&self, text: &str) -> (Vec<u32>, Vec<u32>) {
        let tokens = self.vocabulary().encode_lines([text]);
        let mut read: Vec<u32> = self.vocabulary().end_of_line().into_iter().collect();
        let known = read.len();
        read.extend_from_slice(&tokens[..tokens.len().saturating_sub(1)]);
        (read, tokens.get(1 - known..).unwrap_or_default().to_vec())
    }

    fn networks(&self, way: Way<'_>) -> MonteCarloStream<'_, Tensor<2>, Lstm> {
        match way {
            Way::Sampled(monte_carlo) => monte_carlo.stream(&self.lstm),
            Way::Mean => MonteCarlo::mean_stream(&self.lstm),
        }
    }

    /// Tokens of so many rows as the network reads them.
    fn window(&self, begins: bool, tokens: &[f32], rows: usize) -> Tensor<2> {
        let steps = tokens.len() / rows;
        let begins = f32::from(u8::from(begins));
        let row = |row: &[f32]| [&[begins], row].concat();
        let values = tokens.chunks(steps).flat_map(row).collect();
        Tensor::from_data(TensorData::new(values, [rows, 1 + steps]), &self.device)
    }

    /// So many steps of so many rows that what all networks say of them fits into the memory.
    fn steps_at_once(&self, way: Way<'_>, rows: usize) -> usize {
        let (passes, memory) = match way {
            Way::Sampled(monte_carlo) => (monte_carlo.passes(), monte_carlo.memory_allowed()),
            Way::Mean => (1, 256 << 20),
        };
        // Of a pass on the device, joined, read back, and sorted by rows: four numbers; and two of double width of all of them together.
        let of_step = rows * self.vocabulary().len() * (passes * 4 * size_of::<f32>() + 2 * size_of::<f64>());
        (memory / of_step).max(1)
    }

    fn check_language(&self) -> Result<()> {
        match self.file.is_language() {
            true => Ok(()),
            false => {
                Err(Error::Task { wanted: "a predictor of the next token", found: self.file.model.task.to_string() })
            }
        }
    }
}

/// A token by its probability.
fn drawn(prediction: &ClassPrediction, row: usize, unknown: u32, temperature: f64, token_key: Key) -> u32 {
    let log_p = prediction.log_probabilities(row);
    let most = log_p.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weight = |token: usize| match token as u32 == unknown {
        true => 0.0,
        false => ((log_p[token] - most) / temperature).exp(),
    };
    let total: f64 = (0..log_p.len()).map(weight).sum();
    let mut left = f64::from(token_key.uniform(0, 1, 1)[0]) * total;
    for token in 0..log_p.len() {
        left -= weight(token);
        if left < 0.0 {
            return token as u32;
        }
    }
    // Rounding alone comes here.
    (0..log_p.len()).rev().find(|&token| weight(token) > 0.0).unwrap_or(0) as u32
}

/// Texts that are read side by side.
const TEXTS: usize = 32;
