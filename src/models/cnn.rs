//! A convolutional network with dropout of any kind behind its convolutions, and a dense head with dropout: LeNet as Gal & Ghahramani 2016
//! sample it (<https://arxiv.org/abs/1506.02142>, section 5.2), plain stacks, and residual ones (He et al. 2016, <https://arxiv.org/abs/1512.03385>).

use burn::{
    config::Config,
    module::Module,
    nn::{
        PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{
        Device, Tensor, assert_shape,
        module::{avg_pool2d, max_pool2d},
        ops::{AvgPoolOptions, MaxPoolOptions},
    },
};
use serde::{Deserialize, Serialize};

use super::{
    fold::fold,
    mlp::{Mlp, MlpConfig},
    task::{Task, meaning},
    view::views,
};
use crate::{
    error::{Error, Result},
    key::Key,
    nn::{Activation, BatchNorm, BatchNormConfig, DropoutKind, MapDropout, StochasticDepth, init_weights},
    outputs::Outputs,
    pass::Pass,
    rate::Rate,
    stochastic::{Stochastic, sum_by_axis},
};

/// Configuration of [`Cnn`].
///
/// # Rates
/// Convolutions share their weights between places, so they overfit less than dense layers and take lower rates: 0.1 to 0.25 for channels, 0.5 in
/// front of the last layer (Srivastava et al. 2014, appendix B, drop 0.1 of the input, 0.25 behind the first two of three convolutions, 0.5 behind the third and in the dense layers; Gal & Ghahramani 2016 drop
/// 0.5 before the last layer, or behind every convolution too). Choose by the validation log-likelihood. `docs/dropout.md` says which kind when.
#[derive(Config, Debug, PartialEq)]
pub struct CnnConfig {
    /// Channels, height and width of a picture.
    pub input: [usize; 3],
    /// What is predicted.
    pub task: Task,
    /// The stages of convolutions, in order.
    #[config(default = "[16, 32].map(|channels| Stage { pool: Pool::Max(2), ..Stage::new(channels, 5) }).to_vec()")]
    pub stages: Vec<Stage>,
    /// Whether the head reads the mean of each channel over the map, rather than every place of it.
    #[config(default = false)]
    pub global_pool: bool,
    /// The rate at which the last residual block is left out; those before it have rates in proportion to their number (Huang et al. 2016).
    #[config(default = "Rate::ZERO")]
    pub depth_rate: Rate,
    /// The number of units of each hidden layer of the head; none at all makes it linear.
    #[config(default = "vec![128]")]
    pub hidden: Vec<usize>,
    /// The function behind each hidden layer of the head.
    #[config(default = "Activation::Relu")]
    pub activation: Activation,
    /// The rate on what the head reads.
    #[config(default = "Rate::ZERO")]
    pub input_rate: Rate,
    /// The rate behind each hidden layer of the head; one number holds for all of them.
    #[config(default = "vec![Rate::new(0.5).expect(\"0.5 is a rate\")]")]
    pub rates: Vec<Rate>,
    /// Whether a batch normalisation stands between each hidden layer of the head and its activation.
    #[config(default = false)]
    pub batch_norm: bool,
}

/// One stage of a [`Cnn`]: convolutions, then dropout and pooling.
///
/// ```text
/// [convolution -> norm? -> activation -> norm?] * repeats -> dropout? -> pool? -> dropout?
/// ```
///
/// # Examples
/// ```
/// use burn_zoo::models::{Pool, Stage};
///
/// // 3 x 3, the map keeps its size until it is pooled; whole channels are dropped
/// let stage = Stage { padding: 1, pool: Pool::Max(2), dropout: "spatial:0.1".parse()?, ..Stage::new(32, 3) };
/// # let _ = stage;
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stage {
    /// The number of channels that leave it.
    pub channels: usize,
    /// Height and width of the kernels.
    pub kernel: usize,
    /// Of the first convolution; the others have stride 1.
    pub stride: usize,
    /// Zeros around the map, before each convolution.
    pub padding: usize,
    /// The number of convolutions.
    pub repeats: usize,
    /// The function behind each convolution.
    pub activation: Activation,
    /// Whether there is a batch normalisation behind each convolution, and on which side of its activation.
    pub norm: Norm,
    /// Whether each convolution, with what stands behind it, is added to what it reads: the shape must be the same.
    pub residual: bool,
    /// What makes the map smaller in the end.
    pub pool: Pool,
    /// What is dropped: of the map, or, with drop-connect, of the kernels.
    pub dropout: DropoutKind,
    /// On which side of the pooling; without meaning where no map is dropped.
    pub dropout_at: DropoutAt,
}

/// Where a batch normalisation stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// Nowhere.
    #[default]
    None,
    /// Before the activation (Ioffe & Szegedy 2015).
    Before,
    /// Behind the activation.
    After,
}

