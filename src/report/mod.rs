//! Figures: curves with bands, points and error bars, and the ones that judge a prediction; written as SVG or PNG. Needs no system font; same figure, same bytes.

mod axis;
mod clip;
mod draw;
mod figure;
mod layout;
mod plots;
mod png;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

pub use figure::Figure;
pub use plots::{Fan, actual_against_predicted, fan_chart, reliability};

/// What went wrong with a figure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A file name that does not say which format is wanted.
    #[error("{}: expected a name that ends in `.svg` or `.png`", path.display())]
    Extension {
        /// The file.
        path: PathBuf,
    },
    /// A file that cannot be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// A drawing that cannot be turned into pixels.
    #[error("no PNG of the figure: {source}")]
    Raster {
        /// The rasteriser's word.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Writes a whole file or none: to a temporary name in the same folder, then renamed.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_file_name(format!(".figure-{}-{count}.tmp", std::process::id()));
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|source| {
        let _ = fs::remove_file(&temporary); // may never have been there: the first error is the one to tell
        ReportError::Io { path: path.to_path_buf(), source }
    })
}

#[cfg(test)]
mod tests {
    use resvg::tiny_skia::Pixmap;
    use resvg::usvg::roxmltree::{self, Document};

    use super::*;

    const X: [f64; 4] = [0.0, 1.0, 2.0, 3.0];

    fn figure() -> Figure {
        Figure::new("A title")
            .axes("x", "y")
            .band("90 %", &X, &[0.0; 4], &[4.0; 4])
            .band("50 %", &X, &[1.0; 4], &[3.0; 4])
            .line("mean", &X, &[2.0; 4])
            .dashed("truth", &X, &[2.1, 1.9, 2.2, 2.0])
            .intervals("errors", &X, &[1.5; 4], &[2.5; 4])
            .points("data", &X, &[1.0, 3.0, 2.0, 2.5])
            .notes(&[1.0], &[3.0], &["a note"])
            .diagonal("y = x")
            .horizontal("limit", 3.5)
            .vertical("split", 1.5)
    }

    fn texts(svg: &str) -> Vec<String> {
        let document = Document::parse(svg).expect("well-formed XML");
        let texts = document.descendants().filter(|node| node.has_tag_name("text"));
        texts.map(|node| node.text().unwrap_or_default().trim().to_string()).collect()
    }

    /// Whether something dark is drawn in a part of the PNG, given in pixels of the SVG.
    fn is_inked(png: &Pixmap, x: std::ops::Range<u32>, y: std::ops::Range<u32>) -> bool {
        let mut places = (2 * y.start..2 * y.end).flat_map(|y| (2 * x.start..2 * x.end).map(move |x| (x, y)));
        places.any(|(x, y)| png.pixel(x, y).expect("in the picture").red() < 128)
    }

    #[test]
    fn title_axes_and_labels_are_in_the_svg() {
        let texts = texts(&figure().to_svg());
        for text in [
            "A title", "x", "y", "90 %", "50 %", "mean", "truth", "errors", "data", "y = x", "limit", "split", "a note",
        ] {
            assert_eq!(texts.iter().filter(|found| *found == text).count(), 1, "{text}: {texts:?}");
        }
    }

    #[test]
    fn labels_may_hold_any_characters() {
        let label = r#"a <&> "b" </text>"#;
        let figure = Figure::new(label).axes(label, label).line(label, &X, &X).x_ticks(&[(1.0, label)]);
        let svg = figure.notes(&X, &X, &[label]).to_svg();
        assert_eq!(texts(&svg).iter().filter(|text| *text == label).count(), 6);
        let odd = "\0\u{1b}[1m\u{ffff}\n日本 🎲 שלום";
        Figure::new(odd).axes(odd, odd).points(odd, &X, &X).to_png().expect("a PNG with boxes for unknown letters");
    }

    #[test]
    fn a_png_has_two_pixels_for_one_and_shows_data_and_text() {
        let png = Pixmap::decode_png(&figure().to_png().expect("a PNG")).expect("a PNG");
        assert_eq!((png.width(), png.height()), (1600, 1000));
        assert!(png.pixels().iter().all(|pixel| pixel.is_opaque()));
        assert!(is_inked(&png, 0..800, 10..35), "the title");
        assert!(is_inked(&png, 10..30, 150..350), "the y axis's label");
        assert!(is_inked(&png, 100..780, 50..400), "the data");
        assert!(is_inked(&png, 80..780, 440..490), "the legend");
        assert!(!is_inked(&png, 0..800, 0..10) && !is_inked(&png, 0..10, 0..500), "the margins are white");

        let untitled = Figure { title: String::new(), ..figure() };
        let png = Pixmap::decode_png(&untitled.to_png().expect("a PNG")).expect("a PNG");
        assert!(!is_inked(&png, 300..800, 0..14), "without a title there is none");
    }

