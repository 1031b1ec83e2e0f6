//! Axes -> points -> candidates.
//!
//! ```text
//!  axes --product--> points --exclude--> fewer --include--> more --template--> candidates
//! ```
//!
//! An axis may apply to some points only, as `losses.focal.gamma` does to those with the focal loss: the others have no
//! value on it and are not repeated. A point's axes are in the file's order, a candidate's in the table's.

use super::{AxisValue, Candidate};
use proto::file::{Key, Setting};
use proto::spec::JobSpec;

/// An axis of the grid.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub(super) key: Key,
    /// At least one, all different.
    pub(super) values: Vec<Setting>,
}

/// A grid point: its setting on each axis, `None` where the axis does not apply.
pub(super) type Point = Vec<Option<Setting>>;

/// The axes of a sweep file, in its order, with what all points have in common.
#[derive(Debug)]
pub(super) struct Grid {
    pub(super) axes: Vec<Axis>,
    /// The settings of the sections.
    pub(super) fixed: Vec<Setting>,
    /// Groups of axes, by their indices, that advance together: all have equally many values.
    pub(super) zips: Vec<Vec<usize>>,
}

impl Grid {
    /// Whether a key applies to a point of which at least the deciding axes are chosen.
    pub(super) fn applies(&self, key: Key, point: &[Option<Setting>]) -> bool {
        match key.needs() {
            None => true,
            Some(need) => self.fixed.iter().chain(point.iter().flatten()).any(|setting| need.is_met_by(setting)),
        }
    }

    /// Whether a key applies to any point of the axes.
    pub(super) fn applies_somewhere(&self, key: Key) -> bool {
        let Some(need) = key.needs() else { return true };
        self.fixed.iter().chain(self.axes.iter().flat_map(|axis| &axis.values)).any(|setting| need.is_met_by(setting))
    }

    /// Number of points, without making one; `None` beyond 2^128.
    pub(super) fn count(&self) -> Option<u128> {
        self.count_from(&self.by_decision(), &mut vec![None; self.axes.len()], &mut vec![0; self.axes.len()])
    }

    fn count_from(&self, rest: &[usize], point: &mut Point, indices: &mut Vec<usize>) -> Option<u128> {
        let Some((&index, rest)) = rest.split_first() else { return Some(1) };
        let axis = &self.axes[index];
        if !self.applies(axis.key, point) {
            return self.count_from(rest, point, indices);
        }
        let leader = self.leader(index, point).map(|leader| indices[leader]);
        // what decides nothing has as many points after each of its values
        let (positions, factor) = match leader {
            Some(position) => (position..position + 1, 1),
            None if axis.key.decides() => (0..axis.values.len(), 1),
            None => (0..1, axis.values.len() as u128),
        };
        let mut sum = 0_u128;
        for position in positions {
            point[index] = Some(axis.values[position].clone());
            indices[index] = position;
            sum = sum.checked_add(self.count_from(rest, point, indices)?)?;
        }
        point[index] = None;
        sum.checked_mul(factor)
    }

    /// The axis of its zip that is chosen already, which an axis must follow.
    fn leader(&self, index: usize, point: &[Option<Setting>]) -> Option<usize> {
        let zip = self.zips.iter().find(|zip| zip.contains(&index))?;
        zip.iter().copied().find(|other| *other != index && point[*other].is_some())
    }

    /// All points, the last axis varying fastest.
    pub(super) fn points(&self) -> Vec<Point> {
        let mut found = Vec::new();
        self.visit(&self.by_decision(), &mut vec![None; self.axes.len()], &mut vec![0; self.axes.len()], &mut found);
        // axes were visited with the deciding ones first; the file's order is that of the indices
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        found.into_iter().map(|(_, point)| point).collect()
    }

    fn visit(&self, rest: &[usize], point: &mut Point, indices: &mut Vec<usize>, found: &mut Vec<(Vec<usize>, Point)>) {
        let Some((&index, rest)) = rest.split_first() else {
            found.push((indices.clone(), point.clone()));
            return;
        };
        let axis = &self.axes[index];
        if !self.applies(axis.key, point) {
            return self.visit(rest, point, indices, found);
        }
        let leader = self.leader(index, point).map(|leader| indices[leader]);
        let follows = |(position, _): &(usize, &Setting)| leader.is_none_or(|leader| leader == *position);
        for (position, value) in axis.values.iter().enumerate().filter(follows) {
            point[index] = Some(value.clone());
            indices[index] = position;
            self.visit(rest, point, indices, found);
        }
        point[index] = None;
        indices[index] = 0;
    }

    /// Indices of the axes, those first that others depend on.
    pub(super) fn by_decision(&self) -> Vec<usize> {
        let mut order: Vec<_> = (0..self.axes.len()).collect();
        order.sort_by_key(|&index| !self.axes[index].key.decides());
        order
    }

    /// Indices of the axes in the table's order.
    fn by_column(&self) -> Vec<usize> {
        let mut order: Vec<_> = (0..self.axes.len()).collect();
        order.sort_by_key(|&index| {
            let key = self.axes[index].key;
            Key::MAIN.iter().position(|main| *main == key).unwrap_or(Key::MAIN.len())
        });
        order
    }

    /// Names of the axes in the table's order.
    pub(super) fn names(&self) -> Vec<String> {
        self.by_column().into_iter().map(|index| self.axes[index].key.name().to_owned()).collect()
    }

    /// The candidates of `points`, on top of `base`.
    pub(super) fn candidates(&self, points: &[Point], base: &JobSpec) -> Vec<Candidate> {
        let columns = self.by_column();
        let values = |point: &Point| -> Vec<Option<AxisValue>> {
            columns.iter().map(|&index| Some((&point[index].as_ref()?.value).into())).collect()
        };
        let candidate =
            |point: &Point| Candidate { values: values(point), template: self.template(point, base), simulation: None };
        points.iter().map(candidate).collect()
    }

    /// What the jobs of a point have in common, on top of `base`.
    pub(super) fn template(&self, point: &Point, base: &JobSpec) -> JobSpec {
        let mut template = base.clone();
        Setting::apply_all(self.fixed.iter().chain(point.iter().flatten()).cloned(), &mut template);
        template
    }
}

/// The settings of an exclusion, each with the index of its axis.
pub(super) type Pattern = Vec<(usize, Setting)>;

/// Whether a point has all settings of a pattern.
pub(super) fn matches(point: &Point, pattern: &Pattern) -> bool {
    pattern.iter().all(|(axis, setting)| point[*axis].as_ref() == Some(setting))
}
