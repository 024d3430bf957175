//! Series through the command line: training, forecasts, rolling origins, and the field cases D06, D07 and S5.
#![cfg(all(feature = "cli", feature = "flex"))]

mod cli_support;

use std::{env, fs, path::PathBuf, process::Stdio};

use cli_support::{burn_zoo, cells, command, words};
use serde_json::Value;
use tempfile::TempDir;

/// A training of seconds on the airline series.
const AIRLINE: &str =
    "train lstm --data airline --set data.transform=log+difference --set train.epochs=40 --set model.hidden=16 --out m";

fn run(at: &TempDir, line: &str) -> (Option<i32>, String, String) {
    let words = words(line);
    let ran = burn_zoo(at.path(), &words.iter().map(String::as_str).collect::<Vec<_>>());
    (ran.code, ran.out, ran.err)
}

fn ok(at: &TempDir, line: &str) -> (String, String) {
    let (code, out, err) = run(at, line);
    assert_eq!(code, Some(0), "{line}: {err}");
    (out, err)
}

fn refused(at: &TempDir, line: &str) -> (i32, String) {
    let (code, out, err) = run(at, line);
    assert!(code != Some(0) && out.is_empty(), "{line}: {out}");
    (code.unwrap(), err)
}

fn column(rows: &[Vec<String>], name: &str) -> Vec<f64> {
    let at =
        rows[0].iter().position(|column| column == name).unwrap_or_else(|| panic!("no column {name}: {:?}", rows[0]));
    rows[1..].iter().map(|row| row[at].parse().unwrap()).collect()
}

#[test]
fn a_series_is_learned_forecast_drawn_and_judged() {
    let at = tempfile::tempdir().unwrap();
    let (scores, notes) = ok(&at, AIRLINE);
    assert!(notes.contains("note: 144 steps of 1mo from `1949-01` to `1960-12`; the season has 12 steps"), "{notes}");
    assert!(notes.contains("windows train, 10 choose, 11 test"), "{notes}");
    let header: Vec<&str> = scores.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["monte_carlo", "mean_network", "seasonal_naive", "drift"]);

    // A forecast longer than the horizon, with two intervals, one inside of the other.
    let line = "forecast m --steps 20 --interval 0.5 --interval 0.9 --format csv --plot fan.svg";
    let (csv, notes) = ok(&at, line);
    assert_eq!(notes, "note: intervals are quantiles of 1000 sampled paths\n");
    let rows = cells(&csv);
    assert_eq!(
        rows[0],
        [
            "time",
            "step",
            "mean",
            "sd",
            "sd_epistemic",
            "sd_aleatoric",
            "lower_0.5",
            "upper_0.5",
            "lower_0.9",
            "upper_0.9"
        ]
    );
    assert_eq!(
        (rows.len(), rows[1][0].as_str(), rows[20][0].as_str(), rows[20][1].as_str()),
        (21, "1961-01", "1962-08", "20")
    );
    let of = |name| column(&rows, name);
    let ends = ["lower_0.9", "lower_0.5", "upper_0.5", "upper_0.9"].map(of);
    assert!((0..20).all(|step| ends.windows(2).all(|pair| pair[0][step] < pair[1][step])));
    for (step, sd) in of("sd").iter().enumerate() {
        let parts = of("sd_epistemic")[step].hypot(of("sd_aleatoric")[step]);
        assert!((parts / sd - 1.0).abs() < 1e-6);
    }
    assert!(fs::read_to_string(at.path().join("fan.svg")).unwrap().contains("90 % interval"));
    assert_eq!(ok(&at, line).0, csv, "the same arguments, the same bytes");
    assert_ne!(ok(&at, &format!("{line} --seed 1")).0, csv);
    let file = fs::read_to_string("assets/data/airline-passengers.csv").unwrap();
    fs::write(at.path().join("air.csv"), file).unwrap();
    assert_eq!(ok(&at, &format!("{line} --data air.csv")).0, csv);

    // Joint paths: of one network each, whose mean over many is the forecast's.
    let (csv, _) = ok(&at, "forecast m --samples 300 --format csv");
    let paths = cells(&csv);
    assert_eq!(paths[0], ["path", "time", "step", "value"]);
    assert_eq!((paths.len(), paths[12][0].as_str(), paths[13][0].as_str()), (1 + 300 * 12, "1", "2"));
    let (json, _) = ok(&at, "forecast m --format json");
    let json: Value = serde_json::from_str(&json).unwrap();
    let first = &json["rows"][0];
    assert_eq!(
        (json["schema"].as_u64(), first["step"].as_u64(), first["time"].as_str()),
        (Some(1), Some(1), Some("1961-01"))
    );
    let values: Vec<f64> = column(&paths, "value").into_iter().step_by(12).collect();
    let mean = values.iter().sum::<f64>() / 300.0;
    assert!((mean - first["mean"].as_f64().unwrap()).abs() < 5.0 * first["sd"].as_f64().unwrap() / 300f64.sqrt());

    // Rolling origin: in all as when it was trained, and each step of its own.
    let (json, _) = ok(&at, "evaluate m --data airline --format json");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((json["origins"].as_u64(), json["monte_carlo"]["steps"].as_array().unwrap().len()), (Some(11), 12));
    for way in ["monte_carlo", "mean_network", "seasonal_naive", "drift"] {
        let crps = json[way]["crps"].as_f64().unwrap();
        let steps: Vec<f64> =
            json[way]["steps"].as_array().unwrap().iter().map(|step| step["crps"].as_f64().unwrap()).collect();
        assert!((steps.iter().sum::<f64>() / 12.0 / crps - 1.0).abs() < 1e-6, "{way}");
    }
    let (table, _) = ok(&at, "evaluate m --data airline");
    assert!(table.starts_with(&scores), "{table}");
    assert_eq!(table.lines().filter(|line| line.contains("seasonal_naive")).count(), 1 + 12);
    let (json, _) = ok(&at, "evaluate m --data airline --format json --stride 5");
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["origins"].as_u64(), Some(3));
    let (shown, _) = ok(&at, "show m");
    assert!(shown.starts_with("m: forecasts Passengers of airline, 12 steps of 1mo at once\n"), "{shown}");
}

