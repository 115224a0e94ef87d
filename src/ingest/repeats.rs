//! Fields that say the same in row after row, as most of an audit log do: what they became is
//! remembered instead of read again. Not responsible for the reading (see [`super::value`]).

use super::value::{Problem, Value};

/// A field of the row before: its text and what that became.
#[derive(Debug, Default)]
pub(super) struct Repeat {
    text: String,
    /// `None` where there was no text, or none that reads.
    value: Option<Value<'static>>,
}

impl Repeat {
    /// What a text becomes: what it became in the row before where it is the same, and what `read`
    /// gives otherwise.
    ///
    /// # Errors
    /// Those of `read`, which are not remembered.
    pub(super) fn of<'t>(
        &mut self,
        text: &str,
        read: impl FnOnce() -> Result<Value<'t>, Problem>,
    ) -> Result<Value<'_>, Problem> {
        if self.value.is_none() || self.text != text {
            self.value = None;
            self.value = Some(read()?.into_owned());
            self.text.clear();
            self.text.push_str(text);
        }
        Ok(self
            .value
            .as_ref()
            .map_or(Value::Text("".into()), Value::borrowed))
    }

    /// Whether the row before had this text, or none either.
    pub(super) fn is(&self, text: Option<&str>) -> bool {
        match text {
            Some(text) => self.value.is_some() && self.text == text,
            None => self.value.is_none(),
        }
    }

    /// There is no text in this row.
    pub(super) fn forget(&mut self) {
        self.value = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_once_while_it_repeats() {
        let mut field = Repeat::default();
        assert!(field.is(None) && !field.is(Some("")));
        let mut count = 0;
        for (text, reads) in [("a", 1), ("a", 1), ("b", 2), ("a", 3), ("", 4), ("", 4)] {
            let value = field.of(text, || {
                count += 1;
                Ok(Value::Text(text.into()))
            });
            assert_eq!(value, Ok(Value::Text(text.into())));
            assert_eq!(count, reads);
            assert!(field.is(Some(text)) && !field.is(Some("c")));
        }
        assert!(field.of("x", || Err(Problem::Date)).is_err());
        assert!(field.is(None) && !field.is(Some("x")));
        assert_eq!(
            field.of("", || Ok(Value::Integer(1))),
            Ok(Value::Integer(1))
        );
        field.forget();
        assert!(field.is(None));
    }
}
