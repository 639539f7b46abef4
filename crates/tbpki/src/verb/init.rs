//! `tbpki init`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base::text::printable;
use base::{Code, Error, Finding, Result, Secret, file};
use config::legacy::{self, SecretFile, StoreDir};
use config::{Answers, Config, KeyName, SecretRef, key};
use identity::init::devices_key::DevicesKey;
use identity::init::imported_ca::ImportedCa;
use identity::init::unfinished;
use identity::init::{InitReport, InitRequest, check_absent, init};
use pki::key::PublicKey;
use pki::pkcs11::{TokenKey, TokenUri};
use store::StoreLocation;
use store::ca::Hierarchy;
use time::OffsetDateTime;

use super::identity::report::write_files;
use super::imported_secrets::ImportedSecrets;
use super::passphrase;
use crate::args::InitArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;
use crate::prompt::Prompter;

pub(crate) fn run(args: &InitArgs, context: &mut Context) -> Result<Exit> {
    if args.dry_run {
        context.prompter = Prompter::silent();
    }
    let config_path = context.config_path();
    if !args.dry_run
        && let Some((location, config)) = interrupted(&config_path, args.root_out.is_some(), context)
    {
        let mut report = unfinished::finish(&config_path, &location, args.root_out.as_deref())?;
        report.has_server_out = config.server.out.value.is_some();
        context.output.say("completed an interrupted `tbpki init`");
        context.output.result(&report)?;
        return Ok(Exit::Done);
    }
    // Before the first prompt, so that a mistake is reported at once.
    let now = OffsetDateTime::now_utc();
    if !context.accepts_clock() {
        store::check_of_new_store(now)?;
    }
    let uri = args.devices_key.as_deref().map(token_uri).transpose()?;
    let mut setup = if config_path.exists() { written_before(args, context)? } else { to_be_written(args, context)? };
    let passphrase = ca_passphrase(args, context, &mut setup)?;
    let location = context.store_location(&setup.config)?;
    let place = setup.config.ca.pin.value.clone();
    let devices_key = match uri {
        None => None,
        Some(uri) if args.devices_key_existing => {
            Some(DevicesKey::Existing(Box::new(TokenKey::open(&uri, &mut || pin(place.as_ref(), context))?)))
        }
        // Made later, with the store: a key in a token that no store knows would stay there.
        Some(uri) => Some(DevicesKey::New(uri)),
    };
    let secrets = ImportedSecrets::of_ca(
        args.imported_passphrase_file.as_deref(),
        args.imported_key_passphrase_file.as_deref(),
        context,
    )?;
    let imported = |paths: &[PathBuf], in_token: Option<&PublicKey>| -> Result<Option<ImportedCa>> {
        if paths.is_empty() {
            return Ok(None);
        }
        ImportedCa::read(paths, &mut |which, again| secrets.fetch(which, again), now, in_token).map(Some)
    };
    let in_token = devices_key.as_ref().and_then(DevicesKey::existing);
    let imported = vec![
        (Hierarchy::Server, imported(&args.server_ca, None)?),
        (Hierarchy::Devices, imported(&args.devices_ca, in_token)?),
    ];
    let has_server_out = setup.config.server.out.value.is_some();
    let request = InitRequest {
        location,
        imported,
        devices_key,
        config: setup.config,
        config_text: setup.answers.map(|answers| config::render(&answers)),
        config_path,
        secrets: setup.secrets,
        passphrase,
        root_out: args.root_out.clone(),
        dry_run: args.dry_run,
    };
    let mut report = init(request, now, &mut || pin(place.as_ref(), context))?;
    // A dry run asks for no passphrase, and the run that writes does.
    report.encrypted |= args.dry_run && !args.insecure_no_passphrase;
    report.has_server_out = has_server_out;
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.result(&report)?;
    Ok(Exit::Done)
}

/// The configuration of the new store.
struct Setup {
    config: Config,
    /// The values for keygen.toml, or none if it exists.
    answers: Option<Answers>,
    secrets: Vec<SecretFile>,
}

