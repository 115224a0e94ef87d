//! The expressions of a terms file: text to tree. Not responsible for what a name means (see
//! [`crate::settle`], which binds names to measures, parameters and clauses).
//!
//! Grammar, loosest first: `or`, `and`, `not`, comparison (`< <= > >= == !=`), `+ -`, `* /`,
//! unary `-`, then a number (with an optional `%`), a text in single or double quotes, a name
//! (with an optional scope in brackets), a call `name(a, b)` or a group `( )`.

use std::ops::Range;

use crate::money::{Decimal, Rounding};

/// A node and its bytes in the expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Ast {
    /// What it is.
    pub node: AstNode,
    /// Where in the text.
    pub span: Range<usize>,
}

/// What an expression is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum AstNode {
    /// A number.
    Number(Decimal),
    /// A text in quotes.
    Text(String),
    /// A name, with its scope if one is given: `sla_attainment["P1"]`.
    Name(String, Option<String>),
    /// A call.
    Call(String, Vec<Ast>),
    /// `-x`.
    Negate(Box<Ast>),
    /// `not x`.
    Not(Box<Ast>),
    /// Two operands.
    Binary(Operator, Box<Ast>, Box<Ast>),
}

/// An operator of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Operator {
    Or,
    And,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    /// What is wrong.
    pub message: String,
    /// Where in the text.
    pub span: Range<usize>,
}

/// Expressions deeper than this are refused, so that no input can exhaust the stack.
const MAX_DEPTH: usize = 64;

/// Expressions longer than this are refused: a chain of operators is a deep tree as well.
const MAX_TOKENS: usize = 1_000;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(Decimal),
    Text(String),
    Name(String),
    Symbol(&'static str),
    End,
}

/// Reads an expression.
///
/// # Errors
/// The first place that is no expression, and what was expected there.
pub fn parse(text: &str) -> Result<Ast, ExprError> {
    let tokens = tokens(text)?;
    if let Some((_, span)) = tokens.get(MAX_TOKENS) {
        return Err(ExprError {
            message: format!(
                "the expression has more than {MAX_TOKENS} words and signs: give parts of it a name under [define]"
            ),
            span: span.clone(),
        });
    }
    let mut parser = Parser {
        tokens,
        at: 0,
        depth: 0,
    };
    let ast = parser.or()?;
    match parser.peek() {
        (Token::End, _) => Ok(ast),
        (token, span) => Err(ExprError {
            message: format!("an operator was expected here, not {}", describe(token)),
            span: span.clone(),
        }),
    }
}

fn describe(token: &Token) -> String {
    match token {
        Token::Number(n) => format!("the number {n}"),
        Token::Text(t) => format!("the text `{t}`"),
        Token::Name(n) => format!("`{n}`"),
        Token::Symbol(s) => format!("`{s}`"),
        Token::End => "the end".to_owned(),
    }
}

const SYMBOLS: &[&str] = &[
    "<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "(", ")", "[", "]", ",", "−", "×", "≤",
    "≥",
];

fn tokens(text: &str) -> Result<Vec<(Token, Range<usize>)>, ExprError> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        let Some(first) = rest.chars().next() else {
            break;
        };
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (token, length) = if first.is_ascii_digit() {
            number(rest, at)?
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            (Token::Name(rest[..length].to_owned()), length)
        } else if first == '"' || first == '\'' {
            let body = &rest[1..];
            let end = body.find(first).ok_or_else(|| ExprError {
                message: "this text has no closing quote".to_owned(),
                span: at..text.len(),
            })?;
            (Token::Text(body[..end].to_owned()), end + 2)
        } else if let Some(symbol) = SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
            let plain = match *symbol {
                "−" => "-",
                "×" => "*",
                "≤" => "<=",
                "≥" => ">=",
                other => other,
            };
            (Token::Symbol(plain), symbol.len())
        } else {
            let message = match first {
                '=' => "one `=` means nothing here: equality is `==`".to_owned(),
                '&' => "write `and`".to_owned(),
                '|' => "write `or`".to_owned(),
                '!' => "write `not`".to_owned(),
                '%' => "a percent sign stands right after a number".to_owned(),
                other => format!("`{other}` has no meaning in an expression"),
            };
            return Err(ExprError {
                message,
                span: at..at + first.len_utf8(),
            });
        };
        found.push((token, at..at + length));
        at += length;
    }
    found.push((Token::End, text.len()..text.len()));
    Ok(found)
}

