//! `attempts.jsonl`: every attempt, by task in plan order, then by attempt number.

use std::io::BufReader;

use serde::Deserialize;

use super::super::atomic::at;
use super::super::line::attempt_text;
use super::super::scan::scan;
use super::super::{Position, ReadError, Reader, Recovered, RunFolder, atomic};
use super::DeriveError;

/// Where an attempt is; ordered as the file is. Attempts of one number (a supervisor that was killed
/// between two of them may repeat one) keep the order in which they were recorded.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    index: u32,
    attempt: u32,
    segment: u16,
    offset: u64,
    length: u32,
}

/// The parts of a record that give it its place.
#[derive(Deserialize)]
struct Brief {
    index: u32,
    attempt: Option<BriefAttempt>,
}

#[derive(Deserialize)]
struct BriefAttempt {
    attempt: u32,
}

pub(super) fn write(folder: &RunFolder, recovered: &Recovered) -> Result<(), DeriveError> {
    let mut places = find(folder, recovered)?;
    places.sort_unstable();
    let mut reader = Reader::new(folder, recovered);
    atomic::write(folder.disk(), &folder.attempts(), |out| {
        for place in &places {
            let position = Position {
                segment: place.segment,
                offset: place.offset,
                length: place.length,
            };
            // That it has an attempt was seen when it was found.
            let body = reader.body(position)?;
            out.write_all(attempt_text(body).unwrap_or_default())?;
            out.write_all(b"\n")?;
        }
        Ok(())
    })
}

fn find(folder: &RunFolder, recovered: &Recovered) -> Result<Vec<Place>, DeriveError> {
    let mut places = Vec::new();
    for (segment, info) in (0u16..).zip(recovered.segments()) {
        let path = folder.journal().join(&info.name);
        let file = folder.disk().open_to_read(&path);
        let file = file.map_err(|error| at("open", &path, error))?;
        let mut is_header = true;
        scan::<ReadError>(BufReader::with_capacity(256 * 1024, file), |line| {
            if std::mem::take(&mut is_header) {
                return Ok(());
            }
            let brief: Brief =
                serde_json::from_slice(line.object).map_err(|error| ReadError::Unreadable {
                    path: path.clone(),
                    offset: line.offset,
                    what: error.to_string(),
                })?;
            if let Some(attempt) = brief.attempt {
                places.push(Place {
                    index: brief.index,
                    attempt: attempt.attempt,
                    segment,
                    offset: line.offset,
                    length: line.length,
                });
            }
            Ok(())
        })?;
    }
    Ok(places)
}
