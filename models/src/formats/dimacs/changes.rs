//! Changes of a flow network, one after the other.
//!
//! # Shape
//! - `c ...`: a comment; `c EOI` ends a group of changes that are made together, `c EOS` ends the file. Without `c EOI`, every change is a group
//!   of its own.
//! - `r NODE`: the node goes with its arcs.
//! - `d SUPPLY [POTENTIAL] ARCS [TYPE]`: a new node, followed by so many lines `a`, in which it is called 0. It gets the least number that is free.
//! - `n NODE SUPPLY [TYPE]`: the node supplies another amount.
//! - `a TAIL HEAD LOWER CAPACITY COST [TYPE]`: a new arc, beside those that there may be between its ends.
//! - `x TAIL HEAD LOWER CAPACITY COST [TYPE [OLD_COST]]`: the arc between these nodes (the first, or the one of that cost) has other bounds and
//!   another cost; without capacity it goes; where there is none, it is new.
//!
//! The number of a removed node stays that of a node without supply: an arc that names it, or a line `n`, brings it back.
//!
//! Where a single node of the network demands something, it takes up what the others supply: its demand shrinks with the supply of a removed
//! node, and grows with that of a new one or of a line `n`.
//!
//! # Source
//! Gog: Flowlessly, incremental graph updates (github.com/ICGog/Flowlessly, `src/graphs`): the lines, the numbers of new nodes, the sink that
//! balances. Type and potential mean nothing here.

use super::{Bounds, Fields, cause};
use crate::flow::{Change, FlowError, FlowNetwork, NetworkSimplex};
use crate::formats::{FormatError, text_of};

/// Changes that are made together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    steps: Vec<Step>,
}

/// One change, and the line that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    line: usize,
    kind: Kind,
}

/// Nodes are what the file calls them, counted from 1; 0 is the new one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Remove { node: usize },
    Add { supply: i64, arcs: Vec<Ends> },
    Supply { node: usize, supply: i64 },
    Arc(Ends),
    Change { arc: Ends, old_cost: Option<i64> },
}

/// An arc, and the line that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends {
    line: usize,
    tail: usize,
    head: usize,
    bounds: Bounds,
}

impl Group {
    /// The line that the group begins with.
    #[must_use]
    pub fn line(&self) -> usize {
        self.steps.first().map_or(0, |step| step.line)
    }
}

/// The changes in a file, in groups.
///
/// # Errors
/// The line that means nothing.
pub fn read(bytes: &[u8]) -> Result<Vec<Group>, FormatError> {
    let text = text_of(bytes)?;
    let mut steps: Vec<Step> = Vec::new();
    let mut ends = Vec::new();
    let mut awaited = 0;
    let mut last_line = 1;
    for (position, line) in text.lines().enumerate() {
        let mut fields = Fields::new(position + 1, line);
        let Some(kind) = fields.word() else {
            continue;
        };
        last_line = fields.line;
        if kind.starts_with('c') {
            match fields.word() {
                Some("EOI") => ends.push(steps.len()),
                Some("EOS") => break,
                _ => {}
            }
            continue;
        }
        if awaited > 0 {
            awaited -= 1;
            let Some(Step {
                kind: Kind::Add { arcs, .. },
                ..
            }) = steps.last_mut()
            else {
                unreachable!("arcs are awaited after a new node alone");
            };
            arcs.push(arc_of_new_node(kind, &mut fields)?);
            continue;
        }
        let (kind, arcs) = step(kind, &mut fields)?;
        awaited = arcs;
        let line = fields.line;
        steps.push(Step { line, kind });
    }
    if awaited > 0 {
        let cause = format!("the file ends where {awaited} arcs of a new node were expected");
        return Err(FormatError::at(last_line, cause));
    }
    Ok(grouped(steps, ends))
}

