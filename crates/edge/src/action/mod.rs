//! Actions of runbooks. One file each, one arm in [`crate::perform`].

pub(crate) mod http_api;
