//! The flags of `tbpki fleet run` that a resumed run takes from the run before it.

use std::path::{Path, PathBuf};

use base::{Code, Result};
use clap::Parser;
use identity::lifecycle::one_time_password::PasswordLifetime;
use pki::device_name::DeviceName;

use crate::args::bundle_firmware::{EnrolArgs, FirmwareArgs};
use crate::args::fleet::bundle::BundleArgs;
use crate::args::fleet::run::FleetRunArgs;
use crate::args::platform::PlatformArgs;
use crate::args::value::{parsed, text};

/// Flags of an earlier run, as they are kept in the store.
#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct KeptFlags {
    #[arg(long)]
    no_register: bool,
    #[arg(long, value_parser = text())]
    label: Option<String>,
    #[arg(long)]
    gateway: bool,
    #[command(flatten)]
    platform: PlatformArgs,
    #[arg(long)]
    no_bundle: bool,
    #[arg(long, value_parser = parsed::<DeviceName>())]
    enroll_label: Option<DeviceName>,
    #[command(flatten)]
    bundle: BundleArgs,
}

impl FleetRunArgs {
    /// The flags of the registration and of the bundles, with absolute paths. Standard input, which a later run does not
    /// have, and the permission to replace credentials are left out.
    pub(crate) fn to_keep(&self) -> Vec<String> {
        // Without `..`: a flag that is added must be kept, or left out for a reason.
        let Self {
            issue: _,
            no_register,
            replace: _,
            label,
            gateway,
            pace: _,
            platform,
            no_bundle,
            enroll_label,
            bundle,
        } = self;
        let mut flags = Flags::default();
        flags.on("--no-register", *no_register);
        flags.value("--label", label.as_ref());
        flags.on("--gateway", *gateway);
        platform.to_keep(&mut flags);
        flags.on("--no-bundle", *no_bundle);
        flags.value("--enroll-label", enroll_label.as_ref());
        flags.on("--merged", bundle.merged);
        bundle.firmware.to_keep(&mut flags);
        flags.0
    }

    /// Whether a flag of the registration is given.
    fn names_platform(&self) -> bool {
        let mut flags = Flags::default();
        self.platform.to_keep(&mut flags);
        !flags.0.is_empty() || self.label.is_some() || self.gateway || self.replace
    }

    /// Whether a flag of the bundles is given.
    fn names_bundle(&self) -> bool {
        let mut flags = Flags::default();
        self.bundle.firmware.to_keep(&mut flags);
        !flags.0.is_empty() || self.bundle.merged
    }

    /// Takes the flags of an earlier run of the job for those that are not given now.
    ///
    /// # Errors
    /// [`Code::FileUnreadable`] if this version does not know one of them.
    pub(crate) fn complete(&mut self, kept: &[String]) -> Result<()> {
        let kept = KeptFlags::try_parse_from(kept).map_err(|error| {
            let text = error.to_string();
            Code::FileUnreadable
                .error("the flags of the earlier run cannot be used")
                .because(text.lines().next().unwrap_or_default())
                .fix("run the command of the first run again, with all of its flags")
        })?;
        // A flag of a phase that the earlier run left out asks for this phase.
        self.no_register |= kept.no_register && !self.names_platform();
        self.no_bundle |= kept.no_bundle && !self.names_bundle();
        self.label = self.label.take().or(kept.label);
        self.gateway |= kept.gateway;
        self.platform.complete(kept.platform);
        self.enroll_label = self.enroll_label.take().or(kept.enroll_label);
        self.bundle.merged |= kept.bundle.merged;
        self.bundle.firmware.complete(kept.bundle.firmware);
        Ok(())
    }
}

impl PlatformArgs {
    fn to_keep(&self, flags: &mut Flags) {
        let Self {
            platform_url,
            platform_user,
            platform_password_file,
            platform_api_key_file,
            platform_ca,
            allow_plain_http,
        } = self;
        flags.value("--platform-url", platform_url.as_ref());
        flags.value("--platform-user", platform_user.as_ref());
        flags.path("--platform-password-file", platform_password_file.as_deref());
        flags.path("--platform-api-key-file", platform_api_key_file.as_deref());
        flags.path("--platform-ca", platform_ca.as_deref());
        flags.on("--allow-plain-http", *allow_plain_http);
    }

