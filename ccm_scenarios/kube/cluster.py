"""The connection to one cluster."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3
import yaml
from kubernetes.client import (
    ApiClient,
    ApiException,
    AppsV1Api,
    Configuration,
    CoordinationV1Api,
    CoreV1Api,
    PolicyV1Api,
)
from kubernetes.config import ConfigException, new_client_from_config

from ccm_scenarios import __version__
from ccm_scenarios.contract import Timeouts
from ccm_scenarios.contract.rights import Part
from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.kube import manifests, rights
from ccm_scenarios.kube.caches import Caches, Kind, one_line
from ccm_scenarios.kube.expectation import NotYet
from ccm_scenarios.kube.node_facts import ZONE_LABELS
from ccm_scenarios.kube.shared import SharedNodes
from ccm_scenarios.kube.timeline import Timeline
from ccm_scenarios.kube.tolerance import be_tolerant
from ccm_scenarios.kube.transport import Transport
from ccm_scenarios.kube.waits import Changes, Waits


class Cluster:
    """One cluster: its API, what it last said of its objects, and waiting for it to change."""

    def __init__(self, api: ApiClient, timeouts: Timeouts) -> None:
        api.rest_client = Transport(api.rest_client, api.configuration.host, timeouts.api_call)
        be_tolerant()
        self._api = api
        self.timeouts = timeouts
        self.core = CoreV1Api(api)
        self.apps = AppsV1Api(api)
        self.coordination = CoordinationV1Api(api)
        self.policy = PolicyV1Api(api)
        changes = Changes()
        self.caches = Caches(api, timeouts.api_call, changes.announce)
        self.waits = Waits(changes, timeouts, self.caches.trouble, Timeline())
        self._ending: dict[str, str] = {}
        self._identity = ""
        self.act_for("ccm-scenarios")

    @classmethod
    def connect(cls, kubeconfig: Path, context: str | None, timeouts: Timeouts) -> Cluster:
        """Prepare the connection; makes no call yet.

        Args:
            kubeconfig: the file, in kubectl's format.
            context: one of its contexts; None means its current one.

        Raises:
            EnvironmentProblem: the file does not exist, or is no usable kubeconfig.
        """
        if not kubeconfig.is_file():
            raise EnvironmentProblem(f"there is no kubeconfig at {kubeconfig}")
        configuration = Configuration()
        # One more try on a broken connection: that the server closed an idle one is found out by using it.
        configuration.retries = urllib3.Retry(total=1, redirect=0)
        try:
            api = new_client_from_config(
                str(kubeconfig), context=context, persist_config=False, client_configuration=configuration
            )
        except (ConfigException, yaml.YAMLError, OSError, ValueError, TypeError, AttributeError) as error:
            reason = " ".join(str(error).split())
            raise EnvironmentProblem(f"the kubeconfig {kubeconfig} cannot be used: {reason}") from error
        return cls(api, timeouts)

    @property
    def server(self) -> str:
        """URL of its API server."""
        return str(self._api.configuration.host)

    def act_for(self, scenario_id: str) -> None:
        """Name the scenario to the API server: in the User-Agent, whose start also appears in `managedFields`."""
        self._api.user_agent = f"{scenario_id}/{__version__} ccm-scenarios"

    def begin_journal(self) -> Timeline:
        """A new journal of waits; each scenario has its own."""
        self.waits.journal = Timeline()
        return self.waits.journal

    def identity(self) -> str:
        """What tells this cluster from any other: the UID of its `kube-system` namespace.

        Raises:
            EnvironmentProblem: the API server does not answer, or refuses.
        """
        if not self._identity:
            with self._answering():
                self._identity = str(self.core.read_namespace("kube-system").metadata.uid)
        return self._identity

    def missing_rights(self, *parts: Part) -> list[str]:
        """Those that a run needs, with these parts beside what any needs, and that this user does not have.

        Raises:
            EnvironmentProblem: the API server does not answer, or refuses to tell.
        """
        with self._answering():
            return rights.missing(self._api, rights.needed().needed(*parts))

    @contextmanager
    def _answering(self) -> Iterator[None]:
        host = self._api.configuration.host
        try:
            yield
        except ApiException as error:
            raise EnvironmentProblem(f"the API server {host} refuses: {error.status} {error.reason}") from error
        except urllib3.exceptions.HTTPError as error:
            raise EnvironmentProblem(f"the API server {host} does not answer: {one_line(error)}") from error

    def version(self) -> str:
        """The version of Kubernetes that the API server says it is: `v1.37.2`."""
        return str(self._ask("/version", {})["gitVersion"])

    def zones(self) -> list[str]:
        """Those that its Nodes say they are in, sorted.

        Raises:
            EnvironmentProblem: the API server does not answer, or refuses.
        """
        with self._answering():
            nodes = self.core.list_node().items
        return sorted({zone for node in nodes if (zone := (node.metadata.labels or {}).get(ZONE_LABELS[0]))})

    def shared_nodes(self) -> SharedNodes:
        """The Nodes there are now, for a run that begins."""
        return SharedNodes(self.core.list_node().items)

    def make_namespace(self, labels: Mapping[str, str], suffix: str = "") -> str:
        """A new namespace with a service account for Pods; its name, which ends with the suffix."""
        name: str = self.core.create_namespace(manifests.namespace(labels, suffix)).metadata.name
        self.core.create_namespaced_service_account(name, manifests.service_account())
        return name

    def end_namespace(self, name: str) -> None:
        """Delete a namespace and all that is in it; `close` sees to it that it is gone.

        Kubernetes takes its time before it even begins. Whoever needs something in it gone waits for that.
        """
        with ignore_not_found():
            self.core.delete_namespace(name)
            self._ending[name] = self.core.read_namespace(name).metadata.uid

    def forget_pods(self, node: str) -> None:
        """Delete the Pods that a Node took along, of namespaces that were ended: nobody is left to say that they have
        stopped, and Kubernetes collects them only after a minute."""
        for namespace, uid in self._ending.items():
            if not self._is_there(namespace, uid):
                continue
            pods = self.core.list_namespaced_pod(namespace, field_selector=f"spec.nodeName={node}").items
            for pod in pods:
                with ignore_not_found():
                    self.core.delete_namespaced_pod(pod.metadata.name, namespace, grace_period_seconds=0)

    def expect_namespace_gone(self, name: str) -> None:
        """That a namespace that was ended is gone."""

        def look() -> None:
            seen = self.caches.get(Kind.NAMESPACES, name)
            if seen is not None:
                raise NotYet(_remains(seen))

        self.waits.until(f"namespace {name} gone", look, timeout="namespace_deleted")

    def ask_pod(
        self, namespace: str, pod: str, port: int, path: str, query: dict[str, str], *, seconds: float | None = None
    ) -> Any:
        """A GET to a pod through the API server's proxy; the parsed JSON of its answer.

        Args:
            seconds: upper bound, if it is another than any call's. After it the pod is asked once more, as with all
                calls that only read.

        Raises:
            ApiException: the pod, or the way to it, did not answer.
            urllib3.exceptions.HTTPError: the API server did not, in time.
        """
        return self._ask(f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy/{path}", query, seconds)

    def domain(self, node: str) -> str:
        """The domain of the cluster's names, as the kubelet of a Node tells it to Pods: `cluster.local`.

        Raises:
            ApiException: the kubelet, or the way to it, did not answer.
        """
        settings = self._ask(f"/api/v1/nodes/{node}/proxy/configz", {})
        return str(settings["kubeletconfig"]["clusterDomain"])

    def ask_node(self, name: str) -> bool:
        """Ask a Node's kubelet how it is, by way of the API server; returns whether it said anything."""
        try:
            self.core.connect_get_node_proxy_with_path(name, "healthz")
        except ApiException as error:
            # A kubelet that refuses has answered; an API server that does not get at one says 5xx.
            return bool(error.status and error.status < 500)
        except urllib3.exceptions.HTTPError:
            return False
        return True

    def _ask(self, path: str, query: dict[str, str], seconds: float | None = None) -> Any:
        answer = self._api.call_api(
            *self._api.param_serialize("GET", path, query_params=list(query.items()), auth_settings=["BearerToken"]),
            _request_timeout=seconds,
        )
        body = answer.read()
        if answer.status != 200:
            raise ApiException(status=answer.status, reason=body.decode(errors="replace")[:200])
        return json.loads(body)

    def plain(self, thing: Any) -> Any:
        """An object of the client as plain data without `managedFields`, for evidence."""
        data = self._api.sanitize_for_serialization(thing)
        if isinstance(data, dict):
            data.get("metadata", {}).pop("managedFields", None)
        return data

    def as_yaml(self, things: Iterable[Any]) -> str:
        """Objects of the client as YAML documents, for evidence."""
        return yaml.safe_dump_all([self.plain(thing) for thing in things], sort_keys=False)

    def close(self) -> None:
        """End all watches and connections, once all namespaces that were ended are gone.

        Raises:
            Expectation: some are not gone in time; it lists what is left in each.
        """
        try:
            if self._ending:
                what = f"the namespaces {', '.join(self._ending)} gone"
                self.waits.until(what, self._look_for_namespaces, timeout="namespace_deleted")
        finally:
            self.caches.close()
            self._api.close()

    def _look_for_namespaces(self) -> None:
        there = (self._is_there(name, uid) for name, uid in self._ending.items())
        left = [_remains(namespace) for namespace in there if namespace is not None]
        if left:
            raise NotYet("; ".join(left))

    def _is_there(self, name: str, uid: str) -> Any | None:
        """The `V1Namespace` of this name, unless it is another one that came after it."""
        seen = self.caches.get(Kind.NAMESPACES, name)
        return seen if seen is not None and seen.metadata.uid == uid else None


def _remains(namespace: Any) -> str:
    """A `V1Namespace` that is ending, and what of it is left."""
    # Conditions with status True tell what content and which finalizers remain.
    remaining = [c.message for c in namespace.status.conditions or [] if c.status == "True" and c.message]
    return f"{namespace.metadata.name}: {' '.join(remaining) or namespace.status.phase}"


@contextmanager
def ignore_not_found() -> Iterator[None]:
    """Deleting what is gone already is no error."""
    try:
        yield
    except ApiException as error:
        if error.status != 404:
            raise
