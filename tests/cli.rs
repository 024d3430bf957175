//! What the command line promises: data on standard output, words on standard error, exit codes, and the same bytes for the same arguments.
#![cfg(all(feature = "cli", feature = "ndarray", feature = "flex"))]

mod cli_support;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use burn_zoo::{DeviceSpec, zoo};
use cli_support::{
    BURN_ZOO, assert_close, burn_zoo, burn_zoo_reading, cells, command, numbers, wine, wine_csv, wine_header,
};
use serde_json::Value;

const MODEL: &str = "mlp/wine-red";
const PREDICTED: &str = "mean,sd,sd_epistemic,sd_aleatoric,lower,upper,outside";

fn here() -> &'static Path {
    Path::new(".")
}

/// `predict` of a CSV text as CSV.
fn predict(input: &str, args: &[&str]) -> String {
    let fixed = ["predict", MODEL, "--input", "-", "--format", "csv", "--quiet"];
    burn_zoo_reading(here(), &[&fixed[..], args].concat(), input).data()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("one JSON document")
}

#[test]
fn list_names_every_model_of_the_zoo() {
    let table = burn_zoo(here(), &["list"]).data();
    let names: Vec<&str> = table.lines().skip(1).map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(names, zoo::list().iter().map(|entry| entry.name).collect::<Vec<_>>());
    let wine = burn_zoo(here(), &["list", "*wine*"]).data();
    let names: Vec<&str> = wine.lines().skip(1).map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(names, [MODEL]);
    assert_eq!(burn_zoo(here(), &["list", "no such model"]).data().lines().count(), 1);
}

#[test]
fn list_says_in_json_what_the_description_claims() {
    let list = json(&burn_zoo(here(), &["list", "--format", "json"]).data());
    assert_eq!(list["schema"], 1);
    for (model, entry) in list["models"].as_array().unwrap().iter().zip(zoo::list()) {
        assert_eq!(model["name"], entry.name);
        let (weights, test, score) = match entry.describe().unwrap() {
            zoo::AnyFile::Table(file) => {
                assert_eq!(model["target"], file.target.name.as_str());
                (file.weights, file.test.unwrap().monte_carlo.get("rmse"), "rmse")
            }
            zoo::AnyFile::Images(file) => (file.weights, file.test.unwrap().monte_carlo.get("accuracy"), "accuracy"),
            zoo::AnyFile::Series(file) => (file.weights, file.test.unwrap().monte_carlo.mase, "mase"),
            zoo::AnyFile::Text(file) => {
                let bits = file.test.unwrap().monte_carlo.get("bits_per_character");
                (file.weights, bits, "bits_per_character")
            }
        };
        assert_eq!(model["params"], weights.params);
        assert_eq!(model["bytes"], weights.bytes);
        assert_eq!(model["test"][score], test.unwrap());
    }
}

#[test]
fn show_writes_the_description_in_short_in_full_and_as_the_card() {
    let entry = zoo::find(MODEL).unwrap();
    let text = burn_zoo(here(), &["show", MODEL]).data();
    assert!(text.starts_with("mlp/wine-red: predicts quality from 11 columns of wine-red\n"), "{text}");
    assert!(text.contains(&entry.file().unwrap().weights.sha256));
    let toml = burn_zoo(here(), &["show", MODEL, "--format", "toml"]).data();
    assert_eq!(zoo::ModelFile::read(&toml, Path::new("shown")).unwrap(), entry.file().unwrap());
    assert_eq!(burn_zoo(here(), &["show", MODEL, "--format", "card"]).data(), entry.card());
}

#[test]
fn a_trained_directory_is_a_model_like_those_of_the_zoo() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let train = ["train", "mlp", "--data", "wine-red", "--set", "train.epochs=2", "--out", "wine", "--quiet"];
    let scores = burn_zoo(at, &train).data();
    let shown = burn_zoo(at, &["show", "wine"]).data();
    assert!(shown.ends_with(&scores), "{shown}\n{scores}");
    assert!(shown.contains("made by   burn-zoo train mlp --data wine-red --set train.epochs=2 --out DIR"), "{shown}");
    let toml = burn_zoo(at, &["show", "wine", "--format", "toml"]).data();
    assert_eq!(toml, fs::read_to_string(at.join("wine/model.toml")).unwrap());
    let curve = fs::read_to_string(at.join("wine/curve.csv")).unwrap();
    assert_eq!(cells(&curve).iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), ["epoch", "1", "2"]);
    assert!(curve.starts_with("epoch,train_loss,valid_loss,learning_rate,penalty,grad_norm,clipped\n"), "{curve}");
    assert_eq!(cells(&curve)[1][3..], ["0.001", "0", "", ""]);
    let predicted = burn_zoo_reading(at, &["predict", "wine", "--input", "-", "--format", "csv"], &wine_csv(3)).data();
    assert_eq!(cells(&predicted).len(), 4);
    let card = burn_zoo(at, &["show", "wine", "--format", "card"]);
    assert_eq!((card.code, card.err.as_str()), (Some(1), "error: wine has no card: only models of the zoo have\n"));
}

