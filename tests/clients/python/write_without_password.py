"""Writes a PKCS#12 without encryption, as Python cryptography does. Usage: write_without_password.py KEY CERTIFICATE FILE"""

import sys

from cryptography import x509
from cryptography.hazmat.primitives.serialization import NoEncryption, load_pem_private_key, pkcs12

with open(sys.argv[1], "rb") as file:
    key = load_pem_private_key(file.read(), None)
with open(sys.argv[2], "rb") as file:
    certificate = x509.load_pem_x509_certificate(file.read())
with open(sys.argv[3], "wb") as file:
    file.write(pkcs12.serialize_key_and_certificates(b"ca", key, certificate, None, NoEncryption()))
