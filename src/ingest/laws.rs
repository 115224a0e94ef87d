//! Laws that the rows of an export obey among their own columns: a product, a sum per group, an
//! order of moments. Responsible for checking them; a breach changes no row, it is a finding.

use std::collections::BTreeMap;

use super::value::{Context, Reader, STORE_SCALE, Value};
use crate::config::mapping::{ColumnMapping, Law, Mapping};
use crate::money::{Decimal, Rounding};
use crate::store::schema::table;

/// A law bound to the header of a file.
#[derive(Debug)]
pub(super) enum LawPlan {
    /// The file lacks a column that it needs.
    Absent,
    /// The product of two columns equals a third, but for a difference.
    Product {
        factors: [usize; 2],
        equals: usize,
        within: i128,
        reader: Box<Reader>,
    },
    /// The amounts of a group add up to what each of its rows says.
    Sum {
        per: usize,
        equals: usize,
        within: i128,
        reader: Box<Reader>,
    },
    /// One moment lies before another.
    Before {
        moments: [usize; 2],
        reader: Box<Reader>,
    },
}

/// How a law fared.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Rows, or groups, to which it applied.
    pub checked: u64,
    /// Of these, the ones that broke it.
    pub broken: u64,
    /// Line of the first that broke it.
    pub line: u64,
    /// Up to three samples.
    pub samples: Vec<String>,
    /// Per group: sum of amounts, the sum it should be, first line.
    sums: BTreeMap<String, (i128, i128, u64, i128)>,
}

impl Tally {
    /// Adds what another part of the same file gave.
    pub(super) fn append(&mut self, other: Tally) {
        self.checked += other.checked;
        if self.broken == 0 {
            self.line = other.line;
        }
        self.broken += other.broken;
        self.samples.extend(other.samples);
        self.samples.truncate(3);
        for (group, (sum, wanted, line, within)) in other.sums {
            let mine = self.sums.entry(group).or_insert((0, wanted, line, within));
            mine.0 = mine.0.saturating_add(sum);
        }
    }

    fn breach(&mut self, line: u64, sample: String) {
        self.broken += 1;
        if self.broken == 1 {
            self.line = line;
        }
        if self.samples.len() < 3 {
            self.samples.push(sample);
        }
    }

    /// After the last row: compares the sums of the groups.
    pub(super) fn close(&mut self) {
        for (group, (sum, wanted, line, within)) in std::mem::take(&mut self.sums) {
            self.checked += 1;
            // A credit note's amounts are negative here, its sum is written without a sign.
            if sum.abs().abs_diff(wanted.abs()) > within.unsigned_abs() {
                let sample = format!("{group}: {} is not {}", shown(sum), shown(wanted));
                self.breach(line, sample);
            }
        }
    }
}

fn shown(units: i128) -> String {
    super::account::shown(units)
}

impl LawPlan {
    /// Binds a law; `find` gives the place of a column.
    ///
    /// # Errors
    /// As [`Reader::build`].
    pub(super) fn new(
        law: &Law,
        mapping: &Mapping,
        find: &dyn Fn(&str) -> Option<usize>,
        context: &Context,
    ) -> Result<LawPlan, String> {
        let billing = table("billing");
        let of = |name: &str| billing.and_then(|t| t.column(name));
        let (Some(number), Some(moment)) = (of("amount"), of("period_start")) else {
            return Ok(LawPlan::Absent);
        };
        let reader = |column, mapped: &ColumnMapping| {
            Reader::build(column, mapped, mapping, context).map(Box::new)
        };
        let plain = ColumnMapping::default();
        let within = match law.within.as_deref().map(str::parse::<Decimal>) {
            Some(Ok(d)) => d.padded(STORE_SCALE).map_or(0, |d| d.mantissa().abs()),
            _ => 0,
        };
        let equals = law.equals.as_deref().and_then(find);
        let pair = |names: &[String]| match names {
            [a, b] => Some([find(a)?, find(b)?]),
            _ => None,
        };
        if let (Some(factors), Some(equals)) = (pair(&law.product), equals) {
            return Ok(LawPlan::Product {
                factors,
                equals,
                within,
                reader: reader(number, &plain)?,
            });
        }
        if let (Some(per), Some(equals)) = (law.sum_per.as_deref().and_then(find), equals) {
            // The sum is written like the amount, sign and all.
            return Ok(LawPlan::Sum {
                per,
                equals,
                within,
                reader: reader(number, &plain)?,
            });
        }
        if let Some(moments) = pair(&law.before) {
            let start = law.before.first();
            let formats = mapping
                .columns
                .values()
                .find(|c| c.from.first() == start)
                .map(|c| c.formats.clone())
                .unwrap_or_default();
            let mapped = ColumnMapping {
                formats,
                ..ColumnMapping::default()
            };
            return Ok(LawPlan::Before {
                moments,
                reader: reader(moment, &mapped)?,
            });
        }
        Ok(LawPlan::Absent)
    }

