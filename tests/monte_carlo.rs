//! Sampling: what a prediction may depend on, what it may not, and what is refused.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use burn::{
    module::Module,
    nn::{Linear, LinearConfig},
    tensor::{Device, Tensor, activation::relu},
};
use burn_zoo::{
    Batch, Error, Joinable, Key, Pass, Predictive, Samples, Stochastic, from_fn,
    models::{Mlp, MlpConfig, Noise, Task},
    nn::{Dropout, DropoutConfig},
    outputs::{BinaryLogits, Gaussian, Logits, MultiLabelLogits, Point},
    uncertainty::{ClassPrediction, MonteCarlo, RegressionPrediction, Sampling},
};
use common::{NATS, OF_LARGEST, assert_near, assert_within, devices, normal, rate, values};
use proptest::prelude::*;

const CLASSES: usize = 4;
const ROWS: usize = 23;
const INPUTS: usize = 5;

const CLASSIFIER: Task = Task::MultiClass { classes: CLASSES };
const REGRESSION: Task = Task::Regression { targets: 2, noise: Noise::Constant };

fn mlp(task: Task, device: &Device) -> Mlp {
    mlp_of_rate(task, 0.3, device)
}

fn mlp_of_rate(task: Task, q: f64, device: &Device) -> Mlp {
    MlpConfig::new(INPUTS, task)
        .with_hidden(vec![100, 50])
        .with_input_rate(rate(q))
        .with_rates(vec![rate(q)])
        .init(device, Key::new(1))
}

fn x(device: &Device) -> Tensor<2> {
    normal(2, [ROWS, INPUTS], device)
}

/// All that a prediction of classes says, quantity by quantity.
fn classes(prediction: &ClassPrediction) -> [Vec<f64>; 5] {
    [
        (0..prediction.rows()).flat_map(|row| prediction.probabilities(row).to_vec()).collect(),
        prediction.entropy().to_vec(),
        prediction.expected_entropy().to_vec(),
        prediction.mutual_information().to_vec(),
        prediction.variation_ratio().to_vec(),
    ]
}

fn assert_same_classes(found: &ClassPrediction, expected: &ClassPrediction, what: &str) {
    let [p, entropies @ .., votes] = classes(found);
    let [expected_p, expected_entropies @ .., expected_votes] = classes(expected);
    assert_near(&p, &expected_p, OF_LARGEST, &format!("{what}: probabilities"));
    for (found, expected) in entropies.iter().zip(&expected_entropies) {
        assert_within(found, expected, NATS, &format!("{what}: entropies"));
    }
    assert_eq!(votes, expected_votes, "{what}: votes");
}

fn assert_same_regression(found: &RegressionPrediction, expected: &RegressionPrediction, what: &str) {
    assert_near(found.mean(), expected.mean(), OF_LARGEST, &format!("{what}: means"));
    // A variance is the square of a spread that is right to 1e-5 of the largest output.
    let [found, expected] =
        [found, expected].map(|p| p.epistemic_variance().iter().map(|v| v.sqrt()).collect::<Vec<_>>());
    assert_near(&found, &expected, OF_LARGEST, &format!("{what}: spreads"));
}

const SAMPLINGS: [Sampling; 2] = [Sampling::Network, Sampling::Rows];

#[test]
fn probabilities_sum_to_one() {
    for (name, device) in devices() {
        let prediction =
            MonteCarlo::new(20).predict(&mlp(CLASSIFIER, &device).classifier().unwrap(), x(&device)).unwrap();
        for row in 0..ROWS {
            assert_within(&[prediction.probabilities(row).iter().sum()], &[1.0], 1e-12, name); // f64 on the host
        }
    }
}

#[test]
fn information_is_between_zero_and_the_entropy_and_that_below_the_logarithm_of_the_classes() {
    for (name, device) in devices() {
        let prediction =
            MonteCarlo::new(20).predict(&mlp(CLASSIFIER, &device).classifier().unwrap(), x(&device)).unwrap();
        for row in 0..ROWS {
            let (mi, entropy) = (prediction.mutual_information()[row], prediction.entropy()[row]);
            assert!(0.0 < mi && mi <= entropy && entropy <= (CLASSES as f64).ln(), "{name}: {mi}, {entropy}");
        }
    }
}

#[test]
fn information_and_spread_are_exactly_zero_at_a_rate_of_zero_and_the_audit_tells() {
    for (name, device) in devices() {
        for sampling in SAMPLINGS {
            for rows in [1, 2, ROWS] {
                let what = format!("{name}, {rows} rows: {sampling:?}");
                let (sampler, x) = (MonteCarlo::new(50).sampling(sampling), x(&device).narrow(0, 0, rows));
                let model = mlp_of_rate(CLASSIFIER, 0.0, &device);
                assert!(sampler.audit(&model, &x).unwrap().all_rates_zero(), "{what}");
                let prediction = sampler.predict(&model.classifier().unwrap(), x.clone()).unwrap();
                assert_eq!(prediction.mutual_information(), vec![0.0; rows], "{what}");
                assert_eq!(prediction.variation_ratio(), vec![0.0; rows], "{what}");
                let model = mlp_of_rate(REGRESSION, 0.0, &device);
                let prediction = sampler.predict(&model.regression().unwrap(), x).unwrap();
                assert_eq!(prediction.epistemic_variance(), vec![0.0; 2 * rows], "{what}");
                assert_eq!(prediction.passes(), 50, "{what}");
            }
        }
    }
}

