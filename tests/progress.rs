//! Training progress: a bar where somebody watches a terminal, plain lines where a file or a program reads.
#![cfg(all(feature = "cli", unix))]

mod cli_support;

use std::fs;

use cli_support::{
    burn_zoo,
    terminal::{in_a_terminal, screen},
};

const TRAIN: [&str; 8] = ["train", "mlp", "--data", "wine-red", "--out", "o", "--set", "train.epochs=12"];

#[test]
fn a_terminal_shows_a_bar_that_is_gone_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let (ran, shown) = in_a_terminal(directory.path(), &TRAIN);
    assert_eq!(ran.code, Some(0), "{shown}");
    assert!(shown.contains("/12") && shown.contains("train 0.") && shown.contains("valid 0."), "{shown:?}");
    assert!(shown.contains('\r') && shown.contains("\u{1b}["), "{shown:?}");
    assert!(!shown.contains("train_loss"), "{shown:?}");
    let left = screen(&shown);
    let (last, before) = left.split_last().unwrap();
    assert!(last.starts_with("saved o (epoch "), "{shown:?}");
    let said = |line: &String| line.starts_with("note: ") || line.contains(" rows train, ");
    assert!(before.iter().all(said), "{shown:?}");
}

#[test]
fn the_bar_is_gone_when_a_training_fails() {
    let directory = tempfile::tempdir().unwrap();
    let args = [&TRAIN[..], &["--set", "train.learning_rate=1e30", "--set", "train.epochs=2"]].concat();
    let (ran, shown) = in_a_terminal(directory.path(), &args);
    assert_eq!(ran.code, Some(1));
    assert!(screen(&shown).last().unwrap().starts_with("error: training failed"), "{shown:?}");
}

#[test]
fn a_terminal_shows_nothing_of_a_quiet_training() {
    let directory = tempfile::tempdir().unwrap();
    let (ran, shown) = in_a_terminal(directory.path(), &[&TRAIN[..], &["--quiet"]].concat());
    assert_eq!((ran.code, shown.as_str()), (Some(0), ""));
}

#[test]
fn a_pipe_gets_plain_lines_of_the_first_epoch_every_tenth_and_the_last() {
    let directory = tempfile::tempdir().unwrap();
    let ran = burn_zoo(directory.path(), &TRAIN);
    assert_eq!(ran.code, Some(0));
    assert!(ran.err.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", ran.err);
    let progress = ran.err.lines().filter(|line| line.starts_with("epoch ") || line.starts_with("saved "));
    let lines: Vec<Vec<&str>> = progress.map(|line| line.split(' ').collect()).collect();
    assert_eq!(lines.iter().map(|line| line[1]).collect::<Vec<_>>(), ["1/12", "10/12", "12/12", "o"]);
    for line in &lines[..3] {
        assert_eq!((line[0], line[2], line[4]), ("epoch", "train_loss", "valid_loss"));
        assert!(line[3].parse::<f64>().unwrap() > 0.0 && line[5].parse::<f64>().unwrap() > 0.0);
    }
}

#[test]
fn a_learning_rate_that_changes_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    let args = [&TRAIN[..], &["--set", "train.schedule=linear"]].concat();
    let ran = burn_zoo(directory.path(), &args);
    let rates: Vec<&str> = ran.err.lines().filter_map(|line| line.split(" lr ").nth(1)?.split(' ').next()).collect();
    // 0.001 times 1, 3/12 and 1/12.
    assert_eq!(rates, ["1.00e-3", "2.50e-4", "8.33e-5"], "{}", ran.err);
}

#[test]
fn the_results_are_the_same_whoever_watches() {
    let directory = tempfile::tempdir().unwrap();
    let (watched, _) = in_a_terminal(directory.path(), &TRAIN);
    fs::rename(directory.path().join("o"), directory.path().join("watched")).unwrap();
    assert_eq!(burn_zoo(directory.path(), &TRAIN).out, watched.out);
    let weights = |name: &str| fs::read(directory.path().join(name).join("weights.safetensors")).unwrap();
    assert!(weights("o") == weights("watched"));
}
