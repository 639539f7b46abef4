//! The JSON schemas of what `--json` prints, one for each verb.

use fleet::actorcloud::CertsReport;
use fleet::init::InitReport;
use fleet::profile::ProfileReport;
use fleet::register::{DeviceRegistration, RegisterReport};
use fleet::report::IdentityReport;
use fleet::token::TokenReport;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::output::Envelope;
use crate::verb::config::ConfigReport;
use crate::verb::explain::ExplainReport;
use crate::verb::inspect::InspectReport;
use crate::verb::list::ListReport;
use crate::verb::profile::ProfilesReport;
use crate::verb::trust::TrustReport;
use crate::verb::verify::VerifyReport;

/// The schemas (draft 2020-12) by the verbs they belong to.
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("init", of::<InitReport>()),
        ("server", of::<IdentityReport>()),
        ("client", of::<IdentityReport>()),
        ("register", of::<RegisterReport>()),
        ("unregister", of::<DeviceRegistration>()),
        ("token", of::<TokenReport>()),
        ("profile-create", of::<ProfileReport>()),
        ("profile-show", of::<ProfilesReport>()),
        ("actorcloud-cert-create", of::<CertsReport>()),
        ("actorcloud-cert-list", of::<CertsReport>()),
        ("actorcloud-cert-enable", of::<CertsReport>()),
        ("actorcloud-cert-disable", of::<CertsReport>()),
        ("actorcloud-cert-bind", of::<CertsReport>()),
        ("actorcloud-cert-unbind", of::<CertsReport>()),
        ("actorcloud-cert-save", of::<CertsReport>()),
        ("actorcloud-cert-remove", of::<CertsReport>()),
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
