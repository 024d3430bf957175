//! Models of text: what they predict, what is saved of them, and what the zoo claims of its own.
#![cfg(all(feature = "train", feature = "flex"))]

use std::{env, fs, path::PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use burn_zoo::{
    Error, Key, Pass, Stochastic,
    data::{
        Frame, Targets,
        read::{ReadOptions, TableReader},
        text::{Language, Sequences, TextFile, TextSettings},
    },
    models::{LstmConfig, SequenceInput, Task},
    outputs::{Logits, Outputs},
    recipe::{Origin, Outcome, TextSource, train_text},
    settings::SequenceSettings,
    train::Quiet,
    uncertainty::{ClassPrediction, LanguageTally, MonteCarlo, Prediction},
    zoo::{self, AnyFile, AnyModel, MODEL_TOML, Reading, Scores, TextModel, WEIGHTS},
};
use sha2::{Digest, Sha256};

fn settings(changes: &[(&str, &str)]) -> SequenceSettings {
    let small = [("model.hidden", "6"), ("model.embedding", "4"), ("train.epochs", "1"), ("data.min_count", "1")];
    small
        .iter()
        .chain(changes)
        .fold(SequenceSettings::default(), |settings, (path, value)| settings.set(path, value).unwrap())
}

fn origin() -> Origin {
    let name = || "test".to_string();
    let (data, sha256) = (vec![name()], vec![name()]);
    Origin { data, sha256, reading: Reading::default(), command: name(), device: name() }
}

/// A small language of words of two letters.
fn text(n: usize) -> String {
    let draws = Key::new(8).uniform(0, n, 1);
    draws.iter().map(|draw| format!("{}\n", ["ab", "ba", "aab cd"][(draw * 3.0) as usize])).collect()
}

fn language(changes: &[(&str, &str)]) -> TextModel {
    let file = TextFile::from_bytes("t.txt", text(200).as_bytes()).unwrap();
    let settings = settings(&[&[("data.streams", "4"), ("data.window", "8")][..], changes].concat());
    train_text(TextSource::File(&file), &settings, origin(), &Device::flex(), Quiet).unwrap().model
}

fn table() -> Frame {
    let row = |i: usize| {
        format!("{}{},{},{}\n", "xy".repeat(1 + i % 5), ["p", "q", "r"][i % 3], ["p", "q", "r"][i % 3], i % 7)
    };
    let text = format!("text,class,number\n{}", (0..60).map(row).collect::<String>());
    let reader = TableReader::from_reader("t.csv", std::io::Cursor::new(text.into_bytes()), &ReadOptions::default());
    Frame::read("t.csv", reader.unwrap()).unwrap()
}

fn labelled(target: &str, changes: &[(&str, &str)]) -> TextModel {
    let frame = table();
    let source = TextSource::Table { frame: &frame, given: None, column: "text", target: Some(target) };
    let Outcome { model, split, .. } =
        train_text(source, &settings(changes), origin(), &Device::flex(), Quiet).unwrap();
    assert_eq!(split.parts().map(<[usize]>::len), [42, 9, 9]);
    model
}

// Languages.

#[test]
fn a_language_is_judged_as_its_probabilities_say_whatever_the_memory() {
    let model = language(&[]);
    let tokens = model.vocabulary().encode_lines(text(30).lines());
    let judged = |passes, memory| {
        let monte_carlo = MonteCarlo::new(passes).seed(3).memory(memory);
        model.evaluate_language("t.txt", &tokens, &monte_carlo).unwrap()
    };
    let whole = judged(5, 512 << 20);
    let scores = |scores: Scores| scores.language().unwrap();
    let small = judged(5, 4000); // a step at a time
    for (a, b) in [(whole.monte_carlo, small.monte_carlo), (whole.mean_network, small.mean_network)] {
        let (a, b) = (scores(a), scores(b));
        assert!((a.nll - b.nll).abs() < 1e-5, "{a:?} {b:?}");
        assert!((a.standard_error.unwrap().nll - b.standard_error.unwrap().nll).abs() < 1e-5);
        assert_eq!((a.n, b.n), (tokens.len() - 4, tokens.len() - 4));
    }
    // By hand: probabilities of the passes are averaged, not their logarithms.
    let streams = burn_zoo::data::text::Streams::of("t.txt", &tokens, 4, 8).unwrap();
    let (mut nats, mut states) = (0.0, vec![None; 5]);
    let monte_carlo = MonteCarlo::new(5).seed(3);
    for batch in 0..streams.batches() {
        let (inputs, targets) = streams.of_batch(batch);
        let mut p = vec![0.0; targets.len()];
        for (pass, state) in states.iter_mut().enumerate() {
            let window = Tensor::<2>::from_data(TensorData::new(inputs.to_vec(), [4, 9]), &Device::flex());
            let (logits, next) = model.lstm().next(window, state.take(), &Pass::network(monte_carlo.key(pass)));
            *state = Some(next);
            let [_, _, v] = logits.dims();
            let logits: Vec<f32> = logits.try_into_vec_as().unwrap();
            for (at, &target) in targets.iter().enumerate().filter(|(_, target)| **target >= 0.0) {
                let of_step = &logits[at * v..(at + 1) * v];
                let sum: f64 = of_step.iter().map(|&z| f64::from(z).exp()).sum();
                p[at] += f64::from(of_step[target as usize]).exp() / sum / 5.0;
            }
        }
        nats -= p.iter().zip(targets).filter(|(_, target)| **target >= 0.0).map(|(p, _)| p.ln()).sum::<f64>();
    }
    assert!((nats / (tokens.len() - 4) as f64 - scores(whole.monte_carlo).nll).abs() < 1e-5);
    // The baseline knows the counts of the training part, and has one more for each.
    let counts: Vec<f64> = model.file().data.counts.iter().map(|&count| count as f64 + 1.0).collect();
    let all: f64 = counts.iter().sum();
    let predicted: Vec<u32> = (0..streams.batches())
        .flat_map(|b| streams.of_batch(b).1.to_vec())
        .filter(|t| *t >= 0.0)
        .map(|t| t as u32)
        .collect();
    let expected =
        -predicted.iter().map(|&token| (counts[token as usize] / all).ln()).sum::<f64>() / predicted.len() as f64;
    assert!((scores(whole.baseline).nll - expected).abs() < 1e-9);
}

#[test]
fn the_standard_error_of_a_language_is_that_of_a_ratio_over_windows() {
    let mut tally = LanguageTally::default();
    let uniform = ClassPrediction::constant(&[1.0, 1.0], 2).unwrap();
    let skewed = ClassPrediction::constant(&[3.0, 1.0], 2).unwrap();
    tally.add(0, &uniform, &[0.0, 1.0], 2).unwrap(); // 2 ln 2
    tally.add(1, &skewed, &[0.0, -1.0], 2).unwrap(); // ln 4/3
    tally.add(1, &skewed, &[-1.0, 1.0], 2).unwrap(); // and ln 4, of the same window
    let scores = tally.scores(false).unwrap();
    let (a, b) = (2.0 * 2_f64.ln(), (4_f64 / 3.0).ln() + 4_f64.ln());
    assert_eq!((scores.n, scores.bits_per_character), (4, None));
    assert!((scores.nll - (a + b) / 4.0).abs() < 1e-12);
    // Two windows of two tokens: the residuals are half of the difference, each.
    let expected = (2.0 * ((a - b) / 2.0).powi(2) * 2.0 / 1.0_f64).sqrt() / 4.0;
    assert!((scores.standard_error.unwrap().nll - expected).abs() < 1e-12);
    assert!(matches!(LanguageTally::default().scores(true), Err(Error::NoRows)));
    let error = tally.add(2, &uniform, &[0.0, 2.0], 2).unwrap_err().to_string();
    assert_eq!(error, "window 0, step 1: `2` is not a token of the vocabulary");
}

#[test]
fn a_text_is_read_alike_in_any_company_and_from_its_beginning() {
    let model = language(&[]);
    let texts = ["ab", "aab cd aab cd aab cd aab cd aab cd", "", "zz"];
    let read = |texts: &[&str], memory| {
        let mut readings = Vec::new();
        let monte_carlo = MonteCarlo::new(4).memory(memory);
        model
            .read_each(texts, &monte_carlo, |text, reading| {
                assert_eq!(text, readings.len());
                readings.push(reading);
                Ok(())
            })
            .unwrap();
        readings
    };
    let together = read(&texts, 512 << 20);
    assert_eq!(together.iter().map(|reading| reading.tokens.len()).collect::<Vec<_>>(), [3, 35, 1, 3]); // and the end
    assert!(together[3].tokens[..2].iter().all(|&token| token == model.vocabulary().unknown()));
    for (text, reading) in texts.iter().zip(&together) {
        let alone = &read(&[text], 2000)[0];
        assert_eq!(alone.tokens, reading.tokens);
        for (a, b) in alone.log_probabilities.iter().zip(&reading.log_probabilities) {
            assert!((a - b).abs() < 1e-4, "{text}: {a} {b}");
        }
    }
    assert_eq!(read(&[], 1 << 20), []);
    let unsure = together[1].most_unsure(3);
    assert_eq!(unsure.len(), 3);
    assert!(together[1].mutual_information[unsure[0]] >= together[1].mutual_information[unsure[2]]);
}

#[test]
fn a_text_goes_on_by_its_key() {
    let model = language(&[("train.epochs", "3")]);
    let monte_carlo = MonteCarlo::new(4);
    let go_on = |key, temperature| model.generate("ab\naa", 30, temperature, &monte_carlo, Key::new(key)).unwrap();
    let one = go_on(1, 1.0);
    assert_eq!((one.tokens.len(), &one), (30, &go_on(1, 1.0)));
    assert_ne!(one.text, go_on(2, 1.0).text);
    assert_eq!(model.vocabulary().decode(&one.tokens).unwrap(), one.text);
    assert!(!one.tokens.contains(&model.vocabulary().unknown()));
    assert!(one.probabilities.iter().all(|p| *p > 0.0 && *p <= 1.0));
    // As cold as that, the likeliest token comes, whatever the key.
    assert_eq!(go_on(1, 1e-6).text, go_on(2, 1e-6).text);
    for (temperature, shown) in [(0.0, "0"), (-1.0, "-1"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
        let error = model.generate("ab", 1, temperature, &monte_carlo, Key::new(0)).unwrap_err().to_string();
        assert_eq!(error, format!("`temperature` is {shown}: expected a positive number"));
    }
    let without = language(&[("data.line_ends", "none")]);
    let error = without.generate("", 1, 1.0, &monte_carlo, Key::new(0)).unwrap_err().to_string();
    assert_eq!(error, "`prompt` is empty: expected a text: lines of this model have no ends to begin behind");
}

#[test]
fn a_language_predicts_no_target_and_a_classifier_no_language() {
    let (language, classes) = (language(&[]), labelled("class", &[]));
    let monte_carlo = MonteCarlo::new(2);
    assert!(matches!(language.predict(&["ab"], &monte_carlo), Err(Error::Task { .. })));
    assert!(matches!(classes.evaluate_language("t", &[1, 2], &monte_carlo), Err(Error::Task { .. })));
    assert!(matches!(classes.generate("a", 1, 1.0, &monte_carlo, Key::new(0)), Err(Error::Task { .. })));
    assert!(matches!(classes.predict(&[], &monte_carlo), Err(Error::NoRows)));
}

// Targets.

#[test]
fn a_text_of_several_windows_has_the_mean_of_their_scores() {
    let model = labelled("class", &[("data.length", "4"), ("data.long", "window"), ("train.epochs", "3")]);
    let texts = ["xyp", "xyxyxyxyq", "r", "xyxyxyxyxyp", "xyxyq"];
    let (order, mean) = model.predict_mean(&texts).unwrap();
    assert_eq!(order, [0, 2, 4, 1, 3].map(|text: usize| text)); // of one window, of two, of three
    let Prediction::Classes(mean) = mean else { panic!("classes expected") };
    for (row, &text) in order.iter().enumerate() {
        let windows = Sequences::of([texts[text]], model.vocabulary(), 4, burn_zoo::data::text::Long::Window);
        let width = windows.longest();
        let input = TensorData::new(windows.padded(width).unwrap(), [windows.rows(), width]);
        let Outputs::Logits(Logits(logits)) =
            model.lstm().run(Tensor::from_data(input, &Device::flex()), &Pass::mean())
        else {
            panic!("classes expected")
        };
        let of_text: Vec<f32> = logits.mean_dim(0).try_into_vec_as().unwrap();
        let sum: f64 = of_text.iter().map(|&z| f64::from(z).exp()).sum();
        for (class, &z) in of_text.iter().enumerate() {
            let p = f64::from(z).exp() / sum;
            assert!((mean.probabilities(row)[class] - p).abs() < 1e-5, "{}", texts[text]);
        }
    }
    // Scores are of each text with its own target.
    let classes = vec![0, 1, 2, 0, 1];
    let evaluation = model.evaluate(&texts, &Targets::Classes(classes.clone()), &MonteCarlo::new(3), 0.9).unwrap();
    let nll =
        order.iter().enumerate().map(|(row, &text)| -mean.log_probabilities(row)[classes[text]]).sum::<f64>() / 5.0;
    assert!((evaluation.mean_network.get("nll").unwrap() - nll).abs() < 1e-9);
    assert_eq!(evaluation.interval, None);
}

#[test]
fn numbers_of_texts_are_in_their_unit_with_a_tau_for_each_way() {
    let frame = table();
    let train = |factor: f64, shift: f64| {
        let rows = |row: usize| {
            format!("{},{}\n", frame.cell(row, 0), factor * frame.cell(row, 2).parse::<f64>().unwrap() + shift)
        };
        let text = format!("text,y\n{}", (0..60).map(rows).collect::<String>());
        let reader =
            TableReader::from_reader("t.csv", std::io::Cursor::new(text.into_bytes()), &ReadOptions::default());
        let frame = Frame::read("t.csv", reader.unwrap()).unwrap();
        let source = TextSource::Table { frame: &frame, given: None, column: "text", target: Some("y") };
        train_text(source, &settings(&[]), origin(), &Device::flex(), Quiet).unwrap().model
    };
    let (one, other) = (train(1.0, 0.0), train(1000.0, 50_000.0));
    let predict = |model: &TextModel| {
        let (order, prediction) = model.predict(&["xyp", "r", "xyxyq"], &MonteCarlo::new(10)).unwrap();
        assert_eq!(order, [0, 1, 2]);
        let prediction = prediction.regression().unwrap();
        (prediction.mean().to_vec(), prediction.sd().unwrap())
    };
    let ((mean, sd), (mean_1000, sd_1000)) = (predict(&one), predict(&other));
    for row in 0..3 {
        assert!((mean_1000[row] / (1000.0 * mean[row] + 50_000.0) - 1.0).abs() < 1e-3);
        assert!((sd_1000[row] / (1000.0 * sd[row]) - 1.0).abs() < 1e-3);
    }
    let tau = one.file().tau.clone().unwrap();
    assert!(tau.monte_carlo[0] > 0.0 && tau.mean_network[0] > 0.0 && tau.monte_carlo != tau.mean_network);
}

#[test]
fn windows_share_the_networks_of_a_pass() {
    let input = SequenceInput::Words { vocabulary: 5, embedding: 3 };
    let half = burn_zoo::Rate::new(0.5).unwrap();
    let lstm = LstmConfig::new(input, Task::MultiClass { classes: 3 })
        .with_hidden(4)
        .with_output_rate(half)
        .init(&Device::flex(), Key::new(0));
    let row = Tensor::<2>::from_data(TensorData::new(vec![1.0_f32, 2.0, 1.0, 2.0], [1, 4]), &Device::flex());
    let one = Tensor::<2>::from_data(TensorData::new(vec![1.0_f32, 2.0], [1, 2]), &Device::flex());
    let (windows, numbers) = (lstm.over_windows(2), |outputs: Outputs| match outputs {
        Outputs::Logits(Logits(x)) => x.try_into_vec_as::<f32>().unwrap(),
        other => panic!("{other:?}"),
    });
    // Two windows that are alike say what one says, in every network.
    for key in 0..4 {
        let pass = Pass::network(Key::new(key));
        let (two, one) = (numbers(windows.run(row.clone(), &pass)), numbers(lstm.run(one.clone(), &pass)));
        assert!(two.iter().zip(&one).all(|(a, b)| (a - b).abs() < 1e-5), "{two:?} {one:?}");
    }
}

// What is saved.

#[test]
fn a_saved_model_comes_back_whole_and_half_weights_are_half_the_file() {
    let directory = tempfile::tempdir().unwrap();
    for (name, model) in [
        ("language", language(&[])),
        ("classes", labelled("class", &[])),
        ("number", labelled("number", &[("data.task", "regression")])),
    ] {
        let path = directory.path().join(name);
        model.save(&path, &[]).unwrap();
        let AnyModel::Text(read) = AnyModel::open(&path, &Device::flex()).unwrap() else { panic!("a model of text") };
        let AnyFile::Text(file) = AnyFile::open(&path).unwrap() else { panic!("a model of text") };
        assert_eq!((read.file(), &file), (model.file(), model.file()), "{name}");
        let half = model.clone().with_half_weights().unwrap();
        assert!(half.file().weights.bytes < model.file().weights.bytes, "{name}");
        assert!(matches!(model.save(&path, &[]), Err(Error::Model { .. })), "{name}");
    }
}

#[test]
fn a_description_or_weights_that_do_not_hold_are_refused_for_what_is_wrong_in_them() {
    let directory = tempfile::tempdir().unwrap();
    let (path, numbers) = (directory.path().join("model"), directory.path().join("numbers"));
    language(&[]).save(&path, &[]).unwrap();
    labelled("number", &[("data.task", "regression")]).save(&numbers, &[]).unwrap();
    let sha256 = |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let says = |path: &PathBuf, toml: &str, weights: &[u8]| {
        fs::write(path.join(MODEL_TOML), toml).unwrap();
        fs::write(path.join(WEIGHTS), weights).unwrap();
        let error = AnyModel::open(path, &Device::flex()).unwrap_err();
        assert!(matches!(error, Error::Model { .. }), "{error:?}");
        let text = error.to_string();
        assert!(!text.contains('\n'), "{text}");
        text.split_once(": ").unwrap().1.to_string()
    };
    let read =
        |path: &PathBuf| (fs::read_to_string(path.join(MODEL_TOML)).unwrap(), fs::read(path.join(WEIGHTS)).unwrap());
    let ((toml, weights), (of_numbers, number_weights)) = (read(&path), read(&numbers));
    for (old, new, expected) in [
        ("schema = 2", "schema = 1", "schema 1, of an older version of burn-zoo"),
        ("kind = \"text\"", "kind = \"txet\"", "unknown kind `txet`"),
        ("mask_scheme = 1", "mask_scheme = 2", "mask scheme 2: this version draws by mask scheme 1"),
        ("\"a\", ", "", "6 tokens for a network of Words { vocabulary: 7"),
        ("\"a\", ", "\"b\", ", "not a model of this version: "),
        ("\"a\", ", "\"aa\", ", "not a model of this version: "),
        ("task = \"next-word\"\nvocabulary = 7", "task = \"next-word\"\nvocabulary = 8", "`input` is other words"),
        ("hidden = 6", "hidden = 7", "parameters in "),
        ("hidden = 6", "hidden = 6\nhiden = 6", "not a model of this version: unknown key `model.hiden`"),
        ("counts = [0, ", "counts = [", "6 counts: expected 7"),
        ("window = 8", "window = 0", "`window` is 0: expected at least 1"),
        ("length = 256", "length = 9", "`length` is 9: expected nothing"),
        ("epochs = 1\n", "epochs = 0\n", "`train.epochs` is 0: expected at least 1"),
        ("sha256 = [\"test\"]", "sha256 = []", "0 checksums of files: expected 1"),
    ] {
        assert!(toml.contains(old), "{old} in {toml}");
        let told = says(&path, &toml.replacen(old, new, 1), &weights);
        assert!(told.contains(expected), "{new}: {told}");
    }
    for (old, new, expected) in [
        ("monte_carlo = [", "monte_carlo = [1.0, ", "2 precisions tau: expected 1"),
        ("[scaling]\nmean = [", "[scaling]\nmean = [1.0, ", "2 target means: expected 1"),
        ("column = \"text\"\n", "", "a target without a column of texts"),
        ("[tau]\nmonte_carlo = [", "[tau]\nmonte_carlo = [-", "expected a positive number"),
        ("classes = []", "classes = [\"a\", \"b\"]", "2 classes for a regression"),
    ] {
        assert!(of_numbers.contains(old), "{old} in {of_numbers}");
        let told = says(&numbers, &of_numbers.replacen(old, new, 1), &number_weights);
        assert!(told.contains(expected), "{new}: {told}");
    }
    let mut flipped = weights.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(says(&path, &toml, &flipped), "damaged: sha256 is not the one in model.toml");
    let cut = &weights[..weights.len() - 4];
    let claimed = toml.replace(&sha256(&weights), &sha256(cut));
    assert!(says(&path, &claimed, cut).contains("bytes"), "cut");
}

// The zoo.

fn data(name: &str) -> Option<PathBuf> {
    let Some(data) = env::var_os("BURN_ZOO_DATA") else {
        eprintln!("skipped: BURN_ZOO_DATA is not set");
        return None;
    };
    Some(PathBuf::from(data).join(name))
}

#[test]
fn shakespeare_has_the_scores_that_its_description_and_its_card_claim() {
    let entry = zoo::find("lstm/shakespeare-char").unwrap();
    let model = entry.load_text(&Device::flex()).unwrap();
    let claimed = model.file().test.unwrap();
    let ways = [
        ("Monte Carlo", claimed.monte_carlo),
        ("mean network", claimed.mean_network),
        ("baseline: how often each character stands", claimed.baseline),
    ];
    for (way, scores) in ways {
        let scores = scores.language().unwrap();
        let row = format!(
            "| {way} | {:.4} | {:.4} | {:.4} |",
            scores.nll,
            scores.perplexity,
            scores.bits_per_character.unwrap()
        );
        assert!(entry.card().contains(&row), "{row}");
    }
    assert!(entry.card().contains(&format!("{} parameters", model.file().weights.params)));
    let Some(path) = data("tinyshakespeare/input.txt") else { return };
    let file = TextFile::open(path).unwrap();
    assert_eq!(file.sha256(), model.file().data.sha256[0]);
    let settings: &TextSettings = &model.file().data.settings;
    let language = Language::of_file(&file, settings).unwrap();
    assert_eq!(&language.vocabulary, model.vocabulary());
    let test = language.parts()[2];
    // The mean network on all of the test part; the sampled ones on a tenth, to be quick: within four standard errors.
    let whole = model.evaluate_language("test", test, &MonteCarlo::new(1)).unwrap();
    let nll = |scores: Scores| scores.get("nll").unwrap();
    assert!((nll(whole.mean_network) - nll(claimed.mean_network)).abs() < 1e-4);
    assert!((nll(whole.baseline) - nll(claimed.baseline)).abs() < 1e-9);
    let some = model.evaluate_language("test", &test[..test.len() / 10], &MonteCarlo::new(10)).unwrap().monte_carlo;
    let error = some.language().unwrap().standard_error.unwrap().nll;
    assert!((nll(some) - nll(claimed.monte_carlo)).abs() < 4.0 * error, "{some:?}");
}

#[test]
fn shakespeare_finds_a_page_of_his_likelier_than_a_page_of_figures() {
    let model = zoo::find("lstm/shakespeare-char").unwrap().load_text(&Device::flex()).unwrap();
    let mut nll = Vec::new();
    let texts = ["What say you to my suit, my gracious lord?", "x = 3; y[12] == {0, 1, 2, 3}; return &z->next"];
    model
        .read_each(&texts, &MonteCarlo::new(5), |_, reading| {
            nll.push(reading.nll().unwrap());
            Ok(())
        })
        .unwrap();
    assert!(nll[0] < 2.2 && nll[1] > 2.0 * nll[0], "{nll:?}");
}
