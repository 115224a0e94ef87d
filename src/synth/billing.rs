//! The invoice lines of one contract's month and what they would have been. Responsible for
//! quantities, prices in whole minor units and corrections; not for how a line is written
//! ([`super::invoices`]) nor for how much is saved ([`super::world`]).

use std::ops::Range;

use super::detail::shares;
use super::incidents::ServiceTruth;
use super::invoices::{Category, Line, write_line};
use super::sample::Draw;
use super::slices::Usage;
use super::world::{CONTRACTS, SERVICES, SUPPLIERS, Topic, World, first_day, year_month};
use super::writer::Piece;

/// Something that is billed by quantity.
pub(crate) struct Item {
    name: &'static str,
    unit: &'static str,
    /// Units that a user needs in a month.
    pub(crate) per_user: f64,
    price: (i64, i64),
}

/// What is billed by quantity, on each cost centre.
pub(crate) const ITEMS: [Item; 5] = [
    Item {
        name: "user seat",
        unit: "seat",
        per_user: 1.0,
        price: (120, 320),
    },
    Item {
        name: "storage block",
        unit: "block",
        per_user: 0.2,
        price: (250, 600),
    },
    Item {
        name: "server hours",
        unit: "hour",
        per_user: 0.5,
        price: (90, 250),
    },
    Item {
        name: "licence",
        unit: "licence",
        per_user: 0.4,
        price: (200, 600),
    },
    Item {
        name: "request handling",
        unit: "request",
        per_user: 0.02,
        price: (900, 2_200),
    },
];

/// Above this an order needs the customer's approval (minor units).
pub(crate) const APPROVAL_LIMIT: i64 = 1_000_000;

/// What a contract's month truly cost, in minor units of the contract's currency.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MonthCost {
    /// Usage had nobody changed anything.
    pub(crate) counterfactual: i64,
    /// Saved because the customer has fewer users.
    pub(crate) saved_by_customer: i64,
    /// Saved by the supplier's initiatives.
    pub(crate) saved_by_supplier: i64,
    /// Usage that was billed.
    pub(crate) actual: i64,
    /// Billed per handled incident.
    pub(crate) ticket_fees: i64,
    /// Per-incident fees that were not billed because the supplier prevented the incident.
    pub(crate) ticket_fees_prevented: i64,
}

/// Price in a month: the drawn price indexed each January (3.0 % for 2024, 2.5 % for 2025).
pub(crate) fn indexed(price: i64, month: usize) -> i64 {
    let factor = [1_000_000, 1_030_000, 1_055_750][(month / 12).min(2)];
    (price * factor + 500_000) / 1_000_000
}

/// Mean usage of a service's month in minor units, before any saving.
pub(crate) fn monthly_usage(world: &World, contract: usize, service: usize, month: usize) -> i64 {
    let mut prices = world.stream(Topic::Fixed, contract, service);
    let users = world.users(contract, service, month);
    ITEMS
        .iter()
        .map(|item| {
            let price = indexed(prices.whole(item.price.0, item.price.1), month);
            (users * item.per_user) as i64 * price
        })
        .sum()
}

/// Identifier of a contract's invoice of a month.
pub(crate) fn invoice_id(contract: usize, month: usize) -> String {
    let (year, number) = year_month(month as i64);
    let name = CONTRACTS[contract].id.trim_start_matches("CT-");
    format!("INV-{name}-{year}{number:02}")
}

/// Reference of the statement about a quarter of 2025 (1 to 4).
pub(crate) fn statement_id(contract: usize, quarter: usize) -> String {
    format!("ST-{}-2025Q{quarter}", CONTRACTS[contract].id)
}

/// Incentive that was invoiced for a quarter of 2025 under an earlier, provisional statement.
pub(crate) fn provisional_incentive(world: &World, contract: usize, quarter: usize) -> i64 {
    let mut draw = world.stream(Topic::Fixed, contract, 200 + quarter);
    (draw.whole(40_000, 160_000) as f64 * world.scale) as i64
}

/// An amount that was billed twice by mistake in this month, if so.
pub(crate) fn billing_error(world: &World, contract: usize, month: usize) -> Option<i64> {
    let mut draw = world.stream(Topic::Fixed, contract, 100 + month);
    (month % 6 == 2).then(|| draw.whole(20_000, 90_000))
}

