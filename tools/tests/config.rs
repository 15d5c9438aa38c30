//! `ordo config` and what `ordo serve` makes of settings that cannot be.

use std::path::Path;
use std::process::{Command, Output};

use ordo_gateway::config::SETTINGS;

fn ordo(args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ordo"));
    command.args(args).envs(environment.iter().copied()).output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn file(folder: &Path, content: &str) -> String {
    let path = folder.join("hub.toml");
    std::fs::write(&path, content).expect("it is written");
    path.to_str().expect("a path in UTF-8").to_owned()
}

#[test]
fn every_setting_is_told_with_who_said_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = file(folder.path(), "durability = \"async\"\nring_slots = 512\n");
    let args = ["config", "--config", &config, "--set", "ring_slots=1024", "--json"];
    let told = ordo(&args, &[("ORDO_WAIT", "park")]);
    assert!(told.status.success(), "{told:?}");
    let lines = text(&told.stdout);
    assert_eq!(lines.lines().count(), SETTINGS.len());
    for wanted in [
        r#"{"key":"ring_slots","value":"1024","unit":"slots","default":"2048","range":"a power of two, 64 to 65536","origin":"command line","#,
        r#"{"key":"durability","value":"async","unit":"word","default":"sync","range":"sync-each, sync, async","origin":"file","#,
        r#"{"key":"wait","value":"park","unit":"word","default":"yield","range":"park, yield, busy","origin":"environment","#,
        r#"{"key":"listen","value":"127.0.0.1:8700","unit":"address:port","default":"127.0.0.1:8700","#,
    ] {
        assert!(lines.lines().any(|line| line.starts_with(wanted)), "{wanted}\nnot in\n{lines}");
    }
    let piped = text(&ordo(&["config"], &[]).stdout);
    assert!(piped.starts_with("key,value,unit,default,range,origin,meaning,cost_up,cost_down\n"), "{piped}");
}

#[test]
fn a_check_says_in_a_line_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let check = |content: &str| {
        let checked = ordo(&["config", "--check", &file(folder.path(), content)], &[]);
        (checked.status.code(), text(&checked.stdout), text(&checked.stderr))
    };
    let (code, out, err) = check(
        "wait = \"busy\"\n[[threads]]\nstages = [\"receiver\", \"publisher\"]\n\
                                  [[threads]]\nstages = [\"journal\", \"engine\"]\ncore = 1\n",
    );
    assert!(code == Some(0) && out.ends_with("hub.toml: good\n") && err.is_empty(), "{code:?} {out} {err}");
    for (content, why) in [
        ("durabilty = \"sync\"\n", "unknown setting 'durabilty'; is it 'durability'?"),
        ("ring_slots = 1000\n", "a power of two, 64 to 65536"),
        ("layout = \"receiver\"\n", "the stage journal is on no thread"),
        ("message_bytes_max = 16777216\n", "must fit"),
        ("wait = \"park\"\nring_slots = \n", "hub.toml: line 2: "),
    ] {
        let (code, out, err) = check(content);
        assert!(code == Some(1) && out.is_empty(), "{content}: {code:?} {out}");
        assert!(err.contains(why) && err.lines().count() == 1, "{content}: {err}");
    }
}

#[test]
fn what_a_hub_would_warn_of_is_said() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let checked = ordo(&["config", "--check", &file(folder.path(), "tail_dir = \"/nonexist\"\n")], &[]);
    assert!(checked.status.success(), "it starts all the same");
    let said = text(&checked.stderr);
    assert!(said.starts_with("warning: tail_dir = '/nonexist': ") && said.lines().count() == 1, "{said}");
    let variables = [("ORDO_DURABILTY", "async"), ("ORDO_TOKEN", "t"), ("ORDO_TEST_X", "1")];
    let told = ordo(&["config"], &variables);
    assert!(told.status.success());
    let said = text(&told.stderr);
    assert!(said.starts_with("warning: ORDO_DURABILTY ") && said.contains("is it ORDO_DURABILITY?"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    // And where it starts: that it cannot listen ends it.
    let data = folder.path().join("data");
    let args = ["serve", "--data", data.to_str().expect("UTF-8"), "--listen", "192.0.2.1:1"];
    let started = ordo(&args, &[("ORDO_DURABILTY", "async"), ("ORDO_SEGMENT_BYTES", "2097152")]);
    assert!(!started.status.success());
    assert!(text(&started.stderr).contains("is it ORDO_DURABILITY?"), "{}", text(&started.stderr));
}

#[test]
fn a_hub_does_not_start_with_settings_that_cannot_be() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let serve = |more: &[&str]| {
        let args = ["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().expect("a path in UTF-8")];
        let refused = ordo(&[&args[..], more].concat(), &[]);
        (refused.status.code(), text(&refused.stderr))
    };
    let (code, err) = serve(&["--set", "ring_slotz=64"]);
    assert!(code == Some(2) && err.contains("is it 'ring_slots'?"), "{code:?} {err}");
    let (code, err) = serve(&["--config", &file(folder.path(), "colour = \"blue\"\n")]);
    assert!(code == Some(1) && err.contains("unknown setting 'colour'"), "{code:?} {err}");
    let (code, err) = serve(&["--set", "message_bytes_max=8388608"]);
    assert!(code == Some(1) && err.contains("must fit"), "{code:?} {err}");
    assert!(!data.exists(), "nothing was made");
}
