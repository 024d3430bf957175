//! What Monte Carlo needs of a model, and what a model says about its outputs. Models and uncertainty meet here, and only here.

use std::ops::Range;

use burn::tensor::{Bool, Int, Tensor};

use crate::{error::Result, pass::Pass};

/// An input whose first axis is the batch.
pub trait Batch: Clone + Send {
    /// The number of rows.
    fn rows(&self) -> usize;
    /// The rows of `range`.
    fn slice(&self, range: Range<usize>) -> Self;
    /// All rows, `n` times over: `[a, b]` becomes `[a, b, a, b]` for 2.
    fn tile(&self, n: usize) -> Self;
    /// Whether any part lies on an autodiff device.
    fn is_autodiff(&self) -> bool;
    /// The same rows on the autodiff device, for models that draw there only.
    fn autodiff(self) -> Self;
}

macro_rules! tensor_batch {
    ($($kind:ty => $autodiff:expr),*) => {$(
        impl<const D: usize> Batch for Tensor<D, $kind> {
            fn rows(&self) -> usize {
                self.dims()[0]
            }

            fn slice(&self, range: Range<usize>) -> Self {
                self.clone().narrow(0, range.start, range.len())
            }

            fn tile(&self, n: usize) -> Self {
                let mut times = [1; D];
                times[0] = n;
                self.clone().repeat(&times)
            }

            fn is_autodiff(&self) -> bool {
                self.device().is_autodiff()
            }

            fn autodiff(self) -> Self {
                let to_autodiff: fn(Self) -> Self = $autodiff;
                if Batch::is_autodiff(&self) { self } else { to_autodiff(self) }
            }
        }
    )*};
}
tensor_batch!(burn::tensor::Float => |x| Tensor::autodiff(x), Int => |x| Tensor::autodiff(x), Bool => |x| Tensor::autodiff(x));

macro_rules! tuple_batch {
    ($($name:ident $index:tt),*) => {
        impl<$($name: Batch),*> Batch for ($($name,)*) {
            fn rows(&self) -> usize {
                self.0.rows()
            }

            fn slice(&self, range: Range<usize>) -> Self {
                ($(self.$index.slice(range.clone()),)*)
            }

            fn tile(&self, n: usize) -> Self {
                ($(self.$index.tile(n),)*)
            }

            fn is_autodiff(&self) -> bool {
                false $(|| self.$index.is_autodiff())*
            }

            fn autodiff(self) -> Self {
                ($(self.$index.autodiff(),)*)
            }
        }
    };
}
tuple_batch!(A 0);
tuple_batch!(A 0, B 1);
tuple_batch!(A 0, B 1, C 2);

/// A model whose output depends on a [`Pass`].
///
/// # Examples
/// Any closure, any module: [`from_fn`].
pub trait Stochastic<I: Batch>: Send + Sync {
    /// What the numbers mean: raw tensors have no meaning.
    type Output: Predictive;

    /// One forward pass.
    fn run(&self, input: I, pass: &Pass<'_>) -> Self::Output;

    /// Several forward passes over one input; `sink` takes the output of each with its number, in any order.
    ///
    /// Override it where passes can share work: what lies before the first draw, or a batch.
    fn run_many(&self, input: I, passes: &[Pass<'_>], sink: &mut dyn FnMut(usize, Self::Output)) {
        for (number, pass) in passes.iter().enumerate() {
            sink(number, self.run(input.clone(), pass));
        }
    }

    /// What learned rates add to the loss: the divergence of the approximate posterior from the prior, nats, `[1]`, of which each row of the
    /// training part bears one share (Gal, Hron & Kendall 2017, <https://arxiv.org/abs/1705.07832>). None without such layers.
    fn regulariser(&self) -> Option<Tensor<1>> {
        None
    }
}

/// The sum of all entries, for [`Stochastic::regulariser`] and penalties: an axis after the other, and a long axis in pieces. Some devices lose
/// the tail of a sum over more than 65 500 entries.
///
/// # Shapes
/// - input: any
/// - output: `[1]`
pub(crate) fn sum_by_axis<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    const LONGEST: usize = 1 << 14;
    let over = |x: Tensor<D>, axis: usize| match x.dims()[axis] > LONGEST {
        true => Tensor::cat(x.split(LONGEST, axis).into_iter().map(|piece| piece.sum_dim(axis)).collect(), axis),
        false => x,
    };
    (0..D).rev().fold(x, |x, axis| over(x, axis).sum_dim(axis)).reshape([1])
}

impl<I: Batch, S: Stochastic<I> + ?Sized> Stochastic<I> for &S {
    type Output = S::Output;

    fn run(&self, input: I, pass: &Pass<'_>) -> Self::Output {
        (**self).run(input, pass)
    }

    fn run_many(&self, input: I, passes: &[Pass<'_>], sink: &mut dyn FnMut(usize, Self::Output)) {
        (**self).run_many(input, passes, sink);
    }

    fn regulariser(&self) -> Option<Tensor<1>> {
        (**self).regulariser()
    }
}

/// A model that reads its input in windows and carries a state from one to the next.
pub trait StochasticStream<I>: Send + Sync {
    /// What the model remembers; each sampled network has its own.
    type State: Clone + Send;
    /// What the numbers mean.
    type Output: Predictive;

