//! Draws a [`Figure`] with plotters. Lengths are in pixels of the SVG.

use std::io;

use plotters::backend::SVGBackend;
use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, DashedPathElement, PathElement, Polygon, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontTransform, IntoFont, RGBAColor, RGBColor, ShapeStyle, TextStyle, WHITE};

use super::axis::whole;
use super::clip::{Point, Window};
use super::figure::{Figure, Layer, Mark, Picture};
use super::layout::{LEGEND_ROW, Layout, MARGIN, SWATCH, TICK, TICK_SIZE, WIDTH};
use super::png::FONT_FAMILY;

/// Units of the drawing in a pixel: plotters draws in whole units, and whole pixels would make stairs of curves.
const UNIT: f64 = 10.0;

/// Okabe and Ito's palette, without black (the text) and yellow (hard to see on white).
const PALETTE: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];
const INK: RGBColor = RGBColor(34, 34, 34);
const REFERENCE: RGBColor = RGBColor(110, 110, 110);
const GRID: RGBColor = RGBColor(232, 232, 232);

/// How much of what is below a band it hides.
const BAND_ALPHA: f64 = 0.22;
const LINE: f64 = 2.0;
const DASH: (f64, f64) = (7.0, 4.0);
const REFERENCE_LINE: f64 = 1.3;
const REFERENCE_DASH: (f64, f64) = (3.0, 3.0);
const BAR: f64 = 1.6;
const CAP: f64 = 7.0;
/// More bars in a figure than that would hide each other and what is below: they are translucent and have no caps.
const CROWD: usize = 60;
const CROWD_ALPHA: f64 = 0.3;
/// The radius of a point.
const DOT: f64 = 3.2;
const NOTE_SIZE: f64 = 11.0;
/// Between a place and its note.
const NOTE_GAP: f64 = 6.0;
const SWATCH_HEIGHT: f64 = 13.0;
/// Greys between white and black in a picture.
const GREYS: f32 = 8.0;
/// plotters centres small letters; this part of their size lower, capitals and digits are centred.
const SINK: f64 = 0.1;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Pixel = (i32, i32);
type Drawn = Result<(), DrawingAreaErrorKind<io::Error>>;

pub(super) fn svg(figure: &Figure) -> String {
    let layout = Layout::of(figure);
    let mut drawing = String::new();
    draw(figure, &layout, &mut drawing)
        .expect("writing to a string does not fail, and no text is measured by plotters");
    let (height, right, bottom) = (layout.height, units(WIDTH), units(layout.height));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {right} {bottom}\" stroke-linejoin=\"round\">\n{drawing}</svg>\n"
    )
}

