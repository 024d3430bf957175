//! The convolution on slices of the host's memory, forwards and backwards: pictures are unrolled into columns, and a kernel is a matrix.

use rayon::prelude::*;

use crate::ops::product::product_here;

/// The sizes of a convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub rows: usize,
    /// Channels, height and width of what is read.
    pub input: [usize; 3],
    /// The same of what is made.
    pub output: [usize; 3],
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    /// Zeros above and to the left.
    pub padding: [usize; 2],
    pub bias: bool,
}

/// Of what is wanted: nothing of the others.
#[derive(Debug, Default)]
pub(crate) struct Gradients {
    pub x: Vec<f32>,
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// Rows whose gradients of the kernel are added up together: a number, and not the threads', so that threads change no bit.
const TOGETHER: usize = 8;

impl Plan {
    /// Numbers of a picture.
    fn picture(&self) -> usize {
        self.input.iter().product()
    }

    /// Places of the output's map.
    fn places(&self) -> usize {
        self.output[1] * self.output[2]
    }

    /// Numbers that a kernel reads.
    fn reads(&self) -> usize {
        self.input[0] * self.kernel[0] * self.kernel[1]
    }

    /// What is read at each place: `[reads, places]`, of one picture.
    fn unroll(&self, picture: &[f32], columns: &mut [f32]) {
        self.each_run(|row, out, from, n| {
            let columns = &mut columns[row * self.places() + out..][..n];
            let stride = self.stride[1];
            match from {
                None => columns.fill(0.0),
                Some(from) if stride == 1 => columns.copy_from_slice(&picture[from..from + n]),
                Some(from) => {
                    columns.iter_mut().enumerate().for_each(|(i, column)| *column = picture[from + i * stride])
                }
            }
        });
    }

    /// Adds what each place gives back to what it read.
    fn roll(&self, columns: &[f32], picture: &mut [f32]) {
        self.each_run(|row, out, from, n| {
            let columns = &columns[row * self.places() + out..][..n];
            let Some(from) = from else { return };
            columns.iter().enumerate().for_each(|(i, column)| picture[from + i * self.stride[1]] += column);
        });
    }

    /// The rows of columns in runs: the row, where in it a run begins, where in the picture (nowhere: in the padding), and how long it is.
    fn each_run(&self, mut run: impl FnMut(usize, usize, Option<usize>, usize)) {
        let ([channels, height, width], [_, out_height, out_width]) = (self.input, self.output);
        let [stride_y, stride_x] = self.stride;
        for channel in 0..channels {
            for ky in 0..self.kernel[0] {
                for kx in 0..self.kernel[1] {
                    let row = (channel * self.kernel[0] + ky) * self.kernel[1] + kx;
                    // Of the columns, those that lie within the picture: padding <= x stride + kx < width + padding.
                    let first = self.padding[1].saturating_sub(kx).div_ceil(stride_x).min(out_width);
                    let end = (width + self.padding[1]).saturating_sub(kx).div_ceil(stride_x).clamp(first, out_width);
                    for y in 0..out_height {
                        let out = y * out_width;
                        let from = (y * stride_y + ky).checked_sub(self.padding[0]).filter(|&from| from < height);
                        let Some(from) = from else {
                            run(row, out, None, out_width);
                            continue;
                        };
                        run(row, out, None, first);
                        if end > first {
                            let x = first * stride_x + kx - self.padding[1];
                            run(row, out + first, Some((channel * height + from) * width + x), end - first);
                        }
                        run(row, out + end, None, out_width - end);
                    }
                }
            }
        }
    }
}

/// `[rows, channels out, height out, width out]`
pub(crate) fn forward(plan: &Plan, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let (reads, places, channels) = (plan.reads(), plan.places(), plan.output[0]);
    let mut output = vec![0.0; plan.rows * channels * places];
    let rows = output.par_chunks_mut(channels * places).zip(x.par_chunks(plan.picture()));
    rows.for_each_init(
        || vec![0.0; reads * places],
        |columns, (out, picture)| {
            plan.unroll(picture, columns);
            if plan.bias {
                out.chunks_mut(places).zip(bias).for_each(|(map, &bias)| map.fill(bias));
            }
            product_here(
                [channels, places, reads],
                (out, places),
                (weight, [reads, 1]),
                (columns, [places, 1]),
                plan.bias,
            );
        },
    );
    output
}

/// The gradients of what is wanted of x, weight and bias, from those of the output.
pub(crate) fn backward(plan: &Plan, x: &[f32], weight: &[f32], grads: &[f32], wanted: [bool; 3]) -> Gradients {
    let (reads, places, channels, picture) = (plan.reads(), plan.places(), plan.output[0], plan.picture());
    let [wants_x, wants_weight, wants_bias] = wanted;
    let mut of_x = vec![0.0; if wants_x { x.len() } else { 0 }];
    if wants_x {
        let rows = of_x.par_chunks_mut(picture).zip(grads.par_chunks(channels * places));
        rows.for_each_init(
            || vec![0.0; reads * places],
            |columns, (of_x, grads)| {
                let (a, b) = ((weight, [1, reads]), (grads, [places, 1]));
                product_here([reads, places, channels], (columns, places), a, b, false);
                plan.roll(columns, of_x);
            },
        );
    }
    let mut of_weight = vec![0.0; if wants_weight { channels * reads } else { 0 }];
    if wants_weight {
        let blocks = x.par_chunks(TOGETHER * picture).zip(grads.par_chunks(TOGETHER * channels * places));
        let sums: Vec<Vec<f32>> = blocks
            .map(|(x, grads)| {
                let (mut columns, mut sum) = (vec![0.0; reads * places], vec![0.0; channels * reads]);
                for (picture, grads) in x.chunks(picture).zip(grads.chunks(channels * places)) {
                    plan.unroll(picture, &mut columns);
                    let (a, b) = ((grads, [places, 1]), (&columns[..], [1, places]));
                    product_here([channels, reads, places], (&mut sum, reads), a, b, true);
                }
                sum
            })
            .collect();
        for block in sums {
            of_weight.iter_mut().zip(block).for_each(|(sum, grad)| *sum += grad);
        }
    }
    let mut of_bias = vec![0.0; if wants_bias { channels } else { 0 }];
    if wants_bias {
        for grads in grads.chunks(channels * places) {
            let maps = grads.chunks(places).map(|map| map.iter().sum::<f32>());
            of_bias.iter_mut().zip(maps).for_each(|(sum, grad)| *sum += grad);
        }
    }
    Gradients { x: of_x, weight: of_weight, bias: of_bias }
}