#[test]
fn the_same_training_twice_writes_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let train = |out: &str| {
        let args = ["train", "mlp", "--data", "wine-red", "--set", "train.epochs=2", "--seed", "3", "-q", "--out", out];
        let scores = burn_zoo(directory.path(), &args).data();
        let file = |name: &str| fs::read(directory.path().join(out).join(name)).unwrap();
        (scores, file("model.toml"), file("weights.safetensors"), file("curve.csv"))
    };
    assert_eq!(train("a"), train("b"));
}

#[test]
fn a_file_of_settings_does_what_its_settings_do_one_by_one() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fs::write(at.join("small.toml"), "[model]\nhidden = [8]\n\n[train]\nepochs = 2\n").unwrap();
    let rest = ["--data", "wine-red", "-q", "--out"];
    let from_file = burn_zoo(at, &[&["train", "small.toml"], &rest[..], &["a"]].concat()).data();
    let set = ["--set", "model.hidden=[8]", "--set", "train.epochs=2"];
    assert_eq!(burn_zoo(at, &[&["train", "mlp"], &rest[..], &["b"], &set[..]].concat()).data(), from_file);
}

#[test]
fn devices_says_what_is_compiled_in_and_how_to_get_the_rest() {
    let table = burn_zoo(here(), &["devices"]).data();
    let list = json(&burn_zoo(here(), &["devices", "--format", "json"]).data());
    assert_eq!(list["schema"], 1);
    let devices = list["devices"].as_array().unwrap();
    assert_eq!(devices.len(), DeviceSpec::FEATURES.len());
    for ((line, device), (name, feature, compiled)) in table.lines().skip(1).zip(devices).zip(DeviceSpec::FEATURES) {
        assert_eq!(line.split_whitespace().next(), Some(name));
        assert_eq!((&device["name"], &device["compiled"]), (&Value::from(name), &Value::from(compiled)));
        assert_eq!(device["default"], name == "flex");
        if !compiled {
            assert!(line.ends_with(&format!("not compiled in: build with --features {feature}")), "{line}");
        }
    }
}

#[test]
fn every_format_has_the_same_columns_in_the_same_order_and_the_same_numbers() {
    let predict = |format: &str| {
        let args = ["predict", MODEL, "--input", "-", "--format", format, "-q"];
        burn_zoo_reading(here(), &args, &wine_csv(5)).data()
    };
    let csv = cells(&predict("csv"));
    assert_eq!(csv[0].join(","), format!("quality,{PREDICTED}"));
    assert_eq!(csv.len(), 6);

    let document = json(&predict("json"));
    assert_eq!((&document["schema"], &document["model"]), (&Value::from(1), &Value::from(MODEL)));
    assert_eq!((&document["passes"], &document["seed"]), (&Value::from(50), &Value::from(0)));
    let lines: Vec<Value> = predict("jsonl").lines().map(json).collect();
    assert_eq!(document["rows"].as_array().unwrap(), &lines);
    for (line, csv_row) in lines.iter().zip(&csv[1..]) {
        let (names, values): (Vec<_>, Vec<_>) = line.as_object().unwrap().iter().unzip();
        assert_eq!(names, csv[0].iter().collect::<Vec<_>>());
        assert_eq!(values[0], csv_row[0].as_str()); // a cell that passes through is text
        let numbers = values[1..7].iter().map(|value| value.as_f64().unwrap());
        assert!(numbers.eq(csv_row[1..7].iter().map(|cell| cell.parse::<f64>().unwrap())));
        assert_eq!(*values[7], Value::Array(vec![])); // nothing lies outside of the training part
    }

    let table = predict("table");
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], csv[0]);
    for (row, csv_row) in rows[1..].iter().zip(&csv[1..]) {
        let rounded = |cell: &String| format!("{:.4}", cell.parse::<f64>().unwrap());
        assert_eq!(row[1..], csv_row[1..7].iter().map(rounded).collect::<Vec<_>>());
    }
}

#[test]
fn sd_is_made_of_its_two_parts_and_the_mean_lies_inside_the_interval() {
    for row in numbers(&predict(&wine_csv(50), &[])) {
        let [mean, sd, epistemic, aleatoric, lower, upper] = row[..] else { panic!("{row:?}") };
        assert!((sd - epistemic.hypot(aleatoric)).abs() < 1e-8 * sd);
        assert!(lower < mean && mean < upper);
    }
}

#[test]
fn several_intervals_are_named_by_their_levels_and_nested() {
    let csv = predict(&wine_csv(3), &["--interval", "0.5", "--interval", "0.9"]);
    let names = "quality,mean,sd,sd_epistemic,sd_aleatoric,lower_0.5,upper_0.5,lower_0.9,upper_0.9,outside";
    assert_eq!(csv.lines().next(), Some(names));
    for row in numbers(&csv) {
        assert!(row[6] < row[4] && row[4] < row[5] && row[5] < row[7], "{row:?}");
    }
    let one = numbers(&predict(&wine_csv(3), &["--interval", "0.5"]));
    assert!(numbers(&csv).iter().zip(&one).all(|(two, one)| two[..6] == one[..]));
}

