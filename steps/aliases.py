"""Services that are aliases of a name in the DNS, and Services with external IPs."""

from __future__ import annotations

from behave import given, then, when

from ccm_scenarios.context import Context

ELSEWHERE = "elsewhere.example.com"
"""Where an alias leads that nobody is to follow."""


@given("a backend, and an ExternalName Service that leads elsewhere")
def an_alias(context: Context) -> None:
    context.backend = context.workloads.make_backend()
    context.service = context.services.make(context.backend, "ExternalName", spec={"externalName": ELSEWHERE})


@given("another Service with a backend")
def another_service(context: Context) -> None:
    namespace = context.world.make_namespace()
    context.other_backend = context.workloads.make_backend(namespace=namespace)
    context.other_service = context.services.make(context.other_backend, "ClusterIP", namespace=namespace)


@when("the Service becomes an ExternalName Service that leads elsewhere")
def service_leads_elsewhere(context: Context) -> None:
    context.service.lead_elsewhere(ELSEWHERE)


@when("the Service becomes an ExternalName Service that leads to the other Service")
def service_leads_to_the_other(context: Context) -> None:
    context.service.lead_elsewhere(context.services.full_name(context.other_service))


@when("a ClusterIP Service with an external IP that no Node has is created for the backend")
def service_with_an_external_ip_is_created(context: Context) -> None:
    context.service = context.services.make(
        context.backend, "ClusterIP", spec={"externalIPs": [context.services.external_ip()]}
    )


@when("the Service gets an external IP")
def service_gets_an_external_ip(context: Context) -> None:
    context.service.add_external_ip(context.services.external_ip())


@then("Pods reach the backend at the Service's external IP")
def reached_at_external_ip(context: Context) -> None:
    context.cluster_traffic.expect_reached_at_external_ips(context.service, context.backend)


@then("Pods reach the other Service's backend by the Service's name")
def reached_by_name(context: Context) -> None:
    context.cluster_traffic.expect_reached_by_name(context.service, context.other_backend)


@then("Pods get no answer at the Service's former cluster IP")
def former_cluster_ip_is_silent(context: Context) -> None:
    context.cluster_traffic.expect_former_cluster_ip_silent(context.service, context.backend)
