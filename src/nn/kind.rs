//! Any dropout of a feature map, by a name in a settings file: the layer that it stands for is chosen at run time.

use std::{fmt, str::FromStr};

use burn::{
    module::Module,
    nn::conv::Conv2d,
    tensor::{Device, Tensor},
};
use serde::{Deserialize, Serialize};

use super::{
    AlphaDropout, ConcreteDropout, ConcreteDropoutConfig, DropBlock, DropConnect, Dropout, GaussianDropout,
    SpatialConcreteDropout2d, SpatialConcreteDropout2dConfig, SpatialDropout2d, concrete,
};
use crate::{ops::convolution, pass::Pass, rate::Rate};

/// Which dropout, with its settings. As text: `none`, `element:0.5`, `spatial:0.2`, `drop-block:0.1:7`, `gaussian:0.3`, `alpha:0.05`,
/// `drop-connect:0.5`, `concrete:0.1`, `spatial-concrete:0.1`; the last two without a number begin with 0.1, and none nearer to 0 or 1 than 1e-13.
///
/// # Examples
/// ```
/// use burn_zoo::nn::DropoutKind;
///
/// let kind: DropoutKind = "drop-block:0.1:7".parse()?;
/// assert_eq!(kind.to_string(), "drop-block:0.1:7");
/// assert!("spatial:1.5".parse::<DropoutKind>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DropoutKind {
    /// Nothing is dropped.
    #[default]
    None,
    /// Single entries: [`Dropout`].
    Element(Rate),
    /// Whole channels: [`SpatialDropout2d`](super::SpatialDropout2d).
    Spatial(Rate),
    /// Blocks of each channel: [`DropBlock`].
    DropBlock {
        /// The probability of dropping.
        rate: Rate,
        /// The side of a block, at least 1.
        block: usize,
    },
    /// Normal noise on each entry: [`GaussianDropout`].
    Gaussian(Rate),
    /// For SELU: [`AlphaDropout`].
    Alpha(Rate),
    /// The weights of the convolution: [`DropConnect`].
    DropConnect(Rate),
    /// Single entries, at a learned rate, above zero, that begins here: [`ConcreteDropout`].
    Concrete(Rate),
    /// Whole channels, at a learned rate, above zero, that begins here: [`SpatialConcreteDropout2d`].
    SpatialConcrete(Rate),
}

/// The rate that concrete dropout begins with where none is given: the authors'.
const CONCRETE: f64 = 0.1;

const EXPECTED: &str = "expected none, element:RATE, spatial:RATE, drop-block:RATE:BLOCK, gaussian:RATE, alpha:RATE, drop-connect:RATE, \
                        concrete[:RATE] or spatial-concrete[:RATE]";

impl DropoutKind {
    /// The layer, for feature maps.
    ///
    /// # Panics
    /// If a rate is to be learned and begins nearer to 0 or 1 than 1e-13, or the side of a block is 0: no text gives such a kind.
    pub fn init_map(self, device: &Device) -> MapDropout {
        match self {
            Self::None => MapDropout::None(NoDropout {}),
            Self::Element(rate) => MapDropout::Element(Dropout::new(rate)),
            Self::Spatial(rate) => MapDropout::Spatial(SpatialDropout2d::new(rate)),
            Self::DropBlock { rate, block } => MapDropout::DropBlock(DropBlock::new(rate, block)),
            Self::Gaussian(rate) => MapDropout::Gaussian(GaussianDropout::new(rate)),
            Self::Alpha(rate) => MapDropout::Alpha(AlphaDropout::new(rate)),
            Self::DropConnect(rate) => MapDropout::DropConnect(DropConnect::new(rate)),
            Self::Concrete(rate) => {
                MapDropout::Concrete(ConcreteDropoutConfig::new().with_rate(rate.get()).init(device))
            }
            Self::SpatialConcrete(rate) => {
                MapDropout::SpatialConcrete(SpatialConcreteDropout2dConfig::new().with_rate(rate.get()).init(device))
            }
        }
    }
}

