//! The state that online planning acts on: agents, what they have left, and what fits.

use super::fault::{Fault, FaultCode};

/// The position of CPU in every vector of amounts, in thousandths of a core.
pub const CPU: usize = 0;

/// One device, whole, in thousandths.
pub const WHOLE_DEVICE: i64 = 1000;

/// The most devices that one task may ask for.
const MAX_DEVICES: usize = 1_000_000;

/// What one task asks of an agent.
///
/// # Units
///
/// `amounts` are in the units of the agents' amounts ([`CPU`] first, in thousandths of a core);
/// `device_milli` is in thousandths of one device.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shape {
    /// Countable resources, in the order that the fleet uses.
    pub amounts: Vec<i64>,
    /// How many distinct devices; 0 if none is needed.
    pub devices: usize,
    /// How much of each of them: 1000 is a whole device.
    pub device_milli: i64,
    /// Device models that will do; empty if any will. A model is a number of the caller's.
    pub models: Vec<u32>,
}

impl Shape {
    /// Thousandths of devices that one task takes, over all of its devices.
    #[must_use]
    pub fn total_milli(&self) -> i64 {
        self.device_milli * self.devices as i64
    }

    /// Whether it takes a part of one device.
    #[must_use]
    pub fn is_fraction(&self) -> bool {
        self.devices == 1 && self.device_milli < WHOLE_DEVICE
    }

    /// Whether devices of `model` will do.
    #[must_use]
    pub fn accepts(&self, model: Option<u32>) -> bool {
        self.devices == 0
            || self.models.is_empty()
            || model.is_some_and(|model| self.models.contains(&model))
    }

    /// How much it asks of one resource; 0 for a resource that it does not name.
    #[must_use]
    pub fn amount(&self, resource: usize) -> i64 {
        self.amounts.get(resource).copied().unwrap_or(0)
    }

    pub(super) fn faults(&self, place: &str, n_amounts: usize, faults: &mut Vec<Fault>) {
        let mut fault = |code| faults.push(Fault::new(place.to_owned(), code));
        if self.amounts.len() != n_amounts {
            fault(FaultCode::AmountsDiffer {
                have: self.amounts.len(),
                need: n_amounts,
            });
        }
        if self.amounts.iter().any(|&amount| amount < 0) {
            fault(FaultCode::NegativeAmount);
        }
        if self.devices > MAX_DEVICES {
            fault(FaultCode::TooManyDevices {
                have: self.devices,
                most: MAX_DEVICES,
            });
        }
        if self.devices > 0 && !(1..=WHOLE_DEVICE).contains(&self.device_milli) {
            fault(FaultCode::DeviceMilli {
                have: self.device_milli,
            });
        }
    }
}

/// How many tasks of one kind of device demand an agent holds: whole devices by number, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Resident {
    tag: usize,
    n_tasks: usize,
}

/// One agent: what it has and what it has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    capacity: Vec<i64>,
    free: Vec<i64>,
    device_free: Vec<i64>,
    model: Option<u32>,
    residents: Vec<Resident>,
}

impl Agent {
    /// An agent without tasks: `capacity` of each resource and `n_devices` whole devices of `model`.
    #[must_use]
    pub fn empty(capacity: Vec<i64>, n_devices: usize, model: Option<u32>) -> Self {
        Self {
            free: capacity.clone(),
            capacity,
            device_free: vec![WHOLE_DEVICE; n_devices],
            model,
            residents: Vec::new(),
        }
    }

