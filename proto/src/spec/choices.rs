//! The choices that a file makes by name: networks, losses, optimizers, metrics and so on.

use serde::{Deserialize, Serialize};

/// An enum whose variants have names in files and tables.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every choice, in the order in which messages list them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Their names, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($text),+];

            /// The name in files and tables.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The choice of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

pub(super) use choice;

choice! {
    /// A network.
    Architecture {
        /// Encoder and decoder joined by pooling indices, with batch norm.
        SegNet = "segnet",
        /// Max pooling, nearest upsampling, skip connections.
        UNet = "unet",
        /// Strided convolutions in the place of pooling and upsampling.
        UNet2 = "unet2",
        /// As nnU-Net v2 plans it for images of that size, trained at several resolutions.
        NnUNet = "nnunet",
        /// A residual encoder with dilated convolutions, several rates beside each other, bilinear upsampling.
        DeepLabV3Plus = "deeplabv3plus",
    }
}

choice! {
    /// What normalises the maps after each convolution of a network that has a choice, the last one left out.
    #[derive(Default)]
    Norm {
        /// The network's own norm: none in the U-Nets, as in the reference protocol.
        #[default]
        None = "none",
        /// Batch norm.
        Batch = "batch",
        /// Group norm: 8 groups of channels, or as many as divide the channels.
        Group = "group",
        /// Instance norm, with scale and shift: group norm with a group per channel.
        Instance = "instance",
    }
}

impl Norm {
    /// Number of groups of so many channels; none without moments per image.
    #[must_use]
    pub fn groups(self, channels: u32) -> Option<u32> {
        /// Groups where they divide the channels.
        const GROUPS: u32 = 8;
        match self {
            Self::None | Self::Batch => None,
            Self::Group => (1..=GROUPS.min(channels)).rev().find(|groups| channels.is_multiple_of(*groups)),
            Self::Instance => Some(channels),
        }
    }
}

impl Architecture {
    /// The values of `model.norm` that it can have beside its own norm; empty where that key has no effect.
    #[must_use]
    pub fn norms(self) -> &'static [Norm] {
        match self {
            Self::SegNet | Self::NnUNet => &[],
            Self::UNet | Self::UNet2 => &[Norm::Batch, Norm::Group, Norm::Instance],
            // behind the mean over the image instance norm would leave nothing
            Self::DeepLabV3Plus => &[Norm::Batch, Norm::Group],
        }
    }

    /// How often it halves images of that height and width, which must be a multiple of 2 to this power.
    ///
    /// nnU-Net halves them until another time would leave fewer than 4 pixels, and at least twice: its lowest resolution is not trained.
    #[must_use]
    pub fn halvings(self, image_size: u32) -> u32 {
        /// Height and width that its planner keeps.
        const MIN_SIZE: u32 = 4;
        match self {
            Self::SegNet => 5,
            Self::UNet | Self::UNet2 | Self::DeepLabV3Plus => 4,
            Self::NnUNet => (image_size / MIN_SIZE).max(1).ilog2().max(2),
        }
    }

    /// The number that height and width of its images must be multiples of, if they are about that.
    #[must_use]
    pub fn granularity(self, image_size: u32) -> u32 {
        1 << self.halvings(image_size)
    }
}

choice! {
    /// The name of a loss, without its parameters.
    LossName {
        /// Binary cross-entropy.
        Bce = "bce",
        /// Soft Dice per image.
        Dice = "dice",
        /// Focal loss, both terms modulated.
        Focal = "focal",
        /// Binary cross-entropy with foreground and background in balance.
        WeightedBce = "weighted_bce",
        /// Binary cross-entropy with softened targets.
        SoftBce = "soft_bce",
        /// Soft intersection over union per image.
        Jaccard = "jaccard",
        /// Soft Tversky index per image.
        Tversky = "tversky",
        /// Tversky loss to a power.
        FocalTversky = "focal_tversky",
        /// Lovász hinge per image.
        LovaszHinge = "lovasz_hinge",
        /// Probabilities times distances from the true outline.
        Boundary = "boundary",
        /// Structural similarity.
        Ssim = "ssim",
        /// Correlation maximised structural similarity.
        Cms = "cms",
        /// Components and holes that the truth does not have.
        Topology = "topology",
        /// Total variation of the probabilities.
        TotalVariation = "total_variation",
        /// Dice pixel by pixel.
        DicePerPixel = "dice_per_pixel",
    }
}

