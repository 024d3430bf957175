//! A trained model from the zoo, raw numbers in, a prediction with uncertainty out:
//! `cargo run --example quickstart -- --device flex`

use burn_zoo::{DeviceSpec, Result, uncertainty::MonteCarlo, zoo};

fn main() -> Result<()> {
    let device = DeviceSpec::from_args()?.init()?;
    let model = zoo::find("mlp/wine-red")?.load(&device)?;

    // Eleven measurements, as in `model.features()`: the first wine of the table, and the same with far too much salt.
    let wine = [7.4, 0.7, 0.0, 1.9, 0.076, 11.0, 34.0, 0.9978, 3.51, 0.56, 9.4];
    let mut salty = wine;
    salty[4] = 3.0;

    let quality = model.predict(&[wine, salty], &MonteCarlo::new(50).seed(0))?.regression()?;
    let interval = quality.interval(0.9)?;
    for (row, name) in ["wine", "salty"].iter().enumerate() {
        println!(
            "{name:6} quality {:5.2}, of 90 in 100 such wines between {:5.2} and {:5.2} (networks disagree by {:.2})",
            quality.mean()[row],
            interval.lower[row],
            interval.upper[row],
            quality.epistemic_variance()[row].sqrt(),
        );
    }
    Ok(())
}
