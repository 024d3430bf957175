//! What a figure shows, as its builder collects it.

use std::ops::Range;
use std::path::Path;

use super::axis::whole;
use super::{ReportError, draw, png, write_whole};

/// A figure with two axes, 800 pixels wide and 500 high; a legend of more than three rows adds to the height.
///
/// Whatever the order of the calls, bands lie below lines and lines below points; the legend keeps the order. NaN, infinite
/// numbers and numbers beyond ±1e300 are left out: a line has a gap there. Of slices of different lengths, the rest of
/// the longer one is left out. A label that is empty stays out of the legend.
///
/// # Colours
/// Each line and each series of points gets a colour of Okabe and Ito's palette, which the colour-blind can tell apart.
/// Bands and intervals belong to the line or the points that are added after them, and have their colour. Bands are
/// translucent: nested ones, the widest first, get darker inwards.
///
/// # Examples
/// ```
/// # use burn_zoo::report::Figure;
/// let x = [0.0, 1.0, 2.0];
/// let svg = Figure::new("A band that widens where there is no data")
///     .axes("x", "y")
///     .band("90 % interval", &x, &[0.9, 1.7, 1.5], &[1.1, 2.3, 4.5])
///     .line("mean", &x, &[1.0, 2.0, 3.0])
///     .points("training data", &[0.0, 0.5], &[1.0, 1.5])
///     .to_svg();
/// assert!(svg.contains("90 % interval"));
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a figure is seen when it is saved"]
pub struct Figure {
    pub(super) title: String,
    pub(super) x_label: String,
    pub(super) y_label: String,
    pub(super) layers: Vec<Layer>,
    pub(super) x_range: Option<(f64, f64)>,
    pub(super) y_range: Option<(f64, f64)>,
    pub(super) x_ticks: Vec<(f64, String)>,
    pub(super) pictures: Vec<Picture>,
}

/// A grey picture under the x axis.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// The place that it is centred at.
    pub x: f64,
    pub width: usize,
    /// Row by row, 1 is black.
    pub pixels: Vec<f32>,
}

impl Picture {
    pub fn height(&self) -> usize {
        self.pixels.len() / self.width
    }
}

/// A mark and its label in the legend.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub label: String,
    pub mark: Mark,
}

/// `[x, y]`, or `[x, lower, upper]`.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    Band(Vec<[f64; 3]>),
    Intervals(Vec<[f64; 3]>),
    Line(Vec<[f64; 2]>),
    Dashed(Vec<[f64; 2]>),
    Points(Vec<[f64; 2]>),
    Notes(Vec<([f64; 2], String)>),
    Diagonal,
    Horizontal(f64),
    Vertical(f64),
}

impl Figure {
    /// An empty figure. An empty title takes no room.
    pub fn new(title: &str) -> Self {
        Self { title: printable(title), ..Self::default() }
    }

    /// Names the axes; say the units.
    pub fn axes(mut self, x: &str, y: &str) -> Self {
        (self.x_label, self.y_label) = (printable(x), printable(y));
        self
    }

    /// Shades what lies between two curves.
    pub fn band(self, label: &str, xs: &[f64], lower: &[f64], upper: &[f64]) -> Self {
        self.with(label, Mark::Band(triples(xs, lower, upper)))
    }

    /// Vertical error bars. In a figure of more than 60 they are translucent and have no caps.
    pub fn intervals(self, label: &str, xs: &[f64], lower: &[f64], upper: &[f64]) -> Self {
        self.with(label, Mark::Intervals(triples(xs, lower, upper)))
    }

    /// Joins the points in their order.
    pub fn line(self, label: &str, xs: &[f64], ys: &[f64]) -> Self {
        self.with(label, Mark::Line(pairs(xs, ys)))
    }

    /// Joins the points in their order by a dashed line.
    pub fn dashed(self, label: &str, xs: &[f64], ys: &[f64]) -> Self {
        self.with(label, Mark::Dashed(pairs(xs, ys)))
    }

    /// A dot for each point.
    pub fn points(self, label: &str, xs: &[f64], ys: &[f64]) -> Self {
        self.with(label, Mark::Points(pairs(xs, ys)))
    }

    /// A small text beside each place, on its right. Notes are not in the legend.
    pub fn notes(self, xs: &[f64], ys: &[f64], texts: &[impl AsRef<str>]) -> Self {
        let notes = pairs(xs, ys).into_iter().zip(texts.iter().map(|text| printable(text.as_ref())));
        self.with("", Mark::Notes(notes.collect()))
    }

    /// A grey line where y = x.
    pub fn diagonal(self, label: &str) -> Self {
        self.with(label, Mark::Diagonal)
    }

