//! `tbpki bundle-firmware`.

use std::io::{self, Write};
use std::path::PathBuf;

use base::file::OwnerTrust;
use base::text::printable;
use base::{Code, Finding, Result};
use config::key;
use devkit::application::ApplicationSearch;
use devkit::chip::Chip;
use fleet::bundle::{
    BundleOutcome, BundleReport, BundleRequest, DatesReport, DeviceLogin, Devices, EnrolmentRequest, ReplacedFile,
    SourceReport, bundle,
};
use pki::device_name::DeviceName;

use crate::args::{AuthKind, BundleFirmwareArgs, EnrolArgs, FirmwareArgs, each_once};
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

/// The variable with the directory of applications.
const FIRMWARE: &str = "TBPKI_FIRMWARE";

pub(crate) fn run(args: &BundleFirmwareArgs, context: &mut Context) -> Result<Exit> {
    let request = request(args, context)?;
    let mut overrides = Overrides::default();
    firmware(&mut overrides, &args.firmware);
    let config = context.config(&overrides)?;
    let messages = context.output.messages();
    let mut report =
        context.in_workspace(&config, |workspace| bundle(workspace, &request, &mut |line| messages.say(line)))?;
    context.output.findings(std::mem::take(&mut report.findings));
    let failed: Vec<Finding> = report.devices.iter().filter_map(|device| device.error.clone()).collect();
    let exit = if failed.is_empty() { Exit::Done } else { Exit::Partly };
    context.output.findings(failed);
    context.output.result(&report)?;
    Ok(exit)
}

/// Sets the values of flags in place of the section `firmware` of keygen.toml.
pub(super) fn firmware(overrides: &mut Overrides, args: &FirmwareArgs) {
    overrides.set_if(key::firmware::chip, "--chip", args.chip.map(Chip::name));
    overrides.set_if(key::firmware::mqtt_host, "--broker", args.broker.as_deref());
    overrides.set_if(key::firmware::mqtt_port, "--port", args.port);
    overrides.set_if(key::firmware::wifi_ssid, "--wifi-ssid", args.wifi_ssid.as_deref());
    overrides.set_if(key::firmware::flash_size, "--flash-size", args.flash_size.as_ref());
    let offset = args.partition_table_offset.as_ref();
    overrides.set_if(key::firmware::partition_table_offset, "--partition-table-offset", offset);
    let bootloader = args.bootloader.as_ref().map(|path| path.to_string_lossy().into_owned());
    overrides.set_if(key::firmware::bootloader, "--bootloader", bootloader);
    overrides.set_if(key::firmware::app_partition, "--app-partition", args.app_partition.as_ref());
    let password = args.wifi_password_file.as_ref().map(|path| path.to_string_lossy().into_owned());
    overrides.set_if(key::firmware::wifi_password, "--wifi-password-file", password);
}

fn request(args: &BundleFirmwareArgs, context: &Context) -> Result<BundleRequest> {
    let named = each_once(args.name.iter().chain(&args.device));
    let devices = match (args.all, named.as_slice()) {
        (true, _) => Devices::All,
        (false, []) => Devices::Only,
        (false, names) => Devices::Named(names.iter().copied().cloned().collect()),
    };
    if args.pending && args.auth == AuthKind::Token {
        return Err(Code::Usage
            .error("a device that logs in with an access token has no use for a renewal")
            .argument("--pending")
            .fix("leave out --pending or --auth token"));
    }
    Ok(BundleRequest {
        pending: args.pending,
        auth: match args.auth {
            AuthKind::Certificate => DeviceLogin::Certificate,
            AuthKind::Token => DeviceLogin::Token,
        },
        out: args.out.clone(),
        secure_cert: args.esp_secure_cert,
        nvs_encryption: args.nvs_encryption,
        include_nvs_keys: args.include_nvs_keys,
        manifest: args.manifest,
        manifest_with_credentials: args.manifest_with_credentials,
        force: args.force,
        dry_run: args.dry_run,
        ..plain(devices, &args.firmware, args.label.as_ref(), context)?
    })
}

