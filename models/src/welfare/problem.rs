//! The problem as its caller states it: blocks of columns, own rows, shared rows.

use thiserror::Error;

/// What is maximized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// `sum_p weight_p * ln(value_p . x_p)`: proportional fairness among the blocks.
    LogUtility,
    /// `sum_p weight_p * (value_p . x_p)`: a linear program on the same rows.
    Linear,
}

/// A welfare problem: an objective, shared rows, and blocks of columns that meet only in the shared rows.
///
/// The sets, rows and the objective are in the [module documentation](super).
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    objective: Objective,
    shared_bounds: Vec<f64>,
    blocks: Vec<Block>,
    common: Option<Common>,
}

/// A column that is in the own rows of many blocks, and in no shared row: a level that all of them are held to.
#[derive(Debug, Clone, PartialEq)]
pub struct Common {
    /// Its value in the objective.
    pub value: f64,
    /// The most of it; `f64::INFINITY` for none.
    pub upper: f64,
    /// Block, own row of the block, coefficient; each row once.
    pub entries: Vec<(usize, usize, f64)>,
}

impl Problem {
    /// A problem without rows and blocks.
    #[must_use]
    pub fn new(objective: Objective) -> Self {
        Self {
            objective,
            shared_bounds: Vec::new(),
            blocks: Vec::new(),
            common: None,
        }
    }

    /// Sets the one column that is in own rows of many blocks. Only a linear problem may have one.
    pub fn set_common(&mut self, common: Common) {
        self.common = Some(common);
    }

    /// The column that is in own rows of many blocks.
    #[must_use]
    pub fn common(&self) -> Option<&Common> {
        self.common.as_ref()
    }

    /// Adds the shared row `sum_p D_p x_p <= bound` and returns its index.
    pub fn add_shared_row(&mut self, bound: f64) -> usize {
        self.shared_bounds.push(bound);
        self.shared_bounds.len() - 1
    }

    /// Adds a block and returns its index.
    pub fn add_block(&mut self, block: Block) -> usize {
        self.blocks.push(block);
        self.blocks.len() - 1
    }

    /// What is maximized.
    #[must_use]
    pub fn objective(&self) -> Objective {
        self.objective
    }

    /// The same rows and columns under another objective.
    #[must_use]
    pub fn with_objective(mut self, objective: Objective) -> Self {
        self.objective = objective;
        self
    }

    /// The right-hand sides of the shared rows.
    #[must_use]
    pub fn shared_bounds(&self) -> &[f64] {
        &self.shared_bounds
    }

    /// The blocks, in the order in which they were added.
    #[must_use]
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The block at `index`, to be changed in place.
    ///
    /// # Panics
    /// If there is no such block.
    pub fn block_mut(&mut self, index: usize) -> &mut Block {
        &mut self.blocks[index]
    }

    /// Looks for what no solver can make sense of: numbers that are not finite, rows that do not exist.
    ///
    /// # Errors
    /// The first fault found.
    pub fn check(&self) -> Result<(), ProblemFault> {
        if let Some(row) = self
            .shared_bounds
            .iter()
            .position(|bound| !bound.is_finite())
        {
            return Err(ProblemFault::SharedBound { row });
        }
        if let Some(common) = &self.common {
            self.check_common(common)?;
        }
        self.blocks
            .iter()
            .enumerate()
            .try_for_each(|(block_idx, block)| self.check_block(block_idx, block))
    }

    fn check_common(&self, common: &Common) -> Result<(), ProblemFault> {
        let fault = |what| Err(ProblemFault::Common { what });
        if self.objective == Objective::LogUtility {
            return fault("no meaning under a logarithm");
        }
        if !common.value.is_finite() || common.upper.is_nan() || common.upper < 0.0 {
            return fault("a value that is not finite, or an upper bound below zero");
        }
        let exists = |&(block, row, coefficient): &(usize, usize, f64)| {
            let rows = self.blocks.get(block).map_or(0, |it| it.own_bounds.len());
            row < rows && coefficient.is_finite()
        };
        if !common.entries.iter().all(exists) {
            return fault("an entry that is not finite, or in a row that does not exist");
        }
        Ok(())
    }

    fn check_block(&self, block_idx: usize, block: &Block) -> Result<(), ProblemFault> {
        let fault = |what| ProblemFault::Block {
            block: block_idx,
            what,
        };
        if !(block.weight.is_finite() && block.weight >= 0.0) {
            return Err(fault("a weight that is negative or not finite"));
        }
        if block.own_bounds.iter().any(|bound| !bound.is_finite()) {
            return Err(fault("an own row whose bound is not finite"));
        }
        let signed = self.objective == Objective::Linear;
        if !block
            .values
            .iter()
            .all(|&value| value.is_finite() && (signed || value >= 0.0))
        {
            return Err(fault(
                "a value that is not finite, or negative under a logarithm",
            ));
        }
        if !block.uppers.iter().all(|&upper| upper >= 0.0) {
            return Err(fault("an upper bound below zero"));
        }
        let entries = block.shared.iter().chain(&block.own);
        if entries
            .clone()
            .any(|&(_, coefficient)| !coefficient.is_finite())
        {
            return Err(fault("a coefficient that is not finite"));
        }
        let shared_rows = self.shared_bounds.len();
        if block
            .shared
            .iter()
            .any(|&(row, _)| row as usize >= shared_rows)
        {
            return Err(fault("a column in a shared row that does not exist"));
        }
        if block
            .own
            .iter()
            .any(|&(row, _)| row as usize >= block.own_bounds.len())
        {
            return Err(fault("a column in an own row that does not exist"));
        }
        Ok(())
    }
}

