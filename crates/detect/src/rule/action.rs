//! `action: global | reset | repeat`: documents of one file that share parts.
//!
//! `global` is laid under all documents that follow, `reset` ends that, and `repeat` lays the
//! document over the one before. Maps are laid together key by key; the later one wins.

use std::sync::Arc;

use crate::{
    diagnostics::{Report, code, did_you_mean},
    modifier::short,
    yaml::{Kind, Node},
};

/// What of earlier documents is laid under later ones.
#[derive(Default)]
pub(super) struct Shared {
    global: Option<(Node, Arc<str>)>,
    previous: Option<(Node, Arc<str>)>,
}

const ACTIONS: [&str; 3] = ["global", "reset", "repeat"];

impl Shared {
    /// The document as it is meant, with all the text it is made of; `None` where it only says
    /// something about others.
    pub(super) fn take(
        &mut self,
        root: Node,
        text: Arc<str>,
        report: &mut Report,
    ) -> Option<(Node, Arc<str>)> {
        let action = root.get("action").map(|node| {
            let word = node.text().unwrap_or_default().to_owned();
            (word, node.span)
        });
        let over = |under: &Option<(Node, Arc<str>)>, root: Node, text: Arc<str>| match under {
            Some((node, before)) => (merged(node, &root), format!("{before}\n---\n{text}").into()),
            None => (root, text),
        };
        let (root, text) = match action.as_ref().map(|(word, at)| (word.as_str(), *at)) {
            None => (root, text),
            Some(("global", _)) => {
                self.global = Some((without(root, "action"), text));
                return None;
            }
            Some(("reset", _)) => {
                self.global = None;
                return None;
            }
            Some(("repeat", at)) => {
                if self.previous.is_none() {
                    report.error(
                        code::BAD_ACTION,
                        at,
                        "there is no document before this one to repeat",
                        "remove `action`, or move the document",
                    );
                    return None;
                }
                over(&self.previous, without(root, "action"), text)
            }
            Some((other, at)) => {
                report.error(
                    code::BAD_ACTION,
                    at,
                    format!("`{}` is not an action", short(other)),
                    did_you_mean(other, ACTIONS),
                );
                return None;
            }
        };
        let whole = over(&self.global, root, text);
        self.previous = Some(whole.clone());
        Some(whole)
    }
}

/// A map without one key.
pub(super) fn without(node: Node, key: &str) -> Node {
    match node.kind {
        Kind::Map(entries) => Node {
            span: node.span,
            kind: Kind::Map(
                entries
                    .into_iter()
                    .filter(|(k, _)| k.text() != Some(key))
                    .collect(),
            ),
        },
        kind @ (Kind::Scalar(_) | Kind::List(_)) => Node {
            span: node.span,
            kind,
        },
    }
}

/// `over` laid on `under`. Nesting is bounded by the reader of YAML.
fn merged(under: &Node, over: &Node) -> Node {
    let (Kind::Map(below), Kind::Map(above)) = (&under.kind, &over.kind) else {
        return over.clone();
    };
    let mut entries = below.clone();
    for (key, value) in above {
        match entries.iter_mut().find(|(k, _)| k.text() == key.text()) {
            Some(known) => *known = (key.clone(), merged(&known.1, value)),
            None => entries.push((key.clone(), value.clone())),
        }
    }
    Node {
        span: over.span,
        kind: Kind::Map(entries),
    }
}
