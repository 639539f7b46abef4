//! The JSON schemas of the output of `--json`, one for each verb.

use enroll::approval::RequestsReport;
use enroll::client::HostReport;
use enroll::password::PasswordReport;
use enroll::serve::ServeReport;
use fleet::actorcloud::CertsReport;
use fleet::bundle::{BundleReport, FlashReport};
use fleet::lifecycle::revoke::RevokeReport;
use fleet::lifecycle::upkeep::adopt::AdoptReport;
use fleet::lifecycle::upkeep::check::StoreCheckReport;
use fleet::lifecycle::upkeep::forget::ForgetReport;
use fleet::lifecycle::upkeep::import::ImportReport;
use fleet::lifecycle::upkeep::repair::RepairReport;
use fleet::mass::{CancelReport, FleetReport, JobsReport};
use fleet::profile::ProfileReport;
use fleet::register::new_device::DeviceReport;
use fleet::token::TokenReport;
use identity::init::InitReport;
use identity::lifecycle::ca_passphrase::CaPassphraseReport;
use identity::lifecycle::revocation_lists::RevocationListsReport;
use identity::lifecycle::rollover::confirm::ConfirmReport;
use identity::lifecycle::rollover::{CasReport, RolloverReport};
use identity::report::IdentityReport;
use identity::station_bundle::StationBundleReport;
use provision::check::CheckReport;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::output::Envelope;
use crate::verb::about::explain::ExplainReport;
use crate::verb::about::install::InstallReport;
use crate::verb::about::version::VersionReport;
use crate::verb::config::ConfigReport;
use crate::verb::each_device::OneOrSeveral;
use crate::verb::lifecycle::host::RenewOutput;
use crate::verb::lifecycle::needs_renewal::NeedsRenewalReport;
use crate::verb::look::inspect::InspectReport;
use crate::verb::look::list::IdentitiesReport;
use crate::verb::look::report::PageReport;
use crate::verb::look::trust::TrustReport;
use crate::verb::look::verify::VerifyReport;
use crate::verb::platform::profile::ProfilesReport;
use crate::verb::platform::register::RegisteredDevices;
use crate::verb::platform::unregister::UnregisterReport;
use crate::verb::store::backup::StoreBackupReport;
use crate::verb::store::ledger_move::LedgerMoveReport;
use crate::verb::store::ledger_platform::LedgerPlatformsReport;
use crate::verb::store::restore::StoreRestoreReport;

/// The name in JSON output of `tbpki --version`, which is no verb.
pub(crate) const VERSION: &str = "version";

/// The schemas (draft 2020-12) by verb.
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("init", of::<InitReport>()),
        ("server", of::<IdentityReport>()),
        ("client", of::<OneOrSeveral<DeviceReport>>()),
        ("register", of::<RegisteredDevices>()),
        ("unregister", of::<OneOrSeveral<UnregisterReport>>()),
        ("renew", of::<RenewOutput>()),
        ("needs-renewal", of::<NeedsRenewalReport>()),
        ("revoke", of::<RevokeReport>()),
        ("crl", of::<RevocationListsReport>()),
        ("serve", of::<ServeReport>()),
        ("enroll-password", of::<PasswordReport>()),
        ("enroll-list", of::<RequestsReport>()),
        ("enroll-approve", of::<RequestsReport>()),
        ("enroll-deny", of::<RequestsReport>()),
        ("enroll-fetch", of::<HostReport>()),
        ("forget", of::<ForgetReport>()),
        ("import", of::<ImportReport>()),
        ("ledger-move", of::<LedgerMoveReport>()),
        ("ledger-platform", of::<LedgerPlatformsReport>()),
        ("store-check", of::<StoreCheckReport>()),
        ("store-backup", of::<StoreBackupReport>()),
        ("store-restore", of::<StoreRestoreReport>()),
        ("store-repair", of::<RepairReport>()),
        ("token", of::<OneOrSeveral<TokenReport>>()),
        ("profile-create", of::<ProfileReport>()),
        ("profile-show", of::<ProfilesReport>()),
        ("ca-export", of::<StationBundleReport>()),
        ("ca-list", of::<CasReport>()),
        ("ca-prepare", of::<RolloverReport>()),
        ("ca-confirm", of::<ConfirmReport>()),
        ("ca-activate", of::<RolloverReport>()),
        ("ca-retire", of::<RolloverReport>()),
        ("ca-passphrase", of::<CaPassphraseReport>()),
        ("actorcloud-cert-create", of::<CertsReport>()),
        ("actorcloud-cert-list", of::<CertsReport>()),
        ("actorcloud-cert-enable", of::<CertsReport>()),
        ("actorcloud-cert-disable", of::<CertsReport>()),
        ("actorcloud-cert-bind", of::<CertsReport>()),
        ("actorcloud-cert-unbind", of::<CertsReport>()),
        ("actorcloud-cert-save", of::<CertsReport>()),
        ("actorcloud-cert-remove", of::<CertsReport>()),
        ("bundle-firmware", of::<BundleReport>()),
        ("flash", of::<FlashReport>()),
        ("fleet-issue", of::<FleetReport>()),
        ("fleet-register", of::<FleetReport>()),
        ("fleet-bundle", of::<FleetReport>()),
        ("fleet-run", of::<FleetReport>()),
        ("fleet-renew", of::<FleetReport>()),
        ("fleet-jobs", of::<JobsReport>()),
        ("fleet-cancel", of::<CancelReport>()),
        ("fleet-adopt", of::<AdoptReport>()),
        ("trust", of::<TrustReport>()),
        ("inspect", of::<InspectReport>()),
        ("verify", of::<VerifyReport>()),
        ("check", of::<CheckReport>()),
        ("list", of::<IdentitiesReport>()),
        ("report", of::<PageReport>()),
        ("config-show", of::<ConfigReport>()),
        ("explain", of::<ExplainReport>()),
        ("completions", of::<InstallReport>()),
        ("man", of::<InstallReport>()),
        (VERSION, of::<VersionReport>()),
    ]
}

fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Envelope<T>>()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    /// The names of all verbs; `config show` is `config-show`.
    fn verbs(command: &clap::Command, above: &str) -> Vec<String> {
        let below = command.get_subcommands().filter(|command| command.get_name() != "help");
        below
            .flat_map(|command| {
                let name = format!("{above}{}", command.get_name());
                let inner = verbs(command, &format!("{name}-"));
                if inner.is_empty() { vec![name] } else { inner }
            })
            .collect()
    }

    #[test]
    fn every_verb_has_a_schema() {
        let mut command = Cli::command();
        command.build();
        let mut verbs = verbs(&command, "");
        verbs.push(VERSION.to_owned());
        verbs.sort();
        let mut schemas: Vec<&str> = schemas().into_iter().map(|(verb, _)| verb).collect();
        schemas.sort_unstable();
        assert_eq!(schemas, verbs);
    }
}
