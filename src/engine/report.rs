//! From the final state to the plan file.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use apportion_cluster::file::{DeviceFile, PlacementFile};
use apportion_cluster::plan::{
    FrameworkResult, Move, Multiplier, OfferFile, PartWeight, PlanStatus, Proof, Share,
    StageResult, StageSense, UnitOfferFile, Unplaced,
};
use apportion_cluster::{
    AgentIdx, Cluster, DeviceIdx, FrameworkIdx, Offer, Running, RunningDevices, RunningUnit, Slice,
    TaskIdx, Timed, UnitIdx,
};
use apportion_models::Sense;
use apportion_models::assignment::{self, Placement, StageAnswer};
use apportion_models::schedule::{self, TimedEntry, Timetable};
use apportion_policies::{Formulation, StageRole, Standing};

use super::context::Context;
use super::devices;
use super::options::Mode;
use super::rounds::Record;
use super::solve::{self, Answer, Rows};
use super::state::State;
use super::units;

/// Everything in place at the end, by (task, agent), one entry per pair.
pub(super) fn final_placements(state: &State<'_>) -> Vec<Running> {
    by_place(state.kept.iter().chain(&state.added).flatten().copied())
}

/// The same as it counts for shares: where instances follow one another, those at the moment of most value.
pub(super) fn held_placements(state: &State<'_>) -> Vec<Running> {
    let frameworks = (0..state.cluster.frameworks.len()).map(FrameworkIdx::of);
    let added = frameworks.flat_map(|framework| state.added_at_peak(framework).into_owned());
    by_place(state.kept.iter().flatten().copied().chain(added))
}

fn by_place(placed: impl Iterator<Item = Running>) -> Vec<Running> {
    let mut counts: BTreeMap<(TaskIdx, AgentIdx), i64> = BTreeMap::new();
    for placed in placed {
        *counts.entry((placed.task, placed.agent)).or_insert(0) += placed.instances;
    }
    counts
        .into_iter()
        .map(|((task, agent), instances)| Running {
            task,
            agent,
            instances,
        })
        .collect()
}

/// The placements with names; instances that hold devices one by one, and those that follow others by when they start.
pub(super) fn named(
    cluster: &Cluster,
    placements: &[Running],
    devices: &[RunningDevices],
    (units, times): (&[RunningUnit], &[Timed]),
) -> Vec<PlacementFile> {
    let entry = |task: TaskIdx, agent: AgentIdx, instances, devices| PlacementFile {
        job: cluster.job(cluster.task(task).job).id.clone(),
        task: cluster.task(task).file_id().to_owned(),
        shard: cluster.task(task).shard_id(),
        unit: None,
        agent: cluster.agent(agent).id.clone(),
        instances,
        devices,
        start_ms: None,
        end_ms: None,
    };
    let mut named = Vec::with_capacity(placements.len());
    let mut held = devices.iter().peekable();
    let mut following = times.iter().peekable();
    let mut units = units.iter().peekable();
    for &Running {
        task,
        agent,
        instances,
    } in placements
    {
        let mut alone = 0;
        while let Some(own) = units.next_if(|it| (it.task, it.agent) == (task, agent)) {
            alone += own.instances;
            named.push(PlacementFile {
                unit: Some(cluster.unit(own.unit).id.clone()),
                ..entry(task, agent, own.instances, Vec::new())
            });
        }
        while let Some(own) = held.next_if(|it| (it.task, it.agent) == (task, agent)) {
            alone += 1;
            let devices = own.devices.iter().map(|device| DeviceFile {
                name: cluster.devices[device.kind.at()].clone(),
                index: device.index,
                milli: device.milli,
            });
            named.push(entry(task, agent, 1, devices.collect()));
        }
        let before = named.len();
        while let Some(timed) = following.next_if(|it| (it.task, it.agent) == (task, agent)) {
            alone += timed.instances;
            named.push(PlacementFile {
                start_ms: Some(timed.start_ms),
                end_ms: Some(timed.end_ms),
                ..entry(task, agent, timed.instances, Vec::new())
            });
        }
        if instances > alone {
            // What runs already comes before what follows.
            let staying = entry(task, agent, instances - alone, Vec::new());
            named.insert(before, staying);
        }
    }
    named
}

