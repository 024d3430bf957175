//! Series: how a table becomes regular series, what a model sees of them, and that nothing is seen before it is known.

use std::{collections::BTreeMap, io::Cursor};

use burn_zoo::{
    Error, Key, Result,
    data::{
        ColumnKind, Frame,
        read::{ReadOptions, TableReader},
        series::{
            self, Auto, Duplicates, Gaps, Irregular, Origin, Panel, Part, SeriesAugmentation, SeriesSchema,
            SeriesSettings, StepChoice, Transform, Windows, find, seasonal_law,
        },
    },
};
use proptest::prelude::*;

fn frame(text: &str) -> Frame {
    let reader = TableReader::from_reader("t.csv", Cursor::new(text.to_string()), &ReadOptions::default());
    Frame::read("t.csv", reader.unwrap()).unwrap()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Small windows, no calendar.
fn small() -> SeriesSettings {
    SeriesSettings {
        time: names(&["t"]),
        target: names(&["y"]),
        window: Auto::Is(4),
        horizon: 2,
        season: Auto::Is(2),
        calendar: "none".to_string().try_into().unwrap(),
        ..SeriesSettings::default()
    }
}

fn fit(text: &str, settings: &SeriesSettings) -> Result<(SeriesSchema, Panel)> {
    SeriesSchema::fit(&frame(text), settings, &BTreeMap::new())
}

fn error(text: &str, settings: &SeriesSettings) -> String {
    fit(text, settings).unwrap_err().to_string()
}

/// A day for each value, from 1 January 2024; empty cells for NaN.
fn days(values: &[f64]) -> String {
    let start = jiff_day(0);
    assert_eq!(start, "2024-01-01");
    let cell = |y: &f64| if y.is_nan() { String::new() } else { y.to_string() };
    let lines = values.iter().enumerate().map(|(day, y)| format!("{},{}\n", jiff_day(day), cell(y)));
    format!("t,y\n{}", lines.collect::<String>())
}

/// The days of 2024 and 2025.
fn jiff_day(day: usize) -> String {
    let lengths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut left = day;
    for (month, length) in lengths.into_iter().enumerate() {
        if left < length {
            return format!("{}-{:02}-{:02}", 2024 + month / 12, month % 12 + 1, left + 1);
        }
        left -= length;
    }
    panic!("2 years only")
}

fn waves(n: usize) -> Vec<f64> {
    (0..n).map(|i| 20.0 + ((i as f64) * 0.9).sin() * 5.0 + (i % 7) as f64).collect()
}

const NAN: f64 = f64::NAN;

#[test]
fn rows_in_any_order_make_the_same_series() {
    let text = days(&waves(60));
    let (schema, panel) = fit(&text, &small()).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    let order = Key::new(3).permutation(60);
    let shuffled: String = order.iter().map(|&row| format!("{}\n", lines[row + 1])).collect();
    let (other, shuffled) = fit(&format!("t,y\n{shuffled}"), &small()).unwrap();
    assert_eq!(schema, other);
    assert_eq!(panel.series()[0].targets(), shuffled.series()[0].targets());
    assert!(shuffled.notes.iter().any(|note| note.starts_with("the rows were put in the order of time: ")));
    assert!(!panel.notes.iter().any(|note| note.starts_with("the rows were put")));
    // Latest first, as many downloads are.
    lines[1..].reverse();
    assert_eq!(fit(&lines.join("\n"), &small()).unwrap().0, schema);
}

#[test]
fn a_repeated_stamp_is_refused_or_counts_by_the_rule() {
    let mut text = days(&waves(40));
    text += "2024-01-10,100\n2024-01-10,1\n";
    assert_eq!(
        error(&text, &small()),
        "t.csv: 2 rows repeat a stamp: `2024-01-10` stands 3 times (lines 11, 42 and 43): say --set data.duplicates=mean, first, \
         last or sum"
    );
    let at = |duplicates, text: &str| {
        let (_, panel) = fit(text, &SeriesSettings { duplicates, ..small() }).unwrap();
        panel.series()[0].targets()[9]
    };
    let y = waves(40)[9];
    assert!((at(Duplicates::Mean, &text) - (y + 101.0) / 3.0).abs() < 1e-12);
    assert!((at(Duplicates::Sum, &text) - (y + 101.0)).abs() < 1e-12);
    // Which of them is the first is known of a table in the order of time only.
    let says = "t.csv: the rows are not in the order of time, so it is not known which of two with one stamp is the first (lines 11 \
                and 42): sort them, or say --set data.duplicates=mean";
    assert_eq!(error(&text, &SeriesSettings { duplicates: Duplicates::First, ..small() }), says);
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_by_key(|line| line.split(',').next().unwrap() != "t");
    let head = lines.remove(0);
    lines.sort_by_key(|line| line.split(',').next().unwrap());
    let sorted = format!("{head}\n{}\n", lines.join("\n"));
    assert_eq!((at(Duplicates::First, &sorted), at(Duplicates::Last, &sorted)), (y, 1.0));
}

#[test]
fn a_gap_is_refused_or_filled_or_nothing_runs_through_it() {
    let whole = waves(60);
    let mut values = whole.clone();
    values[20] = NAN; // a row without a value
    let text: String =
        days(&values).lines().filter(|line| !line.starts_with("2024-01-1")).map(|l| format!("{l}\n")).collect();
    assert_eq!(
        error(&text, &small()),
        "t.csv: 10 stamps are missing at steps of 1d, in a gap of 11 steps between `2024-01-09` and `2024-01-20` (lines 10 and 11): \
         say --set data.gaps=break, interpolate or previous; `y` has no value in 1 row (line 12): say --set data.gaps=break, \
         interpolate or previous"
    );
    let read = |gaps| fit(&text, &SeriesSettings { gaps, ..small() }).unwrap();
    let (_, held) = read(Gaps::Previous);
    let held = &held.series()[0];
    assert!(held.targets()[9..19].iter().all(|y| *y == whole[8]) && held.targets()[20] == whole[19]);
    assert!(held.given()[8] && !held.given()[9] && !held.given()[20]);
    let (schema, line) = read(Gaps::Interpolate);
    let windows = Windows::new(&schema, &line).unwrap();
    let line = &line.series()[0];
    assert!((line.targets()[13] - (whole[8] + (whole[19] - whole[8]) * 5.0 / 11.0)).abs() < 1e-12);
    // What is made up is no target, and from within the gap nothing is forecast.
    let origins = windows.origins(Part::Train);
    let targets = |origin: &Origin| origin.at..origin.at + 2;
    assert!(origins.iter().all(|origin| targets(origin).all(|step| line.given()[step])));
    assert!(origins.iter().all(|origin| line.given()[origin.at - 1]));
    assert!(origins.contains(&Origin { series: 0, at: 22 })); // its window holds the end of both gaps
    let says = "forecast: the window ends inside of a gap, whose end is not yet known";
    assert_eq!(windows.input(Origin { series: 0, at: 15 }).unwrap_err().to_string(), says);

    let (schema, broken) = read(Gaps::Break);
    let windows = Windows::new(&schema, &broken).unwrap();
    let targets = broken.series()[0].targets();
    assert!(targets[9..19].iter().all(|y| y.is_nan()) && targets[20].is_nan());
    let origins = windows.origins(Part::Train);
    assert!(origins.iter().all(|origin| targets[origin.at - 4..origin.at + 2].iter().all(|y| !y.is_nan())));
    assert!(origins.contains(&Origin { series: 0, at: 25 }) && !origins.contains(&Origin { series: 0, at: 24 }));
    let says = "forecast: the window of 4 steps runs through a gap";
    assert_eq!(windows.input(Origin { series: 0, at: 24 }).unwrap_err().to_string(), says);
}

#[test]
fn rows_without_a_target_before_the_first_and_behind_the_last_are_told() {
    let mut values = waves(50);
    values[..3].fill(NAN);
    values[48..].fill(NAN);
    let (_, panel) = fit(&days(&values), &small()).unwrap();
    assert_eq!(panel.series()[0].steps(), 45);
    assert_eq!(panel.stamp(0, 0), "2024-01-04");
    assert_eq!(panel.stamp(0, 45), "2024-02-18"); // the first step to come
    let says = "3 rows before the first with all values are left out: no `y` (lines 2-4)";
    assert!(panel.notes.iter().any(|note| note == says), "{:?}", panel.notes);
    let says = "2 rows behind the last value (lines 50 and 51): not used";
    assert!(panel.notes.iter().any(|note| note == says), "{:?}", panel.notes);
}

#[test]
fn stamps_between_the_steps_are_refused_or_go_to_the_nearest() {
    let clock = ["00:00", "00:05", "00:11", "00:15", "00:20"];
    let more: Vec<String> = (5..60).map(|i| format!("{:02}:{:02}", i / 12, i % 12 * 5)).collect();
    let all = clock.iter().map(ToString::to_string).chain(more);
    let text: String = all.enumerate().map(|(i, time)| format!("2024-01-01 {time},{}\n", i % 5)).collect();
    let text = format!("t,y\n{text}");
    assert_eq!(
        error(&text, &small()),
        "t.csv: 1 of 60 stamps lies between steps of 5min, the first `2024-01-01 00:11` (line 4): say --set data.irregular=snap, or \
         another data.step"
    );
    let (_, panel) = fit(&text, &SeriesSettings { irregular: Irregular::Snap, ..small() }).unwrap();
    assert_eq!((panel.series()[0].steps(), panel.series()[0].targets()[2]), (60, 2.0));
    assert_eq!(panel.stamp(0, 2), "2024-01-01 00:10");
    let step = StepChoice::Is("10min".parse().unwrap());
    let refused = error(&text, &SeriesSettings { step, irregular: Irregular::Snap, ..small() });
    assert!(refused.starts_with("t.csv: 30 rows repeat a step: "), "{refused}");
}

#[test]
fn months_have_their_lengths_and_leap_days_are_days() {
    // 31 December, 31 January, 29 February, ...: the ends of months.
    let months: String = (0..48)
        .map(|month: usize| {
            let (year, month) = (2023 + month / 12, month % 12 + 1);
            let length = match month {
                2 if year % 4 == 0 => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            format!("{year}-{month:02}-{length},{}\n", month)
        })
        .collect();
    let (schema, panel) = fit(&format!("t,y\n{months}"), &small()).unwrap();
    assert_eq!((schema.step.to_string(), panel.series()[0].steps()), ("1mo".to_string(), 48));
    assert_eq!((panel.stamp(0, 13), panel.stamp(0, 49)), ("2024-02-29".to_string(), "2027-02-28".to_string()));
    let (schema, panel) = fit(&days(&waves(400)), &SeriesSettings { season: Auto::Auto, ..small() }).unwrap();
    assert_eq!((schema.step.to_string(), schema.season), ("1d".to_string(), 7));
    assert_eq!((panel.stamp(0, 59), panel.stamp(0, 425)), ("2024-02-29".to_string(), "2025-03-01".to_string()));
}

/// An hour for each value of the clock in Berlin around a change, as its wall shows it.
fn berlin(lines: &[&str]) -> String {
    let lines: String = lines.iter().enumerate().map(|(i, hour)| format!("{hour},{i}\n")).collect();
    format!("t,y\n{lines}")
}

#[test]
fn an_hour_that_the_clock_shows_twice_is_two_hours_in_its_zone() {
    let mut hours: Vec<String> = (0..24).map(|hour| format!("2024-10-26 {hour:02}:00")).collect();
    hours
        .extend([0, 1, 2, 2].iter().chain(&(3..24).collect::<Vec<_>>()).map(|hour| format!("2024-10-27 {hour:02}:00")));
    let text = berlin(&hours.iter().map(String::as_str).collect::<Vec<_>>());
    let settings = SeriesSettings {
        zone: "Europe/Berlin".to_string(),
        calendar: "day".to_string().try_into().unwrap(),
        ..small()
    };
    let (schema, panel) = fit(&text, &settings).unwrap();
    assert_eq!(panel.series()[0].steps(), 49); // of 24 and 25 hours
    let says = "2 rows are of times that the clock of Europe/Berlin showed twice: of two rows, the second is the later";
    assert!(panel.notes.iter().any(|note| note == says), "{:?}", panel.notes);
    // The calendar is that of the wall: at the end of 27 October it is as at the end of 26 October, 25 hours before.
    let windows = Windows::new(&schema, &panel).unwrap();
    let clock = |at: usize| windows.input(Origin { series: 0, at }).unwrap()[1..3].to_vec();
    assert_eq!(clock(4), clock(4 + 24)); // midnight and midnight
    assert_eq!(clock(5 + 23), clock(4));
    assert_eq!(clock(10), clock(10 + 25)); // six o'clock before and after
    assert_ne!(clock(10), clock(10 + 24));
    // Without a zone it is a stamp too many; shuffled, nobody knows which is which.
    let refused = error(&text, &small());
    assert!(
        refused.starts_with("t.csv: 1 row repeats a stamp: `2024-10-27 02:00` stands 2 times (lines 28 and 29)"),
        "{refused}"
    );
    let mut lines: Vec<&str> = text.lines().collect();
    lines.swap(5, 40);
    assert!(error(&lines.join("\n"), &settings).starts_with("t.csv: 1 row repeats a stamp: "));
}

#[test]
fn an_hour_that_the_clock_leaves_out_is_no_gap_in_its_zone() {
    let mut hours: Vec<String> = (0..24).map(|hour| format!("2024-03-30 {hour:02}:00")).collect();
    hours.extend([0, 1].iter().chain(&(3..24).collect::<Vec<_>>()).map(|hour| format!("2024-03-31 {hour:02}:00")));
    let text = berlin(&hours.iter().map(String::as_str).collect::<Vec<_>>());
    let (_, panel) = fit(&text, &SeriesSettings { zone: "Europe/Berlin".to_string(), ..small() }).unwrap();
    assert_eq!(panel.series()[0].steps(), 47);
    let refused = error(&text, &small());
    assert!(refused.starts_with("t.csv: 1 stamp is missing at steps of 1h, in a gap of 2h between "), "{refused}");
}

#[test]
fn offsets_are_taken_off_and_days_with_them_stay_days_in_their_zone() {
    let stamp = |hour: usize| {
        // Midnight to midnight in Berlin, whose offset changes after two of three days.
        let (day, hour, offset) = match hour {
            0..24 => (30, hour, "+01:00"),
            24..26 => (31, hour - 24, "+01:00"),
            _ => (31, hour - 23, "+02:00"),
        };
        format!("2024-03-{day}T{hour:02}:00:00{offset}")
    };
    let text: String = (0..47).map(|hour| format!("{},{hour}\n", stamp(hour))).collect();
    let (schema, panel) = fit(&format!("t,y\n{text}"), &small()).unwrap();
    assert_eq!((panel.series()[0].steps(), schema.step.to_string()), (47, "1h".to_string()));
    assert_eq!(panel.stamp(0, 0), "2024-03-29T23:00:00+00:00"); // no zone was said
    let (_, panel) =
        fit(&format!("t,y\n{text}"), &SeriesSettings { zone: "Europe/Berlin".to_string(), ..small() }).unwrap();
    assert_eq!((panel.stamp(0, 0), panel.stamp(0, 26)), (stamp(0), stamp(26)));
}

/// Three series of a panel, mixed: `a` and `b`, and a short `c`.
fn panel() -> String {
    let mut rows: Vec<String> = Vec::new();
    for (i, y) in waves(60).iter().enumerate() {
        rows.push(format!("a,{},{y},{}", jiff_day(i), i % 2));
        rows.push(format!("b,{},{},{}", jiff_day(i), 1000.0 * y, i % 3));
    }
    rows.extend((0..5).map(|i| format!("c,{},5,1", jiff_day(i))));
    let order = Key::new(1).permutation(rows.len());
    let lines: Vec<&str> = order.iter().map(|&row| rows[row].as_str()).collect();
    format!("site,t,y,x\n{}\n", lines.join("\n"))
}

#[test]
fn groups_are_series_of_their_own_with_scales_of_their_own() {
    let text = panel();
    let refused = error(&text, &small());
    assert!(refused.starts_with("t.csv: 65 rows repeat a stamp: "), "{refused}");
    assert!(refused.ends_with(
        ": say --set data.duplicates=mean, first, last or sum; if the table holds several series, say --group site"
    ));
    let settings = SeriesSettings { group: names(&["site"]), ..small() };
    let (schema, panel) = fit(&text, &settings).unwrap();
    assert_eq!(panel.series().iter().map(|series| series.name()).collect::<Vec<_>>(), ["a", "b"]);
    let says = "the series `c` is left out: 5 values are too short, a window of 4, a horizon of 2 need at least 6 in the training part";
    assert!(panel.notes.iter().any(|note| note == says), "{:?}", panel.notes);
    let [a, b] = &schema.scales[..] else { panic!("{:?}", schema.scales) };
    assert!((b.mean[0] / a.mean[0] - 1000.0).abs() < 1e-9 && (b.sd[0] / a.sd[0] - 1000.0).abs() < 1e-9);
    // On their scales they are alike.
    let windows = Windows::new(&schema, &panel).unwrap();
    for at in [10, 40] {
        let [a, b] = [0, 1].map(|series| windows.input(Origin { series, at }).unwrap());
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5));
    }
    // A table to forecast from may have some of them; others are left out.
    let some: String = text
        .lines()
        .filter(|line| !line.starts_with('b') && !line.starts_with('c'))
        .map(|l| format!("{l}\n"))
        .collect();
    assert_eq!(schema.read(&frame(&some)).unwrap().series().len(), 1);
    let all = schema.read(&frame(&text)).unwrap();
    assert_eq!(all.series().len(), 2);
    assert!(all.notes.iter().any(|note| note == "the series `c` is left out: the model does not know it"));
    let error = schema.read(&frame(&some.replace("a,", "q,"))).unwrap_err().to_string();
    assert_eq!(error, "t.csv: unknown series `q`: expected one of `a`, `b`");
}