fn grouped(steps: Vec<Step>, mut ends: Vec<usize>) -> Vec<Group> {
    if ends.is_empty() {
        return (steps.into_iter())
            .map(|step| Group { steps: vec![step] })
            .collect();
    }
    if ends.last() != Some(&steps.len()) {
        ends.push(steps.len());
    }
    let mut steps = steps.into_iter();
    let mut begin = 0;
    let mut groups = Vec::new();
    for end in ends {
        let steps = steps.by_ref().take(end - begin).collect();
        groups.push(Group { steps });
        begin = end;
    }
    groups
}

fn step(kind: &str, fields: &mut Fields<'_>) -> Result<(Kind, usize), FormatError> {
    let mut awaited = 0;
    let kind = match kind {
        "r" => Kind::Remove {
            node: number_of_node(fields, 1)?,
        },
        "n" => {
            let node = number_of_node(fields, 1)?;
            let supply = fields.number("a supply")?;
            fields.optional("a type")?;
            Kind::Supply { node, supply }
        }
        "a" => {
            let arc = arc(fields, 1)?;
            fields.optional("a type")?;
            Kind::Arc(arc)
        }
        "x" => {
            let arc = arc(fields, 1)?;
            fields.optional("a type")?;
            let old_cost = fields.optional("the old cost")?;
            Kind::Change { arc, old_cost }
        }
        "d" => {
            let supply = fields.number("a supply")?;
            let second = fields.number("the number of arcs")?;
            let third = fields.optional("the number of arcs")?;
            fields.optional("a type")?;
            let n_arcs = third.unwrap_or(second);
            awaited = usize::try_from(n_arcs)
                .map_err(|_| fields.fault(format!("{n_arcs} is no number of arcs")))?;
            let arcs = Vec::new();
            Kind::Add { supply, arcs }
        }
        _ => {
            let cause = format!("`{kind}` is none of c, r, d, n, a and x");
            return Err(fields.fault(cause));
        }
    };
    fields.end()?;
    Ok((kind, awaited))
}

fn arc_of_new_node(kind: &str, fields: &mut Fields<'_>) -> Result<Ends, FormatError> {
    if kind != "a" {
        let cause = format!("`{kind}` comes where an arc `a` of the new node was expected");
        return Err(fields.fault(cause));
    }
    let arc = arc(fields, 0)?;
    fields.optional("a type")?;
    fields.end()?;
    if (arc.tail == 0) == (arc.head == 0) {
        return Err(fields.fault("an arc of a new node has 0 as one of its ends"));
    }
    Ok(arc)
}

fn arc(fields: &mut Fields<'_>, least: usize) -> Result<Ends, FormatError> {
    let (tail, head) = (
        number_of_node(fields, least)?,
        number_of_node(fields, least)?,
    );
    let bounds = fields.bounds()?;
    bounds.checked(fields)?;
    let line = fields.line;
    Ok(Ends {
        line,
        tail,
        head,
        bounds,
    })
}

fn number_of_node(fields: &mut Fields<'_>, least: usize) -> Result<usize, FormatError> {
    let number = fields.number("a node")?;
    match usize::try_from(number) {
        Ok(node) if (least..=crate::flow::MOST_ELEMENTS).contains(&node) => Ok(node),
        _ => Err(fields.fault(format!("there is no node {number}"))),
    }
}

/// Makes changes of files, and keeps the network balanced where a single node demands.
#[derive(Clone, Copy, Debug)]
pub struct Changer {
    sink: Option<usize>,
}

impl Changer {
    /// For changes that begin with this network.
    #[must_use]
    pub fn new(network: &FlowNetwork) -> Self {
        let mut demanding =
            (network.supplies.iter().enumerate()).filter(|(_, supply)| **supply < 0);
        let sink = match (demanding.next(), demanding.next()) {
            (Some((node, _)), None) => Some(node),
            _ => None,
        };
        Self { sink }
    }

    /// Makes the changes of a group.
    ///
    /// # Errors
    /// The line of the first change that cannot be made; those before it are made.
    pub fn apply(
        &mut self,
        group: &Group,
        simplex: &mut NetworkSimplex,
    ) -> Result<(), FormatError> {
        for Step { line, kind } in &group.steps {
            self.step(kind, simplex)
                .map_err(|(at, error)| FormatError::at(at.unwrap_or(*line), cause(&error)))?;
        }
        Ok(())
    }

