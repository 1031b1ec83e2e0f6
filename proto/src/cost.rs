//! What a job costs before it runs: parameters and arithmetic, from the layers of its network.
//!
//! The lists of layers are the networks' definitions once more, as data; the networks themselves belong to the worker. Counted
//! are the convolutions, a multiplication and an addition as two operations; norms, activations, pooling and the loss come to
//! less than a hundredth.

use crate::spec::{Architecture, JobSpec, Model, Norm};
use Kind::{Conv, Down, Point, Strided, Up};

/// A convolution of a network.
#[derive(Debug, Clone, Copy)]
pub struct Layer {
    /// What it is.
    pub kind: Kind,
    /// Channels it reads.
    pub input: u64,
    /// Channels it writes.
    pub output: u64,
    /// How often the image is halved where it writes.
    pub halvings: u32,
    /// Whether a norm with scale and shift follows.
    pub normed: bool,
}

/// The kinds of convolutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 3x3, padding 1.
    Conv,
    /// 3x3, padding 1, stride 2: halves the image.
    Strided,
    /// 1x1: what a residual block adds to its result, or logits.
    Point,
    /// 2x2, stride 2: halves the image.
    Down,
    /// 2x2 transposed, stride 2: doubles the image.
    Up,
}

impl Layer {
    /// Weights, biases and the norm's scale and shift.
    fn parameters(&self) -> u64 {
        let weights = self.input * self.output;
        let weights = match self.kind {
            Conv | Strided => 9 * weights,
            Point => weights,
            Down | Up => 4 * weights,
        };
        weights + if self.normed { 3 * self.output } else { self.output }
    }

    /// Height and width of what it writes for images of that size, pixels.
    #[must_use]
    pub fn size(&self, image_size: u32) -> u64 {
        u64::from(image_size >> self.halvings)
    }

    /// Floating-point operations of one image's way through it, by the convolution's definition.
    #[must_use]
    pub fn flop(&self, image_size: u32) -> u64 {
        let weights = self.input * self.output;
        let products = match self.kind {
            Conv | Strided => 9 * weights,
            Down => 4 * weights,
            // each pixel is written from one pixel
            Up | Point => weights,
        };
        2 * products * self.size(image_size).pow(2)
    }
}

/// Layers of one kind at one scale, by their channels: the first one's input, then each one's output.
type Block = (Kind, u32, Vec<u64>);

/// The layers of a network for images of that height and width, in the order of the forward pass.
#[must_use]
pub fn layers(architecture: Architecture, model: Model, image_size: u32) -> Vec<Layer> {
    let w = u64::from(model.width);
    let (blocks, residual) = match architecture {
        Architecture::NnUNet => return nnunet(w, architecture.halvings(image_size)),
        Architecture::DeepLabV3Plus => return deeplab(w, image_size),
        Architecture::SegNet => (segnet(w), false),
        Architecture::UNet => (unet(w), model.residual),
        Architecture::UNet2 => (unet2(w), model.residual),
    };
    let norm = model.norm_of(architecture);
    let last = blocks.len() - 1;
    let mut layers = Vec::new();
    for (index, (kind, halvings, channels)) in blocks.into_iter().enumerate() {
        let normed = norm != Norm::None && index < last;
        let layer = |kind, input, output, normed| Layer { kind, input, output, halvings, normed };
        layers.extend(channels.windows(2).map(|pair| layer(kind, pair[0], pair[1], normed)));
        if let ([first, .., output], true) = (&channels[..], residual && kind == Conv && index < last)
            && first != output
        {
            layers.push(layer(Point, *first, *output, false));
        }
    }
    layers
}