impl MonthCost {
    /// Adds what another part of the month cost.
    pub(crate) fn add(&mut self, other: &MonthCost) {
        self.counterfactual += other.counterfactual;
        self.saved_by_customer += other.saved_by_customer;
        self.saved_by_supplier += other.saved_by_supplier;
        self.actual += other.actual;
        self.ticket_fees += other.ticket_fees;
        self.ticket_fees_prevented += other.ticket_fees_prevented;
    }
}

/// What slices of an invoice add up to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    /// Lines, which the next one's number follows from.
    pub(crate) lines: u64,
    pub(crate) cost: MonthCost,
}

struct Invoice<'a> {
    contract: usize,
    id: String,
    period: (i64, i64),
    lines: u64,
    net: i64,
    piece: &'a mut Piece,
}

impl<'a> Invoice<'a> {
    fn new(contract: usize, month: usize, before: &Sum, piece: &'a mut Piece) -> Self {
        Invoice {
            contract,
            id: invoice_id(contract, month),
            period: (first_day(month as i64), first_day(month as i64 + 1)),
            lines: before.lines,
            // Usage is all that was billed so far, before tax.
            net: before.cost.actual,
            piece,
        }
    }

    fn add(&mut self, line: &Line<'_>) {
        self.lines += 1;
        if line.category != Category::Tax {
            self.net += line.amount;
        }
        self.write(line, CONTRACTS[self.contract].id);
    }

    fn write(&mut self, line: &Line<'_>, contract_id: &str) {
        let place = (self.contract, contract_id);
        write_line(
            self.piece.bytes(),
            place,
            (&self.id, self.lines),
            self.period,
            line,
        );
        self.piece.end_row();
    }
}

/// Writes a contract's invoice of a month, or what is left of it when `before` are the slices of
/// its usage, and gives its truths and known defects.
pub(crate) fn invoice(
    world: &World,
    (c, m): (usize, usize),
    truth: &[ServiceTruth; SERVICES],
    before: Option<&Sum>,
    piece: &mut Piece,
) -> (MonthCost, Vec<String>) {
    let mut draw = world.stream(Topic::Billing, c, m);
    let mut cost = before.map(|b| b.cost).unwrap_or_default();
    let mut invoice = Invoice::new(c, m, before.unwrap_or(&Sum::default()), piece);
    let period = invoice.period;
    for (service, truth) in truth.iter().enumerate() {
        if before.is_none() {
            let place = (c, m, service);
            let mut write = |charge: &Charge<'_>| charge.write(service, &mut invoice);
            let all = 0..world.detail.centres;
            usage(world, place, all, &mut draw, &mut cost, &mut write);
        }
        tickets(truth, m, &mut invoice, service, &mut cost);
        if m.is_multiple_of(3) {
            let users = world.users(c, service, m) as i64;
            invoice.add(&Line {
                service: Some(service),
                period: (period.0, first_day(m as i64 + 3)),
                amount: users * indexed(85, m),
                quantity: Some(users),
                unit: "subscription",
                price: Some(indexed(85, m)),
                category: Category::Purchase,
                settlement: "",
                corrects: "",
                description: "platform subscription per quarter",
            });
        }
    }
    orders(world, &mut invoice, m, &mut draw);
    corrections(world, &mut invoice, m);
    let notes = defects(&mut invoice, m);
    credits_and_tax(world, &mut invoice, m);
    (cost, notes)
}

/// Adds up a slice of usage without writing it.
pub(crate) fn usage_sum(world: &World, slice: &Usage) -> Sum {
    let mut sum = Sum::default();
    let mut cost = MonthCost::default();
    usage_slice(world, slice, &mut cost, &mut |charge| {
        sum.lines += charge.resources();
    });
    sum.cost = cost;
    sum
}

/// Writes a slice of usage, after what `before` adds up to.
pub(crate) fn usage_lines(world: &World, slice: &Usage, before: &Sum, piece: &mut Piece) {
    let mut invoice = Invoice::new(slice.contract, slice.month, before, piece);
    let mut write = |charge: &Charge<'_>| charge.write(slice.service, &mut invoice);
    usage_slice(world, slice, &mut MonthCost::default(), &mut write);
}