#[test]
fn several_columns_tell_series_apart_and_several_are_forecast() {
    let line = |kind: &str, i: usize| format!("x,{kind},{},{},{}\n", jiff_day(i), i % 5, (i % 5) * 10 + 1);
    let rows: String = (0..40).flat_map(|i| ["k", "l"].map(|kind| line(kind, i))).collect();
    let settings = SeriesSettings { group: names(&["site", "kind"]), target: names(&["y", "z"]), ..small() };
    let (schema, panel) = fit(&format!("site,kind,t,y,z\n{rows}"), &settings).unwrap();
    assert_eq!(panel.series()[1].group(), ["x", "l"]);
    let windows = Windows::new(&schema, &panel).unwrap();
    let origin = windows.origins(Part::Valid)[0];
    assert_eq!((windows.shape().d_input(), windows.shape().d_target()), (8, 4));
    let z: Vec<f64> = windows.target(origin).iter().map(|&z| f64::from(z)).collect();
    let back = windows.invert(origin, &z);
    assert!(back.iter().zip(windows.actual(origin)).all(|(a, b)| (a - b).abs() < 1e-4), "{back:?}");
    assert!(back.chunks(2).all(|step| (step[1] - 10.0 * step[0] - 1.0).abs() < 1e-3));
}

#[test]
fn an_input_is_the_window_and_then_what_is_known_of_the_horizon() {
    // y is the day's number, o and k are known: all can be told from a number.
    let rows: String = (0..60).map(|i| format!("{},{i},{},{}\n", jiff_day(i), 100 + i, ["p", "q"][i % 2])).collect();
    let settings = SeriesSettings { observed: names(&["o"]), known: names(&["k"]), trend: true, ..small() };
    let (schema, panel) = fit(&format!("t,y,o,k\n{rows}"), &settings).unwrap();
    assert_eq!(schema.features(), ["y", "o", "k=p", "k=q", "trend"]);
    assert_eq!(schema.known_features(), ["k=p", "k=q", "trend"]);
    let windows = Windows::new(&schema, &panel).unwrap();
    let input = windows.input(Origin { series: 0, at: 31 }).unwrap();
    assert_eq!(input.len(), 4 * 5 + 2 * 3);
    // Steps 27 to 30, then 31 and 32. The training part are steps 0 to 41: mean 20.5.
    let sd = (0..42).map(|i| (f64::from(i) - 20.5).powi(2) / 42.0).sum::<f64>().sqrt();
    for (step, row) in input[..20].chunks(5).enumerate() {
        let day = 27.0 + step as f64;
        let z = ((day - 20.5) / sd) as f32;
        let p = if day % 2.0 == 0.0 { 0.5 } else { -0.5 };
        for (found, expected) in row.iter().zip([z, z, p, -p, (day / 42.0) as f32]) {
            assert!((found - expected).abs() < 1e-6, "{row:?}");
        }
    }
    for (step, row) in input[20..].chunks(3).enumerate() {
        let p = if step == 0 { -0.5 } else { 0.5 };
        for (found, expected) in row.iter().zip([p, -p, (31.0 + step as f32) / 42.0]) {
            assert!((found - expected).abs() < 1e-6, "{row:?}");
        }
    }
    let target = windows.target(Origin { series: 0, at: 31 });
    assert!((f64::from(target[0]) - (31.0 - 20.5) / sd).abs() < 1e-6 && target.len() == 2);
    assert_eq!(windows.actual(Origin { series: 0, at: 31 }), [31.0, 32.0]);
    assert_eq!(windows.history(Origin { series: 0, at: 3 }, 0), [0.0, 1.0, 2.0]);
}

