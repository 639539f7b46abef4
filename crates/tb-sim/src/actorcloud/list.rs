//! Lists: `_page`, `_limit`, `_sort`, `_order`, filters, and ids in queries.

use serde_json::{Value, json};

use super::answer::{Refusal, Result};
use crate::http::Query;

/// The page of these items that is asked for.
pub(super) fn page(query: &Query, items: impl Iterator<Item = Value>) -> Result<Value> {
    let number = |name: &str, default: usize| match query.get(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| Refusal::bad_request()),
    };
    let (page, limit) = (number("_page", 1)?.max(1), number("_limit", 10)?.clamp(1, 1000));
    let mut items: Vec<Value> = items.filter(|item| is_wanted(query, item)).collect();
    let sort = query.get("_sort").unwrap_or("createAt").to_owned();
    items.sort_by_cached_key(|item| match item.get(&sort) {
        Some(Value::Number(number)) => (number.as_u64().unwrap_or_default(), String::new()),
        value => (0, value.and_then(Value::as_str).unwrap_or_default().to_owned()),
    });
    // The newest first, unless the query has another order.
    if query.get("_order").unwrap_or("desc") == "desc" {
        items.reverse();
    }
    let count = items.len();
    let whole = query.get("paginate") == Some("false");
    let items: Vec<Value> =
        if whole { items } else { items.into_iter().skip((page - 1) * limit).take(limit).collect() };
    Ok(json!({ "items": items, "meta": { "page": page, "limit": limit, "count": count } }))
}

pub(super) fn ids(query: &Query) -> Result<Vec<u64>> {
    let text = query.get("ids").filter(|text| !text.is_empty()).ok_or_else(Refusal::bad_request)?;
    text.split(',').map(|id| id.trim().parse().map_err(|_| Refusal::bad_request())).collect()
}

fn is_wanted(query: &Query, item: &Value) -> bool {
    let Some(fields) = item.as_object() else { return false };
    fields.iter().all(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        query.get(name).is_none_or(|wanted| wanted == text)
            && query.get(&format!("{name}_like")).is_none_or(|part| text.contains(part))
            && query.get(&format!("{name}_in")).is_none_or(|all| all.split(',').any(|one| one == text))
    })
}
