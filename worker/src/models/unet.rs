//! UNet: max pooling down, nearest upsampling up, with skips: the map before each pooling is concatenated on the way up.
//!
//! Ronneberger, Fischer and Brox 2015, arXiv 1505.04597, with the widths and the upsampling of the reference protocol.
//!
//! ```text
//!  enc_conv0 w      -- skip ------------>  dec_conv3 w -> output 1
//!    enc_conv1 2w     -- skip -------->  dec_conv2 w
//!      enc_conv2 4w     -- skip ---->  dec_conv1 2w
//!        enc_conv3 8w     -- skip -> dec_conv0 4w
//!          bottleneck_conv 16w -> 8w
//! ```

use super::blocks::{Builder, Chain};
use crate::ops::Forward;
use candle_core::{Result, Tensor};

#[derive(Debug)]
pub(super) struct UNet {
    /// Each followed by pooling.
    encoder: Vec<Chain>,
    bottleneck: Chain,
    /// Each preceded by upsampling and concatenation.
    decoder: Vec<Chain>,
    output: Chain,
}

impl UNet {
    pub(super) fn new(builder: &Builder<'_>, w: usize) -> Result<Self> {
        let chain = |name, channels: &[usize]| Chain::convs(builder, name, channels);
        let encoder = vec![
            chain("enc_conv0", &[3, w, w])?,
            chain("enc_conv1", &[w, 2 * w, 2 * w])?,
            chain("enc_conv2", &[2 * w, 4 * w, 4 * w])?,
            chain("enc_conv3", &[4 * w, 8 * w, 8 * w])?,
        ];
        let bottleneck = chain("bottleneck_conv", &[8 * w, 16 * w, 8 * w])?;
        let decoder = vec![
            chain("dec_conv0", &[16 * w, 8 * w, 4 * w])?,
            chain("dec_conv1", &[8 * w, 4 * w, 2 * w])?,
            chain("dec_conv2", &[4 * w, 2 * w, w])?,
            chain("dec_conv3", &[2 * w, w, w])?,
        ];
        Ok(Self { encoder, bottleneck, decoder, output: Chain::logits(builder, "output", w)? })
    }

    pub(super) fn forward(&self, pass: Forward<'_>, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        let mut skips = Vec::new();
        for chain in &self.encoder {
            let skip = chain.forward(pass, &x)?;
            x = pass.max_pool2d(&skip)?.0; // [n, h, w, c] -> [n, h / 2, w / 2, c]
            skips.push(skip);
        }
        x = self.bottleneck.forward(pass, &x)?;
        for (chain, skip) in self.decoder.iter().zip(skips.iter().rev()) {
            let upsampled = pass.upsample(&x)?; // [n, h, w, c] -> [n, 2 h, 2 w, c]
            x = chain.forward(pass, &pass.concatenate(&upsampled, skip)?)?; // with the c channels of the skip: [n, 2 h, 2 w, 2 c]
        }
        self.output.forward(pass, &x)
    }
}
