//! Pictures on the command line: trained on, predicted, judged, and gone on with after an interruption.
#![cfg(all(feature = "cli", feature = "flex", unix))]

mod cli_support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use burn_zoo::{
    Key,
    data::image::digits,
    settings::{AnySettings, CnnSettings},
    zoo::ImageFile,
};
use cli_support::{Ran, burn_zoo, cells, command};
use serde_json::Value;
use tempfile::TempDir;

/// A network that learns something of the digits in seconds.
const STAGES: &str = "model.stages=[{channels=6,kernel=5,pool=\"max:4\",dropout=\"spatial:0.1\"}]";

/// A training on the digits of so many epochs.
fn train<'a>(out: &'a str, epochs: &'a str) -> Vec<&'a str> {
    let network = ["--set", STAGES, "--set", "model.hidden=[24]", "--set", "model.rates=0.2"];
    let rest = ["--set", "train.learning_rate=0.01", "--set", epochs, "-q", "--out", out];
    [&["train", "cnn", "--data", "digits"][..], &network, &rest].concat()
}

/// A folder with a model of digits in `model`; trained once for all tests, which copy it.
fn folder() -> (TempDir, PathBuf) {
    static MODEL: std::sync::OnceLock<(TempDir, String)> = std::sync::OnceLock::new();
    let (trained, _) = MODEL.get_or_init(|| {
        let directory = TempDir::new().unwrap();
        let scores = burn_zoo(directory.path(), &train("model", "train.epochs=3")).data();
        (directory, scores)
    });
    let directory = TempDir::new().unwrap();
    let at = directory.path().to_path_buf();
    fs::create_dir(at.join("model")).unwrap();
    for entry in fs::read_dir(trained.path().join("model")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, at.join("model").join(path.file_name().unwrap())).unwrap();
    }
    (directory, at)
}

fn write_png(path: &Path, width: u32, height: u32, pixels: &[f32]) {
    let bytes = pixels.iter().map(|x| (x * 255.0).round() as u8).collect();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::GrayImage::from_raw(width, height, bytes).unwrap().save(path).unwrap();
}

/// Pictures of the built-in kind, which no training saw, and their digits.
fn write_digits(folder: &Path, n: usize) -> Vec<usize> {
    let drawn = digits(Key::new(5).fold_str("test of the command line"), n);
    let [_, height, width] = drawn.images.shape();
    for row in 0..n {
        write_png(&folder.join(format!("{row:03}.png")), width as u32, height as u32, drawn.images.row(row));
    }
    drawn.labels
}

/// Pictures and labels as MNIST's test part has them.
fn write_idx(folder: &Path, n: usize) {
    let noise = Key::new(3).uniform(0, n, 28 * 28);
    let file = |lengths: &[u32], bytes: Vec<u8>| {
        let mut file = vec![0, 0, 8, lengths.len() as u8];
        lengths.iter().for_each(|length| file.extend(length.to_be_bytes()));
        [file, bytes].concat()
    };
    fs::create_dir_all(folder).unwrap();
    let pixels = noise.iter().map(|x| (x * 255.0) as u8).collect();
    fs::write(folder.join("t10k-images-idx3-ubyte"), file(&[n as u32, 28, 28], pixels)).unwrap();
    let labels = (0..n).map(|i| (i % 10) as u8).collect();
    fs::write(folder.join("t10k-labels-idx1-ubyte"), file(&[n as u32], labels)).unwrap();
}

