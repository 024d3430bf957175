//! The field cases D01 to D05 and the scenarios S1, S2, S4, S5, S7 and S8, from file to predictions. They are read beside `$BURN_ZOO_DATA`; without it, each says
//! that it was skipped.
#![cfg(all(feature = "cli", feature = "flex"))]

mod cli_support;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use cli_support::{Ran, burn_zoo, cells, numbers, words};
use tempfile::TempDir;

/// A directory with a copy of a field case's files; none, with a note, where there are none.
fn field(case: &str) -> Option<TempDir> {
    let path = env::var_os("BURN_ZOO_DATA").map(|data| PathBuf::from(data).join("../field").join(case));
    let Some(path) = path.filter(|path| path.exists()) else {
        eprintln!("skipped: no field case {case} beside $BURN_ZOO_DATA");
        return None;
    };
    let directory = TempDir::new().unwrap();
    for file in fs::read_dir(path).unwrap() {
        let file = file.unwrap();
        fs::write(directory.path().join(file.file_name()), fs::read(file.path()).unwrap()).unwrap();
    }
    Some(directory)
}

/// Runs `burn-zoo` with words that a shell would take apart.
fn run(directory: &Path, line: &str) -> Ran {
    burn_zoo(directory, &words(line).iter().map(String::as_str).collect::<Vec<_>>())
}

/// What a command that worked said on standard error.
fn said(ran: Ran) -> String {
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    ran.err
}

/// The one line of a command that refused.
fn refused(ran: Ran) -> String {
    assert!(matches!(ran.code, Some(1 | 2)), "{:?} {}", ran.code, ran.err);
    assert_eq!(ran.out, "");
    let last = ran.err.lines().last().unwrap_or_default().to_string();
    assert!(last.starts_with("error: "), "{}", ran.err);
    assert_eq!(ran.err.lines().filter(|line| !line.starts_with("note: ")).count(), 1, "{}", ran.err);
    last
}

fn model(directory: &Path, name: &str) -> toml::Table {
    fs::read_to_string(directory.join(name).join("model.toml")).unwrap().parse().unwrap()
}

fn column<'a>(model: &'a toml::Table, name: &str) -> Option<&'a toml::Table> {
    let columns = model["inputs"]["columns"].as_array().unwrap();
    columns.iter().map(|column| column.as_table().unwrap()).find(|column| column["name"].as_str() == Some(name))
}

fn ignored(model: &toml::Table, name: &str) -> Option<String> {
    let columns = model["inputs"]["ignored"].as_array().unwrap();
    let column = columns.iter().find(|column| column["name"].as_str() == Some(name))?;
    Some(column["why"].as_str().unwrap().to_string())
}

const QUICK: &str = "--set train.epochs=20 --set model.hidden=[16]";

#[test]
fn d01_semicolons_decimal_commas_and_days_first() {
    let Some(directory) = field("D01") else { return };
    let at = directory.path();
    let train = |rest: &str| run(at, &format!("train mlp --data air-quality.csv --target C6H6(GT) {QUICK} {rest}"));
    let told = said(train("--out plain"));
    assert!(told.contains("2 nameless empty columns dropped"), "{told}");
    assert!(told.contains("5 rows without any value left out"), "{told}");
    assert!(told.contains("column `CO(GT)`: -200 stands 3 times, far outside of the rest"), "{told}");
    let told = said(train("--na -200 --out good"));
    assert!(!told.contains("far outside"), "{told}");
    let good = model(at, "good");
    assert_eq!(good["data"]["rows"].as_array().unwrap().iter().map(|n| n.as_integer().unwrap()).sum::<i64>(), 96);
    let date = column(&good, "Date").unwrap();
    assert_eq!(date["format"].as_str(), Some("%d/%m/%Y"));
    assert_eq!(column(&good, "Time").unwrap()["format"].as_str(), Some("%H.%M.%S"));
    assert_eq!(column(&good, "T").unwrap()["kind"].as_str(), Some("numeric"));
    let co = column(&good, "CO(GT)").unwrap();
    assert!(co["min"].as_float().unwrap() > 0.0 && co["indicator"].as_bool() == Some(true));
    // 12 measurements with indicators where cells are missing, 5 features of the date, 2 of the time: no invented columns.
    let features = good["scaling"]["features"]["mean"].as_array().unwrap().len();
    assert!(features <= 30, "{features} features");
    let predicted = run(at, "predict good --input air-quality.csv --format csv --quiet").data();
    assert_eq!(cells(&predicted).len(), 97);
}

