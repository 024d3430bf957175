//! The dependency picture of ARCHITECTURE.md, held against the sources.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Each module of the library, and what it uses: modules further down, so there is no cycle.
const USES: [(&str, &str); 17] = [
    ("recipe", "data, error, key, models, settings, train, uncertainty, zoo"),
    ("zoo", "data, device, error, key, models, outputs, pass, settings, stochastic, train, uncertainty"),
    ("report", "error, uncertainty"),
    ("settings", "data, error, models, nn, rate, train"),
    ("train", "device, error, key, outputs, pass, stochastic"),
    ("models", "error, key, nn, outputs, pass, rate, stochastic"),
    ("uncertainty", "error, key, outputs, pass, stochastic"),
    ("nn", "error, key, ops, pass, rate"),
    ("stochastic", "error, pass"),
    ("pass", "error, key, rate"),
    ("outputs", ""),
    ("data", "error, key"),
    ("device", "error, ops"),
    ("ops", ""),
    ("key", "rate"),
    ("rate", "error"),
    ("error", ""),
];

/// Two files that know each other count as one module: a pass notes its draws in a record, and a record can be replayed by a pass.
const PART_OF: [(&str, &str); 1] = [("replay", "pass")];

/// Files in plain Rust.
const WITHOUT_BURN: [&str; 4] = ["error.rs", "rate.rs", "key.rs", "uncertainty/metrics.rs"];

type Edges = BTreeMap<String, BTreeSet<String>>;

#[test]
fn every_module_uses_what_the_table_says() {
    let (found, table) = (found(), table());
    let modules = |edges: &Edges| edges.keys().cloned().collect::<Vec<_>>();
    assert_eq!(modules(&found), modules(&table), "the modules of src (left) and of the table (right)");
    for (module, uses) in &found {
        assert_eq!(uses, &table[module], "what `{module}` uses by its source (left) and by the table (right)");
    }
}

#[test]
fn the_picture_shows_what_the_table_says() {
    let (picture, table) = (picture(), table());
    for (module, uses) in &table {
        assert_eq!(
            picture.get(module),
            Some(uses),
            "what `{module}` uses by ARCHITECTURE.md (left) and the table (right)"
        );
    }
    assert_eq!(picture.len(), table.len(), "ARCHITECTURE.md shows a module that is none");
}

#[test]
fn dependencies_point_down() {
    for (at, (module, uses)) in USES.iter().enumerate() {
        for used in names(uses) {
            let below = USES[at + 1..].iter().any(|(below, _)| *below == used);
            assert!(below, "`{module}` uses `{used}`, which does not stand below it");
        }
    }
}

#[test]
fn models_and_uncertainty_meet_in_stochastic_and_do_not_know_each_other() {
    let found = found();
    for (one, other) in [("models", "uncertainty"), ("uncertainty", "models")] {
        assert!(found[one].contains("stochastic") && !found[one].contains(other), "`{one}` uses {:?}", found[one]);
    }
}

#[test]
fn keys_rates_errors_and_metrics_are_plain_rust() {
    for name in WITHOUT_BURN {
        let code = code(&read(&root().join("src").join(name)));
        let word = |at: usize| code[at..].bytes().take_while(|&byte| is_word(byte)).count();
        let burns = code.match_indices("burn").filter(|&(at, _)| at == 0 || !is_word(code.as_bytes()[at - 1]));
        let burns: Vec<&str> = burns.map(|(at, _)| &code[at..at + word(at)]).collect();
        assert!(burns.is_empty(), "src/{name} names {burns:?}");
    }
}

#[test]
fn the_command_line_uses_the_library_as_anybody_else_does() {
    let mut files = rust_files(&root().join("src/cli"));
    files.push(root().join("src/main.rs"));
    for file in files {
        let code = code(&read(&file));
        assert!(places(&code, "crate::").is_empty(), "{}: expected `burn_zoo::` or `super::`", file.display());
    }
    let lib = code(&read(&root().join("src/lib.rs")));
    assert!(!lib.contains("mod cli"), "the command line is a part of the binary, not of the library");
}

#[test]
fn the_reader_of_sources_reads_groups_parents_and_no_comments() {
    let source = "use crate::{\n    error::{Error, Result}, // crate::comment\n    train::{self, Epoch},\n    Key,\n};\n\
                  //! crate::doc\nuse super::classification::join;\nuse super::{\n    a, b::{C, d},\n};\nlet x = crate::pass::Pass::mean();\n\
                  pub(crate) fn f() -> super::super::rate::Rate {}\n#[cfg(test)]\nmod tests {\n    use crate::tests_only;\n}\n";
    let module = ["uncertainty", "regression"].map(str::to_string);
    let named: Vec<String> = named(&code(source), &module).iter().map(|path| path.join("::")).collect();
    let expected =
        ["Key", "error", "pass", "rate", "train", "uncertainty::a", "uncertainty::b", "uncertainty::classification"];
    assert_eq!(named, expected);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What the table says.
fn table() -> Edges {
    USES.iter().map(|(module, uses)| (module.to_string(), names(uses).map(str::to_string).collect())).collect()
}

/// The names of a list.
fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(", ").filter(|name| !name.is_empty())
}

