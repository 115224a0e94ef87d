//! Compiled expressions and their evaluation. Not responsible for names (see [`super::lower`]):
//! by the time a node exists, every name is a slot, a clause or a number.

use crate::money::{Decimal, MoneyError, Rounding};
use crate::terms::Operator;

/// Decimals of a quotient inside an expression; half even. The only rounding that an expression
/// does by itself, far below any money unit, and stated in `docs/terms.md`.
const QUOTIENT_DECIMALS: u8 = 15;

/// A compiled expression. Truth values are 1 and 0.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Number(Decimal),
    Slot(usize),
    /// The amount of an earlier clause in this period.
    Clause(usize),
    /// The value of a rebased baseline.
    Rebased(usize),
    ContractYear,
    /// Months in the period.
    Months,
    Previous(Box<Node>),
    Negate(Box<Node>),
    Not(Box<Node>),
    Binary(Operator, Box<(Node, Node)>),
    Min(Vec<Node>),
    Max(Vec<Node>),
    Abs(Box<Node>),
    If(Box<(Node, Node, Node)>),
    Clamp(Box<(Node, Node, Node)>),
    Round(Box<Node>, u8, Rounding),
    ByYear(Vec<Node>),
    /// A value on the line through points; beyond them that of the nearest.
    Interpolate(Box<(Node, Vec<(Node, Node)>)>),
    Known(Box<Node>),
    OrElse(Box<(Node, Node)>),
    /// A parameter without a value for this contract, and why.
    Absent(String),
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stop {
    /// A measure that is not there, by slot.
    Slot(usize),
    /// An earlier clause that has no amount.
    Clause(usize),
    /// `previous` in the first period.
    NoPrevious,
    /// A reason in words.
    Because(Box<str>),
    /// Arithmetic.
    Money(Box<MoneyError>),
}

impl From<MoneyError> for Stop {
    fn from(error: MoneyError) -> Stop {
        Stop::Money(Box::new(error))
    }
}

/// A measured value of one period, or the number of the reason why there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell {
    Value(Decimal),
    Missing(u32),
}

/// What an expression can see while one period is settled.
pub(super) struct Scene<'a> {
    pub(super) row: &'a [Cell],
    pub(super) previous: Option<&'a [Cell]>,
    /// Amounts of clauses in this period, by clause; `None` when there is none.
    pub(super) clauses: &'a [Option<Decimal>],
    pub(super) rebased: &'a [Option<Decimal>],
    pub(super) contract_year: i64,
    pub(super) months: i64,
}

fn truth(value: bool) -> Decimal {
    if value { Decimal::ONE } else { Decimal::ZERO }
}

impl Node {
    /// The value in a scene.
    pub(super) fn eval(&self, scene: &Scene<'_>) -> Result<Decimal, Stop> {
        Ok(match self {
            Node::Number(number) => *number,
            Node::Slot(slot) => match scene.row.get(*slot) {
                Some(Cell::Value(value)) => *value,
                _ => return Err(Stop::Slot(*slot)),
            },
            Node::Clause(clause) => match scene.clauses.get(*clause) {
                Some(Some(amount)) => *amount,
                _ => return Err(Stop::Clause(*clause)),
            },
            Node::Rebased(clause) => match scene.rebased.get(*clause) {
                Some(Some(value)) => *value,
                _ => return Err(Stop::Clause(*clause)),
            },
            Node::ContractYear => Decimal::from_i64(scene.contract_year),
            Node::Months => Decimal::from_i64(scene.months),
            Node::Previous(inner) => {
                let Some(row) = scene.previous else {
                    return Err(Stop::NoPrevious);
                };
                inner.eval(&Scene {
                    row,
                    previous: None,
                    ..*scene
                })?
            }
            Node::Negate(inner) => -inner.eval(scene)?,
            Node::Not(inner) => truth(inner.eval(scene)?.is_zero()),
            Node::Binary(operator, pair) => return binary(*operator, &pair.0, &pair.1, scene),
            Node::Min(nodes) => extreme(nodes, scene, Decimal::min)?,
            Node::Max(nodes) => extreme(nodes, scene, Decimal::max)?,
            Node::Abs(inner) => inner.eval(scene)?.abs(),
            Node::If(parts) => {
                if parts.0.eval(scene)?.is_zero() {
                    parts.2.eval(scene)?
                } else {
                    parts.1.eval(scene)?
                }
            }
            Node::Clamp(parts) => {
                let (low, high) = (parts.1.eval(scene)?, parts.2.eval(scene)?);
                parts.0.eval(scene)?.min(high).max(low)
            }
            Node::Round(inner, decimals, rounding) => {
                inner.eval(scene)?.round(*decimals, *rounding)
            }
            Node::ByYear(nodes) => {
                let year = usize::try_from(scene.contract_year - 1).unwrap_or(0);
                match nodes.get(year).or(nodes.last()) {
                    Some(node) => node.eval(scene)?,
                    None => Decimal::ZERO,
                }
            }
            Node::Interpolate(parts) => interpolate(&parts.0, &parts.1, scene)?,
            Node::Known(inner) => truth(inner.eval(scene).is_ok()),
            Node::OrElse(pair) => match pair.0.eval(scene) {
                Ok(value) => value,
                Err(_) => pair.1.eval(scene)?,
            },
            Node::Absent(reason) => return Err(Stop::Because(reason.as_str().into())),
        })
    }

