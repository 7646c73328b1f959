//! Opens a file as lines, however it is packed.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;

use super::zip;
use crate::recording::shelf;

/// Of each open file; there may be as many as symbols.
const BUFFER: usize = 32 * 1024;

/// The unpacked contents.
pub type Lines = Box<dyn BufRead + Send>;

/// Opens it by the ending of its name.
pub fn open(path: &Path) -> io::Result<Lines> {
    let packed = BufReader::with_capacity(BUFFER, File::open(path)?);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(if name.ends_with(shelf::CLOSED) || name.ends_with(shelf::OPEN) {
        Box::new(BufReader::with_capacity(
            BUFFER,
            zstd::Decoder::with_buffer(packed)?,
        ))
    } else if name.ends_with(".gz") {
        Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(packed)))
    } else if name.ends_with(".zip") {
        Box::new(BufReader::with_capacity(BUFFER, zip::first_entry(packed)?))
    } else {
        Box::new(packed)
    })
}
