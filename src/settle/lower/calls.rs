//! Functions of an expression, with the number and type of what they are given. Not responsible
//! for names (see [`super::names`]).

use super::super::node::Node;
use super::{Lower, Lowered, Origin, Scope, Slot, Type, Use, place};
use crate::money::Decimal;
use crate::terms::{
    Aggregate, Ast, AstNode, FUNCTIONS, Operator, Problem, rounding_function, suggestion,
};

impl Lower<'_> {
    /// `relieved`, `relief_share` and `attributed`: what the parties agreed beside the measures.
    pub(super) fn agreed(
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
                && self.source.known_aggregate(kpi).is_none()
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

    pub(super) fn call(
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