/// A request with the flags that all verbs with images have, and defaults for the others.
pub(super) fn plain(
    devices: Devices,
    args: &FirmwareArgs,
    label: Option<&DeviceName>,
    context: &Context,
) -> Result<BundleRequest> {
    Ok(BundleRequest {
        devices,
        pending: false,
        auth: DeviceLogin::Certificate,
        skip_host_name_check: args.skip_host_name_check,
        crystal: args.crystal,
        places: places(args.app.clone(), context.trust())?,
        partitions: args.partitions.clone(),
        out: None,
        whole_flash: args.whole_flash,
        secure_cert: false,
        nvs_encryption: false,
        include_nvs_keys: false,
        enrolment: enrolment(&args.enrolment, label),
        manifest: false,
        manifest_with_credentials: false,
        force: false,
        dry_run: false,
    })
}

fn enrolment(args: &EnrolArgs, label: Option<&DeviceName>) -> Option<EnrolmentRequest> {
    args.enroll.as_ref().map(|url| EnrolmentRequest {
        url: url.clone(),
        label: label.cloned(),
        anchors: args.enroll_anchors.clone(),
        password: args.password_days.unwrap_or_default(),
        accept_long_certificates: args.accept_long_certificates,
    })
}

/// The places to look for the application.
pub(crate) fn places(named: Option<PathBuf>, trust: OwnerTrust) -> Result<ApplicationSearch> {
    let unknown =
        |error: io::Error| Code::FileUnreadable.error("the working directory does not exist").caused_by(error);
    Ok(ApplicationSearch {
        named,
        // An empty variable is as good as none, as scripts set one that they do not need.
        variable: std::env::var_os(FIRMWARE).filter(|value| !value.is_empty()).map(PathBuf::from),
        // An error is no reason to stop: the application may be at one of the other places.
        program_dir: std::env::current_exe().ok().and_then(|program| program.parent().map(PathBuf::from)),
        working_dir: std::env::current_dir().map_err(unknown)?,
        trust,
    })
}

/// Host and port as in a URL (RFC 3986, 3.2): an IPv6 address has brackets.
fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

impl Report for BundleReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}, {} of flash, crystal of {} MHz", self.chip, self.flash_size, self.crystal_mhz)?;
        match (&self.min_revision, &self.max_revision) {
            (Some(least), Some(most)) => writeln!(out, "  chip revision   {least} to {most}")?,
            (Some(least), None) => writeln!(out, "  chip revision   {least} or later")?,
            (None, Some(most)) => writeln!(out, "  chip revision   {most} or earlier")?,
            (None, None) => {}
        }
        let source = match self.application.source {
            SourceReport::Named => "from --app",
            SourceReport::Shipped => "shipped with tbpki",
            SourceReport::Built => "built",
        };
        let dates = match self.application.dates {
            DatesReport::Checked => "checks dates",
            DatesReport::NotChecked => "does not check dates",
            DatesReport::Unknown => "unknown whether it checks dates",
        };
        let path = printable(&self.application.path.to_string_lossy()).to_string();
        writeln!(out, "  application     {path} ({source}; {dates})")?;
        writeln!(out, "  broker          {}", printable(&authority(&self.broker, self.port)))?;
        if let Some(service) = &self.enrolment {
            let label = service.label.as_ref().map(|label| format!(", label {}", printable(label))).unwrap_or_default();
            writeln!(out, "  enrolment       {}{label}", printable(&authority(&service.host, service.port)))?;
        }
        for part in &self.parts {
            let secret = if part.secret { ", secret" } else { "" };
            writeln!(out, "  {:#010x}      {} ({} bytes{secret})", part.offset, part.file, part.bytes)?;
        }
        for device in &self.devices {
            let done = match device.done {
                BundleOutcome::Written => "written",
                BundleOutcome::Unchanged => "unchanged",
                BundleOutcome::Planned => "planned",
                BundleOutcome::Failed => "failed",
            };
            let directory = printable(&device.directory.to_string_lossy()).to_string();
            writeln!(out, "device {}\n  {done:<15} {directory}", printable(&device.name))?;
            for ReplacedFile { file, kept } in &device.replaced {
                let kept = printable(&kept.to_string_lossy()).to_string();
                writeln!(out, "  replaces        {}, kept as {kept}", printable(file))?;
            }
            if let Some(expires) = &device.password_expires {
                writeln!(out, "  password        expires {expires}")?;
            }
        }
        Ok(())
    }
}
