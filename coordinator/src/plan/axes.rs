//! The sections `grid`, `model`, `training`, `losses`, `include` and `exclude` -> axes and points.
//!
//! Every key of `model`, `training` and of a loss is a setting for all jobs in its section, or an axis under `grid`.

use super::errors::Problems;
use super::grid::{Axis, Grid, Pattern, Point, matches};
use super::node::{Node, Section};
use super::problem::Problem;
use super::setting::{Key, Setting};
use proto::spec::{Architecture, DEFAULT_LEARNING_RATE, LossName};
use std::collections::HashSet;

/// Most entries of `include` and of `exclude`.
const MOST_ENTRIES: usize = 1000;

/// The grid as the file describes it, not yet expanded.
#[derive(Debug)]
pub(super) struct Axes<'a> {
    pub(super) grid: Grid,
    include: Vec<(Node<'a>, Point)>,
    exclude: Vec<(Node<'a>, Pattern)>,
}

impl<'a> Axes<'a> {
    /// Reads the sections; `None` if there is a mistake in one of them.
    pub(super) fn read(root: &Section<'a>, problems: &mut Problems) -> Option<Self> {
        let before = problems.len();
        let given = root.optional("grid", Vec::new(), |node| axes(node, problems));
        let fixed = fixed(root, problems);
        let given = given?;
        for (node, setting) in &fixed {
            if given.iter().any(|(_, axis)| axis.key == setting.key()) {
                node.reject_key::<()>(Problem::AlsoAxis, problems);
            }
        }
        let main = Key::MAIN.into_iter().filter(|key| given.iter().all(|(_, axis)| axis.key != *key));
        let axes = main.map(default_axis).chain(given.iter().map(|(_, axis)| axis.clone())).collect();
        let grid = Grid { axes, fixed: fixed.iter().map(|(_, setting)| *setting).collect() };

        let include = entries(root.get("include"), problems);
        let include: Vec<_> =
            include.into_iter().filter_map(|node| point(&node, &grid, problems).map(|point| (node, point))).collect();
        let exclude = entries(root.get("exclude"), problems);
        let exclude = exclude
            .into_iter()
            .filter_map(|node| pattern(&node, &grid, problems).map(|pattern| (node, pattern)))
            .collect();

        let named = given.iter().map(|(node, axis)| (node, axis.key));
        // parameters of a loss may stand ready for a loss that the grid does not have
        let trained =
            fixed.iter().map(|(node, setting)| (node, setting.key())).filter(|(_, key)| *key == Key::Momentum);
        for (node, key) in named.chain(trained) {
            let somewhere = grid.applies_somewhere(key) || include.iter().any(|(_, point)| grid.applies(key, point));
            if let (Some(needed), false) = (key.needs(), somewhere) {
                node.reject_key::<()>(inapplicable(needed), problems);
            }
        }
        (problems.len() == before).then_some(Self { grid, include, exclude })
    }

    /// Upper bound of the number of points, without making one; `None` beyond 2^128.
    pub(super) fn count(&self) -> Option<u128> {
        self.grid.count()?.checked_add(self.include.len() as u128)
    }

    /// The networks of the grid.
    pub(super) fn architectures(&self) -> Vec<Architecture> {
        let axes = self.grid.axes.iter().flat_map(|axis| axis.values.iter().copied());
        let included = self.include.iter().flat_map(|(_, point)| point.iter().flatten().copied());
        let architecture = |setting| match setting {
            Setting::Architecture(architecture) => Some(architecture),
            _ => None,
        };
        axes.chain(included).filter_map(architecture).collect()
    }

    /// The points: the product of the axes without the excluded, then the included.
    pub(super) fn points(&self, problems: &mut Problems) -> Option<Vec<Point>> {
        let before = problems.len();
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
            node.reject::<()>(Problem::ExcludesNothing, problems);
        }
        for (node, point) in &self.include {
            if points.contains(point) {
                node.reject::<()>(Problem::DuplicatePoint, problems);
            }
            points.push(point.clone());
        }
        if let (true, Some((last, _))) = (points.is_empty(), self.exclude.last()) {
            last.reject::<()>(Problem::ExcludesAll, problems);
        }
        (problems.len() == before).then_some(points)
    }
}

fn default_axis(key: Key) -> Axis {
    let setting = match key {
        Key::Loss => Setting::Loss(LossName::Bce),
        Key::LearningRate => Setting::LearningRate(DEFAULT_LEARNING_RATE),
        _ => Setting::Architecture(Architecture::UNet),
    };
    Axis { key, values: vec![setting] }
}

/// Reads the section `grid`.
fn axes<'a>(node: &Node<'a>, problems: &mut Problems) -> Option<Vec<(Node<'a>, Axis)>> {
    let section = Section::read(node.clone(), &Key::ALL.map(Key::name), problems)?;
    let axes: Vec<_> = section
        .entries()
        .iter()
        .filter_map(|(name, node)| Some((node, Key::from_name(name)?)))
        .map(|(node, key)| Some((node.clone(), Axis { key, values: values(key, node, problems)? })))
        .collect();
    axes.into_iter().collect()
}

