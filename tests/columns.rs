//! What columns are, which rows do what, what is predicted, and what rows weigh: on tables written here.
#![cfg(all(feature = "train", feature = "flex"))]

use std::{collections::BTreeMap, io::Cursor};

use burn::tensor::Device;
use burn_zoo::{
    Error, Key,
    data::{
        Column, ColumnKind, Frame, Remark, Schema, Split, SplitBy, Target, Targets, Transform,
        read::{ReadOptions, TableReader},
    },
    recipe::{self, Origin, Prepared},
    settings::Settings,
    train::Quiet,
    uncertainty::MonteCarlo,
    zoo::{Model, ModelFile, Reading},
};
use proptest::{collection::vec, prelude::*};

const HALF: [f64; 3] = [0.5, 0.25, 0.25];

fn frame(text: &str) -> Frame {
    let reader = TableReader::from_reader("t.csv", Cursor::new(text.to_string()), &ReadOptions::default()).unwrap();
    Frame::read("t.csv", reader).unwrap()
}

/// A table of the column `x`, which may be quoted, beside one of numbers.
fn column(name: &str, cells: &[&str]) -> Frame {
    let rows = cells.iter().enumerate().map(|(i, cell)| format!("\"{cell}\",{}.5\n", i * i));
    frame(&format!("{name},other\n{}", rows.collect::<String>()))
}

fn settings(changes: &[&str]) -> Settings {
    changes.iter().fold(Settings::default(), |settings, change| {
        let (path, value) = change.split_once('=').unwrap();
        settings.set(path, value).unwrap()
    })
}

/// The schema of all rows, but for the column `without`.
fn infer(frame: &Frame, changes: &[&str]) -> Result<(Schema, Vec<String>), Error> {
    let (settings, rows) = (settings(changes), (0..frame.rows()).collect::<Vec<_>>());
    Schema::infer(frame, &rows, &[], &settings.schema, &settings.data)
}

/// What a column of these cells is: a word, or why it is left out.
fn kind_of(name: &str, cells: &[&str]) -> String {
    let (schema, _) = infer(&column(name, cells), &[]).unwrap();
    match &schema.ignored[..] {
        [ignored] => ignored.why.clone(),
        _ => schema.columns[0].kind().to_string(),
    }
}

fn refusal(name: &str, cells: &[&str]) -> String {
    infer(&column(name, cells), &[]).unwrap_err().to_string()
}

/// The features of a row of cells in the schema's order.
fn features(schema: &Schema, header: &str, row: &str) -> Result<Vec<f64>, String> {
    let table = frame(&format!("{header}\n{row}\n"));
    let binding = schema.bind(table.columns(), "new.csv").map_err(|error| error.to_string())?;
    let (mut features, mut remarks) = (Vec::new(), Vec::new());
    let encoded = binding.encode(|column| table.cell(0, column), table.dialect(0), &mut features, &mut remarks);
    encoded.map_err(|bad| bad.reason)?;
    Ok(features)
}

#[test]
fn numbers_in_every_spelling_are_numbers() {
    assert_eq!(kind_of("x", &["1", "-2.5", "+3e2", ".5", "1"]), "numeric");
    let (schema, _) = infer(&column("x", &["1", "-2.5", "4"]), &[]).unwrap();
    assert_eq!(schema.columns[0], Column::number("x", -2.5, 4.0, 1.0 / 3.0 - 2.5 / 3.0 + 4.0 / 3.0));
}

#[test]
fn booleans_are_known_in_every_spelling_and_the_second_word_is_yes() {
    for (no, yes) in [("false", "True"), ("NO", "yes"), ("n", "Y"), ("f", "t"), ("off", "On"), ("0", "1")] {
        let (schema, _) = infer(&column("x", &[yes, no, yes]), &[]).unwrap();
        let expected = (no.to_string(), yes.to_string(), true);
        match &schema.columns[0] {
            Column::Boolean { no, yes, fill, .. } => assert_eq!((no.clone(), yes.clone(), *fill), expected),
            other => panic!("{other:?}"),
        }
        let feature = |cell: &str| features(&schema, "other,x", &format!("1,{cell}")).unwrap()[0];
        assert_eq!((feature(&yes.to_uppercase()), feature(&no.to_lowercase())), (1.0, 0.0));
    }
    assert_eq!(kind_of("x", &["yes", "no", "maybe", "yes", "no"]), "categorical");
    // Any spelling of the number.
    let (schema, _) = infer(&column("x", &["0", "1", "1"]), &[]).unwrap();
    assert_eq!(features(&schema, "x,other", "1.0,2").unwrap(), [1.0, 2.0]);
}

