//! The simulated world: who the parties are, what they agreed, how often things break and what
//! truly changes. Responsible for parameters and latent paths, that is for every truth; not for
//! single tickets or invoice lines.

use super::clock::{Clock, DAY, HOUR, Hours, days_of};
use super::detail::Detail;
use super::incidents::Trick;
use super::sample::Draw;
use super::{Options, Scenario, SynthError};

/// Months simulated: 2023-01 to 2025-12.
pub(crate) const MONTHS: usize = 36;
/// Months before the performance period starts (2025-01).
pub(crate) const BASELINE_MONTHS: usize = 24;
/// Services per contract.
pub(crate) const SERVICES: usize = 5;
/// The zone of every contract.
pub(crate) const ZONE: &str = "Europe/Amsterdam";

/// Year and month number of a month index (may be negative or past the end).
pub(crate) fn year_month(month: i64) -> (i64, i64) {
    (2023 + month.div_euclid(12), month.rem_euclid(12) + 1)
}

/// First day of a month index, in days since 1970-01-01.
pub(crate) fn first_day(month: i64) -> i64 {
    let (year, number) = year_month(month);
    days_of(year, number, 1)
}

/// `yyyy-mm` of a month index.
pub(crate) fn month_label(month: i64) -> String {
    let (year, number) = year_month(month);
    format!("{year:04}-{number:02}")
}

/// How the supplier of a contract behaves in the performance period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conduct {
    /// Reports what happened.
    Honest,
    /// Improves its numbers instead of its service.
    Gaming,
}

/// One supplier.
pub(crate) struct Supplier {
    /// Its identifier in every table.
    pub(crate) id: &'static str,
    /// How it reports.
    pub(crate) conduct: Conduct,
}

/// The three suppliers.
pub(crate) const SUPPLIERS: [Supplier; 3] = [
    Supplier {
        id: "SUP-A",

        conduct: Conduct::Honest,
    },
    Supplier {
        id: "SUP-B",

        conduct: Conduct::Honest,
    },
    Supplier {
        id: "SUP-C",

        conduct: Conduct::Gaming,
    },
];

/// One service of a contract.
pub(crate) struct Service {
    /// Its identifier at the start.
    pub(crate) id: &'static str,
    /// Its identifier after the reorganisation, if it was renamed.
    pub(crate) renamed: Option<&'static str>,
    /// Share of the contract's incidents.
    pub(crate) share: f64,
    /// How strongly the month of the year matters (0 not at all, 1 as the table).
    pub(crate) season: f64,
    /// Share of incidents that the supplier's prevention removes once phased in.
    pub(crate) effect: f64,
    /// Share of cost that the supplier's initiatives remove once phased in.
    pub(crate) saving: f64,
}

const fn service(id: &'static str, share: f64, season: f64, effect: f64, saving: f64) -> Service {
    Service {
        id,
        renamed: None,
        share,
        season,
        effect,
        saving,
    }
}

/// One contract.
pub(crate) struct Contract {
    /// Its identifier in every table.
    pub(crate) id: &'static str,
    /// Index of its supplier.
    pub(crate) supplier: usize,
    /// Currency of its invoices.
    pub(crate) currency: &'static str,
    /// Mean incidents a month at scale 1 in January 2023, all services.
    pub(crate) monthly: f64,
    /// Users at scale 1 in January 2023.
    pub(crate) users: f64,
    /// Growth of users per year.
    pub(crate) growth: f64,
    /// Month index and share of users that leave because of a decision of the customer.
    pub(crate) customer_drop: Option<(usize, f64)>,
    /// Month index and factor of a reorganisation's level shift.
    pub(crate) reorganisation: Option<(usize, f64)>,
    /// Month index at which prevention (and saving) starts to work, and months to full effect.
    pub(crate) effect_from: Option<(usize, usize)>,
    /// Price per handled incident in minor units, today's contract.
    pub(crate) ticket_price: i64,
    /// Its services.
    pub(crate) services: [Service; SERVICES],
}