/// When everything runs that follows something else, sorted.
pub(super) fn final_times(state: &State<'_>) -> Vec<Timed> {
    let mut times: Vec<Timed> = state.added_times.iter().flatten().copied().collect();
    times.sort_unstable();
    times
}

/// The devices of everything in place at the end, sorted.
pub(super) fn final_devices(state: &State<'_>) -> Vec<RunningDevices> {
    let mut held = devices::kept(state.cluster, &state.kept, &state.gone_devices());
    held.extend(state.added_devices.iter().flatten().cloned());
    held.sort_unstable();
    held
}

/// Where everything in place at the end keeps its data, sorted, one entry each.
pub(super) fn final_units(state: &State<'_>) -> Vec<RunningUnit> {
    let mut sums: BTreeMap<(TaskIdx, AgentIdx, UnitIdx), i64> = BTreeMap::new();
    let kept = state
        .kept
        .iter()
        .flat_map(|kept| units::kept(state.cluster, kept));
    for held in kept.chain(state.added_units.iter().flatten().copied()) {
        *sums.entry((held.task, held.agent, held.unit)).or_insert(0) += held.instances;
    }
    let held = |((task, agent, unit), instances)| RunningUnit {
        task,
        agent,
        unit,
        instances,
    };
    sums.into_iter().map(held).collect()
}

/// Everything that frameworks were offered of storage units; offers of nothing are left out.
pub(super) fn unit_offers(state: &State<'_>) -> Vec<UnitOfferFile> {
    let cluster = state.cluster;
    let mut files = Vec::new();
    for (framework, offered) in cluster.frameworks.iter().zip(&state.offered_units) {
        for (unit, &[capacity_mib, iops, mib_s]) in cluster.units.iter().zip(offered) {
            if capacity_mib > 0 || iops > 0 || mib_s > 0 {
                files.push(UnitOfferFile {
                    framework: framework.id.clone(),
                    unit: unit.id.clone(),
                    capacity_mib,
                    iops,
                    mib_s,
                });
            }
        }
    }
    files
}

/// Running instances that change agent: what was released and did not go back, or was displaced, paired with what was added.
pub(super) fn moves(state: &State<'_>) -> Vec<Move> {
    let cluster = state.cluster;
    let mut gone: BTreeMap<TaskIdx, BTreeMap<AgentIdx, i64>> = BTreeMap::new();
    let released = state.released.iter();
    let released = released.map(|it| (it.task, it.agent, it.instances));
    let displaced = state.seats.displaced.iter();
    // One victim may leave an agent after the other.
    for (task, agent, instances) in released.chain(displaced.map(|it| (it.task, it.agent, 1))) {
        *gone.entry(task).or_default().entry(agent).or_insert(0) += instances;
    }
    let mut moves = Vec::new();
    for (task, from) in gone {
        let mut from: Vec<(AgentIdx, i64)> = from.into_iter().collect();
        let added = state.added[cluster.framework_of(task).at()]
            .iter()
            .filter(|added| added.task == task);
        let mut to: Vec<(AgentIdx, i64)> =
            added.map(|added| (added.agent, added.instances)).collect();
        while let (Some(source), Some(target)) = (from.last_mut(), to.last_mut()) {
            let instances = source.1.min(target.1);
            moves.push(Move {
                job: cluster.job(cluster.task(task).job).id.clone(),
                task: cluster.task(task).file_id().to_owned(),
                shard: cluster.task(task).shard_id(),
                from: cluster.agent(source.0).id.clone(),
                to: cluster.agent(target.0).id.clone(),
                instances,
            });
            source.1 -= instances;
            target.1 -= instances;
            from.retain(|place| place.1 > 0);
            to.retain(|place| place.1 > 0);
        }
    }
    moves.sort();
    moves
}

/// Everything that frameworks were offered, by (framework, agent); offers of nothing are left out, but for those that have a task which asks
/// for nothing.
pub(super) fn offers(state: &State<'_>) -> Vec<OfferFile> {
    let cluster = state.cluster;
    let mut files = Vec::new();
    for (framework, offered) in cluster.frameworks.iter().zip(&state.offered) {
        let jobs = framework.jobs.iter().map(|&job| cluster.job(job));
        let mut tasks = jobs.flat_map(|job| &job.tasks);
        let takes_nothing = tasks.any(|&task| cluster.task(task).demand.is_zero());
        for (agent, offer) in offered
            .iter()
            .filter(|(_, offer)| takes_nothing || !offer.resources.is_zero())
        {
            let amounts = cluster
                .resources
                .iter()
                .zip(&offer.resources.0)
                .filter(|(_, amount)| **amount > 0);
            files.push(OfferFile {
                framework: framework.id.clone(),
                agent: cluster.agent(*agent).id.clone(),
                resources: amounts
                    .map(|(name, &amount)| (name.clone(), amount))
                    .collect(),
                devices: offered_devices(cluster, offer),
            });
        }
    }
    files
}

