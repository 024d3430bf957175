//! The two functions of recurrent cells, without a branch, so that a compiler can run several at a time.

/// tanh as a rational function (13th over 6th degree, the coefficients that Eigen uses): within 5e-7 of the true value.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let x = x.clamp(-7.905_311, 7.905_311);
    let square = x * x;
    let mut p = square * -2.760_768_5e-16 + 2.000_188e-13;
    p = square * p + -8.604_672e-11;
    p = square * p + 5.122_297_3e-8;
    p = square * p + 1.485_722_4e-5;
    p = square * p + 6.372_619_6e-4;
    p = square * p + 4.893_525e-3;
    let mut q = square * 1.198_258_4e-6 + 1.185_347e-4;
    q = square * q + 2.268_434_6e-3;
    q = square * q + 4.893_525e-3;
    x * p / q
}

/// 1 / (1 + exp(-x)), by tanh: within 5e-7 of the true value.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    0.5 * tanh(0.5 * x) + 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_within_what_they_promise() {
        for i in -400_000..=400_000 {
            let x = i as f32 * 5e-5;
            let exact = libm::tanh(f64::from(x));
            assert!((f64::from(tanh(x)) - exact).abs() < 5e-7, "tanh({x})");
            let exact = 1.0 / (1.0 + libm::exp(-f64::from(x)));
            assert!((f64::from(sigmoid(x)) - exact).abs() < 5e-7, "sigmoid({x})");
        }
        assert_eq!((tanh(0.0), sigmoid(0.0)), (0.0, 0.5));
        assert!(tanh(f32::NAN).is_nan(), "what is no number stays none");
    }

    #[test]
    fn small_numbers_keep_their_digits() {
        for x in [1e-20f32, 1e-6, 3e-3, 0.1] {
            let relative = f64::from(tanh(x)) / libm::tanh(f64::from(x)) - 1.0;
            assert!(relative.abs() < 1e-6, "tanh({x}) is {relative} off");
        }
    }
}