/// The month of the reorganisation at supplier B: 2024-07.
pub(crate) const REORGANISATION: usize = 18;

/// The six contracts.
pub(crate) const CONTRACTS: [Contract; 6] = [
    Contract {
        id: "CT-A1",
        supplier: 0,
        currency: "EUR",
        monthly: 128.0,
        users: 2_600.0,
        growth: 0.05,
        customer_drop: None,
        reorganisation: None,
        effect_from: Some((25, 4)),
        ticket_price: 4_250,
        services: [
            service("desktop", 0.34, 1.0, 0.25, 0.09),
            service("email", 0.22, 0.8, 0.25, 0.06),
            service("collaboration", 0.18, 0.9, 0.25, 0.10),
            service("printing", 0.14, 1.1, 0.0, 0.0),
            service("identity", 0.12, 1.4, 0.0, 0.0),
        ],
    },
    Contract {
        id: "CT-A2",
        supplier: 0,
        currency: "EUR",
        monthly: 84.0,
        users: 1_400.0,
        growth: 0.08,
        customer_drop: None,
        reorganisation: None,
        effect_from: Some((26, 4)),
        ticket_price: 7_800,
        services: [
            service("erp", 0.32, 0.6, 0.25, 0.08),
            service("webshop", 0.26, 1.6, 0.25, 0.11),
            service("crm", 0.20, 0.8, 0.0, 0.0),
            service("data-warehouse", 0.12, 0.5, 0.25, 0.07),
            service("payroll", 0.10, 0.7, 0.0, 0.0),
        ],
    },
    Contract {
        id: "CT-B1",
        supplier: 1,
        currency: "EUR",
        monthly: 108.0,
        users: 3_100.0,
        growth: 0.03,
        customer_drop: Some((29, 0.12)),
        reorganisation: Some((REORGANISATION, 1.28)),
        effect_from: Some((26, 3)),
        ticket_price: 5_500,
        services: [
            service("lan", 0.30, 0.6, 0.08, 0.03),
            service("wifi", 0.26, 0.9, 0.08, 0.03),
            service("wan", 0.18, 0.4, 0.08, 0.04),
            service("vpn", 0.15, 1.3, 0.08, 0.03),
            Service {
                renamed: Some("voice"),
                ..service("telephony", 0.11, 0.7, 0.08, 0.02)
            },
        ],
    },
    Contract {
        id: "CT-B2",
        supplier: 1,
        currency: "USD",
        monthly: 72.0,
        users: 1_900.0,
        growth: 0.06,
        customer_drop: None,
        reorganisation: None,
        effect_from: Some((27, 3)),
        ticket_price: 9_100,
        services: [
            service("compute", 0.33, 0.5, 0.08, 0.05),
            service("storage", 0.24, 0.4, 0.08, 0.04),
            service("database", 0.19, 0.6, 0.08, 0.03),
            service("backup", 0.14, 0.3, 0.08, 0.02),
            service("middleware", 0.10, 0.5, 0.08, 0.02),
        ],
    },
    Contract {
        id: "CT-C1",
        supplier: 2,
        currency: "EUR",
        monthly: 118.0,
        users: 2_900.0,
        growth: 0.04,
        customer_drop: None,
        reorganisation: None,
        effect_from: None,
        ticket_price: 3_875,
        services: [
            service("devices", 0.31, 0.9, 0.0, 0.0),
            service("mobile", 0.24, 1.1, 0.0, 0.0),
            service("remote-access", 0.18, 1.2, 0.0, 0.0),
            service("software-distribution", 0.15, 0.6, 0.0, 0.0),
            service("meeting-rooms", 0.12, 0.9, 0.0, 0.0),
        ],
    },
    Contract {
        id: "CT-C2",
        supplier: 2,
        currency: "EUR",
        monthly: 80.0,
        users: 1_600.0,
        growth: 0.07,
        customer_drop: Some((27, 0.10)),
        reorganisation: None,
        effect_from: None,
        ticket_price: 6_990,
        services: [
            service("checkout", 0.30, 1.5, 0.0, 0.0),
            service("catalogue", 0.24, 1.0, 0.0, 0.0),
            service("logistics", 0.20, 1.2, 0.0, 0.0),
            service("customer-portal", 0.15, 0.8, 0.0, 0.0),
            service("payments", 0.11, 1.1, 0.0, 0.0),
        ],
    },
];

