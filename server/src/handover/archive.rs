//! Files as one archive.

use std::io::{Cursor, Write as _};

use optischema::model::MigrationFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Files as a zip archive, folders of their names among them. They are text, and small: nothing is compressed.
///
/// # Errors
/// Two files of one name.
pub fn archive(files: &[MigrationFile]) -> zip::result::ZipResult<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for file in files {
        archive.start_file(file.name.as_str(), options)?;
        archive.write_all(file.text.as_bytes())?;
    }
    Ok(archive.finish()?.into_inner())
}
