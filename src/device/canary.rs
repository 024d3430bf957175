//! The operations that models stand on, of a device against the host: a device is looked at before it is trusted.

#[cfg(any(feature = "ndarray", feature = "flex"))]
use burn::backend::DispatchDevice;
use burn::{
    module::{Module, ModuleVisitor, Param},
    nn::{LinearConfig, PaddingConfig2d, conv::Conv2dConfig},
    tensor::{
        Device, Int, Tensor, TensorData,
        activation::{log_softmax, sigmoid, softmax, tanh},
        module::{avg_pool2d, max_pool2d},
        ops::{AvgPoolOptions, MaxPoolOptions},
    },
};

use crate::{
    error::{Error, Result},
    ops::convolution::conv2d,
};

/// What was found of one operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Such as `matmul`.
    pub operation: &'static str,
    /// How large, in words.
    pub size: String,
    /// What was compared: `value`, or `gradient of` what.
    pub quantity: &'static str,
    /// The largest difference from the host's f64, of the largest number there; infinite where a number is not finite.
    pub error: f64,
    /// What is allowed.
    pub tolerance: f64,
}

impl Check {
    /// Whether the device computes it as it should.
    pub fn is_right(&self) -> bool {
        self.error <= self.tolerance
    }
}

/// Compares the operations that the models of this crate stand on, and their gradients, with the host's arithmetic in f64: products of matrices, convolution,
/// pooling, small and large reductions, softmax, gather and select, and the functions of activations. It takes about a second on a CPU.
///
/// # Errors
/// [`Error::Device`] if the device cannot be read.
///
/// # Examples
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::Device;
///
/// assert!(burn_zoo::check_device(&Device::flex())?.iter().all(|check| check.is_right()));
/// # }
/// # Ok::<(), burn_zoo::Error>(())
/// ```
pub fn check_device(device: &Device) -> Result<Vec<Check>> {
    checks(device, true, &[1000, MANY])
}

/// What the device of `model` gets wrong of what a run asks of it that takes `rows` rows at once: of [`check_device`], what such a run uses, with sums over
/// as many entries as its longest axis has. Nothing, and at once, for `flex` and `ndarray`: the tests of this crate look at them.
///
/// [`fit`](crate::train::fit) asks it, and tells [`Progress::faults`](crate::train::Progress::faults). Ask it yourself before Monte Carlo on a device that you do
/// not know; `rows` is 1 there.
///
/// # Errors
/// [`Error::Device`] if the device cannot be read.
///
/// # Examples
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn_zoo::{device_faults, zoo};
///
/// let model = zoo::find("mlp/wine-red")?.load(&burn::tensor::Device::flex())?;
/// assert!(device_faults(model.mlp(), 1)?.is_empty());
/// # }
/// # Ok::<(), burn_zoo::Error>(())
/// ```
pub fn device_faults<M: Module>(model: &M, rows: usize) -> Result<Vec<Check>> {
    let mut work = Work { device: None, convolves: false, longest: rows };
    model.visit(&mut work);
    match work.device {
        Some(device) if !is_tested(&device) => {
            let checks = checks(&device, work.convolves, &[work.longest])?;
            Ok(checks.into_iter().filter(|check| !check.is_right()).collect())
        }
        _ => Ok(Vec::new()),
    }
}

fn checks(device: &Device, convolves: bool, lengths: &[usize]) -> Result<Vec<Check>> {
    let mut canary = Canary { device: device.clone().inner().autodiff(), checks: Vec::new() };
    canary.matmul()?;
    canary.linear(lengths.iter().copied().max().unwrap_or(1))?;
    if convolves {
        canary.convolution()?;
        canary.pooling()?;
    }
    lengths.iter().try_for_each(|&n| canary.reductions(n))?;
    canary.picking()?;
    canary.functions()?;
    Ok(canary.checks)
}

/// What a model asks of its device.
struct Work {
    device: Option<Device>,
    convolves: bool,
    /// The longest axis that is added up: rows of a batch, units, classes, words.
    longest: usize,
}

impl ModuleVisitor for Work {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.device.get_or_insert_with(|| param.lazy_device());
        self.convolves |= D == 4; // a kernel
        self.longest = param.lazy_shape().iter().fold(self.longest, |max, &axis| max.max(axis));
    }
}