#[test]
fn targets_lie_in_one_part_and_windows_of_later_parts_look_back() {
    let (schema, panel) = fit(&days(&waves(100)), &small()).unwrap();
    let windows = Windows::new(&schema, &panel).unwrap();
    let at = |part| windows.origins(part).iter().map(|origin| origin.at).collect::<Vec<_>>();
    assert_eq!(at(Part::Train), (4..=68).collect::<Vec<_>>()); // targets are steps 4 to 69
    assert_eq!(at(Part::Valid), (70..=83).collect::<Vec<_>>());
    assert_eq!(at(Part::Test), (85..=98).collect::<Vec<_>>());
    assert_eq!(windows.last_origins(), [Origin { series: 0, at: 100 }]);
    let every = |part| windows.origins_every(part, 5).iter().map(|origin| origin.at).collect::<Vec<_>>();
    assert_eq!((every(Part::Valid), every(Part::Test)), (vec![70, 75, 80], vec![85, 90, 95]));
    let (inputs, targets) = windows.rows(&windows.origins(Part::Test)).unwrap();
    assert_eq!((inputs.len(), targets.len()), (14 * 4, 14 * 2));
    let note = "the validation part begins at `2024-03-11`, the test part at `2024-03-26`";
    assert!(panel.notes.iter().any(|found| found == note), "{:?}", panel.notes);
}

