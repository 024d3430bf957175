//! Where the parts of a figure are, so that no text covers another. Lengths are in pixels of the SVG.

use super::axis::{Axis, drawable, extent, is_wide, widened};
use super::figure::Figure;
use super::png::text_width;

pub(super) const WIDTH: f64 = 800.0;
pub(super) const MARGIN: f64 = 14.0;
/// The length of a tick, and its distance from its label.
pub(super) const TICK: f64 = 5.0;
pub(super) const TICK_SIZE: f64 = 13.0;
pub(super) const LEGEND_SIZE: f64 = 13.0;
pub(super) const LEGEND_ROW: f64 = 21.0;
/// The room for a legend entry's sample, and for the gap before its label.
pub(super) const SWATCH: (f64, f64) = (26.0, 8.0);

const LEGEND_GAP: f64 = 22.0;
const HEIGHT: f64 = 500.0;
/// Rows of the legend for which there is room without making the figure higher.
const LEGEND_ROWS: usize = 3;
const TITLE_SIZE: f64 = 18.0;
const LABEL_SIZE: f64 = 14.0;
/// A text that is too long is set smaller, down to this part of its size; then it is cut.
const SMALLEST: f64 = 0.75;

/// Of a picture under the axis, the longer side.
const LARGEST_PICTURE: f64 = 56.0;

/// A text and its size.
pub(super) type Text = (String, f64);

pub(super) struct Layout {
    pub height: f64,
    pub title: Text,
    pub x: Axis,
    pub y: Axis,
    pub x_label: Text,
    pub y_label: Text,
    pub x_tick_size: f64,
    /// The part where the data is.
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
    /// The height and width of a picture under the axis, and where its top is; 0 without pictures.
    pub picture: (f64, f64),
    /// Where the x axis ends with its ticks and its label.
    pub axis_bottom: f64,
    pub legend_top: f64,
    pub legend: Vec<Entry>,
}

/// One label of the legend.
pub(super) struct Entry {
    /// Which of the figure's layers.
    pub layer: usize,
    pub label: Text,
    /// Where the sample begins.
    pub left: f64,
    pub row: usize,
}

impl Layout {
    pub fn of(figure: &Figure) -> Self {
        let (xs, ys): (Vec<_>, Vec<_>) = figure.layers.iter().map(|layer| layer.mark.values()).unzip();
        let category = slot(figure.x_ticks.iter().map(|(place, _)| *place));
        let named = figure.x_ticks.iter().flat_map(|(place, _)| [place - category / 2.0, place + category / 2.0]);
        let data = xs.into_iter().flatten();
        let x_range = match figure.x_ticks.is_empty() {
            true => extent(data).map(widened),
            false => extent(data.chain(named)),
        };
        let x_range = shown(figure.x_range, x_range);
        let y_range = shown(figure.y_range, extent(ys.into_iter().flatten()).map(widened));

        let y = Axis::of_numbers(y_range, 7);
        let y_ticks = y.ticks.iter().map(|(_, label)| text_width(label, TICK_SIZE)).fold(0.0, f64::max);
        let left = MARGIN + room(&figure.y_label, LABEL_SIZE + 8.0) + y_ticks + 2.0 * TICK;
        let right = WIDTH - 1.5 * MARGIN;
        let (x, x_tick_size) = match figure.x_ticks.as_slice() {
            [] => (numbers_that_fit(x_range, right - left), TICK_SIZE),
            names => names_that_fit(x_range, names, category / (x_range.1 - x_range.0) * (right - left)),
        };
        let ends = x.ticks.iter().map(|(place, label)| {
            let middle = left + (place - x_range.0) / (x_range.1 - x_range.0) * (right - left);
            middle + text_width(label, x_tick_size) / 2.0
        });
        let right = right - (ends.fold(0.0, f64::max) + TICK - WIDTH).max(0.0);

        let (legend, rows) = legend(figure, left, right);
        let height = HEIGHT + LEGEND_ROW * rows.saturating_sub(LEGEND_ROWS) as f64;
        let legend_top = height - MARGIN - LEGEND_ROW * rows as f64;
        let axis_bottom = if rows == 0 { legend_top } else { legend_top - 9.0 };
        let picture = match figure.pictures.is_empty() {
            true => 0.0,
            false => {
                let apart = slot(figure.pictures.iter().map(|picture| picture.x));
                let scale = (right - left) / (x_range.1 - x_range.0);
                let middles = figure.pictures.iter().map(|picture| left + (picture.x - x_range.0) * scale);
                let seen = middles.filter(|middle| (left..=right).contains(middle));
                let to_edge = seen.map(|middle| middle.min(WIDTH - middle)).fold(LARGEST_PICTURE, f64::min);
                (apart * scale - 2.0).min(2.0 * to_edge - 2.0).clamp(1.0, LARGEST_PICTURE)
            }
        };
        let under = if picture > 0.0 { picture + TICK } else { 0.0 };
        let picture_top = axis_bottom - room(&figure.x_label, LABEL_SIZE + 8.0) - under;
        let bottom = picture_top - TICK_SIZE - 2.0 * TICK;
        let top = MARGIN + room(&figure.title, TITLE_SIZE + 12.0);
        Self {
            height,
            title: fitted(&figure.title, TITLE_SIZE, right - left),
            x,
            y,
            x_label: fitted(&figure.x_label, LABEL_SIZE, right - left),
            y_label: fitted(&figure.y_label, LABEL_SIZE, bottom - top),
            x_tick_size,
            left,
            top,
            right,
            bottom,
            picture: (picture, picture_top),
            axis_bottom,
            legend_top,
            legend,
        }
    }
}