/// The columns of one player and the rows that bind them alone.
///
/// A block of weight 0 has no utility: its columns only help or hinder the rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    weight: f64,
    own_bounds: Vec<f64>,
    values: Vec<f64>,
    uppers: Vec<f64>,
    shared_ends: Vec<usize>,
    shared: Vec<(u32, f64)>,
    own_ends: Vec<usize>,
    own: Vec<(u32, f64)>,
}

impl Block {
    /// A block without columns.
    #[must_use]
    pub fn new(weight: f64) -> Self {
        Self {
            weight,
            own_bounds: Vec::new(),
            values: Vec::new(),
            uppers: Vec::new(),
            shared_ends: Vec::new(),
            shared: Vec::new(),
            own_ends: Vec::new(),
            own: Vec::new(),
        }
    }

    /// Adds the own row `B_p x_p <= bound` and returns its index within the block.
    pub fn add_own_row(&mut self, bound: f64) -> usize {
        self.own_bounds.push(bound);
        self.own_bounds.len() - 1
    }

    /// Adds a column with its value, its upper bound (`f64::INFINITY` for none) and its entries
    /// `(row, coefficient)` in shared and in own rows; returns its index within the block.
    ///
    /// Entries that name the same row twice are added up.
    pub fn add_column(
        &mut self,
        value: f64,
        upper: f64,
        shared: impl IntoIterator<Item = (usize, f64)>,
        own: impl IntoIterator<Item = (usize, f64)>,
    ) -> usize {
        // An index beyond u32 cannot exist; it is clamped, and the check before a solve reports it.
        let narrow = |(row, coefficient)| (u32::try_from(row).unwrap_or(u32::MAX), coefficient);
        self.values.push(value);
        self.uppers.push(upper);
        self.shared.extend(shared.into_iter().map(narrow));
        self.shared_ends.push(self.shared.len());
        self.own.extend(own.into_iter().map(narrow));
        self.own_ends.push(self.own.len());
        self.values.len() - 1
    }

    /// Adds the floor `value . x >= floor` over the columns present, as the own row `-value . x <= -floor`, and
    /// returns the row's index.
    pub fn add_floor(&mut self, floor: f64) -> usize {
        let row = self.add_own_row(-floor);
        let narrow = u32::try_from(row).unwrap_or(u32::MAX);
        let mut own = Vec::with_capacity(self.own.len() + self.values.len());
        let mut ends = Vec::with_capacity(self.values.len());
        for (column, &value) in self.values.iter().enumerate() {
            own.extend_from_slice(self.own_entries(column));
            if value != 0.0 {
                own.push((narrow, -value));
            }
            ends.push(own.len());
        }
        self.own = own;
        self.own_ends = ends;
        row
    }

    /// The block's weight in the objective.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// Changes the block's weight in the objective.
    pub fn set_weight(&mut self, weight: f64) {
        self.weight = weight;
    }

    /// The right-hand sides of the own rows.
    #[must_use]
    pub fn own_bounds(&self) -> &[f64] {
        &self.own_bounds
    }

    /// The value of one unit of each column.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The upper bound of each column.
    #[must_use]
    pub fn uppers(&self) -> &[f64] {
        &self.uppers
    }

    /// The number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.values.len()
    }

    /// The entries of a column in shared rows.
    ///
    /// # Panics
    /// If there is no such column.
    #[must_use]
    pub fn shared_entries(&self, column: usize) -> &[(u32, f64)] {
        let start = if column == 0 {
            0
        } else {
            self.shared_ends[column - 1]
        };
        &self.shared[start..self.shared_ends[column]]
    }

    /// The entries of a column in own rows.
    ///
    /// # Panics
    /// If there is no such column.
    #[must_use]
    pub fn own_entries(&self, column: usize) -> &[(u32, f64)] {
        let start = if column == 0 {
            0
        } else {
            self.own_ends[column - 1]
        };
        &self.own[start..self.own_ends[column]]
    }

    /// The block's utility `value . x` at `x`.
    #[must_use]
    pub fn utility(&self, x: &[f64]) -> f64 {
        self.values.iter().zip(x).map(|(value, x)| value * x).sum()
    }
}

/// A problem that means nothing: a bug of the caller, never the answer of a solver.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProblemFault {
    /// The bound of a shared row is not a finite number.
    #[error("the bound of shared row {row} is not finite")]
    SharedBound {
        /// The row.
        row: usize,
    },
    /// Something in the common column is out of range.
    #[error("the common column has {what}")]
    Common {
        /// What is wrong in it.
        what: &'static str,
    },
    /// Something in a block is out of range.
    #[error("block {block} has {what}")]
    Block {
        /// The block.
        block: usize,
        /// What is wrong in it.
        what: &'static str,
    },
}