fn usage_slice(
    world: &World,
    slice: &Usage,
    cost: &mut MonthCost,
    charge: &mut dyn FnMut(&Charge<'_>),
) {
    let (c, m) = (slice.contract, slice.month);
    let mut draw = world.slice_stream(Topic::Billing, c, m, slice.number);
    let centres = slice.centres.0..slice.centres.1;
    usage(
        world,
        (c, m, slice.service),
        centres,
        &mut draw,
        cost,
        charge,
    );
}

/// What a cost centre used of an item in a month.
struct Charge<'a> {
    item: &'a Item,
    centre: u64,
    used: i64,
    price: i64,
    /// Resources wanted, on which it is billed.
    wanted: u64,
}

impl Charge<'_> {
    /// Resources with at least one unit each, at least one.
    fn resources(&self) -> u64 {
        self.wanted.min(self.used.unsigned_abs()).max(1)
    }

    /// A line for each resource.
    fn write(&self, service: usize, invoice: &mut Invoice<'_>) {
        let line = Line {
            service: Some(service),
            period: invoice.period,
            amount: self.used * self.price,
            quantity: Some(self.used),
            unit: self.item.unit,
            price: Some(self.price),
            category: Category::Usage,
            settlement: "",
            corrects: "",
            description: "",
        };
        let mut description = format!("{}, cost centre {:04}", self.item.name, 1_000 + self.centre);
        if self.wanted == 1 {
            invoice.add(&Line {
                description: &description,
                ..line
            });
            return;
        }
        let stem = description.len();
        for (resource, part) in shares(self.used, self.resources()).enumerate() {
            description.truncate(stem);
            description.push_str(", resource ");
            description.push_str(&(resource + 1).to_string());
            invoice.add(&Line {
                amount: part * self.price,
                quantity: Some(part),
                description: &description,
                ..line
            });
        }
    }
}

