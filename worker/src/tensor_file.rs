//! Tensors in one safetensors file that says what they are and whether it is whole.
//!
//! The file's metadata have one key, `splitsweep`: a JSON object. Its first field, `seal`, is the BLAKE3 hash of the file with zeros in
//! the seal's place, so a bit that was flipped anywhere is found. Equal tensors and equal metadata make equal bytes.

use candle_core::{Device, Tensor};
use safetensors::SafeTensors;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// The key of the metadata.
const KEY: &str = "splitsweep";
/// Stands for the seal while it is computed.
const UNSEALED: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Bytes before the header: its length.
const LENGTH: usize = 8;

/// Why a file is not understood.
#[derive(Debug, thiserror::Error)]
pub enum TensorFileError {
    /// It is something else, or its end is missing.
    #[error("not a whole safetensors file: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// It says nothing of itself.
    #[error("a safetensors file of another program: its metadata have no `{KEY}`")]
    Foreign,
    /// Another build wrote it, or it holds something else.
    #[error("its metadata are not understood: {0}")]
    Metadata(#[from] serde_json::Error),
    /// It is of another kind or version.
    #[error("it holds {found}; this build reads {expected}")]
    Kind {
        /// What it holds.
        found: Kind,
        /// What is looked for.
        expected: Kind,
    },
    /// A bit of it was flipped.
    #[error("damaged: its content does not have the hash that it bears")]
    Damaged,
    /// A tensor cannot be read or made.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// What a file holds. Whatever a file says of itself begins with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    kind: Cow<'static, str>,
    version: u32,
}

impl Kind {
    /// That kind, as this version of its metadata has it.
    pub const fn new(kind: &'static str, version: u32) -> Self {
        Self { kind: Cow::Borrowed(kind), version }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, version {}", self.kind, self.version)
    }
}

#[derive(Serialize, Deserialize)]
struct Metadata<M> {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    seal: String,
    #[serde(flatten)]
    about: M,
}

/// The bytes of a file with these tensors.
///
/// # Errors
/// If a tensor cannot be read.
pub fn encode(about: &impl Serialize, tensors: BTreeMap<String, Tensor>) -> Result<Vec<u8>, TensorFileError> {
    let metadata = serde_json::to_string(&Metadata { seal: UNSEALED.to_owned(), about })?;
    let mut bytes = safetensors::serialize(tensors, Some(HashMap::from([(KEY.to_owned(), metadata)])))?;
    let seal = blake3::hash(&bytes).to_hex();
    if let Some(place) = place_of(&bytes, UNSEALED) {
        bytes[place..place + UNSEALED.len()].copy_from_slice(seal.as_bytes());
    }
    Ok(bytes)
}

/// What a file says of itself, and its tensors in the host's memory. Without a seal it is taken as it is: whoever has written the file
/// with another program cannot know it.
///
/// # Errors
/// If it is something else, not whole, or damaged.
pub fn decode<M: DeserializeOwned>(mut bytes: Vec<u8>) -> Result<(M, BTreeMap<String, Tensor>), TensorFileError> {
    let (_, header) = SafeTensors::read_metadata(&bytes)?;
    let metadata = header.metadata().as_ref().and_then(|metadata| metadata.get(KEY)).ok_or(TensorFileError::Foreign)?;
    let Seal { seal, others } = serde_json::from_str(metadata)?;
    if seal.is_empty() {
        // a seal under a name that has lost a bit
        let is_seal = |value: &Value| value.as_str().is_some_and(|text| text.len() == UNSEALED.len());
        if others.values().any(is_seal) {
            return Err(TensorFileError::Damaged);
        }
    } else {
        let place = place_of(&bytes, &seal).filter(|_| seal.len() == UNSEALED.len()).ok_or(TensorFileError::Damaged)?;
        bytes[place..place + UNSEALED.len()].copy_from_slice(UNSEALED.as_bytes());
        if blake3::hash(&bytes).to_hex().as_str() != seal {
            return Err(TensorFileError::Damaged);
        }
    }
    let Metadata { about, .. } = serde_json::from_str(metadata)?;
    let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)?;
    Ok((about, tensors.into_iter().collect()))
}

/// What a file of one kind says of itself, and its tensors; see [`decode`].
///
/// # Errors
/// If it is of another kind or version, not whole, or damaged.
pub fn decode_as<M: DeserializeOwned>(
    expected: &Kind,
    bytes: Vec<u8>,
) -> Result<(M, BTreeMap<String, Tensor>), TensorFileError> {
    let (about, tensors) = decode::<Value>(bytes)?;
    let found = Kind::deserialize(&about)?;
    if found != *expected {
        return Err(TensorFileError::Kind { found, expected: expected.clone() });
    }
    Ok((serde_json::from_value(about)?, tensors))
}

#[derive(Deserialize)]
struct Seal {
    #[serde(default)]
    seal: String,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Where a text stands in the header.
fn place_of(bytes: &[u8], text: &str) -> Option<usize> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
    let header = rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let place = header.windows(text.len()).position(|window| window == text.as_bytes())?;
    Some(LENGTH + place)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct About {
        name: String,
        seconds: f64,
    }

    fn file() -> (About, BTreeMap<String, Tensor>) {
        let about = About { name: "a \"name\"".to_owned(), seconds: 0.1 + 0.2 };
        let tensor = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap();
        (about, BTreeMap::from([("b".to_owned(), tensor(&[1.0, f32::NAN])), ("a".to_owned(), tensor(&[2.0; 3]))]))
    }

    #[test]
    fn a_file_is_read_as_it_was_written_and_has_the_same_bytes_again() {
        let (about, tensors) = file();
        let bytes = encode(&about, tensors.clone()).unwrap();
        assert_eq!(bytes, encode(&about, tensors).unwrap());
        let (found, tensors) = decode::<About>(bytes).unwrap();
        assert_eq!(found, about);
        assert_eq!(tensors["a"].to_vec1::<f32>().unwrap(), [2.0; 3]);
        assert!(tensors["b"].to_vec1::<f32>().unwrap()[1].is_nan());
    }

    #[test]
    fn every_flipped_byte_and_every_missing_end_is_found() {
        let (about, tensors) = file();
        let bytes = encode(&about, tensors).unwrap();
        for index in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[index] ^= 1;
            assert!(decode::<About>(flipped).is_err(), "byte {index}");
            assert!(decode::<About>(bytes[..index].to_vec()).is_err(), "{index} bytes");
        }
    }

    #[test]
    fn files_of_other_programs_are_told_apart() {
        let (about, tensors) = file();
        let other = safetensors::serialize(tensors.clone(), None).unwrap();
        assert!(matches!(decode::<About>(other), Err(TensorFileError::Foreign)));
        let unsealed = HashMap::from([(KEY.to_owned(), serde_json::to_string(&about).unwrap())]);
        let unsealed = safetensors::serialize(tensors, Some(unsealed)).unwrap();
        assert_eq!(decode::<About>(unsealed).unwrap().0, about);
    }
}
