//! From the bytes of a text file to UTF-8, by its byte-order mark or the declared encoding.
//! Nothing is guessed: what does not decode stays an invalid byte, so that its row is rejected
//! with its place. Not responsible for delimiters (see [`super::delimited`]).

use std::borrow::Cow;

use crate::config::mapping::Encoding;

/// A byte that is in no UTF-8 text: it stands for what does not decode.
const INVALID: u8 = 0xff;

/// The text as UTF-8 without byte-order mark, and the encoding it had. A mark goes before what is
/// declared, because only that encoding has it.
pub(super) fn decode(bytes: &[u8], declared: Option<Encoding>) -> (Cow<'_, [u8]>, Encoding) {
    let (body, encoding) = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => (rest, Encoding::Utf8),
        [0xff, 0xfe, rest @ ..] => (rest, Encoding::Utf16Le),
        [0xfe, 0xff, rest @ ..] => (rest, Encoding::Utf16Be),
        _ => (bytes, declared.unwrap_or_default()),
    };
    let text = match encoding {
        Encoding::Utf8 => Cow::Borrowed(body),
        Encoding::Utf16Le => Cow::Owned(utf16(body, u16::from_le_bytes)),
        Encoding::Utf16Be => Cow::Owned(utf16(body, u16::from_be_bytes)),
        Encoding::Windows1252 => Cow::Owned(windows_1252(body)),
    };
    (text, encoding)
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