/// A tidal wave of tickets from one cause.
pub(crate) struct Cascade {
    /// Contract, service and month in which it happens.
    pub(crate) contract: usize,
    /// Index of the service.
    pub(crate) service: usize,
    /// Month index.
    pub(crate) month: usize,
    /// Day of the month and local hour of its start.
    pub(crate) day: i64,
    /// Local hour of its start.
    pub(crate) hour: i64,
    /// Mean number of child tickets at scale 1 (it grows with the scale).
    pub(crate) children: f64,
    /// Wall hours until service is restored.
    pub(crate) hours: f64,
    /// True when the customer's own change caused it.
    pub(crate) by_customer: bool,
}

/// One outage in the baseline period (supplier's fault) and one in the performance period.
pub(crate) const CASCADES: [Cascade; 2] = [
    Cascade {
        contract: 3,
        service: 1,
        month: 10,
        day: 14,
        hour: 10,
        children: 46.0,
        hours: 5.5,
        by_customer: false,
    },
    Cascade {
        contract: 1,
        service: 0,
        month: 28,
        day: 14,
        hour: 9,
        children: 62.0,
        hours: 6.25,
        by_customer: true,
    },
];

/// Shares of a service's incidents on its three hot streams (one CI and one category each).
pub(crate) const HOT_SHARES: [f64; 3] = [0.10, 0.06, 0.04];
/// Share of a fixed stream's incidents that no longer happen.
pub(crate) const FIX_WORKS: f64 = 0.95;
/// Requests per expected incident.
pub(crate) const REQUEST_RATIO: f64 = 0.22;
/// Share of each priority among incidents, P1 to P5.
pub(crate) const PRIORITY_SHARES: [f64; 5] = [0.02, 0.10, 0.45, 0.38, 0.05];
/// Target to restore per priority in counted seconds (P1 and P2 every hour, others office hours).
pub(crate) const RESTORE: [i64; 5] = [4 * HOUR, 8 * HOUR, 16 * HOUR, 40 * HOUR, 80 * HOUR];
/// Target to respond per priority in counted seconds.
pub(crate) const RESPOND: [i64; 5] = [900, 1_800, 4 * HOUR, 8 * HOUR, 16 * HOUR];
/// Share of the gaming supplier's P3 to P5 incidents that it files as requests.
pub(crate) const RELABELLED: f64 = 0.185;

const MONTH_FACTORS: [f64; 12] = [
    1.12, 1.06, 1.03, 0.98, 0.95, 0.97, 0.84, 0.82, 1.07, 1.08, 1.09, 0.99,
];
const AR: f64 = 0.55;
const SIGMA_CONTRACT: f64 = 0.045;
const SIGMA_SERVICE: f64 = 0.07;
/// Shape of the gamma factor of one service-month: variance 1/40 on top of Poisson.
pub(crate) const GAMMA_SHAPE: f64 = 40.0;

/// Calendar of a priority's clock.
pub(crate) fn hours_of(priority: usize) -> Hours {
    if priority <= 1 {
        Hours::Always
    } else {
        Hours::Office
    }
}