#[test]
fn a_training_that_is_killed_goes_on_to_the_same_model() {
    let at = tempfile::tempdir().unwrap();
    let long = AIRLINE
        .replace("epochs=40", "epochs=150")
        .replace("--set model.hidden=16", "--set model.hidden=32 --set augment.jitter=0.1");
    ok(&at, &long.replace("--out m", "--out whole"));
    let line = words(&long);
    let mut child = command(at.path(), &line.iter().map(String::as_str).collect::<Vec<_>>())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (checkpoint, out) = (at.path().join("m.unfinished/checkpoint"), at.path().join("m"));
    while !checkpoint.exists() && !out.exists() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!out.exists(), "it was not killed in time");
    ok(&at, "train --resume m");
    let file = |model: &str, name: &str| fs::read(at.path().join(model).join(name)).unwrap();
    for name in ["weights.safetensors", "curve.csv"] {
        assert!(file("m", name) == file("whole", name), "{name}");
    }
}

#[test]
fn what_does_not_fit_is_refused_and_says_what_does() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("h.csv"), "when,y\n2024-01-01,1\n2024-01-02,2\n").unwrap();
    ok(&at, &AIRLINE.replace("epochs=40", "epochs=2"));
    for (line, code, says) in [
        (
            "train lstm --data h.csv --target y --out o",
            2,
            "`data.time` is []: expected the column that says when: say --time COLUMN, or --time row",
        ),
        (
            "train lstm --data h.csv --time when --out o",
            2,
            "`data.target` is []: expected the column that is forecast: say --target COLUMN",
        ),
        (
            "train lstm --data h.csv --time wen --target y --out o",
            2,
            "`data.time` is wen: expected a column of h.csv: did you mean `when`?",
        ),
        (
            "train lstm --data airlin --out o",
            2,
            "airlin: no such file, and unknown series `airlin`: did you mean `airline`?",
        ),
        (
            "train lstm --data airline --valid h.csv --test h.csv --out o",
            2,
            "--valid is not for series: the parts follow each other in time",
        ),
        (
            "train mlp --data h.csv --time when --target y --out o",
            2,
            "--time is for series: mlp learns tables (say `train lstm`)",
        ),
        ("train cnn --data digits --horizon 3 --out o", 2, "--horizon is for series: cnn learns pictures"),
        ("train lstm --data airline --horizon 0 --out o", 2, "`data.horizon` is 0: expected 1 to 10000"),
        (
            "train lstm --data airline --set data.gaps=fill --out o",
            2,
            "`data.gaps` is \"fill\": expected one of `refuse`, `break`, `interpolate`, `previous`",
        ),
        (
            "train lstm --data h.csv --time when --target y --out o",
            1,
            "h.csv: 2 values: a window of 14, a horizon of 12 and three parts need at least 79 (a shorter data.window or --horizon needs less)",
        ),
        ("forecast m --steps 0", 2, "--steps 0: expected 1 to 10000"),
        ("forecast m --interval 0.9 --interval 0.9", 2, "--interval 0.9 is given twice"),
        ("forecast m --samples 3 --plot f.svg", 2, "--plot draws intervals, not --samples"),
        ("forecast m --data h.csv", 1, "h.csv: no column `Month`, which the model reads"),
        ("forecast mlp/wine-red", 2, "mlp/wine-red does not forecast series: say `predict mlp/wine-red`"),
        ("predict m --input h.csv", 2, "m forecasts series: say `forecast m`"),
        ("evaluate m --data airline --ood digits", 2, "--ood is not for series: m forecasts series"),
        ("evaluate mlp/wine-red --data wine-red --stride 2", 2, "--stride is for series: mlp/wine-red reads tables"),
    ] {
        let (found, err) = refused(&at, line);
        assert_eq!((found, err.trim_end()), (code, format!("error: {says}").as_str()), "{line}");
    }
    assert!(!at.path().join("o").exists() && !at.path().join("o.unfinished").exists());
}

