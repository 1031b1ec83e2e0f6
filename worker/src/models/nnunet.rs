//! nnU-Net: the 2D U-Net that nnU-Net v2 plans for images of that size. Strided convolutions down to 4 to 7 pixels, transposed ones
//! up, two convolutions a stage, each with instance norm and leaky ReLU.
//!
//! Isensee et al. 2021, Nature Methods 18, 203-211; the network is `PlainConvUNet` of the package `dynamic_network_architectures`,
//! under its names, the plan that of `nnunetv2`. That begins with 32 channels and doubles them up to 512; here `w` takes the place
//! of 32.
//!
//! ```text
//!  encoder.stages.0 w        -- skip ------------------>  decoder.stages.2 w -> seg_layers.2 1
//!    encoder.stages.1 2w       -- skip -------------->  decoder.stages.1 2w -> seg_layers.1 1, in training
//!      encoder.stages.2 4w       -- skip ---------->  decoder.stages.0 4w    (seg_layers.0 is never used)
//!        encoder.stages.3 8w  -- transpconvs.0
//! ```

use super::blocks::{Builder, Chain, Layer};
use crate::ops::Forward;
use candle_core::{Result, Tensor, bail};
use proto::spec::Architecture;

/// Channels are doubled that often.
const DOUBLINGS: u32 = 4;

#[derive(Debug)]
pub(super) struct NnUNet {
    /// Each but the first halves the map.
    encoder: Vec<Chain>,
    decoder: Vec<Stage>,
}

/// A stage of the decoder.
#[derive(Debug)]
struct Stage {
    up: Layer,
    /// Preceded by concatenation.
    convs: Chain,
    /// The logits at this resolution.
    head: Layer,
}

impl NnUNet {
    pub(super) fn new(builder: &Builder<'_>, w: usize, image_size: u32) -> Result<Self> {
        let halvings = Architecture::NnUNet.halvings(image_size);
        let channels: Vec<_> = (0..=halvings).map(|stage| w << stage.min(DOUBLINGS)).collect();
        let mut inputs = 3;
        let mut encoder = Vec::new();
        for (stage, &outputs) in channels.iter().enumerate() {
            let name = format!("encoder.stages.{stage}.0");
            encoder.push(Chain::stacked(builder, &name, inputs, outputs, stage > 0)?);
            inputs = outputs;
        }
        let mut decoder = Vec::new();
        for (stage, &outputs) in channels.iter().rev().skip(1).enumerate() {
            let name = |part: &str| format!("decoder.{part}.{stage}");
            decoder.push(Stage {
                up: Layer::up(builder, &name("transpconvs"), inputs, outputs)?,
                convs: Chain::stacked(builder, &name("stages"), 2 * outputs, outputs, false)?,
                head: Layer::plain(builder, &name("seg_layers"), [1, outputs, 1, 1])?,
            });
            inputs = outputs;
        }
        Ok(Self { encoder, decoder })
    }

    /// The logits at full resolution; in training also those at the lower ones, but for the lowest.
    pub(super) fn forward(&self, pass: Forward<'_>, x: &Tensor) -> Result<Vec<Tensor>> {
        let mut x = x.clone();
        let mut skips = Vec::new();
        for stage in &self.encoder {
            x = stage.forward(pass, &x)?; // [n, h, w, c] -> [n, h / 2, w / 2, 2 c], but for the first
            skips.push(x.clone());
        }
        skips.pop();
        let mut logits = Vec::new();
        for (index, Stage { up, convs, head }) in self.decoder.iter().enumerate() {
            let Some(skip) = skips.pop() else { bail!("more stages up than down") };
            x = convs.forward(pass, &pass.concatenate(&up.forward(pass, &x)?, &skip)?)?; // -> [n, 2 h, 2 w, c / 2]
            if (index > 0 && pass.is_recorded()) || skips.is_empty() {
                logits.push(head.forward(pass, &x)?);
            }
        }
        logits.reverse();
        Ok(logits)
    }
}
