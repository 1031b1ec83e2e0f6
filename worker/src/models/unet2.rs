//! UNet2: a UNet with strided convolutions instead of pooling and transposed ones instead of upsampling. Its skips are the maps
//! after each pooling.
//!
//! ```text
//!  enc_conv0 w, pool0      -- skip ------------>  dec_conv3 2w -> w -> w -> output 1
//!    enc_conv1 2w, pool1     -- skip -------->  dec_conv2 4w -> 2w -> w
//!      enc_conv2 4w, pool2     -- skip ---->  dec_conv1 8w -> 4w -> 2w
//!        enc_conv3 8w, pool3     -- skip -> dec_conv0 16w -> 8w -> 4w
//!          bottleneck_conv 16w -> 8w
//! ```

use super::blocks::{Builder, Chain};
use crate::ops::{Activation, Forward};
use candle_core::{Result, Tensor};

#[derive(Debug)]
pub(super) struct UNet2 {
    /// A convolution and its pooling each.
    encoder: Vec<(Chain, Chain)>,
    bottleneck: Chain,
    /// Each preceded by concatenation.
    decoder: Vec<Chain>,
    output: Chain,
}

impl UNet2 {
    pub(super) fn new(builder: &Builder<'_>, w: usize) -> Result<Self> {
        let mut encoder = Vec::new();
        for (index, (inputs, outputs)) in [(3, w), (w, 2 * w), (2 * w, 4 * w), (4 * w, 8 * w)].into_iter().enumerate() {
            let mut pool = Chain::default();
            pool.conv(builder, &format!("pool{index}"), (outputs, outputs, 2), Activation::Relu)?;
            encoder.push((Chain::convs(builder, &format!("enc_conv{index}"), &[inputs, outputs])?, pool));
        }
        let bottleneck = Chain::convs(builder, "bottleneck_conv", &[8 * w, 16 * w, 8 * w])?;
        let mut decoder = Vec::new();
        for (index, (inputs, outputs)) in [(16, 4), (8, 2), (4, 1), (2, 1)].into_iter().enumerate() {
            let (mut chain, name, middle) = (Chain::default(), format!("dec_conv{index}"), inputs / 2 * w);
            chain.conv_transpose(builder, &name, inputs * w, middle)?;
            chain.block(builder, &name, &[middle, outputs * w])?;
            decoder.push(chain);
        }
        Ok(Self { encoder, bottleneck, decoder, output: Chain::logits(builder, "output", w)? })
    }

    pub(super) fn forward(&self, pass: Forward<'_>, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        let mut skips = Vec::new();
        for (chain, pool) in &self.encoder {
            x = pool.forward(pass, &chain.forward(pass, &x)?)?;
            skips.push(x.clone());
        }
        x = self.bottleneck.forward(pass, &x)?;
        for (chain, skip) in self.decoder.iter().zip(skips.iter().rev()) {
            x = chain.forward(pass, &pass.concatenate(&x, skip)?)?;
        }
        self.output.forward(pass, &x)
    }
}
