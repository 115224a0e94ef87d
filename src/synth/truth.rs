//! The known truths, written beside the data and never read by the engine. Responsible for their
//! files; the values come from the world and from what was drawn.

use std::path::Path;

use super::billing::MonthCost;
use super::incidents::ServiceTruth;
use super::text::cents_text;
use super::world::{BASELINE_MONTHS, CONTRACTS, MONTHS, SERVICES, SUPPLIERS, World, month_label};
use super::writer::{Output, Piece};
use super::{Options, SynthError};

/// Header of the list of tricked tickets.
pub(crate) const TRICKS_HEADER: &str = "ticket_id,contract_id,service_id,trick,initial_priority";

const INCIDENTS_HEADER: &str = "contract_id,service_id,month,users,users_without_customer_change,\
expected_counterfactual,intensity_counterfactual,drawn_counterfactual,removed_by_customer,\
removed_by_supplier,expected_removal_share,happened,relabelled_as_request,\
resubmitted_under_new_number,outage_tickets,shown_as_incident,honest_requests";

const SAVINGS_HEADER: &str = "contract_id,month,currency,counterfactual_usage,saved_by_customer,\
saved_by_supplier,actual_usage,ticket_fees,ticket_fees_prevented";

const DEFECTS_HEADER: &str = "supplier_id,table,row,defect";

/// Collects the truths of every month.
pub(crate) struct Ledger {
    folder: std::path::PathBuf,
    incidents: Output,
    savings: Output,
    defects: Output,
}

impl Ledger {
    /// Opens the truth files.
    pub(crate) fn new(folder: &Path) -> Result<Self, SynthError> {
        Ok(Ledger {
            folder: folder.to_owned(),
            incidents: Output::create(folder, "incidents.csv", INCIDENTS_HEADER)?,
            savings: Output::create(folder, "savings.csv", SAVINGS_HEADER)?,
            defects: Output::create(folder, "defects.csv", DEFECTS_HEADER)?,
        })
    }

    /// Adds one contract's month.
    pub(crate) fn month(
        &mut self,
        world: &World,
        c: usize,
        m: usize,
        truth: &[ServiceTruth; SERVICES],
        cost: &MonthCost,
        defects: &[String],
    ) -> Result<(), SynthError> {
        let contract = &CONTRACTS[c];
        let month = month_label(m as i64);
        let mut rows = Piece::new(false);
        for (s, t) in truth.iter().enumerate() {
            rows.row(&format!(
                "{},{},{month},{},{},{:.4},{:.4},{},{},{},{:.6},{},{},{},{},{},{}",
                contract.id,
                world.service_id(c, s, m),
                world.users(c, s, m),
                world.users_without_drop(c, s, m),
                world.expected(c, s, m),
                world.intensity(c, s, m),
                t.counterfactual,
                t.removed_by_customer,
                t.removed_by_supplier,
                world.removal_share(c, s, m),
                t.happened,
                t.relabelled,
                t.resubmitted,
                t.cascade,
                t.shown(),
                t.requests,
            ));
        }
        self.incidents.append(&rows.close())?;
        let mut rows = Piece::new(false);
        rows.row(&format!(
            "{},{month},{},{},{},{},{},{},{}",
            contract.id,
            contract.currency,
            cents_text(cost.counterfactual),
            cents_text(cost.saved_by_customer),
            cents_text(cost.saved_by_supplier),
            cents_text(cost.actual),
            cents_text(cost.ticket_fees),
            cents_text(cost.ticket_fees_prevented),
        ));
        self.savings.append(&rows.close())?;
        let mut rows = Piece::new(false);
        for defect in defects {
            rows.row(defect);
        }
        self.defects.append(&rows.close())
    }