    fn complete(&mut self, kept: Self) {
        // A user and an API key exclude each other: a login that is given now replaces all of the earlier one.
        let has_login = self.platform_user.is_some()
            || self.platform_password_file.is_some()
            || self.platform_api_key_file.is_some();
        if !has_login {
            self.platform_user = kept.platform_user;
            self.platform_password_file = kept.platform_password_file;
            self.platform_api_key_file = kept.platform_api_key_file;
        }
        self.platform_url = self.platform_url.take().or(kept.platform_url);
        self.platform_ca = self.platform_ca.take().or(kept.platform_ca);
        self.allow_plain_http |= kept.allow_plain_http;
    }
}

impl FirmwareArgs {
    fn to_keep(&self, flags: &mut Flags) {
        let Self {
            chip,
            broker,
            port,
            skip_host_name_check,
            wifi_ssid,
            wifi_password_file,
            flash_size,
            crystal,
            app,
            partitions,
            partition_table_offset,
            bootloader,
            app_partition,
            whole_flash,
            enrolment,
        } = self;
        let EnrolArgs { enroll, enroll_anchors, password_days, accept_long_certificates } = enrolment;
        flags.value("--chip", chip.map(devkit::Chip::name));
        flags.value("--broker", broker.as_ref());
        flags.value("--port", *port);
        flags.on("--skip-host-name-check", *skip_host_name_check);
        flags.value("--wifi-ssid", wifi_ssid.as_ref());
        flags.path("--wifi-password-file", wifi_password_file.as_deref());
        flags.value("--flash-size", flash_size.as_ref());
        flags.value("--crystal", crystal.map(devkit::chip::Crystal::mhz));
        flags.path("--app", app.as_deref());
        flags.path("--partitions", partitions.as_deref());
        flags.value("--partition-table-offset", partition_table_offset.as_ref());
        flags.path("--bootloader", bootloader.as_deref());
        flags.value("--app-partition", app_partition.as_ref());
        flags.on("--whole-flash", *whole_flash);
        flags.value("--enroll", enroll.as_ref());
        flags.path("--enroll-anchors", enroll_anchors.as_deref());
        flags.value("--password-days", password_days.and_then(days));
        flags.on("--accept-long-certificates", *accept_long_certificates);
    }

    fn complete(&mut self, kept: Self) {
        self.chip = self.chip.or(kept.chip);
        self.broker = self.broker.take().or(kept.broker);
        self.port = self.port.or(kept.port);
        self.skip_host_name_check |= kept.skip_host_name_check;
        self.wifi_ssid = self.wifi_ssid.take().or(kept.wifi_ssid);
        self.wifi_password_file = self.wifi_password_file.take().or(kept.wifi_password_file);
        self.flash_size = self.flash_size.take().or(kept.flash_size);
        self.crystal = self.crystal.or(kept.crystal);
        self.app = self.app.take().or(kept.app);
        self.partitions = self.partitions.take().or(kept.partitions);
        self.partition_table_offset = self.partition_table_offset.take().or(kept.partition_table_offset);
        self.bootloader = self.bootloader.take().or(kept.bootloader);
        self.app_partition = self.app_partition.take().or(kept.app_partition);
        self.whole_flash |= kept.whole_flash;
        self.enrolment.complete(kept.enrolment);
    }
}

impl EnrolArgs {
    fn complete(&mut self, kept: Self) {
        self.enroll = self.enroll.take().or(kept.enroll);
        self.enroll_anchors = self.enroll_anchors.take().or(kept.enroll_anchors);
        self.password_days = self.password_days.or(kept.password_days);
        self.accept_long_certificates |= kept.accept_long_certificates;
    }
}

/// The value of `--password-days`.
fn days(lifetime: PasswordLifetime) -> Option<String> {
    match lifetime {
        PasswordLifetime::Configured => None,
        PasswordLifetime::Days(days) => Some(days.to_string()),
        PasswordLifetime::Unlimited => Some("none".to_owned()),
    }
}

/// Flags in the form `--flag=value`, in which a value can begin with a hyphen.
#[derive(Default)]
struct Flags(Vec<String>);

