//! Dropout of whole channels: Tompson, Goroshin, Jain, LeCun & Bregler, "Efficient object localization using convolutional networks",
//! CVPR 2015, <https://arxiv.org/abs/1411.4280>, section 3.2 (`SpatialDropout`; PyTorch's `Dropout1d`, `Dropout2d` and `Dropout3d`).

use burn::tensor::Tensor;

use super::rate_layer::rate_layer;
use crate::{
    pass::{Law, Pass},
    rate::Rate,
};

macro_rules! spatial_dropout {
    ($name:ident, $config:ident, $rank:literal, $input:literal, $maps:literal, $size:literal) => {
        rate_layer! {
            #[doc = concat!("Drops whole channels of ", $maps, " with probability `rate`, independently, and scales what is kept.")]
            ///
            /// ```text
            /// y_ci = x_ci m_c / (1 - rate),   m_c ~ Bernoulli(1 - rate);   E[y] = x
            /// ```
            /// All positions of a channel share its draw: neighbours in a feature map are so alike that a single one that is dropped
            /// can be read off the others.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use burn_zoo::{Key, Pass, nn::", stringify!($config), "};")]
            /// # #[cfg(feature = "flex")] {
            /// use burn::tensor::{Device, Tensor};
            ///
            #[doc = concat!("let dropout = ", stringify!($config), "::new(0.2).init();")]
            #[doc = concat!("let x = Tensor::<", $rank, ">::ones(", $size, ", &Device::flex());")]
            /// let y = dropout.forward(x, &Pass::network(Key::new(7)).at("dropout")); // each channel 0 or 1.25
            /// # }
            /// ```
            $name, $config
        }

        impl $name {
            /// Drops channels of `x`.
            ///
            /// # Shapes
            #[doc = concat!("- input: `", $input, "`")]
            #[doc = concat!("- output: `", $input, "`")]
            pub fn forward(&self, x: Tensor<$rank>, pass: &Pass<'_>) -> Tensor<$rank> {
                let dims = x.dims();
                match pass.draw(Law::Bernoulli(self.rate), [dims[0], dims[1]], &x.device()) {
                    Some(mask) => x * over_channels(mask * self.rate.scale()),
                    None => x,
                }
            }

            /// The channels, of `channels`, that the pass keeps in all its rows; `None` where rows or networks have masks of their own.
            pub fn kept(&self, channels: usize, pass: &Pass<'_>) -> Option<Vec<usize>> {
                pass.kept(self.rate, channels)
            }
        }
    };
}

spatial_dropout!(SpatialDropout1d, SpatialDropout1dConfig, 3, "[rows, channels, length]", "series", "[4, 8, 20]");
spatial_dropout!(
    SpatialDropout2d,
    SpatialDropout2dConfig,
    4,
    "[rows, channels, height, width]",
    "feature maps",
    "[4, 8, 6, 6]"
);
spatial_dropout!(
    SpatialDropout3d,
    SpatialDropout3dConfig,
    5,
    "[rows, channels, depth, height, width]",
    "volumes",
    "[4, 8, 3, 6, 6]"
);

/// One number a channel, to be multiplied with what has channels on axis 1.
///
/// # Shapes
/// - input: `[rows, channels]`
/// - output: `[rows, channels, 1, ...]`
pub(super) fn over_channels<const D: usize>(mask: Tensor<2>) -> Tensor<D> {
    let mut shape = [1; D];
    shape[..2].copy_from_slice(&mask.dims());
    mask.reshape(shape)
}
