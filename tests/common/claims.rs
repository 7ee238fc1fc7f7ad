//! What a scenario expects: claims about a plan, as JSON. `tests/scenarios/README.md` shows each.

use std::collections::BTreeMap;

use apportion_cluster::Cluster;
use apportion_cluster::plan::{PlanFile, PlanStatus};
use serde::Deserialize;

/// The file `expect.json` of a scenario.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// One line: what would go wrong without the rule under test.
    pub why: String,
    /// Where the story is from, if somebody told it before.
    #[serde(default)]
    pub source: Option<String>,
    /// All of these hold.
    pub claims: Vec<Claim>,
}

/// One claim about a plan.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "claim", rename_all = "snake_case", deny_unknown_fields)]
pub enum Claim {
    /// How the run ended.
    Status { is: PlanStatus },
    /// Instances placed of those selected.
    Placed { of: Selection, count: Range },
    /// Instances placed of those selected in every single domain that holds any.
    PlacedPerDomain {
        of: Selection,
        level: String,
        count: Range,
    },
    /// A task has instances without a place, for this reason.
    Unplaced {
        job: String,
        code: String,
        instances: Range,
        #[serde(default)]
        says: Vec<String>,
    },
    /// Placed instances of a job are noted, in these words.
    Note {
        job: String,
        instances: Range,
        says: Vec<String>,
    },
    /// A number of a framework's `share`.
    Share {
        framework: String,
        field: String,
        value: Range,
    },
    /// A stage of a framework.
    Stage {
        framework: String,
        stage: String,
        field: String,
        value: Range,
    },
    /// A metric of a framework.
    Metric {
        framework: String,
        metric: String,
        value: Range,
    },
    /// A number of the fairness certificate.
    Fairness { field: String, value: Range },
    /// The price of a resource on an agent that proves the fractional share.
    Price {
        agent: String,
        resource: String,
        value: Range,
    },
    /// Entries of the plan's list of moves.
    Moves { count: Range },
    /// Offers made to a framework.
    Offers { framework: String, count: Range },
    /// Warnings with this code, about this subject if one is given.
    Warnings {
        code: String,
        #[serde(default)]
        subject: Option<String>,
        count: Range,
    },
    /// So many of these hold.
    Some { of: Vec<Claim>, hold: Range },
}

/// Which instances: those that match everything that is given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    framework: Option<String>,
    job: Option<String>,
    agent: Option<String>,
}

/// A number with what it may be. Without `within`, a number is met exactly.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    is: Option<f64>,
    #[serde(default)]
    within: f64,
    at_least: Option<f64>,
    at_most: Option<f64>,
}

impl Range {
    fn check(&self, number: f64, what: &str) -> Result<(), String> {
        let is = self.is.is_none_or(|is| (number - is).abs() <= self.within);
        let least = self.at_least.is_none_or(|least| number >= least);
        let most = self.at_most.is_none_or(|most| number <= most);
        let says_something = self.is.or(self.at_least).or(self.at_most).is_some();
        match says_something && is && least && most {
            true => Ok(()),
            false => Err(format!("{what} is {number}, expected {self:?}")),
        }
    }
}

impl Claim {
    /// What is wrong with the claim, if anything.
    pub fn check(&self, cluster: &Cluster, plan: &PlanFile) -> Result<(), String> {
        match self {
            Self::Status { is } if *is == plan.status => Ok(()),
            Self::Status { is } => Err(format!("the status is {:?}, expected {is:?}", plan.status)),
            Self::Placed { of, count } => {
                let placed: i64 = of
                    .select(cluster, plan)
                    .map(|(_, instances)| instances)
                    .sum();
                count.check(placed as f64, &format!("placed of {of:?}"))
            }
            Self::PlacedPerDomain { of, level, count } => of
                .by_domain(cluster, plan, level)?
                .into_iter()
                .try_for_each(|(domain, placed)| {
                    count.check(
                        placed as f64,
                        &format!("placed of {of:?} in {level} {domain}"),
                    )
                }),
            Self::Unplaced {
                job,
                code,
                instances,
                says,
            } => unplaced(plan, job, code, *instances, says),
            Self::Note {
                job,
                instances,
                says,
            } => {
                let notes = plan.notes.iter().filter(|it| it.job == *job);
                let saying = notes.filter(|it| says.iter().all(|words| it.text.contains(words)));
                let count: i64 = saying.map(|it| it.instances).sum();
                let what = format!("instances of {job} noted in these words ({:?})", plan.notes);
                instances.check(count as f64, &what)
            }
            Self::Share {
                framework,
                field,
                value,
            } => {
                let share = &crate::common::result(plan, framework).share;
                value.check(
                    number(share, field)?,
                    &format!("{framework}: share.{field}"),
                )
            }
            Self::Stage {
                framework,
                stage,
                field,
                value,
            } => {
                let result = crate::common::stage(plan, framework, stage);
                value.check(
                    number(result, field)?,
                    &format!("{framework}: {stage}.{field}"),
                )
            }
            Self::Metric {
                framework,
                metric,
                value,
            } => {
                let found = crate::common::result(plan, framework).metrics.get(metric);
                value.check(
                    *found.ok_or(format!("no metric {metric}"))?,
                    &format!("{framework}: {metric}"),
                )
            }
            Self::Fairness { field, value } => value.check(number(&plan.fairness, field)?, field),
            Self::Price {
                agent,
                resource,
                value,
            } => value.check(
                price(plan, agent, resource)?,
                &format!("price of {resource} on {agent}"),
            ),
            Self::Moves { count } => count.check(plan.moves.len() as f64, "moves"),
            Self::Offers { framework, count } => {
                let offers = plan
                    .offers
                    .iter()
                    .filter(|offer| offer.framework == *framework);
                count.check(offers.count() as f64, &format!("offers to {framework}"))
            }
            Self::Warnings {
                code,
                subject,
                count,
            } => {
                let about = |it: &String| subject.as_ref().is_none_or(|subject| subject == it);
                let found = plan
                    .warnings
                    .iter()
                    .filter(|it| it.code == *code && about(&it.subject));
                count.check(found.count() as f64, &format!("warnings {code}"))
            }
            Self::Some { of, hold } => {
                let results: Vec<_> = of.iter().map(|claim| claim.check(cluster, plan)).collect();
                let holding = results.iter().filter(|result| result.is_ok()).count();
                hold.check(holding as f64, &format!("claims that hold of {results:?}"))
            }
        }
    }
}

