"""Routes of the cluster's VPC route table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ccm_scenarios.contract import CloudError, NotDeclared, Route
from providers.aws.clients import Clients, cloud_errors, code_of

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import RouteTableTypeDef


@dataclass(frozen=True, slots=True)
class AwsRoutes:
    """Satisfies `contract.Routes`."""

    clients: Clients
    cluster: str | None
    """Value of the `kubernetes.io/cluster/<this>` tag; exactly one route table may carry it."""

    def list(self) -> Sequence[Route]:
        routes = (
            Route(
                destination=route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock", ""),
                instance_id=None if (blackhole := route.get("State") == "blackhole") else route["InstanceId"],
                blackhole=blackhole,
            )
            for route in self._table("Routes.list")["Routes"]
            if route.get("InstanceId") or route.get("State") == "blackhole"
        )
        return sorted(routes, key=lambda route: route.destination)

    def add(self, destination: str, instance_id: str) -> None:
        table = self._table("Routes.add")["RouteTableId"]
        with cloud_errors("CreateRoute"):
            self.clients.ec2.create_route(RouteTableId=table, DestinationCidrBlock=destination, InstanceId=instance_id)

    def remove(self, destination: str) -> None:
        table = self._table("Routes.remove")["RouteTableId"]
        with cloud_errors("DeleteRoute"):
            try:
                self.clients.ec2.delete_route(RouteTableId=table, DestinationCidrBlock=destination)
            except ClientError as error:
                if code_of(error) != "InvalidRoute.NotFound":
                    raise

    def _table(self, verb: str) -> RouteTableTypeDef:
        if self.cluster is None:
            raise NotDeclared("aws", verb)
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
        return tables[0]
