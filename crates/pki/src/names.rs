//! Names of subjects, servers and devices: types that cannot contain what their standards forbid.

pub mod device_name;
pub mod san;
pub mod subject;
pub(crate) mod uri;
