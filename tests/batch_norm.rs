//! Batch normalisation against Burn's own: equal where the two mean the same, and what ours does not do behind one's back.

mod common;

use std::collections::BTreeMap;

use burn::{
    module::Module,
    nn,
    store::ModuleRecord,
    tensor::{Device, Tensor},
};
use burn_zoo::{
    Key, Pass, Statistics,
    nn::{BatchNorm, BatchNormConfig},
};
use common::{OF_LARGEST, assert_near, bits, devices, devices_and_autodiff, gradients, normal, parameters, values};
use common::{assert_within, with_parameters};

const FEATURES: usize = 3;
const KEY: Key = Key::new(11);

/// Parameters and statistics that no initialisation gives.
fn trained() -> BTreeMap<String, Vec<f64>> {
    [
        ("gamma", [1.5, -0.5, 0.25]),
        ("beta", [0.125, 2.0, -3.0]),
        ("running_mean", [5.0, -1.0, 0.5]),
        ("running_var", [4.0, 0.25, 1.75]),
    ]
    .map(|(name, values)| (name.to_string(), values.to_vec()))
    .into()
}

fn ours(device: &Device) -> BatchNorm {
    with_parameters(BatchNormConfig::new(FEATURES).init(device), &trained())
}

fn burns(device: &Device) -> nn::BatchNorm {
    with_parameters(nn::BatchNormConfig::new(FEATURES).init(device), &trained())
}

/// Burn keeps the newest statistics aside until somebody synchronises: `valid` does.
fn burns_statistics(norm: &nn::BatchNorm) -> [Vec<f64>; 2] {
    let norm = norm.valid();
    [values(norm.running_mean.value()), values(norm.running_var.value())]
}

fn statistics(norm: &BatchNorm) -> [Vec<f64>; 2] {
    [values(norm.running_mean.get()), values(norm.running_var.get())]
}

/// Every pass that samples or predicts, and so must leave the statistics alone.
fn sampling_passes<'a>(keys: &'a [Key; 2], rows_each: usize) -> [Pass<'a>; 4] {
    [Pass::mean(), Pass::network(KEY), Pass::rows(KEY, 0), Pass::networks(keys, rows_each)]
}

/// A test for each rank: 2, 3 and 4.
macro_rules! for_each_rank {
    ($test:ident($($argument:expr),*)) => {{
        $test([8, FEATURES] $(, $argument)*);
        $test([4, FEATURES, 5] $(, $argument)*);
        $test([2, FEATURES, 5, 3] $(, $argument)*);
    }};
}

#[test]
fn inference_is_burns_for_every_rank() {
    fn check<const D: usize>(shape: [usize; D], name: &str, device: &Device) {
        let x = normal(1, shape, device);
        let expected = values(burns(device).valid().forward(x.clone()));
        assert_near(
            &values(ours(device).forward(x, &Pass::mean())),
            &expected,
            OF_LARGEST,
            &format!("{name}, rank {D}"),
        );
    }
    for (name, device) in devices() {
        for_each_rank!(check(name, &device));
    }
}

