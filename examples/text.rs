//! Learns a small language character by character in seconds, says which continuations it is unsure of, and why, and goes on with a text:
//! `cargo run --example text`.

use std::{collections::BTreeMap, error::Error, path::PathBuf};

use burn_zoo::{
    DeviceSpec, Key,
    data::text::TextFile,
    recipe::{Origin, Outcome, TextSource, train_text},
    report::Figure,
    settings::SequenceSettings,
    train::Quiet,
    uncertainty::MonteCarlo,
    zoo::{Reading, TextModel},
};
use clap::Parser;

#[derive(Parser)]
struct Args {
    /// Where to compute
    #[arg(long, env = "BURN_ZOO_DEVICE")]
    device: Option<DeviceSpec>,
    /// Where to put the plot
    #[arg(long, default_value = "out")]
    out: PathBuf,
}

/// Who does what, and in how many of a hundred sentences: each deed is as likely as the others.
const ANIMALS: [(&str, usize, [&str; 3]); 4] = [
    ("cat", 45, ["sleeps", "purrs", "hunts mice"]),
    ("dog", 35, ["sleeps", "barks", "fetches a stick"]),
    ("owl", 19, ["sleeps", "hoots", "hunts mice"]),
    ("yak", 1, ["grazes", "snorts", "climbs a hill"]),
];
const SENTENCES: usize = 2500;
const PASSES: usize = 50;

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let spec = args.device.unwrap_or(DeviceSpec::default_spec());
    std::fs::create_dir_all(&args.out).map_err(|error| format!("{}: {error}", args.out.display()))?;

    let file = TextFile::from_bytes("sentences", sentences(Key::new(1)).as_bytes())?;
    let mut settings = SequenceSettings::default();
    for (path, value) in [
        ("data.streams", "16"),
        ("data.window", "32"),
        ("train.epochs", "12"),
        ("train.learning_rate", "0.01"),
        ("train.schedule", "cosine"),
    ] {
        settings = settings.set(path, value)?;
    }
    let origin = Origin {
        data: vec![file.name().to_string()],
        sha256: vec![file.sha256().to_string()],
        reading: Reading::default(),
        command: "cargo run --example text".to_string(),
        device: spec.to_string(),
    };
    let source = TextSource::File(&file);
    let Outcome { model, curve, .. } = train_text(source, &settings, origin, &spec.init()?, Quiet)?;

    let scores = model.file().test.ok_or("a language has scores")?;
    let bits = |name: &str, scores: burn_zoo::zoo::Scores| -> Result<(), Box<dyn Error>> {
        let bits = scores.get("bits_per_character").ok_or("of characters")?;
        println!("{name:<13} {bits:.3} bits per character");
        Ok(())
    };
    println!(
        "trained {} epochs on {} characters; on a test part of {}:",
        curve.len(),
        model.file().data.rows[0],
        model.file().data.rows[2]
    );
    bits("Monte Carlo", scores.monte_carlo)?;
    bits("mean network", scores.mean_network)?;
    println!("{:<13} {:.3} bits per character: what nobody can know", "the language", entropy());

    let prompts = ["the cat ", "the dog ", "the yak ", "the emu ", "the cat sl"];
    let unsure = continuations(&model, &prompts)?;
    let figure = Figure::new("What is unsure of the next character, nats")
        .axes("prompt (1 to 5, as printed)", "nats")
        .line("entropy", &[1.0, 2.0, 3.0, 4.0, 5.0], &unsure.iter().map(|of| of[0]).collect::<Vec<_>>())
        .line(
            "of it, what networks disagree about",
            &[1.0, 2.0, 3.0, 4.0, 5.0],
            &unsure.iter().map(|of| of[1]).collect::<Vec<_>>(),
        );
    figure.save(args.out.join("text-unsure.svg"))?;
    println!("\nwrote {}", args.out.join("text-unsure.svg").display());

    println!("\nthe language, as the networks speak it:");
    let generated = model.generate("", 160, 1.0, &MonteCarlo::new(PASSES), Key::new(5))?;
    print!("{}", generated.text);
    let most = generated.mutual_information.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    let (at, nats) = most.ok_or("a text")?;
    let before: String = generated.text.chars().take(at).collect();
    let line = before.rsplit('\n').next().unwrap_or_default();
    println!("\n... least sure of itself behind `{line}`: {nats:.3} nats of mutual information");
    Ok(())
}

/// A text of many sentences, one a line.
fn sentences(text_key: Key) -> String {
    let all: usize = ANIMALS.iter().map(|(_, share, _)| share).sum();
    let draws = text_key.uniform(0, SENTENCES, 2);
    let sentence = |draw: &[f32]| {
        let mut left = (draw[0] * all as f32) as usize;
        let animal = ANIMALS.iter().find(|(_, share, _)| {
            let found = left < *share;
            left = left.saturating_sub(*share);
            found
        });
        let (name, _, deeds) = animal.expect("shares add up");
        format!("the {name} {}.\n", deeds[(draw[1] * 3.0) as usize])
    };
    draws.chunks(2).map(sentence).collect()
}

/// The entropy of the language for each character, in bits: that of a sentence over its mean length.
fn entropy() -> f64 {
    let all: usize = ANIMALS.iter().map(|(_, share, _)| share).sum();
    let (mut bits, mut characters) = (0.0, 0.0);
    for (name, share, deeds) in ANIMALS {
        let p = share as f64 / all as f64 / 3.0;
        for deed in deeds {
            bits -= p * p.log2();
            characters += p * format!("the {name} {deed}.\n").chars().count() as f64;
        }
    }
    bits / characters
}

/// The likeliest next characters behind some prompts, the entropy, and the mutual information.
fn continuations(model: &TextModel, prompts: &[&str]) -> Result<Vec<[f64; 2]>, Box<dyn Error>> {
    println!("\nbehind        next character, by 200 draws   entropy  of it mutual information");
    let mut unsure = Vec::new();
    for prompt in prompts {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut of = [0.0; 2];
        for draw in 0..200 {
            let one = model.generate(prompt, 1, 1.0, &MonteCarlo::new(PASSES), Key::new(draw))?;
            *counts.entry(one.text).or_default() += 1;
            of = [one.entropy[0], one.mutual_information[0]]; // the same in each draw
        }
        let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let shown: Vec<String> = counts.iter().take(4).map(|(next, count)| format!("{next:?} {count}")).collect();
        println!("{:<12}  {:<29}  {:>7.3}  {:>7.3}", format!("`{prompt}`"), shown.join(", "), of[0], of[1]);
        unsure.push(of);
    }
    Ok(unsure)
}
