"""Steps for the behaviours of Stratus alone."""

from __future__ import annotations

from behave import then
from ccm_scenarios.context import Context


@then("the name of its load balancer on Stratus holds the Service's UID")
def name_tells(context: Context) -> None:
    found = context.world.provider.load_balancers.find(context.service.ref)
    assert found is not None, f"no load balancer for {context.service}"
    assert context.service.uid.replace("-", "")[:31] in found.name, f"{found.name} for UID {context.service.uid}"
