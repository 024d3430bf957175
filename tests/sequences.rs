//! `Lstm` and what belongs to words: networks side by side, streams, padded texts, dropped words.

mod common;

use std::collections::BTreeSet;

use burn::{
    module::Param,
    nn::Embedding,
    tensor::{Device, Int, Tensor},
};
use burn_zoo::{
    Key, Pass, Rate, Recorder, Stochastic, StochasticStream,
    models::{Lstm, LstmConfig, Noise, SequenceInput, Task},
    nn::{EmbeddingDropout, EmbeddingDropoutConfig, MaskTime},
    outputs::Outputs,
    uncertainty::{MonteCarlo, Prediction},
};
use common::{
    OF_LARGEST, assert_near, assert_standard_errors, bits, devices, devices_and_autodiff, gradients, normal, rate,
    tensor, values,
};

const KEY: Key = Key::new(0x5EED);
const WORDS: usize = 9;
const PASSES: usize = 6;

fn rates(config: LstmConfig, q: f64) -> LstmConfig {
    let config = config.with_input_rate(rate(q)).with_recurrent_rate(rate(q)).with_output_rate(rate(q));
    match config.input {
        SequenceInput::Words { .. } => config.with_word_rate(rate(q)),
        SequenceInput::Numbers { .. } => config,
    }
}

/// Two numbers a step, and three that are known of the steps ahead.
fn forecaster() -> LstmConfig {
    let task = Task::Regression { targets: 3, noise: Noise::Predicted };
    LstmConfig::new(SequenceInput::Numbers { features: 2, known: 3 }, task).with_hidden(6).with_layers(2)
}

fn classifier() -> LstmConfig {
    let input = SequenceInput::Words { vocabulary: WORDS, embedding: 4 };
    LstmConfig::new(input, Task::MultiClass { classes: 3 }).with_hidden(6).with_bidirectional(true)
}

fn language() -> LstmConfig {
    let input = SequenceInput::Words { vocabulary: WORDS, embedding: 6 };
    LstmConfig::new(input, Task::NextWord { vocabulary: WORDS }).with_hidden(6).with_layers(2).with_tied(true)
}

fn init(config: &LstmConfig, device: &Device) -> Lstm {
    config.init(device, Key::new(1))
}

/// Rows for `forecaster`: 7 steps.
fn numbers(rows: usize, device: &Device) -> Tensor<2> {
    normal(2, [rows, 7 * 2 + 3], device)
}

fn words(seed: u64, [rows, steps]: [usize; 2]) -> Vec<f64> {
    let drawn = Key::new(seed).uniform(0, 1, rows * steps);
    drawn.into_iter().map(|u| f64::from(u * WORDS as f32).floor()).collect()
}

fn texts(rows: usize, device: &Device) -> Tensor<2> {
    tensor(&words(3, [rows, 8]), [rows, 8], device)
}

/// Words of a text that goes on, with what says whether each row begins here.
fn window(begins: &[bool], words: Tensor<2>) -> Tensor<2> {
    let begins: Vec<f64> = begins.iter().map(|&begins| f64::from(u8::from(begins))).collect();
    Tensor::cat(vec![tensor(&begins, [begins.len(), 1], &words.device()), words], 1)
}

fn raw(output: Outputs) -> Vec<f64> {
    values(burn_zoo::Predictive::packed(output))
}

/// Each model with a name and rows for it.
fn models(q: f64, device: &Device) -> Vec<(&'static str, Lstm, Tensor<2>)> {
    let rows = 3;
    vec![
        ("forecaster", init(&rates(forecaster(), q), device), numbers(rows, device)),
        ("classifier", init(&rates(classifier(), q), device), texts(rows, device)),
        ("language", init(&rates(language(), q), device), window(&[true; 3], texts(rows, device))),
    ]
}

#[test]
fn the_sites_of_a_model_are_its_field_paths() {
    let (_, device) = devices().swap_remove(0);
    for (name, model, x) in models(0.2, &device) {
        let recorder = Recorder::new();
        model.run(x, &Pass::network(KEY).recorded(&recorder));
        recorder.audit().unwrap();
        let draws = recorder.draws();
        let sites: Vec<&str> =
            draws.iter().filter(|draw| draw.values.is_some()).map(|draw| draw.site.as_str()).collect();
        let of = |path: &str| ["input_dropout", "recurrent_dropout"].map(|site| format!("lstm.layers.{path}.{site}"));
        let expected = match name {
            "forecaster" => [&of("0.forward")[..], &of("1.forward"), &["output_dropout".into()]].concat(),
            "classifier" => {
                [&["embedding_dropout".into()][..], &of("0.forward"), &of("0.reverse"), &["output_dropout".into()]]
                    .concat()
            }
            _ => {
                let last = "lstm.output_dropout".to_string();
                [&["embedding_dropout".into()][..], &of("0.forward"), &of("1.forward"), &[last]].concat()
            }
        };
        assert_eq!(sites, expected, "{name}");
    }
}

