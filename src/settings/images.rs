//! The settings of a convolutional network on pictures.

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::{
    overlay::{Family, Words},
    within,
};
use crate::{
    data::{ImageDataSettings, image::Augmentation},
    error::{Error, Result},
    models::{CnnConfig, Norm, Stage, Task},
    nn::Activation,
    rate::Rate,
    train::TrainConfig,
};

/// Everything that can be chosen about a training on pictures, with defaults for small ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CnnSettings {
    /// The network.
    pub model: CnnModelSettings,
    /// Its training.
    pub train: TrainConfig,
    /// Its data.
    pub data: ImageDataSettings,
    /// What happens to the pictures of the training part, anew in each epoch.
    pub augment: Augmentation,
}

/// The network, but for what the data say: [`CnnConfig`] without its input and its task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CnnModelSettings {
    /// The stages of convolutions, in order.
    pub stages: Vec<Stage>,
    /// Whether the head reads the mean of each channel over the map.
    pub global_pool: bool,
    /// The rate at which the last residual block is left out.
    pub depth_rate: Rate,
    /// The number of units of each hidden layer of the head.
    pub hidden: Vec<usize>,
    /// The function behind each hidden layer of the head.
    pub activation: Activation,
    /// The rate on what the head reads.
    pub input_rate: Rate,
    /// The rate behind each hidden layer of the head; one number holds for all.
    pub rates: Vec<Rate>,
    /// Whether each hidden layer of the head is followed by a batch normalisation.
    pub batch_norm: bool,
}

/// Networks with a name: files of settings.
const VARIANTS: [(&str, &str); 5] = [
    ("digits", include_str!("../../models/cnn/variants/digits.toml")),
    ("fashion-mnist", include_str!("../../models/cnn/variants/fashion-mnist.toml")),
    ("lenet", include_str!("../../models/cnn/variants/lenet.toml")),
    ("lenet-all", include_str!("../../models/cnn/variants/lenet-all.toml")),
    ("two-conv", include_str!("../../models/cnn/variants/two-conv.toml")),
];

impl Default for CnnSettings {
    fn default() -> Self {
        Self {
            model: CnnModelSettings::default(),
            train: TrainConfig::new().with_epochs(20).with_patience(5).with_batch_size(64),
            data: ImageDataSettings::default(),
            augment: Augmentation::default(),
        }
    }
}

impl Default for CnnModelSettings {
    fn default() -> Self {
        let cnn = CnnConfig::new([1, 28, 28], Task::Binary);
        Self {
            stages: cnn.stages,
            global_pool: cnn.global_pool,
            depth_rate: cnn.depth_rate,
            hidden: cnn.hidden,
            activation: cnn.activation,
            input_rate: cnn.input_rate,
            rates: cnn.rates,
            batch_norm: cnn.batch_norm,
        }
    }
}

impl CnnModelSettings {
    /// The network for pictures of so many channels, such a height and such a width.
    pub fn config(&self, input: [usize; 3], task: Task) -> CnnConfig {
        CnnConfig::new(input, task)
            .with_stages(self.stages.clone())
            .with_global_pool(self.global_pool)
            .with_depth_rate(self.depth_rate)
            .with_hidden(self.hidden.clone())
            .with_activation(self.activation)
            .with_input_rate(self.input_rate)
            .with_rates(self.rates.clone())
            .with_batch_norm(self.batch_norm)
    }

    /// The same, if it can be built.
    ///
    /// # Errors
    /// [`Error::Config`] with the setting's path.
    pub(crate) fn checked(&self, input: [usize; 3], task: Task) -> Result<CnnConfig> {
        let config = self.config(input, task);
        config.check().map_err(within("model"))?;
        Ok(config)
    }

    /// That there are pictures that the network reads: of this size, or else of a usual one.
    fn check(&self, size: Option<[usize; 2]>) -> Result<()> {
        let check = |[height, width]: [usize; 2]| self.checked([1, height, width], Task::Binary).map(drop);
        match size {
            Some(size) => check(size),
            None => {
                let [smaller @ .., largest] = USUAL;
                if smaller.iter().any(|&size| check(size).is_ok()) { Ok(()) } else { check(largest) }
            }
        }
    }

    /// Whether a batch normalisation stands anywhere.
    fn normalises(&self) -> bool {
        self.batch_norm || self.stages.iter().any(|stage| stage.norm != Norm::None)
    }
}

/// Heights and widths of pictures, the smallest of a data set first.
const USUAL: [[usize; 2]; 4] = [[28, 28], [64, 64], [128, 128], [256, 256]];

