//! One task at a time: decide, remember, take back.

use std::collections::VecDeque;

use super::fault::{Fault, FaultCode};
use super::fleet::Fleet;
use super::random::SplitMix64;
use super::rule::{Rule, Selection, Standing};

/// The most scores that are kept, over all shapes: a quarter of a gigabyte. Beyond that the shapes that were scored
/// first are forgotten, and scored afresh when they arrive again.
const MOST_SCORES: usize = 1 << 24;

/// Where one arriving task goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The task's number, for [`Planner::remove`].
    pub task: usize,
    /// The agent, as a position in the fleet.
    pub agent: usize,
    /// Its devices, as positions on that agent.
    pub devices: Vec<usize>,
}

/// The answer to an arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It runs there from now on.
    Placed(Decision),
    /// It fits on no agent that is allowed, as they are now.
    Refused,
}

#[derive(Debug, Clone)]
struct Running {
    shape: usize,
    agent: usize,
    devices: Vec<usize>,
}

/// Scores of one shape on every agent, valid up to a position in the log of changes.
#[derive(Debug, Clone, Default)]
struct Scores {
    by_agent: Vec<Option<i64>>,
    seen: usize,
}

/// Places arriving tasks one at a time, by one rule.
///
/// # Guarantees
///
/// No resource and no device is ever taken beyond what is free. The answers are a function of the fleet,
/// the rule, the seed and the sequence of calls.
///
/// # Cost
///
/// An arrival scores the agents that changed since the last arrival of its shape, and reads the rest. At most 16 million
/// scores are kept, or as many as [`Planner::keeping`] says.
pub struct Planner {
    fleet: Fleet,
    rule: Box<dyn Rule>,
    random: SplitMix64,
    /// The place of each agent in the order that breaks ties.
    rank: Vec<usize>,
    worth: Vec<f64>,
    scores: Vec<Scores>,
    /// Shapes with scores, in the order in which they were scored afresh.
    scored: VecDeque<usize>,
    most_scored: usize,
    /// Agents that changed, oldest first, without the first `forgotten` changes.
    changes: Vec<usize>,
    forgotten: usize,
    tasks: Vec<Option<Running>>,
}

impl Planner {
    /// A planner over `fleet` as it is; `seed` decides ties between agents and what the rule draws.
    #[must_use]
    pub fn new(fleet: Fleet, rule: Box<dyn Rule>, seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let mut rank: Vec<usize> = (0..fleet.agents().len()).collect();
        random.shuffle(&mut rank);
        Self {
            scored: VecDeque::new(),
            most_scored: 1,
            worth: fleet
                .agents()
                .iter()
                .map(|agent| rule.worth(agent))
                .collect(),
            scores: vec![Scores::default(); fleet.shapes().len()],
            changes: Vec::new(),
            forgotten: 0,
            tasks: Vec::new(),
            fleet,
            rule,
            random,
            rank,
        }
        .keeping(MOST_SCORES)
    }

    /// The same, keeping at most `most` scores over all shapes (those of one shape at least): less memory, and more
    /// time where many shapes take turns. The answers stay the same.
    #[must_use]
    pub fn keeping(mut self, most: usize) -> Self {
        self.most_scored = (most / self.fleet.agents().len().max(1)).max(1);
        self
    }

    /// The fleet as it is now.
    #[must_use]
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Places one arriving task of `shape`, a position in the fleet's shapes, or refuses it.
    ///
    /// # Errors
    ///
    /// The fleet has no such shape.
    pub fn place(&mut self, shape: usize) -> Result<Answer, Fault> {
        self.place_where(shape, |_| true)
    }

    /// As [`Planner::place`], on an agent that is `allowed`: the caller's rules filter, the planner's rule chooses.
    ///
    /// `allowed` is asked only about agents where the task fits and that would be better than the best so far, so it
    /// may look things up. Scores are kept per shape and agent whoever is allowed where.
    ///
    /// # Errors
    ///
    /// The fleet has no such shape.
    pub fn place_where(
        &mut self,
        shape: usize,
        allowed: impl Fn(usize) -> bool,
    ) -> Result<Answer, Fault> {
        self.known(shape)?;
        self.refresh(shape);
        let Some(agent) = self.choose(shape, allowed) else {
            return Ok(Answer::Refused);
        };
        let standing = Standing {
            agent: &self.fleet.agents()[agent],
            worth: self.worth[agent],
        };
        let devices = self
            .rule
            .devices(standing, &self.fleet.shapes()[shape], &mut self.random);
        let task = self.start(shape, agent, &devices);
        Ok(Answer::Placed(Decision {
            task,
            agent,
            devices,
        }))
    }

    /// Takes note of a task that runs already, and gives its number.
    ///
    /// # Errors
    ///
    /// It does not fit there: the snapshot that it comes from contradicts itself.
    pub fn adopt(&mut self, shape: usize, agent: usize, devices: &[usize]) -> Result<usize, Fault> {
        self.known(shape)?;
        let on = self.fleet.agents().get(agent);
        if !on.is_some_and(|on| on.can_take_on(&self.fleet.shapes()[shape], devices)) {
            let devices = devices.to_vec();
            let code = FaultCode::DoesNotFit {
                shape,
                agent,
                devices,
            };
            return Err(Fault::new(format!("agents[{agent}]"), code));
        }
        Ok(self.start(shape, agent, devices))
    }

