//! A recording: the trajectories of many agents, read from CSV or gzipped CSV.
//!
//! The first line is [`COLUMNS`]; every further line is one point. Lines of different agents may
//! come in any order, the times of one agent must strictly rise. The file is read line by line, so
//! that memory grows with the points that are kept, not with the text.
//!
//! Ids: if every `agent_id` is a decimal number that fits a u32, and none is for registered agents,
//! the numbers are kept; otherwise all agents are numbered from 1 in order of appearance.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::csv::{self, CsvError};
use super::track::{Point, Track};
use crate::domain::REGISTERED_IDS;

/// The columns of a recording in their order: milliseconds, id, name, metres, metres per second.
pub const COLUMNS: &str = "t_ms,agent_id,name,x,y,z,vx,vy,vz";

/// The longest line that is accepted, in bytes.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// The longest name of an agent that is accepted, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// The first two bytes of every gzip file (RFC 1952, section 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Why a recording could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file could not be opened, read or unpacked.
    #[error("cannot read the recording {path}: {source}")]
    Read {
        /// The file as it was named.
        path: String,
        /// What the system or the unpacking said.
        source: io::Error,
    },
    /// The text broke off or could not be unpacked after `line`.
    #[error("line {line}: cannot be read: {source}")]
    Line {
        /// Number of the line, from 1.
        line: u64,
        /// What the system or the unpacking said.
        source: io::Error,
    },
    /// The first line is not the list of columns.
    #[error("line 1: the columns are {found:?}; allowed is exactly \"{COLUMNS}\"")]
    Columns {
        /// The first line as it was found.
        found: String,
    },
    /// A line is too long, is not UTF-8, or does not have nine fields.
    #[error("line {line}: {problem}")]
    Shape {
        /// Number of the line, from 1.
        line: u64,
        /// What is wrong and what is allowed.
        problem: String,
    },
    /// A field holds what its column does not allow.
    #[error("line {line}: {column} is {value:?}; allowed is {allowed}")]
    Value {
        /// Number of the line, from 1.
        line: u64,
        /// Name of the column.
        column: &'static str,
        /// The field as it was found.
        value: String,
        /// What the column allows.
        allowed: String,
    },
    /// There is a list of columns and no point.
    #[error("the recording has no points; allowed is at least one line after the columns")]
    Empty,
}

/// The trajectories of all agents of a recording, in order of first appearance.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    tracks: Vec<Track>,
}

impl Recording {
    /// Reads the file at `path`; gzip is recognised by its first bytes, not by the name.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let unreadable = |source| RecordingError::Read {
            path: path.display().to_string(),
            source,
        };
        let mut file = BufReader::with_capacity(64 * 1024, File::open(path).map_err(unreadable)?);
        if file
            .fill_buf()
            .map_err(unreadable)?
            .starts_with(&GZIP_MAGIC)
        {
            Self::read(BufReader::with_capacity(
                64 * 1024,
                MultiGzDecoder::new(file),
            ))
        } else {
            Self::read(file)
        }
    }

    /// Reads plain CSV text.
    pub fn read(mut text: impl BufRead) -> Result<Self, RecordingError> {
        let mut line = Vec::new();
        let mut line_number = 0;
        let mut gathering = Gathering::default();
        while read_line(&mut text, &mut line, line_number + 1)? {
            line_number += 1;
            let row = std::str::from_utf8(&line).map_err(|error| RecordingError::Shape {
                line: line_number,
                problem: format!("is not UTF-8 from byte {}", error.valid_up_to() + 1),
            })?;
            if line_number == 1 {
                let found = row.strip_prefix('\u{feff}').unwrap_or(row);
                if found != COLUMNS {
                    return Err(RecordingError::Columns {
                        found: found.to_owned(),
                    });
                }
            } else if !row.is_empty() {
                gathering.add(row, line_number)?;
            }
        }
        if line_number == 0 {
            return Err(RecordingError::Columns {
                found: String::new(),
            });
        }
        gathering.finish()
    }

    /// Makes a recording of tracks that came from elsewhere.
    pub fn from_tracks(tracks: Vec<Track>) -> Self {
        Self { tracks }
    }

    /// The trajectories, one an agent.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// Number of recorded points of all agents.
    pub fn points(&self) -> usize {
        self.tracks.iter().map(|track| track.points().len()).sum()
    }
}

