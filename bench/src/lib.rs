//! Load generators, measurements and reports. Every figure stands beside a floor or a peer of the same run.

pub mod conditions;
pub mod echo;
pub mod floors;
pub mod flow;
pub mod history;
mod html;
pub mod ingest;
pub mod large;
pub mod latency;
pub mod load;
pub mod matching;
pub mod pages;
pub mod parts;
pub mod raw;
pub mod report;
pub mod rest;
pub mod slow;
