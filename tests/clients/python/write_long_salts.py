"""Writes a key and a keystore in PBES2 with salts of 64 octets, which OpenSSL reads and does not write before version 3.2.

Usage: write_long_salts.py KEY.pem CERTIFICATE.pem PASSWORD KEY.der KEYSTORE.p12
"""

import hashlib
import os
import sys

from cryptography import x509
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

ROUNDS = 2048


def tlv(tag, *parts):
    content = b"".join(parts)
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content


def sequence(*parts):
    return tlv(0x30, *parts)


def oid(text):
    first, second, *arcs = (int(arc) for arc in text.split("."))
    content = bytes([first * 40 + second])
    for arc in arcs:
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | arc & 0x7F)
        content += bytes(reversed(digits))
    return tlv(6, content)


def encrypt(plain, password):
    """The AlgorithmIdentifier of PBES2 and the encrypted octets."""
    salt, iv = os.urandom(64), os.urandom(16)
    key = hashlib.pbkdf2_hmac("sha256", password, salt, ROUNDS, 32)
    padding = 16 - len(plain) % 16
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    data = encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()
    prf = sequence(oid("1.2.840.113549.2.9"), b"\x05\x00")
    kdf = sequence(tlv(4, salt), tlv(2, ROUNDS.to_bytes(2, "big")), prf)
    kdf = sequence(oid("1.2.840.113549.1.5.12"), kdf)
    cipher = sequence(oid("2.16.840.1.101.3.4.1.42"), tlv(4, iv))
    return sequence(oid("1.2.840.113549.1.5.13"), sequence(kdf, cipher)), data


def bag(kind, value):
    return sequence(oid(f"1.2.840.113549.1.12.10.1.{kind}"), tlv(0xA0, value))


def data_info(content):
    return sequence(oid("1.2.840.113549.1.7.1"), tlv(0xA0, tlv(4, content)))


key_path, certificate_path, password, key_out, keystore_out = sys.argv[1:]
with open(key_path, "rb") as file:
    key = load_pem_private_key(file.read(), None).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
with open(certificate_path, "rb") as file:
    certificate = x509.load_pem_x509_certificate(file.read()).public_bytes(Encoding.DER)
algorithm, data = encrypt(key, password.encode())
shrouded = sequence(algorithm, tlv(4, data))
with open(key_out, "wb") as file:
    file.write(shrouded)
x509_certificate = sequence(oid("1.2.840.113549.1.9.22.1"), tlv(0xA0, tlv(4, certificate)))
algorithm, data = encrypt(sequence(bag(3, x509_certificate)), password.encode())
content = sequence(oid("1.2.840.113549.1.7.1"), algorithm, tlv(0x80, data))
encrypted = sequence(oid("1.2.840.113549.1.7.6"), tlv(0xA0, sequence(tlv(2, b"\x00"), content)))
safes = sequence(data_info(sequence(bag(2, shrouded))), encrypted)
with open(keystore_out, "wb") as file:
    file.write(sequence(tlv(2, b"\x03"), data_info(safes)))
