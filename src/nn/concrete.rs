//! Concrete dropout: Gal, Hron & Kendall, "Concrete dropout", NIPS 2017, <https://arxiv.org/abs/1705.07832>. A rate that is learned.

use burn::{
    config::Config,
    module::{Content, DisplaySettings, Module, ModuleDisplay, Param},
    tensor::{Device, Tensor, activation},
};

use super::spatial::over_channels;
use crate::pass::{Law, Pass};

/// The paper's: how far the relaxed draws are from 0 and 1.
const TEMPERATURE: f64 = 0.1;

/// Beyond it a rate is 0 or 1 to 13 digits, and the gradient of its logit is 0: it never learns.
const LARGEST_LOGIT: f64 = 30.0;

/// The nearest to 0 and to 1 that a rate begins: its logit is within the bound, by 0.07.
const NEAREST: f64 = 1e-13;

/// Whether a rate that begins here can be learned.
pub(super) fn can_be_learned(rate: f64) -> bool {
    (NEAREST..=1.0 - NEAREST).contains(&rate)
}

macro_rules! concrete_dropout {
    ($(#[$doc:meta])* $name:ident, $config:ident, $shape:literal, $units:literal) => {
        #[doc = concat!("Configuration of [`", stringify!($name), "`].")]
        #[derive(Config, Debug)]
        pub struct $config {
            /// The rate to begin with, from 1e-13 to 1 - 1e-13. The authors' programs: 0.1.
            #[config(default = 0.1)]
            pub rate: f64,
            /// The prior's length scale l: how much the weights behind the layer weigh in its regulariser. The authors' programs: 1e-4.
            #[config(default = 1e-4)]
            pub length_scale: f64,
        }

        $(#[$doc])*
        #[derive(Module, Debug)]
        #[module(custom_display)]
        pub struct $name {
            /// The log-odds of the rate, `ln(rate / (1 - rate))`, of shape `[1]`.
            pub logit: Param<Tensor<1>>,
            length_scale: f64,
            #[module(skip)]
            start_rate: f64,
        }

        impl $config {
            /// The layer.
            ///
            /// # Panics
            /// If the rate is nearer to 0 or 1 than 1e-13, from where it would never be learned, or the length scale is negative or no number.
            pub fn init(&self, device: &Device) -> $name {
                let Self { rate, length_scale } = *self;
                assert!(can_be_learned(rate), "rate {rate} cannot be learned from: expected 1e-13 <= rate <= 1 - 1e-13");
                assert!(length_scale >= 0.0 && length_scale.is_finite(), "length_scale is {length_scale}: expected 0 or more");
                let logit = Tensor::from_data([(rate / (1.0 - rate)).ln()], device);
                // Said of the parameter, not of the tensor: it must hold on an inner device too, until the module is put on an autodiff one.
                $name { logit: Param::from_tensor(logit).set_require_grad(true), length_scale, start_rate: rate }
            }
        }

        impl $name {
            /// The rate as it is now, read from the device.
            ///
            /// # Panics
            /// If the device fails.
            pub fn rate(&self) -> f64 {
                let logit: f64 = self.logit.val().into_scalar();
                1.0 / (1.0 + (-logit).exp())
            }

            /// The layer's part of the regulariser: the divergence of the approximating distribution from the prior, in nats, for all data
            /// together.
            ///
            /// ```text
            /// l^2 / 2 * weight_squares / (1 - rate) + units (rate ln rate + (1 - rate) ln(1 - rate))
            /// ```
            /// A trainer divides the sum over layers by the number of rows in the data and adds it to the mean negative log-likelihood of a row.
            /// The division by `1 - rate` is there because what is kept is scaled here, and the weights with it.
            ///
            /// # Shapes
            /// - `weight_squares`: `[1]`, the sum of the squares of the weights that read what this layer drops
            #[doc = concat!("- `units`: the number of ", $units, " that this layer drops")]
            /// - output: `[1]`
            pub fn regulariser(&self, weight_squares: Tensor<1>, units: usize) -> Tensor<1> {
                regulariser(&self.logit, self.length_scale, weight_squares, units)
            }
        }

        impl ModuleDisplay for $name {
            fn custom_settings(&self) -> Option<DisplaySettings> {
                DisplaySettings::new().with_new_line_after_attribute(false).optional()
            }

            // Not the rate as it is: it is learned, as weights are, and what is shown here tells networks apart, before and after training.
            fn custom_content(&self, content: Content) -> Option<Content> {
                let content = content.add("start_rate", &self.start_rate);
                content.add("temperature", &TEMPERATURE).add("length_scale", &self.length_scale).optional()
            }
        }
    };
}

concrete_dropout! {
    /// Dropout whose rate is a parameter, trained with the weights by the gradient through relaxed draws.
    ///
    /// ```text
    /// y_i = x_i (1 - z_i) / (1 - rate),   rate = sigmoid(logit),   u_i ~ U(0, 1)
    /// z_i = sigmoid((ln rate - ln(1 - rate) + ln u_i - ln(1 - u_i)) / 0.1)
    /// E[y] = x (1 - (pi 0.1)^2 / 6 * rate (1 - 2 rate)), to the fourth order in the temperature 0.1; P(z > 1/2) = rate
    /// ```
    /// The draws are nearly 0 or 1; the bias lies between -0.2 % (at a rate of a quarter) and 1.7 % (near 1). Without the
    /// [`regulariser`](Self::regulariser) nothing holds the rate up: to drop costs likelihood.
    ///
    /// Logits count as -30 to 30: a rate that comes nearer to 0 or 1 than 1e-13 stays there, and one may not begin there.
    ///
    /// # Examples
    /// ```
    /// use burn_zoo::{Key, Pass, nn::ConcreteDropoutConfig};
    /// # #[cfg(feature = "flex")] {
    /// use burn::{nn::LinearConfig, tensor::{Device, Tensor}};
    ///
    /// let device = Device::flex().autodiff();
    /// let (dropout, linear) = (ConcreteDropoutConfig::new().init(&device), LinearConfig::new(8, 1).init(&device));
    /// let x = Tensor::<2>::ones([64, 8], &device);
    /// let y = linear.forward(dropout.forward(x, &Pass::train(Key::new(7)).at("dropout")));
    /// let regulariser = dropout.regulariser(linear.weight.val().square().sum(), 8);
    /// let loss = y.square().mean() + regulariser / 64.0; // 64 rows in the data
    /// let gradient = dropout.logit.val().grad(&loss.backward()).unwrap();
    /// # }
    /// ```
    ConcreteDropout, ConcreteDropoutConfig, "[rows, ...]", "units of a row"
}

concrete_dropout! {
    /// [`ConcreteDropout`] of whole channels of feature maps, as [`SpatialDropout2d`](super::SpatialDropout2d) is that of
    /// [`Dropout`](super::Dropout).
    ///
    /// ```text
    /// y_ci = x_ci (1 - z_c) / (1 - rate),   z_c as there, with one u_c for all positions of a channel
    /// ```
    /// The bias is the same. In the [`regulariser`](Self::regulariser) channels count, not positions.
    ///
    /// # Examples
    /// ```
    /// use burn_zoo::{Key, Pass, nn::SpatialConcreteDropout2dConfig};
    /// # #[cfg(feature = "flex")] {
    /// use burn::tensor::{Device, Tensor};
    ///
    /// let device = Device::flex();
    /// let dropout = SpatialConcreteDropout2dConfig::new().init(&device);
    /// let y = dropout.forward(Tensor::ones([4, 8, 6, 6], &device), &Pass::train(Key::new(7)).at("dropout"));
    /// # }
    /// ```
    SpatialConcreteDropout2d, SpatialConcreteDropout2dConfig, "[rows, channels, height, width]", "channels"
}

impl ConcreteDropout {
    /// Drops units of `x`.
    ///
    /// # Shapes
    /// - input: `[rows, ...]`
    /// - output: `[rows, ...]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>, pass: &Pass<'_>) -> Tensor<D> {
        match pass.draw(Law::Uniform, x.dims(), &x.device()) {
            Some(uniform) => x * scaled_keep(&self.logit, uniform),
            None => x,
        }
    }
}

impl SpatialConcreteDropout2d {
    /// Drops channels of `x`.
    ///
    /// # Shapes
    /// - input: `[rows, channels, height, width]`
    /// - output: `[rows, channels, height, width]`
    pub fn forward(&self, x: Tensor<4>, pass: &Pass<'_>) -> Tensor<4> {
        let [rows, channels, _, _] = x.dims();
        match pass.draw(Law::Uniform, [rows, channels], &x.device()) {
            Some(uniform) => x * over_channels(scaled_keep(&self.logit, uniform)),
            None => x,
        }
    }
}

/// `(1 - z) / (1 - rate)`. No logarithm of zero and no overflow: uniform draws keep 2^-24 from 0 and 1, and what goes into an exponential is bounded.
fn scaled_keep<const D: usize>(logit: &Param<Tensor<1>>, uniform: Tensor<D>) -> Tensor<D> {
    const LARGEST: f64 = 80.0; // e^80 is a number of f32, and 1 / (1 + e^-80) is 1
    let logit: Tensor<D> = bounded(logit).reshape([1; D]);
    let noise = uniform.clone().log() - (-uniform + 1.0).log();
    let keep = activation::sigmoid(((noise + logit.clone()) * (-1.0 / TEMPERATURE)).clamp(-LARGEST, LARGEST));
    keep * (logit.exp() + 1.0) // 1 / (1 - rate) = 1 + e^logit
}

fn regulariser(logit: &Param<Tensor<1>>, length_scale: f64, weight_squares: Tensor<1>, units: usize) -> Tensor<1> {
    let logit = bounded(logit);
    let entropy_part = |logit: Tensor<1>| activation::sigmoid(logit.clone()) * activation::log_sigmoid(logit);
    let minus_entropy = entropy_part(logit.clone()) + entropy_part(-logit.clone());
    weight_squares * (logit.exp() + 1.0) * (length_scale.powi(2) / 2.0) + minus_entropy * units as f64
}

fn bounded(logit: &Param<Tensor<1>>) -> Tensor<1> {
    logit.val().clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
}
