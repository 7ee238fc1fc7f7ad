//! One model of everything: the models of several frameworks over the same agents, side by side.
//!
//! Every framework's model is made by its own policy for everything that is free, so that all have the same bins. Items, rules
//! and stages follow one another, named after their frameworks; resources that only one policy counts are appended. What no row has to say anew is capacity and devices: these
//! are the bins', and all items share them.

use std::sync::Arc;

use apportion_cluster::{FrameworkIdx, Offer, Proposal, Running, Slice};
use apportion_models::assignment::{
    Assignment, Balance, Bin, Cap, Curve, End, Entry, Gang, Item, Limit, Loss, Objective, Packing,
    Placement, Rate, Span, Stage, Survival, Term, Traffic, Yield,
};
use apportion_policies::{Formulation, Places, StageRole};

use crate::engine::ceilings::Ceiling;
use crate::engine::context::Context;
use crate::engine::solve;

/// A framework's part of the joint model.
pub(super) struct Part<'a> {
    pub slice: Slice<'a>,
    pub formulation: Formulation,
    /// Position of its first item in the joint model.
    first: u32,
}

impl Part<'_> {
    pub fn framework(&self) -> FrameworkIdx {
        self.slice.framework
    }

    /// Its items in the joint model, each with its position in its own.
    pub fn items(&self) -> impl Iterator<Item = (u32, usize)> + '_ {
        (self.first..).zip(0..self.formulation.items.len())
    }
}

/// The joint model.
pub(super) struct Joint<'a> {
    pub parts: Vec<Part<'a>>,
    /// Without stages.
    pub model: Formulation,
}

