//! Decides: alerts, incidents, runs, on-call, obligations, drafts, exercises.
