//! SVG to PNG, and the widths of texts, with the embedded font alone.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{self, Options, Tree};

/// The font of the figures. A browser without it takes its own sans-serif.
pub(super) const FONT_FAMILY: &str = "DejaVu Sans, sans-serif";

/// Pixels of a PNG for one pixel of the SVG.
const SCALE: f32 = 2.0;

static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_font_data(include_bytes!("../../assets/fonts/DejaVuSans-subset.ttf").to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    Arc::new(fonts)
});

fn parse(svg: &str) -> Result<Tree, usvg::Error> {
    Tree::from_str(svg, &Options { fontdb: FONTS.clone(), ..Options::default() })
}

/// Draws the SVG at twice its size.
pub(super) fn rasterise(svg: &str) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let tree = parse(svg)?;
    let size = tree.size().to_int_size().scale_by(SCALE).ok_or("the figure is too large")?;
    let mut pixels = Pixmap::new(size.width(), size.height()).ok_or("the figure is too large")?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    Ok(pixels.encode_png()?)
}

/// The width of a line of text in pixels, at a font size in pixels.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg"><text font-family="{FONT_FAMILY}" font-size="100">{text}</text></svg>"#
    );
    let width = parse(&svg).map_or(0.0, |tree| tree.root().bounding_box().width());
    f64::from(width) * size / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_wide_as_its_letters() {
        assert_eq!(text_width("", 13.0), 0.0);
        let (i, m) = (text_width("i", 100.0), text_width("m", 100.0));
        assert!((i - 27.8).abs() < 0.1 && (m - 97.4).abs() < 0.1, "569 and 1995 of 2048 units: {i} and {m}");
        assert!((text_width("a<&>b", 26.0) - 2.0 * text_width("a<&>b", 13.0)).abs() < 1e-9);
    }
}
