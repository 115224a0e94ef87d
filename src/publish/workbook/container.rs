//! A zip container (PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12, 4.3.16) of files in memory,
//! without times: every file carries the first day that the format knows.

use std::collections::BTreeMap;

use crc32fast::Hasher;
use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, compress_to_output, create_comp_flags_from_zip_params,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::sheet::File;
use crate::store::cache::Opaque;

/// How hard it is tried, 1 to 10: a tenth larger than 6 makes it, in half of the time.
const LEVEL: i32 = 4;

/// 1980-01-01, as MS-DOS writes it.
const DAY: u16 = 0x21;
/// Version needed: deflate.
const VERSION: u16 = 20;
/// Names are UTF-8.
const UTF8: u16 = 1 << 11;
const DEFLATE: u16 = 8;

/// Parts of files as they were packed, by the hash of what they hold: those that stay the same are
/// not packed again. They are packed the same way by the same build.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Packed(BTreeMap<[u8; 32], Part>);

/// A part: its deflated bytes, its CRC-32, and how many bytes it has unpacked.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Part {
    bytes: Opaque,
    check: u32,
    size: u64,
}

/// The files as one container. `packed` are parts of one made before; they are replaced by those of
/// this one.
pub(super) fn zip(files: &[File], packed: &mut Packed) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    let all: Vec<Vec<([u8; 32], Part)>> = files
        .par_iter()
        .map(|(_, parts)| deflated(parts, packed))
        .collect();
    for ((name, _), parts) in files.iter().zip(&all) {
        let mut check = Hasher::new();
        let mut size = 0;
        for (_, part) in parts {
            check.combine(&Hasher::new_with_initial_len(part.check, part.size));
            size += part.bytes.0.len();
        }
        let whole: u64 = parts.iter().map(|(_, part)| part.size).sum();
        let offset = wide(out.len());
        let mut head = Vec::new();
        for half in [VERSION, UTF8, DEFLATE, 0, DAY] {
            head.extend(half.to_le_bytes());
        }
        let whole = usize::try_from(whole).unwrap_or(usize::MAX);
        for word in [check.finalize(), wide(size), wide(whole)] {
            head.extend(word.to_le_bytes());
        }
        head.extend(short(name.len()).to_le_bytes());
        head.extend(0_u16.to_le_bytes());

        out.extend(b"PK\x03\x04");
        out.extend(&head);
        out.extend(name.as_bytes());
        for (_, part) in parts {
            out.extend_from_slice(&part.bytes.0);
        }

        directory.extend(b"PK\x01\x02");
        directory.extend(VERSION.to_le_bytes());
        directory.extend(&head);
        // No comment, first disk, no attributes.
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    packed.0 = all.into_iter().flatten().collect();
    let (at, size, count) = (wide(out.len()), wide(directory.len()), short(files.len()));
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0; 2]);
    out
}

/// Sizes fit: sheets are cut long before four gigabytes.
fn wide(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn short(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

/// The parts of a file deflated (RFC 1951), side by side, each with the hash of what it holds. Each
/// but the last ends at a whole byte, so that they make one stream; the same texts are packed the
/// same way whatever the threads.
fn deflated(parts: &[String], packed: &Packed) -> Vec<([u8; 32], Part)> {
    let parts = parts.par_iter().enumerate().rev().enumerate().rev();
    parts
        .map(|(after, (_, text))| {
            let last = after == 0;
            let mut name = blake3::Hasher::new();
            name.update(&[u8::from(last)]).update(text.as_bytes());
            let name = *name.finalize().as_bytes();
            let part = match packed.0.get(&name) {
                Some(part) => part.clone(),
                None => deflate(text.as_bytes(), last),
            };
            (name, part)
        })
        .collect()
}

fn deflate(text: &[u8], last: bool) -> Part {
    let flush = match last {
        true => TDEFLFlush::Finish,
        false => TDEFLFlush::Sync,
    };
    let mut packer = CompressorOxide::new(create_comp_flags_from_zip_params(LEVEL, 0, 0));
    let mut out = Vec::with_capacity(text.len() / 4);
    compress_to_output(&mut packer, text, flush, |more| {
        out.extend_from_slice(more);
        true
    });
    Part {
        bytes: Opaque(out),
        check: crc32fast::hash(text),
        size: text.len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_standard() {
        // The check value in the catalogue of CRC algorithms: CRC-32/ISO-HDLC.
        assert_eq!(deflate(b"123456789", true).check, 0xCBF4_3926);
        assert_eq!(deflate(b"", true).check, 0);
    }

    #[test]
    fn parts_make_one_stream() {
        let text = |n: usize| "a<b>".repeat(n * n * 1_000);
        for count in 1..5 {
            let parts: Vec<String> = (0..count).map(text).collect();
            let whole = parts.concat();
            let all = deflated(&parts, &Packed::default());
            let stream: Vec<u8> = all.iter().flat_map(|(_, p)| p.bytes.0.clone()).collect();
            let again = miniz_oxide::inflate::decompress_to_vec(&stream).unwrap();
            assert_eq!(again, whole.as_bytes());
            let mut check = Hasher::new();
            for (_, part) in &all {
                check.combine(&Hasher::new_with_initial_len(part.check, part.size));
            }
            assert_eq!(check.finalize(), crc32fast::hash(whole.as_bytes()));
        }
    }

    #[test]
    fn the_same_files_are_the_same_bytes_whatever_was_packed_before() {
        let of = |text: &str| vec![("a.xml".to_owned(), vec!["<a>".to_owned(), text.to_owned()])];
        let mut packed = Packed::default();
        let first = zip(&of("x</a>"), &mut packed);
        assert!(first.starts_with(b"PK\x03\x04"));
        assert_eq!(packed.0.len(), 2);
        let mut fresh = Packed::default();
        for text in ["x</a>", "y</a>", "<a>"] {
            assert_eq!(zip(&of(text), &mut packed), zip(&of(text), &mut fresh));
            assert_eq!(packed.0.len(), 2, "a part at the end is not one inside");
            fresh = Packed::default();
        }
    }
}
