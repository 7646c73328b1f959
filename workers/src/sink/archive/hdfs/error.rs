//! What HDFS' errors mean for the archive. Pure.

use std::fmt::Display;

use hdfs_native::HdfsError;

use super::super::store::StoreError;

/// The NameNode does not answer, or the connection to it broke.
const UNAVAILABLE: &str = "HdfsUnavailable";
/// The NameNode took the request and was silent.
const TIMEOUT: &str = "HdfsTimeout";
/// The NameNode is not the active one.
const STANDBY: &str = "HdfsStandby";
/// The NameNode has only just started.
const STARTING: &str = "HdfsStarting";

/// No connection, or a broken one.
pub fn unavailable(message: impl Display) -> StoreError {
    StoreError::Unavailable {
        reason: UNAVAILABLE,
        message: message.to_string(),
    }
}

/// No answer within so many seconds.
pub fn timeout(seconds: u64) -> StoreError {
    StoreError::Unavailable {
        reason: TIMEOUT,
        message: format!("no answer within {seconds} s; check the NameNode and the network"),
    }
}

/// Whether the other NameNode may be the one to ask.
pub fn is_elsewhere(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Unavailable {
            reason: UNAVAILABLE | TIMEOUT | STANDBY | STARTING,
            ..
        }
    )
}

/// hdfs-native passes most of the NameNode's exceptions on as class and message.
pub fn classify(error: HdfsError) -> StoreError {
    let message = first_line(&error.to_string());
    let passing = |reason| StoreError::Unavailable {
        reason,
        message: message.clone(),
    };
    let refused = |reason| StoreError::Refused {
        reason,
        message: message.clone(),
    };
    match &error {
        HdfsError::FileNotFound(path) => StoreError::NotFound(first_line(path)),
        HdfsError::AlreadyExists(path) => StoreError::AlreadyExists(first_line(path)),
        HdfsError::RPCError(class, text) | HdfsError::FatalRPCError(class, text) => {
            match class.rsplit(['.', '$']).next().unwrap_or_default() {
                "FileNotFoundException" => StoreError::NotFound(first_line(text)),
                "FileAlreadyExistsException" | "AlreadyBeingCreatedException" => {
                    StoreError::AlreadyExists(first_line(text))
                }
                "SafeModeException" => passing("HdfsSafeMode"),
                // Seen while NameNode or DataNodes start: the retriable wrapper hides the safe mode.
                "RetriableException" if text.contains("safe mode") => passing("HdfsSafeMode"),
                "RetriableException" => passing(STARTING),
                "StandbyException" => passing(STANDBY),
                // The unfinished file was taken away, or its lease passed on while no NameNode was active.
                "LeaseExpiredException" => passing("HdfsLeaseLost"),
                _ if text.contains("could only be written to") => passing("HdfsNoDataNode"),
                "AccessControlException" | "AuthorizationException" => refused("HdfsPermissionDenied"),
                "DSQuotaExceededException" | "NSQuotaExceededException" | "QuotaExceededException" => {
                    refused("HdfsQuotaExceeded")
                }
                _ => refused("HdfsRequestFailed"),
            }
        }
        HdfsError::IOError(_) | HdfsError::OperationFailed(_) => passing(UNAVAILABLE),
        // Also of a NameNode that has only just become active and has not heard of the newest blocks.
        HdfsError::DataTransferError(_) | HdfsError::BlocksNotFound(_) | HdfsError::ChecksumError => {
            passing("HdfsDataNodeFailed")
        }
        _ => refused("HdfsRequestFailed"),
    }
}

/// The NameNode's messages go on with its stack trace.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn rpc(class: &str, message: &str) -> HdfsError {
        HdfsError::RPCError(class.to_owned(), message.to_owned())
    }

    #[rstest]
    #[case(rpc("java.io.FileNotFoundException", "x"), "ArchiveFileMissing")]
    #[case(HdfsError::AlreadyExists("x".to_owned()), "ArchiveFileExists")]
    #[case(
        rpc("org.apache.hadoop.hdfs.server.namenode.SafeModeException", "x"),
        "HdfsSafeMode"
    )]
    #[case(rpc("org.apache.hadoop.ipc.StandbyException", "x"), "HdfsStandby")]
    #[case(
        rpc("org.apache.hadoop.ipc.RetriableException", "NameNode still not started"),
        "HdfsStarting"
    )]
    #[case(
        rpc("org.apache.hadoop.hdfs.server.namenode.LeaseExpiredException", "x"),
        "HdfsLeaseLost"
    )]
    #[case(
        rpc("org.apache.hadoop.security.AccessControlException", "x"),
        "HdfsPermissionDenied"
    )]
    #[case(
        rpc(
            "java.io.IOException",
            "File /a could only be written to 0 of the 1 minReplication nodes."
        ),
        "HdfsNoDataNode"
    )]
    #[case(HdfsError::IOError(std::io::ErrorKind::ConnectionRefused.into()), "HdfsUnavailable")]
    fn errors_tell_what_the_lane_waits_for(#[case] error: HdfsError, #[case] reason: &str) {
        assert_eq!(classify(error).reason(), reason);
    }

    #[rstest]
    #[case("org.apache.hadoop.ipc.StandbyException", true)]
    #[case("org.apache.hadoop.ipc.RetriableException", true)]
    // The active one says so: asking the other would only cost time.
    #[case("org.apache.hadoop.hdfs.server.namenode.SafeModeException", false)]
    #[case("org.apache.hadoop.security.AccessControlException", false)]
    fn only_a_name_node_that_is_not_active_sends_to_the_other(#[case] class: &str, #[case] elsewhere: bool) {
        assert_eq!(is_elsewhere(&classify(rpc(class, "x"))), elsewhere);
    }
}
