//! DeepLab v3+: a residual encoder whose last block is dilated, convolutions at several rates beside each other (ASPP), bilinear
//! upsampling, and a decoder that has the first block's map too.
//!
//! Chen et al. 2018, arXiv 1802.02611; He et al. 2016, arXiv 1512.03385. The encoder has the blocks of ResNet-18, under torchvision's
//! names; three 3x3 convolutions, as in the authors' own ResNets, take the place of the 7x7 one, and the stride of its result is 16.
//! The rates are 6, 12 and 18 where that has 33 pixels, as in the paper, and in proportion for other images. As in the other networks
//! here, convolutions before a norm have a bias too. There is no dropout.
//!
//! ```text
//!  backbone.conv1 w, pooling   1/4
//!  backbone.layer1 w           1/4   -- low 3/4 w ---------.
//!  backbone.layer2 2w          1/8                         v
//!  backbone.layer3 4w          1/16            1/4  concatenation -> refine 4w -> output 1, resized to 1/1
//!  backbone.layer4 8w          1/16 -> aspp 4w, resized ---^
//! ```

use super::blocks::{Builder, Chain, Form, Layer};
use crate::ops::{Activation, Forward};
use candle_core::{Result, Tensor};

/// Pixels of the image for a pixel of the logits before they are resized.
const STRIDE: usize = 4;

#[derive(Debug)]
pub(super) struct DeepLab {
    /// Followed by pooling.
    stem: Chain,
    first: Vec<Block>,
    others: Vec<Block>,
    aspp: Aspp,
    low: Chain,
    refine: Chain,
    output: Layer,
}

/// Two convolutions, whose input is added before the last ReLU.
#[derive(Debug)]
struct Block {
    convs: [Layer; 2],
    /// What the input goes through where the channels differ.
    downsample: Option<Layer>,
}

/// Convolutions of one map beside each other, then one of their results: 1x1, 3x3 at three rates, and 1x1 of the map's mean.
#[derive(Debug)]
struct Aspp {
    convs: Vec<Chain>,
    pooled: Chain,
    project: Chain,
}

impl DeepLab {
    pub(super) fn new(builder: &Builder<'_>, w: usize, image_size: u32) -> Result<Self> {
        let mut stem = Chain::default();
        for (form, inputs) in [(Form::Strided, 3), (Form::Plain, w), (Form::Plain, w)] {
            stem.layer(builder, "backbone.conv1", (form, [w, inputs, 3, 3], w), Activation::Relu)?;
        }
        let layer = |number: usize, inputs, outputs, form| -> Result<Vec<Block>> {
            let block = |index, inputs, form| {
                Block::new(builder, &format!("backbone.layer{number}.{index}"), inputs, outputs, form)
            };
            let second = if form == Form::Strided { Form::Plain } else { form };
            Ok(vec![block(0, inputs, form)?, block(1, outputs, second)?])
        };
        let first = layer(1, w, w, Form::Plain)?;
        let mut others = layer(2, w, 2 * w, Form::Strided)?;
        others.extend(layer(3, 2 * w, 4 * w, Form::Strided)?);
        others.extend(layer(4, 4 * w, 8 * w, Form::Dilated(2))?);
        let (decoded, kept) = (4 * w, (3 * w / 4).max(1));
        let mut low = Chain::default();
        low.conv(builder, "classifier.low", (w, kept, 1), Activation::Relu)?;
        Ok(Self {
            stem,
            first,
            others,
            aspp: Aspp::new(builder, 8 * w, decoded, image_size)?,
            low,
            refine: Chain::convs(builder, "classifier.refine", &[decoded + kept, decoded, decoded])?,
            output: Layer::plain(builder, "classifier.output", [1, decoded, 1, 1])?,
        })
    }

