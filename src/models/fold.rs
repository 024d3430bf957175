//! Several sampled networks in one batch.

use burn::tensor::Tensor;

use crate::{pass::Pass, stochastic::Batch};

/// Runs all passes over one input, and hands each one's numbers on with its number. Passes of a network each share a batch of at most `most` rows: fewer,
/// larger products.
pub(super) fn fold<I: Batch>(
    input: &I,
    passes: &[Pass<'_>],
    most: usize,
    forward: impl Fn(I, &Pass<'_>) -> Tensor<2>,
    each: &mut dyn FnMut(usize, Tensor<2>),
) {
    let rows = input.rows();
    let together = (most / rows.max(1)).clamp(1, passes.len().max(1));
    match Pass::network_keys(passes) {
        Some(keys) if together > 1 => {
            for (chunk, keys) in keys.chunks(together).enumerate() {
                let raw = forward(input.tile(keys.len()), &passes[0].with_networks(keys, rows));
                for i in 0..keys.len() {
                    each(chunk * together + i, raw.clone().narrow(0, i * rows, rows));
                }
            }
        }
        _ => passes.iter().enumerate().for_each(|(number, pass)| each(number, forward(input.clone(), pass))),
    }
}
