//! Templates: put, shown, removed, listed.

use agnt_fleet::Mutation;

use super::{Call, Doing};
use crate::body::read_template;
use crate::content::read_object;
use crate::list::{ListView, Listing, absent, path_id};
use crate::query::Query;
use crate::step::Show;
use crate::view::TemplateView;

pub(super) fn list(call: &Call<'_>) -> Doing {
    let mut query = Query::read(call.request.query)?;
    let listing = Listing::read(&mut query);
    query.end()?;
    let (templates, pagination) = listing.page(&call.fleet.read().templates);
    let entries = templates.iter();
    let entries = entries.map(|template| TemplateView::new(call.dialect, template));
    call.list(&ListView {
        name: "templates",
        entries: entries.collect(),
        pagination,
    })
}

pub(super) fn show(call: &Call<'_>) -> Doing {
    let id = &call.parameters[0];
    let found = call.fleet.read().templates.find(id).cloned();
    let template = found.ok_or_else(|| absent("template", id))?;
    Ok(call.answer(&TemplateView::new(call.dialect, &template)))
}

pub(super) fn put(call: &Call<'_>) -> Doing {
    let id = path_id("template", &call.parameters[0])?;
    let template = read_template(read_object(call.request)?, id)?;
    call.mutate(template, Show::Template)
}

pub(super) fn remove(call: &Call<'_>) -> Doing {
    let id = path_id("template", &call.parameters[0])?;
    call.mutate(Mutation::RemoveTemplate { id }, Show::Nothing)
}
