//! Paths of roles.

/// Most components of a role's path.
pub(super) const MOST_COMPONENTS: usize = 32;

/// The path one component up; empty for a role at the top.
pub(super) fn parent(role: &str) -> &str {
    role.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// The roles above `role`, from its parent up.
pub(super) fn ancestors(role: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(parent(role)), |role| Some(parent(role)))
        .take_while(|role| !role.is_empty())
}