    /// Whether it is a number without any data.
    pub(super) fn constant(&self) -> Option<Decimal> {
        match self {
            Node::Number(number) => Some(*number),
            _ => None,
        }
    }
}

/// The value at `x` on the straight lines between points: multiplied before it is divided, and
/// only that quotient is rounded.
fn interpolate(x: &Node, points: &[(Node, Node)], scene: &Scene<'_>) -> Result<Decimal, Stop> {
    let x = x.eval(scene)?;
    let mut before: Option<(Decimal, Decimal)> = None;
    for (at, value) in points {
        let (at, value) = (at.eval(scene)?, value.eval(scene)?);
        match before {
            Some((low, _)) if low >= at => {
                return Err(Stop::Because(
                    format!("the points of the interpolation do not rise: {low}, then {at}").into(),
                ));
            }
            Some((low, first)) if x <= at => {
                let rise = value.checked_sub(first)?.checked_mul(x.checked_sub(low)?)?;
                let part = rise.div(at.checked_sub(low)?, QUOTIENT_DECIMALS, Rounding::HalfEven)?;
                return Ok(first.checked_add(part)?.normalized());
            }
            None if x <= at => return Ok(value),
            _ => {}
        }
        before = Some((at, value));
    }
    before
        .map(|(_, value)| value)
        .ok_or_else(|| Stop::Because("an interpolation needs points".into()))
}

fn extreme(
    nodes: &[Node],
    scene: &Scene<'_>,
    pick: fn(Decimal, Decimal) -> Decimal,
) -> Result<Decimal, Stop> {
    let mut best: Option<Decimal> = None;
    for node in nodes {
        let value = node.eval(scene)?;
        best = Some(best.map_or(value, |b| pick(b, value)));
    }
    best.ok_or_else(|| Stop::Because("an empty list has no least or greatest value".into()))
}

fn binary(operator: Operator, a: &Node, b: &Node, scene: &Scene<'_>) -> Result<Decimal, Stop> {
    let left = a.eval(scene)?;
    // `and` and `or` stop early, so that a condition can guard what follows it.
    match operator {
        Operator::And if left.is_zero() => return Ok(Decimal::ZERO),
        Operator::Or if !left.is_zero() => return Ok(Decimal::ONE),
        _ => {}
    }
    let right = b.eval(scene)?;
    apply(operator, left, right)
}

/// An operator on two numbers.
pub(super) fn apply(operator: Operator, left: Decimal, right: Decimal) -> Result<Decimal, Stop> {
    Ok(match operator {
        Operator::And | Operator::Or => truth(!right.is_zero()),
        Operator::Less => truth(left < right),
        Operator::LessOrEqual => truth(left <= right),
        Operator::Greater => truth(left > right),
        Operator::GreaterOrEqual => truth(left >= right),
        Operator::Equal => truth(left == right),
        Operator::NotEqual => truth(left != right),
        Operator::Add => left.checked_add(right)?,
        Operator::Subtract => left.checked_sub(right)?,
        Operator::Multiply => left.checked_mul(right)?,
        Operator::Divide => left
            .div(right, QUOTIENT_DECIMALS, Rounding::HalfEven)?
            .normalized(),
    })
}