#[test]
fn d02_no_header_and_odd_labels() {
    let Some(directory) = field("D02") else { return };
    let at = directory.path();
    let train = |rest: &str| run(at, &format!("train mlp --data adult.data --target column_15 {QUICK} {rest}"));
    let told = refused(train("--out plain"));
    assert!(told.contains("adult.data, line 1") && told.contains("--no-header"), "{told}");
    let told = said(train("--no-header --out model"));
    assert!(told.contains("a classifier of two classes (<=50K, >50K)"), "{told}");
    let trained = model(at, "model");
    assert_eq!(trained["target"]["classes"], toml::Value::from(vec!["<=50K", ">50K"]));
    let shares = trained["data"]["frequencies"].as_array().unwrap();
    assert!((shares[0].as_float().unwrap() - 56.0 / 74.0).abs() < 0.02); // stratified
    let levels = column(&trained, "column_2").unwrap()["levels"].as_array().unwrap();
    assert!(levels.iter().any(|level| level.as_str() == Some("Private")), "{levels:?}"); // trimmed
    let told = refused(run(at, "evaluate model --data adult.test --no-header"));
    assert!(told.contains("adult.test, line 1: 1 field") && told.contains("--skip 1"), "{told}");
    let told = refused(run(at, "evaluate model --data adult.test --no-header --skip 1"));
    assert!(told.contains("`<=50K.`") && told.contains("`<=50K`"), "{told}");
    // Without the labels' full stops it is judged, and levels that training lacks are flagged.
    let text = fs::read_to_string(at.join("adult.test")).unwrap().replace("K.\n", "K\n");
    fs::write(at.join("fixed.test"), text).unwrap();
    let ran = run(at, "evaluate model --data fixed.test --no-header --skip 1 --format json --quiet").data();
    let scores: serde_json::Value = serde_json::from_str(&ran).unwrap();
    assert_eq!(scores["monte_carlo"]["n"], 39);
    let ran = run(at, "predict model --input fixed.test --no-header --skip 1 --format csv --no-passthrough");
    assert!(ran.err.contains("is a level that the training part did not have"), "{}", ran.err);
}

#[test]
fn d03_columns_by_name_and_cells_that_training_did_not_have() {
    let Some(directory) = field("D03") else { return };
    let at = directory.path();
    said(run(at, &format!("train mlp --data train.csv --target price {QUICK} --out model")));
    let predict = |file: &str| run(at, &format!("predict model --input {file} --format csv --no-passthrough"));
    let whole = |file: &str| {
        let ran = predict(file);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        ran.out
    };
    let expected = whole("new.csv");
    assert_eq!(cells(&expected).len(), 11);
    for file in ["new-reordered.csv", "new-no-target.csv"] {
        assert_eq!(whole(file), expected, "{file}");
    }
    let ran = run(at, "predict model --input new-reordered.csv --format csv");
    assert!(ran.err.contains("unknown to the model"), "{}", ran.err);
    let told = refused(run(at, "evaluate model --data new-no-target.csv"));
    assert!(told.contains("no column `price`"), "{told}");
    let told = refused(predict("new-missing-column.csv"));
    assert!(told.contains("no column `curb_weight`"), "{told}");
    let told = refused(predict("new-typo-header.csv"));
    assert!(told.contains("did you mean `Curb-Weight`?"), "{told}");

    let lines = |text: &str| text.lines().map(str::to_string).collect::<Vec<_>>();
    let others_are_alike = |file: &str, changed: [usize; 2]| {
        let (found, expected) = (lines(&whole(file)), lines(&expected));
        for line in 2..=11 {
            if !changed.contains(&line) {
                assert_eq!(found[line - 1], expected[line - 1], "{file}, line {line}");
            }
        }
        found
    };
    let ran = predict("new-unseen-level.csv");
    for told in ["line 5, column `make`: `mercury`", "line 9, column `fuel_type`: `lpg`"] {
        assert!(ran.err.contains(told), "{}", ran.err);
    }
    let found = others_are_alike("new-unseen-level.csv", [5, 9]);
    assert!(found[4].contains("make=mercury") && found[8].contains("fuel_type=lpg"), "{found:?}");
    let ran = predict("new-empty-cells.csv");
    for told in ["lines 6, 8, column `horsepower` is missing", "line 8, column `make` is missing"] {
        assert!(ran.err.contains(told), "{}", ran.err);
    }
    others_are_alike("new-empty-cells.csv", [6, 8]);

    // The stated choices for rows that cannot be predicted.
    said(run(at, &format!("train mlp --data train.csv --target price {QUICK} --set data.unseen=error --out strict")));
    let strict = |rest: &str| run(at, &format!("predict strict --input new-unseen-level.csv --format csv {rest}"));
    let ran = strict("");
    assert_eq!((ran.code, cells(&ran.out).len()), (Some(1), 4), "{}", ran.err); // a header and the rows before line 5
    assert!(ran.err.contains("new-unseen-level.csv, line 5, column `make`"), "{}", ran.err);
    let ran = strict("--on-error skip");
    assert_eq!((ran.code, cells(&ran.out).len()), (Some(0), 8)); // renault is of the validation part alone
    assert!(ran.err.contains("3 of 10 rows could not be predicted and were skipped"), "{}", ran.err);
    let ran = strict("--on-error mark --no-passthrough");
    let marked = cells(&ran.out);
    assert_eq!((ran.code, marked.len()), (Some(0), 11));
    assert_eq!(marked[0].last().unwrap(), "error");
    assert!(marked[4].last().unwrap().contains("mercury") && marked[4][0].is_empty(), "{:?}", marked[4]);
    assert_eq!(marked[3].last().unwrap(), "");
}

