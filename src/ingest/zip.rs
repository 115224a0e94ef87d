//! The parts of a zip archive, as far as workbooks need it: stored and deflated parts, each
//! unpacked within bounds. Read here because the well-known crates take features that would have
//! all data frames built anew, and unpack without a bound.

use super::file;

/// Why a part cannot be had.
pub(super) type Damage = &'static str;

/// An archive in memory: name, method, packed size and start of the local header of each part.
#[derive(Debug)]
pub(super) struct Archive<'a> {
    bytes: &'a [u8],
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    name: String,
    method: u16,
    check: u32,
    packed: usize,
    local: usize,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(pair.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

fn usize_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32_at(bytes, at)?).ok()
}

impl<'a> Archive<'a> {
    /// Reads the directory of an archive (PKWARE APPNOTE 6.3, sections 4.3.12 and 4.3.16).
    ///
    /// # Errors
    /// When it is no whole archive, or one of more than 4 GiB.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Archive<'a>, Damage> {
        let cut = "its directory is missing: it was cut off";
        let tail = bytes.len().saturating_sub(65_557);
        let end = bytes
            .get(tail..)
            .and_then(|t| t.windows(4).rposition(|w| w == b"PK\x05\x06"))
            .map(|i| tail + i)
            .ok_or(cut)?;
        let count = u16_at(bytes, end + 10).ok_or(cut)?;
        let mut at = usize_at(bytes, end + 16).ok_or(cut)?;
        if count == u16::MAX || at == 0xffff_ffff {
            return Err("it is an archive of more than 4 GiB");
        }
        let mut parts = Vec::new();
        for _ in 0..count {
            let entry = "its directory is damaged";
            if bytes.get(at..).and_then(|b| b.get(..4)) != Some(b"PK\x01\x02") {
                return Err(entry);
            }
            let field = |offset| u16_at(bytes, at + offset).ok_or(entry);
            let (name, extra, comment) = (field(28)?, field(30)?, field(32)?);
            let start = at + 46;
            let text = bytes.get(start..start + usize::from(name)).ok_or(entry)?;
            parts.push(Part {
                name: String::from_utf8_lossy(text).into_owned(),
                method: field(10)?,
                check: u32_at(bytes, at + 16).ok_or(entry)?,
                packed: usize_at(bytes, at + 20).ok_or(entry)?,
                local: usize_at(bytes, at + 42).ok_or(entry)?,
            });
            at = start + usize::from(name) + usize::from(extra) + usize::from(comment);
        }
        Ok(Archive { bytes, parts })
    }

    /// The unpacked bytes of a part; `None` when there is no such part.
    ///
    /// # Errors
    /// When the part is damaged, encrypted, or unpacks beyond the bound.
    pub(super) fn part(&self, name: &str) -> Result<Option<Vec<u8>>, Damage> {
        let Some(part) = self
            .parts
            .iter()
            .find(|p| p.name.eq_ignore_ascii_case(name))
        else {
            return Ok(None);
        };
        let cut = "a part of it is cut off";
        let header = self.bytes.get(part.local..).ok_or(cut)?;
        if header.get(..4) != Some(b"PK\x03\x04") {
            return Err(cut);
        }
        if u16_at(header, 6).ok_or(cut)? & 1 == 1 {
            return Err("it is protected by a password");
        }
        let name = usize::from(u16_at(header, 26).ok_or(cut)?);
        let extra = usize::from(u16_at(header, 28).ok_or(cut)?);
        let start = 30 + name + extra;
        let packed = start
            .checked_add(part.packed)
            .and_then(|end| header.get(start..end))
            .ok_or(cut)?;
        let damaged = "a part of it is damaged";
        let out = match part.method {
            0 => packed.to_vec(),
            8 => {
                let limit = file::bound(packed.len());
                let stream = flate2::read::DeflateDecoder::new(packed);
                let out = file::unpack(stream, packed.len(), limit).map_err(|_| damaged)?;
                if out.len() > limit {
                    return Err("a part of it unpacks to a size that no export has");
                }
                out
            }
            _ => return Err("a part of it is packed in an unusual way"),
        };
        let mut check = flate2::Crc::new();
        check.update(&out);
        if check.sum() != part.check {
            return Err(damaged);
        }
        Ok(Some(out))
    }
}