impl Flags {
    fn on(&mut self, flag: &str, is_on: bool) {
        self.0.extend(is_on.then(|| flag.to_owned()));
    }

    fn value(&mut self, flag: &str, value: Option<impl ToString>) {
        self.0.extend(value.map(|value| format!("{flag}={}", value.to_string())));
    }

    fn path(&mut self, flag: &str, path: Option<&Path>) {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else { return };
        let absolute: PathBuf = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        // All paths of the command line are UTF-8: `usage::utf8` refuses others.
        self.value(flag, Some(absolute.to_string_lossy()));
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[derive(Debug, Parser)]
    #[command(no_binary_name = true)]
    struct Run {
        #[command(flatten)]
        run: FleetRunArgs,
    }

    fn run(args: &[&str]) -> FleetRunArgs {
        Run::try_parse_from(args).unwrap_or_else(|error| panic!("{error}")).run
    }

    const ALL: [&str; 27] = [
        "--no-register",
        "--platform-url=https://tb.example",
        "--platform-user=-tenant",
        "--platform-password-file=/secret/password",
        "--platform-ca=/roots.pem",
        "--allow-plain-http",
        "--no-bundle",
        "--enroll-label=pumps",
        "--merged",
        "--chip=esp32",
        "--broker=tb.example",
        "--port=8884",
        "--skip-host-name-check",
        "--wifi-ssid=net = 1",
        "--wifi-password-file=/secret/wifi",
        "--flash-size=8MB",
        "--crystal=26",
        "--app=/app.elf",
        "--partitions=/table.csv",
        "--partition-table-offset=0xa000",
        "--bootloader=/bootloader.bin",
        "--app-partition=ota_0",
        "--whole-flash",
        "--enroll=https://est.example:9443",
        "--enroll-anchors=/est.pem",
        "--password-days=30",
        "--accept-long-certificates",
    ];

    #[test]
    fn a_resumed_run_has_the_flags_of_the_run_before() {
        let kept = run(&ALL).to_keep();
        assert_eq!(kept, ALL);
        let mut resumed = run(&["--resume"]);
        resumed.complete(&kept).unwrap();
        assert_eq!(resumed.to_keep(), ALL);
        let mut resumed = run(&["--resume"]);
        resumed.complete(&run(&["--label=x", "--gateway"]).to_keep()).unwrap();
        assert_eq!((resumed.label.as_deref(), resumed.gateway), (Some("x"), true));
    }

    #[test]
    fn a_flag_that_is_given_has_priority() {
        let mut resumed = run(&["--resume", "7", "--chip=esp32c3", "--platform-api-key-file=/secret/key"]);
        resumed.complete(&run(&ALL).to_keep()).unwrap();
        assert_eq!(resumed.bundle.firmware.chip.map(devkit::Chip::name), Some("esp32c3"));
        assert_eq!((resumed.platform.platform_user, resumed.platform.platform_password_file), (None, None));
        assert_eq!(resumed.bundle.firmware.wifi_ssid.as_deref(), Some("net = 1"));
    }

    #[test]
    fn a_phase_that_was_left_out_is_asked_for_by_its_flags() {
        let kept = run(&["--no-register", "--no-bundle"]).to_keep();
        for (given, registers, bundles) in [
            (&["--resume"][..], false, false),
            (&["--resume", "--platform-url=https://tb.example"], true, false),
            (&["--resume", "--replace"], true, false),
            (&["--resume", "--chip=esp32c3"], false, true),
        ] {
            let mut resumed = run(given);
            resumed.complete(&kept).unwrap();
            assert_eq!((!resumed.no_register, !resumed.no_bundle), (registers, bundles), "{given:?}");
        }
    }

    #[test]
    fn paths_are_absolute_and_standard_input_is_not_kept() {
        let kept = run(&["--wifi-password-file=-", "--app=app.elf"]).to_keep();
        let here = std::env::current_dir().unwrap().join("app.elf");
        assert_eq!(kept, [format!("--app={}", here.display())]);
    }

    #[test]
    fn flags_of_another_version_are_refused() {
        let error = run(&["--resume"]).complete(&["--unknown=1".to_owned()]).unwrap_err();
        assert_eq!(error.code(), Code::FileUnreadable);
        KeptFlags::command().debug_assert();
    }
}
