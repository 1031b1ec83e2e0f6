#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use super::changes::{CONTROL_POINTS, Changes};
use super::geometry::Geometry;
use super::{Augmenter, Changed, blur, cutout, light, noise, resample, to_byte};
use crate::seed;
use proto::spec::{Augmentation, Preset};
use std::path::Path;

/// Numbers of `tests/reference/augmentation.py`.
struct Reference(serde_json::Value);

impl Reference {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/augmentation.json");
        Self(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
    }

    fn size(&self) -> usize {
        self.0["size"].as_u64().unwrap() as usize
    }

    fn picture(&self) -> Vec<u8> {
        self.0["picture"].as_array().unwrap().iter().map(|byte| byte.as_u64().unwrap() as u8).collect()
    }

    /// Checks that every seventh value is that of the reference, up to how bytes are rounded.
    fn assert_close(&self, name: &str, found: &[u8]) {
        let expected: Vec<_> = self.0[name].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
        let found: Vec<_> = found.iter().step_by(7).map(|&byte| f64::from(byte)).collect();
        assert_eq!(found.len(), expected.len());
        for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert!((found - expected).abs() < 1.01, "{name}, value {index}: {found}, expected {expected}");
        }
        let mean = found.iter().zip(&expected).map(|(found, expected)| (found - expected).abs()).sum::<f64>();
        assert!(mean / (found.len() as f64) < 0.5, "{name}: off by {mean} in all");
    }

    fn moved(&self, changes: &Changes) -> Vec<u8> {
        let (size, picture) = (self.size(), self.picture());
        let geometry = Geometry::new(changes, size).unwrap();
        resample::resample(&geometry, &picture, &picture[..size * size]).image
    }
}

#[test]
fn geometry_is_that_of_scipy() {
    let reference = Reference::read();
    let controls = |axis: usize| -> [f64; CONTROL_POINTS] {
        let rows = reference.0["controls"][axis].as_array().unwrap().iter();
        let all = rows.flat_map(|row| row.as_array().unwrap()).map(|pixels| pixels.as_f64().unwrap());
        let shares: Vec<_> = all.map(|pixels| pixels / reference.size() as f64).collect();
        shares.try_into().unwrap()
    };
    let cases = [
        ("flip_x", Changes { flips: [true, false], ..Changes::NONE }),
        ("turn", Changes { quarter_turns: 1, ..Changes::NONE }),
        ("rotation", Changes { angle: 0.5, ..Changes::NONE }),
        (
            "all",
            Changes { flips: [false, true], quarter_turns: 3, angle: -0.3, shear: 0.2, scale: 1.3, ..Changes::NONE },
        ),
        ("shrunk", Changes { scale: 0.4, ..Changes::NONE }),
        ("elastic", Changes { elastic: Some([controls(0), controls(1)]), ..Changes::NONE }),
    ];
    for (name, changes) in cases {
        reference.assert_close(name, &reference.moved(&changes));
    }
}

#[test]
fn light_is_that_of_pillow_and_colorsys() {
    let reference = Reference::read();
    let cases = [
        ("brightness", Changes { brightness: 1.25, ..Changes::NONE }),
        ("contrast", Changes { contrast: 0.6, ..Changes::NONE }),
        ("gamma", Changes { gamma: 1.7, ..Changes::NONE }),
        ("hue", Changes { hue: 0.15, ..Changes::NONE }),
        ("hue_back", Changes { hue: -0.3, ..Changes::NONE }),
    ];
    for (name, changes) in cases {
        let mut picture = reference.picture();
        assert!(changes.changes_light());
        light::apply(&changes, &mut picture, reference.size() * reference.size());
        reference.assert_close(name, &picture);
    }
}

#[test]
fn a_blur_is_that_of_scipy() {
    let reference = Reference::read();
    let size = reference.size();
    let mut values: Vec<f32> = reference.picture().into_iter().map(f32::from).collect();
    values.chunks_mut(size * size).for_each(|plane| blur::apply(plane, size, 1.3));
    reference.assert_close("blur", &values.into_iter().map(to_byte).collect::<Vec<_>>());
}

/// Flips and quarter turns move every pixel to a pixel, so nothing is lost and four turns are none.
#[test]
fn flips_and_quarter_turns_lose_nothing() {
    let reference = Reference::read();
    let (size, picture) = (reference.size(), reference.picture());
    let mask: Vec<u8> = picture[..size * size].iter().map(|value| value % 2).collect();
    for changes in [
        Changes { flips: [true, false], ..Changes::NONE },
        Changes { flips: [false, true], ..Changes::NONE },
        Changes { quarter_turns: 1, ..Changes::NONE },
        Changes { quarter_turns: 3, flips: [true, true], ..Changes::NONE },
    ] {
        let geometry = Geometry::new(&changes, size).unwrap();
        let mut changed = Changed { image: picture.clone(), mask: mask.clone() };
        for turn in 0..4 {
            changed = resample::resample(&geometry, &changed.image, &changed.mask);
            assert!(turn > 0 || changed.image != picture, "nothing moves");
        }
        assert_eq!(changed, Changed { image: picture.clone(), mask: mask.clone() }, "{changes:?}");
    }
}

/// A picture whose first channel shows its mask: after any geometry it still does.
fn shown(size: usize) -> (Vec<u8>, Vec<u8>) {
    let inside =
        |at: usize| (at % size).abs_diff(size / 3).pow(2) + (at / size).abs_diff(size / 2).pow(2) < size * size / 16;
    let mask: Vec<u8> = (0..size * size).map(|at| u8::from(inside(at))).collect();
    let image = (0..3).flat_map(|channel| mask.iter().map(move |value| 200 * value / (channel + 1) + 20)).collect();
    (image, mask)
}