    /// A grey line at one y.
    pub fn horizontal(self, label: &str, y: f64) -> Self {
        self.with(label, Mark::Horizontal(y))
    }

    /// A grey line at one x.
    pub fn vertical(self, label: &str, x: f64) -> Self {
        self.with(label, Mark::Vertical(x))
    }

    /// Shows this part of the x axis, in place of the data's range and 5 % on both sides. A range that is empty or not
    /// finite changes nothing.
    pub fn x_range(mut self, range: Range<f64>) -> Self {
        self.x_range = Some((range.start, range.end));
        self
    }

    /// Shows this part of the y axis, as [`x_range`](Self::x_range) does of the x axis.
    pub fn y_range(mut self, range: Range<f64>) -> Self {
        self.y_range = Some((range.start, range.end));
        self
    }

    /// Names places on the x axis, for categories: nothing else is written there.
    pub fn x_ticks(mut self, ticks: &[(f64, &str)]) -> Self {
        self.x_ticks = ticks.iter().map(|(place, name)| (*place, printable(name))).collect();
        self
    }

    /// Small grey pictures under the axis, each centred at its x, and as large as there is room: 0 is white, 1 is black. A pixel is drawn in one of nine
    /// greys; one that is NaN is white. Pixels that do not fill whole rows of `width` are left out: all of them where it is 0.
    pub fn pictures(mut self, xs: &[f64], width: usize, pictures: &[impl AsRef<[f32]>]) -> Self {
        let whole = |pixels: &[f32]| pixels[..pixels.len().checked_div(width).unwrap_or(0) * width].to_vec();
        let pictures = xs.iter().zip(pictures).map(|(&x, pixels)| Picture { x, width, pixels: whole(pixels.as_ref()) });
        self.pictures = pictures.filter(|picture| picture.x.is_finite() && !picture.pixels.is_empty()).collect();
        self
    }

    /// The figure as SVG.
    pub fn to_svg(&self) -> String {
        draw::svg(self)
    }

    /// The figure as PNG, with two pixels for each of the SVG's, in width and in height.
    ///
    /// # Errors
    /// [`ReportError::Raster`] if a legend of thousands of rows makes a figure that does not fit into memory.
    pub fn to_png(&self) -> Result<Vec<u8>, ReportError> {
        png::rasterise(&self.to_svg()).map_err(|source| ReportError::Raster { source })
    }

    /// Writes the figure, as SVG or PNG by the name's extension: a whole file, or none.
    ///
    /// # Errors
    /// [`ReportError::Extension`] for another extension, [`ReportError::Io`], and what [`to_png`](Self::to_png) says.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ReportError> {
        let path = path.as_ref();
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let bytes = match extension.as_str() {
            "svg" => self.to_svg().into_bytes(),
            "png" => self.to_png()?,
            _ => return Err(ReportError::Extension { path: path.to_path_buf() }),
        };
        write_whole(path, &bytes)
    }

    fn with(mut self, label: &str, mark: Mark) -> Self {
        self.layers.push(Layer { label: printable(label), mark });
        self
    }
}

impl Mark {
    /// All x and all y of what can be drawn.
    pub fn values(&self) -> (Vec<f64>, Vec<f64>) {
        match self {
            Self::Band(rows) | Self::Intervals(rows) => {
                let rows = rows.iter().filter(|row| whole(row));
                (rows.clone().map(|row| row[0]).collect(), rows.flat_map(|row| [row[1], row[2]]).collect())
            }
            Self::Line(points) | Self::Dashed(points) | Self::Points(points) => {
                points.iter().filter(|point| whole(point)).map(|point| (point[0], point[1])).unzip()
            }
            Self::Notes(notes) => {
                notes.iter().map(|(place, _)| place).filter(|place| whole(place)).map(|[x, y]| (*x, *y)).unzip()
            }
            Self::Diagonal => (vec![], vec![]),
            Self::Horizontal(y) => (vec![], vec![*y]),
            Self::Vertical(x) => (vec![*x], vec![]),
        }
    }
}

fn pairs(xs: &[f64], ys: &[f64]) -> Vec<[f64; 2]> {
    xs.iter().zip(ys).map(|(x, y)| [*x, *y]).collect()
}

fn triples(xs: &[f64], lower: &[f64], upper: &[f64]) -> Vec<[f64; 3]> {
    xs.iter().zip(lower).zip(upper).map(|((x, lower), upper)| [*x, *lower, *upper]).collect()
}

/// Without the characters that XML forbids.
fn printable(text: &str) -> String {
    text.replace(|c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'), " ")
}
