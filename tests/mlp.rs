//! The MLP: its sites, its configuration, its initial weights, and the batches that its passes share.

mod common;

use std::collections::BTreeMap;

use burn::{
    config::Config,
    module::Module,
    store::ModuleRecord,
    tensor::{Device, Distribution, Tensor, TensorData},
};
use burn_zoo::{
    Error, Key, Law, Pass, Recorder, Statistics, Stochastic,
    models::{Mlp, MlpConfig, Noise, Task},
    nn::Activation,
    outputs::Outputs,
};
use common::{OF_LARGEST, assert_near, bits, devices, devices_and_autodiff, normal, parameters, rate, values};

const INPUTS: usize = 5;
const CLASSIFIER: Task = Task::MultiClass { classes: 3 };
const PREDICTED: Task = Task::Regression { targets: 2, noise: Noise::Predicted };

/// Two hidden layers, a rate of its own at each site.
fn config() -> MlpConfig {
    MlpConfig::new(INPUTS, CLASSIFIER)
        .with_hidden(vec![16, 12])
        .with_input_rate(rate(0.2))
        .with_rates(vec![rate(0.3), rate(0.5)])
}

fn mlp(config: MlpConfig, device: &Device) -> Mlp {
    config.init(device, Key::new(1))
}

/// What a pass over eight rows draws, by site.
fn draws(config: MlpConfig, pass: &Pass<'_>, device: &Device) -> BTreeMap<String, Option<TensorData>> {
    let recorder = Recorder::new();
    let input = Tensor::ones([8, config.d_input], device);
    mlp(config, device).forward(input, &pass.recorded(&recorder));
    let draws = recorder.draws();
    let count = draws.len();
    let draws: BTreeMap<_, _> = draws.into_iter().map(|draw| (draw.site, draw.values)).collect();
    assert_eq!(draws.len(), count, "no two draws share a site");
    draws
}

/// Each way of drawing.
fn passes() -> [Pass<'static>; 3] {
    [Pass::train(Key::new(3)), Pass::network(Key::new(3)), Pass::rows(Key::new(3), 40)]
}

#[test]
fn sites_are_the_paths_of_the_dropouts_with_their_rates_and_widths() {
    for (name, device) in devices() {
        let recorder = Recorder::new();
        let pass = Pass::train(Key::new(3));
        mlp(config(), &device).forward(Tensor::ones([8, INPUTS], &device), &pass.recorded(&recorder));
        let draws = recorder.draws().into_iter();
        let found: Vec<_> = draws.map(|draw| (draw.site, draw.law, draw.shape, draw.again)).collect();
        let site = |path: &str, q, width| (path.to_string(), Law::Bernoulli(rate(q)), vec![8, width], false);
        let expected =
            [site("input_dropout", 0.2, INPUTS), site("layers.0.dropout", 0.3, 16), site("layers.1.dropout", 0.5, 12)];
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_dropout_lies_beside_the_parameters_of_its_layer() {
    // A site is a path of the same tree as a parameter's.
    for (name, device) in devices() {
        let parameters = parameters(&mlp(config(), &device));
        for site in draws(config(), &passes()[0], &device).keys().filter(|site| site.starts_with("layers")) {
            let layer = site.strip_suffix("dropout").unwrap();
            assert!(parameters.contains_key(&format!("{layer}linear.weight")), "{name}: {site}");
        }
    }
}

#[test]
fn batch_norm_changes_no_mask() {
    for (name, device) in devices() {
        for pass in passes() {
            let expected = draws(config(), &pass, &device);
            assert_eq!(draws(config().with_batch_norm(true), &pass, &device), expected, "{name}: {pass:?}");
        }
    }
}

#[test]
fn a_rate_elsewhere_changes_no_mask() {
    for (name, device) in devices() {
        for pass in passes() {
            let all = draws(config(), &pass, &device);
            let without = draws(config().with_input_rate(rate(0.0)), &pass, &device);
            assert_eq!(without["input_dropout"], None, "{name}: a rate of zero is noted and draws nothing");
            for site in ["layers.0.dropout", "layers.1.dropout"] {
                assert!(all[site].is_some() && without[site] == all[site], "{name}, {site}: {pass:?}");
            }
        }
    }
}

#[test]
fn another_layer_changes_no_mask_before_it() {
    for (name, device) in devices() {
        for pass in passes() {
            let all = draws(config(), &pass, &device);
            let deeper = config().with_hidden(vec![16, 12, 7]).with_rates(vec![rate(0.3), rate(0.5), rate(0.1)]);
            let deeper = draws(deeper, &pass, &device);
            assert!(deeper.contains_key("layers.2.dropout"), "{name}");
            assert!(all.iter().all(|(site, mask)| deeper[site] == *mask), "{name}: {pass:?}");
        }
    }
}

#[test]
fn one_rate_holds_for_all_hidden_layers() {
    for (name, device) in devices() {
        let one = draws(config().with_rates(vec![rate(0.4)]), &passes()[0], &device);
        assert_eq!(one, draws(config().with_rates(vec![rate(0.4); 2]), &passes()[0], &device), "{name}");
    }
}

#[test]
fn the_mean_pass_draws_at_every_site_and_gets_nothing() {
    for (name, device) in devices() {
        let draws = draws(config(), &Pass::mean(), &device);
        assert!(draws.len() == 3 && draws.values().all(Option::is_none), "{name}");
    }
}

#[test]
fn a_configuration_survives_json() {
    let config = config().with_activation(Activation::Gelu).with_batch_norm(true);
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<MlpConfig>(&text).unwrap(), config, "{text}");
    for task in [CLASSIFIER, Task::Binary, Task::MultiLabel { labels: 4 }, PREDICTED] {
        let config = MlpConfig::new(2, task);
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<MlpConfig>(&text).unwrap(), config, "{text}");
    }
}

