//! Figures of the whole.

use super::{Call, Doing};
use crate::list::absent;
use crate::query::Query;
use crate::view::MetricsView;

pub(super) fn show(call: &Call<'_>) -> Doing {
    let mut query = Query::read(call.request.query)?;
    let agent = query.id("agent_id");
    query.end()?;
    let figures = call.fleet.response_figures();
    let tables = call.fleet.read();
    let find = |id: agnt_fleet::Id| {
        let found = tables.agents.find(id.as_str()).cloned();
        found.ok_or_else(|| absent("agent", id.as_str()))
    };
    let agent = agent.map(find).transpose()?;
    let view = MetricsView::new(&tables, figures, agent.as_ref());
    drop(tables);
    Ok(call.answer(&view))
}