impl Selection {
    /// Agent and instances of every placement that matches.
    fn select<'a>(
        &'a self,
        cluster: &'a Cluster,
        plan: &'a PlanFile,
    ) -> impl Iterator<Item = (&'a str, i64)> {
        let framework_of = |job: &str| {
            let job = cluster.jobs.iter().find(|it| it.id == job);
            job.map(|job| cluster.framework(job.framework).id.as_str())
        };
        let matches = |wanted: &Option<String>, have: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == have
        };
        let placements = plan.placements.iter().filter(move |it| {
            matches(&self.framework, framework_of(&it.job))
                && matches(&self.job, Some(&it.job))
                && matches(&self.agent, Some(&it.agent))
        });
        placements.map(|it| (it.agent.as_str(), it.instances))
    }

    fn by_domain(
        &self,
        cluster: &Cluster,
        plan: &PlanFile,
        level: &str,
    ) -> Result<BTreeMap<usize, i64>, String> {
        let at = cluster.levels.iter().position(|it| it.name == level);
        let at = at.ok_or_else(|| format!("the snapshot has no level {level}"))?;
        let mut sums = BTreeMap::new();
        for (agent, instances) in self.select(cluster, plan) {
            let agent = cluster
                .agents
                .iter()
                .find(|it| it.id == agent)
                .ok_or("unknown agent")?;
            *sums.entry(agent.domains[at].at()).or_insert(0) += instances;
        }
        Ok(sums)
    }
}

fn unplaced(
    plan: &PlanFile,
    job: &str,
    code: &str,
    instances: Range,
    says: &[String],
) -> Result<(), String> {
    let found = plan
        .unplaced
        .iter()
        .filter(|it| it.job == job && it.reason.code == code);
    let found: Vec<_> = found.collect();
    let count: i64 = found.iter().map(|it| it.instances).sum();
    instances.check(
        count as f64,
        &format!(
            "instances of {job} without a place by {code} ({:?})",
            plan.unplaced
        ),
    )?;
    let missing = says
        .iter()
        .find(|words| !found.iter().any(|it| it.reason.text.contains(*words)));
    missing.map_or(Ok(()), |words| {
        Err(format!("no reason of {job} says {words:?}: {found:?}"))
    })
}

/// A field of a part of the plan, by the name that the file gives it.
fn number(part: &impl serde::Serialize, field: &str) -> Result<f64, String> {
    let part = serde_json::to_value(part).map_err(|error| error.to_string())?;
    part.get(field)
        .and_then(serde_json::Value::as_f64)
        .ok_or_else(|| format!("{field} is no number in {part}"))
}

fn price(plan: &PlanFile, agent: &str, resource: &str) -> Result<f64, String> {
    let fairness = plan
        .fairness
        .as_ref()
        .ok_or("the plan has no certificate")?;
    let class = fairness
        .classes
        .iter()
        .find(|class| class.agents.iter().any(|it| it == agent));
    let class = class.ok_or_else(|| format!("{agent} is in no class"))?;
    let mut prices = fairness.prices_fractional.iter();
    let found = prices.find(|it| it.class == class.name && it.resource == resource);
    Ok(found.map_or(0.0, |it| it.price))
}
