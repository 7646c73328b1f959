//! What missing trade ids mean under `spec.ingest.gapPolicy`. Pure: it goes over what [`super::data_flow`] has found.

use crds::{spec::GapPolicy, status::DataFlow};

use super::data_flow::{Verdict, replay};

/// Reason of a verdict that nothing but missing ids has made false.
const MISSING: &str = "IdsMissing";
/// Reason of a verdict that nothing is missing.
const FLOWING: &str = "TradesFlow";
/// What is not known then.
const UNCHECKED: &str = "under ingest.gapPolicy None nobody looks for missing trades";

/// The figures, as the policy counts them: without looking for gaps nothing is known to be missing.
pub fn count(flow: Option<DataFlow>, policy: GapPolicy) -> Option<DataFlow> {
    match policy {
        GapPolicy::Strict | GapPolicy::Advisory => flow,
        GapPolicy::None => flow.map(|flow| DataFlow {
            missing_ids: 0,
            ..flow
        }),
    }
}

/// The verdict, as the policy sees it.
pub fn judge(verdict: Verdict, policy: GapPolicy) -> Verdict {
    match (policy, verdict.reason) {
        (GapPolicy::Advisory, MISSING) => Verdict {
            flowing: true,
            reason: "IdsMissingAdvisory",
            message: format!(
                "trades flow; under ingest.gapPolicy Advisory it is only told that {}",
                verdict.message
            ),
            ..verdict
        },
        (GapPolicy::None, FLOWING) => Verdict {
            reason: "TradesFlowUnchecked",
            message: format!("feeds are connected, both lanes run; {UNCHECKED}"),
            ..verdict
        },
        (policy, replay::REPLAYING | replay::FINISHED) => Verdict {
            message: match policy {
                GapPolicy::Strict | GapPolicy::Advisory => format!("{}, none is missing", verdict.message),
                GapPolicy::None => format!("{}; {UNCHECKED}", verdict.message),
            },
            ..verdict
        },
        _ => verdict,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn verdict(flowing: bool, reason: &'static str) -> Verdict {
        Verdict {
            flowing,
            unknown: false,
            reason,
            message: "BTC-USD 106-117 cannot be fetched".to_owned(),
        }
    }

    #[rstest]
    #[case(GapPolicy::Strict, false, "IdsMissing", false, "IdsMissing")]
    #[case(GapPolicy::Advisory, false, "IdsMissing", true, "IdsMissingAdvisory")]
    #[case(GapPolicy::Advisory, false, "FeedDisconnected", false, "FeedDisconnected")]
    #[case(GapPolicy::Advisory, true, "RepairingGaps", true, "RepairingGaps")]
    #[case(GapPolicy::Advisory, true, "TradesFlow", true, "TradesFlow")]
    #[case(GapPolicy::None, false, "FeedDisconnected", false, "FeedDisconnected")]
    #[case(GapPolicy::None, true, "TradesFlow", true, "TradesFlowUnchecked")]
    fn only_a_strict_policy_lets_missing_ids_stop_the_flow(
        #[case] policy: GapPolicy,
        #[case] flowing: bool,
        #[case] reason: &'static str,
        #[case] judged: bool,
        #[case] told: &str,
    ) {
        let verdict = judge(verdict(flowing, reason), policy);
        assert_eq!((verdict.flowing, verdict.reason), (judged, told));
    }

    #[rstest]
    #[case(GapPolicy::Strict, ", none is missing")]
    #[case(GapPolicy::Advisory, ", none is missing")]
    #[case(GapPolicy::None, "nobody looks for missing trades")]
    fn a_replay_is_called_whole_only_where_somebody_looks(#[case] policy: GapPolicy, #[case] end: &str) {
        for reason in [replay::REPLAYING, replay::FINISHED] {
            let told = judge(verdict(true, reason), policy);
            assert_eq!((told.flowing, told.reason), (true, reason));
            assert!(told.message.ends_with(end), "{}", told.message);
        }
    }

    #[test]
    fn an_advisory_verdict_names_the_ids() {
        let told = judge(verdict(false, MISSING), GapPolicy::Advisory).message;
        assert!(told.contains("BTC-USD 106-117"), "{told}");
    }

    #[test]
    fn without_a_look_for_gaps_none_is_counted() {
        let flow = DataFlow {
            missing_ids: 5,
            ingested_trades: 7,
            ..DataFlow::default()
        };
        let missing = |policy| count(Some(flow.clone()), policy).unwrap().missing_ids;
        assert_eq!(
            [GapPolicy::Strict, GapPolicy::Advisory, GapPolicy::None].map(missing),
            [5, 5, 0]
        );
    }
}
