//! `burn-zoo completions`: what a shell needs to complete commands and options.

use std::io::Write;

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;

/// Write a shell's completions of burn-zoo's commands and options
///
/// bash: burn-zoo completions bash > ~/.local/share/bash-completion/completions/burn-zoo
/// zsh:  burn-zoo completions zsh > a folder of $fpath/_burn-zoo
/// fish: burn-zoo completions fish > ~/.config/fish/completions/burn-zoo.fish
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The shell: bash, zsh, fish, elvish or powershell
    shell: Shell,
}

/// Writes the script.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "burn-zoo", &mut script);
    Ok(out.write_all(&script)?)
}