#[test]
fn what_was_trained_is_shown_judged_and_better_than_knowing_nothing() {
    let (_directory, at) = folder();
    let names = ["curve.csv", "curve.svg", "model.toml", "weights.safetensors"];
    let mut found: Vec<_> = fs::read_dir(at.join("model"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, names);
    let file = ImageFile::open(&at.join("model")).unwrap();
    assert_eq!((file.classes.len(), file.data.source.as_str(), file.data.rows[2]), (10, "digits", 1000));
    assert_eq!(file.data.rows[0] + file.data.rows[1], 3000);
    assert!(file.provenance.command.starts_with("burn-zoo train cnn --data digits --set "), "{:?}", file.provenance);

    let shown = burn_zoo(&at, &["show", "model"]).data();
    for says in [
        "model: predicts the class of pictures of digits\n",
        "task      a classifier of 10 classes\n",
        "classes   0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n",
        "pictures  28 x 28 (height x width), grey\n",
        "stages    6 channels@5, relu, pool max:4, dropout spatial:0.1\n",
        "head      hidden [24], relu, rates 0 before, 0.2 behind\n",
    ] {
        assert!(shown.contains(says), "{shown}\nexpected: {says}");
    }
    let judged = burn_zoo(&at, &["evaluate", "model", "--data", "digits", "--format", "json"]).data();
    let json: Value = serde_json::from_str(&judged).unwrap();
    let score = |way: &str, name: &str| json[way][name].as_f64().unwrap();
    assert!(score("monte_carlo", "accuracy") > 0.6, "{judged}");
    assert!(score("monte_carlo", "nll") < score("baseline", "nll"));
    assert_eq!(json["schema"], 1);
    // The scores that were written at the training.
    let monte_carlo = file.test.unwrap().monte_carlo;
    for name in ["accuracy", "nll", "brier", "ece"] {
        let (then, now) = (monte_carlo.get(name).unwrap(), score("monte_carlo", name));
        assert!((then - now).abs() < 1e-5, "{name}: {then} {now}");
    }
}

#[test]
fn a_picture_and_a_folder_are_predicted_alike_in_every_format() {
    let (_directory, at) = folder();
    let labels = write_digits(&at.join("new"), 40);
    let predict = |more: &[&str]| {
        let args = ["predict", "model", "--input", "new", "--passes", "20"];
        burn_zoo(&at, &[&args[..], more].concat()).data()
    };
    let rows = cells(&predict(&["--format", "csv"]));
    let columns = ["file", "class", "probability", "entropy", "expected_entropy", "mutual_information"];
    assert_eq!(rows[0][..6], columns);
    assert_eq!(rows[0][6..], (0..10).map(|digit| format!("p_{digit}")).collect::<Vec<_>>());
    assert_eq!((rows.len(), rows[1][0].as_str()), (41, "000.png"));
    let right = rows[1..].iter().zip(&labels).filter(|(row, label)| row[1] == label.to_string()).count();
    assert!(right > 20, "{right} of 40");
    for row in &rows[1..] {
        let numbers: Vec<f64> = row[2..].iter().map(|cell| cell.parse().unwrap()).collect();
        assert!((numbers[4..].iter().sum::<f64>() - 1.0).abs() < 1e-6 && numbers[1] >= numbers[2]);
    }
    let json: Value = serde_json::from_str(&predict(&["--format", "json"])).unwrap();
    assert_eq!(json["rows"].as_array().unwrap().len(), 40);
    let lines = predict(&["--format", "jsonl"]);
    let third: Value = serde_json::from_str(lines.lines().nth(2).unwrap()).unwrap();
    assert_eq!((&third["file"], &third["class"]), (&Value::from("002.png"), &Value::from(rows[3][1].as_str())));
    assert!(predict(&[]).starts_with("file     class  probability  entropy  expected_entropy  mutual_information"));

    // One by one, and in other blocks: the same numbers but for rounding.
    let one =
        burn_zoo(&at, &["predict", "model", "--input", "new/002.png", "--passes", "20", "--format", "csv"]).data();
    let small = cells(&predict(&["--format", "csv", "--memory", "1"]));
    for (a, b) in cells(&one)[1][1..].iter().zip(&rows[3][1..]).chain(small[3][1..].iter().zip(&rows[3][1..])) {
        let [a, b] = [a, b].map(|cell| cell.parse::<f64>().unwrap());
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

#[test]
fn pictures_that_cannot_be_read_are_told_left_out_or_marked() {
    let (_directory, at) = folder();
    write_digits(&at.join("new"), 3);
    let whole = fs::read(at.join("new/000.png")).unwrap();
    fs::write(at.join("new/001a.png"), &whole[..whole.len() / 2]).unwrap();
    fs::write(at.join("new/004.jpg"), "<!doctype html>").unwrap();
    let predict = |more: &[&str]| {
        let args = ["predict", "model", "--input", "new", "--passes", "5", "--format", "csv"];
        burn_zoo(&at, &[&args[..], more].concat())
    };
    let cut = "new/001a.png: cut off before its end";
    let page = "new/004.jpg: looks like a web page: download the file itself";

    let ran = predict(&[]);
    assert_eq!((ran.code, ran.err), (Some(1), format!("error: {cut}\n")));
    assert_eq!(cells(&ran.out).iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), ["file", "000.png", "001.png"]);

    let ran = predict(&["--on-error", "skip"]);
    let notes = format!("note: {cut}\nnote: {page}\nnote: new: 2 of 5 rows could not be predicted and were skipped\n");
    assert_eq!((ran.code, ran.err), (Some(0), notes));
    assert_eq!(cells(&ran.out).len(), 4);

    let ran = predict(&["--on-error", "mark"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.err.ends_with("note: new: 2 of 5 rows could not be predicted and were marked: see column `error`\n"));
    let rows = cells(&ran.out);
    let errors: Vec<&str> = rows.iter().map(|row| row.last().unwrap().as_str()).collect();
    assert_eq!(errors, ["error", "", "", cut, "", page]);
    assert!(rows[3][1..rows[3].len() - 1].iter().all(String::is_empty));
    assert_eq!(predict(&["--on-error", "mark", "-q"]).data(), ran.out);
}

#[test]
fn what_was_done_to_a_picture_is_told() {
    let (_directory, at) = folder();
    write_png(&at.join("new/large.png"), 56, 40, &vec![0.5; 56 * 40]);
    image::RgbImage::from_pixel(28, 28, image::Rgb([200, 10, 10])).save(at.join("new/red.png")).unwrap();
    let ran = burn_zoo(&at, &["predict", "model", "--input", "new", "--passes", "5", "--format", "csv"]);
    let notes = "note: new: 1 picture scaled to 28 x 28 (height x width), proportions kept, black beside them: large.png\n\
                 note: new: 1 picture stored in colour, read as grey: red.png\n";
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), notes));
    assert_eq!(cells(&ran.out).len(), 3);
}

