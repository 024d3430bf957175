//! Texts: tokens, vocabularies, sequences, streams.

use std::io::{Cursor, Write};

use burn_zoo::{
    Error,
    data::{
        Frame, Split, Targets,
        read::{ReadOptions, TableReader},
        text::{
            Empty, LabelledTexts, Language, LineEnds, Long, Sequences, Streams, TextFile, TextSettings, TextUse, Texts,
            Token, Tokens, Vocabulary,
        },
    },
    uncertainty::metrics::{Estimate, bits_per_character, perplexity},
};
use flate2::{Compression, write::GzEncoder};
use proptest::{collection::vec, prelude::*, sample::select};

fn all(tokens: Tokens) -> TextSettings {
    TextSettings { tokens, min_count: 1, vocabulary: 0, ..TextSettings::default() }
}

fn vocabulary(texts: &[&str], settings: &TextSettings) -> Vocabulary {
    Vocabulary::of_texts("t.csv", texts.iter().copied(), settings).unwrap()
}

fn file(text: &str) -> TextFile {
    TextFile::from_bytes("t.txt", text.as_bytes()).unwrap()
}

fn frame(text: &str) -> Frame {
    let reader = TableReader::from_reader("t.csv", Cursor::new(text.as_bytes().to_vec()), &ReadOptions::default());
    Frame::read("t.csv", reader.unwrap()).unwrap()
}

/// The tokens in the order of their numbers, as a reader sees them.
fn tokens(vocabulary: &Vocabulary) -> Vec<String> {
    (0..).map_while(|number| vocabulary.token(number)).map(|token| token.to_string()).collect()
}

#[track_caller]
fn says<T: std::fmt::Debug>(result: Result<T, Error>, expected: &str) {
    let error = result.unwrap_err().to_string();
    assert_eq!(error, expected);
    assert!(!error.contains(['\n', '\r']), "{error:?}");
}

// The vocabulary.

#[test]
fn the_most_frequent_tokens_come_first_and_equal_ones_by_code_points() {
    let settings = all(Tokens::Word);
    // Twice `b` and `é`, once the others.
    let one = vocabulary(&["b é z", "é b Z a"], &settings);
    assert_eq!(tokens(&one), ["<unknown>", "b", "é", "Z", "a", "z"]);
    // A hash map's order is another in each; the vocabulary's is not.
    for _ in 0..20 {
        assert_eq!(vocabulary(&["é b Z a", "b é z"], &settings), one);
    }
}

#[test]
fn rare_tokens_and_those_beyond_the_limit_are_unknown() {
    let settings = TextSettings { min_count: 2, ..all(Tokens::Word) };
    let texts = ["a a a b b c", "b c d"];
    let twice = vocabulary(&texts, &settings);
    assert_eq!(tokens(&twice), ["<unknown>", "a", "b", "c"]);
    let numbers = twice.encode("d c b a e");
    assert_eq!(numbers, [0, 3, 2, 1, 0]);
    assert_eq!(twice.count_unknown(&numbers), 2);
    let few = vocabulary(&texts, &TextSettings { vocabulary: 3, ..settings });
    assert_eq!((few.len(), tokens(&few)), (3, vec!["<unknown>".into(), "a".into(), "b".into()]));
}

#[test]
fn no_text_spells_a_special_token() {
    let spellings = "<unknown> <end of line> <unk> <eos> </s> \u{fffd} \\n";
    let language = |tokens| Language::of_files([&file(spellings); 3], &all(tokens)).unwrap().vocabulary;
    for tokens in [Tokens::Char, Tokens::Word] {
        let vocabulary = language(tokens);
        let special = [Some(vocabulary.unknown()), vocabulary.end_of_line()];
        assert_eq!(special, [Some(0), Some(1)]);
        let numbers = vocabulary.encode(spellings);
        assert!(numbers.iter().all(|&number| number > 1), "{numbers:?}"); // each is a token of its own
    }
    // And none of a vocabulary that has never seen them.
    let other = Language::of_files([&file("a b c"); 3], &all(Tokens::Word)).unwrap().vocabulary;
    assert!(other.encode(spellings).iter().all(|&number| number == 0));
}