/// What makes a map smaller: by text `none`, `max:2`, `average:2`. Windows do not overlap; what is left over at the edge is cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Pool {
    /// Nothing.
    #[default]
    None,
    /// The largest of each window of that size.
    Max(usize),
    /// The mean of each window of that size.
    Average(usize),
}

/// On which side of the pooling dropout acts. Before it, the largest of the entries that are kept survives (max-pooling dropout, Wu & Gu 2015), which
/// is another network than one that drops maxima.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DropoutAt {
    /// As Gal & Ghahramani 2016 have it.
    BeforePool,
    /// As Srivastava et al. 2014 have it.
    #[default]
    AfterPool,
}

/// Stages of convolutions, and a dense head.
///
/// ```text
/// picture -> [stage] * stages -> flat, or mean over the map -> dropout -> [linear -> batch norm? -> activation -> dropout] * hidden -> linear
/// ```
/// Sites: `stages.0.dropout` (with drop-connect `stages.0.dropout.0` of its first convolution, ...), `stages.1.blocks.0.depth`, `head.input_dropout`, `head.layers.0.dropout`, ... What lies
/// before the first of them is computed once for all networks that are sampled.
///
/// # Examples
/// ```
/// use burn_zoo::{Key, models::{CnnConfig, Task}, uncertainty::MonteCarlo};
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
///
/// let device = Device::flex();
/// let cnn = CnnConfig::new([1, 28, 28], Task::MultiClass { classes: 10 }).init(&device, Key::new(0).fold_str("init"));
/// let pictures = Tensor::<4>::zeros([2, 1, 28, 28], &device);
/// let prediction = MonteCarlo::new(20).predict(&cnn.classifier()?, pictures)?;
/// assert!(prediction.mutual_information()[0] >= 0.0);
/// # }
/// # Ok::<(), burn_zoo::Error>(())
/// ```
#[derive(Module, Debug)]
pub struct Cnn {
    stages: Vec<CnnStage>,
    #[module(skip)]
    global_pool: bool,
    head: Mlp,
    #[module(skip)]
    input: [usize; 3],
    #[module(skip)]
    largest_map: usize,
    #[module(skip)]
    task: Task,
}

/// One stage of a [`Cnn`].
#[derive(Module, Debug)]
pub struct CnnStage {
    blocks: Vec<CnnBlock>,
    #[module(skip)]
    pool: Pool,
    dropout: MapDropout,
    #[module(skip)]
    dropout_at: DropoutAt,
    /// What the dropout acts on: channels, height and width.
    #[module(skip)]
    dropped: [usize; 3],
}

/// One convolution of a [`CnnStage`], with what stands behind it.
#[derive(Module, Debug)]
pub struct CnnBlock {
    conv: Conv2d,
    norm: Option<BatchNorm>,
    #[module(skip)]
    norm_at: Norm,
    #[module(skip)]
    activation: Activation,
    depth: Option<StochasticDepth>,
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            channels: 0,
            kernel: 3,
            stride: 1,
            padding: 0,
            repeats: 1,
            activation: Activation::Relu,
            norm: Norm::None,
            residual: false,
            pool: Pool::None,
            dropout: DropoutKind::None,
            dropout_at: DropoutAt::AfterPool,
        }
    }
}

