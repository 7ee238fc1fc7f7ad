//! What each framework got, in the terms of its own policy: read from the metrics that the policy reports.

use std::collections::BTreeMap;

use apportion_cluster::plan::FrameworkResult;
use apportion_cluster::{Cluster, EdgeLoad, Framework};

use crate::cli::numbers::{duration_ms, percent, short};

/// Metrics of a policy that is not known here that are told.
const MOST_METRICS: usize = 4;

type Metrics = BTreeMap<String, f64>;

/// What a framework would ask about first.
pub(super) fn in_its_own(cluster: &Cluster, framework: &FrameworkResult) -> String {
    let metrics = &framework.metrics;
    let find = || cluster.frameworks.iter().find(|it| it.id == framework.id);
    let told = match framework.policy.as_str() {
        "service" => service(metrics),
        "ml" => ml(metrics),
        "mapreduce" => mapreduce(metrics),
        "storage" => storage(metrics),
        "workflow" => find().and_then(|it| workflow(metrics, unit(cluster, it), end_ms(framework))),
        _ => None,
    };
    told.unwrap_or_else(|| {
        let all = metrics.iter().take(MOST_METRICS);
        let told = all.map(|(name, value)| format!("{name} {}", short(*value)));
        told.collect::<Vec<_>>().join(", ")
    })
}

fn get(metrics: &Metrics, name: &str) -> Option<f64> {
    metrics.get(name).copied()
}

fn service(metrics: &Metrics) -> Option<String> {
    let agents = get(metrics, "agents_used")?;
    let losses = metrics.iter().filter_map(|(name, loss)| {
        let level = name.strip_prefix("worst_domain_loss[")?;
        Some((*loss, level.strip_suffix(']')?))
    });
    let worst = losses.max_by(|left, right| left.0.total_cmp(&right.0));
    let loss = worst.map_or_else(String::new, |(loss, level)| {
        format!(
            "the loss of a {level} takes at most {} of a job; ",
            percent(loss)
        )
    });
    Some(format!("{loss}{} agents", short(agents)))
}

fn ml(metrics: &Metrics) -> Option<String> {
    let gangs = get(metrics, "gangs_placed")?;
    let waiting = get(metrics, "gangs_waiting")?;
    let devices = metrics
        .iter()
        .filter_map(|(name, milli)| Some((name.strip_suffix("_milli")?, milli)));
    let devices: Vec<String> = devices
        .map(|(kind, milli)| format!("{} {kind}s in use", short(milli / 1000.0)))
        .collect();
    let spread = get(metrics, "agents_per_job").map_or_else(String::new, |agents| {
        format!("; {} agents a job", short(agents))
    });
    let all = short(gangs + waiting);
    let gangs = format!("{} of {all} gangs whole", short(gangs));
    Some(format!("{}; {gangs}{spread}", devices.join(", ")))
}

fn mapreduce(metrics: &Metrics) -> Option<String> {
    let near = get(metrics, "node_local_tasks")?;
    let rack = get(metrics, "rack_local_tasks")?;
    let far = get(metrics, "remote_tasks")?;
    let shuffle = get(metrics, "cross_rack_mib[shuffle]").unwrap_or(0.0);
    let end = match get(metrics, "makespan_ms") {
        Some(end) if end > 0.0 => format!("; all over after {}", duration_ms(end)),
        _ => String::new(),
    };
    Some(format!(
        "{} maps beside their block, {} in its rack, {} afar; {} MiB shuffled across racks{end}",
        short(near),
        short(rack),
        short(far),
        short(shuffle.round()),
    ))
}

fn storage(metrics: &Metrics) -> Option<String> {
    Some(format!(
        "{} of {} shards complete; {} hops an operation, {} MiB to copy; the fullest unit at {}",
        short(get(metrics, "complete_shards")?),
        short(get(metrics, "shards")?),
        short((get(metrics, "mean_hops")? * 1000.0).round() / 1000.0),
        short(get(metrics, "copied_mib")?),
        percent(get(metrics, "max_utilization")?),
    ))
}

/// What the edges of a workflow carry: amounts, if they all do, or rates.
fn unit(cluster: &Cluster, framework: &Framework) -> &'static str {
    let jobs = framework.jobs.iter();
    let mut edges = jobs.flat_map(|&job| &cluster.job(job).edges);
    match edges.any(|edge| matches!(edge.load, EdgeLoad::MibPerSecond(_))) {
        true => "MiB/s",
        false => "MiB",
    }
}

/// When the last task of a batch ends, which is the stage `makespan` in milliseconds.
fn end_ms(framework: &FrameworkResult) -> Option<f64> {
    let mut stages = framework.stages.iter();
    let stage = stages.find(|stage| stage.name == "makespan")?;
    (stage.objective > 0.0).then_some(stage.objective)
}

fn workflow(metrics: &Metrics, unit: &str, end_ms: Option<f64>) -> Option<String> {
    let part = |name: &str| get(metrics, name).map(|value| short((value * 10.0).round() / 10.0));
    let end = end_ms.map_or_else(String::new, |end| {
        format!("; all over after {}", duration_ms(end))
    });
    Some(format!(
        "{} {unit} stay within agents, {} cross agents, {} cross racks{end}",
        part("traffic_within_agent")?,
        part("traffic_within_rack")?,
        part("traffic_across_racks")?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(load: &str, work: &str) -> String {
        let text = format!(
            r#"{{"version": "apportion/v1", "cluster": "c", "agents": [{{"id": "a", "resources": {{"cpu_milli": 4000}}}}],
            "frameworks": [{{"id": "f", "policy": "workflow"}}],
            "jobs": [{{"id": "j", "framework": "f",
                "tasks": [{{"id": "x", "resources": {{"cpu_milli": 1000}}{work}}},
                    {{"id": "y", "resources": {{"cpu_milli": 1000}}{work}}}],
                "edges": [{{"from": "x", "to": "y", {load}}}]}}]}}"#
        );
        let cluster = crate::snapshot::read(text.as_bytes()).expect("a snapshot");
        let plan = crate::engine::plan(&cluster, &crate::engine::Options::default());
        in_its_own(&cluster, &plan.expect("a plan").frameworks[0])
    }

    #[test]
    fn a_stream_is_told_in_rates_and_a_batch_in_amounts_with_its_end() {
        let stream = told(r#""mib_s": 7"#, "");
        assert_eq!(
            stream,
            "7 MiB/s stay within agents, 0 cross agents, 0 cross racks"
        );
        let batch = told(r#""mib": 7"#, r#", "work_ms": 1000"#);
        assert_eq!(
            batch,
            "7 MiB stay within agents, 0 cross agents, 0 cross racks; all over after 2.00 s"
        );
        let exchange = told(r#""mib": 7"#, "");
        assert_eq!(
            exchange,
            "7 MiB stay within agents, 0 cross agents, 0 cross racks"
        );
    }
}