    /// One window, from the state that the last one left; `None` at the start of the stream.
    fn step(&self, window: I, state: Option<Self::State>, pass: &Pass<'_>) -> (Self::Output, Self::State);

    /// The same state, at which back-propagation ends: of truncated back-propagation, between two windows.
    fn detached(&self, state: Self::State) -> Self::State;
}

/// A closure as a [`Stochastic`] model.
///
/// # Examples
/// ```
/// use burn_zoo::{Key, Pass, from_fn, nn::DropoutConfig, outputs::Logits, uncertainty::MonteCarlo};
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
///
/// let dropout = DropoutConfig::new(0.2).init();
/// let model = from_fn(|x: Tensor<2>, pass| Logits(dropout.forward(x, &pass.at("dropout"))));
/// let x = Tensor::<2>::ones([4, 3], &Device::flex());
/// let prediction = MonteCarlo::new(50).seed(7).predict(&model, x)?;
/// assert_eq!(prediction.rows(), 4);
/// # }
/// # Ok::<(), burn_zoo::Error>(())
/// ```
pub fn from_fn<I, O, F>(f: F) -> FromFn<F>
where
    I: Batch,
    O: Predictive,
    F: Fn(I, &Pass<'_>) -> O + Send + Sync,
{
    FromFn(f)
}

/// See [`from_fn`].
#[derive(Clone, Copy, Debug)]
pub struct FromFn<F>(F);

impl<I, O, F> Stochastic<I> for FromFn<F>
where
    I: Batch,
    O: Predictive,
    F: Fn(I, &Pass<'_>) -> O + Send + Sync,
{
    type Output = O;

    fn run(&self, input: I, pass: &Pass<'_>) -> O {
        (self.0)(input, pass)
    }
}

/// A model output with a meaning, and so with a prediction that can be made of many of it.
pub trait Predictive: Sized + Send {
    /// What is left of the type when the numbers are packed: nothing, or which of several meanings they have.
    type Kind: Copy + PartialEq + std::fmt::Debug + Send;
    /// What `T` outputs add up to.
    type Prediction: Joinable;

    /// Which meaning the numbers have.
    fn kind(&self) -> Self::Kind;
    /// All numbers of a row side by side.
    ///
    /// # Shapes
    /// - output: `[rows, width]`
    fn packed(self) -> Tensor<2>;
    /// The prediction that all passes make together.
    ///
    /// # Errors
    /// As the output's kind says; those of this crate have none.
    fn summarise(kind: Self::Kind, samples: Samples) -> Result<Self::Prediction>;
}

/// A prediction for some rows, to which that of the next rows can be added.
pub trait Joinable {
    /// Appends the rows of `next`.
    ///
    /// # Panics
    /// If `next` is not a prediction of the same model by the same passes.
    fn join(&mut self, next: Self);

    /// Whether the prediction should keep its samples while they fit into the memory, unasked.
    fn needs_samples(&self) -> bool {
        false
    }

    /// Gives back the memory of the samples.
    fn forget_samples(&mut self) {}
}

/// The packed outputs of `passes` passes over `rows` rows, on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    passes: usize,
    rows: usize,
    width: usize,
    /// `[rows, passes, width]`: rows are joined at the end.
    values: Vec<f32>,
}

impl Samples {
    /// Samples from their values in the order `[passes, rows, width]`.
    ///
    /// # Panics
    /// If the number of values is not the product.
    pub fn new([passes, rows, width]: [usize; 3], values: Vec<f32>) -> Self {
        assert_eq!(values.len(), passes * rows * width, "samples of {passes} x {rows} x {width}");
        let at = |pass: usize, row: usize| &values[(pass * rows + row) * width..][..width];
        let by_row = (0..rows).flat_map(|row| (0..passes).flat_map(move |pass| at(pass, row))).copied().collect();
        Self { passes, rows, width, values: by_row }
    }

    /// `[passes, rows, width]`
    pub fn dims(&self) -> [usize; 3] {
        [self.passes, self.rows, self.width]
    }

    /// The numbers of one row in one pass.
    pub fn row(&self, pass: usize, row: usize) -> &[f32] {
        let at = (row * self.passes + pass) * self.width;
        &self.values[at..at + self.width]
    }

    /// All values, in the order `[passes, rows, width]`.
    pub fn values(&self) -> Vec<f32> {
        let row = |pass| (0..self.rows).flat_map(move |row| self.row(pass, row));
        (0..self.passes).flat_map(row).copied().collect()
    }
}

impl Joinable for Samples {
    fn join(&mut self, next: Self) {
        assert_eq!((self.passes, self.width), (next.passes, next.width), "samples of different models");
        self.values.extend(next.values);
        self.rows += next.rows;
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use crate::{device::DeviceSpec, key::Key};

    #[test]
    fn a_sum_has_every_entry_however_many_there_are() {
        let devices = ["flex", "ndarray", "wgpu:software"].map(|name| name.parse::<DeviceSpec>().expect("a device"));
        for device in devices.iter().filter(|spec| spec.is_compiled_in()).filter_map(|spec| spec.init().ok()) {
            let ones = |sum: Tensor<1>| sum.into_scalar::<f32>();
            assert_eq!(ones(sum_by_axis(Tensor::<1>::ones([100_000], &device))), 100_000.0);
            assert_eq!(ones(sum_by_axis(Tensor::<2>::ones([2, 70_001], &device))), 140_002.0);
            assert_eq!(ones(sum_by_axis(Tensor::<4>::ones([70, 1, 40, 30], &device))), 84_000.0);
            let values = Key::new(1).normal(0, 1, 90_000);
            let expected: f64 = values.iter().map(|value| f64::from(value * value)).sum();
            let x = Tensor::<1>::from_data(values.as_slice(), &device).reshape([300, 300]);
            let found = f64::from(ones(sum_by_axis(x.square())));
            assert!((found / expected - 1.0).abs() < 1e-6, "{found}, expected {expected}");
        }
    }
}