#[test]
fn a_rate_of_zero_gives_no_spread_however_the_passes_are_cut_into_products() {
    // 513 passes over one row: folded into a product of 512 rows and one of a single row, which some backends add up in another order.
    for (name, device) in devices() {
        let model = MlpConfig::new(INPUTS, REGRESSION)
            .with_hidden(vec![1000, 400])
            .with_input_rate(rate(0.0))
            .with_rates(vec![rate(0.0)]);
        let model = model.init(&device, Key::new(1));
        let prediction =
            MonteCarlo::new(513).predict(&model, x(&device).narrow(0, 0, 1)).unwrap().regression().unwrap();
        assert_eq!(prediction.epistemic_variance(), [0.0, 0.0], "{name}");
        assert_eq!(prediction.sample(512, 0, 1), prediction.sample(0, 0, 1), "{name}: every pass has its sample");
    }
}

#[test]
fn a_positive_rate_is_not_taken_for_zero() {
    for (name, device) in devices() {
        let model = mlp_of_rate(CLASSIFIER, 0.005, &device);
        assert!(!MonteCarlo::new(1).audit(&model, &x(&device)).unwrap().all_rates_zero(), "{name}");
    }
}

#[test]
fn a_rows_prediction_does_not_depend_on_its_batch() {
    for (name, device) in devices() {
        let sampler = MonteCarlo::new(20);
        let (classifier, regression) = (mlp(CLASSIFIER, &device), mlp(REGRESSION, &device));
        let row = |i: usize| x(&device).narrow(0, i, 1);
        let neighbours = |i: usize| Tensor::cat(vec![row(i), normal(77, [5, INPUTS], &device) * 100.0], 0);
        let whole = sampler.predict(&classifier.classifier().unwrap(), x(&device)).unwrap();
        let whole_regression = sampler.predict(&regression.regression().unwrap(), x(&device)).unwrap();
        for i in [0, 7, ROWS - 1] {
            for x in [row(i), neighbours(i)] {
                let p = sampler.predict(&classifier.classifier().unwrap(), x.clone()).unwrap();
                assert_near(p.probabilities(0), whole.probabilities(i), OF_LARGEST, name);
                assert_within(&p.mutual_information()[..1], &whole.mutual_information()[i..=i], NATS, name);
                let p = sampler.predict(&regression.regression().unwrap(), x).unwrap();
                let largest = common::largest(whole_regression.mean());
                assert_within(&p.mean()[..2], &whole_regression.mean()[2 * i..2 * i + 2], OF_LARGEST * largest, name);
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    for (name, device) in devices() {
        for sampling in SAMPLINGS {
            let model = mlp(CLASSIFIER, &device);
            let predict = || {
                let sampler = MonteCarlo::new(20).seed(5).sampling(sampling);
                classes(&sampler.predict(&model.classifier().unwrap(), x(&device)).unwrap())
            };
            let first = predict();
            assert_eq!(predict(), first, "{name}: {sampling:?}");
            // Neither another thread nor Burn's generator has a say.
            device.seed(99);
            let others = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(predict)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
            });
            assert!(others.iter().all(|other| *other == first), "{name}: {sampling:?}");
        }
    }
}

#[test]
fn another_seed_gives_other_numbers_about_the_same_mean() {
    for (name, device) in devices() {
        let model = mlp(CLASSIFIER, &device);
        let predict = |seed| MonteCarlo::new(100).seed(seed).predict(&model.classifier().unwrap(), x(&device)).unwrap();
        let (a, b) = (classes(&predict(0)), classes(&predict(1)));
        assert_ne!(a, b, "{name}");
        let deviation: f64 = 0.5; // of a probability, at most
        assert_within(&a[0], &b[0], 4.0 * deviation * (2.0f64 / 100.0).sqrt(), name);
    }
}

#[test]
fn the_two_ways_of_sampling_agree_on_what_a_single_row_is_given() {
    for (name, device) in devices() {
        let model = mlp(CLASSIFIER, &device);
        let predict = |sampling| {
            let sampler = MonteCarlo::new(20).sampling(sampling);
            sampler.predict(&model.classifier().unwrap(), x(&device)).unwrap()
        };
        let [network, rows] = SAMPLINGS.map(predict);
        // Row 0 of a pass over rows draws what the network of the same key draws; the others do not.
        assert_near(rows.probabilities(0), network.probabilities(0), OF_LARGEST, name);
        assert!(common::distance(rows.probabilities(1), network.probabilities(1)) > 1e-3, "{name}");
    }
}

#[test]
fn chunks_of_one_row_of_seven_and_of_all_agree() {
    for (name, device) in devices() {
        let (classifier, regression) = (mlp(CLASSIFIER, &device), mlp(REGRESSION, &device));
        for sampling in SAMPLINGS {
            let sampler = MonteCarlo::new(20).sampling(sampling);
            let whole = sampler.predict(&classifier.classifier().unwrap(), x(&device)).unwrap();
            let whole_regression = sampler.predict(&regression.regression().unwrap(), x(&device)).unwrap();
            for chunk in [1, 7, ROWS] {
                let (sampler, what) = (sampler.clone().chunk(chunk), format!("{name}, chunk {chunk}: {sampling:?}"));
                let p = sampler.predict(&classifier.classifier().unwrap(), x(&device)).unwrap();
                assert_same_classes(&p, &whole, &what);
                let p = sampler.predict(&regression.regression().unwrap(), x(&device)).unwrap();
                assert_same_regression(&p, &whole_regression, &what);
            }
        }
    }
}

#[test]
fn blocks_of_one_row_for_want_of_memory_give_the_same() {
    for (name, device) in devices() {
        let (classifier, regression) = (mlp(CLASSIFIER, &device), mlp(REGRESSION, &device));
        for sampling in SAMPLINGS {
            let sampler = MonteCarlo::new(20).sampling(sampling);
            let small = sampler.clone().memory(1);
            let mut blocks = 0;
            small
                .predict_each(&classifier, x(&device), |range, _| {
                    blocks += 1;
                    assert_eq!(range.len(), 1, "{name}");
                    Ok(())
                })
                .unwrap();
            assert_eq!(blocks, ROWS, "{name}");
            let predict = |s: &MonteCarlo| s.predict(&classifier.classifier().unwrap(), x(&device)).unwrap();
            assert_same_classes(&predict(&small), &predict(&sampler), name);
            let predict = |s: &MonteCarlo| s.predict(&regression.regression().unwrap(), x(&device)).unwrap();
            assert_same_regression(&predict(&small), &predict(&sampler), name);
        }
    }
}

#[test]
fn what_does_not_fit_into_the_memory_is_not_kept() {
    for (name, device) in devices() {
        let model = mlp(REGRESSION, &device);
        // 20 passes, 23 rows, 2 targets of 4 bytes: 3680 bytes
        let predict =
            |memory| MonteCarlo::new(20).memory(memory).predict(&model.regression().unwrap(), x(&device)).unwrap();
        assert!(predict(3680).with_tau(&[1.0, 1.0]).unwrap().interval(0.9).is_ok(), "{name}");
        let without = predict(3679).with_tau(&[1.0, 1.0]).unwrap();
        assert!(matches!(without.interval(0.9), Err(Error::SamplesNotKept)), "{name}");
        assert!(matches!(without.epistemic_interval(0.9), Err(Error::SamplesNotKept)), "{name}");
        assert!(matches!(without.log_likelihood(&[0.0; 2 * ROWS]), Err(Error::SamplesNotKept)), "{name}");
        assert!(without.total_variance().is_ok() && without.sample(0, 0, 0).is_none(), "{name}");
    }
}

#[test]
fn samples_that_were_asked_for_and_do_not_fit_are_an_error() {
    for (name, device) in devices() {
        let sampler = MonteCarlo::new(20).memory(3679).keep_samples();
        match sampler.predict(&mlp(REGRESSION, &device), x(&device)) {
            Err(Error::Memory { needed: 3680, memory: 3679 }) => {}
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_classification_keeps_its_samples_if_asked_only() {
    for (name, device) in devices() {
        let model = mlp(CLASSIFIER, &device);
        let sampler = MonteCarlo::new(3).seed(4);
        let predict = |s: &MonteCarlo| s.predict(&model.classifier().unwrap(), x(&device)).unwrap();
        assert!(predict(&sampler).sample(0, 0).is_none(), "{name}");
        let kept = predict(&sampler.clone().keep_samples().chunk(7));
        for pass in 0..3 {
            let logits = values(model.forward(x(&device), &Pass::network(sampler.key(pass))));
            for (row, z) in logits.chunks(CLASSES).enumerate() {
                let sum: f64 = z.iter().map(|z| z.exp()).sum();
                let p: Vec<f64> = z.iter().map(|z| z.exp() / sum).collect();
                assert_near(&kept.sample(pass, row).unwrap(), &p, OF_LARGEST, name);
            }
        }
    }
}

#[test]
fn a_pass_is_the_network_of_its_key() {
    for (name, device) in devices() {
        let model = mlp(CLASSIFIER, &device);
        let sampler = MonteCarlo::new(60).seed(4);
        let outputs = sampler.outputs(&model.classifier().unwrap(), x(&device)).unwrap();
        assert_eq!(outputs.len(), 60, "{name}");
        for (number, output) in outputs.into_iter().enumerate() {
            let expected = values(model.forward(x(&device), &Pass::network(sampler.key(number))));
            assert_near(&values(output.0), &expected, OF_LARGEST, &format!("{name}: pass {number}"));
        }
    }
}

#[test]
fn the_first_passes_of_many_are_the_passes_of_few() {
    assert_eq!(MonteCarlo::new(5).seed(3).key(4), MonteCarlo::new(500).seed(3).key(4));
    let mut keys: Vec<_> = (0..500).map(|n| MonteCarlo::new(500).key(n).to_u64()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 500, "and no two are the same");
}

#[test]
fn streamed_blocks_are_the_rows_of_the_whole() {
    for (name, device) in devices() {
        let model = mlp(CLASSIFIER, &device);
        let sampler = MonteCarlo::new(10).chunk(7);
        let (mut next, mut joined) = (0, None::<ClassPrediction>);
        sampler
            .predict_each(&model.classifier().unwrap(), x(&device), |range, prediction| {
                assert_eq!((range.start, range.len()), (next, prediction.rows()), "{name}");
                assert!(prediction.sample(9, 0).is_some(), "{name}: a block has its samples");
                next = range.end;
                match &mut joined {
                    Some(joined) => joined.join(prediction),
                    None => joined = Some(prediction),
                }
                Ok(())
            })
            .unwrap();
        let whole = sampler.predict(&model.classifier().unwrap(), x(&device)).unwrap();
        assert_eq!(classes(&joined.unwrap()), classes(&whole), "{name}: the same chunks, the same bits");
    }
}

#[test]
fn a_callers_error_ends_the_stream() {
    for (name, device) in devices() {
        let mut blocks = 0;
        let result = MonteCarlo::new(2).chunk(7).predict_each(&mlp(CLASSIFIER, &device), x(&device), |_, _| {
            blocks += 1;
            Err(Error::NoRows)
        });
        assert!(matches!(result, Err(Error::NoRows)) && blocks == 1, "{name}");
    }
}

#[test]
fn a_model_that_ignores_its_pass_is_refused() {
    for (name, device) in devices() {
        let deaf = from_fn(|x: Tensor<2>, _: &Pass<'_>| Logits(x));
        let stock = burn::nn::DropoutConfig::new(0.5).init();
        let stock = from_fn(move |x: Tensor<2>, _: &Pass<'_>| Logits(stock.forward(x)));
        let refused = |result: Result<ClassPrediction, Error>| matches!(result, Err(Error::NoNoise));
        assert!(refused(MonteCarlo::new(5).predict(&deaf, x(&device))), "{name}");
        assert!(refused(MonteCarlo::new(5).predict(&stock, x(&device))), "{name}: Burn's dropout knows no pass");
        assert!(matches!(MonteCarlo::new(5).outputs(&deaf, x(&device)), Err(Error::NoNoise)), "{name}");
        assert!(
            matches!(MonteCarlo::new(5).predict_each(&deaf, x(&device), |_, _| Ok(())), Err(Error::NoNoise)),
            "{name}"
        );
    }
}

#[test]
fn two_dropouts_at_one_site_are_refused_unless_it_is_said_that_they_share() {
    for (name, device) in devices() {
        let twice = |again: bool| {
            let dropout = DropoutConfig::new(0.5).init();
            from_fn(move |x: Tensor<2>, pass: &Pass<'_>| {
                let at = pass.at("dropout");
                let second = if again { at.again() } else { at };
                Logits(dropout.forward(dropout.forward(x, &at), &second))
            })
        };
        match MonteCarlo::new(5).predict(&twice(false), x(&device)) {
            Err(Error::DuplicateSite { site }) => assert_eq!(site, "dropout", "{name}"),
            other => panic!("{name}: {other:?}"),
        }
        let sampler = MonteCarlo::new(5).keep_samples();
        let shared = sampler.outputs(&twice(true), x(&device)).unwrap();
        // One mask twice: 0 or 1 / (1 - 0.5)^2
        let ratio = values(shared[0].0.clone() / x(&device));
        assert!(ratio.iter().all(|r| *r == 0.0 || (r - 4.0).abs() < 1e-5), "{name}: {ratio:?}");
    }
}

#[test]
fn the_audit_lists_the_sites_in_the_order_of_the_forward_pass() {
    for (name, device) in devices() {
        let record = MonteCarlo::new(5).audit(&mlp(CLASSIFIER, &device), &x(&device)).unwrap();
        let sites: Vec<_> = record.draws().into_iter().map(|draw| draw.site).collect();
        assert_eq!(sites, ["input_dropout", "layers.0.dropout", "layers.1.dropout"], "{name}");
    }
}

#[test]
fn an_input_on_an_autodiff_device_is_refused() {
    for (name, device) in devices() {
        match MonteCarlo::new(5).predict(&mlp(CLASSIFIER, &device), x(&device).autodiff()) {
            Err(Error::Autodiff { what: "input" }) => {}
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_model_on_an_autodiff_device_is_refused_and_its_valid_self_is_not() {
    for (name, device) in devices() {
        let model = mlp(CLASSIFIER, &device.clone().autodiff());
        for result in
            [MonteCarlo::new(5).predict(&model, x(&device)), MonteCarlo::new(5).mean_network(&model, x(&device))]
        {
            match result {
                Err(Error::Autodiff { what: "model" }) => {}
                other => panic!("{name}: {other:?}"),
            }
        }
        let expected = MonteCarlo::new(5).predict(&mlp(CLASSIFIER, &device), x(&device)).unwrap().classes().unwrap();
        let found = MonteCarlo::new(5).predict(&model.valid(), x(&device)).unwrap().classes().unwrap();
        assert_eq!(classes(&found), classes(&expected), "{name}");
    }
}

#[test]
fn a_gradient_goes_through_every_sampled_network() {
    for (name, device) in devices() {
        let model = mlp(CLASSIFIER, &device.clone().autodiff());
        let sampler = MonteCarlo::new(4).keep_graph();
        let tracked = || x(&device).autodiff().require_grad();
        let input = tracked();
        let outputs = sampler.outputs(&model.classifier().unwrap(), input.clone()).unwrap();
        let loss = outputs.into_iter().map(|output| output.0.square().sum()).reduce(|a, b| a + b).unwrap();
        let (found, all) = common::gradients(&model, loss);

        let by_hand = tracked();
        let pass = |number| model.forward(by_hand.clone(), &Pass::network(sampler.key(number))).square().sum();
        let (expected, all_by_hand) = common::gradients(&model, (0..4).map(pass).reduce(|a, b| a + b).unwrap());
        assert_eq!(found.len(), 6, "{name}: weight and bias of three layers");
        for (path, gradient) in found {
            assert!(gradient.iter().all(|g| g.is_finite()) && common::largest(&gradient) > 0.0, "{name}: {path}");
            assert_near(&gradient, &expected[&path], OF_LARGEST, &format!("{name}: {path}"));
        }
        let [dx, expected] = [(input, all), (by_hand, all_by_hand)].map(|(x, all)| values(x.grad(&all).unwrap()));
        assert_near(&dx, &expected, OF_LARGEST, &format!("{name}: input"));
    }
}

#[test]
fn a_prediction_with_graph_allowed_is_the_prediction() {
    for (name, device) in devices() {
        let sampler = MonteCarlo::new(5);
        let expected = sampler.predict(&mlp(CLASSIFIER, &device), x(&device)).unwrap().classes().unwrap();
        let (model, x) = (mlp(CLASSIFIER, &device.clone().autodiff()), x(&device).autodiff());
        let found = sampler.keep_graph().predict(&model, x).unwrap().classes().unwrap();
        assert_same_classes(&found, &expected, name);
    }
}

#[test]
fn a_number_that_is_not_finite_is_named_by_its_row_and_its_pass() {
    for (name, device) in devices() {
        // Dividing by the masked ones is infinite where the single unit is dropped: the row is any, the pass is the first to drop it.
        let dropout = Dropout::new(rate(0.2));
        let model = from_fn(|x: Tensor<2>, pass: &Pass<'_>| {
            let kept = dropout.forward(Tensor::ones([x.dims()[0], 1], &x.device()), &pass.at("dropout"));
            Point(x / kept)
        });
        let sampler = MonteCarlo::new(50).chunk(7);
        let ones = Tensor::<2>::ones([1, 1], &device);
        let drops = |number: &usize| {
            values(dropout.forward(ones.clone(), &Pass::network(sampler.key(*number)).at("dropout"))) == [0.0]
        };
        let first = (0..50).find(drops).unwrap();
        assert!(first > 0, "the test wants a pass that is not the first");
        match sampler.predict(&model, ones.clone()) {
            Err(Error::NotFinite { row: 0, pass, value }) => {
                assert_eq!((pass, value), (first, f32::INFINITY), "{name}")
            }
            other => panic!("{name}: {other:?}"),
        }
        // A NaN in row 17 of the data is in the third chunk of seven.
        let dropout = Dropout::new(rate(0.0));
        let model = from_fn(|x: Tensor<2>, pass: &Pass<'_>| Point(dropout.forward(x, &pass.at("dropout"))));
        let mut data = vec![1.0; 2 * ROWS];
        data[2 * 17 + 1] = f64::NAN;
        for result in [
            sampler.predict(&model, common::tensor(&data, [ROWS, 2], &device)),
            sampler.mean_network(&model, common::tensor(&data, [ROWS, 2], &device)),
        ] {
            match result {
                Err(Error::NotFinite { row: 17, pass: 0, value }) => assert!(value.is_nan(), "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}

#[test]
fn no_rows_are_refused_before_the_model_sees_them() {
    for (name, device) in devices() {
        let model = from_fn(|_: Tensor<2>, _: &Pass<'_>| -> Logits { panic!("the model was run") });
        let empty = || Tensor::<2>::empty([0, INPUTS], &device);
        let sampler = MonteCarlo::new(5);
        assert!(matches!(sampler.predict(&model, empty()), Err(Error::NoRows)), "{name}");
        assert!(matches!(sampler.mean_network(&model, empty()), Err(Error::NoRows)), "{name}");
        assert!(matches!(sampler.outputs(&model, empty()), Err(Error::NoRows)), "{name}");
        assert!(matches!(sampler.audit(&model, &empty()), Err(Error::NoRows)), "{name}");
    }
}

#[test]
fn an_output_with_another_number_of_rows_is_refused() {
    for (name, device) in devices() {
        let dropout = Dropout::new(rate(0.5));
        let pooled = from_fn(|x: Tensor<2>, pass: &Pass<'_>| {
            Logits(dropout.forward(x, &pass.at("dropout")).mean_dim(0)) // [1, inputs]
        });
        match MonteCarlo::new(5).predict(&pooled, x(&device)) {
            Err(Error::Length { expected: ROWS, found: 1, .. }) => {}
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
#[should_panic(expected = "a prediction of no passes")]
fn no_passes_make_no_prediction() {
    MonteCarlo::new(0);
}

#[test]
fn the_mean_network_is_the_mean_pass_in_any_chunks() {
    for (name, device) in devices() {
        let model = mlp(REGRESSION, &device);
        let expected = values(model.forward(x(&device), &Pass::mean()));
        for chunk in [1, 7, ROWS] {
            let sampler = MonteCarlo::new(5).chunk(chunk);
            let prediction = sampler.mean_network(&model.regression().unwrap(), x(&device)).unwrap();
            assert_eq!((prediction.passes(), prediction.epistemic_variance()), (1, &[0.0; 2 * ROWS][..]), "{name}");
            assert_near(prediction.mean(), &expected, OF_LARGEST, name);
        }
    }
}

#[test]
fn moments_are_those_of_the_raw_outputs() {
    for (name, device) in devices() {
        let model = mlp(REGRESSION, &device);
        let sampler = MonteCarlo::new(30).seed(2);
        let raw: Vec<Vec<f64>> = sampler
            .outputs(&model.regression().unwrap(), x(&device))
            .unwrap()
            .into_iter()
            .map(|o| values(o.0))
            .collect();
        let prediction = sampler.predict(&model.regression().unwrap(), x(&device)).unwrap();
        for i in 0..2 * ROWS {
            let mean = raw.iter().map(|pass| pass[i]).sum::<f64>() / 30.0;
            let variance = raw.iter().map(|pass| (pass[i] - mean).powi(2)).sum::<f64>() / 30.0; // divided by T
            assert_within(&[prediction.mean()[i]], &[mean], 1e-6, name);
            assert_near(&[prediction.epistemic_variance()[i]], &[variance], 1e-4, name);
        }
    }
}

#[test]
fn small_spreads_about_large_means_are_not_lost_to_cancellation() {
    // f32 outputs near 1e4 that differ by their last digits: the variance of exactly these numbers, by hand.
    let outputs = [10_000.0f32, 10_000.001, 10_000.002, 9_999.999];
    let samples = Samples::new([4, 1, 1], outputs.to_vec());
    let prediction = Point::summarise((), samples).unwrap();
    let exact: Vec<f64> = outputs.iter().map(|&x| f64::from(x) - 10_000.0).collect();
    let mean = exact.iter().sum::<f64>() / 4.0;
    let variance = exact.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 4.0;
    assert_near(prediction.epistemic_variance(), &[variance], 1e-6, "variance"); // f64 about 1e4: 1e-12 of 1e-3
}

#[test]
fn a_model_can_be_chosen_at_run_time() {
    for (name, device) in devices() {
        let mlp = mlp(CLASSIFIER, &device);
        let view = mlp.classifier().unwrap();
        let dropout = DropoutConfig::new(0.5).init();
        let closure = from_fn(|x: Tensor<2>, pass: &Pass<'_>| Logits(dropout.forward(x, &pass.at("dropout"))));
        let models: [&dyn Stochastic<Tensor<2>, Output = Logits>; 2] = [&view, &closure];
        for model in models {
            assert_eq!(MonteCarlo::new(5).predict(model, x(&device)).unwrap().rows(), ROWS, "{name}");
        }
    }
}

#[test]
fn a_tuple_of_tensors_is_a_batch() {
    for (name, device) in devices() {
        let dropout = DropoutConfig::new(0.5).init();
        let model = from_fn(|(a, b, index): (Tensor<2>, Tensor<3>, Tensor<1, burn::tensor::Int>), pass: &Pass<'_>| {
            let b = b.sum_dim(2).squeeze_dim(2) + index.float().unsqueeze_dim(1);
            Point(dropout.forward(a + b, &pass.at("dropout")))
        });
        let b = normal(3, [ROWS, INPUTS, 2], &device);
        let index = Tensor::arange(0..ROWS as i64, &device);
        let predict = |chunk| {
            let input = (x(&device), b.clone(), index.clone());
            MonteCarlo::new(10).chunk(chunk).predict(&model, input).unwrap()
        };
        assert_same_regression(&predict(7), &predict(ROWS), name);
        let autodiff = (x(&device), b.clone().autodiff(), index.clone());
        let result = MonteCarlo::new(10).predict(&model, autodiff);
        assert!(matches!(result, Err(Error::Autodiff { what: "input" })), "{name}: one part is enough");
    }
}

#[test]
fn a_users_own_struct_is_a_batch() {
    #[derive(Clone)]
    struct Named {
        x: Tensor<2>,
        names: Vec<String>,
    }
    impl Batch for Named {
        fn rows(&self) -> usize {
            self.names.len()
        }
        fn slice(&self, range: std::ops::Range<usize>) -> Self {
            Self { x: Batch::slice(&self.x, range.clone()), names: self.names[range].to_vec() }
        }
        fn tile(&self, n: usize) -> Self {
            Self { x: self.x.tile(n), names: vec![self.names.clone(); n].concat() }
        }
        fn is_autodiff(&self) -> bool {
            Batch::is_autodiff(&self.x)
        }
        fn autodiff(self) -> Self {
            Self { x: Batch::autodiff(self.x), names: self.names }
        }
    }
    for (name, device) in devices() {
        let mlp = mlp(CLASSIFIER, &device);
        let model = from_fn(|named: Named, pass: &Pass<'_>| {
            assert_eq!(named.x.dims()[0], named.names.len());
            Logits(mlp.forward(named.x, pass))
        });
        let named = Named { x: x(&device), names: (0..ROWS).map(|i| i.to_string()).collect() };
        let found = MonteCarlo::new(5).chunk(7).predict(&model, named).unwrap();
        let expected = MonteCarlo::new(5).predict(&mlp.classifier().unwrap(), x(&device)).unwrap();
        assert_same_classes(&found, &expected, name);
    }
}

#[test]
fn an_override_may_run_passes_in_any_order() {
    struct Backwards(Linear, Dropout, AtomicUsize);
    impl Stochastic<Tensor<2>> for Backwards {
        type Output = Logits;
        fn run(&self, x: Tensor<2>, pass: &Pass<'_>) -> Logits {
            Logits(self.0.forward(self.1.forward(relu(x), &pass.at("dropout"))))
        }
        fn run_many(&self, x: Tensor<2>, passes: &[Pass<'_>], sink: &mut dyn FnMut(usize, Logits)) {
            for (number, pass) in passes.iter().enumerate().rev() {
                self.2.fetch_add(1, Ordering::Relaxed);
                sink(number, self.run(x.clone(), pass));
            }
        }
    }
    for (name, device) in devices() {
        let linear = burn_zoo::nn::init_weights(LinearConfig::new(INPUTS, CLASSES).init(&device), Key::new(3));
        let model = Backwards(linear, Dropout::new(rate(0.5)), AtomicUsize::new(0));
        let sampler = MonteCarlo::new(6).keep_samples();
        let found = sampler.predict(&model, x(&device)).unwrap();
        assert_eq!(model.2.load(Ordering::Relaxed), 6, "{name}");
        let forwards = from_fn(|x: Tensor<2>, pass: &Pass<'_>| model.run(x, pass));
        let expected = sampler.predict(&forwards, x(&device)).unwrap();
        assert_eq!(classes(&found), classes(&expected), "{name}");
        assert_eq!(found.sample(5, 0), expected.sample(5, 0), "{name}");
    }
}

/// Random scores of any size, `[passes, rows, width]`.
fn scores(width: impl Strategy<Value = usize>) -> impl Strategy<Value = Samples> {
    (1usize..8, 1usize..5, width).prop_flat_map(|(passes, rows, width)| {
        let score = prop_oneof![-5.0f32..5.0, -200.0f32..200.0, Just(0.0f32)];
        proptest::collection::vec(score, passes * rows * width)
            .prop_map(move |values| Samples::new([passes, rows, width], values))
    })
}

/// The rows of `range`.
fn rows(samples: &Samples, range: std::ops::Range<usize>) -> Samples {
    let [passes, _, width] = samples.dims();
    let values = (0..passes).flat_map(|pass| range.clone().flat_map(move |row| samples.row(pass, row).to_vec()));
    Samples::new([passes, range.len(), width], values.collect())
}

fn check_inequalities(prediction: &ClassPrediction, passes: usize) -> Result<(), TestCaseError> {
    let most = (prediction.n_classes() as f64).ln();
    for row in 0..prediction.rows() {
        let p = prediction.probabilities(row);
        let (entropy, expected) = (prediction.entropy()[row], prediction.expected_entropy()[row]);
        let mi = prediction.mutual_information()[row];
        prop_assert!(p.iter().all(|p| (0.0..=1.0).contains(p)) && (p.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        // 1e-12 for the rounding of f64 sums; the bounds by entropy and zero hold exactly.
        prop_assert!(mi >= 0.0 && mi <= entropy && entropy <= most + 1e-12, "{} {} {}", mi, entropy, expected);
        prop_assert!(mi <= (passes as f64).ln() + 1e-12, "T passes cannot disagree about more than ln T");
        prop_assert!((entropy - expected - mi).abs() < 1e-12);
        prop_assert!(p.iter().all(|other| *other <= p[prediction.class(row)]));
        let votes = prediction.variation_ratio()[row];
        prop_assert!((0.0..=1.0 - 1.0 / passes as f64 + 1e-12).contains(&votes));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_scores_keep_the_inequalities_of_information(samples in scores(2usize..6)) {
        let passes = samples.dims()[0];
        check_inequalities(&Logits::summarise((), samples).unwrap(), passes)?;
    }

    #[test]
    fn any_binary_scores_keep_the_inequalities_of_information(samples in scores(Just(1usize))) {
        let passes = samples.dims()[0];
        let prediction = BinaryLogits::summarise((), samples.clone()).unwrap();
        check_inequalities(&prediction, passes)?;
        // The sigmoid of z is the softmax of (0, z).
        let pairs = samples.values().iter().flat_map(|&z| [0.0, z]).collect();
        let [passes, rows, _] = samples.dims();
        let softmax = Logits::summarise((), Samples::new([passes, rows, 2], pairs)).unwrap();
        for (a, b) in classes(&prediction).iter().zip(&classes(&softmax)).take(4) {
            prop_assert!(common::distance(a, b) < 1e-12);
        }
    }

    #[test]
    fn labels_are_so_many_binary_classifications(samples in scores(1usize..5)) {
        let [passes, n, labels] = samples.dims();
        let prediction = MultiLabelLogits::summarise((), samples.clone()).unwrap();
        let single = BinaryLogits::summarise((), Samples::new([passes, n * labels, 1], samples.values().to_vec())).unwrap();
        let p: Vec<f64> = (0..n * labels).map(|i| single.probabilities(i)[1]).collect();
        prop_assert_eq!((prediction.rows(), prediction.labels()), (n, labels));
        prop_assert_eq!(prediction.probabilities(), p);
        prop_assert_eq!(prediction.mutual_information(), single.mutual_information());
        prop_assert_eq!(prediction.entropy(), single.entropy());
        prop_assert_eq!(prediction.expected_entropy(), single.expected_entropy());
    }

    #[test]
    fn the_order_of_passes_does_not_matter(samples in scores(2usize..6)) {
        let [passes, n, width] = samples.dims();
        let reversed = (0..passes).rev().flat_map(|pass| (0..n).flat_map(move |row| [(pass, row)]));
        let reversed = reversed.flat_map(|(pass, row)| samples.row(pass, row).to_vec()).collect();
        let reversed = Logits::summarise((), Samples::new([passes, n, width], reversed)).unwrap();
        for (a, b) in classes(&reversed).iter().zip(&classes(&Logits::summarise((), samples).unwrap())).take(4) {
            prop_assert!(common::distance(a, b) < 1e-12);
        }
    }

    #[test]
    fn joined_blocks_are_the_whole(samples in scores(prop_oneof![Just(2usize), Just(4usize)]), cut in 1usize..4) {
        let n = samples.dims()[1];
        prop_assume!(cut < n);
        let blocks = || [rows(&samples, 0..cut), rows(&samples, cut..n)];

        let [mut joined, next] = blocks();
        joined.join(next);
        prop_assert_eq!(&joined, &samples);

        let [mut joined, next] = blocks().map(|block| Logits::summarise((), block).unwrap());
        joined.join(next);
        let whole = Logits::summarise((), samples.clone()).unwrap();
        prop_assert_eq!(classes(&joined), classes(&whole));
        prop_assert_eq!(joined.sample(0, n - 1), whole.sample(0, n - 1));

        let [mut joined, next] = blocks().map(|block| Gaussian::summarise((), block).unwrap());
        joined.join(next);
        let whole = Gaussian::summarise((), samples.clone()).unwrap();
        prop_assert_eq!(joined.mean(), whole.mean());
        prop_assert_eq!(joined.epistemic_variance(), whole.epistemic_variance());
        prop_assert_eq!(joined.aleatoric_variance().unwrap(), whole.aleatoric_variance().unwrap());
        prop_assert_eq!(joined.sample(0, n - 1, 0), whole.sample(0, n - 1, 0));
    }
}