#[test]
fn scales_are_of_the_training_part_to_the_last_bit() {
    // S5: what comes behind is a thousand times as large.
    for transform in ["none", "log", "log+seasonal-difference:2", "difference"] {
        let settings = SeriesSettings { transform: transform.to_string().try_into().unwrap(), ..small() };
        let values = waves(100);
        let large: Vec<f64> = values.iter().enumerate().map(|(i, y)| if i < 70 { *y } else { 1000.0 * y }).collect();
        let (a, panel) = fit(&days(&values), &settings).unwrap();
        let (b, other) = fit(&days(&large), &settings).unwrap();
        assert_eq!(a, b, "{transform}");
        let [a, b] = [(&a, &panel), (&b, &other)].map(|(schema, panel)| {
            let windows = Windows::new(schema, panel).unwrap();
            windows.rows(&windows.origins(Part::Train)).unwrap()
        });
        assert_eq!(a, b, "{transform}");
    }
}

#[test]
fn a_constant_series_is_forecast_to_stay_so() {
    for transform in ["none", "log", "difference"] {
        let settings = SeriesSettings { transform: transform.to_string().try_into().unwrap(), ..small() };
        let (schema, panel) = fit(&days(&[42.0; 60]), &settings).unwrap();
        assert!(schema.scales[0].constant[0] && schema.scales[0].sd == [1.0] && schema.scales[0].naive_mae == [0.0]);
        let windows = Windows::new(&schema, &panel).unwrap();
        let (inputs, targets) = windows.rows(&windows.origins(Part::Train)).unwrap();
        assert!(inputs.iter().chain(&targets).all(|z| z.abs() < 1e-6), "{transform}");
        let forecast = windows.invert(windows.last_origins()[0], &[0.3, -2.0]); // whatever a network samples
        assert!(forecast.iter().all(|y| (y - 42.0).abs() < 1e-9), "{transform} {forecast:?}");
    }
    // A straight line is constant in its differences, but for rounding errors.
    let line: Vec<f64> = (0..60).map(|i| 0.1 * f64::from(i)).collect();
    let settings = SeriesSettings { transform: "difference".to_string().try_into().unwrap(), ..small() };
    let (schema, panel) = fit(&days(&line), &settings).unwrap();
    let windows = Windows::new(&schema, &panel).unwrap();
    let forecast = windows.invert(windows.last_origins()[0], &[5.0, 5.0]);
    assert!((forecast[0] - 6.0).abs() < 1e-9 && (forecast[1] - 6.1).abs() < 1e-9, "{forecast:?}");
}

