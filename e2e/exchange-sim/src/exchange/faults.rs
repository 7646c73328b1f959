//! What a fault does to the exchange.

use std::{net::IpAddr, time::Duration};

use super::{Exchange, ExchangeError};
use crate::{
    config::{Fault, Refusal, Service},
    market::mishaps::Mishap,
    rules::refusals::{Refusals, Refused},
    sync::lock,
    ws::outlet::Order,
};

/// The faults that last until they are taken back or run out.
#[derive(Debug, Default)]
pub(super) struct Standing {
    rest_delay: Duration,
    rest: Refusals,
    stream: Refusals,
}

impl Standing {
    /// Whether an address is refused; `None` while nobody is.
    pub fn refuse(&mut self, service: Service, ip: IpAddr, now: Duration) -> Option<Refused> {
        self.of(service).ask(ip, now)
    }

    fn of(&mut self, service: Service) -> &mut Refusals {
        match service {
            Service::Rest => &mut self.rest,
            Service::Stream => &mut self.stream,
        }
    }
}

impl Exchange {
    /// Lets a fault happen. Only a symbol that is not listed is an error.
    pub fn inflict(&self, fault: Fault) -> Result<(), ExchangeError> {
        tracing::info!(?fault, "a fault is asked for");
        let befall =
            |symbol: &str, mishap, trades| self.listed(symbol).map(|symbol| symbol.befall(mishap, trades));
        match fault {
            Fault::Cut => self.tell_all(Order::Cut),
            Fault::HalfOpen => self.tell_all(Order::FallSilent),
            Fault::Shutdown { after_ms } => self.tell_all(Order::ShutDown(millis(after_ms))),
            Fault::Drop { symbol, trades } => befall(&symbol, Mishap::Drop, trades)?,
            Fault::Duplicate { symbol, trades } => befall(&symbol, Mishap::Duplicate, trades)?,
            Fault::Truncate { symbol, trades } => befall(&symbol, Mishap::Truncate, trades)?,
            Fault::Hold { symbol, trades } => befall(&symbol, Mishap::Hold, trades)?,
            Fault::Burst {
                symbol,
                trades,
                per_second,
            } => self.listed(&symbol)?.burst(trades, per_second),
            Fault::RestartIds { symbol, id } => self.listed(&symbol)?.restart_ids(id),
            Fault::SlowRest { by_ms } => lock(&self.standing).rest_delay = millis(by_ms),
            Fault::RestBehind { symbol, by_ms } => self.listed(&symbol)?.set_lag(millis(by_ms)),
            Fault::Refuse {
                service,
                with,
                for_ms,
            } => self.refuse(service, with, millis(for_ms)),
        }
        Ok(())
    }

    /// How much longer every answer of REST takes.
    pub fn rest_delay(&self) -> Duration {
        lock(&self.standing).rest_delay
    }

    fn refuse(&self, service: Service, with: Refusal, time: Duration) {
        let until = self.now() + time;
        lock(&self.standing).of(service).begin(with, until);
    }
}

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}
