//! Journal and projections on SQLite.