    fn step(&mut self, kind: &Kind, simplex: &mut NetworkSimplex) -> Result<(), Refused> {
        match kind {
            Kind::Remove { node } => {
                let node = node - 1;
                let supply = simplex.supply(node).unwrap_or(0);
                simplex.apply(&Change::RemoveNode { node })?;
                if self.sink == Some(node) {
                    self.sink = None;
                }
                self.balance(-supply, simplex)
            }
            Kind::Add { supply, arcs } => {
                let change = Change::AddNode { supply: *supply };
                let node = simplex
                    .apply(&change)?
                    .expect("what is added has a position");
                self.balance(*supply, simplex)?;
                for arc in arcs {
                    let at = |end: usize| if end == 0 { node } else { end - 1 };
                    restore(at(arc.tail), simplex);
                    restore(at(arc.head), simplex);
                    let arc_change = Change::AddArc(arc.bounds.arc(at(arc.tail), at(arc.head)));
                    simplex
                        .apply(&arc_change)
                        .map_err(|error| (Some(arc.line), error))?;
                }
                Ok(())
            }
            Kind::Supply { node, supply } => {
                let (node, supply) = (node - 1, *supply);
                let before = simplex.supply(node).unwrap_or(0);
                restore(node, simplex);
                simplex.apply(&Change::SetSupply { node, supply })?;
                if self.sink == Some(node) {
                    return Ok(());
                }
                // Both are within the limits of a network.
                self.balance(supply - before, simplex)
            }
            Kind::Arc(arc) => {
                restore(arc.tail - 1, simplex);
                restore(arc.head - 1, simplex);
                simplex.apply(&Change::AddArc(arc.bounds.arc(arc.tail - 1, arc.head - 1)))?;
                Ok(())
            }
            Kind::Change { arc, old_cost } => change_arc(arc, *old_cost, simplex),
        }
    }

    /// Lets the sink take up what is supplied in addition.
    fn balance(&self, more: i64, simplex: &mut NetworkSimplex) -> Result<(), Refused> {
        if let Some(node) = self.sink
            && more != 0
        {
            let supply = simplex.supply(node).unwrap_or(0) - more;
            simplex.apply(&Change::SetSupply { node, supply })?;
        }
        Ok(())
    }
}

fn change_arc(
    arc: &Ends,
    old_cost: Option<i64>,
    simplex: &mut NetworkSimplex,
) -> Result<(), Refused> {
    let (tail, head) = (arc.tail - 1, arc.head - 1);
    restore(tail, simplex);
    restore(head, simplex);
    let there = simplex.arcs_between(tail, head);
    let found = (there.into_iter()).find(|&position| {
        old_cost.is_none_or(|cost| simplex.arc(position).map(|arc| arc.cost) == Some(cost))
    });
    let Bounds {
        lower,
        capacity,
        cost,
    } = arc.bounds;
    match found {
        Some(arc) if capacity == 0 => simplex.apply(&Change::RemoveArc { arc })?,
        Some(arc) => simplex.apply(&Change::SetArc {
            arc,
            lower,
            capacity,
            cost,
        })?,
        None if capacity == 0 => None,
        None => simplex.apply(&Change::AddArc(arc.bounds.arc(tail, head)))?,
    };
    Ok(())
}

/// Brings a node back that was removed; nothing, if it was not.
fn restore(node: usize, simplex: &mut NetworkSimplex) {
    if !simplex.has_node(node) {
        let supply = 0;
        // A node that was never there is a fault of what follows.
        let _ = simplex.apply(&Change::RestoreNode { node, supply });
    }
}

/// Why a change was refused, and the line if it is not the step's own.
type Refused = (Option<usize>, FlowError);

impl From<FlowError> for Refused {
    fn from(error: FlowError) -> Self {
        (None, error)
    }
}
