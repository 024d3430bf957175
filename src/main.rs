//! The command line: `burn-zoo --help`.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
