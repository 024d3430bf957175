//! A model whose task is a choice at run time, as one of which it is known what it predicts.

use burn::tensor::Tensor;

use super::task::Task;
use crate::{
    error::{Error, Result},
    outputs::{OutputKind, Outputs},
    pass::Pass,
    stochastic::{Batch, Predictive, Stochastic},
};

/// A model of which it is known what it predicts.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, M, O> {
    model: &'a M,
    typed: fn(Outputs) -> O,
}

impl<'a, M, O> View<'a, M, O> {
    /// # Errors
    /// [`Error::Task`] if the model's task has another output.
    pub(super) fn new(
        model: &'a M,
        task: Task,
        kind: OutputKind,
        wanted: &'static str,
        typed: fn(Outputs) -> O,
    ) -> Result<Self> {
        match task.output() == kind {
            true => Ok(Self { model, typed }),
            false => Err(Error::Task { wanted, found: task.to_string() }),
        }
    }
}

impl<I: Batch, M: Stochastic<I, Output = Outputs>, O: Predictive> Stochastic<I> for View<'_, M, O> {
    type Output = O;

    fn run(&self, input: I, pass: &Pass<'_>) -> O {
        (self.typed)(self.model.run(input, pass))
    }

    fn run_many(&self, input: I, passes: &[Pass<'_>], sink: &mut dyn FnMut(usize, O)) {
        self.model.run_many(input, passes, &mut |number, outputs| sink(number, (self.typed)(outputs)));
    }

    fn regulariser(&self) -> Option<Tensor<1>> {
        self.model.regulariser()
    }
}

/// What a network with a field `task` predicts, and its views.
macro_rules! views {
    ($model:ident) => {
        impl $model {
            /// What the network predicts.
            pub fn task(&self) -> Task {
                self.task
            }
        }

        $crate::models::view::views! { $model,
            /// The network as a classifier of exclusive classes.
            classifier: Logits = Logits, "a classifier of several classes";
            /// The network as a classifier of two classes.
            binary: BinaryLogits = Binary, "a classifier of two classes";
            /// The network as a predictor of labels.
            multi_label: MultiLabelLogits = MultiLabel, "a predictor of labels";
            /// The network as a regression with constant noise, or none.
            regression: Point = Point, "a regression with constant noise";
            /// The network as a regression with predicted noise.
            gaussian: Gaussian = Gaussian, "a regression with predicted noise";
        }
    };
    ($model:ident, $($(#[$doc:meta])* $name:ident: $output:ident = $kind:ident, $wanted:literal;)*) => {
        impl $model {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// [`Error::Task`](crate::Error::Task) if it is none.
            pub fn $name(&self) -> $crate::error::Result<$crate::models::View<'_, Self, $crate::outputs::$output>> {
                let typed = |outputs| match outputs {
                    $crate::outputs::Outputs::$kind(output) => output,
                    _ => unreachable!("the task was checked"),
                };
                $crate::models::View::new(self, self.task, $crate::outputs::OutputKind::$kind, $wanted, typed)
            }
        )*}
    };
}
pub(super) use views;
