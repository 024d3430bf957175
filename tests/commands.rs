//! What holds for all commands: help, completions, settings, silence, and no escape sequences where nobody asked for them.
#![cfg(all(feature = "cli", feature = "flex", unix))]

mod cli_support;

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use burn_zoo::settings::Settings;
use cli_support::{Ran, burn_zoo, command, terminal::watched, wine_csv, wine_header};

fn here() -> &'static Path {
    Path::new(".")
}

/// The commands, as the help lists them, but for help itself.
fn commands() -> Vec<String> {
    let help = burn_zoo(here(), &["--help"]).data();
    let listed = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = listed.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names: Vec<String> = names.filter(|name| !name.is_empty() && *name != "help").map(str::to_string).collect();
    assert_eq!(names.len(), 10, "{names:?}");
    names
}

/// Each option of a command with its description.
fn options(command: &str) -> Vec<(String, String)> {
    let help = burn_zoo(here(), &[command, "--help"]).data();
    let mut options: Vec<(String, String)> = Vec::new();
    for line in help.lines() {
        let begins = line.trim_start();
        if begins.starts_with('-') && line.len() - begins.len() <= 6 {
            // Without much to say, a help has it in the same line.
            let (option, about) = begins.split_once("  ").unwrap_or((begins, ""));
            options.push((option.to_string(), about.to_string()));
        } else if !line.starts_with(' ') && !line.is_empty() {
            options.push((String::new(), String::new())); // a heading
        } else if let Some((_, about)) = options.last_mut() {
            *about += begins;
            about.push('\n');
        }
    }
    options.retain(|(option, _)| !option.is_empty());
    options
}

/// `--name` of an option's line in the help.
fn long(option: &str) -> &str {
    option.split([' ', ',']).find(|word| word.starts_with("--")).unwrap()
}

#[test]
fn help_fits_into_80_columns_and_has_no_escape_sequences() {
    let all = commands();
    let lines = [vec![], vec!["help"]].into_iter().chain(all.iter().map(|name| vec![name.as_str()]));
    for line in lines {
        for flag in ["--help", "-h"] {
            let args = match line[..] {
                ["help"] => vec!["help", "train"],
                _ => [&line[..], &[flag]].concat(),
            };
            let help = burn_zoo(here(), &args).data();
            assert!(help.contains("Usage: burn-zoo"), "{help}");
            for line in help.lines() {
                assert!(line.chars().count() <= 80, "{args:?}: {line}");
                assert!(line.chars().all(|c| !c.is_control()), "{args:?}: {line:?}");
            }
        }
    }
}

#[test]
fn help_says_what_an_option_is_if_it_is_not_given() {
    // What has no default because it must be given, or does nothing if it is not.
    let without = "--data --input --out --resume --valid --test --column --na --set --plot --ood --time --group --known --observed \
                   --text --samples";
    let without: Vec<&str> = without.split_whitespace().collect();
    for command in commands() {
        for (option, about) in options(&command) {
            assert!(!about.trim().is_empty(), "{command} {option}");
            let takes_a_value = option.contains('<');
            let default = about.contains("[default: ") || about.contains("[default:\n");
            assert_eq!(takes_a_value, default || without.contains(&long(&option)), "{command} {option}: {about}");
        }
    }
}

#[test]
fn help_says_the_units_of_numbers() {
    for (command, option, unit) in [
        ("predict", "--memory", "bytes"),
        ("predict", "--passes", "number of sampled networks"),
        ("predict", "--interval", "probability, between 0 and 1"),
        ("predict", "--seed", "a whole number"),
        ("evaluate", "--memory", "bytes"),
        ("evaluate", "--passes", "number of sampled networks"),
        ("evaluate", "--interval", "probability, between 0 and 1"),
        ("train", "--seed", "a whole number"),
        ("train", "--skip", "lines"),
    ] {
        let options = options(command);
        let (_, about) = options.iter().find(|(line, _)| long(line) == option).unwrap();
        assert!(about.contains(unit), "{command} {option}: {about}");
    }
}