#[test]
fn lower_case_is_a_choice_that_the_vocabulary_remembers() {
    let (plain, lower) = (all(Tokens::Word), TextSettings { lower: true, ..all(Tokens::Word) });
    assert_eq!(tokens(&vocabulary(&["Ab ab ΟΔΟΣ"], &plain)).len(), 4);
    let lower = vocabulary(&["Ab ab ΟΔΟΣ"], &lower);
    assert_eq!(tokens(&lower), ["<unknown>", "ab", "οδος"]);
    let read: Vocabulary = toml::from_str(&toml::to_string(&lower).unwrap()).unwrap();
    assert_eq!(read.encode("AB ΟΔΟΣ"), [1, 2]);
}

#[test]
fn texts_that_make_no_vocabulary_are_refused() {
    let of = |texts: &[&str], settings: &TextSettings| Vocabulary::of_texts("t.csv", texts.iter().copied(), settings);
    let nothing = "t.csv: no text of the training part has a token: nothing to learn from";
    says(of(&[], &all(Tokens::Char)), nothing);
    says(of(&["", " \t\u{a0}\n"], &all(Tokens::Word)), nothing);
    let settings = TextSettings { min_count: 3, ..all(Tokens::Word) };
    let rare = "`data.min_count` is 3: expected less: no token of the training part occurs so often";
    says(of(&["a b", "a"], &settings), rare);
}

