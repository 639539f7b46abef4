//! The JSON schemas of what `--json` prints, one for each verb.

use fleet::bundle::{BundleReport, FlashReport};
use fleet::init::InitReport;
use fleet::report::IdentityReport;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::output::Envelope;
use crate::verb::config::ConfigReport;
use crate::verb::explain::ExplainReport;
use crate::verb::inspect::InspectReport;
use crate::verb::list::ListReport;
use crate::verb::trust::TrustReport;
use crate::verb::verify::VerifyReport;

/// The schemas (draft 2020-12) by the verbs they belong to.
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("init", of::<InitReport>()),
        ("server", of::<IdentityReport>()),
        ("client", of::<IdentityReport>()),
        ("bundle-firmware", of::<BundleReport>()),
        ("flash", of::<FlashReport>()),
        ("trust", of::<TrustReport>()),
        ("inspect", of::<InspectReport>()),
        ("verify", of::<VerifyReport>()),
        ("list", of::<ListReport>()),
        ("config-show", of::<ConfigReport>()),
        ("explain", of::<ExplainReport>()),
    ]
}

fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Envelope<T>>()
}
