//! The plan file: the answer, with the numbers that let anyone check it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::file::{Amounts, DeviceFile, PlacementFile};

/// What should run where, why the rest does not, how far from the best it is, and how fair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// `apportion/v1`.
    pub version: String,
    /// Digest of the snapshot that this plan answers.
    pub snapshot_digest: String,
    /// What influenced the result.
    pub options: PlanOptions,
    /// How the run ended.
    pub status: PlanStatus,
    /// The whole final state, running instances included; by (job, task, agent).
    pub placements: Vec<PlacementFile>,
    /// Instances with demand that have no place.
    pub unplaced: Vec<Unplaced>,
    /// Running instances that change agent.
    pub moves: Vec<Move>,
    /// Running instances that had to go for others, and for whom; by job and role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preemptions: Vec<Preemption>,
    /// One entry per framework, by id.
    pub frameworks: Vec<FrameworkResult>,
    /// Everything that each framework was offered over all rounds, what it holds included.
    pub offers: Vec<OfferFile>,
    /// The same of storage units.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unit_offers: Vec<UnitOfferFile>,
    /// The fairness certificate; absent in a plan without shares (`--mode greedy`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fairness: Option<FairnessCertificate>,
    /// The welfare of the plan, and the most that any plan has; where there are shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub welfare: Option<WelfareResult>,
    /// What it costs that the cluster is divided among frameworks first; of a brokered plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brokering: Option<Brokering>,
    /// What is worth knowing of placed instances, such as a model of device that is not their first choice; by job,
    /// task and text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// What roles are promised, how far it can be had, and what is kept free for it; by role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guarantees: Vec<GuaranteeResult>,
    /// What the user should know: a solver's failure, a rule that the running state breaks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Milliseconds per phase: `read`, `broker`, `formulate`, `solve`, `verify`, `total`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timings_ms: Option<BTreeMap<String, f64>>,
}

/// Options that influence the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanOptions {
    /// `brokered`, `monolithic`, `greedy` or `online`.
    pub mode: String,
    /// How an online plan came about; present exactly if the mode is `online`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online: Option<OnlineOptions>,
    /// Fairness rule.
    pub fairness: String,
    /// Wall-clock limit of the whole run, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// Stop improving a stage at this gap.
    pub gap: f64,
    /// Seed of everything that draws.
    pub seed: u64,
    /// Credit that frameworks bring from an earlier plan, by framework; those without are left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub credit: BTreeMap<String, f64>,
    /// `keep`.
    pub replan: String,
    /// Whether frameworks under their guarantee may displace instances of others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preempt: bool,
    /// Solver backend.
    pub solver: String,
}

/// What an online plan follows: with these, the snapshot and the seed it can be made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnlineOptions {
    /// The order of arrivals.
    pub order: OnlineOrder,
    /// Name of the rule that chooses among the agents where an instance may go.
    pub rule: String,
}

/// The order in which tasks arrive in an online plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnlineOrder {
    /// By job, then by task.
    Name,
    /// In an order drawn with the seed.
    Shuffled,
    /// In this order, each a job or `job/task`; what is not listed does not arrive.
    Listed(Vec<String>),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanStatus {
    /// Everything with demand is placed.
    Complete,
    /// Something with demand is not.
    Partial,
    /// A wall-clock limit cut something short.
    Deadline,
}

/// Instances without a place, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unplaced {
    /// Job id.
    pub job: String,
    /// Task id.
    pub task: String,
    /// Shard id, if the instances are replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// How many.
    pub instances: i64,
    /// Why.
    pub reason: Reason,
}

/// Why instances have no place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// `never_fits`, `no_eligible_agent`, `no_room`, `limit`, `spread`, `gang`, `follows`, `not_arrived`, `preempted`, `deadline`
    pub code: String,
    /// A sentence with the numbers needed and available.
    pub text: String,
    /// Name of the rule (row) that binds.
    pub rule: String,
}

/// What is worth knowing of placed instances.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// Job id.
    pub job: String,
    /// Task id.
    pub task: String,
    /// A sentence: `choice 2 of 2, H100 short by 2`.
    pub text: String,
    /// `choice`: not on the preferred model of a device. `edge`: what the task sends leaves its agent.
    pub code: String,
    /// How many instances it is about.
    pub instances: i64,
}

/// Running instances that change agent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// Job id.
    pub job: String,
    /// Task id.
    pub task: String,
    /// Shard id, if the instances are replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// Where they run.
    pub from: String,
    /// Where they go.
    pub to: String,
    /// How many.
    pub instances: i64,
}

/// Running instances that had to go so that a job under a guarantee has its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Preemption {
    /// The job that they went for.
    pub job: String,
    /// Path of the role whose guarantee covers it.
    pub role: String,
    /// What of the job is placed for it, by task and agent; part of the plan's placements.
    pub placed: Vec<PlacementFile>,
    /// Who went, by job, task and agent.
    pub victims: Vec<Victim>,
}

/// Running instances that had to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Victim {
    /// Job id.
    pub job: String,
    /// Task id.
    pub task: String,
    /// Where they ran.
    pub agent: String,
    /// How many.
    pub instances: i64,
    /// How many of them have another place: they are among the plan's moves. The others are unplaced.
    pub moved: i64,
}