#[test]
fn the_order_of_the_columns_does_not_matter() {
    let table = wine();
    let turned: String = [wine_header()]
        .into_iter()
        .chain(table.iter().take(20).map(|row| row.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")))
        .map(|line| line.split(',').rev().collect::<Vec<_>>().join(",") + "\n")
        .collect();
    assert_eq!(predict(&turned, &[]), predict(&wine_csv(20), &[]));
}

#[test]
fn columns_that_the_model_does_not_use_pass_through_but_for_blanks_around_cells() {
    let wine = wine_csv(3);
    let [header, a, b, c] = wine.lines().collect::<Vec<_>>()[..] else { panic!() };
    let input =
        format!("id,{header},note\n007,{a},\"dry, \"\"flinty\"\"\"\n 8 ,{b},\"two\nlines\"\n,{c},ça \u{1f377}\n");
    let rows = cells(&predict(&input, &[]));
    assert_eq!(rows[0].join(","), format!("id,quality,note,{PREDICTED}"));
    let passed: Vec<&[String]> = rows[1..].iter().map(|row| &row[..3]).collect();
    assert_eq!(passed, [["007", "5", "dry, \"flinty\""], ["8", "5", "two\nlines"], ["", "5", "ça \u{1f377}"]]);

    let rows = cells(&predict(&input, &["--no-passthrough"]));
    assert_eq!(rows[0].join(","), PREDICTED);
    assert_eq!(rows.len(), 4);
}

#[test]
fn a_file_is_read_like_standard_input_with_bom_spaces_and_windows_line_ends() {
    let directory = tempfile::tempdir().unwrap();
    let windows = format!("\u{feff}{}", wine_csv(3).replace(',', " , ").replace('\n', "\r\n"));
    fs::write(directory.path().join("wines.csv"), windows).unwrap();
    let args = ["predict", MODEL, "--input", "wines.csv", "--format", "csv", "--no-passthrough", "-q"];
    assert_eq!(burn_zoo(directory.path(), &args).data(), predict(&wine_csv(3), &["--no-passthrough"]));
}

#[test]
fn a_header_without_rows_is_answered_by_one() {
    let header = wine_header() + "\n";
    assert_eq!(predict(&header, &[]), format!("quality,{PREDICTED}\n"));
    let run = |format: &str| {
        burn_zoo_reading(here(), &["predict", MODEL, "--input", "-", "--format", format], &header).data()
    };
    assert_eq!(json(&run("json"))["rows"], Value::Array(vec![]));
    assert_eq!(run("jsonl"), "");
    assert_eq!(run("table").split_whitespace().collect::<Vec<_>>().join(","), format!("quality,{PREDICTED}"));
}

#[test]
fn the_same_arguments_give_the_same_bytes() {
    let first = predict(&wine_csv(100), &["--seed", "4"]);
    for _ in 0..2 {
        assert_eq!(predict(&wine_csv(100), &["--seed", "4"]), first);
    }
}

#[test]
fn another_seed_samples_other_networks() {
    let (a, b) = (numbers(&predict(&wine_csv(5), &[])), numbers(&predict(&wine_csv(5), &["--seed", "1"])));
    for (a, b) in a.iter().zip(&b) {
        assert_ne!(a[..3], b[..3]);
        assert_eq!(a[3], b[3]); // the noise of the data is not sampled
        assert!((a[0] - b[0]).abs() < 0.5 * a[1]);
    }
}

#[test]
fn little_memory_gives_the_same_numbers() {
    let (much, little) = (predict(&wine_csv(300), &[]), predict(&wine_csv(300), &["--memory", "4K"]));
    assert_close(&numbers(&much), &numbers(&little), 1e-5);
    assert_eq!(cells(&much).len(), cells(&little).len());
    assert_close(&numbers(&predict(&wine_csv(3), &[])), &numbers(&predict(&wine_csv(3), &["--memory", "1"])), 1e-5);
}

#[test]
fn ndarray_and_flex_agree_and_the_environment_may_choose() {
    let flex = predict(&wine_csv(200), &["--device", "flex"]);
    let ndarray = predict(&wine_csv(200), &["--device", "ndarray"]);
    assert_close(&numbers(&flex), &numbers(&ndarray), 1e-5);
    assert_eq!(predict(&wine_csv(200), &[]), flex);

    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("in.csv"), wine_csv(200)).unwrap();
    let args = ["predict", MODEL, "--input", "in.csv", "--format", "csv", "-q"];
    let output = command(directory.path(), &args).env("BURN_ZOO_DEVICE", "ndarray").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), ndarray);
}