#[test]
fn uncertainty_tells_mistakes_and_pictures_of_another_kind() {
    let (_directory, at) = folder();
    write_idx(&at.join("noise"), 60);
    let args = ["evaluate", "model", "--data", "digits", "--ood", "mnist:noise", "--passes", "20"];
    let text = burn_zoo(&at, &args).data();
    let table = text.split_once("\n\n").unwrap().1;
    let words = |line: &str| line.split_whitespace().map(str::to_string).collect::<Vec<_>>();
    let lines: Vec<Vec<String>> = table.lines().map(words).collect();
    assert_eq!(lines[0], ["auroc", "misclassified", "ood"]);
    let names: Vec<&str> = lines[1..].iter().map(|line| line[0].as_str()).collect();
    assert_eq!(names, ["entropy", "expected_entropy", "mutual_information", "mean_network_entropy"]);

    let json = burn_zoo(&at, &[&args[..], &["--format", "json", "--plot", "r.svg"]].concat()).data();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["schema"], &json["ood"]), (&Value::from(1), &Value::from("mnist:noise")));
    assert!(fs::read_to_string(at.join("r.svg")).unwrap().contains("</svg>"));
    for (i, what) in ["misclassified", "ood"].into_iter().enumerate() {
        for (line, name) in lines[1..].iter().zip(names.iter()) {
            let value = json["auroc"][what][name].as_f64().unwrap();
            let error = json["auroc"][what]["standard_error"][name].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&value) && error >= 0.0, "{json}");
            let [shown, sign, shown_error] = &line[1 + 3 * i..4 + 3 * i] else { panic!("{line:?}") };
            let near = |shown: &String, x: f64| (shown.parse::<f64>().unwrap() - x).abs() < 6e-5; // half of the last digit
            assert!(sign == "±" && near(shown, value) && near(shown_error, error), "{line:?}\n{json}");
        }
    }
    assert!(json["auroc"]["misclassified"]["entropy"].as_f64().unwrap() > 0.6, "{json}");
}

