//! Picks the few fonts that documents use out of those that typst publishes, so that the
//! binary does not carry all of them: Libertinus Serif (SIL Open Font License 1.1) and
//! `DejaVu` Sans Mono (Bitstream Vera licence).

use std::{env, error::Error, fs, path::PathBuf};

/// `PostScript` names, as they stand in the files.
const WANTED: [&str; 5] = [
    "LibertinusSerif-Regular",
    "LibertinusSerif-Bold",
    "LibertinusSerif-Italic",
    "LibertinusSerif-BoldItalic",
    "DejaVuSansMono",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let mut list = String::from("pub(super) const FONTS: &[&[u8]] = &[\n");
    let fonts: Vec<&[u8]> = typst_assets::fonts().collect();
    for name in WANTED {
        let font = fonts
            .iter()
            .find(|data| {
                ttf_parser::Face::parse(data, 0).is_ok_and(|face| {
                    face.names().into_iter().any(|n| {
                        n.name_id == ttf_parser::name_id::POST_SCRIPT_NAME
                            && n.to_string().as_deref() == Some(name)
                    })
                })
            })
            .ok_or_else(|| format!("typst-assets has no font {name}"))?;
        fs::write(out.join(name), font)?;
        list.push_str("    include_bytes!(concat!(env!(\"OUT_DIR\"), \"/");
        list.push_str(name);
        list.push_str("\")),\n");
    }
    list.push_str("];\n");
    fs::write(out.join("fonts.rs"), list)?;
    Ok(())
}
