//! Windows of a text that follow one another, side by side.

use std::ops::Range;

use super::{NOTHING, counted, room};
use crate::error::{Error, Result};

/// A text in parallel streams of windows, for a model that carries its state from window to window.
///
/// The text is cut into `streams` pieces, one after the other, whose lengths differ by one token at most. Each is read in windows of `window` steps: the
/// target of a step is the token behind it. Batch b is window b of every stream, and all rows of it are in the order of the streams, so that the state behind
/// row s of a batch is the one before row s of the next.
///
/// Every token is predicted exactly once, but for the first of each stream, behind nothing. Where a stream ends, its last window is filled with -1, inputs and
/// targets alike; where streams differ in length, that may be a whole row.
///
/// # Shapes
/// - inputs: `[rows, 1 + window]`: 1 in a stream's first window, where the state begins at zero, else 0; then the window's tokens
/// - targets: `[rows, window]`: the next token of each; -1 where there is nothing to predict
///
/// # Examples
/// ```
/// use burn_zoo::data::text::Streams;
///
/// let streams = Streams::of("letters", &[10, 11, 12, 13, 14, 15, 16, 17], 2, 2)?;
/// assert_eq!((streams.batches(), streams.rows()), (2, 4));
/// assert_eq!(streams.input(0), [1.0, 10.0, 11.0]); // of the first stream, 10 to 13
/// assert_eq!(streams.target(0), [11.0, 12.0]);
/// assert_eq!(streams.input(streams.row(1, 0)), [0.0, 12.0, -1.0]); // and its second window
/// assert_eq!(streams.target(2), [13.0, -1.0]);
/// # Ok::<(), burn_zoo::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Streams {
    inputs: Vec<f32>,
    targets: Vec<f32>,
    streams: usize,
    window: usize,
    predicted: usize,
}

impl Streams {
    /// The streams of these tokens; `place` stands for the text in messages.
    ///
    /// # Errors
    /// [`Error::Data`] for fewer than two tokens; [`Error::Config`] for no streams, no steps, streams of fewer than two tokens, and windows that do not fit into
    /// 8 GiB.
    pub fn of(place: &str, tokens: &[u32], streams: usize, window: usize) -> Result<Self> {
        if tokens.len() < 2 {
            let tokens = counted(tokens.len(), "token");
            let reason = format!("{tokens}: expected at least 2, one to predict");
            return Err(Error::Data { place: place.to_string(), reason });
        }
        let most = tokens.len() / 2;
        if !(1..=most).contains(&streams) {
            let expected = format!("1 to {most}: {place} has {} tokens for them", tokens.len());
            return Err(Error::config("data.streams", streams, expected));
        }
        if window == 0 {
            return Err(Error::config("data.window", window, "at least 1"));
        }
        let windows = (tokens.len().div_ceil(streams) - 1).div_ceil(window);
        let rows = windows * streams;
        let width = |more| window.saturating_add(more);
        let mut inputs = room("data.window", window, rows, width(1))?;
        let mut targets = room("data.window", window, rows, window)?;
        // The first streams are those that are one token longer.
        let (short, longer) = (tokens.len() / streams, tokens.len() % streams);
        let start = |stream: usize| stream * short + stream.min(longer);
        for batch in 0..windows {
            for stream in 0..streams {
                let (from, end) = (start(stream) + batch * window, start(stream + 1));
                // A step has an input where it has a target: the last token of a stream is no input.
                let steps = end.saturating_sub(1 + from).min(window);
                let row = |values: &mut Vec<f32>, from: usize| {
                    values.extend((from..from + steps).map(|at| tokens[at] as f32)); // exact: vocabularies are small enough
                    values.extend(std::iter::repeat_n(NOTHING, window - steps));
                };
                inputs.push(f32::from(u8::from(batch == 0)));
                row(&mut inputs, from);
                row(&mut targets, from + 1);
            }
        }
        Ok(Self { inputs, targets, streams, window, predicted: tokens.len() - streams })
    }

    /// The number of rows: a window of a stream each.
    pub fn rows(&self) -> usize {
        self.targets.len() / self.window
    }

    /// The number of streams: the rows of a batch.
    pub fn streams(&self) -> usize {
        self.streams
    }

    /// The steps of a window.
    pub fn window(&self) -> usize {
        self.window
    }

    /// The number of batches: the windows of a stream.
    pub fn batches(&self) -> usize {
        self.rows() / self.streams
    }

    /// The rows of a batch.
    pub fn batch(&self, batch: usize) -> Range<usize> {
        batch * self.streams..(batch + 1) * self.streams
    }

    /// The number of the row that holds this window of a stream.
    pub fn row(&self, window: usize, stream: usize) -> usize {
        window * self.streams + stream
    }

    /// The inputs of a row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn input(&self, row: usize) -> &[f32] {
        &self.inputs[row * (1 + self.window)..][..1 + self.window]
    }

    /// The targets of a row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn target(&self, row: usize) -> &[f32] {
        &self.targets[row * self.window..][..self.window]
    }

    /// The inputs and the targets of a batch, row by row.
    ///
    /// # Panics
    /// If there is no such batch.
    pub fn of_batch(&self, batch: usize) -> (&[f32], &[f32]) {
        let rows = self.batch(batch);
        let of = |width: usize| rows.start * width..rows.end * width;
        (&self.inputs[of(1 + self.window)], &self.targets[of(self.window)])
    }

    /// How many tokens are predicted.
    pub fn predicted(&self) -> usize {
        self.predicted
    }

    /// The inputs and the targets of all rows, without a copy.
    pub fn into_values(self) -> (Vec<f32>, Vec<f32>) {
        (self.inputs, self.targets)
    }
}
