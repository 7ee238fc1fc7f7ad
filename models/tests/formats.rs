//! Files: what is written is read back, what others write is read, what is broken is reported with its line, and nothing panics.
#![allow(clippy::unwrap_used)]

#[path = "support/draws.rs"]
mod draws;
#[path = "conformance/random.rs"]
mod random;

use apportion_models::formats::{FormatError, gap, lp, mps};
use apportion_models::{ColumnKind, Limits, Milp, Sense, Status, default_solver, solve_guarded};
use proptest::prelude::*;
use std::sync::Arc;

type Reader = fn(&[u8]) -> Result<Milp, FormatError>;
type Writer = fn(&Milp) -> Result<String, FormatError>;

const FORMATS: [(&str, Reader, Writer); 2] =
    [("lp", lp::read, lp::write), ("mps", mps::read, mps::write)];

/// A model with one of everything, under names that no format likes.
fn everything() -> Milp {
    const INFINITY: f64 = f64::INFINITY;
    let mut model = Milp::new("one of every~thing\n\u{2713}", Sense::Maximize);
    model.offset = -2.5;
    let kinds = [ColumnKind::Continuous, ColumnKind::Integer];
    let bounds = [
        (0.0, INFINITY),
        (0.0, 1.0),
        (-INFINITY, INFINITY),
        (-INFINITY, -3.0),
        (-INFINITY, 0.0),
        (-4.0, INFINITY),
        (-4.0, -2.0),
        (0.0, 0.0),
        (7.0, 7.0),
        (0.1, 0.3),
        (2.0, 1e12),
    ];
    let names = [
        "end", "free", "x 1", "3.5", "e1", "infra", "a-b", "[web, 2]", "~lo", "marker", "st",
    ];
    for kind in kinds {
        for (&(lower, upper), name) in bounds.iter().zip(names) {
            let cost = [0.0, 1.0, -1.0, 1e-7, 123_456.789, 1e18][model.columns.len() % 6];
            model.add_column(
                format!(
                    "{name}{}",
                    if kind == ColumnKind::Integer { "" } else { "'" }
                ),
                lower,
                upper,
                kind,
                cost,
            );
        }
    }
    for (name, lower, upper) in [
        ("at most", -INFINITY, 3.0),
        ("at least", -0.5, INFINITY),
        ("exactly", 1e-3, 1e-3),
        ("between", -1.0, 17.0),
        ("between~lo", -1.0, 17.0),
        ("whatever", -INFINITY, INFINITY),
        ("obj", 0.0, 0.0),
        ("RHS", -INFINITY, 0.0),
    ] {
        let n_columns = model.columns.len();
        let terms = (0..n_columns)
            .step_by(model.rows.len() + 1)
            .map(|column| (column, 1.0 / (column as f64 - 3.5)));
        model.add_row(name, lower, upper, terms);
    }
    model.add_row("no terms", -1.0, 1.0, []);
    model
}

#[test]
fn a_model_with_one_of_everything_is_read_back_as_it_was() {
    let model = everything();
    assert_eq!(model.validate(), Ok(()));
    for (format, read, write) in FORMATS {
        let text = write(&model).unwrap();
        let again =
            read(text.as_bytes()).unwrap_or_else(|error| panic!("{format}: {error}\n{text}"));
        assert_eq!(again, model, "{format}\n{text}");
        assert_eq!(write(&again).unwrap(), text);
    }
}

#[test]
fn models_without_columns_or_rows_are_read_back() {
    let mut nothing = Milp::new("", Sense::Minimize);
    for (format, read, write) in FORMATS {
        assert_eq!(
            read(write(&nothing).unwrap().as_bytes()),
            Ok(nothing.clone()),
            "{format}"
        );
    }
    nothing.offset = 1.5;
    nothing.add_row("a", -1.0, 5.0, []);
    nothing.add_row("b", f64::NEG_INFINITY, 5.0, []);
    nothing.add_row("c", f64::NEG_INFINITY, f64::INFINITY, []);
    nothing.add_row("d", 2.0, 2.0, []);
    for (format, read, write) in FORMATS {
        let text = write(&nothing).unwrap();
        assert_eq!(
            read(text.as_bytes()),
            Ok(nothing.clone()),
            "{format}\n{text}"
        );
    }
}

