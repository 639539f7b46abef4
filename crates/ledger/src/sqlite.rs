//! The ledger as a file: what SQLite is given, and what it gives back.

use std::borrow::Cow;

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Type, ValueRef};

use crate::value::{Row, Value};

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// A row, whatever its columns hold.
pub(crate) fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let columns = row.as_ref().column_count();
    let value = |column| {
        Ok(match row.get_ref(column)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Int(number),
            // STRICT tables have no such columns.
            ValueRef::Real(_) => return Err(rusqlite::Error::InvalidColumnType(column, String::new(), Type::Real)),
            text @ ValueRef::Text(_) => Value::Text(Cow::Owned(text.as_str()?.to_owned())),
            ValueRef::Blob(bytes) => Value::Bytes(Cow::Owned(bytes.to_owned())),
        })
    };
    (0..columns).map(value).collect::<rusqlite::Result<_>>().map(Row)
}
