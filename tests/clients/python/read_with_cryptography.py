"""Reads what tbpki wrote with PyPI's cryptography and prints one line of JSON.

read_with_cryptography.py certificates FILE             every certificate of a PEM file
read_with_cryptography.py key FILE                      a private key; its password in KEY_PASSWORD
read_with_cryptography.py pkcs12 FILE                   a keystore; its password in STORE_PASSWORD
read_with_cryptography.py server ANCHORS CHAIN NAME     verifies a server's chain for a host name
read_with_cryptography.py client ANCHORS CHAIN          verifies a client's chain
"""

import json
import os
import sys

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key, pkcs12
from cryptography.x509 import verification


def read(path):
    with open(path, "rb") as file:
        return file.read()


def password(variable):
    value = os.environ.get(variable)
    return None if value is None else value.encode()


def public_key(key):
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()


def certificate(found):
    return {
        "subject": found.subject.rfc4514_string(),
        "issuer": found.issuer.rfc4514_string(),
        "serial": f"{found.serial_number:X}",
        "public_key": public_key(found.public_key()),
        "extensions": [extension.oid.dotted_string for extension in found.extensions],
    }


def certificates(path):
    return {"certificates": [certificate(found) for found in x509.load_pem_x509_certificates(read(path))]}


def key(path):
    found = load_pem_private_key(read(path), password("KEY_PASSWORD"))
    return {"algorithm": type(found).__name__, "public_key": public_key(found.public_key())}


def keystore(path):
    found = pkcs12.load_pkcs12(read(path), password("STORE_PASSWORD"))
    return {
        "alias": found.cert and found.cert.friendly_name and found.cert.friendly_name.decode(),
        "leaf": found.cert and certificate(found.cert.certificate),
        "public_key": found.key and public_key(found.key.public_key()),
        "others": [certificate(other.certificate) for other in found.additional_certs],
    }


def builder(anchors):
    store = verification.Store(x509.load_pem_x509_certificates(read(anchors)))
    return verification.PolicyBuilder().store(store)


def server(anchors, chain, name):
    leaf, *rest = x509.load_pem_x509_certificates(read(chain))
    verifier = builder(anchors).build_server_verifier(x509.DNSName(name))
    return {"chain": [certificate(found) for found in verifier.verify(leaf, rest)]}


def client(anchors, chain):
    leaf, *rest = x509.load_pem_x509_certificates(read(chain))
    # Device leaves carry no subject alternative name, which this library's default policy asks of clients.
    policy = verification.ExtensionPolicy.permit_all()
    verifier = builder(anchors).extension_policies(ca_policy=verification.ExtensionPolicy.webpki_defaults_ca(),
                                                   ee_policy=policy).build_client_verifier()
    return {"chain": [certificate(found) for found in verifier.verify(leaf, rest).chain]}


VERBS = {
    "certificates": certificates,
    "key": key,
    "pkcs12": keystore,
    "server": server,
    "client": client,
}


if __name__ == "__main__":
    verb, *arguments = sys.argv[1:]
    try:
        print(json.dumps(VERBS[verb](*arguments)))
    except (ValueError, TypeError, verification.VerificationError) as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}))
        sys.exit(1)
