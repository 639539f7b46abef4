//! The command line.

#![allow(clippy::print_stdout, reason = "people and scripts read where to connect")]

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anstream::println;
use clap::Parser;
use serde_json::{Map, Value, json};
use tb_sim::{
    Actorcloud, ActorcloudSettings, Error, Result, ServerKeys, Settings, Thingsboard, ThingsboardEnv, Version,
};

/// Simulate a ThingsBoard (or an ActorCloud) on this machine: REST and MQTT over TLS, in memory, until it is interrupted
#[derive(Parser)]
#[command(name = "tbpki-tb-sim", version)]
struct Cli {
    /// Simulate an ActorCloud instead: one-way TLS on --mqtts-port, two-way TLS on --two-way-port
    #[arg(long, conflicts_with_all = ["thingsboard_env", "mqtt_port", "v4_3", "rate"])]
    actorcloud: bool,

    /// The port of two-way TLS, for an ActorCloud; 0 is any free one
    #[arg(long, value_name = "PORT", default_value_t = 8884, requires = "actorcloud")]
    two_way_port: u16,

    /// The certificate of the MQTT listener, and the chain behind it (`MQTT_SSL_PEM_CERT`)
    #[arg(long, value_name = "FILE", group = "keys")]
    server_pem: Option<PathBuf>,

    /// The key, if it is in a file of its own (`MQTT_SSL_PEM_KEY`)
    #[arg(long, value_name = "FILE", requires = "server_pem")]
    server_key: Option<PathBuf>,

    /// A JKS or PKCS#12 keystore for the MQTT listener (`MQTT_SSL_KEY_STORE`)
    #[arg(long, value_name = "FILE", group = "keys", requires = "keystore_password_file")]
    keystore: Option<PathBuf>,

    /// A file whose first line is the keystore's password
    #[arg(long, value_name = "FILE")]
    keystore_password_file: Option<PathBuf>,

    /// A file whose first line is the password of the key, if it differs
    #[arg(long, value_name = "FILE", requires = "keystore")]
    key_password_file: Option<PathBuf>,

    /// The alias of the key in the keystore; by default the first key
    #[arg(long, value_name = "ALIAS", requires = "keystore")]
    key_alias: Option<String>,

    /// Take the listeners' keys from the lines that `tbpki server` writes
    #[arg(long, value_name = "FILE", group = "keys")]
    thingsboard_env: Option<PathBuf>,

    /// The user of the REST API; by default tenant@thingsboard.org or admin@actorcloud.io
    #[arg(long)]
    user: Option<String>,

    /// A file whose first line is the user's password; by default "tenant" or "public"
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// The address of all listeners
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,

    /// The port of REST; 0 is any free one
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    port: u16,

    /// The port of MQTT over TLS; 0 is any free one
    #[arg(long, value_name = "PORT", default_value_t = 8883)]
    mqtts_port: u16,

    /// Listen for MQTT without TLS as well, on this port; 0 is any free one
    #[arg(long, value_name = "PORT")]
    mqtt_port: Option<u16>,

    /// Simulate ThingsBoard 4.3 instead of 4.2, for example with API keys
    #[arg(long = "4.3")]
    v4_3: bool,

    /// The limit on requests per second of a tenant
    #[arg(long, value_name = "REQUESTS")]
    rate: Option<u32>,

    /// The delay of every answer over REST
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    latency: u64,

    /// Let other processes inject faults and read the state, under /sim/
    #[arg(long)]
    control: bool,

    /// Print one line of JSON when everything listens, instead of a text
    #[arg(long)]
    json: bool,
}

/// Runs until a signal.
pub(crate) fn run() -> Result<()> {
    let cli = Cli::parse();
    if cli.actorcloud {
        let sim = Actorcloud::start(actorcloud_settings(&cli)?)?;
        say(&cli, &actorcloud(&cli, &sim))?;
        return wait_for_the_end();
    }
    let sim = Thingsboard::start(settings(&cli)?)?;
    say(&cli, &thingsboard(&cli, &sim))?;
    wait_for_the_end()
}

fn settings(cli: &Cli) -> Result<Settings> {
    let keys = keys(cli)?;
    let usual = Settings::default();
    Ok(Settings {
        version: if cli.v4_3 { Version::V4_3 } else { Version::V4_2 },
        address: cli.address,
        rest_port: cli.port,
        mqtts_port: cli.mqtts_port,
        mqtt_port: cli.mqtt_port,
        server: keys.mqtt,
        https: keys.https,
        mqtts_ca: keys.mqtts_ca,
        user: cli.user.clone().unwrap_or(usual.user),
        password: password(cli)?.unwrap_or(usual.password),
        rate: cli.rate,
        latency: Duration::from_millis(cli.latency),
        control: cli.control,
        ..Settings::default()
    })
}

