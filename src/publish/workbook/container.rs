//! A zip container (PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12, 4.3.16) of files in memory,
//! without times: every file carries the first day that the format knows.

use crc32fast::Hasher;
use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, compress_to_output, create_comp_flags_from_zip_params,
};
use rayon::prelude::*;

/// Bytes of a file that are packed together, apart from the rest of it.
const PART: usize = 1 << 20;
/// How hard it is tried, 1 to 10: a tenth larger than 6 makes it, in half of the time.
const LEVEL: i32 = 4;

/// 1980-01-01, as MS-DOS writes it.
const DAY: u16 = 0x21;
/// Version needed: deflate.
const VERSION: u16 = 20;
/// Names are UTF-8.
const UTF8: u16 = 1 << 11;
const DEFLATE: u16 = 8;

/// The files as one container.
pub(super) fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    let packed: Vec<(Vec<u8>, u32)> = files.par_iter().map(|(_, bytes)| packed(bytes)).collect();
    for ((name, bytes), (packed, check)) in files.iter().zip(packed) {
        let offset = wide(out.len());
        let mut head = Vec::new();
        for half in [VERSION, UTF8, DEFLATE, 0, DAY] {
            head.extend(half.to_le_bytes());
        }
        for word in [check, wide(packed.len()), wide(bytes.len())] {
            head.extend(word.to_le_bytes());
        }
        head.extend(short(name.len()).to_le_bytes());
        head.extend(0_u16.to_le_bytes());

        out.extend(b"PK\x03\x04");
        out.extend(&head);
        out.extend(name.as_bytes());
        out.extend(packed);

        directory.extend(b"PK\x01\x02");
        directory.extend(VERSION.to_le_bytes());
        directory.extend(&head);
        // No comment, first disk, no attributes.
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
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

/// A file deflated (RFC 1951), its parts side by side, and its CRC-32. Each part but the last ends
/// at a whole byte, so that they make one stream; the same bytes are packed the same way whatever
/// the threads.
fn packed(bytes: &[u8]) -> (Vec<u8>, u32) {
    let last = bytes.len().saturating_sub(1) / PART;
    let parts: Vec<(Vec<u8>, Hasher)> = (0..=last)
        .into_par_iter()
        .map(|n| {
            let end = bytes.len().min((n + 1) * PART);
            let part = bytes.get(n * PART..end).unwrap_or_default();
            let flush = match n == last {
                true => TDEFLFlush::Finish,
                false => TDEFLFlush::Sync,
            };
            let mut packer = CompressorOxide::new(create_comp_flags_from_zip_params(LEVEL, 0, 0));
            let mut out = Vec::with_capacity(part.len() / 4);
            compress_to_output(&mut packer, part, flush, |more| {
                out.extend_from_slice(more);
                true
            });
            let mut check = Hasher::new();
            check.update(part);
            (out, check)
        })
        .collect();
    let (mut all, mut check) = (Vec::new(), Hasher::new());
    for (part, of_part) in parts {
        all.extend(part);
        check.combine(&of_part);
    }
    (all, check.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_standard() {
        // The check value in the catalogue of CRC algorithms: CRC-32/ISO-HDLC.
        assert_eq!(packed(b"123456789").1, 0xCBF4_3926);
        assert_eq!(packed(b"").1, 0);
    }

    #[test]
    fn parts_make_one_stream() {
        for size in [0, 1, PART - 1, PART, PART + 1, 3 * PART + 7] {
            let bytes: Vec<u8> = (0..size).map(|n| (n * n / 7 % 251) as u8).collect();
            let (packed, check) = packed(&bytes);
            assert_eq!(check, crc32fast::hash(&bytes), "{size}");
            let again = miniz_oxide::inflate::decompress_to_vec(&packed);
            assert!(again.is_ok_and(|again| again == bytes), "{size}");
        }
    }

    #[test]
    fn the_same_files_are_the_same_bytes() {
        let files = vec![("a.xml".to_owned(), b"<a/>".to_vec())];
        assert_eq!(zip(&files), zip(&files));
        assert!(zip(&files).starts_with(b"PK\x03\x04"));
    }
}
