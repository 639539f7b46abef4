//! `tbpki bundle-firmware`.

use std::io::{self, Write};
use std::path::PathBuf;

use base::text::printable;
use base::{Code, Result};
use devkit::application::Places;
use devkit::chip::Chip;
use fleet::bundle::{Auth, BundleDone, BundleReport, BundleRequest, DatesReport, Devices, SourceReport, bundle};

use crate::args::{AuthKind, BundleFirmwareArgs, FirmwareArgs};
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

/// The variable that says where applications are.
const FIRMWARE: &str = "TBPKI_FIRMWARE";

pub(crate) fn run(args: &BundleFirmwareArgs, context: &mut Context) -> Result<Exit> {
    let request = request(args)?;
    let mut overrides = Overrides::default();
    firmware(&mut overrides, &args.firmware)?;
    let config = context.config(&overrides)?;
    let talk = context.output.talker();
    let mut report = context.at_station(&config, |station| bundle(station, &request, &mut |line| talk.say(line)))?;
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.result(&report)?;
    Ok(Exit::Done)
}

/// What of a firmware stands in keygen.toml otherwise.
pub(super) fn firmware(overrides: &mut Overrides, args: &FirmwareArgs) -> Result<()> {
    overrides.set_if("firmware.chip", "--chip", chip_flag(args.chip.as_ref())?.map(Chip::name));
    overrides.set_if("firmware.mqtt_host", "--broker", args.broker.as_deref());
    overrides.set_if("firmware.mqtt_port", "--port", args.port.as_deref());
    overrides.set_if("firmware.wifi_ssid", "--wifi-ssid", args.wifi_ssid.as_deref());
    overrides.set_if("firmware.flash_size", "--flash-size", args.flash_size.as_deref());
    let password = args.wifi_password_file.as_ref().map(|path| path.to_string_lossy().into_owned());
    overrides.set_if("firmware.wifi_password", "--wifi-password-file", password);
    Ok(())
}

/// The chip's own name, so that a mistyped one is told with the list of chips.
pub(super) fn chip_flag(text: Option<&String>) -> Result<Option<Chip>> {
    text.map(|text| text.parse::<Chip>().map_err(|error| error.item("--chip"))).transpose()
}

fn request(args: &BundleFirmwareArgs) -> Result<BundleRequest> {
    let devices = match (args.all, args.device.as_slice()) {
        (true, _) => Devices::All,
        (false, []) => Devices::Only,
        (false, names) => {
            let parse = |name: &String| name.parse().map_err(|error: base::Error| error.item("--device"));
            Devices::Named(names.iter().map(parse).collect::<Result<_>>()?)
        }
    };
    Ok(BundleRequest {
        auth: match args.auth {
            AuthKind::Certificate => Auth::Certificate,
            AuthKind::Token => Auth::Token,
        },
        out: args.out.clone(),
        secure_cert: args.esp_secure_cert,
        nvs_encryption: args.nvs_encryption,
        include_nvs_keys: args.include_nvs_keys,
        manifest: args.manifest,
        manifest_with_credentials: args.manifest_with_credentials,
        force: args.force,
        dry_run: args.dry_run,
        ..plain(devices, &args.firmware)?
    })
}

/// Images with what they need and nothing else.
pub(super) fn plain(devices: Devices, args: &FirmwareArgs) -> Result<BundleRequest> {
    Ok(BundleRequest {
        devices,
        auth: Auth::Certificate,
        skip_host_name_check: args.skip_host_name_check,
        crystal: args
            .crystal
            .as_ref()
            .map(|text| text.parse().map_err(|error: base::Error| error.item("--crystal")))
            .transpose()?,
        places: places(args.app.clone())?,
        partitions: args.partitions.clone(),
        out: None,
        whole_flash: args.whole_flash,
        secure_cert: false,
        nvs_encryption: false,
        include_nvs_keys: false,
        manifest: false,
        manifest_with_credentials: false,
        force: false,
        dry_run: false,
    })
}

/// Where the application may be, as this process finds it.
fn places(named: Option<PathBuf>) -> Result<Places> {
    let unknown = |error: io::Error| Code::FileUnreadable.error("the working directory is not there").because(error);
    Ok(Places {
        named,
        variable: std::env::var_os(FIRMWARE).filter(|value| !value.is_empty()).map(PathBuf::from),
        program_dir: std::env::current_exe().ok().and_then(|program| program.parent().map(PathBuf::from)),
        working_dir: std::env::current_dir().map_err(unknown)?,
    })
}

impl Report for BundleReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}, {} of flash, crystal of {} MHz", self.chip, self.flash_size, self.crystal_mhz)?;
        let source = match self.application.source {
            SourceReport::Named => "named",
            SourceReport::Shipped => "came with tbpki",
            SourceReport::Built => "built",
        };
        let dates = match self.application.dates {
            DatesReport::Checked => "dates checked",
            DatesReport::NotChecked => "dates not checked",
            DatesReport::Unknown => "does not say whether it checks dates",
        };
        let path = printable(&self.application.path.to_string_lossy()).to_string();
        writeln!(out, "  application     {path} ({source}; {dates})")?;
        writeln!(out, "  broker          {}:{}", printable(&self.broker), self.port)?;
        for part in &self.parts {
            let secret = if part.secret { ", secret" } else { "" };
            writeln!(out, "  {:#010x}      {} ({} bytes{secret})", part.offset, part.file, part.bytes)?;
        }
        for device in &self.devices {
            let done = match device.done {
                BundleDone::Written => "written",
                BundleDone::Unchanged => "unchanged",
                BundleDone::Planned => "planned",
            };
            let directory = printable(&device.directory.to_string_lossy()).to_string();
            writeln!(out, "device {}\n  {done:<15} {directory}", printable(&device.name))?;
        }
        Ok(())
    }
}