#[test]
fn image_and_mask_stay_together() {
    const SIZE: usize = 48;
    let (image, mask) = shown(SIZE);
    let geometry = Augmentation {
        brightness: 0.0,
        contrast: 0.0,
        gamma: 0.0,
        hue: 0.0,
        noise: 0.0,
        blur: 0.0,
        cutout: 0.0,
        ..Preset::Strong.into()
    };
    let augmenter = Augmenter::new(geometry, 3, SIZE).unwrap();
    let mut different = 0;
    for epoch in 1..=20 {
        let changed = augmenter.change(epoch, 0, &image, &mask);
        // 120 is half of each, rounded up or down
        let agrees = |(&value, &inside): (&u8, &u8)| value == 120 || (value > 120) == (inside == 1);
        assert!(changed.image.iter().zip(&changed.mask).all(agrees), "{epoch}");
        different += usize::from(changed.mask != mask);
    }
    assert!(different >= 19, "{different} of 20");
}

#[test]
fn a_case_is_changed_by_seed_epoch_and_case_alone() {
    const SIZE: usize = 32;
    let (image, mask) = shown(SIZE);
    let change = |preset: Preset, seed, epoch, case| {
        Augmenter::new(preset.into(), seed, SIZE).unwrap().change(epoch, case, &image, &mask)
    };
    let first = change(Preset::Strong, 1, 1, 0);
    assert_eq!(first, change(Preset::Strong, 1, 1, 0));
    for other in [(2, 1, 0), (1, 2, 0), (1, 1, 1)] {
        assert_ne!(first, change(Preset::Strong, other.0, other.1, other.2), "{other:?}");
    }
    assert!(Augmenter::new(Preset::None.into(), 1, SIZE).is_none());
    assert!(Augmenter::new(Preset::Custom.into(), 1, SIZE).is_none());
}

/// A change that is added leaves the draws of the others alone, and a wider range draws the same part of it.
#[test]
fn candidates_share_their_draws() {
    let draw = |of: &Augmentation| Changes::drawn(of, 5, 2, 7);
    let light = Augmentation::from(Preset::Light);
    let (one, two) = (draw(&light), draw(&Augmentation { noise: 0.1, rotation: 2.0 * light.rotation, ..light }));
    assert_eq!((one.flips, one.quarter_turns, one.scale), (two.flips, two.quarter_turns, two.scale));
    assert!((2.0 * one.angle - two.angle).abs() < 1e-12 && one.angle != 0.0);
}

#[test]
fn draws_keep_within_their_ranges() {
    let strong = Augmentation::from(Preset::Strong);
    let draws: Vec<_> = (0..2000).map(|case| Changes::drawn(&strong, 1, 1, case)).collect();
    let all = |within: &dyn Fn(&Changes) -> bool| draws.iter().all(within);
    let share = |of: &dyn Fn(&Changes) -> bool| draws.iter().filter(|draw| of(draw)).count() as f64 / 2000.0;
    assert!(all(&|draw| draw.angle.abs() <= strong.rotation.to_radians()));
    assert!(all(&|draw| (1.0 / (1.0 + strong.scale)..=1.0 + strong.scale).contains(&draw.scale)));
    assert!(all(&|draw| (draw.brightness - 1.0).abs() <= strong.brightness && draw.hue.abs() <= strong.hue));
    assert!(all(&|draw| draw.cutout.unwrap().1 <= strong.cutout && draw.noise.as_ref().unwrap().0 <= strong.noise));
    for half in [
        share(&|draw| draw.flips[0]),
        share(&|draw| draw.flips[1]),
        share(&|draw| draw.angle > 0.0),
        share(&|draw| draw.scale > 1.0),
        share(&|draw| draw.quarter_turns % 2 == 0),
        share(&|draw| draw.quarter_turns < 2),
        share(&|draw| draw.gamma > 1.0),
    ] {
        // four standard deviations
        assert!((half - 0.5).abs() < 0.045, "{half}");
    }
    let control = |draw: &Changes| draw.elastic.unwrap()[1][9];
    let deviation = (draws.iter().map(|draw| control(draw).powi(2)).sum::<f64>() / 2000.0).sqrt();
    assert!((deviation / strong.elastic - 1.0).abs() < 0.07, "{deviation}");
}

#[test]
fn noise_has_its_deviation() {
    let mut values = vec![100.0; 30_001];
    noise::apply(&mut values, 0.05, &mut seed::stream("noise", &[1]));
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64;
    let squares = values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>();
    let deviation = (squares / values.len() as f64).sqrt();
    assert!((mean - 100.0).abs() < 0.3 && (deviation / (0.05 * 255.0) - 1.0).abs() < 0.02, "{mean} {deviation}");
}

#[test]
fn a_square_is_cut_out_and_may_reach_beyond_the_edge() {
    const SIZE: usize = 10;
    let cut = |middle, side| {
        let mut plane: Vec<u8> = (0..SIZE * SIZE).map(|at| if at < 50 { 0 } else { 200 }).collect();
        cutout::apply(&mut plane, SIZE, (middle, side));
        plane.iter().filter(|&&value| value == 100).count()
    };
    assert_eq!([cut([0.5, 0.5], 0.4), cut([0.0, 1.0], 0.4), cut([0.5, 0.5], 0.0)], [16, 4, 0]);
}
