//! From the text of an expression to a [`Node`]: binds names to measures, parameters, lookups,
//! definitions and earlier clauses, and checks that numbers, truths and texts are not mixed.
//! Not responsible for evaluation.

use std::collections::BTreeMap;
use std::ops::Range;

use super::node::{Node, apply};
use super::parameters::{ParameterRow, ParameterValue};
use crate::money::{Currency, Decimal};
use crate::terms::{
    Aggregate, Ast, AstNode, CellType, FUNCTIONS, Located, Operator, Problem, TermsSource, Value,
    catalogue_aggregate, parse_expression, rounding_function, suggestion,
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

    /// A comparison of a parameter with a text that is none of its declared values.
    fn never(&mut self, name: &Ast, text: &Ast, scope: &Scope) {
        let (AstNode::Name(name, None), AstNode::Text(word)) = (&name.node, &text.node) else {
            return;
        };
        let declared = self.source.parameters.get(name);
        let Some(known) = declared.and_then(|p| p.value.one_of.as_ref()) else {
            return;
        };
        if !known.contains(word) {
            let words: Vec<&str> = known.iter().map(String::as_str).collect();
            self.problems.push(
                Problem::at(
                    &place(scope, &text.span),
                    format!("`{word}` never occurs: it is no value of `{name}`"),
                )
                .help(suggestion(word, &words)),
            );
        }
    }

    fn name(
        &mut self,
        name: &str,
        inner: Option<&str>,
        ast: &Ast,
        scope: &mut Scope,
    ) -> Option<Lowered> {
        match (name, inner) {
            ("true", None) => return Some(Lowered::Value(Node::Number(Decimal::ONE), Type::Truth)),
            ("false", None) => {
                return Some(Lowered::Value(Node::Number(Decimal::ZERO), Type::Truth));
            }
            ("contract_year", None) => {
                return Some(Lowered::Value(Node::ContractYear, Type::Number));
            }
            ("months", None) => return Some(Lowered::Value(Node::Months, Type::Number)),
            _ => {}
        }
        if let Some((clause, rebased)) = self.earlier.get(name).copied() {
            let (node, used) = if rebased {
                (Node::Rebased(clause), Use::Rebased(clause))
            } else {
                (Node::Clause(clause), Use::Clause(clause))
            };
            scope.uses.push((name.to_owned(), used));
            return Some(Lowered::Value(node, Type::Number));
        }
        if let Some(definition) = self.define.get(name) {
            return self.definition(name, &definition.clone(), scope);
        }
        if let Some(lookup) = self.source.lookup.get(name) {
            let lookup = lookup.value.clone();
            return self.lookup(name, &lookup, scope);
        }
        if self.source.parameters.contains_key(name) {
            return Some(self.parameter(name, scope));
        }
        let declared = self.source.measures.get(name).map(|m| &m.value);
        if declared.is_none() && catalogue_aggregate(name).is_none() {
            self.unknown(name, ast, scope);
            return None;
        }
        let from = declared.and_then(|m| m.currency.as_ref()).map(|c| c.value);
        let slot = Slot {
            name: name.to_owned(),
            scope: inner.map(str::to_owned),
            aggregate: declared
                .and_then(|m| m.aggregate)
                .or_else(|| catalogue_aggregate(name))
                .unwrap_or_default(),
            convert: from
                .filter(|c| *c != self.currency)
                .map(|c| (c, self.currency)),
            default: declared.and_then(|m| m.default),
            origin: Origin::Measure,
        };
        let index = self.slot(slot);
        let shown = inner.map_or_else(|| name.to_owned(), |i| format!("{name}[{i}]"));
        scope.uses.push((shown, Use::Slot(index)));
        let of = match declared.and_then(|m| m.cell.as_ref()).map(|c| c.value) {
            Some(CellType::Flag) => Type::Truth,
            _ if name == "integrity_cleared" => Type::Truth,
            _ => Type::Number,
        };
        Some(Lowered::Value(Node::Slot(index), of))
    }

    fn slot(&mut self, slot: Slot) -> usize {
        match self.slots.iter().position(|s| *s == slot) {
            Some(index) => index,
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        }
    }

    /// `relieved`, `relief_share` and `attributed`: what the parties agreed beside the measures.
    fn agreed(
        &mut self,
        name: &str,
        arguments: &[Ast],
        ast: &Ast,
        scope: &mut Scope,
    ) -> Option<Lowered> {
        let mut texts = Vec::with_capacity(arguments.len());
        for argument in arguments {
            match self.lower(argument, scope)? {
                Lowered::Text(text) => texts.push(text.unwrap_or_default()),
                Lowered::NoText(reason) => {
                    return Some(Lowered::Value(Node::Absent(reason), Type::Number));
                }
                Lowered::Value(..) => {
                    self.problems.push(
                        Problem::at(&place(scope, &argument.span), "a text is needed here")
                            .help("write it in quotes, of the other kind than those around the expression"),
                    );
                    return None;
                }
            }
        }
        let shown = format!(
            "{}({})",
            if name == "attributed" {
                name
            } else {
                "relief_share"
            },
            texts.join(", ")
        );
        let mut texts = texts.into_iter();
        let origin = if name == "attributed" {
            Origin::Weight {
                party: texts.next()?,
                service: texts.next(),
                priority: texts.next(),
            }
        } else {
            if let Some(kpi) = arguments.first()
                && let AstNode::Text(kpi) = &kpi.node
                && !self.source.measures.contains_key(kpi)
                && catalogue_aggregate(kpi).is_none()
            {
                let measures = self.source.measures.keys();
                let known = measures.map(String::as_str).chain(crate::terms::known());
                let help = crate::terms::nearest(kpi, known).map_or_else(
                    || "name a measure of the terms or the KPI catalogue, as the table of relief events does".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                self.problems.push(
                    Problem::at(&place(scope, &ast.span), format!("`{kpi}` is no measure"))
                        .help(help),
                );
            }
            Origin::Relief {
                kpi: texts.next(),
                service: texts.next(),
            }
        };
        let index = self.slot(Slot {
            name: shown.clone(),
            scope: None,
            aggregate: Aggregate::None,
            convert: None,
            default: None,
            origin,
        });
        scope.uses.push((shown, Use::Slot(index)));
        Some(if name == "relieved" {
            let pair = (Node::Slot(index), Node::Number(Decimal::ZERO));
            Lowered::Value(Node::Binary(Operator::Greater, Box::new(pair)), Type::Truth)
        } else {
            Lowered::Value(Node::Slot(index), Type::Number)
        })
    }

    fn unknown(&mut self, name: &str, ast: &Ast, scope: &Scope) {
        let place = place(scope, &ast.span);
        if self.later.iter().any(|id| id == name) {
            self.problems.push(
                Problem::at(
                    &place,
                    format!("clause `{name}` comes later, so it has no amount yet"),
                )
                .help("a contract's clauses settle in their order: move it up"),
            );
            return;
        }
        let mut known: Vec<&str> = self.source.measures.keys().map(String::as_str).collect();
        known.extend(self.source.parameters.keys().map(String::as_str));
        known.extend(self.source.lookup.keys().map(String::as_str));
        known.extend(self.define.keys().map(String::as_str));
        known.extend(self.earlier.keys().map(String::as_str));
        known.extend(["contract_year", "months"]);
        let near = known.iter().copied().chain(crate::terms::known());
        let help = match crate::terms::nearest(name, near) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "declare it under [measures.{name}] or [parameters.{name}]; known here: {}",
                known.join(", ")
            ),
        };
        self.problems.push(
            Problem::at(
                &place,
                format!("`{name}` is no measure, parameter, definition or earlier clause"),
            )
            .label("not known here")
            .help(help),
        );
    }

    fn definition(
        &mut self,
        name: &str,
        definition: &Located<Value>,
        scope: &mut Scope,
    ) -> Option<Lowered> {
        if scope.within.iter().any(|n| n == name) {
            self.problems.push(
                Problem::at(&definition.span, format!("`{name}` is defined by itself"))
                    .help(format!("the circle: {} → {name}", scope.within.join(" → "))),
            );
            return None;
        }
        match &definition.value {
            Value::Number(number) => Some(Lowered::Value(Node::Number(*number), Type::Number)),
            Value::Text(text) => {
                let mut inner = Scope {
                    span: definition.span.clone(),
                    uses: Vec::new(),
                    within: scope
                        .within
                        .iter()
                        .cloned()
                        .chain([name.to_owned()])
                        .collect(),
                };
                let lowered = self.text(text, &mut inner);
                scope.uses.extend(inner.uses);
                lowered
            }
        }
    }

    fn parameter(&mut self, name: &str, scope: &mut Scope) -> Lowered {
        let cell = self
            .source
            .parameters
            .get(name)
            .and_then(|p| p.value.cell.as_ref())
            .map_or(CellType::Number, |c| c.value);
        let Some(row) = self.parameters else {
            return match cell {
                CellType::Text => Lowered::Text(None),
                CellType::Flag => Lowered::Value(Node::ContractYear, Type::Truth),
                _ => Lowered::Value(Node::ContractYear, Type::Number),
            };
        };
        let of = if cell == CellType::Flag {
            Type::Truth
        } else {
            Type::Number
        };
        match row.get(name) {
            Some(ParameterValue::Number(number)) => {
                scope
                    .uses
                    .push((name.to_owned(), Use::Given(number.to_string())));
                Lowered::Value(Node::Number(*number), of)
            }
            Some(ParameterValue::Text(text)) => {
                scope.uses.push((name.to_owned(), Use::Given(text.clone())));
                Lowered::Text(Some(text.clone()))
            }
            Some(ParameterValue::Date(date)) => Lowered::NoText(format!(
                "parameter `{name}` is a date ({date}), not a number"
            )),
            Some(ParameterValue::Missing(reason)) => {
                let reason = format!("parameter `{name}`: {reason}");
                if cell == CellType::Text {
                    Lowered::NoText(reason)
                } else {
                    Lowered::Value(Node::Absent(reason), of)
                }
            }
            None => {
                let reason = format!("parameter `{name}` is not in the parameter table");
                if cell == CellType::Text {
                    Lowered::NoText(reason)
                } else {
                    Lowered::Value(Node::Absent(reason), of)
                }
            }
        }
    }

    fn lookup(
        &mut self,
        name: &str,
        lookup: &crate::terms::LookupSource,
        scope: &mut Scope,
    ) -> Option<Lowered> {
        let is_text = self
            .source
            .parameters
            .get(&lookup.by.value)
            .and_then(|p| p.value.cell.as_ref())
            .is_some_and(|c| c.value == CellType::Text);
        if !is_text {
            self.problems.push(
                Problem::at(
                    &lookup.by.span,
                    format!("`{}` is no text parameter", lookup.by.value),
                )
                .help("a lookup goes by a parameter of type = \"text\""),
            );
            return None;
        }
        let key = self.parameter(&lookup.by.value.clone(), scope);
        match key {
            Lowered::Text(Some(key)) => match lookup.values.get(&key).or(lookup.otherwise.as_ref())
            {
                Some(value) => {
                    let lowered = self.definition(name, &value.clone(), scope);
                    if let Some(Lowered::Value(Node::Number(number), _)) = &lowered {
                        scope
                            .uses
                            .push((name.to_owned(), Use::Given(number.to_string())));
                    }
                    lowered
                }
                None => {
                    let known: Vec<&str> = lookup.values.keys().map(String::as_str).collect();
                    Some(Lowered::Value(
                        Node::Absent(format!(
                            "lookup `{name}` has no entry for {} `{key}` ({})",
                            lookup.by.value,
                            suggestion(&key, &known)
                        )),
                        Type::Number,
                    ))
                }
            },
            Lowered::NoText(reason) => Some(Lowered::Value(Node::Absent(reason), Type::Number)),
            _ => {
                // Without a contract every entry is checked, and one stands for all.
                let mut last = None;
                let values: Vec<_> = lookup
                    .values
                    .values()
                    .chain(lookup.otherwise.as_ref())
                    .cloned()
                    .collect();
                for value in &values {
                    last = self.definition(name, value, scope);
                }
                last.map(|lowered| match lowered {
                    Lowered::Value(_, of) => Lowered::Value(Node::ContractYear, of),
                    Lowered::Text(_) | Lowered::NoText(_) => Lowered::Text(None),
                })
            }
        }
    }

    fn call(
        &mut self,
        name: &str,
        arguments: &[Ast],
        ast: &Ast,
        scope: &mut Scope,
    ) -> Option<Lowered> {
        let Some((_, usage)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = FUNCTIONS.iter().map(|(n, _)| *n).collect();
            self.problems.push(
                Problem::at(
                    &place(scope, &ast.span),
                    format!("there is no function `{name}`"),
                )
                .help(suggestion(name, &known)),
            );
            return None;
        };
        let count = arguments.len();
        let fits = match name {
            "min" | "max" | "by_year" => count >= 1,
            "if" | "clamp" => count == 3,
            "round" | "round_half_even" | "round_down" | "or_else" => count == 2,
            "interpolate" => count >= 5 && count % 2 == 1,
            "relieved" | "relief_share" => count <= 2,
            "attributed" => (1..=3).contains(&count),
            _ => count == 1,
        };
        if !fits {
            self.problem(scope, &ast.span, &format!("this is written {usage}"));
            return None;
        }
        if matches!(name, "relieved" | "relief_share" | "attributed") {
            return self.agreed(name, arguments, ast, scope);
        }
        let mut nodes = Vec::with_capacity(count);
        let mut of = Type::Number;
        for (i, argument) in arguments.iter().enumerate() {
            if name == "known" {
                nodes.push(match self.lower(argument, scope)? {
                    Lowered::Value(node, _) => node,
                    Lowered::Text(_) => Node::Number(Decimal::ONE),
                    Lowered::NoText(reason) => Node::Absent(reason),
                });
            } else if (name == "or_else" || name == "if" || name == "previous")
                && !(name == "if" && i == 0)
            {
                match self.lower(argument, scope)? {
                    Lowered::Value(node, kind) => {
                        of = kind;
                        nodes.push(node);
                    }
                    Lowered::NoText(reason) => nodes.push(Node::Absent(reason)),
                    Lowered::Text(_) => {
                        self.problem(scope, &argument.span, "a number is needed here, not a text");
                        return None;
                    }
                }
            } else {
                let wanted = if name == "if" {
                    Type::Truth
                } else {
                    Type::Number
                };
                nodes.push(self.typed(argument, wanted, scope)?);
            }
        }
        if let Some(rounding) = rounding_function(name) {
            let decimals = nodes
                .pop()
                .and_then(|n| n.constant())
                .and_then(Decimal::to_i64);
            let (Some(decimals), Some(inner)) =
                (decimals.and_then(|d| u8::try_from(d).ok()), nodes.pop())
            else {
                self.problem(
                    scope,
                    &ast.span,
                    "the decimals are a plain number, such as 2",
                );
                return None;
            };
            return Some(Lowered::Value(
                Node::Round(Box::new(inner), decimals, rounding),
                of,
            ));
        }
        let node = match name {
            "min" => Node::Min(nodes),
            "max" => Node::Max(nodes),
            "by_year" => Node::ByYear(nodes),
            "interpolate" => {
                let mut points = nodes.into_iter();
                let x = points.next()?;
                let mut line = Vec::new();
                while let (Some(at), Some(value)) = (points.next(), points.next()) {
                    line.push((at, value));
                }
                let edges: Vec<Decimal> = line.iter().filter_map(|(at, _)| at.constant()).collect();
                if edges.windows(2).any(|w| w[0] >= w[1]) {
                    self.problem(
                        scope,
                        &ast.span,
                        "the points of an interpolation go from the lowest to the highest",
                    );
                    return None;
                }
                Node::Interpolate(Box::new((x, line)))
            }
            "known" => {
                return Some(Lowered::Value(
                    Node::Known(Box::new(nodes.pop()?)),
                    Type::Truth,
                ));
            }
            "abs" => Node::Abs(Box::new(nodes.pop()?)),
            "previous" => Node::Previous(Box::new(nodes.pop()?)),
            "or_else" => {
                let (b, a) = (nodes.pop()?, nodes.pop()?);
                Node::OrElse(Box::new((a, b)))
            }
            _ => {
                let (c, b, a) = (nodes.pop()?, nodes.pop()?, nodes.pop()?);
                match (name, a.constant()) {
                    ("if", Some(known)) => {
                        if known.is_zero() {
                            c
                        } else {
                            b
                        }
                    }
                    ("if", None) => Node::If(Box::new((a, b, c))),
                    _ => Node::Clamp(Box::new((a, b, c))),
                }
            }
        };
        Some(Lowered::Value(node, of))
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
