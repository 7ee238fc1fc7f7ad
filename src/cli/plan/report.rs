//! A plan for people: what got placed, what each framework got, how good and how fair it is, and what did not fit.

use std::collections::BTreeMap;

use apportion_cluster::Cluster;
use apportion_cluster::plan::{
    FairnessCertificate, FrameworkResult, Note, PlanFile, PlanStatus, Proof, StageResult, Unplaced,
};

use crate::cli::console::{Tone, styled};
use crate::cli::numbers::{count, counted, duration_ms, percent, plural, short};
use crate::cli::table::{self, Align, wrapped};

/// Rows that a table of frameworks, reasons, moves or warnings shows; the plan itself has all of them.
const MOST_ROWS: usize = 12;
/// Frameworks up to which every stage is shown.
const MOST_IN_FULL: usize = 4;
/// Levels that the table of survival shows.
const MOST_LEVELS: usize = 6;

/// The report on `plan`; `snapshot` and `written` are the files' names, for the commands to try next.
pub(super) fn text(
    cluster: &Cluster,
    plan: &PlanFile,
    snapshot: &str,
    written: Option<&str>,
) -> String {
    let parts = [
        header(cluster, plan),
        shares(plan),
        quality(plan),
        terms(cluster, plan),
        survival(cluster, plan),
        fairness(plan),
        unplaced(plan),
        moves(plan),
        preemptions(plan),
        notes(plan),
        warnings(plan),
        footer(plan, snapshot, written),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n")
}

fn header(cluster: &Cluster, plan: &PlanFile) -> String {
    let placed: i64 = plan
        .frameworks
        .iter()
        .map(|framework| framework.placed)
        .sum();
    let demand: i64 = plan
        .frameworks
        .iter()
        .map(|framework| framework.demand)
        .sum();
    let numbers = format!("{} of {} instances placed", count(placed), count(demand));
    let status = match plan.status {
        PlanStatus::Complete => styled(Tone::Good, "complete"),
        PlanStatus::Partial => styled(Tone::Caution, "partial"),
        PlanStatus::Deadline => styled(Tone::Caution, "cut short by the deadline"),
    };
    let name = if cluster.name.is_empty() {
        "cluster"
    } else {
        &cluster.name
    };
    let running: i64 = cluster
        .running
        .iter()
        .map(|running| running.instances)
        .sum();
    // An online plan has no shares, and so no rule of fairness.
    let rule = match &plan.options.online {
        Some(online) => &online.rule,
        None => &plan.options.fairness,
    };
    let digest: String = plan.snapshot_digest.chars().take(12).collect();
    format!(
        "{}: {status}, {numbers}\n{}, {}, {}, {} running; snapshot {digest}; {}, {}\n",
        styled(Tone::Heading, name),
        counted(cluster.agents.len(), "agent"),
        counted(cluster.frameworks.len(), "framework"),
        counted(cluster.jobs.len(), "job"),
        count(running),
        plan.options.mode,
        rule,
    )
}

/// The frameworks that a table shows: all, or those with most unplaced, then with the largest gap.
fn shown(plan: &PlanFile) -> Vec<&FrameworkResult> {
    let mut frameworks: Vec<&FrameworkResult> = plan.frameworks.iter().collect();
    if frameworks.len() > MOST_ROWS {
        frameworks.sort_by(|a, b| {
            let missing = |f: &FrameworkResult| f.demand.saturating_sub(f.placed);
            let gap = |f: &FrameworkResult| f.gap.unwrap_or(1.0);
            missing(b).cmp(&missing(a)).then(gap(b).total_cmp(&gap(a)))
        });
        frameworks.truncate(MOST_ROWS);
        frameworks.sort_by(|a, b| a.id.cmp(&b.id));
    }
    frameworks
}

fn and_more(total: usize, noun: &str) -> String {
    match total.checked_sub(MOST_ROWS) {
        None | Some(0) => String::new(),
        Some(more) => format!(
            "... {} (all of them with --json)\n",
            counted(more, &format!("more {noun}"))
        ),
    }
}

/// Who wanted, deserves and got how much. Shares are in value: instances, where each is worth 1.
fn shares(plan: &PlanFile) -> String {
    let columns = [
        ("framework", Align::Left),
        ("policy", Align::Left),
        ("placed", Align::Right),
        ("wanted", Align::Right),
        ("weight", Align::Right),
        ("deserved", Align::Right),
        ("got", Align::Right),
        ("borrowed", Align::Right),
        ("lent", Align::Right),
    ];
    let rows: Vec<Vec<String>> = shown(plan)
        .into_iter()
        .map(|framework| {
            let mut row = vec![
                framework.id.clone(),
                framework.policy.clone(),
                count(framework.placed),
                count(framework.demand),
            ];
            match &framework.share {
                Some(share) => row.extend([
                    percent(share.weight),
                    value(share.deserved),
                    value(share.utility),
                    value(apart(share.borrowed, share.deserved)),
                    value(apart(share.lent, share.deserved)),
                ]),
                None => row.extend(["-", "-", "-", "-", "-"].map(str::to_owned)),
            }
            row
        })
        .collect();
    let more = and_more(plan.frameworks.len(), "framework");
    let sentences: String = if plan.frameworks.len() > MOST_IN_FULL {
        String::new()
    } else {
        let shares = plan
            .frameworks
            .iter()
            .filter_map(|framework| Some((framework, framework.share.as_ref()?)));
        shares
            .map(|(framework, share)| wrapped(&format!("{}: {}", framework.id, share.text)))
            .collect()
    };
    format!(
        "{}{}{more}{sentences}",
        heading("Shares"),
        table::render(&columns, &rows)
    )
}

/// A number without what solvers leave beyond the sixth decimal.
fn value(number: f64) -> String {
    short((number * 1e6).round() / 1e6)
}

/// How good each framework's placement is, stage by stage, and how that is proved. Where there are many frameworks, stages that
/// are proved best are counted only.
fn quality(plan: &PlanFile) -> String {
    let columns = [
        ("framework", Align::Left),
        ("stage", Align::Left),
        ("plan", Align::Right),
        ("bound", Align::Right),
        ("gap", Align::Right),
        ("proved by", Align::Left),
        ("greedy", Align::Right),
    ];
    let brief = plan.frameworks.len() > MOST_IN_FULL;
    let mut rows = Vec::new();
    for framework in shown(plan) {
        let stages = framework
            .stages
            .iter()
            .filter(|stage| !brief || stage.gap != Some(0.0));
        for (position, stage) in stages.enumerate() {
            rows.push(stage_row(framework, position, stage));
        }
    }
    let mut text = heading("Quality");
    if !rows.is_empty() {
        text.push_str(&table::render(&columns, &rows));
    }
    if brief {
        text.push_str(&proved(plan));
    }
    text
}

/// How many stages are proved best, of those that have a bound: rules that take one task at a time have none.
fn proved(plan: &PlanFile) -> String {
    let frameworks = plan.frameworks.iter();
    let stages: Vec<&StageResult> = frameworks.flat_map(|it| &it.stages).collect();
    let n_bounded = stages.iter().filter(|stage| stage.gap.is_some()).count();
    let n_best = stages.iter().filter(|stage| stage.gap == Some(0.0)).count();
    match (stages.len() - n_bounded, n_bounded) {
        (0, all) => format!(
            "{n_best} of {} are proved best: gap 0\n",
            counted(all, "stage")
        ),
        (all, 0) => format!("{} without a bound\n", counted(all, "stage")),
        (without, some) => format!(
            "{n_best} of {} with a bound are proved best: gap 0; {without} without a bound\n",
            counted(some, "stage")
        ),
    }
}

fn stage_row(framework: &FrameworkResult, position: usize, stage: &StageResult) -> Vec<String> {
    let id = if position == 0 {
        framework.id.clone()
    } else {
        String::new()
    };
    vec![
        id,
        stage.name.clone(),
        short(stage.objective),
        stage.bound.map_or_else(|| "-".to_owned(), short),
        stage.gap.map_or_else(|| "-".to_owned(), percent),
        stage.proof.map_or("-", proof).to_owned(),
        stage.greedy.map_or_else(|| "-".to_owned(), short),
    ]
}

fn proof(proof: Proof) -> &'static str {
    match proof {
        Proof::Multipliers => "prices",
        Proof::Combinatorial => "counting",
        Proof::Search => "search (claimed)",
    }
}

