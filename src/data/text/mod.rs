//! Text: tokens and their vocabulary, sequences with a target, streams for a language model.
//!
//! ```text
//! a column of a table       Texts            rows of a Frame; an empty one is refused, or kept by choice
//! one file or three         TextFile         lines in UTF-8, without carriage returns
//! tokens -> numbers         Vocabulary       characters or words, counted in the training part alone; stored with the model
//! to classify, to regress   Sequences        one row or several windows a text, padded with -1
//! to predict what follows   Language         the tokens of each part
//!                           Streams          windows that follow one another, so that a state can be carried
//! ```

mod column;
mod file;
mod language;
mod sequences;
mod settings;
mod streams;
mod tokens;
mod vocabulary;

pub use column::{LabelledTexts, Texts};
pub use file::TextFile;
pub use language::Language;
pub use sequences::Sequences;
pub use settings::{Empty, LineEnds, Long, TextSettings, TextUse, Tokens};
pub use streams::Streams;
pub use tokens::Token;
pub use vocabulary::Vocabulary;

use crate::error::{Error, Result};

/// What stands behind the end of a sequence, and where nothing is to be predicted.
const NOTHING: f32 = -1.0;

/// The most bytes that the numbers of a part may take in memory.
const MOST: usize = 8 << 30;

/// Room for so many rows of so many numbers; `setting` is what makes rows long.
fn room(setting: &str, value: usize, rows: usize, width: usize) -> Result<Vec<f32>> {
    let mut room = Vec::new();
    let numbers = rows.checked_mul(width).filter(|&numbers| numbers <= MOST / size_of::<f32>());
    match numbers.is_some_and(|numbers| room.try_reserve_exact(numbers).is_ok()) {
        true => Ok(room),
        false => {
            let gib = rows as f64 * width as f64 * size_of::<f32>() as f64 / f64::from(1 << 30);
            Err(Error::config(setting, value, format!("less: {rows} rows of {width} numbers take {gib:.0} GiB")))
        }
    }
}

/// "1 token", "2 tokens".
fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
