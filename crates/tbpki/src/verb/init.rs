//! `tbpki init`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base::text::printable;
use base::{Code, Error, Result, Secret, file};
use config::legacy::{self, SecretFile};
use config::{Answers, Config, SecretRef};
use fleet::brought_ca::BroughtCa;
use fleet::ca::Hierarchy;
use fleet::devices_key::DevicesKey;
use fleet::home::Home;
use fleet::init::{InitReport, InitRequest, init};
use fleet::unfinished;
use pki::key::PublicKey;
use pki::pkcs11::{TokenKey, TokenUri};
use time::OffsetDateTime;

use super::identity_report::write_files;
use super::passphrase;
use crate::args::InitArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

/// Where the store goes, beside keygen.toml.
const STORE: &str = "pki";

pub(crate) fn run(args: &InitArgs, context: &mut Context) -> Result<Exit> {
    let config_path = context.config_path();
    if !args.dry_run
        && let Some(home) = interrupted(&config_path, args.root_out.is_some(), context)
    {
        let report = unfinished::finish(&config_path, &home, args.root_out.as_deref())?;
        context.output.say("the store was there; what an interrupted init had left to do is done");
        context.output.result(&report)?;
        return Ok(Exit::Done);
    }
    // A URI that cannot be is found out before anything is asked.
    let uri = args.devices_key.as_deref().map(token_uri).transpose()?;
    let mut wish = if config_path.exists() { written_before(args, context)? } else { to_be_written(args, context)? };
    let passphrase = ca_passphrase(args, context, &mut wish)?;
    let home = context.home(&wish.config)?;
    let now = OffsetDateTime::now_utc();
    let place = wish.config.ca.pin.value.clone();
    let devices_key = match uri {
        None => None,
        Some(uri) if args.devices_key_existing => {
            Some(DevicesKey::Existing(Box::new(TokenKey::open(&uri, &mut || pin(place.as_ref(), context))?)))
        }
        Some(uri) => Some(DevicesKey::New(uri)),
    };
    let mut brought = |paths: &[PathBuf], in_token: Option<&PublicKey>| -> Result<Option<BroughtCa>> {
        if paths.is_empty() {
            return Ok(None);
        }
        let mut ask = || brought_passphrase(args, context);
        BroughtCa::read(paths, &mut ask, now, in_token).map(Some)
    };
    let in_token = devices_key.as_ref().and_then(DevicesKey::existing);
    let brought = vec![
        (Hierarchy::Server, brought(&args.server_ca, None)?),
        (Hierarchy::Devices, brought(&args.devices_ca, in_token)?),
    ];
    let request = InitRequest {
        home,
        brought,
        devices_key,
        config: wish.config,
        config_text: wish.answers.map(|answers| config::render(&answers)),
        config_path,
        secrets: wish.secrets,
        passphrase,
        root_out: args.root_out.clone(),
        dry_run: args.dry_run,
    };
    let mut report = init(request, now, &mut || pin(place.as_ref(), context))?;
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.result(&report)?;
    Ok(Exit::Done)
}

/// What the station is to be.
struct Wish {
    config: Config,
    /// What keygen.toml will say; none where there is one already.
    answers: Option<Answers>,
    secrets: Vec<SecretFile>,
}

/// A keygen.toml that somebody has written before: for what has to be known when the CAs are made, and is asked by no
/// flag and no question.
fn written_before(args: &InitArgs, context: &mut Context) -> Result<Wish> {
    let flags = [
        ("--from", args.from.is_some()),
        ("--organization", args.organization.is_some()),
        ("--country", args.country.is_some()),
        ("--server-name", args.server_name.is_some()),
        ("--alg", args.alg.is_some()),
    ];
    if let Some((flag, _)) = flags.into_iter().find(|(_, given)| *given) {
        return Err(Code::StoreExists
            .error(format!("there is a configuration already, and {flag} is for a new one"))
            .at(context.config_path())
            .fix(format!(
                "leave {flag} out to make the CAs that the configuration describes, or use another directory"
            )));
    }
    let config = context.config(&overrides(args))?;
    Ok(Wish { config, answers: None, secrets: Vec::new() })
}

/// A new keygen.toml: from the old file, or from flags and questions.
fn to_be_written(args: &InitArgs, context: &mut Context) -> Result<Wish> {
    let (answers, secrets) = answers(args, context)?;
    let text = config::render(&answers);
    let (config, findings) =
        Config::from_text(&text, &context.config_path(), &context.environment, overrides(args).as_slice())?;
    context.output.findings(findings);
    Ok(Wish { config, answers: Some(answers), secrets })
}

fn overrides(args: &InitArgs) -> Overrides {
    let mut overrides = Overrides::default();
    overrides.ca_passphrase(&args.ca_passphrase);
    overrides
}

