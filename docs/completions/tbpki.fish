# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_tbpki_global_optspecs
    string join \n config= no-input json v/verbose q/quiet color= h/help V/version
end

function __fish_tbpki_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_tbpki_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_tbpki_using_subcommand
    set -l cmd (__fish_tbpki_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c tbpki -n "__fish_tbpki_needs_command" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_needs_command" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_needs_command" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_needs_command" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_needs_command" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_needs_command" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_needs_command" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "init" -d 'Make keygen.toml, the store and the CAs'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "server" -d 'Make a server\'s identity and the settings that fit it'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "client" -d 'Make a device\'s identity'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "register" -d 'Register devices in the platform, with their certificates as what they log in with'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "unregister" -d 'Make the platform forget a device\'s certificate'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "token" -d 'Fetch or set a device\'s access token, for TLS without a client certificate'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "profile" -d 'Device profiles that take every device with a certificate of their own CA'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "actorcloud" -d 'Certificates of EMQ\'s ActorCloud, which makes them itself'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "bundle-firmware" -d 'Make flash images with devices\' credentials in them'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "flash" -d 'Write an image that bundle-firmware made to a board'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "fleet" -d 'Do for many devices what `client`, `register` and `bundle-firmware` do for one'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "trust" -d 'Fetch the trust anchor of a server that is not ours'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "inspect" -d 'Show what is in certificates, keys, requests, revocation lists and keystores'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "verify" -d 'Check a chain, its key, names, dates and purpose'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "check" -d 'Find out why a device cannot log in'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "list" -d 'Show what the store holds and when it ends'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "config" -d 'Show the configuration'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "explain" -d 'Explain a code such as TBPKI-0034'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "completions" -d 'Print the completions of a shell'
complete -c tbpki -n "__fish_tbpki_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -l from -d 'Convert the configuration of the old scripts' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -l organization -d 'The organization in every subject' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -l country -d 'The country in every subject, two letters' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -l server-name -d 'The host name of the server' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -l alg -d 'The key algorithm of the CAs and the identities: ec-p256, ec-p384, ed25519, rsa-2048, rsa-3072, rsa-4096' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -l ca-passphrase-file -d 'Read the passphrase of the CA keys from FILE (`-` for standard input)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -l root-out -d 'Put the keys of both roots into DIR, to be kept offline' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -l server-ca -d 'Bring your own CA for servers: certificate, chain and key in PEM, or PKCS#12 (repeat for several files)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -l devices-ca -d 'Bring your own CA for devices' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -l brought-passphrase-file -d 'Read the passphrase of a brought CA\'s key or PKCS#12 from FILE (`-` for standard input)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -l insecure-no-passphrase -d 'Leave the CA keys unencrypted: whoever copies the store can issue'
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -l dry-run -d 'Say what would happen and write nothing'
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand init" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l out -d 'Copy the files to DIR, for ThingsBoard usually /etc/thingsboard/conf' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l name -d 'The host name of the server [default: this host\'s]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l alg -d 'The key algorithm: ec-p256, ec-p384, ed25519, rsa-2048, rsa-3072, rsa-4096' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l days -d 'Days until the certificate expires' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l format -d 'Files to write besides PEM, in place of those that keygen.toml lists: pub, cer, p12, jks, and nopass for devices (repeat, or separate by commas)' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l san -d 'Alternative name: DNS name, IP address, URI or e-mail address (repeat, or separate by commas)' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l csr -d 'Issue for the key of this certificate signing request (PEM or DER)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l ca-passphrase-file -d 'Read the passphrase of the CA keys from FILE (`-` for standard input)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l credentials -d 'What the active lines of thingsboard.env use: keystore (the default) or pem' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l service -d 'Services to write environment lines for (repeat, or separate by commas)' -r -f -a "mqtt\t'MQTT, port 8883'
http\t'The web interface and REST API'
coap\t'CoAP over DTLS, port 5684'
lwm2m\t'LwM2M, ports 5686 and 5688'
edge\t'Edge, port 7070'"
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l environment -d 'Forms of the environment lines to write (repeat, or separate by commas)' -r -f -a "env\t'thingsboard.env: export lines for thingsboard.conf'
compose\t'docker-compose.tls.yml: an override file for Docker Compose'
kubernetes\t'kubernetes-secret.yml: a Secret with files and variables'"
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l owner -d 'The owner of the files in --out [default: as root, that of DIR/thingsboard.conf or of DIR]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l group -d 'The group of the files in --out' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l only-given-names -d 'Take only the host name and the names given with --san; do not look at this host'
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l self-signed -d 'Sign with the certificate\'s own key instead of a CA\'s'
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l force -d 'Issue a new generation in place of what is there; replaced files are kept as FILE.SERIAL'
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l dry-run -d 'Say what would happen and write nothing'
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l single-file -d 'Put key and chain into one PEM file, so that one rename replaces both'
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l include-root -d 'Put the root behind the issuing CA in the chain that is sent'
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand server" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l device -d 'The device\'s name: its common name, its directory and its name in the platform' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l out -d 'Copy the files to DIR as well' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l alg -d 'The key algorithm: ec-p256, ec-p384, ed25519, rsa-2048, rsa-3072, rsa-4096' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l days -d 'Days until the certificate expires' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l format -d 'Files to write besides PEM, in place of those that keygen.toml lists: pub, cer, p12, jks, and nopass for devices (repeat, or separate by commas)' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l san -d 'Alternative name: DNS name, IP address, URI or e-mail address (repeat, or separate by commas)' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l csr -d 'Issue for the key of this certificate signing request (PEM or DER)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l ca-passphrase-file -d 'Read the passphrase of the CA keys from FILE (`-` for standard input)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l owner -d 'The owner of the files in --out [default: as root, that of DIR/thingsboard.conf or of DIR]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l group -d 'The group of the files in --out' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l profile -d 'The device profile of devices that are made' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l label -d 'The label of devices that are made' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l platform-url -d 'The address of the platform\'s REST API' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l platform-user -d 'The user to log in as, a tenant administrator' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l platform-password-file -d 'Read the user\'s password from FILE (`-` for standard input)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l platform-api-key-file -d 'Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l platform-ca -d 'Trust the roots in FILE for the REST API, not those of this system' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l register -d 'Register the device in the platform, with its certificate as what it logs in with'
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l replace -d 'Replace the credential that the device has in the platform'
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l self-signed -d 'Sign with the certificate\'s own key instead of a CA\'s'
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l force -d 'Issue a new generation in place of what is there; replaced files are kept as FILE.SERIAL'
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l dry-run -d 'Say what would happen and write nothing'
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l gateway -d 'Make the device a gateway'
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l allow-plain-http -d 'Let passwords go over http:// to another machine, as inside of a tunnel'
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand client" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -l device -d 'The devices (repeat, or separate by commas)' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -l profile -d 'The device profile of devices that are made' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -l label -d 'The label of devices that are made' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -l platform-url -d 'The address of the platform\'s REST API' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -l platform-user -d 'The user to log in as, a tenant administrator' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -l platform-password-file -d 'Read the user\'s password from FILE (`-` for standard input)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -l platform-api-key-file -d 'Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -l platform-ca -d 'Trust the roots in FILE for the REST API, not those of this system' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -l all -d 'Every device of the store'
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -l replace -d 'Replace the credential of a device that has another one'
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -l dry-run -d 'Say what would happen and change nothing'
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -l gateway -d 'Make the device a gateway'
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -l allow-plain-http -d 'Let passwords go over http:// to another machine, as inside of a tunnel'
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand register" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand unregister" -l device -d 'The device' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand unregister" -l platform-url -d 'The address of the platform\'s REST API' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand unregister" -l platform-user -d 'The user to log in as, a tenant administrator' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand unregister" -l platform-password-file -d 'Read the user\'s password from FILE (`-` for standard input)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand unregister" -l platform-api-key-file -d 'Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand unregister" -l platform-ca -d 'Trust the roots in FILE for the REST API, not those of this system' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand unregister" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand unregister" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand unregister" -l delete-device -d 'Delete the device with all that it has ever reported'
complete -c tbpki -n "__fish_tbpki_using_subcommand unregister" -l yes -d 'Do not ask before deleting'
complete -c tbpki -n "__fish_tbpki_using_subcommand unregister" -l replace -d 'Also take away a certificate that this store has never issued'
complete -c tbpki -n "__fish_tbpki_using_subcommand unregister" -l dry-run -d 'Say what would happen and change nothing'
complete -c tbpki -n "__fish_tbpki_using_subcommand unregister" -l allow-plain-http -d 'Let passwords go over http:// to another machine, as inside of a tunnel'
complete -c tbpki -n "__fish_tbpki_using_subcommand unregister" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand unregister" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand unregister" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand unregister" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand unregister" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand unregister" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -l device -d 'The device' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -l set-file -d 'Set the token in FILE (`-` for standard input) instead of fetching the one that there is' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -l profile -d 'The device profile of devices that are made' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -l label -d 'The label of devices that are made' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -l platform-url -d 'The address of the platform\'s REST API' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -l platform-user -d 'The user to log in as, a tenant administrator' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -l platform-password-file -d 'Read the user\'s password from FILE (`-` for standard input)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -l platform-api-key-file -d 'Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -l platform-ca -d 'Trust the roots in FILE for the REST API, not those of this system' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -l create -d 'Make the device if the platform does not have it'
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -l replace -d 'Set the token also in place of a credential of another kind'
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -l show -d 'Print the token'
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -l dry-run -d 'Say what would happen and change nothing'
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -l gateway -d 'Make the device a gateway'
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -l allow-plain-http -d 'Let passwords go over http:// to another machine, as inside of a tunnel'
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand token" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and not __fish_seen_subcommand_from create show help" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and not __fish_seen_subcommand_from create show help" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and not __fish_seen_subcommand_from create show help" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and not __fish_seen_subcommand_from create show help" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and not __fish_seen_subcommand_from create show help" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and not __fish_seen_subcommand_from create show help" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and not __fish_seen_subcommand_from create show help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and not __fish_seen_subcommand_from create show help" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and not __fish_seen_subcommand_from create show help" -f -a "create" -d 'Make an issuing CA for a profile, and a profile in the platform that takes its devices'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and not __fish_seen_subcommand_from create show help" -f -a "show" -d 'Show what the store and the platform have of profiles'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and not __fish_seen_subcommand_from create show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -l name-prefix -d 'Take only devices whose names begin so [default: all]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -l pattern -d 'Find names by this regular expression, whose first group has to be the whole name' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -l example -d 'The name of a device that the expression has to find (repeat for several)' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -l ca-passphrase-file -d 'Read the passphrase of the CA keys from FILE (`-` for standard input)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -l platform-url -d 'The address of the platform\'s REST API' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -l platform-user -d 'The user to log in as, a tenant administrator' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -l platform-password-file -d 'Read the user\'s password from FILE (`-` for standard input)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -l platform-api-key-file -d 'Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -l platform-ca -d 'Trust the roots in FILE for the REST API, not those of this system' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -l create-devices -d 'Let the platform make devices that it does not have, at their first connection'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -l accept-issuer-risk -d 'Do not ask before that'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -l replace -d 'Change a profile of this name that is another one'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -l dry-run -d 'Say what would happen and change nothing'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -l allow-plain-http -d 'Let passwords go over http:// to another machine, as inside of a tunnel'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from create" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from show" -l platform-url -d 'The address of the platform\'s REST API' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from show" -l platform-user -d 'The user to log in as, a tenant administrator' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from show" -l platform-password-file -d 'Read the user\'s password from FILE (`-` for standard input)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from show" -l platform-api-key-file -d 'Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from show" -l platform-ca -d 'Trust the roots in FILE for the REST API, not those of this system' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from show" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from show" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from show" -l allow-plain-http -d 'Let passwords go over http:// to another machine, as inside of a tunnel'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from show" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from show" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from help" -f -a "create" -d 'Make an issuing CA for a profile, and a profile in the platform that takes its devices'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show what the store and the platform have of profiles'
complete -c tbpki -n "__fish_tbpki_using_subcommand profile; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and not __fish_seen_subcommand_from cert help" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and not __fish_seen_subcommand_from cert help" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and not __fish_seen_subcommand_from cert help" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and not __fish_seen_subcommand_from cert help" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and not __fish_seen_subcommand_from cert help" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and not __fish_seen_subcommand_from cert help" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and not __fish_seen_subcommand_from cert help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and not __fish_seen_subcommand_from cert help" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and not __fish_seen_subcommand_from cert help" -f -a "cert" -d 'Certificates that ActorCloud makes, and the devices that they are bound to'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and not __fish_seen_subcommand_from cert help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and __fish_seen_subcommand_from cert" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and __fish_seen_subcommand_from cert" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and __fish_seen_subcommand_from cert" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and __fish_seen_subcommand_from cert" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and __fish_seen_subcommand_from cert" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and __fish_seen_subcommand_from cert" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and __fish_seen_subcommand_from cert" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and __fish_seen_subcommand_from cert" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and __fish_seen_subcommand_from cert" -f -a "create" -d 'Have a certificate and its key made'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and __fish_seen_subcommand_from cert" -f -a "list" -d 'List the certificates'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and __fish_seen_subcommand_from cert" -f -a "enable" -d 'Let devices log in with a certificate'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and __fish_seen_subcommand_from cert" -f -a "disable" -d 'Let no device log in with a certificate any more'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and __fish_seen_subcommand_from cert" -f -a "bind" -d 'Bind a certificate to devices, whose auth type has to be Certificate'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and __fish_seen_subcommand_from cert" -f -a "unbind" -d 'Unbind a certificate from devices'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and __fish_seen_subcommand_from cert" -f -a "save" -d 'Write NAME.crt, NAME.key and root_ca.crt'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and __fish_seen_subcommand_from cert" -f -a "remove" -d 'Remove a certificate with its key; no device may be bound to it'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and __fish_seen_subcommand_from cert" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and __fish_seen_subcommand_from help" -f -a "cert" -d 'Certificates that ActorCloud makes, and the devices that they are bound to'
complete -c tbpki -n "__fish_tbpki_using_subcommand actorcloud; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l chip -d 'The chip: esp32, esp32s3, esp32c2, esp32c3, esp32c6, esp32h2 [default: firmware.chip of keygen.toml]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l broker -d 'The broker\'s host name or address, as its certificate names it [default: firmware.mqtt_host, then server.name, then the only server of the store]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l port -d 'The broker\'s port for MQTT over TLS [default: firmware.mqtt_port, 8883]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l wifi-ssid -d 'The wireless network [default: firmware.wifi_ssid]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l wifi-password-file -d 'Read the network\'s password from FILE (`-` for standard input)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l flash-size -d 'The size of the flash [default: firmware.flash_size, 4MB]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l crystal -d 'The crystal of the board in MHz, 26 or 40, for ESP32 and ESP32-C2 [default: 40]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l app -d 'The application: an ELF file, or the .bin of ESP-IDF\'s build [default: tbpki\'s own]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l partitions -d 'The partition table, in ESP-IDF\'s CSV or binary [default: nvs and one application]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l device -d 'A device to make an image for (repeat) [default: the only one of the store]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l auth -d 'How the devices log in' -r -f -a "certificate\t'With their certificates'
token\t'With their access tokens, from the store'"
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l out -d 'Write to DIR/NAME instead of the devices\' directories in the store' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l skip-host-name-check -d 'Let the devices accept any name in the broker\'s certificate'
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l whole-flash -d 'Fill flash.bin up to the size of the flash, as emulators want it'
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l all -d 'Make an image for every device of the store'
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l nvs-encryption -d 'Encrypt the NVS partition, for an application that reads it'
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l include-nvs-keys -d 'Put the keys of the encrypted NVS into the image, too'
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l esp-secure-cert -d 'Also write Espressif\'s esp_secure_cert partition, where ESP-IDF\'s components look for an identity'
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l manifest -d 'Write a manifest.json for esp-web-tools, without the credentials'
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l manifest-with-credentials -d 'List the credentials in it, too: whatever a web server hands out is public'
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l force -d 'Replace files that are there; they are kept as FILE.old'
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l dry-run -d 'Say what would happen and write nothing'
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand bundle-firmware" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand flash" -l device -d 'The device whose image is written [default: the only one of the store]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand flash" -l chip -d 'The chip [default: firmware.chip of keygen.toml]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand flash" -l from -d 'The directory of the image, where `bundle-firmware` was told another with --out' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand flash" -l port -d 'The serial port of the board [default: the only one on USB]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand flash" -l baud -d 'How fast to write, in baud' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand flash" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand flash" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand flash" -l credentials-only -d 'Write the credentials alone, for a board that has the application'
complete -c tbpki -n "__fish_tbpki_using_subcommand flash" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand flash" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand flash" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand flash" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand flash" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand flash" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and not __fish_seen_subcommand_from issue register bundle run help" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and not __fish_seen_subcommand_from issue register bundle run help" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and not __fish_seen_subcommand_from issue register bundle run help" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and not __fish_seen_subcommand_from issue register bundle run help" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and not __fish_seen_subcommand_from issue register bundle run help" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and not __fish_seen_subcommand_from issue register bundle run help" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and not __fish_seen_subcommand_from issue register bundle run help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and not __fish_seen_subcommand_from issue register bundle run help" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and not __fish_seen_subcommand_from issue register bundle run help" -f -a "issue" -d 'Make the identities of many devices'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and not __fish_seen_subcommand_from issue register bundle run help" -f -a "register" -d 'Register the devices of a job in the platform'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and not __fish_seen_subcommand_from issue register bundle run help" -f -a "bundle" -d 'Make what goes into the flash of a job\'s devices: each its own credentials partition'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and not __fish_seen_subcommand_from issue register bundle run help" -f -a "run" -d 'Issue, register and bundle a fleet in one go'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and not __fish_seen_subcommand_from issue register bundle run help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l from -d 'Read the names from a CSV (`-` for standard input): columns name, label, profile, san and attr.X' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l name-column -d 'The column with the names, where it is not called name' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l attribute -d 'Take a column of the CSV as an attribute of the devices (repeat, or separate by commas)' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l count -d 'Make so many names by a pattern' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l name-pattern -d 'What these names look like: sensor-{} counts 1, 2, 3, sensor-{:06} counts 000001' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l start -d 'The first number' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l resume -d 'Go on with a job that is not done; N where there are several' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l layout -d 'directories (in the store, as `client` makes them), shards or archive [default: as the other options say]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l out -d 'Write one PEM file a device into DIR, in a directory for every 1,000' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l archive -d 'Write one tar for all: FILE.tar, FILE.tar.zst (compressed), FILE.tar.age (sealed) or FILE.tar.zst.age' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l recipient -d 'Seal the archive for the holder of this age key: age1.. (repeat, or separate by commas)' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l recipients-file -d 'The same for every line of FILE' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l alg -d 'The key algorithm: ec-p256, ec-p384, ed25519, rsa-2048, rsa-3072, rsa-4096' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l days -d 'Days until the certificates expire' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l format -d 'Files to write besides PEM, in place of those that keygen.toml lists: pub, cer, p12, jks, nopass (repeat, or separate by commas)' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l san -d 'Alternative name of every device: DNS name, IP address, URI or e-mail address (repeat, or separate by commas)' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l profile -d 'The profile of devices whose line names none: its CA issues them, where it has one in the store' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l ca-passphrase-file -d 'Read the passphrase of the CA keys from FILE (`-` for standard input)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l jobs -d 'How many threads make keys [default: one for each core]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l results -d 'Write a line for each device into DIR, as CSV and as NDJSON' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l zstd -d 'Compress the archive with zstd'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l dry-run -d 'Say what would happen and write nothing'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from issue" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l job -d 'The number of the job [default: the one with something left to do]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l out -d 'The directory with the job\'s shards, where it has been moved' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l archive -d 'The job\'s archive, where it has been moved' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l results -d 'Write a line for each device into DIR, as CSV and as NDJSON [default: beside the shards, when some failed]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l rate -d 'Begin with no more than N devices in any second [default: as many as the platform bears]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l connections -d 'Use no more than N connections at once [default: platform.concurrency of keygen.toml, else 32]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l profile -d 'The device profile of devices that are made' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l label -d 'The label of devices that are made' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l platform-url -d 'The address of the platform\'s REST API' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l platform-user -d 'The user to log in as, a tenant administrator' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l platform-password-file -d 'Read the user\'s password from FILE (`-` for standard input)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l platform-api-key-file -d 'Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l platform-ca -d 'Trust the roots in FILE for the REST API, not those of this system' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l replace -d 'Replace the credential of a device that has another one'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l dry-run -d 'Ask the platform what would happen and change nothing'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l gateway -d 'Make the device a gateway'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l allow-plain-http -d 'Let passwords go over http:// to another machine, as inside of a tunnel'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from register" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l job -d 'The number of the job [default: the one with something left to do]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l out -d 'The directory with the job\'s shards, where it has been moved' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l archive -d 'The job\'s archive, where it has been moved' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l chip -d 'The chip: esp32, esp32s3, esp32c2, esp32c3, esp32c6, esp32h2 [default: firmware.chip of keygen.toml]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l broker -d 'The broker\'s host name or address, as its certificate names it [default: firmware.mqtt_host, then server.name, then the only server of the store]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l port -d 'The broker\'s port for MQTT over TLS [default: firmware.mqtt_port, 8883]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l wifi-ssid -d 'The wireless network [default: firmware.wifi_ssid]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l wifi-password-file -d 'Read the network\'s password from FILE (`-` for standard input)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l flash-size -d 'The size of the flash [default: firmware.flash_size, 4MB]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l crystal -d 'The crystal of the board in MHz, 26 or 40, for ESP32 and ESP32-C2 [default: 40]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l app -d 'The application: an ELF file, or the .bin of ESP-IDF\'s build [default: tbpki\'s own]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l partitions -d 'The partition table, in ESP-IDF\'s CSV or binary [default: nvs and one application]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l results -d 'Write a line for each device into DIR, as CSV and as NDJSON [default: beside the shards, when some failed]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l merged -d 'Make a whole image for each device, after saying how much room they take, in place of its credentials partition'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l skip-host-name-check -d 'Let the devices accept any name in the broker\'s certificate'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l whole-flash -d 'Fill flash.bin up to the size of the flash, as emulators want it'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l again -d 'Make those anew that are there, as after a change of the application or the network'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l dry-run -d 'Say what would happen and write nothing'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from bundle" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l from -d 'Read the names from a CSV (`-` for standard input): columns name, label, profile, san and attr.X' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l name-column -d 'The column with the names, where it is not called name' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l attribute -d 'Take a column of the CSV as an attribute of the devices (repeat, or separate by commas)' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l count -d 'Make so many names by a pattern' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l name-pattern -d 'What these names look like: sensor-{} counts 1, 2, 3, sensor-{:06} counts 000001' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l start -d 'The first number' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l resume -d 'Go on with a job that is not done; N where there are several' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l layout -d 'directories (in the store, as `client` makes them), shards or archive [default: as the other options say]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l out -d 'Write one PEM file a device into DIR, in a directory for every 1,000' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l archive -d 'Write one tar for all: FILE.tar, FILE.tar.zst (compressed), FILE.tar.age (sealed) or FILE.tar.zst.age' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l recipient -d 'Seal the archive for the holder of this age key: age1.. (repeat, or separate by commas)' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l recipients-file -d 'The same for every line of FILE' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l alg -d 'The key algorithm: ec-p256, ec-p384, ed25519, rsa-2048, rsa-3072, rsa-4096' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l days -d 'Days until the certificates expire' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l format -d 'Files to write besides PEM, in place of those that keygen.toml lists: pub, cer, p12, jks, nopass (repeat, or separate by commas)' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l san -d 'Alternative name of every device: DNS name, IP address, URI or e-mail address (repeat, or separate by commas)' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l profile -d 'The profile of devices whose line names none: its CA issues them, where it has one in the store' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l ca-passphrase-file -d 'Read the passphrase of the CA keys from FILE (`-` for standard input)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l jobs -d 'How many threads make keys [default: one for each core]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l results -d 'Write a line for each device into DIR, as CSV and as NDJSON' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l label -d 'The label of devices whose line has none' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l rate -d 'Begin with no more than N devices in any second [default: as many as the platform bears]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l connections -d 'Use no more than N connections at once [default: platform.concurrency of keygen.toml, else 32]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l platform-url -d 'The address of the platform\'s REST API' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l platform-user -d 'The user to log in as, a tenant administrator' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l platform-password-file -d 'Read the user\'s password from FILE (`-` for standard input)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l platform-api-key-file -d 'Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l platform-ca -d 'Trust the roots in FILE for the REST API, not those of this system' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l chip -d 'The chip: esp32, esp32s3, esp32c2, esp32c3, esp32c6, esp32h2 [default: firmware.chip of keygen.toml]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l broker -d 'The broker\'s host name or address, as its certificate names it [default: firmware.mqtt_host, then server.name, then the only server of the store]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l port -d 'The broker\'s port for MQTT over TLS [default: firmware.mqtt_port, 8883]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l wifi-ssid -d 'The wireless network [default: firmware.wifi_ssid]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l wifi-password-file -d 'Read the network\'s password from FILE (`-` for standard input)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l flash-size -d 'The size of the flash [default: firmware.flash_size, 4MB]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l crystal -d 'The crystal of the board in MHz, 26 or 40, for ESP32 and ESP32-C2 [default: 40]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l app -d 'The application: an ELF file, or the .bin of ESP-IDF\'s build [default: tbpki\'s own]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l partitions -d 'The partition table, in ESP-IDF\'s CSV or binary [default: nvs and one application]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l zstd -d 'Compress the archive with zstd'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l dry-run -d 'Say what would happen and write nothing'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l no-register -d 'Do not register the devices in the platform'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l replace -d 'Replace the credential of a device that has another one in the platform'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l gateway -d 'Make the devices gateways'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l allow-plain-http -d 'Let passwords go over http:// to another machine, as inside of a tunnel'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l no-bundle -d 'Do not make bundles'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l merged -d 'Make a whole image for each device, after saying how much room they take, in place of its credentials partition'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l skip-host-name-check -d 'Let the devices accept any name in the broker\'s certificate'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l whole-flash -d 'Fill flash.bin up to the size of the flash, as emulators want it'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from run" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from help" -f -a "issue" -d 'Make the identities of many devices'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from help" -f -a "register" -d 'Register the devices of a job in the platform'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from help" -f -a "bundle" -d 'Make what goes into the flash of a job\'s devices: each its own credentials partition'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from help" -f -a "run" -d 'Issue, register and bundle a fleet in one go'
complete -c tbpki -n "__fish_tbpki_using_subcommand fleet; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tbpki -n "__fish_tbpki_using_subcommand trust" -l out -d 'Write the anchor to FILE (`-` for standard output)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand trust" -l sha256 -d 'The SHA-256 of a certificate that the server sends, learnt in another way' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand trust" -l timeout -d 'Seconds to wait for the server' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand trust" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand trust" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand trust" -l force -d 'Replace FILE; the old one is kept'
complete -c tbpki -n "__fish_tbpki_using_subcommand trust" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand trust" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand trust" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand trust" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand trust" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand trust" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand inspect" -l passphrase-file -d 'Read the password of keystores or the passphrase of keys from FILE' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand inspect" -l key-passphrase-file -d 'Read the password of the key inside a keystore from FILE, where it is another one' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand inspect" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand inspect" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand inspect" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand inspect" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand inspect" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand inspect" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand inspect" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand verify" -l anchors -d 'The certificates that the peer trusts [default: the store\'s, by purpose]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand verify" -l key -d 'The private key that has to belong to the leaf' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand verify" -l passphrase-file -d 'Read the passphrase of the key from FILE' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand verify" -l host -d 'The host name or IP address that has to be among the leaf\'s names' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand verify" -l purpose -d 'What the leaf is used as [default: what its extended key usage says]' -r -f -a "server\t'A TLS server'
device\t'A TLS client'"
complete -c tbpki -n "__fish_tbpki_using_subcommand verify" -l crl -d 'Revocation lists to honour (repeat for several)' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand verify" -l at -d 'The moment to check at, such as 2030-01-31T12:00:00Z [default: now]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand verify" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand verify" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand verify" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand verify" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand verify" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand verify" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand verify" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l device -d 'The device in the store whose files are used [default: the store\'s only device]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l cert -d 'The leaf as it is registered, perhaps with its issuers behind it, or with its key in the same file' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l key -d 'The private key' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l chain -d 'What is sent: the leaf, then its issuers [default: what --cert holds]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l passphrase-file -d 'Read the passphrase of the key from FILE' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l cafile -d 'The certificates that the device trusts [default: the device\'s, else what server.anchors says, else the system\'s]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l token-file -d 'A file with the access token or password' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l auth -d 'How the device logs in [default: with a certificate, where there is one]' -r -f -a "certificate\t'Two-way TLS'
token\t'One-way TLS with an access token or password'"
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l kind -d 'What the broker is [default: platform.kind of keygen.toml]' -r -f -a "thingsboard\t'ThingsBoard'
actorcloud\t'ActorCloud'
mqtt\t'Any other broker, such as mosquitto'"
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l client-id -d 'The client id [default: one that nobody else has]' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l username -d 'The user name, for ActorCloud and for brokers with passwords' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l mqtt -d 'The version of MQTT' -r -f -a "3.1.1\t'Version 3.1.1'
5\t'Version 5'"
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l server -d 'Check a ThingsBoard server\'s side: the files and settings in DIR, and what the server shows of itself [default DIR: server.out of keygen.toml, else the store\'s]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l platform-url -d 'The platform\'s web address, to compare its clock with this one\'s; nothing else is asked of it' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l timeout -d 'Seconds to wait for each connection' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l telemetry -d 'Publish one value, `tbpki_check`, and wait for its PUBACK'
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l no-connect -d 'Stop after the files and what the server shows of itself: do not log in'
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l offline -d 'Look at the files alone, and connect to nothing'
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand check" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand list" -l kind -d 'Only these kinds: ca, server, device' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand list" -l expiring -d 'Only what expires within N days' -r
complete -c tbpki -n "__fish_tbpki_using_subcommand list" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand list" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand list" -l all -d 'Earlier generations as well'
complete -c tbpki -n "__fish_tbpki_using_subcommand list" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand list" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand list" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand list" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand list" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and not __fish_seen_subcommand_from show help" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and not __fish_seen_subcommand_from show help" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and not __fish_seen_subcommand_from show help" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and not __fish_seen_subcommand_from show help" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and not __fish_seen_subcommand_from show help" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and not __fish_seen_subcommand_from show help" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and not __fish_seen_subcommand_from show help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and not __fish_seen_subcommand_from show help" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "show" -d 'Print every value that is in force'
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and __fish_seen_subcommand_from show" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and __fish_seen_subcommand_from show" -l origin -d 'Say where each value comes from'
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and __fish_seen_subcommand_from show" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print every value that is in force'
complete -c tbpki -n "__fish_tbpki_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tbpki -n "__fish_tbpki_using_subcommand explain" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand explain" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand explain" -l list -d 'Print every code with its title'
complete -c tbpki -n "__fish_tbpki_using_subcommand explain" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand explain" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand explain" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand explain" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand explain" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand completions" -l config -d 'The configuration to read [default: keygen.toml]' -r -F
complete -c tbpki -n "__fish_tbpki_using_subcommand completions" -l color -d 'Whether to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into files'
never\t'Not at all'"
complete -c tbpki -n "__fish_tbpki_using_subcommand completions" -l no-input -d 'Never ask: fail and name the flag that would have answered'
complete -c tbpki -n "__fish_tbpki_using_subcommand completions" -l json -d 'Print the result as JSON (its schema is in the documentation)'
complete -c tbpki -n "__fish_tbpki_using_subcommand completions" -s v -l verbose -d 'Say more of what is being done; twice for all'
complete -c tbpki -n "__fish_tbpki_using_subcommand completions" -s q -l quiet -d 'Say nothing but results and errors'
complete -c tbpki -n "__fish_tbpki_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tbpki -n "__fish_tbpki_using_subcommand completions" -s V -l version -d 'Print version'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "init" -d 'Make keygen.toml, the store and the CAs'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "server" -d 'Make a server\'s identity and the settings that fit it'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "client" -d 'Make a device\'s identity'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "register" -d 'Register devices in the platform, with their certificates as what they log in with'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "unregister" -d 'Make the platform forget a device\'s certificate'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "token" -d 'Fetch or set a device\'s access token, for TLS without a client certificate'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "profile" -d 'Device profiles that take every device with a certificate of their own CA'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "actorcloud" -d 'Certificates of EMQ\'s ActorCloud, which makes them itself'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "bundle-firmware" -d 'Make flash images with devices\' credentials in them'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "flash" -d 'Write an image that bundle-firmware made to a board'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "fleet" -d 'Do for many devices what `client`, `register` and `bundle-firmware` do for one'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "trust" -d 'Fetch the trust anchor of a server that is not ours'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "inspect" -d 'Show what is in certificates, keys, requests, revocation lists and keystores'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "verify" -d 'Check a chain, its key, names, dates and purpose'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "check" -d 'Find out why a device cannot log in'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "list" -d 'Show what the store holds and when it ends'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "config" -d 'Show the configuration'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "explain" -d 'Explain a code such as TBPKI-0034'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "completions" -d 'Print the completions of a shell'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and not __fish_seen_subcommand_from init server client register unregister token profile actorcloud bundle-firmware flash fleet trust inspect verify check list config explain completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and __fish_seen_subcommand_from profile" -f -a "create" -d 'Make an issuing CA for a profile, and a profile in the platform that takes its devices'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and __fish_seen_subcommand_from profile" -f -a "show" -d 'Show what the store and the platform have of profiles'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and __fish_seen_subcommand_from actorcloud" -f -a "cert" -d 'Certificates that ActorCloud makes, and the devices that they are bound to'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and __fish_seen_subcommand_from fleet" -f -a "issue" -d 'Make the identities of many devices'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and __fish_seen_subcommand_from fleet" -f -a "register" -d 'Register the devices of a job in the platform'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and __fish_seen_subcommand_from fleet" -f -a "bundle" -d 'Make what goes into the flash of a job\'s devices: each its own credentials partition'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and __fish_seen_subcommand_from fleet" -f -a "run" -d 'Issue, register and bundle a fleet in one go'
complete -c tbpki -n "__fish_tbpki_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Print every value that is in force'