#[test]
fn completions_know_every_command_and_every_option() {
    let commands = commands();
    let options: BTreeSet<String> =
        commands.iter().flat_map(|name| options(name)).map(|(line, _)| long(&line)[2..].to_string()).collect();
    assert!(options.len() > 25, "{options:?}");
    for (shell, before) in [("bash", "--"), ("zsh", "--"), ("fish", "-l "), ("elvish", "--"), ("powershell", "--")] {
        let script = burn_zoo(here(), &["completions", shell]).data();
        for command in &commands {
            assert!(script.contains(command.as_str()), "{shell}: {command}");
        }
        for option in &options {
            assert!(script.contains(&format!("{before}{option}")), "{shell}: {option}");
        }
    }
    // A shell that is there reads its script.
    let directory = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let path = directory.path().join(shell);
        fs::write(&path, burn_zoo(here(), &["completions", shell]).data()).unwrap();
        if let Ok(output) = Command::new(shell).arg("-n").arg(&path).output() {
            assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {output:?}");
        }
    }
}

#[test]
fn no_color_is_obeyed_on_a_terminal_and_a_pipe_needs_no_telling() {
    let error = ["predict", "mlp/wine-red", "--input", "no.csv", "--passes", "0"];
    for args in [&["--help"][..], &["train", "--help"], &error, &["show", "nothing"], &[]] {
        let mut without = command(here(), args);
        without.env("NO_COLOR", "1");
        let (ran, shown) = watched(without, true, |_| {});
        assert!(ran.code == Some(0) || ran.code == Some(2), "{shown}");
        assert!(shown.chars().all(|c| !c.is_control() || c == '\r' || c == '\n'), "{args:?}: {shown:?}");
        // As many bytes as into a pipe, but for the terminal's line ends.
        let mut piped = command(here(), args);
        let piped: Ran = piped.env("CLICOLOR", "1").stdin(Stdio::null()).output().unwrap().into();
        assert_eq!(piped.out + &piped.err, shown.replace("\r\n", "\n"), "{args:?}");
    }
}

#[test]
fn progress_has_no_colours_and_is_shown_on_terminals_alone() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fs::write(at.join("wine.csv"), wine_csv(20_000)).unwrap();
    let train = ["train", "mlp", "--data", "wine-red", "--out", "o", "--set", "train.epochs=5"];
    let predict = ["predict", "mlp/wine-red", "--input", "wine.csv", "--format", "csv", "--passes", "20"];
    for (args, says) in [(&train[..], "/5 "), (&predict, " rows, ")] {
        let mut bare = command(at, args);
        bare.env("NO_COLOR", "1");
        let (ran, shown) = watched(bare, false, |_| {});
        assert_eq!(ran.code, Some(0), "{shown}");
        assert!(shown.contains(says) && shown.contains('\r'), "{shown:?}");
        // The cursor moves; nothing is coloured.
        let sequences = shown.split("\u{1b}[").skip(1);
        let coloured = |rest: &str| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m');
        assert!(!sequences.into_iter().any(coloured), "{shown:?}");

        let _ = fs::remove_dir_all(at.join("o"));
        let piped = burn_zoo(at, args);
        assert_eq!(piped.code, Some(0));
        assert!(piped.err.chars().all(|c| !c.is_control() || c == '\n'), "{:?}", piped.err);
    }
}

#[test]
fn quiet_commands_that_work_say_nothing_on_standard_error() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    // Much to say: copies, a constant column, missing cells, numbers outside, rows that cannot be predicted.
    let wine = wine_csv(80);
    let [header, rows @ ..] = &wine.lines().collect::<Vec<_>>()[..] else { panic!() };
    let rows: String = rows.iter().chain(&rows[..20]).map(|row| format!("{row},7\n")).collect();
    fs::write(at.join("wine.csv"), format!("{header},constant\n{rows}\n,,,,,,,,,,,,\n")).unwrap();
    let first = wine.lines().nth(1).unwrap().split_once(',').unwrap().1;
    let odd = format!("{},more,other\n,{first},1,2\n1e6,{first},1,2\n", wine_header());
    fs::write(at.join("odd.csv"), odd.clone() + &format!("x,{first},1,2\n")).unwrap();
    fs::write(at.join("judge.csv"), odd).unwrap();
    let train = ["train", "mlp", "--data", "wine.csv", "--target", "quality", "--out"];
    let set = ["--set", "train.epochs=2", "--task", "regression"];
    let predict = ["predict", "q", "--input", "odd.csv", "--on-error", "skip"];
    let evaluate = ["evaluate", "q", "--data", "judge.csv"];
    let again = ["evaluate", "q", "--data", "wine.csv"];
    let trains = [&train[..], &["q"], &set].concat();
    for args in [&trains[..], &predict, &evaluate, &again] {
        burn_zoo(at, &[args, &["--quiet"]].concat()).data();
        let args: Vec<&str> =
            args.iter().map(|arg| if args[0] == "train" && *arg == "q" { "loud" } else { arg }).collect();
        let loud = burn_zoo(at, &args);
        assert!(loud.code == Some(0) && !loud.err.is_empty(), "{args:?}");
    }
    // Those that say nothing anyway.
    for args in
        [&["list"][..], &["show", "q"], &["devices"], &["config", "mlp"], &["config", "cnn"], &["completions", "bash"]]
    {
        assert!(!burn_zoo(at, args).data().is_empty());
    }
}

