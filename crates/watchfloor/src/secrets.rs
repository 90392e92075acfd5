//! Random tokens and password hashes.

use argon2::{
    Argon2,
    password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString},
};
use sha2::{Digest, Sha256};
use watchfloor_types::Secret;

/// A new token of 256 random bits: `prefix` and 64 hex digits. The prefix lets secret scanners find it.
pub(crate) fn token(prefix: &str) -> anyhow::Result<Secret<String>> {
    let mut bytes = [0u8; 32];
    random(&mut bytes)?;
    Ok(Secret::new(format!("{prefix}{}", hex(&bytes))))
}

/// A random number from 0 to 1, for pauses that shall differ; half where the system has none.
pub(crate) fn chance() -> f64 {
    let mut bytes = [0u8; 4];
    match random(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

/// What is stored of a token: its SHA-256, hex. Tokens have 256 bits, so a fast hash is enough.
pub(crate) fn token_hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// Argon2id hash of a password as a PHC string (RFC 9106).
pub(crate) fn password_hash(password: &str) -> anyhow::Result<String> {
    let mut salt = [0u8; 16];
    random(&mut salt)?;
    let salt =
        SaltString::encode_b64(&salt).map_err(|e| anyhow::anyhow!("cannot make a salt: {e}"))?;
    let hash = Argon2::default()
        .hash_password(password.as_bytes(), &salt)
        .map_err(|e| anyhow::anyhow!("cannot hash a password: {e}"))?;
    Ok(hash.to_string())
}

/// Whether `password` is the one behind `hash`.
pub(crate) fn password_is(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

/// Compares without telling by its time where two texts differ.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.len() == b.len()
        && a.bytes()
            .zip(b.bytes())
            .fold(0u8, |acc, (x, y)| acc | (x ^ y))
            == 0
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            for digit in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(u32::from(digit), 16));
            }
            text
        })
}

fn random(bytes: &mut [u8]) -> anyhow::Result<()> {
    getrandom::fill(bytes).map_err(|e| anyhow::anyhow!("the system gives no random bytes: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_recognised_and_its_hash_is_argon2id() {
        let hash = password_hash("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert!(password_is("correct horse", &hash));
        assert!(!password_is("correct horse ", &hash) && !password_is("x", "not a hash"));
    }

    #[test]
    fn tokens_differ_and_compare() {
        let (a, b) = (token("wf_").unwrap(), token("wf_").unwrap());
        assert_ne!(a.reveal(), b.reveal());
        assert_eq!(a.reveal().len(), 67);
        assert!(same(a.reveal(), a.reveal()) && !same(a.reveal(), b.reveal()) && !same("a", "ab"));
        assert_eq!(token_hash("").get(..8), Some("e3b0c442"));
    }
}