fn usage(
    world: &World,
    (c, m, service): (usize, usize, usize),
    centres: Range<u64>,
    draw: &mut Draw,
    cost: &mut MonthCost,
    charge: &mut dyn FnMut(&Charge<'_>),
) {
    let before = world.users_without_drop(c, service, m) / world.detail.centres as f64;
    let customer = world.customer_share(c, service, m);
    let saving = world.saving(c, service) * world.phase(c, m);
    let mut prices = world.stream(Topic::Fixed, c, service);
    for (kind, item) in ITEMS.iter().enumerate() {
        let price = indexed(prices.whole(item.price.0, item.price.1), m);
        for centre in centres.clone() {
            let noise = draw.lognormal(1.0, 0.06);
            let wanted = draw.stochastic_round(before * item.per_user * noise);
            let kept = draw.stochastic_round(wanted as f64 * (1.0 - customer));
            let used = draw.stochastic_round(kept as f64 * (1.0 - saving));
            cost.counterfactual += wanted * price;
            cost.saved_by_customer += (wanted - kept) * price;
            cost.saved_by_supplier += (kept - used) * price;
            cost.actual += used * price;
            charge(&Charge {
                item,
                centre,
                used,
                price,
                wanted: world
                    .detail
                    .resources_of(centre * ITEMS.len() as u64 + kind as u64),
            });
        }
    }
}

fn tickets(
    truth: &ServiceTruth,
    month: usize,
    invoice: &mut Invoice<'_>,
    service: usize,
    cost: &mut MonthCost,
) {
    let price = indexed(CONTRACTS[invoice.contract].ticket_price, month);
    let count = truth.shown() as i64;
    cost.ticket_fees += count * price;
    cost.ticket_fees_prevented += truth.removed_by_supplier as i64 * price;
    invoice.add(&Line {
        service: Some(service),
        period: invoice.period,
        amount: count * price,
        quantity: Some(count),
        unit: "incident",
        price: Some(price),
        category: Category::Usage,
        settlement: "",
        corrects: "",
        description: "handled incidents",
    });
}

/// The lines of a month's order in minor units: one, or several that each need no approval.
pub(crate) fn order_parts(games: bool, draw: &mut Draw) -> Vec<i64> {
    let mut left = draw.whole(600_000, 1_900_000);
    let split = games && left > APPROVAL_LIMIT;
    let mut parts = Vec::new();
    while left > 0 {
        let part = if split && left > APPROVAL_LIMIT {
            APPROVAL_LIMIT - draw.whole(500, 45_000)
        } else {
            left
        };
        left -= part;
        parts.push(part);
    }
    parts
}

/// One order of hardware a month; the gaming supplier splits it under the approval limit.
fn orders(world: &World, invoice: &mut Invoice<'_>, m: usize, draw: &mut Draw) {
    let description = format!("hardware order {}{:03}", invoice.contract + 1, m + 1);
    for part in order_parts(world.games(invoice.contract, m), draw) {
        invoice.add(&Line {
            service: Some(0),
            period: invoice.period,
            amount: part,
            quantity: Some(1),
            unit: "order",
            price: Some(part),
            category: Category::Purchase,
            settlement: "",
            corrects: "",
            description: &description,
        });
    }
}

/// A line entered twice, and a month later the credit note that takes it back.
fn corrections(world: &World, invoice: &mut Invoice<'_>, m: usize) {
    let c = invoice.contract;
    let line = |amount, period, corrects, description| Line {
        service: Some(1),
        period,
        amount,
        quantity: None,
        unit: "",
        price: None,
        category: Category::Usage,
        settlement: "",
        corrects,
        description,
    };
    if let Some(amount) = billing_error(world, c, m) {
        invoice.add(&line(
            amount,
            invoice.period,
            "",
            "additional work, entered by mistake",
        ));
    }
    if let Some(before) = m.checked_sub(1)
        && let Some(amount) = billing_error(world, c, before)
    {
        let wrong = invoice_id(c, before);
        let period = (first_day(before as i64), first_day(m as i64));
        invoice.add(&line(
            -amount,
            period,
            &wrong,
            "additional work, taken back",
        ));
    }
}

/// The same line twice, and a line of a contract that nobody knows.
fn defects(invoice: &mut Invoice<'_>, m: usize) -> Vec<String> {
    let c = invoice.contract;
    let supplier = SUPPLIERS[CONTRACTS[c].supplier].id;
    let mut notes = Vec::new();
    let line = Line {
        service: Some(2),
        period: invoice.period,
        amount: 12_500 + m as i64,
        quantity: Some(1),
        unit: "visit",
        price: Some(12_500 + m as i64),
        category: Category::Usage,
        settlement: "",
        corrects: "",
        description: "visit on site",
    };
    invoice.add(&line);
    if matches!(m, 6 | 22 | 30) {
        invoice.write(&line, CONTRACTS[c].id);
        notes.push(format!(
            "{supplier},billing,{}/{},duplicate_row",
            invoice.id, invoice.lines
        ));
    }
    if m % 12 == 9 && c % 2 == 1 {
        let unknown = ["CT-A9", "CT-B9", "CT-C9"][CONTRACTS[c].supplier.min(2)];
        invoice.lines += 1;
        invoice.write(&line, unknown);
        notes.push(format!(
            "{supplier},billing,{}/{},out_of_scope",
            invoice.id, invoice.lines
        ));
    }
    notes
}

fn credits_and_tax(world: &World, invoice: &mut Invoice<'_>, m: usize) {
    let c = invoice.contract;
    let plain = |amount, category, settlement, description| Line {
        service: None,
        period: invoice.period,
        amount,
        quantity: None,
        unit: "",
        price: None,
        category,
        settlement,
        corrects: "",
        description,
    };
    let mut extra = Vec::new();
    if (m * 5 + c).is_multiple_of(9) {
        extra.push(plain(
            -(invoice.net / 50),
            Category::Credit,
            "",
            "service level credit",
        ));
    }
    let statement = statement_id(c, (m.saturating_sub(24)) / 3);
    if m > 24 && m.is_multiple_of(3) {
        let amount = provisional_incentive(world, c, (m - 24) / 3);
        let text = "gain share, provisional";
        extra.push(plain(amount, Category::Incentive, statement.as_str(), text));
    }
    for line in &extra {
        invoice.add(line);
    }
    let tax = (invoice.net * 21 + 50).div_euclid(100);
    invoice.add(&Line {
        service: None,
        period: invoice.period,
        amount: tax,
        quantity: None,
        unit: "",
        price: None,
        category: Category::Tax,
        settlement: "",
        corrects: "",
        description: "value added tax 21 %",
    });
}
