//! A clause ready to be settled: its body, parties, currencies and days. Not responsible for how
//! it came from the terms (see [`super::kinds`]) or for running it (see [`super::run`]).

use super::algebra::{Bands, Step};
use super::lower::Expr;
use crate::money::{Currency, Rounding};
use crate::terms::{Kind, Per, RoundAt, Within};
use crate::time::Date;

/// One clause of one version of the terms.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clause {
    /// Its number in the plan, the same in every version of the terms.
    pub(super) number: usize,
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) rule: String,
    pub(super) per: Per,
    pub(super) currency: Currency,
    pub(super) pay_in: Currency,
    pub(super) from: Option<Date>,
    pub(super) until: Option<Date>,
    pub(super) when: Option<Expr>,
    pub(super) payees: Payees,
    pub(super) prorate: bool,
    pub(super) decimals: u8,
    pub(super) rounding: Rounding,
    pub(super) round_at: RoundAt,
    pub(super) true_up: Option<Per>,
    pub(super) body: Body,
}

/// Who is on the supplier's side of a clause.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Payees {
    One(String),
    Split(Vec<(String, Expr)>),
}

/// What makes the amount.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    Algebra {
        parts: Vec<Part>,
        steps: Vec<Step>,
        charge: bool,
    },
    Limit {
        over: Vec<usize>,
        low: Option<Expr>,
        high: Vec<Expr>,
        within: Within,
    },
    Holdback {
        over: Vec<usize>,
        share: Expr,
        release: Expr,
        after: Option<u16>,
    },
    CarryForward {
        over: Vec<usize>,
        limit: Option<Expr>,
        expires_after: Option<u16>,
        opening: Option<Expr>,
    },
    Rebase {
        value: Expr,
        to: Expr,
        blend: Option<Expr>,
        every: Per,
        only_down: bool,
    },
    Wallet {
        spend: Expr,
        by_score: bool,
        members: Vec<Member>,
        slices: Vec<Expr>,
    },
}

/// A part of the basis: the whole of it for most kinds, one service level for others.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) name: Option<String>,
    pub(super) excused: Option<Expr>,
    pub(super) value: PartValue,
    pub(super) repeat: Option<Expr>,
    pub(super) factors: Vec<(&'static str, Expr)>,
    pub(super) earn_back: Option<EarnBack>,
}

/// Where a part's value comes from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PartValue {
    Basis(Expr),
    /// 1 when the level is missed, else 0.
    Missed {
        measure: Expr,
        target: Expr,
        lower_is_better: bool,
    },
    /// What the band of the measure says.
    Banded {
        measure: Expr,
        bands: Bands,
    },
    /// A bonus, a malus or nothing.
    BonusMalus {
        measure: Expr,
        target: Expr,
        floor: Option<Expr>,
        lower_is_better: bool,
        bonus: Option<Expr>,
        malus: Option<Expr>,
    },
}

/// How a credit is earned back.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EarnBack {
    pub(super) periods: u16,
    pub(super) when: Option<Expr>,
    pub(super) share: Option<Expr>,
}

/// A supplier in a wallet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub(super) supplier: String,
    pub(super) score: Expr,
    pub(super) current: Option<Expr>,
}
