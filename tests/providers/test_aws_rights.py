"""What the AWS adapter says to need is what its code calls; a call that is not allowed names its action."""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config

from ccm_scenarios.contract import Endpoint, ServiceRef, Timeouts, rights
from ccm_scenarios.contract.rights import Part
from ccm_scenarios.errors import MissingRight
from providers import aws
from tests.sources import differences, syntax_of

SERVICES = ("ec2", "elb", "elbv2", "autoscaling", "eks")
NEEDED = aws.rights.needed().needed(*Part)
ERRORS = {
    "ec2": "<Response><Errors><Error><Code>{code}</Code><Message>{said}</Message></Error></Errors></Response>",
    "query": "<ErrorResponse><Error><Code>{code}</Code><Message>{said}</Message></Error></ErrorResponse>",
    "json": '{{"message": "{said}"}}',
}


class Denying(BaseHTTPRequestHandler):
    """An AWS that allows nothing."""

    said = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        protocol = "ec2" if "Version=2016-11-15" in body else "query" if "Version=" in body else "json"
        code = {"ec2": "UnauthorizedOperation", "query": "AccessDenied", "json": "AccessDeniedException"}[protocol]
        self.send_response(403)
        self.send_header("x-amzn-errortype", code)
        self.end_headers()
        self.wfile.write(ERRORS[protocol].format(code=code, said=self.said).encode())

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def clients() -> Iterator[dict[str, Any]]:
    """A client of each service of an AWS that allows nothing, by its name in `providers.aws.clients.Clients`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Denying)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    session: Any = boto3.Session("id", "secret", region_name="us-east-1")
    aws.rights.watch(session)
    url, config = f"http://127.0.0.1:{server.server_port}", Config(retries={"total_max_attempts": 1}, proxies={})
    yield {name: session.client(name, endpoint_url=url, config=config) for name in SERVICES}
    server.shutdown()
    server.server_close()
    serving.join()


def called(clients: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Service and operation of all that the adapter's code calls, by pagers and waiters too."""
    for node in syntax_of("providers/aws"):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        service = getattr(node.func.value, "attr", getattr(node.func.value, "id", ""))
        if service not in clients:
            continue
        client, method = clients[service], node.func.attr
        if method == "get_waiter":
            continue
        if method == "get_paginator":
            method = ast.literal_eval(node.args[0])
        yield service, client.meta.method_to_api_mapping[method]
    words = {node.value for node in syntax_of("providers/aws") if isinstance(node, ast.Constant)}
    for service, client in clients.items():
        for waiter in words & set(client.waiter_names):
            yield service, client.get_waiter(waiter).config.operation


def something(shape: Any) -> Any:
    """The least that a parameter of this shape (of botocore) can be."""
    if shape.type_name == "structure":
        return {name: something(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [something(shape.member)]
    number = shape.metadata.get("min", 1)
    return {"string": "x", "integer": number, "long": number, "boolean": True}[shape.type_name]


def call(client: Any, operation: str) -> MissingRight:
    """How it is refused."""
    (method,) = [name for name, called in client.meta.method_to_api_mapping.items() if called == operation]
    shape = client.meta.service_model.operation_model(operation).input_shape
    with pytest.raises(MissingRight) as refused:
        getattr(client, method)(**something(shape))
    return refused.value


def test_what_the_code_calls_is_what_it_says_to_need(clients: dict[str, Any]) -> None:
    rights.take_used()
    for service, operation in set(called(clients)):
        call(clients[service], operation)
    assert differences(rights.take_used()["aws"], NEEDED) == ([], [])


@pytest.mark.parametrize("action", NEEDED)
def test_a_call_that_is_not_allowed_names_its_action(
    action: str, clients: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = {
        f"{clients[service].meta.service_model.signing_name}:{name}": (service, name)
        for service, name in called(clients)
    }
    if action not in calls:  # AWS checks it with another, and says which it was
        (other,) = [each for each, also in aws.rights.ALSO.items() if action in also]
        service, name = calls[other]
        arn = "arn:aws:iam::123456789012:user/ci"
        monkeypatch.setattr(Denying, "said", f"User: {arn} is not authorized to perform: {action} on resource: {arn}")
    else:
        service, name = calls[action]
    refused = call(clients[service], name)
    assert refused.right == action
    assert str(refused).startswith(f"the right to {action!r} is missing: ")
    assert str(refused).endswith("all that are needed: ccm-scenarios rights aws")
    assert "123456789012" not in str(refused)


def test_the_adapter_passes_a_missing_right_on(clients: dict[str, Any]) -> None:
    url = clients["ec2"].meta.endpoint_url
    endpoint = Endpoint(url=url, region="us-east-1", access_key_id="id", secret_access_key="secret")
    adapter = aws.connect(endpoint=endpoint, flavour="nlb", timeouts=Timeouts())
    with pytest.raises(MissingRight, match="'ec2:DescribeInstances' is missing: UnauthorizedOperation"):
        adapter.instances.get("aws:///us-east-1a/i-0123456789abcdef0")
    with pytest.raises(MissingRight, match="'elasticloadbalancing:DescribeLoadBalancers' is missing: AccessDenied"):
        adapter.load_balancers.find(ServiceRef(namespace="x", name="y", uid="z"))
