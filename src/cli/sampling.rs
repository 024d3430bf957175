//! How many networks are sampled, and by what.

use burn_zoo::{
    models::{Noise, Task},
    uncertainty::MonteCarlo,
    zoo::AnyModel,
};

use super::{
    OnDevice,
    numbers::{bytes, passes, whole},
};

/// What predictions by sampled networks are a function of
#[derive(clap::Args)]
pub struct Sampling {
    /// The number of sampled networks
    #[arg(long, default_value_t = 50, value_parser = passes)]
    pub passes: u32,
    /// Draws the networks: a whole number
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = whole)]
    pub seed: u64,
    /// At most so many bytes for samples, such as 65536, 512M or 2G, and a row at
    /// least; predictions have the same numbers in smaller blocks
    #[arg(long, default_value = "512M", value_parser = bytes)]
    pub memory: usize,
    /// Say nothing but errors on standard error
    #[arg(long, short)]
    pub quiet: bool,
    #[command(flatten)]
    pub device: OnDevice,
}

impl Sampling {
    /// What predicts.
    pub fn monte_carlo(&self) -> MonteCarlo {
        MonteCarlo::new(self.passes as usize).seed(self.seed).memory(self.memory)
    }
}

/// Why a model has no use for an interval's level, if it has none.
pub fn idle_interval(model: &AnyModel, level: f64) -> Option<String> {
    let task = match model {
        AnyModel::Table(model) => model.mlp().task(),
        AnyModel::Images(model) => model.cnn().task(),
        AnyModel::Series(_) => return None,
        AnyModel::Text(model) => model.lstm().task(),
    };
    let why = match task {
        Task::Regression { noise: Noise::None, .. } => "the model says nothing about the noise",
        Task::Regression { .. } => return None,
        Task::NextWord { .. } => "a language has no intervals",
        _ => "classes have no intervals",
    };
    Some(format!("--interval {level} changes nothing: {why}"))
}
