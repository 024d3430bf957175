//! Dropout of words: Gal & Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks", NIPS 2016,
//! <https://arxiv.org/abs/1512.05287>, section 4.2: a row of the embedding matrix is kept or dropped as a whole.

use burn::{
    nn::Embedding,
    tensor::{Int, Tensor},
};

use super::rate_layer::rate_layer;
use crate::{
    pass::{Law, Pass},
    rate::Rate,
};

rate_layer! {
    /// Drops each word of a vocabulary with probability `rate`, wherever it stands in the sequence, and scales those that are kept. The embedding is the
    /// user's own: its parameters stay where they are.
    ///
    /// ```text
    /// y_t = E[w_t] m[w_t] / (1 - rate),   m[w] ~ Bernoulli(1 - rate) for each word w of the vocabulary;   E[y_t] = E[w_t]
    /// ```
    /// A mask for each place instead of each word would be ordinary dropout of the input: a word would be dropped here and kept there.
    ///
    /// # Examples
    /// ```
    /// use burn_zoo::{Key, Pass, nn::EmbeddingDropoutConfig};
    /// # #[cfg(feature = "flex")] {
    /// use burn::{nn::EmbeddingConfig, tensor::{Device, Int, Tensor}};
    ///
    /// let device = Device::flex();
    /// let (embedding, dropout) = (EmbeddingConfig::new(50, 8).init(&device), EmbeddingDropoutConfig::new(0.1).init());
    /// let words = Tensor::<2, Int>::zeros([4, 20], &device); // rows, steps
    /// let x = dropout.forward(&embedding, words, &Pass::train(Key::new(7)).at("embedding_dropout"));
    /// assert_eq!(x.dims(), [4, 20, 8]);
    /// # }
    /// ```
    EmbeddingDropout, EmbeddingDropoutConfig
}

impl EmbeddingDropout {
    /// Embeds `words`, without those that are dropped.
    ///
    /// # Shapes
    /// - input: `[rows, steps]`, numbers of words
    /// - output: `[rows, steps, d_model]`
    pub fn forward(&self, embedding: &Embedding, words: Tensor<2, Int>, pass: &Pass<'_>) -> Tensor<3> {
        let ([rows, steps], vocabulary) = (words.dims(), embedding.weight.lazy_shape()[0]);
        let device = embedding.weight.lazy_device();
        let Some(mask) = pass.draw(Law::Bernoulli(self.rate), [rows, vocabulary], &device) else {
            return embedding.forward(words);
        };
        let mask = mask * self.rate.scale();
        let of_places = match mask.dims()[0] {
            1 => mask.squeeze_dim::<1>(0).select(0, words.clone().reshape([rows * steps])).reshape([rows, steps]),
            _ => mask.gather(1, words.clone()),
        };
        embedding.forward(words) * of_places.unsqueeze_dim::<3>(2)
    }
}
