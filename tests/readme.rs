//! Documents are claims: every fenced `console` block of README.md and docs/*.md is run, and gives what it shows.
//!
//! A line that begins with `$ ` is a command for `sh`, the lines below it are what it writes, standard error first. `...` stands for
//! any lines, or within a line for any words. Numbers are compared to [`TOLERANCE`]: their last digits are the processor's. The blocks
//! of a document share a directory, in which `examples/`, `models/` and `docs/` are as in the repository; `burn-zoo` and `cargo run` are
//! the programs that cargo built for this test. A command with `--features wgpu` is run by a build with that feature, and it alone.
#![cfg(all(feature = "cli", feature = "ndarray", feature = "flex", unix))]

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// Of the number shown, and absolute.
const TOLERANCE: [f64; 2] = [0.02, 0.02];

/// What is not run: it would build, or change a repository.
const SKIPPED: [&str; 8] =
    ["cargo add", "cargo bench", "cargo build", "cargo doc", "cargo install", "cargo test", "git", "./.ci"];

/// A command, where it stands, and what it is said to write.
#[derive(Debug, PartialEq)]
struct Step {
    line: usize,
    command: String,
    shown: Vec<String>,
}

/// The commands of all `console` blocks of a Markdown text.
fn steps(markdown: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut console, mut fence) = (false, None);
    for (number, line) in markdown.lines().enumerate() {
        let ticks = line.trim_start().chars().take_while(|c| *c == '`').count();
        match fence {
            None if ticks >= 3 => {
                console = line.trim_start()[ticks..].trim() == "console";
                fence = Some(ticks);
            }
            Some(open) if ticks >= open && line.trim().len() == ticks => (console, fence) = (false, None),
            _ if !console => {}
            _ => match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => {
                    steps.push(Step { line: number + 1, command: command.to_string(), shown: Vec::new() })
                }
                (None, Some(step)) if step.command.ends_with('\\') && step.shown.is_empty() => {
                    step.command = format!("{} {}", step.command.trim_end_matches('\\').trim_end(), line.trim())
                }
                (None, Some(step)) => step.shown.push(line.trim_end().to_string()),
                (None, None) => panic!("line {}: a console block begins with a command: {line}", number + 1),
            },
        }
    }
    for step in &mut steps {
        while step.shown.last().is_some_and(String::is_empty) {
            step.shown.pop();
        }
    }
    steps
}

/// A directory in which a document's commands find what a reader of the repository has.
struct Session {
    directory: TempDir,
    path: OsString,
}

impl Session {
    /// `examples` is where cargo puts the built examples.
    fn new(examples: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (here, programs) = (directory.path().join("repository"), directory.path().join("programs"));
        fs::create_dir(&here).unwrap();
        fs::create_dir(&programs).unwrap();
        for name in ["examples", "models", "docs"] {
            copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(name), &here.join(name));
        }
        symlink(env!("CARGO_BIN_EXE_burn-zoo"), programs.join("burn-zoo")).unwrap();
        // `cargo run [--example NAME] [-- ARGS]` without a build.
        let cargo = format!(
            r#"#!/bin/sh
program=burn-zoo
[ "$1" = run ] && shift || {{ echo "error: only 'cargo run' is run here, not 'cargo $1'" >&2; exit 2; }}
while [ $# -gt 0 ]; do
    case "$1" in
        --example) program="{examples}/$2"; shift 2
            [ -x "$program" ] || {{ echo "error: ${{program##*/}} is not built: 'cargo test' builds the examples" >&2; exit 1; }} ;;
        --) shift; break ;;
        -q|--quiet|--release) shift ;;
        --features) shift 2 ;;
        *) echo "error: 'cargo run $1' is not known here" >&2; exit 2 ;;
    esac
