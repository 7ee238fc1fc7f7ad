//! The objects of an events file, in the order of `apportion_cluster::events`.

use apportion_cluster::events::{ArriveFile, EndFile, EventFile, EventsFile};
use apportion_cluster::file::JobFile;

use super::fields::{Fields, Shape};
use super::objects::job;
use crate::snapshot::fault::Faults;
use crate::snapshot::path::Path;
use crate::snapshot::tree::Node;

const EVENTS: Shape = Shape {
    noun: "an events file",
    keys: &["version", "events"],
};
const EVENT: Shape = Shape {
    noun: "an event",
    keys: &["at_ms", "arrive", "complete", "restart", "fail", "return"],
};
const ARRIVE: Shape = Shape {
    noun: "`arrive`",
    keys: &["job", "run_ms"],
};
const END: Shape = Shape {
    noun: "the end of instances",
    keys: &["job", "task", "instances"],
};

/// The whole file.
pub(in crate::snapshot) fn events(node: &Node<'_>, faults: &mut Faults) -> EventsFile {
    let root = Path::Root;
    let fields = Fields::open(&EVENTS, node, &root, faults);
    EventsFile {
        version: fields.text("version", faults),
        events: fields.required_objects("events", "", faults, event),
    }
}

fn event(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> EventFile {
    let fields = Fields::open(&EVENT, node, path, faults);
    EventFile {
        at_ms: fields.integer("at_ms", faults),
        arrive: fields.optional_object("arrive", faults, arrive),
        complete: fields.optional_object("complete", faults, end),
        restart: fields.optional_object("restart", faults, end),
        fail: fields.optional_text("fail", faults),
        returns: fields.optional_text("return", faults),
    }
}

fn arrive(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> ArriveFile {
    let fields = Fields::open(&ARRIVE, node, path, faults);
    let job: Option<JobFile> = fields.required_object("job", faults, job);
    ArriveFile {
        job: job.unwrap_or_default(),
        run_ms: fields.optional_integer("run_ms", faults),
    }
}

fn end(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> EndFile {
    let fields = Fields::open(&END, node, path, faults);
    EndFile {
        job: fields.text("job", faults),
        task: fields.optional_text("task", faults),
        instances: fields.optional_integer("instances", faults),
    }
}