/// The devices of an offer of which there is anything.
fn offered_devices(cluster: &Cluster, offer: &Offer) -> Vec<DeviceFile> {
    let kinds = cluster.agent(offer.agent).devices.iter();
    let all = kinds.zip(&offer.devices).flat_map(|(kind, offered)| {
        let name = &cluster.devices[kind.kind.at()];
        (0..).zip(offered).map(move |(index, &milli)| DeviceFile {
            name: name.clone(),
            index,
            milli,
        })
    });
    all.filter(|device| device.milli > 0).collect()
}

/// How the run ended.
pub(super) fn status(stopped: bool, unplaced: &[Unplaced]) -> PlanStatus {
    match (stopped, unplaced.is_empty()) {
        (true, _) => PlanStatus::Deadline,
        (false, true) => PlanStatus::Complete,
        (false, false) => PlanStatus::Partial,
    }
}

/// Everything in place, with the devices that it holds and the units where it keeps data.
pub(super) type InPlace<'p> = (&'p [Running], &'p [RunningDevices], &'p [RunningUnit]);

/// One framework's result.
pub(super) fn framework(
    state: &State<'_>,
    context: &Context<'_>,
    framework: FrameworkIdx,
    record: &Record,
    (placements, devices, units): InPlace<'_>,
    share: Option<Share>,
) -> FrameworkResult {
    let cluster = state.cluster;
    let own: Vec<Running> = placements
        .iter()
        .filter(|placed| cluster.framework_of(placed.task) == framework)
        .copied()
        .collect();
    let jobs = &cluster.framework(framework).jobs;
    let tasks = jobs.iter().flat_map(|&job| &cluster.job(job).tasks);
    let (stages, gap) = stages(state, context, framework, record);
    FrameworkResult {
        id: cluster.framework(framework).id.clone(),
        policy: cluster.framework(framework).policy.clone(),
        placed: own.iter().map(|placed| placed.instances).sum(),
        demand: tasks.map(|&task| cluster.task(task).instances).sum(),
        stages,
        gap,
        metrics: metrics(state, context, framework, (&own, devices, units)),
        share,
    }
}

fn metrics(
    state: &State<'_>,
    context: &Context<'_>,
    framework: FrameworkIdx,
    (own, devices, units): InPlace<'_>,
) -> BTreeMap<String, f64> {
    let Some(policy) = context.policy(framework) else {
        return BTreeMap::new();
    };
    let devices = devices.iter().cloned();
    let devices: Vec<RunningDevices> = devices
        .filter(|held| context.cluster.framework_of(held.task) == framework)
        .collect();
    let units = units.iter().copied();
    let units: Vec<RunningUnit> = units
        .filter(|held| context.cluster.framework_of(held.task) == framework)
        .collect();
    let standing = Standing {
        units: &units,
        cluster: context.cluster,
        framework,
        placements: own,
        devices: &devices,
        times: &state.added_times[framework.at()],
        free: &state.free,
        free_devices: &state.free_devices,
    };
    let failed = |text| {
        context.warn(
            "policy_failed",
            &context.cluster.framework(framework).id,
            text,
        );
    };
    let metrics = catch_unwind(AssertUnwindSafe(|| policy.metrics(&standing)));
    let mut metrics = metrics.unwrap_or_else(|panic| {
        failed(format!(
            "the policy panicked in its metrics: {}",
            solve::panic_message(&*panic)
        ));
        BTreeMap::new()
    });
    // What is no finite number cannot be written to a file.
    metrics.retain(|name, value| {
        if !value.is_finite() {
            failed(format!("the policy's metric {name} is {value}"));
        }
        value.is_finite()
    });
    metrics
}

