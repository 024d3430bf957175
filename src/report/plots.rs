//! The figures that judge a prediction.

use super::Figure;
use crate::{
    error::{Error, Result},
    uncertainty::{RegressionPrediction, metrics::Bin},
};

/// Rows of a figure: more of them hide each other.
const MOST_ROWS: usize = 500;

/// Known targets against their predicted means, each row with its interval: a target inside its interval is a dot on its bar. What is
/// well predicted lies along the diagonal; as many dots as `level` says should lie on their bars. `name` names the target with
/// its unit. Of more than 500 rows 500 are shown, evenly spaced in their order, and the title says so; the shares are those of all rows.
///
/// # Errors
/// As [`RegressionPrediction::interval`]; [`Error::Length`] for another number of targets.
///
/// # Panics
/// If there is no target of that number.
pub fn actual_against_predicted(
    prediction: &RegressionPrediction,
    targets: &[f64],
    target: usize,
    level: f64,
    name: &str,
) -> Result<Figure> {
    let width = prediction.targets();
    assert!(target < width, "target {target} of {width}");
    let interval = prediction.interval(level)?;
    let holds = interval.holds(targets)?;
    let rows = prediction.rows();
    if rows == 0 {
        return Err(Error::NoRows);
    }
    let shown = rows.min(MOST_ROWS);
    let title = match shown == rows {
        true => format!("{name}: {rows} rows"),
        false => format!("{name}: {shown} of {rows} rows"),
    };
    let mut figure = Figure::new(&title).axes(&format!("{name}, predicted"), &format!("{name}, actual"));
    // Rounded: 100 * 0.57 is not 57.
    let percent = (1e6 * level).round() / 1e4;
    let entry = |row: usize| row * width + target;
    for (held, label) in [(true, format!("inside the {percent} % interval")), (false, "outside".to_string())] {
        let n = (0..rows).filter(|&row| holds[entry(row)] == held).count();
        let entries = (0..shown).map(|i| entry(i * rows / shown)).filter(|&entry| holds[entry] == held);
        let entries: Vec<usize> = entries.collect();
        let of = |values: &[f64]| entries.iter().map(|&entry| values[entry]).collect::<Vec<_>>();
        let label = format!("{label}: {:.1} %", 100.0 * n as f64 / rows as f64);
        let (x, actual) = (of(prediction.mean()), of(targets));
        figure = figure.intervals("", &x, &of(&interval.lower), &of(&interval.upper)).points(&label, &x, &actual);
    }
    Ok(figure.diagonal("actual = predicted"))
}

/// What a fan chart shows: one series and its forecast, which begins behind the last value of the history.
#[derive(Clone, Debug)]
pub struct Fan<'a> {
    /// The target with its unit.
    pub name: &'a str,
    /// The last values that are known; NaN leaves a gap.
    pub history: &'a [f64],
    /// The forecast of each step: its mean.
    pub mean: &'a [f64],
    /// Levels and intervals of each step.
    pub bands: &'a [(f64, Vec<[f64; 2]>)],
    /// What came, as far as it is known.
    pub actual: &'a [f64],
    /// The time of each step of the history and of the forecast.
    pub stamps: &'a [String],
}

/// Times that are written under a fan chart.
const STAMPS: usize = 5;

/// A series and its forecast: the mean, with a band for each level, the widest below.
pub fn fan_chart(fan: &Fan<'_>) -> Figure {
    let (known, steps) = (fan.history.len(), fan.mean.len());
    let xs: Vec<f64> = (0..known + steps).map(|x| x as f64).collect();
    let ahead = &xs[known..];
    let mut bands: Vec<&(f64, Vec<[f64; 2]>)> = fan.bands.iter().collect();
    bands.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut figure = Figure::new(&format!("{}: {steps} steps ahead", fan.name)).axes("", fan.name);
    for (level, ends) in bands {
        let end = |side: usize| ends.iter().map(|ends| ends[side]).collect::<Vec<f64>>();
        let percent = (1e6 * level).round() / 1e4; // 100 * 0.57 is not 57
        figure = figure.band(&format!("{percent} % interval"), ahead, &end(0), &end(1));
    }
    figure = figure.line("forecast", ahead, fan.mean).line("known", &xs[..known], fan.history);
    if !fan.actual.is_empty() {
        figure = figure.points("what came", ahead, fan.actual);
    }
    let last = fan.stamps.len().min(known + steps).saturating_sub(1);
    let ticks: Vec<(f64, &str)> = (0..STAMPS)
        .map(|tick| tick * last / (STAMPS - 1))
        .filter_map(|at| Some((at as f64, fan.stamps.get(at)?.as_str())))
        .collect();
    if ticks.is_empty() { figure } else { figure.x_ticks(&ticks) }
}