#[test]
fn a_configuration_survives_burns_own_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mlp.json");
    config().save(&file).unwrap();
    assert_eq!(MlpConfig::load(&file).unwrap(), config());
}

#[test]
fn a_rate_in_a_file_is_checked_as_it_is_read() {
    let text = serde_json::to_string(&config()).unwrap();
    let bad = text.replace("\"input_rate\":0.2", "\"input_rate\":1.5");
    assert_ne!(bad, text);
    let error = serde_json::from_str::<MlpConfig>(&bad).unwrap_err().to_string();
    assert!(error.contains("1.5"), "{error}");
}

#[test]
fn what_makes_no_network_is_refused_by_its_name() {
    let regression = |targets| Task::Regression { targets, noise: Noise::Constant };
    let rates = |n: usize| vec![rate(0.1); n];
    for (bad, named) in [
        (MlpConfig::new(0, CLASSIFIER), "d_input"),
        (config().with_hidden(vec![16, 0]), "hidden"),
        (config().with_rates(rates(0)), "rates"),
        (config().with_rates(rates(3)), "rates"),
        (MlpConfig::new(2, Task::MultiClass { classes: 1 }), "classes"),
        (MlpConfig::new(2, Task::MultiLabel { labels: 0 }), "labels"),
        (MlpConfig::new(2, regression(0)), "targets"),
    ] {
        match bad.check() {
            Err(error @ Error::Config { .. }) => {
                assert!(error.to_string().starts_with(&format!("`{named}` is ")), "{error}")
            }
            other => panic!("{named}: {other:?}"),
        }
    }
    for good in [config(), config().with_rates(rates(1)), config().with_hidden(vec![]).with_rates(rates(0))] {
        assert!(good.check().is_ok(), "{good}");
    }
}

#[test]
#[should_panic(expected = "`rates` is 3 rates: expected 1 or 2, one for each hidden layer")]
fn an_unchecked_configuration_panics_with_the_same_words() {
    let (_, device) = devices().swap_remove(0);
    mlp(config().with_rates(vec![rate(0.1); 3]), &device);
}

