//! How a run shows its progress. Responsible for what stands on the terminal while it works; not for
//! what is said at the end.

use std::io::IsTerminal as _;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};

use crate::pipeline::Progress;

/// Progress on stderr, when it is a terminal: files while reading, months while measuring, each
/// with its rate and the time that remains.
pub(super) struct Bar {
    bar: ProgressBar,
    files: u64,
    reading: Mutex<Reading>,
}

/// What is being read.
struct Reading {
    file: String,
    done: u64,
    bytes: u64,
    since: std::time::Instant,
}

/// Of a stage without a length.
const PLAIN: &str = "{spinner} {msg:<14} [{elapsed}]";
/// Of a stage with one.
const COUNTED: &str =
    "{spinner} {msg:<22} {bar:20} {pos} of {len} [{elapsed}, {eta} left] {prefix}";

impl Bar {
    /// Of a command that may read so many files.
    pub(super) fn new(quiet: bool, files: u64) -> Bar {
        let bar = if quiet || !std::io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            ProgressBar::new_spinner()
        };
        let reading = Reading {
            file: String::new(),
            done: 0,
            bytes: 0,
            since: std::time::Instant::now(),
        };
        Bar {
            bar,
            files,
            reading: Mutex::new(reading),
        }
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
    }

    /// From now on so many of something.
    fn count(&self, len: u64) {
        self.style(COUNTED);
        self.bar.set_length(len);
        self.bar.set_position(0);
        self.bar.reset_eta();
    }

    /// Shows what a run says.
    pub(super) fn hear(&self, progress: Progress<'_>) {
        match progress {
            Progress::Stage("reading") => {
                self.bar.set_message("reading files");
                self.count(self.files);
            }
            Progress::Stage(name) => {
                self.bar.set_prefix("");
                self.style(PLAIN);
                self.bar.set_message(name);
            }
            Progress::Read(file, n) => {
                let Ok(mut reading) = self.reading.lock() else {
                    return;
                };
                if reading.file != file {
                    if !reading.file.is_empty() {
                        reading.done += 1;
                    }
                    file.clone_into(&mut reading.file);
                    self.bar.set_position(reading.done);
                }
                reading.bytes += n;
                let seconds = reading.since.elapsed().as_secs_f64().max(0.001);
                let rate = indicatif::HumanBytes((reading.bytes as f64 / seconds) as u64);
                self.bar.set_prefix(format!("{rate}/s {file}"));
            }
            Progress::Partitions(n) => {
                self.bar.set_message("measuring months");
                self.count(n);
            }
            Progress::Measured(n) => {
                self.bar.inc(n);
                let rate = self.bar.per_sec();
                self.bar.set_prefix(format!("{rate:.0} months/s"));
            }
        }
    }

    /// Away with it.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
