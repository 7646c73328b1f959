//! Failures that pass by themselves are waited out below the lane.

use super::*;
use crate::sink::archive::{memory::Fault, retry::Retrying};

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let fault = prop_oneof![8 => Just(Fault::None), 1 => Just(Fault::Refused), 2 => Just(Fault::AnswerLost)];
    // Even if all of them came in a row, the pauses between so many attempts would be within the minute.
    prop::collection::vec(fault, 0..30)
}

proptest! {
    #[test]
    fn no_failure_that_passes_within_a_minute_reaches_the_lane(
        sent in sent(&["BTCUSDT", "ETHUSDT"]),
        faults in faults(),
        rows in 1_u64..8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let store = Arc::new(Retrying::new(MemoryStore::with_faults(faults)));
        let reading = sent.len() * 20 + 600;
        let waited_out = async {
            for _ in 0..reading {
                tokio::time::advance(Duration::from_millis(100)).await;
            }
        };
        let log = log(sent.iter().map(value));
        let retries = runtime.block_on(archive_until(waited_out, &store, &log, rows));
        prop_assert_eq!(retries, 0);
        assert_complete(store.inner(), &sent);
    }
}
