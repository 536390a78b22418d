"""Certificates of a throw-away cluster: one authority, short-lived leaves, elliptic-curve keys because they
are quick to make."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = datetime.timedelta(days=30)
_CLOCK_SKEW = datetime.timedelta(hours=1)

_KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters:
- name: local
  cluster: {{server: "{server}", certificate-authority: {ca}}}
users:
- name: {user}
  user: {{client-certificate: {certificate}, client-key: {key}}}
contexts:
- name: local
  context: {{cluster: local, user: {user}}}
current-context: local
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """Files of one certificate and its key, PEM."""

    certificate: Path
    key: Path


class Authority:
    """The cluster's certificate authority, writing below one directory (0700)."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local-cloud")])
        certificate = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = directory / "ca.crt"
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCK_SKEW)
            .not_valid_after(now + _LIFETIME)
        )

    def issue(
        self,
        file: str,
        user: str,
        *,
        groups: Sequence[str] = (),
        addresses: Sequence[IPv4Address | str] = (),
        names: Sequence[str] = (),
    ) -> Pair:
        """A certificate for client and server use.

        Args:
            file: base name of the files written.
            user: common name, the Kubernetes user.
            groups: organizations, the Kubernetes groups.
            addresses: IP addresses it serves.
            names: host names it serves.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject.append(x509.NameAttribute(NameOID.COMMON_NAME, user))
        builder = self._builder(x509.Name(subject), key.public_key()).add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
            critical=False,
        )
        alternatives: list[x509.GeneralName] = [x509.IPAddress(IPv4Address(address)) for address in addresses]
        alternatives += [x509.DNSName(name) for name in names]
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        pair = self.pair(file)
        certificate = builder.sign(self._key, hashes.SHA256())
        pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        _write_key(pair.key, key)
        return pair

    def pair(self, file: str) -> Pair:
        """Where the certificate issued as `file` is."""
        return Pair(self._directory / f"{file}.crt", self._directory / f"{file}.key")

    def kubeconfig(self, file: str, server: str, user: str, *, groups: Sequence[str] = ()) -> Path:
        """A kubeconfig with a client certificate of its own for `user`; its only context is `local`."""
        pair = self.issue(file, user, groups=groups)
        path = self._directory / f"{file}.kubeconfig"
        path.write_text(
            _KUBECONFIG.format(
                server=server, ca=self.certificate, user=user, certificate=pair.certificate, key=pair.key
            )
        )
        return path

    def service_account_keys(self) -> Pair:
        """The key pair that signs service-account tokens; `certificate` is the bare public key."""
        key = ec.generate_private_key(ec.SECP256R1())
        pair = Pair(self._directory / "sa.pub", self._directory / "sa.key")
        _write_key(pair.key, key)
        pair.certificate.write_bytes(
            key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        return pair


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