/// The blocks of a network whose first one has `w` channels; the last is the convolution that gives the logits. So for the other two.
fn segnet(w: u64) -> Vec<Block> {
    vec![
        (Conv, 0, vec![3, w, w]),
        (Conv, 1, vec![w, 2 * w, 2 * w]),
        (Conv, 2, vec![2 * w, 4 * w, 4 * w, 4 * w]),
        (Conv, 3, vec![4 * w, 8 * w, 8 * w, 8 * w]),
        (Conv, 4, vec![8 * w; 4]),
        (Conv, 4, vec![8 * w; 4]),
        (Conv, 3, vec![8 * w, 4 * w, 4 * w, 4 * w]),
        (Conv, 2, vec![4 * w, 2 * w, 2 * w, 2 * w]),
        (Conv, 1, vec![2 * w, w, w, w]),
        (Conv, 0, vec![w, w, w]),
        (Conv, 0, vec![w, 1]),
    ]
}

fn unet(w: u64) -> Vec<Block> {
    vec![
        (Conv, 0, vec![3, w, w]),
        (Conv, 1, vec![w, 2 * w, 2 * w]),
        (Conv, 2, vec![2 * w, 4 * w, 4 * w]),
        (Conv, 3, vec![4 * w, 8 * w, 8 * w]),
        (Conv, 4, vec![8 * w, 16 * w, 8 * w]),
        (Conv, 3, vec![16 * w, 8 * w, 4 * w]),
        (Conv, 2, vec![8 * w, 4 * w, 2 * w]),
        (Conv, 1, vec![4 * w, 2 * w, w]),
        (Conv, 0, vec![2 * w, w, w]),
        (Conv, 0, vec![w, 1]),
    ]
}

fn unet2(w: u64) -> Vec<Block> {
    vec![
        (Conv, 0, vec![3, w]),
        (Down, 1, vec![w, w]),
        (Conv, 1, vec![w, 2 * w]),
        (Down, 2, vec![2 * w, 2 * w]),
        (Conv, 2, vec![2 * w, 4 * w]),
        (Down, 3, vec![4 * w, 4 * w]),
        (Conv, 3, vec![4 * w, 8 * w]),
        (Down, 4, vec![8 * w, 8 * w]),
        (Conv, 4, vec![8 * w, 16 * w, 8 * w]),
        (Up, 3, vec![16 * w, 8 * w]),
        (Conv, 3, vec![8 * w, 4 * w]),
        (Up, 2, vec![8 * w, 4 * w]),
        (Conv, 2, vec![4 * w, 2 * w]),
        (Up, 1, vec![4 * w, 2 * w]),
        (Conv, 1, vec![2 * w, w]),
        (Up, 0, vec![2 * w, w]),
        (Conv, 0, vec![w, w]),
        (Conv, 0, vec![w, 1]),
    ]
}

/// The network that nnU-Net v2 plans: its logits at every resolution but the lowest are in the list, though only training computes
/// those at lower ones.
fn nnunet(w: u64, halvings: u32) -> Vec<Layer> {
    /// Channels are doubled that often.
    const DOUBLINGS: u32 = 4;
    let channels = |halvings: u32| w << halvings.min(DOUBLINGS);
    let layer = |kind, input, output, halvings| {
        let normed = matches!(kind, Conv | Strided);
        Layer { kind, input, output, halvings, normed }
    };
    let mut layers = vec![layer(Conv, 3, w, 0), layer(Conv, w, w, 0)];
    for stage in 1..=halvings {
        let (input, output) = (channels(stage - 1), channels(stage));
        layers.extend([layer(Strided, input, output, stage), layer(Conv, output, output, stage)]);
    }
    for stage in (0..halvings).rev() {
        let (input, output) = (channels(stage + 1), channels(stage));
        layers.extend([
            layer(Up, input, output, stage),
            layer(Conv, 2 * output, output, stage),
            layer(Conv, output, output, stage),
            layer(Point, output, 1, stage),
        ]);
    }
    layers
}