/// What each framework got in its own policy's terms, where they are of several.
fn terms(cluster: &Cluster, plan: &PlanFile) -> String {
    let mut policies: Vec<&str> = plan.frameworks.iter().map(|it| &*it.policy).collect();
    policies.sort_unstable();
    policies.dedup();
    if policies.len() < 2 {
        return String::new();
    }
    let columns = [
        ("framework", Align::Left),
        ("policy", Align::Left),
        ("what it got, in its own terms", Align::Left),
    ];
    let rows = shown(plan).into_iter().map(|framework| {
        let told = super::terms::in_its_own(cluster, framework);
        vec![framework.id.clone(), framework.policy.clone(), told]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    format!(
        "{}{}",
        heading("In their own terms"),
        table::render(&columns, &rows)
    )
}

/// What the loss of one domain takes at worst: the largest part of one job, per level.
fn survival(cluster: &Cluster, plan: &PlanFile) -> String {
    let key = |level: &str| format!("worst_domain_loss[{level}]");
    let has = |level: &str| {
        plan.frameworks
            .iter()
            .any(|framework| framework.metrics.contains_key(&key(level)))
    };
    let levels = cluster.levels.iter().map(|level| level.name.as_str());
    let levels: Vec<&str> = levels
        .filter(|level| has(level))
        .take(MOST_LEVELS)
        .collect();
    let mut columns = vec![("framework", Align::Left), ("agents used", Align::Right)];
    columns.extend(levels.iter().map(|&level| (level, Align::Right)));
    let metric = |framework: &FrameworkResult, key: &str, tell: fn(f64) -> String| {
        framework
            .metrics
            .get(key)
            .map_or_else(|| "-".to_owned(), |&value| tell(value))
    };
    let row = |framework: &FrameworkResult| {
        let mut row = vec![
            framework.id.clone(),
            metric(framework, "agents_used", short),
        ];
        row.extend(levels.iter().map(|level| {
            metric(framework, &key(level), |loss| {
                format!("{:.0} %", loss * 100.0)
            })
        }));
        row
    };
    if levels.is_empty() {
        return String::new();
    }
    let measured = shown(plan).into_iter().filter(|framework| {
        let mut levels = levels.iter();
        levels.any(|level| framework.metrics.contains_key(&key(level)))
    });
    let rows: Vec<Vec<String>> = measured.map(row).collect();
    let title = heading("Survival: the largest part of one job that the loss of one domain takes");
    format!("{title}{}", table::render(&columns, &rows))
}

fn fairness(plan: &PlanFile) -> String {
    let Some(fairness) = &plan.fairness else {
        return String::new();
    };
    let mut text = heading("Fairness") + &wrapped(&epsilon(fairness));
    if let Some(price) = fairness.price_of_fairness {
        let price = percent((price * 1e6).round() / 1e6);
        text.push_str(&wrapped(&format!(
            "Fair shares cost {price} of the most value that could be placed in fractions of instances."
        )));
    }
    text.push_str(&brokering(plan));
    for excluded in fairness.excluded.iter().take(MOST_ROWS) {
        text.push_str(&wrapped(&format!(
            "Left out: {}: {}",
            excluded.framework, excluded.reason
        )));
    }
    text
}

/// What the plan lacks of the most welfare; of a brokered plan, that is what brokering can cost.
fn brokering(plan: &PlanFile) -> String {
    let part = |fraction: f64| percent((fraction * 1e6).round() / 1e6);
    match (&plan.brokering, &plan.welfare) {
        (Some(section), _) => {
            let most = part(section.price_bound);
            let price = section.price.map_or_else(String::new, |price| {
                format!(", and {} beside the monolithic plan", part(price))
            });
            wrapped(&format!(
                "Brokering costs at most {most} of what frameworks could have were the cluster planned as one{price}."
            ))
        }
        (None, Some(welfare)) => wrapped(&format!(
            "No plan that leaves everybody its floor gives the frameworks more than {} more, on the weighted geometric mean.",
            part(welfare.gap)
        )),
        (None, None) => String::new(),
    }
}

fn epsilon(fairness: &FairnessCertificate) -> String {
    let rule = &fairness.rule;
    let fractional = value(fairness.epsilon_fractional.max(0.0));
    let one_unit = fairness
        .epsilon_one_unit
        .map_or_else(|| "unknown".to_owned(), |one| value(one.max(0.0)));
    match fairness.epsilon {
        Some(epsilon) => format!(
            "epsilon {} ({rule}): no allocation that fits{} would gain the frameworks, weighted, more than {} on \
             average. In fractions of instances it is {fractional}; with one instance more for each, {one_unit}.",
            value(epsilon),
            match rule.as_str() {
                "drf" => "",
                _ => " and leaves everybody its floor",
            },
            percent((epsilon.max(0.0) * 1e6).round() / 1e6),
        ),
        None => format!(
            "no epsilon ({rule}): a framework with demand that could be placed holds nothing. With one instance \
             more for each it is {one_unit}; in fractions of instances, {fractional}."
        ),
    }
}

/// What has no place, gathered by reason.
fn unplaced(plan: &PlanFile) -> String {
    if plan.unplaced.is_empty() {
        return String::new();
    }
    let mut groups: BTreeMap<(&str, &str), Vec<&Unplaced>> = BTreeMap::new();
    for entry in &plan.unplaced {
        let key = (entry.reason.code.as_str(), family(&entry.reason.rule));
        groups.entry(key).or_default().push(entry);
    }
    let total = |group: &[&Unplaced]| group.iter().map(|entry| entry.instances).sum::<i64>();
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|a, b| total(&b.1).cmp(&total(&a.1)).then(a.0.cmp(&b.0)));
    let columns = [
        ("instances", Align::Right),
        ("tasks", Align::Right),
        ("reason", Align::Left),
        ("rule", Align::Left),
        ("for example", Align::Left),
    ];
    let n_groups = groups.len();
    let rows: Vec<Vec<String>> = groups
        .iter()
        .take(MOST_ROWS)
        .map(|((code, rule), group)| {
            let example = group[0];
            vec![
                count(total(group)),
                group.len().to_string(),
                code.replace('_', " "),
                (*rule).to_owned(),
                format!("{}/{}: {}", example.job, example.task, example.reason.text),
            ]
        })
        .collect();
    let instances: i64 = plan.unplaced.iter().map(|entry| entry.instances).sum();
    let title = format!(
        "Unplaced: {} {}",
        count(instances),
        plural(instances, "instance")
    );
    format!(
        "{}{}{}",
        heading(&title),
        table::render(&columns, &rows),
        and_more(n_groups, "reason")
    )
}

/// `limit[web/web,rack][r1]` and its like belong to the family `limit`.
fn family(rule: &str) -> &str {
    rule.split('[').next().unwrap_or(rule)
}

/// Who had to go, for whom.
fn preemptions(plan: &PlanFile) -> String {
    if plan.preemptions.is_empty() {
        return String::new();
    }
    let columns = [
        ("displaced", Align::Right),
        ("moved", Align::Right),
        ("job", Align::Left),
        ("task", Align::Left),
        ("from", Align::Left),
        ("for", Align::Left),
        ("guarantee of", Align::Left),
    ];
    let entries = plan.preemptions.iter();
    let all = entries.flat_map(|entry| entry.victims.iter().map(move |victim| (entry, victim)));
    let rows: Vec<Vec<String>> = all
        .clone()
        .take(MOST_ROWS)
        .map(|(entry, victim)| {
            vec![
                count(victim.instances),
                count(victim.moved),
                victim.job.clone(),
                victim.task.clone(),
                victim.agent.clone(),
                entry.job.clone(),
                entry.role.clone(),
            ]
        })
        .collect();
    let more = and_more(all.count(), "place");
    format!(
        "{}{}{more}",
        heading("Displaced for guarantees"),
        table::render(&columns, &rows)
    )
}

fn moves(plan: &PlanFile) -> String {
    if plan.moves.is_empty() {
        return String::new();
    }
    let columns = [
        ("instances", Align::Right),
        ("job", Align::Left),
        ("task", Align::Left),
        ("from", Align::Left),
        ("to", Align::Left),
    ];
    let rows: Vec<Vec<String>> = plan
        .moves
        .iter()
        .take(MOST_ROWS)
        .map(|step| {
            vec![
                count(step.instances),
                step.job.clone(),
                step.task.clone(),
                step.from.clone(),
                step.to.clone(),
            ]
        })
        .collect();
    let more = and_more(plan.moves.len(), "move");
    format!(
        "{}{}{more}",
        heading("Moves"),
        table::render(&columns, &rows)
    )
}

/// Notes, those that say the same together.
fn notes(plan: &PlanFile) -> String {
    if plan.notes.is_empty() {
        return String::new();
    }
    let mut groups: BTreeMap<&str, Vec<&Note>> = BTreeMap::new();
    for note in &plan.notes {
        groups.entry(&note.text).or_default().push(note);
    }
    let total = |group: &[&Note]| group.iter().map(|note| note.instances).sum::<i64>();
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|a, b| total(&b.1).cmp(&total(&a.1)).then(a.0.cmp(b.0)));
    let columns = [
        ("instances", Align::Right),
        ("tasks", Align::Right),
        ("note", Align::Left),
        ("for example", Align::Left),
    ];
    let n_groups = groups.len();
    let rows = groups.into_iter().take(MOST_ROWS).map(|(text, group)| {
        vec![
            count(total(&group)),
            group.len().to_string(),
            text.to_owned(),
            format!("{}/{}", group[0].job, group[0].task),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let (table, more) = (table::render(&columns, &rows), and_more(n_groups, "note"));
    format!("{}{table}{more}", heading("Notes"))
}

fn warnings(plan: &PlanFile) -> String {
    if plan.warnings.is_empty() {
        return String::new();
    }
    let lines: String = plan
        .warnings
        .iter()
        .take(MOST_ROWS)
        .map(|warning| {
            let code = styled(Tone::Caution, &warning.code);
            wrapped(&format!("{code} {}: {}", warning.subject, warning.text))
        })
        .collect();
    let more = and_more(plan.warnings.len(), "warning");
    format!("{}{lines}{more}", heading("Warnings"))
}

fn footer(plan: &PlanFile, snapshot: &str, written: Option<&str>) -> String {
    let mut text = String::new();
    if let Some(timings) = &plan.timings_ms {
        let order = ["read", "broker", "formulate", "solve", "verify", "total"];
        let known = order
            .iter()
            .filter_map(|&phase| Some((phase, *timings.get(phase)?)));
        let phases: Vec<String> = known
            .map(|(phase, time)| format!("{phase} {}", duration_ms(time)))
            .collect();
        text.push_str(&styled(
            Tone::Faint,
            &format!("Time: {}", phases.join(", ")),
        ));
        text.push('\n');
        if let Some((mean, p99)) = timings
            .get("decision_mean")
            .zip(timings.get("decision_p99"))
        {
            let decisions = format!("A decision: {mean:.3} ms on average, 99 % within {p99:.3} ms");
            text.push_str(&styled(Tone::Faint, &decisions));
            text.push('\n');
        }
    }
    let next = match written {
        _ if snapshot == "-" => return text,
        Some(plan) => format!(
            "Next:\n  apportion verify {snapshot} {plan}\n  apportion apply {snapshot} {plan} -o next.json\n"
        ),
        None => format!("Next:\n  apportion plan {snapshot} -o plan.json\n"),
    };
    text.push_str(&styled(Tone::Faint, next.trim_end()));
    text.push('\n');
    text
}

fn heading(text: &str) -> String {
    format!("{}\n", styled(Tone::Heading, text))
}

/// A difference to what is deserved, but for what shares are inaccurate by.
fn apart(difference: f64, deserved: f64) -> f64 {
    if difference > 1e-6 * deserved {
        difference
    } else {
        0.0
    }
}
