//! Messages over a pipe: four bytes of length, big-endian, then the protobuf message.

use prost::Message;
use std::io::{self, Read, Write};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// No message is longer; a length beyond it is garbage.
const MAX_BYTES: u32 = 64 << 20;

/// Writes a message.
///
/// # Errors
/// If the pipe is broken.
pub fn write_frame(pipe: &mut impl Write, message: &impl Message) -> io::Result<()> {
    pipe.write_all(&frame(message))?;
    pipe.flush()
}

/// Reads a message; `None` at the end of the pipe.
///
/// # Errors
/// If the pipe is broken, or what comes is no such message.
pub fn read_frame<M: Message + Default>(pipe: &mut impl Read) -> io::Result<Option<M>> {
    let mut length = [0; 4];
    match pipe.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut bytes = vec![0; checked(u32::from_be_bytes(length))?];
    pipe.read_exact(&mut bytes)?;
    Ok(Some(M::decode(&bytes[..])?))
}

/// [`write_frame`] for the agent.
pub(super) async fn send(pipe: &mut (impl AsyncWrite + Unpin), message: &impl Message) -> io::Result<()> {
    pipe.write_all(&frame(message)).await?;
    pipe.flush().await
}

/// [`read_frame`] for the agent. Not cancel-safe: once begun it must be awaited to its end.
pub(super) async fn receive<M: Message + Default>(pipe: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<M>> {
    let length = match pipe.read_u32().await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    };
    let mut bytes = vec![0; checked(length)?];
    pipe.read_exact(&mut bytes).await?;
    Ok(Some(M::decode(&bytes[..])?))
}

fn frame(message: &impl Message) -> Vec<u8> {
    let mut bytes = (message.encoded_len() as u32).to_be_bytes().to_vec();
    bytes.extend(message.encode_to_vec());
    bytes
}

fn checked(length: u32) -> io::Result<usize> {
    if length > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a message of {length} bytes")));
    }
    Ok(length as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::wire::Failure;

    #[test]
    fn frames_are_read_back_and_garbage_is_refused() {
        let failure = Failure { kind: 1, message: "no".to_owned(), log: String::new() };
        let mut bytes = Vec::new();
        write_frame(&mut bytes, &failure).expect("a vector takes everything");
        let mut pipe = &bytes[..];
        assert_eq!(read_frame(&mut pipe).ok(), Some(Some(failure)));
        assert_eq!(read_frame::<Failure>(&mut pipe).ok(), Some(None), "the end");
        assert!(read_frame::<Failure>(&mut &[0xff; 8][..]).is_err(), "an absurd length");
        assert!(read_frame::<Failure>(&mut &bytes[..6]).is_err(), "cut off");
    }
}