#[test]
fn every_parameter_has_its_shape() {
    for (name, device) in devices() {
        for (task, outputs) in [(CLASSIFIER, 3), (Task::Binary, 1), (Task::MultiLabel { labels: 4 }, 4), (PREDICTED, 4)]
        {
            let mlp = mlp(MlpConfig { task, ..config() }, &device);
            let found: BTreeMap<_, _> =
                parameters(&mlp).into_iter().map(|(path, values)| (path, values.len())).collect();
            let expected = [
                ("layers.0.linear.weight", INPUTS * 16),
                ("layers.0.linear.bias", 16),
                ("layers.1.linear.weight", 16 * 12),
                ("layers.1.linear.bias", 12),
                ("output.weight", 12 * outputs),
                ("output.bias", outputs),
            ];
            assert_eq!(found, expected.map(|(path, n)| (path.to_string(), n)).into(), "{name}: {task:?}");
            assert_eq!((mlp.d_input(), mlp.task()), (INPUTS, task), "{name}");
        }
    }
}

/// The bits of every parameter, by path.
fn weights(mlp: &Mlp) -> BTreeMap<String, Vec<u64>> {
    let bits = |values: Vec<f64>| values.into_iter().map(f64::to_bits).collect();
    parameters(mlp).into_iter().map(|(path, values)| (path, bits(values))).collect()
}

#[test]
fn initial_weights_are_the_same_bits_on_every_device() {
    let all: Vec<_> =
        devices_and_autodiff().iter().map(|(name, device)| (*name, weights(&mlp(config(), device)))).collect();
    for (name, found) in &all[1..] {
        assert_eq!(found, &all[0].1, "{name} against {}", all[0].0);
    }
}

#[test]
fn initial_weights_do_not_depend_on_burns_generator_on_other_draws_or_on_threads() {
    for (name, device) in devices() {
        let expected = weights(&mlp(config(), &device));
        for seed in 0..3 {
            device.seed(seed);
            let other = Tensor::<1>::random([100], Distribution::Default, &device);
            assert_eq!(weights(&mlp(config(), &device)), expected, "{name}: seed {seed}, after {}", other.dims()[0]);
        }
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| weights(&mlp(config(), &device)))).collect();
            for thread in threads {
                assert_eq!(thread.join().unwrap(), expected, "{name}");
            }
        });
    }
}

#[test]
fn the_order_in_which_parameters_are_first_used_does_not_matter() {
    for (name, device) in devices() {
        let expected = weights(&mlp(config(), &device));
        let used = mlp(config(), &device);
        used.forward(Tensor::ones([1, INPUTS], &device), &Pass::mean());
        assert_eq!(weights(&used), expected, "{name}");
    }
}

#[test]
fn different_keys_and_different_layers_have_different_weights() {
    for (name, device) in devices() {
        let square = MlpConfig::new(8, CLASSIFIER).with_hidden(vec![8, 8]).with_rates(vec![rate(0.1)]);
        let [a, b] = [0, 1].map(|seed| weights(&square.init(&device, Key::new(seed))));
        for path in a.keys() {
            assert_ne!(a[path], b[path], "{name}: {path}");
        }
        assert_ne!(a["layers.0.linear.weight"], a["layers.1.linear.weight"], "{name}: equal shapes, other paths");
    }
}

#[test]
fn batch_norm_changes_no_initial_weight() {
    for (name, device) in devices() {
        let (plain, normed) =
            (weights(&mlp(config(), &device)), weights(&mlp(config().with_batch_norm(true), &device)));
        assert!(plain.iter().all(|(path, bits)| normed[path] == *bits), "{name}");
        assert_eq!(normed.len(), plain.len() + 2 * 4, "{name}: gamma, beta and two statistics a layer");
    }
}

#[test]
fn initial_weights_are_uniform_within_one_over_the_root_of_the_fan_in() {
    for (name, device) in devices() {
        let wide = MlpConfig::new(100, CLASSIFIER).with_hidden(vec![400]).init(&device, Key::new(1));
        for (path, values) in parameters(&wide) {
            let bound = 1.0 / if path.starts_with("output") { 400f64 } else { 100.0 }.sqrt();
            assert!(values.iter().all(|w| w.abs() <= bound), "{name}: {path}");
            let n = values.len() as f64;
            if n < 400.0 {
                continue; // too few for moments
            }
            // U(-b, b): mean 0, variance b^2 / 3; the variance of a square is 4 b^4 / 45.
            let (mean, _) = common::mean(&values);
            common::assert_standard_errors(
                mean,
                0.0,
                bound / (3.0 * n).sqrt(),
                4.0,
                &format!("{name}: mean of {path}"),
            );
            let square = values.iter().map(|w| w * w).sum::<f64>() / n;
            let error = bound * bound * (4.0 / 45.0 / n).sqrt();
            common::assert_standard_errors(
                square,
                bound * bound / 3.0,
                error,
                4.0,
                &format!("{name}: square of {path}"),
            );
        }
    }
}

