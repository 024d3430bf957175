//! The field cases D06, D07 and S5, and the real series. They are read in and beside `$BURN_ZOO_DATA`; if that is not set, each says that it was skipped.

use std::{collections::BTreeMap, env, fs, io::Cursor, path::PathBuf};

use burn_zoo::{
    Result,
    data::{
        Frame,
        read::{ReadOptions, TableReader},
        series::{Auto, Duplicates, Gaps, Irregular, Part, SeriesSchema, SeriesSettings, Windows},
    },
    uncertainty::{Baseline, naive_mae},
};

/// A file below `$BURN_ZOO_DATA`, which must be there; none, with a note, if the variable is not set.
fn text(file: &str) -> Option<String> {
    let Some(data) = env::var_os("BURN_ZOO_DATA") else {
        eprintln!("skipped: BURN_ZOO_DATA is not set");
        return None;
    };
    let path = PathBuf::from(data).join(file);
    Some(
        fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}, and BURN_ZOO_DATA is set", path.display())),
    )
}

fn frame(name: &str, text: &str, missing: &[&str]) -> Frame {
    let options = ReadOptions { missing: names(missing), ..ReadOptions::default() };
    let reader = TableReader::from_reader(name, Cursor::new(text.to_string()), &options);
    Frame::read(name, reader.unwrap()).unwrap()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn settings(time: &[&str], target: &str) -> SeriesSettings {
    SeriesSettings {
        time: names(time),
        target: names(&[target]),
        window: Auto::Is(12),
        horizon: 4,
        ..SeriesSettings::default()
    }
}

/// Schema, windows and notes.
type Fitted = (SeriesSchema, Windows, Vec<String>);

fn fit(frame: &Frame, settings: &SeriesSettings) -> Result<Fitted> {
    let (schema, panel) = SeriesSchema::fit(frame, settings, &BTreeMap::new())?;
    let windows = Windows::new(&schema, &panel)?;
    Ok((schema, windows, panel.notes))
}

fn error(frame: &Frame, settings: &SeriesSettings) -> String {
    fit(frame, settings).map(|_| ()).unwrap_err().to_string()
}

/// The bits of all windows.
fn bits(windows: &Windows) -> Vec<u32> {
    let parts = [Part::Train, Part::Valid, Part::Test].map(|part| windows.rows(&windows.origins(part)).unwrap());
    parts.into_iter().flat_map(|(inputs, targets)| [inputs, targets]).flatten().map(f32::to_bits).collect()
}

#[test]
fn d06_twelve_rows_of_one_stamp_and_the_gap_before_them_are_named() {
    let Some(text) = text("../field/D06/disk-write.csv") else { return };
    let (frame, settings) = (frame("disk-write.csv", &text, &[]), settings(&["timestamp"], "value"));
    assert_eq!(
        error(&frame, &settings),
        "disk-write.csv: 11 rows repeat a stamp: `2014-03-09 03:00:00` stands 12 times (lines 100-111): say --set \
         data.duplicates=mean, first, last or sum; 1 of 219 stamps lies between steps of 5min, the first `2014-03-09 03:00:00` (line \
         100): say --set data.irregular=snap, or another data.step; 11 stamps are missing at steps of 5min, in a gap of 61min between \
         `2014-03-09 01:59:00` and `2014-03-09 03:00:00` (lines 99 and 100): say --set data.gaps=break, interpolate or previous"
    );
    let told =
        SeriesSettings { duplicates: Duplicates::Last, irregular: Irregular::Snap, gaps: Gaps::Break, ..settings };
    let (schema, panel) = SeriesSchema::fit(&frame, &told, &BTreeMap::new()).unwrap();
    assert_eq!((schema.step.to_string(), schema.season), ("5min".to_string(), 288));
    // 17:54 to 12:59 are 19 hours and 5 minutes.
    let series = &panel.series()[0];
    assert_eq!((series.steps(), series.given().iter().filter(|given| **given).count()), (230, 219));
    assert_eq!((panel.stamp(0, 0), panel.stamp(0, 229)), ("2014-03-08 17:54:00".into(), "2014-03-09 12:59:00".into()));
}

fn ad_gaps() -> Option<[Frame; 2]> {
    let read = |name: &str| Some(frame(name, &text(&format!("../field/D06/{name}"))?, &[]));
    Some([read("ad-gaps.csv")?, read("ad-gaps-shuffled.csv")?])
}

#[test]
fn d06_a_gap_and_a_repeated_stamp_are_named_by_lines() {
    let Some([frame, _]) = ad_gaps() else { return };
    assert_eq!(
        error(&frame, &settings(&["timestamp"], "value")),
        "ad-gaps.csv: 1 row repeats a stamp: `2011-08-24 12:00:01` stands 2 times (lines 26 and 27): say --set data.duplicates=mean, \
         first, last or sum; 20 stamps are missing at steps of 1h, in a gap of 21h between `2011-09-01 18:00:01` and `2011-09-02 \
         15:00:01` (lines 225 and 226): say --set data.gaps=break, interpolate or previous"
    );
}

#[test]
fn d06_shuffled_rows_make_the_same_windows_to_the_last_bit() {
    let Some([in_order, shuffled]) = ad_gaps() else { return };
    for gaps in [Gaps::Break, Gaps::Interpolate, Gaps::Previous] {
        for duplicates in [Duplicates::Mean, Duplicates::Sum] {
            let settings = SeriesSettings { gaps, duplicates, ..settings(&["timestamp"], "value") };
            let (a, b) = (fit(&in_order, &settings).unwrap(), fit(&shuffled, &settings).unwrap());
            assert_eq!(a.0, b.0);
            assert_eq!(bits(&a.1), bits(&b.1));
            assert!(b.2.iter().any(|note| note.starts_with("the rows were put in the order of time")));
        }
    }
    // Which of two rows is the first is not known of rows in no order.
    let first =
        SeriesSettings { gaps: Gaps::Break, duplicates: Duplicates::First, ..settings(&["timestamp"], "value") };
    fit(&in_order, &first).unwrap();
    let refused = error(&shuffled, &first);
    assert!(
        refused.starts_with("ad-gaps-shuffled.csv: the rows are not in the order of time, so it is not known"),
        "{refused}"
    );
    // 239 stamps; the mean of all rows is the one of the field case.
    let (_, panel) =
        SeriesSchema::fit(&in_order, &SeriesSettings { duplicates: Duplicates::Sum, ..first }, &BTreeMap::new())
            .unwrap();
    let series = &panel.series()[0];
    let sum: f64 = series.targets().iter().filter(|y| !y.is_nan()).sum();
    assert_eq!((series.steps(), series.given().iter().filter(|given| **given).count()), (259, 239));
    assert!((sum / 240.0 - 0.11121245).abs() < 1e-8);
}

#[test]
fn d06_short_constant_and_not_finite() {
    let read = |name: &str, missing: &[&str]| Some(frame(name, &text(&format!("../field/D06/{name}"))?, missing));
    let Some(short) = read("short.csv", &[]) else { return };
    let settings = settings(&["when"], "y");
    assert_eq!(
        error(&short, &settings),
        "short.csv: 5 values: a window of 12, a horizon of 4 and three parts need at least 26 (a shorter data.window or --horizon \
         needs less)"
    );
    let constant = read("constant.csv", &[]).unwrap();
    let (schema, windows, _) = fit(&constant, &settings).unwrap();
    assert!(schema.scales[0].constant[0]);
    assert!(bits(&windows).iter().all(|bits| f32::from_bits(*bits).is_finite()));
    for sampled in [[0.0; 4], [1.0, -1.0, 2.0, -2.0]] {
        assert_eq!(windows.invert(windows.last_origins()[0], &sampled), [42.0; 4]);
    }

    // Refused by line, one after the other.
    let bad = read("non-finite.csv", &[]).unwrap();
    let says = "non-finite.csv, line 32, column `y`: `inf` is not a finite number: say --na 'inf' if it means missing";
    assert_eq!(error(&bad, &settings), says);
    let bad = read("non-finite.csv", &["inf"]).unwrap();
    let says = "non-finite.csv: `y` has no value in 3 rows (lines 32, 33 and 63): say --set data.gaps=break, interpolate or previous";
    assert_eq!(error(&bad, &settings), says);
    let broken = SeriesSettings { gaps: Gaps::Break, ..settings };
    let (_, _, notes) = fit(&bad, &broken).unwrap();
    let says = "column `y`: -99.99 stands once, far outside of the rest (15.125 .. 24.875): say --na -99.99 if it means missing";
    assert!(notes.iter().any(|note| note == says), "{notes:?}");
    let told = read("non-finite.csv", &["inf", "-99.99"]).unwrap();
    let (_, windows, _) = fit(&told, &broken).unwrap();
    for part in [Part::Train, Part::Valid, Part::Test] {
        for origin in windows.origins(part) {
            // Lines 32, 33, 62 and 63 are steps 30, 31, 60 and 61.
            assert!((origin.at - 12..origin.at + 4).all(|step| ![30, 31, 60, 61].contains(&step)), "{origin:?}");
        }
    }
}

#[test]
fn d07_a_time_in_four_columns_and_targets_that_begin_late() {
    let Some(text) = text("../field/D07/beijing.csv") else { return };
    let frame = frame("beijing.csv", &text, &[]);
    let refused = error(&frame, &settings(&["hour"], "pm2.5"));
    let says = "; if time is in several columns, say --time year --time month --time day --time hour";
    assert!(refused.ends_with(says), "{refused}");
    let refused = error(&frame, &settings(&["year"], "pm2.5"));
    assert!(refused.ends_with(says), "{refused}");
    let told = SeriesSettings {
        observed: names(&["TEMP", "cbwd", "Ir"]),
        ..settings(&["year", "month", "day", "hour"], "pm2.5")
    };
    let (schema, panel) = SeriesSchema::fit(&frame, &told, &BTreeMap::new()).unwrap();
    let series = &panel.series()[0];
    assert_eq!((series.steps(), schema.step.to_string(), schema.season), (264, "1h".to_string(), 24));
    assert_eq!((panel.stamp(0, 0), panel.stamp(0, 263)), ("2010-01-02".into(), "2010-01-12 23:00:00".into()));
    assert!((series.targets().iter().sum::<f64>() / 264.0 - 71.518939).abs() < 1e-6);
    let says = "24 rows before the first with all values are left out: no `pm2.5` (lines 2-25)";
    assert!(panel.notes.iter().any(|note| note == says), "{:?}", panel.notes);
    // A constant column is told as 0, levels are those of the training part, and the counter is told not to be read.
    assert_eq!(
        schema.features(),
        [
            "pm2.5",
            "TEMP",
            "cbwd=NE",
            "cbwd=NW",
            "cbwd=SE",
            "cbwd=cv",
            "Ir",
            "week (sin)",
            "week (cos)",
            "day (sin)",
            "day (cos)"
        ]
    );
    let says = "columns `No`, `DEWP`, `PRES`, `Iws`, `Is` are not used: --observed NAME reads what is known of the past, --known NAME of \
                the future, too";
    assert!(panel.notes.iter().any(|note| note == says), "{:?}", panel.notes);
    let windows = Windows::new(&schema, &panel).unwrap();
    assert!(bits(&windows).iter().all(|bits| f32::from_bits(*bits).is_finite()));
}

#[test]
fn d07_four_series_in_one_table() {
    let Some(text) = text("../field/D07/panel.csv") else { return };
    let (frame, alone) = (frame("panel.csv", &text, &[]), settings(&["day"], "y"));
    let refused = error(&frame, &alone);
    assert!(refused.starts_with("panel.csv: 289 rows repeat a stamp: `2024-03-01` stands 4 times"), "{refused}"); // 429 - 140
    assert!(refused.contains("; if the table holds several series, say --group site"), "{refused}");
    let (schema, panel) =
        SeriesSchema::fit(&frame, &SeriesSettings { group: names(&["site"]), ..alone }, &BTreeMap::new()).unwrap();
    let means: Vec<(String, usize, f64)> = panel
        .series()
        .iter()
        .map(|series| (series.name(), series.steps(), series.targets().iter().sum::<f64>() / series.steps() as f64))
        .collect();
    for ((name, steps, mean), (expected, of)) in
        means.iter().zip([("north", 99.81785), ("south", 4.991843), ("west", 30.0)])
    {
        assert_eq!((name.as_str(), *steps), (expected, 140));
        assert!((mean - of).abs() < 1e-5, "{name} {mean}");
    }
    assert_eq!(means.len(), 3);
    let says = "the series `east` is left out: 9 values are too short, a window of 12, a horizon of 4 need at least 16 in the training \
                part";
    assert!(panel.notes.iter().any(|note| note == says), "{:?}", panel.notes);
    // Scales are those of each series' training part: days 1 to 98 of 140.
    for (series, scale) in panel.series().iter().zip(&schema.scales) {
        let train = &series.targets()[..98];
        let mean = train.iter().sum::<f64>() / 98.0;
        assert!((scale.mean[0] - mean).abs() < 1e-9, "{}", series.name());
        assert_eq!(scale.constant[0], series.name() == "west");
    }
    // A window has values of its own series alone.
    let windows = Windows::new(&schema, &panel).unwrap();
    for origin in windows.origins(Part::Valid) {
        let series = &panel.series()[origin.series];
        let input = windows.input(origin).unwrap();
        let (scale, features) = (&schema.scales[origin.series], windows.shape().features);
        for (back, row) in input[..12 * features].chunks(features).enumerate() {
            let y = series.targets()[origin.at - 12 + back];
            assert!((f64::from(row[0]) - (y - scale.mean[0]) / scale.sd[0]).abs() < 1e-5);
        }
    }
}

#[test]
fn s5_scales_and_training_windows_do_not_know_what_comes_later() {
    let Some([frame_as_is, _]) = ad_gaps() else { return };
    let text = text("../field/D06/ad-gaps.csv").unwrap();
    // Of 240 rows, 168 train; the row behind them is line 170.
    let line = |(at, line): (usize, &str)| match line.split_once(',') {
        Some((stamp, value)) if at > 168 => format!("{stamp},{}\n", 1000.0 * value.parse::<f64>().unwrap()),
        _ => format!("{line}\n"),
    };
    let large: String = text.lines().enumerate().map(line).collect();
    let large = frame("large.csv", &large, &[]);
    for gaps in [Gaps::Break, Gaps::Interpolate, Gaps::Previous] {
        let settings = SeriesSettings { gaps, duplicates: Duplicates::Mean, ..settings(&["timestamp"], "value") };
        let (a, b) = (fit(&frame_as_is, &settings).unwrap(), fit(&large, &settings).unwrap());
        assert_eq!(a.0, b.0);
        let train = |windows: &Windows| windows.rows(&windows.origins(Part::Train)).unwrap();
        assert_eq!(train(&a.1), train(&b.1));
        assert_ne!(bits(&a.1), bits(&b.1));
    }
}

#[test]
fn the_real_series_are_read_whole() {
    let Some(airline) = text("timeseries/airline-passengers.csv") else { return };
    assert_eq!(airline, include_str!("../assets/data/airline-passengers.csv"));
    let whole = |name: &str, text: &str, missing: &[&str], settings: &SeriesSettings| {
        SeriesSchema::fit(&frame(name, text, missing), settings, &BTreeMap::new()).unwrap()
    };
    let (schema, panel) = whole("airline.csv", &airline, &[], &settings(&["Month"], "Passengers"));
    assert_eq!((panel.series()[0].steps(), schema.step.to_string(), schema.season), (144, "1mo".to_string(), 12));

    // 31 December is left out in 1984 and 1988: a gap of two days, twice.
    let temperatures = text("timeseries/daily-min-temperatures.csv").unwrap();
    let daily = settings(&["Date"], "Temp");
    assert_eq!(
        error(&frame("daily.csv", &temperatures, &[]), &daily),
        "daily.csv: 2 stamps are missing at steps of 1d, in 2 gaps, the first of 2 steps between `1984-12-30` and `1985-01-01` (lines \
         1461 and 1462): say --set data.gaps=break, interpolate or previous"
    );
    let daily = SeriesSettings { gaps: Gaps::Interpolate, ..daily };
    let (schema, panel) = whole("daily.csv", &temperatures, &[], &daily);
    assert_eq!((panel.series()[0].steps(), panel.stamp(0, 3651)), (3652, "1990-12-31".to_string()));
    assert_eq!(schema.known_features(), ["year (sin)", "year (cos)", "week (sin)", "week (cos)"]);

    // Months without a mean are missing by name.
    let monthly = text("co2/mauna_loa_monthly_1958_2016.csv").unwrap();
    let months = SeriesSettings { gaps: Gaps::Interpolate, ..settings(&["Date"], "Average") };
    let (_, panel) = whole("monthly.csv", &monthly, &["-99.99"], &months);
    let series = &panel.series()[0];
    assert_eq!((series.steps(), series.given().iter().filter(|given| **given).count()), (699, 692));

    // Weeks as digits, 59 of them without a value.
    let weekly = text("co2/mauna_loa_weekly_1958_2001.csv").unwrap();
    let weeks = SeriesSettings { gaps: Gaps::Break, ..settings(&["date"], "co2") };
    let (schema, panel) = whole("weekly.csv", &weekly, &[], &weeks);
    let series = &panel.series()[0];
    assert_eq!((schema.step.to_string(), series.steps()), ("1w".to_string(), 2284));
    assert_eq!(series.given().iter().filter(|given| !**given).count(), 59);
}

#[test]
fn the_seasonal_naive_forecast_of_the_airline_series_is_known() {
    let Some(airline) = text("timeseries/airline-passengers.csv") else { return };
    let (schema, panel) =
        SeriesSchema::fit(&frame("airline.csv", &airline, &[]), &settings(&["Month"], "Passengers"), &BTreeMap::new())
            .unwrap();
    let series = panel.series()[0].target(0);
    // The last year of 1959 as the forecast of 1960, whose mean absolute error is 47.83 by a hand calculation in awk.
    let forecast = Baseline::seasonal_naive(&series[..132], 12, 12).unwrap();
    let mae = forecast.mean.iter().zip(&series[132..]).map(|(a, b)| (a - b).abs()).sum::<f64>() / 12.0;
    assert!((mae - 47.8333).abs() < 1e-3, "{mae}");
    // The training part are the first 101 months.
    assert_eq!(Some(schema.scales[0].naive_mae[0]), naive_mae(&series[..101], 12));
}
