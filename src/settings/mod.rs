//! Settings by name: what a config file and `--set path=value` may say.

mod images;
mod overlay;
mod series;
mod table;
mod text;

pub use images::{CnnModelSettings, CnnSettings};
pub use series::{ForecastModelSettings, ForecastSettings};
pub use table::{ModelSettings, Settings};
pub use text::{SequenceModelSettings, SequenceSettings};

pub(crate) use overlay::{leaves, read_toml};

use serde::{Deserialize, Serialize};
use toml::Value;

use crate::{
    error::{Error, Result},
    train::TrainConfig,
};

/// The settings of a training of any family.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "lowercase")]
#[allow(clippy::large_enum_variant)] // there is one at a time
pub enum AnySettings {
    /// A multilayer perceptron on a table.
    Mlp(Settings),
    /// A convolutional network on pictures.
    Cnn(CnnSettings),
    /// An LSTM on series.
    #[serde(rename = "lstm/series")]
    Series(ForecastSettings),
    /// An LSTM on text.
    #[serde(rename = "lstm/text")]
    Text(SequenceSettings),
}

impl AnySettings {
    /// The default settings of a family, or those of a named variant.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the nearest name.
    pub fn find(name: &str) -> Result<Self> {
        match name.split_once('/') {
            None if name == "mlp" => Ok(Self::Mlp(Settings::default())),
            None if name == "cnn" => Ok(Self::Cnn(CnnSettings::default())),
            None if name == "lstm" => Ok(Self::Series(ForecastSettings::default())),
            Some(("lstm", "series")) => Ok(Self::Series(ForecastSettings::default())),
            Some(("lstm", "text")) => Ok(Self::Text(SequenceSettings::default())),
            Some(("cnn", variant)) => CnnSettings::variant(variant).map(Self::Cnn),
            _ => Err(Error::unknown("family", name, FAMILIES)),
        }
    }

    /// The settings of a file over the defaults of the family that it names, or else of `mlp`.
    ///
    /// # Errors
    /// [`Error::Value`] if it is no TOML; [`Error::Unknown`] and [`Error::Config`] as [`set`](Self::set).
    pub fn from_toml(text: &str) -> Result<Self> {
        let mut file = overlay::parse(text)?;
        match file.remove("family") {
            None => Ok(Self::Mlp(overlay::over_defaults(&file)?)),
            Some(Value::String(family)) if family == "mlp" => Ok(Self::Mlp(overlay::over_defaults(&file)?)),
            Some(Value::String(family)) if family == "cnn" => Ok(Self::Cnn(overlay::over_defaults(&file)?)),
            Some(Value::String(family)) if family == "lstm" => match file.remove("kind") {
                None => Ok(Self::Series(overlay::over_defaults(&file)?)),
                Some(Value::String(kind)) if kind == "series" => Ok(Self::Series(overlay::over_defaults(&file)?)),
                Some(Value::String(kind)) if kind == "text" => Ok(Self::Text(overlay::over_defaults(&file)?)),
                Some(Value::String(other)) => Err(Error::unknown("kind", &other, ["series", "text"])),
                Some(other) => Err(Error::config("kind", other, "`series` or `text`")),
            },
            Some(Value::String(other)) => Err(Error::unknown("family", &other, FAMILIES)),
            Some(other) => Err(Error::config("family", other, "`mlp`, `cnn` or `lstm`")),
        }
    }

    /// All settings as TOML, and what each means.
    pub fn template(&self) -> String {
        match self {
            Self::Mlp(settings) => overlay::template(settings, TITLE),
            Self::Cnn(settings) => overlay::template(settings, &format!("{TITLE}family = \"cnn\"\n")),
            Self::Series(settings) => {
                overlay::template(settings, &format!("{TITLE}family = \"lstm\"\nkind = \"series\"\n"))
            }
            Self::Text(settings) => {
                overlay::template(settings, &format!("{TITLE}family = \"lstm\"\nkind = \"text\"\n"))
            }
        }
    }

    /// The same settings but for one: `path` as in `train.epochs`, `value` as in TOML (a bare word is text).
    ///
    /// # Errors
    /// [`Error::Unknown`] with the nearest known path; [`Error::Config`] for a value of another kind.
    pub fn set(&self, path: &str, value: &str) -> Result<Self> {
        match self {
            Self::Mlp(settings) => Ok(Self::Mlp(settings.set(path, value)?)),
            Self::Cnn(settings) => Ok(Self::Cnn(settings.set(path, value)?)),
            Self::Series(settings) => Ok(Self::Series(settings.set(path, value)?)),
            Self::Text(settings) => Ok(Self::Text(settings.set(path, value)?)),
        }
    }

    /// That a training with these settings can begin, as far as they tell without the data.
    ///
    /// # Errors
    /// [`Error::Config`] with the setting's path.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Mlp(settings) => settings.check(),
            Self::Cnn(settings) => settings.check(),
            Self::Series(settings) => settings.check(),
            Self::Text(settings) => settings.check(),
        }
    }

    /// The family of models: `mlp`, `cnn`, `lstm`.
    pub fn family(&self) -> &'static str {
        match self {
            Self::Mlp(_) => "mlp",
            Self::Cnn(_) => "cnn",
            Self::Series(_) => "lstm",
            Self::Text(_) => "lstm",
        }
    }

    /// The settings of the training, which are the same for all families.
    pub fn train_mut(&mut self) -> &mut TrainConfig {
        match self {
            Self::Mlp(settings) => &mut settings.train,
            Self::Cnn(settings) => &mut settings.train,
            Self::Series(settings) => &mut settings.train,
            Self::Text(settings) => &mut settings.train,
        }
    }
}

/// What families are called.
const FAMILIES: [&str; 3] = ["mlp", "cnn", "lstm"];

/// What a file of settings begins with.
const TITLE: &str = "# Settings of a training, with their defaults.\n";

/// What every family's settings can do by name.
macro_rules! named {
    ($settings:ident, $family:ident) => {
        impl $settings {
            /// The same settings but for one: `path` as in `train.epochs`, `value` as in TOML (a bare word is text).
            ///
            /// # Errors
            /// [`Error::Unknown`] with the nearest known path; [`Error::Config`] for a value of another kind.
            pub fn set(&self, path: &str, value: &str) -> Result<Self> {
                overlay::set(self, path, value)
            }

            /// The settings of a file over the defaults.
            ///
            /// # Errors
            /// [`Error::Value`] if it is no TOML; [`Error::Unknown`] and [`Error::Config`] as [`set`](Self::set), and for another family.
            pub fn from_toml(text: &str) -> Result<Self> {
                match AnySettings::from_toml(text)? {
                    AnySettings::$family(settings) => Ok(settings),
                    other => Err(Error::config("family", other.family(), "that of these settings")),
                }
            }

            /// All settings with their defaults as TOML, and what each means.
            pub fn template() -> String {
                AnySettings::$family(Self::default()).template()
            }
        }
    };
}
named!(Settings, Mlp);
named!(CnnSettings, Cnn);
named!(ForecastSettings, Series);
named!(SequenceSettings, Text);

/// An error about a setting of a section, by the whole path.
fn within(section: &'static str) -> impl FnOnce(Error) -> Error {
    move |error| match error {
        Error::Config { setting, value, expected } => {
            Error::Config { setting: format!("{section}.{setting}"), value, expected }
        }
        other => other,
    }
}
