//! SegNet: max pooling remembers where each maximum was, and the decoder puts its values back there.
//!
//! Badrinarayanan, Kendall and Cipolla 2017, arXiv 1511.00561, with the widths of the reference protocol.
//!
//! ```text
//!  enc_conv0 w      -- positions ------------>  dec_conv3 w -> 1
//!    enc_conv1 2w     -- positions -------->  dec_conv2 w
//!      enc_conv2 4w     -- positions ---->  dec_conv1 2w
//!        enc_conv3 8w     -- positions -> dec_conv0 4w
//!          bottleneck_conv -> bottleneck_dec_conv 8w
//! ```

use super::blocks::{Builder, Chain};
use crate::ops::Forward;
use candle_core::{Result, Tensor};

#[derive(Debug)]
pub(super) struct SegNet {
    /// Each followed by pooling.
    encoder: Vec<Chain>,
    /// Each preceded by unpooling with the positions of its mirror.
    decoder: Vec<Chain>,
}

impl SegNet {
    pub(super) fn new(builder: &Builder<'_>, w: usize) -> Result<Self> {
        let chain = |name, channels: &[usize]| Chain::convs(builder, name, channels);
        let encoder = vec![
            chain("enc_conv0", &[3, w, w])?,
            chain("enc_conv1", &[w, 2 * w, 2 * w])?,
            chain("enc_conv2", &[2 * w, 4 * w, 4 * w, 4 * w])?,
            chain("enc_conv3", &[4 * w, 8 * w, 8 * w, 8 * w])?,
            chain("bottleneck_conv", &[8 * w, 8 * w, 8 * w, 8 * w])?,
        ];
        let mut decoder = vec![
            chain("bottleneck_dec_conv", &[8 * w, 8 * w, 8 * w, 8 * w])?,
            chain("dec_conv0", &[8 * w, 4 * w, 4 * w, 4 * w])?,
            chain("dec_conv1", &[4 * w, 2 * w, 2 * w, 2 * w])?,
            chain("dec_conv2", &[2 * w, w, w, w])?,
        ];
        let mut last = chain("dec_conv3", &[w, w, w])?;
        last.add_logits(builder, "dec_conv3.6", w)?;
        decoder.push(last);
        Ok(Self { encoder, decoder })
    }

    pub(super) fn forward(&self, pass: Forward<'_>, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        let mut positions = Vec::new();
        for chain in &self.encoder {
            let (pooled, position) = pass.max_pool2d(&chain.forward(pass, &x)?)?; // [n, h, w, c] -> [n, h / 2, w / 2, c]
            x = pooled;
            positions.push(position);
        }
        for (chain, position) in self.decoder.iter().zip(positions.iter().rev()) {
            x = chain.forward(pass, &pass.max_unpool2d(&x, position)?)?;
        }
        Ok(x)
    }
}