/// The stages of a framework's result, and its gap.
fn stages(
    state: &State<'_>,
    context: &Context<'_>,
    framework: FrameworkIdx,
    record: &Record,
) -> (Vec<StageResult>, Option<f64>) {
    let offered = state.offered[framework.at()].iter();
    let offers: Vec<Offer> = offered.map(|(_, offer)| offer.clone()).collect();
    let mut slice = state.slice(framework, offers);
    (slice.units).clone_from(&state.offered_units[framework.at()]);
    if context.options.mode == Mode::Online {
        return valued(state, context, &slice).unwrap_or_default();
    }
    match &record.last {
        // What was solved last is what the framework was offered in all: its own bounds hold.
        Some((offers, answer)) if is_whole(&slice, offers, answer) => {
            finish(&slice, &answer.formulation, &answer.solved.stages)
        }
        // Bounds that come too late help nobody.
        _ if context.must_certify() => valued(state, context, &slice).unwrap_or_default(),
        _ => {
            let (mut stages, gap) = audited(state, context, &slice).unwrap_or_default();
            // Over several rounds not everything was on offer at once: where the baseline could use what others
            // hold by now, it is no measure.
            let beaten = stages.iter().position(is_beaten).filter(|_| !record.failed);
            for stage in &mut stages[beaten.unwrap_or(0)..] {
                if record.failed || beaten.is_some() {
                    stage.greedy = None;
                }
            }
            (stages, gap)
        }
    }
}

/// Whether the constructive baseline is better than the plan.
fn is_beaten(stage: &StageResult) -> bool {
    stage.greedy.is_some_and(|greedy| match stage.sense {
        StageSense::Maximize => greedy > stage.objective + 1e-9,
        StageSense::Minimize => greedy < stage.objective - 1e-9,
    })
}

/// Whether a formulation is the one of this slice, without budget and limits of roles.
fn is_whole(slice: &Slice<'_>, offers: &[Offer], answer: &Answer) -> bool {
    let formulation = &answer.formulation;
    let pending = slice.pending.iter().map(|&(task, count)| (task, count));
    let solved = formulation
        .items
        .iter()
        .zip(&formulation.assignment.items)
        .map(|(&task, item)| (task, item.count));
    slice.offers == offers
        && slice.units == answer.units
        && pending.eq(solved)
        && formulation
            .assignment
            .caps
            .iter()
            .all(|cap| !solve::is_added(cap))
}

/// Values and bounds of the final state over everything that was offered in all rounds.
fn audited(
    state: &State<'_>,
    context: &Context<'_>,
    slice: &Slice<'_>,
) -> Option<(Vec<StageResult>, Option<f64>)> {
    let policy = context.policy(slice.framework)?;
    let formulation = solve::formulate(&**policy, slice, &Rows::default()).ok()?;
    if let Some(model) = &formulation.schedule {
        let answers = schedule::audit(model, &timetable(state, &formulation, slice), None);
        return Some(finish(slice, &formulation, &answers));
    }
    let model = &formulation.assignment;
    let placement = formulation.placement(&state.proposal(slice.framework));
    let options = solve::audit_options(model, context.options);
    let greedy = || {
        let greedy = solve::construct_classes(model, &Placement::default(), context.options);
        // What the baseline reaches in too little time is no measure.
        greedy.stopped.is_none().then_some(greedy.placement)
    };
    let answers = assignment::audit(model, &placement, greedy, &options);
    Some(finish(slice, &formulation, &answers))
}

/// What a framework added in time, in the words of its model.
fn timetable(state: &State<'_>, formulation: &Formulation, slice: &Slice<'_>) -> Timetable {
    let times = state.added_times[slice.framework.at()].iter();
    let entries = times.filter_map(|timed| {
        let operation = formulation.items.binary_search(&timed.task).ok()?;
        let bin = formulation.bins.binary_search(&timed.agent).ok()?;
        Some(TimedEntry {
            operation: u32::try_from(operation).ok()?,
            bin: u32::try_from(bin).ok()?,
            start: timed.start_ms,
            end: timed.end_ms,
            copies: timed.instances,
        })
    });
    Timetable::new(entries.collect())
}

