//! The Ed25519 key (RFC 8032) that signs the head of the journal.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use ring::{
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};

use crate::{
    Head, KeyError,
    journal::{hex, hex_bytes},
};

pub(crate) struct SigningKey {
    pair: Ed25519KeyPair,
    public: String,
}

impl SigningKey {
    /// Reads the key file; makes one where there is none and nothing is signed yet.
    pub(crate) fn open(path: &Path, signed_with: Option<&str>) -> Result<Self, KeyError> {
        let file_error = |reason: String| KeyError::File {
            path: path.to_owned(),
            reason,
        };
        let pkcs8 = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if signed_with.is_some() {
                    return Err(KeyError::Missing {
                        path: path.to_owned(),
                    });
                }
                create(path).map_err(file_error)?
            }
            Err(error) => return Err(file_error(error.to_string())),
        };
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(|e| file_error(e.to_string()))?;
        let public = hex(pair.public_key().as_ref());
        match signed_with {
            Some(other) if other != public => Err(KeyError::Other {
                path: path.to_owned(),
            }),
            Some(_) | None => Ok(Self { pair, public }),
        }
    }

    /// Public key and signature over `head`, both hex.
    pub(crate) fn sign(&self, head: Head) -> (String, String) {
        (
            self.public.clone(),
            hex(self.pair.sign(&message(head)).as_ref()),
        )
    }

    /// The public key, hex.
    pub(crate) fn public(&self) -> &str {
        &self.public
    }
}

/// Whether `signature` over `head` was made with `key`, all hex.
pub(crate) fn signature_holds(head: Head, key: &str, signature: &str) -> bool {
    let (Some(key), Some(signature)) = (hex_bytes(key), hex_bytes(signature)) else {
        return false;
    };
    UnparsedPublicKey::new(&ED25519, key)
        .verify(&message(head), &signature)
        .is_ok()
}

/// What is signed: a name that no other use of the key shares, the number, the hash.
fn message(head: Head) -> Vec<u8> {
    let mut bytes = b"watchfloor journal head 1\n".to_vec();
    bytes.extend(head.seq.to_be_bytes());
    bytes.extend(head.hash.0);
    bytes
}

/// Makes a key, writes it readable for its owner only, and syncs file and folder: a signed journal
/// without its key would be refused.
fn create(path: &Path) -> Result<Vec<u8>, String> {
    let document =
        Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|e| e.to_string())?;
    let write = || -> std::io::Result<()> {
        // Under another name first: a key cut short by a crash would be refused for ever.
        let draft = path.with_extension("key-draft");
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let mut file = options.open(&draft)?;
        file.write_all(document.as_ref())?;
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::File::open(folder)?.sync_all()?;
        }
        Ok(())
    };
    write().map_err(|e| e.to_string())?;
    Ok(document.as_ref().to_vec())
}

/// `journal.key` beside the database.
pub(crate) fn path_beside(database: &Path) -> PathBuf {
    database.with_file_name("journal.key")
}
