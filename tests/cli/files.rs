//! Files and streams: whole or untouched, and no panic when nobody reads.

use std::io::Write as _;
use std::process::Stdio;

use super::{command, run, workspace};

#[test]
fn a_failed_run_leaves_the_output_as_it_was() {
    let folder = workspace();
    let out = folder.path().join("plan.json");
    std::fs::write(&out, "precious").unwrap();
    std::fs::write(folder.path().join("broken.json"), "{").unwrap();
    run(folder.path(), "plan broken.json -o plan.json").expect(2);
    run(
        folder.path(),
        "apply examples/shop.json broken.json -o plan.json",
    )
    .expect(2);
    run(folder.path(), "import kubernetes broken.json -o plan.json").expect(2);
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "precious");
}

#[test]
fn a_written_file_is_whole_and_nothing_is_left_beside_it() {
    let folder = workspace();
    let before = std::fs::read_dir(folder.path()).unwrap().count();
    std::fs::write(folder.path().join("g.json"), "old").unwrap();
    run(
        folder.path(),
        "generate --agents 5 --jobs 2 --frameworks 1 -o g.json",
    )
    .expect(0);
    let written = std::fs::read_to_string(folder.path().join("g.json")).unwrap();
    assert_eq!(
        written,
        run(folder.path(), "generate --agents 5 --jobs 2 --frameworks 1")
            .expect(0)
            .out
    );
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        before + 1
    );
}

#[test]
fn a_place_that_cannot_be_written_is_told_before_the_work_begins() {
    let folder = workspace();
    let failed = run(
        folder.path(),
        "plan examples/shop.json -o no/such/folder/plan.json",
    )
    .expect(2);
    assert!(failed.err.contains("no/such/folder"), "{}", failed.err);
    assert!(!failed.err.contains("shares"), "{}", failed.err);
    run(folder.path(), "plan examples/shop.json -o examples").expect(2);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_no_panic() {
    let folder = workspace();
    let failed = run(folder.path(), "generate --agents 50 --jobs 20 -o /dev/full").expect(1);
    assert!(failed.err.contains("/dev/full"), "{}", failed.err);
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let words = ["generate", "--agents", "50", "--jobs", "20"];
    let output = command(folder.path())
        .args(words)
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[cfg(unix)]
#[test]
fn links_and_permissions_of_the_output_are_kept() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = workspace();
    let real = folder.path().join("real.json");
    std::fs::write(&real, "old").unwrap();
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real.json", folder.path().join("link.json")).unwrap();
    run(folder.path(), "generate --agents 5 --jobs 2 -o link.json").expect(0);
    assert!(
        std::fs::symlink_metadata(folder.path().join("link.json"))
            .unwrap()
            .is_symlink()
    );
    assert_ne!(std::fs::read_to_string(&real).unwrap(), "old");
    assert_eq!(
        std::fs::metadata(&real).unwrap().permissions().mode() & 0o777,
        0o640
    );
}

#[test]
fn a_reader_that_goes_away_ends_the_run_quietly() {
    let folder = workspace();
    for line in [
        "generate --agents 2000 --jobs 500 --seed 1",
        "plan examples/shop.json --json",
        "plan examples/shop.json",
        "completions bash",
        "--help",
    ] {
        let mut child = command(folder.path())
            .args(line.split_whitespace())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}: {words}");
        assert!(
            !words.contains("error") && !words.contains("panic"),
            "{line}: {words}"
        );
    }
}

#[test]
fn standard_input_and_output_can_be_piped() {
    let folder = workspace();
    let snapshot = std::fs::read(folder.path().join("examples/shop.json")).unwrap();
    let mut child = command(folder.path())
        .args(["plan", "-", "-o", "-", "--quiet", "--no-timings"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&snapshot).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stderr, b"");
    let direct = run(folder.path(), "plan examples/shop.json --json --no-timings").expect(0);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), direct.out);
}