/// The entries of the legend, as many in a row as fit, and the number of rows.
fn legend(figure: &Figure, left: f64, right: f64) -> (Vec<Entry>, usize) {
    let labels = figure.layers.iter().map(|layer| &layer.label).enumerate().filter(|(_, label)| !label.is_empty());
    let (mut entries, mut row, mut free) = (vec![], 0, left);
    for (layer, label) in labels {
        let label = fitted(label, LEGEND_SIZE, right - left - SWATCH.0 - SWATCH.1);
        let width = SWATCH.0 + SWATCH.1 + text_width(&label.0, label.1);
        if free > left && free + width > right {
            (row, free) = (row + 1, left);
        }
        entries.push(Entry { layer, label, left: free, row });
        free += width + LEGEND_GAP;
    }
    let rows = entries.last().map_or(0, |entry| entry.row + 1);
    (entries, rows)
}

/// The range asked for if it is one, else the data's, else 0 to 1.
fn shown(asked: Option<(f64, f64)>, data: Option<(f64, f64)>) -> (f64, f64) {
    let asked = asked.filter(|(low, high)| drawable(*low) && drawable(*high));
    [asked, data].into_iter().flatten().find(|range| is_wide(*range)).unwrap_or((0.0, 1.0))
}

/// The smallest distance between two of these places: each has half of it on both sides.
fn slot(places: impl Iterator<Item = f64>) -> f64 {
    let mut places: Vec<f64> = places.filter(|place| drawable(*place)).collect();
    places.sort_by(f64::total_cmp);
    let gaps = places.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > 0.0);
    gaps.reduce(f64::min).unwrap_or(1.0)
}

/// As many ticks with numbers as have room side by side, and not too many.
fn numbers_that_fit(range: (f64, f64), width: f64) -> Axis {
    let fits = |axis: &Axis| {
        let widest = axis.ticks.iter().map(|(_, label)| text_width(label, TICK_SIZE)).fold(0.0, f64::max);
        widest + 2.0 * TICK <= width / axis.ticks.len() as f64
    };
    let axes = (3..=9).rev().map(|most| Axis::of_numbers(range, most));
    axes.into_iter().find(fits).unwrap_or_else(|| Axis::of_numbers(range, 2))
}

/// The categories with their names, all in one size.
fn names_that_fit(range: (f64, f64), names: &[(f64, String)], width: f64) -> (Axis, f64) {
    let width = width - 2.0 * TICK;
    let size = names.iter().map(|(_, name)| size_for(name, TICK_SIZE, width)).fold(TICK_SIZE, f64::min);
    let names: Vec<_> = names.iter().map(|(place, name)| (*place, cut(name, size, width))).collect();
    (Axis::of_categories(range, &names), size)
}

/// The text, smaller if it is too long for the width, and cut if that does not suffice.
fn fitted(text: &str, size: f64, width: f64) -> Text {
    let size = size_for(text, size, width);
    (cut(text, size, width), size)
}

fn size_for(text: &str, size: f64, width: f64) -> f64 {
    let part = width / text_width(text, size);
    if part < 1.0 { (size * part.max(SMALLEST) * 10.0).floor() / 10.0 } else { size }
}

