//! Mask scheme 1 against another program's golden vectors, and masks through the public API: what rows share, and that nothing but key,
//! site and row number decides an entry.

mod common;

use burn::tensor::{Device, Tensor};
use burn_zoo::{
    Key, Law, Pass, Recorder, Replay,
    nn::{Dropout, DropoutConfig},
};
use common::{
    assert_standard_errors, at, bits, devices, devices_and_autodiff, golden, mean, normal, numbers, rate, values,
};
use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

const KEY: Key = Key::new(0x5EED);

/// What a dropout of rate 0.2 makes of ones.
fn dropped(rows: usize, width: usize, pass: &Pass<'_>, device: &Device) -> Tensor<2> {
    DropoutConfig::new(0.2).init().forward(Tensor::<2>::ones([rows, width], device), &pass.at("dropout"))
}

/// The cases of one law in the golden file, which plain integers in Python made (`tests/golden/masks/generate.py`).
fn cases(law: &str) -> Vec<Value> {
    let mut file = golden("masks/masks.json");
    let Value::Array(cases) = file[law].take() else { panic!("no cases of {law}") };
    assert!(!cases.is_empty());
    cases
}

/// A 64-bit number, which the file writes as a string.
fn integer(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

/// The two words of a key, low first.
fn key(value: &Value) -> Key {
    let word = |i: usize| value[i].as_u64().unwrap();
    Key::new(word(0) | word(1) << 32)
}

/// What a case says about its rows, drawn with the key of its pass and site.
fn drawn<T>(case: &Value, draw: impl FnOnce(Key, u64, usize, usize) -> T) -> T {
    let size = |name: &str| case[name].as_u64().unwrap() as usize;
    let pass_key = Key::new(integer(&case["seed"]));
    let site = at(&Pass::mean(), case["path"].as_str().unwrap(), |pass| pass.site().hash());
    draw(pass_key.fold(site), integer(&case["first_row"]), size("rows"), size("width"))
}

#[test]
fn folding_by_numbers_gives_the_golden_keys() {
    for case in cases("fold") {
        let ns = case["n"].as_array().unwrap();
        let found = ns.iter().fold(Key::new(integer(&case["seed"])), |key, n| key.fold(integer(n)));
        assert_eq!(found, key(&case["key"]), "{case}");
    }
}

#[test]
fn folding_by_names_gives_the_golden_keys() {
    for case in cases("fold_str") {
        let found = Key::new(integer(&case["seed"])).fold_str(case["s"].as_str().unwrap());
        assert_eq!(found, key(&case["key"]), "{case}");
    }
}

#[test]
fn sites_have_the_golden_numbers() {
    for case in cases("site") {
        let path = case["path"].as_str().unwrap();
        at(&Pass::mean(), path, |pass| {
            assert_eq!(pass.site().hash(), integer(&case["hash"]), "{case}");
            assert_eq!(pass.site().to_string(), path);
        });
    }
}

#[test]
fn bernoulli_draws_are_the_golden_bits() {
    for case in cases("bernoulli") {
        let rate = rate(case["rate"].as_f64().unwrap());
        let found = drawn(&case, |key, first, rows, width| key.bernoulli(rate, first, rows, width));
        let found: String = found.iter().map(|&bit| if bit == 1.0 { '1' } else { '0' }).collect();
        assert_eq!(found, case["bits"].as_str().unwrap(), "{case}");
    }
}

#[test]
fn long_bernoulli_draws_have_the_golden_sums() {
    for case in cases("bernoulli_long") {
        let rate = rate(case["rate"].as_f64().unwrap());
        let found = drawn(&case, |key, first, rows, width| key.bernoulli(rate, first, rows, width));
        let bits: Vec<u8> = found.iter().map(|&bit| bit as u8).collect();
        assert_eq!(bits.iter().filter(|&&bit| bit == 1).count() as u64, case["ones"].as_u64().unwrap(), "{case}");
        let sum: String = Sha256::digest(&bits).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sum, case["sha256"].as_str().unwrap(), "{case}");
    }
}

#[test]
fn uniform_and_normal_draws_are_the_golden_numbers_to_the_last_bit() {
    for (law, draw) in [("uniform", Key::uniform as fn(Key, u64, usize, usize) -> Vec<f32>), ("normal", Key::normal)] {
        for case in cases(law) {
            let expected: Vec<f32> = numbers(&case["values"]).into_iter().map(|value| value as f32).collect();
            assert_eq!(drawn(&case, draw), expected, "{law}: {case}");
        }
    }
}

