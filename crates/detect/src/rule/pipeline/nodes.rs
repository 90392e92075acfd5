//! Nodes of YAML looked into and made anew.

use crate::yaml::{Kind, Node, Scalar, Span, Style, Typed};

/// Every text in a value exchanged for others; numbers and the like stay.
pub(super) fn mapped(value: &Node, exchange: &impl Fn(&str) -> Vec<String>) -> Node {
    let one = |node: &Node| -> Vec<Node> {
        match node.scalar().map(Scalar::typed) {
            Some(Typed::Text(text)) => exchange(&text)
                .into_iter()
                .map(|new| with_text(node, new))
                .collect(),
            _ => vec![node.clone()],
        }
    };
    let mut nodes: Vec<Node> = match &value.kind {
        Kind::List(items) => items.iter().flat_map(one).collect(),
        Kind::Scalar(_) | Kind::Map(_) => one(value),
    };
    if nodes.len() == 1
        && value.scalar().is_some()
        && let Some(node) = nodes.pop()
    {
        return node;
    }
    Node {
        span: value.span,
        kind: Kind::List(nodes),
    }
}

/// The same place with another text.
pub(super) fn with_text(node: &Node, text: String) -> Node {
    let style = match node.scalar().map(|s| s.style) {
        Some(style) if node.text() == Some(&text) => style,
        // Where a part of the new text stands, nobody can say.
        _ => Style::Block,
    };
    Node {
        span: node.span,
        kind: Kind::Scalar(Scalar { text, style }),
    }
}

pub(super) fn keyword(span: Span) -> Node {
    Node {
        span,
        kind: Kind::Scalar(Scalar {
            text: String::new(),
            style: Style::Block,
        }),
    }
}

pub(super) fn plain(text: &str, span: Span) -> Node {
    Node {
        span,
        kind: Kind::Scalar(Scalar {
            text: text.to_owned(),
            style: Style::Block,
        }),
    }
}

/// The value of a key, to be changed.
pub(super) fn entry<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    match &mut node.kind {
        Kind::Map(entries) => entries
            .iter_mut()
            .find(|(k, _)| k.text() == Some(key))
            .map(|(_, value)| value),
        Kind::List(_) | Kind::Scalar(_) => None,
    }
}

pub(super) fn name_of(key: &Node) -> &str {
    let text = key.text().unwrap_or_default();
    text.split('|').next().unwrap_or_default()
}

pub(super) fn texts(node: &Node) -> impl Iterator<Item = &str> {
    let nodes = match &node.kind {
        Kind::List(items) => items.as_slice(),
        Kind::Scalar(_) | Kind::Map(_) => std::slice::from_ref(node),
    };
    nodes.iter().filter_map(Node::text)
}

/// The same, as if it stood at `span`.
pub(super) fn moved(node: &Node, span: Span) -> Node {
    Node {
        span,
        kind: match &node.kind {
            Kind::Scalar(scalar) => Kind::Scalar(scalar.clone()),
            Kind::List(items) => Kind::List(items.iter().map(|n| moved(n, span)).collect()),
            Kind::Map(entries) => Kind::Map(
                entries
                    .iter()
                    .map(|(k, v)| (moved(k, span), moved(v, span)))
                    .collect(),
            ),
        },
    }
}