#[test]
fn a_row_is_predicted_alike_in_any_batch() {
    for (name, device) in devices_and_autodiff() {
        let mlp = mlp(config().with_batch_norm(true), &device);
        let x = normal(2, [9, INPUTS], &device);
        for pass in [Pass::mean(), Pass::network(Key::new(5))] {
            let whole = values(mlp.forward(x.clone(), &pass));
            let largest = common::largest(&whole);
            for row in 0..9 {
                let alone = values(mlp.forward(x.clone().narrow(0, row, 1), &pass));
                common::assert_within(
                    &alone,
                    &whole[3 * row..3 * row + 3],
                    OF_LARGEST * largest,
                    &format!("{name}: {pass:?}"),
                );
            }
        }
    }
}

#[test]
fn a_pass_means_the_same_on_an_inner_and_on_an_autodiff_device() {
    for (name, device) in devices() {
        let autodiff = device.clone().autodiff();
        let x = normal(2, [9, INPUTS], &device);
        for pass in [Pass::mean(), passes()[0], passes()[1], passes()[2]] {
            let mlp = |device: &Device| mlp(config().with_batch_norm(true), device);
            let inner = mlp(&device).forward(x.clone(), &pass);
            assert_eq!(bits(inner), bits(mlp(&autodiff).forward(x.clone().autodiff(), &pass)), "{name}: {pass:?}");
        }
    }
}

