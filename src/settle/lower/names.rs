//! What a name in an expression stands for: a measure, parameter, lookup, definition or earlier
//! clause. Not responsible for functions (see [`super::calls`]).

use super::super::node::Node;
use super::super::parameters::ParameterValue;
use super::{Lower, Lowered, Origin, Scope, Slot, Type, Use, place};
use crate::money::Decimal;
use crate::terms::{Ast, AstNode, CellType, Located, Problem, Value, suggestion};

impl Lower<'_> {
    /// A comparison of a parameter with a text that is none of its declared values.
    pub(super) fn never(&mut self, name: &Ast, text: &Ast, scope: &Scope) {
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

    pub(super) fn name(
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
        let known = self.source.known_aggregate(name);
        if declared.is_none() && known.is_none() {
            self.unknown(name, ast, scope);
            return None;
        }
        let from = declared.and_then(|m| m.currency.as_ref()).map(|c| c.value);
        let slot = Slot {
            name: name.to_owned(),
            scope: inner.map(str::to_owned),
            aggregate: declared
                .and_then(|m| m.aggregate)
                .or(known)
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

    pub(super) fn slot(&mut self, slot: Slot) -> usize {
        match self.slots.iter().position(|s| *s == slot) {
            Some(index) => index,
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        }
    }

    pub(super) fn unknown(&mut self, name: &str, ast: &Ast, scope: &Scope) {
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
        known.extend(self.source.scores.iter().map(String::as_str));
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

    pub(super) fn definition(
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

    pub(super) fn parameter(&mut self, name: &str, scope: &mut Scope) -> Lowered {
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

    pub(super) fn lookup(
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
}