#[test]
fn dates_become_days_and_circles() {
    let (schema, _) = infer(&column("x", &["2024-01-01", "2024-07-01", "2023-05-06"]), &[]).unwrap();
    let named = ["x (days)", "x (year (sin))", "x (year (cos))", "x (week (sin))", "x (week (cos))", "other"];
    assert_eq!(schema.features(), named);
    let found = features(&schema, "x,other", "1970-01-08,0").unwrap();
    // A week after 1970-01-01: day 7, a whole turn of the week, 7 / 365.2425 of the year's.
    let turn = std::f64::consts::TAU * 7.0 / 365.2425;
    for (found, expected) in found.iter().zip([7.0, turn.sin(), turn.cos(), 0.0, 1.0]) {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
    assert_eq!(kind_of("x", &["17:30", "08:00", "09:15"]), "date");
    assert_eq!(kind_of("x", &["14.03.2004", "01.02.2004", "03.02.2004"]), "date");
}

#[test]
fn dates_that_are_not_certain_are_refused_with_what_settles_it() {
    assert_eq!(
        refusal("x", &["04/03/2004", "05/06/2004", "01/02/2004"]),
        "t.csv, line 2, column `x`: `04/03/2004` and all below may begin with the day or with the month: say \
         --column 'x=date:%d/%m/%Y' or --column 'x=date:%m/%d/%Y'"
    );
    let two = refusal("x", &["2004-03-04", "2004-03-05", "06.03.2004", "2004-03-07"]);
    assert!(
        two.starts_with(
            "t.csv, line 4, column `x`: `06.03.2004` is a date like %d.%m.%Y, `2004-03-04` above is one like %Y-%m-%d"
        ),
        "{two}"
    );
    assert_eq!(kind_of("x", &["04/03/2004", "14/06/2004", "01/02/2004"]), "date", "the 14th month is none");
}

#[test]
fn a_cell_that_is_no_date_among_dates_is_told() {
    let told = refusal("x", &["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "soon", "2024-01-06"]);
    let says = "t.csv, line 6, column `x`: `soon` is not a date like %Y-%m-%d, as most cells of this column are: say --na \
                'soon' if it means missing, or --column 'x=categorical'";
    assert_eq!(told, says);
}

#[test]
fn codes_with_leading_zeros_are_levels() {
    assert_eq!(kind_of("x", &["007", "012", "007", "012", "007"]), "categorical");
    assert_eq!(kind_of("x", &["0", "12", "7", "0.5", "0"]), "numeric", "0 and 0.5 do not lead");
}

#[test]
fn names_of_rows_are_left_out() {
    let count: Vec<String> = (5..17).map(|i| i.to_string()).collect();
    let count: Vec<&str> = count.iter().map(String::as_str).collect();
    for (name, cells, why) in [
        ("x", &count[..], "it counts the rows"),
        ("x", &["9007199254740993", "9007199254740995", "9007199254740995"], "double precision"),
        ("user_id", &["17", "4", "99"], "an identifier (no value repeats)"),
        ("x", &["Anna", "Bert", "Carl"], "text that never repeats"),
        ("x", &["same", "same", "same"], "constant in the training part"),
        ("x", &["NA", "", "?"], "it has no values"),
    ] {
        assert!(kind_of(name, cells).contains(why), "{name} {cells:?}: {}", kind_of(name, cells));
    }
    assert_eq!(kind_of("x", &["17", "4", "99"]), "numeric", "whole numbers under another name");
    assert_eq!(kind_of("user_id", &["17", "4", "17"]), "numeric", "an id that repeats says something");
}

#[test]
fn a_few_cells_that_are_no_numbers_among_numbers_are_all_told() {
    let mut cells = vec!["1"; 20];
    (cells[3], cells[7], cells[11], cells[12]) = ("oops", "n.a.", "two", "x");
    let error = refusal("x", &cells);
    assert_eq!(
        error,
        "t.csv, line 5, column `x`: `oops` is not a number, as most cells of this column are (4 such cells: also `n.a.` in \
         t.csv, line 9, `two` in t.csv, line 13, ...): say --na 'oops' if it means missing, or --column 'x=categorical'"
    );
    assert_eq!(kind_of("x", &["1", "1", "oops", "oops", "1"]), "categorical", "60 % are not most");
}

#[test]
fn a_user_s_word_goes_before_what_is_found() {
    let said = |cells: &[&str], kind: &str| {
        let frame = column("x", cells);
        infer(&frame, &[&format!("schema.x={kind}")]).map(|(schema, _)| schema)
    };
    assert_eq!(said(&["1", "2", "1"], "categorical").unwrap().columns[0].kind(), "categorical");
    assert_eq!(
        said(&["007", "012", "013"], "numeric").unwrap().columns[0],
        Column::number("x", 7.0, 13.0, 7.0 / 3.0 + 4.0 + 13.0 / 3.0)
    );
    assert_eq!(said(&["a", "b", "a"], "boolean").unwrap().features()[0], "x=b");
    assert_eq!(said(&["04/03/2004", "05/06/2004", "x"], "ignored").unwrap().ignored[0].name, "x");
    let day = said(&["04/03/2004", "05/06/2004", "01/02/2004"], "date:%d/%m/%Y").unwrap();
    let month = said(&["04/03/2004", "05/06/2004", "01/02/2004"], "date:%m/%d/%Y").unwrap();
    assert_eq!(features(&day, "x,other", "02/01/1970,0").unwrap()[0], 1.0);
    assert_eq!(features(&month, "x,other", "02/01/1970,0").unwrap()[0], 31.0);
    for (cells, kind, says) in [
        (["1", "2", "b"], "numeric", "t.csv, line 4, column `x`: `b` is not a number"),
        (["1", "2", "b"], "date", "t.csv, line 2, column `x`: `1` is no date in a format that is tried"),
        (["1", "2", "b"], "boolean", "t.csv, line 2, column `x`: 3 values are in this column: a boolean one has 2"),
        (["1", "2", "b"], "date:%Q", "t.csv, line 2, column `x`: \"%Q\" is no format of dates"),
    ] {
        let error = said(&cells, kind).unwrap_err().to_string();
        assert!(error.starts_with(says), "{kind}: {error}");
    }
}

#[test]
fn rare_levels_share_a_feature_and_unseen_ones_do_as_they_are_told() {
    let cells = ["a", "a", "b", "b", "b", "c", "d"];
    let of = |changes: &[&str]| infer(&column("x", &cells), changes).unwrap().0;
    let one_hot = |schema: &Schema, level: &str| {
        features(schema, "x,other", &format!("{level},0")).map(|features| features[..features.len() - 1].to_vec())
    };
    let zeros = of(&[]);
    assert_eq!(zeros.features(), ["x=a", "x=b", "x (rare)", "other"]);
    assert_eq!(one_hot(&zeros, "b").unwrap(), [0.0, 1.0, 0.0]);
    assert_eq!(one_hot(&zeros, "d").unwrap(), [0.0, 0.0, 1.0]);
    assert_eq!(one_hot(&zeros, "new").unwrap(), [0.0, 0.0, 0.0]);
    assert_eq!(one_hot(&of(&["data.unseen=rare"]), "new").unwrap(), [0.0, 0.0, 1.0]);
    let error = one_hot(&of(&["data.unseen=error"]), "new").unwrap_err();
    assert_eq!(error, "`new` is a level that the training part did not have");
    let none_rare = of(&["data.rare=1", "data.unseen=rare"]);
    assert_eq!(none_rare.features(), ["x=a", "x=b", "x=c", "x=d", "other"]);
    assert_eq!(one_hot(&none_rare, "new").unwrap(), [0.0; 4], "there is no rare one");
}

#[test]
fn missing_cells_do_as_they_are_told() {
    let text = "n,s,b,d,y\n1,a,yes,1970-01-02,1\n3,a,no,1970-01-04,2\n,,,,3\n8,b,no,1970-01-06,5\n";
    let of = |missing: &str| infer(&frame(text), &["data.rare=1", &format!("data.missing={missing}")]).unwrap().0;
    let header = "n,s,b,d,y";
    let mean = features(&of("mean"), header, ",,,,9").unwrap();
    // 12 / 3, the most frequent level, the more frequent word, (1 + 3 + 5) / 3 days.
    assert!((mean[0] - 4.0).abs() < 1e-12);
    assert_eq!(mean[1..4], [1.0, 0.0, 0.0]);
    assert!((mean[4] - 3.0).abs() < 1e-12);
    let indicator = of("indicator");
    let names = indicator.features();
    let at = |name: &str| names.iter().position(|known| known == name).unwrap();
    let (gone, there) =
        (features(&indicator, header, ",,,,9").unwrap(), features(&indicator, header, "1,a,no,1970-01-02,9").unwrap());
    for name in ["n (missing)", "s (missing)", "b (missing)", "d (missing)"] {
        assert_eq!((gone[at(name)], there[at(name)]), (1.0, 0.0), "{name}");
    }
    assert!(!names.contains(&"y (missing)".to_string()), "it was never missing in the training part");
    for missing in ["error", "drop"] {
        let error = features(&of(missing), header, ",a,no,1970-01-02,9").unwrap_err();
        assert_eq!(error, format!("the cell is missing, and data.missing was {missing}"));
    }
}

#[test]
fn a_row_with_a_missing_cell_is_dropped_from_every_part() {
    let rows: String = (0..40)
        .map(|i| format!("{},{},{}\n", if i % 8 == 0 { String::new() } else { (i * i).to_string() }, i % 3, i * 7 % 11))
        .collect();
    let prepared = prepare(&format!("a,b,y\n{rows}"), "y", &["data.missing=drop"]).unwrap();
    let kept = [prepared.split.train.clone(), prepared.split.valid.clone(), prepared.split.test.clone()].concat();
    assert_eq!(kept.len(), 35);
    assert!(kept.iter().all(|row| row % 8 != 0));
    assert!(prepared.notes.contains(&"5 rows with missing cells are left out".to_string()), "{:?}", prepared.notes);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn columns_are_found_by_name_in_any_order(order in Just((0..4).collect::<Vec<usize>>()).prop_shuffle(), n in -9i32..9) {
        let (schema, _) = infer(&frame("n,s,b,d\n1,a,yes,1970-01-02\n3,a,no,1970-01-04\n5,b,no,1970-01-03\n"), &["data.rare=1"]).unwrap();
        let (names, cells) = (["n", "s", "b", "d"], [n.to_string(), "b".into(), "yes".into(), "1971-02-03".into()]);
        let line = |of: &dyn Fn(usize) -> String| order.iter().map(|&i| of(i)).chain(["z".to_string()]).collect::<Vec<_>>().join(",");
        let shuffled = features(&schema, &line(&|i| names[i].to_string()), &line(&|i| cells[i].clone()));
        prop_assert_eq!(shuffled, features(&schema, &names.join(","), &cells.join(",")));
    }

    #[test]
    fn a_split_deals_every_row_once_and_its_key_decides(rows in 20usize..300, seed in 0u64..100, classes in 2usize..5) {
        let of: Vec<usize> = (0..rows).map(|row| row * row % classes).collect();
        let names: Vec<String> = (0..rows).map(|row| (row % 17).to_string()).collect();
        let groups: Vec<&str> = names.iter().map(String::as_str).collect();
        let deal = |seed| [
            Split::random(rows, HALF, Key::new(seed)).unwrap(),
            Split::stratified(&of, HALF, Key::new(seed)).unwrap(),
            Split::grouped(&groups, HALF, Key::new(seed)).unwrap(),
        ];
        for (split, again) in deal(seed).into_iter().zip(deal(seed)) {
            prop_assert_eq!(&split, &again);
            let mut all = [split.train, split.valid, split.test].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..rows).collect::<Vec<_>>());
        }
        prop_assert_ne!(deal(seed), deal(seed + 1));
    }

    #[test]
    fn a_stratified_split_shares_each_class_within_a_row_of_exact(counts in vec(1usize..80, 2..6), seed in 0u64..100) {
        prop_assume!(counts.iter().sum::<usize>() > 20);
        let classes: Vec<usize> = counts.iter().enumerate().flat_map(|(class, &n)| vec![class; n]).collect();
        let split = Split::stratified(&classes, [0.7, 0.15, 0.15], Key::new(seed)).unwrap();
        for (class, &n) in counts.iter().enumerate() {
            let in_part = |part: &[usize]| part.iter().filter(|&&row| classes[row] == class).count();
            let found = [&split.train, &split.valid, &split.test].map(|part| in_part(part));
            for (found, share) in found.iter().zip([0.7, 0.15, 0.15]) {
                prop_assert!((*found as f64 - share * n as f64).abs() < 1.0, "{} of {n} for {share}", found);
            }
            prop_assert!(found[0] > 0, "a class of one row trains");
        }
    }

    #[test]
    fn a_group_is_never_torn(groups in vec(0u8..12, 30..200), seed in 0u64..100) {
        let names: Vec<String> = groups.iter().map(ToString::to_string).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let distinct = groups.iter().collect::<std::collections::BTreeSet<_>>().len();
        prop_assume!(distinct >= 3);
        let split = Split::grouped(&names, HALF, Key::new(seed)).unwrap();
        let of = |part: &[usize]| part.iter().map(|&row| groups[row]).collect::<std::collections::BTreeSet<_>>();
        let parts = [of(&split.train), of(&split.valid), of(&split.test)];
        prop_assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), distinct);
    }

    #[test]
    fn nothing_trains_that_is_later_than_what_tests(times in vec(0u8..60, 40..200)) {
        let times: Vec<f64> = times.into_iter().map(f64::from).collect();
        let Ok(split) = Split::by_time(&times, HALF) else { return Ok(()) }; // one time for almost all
        let ends = |part: &[usize]| {
            let of = part.iter().map(|&row| times[row]);
            (of.clone().fold(f64::INFINITY, f64::min), of.fold(f64::NEG_INFINITY, f64::max))
        };
        let [train, valid, test] = [&split.train, &split.valid, &split.test].map(|part| ends(part));
        prop_assert!(train.1 < valid.0 && valid.1 < test.0, "ties stay together: {train:?} {valid:?} {test:?}");
    }
}