/// What one framework got, how good it is, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrameworkResult {
    /// Framework id.
    pub id: String,
    /// Policy name.
    pub policy: String,
    /// Instances placed, running ones included.
    pub placed: i64,
    /// Instances wanted, running ones included.
    pub demand: i64,
    /// The objective's stages, in order.
    pub stages: Vec<StageResult>,
    /// The largest gap over `placed` and the policy's own quality.
    #[serde(default)]
    pub gap: Option<f64>,
    /// The policy's quality metrics.
    pub metrics: BTreeMap<String, f64>,
    /// Its share; absent where no shares were computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
}

/// One stage of a lexicographic objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageResult {
    /// Name, as the policy's documentation has it.
    pub name: String,
    /// `maximize` or `minimize`.
    pub sense: StageSense,
    /// The plan's value.
    pub objective: f64,
    /// No plan on the same offers that is at least as good in the earlier stages is better than this.
    pub bound: Option<f64>,
    /// |objective - bound| / max(|objective|, |bound|, one unit).
    pub gap: Option<f64>,
    /// How the bound is proved.
    pub proof: Option<Proof>,
    /// The prices behind a bound proved by `multipliers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multipliers: Option<Vec<Multiplier>>,
    /// What the constructive baseline reached on the same offers.
    pub greedy: Option<f64>,
}

/// Direction of an objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageSense {
    /// More is better.
    Maximize,
    /// Less is better.
    Minimize,
}

/// How a bound is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// By prices in the plan: anyone recomputes it.
    Multipliers,
    /// By counting: anyone recomputes it from the snapshot and the offers.
    Combinatorial,
    /// By branch and bound: claimed by the solver.
    Search,
}

/// A price of one resource on a set of agents; or on storage units; or of what an earlier stage has reached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Multiplier {
    /// Agents that share the price.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<String>,
    /// Storage units that share the price instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<String>,
    /// Resource name; without agents `kept:` and the name of an earlier stage; for the fullest unit `peak:` and a resource; where
    /// instances follow one another `places`: what an agent can hold of them, one after the other, until the last one ends, and
    /// `place_ms:` and a moment in milliseconds: the time until then of what an agent can hold at once.
    pub resource: String,
    /// Price of one unit, at least 0.
    pub price: f64,
    /// Of a resource that totals devices: a unit is not a thousandth, but a unit of what parts of a device weigh.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<PartWeight>,
}

/// What a part of a device weighs; parts of other sizes weigh nothing.
///
/// A device holds as much weight as any parts have that fit into what is free of it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct PartWeight {
    /// Thousandths of one device, 1 to 1000.
    pub milli: i64,
    /// Above 0, at most 1,000,000,000.
    pub weight: i64,
}

/// A framework's share: what it deserves, was offered, took, and lent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Fraction of the cluster that its weight stands for, among frameworks with demand.
    pub weight: f64,
    /// Value of its smallest task or gang: what one unit more is worth.
    pub unit: f64,
    /// Value placed.
    pub utility: f64,
    /// Value of the fair fractional share.
    pub deserved: f64,
    /// Value of the instances that its offers could hold, one task at a time.
    pub offered: f64,
    /// Value placed out of these offers.
    pub accepted: f64,
    /// Value above the deserved share.
    pub borrowed: f64,
    /// Value below the deserved share.
    pub lent: f64,
    /// The most value that it alone could place in its fraction of every agent (fractional).
    pub floor: f64,
    /// Money that it cannot spend because it is satiated.
    pub rent: f64,
    /// The price of what it holds, per weight.
    pub priced_bundle: f64,
    /// Its utility over its floor; absent where the floor is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// The part of `lent` that is less than one task or gang: rounding.
    pub granularity: f64,
    /// The rest of what is lent while something waits: its share fits in total, and not agent by agent.
    pub fragmentation: f64,
    /// Shortfalls of this and earlier plans, in shares, that the next plan makes good first (`--previous`); below 0, what it owes for
    /// roundings that it won, one share at most.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub credit: f64,
    /// What resources, rows and limits its share is bound by, dearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bound_by: Vec<String>,
    /// One sentence.
    pub text: String,
}

/// A role's guarantee at the end of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuaranteeResult {
    /// Path of the role.
    pub role: String,
    /// The part of its guarantee that can be had, at most 1.
    pub fraction: f64,
    /// Amounts that it is sure to have: what everything below it uses, and what is held for it.
    pub amounts: Amounts,
    /// `hold` or `lend`.
    pub idle: String,
    /// What is kept free for it, by agent.
    pub held: Vec<HeldFile>,
}

/// Amounts that are kept free on an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldFile {
    /// Agent id.
    pub agent: String,
    /// How much.
    pub resources: Amounts,
}

/// Everything a framework was offered on one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferFile {
    /// Framework id.
    pub framework: String,
    /// Agent id.
    pub agent: String,
    /// Amounts offered, what its running instances hold there excluded.
    pub resources: Amounts,
    /// Thousandths offered of each device, where there are any; their totals are among the amounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceFile>,
}

