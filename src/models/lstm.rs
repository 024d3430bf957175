//! An LSTM with variational dropout and one head: what follows a series, what a sequence is, or which word comes next. Gal & Ghahramani 2016,
//! <https://arxiv.org/abs/1512.05287>; tied embeddings: Inan, Khosravi & Socher 2017, <https://arxiv.org/abs/1611.01462>.

use burn::{
    config::Config,
    module::{Module, Param},
    nn::{Embedding, Linear, LinearConfig},
    tensor::{Device, Int, Tensor, TensorData},
};
use serde::{Deserialize, Serialize};

use super::{
    fold::fold,
    task::{Task, meaning},
    view::views,
};
use crate::{
    error::{Error, Result},
    key::Key,
    nn::{
        Dropout, EmbeddingDropout, GateMasks, LstmCell, MaskTime, RecurrentConfig, RecurrentState, VariationalLstm,
        init_weights,
    },
    outputs::{Outputs, TokenLogits},
    pass::Pass,
    rate::Rate,
    stochastic::{Stochastic, StochasticStream},
};

/// What a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reads", rename_all = "lowercase", deny_unknown_fields)]
pub enum SequenceInput {
    /// Real numbers, step by step, then numbers that are known of the steps that are predicted: `[rows, steps * features + known]`.
    Numbers {
        /// Of a step.
        features: usize,
        /// Of all steps that are predicted; they go to the head.
        known: usize,
    },
    /// Numbers of words, and -1 behind the end of a row: `[rows, steps]`. For the next word, a row begins with 1 where a text begins, and with 0 where it
    /// goes on: `[rows, 1 + steps]`.
    Words {
        /// How many words there are.
        vocabulary: usize,
        /// The width of what stands for a word.
        embedding: usize,
    },
}

/// Configuration of [`Lstm`].
///
/// # Rates
/// Gal & Ghahramani drop 0.2 to 0.5 of inputs and outputs and 0.2 to 0.3 of states for language; a small network on a short series takes 0.05 to 0.2. Choose
/// by the validation log-likelihood.
#[derive(Config, Debug, PartialEq)]
pub struct LstmConfig {
    /// What it reads.
    pub input: SequenceInput,
    /// What is predicted: of the whole sequence, or the next word at each step.
    pub task: Task,
    /// Numbers of a state.
    #[config(default = 64)]
    pub hidden: usize,
    /// The number of layers.
    #[config(default = 1)]
    pub layers: usize,
    /// Whether each layer reads the sequence from both ends.
    #[config(default = false)]
    pub bidirectional: bool,
    /// The rate on words of the vocabulary.
    #[config(default = "Rate::ZERO")]
    pub word_rate: Rate,
    /// The rate on what each layer reads.
    #[config(default = "Rate::new(0.1).expect(\"0.1 is a rate\")")]
    pub input_rate: Rate,
    /// The rate on the state that each step reads.
    #[config(default = "Rate::new(0.1).expect(\"0.1 is a rate\")")]
    pub recurrent_rate: Rate,
    /// The rate on what leaves the last layer.
    #[config(default = "Rate::new(0.1).expect(\"0.1 is a rate\")")]
    pub output_rate: Rate,
    /// The rate on the matrices that states are multiplied with (weight-drop).
    #[config(default = "Rate::ZERO")]
    pub weight_rate: Rate,
    /// Whether the gates of a cell share their masks.
    #[config(default = "GateMasks::Tied")]
    pub gate_masks: GateMasks,
    /// Whether the steps of a sequence share their masks.
    #[config(default = "MaskTime::Sequence")]
    pub mask_time: MaskTime,
    /// Whether the embedding is the last layer's matrix too: of the next word alone.
    #[config(default = false)]
    pub tied: bool,
}

