//! A column of texts in one buffer: millions of short cells without an allocation for each.
//! Responsible for holding texts; not for what they mean.

/// Texts or their absence, by row.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    /// The texts one after another; a text that was replaced stays as unused bytes.
    buffer: String,
    /// Where each row's text starts and how long it is; [`ABSENT`] long when there is none.
    spans: Vec<(usize, u32)>,
}

/// The length that stands for "no text".
const ABSENT: u32 = u32::MAX;

impl Texts {
    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The text of a row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        let (start, len) = *self.spans.get(row)?;
        if len == ABSENT {
            return None;
        }
        self.buffer.get(start..start + len as usize)
    }

    /// The bytes of the text of a row.
    #[must_use]
    pub fn bytes(&self, row: usize) -> Option<&[u8]> {
        let (start, len) = *self.spans.get(row)?;
        if len == ABSENT {
            return None;
        }
        self.buffer.as_bytes().get(start..start + len as usize)
    }

    /// Whether a row is known to have the same text as the one before it, which most that have it
    /// are.
    pub(super) fn repeats(&self, row: usize) -> bool {
        let before = row.checked_sub(1).and_then(|row| self.spans.get(row));
        before.is_some() && before == self.spans.get(row)
    }

    /// Makes room for more rows.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.spans.reserve(rows);
    }

    /// All rows in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// Adds a row. A text of 4 GiB or more, which no cell has, is kept as absent.
    pub fn push(&mut self, text: Option<&str>) {
        // Neighbouring rows often say the same (source, contract, state): they share their bytes.
        if let (Some(text), Some((start, len))) = (text, self.spans.last().copied())
            && len as usize == text.len()
            && self.buffer.as_bytes().get(start..start + text.len()) == Some(text.as_bytes())
        {
            self.spans.push((start, len));
            return;
        }
        let span = self.keep(text);
        self.spans.push(span);
    }

    /// Whether two rows are known to have the same text.
    pub(super) fn shares(&self, a: usize, b: usize) -> bool {
        self.spans.get(a).is_some() && self.spans.get(a) == self.spans.get(b)
    }

    /// Holds a text for rows to come (see [`Texts::push_held`]); gives where it starts.
    pub(super) fn hold(&mut self, text: &str) -> usize {
        let start = self.buffer.len();
        self.buffer.push_str(text);
        start
    }

    /// Adds a row whose text is held already; `None` where no text starts and ends there.
    pub(super) fn push_held(&mut self, start: usize, length: usize) -> Option<()> {
        self.buffer.get(start..start.checked_add(length)?)?;
        let length = u32::try_from(length).ok().filter(|n| *n != ABSENT)?;
        self.spans.push((start, length));
        Some(())
    }

    /// Adds a row with the text of the last one, or without one where there is none.
    pub(super) fn again(&mut self) {
        let last = self.spans.last().copied();
        self.spans.push(last.unwrap_or((0, ABSENT)));
    }

    /// Adds a row with the text of row `like`, or without one where there is no such row.
    pub(super) fn push_like(&mut self, like: usize) {
        let span = self.spans.get(like).copied();
        self.spans.push(span.unwrap_or((0, ABSENT)));
    }

    /// Replaces the text of a row; does nothing where there is no such row.
    pub fn set(&mut self, row: usize, text: Option<&str>) {
        if row < self.spans.len() {
            let span = self.keep(text);
            if let Some(slot) = self.spans.get_mut(row) {
                *slot = span;
            }
        }
    }

    /// Adds all rows of another column.
    pub fn append(&mut self, other: &Texts) {
        let shift = self.buffer.len();
        self.buffer.push_str(&other.buffer);
        self.spans
            .extend(other.spans.iter().map(|(start, len)| (start + shift, *len)));
    }

    /// Adds absent rows until there are `rows`.
    pub fn fill(&mut self, rows: usize) {
        if rows > self.spans.len() {
            self.spans.resize(rows, (0, ABSENT));
        }
    }

    /// Keeps the rows marked.
    pub fn retain(&mut self, keep: &[bool]) {
        let mut marks = keep.iter();
        self.spans
            .retain(|_| marks.next().copied().unwrap_or_default());
    }

    fn keep(&mut self, text: Option<&str>) -> (usize, u32) {
        match text.map(|t| (t, u32::try_from(t.len()))) {
            Some((text, Ok(len))) if len != ABSENT => {
                let end = self.buffer.len();
                // Rows that are set in turn are often set to the same.
                if self.buffer.ends_with(text) {
                    return (end - text.len(), len);
                }
                self.buffer.push_str(text);
                (end, len)
            }
            _ => (0, ABSENT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Texts;

    #[test]
    fn rows_hold_what_was_put_in_them() {
        let mut texts = Texts::default();
        for text in [Some("a"), Some("a"), None, Some(""), Some("béta")] {
            texts.push(text);
        }
        let mut more = Texts::default();
        more.fill(1);
        more.push(Some("c"));
        more.again();
        more.push_like(0);
        texts.append(&more);
        texts.set(1, Some("other"));
        texts.set(4, None);
        texts.set(99, Some("nowhere"));
        let all: Vec<_> = texts.iter().collect();
        assert_eq!(
            all,
            [
                Some("a"),
                Some("other"),
                None,
                Some(""),
                None,
                None,
                Some("c"),
                Some("c"),
                None
            ]
        );
        texts.retain(&[true, false, false, true, false, false, true, false, true]);
        let left: Vec<_> = texts.iter().collect();
        assert_eq!(left, [Some("a"), Some(""), Some("c"), None]);
        assert_eq!(texts.get(4), None);
    }
}