#[test]
fn paths_come_back_in_the_targets_unit_whatever_the_transform() {
    let frame = find("airline").unwrap().frame();
    for transform in ["none", "log", "difference", "log-difference", "log+seasonal-difference+difference"] {
        let transform: Transform = transform.to_string().try_into().unwrap();
        let settings = SeriesSettings { transform: transform.clone(), ..find("airline").unwrap().settings() };
        let (schema, panel) = SeriesSchema::fit(&frame, &settings, &BTreeMap::new()).unwrap();
        assert_eq!((schema.season, schema.window, schema.horizon), (12, 24, 12));
        let windows = Windows::new(&schema, &panel).unwrap();
        for &origin in windows.origins(Part::Test).iter().chain(&windows.origins(Part::Train)[..1]) {
            let z: Vec<f64> = windows.target(origin).iter().map(|&z| f64::from(z)).collect();
            for (back, actual) in windows.invert(origin, &z).iter().zip(windows.actual(origin)) {
                assert!((back / actual - 1.0).abs() < 1e-5, "{transform} {origin:?}: {back} {actual}");
            }
        }
    }
}

#[test]
fn a_forecast_goes_on_behind_its_horizon_with_what_it_said() {
    // Told what came, the input is that of the later origin.
    let settings = SeriesSettings { trend: true, calendar: "week".to_string().try_into().unwrap(), ..small() };
    for transform in ["none", "seasonal-difference"] {
        let settings = SeriesSettings { transform: transform.to_string().try_into().unwrap(), ..settings.clone() };
        let (schema, panel) = fit(&days(&waves(100)), &settings).unwrap();
        let windows = Windows::new(&schema, &panel).unwrap();
        let origin = Origin { series: 0, at: 50 };
        let mut path = Vec::new();
        for block in 0..5 {
            let later = Origin { at: 50 + 2 * block, ..origin };
            assert_eq!(windows.input_after(origin, &path).unwrap(), windows.input(later).unwrap(), "{block}");
            path.extend(windows.target(later));
        }
        // And behind the end of the table: targets as they were said, a calendar that goes on.
        let last = windows.last_origins()[0];
        let input = windows.input_after(last, &[0.5; 40]).unwrap();
        let features = windows.shape().features;
        assert!(input[..4 * features].chunks(features).all(|step| step[0] == 0.5));
        let trend = |at: usize| f64::from(input[(at + 1) * features - 1]);
        assert!((trend(3) - 139.0 / 70.0).abs() < 1e-6 && (trend(3) - trend(2) - 1.0 / 70.0).abs() < 1e-6);
    }
    let rows: String = (0..60).map(|i| format!("{},{},{}\n", jiff_day(i), i % 5, i % 3)).collect();
    let observed = SeriesSettings { observed: names(&["o"]), ..small() };
    let (schema, panel) = fit(&format!("t,y,o\n{rows}"), &observed).unwrap();
    let windows = Windows::new(&schema, &panel).unwrap();
    let error = windows.input_after(windows.last_origins()[0], &[0.0; 2]).unwrap_err().to_string();
    assert_eq!(error, "`steps` is 4: expected at most 2: `o` is not known of the steps to come");
}

