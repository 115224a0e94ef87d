//! Blocks of bytes in numbered bins that together may be larger than memory: what exceeds a budget
//! lies in a temporary file until its bin is taken. Responsible for where the bytes are; not for
//! what they mean.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::StoreError;

/// How much may wait in memory, and where the rest goes.
#[derive(Debug, Clone, Copy)]
pub struct Room<'f> {
    /// Folder of the temporary file; `None` to keep all in memory.
    pub folder: Option<&'f Path>,
    /// Bytes of rows that stay in memory before any go to disk.
    pub budget: usize,
    /// Bytes of exports, about, whose rows are judged together, and so are in memory at once.
    pub bin: u64,
}

impl<'f> Room<'f> {
    /// 384 MB of rows that wait, and 80 MB of exports that are judged together.
    const USUAL: Room<'f> = Room {
        folder: None,
        budget: 384 << 20,
        bin: 80 << 20,
    };

    /// Everything in memory.
    pub fn memory() -> Room<'f> {
        Room::USUAL
    }

    /// What does not fit in memory goes to a file in `folder`.
    pub fn folder(folder: &'f Path) -> Room<'f> {
        Room {
            folder: Some(folder),
            ..Room::USUAL
        }
    }
}

/// Bytes that were put in a bin together.
#[derive(Debug)]
pub struct Block {
    /// Where it stands among the blocks of its bin, whenever it was put there.
    pub place: (u32, u64),
    /// How many rows they hold.
    pub rows: usize,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A set of bins, which any thread may fill.
#[derive(Debug)]
pub struct Bins {
    held: Mutex<Held>,
    /// What lies on disk. Whoever locks both locks `held` first.
    file: Mutex<Option<File>>,
    /// Where the temporary file is made; `None` to keep all in memory.
    folder: Option<PathBuf>,
    budget: usize,
}

#[derive(Debug, Default)]
struct Held {
    bins: Vec<Bin>,
    bytes: usize,
    /// Where the file ends, with all that is being written to it.
    end: u64,
}

#[derive(Debug, Default)]
struct Bin {
    blocks: Vec<Block>,
    bytes: usize,
    spilled: Vec<Spilled>,
}

/// Blocks that lie in the file one after another.
#[derive(Debug)]
struct Spilled {
    offset: u64,
    /// Those blocks without their bytes, and how many bytes each has.
    blocks: Vec<(Block, usize)>,
}

/// So many bytes are written at a time.
const AT_ONCE: usize = 1 << 20;

impl Bins {
    /// Empty bins. The file of what exceeds the budget has no name and ends with the process.
    pub fn new(room: Room<'_>) -> Bins {
        Bins {
            held: Mutex::default(),
            file: Mutex::default(),
            folder: room.folder.map(Path::to_owned),
            budget: room.budget,
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self) -> MutexGuard<'_, Option<File>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts blocks in their bins.
    ///
    /// # Errors
    /// When what does not fit in memory cannot be written.
    pub fn put(&self, blocks: impl IntoIterator<Item = (usize, Block)>) -> Result<(), StoreError> {
        let mut held = self.held();
        for (at, block) in blocks {
            if block.bytes.is_empty() {
                continue;
            }
            if held.bins.len() <= at {
                held.bins.resize_with(at + 1, Bin::default);
            }
            let size = block.bytes.capacity();
            held.bytes += size;
            if let Some(bin) = held.bins.get_mut(at) {
                bin.bytes += size;
                bin.blocks.push(block);
            }
        }
        let Some(folder) = self.folder.as_ref().filter(|_| held.bytes > self.budget) else {
            return Ok(());
        };
        // Whoever finds too much while another still writes waits for it, so that memory is bounded.
        let mut file = self.file();
        let start = held.end;
        let leaving = held.leave(self.budget / 4 * 3);
        // Meanwhile the others go on.
        drop(held);
        append(&mut file, folder, start, leaving).map_err(|e| StoreError::io(folder, &e))
    }

    /// What to say when bytes that were taken are not what was put.
    pub fn damaged(&self) -> StoreError {
        StoreError::Damaged {
            path: self.folder.clone().unwrap_or_default(),
            cause: "rows that waited in a temporary file came back changed".to_owned(),
        }
    }

    /// How many bins were put something in, empty ones before them included.
    pub fn count(&self) -> usize {
        self.held().bins.len()
    }

    /// Takes all blocks out of a bin, by their places.
    ///
    /// # Errors
    /// When the temporary file cannot be read.
    pub fn take(&self, at: usize) -> Result<Vec<Block>, StoreError> {
        let mut held = self.held();
        let Some(bin) = held.bins.get_mut(at).map(std::mem::take) else {
            return Ok(Vec::new());
        };
        held.bytes -= bin.bytes;
        drop(held);
        let mut blocks = bin.blocks;
        if let Some(folder) = self.folder.as_ref().filter(|_| !bin.spilled.is_empty())
            && let Some(file) = self.file().as_mut()
        {
            for spilled in bin.spilled {
                let read = spilled.read(file, &mut blocks);
                read.map_err(|e| StoreError::io(folder, &e))?;
            }
        }
        blocks.sort_by_key(|b| b.place);
        Ok(blocks)
    }
}

impl Held {
    /// Takes the fullest bins' blocks until at most `left` bytes are held; they are as good as
    /// written to the end of the file, in this order.
    fn leave(&mut self, left: usize) -> Vec<Vec<u8>> {
        let mut leaving = Vec::new();
        let mut fullest: Vec<usize> = (0..self.bins.len()).collect();
        fullest.sort_by_key(|at| std::cmp::Reverse(self.bins.get(*at).map(|b| b.bytes)));
        for at in fullest {
            if self.bytes <= left {
                break;
            }
            let Some(bin) = self.bins.get_mut(at) else {
                continue;
            };
            let mut spilled = Spilled {
                offset: self.end,
                blocks: Vec::with_capacity(bin.blocks.len()),
            };
            for mut block in std::mem::take(&mut bin.blocks) {
                let bytes = std::mem::take(&mut block.bytes);
                self.end += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                spilled.blocks.push((block, bytes.len()));
                leaving.push(bytes);
            }
            bin.spilled.push(spilled);
            self.bytes -= bin.bytes;
            bin.bytes = 0;
        }
        leaving
    }
}

/// Writes blocks to the file, which is made where there is none yet, from `start` on.
fn append(
    file: &mut Option<File>,
    folder: &Path,
    start: u64,
    blocks: Vec<Vec<u8>>,
) -> std::io::Result<()> {
    let file = match file {
        Some(file) => file,
        None => file.insert(tempfile::tempfile_in(folder)?),
    };
    file.seek(SeekFrom::Start(start))?;
    let mut writer = BufWriter::with_capacity(AT_ONCE, file);
    for bytes in blocks {
        writer.write_all(&bytes)?;
    }
    writer.flush()
}

impl Spilled {
    /// Adds the blocks as they were.
    fn read(self, file: &mut File, blocks: &mut Vec<Block>) -> std::io::Result<()> {
        file.seek(SeekFrom::Start(self.offset))?;
        let total: usize = self.blocks.iter().map(|(_, length)| length).sum();
        let mut reader = BufReader::with_capacity(total.min(AT_ONCE), file);
        for (mut block, length) in self.blocks {
            block.bytes.resize(length, 0);
            reader.read_exact(&mut block.bytes)?;
            blocks.push(block);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bin_gives_back_what_was_put_in_it_whatever_the_budget() {
        let folder = tempfile::tempdir().unwrap();
        for budget in [0, 100, 1 << 20] {
            let bins = Bins::new(Room {
                budget,
                ..Room::folder(folder.path())
            });
            for n in (0..50_u64).rev() {
                let bytes = vec![n as u8; 7 + n as usize];
                let place = (0, n);
                bins.put([(
                    (n % 3) as usize,
                    Block {
                        place,
                        rows: 1,
                        bytes,
                    },
                )])
                .unwrap();
            }
            assert_eq!(bins.count(), 3);
            for at in 0..3_u64 {
                let blocks = bins.take(at as usize).unwrap();
                let places: Vec<u64> = blocks.iter().map(|b| b.place.1).collect();
                let expected: Vec<u64> = (0..50).filter(|n| n % 3 == at).collect();
                assert_eq!(places, expected);
                let whole = |b: &Block| b.bytes == vec![b.place.1 as u8; 7 + b.place.1 as usize];
                assert!(blocks.iter().all(whole));
                assert!(bins.take(at as usize).unwrap().is_empty());
            }
            // The file has no name: nothing of it stays behind.
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }
}
