//! Why a rule matches an event, or why not: predicate by predicate.

use std::sync::Arc;

use watchfloor_types::{Event, RuleId};

use super::{Engine, Scratch, class::Class, program::Ask, state::State, text_of};
use crate::{
    finding::capped,
    modifier::Negation,
    rule::{Field, Item, Selection},
};

/// One rule on one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Whether the rule's logsource sees the event's.
    pub sees: bool,
    /// Whether the condition holds, leaving the logsource aside.
    pub holds: bool,
    /// The condition as written.
    pub condition: String,
    /// Its selections, in the order of the rule.
    pub selections: Vec<SelectionTrace>,
}

/// One selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectionTrace {
    /// Its name.
    pub name: String,
    /// Whether it holds.
    pub holds: bool,
    /// Its predicates.
    pub items: Vec<ItemTrace>,
}

/// One predicate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemTrace {
    /// The field, or `(keyword)`.
    pub field: String,
    /// In Sigma words, such as `contains "x"`; negated ones begin with `not`.
    pub predicate: String,
    /// Whether it holds.
    pub holds: bool,
    /// The value it was asked of: the one that matched, or else the first, at most 1 KiB. None
    /// where the field is absent.
    pub seen: Option<String>,
}

impl Engine {
    /// Explains a detection rule on an event, whatever the logsources. `None` where `rule` is
    /// not a detection rule of this engine.
    #[must_use]
    pub fn explain(&self, rule: &RuleId, event: &Event) -> Option<Explanation> {
        let position = self.position(rule)?;
        let rule = self.rules.get(position as usize)?;
        let class = Arc::new(Class::new([(rule.slot, rule.program.as_ref())], &self.asks));
        let mut scratch = Scratch::new();
        self.attach(&mut scratch);
        let native = text_of(event, &class);
        scratch.read(event, &native, &class, 1);
        let state = &mut scratch.state;
        let program = &class.shared.rules.first()?.program;
        let selections = rule
            .detection
            .selections
            .iter()
            .enumerate()
            .map(|(at, (name, selection))| {
                let mut items = Vec::new();
                self.trace(selection, rule.view, &class, &native, state, &mut items);
                SelectionTrace {
                    name: name.clone(),
                    holds: state.selection(&class, &native, program, at),
                    items,
                }
            })
            .collect();
        Some(Explanation {
            sees: rule.meta.logsource().sees(&event.logsource),
            holds: state.condition(&class, &native, program, &program.condition),
            condition: rule.detection.text.clone(),
            selections,
        })
    }

    /// Whether one detection rule's condition holds, leaving logsources aside.
    pub(crate) fn holds(&self, position: u32, event: &Event) -> bool {
        let Some(rule) = self.rules.get(position as usize) else {
            return false;
        };
        let class = Class::new([(rule.slot, rule.program.as_ref())], &self.asks);
        let mut state = State::default();
        let native = text_of(event, &class);
        state.read(&class, &native, &event.norm, 1);
        class
            .shared
            .rules
            .first()
            .is_some_and(|r| state.condition(&class, &native, &r.program, &r.program.condition))
    }

    fn trace(
        &self,
        selection: &Selection,
        view: watchfloor_types::View,
        class: &Class,
        native: &str,
        state: &mut State,
        out: &mut Vec<ItemTrace>,
    ) {
        match selection {
            Selection::All(parts) | Selection::Any(parts) => {
                for part in parts {
                    self.trace(part, view, class, native, state, out);
                }
            }
            Selection::Item(item) => self.trace_item(item, view, class, native, state, out),
        }
    }

    fn trace_item(
        &self,
        item: &Item,
        view: watchfloor_types::View,
        class: &Class,
        native: &str,
        state: &mut State,
        out: &mut Vec<ItemTrace>,
    ) {
        let negated = item.absent || item.negation == Negation::NotEqual;
        for op in item.values.iter().flatten() {
            let ask = Ask {
                view,
                field: item.field.clone(),
                op: op.clone(),
            };
            let local = self
                .asks
                .find(&ask)
                .and_then(|global| class.shared.local.get(&global))
                .copied();
            let Some(local) = local else { continue };
            let holds = state.ask(class, native, local);
            out.push(ItemTrace {
                field: match &item.field {
                    Field::Named(name) => name.to_string(),
                    Field::Anywhere => "(keyword)".to_owned(),
                },
                predicate: capped(&format!("{}{op}", if negated { "not " } else { "" })).to_owned(),
                holds: holds != negated,
                seen: state
                    .seen(class, native, local)
                    .map(|s| capped(&s).to_owned()),
            });
        }
    }
}
