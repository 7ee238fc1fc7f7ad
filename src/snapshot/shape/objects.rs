//! The objects of the format, one function each, in the order of `apportion_cluster::file`.

use apportion_cluster::file::{
    AgentFile, BlockFile, ConstraintsFile, DataFile, DeviceFile, DeviceNeedFile, DevicesFile,
    EdgeFile, FrameworkFile, GangFile, JobFile, LimitFile, MapFile, MinAvailableFile, ModelFile,
    PlacementFile, ReduceFile, RoleFile, ShardFile, SnapshotFile, SpreadFile, TaskFile, UnitFile,
    VolumeFile,
};

use super::fields::{Fields, Shape};
use super::values::{any_of, integer_of, text_of, texts_of};
use crate::snapshot::fault::Faults;
use crate::snapshot::path::Path;
use crate::snapshot::tree::Node;

const SNAPSHOT: Shape = Shape {
    noun: "a snapshot",
    keys: &[
        "version",
        "cluster",
        "fairness",
        "levels",
        "agents",
        "roles",
        "frameworks",
        "jobs",
        "data",
        "placements",
    ],
};
const DATA: Shape = Shape {
    noun: "`data`",
    keys: &["blocks", "units"],
};
const BLOCK: Shape = Shape {
    noun: "a block",
    keys: &["id", "mib", "replicas"],
};
const AGENT: Shape = Shape {
    noun: "an agent",
    keys: &[
        "id",
        "domains",
        "attributes",
        "resources",
        "devices",
        "dedicated",
        "cordoned",
        "speed",
    ],
};
const ROLE: Shape = Shape {
    noun: "a role",
    keys: &["path", "weight", "guarantee", "limit", "idle_guarantee"],
};
const FRAMEWORK: Shape = Shape {
    noun: "a framework",
    keys: &["id", "policy", "role", "weight", "parameters"],
};
const JOB: Shape = Shape {
    noun: "a job",
    keys: &[
        "id",
        "framework",
        "priority",
        "min_available",
        "max_moves",
        "gang",
        "waited_ms",
        "map",
        "reduce",
        "tasks",
        "edges",
        "shards",
    ],
};
const MIN_AVAILABLE: Shape = Shape {
    noun: "`min_available`",
    keys: &["level", "instances"],
};
const GANG: Shape = Shape {
    noun: "`gang`",
    keys: &["min_instances"],
};
const MAP: Shape = Shape {
    noun: "`map`",
    keys: &["inputs", "work_ms", "remote_penalty_ms"],
};
const REDUCE: Shape = Shape {
    noun: "`reduce`",
    keys: &["shuffle_mib", "shuffle_mib_total", "work_ms"],
};
const TASK: Shape = Shape {
    noun: "a task",
    keys: &[
        "id",
        "instances",
        "value",
        "work_ms",
        "resources",
        "devices",
        "groups",
        "constraints",
        "map",
        "reduce",
        "shards",
    ],
};
const EDGE: Shape = Shape {
    noun: "an edge",
    keys: &["from", "to", "mib_s", "mib"],
};
const DEVICES: Shape = Shape {
    noun: "an agent's devices",
    keys: &["name", "model", "count"],
};
const DEVICE_NEED: Shape = Shape {
    noun: "a need for devices",
    keys: &["name", "count", "milli", "models"],
};
const MODEL: Shape = Shape {
    noun: "a model",
    keys: &["model", "throughput"],
};
const CONSTRAINTS: Shape = Shape {
    noun: "`constraints`",
    keys: &["attributes", "limit", "spread", "agents", "tolerates"],
};
const LIMIT: Shape = Shape {
    noun: "a limit",
    keys: &["level", "max", "group"],
};
const SPREAD: Shape = Shape {
    noun: "a spread rule",
    keys: &["level", "max_skew", "hard", "group"],
};
const PLACEMENT: Shape = Shape {
    noun: "a placement",
    keys: &[
        "job",
        "task",
        "shard",
        "agent",
        "unit",
        "instances",
        "devices",
    ],
};
const UNIT: Shape = Shape {
    noun: "a storage unit",
    keys: &["id", "domains", "agent", "capacity_mib", "iops", "mib_s"],
};
const SHARD: Shape = Shape {
    noun: "a shard",
    keys: &[
        "id", "replicas", "distinct", "disk_mib", "iops", "mib_s", "volumes",
    ],
};
const VOLUME: Shape = Shape {
    noun: "a volume",
    keys: &["id", "mib", "unit"],
};
const DEVICE: Shape = Shape {
    noun: "a device",
    keys: &["name", "index", "milli"],
};