impl<'a> Joint<'a> {
    /// Joins models that were made for the same offers, below limits of roles.
    pub fn of(formulated: Vec<(Slice<'a>, Formulation)>, ceilings: &[Ceiling]) -> Self {
        let mut joint = Self {
            parts: Vec::new(),
            model: Formulation {
                assignment: Assignment::default(),
                schedule: None,
                items: Vec::new(),
                bins: Vec::new(),
                places: Places::default(),
                roles: Vec::new(),
                units: Vec::new(),
                constants: Vec::new(),
            },
        };
        for (slice, formulation) in formulated {
            joint.add(slice, formulation);
        }
        if let Some(part) = joint.parts.first() {
            let model = &joint.model.assignment;
            let rows = |it: &Ceiling| it.rows(part.slice.cluster, model, &joint.model.items);
            let rows: Vec<Cap> = ceilings.iter().flat_map(rows).collect();
            joint.model.assignment.caps.extend(rows);
        }
        joint
    }

    fn add(&mut self, slice: Slice<'a>, formulation: Formulation) {
        let whole = &mut self.model.assignment;
        let first = u32::try_from(whole.items.len()).expect("items are counted in 32 bits");
        let shift = Shift {
            prefix: &slice.cluster.framework(slice.framework).id,
            first,
        };
        let n_shared = slice.cluster.resources.len();
        let Assignment {
            resources,
            items,
            bins,
            caps,
            limits,
            gangs,
            balances,
            stages: _,
        } = &formulation.assignment;
        if self.parts.is_empty() {
            whole.resources.clone_from(resources);
            whole.bins.clone_from(bins);
            self.model.bins.clone_from(&formulation.bins);
            whole.items.extend(items.iter().cloned());
        } else {
            let n_before = whole.resources.len();
            let own = resources[n_shared..].iter().map(|name| shift.name(name));
            whole.resources.extend(own);
            for (bin, own) in whole.bins.iter_mut().zip(bins) {
                bin.capacity.extend(&own.capacity[n_shared..]);
            }
            for item in &mut whole.items {
                item.demand.resize(whole.resources.len(), 0);
            }
            whole.items.extend(items.iter().map(|item| {
                let mut demand = item.demand[..n_shared].to_vec();
                demand.resize(n_before, 0);
                demand.extend(&item.demand[n_shared..]);
                Item {
                    demand,
                    ..item.clone()
                }
            }));
        }
        whole.caps.extend(caps.iter().map(|cap| shift.cap(cap)));
        whole
            .limits
            .extend(limits.iter().map(|limit| shift.limit(limit)));
        whole
            .gangs
            .extend(gangs.iter().map(|gang| shift.gang(gang)));
        let balances = balances.iter().map(|balance| shift.balance(balance));
        whole.balances.extend(balances);
        self.model.items.extend(&formulation.items);
        self.parts.push(Part {
            slice,
            formulation,
            first,
        });
    }

    /// The stages of every framework that do not only break ties, as far as they are about its own items alone.
    pub fn quality(&self) -> Vec<Stage> {
        let mut stages = Vec::new();
        for part in &self.parts {
            let shift = Shift {
                prefix: &part.slice.cluster.framework(part.framework()).id,
                first: part.first,
            };
            let own = &part.formulation;
            let ranked = own.assignment.stages.iter().zip(&own.roles);
            let counting = ranked.filter(|(_, role)| **role != StageRole::TieBreak);
            stages.extend(counting.filter_map(|(stage, _)| shift.stage(stage)));
        }
        stages
    }

    /// What frameworks have placed, as a placement of the joint model.
    pub fn placement(&self, added: &[Vec<Running>]) -> Placement {
        let mut entries: Vec<Entry> = Vec::new();
        for part in &self.parts {
            let own = part.formulation.placement(&Proposal {
                placements: added[part.framework().at()].clone(),
                ..Proposal::default()
            });
            let shifted = own.entries().iter();
            entries.extend(shifted.map(|&(item, bin, copies)| (item + part.first, bin, copies)));
        }
        Placement::new(entries)
    }

    /// What each framework places, in the order of the parts; devices are given out to all of them together.
    pub fn proposals(
        &self,
        context: &Context<'_>,
        placement: &Placement,
    ) -> Result<Vec<Proposal>, (FrameworkIdx, String)> {
        let mut proposals = Vec::new();
        for part in &self.parts {
            let failed = |text: String| (part.framework(), text);
            let own = part.items().flat_map(|(item, at)| {
                let entries = placement.of_item(item).iter();
                entries.map(move |&(_, bin, copies)| (at as u32, bin, copies))
            });
            let own = Placement::new(own.collect());
            let policy = (context.policy(part.framework()))
                .ok_or_else(|| failed("it has no policy".to_owned()))?;
            let proposal =
                solve::decode(&**policy, &part.formulation, (&own, &Proposal::default()));
            proposals.push(proposal.map_err(failed)?);
        }
        for proposal in &mut proposals {
            proposal.devices.clear();
        }
        for held in self.model.devices(placement) {
            let framework = context.cluster.framework_of(held.task);
            let part = self.parts.iter().position(|it| it.framework() == framework);
            proposals[part.expect("every item belongs to a part")]
                .devices
                .push(held);
        }
        for (part, proposal) in self.parts.iter().zip(&proposals) {
            let checked = solve::check(&part.slice, proposal);
            checked.map_err(|text| (part.framework(), text))?;
        }
        Ok(proposals)
    }
}

/// Whether a model's bins are what is offered, agent by agent: then it can be joined with others. A policy may count more
/// resources. Models in time are not joined: what follows one another stays where it is.
pub(super) fn is_joinable(slice: &Slice<'_>, formulation: &Formulation) -> bool {
    let cluster = slice.cluster;
    let bins = &formulation.assignment.bins;
    let is_offer = |(offer, bin): (&Offer, &Bin)| {
        let mut by_kind = vec![Vec::new(); cluster.devices.len()];
        let kinds = &cluster.agent(offer.agent).devices;
        for (kind, devices) in kinds.iter().zip(&offer.devices) {
            by_kind[kind.kind.at()].clone_from(devices);
        }
        bin.capacity.starts_with(&offer.resources.0) && bin.devices == by_kind
    };
    let agents = slice.offers.iter().map(|offer| offer.agent);
    formulation.schedule.is_none()
        && formulation.places.bins.is_empty()
        && formulation
            .assignment
            .resources
            .starts_with(&cluster.resources)
        && agents.eq(formulation.bins.iter().copied())
        && slice.offers.iter().zip(bins).all(is_offer)
}

/// From positions and names in a framework's model to those in the joint model.
struct Shift<'p> {
    prefix: &'p str,
    first: u32,
}

