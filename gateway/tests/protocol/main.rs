//! The streaming contract, from outside: what is said, in which order, with which codes; and what is survived.

#![allow(clippy::disallowed_methods)]

mod admission;
mod feed_view;
mod feeds;
mod folded;
mod frames;
mod hostile;
mod load;
mod many_subscriptions;
mod metadata;
mod requests;
mod slow_subscriber;
mod subscriptions;
mod time;
mod unreadable;
