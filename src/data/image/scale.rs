//! Pictures in another size, never squeezed.

/// A picture that gives its rows one after the other.
pub(super) struct Picture<'a> {
    /// Height and width.
    pub(super) size: [usize; 2],
    /// The number of channels.
    pub(super) channels: usize,
    /// Writes row y, its channels one after the other.
    pub(super) row: &'a dyn Fn(usize, &mut [f32]),
}

/// The picture in this size, `[channels, height, width]`: scaled with its proportions kept, in the middle, with black beside it or above and below. A pixel
/// is the mean of those that it covers, weighted by a triangle (what Pillow calls bilinear, with antialiasing).
pub(super) fn fitted(picture: &Picture, size: [usize; 2]) -> Vec<f32> {
    let ([h, w], [height, width], channels) = (picture.size, size, picture.channels);
    let mut out = vec![0.0; channels * height * width];
    let mut row = vec![0.0; channels * w];
    if picture.size == size {
        for y in 0..h {
            (picture.row)(y, &mut row);
            for channel in 0..channels {
                out[(channel * h + y) * w..][..w].copy_from_slice(&row[channel * w..][..w]);
            }
        }
        return out;
    }
    let [high, wide] = inside([h, w], size);
    let (top, left) = ((height - high) / 2, (width - wide) / 2);
    let (down, across) = (weights(h, high), weights(w, wide));
    let mut narrow = vec![0.0; channels * wide];
    let mut first = 0;
    for y in 0..h {
        (picture.row)(y, &mut row);
        for channel in 0..channels {
            for (x, (start, weights)) in across.iter().enumerate() {
                let from = &row[channel * w + start..];
                narrow[channel * wide + x] = weights.iter().zip(from).map(|(weight, value)| weight * value).sum();
            }
        }
        while down.get(first).is_some_and(|(start, weights)| start + weights.len() <= y) {
            first += 1;
        }
        for (to, (start, weights)) in down.iter().enumerate().skip(first).take_while(|(_, (start, _))| *start <= y) {
            let Some(weight) = weights.get(y - start) else { continue };
            for channel in 0..channels {
                let to = &mut out[(channel * height + top + to) * width + left..][..wide];
                to.iter_mut().zip(&narrow[channel * wide..]).for_each(|(to, value)| *to += weight * value);
            }
        }
    }
    out.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
    out
}

/// The largest size with the proportions of `size` that fits inside of `outer`.
fn inside([h, w]: [usize; 2], [height, width]: [usize; 2]) -> [usize; 2] {
    let part = |n: usize, to: usize, of: usize| ((2 * n * to + of) / (2 * of)).max(1);
    if height * w <= width * h {
        [height, part(w, height, h).min(width)]
    } else {
        [part(h, width, w).min(height), width]
    }
}

/// For each of `n` places the first of the `of` that it is made of, and the weights of those.
fn weights(of: usize, n: usize) -> Vec<(usize, Vec<f32>)> {
    let scale = of as f64 / n as f64;
    let reach = scale.max(1.0);
    (0..n)
        .map(|at| {
            let middle = (at as f64 + 0.5) * scale;
            let start = (middle - reach).floor().max(0.0) as usize;
            let end = ((middle + reach).ceil() as usize).min(of);
            let weight = |i: usize| (1.0 - ((i as f64 + 0.5 - middle) / reach).abs()).max(0.0);
            let sum: f64 = (start..end).map(weight).sum();
            (start, (start..end).map(|i| (weight(i) / sum) as f32).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proportions_are_kept_and_nothing_is_lost() {
        assert_eq!(inside([16, 48], [24, 24]), [8, 24]);
        assert_eq!(inside([48, 16], [24, 24]), [24, 8]);
        assert_eq!(inside([1, 10_000], [24, 24]), [1, 24]);
        assert_eq!(inside([2, 2], [7, 5]), [5, 5]);
        for (of, n) in [(10, 3), (3, 10), (1, 5), (5, 1), (7, 7)] {
            for (start, weights) in weights(of, n) {
                assert!(start + weights.len() <= of && (weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn an_even_picture_stays_even_between_black_bars() {
        let picture = Picture { size: [4, 8], channels: 1, row: &|_, out| out.fill(0.5) };
        let fitted = fitted(&picture, [4, 4]);
        assert_eq!(fitted[..4], [0.0; 4]);
        assert!(fitted[4..12].iter().all(|x| (x - 0.5).abs() < 1e-6));
        assert_eq!(fitted[12..], [0.0; 4]);
    }

    #[test]
    fn half_the_size_is_the_mean_by_a_triangle() {
        // Pillow's bilinear weights for 4 to 2: 3/7 3/7 1/7 and its mirror image.
        let picture = Picture { size: [1, 4], channels: 1, row: &|_, out| out.copy_from_slice(&[0.1, 0.2, 0.3, 0.4]) };
        let row = fitted(&picture, [1, 2]);
        assert!((row[0] - (0.3 + 0.6 + 0.3) / 7.0).abs() < 1e-6, "{row:?}");
    }
}
