//! The world: listeners that take events in, channels and actions that carry effects out, outputs
//! that carry findings to other systems.
//!
//! Nothing else in the project opens a socket. What comes in is bounded in size, time and number
//! before anybody reads it; what goes out reaches only addresses that the settings name.

mod action;
mod auth;
mod body;
mod channel;
mod classify;
mod effect;
mod http;
mod intake;
mod listen;
mod output;
mod target;

pub use effect::perform;
pub use http::{HttpLimits, router};
pub use intake::{
    Accepted, BulkAction, BulkOp, Delivery, Encoding, Head, Intake, Readiness, Refusal, Rejected,
    Reply, Wire,
};
pub use listen::{BindError, ClearText, ConnectionLimits, Listener, TlsError, TlsFiles, bind};
pub use output::{
    Bounds, Delivered, ElasticOutput, Fate, FileOutput, Form, HecOutput, Http, Item, Output,
    OutputError, SyslogOutput, Transport, WebhookOutput,
};
pub use target::{KeySupport, TargetError, Targets};