#[test]
fn what_is_known_of_the_future_reaches_as_far_as_the_table_says() {
    let row =
        |i: usize| format!("{},{},{}\n", jiff_day(i), if i < 60 { (i % 5).to_string() } else { String::new() }, i % 3);
    let table = |n: usize| format!("t,y,k\n{}", (0..n).map(row).collect::<String>());
    let settings = SeriesSettings { known: names(&["k"]), ..small() };
    let (schema, panel) = fit(&table(63), &settings).unwrap();
    assert_eq!((panel.series()[0].steps(), panel.series()[0].future()), (60, 3));
    assert!(
        panel
            .notes
            .iter()
            .any(|note| note == "3 rows behind the last value (lines 62-64): what is known of the future")
    );
    let windows = Windows::new(&schema, &panel).unwrap();
    let last = windows.last_origins()[0];
    // The training part are days 0 to 41 of 0, 1, 2, 0, ...: mean 1, variance 2/3; the horizon are days 60 and 61.
    let input = windows.input(last).unwrap();
    assert!((input[8] + 1.5f32.sqrt()).abs() < 1e-5 && input[9].abs() < 1e-5, "{input:?}");
    let error = windows.input_after(last, &[0.0; 2]).unwrap_err().to_string();
    assert_eq!(error, "forecast: `k` is known of 3 steps to come only");
    let (schema, panel) = fit(&table(61), &settings).unwrap();
    let windows = Windows::new(&schema, &panel).unwrap();
    let error = windows.input(windows.last_origins()[0]).unwrap_err().to_string();
    assert_eq!(error, "forecast: `k` is known of 1 steps to come, expected 2");
}

#[test]
fn a_covariate_is_what_the_training_part_shows() {
    let table = |late: &str| {
        let row = |i: usize| format!("{},{},{}\n", jiff_day(i), i % 5, if i < 50 { ["0", "1"][i % 2] } else { late });
        format!("t,y,o\n{}", (0..60).map(row).collect::<String>())
    };
    let settings = SeriesSettings { observed: names(&["o"]), ..small() };
    let (a, _) = fit(&table("1"), &settings).unwrap();
    let (b, _) = fit(&table("7"), &settings).unwrap(); // no switch, but still no other column
    assert_eq!(a, b);
    assert_eq!(
        error(&table("x"), &settings),
        "t.csv, line 52, column `o`: `x` is not a number: say --na 'x' if it means missing"
    );
    let said = BTreeMap::from([("o".to_string(), ColumnKind::Categorical)]);
    let (c, panel) = SeriesSchema::fit(&frame(&table("x")), &settings, &said).unwrap();
    assert_eq!(c.features(), ["y", "o=0", "o=1"]);
    assert!(
        panel.notes.iter().any(|note| note == "10 cells have levels that the training part lacks"),
        "{:?}",
        panel.notes
    );
}

#[test]
fn series_may_be_counted_by_rows_or_by_numbers() {
    let rows: String = waves(60).iter().map(|y| format!("{y}\n")).collect();
    let settings = SeriesSettings { time: names(&["row"]), ..small() };
    let (schema, panel) = fit(&format!("y\n{rows}"), &settings).unwrap();
    assert_eq!((panel.series()[0].steps(), schema.step.to_string(), panel.stamp(0, 60)), (60, "1".into(), "60".into()));
    let numbered: String = waves(60).iter().enumerate().map(|(i, y)| format!("{},{y}\n", 0.5 * i as f64)).collect();
    let settings = SeriesSettings { format: "number".to_string(), trend: true, ..small() };
    let (schema, panel) = fit(&format!("t,y\n{numbered}"), &settings).unwrap();
    assert_eq!(
        (panel.series()[0].steps(), schema.step.to_string(), panel.stamp(0, 60)),
        (60, "0.5".into(), "30".into())
    );
    assert_eq!(schema.features(), ["y", "trend"]);
    let step = StepChoice::Is("1h".parse().unwrap());
    let refused = error(&format!("t,y\n{numbered}"), &SeriesSettings { step, ..settings });
    assert_eq!(refused, "`data.step` is 1h: expected a number: the stamps are numbers");
}

#[test]
fn what_cannot_be_read_is_refused_in_one_line() {
    let (good, settings) = (days(&waves(60)), small());
    let without = |change: fn(&mut SeriesSettings)| {
        let mut settings = small();
        change(&mut settings);
        settings
    };
    for (text, settings, says) in [
        ("t,y\n", &settings, "t.csv: no rows below the header: nothing to learn from"),
        (
            &good,
            &without(|s| s.time.clear()),
            "`data.time` is []: expected the column that says when: say --time COLUMN, or --time row",
        ),
        (
            &good,
            &without(|s| s.target.clear()),
            "`data.target` is []: expected the column that is forecast: say --target COLUMN",
        ),
        (
            &good,
            &without(|s| s.target = names(&["x"])),
            "`data.target` is x: expected a column of t.csv: one of `t`, `y`",
        ),
        (
            &good,
            &without(|s| s.group = names(&["site"])),
            "`data.group` is site: expected a column of t.csv: one of `t`, `y`",
        ),
        (&good, &without(|s| s.horizon = 0), "`data.horizon` is 0: expected 1 to 10000"),
        (
            &good,
            &without(|s| s.zone = "Berlin".to_string()),
            "unknown time zone `Berlin`: did you mean `Europe/Berlin`?",
        ),
        (
            &good,
            &without(|s| s.calendar = "day".to_string().try_into().unwrap()),
            "`data.calendar` is day: expected no cycle `day`: a step of 1d has no place in it",
        ),
        (
            "t,y\n2024-01-01,1\n2024-01-01,2\n",
            &settings,
            "t.csv: there is one time only, `2024-01-01`: nothing to learn",
        ),
        (
            "t,y\n2024-01-01,1\n2024-01-02,many\n",
            &settings,
            "t.csv, line 3, column `y`: `many` is not a finite number: say --na 'many' if it means missing",
        ),
        (
            "t,y\n2024-01-01,1\n2024-01-02,1e71\n",
            &settings,
            "t.csv, line 3, column `y`: `1e71` is beyond 1e70: say --na if it means missing, or use another unit",
        ),
        (
            "t,y\n2024-01-01,1\n2024-01-02,0\n",
            &without(|s| s.transform = "log".to_string().try_into().unwrap()),
            "t.csv, line 3, column `y`: `0` has no logarithm: say --set data.transform=none",
        ),
        ("t,y\n2024-01-01,\n2024-01-02,NA\n", &settings, "t.csv: no row has a value of `y`: nothing to learn from"),
        (
            "site,t,y\n,2024-01-01,1\n",
            &without(|s| s.group = names(&["site"])),
            "t.csv, line 2, column `site`: the cell is empty: a row without a series",
        ),
        (
            "t,y\n2024-01-01 00:00:00,1\n2024-01-01 00:00:01,2\n2034-01-01 00:00:00,3\n",
            &settings,
            "t.csv: two stamps are 315619199 steps apart (lines 3 and 4): look for a wrong one, or say a longer data.step",
        ),
    ] {
        assert_eq!(error(text, settings), says);
    }
}