impl CnnSettings {
    /// The names of the variants.
    pub fn variants() -> impl Iterator<Item = &'static str> {
        VARIANTS.iter().map(|(name, _)| *name)
    }

    /// The settings of a named variant.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the nearest name.
    ///
    /// # Examples
    /// ```
    /// use burn_zoo::{models::Task, settings::CnnSettings};
    ///
    /// let lenet = CnnSettings::variant("lenet")?;
    /// let config = lenet.model.config([1, 28, 28], Task::MultiClass { classes: 10 });
    /// assert_eq!(config.hidden, [500]);
    /// # Ok::<(), burn_zoo::Error>(())
    /// ```
    pub fn variant(name: &str) -> Result<Self> {
        let known = VARIANTS.iter().find(|(known, _)| *known == name);
        let (_, text) = known.ok_or_else(|| Error::unknown("variant", name, Self::variants()))?;
        Self::from_toml(text)
    }

    /// That a training with these settings can begin, as far as they tell without the data.
    ///
    /// # Errors
    /// [`Error::Config`] with the setting's path.
    pub fn check(&self) -> Result<()> {
        self.train.check()?;
        self.data.check().map_err(within("data"))?;
        self.model.check(self.data.reading.size)?;
        if self.model.normalises() && self.train.batch_size == 1 {
            let expected = "at least 2 with batch normalisation: one row has no variance";
            return Err(Error::config("train.batch_size", 1, expected));
        }
        self.augment.check()
    }
}

/// What is said of a stage, in order.
const KEYS: [&str; 11] = [
    "channels",
    "kernel",
    "stride",
    "padding",
    "repeats",
    "activation",
    "norm",
    "residual",
    "pool",
    "dropout",
    "dropout_at",
];

impl Family for CnnSettings {
    const MODEL: Words = &[
        (
            "model.stages",
            "of convolutions: channels; kernel (3), stride (1), padding (0), repeats (1); activation (relu, or as of the head);\n\
             # norm (none), before or after the activation; residual (false); pool (none), max:2, average:2; dropout (none),\n\
             # element:0.5, spatial:0.2, drop-block:0.1:7, gaussian:0.3, alpha:0.05, drop-connect:0.5, concrete:0.1,\n\
             # spatial-concrete:0.1; dropout_at (after-pool), before-pool. In brackets what holds where nothing is said.",
        ),
        ("model.global_pool", "the head reads the mean of each channel, not every place of the map"),
        ("model.depth_rate", "probability of leaving out the last residual block; less for those before it"),
        ("model.hidden", "units of each hidden layer of the head"),
        ("model.activation", "of the head: relu, tanh, sigmoid, gelu, silu, elu, selu, identity"),
        ("model.input_rate", "probability of dropping a number that the head reads"),
        ("model.rates", "probability of dropping a hidden unit; one number holds for all layers"),
        ("model.batch_norm", "between each hidden layer of the head and its activation"),
    ];
    const DATA: Words = &[
        ("data.split", "shares of pictures: train, validation, test; an official test part stays one"),
        ("data.size", "[height, width] that all pictures get; [] is the most frequent size"),
        ("data.color", "auto (grey if all are), grey, rgb"),
        ("data.alpha", "what stands behind transparent pixels: black, white, drop (the transparency)"),
        ("data.bad_files", "that cannot be read: error, skip (they are left out, and named)"),
        ("augment.flip", "left and right exchanged in half of the cases; not for digits and text"),
        ("augment.rotate", "by up to so many degrees to either side"),
        ("augment.shift", "by up to such a share of height and width"),
        ("augment.zoom", "up to so much larger or smaller; 0.1 is a factor of 1/1.1 to 1.1"),
        ("augment.crop", "padded by so many pixels on each side, and cut back at a random place"),
        ("augment.brightness", "lighter or darker by up to so much of full scale"),
        ("augment.noise", "standard deviation in each pixel, as a share of full scale"),
        ("augment.erase", "probability that a rectangle becomes black"),
    ];

