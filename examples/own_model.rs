//! Your own module with our dropout and our Monte Carlo: the network of every first dropout lesson.
//! `cargo run --example own_model`; the same in PyTorch stands beside it, in own_model.py.

use burn::{
    module::Module,
    nn::{Linear, LinearConfig},
    tensor::{Device, Tensor, activation::relu},
};
use burn_zoo::{
    DeviceSpec, Key, Pass, from_fn,
    nn::{Dropout, DropoutConfig, init_weights},
    outputs::Point,
    uncertainty::MonteCarlo,
};

#[derive(Module, Debug)]
struct Net {
    linear1: Linear,
    dropout: Dropout,
    linear2: Linear,
}

impl Net {
    fn new(device: &Device, init_key: Key) -> Self {
        let net = Self {
            linear1: LinearConfig::new(10, 20).init(device),
            dropout: DropoutConfig::new(0.5).init(),
            linear2: LinearConfig::new(20, 1).init(device),
        };
        init_weights(net, init_key) // alike on every device
    }

    fn forward(&self, x: Tensor<2>, pass: &Pass<'_>) -> Tensor<2> {
        let x = relu(self.linear1.forward(x)); // [rows, 20]
        let x = self.dropout.forward(x, &pass.at("dropout"));
        self.linear2.forward(x) // [rows, 1]
    }
}

fn main() -> burn_zoo::Result<()> {
    let device = DeviceSpec::from_args()?.init()?;
    let net = Net::new(&device, Key::new(0).fold_str("init"));
    let x = Tensor::<2>::ones([4, 10], &device);

    println!("mean network: {:.4}", net.forward(x.clone(), &Pass::mean()).narrow(0, 0, 1).into_scalar::<f32>());

    let model = from_fn(|x: Tensor<2>, pass| Point(net.forward(x, pass)));
    let prediction = MonteCarlo::new(100).seed(7).predict(&model, x)?;
    let (mean, sd) = (prediction.mean()[0], prediction.epistemic_variance()[0].sqrt());
    println!("100 sampled networks: mean {mean:.4}, standard deviation {sd:.4}");
    Ok(())
}
