//! PNG and JPEG, told by their contents, and refused unless they are whole.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, metadata::Orientation};

use super::{
    bytes::{DEFLATE, other},
    reading::{Alpha, ImageReading, grey},
    scale::{Picture, fitted},
};

/// The largest height and width of a picture in a file.
const LARGEST: u32 = 1 << 14;

/// The most bytes of a picture in memory.
const MOST: u64 = 512 << 20;

/// How many pixels a byte of a JPEG can stand for, at most: two bits a block of 8 x 8, or one where it is progressive; and some room.
const JPEG: u64 = 1024;

/// What a file says about its picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// Height and width, upright.
    pub(super) size: [usize; 2],
    /// Whether it is stored as grey.
    pub(super) grey: bool,
    /// Whether it has transparency.
    pub(super) alpha: bool,
    /// Whether it is stored in another orientation.
    pub(super) turned: bool,
}

/// Whether a file begins as a PNG or a JPEG does.
pub(super) fn is_picture(start: &[u8]) -> bool {
    format(start).is_some()
}

/// What a file that begins like this is, if it is no picture.
pub(super) fn fault(start: &[u8]) -> Option<String> {
    match other(start) {
        _ if start.is_empty() => Some("empty".to_string()),
        _ if is_picture(start) => None,
        Some(what) => Some(what.to_string()),
        None => Some("neither PNG nor JPEG".to_string()),
    }
}

/// What a whole file says about its picture.
pub(super) fn header(bytes: &[u8]) -> Result<Header, String> {
    let (decoder, turned) = decoder(bytes)?;
    let (width, height) = decoder.dimensions();
    let [height, width] = if swaps(turned) { [width, height] } else { [height, width] };
    let color = decoder.color_type();
    Ok(Header {
        size: [height as usize, width as usize],
        grey: !color.has_color(),
        alpha: color.has_alpha(),
        turned: turned != Orientation::NoTransforms,
    })
}

/// The picture in a whole file, in its own size unless the reading has one, `[channels, height, width]`.
pub(super) fn decode(bytes: &[u8], reading: &ImageReading) -> Result<([usize; 3], Vec<f32>), String> {
    let (decoder, turned) = decoder(bytes)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(one_line)?;
    picture.apply_orientation(turned);
    let own = [picture.height() as usize, picture.width() as usize];
    let (channels, size) = (reading.channels(!picture.color().has_color()), reading.size.unwrap_or(own));
    let stored = Stored::new(picture, reading.alpha);
    let row = |y: usize, out: &mut [f32]| {
        for x in 0..own[1] {
            let color = stored.color(y * own[1] + x);
            match channels {
                1 => out[x] = grey(color),
                _ => (0..3).for_each(|channel| out[channel * own[1] + x] = color[channel]),
            }
        }
    };
    Ok(([channels, size[0], size[1]], fitted(&Picture { size: own, channels, row: &row }, size)))
}

/// The samples of a picture as its file has them.
struct Stored {
    bytes: Vec<u8>,
    channels: usize,
    /// Whether a sample has 16 bits.
    wide: bool,
    alpha: Alpha,
}

impl Stored {
    fn new(picture: DynamicImage, alpha: Alpha) -> Self {
        let color = picture.color();
        let channels = usize::from(color.channel_count());
        let wide = usize::from(color.bytes_per_pixel()) == 2 * channels;
        Self { bytes: picture.into_bytes(), channels, wide, alpha }
    }

    /// Red, green and blue of a pixel, without transparency.
    fn color(&self, pixel: usize) -> [f32; 3] {
        let sample = |i: usize| self.sample(pixel * self.channels + i);
        let color = if self.channels < 3 { [sample(0); 3] } else { [0, 1, 2].map(sample) };
        let opaque = if self.channels.is_multiple_of(2) { sample(self.channels - 1) } else { 1.0 };
        match self.alpha {
            Alpha::Drop => color,
            Alpha::Black => color.map(|value| value * opaque),
            Alpha::White => color.map(|value| value * opaque + (1.0 - opaque)),
        }
    }

