//! Data sets, and what workers find.

use super::InvalidMessage;
use crate::cases::{CaseLists, Marks};
use crate::data::{Dataset, Format, Inventory, Synthetic, is_inner_folder, is_part_of_a_name};
use crate::ids::ContentHash;
use crate::text::Line;
use crate::wire;

impl From<&Dataset> for wire::Dataset {
    fn from(dataset: &Dataset) -> Self {
        let format = match dataset.format {
            Format::Ph2 => wire::DatasetFormat::Ph2,
            Format::Folder => wire::DatasetFormat::Folder,
            Format::Synthetic => wire::DatasetFormat::Synthetic,
        };
        Self {
            name: dataset.name.clone(),
            format: format.into(),
            root: dataset.root.clone().unwrap_or_default(),
            cases: dataset.synthetic.map_or(0, |synthetic| synthetic.cases),
            seed: dataset.synthetic.map_or(0, |synthetic| synthetic.seed),
            lists: lists_to_wire(&dataset.lists),
            images: dataset.images.clone(),
            masks: dataset.masks.clone(),
            image_prefix: dataset.image_prefix.clone(),
            image_suffix: dataset.image_suffix.clone(),
            mask_prefix: dataset.mask_prefix.clone(),
            mask_suffix: dataset.mask_suffix.clone(),
            mask: dataset.mask.to_string(),
            invert: dataset.invert,
        }
    }
}

fn lists_to_wire(lists: &CaseLists) -> String {
    if lists.is_empty() {
        return String::new();
    }
    // maps and lists of text can be written
    serde_json::to_string(lists).unwrap_or_else(|error| unreachable!("{error}"))
}

impl TryFrom<&wire::Dataset> for Dataset {
    type Error = InvalidMessage;

    fn try_from(dataset: &wire::Dataset) -> Result<Self, InvalidMessage> {
        let format = match dataset.format() {
            wire::DatasetFormat::Unspecified => return Err(InvalidMessage::Value("dataset.format")),
            wire::DatasetFormat::Ph2 => Format::Ph2,
            wire::DatasetFormat::Folder => Format::Folder,
            wire::DatasetFormat::Synthetic => Format::Synthetic,
        };
        let checked = |text: &Option<String>, is_valid: fn(&str) -> bool, name| {
            let is_valid = text.as_deref().is_none_or(is_valid);
            if is_valid { Ok(text.clone()) } else { Err(InvalidMessage::Value(name)) }
        };
        Ok(Self {
            name: dataset.name.clone(),
            format,
            root: Some(dataset.root.clone()).filter(|root| !root.is_empty()),
            synthetic: (format == Format::Synthetic).then_some(Synthetic { cases: dataset.cases, seed: dataset.seed }),
            lists: match &*dataset.lists {
                "" => Box::default(),
                lists => serde_json::from_str(lists).map_err(|_| InvalidMessage::Value("dataset.lists"))?,
            },
            images: checked(&dataset.images, is_inner_folder, "dataset.images")?,
            masks: checked(&dataset.masks, is_inner_folder, "dataset.masks")?,
            image_prefix: checked(&dataset.image_prefix, is_part_of_a_name, "dataset.image_prefix")?,
            image_suffix: checked(&dataset.image_suffix, is_part_of_a_name, "dataset.image_suffix")?,
            mask_prefix: checked(&dataset.mask_prefix, is_part_of_a_name, "dataset.mask_prefix")?,
            mask_suffix: checked(&dataset.mask_suffix, is_part_of_a_name, "dataset.mask_suffix")?,
            mask: dataset.mask.parse().map_err(|_| InvalidMessage::Value("dataset.mask"))?,
            invert: dataset.invert,
        })
    }
}

impl From<&Inventory> for wire::Inventory {
    fn from(inventory: &Inventory) -> Self {
        let Marks { groups, fixed_test } = inventory.marks.clone();
        Self { content: inventory.content.to_string(), cases: inventory.cases.clone(), groups, fixed_test }
    }
}

impl TryFrom<wire::Inventory> for Inventory {
    type Error = InvalidMessage;

    fn try_from(inventory: wire::Inventory) -> Result<Self, InvalidMessage> {
        let wire::Inventory { content, cases, groups, fixed_test } = inventory;
        let (all, marks) = (cases.len(), Marks { groups, fixed_test });
        if !marks.fit(all) {
            return Err(InvalidMessage::Value("inventory"));
        }
        let cases = cases.iter().map(|case| Line::name(case).into()).collect();
        Ok(Self { content: content.parse::<ContentHash>()?, cases, marks })
    }
}