/// What ARCHITECTURE.md shows: the lines `module -> module, module` of the first code block below `## Dependencies`.
fn picture() -> Edges {
    let text = read(&root().join("ARCHITECTURE.md"));
    let below = text.split("\n## Dependencies\n").nth(1).expect("a section `## Dependencies`");
    let block = below.split("```").nth(1).expect("a code block");
    let edges = block.lines().filter_map(|line| line.split_once("->")).map(|(module, uses)| {
        let uses = uses.split(',').map(|used| used.trim().to_string()).filter(|used| used != "nothing").collect();
        (module.trim().to_string(), uses)
    });
    // The command line is not in the library: it uses what is public, and another test says so.
    edges.filter(|(module, _)| module != "cli").collect()
}

/// What the sources say.
fn found() -> Edges {
    let mut edges = Edges::new();
    for file in rust_files(&root().join("src")) {
        let module = module_path(&file);
        let Some(name) = module.first().filter(|name| *name != "cli" && *name != "main") else { continue };
        let uses = edges.entry(whole(name)).or_default();
        for path in named(&code(&read(&file)), &module) {
            let used = whole(&path[0]);
            let owned = USES.iter().any(|(module, _)| *module == used);
            assert!(owned, "{}: name `{}` by the module that owns it", file.display(), path.join("::"));
            if used != whole(name) {
                uses.insert(used);
            }
        }
    }
    edges
}

/// The module that a file belongs to, as far as the picture goes.
fn whole(module: &str) -> String {
    PART_OF.iter().find(|(part, _)| *part == module).map_or(module, |(_, whole)| whole).to_string()
}

/// All Rust files below `directory`.
fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
        let path = entry.expect("a directory that can be listed").path();
        match path.is_dir() {
            true => files.extend(rust_files(&path)),
            false if path.extension().is_some_and(|extension| extension == "rs") => files.push(path),
            false => {}
        }
    }
    files
}

/// The module that a file below `src` is, such as `["nn", "dropout"]`; empty for `lib.rs`.
fn module_path(file: &Path) -> Vec<String> {
    let file = file.strip_prefix(root().join("src")).expect("a file below src").with_extension("");
    let mut path: Vec<String> = file.iter().map(|part| part.to_str().expect("a name in UTF-8").to_string()).collect();
    if path.last().is_some_and(|last| last == "mod" || last == "lib") {
        path.pop();
    }
    path
}

/// What is compiled into the library: no comments, and not the test module that a file ends with.
fn code(source: &str) -> String {
    let library = |line: &&str| !line.starts_with("#[cfg(test)]") && !line.starts_with("#[cfg(all(test");
    let lines = source.lines().take_while(library).map(|line| line.split("//").next().unwrap_or_default());
    lines.fold(String::new(), |code, line| code + line + "\n")
}

/// What a module's code names by `crate::` and `super::`, in `use` lines and elsewhere: the path from the root of the crate, to the first name
/// that is written.
fn named(code: &str, module: &[String]) -> BTreeSet<Vec<String>> {
    let mut paths = BTreeSet::new();
    for at in places(code, "crate::") {
        paths.extend(first_names(&code[at + "crate::".len()..]).into_iter().map(|name| vec![name]));
    }
    for at in places(code, "super::") {
        let (mut rest, mut base) = (&code[at..], module);
        while let Some(next) = rest.strip_prefix("super::") {
            base = &base[..base.len().checked_sub(1).expect("the root of the crate has no parent")];
            rest = next;
        }
        paths.extend(first_names(rest).into_iter().map(|name| [base, &[name]].concat()));
    }
    paths
}

/// Where `word::` begins a path.
fn places(code: &str, word: &str) -> Vec<usize> {
    let begins = |at: usize| at == 0 || !(is_word(code.as_bytes()[at - 1]) || code.as_bytes()[at - 1] == b':');
    code.match_indices(word).map(|(at, _)| at).filter(|&at| begins(at)).collect()
}

/// The first name of the path that `code` begins with, or of each path of a group in braces.
fn first_names(code: &str) -> Vec<String> {
    let word = |text: &str| text.trim_start().bytes().take_while(|&byte| is_word(byte)).map(char::from).collect();
    let Some(group) = code.trim_start().strip_prefix('{') else { return vec![word(code)] };
    let (mut names, mut depth, mut start) = (Vec::<String>::new(), 0, 0);
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            b',' | b'}' if depth == 0 => {
                names.push(word(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
        if byte == b'}' && start == at + 1 {
            break; // of the group itself
        }
    }
    names.retain(|name| !name.is_empty()); // behind a last comma
    names
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
