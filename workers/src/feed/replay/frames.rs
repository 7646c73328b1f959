//! Reads frames without a connection, in the words of the exchange that sent them. No I/O.

use bytes::Bytes;
use crds::spec::Exchange;
use tokio::time::Instant;

use crate::feed::{
    binance, coinbase,
    stream::{Talk, Told},
};

/// Reads the frames of one exchange as its live feed does.
pub struct Frames(Box<dyn FnMut(&Bytes) -> Told + Send>);

impl Frames {
    /// Of this exchange.
    pub fn of(exchange: Exchange) -> Self {
        match exchange {
            Exchange::Binance => Self::heard_by::<binance::Subscription>(),
            Exchange::Coinbase => Self::heard_by::<coinbase::Subscription>(),
        }
    }

    /// One side of the talk, which has asked for nothing: what it hears of subscriptions means nothing to it.
    fn heard_by<T: Talk>() -> Self {
        let mut talk = T::default();
        Self(Box::new(move |frame| talk.read(frame, Instant::now())))
    }

    /// What a frame tells.
    pub fn read(&mut self, frame: &Bytes) -> Told {
        (self.0)(frame)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const BINANCE: &str = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1610064000278,"s":"BTCUSDT","t":553287559,"p":"39432.48000000","q":"0.00026300","T":1610064000278,"m":true,"M":true}}"#;
    const COINBASE: &str = r#"{"type":"match","trade_id":553287559,"product_id":"BTC-USD","size":"0.000263","price":"39432.48","side":"buy","time":"2021-01-08T00:00:00.278Z"}"#;

    #[rstest]
    #[case(Exchange::Binance, BINANCE, "BTCUSDT")]
    #[case(Exchange::Coinbase, COINBASE, "BTC-USD")]
    fn a_recorded_frame_is_read_as_its_exchange_does(
        #[case] exchange: Exchange,
        #[case] frame: &'static str,
        #[case] symbol: &str,
    ) {
        let Told::Trade(_, trade) = Frames::of(exchange).read(&Bytes::from_static(frame.as_bytes())) else {
            panic!("{frame}")
        };
        assert_eq!((trade.symbol.as_str(), trade.trade_id), (symbol, 553_287_559));
    }

    #[rstest]
    #[case(Exchange::Binance, r#"{"result":null,"id":3}"#)]
    #[case(
        Exchange::Coinbase,
        r#"{"type":"subscriptions","channels":[{"name":"matches","product_ids":["BTC-USD"]}]}"#
    )]
    fn an_answer_to_somebody_else_tells_nothing(#[case] exchange: Exchange, #[case] frame: &'static str) {
        let told = Frames::of(exchange).read(&Bytes::from_static(frame.as_bytes()));
        assert!(matches!(told, Told::Nothing), "{told:?}");
    }
}
