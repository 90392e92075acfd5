//! News of the journal as server-sent events (HTML, section 9.2).

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, StreamExt};
use tokio_stream::wrappers::BroadcastStream;

use super::session::Person;
use crate::floor::Floor;

/// `GET /live`: one event per transaction, naming the modules whose entries it holds.
pub(crate) async fn stream(
    State(floor): State<Arc<Floor>>,
    Person(_): Person,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let news = BroadcastStream::new(floor.news()).filter_map(|news| async move {
        // A reader that fell behind is told that everything may have changed.
        let (id, modules) = match news {
            Ok(news) => {
                let mut modules: Vec<String> = news.entries.iter().map(module).collect();
                modules.sort();
                modules.dedup();
                (news.journal.to_string(), modules.join(","))
            }
            Err(_) => (
                String::new(),
                "alert,incident,run,oncall,obligation,comms,exercise,rule,suppression".to_owned(),
            ),
        };
        Some(Ok(Event::default().event("journal").id(id).data(modules)))
    });
    let mut stopping = floor.stopping.subscribe();
    // Ends with the server, so that stopping does not wait for it.
    let news = news.take_until(async move { drop(stopping.wait_for(|stop| *stop).await) });
    Sse::new(news).keep_alive(KeepAlive::default())
}

fn module(entry: &watchfloor_respond::Entry) -> String {
    use watchfloor_respond::Entry;
    match entry {
        Entry::Alert(_) => "alert",
        Entry::Incident(_) => "incident",
        Entry::Run(_) => "run",
        Entry::Oncall(_) => "oncall",
        Entry::Obligation(_) => "obligation",
        Entry::Comms(_) => "comms",
        Entry::Exercise(_) => "exercise",
        Entry::Rule(_) => "rule",
        Entry::Suppression(_) => "suppression",
    }
    .to_owned()
}
