//! Channels: how people and their tools are told. One file each, one arm in [`crate::perform`].

pub(crate) mod webhook;
