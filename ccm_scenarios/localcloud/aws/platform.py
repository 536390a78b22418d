"""AWS as a local cloud, satisfying `localcloud.platform.Platform`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccm_scenarios.localcloud.aws.emulation import AwsEmulation
    from ccm_scenarios.localcloud.platform import Surroundings

component = "aws-cloud-controller-manager"
kube_proxy: Mapping[str, Any] = {}
emulation = ("ccm_scenarios.localcloud.aws.emulation", "ccm_scenarios.localcloud.aws.account", "werkzeug.serving")


def start(surroundings: Surroundings) -> AwsEmulation:
    """An empty region."""
    from ccm_scenarios.localcloud.aws.emulation import AwsEmulation  # what emulates takes a second

    return AwsEmulation(surroundings)
