"""The metadata server of the machine that the cloud controller manager runs on."""

from __future__ import annotations

import json
from collections.abc import Mapping

from werkzeug.wrappers import Request, Response

PREFIX = "/computeMetadata/v1"
_FLAVOR = {"Metadata-Flavor": "Google"}
_TOKEN_SECONDS = 3600


class Metadata:
    """Answers what clients ask before their first call: who they are, where they run, and their token.

    Args:
        project: the project's id.
        zone: of the machine.
        token: what the machine's service account proves itself with.
    """

    def __init__(self, *, project: str, zone: str, token: str) -> None:
        self._values: Mapping[str, str] = {
            "instance/hostname": f"control-plane.{zone}.c.{project}.internal",
            "instance/name": "control-plane",
            "instance/zone": f"projects/1/zones/{zone}",
            "instance/service-accounts/default/email": f"local@{project}.iam.gserviceaccount.com",
            "instance/service-accounts/default/scopes": "https://www.googleapis.com/auth/cloud-platform",
            "project/project-id": project,
            "project/numeric-project-id": "1",
            "universe/universe-domain": "googleapis.com",
        }
        self._token = {"access_token": token, "expires_in": _TOKEN_SECONDS, "token_type": "Bearer"}

    def answer(self, request: Request) -> Response:
        """As Google's: plain text, and only for those who show that they know where they are."""
        path = request.path.removeprefix(PREFIX).strip("/")
        if not path:
            return Response("instance/\nproject/\n", headers=_FLAVOR)
        if request.headers.get("Metadata-Flavor") != "Google":
            return Response("Missing Metadata-Flavor:Google header.", 403, headers=_FLAVOR)
        if path == "instance/service-accounts/default/token":
            return Response(json.dumps(self._token), mimetype="application/json", headers=_FLAVOR)
        if path == "instance/service-accounts/default" and request.args.get("recursive") == "true":
            account = "instance/service-accounts/default/"
            answer = {
                "aliases": ["default"],
                "email": self._values[f"{account}email"],
                "scopes": [self._values[f"{account}scopes"]],
            }
            return Response(json.dumps(answer), mimetype="application/json", headers=_FLAVOR)
        if path not in self._values:
            return Response("Not found", 404, headers=_FLAVOR)
        return Response(self._values[path], mimetype="application/text", headers=_FLAVOR)
