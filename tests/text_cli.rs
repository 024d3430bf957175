//! Text on the command line: trained on, predicted, judged, and gone on with after an interruption; and the field case D11.
#![cfg(all(feature = "cli", feature = "flex", unix))]

mod cli_support;

use std::{
    env, fs,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use burn_zoo::Key;
use cli_support::{Ran, burn_zoo, cells, command, words};
use serde_json::Value;
use tempfile::TempDir;

fn run(at: &Path, line: &str) -> Ran {
    burn_zoo(at, &words(line).iter().map(String::as_str).collect::<Vec<_>>())
}

/// What a command that worked said on standard error.
#[track_caller]
fn said(ran: Ran) -> String {
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    ran.err
}

/// The one line of a command that refused.
#[track_caller]
fn refused(ran: Ran, code: i32) -> String {
    assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{}", ran.err);
    let errors: Vec<&str> = ran.err.lines().filter(|line| !line.starts_with("note: ")).collect();
    let [error] = errors[..] else { panic!("{}", ran.err) };
    error.strip_prefix("error: ").expect("an error").to_string()
}

#[track_caller]
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Sentences of a small language, one a line.
fn sentences(n: usize) -> String {
    let draws = Key::new(3).uniform(0, n, 2);
    let deeds = [["sleeps", "purrs"], ["sleeps", "barks"]];
    let sentence = |draw: &[f32]| {
        let animal = usize::from(draw[0] > 0.5);
        format!("the {} {}.\n", ["cat", "dog"][animal], deeds[animal][usize::from(draw[1] > 0.5)])
    };
    draws.chunks(2).map(sentence).collect()
}

/// Reviews with a class, and a number: how many stars they speak of. Some are longer than a window.
fn reviews(n: usize) -> String {
    let draws = Key::new(4).uniform(0, n, 3);
    let review = |draw: &[f32]| {
        let (good, stars) = (draw[0] > 0.5, 1 + (draw[1] * 5.0) as usize);
        let padding = if draw[2] > 0.8 { " and so on".repeat(4) } else { String::new() };
        let word = if good { "good" } else { "poor" };
        format!("{word}{padding} {},{word}_one,{}.5\n", "*".repeat(stars), stars)
    };
    format!("text,label,stars\n{}", draws.chunks(3).map(review).collect::<String>())
}

const SMALL: &str = "--set model.hidden=16 --set model.embedding=8 --set train.learning_rate=0.02 -q";
const LANGUAGE: &str = "--set data.streams=8 --set data.window=16";

#[test]
fn a_language_is_learned_from_a_file_judged_and_read_line_by_line() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    fs::write(at.join("pets.txt"), sentences(600)).unwrap();
    let train = format!("train lstm --data text:pets.txt --set train.epochs=8 {SMALL} {LANGUAGE} --out pets");
    let scores = run(at, &train).data();
    assert!(scores.contains("bits_per_character") && scores.contains("perplexity"), "{scores}");

    let ran = run(at, "evaluate pets --data pets.txt --format json --passes 10");
    let told = "note: pets.txt: the model was trained on this file: of its characters";
    let told = told.replace("characters", "tokens");
    assert!(ran.err.starts_with(&told), "{}", ran.err);
    let scores = json(&ran.out);
    let of = |way: &str, score: &str| scores[way][score].as_f64().unwrap();
    let n = sentences(600).len();
    for way in ["monte_carlo", "mean_network", "baseline"] {
        assert_eq!(scores[way]["n"].as_u64().unwrap() as usize, n - 8, "{way}"); // all but the first of each stream
        let nll = of(way, "nll");
        assert!((of(way, "bits_per_character") - nll / 2_f64.ln()).abs() < 1e-6);
        assert!((of(way, "perplexity") / nll.exp() - 1.0).abs() < 1e-6);
        assert!(scores[way]["standard_error"]["bits_per_character"].as_f64().unwrap() > 0.0);
    }
    // 2 bits a sentence of some 15 characters are what nobody can know; by letters alone there are more than 3 a character.
    assert!(of("monte_carlo", "bits_per_character") < 0.6, "{scores}");
    assert!(of("baseline", "bits_per_character") > 3.0, "{scores}");

    fs::write(at.join("new.txt"), "the cat sleeps.\n\nthe cot sleeps.\n").unwrap();
    let csv = run(at, "predict pets --input new.txt --format csv --passes 10").data();
    let rows = cells(&csv);
    let header = ["line", "text", "tokens", "nll", "perplexity", "bits_per_character", "mutual_information", "unsure"];
    assert_eq!(rows[0], header);
    assert_eq!((rows.len(), rows[2][..3].to_vec()), (4, vec!["2".to_string(), String::new(), "1".to_string()]));
    let number = |row: usize, column: usize| rows[row][column].parse::<f64>().unwrap();
    assert_eq!(rows[1][..3], ["1", "the cat sleeps.", "16"]); // with the end of the line
    assert!(number(3, 3) > number(1, 3) + 0.1, "a misspelt word is less likely: {csv}");
    assert!(rows[3][7].split("; ").count() == 3, "{csv}");
    let alone =
        run(at, "predict pets --input new.txt --format jsonl --passes 10 --no-passthrough --memory 4096").data();
    let first = json(alone.lines().next().unwrap());
    assert!((first["nll"].as_f64().unwrap() - number(1, 3)).abs() < 1e-5, "in smaller blocks: {alone}");
    assert!(first.get("text").is_none() && first["line"] == 1, "{alone}");

    let shown = run(at, "show pets").data();
    assert!(shown.contains("pets: predicts the next character from texts in pets.txt"), "{shown}");
    assert!(shown.contains("0.1 states") && shown.contains("masks the same at all steps"), "{shown}");
    let other = refused(run(at, "evaluate pets --data new.txt --ood digits"), 2);
    assert_eq!(other, "--ood is for pictures: pets reads text");
    let plot = refused(run(at, "evaluate pets --data new.txt --plot f.svg"), 2);
    assert_eq!(plot, "--plot is for classes and numbers: a language has none");
    assert!(said(run(at, "predict pets --input new.txt --interval 0.5")).contains("a language has no intervals"));
}

