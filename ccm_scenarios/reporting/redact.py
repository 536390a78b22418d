"""The one sink every report and every piece of evidence passes: credentials out, the rest untouched.

Two nets: values known to be secret, in the spellings they travel in, and shapes that only credentials have.
Both may take too much, as a report can do without a word; neither may take too little.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

REDACTED = "[redacted]"

_SHORTEST_SECRET = 4
"""Characters; anything shorter would turn up in ordinary words and tells nobody anything."""

_KEYS = (
    r"aws_?secret_?access_?key|secret_?access_?key|aws_?session_?token|session_?token|security_?token|"
    r"client-key-data|client-certificate-data|client_?secret|private_?key|password|passwd|"
    r"(?:access|refresh|id)[-_]?token|\btoken"
)
_SIGNED_PARAMETERS = (
    r"X-(?:Amz|Goog)-(?:Signature|Credential|Security-Token)|AWSAccessKeyId|GoogleAccessId|Signature|Credential|"
    r"sig|access_token|id_token|token"
)

_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    # A block that was cut off before its end is redacted up to the end of the text.
    (re.compile(r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL), REDACTED),
    (re.compile(r"LS0tLS1CRUdJTi[A-Za-z0-9+/=_-]+"), REDACTED),  # "-----BEGIN " in base64, as in kubeconfigs
    (re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*"), REDACTED),  # JWT
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), REDACTED),
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{8,}"), rf"\1{REDACTED}"),
    (re.compile(r"(?i)(authorization\W{1,6}basic\s+)[\w+/=-]+"), rf"\1{REDACTED}"),
    (re.compile(rf"(?i)([?&;\s,](?:{_SIGNED_PARAMETERS})=)[^&;\s,\"'<>\\]+"), rf"\1{REDACTED}"),
    (re.compile(rf"(?i)((?:{_KEYS})\\?[\"']?\s*[:=]\s*\\?[\"']?)[^\s\"',;&}}\\]{{4,}}"), rf"\1{REDACTED}"),
    (re.compile(r"(://[^/\s:@]+:)[^/\s@]+@"), rf"\1{REDACTED}@"),  # user:password@host
)


class Redactor:
    """Takes credentials out of text.

    Args:
        secrets: values that must never be written; each is also found URL-quoted, JSON-escaped and in base64.
            Values of less than four characters are ignored.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._spellings: set[str] = set()
        self._known: re.Pattern[str] | None = None
        self.secrets: tuple[str, ...] = ()
        """All that it was told."""
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Learn more secrets, for instance a token that only the target knew."""
        self.secrets += secrets
        for secret in secrets:
            value = secret.strip()
            if len(value) >= _SHORTEST_SECRET:
                self._spellings |= _spellings(value)
        if self._spellings:
            longest_first = sorted(self._spellings, key=len, reverse=True)
            self._known = re.compile("|".join(map(re.escape, longest_first)))

    def redact(self, text: str) -> str:
        """The text with `[redacted]` in place of every credential. Redacting twice changes nothing more."""
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        for shape, replacement in _SHAPES:
            text = shape.sub(replacement, text)
        return text


def _spellings(secret: str) -> set[str]:
    encoded = base64.b64encode(secret.encode())
    return {
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
        encoded.decode(),
        encoded.decode().rstrip("="),
        base64.urlsafe_b64encode(secret.encode()).decode(),
    }