#[test]
fn a_network_made_on_an_inner_device_can_be_put_on_an_autodiff_one_and_trained() {
    for (name, device) in devices() {
        let live = mlp(config(), &device.clone().autodiff());
        let made_inner = mlp(config(), &device).train();
        let x = normal(2, [4, INPUTS], &device.autodiff());
        let pass = Pass::train(Key::new(1));
        let [expected, found] =
            [live, made_inner].map(|mlp| common::gradients(&mlp, mlp.forward(x.clone(), &pass).square().sum()).0);
        assert_eq!(found.len(), 6, "{name}: weight and bias of three layers");
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_record_restores_every_bit() {
    for (name, device) in devices() {
        let trained = mlp(config().with_batch_norm(true), &device.clone().autodiff());
        trained.forward(normal(1, [8, INPUTS], &device).autodiff(), &Pass::train(Key::new(1)));
        let bytes = trained.valid().into_record().into_bytes().unwrap();
        let fresh = config().with_batch_norm(true).init(&device, Key::new(99));
        let loaded = fresh.load_record(ModuleRecord::from_bytes(bytes).unwrap());
        assert_eq!(parameters(&loaded), parameters(&trained), "{name}");
        let x = normal(2, [4, INPUTS], &device);
        let pass = Pass::network(Key::new(2));
        assert_eq!(bits(loaded.forward(x.clone(), &pass)), bits(trained.valid().forward(x, &pass)), "{name}");
    }
}

#[test]
fn predicted_log_variances_are_clamped_and_means_are_not() {
    for (name, device) in devices() {
        let linear = MlpConfig::new(1, PREDICTED).with_hidden(vec![]).init(&device, Key::new(1));
        let weights = [("output.weight", vec![100.0; 4]), ("output.bias", vec![0.0, 0.0, 0.0, 1.0])];
        let linear = common::with_parameters(linear, &weights.map(|(path, values)| (path.to_string(), values)).into());
        let x = common::tensor(&[1.0, -1.0, 0.0], [3, 1], &device);
        let raw = values(linear.forward(x.clone(), &Pass::mean()));
        assert_eq!(raw, [100.0, 100.0, 100.0, 101.0, -100.0, -100.0, -100.0, -99.0, 0.0, 0.0, 0.0, 1.0], "{name}");
        let Outputs::Gaussian(output) = linear.run(x, &Pass::mean()) else { panic!("predicted noise") };
        assert_eq!(values(output.mean), [100.0, 100.0, -100.0, -100.0, 0.0, 0.0], "{name}");
        assert_eq!(values(output.log_variance), [10.0, 10.0, -10.0, -10.0, 0.0, 1.0], "{name}");
    }
}

/// The raw outputs of `run_many` by number, each of which must come once.
fn run_many(mlp: &Mlp, x: &Tensor<2>, passes: &[Pass<'_>]) -> Vec<Vec<f64>> {
    let mut outputs = vec![None; passes.len()];
    mlp.run_many(x.clone(), passes, &mut |number, output| {
        let Outputs::Logits(logits) = output else { panic!("a classifier") };
        assert!(outputs[number].replace(values(logits.0)).is_none(), "pass {number} came twice");
    });
    outputs.into_iter().map(Option::unwrap).collect()
}

#[test]
fn passes_folded_into_one_batch_are_the_passes_one_by_one() {
    for (name, device) in devices() {
        let mlp = mlp(config().with_batch_norm(true), &device);
        // All in one batch; several batches, the last of them smaller; two to a batch; too many rows to fold.
        for (rows, n) in [(1, 1), (3, 50), (100, 13), (200, 5), (256, 3), (600, 3)] {
            let x = normal(2, [rows, INPUTS], &device);
            let passes: Vec<_> = (0..n).map(|i| Pass::network(Key::new(i))).collect();
            for (number, (found, pass)) in run_many(&mlp, &x, &passes).iter().zip(&passes).enumerate() {
                let expected = values(mlp.forward(x.clone(), pass));
                // Two layers of sums of at most 16 f32 numbers, added up in another order.
                assert_near(found, &expected, 1e-6, &format!("{name}, {rows} rows: pass {number} of {n}"));
            }
        }
    }
}

#[test]
fn passes_that_cannot_share_a_batch_run_one_by_one() {
    for (name, device) in devices() {
        let mlp = mlp(config().with_batch_norm(true), &device);
        let x = normal(2, [4, INPUTS], &device);
        let recorder = Recorder::new();
        let network = Pass::network(Key::new(1));
        let mixed =
            [network, Pass::mean(), Pass::rows(Key::new(1), 3), network.recorded(&recorder), network.at("tower")];
        for (found, pass) in run_many(&mlp, &x, &mixed).iter().zip(&mixed) {
            assert_near(found, &values(mlp.forward(x.clone(), pass)), 1e-6, &format!("{name}: {pass:?}"));
        }
        assert_eq!(recorder.draws().len(), 2 * 3, "{name}: once in the batch, once by hand");
        assert!(run_many(&mlp, &x, &[]).is_empty(), "{name}: no passes, no outputs");
        let by_batch = [1, 2].map(|seed| Pass::network(Key::new(seed)).with_statistics(Statistics::Batch));
        for (found, pass) in run_many(&mlp, &x, &by_batch).iter().zip(&by_batch) {
            let alone = values(mlp.forward(x.clone(), pass));
            assert_near(found, &alone, 1e-6, &format!("{name}: statistics are each network's own"));
        }
    }
}

#[test]
fn folded_passes_keep_their_place_in_a_larger_model() {
    for (name, device) in devices() {
        let mlp = mlp(config(), &device);
        let x = normal(2, [4, INPUTS], &device);
        let roots: Vec<_> = (0..5).map(|i| Pass::network(Key::new(i))).collect();
        let towers: Vec<_> = roots.iter().map(|pass| pass.at("tower")).collect();
        let found = run_many(&mlp, &x, &towers);
        for (found, pass) in found.iter().zip(&towers) {
            assert_near(found, &values(mlp.forward(x.clone(), pass)), 1e-6, name);
        }
        assert_ne!(found, run_many(&mlp, &x, &roots), "{name}: another site, other masks");
    }
}

#[test]
#[should_panic]
fn an_input_of_another_width_is_refused() {
    let (_, device) = devices().swap_remove(0);
    mlp(config(), &device).forward(Tensor::ones([2, INPUTS + 1], &device), &Pass::mean());
}