/// The most value that a framework could have within what it holds and what is free: a bound by counting or by prices where that
/// `is_cheap`, else all that it wants.
pub(super) fn within_reach(
    state: &State<'_>,
    context: &Context<'_>,
    framework: FrameworkIdx,
    is_cheap: bool,
) -> f64 {
    let cluster = state.cluster;
    let value = |task: TaskIdx| cluster.task(task).value;
    let waiting = state.pending(framework);
    let has = state.utility(framework);
    let demand = waiting.iter().map(|&(task, count)| value(task) * count);
    let all = (has + demand.sum::<i64>()) as f64;
    let formulation = || {
        let slice = state.slice(framework, state.everything(framework));
        let policy = context.policy(framework)?;
        solve::formulate(&**policy, &slice, &Rows::default()).ok()
    };
    if waiting.is_empty() || !is_cheap || context.is_late() {
        return all;
    }
    let Some(mut formulation) = formulation() else {
        return all;
    };
    let placement = formulation.placement(&state.proposal(framework));
    let terms = (0..).zip(&formulation.items);
    let terms = terms.map(|(item, &task)| assignment::Term {
        item,
        value: value(task),
    });
    formulation.assignment.stages = vec![assignment::Stage {
        name: "value".to_owned(),
        objective: assignment::Objective::Value(terms.collect()),
    }];
    let options = solve::ladder_options(context.options, context.options.deadline);
    let answers = assignment::audit(&formulation.assignment, &placement, || None, &options);
    let apart = answers
        .first()
        .and_then(|answer| Some(answer.bound? - answer.objective));
    apart.map_or(all, |apart| all.min(has as f64 + apart))
}

/// Values of the final state alone: nothing is known of the best for a framework that was offered nothing.
fn valued(
    state: &State<'_>,
    context: &Context<'_>,
    slice: &Slice<'_>,
) -> Option<(Vec<StageResult>, Option<f64>)> {
    let policy = context.policy(slice.framework)?;
    let id = &context.cluster.framework(slice.framework).id;
    let formulation = solve::formulate(&**policy, slice, &Rows::default())
        .map_err(|text| context.warn("policy_failed", id, text))
        .ok()?;
    let held = state.proposal(slice.framework);
    let values = match &formulation.schedule {
        Some(model) => model.values(&timetable(state, &formulation, slice)),
        None => formulation.assignment.values(&formulation.placement(&held)),
    };
    let values = formulation.stages().into_iter().zip(values);
    let answers: Vec<StageAnswer> = values
        .map(|((name, sense), objective)| StageAnswer {
            name: name.to_owned(),
            sense,
            objective,
            bound: None,
            proof: None,
            greedy: None,
        })
        .collect();
    Some(finish(slice, &formulation, &answers))
}

/// Adds what stays running to values and bounds, names the stages, and takes the largest gap.
fn finish(
    slice: &Slice<'_>,
    formulation: &Formulation,
    answers: &[StageAnswer],
) -> (Vec<StageResult>, Option<f64>) {
    let mut largest = Some(0.0_f64);
    let mut results = Vec::new();
    for ((at, answer), &role) in answers.iter().enumerate().zip(&formulation.roles) {
        let objective = formulation.stage_value(at, answer.objective);
        let bound = answer.bound.map(|bound| formulation.stage_value(at, bound));
        let gap = bound
            .map(|bound| (objective - bound).abs() / objective.abs().max(bound.abs()).max(1.0));
        if role != StageRole::TieBreak {
            largest = largest.zip(gap).map(|(largest, gap)| largest.max(gap));
        }
        let unit = formulation.units[at] as f64;
        let of_answer = answer.bound.and(answer.proof.as_ref());
        let on_places = !formulation.places.bins.is_empty();
        let (proof, mut multipliers) = match of_answer {
            Some(assignment::Proof::Multipliers(all)) if on_places => {
                let multipliers = units::multipliers(slice, formulation, all, unit);
                (Some(Proof::Multipliers), Some(multipliers))
            }
            Some(assignment::Proof::Multipliers(all)) if formulation.schedule.is_some() => {
                (Some(Proof::Multipliers), Some(of_places(slice, all, unit)))
            }
            of_answer => proof(slice, of_answer, unit),
        };
        if let (Some(assignment::Proof::Multipliers(all)), Some(multipliers), false) =
            (&answer.proof, &mut multipliers, on_places)
        {
            multipliers.extend(kept(formulation, answers, all, unit));
        }
        results.push(StageResult {
            name: answer.name.clone(),
            sense: match answer.sense {
                Sense::Maximize => StageSense::Maximize,
                Sense::Minimize => StageSense::Minimize,
            },
            objective,
            bound,
            gap,
            proof,
            multipliers,
            greedy: answer
                .greedy
                .map(|greedy| formulation.stage_value(at, greedy)),
        });
    }
    (results, largest)
}

