//! Everything that tbpki writes, made once for a key algorithm, with what is known about each file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tbpki_tests::Sandbox;
use tbpki_tests::own_ca::Maker;

/// The passphrase of the CA keys.
const PASSPHRASE: &str = "correct horse battery staple";

/// A file and whose it is.
pub(crate) struct Output {
    /// `OWNER/FILE`, as the exceptions name it.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) content: Content,
    pub(crate) owner: Owner,
}

/// The content that a reader must find in a file.
pub(crate) enum Content {
    /// A chain in PEM, or a leaf alone.
    Chain,
    /// The leaf in DER.
    Der,
    /// Certificates in PEM that the owner's peer trusts.
    Anchors,
    /// The private key in PEM.
    Key,
    /// The private key in PEM, and the chain behind it or before it.
    KeyAndChain,
    /// The private key in PEM, which this passphrase opens.
    EncryptedKey(&'static str),
    /// A keystore with the key, its chain and trusted entries.
    Keystore(Keystore),
}

/// A keystore and what is in it.
pub(crate) struct Keystore {
    /// `PKCS12` or `JKS`.
    pub(crate) kind: &'static str,
    pub(crate) store_password: String,
    pub(crate) key_password: String,
    /// The alias of the key.
    pub(crate) alias: String,
    /// The number of certificates in the chain.
    pub(crate) chain: usize,
    /// The aliases of the trusted entries, sorted.
    pub(crate) trusted: Vec<String>,
}

/// Whose file it is: the PEM files against which readers hold it.
#[derive(Clone)]
pub(crate) struct Owner {
    pub(crate) purpose: Purpose,
    /// A file that begins with the leaf.
    pub(crate) leaf: PathBuf,
    /// The chain that is sent.
    pub(crate) chain: PathBuf,
    /// The trust anchors of the peer.
    pub(crate) anchors: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A server that is called localhost.
    Server,
    Device,
}

/// A station whose every file is known.
pub(crate) struct Station {
    pub(crate) sandbox: Sandbox,
    pub(crate) algorithm: &'static str,
    pub(crate) outputs: Vec<Output>,
}

impl Station {
    /// A station of this algorithm with servers and devices of every kind.
    #[track_caller]
    pub(crate) fn new(algorithm: &'static str) -> Self {
        let sandbox = Sandbox::new();
        sandbox.write("passphrase", format!("{PASSPHRASE}\n"));
        sandbox.hides(PASSPHRASE);
        let mut station = Self { sandbox, algorithm, outputs: Vec::new() };
        station.tbpki(&["init", "--alg", algorithm]);
        station.ca_keys();
        station.server("server", &["--format", "pub,cer,p12,jks"], &["_key.pem:key", ".pem:chain"]);
        station.server(
            "server-with-root",
            &["--format", "pem", "--credentials", "pem", "--include-root"],
            &["_key.pem:key", ".pem:chain"],
        );
        station.server(
            "server-in-one-file",
            &["--format", "pem", "--credentials", "pem", "--single-file"],
            &[".pem:both"],
        );
        station.device("device", &["--format", "pub,cer,nopass,p12,jks"]);
        station.device("self-signed-device", &["--format", "pub,cer,nopass,p12,jks", "--self-signed"]);
        for (owner, maker) in [("device-of-openssl-csr", Maker::Openssl), ("device-of-certtool-csr", Maker::Certtool)] {
            let request = station.request(owner, maker);
            station.device(owner, &["--format", "pub,cer", "--csr", &request]);
        }
        let request = station.request("server-of-openssl-csr.example", Maker::Openssl);
        station.server(
            "server-of-openssl-csr",
            &["--format", "pub,cer", "--credentials", "pem", "--csr", &request],
            &[".pem:chain"],
        );
        // Last, since devices that are made after it trust it as well.
        station.server(
            "self-signed-server",
            &["--format", "pub,cer,p12,jks", "--self-signed"],
            &["_key.pem:key", ".pem:chain"],
        );
        station
    }

    #[track_caller]
    fn tbpki(&self, args: &[&str]) {
        self.sandbox.ok(args.iter().copied().chain(["--no-input", "--ca-passphrase-file", "passphrase"]));
    }

    /// The encrypted keys of the CAs, each with the CA's own certificate as its leaf.
    fn ca_keys(&mut self) {
        for ca in ["server-root", "server-issuing", "devices-root", "devices-issuing"] {
            let directory = self.sandbox.join("pki/ca").join(ca);
            let certificate = directory.join("cert.pem");
            let owner = Owner {
                purpose: Purpose::Device,
                leaf: certificate.clone(),
                chain: certificate.clone(),
                anchors: certificate,
            };
            let content = Content::EncryptedKey(PASSPHRASE);
            self.outputs.push(Output {
                name: format!("{ca}/key.pem"),
                path: directory.join("key.pem"),
                content,
                owner,
            });
        }
    }

