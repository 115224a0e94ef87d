//! From the text of an expression to a [`Node`]: binds names to measures, parameters, lookups,
//! definitions and earlier clauses, and checks that numbers, truths and texts are not mixed.
//! Not responsible for evaluation.

mod calls;
mod names;

use std::collections::BTreeMap;
use std::ops::Range;

use super::node::{Node, apply};
use super::parameters::ParameterRow;
use crate::money::{Currency, Decimal};
use crate::terms::{
    Aggregate, Ast, AstNode, Located, Operator, Problem, TermsSource, Value, parse_expression,
};

/// A measure that the terms use, in the currency in which they use it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) scope: Option<String>,
    pub(super) aggregate: Aggregate,
    /// The currencies it is in and is used in, when they differ.
    pub(super) convert: Option<(Currency, Currency)>,
    pub(super) default: Option<Decimal>,
    pub(super) origin: Origin,
}

/// Where the value of a slot comes from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Origin {
    /// A measure.
    Measure,
    /// The share of the period that accepted events relieve.
    Relief {
        kpi: Option<String>,
        service: Option<String>,
    },
    /// What was agreed to be credited to a party.
    Weight {
        party: String,
        service: Option<String>,
        priority: Option<String>,
    },
}

/// A compiled expression with what an explanation needs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expr {
    pub(super) node: Node,
    pub(super) text: String,
    /// The measures in it, by name and slot, and the parameters, by name and value.
    pub(super) uses: Vec<(String, Use)>,
    pub(super) span: Range<usize>,
}

/// What a name in an expression stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Use {
    Slot(usize),
    Clause(usize),
    Rebased(usize),
    Given(String),
}

impl Expr {
    pub(super) fn number(value: Decimal) -> Expr {
        Expr {
            node: Node::Number(value),
            text: value.to_string(),
            uses: Vec::new(),
            span: 0..0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Number,
    Truth,
}

enum Lowered {
    Value(Node, Type),
    /// A text: known, or only known per contract.
    Text(Option<String>),
    /// A text that this contract does not have, and why.
    NoText(String),
}

/// Compiles expressions of one version of the terms for one contract.
pub(super) struct Lower<'a> {
    pub(super) source: &'a TermsSource,
    pub(super) define: &'a BTreeMap<String, Located<Value>>,
    /// `None` while terms are checked without any contract.
    pub(super) parameters: Option<&'a ParameterRow>,
    pub(super) slots: &'a mut Vec<Slot>,
    pub(super) problems: &'a mut Vec<Problem>,
    /// Clauses that come before, by id; a rebase is marked.
    pub(super) earlier: BTreeMap<String, (usize, bool)>,
    /// Clauses of the contract that come later, for a better message.
    pub(super) later: Vec<String>,
    pub(super) currency: Currency,
    pub(super) depth: usize,
    pub(super) size: usize,
}

/// How deep an expression may go, and how many parts it may have, with its definitions put in:
/// far above what a contract says, far below what would exhaust the stack.
const MAX_DEPTH: usize = 150;
const MAX_SIZE: usize = 20_000;

struct Scope {
    span: Range<usize>,
    uses: Vec<(String, Use)>,
    within: Vec<String>,
}

impl Lower<'_> {
    /// A value that is a number.
    pub(super) fn number(&mut self, value: &Located<Value>) -> Expr {
        self.expression(value, Type::Number)
    }

    /// A value that holds or does not hold.
    pub(super) fn truth(&mut self, value: &Located<Value>) -> Expr {
        self.expression(value, Type::Truth)
    }

    /// A number made of a text of ours, such as the default quantity of a kind.
    pub(super) fn own(&mut self, text: &str, span: &Range<usize>) -> Expr {
        self.number(&Located {
            value: Value::Text(text.to_owned()),
            span: span.clone(),
        })
    }

    fn expression(&mut self, value: &Located<Value>, wanted: Type) -> Expr {
        let mut scope = Scope {
            span: value.span.clone(),
            uses: Vec::new(),
            within: Vec::new(),
        };
        let text = value.value.to_string();
        (self.depth, self.size) = (0, 0);
        let node = match &value.value {
            Value::Number(number) => Some((Node::Number(*number), Type::Number)),
            Value::Text(text) => self
                .text(text, &mut scope)
                .and_then(|lowered| match lowered {
                    Lowered::Value(node, of) => Some((node, of)),
                    Lowered::Text(_) | Lowered::NoText(_) => {
                        self.problem(
                            &scope,
                            &(0..text.len()),
                            "a number is needed here, not a text",
                        );
                        None
                    }
                }),
        };
        let node = match node {
            Some((node, of)) => {
                if of != wanted {
                    let words = match wanted {
                        Type::Number => "a number is needed here, not a condition",
                        Type::Truth => "a condition is needed here, such as `a >= b`",
                    };
                    self.problems.push(Problem::at(&value.span, words));
                }
                node
            }
            None => Node::Number(Decimal::ZERO),
        };
        scope.uses.dedup();
        Expr {
            node,
            text,
            uses: scope.uses,
            span: value.span.clone(),
        }
    }

    fn text(&mut self, text: &str, scope: &mut Scope) -> Option<Lowered> {
        match parse_expression(text) {
            Ok(ast) => self.lower(&ast, scope),
            Err(error) => {
                self.problem(scope, &error.span.clone(), &error.message);
                None
            }
        }
    }