fn prepare(text: &str, target: &str, changes: &[&str]) -> Result<Prepared, Error> {
    recipe::prepare(&frame(text), None, target, &settings(changes))
}

/// A table of `x` and a target, whose cells come one after the other.
fn with_target(cells: &[&str]) -> String {
    let rows = (0..40).map(|i| format!("{},{}\n", (i * 37) % 41, cells[i % cells.len()]));
    format!("x,y\n{}", rows.collect::<String>())
}

#[test]
fn what_is_predicted_follows_from_the_target() {
    let classes = |cells: &[&str], changes: &[&str]| {
        prepare(&with_target(cells), "y", changes).map(|prepared| (prepared.target.classes, prepared.task.to_string()))
    };
    assert_eq!(classes(&["no", "yes"], &[]).unwrap().0, ["no", "yes"]);
    assert_eq!(classes(&["10", "9"], &[]).unwrap().0, ["9", "10"], "numbers in their own order");
    assert_eq!(classes(&["b", "a", "c"], &[]).unwrap().0, ["a", "b", "c"]);
    assert_eq!(classes(&["10", "9", "8"], &[]).unwrap().0, [""; 0]);
    assert_eq!(classes(&["10", "9", "8"], &["data.task=classes"]).unwrap().0, ["8", "9", "10"]);
    assert_eq!(classes(&["1.5", "2.5"], &[]).unwrap().0, [""; 0], "two numbers that are not whole");
    assert_eq!(classes(&["0", "1"], &["data.task=regression"]).unwrap().0, [""; 0]);
    let note = "`y` has 3 whole numbers: they are predicted as numbers; --task classes makes classes of them";
    let notes = |changes: &[&str]| prepare(&with_target(&["1", "2", "3"]), "y", changes).unwrap().notes;
    assert!(notes(&[]).contains(&note.to_string()));
    assert!(!notes(&["data.task=regression"]).contains(&note.to_string()));
    for (cells, changes, says) in [
        (&["1", "1"][..], &[][..], "t.csv, column `y`: one value only, `1`: nothing to learn"),
        (&["1.5", "1.50"], &[], "t.csv, column `y`: one value only, `1.5`: nothing to learn"),
        (&["a"], &[], "t.csv, column `y`: one class only, `a`: nothing to learn"),
        (
            &["1", "2", "3", "4", "", "5", "6"],
            &[],
            "t.csv, line 6, column `y`: `` is not a finite number (6 such rows)",
        ),
        (&["1.5", "2", "0"], &["data.transform=log"], "t.csv, line 4, column `y`: 0 has no logarithm"),
        (&["1.5", "2", "-3"], &["data.transform=log"], "t.csv, line 4, column `y`: -3 has no logarithm"),
    ] {
        let error = classes(cells, changes).unwrap_err().to_string();
        assert!(error.starts_with(says), "{error}");
    }
}

