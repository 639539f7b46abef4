"""Device identities made in memory with Python's cryptography.

issue.py COUNT

Each is what tbpki makes of one: an EC P-256 key in PKCS#8, a leaf below a CA with the same extensions, its SHA-256, and
the credentials id that ThingsBoard knows it by. The first hundred are not measured. Prints the number and the seconds
of CPU as one line of JSON.
"""

import base64
import datetime
import hashlib
import json
import sys
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

USAGE = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
PURPOSE = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
LEAF = x509.BasicConstraints(ca=False, path_length=None)
BASE = [
    x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
    x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ThingsBoard"),
    x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "ThingsBoard"),
]


class Issuer:
    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "devices issuing CA")])
        self.identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        self.begin = datetime.datetime.now(datetime.timezone.utc)
        self.end = self.begin + datetime.timedelta(days=3650)

    def issue(self, number):
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key()
        subject = x509.Name([*BASE, x509.NameAttribute(NameOID.COMMON_NAME, "sensor-%06d" % number)])
        leaf = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.begin)
            .not_valid_after(self.end)
            .add_extension(self.identifier, critical=False)
            .add_extension(USAGE, critical=True)
            .add_extension(PURPOSE, critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(LEAF, critical=True)
            .sign(self.key, hashes.SHA256())
        )
        der = leaf.public_bytes(serialization.Encoding.DER)
        pkcs8 = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        identifier = hashlib.sha3_256(base64.b64encode(der)).hexdigest()
        return pkcs8, der, hashlib.sha256(der).digest(), identifier


def main(count):
    issuer = Issuer()
    for number in range(100):
        issuer.issue(number)
    cpu = time.process_time()
    for number in range(count):
        issuer.issue(number)
    print(json.dumps({"made": count, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
