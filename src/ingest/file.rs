//! From a file on disk to its text: decompression, byte-order mark, and the refusal of what is
//! no text. Not responsible for delimiters or columns (see [`super::delimited`]).

use std::io::Read;
use std::path::{Path, PathBuf};

use miette::Diagnostic;

/// A file that cannot be read at all.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum InputError {
    /// The operating system refused.
    #[error("{file}: cannot be read: {cause}")]
    Unreadable {
        /// The file as the project names it.
        file: String,
        /// What the system said.
        cause: String,
        /// What to do.
        #[help]
        hint: String,
    },
    /// Nothing in it.
    #[error("{file}: line 1: expected a header row, found an empty file")]
    #[diagnostic(help("export it again; a table without rows still needs its header line"))]
    Empty {
        /// The file as the project names it.
        file: String,
    },
    /// Not text.
    #[error("{file}: expected delimited text, found {what}")]
    Binary {
        /// The file as the project names it.
        file: String,
        /// What it seems to be.
        what: String,
        /// What to do.
        #[help]
        hint: String,
    },
    /// A mapped column that rows cannot do without is not in the header.
    #[error("{file}: line 1: required column `{column}` (for `{canonical}`) is not in the header")]
    MissingColumn {
        /// The file as the project names it.
        file: String,
        /// The source column.
        column: String,
        /// The canonical column it feeds.
        canonical: String,
        /// What to do.
        #[help]
        hint: String,
    },
    /// Text, but not a header.
    #[error("{file}: line 1: {problem}")]
    Header {
        /// The file as the project names it.
        file: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        #[help]
        hint: String,
    },
    /// A zone or format that the mapping names does not exist.
    #[error("{file}: mapping `{mapping}`: {problem}")]
    Mapping {
        /// The file as the project names it.
        file: String,
        /// The mapping's name.
        mapping: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        #[help]
        hint: String,
    },
}

/// A file's bytes, decompressed and without byte-order mark, and the hash of what was on disk.
#[derive(Debug)]
pub struct FileBytes {
    /// The text, in the encoding of the file.
    pub bytes: Vec<u8>,
    /// BLAKE3 of the file as it lies on disk, in hexadecimal.
    pub hash: String,
}

/// Reads and decompresses a file.
///
/// # Errors
/// When it cannot be read or a compressed stream is damaged.
pub fn read(shown: &str, path: &Path) -> Result<FileBytes, InputError> {
    let raw = std::fs::read(path).map_err(|e| InputError::Unreadable {
        file: shown.to_owned(),
        cause: e.to_string(),
        hint: "check that it exists and that you may read it".to_owned(),
    })?;
    let hash = blake3::hash(&raw).to_hex().to_string();
    let bytes = if raw.starts_with(&[0x1f, 0x8b]) {
        let mut out = Vec::with_capacity(raw.len().saturating_mul(6));
        flate2::read::MultiGzDecoder::new(raw.as_slice())
            .read_to_end(&mut out)
            .map_err(|e| InputError::Unreadable {
                file: shown.to_owned(),
                cause: format!("damaged gzip stream: {e}"),
                hint: "the file was cut off or changed on its way; export or copy it again"
                    .to_owned(),
            })?;
        out
    } else {
        raw
    };
    Ok(FileBytes { bytes, hash })
}

/// The UTF-8 text in `bytes`, without byte-order mark.
///
/// # Errors
/// When there is none, or when the bytes are a known binary format or hold NUL bytes.
pub fn text<'a>(shown: &str, bytes: &'a [u8]) -> Result<&'a [u8], InputError> {
    let binary = |what: &str, hint: &str| {
        Err(InputError::Binary {
            file: shown.to_owned(),
            what: what.to_owned(),
            hint: hint.to_owned(),
        })
    };
    let body = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(InputError::Empty {
            file: shown.to_owned(),
        });
    }
    if body.starts_with(b"PK\x03\x04") {
        return binary(
            "a zip archive or Excel workbook",
            "save the sheet as CSV first",
        );
    }
    if body.starts_with(b"PAR1") {
        return binary("a Parquet file", "give the file the ending .parquet");
    }
    if body.starts_with(&[0xff, 0xfe]) || body.starts_with(&[0xfe, 0xff]) {
        return binary("UTF-16 text", "save it as UTF-8");
    }
    let head = body.get(..body.len().min(1 << 16)).unwrap_or_default();
    if let Some(at) = head.iter().position(|b| *b == 0) {
        return binary(
            &format!("binary data (a NUL byte at byte {at})"),
            "export the table as CSV text; renaming a file to .csv does not convert it",
        );
    }
    Ok(body)
}

/// Whether a path names a Parquet file.
pub fn is_parquet(path: &Path) -> bool {
    path.extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("parquet"))
}

/// A file to read: the name shown to people and the path.
pub type NamedFile = (String, PathBuf);
