//! Rows that were refused: what is said of them together, and where they wait until all files are read,
//! in bounded memory, because a mapping that does not fit refuses every row of an export. Responsible
//! for that; not for why a row is refused (see [`super::record`]).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::packed::{Rest, number};
use super::record::Reject;
use crate::store::error::StoreError;
use crate::store::spill::{Bins, Block, Room};

/// Rows of a file, or of a part of it, that were refused.
#[derive(Debug, Clone, Default)]
pub(super) struct Refused {
    /// How many.
    pub(super) count: u64,
    /// By code and source column at fault.
    pub(super) kinds: BTreeMap<(&'static str, Option<String>), Kind>,
    /// Those that do not wait elsewhere.
    rows: usize,
    packed: Vec<u8>,
}

/// Rows that were refused for the same reason.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    /// How many.
    pub(super) count: u64,
    /// Line of the first one.
    pub(super) line: u64,
    /// What that says, or the beginning of it.
    pub(super) raw: String,
}

/// So many letters of a row are shown as an example.
const SHOWN: usize = 200;

impl Refused {
    /// Adds a row of line `line`, which says `raw`.
    pub(super) fn add(&mut self, line: u64, code: &'static str, column: Option<String>, raw: &str) {
        self.count += 1;
        self.rows += 1;
        number(&mut self.packed, line);
        let texts = [Some(code), column.as_deref(), Some(raw)];
        for text in texts {
            let text = text.map(str::as_bytes);
            number(
                &mut self.packed,
                text.map_or(0, |text| text.len() as u64 + 1),
            );
            self.packed.extend_from_slice(text.unwrap_or_default());
        }
        let kind = self.kinds.entry((code, column)).or_insert_with(|| Kind {
            count: 0,
            line,
            raw: raw.chars().take(SHOWN).collect(),
        });
        kind.count += 1;
    }

    /// Adds those of the next part of the same file.
    pub(super) fn append(&mut self, other: Refused) {
        self.count += other.count;
        self.rows += other.rows;
        self.packed.extend(other.packed);
        for (key, kind) in other.kinds {
            match self.kinds.get_mut(&key) {
                Some(mine) => mine.count += kind.count,
                None => {
                    self.kinds.insert(key, kind);
                }
            }
        }
    }

    /// The rows, to wait elsewhere; `None` where there are none.
    pub(super) fn leave(&mut self, place: (u32, u64)) -> Option<Block> {
        let (rows, bytes) = (
            std::mem::take(&mut self.rows),
            std::mem::take(&mut self.packed),
        );
        (rows > 0).then_some(Block { place, rows, bytes })
    }
}

/// The refused rows of a project.
#[derive(Debug)]
pub struct Rejects {
    /// Each part of a file has a bin of its own.
    waiting: Bins,
    /// Of each bin where its part is: number of the file, and its first line or row.
    parts: Mutex<Vec<(u32, u64)>>,
    /// The canonical table and the name of each file.
    files: Vec<(&'static str, String)>,
}

impl Rejects {
    /// None yet, of files that are named in the order of the project, with their tables.
    pub(super) fn new(room: Room<'_>, files: Vec<(&'static str, String)>) -> Rejects {
        Rejects {
            waiting: Bins::new(Room {
                budget: room.budget / 4,
                ..room
            }),
            parts: Mutex::default(),
            files,
        }
    }

    /// Keeps rows of a part of a file.
    pub(super) fn put(&self, block: Block) -> Result<(), StoreError> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let bin = parts.len();
        parts.push(block.place);
        drop(parts);
        self.waiting.put([(bin, block)])
    }

    /// Hands them over, by table, file and line, some at a time.
    ///
    /// # Errors
    /// When they cannot be read again, and those of `take`.
    pub fn each<E: From<StoreError>>(
        &self,
        mut take: impl FnMut(Vec<Reject>) -> Result<(), E>,
    ) -> Result<(), E> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let file = |number: u32| usize::try_from(number).ok().and_then(|n| self.files.get(n));
        let mut order: Vec<(usize, (u32, u64))> = parts.iter().copied().enumerate().collect();
        order.sort_by_key(|(_, (number, first))| (file(*number), *number, *first));
        for same in order.chunk_by(|a, b| file(a.1.0) == file(b.1.0)) {
            // A file that two sources read is in memory as a whole.
            let twice = same
                .iter()
                .any(|(_, place)| Some(place.0) != same.first().map(|f| f.1.0));
            let mut all = Vec::new();
            for (bin, (number, _)) in same {
                let Some((table, name)) = file(*number) else {
                    continue;
                };
                for block in self.waiting.take(*bin)? {
                    let read = unpacked(&block.bytes, table, name);
                    all.extend(read.ok_or_else(|| self.waiting.damaged())?);
                }
                if !twice {
                    take(std::mem::take(&mut all))?;
                }
            }
            if twice {
                all.sort();
                take(all)?;
            }
        }
        Ok(())
    }
}

fn unpacked(bytes: &[u8], table: &str, file: &str) -> Option<Vec<Reject>> {
    let mut rest = Rest::of(bytes);
    let mut rows = Vec::new();
    while !rest.is_empty() {
        let line = rest.number()?;
        let mut text = || -> Option<Option<String>> {
            Some(match rest.length()?.checked_sub(1) {
                None => None,
                Some(length) => Some(rest.text(length)?.to_owned()),
            })
        };
        let (code, column, raw) = (text()??, text()?, text()??);
        rows.push(Reject {
            table: table.to_owned(),
            file: file.to_owned(),
            line,
            code,
            column,
            raw,
        });
    }
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_rows_come_back_by_table_file_and_line_whatever_the_room() {
        let folder = tempfile::tempdir().unwrap();
        for budget in [0, 1 << 20] {
            let room = Room {
                budget,
                ..Room::folder(folder.path())
            };
            let names = [
                ("incidents", "b"),
                ("billing", "c"),
                ("incidents", "a"),
                ("billing", "c"),
            ];
            let files = names.map(|(table, file)| (table, file.to_owned())).into();
            let rejects = Rejects::new(room, files);
            let mut expected = Vec::new();
            let mut whole = Refused::default();
            for number in (0..4u32).rev() {
                for first in [1, 10] {
                    let mut part = Refused::default();
                    for line in first..first + 3 {
                        let column = (line % 2 == 0).then(|| "é".to_owned());
                        // The third file has its rows in the second one, too.
                        let line = line * 2 + u64::from(number == 3);
                        part.add(line, "code", column.clone(), &format!("raw {line}"));
                        let (table, file) = names[number as usize];
                        expected.push(Reject {
                            table: table.to_owned(),
                            file: file.to_owned(),
                            line,
                            code: "code".to_owned(),
                            column,
                            raw: format!("raw {line}"),
                        });
                    }
                    rejects.put(part.leave((number, first)).unwrap()).unwrap();
                    assert!(part.leave((number, first)).is_none());
                    whole.append(part);
                }
            }
            expected.sort();
            let mut found = Vec::new();
            rejects
                .each(|some| {
                    found.extend(some);
                    Ok::<(), StoreError>(())
                })
                .unwrap();
            assert_eq!(found, expected);
            assert_eq!(whole.count, 24);
            assert_eq!(whole.kinds[&("code", None)].count, 12);
        }
    }
}
