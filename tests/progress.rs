//! Training progress: a bar where somebody watches a terminal, plain lines where a file or a program reads.
#![cfg(all(feature = "cli", unix))]

mod cli_support;

use std::{fs, io::Read, path::Path, process::Stdio};

use cli_support::{Ran, burn_zoo, command};
use nix::pty::{OpenptyResult, Winsize, openpty};

const TRAIN: [&str; 8] = ["train", "mlp", "--data", "wine-red", "--out", "o", "--set", "train.epochs=12"];

/// Runs the program with standard error in a pseudo-terminal, and returns what came there.
fn in_a_terminal(directory: &Path, args: &[&str]) -> (Ran, String) {
    let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    let OpenptyResult { master, slave } = openpty(Some(&size), None).unwrap();
    let child = command(directory, args)
        .env("TERM", "xterm")
        .stdout(Stdio::piped())
        .stderr(Stdio::from(slave)) // ours is closed with the command
        .spawn()
        .unwrap();
    let mut shown = Vec::new();
    // Linux ends a terminal that nobody holds any more with an error.
    let _ = fs::File::from(master).read_to_end(&mut shown);
    (child.wait_with_output().unwrap().into(), String::from_utf8(shown).unwrap())
}

/// What is left on the screen: the few control sequences that a bar needs, and nothing else.
fn screen(shown: &str) -> Vec<String> {
    let (mut lines, mut row, mut column) = (vec![Vec::new()], 0, 0);
    let mut rest = shown.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' => column = 0,
            '\n' => {
                row += 1;
                if row == lines.len() {
                    lines.push(Vec::new());
                }
            }
            '\u{1b}' => {
                assert_eq!(rest.next(), Some('['));
                let mut digits = String::new();
                while let Some(digit) = rest.next_if(|c| c.is_ascii_digit() || *c == '?') {
                    digits.push(digit);
                }
                match (rest.next().unwrap(), digits.as_str()) {
                    ('K', "2") => lines[row].clear(),
                    ('K', "" | "0") => lines[row].truncate(column),
                    ('J', "" | "0") => lines[row].truncate(column),
                    ('A', n) => row -= n.parse().unwrap_or(1usize).min(row),
                    ('B', n) => row = (row + n.parse().unwrap_or(1usize)).min(lines.len() - 1),
                    ('m', _) | ('h' | 'l', "?25") => {}
                    other => panic!("a control sequence {other:?} in {shown:?}"),
                }
            }
            c => {
                if lines[row].len() <= column {
                    lines[row].resize(column + 1, ' ');
                }
                lines[row][column] = c;
                column += 1;
            }
        }
    }
    let lines = lines.into_iter().map(|line| line.into_iter().collect::<String>().trim_end().to_string());
    lines.filter(|line| !line.is_empty()).collect()
}

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
