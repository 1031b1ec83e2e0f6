"""Where a coordinator is, and what lets this program in: as the Rust programs find it (proto/src/target.rs)."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import socket
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc

from .errors import SplitsweepError

#: The variable that names a token file.
VARIABLE = "SPLITSWEEP_TOKEN_FILE"
#: The longest message of a coordinator, bytes.
MAX_MESSAGE = 16 << 20
#: Seconds that a coordinator has to answer the first time.
PATIENCE = 10.0
#: A token of `coordinator certs`: the SHA-256 of the CA's certificate, then the secret.
PINNED = re.compile(r"S1([0-9a-fA-F]{64})::(.*)", re.DOTALL)
#: The fewest characters of a secret.
MIN_SECRET = 16


@dataclass(frozen=True)
class Credential:
    """What a token file holds."""

    secret: str
    ca: str | None

    def __repr__(self) -> str:
        return "Credential(***)"

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "Credential":
        """Reads a token file, which must be its owner's alone."""
        try:
            with open(path, encoding="utf-8") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                text = file.read(4096).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SplitsweepError(f"cannot read the token file {path}: {error}") from None
        handed_over = os.environ.get("CREDENTIALS_DIRECTORY")
        if mode & 0o077 and not (handed_over and Path(path).is_relative_to(handed_over)):
            raise SplitsweepError(f"the token file {path} is open to other users (mode {mode:03o}): chmod 600 {path}")
        pinned = PINNED.fullmatch(text)
        secret, ca = (pinned[2], pinned[1].lower()) if pinned else (text, None)
        if len(secret) < MIN_SECRET:
            raise SplitsweepError(f"the token file {path} holds no token: it has fewer than {MIN_SECRET} characters")
        if not (secret.isascii() and secret.isprintable()):
            raise SplitsweepError("the token may only have visible ASCII characters")
        return cls(secret, ca)


def channel(url: str, token_file: str | os.PathLike[str] | None) -> tuple[grpc.Channel, tuple[tuple[str, str], ...]]:
    """A connection to the coordinator at `url`, and what each call bears."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not host or parts.path not in ("", "/"):
        raise SplitsweepError(
            f"`{url}` is not a coordinator's address: expected http://HOST:PORT, or https://HOST:PORT for one with "
            "certificates"
        )
    named = token_file or os.environ.get(VARIABLE)
    credential = Credential.read(named) if named else None
    options = [("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.keepalive_time_ms", 5_000)]
    # a proxy of the environment is not for this
    options.append(("grpc.enable_http_proxy", 0))
    if parts.scheme == "https":
        if credential is None or credential.ca is None:
            raise SplitsweepError(f"{url} needs a token made by `coordinator certs`: give it with token_file")
        root = authority(host, port or 443, credential.ca)
        secure = grpc.ssl_channel_credentials(root_certificates=root)
        made = grpc.secure_channel(address(host, port or 443), secure, options)
        return made, bearing(credential)
    if credential is not None and credential.ca is not None:
        raise SplitsweepError(
            f"the token is for a coordinator with certificates, and {url} is not encrypted: its address begins with "
            "https://"
        )
    port = port or 80
    if credential is None:
        host, credential = own_token(host, port)
    return grpc.insecure_channel(address(host, port), options), bearing(credential)


def bearing(credential: Credential | None) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {credential.secret}"),) if credential else ()


def address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def own_token(host: str, port: int) -> tuple[str, Credential | None]:
    """The token that a coordinator of this user on this machine has made, and its very address (proto/src/local.rs)."""
    for loopback in loopbacks(host):
        for folder in folders():
            path = folder / f"{loopback}-{port}.token"
            if is_private(folder) and path.is_file():
                try:
                    return loopback, Credential.read(path)
                except SplitsweepError:
                    continue  # one that is not as it must be is none
    return host, None


def loopbacks(host: str) -> list[str]:
    if host == "localhost":
        return ["127.0.0.1", "::1"]
    try:
        return [host] if ipaddress.ip_address(host).is_loopback else []
    except ValueError:
        return []


def folders() -> list[Path]:
    runtime, home = os.environ.get("XDG_RUNTIME_DIR"), os.environ.get("HOME")
    found = [Path(runtime) / "splitsweep"] if runtime else []
    found += [Path(home) / ".local/state/splitsweep" / os.uname().nodename] if home else []
    return [folder for folder in found if folder.is_absolute()]


def is_private(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def authority(host: str, port: int, ca: str) -> bytes:
    """The CA's certificate (PEM), which the coordinator sends after its own. Its hash must be the one that the token names.

    Whether it has signed the coordinator's certificate, and for this host, is checked by gRPC, before any secret leaves.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2"])
    try:
        with socket.create_connection((host, port), timeout=PATIENCE) as plain:
            with context.wrap_socket(plain, server_hostname=host) as connection:
                chain = sent_chain(connection)
    except OSError as error:
        raise SplitsweepError(f"the coordinator at https://{address(host, port)} is not reached: {error}") from None
    for certificate in chain:
        if hashlib.sha256(certificate).hexdigest() == ca:
            return ssl.DER_cert_to_PEM_cert(certificate).encode()
    raise SplitsweepError(
        f"the CA of https://{address(host, port)} is not the one that the token names: "
        "take a token from the folder that the coordinator was started with (--certs)"
    )


def sent_chain(connection: ssl.SSLSocket) -> list[bytes]:
    """The certificates that the other side has sent (DER)."""
    if hasattr(connection, "get_unverified_chain"):  # Python 3.13
        return list(connection.get_unverified_chain())
    inner: Any = connection._sslobj  # type: ignore[attr-defined]
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in inner.get_unverified_chain()]
