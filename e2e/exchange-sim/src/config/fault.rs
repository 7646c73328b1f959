//! What can be made to go wrong, as plain data: the body of `POST /sim/faults`. No I/O.

use serde::{Deserialize, Serialize};

/// One fault. Faults of connections happen at once, faults of trades to the trades issued next, one after the other
/// when several are asked for; faults of REST last until they are taken back by a 0 or run out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Every connection ends without a closing frame.
    Cut,
    /// Every connection stays open, and nothing is read from it or written to it any more.
    HalfOpen,
    /// Every connection is told `serverShutdown` and ends with a closing frame some time later.
    Shutdown {
        /// Milliseconds between the event and the end.
        after_ms: u64,
    },
    /// The next trades of a symbol are sent to nobody. REST serves them.
    Drop {
        /// Its name.
        symbol: String,
        /// How many.
        trades: u64,
    },
    /// The next trades of a symbol are sent twice.
    Duplicate {
        /// Its name.
        symbol: String,
        /// How many.
        trades: u64,
    },
    /// The frames of the next trades of a symbol break off in the middle. REST serves the trades.
    Truncate {
        /// Its name.
        symbol: String,
        /// How many.
        trades: u64,
    },
    /// The next trades of a symbol wait for the last of them, so that trades of other symbols overtake them.
    Hold {
        /// Its name.
        symbol: String,
        /// How many.
        trades: u64,
    },
    /// The next trades of a paced symbol are issued at another rate.
    Burst {
        /// Its name.
        symbol: String,
        /// How many.
        trades: u64,
        /// Trades in a second, at least 1.
        per_second: u32,
    },
    /// The ids of a symbol begin again, and REST forgets the trades before.
    RestartIds {
        /// Its name.
        symbol: String,
        /// Id of the next trade.
        id: u64,
    },
    /// Every answer of REST takes longer.
    SlowRest {
        /// By how many milliseconds; 0 ends it.
        by_ms: u64,
    },
    /// `historicalTrades` does not have a symbol's newest trades yet, as a database that is filled behind the stream.
    RestBehind {
        /// Its name.
        symbol: String,
        /// Milliseconds between a trade's issue and the time when it is there; 0 ends it.
        by_ms: u64,
    },
    /// For some time everything is refused with a `Retry-After`. The first refusal of an address is no fault of the client's;
    /// coming again before the time is over breaks the rule.
    Refuse {
        /// What is refused.
        service: Service,
        /// With which answer.
        with: Refusal,
        /// Milliseconds from now on.
        for_ms: u64,
    },
}

/// A side of the exchange that counts its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// Requests under `/api`.
    Rest,
    /// Handshakes of new stream connections.
    Stream,
}

/// How the exchange says that a client is to stay away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// 429: too many requests.
    Limited,
    /// 418: banned.
    Banned,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(r#"{"fault":"half_open"}"#, Fault::HalfOpen)]
    #[case(r#"{"fault":"drop","symbol":"BTCUSDT","trades":5}"#, Fault::Drop { symbol: "BTCUSDT".to_owned(), trades: 5 })]
    #[case(
        r#"{"fault":"refuse","service":"rest","with":"banned","for_ms":2000}"#,
        Fault::Refuse { service: Service::Rest, with: Refusal::Banned, for_ms: 2000 }
    )]
    fn a_fault_is_one_json_object(#[case] text: &str, #[case] fault: Fault) {
        assert_eq!(serde_json::from_str::<Fault>(text).unwrap(), fault);
        assert_eq!(serde_json::to_string(&fault).unwrap(), text);
    }

    #[rstest::rstest]
    fn what_is_misspelt_is_refused(
        #[values(
            r#"{"fault":"meteor"}"#,
            r#"{"fault":"drop","symbol":"BTCUSDT"}"#,
            r#"{"fault":"slow_rest","by_ms":1,"for_ms":2}"#
        )]
        text: &str,
    ) {
        serde_json::from_str::<Fault>(text).unwrap_err();
    }
}