#[test]
fn rates_of_zero_give_no_spread_at_all() {
    for (device_name, device) in devices() {
        for (name, model, x) in models(0.0, &device) {
            let what = format!("{name} on {device_name}");
            match MonteCarlo::new(PASSES).keep_samples().predict(&model, x.clone()).unwrap() {
                Prediction::Regression(regression) => {
                    assert!(regression.epistemic_variance().iter().all(|variance| *variance == 0.0), "{what}");
                }
                Prediction::Classes(classes) => {
                    for (row, pass) in (0..classes.rows()).flat_map(|row| (0..PASSES).map(move |pass| (row, pass))) {
                        assert_eq!(classes.sample(pass, row), classes.sample(0, row), "{what}");
                    }
                }
                prediction => panic!("{prediction:?}"),
            }
            // And where something is dropped, there is some.
            let (_, model, _) = models(0.4, &device).into_iter().find(|(other, ..)| *other == name).unwrap();
            let distinct: BTreeSet<String> = (0..PASSES as u64)
                .map(|n| format!("{:?}", raw(model.run(x.clone(), &Pass::network(KEY.fold(n))))))
                .collect();
            assert_eq!(distinct.len(), PASSES, "{what}");
        }
    }
}

#[test]
fn a_pass_is_the_same_whatever_was_run_before_it() {
    for (device_name, device) in devices() {
        for (name, model, x) in models(0.3, &device) {
            let run = |key| raw(model.run(x.clone(), &Pass::network(key)));
            let first = run(KEY);
            run(Key::new(8));
            assert_eq!(run(KEY), first, "{name} on {device_name}");
        }
    }
}

#[test]
fn networks_that_share_a_batch_give_what_each_gives_alone() {
    for (device_name, device) in devices() {
        for (name, model, x) in models(0.3, &device) {
            let passes: Vec<Pass<'_>> = (0..PASSES as u64).map(|n| Pass::network(KEY.fold(n))).collect();
            let mut seen = BTreeSet::new();
            model.run_many(x.clone(), &passes, &mut |number, output| {
                let alone = raw(model.run(x.clone(), &passes[number]));
                assert_near(&raw(output), &alone, OF_LARGEST, &format!("{name} on {device_name}, pass {number}"));
                seen.insert(number);
            });
            assert_eq!(seen.len(), PASSES);
        }
    }
}

#[test]
fn networks_with_masked_weights_share_a_batch_too() {
    for (device_name, device) in devices() {
        let config = rates(language(), 0.2).with_weight_rate(rate(0.3)).with_mask_time(MaskTime::Step);
        let (model, x) = (init(&config, &device), window(&[true; 2], texts(2, &device)));
        let passes: Vec<Pass<'_>> = (0..PASSES as u64).map(|n| Pass::network(KEY.fold(n))).collect();
        model.run_many(x.clone(), &passes, &mut |number, output| {
            let alone = raw(model.run(x.clone(), &passes[number]));
            assert_near(&raw(output), &alone, OF_LARGEST, &format!("{device_name}, pass {number}"));
        });
    }
}

#[test]
fn a_row_is_predicted_alike_in_any_batch() {
    for (device_name, device) in devices() {
        for (name, model, x) in models(0.3, &device) {
            let sampler = MonteCarlo::new(PASSES).seed(5);
            let whole = sampler.outputs(&model, x.clone()).unwrap();
            let alone = sampler.outputs(&model, x.narrow(0, 1, 1)).unwrap();
            for (whole, alone) in whole.into_iter().zip(alone) {
                let whole = burn_zoo::Predictive::packed(whole).narrow(0, 1, 1);
                assert_near(&raw(alone), &values(whole), OF_LARGEST, &format!("{name} on {device_name}"));
            }
        }
    }
}

#[test]
fn what_is_known_of_the_steps_ahead_goes_to_the_head_alone() {
    for (device_name, device) in devices() {
        let model = init(&rates(forecaster(), 0.0), &device);
        let x = numbers(2, &device);
        let run = |x: Tensor<2>| raw(model.run(x, &Pass::mean()));
        let known = |value: f64| Tensor::cat(vec![x.clone().narrow(1, 0, 14), Tensor::full([2, 3], value, &device)], 1);
        let slope = |a: f64, b: f64| -> Vec<f64> {
            run(known(b)).iter().zip(run(known(a))).map(|(b_out, a_out)| (b_out - a_out) / (b - a)).collect()
        };
        // A linear layer: the same slope between any two values, and in any row.
        assert_near(&slope(0.0, 1.0), &slope(1.0, 3.0), 1e-4, device_name);
        let of_rows = slope(0.0, 1.0);
        assert_near(&of_rows[..6], &of_rows[6..], 1e-4, device_name);
    }
}