#[test]
fn a_row_beyond_the_first_block_is_predicted_as_it_is_alone() {
    let long = wine_csv(4200);
    let all = numbers(&predict(&long, &[]));
    assert_eq!(all.len(), 4200);
    let lines: Vec<&str> = long.lines().collect();
    let some = [&lines[..1], &lines[4091..4111]].concat().join("\n");
    assert_close(&numbers(&predict(&some, &[])), &all[4090..4110], 1e-5);
}

/// What is wrong, the arguments, and what is said: one line on standard error, nothing but whole records on standard output.
#[track_caller]
fn refused(directory: &Path, args: &[&str], code: i32, says: &str) {
    let ran = burn_zoo(directory, args);
    assert_eq!((ran.code, ran.err.as_str()), (Some(code), &*format!("error: {says}\n")), "{args:?}\n{}", ran.out);
    let whole = ran.out.starts_with(&format!("quality,{PREDICTED}\n")) && ran.out.ends_with('\n');
    assert!(ran.out.is_empty() || whole, "{}", ran.out);
}

#[test]
fn a_table_that_cannot_be_predicted_is_refused_by_place() {
    let directory = tempfile::tempdir().unwrap();
    let wine = wine_csv(2);
    let [header, first, second] = wine.lines().collect::<Vec<_>>()[..] else { panic!() };
    let cell = |value: &str| format!("{header}\n{first}\n{}\n", second.replace("0.098", value));
    let names = |header: &str| header.split(',').map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let lost = header.replace("chlorides", "salt");
    for (input, says) in [
        (
            wine.replace("chlorides", "Chlorides"),
            "in.csv: no column `chlorides`, which the model reads: did you mean `Chlorides`?".to_string(),
        ),
        (
            wine.replace("fixed acidity", "fixed_acidty"),
            "in.csv: no column `fixed acidity`, which the model reads: did you mean `fixed_acidty`?".to_string(),
        ),
        (
            format!("{lost}\n{first}\n"),
            format!("in.csv: no column `chlorides`, which the model reads; found {}", names(&lost)),
        ),
        (cell("salty"), "in.csv, line 3, column `chlorides`: `salty` is not a number".to_string()),
        (cell("inf"), "in.csv, line 3, column `chlorides`: `inf` is not a number".to_string()),
        (cell("0,098"), "in.csv, line 3: 13 fields, expected 12".to_string()),
        (
            cell("1e300"),
            "in.csv, line 3: the prediction is NaN: a number of this row is too large".to_string(),
        ),
        (format!("{wine}1,2,3\n"), "in.csv, line 4: 3 fields, expected 12".to_string()),
        (String::new(), "in.csv: empty: no header and no rows".to_string()),
        (
            format!("{header},pH\n{first},3\n"),
            "in.csv, line 1: columns 9 and 13 are both called `pH`: expected one".to_string(),
        ),
        (
            wine.replace("quality", "mean"),
            "in.csv: 2 columns of the output would be called `mean`: rename those of the input, or say --no-passthrough"
                .to_string(),
        ),
    ] {
        fs::write(directory.path().join("in.csv"), input).unwrap();
        refused(directory.path(), &["predict", MODEL, "--input", "in.csv", "--format", "csv", "-q"], 1, &says);
    }
    fs::write(directory.path().join("in.csv"), [header.as_bytes(), b",x\n", first.as_bytes(), b",\xff\n"].concat())
        .unwrap();
    let args = ["predict", MODEL, "--input", "in.csv", "--format", "csv", "-q"];
    let ran = burn_zoo(directory.path(), &args);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (Some(1), "error: in.csv, line 2, column 13: `\u{fffd}` is not UTF-8: save the file as UTF-8\n")
    );
}

#[test]
fn a_table_is_read_whatever_its_dialect() {
    let wine = wine_csv(5);
    let expected = predict(&wine, &[]);
    let semicolons = wine.replace(',', ";").replace('.', ",").replace('\n', "\r\n");
    assert_eq!(predict(&semicolons, &[]), expected);
    assert_eq!(predict(&format!("\u{feff}{}", wine.replace(',', "\t")), &[]), expected);
    let headless: String =
        wine.lines().skip(1).map(|line| line.rsplit_once(',').unwrap().0.to_string() + "\n").collect();
    assert_eq!(predict(&headless, &["--no-header"]), predict(&wine, &["--no-passthrough"]));
    let strange = format!("a remark\n{}", wine.replace(',', "|").replace('.', ","));
    assert_eq!(predict(&strange, &["--skip", "1", "--delimiter", "|", "--decimal", "comma"]), expected);
}

#[test]
fn a_mistake_behind_the_first_block_leaves_the_whole_records_before_it() {
    let good = wine_csv(4500);
    let bad = format!("{good}{}\n", "x,".repeat(11) + "5");
    let ran = burn_zoo_reading(here(), &["predict", MODEL, "--input", "-", "--format", "csv", "-q"], &bad);
    let says = "error: standard input, line 4502, column `fixed acidity`: `x` is not a number\n";
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), says));
    assert!(ran.out.ends_with('\n'));
    let rows = numbers(&ran.out);
    assert_eq!(rows.len(), 4500);
    assert_close(&rows[..4096], &numbers(&predict(&good, &[]))[..4096], 0.0);
}

