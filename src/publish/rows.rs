//! Rows of texts in one buffer: hundreds of thousands of rows without an allocation for each of
//! their cells. Responsible for holding them; not for what they mean (see [`super::reading`]).

/// Rows of as many texts each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// Texts in a row.
    width: usize,
    /// The texts one after another.
    text: String,
    /// Where each ends.
    ends: Vec<usize>,
}

/// The texts of one row.
#[derive(Debug, Clone, Copy)]
pub struct Cells<'a> {
    rows: &'a Rows,
    row: usize,
}

impl<'a> Cells<'a> {
    /// The text in a column.
    #[must_use]
    pub fn get(&self, column: usize) -> Option<&'a str> {
        if column >= self.rows.width {
            return None;
        }
        let at = self.row * self.rows.width + column;
        let end = *self.rows.ends.get(at)?;
        let start = match at.checked_sub(1) {
            Some(before) => *self.rows.ends.get(before)?,
            None => 0,
        };
        self.rows.text.get(start..end)
    }

    /// All texts, from the first column on.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        (0..self.rows.width).map_while(move |column| self.get(column))
    }
}

impl Rows {
    /// No rows yet, of so many texts each.
    #[must_use]
    pub fn new(width: usize) -> Rows {
        Rows {
            width,
            ..Rows::default()
        }
    }

    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<Cells<'_>> {
        (row < self.len()).then_some(Cells { rows: self, row })
    }

    /// All rows in their order.
    pub fn iter(&self) -> impl Iterator<Item = Cells<'_>> {
        (0..self.len()).map(|row| Cells { rows: self, row })
    }

    /// Adds a row: its first texts are those given, the others are empty.
    pub fn push<'t>(&mut self, cells: impl IntoIterator<Item = &'t str>) {
        let mut cells = cells.into_iter();
        for _ in 0..self.width {
            self.put(|text| text.push_str(cells.next().unwrap_or_default()));
        }
    }

    /// Adds the next text of the row being added, which `write` adds to what it is given.
    pub(super) fn put(&mut self, write: impl FnOnce(&mut String)) {
        write(&mut self.text);
        self.ends.push(self.text.len());
    }

    /// Adds all rows of another table with as many columns.
    pub fn append(&mut self, other: &Rows) {
        let shift = self.text.len();
        self.text.push_str(&other.text);
        self.ends.extend(other.ends.iter().map(|end| end + shift));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were_added() {
        let mut rows = Rows::new(3);
        assert!(rows.is_empty() && rows.get(0).is_none());
        rows.push(["a", "", "é"]);
        rows.push(["b"]);
        let mut more = Rows::new(3);
        more.push(["", "x", "yz"]);
        rows.append(&more);
        let all: Vec<Vec<&str>> = rows.iter().map(|cells| cells.iter().collect()).collect();
        assert_eq!(all, [["a", "", "é"], ["b", "", ""], ["", "x", "yz"]]);
        let last = rows.get(2).unwrap();
        assert_eq!(
            (last.get(2), last.get(3), rows.len()),
            (Some("yz"), None, 3)
        );
    }
}