#[test]
fn rows_without_a_target_are_left_out_and_counted_if_that_is_said() {
    let prepared =
        prepare(&with_target(&["1", "2", "3", "4", "", "5", "6", "nan"]), "y", &["data.missing_target=drop"]).unwrap();
    assert_eq!(prepared.split.rows(), 30);
    assert!(prepared.notes.contains(&"10 rows are left out: their `y` is not a finite number".to_string()));
    let Targets::Numbers(numbers) =
        Target::find(&frame(&with_target(&["1", "2", "3"])), "y", &Default::default()).unwrap().targets
    else {
        panic!("numbers")
    };
    assert_eq!(numbers[..4], [1.0, 2.0, 3.0, 1.0]);
}

#[test]
fn numbers_that_cannot_be_standardised_are_refused_by_their_place() {
    let table = |change: &dyn Fn(usize) -> Option<(&'static str, &'static str)>| {
        let row = |i: usize| {
            let (x, y) = change(i).unwrap_or(("", ""));
            let or = |cell: &str, number: usize| if cell.is_empty() { number.to_string() } else { cell.to_string() };
            format!("{},{}\n", or(x, i * 37 % 41), or(y, i * 17 % 23))
        };
        format!("x,y\n{}", (0..40).map(row).collect::<String>())
    };
    let refusal = |text: &str| prepare(text, "y", &[]).unwrap_err().to_string();
    let way = "say --na if it means missing, or use another unit";
    assert_eq!(
        refusal(&table(&|i| (i == 4).then_some(("1e308", "")))),
        format!("t.csv, line 6, column `x`: `1e308` is beyond 1e70: {way}")
    );
    assert_eq!(
        refusal(&table(&|i| (i == 5).then_some(("", "-1e99")))),
        format!("t.csv, line 7, column `y`: `-1e99` is beyond 1e70: {way}")
    );
    let tiny = |i: usize| Some(if i.is_multiple_of(2) { ("1e-200", "") } else { ("2e-200", "") });
    assert_eq!(
        refusal(&table(&tiny)),
        "t.csv, column `x`: the training part's standard deviation is below 1e-70: use another unit"
    );
    // By time, the last rows test: they are far out of what the training part held.
    let far = |i: usize| Some((if i > 37 { "7e60" } else { ["1e-20", "2e-20"][i % 2] }, ""));
    let rows =
        table(&far).lines().skip(1).enumerate().map(|(i, line)| format!("{line},{}\n", i / 2)).collect::<String>();
    let error = prepare(&format!("x,y,t\n{rows}"), "y", &["data.split_by=time:t"]).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "t.csv, line 40, column `x`: `7e60` is more than 3.4028235e38 standard deviations from the training part's mean: {way}"
        )
    );
}

