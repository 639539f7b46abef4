#!/bin/sh
# Makes the keystores of this directory again, with other keys. Wants openssl 3 with its legacy provider and a JDK of 17
# or later. Nothing here protects anything: passwords and keys are public.
set -eu
cd "$(dirname "$0")"
rm -f ./*.der ./*.jks ./*.p12
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

ca() { # name subject issuer-options..
    name=$1 subject=$2
    shift 2
    openssl ecparam -name prime256v1 -genkey -noout -out "$work/$name.key"
    openssl req -new -key "$work/$name.key" -subj "$subject" -out "$work/$name.csr"
    openssl x509 -req -in "$work/$name.csr" -days 36500 -out "$work/$name.pem" "$@" 2>/dev/null
}

printf 'basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' > "$work/ca.ext"
printf 'basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nsubjectAltName=DNS:localhost\n' > "$work/leaf.ext"
ca root '/O=Fixture/CN=Fixture Root' -signkey "$work/root.key" -extfile "$work/ca.ext"
ca issuing '/O=Fixture/CN=Fixture Issuing CA' -CA "$work/root.pem" -CAkey "$work/root.key" -extfile "$work/ca.ext"
ca leaf '/O=Fixture/CN=leaf.fixture.example' -CA "$work/issuing.pem" -CAkey "$work/issuing.key" -extfile "$work/leaf.ext"
ca devices '/O=Fixture/CN=Fixture Devices Root' -signkey "$work/devices.key" -extfile "$work/ca.ext"
for name in root issuing leaf devices; do
    openssl x509 -in "$work/$name.pem" -outform DER -out "$name.der"
done
openssl pkcs8 -topk8 -nocrypt -in "$work/leaf.key" -outform DER -out leaf-key.der
cat "$work/issuing.pem" "$work/root.pem" > "$work/chain.pem"

# openssl
set -- -inkey "$work/leaf.key" -in "$work/leaf.pem" -certfile "$work/chain.pem" -name ServerAlias
openssl pkcs12 -export "$@" -passout pass:store-pw -out openssl.p12
openssl pkcs12 -export "$@" -legacy -passout pass:store-pw -out openssl-legacy.p12
openssl pkcs12 -export -nokeys -in "$work/chain.pem" -passout pass:store-pw -out openssl-nokeys.p12
openssl pkcs12 -export -inkey "$work/leaf.key" -in "$work/leaf.pem" -nomac -keypbe NONE -certpbe NONE \
    -passout pass: -out openssl-open.p12

# keytool: the same key and chain, and one trusted entry
keystore() { # file type key-password
    keytool -importkeystore -srckeystore openssl.p12 -srcstorepass store-pw -srcalias serveralias \
        -destkeystore "$1" -deststoretype "$2" -deststorepass store-pw -destkeypass "$3" 2>/dev/null
    keytool -importcert -noprompt -file "$work/devices.pem" -alias DevicesRoot \
        -keystore "$1" -storetype "$2" -storepass store-pw 2>/dev/null
}
keystore keytool.jks JKS key-pw
keystore keytool.p12 PKCS12 store-pw

# Java's own interface lets a PKCS#12 entry have a password of its own, which keytool does not.
cat > "$work/TwoPasswords.java" <<'JAVA'
import java.io.*;
import java.security.*;

class TwoPasswords {
    public static void main(String[] arguments) throws Exception {
        char[] storePassword = "store-pw".toCharArray();
        KeyStore store = KeyStore.getInstance(new File("keytool.p12"), storePassword);
        Key key = store.getKey("serveralias", storePassword);
        store.setKeyEntry("serveralias", key, "key-pw".toCharArray(), store.getCertificateChain("serveralias"));
        try (OutputStream out = new FileOutputStream("java-two-passwords.p12")) {
            store.store(out, storePassword);
        }
    }
}
JAVA
java "$work/TwoPasswords.java"
