"""Credentials in every shape go; what only resembles them stays."""

from __future__ import annotations

import base64

import pytest

from ccm_scenarios.reporting.redact import REDACTED, Redactor

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7\nq3x==\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl"
SIGNED = "https://b.s3.amazonaws.com/k?X-Amz-Credential=AK%2F2026&X-Amz-Expires=60&X-Amz-Signature=f00dfeed"


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("key AKIAIOSFODNN7EXAMPLE in use", ["AKIAIOSFODNN7EXAMPLE"]),
        ("session ASIAIOSFODNN7EXAMPLE", ["ASIAIOSFODNN7EXAMPLE"]),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", ["wJalrXUtnFEMI", "K7MDENG"]),
        ('{"SecretAccessKey": "wJalrXUtnFEMI", "SessionToken":"FwoGZXIvYXdz"}', ["wJalrXUtnFEMI", "FwoGZX"]),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI", ["wJalrXUtnFEMI"]),
        ("Authorization: Bearer abcdef.123456", ["abcdef", "123456"]),
        ("authorization: Basic dXNlcjpwYXNz", ["dXNlcjpwYXNz"]),
        ("AWS4-HMAC-SHA256 Credential=AK/2026/aws4_request, Signature=f00dfeed", ["AK/2026", "f00dfeed"]),
        (SIGNED, ["AK%2F2026", "f00dfeed"]),
        (f"<{JWT}>", ["eyJ", "c2lnbmF0dXJl"]),
        (PEM, ["MIIE", "q3x"]),
        (repr(PEM), ["MIIE", "q3x"]),
        (PEM[:60], ["MIIE"]),
        (f"    client-key-data: {base64.b64encode(PEM.encode()).decode()}", ["LS0t", "UklWQVRF"]),
        ("    token: 0123456789abcdef", ["0123456789abcdef"]),
        ("https://admin:swordfish@db.internal/x", ["swordfish"]),
    ],
)
def test_shape_is_redacted(text: str, secrets: list[str]) -> None:
    redacted = Redactor().redact(text)
    assert REDACTED in redacted
    assert [secret for secret in secrets if secret in redacted] == []
    assert Redactor().redact(redacted) == redacted


@pytest.mark.parametrize(
    "spelling",
    ["hunter2/sword+fish", "hunter2%2Fsword%2Bfish", base64.b64encode(b"hunter2/sword+fish").decode()],
)
def test_known_secret_is_redacted_in_each_spelling(spelling: str) -> None:
    assert Redactor(["hunter2/sword+fish\n"]).redact(f"a {spelling} z") == f"a {REDACTED} z"


def test_of_two_secrets_the_longer_goes_whole() -> None:
    assert Redactor(["sword", "swordfish"]).redact("swordfish") == REDACTED


def test_secrets_can_be_learnt_later() -> None:
    redactor = Redactor()
    redactor.add("swordfish")
    assert redactor.redact("swordfish") == REDACTED


@pytest.mark.parametrize(
    "text",
    [
        "Service default/web has ingress address a1b2-123.elb.us-east-1.amazonaws.com:80",
        "node i-0a1b2c3d4e5f67890 providerID aws:///us-east-1a/i-0a1b2c3d4e5f67890",
        "https://10.0.0.1:6443/api/v1/nodes?watch=true&resourceVersion=12",
        "uid: 6f9619ff-8b86-d011-b42d-00cf4fc964ff, secretName: web-tls",
        'File "steps/services.py", line 12, in service_becomes',
        "",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert Redactor(["", "  ", "a"]).redact(text) == text