/// Reads the values of an axis: a list without duplicates, or a single value.
fn values(key: Key, node: &Node<'_>, problems: &mut Problems) -> Option<Vec<Setting>> {
    if !node.is_list() {
        return Some(vec![key.read(node, problems)?]);
    }
    let items = node.items(problems)?;
    if items.is_empty() {
        return node.reject(Problem::EmptyList, problems);
    }
    let mut seen = HashSet::new();
    let values: Vec<_> = items
        .iter()
        .map(|item| {
            let setting = key.read(item, problems)?;
            let shown = setting.value().to_string();
            match seen.insert(shown.clone()) {
                true => Some(setting),
                false => item.reject(Problem::DuplicateValue(shown), problems),
            }
        })
        .collect();
    values.into_iter().collect()
}

/// Reads the settings of the sections `model`, `training` and `losses`.
fn fixed<'a>(root: &Section<'a>, problems: &mut Problems) -> Vec<(Node<'a>, Setting)> {
    let mut settings = Vec::new();
    for section in ["model", "training"] {
        settings.extend(root.get(section).into_iter().flat_map(|node| section_settings(section, node, problems)));
    }
    if let Some(losses) = root.get("losses") {
        let names: Vec<_> = LossName::ALL.iter().map(|loss| loss.name()).collect();
        let losses = Section::read(losses.clone(), &names, problems);
        for (name, node) in losses.iter().flat_map(Section::entries) {
            settings.extend(section_settings(&format!("losses.{name}"), node, problems));
        }
    }
    settings
}

fn section_settings<'a>(section: &str, node: &Node<'a>, problems: &mut Problems) -> Vec<(Node<'a>, Setting)> {
    let keys = Key::ALL.into_iter().filter_map(|key| match key.section() {
        Some((of, name)) if of == section => Some((name, key)),
        _ => None,
    });
    let keys: Vec<(&str, Key)> = keys.collect();
    let names: Vec<_> = keys.iter().map(|(name, _)| *name).collect();
    let Some(section) = Section::read(node.clone(), &names, problems) else { return Vec::new() };
    let given = keys.into_iter().filter_map(|(name, key)| Some((section.get(name)?.clone(), key)));
    given.filter_map(|(node, key)| key.read(&node, problems).map(|setting| (node, setting))).collect()
}

/// The entries of `include` or `exclude`.
fn entries<'a>(node: Option<&Node<'a>>, problems: &mut Problems) -> Vec<Node<'a>> {
    let Some(node) = node else { return Vec::new() };
    let items = node.items(problems).unwrap_or_default();
    if items.len() > MOST_ENTRIES {
        node.reject_key::<()>(Problem::LongList { found: items.len(), limit: MOST_ENTRIES }, problems);
        return Vec::new();
    }
    items
}

/// Reads an entry of `exclude`: a value for some of the axes.
fn pattern(node: &Node<'_>, grid: &Grid, problems: &mut Problems) -> Option<Pattern> {
    let section = axis_section(node, grid, problems)?;
    let axes = grid.axes.iter().enumerate();
    let given = axes.filter_map(|(index, axis)| Some((index, axis.key, section.get(axis.key.name())?)));
    let settings: Vec<_> =
        given.map(|(index, key, node)| key.read(node, problems).map(|setting| (index, setting))).collect();
    settings.into_iter().collect()
}

/// Reads an entry of `include`: a value for every axis that has several.
fn point(node: &Node<'_>, grid: &Grid, problems: &mut Problems) -> Option<Point> {
    let before = problems.len();
    let section = axis_section(node, grid, problems)?;
    let mut point = vec![None; grid.axes.len()];
    for index in grid.by_decision() {
        let axis = &grid.axes[index];
        let given = section.get(axis.key.name());
        point[index] = match (given, axis.key.needs().filter(|_| !grid.applies(axis.key, &point))) {
            (Some(node), Some(needed)) => node.reject_key(inapplicable(needed), problems),
            (None, Some(_)) => None,
            (Some(node), None) => axis.key.read(node, problems),
            (None, None) if axis.values.len() == 1 => axis.values.first().copied(),
            (None, None) => node.reject(Problem::MissingKey(axis.key.name().to_owned()), problems),
        };
    }
    (problems.len() == before).then_some(point)
}

fn axis_section<'a>(node: &Node<'a>, grid: &Grid, problems: &mut Problems) -> Option<Section<'a>> {
    let names: Vec<_> = grid.axes.iter().map(|axis| axis.key.name()).collect();
    if !node.is_mapping() {
        // an entry without keys would match everything
        return node.mistyped("a mapping of axes to values", problems);
    }
    Section::read(node.clone(), &names, problems)
}

fn inapplicable(needed: Setting) -> Problem {
    Problem::Inapplicable { key: needed.key().name(), value: needed.value().to_string() }
}