    /// Takes a task away and frees its room.
    ///
    /// # Errors
    ///
    /// It is not running.
    pub fn remove(&mut self, task: usize) -> Result<(), Fault> {
        let running = self.tasks.get_mut(task).and_then(Option::take);
        let Some(running) = running else {
            return Err(Fault::new(
                format!("tasks[{task}]"),
                FaultCode::NotRunning { task },
            ));
        };
        let shape = self.fleet.shapes()[running.shape].clone();
        self.fleet
            .agent_mut(running.agent)
            .give_back(&shape, &running.devices);
        self.changed(running.agent);
        Ok(())
    }

    /// Gives back the memory that holds the scores of `shape`, of which no more tasks arrive for now.
    pub fn forget(&mut self, shape: usize) {
        if let Some(scores) = self.scores.get_mut(shape) {
            *scores = Scores::default();
            self.scored.retain(|it| *it != shape);
        }
    }

    /// The score of `shape` on every agent, as kept from earlier arrivals; `None` where it does not fit.
    #[must_use]
    pub fn scores(&mut self, shape: usize) -> &[Option<i64>] {
        self.refresh(shape);
        &self.scores[shape].by_agent
    }

    /// The score of `shape` on every agent, computed from nothing: what [`Planner::scores`] must equal.
    #[must_use]
    pub fn scores_from_scratch(&self, shape: usize) -> Vec<Option<i64>> {
        let worth: Vec<f64> = self
            .fleet
            .agents()
            .iter()
            .map(|agent| self.rule.worth(agent))
            .collect();
        (0..self.fleet.agents().len())
            .map(|agent| score(&self.fleet, self.rule.as_ref(), &worth, shape, agent))
            .collect()
    }

    fn known(&self, shape: usize) -> Result<(), Fault> {
        let known = self.fleet.shapes().len();
        if shape < known {
            Ok(())
        } else {
            let code = FaultCode::UnknownShape { have: shape, known };
            Err(Fault::new(format!("shapes[{shape}]"), code))
        }
    }

    /// Scores the agents that changed since the last look at `shape`.
    fn refresh(&mut self, shape: usize) {
        let n_agents = self.fleet.agents().len();
        let mut kept = std::mem::take(&mut self.scores[shape]);
        let changed = kept
            .seen
            .checked_sub(self.forgotten)
            .map(|from| &self.changes[from..]);
        let changed =
            changed.filter(|changed| !kept.by_agent.is_empty() && changed.len() < n_agents);
        if let Some(changed) = changed {
            for &agent in changed {
                kept.by_agent[agent] =
                    score(&self.fleet, self.rule.as_ref(), &self.worth, shape, agent);
            }
        } else {
            if kept.by_agent.is_empty() {
                self.make_room(shape);
            }
            kept.by_agent = (0..n_agents)
                .map(|agent| score(&self.fleet, self.rule.as_ref(), &self.worth, shape, agent))
                .collect();
        }
        kept.seen = self.forgotten + self.changes.len();
        self.scores[shape] = kept;
    }

    /// Forgets the shapes that were scored first, so that `shape` can be kept too.
    fn make_room(&mut self, shape: usize) {
        while self.scored.len() >= self.most_scored {
            let first = self.scored.pop_front();
            first.map(|first| std::mem::take(&mut self.scores[first]));
        }
        self.scored.push_back(shape);
    }

    fn choose(&mut self, shape: usize, allowed: impl Fn(usize) -> bool) -> Option<usize> {
        let scores = &self.scores[shape].by_agent;
        match self.rule.selection() {
            Selection::Best => {
                let mut best: Option<(i64, usize)> = None;
                for (agent, score) in scores.iter().enumerate() {
                    let Some(score) = *score else { continue };
                    let better = best.is_none_or(|(highest, holder)| {
                        score > highest
                            || (score == highest && self.rank[agent] < self.rank[holder])
                    });
                    if better && allowed(agent) {
                        best = Some((score, agent));
                    }
                }
                best.map(|(_, agent)| agent)
            }
            Selection::First => {
                let fitting = scores
                    .iter()
                    .enumerate()
                    .filter(|(_, score)| score.is_some());
                let mut agents = fitting.map(|(agent, _)| agent);
                agents.find(|&agent| allowed(agent))
            }
            Selection::Uniform => {
                let mut fitting: Vec<usize> = (0..scores.len())
                    .filter(|&agent| scores[agent].is_some())
                    .collect();
                // Draws until one is allowed: the same chance for each of those, without asking about all.
                while !fitting.is_empty() {
                    let agent = fitting.swap_remove(self.random.below(fitting.len()));
                    if allowed(agent) {
                        return Some(agent);
                    }
                }
                None
            }
        }
    }

    fn start(&mut self, shape: usize, agent: usize, devices: &[usize]) -> usize {
        let needs = self.fleet.shapes()[shape].clone();
        self.fleet.agent_mut(agent).take(&needs, devices);
        self.changed(agent);
        self.tasks.push(Some(Running {
            shape,
            agent,
            devices: devices.to_vec(),
        }));
        self.tasks.len() - 1
    }

    fn changed(&mut self, agent: usize) {
        self.worth[agent] = self.rule.worth(&self.fleet.agents()[agent]);
        self.changes.push(agent);
        // A shape that missed more changes than there are agents is scored afresh anyway.
        let n_agents = self.fleet.agents().len();
        if self.changes.len() > 2 * n_agents {
            self.changes.drain(..n_agents);
            self.forgotten += n_agents;
        }
    }
}

fn score(fleet: &Fleet, rule: &dyn Rule, worth: &[f64], shape: usize, agent: usize) -> Option<i64> {
    let shape = &fleet.shapes()[shape];
    let standing = Standing {
        agent: &fleet.agents()[agent],
        worth: worth[agent],
    };
    standing
        .agent
        .fits(shape)
        .then(|| rule.score(standing, shape))
}
