"""An EST server (RFC 7030) on Python's http.server, ssl and cryptography: one that knows nothing of tbpki.

est_server.py DIRECTORY DEVICE PASSWORD STATUS

Makes a CA, and a certificate for localhost that it issues. Writes root.pem into the directory, and prints the port. It
answers /cacerts, /simpleenroll for the device with the password, and /simplereenroll for certificates of its CA, and any other
path with STATUS. Answers
are base64 in lines, and contain the CA in front of the certificate, as some servers send it.

If the directory has a file "fault", its word tells what is wrong with the certificates that are issued, and with answers:

  ca          the certificate is that of a CA
  purpose     it is for servers alone
  names       it has a further alternative name
  critical    it has a critical extension that nothing knows
  short       it ends tomorrow
  two         the answer has two certificates for the key
  untrusted   another CA has issued it, which is in /cacerts, and which the server itself does not trust
  truncated   the connection ends within the answer
  later       the answer is 503 with an empty Retry-After
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


def certificate(subject, public, issuer, signer, extensions, days=30):
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(minutes=5))
        .not_valid_after(NOW + datetime.timedelta(days=days))
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
        self.other_key = ec.generate_private_key(ec.SECP256R1())
        self.other_name = named("Untrusted CA")
        self.other_root = certificate(
            self.other_name, self.other_key.public_key(), self.other_name, self.other_key, extensions
        )

    def fault(self):
        path = self.directory / "fault"
        return path.read_text().strip() if path.exists() else ""

    def issue(self, subject, public):
        fault = self.fault()
        if fault == "untrusted":
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
            return certificate(subject, public, self.other_name, self.other_key, [(purpose, False)])
        usage = ExtendedKeyUsageOID.SERVER_AUTH if fault == "purpose" else ExtendedKeyUsageOID.CLIENT_AUTH
        extensions = [(x509.ExtendedKeyUsage([usage]), False)]
        if fault == "ca":
            extensions.append((x509.BasicConstraints(ca=True, path_length=0), True))
        if fault == "names":
            extensions.append((x509.SubjectAlternativeName([x509.DNSName("evil.example")]), False))
        if fault == "critical":
            unknown = x509.ObjectIdentifier("1.3.6.1.4.1.99999.1")
            extensions.append((x509.UnrecognizedExtension(unknown, b"\x05\x00"), True))
        return certificate(subject, public, self.name, self.key, extensions, 1 if fault == "short" else 30)

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
            authority = self.server.authority
            others = [authority.other_root] if authority.fault() == "untrusted" else []
            self.certificates([authority.root] + others)
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
        authority = self.server.authority
        if authority.fault() == "later":
            self.answer(503, b"come back", [("Retry-After", "")])
            return
        leaves = [authority.issue(csr.subject, csr.public_key())]
        if authority.fault() == "two":
            leaves.append(authority.issue(csr.subject, csr.public_key()))
        self.certificates([authority.root] + leaves)

    def certificates(self, ones):
        der = pkcs7.serialize_certificates(ones, serialization.Encoding.DER)
        headers = [("Content-Type", "application/pkcs7-mime"), ("Content-Transfer-Encoding", "base64")]
        self.answer(200, base64.encodebytes(der), headers)

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        is_cut = self.server.authority.fault() == "truncated"
        self.send_header("Content-Length", str(len(body) + (100 if is_cut else 0)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.close_connection or is_cut

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
