"""Steps for the behaviours of Stratus alone."""

from __future__ import annotations

from behave import then
from ccm_scenarios.context import Context
from ccm_scenarios.kube.expectation import NotYet


@then("the name of its load balancer on Stratus holds the Service's UID")
def name_tells(context: Context) -> None:
    balancers, service = context.world.provider.load_balancers, context.service

    def look() -> str:
        found = balancers.find(service.ref)
        if found is None:
            raise NotYet("there is none")
        return found.name

    # Looked again until it is there; with `waits.until` in place of it a look is for what the cluster tells.
    name = context.world.cluster.waits.until_cloud(f"a load balancer for {service}", look, timeout="lb_provisioned")
    assert service.uid.replace("-", "")[:31] in name, f"{name} for UID {service.uid}"
