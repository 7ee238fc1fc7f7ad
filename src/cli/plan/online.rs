//! `plan --online`: the order of arrivals and the rule.

use std::path::{Path, PathBuf};

use apportion_cluster::Cluster;
use apportion_policies::online::RULES;
use clap::builder::PossibleValuesParser;

use crate::cli::exit::Failure;
use crate::cli::files;
use crate::engine::{Listed, Online, Order};
use crate::snapshot::{Fault, code};

/// How tasks arrive one at a time.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Let tasks arrive one at a time: by `name`, `shuffled` by the seed, or as a file lists them
    #[arg(
        long,
        value_name = "ORDER",
        help_heading = "Online",
        conflicts_with_all = ["mode", "fairness", "previous", "against", "gap", "dump_models", "solver", "isolate"]
    )]
    online: Option<PathBuf>,
    /// How an arriving task chooses among the agents where it may go [default: shadow_price]
    #[arg(
        long,
        value_name = "RULE",
        help_heading = "Online",
        requires = "online",
        value_parser = PossibleValuesParser::new(RULES)
    )]
    rule: Option<String>,
}

impl Arguments {
    /// The order as it was named.
    pub(super) fn order(&self) -> Option<&Path> {
        self.online.as_deref()
    }

    /// The order and the rule, if tasks arrive one at a time.
    pub(super) fn read(&self, cluster: &Cluster) -> Result<Option<Online>, Failure> {
        let Some(order) = &self.online else {
            return Ok(None);
        };
        let default = Online::default();
        Ok(Some(Online {
            order: self::order(order, cluster)?,
            rule: self.rule.clone().unwrap_or(default.rule),
        }))
    }
}

/// A word, or else a file: one that is called like a word is named with its folder.
fn order(order: &Path, cluster: &Cluster) -> Result<Order, Failure> {
    match order.to_str() {
        Some("name") => return Ok(Order::Name),
        Some("shuffled") => return Ok(Order::Shuffled),
        _ => {}
    }
    let bytes = files::read(order).map_err(|failure| {
        failure
            .with_action("the order is `name`, `shuffled`, or a file with a job or job/task a line")
    })?;
    let faults = match std::str::from_utf8(&bytes) {
        Ok(text) => match Listed::read(cluster, text) {
            Ok(listed) => return Ok(Order::Listed(listed)),
            Err(faults) => faults.0,
        },
        Err(_) => vec![not_text()],
    };
    Err(Failure::Input {
        file: files::name(order),
        bytes,
        faults,
    })
}

fn not_text() -> Fault {
    Fault {
        code: code::ENCODING,
        path: "$".to_owned(),
        subject: String::new(),
        cause: "the order of arrivals is not UTF-8".to_owned(),
        action: "save the file as UTF-8".to_owned(),
        place: None,
    }
}
