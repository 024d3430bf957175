//! The field case D11, the Penn Treebank and tiny Shakespeare. They are read in and beside `$BURN_ZOO_DATA`; if that is not set, each says that it was skipped.

use std::{env, fs, path::PathBuf};

use burn_zoo::data::{
    Frame, Targets,
    read::{Header, Quote, ReadOptions, TableReader},
    text::{
        Empty, LabelledTexts, Language, LineEnds, Long, Sequences, TextFile, TextSettings, Texts, Token, Tokens,
        Vocabulary,
    },
};

/// A file below `$BURN_ZOO_DATA`, which must be there; none, with a note, if the variable is not set.
fn data(name: &str) -> Option<PathBuf> {
    let Some(data) = env::var_os("BURN_ZOO_DATA") else {
        eprintln!("skipped: BURN_ZOO_DATA is not set");
        return None;
    };
    let path = PathBuf::from(data).join(name);
    assert!(path.is_file(), "{}: not there, and BURN_ZOO_DATA is set", path.display());
    Some(path)
}

fn all() -> TextSettings {
    TextSettings { min_count: 1, ..TextSettings::default() }
}

fn reviews() -> Option<Frame> {
    let path = data("../field/D11/reviews.csv")?;
    let frame = Frame::read("reviews.csv", TableReader::open(path, &ReadOptions::default()).unwrap()).unwrap();
    assert_eq!(frame.columns(), ["text", "label"]); // no byte order mark in the name
    Some(frame)
}

#[test]
fn d11_reviews_without_a_text_are_refused_by_line() {
    let Some(frame) = reviews() else { return };
    let refused = LabelledTexts::find(&frame, "text", "label", &all()).unwrap_err().to_string();
    let says = "reviews.csv, line 6, column `text`: the text is empty (2 such rows): say --set data.empty=keep to keep \
                it as a sequence of no steps";
    assert_eq!(refused, says);
    // Row 7, line 9, is blanks alone.
    let refused = Texts::of(&frame, "text", vec![5, 6], Empty::Error).unwrap_err().to_string();
    assert!(refused.starts_with("reviews.csv, line 9, column `text`: the text is empty: "), "{refused}");
}

#[test]
fn d11_reviews_without_a_text_are_kept_by_choice_and_na_is_a_text() {
    let Some(frame) = reviews() else { return };
    let settings = TextSettings { empty: Empty::Keep, ..all() };
    let found = LabelledTexts::find(&frame, "text", "label", &settings).unwrap();
    assert_eq!(found.notes, ["texts without any token: 2, kept as sequences of no steps"]);
    assert_eq!(found.target.classes, ["neg", "pos"]);
    let Targets::Classes(classes) = &found.targets else { panic!("classes expected") };
    assert_eq!(classes, &[1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 1]); // 6 and 6
    assert_eq!(found.texts.get(9), "NA");
    let vocabulary = Vocabulary::of_texts("reviews.csv", found.texts.iter(), &settings).unwrap();
    let lengths: Vec<usize> = found.texts.iter().map(|text| vocabulary.encode(text).len()).collect();
    assert_eq!(lengths, [21, 34, 31, 0, 28, 4, 0, 20_000, 2, 2, 21, 15]); // row 7 without its three blanks
    // The emoji with its skin tone survives, and so does everything else, also in a file.
    let stored = toml::to_string(&vocabulary).unwrap();
    let read: Vocabulary = toml::from_str(&stored).unwrap();
    for text in found.texts.iter() {
        assert_eq!(read.decode(&read.encode(text)).unwrap(), text);
    }
    assert!(vocabulary.decode(&vocabulary.encode(found.texts.get(0))).unwrap().ends_with("\u{1f44d}\u{1f3fd}"));
}

#[test]
fn d11_the_long_review_is_cut_or_windowed_and_makes_no_other_row_longer() {
    let Some(frame) = reviews() else { return };
    let settings = TextSettings { empty: Empty::Keep, ..all() };
    let texts = LabelledTexts::find(&frame, "text", "label", &settings).unwrap().texts;
    let vocabulary = Vocabulary::of_texts("reviews.csv", texts.iter(), &settings).unwrap();
    let cut = Sequences::of(texts.iter(), &vocabulary, 256, Long::Cut);
    assert_eq!((cut.rows(), cut.longest()), (12, 256));
    assert_eq!(cut.padded(256).unwrap().len(), 12 * 256);
    assert_eq!(cut.note().unwrap(), "texts of more than 256 tokens: 1, cut");
    let windows = Sequences::of(texts.iter(), &vocabulary, 256, Long::Window);
    // 20 000 = 79 windows of 253 or 254.
    assert_eq!((windows.rows(), windows.longest()), (11 + 79, 254));
    assert_eq!(windows.texts().iter().filter(|&&text| text == 7).count(), 79);
    assert_eq!(windows.padded(254).unwrap().len(), 90 * 254);
    assert_eq!(windows.note().unwrap(), "texts of more than 256 tokens: 1, taken apart into windows");
}

