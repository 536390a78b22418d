"""Routes of the cluster's VPC route table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ccm_scenarios.contract import CloudError, NotDeclared, Route
from providers.aws.clients import Clients, cloud_errors


@dataclass(frozen=True, slots=True)
class AwsRoutes:
    """Satisfies `contract.Routes`."""

    clients: Clients
    cluster: str | None
    """Value of the `kubernetes.io/cluster/<this>` tag; exactly one route table may carry it."""

    def list(self) -> Sequence[Route]:
        if self.cluster is None:
            raise NotDeclared("aws", "Routes.list")
        tag = f"kubernetes.io/cluster/{self.cluster}"
        pages = self.clients.ec2.get_paginator("describe_route_tables")
        with cloud_errors("DescribeRouteTables"):
            tables = [
                table
                for page in pages.paginate(Filters=[{"Name": "tag-key", "Values": [tag]}])
                for table in page["RouteTables"]
            ]
        if len(tables) != 1:
            raise CloudError(f"{len(tables)} route tables carry the tag {tag}, not one")
        routes = (
            Route(
                destination=route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock", ""),
                instance_id=None if (blackhole := route.get("State") == "blackhole") else route["InstanceId"],
                blackhole=blackhole,
            )
            for route in tables[0]["Routes"]
            if route.get("InstanceId") or route.get("State") == "blackhole"
        )
        return sorted(routes, key=lambda route: route.destination)