#[test]
fn a_series_that_begins_behind_the_training_part_is_left_out() {
    // `late` has the days 70 to 99, when most of the others' values are over.
    let rows: String = ["a", "b"]
        .iter()
        .flat_map(|site| (0..80).map(move |i| format!("{site},{},{}\n", jiff_day(i), i % 5)))
        .collect();
    let late: String = (70..100).map(|i| format!("late,{},{}\n", jiff_day(i), i % 5)).collect();
    let settings = SeriesSettings { group: names(&["site"]), ..small() };
    let (schema, panel) = fit(&format!("site,t,y\n{rows}{late}"), &settings).unwrap();
    assert_eq!((panel.series().len(), schema.scales.len()), (2, 2));
    let says = "the series `late` is left out: none of it lies in the training part";
    assert!(panel.notes.iter().any(|note| note == says), "{:?}", panel.notes);
}

#[test]
fn a_schema_is_the_same_after_a_round_through_a_file_and_is_checked() {
    let settings = SeriesSettings { group: names(&["site"]), known: names(&["x"]), trend: true, ..small() };
    let (schema, panel) = fit(&panel(), &settings).unwrap();
    let text = toml::to_string(&schema).unwrap();
    let read: SeriesSchema = toml::from_str(&text).unwrap();
    assert_eq!(read, schema);
    read.check().unwrap();
    let rows = |schema: &SeriesSchema| {
        let windows = Windows::new(schema, &panel).unwrap();
        windows.rows(&windows.origins(Part::Test)).unwrap()
    };
    assert_eq!(rows(&read), rows(&schema));
    let broken = |change: fn(&mut SeriesSchema)| {
        let mut schema = schema.clone();
        change(&mut schema);
        schema.check().unwrap_err()
    };
    assert_eq!(broken(|s| s.scales[0].sd[0] = 0.0), "a standard deviation is 0: expected one above 0");
    assert_eq!(broken(|s| s.scales[1].mean[0] = NAN), "a scale has the number NaN: expected a finite one");
    assert_eq!(broken(|s| s.scales[1].mean.clear()), "the scale of the series `b` is not one of 1 targets");
    assert_eq!(broken(|s| s.known_scale.sd.clear()), "known_scale has [1, 0] numbers for 1 features");
    assert_eq!(broken(|s| s.cuts.swap(0, 1)), "the test part begins before the validation part");
    assert!(toml::from_str::<SeriesSchema>(&text.replace("horizon =", "horizn =")).is_err());
}

#[test]
fn a_window_that_trains_is_changed_by_key_and_what_is_known_is_not() {
    let rows: String = (0..100).map(|i| format!("{},{},{},{}\n", jiff_day(i), i % 5, i % 7, i % 3)).collect();
    let settings = SeriesSettings { observed: names(&["o"]), known: names(&["k"]), ..small() };
    let (schema, panel) = fit(&format!("t,y,o,k\n{rows}"), &settings).unwrap();
    let windows = Windows::new(&schema, &panel).unwrap();
    let origin = windows.origins(Part::Train)[20];
    let (input, target) = (windows.input(origin).unwrap(), windows.target(origin));
    let renewed = |augmentation: &SeriesAugmentation, key: u64| {
        let (mut input, mut target) = (input.clone(), target.clone());
        augmentation.renew(&windows, origin, &mut input, &mut target, Key::new(key));
        (input, target)
    };
    assert_eq!(renewed(&SeriesAugmentation::default(), 1), (input.clone(), target.clone()));
    let jitter = SeriesAugmentation { jitter: 0.1, shift: 0 };
    let (noisy, same) = renewed(&jitter, 1);
    assert_eq!((renewed(&jitter, 1).0, &same), (noisy.clone(), &target));
    assert_ne!(renewed(&jitter, 2).0, noisy);
    let changed: Vec<bool> = noisy.iter().zip(&input).map(|(a, b)| a != b).collect();
    let each = [true, true, false]; // y, o, k
    assert_eq!(changed, [&each[..], &each, &each, &each, &[false, false]].concat());
    let all: Vec<f32> = (0..500)
        .flat_map(|key| {
            let noisy = renewed(&jitter, key).0;
            noisy.iter().zip(&input).map(|(a, b)| a - b).filter(|d| *d != 0.0).collect::<Vec<_>>()
        })
        .collect();
    let sd = (all.iter().map(|d| f64::from(d * d)).sum::<f64>() / all.len() as f64).sqrt();
    assert!(all.len() == 4000 && (sd - 0.1).abs() < 0.004, "{sd}"); // 3 standard errors
    // Shifts reach both ways, alike, and no further than the training part.
    let shift = SeriesAugmentation { jitter: 0.0, shift: 3 };
    let mut reached = BTreeMap::new();
    for key in 0..700 {
        let other = shift.shifted(&windows, origin, Key::new(key));
        *reached.entry(other.at as i64 - origin.at as i64).or_insert(0) += 1;
        assert_eq!(renewed(&shift, key), (windows.input(other).unwrap(), windows.target(other)));
    }
    assert_eq!(reached.keys().copied().collect::<Vec<_>>(), (-3..=3).collect::<Vec<_>>());
    assert!(reached.values().all(|&times| (60..=140).contains(&times)), "{reached:?}"); // 100 and 4 standard deviations
    let train = windows.origins(Part::Train);
    let (first, last) = (train[0], train[train.len() - 1]);
    for origin in [first, last] {
        assert!((0..50).all(|key| train.contains(&shift.shifted(&windows, origin, Key::new(key)))));
    }
    for (bad, says) in [
        (SeriesAugmentation { jitter: -1.0, shift: 0 }, "`augment.jitter` is -1: expected 0 to 10"),
        (SeriesAugmentation { jitter: 0.0, shift: 10_001 }, "`augment.shift` is 10001: expected 0 to 10000 steps"),
    ] {
        assert_eq!(bad.check().unwrap_err().to_string(), says);
    }
}

