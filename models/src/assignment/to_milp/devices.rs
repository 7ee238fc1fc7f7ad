//! The rows and columns that keep devices.

use super::{Auxiliary, Builder, DeviceOf, FREE};
use crate::assignment::devices::need_of;
use crate::assignment::types::DeviceNeed;

impl Builder<'_> {
    pub(super) fn add_device_rows(&mut self) {
        for bin in 0..self.assignment.bins.len() {
            for (kind, devices) in (0_u32..).zip(&self.assignment.bins[bin].devices) {
                let wants: Vec<(usize, DeviceNeed)> = (self.of_bin[bin].iter())
                    .filter_map(|&column| {
                        let item = self.columns[column].0 as usize;
                        let need = need_of(&self.assignment.items[item].devices, kind)?;
                        Some((column, *need))
                    })
                    .collect();
                if !wants.is_empty() && !self.add_shared_row(bin, kind, devices, &wants) {
                    self.add_device_columns(bin, kind, devices, &wants);
                }
            }
        }
    }

    /// One row that counts devices, where no two copies can share one and each device that is large enough for any is so for all.
    fn add_shared_row(
        &mut self,
        bin: usize,
        kind: u32,
        devices: &[i64],
        wants: &[(usize, DeviceNeed)],
    ) -> bool {
        let sizes = || wants.iter().map(|(_, need)| need.milli);
        let (Some(least), Some(most)) = (sizes().min(), sizes().max()) else {
            return true;
        };
        let usable = || devices.iter().filter(|&&free| free >= least);
        if usable().any(|&free| free < most || free >= 2 * least) {
            return false;
        }
        let limit = usable().count() as f64;
        let count = |&(column, need): &(usize, DeviceNeed)| (column, need.count as f64);
        let all: f64 = (wants.iter().map(count))
            .map(|(column, count)| count * self.upper(column))
            .sum();
        if all > limit {
            let name = format!("device[{},{kind}]", self.bin_name(bin as u32));
            self.milp
                .add_row(name, -FREE, limit, wants.iter().map(count));
        }
        true
    }

    /// Columns for what the copies of each item take of each device, with the rows that tie them.
    fn add_device_columns(
        &mut self,
        bin: usize,
        kind: u32,
        devices: &[i64],
        wants: &[(usize, DeviceNeed)],
    ) {
        let bin_name = self.bin_name(bin as u32);
        let mut on_device: Vec<Vec<(usize, f64)>> = vec![Vec::new(); devices.len()];
        for &(column, need) in wants {
            let item = self.columns[column].0;
            let name = format!(
                "{},{bin_name},{kind}",
                self.assignment.items[item as usize].name
            );
            let mut terms = vec![(column, -(need.count as f64))];
            for (device, &free) in devices.iter().enumerate() {
                let upper = self.upper(column).min((free / need.milli) as f64);
                if upper < 1.0 {
                    continue;
                }
                let of = DeviceOf {
                    item,
                    bin: bin as u32,
                    kind,
                    device,
                };
                let name = format!("takes[{name},{device}]");
                let taken = self.add_auxiliary(name.clone(), Auxiliary::Device(of), 0.0, upper);
                terms.push((taken, 1.0));
                on_device[device].push((taken, need.milli as f64));
                if need.count > 1 {
                    // The devices of one copy are distinct.
                    let terms = [(taken, 1.0), (column, -1.0)];
                    self.milp.add_row(name, -FREE, 0.0, terms);
                }
            }
            self.milp.add_row(format!("takes[{name}]"), 0.0, 0.0, terms);
        }
        for (device, (terms, &free)) in on_device.into_iter().zip(devices).enumerate() {
            if !terms.is_empty() {
                let name = format!("device[{bin_name},{kind},{device}]");
                self.milp.add_row(name, -FREE, free as f64, terms);
            }
        }
    }
}
