//! The sections `grid`, `model`, `training`, `augmentation`, `evaluation`, `losses`, `include` and `exclude` -> axes and points.
//!
//! Every key of `model`, `training`, `augmentation`, `evaluation` and of a loss is a setting for all jobs in its section, or an axis under
//! `grid`.

use super::AxisValue;
use super::grid::{Axis, Grid, Pattern, Point, matches};
use super::range::range;
use proto::file::{Key, Mistake, Node, Section, Setting, settings};
use proto::spec::Architecture;
use std::collections::HashSet;

/// The key of `grid` that is no axis: which axes advance together.
const ZIP: &str = "zip";

/// Maximum number of entries of `include` and of `exclude`.
const MAX_ENTRIES: usize = 1000;

/// The grid as the file describes it, not yet expanded.
#[derive(Debug)]
pub(super) struct Axes<'a> {
    pub(super) grid: Grid,
    pub(super) include: Vec<(Node<'a>, Point)>,
    pub(super) exclude: Vec<(Node<'a>, Pattern)>,
}

impl<'a> Axes<'a> {
    /// Reads the sections; `None` if there is a mistake in one of them.
    pub(super) fn read(root: &Section<'a>) -> Option<Self> {
        let reader = root.node().reader();
        let before = reader.mistakes();
        let given = root.optional("grid", Vec::new(), axes);
        let zips = root.get("grid").and_then(|grid| grid.entry(ZIP));
        let fixed = settings(root);
        let given = given?;
        for (node, setting) in &fixed {
            if given.iter().any(|(_, axis)| axis.key == setting.key) {
                node.reject_key(Mistake::AlsoAxis);
            }
        }
        let main = Key::MAIN.into_iter().filter(|key| given.iter().all(|(_, axis)| axis.key != *key));
        let axes = main.filter_map(default_axis).chain(given.iter().map(|(_, axis)| axis.clone())).collect();
        let mut grid =
            Grid { axes, fixed: fixed.iter().map(|(_, setting)| setting.clone()).collect(), zips: Vec::new() };
        if let Some(node) = zips {
            grid.zips = read_zips(&node, &grid)?;
        }

        let include = entries(root.get("include"));
        let include: Vec<_> =
            include.into_iter().filter_map(|node| point(&node, &grid).map(|point| (node, point))).collect();
        let exclude = entries(root.get("exclude"));
        let exclude =
            exclude.into_iter().filter_map(|node| pattern(&node, &grid).map(|pattern| (node, pattern))).collect();

        let named = given.iter().map(|(node, axis)| (node, axis.key));
        // parameters of a loss may stand ready for a loss that the grid does not have
        let trained = fixed.iter().map(|(node, setting)| (node, setting.key)).filter(|(_, key)| !key.is_of_a_loss());
        for (node, key) in named.chain(trained) {
            if let (Some(need), false) = (key.needs(), has_effect(&grid, &include, key)) {
                node.reject_key(need.mistake());
            }
        }
        (reader.mistakes() == before).then_some(Self { grid, include, exclude })
    }

    /// Whether a key has an effect on any point.
    pub(super) fn has_effect(&self, key: Key) -> bool {
        has_effect(&self.grid, &self.include, key)
    }

    /// Upper bound of the number of points, without making one; `None` beyond 2^128.
    pub(super) fn count(&self) -> Option<u128> {
        self.grid.count()?.checked_add(self.include.len() as u128)
    }

    /// The networks of the grid.
    pub(super) fn architectures(&self) -> impl Iterator<Item = Architecture> {
        let axes = self.grid.axes.iter().flat_map(|axis| &axis.values);
        let included = self.include.iter().flat_map(|(_, point)| point.iter().flatten());
        let settings = axes.chain(included).filter(|setting| setting.key == Key::ARCHITECTURE);
        settings.filter_map(|setting| Architecture::from_name(&setting.value.to_string()))
    }

    /// The points: the product of the axes without the excluded, then the included.
    pub(super) fn points(&self) -> Option<Vec<Point>> {
        let mut fits = true;
        let mut points = self.grid.points();
        let mut used = vec![false; self.exclude.len()];
        points.retain(|point| {
            let mut kept = true;
            for ((_, pattern), used) in self.exclude.iter().zip(&mut used) {
                if matches(point, pattern) {
                    (*used, kept) = (true, false);
                }
            }
            kept
        });
        for ((node, _), _) in self.exclude.iter().zip(used).filter(|(_, used)| !used) {
            node.reject(Mistake::ExcludesNothing);
            fits = false;
        }
        for (node, point) in &self.include {
            if points.contains(point) {
                node.reject(Mistake::DuplicatePoint);
                fits = false;
            }
            points.push(point.clone());
        }
        if let (true, Some((last, _))) = (points.is_empty(), self.exclude.last()) {
            last.reject(Mistake::ExcludesAll);
            fits = false;
        }
        fits.then_some(points)
    }
}

fn has_effect(grid: &Grid, include: &[(Node<'_>, Point)], key: Key) -> bool {
    grid.applies_somewhere(key) || include.iter().any(|(_, point)| grid.applies(key, point))
}

fn default_axis(key: Key) -> Option<Axis> {
    Some(Axis { key, values: vec![key.default_setting()?] })
}

/// Reads the section `grid`.
fn axes<'a>(node: &Node<'a>) -> Option<Vec<(Node<'a>, Axis)>> {
    let names: Vec<_> = Key::all().map(Key::name).chain([ZIP]).collect();
    let section = Section::read(node, &names)?;
    let zipped: Vec<&str> = node.entry(ZIP).map(|zip| zip.texts()).unwrap_or_default();
    let axes: Vec<_> = section
        .entries()
        .iter()
        .filter_map(|(name, node)| Some((node, Key::from_name(name)?)))
        .map(|(node, key)| Some((node.clone(), Axis { key, values: values(key, node, zipped.contains(&key.name()))? })))
        .collect();
    axes.into_iter().collect()
}

/// Reads the groups of axes that advance together: a list of axes, or several such lists.
fn read_zips(node: &Node<'_>, grid: &Grid) -> Option<Vec<Vec<usize>>> {
    let items = node.items()?;
    let groups = if items.iter().all(Node::is_list) { items } else { vec![node.clone()] };
    let mut zips: Vec<Vec<usize>> = Vec::new();
    for group in &groups {
        let zip = read_zip(group, grid, &zips)?;
        zips.push(zip);
    }
    Some(zips)
}

/// Reads a group of axes that advance together.
fn read_zip(node: &Node<'_>, grid: &Grid, others: &[Vec<usize>]) -> Option<Vec<usize>> {
    let names: Vec<&'static str> = grid.axes.iter().map(|axis| axis.key.name()).collect();
    let mut zip: Vec<usize> = Vec::new();
    for item in node.items()? {
        let name = item.choice(&names)?;
        let index = names.iter().position(|other| *other == name)?;
        if zip.contains(&index) || others.iter().flatten().any(|other| *other == index) {
            item.reject(Mistake::ZippedTwice(name));
            return None;
        }
        let length = |index: usize| grid.axes[index].values.len();
        if let Some(&first) = zip.first().filter(|first| length(**first) != length(index)) {
            let (axis, values) = (name, length(index));
            item.reject(Mistake::UnequalZip { axis, values, first: names[first], first_values: length(first) });
            return None;
        }
        zip.push(index);
    }
    let [first, _, ..] = zip[..] else {
        node.reject(Mistake::ShortZip);
        return None;
    };
    let mut seen = HashSet::new();
    for position in 0..grid.axes[first].values.len() {
        let values = zip.iter().map(|index| AxisValue::from(&grid.axes[*index].values[position].value).to_string());
        let values = values.collect::<Vec<_>>().join(", ");
        if !seen.insert(values.clone()) {
            node.reject(Mistake::DuplicateValue(values));
            return None;
        }
    }
    Some(zip)
}

/// Reads the values of an axis: a list, a range, or a single value. Only an axis that advances with others may have a value twice.
fn values(key: Key, node: &Node<'_>, may_repeat: bool) -> Option<Vec<Setting>> {
    // a loss that is a mapping is a sum
    if node.is_mapping() && key != Key::LOSS {
        return range(key, node);
    }
    if !node.is_list() {
        return Some(vec![key.read(node)?]);
    }
    let items = node.items()?;
    if items.is_empty() {
        node.reject(Mistake::EmptyList);
        return None;
    }
    let mut seen = HashSet::new();
    let values: Vec<_> = items
        .iter()
        .map(|item| {
            let setting = key.read(item)?;
            let shown = AxisValue::from(&setting.value).to_string();
            if !seen.insert(shown.clone()) && !may_repeat {
                item.reject(Mistake::DuplicateValue(shown));
                return None;
            }
            Some(setting)
        })
        .collect();
    values.into_iter().collect()
}

/// The entries of `include` or `exclude`.
fn entries<'a>(node: Option<&Node<'a>>) -> Vec<Node<'a>> {
    let Some(node) = node else { return Vec::new() };
    let items = node.items().unwrap_or_default();
    if items.len() > MAX_ENTRIES {
        node.reject_key(Mistake::LongList { found: items.len(), limit: MAX_ENTRIES });
        return Vec::new();
    }
    items
}

