//! Limits per failure domain, as rows.

use std::collections::BTreeMap;

use apportion_cluster::{GroupIdx, LevelIdx};
use apportion_models::welfare::Duals;

use super::groups::{Column, Group};
use super::{Amounts, Market, Member};
use crate::broker::domains::{Cap, Counted};

/// Rows of limits per failure domain up to which they are among those of the programs: each makes a member's columns differ,
/// which costs time.
const MOST_DOMAIN_ROWS: usize = 2_000;

/// A limit is reached by what is more than it by this, relatively and in instances.
const REACHED: f64 = 1e-9;

/// The most instances in failure domains that are alike.
#[derive(Debug)]
pub(in crate::broker) struct DomainRow {
    pub level: LevelIdx,
    /// A class of agents in these domains.
    pub class: usize,
    /// What is counted, and the most of each: tasks that are alike, or one group.
    pub counted: Vec<(Counted, f64)>,
    /// The sum of these.
    pub most: f64,
    /// The counted columns, by group and position.
    columns: Vec<(usize, usize)>,
    /// Whether some share would be more.
    is_reached: bool,
}

/// Which limits per failure domain are among the rows of a program. Those that no share reaches would only draw shares away from them:
/// what has a bound on a class stays clear of it, and is spread over classes as bounds are, instead of as capacity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker) enum Limits {
    All,
    Reached,
}

impl DomainRow {
    /// The only group that it counts, if it is one.
    pub fn group(&self) -> Option<usize> {
        let (first, _) = self.columns[0];
        let alone = self.columns.iter().all(|&(group, _)| group == first);
        alone.then_some(first)
    }
}

impl Member {
    /// Scales amounts by group and column down to what limits per failure domain leave.
    pub fn fit_into_domains(&self, amounts: &mut [Vec<f64>]) {
        for row in &self.domains {
            let load: f64 = row.columns.iter().map(|&(g, c)| amounts[g][c]).sum();
            if load > row.most {
                for &(g, c) in &row.columns {
                    amounts[g][c] *= row.most / load;
                }
            }
        }
    }
}

impl Market {
    pub(super) fn number_domains(&mut self) {
        for member in &mut self.members {
            member.domains = domain_rows(&member.groups);
            for (at, row) in member.domains.iter().enumerate() {
                for &(g, c) in &row.columns {
                    member.groups[g].columns[c].domains.push(at);
                }
            }
        }
        let rows = self.members.iter().map(|member| member.domains.len());
        self.has_domains = rows.sum::<usize>() <= MOST_DOMAIN_ROWS;
    }

    /// Rows of failure domains of a member, as far as they are among those of the programs.
    pub fn domains<'m>(&self, member: &'m Member) -> &'m [DomainRow] {
        if self.has_domains {
            &member.domains
        } else {
            &[]
        }
    }

    /// Those of them that count a column, by position.
    pub fn domains_of<'c>(&self, column: &'c Column) -> &'c [usize] {
        if self.has_domains {
            &column.domains
        } else {
            &[]
        }
    }

    /// Positions of the rows of failure domains that a program with these limits has.
    pub fn domains_in<'m>(
        &self,
        member: &'m Member,
        limits: Limits,
    ) -> impl Iterator<Item = usize> + use<'m> {
        let rows = self.domains(member).iter().enumerate();
        let rows = rows.filter(move |(_, row)| limits == Limits::All || row.is_reached);
        rows.map(|(at, _)| at)
    }

    /// Notes which limits per failure domain amounts go beyond; whether there are any.
    pub fn reach(&mut self, amounts: &Amounts) -> bool {
        let has_domains = self.has_domains;
        let mut is_more = false;
        let mut note = |reached: &mut bool, amount: f64, most: f64| {
            if !*reached && amount > most * (1.0 + REACHED) + REACHED {
                *reached = true;
                is_more = true;
            }
        };
        for (member, amounts) in self.members.iter_mut().zip(amounts) {
            for (group, amounts) in member.groups.iter_mut().zip(amounts) {
                for (column, &amount) in group.columns.iter_mut().zip(amounts) {
                    note(&mut column.is_reached, amount, column.fit);
                }
            }
            for row in member.domains.iter_mut().filter(|_| has_domains) {
                let load = row.columns.iter().map(|&(g, c)| amounts[g][c]).sum();
                note(&mut row.is_reached, load, row.most);
            }
        }
        is_more
    }

    /// Multipliers of a program that has the limits that were reached, for one that has all of them.
    pub fn with_all_limits(&self, mut duals: Duals) -> Duals {
        for (member, own) in self.members.iter().zip(&mut duals.own) {
            let mut rest = own.split_off(member.groups.len()).into_iter();
            for row in self.domains(member) {
                let known = if row.is_reached { rest.next() } else { None };
                own.push(known.unwrap_or(0.0));
            }
            own.extend(rest);
        }
        duals
    }
}

/// Limits per failure domain of a member's groups, where what fits and what is wanted do not imply them.
fn domain_rows(groups: &[Group]) -> Vec<DomainRow> {
    // What a limit of its own lets in of each group, and a limit of several tasks of all that it counts.
    let mut limits: BTreeMap<(usize, Option<GroupIdx>, LevelIdx), Vec<usize>> = BTreeMap::new();
    for (g, group) in groups.iter().enumerate() {
        for cap in &group.tasks[0].caps {
            let alone = cap.group().map_or(g, |_| groups.len());
            let counted = limits.entry((alone, cap.group(), cap.level)).or_default();
            counted.push(g);
        }
    }
    let mut rows = Vec::new();
    for ((_, of_group, level), counted_groups) in limits {
        let is_this = |cap: &&Cap| (cap.group(), cap.level) == (of_group, level);
        let tasks = groups[counted_groups[0]].tasks.iter();
        let caps = tasks.filter_map(|wanted| wanted.caps.iter().find(is_this));
        let mut caps: Vec<&Cap> = caps.collect();
        if of_group.is_some() {
            // All that it counts has the same one.
            caps.truncate(1);
        }
        for set in 0..caps[0].sets.first.len() {
            let mut columns = Vec::new();
            let (mut fit, mut wanted) = (0.0, 0.0);
            for &g in &counted_groups {
                wanted += groups[g].most;
                for (c, column) in groups[g].columns.iter().enumerate() {
                    if caps[0].sets.of_class[column.class] == set {
                        columns.push((g, c));
                        fit += column.fit;
                    }
                }
            }
            let most: f64 = caps.iter().map(|cap| cap.most[set]).sum();
            if most < fit.min(wanted) {
                rows.push(DomainRow {
                    level,
                    class: caps[0].sets.first[set],
                    counted: caps
                        .iter()
                        .map(|cap| (cap.counted, cap.most[set]))
                        .collect(),
                    most,
                    columns,
                    is_reached: false,
                });
            }
        }
    }
    rows
}
