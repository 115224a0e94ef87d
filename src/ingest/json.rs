//! JSON (RFC 8259) and newline-delimited JSON as a tree of texts. Numbers stay as they are
//! written, because amounts must not pass through a float, and every value knows its line; that is
//! why it is read here. Not responsible for which parts are rows (see [`super::tree`]).

use super::tree::{DEPTH, Node, Value};

/// A place and what is wrong there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    pub(super) line: u64,
    pub(super) problem: String,
}

/// The document; several values one after another, as in newline-delimited JSON, are a list.
///
/// # Errors
/// When the text is not JSON, or nests deeper than any export.
pub(super) fn parse(text: &[u8]) -> Result<Node, Syntax> {
    let mut parser = Parser {
        text,
        at: 0,
        line: 1,
    };
    let mut values = Vec::new();
    loop {
        parser.skip();
        if parser.peek().is_none() {
            break;
        }
        values.push(parser.value(0)?);
    }
    match values.len() {
        0 => Err(parser.wrong("expected a value, found the end of the file")),
        1 => values
            .pop()
            .ok_or_else(|| parser.wrong("expected a value, found the end of the file")),
        _ => Ok(Node {
            line: 1,
            value: Value::Array(values),
        }),
    }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn skip(&mut self) {
        while let Some(b @ (b' ' | b'\t' | b'\n' | b'\r')) = self.peek() {
            if b == b'\n' {
                self.line += 1;
            }
            self.at += 1;
        }
    }

    fn wrong(&self, problem: impl Into<String>) -> Syntax {
        Syntax {
            line: self.line,
            problem: problem.into(),
        }
    }

    fn found(&self) -> String {
        match self.peek() {
            None => "the end of the file".to_owned(),
            Some(b) if b.is_ascii_graphic() => format!("`{}`", char::from(b)),
            Some(b) => format!("byte {b:#04x}"),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, Syntax> {
        if depth >= DEPTH {
            return Err(self.wrong(format!("nests deeper than {DEPTH} levels")));
        }
        self.skip();
        let line = self.line;
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Value::Scalar(Some(self.string()?)),
            Some(b'-' | b'0'..=b'9') => Value::Scalar(Some(self.number()?)),
            Some(b't') => self.word("true", Some("true"))?,
            Some(b'f') => self.word("false", Some("false"))?,
            Some(b'n') => self.word("null", None)?,
            _ => return Err(self.wrong(format!("expected a value, found {}", self.found()))),
        };
        Ok(Node { line, value })
    }

    fn object(&mut self, depth: usize) -> Result<Value, Syntax> {
        self.at += 1;
        let mut members = Vec::new();
        self.skip();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            self.skip();
            if self.peek() != Some(b'"') {
                let found = self.found();
                return Err(self.wrong(format!("expected a name in quotes, found {found}")));
            }
            let name = self.string()?;
            self.skip();
            if self.peek() != Some(b':') {
                let found = self.found();
                return Err(self.wrong(format!("expected `:` after {name:?}, found {found}")));
            }
            self.at += 1;
            let value = self.value(depth + 1)?;
            members.push((name, value));
            self.skip();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Object(members));
                }
                _ => {
                    let found = self.found();
                    return Err(self.wrong(format!("expected `,` or `}}`, found {found}")));
                }
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Syntax> {
        self.at += 1;
        let mut elements = Vec::new();
        self.skip();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(elements));
        }
        loop {
            elements.push(self.value(depth + 1)?);
            self.skip();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(elements));
                }
                _ => {
                    let found = self.found();
                    return Err(self.wrong(format!("expected `,` or `]`, found {found}")));
                }
            }
        }
    }

    fn word(&mut self, word: &str, value: Option<&str>) -> Result<Value, Syntax> {
        if self.text.get(self.at..self.at + word.len()) == Some(word.as_bytes()) {
            self.at += word.len();
            return Ok(Value::Scalar(value.map(str::to_owned)));
        }
        Err(self.wrong(format!("expected `{word}`")))
    }

    /// A number as it is written; with an exponent, as the same number without one.
    fn number(&mut self) -> Result<String, Syntax> {
        let start = self.at;
        while let Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        let text = String::from_utf8_lossy(text).into_owned();
        plain_number(&text).ok_or_else(|| self.wrong(format!("`{text}` is no number")))
    }

    fn string(&mut self) -> Result<String, Syntax> {
        self.at += 1;
        let mut out: Vec<u8> = Vec::new();
        loop {
            match self.next() {
                None => return Err(self.wrong("a text in quotes does not end")),
                Some(b'"') => break,
                Some(b'\\') => self.escape(&mut out)?,
                Some(b) => {
                    // Strict JSON has no line breaks in text; some exports do.
                    if b == b'\n' {
                        self.line += 1;
                    }
                    out.push(b);
                }
            }
        }
        String::from_utf8(out).map_err(|_| self.wrong("a text is not UTF-8"))
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), Syntax> {
        let plain = match self.next() {
            Some(b @ (b'"' | b'\\' | b'/')) => b,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                let mut code = self.hex()?;
                if (0xd800..0xdc00).contains(&code) {
                    let low = match (self.next(), self.next()) {
                        (Some(b'\\'), Some(b'u')) => self.hex()?,
                        _ => 0,
                    };
                    if !(0xdc00..0xe000).contains(&low) {
                        return Err(self.wrong("half of a character pair (\\u)"));
                    }
                    code = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                }
                let c = char::from_u32(code);
                let c = c.ok_or_else(|| self.wrong("half of a character pair (\\u)"))?;
                let mut buffer = [0u8; 4];
                out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
                return Ok(());
            }
            _ => return Err(self.wrong("an unknown escape in a text")),
        };
        out.push(plain);
        Ok(())
    }

    fn hex(&mut self) -> Result<u32, Syntax> {
        let digits = self.text.get(self.at..self.at + 4);
        let code = digits
            .filter(|d| d.iter().all(u8::is_ascii_hexdigit))
            .and_then(|d| std::str::from_utf8(d).ok())
            .and_then(|d| u32::from_str_radix(d, 16).ok());
        self.at += 4;
        code.ok_or_else(|| self.wrong("expected four hexadecimal digits after \\u"))
    }
}

/// A number of JSON or of a spreadsheet without exponent, exactly; `None` when it is none, or has
/// more than 400 digits written out.
pub(super) fn plain_number(text: &str) -> Option<String> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        None => (text, 0i32),
        Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse().ok()?),
    };
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    let has_point = digits.contains('.');
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    if has_point && fraction.is_empty() {
        return None;
    }
    if exponent == 0 {
        return Some(mantissa.to_owned());
    }
    if exponent.unsigned_abs() > 400 {
        return None;
    }
    let all = format!("{whole}{fraction}");
    let point = i32::try_from(whole.len()).ok()? + exponent;
    let written = if point <= 0 {
        let zeros = "0".repeat(usize::try_from(-point).ok()?);
        format!("0.{zeros}{all}")
    } else {
        let point = usize::try_from(point).ok()?;
        match all.len() {
            n if n <= point => format!("{all}{}", "0".repeat(point - n)),
            _ => format!("{}.{}", all.get(..point)?, all.get(point..)?),
        }
    };
    let trimmed = written.trim_start_matches('0');
    let lead = if trimmed.starts_with('.') || trimmed.is_empty() {
        "0"
    } else {
        ""
    };
    Some(format!("{sign}{lead}{trimmed}"))
}