    /// The columns that the law reads.
    pub(super) fn reads(&self) -> Vec<usize> {
        match self {
            LawPlan::Absent => Vec::new(),
            LawPlan::Product {
                factors, equals, ..
            } => vec![factors[0], factors[1], *equals],
            LawPlan::Sum { per, equals, .. } => vec![*per, *equals],
            LawPlan::Before { moments, .. } => moments.to_vec(),
        }
    }

    /// Checks one row; `amount` is the amount that it gives.
    pub(super) fn check<'t>(
        &self,
        text: &dyn Fn(usize) -> Option<&'t str>,
        amount: Option<i128>,
        line: u64,
        tally: &mut Tally,
    ) {
        match self {
            LawPlan::Absent => {}
            LawPlan::Product {
                factors: [a, b],
                equals,
                within,
                reader,
            } => {
                let number = |at: usize| {
                    let units = reader.decimal(text(at)?).ok()?;
                    Decimal::new(units, STORE_SCALE)
                        .ok()
                        .map(Decimal::normalized)
                };
                let (Some(a), Some(b), Some(c)) = (number(*a), number(*b), number(*equals)) else {
                    return;
                };
                tally.checked += 1;
                let product = a
                    .checked_mul(b)
                    .map(|p| p.round(STORE_SCALE, Rounding::HalfEven));
                let difference = product
                    .and_then(|p| p.checked_sub(c))
                    .and_then(|d| d.padded(STORE_SCALE));
                if !difference.is_ok_and(|d| d.mantissa().abs() <= *within) {
                    tally.breach(line, format!("{a} x {b} is not {c}"));
                }
            }
            LawPlan::Sum {
                per,
                equals,
                within,
                reader,
            } => {
                let (Some(group), Some(amount)) = (text(*per), amount) else {
                    return;
                };
                let Some(Ok(wanted)) = text(*equals).map(|t| reader.decimal(t)) else {
                    return;
                };
                let sums = &mut tally.sums;
                let entry = sums
                    .entry(group.to_owned())
                    .or_insert((0, wanted, line, *within));
                entry.0 = entry.0.saturating_add(amount);
            }
            LawPlan::Before {
                moments: [a, b],
                reader,
            } => {
                let moment = |at: usize| match reader.read(text(at)?) {
                    Ok(Value::Integer(at)) => Some(at),
                    _ => None,
                };
                let (Some(start), Some(end)) = (moment(*a), moment(*b)) else {
                    return;
                };
                tally.checked += 1;
                if start >= end {
                    let shown = |at: usize| text(at).unwrap_or_default();
                    tally.breach(line, format!("{} is not before {}", shown(*a), shown(*b)));
                }
            }
        }
    }
}

/// A law in words.
pub(super) fn words(law: &Law) -> String {
    match (&law.equals, &law.sum_per) {
        (Some(equals), Some(per)) => format!("the amounts per `{per}` add up to `{equals}`"),
        (Some(equals), None) => format!("`{}` is `{equals}`", law.product.join("` x `")),
        _ => format!("`{}`", law.before.join("` lies before `")),
    }
}