#[test]
fn a_language_is_learned_from_three_files_and_from_the_rows_of_a_table() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    for (name, n) in [("a", 200), ("b", 60), ("c", 50)] {
        fs::write(at.join(name), sentences(n)).unwrap();
    }
    let train = format!("train lstm --data text:a --valid b --test text:c --set train.epochs=1 {SMALL} {LANGUAGE}");
    said(run(at, &format!("{train} --out files")));
    let file = fs::read_to_string(at.join("files/model.toml")).unwrap();
    let rows = [200, 60, 50].map(|n| sentences(n).len().to_string()).join(", ");
    assert!(file.contains(&format!("rows = [{rows}]")) && file.contains("names = [\"a\", \"b\", \"c\"]"), "{file}");
    assert!(said(run(at, "evaluate files --data b --passes 2")).contains("this file chose the model's epoch"));

    let table: String = sentences(200).lines().map(|line| format!("{line},x\n")).collect();
    fs::write(at.join("t.csv"), format!("text,other\n{table}")).unwrap();
    let train = format!("train lstm --data t.csv --text text --set train.epochs=1 {SMALL} {LANGUAGE} --out rows");
    said(run(at, &train));
    let csv = run(at, "predict rows --input t.csv --format csv --passes 2").data();
    assert_eq!(cells(&csv)[0][..2], ["other", "tokens"]);
    assert_eq!(cells(&csv).len(), 201);
    said(run(at, "evaluate rows --data t.csv --passes 2 --format json"));
}