fn cut(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_string();
    }
    let beginnings: Vec<&str> = text.char_indices().map(|(end, _)| text[..end].trim_end()).collect();
    let fitting = beginnings.partition_point(|beginning| text_width(&format!("{beginning}…"), size) <= width);
    beginnings[..fitting].last().map_or_else(String::new, |beginning| format!("{beginning}…"))
}

/// The height of a line of text, if there is one.
fn room(text: &str, height: f64) -> f64 {
    if text.is_empty() { 0.0 } else { height }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(layout: &Layout, entry: &Entry) -> f64 {
        assert!(entry.left >= layout.left);
        entry.left + SWATCH.0 + SWATCH.1 + text_width(&entry.label.0, entry.label.1)
    }

    #[test]
    fn a_text_that_is_too_long_is_set_smaller_and_then_cut() {
        let width = text_width("dropout", 20.0);
        assert_eq!(fitted("dropout", 20.0, width + 0.1), ("dropout".to_string(), 20.0));
        assert_eq!(fitted("dropout", 20.0, 0.9 * width).0, "dropout");
        let (text, size) = fitted("dropout", 20.0, 0.5 * width);
        assert!(text.starts_with("dr") && text.ends_with('…') && size == 15.0, "{text} {size}");
        assert!(text_width(&text, size) <= 0.5 * width);
        assert_eq!(fitted("dropout", 20.0, -1.0).0, "");
    }

    #[test]
    fn legend_entries_lie_beside_each_other_until_the_row_is_full() {
        let figure = (0..40).fold(Figure::new(""), |figure, i| figure.points(&format!("series {i}"), &[], &[]));
        let layout = Layout::of(&figure.points(&"long ".repeat(100), &[], &[]));
        assert!(layout.legend.iter().all(|entry| ends(&layout, entry) <= layout.right));
        for pair in layout.legend.windows(2).filter(|pair| pair[0].row == pair[1].row) {
            assert!(ends(&layout, &pair[0]) < pair[1].left);
        }
        let rows = layout.legend.last().expect("41 entries").row + 1;
        assert!(layout.legend_top + LEGEND_ROW * rows as f64 <= layout.height);
        assert!(layout.bottom - layout.top > 300.0, "the legend takes no room from the data");
    }

    #[test]
    fn tick_labels_touch_neither_each_other_nor_the_edge() {
        for range in [0.0..1.0, -1e-5..3e-5, 123_456.0..123_457.0, 0.0..9e8, -0.12..0.97] {
            let layout = Layout::of(&Figure::new("").x_range(range.clone()));
            let ticks = &layout.x.ticks;
            assert!(ticks.len() >= 2, "{range:?}");
            let pixels = (layout.right - layout.left) / (range.end - range.start);
            let (place, label) = ticks.last().expect("two or more");
            let end = layout.left + (place - range.start) * pixels + text_width(label, TICK_SIZE) / 2.0;
            assert!(end <= WIDTH, "{range:?}: the last label ends at {end}");
            for pair in ticks.windows(2) {
                let width = (text_width(&pair[0].1, TICK_SIZE) + text_width(&pair[1].1, TICK_SIZE)) / 2.0;
                assert!(width < (pair[1].0 - pair[0].0) * pixels, "{range:?}: {pair:?}");
            }
        }
    }

    #[test]
    fn names_of_categories_keep_to_their_places() {
        let names: Vec<_> = (0..12).map(|i| (f64::from(i), format!("convmixer/with-dropout-{i}"))).collect();
        let names: Vec<_> = names.iter().map(|(place, name)| (*place, name.as_str())).collect();
        let layout = Layout::of(&Figure::new("").x_ticks(&names));
        let slot = (layout.right - layout.left) / 12.0;
        assert_eq!(layout.x.range, (-0.5, 11.5));
        assert!(layout.x.ticks.iter().all(|(_, name)| text_width(name, layout.x_tick_size) < slot));
    }

    #[test]
    fn a_range_that_is_none_is_not_obeyed() {
        for (low, high) in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
            assert_eq!(shown(Some((low, high)), Some((3.0, 4.0))), (3.0, 4.0));
        }
        assert_eq!(shown(Some((1.0, 2.0)), None), (1.0, 2.0));
        assert_eq!(shown(None, None), (0.0, 1.0));
    }
}