/// Whether it is one of those that this crate's tests hold against PyTorch on every change.
fn is_tested(device: &Device) -> bool {
    match device.clone().inner().as_dispatch() {
        #[cfg(feature = "ndarray")]
        DispatchDevice::NdArray(_) => true,
        #[cfg(feature = "flex")]
        DispatchDevice::Flex(_) => true,
        _ => false,
    }
}

/// More than some devices can reduce over.
const MANY: usize = 70_001;
/// Of the largest number: f32 has 6e-8 for each addition, and devices add in any order.
const TOLERANCE: f64 = 1e-5;
/// The same of sums of so many terms.
const OF_MANY: f64 = 1e-4;

struct Canary {
    device: Device,
    checks: Vec<Check>,
}

/// Numbers in -1 .. 1 that depend on their place alone.
fn numbers(seed: u32, n: usize) -> Vec<f32> {
    let number = |i: usize| {
        let mut h = (i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed.wrapping_mul(97));
        h = (h ^ h >> 15).wrapping_mul(2_246_822_519);
        h = (h ^ h >> 13).wrapping_mul(3_266_489_917);
        (h >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..n).map(number).collect()
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| value.into()).collect()
}

impl Canary {
    fn tensor<const D: usize>(&self, values: &[f32], shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values.to_vec(), shape), &self.device)
    }

    fn read<const D: usize>(&self, tensor: Tensor<D>) -> Result<Vec<f64>> {
        tensor.try_into_vec_as().map_err(|error| Error::Device {
            device: format!("{:?}", self.device),
            reason: format!("reading failed: {error}"),
        })
    }

    fn compare<const D: usize>(
        &mut self,
        operation: &'static str,
        size: impl Into<String>,
        quantity: &'static str,
        found: Tensor<D>,
        expected: &[f64],
        tolerance: f64,
    ) -> Result<()> {
        let found = self.read(found)?;
        let largest = expected.iter().fold(f64::MIN_POSITIVE, |max, x| x.abs().max(max));
        let error = match found.len() == expected.len() && found.iter().all(|x| x.is_finite()) {
            true => found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / largest,
            false => f64::INFINITY,
        };
        self.checks.push(Check { operation, size: size.into(), quantity, error, tolerance });
        Ok(())
    }

    fn matmul(&mut self) -> Result<()> {
        let [m, k, n] = [37, 150, 41];
        let (a, b, g) = (numbers(1, m * k), numbers(2, k * n), numbers(3, m * n));
        let product = |a: &dyn Fn(usize, usize) -> f32, b: &dyn Fn(usize, usize) -> f32, [m, n, k]: [usize; 3]| {
            let entry = |i: usize, j: usize| (0..k).map(|t| f64::from(a(i, t)) * f64::from(b(t, j))).sum::<f64>();
            (0..m * n).map(|at| entry(at / n, at % n)).collect::<Vec<f64>>()
        };
        let (of_a, of_b, of_g) =
            (|i: usize, j: usize| a[i * k + j], |i: usize, j: usize| b[i * n + j], |i: usize, j: usize| g[i * n + j]);
        let (x, y) = (self.tensor(&a, [m, k]).require_grad(), self.tensor(&b, [k, n]).require_grad());
        let z = x.clone().matmul(y.clone());
        let grads = (z.clone() * self.tensor(&g, [m, n])).sum().backward();
        let size = format!("{m} x {k} x {n}");
        self.compare("matmul", &size, "value", z, &product(&of_a, &of_b, [m, n, k]), TOLERANCE)?;
        let expected = product(&of_g, &|i, j| of_b(j, i), [m, k, n]);
        self.compare("matmul", &size, "gradient of the left", x.grad(&grads).expect("tracked"), &expected, TOLERANCE)?;
        let expected = product(&|i, j| of_a(j, i), &of_g, [k, n, m]);
        self.compare("matmul", &size, "gradient of the right", y.grad(&grads).expect("tracked"), &expected, TOLERANCE)
    }

    /// A linear layer over many rows: the gradient of its bias is a sum over all of them.
    fn linear(&mut self, rows: usize) -> Result<()> {
        let width = 2;
        let layer = LinearConfig::new(1, width).init(&self.device);
        let (x, g) = (numbers(4, rows), numbers(5, rows * width));
        let y = layer.forward(self.tensor(&x, [rows, 1]));
        let grads = (y * self.tensor(&g, [rows, width])).sum().backward();
        let bias = layer.bias.as_ref().expect("Burn's default has one").val();
        let sums: Vec<f64> = (0..width).map(|j| doubles(&g).iter().skip(j).step_by(width).sum()).collect();
        let size = format!("{rows} rows");
        // Sums of numbers of both signs: of their scale, not of what is left.
        let sums: Vec<f64> = sums.iter().map(|sum| sum + rows as f64).collect();
        let found = bias.grad(&grads).expect("tracked") + rows as f64;
        self.compare("linear", size, "gradient of the bias", found, &sums, OF_MANY)
    }

    fn convolution(&mut self) -> Result<()> {
        // Rows, channels in and out, height and width, kernel, padding.
        for [rows, channels, out, height, width, kernel, padding] in [[2, 3, 4, 9, 8, 3, 1], [28, 1, 2, 50, 51, 1, 0]] {
            let padded = PaddingConfig2d::Explicit(padding, padding, padding, padding);
            let config = Conv2dConfig::new([channels, out], [kernel, kernel]).with_padding(padded);
            let mut layer = config.init(&self.device);
            let (x, w) = (numbers(6, rows * channels * height * width), numbers(7, out * channels * kernel * kernel));
            let (b, g) = (numbers(8, out), numbers(9, rows * out * height * width));
            layer.weight = Param::from_tensor(self.tensor(&w, [out, channels, kernel, kernel]));
            layer.bias = Some(Param::from_tensor(self.tensor(&b, [out])));
            let input = self.tensor(&x, [rows, channels, height, width]).require_grad();
            let y = conv2d(&layer, input.clone());
            let grads = (y.clone() * self.tensor(&g, [rows, out, height, width])).sum().backward();
            let mut value = vec![0.0; g.len()];
            let [mut of_x, mut of_w, mut of_b] = [x.len(), w.len(), out].map(|n| vec![0.0; n]);
            for at in 0..g.len() {
                let (j, i, o, row) =
                    (at % width, at / width % height, at / width / height % out, at / width / height / out);
                let d = f64::from(g[at]);
                value[at] = f64::from(b[o]);
                of_b[o] += d;
                for c in 0..channels {
                    for ky in 0..kernel {
                        for kx in 0..kernel {
                            let (Some(y), Some(z)) = ((i + ky).checked_sub(padding), (j + kx).checked_sub(padding))
                            else {
                                continue;
                            };
                            if y >= height || z >= width {
                                continue;
                            }
                            let read = ((row * channels + c) * height + y) * width + z;
                            let weight = ((o * channels + c) * kernel + ky) * kernel + kx;
                            value[at] += f64::from(w[weight]) * f64::from(x[read]);
                            of_x[read] += f64::from(w[weight]) * d;
                            of_w[weight] += f64::from(x[read]) * d;
                        }
                    }
                }
            }
            let (size, many) = (format!("{rows} maps of {height} x {width}"), (rows * height * width) as f64);
            let tolerance = if many > 1e4 { OF_MANY } else { TOLERANCE };
            // Sums of numbers of both signs: of their scale, not of what is left.
            let lift = |values: Vec<f64>| -> Vec<f64> { values.into_iter().map(|value| value + many).collect() };
            self.compare("convolution", &size, "value", y, &value, TOLERANCE)?;
            self.compare(
                "convolution",
                &size,
                "gradient of the input",
                input.grad(&grads).expect("tracked"),
                &of_x,
                TOLERANCE,
            )?;
            let found = layer.weight.val().grad(&grads).expect("tracked") + many;
            self.compare("convolution", &size, "gradient of the kernel", found, &lift(of_w), tolerance)?;
            let found = layer.bias.as_ref().expect("it was set").val().grad(&grads).expect("tracked") + many;
            self.compare("convolution", &size, "gradient of the bias", found, &lift(of_b), tolerance)?;
        }
        Ok(())
    }

    fn pooling(&mut self) -> Result<()> {
        let [rows, height, width] = [3, 8, 6];
        let (x, g) = (numbers(10, rows * height * width), numbers(11, rows * height * width / 4));
        let window = |at: usize| {
            let (j, i, row) = (at % (width / 2), at / (width / 2) % (height / 2), at / (width / 2) / (height / 2));
            let first = (row * height + 2 * i) * width + 2 * j;
            [first, first + 1, first + width, first + width + 1]
        };
        let of_max = |at: usize| window(at).into_iter().reduce(|a, b| if x[b] > x[a] { b } else { a }).expect("four");
        for (name, is_max) in [("max pooling", true), ("average pooling", false)] {
            let input = self.tensor(&x, [rows, 1, height, width]).require_grad();
            let y = match is_max {
                true => max_pool2d(input.clone(), MaxPoolOptions::new([2, 2])),
                false => avg_pool2d(input.clone(), AvgPoolOptions::new([2, 2])),
            };
            let grads = (y.clone() * self.tensor(&g, [rows, 1, height / 2, width / 2])).sum().backward();
            let (mut value, mut of_x) = (vec![0.0; g.len()], vec![0.0; x.len()]);
            for at in 0..g.len() {
                match is_max {
                    true => {
                        value[at] = x[of_max(at)].into();
                        of_x[of_max(at)] += f64::from(g[at]);
                    }
                    false => window(at).into_iter().for_each(|read| {
                        value[at] += 0.25 * f64::from(x[read]);
                        of_x[read] += 0.25 * f64::from(g[at]);
                    }),
                }
            }
            let size = format!("{rows} maps of {height} x {width}");
            self.compare(name, &size, "value", y, &value, TOLERANCE)?;
            self.compare(name, &size, "gradient", input.grad(&grads).expect("tracked"), &of_x, TOLERANCE)?;
        }
        Ok(())
    }

    /// Over one axis of `n` entries.
    fn reductions(&mut self, n: usize) -> Result<()> {
        let rows = 2;
        let (x, g) = (numbers(12, rows * n), numbers(13, rows * n));
        let of_rows = |f: &dyn Fn(&[f64]) -> f64| -> Vec<f64> { doubles(&x).chunks(n).map(f).collect() };
        let size = format!("over {n}");
        let input = || self.tensor(&x, [rows, n]);
        let sums = [
            // Of numbers of both signs: of their scale, not of what is left.
            ("sum", (input() + 1.0).sum_dim(1), of_rows(&|row| row.iter().map(|x| x + 1.0).sum())),
            ("mean", (input() + 1.0).mean_dim(1), of_rows(&|row| row.iter().map(|x| x + 1.0).sum::<f64>() / n as f64)),
            ("max", input().max_dim(1), of_rows(&|row| row.iter().copied().fold(f64::MIN, f64::max))),
        ];
        for (name, found, expected) in sums {
            self.compare(name, &size, "value", found, &expected, OF_MANY)?;
        }
        // The largest number stands last: it is what a device loses that stops early.
        let mut peaked = x.clone();
        (0..rows).for_each(|row| peaked[(row + 1) * n - 1] = 2.0);
        let found = self.tensor(&peaked, [rows, n]).max_dim(1);
        self.compare("max", format!("{size}, the last"), "value", found, &vec![2.0; rows], OF_MANY)?;
        let shares: Vec<f64> = doubles(&x)
            .chunks(n)
            .flat_map(|row| {
                let sum: f64 = row.iter().map(|x| x.exp()).sum();
                row.iter().map(move |x| x.exp() / sum).collect::<Vec<_>>()
            })
            .collect();
        let found = softmax(self.tensor(&x, [rows, n]), 1);
        self.compare("softmax", &size, "value", found, &shares, OF_MANY)?;
        let input = self.tensor(&x, [rows, n]).require_grad();
        let y = log_softmax(input.clone(), 1);
        let grads = (y.clone() * self.tensor(&g, [rows, n])).sum().backward();
        let logs: Vec<f64> = shares.iter().map(|share| share.ln()).collect();
        let sums: Vec<f64> = doubles(&g).chunks(n).map(|row| row.iter().sum()).collect();
        let expected: Vec<f64> = (0..rows * n).map(|at| f64::from(g[at]) - shares[at] * sums[at / n]).collect();
        self.compare("log softmax", &size, "value", y, &logs, OF_MANY)?;
        self.compare("log softmax", &size, "gradient", input.grad(&grads).expect("tracked"), &expected, OF_MANY)
    }

    fn picking(&mut self) -> Result<()> {
        let [rows, width] = [7, 5];
        let x = numbers(14, rows * width);
        let places = [4_usize, 0, 2, 2, 6, 4, 4, 1];
        let ints = |places: &[usize]| -> Vec<i32> { places.iter().map(|&place| place as i32).collect() };
        let (g, picked) =
            (numbers(15, places.len() * width), Tensor::<1, Int>::from_ints(&ints(&places)[..], &self.device));
        let input = self.tensor(&x, [rows, width]).require_grad();
        let y = input.clone().select(0, picked);
        let grads = (y.clone() * self.tensor(&g, [places.len(), width])).sum().backward();
        let value: Vec<f64> = places.iter().flat_map(|&row| doubles(&x[row * width..][..width])).collect();
        let mut of_x = vec![0.0; x.len()];
        for (at, &row) in places.iter().enumerate() {
            (0..width).for_each(|j| of_x[row * width + j] += f64::from(g[at * width + j]));
        }
        let size = format!("{} of {rows} rows", places.len());
        self.compare("select", &size, "value", y, &value, TOLERANCE)?;
        self.compare("select", &size, "gradient", input.grad(&grads).expect("tracked"), &of_x, TOLERANCE)?;

        let places: Vec<usize> = (0..rows * 2).map(|i| (3 * i + i / 2) % width).collect();
        let picked = Tensor::<1, Int>::from_ints(&ints(&places)[..], &self.device).reshape([rows, 2]);
        let g = numbers(16, rows * 2);
        let input = self.tensor(&x, [rows, width]).require_grad();
        let y = input.clone().gather(1, picked);
        let grads = (y.clone() * self.tensor(&g, [rows, 2])).sum().backward();
        let value: Vec<f64> = places.iter().enumerate().map(|(at, &j)| x[at / 2 * width + j].into()).collect();
        let mut of_x = vec![0.0; x.len()];
        places.iter().enumerate().for_each(|(at, &j)| of_x[at / 2 * width + j] += f64::from(g[at]));
        let size = format!("2 of {width} columns");
        self.compare("gather", &size, "value", y, &value, TOLERANCE)?;
        self.compare("gather", &size, "gradient", input.grad(&grads).expect("tracked"), &of_x, TOLERANCE)
    }

    fn functions(&mut self) -> Result<()> {
        let n = 500;
        let x: Vec<f32> = numbers(17, n).into_iter().map(|x| 4.0 * x).collect();
        let wide = doubles(&x);
        let sigma = |x: f64| 1.0 / (1.0 + (-x).exp());
        type Both = (fn(Tensor<1>) -> Tensor<1>, fn(f64) -> f64, fn(f64) -> f64);
        let functions: [(&'static str, Both); 5] = [
            ("exp", (Tensor::exp, f64::exp, f64::exp)),
            ("tanh", (tanh, f64::tanh, |x| 1.0 - x.tanh().powi(2))),
            ("sqrt", (|x| (x + 5.0).sqrt(), |x| (x + 5.0).sqrt(), |x| 0.5 / (x + 5.0).sqrt())),
            ("log", (|x| (x + 5.0).log(), |x| (x + 5.0).ln(), |x| 1.0 / (x + 5.0))),
            ("erf", (Tensor::erf, libm::erf, |x| std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp())),
        ];
        for (name, (of_tensor, value, slope)) in functions {
            let input = self.tensor(&x, [n]).require_grad();
            let y = of_tensor(input.clone());
            let grads = y.clone().sum().backward();
            let (values, slopes) = (wide.iter().map(|&x| value(x)).collect::<Vec<_>>(), wide.iter().map(|&x| slope(x)));
            self.compare(name, format!("{n}"), "value", y, &values, TOLERANCE)?;
            let slopes: Vec<f64> = slopes.collect();
            self.compare(name, format!("{n}"), "gradient", input.grad(&grads).expect("tracked"), &slopes, TOLERANCE)?;
        }
        let input = self.tensor(&x, [n]).require_grad();
        let y = sigmoid(input.clone());
        let grads = y.clone().sum().backward();
        let values: Vec<f64> = wide.iter().map(|&x| sigma(x)).collect();
        let slopes: Vec<f64> = values.iter().map(|y| y * (1.0 - y)).collect();
        self.compare("sigmoid", format!("{n}"), "value", y, &values, TOLERANCE)?;
        self.compare("sigmoid", format!("{n}"), "gradient", input.grad(&grads).expect("tracked"), &slopes, TOLERANCE)
    }
}