#[test]
fn a_shorter_text_is_judged_as_it_is_alone() {
    for (device_name, device) in devices() {
        let model = init(&rates(classifier(), 0.3), &device);
        let whole: Tensor<2> = texts(3, &device);
        let ends: Vec<f64> = [8, 3, 1].iter().flat_map(|&n| (0..8).map(move |t| f64::from(u8::from(t < n)))).collect();
        let ends: Tensor<2> = tensor(&ends, [3, 8], &device);
        let padded = whole.clone() * ends.clone() + ends - 1.0; // -1 behind an end
        let together = raw(model.run(padded, &Pass::rows(KEY, 0)));
        for (row, length) in [8, 3, 1].into_iter().enumerate() {
            let alone = whole.clone().narrow(0, row, 1).narrow(1, 0, length);
            let alone = raw(model.run(alone, &Pass::rows(KEY, row as u64)));
            assert_near(&together[row * 3..][..3], &alone, OF_LARGEST, &format!("row {row} on {device_name}"));
        }
    }
}

// Texts that go on.

#[test]
fn a_stream_of_windows_is_the_text_read_at_once_by_each_network() {
    for (device_name, device) in devices() {
        for time in [MaskTime::Sequence, MaskTime::Step] {
            let model = init(&rates(language(), 0.3).with_weight_rate(rate(0.2)).with_mask_time(time), &device);
            let text = texts(2, &device);
            let sampler = MonteCarlo::new(PASSES).keep_samples();
            let whole = sampler.stream(&model).step(window(&[true; 2], text.clone())).unwrap();
            let (mut stream, mut at) = (sampler.stream(&model), 0);
            for steps in [3, 1, 4] {
                let part = window(&[at == 0; 2], text.clone().narrow(1, at, steps));
                let found = stream.step(part).unwrap();
                assert_eq!((found.rows(), found.n_classes()), (2 * steps, WORDS), "a row for each step");
                for (pass, row) in (0..PASSES).flat_map(|pass| (0..2 * steps).map(move |row| (pass, row))) {
                    let of_whole = row / steps * 8 + at + row % steps;
                    let (found, expected) = (found.sample(pass, row).unwrap(), whole.sample(pass, of_whole).unwrap());
                    assert_near(
                        &found,
                        &expected,
                        OF_LARGEST,
                        &format!("{device_name}, {time:?}, step {at}, pass {pass}"),
                    );
                }
                at += steps;
            }
        }
    }
}

#[test]
fn a_row_that_begins_a_new_text_remembers_nothing_of_the_last() {
    for (device_name, device) in devices() {
        let model = init(&rates(language(), 0.3), &device);
        let (first, second) = (texts(2, &device), tensor(&words(4, [2, 5]), [2, 5], &device));
        let pass = Pass::network(KEY);
        let (_, state) = model.step(window(&[true; 2], first), None, &pass);
        let after = model.step(window(&[true, false], second.clone()), Some(state), &pass).0.0;
        let fresh = model.step(window(&[true; 2], second), None, &pass).0.0;
        let row = |x: &Tensor<3>, row| values(x.clone().narrow(0, row, 1));
        assert_eq!(row(&after, 0), row(&fresh, 0), "{device_name}: begins anew");
        assert_ne!(row(&after, 1), row(&fresh, 1), "{device_name}: goes on");
    }
}

// Words that are dropped.

fn embedding(device: &Device) -> Embedding {
    let weight = Param::from_tensor(normal(6, [WORDS, 4], device).set_require_grad(device.is_autodiff()));
    Embedding { weight }
}

fn ints(words: &[f64], shape: [usize; 2], device: &Device) -> Tensor<2, Int> {
    tensor(words, shape, device).int()
}

/// Of each row, the words that are dropped; a word is so wherever it stands, and else it is its vector, scaled.
fn dropped(out: Tensor<3>, words: &[f64], embedding: &Embedding, q: Rate, what: &str) -> Vec<BTreeSet<usize>> {
    let [rows, steps, width] = out.dims();
    let (out, table) = (values(out), values(embedding.weight.val()));
    let mut all = Vec::new();
    for row in 0..rows {
        let (mut gone, mut kept) = (BTreeSet::new(), BTreeSet::new());
        for step in 0..steps {
            let at = row * steps + step;
            let (word, found) = (words[at] as usize, &out[at * width..][..width]);
            if found.iter().all(|x| *x == 0.0) {
                gone.insert(word);
            } else {
                let vector: Vec<f64> = table[word * width..][..width].iter().map(|x| x * q.scale()).collect();
                assert_near(found, &vector, OF_LARGEST, what);
                kept.insert(word);
            }
        }
        assert!(gone.is_disjoint(&kept), "{what}: row {row}: {gone:?} here, {kept:?} there");
        all.push(gone);
    }
    all
}