fn draw(figure: &Figure, layout: &Layout, drawing: &mut String) -> Drawn {
    let size = (units(WIDTH) as u32, units(layout.height) as u32);
    let area = SVGBackend::with_string(drawing, size).into_drawing_area();
    area.fill(&WHITE)?;
    let (title, title_size) = &layout.title;
    area.draw_text(title, &text(*title_size, HPos::Left, VPos::Top), pixel(layout.left, MARGIN))?;

    let mut chart = ChartBuilder::on(&area)
        .margin_left(units(MARGIN))
        .margin_top(units(layout.top))
        .margin_right(units(WIDTH - layout.right))
        .margin_bottom(units(layout.height - layout.axis_bottom))
        .y_label_area_size(units(layout.left - MARGIN))
        .x_label_area_size(units(layout.axis_bottom - layout.bottom))
        .build_cartesian_2d(layout.x.clone(), layout.y.clone())?;
    let mut mesh = chart.configure_mesh();
    if !figure.x_ticks.is_empty() {
        mesh.disable_x_mesh();
    }
    mesh.bold_line_style(ShapeStyle::from(GRID).stroke_width(units(1.0) as u32))
        .axis_style(ShapeStyle::from(INK).stroke_width(units(1.0) as u32))
        .set_all_tick_mark_size(units(TICK))
        .y_label_offset(units(SINK * TICK_SIZE))
        .x_label_style(text(layout.x_tick_size, HPos::Center, VPos::Top))
        .y_label_style(text(TICK_SIZE, HPos::Right, VPos::Center))
        .draw()?;
    let (middle, centre) = ((layout.left + layout.right) / 2.0, (layout.top + layout.bottom) / 2.0);
    let (x_label, x_size) = &layout.x_label;
    area.draw_text(x_label, &text(*x_size, HPos::Center, VPos::Bottom), pixel(middle, layout.axis_bottom))?;
    let (y_label, y_size) = &layout.y_label;
    let upwards = text(*y_size, HPos::Center, VPos::Top).transform(FontTransform::Rotate270);
    area.draw_text(y_label, &upwards, pixel(MARGIN, centre))?;

    let mut order: Vec<usize> = (0..figure.layers.len()).collect();
    order.sort_by_key(|&layer| level(&figure.layers[layer].mark));
    let colours = colours(figure);
    let crowded = is_crowded(figure);
    let window = Window::of(&layout.x, &layout.y);
    let data = Pen { area: &area, window, place: &|[x, y]| chart.backend_coord(&(x, y)), crowded };
    for layer in order {
        data.draw(&figure.layers[layer].mark, colours[layer].0)?;
    }
    let (size, top) = layout.picture;
    let ((left, right), _) = (window.x, window.y);
    for picture in figure.pictures.iter().filter(|picture| (left..=right).contains(&picture.x)) {
        let middle = layout.left + (picture.x - left) / (right - left) * (layout.right - layout.left);
        draw_picture(picture, middle, top, size, &area)?;
    }

    draw_legend(figure, layout, &colours, &area)?;
    area.present()
}

/// A picture in a frame: runs of pixels of one grey are drawn together, white ones not at all.
fn draw_picture(picture: &Picture, middle: f64, top: f64, size: f64, area: &Area) -> Drawn {
    let pixel_size = size / picture.width.max(picture.height()) as f64;
    let left = middle - pixel_size * picture.width as f64 / 2.0;
    let corner = |x: usize, y: usize| pixel(left + pixel_size * x as f64, top + pixel_size * y as f64);
    for (y, row) in picture.pixels.chunks(picture.width).enumerate() {
        let grey = |pixel: &f32| (pixel.clamp(0.0, 1.0) * GREYS).round() as u8;
        let mut start = 0;
        for run in row.chunk_by(|a, b| grey(a) == grey(b)) {
            let (end, grey) = (start + run.len(), f64::from(grey(&run[0])) / f64::from(GREYS));
            if grey > 0.0 {
                area.draw(&Rectangle::new([corner(start, y), corner(end, y + 1)], INK.mix(grey).filled()))?;
            }
            start = end;
        }
    }
    let frame = [corner(0, 0), corner(picture.width, picture.height())];
    area.draw(&Rectangle::new(frame, stroke_of(GRID.into(), 1.0)))
}

fn draw_legend(figure: &Figure, layout: &Layout, colours: &[(RGBColor, usize)], area: &Area) -> Drawn {
    for entry in &layout.legend {
        let middle = layout.legend_top + LEGEND_ROW * (entry.row as f64 + 0.5);
        let place = |[x, y]: Point| pixel(entry.left + SWATCH.0 * x, middle + SWATCH_HEIGHT * (0.5 - y));
        let sample = Pen { area, window: Window::UNIT, place: &place, crowded: is_crowded(figure) };
        let (colour, depth) = colours[entry.layer];
        for _ in 0..depth {
            sample.draw(&sample_of(&figure.layers[entry.layer].mark), colour)?;
        }
        let (label, size) = &entry.label;
        let start = pixel(entry.left + SWATCH.0 + SWATCH.1, middle + SINK * size);
        area.draw_text(label, &text(*size, HPos::Left, VPos::Center), start)?;
    }
    Ok(())
}