choice! {
    /// An optimizer, as in `torch.optim`.
    Optimizer {
        /// Adam; `weight_decay` is added to the gradient.
        Adam = "adam",
        /// Adam with decoupled `weight_decay`.
        AdamW = "adamw",
        /// Stochastic gradient descent with `momentum`.
        Sgd = "sgd",
    }
}

choice! {
    /// The name of a schedule of the learning rate, without its parameters.
    ScheduleName {
        /// The learning rate stays.
        Constant = "constant",
        /// It is multiplied by a factor every so many epochs.
        Step = "step",
        /// It falls along half a cosine.
        Cosine = "cosine",
        /// It falls to 0 along a power of the steps that are left.
        Polynomial = "polynomial",
        /// It rises to the learning rate and falls far below where it began.
        OneCycle = "one_cycle",
    }
}

choice! {
    /// Ranges of augmentation that go together.
    #[derive(Default)]
    Preset {
        /// Images stay as they are.
        #[default]
        None = "none",
        /// Flips, quarter turns, and small changes of place, size and light.
        Light = "light",
        /// Every change there is, in ranges that keep a lesion a lesion.
        Strong = "strong",
        /// What the other keys of the section say.
        Custom = "custom",
    }
}

choice! {
    /// What is done to predicted masks before they are counted.
    #[derive(Default)]
    Postprocess {
        /// Nothing.
        #[default]
        None = "none",
        /// All but the largest component is removed.
        LargestComponent = "largest_component",
        /// Background that foreground encloses is filled.
        FillHoles = "fill_holes",
        /// The largest component stays, and its holes are filled.
        Both = "largest_component_fill_holes",
    }
}

choice! {
    /// How weights are drawn.
    Initialization {
        /// PyTorch's default: weight and bias uniform in +-1/sqrt(fan in).
        Pytorch = "pytorch",
        /// He normal weights (variance 2 / fan in), zero bias.
        He = "he",
    }
}

choice! {
    /// How 3x3 convolutions are computed. All compute the same function; they differ in speed and in rounding.
    #[derive(Default)]
    Convolution {
        /// The fastest for each layer's shape.
        #[default]
        Auto = "auto",
        /// Every product of the definition.
        Direct = "direct",
        /// Winograd's F(2x2, 3x3): 16 products for 4 pixels instead of 36.
        Winograd2 = "winograd2",
        /// Winograd's F(4x4, 3x3): 36 products for 16 pixels instead of 144.
        Winograd4 = "winograd4",
    }
}

choice! {
    /// The numbers that a network is computed in. Weights and what the optimizer remembers are f32 in all but f64.
    #[derive(Default)]
    Precision {
        /// Single precision.
        #[default]
        F32 = "f32",
        /// Double precision, weights too: slower, to tell what rounding does to a training. On the CPU.
        F64 = "f64",
        /// Products of 10 bits of mantissa, sums in single precision. NVIDIA's GPUs from Ampere on.
        Tf32 = "tf32",
        /// Feature maps and products in bfloat16, sums in single precision. NVIDIA's GPUs from Ampere on.
        Bf16 = "bf16",
    }
}

choice! {
    /// A part of a split.
    Subset {
        /// Trained on.
        Train = "train",
        /// Selected by.
        Validation = "validation",
        /// Reported on.
        Test = "test",
    }
}

choice! {
    /// Which epoch's weights count.
    EpochChoice {
        /// The epoch with the best validation value of the objective's metric; the earliest of equals.
        Best = "best",
        /// The last.
        Last = "last",
    }
}

choice! {
    /// What executes a job.
    Trainer {
        /// Trains a network.
        Candle = "candle",
        /// Waits and makes metrics up, to load the coordinator.
        Simulated = "simulated",
    }
}

choice! {
    /// How cases are assigned to subsets.
    Scheme {
        /// One random permutation a split seed, cut into train, validation and test.
        Random = "random",
        /// One random permutation for every four split seeds, cut into four blocks that take turns; see [`Split::turn`](super::Split::turn).
        Rotation = "rotation",
        /// One random permutation for every [`Split::folds`](super::Split::folds) split seeds, cut into folds that are tested in turn.
        KFold = "kfold",
        /// The cases that a list names for each split seed.
        File = "file",
    }
}

choice! {
    /// What the subsets must have in proportion.
    #[derive(Default)]
    Stratify {
        /// Nothing: chance alone decides.
        #[default]
        None = "none",
        /// The share of the image that the lesion covers, in five bins of equally many cases.
        LesionFraction = "lesion_fraction",
    }
}
