//! Build script: from `proto/*.proto` to Rust, with no protoc installed (protox compiles the descriptors).
//!
//! Three outputs, one descriptor set: prost types for the cold shapes, descriptor tables for the JSON transcoder,
//! and the flat decoder of the hot messages.

mod carried;
mod hot;
mod tables;

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=build");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let files = ["streaming.proto", "model.proto"];
    let descriptors = protox::compile(files, [Path::new("proto")]).expect("proto/*.proto compile");
    tables::write_descriptors(&descriptors, &out);
    let descriptors = carried::with_carried_numbers(descriptors);
    tables::write_prost(&descriptors, &out);
    tables::write_tables(&descriptors, &out);
    hot::write_decoder(&descriptors, &out);
}