#[test]
fn the_built_in_series_are_ready_to_train_on() {
    for built_in in series::BUILT_IN {
        let (schema, panel) = SeriesSchema::fit(&built_in.frame(), &built_in.settings(), &BTreeMap::new()).unwrap();
        let windows = Windows::new(&schema, &panel).unwrap();
        assert!([Part::Train, Part::Valid, Part::Test].iter().all(|part| !windows.origins(*part).is_empty()));
        let expected: &[&str] = if built_in.name == "airline" {
            &["year (sin)", "year (cos)"]
        } else {
            &["week (sin)", "week (cos)", "day (sin)", "day (cos)"]
        };
        assert_eq!(schema.known_features(), expected);
    }
    assert_eq!(find("airlin").unwrap_err().to_string(), "unknown series `airlin`: did you mean `airline`?");
    assert!(seasonal_law(12).1 > seasonal_law(0).1);
}

#[test]
fn a_value_that_is_beyond_the_scale_of_the_training_part_is_named() {
    let mut values = waves(60);
    values[55] = 1e69;
    assert_eq!(
        error(&days(&values), &small()),
        "`2024-02-25`: `y` is too far from its values in the training part to be read"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Whatever happens behind an origin: nothing that was told before it changes, no feature, no scale, no window.
    #[test]
    fn nothing_behind_an_origin_changes_anything_before_it(
        seed in 0u64..1000,
        origin in 70usize..96,
        gaps in prop::sample::select(vec![Gaps::Break, Gaps::Interpolate, Gaps::Previous]),
        transform in prop::sample::select(vec!["none", "log", "difference", "log+seasonal-difference:3"]),
        holes in prop::collection::vec(5usize..99, 0..8),
    ) {
        let key = Key::new(seed);
        let table = |changed: bool| {
            let mut text = "t,y,o,k,c\n".to_string();
            for i in 0..100 {
                let draw = key.fold(i as u64).uniform(0, 1, 4);
                let other = key.fold_str("other").fold(i as u64).uniform(0, 1, 4);
                let late = changed && i >= origin;
                let d = if late { &other } else { &draw };
                // What is known of the future may change behind the horizon only.
                let k = if changed && i >= origin + 2 { other[2] } else { draw[2] };
                let c = if late { "pqr" } else { "pq" }.chars().nth((d[3] * 3.0) as usize % if late { 3 } else { 2 }).unwrap();
                let hole = holes.contains(&i);
                let y = if hole { String::new() } else { format!("{:.4}", 1.0 + d[0] * if late { 1e4 } else { 10.0 }) };
                text += &format!("{},{y},{:.4},{k:.4},{c}\n", jiff_day(i), d[1]);
            }
            text
        };
        let settings = SeriesSettings {
            gaps,
            transform: transform.to_string().try_into().unwrap(),
            observed: names(&["o", "c"]),
            known: names(&["k"]),
            trend: true,
            calendar: "week".to_string().try_into().unwrap(),
            // The last step of the training part is step 69 of those without a hole: before every origin.
            split: [0.5, 0.25, 0.25],
            ..small()
        };
        let read = |text: &str| match fit(text, &settings) {
            Ok((schema, panel)) => Some((Windows::new(&schema, &panel).unwrap(), schema)),
            Err(Error::Data { .. }) => None, // too many holes for a window in each part
            Err(other) => panic!("{other}"),
        };
        let both = read(&table(false)).zip(read(&table(true)));
        prop_assume!(both.is_some());
        let ((a, before), (b, after)) = both.unwrap();
        prop_assert_eq!(before, after);
        let all = [Part::Train, Part::Valid, Part::Test].map(|part| a.origins(part)).concat();
        let early: Vec<Origin> = all.into_iter().filter(|known| known.at <= origin).collect();
        prop_assert!(!early.is_empty());
        for &known in &early {
            prop_assert_eq!(a.input(known).unwrap(), b.input(known).unwrap());
        }
        for &known in early.iter().filter(|known| known.at + 2 <= origin) {
            prop_assert_eq!(a.target(known), b.target(known));
        }
        // What changed is seen behind it.
        let last = a.last_origins()[0];
        if let (Ok(a), Ok(b)) = (a.input(last), b.input(last)) {
            prop_assert_ne!(a, b);
        }
    }
}