/// Accuracy against confidence, a point for each bin that has rows, with their number, and with Wilson's interval of one standard error. On
/// the diagonal a prediction is as often right as it says.
pub fn reliability(bins: &[Bin], name: &str) -> Figure {
    let bins: Vec<&Bin> = bins.iter().filter(|bin| bin.n > 0).collect();
    let of = |value: fn(&Bin) -> f64| bins.iter().map(|bin| value(bin)).collect::<Vec<_>>();
    let (confidence, accuracy) = (of(|bin| bin.confidence), of(|bin| bin.accuracy));
    let rows: usize = bins.iter().map(|bin| bin.n).sum();
    let numbers: Vec<String> = bins.iter().map(|bin| bin.n.to_string()).collect();
    Figure::new(&format!("{name}: {rows} rows"))
        .axes("confidence: probability of the predicted class", "accuracy: share of rows where it is right")
        .intervals("one standard error", &confidence, &of(|bin| wilson(bin).0), &of(|bin| wilson(bin).1))
        .points("rows of like confidence, and how many", &confidence, &accuracy)
        .notes(&confidence, &accuracy, &numbers)
        .diagonal("calibrated")
        .x_range(-0.02..1.05)
        .y_range(-0.05..1.05)
}

/// Wilson's interval of a share, of one standard error: unlike the plain one it has a width where all rows are alike.
fn wilson(bin: &Bin) -> (f64, f64) {
    let (n, p) = (bin.n as f64, bin.accuracy);
    let centre = (p + 0.5 / n) / (1.0 + 1.0 / n);
    let half = (p * (1.0 - p) / n + 0.25 / (n * n)).sqrt() / (1.0 + 1.0 / n);
    (centre - half, centre + half)
}

#[cfg(test)]
mod tests {
    use resvg::usvg::roxmltree::Document;

    use super::*;
    use crate::uncertainty::metrics::Classified;

    /// The texts of an SVG, and how many dots it has, those of the legend included.
    fn read(svg: &str) -> (Vec<String>, usize) {
        assert!(!svg.contains("NaN") && !svg.contains("inf\""));
        let document = Document::parse(svg).expect("well-formed XML");
        let texts = document.descendants().filter(|node| node.has_tag_name("text"));
        let texts = texts.map(|node| node.text().unwrap_or_default().trim().to_string()).collect();
        (texts, document.descendants().filter(|node| node.has_tag_name("circle")).count())
    }

    fn targets(rows: usize) -> Vec<f64> {
        (0..rows).map(|row| row as f64 * 0.01 - 1.0).collect()
    }

    #[test]
    fn every_row_is_a_dot_and_the_legend_tells_the_shares() {
        let prediction = RegressionPrediction::constant(&[0.0], &[1.0], 200).expect("a prediction");
        let figure = actual_against_predicted(&prediction, &targets(200), 0, 0.5, "height, m").expect("a figure");
        let (texts, dots) = read(&figure.to_svg());
        assert_eq!(dots, 200 + 2);
        // From -1 to 0.99 in steps of 0.01, 67 on each side of 0 are within 0.6745.
        for text in ["height, m: 200 rows", "inside the 50 % interval: 67.5 %", "outside: 32.5 %", "height, m, actual"]
        {
            assert!(texts.iter().any(|found| found == text), "{text}: {texts:?}");
        }
    }

