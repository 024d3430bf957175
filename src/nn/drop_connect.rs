//! DropConnect: Wan, Zeiler, Zhang, LeCun & Fergus, "Regularization of neural networks using DropConnect", ICML 2013,
//! <https://proceedings.mlr.press/v28/wan13.html>. We draw one mask of weights for a batch in training where the paper draws one for each
//! row, do not mask the bias, and predict by the scaled mean where the paper samples a normal approximation.

use burn::{
    module::Param,
    nn::{Linear, conv::Conv2d},
    tensor::{Tensor, assert_shape},
};

use super::rate_layer::rate_layer;
use crate::{
    ops::convolution,
    pass::{Law, Pass},
    rate::Rate,
};

rate_layer! {
    /// Drops each weight of a layer with probability `rate`, independently, and scales what is kept. The layer is the user's own: its
    /// parameters stay where they are, and load as ever.
    ///
    /// ```text
    /// y = x (W * M / (1 - rate)) + b,   M_ij ~ Bernoulli(1 - rate);   E[y] = x W + b
    /// ```
    /// All rows of a network share its mask. In [`Pass::train`] it is one for the batch; [`Pass::rows`], a network for each row, cannot be had
    /// ([`Error::WeightMaskByRow`](crate::Error::WeightMaskByRow)).
    ///
    /// # Examples
    /// ```
    /// use burn_zoo::{Key, Pass, nn::DropConnectConfig};
    /// # #[cfg(feature = "flex")] {
    /// use burn::{nn::LinearConfig, tensor::{Device, Tensor}};
    ///
    /// let device = Device::flex();
    /// let (linear, drop_connect) = (LinearConfig::new(8, 4).init(&device), DropConnectConfig::new(0.5).init());
    /// let x = Tensor::<2>::ones([64, 8], &device);
    /// let y = drop_connect.linear(&linear, x, &Pass::train(Key::new(7)).at("drop_connect"));
    /// # }
    /// ```
    DropConnect, DropConnectConfig
}

impl DropConnect {
    /// Runs `layer` with weights dropped.
    ///
    /// # Shapes
    /// - input: `[rows, d_input]`
    /// - output: `[rows, d_output]`
    ///
    /// # Panics
    /// In a pass over [`rows`](Pass::rows): see [`Pass::draw_weights`].
    pub fn linear(&self, layer: &Linear, x: Tensor<2>, pass: &Pass<'_>) -> Tensor<2> {
        let weight = layer.weight.val();
        let [d_input, d_output] = weight.dims();
        assert_shape!(x, [_, d_input]);
        let rows = x.dims()[0];
        pass.assert_rows(rows);
        let Some(mask) = pass.draw_weights(Law::Bernoulli(self.rate), [1, d_input, d_output], &x.device()) else {
            return layer.forward(x);
        };
        let networks = mask.dims()[0];
        let weights = weight.unsqueeze::<3>() * (mask * self.rate.scale()); // [networks, d_input, d_output]
        let x: Tensor<3> = x.reshape([networks, rows / networks, d_input]);
        let y = x.matmul(weights).reshape([rows, d_output]);
        match &layer.bias {
            Some(bias) => y + bias.val().unsqueeze(),
            None => y,
        }
    }

    /// Runs `layer`, with its own stride, padding, dilation and groups, with weights dropped.
    ///
    /// # Shapes
    /// - input: `[rows, channels_in, height_in, width_in]`
    /// - output: `[rows, channels_out, height_out, width_out]`
    ///
    /// # Panics
    /// In a pass over [`rows`](Pass::rows): see [`Pass::draw_weights`].
    pub fn conv2d(&self, layer: &Conv2d, x: Tensor<4>, pass: &Pass<'_>) -> Tensor<4> {
        let weight = layer.weight.val();
        let [out, channels, height, width] = weight.dims();
        pass.assert_rows(x.dims()[0]);
        let shape = [1, out, channels, height, width];
        let Some(mask) = pass.draw_weights(Law::Bernoulli(self.rate), shape, &x.device()) else {
            return convolution::conv2d(layer, x);
        };
        let networks = mask.dims()[0];
        let convolve = |x: Tensor<4>, mask: Tensor<5>| {
            let weight = weight.clone() * (mask.squeeze_dim::<4>(0) * self.rate.scale());
            convolution::conv2d(&Conv2d { weight: Param::initialized(layer.weight.id, weight), ..layer.clone() }, x)
        };
        match networks {
            1 => convolve(x, mask),
            _ => Tensor::cat(
                x.chunk(networks, 0)
                    .into_iter()
                    .zip(mask.chunk(networks, 0))
                    .map(|(x, mask)| convolve(x, mask))
                    .collect(),
                0,
            ),
        }
    }
}