/// Everything that is settled before the first ticket is drawn.
pub(crate) struct World {
    /// The seed.
    pub(crate) seed: u64,
    /// Multiplier of users, incidents and invoice lines.
    pub(crate) scale: f64,
    scenario: Scenario,
    /// Every supplier plays this one trick, and no other; with `None` the scenario decides.
    only: Option<Trick>,
    /// Dates, zone and holidays.
    pub(crate) clock: Clock,
    /// Exports were made at this instant; nothing later is in them.
    pub(crate) export_at: i64,
    /// How finely invoices are detailed.
    pub(crate) detail: Detail,
    /// Cumulative weights of a service's configuration items.
    pub(crate) ci_weights: Vec<f64>,
    users: Vec<f64>,
    users_kept: Vec<f64>,
    latent: Vec<f64>,
}

fn at(contract: usize, service: usize, month: usize) -> usize {
    (contract * SERVICES + service) * MONTHS + month
}

impl World {
    /// Draws the latent paths of a seed.
    pub(crate) fn new(options: &Options) -> Result<Self, SynthError> {
        let Options {
            seed,
            scale,
            scenario,
            ..
        } = *options;
        if !(scale.is_finite() && scale > 0.0 && scale <= 100_000.0) {
            return Err(SynthError::Scale { scale });
        }
        let clock = Clock::new(ZONE)?;
        let export_at = clock.utc(days_of(2026, 1, 15) * DAY + 6 * HOUR);
        let cells = CONTRACTS.len() * SERVICES * MONTHS;
        let mut world = World {
            seed,
            scale,
            scenario,
            only: None,
            clock,
            export_at,
            detail: Detail::plain(scale),
            ci_weights: Vec::new(),
            users: vec![0.0; cells],
            users_kept: vec![0.0; cells],
            latent: vec![0.0; cells],
        };
        for (c, contract) in CONTRACTS.iter().enumerate() {
            world.draw_contract(c, contract);
        }
        let pool = (40.0 * libm::pow(scale, 0.6)).clamp(12.0, 20_000.0) as usize;
        let mut sum = 0.0;
        for rank in 0..pool {
            sum += 1.0 / libm::pow(rank as f64 + 2.0, 1.15);
            world.ci_weights.push(sum);
        }
        if let Some(lines) = options.invoice_lines {
            world.detail = Detail::for_lines(&world, lines)?;
        }
        Ok(world)
    }

    fn draw_contract(&mut self, c: usize, contract: &Contract) {
        // Stationary AR(1) paths, one for the contract and one per service.
        let path = |draw: &mut Draw, sigma: f64| {
            let mut x = sigma * draw.normal();
            let innovation = sigma * libm::sqrt(1.0 - AR * AR);
            (0..MONTHS)
                .map(|_| {
                    let now = x;
                    x = AR * x + innovation * draw.normal();
                    now
                })
                .collect::<Vec<f64>>()
        };
        let mut draw = self.stream(Topic::Latent, c, 0);
        let shared = path(&mut draw, SIGMA_CONTRACT);
        let variance = SIGMA_CONTRACT * SIGMA_CONTRACT + SIGMA_SERVICE * SIGMA_SERVICE;
        for s in 0..SERVICES {
            let own = path(&mut draw, SIGMA_SERVICE);
            // Not every user has every service; the share wanders a little.
            let reach = 0.55 + 0.45 * draw.unit();
            for m in 0..MONTHS {
                let growth = libm::pow(1.0 + contract.growth, m as f64 / 12.0);
                let wander = 1.0 + 0.01 * draw.normal();
                let users = libm::round(contract.users * reach * self.scale * growth * wander);
                let kept = match contract.customer_drop {
                    Some((from, share)) if m >= from => libm::round(users * (1.0 - share)),
                    _ => users,
                };
                self.users[at(c, s, m)] = users.max(1.0);
                self.users_kept[at(c, s, m)] = kept.max(1.0);
                self.latent[at(c, s, m)] = libm::exp(shared[m] + own[m] - variance / 2.0);
            }
        }
    }

