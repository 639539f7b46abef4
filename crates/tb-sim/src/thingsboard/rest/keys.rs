//! API keys over REST.

use super::call::{Call, ok};
use super::page::Page;
use crate::http::Reply;
use crate::thingsboard::model::api_key::{ApiKey, SentApiKey};
use crate::thingsboard::refusal::Result;

pub(super) fn create(call: &Call<'_>) -> Result<Reply> {
    let wanted: SentApiKey = call.body()?;
    call.caller()?;
    Ok(ok(&call.state().create_key(wanted)?))
}

pub(super) fn list(call: &Call<'_>) -> Result<Reply> {
    let user = call.id(0, "userId")?;
    let page = Page::new(call, &["createdTime", "description", "enabled", "expirationTime"])?;
    let keys = call.state().keys_of(user);
    Ok(ok(&page.of(keys.into_iter(), &["description"])))
}

pub(super) fn describe(call: &Call<'_>) -> Result<Reply> {
    let description: String = call.body()?;
    change(call, |key| key.describe(description))
}

pub(super) fn enable(call: &Call<'_>) -> Result<Reply> {
    let enabled = call.parameter(1, "enabledValue")? == "true";
    change(call, |key| key.enabled = enabled)
}

pub(super) fn delete(call: &Call<'_>) -> Result<Reply> {
    let id = call.id(0, "id")?;
    call.state().delete_key(id)?;
    Ok(Reply::empty(200))
}

fn change(call: &Call<'_>, change: impl FnOnce(&mut ApiKey)) -> Result<Reply> {
    let id = call.id(0, "id")?;
    Ok(ok(&call.state().change_key(id, change)?))
}