#[test]
fn classes_of_texts_are_learned_and_a_text_is_predicted_alike_in_any_company() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    fs::write(at.join("r.csv"), reviews(240)).unwrap();
    let train = format!(
        "train lstm --data r.csv --text text --target label --set train.epochs=12 --set data.length=24 --set data.long=window {SMALL} \
         --out model"
    );
    said(run(at, &train));
    let scores = json(&run(at, "evaluate model --data r.csv --format json --passes 10 -q --plot f.svg").data());
    assert_eq!((&scores["target"], &scores["monte_carlo"]["n"]), (&"label".into(), &240.into()));
    assert!(scores["monte_carlo"]["accuracy"].as_f64().unwrap() > 0.95, "{scores}");
    assert!(scores["baseline"]["accuracy"].as_f64().unwrap() < 0.7, "{scores}");
    assert!(fs::read_to_string(at.join("f.svg")).unwrap().contains("<svg"));

    let csv = run(at, "predict model --input r.csv --format csv --passes 10").data();
    let rows = cells(&csv);
    let header = ["label", "stars", "class", "probability", "entropy", "expected_entropy", "mutual_information"];
    assert_eq!(rows[0][..7], header);
    assert_eq!(rows[0][7..], ["p_good_one", "p_poor_one"]);
    assert!(rows[1..].iter().filter(|row| row[0] == row[2]).count() > 228);
    // One of a single window and one of several, each alone.
    let text = fs::read_to_string(at.join("r.csv")).unwrap();
    let long = text.lines().position(|line| line.len() > 40).unwrap();
    let short = text.lines().skip(1).position(|line| line.len() < 30).unwrap() + 1;
    for line in [short, long] {
        fs::write(
            at.join("one.csv"),
            format!("text\n{}\n", text.lines().nth(line).unwrap().split(',').next().unwrap()),
        )
        .unwrap();
        let one = cells(&run(at, "predict model --input one.csv --format csv --passes 10").data());
        let (alone, among) = (&one[1][1], &rows[line][3]);
        let off = (alone.parse::<f64>().unwrap() - among.parse::<f64>().unwrap()).abs();
        assert!(off < 1e-5, "line {line}: {alone} and {among}");
    }
    // What cannot be predicted.
    fs::write(at.join("bad.csv"), "text,n\ngood,1\n,2\npoor,3\n").unwrap();
    let ran = run(at, "predict model --input bad.csv --format csv --passes 2");
    assert_eq!((ran.code, cells(&ran.out).len()), (Some(1), 2)); // the row before it is written
    assert_eq!(ran.err, "error: bad.csv, line 3, column `text`: the text is empty\n");
    let ran = run(at, "predict model --input bad.csv --format csv --passes 2 --on-error skip");
    assert_eq!((ran.code, cells(&ran.out).len()), (Some(0), 3));
    assert!(ran.err.contains("1 of 3 rows could not be predicted and were skipped"), "{}", ran.err);
    let marked = cells(&run(at, "predict model --input bad.csv --format csv --passes 2 --on-error mark").out);
    assert!(marked[2].last().unwrap().ends_with("the text is empty") && marked[3].last().unwrap().is_empty());
    let error = refused(run(at, "predict model --input r.csv --no-header -q"), 1);
    assert_eq!(error, "r.csv: 3 columns without names: the training table's had names, which tell the text");
    fs::write(at.join("other.csv"), "words\ngood\n").unwrap();
    let error = refused(run(at, "predict model --input other.csv"), 1);
    assert_eq!(error, "other.csv: no column `text`, which holds the texts: there are `words`");
}

#[test]
fn a_number_is_learned_from_texts_with_its_noise() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    fs::write(at.join("r.csv"), reviews(240)).unwrap();
    let train = "train lstm --data r.csv --text text --target stars --set train.epochs=25 --set data.length=60";
    for (noise, out) in [("constant", "c"), ("predicted", "p"), ("none", "n")] {
        said(run(at, &format!("{train} {SMALL} --set model.noise={noise} --out {out}")));
        let csv =
            cells(&run(at, &format!("predict {out} --input r.csv --format csv --passes 10 --no-passthrough")).data());
        let columns = if noise == "none" { 2 } else { 6 };
        assert_eq!((csv[0][0].as_str(), csv[0].len(), csv.len()), ("mean", columns, 241), "{noise}");
    }
    let scores = json(&run(at, "evaluate c --data r.csv --format json --passes 10 -q").data());
    let of = |way: &str, score: &str| scores[way][score].as_f64().unwrap();
    assert!(of("monte_carlo", "rmse") < 0.5 * of("baseline", "rmse"), "{scores}");
    assert!((0.7..=1.0).contains(&of("monte_carlo", "coverage")), "{scores}");
}