#[test]
fn copies_of_rows_are_counted() {
    let rows: String = (0..40).map(|i| format!("{},{}\n", i % 20, (i % 20) * 3)).collect();
    let prepared = prepare(&format!("x,y\n{rows}"), "y", &[]).unwrap();
    let note = prepared.notes.iter().find(|note| note.contains("copies of others")).unwrap();
    let split = &prepared.split;
    let also = |part: &[usize]| part.iter().filter(|&&row| split.train.contains(&((row + 20) % 40))).count();
    let (test, valid) = (also(&split.test), also(&split.valid));
    let [n_test, n_valid] = [split.test.len(), split.valid.len()];
    assert_eq!(
        note,
        &format!(
            "20 rows are copies of others in all that is read: {test} of {n_test} test rows and {valid} of {n_valid} validation rows also stand in the training part"
        )
    );
}

#[test]
fn only_the_training_part_says_what_columns_are() {
    // The last quarter has levels and numbers that nothing before it has.
    let rows: String = (0..40)
        .map(|i| {
            format!("{},{},{},{}\n", i, if i < 20 { "a" } else { "b" }, if i % 2 == 0 { 1 } else { i }, i * i % 13)
        })
        .collect();
    let changes = ["data.split_by=time:t", "data.split=[0.5, 0.25, 0.25]", "data.rare=1", "schema.t=numeric"];
    let error = prepare(&format!("t,s,n,y\n{rows}"), "y", &changes).unwrap();
    let Some(Column::Numeric { max, .. }) = error.schema.columns.iter().find(|column| column.name() == "n") else {
        panic!()
    };
    assert_eq!(*max, 19.0);
    assert_eq!(error.schema.ignored[0].name, "s", "constant in the training part");
}

