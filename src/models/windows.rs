//! An LSTM on rows that are cut into windows.

use burn::tensor::Tensor;

use super::lstm::Lstm;
use crate::{
    outputs::{BinaryLogits, Gaussian, Logits, MultiLabelLogits, Outputs, Point},
    pass::Pass,
    stochastic::Stochastic,
};

/// An LSTM that reads each row in windows of one width, side by side, and says the mean of what it says about them: of scores before the softmax, of means,
/// and of log variances.
#[derive(Clone, Copy, Debug)]
pub struct OverWindows<'a> {
    lstm: &'a Lstm,
    windows: usize,
}

impl Lstm {
    /// The network on rows of so many windows, one behind the other.
    ///
    /// # Panics
    /// For no windows; when it is run, for rows that they do not divide, and for the next word.
    pub fn over_windows(&self, windows: usize) -> OverWindows<'_> {
        assert!(windows > 0, "rows of no windows");
        OverWindows { lstm: self, windows }
    }
}

impl Stochastic<Tensor<2>> for OverWindows<'_> {
    type Output = Outputs;

    fn run(&self, input: Tensor<2>, pass: &Pass<'_>) -> Outputs {
        let ([rows, width], windows) = (input.dims(), self.windows);
        assert!(width.is_multiple_of(windows), "{windows} windows of {width} numbers");
        let of_windows = self.lstm.run(input.reshape([rows * windows, width / windows]), pass);
        let mean = |x: Tensor<2>| {
            let numbers = x.dims()[1];
            x.reshape([rows, windows, numbers]).mean_dim(1).squeeze_dim::<2>(1)
        };
        match of_windows {
            Outputs::Logits(Logits(x)) => Outputs::Logits(Logits(mean(x))),
            Outputs::Binary(BinaryLogits(x)) => Outputs::Binary(BinaryLogits(mean(x))),
            Outputs::MultiLabel(MultiLabelLogits(x)) => Outputs::MultiLabel(MultiLabelLogits(mean(x))),
            Outputs::Point(Point(x)) => Outputs::Point(Point(mean(x))),
            Outputs::Gaussian(Gaussian { mean: x, log_variance }) => {
                Outputs::Gaussian(Gaussian { mean: mean(x), log_variance: mean(log_variance) })
            }
            Outputs::Tokens(_) => panic!("the next word has a window of its own"),
        }
    }

    /// Networks share a batch as they do for single windows only if there is one.
    fn run_many(&self, input: Tensor<2>, passes: &[Pass<'_>], sink: &mut dyn FnMut(usize, Outputs)) {
        match self.windows {
            1 => self.lstm.run_many(input, passes, sink),
            _ => passes.iter().enumerate().for_each(|(number, pass)| sink(number, self.run(input.clone(), pass))),
        }
    }
}