impl Shift<'_> {
    fn name(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }

    fn items(&self, items: &[u32]) -> Vec<u32> {
        items.iter().map(|item| item + self.first).collect()
    }

    fn packing(&self, packing: &Packing) -> Packing {
        Packing {
            items: Arc::new(self.items(&packing.items)),
            ..packing.clone()
        }
    }

    fn cap(&self, cap: &Cap) -> Cap {
        Cap {
            name: self.name(&cap.name),
            items: Arc::new(self.items(&cap.items)),
            ..cap.clone()
        }
    }

    fn limit(&self, limit: &Limit) -> Limit {
        Limit {
            name: self.name(&limit.name),
            packing: self.packing(&limit.packing),
            ..limit.clone()
        }
    }

    fn gang(&self, gang: &Gang) -> Gang {
        Gang {
            name: self.name(&gang.name),
            items: self.items(&gang.items),
            ..gang.clone()
        }
    }

    fn balance(&self, balance: &Balance) -> Balance {
        Balance {
            name: self.name(&balance.name),
            packing: self.packing(&balance.packing),
            max_skew: balance.max_skew,
        }
    }

    fn term(&self, term: &Term) -> Term {
        Term {
            item: term.item + self.first,
            value: term.value,
        }
    }

    /// `None` for what counts bins, whoever is in them: the joint model has others in them too.
    fn stage(&self, stage: &Stage) -> Option<Stage> {
        let objective = match &stage.objective {
            Objective::Value(terms) => {
                Objective::Value(terms.iter().map(|term| self.term(term)).collect())
            }
            Objective::Utility(curves) => {
                Objective::Utility(curves.iter().map(|curve| self.curve(curve)).collect())
            }
            Objective::Yield(by_class) => Objective::Yield(self.by_class(by_class)),
            Objective::Cost(by_class) => Objective::Cost(self.by_class(by_class)),
            Objective::Traffic(traffic) => Objective::Traffic(Traffic {
                ends: traffic.ends.iter().map(|end| self.end(end)).collect(),
                ..traffic.clone()
            }),
            Objective::Shortfall(terms) => {
                let terms = terms.iter().map(|term| Survival {
                    name: self.name(&term.name),
                    packing: self.packing(&term.packing),
                    need: term.need,
                });
                Objective::Shortfall(terms.collect())
            }
            Objective::WorstShare(terms) => {
                let terms = terms.iter().map(|term| Loss {
                    name: self.name(&term.name),
                    packing: self.packing(&term.packing),
                    ..term.clone()
                });
                Objective::WorstShare(terms.collect())
            }
            Objective::Span(terms) => {
                let terms = terms.iter().map(|term| Span {
                    name: self.name(&term.name),
                    packing: self.packing(&term.packing),
                    weight: term.weight,
                });
                Objective::Span(terms.collect())
            }
            Objective::Fragmentation(_) | Objective::Opened(_) => return None,
            // Units are not joined.
            Objective::Peak(_) => return None,
        };
        Some(Stage {
            name: self.name(&stage.name),
            objective,
        })
    }

    fn curve(&self, curve: &Curve) -> Curve {
        Curve {
            name: self.name(&curve.name),
            terms: curve.terms.iter().map(|term| self.term(term)).collect(),
            ..curve.clone()
        }
    }

    fn end(&self, end: &End) -> End {
        End {
            name: self.name(&end.name),
            packings: end.packings.iter().map(|it| self.packing(it)).collect(),
            ..end.clone()
        }
    }

    fn by_class(&self, by_class: &Yield) -> Yield {
        Yield {
            class_of: Arc::clone(&by_class.class_of),
            rates: by_class.rates.iter().map(|rate| self.rate(rate)).collect(),
        }
    }

    fn rate(&self, rate: &Rate) -> Rate {
        Rate {
            item: rate.item + self.first,
            values: rate.values.clone(),
        }
    }
}
