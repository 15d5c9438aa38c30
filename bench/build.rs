//! Records what a result must state about the build that made it: commit, compiler, profile.
//!
//! The commit is recorded in release builds only: others are not measured, and need not be rebuilt at every commit.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let profile = variable("PROFILE");
    let compiler = output(&variable("RUSTC"), &["--version"]);
    println!("cargo:rustc-env=ORDO_BUILD_COMPILER={}", compiler.unwrap_or_default());
    println!("cargo:rustc-env=ORDO_BUILD_PROFILE={profile}, opt-level {}", variable("OPT_LEVEL"));
    let commit = if profile == "release" { commit() } else { None };
    println!("cargo:rustc-env=ORDO_BUILD_COMMIT={}", commit.unwrap_or_default());
}

/// The commit that is checked out, with `-dirty` behind it where the measured code has changes beside it.
fn commit() -> Option<String> {
    let log = output("git", &["rev-parse", "--git-path", "logs/HEAD"])?;
    for path in [&*log, "src", "../core", "../journal", "../gateway", "../Cargo.lock"] {
        println!("cargo:rerun-if-changed={path}");
    }
    let hash = output("git", &["rev-parse", "--short=7", "HEAD"])?;
    let changes = output("git", &["status", "--porcelain", "--", ".", "../core", "../journal", "../gateway"])?;
    Some(if changes.is_empty() { hash } else { format!("{hash}-dirty") })
}

/// What a program prints, without the end of its last line; none if it fails.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}
