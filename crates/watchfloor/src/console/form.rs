//! Forms that ask for a decision. Each posts to `/act` the fields of one [`watchfloor_respond::Input`].

use maud::{Markup, html};

use super::frame;

/// A form for input `what` of `module`; afterwards the browser goes to `back`.
pub(crate) fn act(csrf: &str, module: &str, what: &str, back: &str, fields: &Markup) -> Markup {
    html! {
        form method="post" action="/act" {
            (frame::csrf(csrf))
            (hidden("module", module))
            (hidden("do", what))
            (hidden("back", back))
            (fields)
        }
    }
}

/// A field that is not shown.
pub(crate) fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

/// One line of text, required.
pub(crate) fn text_field(name: &str, label: &str) -> Markup {
    html! { label.field { span { (label) } input type="text" name=(name) required maxlength="2000"; } }
}

/// Percent-encodes a value for a query (RFC 3986, section 2.1).
pub(crate) fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
        out
    })
}
