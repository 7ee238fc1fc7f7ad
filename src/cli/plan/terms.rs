//! What each framework got, in the terms of its own policy: read from the metrics that the policy reports.

use std::collections::BTreeMap;

use apportion_cluster::plan::FrameworkResult;

use crate::cli::numbers::{duration_ms, percent, short};

/// Metrics of a policy that is not known here that are told.
const MOST_METRICS: usize = 4;

type Metrics = BTreeMap<String, f64>;

/// What a framework would ask about first.
pub(super) fn in_its_own(framework: &FrameworkResult) -> String {
    let metrics = &framework.metrics;
    let told = match framework.policy.as_str() {
        "service" => service(metrics),
        "ml" => ml(metrics),
        "mapreduce" => mapreduce(metrics),
        "storage" => storage(metrics),
        "workflow" => workflow(metrics),
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

fn workflow(metrics: &Metrics) -> Option<String> {
    let part = |name: &str| get(metrics, name).map(|value| short((value * 10.0).round() / 10.0));
    let unit = match get(metrics, "makespan_ms") {
        Some(_) => "MiB",
        None => "MiB/s",
    };
    let end = get(metrics, "makespan_ms").map_or_else(String::new, |end| {
        format!("; all over after {}", duration_ms(end))
    });
    Some(format!(
        "{} {unit} stay within agents, {} cross agents, {} cross racks{end}",
        part("traffic_within_agent")?,
        part("traffic_within_rack")?,
        part("traffic_across_racks")?,
    ))
}