fn number(rest: &str, at: usize) -> Result<(Token, usize), ExprError> {
    let length = rest
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
        .unwrap_or(rest.len());
    let wrong = |message: String| ExprError {
        message,
        span: at..at + length,
    };
    let value: Decimal = rest[..length].parse().map_err(|e| wrong(format!("{e}")))?;
    if rest[length..].starts_with('%') {
        let hundredth = Decimal::from_cents(1);
        let value = value
            .checked_mul(hundredth)
            .map_err(|e| wrong(format!("{e}")))?;
        return Ok((Token::Number(value.normalized()), length + 1));
    }
    Ok((Token::Number(value), length))
}

struct Parser {
    tokens: Vec<(Token, Range<usize>)>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &(Token, Range<usize>) {
        // The last token is `End` and is never passed.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> (Token, Range<usize>) {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let hit = matches!(&self.peek().0, Token::Symbol(s) if *s == symbol);
        if hit {
            self.at += 1;
        }
        hit
    }

    fn word(&mut self, word: &str) -> bool {
        let hit = matches!(&self.peek().0, Token::Name(n) if n == word);
        if hit {
            self.at += 1;
        }
        hit
    }

    fn expect(&mut self, symbol: &str) -> Result<Range<usize>, ExprError> {
        let span = self.peek().1.clone();
        if self.symbol(symbol) {
            return Ok(span);
        }
        Err(ExprError {
            message: format!(
                "`{symbol}` was expected here, not {}",
                describe(&self.peek().0)
            ),
            span,
        })
    }

