//! Several Parquet files as one: their row groups are copied as they are.

use std::io::Write;
use std::sync::Arc;

use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};
use parquet::file::reader::ChunkReader;
use parquet::file::writer::SerializedFileWriter;
use trailbook_query::Error;

use super::{Rows, failed, properties, schema};

/// Joins whole files that a [`Writer`](super::Writer) made, in order, into one. Nothing is decoded, and of each file
/// only what describes its row groups is held.
pub(crate) fn join<R: ChunkReader, W: Write + Send>(parts: impl IntoIterator<Item = R>, out: W) -> Result<W, Error> {
    let schema = schema(&Rows::new())?;
    let mut whole = SerializedFileWriter::new(out, Arc::clone(&schema), properties()).map_err(failed)?;
    for part in parts {
        let metadata = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
        let metadata = metadata.parse_and_finish(&part).map_err(failed)?;
        if *metadata.file_metadata().schema() != *schema {
            return Err(Error::Failed("joining Parquet: a part has other columns".to_owned()));
        }
        let indexes = metadata.page_index();
        for (number, group) in metadata.row_groups().iter().enumerate() {
            let mut copied = whole.next_row_group().map_err(failed)?;
            for (at, column) in group.columns().iter().enumerate() {
                let closed = ColumnCloseResult {
                    bytes_written: u64::try_from(column.compressed_size()).unwrap_or_default(),
                    rows_written: u64::try_from(group.num_rows()).unwrap_or_default(),
                    metadata: column.clone(),
                    bloom_filter: None,
                    column_index: indexes.and_then(|index| index.column_index(number, at)).cloned(),
                    offset_index: indexes.and_then(|index| index.offset_index(number, at)).cloned(),
                };
                copied.append_column(&part, closed).map_err(failed)?;
            }
            copied.close().map_err(failed)?;
        }
    }
    whole.into_inner().map_err(failed)
}