    /// A server, whose key and chain are in the files with these endings.
    #[track_caller]
    fn server(&mut self, name: &str, flags: &[&str], pem: &[&str]) {
        // A server each: one name is one identity.
        let host = format!("{name}.example");
        let out = format!("out-{name}");
        let args = ["server", "--name", &host, "--san", "localhost", "--only-given-names", "--out", &out];
        self.tbpki(&[&args, flags].concat());
        let directory = self.sandbox.join(&out);
        let chain = directory.join("mqttserver.pem");
        let anchors = directory.join("cafile.pem");
        // The chain begins with the leaf, and readers take the first certificate of a file.
        let owner = Owner { purpose: Purpose::Server, leaf: chain.clone(), chain, anchors };
        let mut contents: Vec<(&str, Content)> = pem
            .iter()
            .map(|file| match file.split_once(':') {
                Some((ending, "key")) => (ending, Content::Key),
                Some((ending, "chain")) => (ending, Content::Chain),
                Some((ending, "both")) => (ending, Content::KeyAndChain),
                _ => panic!("the name {file} does not tell its content"),
            })
            .collect();
        if flags.iter().any(|flag| flag.starts_with("pub,cer")) {
            contents.extend([(".pub.pem", Content::Anchors), (".cer", Content::Der)]);
        }
        if flags.iter().any(|flag| flag.ends_with("p12,jks")) {
            let chain = if flags.contains(&"--self-signed") { 1 } else { 2 };
            let secret = format!("server-{host}");
            for (ending, kind) in [(".p12", "PKCS12"), (".jks", "JKS")] {
                let trusted = &["devices-root", "devices-issuing"];
                contents.push((ending, self.keystore(kind, &secret, "serveralias", chain, trusted)));
            }
        }
        let files = contents.into_iter().map(|(ending, content)| (format!("mqttserver{ending}"), content));
        let files = files.chain([("cafile.pem".to_owned(), Content::Anchors)]).collect();
        self.take(name, &directory, files, &owner, &["clients-ca.pem", "thingsboard.env"]);
        // What brokers trust is held against a device.
        let path = directory.join("clients-ca.pem");
        let owner = self.owner_of_device("device");
        self.outputs.push(Output { name: format!("{name}/clients-ca.pem"), path, content: Content::Anchors, owner });
    }

    #[track_caller]
    fn device(&mut self, name: &str, flags: &[&str]) {
        self.tbpki(&[&["client", "--device", name], flags].concat());
        let owner = self.owner_of_device(name);
        let directory = self.sandbox.join("pki/devices").join(name);
        let mut files = vec![("cert.pem".to_owned(), Content::Chain), ("chain.pem".to_owned(), Content::Chain)];
        files.extend(
            [(".pub.pem", Content::Chain), (".cer", Content::Der)].map(|(end, what)| (format!("{name}{end}"), what)),
        );
        if !flags.contains(&"--csr") {
            let chain = if flags.contains(&"--self-signed") { 1 } else { 2 };
            let secret = format!("device-{name}");
            files.extend([("key.pem".to_owned(), Content::Key), (format!("{name}.nopass.pem"), Content::KeyAndChain)]);
            for (end, kind) in [(".p12", "PKCS12"), (".jks", "JKS")] {
                let content = self.keystore(kind, &secret, "clientalias", chain, &["serveralias"]);
                files.push((format!("{name}{end}"), content));
            }
        }
        self.take(name, &directory, files, &owner, &["tb-server-chain.pem"]);
        let path = directory.join("tb-server-chain.pem");
        let owner = self.owner_of_server();
        self.outputs.push(Output {
            name: format!("{name}/tb-server-chain.pem"),
            path,
            content: Content::Anchors,
            owner,
        });
    }

    /// A certificate signing request for a key of another program.
    #[track_caller]
    fn request(&self, name: &str, maker: Maker) -> String {
        let key = self.sandbox.join(format!("{name}.key"));
        maker.key(&key, self.algorithm);
        let request = self.sandbox.join(format!("{name}.csr"));
        maker.request(&key, name, &request);
        request.to_str().unwrap().to_owned()
    }

    fn owner_of_device(&self, name: &str) -> Owner {
        let directory = self.sandbox.join("pki/devices").join(name);
        // A self-signed device is known by its own certificate; the others by the CAs that every server's files have.
        let anchors = if name.starts_with("self-signed") {
            directory.join("cert.pem")
        } else {
            self.sandbox.join("out-server/clients-ca.pem")
        };
        Owner {
            purpose: Purpose::Device,
            leaf: directory.join("cert.pem"),
            chain: directory.join("chain.pem"),
            anchors,
        }
    }

    fn owner_of_server(&self) -> Owner {
        let directory = self.sandbox.join("out-server");
        let chain = directory.join("mqttserver.pem");
        Owner { purpose: Purpose::Server, leaf: chain.clone(), chain, anchors: directory.join("cafile.pem") }
    }

    fn keystore(&self, kind: &'static str, secret: &str, alias: &str, chain: usize, trusted: &[&str]) -> Content {
        let password = self.sandbox.text(format!("pki/secrets/{secret}.keystore-password")).trim_end().to_owned();
        let mut trusted: Vec<String> = trusted.iter().map(|alias| (*alias).to_owned()).collect();
        trusted.sort();
        Content::Keystore(Keystore {
            kind,
            store_password: password.clone(),
            key_password: password,
            alias: alias.to_owned(),
            chain,
            trusted,
        })
    }

    /// Takes in the files of an identity, which has to have these and no others.
    #[track_caller]
    fn take(&mut self, name: &str, directory: &Path, files: Vec<(String, Content)>, owner: &Owner, elsewhere: &[&str]) {
        let there: BTreeSet<String> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let known: BTreeSet<String> =
            files.iter().map(|(file, _)| file.clone()).chain(elsewhere.iter().map(|file| (*file).to_owned())).collect();
        // A new kind of output must not come without a reader.
        assert_eq!(there, known, "{name} has other files than those that are read here");
        self.outputs.extend(files.into_iter().map(|(file, content)| Output {
            name: format!("{name}/{file}"),
            path: directory.join(&file),
            content,
            owner: owner.clone(),
        }));
    }
}