#[test]
fn a_damaged_vocabulary_is_refused() {
    let read = |tokens: &str, lower: bool, list: &str| {
        let text = format!("tokens = \"{tokens}\"\nlower = {lower}\nline_ends = \"token\"\nlist = {list}\n");
        toml::from_str::<Vocabulary>(&text).map_err(|error| error.message().to_string())
    };
    assert_eq!(read("word", false, "[\"a\", \"B\"]").unwrap().len(), 4);
    for (tokens, lower, list, says) in [
        ("word", false, "[]", "a vocabulary of 0 tokens: expected 1 to 16777214"),
        ("word", false, "[\"a\", \"b\", \"a\"]", "the token `a` stands twice in the vocabulary"),
        ("word", false, "[\"a b\"]", "the token `a b` of the vocabulary: expected a word without white space"),
        ("word", false, "[\"\"]", "the token `` of the vocabulary: expected a word without white space"),
        ("char", false, "[\"ab\"]", "the token `ab` of the vocabulary: expected one character"),
        ("char", false, r#"["\r"]"#, "the token `\\r` of the vocabulary: expected one character"),
        ("char", true, "[\"A\"]", "the token `A` of the vocabulary: expected one character in lower case"),
    ] {
        assert_eq!(read(tokens, lower, list).unwrap_err(), says);
    }
    assert!(read("wrod", false, "[\"a\"]").unwrap_err().contains("unknown variant `wrod`"));
    let cut = "tokens = \"word\"\nlower = false\nline_ends = \"token\"\n";
    assert!(toml::from_str::<Vocabulary>(cut).unwrap_err().message().contains("missing field `list`"));
    let more = format!("{cut}list = [\"a\"]\nsize = 3\n");
    assert!(toml::from_str::<Vocabulary>(&more).unwrap_err().message().contains("unknown field `size`"));
}

#[test]
fn a_number_beyond_the_vocabulary_is_refused() {
    let vocabulary = vocabulary(&["a b"], &all(Tokens::Word));
    assert_eq!(vocabulary.decode(&[2, 0, 1]).unwrap(), "b \u{fffd} a");
    assert_eq!(vocabulary.token(3), None);
    says(vocabulary.decode(&[1, 3]), "token 1: `3` is not a number of the vocabulary");
}

/// Any text, with the characters that give trouble more often than others.
fn text() -> impl Strategy<Value = String> {
    let trouble = vec![
        '\n',
        '\r',
        '\t',
        ' ',
        '\u{a0}',
        '\u{2028}',
        '\0',
        '\u{1b}',
        '\u{7f}',
        '\u{85}',
        '"',
        '\'',
        '\\',
        '#',
        '=',
        '\u{feff}',
        '\u{fffd}',
        '\u{fffe}',
        '👍',
        '🏽',
        '\u{301}',
        '\u{200d}',
        'İ',
        'Σ',
        'ß',
        '\u{10ffff}',
    ];
    vec(prop_oneof![any::<char>(), select(trouble)], 0..40).prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn a_text_of_characters_is_read_back_whole_also_from_a_file(one in text(), other in text(), lower in any::<bool>()) {
        let settings = TextSettings { lower, ..all(Tokens::Char) };
        prop_assume!(!(one.is_empty() && other.is_empty()));
        let vocabulary = vocabulary(&[&one, &other], &settings);
        let stored = toml::to_string(&vocabulary).unwrap();
        let read: Vocabulary = toml::from_str(&stored).unwrap();
        prop_assert_eq!(&read, &vocabulary);
        for text in [&one, &other] {
            let mut expected = text.replace("\r\n", "\n").replace('\r', "\n");
            if lower {
                expected = expected.to_lowercase();
            }
            let numbers = read.encode(text);
            prop_assert_eq!(read.count_unknown(&numbers), 0);
            prop_assert_eq!(numbers.len(), expected.chars().count());
            prop_assert_eq!(read.decode(&numbers).unwrap(), expected);
        }
    }

    #[test]
    fn the_words_of_lines_are_read_back_with_single_blanks(
        lines in vec(text(), 1..6),
        lower in any::<bool>(),
        filled in any::<bool>(),
    ) {
        let line_ends = if filled { LineEnds::Filled } else { LineEnds::Token };
        let settings = TextSettings { lower, line_ends, ..all(Tokens::Word) };
        let lines: Vec<String> = lines.iter().map(|line| line.replace(['\n', '\r', '\0'], " ") + " a b").collect();
        let file = file(&lines.join("\n"));
        let vocabulary = Language::of_files([&file; 3], &settings).unwrap().vocabulary;
        let read: Vocabulary = toml::from_str(&toml::to_string(&vocabulary).unwrap()).unwrap();
        prop_assert_eq!(&read, &vocabulary);
        let words = |line: &String| {
            let line = if lower { line.to_lowercase() } else { line.clone() };
            line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n"
        };
        // A byte order mark is none at the beginning of a line that is not the first.
        let mut lines = lines;
        if let Some(rest) = lines[0].strip_prefix('\u{feff}') {
            lines[0] = rest.to_string();
        }
        let expected: String = lines.iter().map(words).collect();
        prop_assert_eq!(read.decode(&read.encode_lines(file.lines())).unwrap(), expected);
    }

    #[test]
    fn every_token_is_predicted_exactly_once_but_the_first_of_each_stream(
        n in 2_usize..400,
        streams in 1_usize..20,
        window in 1_usize..50,
    ) {
        let streams = streams.min(n / 2);
        let numbers: Vec<u32> = (0..n as u32).collect();
        let cut = Streams::of("t.txt", &numbers, streams, window).unwrap();
        prop_assert_eq!((cut.streams(), cut.window()), (streams, window));
        prop_assert_eq!(cut.rows(), cut.batches() * streams);
        prop_assert_eq!(cut.predicted(), n - streams);
        let (mut predicted, mut firsts) = (Vec::new(), Vec::new());
        // What each stream has read and is to predict next, carried from batch to batch.
        let mut next: Vec<Option<f32>> = vec![None; streams];
        for batch in 0..cut.batches() {
            for (stream, row) in cut.batch(batch).enumerate() {
                prop_assert_eq!(row, cut.row(batch, stream));
                let (input, target) = (cut.input(row), cut.target(row));
                prop_assert_eq!((input.len(), target.len()), (1 + window, window));
                prop_assert_eq!(input[0], f32::from(u8::from(batch == 0)));
                for (&token, &behind) in input[1..].iter().zip(target) {
                    prop_assert_eq!(token < 0.0, behind < 0.0); // an input and a target, or neither
                    if behind < 0.0 {
                        prop_assert_eq!((token, behind), (-1.0, -1.0));
                        continue;
                    }
                    match next[stream] {
                        Some(expected) => prop_assert_eq!(token, expected),
                        None => firsts.push(token as u32),
                    }
                    prop_assert_eq!(behind, token + 1.0);
                    predicted.push(behind as u32);
                    next[stream] = Some(behind);
                }
                // Padding is behind everything.
                let real = target.iter().take_while(|&&behind| behind >= 0.0).count();
                prop_assert!(target[real..].iter().all(|&behind| behind < 0.0));
                prop_assert!(batch == cut.batches() - 1 || real == window, "only the last windows are filled");
            }
        }
        let mut seen = [predicted, firsts.clone()].concat();
        seen.sort_unstable();
        prop_assert_eq!(seen, numbers);
        prop_assert_eq!(firsts.len(), streams);
    }

    #[test]
    fn windows_of_a_text_hold_each_token_once_and_are_alike_in_length(n in 0_usize..300, length in 1_usize..40) {
        let text = "ab".repeat(n)[..n].to_string();
        let vocabulary = vocabulary(&["ab"], &all(Tokens::Char));
        let windows = Sequences::of([text.as_str()], &vocabulary, length, Long::Window);
        prop_assert_eq!(windows.rows(), n.div_ceil(length).max(1));
        prop_assert_eq!(windows.numbers(), &vocabulary.encode(&text)[..]);
        let lengths: Vec<usize> = (0..windows.rows()).map(|row| windows.row(row).len()).collect();
        let (least, most) = (lengths.iter().min().unwrap(), lengths.iter().max().unwrap());
        prop_assert!(*most <= length && most - least <= 1, "{:?}", lengths);
        prop_assert!(windows.texts().iter().all(|&text| text == 0));
    }
}

// Files.

fn refused(bytes: &[u8]) -> String {
    let error = TextFile::from_bytes("t.txt", bytes).unwrap_err().to_string();
    assert!(!error.contains(['\n', '\r', '\0']), "{error:?}");
    error
}

#[test]
fn every_line_end_ends_a_line_and_the_mark_at_the_beginning_is_none_of_it() {
    for text in ["a\nb\n\nc", "a\nb\n\nc\n", "a\r\nb\r\n\r\nc\r\n", "a\rb\r\rc", "\u{feff}a\nb\n\nc\n"] {
        assert_eq!(file(text).lines().collect::<Vec<_>>(), ["a", "b", "", "c"], "{text:?}");
    }
    assert_eq!(file("a\n\u{feff}b").lines().collect::<Vec<_>>(), ["a", "\u{feff}b"]);
    assert_eq!(file("\n\n").lines().collect::<Vec<_>>(), ["", ""]);
}

#[test]
fn what_is_no_utf_8_is_refused_with_line_and_byte() {
    assert_eq!(refused(b"\xffab"), "t.txt, line 1, byte 1: 0xff is not UTF-8: save the file as UTF-8");
    assert_eq!(refused(b"ab\ncd\xe9 e\n"), "t.txt, line 2, byte 3: 0xe9 is not UTF-8: save the file as UTF-8");
    assert_eq!(refused(b"ab\r\n\r\ncaf\xe9"), "t.txt, line 3, byte 4: 0xe9 is not UTF-8: save the file as UTF-8");
    assert_eq!(refused(b"a\rb\r\xc3"), "t.txt, line 3, byte 1: 0xc3 is not UTF-8: save the file as UTF-8"); // cut in a character
    assert_eq!(
        refused(b"\xef\xbb\xbfa\xff"),
        "t.txt, line 1, byte 2: 0xff is not UTF-8: save the file as UTF-8" // behind the mark
    );
    let nul = "t.txt, line 2, byte 2: a NUL byte: expected text in UTF-8, found UTF-16 or a binary file";
    assert_eq!(refused(b"a\nb\0c\xff"), nul);
    assert_eq!(refused(b"\xff\xfea\0b\0"), "t.txt: this is text in UTF-16: save it as UTF-8");
    for nothing in [&b""[..], b"\xef\xbb\xbf"] {
        assert_eq!(refused(nothing), "t.txt: empty: no text");
    }
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.txt");
    let error = TextFile::open(&missing).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: No such file", missing.display())), "{error}");
    assert!(TextFile::open(directory.path()).unwrap_err().to_string().contains("directory"));
}

#[test]
fn gzip_is_read_by_content_and_a_cut_one_is_no_shorter_text() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let text: String = (0..9999_u64).map(|i| format!("{} words\n", i * i)).collect();
    encoder.write_all(text.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let read = TextFile::from_bytes("t.txt", &packed).unwrap();
    assert!(read.lines().eq(file(&text).lines()));
    assert_ne!(read.sha256(), file(&text).sha256()); // of the files as they are
    for length in [3, packed.len() / 2, packed.len() - 1] {
        let error = refused(&packed[..length]);
        assert!(error.starts_with("t.txt: the gzip data are cut or damaged: "), "{error}");
    }
}

// Language.

#[test]
fn line_ends_are_tokens_by_the_chosen_rule() {
    let file = file("a b\r\n\r\n \nc");
    let shown = |tokens, line_ends| {
        let settings = TextSettings { line_ends, ..all(tokens) };
        let vocabulary = Language::of_files([&file; 3], &settings).unwrap().vocabulary;
        let numbers = vocabulary.encode_lines(file.lines());
        numbers.iter().map(|&number| vocabulary.token(number).unwrap().to_string()).collect::<Vec<_>>()
    };
    let end = "<end of line>";
    assert_eq!(shown(Tokens::Word, LineEnds::Token), ["a", "b", end, end, end, "c", end]);
    assert_eq!(shown(Tokens::Word, LineEnds::Filled), ["a", "b", end, "c", end]);
    assert_eq!(shown(Tokens::Word, LineEnds::None), ["a", "b", "c"]);
    assert_eq!(shown(Tokens::Char, LineEnds::Token), ["a", " ", "b", end, end, " ", end, "c", end]);
    assert_eq!(shown(Tokens::Char, LineEnds::Filled), ["a", " ", "b", end, " ", end, "c", end]); // a blank is a character
    assert_eq!(shown(Tokens::Char, LineEnds::None), ["a", " ", "b", " ", " ", " ", " ", "c"]);
}

#[test]
fn a_file_is_cut_in_its_order_and_loses_no_token() {
    let text: String = (0..50).map(|i| format!("word{i} is next to word{}\n", i + 1)).collect();
    let settings = TextSettings { split: [0.6, 0.2, 0.2], ..all(Tokens::Word) };
    let language = Language::of_file(&file(&text), &settings).unwrap();
    assert_eq!(language.parts().map(<[u32]>::len), [180, 60, 60]); // of 50 times 5 words and an end
    assert_eq!(language.parts().concat(), language.vocabulary.encode_lines(text.lines()));
    // Lines 0 to 29 train, with word0 to word30: of 20 such words in 10 lines, validation has word30 once.
    let notes = ["19 of 60 tokens of the validation part are unknown", "20 of 60 tokens of the test part are unknown"];
    assert_eq!(language.notes, notes);
}

#[test]
fn what_other_parts_say_changes_neither_the_vocabulary_nor_what_trains() {
    let line = |i: usize, word: &str| format!("{word}{} and {word}{}\n", i % 7, i % 3);
    let head: String = (0..70).map(|i| line(i, "w")).collect();
    let text = |word: &str| head.clone() + &(70..100).map(|i| line(i, word)).collect::<String>();
    for tokens in [Tokens::Char, Tokens::Word] {
        let settings = TextSettings { tokens, ..TextSettings::default() };
        let language = |word| Language::of_file(&file(&text(word)), &settings).unwrap();
        let (one, other) = (language("w"), language("é"));
        assert_eq!(one.vocabulary, other.vocabulary);
        assert_eq!(one.parts()[0], other.parts()[0]);
        assert_eq!(one.streams(0, &settings).unwrap(), other.streams(0, &settings).unwrap());
        assert_ne!(one.parts()[1], other.parts()[1]); // they do differ
    }
    // Of files, also in length; of tables, by the rows that train.
    let settings = all(Tokens::Word);
    let train = file(&head);
    let one = Language::of_files([&train, &file("a b c"), &file("d e")], &settings).unwrap();
    let other = Language::of_files([&train, &file("x w1 w1 w1 w1"), &file("w2 é\nzz")], &settings).unwrap();
    assert_eq!((&one.vocabulary, one.parts()[0]), (&other.vocabulary, other.parts()[0]));
    let table = |word: &str| {
        (0..20)
            .map(|i| format!("{},{}\n", line(i, if i % 5 == 0 { word } else { "w" }).trim(), i % 2))
            .collect::<String>()
    };
    let split = Split { train: (0..20).filter(|i| i % 5 != 0).collect(), valid: vec![0, 5], test: vec![10, 15] };
    let sequences = |word: &str| {
        let frame = frame(&format!("text,y\n{}", table(word)));
        let found = LabelledTexts::find(&frame, "text", "y", &settings).unwrap();
        let train = found.texts.select(&split.train);
        let vocabulary = Vocabulary::of_texts("t.csv", train.iter(), &settings).unwrap();
        let rows = Sequences::of(train.iter(), &vocabulary, 256, Long::Cut);
        let language = Language::of_texts(&found.texts, &split, &settings).unwrap();
        (vocabulary, rows, language.vocabulary.clone(), language.parts()[0].to_vec())
    };
    assert_eq!(sequences("w"), sequences("other"));
}

#[test]
fn the_same_text_gives_the_same_numbers_each_time() {
    let text: String = (0..300).map(|i| format!("{} {}\n", i * i % 97, i % 13)).collect();
    for tokens in [Tokens::Char, Tokens::Word] {
        let settings = TextSettings { tokens, streams: 4, ..TextSettings::default() };
        let one = Language::of_file(&file(&text), &settings).unwrap();
        for _ in 0..5 {
            let again = Language::of_file(&file(&text), &settings).unwrap();
            assert_eq!(again, one);
            assert_eq!(toml::to_string(&again.vocabulary).unwrap(), toml::to_string(&one.vocabulary).unwrap());
            assert_eq!(again.streams(0, &settings).unwrap(), one.streams(0, &settings).unwrap());
        }
    }
}

#[test]
fn the_rows_of_a_table_are_lines_in_its_order() {
    let frame = frame("text\nab\n\"c\nd\"\nNA\ne\nf\ng\n");
    let texts = Texts::all(&frame, "text", Empty::Error).unwrap();
    let split = Split { train: vec![2, 0, 1], valid: vec![4, 3], test: vec![5] };
    let language = Language::of_texts(&texts, &split, &all(Tokens::Char)).unwrap();
    let decoded = language.parts().map(|part| language.vocabulary.decode(part).unwrap());
    assert_eq!(decoded, ["ab\nc\nd\nNA\n", "\u{fffd}\n\u{fffd}\n", "\u{fffd}\n"]);
    // A line end inside of a text is no end of a text.
    let ends = language.parts()[0].iter().filter(|&&number| Some(number) == language.vocabulary.end_of_line()).count();
    assert_eq!(ends, 3);
}

#[test]
fn a_text_of_which_a_part_has_nothing_to_predict_is_refused() {
    let settings = all(Tokens::Word);
    says(
        Language::of_file(&file("a b"), &settings),
        "t.txt: 1 token in the validation part: expected at least 2, one to predict",
    );
    says(
        Language::of_files([&file("a b c"), &file("a"), &file("\n")], &settings),
        "t.txt: 1 token in the test part: expected at least 2, one to predict",
    );
    says(
        Language::of_files([&file("\n \n"), &file("a b"), &file("a b")], &settings),
        "t.txt: no text of the training part has a token: nothing to learn from",
    );
    let shares = TextSettings { split: [0.8, 0.1, 0.1], ..settings.clone() };
    says(
        Language::of_files([&file("a b"), &file("a b"), &file("a b")], &shares),
        "`data.split` is [0.8, 0.1, 0.1]: expected nothing: the parts are files of their own",
    );
    let short = Language::of_files([&file("a b c d"), &file("a b"), &file("a b")], &settings).unwrap();
    says(short.streams(0, &settings), "`data.streams` is 32: expected 1 to 2: t.txt has 5 tokens for them");
    assert_eq!(short.streams(1, &settings).unwrap().streams(), 1); // 3 tokens, in as many streams as can be
}

#[test]
fn streams_that_cannot_be_are_refused() {
    let of = |n: u32, streams, window| Streams::of("t.txt", &(0..n).collect::<Vec<_>>(), streams, window);
    says(of(1, 1, 1), "t.txt: 1 token: expected at least 2, one to predict");
    says(of(9, 0, 1), "`data.streams` is 0: expected 1 to 4: t.txt has 9 tokens for them");
    says(of(9, 2, 0), "`data.window` is 0: expected at least 1");
    let huge = usize::MAX;
    says(
        of(9, 2, huge),
        &format!("`data.window` is {huge}: expected less: 2 rows of {huge} numbers take 137438953472 GiB"),
    );
}

#[test]
fn streams_of_unequal_length_end_in_a_row_without_targets() {
    // 5 and 4 tokens, windows of 2: the first stream predicts 4, the second 3.
    let streams = Streams::of("t.txt", &[0, 1, 2, 3, 4, 5, 6, 7, 8], 2, 2).unwrap();
    assert_eq!(streams.batches(), 2);
    assert_eq!((streams.input(3), streams.target(3)), (&[0.0, 7.0, -1.0][..], &[8.0, -1.0][..]));
    // 4 and 3 tokens: 3 and 2 predictions.
    let streams = Streams::of("t.txt", &[0, 1, 2, 3, 4, 5, 6], 2, 2).unwrap();
    assert_eq!((streams.input(2), streams.target(2)), (&[0.0, 2.0, -1.0][..], &[3.0, -1.0][..]));
    assert_eq!((streams.input(3), streams.target(3)), (&[0.0, -1.0, -1.0][..], &[-1.0, -1.0][..]));
    let (inputs, targets) = streams.into_values();
    assert_eq!((inputs.len(), targets.len()), (4 * 3, 4 * 2));
}

// Sequences.

#[test]
fn rows_are_padded_behind_their_end_and_an_empty_text_is_all_padding() {
    let vocabulary = vocabulary(&["a b c d"], &all(Tokens::Word));
    let texts = ["b a", "", "d d d", "x"];
    let rows = Sequences::of(texts, &vocabulary, 3, Long::Cut);
    assert_eq!((rows.rows(), rows.longest(), rows.note(), rows.weights()), (4, 3, None, None));
    let n = -1.0;
    assert_eq!(rows.padded(3).unwrap(), [2.0, 1.0, n, n, n, n, 4.0, 4.0, 4.0, 0.0, n, n]);
    assert_eq!(rows.padded(4).unwrap()[..4], [2.0, 1.0, n, n]);
    let none = Sequences::of([""], &vocabulary, 3, Long::Window);
    assert_eq!(none.padded(none.longest()).unwrap(), [n]);
}

#[test]
fn long_texts_are_cut_or_become_windows_that_inherit_the_target() {
    let vocabulary = vocabulary(&["a b c d e f g"], &all(Tokens::Word));
    let texts = ["g", "a b c d e f g", "a b c"];
    let cut = Sequences::of(texts, &vocabulary, 3, Long::Cut);
    assert_eq!((cut.texts(), cut.row(1)), (&[0, 1, 2][..], &[1, 2, 3][..]));
    assert_eq!(cut.note().unwrap(), "texts of more than 3 tokens: 1, cut");
    let windows = Sequences::of(texts, &vocabulary, 3, Long::Window);
    assert_eq!(windows.texts(), [0, 1, 1, 1, 2]);
    assert_eq!([1, 2, 3].map(|row| windows.row(row)), [&[1, 2][..], &[3, 4], &[5, 6, 7]]);
    let third = 1.0 / 3.0;
    assert_eq!(windows.weights().unwrap(), [1.0, third, third, third, 1.0]);
    assert_eq!(Targets::Classes(vec![7, 8, 9]).select(windows.texts()), Targets::Classes(vec![7, 8, 8, 8, 9]));
}

#[test]
fn a_text_of_20_000_characters_takes_20_000_numbers_and_not_as_many_in_every_row() {
    let long = "x".repeat(20_000);
    let texts = || (0..1000).map(|i| if i == 500 { long.as_str() } else { "ok" });
    let settings = all(Tokens::Char);
    let vocabulary = Vocabulary::of_texts("t.csv", texts(), &settings).unwrap();
    let rows = Sequences::of(texts(), &vocabulary, 256, Long::Window);
    assert_eq!(rows.numbers().len(), 999 * 2 + 20_000);
    let padded = rows.padded(rows.longest()).unwrap();
    assert_eq!(padded.len(), (999 + 79) * 254); // and not 1000 * 20 000
}

#[test]
fn more_than_fits_is_refused_before_it_is_asked_for() {
    let vocabulary = vocabulary(&["a"], &all(Tokens::Char));
    let rows = Sequences::of(["a"; 1000], &vocabulary, 1 << 22, Long::Cut);
    says(rows.padded(1 << 22), "`data.length` is 4194304: expected less: 1000 rows of 4194304 numbers take 16 GiB");
}

// Tables.

#[test]
fn a_text_that_is_na_is_a_text_and_a_row_without_target_may_be_left_out() {
    let frame = frame("text,y\nNA,1.5\n?,2.5\nnull,3.5\nsome,NA\n,NA\n");
    let settings = all(Tokens::Word);
    says(
        LabelledTexts::find(&frame, "text", "y", &settings).map(|_| ()),
        "t.csv, line 5, column `y`: `NA` is not a finite number (2 such rows): say --set data.missing_target=drop to \
         leave them out",
    );
    let settings = TextSettings { missing_target: burn_zoo::data::MissingTarget::Drop, ..settings };
    let found = LabelledTexts::find(&frame, "text", "y", &settings).unwrap(); // the empty text is of a row that is left out
    assert_eq!(found.texts.iter().collect::<Vec<_>>(), ["NA", "?", "null"]);
    assert_eq!(found.targets, Targets::Numbers(vec![1.5, 2.5, 3.5]));
    assert_eq!(
        (found.texts.rows(), found.texts.row(2), found.texts.place(2)),
        (3, 2, "t.csv, line 4, column `text`".into())
    );
}

#[test]
fn a_column_of_texts_that_cannot_be_read_is_refused() {
    let table = frame("text,y\na,1\nb,0\n,1\nc,0\n");
    let find = |column: &str, target: &str, settings: &TextSettings| {
        LabelledTexts::find(&table, column, target, settings).map(|found| found.texts.rows())
    };
    let settings = all(Tokens::Char);
    assert_eq!(find("text", "y", &TextSettings { empty: Empty::Keep, ..settings.clone() }).unwrap(), 4);
    says(find("txet", "y", &settings), "unknown column `txet`: did you mean `text`?");
    says(find("text", "z", &settings), "unknown column `z`: expected one of `text`, `y`");
    says(find("text", "text", &settings), "`target` is text: expected another column than that of the texts");
    says(
        find("text", "y", &settings),
        "t.csv, line 4, column `text`: the text is empty: say --set data.empty=keep to keep it as a sequence of no steps",
    );
    let none = frame("text,y\n");
    says(Texts::all(&none, "text", Empty::Keep).map(|_| ()), "t.csv: no rows below the header: nothing to read");
}

// Settings.

#[test]
fn settings_survive_a_file_and_refuse_what_makes_no_sense() {
    let settings = TextSettings { tokens: Tokens::Word, long: Long::Window, lower: true, ..TextSettings::default() };
    settings.check().unwrap();
    let text = toml::to_string(&settings).unwrap();
    assert_eq!(toml::from_str::<TextSettings>(&text).unwrap(), settings);
    let more = toml::from_str::<TextSettings>(&(text + "stemming = true\n")).unwrap_err().to_string();
    assert!(more.contains("unknown field `stemming`"), "{more}");
    let with = |change: fn(&mut TextSettings)| {
        let mut settings = TextSettings::default();
        change(&mut settings);
        settings
    };
    for (settings, expected) in [
        (with(|s| s.min_count = 0), "`min_count` is 0: expected at least 1"),
        (with(|s| s.length = 0), "`length` is 0: expected at least 1"),
        (with(|s| s.window = 0), "`window` is 0: expected at least 1"),
        (with(|s| s.streams = 0), "`streams` is 0: expected at least 1"),
        (with(|s| s.vocabulary = 2), "`vocabulary` is 2: expected 3 to 16777216, or 0 for no limit"),
        (with(|s| s.vocabulary = (1 << 24) + 1), "`vocabulary` is 16777217: expected 3 to 16777216, or 0 for no limit"),
        (
            with(|s| s.split = [0.5, 0.5, 0.5]),
            "`split` is [0.5, 0.5, 0.5]: expected three positive shares that add up to 1",
        ),
    ] {
        says(settings.check(), expected);
        says(Language::of_file(&file("a b c d e f g h"), &settings), expected);
    }
    let language = "expected nothing: the next token is predicted, there is no target";
    let sequences = "expected nothing: a target is predicted from each text, not the next token";
    for (settings, text_use, expected) in [
        (with(|s| s.length = 9), TextUse::Language, format!("`length` is 9: {language}")),
        (with(|s| s.long = Long::Window), TextUse::Language, format!("`long` is window: {language}")),
        (with(|s| s.window = 9), TextUse::Sequences, format!("`window` is 9: {sequences}")),
        (with(|s| s.streams = 9), TextUse::Sequences, format!("`streams` is 9: {sequences}")),
        (with(|s| s.line_ends = LineEnds::None), TextUse::Sequences, format!("`line_ends` is none: {sequences}")),
    ] {
        says(settings.check_use(text_use), &expected);
    }
    says(Language::of_file(&file("a b c d e f g h"), &with(|s| s.length = 9)), &format!("`length` is 9: {language}"));
}

// Scores.

#[test]
fn perplexity_and_bits_are_those_of_a_uniform_guess_with_their_standard_errors() {
    let nll = Estimate { value: 65_f64.ln(), standard_error: Some(0.01) };
    let perplexity = perplexity(nll);
    assert!((perplexity.value - 65.0).abs() < 1e-12);
    assert!((perplexity.standard_error.unwrap() - 0.65).abs() < 1e-12); // 65 times 0.01
    let bits = bits_per_character(nll);
    assert!((bits.value - 6.022_367_813).abs() < 1e-9); // log2 65
    assert!((bits.standard_error.unwrap() - 0.014_426_950).abs() < 1e-9); // 0.01 / ln 2
    assert_eq!(bits_per_character(Estimate { value: 1.0, standard_error: None }).standard_error, None);
}

#[test]
fn a_token_is_what_a_reader_sees() {
    let shown = [Token::Unknown, Token::EndOfLine, Token::Text("é")].map(|token| token.to_string());
    assert_eq!(shown, ["<unknown>", "<end of line>", "é"]);
}
