//! Online planning: tasks arrive one at a time, and each is placed, at once and for good, or refused.
mod arrivals;
mod baselines;
mod fault;
mod fleet;
mod fragmentation;
mod part_prices;
mod planner;
mod population;
mod random;
mod registry;
mod rule;
mod shadow_price;

pub use arrivals::arrivals;
pub use baselines::{BestFit, Clustering, DotProduct, Largest, Packing, Random};
pub use fault::{Fault, FaultCode};
pub use fleet::{Agent, CPU, Fleet, Shape, WHOLE_DEVICE};
pub use fragmentation::{GradientDescent, Room, fragmentation};
pub use part_prices::PartPrices;
pub use planner::{Answer, Decision, Planner};
pub use population::Population;
pub use random::SplitMix64;
pub use registry::{RULES, rule};
pub use rule::{Rule, Selection, Standing};
pub use shadow_price::ShadowPrice;