    /// An agent on which something runs already that planning never takes away: `free` of each resource and
    /// `device_free` of each device are left beside it. `running` are the shapes of the tasks there that use devices,
    /// one entry per task.
    #[must_use]
    pub fn in_use<'s>(
        capacity: Vec<i64>,
        free: Vec<i64>,
        device_free: Vec<i64>,
        model: Option<u32>,
        running: impl IntoIterator<Item = &'s Shape>,
    ) -> Self {
        let mut agent = Self {
            capacity,
            free,
            device_free,
            model,
            residents: Vec::new(),
        };
        for shape in running {
            agent.settle(shape);
        }
        agent
    }

    /// What it has of each resource, tasks included.
    #[must_use]
    pub fn capacity(&self) -> &[i64] {
        &self.capacity
    }

    /// What is left of each resource.
    #[must_use]
    pub fn free(&self) -> &[i64] {
        &self.free
    }

    /// What is left of each device, in thousandths.
    #[must_use]
    pub fn device_free(&self) -> &[i64] {
        &self.device_free
    }

    /// The model of its devices.
    #[must_use]
    pub fn model(&self) -> Option<u32> {
        self.model
    }

    /// Free CPU, in thousandths of a core; 0 if the fleet counts no resource.
    #[must_use]
    pub fn free_cpu(&self) -> i64 {
        self.free.get(CPU).copied().unwrap_or(0)
    }

    /// Thousandths that are left over all devices.
    #[must_use]
    pub fn total_device_free(&self) -> i64 {
        self.device_free.iter().sum()
    }

    /// Thousandths of all devices, in use or not.
    #[must_use]
    pub fn device_milli(&self) -> i64 {
        WHOLE_DEVICE * self.device_free.len() as i64
    }

    /// Devices that no task uses.
    #[must_use]
    pub fn n_idle_devices(&self) -> usize {
        let is_idle = |&&free: &&i64| free == WHOLE_DEVICE;
        self.device_free.iter().filter(is_idle).count()
    }

    /// How many tasks here use devices in the way of `shape`: the same number of whole ones, or a part of one.
    #[must_use]
    pub fn n_alike(&self, shape: &Shape) -> usize {
        let tag = tag(shape);
        let resident = self.residents.iter().find(|resident| resident.tag == tag);
        resident.map_or(0, |resident| resident.n_tasks)
    }

    /// How many ways of using devices are present here (see [`Agent::n_alike`]).
    #[must_use]
    pub fn n_ways(&self) -> usize {
        self.residents.len()
    }

    /// Whether one task of `shape` fits now.
    #[must_use]
    pub fn fits(&self, shape: &Shape) -> bool {
        let enough = |(free, need): (&i64, &i64)| free >= need;
        self.free.iter().zip(&shape.amounts).all(enough)
            && shape.accepts(self.model)
            && (shape.devices == 0
                || self
                    .device_free
                    .iter()
                    .filter(|&&free| free >= shape.device_milli)
                    .count()
                    >= shape.devices)
    }

    /// Whether one task of `shape` would fit if no other task were here.
    #[must_use]
    pub fn could_host(&self, shape: &Shape) -> bool {
        let enough = |(capacity, need): (&i64, &i64)| capacity >= need;
        self.capacity.iter().zip(&shape.amounts).all(enough)
            && shape.accepts(self.model)
            && self.device_free.len() >= shape.devices
    }

    /// The devices with the least left among those that will do, ties to the first; empty if `shape` needs none.
    ///
    /// Fewer than `shape.devices` if it does not fit.
    #[must_use]
    pub fn tightest_devices(&self, shape: &Shape) -> Vec<usize> {
        let mut devices: Vec<usize> = (0..self.device_free.len())
            .filter(|&device| shape.devices > 0 && self.device_free[device] >= shape.device_milli)
            .collect();
        devices.sort_by_key(|&device| self.device_free[device]);
        devices.truncate(shape.devices);
        devices
    }

    /// Takes room for one task on `devices`. The caller has checked that it fits.
    pub(super) fn take(&mut self, shape: &Shape, devices: &[usize]) {
        self.shift(shape, devices, -1);
        self.settle(shape);
    }

    /// Counts one more task that uses devices in the way of `shape`.
    fn settle(&mut self, shape: &Shape) {
        if shape.devices == 0 {
            return;
        }
        let tag = tag(shape);
        match self
            .residents
            .iter_mut()
            .find(|resident| resident.tag == tag)
        {
            Some(resident) => resident.n_tasks += 1,
            None => self.residents.push(Resident { tag, n_tasks: 1 }),
        }
    }

    /// Gives back the room of one task that was taken on `devices`.
    pub(super) fn give_back(&mut self, shape: &Shape, devices: &[usize]) {
        self.shift(shape, devices, 1);
        if shape.devices > 0 {
            let tag = tag(shape);
            for resident in &mut self.residents {
                if resident.tag == tag {
                    resident.n_tasks -= 1;
                }
            }
            self.residents.retain(|resident| resident.n_tasks > 0);
        }
    }

    /// Whether `devices` are as many as `shape` asks for, distinct, and each has enough left.
    pub(super) fn can_take_on(&self, shape: &Shape, devices: &[usize]) -> bool {
        let has_room = |&device: &usize| {
            self.device_free
                .get(device)
                .is_some_and(|&free| free >= shape.device_milli)
        };
        let distinct = devices
            .iter()
            .enumerate()
            .all(|(at, device)| !devices[..at].contains(device));
        self.fits(shape)
            && devices.len() == shape.devices
            && distinct
            && devices.iter().all(has_room)
    }

    fn shift(&mut self, shape: &Shape, devices: &[usize], sign: i64) {
        for (free, need) in self.free.iter_mut().zip(&shape.amounts) {
            *free += sign * need;
        }
        for &device in devices {
            self.device_free[device] += sign * shape.device_milli;
        }
    }
}