#[test]
fn training_is_burns_for_every_rank() {
    fn check<const D: usize>(shape: [usize; D], name: &str, device: &Device) {
        let what = |part: &str| format!("{name}, rank {D}: {part}");
        let (ours, burns) = (ours(device), burns(device));
        for seed in 1..4 {
            let weight = normal(100 + seed, shape, device); // a loss whose gradient differs from entry to entry
            let x = (normal(seed, shape, device) * 3.0 + 1.0).detach().require_grad();
            let x_burns = x.clone().detach().require_grad();
            let y = ours.forward(x.clone(), &Pass::train(KEY));
            let y_burns = burns.forward(x_burns.clone());
            assert_near(&values(y.clone()), &values(y_burns.clone()), OF_LARGEST, &what("output"));

            let (found, all) = gradients(&ours, (y * weight.clone()).sum());
            let (expected, all_burns) = gradients(&burns, (y_burns * weight).sum());
            assert_eq!(found.keys().collect::<Vec<_>>(), ["beta", "gamma"], "{}", what("what is trained"));
            for (path, expected) in expected {
                assert_near(&found[&path], &expected, OF_LARGEST, &what(&path));
            }
            let (dx, expected) = (x.grad(&all).unwrap(), x_burns.grad(&all_burns).unwrap());
            // The gradient is a difference of sums that nearly cancel: compare it with the largest gradient there is.
            assert_within(&values(dx), &values(expected), 1e-5 * common::largest(&found["gamma"]), &what("dx"));
        }
        let ([mean, variance], [burns_mean, burns_variance]) = (statistics(&ours), burns_statistics(&burns));
        assert_near(&mean, &burns_mean, OF_LARGEST, &what("running mean after three batches"));
        // Ours is the variance of the sample, as PyTorch's: n / (n - 1) times Burn's, but for what is left of the first value.
        let n = (shape.iter().product::<usize>() / FEATURES) as f64;
        let left = trained()["running_var"].iter().map(|v| v * 0.9f64.powi(3)).collect::<Vec<_>>();
        let expected = burns_variance.iter().zip(&left).map(|(v, left)| left + (v - left) * n / (n - 1.0));
        assert_near(
            &variance,
            &expected.collect::<Vec<_>>(),
            OF_LARGEST,
            &what("running variance after three batches"),
        );
    }
    for (name, device) in devices() {
        let device = device.autodiff();
        for_each_rank!(check(name, &device));
    }
}

#[test]
fn training_means_the_same_on_an_inner_device() {
    for (name, device) in devices() {
        let (inner, autodiff) = (ours(&device), ours(&device.clone().autodiff()));
        let x = normal(1, [8, FEATURES], &device);
        let y = values(inner.forward(x.clone(), &Pass::train(KEY)));
        assert_eq!(y, values(autodiff.forward(x.autodiff(), &Pass::train(KEY))), "{name}");
        assert_eq!(statistics(&inner), statistics(&autodiff), "{name}");
    }
}

#[test]
fn the_running_variance_is_that_of_the_sample_with_momentum() {
    for (name, device) in devices() {
        let norm = BatchNormConfig::new(1).with_momentum(0.25).init(&device);
        norm.forward(common::tensor(&[1.0, 2.0, 3.0, 6.0], [4, 1], &device), &Pass::train(KEY));
        // By hand: mean 3, squares 4 + 1 + 0 + 9 = 14, over n - 1 = 3; then 3/4 of (0, 1) and 1/4 of the batch's.
        let [mean, variance] = statistics(&norm);
        assert_near(&mean, &[0.75], 1e-6, name); // one rounding of f32
        assert_near(&variance, &[0.75 + 0.25 * 14.0 / 3.0], 1e-6, name);
    }
}

#[test]
fn one_row_trains_to_finite_statistics() {
    for (name, device) in devices_and_autodiff() {
        let norm = ours(&device);
        let y = values(norm.forward(normal(1, [1, FEATURES], &device), &Pass::train(KEY)));
        assert!(y.iter().chain(statistics(&norm).iter().flatten()).all(|x| x.is_finite()), "{name}");
    }
}

#[test]
fn statistics_of_the_batch_can_be_had_without_moving_the_running_ones() {
    for (name, device) in devices_and_autodiff() {
        let norm = ours(&device);
        let x = normal(1, [8, FEATURES], &device);
        let batch = values(norm.forward(x.clone(), &Pass::mean().with_statistics(Statistics::Batch)));
        assert_eq!(parameters(&norm), parameters(&ours(&device)), "{name}");
        assert_eq!(batch, values(norm.forward(x, &Pass::train(KEY))), "{name}");
    }
}

#[test]
fn a_sampling_pass_leaves_every_bit_of_the_module_alone() {
    for (name, device) in devices_and_autodiff() {
        let norm = ours(&device);
        let before = parameters(&norm);
        for pass in sampling_passes(&[KEY, KEY.fold(1)], 4) {
            norm.forward(normal(1, [8, FEATURES], &device), &pass);
            assert_eq!(parameters(&norm), before, "{name}: {pass:?}");
        }
    }
}