#[test]
fn the_optimum_is_the_same_after_a_round_trip() {
    let solver = default_solver();
    let mut n_optimal = 0;
    for seed in 0..40 {
        let model = random::model(seed, false);
        let expected =
            solve_guarded(&solver, &Arc::new(model.clone()), &Limits::default()).unwrap();
        for (format, read, write) in FORMATS {
            let again = read(write(&model).unwrap().as_bytes()).unwrap();
            assert_eq!(again, model, "{format}");
            let found = solve_guarded(&solver, &Arc::new(again), &Limits::default()).unwrap();
            assert_eq!(
                (&found.status, found.objective),
                (&expected.status, expected.objective)
            );
        }
        n_optimal += usize::from(expected.status == Status::Optimal);
    }
    assert!(n_optimal > 10);
}

#[test]
fn what_other_programs_write_as_lp_is_read() {
    let text = r"\ a comment
Minimise
 cost: 3x1 + 2 x2
  - x3 + 10 \ and another
subject to
 c1: x1 + x2 >= 2
 c2: -5 <= x1 - x2 + 1 <= 5
 c3: 7 >= x3
 x1 + x2 + x3 < 20
 R9lo: x2 >= 1
bounds
 -inf <= x1 <= 4
 x2 >= -3
 5 >= x3
 x4 free
 x5 = 2.5e0
integers
 x1 x2
bin
 x6
end
";
    let model = lp::read(text.as_bytes()).unwrap();
    assert_eq!((model.sense, model.offset), (Sense::Minimize, 10.0));
    let names: Vec<&str> = model
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(names, ["x1", "x2", "x3", "x4", "x5", "x6"]);
    let bounds: Vec<(f64, f64)> = model
        .columns
        .iter()
        .map(|column| (column.lower, column.upper))
        .collect();
    const INFINITY: f64 = f64::INFINITY;
    assert_eq!(
        bounds,
        [
            (-INFINITY, 4.0),
            (-3.0, INFINITY),
            (0.0, 5.0),
            (-INFINITY, INFINITY),
            (2.5, 2.5),
            (0.0, 1.0)
        ]
    );
    let rows: Vec<(&str, f64, f64)> = model
        .rows
        .iter()
        .map(|row| (row.name.as_str(), row.lower, row.upper))
        .collect();
    assert_eq!(
        rows,
        [
            ("c1", 2.0, INFINITY),
            ("c2", -6.0, 4.0),
            ("c3", -INFINITY, 7.0),
            ("r4", -INFINITY, 20.0),
            ("R9lo", 1.0, INFINITY)
        ]
    );
    assert_eq!(model.rows[1].terms, [(0, 1.0), (1, -1.0)]);
    assert_eq!(
        model
            .columns
            .iter()
            .filter(|column| column.kind == ColumnKind::Integer)
            .count(),
        3
    );
}

#[test]
fn what_other_programs_write_as_mps_is_read() {
    let text = "* a comment
NAME          TEST
OBJSENSE MAX
ROWS
 N  COST
 L  LIM1
 G  LIM2
 E  MYEQN
 N  OTHER
COLUMNS
    X         COST         1.0   LIM1         1.0
    X         LIM2         1.0
    MARKER                 'MARKER'                 'INTORG'
    Y         COST         2.0   LIM1         1.0
    Y         MYEQN       -1.0   OTHER        1.0
    W         COST         1.0
    MARKER                 'MARKER'                 'INTEND'
    Z         COST        -1.0   MYEQN        1.0
RHS
    RHS       COST       -10.0   LIM1         4.0
    RHS       LIM2         1.0   MYEQN        7.0
RANGES
    RNG       LIM1         2.5   MYEQN       -3.0
BOUNDS
 UP BND       X            4.0
 UP BND       Y           -1.0
 MI BND       Z
ENDATA
";
    let model = mps::read(text.as_bytes()).unwrap();
    const INFINITY: f64 = f64::INFINITY;
    assert_eq!(
        (model.name.as_str(), model.sense, model.offset),
        ("TEST", Sense::Maximize, 10.0)
    );
    let columns: Vec<(&str, f64, f64, ColumnKind, f64)> = model
        .columns
        .iter()
        .map(|column| {
            (
                column.name.as_str(),
                column.lower,
                column.upper,
                column.kind,
                column.cost,
            )
        })
        .collect();
    assert_eq!(
        columns,
        [
            ("X", 0.0, 4.0, ColumnKind::Continuous, 1.0),
            ("Y", -INFINITY, -1.0, ColumnKind::Integer, 2.0),
            ("W", 0.0, 1.0, ColumnKind::Integer, 1.0),
            ("Z", -INFINITY, INFINITY, ColumnKind::Continuous, -1.0),
        ]
    );
    let rows: Vec<(&str, f64, f64)> = model
        .rows
        .iter()
        .map(|row| (row.name.as_str(), row.lower, row.upper))
        .collect();
    assert_eq!(
        rows,
        [
            ("LIM1", 1.5, 4.0),
            ("LIM2", 1.0, INFINITY),
            ("MYEQN", 4.0, 7.0),
            ("OTHER", -INFINITY, INFINITY)
        ]
    );
}

