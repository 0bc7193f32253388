//! Starts, runs the command line, and ends with the exit code.

use nishina::calculation::Registry;
use nishina::commands;

fn main() {
    std::process::exit(commands::main(&Registry::default()));
}