#[test]
fn d04_duplicates_and_targets_that_teach_nothing() {
    let Some(directory) = field("D04") else { return };
    let at = directory.path();
    let told = said(run(
        at,
        &format!("train mlp --data recurrence.csv --no-header --quote single --target column_10 {QUICK} --out model"),
    ));
    assert!(told.contains("14 rows are copies of others in all that is read"), "{told}");
    assert!(told.contains("test rows") && told.contains("also stand in the training part"), "{told}");
    let trained = model(at, "model");
    assert_eq!(trained["target"]["classes"], toml::Value::from(vec!["no-recurrence-events", "recurrence-events"]));
    let node_caps = column(&trained, "column_5").unwrap();
    assert!(
        node_caps["kind"].as_str() == Some("boolean") && node_caps["indicator"].as_bool() == Some(true),
        "{node_caps}"
    );
    // The majority's rate stands beside the accuracy, and the quotes are remembered.
    let scores = run(at, "evaluate model --data recurrence.csv --no-header --format json --quiet").data();
    let scores: serde_json::Value = serde_json::from_str(&scores).unwrap();
    assert!((scores["baseline"]["accuracy"].as_f64().unwrap() - 201.0 / 286.0).abs() < 1e-6);

    let train = |file: &str, rest: &str| {
        run(at, &format!("train mlp --data {file} --target y {QUICK} {rest} --out {file}.model"))
    };
    let told = refused(train("one-class.csv", ""));
    assert!(told.contains("one class only"), "{told}");
    let told = refused(train("constant-target.csv", ""));
    assert!(told.contains("one value only") || told.contains("one class only"), "{told}");
    said(train("singleton-class.csv", ""));
    let classes = model(at, "singleton-class.csv.model")["target"]["classes"].clone();
    assert!(classes.as_array().unwrap().iter().any(|class| class.as_str() == Some("rare")));
    let told = refused(train("target-gaps.csv", ""));
    assert!(told.contains("line 6, column `y`") && told.contains("5 such rows"), "{told}");
    let told = said(train("target-gaps.csv", "--set data.missing_target=drop"));
    assert!(told.contains("5 rows are left out"), "{told}");
}

