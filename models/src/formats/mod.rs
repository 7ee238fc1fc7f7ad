//! Files: models as LP and MPS, and instances of the generalized assignment problem.
