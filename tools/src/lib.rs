//! The parts of the program `ordo` that tests and benches use too: the recorded order flow.

pub mod flow;
