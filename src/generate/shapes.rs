//! What instances need.

use std::collections::BTreeMap;

use apportion_cluster::file::Amounts;

use super::random::Random;

/// What one instance needs, before it is scaled to the load.
pub(super) struct Shape {
    pub resources: Amounts,
    pub attributes: BTreeMap<String, Vec<String>>,
    pub tolerates: Vec<String>,
}

pub(super) fn shapes(n_shapes: usize, random: &mut Random) -> Vec<Shape> {
    let shape = |_| {
        let cpu = *random.pick(&[100, 250, 500, 500, 1_000, 1_000, 2_000, 4_000, 8_000]);
        // 1 to 8 GiB a core.
        let memory = cpu * *random.pick(&[1, 2, 2, 4, 4, 8]) * 1_024 / 1_000;
        let mut resources = Amounts::from([
            ("cpu_milli".to_owned(), cpu),
            ("memory_mib".to_owned(), memory),
        ]);
        if random.one_in(3) {
            let disk = *random.pick(&[1_000, 5_000, 20_000]);
            resources.insert("disk_mib".to_owned(), disk);
        }
        if random.one_in(4) {
            resources.insert("network_mib_s".to_owned(), *random.pick(&[1, 5, 10]));
        }
        let mut attributes = BTreeMap::new();
        let mut ask = |key: &str, value: &str| {
            attributes.insert(key.to_owned(), vec![value.to_owned()]);
        };
        match random.below(8) {
            0 => ask("disk", "ssd"),
            1 => ask("cpu_class", "!slow"),
            2 => ask("cpu_class", "fast"),
            _ => {}
        }
        let tolerates = if random.one_in(8) {
            vec![format!("team-{}", random.below(3) + 1)]
        } else {
            Vec::new()
        };
        Shape {
            resources,
            attributes,
            tolerates,
        }
    };
    (0..n_shapes).map(shape).collect()
}

/// Shapes of little but CPU and memory.
pub(super) fn plain_shapes(n_shapes: usize, random: &mut Random) -> Vec<Shape> {
    let shape = |_| {
        let cpu = *random.pick(&[500, 1_000, 1_000, 2_000]);
        let memory = cpu * *random.pick(&[1, 2, 4]) * 1_024 / 1_000;
        let resources = [("cpu_milli", cpu), ("memory_mib", memory)];
        Shape {
            resources: resources
                .map(|(key, amount)| (key.to_owned(), amount))
                .into(),
            attributes: BTreeMap::new(),
            tolerates: Vec::new(),
        }
    };
    (0..n_shapes).map(shape).collect()
}