#[test]
fn a_prediction_that_cannot_be_made_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fs::write(at.join("in.csv"), wine_csv(1)).unwrap();
    let train = ["train", "mlp", "--data", "wine-red", "--out", "silent", "--set", "train.epochs=1", "-q"];
    burn_zoo(at, &[&train[..], &["--set", "model.noise=none"]].concat()).data();
    let silent = burn_zoo(at, &["predict", "silent", "--input", "in.csv", "--format", "csv", "-q"]).data();
    assert_eq!(silent.lines().next(), Some("quality,mean,sd_epistemic,outside")); // no interval without noise
    for (args, code, says) in [
        ("mlp/wine-red --input missing.csv", 1, "missing.csv: No such file or directory (os error 2)"),
        (
            "mlp/wine-rde --input in.csv",
            2,
            "unknown model `mlp/wine-rde`: did you mean `mlp/wine-red`? (nor is it a directory that `train` wrote)",
        ),
        (
            "mlp/wine --input in.csv",
            2,
            "unknown model `mlp/wine`: did you mean `mlp/wine-red`? (nor is it a directory that `train` wrote)",
        ),
        ("./ --input in.csv", 1, "./model.toml: No such file or directory (os error 2)"),
        (
            "mlp/wine-red --input in.csv --device flxe",
            2,
            "invalid value 'flxe' for '--device <DEVICE>': unknown device `flxe`: did you mean `flex`?",
        ),
        (
            "mlp/wine-red --input in.csv --device flex:1",
            2,
            "invalid value 'flex:1' for '--device <DEVICE>': device `flex:1`: expected `flex` alone: there is one",
        ),
        (
            "mlp/wine-red --input in.csv --interval 90",
            2,
            "invalid value '90' for '--interval <LEVEL>': expected a probability between 0 and 1",
        ),
        (
            "mlp/wine-red --input in.csv --interval 0",
            2,
            "invalid value '0' for '--interval <LEVEL>': expected a probability between 0 and 1",
        ),
        (
            "mlp/wine-red --input in.csv --interval NaN",
            2,
            "invalid value 'NaN' for '--interval <LEVEL>': expected a probability between 0 and 1",
        ),
        ("mlp/wine-red --input in.csv --interval 0.9 --interval 0.90", 2, "--interval 0.9 is given twice"),
        (
            "mlp/wine-red --input in.csv --passes 0",
            2,
            "invalid value '0' for '--passes <PASSES>': expected a whole number from 1 to 1000000",
        ),
        (
            "mlp/wine-red --input in.csv --memory 1T",
            2,
            "invalid value '1T' for '--memory <MEMORY>': expected a number of bytes, such as 65536, 512M or 2G",
        ),
        (
            "mlp/wine-red --input in.csv --format xml",
            2,
            "invalid value 'xml' for '--format <FORMAT>' [possible values: table, csv, json, jsonl]",
        ),
        ("mlp/wine-red", 2, "the following required arguments were not provided: --input <FILE|DIR>"),
        (
            "mlp/wine-red --input in.csv --formt csv",
            2,
            "unexpected argument '--formt' found; a similar argument exists: '--format'",
        ),
    ] {
        let args: Vec<&str> = ["predict"].into_iter().chain(args.split(' ')).collect();
        refused(at, &args, code, says);
    }
}

#[cfg(not(feature = "wgpu"))]
#[test]
fn a_device_that_is_not_compiled_in_names_its_feature() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("in.csv"), wine_csv(1)).unwrap();
    let args = ["predict", MODEL, "--input", "in.csv", "--device", "wgpu:discrete:0"];
    let says = "device `wgpu:discrete:0`: not compiled in: build with `--features wgpu`";
    refused(directory.path(), &args, 1, says);
}

#[test]
fn a_command_that_is_none_is_told_the_nearest_or_all() {
    refused(
        here(),
        &[],
        2,
        "no command: expected one of list, show, config, check, train, predict, evaluate, forecast, devices, completions (burn-zoo --help)",
    );
    refused(here(), &["predcit"], 2, "unrecognized subcommand 'predcit'; a similar subcommand exists: 'predict'");
}

