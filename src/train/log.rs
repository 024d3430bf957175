//! What the steps of an epoch were like: summed up on the device, read once at the epoch's end.

use std::sync::{Arc, Mutex, MutexGuard};

use burn::tensor::Tensor;

use super::rule::Clipped;

/// Shared by the model that steps, its copy that is validated, and whoever sees the end of an epoch.
#[derive(Clone, Debug, Default)]
pub(super) struct StepLog(Arc<Mutex<Sums>>);

#[derive(Debug, Default)]
struct Sums {
    learning_rate: f64,
    steps: usize,
    /// Of norms, and of steps that were clipped: `[2]`.
    clipped: Option<Tensor<1>>,
    penalty: Option<Tensor<1>>,
}

/// The steps of an epoch; see [`Epoch`](super::Epoch).
pub(super) struct Steps {
    pub(super) learning_rate: f64,
    pub(super) penalty: f64,
    pub(super) grad_norm: Option<f64>,
    pub(super) clipped: Option<f64>,
}

impl StepLog {
    fn lock(&self) -> MutexGuard<'_, Sums> {
        self.0.lock().expect("no thread panics while it holds the sums")
    }

    /// Notes a step.
    pub(super) fn step(&self, learning_rate: f64, clipped: Option<Clipped>) {
        let mut sums = self.lock();
        sums.learning_rate = learning_rate;
        sums.steps += 1;
        if let Some(Clipped { norm, scaled }) = clipped {
            let next = Tensor::cat(vec![norm, scaled], 0);
            sums.clipped = Some(match sums.clipped.take() {
                Some(sum) => sum + next,
                None => next,
            });
        }
    }

    /// Notes the penalty at the end of the steps; asked for once an epoch.
    pub(super) fn penalty(&self, penalty: impl FnOnce() -> Option<Tensor<1>>) {
        let mut sums = self.lock();
        if sums.penalty.is_none() {
            sums.penalty = penalty();
        }
    }

    /// What was noted since it was last taken.
    pub(super) fn take(&self) -> Steps {
        let Sums { learning_rate, steps, clipped, penalty } = std::mem::take(&mut *self.lock());
        // A device that fails here fails burn-train's next step, which says why.
        let read = |sum: Tensor<1>| sum.try_into_vec_as::<f64>().unwrap_or(vec![f64::NAN; 2]);
        let mean = clipped.map(|sum| read(sum).into_iter().map(|sum| sum / steps as f64).collect::<Vec<_>>());
        Steps {
            learning_rate,
            penalty: penalty.map_or(0.0, |penalty| read(penalty)[0]),
            grad_norm: mean.as_ref().map(|mean| mean[0]),
            clipped: mean.as_ref().map(|mean| mean[1]),
        }
    }
}
