//! Files of a generated folder: gzip that is the same for any thread count, and a folder that
//! appears whole or not at all. Not responsible for any content.
//!
//! A compressed file is one gzip member made of independently deflated blocks, each closed by a
//! sync flush, so that blocks may be compressed in parallel and are simply put one after the
//! other. The header has no name and time 0. The deflater is called directly, because the one
//! behind `flate2` changes with the features that other dependencies ask for.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, compress_to_output, create_comp_flags_from_zip_params,
};

use super::world::month_label;
use super::{Compression, Split, SynthError};

/// Uncompressed size at which a block is deflated and dropped.
const BLOCK: usize = 1 << 20;

/// A growing piece of one output file, made by one worker.
pub(crate) struct Piece {
    compress: bool,
    pending: Vec<u8>,
    done: Vec<u8>,
    crc: flate2::Crc,
    rows: u64,
}

impl Piece {
    /// An empty piece of a file that is compressed or not.
    pub(crate) fn new(compress: bool) -> Self {
        Piece {
            compress,
            pending: Vec::new(),
            done: Vec::new(),
            crc: flate2::Crc::new(),
            rows: 0,
        }
    }

    /// Where the next bytes go.
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.pending
    }

    /// Ends a row; deflates when enough has gathered.
    pub(crate) fn end_row(&mut self) {
        self.pending.push(b'\n');
        self.rows += 1;
        if self.pending.len() >= BLOCK {
            self.spill();
        }
    }

    /// Ends a row whose bytes were written as text.
    pub(crate) fn row(&mut self, text: &str) {
        self.pending.extend_from_slice(text.as_bytes());
        self.end_row();
    }

    fn spill(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        self.crc.update(&self.pending);
        if self.compress {
            // Level 4 (a third of the time of level 9 for 3 % more bytes), raw deflate (negative
            // window bits), default strategy.
            let mut deflater = CompressorOxide::new(create_comp_flags_from_zip_params(4, -15, 0));
            let done = &mut self.done;
            compress_to_output(&mut deflater, &self.pending, TDEFLFlush::Sync, |out| {
                done.extend_from_slice(out);
                true
            });
            self.pending.clear();
        } else if self.done.is_empty() {
            self.done = std::mem::take(&mut self.pending);
        } else {
            self.done.append(&mut self.pending);
        }
    }

    /// Closes the piece; nothing but its final bytes stays in memory.
    pub(crate) fn close(mut self) -> Self {
        self.spill();
        self.pending = Vec::new();
        self
    }
}

/// One output file that pieces are appended to.
pub(crate) struct Output {
    path: PathBuf,
    file: BufWriter<File>,
    compress: bool,
    crc: flate2::Crc,
    rows: u64,
}

impl Output {
    /// Creates the file `name` (compressed when it ends in `.gz`) with a header row.
    pub(crate) fn create(folder: &Path, name: &str, header: &str) -> Result<Self, SynthError> {
        let path = folder.join(name);
        let compress = name.ends_with(".gz");
        let mut file = BufWriter::with_capacity(
            1 << 20,
            File::create(&path).map_err(|e| SynthError::io(&path, e))?,
        );
        if compress {
            // Magic, deflate, no flags, time 0, best compression, unknown system.
            file.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255])
                .map_err(|e| SynthError::io(&path, e))?;
        }
        let mut output = Output {
            path,
            file,
            compress,
            crc: flate2::Crc::new(),
            rows: 0,
        };
        let mut piece = Piece::new(compress);
        piece.row(header);
        output.append(&piece.close())?;
        output.rows = 0;
        Ok(output)
    }

    /// Appends a closed piece.
    pub(crate) fn append(&mut self, piece: &Piece) -> Result<(), SynthError> {
        self.file
            .write_all(&piece.done)
            .map_err(|e| SynthError::io(&self.path, e))?;
        self.crc.combine(&piece.crc);
        self.rows += piece.rows;
        Ok(())
    }

    /// Finishes the file and gives its number of rows.
    pub(crate) fn finish(mut self) -> Result<u64, SynthError> {
        let mut end = Vec::new();
        if self.compress {
            // An empty last block with fixed codes, then the checks.
            end.extend_from_slice(&[3, 0]);
            end.extend_from_slice(&self.crc.sum().to_le_bytes());
            end.extend_from_slice(&self.crc.amount().to_le_bytes());
        }
        self.file
            .write_all(&end)
            .and_then(|()| self.file.flush())
            .map_err(|e| SynthError::io(&self.path, e))?;
        Ok(self.rows)
    }
}

/// How the large files are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) compression: Compression,
    pub(crate) split: Split,
}

impl Layout {
    /// One plain file.
    pub(crate) fn plain() -> Self {
        Layout {
            compression: Compression::None,
            split: Split::Never,
        }
    }

