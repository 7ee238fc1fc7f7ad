//! Flow networks as DIMACS minimum cost flow files, and [changes] to them.
//!
//! # Shape
//! One thing per line, fields divided by white space; nodes are counted from 1.
//! - `c ...`: a comment.
//! - `p min NODES ARCS`: first of all, once.
//! - `n NODE SUPPLY [TYPE]`: a node that supplies something (negative: demands), at most once for each.
//! - `a TAIL HEAD LOWER CAPACITY COST [TYPE]`: an arc. The capacity -1 is no limit.
//!
//! A type is a number that some programs write; it means nothing here.
//!
//! # Source
//! DIMACS: The first DIMACS international algorithm implementation challenge: problem definitions and specifications, 1991.

pub mod changes;

use super::{FormatError, text_of};
use crate::flow::{FlowArc, FlowFault, FlowNetwork, UNLIMITED};
use std::fmt::Write as _;

/// What stands for a capacity without limit.
const NO_LIMIT: i64 = -1;
/// So many nodes may be named without being mentioned, whatever the size of the file.
const FREE_NODES: usize = 1 << 16;

/// The network in a file.
///
/// # Errors
/// The line that means nothing, or the problem line if the whole does not.
pub fn read(bytes: &[u8]) -> Result<FlowNetwork, FormatError> {
    let text = text_of(bytes)?;
    let mut reader = Reader::default();
    for (position, line) in text.lines().enumerate() {
        reader.line(Fields::new(position + 1, line), bytes.len())?;
    }
    let Some(problem) = reader.problem else {
        let line = text.lines().count().max(1);
        return Err(FormatError::at(
            line,
            "there is no problem line `p min NODES ARCS`",
        ));
    };
    if reader.network.arcs.len() != problem.n_arcs {
        let found = reader.network.arcs.len();
        let cause = format!(
            "{} arcs are announced, and there are {found}",
            problem.n_arcs
        );
        return Err(FormatError::at(problem.line, cause));
    }
    match reader.network.validate() {
        Ok(()) => Ok(reader.network),
        Err(faults) => Err(FormatError::at(problem.line, faults[0].to_string())),
    }
}

/// The file of a network.
///
/// # Errors
/// What is wrong with the network.
pub fn write(network: &FlowNetwork) -> Result<String, FormatError> {
    if let Err(faults) = network.validate() {
        return Err(FormatError::Inexpressible {
            what: faults[0].to_string(),
        });
    }
    let mut text = format!("p min {} {}\n", network.supplies.len(), network.arcs.len());
    for (node, &supply) in network.supplies.iter().enumerate() {
        if supply != 0 {
            line(&mut text, format_args!("n {} {supply}", node + 1));
        }
    }
    for arc in &network.arcs {
        let FlowArc {
            tail,
            head,
            lower,
            cost,
            ..
        } = *arc;
        let capacity = if arc.capacity == UNLIMITED {
            NO_LIMIT
        } else {
            arc.capacity
        };
        line(
            &mut text,
            format_args!("a {} {} {lower} {capacity} {cost}", tail + 1, head + 1),
        );
    }
    Ok(text)
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    writeln!(text, "{content}").expect("a string takes everything");
}

/// What the problem line says, and where it is.
#[derive(Clone, Copy)]
struct Problem {
    line: usize,
    n_arcs: usize,
}

#[derive(Default)]
struct Reader {
    problem: Option<Problem>,
    network: FlowNetwork,
    supplied: Vec<bool>,
}

impl Reader {
    fn line(&mut self, mut fields: Fields<'_>, n_bytes: usize) -> Result<(), FormatError> {
        let Some(kind) = fields.word() else {
            return Ok(());
        };
        match kind {
            _ if kind.starts_with('c') => return Ok(()),
            "p" => self.problem(&mut fields, n_bytes)?,
            _ if self.problem.is_none() => {
                return Err(fields.fault("the problem line `p min NODES ARCS` has to come first"));
            }
            "n" => self.node(&mut fields)?,
            "a" => self.arc(&mut fields)?,
            _ => {
                let cause = format!("`{kind}` is none of c, p, n and a");
                return Err(fields.fault(cause));
            }
        }
        fields.end()
    }

    fn problem(&mut self, fields: &mut Fields<'_>, n_bytes: usize) -> Result<(), FormatError> {
        if self.problem.is_some() {
            return Err(fields.fault("there is a problem line already"));
        }
        match fields.word() {
            Some("min") => {}
            other => {
                let cause = format!("`{}` is not `min`", other.unwrap_or(""));
                return Err(fields.fault(cause));
            }
        }
        let (n_nodes, n_arcs) = (fields.count("nodes")?, fields.count("arcs")?);
        // Whoever asks for memory has to write something, too.
        if n_nodes > n_bytes.max(FREE_NODES) || n_arcs > n_bytes {
            let cause = format!("the file has no room for {n_nodes} nodes and {n_arcs} arcs");
            return Err(fields.fault(cause));
        }
        self.network = FlowNetwork::new(n_nodes);
        self.network.arcs.reserve(n_arcs);
        self.supplied = vec![false; n_nodes];
        self.problem = Some(Problem {
            line: fields.line,
            n_arcs,
        });
        Ok(())
    }

