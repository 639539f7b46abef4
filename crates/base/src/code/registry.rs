//! The table of codes. A new code takes the next free number of its group; a number is never reused.

/// The class of a code, which decides the exit status of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The command line itself is wrong (exit status 2).
    Usage,
    /// The input or the environment is wrong (exit status 1).
    User,
    /// tbpki is wrong (exit status 70).
    Bug,
}

/// The consequence of a failure for the other requests to the same platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureScope {
    /// Nothing: it concerns one object.
    One,
    /// It may be gone when the request is repeated.
    Passing,
    /// The platform does not work at the moment, for example because it starts again.
    Down,
    /// No connection is made: the platform is down, or its address is wrong.
    Absent,
    /// Every request has it, until a person or the platform changes something.
    All,
}

impl FailureScope {
    /// True if a repeated request may succeed. `is_reached` if the platform has answered before: without an answer, an
    /// unreachable address may be mistyped, and no waiting repairs it.
    pub const fn may_pass(self, is_reached: bool) -> bool {
        match self {
            Self::Passing | Self::Down => true,
            Self::Absent => is_reached,
            Self::One | Self::All => false,
        }
    }

    /// True if every other request to the platform fails as well. `is_reached` as in [`may_pass`](Self::may_pass).
    pub const fn concerns_all(self, is_reached: bool) -> bool {
        match self {
            Self::All => true,
            Self::Absent => !is_reached,
            Self::One | Self::Passing | Self::Down => false,
        }
    }

    /// True if the platform does not work at the moment.
    pub const fn is_down(self) -> bool {
        matches!(self, Self::Down | Self::Absent)
    }
}

macro_rules! codes {
    ($($number:literal $variant:ident $class:ident $($reach:ident)? $title:literal $text:literal)*) => {
        /// A stable number for one thing that can be wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $title] $variant,)*
        }

        impl Code {
            /// Every code, in the order of their numbers.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The number in `TBPKI-nnnn`.
            pub const fn number(self) -> u16 {
                match self { $(Code::$variant => $number,)* }
            }

            /// One line that names the fault.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)* }
            }

            /// The meaning, the importance and the remedy, as `tbpki explain` prints them.
            pub const fn explanation(self) -> &'static str {
                match self { $(Code::$variant => $text,)* }
            }

            /// The consequence for the other requests to a platform.
            pub const fn reach(self) -> FailureScope {
                match self { $(Code::$variant => reach!($($reach)?),)* }
            }

            /// Whose fault it is.
            pub const fn class(self) -> Class {
                match self { $(Code::$variant => Class::$class,)* }
            }
        }
    };
}

macro_rules! reach {
    () => {
        FailureScope::One
    };
    ($reach:ident) => {
        FailureScope::$reach
    };
}

