//! The thin binary: hands the command line to [`gainshare::cli`] and turns its answer into an
//! exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    gainshare::cli::main()
}
