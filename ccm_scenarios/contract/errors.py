"""What an adapter raises. Messages name the resource and carry no credentials."""

from __future__ import annotations


class CloudError(Exception):
    """The cloud refused or failed a call; the message holds the operation and the cloud's own error code."""


class InstanceNotFound(CloudError):
    """The cloud does not know the instance (a terminated one counts as not known)."""

    def __init__(self, instance_id: str) -> None:
        super().__init__(f"the cloud knows no instance {instance_id!r}")
        self.instance_id = instance_id


class LoadBalancerNotFound(CloudError):
    """The cloud has no load balancer for the Service."""


class CloudTimeout(CloudError):
    """The cloud did not reach the wanted state within a named timeout."""


class NotDeclared(Exception):
    """A verb was called that the adapter does not declare: a defect of the scenario's tags or of the adapter."""

    def __init__(self, provider: str, verb: str) -> None:
        super().__init__(
            f"provider {provider!r} does not implement {verb!r}: tag the scenario with the capability it needs, "
            f"or implement the verb and declare the capability"
        )
