//! Online planning: tasks arrive one at a time, and each is placed at once or refused.
//!
//! Nothing here knows a snapshot file. Agents and shapes are plain vectors of amounts, devices have free thousandths,
//! device models are numbers of the caller's.
//!
//! | to | see |
//! |---|---|
//! | describe agents and tasks | [`Agent`], [`Shape`], [`Fleet`] |
//! | say what arrives, and how often | [`Population`] |
//! | choose how to place | [`rule()`], [`RULES`]; a rule of one's own implements [`Rule`] |
//! | place, adopt what runs, remove | [`Planner`] |
//! | place only where rules of one's own allow it | [`Planner::place_where`] |
//! | measure | [`arrivals()`], [`resampled`], and `cargo run --release -p apportion-policies --example openb` |
//!
//! # Rules
//!
//! | name | a task goes where |
//! |---|---|
//! | `random` | it fits: any agent, any device |
//! | `dot_product` | its need and what is free have the smallest product |
//! | `clustering` | tasks that use devices alike already are |
//! | `packing` | devices are in use already, the fullest first |
//! | `best_fit` | the least is left of CPU and devices |
//! | `tightest` | the least is left of all that it asks for |
//! | `fgd` | [`fragmentation()`] rises least |
//! | `first_fit` | it fits first, in the order of the fleet |
//! | `shadow_price` | the agent loses least of what it can be expected to hold: [`shadow_price`] |
//!
//! # Example
//!
//! ```
//! use apportion_policies::online::{Agent, Answer, Fleet, Planner, Population, Shape, rule};
//!
//! // Two agents with 8 cores and two devices each; tasks of one core and 600 or 400 thousandths.
//! let agents = vec![Agent::empty(vec![8000], 2, None); 2];
//! let part = |device_milli| Shape { amounts: vec![1000], devices: 1, device_milli, models: vec![] };
//! let shapes = vec![part(600), part(400)];
//! let population = Population::new(&[(part(600), 1.0), (part(400), 1.0)]).expect("weights are above 0");
//! let fleet = Fleet::new(agents, shapes).expect("amounts agree");
//! let rule = rule("shadow_price", &fleet, &population).expect("a known name");
//! let mut planner = Planner::new(fleet, rule, 1);
//!
//! let Answer::Placed(first) = planner.place(0).expect("a known shape") else { panic!("it fits") };
//! let Answer::Placed(second) = planner.place(1).expect("a known shape") else { panic!("it fits") };
//! assert_eq!((first.agent, first.devices), (second.agent, second.devices));
//! planner.remove(first.task).expect("it runs");
//! assert_eq!(planner.fleet().allocated_milli(), 400);
//! ```

mod arrivals;
mod baselines;
mod fault;
mod first_fit;
mod fleet;
mod forecast;
mod fragmentation;
mod normal;
mod part_prices;
mod planner;
mod population;
mod random;
mod registry;
mod rule;
pub mod shadow_price;
mod tightest;

pub use arrivals::{arrivals, resampled};
pub use baselines::{BestFit, Clustering, DotProduct, Largest, Packing, Random};
pub use fault::{Fault, FaultCode};
pub use first_fit::FirstFit;
pub use fleet::{Agent, CPU, Fleet, Shape, WHOLE_DEVICE};
pub use fragmentation::{GradientDescent, Room, fragmentation};
pub use part_prices::PartPrices;
pub use planner::{Answer, Decision, Planner};
pub use population::Population;
pub use random::SplitMix64;
pub use registry::{RULES, rule};
pub use rule::{Rule, Selection, Standing};
pub use shadow_price::ShadowPrice;