impl Stage {
    /// One convolution without padding, and relu.
    pub fn new(channels: usize, kernel: usize) -> Self {
        Self { channels, kernel, ..Self::default() }
    }

    /// The shapes behind the convolutions and behind the pooling; `name` is the stage's, for errors.
    fn shapes(&self, input: [usize; 3], name: &str) -> Result<[[usize; 3]; 2]> {
        let bad = |setting: &str, value: usize, expected: String| {
            Err(Error::config(format!("{name}.{setting}"), value, expected))
        };
        for (setting, size, least) in [
            ("channels", self.channels, 1),
            ("kernel", self.kernel, 1),
            ("stride", self.stride, 1),
            ("padding", self.padding, 0),
            ("repeats", self.repeats, 1),
        ] {
            if !(least..=MOST_OF_STAGE).contains(&size) {
                return bad(setting, size, format!("{least} to {MOST_OF_STAGE}"));
            }
        }
        let [mut channels, mut height, mut width] = input;
        for block in 0..self.repeats {
            let (stride, before) = (if block == 0 { self.stride } else { 1 }, [channels, height, width]);
            let padded = height.min(width) + 2 * self.padding;
            if self.kernel > padded {
                let expected = format!("at most {padded}: the map is {height} x {width} there");
                return bad("kernel", self.kernel, expected);
            }
            let size = |size: usize| (size + 2 * self.padding - self.kernel) / stride + 1;
            (channels, height, width) = (self.channels, size(height), size(width));
            if !fits([channels, height, width]) {
                let expected =
                    format!("a map of at most {MOST_OF_MAP} numbers: {channels} x {height} x {width} are more");
                return bad("channels", channels, expected);
            }
            if self.residual && before != [channels, height, width] {
                let [c, h, w] = before;
                let setting = if c == channels { "padding" } else { "channels" };
                let value = if c == channels { self.padding } else { channels };
                let expected = format!(
                    "what keeps the shape: a residual convolution reads {c} x {h} x {w} here and gives {channels} x \
                     {height} x {width}"
                );
                return bad(setting, value, expected);
            }
        }
        let window = self.pool.window();
        if window == 0 || window > height.min(width) {
            let expected = format!("a window of 1 to {}: the map is {height} x {width} there", height.min(width));
            return Err(Error::config(format!("{name}.pool"), String::from(self.pool), expected));
        }
        Ok([[channels, height, width], [channels, height / window, width / window]])
    }

    /// What its dropout acts on, of those two.
    fn dropped(&self, [conv, pooled]: [[usize; 3]; 2]) -> [usize; 3] {
        match self.dropout_at {
            DropoutAt::BeforePool => conv,
            DropoutAt::AfterPool => pooled,
        }
    }
}

impl Pool {
    fn window(self) -> usize {
        match self {
            Self::None => 1,
            Self::Max(window) | Self::Average(window) => window,
        }
    }

    fn forward(self, x: Tensor<4>) -> Tensor<4> {
        let window = [self.window(); 2];
        match self {
            Self::None => x,
            Self::Max(_) => max_pool2d(x, MaxPoolOptions::new(window)),
            Self::Average(_) => avg_pool2d(x, AvgPoolOptions::new(window)),
        }
    }
}

impl TryFrom<String> for Pool {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let window = |size: &str| size.parse().map_err(|_| "expected none, max:SIZE or average:SIZE".to_string());
        match text.split_once(':') {
            None if text == "none" => Ok(Self::None),
            Some(("max", size)) => Ok(Self::Max(window(size)?)),
            Some(("average", size)) => Ok(Self::Average(window(size)?)),
            _ => window("").map(Self::Max),
        }
    }
}

impl From<Pool> for String {
    fn from(pool: Pool) -> Self {
        match pool {
            Pool::None => "none".to_string(),
            Pool::Max(window) => format!("max:{window}"),
            Pool::Average(window) => format!("average:{window}"),
        }
    }
}

