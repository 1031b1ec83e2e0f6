//! Baselines against `tests/reference/otsu.py`.

use proto::data::Inventory;
use proto::extras::Baseline;
use proto::ids::ContentHash;
use proto::measure::Counts;
use worker::data::CaseSet;
use worker::train::baselines::Baselines;
use worker::train::otsu::segment;

const SIZE: i64 = 48;

/// Blue and mask of a made-up case: a dark disk with a hole, a dark corner, dark hairs.
fn made_up(case: i64) -> (Vec<u8>, Vec<u8>) {
    let pixel = |at: i64| {
        let (x, y) = (at % SIZE, at / SIZE);
        let noise = (x * 7919 + y * 104_729 + case * 1_299_709 + x * y * 31) % 41;
        let light = 150 + noise + case * 5 % 30;
        let ring = (x - 20 - case).pow(2) + (y - 25).pow(2);
        let lesion = ring <= (8 + case).pow(2) && ring > 9;
        let dark = lesion || x + y < 14 + case || (x + 2 * y + case) % 17 == 0;
        let truth = (x - 21 - case).pow(2) + (y - 24).pow(2) <= (9 + case).pow(2);
        ((if dark { light - 90 } else { light }) as u8, u8::from(truth))
    };
    (0..SIZE * SIZE).map(pixel).unzip()
}

fn cases(count: i64) -> CaseSet {
    let (mut images, mut masks) = (Vec::new(), Vec::new());
    for case in 0..count {
        let (blue, mask) = made_up(case);
        // red and green are not looked at
        images.extend(vec![7; 2 * mask.len()]);
        images.extend(blue);
        masks.extend(mask);
    }
    let inventory = Inventory::new(ContentHash(0), (0..count).map(|case| case.to_string()).collect());
    CaseSet::new(inventory, SIZE as u32, images, masks)
}

fn counts(baseline: Baseline, train: &[u32], cases: &CaseSet) -> Vec<[u32; 4]> {
    let all: Vec<u32> = (0..cases.inventory.cases.len() as u32).collect();
    let counts = Baselines::new(cases, train).counts(baseline, &all);
    assert!(counts.iter().map(|case| case.case).eq(all));
    counts.iter().map(|case| case.counts).map(|Counts { tp, fp, fn_, tn }| [tp, fp, fn_, tn]).collect()
}

#[test]
fn otsu_finds_what_scipy_finds() {
    let expected = [[190, 3, 63, 2048], [251, 4, 66, 1983], [312, 8, 65, 1919], [372, 8, 69, 1855], [439, 5, 90, 1770]];
    assert_eq!(counts(Baseline::Otsu, &[], &cases(5)), expected);
}

#[test]
fn constant_masks_count_what_they_cover() {
    let cases = cases(3);
    let area = |case: u32| cases.mask(case).iter().map(|&pixel| u32::from(pixel)).sum::<u32>();
    let all = counts(Baseline::AllForeground, &[], &cases);
    let pixels = (SIZE * SIZE) as u32;
    assert_eq!(all, [0, 1, 2].map(|case| [area(case), pixels - area(case), 0, 0]));
    // the mean of one training mask is that mask
    let mean = counts(Baseline::MeanMask, &[1], &cases);
    assert_eq!(mean[1], [area(1), 0, 0, pixels - area(1)]);
    assert!(mean[0][1] > 0 && mean[2][2] > 0, "{mean:?}");
}

#[test]
fn images_without_a_lesion_have_none() {
    assert!(!segment(&[9; 3 * 64], 8).contains(&true), "all equal");
    let shadow: Vec<u8> = (0..3 * 64).map(|value| if value % 8 < 4 { 20 } else { 200 }).collect();
    assert!(!segment(&shadow, 8).contains(&true), "all that is dark reaches into a corner");
}
