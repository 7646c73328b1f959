//! Why a symbol cannot be listed or used.

/// A symbol that cannot be listed or is not.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ExchangeError {
    /// Binance's names are of this form, and Coinbase's with a hyphen.
    #[error("the symbol name `{0}` must be 1 to 20 upper-case ASCII letters, digits and hyphens")]
    BadName(String),
    /// Names are unique.
    #[error("{0} is listed already; choose another name")]
    Listed(String),
    /// The recorded symbol is sent byte for byte, ids included.
    #[error("{0} is the recorded symbol and keeps its recorded ids; leave id-base out")]
    RecordedIds(String),
    /// Nothing would be issued.
    #[error("{0} would issue no trade; repeat must be at least 1 and start-at below the number of trades")]
    NoTrades(String),
    /// Not listed.
    #[error("{0} is not listed; add it first")]
    Unlisted(String),
}

impl ExchangeError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::BadName(_) => "BadSymbolName",
            Self::Listed(_) => "SymbolListed",
            Self::RecordedIds(_) => "RecordedIds",
            Self::NoTrades(_) => "NoTrades",
            Self::Unlisted(_) => "SymbolUnlisted",
        }
    }
}