#[test]
fn broken_files_are_reported_with_line_and_cause() {
    for (read, text, line, cause) in [
        (lp::read as Reader, "", 1, "begin"),
        (lp::read, "min\n x\n", 2, "without `End`"),
        (lp::read, "min\nst\n c: x + >= 2\nend", 3, "sign"),
        (lp::read, "min\nst\n c: x + y\nend", 4, "comparison"),
        (lp::read, "min\n [ x^2 ] / 2\nst\nend", 2, "quadratic"),
        (
            lp::read,
            "min\n x\nst\n c: x => 1\n c: x <= 2\nend",
            5,
            "both called `c`",
        ),
        (
            lp::read,
            "min\n x\nst\nbounds\n x >= 3\n x <= 2\nend",
            6,
            "between its bounds",
        ),
        (lp::read, "min\n x\nst\nbounds\n x <= y\nend", 5, "number"),
        (
            lp::read,
            "min\n x\nst\n c: 1e-12 x <= 1\nend",
            4,
            "coefficient",
        ),
        (lp::read, "min\n x\nsemi\n x\nend", 3, "semi"),
        (lp::read, "min\n x\nend\nmore", 4, "after `End`"),
        (lp::read, "min\n x\nst\n x >> 3", 4, "comparison"),
        (mps::read, "", 0, "ENDATA"),
        (mps::read, "ROWS\n N obj\n Q r\n", 3, "type of a row"),
        (
            mps::read,
            "ROWS\n N obj\nCOLUMNS\n x r 1\n",
            4,
            "no row `r`",
        ),
        (
            mps::read,
            "ROWS\n N obj\nCOLUMNS\n x obj 1\n y obj 1\n x obj 2\n",
            6,
            "not together",
        ),
        (
            mps::read,
            "ROWS\n N obj\nCOLUMNS\n x obj one\n",
            4,
            "not a number",
        ),
        (
            mps::read,
            "ROWS\n N obj\nCOLUMNS\n x obj 1\nBOUNDS\n SC b x 3\n",
            6,
            "not supported",
        ),
        (mps::read, "ROWS\n L r\nENDATA\n", 3, "no objective"),
        (mps::read, "COLUMNS\nROWS\n", 2, "wrong place"),
        (mps::read, "QUADOBJ\n", 1, "not supported"),
        (
            mps::read,
            "ROWS\n N obj\nCOLUMNS\n x obj 1\nBOUNDS\n LO b x 3\n UP b x 2\nENDATA\n",
            7,
            "between its bounds",
        ),
    ] {
        match read(text.as_bytes()) {
            Err(FormatError::Line {
                line: found,
                cause: words,
            }) => {
                assert_eq!(found, line, "{text:?}: {words}");
                assert!(words.contains(cause), "{text:?}: {words}");
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }
    assert!(matches!(
        lp::read(b"min\n \xff"),
        Err(FormatError::Line { line: 2, .. })
    ));
}

#[test]
fn what_cannot_be_written_is_refused() {
    let mut model = everything();
    model.columns[0].lower = f64::NAN;
    for (_, _, write) in FORMATS {
        assert!(matches!(
            write(&model),
            Err(FormatError::InvalidModel { .. })
        ));
    }
    let mut odd = Milp::new(
        "the difference leads from neither bound to the other",
        Sense::Minimize,
    );
    odd.add_row("r", -1.21, 0.8, []);
    assert!(matches!(
        mps::write(&odd),
        Err(FormatError::Inexpressible { .. })
    ));
    assert_eq!(lp::read(lp::write(&odd).unwrap().as_bytes()), Ok(odd));
}

/// The public instances of Chu and Beasley, and of Yagiura, with their published optima: see `gap` in the data that `APPORTION_DATA` names.
#[test]
fn published_assignment_instances_are_read_and_the_easy_one_is_solved() {
    let Some(folder) = std::env::var_os("APPORTION_DATA") else {
        eprintln!("skipped: APPORTION_DATA is not set");
        return;
    };
    let folder = std::path::Path::new(&folder).join("gap");
    let table = std::fs::read_to_string(folder.join("best_known.csv")).unwrap();
    let mut n_read = 0;
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let name = fields[0].rsplit('/').next().unwrap();
        let Ok(bytes) = std::fs::read(folder.join(name)) else {
            continue;
        };
        let instance = gap::read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(instance.costs[0].len().to_string(), fields[3], "{name}");
        assert_eq!(instance.capacities.len().to_string(), fields[4], "{name}");
        n_read += 1;
        if name == "a05100" {
            let model = Arc::new(instance.to_milp(name));
            let outcome = solve_guarded(&default_solver(), &model, &Limits::default()).unwrap();
            assert_eq!(outcome.status, Status::Optimal);
            assert_eq!(outcome.objective.unwrap().to_string(), fields[6]);
        }
    }
    assert!(n_read >= 10, "{n_read} instances in {}", folder.display());
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9_]{0,5}",
        ".{1,8}",
        prop::sample::select(vec![
            "st", "end", "free", "inf", "bounds", "RHS", "obj", "x~lo", "x~up", "MARKER"
        ])
        .prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-1000_i32..1000).prop_map(f64::from),
        (-1e6_f64..1e6).prop_filter("solvers drop it", |value| value.abs() > 1e-8),
        prop::sample::select(vec![1e14, -1e-8, 0.1, 1.0, -1.0]),
    ]
}