    #[test]
    fn a_fan_has_a_band_for_each_level_and_times_under_it() {
        let stamps: Vec<String> = (0..8).map(|day| format!("2024-01-0{}", day + 1)).collect();
        let bands = [0.5, 0.9].map(|level| (level, vec![[1.0 - level, 1.0 + level]; 3]));
        let fan = Fan {
            name: "load, MW",
            history: &[1.0, 1.2, f64::NAN, 2.0, 1.5],
            mean: &[1.0; 3],
            bands: &bands,
            actual: &[1.2, 0.9],
            stamps: &stamps,
        };
        let svg = fan_chart(&fan).to_svg();
        let (texts, dots) = read(&svg);
        assert_eq!(dots, 2 + 1); // what came, and the legend
        let wide = svg.find("90 % interval").unwrap();
        assert!(wide < svg.find("50 % interval").unwrap());
        for text in ["load, MW: 3 steps ahead", "forecast", "known", "what came", "2024-01-01", "2024-01-08"] {
            assert!(texts.iter().any(|found| found == text), "{text}: {texts:?}");
        }
    }

    #[test]
    fn of_many_rows_some_are_shown_and_the_title_says_so() {
        let prediction = RegressionPrediction::constant(&[0.0], &[1.0], 1234).expect("a prediction");
        let figure = actual_against_predicted(&prediction, &targets(1234), 0, 0.57, "y").expect("a figure");
        let (texts, dots) = read(&figure.to_svg());
        assert_eq!(dots, MOST_ROWS + 2);
        assert!(texts.contains(&"y: 500 of 1234 rows".to_string()), "{texts:?}");
        assert!(texts.iter().any(|text| text.starts_with("inside the 57 % interval: ")), "{texts:?}");
    }

    #[test]
    fn each_of_several_targets_has_its_figure_logarithms_too() {
        let prediction = RegressionPrediction::constant(&[0.0, 5.0], &[1.0, 0.1], 2).expect("a prediction");
        let prediction = prediction.exponentiated().expect("one of log-normals");
        let share = |target| {
            let targets = [1.0, 1.0, 1.0, 5f64.exp()];
            let figure = actual_against_predicted(&prediction, &targets, target, 0.9, "y").expect("a figure");
            read(&figure.to_svg()).0.into_iter().find(|text| text.starts_with("inside")).expect("a legend")
        };
        assert!(share(0).ends_with(": 100.0 %") && share(1).ends_with(": 50.0 %"));
    }

    #[test]
    fn a_figure_of_intervals_needs_the_noise_and_the_targets() {
        let prediction = RegressionPrediction::constant(&[0.0], &[1.0], 2).expect("a prediction");
        let figure = |targets: &[f64], level| actual_against_predicted(&prediction, targets, 0, level, "y");
        assert!(matches!(figure(&[0.0], 0.9), Err(Error::Length { .. })));
        assert!(matches!(figure(&[0.0; 2], 90.0), Err(Error::Config { .. })));
    }

    #[test]
    fn every_bin_with_rows_is_a_dot_with_their_number() {
        let rows: Vec<[f64; 2]> = (0..100).map(|i| f64::from(i) / 200.0).map(|p| [1.0 - p, p]).collect();
        let targets: Vec<usize> = (0..100).map(|i| usize::from(i % 5 == 0)).collect();
        let classified = Classified::new(rows.iter().map(|row| &row[..]), &targets).expect("classes");
        let bins = classified.reliability(4);
        let (texts, dots) = read(&reliability(&bins, "churn").to_svg());
        assert_eq!(dots, 2 + 1, "the bins below 0.5 are empty");
        let numbers = [bins[2].n, bins[3].n].map(|n| n.to_string());
        for text in ["churn: 100 rows", &numbers[0], &numbers[1], "calibrated"] {
            assert!(texts.iter().any(|found| found == text), "{text}: {texts:?}");
        }
        read(&reliability(&[], "nothing").to_svg());
    }

    #[test]
    fn a_share_of_alike_rows_is_not_sure() {
        let bin = |n, accuracy| Bin { low: 0.0, high: 1.0, n, confidence: 0.5, accuracy };
        // (1 + 1/2) / 2 = 3/4 and sqrt(1/4) / 2 = 1/4 of one row that is right
        assert_eq!(wilson(&bin(1, 1.0)), (0.5, 1.0));
        let (low, high) = wilson(&bin(10_000, 0.5));
        assert!((low - 0.495).abs() < 1e-6 && (high - 0.505).abs() < 1e-6);
    }
}