#[test]
fn a_training_that_cannot_be_made_says_why_before_it_begins() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fs::create_dir(at.join("there")).unwrap();
    fs::write(at.join("file"), "").unwrap();
    fs::write(at.join("misspelt.toml"), "[train]\nepcohs = 3\n").unwrap();
    fs::write(at.join("broken.toml"), "[train]\nepochs = \n").unwrap();
    fs::write(at.join("text.toml"), "[train]\nepochs = \"many\"\n").unwrap();
    let whole = "expected a whole number that is not below 0";
    for (args, code, says) in [
        (
            "mlp --data wine-red --out o --set train.epcohs=3",
            2,
            "unknown setting `train.epcohs`: did you mean `train.epochs`?".to_string(),
        ),
        ("mlp --data wine-red --out o --set train.epochs=many", 2, format!("`train.epochs` is \"many\": {whole}")),
        ("mlp --data wine-red --out o --set train.epochs=-1", 2, format!("`train.epochs` is -1: {whole}")),
        ("mlp --data wine-red --out o --set train.epochs=1.5", 2, format!("`train.epochs` is 1.5: {whole}")),
        ("mlp --data wine-red --out o --set train.epochs=0", 2, "`train.epochs` is 0: expected at least 1".to_string()),
        (
            "mlp --data wine-red --out o --set train.batch_size=0",
            2,
            "`train.batch_size` is 0: expected at least 1".to_string(),
        ),
        (
            "mlp --data wine-red --out o --set train.patience=0",
            2,
            "`train.patience` is 0: expected at least 1".to_string(),
        ),
        (
            "mlp --data wine-red --out o --set train.learning_rate=0",
            2,
            "`train.learning_rate` is 0: expected a positive number".to_string(),
        ),
        (
            "mlp --data wine-red --out o --set train.learning_rate=nan",
            2,
            "`train.learning_rate` is NaN: expected a positive number".to_string(),
        ),
        (
            "mlp --data wine-red --out o --set train.weight_decay=-1",
            2,
            "`train.weight_decay` is -1: expected a number not below 0".to_string(),
        ),
        (
            "mlp --data wine-red --out o --set train.momentum=1",
            2,
            "`train.momentum` is 1: expected 0 <= momentum < 1".to_string(),
        ),
        (
            "mlp --data wine-red --out o --set train.epochs",
            2,
            "--set train.epochs: expected PATH=VALUE, such as train.epochs=50".to_string(),
        ),
        (
            "mlp --data wine-red --out o --set model.rates=1.5",
            2,
            "`model.rates` is [1.5]: expected 0 <= rate < 1".to_string(),
        ),
        (
            "mlp --data wine-red --out o --set model.input_rate=-0.1",
            2,
            "`model.input_rate` is -0.1: expected 0 <= rate < 1".to_string(),
        ),
        (
            "mlp --data wine-red --out o --set model.rates=[0.1,0.2,0.3]",
            2,
            "`model.rates` is 3 rates: expected 1 or 2, one for each hidden layer".to_string(),
        ),
        (
            "mlp --data wine-red --out o --set model.hidden=[8,0]",
            2,
            "`model.hidden` is [8, 0]: expected widths of at least 1".to_string(),
        ),
        (
            "mlp --data wine-red --out o --set model.activation=relux",
            2,
            "`model.activation` is \"relux\": expected one of `relu`, `tanh`, `sigmoid`, `gelu`, `silu`, `elu`, `selu`, `identity`"
                .to_string(),
        ),
        (
            "mlp --data wine-red --out o --set data.split=[0.9,0.1,0]",
            2,
            "`data.split` is [0.9, 0.1, 0.0]: expected three positive shares that add up to 1".to_string(),
        ),
        (
            "mlp --data wine-rde --out o",
            2,
            "wine-rde: no such file, and unknown data set `wine-rde`: did you mean `wine-red`?".to_string(),
        ),
        (
            "mpl --data wine-red --out o",
            2,
            "unknown family `mpl`: expected one of `mlp`, `cnn`, `lstm` (nor is it a file with settings, .toml)".to_string(),
        ),
        (
            "mlp --data wine-red --out o --target qualty",
            2,
            "wine-red: unknown column `qualty`: did you mean `quality`?".to_string(),
        ),
        ("mlp --data wine-red --out there", 1, "there: there is something already: choose a new directory".to_string()),
        ("mlp --data wine-red --out file/o", 1, "file/o: Not a directory (os error 20)".to_string()),
        ("none.toml --data wine-red --out o", 1, "none.toml: No such file or directory (os error 2)".to_string()),
        (
            "misspelt.toml --data wine-red --out o",
            1,
            "misspelt.toml: unknown setting `train.epcohs`: did you mean `train.epochs`?".to_string(),
        ),
        ("broken.toml --data wine-red --out o", 1, "broken.toml: line 2: `epochs =` is not TOML".to_string()),
        ("text.toml --data wine-red --out o", 1, format!("text.toml: `train.epochs` is \"many\": {whole}")),
    ] {
        let args: Vec<&str> = ["train"].into_iter().chain(args.split(' ')).collect();
        refused(at, &args, code, &says);
        assert!(!at.join("o").exists());
    }
    let left: Vec<_> = fs::read_dir(at).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 5, "{left:?}");
}

