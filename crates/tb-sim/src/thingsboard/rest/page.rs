//! Lists in pages.

use serde_json::{Value, json};

use super::call::Call;
use crate::http::Query;
use crate::thingsboard::refusal::{Refusal, Result};

/// The requested page: number, size, search text and order.
pub(super) struct Page {
    size: usize,
    number: usize,
    text: Option<String>,
    sort: Option<(String, bool)>,
}

impl Page {
    /// Reads `pageSize`, `page`, `textSearch`, `sortProperty` (one of `sortable`), `sortOrder`.
    pub(super) fn new(call: &Call<'_>, sortable: &[&str]) -> Result<Self> {
        Self::read(&call.request.query, sortable, call.core.is_4_3())
    }

    fn read(query: &Query, sortable: &[&str], is_4_3: bool) -> Result<Self> {
        let missing = if is_4_3 { Refusal::general::<String> } else { Refusal::bad::<String> };
        let number = |name: &str| -> Result<i64> {
            let text = query.get(name).ok_or_else(|| {
                missing(format!("Required request parameter '{name}' for method parameter type int is not present"))
            })?;
            // Java's int: a larger number is no number for it.
            text.parse::<i32>().map(i64::from).map_err(|_| {
                Refusal::bad(format!(
                    "Failed to convert value of type 'java.lang.String' to required type 'int'; For input string: \"{text}\""
                ))
            })
        };
        let (size, page) = (number("pageSize")?, number("page")?);
        if size < 1 {
            return Err(Refusal::bad(format!(
                "Incorrect page link page size '{size}'. Page size must be greater than zero."
            )));
        }
        let page = usize::try_from(page)
            .map_err(|_| Refusal::bad(format!("Incorrect page link page '{page}'. Page must be positive integer.")))?;
        let descending = match query.get("sortOrder") {
            None | Some("ASC" | "") => false,
            Some("DESC") => true,
            Some(other) => {
                return Err(Refusal::bad(format!(
                    "Unsupported sort order '{other}'! Only 'ASC' or 'DESC' types are allowed."
                )));
            }
        };
        let property = query.get("sortProperty").filter(|text| !text.is_empty());
        // The real server puts the name into its query as it is, so that only the layer of the database notices.
        if let Some(property) = property.filter(|property| !sortable.contains(property)) {
            return Err(Refusal::database(format!("could not prepare statement: no attribute '{property}'")));
        }
        Ok(Self {
            size: usize::try_from(size).unwrap_or(1),
            number: page,
            text: query.get("textSearch").filter(|text| !text.is_empty()).map(str::to_lowercase),
            sort: property.map(|property| (property.to_owned(), descending)),
        })
    }

    /// The page of these items. They are searched by the texts of the named fields.
    pub(super) fn of(&self, items: impl Iterator<Item = Value>, searched: &[&str]) -> Value {
        let found = |item: &Value| {
            self.text.as_deref().is_none_or(|text| {
                let fields = searched.iter().filter_map(|name| item.get(name).and_then(Value::as_str));
                fields.map(str::to_lowercase).any(|field| is_like(&field, text))
            })
        };
        let mut items: Vec<Value> = items.filter(found).collect();
        if let Some((property, descending)) = &self.sort {
            let key = |item: &Value| match item.get(property) {
                Some(Value::Number(number)) => (number.as_i64().unwrap_or_default(), String::new()),
                Some(Value::String(text)) => (0, text.to_lowercase()),
                _ => (0, String::new()),
            };
            items.sort_by_cached_key(key);
            if *descending {
                items.reverse();
            }
        }
        let total = items.len();
        let data: Vec<Value> = items.into_iter().skip(self.number * self.size).take(self.size).collect();
        json!({
            "data": data,
            "totalPages": total.div_ceil(self.size),
            "totalElements": total,
            "hasNext": total > (self.number + 1) * self.size,
        })
    }
}

/// SQL's LIKE between two `%`: a search's own `%`, `_` and backslashes are not escaped, so they keep their meaning.
fn is_like(field: &str, text: &str) -> bool {
    fn from_here(field: &[char], pattern: &[char]) -> bool {
        match pattern.split_first() {
            None => true,
            // The default escape character of PostgreSQL: it takes the meaning of the next character.
            Some(('\\', rest)) => match (rest.split_first(), field.split_first()) {
                (Some((wanted, rest)), Some((c, field))) => wanted == c && from_here(field, rest),
                _ => false,
            },
            Some(('%', rest)) => (0..=field.len()).any(|skip| from_here(field.get(skip..).unwrap_or_default(), rest)),
            Some((wanted, rest)) => match field.split_first() {
                Some((c, field)) => (wanted == c || *wanted == '_') && from_here(field, rest),
                None => false,
            },
        }
    }
    // The closing `%` matters after a backslash, which takes its meaning away.
    let (field, pattern): (Vec<char>, Vec<char>) = (field.chars().collect(), text.chars().chain(['%']).collect());
    (0..=field.len()).any(|start| from_here(field.get(start..).unwrap_or_default(), &pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_of_a_search_are_wild() {
        assert!(is_like("my-device", "y-d"));
        assert!(is_like("my-device", "m_-d"));
        assert!(is_like("my-device", "my%ice"));
        assert!(is_like("anything", "%"));
        assert!(!is_like("my-device", "ice-"));
        assert!(!is_like("a\\b", "a\\b"), "a backslash takes the meaning of the next character");
        assert!(is_like("a_b", "a\\_b") && !is_like("a-b", "a\\_b"));
    }

    #[test]
    fn pages_count_from_zero() {
        let items = || (0..5).map(|number| json!({ "name": format!("d{number}") }));
        let page =
            Page::read(&Query::new("pageSize=2&page=1&sortProperty=name&sortOrder=DESC"), &["name"], false).unwrap();
        let page = page.of(items(), &["name"]);
        assert_eq!(page["data"], json!([{ "name": "d2" }, { "name": "d1" }]));
        assert_eq!(
            (&page["totalPages"], &page["totalElements"], &page["hasNext"]),
            (&json!(3), &json!(5), &json!(true))
        );
    }
}