/// A field case below `$BURN_ZOO_DATA/../field`; none, with a note, if the variable is not set.
fn field(file: &str) -> Option<String> {
    let Some(data) = env::var_os("BURN_ZOO_DATA") else {
        eprintln!("skipped: BURN_ZOO_DATA is not set");
        return None;
    };
    let path = PathBuf::from(data).join("../field").join(file);
    Some(
        fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}, and BURN_ZOO_DATA is set", path.display())),
    )
}

/// What is small enough for these tests.
const SMALL: &str = "--set train.epochs=2 --set model.hidden=8 --set data.window=12 --horizon 4";

#[test]
fn d06_gaps_are_named_and_shuffled_rows_make_the_same_model() {
    let (Some(in_order), Some(shuffled)) = (field("D06/ad-gaps.csv"), field("D06/ad-gaps-shuffled.csv")) else {
        return;
    };
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("a.csv"), in_order).unwrap();
    fs::write(at.path().join("b.csv"), shuffled).unwrap();
    let (code, says) =
        refused(&at, &format!("train lstm --data a.csv --time timestamp --target value {SMALL} --out o"));
    assert_eq!(code, 1);
    for part in
        ["stands 2 times (lines 26 and 27)", "(lines 225 and 226): say --set data.gaps=break, interpolate or previous"]
    {
        assert!(says.contains(part), "{says}");
    }
    let told = "--time timestamp --target value --set data.gaps=interpolate --set data.duplicates=mean";
    let mut forecasts = Vec::new();
    for name in ["a", "b"] {
        ok(&at, &format!("train lstm --data {name}.csv {told} {SMALL} --out {name} -q"));
        forecasts.push(ok(&at, &format!("forecast {name} --format csv -q")).0);
    }
    let weights = |name: &str| fs::read(at.path().join(name).join("weights.safetensors")).unwrap();
    assert_eq!(weights("a"), weights("b"));
    assert_eq!(forecasts[0], forecasts[1]);
}