    #[test]
    fn a_band_has_the_colour_of_the_line_after_it() {
        let line = |svg: &str| svg.lines().find(|line| line.contains(r#"stroke-width="20""#)).map(str::to_string);
        let svg = Figure::new("").band("", &X, &[0.0; 4], &[1.0; 4]).line("", &X, &[0.5; 4]).to_svg();
        assert!(svg.lines().any(|line| line.starts_with("<polygon") && line.contains("#0072B2")));
        assert!(line(&svg).is_some_and(|line| line.contains("#0072B2")));
        let second = Figure::new("").line("", &[], &[]).band("", &X, &[0.0; 4], &[1.0; 4]).line("", &X, &[0.5; 4]);
        assert!(line(&second.to_svg()).is_some_and(|line| line.contains("#D55E00")));
    }

    #[test]
    fn many_bars_are_translucent_and_without_caps() {
        let x: Vec<f64> = (0..61).map(f64::from).collect();
        let bars = |n: usize| Figure::new("").intervals("", &x[..n], &vec![0.0; n], &vec![1.0; n]).to_svg();
        let strokes = |svg: &str| svg.matches(r##"stroke="#0072B2""##).count();
        assert_eq!((strokes(&bars(60)), strokes(&bars(61))), (60 * 3, 61));
        assert!(bars(61).contains(r#"opacity="0.3""#) && !bars(60).contains(r#"opacity="0.3""#));
    }

    #[test]
    fn a_line_has_a_gap_where_a_number_is_missing() {
        let polylines = |ys| {
            let svg = Figure::new("").line("", &[0.0, 1.0, 2.0, 3.0, 4.0], ys).to_svg();
            svg.matches("<polyline").count()
        };
        assert_eq!(polylines(&[1.0, 2.0, f64::NAN, 2.0, 1.0]), polylines(&[1.0, 2.0, 1.5, 2.0, 1.0]) + 1);
    }

    /// The pixels of pictures that are drawn: the opacity, left, top, right and bottom of each run.
    fn runs(figure: &Figure) -> Vec<(String, [f64; 4])> {
        let svg = figure.to_svg();
        let document = Document::parse(&svg).expect("well-formed XML");
        let runs = document
            .descendants()
            .filter(|node| node.has_tag_name("rect") && node.attribute("fill") == Some("#222222"));
        let run = |node: roxmltree::Node| {
            let [x, y, width, height] = ["x", "y", "width", "height"]
                .map(|name| node.attribute(name).expect("a rectangle").parse::<f64>().expect("a number") / 10.0);
            (node.attribute("opacity").expect("a grey").to_string(), [x, y, x + width, y + height])
        };
        runs.map(run).collect()
    }

    #[test]
    fn pictures_lie_between_the_axis_and_its_name_and_inside_of_the_figure() {
        let black = [[1.0_f32; 16]; 4];
        let wide = Figure::new("").axes("x", "y").pictures(&X, 4, &black);
        let ticks: Vec<(f64, &str)> = X.map(|x| (x, "name")).to_vec();
        let crowded: Vec<f64> = (0..100).map(f64::from).collect();
        for (figure, count) in [
            (wide.clone().line("", &X, &X), 4),
            (wide.clone().x_range(0.0..3.0), 4), // the first and the last are centred at the ends of the axis
            (wide.clone().x_range(1.0..2.0), 2),
            (wide.x_ticks(&ticks), 4),
            (Figure::new("").line("legend", &crowded, &crowded).pictures(&crowded, 4, &[[1.0_f32; 16]; 100]), 100),
        ] {
            let (layout, runs) = (layout::Layout::of(&figure), runs(&figure));
            assert_eq!(runs.len(), 4 * count); // one for each row of pixels
            for (_, [left, top, right, bottom]) in &runs {
                assert!(*left >= 0.0 && *right <= 800.0, "{left} to {right}");
                assert!(*top >= layout.bottom && *bottom <= layout.axis_bottom, "{top} to {bottom}");
            }
            let apart = runs[4..].iter().step_by(4).zip(runs.iter().step_by(4)).all(|(b, a)| b.1[0] >= a.1[2]);
            assert!(apart, "no picture covers its neighbour");
        }
    }

    #[test]
    fn pixels_of_one_grey_are_one_run_and_white_ones_are_not_drawn() {
        let figure = |pixels: &[f32]| Figure::new("").x_range(0.0..2.0).pictures(&[1.0], 4, &[pixels]);
        let greys = |pixels: &[f32]| runs(&figure(pixels)).into_iter().map(|(grey, _)| grey).collect::<Vec<_>>();
        assert!(greys(&[0.0; 8]).is_empty());
        assert_eq!(greys(&[0.0, 1.0, 1.0, 0.0, 0.5, 0.5, 0.51, 1.0]), ["1", "0.5", "1"]);
        assert_eq!(greys(&[-3.0, 7.0, f32::INFINITY, f32::NEG_INFINITY]), ["1"]);
        assert_eq!(greys(&[1.0; 7]).len(), 1, "the second row is not whole");
        let runs = runs(&figure(&[0.0, 1.0, 1.0, 0.0]));
        let [left, top, right, bottom] = runs[0].1;
        assert!(((right - left) / (bottom - top) - 2.0).abs() < 0.05, "two pixels wide, one high");
    }

    #[test]
    fn pictures_that_are_none_change_nothing() {
        let plain = figure().to_svg();
        let none: [&[f32]; 0] = [];
        assert_eq!(figure().pictures(&X, 0, &[[1.0; 4]; 4]).to_svg(), plain, "no pixel in a row");
        assert_eq!(figure().pictures(&X, 2, &[[0.0_f32; 0]; 4]).to_svg(), plain);
        assert_eq!(figure().pictures(&X, usize::MAX, &[[1.0; 4]; 4]).to_svg(), plain);
        assert_eq!(figure().pictures(&X, 2, &none).to_svg(), plain);
        assert_eq!(figure().pictures(&[], 2, &[[1.0; 4]]).to_svg(), plain);
        assert_eq!(figure().pictures(&[f64::NAN, f64::INFINITY], 2, &[[1.0; 4]; 2]).to_svg(), plain);
        let odd = figure().pictures(&X, 2, &[[f32::NAN, 1.0, f32::NAN, f32::NAN]; 4]);
        assert_eq!(runs(&odd).len(), 4, "NaN is white");
        assert!(!odd.to_svg().contains("NaN"));
        assert_eq!(odd.to_svg(), odd.to_svg());
        odd.to_png().expect("a PNG");
    }

    #[test]
    fn what_cannot_be_drawn_is_left_out() {
        let odd = [f64::NAN, f64::INFINITY, f64::MIN, 1e300, -1e300, 5e-324, 0.0, 1.0, 1.0 + f64::EPSILON];
        for (a, b) in odd.into_iter().flat_map(|a| odd.map(|b| (a, b))) {
            let (xs, ys) = ([a, b, a], [b, b, a]);
            let figure = Figure::new("")
                .band("band", &xs, &ys, &xs)
                .intervals("bars", &xs, &ys, &xs)
                .line("line", &xs, &ys)
                .dashed("dashed", &ys, &xs)
                .points("points", &xs, &ys)
                .notes(&xs, &ys, &["a", "b", "c"])
                .diagonal("diagonal")
                .horizontal("horizontal", a)
                .vertical("vertical", b);
            let (zoomed, named) = (figure.clone().x_range(a..b), figure.clone().x_ticks(&[(a, "a"), (b, "b")]));
            for svg in [figure.to_svg(), zoomed.to_svg(), named.to_svg()] {
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{a} {b}");
                Document::parse(&svg).expect("well-formed XML");
            }
        }
    }

    #[test]
    fn a_figure_without_data_and_one_with_a_single_value_are_drawn() {
        let empty = Figure::new("").line("none", &[], &[]).band("none", &[], &[], &[]).points("none", &[], &[]);
        empty.to_png().expect("two axes");
        for figure in [Figure::new("").line("", &X, &[5.0; 4]), Figure::new("").points("", &[0.0], &[0.0])] {
            assert!(figure.to_svg().contains("#0072B2"));
        }
    }

    #[test]
    fn the_same_figure_gives_the_same_bytes() {
        assert_eq!(figure().to_svg(), figure().to_svg());
        assert_eq!(figure().to_png().expect("a PNG"), figure().to_png().expect("a PNG"));
    }

    #[test]
    fn a_figure_is_saved_by_its_extension_and_replaces_what_was_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let (svg, png) = (folder.path().join("a.svg"), folder.path().join("a.PNG"));
        fs::write(&svg, "old").expect("a file");
        figure().save(&svg).expect("saved");
        figure().save(&png).expect("saved");
        assert_eq!(fs::read_to_string(svg).expect("the SVG"), figure().to_svg());
        assert!(fs::read(png).expect("the PNG").starts_with(b"\x89PNG"));
        assert_eq!(fs::read_dir(&folder).expect("the folder").count(), 2, "no temporary file");
    }

    #[test]
    fn another_extension_is_an_error_that_names_the_two() {
        for name in ["band.pdf", "band", ".svg"] {
            let error = figure().save(name).expect_err("no such format").to_string();
            assert_eq!(error, format!("{name}: expected a name that ends in `.svg` or `.png`"));
        }
    }

    #[test]
    fn a_failed_save_names_the_file_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = folder.path().join("missing/band.svg");
        assert!(matches!(figure().save(&missing), Err(ReportError::Io { path, .. }) if path == missing));
        let taken = folder.path().join("taken.png");
        fs::create_dir(&taken).expect("a folder with a figure's name");
        assert!(matches!(figure().save(&taken), Err(ReportError::Io { path, .. }) if path == taken));
        let left: Vec<_> = fs::read_dir(&folder).expect("the folder").flatten().map(|entry| entry.path()).collect();
        assert_eq!(left, [taken]);
    }
}