/// Reads one line without its line end into `line`; false at the end of the text.
fn read_line(
    text: &mut impl BufRead,
    line: &mut Vec<u8>,
    line_number: u64,
) -> Result<bool, RecordingError> {
    line.clear();
    let read = text
        .take(LINE_BYTES_MAX + 1)
        .read_until(b'\n', line)
        .map_err(|source| RecordingError::Line {
            line: line_number,
            source,
        })?;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() as u64 > LINE_BYTES_MAX {
        return Err(RecordingError::Shape {
            line: line_number,
            problem: format!("is longer than {LINE_BYTES_MAX} bytes"),
        });
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(read > 0)
}

/// What has been read so far, by agent.
#[derive(Default)]
struct Gathering {
    agents: Vec<Agent>,
    by_id: HashMap<String, usize>,
}

/// One agent's points so far; `numeric_id` is absent when its id is not a number.
struct Agent {
    numeric_id: Option<u32>,
    name: String,
    points: Vec<Point>,
}

impl Gathering {
    fn add(&mut self, row: &str, line: u64) -> Result<(), RecordingError> {
        let [t_ms, agent_id, name, x, y, z, vx, vy, vz] =
            csv::fields::<9>(row).map_err(|error| shape(line, &error))?;
        let point = Point {
            t_ms: t_ms.parse().map_err(|_| RecordingError::Value {
                line,
                column: "t_ms",
                value: t_ms.to_string(),
                allowed: "a whole number of milliseconds from 0".to_owned(),
            })?,
            position: [
                number(&x, "x", line)?,
                number(&y, "y", line)?,
                number(&z, "z", line)?,
            ],
            velocity: [
                number(&vx, "vx", line)?,
                number(&vy, "vy", line)?,
                number(&vz, "vz", line)?,
            ],
        };
        if agent_id.is_empty() {
            return Err(RecordingError::Value {
                line,
                column: "agent_id",
                value: String::new(),
                allowed: "a number or a text that is not empty".to_owned(),
            });
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(RecordingError::Value {
                line,
                column: "name",
                value: name.into_owned(),
                allowed: format!("at most {NAME_BYTES_MAX} bytes"),
            });
        }
        if let Some(&index) = self.by_id.get(agent_id.as_ref()) {
            let agent = &mut self.agents[index];
            if let Some(last) = agent.points.last().filter(|last| last.t_ms >= point.t_ms) {
                return Err(RecordingError::Value {
                    line,
                    column: "t_ms",
                    value: t_ms.to_string(),
                    allowed: format!(
                        "more than {}, the time of the point of agent {agent_id} before it",
                        last.t_ms
                    ),
                });
            }
            agent.points.push(point);
        } else {
            self.by_id.insert(agent_id.to_string(), self.agents.len());
            self.agents.push(Agent {
                numeric_id: canonical_number(&agent_id),
                name: name.into_owned(),
                points: vec![point],
            });
        }
        Ok(())
    }

    fn finish(self) -> Result<Recording, RecordingError> {
        if self.agents.is_empty() {
            return Err(RecordingError::Empty);
        }
        let all_numbers = self.agents.iter().all(|agent| agent.numeric_id.is_some());
        let tracks = (1_u32..)
            .zip(self.agents)
            .filter_map(|(place, agent)| {
                let agent_id = agent.numeric_id.filter(|_| all_numbers).unwrap_or(place);
                Track::new(agent_id, agent.name, agent.points)
            })
            .collect();
        Ok(Recording { tracks })
    }
}

/// The number that `text` spells in the one usual way; `007` is a text, so that it can't meet `7`.
/// What is for registered agents is no number of a recording's.
fn canonical_number(text: &str) -> Option<u32> {
    text.parse()
        .ok()
        .filter(|number: &u32| number.to_string() == text && !REGISTERED_IDS.contains(number))
}

fn number(text: &str, column: &'static str, line: u64) -> Result<f32, RecordingError> {
    text.parse()
        .ok()
        .filter(|value: &f32| value.is_finite())
        .ok_or_else(|| RecordingError::Value {
            line,
            column,
            value: text.to_owned(),
            allowed: "a finite number in the range of a 32-bit float".to_owned(),
        })
}

fn shape(line: u64, error: &CsvError) -> RecordingError {
    RecordingError::Shape {
        line,
        problem: error.to_string(),
    }
}

#[cfg(test)]
#[path = "tests/recording.rs"]
mod tests;
