//! Spark reads the archive as the guide says, and finds what others find.

use anyhow::{Context, Result, ensure};
use e2e::{progress::note, stream::Stream, testbed::Testbed};
use k8s_openapi::api::core::v1::ConfigMap;
use tokio::process::Command;

use crate::readers::recorded_is_everywhere;

/// Builds the image where it is missing: Spark comes from Python's registry and weighs 300 MB.
const SPARK: &str = "readers/spark.sh";
/// The hour ends within 10 s.
const SPEED: f64 = 5.0;

/// Types, counts and sums are those of pyarrow and `DuckDB`, the guide's queries answer the same, and a condition on day and hour
/// leaves the files of other hours unread.
pub async fn it_reads_what_others_read(bed: &Testbed) -> Result<()> {
    recorded_is_everywhere(bed).await?;
    let stream = Stream::open_late(&bed.pipeline, &bed.sim, "SPARK", SPEED).await?;
    stream.flow(3_000).await?;
    stream.end_complete().await?;

    let name = bed.pipeline.auditor_config();
    let config: ConfigMap = bed.cluster.api(&bed.pipeline.namespace).get(&name).await?;
    let data = config.data.unwrap_or_default();
    let (key, text) = data
        .first_key_value()
        .with_context(|| format!("{name} is empty"))?;
    let file = std::env::temp_dir().join(format!("{name}-{key}"));
    std::fs::write(&file, text)?;
    let answer = Command::new(e2e::folder().join(SPARK))
        .arg(&file)
        .output()
        .await?;
    let output = String::from_utf8_lossy(&answer.stdout);
    ensure!(
        answer.status.success(),
        "spark.sh failed:\n{output}\n{}",
        String::from_utf8_lossy(&answer.stderr)
    );
    output.lines().for_each(note);
    Ok(())
}
