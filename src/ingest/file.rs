//! From a file on disk to its bytes: decompression within bounds, what kind of file it is, and the
//! errors of files that cannot be read at all. Not responsible for encodings (see
//! [`super::encoding`]) or columns (see [`super::reader`]).

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flate2::bufread::MultiGzDecoder;
use miette::Diagnostic;

use crate::config::mapping::FileFormat;
use crate::store::error::StoreError;

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
    /// Structured, but not as its format says.
    #[error("{file}: line {line}: {problem}")]
    Malformed {
        /// The file as the project names it.
        file: String,
        /// Line, counted from 1.
        line: u64,
        /// What is wrong.
        problem: String,
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
    /// Rows that wait for their turn find no room.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Room(#[from] StoreError),
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

/// A file's bytes, decompressed, and the hash of what was on disk.
#[derive(Debug)]
pub struct FileBytes {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// BLAKE3 of the file as it lies on disk, in hexadecimal.
    pub hash: String,
}

/// The bytes of a file in the order in which they lie in it, decompressed.
pub(super) struct Input {
    shown: String,
    stream: Box<dyn Read + Send>,
    /// The same file, to be read at any place once the stream was read.
    #[cfg(feature = "frames")]
    file: File,
    seen: Arc<Mutex<Seen>>,
    /// How the file is compressed.
    packing: Option<&'static str>,
    unpacked: usize,
}

/// What was seen of a file as it lies on disk.
#[derive(Default)]
struct Seen {
    hash: blake3::Hasher,
    bytes: usize,
}

/// A file that is hashed as it is read.
struct Hashed {
    file: File,
    seen: Arc<Mutex<Seen>>,
}

fn held(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Read for Hashed {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(into)?;
        let mut seen = held(&self.seen);
        seen.hash.update(into.get(..read).unwrap_or_default());
        seen.bytes += read;
        Ok(read)
    }
}

/// Fills `into` as far as there is something to fill it with; how far it was filled.
fn filled(stream: &mut impl Read, into: &mut [u8]) -> std::io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}

/// Opens a file; what is compressed is decompressed as it is read.
///
/// # Errors
/// When it cannot be read.
pub(super) fn open(shown: &str, path: &Path) -> Result<Input, InputError> {
    let unreadable = |e: std::io::Error| InputError::Unreadable {
        file: shown.to_owned(),
        cause: e.to_string(),
        hint: "check that it exists and that you may read it".to_owned(),
    };
    let seen = Arc::new(Mutex::new(Seen::default()));
    let file = File::open(path).map_err(unreadable)?;
    let mut raw = Hashed {
        file: file.try_clone().map_err(unreadable)?,
        seen: Arc::clone(&seen),
    };
    let mut mark = vec![0; 4];
    let length = filled(&mut raw, &mut mark).map_err(unreadable)?;
    mark.truncate(length);
    let (gzip, zstd) = (
        mark.starts_with(&[0x1f, 0x8b]),
        mark.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]),
    );
    let raw = BufReader::with_capacity(1 << 18, Cursor::new(mark).chain(raw));
    let (stream, packing): (Box<dyn Read + Send>, _) = if gzip {
        (Box::new(MultiGzDecoder::new(raw)), Some("gzip"))
    } else if zstd {
        let stream = zstd::stream::read::Decoder::with_buffer(raw).map_err(unreadable)?;
        (Box::new(stream), Some("zstd"))
    } else {
        (Box::new(raw), None)
    };
    Ok(Input {
        shown: shown.to_owned(),
        stream,
        #[cfg(feature = "frames")]
        file,
        seen,
        packing,
        unpacked: 0,
    })
}

/// Reads a whole file; what is compressed is decompressed.
///
/// # Errors
/// When it cannot be read, or a compressed stream is damaged or has no end.
pub fn read(shown: &str, path: &Path) -> Result<FileBytes, InputError> {
    open(shown, path)?.all(Vec::new())
}

impl Input {
    /// Adds up to `most` bytes; fewer only at the end of the file, whether that was reached.
    ///
    /// # Errors
    /// When the file cannot be read, or a compressed stream is damaged or has no end.
    pub(super) fn read(&mut self, into: &mut Vec<u8>, most: usize) -> Result<bool, InputError> {
        let before = into.len();
        into.resize(before + most, 0);
        let rest = into.get_mut(before..).unwrap_or_default();
        let read = filled(&mut self.stream, rest).map_err(|e| self.failed(&e))?;
        into.truncate(before + read);
        self.unpacked += read;
        if self.packing.is_some() && self.unpacked > bound(held(&self.seen).bytes) {
            return Err(InputError::Unreadable {
                file: self.shown.clone(),
                cause: format!("it unpacks to more than {BOUND_RATIO} times its size"),
                hint: "no export does; unpack it by hand and look at it before you give it in"
                    .to_owned(),
            });
        }
        Ok(read < most)
    }