/// Each layer's colour, and how many bands lie upon each other where it is seen: nested bands are darker inwards.
fn colours(figure: &Figure) -> Vec<(RGBColor, usize)> {
    let (mut series, mut bands) = (0, 0);
    let colour = |layer: &Layer| {
        let own = PALETTE[series % PALETTE.len()];
        match layer.mark {
            Mark::Band(_) => {
                bands += 1;
                (own, bands)
            }
            Mark::Intervals(_) => (own, 1),
            Mark::Line(_) | Mark::Dashed(_) | Mark::Points(_) => {
                (series, bands) = (series + 1, 0);
                (own, 1)
            }
            Mark::Notes(_) => (INK, 1),
            Mark::Diagonal | Mark::Horizontal(_) | Mark::Vertical(_) => (REFERENCE, 1),
        }
    };
    figure.layers.iter().map(colour).collect()
}

fn is_crowded(figure: &Figure) -> bool {
    let bars = |layer: &Layer| if let Mark::Intervals(rows) = &layer.mark { rows.len() } else { 0 };
    figure.layers.iter().map(bars).sum::<usize>() > CROWD
}

/// What lies above what.
fn level(mark: &Mark) -> u8 {
    match mark {
        Mark::Band(_) => 0,
        Mark::Diagonal | Mark::Horizontal(_) | Mark::Vertical(_) => 1,
        Mark::Line(_) | Mark::Dashed(_) => 2,
        Mark::Intervals(_) => 3,
        Mark::Points(_) => 4,
        Mark::Notes(_) => 5,
    }
}

/// The mark as the legend shows it, in the unit square.
fn sample_of(mark: &Mark) -> Mark {
    match mark {
        Mark::Band(_) => Mark::Band(vec![[0.0, 0.0, 1.0], [1.0, 0.0, 1.0]]),
        Mark::Intervals(_) => Mark::Intervals(vec![[0.5, 0.0, 1.0]]),
        Mark::Line(_) => Mark::Line(vec![[0.0, 0.5], [1.0, 0.5]]),
        Mark::Dashed(_) => Mark::Dashed(vec![[0.0, 0.5], [1.0, 0.5]]),
        Mark::Points(_) => Mark::Points(vec![[0.5, 0.5]]),
        Mark::Notes(_) => Mark::Notes(vec![]),
        Mark::Diagonal => Mark::Diagonal,
        Mark::Horizontal(_) => Mark::Horizontal(0.5),
        Mark::Vertical(_) => Mark::Vertical(0.5),
    }
}

/// Draws marks on one part of the drawing, be it the data's or a legend's sample.
struct Pen<'a, 'b> {
    area: &'a Area<'b>,
    window: Window,
    place: &'a dyn Fn(Point) -> Pixel,
    /// Whether bars are many.
    crowded: bool,
}

