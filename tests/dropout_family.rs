//! What every dropout layer keeps: its rate, its expectation, what rows and networks share, and that nothing else decides a draw. The numbers
//! themselves are PyTorch's (`tests/golden_layers.rs`).

mod common;

use burn::{
    nn::{
        Linear, LinearConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{Device, Tensor},
};
use burn_zoo::{
    Error, Key, Law, Pass, Recorder, Replay,
    nn::{
        ConcreteDropout, ConcreteDropoutConfig, DropBlockConfig, DropConnectConfig, Dropout, DropoutKind,
        GaussianDropoutConfig, MapDropout, SpatialDropout1dConfig, SpatialDropout2d, SpatialDropout3dConfig,
        StochasticDepth, StochasticDepthConfig, init_weights,
    },
};
use common::{
    OF_LARGEST, assert_near, assert_standard_errors, bits, devices, devices_and_autodiff, mean, normal, parameters,
    rate, tensor, values,
};

const KEY: Key = Key::new(0xD20);

/// Channels, height and width of the maps under test, and their product.
const MAP: [usize; 3] = [3, 6, 5];
const ENTRIES: usize = 90;

/// SELU's lower limit.
const OFF: f64 = -1.7580993408473766;

type Layer = Box<dyn Fn(Tensor<4>, &Pass<'_>) -> Tensor<4>>;

fn kind(text: &str, device: &Device) -> MapDropout {
    text.parse::<DropoutKind>().unwrap().init_map(device)
}

/// Every layer with a fixed rate that acts on units, made to act on feature maps.
fn fixed(rate: f64, device: &Device) -> Vec<(String, Layer)> {
    let named = |text: String| {
        let layer = kind(&text, device);
        (text, Box::new(move |x: Tensor<4>, pass: &Pass<'_>| layer.forward(x, pass)) as Layer)
    };
    let texts = ["element", "spatial", "gaussian", "alpha"].map(|name| format!("{name}:{rate}"));
    let blocks = [3, 7].map(|block| format!("drop-block:{rate}:{block}"));
    let (one, three) = (SpatialDropout1dConfig::new(rate).init(), SpatialDropout3dConfig::new(rate).init());
    let depth = StochasticDepthConfig::new(rate).init();
    let others: [(&str, Layer); 3] = [
        ("spatial 1d", Box::new(move |x, pass| one.forward(x.clone().flatten(2, 3), pass).reshape(x.dims()))),
        ("spatial 3d", Box::new(move |x, pass| three.forward(x.unsqueeze_dim(2), pass).squeeze_dim(2))),
        ("stochastic depth", Box::new(move |x, pass| depth.forward(x, pass))),
    ];
    let others = others.into_iter().map(|(name, layer)| (name.to_string(), layer));
    texts.into_iter().chain(blocks).map(named).chain(others).collect()
}

/// Those, and the layers that learn their rate.
fn all(rate: f64, device: &Device) -> Vec<(String, Layer)> {
    let learned = ["concrete", "spatial-concrete"].map(|name| {
        let layer = kind(&format!("{name}:{rate}"), device);
        (name.to_string(), Box::new(move |x: Tensor<4>, pass: &Pass<'_>| layer.forward(x, pass)) as Layer)
    });
    fixed(rate, device).into_iter().chain(learned).collect()
}

fn maps(seed: u64, rows: usize, device: &Device) -> Tensor<4> {
    let [channels, height, width] = MAP;
    normal(seed, [rows, channels, height, width], device)
}

fn ones(rows: usize, device: &Device) -> Tensor<4> {
    let [channels, height, width] = MAP;
    Tensor::ones([rows, channels, height, width], device)
}

/// What a row of `width` entries says, for each row.
fn by_row(values: &[f64], width: usize, says: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    values.chunks(width).map(says).collect()
}

fn share(row: &[f64], is: impl Fn(f64) -> bool) -> f64 {
    row.iter().filter(|&&y| is(y)).count() as f64 / row.len() as f64
}

#[track_caller]
fn assert_mean(rows: &[f64], expected: f64, what: &str) {
    let (found, error) = mean(rows);
    assert_standard_errors(found, expected, error, 4.0, what);
}

#[test]
fn the_measured_rate_is_the_rate_to_four_standard_errors_over_rows() {
    for (device_name, device) in devices() {
        for drop in [0.1, 0.3] {
            let alpha_off = OFF * (1.0 - drop) / ((1.0 - drop) * (1.0 + drop * OFF * OFF)).sqrt();
            for (name, layer) in all(drop, &device) {
                let y = values(layer(ones(2000, &device), &Pass::train(KEY).at("layer")));
                let what = format!("{device_name}: {name} at {drop}");
                if name.starts_with("gaussian") {
                    // The variance of the factor is the rate's odds, as is that of dropout.
                    let squares = by_row(&y, ENTRIES, |row| row.iter().map(|y| (y - 1.0).powi(2)).sum::<f64>() / 90.0);
                    assert_mean(&squares, drop / (1.0 - drop), &what);
                    continue;
                }
                let dropped = |y: f64| match name.split(':').next().unwrap() {
                    "alpha" => (y - alpha_off).abs() < 1e-5,
                    "concrete" | "spatial-concrete" => y < 0.5 / (1.0 - drop), // P(z > 1/2) is the rate
                    _ => y == 0.0,
                };
                assert_mean(&by_row(&y, ENTRIES, |row| share(row, dropped)), drop, &what);
            }
        }
    }
}

#[test]
fn drop_blocks_rate_is_the_nominal_one_at_every_size_of_map() {
    // By run, timm's program drops 94 % at 7 x 7 where it says 10.
    for (name, device) in devices() {
        for drop in [0.1, 0.3] {
            for ([height, width], rows) in [([56, 56], 150), ([14, 14], 600), ([7, 7], 3000), ([5, 3], 3000)] {
                let x = Tensor::ones([rows, 2, height, width], &device);
                let y = values(DropBlockConfig::new(drop, 7).init().forward(x, &Pass::train(KEY).at("layer")));
                let dropped = by_row(&y, 2 * height * width, |row| share(row, |y| y == 0.0));
                assert_mean(&dropped, drop, &format!("{name}: {drop} at {height} x {width}"));
            }
        }
    }
}

#[test]
fn the_mean_over_rows_is_the_input_or_the_stated_share_of_it() {
    for (device_name, device) in devices() {
        let drop: f64 = 0.1;
        let row = maps(5, 1, &device);
        let x = row.clone().expand([4000, MAP[0], MAP[1], MAP[2]]);
        let row = values(row);
        let squares: f64 = row.iter().map(|x| x * x).sum();
        for (name, layer) in all(drop, &device) {
            let expected = match name.split(':').next().unwrap() {
                "alpha" => ((1.0 - drop) / (1.0 + drop * OFF * OFF)).sqrt(),
                "concrete" | "spatial-concrete" => 1.0 - concrete_bias(drop),
                "drop-block" => continue, // exact, below
                _ => 1.0,
            };
            // The slope of y on x, row by row.
            let y = values(layer(x.clone(), &Pass::train(KEY).at("layer")));
            let slopes = by_row(&y, ENTRIES, |y| y.iter().zip(&row).map(|(y, x)| y * x).sum::<f64>() / squares);
            assert_mean(&slopes, expected, &format!("{device_name}: {name}"));
        }
    }
}

/// How far below `x` concrete dropout is on average, in units of x: the stated second order in the temperature.
fn concrete_bias(drop: f64) -> f64 {
    (std::f64::consts::PI * 0.1).powi(2) / 6.0 * drop * (1.0 - 2.0 * drop)
}

#[test]
fn concrete_dropouts_bias_is_the_stated_one_at_every_rate() {
    let (_, device) = devices().swap_remove(0);
    // The expectation as an integral over u, by the midpoint rule.
    let n = 20_000;
    let u: Vec<f32> = (0..n).map(|i| (i as f32 + 0.5) / n as f32).collect();
    let replay = Replay::new().with("layer", [1, n], u);
    for drop in [0.05, 0.1, 0.25, 0.5, 0.8] {
        let layer = ConcreteDropoutConfig::new().with_rate(drop).init(&device);
        let y = values(layer.forward(Tensor::<2>::ones([1, n], &device), &Pass::replay(&replay).at("layer")));
        let found = y.iter().sum::<f64>() / n as f64;
        // The fourth order is below 2 t^4.
        assert!((found - 1.0 + concrete_bias(drop)).abs() < 2e-4, "{found} at {drop}");
    }
}

#[test]
fn drop_block_keeps_the_sum_of_a_row_of_ones_and_drops_the_centre_more_than_the_corner() {
    let (drop, side, rows) = (0.1, 14, 4000);
    for (name, device) in devices() {
        let x = Tensor::ones([rows, 1, side, side], &device);
        let recorder = Recorder::new();
        let layer = DropBlockConfig::new(drop, 7).init();
        let y = values(layer.forward(x, &Pass::train(KEY).recorded(&recorder).at("layer")));
        let sums = by_row(&y, side * side, |row| row.iter().sum::<f64>() / (side * side) as f64);
        assert!(sums.iter().all(|sum| (sum - 1.0).abs() < OF_LARGEST || *sum == 0.0), "{name}");
        let Law::Bernoulli(gamma) = recorder.draws()[0].law else { panic!("seeds are drawn") };
        for (what, at, places) in [("corner", 0, 1), ("edge", 7, 7), ("centre", 7 * side + 7, 49)] {
            let expected = 1.0 - (1.0 - gamma.get()).powi(places);
            let dropped = by_row(&y, side * side, |row| f64::from(row[at] == 0.0));
            assert_mean(&dropped, expected, &format!("{name}: {what}"));
        }
    }
}

#[test]
fn where_one_block_covers_the_map_drop_block_keeps_what_is_not_lost_with_a_whole_row() {
    let side = 7;
    for (name, device) in devices() {
        for (drop, channels) in [(0.1, 1), (0.3, 1), (0.3, 3)] {
            let x = Tensor::ones([10_000, channels, side, side], &device);
            let y = values(DropBlockConfig::new(drop, 7).init().forward(x, &Pass::train(KEY).at("layer")));
            let means = by_row(&y, channels * side * side, |row| row.iter().sum::<f64>() / row.len() as f64);
            let expected = 1.0 - drop.powi(channels as i32); // 0.9, 0.7 and 0.973
            assert_mean(&means, expected, &format!("{name}: {drop} of {channels} channels"));
            let corners = by_row(&y, channels * side * side, |row| row[0]);
            assert_mean(&corners, expected, &format!("{name}: {drop} of {channels} channels, at a corner"));
        }
    }
}

#[test]
fn drop_blocks_mean_at_a_position_is_what_docs_dropout_md_says() {
    // `docs/dropout.md`: how much of x is left on average in the centre and in the corner of a map of 14 x 14.
    let side = 14;
    for (name, device) in devices() {
        for (drop, channels, centre, corner) in [(0.1, 8, 0.79, 1.11), (0.3, 1, 0.33, 1.51)] {
            let x = Tensor::ones([6000, channels, side, side], &device);
            let y = values(DropBlockConfig::new(drop, 7).init().forward(x, &Pass::train(KEY).at("layer")));
            let map = side * side;
            for (what, at, expected) in [("centre", 7 * side + 7, centre), ("corner", 0, corner)] {
                let here = by_row(&y, channels * map, |row| row.iter().skip(at).step_by(map).sum::<f64>());
                let (found, error) = mean(&here);
                let (found, error) = (found / channels as f64, error / channels as f64);
                // Four standard errors, and half of the last digit that is written there.
                assert!((found - expected).abs() < 4.0 * error + 0.005, "{name}: {found} +- {error} in the {what}");
            }
        }
    }
}

#[test]
fn a_row_that_lost_everything_is_zero_not_nan() {
    for (name, device) in devices_and_autodiff() {
        let layer = DropBlockConfig::new(0.5, 7).init();
        let replay = Replay::new().with("layer", [2, 3, 1, 1], [0.0, 0.0, 0.0, 1.0, 0.0, 1.0]);
        let y =
            values(layer.forward(ones(2, &device).slice([0..2, 0..3, 0..5, 0..5]), &Pass::replay(&replay).at("layer")));
        let channel = |value: f64| vec![value; 25];
        let expected: Vec<f64> = [0.0, 0.0, 0.0, 1.5, 0.0, 1.5].into_iter().flat_map(channel).collect();
        assert_near(&y, &expected, OF_LARGEST, name);
    }
}

#[test]
fn a_block_covers_what_it_should() {
    // Seeds at (0, 1) and (2, 0) of the 3 x 3 places of a 2 x 2 block on 4 x 4.
    let (k, d) = (1.0, 0.0);
    let free = [k, d, k, k, k, k, d, k, k];
    let mask = [k, d, d, k, k, d, d, k, d, d, k, k, d, d, k, k];
    let replay = Replay::new().with("layer", [1, 1, 3, 3], free);
    for (name, device) in devices_and_autodiff() {
        let x = Tensor::ones([2, 1, 4, 4], &device);
        let y = values(DropBlockConfig::new(0.3, 2).init().forward(x, &Pass::replay(&replay).at("layer")));
        let expected: Vec<f64> = mask.iter().chain(&mask).map(|m| f64::from(m * 2.0)).collect(); // 16 / 8
        assert_eq!(y, expected, "{name}");
    }
}

#[test]
fn alpha_dropout_keeps_mean_zero_and_variance_one() {
    for (name, device) in devices() {
        for drop in [0.05, 0.3] {
            let x: Tensor<4> = normal(3, [500, 1, 20, 20], &device);
            let y = values(kind(&format!("alpha:{drop}"), &device).forward(x, &Pass::train(KEY).at("layer")));
            assert_mean(&y, 0.0, name);
            assert_mean(&y.iter().map(|y| y * y).collect::<Vec<_>>(), 1.0, name);
        }
    }
}

#[test]
fn the_mean_pass_leaves_every_bit_alone() {
    for (device_name, device) in devices_and_autodiff() {
        let x = maps(1, 4, &device);
        for (name, layer) in all(0.5, &device) {
            assert_eq!(bits(layer(x.clone(), &Pass::mean().at("layer"))), bits(x.clone()), "{device_name}: {name}");
        }
        let (linear, conv) = (linear(&device), conv(&device));
        let (drop_connect, pass) = (DropConnectConfig::new(0.5).init(), Pass::mean());
        let flat = x.clone().flatten::<2>(1, 3);
        assert_eq!(
            bits(drop_connect.linear(&linear, flat.clone(), &pass)),
            bits(linear.forward(flat)),
            "{device_name}"
        );
        // On ndarray a convolution is an operation of our own, elsewhere Burn's with the bias behind it.
        let (ours, burns) = (drop_connect.conv2d(&conv, x.clone(), &pass), conv.forward(x));
        assert_near(&values(ours), &values(burns), OF_LARGEST, device_name);
    }
}

#[test]
fn a_rate_of_zero_leaves_every_bit_alone_and_is_noted_as_a_site() {
    for (device_name, device) in devices_and_autodiff() {
        let x = maps(1, 4, &device);
        for pass in [Pass::train(KEY), Pass::network(KEY), Pass::rows(KEY, 3)] {
            let alone = |name: &str, run: &dyn Fn(&Pass<'_>) -> Vec<u32>, expected: Vec<u32>| {
                let recorder = Recorder::new();
                let what = format!("{device_name}: {name}, {pass:?}");
                assert_eq!(run(&pass.recorded(&recorder).at("layer")), expected, "{what}");
                assert!(recorder.audit().is_ok() && recorder.all_rates_zero(), "{what}");
                assert_eq!(recorder.draws()[0].site, "layer", "{what}");
            };
            for (name, layer) in fixed(0.0, &device) {
                alone(&name, &|pass| bits(layer(x.clone(), pass)), bits(x.clone()));
            }
            let (conv, drop_connect) = (conv(&device), DropConnectConfig::new(0.0).init());
            let convolved = bits(drop_connect.conv2d(&conv, x.clone(), &Pass::mean()));
            alone("drop connect", &|pass| bits(drop_connect.conv2d(&conv, x.clone(), pass)), convolved);
        }
    }
}

#[test]
fn a_row_does_not_depend_on_its_batch_mates() {
    for (device_name, device) in devices_and_autodiff() {
        let (x, mates) = (maps(1, 6, &device), maps(2, 6, &device));
        for (name, layer) in all(0.4, &device) {
            let what = format!("{device_name}: {name}");
            let whole = bits(layer(x.clone(), &Pass::rows(KEY, 100).at("layer")));
            for row in 0..6 {
                let alone = layer(x.clone().narrow(0, row, 1), &Pass::rows(KEY, 100 + row as u64).at("layer"));
                assert_eq!(bits(alone), whole[row * ENTRIES..(row + 1) * ENTRIES], "{what}: row {row}");
            }
            let trained = bits(layer(x.clone(), &Pass::train(KEY).at("layer")));
            let other = Tensor::cat(vec![x.clone().narrow(0, 0, 2), mates.clone().narrow(0, 0, 3)], 0);
            let other = bits(layer(other, &Pass::train(KEY).at("layer")));
            assert_eq!(other[..2 * ENTRIES], trained[..2 * ENTRIES], "{what}: other mates");
        }
    }
}

#[test]
fn training_draws_rows_of_their_own_and_a_network_one_for_all() {
    for (device_name, device) in devices_and_autodiff() {
        let x = ones(8, &device);
        for (name, layer) in all(0.5, &device) {
            let what = format!("{device_name}: {name}");
            let rows = |pass: &Pass<'_>| bits(layer(x.clone(), &pass.at("layer")));
            let trained = rows(&Pass::train(KEY));
            assert!(trained.chunks(ENTRIES).any(|row| row != &trained[..ENTRIES]), "{what}: rows differ");
            let network = rows(&Pass::network(KEY));
            assert!(network.chunks(ENTRIES).all(|row| row == &network[..ENTRIES]), "{what}: rows share");
            let others = |n: u64| rows(&Pass::network(KEY.fold(n))) != network; // one branch, kept or not: half of them
            assert!((0..20).any(others), "{what}: networks differ");
        }
    }
}

#[test]
fn a_networks_draw_is_the_same_in_every_batch() {
    for (device_name, device) in devices_and_autodiff() {
        let x = maps(1, 5, &device);
        for (name, layer) in all(0.4, &device) {
            let whole = bits(layer(x.clone(), &Pass::network(KEY).at("layer")));
            let one = bits(layer(x.clone().narrow(0, 3, 1), &Pass::network(KEY).at("layer")));
            assert_eq!(one, whole[3 * ENTRIES..4 * ENTRIES], "{device_name}: {name}");
        }
    }
}

#[test]
fn several_networks_on_one_batch_are_each_the_network_of_its_key() {
    let keys = [KEY, KEY.fold(1), KEY.fold(2)];
    for (device_name, device) in devices_and_autodiff() {
        for rows_each in [1, 2] {
            let x = maps(1, 3 * rows_each, &device);
            let part = |i: usize| x.clone().narrow(0, i * rows_each, rows_each);
            for (name, layer) in all(0.4, &device) {
                let together = bits(layer(x.clone(), &Pass::networks(&keys, rows_each).at("layer")));
                for (i, (key, together)) in keys.iter().zip(together.chunks(rows_each * ENTRIES)).enumerate() {
                    let alone = bits(layer(part(i), &Pass::network(*key).at("layer")));
                    assert_eq!(together, alone, "{device_name}: {name}, network {i} of {rows_each} rows");
                }
            }
            let (linear, conv, drop_connect) = (linear(&device), conv(&device), DropConnectConfig::new(0.4).init());
            let run = |x: Tensor<4>, pass: &Pass<'_>| {
                let flat = drop_connect.linear(&linear, x.clone().flatten(1, 3), &pass.at("linear"));
                (values(flat), values(drop_connect.conv2d(&conv, x, &pass.at("conv"))))
            };
            let (flat, convolved) = run(x.clone(), &Pass::networks(&keys, rows_each));
            for (i, key) in keys.iter().enumerate() {
                let alone = run(part(i), &Pass::network(*key));
                let share = |all: &[f64]| all.chunks(all.len() / 3).nth(i).unwrap().to_vec();
                assert_near(&share(&flat), &alone.0, OF_LARGEST, &format!("{device_name}: linear, network {i}"));
                assert_near(&share(&convolved), &alone.1, OF_LARGEST, &format!("{device_name}: conv2d, network {i}"));
            }
        }
    }
}

#[test]
fn every_device_draws_the_same() {
    for pass in [Pass::train(KEY), Pass::network(KEY)] {
        let on = |device: &Device| {
            let x = ones(4, device);
            all(0.3, device).into_iter().map(move |(name, layer)| (name, values(layer(x.clone(), &pass.at("layer")))))
        };
        let (_, first) = devices().swap_remove(0);
        let first: Vec<_> = on(&first).collect();
        for (device_name, device) in devices_and_autodiff() {
            for ((name, found), (_, expected)) in on(&device).zip(&first) {
                assert_near(&found, expected, OF_LARGEST, &format!("{device_name}: {name}"));
            }
        }
    }
}

fn linear(device: &Device) -> Linear {
    init_weights(LinearConfig::new(ENTRIES, 7).init(device), KEY)
}

fn conv(device: &Device) -> Conv2d {
    let config =
        Conv2dConfig::new([3, 4], [3, 2]).with_stride([2, 1]).with_padding(PaddingConfig2d::Explicit(1, 0, 1, 1));
    let conv = config.init(device);
    let _ = (conv.weight.val(), conv.bias.as_ref().unwrap().val()); // Burn draws at first use
    conv
}

/// A layer that hands out its weights, one output for each row of the identity.
fn ones_layer(d_input: usize, d_output: usize, device: &Device) -> Linear {
    let layer = LinearConfig::new(d_input, d_output).with_bias(false).init(device);
    Linear { weight: burn::module::Param::from_tensor(Tensor::ones([d_input, d_output], device)), ..layer }
}

#[test]
fn drop_connect_drops_weights_at_its_rate_and_keeps_their_mean() {
    for (name, device) in devices() {
        for drop in [0.1, 0.5] {
            let layer = ones_layer(200, 100, &device);
            let drop_connect = DropConnectConfig::new(drop).init();
            let pass = Pass::network(KEY);
            let weights = values(drop_connect.linear(&layer, Tensor::eye(200, &device), &pass.at("layer")));
            assert!(weights.iter().all(|&w| w == 0.0 || (w * (1.0 - drop) - 1.0).abs() < 1e-6), "{name}");
            let dropped: Vec<f64> = weights.iter().map(|&w| f64::from(w == 0.0)).collect();
            assert_mean(&dropped, drop, name);
            assert_mean(&weights, 1.0, name);
        }
    }
}

#[test]
fn drop_connect_averages_to_the_layer() {
    for (name, device) in devices() {
        let (linear, x) = (linear(&device), normal(2, [1, ENTRIES], &device));
        let expected = values(linear.forward(x.clone()));
        let drop_connect = DropConnectConfig::new(0.3).init();
        let keys: Vec<Key> = (0..2000).map(|n| KEY.fold(n)).collect();
        let y = values(drop_connect.linear(&linear, x.expand([2000, ENTRIES]), &Pass::networks(&keys, 1).at("layer")));
        for (unit, expected) in expected.into_iter().enumerate() {
            assert_mean(&by_row(&y, 7, |row| row[unit]), expected, &format!("{name}: unit {unit}"));
        }
    }
}

#[test]
fn weights_are_masked_once_for_a_training_batch_as_by_the_network_of_its_key() {
    for (name, device) in devices_and_autodiff() {
        let (conv, x) = (conv(&device), maps(1, 3, &device));
        let drop_connect = DropConnectConfig::new(0.5).init();
        let run = |pass: Pass<'_>| bits(drop_connect.conv2d(&conv, x.clone(), &pass.at("layer")));
        assert_eq!(run(Pass::train(KEY)), run(Pass::network(KEY)), "{name}");
        assert_ne!(run(Pass::train(KEY)), run(Pass::train(KEY.fold(1))), "{name}");
        let recorder = Recorder::new();
        let drawn = run(Pass::train(KEY).recorded(&recorder));
        let replay = recorder.replay();
        assert_eq!(run(Pass::replay(&replay)), drawn, "{name}: recorded weights are drawn again");
        assert_eq!(recorder.draws()[0].shape, [1, 4, 3, 3, 2], "{name}");
    }
}

#[test]
fn a_mask_of_weights_has_one_row_for_each_network() {
    let law = Law::Bernoulli(rate(0.5));
    let keys = [KEY, KEY.fold(1)];
    let replay = Replay::new().with("weights", [1, 2, 3], [1.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
    for (name, device) in devices() {
        let draw = |pass: Pass<'_>| pass.at("weights").draw_weights(law, [1, 2, 3], &device);
        let (one, other) = (draw(Pass::network(keys[0])).unwrap(), draw(Pass::network(keys[1])).unwrap());
        assert_eq!(one.dims(), [1, 2, 3], "{name}");
        for rows_each in [1, 5] {
            let both = draw(Pass::networks(&keys, rows_each)).unwrap();
            assert_eq!(both.dims(), [2, 2, 3], "{name}");
            assert_eq!(bits(both), [bits(one.clone()), bits(other.clone())].concat(), "{name}");
        }
        assert_eq!(values(draw(Pass::replay(&replay)).unwrap()), [1.0, 0.0, 0.0, 1.0, 1.0, 0.0], "{name}");
        assert!(draw(Pass::mean()).is_none(), "{name}");
        let zero = Pass::rows(KEY, 0).at("weights").draw_weights(Law::Bernoulli(rate(0.0)), [1, 2], &device);
        assert!(zero.is_none(), "{name}: nothing to draw is no error");
    }
}

#[test]
fn masks_of_weights_by_row_are_an_error_of_the_audit() {
    for (name, device) in devices_and_autodiff() {
        let (linear, x) = (linear(&device), normal(1, [4, ENTRIES], &device));
        let recorder = Recorder::new();
        let pass = Pass::rows(KEY, 0).recorded(&recorder);
        let y = DropConnectConfig::new(0.5).init().linear(&linear, x.clone(), &pass.at("head").at("drop_connect"));
        assert_eq!(bits(y), bits(linear.forward(x)), "{name}: nothing is drawn");
        match recorder.audit() {
            Err(error @ Error::WeightMaskByRow { .. }) => {
                assert!(error.to_string().starts_with("`head.drop_connect` masks weights"), "{error}")
            }
            other => panic!("{name}: {other:?}"),
        }
        assert!(!recorder.all_rates_zero());
    }
}

#[test]
#[should_panic(expected = "`layer` masks weights, which rows cannot have of their own")]
fn masks_of_weights_by_row_without_an_audit_panic() {
    let (_, device) = devices().swap_remove(0);
    let x = normal(1, [4, ENTRIES], &device);
    DropConnectConfig::new(0.5).init().linear(&linear(&device), x, &Pass::rows(KEY, 0).at("layer"));
}

#[test]
#[should_panic(expected = "draws for 6 rows, the pass is for 8")]
fn drop_connect_refuses_a_batch_that_several_networks_were_not_made_for() {
    let (_, device) = devices().swap_remove(0);
    let x = normal(1, [6, ENTRIES], &device);
    DropConnectConfig::new(0.5).init().linear(&linear(&device), x, &Pass::networks(&[KEY, KEY.fold(1)], 4).at("layer"));
}

#[test]
fn the_kept_units_are_those_that_forward_keeps() {
    let (dense, spatial) = (Dropout::new(rate(0.4)), SpatialDropout2d::new(rate(0.4)));
    let replay =
        Replay::new().with("dense", [1, 5], [1.0, 0.0, 0.0, 1.0, 1.0]).with("spatial", [1, 4], [0.0, 1.0, 1.0, 0.0]);
    for (name, device) in devices() {
        for pass in [Pass::mean(), Pass::network(KEY), Pass::networks(&[KEY.fold(8)], 3), Pass::replay(&replay)] {
            let kept = dense.kept(5, &pass.at("dense")).unwrap();
            let y = values(dense.forward(Tensor::<2>::ones([3, 5], &device), &pass.at("dense")));
            let expected: Vec<usize> = (0..5).filter(|&unit| y[unit] != 0.0).collect();
            assert_eq!(kept, expected, "{name}: {pass:?}");
            let kept = spatial.kept(4, &pass.at("spatial")).unwrap();
            let y = values(spatial.forward(Tensor::ones([3, 4, 2, 2], &device), &pass.at("spatial")));
            let expected: Vec<usize> = (0..4).filter(|&channel| y[channel * 4] != 0.0).collect();
            assert_eq!(kept, expected, "{name}: {pass:?}");
        }
    }
    assert_eq!(dense.kept(5, &Pass::replay(&replay).at("dense")).unwrap(), [0, 3, 4]);
    let by_row = Replay::new().with("dense", [2, 5], [1.0; 10]);
    let keys = [KEY, KEY.fold(1)];
    for pass in [Pass::train(KEY), Pass::rows(KEY, 7), Pass::networks(&keys, 2), Pass::replay(&by_row)] {
        assert_eq!(dense.kept(5, &pass.at("dense")), None, "{pass:?}");
        assert_eq!(Dropout::new(rate(0.0)).kept(3, &pass.at("dense")).unwrap(), [0, 1, 2], "{pass:?}");
    }
}

#[test]
fn concrete_dropout_is_a_number_at_every_logit() {
    for (name, device) in devices() {
        let device = device.autodiff();
        for logit in [-1e4, -100.0, -20.0, 0.0, 20.0, 100.0, 1e4] {
            let mut layer = ConcreteDropoutConfig::new().init(&device);
            layer.logit = burn::module::Param::from_tensor(tensor(&[logit], [1], &device).require_grad());
            let x = normal::<2>(1, [50, 40], &device).require_grad();
            let y = layer.forward(x.clone(), &Pass::train(KEY).at("layer"));
            let squares: Tensor<1> = tensor(&[3.0], [1], &device);
            let regulariser = layer.regulariser(squares, 40);
            let mut found = [values(y.clone()), values(regulariser.clone())].concat();
            let gradients = (y.sum() + regulariser).backward();
            found.extend(values(x.grad(&gradients).unwrap()));
            found.extend(values(layer.logit.val().grad(&gradients).unwrap()));
            assert!(found.iter().all(|value| value.is_finite()), "{name}: at {logit}");
        }
    }
}

#[test]
fn a_learned_rate_learns_wherever_it_may_begin() {
    for (name, device) in devices() {
        let device = device.autodiff();
        for drop in [1e-13, 0.5, 1.0 - 1e-13] {
            let layer = ConcreteDropoutConfig::new().with_rate(drop).with_length_scale(1.0).init(&device);
            let gradients = layer.regulariser(tensor(&[3.0], [1], &device), 40).backward();
            let slope = values(layer.logit.val().grad(&gradients).unwrap())[0];
            assert!(slope != 0.0 && slope.is_finite(), "{name}: {slope} at {drop}");
        }
    }
}

#[test]
fn a_learned_rate_is_a_parameter_and_can_be_read() {
    for (name, device) in devices_and_autodiff() {
        let layer: ConcreteDropout = ConcreteDropoutConfig::new().with_rate(0.25).init(&device);
        assert!((layer.rate() - 0.25).abs() < 1e-6, "{name}");
        assert_eq!(parameters(&layer).keys().collect::<Vec<_>>(), ["logit"], "{name}");
        let spatial = kind("spatial-concrete:0.25", &device);
        assert_eq!(parameters(&spatial).keys().collect::<Vec<_>>(), ["SpatialConcrete.logit"], "{name}");
        // The hand calculation: 0.5^2 / 2 * 3 / 0.75 + 10 (0.25 ln 0.25 + 0.75 ln 0.75)
        let layer = ConcreteDropoutConfig::new().with_rate(0.25).with_length_scale(0.5).init(&device);
        let regulariser = values(layer.regulariser(tensor(&[3.0], [1], &device), 10));
        assert_near(&regulariser, &[0.5 - 5.623351446188083], OF_LARGEST, name);
    }
}

#[test]
fn every_kind_is_audited_and_none_is_no_site() {
    for (name, device) in devices() {
        let conv = conv(&device);
        for text in [
            "none",
            "element:0.5",
            "spatial:0.5",
            "drop-block:0.5:3",
            "gaussian:0.5",
            "alpha:0.5",
            "drop-connect:0.5",
            "concrete:0.5",
            "spatial-concrete:0.5",
            "element:0",
        ] {
            let what = format!("{name}: {text}");
            let dropout = kind(text, &device);
            let recorder = Recorder::new();
            let run = |pass: Pass<'_>| {
                let x = dropout.conv2d(&conv, maps(1, 4, &device), &pass.at("dropout"));
                bits(dropout.forward(x, &pass.at("dropout")))
            };
            let network = run(Pass::network(KEY).recorded(&recorder));
            match text {
                "none" => assert!(matches!(recorder.audit(), Err(Error::NoNoise)), "{what}"),
                _ => assert!(recorder.audit().is_ok() && recorder.draws()[0].site == "dropout", "{what}"),
            }
            assert_eq!(dropout.is_random(), !["none", "element:0"].contains(&text), "{what}");
            assert_eq!(dropout.is_random(), network != run(Pass::mean()), "{what}");
        }
    }
}

#[test]
fn layers_show_what_tells_them_apart() {
    let (_, device) = devices().swap_remove(0);
    for (text, shown) in [
        ("element:0.5", "Dropout {rate: 0.5}"),
        ("spatial:0.2", "SpatialDropout2d {rate: 0.2}"),
        ("drop-block:0.1:7", "DropBlock {rate: 0.1, block: 7}"),
        ("gaussian:0.3", "GaussianDropout {rate: 0.3}"),
        ("alpha:0.05", "AlphaDropout {rate: 0.05}"),
        ("drop-connect:0.4", "DropConnect {rate: 0.4}"),
        ("concrete", "ConcreteDropout {start_rate: 0.1, temperature: 0.1, length_scale: 0.0001"),
        ("concrete:0.5", "ConcreteDropout {start_rate: 0.5, "),
        ("spatial-concrete:0.25", "SpatialConcreteDropout2d {start_rate: 0.25, "),
        ("none", "NoDropout"),
    ] {
        let found = kind(text, &device).to_string();
        assert!(found.contains(shown), "{found}");
    }
    assert!(StochasticDepth::new(rate(0.2)).to_string().contains("{rate: 0.2}"));
}

#[test]
fn layers_refuse_settings_that_make_none() {
    let refuses = |make: &dyn Fn() -> String| std::panic::catch_unwind(std::panic::AssertUnwindSafe(make)).is_err();
    let (_, device) = devices().swap_remove(0);
    assert!(refuses(&|| GaussianDropoutConfig::new(1.0).init().to_string()));
    assert!(refuses(&|| StochasticDepthConfig::new(f64::NAN).init().to_string()));
    assert!(refuses(&|| DropBlockConfig::new(0.1, 0).init().to_string()));
    for rate in [0.0, 1e-14, 1.0 - 1e-14, 1.0, f64::NAN] {
        assert!(refuses(&|| ConcreteDropoutConfig::new().with_rate(rate).init(&device).to_string()), "{rate}");
    }
    assert!(refuses(&|| ConcreteDropoutConfig::new().with_length_scale(-1.0).init(&device).to_string()));
}
