//! Slices of a wallet: which slice of a smaller pie is as much as what a member has now. Not
//! responsible for drivers.

use super::ask;
use super::study::{Place, unknown};
use super::words;
use super::{AlignError, Alignment, AlignmentRow, RowKind};
use crate::money::{Decimal, Rounding};
use crate::settle::Plan;
use crate::terms::{Kind, Located, Value};

/// A larger slice of a smaller pie: for each member of a wallet the slice of the next period's
/// spend that is as much as what it has now.
pub(super) fn wallets(
    place: &Place<'_>,
    plan: &Plan,
    all: &mut Alignment,
) -> Result<(), AlignError> {
    if place.given.driver.is_some() {
        return Ok(());
    }
    for clause in place.spec.source.clause.iter().map(|c| &c.value) {
        let (Kind::Wallet, Some(spend), Some(members)) =
            (clause.kind.value, &clause.spend, &clause.members)
        else {
            continue;
        };
        if place.assumptions.get("spend_now").is_none() {
            all.findings.push(unknown("spend_now", place));
            continue;
        }
        let known = members.value.iter().filter(|m| m.current.is_some());
        let questions: Vec<_> = known
            .clone()
            .filter_map(|m| m.current.as_ref())
            .map(|current| {
                Located::bare(Value::Text(format!(
                    "({}) * spend_now / ({})",
                    current.value, spend.value
                )))
            })
            .collect();
        let names = place.assumptions.names();
        let answers = ask::ask(
            place.spec,
            place.facts,
            place.contract_id,
            place.act,
            &questions,
            &names,
        )?;
        for (member, answer) in known.zip(answers) {
            let name = &member.supplier.value;
            let (share, verdict) = match answer {
                Ok(share) => (
                    Some(share.round(8, Rounding::HalfEven).normalized()),
                    format!(
                        "A slice of {} of the next spend is as much for {name} as what it has \
                         now; below it a larger slice of a smaller pie is a loss at equal margin.",
                        words::percent(share)
                    ),
                ),
                Err(reason) => (
                    None,
                    format!("The break-even slice of {name} is not known: {reason}."),
                ),
            };
            all.rows.push(AlignmentRow {
                contract_id: place.contract_id.to_owned(),
                clause_id: clause.id.value.clone(),
                period: place.act.to_string(),
                driver: format!("slice:{name}"),
                unit: format!("slice of {name}"),
                kind: RowKind::Slice,
                horizon_years: 1,
                region_from: None,
                region_to: None,
                now: Decimal::ZERO,
                marginal_payment: None,
                marginal_profit: None,
                marginal_customer: None,
                break_even_share: share,
                break_even_cost: None,
                notch: None,
                profit: None,
                currency: plan.currency(),
                exact: true,
                verdict,
            });
        }
    }
    Ok(())
}