impl Pen<'_, '_> {
    fn draw(&self, mark: &Mark, colour: RGBColor) -> Drawn {
        let ((left, right), (low, high)) = (self.window.x, self.window.y);
        let reference = |a: Point, b: Point| self.stroke(&[a, b], colour.into(), REFERENCE_LINE, Some(REFERENCE_DASH));
        match mark {
            Mark::Band(rows) => {
                rows.split(|row| !whole(row)).try_for_each(|rows| self.band(rows, colour.mix(BAND_ALPHA)))
            }
            Mark::Intervals(rows) => {
                let seen = rows.iter().filter(|row| whole(row));
                match self.crowded {
                    true => seen
                        .map(|[x, low, high]| [[*x, *low], [*x, *high]])
                        .try_for_each(|bar| self.stroke(&bar, colour.mix(CROWD_ALPHA), BAR, None)),
                    false => seen.copied().try_for_each(|row| self.interval(row, colour)),
                }
            }
            Mark::Line(points) | Mark::Dashed(points) => {
                let dash = matches!(mark, Mark::Dashed(_)).then_some(DASH);
                points.split(|point| !whole(point)).try_for_each(|points| match points {
                    [lone] => self.dot(*lone, LINE, colour.into()),
                    _ => self.stroke(points, colour.into(), LINE, dash),
                })
            }
            Mark::Points(points) => points.iter().try_for_each(|point| self.dot(*point, DOT, colour.mix(0.85))),
            Mark::Notes(notes) => {
                let seen = notes.iter().filter(|(place, _)| whole(place) && self.window.contains(*place));
                seen.map(|(place, note)| ((self.place)(*place), note)).try_for_each(|((x, y), note)| {
                    let style = text(NOTE_SIZE, HPos::Left, VPos::Center).color(&colour);
                    self.area.draw_text(note, &style, (x + units(NOTE_GAP), y + units(SINK * NOTE_SIZE)))
                })
            }
            Mark::Diagonal => {
                let ends = (left.min(low), right.max(high));
                reference([ends.0, ends.0], [ends.1, ends.1])
            }
            Mark::Horizontal(y) => reference([left, *y], [right, *y]),
            Mark::Vertical(x) => reference([*x, low], [*x, high]),
        }
    }

    fn band(&self, rows: &[[f64; 3]], colour: RGBAColor) -> Drawn {
        if let [[x, low, high]] = rows {
            return self.stroke(&[[*x, *low], [*x, *high]], colour, 2.0 * LINE, None); // an area would have no width
        }
        let there = rows.iter().map(|[x, low, _]| [*x, *low]);
        let back = rows.iter().rev().map(|[x, _, high]| [*x, *high]);
        let corners = self.window.polygon(there.chain(back).collect());
        if corners.is_empty() {
            return Ok(());
        }
        self.area.draw(&Polygon::new(corners.into_iter().map(self.place).collect::<Vec<_>>(), colour))
    }

    /// A bar, with a cap at each end that is seen.
    fn interval(&self, [x, low, high]: [f64; 3], colour: RGBColor) -> Drawn {
        self.stroke(&[[x, low], [x, high]], colour.into(), BAR, None)?;
        let ends = [[x, low], [x, high]].into_iter().filter(|end| self.window.contains(*end));
        ends.map(self.place).try_for_each(|(x, y)| {
            let cap = vec![(x - units(CAP / 2.0), y), (x + units(CAP / 2.0), y)];
            self.area.draw(&PathElement::new(cap, stroke_of(colour.into(), BAR)))
        })
    }

    fn stroke(&self, points: &[Point], colour: RGBAColor, width: f64, dash: Option<(f64, f64)>) -> Drawn {
        let style = stroke_of(colour, width);
        self.window.line(points).into_iter().try_for_each(|part| {
            let part: Vec<Pixel> = part.into_iter().map(self.place).collect();
            match dash {
                None => self.area.draw(&PathElement::new(part, style)),
                Some((dash, gap)) => self.area.draw(&DashedPathElement::new(part, units(dash), units(gap), style)),
            }
        })
    }

    fn dot(&self, point: Point, radius: f64, colour: RGBAColor) -> Drawn {
        if !self.window.contains(point) {
            return Ok(());
        }
        self.area.draw(&Circle::new((self.place)(point), units(radius), colour.filled()))
    }
}

fn stroke_of(colour: RGBAColor, width: f64) -> ShapeStyle {
    ShapeStyle::from(colour).stroke_width(units(width) as u32)
}

fn text(size: f64, across: HPos, down: VPos) -> TextStyle<'static> {
    let size = size * UNIT * 1.24; // plotters' SVG divides by 1.24
    TextStyle::from((FONT_FAMILY, size).into_font()).color(&INK).pos(Pos::new(across, down))
}

fn units(pixels: f64) -> i32 {
    (pixels * UNIT).round() as i32
}

fn pixel(x: f64, y: f64) -> Pixel {
    (units(x), units(y))
}