#[test]
fn a_sampling_pass_gives_the_same_bits_on_an_inner_and_on_an_autodiff_device() {
    for (name, device) in devices() {
        let autodiff = device.clone().autodiff();
        for pass in sampling_passes(&[KEY, KEY.fold(1)], 4) {
            let x = normal(1, [8, FEATURES], &device);
            let y = bits(ours(&device).forward(x.clone(), &pass));
            assert_eq!(y, bits(ours(&autodiff).forward(x.clone().autodiff(), &pass)), "{name}: {pass:?}");
            assert_eq!(y, bits(ours(&autodiff).forward(x, &pass)), "{name}, plain input: {pass:?}");
        }
    }
}

#[test]
fn a_row_is_normalised_alike_in_any_batch() {
    for (name, device) in devices_and_autodiff() {
        let norm = ours(&device);
        let x = normal(1, [8, FEATURES], &device);
        for pass in [Pass::mean(), Pass::network(KEY), Pass::rows(KEY, 0)] {
            let whole = bits(norm.forward(x.clone(), &pass));
            let alone = bits(norm.forward(x.clone().narrow(0, 5, 1), &pass));
            assert_eq!(alone, whole[5 * FEATURES..6 * FEATURES], "{name}: {pass:?}");
        }
    }
}

#[test]
fn burns_own_predicts_by_the_batch_on_an_autodiff_device_and_moves_its_statistics() {
    // The trap that ours is there to avoid; if this test fails, Burn has changed and the documentation must.
    for (name, device) in devices() {
        let norm = burns(&device.clone().autodiff());
        let x = normal(1, [8, FEATURES], &device).autodiff();
        let before = burns_statistics(&norm);
        let whole = values(norm.forward(x.clone()));
        let pair = values(norm.forward(x.narrow(0, 5, 2)));
        assert!(common::distance(&pair[..FEATURES], &whole[5 * FEATURES..6 * FEATURES]) > 0.1, "{name}");
        assert_ne!(burns_statistics(&norm), before, "{name}");
    }
}

#[test]
fn clones_share_no_running_statistics() {
    for (name, device) in devices_and_autodiff() {
        let norm = ours(&device);
        let clone = norm.clone();
        norm.forward(normal(1, [8, FEATURES], &device), &Pass::train(KEY));
        assert_ne!(statistics(&norm), statistics(&clone), "{name}");
        assert_eq!(parameters(&clone), parameters(&ours(&device)), "{name}");
    }
}

#[test]
fn loading_a_clone_leaves_the_original_alone() {
    for (name, device) in devices() {
        let norm = BatchNormConfig::new(FEATURES).init(&device);
        let before = parameters(&norm);
        let loaded = norm.clone().load_record(ours(&device).into_record());
        assert_eq!(parameters(&loaded)["running_mean"], trained()["running_mean"], "{name}");
        assert_eq!(parameters(&norm), before, "{name}");
    }
}

#[test]
fn burns_clones_share_their_running_statistics() {
    // As above: a fact about Burn that the documentation states.
    for (name, device) in devices() {
        let norm = burns(&device.clone().autodiff());
        let clone = norm.clone();
        norm.forward(normal(1, [8, FEATURES], &device).autodiff());
        assert_eq!(burns_statistics(&norm), burns_statistics(&clone), "{name}");
        assert_ne!(burns_statistics(&clone), burns_statistics(&burns(&device)), "{name}");
    }
}

#[test]
fn records_are_interchangeable_with_burns() {
    for (name, device) in devices() {
        let fresh = || nn::BatchNormConfig::new(FEATURES).init(&device);
        let theirs = fresh().load_record(ours(&device).into_record());
        assert_eq!(parameters(&theirs), trained(), "{name}: ours into Burn's");
        let back = BatchNormConfig::new(FEATURES).init(&device).load_record(theirs.into_record());
        assert_eq!(parameters(&back), trained(), "{name}: Burn's into ours");
    }
}

#[test]
fn parameters_have_burns_paths_in_burns_order() {
    let (_, device) = devices().swap_remove(0);
    let tree = |text: String| text.matches("running").count();
    assert_eq!(
        parameters(&ours(&device)).keys().collect::<Vec<_>>(),
        parameters(&burns(&device)).keys().collect::<Vec<_>>()
    );
    assert_eq!(tree(ours(&device).to_string()), tree(burns(&device).to_string()), "the display names the same things");
    assert_eq!(ours(&device).num_params(), burns(&device).num_params());
}

