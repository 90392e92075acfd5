//! The world: listeners, channels, actions.