#[test]
fn a_training_whose_loss_is_never_finite_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let set = ["--set", "train.epochs=2", "--set", "train.learning_rate=1e30"];
    let args = [&["train", "mlp", "--data", "wine-red", "--out", "o", "-q"], &set[..]].concat();
    let says = "training failed: the loss was not finite in any epoch: lower the learning rate, or look for extreme values in the data";
    refused(directory.path(), &args, 1, says);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_reader_that_closes_is_success() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("in.csv"), wine_csv(6000)).unwrap();
    for format in ["csv", "jsonl", "json", "table"] {
        let args = ["predict", MODEL, "--input", "in.csv", "--passes", "2", "--format", format, "-q"];
        let mut child = command(directory.path(), &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{format}");
    }
}

#[test]
fn a_closed_standard_error_stops_no_training() {
    let directory = tempfile::tempdir().unwrap();
    let args = ["train", "mlp", "--data", "wine-red", "--out", "o", "--set", "train.epochs=2"];
    let mut child = command(directory.path(), &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(directory.path().join("o/model.toml").exists());
}

#[test]
fn a_training_writes_its_scores_to_standard_output_and_the_rest_to_standard_error() {
    let directory = tempfile::tempdir().unwrap();
    let args = ["train", "mlp", "--data", "wine-red", "--set", "train.epochs=2", "--out"];
    let loud = burn_zoo(directory.path(), &[&args[..], &["a"]].concat());
    let quiet = burn_zoo(directory.path(), &[&args[..], &["b", "--quiet"]].concat());
    assert_eq!((loud.code, quiet.code), (Some(0), Some(0)));
    assert_eq!((loud.out.as_str(), quiet.err.as_str()), (quiet.out.as_str(), ""));
    assert!(loud.err.ends_with("saved a (epoch 2 of 2)\n"), "{}", loud.err);
    let names: Vec<&str> = loud.out.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(names, ["monte_carlo", "n", "rmse", "mae", "nll", "coverage", "width", "crps"]);
}

#[test]
fn rows_that_a_training_dropped_are_not_judged_either() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let row = |i: usize| match i {
        5 => ",50\n".to_string(),
        9 => "81,\n".to_string(),
        i => format!("{},{}\n", i * i, 10 * i),
    };
    fs::write(at.join("in.csv"), format!("x,y\n{}", (0..40).map(row).collect::<String>())).unwrap();
    let drops = ["--set", "data.missing=drop", "--set", "data.missing_target=drop", "--set", "train.epochs=2"];
    let train = ["train", "mlp", "--data", "in.csv", "--target", "y", "--out", "o", "-q"];
    burn_zoo(at, &[&train[..], &drops].concat()).data();
    let ran = burn_zoo(at, &["evaluate", "o", "--data", "in.csv", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("in.csv: 2 rows are left out, as in the training"), "{}", ran.err);
    assert_eq!(json(&ran.out)["monte_carlo"]["n"], 38);
}

#[test]
fn help_fits_into_80_columns() {
    let all = ["list", "show", "config", "check", "train", "predict", "evaluate", "forecast", "devices", "completions"];
    for command in [""].into_iter().chain(all) {
        for flag in ["--help", "-h"] {
            let args: Vec<&str> = [command, flag].into_iter().filter(|arg| !arg.is_empty()).collect();
            let help = burn_zoo(here(), &args).data();
            assert!(help.contains("Usage: burn-zoo"), "{help}");
            assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
        }
    }
    let output = Command::new(BURN_ZOO).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("burn-zoo {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_line_of_the_users_breaks_no_line_of_ours() {
    let directory = tempfile::tempdir().unwrap();
    let wine = wine_csv(1);
    fs::write(directory.path().join("in.csv"), wine.replace("0.7,", "\"9\n4\",")).unwrap();
    for args in [
        &["predict", MODEL, "--input", "in.csv"][..],
        &["predict", "a\nb", "--input", "in.csv"],
        &["predict", MODEL, "--input", "a\nb"],
        &["train", "mlp", "--data", "wine-red", "--out", "m", "--set", "foo\nbar=1"],
        &["train", "mlp", "--data", "wine-red", "--out", "m", "--set", "train.epochs=1\nx=2"],
    ] {
        let ran = burn_zoo(directory.path(), args);
        assert!(ran.code != Some(0) && ran.err.lines().count() == 1, "{args:?}: {}", ran.err);
    }
}

#[test]
fn settings_that_no_machine_or_file_can_hold_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let train = ["train", "mlp", "--data", "wine-red", "--out", "m"];
    for (set, says) in [
        (&["--set", "model.hidden=[1000000,1000000]"][..], "at most 2147483648 parameters"),
        (&["--set", "model.hidden=[9223372036854775807]"], "at most 2147483648 parameters"),
        (&["--seed", "18446744073709551615"], "at most 9223372036854775807"),
        (&["--set", "train.batch_size=1", "--set", "model.batch_norm=true"], "one row has no variance"),
    ] {
        let ran = burn_zoo(directory.path(), &[&train[..], set].concat());
        assert!(ran.code == Some(2) && ran.err.contains(says), "{set:?}: {:?} {}", ran.code, ran.err);
    }
}

/// Forty rows: y, a, b and a constant.
fn nameless(row: impl Fn(usize) -> String) -> String {
    (1..41).map(|i| row(i) + "\n").collect()
}

#[test]
fn columns_without_names_are_those_of_the_training_table_or_refused() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (a, b) = (|i: usize| i * 7 % 23, |i: usize| i * 5 % 17);
    fs::write(at.join("all.csv"), nameless(|i| format!("{},{},{},7", 2 * a(i) + b(i) + 1, a(i), b(i)))).unwrap();
    fs::write(at.join("less.csv"), nameless(|i| format!("{},{},7", a(i), b(i)))).unwrap();
    fs::write(at.join("two.csv"), nameless(|i| format!("{},{}", a(i), b(i)))).unwrap();
    let train = ["train", "mlp", "--data", "all.csv", "--no-header", "--target", "column_1", "--out", "m", "-q"];
    burn_zoo(at, &[&train[..], &["--set", "train.epochs=3", "--task", "regression"]].concat()).data();
    let predict = |file: &str| {
        burn_zoo(at, &["predict", "m", "--input", file, "--no-header", "--format", "csv", "--no-passthrough"])
    };
    let expected = predict("all.csv").data();
    let less = predict("less.csv");
    assert_eq!((less.code, less.out), (Some(0), expected));
    assert_eq!(less.err, "note: less.csv: one column less than the training table: taken to be `column_1`\n");
    let two = ["predict", "m", "--input", "two.csv", "--no-header"];
    let says = "two.csv: 2 columns without names: expected the 4 of the training table, or 3 without the target";
    refused(at, &two, 1, says);
    let less = ["evaluate", "m", "--data", "less.csv", "--no-header", "-q"];
    refused(at, &less, 1, "less.csv: 3 columns without names: expected the 4 of the training table");
    let all = ["evaluate", "m", "--data", "all.csv", "--no-header", "-q"];
    burn_zoo(at, &all).data();
    let little = [&all[..], &["--memory", "100"]].concat();
    refused(at, &little, 2, "--memory 100: too few bytes for 50 samples of 40 rows: raise it");
}