    fn failed(&self, e: &std::io::Error) -> InputError {
        let file = self.shown.clone();
        match self.packing {
            None => InputError::Unreadable {
                file,
                cause: e.to_string(),
                hint: "check that it exists and that you may read it".to_owned(),
            },
            Some(packing) => InputError::Unreadable {
                file,
                cause: format!("damaged {packing} stream: {e}"),
                hint: "the file was cut off or changed on its way; export or copy it again"
                    .to_owned(),
            },
        }
    }

    /// The hash of the file, once all of it was read.
    pub(super) fn hash(&self) -> String {
        held(&self.seen).hash.finalize().to_hex().to_string()
    }

    /// The file itself and its hash, for what is read where it lies; the input again where it is
    /// compressed.
    ///
    /// # Errors
    /// As [`Input::read`].
    #[cfg(feature = "frames")]
    pub(super) fn in_place(mut self) -> Result<Result<(File, String), Input>, InputError> {
        if self.packing.is_some() {
            return Ok(Err(self));
        }
        let mut seen = Vec::new();
        while !self.read(&mut seen, AT_ONCE)? {
            seen.clear();
        }
        Ok(Ok((
            self.file,
            held(&self.seen).hash.finalize().to_hex().to_string(),
        )))
    }

    /// The rest of the file, and its hash.
    ///
    /// # Errors
    /// As [`Input::read`].
    pub(super) fn all(mut self, mut bytes: Vec<u8>) -> Result<FileBytes, InputError> {
        while !self.read(&mut bytes, AT_ONCE)? {}
        Ok(FileBytes {
            hash: self.hash(),
            bytes,
        })
    }
}

/// So many bytes are read at once.
pub(super) const AT_ONCE: usize = 8 << 20;

/// So many times its size may a compressed file unpack to; tables reach about fifty.
const BOUND_RATIO: usize = 250;
/// So much may any compressed file unpack to.
const BOUND_FREE: usize = 64 << 20;

/// How many bytes a compressed part of `packed` bytes may unpack to.
pub(super) fn bound(packed: usize) -> usize {
    packed.saturating_mul(BOUND_RATIO).max(BOUND_FREE)
}

/// Unpacks at most one byte more than `limit`, so that the excess shows.
pub(super) fn unpack(stream: impl Read, packed: usize, limit: usize) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(packed.saturating_mul(6).min(limit));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    stream.take(most).read_to_end(&mut out)?;
    Ok(out)
}

/// What kind of file it is: as declared, else by its first bytes where they are unmistakable, else
/// by its ending (that of a compressed file is the one before `.gz` or `.zst`), else text.
pub(super) fn format_of(declared: Option<FileFormat>, path: &Path, bytes: &[u8]) -> FileFormat {
    if let Some(format) = declared {
        return format;
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return FileFormat::Xlsx;
    }
    if bytes.starts_with(b"PAR1") {
        return FileFormat::Parquet;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_ascii_lowercase();
    let name = name
        .strip_suffix(".gz")
        .or_else(|| name.strip_suffix(".zst"))
        .unwrap_or(&name);
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("json" | "ndjson" | "jsonl") => FileFormat::Json,
        Some("xml" | "xes") => FileFormat::Xml,
        Some("xlsx" | "xlsm") => FileFormat::Xlsx,
        Some("parquet") => FileFormat::Parquet,
        _ => FileFormat::Text,
    }
}

/// The UTF-8 text in `text`, which is decoded already.
///
/// # Errors
/// When there is none, or when the bytes hold NUL bytes.
pub(super) fn text<'a>(shown: &str, text: &'a [u8]) -> Result<&'a [u8], InputError> {
    if text.iter().all(u8::is_ascii_whitespace) {
        return Err(InputError::Empty {
            file: shown.to_owned(),
        });
    }
    let head = text.get(..text.len().min(1 << 16)).unwrap_or_default();
    if let Some(at) = head.iter().position(|b| *b == 0) {
        return Err(InputError::Binary {
            file: shown.to_owned(),
            what: format!("binary data (a NUL byte at byte {at})"),
            hint: "export the table as CSV text; renaming a file to .csv does not convert it; \
                   UTF-16 without a byte-order mark needs `encoding` in the mapping"
                .to_owned(),
        });
    }
    Ok(text)
}

/// A file to read: the name shown to people and the path.
pub type NamedFile = (String, PathBuf);
