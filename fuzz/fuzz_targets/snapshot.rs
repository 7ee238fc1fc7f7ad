//! Whatever the bytes are: reading ends in a value, refusals have short messages, and what is accepted
//! is read back the same from what is written.
#![no_main]

use apportion::snapshot::{digest, parse, read, to_json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match read(bytes) {
        Err(faults) => {
            assert!(!faults.0.is_empty());
            assert!(faults.0.iter().all(|fault| fault.to_string().len() < 2_000));
        }
        Ok(cluster) => {
            let file = parse(bytes).expect("what is read can be parsed");
            assert_eq!(digest(&file), cluster.digest);
            assert_eq!(read(to_json(&file).as_bytes()).as_ref(), Ok(&cluster));
            let _ = apportion::lint::lint_cluster(&file, &cluster);
        }
    }
});