#[test]
fn config_writes_the_defaults_and_check_is_silent_about_them() {
    let directory = tempfile::tempdir().unwrap();
    let template = burn_zoo(here(), &["config", "mlp"]).data();
    assert_eq!(Settings::from_toml(&template).unwrap(), Settings::default());
    fs::write(directory.path().join("mlp.toml"), template).unwrap();
    assert_eq!(burn_zoo(directory.path(), &["check", "mlp.toml"]).data(), "");
}

#[test]
fn every_setting_of_the_template_can_be_set() {
    let template = burn_zoo(here(), &["config", "mlp"]).data();
    let (mut section, mut paths) = (String::new(), Vec::new());
    for line in template.lines() {
        let line = line.split('#').next().unwrap().trim();
        match line.split_once(" = ") {
            Some((name, value)) => paths.push((format!("{section}.{name}"), value.to_string())),
            None if line.starts_with('[') => section = line.trim_matches(['[', ']']).to_string(),
            None => {}
        }
    }
    assert!(paths.len() > 30, "{paths:?}");
    for (path, value) in &paths {
        assert_eq!(Settings::default().set(path, value).unwrap(), Settings::default(), "{path}={value}");
    }
    let sets: Vec<String> = paths.iter().map(|(path, value)| format!("{path}={value}")).collect();
    let sets = sets.iter().flat_map(|set| ["--set", set]);
    // It gets as far as the table.
    let args: Vec<&str> = ["train", "mlp", "--data", "no.csv", "--out", "o"].into_iter().chain(sets).collect();
    let ran = burn_zoo(here(), &args);
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), "error: no.csv: No such file or directory (os error 2)\n"));
}

#[test]
fn check_names_the_file_the_key_or_the_line_and_the_nearest_known_name() {
    let directory = tempfile::tempdir().unwrap();
    for (text, says) in [
        ("[train]\nepcohs = 3\n", "unknown setting `train.epcohs`: did you mean `train.epochs`?"),
        ("[trian]\nepochs = 3\n", "unknown setting `trian.epochs`: did you mean `train.epochs`?"),
        ("[model]\nrates = [1.5]\n", "`model.rates` is [1.5]: expected 0 <= rate < 1"),
        ("train = 3\n", "`train` is 3: expected settings in the section [train]"),
        ("[train]\n\nepochs == 3\n", "line 3: `epochs == 3` is not TOML"),
        ("[train]\nepochs = 3\nepochs = 4\n", "line 3: `epochs = 4` is not the first of its name"),
        ("[data]\nsplit = [0.5, 0.5]\n", "`data.split` is [0.5, 0.5]: expected an array of length 3"),
        (
            "[schema]\nzip = \"categorial\"\n",
            "`schema.zip` is \"categorial\": expected numeric, categorical, boolean, date, date:FORMAT (such as date:%d.%m.%Y), ignored or id",
        ),
        (
            "[data]\ntransform = \"log\"\ntask = \"classes\"\n",
            "`data.transform` is log: expected none with task = classes",
        ),
    ] {
        fs::write(directory.path().join("some.toml"), text).unwrap();
        let ran = burn_zoo(directory.path(), &["check", "some.toml"]);
        assert_eq!((ran.code, ran.out.as_str(), ran.err), (Some(1), "", format!("error: some.toml: {says}\n")));
    }
}
