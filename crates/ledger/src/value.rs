//! Values that go into a database and come out of it.

use std::borrow::Cow;

use base::{Code, Error, Result};
use time::OffsetDateTime;

/// A value of one of the four types that the ledger keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SqlValue<'a> {
    Null,
    Int(i64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
}

impl SqlValue<'_> {
    /// The same, to be kept.
    pub(crate) fn to_static(&self) -> SqlValue<'static> {
        match self {
            Self::Null => SqlValue::Null,
            Self::Int(number) => SqlValue::Int(*number),
            Self::Text(text) => SqlValue::Text(Cow::Owned(text.clone().into_owned())),
            Self::Bytes(bytes) => SqlValue::Bytes(Cow::Owned(bytes.clone().into_owned())),
        }
    }
}

/// One statement for many rows, in the two ways in which databases are quick at that.
pub(crate) struct BatchStatement<'a> {
    /// For a row: its values are ?1, ?2 and so on.
    pub(crate) one_by_one: &'a str,
    /// For all rows: ?1, ?2 and so on are arrays with the values of a column each.
    pub(crate) by_columns: &'a str,
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Int,
    Text,
    Bytes,
}

impl ColumnType {
    /// The place of an array with the values of a column, in the words of PostgreSQL. The type must be named, because a
    /// column of which all values are missing has none.
    pub(crate) fn array(self, place: usize) -> String {
        let of = match self {
            Self::Int => "bigint",
            Self::Text => "text",
            Self::Bytes => "bytea",
        };
        format!("?{place}::{of}[]")
    }
}

/// A statement that inserts rows into a table whose key is `id`.
pub(crate) struct RowInsert {
    /// The table.
    pub(crate) table: &'static str,
    /// The columns that get values, each with its type.
    pub(crate) columns: &'static [(&'static str, ColumnType)],
}

impl RowInsert {
    /// The names of the columns.
    pub(crate) fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// The most values of a list in a statement: databases limit how many values a statement has.
pub(crate) const LISTED: usize = 500;

/// The places of `count` values in a list, for `IN`: from `?first` on.
pub(crate) fn list_of_places(first: usize, count: usize) -> String {
    let places: Vec<String> = (first..first.saturating_add(count)).map(|place| format!("?{place}")).collect();
    format!("({})", places.join(", "))
}

impl From<i64> for SqlValue<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for SqlValue<'_> {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<u64> for SqlValue<'_> {
    fn from(number: u64) -> Self {
        // Counters of rows and lines: none comes near the end.
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl<'a> From<&'a str> for SqlValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for SqlValue<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for SqlValue<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<&'a [u8]> for SqlValue<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for SqlValue<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl<'a, T: Into<SqlValue<'a>>> From<Option<T>> for SqlValue<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Values of any of these types, for the places ?1, ?2 and so on of a statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::value::SqlValue::from($value)),*] };
}
pub(crate) use values;

/// A row as the database has it: nothing in it is believed yet.
#[derive(Debug)]
pub(crate) struct SqlRow(pub(crate) Vec<SqlValue<'static>>);

impl SqlRow {
    /// The value of a column, counted from 0.
    pub(crate) fn get<T: FromValue>(&self, column: usize) -> Result<T> {
        self.0.get(column).and_then(T::from_value).ok_or_else(|| {
            Code::LedgerUnreadable
                .error("the ledger contains a value of the wrong type")
                .because(format!("column {column}"))
        })
    }
}

/// A type as which a value of the database may be read.
pub(crate) trait FromValue: Sized {
    fn from_value(value: &SqlValue<'static>) -> Option<Self>;
}

impl FromValue for i64 {
    fn from_value(value: &SqlValue<'static>) -> Option<Self> {
        if let SqlValue::Int(number) = value { Some(*number) } else { None }
    }
}

impl FromValue for u32 {
    fn from_value(value: &SqlValue<'static>) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl FromValue for u64 {
    fn from_value(value: &SqlValue<'static>) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl FromValue for String {
    fn from_value(value: &SqlValue<'static>) -> Option<Self> {
        if let SqlValue::Text(text) = value { Some(text.clone().into_owned()) } else { None }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: &SqlValue<'static>) -> Option<Self> {
        if let SqlValue::Bytes(bytes) = value { Some(bytes.clone().into_owned()) } else { None }
    }
}

impl FromValue for [u8; 32] {
    fn from_value(value: &SqlValue<'static>) -> Option<Self> {
        if let SqlValue::Bytes(bytes) = value { bytes.as_ref().try_into().ok() } else { None }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &SqlValue<'static>) -> Option<Self> {
        if *value == SqlValue::Null { Some(None) } else { T::from_value(value).map(Some) }
    }
}

/// The one of `all` whose word the ledger holds.
pub(crate) fn one_of<T: Copy>(all: &[T], word: impl Fn(T) -> &'static str, stored: &str) -> Result<T> {
    all.iter().copied().find(|one| word(*one) == stored).ok_or_else(|| unknown_word(stored))
}

fn unknown_word(stored: &str) -> Error {
    Code::LedgerUnreadable.error(format!("the ledger contains an unknown word {stored:?}"))
}

/// A time of seconds since 1970 (UTC), as the tables have it.
pub(crate) fn at(seconds: i64) -> Result<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(seconds)
        .map_err(|error| Code::LedgerUnreadable.error("the ledger contains an impossible time").caused_by(error))
}