fn answers(args: &InitArgs, context: &mut Context) -> Result<(Answers, Vec<SecretFile>)> {
    let (mut answers, secrets) = match &args.from {
        Some(path) => {
            let converted = legacy::load(path, STORE, &context.environment)?;
            context.output.findings(converted.findings);
            (converted.answers, converted.secrets)
        }
        None => (Answers::new(), Vec::new()),
    };
    let mut given = |key: &str, text: Option<&String>| text.map_or(Ok(()), |text| answers.set(key, text.as_str()));
    given("subject.organization", args.organization.as_ref())?;
    given("subject.country", args.country.as_ref())?;
    given("server.name", args.server_name.as_ref())?;
    for key in ["ca.alg", "server.alg", "client.alg"] {
        given(key, args.alg.as_ref())?;
    }
    // Only the name of the organization has no good default, and only a person can know it.
    if args.from.is_none() && args.organization.is_none() && context.asker.is_available() {
        let name = context.asker.text("Organization (empty for none)", "", "--organization")?;
        if !name.is_empty() {
            answers.set("subject.organization", name)?;
        }
    }
    Ok((answers, secrets))
}

/// What encrypts the CA keys, and how later verbs find it.
fn ca_passphrase(args: &InitArgs, context: &mut Context, wish: &mut Wish) -> Result<Option<Secret>> {
    if args.insecure_no_passphrase {
        let warning = Code::LoosePermissions
            .warning("the CA keys are not encrypted: whoever copies the store can issue in your name")
            .fix("keep the store on an encrypted disk, or make it anew with a passphrase");
        context.output.finding(warning);
        return Ok(None);
    }
    if let Some(place) = wish.config.ca.passphrase.value.as_ref().filter(|place| **place != SecretRef::Prompt) {
        let secret = passphrase::resolve(place, "the passphrase of the CA keys", context)?;
        return passphrase::check_length(secret, "the CA keys").map(Some);
    }
    let flag = "--ca-passphrase-file FILE or --insecure-no-passphrase";
    match context.asker.new_passphrase("passphrase of the CA keys (empty for none)", flag)? {
        Some(secret) => {
            if let Some(answers) = &mut wish.answers {
                answers.set("ca.passphrase", SecretRef::Prompt)?;
            }
            passphrase::check_length(secret, "the CA keys").map(Some)
        }
        None if context.asker.confirm("Leave the CA keys unencrypted?", "--insecure-no-passphrase")? => Ok(None),
        None => Err(needs_passphrase()),
    }
}

fn needs_passphrase() -> Error {
    Code::NeedsAnswer
        .error("the CA keys need a passphrase")
        .fix("run `tbpki init` again, with --ca-passphrase-file FILE or --insecure-no-passphrase")
}

/// The URI of a key in a token. What is wrong with it is said without showing it: there may be a PIN in it.
fn token_uri(text: &str) -> Result<TokenUri> {
    text.parse().map_err(|error: Error| error.item("--devices-key"))
}

/// The PIN of the token, from where the configuration says it is, else from a person.
fn pin(place: Option<&SecretRef>, context: &mut Context) -> Result<Secret> {
    match place {
        Some(place) if *place != SecretRef::Prompt => passphrase::resolve(place, "ca.pin", context),
        _ => context.asker.secret_for("ca.pin"),
    }
}

fn brought_passphrase(args: &InitArgs, context: &mut Context) -> Result<Secret> {
    match &args.brought_passphrase_file {
        Some(path) => passphrase::read_from(path, "the passphrase of the brought CA", context),
        None => context.asker.secret("passphrase of the brought CA", "--brought-passphrase-file"),
    }
}

/// The store of an `init` that was interrupted when its files were there.
fn interrupted(config_path: &Path, root_out: bool, context: &mut Context) -> Option<Home> {
    // What cannot be recovered or read shows up as such when init goes on.
    file::recover(config_path.parent().unwrap_or(Path::new(""))).ok()?;
    let (config, _) = Config::load(config_path, &context.environment, &[]).ok()?;
    file::recover(config.general.store.resolved()).ok()?;
    let home = context.home(&config).ok()?;
    unfinished::is_unfinished(&home, root_out).ok()?.then_some(home)
}

impl Report for InitReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        for ca in &self.cas {
            writeln!(out, "{}", ca.name)?;
            writeln!(out, "  subject         {}", printable(&ca.certificate.subject))?;
            writeln!(out, "  key             {}", ca.certificate.algorithm)?;
            writeln!(out, "  valid           {} to {}", ca.certificate.not_before, ca.certificate.not_after)?;
            writeln!(out, "  fingerprint     {}", ca.certificate.fingerprint)?;
            if let Some(uri) = &ca.key_uri {
                writeln!(out, "  private key     {uri}")?;
            }
        }
        writeln!(out, "files")?;
        write_files(out, &self.files)?;
        writeln!(out, "next: tbpki server --out /etc/thingsboard/conf")
    }
}
