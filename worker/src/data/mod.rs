//! Folders and files -> cases -> splits.

pub mod split;

use proto::data::Inventory;

/// The cases of a data set at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseSet {
    /// What the data set holds; `inventory.cases[i]` is the id of case `i`.
    pub inventory: Inventory,
    /// Height and width of the images, pixels.
    pub image_size: u32,
    /// Red, green and blue, 0 to 255: `[cases, 3, image_size, image_size]`.
    pub images: Vec<u8>,
    /// 1 where the lesion is, else 0: `[cases, image_size, image_size]`.
    pub masks: Vec<u8>,
}