fn bounds() -> impl Strategy<Value = (f64, f64)> {
    (value(), value(), 0..6).prop_map(|(left, right, kind)| match kind {
        0 => (f64::NEG_INFINITY, left),
        1 => (left, f64::INFINITY),
        2 => (f64::NEG_INFINITY, f64::INFINITY),
        3 => (left, left),
        4 => (0.0, 1.0),
        _ => (left.min(right), left.max(right)),
    })
}

prop_compose! {
    fn model()(
        title in ".{0,10}",
        maximize in any::<bool>(),
        offset in value(),
        columns in prop::collection::btree_map(name(), (bounds(), any::<bool>(), value()), 0..8),
        rows in prop::collection::btree_map(name(), (bounds(), prop::collection::vec((any::<prop::sample::Index>(), value()), 0..6)), 0..6),
    ) -> Milp {
        let sense = if maximize { Sense::Maximize } else { Sense::Minimize };
        let mut model = Milp::new(title, sense);
        model.offset = offset;
        for (name, ((lower, upper), integer, cost)) in columns {
            let kind = if integer { ColumnKind::Integer } else { ColumnKind::Continuous };
            model.add_column(name, lower, upper, kind, cost);
        }
        let n_columns = model.columns.len();
        for (name, ((lower, upper), terms)) in rows {
            let terms = terms.into_iter().filter(|_| n_columns > 0).map(|(column, value)| (column.index(n_columns), value));
            let row = model.add_row(name, lower, upper, terms);
            model.rows[row].terms.retain(|term| term.1.abs() > 1e-8);
        }
        model
    }
}

proptest! {
    #[test]
    fn any_model_is_read_back_as_it_was(model in model()) {
        prop_assert_eq!(model.validate(), Ok(()));
        for (format, read, write) in FORMATS {
            match write(&model) {
                Ok(text) => prop_assert_eq!(read(text.as_bytes()), Ok(model.clone()), "{}\n{}", format, text),
                Err(error) => prop_assert!(format == "mps" && matches!(error, FormatError::Inexpressible { .. }), "{}", error),
            }
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for (_, read, _) in FORMATS {
            let _ = read(&bytes);
        }
        let _ = gap::read(&bytes);
    }

    #[test]
    fn no_words_make_a_reader_panic(words in prop::collection::vec(prop::sample::select(vec![
        "min", "max", "st", "\n", "\n ", "\nst\n", "bounds", "\nbounds\n", "gen", "\nbin\n", "\nend", "c:", ":", "x", "y", "+", "-", "<=", ">=", "=", "3", "-1e5",
        "inf", "free", "1e", ".", "NAME", "\nROWS\n", "\nCOLUMNS\n", "\nRHS\n", "\nRANGES\n", "\nBOUNDS\n", "\nENDATA\n", " N obj\n", " L r\n", " E q\n",
        " x obj 1\n", " x r 2 q 3\n", " 'MARKER' 'MARKER' 'INTORG'\n", " UP b x -4\n", " MI x\n", " RHS r 7\n", "0", "2", "\u{e4}", "~4",
    ]), 0..40)) {
        let text = words.join(" ");
        for (_, read, _) in FORMATS {
            if let Ok(model) = read(text.as_bytes()) {
                prop_assert_eq!(model.validate(), Ok(()));
            }
        }
        let _ = gap::read(text.as_bytes());
    }

    #[test]
    fn no_damage_to_a_file_makes_a_reader_panic(model in model(), position in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        for (_, read, write) in FORMATS {
            if let Ok(text) = write(&model) {
                let mut bytes = text.into_bytes();
                let position = position.index(bytes.len());
                if cut {
                    bytes.truncate(position);
                } else {
                    bytes[position] = byte;
                }
                let _ = read(&bytes);
            }
        }
    }
}
