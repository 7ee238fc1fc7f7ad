//! A tiny cluster with devices, and a correct plan for it.

use apportion_cluster::file::DeviceFile;
use apportion_cluster::plan::{OfferFile, PlanFile};
use apportion_cluster::{
    AgentDevices, AgentIdx, Cluster, DeviceIdx, DeviceNeed, DeviceUse, ModelChoice, RunningDevices,
    TaskIdx,
};

use super::build;

/// The part `milli` of the GPU `index`.
pub fn gpu(index: i64, milli: i64) -> DeviceFile {
    DeviceFile {
        name: "gpu".to_owned(),
        index,
        milli,
    }
}

/// Agent `a` has five GPUs of the model A100. Job `j` wants two of task `t` (600 of one GPU), of which one
/// runs on GPU 0; job `k` wants one of task `u` (two whole GPUs, A100 only), `l` one of `v` (400 of a GPU).
fn cluster() -> Cluster {
    let mut a = build::agent("a", 0);
    a.capacity.0 = vec![5_000];
    a.domains.clear();
    a.devices = vec![AgentDevices {
        kind: DeviceIdx(0),
        model: "A100".to_owned(),
        count: 5,
    }];
    let mut cluster = build::empty_cluster(vec![a]);
    cluster.resources = vec!["gpu_milli".to_owned()];
    cluster.devices = vec!["gpu".to_owned()];
    build::add_framework(&mut cluster, "train");
    build::add_task(&mut cluster, "j", "t", 2, 1, &[600]);
    build::add_task(&mut cluster, "k", "u", 1, 3, &[2_000]);
    build::add_task(&mut cluster, "l", "v", 1, 1, &[400]);
    let need = |count, milli, models: &[&str]| DeviceNeed {
        kind: DeviceIdx(0),
        count,
        milli,
        models: models
            .iter()
            .map(|model| ModelChoice {
                model: (*model).to_owned(),
                throughput: 1000,
            })
            .collect(),
    };
    cluster.tasks[0].devices = vec![need(1, 600, &[])];
    cluster.tasks[1].devices = vec![need(2, 1000, &["A100"])];
    cluster.tasks[2].devices = vec![need(1, 400, &[])];
    cluster.running = vec![build::running(0, 0, 1)];
    cluster.running_devices = vec![RunningDevices {
        task: TaskIdx(0),
        agent: AgentIdx(0),
        devices: vec![DeviceUse {
            kind: DeviceIdx(0),
            index: 0,
            milli: 600,
        }],
    }];
    cluster
}

/// Agent `a` has one GPU and 4 cpu; framework `train` wants `instances` of a task that takes `milli` of a GPU. Nothing is
/// placed; all of `a` is offered.
pub fn one_device(instances: i64, milli: i64) -> (Cluster, PlanFile) {
    let mut cluster = cluster();
    cluster.running.clear();
    cluster.running_devices.clear();
    cluster.resources.insert(0, "cpu".to_owned());
    cluster.agents[0].capacity.0 = vec![4, 1000];
    cluster.agents[0].devices[0].count = 1;
    cluster.jobs.truncate(1);
    cluster.tasks.truncate(1);
    cluster.frameworks[0].jobs.truncate(1);
    cluster.tasks[0].instances = instances;
    cluster.tasks[0].demand.0 = vec![0, milli];
    cluster.tasks[0].devices[0].milli = milli;
    let mut plan = build::plan(&cluster, &[], &[]);
    plan.offers = vec![OfferFile {
        framework: "train".to_owned(),
        agent: "a".to_owned(),
        resources: [("cpu".to_owned(), 4), ("gpu_milli".to_owned(), 1000)].into(),
        devices: vec![gpu(0, 1000)],
    }];
    (cluster, plan)
}

/// One `t` stays on GPU 0, where `v` joins it, one goes to GPU 3; `u` has GPUs 1 and 2.
pub fn case() -> (Cluster, PlanFile) {
    let cluster = cluster();
    let mut plan = build::plan(&cluster, &[(0, 0, 1), (0, 0, 1), (1, 0, 1), (2, 0, 1)], &[]);
    let devices = [
        vec![gpu(0, 600)],
        vec![gpu(3, 600)],
        vec![gpu(1, 1000), gpu(2, 1000)],
        vec![gpu(0, 400)],
    ];
    for (placed, devices) in plan.placements.iter_mut().zip(devices) {
        placed.devices = devices;
    }
    (cluster, plan)
}

/// The correct plan, changed.
pub fn changed(change: impl FnOnce(&mut PlanFile)) -> (Cluster, PlanFile) {
    let (cluster, mut plan) = case();
    change(&mut plan);
    (cluster, plan)
}
