//! The name of what is traded.

use std::{borrow::Borrow, fmt, ops::Deref, str::FromStr};

use serde::Serialize;
use smol_str::SmolStr;

/// Longest symbol in characters, as in the custom resource (`spec.ingest.symbols`).
const MAX_CHARS: usize = 30;

/// Why a text is no symbol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SymbolError {
    /// Nothing, or more than 30 characters.
    #[error("a symbol has 1 to {MAX_CHARS} characters, not {0}")]
    Length(usize),
    /// A character that no symbol has and that keys or stream names would not survive.
    #[error(
        "a symbol has no white space, control character, lower-case ASCII letter, `/` or `@`, but this one has {0:?}"
    )]
    Character(char),
}

/// A symbol in the exchange's upper-case spelling, such as `BTCUSDT`; not always ASCII. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Symbol(SmolStr);

impl Symbol {
    /// The symbol as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Symbol {
    type Err = SymbolError;

    fn from_str(text: &str) -> Result<Self, SymbolError> {
        let refused =
            |c: char| c.is_whitespace() || c.is_control() || c.is_ascii_lowercase() || matches!(c, '/' | '@');
        let nearly_all = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        let mut length = text.len();
        if !text.bytes().all(nearly_all) {
            if let Some(character) = text.chars().find(|character| refused(*character)) {
                return Err(SymbolError::Character(character));
            }
            length = text.chars().count();
        }
        if !(1..=MAX_CHARS).contains(&length) {
            return Err(SymbolError::Length(length));
        }
        Ok(Self(text.into()))
    }
}

impl Deref for Symbol {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Symbol {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("BTCUSDT")]
    #[case("币安人生USDT")]
    #[case("1000SATSUSDT")]
    fn real_symbols_are_accepted(#[case] text: &str) {
        assert_eq!(text.parse::<Symbol>().unwrap().as_str(), text);
    }

    #[rstest]
    #[case("", SymbolError::Length(0))]
    #[case("A234567890123456789012345678901", SymbolError::Length(31))]
    #[case("BTC USDT", SymbolError::Character(' '))]
    #[case("btcusdt", SymbolError::Character('b'))]
    #[case("BTC/USDT", SymbolError::Character('/'))]
    #[case("BTC\u{0}", SymbolError::Character('\u{0}'))]
    fn texts_that_would_break_keys_or_stream_names_are_refused(
        #[case] text: &str,
        #[case] error: SymbolError,
    ) {
        assert_eq!(text.parse::<Symbol>(), Err(error));
    }
}
