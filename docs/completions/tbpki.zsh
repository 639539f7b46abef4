#compdef tbpki

autoload -U is-at-least

_tbpki() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_tbpki_commands" \
"*::: :->tbpki" \
&& ret=0
    case $state in
    (tbpki)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tbpki-command-$line[1]:"
        case $line[1] in
            (init)
_arguments "${_arguments_options[@]}" : \
'(--organization --country)--from=[Convert the configuration of the old scripts]:KEYGEN.PROPERTIES:_files' \
'--organization=[The organization in every subject]:NAME:_default' \
'--country=[The country in every subject, two letters]:CC:_default' \
'--server-name=[The host name of the server]:NAME:_default' \
'--alg=[The key algorithm of the CAs and the identities\: ec-p256, ec-p384, ed25519, rsa-2048, rsa-3072, rsa-4096]:ALGORITHM:_default' \
'--ca-passphrase-file=[Read the passphrase of the CA keys from FILE (\`-\` for standard input)]:FILE:_files' \
'--root-out=[Put the keys of both roots into DIR, to be kept offline]:DIR:_files' \
'*--server-ca=[Bring your own CA for servers\: certificate, chain and key in PEM, or PKCS#12 (repeat for several files)]:FILE:_files' \
'*--devices-ca=[Bring your own CA for devices]:FILE:_files' \
'--brought-passphrase-file=[Read the passphrase of a brought CA'\''s key or PKCS#12 from FILE (\`-\` for standard input)]:FILE:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'(--ca-passphrase-file)--insecure-no-passphrase[Leave the CA keys unencrypted\: whoever copies the store can issue]' \
'--dry-run[Say what would happen and write nothing]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(server)
_arguments "${_arguments_options[@]}" : \
'--out=[Copy the files to DIR, for ThingsBoard usually /etc/thingsboard/conf]:DIR:_files' \
'--name=[The host name of the server \[default\: this host'\''s\]]:NAME:_default' \
'--alg=[The key algorithm\: ec-p256, ec-p384, ed25519, rsa-2048, rsa-3072, rsa-4096]:ALGORITHM:_default' \
'--days=[Days until the certificate expires]:N:_default' \
'*--format=[Files to write besides PEM, in place of those that keygen.toml lists\: pub, cer, p12, jks, and nopass for devices (repeat, or separate by commas)]:FORMAT:_default' \
'*--san=[Alternative name\: DNS name, IP address, URI or e-mail address (repeat, or separate by commas)]:NAME:_default' \
'(--self-signed --alg)--csr=[Issue for the key of this certificate signing request (PEM or DER)]:FILE:_files' \
'--ca-passphrase-file=[Read the passphrase of the CA keys from FILE (\`-\` for standard input)]:FILE:_files' \
'--credentials=[What the active lines of thingsboard.env use\: keystore (the default) or pem]:KIND:_default' \
'*--service=[Services to write environment lines for (repeat, or separate by commas)]:SERVICE:((mqtt\:"MQTT, port 8883"
http\:"The web interface and REST API"
coap\:"CoAP over DTLS, port 5684"
lwm2m\:"LwM2M, ports 5686 and 5688"
edge\:"Edge, port 7070"))' \
'*--environment=[Forms of the environment lines to write (repeat, or separate by commas)]:FORM:((env\:"thingsboard.env\: export lines for thingsboard.conf"
compose\:"docker-compose.tls.yml\: an override file for Docker Compose"
kubernetes\:"kubernetes-secret.yml\: a Secret with files and variables"))' \
'--owner=[The owner of the files in --out \[default\: as root, that of DIR/thingsboard.conf or of DIR\]]:USER:_default' \
'--group=[The group of the files in --out]:GROUP:_default' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--only-given-names[Take only the host name and the names given with --san; do not look at this host]' \
'--self-signed[Sign with the certificate'\''s own key instead of a CA'\''s]' \
'--force[Issue a new generation in place of what is there; replaced files are kept as FILE.SERIAL]' \
'--dry-run[Say what would happen and write nothing]' \
'--single-file[Put key and chain into one PEM file, so that one rename replaces both]' \
'--include-root[Put the root behind the issuing CA in the chain that is sent]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(client)
_arguments "${_arguments_options[@]}" : \
'--device=[The device'\''s name\: its common name, its directory and its name in the platform]:NAME:_default' \
'--out=[Copy the files to DIR as well]:DIR:_files' \
'--alg=[The key algorithm\: ec-p256, ec-p384, ed25519, rsa-2048, rsa-3072, rsa-4096]:ALGORITHM:_default' \
'--days=[Days until the certificate expires]:N:_default' \
'*--format=[Files to write besides PEM, in place of those that keygen.toml lists\: pub, cer, p12, jks, and nopass for devices (repeat, or separate by commas)]:FORMAT:_default' \
'*--san=[Alternative name\: DNS name, IP address, URI or e-mail address (repeat, or separate by commas)]:NAME:_default' \
'(--self-signed --alg)--csr=[Issue for the key of this certificate signing request (PEM or DER)]:FILE:_files' \
'--ca-passphrase-file=[Read the passphrase of the CA keys from FILE (\`-\` for standard input)]:FILE:_files' \
'--owner=[The owner of the files in --out \[default\: as root, that of DIR/thingsboard.conf or of DIR\]]:USER:_default' \
'--group=[The group of the files in --out]:GROUP:_default' \
'--profile=[The device profile of devices that are made]:NAME:_default' \
'--label=[The label of devices that are made]:TEXT:_default' \
'--platform-url=[The address of the platform'\''s REST API]:URL:_default' \
'--platform-user=[The user to log in as, a tenant administrator]:USER:_default' \
'--platform-password-file=[Read the user'\''s password from FILE (\`-\` for standard input)]:FILE:_files' \
'--platform-api-key-file=[Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)]:FILE:_files' \
'--platform-ca=[Trust the roots in FILE for the REST API, not those of this system]:FILE:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--register[Register the device in the platform, with its certificate as what it logs in with]' \
'--replace[Replace the credential that the device has in the platform]' \
'--self-signed[Sign with the certificate'\''s own key instead of a CA'\''s]' \
'--force[Issue a new generation in place of what is there; replaced files are kept as FILE.SERIAL]' \
'--dry-run[Say what would happen and write nothing]' \
'--gateway[Make the device a gateway]' \
'--allow-plain-http[Let passwords go over http\:// to another machine, as inside of a tunnel]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(register)
_arguments "${_arguments_options[@]}" : \
'*--device=[The devices (repeat, or separate by commas)]:NAME:_default' \
'--profile=[The device profile of devices that are made]:NAME:_default' \
'--label=[The label of devices that are made]:TEXT:_default' \
'--platform-url=[The address of the platform'\''s REST API]:URL:_default' \
'--platform-user=[The user to log in as, a tenant administrator]:USER:_default' \
'--platform-password-file=[Read the user'\''s password from FILE (\`-\` for standard input)]:FILE:_files' \
'--platform-api-key-file=[Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)]:FILE:_files' \
'--platform-ca=[Trust the roots in FILE for the REST API, not those of this system]:FILE:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'(--device)--all[Every device of the store]' \
'--replace[Replace the credential of a device that has another one]' \
'--dry-run[Say what would happen and change nothing]' \
'--gateway[Make the device a gateway]' \
'--allow-plain-http[Let passwords go over http\:// to another machine, as inside of a tunnel]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(unregister)
_arguments "${_arguments_options[@]}" : \
'--device=[The device]:NAME:_default' \
'--platform-url=[The address of the platform'\''s REST API]:URL:_default' \
'--platform-user=[The user to log in as, a tenant administrator]:USER:_default' \
'--platform-password-file=[Read the user'\''s password from FILE (\`-\` for standard input)]:FILE:_files' \
'--platform-api-key-file=[Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)]:FILE:_files' \
'--platform-ca=[Trust the roots in FILE for the REST API, not those of this system]:FILE:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--delete-device[Delete the device with all that it has ever reported]' \
'--yes[Do not ask before deleting]' \
'(--delete-device)--replace[Also take away a certificate that this store has never issued]' \
'--dry-run[Say what would happen and change nothing]' \
'--allow-plain-http[Let passwords go over http\:// to another machine, as inside of a tunnel]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(token)
_arguments "${_arguments_options[@]}" : \
'--device=[The device]:NAME:_default' \
'--set-file=[Set the token in FILE (\`-\` for standard input) instead of fetching the one that there is]:FILE:_files' \
'--profile=[The device profile of devices that are made]:NAME:_default' \
'--label=[The label of devices that are made]:TEXT:_default' \
'--platform-url=[The address of the platform'\''s REST API]:URL:_default' \
'--platform-user=[The user to log in as, a tenant administrator]:USER:_default' \
'--platform-password-file=[Read the user'\''s password from FILE (\`-\` for standard input)]:FILE:_files' \
'--platform-api-key-file=[Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)]:FILE:_files' \
'--platform-ca=[Trust the roots in FILE for the REST API, not those of this system]:FILE:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--create[Make the device if the platform does not have it]' \
'--replace[Set the token also in place of a credential of another kind]' \
'--show[Print the token]' \
'--dry-run[Say what would happen and change nothing]' \
'--gateway[Make the device a gateway]' \
'--allow-plain-http[Let passwords go over http\:// to another machine, as inside of a tunnel]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(profile)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_tbpki__subcmd__profile_commands" \
"*::: :->profile" \
&& ret=0

    case $state in
    (profile)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tbpki-profile-command-$line[1]:"
        case $line[1] in
            (create)
_arguments "${_arguments_options[@]}" : \
'(--pattern)--name-prefix=[Take only devices whose names begin so \[default\: all\]]:TEXT:_default' \
'--pattern=[Find names by this regular expression, whose first group has to be the whole name]:REGEX:_default' \
'*--example=[The name of a device that the expression has to find (repeat for several)]:NAME:_default' \
'--ca-passphrase-file=[Read the passphrase of the CA keys from FILE (\`-\` for standard input)]:FILE:_files' \
'--platform-url=[The address of the platform'\''s REST API]:URL:_default' \
'--platform-user=[The user to log in as, a tenant administrator]:USER:_default' \
'--platform-password-file=[Read the user'\''s password from FILE (\`-\` for standard input)]:FILE:_files' \
'--platform-api-key-file=[Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)]:FILE:_files' \
'--platform-ca=[Trust the roots in FILE for the REST API, not those of this system]:FILE:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--create-devices[Let the platform make devices that it does not have, at their first connection]' \
'--accept-issuer-risk[Do not ask before that]' \
'--replace[Change a profile of this name that is another one]' \
'--dry-run[Say what would happen and change nothing]' \
'--allow-plain-http[Let passwords go over http\:// to another machine, as inside of a tunnel]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':name -- The name of the profile:_default' \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
'--platform-url=[The address of the platform'\''s REST API]:URL:_default' \
'--platform-user=[The user to log in as, a tenant administrator]:USER:_default' \
'--platform-password-file=[Read the user'\''s password from FILE (\`-\` for standard input)]:FILE:_files' \
'--platform-api-key-file=[Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)]:FILE:_files' \
'--platform-ca=[Trust the roots in FILE for the REST API, not those of this system]:FILE:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--allow-plain-http[Let passwords go over http\:// to another machine, as inside of a tunnel]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'::name -- The profile \[default\: all that have a CA in the store\]:_default' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_tbpki__subcmd__profile__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tbpki-profile-help-command-$line[1]:"
        case $line[1] in
            (create)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(actorcloud)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_tbpki__subcmd__actorcloud_commands" \
"*::: :->actorcloud" \
&& ret=0

    case $state in
    (actorcloud)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tbpki-actorcloud-command-$line[1]:"
        case $line[1] in
            (cert)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_tbpki__subcmd__actorcloud__subcmd__cert_commands" \
"*::: :->cert" \
&& ret=0

    case $state in
    (cert)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tbpki-actorcloud-cert-command-$line[1]:"
        case $line[1] in
            (create)
_arguments "${_arguments_options[@]}" : \
'--out=[Write NAME.crt, NAME.key and root_ca.crt to DIR]:DIR:_files' \
'--platform-url=[The address of the platform'\''s REST API]:URL:_default' \
'--platform-user=[The user to log in as, a tenant administrator]:USER:_default' \
'--platform-password-file=[Read the user'\''s password from FILE (\`-\` for standard input)]:FILE:_files' \
'--platform-api-key-file=[Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)]:FILE:_files' \
'--platform-ca=[Trust the roots in FILE for the REST API, not those of this system]:FILE:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--disabled[Let no device log in with it yet]' \
'--allow-plain-http[Let passwords go over http\:// to another machine, as inside of a tunnel]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':name -- The name of the certificate, at most 50 characters:_default' \
&& ret=0
;;
(list)
_arguments "${_arguments_options[@]}" : \
'--platform-url=[The address of the platform'\''s REST API]:URL:_default' \
'--platform-user=[The user to log in as, a tenant administrator]:USER:_default' \
'--platform-password-file=[Read the user'\''s password from FILE (\`-\` for standard input)]:FILE:_files' \
'--platform-api-key-file=[Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)]:FILE:_files' \
'--platform-ca=[Trust the roots in FILE for the REST API, not those of this system]:FILE:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--allow-plain-http[Let passwords go over http\:// to another machine, as inside of a tunnel]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(enable)
_arguments "${_arguments_options[@]}" : \
'--platform-url=[The address of the platform'\''s REST API]:URL:_default' \
'--platform-user=[The user to log in as, a tenant administrator]:USER:_default' \
'--platform-password-file=[Read the user'\''s password from FILE (\`-\` for standard input)]:FILE:_files' \
'--platform-api-key-file=[Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)]:FILE:_files' \
'--platform-ca=[Trust the roots in FILE for the REST API, not those of this system]:FILE:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--allow-plain-http[Let passwords go over http\:// to another machine, as inside of a tunnel]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':cert -- The certificate'\''s name or number:_default' \
&& ret=0
;;
(disable)
_arguments "${_arguments_options[@]}" : \
'--platform-url=[The address of the platform'\''s REST API]:URL:_default' \
'--platform-user=[The user to log in as, a tenant administrator]:USER:_default' \
'--platform-password-file=[Read the user'\''s password from FILE (\`-\` for standard input)]:FILE:_files' \
'--platform-api-key-file=[Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)]:FILE:_files' \
'--platform-ca=[Trust the roots in FILE for the REST API, not those of this system]:FILE:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--allow-plain-http[Let passwords go over http\:// to another machine, as inside of a tunnel]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':cert -- The certificate'\''s name or number:_default' \
&& ret=0
;;
(bind)
_arguments "${_arguments_options[@]}" : \
'*--device=[The devices, by name or number (repeat, or separate by commas)]:DEVICE:_default' \
'--platform-url=[The address of the platform'\''s REST API]:URL:_default' \
'--platform-user=[The user to log in as, a tenant administrator]:USER:_default' \
'--platform-password-file=[Read the user'\''s password from FILE (\`-\` for standard input)]:FILE:_files' \
'--platform-api-key-file=[Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)]:FILE:_files' \
'--platform-ca=[Trust the roots in FILE for the REST API, not those of this system]:FILE:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--allow-plain-http[Let passwords go over http\:// to another machine, as inside of a tunnel]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':cert -- The certificate'\''s name or number:_default' \
&& ret=0
;;
(unbind)
_arguments "${_arguments_options[@]}" : \
'*--device=[The devices, by name or number (repeat, or separate by commas)]:DEVICE:_default' \
'--platform-url=[The address of the platform'\''s REST API]:URL:_default' \
'--platform-user=[The user to log in as, a tenant administrator]:USER:_default' \
'--platform-password-file=[Read the user'\''s password from FILE (\`-\` for standard input)]:FILE:_files' \
'--platform-api-key-file=[Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)]:FILE:_files' \
'--platform-ca=[Trust the roots in FILE for the REST API, not those of this system]:FILE:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--allow-plain-http[Let passwords go over http\:// to another machine, as inside of a tunnel]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':cert -- The certificate'\''s name or number:_default' \
&& ret=0
;;
(save)
_arguments "${_arguments_options[@]}" : \
'--out=[The directory]:DIR:_files' \
'--platform-url=[The address of the platform'\''s REST API]:URL:_default' \
'--platform-user=[The user to log in as, a tenant administrator]:USER:_default' \
'--platform-password-file=[Read the user'\''s password from FILE (\`-\` for standard input)]:FILE:_files' \
'--platform-api-key-file=[Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)]:FILE:_files' \
'--platform-ca=[Trust the roots in FILE for the REST API, not those of this system]:FILE:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--allow-plain-http[Let passwords go over http\:// to another machine, as inside of a tunnel]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':cert -- The certificate'\''s name or number:_default' \
&& ret=0
;;
(remove)
_arguments "${_arguments_options[@]}" : \
'--platform-url=[The address of the platform'\''s REST API]:URL:_default' \
'--platform-user=[The user to log in as, a tenant administrator]:USER:_default' \
'--platform-password-file=[Read the user'\''s password from FILE (\`-\` for standard input)]:FILE:_files' \
'--platform-api-key-file=[Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)]:FILE:_files' \
'--platform-ca=[Trust the roots in FILE for the REST API, not those of this system]:FILE:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--allow-plain-http[Let passwords go over http\:// to another machine, as inside of a tunnel]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':cert -- The certificate'\''s name or number:_default' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tbpki-actorcloud-cert-help-command-$line[1]:"
        case $line[1] in
            (create)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(enable)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(disable)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(bind)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(unbind)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(save)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(remove)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_tbpki__subcmd__actorcloud__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tbpki-actorcloud-help-command-$line[1]:"
        case $line[1] in
            (cert)
_arguments "${_arguments_options[@]}" : \
":: :_tbpki__subcmd__actorcloud__subcmd__help__subcmd__cert_commands" \
"*::: :->cert" \
&& ret=0

    case $state in
    (cert)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tbpki-actorcloud-help-cert-command-$line[1]:"
        case $line[1] in
            (create)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(enable)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(disable)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(bind)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(unbind)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(save)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(remove)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(bundle-firmware)
_arguments "${_arguments_options[@]}" : \
'--chip=[The chip\: esp32, esp32s3, esp32c2, esp32c3, esp32c6, esp32h2 \[default\: firmware.chip of keygen.toml\]]:CHIP:_default' \
'--broker=[The broker'\''s host name or address, as its certificate names it \[default\: firmware.mqtt_host, then server.name, then the only server of the store\]]:HOST:_default' \
'--port=[The broker'\''s port for MQTT over TLS \[default\: firmware.mqtt_port, 8883\]]:N:_default' \
'--wifi-ssid=[The wireless network \[default\: firmware.wifi_ssid\]]:SSID:_default' \
'--wifi-password-file=[Read the network'\''s password from FILE (\`-\` for standard input)]:FILE:_files' \
'--flash-size=[The size of the flash \[default\: firmware.flash_size, 4MB\]]:SIZE:_default' \
'--crystal=[The crystal of the board in MHz, 26 or 40, for ESP32 and ESP32-C2 \[default\: 40\]]:MHZ:_default' \
'--app=[The application\: an ELF file, or the .bin of ESP-IDF'\''s build \[default\: tbpki'\''s own\]]:FILE:_files' \
'--partitions=[The partition table, in ESP-IDF'\''s CSV or binary \[default\: nvs and one application\]]:FILE:_files' \
'(--all)*--device=[A device to make an image for (repeat) \[default\: the only one of the store\]]:NAME:_default' \
'--auth=[How the devices log in]:HOW:((certificate\:"With their certificates"
token\:"With their access tokens, from the store"))' \
'--out=[Write to DIR/NAME instead of the devices'\'' directories in the store]:DIR:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--skip-host-name-check[Let the devices accept any name in the broker'\''s certificate]' \
'--whole-flash[Fill flash.bin up to the size of the flash, as emulators want it]' \
'--all[Make an image for every device of the store]' \
'--nvs-encryption[Encrypt the NVS partition, for an application that reads it]' \
'--include-nvs-keys[Put the keys of the encrypted NVS into the image, too]' \
'--esp-secure-cert[Also write Espressif'\''s esp_secure_cert partition, where ESP-IDF'\''s components look for an identity]' \
'--manifest[Write a manifest.json for esp-web-tools, without the credentials]' \
'--manifest-with-credentials[List the credentials in it, too\: whatever a web server hands out is public]' \
'--force[Replace files that are there; they are kept as FILE.old]' \
'--dry-run[Say what would happen and write nothing]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(flash)
_arguments "${_arguments_options[@]}" : \
'--device=[The device whose image is written \[default\: the only one of the store\]]:NAME:_default' \
'--chip=[The chip \[default\: firmware.chip of keygen.toml\]]:CHIP:_default' \
'(--device --chip)--from=[The directory of the image, where \`bundle-firmware\` was told another with --out]:DIR:_files' \
'--port=[The serial port of the board \[default\: the only one on USB\]]:PORT:_default' \
'--baud=[How fast to write, in baud]:N:_default' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--credentials-only[Write the credentials alone, for a board that has the application]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(fleet)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_tbpki__subcmd__fleet_commands" \
"*::: :->fleet" \
&& ret=0

    case $state in
    (fleet)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tbpki-fleet-command-$line[1]:"
        case $line[1] in
            (issue)
_arguments "${_arguments_options[@]}" : \
'(--count)--from=[Read the names from a CSV (\`-\` for standard input)\: columns name, label, profile, san and attr.X]:FILE:_files' \
'--name-column=[The column with the names, where it is not called name]:COLUMN:_default' \
'*--attribute=[Take a column of the CSV as an attribute of the devices (repeat, or separate by commas)]:COLUMN:_default' \
'--count=[Make so many names by a pattern]:N:_default' \
'--name-pattern=[What these names look like\: sensor-{} counts 1, 2, 3, sensor-{\:06} counts 000001]:TEXT:_default' \
'--start=[The first number]:N:_default' \
'(--from --count)--resume=[Go on with a job that is not done; N where there are several]::JOB:_default' \
'--layout=[directories (in the store, as \`client\` makes them), shards or archive \[default\: as the other options say\]]:LAYOUT:_default' \
'(--archive)--out=[Write one PEM file a device into DIR, in a directory for every 1,000]:DIR:_files' \
'--archive=[Write one tar for all\: FILE.tar, FILE.tar.zst (compressed), FILE.tar.age (sealed) or FILE.tar.zst.age]:FILE:_files' \
'*--recipient=[Seal the archive for the holder of this age key\: age1.. (repeat, or separate by commas)]:RECIPIENT:_default' \
'--recipients-file=[The same for every line of FILE]:FILE:_files' \
'--alg=[The key algorithm\: ec-p256, ec-p384, ed25519, rsa-2048, rsa-3072, rsa-4096]:ALGORITHM:_default' \
'--days=[Days until the certificates expire]:N:_default' \
'*--format=[Files to write besides PEM, in place of those that keygen.toml lists\: pub, cer, p12, jks, nopass (repeat, or separate by commas)]:FORMAT:_default' \
'*--san=[Alternative name of every device\: DNS name, IP address, URI or e-mail address (repeat, or separate by commas)]:NAME:_default' \
'--profile=[The profile of devices whose line names none\: its CA issues them, where it has one in the store]:NAME:_default' \
'--ca-passphrase-file=[Read the passphrase of the CA keys from FILE (\`-\` for standard input)]:FILE:_files' \
'--jobs=[How many threads make keys \[default\: one for each core\]]:N:_default' \
'--results=[Write a line for each device into DIR, as CSV and as NDJSON]:DIR:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--zstd[Compress the archive with zstd]' \
'--dry-run[Say what would happen and write nothing]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(register)
_arguments "${_arguments_options[@]}" : \
'--job=[The number of the job \[default\: the one with something left to do\]]:JOB:_default' \
'(--archive)--out=[The directory with the job'\''s shards, where it has been moved]:DIR:_files' \
'--archive=[The job'\''s archive, where it has been moved]:FILE:_files' \
'--results=[Write a line for each device into DIR, as CSV and as NDJSON \[default\: beside the shards, when some failed\]]:DIR:_files' \
'--rate=[Begin with no more than N devices in any second \[default\: as many as the platform bears\]]:N:_default' \
'--connections=[Use no more than N connections at once \[default\: platform.concurrency of keygen.toml, else 32\]]:N:_default' \
'--profile=[The device profile of devices that are made]:NAME:_default' \
'--label=[The label of devices that are made]:TEXT:_default' \
'--platform-url=[The address of the platform'\''s REST API]:URL:_default' \
'--platform-user=[The user to log in as, a tenant administrator]:USER:_default' \
'--platform-password-file=[Read the user'\''s password from FILE (\`-\` for standard input)]:FILE:_files' \
'--platform-api-key-file=[Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)]:FILE:_files' \
'--platform-ca=[Trust the roots in FILE for the REST API, not those of this system]:FILE:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--replace[Replace the credential of a device that has another one]' \
'--dry-run[Ask the platform what would happen and change nothing]' \
'--gateway[Make the device a gateway]' \
'--allow-plain-http[Let passwords go over http\:// to another machine, as inside of a tunnel]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(bundle)
_arguments "${_arguments_options[@]}" : \
'--job=[The number of the job \[default\: the one with something left to do\]]:JOB:_default' \
'(--archive)--out=[The directory with the job'\''s shards, where it has been moved]:DIR:_files' \
'--archive=[The job'\''s archive, where it has been moved]:FILE:_files' \
'--chip=[The chip\: esp32, esp32s3, esp32c2, esp32c3, esp32c6, esp32h2 \[default\: firmware.chip of keygen.toml\]]:CHIP:_default' \
'--broker=[The broker'\''s host name or address, as its certificate names it \[default\: firmware.mqtt_host, then server.name, then the only server of the store\]]:HOST:_default' \
'--port=[The broker'\''s port for MQTT over TLS \[default\: firmware.mqtt_port, 8883\]]:N:_default' \
'--wifi-ssid=[The wireless network \[default\: firmware.wifi_ssid\]]:SSID:_default' \
'--wifi-password-file=[Read the network'\''s password from FILE (\`-\` for standard input)]:FILE:_files' \
'--flash-size=[The size of the flash \[default\: firmware.flash_size, 4MB\]]:SIZE:_default' \
'--crystal=[The crystal of the board in MHz, 26 or 40, for ESP32 and ESP32-C2 \[default\: 40\]]:MHZ:_default' \
'--app=[The application\: an ELF file, or the .bin of ESP-IDF'\''s build \[default\: tbpki'\''s own\]]:FILE:_files' \
'--partitions=[The partition table, in ESP-IDF'\''s CSV or binary \[default\: nvs and one application\]]:FILE:_files' \
'--results=[Write a line for each device into DIR, as CSV and as NDJSON \[default\: beside the shards, when some failed\]]:DIR:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--merged[Make a whole image for each device, after saying how much room they take, in place of its credentials partition]' \
'--skip-host-name-check[Let the devices accept any name in the broker'\''s certificate]' \
'--whole-flash[Fill flash.bin up to the size of the flash, as emulators want it]' \
'--again[Make those anew that are there, as after a change of the application or the network]' \
'--dry-run[Say what would happen and write nothing]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(run)
_arguments "${_arguments_options[@]}" : \
'(--count)--from=[Read the names from a CSV (\`-\` for standard input)\: columns name, label, profile, san and attr.X]:FILE:_files' \
'--name-column=[The column with the names, where it is not called name]:COLUMN:_default' \
'*--attribute=[Take a column of the CSV as an attribute of the devices (repeat, or separate by commas)]:COLUMN:_default' \
'--count=[Make so many names by a pattern]:N:_default' \
'--name-pattern=[What these names look like\: sensor-{} counts 1, 2, 3, sensor-{\:06} counts 000001]:TEXT:_default' \
'--start=[The first number]:N:_default' \
'(--from --count)--resume=[Go on with a job that is not done; N where there are several]::JOB:_default' \
'--layout=[directories (in the store, as \`client\` makes them), shards or archive \[default\: as the other options say\]]:LAYOUT:_default' \
'(--archive)--out=[Write one PEM file a device into DIR, in a directory for every 1,000]:DIR:_files' \
'--archive=[Write one tar for all\: FILE.tar, FILE.tar.zst (compressed), FILE.tar.age (sealed) or FILE.tar.zst.age]:FILE:_files' \
'*--recipient=[Seal the archive for the holder of this age key\: age1.. (repeat, or separate by commas)]:RECIPIENT:_default' \
'--recipients-file=[The same for every line of FILE]:FILE:_files' \
'--alg=[The key algorithm\: ec-p256, ec-p384, ed25519, rsa-2048, rsa-3072, rsa-4096]:ALGORITHM:_default' \
'--days=[Days until the certificates expire]:N:_default' \
'*--format=[Files to write besides PEM, in place of those that keygen.toml lists\: pub, cer, p12, jks, nopass (repeat, or separate by commas)]:FORMAT:_default' \
'*--san=[Alternative name of every device\: DNS name, IP address, URI or e-mail address (repeat, or separate by commas)]:NAME:_default' \
'--profile=[The profile of devices whose line names none\: its CA issues them, where it has one in the store]:NAME:_default' \
'--ca-passphrase-file=[Read the passphrase of the CA keys from FILE (\`-\` for standard input)]:FILE:_files' \
'--jobs=[How many threads make keys \[default\: one for each core\]]:N:_default' \
'--results=[Write a line for each device into DIR, as CSV and as NDJSON]:DIR:_files' \
'(--no-register)--label=[The label of devices whose line has none]:TEXT:_default' \
'--rate=[Begin with no more than N devices in any second \[default\: as many as the platform bears\]]:N:_default' \
'--connections=[Use no more than N connections at once \[default\: platform.concurrency of keygen.toml, else 32\]]:N:_default' \
'--platform-url=[The address of the platform'\''s REST API]:URL:_default' \
'--platform-user=[The user to log in as, a tenant administrator]:USER:_default' \
'--platform-password-file=[Read the user'\''s password from FILE (\`-\` for standard input)]:FILE:_files' \
'--platform-api-key-file=[Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)]:FILE:_files' \
'--platform-ca=[Trust the roots in FILE for the REST API, not those of this system]:FILE:_files' \
'--chip=[The chip\: esp32, esp32s3, esp32c2, esp32c3, esp32c6, esp32h2 \[default\: firmware.chip of keygen.toml\]]:CHIP:_default' \
'--broker=[The broker'\''s host name or address, as its certificate names it \[default\: firmware.mqtt_host, then server.name, then the only server of the store\]]:HOST:_default' \
'--port=[The broker'\''s port for MQTT over TLS \[default\: firmware.mqtt_port, 8883\]]:N:_default' \
'--wifi-ssid=[The wireless network \[default\: firmware.wifi_ssid\]]:SSID:_default' \
'--wifi-password-file=[Read the network'\''s password from FILE (\`-\` for standard input)]:FILE:_files' \
'--flash-size=[The size of the flash \[default\: firmware.flash_size, 4MB\]]:SIZE:_default' \
'--crystal=[The crystal of the board in MHz, 26 or 40, for ESP32 and ESP32-C2 \[default\: 40\]]:MHZ:_default' \
'--app=[The application\: an ELF file, or the .bin of ESP-IDF'\''s build \[default\: tbpki'\''s own\]]:FILE:_files' \
'--partitions=[The partition table, in ESP-IDF'\''s CSV or binary \[default\: nvs and one application\]]:FILE:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--zstd[Compress the archive with zstd]' \
'--dry-run[Say what would happen and write nothing]' \
'--no-register[Do not register the devices in the platform]' \
'(--no-register)--replace[Replace the credential of a device that has another one in the platform]' \
'(--no-register)--gateway[Make the devices gateways]' \
'--allow-plain-http[Let passwords go over http\:// to another machine, as inside of a tunnel]' \
'--no-bundle[Do not make bundles]' \
'--merged[Make a whole image for each device, after saying how much room they take, in place of its credentials partition]' \
'--skip-host-name-check[Let the devices accept any name in the broker'\''s certificate]' \
'--whole-flash[Fill flash.bin up to the size of the flash, as emulators want it]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_tbpki__subcmd__fleet__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tbpki-fleet-help-command-$line[1]:"
        case $line[1] in
            (issue)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(register)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(bundle)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(run)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(trust)
_arguments "${_arguments_options[@]}" : \
'--out=[Write the anchor to FILE (\`-\` for standard output)]:FILE:_files' \
'--sha256=[The SHA-256 of a certificate that the server sends, learnt in another way]:HEX:_default' \
'--timeout=[Seconds to wait for the server]:N:_default' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--force[Replace FILE; the old one is kept]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':server -- The server; the port is 8883 unless given:_default' \
&& ret=0
;;
(inspect)
_arguments "${_arguments_options[@]}" : \
'--passphrase-file=[Read the password of keystores or the passphrase of keys from FILE]:FILE:_files' \
'--key-passphrase-file=[Read the password of the key inside a keystore from FILE, where it is another one]:FILE:_files' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'*::files -- The files (`-` for standard input):_files' \
&& ret=0
;;
(verify)
_arguments "${_arguments_options[@]}" : \
'--anchors=[The certificates that the peer trusts \[default\: the store'\''s, by purpose\]]:FILE:_files' \
'--key=[The private key that has to belong to the leaf]:FILE:_files' \
'--passphrase-file=[Read the passphrase of the key from FILE]:FILE:_files' \
'--host=[The host name or IP address that has to be among the leaf'\''s names]:HOST:_default' \
'--purpose=[What the leaf is used as \[default\: what its extended key usage says\]]:PURPOSE:((server\:"A TLS server"
device\:"A TLS client"))' \
'*--crl=[Revocation lists to honour (repeat for several)]:FILE:_files' \
'--at=[The moment to check at, such as 2030-01-31T12\:00\:00Z \[default\: now\]]:TIME:_default' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':chain -- The chain that is sent, leaf first, or a leaf alone, whose issuing CA the store may have (PEM or DER):_files' \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
'--device=[The device in the store whose files are used \[default\: the store'\''s only device\]]:NAME:_default' \
'(--device)--cert=[The leaf as it is registered, perhaps with its issuers behind it, or with its key in the same file]:FILE:_files' \
'(--device)--key=[The private key]:FILE:_files' \
'(--device)--chain=[What is sent\: the leaf, then its issuers \[default\: what --cert holds\]]:FILE:_files' \
'--passphrase-file=[Read the passphrase of the key from FILE]:FILE:_files' \
'--cafile=[The certificates that the device trusts \[default\: the device'\''s, else what server.anchors says, else the system'\''s\]]:FILE:_files' \
'--token-file=[A file with the access token or password]:FILE:_files' \
'--auth=[How the device logs in \[default\: with a certificate, where there is one\]]:HOW:((certificate\:"Two-way TLS"
token\:"One-way TLS with an access token or password"))' \
'--kind=[What the broker is \[default\: platform.kind of keygen.toml\]]:KIND:((thingsboard\:"ThingsBoard"
actorcloud\:"ActorCloud"
mqtt\:"Any other broker, such as mosquitto"))' \
'--client-id=[The client id \[default\: one that nobody else has\]]:ID:_default' \
'--username=[The user name, for ActorCloud and for brokers with passwords]:NAME:_default' \
'--mqtt=[The version of MQTT]:VERSION:((3.1.1\:"Version 3.1.1"
5\:"Version 5"))' \
'(--device --cert --key --chain --passphrase-file --token-file --auth --client-id --username --telemetry --no-connect)--server=[Check a ThingsBoard server'\''s side\: the files and settings in DIR, and what the server shows of itself \[default DIR\: server.out of keygen.toml, else the store'\''s\]]::DIR:_files' \
'--platform-url=[The platform'\''s web address, to compare its clock with this one'\''s; nothing else is asked of it]:URL:_default' \
'--timeout=[Seconds to wait for each connection]:N:_default' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'(--no-connect --offline)--telemetry[Publish one value, \`tbpki_check\`, and wait for its PUBACK]' \
'--no-connect[Stop after the files and what the server shows of itself\: do not log in]' \
'(--platform-url --no-connect)--offline[Look at the files alone, and connect to nothing]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'::server -- The broker \[default\: firmware.mqtt_host or server.name of keygen.toml; port 8883, or 8884 for ActorCloud with a certificate\]:_default' \
&& ret=0
;;
(list)
_arguments "${_arguments_options[@]}" : \
'*--kind=[Only these kinds\: ca, server, device]:KIND:_default' \
'--expiring=[Only what expires within N days]:N:_default' \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--all[Earlier generations as well]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(config)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_tbpki__subcmd__config_commands" \
"*::: :->config" \
&& ret=0

    case $state in
    (config)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tbpki-config-command-$line[1]:"
        case $line[1] in
            (show)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--origin[Say where each value comes from]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_tbpki__subcmd__config__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tbpki-config-help-command-$line[1]:"
        case $line[1] in
            (show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(explain)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--list[Print every code with its title]' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'::code -- The code, such as TBPKI-0034 or 34:_default' \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration to read \[default\: keygen.toml\]]:FILE:_files' \
'--color=[Whether to use colour]:WHEN:((auto\:"On a terminal, unless NO_COLOR is set"
always\:"Even into files"
never\:"Not at all"))' \
'--no-input[Never ask\: fail and name the flag that would have answered]' \
'--json[Print the result as JSON (its schema is in the documentation)]' \
'*-v[Say more of what is being done; twice for all]' \
'*--verbose[Say more of what is being done; twice for all]' \
'(-v --verbose)-q[Say nothing but results and errors]' \
'(-v --verbose)--quiet[Say nothing but results and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':shell -- For which shell:(bash elvish fish powershell zsh)' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_tbpki__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tbpki-help-command-$line[1]:"
        case $line[1] in
            (init)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(server)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(client)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(register)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(unregister)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(token)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(profile)
_arguments "${_arguments_options[@]}" : \
":: :_tbpki__subcmd__help__subcmd__profile_commands" \
"*::: :->profile" \
&& ret=0

    case $state in
    (profile)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tbpki-help-profile-command-$line[1]:"
        case $line[1] in
            (create)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(actorcloud)
_arguments "${_arguments_options[@]}" : \
":: :_tbpki__subcmd__help__subcmd__actorcloud_commands" \
"*::: :->actorcloud" \
&& ret=0

    case $state in
    (actorcloud)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tbpki-help-actorcloud-command-$line[1]:"
        case $line[1] in
            (cert)
_arguments "${_arguments_options[@]}" : \
":: :_tbpki__subcmd__help__subcmd__actorcloud__subcmd__cert_commands" \
"*::: :->cert" \
&& ret=0

    case $state in
    (cert)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tbpki-help-actorcloud-cert-command-$line[1]:"
        case $line[1] in
            (create)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(enable)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(disable)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(bind)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(unbind)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(save)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(remove)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(bundle-firmware)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(flash)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(fleet)
_arguments "${_arguments_options[@]}" : \
":: :_tbpki__subcmd__help__subcmd__fleet_commands" \
"*::: :->fleet" \
&& ret=0

    case $state in
    (fleet)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tbpki-help-fleet-command-$line[1]:"
        case $line[1] in
            (issue)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(register)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(bundle)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(run)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(trust)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(inspect)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(verify)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(config)
_arguments "${_arguments_options[@]}" : \
":: :_tbpki__subcmd__help__subcmd__config_commands" \
"*::: :->config" \
&& ret=0

    case $state in
    (config)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tbpki-help-config-command-$line[1]:"
        case $line[1] in
            (show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(explain)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
}

(( $+functions[_tbpki_commands] )) ||
_tbpki_commands() {
    local commands; commands=(
'init:Make keygen.toml, the store and the CAs' \
'server:Make a server'\''s identity and the settings that fit it' \
'client:Make a device'\''s identity' \
'register:Register devices in the platform, with their certificates as what they log in with' \
'unregister:Make the platform forget a device'\''s certificate' \
'token:Fetch or set a device'\''s access token, for TLS without a client certificate' \
'profile:Device profiles that take every device with a certificate of their own CA' \
'actorcloud:Certificates of EMQ'\''s ActorCloud, which makes them itself' \
'bundle-firmware:Make flash images with devices'\'' credentials in them' \
'flash:Write an image that bundle-firmware made to a board' \
'fleet:Do for many devices what \`client\`, \`register\` and \`bundle-firmware\` do for one' \
'trust:Fetch the trust anchor of a server that is not ours' \
'inspect:Show what is in certificates, keys, requests, revocation lists and keystores' \
'verify:Check a chain, its key, names, dates and purpose' \
'check:Find out why a device cannot log in' \
'list:Show what the store holds and when it ends' \
'config:Show the configuration' \
'explain:Explain a code such as TBPKI-0034' \
'completions:Print the completions of a shell' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tbpki commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud_commands] )) ||
_tbpki__subcmd__actorcloud_commands() {
    local commands; commands=(
'cert:Certificates that ActorCloud makes, and the devices that they are bound to' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tbpki actorcloud commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__cert_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__cert_commands() {
    local commands; commands=(
'create:Have a certificate and its key made' \
'list:List the certificates' \
'enable:Let devices log in with a certificate' \
'disable:Let no device log in with a certificate any more' \
'bind:Bind a certificate to devices, whose auth type has to be Certificate' \
'unbind:Unbind a certificate from devices' \
'save:Write NAME.crt, NAME.key and root_ca.crt' \
'remove:Remove a certificate with its key; no device may be bound to it' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tbpki actorcloud cert commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__bind_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__bind_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud cert bind commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__create_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__create_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud cert create commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__disable_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__disable_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud cert disable commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__enable_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__enable_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud cert enable commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help_commands() {
    local commands; commands=(
'create:Have a certificate and its key made' \
'list:List the certificates' \
'enable:Let devices log in with a certificate' \
'disable:Let no device log in with a certificate any more' \
'bind:Bind a certificate to devices, whose auth type has to be Certificate' \
'unbind:Unbind a certificate from devices' \
'save:Write NAME.crt, NAME.key and root_ca.crt' \
'remove:Remove a certificate with its key; no device may be bound to it' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tbpki actorcloud cert help commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help__subcmd__bind_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help__subcmd__bind_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud cert help bind commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help__subcmd__create_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help__subcmd__create_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud cert help create commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help__subcmd__disable_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help__subcmd__disable_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud cert help disable commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help__subcmd__enable_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help__subcmd__enable_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud cert help enable commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help__subcmd__help_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud cert help help commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help__subcmd__list_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud cert help list commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help__subcmd__remove_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help__subcmd__remove_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud cert help remove commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help__subcmd__save_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help__subcmd__save_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud cert help save commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help__subcmd__unbind_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__help__subcmd__unbind_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud cert help unbind commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__list_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud cert list commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__remove_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__remove_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud cert remove commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__save_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__save_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud cert save commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__unbind_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__cert__subcmd__unbind_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud cert unbind commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__help_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__help_commands() {
    local commands; commands=(
'cert:Certificates that ActorCloud makes, and the devices that they are bound to' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tbpki actorcloud help commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__help__subcmd__cert_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__help__subcmd__cert_commands() {
    local commands; commands=(
'create:Have a certificate and its key made' \
'list:List the certificates' \
'enable:Let devices log in with a certificate' \
'disable:Let no device log in with a certificate any more' \
'bind:Bind a certificate to devices, whose auth type has to be Certificate' \
'unbind:Unbind a certificate from devices' \
'save:Write NAME.crt, NAME.key and root_ca.crt' \
'remove:Remove a certificate with its key; no device may be bound to it' \
    )
    _describe -t commands 'tbpki actorcloud help cert commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__help__subcmd__cert__subcmd__bind_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__help__subcmd__cert__subcmd__bind_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud help cert bind commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__help__subcmd__cert__subcmd__create_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__help__subcmd__cert__subcmd__create_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud help cert create commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__help__subcmd__cert__subcmd__disable_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__help__subcmd__cert__subcmd__disable_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud help cert disable commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__help__subcmd__cert__subcmd__enable_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__help__subcmd__cert__subcmd__enable_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud help cert enable commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__help__subcmd__cert__subcmd__list_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__help__subcmd__cert__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud help cert list commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__help__subcmd__cert__subcmd__remove_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__help__subcmd__cert__subcmd__remove_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud help cert remove commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__help__subcmd__cert__subcmd__save_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__help__subcmd__cert__subcmd__save_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud help cert save commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__help__subcmd__cert__subcmd__unbind_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__help__subcmd__cert__subcmd__unbind_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud help cert unbind commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__actorcloud__subcmd__help__subcmd__help_commands] )) ||
_tbpki__subcmd__actorcloud__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki actorcloud help help commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__bundle-firmware_commands] )) ||
_tbpki__subcmd__bundle-firmware_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki bundle-firmware commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__check_commands] )) ||
_tbpki__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki check commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__client_commands] )) ||
_tbpki__subcmd__client_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki client commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__completions_commands] )) ||
_tbpki__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki completions commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__config_commands] )) ||
_tbpki__subcmd__config_commands() {
    local commands; commands=(
'show:Print every value that is in force' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tbpki config commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__config__subcmd__help_commands] )) ||
_tbpki__subcmd__config__subcmd__help_commands() {
    local commands; commands=(
'show:Print every value that is in force' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tbpki config help commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__config__subcmd__help__subcmd__help_commands] )) ||
_tbpki__subcmd__config__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki config help help commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__config__subcmd__help__subcmd__show_commands] )) ||
_tbpki__subcmd__config__subcmd__help__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki config help show commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__config__subcmd__show_commands] )) ||
_tbpki__subcmd__config__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki config show commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__explain_commands] )) ||
_tbpki__subcmd__explain_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki explain commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__flash_commands] )) ||
_tbpki__subcmd__flash_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki flash commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__fleet_commands] )) ||
_tbpki__subcmd__fleet_commands() {
    local commands; commands=(
'issue:Make the identities of many devices' \
'register:Register the devices of a job in the platform' \
'bundle:Make what goes into the flash of a job'\''s devices\: each its own credentials partition' \
'run:Issue, register and bundle a fleet in one go' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tbpki fleet commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__fleet__subcmd__bundle_commands] )) ||
_tbpki__subcmd__fleet__subcmd__bundle_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki fleet bundle commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__fleet__subcmd__help_commands] )) ||
_tbpki__subcmd__fleet__subcmd__help_commands() {
    local commands; commands=(
'issue:Make the identities of many devices' \
'register:Register the devices of a job in the platform' \
'bundle:Make what goes into the flash of a job'\''s devices\: each its own credentials partition' \
'run:Issue, register and bundle a fleet in one go' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tbpki fleet help commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__fleet__subcmd__help__subcmd__bundle_commands] )) ||
_tbpki__subcmd__fleet__subcmd__help__subcmd__bundle_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki fleet help bundle commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__fleet__subcmd__help__subcmd__help_commands] )) ||
_tbpki__subcmd__fleet__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki fleet help help commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__fleet__subcmd__help__subcmd__issue_commands] )) ||
_tbpki__subcmd__fleet__subcmd__help__subcmd__issue_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki fleet help issue commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__fleet__subcmd__help__subcmd__register_commands] )) ||
_tbpki__subcmd__fleet__subcmd__help__subcmd__register_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki fleet help register commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__fleet__subcmd__help__subcmd__run_commands] )) ||
_tbpki__subcmd__fleet__subcmd__help__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki fleet help run commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__fleet__subcmd__issue_commands] )) ||
_tbpki__subcmd__fleet__subcmd__issue_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki fleet issue commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__fleet__subcmd__register_commands] )) ||
_tbpki__subcmd__fleet__subcmd__register_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki fleet register commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__fleet__subcmd__run_commands] )) ||
_tbpki__subcmd__fleet__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki fleet run commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help_commands] )) ||
_tbpki__subcmd__help_commands() {
    local commands; commands=(
'init:Make keygen.toml, the store and the CAs' \
'server:Make a server'\''s identity and the settings that fit it' \
'client:Make a device'\''s identity' \
'register:Register devices in the platform, with their certificates as what they log in with' \
'unregister:Make the platform forget a device'\''s certificate' \
'token:Fetch or set a device'\''s access token, for TLS without a client certificate' \
'profile:Device profiles that take every device with a certificate of their own CA' \
'actorcloud:Certificates of EMQ'\''s ActorCloud, which makes them itself' \
'bundle-firmware:Make flash images with devices'\'' credentials in them' \
'flash:Write an image that bundle-firmware made to a board' \
'fleet:Do for many devices what \`client\`, \`register\` and \`bundle-firmware\` do for one' \
'trust:Fetch the trust anchor of a server that is not ours' \
'inspect:Show what is in certificates, keys, requests, revocation lists and keystores' \
'verify:Check a chain, its key, names, dates and purpose' \
'check:Find out why a device cannot log in' \
'list:Show what the store holds and when it ends' \
'config:Show the configuration' \
'explain:Explain a code such as TBPKI-0034' \
'completions:Print the completions of a shell' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tbpki help commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__actorcloud_commands] )) ||
_tbpki__subcmd__help__subcmd__actorcloud_commands() {
    local commands; commands=(
'cert:Certificates that ActorCloud makes, and the devices that they are bound to' \
    )
    _describe -t commands 'tbpki help actorcloud commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__actorcloud__subcmd__cert_commands] )) ||
_tbpki__subcmd__help__subcmd__actorcloud__subcmd__cert_commands() {
    local commands; commands=(
'create:Have a certificate and its key made' \
'list:List the certificates' \
'enable:Let devices log in with a certificate' \
'disable:Let no device log in with a certificate any more' \
'bind:Bind a certificate to devices, whose auth type has to be Certificate' \
'unbind:Unbind a certificate from devices' \
'save:Write NAME.crt, NAME.key and root_ca.crt' \
'remove:Remove a certificate with its key; no device may be bound to it' \
    )
    _describe -t commands 'tbpki help actorcloud cert commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__actorcloud__subcmd__cert__subcmd__bind_commands] )) ||
_tbpki__subcmd__help__subcmd__actorcloud__subcmd__cert__subcmd__bind_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help actorcloud cert bind commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__actorcloud__subcmd__cert__subcmd__create_commands] )) ||
_tbpki__subcmd__help__subcmd__actorcloud__subcmd__cert__subcmd__create_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help actorcloud cert create commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__actorcloud__subcmd__cert__subcmd__disable_commands] )) ||
_tbpki__subcmd__help__subcmd__actorcloud__subcmd__cert__subcmd__disable_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help actorcloud cert disable commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__actorcloud__subcmd__cert__subcmd__enable_commands] )) ||
_tbpki__subcmd__help__subcmd__actorcloud__subcmd__cert__subcmd__enable_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help actorcloud cert enable commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__actorcloud__subcmd__cert__subcmd__list_commands] )) ||
_tbpki__subcmd__help__subcmd__actorcloud__subcmd__cert__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help actorcloud cert list commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__actorcloud__subcmd__cert__subcmd__remove_commands] )) ||
_tbpki__subcmd__help__subcmd__actorcloud__subcmd__cert__subcmd__remove_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help actorcloud cert remove commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__actorcloud__subcmd__cert__subcmd__save_commands] )) ||
_tbpki__subcmd__help__subcmd__actorcloud__subcmd__cert__subcmd__save_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help actorcloud cert save commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__actorcloud__subcmd__cert__subcmd__unbind_commands] )) ||
_tbpki__subcmd__help__subcmd__actorcloud__subcmd__cert__subcmd__unbind_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help actorcloud cert unbind commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__bundle-firmware_commands] )) ||
_tbpki__subcmd__help__subcmd__bundle-firmware_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help bundle-firmware commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__check_commands] )) ||
_tbpki__subcmd__help__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help check commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__client_commands] )) ||
_tbpki__subcmd__help__subcmd__client_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help client commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__completions_commands] )) ||
_tbpki__subcmd__help__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help completions commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__config_commands] )) ||
_tbpki__subcmd__help__subcmd__config_commands() {
    local commands; commands=(
'show:Print every value that is in force' \
    )
    _describe -t commands 'tbpki help config commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__config__subcmd__show_commands] )) ||
_tbpki__subcmd__help__subcmd__config__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help config show commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__explain_commands] )) ||
_tbpki__subcmd__help__subcmd__explain_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help explain commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__flash_commands] )) ||
_tbpki__subcmd__help__subcmd__flash_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help flash commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__fleet_commands] )) ||
_tbpki__subcmd__help__subcmd__fleet_commands() {
    local commands; commands=(
'issue:Make the identities of many devices' \
'register:Register the devices of a job in the platform' \
'bundle:Make what goes into the flash of a job'\''s devices\: each its own credentials partition' \
'run:Issue, register and bundle a fleet in one go' \
    )
    _describe -t commands 'tbpki help fleet commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__fleet__subcmd__bundle_commands] )) ||
_tbpki__subcmd__help__subcmd__fleet__subcmd__bundle_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help fleet bundle commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__fleet__subcmd__issue_commands] )) ||
_tbpki__subcmd__help__subcmd__fleet__subcmd__issue_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help fleet issue commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__fleet__subcmd__register_commands] )) ||
_tbpki__subcmd__help__subcmd__fleet__subcmd__register_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help fleet register commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__fleet__subcmd__run_commands] )) ||
_tbpki__subcmd__help__subcmd__fleet__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help fleet run commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__help_commands] )) ||
_tbpki__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help help commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__init_commands] )) ||
_tbpki__subcmd__help__subcmd__init_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help init commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__inspect_commands] )) ||
_tbpki__subcmd__help__subcmd__inspect_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help inspect commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__list_commands] )) ||
_tbpki__subcmd__help__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help list commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__profile_commands] )) ||
_tbpki__subcmd__help__subcmd__profile_commands() {
    local commands; commands=(
'create:Make an issuing CA for a profile, and a profile in the platform that takes its devices' \
'show:Show what the store and the platform have of profiles' \
    )
    _describe -t commands 'tbpki help profile commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__profile__subcmd__create_commands] )) ||
_tbpki__subcmd__help__subcmd__profile__subcmd__create_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help profile create commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__profile__subcmd__show_commands] )) ||
_tbpki__subcmd__help__subcmd__profile__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help profile show commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__register_commands] )) ||
_tbpki__subcmd__help__subcmd__register_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help register commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__server_commands] )) ||
_tbpki__subcmd__help__subcmd__server_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help server commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__token_commands] )) ||
_tbpki__subcmd__help__subcmd__token_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help token commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__trust_commands] )) ||
_tbpki__subcmd__help__subcmd__trust_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help trust commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__unregister_commands] )) ||
_tbpki__subcmd__help__subcmd__unregister_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help unregister commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__help__subcmd__verify_commands] )) ||
_tbpki__subcmd__help__subcmd__verify_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki help verify commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__init_commands] )) ||
_tbpki__subcmd__init_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki init commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__inspect_commands] )) ||
_tbpki__subcmd__inspect_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki inspect commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__list_commands] )) ||
_tbpki__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki list commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__profile_commands] )) ||
_tbpki__subcmd__profile_commands() {
    local commands; commands=(
'create:Make an issuing CA for a profile, and a profile in the platform that takes its devices' \
'show:Show what the store and the platform have of profiles' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tbpki profile commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__profile__subcmd__create_commands] )) ||
_tbpki__subcmd__profile__subcmd__create_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki profile create commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__profile__subcmd__help_commands] )) ||
_tbpki__subcmd__profile__subcmd__help_commands() {
    local commands; commands=(
'create:Make an issuing CA for a profile, and a profile in the platform that takes its devices' \
'show:Show what the store and the platform have of profiles' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tbpki profile help commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__profile__subcmd__help__subcmd__create_commands] )) ||
_tbpki__subcmd__profile__subcmd__help__subcmd__create_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki profile help create commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__profile__subcmd__help__subcmd__help_commands] )) ||
_tbpki__subcmd__profile__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki profile help help commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__profile__subcmd__help__subcmd__show_commands] )) ||
_tbpki__subcmd__profile__subcmd__help__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki profile help show commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__profile__subcmd__show_commands] )) ||
_tbpki__subcmd__profile__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki profile show commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__register_commands] )) ||
_tbpki__subcmd__register_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki register commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__server_commands] )) ||
_tbpki__subcmd__server_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki server commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__token_commands] )) ||
_tbpki__subcmd__token_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki token commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__trust_commands] )) ||
_tbpki__subcmd__trust_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki trust commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__unregister_commands] )) ||
_tbpki__subcmd__unregister_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki unregister commands' commands "$@"
}
(( $+functions[_tbpki__subcmd__verify_commands] )) ||
_tbpki__subcmd__verify_commands() {
    local commands; commands=()
    _describe -t commands 'tbpki verify commands' commands "$@"
}

if [ "$funcstack[1]" = "_tbpki" ]; then
    _tbpki "$@"
else
    compdef _tbpki tbpki
fi