impl CnnConfig {
    /// That the network can be built.
    ///
    /// # Errors
    /// [`Error::Config`] with the stage named, such as `stages.1.kernel`, where a size is zero or does not fit the map, or a residual stage changes the shape;
    /// and as [`MlpConfig::check`] for the head.
    pub fn check(&self) -> Result<()> {
        if self.input.contains(&0) || !fits(self.input) {
            let expected = format!("channels, height and width of at least 1, and at most {MOST_OF_MAP} numbers");
            return Err(Error::config("input", format!("{:?}", self.input), expected));
        }
        if self.stages.len() > MOST_STAGES {
            let stages = format!("{} stages", self.stages.len());
            return Err(Error::config("stages", stages, format!("at most {MOST_STAGES}")));
        }
        let shapes = self.shapes()?;
        let blocks = self.stages.iter().filter(|stage| stage.residual).map(|stage| stage.repeats).sum::<usize>();
        if !self.depth_rate.is_zero() && blocks == 0 {
            let expected = "0, or a stage with residual = true: there is nothing else to leave out";
            return Err(Error::config("depth_rate", self.depth_rate, expected));
        }
        for (i, stage) in self.stages.iter().enumerate() {
            let [_, height, width] = stage.dropped(shapes[i]);
            let expected = match stage.dropout {
                DropoutKind::DropBlock { block, .. } if block == 0 || block > height.min(width) => {
                    format!("a block within the map, which is {height} x {width} there")
                }
                DropoutKind::Concrete(rate) | DropoutKind::SpatialConcrete(rate) if rate.is_zero() => {
                    "a learned rate that begins above 0".to_string()
                }
                _ => continue,
            };
            return Err(Error::config(format!("stages.{i}.dropout"), stage.dropout.to_string(), expected));
        }
        self.head(&shapes).check()?;
        match self.parameters() {
            Some(parameters) if parameters <= MOST_PARAMETERS => Ok(()),
            _ => {
                let expected = format!("a network of at most {MOST_PARAMETERS} parameters");
                Err(Error::config("stages", format!("{} stages", self.stages.len()), expected))
            }
        }
    }

    /// Behind the convolutions and behind the pooling of each stage.
    fn shapes(&self) -> Result<Vec<[[usize; 3]; 2]>> {
        let mut shape = self.input;
        let each = |(i, stage): (usize, &Stage)| {
            let shapes = stage.shapes(shape, &format!("stages.{i}"))?;
            shape = shapes[1];
            Ok(shapes)
        };
        self.stages.iter().enumerate().map(each).collect()
    }

    /// The numbers of a picture, or of the largest map behind the convolutions of a stage.
    fn largest_map(&self) -> usize {
        let maps = self.shapes().unwrap_or_default().into_iter().map(|[map, _]| map);
        maps.chain([self.input]).map(|map| map.iter().product()).max().expect("a picture")
    }

    fn head(&self, shapes: &[[[usize; 3]; 2]]) -> MlpConfig {
        let [channels, height, width] = shapes.last().map_or(self.input, |shapes| shapes[1]);
        let features = if self.global_pool { channels } else { channels * height * width };
        MlpConfig::new(features, self.task)
            .with_hidden(self.hidden.clone())
            .with_activation(self.activation)
            .with_input_rate(self.input_rate)
            .with_rates(self.rates.clone())
            .with_batch_norm(self.batch_norm)
    }

    /// The number of trained parameters: running statistics are none. `None` if no machine could hold them, or the network cannot be built.
    pub(crate) fn parameters(&self) -> Option<usize> {
        let inputs = [self.input[0]].into_iter().chain(self.stages.iter().map(|stage| stage.channels));
        let convolutions = self.stages.iter().zip(inputs).map(|(stage, first)| {
            let norm = if stage.norm == Norm::None { 0 } else { 2 };
            let block = |inputs: usize| {
                let kernel = stage.kernel.checked_mul(stage.kernel)?.checked_mul(inputs)?;
                kernel.checked_add(1 + norm)?.checked_mul(stage.channels)
            };
            let others = block(stage.channels)?.checked_mul(stage.repeats.checked_sub(1)?)?;
            let rate = usize::from(matches!(stage.dropout, DropoutKind::Concrete(_) | DropoutKind::SpatialConcrete(_)));
            block(first)?.checked_add(others)?.checked_add(rate)
        });
        let head = self.head(&self.shapes().ok()?).parameters();
        convolutions.chain([head]).try_fold(0, |sum: usize, part| sum.checked_add(part?))
    }