/// What a framework was offered of a storage unit over all rounds, what its running replicas hold there excluded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitOfferFile {
    /// Framework id.
    pub framework: String,
    /// Unit id.
    pub unit: String,
    /// MiB.
    pub capacity_mib: i64,
    /// Operations per second.
    pub iops: i64,
    /// MiB per second.
    pub mib_s: i64,
}

/// The fairness certificate. See the broker's documentation for what each number proves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FairnessCertificate {
    /// Fairness rule.
    pub rule: String,
    /// For the integer plan: no feasible allocation has a weighted average relative gain above it.
    /// Absent if a framework with placeable demand holds nothing (see `epsilon_one_unit`).
    pub epsilon: Option<f64>,
    /// The same for the fractional share.
    pub epsilon_fractional: f64,
    /// The same for the integer plan with one more unit each: the part that is not granularity.
    pub epsilon_one_unit: Option<f64>,
    /// The agent classes; together they are all agents, each once.
    pub classes: Vec<AgentClassFile>,
    /// Prices per agent class and resource that prove `epsilon` (`epsilon_one_unit` where it is absent).
    pub prices: Vec<ClassPrice>,
    /// Duals of the rows that are not capacities.
    pub duals: Vec<RowDual>,
    /// Prices that prove `epsilon_fractional`.
    pub prices_fractional: Vec<ClassPrice>,
    /// Duals that prove `epsilon_fractional`.
    pub duals_fractional: Vec<RowDual>,
    /// Fractional allocations that prove each floor from below.
    pub floor_witness: Vec<FloorWitness>,
    /// Frameworks left out of the certificate because nothing of theirs can ever be placed, with the reason.
    pub excluded: Vec<Excluded>,
    /// Envy bounds between frameworks, up to 50 frameworks.
    pub envy: Vec<Envy>,
    /// Loss of weighted relative value of the fair fractional share against its maximum.
    pub price_of_fairness: Option<f64>,
}

/// `sum of weight x ln utility` over the frameworks with shares.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WelfareResult {
    /// The plan's. Where a framework holds nothing, every utility counts one unit more.
    pub objective: f64,
    /// No plan that keeps the floors, up to one unit, has more.
    pub bound: f64,
    /// `1 - exp(objective - bound)`: the part of its utility that a framework could gain on the weighted geometric mean.
    pub gap: f64,
    /// `multipliers`: by the prices of the certificate; `combinatorial`: by all that is wanted; or `search`.
    pub proof: Proof,
}

/// What it costs that the cluster is divided among frameworks first, instead of planned as one. Losses are in welfare.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Brokering {
    /// `1 - exp(welfare - welfare of the monolithic plan)`; absent where none was compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<f64>,
    /// The most that the price can be.
    pub price_bound: f64,
    /// What is lost by who holds what: at least, and at most.
    pub division_loss: [f64; 2],
    /// What frameworks do not get out of what they hold: at least, and at most.
    pub solver_loss: [f64; 2],
}

/// A class of agents that share prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentClassFile {
    /// Unique name.
    pub name: String,
    /// Ids of its agents.
    pub agents: Vec<String>,
}

/// The price of one unit of a resource on the agents of a class; those that are 0 may be left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassPrice {
    /// Class name.
    pub class: String,
    /// Ids of the class's agents, in the plan's own prices; those of the shares leave them out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<String>,
    /// Resource name.
    pub resource: String,
    /// Price, at least 0.
    pub price: f64,
}

/// The dual value of a row that is not a capacity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowDual {
    /// `demand[job/task]`, `fit[job/task,class]`, `domain[job/task,level,class]`, `domain[group:name,level,class]`,
    /// `half[class,resource]`, `half_device[class,resource]`, `limit[role,resource]`,
    /// `guarantee[role,resource]`, `floor[framework]`.
    pub row: String,
    /// Frameworks that own the row.
    pub owners: Vec<String>,
    /// Dual value, at least 0.
    pub value: f64,
    /// Right-hand side.
    pub rhs: f64,
}

/// Part of a fractional allocation that shows that a framework could reach its floor alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FloorWitness {
    /// Job id.
    pub job: String,
    /// Task id.
    pub task: String,
    /// Class name.
    pub class: String,
    /// Instances, fractional.
    pub instances: f64,
}

/// A framework outside the certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Excluded {
    /// Framework id.
    pub framework: String,
    /// Why.
    pub reason: String,
}

/// A bound on how much `framework` could value the holdings of `other`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Envy {
    /// Who might envy.
    pub framework: String,
    /// Whose bundle.
    pub other: String,
    /// Price of the other's bundle per weight.
    pub priced_bundle: f64,
    /// `utility x (priced_bundle + rent)`: the other's bundle, scaled to the weights, is worth at most this. Where `epsilon` is
    /// absent, the utility is that with one more unit.
    pub bound: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

/// Something that the user should know about this plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Warning {
    /// A short stable code.
    pub code: String,
    /// What it is about (a framework, task or agent).
    pub subject: String,
    /// One sentence.
    pub text: String,
}
