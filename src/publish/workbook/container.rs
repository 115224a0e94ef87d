//! A zip container (PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12, 4.3.16) of files in memory,
//! without times: every file carries the first day that the format knows.

use rayon::prelude::*;

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
    let packed: Vec<Vec<u8>> = files
        .par_iter()
        .map(|(_, bytes)| miniz_oxide::deflate::compress_to_vec(bytes, 6))
        .collect();
    for ((name, bytes), packed) in files.iter().zip(packed) {
        let offset = wide(out.len());
        let mut head = Vec::new();
        for half in [VERSION, UTF8, DEFLATE, 0, DAY] {
            head.extend(half.to_le_bytes());
        }
        for word in [crc32(bytes), wide(packed.len()), wide(bytes.len())] {
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

/// CRC-32 as in ISO 3309, reflected, polynomial 0xEDB88320.
fn crc32(bytes: &[u8]) -> u32 {
    let mut table = [0_u32; 256];
    for (n, entry) in (0_u32..).zip(table.iter_mut()) {
        let mut crc = n;
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 * (crc & 1));
        }
        *entry = crc;
    }
    let mut crc = u32::MAX;
    for byte in bytes {
        let index = ((crc ^ u32::from(*byte)) & 0xff) as usize;
        crc = (crc >> 8) ^ table.get(index).copied().unwrap_or(0);
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_standard() {
        // The check value in the catalogue of CRC algorithms: CRC-32/ISO-HDLC.
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn the_same_files_are_the_same_bytes() {
        let files = vec![("a.xml".to_owned(), b"<a/>".to_vec())];
        assert_eq!(zip(&files), zip(&files));
        assert!(zip(&files).starts_with(b"PK\x03\x04"));
    }
}