#[test]
fn a_word_is_dropped_wherever_it_stands() {
    for (name, device) in devices_and_autodiff() {
        let (embedding, dropout) = (embedding(&device), EmbeddingDropoutConfig::new(0.4).init());
        let words = words(5, [4, 60]); // each word several times
        let run = |pass: &Pass<'_>| {
            let out = dropout.forward(&embedding, ints(&words, [4, 60], &device), pass);
            dropped(out, &words, &embedding, rate(0.4), name)
        };
        let by_row = run(&Pass::train(KEY));
        assert!(by_row.iter().any(|gone| !gone.is_empty()), "{name}");
        assert!(by_row.iter().collect::<BTreeSet<_>>().len() > 2, "{name}: each row drops its own words");
        let network = run(&Pass::network(KEY));
        assert!(!network[0].is_empty() && network.iter().all(|gone| gone == &network[0]), "{name}: {network:?}");
        assert!(run(&Pass::rows(KEY, 2))[0] == run(&Pass::rows(KEY, 0))[2], "{name}: by the number of the row");
        let keys = [KEY, Key::new(9)];
        let folded = run(&Pass::networks(&keys, 2));
        let alone = keys.map(|key| run(&Pass::network(key)));
        assert!(folded == [&alone[0][..2], &alone[1][2..]].concat(), "{name}: {folded:?}");
    }
}

#[test]
fn the_mask_is_of_the_vocabulary_and_not_of_places() {
    let (_, device) = devices().swap_remove(0);
    let recorder = Recorder::new();
    let dropout = EmbeddingDropout::new(rate(0.4));
    let pass = Pass::train(KEY);
    dropout.forward(
        &embedding(&device),
        ints(&words(5, [4, 6]), [4, 6], &device),
        &pass.recorded(&recorder).at("words"),
    );
    let draws = recorder.draws();
    assert_eq!((draws.len(), draws[0].site.as_str(), &draws[0].shape[..]), (1, "words", &[4, WORDS][..]));
}

#[test]
fn the_mean_over_masks_is_the_embedding() {
    let (name, device) = devices().swap_remove(0);
    let (embedding, dropout) = (embedding(&device), EmbeddingDropout::new(rate(0.3)));
    let words = ints(&words(5, [1, 4]), [1, 4], &device);
    let expected = values(embedding.forward(words.clone()));
    let sampled: Vec<Vec<f64>> =
        (0..500).map(|n| values(dropout.forward(&embedding, words.clone(), &Pass::network(KEY.fold(n))))).collect();
    for (at, expected) in expected.into_iter().enumerate() {
        let (found, error) = common::mean(&sampled.iter().map(|out| out[at]).collect::<Vec<_>>());
        assert_standard_errors(found, expected, error, 4.0, name);
    }
}

#[test]
fn the_identity_where_nothing_is_dropped() {
    for (name, device) in devices_and_autodiff() {
        let embedding = embedding(&device);
        let words = ints(&words(5, [2, 6]), [2, 6], &device);
        let plain = bits(embedding.forward(words.clone()));
        let run = |q, pass: &Pass<'_>| bits(EmbeddingDropout::new(rate(q)).forward(&embedding, words.clone(), pass));
        assert_eq!(run(0.4, &Pass::mean()), plain, "{name}");
        assert_eq!(run(0.0, &Pass::train(KEY)), plain, "{name}");
    }
}

#[test]
fn a_dropped_word_has_no_gradient_and_the_others_have_the_masks() {
    for (name, device) in devices() {
        let device = device.autodiff();
        let (embedding, dropout) = (embedding(&device), EmbeddingDropout::new(rate(0.4)));
        let words = words(5, [1, 40]);
        let out = dropout.forward(&embedding, ints(&words, [1, 40], &device), &Pass::network(KEY));
        let gone = dropped(out.clone(), &words, &embedding, rate(0.4), name).remove(0);
        let found = gradients(&embedding, out.sum()).0.remove("weight").unwrap();
        for word in 0..WORDS {
            let times = words.iter().filter(|&&other| other as usize == word).count() as f64;
            let expected = if gone.contains(&word) { 0.0 } else { times * rate(0.4).scale() };
            assert_near(&found[word * 4..][..4], &[expected; 4], OF_LARGEST, &format!("word {word} on {name}"));
        }
    }
}