/// An LSTM and a linear head.
///
/// ```text
/// numbers: x_t -> lstm -> last states -> dropout -> beside what is known -> linear
/// words:   w_t -> embedding, words dropped -> lstm -> last states -> dropout -> linear
/// next:    w_t -> embedding, words dropped -> lstm, output masked -> linear, or the embedding transposed, at each step
/// ```
/// The head takes the state behind the last step of each direction: of the one that begins at the end, that is behind the first step. Sites:
/// `embedding_dropout`, `lstm.layers.0.forward.input_dropout`, ... ([`Recurrent`](crate::nn::Recurrent)), `output_dropout` or, for the next word,
/// `lstm.output_dropout`.
///
/// # Examples
/// ```
/// use burn_zoo::{Key, models::{LstmConfig, Noise, SequenceInput, Task}, uncertainty::MonteCarlo};
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
///
/// let device = Device::flex();
/// let input = SequenceInput::Numbers { features: 2, known: 0 };
/// let task = Task::Regression { targets: 3, noise: Noise::Predicted }; // three steps ahead
/// let lstm = LstmConfig::new(input, task).init(&device, Key::new(0).fold_str("init"));
/// let windows = Tensor::<2>::ones([5, 2 * 24], &device); // of 24 steps
/// let prediction = MonteCarlo::new(20).predict(&lstm.gaussian()?, windows)?;
/// assert_eq!(prediction.mean().len(), 5 * 3);
/// # }
/// # Ok::<(), burn_zoo::Error>(())
/// ```
#[derive(Module, Debug)]
pub struct Lstm {
    embedding: Option<Embedding>,
    embedding_dropout: EmbeddingDropout,
    lstm: VariationalLstm,
    output_dropout: Dropout,
    output: Option<Linear>,
    output_bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    input: SequenceInput,
    #[module(skip)]
    task: Task,
}

impl SequenceInput {
    /// Numbers of a step of what the LSTM reads.
    fn d_input(&self) -> usize {
        match *self {
            Self::Numbers { features, .. } => features,
            Self::Words { embedding, .. } => embedding,
        }
    }
}

impl LstmConfig {
    /// That the network can be built.
    ///
    /// # Errors
    /// [`Error::Config`] for a size of zero, for more than 100 layers or 2^31 parameters, for a next word of numbers or from both ends, and for an embedding
    /// that cannot be tied.
    pub fn check(&self) -> Result<()> {
        self.task.check()?;
        let (name, size, of_words) = match self.input {
            SequenceInput::Numbers { features, .. } => ("input.features", features, false),
            SequenceInput::Words { embedding, .. } => ("input.embedding", embedding, true),
        };
        for (name, size) in [(name, size), ("hidden", self.hidden), ("layers", self.layers)] {
            if size == 0 {
                return Err(Error::config(name, 0, "at least 1"));
            }
        }
        if self.layers > MOST_LAYERS {
            return Err(Error::config("layers", self.layers, format!("at most {MOST_LAYERS}")));
        }
        if let SequenceInput::Words { vocabulary, .. } = self.input
            && !(1..=MOST_WORDS).contains(&vocabulary)
        {
            return Err(Error::config("input.vocabulary", vocabulary, format!("1 to {MOST_WORDS}")));
        }
        if !of_words && !self.word_rate.is_zero() {
            return Err(Error::config("word_rate", self.word_rate, "0: there are no words among numbers"));
        }
        match self.next_of() {
            Some(vocabulary) => {
                if self.bidirectional {
                    let expected = "false: from its end, the next word is known";
                    return Err(Error::config("bidirectional", true, expected));
                }
                match self.input {
                    SequenceInput::Words { vocabulary: read, .. } if read == vocabulary => {}
                    _ => return Err(Error::config("input", "other words", "the words that are predicted")),
                }
                if self.tied && self.input.d_input() != self.hidden {
                    let expected = format!("{}, as wide as the embedding, with tied = true", self.input.d_input());
                    return Err(Error::config("hidden", self.hidden, expected));
                }
            }
            None if self.tied => {
                return Err(Error::config("tied", true, "false: only the next word is among those that are read"));
            }
            None => {}
        }
        match self.parameters() {
            Some(parameters) if parameters <= MOST_PARAMETERS => Ok(()),
            _ => {
                Err(Error::config("hidden", self.hidden, format!("a network of at most {MOST_PARAMETERS} parameters")))
            }
        }
    }

    /// How many words there are, if the next one is predicted.
    fn next_of(&self) -> Option<usize> {
        match self.task {
            Task::NextWord { vocabulary } => Some(vocabulary),
            _ => None,
        }
    }

    fn recurrent(&self) -> RecurrentConfig {
        RecurrentConfig::new(self.input.d_input(), self.hidden)
            .with_layers(self.layers)
            .with_bidirectional(self.bidirectional)
            .with_input_rate(self.input_rate)
            .with_recurrent_rate(self.recurrent_rate)
            .with_output_rate(if self.next_of().is_some() { self.output_rate } else { Rate::ZERO })
            .with_weight_rate(self.weight_rate)
            .with_gate_masks(self.gate_masks)
            .with_mask_time(self.mask_time)
    }

    /// What the head reads.
    fn d_head(&self) -> usize {
        let known = match self.input {
            SequenceInput::Numbers { known, .. } => known,
            SequenceInput::Words { .. } => 0,
        };
        self.recurrent().d_output().saturating_add(known)
    }