// Number, variant, class, reach (`One` if it is left out), title, explanation.
codes! {
    // Configuration and command line.
    1 ConfigSyntax User "The configuration is not valid TOML"
        "keygen.toml is read as TOML 1.0. The message contains the line and the column at which the parser stopped; the mistake is there or just before it. `tbpki config show` lists all keys."
    2 UnknownKey User "Unknown key in the configuration"
        "Unknown keys are refused, because a mistyped key would otherwise be ignored and its default used. Correct the name or delete the line; `tbpki config show` lists all keys."
    3 BadValue User "Invalid value in the configuration"
        "The message contains the value and the values that the key accepts. Numbers of days are whole numbers from 1; formats, algorithms and kinds are taken from fixed lists."
    4 ConfigMissing User "There is no keygen.toml"
        "Every verb that makes something reads keygen.toml in the working directory, or the file named by `--config` or TBPKI_CONFIG. `tbpki init` writes one; `tbpki init --from keygen.properties` converts the file of the old scripts."
    5 ConfigVersion User "Unsupported version of the configuration"
        "keygen.toml begins with `version = 1`. A higher number was written for a newer tbpki: update it. A missing number is refused so that later versions can change the meaning of a key without guessing."
    6 NeedsShell User "A line of keygen.properties requires a shell"
        "The old scripts sourced keygen.properties, so that any command in it was run. tbpki reads the file and never runs it; `$(hostname)` is the one expansion it knows. Replace the expression with its value."
    7 PropertiesSyntax User "Invalid line in keygen.properties"
        "Each line is NAME=value, a comment that begins with #, or empty. The message names the line."
    8 LiteralSecret User "The configuration contains a secret in plain text"
        "Every user who can read keygen.toml, its backups and its history can read the secret. Write `{ file = \"path\" }` (mode 0600), `{ env = \"NAME\" }` or `{ prompt = true }` instead."
    9 SecretUnavailable User "A configured secret is not available"
        "The environment variable is not set, the file is unreadable or empty, or keygen.toml requests a prompt and there is no terminal. The message contains the cause."
    10 NeedsAnswer Usage "Required input is missing and tbpki cannot ask for it"
        "There is no terminal, or `--no-input` was given. The message names the flag that answers the question."
    11 Usage Usage "Conflicting or incomplete command line"
        "The message names the arguments. `tbpki help VERB` lists the arguments of each verb."
    12 LegacyConverted User "A setting of keygen.properties has a different meaning now"
        "`init --from` converts every variable of the old file and lists the settings that tbpki treats differently on purpose. Nothing needs to be done unless the new meaning does not suit you."
    13 NotConfirmed User "The command was not confirmed"
        "You answered the question with no, and nothing was changed. Run the command again and answer with yes. `tbpki help VERB` lists the option that confirms without a question."
    14 OtherOwner User "The configuration or store belongs to another user"
        "A configuration names files to read as passwords and PKCS#11 libraries to load, and tbpki opens the database of a store. If they belong to another user, that user decides what tbpki does with your rights. tbpki therefore reads only what belongs to the user who runs it or to root; with sudo, also what belongs to the user who called sudo. Run tbpki as the owner. If you trust the owner, use `--trust-owner`, or set TBPKI_TRUST_OWNER=true, for example in a container with a mounted directory."
    15 SettingsCharacter User "A value cannot be written into settings"
        "A line break or another control character in a path, host or password would end its line in thingsboard.env, which a shell reads, or in the Compose file: the rest would be run as commands. Choose a path and values without such characters."
    16 WritableByOthers User "Other users may change a file of tbpki"
        "A user who can write to keygen.toml, to the store or to the key of a CA can make tbpki use other files, keys and libraries. tbpki refuses a file that every user can write to, and warns if a group can. Check the contents, then take the permission away with chmod."
    17 AmbiguousServer User "It is not clear which server is meant"
        "Without `--name` and without server.name in keygen.toml, tbpki means the server whose files the directory has, then the only server of the store. With several servers, name one: the name of this machine never chooses among them. A directory keeps the files of one server; use another directory for another server."

    // Names.
    20 NameEmpty User "A name is empty"
        "A distinguished name attribute, a device name or an alias was given without any text. Leave the key out if you do not want the attribute."
    21 NameTooLong User "A name is longer than its standard allows"
        "RFC 5280 appendix A sets upper bounds in characters: common name 64, organization 64, organizational unit 64, locality 128, state or province 128. DNS labels end at 63 characters and names at 253 (RFC 1035). Verifiers reject longer names."
    22 NameAlphabet User "A name contains characters that its field does not allow"
        "Control characters and NUL are not allowed in a name. DNS names, e-mail addresses and URIs in a certificate are ASCII (RFC 5280, section 4.2.1.6); tbpki converts internationalized DNS names to punycode."
    23 CountryCode User "The country is not a two-letter code"
        "The countryName attribute holds the two letters of ISO 3166-1, such as US, DE or CN (RFC 5280, appendix A: ub-country-name-alpha-length)."
    24 BadSan User "Invalid subject alternative name"
        "A name is a DNS name, an IP address, a URI or an e-mail address. If the kind is ambiguous, put it in front: `dns:`, `ip:`, `uri:` or `email:`. A leading `*.` is the only wildcard. Verifiers compare these names and ignore the common name, so a mistake here makes a server that no client can verify."
    25 DeviceName User "Invalid device name"
        "A device name is used for a directory, for the common name of the certificate and for the device in the platform. It must have 1 to 64 characters and at most 192 bytes of UTF-8. Spaces inside the name and letters such as ü are allowed. Slashes, backslashes, control characters, characters that are invisible or change the direction of text, a dot at the beginning, and spaces at the beginning or end are not allowed."
    26 TooManyNames User "A certificate would have too many names"
        "TLS libraries limit the size of a certificate that a peer sends: Java to 32 KiB, Mbed TLS to 16 KiB. A certificate of tbpki has at most 100 subject alternative names. Divide the names among several certificates, or use a wildcard."

    // Keys.
    30 UnknownAlgorithm User "Unknown key algorithm"
        "tbpki supports ec-p256 (the default), ec-p384, ed25519, rsa-2048, rsa-3072 and rsa-4096. It also accepts the names that OpenSSL and keytool use for them."
    31 KeyUnreadable User "Unreadable private key"
        "Private keys are read from PEM or DER as PKCS#8 (RFC 5958), SEC 1 (RFC 5915), PKCS#1 (RFC 8017) and encrypted PKCS#8 (RFC 8018), and from PEM in the traditional encryption of OpenSSL. The message names the format that was found instead."
    32 KeyEncrypted User "The key is encrypted and there is no passphrase"
        "Give the passphrase with `--ca-passphrase-file` for CA keys, with `--passphrase-file` for others, or set `[ca] passphrase` in keygen.toml. ThingsBoard ignores encrypted PKCS#8 keys altogether: a server key file must not be encrypted; its mode protects it."
    33 WrongPassphrase User "The passphrase does not open the key"
        "The key is encrypted with another passphrase. tbpki ignores a final newline in a passphrase file, but not spaces. The key of a CA that was kept elsewhere while the passphrase was changed still has the earlier one: `tbpki ca passphrase --all` gives all keys in the store one passphrase."
    34 KeyMismatch User "The private key does not belong to the certificate"
        "The public key in the certificate differs from the one of the private key. Servers start with such files, and then no client can connect. Find the key and the certificate that were made together."
    35 WeakKey User "The key is too weak"
        "RSA keys below 2,048 bits and curves below 256 bits are refused by current TLS libraries. Make a new key."
    36 AlgorithmSupport User "Some peers do not support this algorithm"
        "Java supports Ed25519 in certificates since version 15, and OpenSSL since 1.1.1. The Mbed TLS in our firmware does not support it. Use ec-p256 unless you control every peer."
    37 PassphraseTooShort User "The passphrase of the CA keys is too short"
        "An attacker who copies the encrypted keys can try passphrases without a limit. A passphrase must have at least eight characters; several words are better."

    38 KeysUnencrypted User "Unencrypted CA keys"
        "A copy of the store is enough to issue certificates in its name: a backup, a disk that was sold, a directory that others can read. `--insecure-no-passphrase` asks for this. Keep the store on an encrypted disk, or create a new store with `--ca-passphrase-file FILE`."
    39 UnsupportedEncryption User "Unsupported encryption of a key or keystore"
        "tbpki reads PBES2 with AES, 3DES or DES, the old schemes of PKCS#5 and PKCS#12 with DES, 3DES or RC2, and the traditional encryption of OpenSSL's PEM files. Other ciphers, such as Camellia, ARIA, SEED and RC4, and PBMAC1 must be converted: `openssl pkcs12 -in OLD.p12 -nodes | openssl pkcs12 -export -out NEW.p12` for a keystore, `openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW` for a key. OpenSSL 3 needs `-legacy` to read old ones."

    // Certificates and chains.
    40 CertificateUnreadable User "Unreadable certificate"
        "Certificates are read from PEM or DER (RFC 5280). The message names the format that was found instead, or the field at which the parser failed."
    41 BadValidity User "Invalid validity period"
        "A certificate begins before it ends, lasts at least a day, and ends before the year 10000 (RFC 5280, section 4.1.2.5). tbpki rejects lifetimes over 100 years as typing errors."
    42 OutlivesIssuer User "The certificate would outlive its issuer"
        "A chain is valid only while each of its certificates is valid. tbpki shortens a default lifetime and prints a note. It does not change a lifetime that you have given. Use fewer days, or replace the issuing CA: `tbpki ca prepare`, then `tbpki ca activate`."
    43 IssuerExpired User "The issuing CA has expired or is not valid yet"
        "No peer accepts a certificate that this CA signs now. Check the clock of this machine first; then replace the CA: `tbpki ca prepare` makes its next generation, and `tbpki ca activate` lets it sign."
    44 NotACa User "The certificate is not a CA certificate"
        "A certificate can issue others only with basicConstraints CA:TRUE and, if it has a keyUsage, keyCertSign (RFC 5280, section 4.2.1.9). Verifiers reject all other chains."
    45 LintFailed Bug "A certificate to be signed breaks a rule"
        "Every certificate is checked against RFC 5280 and its profile before the key signs it. The mistake is in tbpki, not in your input, and nothing was signed. Please report it with the message."
    46 NotYetValid User "The certificate is not valid yet"
        "Its notBefore is in the future: the clock of the machine that made it or of this machine is wrong, or the certificate was made for later use."
    47 Expired User "The certificate has expired"
        "Its notAfter has passed. Peers refuse it, except ThingsBoard for the certificates above the leaf. Issue a new one."
    48 ChainOrder User "The certificates of the chain are in the wrong order"
        "The leaf is first in a chain, and each certificate is followed by its issuer (RFC 8446, section 4.4.2). ThingsBoard does not start with a file in another order. Other servers send it, and clients reject it."
    49 BadSignature User "A signature in the chain was not made by its issuer"
        "The certificate names this issuer, but its signature was made by another key: two CAs of the same name, or a certificate that was changed."
    50 ChainGap User "A certificate between the leaf and the trust anchor is missing"
        "Peers do not fetch missing certificates. Put the issuing CA behind the leaf, into the file that the peer sends."
    51 Untrusted User "The chain does not lead to a trusted certificate"
        "None of the trust anchors has signed the last certificate of the chain. Either the file with the trust anchors belongs to another peer, or the peer is not the one that it claims to be."
    52 WrongName User "The certificate is for another name"
        "Clients compare the host that they connect to with the subject alternative names of the server's certificate (RFC 9525) and ignore the common name. Issue the certificate with this name as `--san`."
    53 WrongPurpose User "The certificate is not for this purpose"
        "Servers need the extended key usage serverAuth, devices clientAuth. A peer accepts a certificate for its own purpose only."
    54 CsrUnreadable User "Unreadable certificate signing request"
        "Requests are read from PEM or DER as PKCS#10 (RFC 2986). The message names the format that was found instead, or the field at which the parser failed."
    55 CsrRefused User "The certificate signing request is not acceptable"
        "Its signature does not verify or uses a broken hash, or its subject is not the one of the certificate. The subject of a device is that of keygen.toml and one common name, the name of the device. A request can leave parts out, but must not add or change one: platforms read names in different ways, and an additional common name or another attribute could name another device. The common name of a server must be one of its names."
    56 Shortened User "A lifetime was shortened to fit its issuer"
        "The default lifetime would have outlived the issuing CA. The certificate ends with it. Replace the CA in time: `tbpki ca prepare`, then `tbpki ca activate`. `tbpki ca list` shows from which date on lifetimes are shortened."
    57 PathLength User "The chain is longer than one of its CAs allows"
        "basicConstraints of a CA can limit the number of CAs below it (RFC 5280, section 4.2.1.9). An issuing CA made by tbpki allows none."
    58 NameConstraint User "A name is outside the constraints of its CA"
        "A CA with name constraints can issue certificates only for names below them (RFC 5280, section 4.2.1.10). The Mbed TLS in our firmware rejects every chain with critical name constraints."
    59 DuplicateInChain User "A certificate is in the chain twice"
        "Java rejects such a chain, and ThingsBoard does not start with it. Remove the second copy."
    60 VersionOne User "The certificate has X.509 version 1"
        "Version 1 certificates have no extensions: no names, no purposes, no CA flag. rustls, webpki and many other libraries reject them. ActorCloud makes such certificates."
    61 WeakSignature User "The signature uses a broken hash algorithm"
        "MD5 and SHA-1 signatures can be forged and are refused by current TLS libraries."
    62 Revoked User "The certificate has been revoked"
        "A revocation list signed by the issuer names the certificate's serial number."
    63 NotSelfSigned User "The trust anchor is not self-signed"
        "OpenSSL and Python's ssl accept a trust file only if it leads to a self-signed certificate. Put the root into the file as well."
    64 LegacyName User "The certificate has no subject alternative name"
        "Current TLS libraries ignore the common name and refuse a server without subject alternative names (RFC 9525)."
    65 FirmwareLimit User "The firmware cannot verify this certificate"
        "The Mbed TLS in our firmware has no Ed25519 and refuses chains with critical name constraints. Other clients are not affected."
    66 SignatureUnsupported User "tbpki cannot check this kind of signature"
        "tbpki verifies RSA (PKCS#1 v1.5, and PSS with a salt as long as its hash), ECDSA on the NIST curves and Ed25519, with SHA-256, SHA-384 or SHA-512. It does not verify MD5, SHA-224, PSS with another salt, DSA, Ed448, brainpool curves and national algorithms. Such a signature can still be valid. The signature of a root on itself is not needed, because peers trust a root without it. For any other certificate or request, use one of the algorithms above."
    67 CriticalExtension User "The certificate has an unknown critical extension"
        "A verifier that does not know a critical extension must reject the certificate (RFC 5280, section 4.2). tbpki, like most TLS libraries, does not process certificate policies beyond accepting any."
    68 BadFormat User "Malformed certificate"
        "It can be read, but an extension occurs twice or does not match its type, or its parts contradict each other. Some TLS libraries reject such certificates, others accept them. Issue it again with a tool that follows RFC 5280."
    69 CaAsLeaf User "A CA certificate is used as a leaf"
        "`openssl req -x509` makes self-signed certificates with CA:TRUE, which are often used for servers and devices. OpenSSL, Java and ThingsBoard accept them, and rustls rejects them. A leaf that tbpki makes with `--self-signed` has CA:FALSE."

    // Keystores.
    70 KeystoreUnreadable User "Unreadable keystore"
        "tbpki reads PKCS#12 (RFC 7292; DER or BER, also in a PEM block) and JKS (magic FEEDFEED, version 1 or 2). Files that keytool of Java 9 or later calls `.jks` are often PKCS#12 files; tbpki recognizes both by their content."
    71 KeystorePassword User "The password does not open the keystore"
        "The integrity check of the keystore fails with this password: the password is wrong, or the file was changed."
    72 PasswordTooShort User "The password is too short for a keystore"
        "keytool does not open keystores with passwords of fewer than six characters, so tbpki does not write them."
    73 PasswordAlphabet User "The password contains characters that some readers encode differently"
        "Java cannot open PKCS#12 files with passwords outside printable ASCII, and shells, Java and OpenSSL encode others in different ways. Use printable ASCII, or leave the password out: tbpki makes one of 24 characters."
    74 JksWeak User "JKS protects its keys weakly"
        "The format hides private keys by XOR with a SHA-1 stream and protects its integrity with a plain SHA-1, so an attacker who has the file can try passwords very fast. Use it only for software that can read no other format, protect the file with its mode, and prefer PKCS#12."
    75 KeyPasswordDiffers User "A PKCS#12 keystore has a single password"
        "The password of the keystore and the password of its key differ. Java uses one password for a PKCS#12 file, so tbpki uses the key password for both, as the old scripts did. A JKS has two passwords."
    76 EntryMissing User "The keystore does not contain the entry"
        "The keystore has no entry with this alias, or no private key at all. Java converts aliases to lower case. `tbpki inspect FILE` lists the entries."
    77 AliasTaken User "Two entries of the keystore have the same alias"
        "Java converts aliases to lower case and keeps keys and trusted certificates under one set of names, so the second entry would replace the first. Give each an alias of its own."
    78 ForeignFormat User "Unsupported file format"
        "The message names the format, and `help:` the command that converts it. Formats that tbpki does not read are JCEKS and BKS keystores, the private keys of OpenSSH and PuTTY, PGP, UTF-16 text, and PEM inside quotation marks, as in source code or JSON. `init`, `inspect`, `verify` and `import` read a PKCS#12 keystore, but it cannot replace a PEM file. tbpki reads PKCS#7 (.p7b), and ThingsBoard does not."
    79 OutputUnwritable User "The result cannot be written to standard output"
        "The disk of standard output is full, or the device accepts no data. The work of the verb is done; if it changes something, the exit status is 4. To see the result, run the command again with another standard output."

    // Files.
    80 FileUnreadable User "Unreadable file"
        "The file is missing, is not a file, is larger than any file of its kind, or its permissions do not allow reading. The message contains the error text of the system."
    81 FileUnwritable User "The file cannot be written"
        "The directory is missing, or its permissions do not allow writing. Nothing was changed. The message contains the error text of the system."
    82 TargetExists User "The file exists already"
        "tbpki overwrites files only on request. Move the file away and run the same command again. With `--force`, the verbs that have it replace the file and keep the old one in the same directory, named with its serial number or with `.old`; `--dry-run` lists the names. Settings files that tbpki wrote are replaced without a question if they have not been edited."
    83 DiskFull User "The disk is full"
        "tbpki tests the free space in the store and in the directory of the copies before it records or writes anything. All existing files are unchanged. Free some space, and run the same command again."
    84 NotADirectory User "The target is not a directory"
        "The path exists and is not a directory, but for example a file. Name a directory, or a path at which tbpki can create one."
    85 LoosePermissions User "A private file is readable by other users"
        "A private key, a keystore or a password file can be read by other users of this machine. Use mode 0600 (`chmod 600 FILE`)."
    86 Ownership User "The owner or group of a file cannot be set"
        "Only root can change the owner of a file, and the user or group must exist on this machine. Nothing was written."
    87 ReadBack Bug "A written file does not read back as it was written"
        "tbpki reads every file again after writing. A difference means failing hardware, a faulty file system, or a mistake in tbpki."
    88 AnchorsLeft User "A file contains trust anchors that are not maintained any more"
        "With `server.anchors = \"system\"`, clients trust the roots of their system, and tbpki writes no tb-server-chain.pem. The file in the message was written with an earlier setting. tbpki does not update it any more, and a client that uses it trusts its old contents."
    89 UnsafeFile User "A file or link in the directory leads to another place"
        "A symbolic link of another user, or a hard link, is at a place where tbpki would write. It would change a file of another place, with the rights of the user who runs tbpki. Nothing was written. Find out who made the link, and remove it; name the directory that you mean without links."

    // The store and its ledger.
    90 StoreLocked User "Another tbpki is writing to the store"
        "One process writes at a time. The message names it. The lock ends with its process, so you never need to remove a lock file."
    91 StoreMissing User "The store does not exist"
        "The directory that keygen.toml names as `store` does not exist, or it contains no CAs. `tbpki init` creates it."
    92 StoreExists User "A configuration or a store exists already"
        "`tbpki init` does not change an existing store, because lost CA keys cannot be restored. Use another directory, or move the old store away. A keygen.toml without a store is accepted, unless a flag requests other contents."
    93 LedgerUnreadable User "The ledger cannot be used"
        "ledger.db in the store is damaged, or the disk reports an error. The message contains the database's own text. Restore it from a backup, ledger.db and ledger.db-wal together; the identities in the store are not affected."
    94 LedgerVersion User "The ledger was written by another version"
        "A newer tbpki has changed the ledger's layout. Use that version or a later one."
    95 OtherParameters User "This identity exists with other parameters"
        "With the same parameters, a verb writes the missing files of an existing identity. With other parameters, it stops, and the message contains the difference. Use another name, or `--force` to issue a new generation; the old files are kept."
    96 UnknownIdentity User "Unknown identity"
        "The store has no identity of this name. Names are case-sensitive. `tbpki list` lists all identities."
    97 CaUnavailable User "The CA's key is not available"
        "The store contains the certificate of the CA but not its private key. The key is kept elsewhere (`init --root-out`), or the store is incomplete."
    98 IdentityChanged User "The certificate in the store differs from the one in the ledger"
        "The files of an identity in the store were changed or mixed up since they were written. Restore them from a backup, together with the ledger, or issue a new generation with `--force`. If only one file was changed, you can remove it: the next run writes it again from the key and the chain."
    99 LedgerOutdated User "The ledger has the layout of an older version"
        "The ledger was written by an older tbpki. A verb updates it when it opens the store, but this user cannot write there. Run a verb as the user who owns the store, or, with a ledger on a server, as a database user who can change tables."

    // The network.
    100 Unreachable User Absent "The host cannot be reached"
        "No program listens at the port, or a firewall drops the connection. The message contains the error text of the system for each address."
    101 TlsFailed User All "The TLS handshake failed"
        "There is no version or cipher in common, the peer does not answer, or it ended the handshake with an alert."
    102 ServerUnverified User "The server's chain cannot be verified"
        "The server's chain does not lead to a root of the system, so tbpki does not trust it. Ask the operator of the server for the fingerprint of its root or certificate, over another channel than this connection, and give it with `--sha256`."
    103 FingerprintMismatch User "The fingerprint does not match"
        "The server has sent no certificate with this SHA-256. Either the server has another certificate now, or another server answers at this address."

    // Verdicts on chains.
    110 SecondOpinion User "Another verifier refuses the chain"
        "tbpki found no fault in the chain, but rustls-webpki, which verifies for many TLS clients and servers, rejects it. The message contains its error text. rustls-webpki is stricter than RFC 5280 in some cases, for example if names differ only in case. Other clients can then accept the chain."
    111 CrlUnreadable User "Unreadable certificate revocation list"
        "Revocation lists are read from PEM or DER (RFC 5280, section 5). The message names the field at which the parser failed."
    112 RevocationUnknown User "The revocation state of a certificate is unknown"
        "None of the revocation lists is signed by the certificate's issuer, covers the certificate, and is valid now. A verifier that checks revocation then rejects the certificate. Get the issuer's current list."

    // CAs.
    113 SharedCa User "Servers and devices are below the same CA"
        "Clients trust the servers' root, and with it every server's certificate that is issued below it. If the devices' CA is below the same root, a person who can issue device certificates, or who steals a station that can, is able to impersonate the broker. Limiting the purposes of a CA does not help, because some TLS libraries, for example Mbed TLS, check purposes on the leaf alone. Import your CA for one of the two, and let `tbpki init` make the other."
    114 CaUseless User "Certificates below the imported CA would be refused"
        "Before an imported CA is stored, tbpki signs a test certificate with it and verifies the whole chain as `tbpki verify` does. The check failed for the reason in the message, and nothing was written. Examples are a path length of 0 above another CA, a key usage without keyCertSign, an extended key usage without the purpose, a critical extension that TLS libraries do not know, and a signature with SHA-1. Ask the owner of the CA for a certificate without this fault."
    115 PublicKeyForm User "A public key is written in a form that some peers cannot read"
        "Certificates hold the point of an EC key in its uncompressed form (RFC 5480, section 2.2). OpenSSL also reads compressed and hybrid points, but Java, Go and Mbed TLS cannot parse a certificate with one. A point that is not on its curve, and RSA numbers that cannot be those of a key, are refused by all. `openssl ec -conv_form uncompressed` rewrites an EC key."
    116 KeyInUse User "The key of the request belongs to another certificate"
        "Each device, server and CA needs a key of its own, and the key of a revoked certificate gets no other one. A platform tells devices apart by their certificates, and the owner of one key can log in with each certificate for it. A key of a CA must not be used for anything else. Make a new key and a new request. The same device or server can be renewed on its own key."
    117 KeyIdMismatch User "The authority key identifier is not the issuer's"
        "The authority key identifier of a certificate names the key of its issuer, or the certificate of its issuer by issuer and serial number (RFC 5280, section 4.2.1.1). The signature and the names fit, but this identifier names something else. OpenSSL and Java then look for another issuer and reject the chain; Go and rustls ignore the identifier. A CA that is renewed on a new key, or whose certificate is replaced, causes this. Use the CA certificate that the identifier names, or issue the certificate again."
    118 DeviceInShard User "The device's files are in the directory or archive of a fleet"
        "Devices of `tbpki fleet issue` have no directory of their own in the store. `tbpki client --device NAME` takes one out of its shard: key, certificate and trust anchors are then in the store, and nothing new is issued."

    // Platforms.
    120 PlatformUnset User All "The platform's URL or user is not configured"
        "Registration needs the address of the platform's REST API and a user who can change devices: `[platform] url`, `user` and `password` in keygen.toml (for ThingsBoard 4.3 or later also `api_key`), or `--platform-url`, `--platform-user`, `--platform-password-file` and `--platform-api-key-file`, or the variables TBPKI_PLATFORM_URL and so on."
    121 PlainHttp User All "The connection to the platform is not encrypted"
        "An attacker between this machine and the platform could read the password and change the registered devices. Use a URL with https://. On this machine itself http:// is accepted; elsewhere, for example through a tunnel, `--allow-plain-http` accepts the risk."
    122 PlatformUnverified User All "The certificate of the platform's REST API cannot be verified"
        "tbpki ended the connection before it sent a secret. If a private CA has issued the platform's certificate, name its root with `[platform] ca` or `--platform-ca FILE`. No option disables the verification."
    123 PlatformRedirect User All "The platform redirects the request"
        "tbpki does not follow redirects, because the other server would get the token. Usually the address has http:// in place of https://, or is the address of a login page. If you trust the target of the redirect, set it as the address."
    124 NotThePlatform User Passing "The server is not the platform's REST API"
        "The answer is not from the API: it is for example a web page, an error page of a proxy, or half a JSON text. Compare the address, including the path behind the host name, with the address of the platform's web interface."
    125 AnswerLost User Passing "The platform did not answer"
        "The request was sent and no complete answer arrived in time, so tbpki cannot tell whether it took effect. tbpki reads the state before it repeats anything: run the same command again, and it continues. `[platform] timeout` sets how long an answer can take."
    126 LoginRefused User All "The platform rejects the user or the password"
        "The platform does not tell which of the two is wrong. Try them in its web interface. Five wrong attempts can lock the user."
    127 UserDisabled User All "The user or API key is disabled"
        "ThingsBoard reports \"User account is not active\": the user was never activated, or an administrator has disabled the user or the API key."
    128 UserLocked User All "The user is locked"
        "Too many wrong passwords have locked the user by the platform's security policy. An administrator unlocks it."
    129 PasswordExpired User All "The user's password has expired"
        "The platform's security policy requires a new password. Log in to its web interface, set one, and store it in the place that keygen.toml names for the password."
    130 SecondFactor User All "The user needs a second factor to log in"
        "The platform requires a code from a person at every login, or requires that two-factor authentication is set up first. Use an API key (ThingsBoard 4.3 or later) or a user of its own for tbpki without a second factor."
    131 SessionExpired User All "The platform ends the session repeatedly"
        "The platform rejects a new token as expired. This happens if several servers with different signing keys have one address, or if the clock of a server jumps."
    132 ApiKeyRefused User All "The platform rejects the API key"
        "The key is mistyped, deleted or expired, or this ThingsBoard is older than 4.3 and has no API keys: older versions give the same answer. Make a new key in the user's profile, or use user and password."
    133 PlatformPermission User All "The user lacks a permission in the platform"
        "Only a tenant administrator can change devices, credentials and profiles. System administrators and customer users cannot register devices, and no user can register devices of another tenant."
    134 PlatformNotFound User "The platform does not have the requested object"
        "Names are case-sensitive and include spaces, and the platform searches only the tenant of the user who is logged in."
    135 PlatformNameTaken User "The name is already in use in the platform"
        "A name is unique among the devices of a tenant, among its profiles, and among the certificates of ActorCloud. The message names the object that has the name."
    136 CertificateTaken User "Another device of the platform uses this certificate"
        "A certificate belongs to one device of the whole platform, across all tenants. The message names the device if the ledger contains it. Give every device a certificate of its own, or delete or unregister the device that has this one. A device that was renamed in ThingsBoard keeps its certificate: give it its name back there, or replace its credential in the web interface."
    137 OtherCredential User "The device has another credential in the platform"
        "A device that logs in with this credential would be locked out, so tbpki replaces it only with `--replace`. A device that was created in the web interface has an access token; after a renewal, it has the old certificate."
    138 VersionConflict User Passing "Another user or program changes the same object"
        "The platform counts versions, and another program or person has changed the object after tbpki read it. tbpki reads it again and retries a few times. Run the same command again."
    139 DeviceLimit User All "The device limit of the tenant is reached"
        "The tenant's profile or the license limits the number of devices. Nothing was created. Delete devices that are not needed, or ask for a higher limit."
    140 RateLimited User Passing "The platform's rate limit is reached"
        "The tenant's profile limits the number of requests in a period. tbpki has waited and tried again several times. Lower `[platform] concurrency`, or run the same command again later; it continues."
    141 PayloadTooLarge User "The request is too large for the platform"
        "ThingsBoard's own limit is 16 MiB, and tbpki never sends that much. A proxy in front of it can have a lower limit."
    142 PlatformRefused User "The platform rejects the request"
        "The message contains the answer of the platform. Usually it does not accept a name or a label."
    143 PlatformFault User Passing "The platform has failed"
        "It answered with an internal error, also when the request was repeated. tbpki cannot tell whether the request took effect; the same command reads the state and continues. The platform's log has the details."
    144 CredentialDiffers User "The platform stored another value than it was given"
        "tbpki has read back another value than it sent: another program saved at the same time, or the platform changes values. The device could not log in. Run the same command again."
    145 ProfilePattern User "The regular expression does not match the names of the devices"
        "ThingsBoard takes the device's name from the first group of the expression, applied to the common name. It stores a wrong expression without an error and then rejects every device, so tbpki tests it first. tbpki accepts only syntax that has the same meaning in Java: groups, classes, counts and alternatives; no lookaround, no back references, no possessive counts, no `\\p`."
    146 ProfileDiffers User "The profile in the platform differs from the expected one"
        "The platform has a profile of this name that does not provision by the certificate in the store, or provisions in another way. `--replace` changes it. The platform then rejects devices that use its present settings."
    147 UnknownProfile User "The store has no issuing CA for this profile"
        "`tbpki profile create NAME` makes one, and changes the profile in the platform. `client --profile NAME --register` also accepts a profile that only the platform has: the devices' CA then issues the device, and tbpki registers it in this profile."
    148 NotAToken User "The device does not log in with an access token"
        "Its credential in the platform is of another kind, or a random token has taken its place when the device was taken from the platform. `tbpki token --device NAME --set-file FILE --replace` gives it a token in place of this credential."
    149 ForeignKeys User "ActorCloud does not accept certificates of other CAs"
        "Its server makes the key and the certificate, and compares only the common name that it has chosen. You cannot upload a key, a request or a certificate. Use `tbpki actorcloud cert create`, `save` and `bind`. The server keeps the private keys in its database, and users can read them."

    // The check over the wire.
    150 HostUnknown User All "The host name does not resolve"
        "The system's resolver has no address for it. Check the spelling, the resolver of this machine, and whether the name resolves in the network of the device. An entry in /etc/hosts has no effect on devices."
    151 NoTls User All "The server does not use TLS at this port"
        "The server answered the TLS handshake with something else, or closed the connection. A port of plain MQTT (1883) closes it, and a web server answers with HTTP. MQTT over TLS is at 8883 by default; in ThingsBoard it listens only when MQTT_SSL_ENABLED is true and its key material loads."
    152 ServerKeyUnproven User "The server does not prove that it has the key of its certificate"
        "In the handshake the server signs with its key, and the signature does not match the certificate that it sent. Servers start with a key and a certificate that do not belong together, and then no client can connect. Run `tbpki check --server DIR` on the machine with its files."
    153 ClockOff User "Wrong clock"
        "A certificate is valid between two dates, so a wrong clock makes good certificates invalid: a device whose clock is in 1970 trusts no server. Set the clock by NTP, on this machine, on the server and on the device."
    154 CertificateNotAsked User "The server does not request a client certificate"
        "ThingsBoard requests a certificate from every client. If no certificate is requested, another component terminates TLS before ThingsBoard, for example a load balancer or an ingress, or this is another listener, and the device's certificate never reaches the platform. Let the load balancer pass TCP through instead of terminating TLS, or log in with an access token."
    155 IssuersNotNamed User "Java and Go clients cannot choose their certificate"
        "A server names the issuers that it accepts, and clients built on Java or Go send a certificate only when one of its issuers is among them; OpenSSL and Mbed TLS send it in any case. ThingsBoard names the certificates of its own keystore, and in PEM mode only its own certificate. Use the KEYSTORE lines of thingsboard.env with the keystore that `tbpki server` writes, which contains the devices' CAs as trusted entries."
    156 CertificateUnknown User "The platform does not know the certificate"
        "The platform has the certificate of the client and rejects the login: no device has exactly this certificate as its credentials. Register it with `tbpki register`, or paste cert.pem, and nothing else, as the X.509 credentials of the device. The platform gives the same answer if the device was deleted or its credentials were replaced."
    157 TokenIgnored User "The platform ignores a token that is sent with a certificate"
        "If a client sends a certificate, ThingsBoard uses only the certificate and ignores user name and password. A device that logs in with its access token must not send a certificate. tbpki never sends both."
    158 TokenRefused User "The broker rejects the token, or the user name and password"
        "No device has this access token, or the password is another one. Compare it with the credentials of the device in the platform: the token is the user name for ThingsBoard and the password for ActorCloud, and a final newline in its file is ignored."
    159 ClientIdRefused User "The broker rejects the client id"
        "The broker accepts only known client ids, or rejects an empty one. ActorCloud requires the device's id; ThingsBoard uses it for MQTT basic credentials. Give it with `--client-id`."
    160 BrokerUnavailable User "The broker is unavailable"
        "It answers, but accepts no login at the moment: too many connections in a short time, a service behind it that does not answer, or, in ThingsBoard, a device profile whose transport is neither DEFAULT nor MQTT. Wait and try again; then read the broker's log."
    161 NoConnack User "The broker does not answer the login"
        "The TLS handshake succeeded and CONNECT was sent, but no CONNACK arrived before the connection ended or the timeout. Brokers do this with versions of MQTT that they do not support and with clients that they have blocked, and load balancers do it when no broker runs behind them."
    162 ChainRefused User "The server rejects the client's chain"
        "The server ended the handshake with the alert certificate_unknown (46). ThingsBoard does so when a certificate of the chain is not signed by the one behind it: a wrong order, a gap, or another CA of the same name. Send the leaf first, each certificate followed by its issuer, or the leaf alone."
    163 CertificateRefused User "The server rejects the client's certificate"
        "The server ended the handshake with an alert about the client's certificate; the message names it. unknown_ca means that the broker's file of trusted CAs does not lead to it: give the broker clients-ca.pem, and send chain.pem rather than the leaf alone."
    164 CertificateRequired User "The server requires a client certificate"
        "The broker rejects a client without a certificate before it can send its token. Log in with a certificate, or make certificates optional (mosquitto: require_certificate false)."
    165 ProtocolRefused User "The broker does not support this version of MQTT"
        "It supports another version. ThingsBoard supports 3.1, 3.1.1 and 5.0; try `--mqtt 3.1.1`."
    166 NotMqtt User "The server does not use MQTT at this port"
        "The TLS handshake succeeded and the name is right, but the answer to CONNECT is not an MQTT packet: a web server or another service listens at this port. MQTT over TLS is at 8883 by default."
    167 TelemetryRefused User "The message was not acknowledged"
        "The login succeeded, but the telemetry message was rejected, or the connection ended before its PUBACK. ThingsBoard closes the connection for payloads that do not match the device profile; other brokers have access rules for topics."
    168 KeyNotAccepted User "The server does not accept signatures of this kind of key"
        "The server lists the kinds of signatures that it accepts, and the device's key can make none of them. The usual case is an Ed25519 key and an older server. Use ec-p256."
    169 CertificateDropped User "The certificate does not reach ThingsBoard"
        "The server requests the certificate and accepts it, but ThingsBoard answers as if the client had sent none. A load balancer ends TLS in front of ThingsBoard and does not pass the certificate on. Let the load balancer pass TCP through."
    170 ConnectionEffects User "Effects of a login"
        "A login can change something. ThingsBoard keeps one session for each device, so the login disconnects an online device for a moment. A profile that provisions by certificate chain can create a device. Other brokers end a session of the same client id. `--no-connect` checks without a login."
    171 OtherLeaf User "The chain begins with another certificate"
        "The chain that the device sends begins with another leaf than the registered one, so the platform does not know it. Use both files of the same directory."
    172 BrokerRefused User "The broker rejects the login"
        "The broker gave an unusual reason; the message contains its code and its text. Read the broker's log."
    173 DeviceReturns User "A deleted device would come back"
        "The device is in a profile that creates devices from certificates of its CA. A deleted device of such a profile is created again at its next connection, with the same certificate. Without `--delete-device`, `tbpki unregister` leaves the device with a random token in place of the certificate, and the platform then refuses the certificate."
    174 NumberAttribute User "ThingsBoard would store an attribute as another value"
        "ThingsBoard stores a text that parses as a number as that number: 00012345 becomes 12345, and 1.50 becomes 1.5. No call of its API keeps such a text. Add a letter to a value that must stay a text, such as a serial number, or accept the numbers with `--accept-number-attributes`. Nothing was staged and nothing was sent."
    175 AttributeDiffers User "The platform has stored another value of an attribute"
        "tbpki reads attributes back after it has set them. The device is registered, but an attribute is not what was sent: another client has set it, or a proxy returns old answers. Run the same command again."
    176 PlatformUnavailable User Down "The platform is not available"
        "A proxy in front of the platform, or the platform itself, answers that it does not work at the moment (status 502, 503 or 504), for example because it is starting. `tbpki fleet register` waits for it for the time of `--wait`. Other commands can be run again."
    177 UnwatchedFile User "A certificate file is named without its directory"
        "ThingsBoard 4.3.1.3 and later reload a replaced certificate. They load a bare file name from the configuration directory, but watch the file of this name in the working directory, which does not exist. They therefore send a replaced certificate only after a restart. Write the full path."

    // The server's files and settings.
    180 TlsNotEnabled User "ThingsBoard is not configured to use TLS for MQTT"
        "Without MQTT_SSL_ENABLED=true, ThingsBoard does not listen at port 8883. Append the lines of thingsboard.env to thingsboard.conf, or source it from there, and restart ThingsBoard."
    181 SettingsMismatch User "The settings do not match the files"
        "A line names a file that does not exist, or thingsboard.conf differs from the thingsboard.env that was written with the files. ThingsBoard reads thingsboard.conf alone: append the lines of thingsboard.env to it, or source thingsboard.env from it."
    182 SilentKeystore User "ThingsBoard would use the keystore although PEM is configured"
        "If the PEM file does not exist, ThingsBoard uses the keystore and writes only a warning to its log, so a mistyped path is easily missed. Correct MQTT_SSL_PEM_CERT, or set MQTT_SSL_CREDENTIALS_TYPE to KEYSTORE."
    183 NothingToLoad User "ThingsBoard finds no key material"
        "Neither the PEM file nor the keystore of the settings exists, so the server does not start: \"None of the PEM or KEYSTORE configurations can be used!\". ThingsBoard searches names without a directory in the directory of thingsboard.conf."
    184 OtherCertificateServed User "The server sends another certificate than its files contain"
        "The files were replaced and the server has not loaded them: ThingsBoard 4.3.1.3 and later load them within a minute, and older versions at their next start. Or another server answers at this address."
    // Firmware and flash images.
    200 UnknownChip User "Unknown chip"
        "tbpki has no chip of this name. The message lists the supported chips; names with and without the hyphen are the same (esp32-s3, esp32s3). For another chip, build its image with Espressif's tools and use the credentials partition of a supported chip: it is the same for all chips."
    201 ChipOption User "The chip does not have this flash size or crystal"
        "Modules are sold with certain sizes of flash, and boards have certain crystals. With a wrong value, the bootloader prints unreadable text or does not start. The message lists the possible values."
    202 PartitionTable User "Invalid partition table"
        "Partition tables are read from ESP-IDF's CSV: name, type, subtype, offset, size, flags. Applications begin on 64 KiB boundaries, other partitions on 4 KiB boundaries, behind the table at 0x8000. The message names the line."
    203 PartitionsOverlap User "Two partitions overlap"
        "Data that is written into one of them overwrites the other. The message contains the start and end of each. Espressif's esp_secure_cert partition is usually at 0xD000, within the usual nvs partition (0x9000 to 0xEFFF): shorten nvs or move one of them."
    204 ImageTooLarge User "Data is larger than its partition or flash"
        "An application does not fit into its partition, or a partition reaches over the end of the flash. The message contains the numbers. Set the flash size of the board with `--flash-size`, or use other partitions with `--partitions`."
    205 RecordTooLarge User "The credentials do not fit into their partition"
        "The NVS partition is too small for the chains and the key. The message contains the size in bytes that it needs. Use ec-p256 instead of RSA, shorter chains, or a table with a larger nvs partition."
    206 NvsValue User "Invalid NVS value"
        "Keys and namespaces of ESP-IDF's non-volatile storage have 1 to 15 letters, and its texts at most 3,967 bytes, without NUL."
    207 BadRecord User "Invalid field in the credentials record"
        "The device's name, the network, its password, the broker or another field is outside its allowed range: a network's name has 1 to 32 bytes and its password 8 to 63 printable ASCII characters. The message names the field, and never contains the value of a secret."
    208 ApplicationMissing User "There is no application for the chip"
        "bundle-firmware uses the application that `--app` names; otherwise the one that was installed with tbpki (TBPKI_FIRMWARE, or share/tbpki/firmware next to the program); otherwise it builds one, if the working directory is in a checkout of tbpki. None of the three exists. The .deb, the .rpm, the archives and the container contain the firmware; `cargo install` does not, and the message names the command that installs it."
    209 ApplicationUnreadable User "Unreadable application"
        "Applications are read as ELF files, as a linker writes them, and as application images, as ESP-IDF's build writes them (.bin). An ELF file needs ESP-IDF's description of the application in it, because the bootloader does not start it otherwise. The message names the part that tbpki could not read."
    210 WrongChip User "The application is for another chip"
        "The metadata of the ELF file, the header of the image, or else the architecture and the addresses that the program is loaded to, belong to another chip. The board cannot start it."
    211 ApplicationHash User "The application differs from the one that was shipped"
        "Each application that is installed with tbpki has a file with its SHA-256 next to it. That file is missing, or the application was changed: by an incomplete download, or on purpose. Install the files again. Name your own application with `--app`; it needs no such file."
    212 ChipWithoutWifi User "The chip has no Wi-Fi"
        "Our application reaches the broker over Wi-Fi, which the ESP32-H2 does not have. For an image, use your own application (`--app`)."
    213 ToolchainMissing User "The compiler for the chip is missing"
        "tbpki would build the application here, but the compiler is not installed. The message contains the command that installs it."
    214 BuildFailed User "The application cannot be built"
        "tbpki tried to build the application in this checkout, and cargo failed; its output is above the message. Fix the error that it reports, or name an application that is already built with `--app`."
    215 DatesNotChecked User "The application does not check the dates of certificates"
        "The firmware's TLS library was built without a clock, so devices accept an expired certificate of a broker. They verify everything else. For RISC-V chips, install clang, cmake and ninja and build the application again; for Xtensa chips there is no such build yet."
    216 WifiMissing User "No wireless network is configured for the devices"
        "Our application reaches the broker over Wi-Fi. Name the network with `--wifi-ssid` or as firmware.wifi_ssid in keygen.toml, and the file with its password with `--wifi-password-file` or as firmware.wifi_password."
    217 OpenNetwork User "No password is set for the wireless network"
        "Without a password, devices can join only an open network. If the network is open, nothing needs to be done."
    218 BrokerMissing User "No broker is configured for the devices"
        "The name of the broker comes from `--broker`, firmware.mqtt_host or server.name in keygen.toml, or from the only server of the store. It must be a name in the broker's certificate."
    219 AnchorsMissing User "The device has no trust anchor for its broker"
        "Chips have no list of roots, as operating systems have. If the broker is not yours, fetch its trust anchor with `tbpki trust`, and name the file as server.anchors in keygen.toml."
    220 TokenMissing User "The device has no access token in the store"
        "`--auth token` reads the token from the file `token` in the device's directory. Fetch it from the platform first, or let the device log in with its certificate."
    221 NotRegistered User "A device is not registered in the platform"
        "The image is valid, but the platform rejects unregistered devices. Register the device before it is switched on."
    222 HostNameNotChecked User "The devices do not check the name of their broker"
        "With `--skip-host-name-check` a device accepts every server with a certificate of the CA that it trusts, under any name. Use it only for a broker whose address changes in a closed network."
    223 EncryptedNvs User "The application cannot read an encrypted NVS"
        "`--nvs-encryption` writes the credentials encrypted (XTS-AES, as ESP-IDF's NVS encryption). Our application reads only plain NVS. An ESP-IDF application with CONFIG_NVS_ENCRYPTION reads it if the keys are in its nvs_keys partition. This protects the credentials only if the flash is encrypted too."
    224 ImageMissing User "There is no image to write"
        "`tbpki flash` writes an image of `tbpki bundle-firmware`. It reads flasher_args.json in the device's directory, or in the directory of `--from`, and the files that it lists. It does not write an image whose certificate, one-time password or access token is not in use any more, because the board could not log in: make the image again. `--from DIR` does not look into the store."
    225 PortMissing User "There is no serial port to the board"
        "The port does not exist, is used by another program, or belongs to a group that you are not in (often dialout); or there are several boards, and the command names none. The message contains the cause."
    226 FlashFailed User "Writing to the board failed"
        "The chip does not answer, the image is for another chip, or the flash does not contain the written data. The message contains the error text of the flasher. Many boards need their download mode: hold BOOT while you press RESET."
    227 ChipUnsupported User "tbpki has no support for the chip"
        "The header of the image, the metadata of the ELF file or the connected board names an Espressif chip for which tbpki cannot make images. The message lists the supported chips. For another chip, build the image with Espressif's tools, and write the credentials partition of an image for a supported chip into its NVS partition: the format is the same for all chips."
    228 ApplicationHoldsKey User "An application contains a secret"
        "The application and the bootloader are the same for all devices. Their files are readable for every user of the machine, and manifest.json lists them for web servers. A private key or the credentials of a device in one of them would be public, and the same on every device. Read keys from the credentials record or from another partition instead."
    229 Bootloader User "The bootloader does not fit the project"
        "The bootloader that comes with tbpki expects the partition table at 0x8000 and has no signature of secure boot. A project with another CONFIG_PARTITION_TABLE_OFFSET or with secure boot needs its own bootloader, which `--bootloader` names (build/bootloader/bootloader.bin of an ESP-IDF build). tbpki writes this file as it is. An application or the merged image of a flash is not a bootloader, and the bootloader of an image of tbpki is not that of a project. The bootloader must also run on a chip revision on which the application runs."
    230 FlashLayoutDoubtful User "The layout of the flash may be another one"
        "Something in the partition table or in the options does not fit the layout that tbpki writes: the first partition does not begin directly after the table, as in a project with another CONFIG_PARTITION_TABLE_OFFSET, or the application goes to a partition that the bootloader does not start. Compare with the project, and state the offset with `--partition-table-offset`. Or a merged file would overwrite the partition with the identity that a device has fetched: it is for the first image of a board, and the single parts are for later ones."
    231 ChipRevision User "The chip has an older revision than the image requires"
        "The header of an image contains the minimum revision of the chip. On an older chip, the bootloader rejects the image, or the application stops at its start, again and again. `esptool chip-id` prints the revision of a board. The images for the ESP32 require v3.0, as esp-hal does. The message compares it with the revision in the header (`min_chip_rev_full`; in headers of older tools `min_chip_rev`, which counts minor numbers on the ESP32-C3). For an older chip, use an application of your own that supports it (`--app`)."
    232 BundleIncomplete User "Values for the images are missing"
        "An image needs a chip, an application for it, a broker, and a wireless network if the application is ours. The message lists everything that is missing, and for each the flag and the key of keygen.toml."

    // Installing tbpki.
    233 InstallPlaceUnknown User "No place to install"
        "`tbpki completions --install` and `tbpki man --install` write to the directories of the user: those of the variables XDG_DATA_HOME, XDG_CONFIG_HOME, ZDOTDIR and BASH_COMPLETION_USER_DIR, or else below HOME. The shell is the one that the command names, or else that of SHELL. The message names the part that is missing. Without `--install`, both commands print the text."

    // Fleets.
    250 LeaseLost User "Another station has taken over a shard"
        "A station claims a shard under a lease that it renews while it works. This one was stopped for longer than its lease, or cut off from the ledger, and another station has issued the shard again. The late result was rejected, so that no device has two identities; the files of the late attempt are not used, and the next run removes them. Run the same command again: it does the rest."
    251 DuplicateNames User "Names of the list are in use already"
        "Each name gets one identity. The names in the message are on two lines, in the store, or in another job that has not issued them yet. Remove them, or finish the other job first."
    252 LedgerUnreachable User "The ledger's server cannot be reached"
        "keygen.toml names a PostgreSQL server as the ledger, and it does not answer. If a server becomes unavailable during the work, tbpki waits for a minute; then the verb ends. Finished work is kept, and the same command does the rest when the server is available again."
    253 LedgerLost User "The connection to the ledger was lost"
        "The PostgreSQL server, or the network between it and this station, failed during a transaction. The server has kept all of the transaction or nothing. The same command reads the state and does the rest."
    254 LedgerRefused User "The ledger's server rejects the login"
        "The user, the password or the database is wrong, or the user lacks rights: tbpki creates the schema `tbpki` in the database, with all its tables. The message contains the answer of the server. The guide on several stations contains the commands that create user and database."
    255 LedgerInsecure User "The connection to the ledger's server is not secure"
        "tbpki connects to a ledger on another host only with TLS, and the server's certificate must lead to a trusted root and contain the name of the host: an attacker who impersonates the ledger could make tbpki issue devices twice. Name the root as ledger.ca in keygen.toml, or let the system trust it, and enable TLS on the server (ssl = on)."
    256 NameReserved User "The name is reserved"
        "Each name gets one identity. A job reserves its names when it is staged, and this one is not issued yet: finish the job with `tbpki fleet issue --resume`, or end it with `tbpki fleet cancel`, which frees the names that it has not issued. `tbpki fleet jobs` lists the jobs. Or a one-time password reserves the name until its device has enrolled or the password has expired: use the image that has the password, or end it with `tbpki forget --device NAME`. `client --force` ends it too; `bundle-firmware --force` and `fleet bundle --from LIST --again` replace it."
    257 JobCanceled User "The job was canceled"
        "`tbpki fleet cancel` ended this job. What it had issued until then stays and can be registered and bundled; its other names are free. Begin a new job for them with `--from FILE` or `--count N`."
    258 LedgerOlder User "The ledger is older than the files"
        "The directory contains identities that this ledger does not have, although tbpki records each identity before it publishes it. The ledger was restored from an older backup, or is a copy that was left behind. Nothing was written or removed. Restore the newest backup of the ledger: issuing again would give devices that are in use a second identity."
    259 DeviceUnregistered User "The device was unregistered"
        "`tbpki unregister` removed the certificate of this device from the platform, and a registration would undo this. Verbs for many devices skip the device. If it must log in again with the same certificate, register it with `--again`. If other people may have its key, issue a new generation with `tbpki client --force` first."
    260 AgeRecipient User "Invalid age recipient"
        "Archives are sealed for recipients in the age format, each written `age1` and 58 more characters, as `age-keygen` prints its public key. tbpki does not support other kinds (SSH keys, hardware tokens, plug-ins). The secret key stays with the person who opens the archive, and is never given to tbpki."
    261 PlaceTaken User "The directory contains the identities of another job"
        "A directory of shards or the parts of an archive belong to one job, which their `fleet.json` names. Two jobs would use the same file names. Name another directory, or resume the job that it belongs to. A directory with bundles of `fleet bundle --enroll` belongs to the store whose ledger has their one-time passwords, which `enrolment.json` names: another store would end passwords that it does not know."
    262 PlaceMissing User "The identities of a shard are missing from their directory"
        "The ledger knows that a shard was issued, and the directory or archive that it was written to has been moved, or is on another machine. Name its location with `--out DIR` or `--archive FILE`; tbpki recognizes it by its `fleet.json`. tbpki cannot read deleted identities: register and bundle them before you delete them, or in the same run with `tbpki fleet run`."
    263 ShardDamaged User "A shard differs from its entry in the ledger"
        "A file of the shard is missing or unreadable, or contains another certificate than the issued one. Restore it from a backup. Devices whose keys are lost need a new generation."
    264 NothingToResume User "There is no job to resume"
        "All jobs are done, or several jobs are unfinished and the command names none. `--resume` takes the number of a job. Begin a new job with `--from FILE` or with `--count N --name-pattern TEXT`."
    265 FleetFormat User "The layout does not support this format"
        "Keystores and other formats need a file of their own for each device, which the layouts `directories` and `shards` have. An archive contains one PEM file for each device. With recipients, this machine keeps no readable key, so work that needs a key must be done in the same run (`tbpki fleet run`)."
    266 Sealed User "The keys of these devices are encrypted"
        "The archive is sealed for age recipients, and tbpki has no key that opens it. The certificates are next to the archive, so devices can be registered. Bundles need the devices' keys, so they must be made in the run that issues the devices: `tbpki fleet run`."
    267 StoppedEarly User "The job was stopped before it was complete"
        "A signal (Ctrl-C) ended the run. Complete shards are kept; the others were released and will be issued again with new serial numbers. The same command, or `--resume`, does the rest."
    270 NamesUnreadable User "Unreadable list of names"
        "A list of names is CSV in UTF-8, with a line that names the columns. This file has another format: for example that of a spreadsheet, UTF-16, bytes of another encoding, or a text in quotes that never ends. Save it as \"CSV UTF-8\". The message names the line."
    271 NamesHeader User "Invalid header in a list of names"
        "The first line of a CSV file names its columns: name, and optionally label, profile, san, and attr.X for the attribute X. The column with the names or a requested column is missing, or a column occurs twice. Use `--name-column` if the column with the names has another name, for example in the values CSV of Espressif's mfg_gen."
    272 UnknownColumn User "Unknown column in a list of names"
        "Unknown columns are rejected, because a typo would otherwise be ignored. Correct the name, delete the column, or store it as an attribute with `--attribute COLUMN` or the name attr.COLUMN."
    273 NamesRow User "Wrong number of fields in a line of a list of names"
        "The usual cause is a comma in a field that is not quoted, or a quote that is not closed. In a quoted field, a quote is written twice (RFC 4180, section 2)."
    274 NoNames User "There are no names"
        "The list is empty, or has only the line with the columns. Add a line for each device."
    275 NumberPattern User "Invalid name pattern"
        "A pattern is a device name with one pair of braces in place of the number: sensor-{} counts 1, 2, 3, sensor-{:06} counts 000001, and {:x} or {:08X} count in hexadecimal. A literal brace is written twice."
    276 NamesField User "Invalid field in a list of names"
        "Labels, profiles and the names of attributes have at most 255 characters and no control characters, as in ThingsBoard. The values of attributes can have several lines."
    277 NamesRefused User "Some lines of a list of names are invalid"
        "tbpki lists every fault with its line: the first thousand, then a count. Nothing was staged. Correct the list and use the complete list again."
    278 NamesQuotes User "A quote in a list of names is misplaced"
        "In a CSV (RFC 4180), a field that contains a quote must be in quotes itself, and each quote in it must be doubled. Programs read other quotes in different ways, so tbpki cannot know which name is meant. The form `=\"0012\"`, which keeps zeros in spreadsheets, is such a case: write 0012 instead; tbpki never converts a name to a number."
    279 NamesTooMany User "A list of names is too long"
        "A list may have 10,000,000 rows and take 2 GiB, and `--count` makes as many names, so that a program that never stops writing cannot fill the disk. Split a longer list, and make each part a job of its own."
    280 OtherBundles User "Bundles of this job were made with other parameters"
        "The bundles of a job share one bootloader, partition table and application, one network and one broker; `bundle.json` in the same directory names them. With other parameters the bundles would be a mixture. Use the same parameters as before, or add `--again` to the command with the new ones, which makes all of them again. If `bundle.json` is missing, restore it, or make all of them again."
    281 NoRoomForImages User "Not enough space for the images"
        "A whole image contains the bootloader, the table and the application for every device, about a megabyte each, and the credentials partition of a device has only 24 KiB. Leave `--merged` out, and write the common parts and the partition of the device one after the other; or free some space."
    282 NamesAlike User "Two names look the same"
        "The name looks like another one, differs from it in capital letters alone, or has a letter of another script that looks like a Latin one. The names are different for tbpki, for certificates and for the platform, but people cannot tell them apart. Often such names come from a copied text, or from a system that writes accents as characters of their own (Unicode NFD). Type the names again with plain letters, unless the difference is intended."

    // Keys in tokens.
    284 Pkcs11Static User "This build of tbpki cannot load PKCS#11 modules"
        "A PKCS#11 module is a shared library, and the static build of tbpki (musl) cannot load one. The builds for glibc can: the .deb, the .rpm, and the archive whose name ends in linux-gnu. `tbpki --version --json` lists the feature pkcs11 if the build has it. A store is the same for all builds."
    285 Pkcs11Uri User "Invalid PKCS#11 URI"
        "Keys in tokens are named by a URI (RFC 7512), such as `pkcs11:token=fleet;object=devices?module-path=/usr/lib/softhsm/libsofthsm2.so`. It names the module (module-path, absolute, or module-name), the token (token, serial, manufacturer, model, slot-id) and the key (object, id). A PIN in the URI is rejected (pin-value, pin-source), because other users can see command lines and URIs: store it as `[ca] pin` in keygen.toml, or `--ca-pin-file`. The key of a host (`enroll fetch`, `renew --est`) takes the PIN from `--pin-file`, and its URI can name the same file with pin-source."
    286 Pkcs11Module User "The PKCS#11 module cannot be used"
        "tbpki accesses a token with the library of its manufacturer, the module that the URI names. The module is missing, is not a PKCS#11 module, is for another kind of machine, or does not start. The message contains the error text of the system. Some modules need a setting, for example SOFTHSM2_CONF, to find their tokens."
    287 Pkcs11TokenMissing User "The token is not there"
        "The module finds no token that matches the URI, or the token was removed during its use. No incomplete result was kept. Connect the token and run the same command again; `pkcs11-tool --list-slots` and `p11tool --list-tokens` list the tokens."
    288 Pkcs11Ambiguous User "The URI matches more than one token or key"
        "tbpki does not guess which key signs. The message lists the matches: add an attribute to the URI, for example the serial number of the token or the id of the key."
    289 Pkcs11Pin User "The token rejects the PIN"
        "The PIN is wrong, or the token is locked, or it would be locked by one more wrong PIN. tbpki tries a PIN only once, because tokens lock themselves after a few wrong PINs. If only one attempt is left, tbpki does not try at all: log in with the manufacturer's tool first, which resets the counter."
    290 Pkcs11KeyMissing User "The token does not contain the key"
        "No private key in the token has the label and the id of the URI, or the token shows it only to another user. `pkcs11-tool --login --list-objects` lists the keys."
    291 Pkcs11KeyUnfit User "The key in the token is not suitable for a CA"
        "`init --devices-key` makes a new key, which cannot leave the token and can only sign. It stops if the token has a key of that label or id: use `--devices-key-existing` for such a key. An existing key must have a supported algorithm, and must sign without asking a person each time. If the key can leave its token, tbpki prints a warning."
    292 Pkcs11Failed User "The token failed to carry out an operation"
        "The message contains the operation and the error text of the module. Tokens support different keys and mechanisms. tbpki uses EC P-256, EC P-384, and RSA of 2,048 bits and more, with ECDSA and PKCS#1 v1.5."

    // Looking at fleets.
    293 UnknownJob User "Unknown job"
        "`tbpki fleet` makes a job from a list of names, and numbers the jobs of a ledger from 1. `tbpki fleet jobs` lists the jobs with their numbers."

    // The life of an identity.
    300 CrlDates User "The dates of a revocation list do not fit"
        "A revocation list has the time at which it was made and the time until which the next one is made. Verifiers ignore a list outside of that period, and some of them then refuse every device. The period must have at least a day and lie between 1950 and 9999. Check the clock of this machine and the value of `--days` or `[crl] days`."
    301 NotACrlIssuer User "The CA may not sign revocation lists"
        "The certificate of the CA has a key usage without cRLSign, so that verifiers reject its revocation lists (RFC 5280, section 6.3.3). CAs of tbpki have it. An imported CA needs a new certificate for the same key, with cRLSign."
    302 ClockBehind User "The clock of this machine is behind"
        "The ledger has an entry that is later than the time of this machine. A revocation list must be later than the one before it, because verifiers prefer the later one, so none is made of this key until the clock is right; the lists of other keys are made. Brokers refuse everything below a CA whose list is from the future. If the clock is right and an earlier list was made with a wrong clock, run `tbpki crl --accept-clock`: the next list has the present time, and the acceptance is recorded. Then restart the brokers, because a reload can keep the list from the future. You can also replace the key: `tbpki ca prepare`, `tbpki crl` and `tbpki ca activate`. A difference of less than a day passes by waiting."
    303 SharedCaName User "Two CA keys have one name"
        "Verifiers choose revocation lists by the name of their issuer. If two CAs below one root have the same subject and different keys, a verifier can take the list of the wrong one and then reject every device. Give each CA key a subject of its own."
    304 UnknownReason User "Unknown reason for a revocation"
        "The reasons are those of RFC 5280, section 5.3.1: unspecified, keyCompromise, cACompromise, affiliationChanged, superseded, cessationOfOperation and privilegeWithdrawn. certificateHold and removeFromCRL are not accepted, because a revocation of tbpki is final."
    305 NotRenewable User "The identity cannot be renewed"
        "A renewal keeps the names, the CA, the algorithm and the files of an identity, so its files must be in the store. If its key is elsewhere, keep the key with `--same-key` or issue for a new signing request. A revoked identity is not renewed: `tbpki client` issues a new generation. A registered device needs the platform too."
    306 RenewalTooShort User "The renewal would hardly live longer"
        "The new certificate would end less than a quarter of its lifetime after the present one: the present one is still new, or the issuing CA expires and nothing that it signs lives longer. Renew later, or replace the issuing CA first. What a CA has issued that was replaced since is renewed in any case."
    307 RenewalDue User "The certificate must be renewed"
        "The certificate has expired, or less than a third of its lifetime is left (or fewer days than `[renewal] before`). Peers refuse it as soon as it has expired. `tbpki renew` issues the next generation with the same names, CA and files."
    308 RenewalRefused User "The broker refuses the renewed certificate"
        "The platform had the renewed certificate, and a login with it was refused. tbpki puts the earlier certificate back, so that the device can go on with it. `tbpki check` shows the reason of a refusal: for example dates, because the clock of the broker is behind, or a broker that does not know the issuing CA. The renewal stays pending; the same command tries it again. `tbpki renew` lists a step that is open, and then ends with status 4."
    309 IdentityLeased User "Another tbpki changes the same device"
        "A verb that changes the credential of a device on the platform has a lease on the device meanwhile, so that a revocation and a registration cannot cross. A lease ends with its verb, or 30 seconds after the verb was killed. Run the same command again."
    310 HookUnsafe User "A program that tbpki runs can be changed by others"
        "tbpki runs a program after a renewal (`--after`), and after the file with the revocation lists has changed (`[crl] after`), only if no user except root and its own can change it: the program and all directories above it must belong to one of the two, and neither a group nor other users may write to them. Otherwise another user could run programs with the rights of tbpki. A missing program has this code too, before anything is renewed."
    311 HookFailed User "A program that tbpki runs has failed"
        "The files are in their places, but the program that makes the service load them (`--after`, `[crl] after`) ended with a status other than 0, could not start, or took more than a minute. The exit status is 4. The same command, or the next run of the timer, runs the program again. Its output is above the message."
    312 ClockImplausible User All "The clock of this machine is implausible"
        "The clock is more than a day earlier than the newest entry of the ledger, or more than 400 days later than both that entry and the last use of the store, or it differs from the clock of the platform by more than a day, or, for a new store, it is earlier than this version of tbpki. Certificates that are issued with a wrong clock are not valid yet, or expire early. Correct the clock. If it is right, for example because the store was not used for two years, or because an earlier clock was wrong, run the command with `--accept-clock`: the ledger records this."
    313 RenewalUnproven User "The renewed certificate cannot be proven"
        "A renewed certificate takes the place of the present one only after a login with it. The broker cannot be reached or is not trusted, so no login was tried, and the platform was left as it is. The renewal stays pending."
    314 RevokedMeanwhile User "Another command has changed the identity meanwhile"
        "While this command worked on the identity, another one revoked it, or issued another generation. The ledger is read before and after each change of the platform. What was revoked does not stay on the platform."

    318 NotPrepared User "No generation of the CA is ready for this step"
        "A CA is replaced in three steps: `tbpki ca prepare` makes its next generation, which peers trust together with the present one; `tbpki ca activate` lets it sign; `tbpki ca retire` takes the earlier one out of every file. This step needs the one before it. `tbpki ca list` shows the generations."
    319 CaInUse User "Certificates in use depend on the CA"
        "Peers would refuse these certificates if the CA were retired. Renew them below the present generation first, or revoke those that are not used any more. `tbpki ca list` counts what depends on each generation. Nothing was changed."
    320 CaNotConfirmed User "Not every peer is known to have the new CA"
        "Devices that do not trust the new root of the servers would refuse the servers, and brokers that do not know the new CA of the devices would refuse the devices. A broker is known to have it when `tbpki check` saw the new CA among the issuers that it names, a device when it has stated its trust anchors to `tbpki serve`, and both when an operator states it: `tbpki ca confirm`. Devices with an access token or an open one-time password count, too. If no server of the store has a valid certificate, the brokers have certificates of others: `tbpki ca confirm CA --all` states that they accept the CA. Revoked, retired and expired identities do not count. `tbpki ca activate --leave-behind` writes the list of those left and goes on. Nothing was changed."
    321 ListMissing User "The revocation lists lack a CA"
        "A peer that reads a file with revocation lists refuses every certificate whose CA has no list in it: brokers those of devices, clients those of servers. `tbpki crl` writes the lists of all generations, also of one that is prepared. Make the peers read the file before a new CA signs: `tbpki ca activate` changes nothing until then. The warning about a CA that signs already means that the CA is new, for example that of a profile, or that the file was lost."
    322 KeyInToken User "The key of the CA is in a token"
        "The next generation of a CA has a key in a file of the store. A CA whose key is in a token was meant to keep it there, so tbpki does not continue with a file. Nothing was changed."
    323 ProfileCaInUse User "Devices depend on the CA of their profile"
        "ThingsBoard has one CA for each device profile. When that CA changes, every device of the profile is locked out whose own certificate ThingsBoard does not have. So `tbpki ca activate` sets the current certificate of each device as its credential and reads it back, before it changes the profile. This was not possible for all of them: a device is not there (`--create` makes it), has another credential, or has a renewal that is not in use yet. `--leave-behind` goes on, and writes their names to a file of the store. The profile of the platform was not changed."
    324 OnlyCa User "No other generation of the root signs"
        "A root is on no revocation list: peers refuse what is below it once it is out of their trust files. Without another root nothing could be issued or verified any more. Run `tbpki ca prepare` and `tbpki ca activate` for the root (with `--leave-behind` if it is urgent), then revoke the earlier generation. Nothing was changed."
    325 CaRevoked User "The CA is revoked"
        "The ledger has a revocation of the CA's generation that signed last, and no other one signs. Peers refuse what it has signed, so tbpki issues nothing with it, also in a process that had its key open. `tbpki ca prepare` makes the next generation, and `tbpki ca activate` lets it sign."
    326 JobNotFinished User "The job can issue more"
        "The revocation covers what the job has issued. A job that is resumed issues the names that wait, and those certificates are not revoked. Cancel the job with `tbpki fleet cancel`, then run the same command again."
    328 JobsBelowCa User "Open jobs issue below the CA"
        "A job issues all of its devices below one generation of a CA, which its order names. Once another generation signs, the job cannot be resumed. Finish the jobs with `tbpki fleet issue --resume`, or cancel them with `tbpki fleet cancel`: the names that they have not issued are free again. Then run the same command. Nothing was changed."

    // The store and its ledger.
    330 LedgerRestored User "The ledger was restored and not checked"
        "A restored ledger does not know what happened after its backup was made: identities may exist that it lacks, and it may have lost revocations. Verbs that write therefore stop until `tbpki store check` has compared it with the files and, if `[platform] url` is configured, with the platform; `revoke`, `crl` and `unregister` only take away and work before that. `tbpki store repair` takes over what the files and the platform show. Differences that no repair can remove, such as missing files, are listed and do not keep verbs closed."
    331 LedgerMoved User "The ledger was moved"
        "`tbpki ledger move` copied this ledger to another database and closed it. Two ledgers for one store would issue the same names twice, so nothing is read from or written to the closed one. Set `[ledger] url` to the address in the message."
    332 StoreDiffers User "The store and its ledger differ"
        "`tbpki store check` compares each certificate of the ledger with the files in the store, in shards and in archives, and the other way round. A missing file must be restored from a backup, or the identity issued again. A foreign certificate is one that the ledger does not have: `tbpki store repair` takes it over if it was issued by a CA of this store. A name with two certificates in use is settled by `tbpki store repair`, with `--use SERIAL` if the platform does not know which of them is in use."
    333 BackupUnreadable User "This is not a backup of a store, or it is damaged"
        "`tbpki store restore` reads files that `tbpki store backup` wrote. A file that ends with .age is encrypted: pass it through `age --decrypt` first, and give `-` as the file. Every part of a backup has a SHA-256; if one of them does not match, nothing is restored."
    334 OtherStore User "The backup is of another store"
        "The store here has a ledger with another identifier than the backup, so restoring would mix two stores. Restore into an empty directory, or name another store."

    335 SharedLedger User "The ledger is on a server"
        "A ledger in PostgreSQL is not a file of the store. Its server makes backups (pg_dump, or base backups with archived logs) and restores them; `tbpki store backup` writes everything else that is in the store."

    336 FilesLeft User "Files of a forgotten device are left"
        "`tbpki forget` removes the files in the store. Shards and archives are files of many devices and are not changed, copies that `--out` has written can be in use by other programs, and files that tbpki did not write are never removed. A key in them is useless once its certificate is revoked or expired, but keep it secret until then."

    337 NotEncrypted User "A backup is not encrypted"
        "A backup contains the private keys of the store: those of CAs without a passphrase, of servers and of devices. Write it to a file that ends with .age, with `--recipient` for each age key that may open it, or keep it as safe as the store itself."

    338 LedgerNotEmpty User "The other ledger is not empty"
        "`tbpki ledger move` copies a ledger to a database that has none, and never mixes two ledgers. Create a database for it, for example with `createdb`. A move that was interrupted is finished by the same command, which copies what the file has recorded meanwhile. If another copy of the store was moved to the database, this file is not moved there: the rows of one of them would be lost."

    339 NotAdopted User "The fleet directory cannot be adopted"
        "`tbpki fleet adopt` takes a directory with shards into this ledger only as a whole, after it has compared every certificate with its key and with the CAs of this store. The message names the first that does not fit. Nothing was changed."

    // Enrolment over the network.
    344 LedgerReplaced User "The ledger was replaced while the service ran"
        "`tbpki serve` found another ledger in the place of its own, or that its ledger has lost changes or was moved, for example after a restore from a backup. It stops, because what it would write does not fit the other ledger. Compare the two, then start the service again."
    345 CannotListen User "The service cannot listen at the address"
        "Another program uses the port, the address is not one of this machine, or the user may not open ports below 1024. Choose another address, or let systemd pass the right with `AmbientCapabilities=CAP_NET_BIND_SERVICE`."
    346 StatusAddress User "The status address is not on loopback"
        "`/healthz` and `/metrics` tell about the fleet and need no login, so `tbpki serve` offers them on this machine only. Use 127.0.0.1 or [::1], and a proxy with a login for other machines."

    347 EnrolmentUnreachable User "The enrolment server cannot be reached"
        "The EST server did not answer, or its certificate does not lead to a trusted root. Check the URL, and name the roots of the server with `--cafile`: they are the anchors of the server, not the CAs that issue devices."
    348 EnrolmentRefused User "The enrolment server refused the request"
        "The message has the status and the text of the server. 401: the name or the one-time password is wrong. 403: the certificate is unknown, revoked, expired or superseded, or the password was used. 400: the request asks for something that the certificate cannot have. The files are as before."
    349 EnrolmentLater User "The enrolment server asks to come again later"
        "The server is busy, waits for an approval, has a limit on certificates in a day, or waits until the platform has the new certificate. The files in place are as before, and the new ones are kept as FILE.new: run the same command again after the time that the server names."
    350 EnrolmentAnswer User "The enrolment server sent an unexpected answer"
        "The answer is not a certificate for the key and the subject of the request, it is not valid now, or its issuer is not among the CA certificates of the server. The files are as before."

    // The life of identities and CAs.
    351 NothingPending User "No renewal is pending"
        "`--pending` uses the renewals that wait until a device was reflashed or has the files. This device has none: it was not renewed, or the renewal is in use already. `tbpki list --pending` lists those that wait, and `tbpki renew` makes them."
    352 PassphraseKept User "Other CA keys keep their passphrase"
        "`tbpki ca passphrase` has changed the passphrase of some CA keys, and others keep theirs. All commands take one passphrase for all CA keys, from `--ca-passphrase-file` or `[ca] passphrase`, and ask again on a terminal if it does not open a key. Run `tbpki ca passphrase --all` to give all keys the same passphrase."
    353 NotImportable User "The certificate cannot be imported"
        "`tbpki import` takes certificates of devices, and with `--server` of servers, that were made elsewhere: each in a file of its own, with the CAs above it behind it, or in a keystore with one key. The common name becomes the name of a device, the first host name among the alternative names that of a server, or `--name` gives one. CAs are imported by `tbpki init`. Nothing was imported."
    354 IssuerChanges User "The next generation has another CA"
        "The present certificate was made elsewhere, and its CA is not in this store. The renewal is issued by the devices' issuing CA of the store. ThingsBoard compares whole certificates and accepts it once it is registered. A broker that verifies chains, for example mosquitto, must trust this CA before the device uses the renewal: give it `clients-ca.pem`."
    355 NotOnOurLists User "No revocation list of this store has the certificate"
        "The certificate was made elsewhere, and only its own CA can list it as revoked. The ledger has the revocation, and the certificate was taken from the platform if it was registered. A broker that trusts the other CA still accepts the device: revoke the certificate there too, or take that CA out of the broker's trust file."

    // Several platforms.
    356 RegisteredElsewhere User "Another platform has an earlier certificate of the device"
        "The ledger keeps the registrations of each platform by its URL. The device has a new certificate that one platform takes by now, and another platform still has the certificate before it as the credential of the device: the device cannot log in there with the new one. Run the command that the message contains. It replaces the earlier certificate, which the ledger knows, and no other credential. If the device must not log in there any more, run `tbpki unregister NAME --platform-url URL` instead."
    357 NewPlatform User "No device is registered at this platform"
        "The ledger keeps the registrations of each platform by its URL, and has none for the one that is configured. If the platform is another one, for example production after staging, all is well: register the devices there. If the same platform has moved to this URL, tell the ledger with `tbpki ledger platform --rename OLD NEW`: the registrations stay, and `tbpki revoke` and `tbpki unregister` take certificates from the right place. Scheme, host, port and path count; a trailing slash, capitals in the host and the default port do not."
    358 UnknownPlatform User "The ledger does not know this platform"
        "`tbpki ledger platform` lists the platforms that the ledger knows, by their URLs. A platform is recorded by the first command that registers or unregisters a device there, or takes a revoked certificate away. In a ledger of an earlier version, the registrations belong to the first platform that a command uses."

    // Images of devices that fetch their certificates.
    359 EnrolmentUrl User "Invalid URL of an enrolment service"
        "The URL is https://, the host name or address of the service as its certificate names it, and the port if it is not 443. Plain http is refused, because anyone on the way could read a one-time password. The device profile is not part of it: use --label."
    360 EnrolmentNeedsTime User "Enrolment needs a time server"
        "A device that fetches certificates renews them by date, and gets the date from the time server in its credentials record. Name one as firmware.ntp_server in keygen.toml."
    361 LongFactoryCertificate User "A factory certificate is valid for too long"
        "In chain mode the platform accepts each certificate that the CA of a profile has issued, and stores the one that it saw last. A factory certificate that is stolen from the flash of a device therefore stays usable until it expires, also after its renewal. Issue one of at most 397 days, let the device fetch its first certificate with a one-time password, or accept the risk with --accept-long-certificates."
    362 EnrolmentLabel User "The label does not belong to the certificate"
        "The enrolment service renews a certificate only with the label of the profile that it was issued for, and without a label if it was issued for none. Name that profile with --label."
    363 NoEnrolmentInFirmware User "The application does not fetch certificates"
        "The credentials record of devices that fetch certificates has further entries, and needs an application that knows them. This build of the tbpki firmware does not: it is of an earlier version, or for a chip without Wi-Fi. Update the firmware, or name another application with --app."

    // The dates of revocation lists.
    364 ListDue User "A revocation list is due"
        "Half of the life of a revocation list has passed, or all of it. A broker that reads an expired list refuses every device whose CA made it. `tbpki crl` writes the next lists; the broker must read the file again. Run it by a timer well before the lists expire, or let `tbpki serve` write them. `tbpki report` shows the dates of all lists."

    // Certificates that were made elsewhere.
    365 NamesNotRenewed User "A renewal does not have all names of the certificate"
        "An imported certificate has alternative names of kinds that tbpki does not issue, for example names of directories. Lists, revocation and registration are not affected. A renewal has the other names. If a client depends on the missing names, renew the certificate where it was made, and import it again."

    // Keys of hosts in tokens.
    366 Pkcs11ObjectType User "The object in the token is not a private key"
        "The label or the id of the URI belongs to a public key, a certificate, a secret key or a data object, and no private key has this name. Only a private key signs. `pkcs11-tool --login --list-objects` lists the objects of the token with their kinds."
    367 TokenKeyTaken User "The token has a key of this name already"
        "`tbpki enroll fetch` makes a new key in the token, and does not replace one that is there. Use the existing key with `--existing-key`, name another label with object=.. in the URI, or remove the key with the program of the token if nothing uses it."
    368 TokenMakesNoKey User "The token does not make a key"
        "The token is full or write-protected, the key of its maker is the only one, or it does not promise that the new key cannot leave it. The files and keys in use are as before. `tbpki renew --est --same-key` renews the certificate for the present key, and `tbpki enroll fetch --existing-key` uses a key that was made with the program of the token. A renewal for the same key does not help against someone who has used the key."
    369 TokenKeyStays User "The key of an earlier certificate stays in the token"
        "The renewal is complete, and the token did not remove the key of the certificate before. The key cannot leave the token, but it uses space there. Remove it with the program of the token, for example `pkcs11-tool --login --delete-object --type privkey --id ID`, and the public key with `--type pubkey`."

    // Requests that wait for an approval.
    370 UnknownRequest User "No request for a certificate has this name"
        "The name of a request is the first 16 digits of the SHA-256 over the public key of the device, as `tbpki enroll list` shows it. A request ends when its certificate is issued, 30 days after it was made or decided, and when the device asks with another key: that is another request, which needs an approval of its own. Nothing was decided."
    371 AlreadyEnrolled User "Devices have fetched their certificates"
        "`bundle-firmware --all --enroll` makes no one-time password for a device that has fetched its certificate over the network: the device has its key, and anyone with an image and a new password could be this device. If the flash of the device was erased, name the device with `--device`: it then gets a new password."
    372 PlatformInUse User "The ledger has records at both URLs of a platform"
        "`tbpki ledger platform --rename` is for a platform that has moved to a new URL. The ledger has registrations, or steps that are not done, at both URLs. They can become those of one platform, if both URLs are those of one server: this cannot be undone, so it needs a consent. `--dry-run` prints what is joined, and `--yes` joins it. Of two records of a device, the later one counts; a revocation stays open, and a device that was taken from the platform at one of the URLs stays marked. Nothing was renamed. If the URLs are those of two servers, do not join them: use `--platform-url` for each."
    373 SwapElsewhere User "A renewal of the device is open at another platform"
        "A renewal was interrupted while it replaced the certificate of the device at one platform, which may have either certificate since. It must be finished there before another platform gets the new certificate. Run the command that the message contains."

    // Hosts and servers that were away.
    374 CaNotImportable User "The files are not a next generation of the CA"
        "`tbpki ca prepare --import` takes a further certificate of an imported CA from its owner: with the same key and other dates, or with another key below a root that the store trusts. A root is taken with the same key alone. The message has the reason for which these files were refused; nothing was written."
    375 CaWithoutRoot User "No trusted root certifies the CA"
        "The root that certified this CA was revoked or taken out of service, and no other generation of the root certifies it: so with the CA of a profile, of which the platform knows one certificate. Peers that verify the whole chain refuse everything below it. The CA still gets its revocation list. Replace it with `tbpki ca prepare` and `tbpki ca activate`, and renew what it has issued."
    376 EnrolmentUntrusted User "The certificate of the enrolment server is not trusted"
        "The server was reached, and its certificate leads to no root of `--cafile`, has another name than the URL, or is not valid now. No request was sent. If the root of the servers was replaced while this host was away, the files of the host are still good, and only the root is missing: get the present one from the operator (`pki/ca/server-root/cert.pem` of the store), compare its fingerprint with `tbpki inspect`, name it with `--cafile`, and run the same command again."
    377 ReservedProfile User "A profile has the label of servers"
        "The enrolment service renews the certificates of servers at the label `servers`, and a profile of this name would have the same label. `tbpki profile create` makes no such profile. If an earlier version has made one, its devices keep the label, and `[serve] servers` stays off."
    378 FilesWithHolder User "The present files are not in the store"
        "The holder of this identity has made a key and fetched the present certificate for it from the enrolment service. The store has files of a generation before at most, and no key of the present one. Renew such an identity on its host with `tbpki renew --est`, and check the chain of a server there with `tbpki verify FILE --anchors ROOT --host NAME`. If the holder is gone, `tbpki client NAME --force` or `tbpki server --name NAME --force` makes a new generation in the store, and the one of the holder is refused from then on."
    379 CopiesMissing User "The directory with copies is missing"
        "A server or device was issued with `--out`, and its files are copied to that directory with each renewal, and with each rollover of a CA that is in them. The directory is not there, for example because a disk is not mounted. The change was made in the store, and the step `install` is open until the directory has its files: the program that reads them goes on with the earlier files, whose certificate expires, and whose CAs others stop to trust when the rollover ends. Run the same `tbpki renew` or `tbpki ca` command again when the directory is there. If another directory takes its place, name it: `tbpki server --name NAME --out DIR`, or `tbpki client --device NAME --out DIR`."
    380 ListsElsewhere User "Another store writes the revocation lists of the devices' CAs"
        "The list of a CA must have the revocations of all stores that issue with it, so that one store writes it: the one that exported the station bundle. The keygen.toml of the bundle therefore has `write = false` in `[crl]`. `tbpki revoke` at the station records the revocation, takes the certificate from the platform, and prints the commands for the other store. Afterwards, copy the file with the lists to the station: `tbpki revoke --open` finds the certificates on it and ends the open steps. Stations with one shared ledger need none of this: any of them writes the lists, with `write = true`."
    381 CaLost User "Published files name a CA that the store has lost"
        "A file with revocation lists, or a file with the CAs that servers trust, names a generation of a CA that the store does not have: for example, a backup from before it was made was restored. Its list stays in the file, so that what it revoked stays revoked, until it expires. No further key gets its name, because verifiers find lists by name (RFC 5280, section 6.3.3). Put its directory in `ca` back from the newest backup or from the store that was replaced, and run `tbpki store repair`. If it is lost for good, replace the CA, renew what it has issued, move the file away, and run `tbpki crl`."
    385 SecretOutdated User "The Secret for Kubernetes has an earlier certificate"
        "kubernetes-secret.yml has copies of the key and the certificate. Each renewal writes them into a Secret that is as tbpki wrote it. The one in the message was edited, so it stays as it is and has an earlier key and certificate. Move it away, run the command of the message, and make your changes in the new file; then run `kubectl apply`."
    386 ListInOtherFile User "The last revocation list is in another file"
        "`tbpki crl --out FILE` names a file for one command. `tbpki revoke` and later commands write to the file of `[crl] out` in keygen.toml, or to devices-crl.pem in the store. The ledger has a list that is later than those in the file of the message, so that an earlier command wrote it elsewhere. A broker that reads the other file does not learn of new revocations, and refuses every device once its list has expired. Name the file of the broker in keygen.toml."
    387 LedgerInFile User "The ledger is still a file"
        "keygen.toml names a server for the ledger (`[ledger] url`), and the identities of this store are recorded in `ledger.db`, which was not moved. The server knows nothing of them. `tbpki store repair` would rebuild a part from the files, and lose what only the ledger has: which devices were unregistered, failures, flash images. So no command uses the server. Move the ledger with `tbpki ledger move --to URL`, which copies everything and closes the file. The database must be empty. If the server was named by mistake, remove `[ledger] url`."
    388 FilesElsewhere User "The files of the identity are on another station"
        "Several stations share the ledger, and each keeps the files of what it has issued. The ledger here knows the device or server, and its key and certificates are in the store of the station that the message names. Nothing is lost, so do not issue a new generation: the platform and the device have the present one. Run the command on that station. A station is named by its host name at the time of the issuance."
    389 ProgramNotRun User "The program of an unfinished run was not run"
        "A run of `tbpki enroll fetch` or `tbpki renew --est` was cut off after the files were in their places, or its program (`--after`) has failed. The present run has no program, so it has only removed what that run had left. A service that uses the files may still have the earlier ones: make it load them."
    390 AmbiguousRequest User "Several devices ask with one key"
        "The name of a request for a certificate is the beginning of the SHA-256 over its public key, so that requests of two devices with one key have the same name. A copied image of a device, or a copied key file, is the usual cause: a holder of the key can act for each device that gets a certificate for it. Find out which device is the right one, and approve or deny it as DEVICE=REQUEST."
    391 PasswordOfOtherCa User "The device has a certificate of another CA"
        "`tbpki enroll password` makes a password for the next certificate of a device. The present one was issued by the CA of another profile, or by the devices' issuing CA. ThingsBoard, and a broker that trusts one of these CAs, would refuse the device after the change, so tbpki asks for a consent: --force. Without --profile, the password is for the profile of the present certificate."

    // Verifiers that are stricter than others.
    412 PolicyRequired User "A CA requires a certificate policy"
        "The policyConstraints of a certificate demand (requireExplicitPolicy) that all certificates of the path have a common policy (RFC 5280, section 4.2.1.11), and they have none. Java and Go refuse the path; OpenSSL does so with -policy_check. tbpki issues certificates without policies, so that a CA with this demand is of no use for it. Have the certificate issued again without policyConstraints."
    413 StrictOpenssl User "OpenSSL with -x509_strict and Python 3.13 refuse the certificate"
        "OpenSSL has a stricter mode (`-x509_strict`, RFC 5280), which Python uses by default since version 3.13 (`ssl.create_default_context`). In it, a CA must have a key usage, a subject key identifier, and basic constraints that are critical; every certificate but the root must have an authority key identifier; and only CAs may have the key usage keyCertSign. Other programs accept the chain. If such programs must accept it, issue the certificate again with these extensions. Certificates that tbpki makes have them."

    // Ledgers that lack what the files have.
    424 CaNotInLedger User "The ledger does not have the CA that signs"
        "The files of a CA in the store have a certificate that the ledger does not have as the one that signs. What it signs would be recorded below another generation, so that a revocation of that CA would miss it. Either the ledger is an older copy: put the newest one back. Or the files of the CA were copied from another store, for example from a new station bundle: put the earlier files back, and take the next generation with `tbpki ca prepare CA --import CERTIFICATE KEY` and `tbpki ca activate CA`, which keep the earlier one. If neither is possible, `tbpki store repair` enters the generation that is in the files."
    425 RevocationsLost User "A published list revokes what the ledger does not"
        "`tbpki crl` writes the revocations of the ledger. The file that it would replace has a revocation that the ledger does not have, for example because the ledger is an older copy or was lost: with the new list, brokers would accept that certificate again. `tbpki store repair` takes the revocations of published lists over into the ledger. The lists are as before."

    // Ledgers on servers that hang.
    440 LedgerBusy User "The ledger does not answer in time"
        "The ledger is on a PostgreSQL server, and another connection keeps a lock there for longer than tbpki waits: a minute, and in `tbpki serve` some seconds. There, a statement that takes longer than 20 seconds, or an answer that stays away, has this code too: clients get 503 with Retry-After, `/healthz` is red, and the service goes on by itself when the server answers again. Nothing was changed. The view pg_stat_activity of the server shows the connections; those of tbpki have its name as application_name."

    // Bundles of devices without certificates.
    441 BundledPasswordEnded User "The one-time password in a bundle cannot be used any more"
        "`fleet bundle --enroll` makes a bundle for each name of a list, with a one-time password. The ledger does not have the password in the message any more: it has expired, was withdrawn or replaced, or the ledger was restored from a backup. A device with this bundle cannot enrol. If all bundles of a directory of 1,000 are like this, the same command makes them again. If others of the directory can still be used, they keep their passwords: make new bundles for the names in the message from a list of their own in another directory, or all of them again with `--again`, which ends the other passwords."
    // Lists of several stores.
    465 ListBehind User "A published revocation list lacks revocations"
        "The ledger has revocations that the published list of this store lacks, and a later list was written elsewhere: by another store with the same ledger, or to the file of an earlier `--out`. Brokers that read this file accept the revoked certificates. Each store with a shared ledger writes a file of its own: run `tbpki crl` in it, or let its `tbpki serve` do so, which notices this within a minute."
    // Certificates that were fetched over the network.
    475 EnrolmentUnconfirmed User "The device has not confirmed its certificate"
        "The device has fetched its first certificate over the network, and has not used it with the enrolment service yet. The device may not have received it, so that the certificate is pending: no verb registers or renews it, and its key is with the device. The device confirms it by itself, a host does so with `tbpki enroll fetch`, and the first use of a client that only knows EST counts as `[serve] policy` and `label_policies` tell. If the device has lost its key, `tbpki enroll password` makes a password for another certificate."

    // Images, continued.
    505 FirmwareIpv4 User "The firmware does not reach an IPv6 address"
        "Our application supports IPv4 only, so that it cannot connect to a broker or an enrolment service that is named by an IPv6 address. Use a host name with an IPv4 address (an A record), or the address itself. An application of your own (`--app`) can support IPv6."
    506 LoopbackHost User "A host in the image is the board itself"
        "`localhost`, names below it, the addresses 127.0.0.0/8 and ::1 always mean the machine that uses them. In the memory of a board they mean the board, so that it does not reach the broker or the enrolment service. Name the host as the board's network knows it."

    // Mistakes of ours.
    900 Internal Bug "Internal error"
        "This is a mistake in tbpki. No incomplete result was kept. Please report the message, and the command that you ran."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_one_object_a_passing_one_and_one_of_all_are_told_apart() {
        let with = |reach: FailureScope| Code::ALL.iter().copied().filter(move |code| code.reach() == reach);
        let passing: Vec<Code> = with(FailureScope::Passing).collect();
        let expected =
            [Code::NotThePlatform, Code::AnswerLost, Code::VersionConflict, Code::RateLimited, Code::PlatformFault];
        assert_eq!(passing, expected);
        assert_eq!(with(FailureScope::Down).collect::<Vec<_>>(), [Code::PlatformUnavailable]);
        assert_eq!(with(FailureScope::Absent).collect::<Vec<_>>(), [Code::Unreachable]);
        assert!(Code::Unreachable.reach().concerns_all(false) && !Code::Unreachable.reach().concerns_all(true));
        for code in [Code::LoginRefused, Code::DeviceLimit, Code::PlatformPermission] {
            assert_eq!(code.reach(), FailureScope::All, "{code}");
        }
        for code in [Code::OtherCredential, Code::CertificateTaken, Code::PlatformNotFound, Code::ConfigSyntax] {
            assert_eq!(code.reach(), FailureScope::One, "{code}");
        }
    }
}
