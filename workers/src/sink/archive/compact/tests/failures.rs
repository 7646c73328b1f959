//! A run that is killed, and answers that are lost.

use super::{
    super::super::{memory::Fault, retry::Retrying},
    watched::Shared,
    *,
};

#[rstest]
#[tokio::test]
async fn killed_at_any_change_it_shows_each_row_once_and_the_next_run_finishes(
    #[values(Stop::Before, Stop::After)] stop: Stop,
) {
    let whole = Watched::new(&archive().await, NEVER, stop);
    compact(&whole, "a").await.unwrap();
    assert!(whole.changes() > 15);
    for at in 0..whole.changes() {
        let store = archive().await;
        let killed = Watched::new(&store, at, stop);
        let ended = compact(&killed, "a").await;
        assert!(killed.changes() > at, "{ended:?}");
        let second = Watched::new(&store, NEVER, stop);
        let report = compact(&second, "b").await.unwrap();
        assert!(report.failed.is_empty(), "killed {stop:?} {at}: {report:?}");
        assert_compacted(&store);
    }
}

#[rstest]
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_or_a_refusal_that_passes_is_ridden_out(
    #[values(Fault::AnswerLost, Fault::Refused)] fault: Fault,
) {
    for at in 0..25 {
        let store = failing(fault, at).await;
        let before = rows(&store);
        let inner = Watched::new(&store, NEVER, Stop::After);
        let report = compact(&Arc::new(Retrying::new(Shared(inner))), "a")
            .await
            .unwrap();
        assert!(report.failed.is_empty(), "{fault:?} at {at}: {report:?}");
        assert_compacted(&store);
        assert_eq!(rows(&store), before);
    }
}

/// Whoever meets it gives the hour up, and takes nothing back that has happened.
#[rstest]
#[tokio::test]
async fn a_failure_that_is_not_ridden_out_shows_each_row_once_and_the_next_run_finishes(
    #[values(Fault::AnswerLost, Fault::Refused)] fault: Fault,
) {
    for at in 0..25 {
        let store = failing(fault, at).await;
        // It may not even begin; what matters is what readers see.
        let _ = compact(&Watched::new(&store, NEVER, Stop::After), "a").await;
        store.heal();
        let next = Watched::new(&store, NEVER, Stop::After);
        let report = compact(&next, "b").await.unwrap();
        assert!(report.failed.is_empty(), "{fault:?} at {at}: {report:?}");
        assert_compacted(&store);
    }
}

/// The archive, whose request of this number meets a fault.
async fn failing(fault: Fault, at: usize) -> Arc<MemoryStore> {
    let store = archive().await;
    let mut faults = vec![Fault::None; at];
    faults.insert(0, fault);
    store.fail(faults);
    store
}