/// The weights of a network that was trained on fixed parts: 16, 8 and 8 rows of 32.
fn trained(text: &str, changes: &[&str]) -> ModelFile {
    let small = ["model.hidden=[4]", "train.epochs=3", "schema.w=ignored"];
    let settings = settings(&[&small, changes].concat());
    let prepared = recipe::prepare(&frame(text), Some([16, 8, 8]), "y", &settings).unwrap();
    let origin = Origin {
        data: vec!["t.csv".to_string()],
        sha256: vec![String::new()],
        reading: Reading::default(),
        command: String::new(),
        device: "flex".to_string(),
    };
    let model: Model = prepared.train(origin, &Device::flex(), Quiet, None).unwrap().model;
    model.file().clone()
}

#[test]
fn balanced_classes_weigh_the_inverse_of_their_shares() {
    // Of 16 training rows 8, 4, 2, 2 are of a class: 1 / (4 classes * share) is 0.5, 1, 2, 2.
    let class = |i: usize| [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3][i % 16];
    let row =
        |i: usize| format!("{},{},{}\n", i * 37 % 31, ["a", "b", "c", "d"][class(i)], [0.5, 1.0, 2.0, 2.0][class(i)]);
    let text = format!("x,y,w\n{}", (0..32).map(row).collect::<String>());
    let by_class = trained(&text, &["data.weights=balanced"]);
    let by_column = trained(&text, &["data.weight_column=w"]);
    assert_eq!(by_class.weights.sha256, by_column.weights.sha256);
    assert_ne!(by_class.weights.sha256, trained(&text, &[]).weights.sha256);
    let both = trained(&text, &["data.weights=balanced", "data.weight_column=w"]);
    assert_ne!(both.weights.sha256, by_class.weights.sha256, "they are multiplied");
    assert_eq!(by_class.data.frequencies, [0.5, 0.25, 0.125, 0.125]);
}

