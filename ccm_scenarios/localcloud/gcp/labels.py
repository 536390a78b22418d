"""What several kinds have in parts that are changed on their own: labels, and fingerprints that guard them."""

from __future__ import annotations

from ccm_scenarios.localcloud.gcp import errors
from ccm_scenarios.localcloud.gcp.kinds import Call
from ccm_scenarios.localcloud.gcp.links import Link
from ccm_scenarios.localcloud.gcp.store import fingerprint


def require_known(link: Link, known: str, given: str | None) -> None:
    """Check that who changes a part of a resource knows its present state.

    Raises:
        ApiError: no fingerprint was given, or an old one.
    """
    if given is None:
        raise errors.required("fingerprint")
    if given != known:
        raise errors.stale(link.path)


def set_labels(call: Call) -> None:
    """The verb `setLabels`."""
    known = fingerprint(call.resource.get("labels", {}))
    require_known(call.link, known, call.body.get("labelFingerprint"))
    call.resource["labels"] = dict(call.body.get("labels", {}))
