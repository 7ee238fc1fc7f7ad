//! What is published about the openb trace.

/// Percent allocated at 130 % demand, mean of ten seeds, rules in the order of `RULES` up to `fgd`: the expected
/// results that hkust-adsl/kubernetes-scheduler-simulator publishes.
pub const PUBLISHED: [(&str, [f64; 6]); 5] = [
    ("default", [87.47, 90.85, 91.88, 92.00, 93.08, 95.39]),
    ("cpu100", [89.11, 91.96, 92.64, 92.72, 93.44, 95.35]),
    ("gpushare40", [86.00, 89.56, 90.02, 90.03, 91.69, 94.15]),
    ("gpuspec20", [87.24, 89.97, 92.24, 92.94, 93.30, 94.84]),
    ("multigpu20", [88.69, 92.06, 93.56, 93.71, 93.93, 95.65]),
];
