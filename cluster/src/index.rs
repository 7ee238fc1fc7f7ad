//! Positions in a [`Cluster`](crate::Cluster): small newtypes, so that an agent's position is never
//! taken for a task's.

macro_rules! index_types {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The position as a `usize`, to index a `Vec`.
            #[must_use]
            pub fn at(self) -> usize {
                self.0 as usize
            }

            /// The index of position `at`.
            ///
            /// # Panics
            /// If `at` exceeds `u32::MAX`; snapshots are refused long before that size.
            #[must_use]
            pub fn of(at: usize) -> Self {
                Self(u32::try_from(at).expect("snapshots hold fewer than 2^32 of anything"))
            }
        }
    )*};
}

index_types! {
    /// Position of an agent in [`Cluster::agents`](crate::Cluster::agents).
    AgentIdx;
    /// Position of a failure-domain level in [`Cluster::levels`](crate::Cluster::levels).
    LevelIdx;
    /// Position of a domain in its [`Level::domains`](crate::Level::domains).
    DomainIdx;
    /// Position of a resource in [`Cluster::resources`](crate::Cluster::resources).
    ResourceIdx;
    /// Position of a kind of device in [`Cluster::devices`](crate::Cluster::devices).
    DeviceIdx;
    /// Position of a role in [`Cluster::roles`](crate::Cluster::roles).
    RoleIdx;
    /// Position of a framework in [`Cluster::frameworks`](crate::Cluster::frameworks).
    FrameworkIdx;
    /// Position of a job in [`Cluster::jobs`](crate::Cluster::jobs).
    JobIdx;
    /// Position of a task in [`Cluster::tasks`](crate::Cluster::tasks).
    TaskIdx;
    /// Position of a block in [`Cluster::blocks`](crate::Cluster::blocks).
    BlockIdx;
    /// Position of a storage unit in [`Cluster::units`](crate::Cluster::units).
    UnitIdx;
    /// Position of a task group in [`Cluster::groups`](crate::Cluster::groups).
    GroupIdx;
}
