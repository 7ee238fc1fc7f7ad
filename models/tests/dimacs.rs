//! DIMACS files: what is read, what is written, and what is refused with its line.
#![allow(clippy::unwrap_used)]

use apportion_models::Limits;
use apportion_models::flow::{FlowArc, FlowNetwork, NetworkSimplex, UNLIMITED};
use apportion_models::formats::FormatError;
use apportion_models::formats::dimacs::{changes, read, write};
use proptest::prelude::*;

const SMALL: &str = "c a comment\np min 3 2\n\nn 1 4 7\nn 3 -4\na 1 2 0 -1 -5 1\n a\t2 3 1 6 7\n";

fn line<T: std::fmt::Debug>(result: Result<T, FormatError>) -> usize {
    match result {
        Err(FormatError::Line { line, .. }) => line,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_becomes_a_network_and_a_file_again() {
    let network = read(SMALL.as_bytes()).unwrap();
    assert_eq!(network.supplies, [4, 0, -4]);
    let expected = FlowArc {
        tail: 0,
        head: 1,
        lower: 0,
        capacity: UNLIMITED,
        cost: -5,
    };
    assert_eq!(network.arcs[0], expected);
    let text = write(&network).unwrap();
    assert_eq!(read(text.as_bytes()).unwrap(), network);
    assert!(text.contains("a 1 2 0 -1 -5\n"), "{text}");
}

#[test]
fn faults_name_their_line() {
    for (text, expected) in [
        ("", 1),
        ("c\nn 1 1\np min 1 0\n", 2),
        ("p max 1 0\n", 1),
        ("p min 2 0\np min 2 0\n", 2),
        ("p min 2 1\nc\n", 1),
        ("p min 1000000000 0\n", 1),
        ("p min 99999999999999999999 0\n", 1),
        ("p min 2 0\nn 3 1\n", 2),
        ("p min 2 0\nn 1 1\nn 1 1\n", 3),
        ("p min 2 0\nn 1\n", 2),
        ("p min 2 1\na 1 2 0 1\n", 2),
        ("p min 2 1\na 1 2 0 1 1 0 9\n", 2),
        ("p min 2 1\na 1 0 0 1 1\n", 2),
        ("p min 2 1\na 1 2 -1 1 1\n", 2),
        ("p min 2 1\na 1 2 0 -2 1\n", 2),
        ("p min 2 1\na 1 2 3 2 1\n", 2),
        ("p min 2 1\na 1 2 0 1 1.5\n", 2),
        ("p min 2 0\nz\n", 2),
        ("p min 1 0\nn 1 9223372036854775807\n", 1),
        ("c fine\np min 1 0\n\u{0}\n", 3),
    ] {
        assert_eq!(line(read(text.as_bytes())), expected, "{text:?}");
    }
    assert_eq!(line(read(b"p min 1 0\nc \xff\n")), 2);
}

#[test]
fn faults_of_changes_name_their_line() {
    for (text, expected) in [
        ("r\n", 1),
        ("r 0\n", 1),
        ("r 1 2\n", 1),
        ("x 1 2 0 1\n", 1),
        ("d 1 0 1\n", 1),
        ("d 1 0 1\nr 1\n", 2),
        ("d 1 0 1\na 0 0 0 1 1\n", 2),
        ("d 1 -4\n", 1),
        ("c\nq 1\n", 2),
    ] {
        assert_eq!(line(changes::read(text.as_bytes())), expected, "{text:?}");
    }
    let network = read(SMALL.as_bytes()).unwrap();
    for (text, expected) in [
        ("c\nr 9\n", 2),
        ("r 1\nr 1\n", 2),
        ("d 0 1\na 0 9 0 1 1\n", 2),
        ("n 9 1\n", 1),
        ("a 1 9 0 1 1\n", 1),
    ] {
        let mut simplex = NetworkSimplex::new(&network).unwrap();
        let mut changer = changes::Changer::new(&network);
        let groups = changes::read(text.as_bytes()).unwrap();
        let failed = groups
            .iter()
            .map(|group| changer.apply(group, &mut simplex))
            .find(Result::is_err);
        assert_eq!(line(failed.unwrap()), expected, "{text:?}");
    }
}

/// The objective after each group of changes.
fn followed(network: &FlowNetwork, text: &str) -> Vec<Option<i128>> {
    let mut simplex = NetworkSimplex::new(network).unwrap();
    let mut changer = changes::Changer::new(network);
    (changes::read(text.as_bytes()).unwrap().iter())
        .map(|group| {
            changer.apply(group, &mut simplex).unwrap();
            simplex.solve(&Limits::default());
            simplex.objective()
        })
        .collect()
}

#[test]
fn changes_mean_what_their_page_says() {
    let network =
        read(b"p min 3 3\nn 1 2\nn 3 -2\na 1 3 0 1 1\na 1 3 0 4 5\na 1 2 0 9 9\n").unwrap();
    assert_eq!(followed(&network, "x 1 3 0 2 2\n"), [Some(4)]);
    assert_eq!(
        followed(&network, "x 1 3 0 3 4 0 5\n"),
        [Some(5)],
        "the arc of the old cost"
    );
    assert_eq!(
        followed(&network, "x 1 3 0 0 0\n"),
        [Some(10)],
        "an arc without capacity goes"
    );
    assert_eq!(
        followed(&network, "x 2 3 0 9 -9\n"),
        [Some(0)],
        "there was no arc: it is new"
    );
    assert_eq!(
        followed(&network, "n 1 1\n"),
        [Some(1)],
        "the sink demands less"
    );
    assert_eq!(
        followed(&network, "n 3 -1\n"),
        [None],
        "the sink's own demand is as it is said"
    );
    assert_eq!(
        followed(&network, "r 1\n"),
        [Some(0)],
        "the sink demands nothing any more"
    );
    assert_eq!(
        followed(&network, "r 2\nd 1 1\na 0 3 0 1 7\n"),
        [Some(6), Some(13)]
    );
    assert_eq!(
        followed(
            &network,
            "r 2\nd 1 1\na 0 3 0 1 7\nc EOI\nr 2\nc EOS\nr 2\n"
        ),
        [Some(13), Some(6)]
    );
    assert_eq!(
        followed(&network, "r 2\nx 2 3 0 5 1\na 1 2 0 5 1\n"),
        [Some(6), Some(6), Some(3)]
    );
}

fn lines() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        prop::sample::select(vec![
            "p", "min", "n", "a", "c", "r", "d", "x", "EOI", "-1", "0", "1", "2", "3", "\n", "\n",
            "\n"
        ])
        .prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        ".{0,3}",
    ];
    prop::collection::vec(word, 0..60).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
        let _ = changes::read(&bytes);
    }

    #[test]
    fn what_is_read_is_written_and_solved(text in lines()) {
        let text = format!("p min 3 1\na 1 2 0 3 4\n{text}");
        let network = read(text.as_bytes()).or_else(|_| read(b"p min 3 1\na 1 2 0 3 4\n")).unwrap();
        prop_assert_eq!(&read(write(&network).unwrap().as_bytes()).unwrap(), &network);
        let mut simplex = NetworkSimplex::new(&network).unwrap();
        let mut changer = changes::Changer::new(&network);
        for group in changes::read(&text.as_bytes()[22..]).unwrap_or_default() {
            if changer.apply(&group, &mut simplex).is_ok() {
                simplex.solve(&Limits::default());
                prop_assert_eq!(apportion_models::flow::check(&simplex.network(), &simplex.outcome()), []);
            }
        }
    }
}