    fn sample(&self, at: usize) -> f32 {
        match self.wide {
            false => f32::from(self.bytes[at]) / 255.0,
            true => f32::from(u16::from_ne_bytes([self.bytes[2 * at], self.bytes[2 * at + 1]])) / 65535.0,
        }
    }
}

fn format(start: &[u8]) -> Option<ImageFormat> {
    match start {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(ImageFormat::Png),
        [0xff, 0xd8, 0xff, ..] => Some(ImageFormat::Jpeg),
        _ => None,
    }
}

/// A decoder of a file that is whole and no larger than such a file can be, and how its picture is turned.
fn decoder(bytes: &[u8]) -> Result<(impl ImageDecoder + '_, Orientation), String> {
    let format = format(bytes).ok_or_else(|| fault(&bytes[..bytes.len().min(512)]).unwrap_or_default())?;
    let whole = if format == ImageFormat::Png { png_is_whole(bytes) } else { jpeg_is_whole(bytes) };
    if !whole {
        return Err("cut off before its end".to_string());
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LARGEST), Some(LARGEST));
    limits.max_alloc = Some(MOST);
    // What a PNG says is looked at before anything is made of it: its decoder makes room for rows.
    if let (ImageFormat::Png, Some(&[w0, w1, w2, w3, h0, h1, h2, h3, depth, color])) = (format, bytes.get(16..26)) {
        let [width, height] = [[w0, w1, w2, w3], [h0, h1, h2, h3]].map(|side| u64::from(u32::from_be_bytes(side)));
        let samples = [1, 1, 3, 1, 2, 1, 4].get(usize::from(color)).copied().unwrap_or(1);
        let row = (width * samples * u64::from(depth)).div_ceil(8);
        possible([height, width], row.saturating_mul(height), DEFLATE * bytes.len() as u64)?;
    }
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(one_line)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if format == ImageFormat::Jpeg {
        possible([u64::from(height), u64::from(width)], pixels, JPEG * bytes.len() as u64)?;
    }
    if decoder.total_bytes() > MOST {
        return Err(format!("{height} x {width} pixels: more than are read ({} MiB)", MOST >> 20));
    }
    // A damaged tag turns nothing.
    let turned = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((decoder, turned))
}

/// That a picture of so many bytes or pixels fits into its file.
fn possible([height, width]: [u64; 2], needed: u64, most: u64) -> Result<(), String> {
    let large = height > u64::from(LARGEST) || width > u64::from(LARGEST);
    match needed > most {
        _ if large => Err(format!("{height} x {width} pixels: a side may have {LARGEST}")),
        true => Err(format!("damaged: says {height} x {width} pixels, more than so short a file can hold")),
        false => Ok(()),
    }
}

/// Whether the chunks of a PNG follow each other to the last.
fn png_is_whole(bytes: &[u8]) -> bool {
    let mut rest = &bytes[8..];
    while let Some((&[a, b, c, d, e, f, g, h], after)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        match after.get(length.saturating_add(4)..) {
            None => return false,
            Some(_) if [e, f, g, h] == *b"IEND" => return true,
            Some(next) => rest = next,
        }
    }
    false
}

/// Whether the segments of a JPEG follow each other to the end-of-image marker. (Its decoder would fill what is missing with grey.)
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    let mut rest = &bytes[2..];
    while let Some(at) = rest.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff)) {
        let marker = rest[at + 1];
        rest = &rest[at + 2..];
        match marker {
            0xd9 => return true,
            0x01 | 0xd0..=0xd8 => {}
            _ => {
                let Some(&[high, low]) = rest.first_chunk::<2>() else { return false };
                let Some(next) = rest.get(usize::from(u16::from_be_bytes([high, low])).max(2)..) else { return false };
                rest = next;
            }
        }
    }
    false
}

fn swaps(turned: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(turned, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// A decoder's complaint, in one line.
fn one_line(error: image::ImageError) -> String {
    let text = error.to_string();
    let text: Vec<&str> = text.split_whitespace().collect();
    format!("damaged: {}", text.join(" ").chars().take(200).collect::<String>())
}