    /// Whether files are compressed.
    pub(crate) fn compress(self) -> bool {
        self.compression == Compression::Gzip
    }
}

/// One large table as one file or one file per year or month, each with a header row.
pub(crate) struct Series {
    folder: PathBuf,
    stem: String,
    header: &'static str,
    layout: Layout,
    open: Option<(String, Output)>,
    done: Vec<(String, u64)>,
}

impl Series {
    /// A series of which no file exists yet.
    pub(crate) fn new(folder: &Path, stem: &str, header: &'static str, layout: Layout) -> Self {
        Series {
            folder: folder.to_owned(),
            stem: stem.to_owned(),
            header,
            layout,
            open: None,
            done: Vec::new(),
        }
    }

    fn name(&self, month: usize) -> String {
        let label = month_label(month as i64);
        let part = match self.layout.split {
            Split::Never => "",
            Split::Year => label.split('-').next().unwrap_or_default(),
            Split::Month => label.as_str(),
        };
        let joint = if part.is_empty() { "" } else { "_" };
        let end = if self.layout.compress() { ".gz" } else { "" };
        format!("{}{joint}{part}.csv{end}", self.stem)
    }

    /// Appends a closed piece to the file of a month; months come in order.
    pub(crate) fn append(&mut self, month: usize, piece: &Piece) -> Result<(), SynthError> {
        let name = self.name(month);
        match &mut self.open {
            Some((open, output)) if *open == name => output.append(piece),
            _ => {
                self.close()?;
                let mut output = Output::create(&self.folder, &name, self.header)?;
                output.append(piece)?;
                self.open = Some((name, output));
                Ok(())
            }
        }
    }

    fn close(&mut self) -> Result<(), SynthError> {
        if let Some((name, output)) = self.open.take() {
            self.done.push((name, output.finish()?));
        }
        Ok(())
    }

    /// Closes the last file; gives names and rows of all.
    pub(crate) fn finish(mut self) -> Result<Vec<(String, u64)>, SynthError> {
        self.close()?;
        Ok(self.done)
    }
}

/// A folder being made beside the place where it will appear.
pub(crate) struct Staging {
    out: PathBuf,
    place: PathBuf,
    parts: &'static [&'static str],
}

impl Staging {
    /// Prepares `parts` (sub-folders of `out`); without `force` refuses to replace any of them.
    pub(crate) fn begin(
        out: &Path,
        parts: &'static [&'static str],
        force: bool,
    ) -> Result<Self, SynthError> {
        for part in parts {
            let existing = out.join(part);
            if existing.exists() && !force {
                return Err(SynthError::Exists { path: existing });
            }
        }
        let place = out.join(".synth.tmp");
        if place.exists() {
            fs::remove_dir_all(&place).map_err(|e| SynthError::io(&place, e))?;
        }
        for part in parts {
            let folder = place.join(part);
            fs::create_dir_all(&folder).map_err(|e| SynthError::io(&folder, e))?;
        }
        Ok(Staging {
            out: out.to_owned(),
            place,
            parts,
        })
    }

    /// Where the files of a part are written.
    pub(crate) fn part(&self, part: &str) -> PathBuf {
        self.place.join(part)
    }

    /// Puts the parts in place of the former ones.
    pub(crate) fn publish(self) -> Result<(), SynthError> {
        for part in self.parts {
            let target = self.out.join(part);
            if target.exists() {
                fs::remove_dir_all(&target).map_err(|e| SynthError::io(&target, e))?;
            }
            fs::rename(self.place.join(part), &target).map_err(|e| SynthError::io(&target, e))?;
        }
        fs::remove_dir_all(&self.place).map_err(|e| SynthError::io(&self.place, e))
    }
}

impl Drop for Staging {
    /// Leaves nothing behind when generation failed half-way.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.place);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn pieces_make_one_gzip_member_that_any_reader_opens() {
        let folder = tempfile::tempdir().unwrap();
        let mut output = Output::create(folder.path(), "x.csv.gz", "a,b").unwrap();
        let mut expected = String::from("a,b\n");
        for part in 0..3 {
            let mut piece = Piece::new(true);
            for row in 0..40_000 {
                let text = format!("{part},{row},some text that repeats");
                expected.push_str(&text);
                expected.push('\n');
                piece.row(&text);
            }
            output.append(&piece.close()).unwrap();
        }
        assert_eq!(output.finish().unwrap(), 120_000);
        // The single-member reader on purpose.
        let mut text = String::new();
        flate2::read::GzDecoder::new(File::open(folder.path().join("x.csv.gz")).unwrap())
            .read_to_string(&mut text)
            .unwrap();
        assert!(text == expected);
    }
}