#[test]
fn every_backend_drops_what_the_golden_bits_say() {
    for (name, device) in devices_and_autodiff() {
        for case in cases("bernoulli") {
            let layer = Dropout::new(rate(case["rate"].as_f64().unwrap()));
            let size = |name: &str| case[name].as_u64().unwrap() as usize;
            let x = Tensor::<2>::ones([size("rows"), size("width")], &device);
            let pass = Pass::rows(Key::new(integer(&case["seed"])), integer(&case["first_row"]));
            let y = values(at(&pass, case["path"].as_str().unwrap(), |pass| layer.forward(x, pass)));
            let kept = layer.rate().scale() as f32;
            let bits: String = y
                .iter()
                .map(|&y| match y as f32 {
                    0.0 => '0',
                    y if y == kept => '1',
                    y => panic!("{name}: {y} is neither dropped nor scaled"),
                })
                .collect();
            assert_eq!(bits, case["bits"].as_str().unwrap(), "{name}: {case}");
        }
    }
}

#[test]
fn a_position_in_a_list_is_the_name_of_its_decimal_digits() {
    let pass = Pass::mean();
    for index in [0, 9, 10, 12_345, usize::MAX] {
        assert_eq!(pass.at(index).site().hash(), pass.at(index.to_string().as_str()).site().hash());
    }
}

#[test]
fn one_network_drops_the_same_units_in_every_row() {
    for (name, device) in devices_and_autodiff() {
        let mask = values(dropped(9, 50, &Pass::network(KEY), &device));
        assert!(mask.chunks(50).all(|row| row == &mask[..50]), "{name}");
        assert!(mask.contains(&0.0), "{name}: something is dropped");
    }
}

#[test]
fn a_networks_mask_does_not_depend_on_the_number_of_rows() {
    for (name, device) in devices_and_autodiff() {
        let one = values(dropped(1, 50, &Pass::network(KEY), &device));
        let many = values(dropped(7, 50, &Pass::network(KEY), &device));
        assert_eq!(one, many[6 * 50..], "{name}");
    }
}

#[test]
fn training_draws_a_mask_for_each_row() {
    for (name, device) in devices_and_autodiff() {
        let mask = values(dropped(9, 50, &Pass::train(KEY), &device));
        for (i, a) in mask.chunks(50).enumerate() {
            for (j, b) in mask.chunks(50).enumerate().skip(i + 1) {
                assert_ne!(a, b, "{name}: rows {i} and {j}");
            }
        }
    }
}

#[test]
fn several_networks_on_one_batch_are_each_the_network_of_its_key() {
    for (name, device) in devices_and_autodiff() {
        let keys: Vec<Key> = (0..4).map(|n| KEY.fold(n)).collect();
        for rows_each in [1, 3] {
            let together = bits(dropped(4 * rows_each, 50, &Pass::networks(&keys, rows_each), &device));
            for (key, part) in keys.iter().zip(together.chunks(rows_each * 50)) {
                assert_eq!(
                    part,
                    bits(dropped(rows_each, 50, &Pass::network(*key), &device)),
                    "{name}, {rows_each} rows"
                );
            }
        }
    }
}

#[test]
#[should_panic(expected = "draws for 7 rows, the pass is for 8")]
fn several_networks_refuse_a_batch_of_another_size() {
    let (_, device) = devices().swap_remove(0);
    dropped(7, 5, &Pass::networks(&[KEY, KEY.fold(1)], 4), &device);
}

#[test]
fn rows_have_their_number_in_the_data_not_in_the_batch() {
    for (name, device) in devices_and_autodiff() {
        let whole = bits(dropped(10, 33, &Pass::rows(KEY, 100), &device));
        for (start, end) in [(0, 1), (1, 4), (4, 10)] {
            let part = bits(dropped(end - start, 33, &Pass::rows(KEY, 100 + start as u64), &device));
            assert_eq!(part, whole[start * 33..end * 33], "{name}: rows {start}..{end}");
        }
    }
}

#[test]
fn training_draws_what_a_pass_over_rows_from_zero_draws() {
    for (name, device) in devices_and_autodiff() {
        let train = bits(dropped(6, 33, &Pass::train(KEY), &device));
        assert_eq!(train, bits(dropped(6, 33, &Pass::rows(KEY, 0), &device)), "{name}");
    }
}

#[test]
fn every_device_draws_the_same_bits_with_and_without_gradients() {
    let passes = [Pass::train(KEY), Pass::network(KEY), Pass::rows(KEY, 1 << 40)];
    for pass in passes {
        let drawn: Vec<_> =
            devices_and_autodiff().iter().map(|(name, device)| (*name, bits(dropped(5, 77, &pass, device)))).collect();
        for (name, mask) in &drawn[1..] {
            assert_eq!(mask, &drawn[0].1, "{name} against {}: {pass:?}", drawn[0].0);
        }
    }
}

