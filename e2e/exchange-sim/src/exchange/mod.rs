//! The exchange's shared state: symbols, connections, addresses and the log of broken rules.

mod connections;
mod error;
mod faults;

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::error::ExchangeError;
use self::{connections::Connections, faults::Standing};
use crate::{
    config::{Limits, Service, SymbolSpec},
    ledger::{Ledger, Violation, ViolationLog, ViolationRecord},
    market::{clock, recording::Recording, series::Series, symbol::Symbol},
    rest::error::ApiError,
    rules::ip::{Admission, IpLimits},
    sync::lock,
};

/// See the module.
#[derive(Debug)]
pub struct Exchange {
    /// The rules.
    pub limits: Limits,
    /// Cancelled when the exchange stops.
    pub stop: CancellationToken,
    recording: Arc<Recording>,
    epoch: (Duration, Instant),
    symbols: Mutex<BTreeMap<String, Arc<Symbol>>>,
    connections: Mutex<Connections>,
    addresses: Mutex<HashMap<IpAddr, IpLimits>>,
    standing: Mutex<Standing>,
    violations: Mutex<ViolationLog>,
}

impl Exchange {
    /// An exchange that lists nothing yet.
    pub fn new(limits: Limits, recording: Recording) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            limits,
            stop: CancellationToken::new(),
            recording: Arc::new(recording),
            epoch: (since_epoch, Instant::now()),
            symbols: Mutex::default(),
            connections: Mutex::default(),
            addresses: Mutex::default(),
            standing: Mutex::default(),
            violations: Mutex::default(),
        }
    }

    /// Time since the Unix epoch, never going back.
    pub fn now(&self) -> Duration {
        self.epoch.0 + self.epoch.1.elapsed()
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.now().as_millis()).unwrap_or(u64::MAX)
    }

    /// Lists a symbol and sets its clock up. Needs a tokio runtime.
    pub fn list(&self, spec: SymbolSpec) -> Result<(), ExchangeError> {
        let name = spec.name.clone();
        let valid = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > 20 || !name.bytes().all(valid) {
            return Err(ExchangeError::BadName(name));
        }
        let recording = self.recording.clone();
        let series = match (name == recording.symbol, spec.id_base) {
            (true, Some(_)) => return Err(ExchangeError::RecordedIds(name)),
            (true, None) => Series::recorded(recording, spec.repeat),
            (false, id_base) => Series::derived(recording, &name, id_base.unwrap_or(1), spec.repeat),
        };
        if spec.start_at >= series.len() {
            return Err(ExchangeError::NoTrades(name));
        }
        let symbol = Arc::new(Symbol::new(spec, series));
        {
            let mut symbols = lock(&self.symbols);
            if symbols.contains_key(&name) {
                return Err(ExchangeError::Listed(name));
            }
            symbols.insert(name, symbol.clone());
        }
        // Some may have subscribed before there was such a symbol.
        let stream = symbol.stream();
        for (id, live) in &lock(&self.connections).live {
            if live.streams.contains(&stream) && symbol.is_product() == live.products {
                symbol.subscribe(*id, live.outlet.clone());
            }
        }
        let stop = self.stop.clone();
        tokio::spawn(async move { stop.run_until_cancelled(clock::run(symbol)).await });
        Ok(())
    }

    /// The listed symbol of this name.
    pub fn symbol(&self, name: &str) -> Option<Arc<Symbol>> {
        lock(&self.symbols).get(name).cloned()
    }

    /// The listed symbols of one side, by name: Coinbase's products or Binance's symbols.
    pub fn listings(&self, products: bool) -> Vec<Arc<Symbol>> {
        let mut listings = self.symbols();
        listings.retain(|symbol| symbol.is_product() == products);
        listings
    }

    /// All listed symbols, by name.
    pub fn symbols(&self) -> Vec<Arc<Symbol>> {
        lock(&self.symbols).values().cloned().collect()
    }

    /// The symbol whose trades this stream carries.
    fn symbol_of(&self, stream: &str) -> Option<Arc<Symbol>> {
        let symbol = self.symbol(&stream.strip_suffix("@trade")?.to_ascii_uppercase())?;
        // Stream names are lower case; the exchange keeps silent on any other form.
        (symbol.stream() == stream).then_some(symbol)
    }

    /// Starts the clock of a symbol.
    pub fn start(&self, name: &str) -> Result<(), ExchangeError> {
        self.listed(name).map(|symbol| symbol.start())
    }

    /// Ends the series of a symbol with the trades issued so far.
    pub fn stop(&self, name: &str) -> Result<(), ExchangeError> {
        self.listed(name).map(|symbol| symbol.stop())
    }

    /// Sends `text` to all connections of a symbol and returns their number.
    pub fn inject(&self, name: &str, text: &str) -> Result<usize, ExchangeError> {
        self.listed(name).map(|symbol| symbol.inject(text))
    }

    fn listed(&self, name: &str) -> Result<Arc<Symbol>, ExchangeError> {
        self.symbol(name)
            .ok_or_else(|| ExchangeError::Unlisted(name.to_owned()))
    }

    /// Asks the limits of an address; what they refuse is recorded as a broken rule.
    pub fn admit(
        &self,
        ip: IpAddr,
        service: Service,
        ask: impl FnOnce(&mut IpLimits, Duration) -> Admission,
    ) -> Result<(), ApiError> {
        let now = self.now();
        let refused = lock(&self.standing).refuse(service, ip, now);
        if let Some(refused) = refused {
            return self.judge(ip, service, now, refused.admission, refused.told);
        }
        let admission = {
            let mut addresses = lock(&self.addresses);
            ask(
                addresses.entry(ip).or_insert_with(|| IpLimits::new(&self.limits)),
                now,
            )
        };
        self.judge(ip, service, now, admission, true)
    }

    /// What an admission means. A refusal that the client is to blame for is recorded.
    fn judge(
        &self,
        ip: IpAddr,
        service: Service,
        now: Duration,
        admission: Admission,
        blamed: bool,
    ) -> Result<(), ApiError> {
        let rule = match (admission, service) {
            (Admission::Banned(_), _) => Violation::RequestWhileBanned,
            (_, Service::Rest) => Violation::RequestWeight,
            (_, Service::Stream) => Violation::ConnectionAttempts,
        };
        match admission {
            Admission::Granted => Ok(()),
            Admission::Limited(retry_after) => {
                if blamed {
                    self.violation(
                        ip,
                        rule,
                        &format!("to be tried again in {} s", retry_after.as_secs()),
                    );
                }
                Err(ApiError::Limited {
                    limit: self.limits.weight_per_minute,
                    retry_after,
                })
            }
            Admission::Banned(retry_after) => {
                if blamed {
                    self.violation(ip, rule, "banned for not backing off");
                }
                Err(ApiError::Banned {
                    until: now + retry_after,
                    retry_after,
                })
            }
        }
    }

    /// Records a broken rule.
    pub fn violation(&self, ip: IpAddr, violation: Violation, detail: &str) {
        tracing::warn!(%ip, ?violation, detail, "a client broke a rule");
        let record = ViolationRecord {
            time: self.now_ms(),
            ip: ip.to_string(),
            violation,
            detail: detail.to_owned(),
        };
        lock(&self.violations).record(record);
    }

    /// Everything that is known, at one moment per symbol.
    pub fn ledger(&self) -> Ledger {
        let symbols = self
            .symbols()
            .iter()
            .map(|symbol| (symbol.name().to_owned(), symbol.ledger()))
            .collect();
        let (connections, connections_opened) = {
            let connections = lock(&self.connections);
            (connections.live.len(), connections.opened)
        };
        let violations = lock(&self.violations);
        Ledger {
            symbols,
            connections,
            connections_opened,
            violations: violations.counts.clone(),
            recent_violations: violations.recent.clone(),
        }
    }
}
