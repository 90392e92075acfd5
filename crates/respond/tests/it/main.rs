//! The responder from outside: findings in, entries and effects out.

mod flagship;
mod floor;

mod oncall;
mod runbook;
