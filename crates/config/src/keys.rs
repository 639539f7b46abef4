//! The one table of keys. Parsing, variables, suggestions, `config show`, keygen.toml.example, the file that
//! `tbpki init` writes and the documentation all follow from it.

use std::path::Path;

use base::Result;
use pki::algorithm::Algorithm;
use pki::san::San;

use super::layers::Layers;
use super::row::{KeyRow, Preset};
use super::setting::{Setting, ShownSetting};
use super::value::flash_offset::FlashOffset;
use super::value::kind::{Concurrency, Days, Port, Seconds, ValueKind, Version};
use super::value::label_policy::LabelPolicy;
use super::value::path::FilePath;
use super::value::secret_ref::SecretRef;
use super::value::texts::{
    Alias, CaName, Chip, CommandWord, Country, CrlUrl, Domain, FilePrefix, FlashSize, HostName, LedgerUrl, Locality,
    Organization, OrganizationalUnit, PartitionName, ProfileName, Ssid, State, TimeServer, Url, UserName,
};
use super::value::word::{
    Anchors, ApprovalPolicy, ClientFormat, Credentials, EnrolmentPolicy, PlatformKind, ServerFormat,
};

macro_rules! preset {
    (default $text:literal) => {
        Preset::Default($text)
    };
    (unset $text:literal) => {
        Preset::Unset($text)
    };
}