    /// A network with weights drawn from `init_key` ([`init_weights`]).
    ///
    /// # Panics
    /// If [`check`](Self::check) fails.
    pub fn init(&self, device: &Device, init_key: Key) -> Cnn {
        self.check().unwrap_or_else(|error| panic!("{error}"));
        let shapes = self.shapes().expect("it was checked");
        let residual = self.stages.iter().filter(|stage| stage.residual).map(|stage| stage.repeats).sum();
        let mut depths = StochasticDepth::schedule(self.depth_rate, residual).into_iter();
        let mut channels = self.input[0];
        let mut block = |stage: &Stage, first: bool| {
            let ends = [std::mem::replace(&mut channels, stage.channels), stage.channels];
            let padding = PaddingConfig2d::Explicit(stage.padding, stage.padding, stage.padding, stage.padding);
            let conv = Conv2dConfig::new(ends, [stage.kernel; 2])
                .with_stride([if first { stage.stride } else { 1 }; 2])
                .with_padding(padding);
            CnnBlock {
                conv: conv.init(device),
                norm: (stage.norm != Norm::None).then(|| BatchNormConfig::new(stage.channels).init(device)),
                norm_at: stage.norm,
                activation: stage.activation,
                depth: if stage.residual { depths.next().map(StochasticDepth::new) } else { None },
            }
        };
        let stages = self.stages.iter().zip(&shapes).map(|(stage, &shapes)| CnnStage {
            blocks: (0..stage.repeats).map(|i| block(stage, i == 0)).collect(),
            pool: stage.pool,
            dropout: stage.dropout.init_map(device),
            dropout_at: stage.dropout_at,
            dropped: stage.dropped(shapes),
        });
        let cnn = Cnn {
            stages: stages.collect(),
            global_pool: self.global_pool,
            head: self.head(&shapes).layers(device),
            input: self.input,
            largest_map: self.largest_map(),
            task: self.task,
        };
        init_weights(cnn, init_key)
    }
}

impl Cnn {
    /// The numbers of the last layer; [`Stochastic::run`] gives them their meaning.
    ///
    /// # Shapes
    /// - input: `[rows, channels, height, width]`
    /// - output: `[rows, d_output]`; predicted noise: the means, then the log variances
    ///
    /// # Panics
    /// If the pictures are of another shape than [`input`](Self::input), and with drop-connect in a pass by rows ([`Pass::draw_weights`]).
    pub fn forward(&self, x: Tensor<4>, pass: &Pass<'_>) -> Tensor<2> {
        let [channels, height, width] = self.input;
        assert_shape!(x, [_, channels, height, width]);
        self.rest(0, x, pass)
    }

    /// From the stage of that number on.
    fn rest(&self, first: usize, x: Tensor<4>, pass: &Pass<'_>) -> Tensor<2> {
        let x = self.through(first..self.stages.len(), x, pass);
        self.head.forward(self.features(x), &pass.at("head")) // [rows, d_output]
    }

    fn through(&self, stages: std::ops::Range<usize>, mut x: Tensor<4>, pass: &Pass<'_>) -> Tensor<4> {
        for i in stages {
            x = self.stages[i].forward(x, &pass.at("stages").at(i)); // [rows, channels, height, width]
        }
        x
    }

    /// What the head reads.
    fn features(&self, x: Tensor<4>) -> Tensor<2> {
        match self.global_pool {
            true => x.mean_dim(3).mean_dim(2).flatten(1, 3), // [rows, channels]
            false => x.flatten(1, 3),                        // [rows, channels * height * width]
        }
    }

