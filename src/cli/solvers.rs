//! Which backend answers, and where it runs.

use std::sync::Arc;

use apportion_models::MilpSolver;
use apportion_models::backends::GoodLp;
#[cfg(feature = "highs")]
use apportion_models::backends::Highs;
use clap::ValueEnum;

use super::exit::Failure;
use crate::isolate::ChildSolver;

/// The backends of this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// HiGHS, in this process unless isolated
    #[cfg(feature = "highs")]
    Highs,
    /// microlp, in pure Rust: slower
    Microlp,
}

impl Backend {
    fn solver(self) -> Arc<dyn MilpSolver> {
        match self {
            #[cfg(feature = "highs")]
            Self::Highs => Arc::new(Highs),
            Self::Microlp => Arc::new(GoodLp),
        }
    }

    fn word(self) -> &'static str {
        match self {
            #[cfg(feature = "highs")]
            Self::Highs => "highs",
            Self::Microlp => "microlp",
        }
    }

    fn best() -> Self {
        #[cfg(feature = "highs")]
        {
            Self::Highs
        }
        #[cfg(not(feature = "highs"))]
        {
            Self::Microlp
        }
    }
}

/// How models are solved.
#[derive(clap::Args)]
pub(crate) struct SolverArguments {
    /// Solver backend [default: the best of this build]
    #[arg(long, value_enum, help_heading = "Solver")]
    solver: Option<Backend>,
    /// Solve in child processes: a crash of the solver costs one model, not the run
    #[arg(long, help_heading = "Solver")]
    isolate: bool,
    /// Most memory of each child process, in MiB
    #[arg(long, value_name = "MIB", requires = "isolate", value_parser = clap::value_parser!(u64).range(64..), help_heading = "Solver")]
    isolate_memory: Option<u64>,
}

impl SolverArguments {
    /// Whether anything was said about the backend.
    pub(crate) fn is_chosen(&self) -> bool {
        self.solver.is_some() || self.isolate
    }

    /// The backend that was asked for.
    pub(crate) fn solver(&self) -> Result<Arc<dyn MilpSolver>, Failure> {
        let backend = self.solver.unwrap_or_else(Backend::best);
        let inner = backend.solver();
        if !self.isolate {
            return Ok(inner);
        }
        let program = std::env::current_exe().map_err(|error| {
            Failure::error(format!("the path of this program is unknown: {error}"))
                .with_action("run without --isolate")
        })?;
        let child = ChildSolver {
            program,
            args: vec!["solve-model".to_owned(), backend.word().to_owned()],
            capabilities: inner.capabilities(),
            name: inner.name().to_owned(),
        };
        Ok(Arc::new(match self.isolate_memory {
            Some(mebibytes) => child.with_memory_limit(mebibytes),
            None => child,
        }))
    }
}

/// The backend alone, for the child's side.
pub(crate) fn in_process(backend: Backend) -> Arc<dyn MilpSolver> {
    backend.solver()
}