#[test]
fn a_training_that_was_killed_goes_on_to_the_same_bytes() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    let with_shift = |out| [&train(out, "train.epochs=6")[..], &["--set", "augment.shift=0.1"]].concat();
    let scores = burn_zoo(at, &with_shift("whole")).data();
    let mut child = command(at, &with_shift("o"));
    let mut child = child.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begin = Instant::now();
    while !at.join("o.unfinished/checkpoint").exists() {
        assert!(child.try_wait().unwrap().is_none() && begin.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let other = burn_zoo(at, &with_shift("o"));
    let says = "error: o.unfinished: an unfinished training: go on with `burn-zoo train --resume o`, or remove that directory\n";
    assert_eq!((other.code, other.err.as_str()), (Some(1), says));
    assert_eq!(burn_zoo(at, &["train", "--resume", "o", "-q"]).data(), scores);
    for name in ["model.toml", "weights.safetensors", "curve.csv"] {
        assert!(fs::read(at.join("o").join(name)).unwrap() == fs::read(at.join("whole").join(name)).unwrap(), "{name}");
    }
    assert!(!at.join("o.unfinished").exists());
}

#[test]
fn settings_of_pictures_are_written_checked_and_trained_with() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    for name in ["cnn".to_string()].into_iter().chain(CnnSettings::variants().map(|name| format!("cnn/{name}"))) {
        let template = burn_zoo(at, &["config", &name]).data();
        assert_eq!(AnySettings::from_toml(&template).unwrap(), AnySettings::find(&name).unwrap());
        fs::write(at.join("some.toml"), template).unwrap();
        assert_eq!(burn_zoo(at, &["check", "some.toml"]).data(), "");
    }
    let help = burn_zoo(at, &["config", "--help"]).data();
    for name in CnnSettings::variants() {
        assert!(help.contains(&format!("cnn/{name}")), "{help}");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/cnn/variants").join(name).with_extension("toml");
        assert_eq!(burn_zoo(at, &["check", path.to_str().unwrap()]).data(), "");
    }
    // A folder of two classes, by a file of settings.
    let labels = write_digits(&at.join("drawn"), 60);
    for (row, label) in labels.iter().enumerate() {
        let class = at.join("pictures").join(if label % 2 == 0 { "even" } else { "odd" });
        fs::create_dir_all(&class).unwrap();
        fs::rename(at.join(format!("drawn/{row:03}.png")), class.join(format!("{row:03}.png"))).unwrap();
    }
    let text = "family = \"cnn\"\n[model]\nhidden = [8]\n[train]\nepochs = 1\n[[model.stages]]\nchannels = 2\npool = \"max:4\"\n";
    fs::write(at.join("small.toml"), text).unwrap();
    let ran = burn_zoo(at, &["train", "small.toml", "--data", "images:pictures", "--out", "o"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let says =
        "a classifier of two classes: pictures of 28 x 28 (height x width), grey; 42 rows train, 9 choose, 9 test\n";
    assert!(ran.err.contains(says), "{}", ran.err);
    let again = burn_zoo(at, &["evaluate", "o", "--data", "images:pictures", "--passes", "5"]);
    let note = "note: images:pictures: the model was trained on these pictures: 42 of them trained and 9 chose; only 9 are \
                new to it\n";
    assert_eq!((again.code, again.err.as_str()), (Some(0), note));
    let list: Ran = burn_zoo(at, &["predict", "o", "--input", "pictures/odd", "--passes", "5", "--format", "csv"]);
    assert!(
        list.data().starts_with("file,class,probability,entropy,expected_entropy,mutual_information,p_even,p_odd\n")
    );
}