done
exec "$program" "$@"
"#,
            examples = examples.display()
        );
        fs::write(programs.join("cargo"), cargo).unwrap();
        fs::set_permissions(programs.join("cargo"), fs::Permissions::from_mode(0o755)).unwrap();
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&others))).unwrap();
        Self { directory, path }
    }

    /// What is wrong with a step, if anything is.
    fn run(&self, step: &Step) -> Option<String> {
        if SKIPPED.iter().any(|skipped| step.command.starts_with(skipped)) {
            return None;
        }
        let output = Command::new("sh")
            .args(["-c", &format!("{{ {}\n}} 2>&1", step.command)])
            .current_dir(self.directory.path().join("repository"))
            .env("PATH", &self.path)
            .env_remove("BURN_ZOO_DEVICE")
            .env("XDG_RUNTIME_DIR", self.directory.path()) // where there is none, Mesa complains on standard error
            .stdin(Stdio::null())
            .output()
            .expect("sh starts");
        let text = String::from_utf8_lossy(&output.stdout);
        let found: Vec<&str> = text.trim_end().lines().collect();
        let shown: Vec<&str> = step.shown.iter().map(String::as_str).collect();
        let fails = shown.iter().any(|line| line.starts_with("error:"));
        match output.status.success() != fails && agree(&shown, &found, &|line| *line == "...", &same_line) {
            true => None,
            false => Some(format!(
                "line {}: $ {}\n--- shown\n{}\n--- found ({})\n{}\n",
                step.line,
                step.command,
                shown.join("\n"),
                output.status,
                found.join("\n"),
            )),
        }
    }
}

fn copy(from: &Path, to: &Path) {
    let Ok(entries) = fs::read_dir(from) else { return };
    fs::create_dir_all(to).unwrap();
    for entry in entries {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

/// Whether two lists agree item by item, where what `any` says stands for any number of items.
fn agree<T>(shown: &[T], found: &[T], any: &dyn Fn(&T) -> bool, same: &dyn Fn(&T, &T) -> bool) -> bool {
    match (shown, found) {
        ([first, rest @ ..], _) if any(first) => {
            (0..=found.len()).any(|skipped| agree(rest, &found[skipped..], any, same))
        }
        ([a, rest @ ..], [b, others @ ..]) => same(a, b) && agree(rest, others, any, same),
        _ => shown.is_empty() && found.is_empty(),
    }
}

/// Whether two lines have the same words and near numbers; how wide the gaps between them are does not matter.
fn same_line(shown: &&str, found: &&str) -> bool {
    agree(&words(shown), &words(found), &|word| *word == "...", &|a, b| match (number(a), number(b)) {
        (Some(a), Some(b)) => (a - b).abs() <= TOLERANCE[0] * a.abs() + TOLERANCE[1],
        _ => a == b,
    })
}

/// Words, numbers, and the punctuation between them.
fn words(line: &str) -> Vec<&str> {
    let inside = |c: char| c.is_alphanumeric() || "+-._".contains(c);
    let mut words = Vec::new();
    for word in line.split_whitespace() {
        let mut rest = word;
        while let Some(first) = rest.chars().next() {
            let end = match inside(first) {
                true => rest.find(|c| !inside(c)).unwrap_or(rest.len()),
                false => first.len_utf8(),
            };
            let (word, more) = rest.split_at(end);
            // A full stop behind a number is none of it.
            match word.strip_suffix('.') {
                Some(number) if self::number(number).is_some() => words.extend([number, "."]),
                _ => words.push(word),
            }
            rest = more;
        }
    }
    words
}

fn number(word: &str) -> Option<f64> {
    let digits =
        word.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c)) && word.contains(|c: char| c.is_ascii_digit());
    if digits { word.parse().ok() } else { None }
}

/// Where cargo puts examples: beside the program.
fn examples() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_burn-zoo")).with_file_name("examples")
}

/// What is wrong with a document.
fn run(markdown: &str) -> Vec<String> {
    run_those(markdown, |_| true)
}

fn run_those(markdown: &str, wanted: fn(&Step) -> bool) -> Vec<String> {
    let (session, steps) = (Session::new(&examples()), steps(markdown));
    steps.iter().filter(|step| wanted(step)).filter_map(|step| session.run(step)).collect()
}

/// Whether a command wants the features that this build has.
fn is_of_this_build(step: &Step) -> bool {
    step.command.contains("--features wgpu") == cfg!(feature = "wgpu")
}