#[test]
fn d11_sms_without_quoting_has_eight_rows_of_which_one_is_refused() {
    let Some(path) = data("../field/D11/sms.tsv") else { return };
    let read = |options: &ReadOptions, text: &str| {
        let reader = TableReader::from_reader("sms.tsv", std::io::Cursor::new(text.as_bytes().to_vec()), options);
        reader.and_then(|reader| Frame::read("sms.tsv", reader))
    };
    let text = fs::read_to_string(path).unwrap();
    let plain = ReadOptions::default();
    let no_header = ReadOptions { header: Header::No, ..ReadOptions::default() };
    let no_quotes = ReadOptions { quote: Quote::None, ..no_header.clone() };
    // Called plainly it is refused, and so on by each option that the message names.
    for (options, says) in [
        (
            &plain,
            "sms.tsv, line 4, column 2: text follows the closing quote of the cell that began on line 1: \
                  double a quote inside a cell, or say --quote none if quotes are ordinary characters",
        ),
        (
            &no_header,
            "sms.tsv, line 4, column 2: text follows the closing quote of the cell that began on line 1: \
                      double a quote inside a cell, or say --quote none if quotes are ordinary characters",
        ),
        (
            &ReadOptions { quote: Quote::None, ..ReadOptions::default() },
            "sms.tsv, line 1: `ham` looks like data, not \
          like a header: say --no-header, or --header if it is one",
        ),
        (&no_quotes, "sms.tsv, line 6: 3 fields, expected 2"),
    ] {
        assert_eq!(read(options, &text).unwrap_err().to_string(), says);
    }
    let whole = read(&no_quotes, &text.replace("worry\t", "worry ")).unwrap();
    assert_eq!(whole.rows(), 8);
    let refused = LabelledTexts::find(&whole, "column_2", "column_1", &all()).unwrap_err().to_string();
    assert!(refused.starts_with("sms.tsv, line 8, column `column_2`: the text is empty: say "), "{refused}");
    let settings = TextSettings { empty: Empty::Keep, ..all() };
    let found = LabelledTexts::find(&whole, "column_2", "column_1", &settings).unwrap();
    assert_eq!(found.target.classes, ["ham", "spam"]);
    assert_eq!(found.targets, Targets::Classes(vec![0, 1, 0, 0, 1, 0, 0, 0]));
    assert_eq!(found.texts.get(0), "\"blue one, not the red, see you at 6 then");
    assert_eq!(found.texts.get(6), "5\" pizza or 9\" pizza?");
}

#[test]
fn d11_lines_have_their_words_and_no_carriage_return() {
    let Some(path) = data("../field/D11/lines.txt") else { return };
    let file = TextFile::open(&path).unwrap();
    let lines: Vec<&str> = file.lines().collect();
    assert_eq!((lines.len(), lines[1], lines[2], lines[5]), (7, "", "", "\t"));
    assert_eq!(lines[6], "last line without newline");
    // 6013 words; an end behind each line, behind each of the four with words, behind none.
    for (line_ends, tokens) in [(LineEnds::Token, 6013 + 7), (LineEnds::Filled, 6013 + 4), (LineEnds::None, 6013)] {
        let settings = TextSettings { tokens: Tokens::Word, line_ends, ..all() };
        let language = Language::of_file(&file, &settings).unwrap();
        assert_eq!(language.parts().map(<[u32]>::len).iter().sum::<usize>(), tokens, "{line_ends:?}");
    }
    for tokens in [Tokens::Char, Tokens::Word] {
        let vocabulary = Language::of_files([&file; 3], &TextSettings { tokens, ..all() }).unwrap().vocabulary;
        for number in 0..vocabulary.len() as u32 {
            if let Some(Token::Text(token)) = vocabulary.token(number) {
                assert!(!token.contains('\r'), "{token:?}");
            }
        }
        let numbers = vocabulary.encode_lines(file.lines());
        let text = vocabulary.decode(&numbers).unwrap();
        let expected = match tokens {
            Tokens::Char => lines.iter().map(|line| format!("{line}\n")).collect::<String>(),
            Tokens::Word => lines
                .iter()
                .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n")
                .collect::<String>(),
        };
        assert_eq!(text, expected);
    }
}

#[test]
fn the_penn_treebank_has_the_tokens_that_everybody_counts() {
    let parts: Vec<TextFile> = ["train", "valid", "test"]
        .iter()
        .map_while(|part| data(&format!("ptb/ptb.{part}.txt")))
        .map(|path| TextFile::open(path).unwrap())
        .collect();
    let [train, valid, test] = &parts[..] else { return };
    let settings = TextSettings { tokens: Tokens::Word, ..all() };
    let language = Language::of_files([train, valid, test], &settings).unwrap();
    assert_eq!(language.parts().map(<[u32]>::len), [929_589, 73_760, 82_430]);
    // 9999 words, among them its own <unk>, and the end of a line; then our unknown token, which occurs nowhere.
    assert_eq!(language.vocabulary.len(), 10_000 + 1);
    assert!(language.notes.is_empty(), "{:?}", language.notes);
    let spelled = language.vocabulary.encode("<unk> <eos>");
    assert!(spelled[0] > 1 && spelled[1] == language.vocabulary.unknown(), "{spelled:?}");
    let streams = language.streams(0, &TextSettings { streams: 20, window: 35, ..settings }).unwrap();
    assert_eq!(streams.predicted(), 929_589 - 20);
    assert_eq!(streams.batches(), 1328); // ceil((ceil(929589 / 20) - 1) / 35)
}

#[test]
fn tiny_shakespeare_has_its_characters() {
    let Some(path) = data("tinyshakespeare/input.txt") else { return };
    let file = TextFile::open(path).unwrap();
    assert_eq!(file.lines().count(), 40_000);
    let settings = TextSettings { split: [0.9, 0.05, 0.05], ..all() };
    let language = Language::of_file(&file, &settings).unwrap();
    assert_eq!(language.parts().map(<[u32]>::len), [1_003_855, 55_769, 55_770]); // of 1 115 394
    // 65 different characters, one of them the end of a line, and the unknown one.
    assert_eq!(language.vocabulary.len(), 66);
    assert_eq!(language.vocabulary.token(2), Some(Token::Text(" ")));
}
