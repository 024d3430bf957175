//! The CNN: its shapes and what is wrong with them, its sites, its parameters, what its passes share, and the rates that it learns.

mod common;

use burn::tensor::{Device, Tensor};
use burn_zoo::{
    Error, Key, Law, Pass, Recorder, Stochastic,
    models::{Cnn, CnnConfig, DropoutAt, Norm, Pool, Stage, Task},
    nn::{ConcreteDropoutConfig, DropoutKind},
    outputs::{Logits, Outputs},
    uncertainty::MonteCarlo,
};
use common::{OF_LARGEST, assert_near, devices, normal, parameters, rate, values};

const INPUT: [usize; 3] = [2, 12, 10];
const CLASSES: usize = 3;

fn kind(text: &str) -> DropoutKind {
    text.parse().unwrap()
}

/// One convolution, relu, and the largest of each 2 x 2.
fn pooled(channels: usize, kernel: usize) -> Stage {
    Stage { pool: Pool::Max(2), ..Stage::new(channels, kernel) }
}

fn with(stages: Vec<Stage>) -> CnnConfig {
    CnnConfig::new(INPUT, Task::MultiClass { classes: CLASSES }).with_stages(stages).with_hidden(vec![8])
}

/// Two stages with dropout everywhere.
fn config() -> CnnConfig {
    let first = Stage { padding: 1, dropout: kind("spatial:0.25"), norm: Norm::Before, ..pooled(4, 3) };
    let second = Stage {
        padding: 1,
        repeats: 2,
        residual: true,
        pool: Pool::None,
        dropout: kind("element:0.5"),
        ..pooled(4, 3)
    };
    with(vec![first, second]).with_depth_rate(rate(0.5)).with_input_rate(rate(0.2)).with_rates(vec![rate(0.5)])
}

fn cnn(config: CnnConfig, device: &Device) -> Cnn {
    config.init(device, Key::new(1))
}

fn pictures(rows: usize, device: &Device) -> Tensor<4> {
    let [channels, height, width] = INPUT;
    normal(5, [rows, channels, height, width], device)
}

fn logits(output: Outputs) -> Vec<f64> {
    let Outputs::Logits(Logits(logits)) = output else { panic!("{output:?}") };
    values(logits)
}

#[test]
fn sites_are_paths_with_the_laws_and_shapes_of_their_dropouts() {
    for (name, device) in devices() {
        let recorder = Recorder::new();
        cnn(config(), &device).forward(pictures(6, &device), &Pass::train(Key::new(3)).recorded(&recorder));
        let found: Vec<_> = recorder.draws().into_iter().map(|draw| (draw.site, draw.law, draw.shape)).collect();
        let site = |path: &str, q, shape: &[usize]| (path.to_string(), Law::Bernoulli(rate(q)), shape.to_vec());
        let expected = [
            site("stages.0.dropout", 0.25, &[6, 4]),
            site("stages.1.blocks.0.depth", 0.25, &[6]),
            site("stages.1.blocks.1.depth", 0.5, &[6]),
            site("stages.1.dropout", 0.5, &[6, 4, 6, 5]),
            site("head.input_dropout", 0.2, &[6, 120]),
            site("head.layers.0.dropout", 0.5, &[6, 8]),
        ];
        assert_eq!(found, expected, "{name}");
        recorder.audit().unwrap();
    }
}

#[test]
fn every_kind_of_dropout_works_in_a_stage_on_both_sides_of_the_pooling() {
    let kinds = [
        "element:0.3",
        "spatial:0.3",
        "drop-block:0.3:2",
        "gaussian:0.3",
        "alpha:0.3",
        "drop-connect:0.3",
        "concrete:0.3",
        "spatial-concrete:0.3",
    ];
    for (name, device) in devices() {
        let x = pictures(5, &device);
        for (text, at) in
            kinds.iter().flat_map(|text| [DropoutAt::BeforePool, DropoutAt::AfterPool].map(|at| (text, at)))
        {
            let stage = Stage { dropout: kind(text), dropout_at: at, ..pooled(4, 3) };
            let cnn = cnn(with(vec![stage]).with_rates(vec![rate(0.0)]), &device);
            let spread = MonteCarlo::new(8).predict(&cnn.classifier().unwrap(), x.clone()).unwrap();
            assert!(spread.mutual_information().iter().all(|&mi| mi > 1e-9), "{name}, {text}: {spread:?}");
            let without = self::cnn(with(vec![pooled(4, 3)]).with_rates(vec![rate(0.0)]), &device);
            let mean = |cnn: &Cnn| logits(cnn.run(x.clone(), &Pass::mean()));
            assert_eq!(mean(&cnn), mean(&without), "{name}, {text}: the mean pass drops nothing");
        }
    }
}