    /// A stream of draws for a topic in a contract's month.
    pub(crate) fn stream(&self, topic: Topic, contract: usize, month: usize) -> Draw {
        self.slice_stream(topic, contract, month, 0)
    }

    /// A stream of draws for a slice of a contract's month; slice 0 is [`World::stream`].
    pub(crate) fn slice_stream(&self, topic: Topic, c: usize, m: usize, slice: u32) -> Draw {
        let place = ((topic as u64) << 32) | ((c as u64) << 16) | m as u64;
        Draw::new(self.seed, (u64::from(slice) << 36) | place)
    }

    /// Users of a service in a month, as the exposure table shows them.
    pub(crate) fn users(&self, c: usize, s: usize, m: usize) -> f64 {
        self.users_kept[at(c, s, m)]
    }

    /// Users there would have been without the customer's own decision.
    pub(crate) fn users_without_drop(&self, c: usize, s: usize, m: usize) -> f64 {
        self.users[at(c, s, m)]
    }

    /// Mean incidents of a service-month had neither supplier nor customer changed anything,
    /// before autocorrelated weather.
    pub(crate) fn expected(&self, c: usize, s: usize, m: usize) -> f64 {
        let contract = &CONTRACTS[c];
        let service = &contract.services[s];
        let exposure = self.users[at(c, s, m)] / self.users[at(c, s, 0)].max(1.0);
        let season = libm::pow(MONTH_FACTORS[m % 12], service.season);
        let days = (first_day(m as i64 + 1) - first_day(m as i64)) as f64 / 30.4375;
        contract.monthly * self.scale * service.share * exposure * season * days * self.shift(c, m)
    }

    /// [`World::expected`] given the month's weather.
    pub(crate) fn intensity(&self, c: usize, s: usize, m: usize) -> f64 {
        self.expected(c, s, m) * self.latent[at(c, s, m)]
    }

    fn shift(&self, c: usize, m: usize) -> f64 {
        match CONTRACTS[c].reorganisation {
            Some((from, factor)) if m >= from => factor,
            _ => 1.0,
        }
    }

    /// Share of users that the customer took away by a month.
    pub(crate) fn customer_share(&self, c: usize, s: usize, m: usize) -> f64 {
        1.0 - self.users_kept[at(c, s, m)] / self.users[at(c, s, m)]
    }