/// The prices of places in time, by agents that share them: of one instance, and of a millisecond until a moment.
fn of_places(slice: &Slice<'_>, all: &assignment::Prices, unit: f64) -> Vec<Multiplier> {
    let resources = (all.until.iter()).map(|moment| format!("place_ms:{moment}"));
    let resources: Vec<String> = std::iter::once("places".to_owned())
        .chain(resources)
        .collect();
    let mut agents: BTreeMap<(usize, u64), Vec<String>> = BTreeMap::new();
    for (offer, prices) in slice.offers.iter().zip(&all.by_bin) {
        for (at, price) in prices.iter().enumerate().filter(|(_, price)| **price > 0.0) {
            let id = slice.cluster.agent(offer.agent).id.clone();
            // The bits of a positive number order as the number does.
            agents
                .entry((at, (price / unit).to_bits()))
                .or_default()
                .push(id);
        }
    }
    let multipliers = agents.into_iter().map(|((at, price), agents)| Multiplier {
        agents,
        resource: resources[at].clone(),
        price: f64::from_bits(price),
        ..Multiplier::default()
    });
    multipliers.collect()
}

/// The prices of what earlier stages have reached.
fn kept(
    formulation: &Formulation,
    answers: &[StageAnswer],
    all: &assignment::Prices,
    unit: f64,
) -> Vec<Multiplier> {
    let earlier = all.kept.iter().zip(answers).zip(&formulation.units);
    let priced = earlier.filter(|((price, _), _)| **price > 0.0);
    let multiplier = |((&price, earlier), &of): ((&f64, &StageAnswer), &i64)| Multiplier {
        resource: format!("kept:{}", earlier.name),
        price: price * of as f64 / unit,
        ..Multiplier::default()
    };
    priced.map(multiplier).collect()
}

/// A proof in the plan's words: prices by agents that share them, zero prices left out. The model counts devices by
/// kind after the resources, the plan as the resources that total them.
fn proof(
    slice: &Slice<'_>,
    proof: Option<&assignment::Proof>,
    unit: f64,
) -> (Option<Proof>, Option<Vec<Multiplier>>) {
    let all = match proof {
        None => return (None, None),
        Some(assignment::Proof::Combinatorial) => return (Some(Proof::Combinatorial), None),
        Some(assignment::Proof::Search) => return (Some(Proof::Search), None),
        Some(assignment::Proof::Multipliers(all)) => all,
    };
    let weights = |count: &assignment::Count| -> Vec<PartWeight> {
        let weights = count.weights.iter();
        weights
            .map(|&(milli, weight)| PartWeight { milli, weight })
            .collect()
    };
    let mut agents: BTreeMap<(usize, u64, Vec<PartWeight>), Vec<String>> = BTreeMap::new();
    for (at, (offer, prices)) in slice.offers.iter().zip(&all.by_bin).enumerate() {
        let id = &slice.cluster.agent(offer.agent).id;
        let mut by_resource = prices[..slice.cluster.resources.len()].to_vec();
        for (kind, price) in prices[by_resource.len()..].iter().enumerate() {
            if let Some(total) = slice.cluster.device_total(DeviceIdx::of(kind)) {
                by_resource[total] += price;
            }
        }
        let plain = by_resource.into_iter().enumerate();
        let mut priced: Vec<_> = plain.map(|(at, price)| (at, price, Vec::new())).collect();
        let counts = all.counts_of[at]
            .iter()
            .map(|&count| &all.counts[count as usize]);
        for count in counts {
            if let Some(total) = slice
                .cluster
                .device_total(DeviceIdx::of(count.kind as usize))
            {
                priced.push((total, count.price, weights(count)));
            }
        }
        for (resource, price, weights) in priced.into_iter().filter(|priced| priced.1 > 0.0) {
            // The bits of a positive number order as the number does.
            let key = (resource, (price / unit).to_bits(), weights);
            agents.entry(key).or_default().push(id.clone());
        }
    }
    let multipliers = agents
        .into_iter()
        .map(|((resource, price, weights), agents)| Multiplier {
            agents,
            resource: slice.cluster.resources[resource].clone(),
            price: f64::from_bits(price),
            weights,
            units: Vec::new(),
        });
    (Some(Proof::Multipliers), Some(multipliers.collect()))
}
