//! A column of texts that holds each of them once, whatever the number of rows that have it: most
//! columns of an export say the same few things in millions of rows. Responsible for holding texts; not
//! for what they mean.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// Texts or their absence, by row.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    /// The texts one after another.
    buffer: String,
    /// Where each text starts and how long it is.
    entries: Vec<(usize, u32)>,
    /// The number of each text by its content.
    index: HashTable<u32>,
    /// The number of each row's text; [`ABSENT`] when there is none.
    rows: Vec<u32>,
}

/// The number that stands for "no text".
pub(crate) const ABSENT: u32 = u32::MAX;

impl Texts {
    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text of a row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        self.entry(*self.rows.get(row)?)
    }

    /// The bytes of the text of a row.
    #[must_use]
    pub fn bytes(&self, row: usize) -> Option<&[u8]> {
        bytes(&self.buffer, &self.entries, *self.rows.get(row)?)
    }

    /// The text of a number.
    pub(crate) fn entry(&self, number: u32) -> Option<&str> {
        let (start, len) = *self.entries.get(number as usize)?;
        self.buffer.get(start..start + len as usize)
    }

    /// How many different texts there are, or were: one that no row has any more counts as well.
    pub(crate) fn entries(&self) -> usize {
        self.entries.len()
    }

    /// The number of a row's text, which tells it from all others of this column; [`ABSENT`] where it
    /// has none.
    pub(crate) fn number(&self, row: usize) -> u32 {
        self.rows.get(row).copied().unwrap_or(ABSENT)
    }

    /// The place of each row's text among all, from 1, by their bytes; 0 where it has none.
    pub(crate) fn ranks(&self) -> Vec<u32> {
        let mut sorted: Vec<u32> = (0u32..).take(self.entries()).collect();
        sorted.sort_unstable_by_key(|n| self.entry(*n));
        let mut rank = vec![0; self.entries()];
        for (place, number) in (1..).zip(sorted) {
            if let Some(slot) = rank.get_mut(number as usize) {
                *slot = place;
            }
        }
        let of = |n: &u32| rank.get(*n as usize).copied().unwrap_or_default();
        self.rows.iter().map(of).collect()
    }

    /// Whether a row has the same text as the one before it, or none as that.
    pub(super) fn repeats(&self, row: usize) -> bool {
        let before = row.checked_sub(1).and_then(|row| self.rows.get(row));
        before.is_some() && before == self.rows.get(row)
    }

    /// Makes room for more rows.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.rows.reserve(rows);
    }

    /// All rows in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// Adds a row. A text of 4 GiB or more, which no cell has, is kept as absent.
    pub fn push(&mut self, text: Option<&str>) {
        // Neighbouring rows often say the same.
        let last = self.rows.last().copied();
        let number = match (text, last) {
            (None, _) => ABSENT,
            (Some(text), Some(last)) if self.entry(last) == Some(text) => last,
            (Some(text), _) => self.hold(text),
        };
        self.rows.push(number);
    }

    /// The number of a text, which is held from now on.
    pub(crate) fn hold(&mut self, text: &str) -> u32 {
        let (buffer, entries) = (&self.buffer, &self.entries);
        let hash = xxh3_64(text.as_bytes());
        let same = |n: &u32| bytes(buffer, entries, *n) == Some(text.as_bytes());
        if let Some(number) = self.index.find(hash, same) {
            return *number;
        }
        let (Ok(number), Ok(length)) = (u32::try_from(entries.len()), u32::try_from(text.len()))
        else {
            return ABSENT;
        };
        if number == ABSENT {
            return ABSENT;
        }
        self.entries.push((buffer.len(), length));
        self.buffer.push_str(text);
        let (buffer, entries) = (&self.buffer, &self.entries);
        let again = |n: &u32| xxh3_64(bytes(buffer, entries, *n).unwrap_or_default());
        self.index.insert_unique(hash, number, again);
        number
    }

    /// Adds a row with a text that is held; without one for a number that no text has.
    pub(crate) fn push_number(&mut self, number: u32) {
        let there = self.entries.get(number as usize).is_some();
        self.rows.push(if there { number } else { ABSENT });
    }

    /// Adds rows with texts that are held: `places` are where their numbers are in `numbers`. `None`
    /// when one is nowhere.
    pub(super) fn extend(
        &mut self,
        numbers: &[u32],
        places: impl Iterator<Item = usize>,
    ) -> Option<()> {
        self.rows.reserve(places.size_hint().0);
        for place in places {
            self.rows.push(*numbers.get(place)?);
        }
        Some(())
    }

    /// Adds a row with the text of the last one, or without one where there is none.
    pub(super) fn again(&mut self) {
        let last = self.rows.last().copied();
        self.rows.push(last.unwrap_or(ABSENT));
    }

    /// Replaces the text of a row; does nothing where there is no such row.
    pub fn set(&mut self, row: usize, text: Option<&str>) {
        if row < self.rows.len() {
            let number = text.map_or(ABSENT, |text| self.hold(text));
            if let Some(slot) = self.rows.get_mut(row) {
                *slot = number;
            }
        }
    }

    /// Adds all rows of another column.
    pub fn append(&mut self, other: &Texts) {
        let mut numbers = Vec::with_capacity(other.entries());
        for number in 0..other.entries() {
            let text = u32::try_from(number).ok().and_then(|n| other.entry(n));
            numbers.push(text.map_or(ABSENT, |text| self.hold(text)));
        }
        let rows = other.rows.iter();
        let number = |n: &u32| numbers.get(*n as usize).copied().unwrap_or(ABSENT);
        self.rows.extend(rows.map(number));
    }

    /// Adds absent rows until there are `rows`.
    pub fn fill(&mut self, rows: usize) {
        if rows > self.rows.len() {
            self.rows.resize(rows, ABSENT);
        }
    }

    /// Keeps the rows marked.
    pub fn retain(&mut self, keep: &[bool]) {
        let mut marks = keep.iter();
        self.rows
            .retain(|_| marks.next().copied().unwrap_or_default());
    }
}