#[test]
fn d05_mixed_types() {
    let Some(directory) = field("D05") else { return };
    let at = directory.path();
    let train = |rest: &str| run(at, &format!("train mlp --data orders.csv --target minutes {QUICK} {rest}"));
    // Each refusal names the option that answers it.
    let told = refused(train("--out model"));
    assert!(told.contains("column `shipped`") || told.contains("column `amount`"), "{told}");
    let told = refused(train("--thousands , --out model"));
    assert!(told.contains("column `shipped`") && told.contains("%d.%m.%Y") && told.contains("%m/%d/%Y"), "{told}");
    let told = refused(train("--thousands , --column shipped=ignored --out model"));
    assert!(told.contains("column `weight`") && told.contains("`unknown`") && told.contains("`12 kg`"), "{told}");
    let told = said(train("--thousands , --column shipped=ignored --na unknown --na '12 kg' --out model"));
    for expected in ["`order_id` is left out: an identifier", "`currency` is left out: constant"] {
        assert!(told.contains(expected), "{told}");
    }
    let trained = model(at, "model");
    let kind = |name: &str| column(&trained, name).map(|column| column["kind"].as_str().unwrap().to_string());
    for name in ["express", "gift", "returned", "paid"] {
        assert_eq!(kind(name).as_deref(), Some("boolean"), "{name}");
    }
    assert_eq!(kind("amount").as_deref(), Some("numeric"));
    assert_eq!(kind("weight").as_deref(), Some("numeric"));
    assert_eq!(kind("ordered").as_deref(), Some("date"));
    assert_ne!(kind("zip").as_deref(), Some("numeric"));
    assert_ne!(kind("order_id").as_deref(), Some("numeric"));
    let colour = column(&trained, "colour").unwrap();
    assert_eq!(colour["levels"], toml::Value::from(vec!["blue", "green", "red"]));
    assert!(ignored(&trained, "note").is_some() || kind("note").as_deref() == Some("categorical"));
    let predicted = run(at, "predict model --input orders.csv --format csv --quiet").data(); // --thousands is remembered
    let rows = cells(&predicted);
    assert_eq!(rows.len(), 41);
    let zip = rows[0].iter().position(|name| name == "zip").unwrap_or_else(|| panic!("{:?}", rows[0]));
    assert!(rows.iter().any(|row| row[zip].starts_with('0')), "leading zeros pass through");
}

#[test]
fn d05_wide_and_s7_units_of_the_target() {
    let Some(directory) = field("D05") else { return };
    let at = directory.path();
    let train = |file: &str, out: &str| run(at, &format!("train mlp --data {file} --target y {QUICK} --out {out}"));
    let told = said(train("wide.csv", "wide"));
    let notes: Vec<&str> = told.lines().filter(|line| line.starts_with("note: ")).collect();
    assert!(notes.iter().any(|note| note.contains("columns are left out") && note.contains("constant")), "{told}");
    assert!(notes.len() <= 4, "{told}");
    let text = fs::read_to_string(at.join("wide.csv")).unwrap();
    let y = text.lines().next().unwrap().split(',').position(|name| name.trim() == "y").unwrap();
    let scaled = text.lines().enumerate().map(|(line, row)| {
        let mut cells: Vec<String> = row.split(',').map(str::to_string).collect();
        if line > 0 {
            cells[y] = (1000.0 * cells[y].parse::<f64>().unwrap() + 50_000.0).to_string();
        }
        cells.join(",")
    });
    fs::write(at.join("scaled.csv"), scaled.collect::<Vec<_>>().join("\n") + "\n").unwrap();
    said(train("scaled.csv", "scaled"));
    let predict = |model: &str| {
        let ran = run(at, &format!("predict {model} --input wide.csv --format json --no-passthrough --quiet"));
        let json: serde_json::Value = serde_json::from_str(&ran.data()).unwrap();
        json["rows"].as_array().unwrap().clone()
    };
    for (one, other) in predict("wide").iter().zip(predict("scaled")) {
        let of = |row: &serde_json::Value, name: &str| row[name].as_f64().unwrap();
        for name in ["mean", "lower", "upper"] {
            let expected = 1000.0 * of(one, name) + 50_000.0;
            assert!((of(&other, name) - expected).abs() <= 1e-3 * expected.abs(), "{name}: {expected}");
        }
        for name in ["sd", "sd_epistemic", "sd_aleatoric"] {
            let expected = 1000.0 * of(one, name);
            assert!((of(&other, name) - expected).abs() <= 1e-3 * expected, "{name}: {expected}");
        }
    }
    let nll = |name: &str| model(at, name)["test"]["monte_carlo"]["nll"].as_float().unwrap();
    assert!((nll("scaled") - nll("wide") - 1000f64.ln()).abs() < 1e-3);
    let tau = |name: &str| model(at, name)["tau"]["monte_carlo"][0].as_float().unwrap();
    assert!((tau("wide") / tau("scaled") / 1e6 - 1.0).abs() < 1e-3);
}

