//! The classes of an engine, compiled when the first event of their kind comes.

use std::sync::{Arc, PoisonError, atomic::Ordering};

use hashbrown::{HashMap, hash_map::Entry};
use watchfloor_types::Logsource;

use super::{Engine, class::Class};

/// Distinct logsources remembered; beyond, the memory starts anew.
pub(super) const MAX_LOGSOURCES: usize = 4_096;

/// Classes by what they are for.
#[derive(Debug, Default)]
pub(super) struct Classes {
    by_logsource: HashMap<Logsource, Arc<Class>>,
    /// Logsources that see the same rules share a class.
    by_rules: HashMap<Box<[u32]>, Arc<Class>>,
}

impl Classes {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Logsource, &Arc<Class>)> {
        self.by_logsource.iter()
    }
    /// Adds a class that was compiled before.
    pub(super) fn insert(&mut self, logsource: &Logsource, class: Arc<Class>) {
        let rules = class.shared.rules.iter().map(|r| r.slot).collect();
        self.by_rules.entry(rules).or_insert_with(|| class.clone());
        self.by_logsource.insert(logsource.clone(), class);
    }
}

impl Engine {
    pub(super) fn shared_class(&self, logsource: &Logsource) -> Arc<Class> {
        let known = self
            .classes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .by_logsource
            .get(logsource)
            .cloned();
        if let Some(class) = known {
            return class;
        }
        let seen = self.seeing(logsource);
        let mut classes = self.classes.write().unwrap_or_else(PoisonError::into_inner);
        if classes.by_logsource.len() >= MAX_LOGSOURCES {
            *classes = Classes::default();
        }
        let class = match classes.by_rules.entry(seen) {
            Entry::Occupied(there) => there.get().clone(),
            Entry::Vacant(free) => {
                let rules = free
                    .key()
                    .iter()
                    .filter_map(|slot| self.program(*slot).map(|program| (*slot, program)));
                let class = Arc::new(Class::new(rules, &self.asks));
                free.insert(class).clone()
            }
        };
        classes
            .by_logsource
            .insert(logsource.clone(), class.clone());
        class
    }

    /// Puts a class with other triggers in the place of `old`. What matches stays the same.
    pub(super) fn replace(&self, old: &Arc<Class>, new: Class) {
        let new = Arc::new(new);
        let mut classes = self.classes.write().unwrap_or_else(PoisonError::into_inner);
        let Classes {
            by_logsource,
            by_rules,
        } = &mut *classes;
        for class in by_logsource.values_mut().chain(by_rules.values_mut()) {
            if Arc::ptr_eq(class, old) {
                *class = new.clone();
            }
        }
        drop(classes);
        old.replaced.store(true, Ordering::Relaxed);
    }
}
