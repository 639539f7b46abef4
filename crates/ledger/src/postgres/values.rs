//! Values that PostgreSQL receives and returns.

use std::borrow::Cow;
use std::error::Error;

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::value::{SqlRow, SqlValue};

type Converted = std::result::Result<IsNull, Box<dyn Error + Sync + Send>>;

impl ToSql for SqlValue<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Converted {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) => number.to_sql(ty, out),
            Self::Text(text) => without_nul(text).as_ref().to_sql(ty, out),
            Self::Bytes(bytes) => bytes.as_ref().to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(ty)
    }

    to_sql_checked!();
}

/// A column of many rows at once.
#[derive(Debug)]
pub(super) struct ColumnValues(pub(super) Vec<SqlValue<'static>>);

impl ToSql for ColumnValues {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Converted {
        self.0.to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8_ARRAY, Type::TEXT_ARRAY, Type::BYTEA_ARRAY].contains(ty)
    }

    to_sql_checked!();
}

/// PostgreSQL's texts hold no NUL. No name has one; the text of another program may.
fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{FFFD}").into() } else { text.into() }
}

/// A row, whatever its columns hold.
pub(super) fn row(row: &tokio_postgres::Row) -> std::result::Result<SqlRow, tokio_postgres::Error> {
    let value = |column: usize| {
        Ok(match row.columns().get(column).map(tokio_postgres::Column::type_) {
            Some(&Type::INT8) => row.try_get::<_, Option<i64>>(column)?.into(),
            // Only casts in statements yield this type; the numbers in the tables have 64 bits.
            Some(&Type::INT4) => row.try_get::<_, Option<i32>>(column)?.map(i64::from).into(),
            Some(&Type::BYTEA) => match row.try_get::<_, Option<Vec<u8>>>(column)? {
                Some(bytes) => SqlValue::Bytes(bytes.into()),
                None => SqlValue::Null,
            },
            // Anything else that is no text is refused here.
            _ => row.try_get::<_, Option<String>>(column)?.into(),
        })
    };
    (0..row.len()).map(value).collect::<std::result::Result<_, _>>().map(SqlRow)
}