impl FromStr for DropoutKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fail = || format!("`{text}` is no dropout: {EXPECTED}");
        let parts: Vec<&str> = text.split(':').collect();
        let rate = |number: &str| {
            let number: f64 = number.parse().map_err(|_| fail())?;
            Rate::new(number).map_err(|error| format!("`{text}`: {error}"))
        };
        let learned = |number: &str| match rate(number)? {
            rate if concrete::can_be_learned(rate.get()) => Ok(rate),
            _ => Err(format!("`{text}`: a learned rate begins above 0 and below 1, by 1e-13 or more")),
        };
        let begins = || Rate::new(CONCRETE).expect("a tenth is a rate");
        match parts[..] {
            ["none"] => Ok(Self::None),
            ["element", number] => Ok(Self::Element(rate(number)?)),
            ["spatial", number] => Ok(Self::Spatial(rate(number)?)),
            ["drop-block", number, block] => match block.parse() {
                Ok(block) if block > 0 => Ok(Self::DropBlock { rate: rate(number)?, block }),
                _ => Err(format!("`{text}`: the side of a block is `{block}`: expected a whole number of at least 1")),
            },
            ["gaussian", number] => Ok(Self::Gaussian(rate(number)?)),
            ["alpha", number] => Ok(Self::Alpha(rate(number)?)),
            ["drop-connect", number] => Ok(Self::DropConnect(rate(number)?)),
            ["concrete"] => Ok(Self::Concrete(begins())),
            ["concrete", number] => Ok(Self::Concrete(learned(number)?)),
            ["spatial-concrete"] => Ok(Self::SpatialConcrete(begins())),
            ["spatial-concrete", number] => Ok(Self::SpatialConcrete(learned(number)?)),
            _ => Err(fail()),
        }
    }
}

impl TryFrom<String> for DropoutKind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<DropoutKind> for String {
    fn from(kind: DropoutKind) -> Self {
        kind.to_string()
    }
}

impl fmt::Display for DropoutKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Element(rate) => write!(f, "element:{rate}"),
            Self::Spatial(rate) => write!(f, "spatial:{rate}"),
            Self::DropBlock { rate, block } => write!(f, "drop-block:{rate}:{block}"),
            Self::Gaussian(rate) => write!(f, "gaussian:{rate}"),
            Self::Alpha(rate) => write!(f, "alpha:{rate}"),
            Self::DropConnect(rate) => write!(f, "drop-connect:{rate}"),
            Self::Concrete(rate) => write!(f, "concrete:{rate}"),
            Self::SpatialConcrete(rate) => write!(f, "spatial-concrete:{rate}"),
        }
    }
}

/// The identity, which draws nothing and is no site.
#[derive(Module, Debug)]
pub struct NoDropout {}

/// A dropout of feature maps that was chosen by a [`DropoutKind`]. A stage of a network runs its convolution by [`conv2d`](Self::conv2d) and what comes
/// out, at the place of its choice, through [`forward`](Self::forward), both at one site: no kind draws in both.
///
/// # Examples
/// ```
/// use burn_zoo::{Key, Pass, nn::DropoutKind};
/// # #[cfg(feature = "flex")] {
/// use burn::{nn::conv::Conv2dConfig, tensor::{Device, Tensor, activation::relu}};
///
/// let device = Device::flex();
/// let conv = Conv2dConfig::new([1, 4], [3, 3]).init(&device);
/// let dropout = "spatial:0.2".parse::<DropoutKind>().unwrap().init_map(&device);
/// let pass = Pass::network(Key::new(7));
/// let x = dropout.conv2d(&conv, Tensor::ones([2, 1, 8, 8], &device), &pass.at("dropout"));
/// let x = dropout.forward(relu(x), &pass.at("dropout"));
/// # }
/// ```
#[derive(Module, Debug)]
pub enum MapDropout {
    /// [`DropoutKind::None`]
    None(NoDropout),
    /// [`DropoutKind::Element`]
    Element(Dropout),
    /// [`DropoutKind::Spatial`]
    Spatial(SpatialDropout2d),
    /// [`DropoutKind::DropBlock`]
    DropBlock(DropBlock),
    /// [`DropoutKind::Gaussian`]
    Gaussian(GaussianDropout),
    /// [`DropoutKind::Alpha`]
    Alpha(AlphaDropout),
    /// [`DropoutKind::DropConnect`]
    DropConnect(DropConnect),
    /// [`DropoutKind::Concrete`]
    Concrete(ConcreteDropout),
    /// [`DropoutKind::SpatialConcrete`]
    SpatialConcrete(SpatialConcreteDropout2d),
}