    /// Channels, height and width of what it reads.
    pub fn input(&self) -> [usize; 3] {
        self.input
    }

    /// The dense layers behind the convolutions.
    pub fn head(&self) -> &Mlp {
        &self.head
    }

    /// The rates that were learned, with the site of each: those of `concrete` and `spatial-concrete`. They are read from the device.
    pub fn learned_rates(&self) -> Vec<(String, f64)> {
        let rate = |stage: &CnnStage| match &stage.dropout {
            MapDropout::Concrete(layer) => Some(layer.rate()),
            MapDropout::SpatialConcrete(layer) => Some(layer.rate()),
            _ => None,
        };
        let stages = self.stages.iter().enumerate();
        stages.filter_map(|(i, stage)| Some((format!("stages.{i}.dropout"), rate(stage)?))).collect()
    }

    /// Pictures of which the largest map has at most 2^26 numbers, 256 MiB: so many fit into a forward pass. One at least.
    pub(crate) fn rows_at_once(&self) -> usize {
        (MOST_AT_ONCE / self.largest_map).max(1)
    }

    /// What learned rates add to the loss ([`Stochastic::regulariser`]).
    fn regulariser(&self) -> Option<Tensor<1>> {
        let convolutions =
            self.stages.iter().skip(1).map(|stage| sum_by_axis(stage.blocks[0].conv.weight.val().square()));
        let readers = convolutions.chain([sum_by_axis(self.head.first().weight.val().square())]);
        let of_stages = self.stages.iter().zip(readers).filter_map(|(stage, squares)| {
            let [channels, height, width] = stage.dropped;
            match &stage.dropout {
                MapDropout::Concrete(layer) => Some(layer.regulariser(squares, channels * height * width)),
                MapDropout::SpatialConcrete(layer) => Some(layer.regulariser(squares, channels)),
                _ => None,
            }
        });
        of_stages.reduce(|sum, next| sum + next)
    }
}

views!(Cnn);

impl CnnStage {
    fn forward(&self, mut x: Tensor<4>, pass: &Pass<'_>) -> Tensor<4> {
        let dropout = pass.at("dropout");
        for (i, block) in self.blocks.iter().enumerate() {
            let conv = |x| self.dropout.conv2d(&block.conv, x, &dropout.at(i));
            x = block.forward(x, conv, &pass.at("blocks").at(i)); // [rows, channels, height, width]
        }
        let drop = |x| self.dropout.forward(x, &dropout);
        match self.dropout_at {
            DropoutAt::BeforePool => self.pool.forward(drop(x)),
            DropoutAt::AfterPool => drop(self.pool.forward(x)),
        }
    }

    /// Whether a pass of networks may draw here.
    fn draws(&self) -> bool {
        let depths = self.blocks.iter().filter_map(|block| block.depth.as_ref());
        self.dropout.is_random() || depths.into_iter().any(|depth| !depth.rate().is_zero())
    }
}

impl CnnBlock {
    /// `conv` runs the convolution, with weights dropped or not.
    fn forward(&self, input: Tensor<4>, conv: impl Fn(Tensor<4>) -> Tensor<4>, pass: &Pass<'_>) -> Tensor<4> {
        let x = conv(input.clone());
        let norm = |x| match &self.norm {
            Some(norm) => norm.forward(x, &pass.at("norm")),
            None => x,
        };
        let x = match self.norm_at {
            Norm::None => self.activation.forward(x),
            Norm::Before => self.activation.forward(norm(x)),
            Norm::After => norm(self.activation.forward(x)),
        };
        match &self.depth {
            Some(depth) => input + depth.forward(x, &pass.at("depth")),
            None => x,
        }
    }
}

/// Of pictures `[rows, channels, height, width]`, and of rows `[rows, channels * height * width]`. Others panic.
impl<const D: usize> Stochastic<Tensor<D>> for Cnn {
    type Output = Outputs;

    fn run(&self, input: Tensor<D>, pass: &Pass<'_>) -> Outputs {
        meaning(self.forward(self.pictures(input), pass), self.task.output())
    }