#[test]
fn a_training_that_was_killed_goes_on_to_the_same_bytes() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    fs::write(at.join("pets.txt"), sentences(1500)).unwrap();
    fs::write(at.join("r.csv"), reviews(240)).unwrap();
    for (what, data) in [
        ("language", format!("--data text:pets.txt {LANGUAGE}")),
        ("classes", "--data r.csv --text text --target label".to_string()),
    ] {
        let train = |out: &str| words(&format!("train lstm {data} --set train.epochs=8 {SMALL} --out {out}"));
        let (whole, other) = (format!("whole-{what}"), format!("other-{what}"));
        let args = |out: &str| train(out);
        let begin = args(&whole);
        let scores = burn_zoo(at, &begin.iter().map(String::as_str).collect::<Vec<_>>()).data();
        let begin = args(&other);
        let mut child = command(at, &begin.iter().map(String::as_str).collect::<Vec<_>>());
        let mut child = child.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let since = Instant::now();
        while !at.join(format!("{other}.unfinished/checkpoint")).exists() {
            assert!(child.try_wait().unwrap().is_none() && since.elapsed() < Duration::from_secs(120), "{what}");
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(run(at, &format!("train --resume {other} -q")).data(), scores, "{what}");
        for name in ["model.toml", "weights.safetensors", "curve.csv"] {
            let of = |out: &str| fs::read(at.join(out).join(name)).unwrap();
            assert!(of(&whole) == of(&other), "{what}: {name}");
        }
    }
}

#[test]
fn settings_of_text_are_written_checked_and_trained_with() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    let template = run(at, "config lstm/text").data();
    fs::write(
        at.join("s.toml"),
        template.replace("epochs = 30 ", "epochs = 1 ").replace("hidden = 64 ", "hidden = 8 "),
    )
    .unwrap();
    run(at, "check s.toml").data();
    fs::write(at.join("pets.txt"), sentences(100)).unwrap();
    said(run(at, "train s.toml --data text:pets.txt --set data.streams=4 --out m"));
    let file = fs::read_to_string(at.join("m/model.toml")).unwrap();
    assert!(file.contains("hidden = 8\n") && file.contains("epochs = 1\n"), "{file}");
}

#[test]
fn what_has_no_meaning_for_text_is_refused_by_its_name() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    fs::write(at.join("pets.txt"), sentences(100)).unwrap();
    fs::write(at.join("r.csv"), reviews(60)).unwrap();
    fs::write(at.join("latin.txt"), b"abc\ncaf\xe9\n").unwrap();
    for (line, code, says) in [
        ("--data text:pets.txt --target label", 2, "--target is for tables: text:pets.txt is plain text"),
        ("--data text:pets.txt --delimiter ,", 2, "--delimiter is for tables: text:pets.txt is plain text"),
        ("--data r.csv --text text --na x", 2, "--na is for tables of features: this lstm reads texts"),
        ("--data r.csv --text txet --target label", 2, "--text: r.csv: unknown column `txet`: did you mean `text`?"),
        (
            "--data r.csv --text text --target lable",
            2,
            "--target: r.csv: unknown column `lable`: did you mean `label`?",
        ),
        (
            "--data r.csv --text text --target text",
            2,
            "`target` is text: expected another column than that of the texts",
        ),
        (
            "--data r.csv --text text --target label --set data.window=8",
            2,
            "`data.window` is 8: expected nothing: a target is predicted from each text, not the next token",
        ),
        (
            "--data text:pets.txt --set data.length=8",
            2,
            "`data.length` is 8: expected nothing: the next token is predicted, there is no target",
        ),
        (
            "--data text:pets.txt --set train.batch_size=8",
            2,
            "`train.batch_size` is 8: expected nothing: data.streams says how many windows are in a step",
        ),
        (
            "--data text:pets.txt --set model.bidirectional=true",
            2,
            "`model.bidirectional` is true: expected false: from its end, the next word is known",
        ),
        (
            "--data r.csv --text text --target label --set model.noise=predicted",
            2,
            "`model.noise` is predicted: expected the default, constant: `label` has classes, whose probabilities hold the noise",
        ),
        (
            "--data text:pets.txt --set data.streams=5000",
            2,
            "`data.streams` is 5000: expected 1 to 543: pets.txt has 1086 tokens for them",
        ),
        ("--data text:latin.txt", 1, "latin.txt, line 2, byte 4: 0xe9 is not UTF-8: save the file as UTF-8"),
        ("--data text:nothing.txt", 1, "nothing.txt: No such file or directory (os error 2)"),
    ] {
        let error = refused(run(at, &format!("train lstm {line} --out o")), code);
        assert_eq!(error, says, "{line}");
        assert!(!at.join("o").exists() && !at.join("o.unfinished").exists(), "{line}");
    }
    let error = refused(run(at, "train mlp --data text:pets.txt --target x --out o"), 2);
    assert_eq!(error, "--text and text:FILE are for an lstm: say `train lstm`");
}

// The field case D11.