#[test]
fn every_console_block_of_the_documents_gives_what_it_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut documents: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|ext| ext == "md")).collect();
    documents.sort();
    documents.insert(0, root.join("README.md"));
    let mut wrong = Vec::new();
    for document in documents.iter().filter(|document| document.exists()) {
        let name = document.strip_prefix(root).unwrap().display().to_string();
        let found = run_those(&fs::read_to_string(document).unwrap(), is_of_this_build);
        wrong.extend(found.into_iter().map(|what| format!("{name}, {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const SMALL: &str = "\
Text with `code`.

```text
$ false
```

```console
$ burn-zoo list '*wine*' | head -1
name          data      target   params  bytes    rmse  coverage
$ burn-zoo list '*wine*' | sed 's/0[.]6774/0.6801/' > list.txt
$ cat list.txt
...
mlp/wine-red  wine-red  quality  4993  20468  0.6774  0.8875
```

and in another block, in the same directory:

````console
$ tail -n 1 \\
  list.txt
mlp/wine-red ... 0.6774 ...
$ cargo test
this is not run
$ BURN_ZOO_DEVICE=flex cargo run -- predict nothing --input -
error: unknown model `nothing`: expected one of ...
$ ls examples | grep quickstart
quickstart.rs
````
";

#[test]
fn a_right_document_passes() {
    assert_eq!(run(SMALL), [] as [&str; 0]);
}

#[test]
fn commands_are_found_with_their_lines_and_outputs() {
    let steps = steps(SMALL);
    assert_eq!(steps.iter().map(|step| step.line).collect::<Vec<_>>(), [8, 10, 11, 19, 22, 24, 26]);
    assert_eq!(steps[3].command, "tail -n 1 list.txt");
    assert_eq!(steps[2].shown.len(), 2);
}

#[test]
fn whatever_a_document_shows_wrongly_is_caught() {
    for (right, wrong) in [
        ("0.6774  0.8875", "0.7174  0.8875"),                 // a number
        ("4993  20468", "4993  18468"),                       // a count
        ("wine-red  quality  4993", "wine-red  taste  4993"), // a word
        ("rmse  coverage\n", "rmse  coverage\nand more\n"),   // a line too many
        ("...\nmlp/wine-red", "mlp/wine-red"),                // a line too few
        ("> list.txt", "> list.txt; false"),                  // a command that fails
        ("predict nothing --input -", "list mlp"),            // one that was to fail
        ("quickstart.rs", "quickstart.py"),
    ] {
        assert!(SMALL.contains(right), "{right}");
        let found = run(&SMALL.replacen(right, wrong, 1));
        assert_eq!(found.len(), 1, "{wrong}: {found:?}");
    }
    let found = run(&SMALL.replacen("0.8875\n", "0.9999\n", 1));
    assert!(found[0].starts_with("line 11: $ cat list.txt\n--- shown\n...\nmlp/wine-red"), "{}", found[0]);
    assert!(found[0].contains("--- found (exit status: 0)\nname"), "{}", found[0]);
}

#[test]
fn an_example_that_is_not_built_is_named() {
    let nowhere = tempfile::tempdir().unwrap();
    let document = "```console\n$ cargo run --example quickstart -- --device flex\nwine\n```\n";
    let found = Session::new(nowhere.path()).run(&steps(document)[0]).unwrap();
    assert!(found.contains("error: quickstart is not built: 'cargo test' builds the examples"), "{found}");
}

#[test]
fn numbers_are_near_or_not_and_all_else_is_exact() {
    for (shown, found, same) in [
        ("rmse 0.677, coverage 0.887 at 0.9", "rmse 0.681,   coverage 0.891 at 0.9", true),
        ("rmse 0.677", "rmse 0.750", false),
        ("4.51 ..  6.50", "4.49 .. 10.50", false),
        ("4.51 ..  6.50", "-4.51 ..  6.50", false),
        ("{\"mean\":5.14186305,\"sd\":0.596313363}", "{\"mean\":5.14186309,\"sd\":0.596313360}", true),
        ("{\"mean\":5.14186305}", "{\"sd\":5.14186305}", false),
        ("epoch 37 of 67.", "epoch 37 of 67.", true),
        ("epoch 37 of 67.", "epoch 38 of 67.", false),
        ("saved o (epoch ... of ...)", "saved o (epoch 38 of 68)", true),
        ("sha256 21fa5268", "sha256 21fa5269", false),
        ("wrote out/mlp-gap.svg", "wrote out/mlp-gap.png", false),
        ("| Monte Carlo | 0.638 ± 0.012 |", "| Monte Carlo | 0.641 ± 0.013 |", true),
        ("row 1  ...", "row 1", true),
        ("", "", true),
        ("", "x", false),
    ] {
        assert_eq!(same_line(&shown, &found), same, "{shown}\n{found}");
    }
}
