//! What the fuzz targets share: the parsers ([`targets`]) and where a run starts from.

pub mod targets;

/// Writes the seeds of a parser to the folder in which `cargo fuzz run` looks for them, where
/// they are not there yet.
pub fn sow(name: &str) {
    let Some(target) = targets::target(name) else {
        return;
    };
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    std::fs::create_dir_all(&folder).expect("the corpus can be written");
    for (i, seed) in (target.seeds)().iter().enumerate() {
        let path = folder.join(format!("seed-{i:02}"));
        if !path.exists() {
            std::fs::write(path, seed).expect("the corpus can be written");
        }
    }
}

/// A fuzz target of one of the parsers.
#[macro_export]
macro_rules! fuzz {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(init: $crate::sow($name), |data: &[u8]| {
            if let Some(target) = $crate::targets::target($name) {
                (target.run)(data);
            }
        });
    };
}