    fn node(&mut self, fields: &mut Fields<'_>) -> Result<(), FormatError> {
        let node = fields.node(self.network.supplies.len())?;
        let supply = fields.number("a supply")?;
        fields.optional("a type")?;
        if std::mem::replace(&mut self.supplied[node], true) {
            let cause = format!("node {} has a supply already", node + 1);
            return Err(fields.fault(cause));
        }
        self.network.supplies[node] = supply;
        Ok(())
    }

    fn arc(&mut self, fields: &mut Fields<'_>) -> Result<(), FormatError> {
        let n_nodes = self.network.supplies.len();
        let (tail, head) = (fields.node(n_nodes)?, fields.node(n_nodes)?);
        let bounds = fields.bounds()?;
        fields.optional("a type")?;
        let arc = bounds.arc(tail, head);
        bounds.checked(fields)?;
        self.network.add_arc(arc);
        Ok(())
    }
}

/// The bounds and the cost of an arc, as a line has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    lower: i64,
    capacity: i64,
    cost: i64,
}

impl Bounds {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the reader counts no more than 2^30 nodes"
    )]
    fn arc(self, tail: usize, head: usize) -> FlowArc {
        FlowArc {
            tail: tail as u32,
            head: head as u32,
            lower: self.lower,
            capacity: self.capacity,
            cost: self.cost,
        }
    }

    fn checked(self, fields: &Fields<'_>) -> Result<(), FormatError> {
        let Self {
            lower, capacity, ..
        } = self;
        if lower < 0 {
            return Err(fields.fault(format!("the lower bound {lower} is negative")));
        }
        if capacity < 0 {
            let cause = format!("the capacity {capacity} is negative; {NO_LIMIT} is no limit");
            return Err(fields.fault(cause));
        }
        if lower > capacity {
            let cause = format!("the lower bound {lower} is above the capacity {capacity}");
            return Err(fields.fault(cause));
        }
        Ok(())
    }
}

/// The fields of a line.
struct Fields<'a> {
    line: usize,
    words: std::str::SplitAsciiWhitespace<'a>,
}

impl<'a> Fields<'a> {
    fn new(line: usize, text: &'a str) -> Self {
        Self {
            line,
            words: text.split_ascii_whitespace(),
        }
    }

    fn fault(&self, cause: impl Into<String>) -> FormatError {
        FormatError::at(self.line, cause)
    }

    fn word(&mut self) -> Option<&'a str> {
        self.words.next()
    }

    fn number(&mut self, what: &str) -> Result<i64, FormatError> {
        match self.optional(what)? {
            Some(number) => Ok(number),
            None => Err(self.fault(format!("the line ends where {what} was expected"))),
        }
    }

    fn optional(&mut self, what: &str) -> Result<Option<i64>, FormatError> {
        let Some(word) = self.word() else {
            return Ok(None);
        };
        match word.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => {
                let cause =
                    format!("`{word}` is no whole number of 64 bits, where {what} was expected");
                Err(self.fault(cause))
            }
        }
    }

    fn count(&mut self, what: &str) -> Result<usize, FormatError> {
        let count = self.number(&format!("the number of {what}"))?;
        match usize::try_from(count) {
            Ok(count) if count <= crate::flow::MOST_ELEMENTS => Ok(count),
            _ => {
                let most = crate::flow::MOST_ELEMENTS;
                Err(self.fault(format!("{count} is no number of {what} from 0 to {most}")))
            }
        }
    }

    /// The position of a node that is counted from 1.
    fn node(&mut self, n_nodes: usize) -> Result<usize, FormatError> {
        let number = self.number("a node")?;
        match usize::try_from(number) {
            Ok(node) if (1..=n_nodes).contains(&node) => Ok(node - 1),
            _ => Err(self.fault(format!(
                "there is no node {number}: they are 1 to {n_nodes}"
            ))),
        }
    }

    fn bounds(&mut self) -> Result<Bounds, FormatError> {
        let lower = self.number("a lower bound")?;
        let capacity = match self.number("a capacity")? {
            NO_LIMIT => UNLIMITED,
            capacity => capacity,
        };
        let cost = self.number("a cost")?;
        Ok(Bounds {
            lower,
            capacity,
            cost,
        })
    }

    fn end(&mut self) -> Result<(), FormatError> {
        match self.word() {
            None => Ok(()),
            Some(word) => Err(self.fault(format!("`{word}` comes after the last field"))),
        }
    }
}

/// The first of what is wrong with a change of a network.
fn cause(error: &crate::flow::FlowError) -> String {
    match error {
        crate::flow::FlowError::InvalidNetwork { faults } => match faults.first() {
            Some(FlowFault::NoNode { node }) => format!("there is no node {}", node + 1),
            Some(fault) => fault.to_string(),
            None => error.to_string(),
        },
        _ => error.to_string(),
    }
}