    fn deeper(&mut self) -> Result<(), ExprError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ExprError {
                message: format!("the expression is nested more than {MAX_DEPTH} deep"),
                span: self.peek().1.clone(),
            });
        }
        Ok(())
    }

    fn or(&mut self) -> Result<Ast, ExprError> {
        self.deeper()?;
        let mut left = self.and()?;
        while self.word("or") {
            left = binary(Operator::Or, left, self.and()?);
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Result<Ast, ExprError> {
        let mut left = self.not()?;
        while self.word("and") {
            left = binary(Operator::And, left, self.not()?);
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Ast, ExprError> {
        let start = self.peek().1.start;
        if self.word("not") {
            self.deeper()?;
            let inner = self.not()?;
            self.depth -= 1;
            let span = start..inner.span.end;
            return Ok(Ast {
                node: AstNode::Not(Box::new(inner)),
                span,
            });
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Ast, ExprError> {
        let left = self.sum()?;
        let table = [
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        for (symbol, operator) in table {
            if self.symbol(symbol) {
                return Ok(binary(operator, left, self.sum()?));
            }
        }
        Ok(left)
    }

    fn sum(&mut self) -> Result<Ast, ExprError> {
        let mut left = self.product()?;
        loop {
            left = if self.symbol("+") {
                binary(Operator::Add, left, self.product()?)
            } else if self.symbol("-") {
                binary(Operator::Subtract, left, self.product()?)
            } else {
                return Ok(left);
            };
        }
    }

    fn product(&mut self) -> Result<Ast, ExprError> {
        let mut left = self.unary()?;
        loop {
            left = if self.symbol("*") {
                binary(Operator::Multiply, left, self.unary()?)
            } else if self.symbol("/") {
                binary(Operator::Divide, left, self.unary()?)
            } else {
                return Ok(left);
            };
        }
    }

    fn unary(&mut self) -> Result<Ast, ExprError> {
        let start = self.peek().1.start;
        if self.symbol("-") {
            self.deeper()?;
            let inner = self.unary()?;
            self.depth -= 1;
            let span = start..inner.span.end;
            return Ok(Ast {
                node: AstNode::Negate(Box::new(inner)),
                span,
            });
        }
        self.atom()
    }

    fn atom(&mut self) -> Result<Ast, ExprError> {
        let (token, span) = self.next();
        match token {
            Token::Number(value) => Ok(Ast {
                node: AstNode::Number(value),
                span,
            }),
            Token::Text(text) => Ok(Ast {
                node: AstNode::Text(text),
                span,
            }),
            Token::Name(name) if self.symbol("(") => {
                let mut arguments = Vec::new();
                if !self.symbol(")") {
                    loop {
                        arguments.push(self.or()?);
                        if !self.symbol(",") {
                            break;
                        }
                    }
                    self.expect(")")?;
                }
                let end = self.tokens[self.at - 1].1.end;
                Ok(Ast {
                    node: AstNode::Call(name, arguments),
                    span: span.start..end,
                })
            }
            Token::Name(name) if self.symbol("[") => {
                let (scope, scope_span) = self.next();
                let Token::Text(scope) = scope else {
                    return Err(ExprError {
                        message: "a scope is a text in quotes, such as [\"P1\"]".to_owned(),
                        span: scope_span,
                    });
                };
                let end = self.expect("]")?.end;
                Ok(Ast {
                    node: AstNode::Name(name, Some(scope)),
                    span: span.start..end,
                })
            }
            Token::Name(name) => Ok(Ast {
                node: AstNode::Name(name, None),
                span,
            }),
            Token::Symbol("(") => {
                let inner = self.or()?;
                self.expect(")")?;
                Ok(inner)
            }
            other => Err(ExprError {
                message: format!("a value was expected here, not {}", describe(&other)),
                span,
            }),
        }
    }
}

fn binary(operator: Operator, left: Ast, right: Ast) -> Ast {
    let span = left.span.start..right.span.end;
    Ast {
        node: AstNode::Binary(operator, Box::new(left), Box::new(right)),
        span,
    }
}

/// The rounding that a function name stands for: `round` is half up.
#[must_use]
pub fn rounding_function(name: &str) -> Option<Rounding> {
    match name {
        "round" => Some(Rounding::HalfUp),
        "round_half_even" => Some(Rounding::HalfEven),
        "round_down" => Some(Rounding::Down),
        _ => None,
    }
}

/// The functions of the language, with their arguments, for messages and documentation.
pub const FUNCTIONS: &[(&str, &str)] = &[
    ("min", "min(a, b, …)"),
    ("max", "max(a, b, …)"),
    ("abs", "abs(x)"),
    ("if", "if(condition, then, else)"),
    ("clamp", "clamp(x, low, high)"),
    ("round", "round(x, decimals)"),
    ("round_half_even", "round_half_even(x, decimals)"),
    ("round_down", "round_down(x, decimals)"),
    ("by_year", "by_year(first, second, …)"),
    ("known", "known(x)"),
    ("or_else", "or_else(x, otherwise)"),
    ("previous", "previous(x)"),
    ("interpolate", "interpolate(x, at1, value1, at2, value2, …)"),
    ("relieved", "relieved(\"measure\", \"service\")"),
    ("relief_share", "relief_share(\"measure\", \"service\")"),
    (
        "attributed",
        "attributed(\"party\", \"service\", \"priority\")",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence_and_percent() {
        let shown = |t: &str| format!("{:?}", strip(&parse(t).unwrap()));
        assert_eq!(shown("1 + 2 * 3"), shown("1 + (2 * 3)"));
        assert_eq!(
            shown("a or b and not c == d"),
            shown("a or (b and (not (c == d)))")
        );
        assert_eq!(
            parse("2.5%").unwrap().node,
            AstNode::Number("0.025".parse().unwrap())
        );
        assert_eq!(shown("a − 2 × b"), shown("a - 2 * b"));
    }

    fn strip(ast: &Ast) -> String {
        match &ast.node {
            AstNode::Binary(op, a, b) => format!("({} {op:?} {})", strip(a), strip(b)),
            AstNode::Not(a) => format!("not {}", strip(a)),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn refusals_name_the_place() {
        for (text, start, words) in [
            ("1 +", 3, "a value was expected"),
            ("a b", 2, "an operator was expected"),
            ("a = b", 2, "`==`"),
            ("min(a, b", 8, "`)`"),
            ("x[1]", 2, "in quotes"),
            ("1.2.3", 0, "decimal"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.span.start, start, "{text}: {error}");
            assert!(error.message.contains(words), "{text}: {error}");
        }
        assert!(parse(&"(".repeat(10_000)).is_err());
        assert!(parse(&"-".repeat(10_000)).is_err());
        assert!(parse(&"1 + ".repeat(10_000)).is_err());
    }
}