    /// Writes what holds for the whole world and closes every file.
    pub(crate) fn finish(
        self,
        world: &World,
        options: &Options,
    ) -> Result<Vec<(&'static str, u64)>, SynthError> {
        let mut effects = Output::create(
            &self.folder,
            "effects.csv",
            "contract_id,supplier_id,service_id,conduct,effect_start,full_effect,\
             incident_effect,cost_effect",
        )?;
        let mut rows = Piece::new(false);
        for (c, contract) in CONTRACTS.iter().enumerate() {
            let supplier = &SUPPLIERS[contract.supplier];
            let conduct = if world.games(c, BASELINE_MONTHS) {
                "gaming"
            } else {
                "honest"
            };
            for s in 0..SERVICES {
                let (start, full) = match world.effect_from(c) {
                    Some((from, months)) if world.effect(c, s) > 0.0 => (
                        month_label(from as i64),
                        month_label((from + months - 1) as i64),
                    ),
                    _ => (String::new(), String::new()),
                };
                rows.row(&format!(
                    "{},{},{},{conduct},{start},{full},{:.2},{:.2}",
                    contract.id,
                    supplier.id,
                    world.service_id(c, s, MONTHS - 1),
                    world.effect(c, s),
                    world.saving(c, s),
                ));
            }
        }
        effects.append(&rows.close())?;
        let mut tricks = Output::create(
            &self.folder,
            "gaming.csv",
            "supplier_id,trick,from,share,of,how",
        )?;
        if world.games(CONTRACTS.len() - 1, BASELINE_MONTHS) {
            tricks.append(&gaming().close())?;
        }
        let mut manners = Output::create(
            &self.folder,
            "communication.csv",
            "supplier_id,period,median_s_to_first_notice,update_chance,part_complete_chance,\
             breach_warning_chance,told_afterwards_chance,stated_impact_factor",
        )?;
        let mut rows = Piece::new(false);
        for row in super::notices::manners_rows(world) {
            rows.row(&row);
        }
        manners.append(&rows.close())?;
        let mut about = Output::create(&self.folder, "world.csv", "name,value")?;
        let mut rows = Piece::new(false);
        rows.row(&format!("seed,{}", options.seed));
        rows.row(&format!("scale,{}", options.scale));
        if let Some(lines) = options.invoice_lines {
            rows.row(&format!("invoice_lines,{lines}"));
        }
        rows.row(&format!("scenario,{}", options.scenario));
        rows.row("first_month,2023-01");
        rows.row("performance_from,2025-01");
        rows.row("months,36");
        rows.row(&format!("zone,{}", super::world::ZONE));
        rows.row("export_at,2026-01-15T05:00:00Z");
        about.append(&rows.close())?;
        Ok(vec![
            ("incidents.csv", self.incidents.finish()?),
            ("savings.csv", self.savings.finish()?),
            ("effects.csv", effects.finish()?),
            ("gaming.csv", tricks.finish()?),
            ("communication.csv", manners.finish()?),
            ("defects.csv", self.defects.finish()?),
            ("world.csv", about.finish()?),
        ])
    }
}

fn gaming() -> Piece {
    let mut rows = Piece::new(false);
    let would_miss = "incidents that would miss their target";
    for (trick, share, of, how) in [
        (
            "relabelled_as_request",
            super::world::RELABELLED,
            "incidents of P3 to P5",
            "filed with ticket type request on the same item and category",
        ),
        (
            "held_before_breach",
            0.36,
            would_miss,
            "on hold 2 to 12 minutes of clock before the \
          deadline while work goes on; solved minutes after the hold ends",
        ),
        (
            "priority_lowered_late",
            0.26,
            would_miss,
            "priority lowered by one at 78 to 97 percent \
          of the clock",
        ),
        (
            "bunched_before_deadline",
            0.28,
            would_miss,
            "declared solved at 96.8 to 99.9 percent of \
          the clock",
        ),
        (
            "resubmitted_under_new_number",
            0.5,
            "tickets bunched before the deadline",
            "the same \
          matter comes back under a new number within four hours",
        ),
    ] {
        rows.row(&format!("SUP-C,{trick},2025-01,{share},{of},{how}"));
    }
    rows
}