impl MapDropout {
    /// Drops parts of `x`; the identity of a kind that drops weights.
    ///
    /// # Shapes
    /// - input: `[rows, channels, height, width]`
    /// - output: `[rows, channels, height, width]`
    pub fn forward(&self, x: Tensor<4>, pass: &Pass<'_>) -> Tensor<4> {
        match self {
            Self::None(_) | Self::DropConnect(_) => x,
            Self::Element(dropout) => dropout.forward(x, pass),
            Self::Spatial(dropout) => dropout.forward(x, pass),
            Self::DropBlock(dropout) => dropout.forward(x, pass),
            Self::Gaussian(dropout) => dropout.forward(x, pass),
            Self::Alpha(dropout) => dropout.forward(x, pass),
            Self::Concrete(dropout) => dropout.forward(x, pass),
            Self::SpatialConcrete(dropout) => dropout.forward(x, pass),
        }
    }

    /// Runs `conv`, with weights dropped if the kind drops those.
    ///
    /// # Shapes
    /// - input: `[rows, channels_in, height_in, width_in]`
    /// - output: `[rows, channels_out, height_out, width_out]`
    ///
    /// # Panics
    /// If weights are to be dropped in a pass over [`rows`](Pass::rows) without a recorder: see [`Pass::draw_weights`].
    pub fn conv2d(&self, conv: &Conv2d, x: Tensor<4>, pass: &Pass<'_>) -> Tensor<4> {
        match self {
            Self::DropConnect(dropout) => dropout.conv2d(conv, x, pass),
            _ => convolution::conv2d(conv, x),
        }
    }

    /// Whether anything can be dropped: not by `none`, and not at a rate of zero.
    pub fn is_random(&self) -> bool {
        match self {
            Self::None(_) => false,
            Self::Element(dropout) => !dropout.rate().is_zero(),
            Self::Spatial(dropout) => !dropout.rate().is_zero(),
            Self::DropBlock(dropout) => !dropout.rate().is_zero(),
            Self::Gaussian(dropout) => !dropout.rate().is_zero(),
            Self::Alpha(dropout) => !dropout.rate().is_zero(),
            Self::DropConnect(dropout) => !dropout.rate().is_zero(),
            Self::Concrete(_) | Self::SpatialConcrete(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_its_text() {
        for text in [
            "none",
            "element:0.5",
            "spatial:0.2",
            "drop-block:0.1:7",
            "gaussian:0.3",
            "alpha:0.05",
            "drop-connect:0.5",
            "concrete:0.1",
            "spatial-concrete:0.25",
            "element:0",
        ] {
            let kind: DropoutKind = text.parse().unwrap();
            assert_eq!(kind.to_string(), text);
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<DropoutKind>(&json).unwrap(), kind);
        }
        assert_eq!("concrete".parse::<DropoutKind>().unwrap().to_string(), "concrete:0.1");
        assert_eq!("spatial-concrete".parse::<DropoutKind>().unwrap().to_string(), "spatial-concrete:0.1");
    }

    #[test]
    fn a_kind_that_is_none_says_what_was_expected() {
        for (text, expected) in [
            ("elment:0.5", "`elment:0.5` is no dropout: expected none, element:RATE"),
            ("element", "`element` is no dropout"),
            ("element:half", "`element:half` is no dropout"),
            ("element:0.5:7", "`element:0.5:7` is no dropout"),
            ("none:0.5", "`none:0.5` is no dropout"),
            ("drop-block:0.1", "drop-block:RATE:BLOCK"),
            ("spatial:1", "`spatial:1`: rate 1 is not a probability of dropping: expected 0 <= rate < 1"),
            ("gaussian:-0.1", "rate -0.1 is not a probability"),
            ("alpha:nan", "is not a probability"),
            ("drop-block:0.1:0", "the side of a block is `0`: expected a whole number of at least 1"),
            ("drop-block:0.1:2.5", "the side of a block is `2.5`"),
            ("concrete:0", "`concrete:0`: a learned rate begins above 0 and below 1, by 1e-13 or more"),
            ("concrete:1e-14", "a learned rate begins above 0 and below 1, by 1e-13 or more"),
            ("spatial-concrete:0.99999999999999", "a learned rate begins above 0 and below 1, by 1e-13 or more"),
            ("", "`` is no dropout"),
        ] {
            let error = text.parse::<DropoutKind>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