    /// The number of parameters. `None` if no machine could hold them.
    pub(crate) fn parameters(&self) -> Option<usize> {
        let embedding = match self.input {
            SequenceInput::Words { vocabulary, embedding } => vocabulary.checked_mul(embedding)?,
            SequenceInput::Numbers { .. } => 0,
        };
        let rows = if self.tied { 1 } else { self.d_head().checked_add(1)? };
        let head = rows.checked_mul(self.task.d_output())?;
        self.recurrent().parameters::<LstmCell>()?.checked_add(embedding)?.checked_add(head)
    }

    /// A network with weights drawn from `init_key`: of the LSTM as [`RecurrentConfig::init`] does it, of the head as [`init_weights`], of the embedding
    /// ~ N(0, 1), and N(0, 1 / embedding) where it is tied.
    ///
    /// # Panics
    /// If [`check`](Self::check) fails.
    pub fn init(&self, device: &Device, init_key: Key) -> Lstm {
        self.check().unwrap_or_else(|error| panic!("{error}"));
        let recurrent = self.recurrent();
        let embedding = match self.input {
            SequenceInput::Words { vocabulary, embedding } => {
                Some(self.embedding([vocabulary, embedding], device, init_key))
            }
            SequenceInput::Numbers { .. } => None,
        };
        let output = || LinearConfig::new(self.d_head(), self.task.d_output()).init(device);
        Lstm {
            embedding,
            embedding_dropout: EmbeddingDropout::new(self.word_rate),
            lstm: recurrent.init(device, init_key.fold_str("lstm")),
            output_dropout: Dropout::new(self.output_rate),
            output: (!self.tied).then(|| init_weights(output(), init_key.fold_str("output"))),
            output_bias: self
                .tied
                .then(|| Param::from_data(TensorData::zeros::<f32, _>([self.task.d_output()]), device)),
            input: self.input,
            task: self.task,
        }
    }

    fn embedding(&self, [words, width]: [usize; 2], device: &Device, init_key: Key) -> Embedding {
        let sd = if self.tied { 1.0 / (width as f32).sqrt() } else { 1.0 };
        let values = init_key.fold_str("embedding").fold_str("weight").normal(0, 1, words * width);
        let values: Vec<f32> = values.into_iter().map(|value| value * sd).collect();
        let weight = Param::from_data(TensorData::new(values, [words, width]), device);
        Embedding { weight }
    }
}

impl Lstm {
    /// The numbers of the head; [`Stochastic::run`] gives them their meaning.
    ///
    /// # Shapes
    /// - input: as [`SequenceInput`] says
    /// - output: `[rows, d_output]`; predicted noise: the means, then the log variances; of the next word `[rows, steps * vocabulary]`
    ///
    /// # Panics
    /// For a row of another width, and for one without a step.
    pub fn forward(&self, x: Tensor<2>, pass: &Pass<'_>) -> Tensor<2> {
        match self.task {
            Task::NextWord { .. } => {
                let logits = self.next(x, None, pass).0;
                let [rows, steps, vocabulary] = logits.dims();
                logits.reshape([rows, steps * vocabulary])
            }
            _ => self.whole(x, pass),
        }
    }

    /// What the whole sequence is.
    fn whole(&self, x: Tensor<2>, pass: &Pass<'_>) -> Tensor<2> {
        let [rows, width] = x.dims();
        let (x, active, known) = match self.input {
            SequenceInput::Numbers { features, known } => {
                let steps = width.saturating_sub(known) / features;
                assert!(
                    steps > 0 && steps * features + known == width,
                    "rows of {width} numbers, for {:?}",
                    self.input
                );
                let of_steps = x.clone().narrow(1, 0, steps * features).reshape([rows, steps, features]);
                let known = (known > 0).then(|| x.narrow(1, steps * features, known));
                (of_steps, None, known)
            }
            SequenceInput::Words { .. } => {
                let active = x.clone().greater_equal_elem(0.0).float();
                (self.embed(x, pass), Some(active), None)
            }
        };
        let (_, state) = self.lstm.run(x, active, None, &pass.at("lstm"));
        let [directions, _, hidden] = state.hidden.dims();
        let last = directions - self.lstm.d_output() / hidden; // of the last layer
        let ends = state.hidden.narrow(0, last, directions - last); // [directions, rows, hidden]
        let ends = ends.swap_dims(0, 1).reshape([rows, self.lstm.d_output()]);
        let mut read = self.output_dropout.forward(ends, &pass.at("output_dropout"));
        if let Some(known) = known {
            read = Tensor::cat(vec![read, known], 1);
        }
        self.output.as_ref().expect("only the next word's head is tied").forward(read)
    }