#[test]
fn s1_the_same_bytes_without_a_seed_and_other_digits_with_another() {
    let Some(directory) = field("D03") else { return };
    let at = directory.path();
    said(run(at, &format!("train mlp --data train.csv --target price {QUICK} --out model")));
    for format in ["csv", "json"] {
        let predict =
            |seed: &str| run(at, &format!("predict model --input new.csv --passes 20 --format {format} {seed}")).out;
        assert_eq!(predict(""), predict(""));
        assert_eq!(predict(""), predict("--seed 0"));
        assert_ne!(predict("--seed 1"), predict("--seed 2"));
    }
    let all = run(at, "predict model --input new.csv --passes 20 --format csv --no-passthrough").out;
    let mean = &cells(&all)[1][0];
    assert!(mean.chars().filter(char::is_ascii_digit).count() >= 6, "{mean}");
    let sds = |seed: u32| {
        let ran = run(
            at,
            &format!("predict model --input new.csv --passes 20 --format csv --no-passthrough --seed {seed} --quiet"),
        );
        numbers(&ran.out)
    };
    for (one, other) in sds(1).iter().zip(sds(2)) {
        assert!(one[1] != other[1] && one[4] != other[4], "sd and lower end");
    }
}

#[test]
fn s4_standard_output_holds_one_document_and_standard_error_plain_lines() {
    let Some(directory) = field("D03") else { return };
    let at = directory.path();
    let ran = run(at, &format!("train mlp --data train.csv --target price {QUICK} --out model"));
    assert!(ran.err.contains("epoch 1/20") && !ran.err.contains(['\r', '\x1b']), "{}", ran.err);
    for line in [
        "predict model --input new.csv --format json",
        "evaluate model --data train.csv --format json",
        "list --format json",
        "devices --format json",
    ] {
        let ran = run(at, line);
        assert_eq!(ran.code, Some(0), "{line}: {}", ran.err);
        serde_json::from_str::<serde_json::Value>(&ran.out).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(!ran.err.contains(['\r', '\x1b']), "{}", ran.err);
    }
    for line in
        ["predict model --input new.csv --format json --quiet", "evaluate model --data train.csv --format json -q"]
    {
        run(at, line).data(); // nothing on standard error
    }
    let ran = run(at, &format!("train mlp --data train.csv --target price {QUICK} --out other --quiet"));
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
}

#[test]
fn s5_what_the_training_part_gives_does_not_depend_on_the_others() {
    let Some(directory) = field("D01") else { return };
    let at = directory.path();
    let text = fs::read_to_string(at.join("air-quality.csv")).unwrap();
    let split = "--set data.split_by=time:hour";
    // A column of hours, by which the parts are dealt: the rows of the last 30 % are not of the training part.
    let rows: Vec<&str> = text.lines().take(97).collect();
    let number = |cell: &str| cell.replace(',', ".").parse::<f64>().ok();
    let table = |factor: f64| {
        let row = |(hour, row): (usize, &&str)| match hour {
            0 => format!("hour;{row}\r\n"),
            _ if hour <= 67 => format!("{hour};{row}\r\n"),
            _ => {
                let cells = row.split(';').map(|cell| match number(cell) {
                    Some(x) => (x * factor).to_string().replace('.', ","),
                    None => cell.to_string(),
                });
                format!("{hour};{}\r\n", cells.collect::<Vec<_>>().join(";"))
            }
        };
        rows.iter().enumerate().map(row).collect::<String>()
    };
    fs::write(at.join("one.csv"), table(1.0)).unwrap();
    fs::write(at.join("thousand.csv"), table(1000.0)).unwrap();
    for name in ["one", "thousand"] {
        let column = "--column Date=ignored --column Time=ignored --column hour=ignored";
        said(run(at, &format!("train mlp --data {name}.csv --target C6H6(GT) {QUICK} {split} {column} --out {name}")));
    }
    let (one, thousand) = (model(at, "one"), model(at, "thousand"));
    assert_eq!(one["data"]["rows"][0].as_integer(), Some(67));
    assert_eq!(one["scaling"], thousand["scaling"]);
    assert_eq!(one["inputs"], thousand["inputs"]);
    let first_loss = |name: &str| {
        let curve = fs::read_to_string(at.join(name).join("curve.csv")).unwrap();
        curve.lines().nth(1).unwrap().split(',').nth(1).unwrap().to_string()
    };
    assert_eq!(first_loss("one"), first_loss("thousand"));
}
