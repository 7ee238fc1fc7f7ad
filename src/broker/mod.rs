//! The broker: which part of the cluster each framework deserves, and a certificate of how fair a plan is.
//!
//! # Model
//! Frameworks `p` with demand that could be placed, of weights `w_p` that sum to 1 ([`weights`]: down the role tree,
//! over active siblings). Agent classes `s` with total capacity `C_s` ([`classes`]). Task classes `k` of `p`: demand
//! `d_k`, value `v_k`, at most `n_k` instances. `x_ks` = instances of `k` on class `s`, running ones included.
//!
//! ```text
//! F:  capacity  sum_k d_k x_ks <= C_s                     prices pi_s
//!     demand    sum_s x_ks <= n_k
//!     fit       x_ks <= room on the class's agents, each taken alone, within the limits per failure domain that count k
//!     domain    instances that such a limit counts, on all classes in domains that are alike <= the sum of what each lets in
//!     half      instances of more than half an agent, over all frameworks <= agents
//!               devices of which an instance takes more than half, and half of those of which it takes half <= devices
//!     limit     at every role v: sum over k below v of d_k x_ks <= L_v              lambda_v
//!     hold      at every role v whose guarantee is held: sum over k below v of d_k x_ks
//!               + what is held for v and the roles below it >= theta G_v            gamma_v
//!               where what is held takes part in the capacities of classes that v can use
//! maximize  sum_p w_p ln u_p,   u_p = sum_k v_k sum_s x_ks,   u_p >= f_p,   x in F
//! ```
//!
//! `f_p`, the floor, is `p`'s own whatever the others want (`floors`): each subtree of the role tree has its own slice of
//! the cluster, what it is guaranteed taken off first, and divides it in the same way. Rows that are `p`'s own (demand,
//! fit) bind it as they are. So all floors are reachable together: their sum lies in `F`. `theta` is how much of the
//! guarantees can be had ([`mod@guarantees`]). Other rules than nash are in `rules`.
//!
//! Shares leave the rows of devices out, which are about whole plans: a share is of class totals, and a part of a device
//! is as good to it as any other. Floors, and the certificate of a plan, keep them.
//!
//! Room on an agent is the fraction `min_r C_r / d_r`, and 1 where only one instance fits: shares are fractional, and
//! what whole instances lose beside that is the plan's to show, not the share's to hide.
//!
//! `F` is a relaxation: whatever can be placed, rules and all, lies in it. Limits per failure domain bind exactly where classes
//! tell domains apart (`domains`: up to 64 kinds of agents, and 2,000 rows); beyond that they enter `n_k` (the most of the task
//! alone that fits within its limits) and `fit`. Spreads and gangs do not enter. Classes that are merged to
//! bound their number count a task as eligible if any member is. So every claim below is about more than what is
//! possible, and holds for what is possible.
//!
//! # Certificate
//! For an allocation of utilities `u`, prices and row duals that satisfy, for each task and class,
//!
//! ```text
//! pi_s . d_k + y_demand + y_fit + y_domain + a y_half + sum over v above k of (lambda_v - gamma_v) . d_k >= (w_p / u_p + phi_p) v_k
//! ```
//!
//! and, wherever something may be held for `v`, `pi_s >= sum of gamma` over `v` and the roles above it,
//!
//! prove that no allocation in `F` with `u'_p >= f_p` has `sum_p w_p u'_p / u_p` above
//! `1 + epsilon = pi . C + y . b - gamma . theta G - phi . f`: multiply each test by `x'_ks` and add up. Any such numbers prove their
//! own epsilon; those published are the duals of that linear program ([`certify`]).
//!
//! # Source
//! Eisenberg and Gale (1959) for shares as a convex program; the certificate is its duality, with floors and rows that
//! are not capacities made explicit. The solver is [`apportion_models::welfare`].

mod alone;
mod certificate;
pub mod classes;
mod demand;
mod domains;
mod floors;
mod flow;
pub mod guarantees;
mod half;
mod market;
mod rules;
mod share;
pub mod sorter;
#[cfg(test)]
mod tests;
pub(crate) mod tree;
pub mod weights;

pub use certificate::{Audit, certify};
pub use classes::{AgentClass, agent_classes};
pub use guarantees::{Guarantee, guarantees};
pub use share::{FrameworkShare, Proof, Shares, shares};
pub use sorter::Sorter;
