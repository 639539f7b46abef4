#!/bin/sh
# Certificates that no one should make, and that rcgen therefore does not make: made once with OpenSSL 3.0 (later versions
# make no certificates of version 1). Keys are thrown away.
set -eu
new() { openssl req -newkey "$1" -pkeyopt "$2" -nodes -keyout "$3.key" -subj "/CN=$3" -out "$3.csr" 2>/dev/null; }

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -days 36500 -subj "/CN=root" \
    -addext keyUsage=critical,keyCertSign -out root.pem 2>/dev/null
printf 'basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n' >leaf.ext
new ec ec_paramgen_curve:P-256 v1
openssl x509 -req -in v1.csr -CA root.pem -CAkey root.key -days 36500 -out v1.pem 2>/dev/null
new ec ec_paramgen_curve:P-256 sha1
openssl x509 -req -in sha1.csr -CA root.pem -CAkey root.key -days 36500 -sha1 -extfile leaf.ext -out sha1.pem 2>/dev/null
new rsa rsa_keygen_bits:1024 rsa1024
openssl x509 -req -in rsa1024.csr -CA root.pem -CAkey root.key -days 36500 -extfile leaf.ext -out rsa1024.pem 2>/dev/null
printf 'basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n1.2.3.4=critical,ASN1:NULL\n' >critical.ext
new ec ec_paramgen_curve:P-256 critical
openssl x509 -req -in critical.csr -CA root.pem -CAkey root.key -days 36500 -extfile critical.ext -out critical.pem 2>/dev/null
rm -f -- *.key *.csr *.srl *.ext