/// Reads an entry of `exclude`: a value for some of the axes.
fn pattern(node: &Node<'_>, grid: &Grid) -> Option<Pattern> {
    let section = axis_section(node, grid)?;
    let axes = grid.axes.iter().enumerate();
    let given = axes.filter_map(|(index, axis)| Some((index, axis.key, section.get(axis.key.name())?)));
    let settings: Vec<_> = given.map(|(index, key, node)| key.read(node).map(|setting| (index, setting))).collect();
    settings.into_iter().collect()
}

/// Reads an entry of `include`: a value for every axis that has several.
fn point(node: &Node<'_>, grid: &Grid) -> Option<Point> {
    let before = node.reader().mistakes();
    let section = axis_section(node, grid)?;
    let mut point = vec![None; grid.axes.len()];
    for index in grid.by_decision() {
        let axis = &grid.axes[index];
        let given = section.get(axis.key.name());
        match (given, axis.key.needs().filter(|_| !grid.applies(axis.key, &point))) {
            (Some(node), Some(need)) => node.reject_key(need.mistake()),
            (None, Some(_)) => {}
            (Some(node), None) => point[index] = axis.key.read(node),
            (None, None) if axis.values.len() == 1 => point[index] = axis.values.first().cloned(),
            (None, None) => node.reject(Mistake::MissingKey(axis.key.name().to_owned())),
        }
    }
    (node.reader().mistakes() == before).then_some(point)
}

fn axis_section<'a>(node: &Node<'a>, grid: &Grid) -> Option<Section<'a>> {
    let names: Vec<_> = grid.axes.iter().map(|axis| axis.key.name()).collect();
    if !node.is_mapping() {
        // an entry without keys would match everything
        node.mistyped("a mapping of axes to values");
        return None;
    }
    Section::read(node, &names)
}
