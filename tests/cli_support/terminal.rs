//! A terminal for a command to write to.

use std::{
    fs,
    io::Read,
    path::Path,
    process::{Child, Command, Stdio},
};

use nix::pty::{OpenptyResult, Winsize, openpty};

use super::{Ran, command};

/// Runs the program with standard error in a pseudo-terminal, and returns what came there.
pub fn in_a_terminal(directory: &Path, args: &[&str]) -> (Ran, String) {
    watched(command(directory, args), false, |_| {})
}

/// Runs a command with standard error, or standard output too, in a pseudo-terminal; something happens while it runs.
pub fn watched(mut command: Command, both: bool, meanwhile: impl FnOnce(&mut Child)) -> (Ran, String) {
    let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    let OpenptyResult { master, slave } = openpty(Some(&size), None).unwrap();
    command.env("TERM", "xterm").stdin(Stdio::null());
    command.stdout(if both { Stdio::from(slave.try_clone().unwrap()) } else { Stdio::piped() });
    command.stderr(Stdio::from(slave));
    let mut child = command.spawn().unwrap();
    drop(command); // and our ends of the terminal
    let reader = std::thread::spawn(move || {
        let mut shown = Vec::new();
        // Linux ends a terminal that nobody holds any more with an error.
        let _ = fs::File::from(master).read_to_end(&mut shown);
        String::from_utf8(shown).unwrap()
    });
    meanwhile(&mut child);
    let ran = child.wait_with_output().unwrap().into();
    (ran, reader.join().unwrap())
}

/// What is left on the screen: the few control sequences that a bar needs, and nothing else.
pub fn screen(shown: &str) -> Vec<String> {
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
