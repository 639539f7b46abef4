//! The table of codes. A new code takes the next free number of its group; a number is never reused.

/// What the caller of a command line has to make of a code: its exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The command line itself is wrong (exit status 2).
    Usage,
    /// The input or the environment is wrong (exit status 1).
    User,
    /// tbpki is wrong (exit status 70).
    Bug,
}

macro_rules! codes {
    ($($number:literal $variant:ident $class:ident $title:literal $text:literal)*) => {
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

            /// What it means, why it matters and what to do, as `tbpki explain` prints it.
            pub const fn explanation(self) -> &'static str {
                match self { $(Code::$variant => $text,)* }
            }

            /// Whose fault it is.
            pub const fn class(self) -> Class {
                match self { $(Code::$variant => Class::$class,)* }
            }
        }
    };
}

codes! {
    // Configuration and command line.
    1 ConfigSyntax User "The configuration is not valid TOML"
        "keygen.toml is read as TOML 1.0. The message names the line and the column at which the reader gave up; the mistake is there or just before it. `keygen.toml.example` shows every key in its place."
    2 UnknownKey User "The configuration holds a key that tbpki does not know"
        "Unknown keys are refused, because a mistyped key that is ignored means a default that nobody chose. Compare the name with `keygen.toml.example`, or delete the line."
    3 BadValue User "A value is of the wrong kind or out of its range"
        "The message says what was found and what the key takes. Numbers of days are whole numbers from 1; formats, algorithms and kinds are taken from fixed lists."
    4 ConfigMissing User "There is no keygen.toml"
        "Every verb that makes something reads keygen.toml in the working directory, or the file named by `--config` or TBPKI_CONFIG. `tbpki init` writes one; `tbpki init --from keygen.properties` converts the file of the old scripts."
    5 ConfigVersion User "The configuration is of another version"
        "keygen.toml begins with `version = 1`. A higher number was written for a newer tbpki: update it. A missing number is refused so that later versions can change the meaning of a key without guessing."
    6 NeedsShell User "A line of keygen.properties would need a shell"
        "The old scripts sourced keygen.properties, so that any command in it was run. tbpki reads the file and never runs it; `$(hostname)` is the one expansion it knows. Replace the expression by the value that it gives."
    7 PropertiesSyntax User "A line of keygen.properties cannot be understood"
        "Each line is NAME=value, a comment that begins with #, or empty. The message names the line."
    8 LiteralSecret User "A secret stands in the configuration in plain text"
        "Everybody who can read keygen.toml, its backups and its history can read the secret. Write `{ file = \"path\" }` (mode 0600), `{ env = \"NAME\" }` or `{ prompt = true }` instead."
    9 SecretUnavailable User "A secret is not where the configuration says"
        "The environment variable is not set, the file cannot be read or is empty, or a prompt was asked for and there is no terminal. The message names which."
    10 NeedsAnswer Usage "A question is open and nobody can be asked"
        "There is no terminal, or `--no-input` was given. The message names the flag that answers the question."
    11 Usage Usage "The command line asks for something that does not go together"
        "The message names the arguments. `tbpki help VERB` lists what each verb takes."
    12 LegacyConverted User "A setting of keygen.properties means something else now"
        "`init --from` converts every variable of the old file and says where the new tool does something different on purpose. Nothing has to be done unless the new meaning does not suit you."

    // Names.
    20 NameEmpty User "A name is empty"
        "A distinguished name attribute, a device name or an alias was given without any text. Leave the key out if you do not want the attribute."
    21 NameTooLong User "A name is longer than its standard allows"
        "RFC 5280 appendix A sets upper bounds in characters: common name 64, organisation 64, organisational unit 64, locality 128, state or province 128. DNS labels end at 63 characters and names at 253 (RFC 1035). Verifiers refuse what is longer."
    22 NameAlphabet User "A name holds characters that its field does not allow"
        "Control characters and NUL never belong into a name. DNS names, e-mail addresses and URIs in a certificate are ASCII (RFC 5280, section 4.2.1.6); internationalised DNS names are converted to punycode for you."
    23 CountryCode User "The country is not two letters"
        "The countryName attribute holds the two letters of ISO 3166-1, such as US, DE or CN (RFC 5280, appendix A: ub-country-name-alpha-length)."
    24 BadSan User "A subject alternative name is not usable"
        "A name is a DNS name, an IP address, a URI or an e-mail address, where needed with its kind in front: `dns:`, `ip:`, `uri:` or `email:`. A leading `*.` is the only wildcard. Verifiers compare these names and ignore the common name, so that a mistake here means a server that nobody can verify."
    25 DeviceName User "This cannot be the name of a device"
        "A device name becomes a directory, a certificate's common name and the name in the platform. It has 1 to 64 characters, none of them a slash, backslash or control character, does not begin with a dot, and neither begins nor ends with a space."

    // Keys.
    30 UnknownAlgorithm User "The key algorithm is not known"
        "Known are ec-p256 (the default), ec-p384, ed25519, rsa-2048, rsa-3072 and rsa-4096, and the names that OpenSSL and keytool give to them."
    31 KeyUnreadable User "This is not a private key that tbpki can read"
        "Private keys are read from PEM or DER as PKCS#8 (RFC 5958), SEC 1 (RFC 5915), PKCS#1 (RFC 8017) and encrypted PKCS#8 (RFC 8018, PBES2). The message says what was found instead."
    32 KeyEncrypted User "The key is encrypted and there is no passphrase"
        "Give the passphrase with `--ca-passphrase-file` for CA keys, with `--passphrase-file` for others, or set `[ca] passphrase` in keygen.toml. ThingsBoard ignores encrypted PKCS#8 keys altogether: a server key file must be plain and guarded by its mode."
    33 WrongPassphrase User "The passphrase does not open the key"
        "The key is encrypted and the passphrase that was given does not fit. A final newline in a passphrase file does not count; spaces do."
    34 KeyMismatch User "The private key does not belong to the certificate"
        "The public key in the certificate and the one computed from the private key differ. Servers start with such a pair all the same, and then no client can connect. Look for the pair that was made together."
    35 WeakKey User "The key is too weak to be trusted"
        "RSA keys below 2,048 bits and curves below 256 bits are refused by current TLS libraries. Make a new key."
    36 AlgorithmSupport User "Not every peer can use this algorithm"
        "Java knows Ed25519 in certificates since version 15, OpenSSL since 1.1.1, and the Mbed TLS in our firmware does not know it at all. Use ec-p256 where you do not control every peer."
    37 PassphraseTooShort User "The passphrase of the CA keys is too short"
        "Whoever gets hold of the encrypted keys can try passphrases for as long as they like. Eight characters are the least; several words are better."

    // Certificates and chains.
    40 CertificateUnreadable User "This is not a certificate that tbpki can read"
        "Certificates are read from PEM or DER (RFC 5280). The message says what was found instead, or at which field the parser gave up."
    41 BadValidity User "The validity makes no sense"
        "A certificate begins before it ends, lasts at least a day, and ends before the year 10000 (RFC 5280, section 4.1.2.5). Lifetimes over 100 years are taken for typing errors."
    42 OutlivesIssuer User "The certificate would outlive its issuer"
        "A chain is only valid while each of its certificates is. A default lifetime is shortened to fit, with a note; one that you named is not changed behind your back. Name fewer days or renew the issuing CA."
    43 IssuerExpired User "The issuing CA has expired or is not valid yet"
        "Nothing that this CA signs now would be accepted by anybody. Check the clock of this machine first; then make or bring a new issuing CA."
    44 NotACa User "The certificate is not one of a CA"
        "Only a certificate with basicConstraints CA:TRUE and, where it has a keyUsage, keyCertSign may issue others (RFC 5280, section 4.2.1.9). Verifiers refuse chains through anything else."
    45 LintFailed Bug "A certificate about to be signed breaks a rule"
        "Every certificate is checked against RFC 5280 and its profile before the key signs it. What you see is a mistake in tbpki, not in your input; nothing was signed. Please report it with the message."
    46 NotYetValid User "The certificate is not valid yet"
        "Its notBefore lies in the future: the clock of the machine that made it or of this one is wrong, or the certificate was made for later use."
    47 Expired User "The certificate has expired"
        "Its notAfter has passed. Peers refuse it, except ThingsBoard for the certificates above the leaf. Issue a new one."
    48 ChainOrder User "The certificates of the chain stand in the wrong order"
        "A chain is sent leaf first, each followed by its issuer (RFC 8446, section 4.4.2). ThingsBoard does not start with a file in another order; other servers send it and clients give up."
    49 BadSignature User "A signature in the chain does not fit its issuer"
        "The certificate names this issuer, but its signature was made by another key: two CAs of the same name, or a certificate that was changed."
    50 ChainGap User "A certificate between the leaf and the trust anchor is missing"
        "Peers do not fetch missing certificates. Put the issuing CA behind the leaf in the file that is sent."
    51 Untrusted User "The chain does not lead to a trusted certificate"
        "None of the trust anchors signed the last certificate of the chain. Either the file with the anchors is not the one that belongs to this peer, or the peer is not who it says."
    52 WrongName User "The certificate is for another name"
        "Clients compare the host that they connect to with the subject alternative names of the server's certificate (RFC 9525); the common name does not count. Issue the certificate with this name as `--san`."
    53 WrongPurpose User "The certificate is not for this purpose"
        "Servers need the extended key usage serverAuth, devices clientAuth. A certificate of one kind does not serve as the other."
    54 CsrUnreadable User "This is not a certificate signing request that tbpki can read"
        "Requests are read from PEM or DER as PKCS#10 (RFC 2986). The message says what was found instead, or at which field the parser gave up."
    55 CsrRefused User "The certificate signing request cannot be accepted"
        "Its signature does not verify, its hash does not match its curve, or its key is too weak. Of a request only the key, the subject and the alternative names are believed; everything else comes from the profile."
    56 Shortened User "A lifetime was shortened to fit its issuer"
        "The default lifetime would have outlived the issuing CA. The certificate ends with it. Renew the CA in time."
    57 PathLength User "The chain is longer than one of its CAs allows"
        "basicConstraints of a CA may limit how many CAs stand below it (RFC 5280, section 4.2.1.9). An issuing CA made by tbpki allows none."
    58 NameConstraint User "A name is outside the constraints of its CA"
        "A CA with name constraints may only vouch for names below them (RFC 5280, section 4.2.1.10). Note that the Mbed TLS in our firmware refuses chains with critical name constraints altogether."
    59 DuplicateInChain User "A certificate stands in the chain twice"
        "Java refuses such chains, and so ThingsBoard does not start with one. Remove the second copy."
    60 VersionOne User "The certificate is of X.509 version 1"
        "Version 1 certificates have no extensions: no names, no purposes, no CA flag. rustls, webpki and many others refuse them. Certificates made by ActorCloud are of this kind."
    61 WeakSignature User "The signature uses a broken hash"
        "MD5 and SHA-1 signatures can be forged and are refused by current TLS libraries."
    62 Revoked User "The certificate has been revoked"
        "A revocation list signed by the issuer names the certificate's serial number."
    63 NotSelfSigned User "The trust anchor is not self-signed"
        "OpenSSL and Python's ssl accept a trust file only if it leads to a self-signed certificate. Put the root into the file as well."
    64 LegacyName User "The certificate has no subject alternative name"
        "Current TLS libraries ignore the common name and refuse a server without subject alternative names (RFC 9525)."
    65 FirmwareLimit User "The firmware cannot verify such a certificate"
        "The Mbed TLS in our firmware has no Ed25519 and refuses chains with critical name constraints. Other clients are not affected."
    66 SignatureUnsupported User "A signature is of a kind that tbpki cannot check"
        "Checked are RSA (PKCS#1 v1.5 and PSS), ECDSA on the NIST curves and Ed25519. DSA, Ed448, MD5 and national algorithms are not, nor does any current TLS library take them."
    67 CriticalExtension User "The certificate has a critical extension that nobody here understands"
        "Whoever does not understand a critical extension must refuse the certificate (RFC 5280, section 4.2). tbpki, like most TLS libraries, does not process certificate policies beyond accepting any."
    68 BadFormat User "The certificate breaks the rules of its format"
        "It can be read, but an extension occurs twice or holds something else than its type says, or its parts contradict each other. Some TLS libraries refuse such certificates, others overlook it. Issue it again with a tool that works."
    69 CaAsLeaf User "A CA's certificate is used as a leaf"
        "`openssl req -x509` makes self-signed certificates with CA:TRUE, and people use them for servers and devices. OpenSSL, Java and ThingsBoard accept that; rustls refuses it. A leaf made with `--self-signed` by tbpki says CA:FALSE."

    // Keystores.
    70 KeystoreUnreadable User "This is not a keystore that tbpki can read"
        "Read are PKCS#12 (RFC 7292) and JKS (magic FEEDFEED, version 1 or 2). Files that keytool of Java 9 or later calls `.jks` are often PKCS#12 in truth; both are recognised by their content."
    71 KeystorePassword User "The password does not open the keystore"
        "The integrity check of the keystore fails with this password: it is another one, or the file was changed."
    72 PasswordTooShort User "The password is too short for a keystore"
        "keytool does not open stores with passwords of fewer than six characters, so tbpki does not write them."
    73 PasswordAlphabet User "The password holds characters that not every reader agrees on"
        "Java cannot open PKCS#12 files with passwords outside printable ASCII, and shells, Java and OpenSSL encode others in different ways. Use printable ASCII, or leave the password out: tbpki makes one of 24 characters."
    74 JksWeak User "JKS protects its keys badly"
        "The format hides private keys by XOR with a SHA-1 stream and guards its integrity with a plain SHA-1: whoever has the file can try passwords very fast. Write it only for software that reads nothing else, guard the file by its mode, and prefer PKCS#12."
    75 KeyPasswordDiffers User "PKCS#12 knows one password only"
        "The store password and the key password differ. PKCS#12 readers in Java try the store password on the key, so the key password is used for both, as the old scripts did; JKS keeps the two apart."
    76 EntryMissing User "The keystore does not hold the entry"
        "There is no entry of that alias, or no private key at all. Java folds aliases to lower case. `tbpki inspect FILE` lists what is in it."
    77 AliasTaken User "Two entries of the keystore have one alias"
        "Java folds aliases to lower case and keeps keys and trusted certificates under one set of names, so the second entry would replace the first. Give each an alias of its own."

    // Files.
    80 FileUnreadable User "A file cannot be read"
        "It is missing, is not a file, is larger than anything of its kind, or the permissions do not allow it. The message holds the system's own words."
    81 FileUnwritable User "A file cannot be written"
        "The directory is missing or its permissions do not allow it. Nothing was changed. The message holds the system's own words."
    82 TargetExists User "A file is already there"
        "Nothing is overwritten unasked. With `--force` the file is replaced and the old one kept beside it, named with its old serial number."
    83 DiskFull User "The disk is full"
        "What was being written is removed again, and what was there before stays. Make room and run the same command once more."
    84 NotADirectory User "The target is not a directory"
        "The path exists and is something else, such as a file. Name a directory, or a path where one can be made."
    85 LoosePermissions User "Others may read a private file"
        "A private key, a keystore or a password file can be read by other users of this machine. Use mode 0600 (`chmod 600 FILE`)."
    86 Ownership User "Owner or group of a file cannot be set"
        "Only root may give files away, and the user or group must exist on this machine. Nothing was written."
    87 ReadBack Bug "What was written does not read back as it was"
        "Every file is read again after writing. A difference means failing hardware, a file system that lies, or a mistake in tbpki."

    // The store and its ledger.
    90 StoreLocked User "Another tbpki is writing to the store"
        "One process writes at a time. The message names it. The lock goes with its process, so there is never one to remove by hand."
    91 StoreMissing User "There is no store"
        "The directory that keygen.toml names as `store` does not exist or holds no CAs. `tbpki init` makes it."
    92 StoreExists User "There is a configuration or a store already"
        "`tbpki init` does not touch what is there: its CA keys cannot be had again. Use another directory, or move the old one away yourself. A keygen.toml without a store is no obstacle, unless a flag wants another one written."
    93 LedgerUnreadable User "The ledger cannot be used"
        "ledger.db in the store is damaged, or the disk refuses. The message holds the database's own words. Restore it from a backup, ledger.db and ledger.db-wal together; the identities beside it are not affected."
    94 LedgerVersion User "The ledger was written by another version"
        "A newer tbpki has changed the ledger's layout. Use that version or a later one."
    95 OtherParameters User "This identity exists with other parameters"
        "Asked again with the same parameters, a verb completes what is missing. With other parameters it stops, and the message names the difference. Use another name, or `--force` to issue a new generation; the old one is kept."
    96 UnknownIdentity User "The store holds no identity of that name"
        "`tbpki list` shows what it holds. Names are compared exactly, capitals included."
    97 CaUnavailable User "The CA's key is not at hand"
        "The certificate of the CA is there, its private key is not: the key is kept elsewhere (`init --root-out`), or the store is incomplete."
    98 IdentityChanged User "The certificate in the store is not the one that the ledger knows"
        "The files of an identity in the store were changed or mixed up since they were written. Restore them from a backup, together with the ledger, or issue a new generation with `--force`."

    // The network.
    100 Unreachable User "The host cannot be reached"
        "The name does not resolve, nothing listens at the port, or a firewall drops the connection. The message holds the system's own words."
    101 TlsFailed User "The TLS handshake failed"
        "The peer speaks no TLS at this port, no version or cipher in common, or it ended the handshake with an alert."
    102 ServerUnverified User "The server's chain does not verify"
        "What the server sends leads to none of the system's roots, so there is no reason yet to trust it. Get the fingerprint of its root or certificate from whoever runs it, by another way than this connection, and give it with `--sha256`."
    103 FingerprintMismatch User "The fingerprint is another one"
        "No certificate that the server sent has the SHA-256 that was given. Either the server has changed its certificate since, or this is not the server."

    // Verdicts on chains.
    110 SecondOpinion User "Another verifier refuses the chain"
        "tbpki found no fault in the chain, but rustls-webpki, which verifies for many TLS clients and servers, refuses it. The message holds its words. Where it is stricter than RFC 5280, as with names that differ in capitals only, other clients may accept the chain all the same."
    111 CrlUnreadable User "This is not a revocation list that tbpki can read"
        "Revocation lists are read from PEM or DER (RFC 5280, section 5). The message says at what the parser gave up."
    112 RevocationUnknown User "Nobody says whether a certificate is revoked"
        "Revocation lists were given, but none of them is signed by the certificate's issuer, covers the certificate, and is of this time. Verifiers that were told to check revocation refuse the certificate then. Get the issuer's current list."

    // Firmware and flash images.
    200 UnknownChip User "There is no such chip"
        "The name is none of the chips that tbpki knows. The message lists them; names with and without the hyphen are the same (esp32-s3, esp32s3). For another chip, build its image with Espressif's tools and take the credentials partition from a chip of this list: it is the same for all."
    201 ChipOption User "The chip has no such flash or crystal"
        "Modules are sold with certain sizes of flash, and boards have certain crystals. With a wrong one the bootloader prints rubbish or does not start. The message lists what there is."
    202 PartitionTable User "A partition table cannot be as it is"
        "Partition tables are read from ESP-IDF's CSV: name, type, subtype, offset, size, flags. Applications begin on 64 KiB boundaries, other partitions on 4 KiB boundaries, behind the table at 0x8000. The message names the line."
    203 PartitionsOverlap User "Two partitions overlap"
        "Whatever is written into one of them destroys the other. The message says from where to where each reaches. Espressif's esp_secure_cert partition is usually at 0xD000, within the usual nvs partition (0x9000 to 0xEFFF): shorten nvs or move one of them."
    204 ImageTooLarge User "Something is larger than the place for it"
        "An application does not fit into its partition, or a partition reaches over the end of the flash. The message has the numbers. Name the flash that the board has with `--flash-size`, or give other partitions with `--partitions`."
    205 RecordTooLarge User "The credentials do not fit into their partition"
        "The NVS partition is too small for the chains and the key. The message says how many bytes it needs. Use ec-p256 in place of RSA, shorter chains, or a table with a larger nvs partition."
    206 NvsValue User "NVS cannot hold this"
        "Keys and namespaces of ESP-IDF's non-volatile storage have 1 to 15 letters, and its texts at most 3,967 bytes, without NUL."
    207 BadRecord User "A part of the credentials record cannot be so"
        "The device's name, the network, its password, the broker or another part is outside what the device takes: a network's name has 1 to 32 bytes and its password 8 to 63 printable ASCII characters. The message says which part, and never its value where it is a secret."
    208 ApplicationMissing User "There is no application for the chip"
        "bundle-firmware takes the application that `--app` names; else the one that came with tbpki (TBPKI_FIRMWARE, or share/tbpki/firmware beside the program); else it builds it, when the working directory is in a checkout of tbpki. None of the three was there."
    209 ApplicationUnreadable User "This is not an application that tbpki can put into an image"
        "Applications are read as ELF files, as a linker writes them, and as application images, as ESP-IDF's build writes them (.bin). An ELF file needs ESP-IDF's description of the application in it, without which the bootloader does not start it. The message says at what tbpki gave up."
    210 WrongChip User "The application is for another chip"
        "The metadata of the ELF file, the header of the image, or else the architecture and the addresses that the program is loaded to, belong to another chip. The board would not start it."
    211 ApplicationHash User "An application is not the one that was shipped"
        "Beside each application that comes with tbpki is a file with its SHA-256. It is missing, or the application has changed since: a broken download, or somebody's doing. Install the files again. Applications of your own are named with `--app` and need no such file."
    212 ChipWithoutWifi User "The chip has no Wi-Fi"
        "Our application reaches the broker over Wi-Fi, which the ESP32-H2 does not have. Images for it can be made with an application of yours (`--app`)."
    213 ToolchainMissing User "The compiler for the chip is missing"
        "The application would have to be built here, and what builds it is not installed. The message holds the command that installs it."
    214 BuildFailed User "The application cannot be built"
        "The application was to be built from the checkout that the working directory is in, and cargo failed; what it said is above the message. Mend what it names, or name an application that is built already with `--app`."
    215 DatesNotChecked User "The application does not check the dates of certificates"
        "The firmware's TLS library was built without a clock, so that devices go on trusting a broker's certificate after its end. Everything else is verified. For RISC-V chips, install clang, cmake and ninja and build the application again; for Xtensa chips there is no such build yet."
    216 WifiMissing User "Nobody said which wireless network the devices join"
        "Our application reaches the broker over Wi-Fi. Name the network with `--wifi-ssid` or as firmware.wifi_ssid in keygen.toml, and the file with its password with `--wifi-password-file` or as firmware.wifi_password."
    217 OpenNetwork User "No password is set for the wireless network"
        "Without a password the devices join the network only if it is open. Nothing has to be done if it is."
    218 BrokerMissing User "Nobody said which broker the devices connect to"
        "The name of the broker comes from `--broker`, firmware.mqtt_host or server.name in keygen.toml, or from the one server that the store has. It has to be a name that the broker's certificate vouches for."
    219 AnchorsMissing User "The device has nothing to verify its broker with"
        "Chips have no roots of their own as operating systems do. Fetch the anchor of a broker that is not yours with `tbpki trust`, and name the file as server.anchors in keygen.toml."
    220 TokenMissing User "The device has no access token in the store"
        "`--auth token` takes the token from the file `token` in the device's directory. Fetch it from the platform first, or let the device log in with its certificate."
    221 NotRegistered User "A device is not registered in the platform"
        "The image is fine, but the platform turns away devices that it does not know. Register the device before it is switched on."
    222 HostNameNotChecked User "The devices do not check the name of their broker"
        "With `--skip-host-name-check` a device accepts every server whose certificate comes from the CA that it trusts, whatever its name. That suits a broker whose address changes on a closed network, and nothing else."
    223 EncryptedNvs User "The application does not read an encrypted NVS"
        "`--nvs-encryption` writes the credentials encrypted (XTS-AES, as ESP-IDF's NVS encryption). Our application reads plain NVS only. An ESP-IDF application with CONFIG_NVS_ENCRYPTION reads it once the keys are in its nvs_keys partition, which is worth something only where the flash is encrypted too."
    224 ImageMissing User "There is no image to write"
        "`tbpki flash` writes what `tbpki bundle-firmware` has made: it looks for flasher_args.json in the device's directory, or in the one that `--from` names, and for the files that it lists."
    225 PortMissing User "There is no serial port to the board"
        "The port does not exist, is used by another program, or belongs to a group that you are not in (often dialout); or there is more than one board, and none was named. The message says which."
    226 FlashFailed User "The board cannot be written to"
        "The chip does not answer, is another one than the image was made for, or its flash does not hold what was written. The message has the flasher's own words. Many boards have to be held in their download mode: BOOT held while RESET is pressed."

    // Mistakes of ours.
    900 Internal Bug "Something that cannot happen has happened"
        "This is a mistake in tbpki. Nothing that was not complete has been kept. Please report it with the message and what you were doing."
}