    /// A stage a line, and of it what is not the default.
    fn shown(path: &str, value: &Value) -> String {
        let Value::Array(stages) = value else { return value.to_string() };
        if path != "model.stages" || stages.is_empty() {
            return value.to_string();
        }
        let default = Table::try_from(Stage::default()).expect("a stage is TOML");
        let stage = |stage: &Value| {
            let told = |key: &&str| stage.get(*key).filter(|value| default.get(*key) != Some(value));
            let keys: Vec<String> = KEYS.iter().filter_map(|key| Some(format!("{key} = {}", told(key)?))).collect();
            format!("    {{ {} }},\n", keys.join(", "))
        };
        format!("[\n{}]", stages.iter().map(stage).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{AnySettings, overlay::assert_told};

    #[test]
    fn the_template_holds_every_setting_with_its_default_and_a_word_about_it() {
        assert_told::<CnnSettings>();
        for name in ["cnn".to_string()].into_iter().chain(CnnSettings::variants().map(|name| format!("cnn/{name}"))) {
            let settings = AnySettings::find(&name).unwrap();
            let template = settings.template();
            assert_eq!(AnySettings::from_toml(&template).unwrap(), settings, "{template}");
        }
        let template = CnnSettings::variant("lenet").unwrap();
        let template = AnySettings::Cnn(template).template();
        assert!(template.contains("\nfamily = \"cnn\"\n"), "{template}");
        // Of a stage, what is not the default; in the order of its fields.
        let stage = Table::try_from(Stage::default()).unwrap();
        assert!(stage.len() == KEYS.len() && KEYS.iter().all(|key| stage.contains_key(*key)));
        assert!(
            template.contains("    { channels = 20, kernel = 5, activation = \"identity\", pool = \"max:2\" },\n"),
            "{template}"
        );
    }

    #[test]
    fn the_variants_are_the_networks_that_they_are_named_after() {
        let task = Task::MultiClass { classes: 10 };
        let of = |name| CnnSettings::variant(name).unwrap().model.checked([1, 28, 28], task).unwrap();
        for (name, parameters) in [
            // 20 (25 + 1) + 50 (20 * 25 + 1) + (50 * 4 * 4 + 1) 500 + (500 + 1) 10: Caffe's and Gal & Ghahramani's
            ("lenet", 431_080),
            ("lenet-all", 431_080),
            // 32 (9 + 1) + 64 (32 * 9 + 1) + (64 * 12 * 12 + 1) 128 + (128 + 1) 10: PyTorch's first lesson
            ("two-conv", 1_199_882),
        ] {
            assert_eq!(of(name).parameters(), Some(parameters), "{name}");
        }
        for settings in CnnSettings::variants().map(|name| CnnSettings::variant(name).unwrap()) {
            settings.check().unwrap();
        }
        let error = CnnSettings::variant("lenet-al").unwrap_err().to_string();
        assert_eq!(error, "unknown variant `lenet-al`: did you mean `lenet-all`?");
    }

    #[test]
    fn stages_are_set_as_toml() {
        let stages = r#"[{channels = 6, kernel = 5, pool = "average:2", dropout = "spatial:0.2"}, {channels = 8}]"#;
        let settings = CnnSettings::default().set("model.stages", stages).unwrap();
        let [first, second] = &settings.model.stages[..] else { panic!("{:?}", settings.model.stages) };
        assert_eq!((first.channels, first.kernel, second.channels), (6, 5, 8));
        assert_eq!(second.dropout, Stage::default().dropout);
        let as_file = "family = \"cnn\"\n[[model.stages]]\nchannels = 6\n[[model.stages]]\nchannels = 8\n";
        assert_eq!(CnnSettings::from_toml(as_file).unwrap().model.stages.len(), 2);
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_expected() {
        let error = |path: &str, value: &str| CnnSettings::default().set(path, value).unwrap_err().to_string();
        assert_eq!(error("model.stage", "[]"), "unknown setting `model.stage`: did you mean `model.stages`?");
        let says = "unknown setting `model.stages.chanels`: did you mean `model.stages.channels`?";
        assert_eq!(error("model.stages", "[{chanels = 4}]"), says);
        assert_eq!(error("augment.flop", "true"), "unknown setting `augment.flop`: did you mean `augment.flip`?");
        for (path, value, says) in [
            ("model.stages", "many", "`model.stages` is \"many\": expected a list"),
            ("data.color", "red", "`data.color` is \"red\": expected one of `auto`, `grey`, `rgb`"),
            ("augment.rotate", "far", "`augment.rotate` is \"far\": expected a number"),
        ] {
            assert_eq!(error(path, value), says);
        }
        let error =
            |path: &str, value: &str| CnnSettings::default().set(path, value).unwrap().check().unwrap_err().to_string();
        for (path, value, says) in [
            (
                "model.stages",
                "[{channels = 4, kernel = 300}]",
                "`model.stages.0.kernel` is 300: expected at most 256: the map is 256 x 256 there",
            ),
            ("model.rates", "[0.1, 0.2]", "`model.rates` is 2 rates: expected 1"),
            ("data.size", "[0, 28]", "`data.size` is [0, 28]: expected height and width of 1 to 4096"),
            ("augment.zoom", "9", "`augment.zoom` is 9: expected 0 to 4"),
            (
                "data.split",
                "[1, 0, 0]",
                "`data.split` is [1.0, 0.0, 0.0]: expected three positive shares that add up to 1",
            ),
        ] {
            assert_eq!(error(path, value), says);
        }
    }

    #[test]
    fn a_file_is_of_the_family_that_it_names() {
        for (text, family) in [("", "mlp"), ("family = \"mlp\"\n", "mlp"), ("family = \"cnn\"\n", "cnn")] {
            assert_eq!(AnySettings::from_toml(text).unwrap().family(), family);
        }
        let error = |text: &str| AnySettings::from_toml(text).unwrap_err().to_string();
        assert_eq!(error("family = \"cnm\"\n"), "unknown family `cnm`: did you mean `cnn`?");
        assert_eq!(error("family = 3\n"), "`family` is 3: expected `mlp`, `cnn` or `lstm`");
        let error = CnnSettings::from_toml("").unwrap_err().to_string();
        assert_eq!(error, "`family` is mlp: expected that of these settings");
        let error = AnySettings::find("cnn/lenett").unwrap_err().to_string();
        assert_eq!(error, "unknown variant `lenett`: did you mean `lenet`?");
        let error = AnySettings::find("mpl").unwrap_err().to_string();
        assert_eq!(error, "unknown family `mpl`: expected one of `mlp`, `cnn`, `lstm`");
    }
}