/// The setup of an existing keygen.toml, which can set options that have neither a flag nor a prompt.
fn written_before(args: &InitArgs, context: &mut Context) -> Result<Setup> {
    // These are for a new file; an old one has its own values, and silence would leave the flag without an effect.
    let flags = [
        ("--from", args.from.is_some()),
        ("--organization", args.organization.is_some()),
        ("--country", args.country.is_some()),
        ("--server-name", args.server_name.is_some()),
        ("--alg", args.alg.is_some()),
    ];
    if let Some((flag, _)) = flags.into_iter().find(|(_, given)| *given) {
        return Err(Code::StoreExists
            .error(format!("keygen.toml exists, and {flag} is only for a new one"))
            .at(context.config_path())
            .fix(format!("omit {flag} to create the CAs of this configuration, or use another directory")));
    }
    // The configuration may name a store that exists already.
    let config = context.config(&overrides(args))?;
    check_absent(&context.config_path(), false, config.general.store.resolved())?;
    Ok(Setup { config, answers: None, secrets: Vec::new() })
}

/// The setup of a new keygen.toml, from keygen.properties, or from flags and prompts.
fn to_be_written(args: &InitArgs, context: &mut Context) -> Result<Setup> {
    let (mut answers, secrets) = answers(args, context)?;
    let config_of = |answers: &Answers, context: &Context| {
        let text = config::render(answers);
        Config::from_text(&text, &context.config_path(), &context.environment, overrides(args).as_slice())
    };
    // Before the first question, so that no answer is typed in vain.
    let (config, _) = config_of(&answers, context)?;
    check_absent(&context.config_path(), true, config.general.store.resolved())?;
    ask_organization(args, context, &mut answers)?;
    let (config, findings) = config_of(&answers, context)?;
    context.output.findings(findings);
    Ok(Setup { config, answers: Some(answers), secrets })
}

fn overrides(args: &InitArgs) -> Overrides {
    let mut overrides = Overrides::default();
    overrides.ca_passphrase(&args.ca_passphrase);
    overrides
}

fn answers(args: &InitArgs, context: &mut Context) -> Result<(Answers, Vec<SecretFile>)> {
    let (mut answers, secrets) = match &args.from {
        Some(path) => {
            let store = new_store(args, context)?;
            let in_config = in_config(&context.config_path(), &store)?;
            let dir = StoreDir { in_config: &in_config.to_string_lossy(), from_here: &store.to_string_lossy() };
            let converted = legacy::load(path, dir, &context.environment)?;
            context.output.findings(converted.findings);
            (converted.answers, converted.secrets)
        }
        None => (Answers::new(), Vec::new()),
    };
    let mut given = |key: KeyName, text: Option<&String>| text.map_or(Ok(()), |text| answers.set(key, text.as_str()));
    given(key::subject::organization, args.organization.as_ref())?;
    given(key::subject::country, args.country.as_ref())?;
    given(key::server::name, args.server_name.as_ref())?;
    for key in [key::ca::alg, key::server::alg, key::client::alg] {
        given(key, args.alg.map(|alg| alg.to_string()).as_ref())?;
    }
    Ok((answers, secrets))
}

/// The directory of a store whose keygen.toml is not written yet, as variables and flags set it, from the working directory.
fn new_store(args: &InitArgs, context: &Context) -> Result<PathBuf> {
    let text = config::render(&Answers::new());
    let (config, _) =
        Config::from_text(&text, &context.config_path(), &context.environment, overrides(args).as_slice())?;
    Ok(config.general.store.resolved().to_owned())
}

/// The path of the store as keygen.toml names it: from its own directory.
fn in_config(config: &Path, store: &Path) -> Result<PathBuf> {
    let dir = config.parent().unwrap_or(Path::new(""));
    match store.strip_prefix(dir) {
        Ok(inside) => Ok(inside.to_owned()),
        Err(_) => std::path::absolute(store)
            .map_err(|error| Code::FileUnreadable.error("the working directory is unknown").caused_by(error).at(store)),
    }
}

