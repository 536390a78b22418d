"""Who may reach a load balancer."""

from __future__ import annotations

from behave import then, when

from ccm_scenarios.context import Context

NOBODY = ["192.0.2.0/24"]
"""Reserved for documentation (RFC 5737): no client has such an address."""
EVERYBODY = ["0.0.0.0/1", "128.0.0.0/1"]


@when("an internal LoadBalancer Service with the Local traffic policy is created for the backend")
def internal_service_is_created(context: Context) -> None:
    annotations = context.world.provider.annotations.internal()
    local = {"externalTrafficPolicy": "Local"}
    context.service = context.services.make(context.backend, "LoadBalancer", spec=local, annotations=annotations)


@when("the Service becomes internal")
def service_becomes_internal(context: Context) -> None:
    context.service.annotate(context.world.provider.annotations.internal())


@when("the Service is internal no more")
def service_becomes_external(context: Context) -> None:
    context.service.annotate(dict.fromkeys(context.world.provider.annotations.internal()))


@when("the Service names another network tier")
def service_names_another_tier(context: Context) -> None:
    context.service.annotate(context.world.provider.annotations.network_tier())


@when("the Service admits only clients of a range where nobody is")
def service_admits_nobody(context: Context) -> None:
    context.service.change({"loadBalancerSourceRanges": NOBODY})


@when("the Service admits clients of two ranges that hold every address")
def service_admits_two_ranges(context: Context) -> None:
    context.service.change({"loadBalancerSourceRanges": EVERYBODY})


@when("the Service names no ranges any more")
def service_admits_everybody(context: Context) -> None:
    context.service.change({"loadBalancerSourceRanges": None})


@then("the Service gets another ingress address")
def service_gets_another_address(context: Context) -> None:
    context.service.ingress.expect_other_address()


@then("the load balancer in the cloud is internal")
def load_balancer_is_internal(context: Context) -> None:
    context.balancers.expect_internal(context.service)


@then("the load balancer in the cloud is in another network tier")
def load_balancer_is_in_another_tier(context: Context) -> None:
    context.balancers.expect_other_tier(context.service, than=context.balancer.network_tier)


@then("the load balancer in the cloud admits clients of the Service's ranges alone")
@then("the load balancer in the cloud admits clients of any address")
def load_balancer_admits_the_ranges(context: Context) -> None:
    context.balancers.expect_source_ranges(context.service)