#[test]
fn what_passes_share_changes_no_number() {
    // Convolutions before the first draw are computed once; then networks share a batch. Here they are run one by one.
    let shared = Stage { dropout: kind("none"), ..pooled(4, 3) };
    let drawn = Stage { dropout: kind("spatial:0.5"), pool: Pool::None, ..pooled(3, 2) };
    let connected = Stage { dropout: kind("drop-connect:0.5"), repeats: 2, pool: Pool::None, ..pooled(3, 2) };
    for (name, device) in devices() {
        for stages in [
            vec![shared.clone()],
            vec![shared.clone(), drawn.clone()],
            vec![drawn.clone(), shared.clone()],
            vec![shared.clone(), connected.clone()],
        ] {
            let cnn = cnn(with(stages).with_rates(vec![rate(0.5)]), &device);
            let keys: Vec<Key> = (0..7).map(Key::new).collect();
            let passes: Vec<Pass<'_>> = keys.iter().map(|&key| Pass::network(key)).collect();
            let x = pictures(50, &device); // two networks to a batch
            let mut together = vec![Vec::new(); 7];
            cnn.run_many(x.clone(), &passes, &mut |number, output| together[number] = logits(output));
            for (pass, together) in passes.iter().zip(&together) {
                assert_near(together, &logits(cnn.run(x.clone(), pass)), OF_LARGEST, name);
            }
            assert_ne!(together[0], together[1]);
        }
    }
}

#[test]
fn a_picture_is_predicted_alike_in_any_batch() {
    for (name, device) in devices() {
        let cnn = cnn(config(), &device);
        let x = pictures(9, &device);
        let whole = MonteCarlo::new(6).predict(&cnn.classifier().unwrap(), x.clone()).unwrap();
        let some = MonteCarlo::new(6).chunk(2).predict(&cnn.classifier().unwrap(), x.narrow(0, 4, 5)).unwrap();
        for row in 0..5 {
            assert_near(some.probabilities(row), whole.probabilities(row + 4), OF_LARGEST, name);
        }
    }
}

#[test]
fn weights_are_a_function_of_the_key_and_the_path() {
    let all: Vec<_> = devices().into_iter().map(|(_, device)| parameters(&cnn(config(), &device))).collect();
    assert!(all.iter().all(|of_device| *of_device == all[0]));
    let other = config().init(&devices()[0].1, Key::new(2));
    let differs = |path: &str| parameters(&other)[path] != all[0][path];
    assert!(
        differs("stages.0.blocks.0.conv.weight")
            && differs("head.output.weight")
            && differs("stages.0.blocks.0.conv.bias")
    );
}

#[test]
fn what_cannot_be_built_is_named_by_its_stage() {
    let error = |config: CnnConfig| config.check().unwrap_err().to_string();
    let stage = || pooled(4, 3);
    let of = |stage: Stage| error(with(vec![pooled(4, 3), stage]));
    // 2 x 12 x 10 -> 4 x 10 x 8 -> 4 x 5 x 4
    assert_eq!(
        of(Stage { kernel: 5, ..stage() }),
        "`stages.1.kernel` is 5: expected at most 4: the map is 5 x 4 there"
    );
    assert_eq!(of(Stage { channels: 0, ..stage() }), "`stages.1.channels` is 0: expected 1 to 65536");
    assert_eq!(of(Stage { stride: 0, ..stage() }), "`stages.1.stride` is 0: expected 1 to 65536");
    assert_eq!(of(Stage { repeats: 0, ..stage() }), "`stages.1.repeats` is 0: expected 1 to 65536");
    assert_eq!(
        of(Stage { repeats: 2, ..stage() }),
        "`stages.1.kernel` is 3: expected at most 2: the map is 3 x 2 there",
        "the second convolution"
    );
    assert_eq!(
        of(Stage { pool: Pool::Max(3), ..stage() }),
        "`stages.1.pool` is max:3: expected a window of 1 to 2: the map is 3 x 2 there"
    );
    assert_eq!(
        of(Stage { residual: true, padding: 1, ..pooled(8, 3) }),
        "`stages.1.channels` is 8: expected what keeps the shape: a residual convolution reads 4 x 5 x 4 here and gives 8 x 5 x 4"
    );
    assert_eq!(
        of(Stage { residual: true, ..stage() }),
        "`stages.1.padding` is 0: expected what keeps the shape: a residual convolution reads 4 x 5 x 4 here and gives 4 x 3 x 2"
    );
    assert_eq!(
        of(Stage { dropout: kind("drop-block:0.1:7"), padding: 1, pool: Pool::None, ..stage() }),
        "`stages.1.dropout` is drop-block:0.1:7: expected a block within the map, which is 5 x 4 there"
    );
    assert_eq!(
        error(with(vec![stage()]).with_depth_rate(rate(0.5))),
        "`depth_rate` is 0.5: expected 0, or a stage with residual = true: there is nothing else to leave out"
    );
    assert_eq!(
        error(with(vec![stage()]).with_rates(vec![rate(0.1); 3])),
        "`rates` is 3 rates: expected 1",
        "the head's own check"
    );
    let huge = Stage { channels: 65536, kernel: 3, padding: 1, repeats: 65536, ..stage() };
    assert!(matches!(with(vec![huge]).check(), Err(Error::Config { setting, .. }) if setting == "stages"));
    assert!(
        matches!(CnnConfig::new([0, 3, 3], Task::Binary).check(), Err(Error::Config { setting, .. }) if setting == "input")
    );
}

