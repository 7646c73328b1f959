//! Originals out, the merged file in: at every moment each row is in exactly one file that readers see.
//!
//! The originals become one file by `concat`, to which a footer is appended that describes them all at their new places.
//! That file holds the same bytes under the name of a new, empty one; the sorted file then takes its place. Either step
//! is one change of the NameNode's. Whatever is repeated after a lost answer finds its file gone, and then looks at what
//! is there: every name is used once, and every file says which run made it.

use bytes::Bytes;

use super::{
    super::{layout::Hour, store::StoreError},
    CompactError, FOLDER,
    files::Prepared,
    plan,
    store::SwapStore,
};

/// Two files of one run that agree in so many last bytes, and in length, are the same.
const TAIL_BYTES: u64 = 64 * 1024;

/// One merge on its way into the archive.
pub struct Swap<'a, S> {
    /// The archive.
    pub store: &'a S,
    /// Name of the run.
    pub run: &'a str,
    /// Number of the merge in the run.
    pub number: usize,
    /// Whose files.
    pub hour: Hour,
}

impl<S: SwapStore> Swap<'_, S> {
    /// Puts the merged file in the place of the originals; returns its name.
    pub async fn many(&self, originals: &[String], prepared: &Prepared) -> Result<String, CompactError> {
        let merged = self.written("merged", &prepared.merged).await?;
        let target = plan::compacted_path(self.hour, self.run, self.number);
        let footer = plan::footer_path(self.hour, self.run, self.number);
        let (unplaced_target, unplaced_footer) = (
            self.written("target", &prepared.target).await?,
            self.written("footer", &prepared.footer).await?,
        );
        self.place(&unplaced_footer, &footer, &prepared.footer).await?;
        // From here on readers see an empty file more.
        self.place(&unplaced_target, &target, &prepared.target).await?;
        if let Err(error) = self.join(originals, &target, &footer, &prepared.footer).await {
            self.withdraw(&target, &footer, &prepared.target).await;
            return Err(error.into());
        }
        self.replace(&merged, &target, &prepared.merged).await?;
        Ok(target)
    }

    /// Puts the merged file in the place of the one that it was made from, which no writer ever names.
    pub async fn one(&self, original: &str, prepared: &Prepared) -> Result<(), CompactError> {
        let merged = self.written("merged", &prepared.merged).await?;
        Ok(self.replace(&merged, original, &prepared.merged).await?)
    }

    /// Writes a file where no reader looks, and reads it back.
    async fn written(&self, name: &str, bytes: &Bytes) -> Result<String, CompactError> {
        let path = format!("{FOLDER}/{}/{}-{name}.parquet", self.run, self.number);
        self.store.write_within(&path, bytes.clone()).await?;
        if self.store.read_tail(&path, u64::MAX).await?.bytes != *bytes {
            return Err(CompactError::Differs);
        }
        Ok(path)
    }

    async fn place(&self, from: &str, to: &str, bytes: &Bytes) -> Result<(), StoreError> {
        match self.store.rename(from, to).await {
            Err(error @ (StoreError::NotFound(_) | StoreError::AlreadyExists(_))) => {
                self.or(error, to, bytes).await
            }
            answer => answer,
        }
    }

    async fn join(
        &self,
        originals: &[String],
        target: &str,
        footer: &str,
        bytes: &Bytes,
    ) -> Result<(), StoreError> {
        let mut sources = originals.to_vec();
        sources.push(footer.to_owned());
        match self.store.concat(target, &sources).await {
            Err(error @ StoreError::NotFound(_)) => {
                let tail = self.store.read_tail(target, bytes.len() as u64).await?;
                if tail.bytes == *bytes { Ok(()) } else { Err(error) }
            }
            answer => answer,
        }
    }

    async fn replace(&self, from: &str, to: &str, bytes: &Bytes) -> Result<(), StoreError> {
        match self.store.replace(from, to).await {
            Err(error @ StoreError::NotFound(_)) => self.or(error, to, bytes).await,
            answer => answer,
        }
    }

    /// Success when the file is there already, the error otherwise.
    async fn or(&self, error: StoreError, path: &str, bytes: &Bytes) -> Result<(), StoreError> {
        let tail = self.store.read_tail(path, TAIL_BYTES).await?;
        let same = tail.file_length == bytes.len() as u64 && bytes.ends_with(&tail.bytes);
        if same { Ok(()) } else { Err(error) }
    }

    /// Takes back what readers see of a merge that failed. Without its footer a request that is still on its way can no
    /// longer happen; only then is it safe to look whether the target is still empty, and to delete it. What stays is
    /// merged by the next run.
    async fn withdraw(&self, target: &str, footer: &str, empty: &Bytes) {
        let withdrawn = async {
            self.store.delete(footer).await?;
            if self.store.read_tail(target, 0).await?.file_length == empty.len() as u64 {
                self.store.delete(target).await?;
            }
            Ok::<_, StoreError>(())
        };
        if let Err(error) = withdrawn.await {
            tracing::warn!(reason = error.reason(), %error, target, "an empty file stays until the next run");
        }
    }
}
