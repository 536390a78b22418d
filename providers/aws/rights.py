"""What the adapter must be allowed to do: actions of IAM, noted as botocore makes calls."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ccm_scenarios.contract.rights import Rights, use
from ccm_scenarios.errors import MissingRight

if TYPE_CHECKING:
    import boto3
    from botocore.model import OperationModel

GRANTOR = "aws"
DENIED = {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"}
"""How EC2, the query APIs and EKS begin to say so."""
_NAMED = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)")
"""Which action it was, where AWS tells; the rest of its message holds accounts."""
ALSO = {"ec2:RunInstances": ("ec2:CreateTags",), "autoscaling:CreateAutoScalingGroup": ("ec2:RunInstances",)}
"""What AWS checks beside the action itself: for tags that are given with an order, and for a launch template (user
guides of EC2, "Grant permission to tag resources during creation", and Auto Scaling, "Launch template support")."""


def needed() -> Rights:
    """See `contract.Grants`; so is `document`."""
    return Rights.load(files(__package__) / "rights.json")


def document(rights: Iterable[str]) -> str:
    """A policy document of IAM."""
    statement = {"Sid": "CcmScenarios", "Effect": "Allow", "Action": sorted(rights), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2) + "\n"


def watch(session: boto3.Session) -> None:
    """Have a session's clients note which actions they need, and raise MissingRight where one is not allowed."""
    session.events.register("before-call", _note)
    session.events.register("after-call", _refuse)


def _note(model: OperationModel, **_: Any) -> None:
    action = _action(model)
    for right in (action, *ALSO.get(action, ())):
        use(GRANTOR, right)


def _refuse(model: OperationModel, parsed: Mapping[str, Any], **_: Any) -> None:
    code = str(parsed.get("Error", {}).get("Code", ""))
    if code in DENIED:
        named = _NAMED.search(parsed["Error"].get("Message") or "")
        raise MissingRight(named[1] if named else _action(model), GRANTOR, code)


def _action(model: OperationModel) -> str:
    return f"{model.service_model.signing_name}:{model.name}"