#[test]
fn running_statistics_survive_the_way_to_inference_and_back() {
    for (name, device) in devices() {
        let norm = ours(&device.clone().autodiff());
        norm.forward(normal(1, [8, FEATURES], &device).autodiff(), &Pass::train(KEY));
        let trained = parameters(&norm);
        let valid = norm.valid();
        assert!(!valid.running_mean.get().is_autodiff() && !valid.gamma.val().is_autodiff(), "{name}");
        assert_eq!(parameters(&valid), trained, "{name}: valid");
        let again = valid.train();
        assert!(again.running_mean.get().is_autodiff(), "{name}");
        assert_eq!(parameters(&again), trained, "{name}: train");
        assert_eq!(parameters(&again.fork(&device)), trained, "{name}: fork");
    }
}

#[test]
fn a_trained_layer_goes_on_training_after_the_way_to_inference_and_back() {
    for (name, device) in devices() {
        let device = device.autodiff();
        let norm = ours(&device).valid().train();
        let x = normal(1, [8, FEATURES], &device);
        let y = norm.forward(x.clone(), &Pass::train(KEY));
        assert_eq!(values(y.clone()), values(ours(&device).forward(x, &Pass::train(KEY))), "{name}");
        let (found, _) = gradients(&norm, y.square().sum());
        assert_eq!(found.keys().collect::<Vec<_>>(), ["beta", "gamma"], "{name}");
    }
}

#[test]
fn running_statistics_survive_a_file() {
    for (name, device) in devices() {
        let norm = ours(&device.clone().autodiff());
        norm.forward(normal(1, [8, FEATURES], &device).autodiff(), &Pass::train(KEY));
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("norm.bpk");
        norm.valid().into_record().save(&file).unwrap();
        let loaded = BatchNormConfig::new(FEATURES).init(&device).load_record(ModuleRecord::load(&file).unwrap());
        assert_eq!(parameters(&loaded), parameters(&norm), "{name}");
    }
}

#[test]
fn a_layer_moves_between_backends_with_its_statistics() {
    let devices = devices();
    let (from, to) = (&devices[0].1, &devices[devices.len() - 1].1);
    let moved = ours(from).fork(to);
    assert_eq!(parameters(&moved), trained());
    let y = moved.forward(normal(1, [8, FEATURES], to), &Pass::mean());
    assert_near(
        &values(y),
        &values(ours(from).forward(normal(1, [8, FEATURES], from), &Pass::mean())),
        OF_LARGEST,
        "moved",
    );
}

#[test]
fn running_statistics_are_never_on_the_tape() {
    for (name, device) in devices() {
        let device = device.autodiff();
        // Even if somebody asks: they are no parameters.
        let norm = ours(&device).unfreeze();
        for seed in 0..3 {
            norm.forward(normal(seed, [8, FEATURES], &device).require_grad(), &Pass::train(KEY));
        }
        for buffer in [norm.running_mean.get(), norm.running_var.get()] {
            assert!(
                !buffer.is_require_grad() && !buffer.is_tracked(),
                "{name}: each step would hold on to the last one's graph"
            );
        }
    }
}

#[test]
fn a_large_map_counts_to_its_last_entry() {
    // 300 x 256 entries, of which the last row alone is 1: software Vulkan loses what lies behind 65 532 in one sum.
    for (name, device) in devices() {
        let map = [Tensor::<4>::zeros([1, 2, 299, 256], &device), Tensor::ones([1, 2, 1, 256], &device)];
        let norm = BatchNormConfig::new(2).with_momentum(1.0).init(&device);
        norm.forward(Tensor::cat(map.to_vec(), 2), &Pass::train(KEY));
        let (n, mean): (f64, f64) = (76_800.0, 1.0 / 300.0);
        let variance = mean * (1.0 - mean) * n / (n - 1.0);
        for (found, expected) in statistics(&norm).iter().zip([mean, variance]) {
            assert_near(found, &[expected; 2], OF_LARGEST, name);
        }
    }
}

#[test]
#[should_panic]
fn another_number_of_features_is_refused() {
    let (_, device) = devices().swap_remove(0);
    ours(&device).forward(Tensor::<2>::zeros([2, FEATURES + 1], &device), &Pass::mean());
}