/// Tasks that use devices alike share a tag: the number of whole devices, or 0 for a part of one.
fn tag(shape: &Shape) -> usize {
    if shape.is_fraction() {
        0
    } else {
        shape.devices
    }
}

/// All agents, and the shapes that tasks may have.
#[derive(Debug, Clone)]
pub struct Fleet {
    agents: Vec<Agent>,
    shapes: Vec<Shape>,
}

impl Fleet {
    /// A fleet of `agents` for tasks of `shapes`.
    ///
    /// # Errors
    ///
    /// All faults: vectors of different lengths, negative amounts, parts of a device outside 1 to 1000.
    pub fn new(agents: Vec<Agent>, shapes: Vec<Shape>) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let n_amounts = agents.first().map_or(0, |agent| agent.capacity.len());
        for (at, agent) in agents.iter().enumerate() {
            let place = format!("agents[{at}]");
            let lengths = [agent.capacity.len(), agent.free.len()];
            if let Some(&have) = lengths.iter().find(|&&have| have != n_amounts) {
                let need = n_amounts;
                faults.push(Fault::new(
                    place.clone(),
                    FaultCode::AmountsDiffer { have, need },
                ));
            }
            let mut amounts = agent.capacity.iter().chain(&agent.free);
            if amounts.any(|&amount| amount < 0) {
                faults.push(Fault::new(place.clone(), FaultCode::NegativeAmount));
            }
            let left = agent.device_free.iter();
            for &have in left.filter(|have| !(0..=WHOLE_DEVICE).contains(*have)) {
                faults.push(Fault::new(place.clone(), FaultCode::DeviceLeft { have }));
            }
        }
        for (at, shape) in shapes.iter().enumerate() {
            let n_amounts = if agents.is_empty() {
                shape.amounts.len()
            } else {
                n_amounts
            };
            shape.faults(&format!("shapes[{at}]"), n_amounts, &mut faults);
        }
        if faults.is_empty() {
            Ok(Self { agents, shapes })
        } else {
            Err(faults)
        }
    }

    /// The agents, in the order given.
    #[must_use]
    pub fn agents(&self) -> &[Agent] {
        &self.agents
    }

    /// The shapes, in the order given.
    #[must_use]
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// Thousandths of devices in use, over the fleet.
    #[must_use]
    pub fn allocated_milli(&self) -> i64 {
        self.device_milli()
            - self
                .agents
                .iter()
                .map(Agent::total_device_free)
                .sum::<i64>()
    }

    /// Thousandths of devices in the fleet, in use or not.
    #[must_use]
    pub fn device_milli(&self) -> i64 {
        self.agents.iter().map(Agent::device_milli).sum()
    }

    pub(super) fn agent_mut(&mut self, agent: usize) -> &mut Agent {
        &mut self.agents[agent]
    }
}
