//! Every statistic against numbers that numpy and scipy made (`tests/reference/stats.py`), to 1e-8 relative.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use coordinator::stats::anova::{self, OneWay, Term};
use coordinator::stats::clustered::Cells;
use coordinator::stats::distributions::{StudentT, studentized_range_quantile};
use coordinator::stats::flips;
use coordinator::stats::interval::{clopper_pearson, of_mean, wilson};
use coordinator::stats::multiple::{benjamini_hochberg, holm};
use coordinator::stats::paired::{Moments, e_value, five_by_two_f, five_by_two_t, sign_test};
use coordinator::stats::posterior::Correlated;
use coordinator::stats::ranks::{Friedman, average_ranks, critical_difference};
use coordinator::stats::superiority::{noether_n, paired, unpaired, violation_ratio};
use coordinator::stats::{Interval, Summary, Wilcoxon, power};
use serde_json::Value;
use std::collections::BTreeMap;

const RATIO: f64 = 0.5;
const NAMES: [&str; 5] = ["A", "B", "C", "D", "E"];

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/statistics.json")).unwrap()
}

#[track_caller]
fn close(found: f64, expected: &Value) {
    close_to(found, expected, 1e-8);
}

#[track_caller]
fn close_to(found: f64, expected: &Value, tolerance: f64) {
    let expected = expected.as_f64().unwrap_or_else(|| panic!("{expected} is no number"));
    // what scipy gives as exactly zero
    let slack = if expected == 0.0 { 1e-15 } else { tolerance * expected.abs() };
    assert!((found - expected).abs() <= slack, "found {found}, expected {expected}");
}