#[test]
fn weights_that_are_none_are_refused_by_their_place() {
    for bad in ["-1", "1e31", "", "heavy"] {
        let row = |i: usize| format!("{},{},{}\n", i * 37 % 41, i * 17 % 23, if i == 9 { bad } else { "2" });
        let text = format!("x,y,w\n{}", (0..40).map(row).collect::<String>());
        // Rows of the test part have no weight.
        let given = Some([20, 10, 10]);
        let error = recipe::prepare(&frame(&text), given, "y", &settings(&["data.weight_column=w"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("t.csv, line 11, column `w`: `{bad}` is no weight: expected a number from 0 to 1e30")
        );
    }
    let error = prepare(&with_target(&["1", "2", "3"]), "y", &["data.weights=balanced"]).unwrap_err().to_string();
    assert_eq!(error, "`data.weights` is balanced: expected none: `y` has no classes");
}

#[test]
fn what_was_said_of_columns_and_splits_survives_being_written() {
    let kinds: BTreeMap<&str, ColumnKind> =
        ["numeric", "categorical", "boolean", "date", "date:%d.%m.%Y", "ignored", "id"]
            .map(|kind| (kind, ColumnKind::try_from(kind.to_string()).unwrap()))
            .into();
    for (text, kind) in kinds {
        assert_eq!(String::from(kind), text);
    }
    for text in ["auto", "random", "stratified", "group:a:b", "time:when"] {
        assert_eq!(SplitBy::try_from(text.to_string()).unwrap().to_string(), text);
    }
    for text in ["group:", "time", "groups:x", ""] {
        assert!(SplitBy::try_from(text.to_string()).is_err(), "{text}");
    }
    assert_eq!(settings(&["data.transform=log"]).data.transform, Transform::Log);
}

#[test]
fn what_is_unlike_the_training_part_is_told() {
    let (schema, _) =
        infer(&frame("n,s,d\n1,a,1970-01-02\n3,a,1970-01-04\n5,b,1970-01-03\n"), &["data.rare=1"]).unwrap();
    let remarks = |row: &str| {
        let table = frame(&format!("n,s,d\n{row}\n"));
        let (mut features, mut remarks) = (Vec::new(), Vec::new());
        schema
            .bind(table.columns(), "t")
            .unwrap()
            .encode(|at| table.cell(0, at), table.dialect(0), &mut features, &mut remarks)
            .unwrap();
        remarks.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(remarks("3,b,1970-01-03"), [""; 0]);
    assert_eq!(remarks("0.5,c,1970-01-05"), ["n=0.5", "s=c", "d=1970-01-05"]);
    assert_eq!(remarks(",a,1970-01-02"), ["n="]);
    assert!(!Remark::Missing { column: "n".to_string() }.is_outside());
}

/// A table of the number `x` and the class `y`.
fn classes(rows: &[(f64, &str)]) -> String {
    rows.iter().fold("x,y\n".to_string(), |text, (x, y)| text + &format!("{x},{y}\n"))
}

#[test]
fn a_class_that_the_training_part_lacks_is_refused_however_the_parts_came_about() {
    let both = |n: usize| (0..n).map(|i| (i as f64, if i % 2 == 0 { "p" } else { "q" })).collect::<Vec<_>>();
    let table = |rows: &[(f64, &str)]| frame(&classes(rows));
    let mut given = table(&[(1.0, "p"), (2.0, "p"), (3.0, "q"), (5.5, "p")]);
    given.append(&table(&both(4))).unwrap();
    given.append(&table(&[(9.0, "p"), (8.0, "p.")])).unwrap();
    let error = recipe::prepare(&given, Some([4, 4, 2]), "y", &Settings::default()).unwrap_err().to_string();
    let says = "no row of the training part is of the class `p.`";
    assert!(error.starts_with("t.csv, line 3, column `y`: ") && error.contains(says), "{error}");

    // All rows of a class miss a cell, and rows with missing cells are dropped.
    let rows: String =
        (0..40).map(|i| if i % 2 == 0 { format!("{},p\n", i * i) } else { ",q\n".to_string() }).collect();
    let error = prepare(&format!("x,y\n{rows}"), "y", &["data.missing=drop"]).unwrap_err().to_string();
    assert!(error.contains("every row of the training part has `p`: nothing to learn"), "{error}");
}

#[test]
fn a_value_that_is_neither_yes_nor_no_is_half_of_each_and_counts_are_numbers() {
    let (schema, _) = infer(&column("x", &["yes", "no", "no"]), &[]).unwrap();
    assert_eq!(features(&schema, "x,other", "maybe,1.5").unwrap()[0], 0.5);
    // Rows that do not train count beyond one.
    let table = column("x", &["0", "1", "0", "1", "2"]);
    let (schema, _) = Schema::infer(&table, &[0, 1, 2, 3], &[], &BTreeMap::new(), &Settings::default().data).unwrap();
    assert_eq!(schema.columns[0].kind(), "numeric");
    let error = infer(&column("x", &["Yes", "yes", "Yes"]), &["schema.x=boolean"]).unwrap_err().to_string();
    assert!(error.contains("a boolean one has 2"), "{error}");
}

#[test]
fn a_missing_cell_is_filled_within_the_range_and_never_outside_of_it() {
    let (schema, _) = infer(&column("x", &["0.7", "", "0.7", "0.7", "0.7", "0.7", "0.7"]), &[]).unwrap();
    assert!(matches!(schema.columns[0], Column::Numeric { fill: 0.7, min: 0.7, max: 0.7, .. }), "{schema:?}");
    let table = frame("x,other\n,1.5\n");
    let binding = schema.bind(table.columns(), "new.csv").unwrap();
    let (mut features, mut remarks) = (Vec::new(), Vec::new());
    binding.encode(|at| table.cell(0, at), table.dialect(0), &mut features, &mut remarks).unwrap();
    assert!(!remarks.iter().any(Remark::is_outside), "{remarks:?}");
}

#[test]
fn rows_of_one_time_go_to_the_part_that_leaves_none_empty() {
    let split = Split::by_time(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 7.0, 7.0], [0.7, 0.2, 0.1]).unwrap();
    assert_eq!((split.train.len(), split.valid.len(), split.test.len()), (6, 1, 3));
    assert!(Split::by_time(&[1.0, 1.0, 2.0], [0.7, 0.2, 0.1]).is_err());
}

#[test]
fn settings_that_would_do_nothing_are_refused() {
    let rows: Vec<(f64, &str)> = (0..30).map(|i| (f64::from(i), if i % 3 == 0 { "p" } else { "q" })).collect();
    for (change, says) in [
        ("model.noise=predicted", "`model.noise` is predicted: expected the default, constant"),
        ("data.weight_column=y", "`data.weight_column` is y: expected another column than the target"),
        ("data.split_by=group:y", "`data.split_by` is y: expected another column than the target"),
    ] {
        let error = prepare(&classes(&rows), "y", &[change]).unwrap_err().to_string();
        assert!(error.starts_with(says), "{error}");
    }
    let mut table = frame(&classes(&rows));
    table.append(&frame(&classes(&rows))).unwrap();
    table.append(&frame(&classes(&rows))).unwrap();
    let split = settings(&["data.split=[0.8,0.1,0.1]"]);
    let error = recipe::prepare(&table, Some([30, 30, 30]), "y", &split).unwrap_err().to_string();
    assert!(error.contains("the parts are files"), "{error}");
}

#[test]
fn months_are_dates_if_that_is_said() {
    let (schema, _) = infer(&column("x", &["2005-11", "2005-12", "2006-01"]), &["schema.x=date:%Y-%m"]).unwrap();
    let days = |row: &str| features(&schema, "x,other", row).unwrap()[0];
    assert_eq!(days("2006-01,1.5") - days("2005-11,1.5"), 61.0);
}

#[test]
fn a_row_whose_prediction_overflows_is_named_wherever_its_block_begins() {
    let row = |i: usize| format!("{},{}\n", i % 23, ((i % 23) as f64 / 3.0).exp());
    let text = format!("x,y\n{}", (0..60).map(row).collect::<String>());
    for noise in ["constant", "predicted"] {
        let settings = settings(&["data.transform=log", "train.epochs=3", &format!("model.noise={noise}")]);
        let (data, sha256, reading) = (vec!["t.csv".to_string()], vec![String::new()], Reading::default());
        let origin = Origin { data, sha256, reading, command: String::new(), device: "flex".to_string() };
        let outcome = recipe::train_mlp(&frame(&text), "y", &settings, origin, &Device::flex(), Quiet).unwrap();
        let (features, _) = outcome.model.read(&frame("x\n1\n2\n3\n4\n5\n1e9\n-1e9\n")).unwrap();
        let passes = MonteCarlo::new(3).chunk(2);
        let mut done = 0;
        let error = outcome.model.predict_each(&features, &passes, |range, _| {
            done = range.end;
            Ok(())
        });
        let Err(Error::NotFinite { row, .. }) = error else { panic!("{error:?}") };
        assert!((5..7).contains(&row) && done == 4, "{noise}: row {row}, {done} before it");
        assert!(
            matches!(outcome.model.predict(&features, &passes), Err(Error::NotFinite { row: again, .. }) if again == row)
        );
    }
}

#[test]
fn rows_that_are_selected_keep_their_cells_and_their_places() {
    let mut all = frame("x,y\n1,one\n22,two\n333,three\n");
    all.append(&frame("y,x\nfour,4444\nfive,5\n")).unwrap();
    let some = all.select(&[1, 3, 4]);
    assert_eq!(some.rows(), 3);
    for (row, of_all) in [1, 3, 4].into_iter().enumerate() {
        let cells = |frame: &Frame, row| [0, 1].map(|column| frame.cell(row, column).to_string());
        assert_eq!(cells(&some, row), cells(&all, of_all));
        assert_eq!(some.place(row), all.place(of_all));
    }
}
