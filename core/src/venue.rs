//! The matching core: one symbol's book, in price-time priority. See [`Book`].
//!
//! A library of its own: it knows no hub, feed, symbol, thread, clock or string. Orders have numbers, prices are whole
//! ticks, quantities whole lots, and what happens goes into the caller's [`Sink`], in order, while it happens. Names,
//! money, several symbols and the numbering of trades are the business of whoever owns the book.
//!
//! Hot path: one thread, the caller's. No allocation once every structure has reached its size ([`Book::reserve`]), no
//! lock, no system call.
//!
//! How it lies in memory, outermost first:
//!
//! | File | What | Cost of a look |
//! |---|---|---|
//! | `ids.rs` | id to slot, eight entries a cache line | one line |
//! | `arena.rs` | 32 bytes an order, queues linked through them | one line, and one a neighbour |
//! | `ladder.rs` | 16 bytes a price, 64 prices a page, found by index; the best one is known | one line |
//! | `trie.rs` | the pages in order, walked when the touch leaves a page | ten nodes, rarely |
//! | `live.rs` | what only stops and orders with an instant have | none for others |
//!
//! Invariants: outside auctions the best bid is below the best ask (unless [`Book::restore`] crossed them); orders of
//! one price trade in the order in which they came; no price without orders is kept; a stop that waits in continuous
//! trading has not been reached by any trade. The same commands give the same events.

mod arena;
mod auction;
mod book;
mod event;
mod guards;
mod ids;
mod ladder;
mod live;
mod many;
mod matching;
mod order;
mod stops;
mod trie;
mod view;

pub use book::Book;
pub use event::{Cancel, Event, Reject, Sink};
pub use order::{Kind, Life, NewOrder, PRICE_MAX, PRICE_MIN, Phase, Rules, SelfTrade, Side};
pub use view::{Depth, OrderView};