#[test]
fn what_a_model_saw_of_a_table_is_said_by_its_part() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    for (name, shift) in [("train", 0), ("valid", 1), ("test", 2)] {
        let rows = nameless(|i| format!("{},{},{},g{}", i * 7 % 23 + shift, i, 1 + i % 3, i % 9));
        fs::write(at.join(format!("{name}.csv")), format!("y,a,w,g\n{rows}")).unwrap();
    }
    let files = ["--valid", "valid.csv", "--test", "test.csv", "--target", "y", "--task", "regression"];
    let set = ["--set", "train.epochs=2", "--set", "data.transform=log", "--set", "data.weight_column=w"];
    let args = [&["train", "mlp", "--data", "train.csv", "--out", "m", "-q"], &files[..], &set].concat();
    fs::write(at.join("train.csv"), fs::read_to_string(at.join("train.csv")).unwrap().replace("\n0,", "\n1,")).unwrap();
    burn_zoo(at, &args).data();
    let said = |file: &str| burn_zoo(at, &["evaluate", "m", "--data", file]).err;
    assert!(said("train.csv").contains("the model was trained on this table: none of its rows is new to it\n"));
    assert!(said("valid.csv").contains("this table chose the model's epoch"), "{}", said("valid.csv"));
    assert!(!said("test.csv").contains("new to it"), "{}", said("test.csv"));
    let shown = burn_zoo(at, &["show", "m"]).data();
    let noise = shown.lines().find(|line| line.starts_with("noise ")).unwrap();
    assert!(noise.ends_with(" of the logarithm"), "{noise}");
    // The column of weights is no stranger.
    let ran = burn_zoo(at, &["predict", "m", "--input", "test.csv"]);
    assert!(ran.code == Some(0) && !ran.err.contains("unknown to the model"), "{}", ran.err);
}

#[test]
fn an_interval_that_changes_nothing_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let rows = nameless(|i| format!("{},{},{}", if i % 3 == 0 { "no" } else { "yes" }, i, i % 7));
    fs::write(at.join("in.csv"), format!("y,a,b\n{rows}")).unwrap();
    let train = ["train", "mlp", "--data", "in.csv", "--target", "y", "--out", "m", "-q", "--set", "train.epochs=2"];
    burn_zoo(at, &train).data();
    let says = "note: --interval 0.8 changes nothing: classes have no intervals\n";
    for args in [["predict", "m", "--input", "in.csv"], ["evaluate", "m", "--data", "in.csv"]] {
        let said = |more: &[&str]| burn_zoo(at, &[&args[..], more].concat()).err;
        assert!(said(&["--interval", "0.8"]).contains(says) && !said(&[]).contains("--interval"), "{args:?}");
        assert_eq!(said(&["--interval", "0.8", "-q"]), "");
    }
}
