//! Where a worker's trades come from: an exchange, or files.

use std::sync::Arc;

use crds::{
    spec::Exchange,
    wire::{Endpoints, IngestConfig},
};

use super::ledger::Ledger;
use crate::{
    feed::{
        binance::{BinanceFeed, rest::BinanceRest},
        coinbase::{CoinbaseFeed, rest::CoinbaseRest},
        replay::{Progress, ReplayFeed},
    },
    recording::Recorder,
};

/// A source of trades, and what can be asked beside.
#[derive(Debug)]
pub enum Trades {
    /// Binance's streams, and its REST side.
    Binance(BinanceFeed, Box<BinanceRest>),
    /// Coinbase's matches, and its REST side.
    Coinbase(CoinbaseFeed, Box<CoinbaseRest>),
    /// Files; there is nobody to ask.
    Replay(ReplayFeed<Ledger>),
}

impl Trades {
    /// As configured. A recorder keeps what an exchange sends, `progress` tells how far files are.
    pub fn new(
        config: &IngestConfig,
        recorder: Option<Recorder>,
        ledger: &Arc<Ledger>,
        progress: &Progress,
    ) -> reqwest::Result<Self> {
        if let Some(replay) = &config.replay {
            let feed = ReplayFeed::new(config.exchange, replay.clone(), ledger.clone(), progress.clone());
            return Ok(Self::Replay(feed));
        }
        let (Endpoints { stream, rest }, weight) = (&config.endpoints, config.request_weight_per_minute);
        Ok(match config.exchange {
            Exchange::Binance => Self::Binance(
                BinanceFeed::new(stream).recorder(recorder),
                Box::new(BinanceRest::new(rest, weight)?),
            ),
            Exchange::Coinbase => Self::Coinbase(
                CoinbaseFeed::new(stream).recorder(recorder),
                Box::new(CoinbaseRest::new(rest, weight)?),
            ),
        })
    }
}
