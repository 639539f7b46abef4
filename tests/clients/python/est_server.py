"""An EST server (RFC 7030) on Python's http.server, ssl and cryptography: one that knows nothing of tbpki.

est_server.py DIRECTORY DEVICE PASSWORD STATUS

Makes a CA, and a certificate for localhost that it issues. Writes root.pem into the directory, and prints the port. It
answers /cacerts, /simpleenroll for the device with the password, and /simplereenroll for certificates of its CA, and any other
path with STATUS. Answers
are base64 in lines, and contain the CA in front of the certificate, as some servers send it.
"""

import base64
import datetime
import http.server
import pathlib
import ssl
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.now(datetime.timezone.utc)
BASE = "/.well-known/est/"


def named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def certificate(subject, public, issuer, signer, extensions):
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(minutes=5))
        .not_valid_after(NOW + datetime.timedelta(days=30))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, hashes.SHA256())


def pem(one):
    return one.public_bytes(serialization.Encoding.PEM)


class Authority:
    def __init__(self, directory):
        self.directory = directory
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = named("Other CA")
        extensions = [(x509.BasicConstraints(ca=True, path_length=0), True)]
        self.root = certificate(self.name, self.key.public_key(), self.name, self.key, extensions)
        (directory / "root.pem").write_bytes(pem(self.root))

    def issue(self, subject, public):
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        return certificate(subject, public, self.name, self.key, [(purpose, False)])

    def server(self):
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        own = certificate(named("localhost"), key.public_key(), self.name, self.key, [(names, False)])
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = self.directory / "server.pem"
        path.write_bytes(private + pem(own))
        return path


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == BASE + "cacerts":
            self.certificates([self.server.authority.root])
        else:
            self.answer(self.server.unknown, b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path not in (BASE + "simpleenroll", BASE + "simplereenroll"):
            self.answer(self.server.unknown, b"")
            return
        csr = x509.load_der_x509_csr(base64.b64decode(body))
        shown = self.connection.getpeercert()
        if shown:
            allowed = dict(part[0] for part in shown["subject"])["commonName"]
        elif self.path == BASE + "simpleenroll" and self.headers.get("Authorization") == self.server.login:
            allowed = self.server.device
        else:
            self.answer(401, b"who are you?", [("WWW-Authenticate", 'Basic realm="est"')])
            return
        if not csr.is_signature_valid or csr.subject != named(allowed):
            self.answer(400, b"the request is not for this subject")
            return
        leaf = self.server.authority.issue(csr.subject, csr.public_key())
        self.certificates([self.server.authority.root, leaf])

    def certificates(self, ones):
        der = pkcs7.serialize_certificates(ones, serialization.Encoding.DER)
        headers = [("Content-Type", "application/pkcs7-mime"), ("Content-Transfer-Encoding", "base64")]
        self.answer(200, base64.encodebytes(der), headers)

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main(directory, device, password, unknown):
    authority = Authority(pathlib.Path(directory))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.authority = authority
    server.device = device
    server.unknown = int(unknown)
    server.login = "Basic " + base64.b64encode(f"{device}:{password}".encode()).decode()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server())
    context.load_verify_locations(cadata=pem(authority.root).decode())
    context.verify_mode = ssl.CERT_OPTIONAL
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    server.serve_forever()


main(*sys.argv[1:])
