//! Holds findings until the paths and commits of their objects are known.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use super::locate::{Location, locate};
use super::object::Found;
use super::repository::Repository;
use crate::{Event, Scanner};

/// The number of findings after which their objects are searched for. It limits the memory.
const MAX_PENDING: usize = 50_000;

pub(super) struct Pending<'a> {
    pub(super) scanner: &'a Scanner,
    pub(super) repository: &'a Repository,
    pub(super) report: &'a (dyn Fn(Event) + Sync),
    pub(super) found: Mutex<Vec<Found>>,
}

impl Pending<'_> {
    pub(super) fn add(&self, found: Found) {
        let mut all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(found);
        if all.len() >= MAX_PENDING {
            self.report(std::mem::take(&mut *all));
        }
    }

    pub(super) fn finish(self) {
        let found = std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner));
        self.report(found);
    }

    fn report(&self, mut found: Vec<Found>) {
        let ids: HashSet<String> = found.iter().filter_map(|found| Some(found.object()?.id.clone())).collect();
        if ids.is_empty() {
            return;
        }
        let locations = locate(self.repository, ids);
        let nowhere = Location::default();
        let location = |found: &Found| found.object().and_then(|object| locations.get(&object.id)).unwrap_or(&nowhere);
        found.sort_by_key(|found| (location(found).is_unreachable, location(found).order));
        let mut names = Names::default();
        for found in found {
            let location = location(&found);
            let is_file_name = found.file_name.is_some();
            let event = found.located(self.scanner, location);
            if !is_file_name || names.is_new(&event) {
                (self.report)(event);
            }
        }
    }
}

/// The keys in file names that have been reported. A name is in the tree of each later commit as well.
#[derive(Default)]
struct Names(HashMap<String, HashSet<(usize, u64)>>);

impl Names {
    fn is_new(&mut self, event: &Event) -> bool {
        let Event::Finding(place, finding) = event else { return true };
        let path = place.object.as_ref().and_then(|object| object.path.clone()).unwrap_or_default();
        self.0.entry(path).or_default().insert((finding.key, finding.range.start))
    }
}
