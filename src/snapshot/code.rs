//! The code of every input fault. `docs/errors.md` is their index: meaning, example, action.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $code;)*

        /// Every code, ascending.
        pub const ALL: &[&str] = &[$($code),*];
    };
}

codes! {
    /// The input is empty.
    EMPTY = "E0101";
    /// The input is not UTF-8.
    ENCODING = "E0102";
    /// The gzip stream is damaged, cut short, or compressed twice.
    GZIP = "E0103";
    /// The input unpacks to more than the limit.
    TOO_LARGE = "E0104";
    /// The JSON is malformed.
    JSON = "E0105";
    /// The YAML is malformed.
    YAML = "E0106";
    /// The input nests too deeply, or holds too many values.
    TOO_DEEP = "E0107";
    /// The top level is not an object.
    TOP_LEVEL = "E0108";
    /// A value has the wrong type.
    TYPE = "E0201";
    /// A number is not an integer.
    NOT_INTEGER = "E0202";
    /// A number does not fit its type.
    NUMBER_RANGE = "E0203";
    /// An object states a key twice.
    DUPLICATE_KEY = "E0204";
    /// An object has a key that the format does not know.
    UNKNOWN_KEY = "E0205";
    /// A key is missing.
    MISSING_KEY = "E0206";
    /// The file's version is not one that this program reads.
    VERSION = "E0207";
    /// More faults were found than are shown.
    MORE = "E0299";
    /// An amount is negative.
    NEGATIVE = "E0301";
    /// An amount is larger than any sensible cluster.
    TOO_MUCH = "E0302";
    /// A count is out of its range.
    COUNT = "E0303";
    /// A weight is not a positive, finite number.
    WEIGHT = "E0304";
    /// A value is out of its range.
    VALUE = "E0305";
    /// A speed is out of its range.
    SPEED = "E0306";
    /// A priority is out of its range.
    PRIORITY = "E0307";
    /// A name is empty.
    EMPTY_NAME = "E0308";
    /// A list that may not be empty is.
    EMPTY_LIST = "E0309";
    /// A word is not one of those allowed.
    WORD = "E0310";
    /// Thousandths of a device are out of their range.
    MILLI = "E0311";
    /// A throughput is out of its range.
    THROUGHPUT = "E0312";
    /// Two elements have the same name.
    DUPLICATE_NAME = "E0401";
    /// No framework has this id.
    UNKNOWN_FRAMEWORK = "E0402";
    /// No policy has this name.
    UNKNOWN_POLICY = "E0403";
    /// Nothing can be used as this level.
    UNKNOWN_LEVEL = "E0404";
    /// No agent has this id.
    UNKNOWN_AGENT = "E0405";
    /// No job has this id.
    UNKNOWN_JOB = "E0406";
    /// The job has no task of this id.
    UNKNOWN_TASK = "E0407";
    /// No task belongs to this group.
    UNKNOWN_GROUP = "E0408";
    /// An agent names a domain at a level that is not declared.
    UNDECLARED_LEVEL = "E0409";
    /// A name is reserved.
    RESERVED_NAME = "E0410";
    /// A role path is malformed.
    ROLE_PATH = "E0411";
    /// An attribute contradicts the domain at the level of the same name.
    ATTRIBUTE_LEVEL = "E0412";
    /// No storage unit has this id.
    UNKNOWN_UNIT = "E0413";
    /// The task has no shard of this id.
    UNKNOWN_SHARD = "E0414";
    /// No block has this id.
    UNKNOWN_BLOCK = "E0420";
    /// A gang needs more instances than its job has.
    GANG = "E0501";
    /// More instances run than the task wants.
    OVERPLACED = "E0502";
    /// Two placements are of the same task on the same agent.
    PLACED_TWICE = "E0503";
    /// Tasks of two frameworks use one group.
    GROUP_ACROSS = "E0504";
    /// The guarantees are together above the cluster's capacity.
    GUARANTEES = "E0505";
    /// A policy refuses a parameter.
    PARAMETER = "E0506";
    /// All instances together are worth more than can be counted exactly.
    TOTAL_VALUE = "E0507";
    /// A resource that totals devices is stated as a plain one as well.
    DEVICE_RESOURCE = "E0508";
    /// A running instance holds a device that its agent does not have.
    DEVICE_INDEX = "E0509";
    /// Running instances hold more of a device than there is.
    DEVICE_FULL = "E0510";
    /// A running instance does not hold the devices that its task asks for.
    DEVICE_NEED = "E0511";
    /// A role is promised more than it may hold.
    GUARANTEE_ABOVE_LIMIT = "E0512";
    /// Shards contradict their task, their job or their framework.
    SHARDS = "E0513";
    /// A placement does not say which replicas it is of and where their data is, or says it of what are none.
    REPLICA = "E0514";
    /// An edge states no amount, or two.
    EDGE_LOAD = "E0520";
    /// An edge is not of the kind that its job is.
    EDGE_KINDS = "E0521";
    /// A task of a batch does not say how long it works.
    NO_WORK = "E0522";
    /// Tasks wait for each other in a circle.
    CYCLE = "E0523";
    /// Two edges go from one task to the same other one.
    EDGE_TWICE = "E0524";
    /// A framework has jobs of several kinds.
    STREAM_AND_BATCH = "E0525";
    /// All work together takes longer than can be told exactly.
    TOTAL_TIME = "E0526";
    /// A task is not clearly a map or a reduce task.
    PHASE = "E0530";
    /// What a reduce task pulls is stated for another number of map tasks than its job has, or does not add up.
    SHUFFLE = "E0531";
    /// The policy of a task with devices does not place single devices.
    NO_DEVICES = "E0605";
    /// The policy of a job with edges or work does not look at them.
    NO_EDGES = "E0608";
    /// The policy of a map or reduce task does not know what that is.
    NO_PHASES = "E0609";
    /// An event states none or several of the things that can happen.
    EVENT_KIND = "E0701";
    /// A moment or a time is out of its range.
    EVENT_TIME = "E0702";
    /// An event cannot happen at its moment.
    EVENT_ORDER = "E0703";
}