/// A directory with a copy of its files; none, with a note, where there are none.
fn d11() -> Option<TempDir> {
    let path = env::var_os("BURN_ZOO_DATA").map(|data| Path::new(&data).join("../field/D11"));
    let Some(path) = path.filter(|path| path.exists()) else {
        eprintln!("skipped: no field case D11 beside $BURN_ZOO_DATA");
        return None;
    };
    let directory = TempDir::new().unwrap();
    for file in fs::read_dir(path).unwrap() {
        let file = file.unwrap();
        fs::write(directory.path().join(file.file_name()), fs::read(file.path()).unwrap()).unwrap();
    }
    Some(directory)
}

#[test]
fn d11_reviews_are_refused_by_line_or_kept_and_the_long_one_is_windowed() {
    let Some(directory) = d11() else { return };
    let at = directory.path();
    let train = "train lstm --data reviews.csv --text text --target label --set train.epochs=1";
    let told = refused(run(at, &format!("{train} --out o")), 1);
    assert!(told.starts_with("reviews.csv, line 6, column `text`: the text is empty (2 such rows)"), "{told}");
    let told = said(run(at, &format!("{train} --set data.empty=keep --set data.long=window --out kept")));
    assert!(told.contains("texts without any token: 2, kept as sequences of no steps"), "{told}");
    assert!(told.contains("texts of more than 256 tokens: 1, taken apart into windows"), "{told}");
    let told = said(run(at, &format!("{train} --set data.empty=keep --out cut")));
    assert!(told.contains("texts of more than 256 tokens: 1, cut"), "{told}");
    for model in ["kept", "cut"] {
        let ran = run(at, &format!("predict {model} --input reviews.csv --format csv --passes 3"));
        let rows = cells(&ran.out);
        assert_eq!((ran.code, rows.len()), (Some(0), 13), "{}", ran.err); // `NA` and the empty ones among them
        assert_eq!(rows[1..].iter().filter(|row| row[0] == "pos").count(), 6);
    }
    let stored = fs::read_to_string(at.join("kept/model.toml")).unwrap();
    assert!(!stored.contains("\\r") && !stored.contains('\u{feff}'), "{stored}");
}

#[test]
fn d11_messages_without_quoting_and_lines_without_carriage_returns() {
    let Some(directory) = d11() else { return };
    let at = directory.path();
    let train = "train lstm --data sms.tsv --text column_2 --target column_1 --set train.epochs=1";
    let told = refused(run(at, &format!("{train} --no-header --out o")), 1);
    assert!(
        told.starts_with("sms.tsv, line 4") && told.ends_with("say --quote none if quotes are ordinary characters"),
        "{told}"
    );
    let told = refused(run(at, &format!("{train} --no-header --quote none --out o")), 1);
    assert_eq!(told, "sms.tsv, line 6: 3 fields, expected 2");
    let text = fs::read_to_string(at.join("sms.tsv")).unwrap().replace("worry\t", "worry ");
    fs::write(at.join("sms.tsv"), text).unwrap();
    let train = format!("{train} --no-header --quote none --set data.empty=keep --set 'data.split=[0.5,0.25,0.25]'");
    let told = said(run(at, &format!("{train} --out sms")));
    assert!(told.contains("4 texts train, 2 choose, 2 test"), "{told}");
    // Quotes and the missing header are remembered; a file may lack the column that is predicted.
    let rows = cells(&run(at, "predict sms --input sms.tsv --no-header --format csv --passes 2 -q").data());
    assert_eq!((rows.len(), rows[0][0].as_str()), (9, "column_1"));
    let texts: String = fs::read_to_string(at.join("sms.tsv"))
        .unwrap()
        .lines()
        .take(5)
        .map(|line| format!("{}\n", line.split('\t').nth(1).unwrap()))
        .collect();
    fs::write(at.join("texts.tsv"), texts).unwrap();
    let alone =
        cells(&run(at, "predict sms --input texts.tsv --no-header --delimiter tab --format csv --passes 2 -q").data());
    assert_eq!(alone[1][0..3], rows[1][1..4]);

    let train = "train lstm --data text:lines.txt --set data.tokens=word --set data.min_count=1 --set train.epochs=1";
    let told = said(run(at, &format!("{train} --out lines")));
    assert!(told.contains("4214 words train, 903 choose, 903 test"), "{told}"); // 6013 words and 7 ends of lines
    assert!(!fs::read_to_string(at.join("lines/model.toml")).unwrap().contains("\\r"));
}