fn actorcloud_settings(cli: &Cli) -> Result<ActorcloudSettings> {
    let usual = ActorcloudSettings::default();
    Ok(ActorcloudSettings {
        address: cli.address,
        rest_port: cli.port,
        one_way_port: cli.mqtts_port,
        two_way_port: cli.two_way_port,
        server: keys(cli)?.mqtt,
        user: cli.user.clone().unwrap_or(usual.user),
        password: password(cli)?.unwrap_or(usual.password),
        latency: Duration::from_millis(cli.latency),
        control: cli.control,
    })
}

fn password(cli: &Cli) -> Result<Option<String>> {
    cli.password_file.as_deref().map(first_line).transpose()
}

/// The listeners' keys, and the file that clients are handed.
#[derive(Default)]
struct ListenerKeys {
    mqtt: Option<ServerKeys>,
    https: Option<ServerKeys>,
    mqtts_ca: Option<PathBuf>,
}

fn keys(cli: &Cli) -> Result<ListenerKeys> {
    if let Some(file) = &cli.thingsboard_env {
        let env = ThingsboardEnv::read(file)?;
        return Ok(ListenerKeys { mqtt: Some(env.mqtt_keys()?), https: env.https_keys()?, mqtts_ca: env.mqtts_ca() });
    }
    let only = |mqtt: ServerKeys| ListenerKeys { mqtt: Some(mqtt), ..ListenerKeys::default() };
    if let Some(certificate) = &cli.server_pem {
        let (certificate, key) = (certificate.clone(), cli.server_key.clone());
        return Ok(only(ServerKeys::Pem { certificate, key, key_password: String::new() }));
    }
    let Some((file, password)) = cli.keystore.as_ref().zip(cli.keystore_password_file.as_deref()) else {
        return Ok(ListenerKeys::default());
    };
    let store_password = first_line(password)?;
    let key_password = match &cli.key_password_file {
        Some(file) => first_line(file)?,
        None => store_password.clone(),
    };
    let alias = cli.key_alias.clone().unwrap_or_default();
    Ok(only(ServerKeys::Keystore { file: file.clone(), store_password, key_password, alias }))
}

/// The addresses of the simulator: a name for scripts, a name for people, and a value.
type Facts = Vec<(&'static str, &'static str, Value)>;

fn thingsboard(cli: &Cli, sim: &Thingsboard) -> Facts {
    let download = || format!("{}/api/device-connectivity/mqtts/certificate/download", sim.rest_url());
    let mut facts = vec![
        ("platform", "platform", json!("thingsboard")),
        ("url", "REST", json!(sim.rest_url())),
        ("user", "user", json!(sim.user())),
        ("mqtts_port", "MQTT/TLS port", json!(sim.mqtts_port())),
        ("mqtt_port", "MQTT port", json!(sim.mqtt_port())),
        ("ca_url", "CA to trust", json!(sim.own_ca().map(|_| download()))),
    ];
    facts.extend(known_password(cli, sim.password()));
    facts
}

fn actorcloud(cli: &Cli, sim: &Actorcloud) -> Facts {
    let mut facts = vec![
        ("platform", "platform", json!("actorcloud")),
        ("url", "REST", json!(sim.rest_url())),
        ("user", "user", json!(sim.user())),
        ("one_way_port", "one-way TLS port", json!(sim.one_way_port())),
        ("two_way_port", "two-way TLS port", json!(sim.two_way_port())),
    ];
    facts.extend(known_password(cli, sim.password()));
    facts
}

/// The password, if it is the default.
fn known_password(cli: &Cli, password: &str) -> Option<(&'static str, &'static str, Value)> {
    cli.password_file.is_none().then(|| ("password", "password", json!(password)))
}

fn say(cli: &Cli, facts: &Facts) -> Result<()> {
    if cli.json {
        let line: Map<String, Value> =
            facts.iter().map(|(name, _, value)| ((*name).to_owned(), value.clone())).collect();
        println!("{}", Value::Object(line));
    } else {
        println!("All data is in memory. Ctrl-C ends the simulator and deletes it.");
        for (_, name, value) in facts.iter().filter(|(.., value)| !value.is_null()) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            println!("  {name:<18}{value}");
        }
    }
    // A script that reads the line through a pipe would otherwise wait until the buffer is full.
    std::io::stdout().flush().map_err(|error| Error::cannot("say where it listens", error))
}

fn wait_for_the_end() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::cannot("wait for signals", error))?;
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        // SIGTERM too, which is what a service manager and a container send.
        let mut terminate =
            signal(SignalKind::terminate()).map_err(|error| Error::cannot("wait for SIGTERM", error))?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted.map_err(|error| Error::cannot("wait for SIGINT", error)),
            _ = terminate.recv() => Ok(()),
        }
    })
}

fn first_line(file: &Path) -> Result<String> {
    let text = tb_sim::read_text(file)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
