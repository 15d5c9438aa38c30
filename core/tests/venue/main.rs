//! The matching core: by hand-made shapes, and against a naive twin over random commands.

mod auction;
mod commands;
mod ledger;
mod naive;
mod random;
mod rules;
mod self_trade;
mod shapes;
mod stops;
mod text;