/// The whole file.
pub(in crate::snapshot) fn snapshot(node: &Node<'_>, faults: &mut Faults) -> SnapshotFile {
    let root = Path::Root;
    let fields = Fields::open(&SNAPSHOT, node, &root, faults);
    SnapshotFile {
        version: fields.text("version", faults),
        cluster: fields.text_or_empty("cluster", faults),
        fairness: fields.optional_text("fairness", faults),
        levels: fields.texts("levels", faults),
        agents: fields.objects("agents", "id", faults, agent),
        roles: fields.objects("roles", "path", faults, role),
        frameworks: fields.objects("frameworks", "id", faults, framework),
        jobs: fields.objects("jobs", "id", faults, job),
        data: fields.object("data", faults, data),
        placements: fields.objects("placements", "", faults, placement),
    }
}

fn data(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> DataFile {
    let fields = Fields::open(&DATA, node, path, faults);
    DataFile {
        blocks: fields.objects("blocks", "id", faults, block),
        units: fields.objects("units", "id", faults, unit),
    }
}

fn unit(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> UnitFile {
    let fields = Fields::open(&UNIT, node, path, faults);
    UnitFile {
        id: fields.text("id", faults),
        domains: fields.map("domains", faults, text_of),
        agent: fields.optional_text("agent", faults),
        capacity_mib: fields.integer_or("capacity_mib", 0, faults),
        iops: fields.integer_or("iops", 0, faults),
        mib_s: fields.integer_or("mib_s", 0, faults),
    }
}

fn shard(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> ShardFile {
    let fields = Fields::open(&SHARD, node, path, faults);
    ShardFile {
        id: fields.text("id", faults),
        replicas: fields.integer_or("replicas", 1, faults),
        distinct: fields.optional_text("distinct", faults),
        disk_mib: fields.integer_or("disk_mib", 0, faults),
        iops: fields.integer_or("iops", 0, faults),
        mib_s: fields.integer_or("mib_s", 0, faults),
        volumes: fields.objects("volumes", "id", faults, volume),
    }
}

fn volume(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> VolumeFile {
    let fields = Fields::open(&VOLUME, node, path, faults);
    VolumeFile {
        id: fields.text("id", faults),
        mib: fields.integer("mib", faults),
        unit: fields.optional_text("unit", faults),
    }
}

fn block(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> BlockFile {
    let fields = Fields::open(&BLOCK, node, path, faults);
    BlockFile {
        id: fields.text("id", faults),
        mib: fields.integer("mib", faults),
        replicas: fields.required_texts("replicas", faults),
    }
}

fn agent(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> AgentFile {
    let fields = Fields::open(&AGENT, node, path, faults);
    AgentFile {
        id: fields.text("id", faults),
        domains: fields.map("domains", faults, text_of),
        attributes: fields.map("attributes", faults, text_of),
        resources: fields.map("resources", faults, integer_of),
        devices: fields.objects("devices", "name", faults, devices),
        dedicated: fields.optional_text("dedicated", faults),
        cordoned: fields.truth_or("cordoned", false, faults),
        speed: fields.optional_integer("speed", faults),
    }
}

fn devices(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> DevicesFile {
    let fields = Fields::open(&DEVICES, node, path, faults);
    DevicesFile {
        name: fields.text("name", faults),
        model: fields.optional_text("model", faults),
        count: fields.integer("count", faults),
    }
}

fn role(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> RoleFile {
    let fields = Fields::open(&ROLE, node, path, faults);
    RoleFile {
        path: fields.text("path", faults),
        weight: fields.optional_number("weight", faults),
        guarantee: fields.optional_amounts("guarantee", faults),
        limit: fields.optional_amounts("limit", faults),
        idle_guarantee: fields.optional_text("idle_guarantee", faults),
    }
}

fn framework(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> FrameworkFile {
    let fields = Fields::open(&FRAMEWORK, node, path, faults);
    FrameworkFile {
        id: fields.text("id", faults),
        policy: fields.text("policy", faults),
        role: fields.optional_text("role", faults),
        weight: fields.optional_number("weight", faults),
        parameters: fields.map("parameters", faults, any_of),
    }
}

pub(super) fn job(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> JobFile {
    let fields = Fields::open(&JOB, node, path, faults);
    let shards = fields.objects("shards", "id", faults, shard);
    // Shards need no shape.
    let tasks = if shards.is_empty() {
        fields.required_objects("tasks", "id", faults, task)
    } else {
        fields.objects("tasks", "id", faults, task)
    };
    JobFile {
        id: fields.text("id", faults),
        framework: fields.text("framework", faults),
        priority: fields.integer_or("priority", 0, faults),
        min_available: fields.optional_object("min_available", faults, min_available),
        max_moves: fields.optional_integer("max_moves", faults),
        gang: fields.optional_object("gang", faults, gang),
        waited_ms: fields.integer_or("waited_ms", 0, faults),
        map: fields.optional_object("map", faults, map),
        reduce: fields.optional_object("reduce", faults, reduce),
        tasks,
        shards,
        edges: fields.objects("edges", "", faults, edge),
    }
}

fn edge(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> EdgeFile {
    let fields = Fields::open(&EDGE, node, path, faults);
    EdgeFile {
        from: fields.text("from", faults),
        to: fields.text("to", faults),
        mib_s: fields.optional_integer("mib_s", faults),
        mib: fields.optional_integer("mib", faults),
    }
}

fn map(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> MapFile {
    let fields = Fields::open(&MAP, node, path, faults);
    MapFile {
        inputs: fields.texts("inputs", faults),
        work_ms: fields.integer_or("work_ms", 0, faults),
        remote_penalty_ms: fields.integer_or("remote_penalty_ms", 0, faults),
    }
}

fn reduce(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> ReduceFile {
    let fields = Fields::open(&REDUCE, node, path, faults);
    ReduceFile {
        shuffle_mib: fields.optional_integers("shuffle_mib", faults),
        shuffle_mib_total: fields.optional_integer("shuffle_mib_total", faults),
        work_ms: fields.integer_or("work_ms", 0, faults),
    }
}

fn min_available(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> MinAvailableFile {
    let fields = Fields::open(&MIN_AVAILABLE, node, path, faults);
    MinAvailableFile {
        level: fields.text("level", faults),
        instances: fields.integer("instances", faults),
    }
}

fn gang(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> GangFile {
    let fields = Fields::open(&GANG, node, path, faults);
    GangFile {
        min_instances: fields.integer("min_instances", faults),
    }
}

fn task(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> TaskFile {
    let fields = Fields::open(&TASK, node, path, faults);
    TaskFile {
        id: fields.text("id", faults),
        instances: fields.integer_or("instances", 1, faults),
        value: fields.integer_or("value", 1, faults),
        work_ms: fields.optional_integer("work_ms", faults),
        resources: fields.map("resources", faults, integer_of),
        devices: fields.objects("devices", "name", faults, device_need),
        groups: fields.texts("groups", faults),
        constraints: fields.object("constraints", faults, constraints),
        map: fields.optional_object("map", faults, map),
        reduce: fields.optional_object("reduce", faults, reduce),
        shards: fields.objects("shards", "id", faults, shard),
    }
}

fn device_need(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> DeviceNeedFile {
    let fields = Fields::open(&DEVICE_NEED, node, path, faults);
    DeviceNeedFile {
        name: fields.text("name", faults),
        count: fields.integer_or("count", 1, faults),
        milli: fields.integer_or("milli", 1000, faults),
        models: fields.optional_objects("models", "model", faults, model),
    }
}

fn model(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> ModelFile {
    let fields = Fields::open(&MODEL, node, path, faults);
    ModelFile {
        model: fields.text("model", faults),
        throughput: fields.integer_or("throughput", 1000, faults),
    }
}

fn constraints(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> ConstraintsFile {
    let fields = Fields::open(&CONSTRAINTS, node, path, faults);
    ConstraintsFile {
        attributes: fields.map("attributes", faults, texts_of),
        limit: fields.objects("limit", "", faults, limit),
        spread: fields.objects("spread", "", faults, spread),
        agents: fields.optional_texts("agents", faults),
        tolerates: fields.texts("tolerates", faults),
    }
}

fn limit(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> LimitFile {
    let fields = Fields::open(&LIMIT, node, path, faults);
    LimitFile {
        level: fields.text("level", faults),
        max: fields.integer("max", faults),
        group: fields.optional_text("group", faults),
    }
}

fn spread(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> SpreadFile {
    let fields = Fields::open(&SPREAD, node, path, faults);
    SpreadFile {
        level: fields.text("level", faults),
        max_skew: fields.integer("max_skew", faults),
        hard: fields.truth_or("hard", true, faults),
        group: fields.optional_text("group", faults),
    }
}

fn placement(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> PlacementFile {
    let fields = Fields::open(&PLACEMENT, node, path, faults);
    PlacementFile {
        job: fields.text("job", faults),
        task: fields.text("task", faults),
        shard: fields.optional_text("shard", faults),
        agent: fields.text("agent", faults),
        unit: fields.optional_text("unit", faults),
        instances: fields.integer("instances", faults),
        devices: fields.objects("devices", "name", faults, device),
        ..PlacementFile::default()
    }
}

fn device(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> DeviceFile {
    let fields = Fields::open(&DEVICE, node, path, faults);
    DeviceFile {
        name: fields.text("name", faults),
        index: fields.integer("index", faults),
        milli: fields.integer("milli", faults),
    }
}