macro_rules! section_struct {
    // Sections with the same keys share one struct: the keystores of the server and of the clients.
    (reuse $(#[$doc:meta])* $name:ident { $($key:ident: $kind:ty, $why:literal;)* }) => {};
    (define $(#[$doc:meta])* $name:ident { $($key:ident: $kind:ty, $why:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $(#[doc = $why] pub $key: Setting<$kind>,)*
        }
    };
}

/// Declares the sections: their structs, the rows of [`KEYS`], and how a [`Config`] is read and shown.
macro_rules! sections {
    ($(
        $(#[doc = $about:literal])+
        $mode:ident $field:ident: $name:ident at $prefix:literal {
            $(#[doc = $why:literal] $key:ident: $kind:ty = $preset:ident $text:literal;)*
        }
    )*) => {
        $(section_struct!($mode $(#[doc = $about])+ $name { $($key: $kind, $why;)* });)*

        /// Every key, in the order of the file.
        pub static KEYS: &[KeyRow] = &[$($(
            KeyRow {
                path: concat!($prefix, stringify!($key)),
                preset: preset!($preset $text),
                why: $why,
                is_secret: <$kind as ValueKind>::IS_SECRET,
                takes: <$kind as ValueKind>::takes,
            },
        )*)*];

        /// The names of the keys, by section. [`crate::key`] exports them.
        #[allow(non_upper_case_globals, reason = "the constants are spelled as the keys in keygen.toml")]
        pub mod sections {
            $($(#[doc = $about])+ pub mod $field {
                use crate::row::KeyName;

                $(#[doc = $why] pub const $key: KeyName = KeyName(concat!($prefix, stringify!($key)));)*
            })*
        }

        /// Every section with what it is about.
        pub(super) static SECTIONS: &[(&str, &str)] = &[$(($prefix, concat!($($about,)+)),)*];

        /// The whole configuration, each value with its origin.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Config {
            $($(#[doc = $about])+ pub $field: $name,)*
        }

        impl Config {
            /// Reads every key.
            pub(super) fn read(layers: &mut Layers<'_>) -> Result<Self> {
                Ok(Self {
                    $($field: $name {
                        $($key: layers.read(concat!($prefix, stringify!($key)))?,)*
                    },)*
                })
            }

            /// Every value with its layer, in the order of the file. A secret is shown as the place where it is kept,
            /// never as its value.
            pub fn show(&self) -> Vec<ShownSetting> {
                vec![$($(
                    ShownSetting {
                        key: concat!($prefix, stringify!($key)),
                        value: ValueKind::shown(&self.$field.$key.value),
                        path: ValueKind::path(&self.$field.$key.value).map(Path::to_path_buf),
                        origin: self.$field.$key.origin.clone(),
                    },
                )*)*]
            }
        }
    };
}

sections! {
    /// Settings for the whole file.
    define general: General at "" {
        /// The layout of this file; later versions of tbpki can change the meaning of a key.
        version: Version = default "1";
        /// The directory of CAs, identities, secrets and the ledger. Move it to where your backups look.
        store: FilePath = default "\"pki\"";
    }

    /// The ledger of several stations. Without it the ledger is a file in the store, for one station at a time.
    define ledger: LedgerSettings at "ledger." {
        /// The PostgreSQL server that keeps the ledger. It must use TLS unless it runs on this machine.
        url: Option<LedgerUrl> = unset "\"postgres://tbpki@db.example/fleet\"";
        /// The location of the ledger user's password.
        password: Option<SecretRef> = unset "{ env = \"LEDGER_PASSWORD\" }";
        /// A PEM file with the roots that the server's certificate leads to. If unset, the roots of the system are used.
        ca: Option<FilePath> = unset "\"ledger-ca.pem\"";
    }

    /// The first part of every name in your certificates. Verifiers ignore it.
    define subject: SubjectSettings at "subject." {
        /// The country, as the two letters of ISO 3166-1.
        country: Option<Country> = unset "\"US\"";
        /// The state or province.
        state: Option<State> = unset "\"CA\"";
        /// The city.
        locality: Option<Locality> = unset "\"San Francisco\"";
        /// The organization, the one attribute worth setting: it distinguishes your CAs from those of others.
        organization: Option<Organization> = unset "\"ThingsBoard\"";
        /// The organizational unit, or a list of several.
        organizational_units: Vec<OrganizationalUnit> = default "[]";
    }

    /// The CAs that `tbpki init` makes: a root and an issuing CA for servers, and the same for devices.
    define ca: Ca at "ca." {
        /// The keys of the CAs. Use RSA if old software must verify the chain.
        alg: Algorithm = default "\"ec-p256\"";
        /// The lifetime of the roots. Replacing a root means touching every device.
        root_days: Days = default "10950";
        /// The lifetime of the issuing CAs; no certificate that they sign lives longer.
        issuing_days: Days = default "7300";
        /// The location of the passphrase of the CA keys. If unset, the keys are not encrypted, or tbpki asks for it.
        passphrase: Option<SecretRef> = unset "{ prompt = true }";
        /// The location of the PIN of the token that keeps a CA's key (PKCS#11). If unset, tbpki asks for it.
        pin: Option<SecretRef> = unset "{ env = \"TOKEN_PIN\" }";
        /// The first word of the common names of the CAs. Change it when you run more than one fleet.
        name: CaName = default "\"tbpki\"";
        /// The address below which brokers fetch the revocation lists of the devices' CAs, for example from `tbpki serve --crl`. Certificates issued from now on name the list of their CA's key there. If unset, certificates name no list.
        crl_url: Option<CrlUrl> = unset "\"http://crl.example.org\"";
    }

    /// The revocation lists of the devices' CAs, which `tbpki crl` makes.
    define crl: CrlSettings at "crl." {
        /// The PEM file with the lists, for the broker to read. If unset, it is devices-crl.pem in the store.
        out: Option<FilePath> = unset "\"/etc/mosquitto/certs/devices-crl.pem\"";
        /// The validity of a list in days. Brokers refuse every device once it has expired: make the next one earlier.
        days: Days = default "30";
        /// Lists the certificates of devices that a renewal has replaced, too, from the next `tbpki crl` on, with the reason superseded. One that a device may still hold waits until the device has used a later one, and one with which it may still renew until serve.grace is over.
        superseded: bool = default "false";
        /// A program with its arguments that runs without a shell after the file has changed, for example to make a broker read it.
        after: Vec<CommandWord> = default "[]";
        /// Whether this store writes the lists. `tbpki ca export devices` sets false in the bundle of a station with a ledger of its own: the lists of a CA need the revocations of all stores that issue with it.
        write: bool = default "true";
    }

    /// Renewing certificates, which `tbpki renew` does.
    define renewal: Renewal at "renewal." {
        /// The number of days before its end at which a certificate is due for renewal. If unset, a third of its lifetime.
        before: Option<Days> = unset "30";
    }

    /// The enrolment service, which `tbpki serve` is.
    define serve: Serve at "serve." {
        /// A PEM file with CAs whose certificates a device may show once to get its first one, for example those of a chip's maker. The common name is the device's name.
        enroll_with: Option<FilePath> = unset "\"bootstrap-ca.pem\"";
        /// How many days after its end a device may still renew its certificate. If unset, a device cannot renew an expired certificate.
        renew_expired: Option<Days> = unset "30";
        /// How many days a one-time password of `tbpki enroll password` can be used.
        password_days: Days = default "90";
        /// The event from which on a fetched certificate is in use: confirm (the device confirms it, or renews with it), first-login (it connects to the service with it, for clients that know only EST) or issuance. A platform never gets it before the device has connected with it.
        policy: EnrolmentPolicy = default "\"confirm\"";
        /// Another policy for some labels, each as LABEL=POLICY.
        label_policies: Vec<LabelPolicy> = default "[]";
        /// With the policy first-login or issuance: how many days after the next certificate is used a device may still renew with the one before.
        grace: Days = default "7";
        /// The certificates that wait for `tbpki enroll approve`: none, first (the first one of each device) or every.
        approval: ApprovalPolicy = default "\"none\"";
        /// Renews the certificates of servers too, at the label servers. The risk: the service then needs the key of the servers' issuing CA, and anyone who takes over its machine can pose as your broker to every device.
        servers: bool = default "false";
    }

    /// The names that the CAs for servers may certify.
    define name_constraints: NameConstraints at "ca.name_constraints." {
        /// The only domains that servers may be named in. The Mbed TLS in our firmware refuses chains with such constraints.
        permitted_dns: Vec<Domain> = default "[]";
    }

    /// The identity of your MQTT broker, which `tbpki server` makes.
    define server: Server at "server." {
        /// The name that clients connect to: common name and first alternative name. If unset, it is the host name.
        name: Option<HostName> = unset "\"broker.example\"";
        /// More names and addresses that clients may use, besides those that this machine has.
        san: Vec<San> = default "[]";
        /// The server's key. Use RSA if clients are older than about 2014.
        alg: Algorithm = default "\"ec-p256\"";
        /// The lifetime of the certificate. Apple's clients refuse more than 825 days.
        days: Days = default "825";
        /// The prefix of the server's file names.
        prefix: FilePrefix = default "\"mqttserver\"";
        /// Which files are written. Add jks for software that reads only JKS.
        formats: Vec<ServerFormat> = default "[\"pem\", \"pub\", \"cer\", \"p12\"]";
        /// Which lines of thingsboard.env are active. With pem, Java and Go clients do not find their certificate.
        credentials: Credentials = default "\"keystore\"";
        /// The directory that the server's files are copied to, as with --out.
        out: Option<FilePath> = unset "\"/etc/thingsboard/conf/\"";
        /// The trust anchors of clients. Name a file or the system when devices talk to a server of others.
        anchors: Anchors = default "\"ours\"";
        /// Puts key and chain into one PEM file, so that one rename replaces both.
        single_file: bool = default "false";
    }

    /// The server's keystore.
    define server_keystore: Keystore at "server.keystore." {
        /// The name of the entry with the server's key.
        alias: Alias = default "\"serveralias\"";
        /// The location of the keystore's password. If unset, tbpki makes one and keeps it under secrets/ in the store.
        password: Option<SecretRef> = unset "{ file = \"pki/secrets/server-keystore\" }";
        /// The location of the key's own password, which only JKS keeps apart. If unset, it is the keystore's.
        key_password: Option<SecretRef> = unset "{ file = \"pki/secrets/server-key\" }";
    }

    /// The identities of your devices, which `tbpki client` makes. The common name is the device's name.
    define client: Client at "client." {
        /// The devices' keys. RSA costs a microcontroller seconds in every handshake.
        alg: Algorithm = default "\"ec-p256\"";
        /// The lifetime of the certificates. Shorten it when your devices can fetch new ones.
        days: Days = default "3650";
        /// The prefix of the names of further files. If unset, it is the device's name.
        prefix: Option<FilePrefix> = unset "\"mqttclient\"";
        /// Which files are written: add nopass, pub or jks for the clients of the old scripts.
        formats: Vec<ClientFormat> = default "[\"pem\"]";
        /// Alternative names of every device, for brokers that look at them.
        san: Vec<San> = default "[]";
    }

    /// The devices' keystores, where client.formats asks for them.
    reuse client_keystore: Keystore at "client.keystore." {
        /// The name of the entry with the device's key.
        alias: Alias = default "\"clientalias\"";
        /// The location of the keystore's password. If unset, tbpki makes one and keeps it under secrets/ in the store.
        password: Option<SecretRef> = unset "{ file = \"pki/secrets/client-keystore\" }";
        /// The location of the key's own password, which only JKS keeps apart. If unset, it is the keystore's.
        key_password: Option<SecretRef> = unset "{ file = \"pki/secrets/client-key\" }";
    }

    /// The platform that devices are registered in.
    define platform: Platform at "platform." {
        /// Which software it is.
        kind: PlatformKind = default "\"thingsboard\"";
        /// The address of its REST API.
        url: Option<Url> = unset "\"https://thingsboard.example:8080\"";
        /// The user to log in as, a tenant administrator.
        user: Option<UserName> = unset "\"tenant@thingsboard.example\"";
        /// The location of the platform user's password.
        password: Option<SecretRef> = unset "{ env = \"TB_PASSWORD\" }";
        /// The location of an API key, instead of user and password (ThingsBoard 4.3 or later).
        api_key: Option<SecretRef> = unset "{ env = \"TB_API_KEY\" }";
        /// A PEM file with the roots that the REST API's own certificate leads to. If unset, the roots of the system are used.
        ca: Option<FilePath> = unset "\"tb-ca.pem\"";
        /// Allows passwords over http:// to another machine, for example inside a tunnel.
        allow_plain_http: bool = default "false";
        /// The device profile that devices are created in. If unset, it is the tenant's default.
        profile: Option<ProfileName> = unset "\"pumps\"";
        /// The longest time for one answer, in seconds.
        timeout: Seconds = default "30";
        /// The number of simultaneous requests. Lower it if the platform limits rates.
        concurrency: Concurrency = default "8";
    }

    /// The settings that are written into the devices' flash together with their identity.
    define firmware: Firmware at "firmware." {
        /// The wireless network.
        wifi_ssid: Option<Ssid> = unset "\"workshop\"";
        /// The location of the password of this network.
        wifi_password: Option<SecretRef> = unset "{ prompt = true }";
        /// The broker that devices connect to. If unset, it is server.name.
        mqtt_host: Option<HostName> = unset "\"broker.example\"";
        /// The broker's port for MQTT over TLS.
        mqtt_port: Port = default "8883";
        /// The chip.
        chip: Option<Chip> = unset "\"esp32c3\"";
        /// The size of its flash.
        flash_size: FlashSize = default "\"4MB\"";
        /// The server that gives devices the time, which they need to check certificates. Name your own in closed networks, or write `none`.
        ntp_server: TimeServer = default "\"pool.ntp.org\"";
        /// The offset of the partition table, CONFIG_PARTITION_TABLE_OFFSET of an ESP-IDF project. If unset, it is 0x8000.
        partition_table_offset: Option<FlashOffset> = unset "0xD000";
        /// The bootloader of your own project, for secure boot or another offset of the table.
        bootloader: Option<FilePath> = unset "\"build/bootloader/bootloader.bin\"";
        /// The partition for the application. If unset, it is the one that the bootloader starts.
        app_partition: Option<PartitionName> = unset "\"ota_0\"";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_key_has_a_variable_of_its_own() {
        // A secret can also be named by its file, in the variable with _FILE behind it.
        let names: Vec<String> = KEYS
            .iter()
            .flat_map(|key| [Some(key.variable()), key.is_secret.then(|| format!("{}_FILE", key.variable()))])
            .flatten()
            .collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn every_key_has_a_reason() {
        for key in KEYS {
            assert!(key.why.len() > 8 && key.why.ends_with('.'), "{}", key.path);
            assert!(!key.takes().is_empty());
        }
    }
}