    /// The service's name in a month.
    pub(crate) fn service_id(&self, c: usize, s: usize, m: usize) -> &'static str {
        let service = &CONTRACTS[c].services[s];
        match (service.renamed, CONTRACTS[c].reorganisation) {
            (Some(name), Some((from, _))) if m >= from => name,
            _ => service.id,
        }
    }

    /// Month index at which the supplier's measures start to work, and months to full effect.
    pub(crate) fn effect_from(&self, c: usize) -> Option<(usize, usize)> {
        CONTRACTS[c]
            .effect_from
            .filter(|_| self.scenario != Scenario::Idle)
    }

    /// Share of incidents that prevention removes once phased in.
    pub(crate) fn effect(&self, c: usize, s: usize) -> f64 {
        self.effect_from(c)
            .map_or(0.0, |_| CONTRACTS[c].services[s].effect)
    }

    /// Share of cost that initiatives remove once phased in.
    pub(crate) fn saving(&self, c: usize, s: usize) -> f64 {
        self.effect_from(c)
            .map_or(0.0, |_| CONTRACTS[c].services[s].saving)
    }

    /// Month index from which the fix of a hot stream works, if it is ever fixed.
    pub(crate) fn fixed_from(&self, c: usize, s: usize, stream: usize) -> Option<usize> {
        let (from, _) = self.effect_from(c)?;
        let effect = self.effect(c, s);
        if effect >= 0.2 {
            Some(from + 2 * stream)
        } else if effect > 0.0 && stream == 2 {
            Some(from + 2)
        } else {
            None
        }
    }

    /// How far phased in the supplier's measures are in a month, 0 to 1.
    pub(crate) fn phase(&self, c: usize, m: usize) -> f64 {
        match self.effect_from(c) {
            Some((from, months)) if m >= from => {
                ((m - from + 1) as f64 / months.max(1) as f64).min(1.0)
            }
            _ => 0.0,
        }
    }

    /// Probabilities that the supplier's work removes an incident: on each hot stream, and
    /// elsewhere (last).
    pub(crate) fn removal(&self, c: usize, s: usize, m: usize) -> [f64; 4] {
        let target = self.effect(c, s) * self.phase(c, m);
        let mut p = [0.0; 4];
        let mut fixed = 0.0;
        for stream in 0..3 {
            if self.fixed_from(c, s, stream).is_some_and(|from| m >= from) {
                fixed += HOT_SHARES[stream];
                p[stream] = FIX_WORKS;
            }
        }
        let other = ((target - FIX_WORKS * fixed) / (1.0 - fixed)).max(0.0);
        for (stream, value) in p.iter_mut().enumerate() {
            if stream == 3 || *value == 0.0 {
                *value = other;
            }
        }
        p
    }

    /// Expected share of incidents removed by the supplier's work in a month.
    pub(crate) fn removal_share(&self, c: usize, s: usize, m: usize) -> f64 {
        let p = self.removal(c, s, m);
        let hot: f64 = HOT_SHARES.iter().sum();
        (0..3).map(|i| HOT_SHARES[i] * p[i]).sum::<f64>() + (1.0 - hot) * p[3]
    }

    /// The same world, in which every supplier plays one trick.
    pub(crate) fn playing(mut self, trick: Trick) -> Self {
        self.only = Some(trick);
        self
    }

    /// True when the contract's supplier games its numbers in a month.
    pub(crate) fn games(&self, c: usize, m: usize) -> bool {
        let declared = self.scenario == Scenario::Declared
            && SUPPLIERS[CONTRACTS[c].supplier].conduct == Conduct::Gaming;
        m >= BASELINE_MONTHS && (declared || self.only.is_some())
    }

    /// Whether only one trick is played.
    pub(crate) fn plays_one(&self) -> bool {
        self.only.is_some()
    }

    /// Whether a supplier that games plays a trick. What comes back under a new number was
    /// declared solved too early, so the one trick needs the other.
    pub(crate) fn plays(&self, trick: Trick) -> bool {
        self.only.is_none_or(|only| {
            only == trick || (only, trick) == (Trick::Resubmitted, Trick::Bunched)
        })
    }
}

/// What a stream of draws is for; the number is part of the format (same seed, same bytes).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Topic {
    /// Latent paths.
    Latent = 1,
    /// Tickets of a month.
    Tickets = 2,
    /// Invoice lines of a month.
    Billing = 3,
    /// Prices and tables that are drawn once.
    Fixed = 4,
    /// Small tables of a month.
    Tables = 5,
    /// Notices of a month.
    Notices = 6,
    /// Tricks that only trials of the integrity tests play.
    Trials = 7,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_effects_are_reached_and_the_gamer_has_none() {
        let world = World::new(&Options::new(1)).unwrap();
        assert!((world.removal_share(0, 0, 35) - 0.25).abs() < 1e-9);
        assert!((world.removal_share(2, 0, 35) - 0.08).abs() < 1e-9);
        assert_eq!(world.removal_share(4, 0, 35), 0.0);
        assert_eq!(world.removal_share(0, 0, 23), 0.0);
        assert_eq!(world.service_id(2, 4, 17), "telephony");
        assert_eq!(world.service_id(2, 4, 18), "voice");
    }

    #[test]
    fn shares_sum_to_one() {
        for contract in &CONTRACTS {
            let sum: f64 = contract.services.iter().map(|s| s.share).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{}", contract.id);
        }
    }
}