/// Asks for the name of the organization, the only answer without a good default.
fn ask_organization(args: &InitArgs, context: &Context, answers: &mut Answers) -> Result<()> {
    if args.from.is_none() && args.organization.is_none() && context.prompter.is_available() {
        let name = context.prompter.text("Organization (empty for none)", "--organization")?;
        if !name.is_empty() {
            answers.set(key::subject::organization, name)?;
        }
    }
    Ok(())
}

/// The passphrase of the CA keys, and its location for later verbs.
fn ca_passphrase(args: &InitArgs, context: &mut Context, setup: &mut Setup) -> Result<Option<Secret>> {
    if args.insecure_no_passphrase {
        context.output.finding(not_encrypted());
        return Ok(None);
    }
    // A configured prompt is asked below, together with its repetition.
    if let Some(place) = setup.config.ca.passphrase.value.as_ref().filter(|place| **place != SecretRef::Prompt) {
        let secret = passphrase::resolve(place, "the passphrase of the CA keys", context)?;
        return passphrase::check_length(secret, "the CA keys").map(Some);
    }
    if args.dry_run {
        return Ok(None);
    }
    let flag = "--ca-passphrase-file FILE or --insecure-no-passphrase";
    // A new passphrase is typed twice; a mistake would lock the store for ever.
    match context.prompter.new_passphrase("passphrase of the CA keys, empty for none", passphrase::SHORTEST, flag)? {
        Some(secret) => {
            // The file then tells later verbs to ask as well.
            if let Some(answers) = &mut setup.answers {
                answers.set(key::ca::passphrase, SecretRef::Prompt)?;
            }
            Ok(Some(secret))
        }
        None if context.prompter.confirm("Leave the CA keys unencrypted?", "--insecure-no-passphrase")? => {
            context.output.finding(not_encrypted());
            Ok(None)
        }
        None => Err(needs_passphrase()),
    }
}

fn not_encrypted() -> Finding {
    Code::KeysUnencrypted
        .warning("the CA keys are not encrypted: anyone who copies the store can issue certificates")
        .fix("keep the store on an encrypted disk, or create a new store with a passphrase")
}

fn needs_passphrase() -> Error {
    Code::NeedsAnswer
        .error("the CA keys need a passphrase")
        .fix("run `tbpki init` with --ca-passphrase-file FILE or --insecure-no-passphrase")
}

/// The URI of a key in a token. Errors do not show it, because it can contain a PIN.
fn token_uri(text: &str) -> Result<TokenUri> {
    text.parse().map_err(|error: Error| error.argument("--devices-key"))
}

/// The PIN of the token, from its location in the configuration, or from a prompt.
fn pin(place: Option<&SecretRef>, context: &mut Context) -> Result<Secret> {
    match place {
        Some(place) if *place != SecretRef::Prompt => passphrase::resolve(place, key::ca::pin.path(), context),
        _ => context.prompter.secret_for(key::ca::pin.path()),
    }
}

/// The store of an interrupted `init`, if its files were complete.
fn interrupted(config_path: &Path, root_out: bool, context: &mut Context) -> Option<(StoreLocation, Config)> {
    // Errors are ignored here, because `init` meets and reports them again.
    file::recover(config_path.parent().unwrap_or(Path::new(""))).ok()?;
    context.check_trust(config_path).ok()?;
    let (config, _) = Config::load(config_path, &context.environment, &[]).ok()?;
    file::recover(config.general.store.resolved()).ok()?;
    let location = context.store_location(&config).ok()?;
    unfinished::is_unfinished(&location, root_out).ok()?.then_some((location, config))
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
        // A dry run has made no CA.
        match self.cas.is_empty() {
            true => Ok(()),
            false => {
                // A directory on the command line would take the place of the one in keygen.toml.
                let out_flag = if self.has_server_out { "" } else { " --out /etc/thingsboard/conf" };
                writeln!(out, "next: tbpki server{out_flag}")?;
                writeln!(out, "      and back up keygen.toml and the store: no one can restore lost CA keys")
            }
        }
    }
}