/// DeepLab v3+; the convolution behind the mean over the image is at one pixel.
fn deeplab(w: u64, image_size: u32) -> Vec<Layer> {
    let layer = |kind, input, output, halvings| Layer { kind, input, output, halvings, normed: true };
    let mut layers = vec![layer(Strided, 3, w, 1), layer(Conv, w, w, 1), layer(Conv, w, w, 1)];
    for (kind, input, output, halvings) in
        [(Conv, w, w, 2), (Strided, w, 2 * w, 3), (Strided, 2 * w, 4 * w, 4), (Conv, 4 * w, 8 * w, 4)]
    {
        layers.push(layer(kind, input, output, halvings));
        layers.extend([layer(Conv, output, output, halvings); 3]);
        layers.extend((input != output).then(|| layer(Point, input, output, halvings)));
    }
    let (input, decoded, kept) = (8 * w, 4 * w, (3 * w / 4).max(1));
    layers.push(layer(Point, input, decoded, 4));
    layers.extend([layer(Conv, input, decoded, 4); 3]);
    layers.extend([
        layer(Point, input, decoded, image_size.max(1).ilog2()),
        layer(Point, 5 * decoded, decoded, 4),
        layer(Point, w, kept, 2),
        layer(Conv, decoded + kept, decoded, 2),
        layer(Conv, decoded, decoded, 2),
        Layer { normed: false, ..layer(Point, decoded, 1, 2) },
    ]);
    layers
}

/// Number of trained parameters of a network for images of that height and width.
#[must_use]
pub fn parameters(architecture: Architecture, model: Model, image_size: u32) -> u64 {
    layers(architecture, model, image_size).iter().map(Layer::parameters).sum()
}

/// Floating-point operations of one image's way through a network.
#[must_use]
pub fn forward_flop(architecture: Architecture, model: Model, image_size: u32) -> u64 {
    layers(architecture, model, image_size).iter().map(|layer| layer.flop(image_size)).sum()
}

/// Floating-point operations of a whole job: every epoch trains (three times a forward pass: the output, the gradient of the
/// input and that of the weights) and validates; the test subset is evaluated once.
#[must_use]
pub fn job_flop(job: &JobSpec) -> f64 {
    let forward = forward_flop(job.architecture, job.model, job.data.image_size) as f64;
    let epoch = 3.0 * f64::from(job.split.train) + f64::from(job.split.validation);
    forward * (f64::from(job.training.epochs) * epoch + f64::from(job.split.test))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ContentHash;
    use crate::spec::{Data, LossName, Model, Seeds, Selection, Split, Trainer, Training};

    /// The report's numbers of parameters, and the arithmetic of its images (256 pixels).
    #[test]
    fn the_reports_networks_have_its_parameters() {
        let expected = [
            (Architecture::SegNet, 24_980_929, 67.9),
            (Architecture::UNet, 21_978_177, 82.4),
            (Architecture::UNet2, 16_755_777, 30.9),
        ];
        for (architecture, count, gflop) in expected {
            assert_eq!(parameters(architecture, Model::default(), 256), count, "{architecture}");
            let flop = forward_flop(architecture, Model::default(), 256) as f64 / 1e9;
            assert!((flop - gflop).abs() <= 0.05, "{architecture}: {flop}");
        }
    }

    #[test]
    fn the_largest_network_does_not_overflow() {
        let flop = |width| forward_flop(Architecture::UNet, Model { width, ..Model::default() }, 4096);
        assert!(flop(1024) > flop(1023));
    }

    #[test]
    fn a_job_is_its_epochs_and_one_test() {
        let job = JobSpec {
            trainer: Trainer::Candle,
            data: Data { content: ContentHash(0), image_size: 256 },
            split: Split::default(),
            architecture: Architecture::UNet,
            model: Model::default(),
            loss: LossName::Bce.into(),
            learning_rate: 1e-3,
            training: Training::default(),
            selection: Selection::default(),
            seeds: Seeds { split_seed: 0, init_seed: 0, order_seed: 0 },
            ..JobSpec::default()
        };
        // 40 epochs of 100 training images (three passes) and 50 validation images, then 50 test images
        let passes = (40 * (3 * 100 + 50) + 50) as f64;
        assert_eq!(job_flop(&job), passes * forward_flop(Architecture::UNet, Model::default(), 256) as f64);
    }
}