    /// What lies before the first draw is computed once, and networks share a batch as long as it is small.
    fn run_many(&self, input: Tensor<D>, passes: &[Pass<'_>], sink: &mut dyn FnMut(usize, Outputs)) {
        if Pass::network_keys(passes).is_none() {
            return passes.iter().enumerate().for_each(|(number, pass)| sink(number, self.run(input.clone(), pass)));
        }
        let first = self.stages.iter().position(CnnStage::draws).unwrap_or(self.stages.len());
        let x = self.through(0..first, self.pictures(input), &passes[0]);
        if first == self.stages.len() {
            let passes: Vec<Pass<'_>> = passes.iter().map(|pass| pass.at("head")).collect();
            return self.head.run_many(self.features(x), &passes, sink);
        }
        let most = FOLDED_ROWS.min(self.rows_at_once());
        fold(&x, passes, most, |x, pass| self.rest(first, x, pass), &mut |number, raw| {
            sink(number, meaning(raw, self.task.output()));
        });
    }

    fn regulariser(&self) -> Option<Tensor<1>> {
        self.regulariser()
    }
}

impl Cnn {
    fn pictures<const D: usize>(&self, input: Tensor<D>) -> Tensor<4> {
        let ([channels, height, width], dims) = (self.input, input.dims());
        let is_flat = dims[1..] == [channels * height * width];
        assert!(
            is_flat || dims[1..] == self.input,
            "pictures are {dims:?}, the network reads rows of {:?}",
            self.input
        );
        input.reshape([dims[0], channels, height, width])
    }
}

/// Whether a map is one that can be computed with.
fn fits(shape: [usize; 3]) -> bool {
    shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size)).is_some_and(|n| n <= MOST_OF_MAP)
}

/// More are a mistake.
const MOST_STAGES: usize = 100;
/// Of a stage: channels, kernel, stride, padding, repeats.
const MOST_OF_STAGE: usize = 1 << 16;
/// Of a picture, or of a map that is made of one: 1 GiB.
const MOST_OF_MAP: usize = 1 << 28;
/// What no single machine trains: a wrong digit, found before it is allocated.
const MOST_PARAMETERS: usize = 1 << 31;
/// Numbers of the largest map of a forward pass: 256 MiB.
const MOST_AT_ONCE: usize = 1 << 26;
/// Rows of a folded batch: beyond some hundred pictures, a larger convolution is not a faster one.
const FOLDED_ROWS: usize = 128;

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::module::{ModuleVisitor, Param};

    use super::*;

    #[test]
    fn the_number_of_parameters_is_what_a_visit_finds() {
        #[derive(Default)]
        struct Trained {
            path: Vec<String>,
            numbers: usize,
        }
        impl ModuleVisitor for Trained {
            fn enter_module(&mut self, name: &str, _: &str) {
                self.path.push(name.to_string());
            }

            fn exit_module(&mut self, _: &str, _: &str) {
                self.path.pop();
            }

            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let is_buffer = self.path.last().is_some_and(|name| name.starts_with("running_"));
                self.numbers += if is_buffer { 0 } else { param.lazy_shape().num_elements() };
            }
        }
        let learned = Stage {
            dropout: "concrete:0.1".parse().unwrap(),
            norm: Norm::After,
            repeats: 3,
            padding: 1,
            ..Stage::new(5, 3)
        };
        let residual = Stage { residual: true, padding: 1, ..Stage::new(5, 3) };
        let config = |stages| CnnConfig::new([2, 12, 10], Task::Binary).with_stages(stages);
        for config in [
            config(vec![learned.clone(), residual]),
            config(vec![Stage { stride: 2, ..learned }]).with_global_pool(true).with_batch_norm(true),
            config(Vec::new()).with_hidden(Vec::new()),
        ] {
            let mut trained = Trained::default();
            config.init(&Device::flex(), Key::new(0)).visit(&mut trained);
            assert_eq!(config.parameters(), Some(trained.numbers), "{config:?}");
        }
    }
}