    fn problem(&mut self, scope: &Scope, inner: &Range<usize>, message: &str) {
        self.problems
            .push(Problem::at(&place(scope, inner), message));
    }

    fn lower(&mut self, ast: &Ast, scope: &mut Scope) -> Option<Lowered> {
        self.depth += 1;
        self.size += 1;
        let lowered = if self.depth > MAX_DEPTH || self.size > MAX_SIZE {
            self.problems.push(
                Problem::at(
                    &scope.span,
                    "this expression is too long or too deep, with its definitions put in",
                )
                .help(format!(
                    "at most {MAX_DEPTH} levels and {MAX_SIZE} parts: give parts of a long sum a name under [define], or make clauses of them"
                )),
            );
            None
        } else {
            self.lower_one(ast, scope)
        };
        self.depth -= 1;
        lowered
    }

    fn lower_one(&mut self, ast: &Ast, scope: &mut Scope) -> Option<Lowered> {
        match &ast.node {
            AstNode::Number(number) => Some(Lowered::Value(Node::Number(*number), Type::Number)),
            AstNode::Text(text) => Some(Lowered::Text(Some(text.clone()))),
            AstNode::Name(name, inner) => self.name(name, inner.as_deref(), ast, scope),
            AstNode::Negate(inner) => {
                let node = self.typed(inner, Type::Number, scope)?;
                Some(Lowered::Value(
                    match node {
                        Node::Number(number) => Node::Number(-number),
                        other => Node::Negate(Box::new(other)),
                    },
                    Type::Number,
                ))
            }
            AstNode::Not(inner) => {
                let node = self.typed(inner, Type::Truth, scope)?;
                Some(Lowered::Value(Node::Not(Box::new(node)), Type::Truth))
            }
            AstNode::Binary(operator, a, b) => self.binary(*operator, a, b, scope),
            AstNode::Call(name, arguments) => self.call(name, arguments, ast, scope),
        }
    }

    fn typed(&mut self, ast: &Ast, wanted: Type, scope: &mut Scope) -> Option<Node> {
        match self.lower(ast, scope)? {
            Lowered::Value(node, of) if of == wanted => Some(node),
            // What is absent is of any type.
            Lowered::Value(node @ Node::Absent(_), _) => Some(node),
            Lowered::NoText(reason) => Some(Node::Absent(reason)),
            _ => {
                let words = match wanted {
                    Type::Number => "a number is needed here",
                    Type::Truth => "a condition is needed here, such as `a >= b`",
                };
                self.problem(scope, &ast.span, words);
                None
            }
        }
    }

    fn binary(
        &mut self,
        operator: Operator,
        a: &Ast,
        b: &Ast,
        scope: &mut Scope,
    ) -> Option<Lowered> {
        use Operator as O;
        let (inner, outer) = match operator {
            O::Or | O::And => (Type::Truth, Type::Truth),
            O::Add | O::Subtract | O::Multiply | O::Divide => (Type::Number, Type::Number),
            O::Less | O::LessOrEqual | O::Greater | O::GreaterOrEqual => {
                (Type::Number, Type::Truth)
            }
            O::Equal | O::NotEqual => return self.equality(operator, a, b, scope),
        };
        let left = self.typed(a, inner, scope)?;
        let right = self.typed(b, inner, scope)?;
        // Constants fold, so that a share per track costs nothing at settlement.
        if let (Some(x), Some(y)) = (left.constant(), right.constant())
            && let Ok(value) = apply(operator, x, y)
            && !matches!(operator, O::Or | O::And)
        {
            return Some(Lowered::Value(Node::Number(value), outer));
        }
        Some(Lowered::Value(
            Node::Binary(operator, Box::new((left, right))),
            outer,
        ))
    }

    fn equality(
        &mut self,
        operator: Operator,
        a: &Ast,
        b: &Ast,
        scope: &mut Scope,
    ) -> Option<Lowered> {
        for (name, text) in [(a, b), (b, a)] {
            self.never(name, text, scope);
        }
        let (left, right) = (self.lower(a, scope)?, self.lower(b, scope)?);
        let node = match (left, right) {
            (Lowered::Text(Some(x)), Lowered::Text(Some(y))) => {
                let holds = (x == y) == (operator == Operator::Equal);
                Node::Number(Decimal::from_i64(i64::from(holds)))
            }
            // Checked without a contract: either answer is possible.
            (Lowered::Text(_), Lowered::Text(_)) => Node::ContractYear,
            (Lowered::NoText(reason), _) | (_, Lowered::NoText(reason)) => Node::Absent(reason),
            (Lowered::Value(x, _), Lowered::Value(y, _)) => {
                Node::Binary(operator, Box::new((x, y)))
            }
            _ => {
                self.problem(
                    scope,
                    &(a.span.start..b.span.end),
                    "a text is compared with a number",
                );
                return None;
            }
        };
        Some(Lowered::Value(node, Type::Truth))
    }
}

/// The place in the file of a part of an expression: its text starts after the opening quote.
fn place(scope: &Scope, inner: &Range<usize>) -> Range<usize> {
    let start = scope.span.start + 1 + inner.start;
    let end = (scope.span.start + 1 + inner.end).min(scope.span.end);
    if start < end {
        start..end
    } else {
        scope.span.clone()
    }
}