    /// The scores of the next word at each step of a window, and the state behind it.
    ///
    /// # Shapes
    /// - input: `[rows, 1 + steps]`, as [`SequenceInput::Words`] says
    /// - output: `[rows, steps, vocabulary]`
    ///
    /// # Panics
    /// If the network does not predict the next word, and for a state of another number of rows.
    pub fn next(
        &self,
        window: Tensor<2>,
        state: Option<RecurrentState>,
        pass: &Pass<'_>,
    ) -> (Tensor<3>, RecurrentState) {
        let Task::NextWord { vocabulary } = self.task else { panic!("{} has no next word", self.task) };
        let [rows, width] = window.dims();
        assert!(width > 1, "a window without words");
        let steps = width - 1;
        let begins = window.clone().narrow(1, 0, 1).squeeze_dim::<1>(1);
        let words = window.narrow(1, 1, steps);
        let active = words.clone().greater_equal_elem(0.0).float();
        let state = state.map(|state| state.kept(-begins + 1.0));
        let (out, state) = self.lstm.run(self.embed(words, pass), Some(active), state, &pass.at("lstm"));
        let read = out.reshape([rows * steps, self.lstm.d_output()]);
        let logits = match (&self.output, &self.output_bias, &self.embedding) {
            (Some(output), ..) => output.forward(read),
            (None, Some(bias), Some(embedding)) => {
                read.matmul(embedding.weight.val().transpose()) + bias.val().unsqueeze()
            }
            _ => unreachable!("a head, or a bias for the embedding"),
        };
        (logits.reshape([rows, steps, vocabulary]), state)
    }

    /// What stands for words: `[rows, steps, embedding]`, of anything behind a row's end.
    fn embed(&self, words: Tensor<2>, pass: &Pass<'_>) -> Tensor<3> {
        let words: Tensor<2, Int> = words.clamp_min(0.0).int();
        let embedding = self.embedding.as_ref().expect("words are embedded");
        self.embedding_dropout.forward(embedding, words, &pass.at("embedding_dropout"))
    }

    /// What it reads.
    pub fn input(&self) -> SequenceInput {
        self.input
    }

    /// Its recurrent layers.
    pub fn recurrent(&self) -> &VariationalLstm {
        &self.lstm
    }

    /// The same network, in the plain formulation of Burn's own operations ([`in_plain_formulation`](crate::nn::Recurrent::in_plain_formulation)).
    pub fn in_plain_formulation(self) -> Self {
        Self { lstm: self.lstm.in_plain_formulation(), ..self }
    }
}

views!(Lstm);

/// Of rows, as [`SequenceInput`] says. Each begins without a memory: see [`StochasticStream`] for texts that go on.
impl Stochastic<Tensor<2>> for Lstm {
    type Output = Outputs;

    fn run(&self, input: Tensor<2>, pass: &Pass<'_>) -> Outputs {
        meaning(self.forward(input, pass), self.task.output())
    }

    /// Networks share a batch as long as it is small: fewer, larger products.
    fn run_many(&self, input: Tensor<2>, passes: &[Pass<'_>], sink: &mut dyn FnMut(usize, Outputs)) {
        fold(&input, passes, FOLDED_ROWS, |input, pass| self.forward(input, pass), &mut |number, raw| {
            sink(number, meaning(raw, self.task.output()));
        });
    }
}

/// Of windows of texts that go on, whose next words are predicted.
impl StochasticStream<Tensor<2>> for Lstm {
    type State = RecurrentState;
    type Output = TokenLogits;

    fn step(&self, window: Tensor<2>, state: Option<RecurrentState>, pass: &Pass<'_>) -> (TokenLogits, RecurrentState) {
        let (logits, state) = self.next(window, state, pass);
        (TokenLogits(logits), state)
    }

    fn detached(&self, state: RecurrentState) -> RecurrentState {
        state.detach()
    }
}

/// More are a mistake.
const MOST_LAYERS: usize = 100;
/// Numbers of words are exact in f32.
const MOST_WORDS: usize = 1 << 24;
/// What no single machine trains: a wrong digit, found before it is allocated.
const MOST_PARAMETERS: usize = 1 << 31;
/// Rows of a folded batch: beyond some hundred, a larger product is not a faster one.
const FOLDED_ROWS: usize = 256;
