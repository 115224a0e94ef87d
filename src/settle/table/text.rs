//! A table of texts with a header. Not responsible for what its cells mean.

use crate::terms::Encoding;

/// A table of texts with a header.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// How the file is called in messages.
    pub name: String,
    /// Column names, in order.
    pub header: Vec<String>,
    /// Rows of as many cells, with the line of the file each starts on.
    pub rows: Vec<(u64, Vec<String>)>,
}

/// A table that cannot be used, with the place and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{table}{}{}: {message}",
    .line.map_or(String::new(), |l| format!(", line {l}")),
    .column.as_ref().map_or(String::new(), |c| format!(", column {c}"))
)]
pub struct TableError {
    /// The table.
    pub table: String,
    /// The line, from 1.
    pub line: Option<u64>,
    /// The column, by its name.
    pub column: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
}

impl Table {
    /// As [`Table::from_csv`], for a text in another encoding.
    ///
    /// # Errors
    /// As [`Table::from_csv`].
    pub fn from_encoded_csv(
        name: &str,
        bytes: &[u8],
        separator: char,
        encoding: Encoding,
    ) -> Result<Table, TableError> {
        match encoding {
            Encoding::Utf8 => Table::from_csv(name, bytes, separator),
            Encoding::Windows1252 => {
                let text: String = bytes.iter().map(|b| windows_1252(*b)).collect();
                Table::from_csv(name, text.as_bytes(), separator)
            }
        }
    }

    /// Reads delimited text (RFC 4180). A byte-order mark is dropped.
    ///
    /// # Errors
    /// Text that is not UTF-8, an empty table, rows of other lengths.
    pub fn from_csv(name: &str, bytes: &[u8], separator: char) -> Result<Table, TableError> {
        let fail = |line, message: String| TableError {
            table: name.to_owned(),
            line,
            column: None,
            message,
        };
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let separator = u8::try_from(separator)
            .map_err(|_| fail(None, format!("`{separator}` cannot separate columns")))?;
        // A quotation mark that is never closed would swallow the rows after it.
        if bytes.iter().filter(|b| **b == b'"').count() % 2 == 1 {
            return Err(fail(
                unclosed(bytes),
                "a quotation mark is not closed: cells in quotes end with one, and one inside a \
                 cell is doubled"
                    .to_owned(),
            ));
        }
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            .from_reader(bytes);
        let mut rows: Vec<(u64, Vec<String>)> = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|e| {
                let line = e.position().map(csv::Position::line);
                fail(
                    line,
                    format!(
                        "the row cannot be read: {e}; for a file that is not UTF-8 declare \
                         [input] encoding = \"windows_1252\""
                    ),
                )
            })?;
            let line = record.position().map_or(0, csv::Position::line);
            rows.push((line, record.iter().map(|c| c.trim().to_owned()).collect()));
        }
        if rows.is_empty() {
            return Err(fail(None, "the table is empty".to_owned()));
        }
        let (_, header) = rows.remove(0);
        if rows.is_empty() && header.iter().all(String::is_empty) {
            return Err(fail(None, "the table is empty".to_owned()));
        }
        Ok(Table {
            name: name.to_owned(),
            header,
            rows,
        })
    }

    /// The first of several names that the table has. Two columns of one name are no matter
    /// until that name is asked for.
    pub(super) fn column(&self, names: &[String]) -> Result<Option<usize>, TableError> {
        for name in names {
            let mut found = self.header.iter().enumerate().filter(|(_, h)| *h == name);
            if let Some((column, _)) = found.next() {
                return match found.next() {
                    None => Ok(Some(column)),
                    Some(_) => Err(self.fail(Some(1), format!("two columns are called `{name}`"))),
                };
            }
        }
        Ok(None)
    }

    pub(super) fn fail(&self, line: Option<u64>, message: String) -> TableError {
        TableError {
            table: self.name.clone(),
            line,
            column: None,
            message,
        }
    }

    /// A cell that cannot be used.
    pub(super) fn fail_at(&self, line: u64, column: &str, message: String) -> TableError {
        TableError {
            column: Some(column.to_owned()),
            ..self.fail(Some(line), message)
        }
    }

    pub(super) fn cell(row: &[String], column: usize) -> &str {
        row.get(column).map_or("", String::as_str)
    }

    pub(super) fn needed(&self, name: &str, what: &str) -> Result<usize, TableError> {
        self.column(std::slice::from_ref(&name.to_owned()))?
            .ok_or_else(|| {
                let known: Vec<&str> = self.header.iter().map(String::as_str).collect();
                self.fail(
                    Some(1),
                    format!(
                        "there is no column `{name}` ({what}); {}",
                        crate::terms::suggestion(name, &known)
                    ),
                )
            })
    }
}

/// The line on which the first quoted cell starts that ends at no separator or line end.
fn unclosed(bytes: &[u8]) -> Option<u64> {
    bytes
        .split(|b| *b == b'\n')
        .position(|line| line.iter().filter(|b| **b == b'"').count() % 2 == 1)
        .and_then(|at| u64::try_from(at + 1).ok())
}

/// The character of a byte in Windows-1252, of which Latin-1 is a part (WHATWG Encoding, index
/// windows-1252).
fn windows_1252(byte: u8) -> char {
    const HIGH: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";
    match byte {
        0x80..=0x9f => HIGH
            .chars()
            .nth(usize::from(byte - 0x80))
            .unwrap_or(char::from(byte)),
        other => char::from(other),
    }
}