#[test]
fn the_mean_pass_leaves_every_bit_alone_on_an_inner_and_on_an_autodiff_device() {
    for (name, device) in devices_and_autodiff() {
        let x = normal(1, [6, 20], &device);
        let y = DropoutConfig::new(0.9).init().forward(x.clone(), &Pass::mean().at("dropout"));
        assert_eq!(bits(y), bits(x), "{name}");
    }
}

#[test]
fn a_rate_of_zero_leaves_every_bit_alone_in_every_pass() {
    for (name, device) in devices_and_autodiff() {
        let x = normal(1, [6, 20], &device);
        for pass in [Pass::train(KEY), Pass::network(KEY), Pass::rows(KEY, 3)] {
            let y = DropoutConfig::new(0.0).init().forward(x.clone(), &pass.at("dropout"));
            assert_eq!(bits(y), bits(x.clone()), "{name}: {pass:?}");
        }
    }
}

#[test]
fn a_kept_unit_is_scaled_by_one_over_the_probability_of_keeping() {
    let n = 256 * 400;
    for (name, device) in devices_and_autodiff() {
        let y = values(dropped(256, 400, &Pass::train(KEY), &device));
        assert!(y.iter().all(|&y| y == 0.0 || y == 1.25), "{name}: 1 / (1 - 0.2), not 1 / 0.2");
        let (found, _) = mean(&y);
        // Var(m / (1 - q)) = q / (1 - q)
        assert_standard_errors(found, 1.0, (0.25 / n as f64).sqrt(), 4.0, name);
        let kept = y.iter().filter(|&&y| y != 0.0).count() as f64 / n as f64;
        assert_standard_errors(kept, 0.8, (0.16 / n as f64).sqrt(), 4.0, name);
    }
}

#[test]
fn different_sites_have_different_masks() {
    for (name, device) in devices() {
        let x = Tensor::<2>::ones([1, 200], &device);
        let layer = DropoutConfig::new(0.5).init();
        let pass = Pass::network(KEY);
        let layers = pass.at("layers");
        let masks = [
            bits(layer.forward(x.clone(), &pass)),
            bits(layer.forward(x.clone(), &pass.at("a"))),
            bits(layer.forward(x.clone(), &pass.at("b"))),
            bits(layer.forward(x.clone(), &layers.at(0).at("a"))),
            bits(layer.forward(x.clone(), &layers.at(1).at("a"))),
            bits(layer.forward(x.clone(), &pass.at("a").at("b"))),
            bits(layer.forward(x, &pass.at("b").at("a"))),
        ];
        for (i, a) in masks.iter().enumerate() {
            for (j, b) in masks.iter().enumerate().skip(i + 1) {
                assert_ne!(a, b, "{name}: sites {i} and {j}");
            }
        }
    }
}

#[test]
fn different_keys_have_different_masks() {
    for (name, device) in devices() {
        let masks: Vec<_> = (0..20).map(|n| bits(dropped(1, 200, &Pass::network(Key::new(n)), &device))).collect();
        for (i, a) in masks.iter().enumerate() {
            for (j, b) in masks.iter().enumerate().skip(i + 1) {
                assert_ne!(a, b, "{name}: seeds {i} and {j}");
            }
        }
    }
}

#[test]
fn masks_of_different_sites_rows_and_keys_are_uncorrelated() {
    // The share of units that two masks of rate 0.5 both keep: 1/4, if they are independent.
    let n = 20_000;
    let (_, device) = devices().swap_remove(0);
    let x = Tensor::<2>::ones([2, n], &device);
    let layer = DropoutConfig::new(0.5).init();
    let mask = |pass: &Pass<'_>| values(layer.forward(x.clone(), pass));
    let (a, b) = (mask(&Pass::train(KEY).at("a")), mask(&Pass::train(KEY).at("b")));
    let c = mask(&Pass::train(KEY.fold(1)).at("a"));
    let error = (0.25f64 * 0.75 / n as f64).sqrt();
    for (what, other) in [("sites", &b[..n]), ("keys", &c[..n]), ("rows", &a[n..])] {
        let both = a[..n].iter().zip(other).filter(|(a, b)| **a != 0.0 && **b != 0.0).count() as f64 / n as f64;
        assert_standard_errors(both, 0.25, error, 4.0, what);
    }
}

