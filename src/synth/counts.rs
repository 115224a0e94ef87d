//! The truths of a world as values, without writing a file: for judging estimators over many
//! seeds. Responsible for the same numbers as `truth/incidents.csv`; not for any judgement.

use rayon::prelude::*;

use super::incidents::{self, ServiceTruth};
use super::slices;
use super::world::{CONTRACTS, MONTHS, SERVICES, SUPPLIERS, World, year_month};
use super::{Options, SynthError};

/// What is true, and what the supplier's tool shows, of one service in one month.
#[derive(Debug, Clone, PartialEq)]
pub struct TrueMonth {
    /// The contract.
    pub contract_id: &'static str,
    /// Its supplier.
    pub supplier_id: &'static str,
    /// The service, under the name it has in this month.
    pub service_id: &'static str,
    /// Position of the service in its contract, the same before and after a renaming.
    pub service: usize,
    /// Year of the month.
    pub year: i16,
    /// Number of the month, 1 to 12.
    pub month: u8,
    /// Users, as the exposure table shows them.
    pub users: f64,
    /// Users there would have been without the customer's own decision.
    pub users_without_customer_change: f64,
    /// Mean incidents had nobody changed anything.
    pub expected_counterfactual: f64,
    /// Incidents that would have happened.
    pub drawn_counterfactual: u64,
    /// Of those, gone with users that the customer took away.
    pub removed_by_customer: u64,
    /// Of those, prevented by the supplier.
    pub removed_by_supplier: u64,
    /// Those that happened, without outages.
    pub happened: u64,
    /// Parent and children of outages.
    pub outage_tickets: u64,
    /// Tickets of type incident in the export.
    pub shown_as_incident: u64,
}

/// The truths of every contract, month and service, in that order.
///
/// # Errors
///
/// When the scale makes no sense.
pub fn true_months(options: &Options) -> Result<Vec<TrueMonth>, SynthError> {
    let world = World::new(options)?;
    let units: Vec<(usize, usize)> = (0..CONTRACTS.len())
        .flat_map(|c| (0..MONTHS).map(move |m| (c, m)))
        .collect();
    let made: Vec<Vec<TrueMonth>> = units
        .into_par_iter()
        .map(|(c, m)| unit(&world, c, m))
        .collect();
    Ok(made.into_iter().flatten().collect())
}

fn unit(world: &World, c: usize, m: usize) -> Vec<TrueMonth> {
    let mut truth = [ServiceTruth::default(); SERVICES];
    for slice in slices::of_tickets(world, c, m) {
        for (sum, part) in truth.iter_mut().zip(&incidents::draw(world, &slice).truth) {
            sum.add(part);
        }
    }
    let (year, month) = year_month(m as i64);
    (0..SERVICES)
        .map(|s| TrueMonth {
            contract_id: CONTRACTS[c].id,
            supplier_id: SUPPLIERS[CONTRACTS[c].supplier].id,
            service_id: world.service_id(c, s, m),
            service: s,
            year: year as i16,
            month: month as u8,
            users: world.users(c, s, m),
            users_without_customer_change: world.users_without_drop(c, s, m),
            expected_counterfactual: world.expected(c, s, m),
            drawn_counterfactual: truth[s].counterfactual,
            removed_by_customer: truth[s].removed_by_customer,
            removed_by_supplier: truth[s].removed_by_supplier,
            happened: truth[s].happened,
            outage_tickets: truth[s].cascade,
            shown_as_incident: truth[s].shown(),
        })
        .collect()
}
