//! The code of every finding that is not an input fault. `docs/errors.md` is their index.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $code;)*

        /// Every code, ascending.
        pub const ALL: &[&str] = &[$($code),*];
    };
}

codes! {
    /// A selector matches no agent.
    SELECTOR = "W0101";
    /// The rules of a task together allow no agent.
    NO_AGENT = "W0102";
    /// An instance is larger than any agent that the task may use.
    NEVER_FITS = "W0103";
    /// No agent has this resource.
    NO_RESOURCE = "W0104";
    /// A list of values contradicts itself.
    CONTRADICTION = "W0105";
    /// Too many different rules to check each against every agent.
    UNCHECKED = "W0106";
    /// No agent has devices of this kind or model.
    DEVICE = "W0107";
    /// No agent is dedicated to a word that a task tolerates.
    TOLERATES = "W0201";
    /// No task tolerates the word that an agent is dedicated to.
    DEDICATED = "W0202";
    /// Every agent is cordoned.
    CORDONED = "W0203";
    /// Agents name no domain at a level.
    LEVEL = "W0204";
    /// No framework uses a role.
    UNUSED_ROLE = "W0301";
    /// A role is not declared, but looks like one that is.
    MISSPELLED_ROLE = "W0302";
    /// A limit is on a resource that no agent has and no task asks for.
    LIMIT_OF_NOTHING = "W0303";
    /// A framework has no jobs.
    IDLE_FRAMEWORK = "W0304";
    /// A limit leaves no room for every instance.
    LIMIT = "W0401";
    /// Fewer instances can survive a loss than the job asks for.
    SURVIVAL = "W0402";
    /// A job wants nothing.
    NOTHING_WANTED = "W0403";
    /// More runs on an agent than it has.
    OVERCOMMITTED = "W0501";
    /// An instance runs where the task's rules do not allow it.
    MISPLACED = "W0502";
    /// More instances run in a domain than a limit allows.
    OVER_LIMIT = "W0503";
    /// CPU looks like whole cores, where thousandths are meant.
    CPU_UNIT = "W0601";
    /// Memory or disk looks like bytes, where MiB are meant.
    BYTES = "W0602";
    /// Memory looks like GiB, where MiB are meant.
    GIBIBYTES = "W0603";
}