fn bytes<'t>(buffer: &'t str, entries: &[(usize, u32)], number: u32) -> Option<&'t [u8]> {
    let (start, len) = *entries.get(number as usize)?;
    buffer.as_bytes().get(start..start + len as usize)
}

/// Numbers the texts of some rows of a column anew, in the order in which they are met. Kept from
/// column to column, because it is as large as the largest of them.
#[derive(Debug, Default)]
pub(crate) struct Numbering {
    /// Of each number of the column the round in which it was met last, and its new number.
    met: Vec<(u32, u32)>,
    round: u32,
    /// The numbers of the column by the new ones.
    used: Vec<u32>,
}

impl Numbering {
    /// Begins with a column of so many different texts.
    pub(crate) fn begin(&mut self, entries: usize) {
        self.used.clear();
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.met.clear();
            self.round = 1;
        }
        if self.met.len() < entries {
            self.met.resize(entries, (0, 0));
        }
    }

    /// The new number of a text by its number in the column; `None` for none.
    pub(crate) fn of(&mut self, number: u32) -> Option<u32> {
        let met = self.met.get_mut(number as usize)?;
        if met.0 != self.round {
            *met = (self.round, u32::try_from(self.used.len()).ok()?);
            self.used.push(number);
        }
        Some(met.1)
    }

    /// The numbers in the column of the texts met so far, by their new numbers.
    pub(crate) fn used(&self) -> &[u32] {
        &self.used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        more.push_number(ABSENT);
        more.push(Some("a"));
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
                None,
                Some("a"),
            ]
        );
        assert_eq!(texts.number(0), texts.number(9));
        assert!(texts.repeats(7) && texts.repeats(5) && !texts.repeats(0) && !texts.repeats(6));
        texts.retain(&[true, false, false, true, false, false, true, false, true]);
        let left: Vec<_> = texts.iter().collect();
        assert_eq!(left, [Some("a"), Some(""), Some("c"), None]);
        assert_eq!(texts.get(4), None);
    }

    #[test]
    fn numbers_are_given_in_the_order_of_meeting_and_begin_again() {
        let mut numbering = Numbering::default();
        for _ in 0..2 {
            numbering.begin(3);
            let met: Vec<_> = [2, 0, 2, ABSENT, 1].map(|n| numbering.of(n)).into();
            assert_eq!(met, [Some(0), Some(1), Some(0), None, Some(2)]);
            assert_eq!(numbering.used(), [2, 0, 1]);
        }
    }
}