#[track_caller]
fn interval_close(found: Interval, expected: &Value) {
    close(found.low, &expected[0]);
    close(found.high, &expected[1]);
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

/// The scores of each candidate.
fn scores(golden: &Value) -> Vec<Vec<f64>> {
    let splits = rows(&golden["Y"]);
    (0..NAMES.len()).map(|candidate| splits.iter().map(|split| split[candidate]).collect()).collect()
}

fn differences(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// The pairs, as they are named there, with the indices of the two.
fn pairs() -> Vec<(String, usize, usize)> {
    let ordered = |a: usize| (a + 1..NAMES.len()).map(move |b| (format!("{}{}", NAMES[a], NAMES[b]), a, b));
    (0..NAMES.len()).flat_map(ordered).collect()
}

fn entries(value: &Value) -> BTreeMap<&str, &Value> {
    value.as_object().unwrap().iter().map(|(key, value)| (key.as_str(), value)).collect()
}

#[test]
fn summaries_and_intervals_of_a_candidate_equal_the_reference() {
    let golden = golden();
    for (name, scores) in NAMES.iter().zip(scores(&golden)) {
        let (expected, summary) = (&golden["marginal"][name], Summary::of(&scores));
        close(summary.mean.unwrap(), &expected["mean"]);
        close(summary.sd.unwrap(), &expected["sd"]);
        close(summary.median.unwrap(), &expected["median"]);
        close(summary.iqm.unwrap(), &expected["iqm"]);
        let interval = |ratio| of_mean(scores.len(), summary.mean.unwrap(), summary.sd.unwrap(), ratio, 0.05).unwrap();
        interval_close(interval(0.0), &expected["ci_naive"]);
        interval_close(interval(RATIO), &expected["ci_nb"]);
    }
    close(StudentT::new(11.0).critical(0.05), &golden["t_975_df11"]);
}

#[test]
fn tests_of_a_pair_by_itself_equal_the_reference() {
    let golden = golden();
    let scores = scores(&golden);
    for (name, a, b) in pairs() {
        let expected = &golden["pairs"][&name];
        let differences = differences(&scores[a], &scores[b]);
        let moments = Moments::of(&differences).unwrap();
        close(moments.mean, &expected["mean"]);
        close(moments.sd, &expected["sd"]);
        close(moments.t(0.0), &expected["t_naive"]);
        close(moments.p(0.0), &expected["p_naive"]);
        close(moments.t(RATIO), &expected["t_nb"]);
        close(moments.p(RATIO), &expected["p_nb"]);
        let (statistic, p) = Wilcoxon::default().test(&differences);
        close(statistic, &expected["wilcoxon"][0]);
        close(p, &expected["wilcoxon"][1]);
        let posterior = Correlated::of(&moments, RATIO);
        let [worse, _, better] = posterior.split(0.0);
        close(worse, &expected["baycomp_rope0"][0]);
        close(better, &expected["baycomp_rope0"][1]);
        for (found, expected) in posterior.split(0.01).into_iter().zip(expected["baycomp_rope01"].as_array().unwrap()) {
            close(found, expected);
        }
        let positive = differences.iter().filter(|difference| **difference > 0.0).count();
        close(sign_test(positive, differences.len() - positive), &expected["sign"][2]);
        close(paired(&differences).unwrap(), &expected["poi_paired"]);
        close(unpaired(&scores[a], &scores[b]).unwrap(), &expected["poi_unpaired_mw"]);
    }
}

#[test]
fn corrections_and_sign_flips_of_a_family_equal_the_reference() {
    let golden = golden();
    let scores = scores(&golden);
    let p = |(_, a, b): &(String, usize, usize)| Moments::of(&differences(&scores[*a], &scores[*b])).unwrap().p(RATIO);
    let raw: Vec<f64> = pairs().iter().map(p).collect();
    for ((name, ..), (holm, bh)) in pairs().iter().zip(holm(&raw).iter().zip(benjamini_hochberg(&raw))) {
        close(*holm, &golden["pairs"][name]["p_nb_holm"]);
        close(bh, &golden["pairs"][name]["p_nb_bh"]);
    }
    // the two ways to say what is flipped are one
    let rows: Vec<_> = pairs().iter().map(|(_, a, b)| (*a as u32, *b as u32)).collect();
    let wanted: Vec<_> = (0..rows.len()).collect();
    let part = |a: usize, b: usize| differences(&scores[a], &scores[b]);
    for is_whole in [true, false] {
        let whole = vec![is_whole; scores.len()];
        let family = flips::Family { rows: &scores, whole: &whole, pairs: &rows, wanted: &wanted, differences: &part };
        let test = flips::flip_test(&family, 12, 0);
        assert!(test.exact);
        assert_eq!(test.count, 4096);
        for (index, (name, ..)) in pairs().iter().enumerate() {
            close(test.p[index], &golden["signflip"][name]["signflip_p"]);
            close(test.p_max[index], &golden["signflip"][name]["maxT_p"]);
        }
    }
}

#[test]
fn ranks_and_friedmans_test_equal_the_reference() {
    let golden = golden();
    let mut ties = 0.0;
    let ranks: Vec<Vec<f64>> = rows(&golden["Y"])
        .iter()
        .map(|split| {
            let mut ranks = vec![0.0; split.len()];
            let negated: Vec<f64> = split.iter().map(|score| -score).collect();
            ties += average_ranks(&negated, &mut ranks);
            ranks
        })
        .collect();
    let friedman = Friedman::of(&ranks, ties).unwrap();
    let expected = &golden["friedman"];
    for (mean, name) in friedman.mean_ranks.iter().zip(NAMES) {
        close(*mean, &golden["avg_rank"][name]);
    }
    close(friedman.chi_squared, &expected["chi2"]);
    close(friedman.p(), &expected["p"]);
    let (f, df, p) = friedman.iman_davenport();
    close(f, &expected["iman_davenport_F"]);
    assert_eq!(df, (4.0, 44.0));
    close(p, &expected["p_F"]);
    close(friedman.kendall_w(), &expected["kendall_W"]);
    close(critical_difference(5, 12, 0.05), &golden["nemenyi"]["CD05"]);
    for a in 0..5 {
        for b in 0..5 {
            // scipy integrates to about 1e-11, which is less than eight digits of the least of these
            let expected = golden["nemenyi"]["p"][a][b].as_f64().unwrap();
            assert!((friedman.nemenyi_p(a, b) - expected).abs() < 1e-10, "{a} {b}");
            close(friedman.conover_p(a, b), &golden["conover_friedman_p"][a][b]);
        }
    }
    for (k, expected) in entries(&golden["q_nemenyi_05"]) {
        close(studentized_range_quantile(0.05, k.parse().unwrap()) / 2.0_f64.sqrt(), expected);
    }
}

#[test]
fn numbers_of_splits_and_detectable_differences_equal_the_reference() {
    let golden = golden();
    for (p, expected) in entries(&golden["noether_n"]) {
        close(noether_n(p.parse().unwrap(), 0.05, 0.05), expected);
    }
    for (effect, expected) in entries(&golden["paired_t_n80"]) {
        let effect = effect.parse().unwrap();
        let n = expected[0].as_u64().unwrap() as usize;
        close(power::power(effect, n, 0.0, 0.05), &expected[1]);
        // the least number of splits: one less does not detect it
        assert!(power::detectable(n, 0.0, 0.05, 0.8) <= effect && power::detectable(n - 1, 0.0, 0.05, 0.8) > effect);
    }
    for (table, alpha) in [("mde80_in_sd_units", 0.05), ("mde80_holm10pairs", 0.005)] {
        for (ratio, numbers) in entries(&golden[table]) {
            for (n, expected) in entries(numbers) {
                close(power::detectable(n.parse().unwrap(), ratio.parse().unwrap(), alpha, 0.8), expected);
            }
        }
    }
}

/// The estimates of all components of a crossing.
fn estimates(levels: &[usize], terms: &[Term]) -> Vec<f64> {
    let sum =
        |combination: &Vec<(usize, f64)>| combination.iter().map(|(term, by)| by * terms[*term].mean_square()).sum();
    anova::combinations(levels).iter().map(sum).collect()
}

#[test]
fn components_of_variance_equal_the_reference() {
    let golden = golden();
    let expected = &golden["varcomp_oneway"];
    let one = OneWay::of(&rows(&expected["Z"])).unwrap();
    close(one.between, &expected["MSB"]);
    close(one.within, &expected["MSW"]);
    close(one.component(), &expected["var_split"]);
    close(one.correlation(), &expected["ICC"]);
    close(one.f().0, &expected["F"]);
    close(one.f().1, &expected["p"]);

    for (table, candidates) in [("twoway_config_split", 5), ("twoway_config_split_ABCD", 4)] {
        let values: Vec<f64> = rows(&golden["Y"]).iter().flat_map(|split| split[..candidates].to_vec()).collect();
        let terms = anova::terms(&[12, candidates], &values);
        let components = estimates(&[12, candidates], &terms);
        let names = [("MS_split", "var_split"), ("MS_config", "var_config"), ("MS_resid", "var_resid")];
        for ((term, component), (square, variance)) in terms.iter().zip(components).zip(names) {
            close(term.mean_square(), &golden[table][square]);
            close(component, &golden[table][variance]);
        }
    }

    let expected = &golden["threeway"];
    let values: Vec<f64> =
        expected["Z"].as_array().unwrap().iter().flat_map(|rows_of| rows(rows_of).concat()).collect();
    let terms = anova::terms(&[3, 2, 2], &values);
    let components = estimates(&[3, 2, 2], &terms);
    for ((term, component), name) in terms.iter().zip(components).zip(["S", "I", "SI", "O", "SO", "IO", "SIO"]) {
        close(term.mean_square(), &expected["MS"][name]);
        close(component, &expected["V"][name]);
    }
}

#[test]
fn variances_clustered_by_case_and_split_equal_the_reference() {
    let expected = &golden()["twoway_cluster"];
    let mut cells = Cells::default();
    cells.clear(4);
    for (tested, differences) in rows(&expected["T"]).iter().zip(rows(&expected["d"])) {
        let cases: Vec<u32> = (0..4).filter(|case| tested[*case as usize] > 0.0).collect();
        let differences: Vec<f64> = cases.iter().map(|case| differences[*case as usize]).collect();
        cells.add_split(&cases, &differences, &[0.0; 4]);
    }
    let found = cells.mean().unwrap();
    close(found.mean, &expected["mean"]);
    close(found.variance, &expected["V"]);
    for (part, name) in found.parts.iter().zip(["V_image", "V_split", "V_both"]) {
        close(*part, &expected[name]);
    }
}

#[test]
fn anytime_evidence_halved_splits_and_order_violations_equal_the_reference() {
    let golden = golden();
    let scores = scores(&golden);
    for (name, b) in [("evalue_t_AD", 3), ("evalue_t_AB", 1)] {
        for (n, expected) in entries(&golden[name]) {
            let n = n.parse().unwrap();
            let t = Moments::of(&differences(&scores[0][..n], &scores[b][..n])).unwrap().t(0.0);
            close(e_value(t, n, 1.0), expected);
        }
    }
    let expected = &golden["fivextwo"];
    let halves: Vec<[f64; 2]> = rows(&expected["D"]).iter().map(|row| [row[0], row[1]]).collect();
    let halves: [[f64; 2]; 5] = halves.try_into().unwrap();
    let (t, f) = (five_by_two_t(&halves), five_by_two_f(&halves));
    for (found, name) in [(t.0, "t"), (t.1, "p_t"), (f.0, "F"), (f.1, "p_F")] {
        close(found, &expected[name]);
    }
    for (name, a, b) in [("AB", 0, 1), ("CB", 2, 1), ("BC", 1, 2)] {
        let found = violation_ratio(&scores[a], &scores[b], 0.005).unwrap();
        close(found, &golden["aso_violation_ratio"][format!("{name}_dt005")]);
    }
}

#[test]
fn intervals_of_a_probability_equal_the_reference() {
    let golden = golden();
    for (case, expected) in entries(&golden["wilson"]) {
        let (count, of) = case.split_once('/').unwrap();
        let (count, of) = (count.parse::<usize>().unwrap(), of.parse().unwrap());
        interval_close(wilson(count as f64, of, 0.05), expected);
        interval_close(clopper_pearson(count, of, 0.05), &golden["clopper_pearson"][case]);
    }
}

#[test]
fn published_libraries_find_the_same_numbers() {
    // rliable: metrics_test.py
    let (x, y) = ([[1.0, 2.0], [2.0, 2.0], [1.0, 1.0], [2.0, 1.0]], [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]);
    let of_task = |task: usize| unpaired(&x.map(|run| run[task]), &y.map(|run| run[task])).unwrap();
    assert!((f64::midpoint(of_task(0), of_task(1)) - 1.0 / 3.0).abs() < 1e-15);
    assert_eq!(Summary::of(x.as_flattened()).iqm, Some(1.5));
    assert_eq!(Summary::of(y.as_flattened()).iqm, Some(2.0));
    // baycomp: test_single.py, where the correction of nfolds = 3 is 1/2 and the difference is y - x
    let moments = Moments::of(&differences(&[5.0, 7.0, 3.0], &[4.0, 2.0, 6.0])).unwrap();
    let posterior = Correlated::of(&moments, 0.5);
    assert!((posterior.mean - 1.0).abs() < 1e-15 && (posterior.df - 2.0).abs() < 1e-15);
    assert!((posterior.variance - 16.0 * (1.0 / 3.0 + 0.5)).abs() < 1e-12);
}
