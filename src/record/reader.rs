//! Reading single records of a journal again, by their positions.

use std::collections::VecDeque;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;

use super::atomic::at;
use super::disk::DiskFile;
use super::line::checked;
use super::recover::segment_files;
use super::scan::scan;
use super::{Position, Record, Recovered, RunFolder};
use crate::ids::TaskIndex;

/// So many segments are open at a time: a run that was resumed a thousand times has a thousand.
const MOST_OPEN: usize = 16;

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system said no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is no valid record, though there was one when the journal was recovered.
    #[error("the journal has changed: {}, byte {offset}: no valid record here any more", path.display())]
    Changed {
        /// The segment's file.
        path: PathBuf,
        /// Bytes before the place.
        offset: u64,
    },
    /// A valid record that this version cannot read.
    #[error("failed to read {}, byte {offset}: {what}", path.display())]
    Unreadable {
        /// The segment's file.
        path: PathBuf,
        /// Bytes before it.
        offset: u64,
        /// What is wrong.
        what: String,
    },
}

/// Reads records at positions, in any order.
#[derive(Debug)]
pub struct Reader {
    folder: RunFolder,
    paths: Vec<PathBuf>,
    open: VecDeque<(u16, Box<dyn DiskFile>)>,
    line: Vec<u8>,
}

impl Reader {
    /// A reader of the journal that `recovered` was read from.
    pub fn new(folder: &RunFolder, recovered: &Recovered) -> Reader {
        let journal = folder.journal();
        Reader {
            folder: folder.clone(),
            paths: recovered
                .segments()
                .iter()
                .map(|segment| journal.join(&segment.name))
                .collect(),
            open: VecDeque::new(),
            line: Vec::new(),
        }
    }

    /// The record at `position`.
    ///
    /// # Errors
    ///
    /// [`ReadError`]; [`ReadError::Changed`] also for a position of another journal.
    pub fn record(&mut self, position: Position) -> Result<Record, ReadError> {
        let path = self.path(position.segment);
        let offset = position.offset;
        let body = self.body(position)?;
        parse(body, path, offset)
    }

    /// The checked bytes of the record at `position`.
    pub(super) fn body(&mut self, position: Position) -> Result<&[u8], ReadError> {
        let path = self.path(position.segment);
        let mut line = std::mem::take(&mut self.line);
        line.resize(position.length as usize, 0);
        let file = self.file(position.segment)?;
        let read = file
            .seek(position.offset)
            .and_then(|()| file.read_exact(&mut line));
        self.line = line;
        match read {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                let offset = position.offset;
                return Err(ReadError::Changed { path, offset });
            }
            Err(error) => return Err(at("read", &path, error).into()),
        }
        self.line
            .strip_suffix(b"\n")
            .and_then(checked)
            .ok_or(ReadError::Changed {
                path,
                offset: position.offset,
            })
    }

    fn path(&self, segment: u16) -> PathBuf {
        self.paths
            .get(usize::from(segment))
            .cloned()
            .unwrap_or_default()
    }

    fn file(&mut self, segment: u16) -> Result<&mut Box<dyn DiskFile>, ReadError> {
        match self.open.iter().position(|(number, _)| *number == segment) {
            Some(0) => {}
            Some(found) => self.open.swap(0, found),
            None => {
                let path = self.path(segment);
                let file = self.folder.disk().open_to_read(&path);
                let file = file.map_err(|error| at("open", &path, error))?;
                self.open.truncate(MOST_OPEN - 1);
                self.open.push_front((segment, file));
            }
        }
        let (_, file) = self.open.front_mut().expect("it was just put there");
        Ok(file)
    }

    /// All records of one task, in the order in which they were written. It reads the whole journal; bad
    /// tails are left out.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub fn records_of(folder: &RunFolder, task: TaskIndex) -> Result<Vec<Record>, ReadError> {
        let mut records = Vec::new();
        for path in segment_files(folder)? {
            let file = folder.disk().open_to_read(&path);
            let file = file.map_err(|error| at("open", &path, error))?;
            let mark = format!(",\"index\":{}", task.0);
            scan::<ReadError>(BufReader::with_capacity(256 * 1024, file), |line| {
                // A cheap look first: nearly all lines are about other tasks.
                let head = &line.body[..line.body.len().min(120)];
                if !head.windows(mark.len()).any(|part| part == mark.as_bytes()) {
                    return Ok(());
                }
                let record = parse(line.body, path.clone(), line.offset)?;
                if record.index() == task {
                    records.push(record);
                }
                Ok(())
            })?;
        }
        Ok(records)
    }
}

fn parse(body: &[u8], path: PathBuf, offset: u64) -> Result<Record, ReadError> {
    let what = match Record::from_body(body) {
        Ok(Some(record)) => return Ok(record),
        Ok(None) => "its type is unknown".into(),
        Err(error) => error.to_string(),
    };
    Err(ReadError::Unreadable { path, offset, what })
}
