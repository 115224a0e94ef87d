//! From the bytes of a text file to UTF-8, by its byte-order mark or the declared encoding.
//! Nothing is guessed: what does not decode stays an invalid byte, so that its row is rejected
//! with its place. Not responsible for delimiters (see [`super::delimited`]).

use std::borrow::Cow;

use crate::config::mapping::Encoding;

/// A byte that is in no UTF-8 text: it stands for what does not decode.
const INVALID: u8 = 0xff;

/// How a text that begins with `head` is encoded, and how long its byte-order mark is. A mark goes
/// before what is declared, because only that encoding has it.
pub(super) fn of(head: &[u8], declared: Option<Encoding>) -> (Encoding, usize) {
    match head {
        [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8, 3),
        [0xff, 0xfe, ..] => (Encoding::Utf16Le, 2),
        [0xfe, 0xff, ..] => (Encoding::Utf16Be, 2),
        _ => (declared.unwrap_or_default(), 0),
    }
}

/// As UTF-8, the part of a text that `bytes` hold, and how many of them: at the end of a part that
/// is not the last, half a character is left to the next.
pub(super) fn decode(bytes: &[u8], encoding: Encoding, last: bool) -> (Cow<'_, [u8]>, usize) {
    let unit = match encoding {
        Encoding::Utf8 => return (Cow::Borrowed(bytes), bytes.len()),
        Encoding::Windows1252 => return (Cow::Owned(windows_1252(bytes)), bytes.len()),
        Encoding::Utf16Le => u16::from_le_bytes,
        Encoding::Utf16Be => u16::from_be_bytes,
    };
    let mut length = bytes.len();
    if !last {
        length -= length % 2;
        // The first half of a pair waits for the second.
        if let Some([.., a, b]) = bytes.get(..length)
            && (0xd800..0xdc00).contains(&unit([*a, *b]))
        {
            length -= 2;
        }
    }
    let body = bytes.get(..length).unwrap_or_default();
    (Cow::Owned(utf16(body, unit)), length)
}

fn utf16(body: &[u8], unit: fn([u8; 2]) -> u16) -> Vec<u8> {
    let (pairs, rest) = body.as_chunks::<2>();
    let mut out = Vec::with_capacity(body.len());
    let mut buffer = [0u8; 4];
    for decoded in char::decode_utf16(pairs.iter().map(|p| unit(*p))) {
        match decoded {
            Ok(c) => out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()),
            Err(_) => out.push(INVALID),
        }
    }
    if !rest.is_empty() {
        out.push(INVALID);
    }
    out
}

/// Code points of the bytes 0x80 to 0x9f, 0 where there is none; all others stand for themselves.
/// Source: Unicode Consortium, VENDORS/MICSFT/WINDOWS/CP1252.TXT.
const CP1252: [u16; 32] = [
    0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039,
    0x0152, 0, 0x017d, 0, 0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc,
    0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178,
];

fn windows_1252(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + body.len() / 8);
    let mut buffer = [0u8; 4];
    for byte in body {
        let code = match byte {
            0x80..=0x9f => CP1252.get(usize::from(byte - 0x80)).copied().unwrap_or(0),
            other => u16::from(*other),
        };
        match char::from_u32(u32::from(code)) {
            Some(c) if code != 0 || *byte == 0 => {
                out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            }
            _ => out.push(INVALID),
        }
    }
    out
}

/// The name of an encoding for a person.
pub(super) fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Utf8 => "UTF-8",
        Encoding::Utf16Le | Encoding::Utf16Be => "UTF-16",
        Encoding::Windows1252 => "Windows-1252",
    }
}
