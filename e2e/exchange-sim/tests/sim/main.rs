//! The simulated exchange, as a client sees it.

#![cfg(test)]

mod client;
mod coinbase;
mod faults;
mod ledger;
mod limits;
mod rest;
mod streams;