    pub(super) fn forward(&self, pass: Forward<'_>, x: &Tensor) -> Result<Tensor> {
        let run = |blocks: &[Block], x: &Tensor| blocks.iter().try_fold(x.clone(), |x, block| block.forward(pass, &x));
        let pooled = pass.max_pool2d(&self.stem.forward(pass, x)?)?.0; // [n, h, w, 3] -> [n, h / 4, w / 4, c]
        let first = run(&self.first, &pooled)?;
        let (_, height, width, _) = first.dims4()?;
        let x = self.aspp.forward(pass, &run(&self.others, &first)?)?; // [n, h / 16, w / 16, 4 c]
        let x = pass.resize(&x, (height, width))?;
        let x = self.refine.forward(pass, &pass.concatenate(&x, &self.low.forward(pass, &first)?)?)?;
        pass.resize(&self.output.forward(pass, &x)?, (STRIDE * height, STRIDE * width))
    }
}

impl Block {
    /// Of a strided block the first convolution has the stride; of a dilated one both are dilated.
    fn new(builder: &Builder<'_>, name: &str, inputs: usize, outputs: usize, form: Form) -> Result<Self> {
        let layer = |conv: &str, norm: &str, form, shape, activation| {
            let names = (&*format!("{name}.{conv}"), &*format!("{name}.{norm}"));
            Layer::normed(builder, names, form, shape, activation)
        };
        let (second, shortcut) = match form {
            Form::Dilated(_) => (form, Form::Plain),
            _ => (Form::Plain, form),
        };
        let downsample =
            || layer("downsample.0", "downsample.1", shortcut, [outputs, inputs, 1, 1], Activation::Identity);
        Ok(Self {
            convs: [
                layer("conv1", "bn1", form, [outputs, inputs, 3, 3], Activation::Relu)?,
                layer("conv2", "bn2", second, [outputs, outputs, 3, 3], Activation::Identity)?,
            ],
            downsample: (inputs != outputs).then(downsample).transpose()?,
        })
    }

    fn forward(&self, pass: Forward<'_>, x: &Tensor) -> Result<Tensor> {
        let [first, second] = &self.convs;
        let y = second.forward(pass, &first.forward(pass, x)?)?;
        let shortcut = self.downsample.as_ref().map_or_else(|| Ok(x.clone()), |layer| layer.forward(pass, x))?;
        pass.residual(&y, &shortcut, Activation::Relu)
    }
}

impl Aspp {
    fn new(builder: &Builder<'_>, inputs: usize, outputs: usize, image_size: u32) -> Result<Self> {
        /// Height and width of the images that the rates are multiples of 1 for: the map's 33 pixels are 6 x 5.5.
        const UNIT: u32 = 88;
        let rate = ((image_size + UNIT / 2) / UNIT).max(1) as usize;
        let forms =
            [(Form::Plain, 1), (Form::Dilated(rate), 3), (Form::Dilated(2 * rate), 3), (Form::Dilated(3 * rate), 3)];
        let mut convs = Vec::new();
        for (index, (form, size)) in forms.into_iter().enumerate() {
            let (mut chain, name) = (Chain::default(), format!("classifier.aspp.convs.{index}"));
            chain.layer(builder, &name, (form, [outputs, inputs, size, size], outputs), Activation::Relu)?;
            convs.push(chain);
        }
        // behind the mean, which has the number 0
        let mut pooled = Chain::from_number(1);
        pooled.conv(builder, "classifier.aspp.convs.4", (inputs, outputs, 1), Activation::Relu)?;
        let mut project = Chain::default();
        project.conv(builder, "classifier.aspp.project", (5 * outputs, outputs, 1), Activation::Relu)?;
        Ok(Self { convs, pooled, project })
    }

    fn forward(&self, pass: Forward<'_>, x: &Tensor) -> Result<Tensor> {
        let (_, height, width, _) = x.dims4()?;
        let mean = self.pooled.forward(pass, &pass.mean(x)?)?; // [n, 1, 1, c]
        let mut joined: Option<Tensor> = None;
        let branches = self.convs.iter().map(|conv| conv.forward(pass, x));
        for branch in branches.chain([pass.resize(&mean, (height, width))]) {
            joined = Some(match joined {
                Some(joined) => pass.concatenate(&joined, &branch?)?,
                None => branch?,
            });
        }
        self.project.forward(pass, &joined.unwrap_or(mean))
    }
}
