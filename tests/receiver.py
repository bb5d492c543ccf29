"""A real https server on loopback that takes webhooks, and the certificate authority that vouches for it."""

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "hooks.example.org"


@dataclass(frozen=True, kw_only=True)
class Authority:
    """A certificate authority of one test session."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls) -> "Authority":
        """A new one."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        built = _builder(name, name, key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), True
        )
        built = built.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        return cls(certificate=built.add_extension(usage, True).sign(key, hashes.SHA256()), key=key)

    def trusting(self) -> ssl.SSLContext:
        """A client's context that trusts this authority and no other."""
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        context = ssl.create_default_context(cadata=pem)
        assert context.check_hostname
        return context

    def serving(self, folder: Path, *names: str) -> ssl.SSLContext:
        """A server's context with a certificate for these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Receiver")])
        built = _builder(subject, self.certificate.subject, key.public_key())
        alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        built = built.add_extension(alternatives, False).add_extension(issuer, False)
        signed = built.sign(self.key, hashes.SHA256())
        path = folder / f"receiver-{signed.serial_number}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + private)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=6))
    )


@dataclass(frozen=True, kw_only=True)
class Request:
    """One message as it arrived."""

    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    server_name: str | None  # of SNI


Answer = Callable[[BaseHTTPRequestHandler], None]


def status(code: int, **headers: str) -> Answer:
    """Answers with this status and nothing else."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def huge(limit: int, sent: list[int]) -> Answer:
    """Answers 200 with `limit` bytes; `sent` gets how many went out before the other side closed."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(limit))
        handler.end_headers()
        done = 0
        try:
            while done < limit:
                handler.wfile.write(b"x" * 65_536)
                done += 65_536
        except OSError:
            pass
        sent.append(done)

    return answer


def slow(seconds: float) -> Answer:
    """Answers 200, one byte of the headers after another."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        ends_at = time.monotonic() + seconds
        try:
            while time.monotonic() < ends_at:
                handler.wfile.write(b"H")
                time.sleep(0.1)
        except OSError:
            pass

    return answer


@dataclass(kw_only=True)
class Receiver:
    """The server; `with` starts and stops it."""

    tls: ssl.SSLContext
    address: str = "127.0.0.1"
    port: int = 0
    answer: Answer = field(default_factory=lambda: status(204))
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> "Receiver":
        receiver = self
        names = threading.local()

        class Handler(BaseHTTPRequestHandler):
            def setup(self) -> None:
                receiver.connections += 1
                self.request.settimeout(10)
                self.request.do_handshake()
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                name = getattr(names, "name", None)
                receiver.requests.append(Request(path=self.path, headers=headers, body=body, server_name=name))
                receiver.answer(self)

            def log_message(self, *_: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_INET
            daemon_threads = True
            request_queue_size = 64

            def get_request(self) -> Any:
                plain, address = super().get_request()
                return receiver.tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address

            def handle_error(self, *_: object) -> None:
                return  # a handshake that the client breaks off

        def remember(_socket: object, name: str | None, _context: object) -> None:
            names.name = name

        self.tls.sni_callback = remember
        self._server = Server((self.address, self.port), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    @property
    def url(self) -> str:
        """Under the name that its certificate is for."""
        return f"https://{HOST}:{self.port}/debrief?key=k"
