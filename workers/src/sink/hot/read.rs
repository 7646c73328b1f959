//! Trades of a window out of the table `trades`.

use futures::TryStreamExt;
use scylla::{client::session::Session, statement::prepared::PreparedStatement, value::CqlDecimal};

use super::{
    HotError, number,
    row::{HOUR_US, timestamp},
};
use crate::model::{Fill, Window};

/// `trade_id`, `price`, `quantity`, `buyer_is_maker`.
type Row = (i64, CqlDecimal, CqlDecimal, bool);

/// Hands over the trades of a window, page by page and hour by hour.
pub async fn trades(
    session: &Session,
    select: &PreparedStatement,
    window: &Window,
    mut take: impl FnMut(Fill) + Send,
) -> Result<(), HotError> {
    let (from, until) = (timestamp(window.open_us), timestamp(window.end_us()));
    let mut bucket_us = window.open_us.div_euclid(HOUR_US) * HOUR_US;
    while bucket_us < window.end_us() {
        let key = (
            window.exchange.as_str(),
            window.symbol.as_str(),
            timestamp(bucket_us),
            from,
            until,
        );
        let pages = session.execute_iter(select.clone(), key).await?;
        let mut rows = pages.rows_stream::<Row>().map_err(mismatch)?;
        while let Some(row) = rows.try_next().await? {
            take(fill(&row).ok_or_else(|| mismatch("a price or quantity of `trades` has another scale"))?);
        }
        bucket_us += HOUR_US;
    }
    Ok(())
}

fn fill((trade_id, price, quantity, buyer_is_maker): &Row) -> Option<Fill> {
    Some(Fill {
        trade_id: trade_id.cast_unsigned(),
        price: number::read(price)?,
        quantity: number::read(quantity)?,
        buyer_is_maker: *buyer_is_maker,
    })
}

fn mismatch(error: impl ToString) -> HotError {
    HotError::new("CassandraSchemaMismatch", error)
}