#[test]
fn an_entry_does_not_depend_on_the_axes_that_the_row_is_cut_into() {
    for (name, device) in devices() {
        let layer = Dropout::new(rate(0.3));
        let pass = Pass::rows(KEY, 5);
        let flat = bits(layer.forward(Tensor::<2>::ones([3, 60], &device), &pass));
        let deep = bits(layer.forward(Tensor::<4>::ones([3, 4, 5, 3], &device), &pass));
        assert_eq!(flat, deep, "{name}");
    }
}

#[test]
fn the_other_laws_share_rows_as_masks_do() {
    for (name, device) in devices() {
        for law in [Law::Uniform, Law::Normal] {
            let draw = |pass: Pass<'_>, rows| pass.at("noise").draw(law, [rows, 11], &device).map(bits).unwrap();
            let network = draw(Pass::network(KEY), 4);
            assert_eq!(network.len(), 11, "{name}: one row for all");
            let keys = [KEY, KEY.fold(9)];
            let networks = draw(Pass::networks(&keys, 2), 4);
            assert_eq!((&networks[..11], &networks[11..22]), (&network[..], &network[..]), "{name}");
            assert_ne!(networks[..11], networks[22..33], "{name}");
            assert_eq!(draw(Pass::rows(KEY, 3), 1), draw(Pass::rows(KEY, 0), 4)[33..], "{name}");
            assert!(Pass::mean().draw(law, [4, 11], &device).is_none(), "{name}: the mean pass draws nothing");
        }
    }
}

#[test]
fn recorded_draws_are_drawn_again() {
    for (name, device) in devices_and_autodiff() {
        for pass in [Pass::train(KEY), Pass::network(KEY), Pass::rows(KEY, 8)] {
            let recorder = Recorder::new();
            let drawn = bits(dropped(5, 30, &pass.recorded(&recorder), &device));
            let replay = recorder.replay();
            assert_eq!(bits(dropped(5, 30, &Pass::replay(&replay), &device)), drawn, "{name}: {pass:?}");
        }
    }
}

#[test]
fn a_mask_written_by_hand_is_the_mask() {
    for (name, device) in devices_and_autodiff() {
        let replay = Replay::new().with("dropout", [1, 4], [1.0, 0.0, 0.0, 1.0]);
        let y = values(dropped(2, 4, &Pass::replay(&replay), &device));
        assert_eq!(y, [1.25, 0.0, 0.0, 1.25, 1.25, 0.0, 0.0, 1.25], "{name}");
    }
}

#[test]
#[should_panic(expected = "no draw for `dropout`; given: `dropuot`")]
fn a_site_that_a_replay_leaves_out_is_not_the_identity() {
    let (_, device) = devices().swap_remove(0);
    let replay = Replay::new().with("dropuot", [1, 4], [1.0; 4]);
    dropped(2, 4, &Pass::replay(&replay), &device);
}

#[test]
#[should_panic(expected = "`dropout` draws [2, 4], the source gives")]
fn a_replayed_mask_of_another_width_is_refused() {
    let (_, device) = devices().swap_remove(0);
    let replay = Replay::new().with("dropout", [1, 5], [1.0; 5]);
    dropped(2, 4, &Pass::replay(&replay), &device);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn joined_blocks_of_rows_are_the_whole(
        seed: u64, first in 0u64..1 << 40, rows in 1usize..40, width in 1usize..70, cut in 0usize..40, drop in 0.0f64..0.99,
    ) {
        let (key, rate, cut) = (Key::new(seed), rate(drop), cut.min(rows));
        let whole = key.bernoulli(rate, first, rows, width);
        let mut blocks = key.bernoulli(rate, first, cut, width);
        blocks.extend(key.bernoulli(rate, first + cut as u64, rows - cut, width));
        prop_assert_eq!(blocks, whole);
    }

    #[test]
    fn a_narrow_row_is_the_beginning_of_a_wide_one(
        seed: u64, first in 0u64..1 << 40, rows in 1usize..9, width in 1usize..600, drop in 0.0f64..0.99,
    ) {
        let (key, rate) = (Key::new(seed), rate(drop));
        let draw = |width| [key.bernoulli(rate, first, rows, width), key.uniform(first, rows, width), key.normal(first, rows, width)];
        for (narrow, wide) in draw(width).iter().zip(&draw(700)) {
            for (narrow, wide) in narrow.chunks(width).zip(wide.chunks(700)) {
                prop_assert_eq!(narrow, &wide[..width]);
            }
        }
    }

    #[test]
    fn a_key_is_its_number(seed: u64, n: u64, name in "\\PC{0,20}") {
        let key = Key::new(seed).fold(n).fold_str(&name);
        prop_assert_eq!(Key::new(key.to_u64()), key);
    }
}