#[test]
fn maps_beyond_any_machine_are_refused_and_not_multiplied() {
    let stage = Stage { channels: 65536, padding: 65536, repeats: 65536, ..Stage::new(1, 1) };
    let config = CnnConfig::new([1, 65536, 4096], Task::Binary).with_stages(vec![stage]);
    assert!(matches!(config.check(), Err(Error::Config { setting, .. }) if setting.starts_with("stages.0")));
}

#[test]
fn what_only_a_program_can_say_is_refused_too() {
    let stage = |dropout| with(vec![Stage { dropout, ..Stage::new(4, 3) }]).check().unwrap_err().to_string();
    let block = DropoutKind::DropBlock { rate: rate(0.1), block: 0 };
    assert!(stage(block).contains("expected a block within the map"), "{}", stage(block));
    for learned in [DropoutKind::Concrete(rate(0.0)), DropoutKind::SpatialConcrete(rate(0.0))] {
        assert!(stage(learned).contains("expected a learned rate that begins above 0"), "{}", stage(learned));
    }
}

#[test]
#[should_panic(expected = "pictures are [1, 12, 10, 2], the network reads rows of [2, 12, 10]")]
fn pictures_with_their_axes_exchanged_are_no_pictures() {
    let device = &devices()[0].1;
    cnn(config(), device).run(Tensor::<4>::ones([1, 12, 10, 2], device), &Pass::mean());
}

#[test]
fn learned_rates_are_regularised_with_the_weights_that_read_them() {
    for (name, device) in devices() {
        let first = Stage { dropout: kind("concrete:0.3"), dropout_at: DropoutAt::BeforePool, ..pooled(4, 3) };
        let second = Stage { dropout: kind("spatial-concrete:0.2"), ..pooled(3, 2) };
        let cnn = cnn(with(vec![first, second]), &device);
        let rates: Vec<(String, f64)> = cnn.learned_rates();
        let sites: Vec<&str> = rates.iter().map(|(site, _)| site.as_str()).collect();
        assert_eq!(sites, ["stages.0.dropout", "stages.1.dropout"], "{name}");

        let parameters = parameters(&cnn);
        let squares = |path: &str| parameters[path].iter().map(|w| w * w).sum::<f64>();
        let length_scale = ConcreteDropoutConfig::new().length_scale;
        let divergence = |p: f64, squares: f64, units: f64| {
            length_scale.powi(2) / 2.0 * squares / (1.0 - p) + units * (p * p.ln() + (1.0 - p) * (1.0 - p).ln())
        };
        // 4 channels of 10 x 8 before the pooling, read by the second convolution; 3 channels, read by the head.
        let expected = divergence(0.3, squares("stages.1.blocks.0.conv.weight"), 320.0)
            + divergence(0.2, squares("head.layers.0.linear.weight"), 3.0);
        let found = values(<Cnn as Stochastic<Tensor<4>>>::regulariser(&cnn).unwrap())[0];
        assert!((found - expected).abs() < 1e-5 * expected.abs(), "{name}: {found} of {expected}");
        let view = cnn.classifier().unwrap();
        assert_eq!(values(Stochastic::<Tensor<4>>::regulariser(&view).unwrap())[0], found, "{name}");
        assert!(<Cnn as Stochastic<Tensor<4>>>::regulariser(&self::cnn(config(), &device)).is_none());
    }
}

#[test]
fn a_stage_is_read_with_defaults_and_an_unknown_key_is_refused() {
    let stage: Stage =
        serde_json::from_str(r#"{"channels": 8, "pool": "average:2", "dropout": "spatial:0.2"}"#).unwrap();
    assert_eq!(stage, Stage { channels: 8, pool: Pool::Average(2), dropout: kind("spatial:0.2"), ..Stage::default() });
    for (text, says) in [
        (r#"{"chanels": 8}"#, "unknown field `chanels`"),
        (r#"{"pool": "max"}"#, "expected none, max:SIZE or average:SIZE"),
        (r#"{"dropout": "spatial"}"#, "expected none, element:RATE"),
    ] {
        let error = serde_json::from_str::<Stage>(text).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn a_printed_network_shows_what_no_shape_does() {
    // A checkpoint tells networks apart by their shapes and by this text.
    let device = &devices()[0].1;
    let text = |config: CnnConfig| cnn(config, device).to_string();
    let first = |change: fn(&mut Stage)| {
        let mut other = config();
        change(&mut other.stages[0]);
        text(other)
    };
    let base = text(config());
    for other in [
        first(|stage| stage.dropout = kind("spatial:0.3")),
        first(|stage| stage.dropout = kind("element:0.25")),
        first(|stage| stage.dropout_at = DropoutAt::BeforePool),
        first(|stage| stage.norm = Norm::After),
        first(|stage| stage.pool = Pool::Average(2)),
        first(|stage| stage.activation = burn_zoo::nn::Activation::Tanh),
        text(config().with_depth_rate(rate(0.4))),
        text(config().with_rates(vec![rate(0.4)])),
    ] {
        assert_ne!(other, base);
    }
}