#[test]
fn d06_a_constant_series_is_forecast_to_stay_so() {
    let Some(constant) = field("D06/constant.csv") else { return };
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("c.csv"), constant).unwrap();
    ok(&at, &format!("train lstm --data c.csv --time when --target y {SMALL} --out m -q"));
    let rows = cells(&ok(&at, "forecast m --steps 9 --format csv -q").0);
    for name in ["mean", "lower", "upper"] {
        assert_eq!(column(&rows, name), [42.0; 9], "{name}");
    }
    assert_eq!(column(&rows, "sd"), [0.0; 9]);
}

#[test]
fn d07_times_in_parts_and_series_side_by_side() {
    let (Some(beijing), Some(panel)) = (field("D07/beijing.csv"), field("D07/panel.csv")) else { return };
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("beijing.csv"), beijing).unwrap();
    fs::write(at.path().join("panel.csv"), panel).unwrap();
    let time = "--time year --time month --time day --time hour";
    let line =
        format!("train lstm --data beijing.csv {time} --target pm2.5 --observed TEMP --observed cbwd {SMALL} --out b");
    let (_, notes) = ok(&at, &line);
    assert!(notes.contains("note: 264 steps of 1h from `2010-01-02` to `2010-01-12 23:00:00`"), "{notes}");
    assert!(notes.contains("note: columns `No`, `DEWP`, `PRES`, `Iws`, `Is`, `Ir` are not used"), "{notes}");
    let rows = cells(&ok(&at, "forecast b --format csv -q").0);
    assert_eq!((rows.len(), rows[1][0].as_str()), (5, "2010-01-13"));
    let (code, says) = refused(&at, "forecast b --steps 5 -q");
    assert_eq!(
        (code, says.trim_end()),
        (2, "error: --steps 5: expected at most 4: `TEMP`, `cbwd` are not known of the steps to come")
    );

    let (code, says) = refused(&at, &format!("train lstm --data panel.csv --time day --target y {SMALL} --out p"));
    assert!(code == 1 && says.contains("289 rows repeat a stamp") && says.contains("say --group site"), "{says}");
    let (_, notes) =
        ok(&at, &format!("train lstm --data panel.csv --time day --target y --group site {SMALL} --out p"));
    assert!(notes.contains("note: the series `east` is left out: 9 values are too short"), "{notes}");
    let rows = cells(&ok(&at, "forecast p --format csv -q").0);
    assert_eq!(rows[0][..3], ["time", "site", "step"]);
    let sites: Vec<&str> = rows[1..].iter().map(|row| row[1].as_str()).collect();
    assert_eq!(sites, [["north"; 4], ["south"; 4], ["west"; 4]].concat());
    assert_eq!(column(&rows, "mean")[8..], [30.0; 4]); // west never changed
}

#[test]
fn s5_what_comes_later_changes_neither_scales_nor_the_first_epoch() {
    let Some(text) = field("D06/ad-gaps.csv") else { return };
    let at = tempfile::tempdir().unwrap();
    let large: String = text
        .lines()
        .enumerate()
        .map(|(line, row)| match row.split_once(',') {
            Some((stamp, value)) if line > 168 => format!("{stamp},{}\n", 1000.0 * value.parse::<f64>().unwrap()),
            _ => format!("{row}\n"),
        })
        .collect();
    fs::write(at.path().join("a.csv"), text).unwrap();
    fs::write(at.path().join("b.csv"), large).unwrap();
    let told = "--time timestamp --target value --set data.gaps=interpolate --set data.duplicates=mean";
    let of = |name: &str| {
        ok(&at, &format!("train lstm --data {name}.csv {told} {SMALL} --out {name} -q"));
        let toml: toml::Table = fs::read_to_string(at.path().join(name).join("model.toml")).unwrap().parse().unwrap();
        let curve = fs::read_to_string(at.path().join(name).join("curve.csv")).unwrap();
        let first: Vec<String> = cells(&curve)[1][..2].to_vec();
        (toml["series"].clone(), first)
    };
    assert_eq!(of("a"), of("b"));
}
