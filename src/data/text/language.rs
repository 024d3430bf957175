//! Text to learn a language from.

use std::borrow::Cow;

use super::{
    column::Texts,
    counted,
    file::TextFile,
    settings::{TextSettings, TextUse},
    streams::Streams,
    tokens::Tokenizer,
    vocabulary::Vocabulary,
};
use crate::{
    data::Split,
    error::{Error, Result},
};

/// The parts of a text by the numbers of their tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Language {
    /// Of the training part.
    pub vocabulary: Vocabulary,
    /// What a user should be told, one line each.
    pub notes: Vec<String>,
    parts: [Vec<u32>; 3],
    /// What each part is called.
    places: [String; 3],
}

const PARTS: [&str; 3] = ["training", "validation", "test"];

impl Language {
    /// One file, cut in its order: the first tokens train, the last ones test, by the shares of the settings to the nearest token. A cut may be in a line.
    ///
    /// # Errors
    /// [`Error::Config`] for settings that say nothing, or nothing for this text; [`Error::Data`] for a part of fewer than two tokens.
    pub fn of_file(file: &TextFile, settings: &TextSettings) -> Result<Self> {
        checked(settings)?;
        let how = settings.tokenizer();
        let lines = normalised(how, file.lines());
        let tokens = || how.stream(&lines);
        let [train, valid, _] = settings.split;
        let n = tokens().count();
        let end = |share: f64| (share * n as f64).round() as usize;
        let (train, valid) = (end(train), end(train + valid));
        let vocabulary = Vocabulary::of_stream(file.name(), tokens().take(train), settings)?;
        let mut first = vocabulary.numbers(tokens());
        let test = first.split_off(valid);
        let second = first.split_off(train);
        Self::whole(vocabulary, [first, second, test], [0, 1, 2].map(|_| file.name().to_string()))
    }

    /// Three files: one trains, one validates, one tests.
    ///
    /// # Errors
    /// As [`of_file`](Self::of_file); [`Error::Config`] for shares, which the files have taken the place of.
    pub fn of_files(files: [&TextFile; 3], settings: &TextSettings) -> Result<Self> {
        checked(settings)?;
        given(settings)?;
        let how = settings.tokenizer();
        let vocabulary = {
            let lines = normalised(how, files[0].lines());
            Vocabulary::of_stream(files[0].name(), how.stream(&lines), settings)?
        };
        let parts = files.map(|file| vocabulary.encode_lines(file.lines()));
        Self::whole(vocabulary, parts, files.map(|file| file.name().to_string()))
    }

    /// The texts of a table, each of which is a line, in the order of the table within each part. A line end inside of a text is a character, or white space.
    ///
    /// # Errors
    /// As [`of_file`](Self::of_file).
    ///
    /// # Panics
    /// For a row of the split that there is not.
    pub fn of_texts(texts: &Texts<'_>, split: &Split, settings: &TextSettings) -> Result<Self> {
        checked(settings)?;
        let how = settings.tokenizer();
        let parts = split.parts().map(|rows| {
            let mut rows = rows.to_vec();
            rows.sort_unstable();
            texts.select(&rows)
        });
        let vocabulary = {
            let lines = normalised(how, parts[0].iter());
            Vocabulary::of_stream(texts.name(), how.stream(&lines), settings)?
        };
        let numbers = [0, 1, 2].map(|part: usize| vocabulary.encode_lines(parts[part].iter()));
        Self::whole(vocabulary, numbers, [0, 1, 2].map(|_| texts.name().to_string()))
    }

    fn whole(vocabulary: Vocabulary, parts: [Vec<u32>; 3], places: [String; 3]) -> Result<Self> {
        let mut notes = Vec::new();
        for (part, numbers) in parts.iter().enumerate() {
            if numbers.len() < 2 {
                let tokens = counted(numbers.len(), "token");
                let reason = format!("{tokens} in the {} part: expected at least 2, one to predict", PARTS[part]);
                return Err(Error::Data { place: places[part].clone(), reason });
            }
            let unknown = vocabulary.count_unknown(numbers);
            if unknown > 0 {
                notes.push(format!("{unknown} of {} tokens of the {} part are unknown", numbers.len(), PARTS[part]));
            }
        }
        Ok(Self { vocabulary, notes, parts, places })
    }

    /// The tokens that train, validate and test.
    pub fn parts(&self) -> [&[u32]; 3] {
        [&self.parts[0], &self.parts[1], &self.parts[2]]
    }

    /// A part (0 trains, 1 validates, 2 tests) as streams for a training with these settings. A part that does not train and is short has fewer streams, of two
    /// tokens at least.
    ///
    /// # Errors
    /// As [`Streams::of`].
    ///
    /// # Panics
    /// For another part.
    pub fn streams(&self, part: usize, settings: &TextSettings) -> Result<Streams> {
        let tokens = &self.parts[part];
        let streams = if part == 0 { settings.streams } else { settings.streams.min(tokens.len() / 2) };
        Streams::of(&self.places[part], tokens, streams, settings.window)
    }
}

fn checked(settings: &TextSettings) -> Result<()> {
    settings.check()?;
    settings.check_use(TextUse::Language)
}

/// That no shares are chosen where the parts are given.
fn given(settings: &TextSettings) -> Result<()> {
    match settings.split == TextSettings::default().split {
        true => Ok(()),
        false => Err(Error::config(
            "data.split",
            format!("{:?}", settings.split),
            "nothing: the parts are files of their own",
        )),
    }
}

fn normalised<'a>(how: Tokenizer, lines: impl Iterator<Item = &'a str>) -> Vec<Cow<'a, str>> {
    lines.map(|line| how.normalised(line)).collect()
}
