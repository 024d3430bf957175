//! What an axis shows: its range, its ticks and their labels.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;

/// A range and the labelled places in it.
#[derive(Clone)]
pub(super) struct Axis {
    pub range: (f64, f64),
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Round numbers, at most `most` of them (two or more), and as many decimals as their step needs.
    pub fn of_numbers(range: (f64, f64), most: usize) -> Self {
        let (low, high) = range;
        let least = (high - low) / (most - 1) as f64;
        let exponent = least.log10().floor() as i32;
        let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power(exponent) >= least);
        let (factor, exponent) = factor.map_or((1.0, exponent + 1), |factor| (factor, exponent));
        let step = factor * power(exponent);

        let numbers = (low / step - 1e-9).ceil() as i64..=(high / step + 1e-9).floor() as i64; // 0.3 / 0.1 is 3
        let magnitude = low.abs().max(high.abs()).log10().floor() as i32;
        let label = |value: f64| match magnitude {
            _ if value == 0.0 => "0".to_string(),
            -4..6 => format!("{value:.*}", (-exponent).max(0) as usize),
            _ => format!("{value:.*e}", (value.abs().log10().floor() as i32 - exponent).max(0) as usize),
        };
        let tick = |number: i64| {
            let value = (number as f64 * step).clamp(low, high);
            (value, label(value).replace('-', "−"))
        };
        Self { range, ticks: numbers.map(tick).collect() }
    }

    /// The given places, those that can be seen.
    pub fn of_categories(range: (f64, f64), categories: &[(f64, String)]) -> Self {
        let seen = |(place, _): &&(f64, String)| (range.0..=range.1).contains(place);
        Self { range, ticks: categories.iter().filter(seen).cloned().collect() }
    }
}

/// plotters' own ranges choose ticks without looking at the room for their labels.
impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.range()).map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        match hint.weight().allow_light_points() {
            true => vec![],
            false => self.ticks.iter().map(|(place, _)| *place).collect(),
        }
    }

    fn range(&self) -> Range<f64> {
        self.range.0..self.range.1
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, place: &f64) -> String {
        let tick = self.ticks.iter().find(|(tick, _)| tick == place);
        tick.map_or_else(String::new, |(_, label)| label.clone())
    }
}

fn power(exponent: i32) -> f64 {
    10f64.powi(exponent)
}

/// A number that can be drawn: not NaN, not infinite, and with room for sums.
pub(super) fn drawable(value: f64) -> bool {
    value.abs() <= 1e300
}

/// Whether all of a row's numbers can be drawn.
pub(super) fn whole<const N: usize>(row: &[f64; N]) -> bool {
    row.iter().all(|value| drawable(*value))
}

/// The smallest range with all drawable values, if there are any.
pub(super) fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let pairs = values.into_iter().filter(|value| drawable(*value)).map(|value| (value, value));
    pairs.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// The range with a margin of 5 % on both sides. A single value gets a range, too.
pub(super) fn widened((low, high): (f64, f64)) -> (f64, f64) {
    let margin = 0.05
        * match high.abs().max(low.abs()) {
            _ if is_wide((low, high)) => high - low,
            tiny if tiny < 1e-290 => 1.0,
            size => size,
        };
    (low - margin, high + margin)
}

/// Whether floating-point numbers can tell the places in the range apart.
pub(super) fn is_wide((low, high): (f64, f64)) -> bool {
    high - low > (low.abs().max(high.abs()) * 1e-9).max(1e-290)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64, most: usize) -> Vec<String> {
        Axis::of_numbers((low, high), most).ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_numbers_with_the_decimals_of_their_step() {
        assert_eq!(labels(-0.05, 1.05, 7), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(-3.2, 3.2, 8), ["−3", "−2", "−1", "0", "1", "2", "3"]);
        assert_eq!(labels(0.0, 0.0011, 4), ["0", "0.0005", "0.0010"]);
        assert_eq!(labels(0.0, 0.3, 4), ["0", "0.1", "0.2", "0.3"]);
        assert_eq!(labels(1990.0, 2026.0, 5), ["1990", "2000", "2010", "2020"]);
    }

    #[test]
    fn very_large_and_very_small_numbers_are_written_with_an_exponent() {
        assert_eq!(labels(0.0, 2.1e6, 6), ["0", "5e5", "1.0e6", "1.5e6", "2.0e6"]);
        assert_eq!(labels(-1e-7, 1e-7, 3), ["−1e−7", "0", "1e−7"]);
    }

    #[test]
    fn there_are_never_more_ticks_than_wanted_and_all_are_in_the_range() {
        for exponent in [-280, -12, -1, 0, 3, 17, 299] {
            for (low, high) in [(-1.0, 1.0), (0.93, 1.0), (1.0, 1.000_000_01), (-7.3, 0.2)] {
                let range = (low * power(exponent), high * power(exponent));
                for most in 2..10 {
                    let ticks = Axis::of_numbers(range, most).ticks;
                    assert!(ticks.len() <= most, "{range:?}: {ticks:?}");
                    assert!(ticks.iter().all(|(place, _)| (range.0..=range.1).contains(place)), "{range:?}: {ticks:?}");
                }
            }
        }
    }

    #[test]
    fn a_single_value_gets_a_range() {
        for value in [0.0, 1.0, -3.5, 5e-324, 1e300, -1e300] {
            let (low, high) = widened((value, value));
            assert!(low < value && value < high && is_wide((low, high)), "{value}: {low}..{high}");
        }
    }

    #[test]
    fn the_extent_leaves_out_what_cannot_be_drawn() {
        assert_eq!(extent([f64::NAN, 2.0, f64::INFINITY, -1.0, f64::MAX]), Some((-1.0, 2.0)));
        assert_eq!(extent([f64::NAN]), None);
    }
}
