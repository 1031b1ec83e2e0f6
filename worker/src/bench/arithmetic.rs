//! Operations of a batch: those that the definition of its convolutions asks for, and those that are executed.
//!
//! Counted are the products of convolutions, a multiplication and an addition as two operations. A step is a forward pass, the
//! gradients of all kernels and those of all inputs but the images. Winograd's F(m x m, 3x3) computes a tile of m x m pixels by
//! (m + 2)^2 products instead of 9 m^2, tiles that reach over the border included; its transforms are additions for the most
//! part and are not counted.

use super::Settings;
use crate::ops::{self, Algorithm};
use candle_core::Device;
use proto::cost::{self, Kind, Layer};

/// Operations of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flop {
    /// By definition.
    pub direct: u64,
    /// Those of the algorithms in use, if they are known: on other devices than the CPU a library chooses.
    pub executed: Option<u64>,
}

/// Operations of a step on a batch.
#[must_use]
pub fn step(settings: &Settings, device: &Device) -> Flop {
    // nobody asks for the gradient of the images
    count(settings, device, |index| if index == 0 { 2 } else { 3 })
}

/// Operations of an evaluation of a batch.
#[must_use]
pub fn evaluation(settings: &Settings, device: &Device) -> Flop {
    count(settings, device, |_| 1)
}

fn count(settings: &Settings, device: &Device, passes: impl Fn(usize) -> u64) -> Flop {
    let layers = cost::layers(settings.architecture, settings.model(), settings.image_size);
    let sum = |flop: &dyn Fn(&Layer) -> u64| -> u64 {
        let layers = layers.iter().enumerate();
        u64::from(settings.batch_size) * layers.map(|(index, layer)| passes(index) * flop(layer)).sum::<u64>()
    };
    let direct = sum(&|layer| layer.flop(settings.image_size));
    let executed = device.is_cpu().then(|| sum(&|layer| executed(settings, layer)));
    Flop { direct, executed }
}

/// Operations of one image's way through a layer on the CPU.
fn executed(settings: &Settings, layer: &Layer) -> u64 {
    // a strided convolution is computed at every pixel
    let size = layer.size(settings.image_size) << u32::from(layer.kind == Kind::Strided);
    let kernel = match layer.kind {
        Kind::Conv | Kind::Strided => [layer.output as usize, layer.input as usize, 3, 3],
        Kind::Down | Kind::Up | Kind::Point => return layer.flop(settings.image_size),
    };
    let tiles = |m: u64| 2 * layer.input * layer.output * (size.div_ceil(m) * (m + 2)).pow(2);
    match ops::algorithm(settings.convolution, &kernel, size as usize, size as usize) {
        Algorithm::Direct => 2 * 9 * layer.input * layer.output * size.pow(2),
        Algorithm::Winograd2 => tiles(2),
        Algorithm::Winograd4 => tiles(4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::spec::{Architecture, Convolution, Precision};

    fn settings(convolution: Convolution) -> Settings {
        Settings {
            architecture: Architecture::UNet,
            image_size: 64,
            batch_size: 3,
            width: 16,
            precision: Precision::F32,
            convolution,
            steps: 1,
        }
    }

    #[test]
    fn winograd_executes_fewer_operations() {
        let evaluation = |convolution| evaluation(&settings(convolution), &Device::Cpu);
        let direct = evaluation(Convolution::Direct);
        assert_eq!(direct.executed, Some(direct.direct));
        assert_eq!(
            direct.direct,
            3 * cost::forward_flop(Architecture::UNet, settings(Convolution::Direct).model(), 64)
        );
        // every map of this network is a multiple of 4 pixels, so no tile reaches over the border
        assert_eq!(evaluation(Convolution::Winograd2).executed, Some(direct.direct * 16 / 36));
        assert_eq!(evaluation(Convolution::Winograd4).executed, Some(direct.direct * 36 / 144));
        let auto = evaluation(Convolution::Auto);
        assert_eq!(auto.direct, direct.direct);
        assert!(auto.executed < Some(direct.direct));
    }

    #[test]
    fn tiles_over_the_border_count() {
        let small = Settings { image_size: 16, ..settings(Convolution::Winograd4) };
        // the map of one pixel costs a tile
        let last = Layer { kind: Kind::Conv, input: 2, output: 5, halvings: 4, normed: false };
        assert_eq!(executed(&small, &last), 2 * 2 * 5 * 36);
    }

    #[test]
    fn a_step_leaves_the_gradient_of_the_images_out() {
        let settings = settings(Convolution::Direct);
        let (step, evaluation) = (step(&settings, &Device::Cpu), evaluation(&settings, &Device::Cpu));
        // 3 -> 16 channels at 64 pixels, 3 images
        assert_eq!(3 * evaluation.direct - step.direct, 2 * 9 * 3 * 16 * 64 * 64 * 3);
    }
}
