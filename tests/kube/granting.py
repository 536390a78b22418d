"""A user of a cluster with some rights and no others: the service account whose roles the suite prints."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from kubernetes.client import ApiException, RbacAuthorizationV1Api

from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube import rights as of_cluster


def grant(admin: Cluster, rights: Iterable[str]) -> None:
    """Have the service account these rights, as `ccm-scenarios rights kubernetes` has them; roles of before go."""
    rbac = RbacAuthorizationV1Api(admin.core.api_client)
    for role in rbac.list_role_for_all_namespaces(field_selector=f"metadata.name={of_cluster.NAME}").items:
        rbac.delete_namespaced_role(of_cluster.NAME, role.metadata.namespace)
    for document in yaml.safe_load_all(of_cluster.document(rights)):
        place = [document["metadata"]["namespace"]] if "namespace" in document["metadata"] else []
        name = document["metadata"]["name"]
        verbs: dict[str, tuple[Any, Any]] = {
            "Namespace": (admin.core.create_namespace, None),
            "ServiceAccount": (admin.core.create_namespaced_service_account, None),
            "ClusterRole": (rbac.create_cluster_role, rbac.replace_cluster_role),
            "ClusterRoleBinding": (rbac.create_cluster_role_binding, None),
            "Role": (rbac.create_namespaced_role, None),
            "RoleBinding": (rbac.create_namespaced_role_binding, None),
        }
        create, replace = verbs[document["kind"]]
        try:
            create(*place, document)
        except ApiException as error:
            if error.status != 409:
                raise
            if replace is not None:
                replace(name, *place, document)


def kubeconfig(admin: Cluster, admins: Path, file: Path) -> Path:
    """A kubeconfig of that service account; its context is `minimal`.

    Args:
        admins: the administrator's, which knows the API server.
        file: where it goes.
    """
    name = of_cluster.NAME
    token = admin.core.create_namespaced_service_account_token(name, name, {"spec": {"audiences": []}}).status.token
    (cluster,) = yaml.safe_load(admins.read_text())["clusters"]
    content = {
        "clusters": [cluster],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": "minimal", "context": {"cluster": cluster["name"], "user": name}}],
    }
    file.write_text(json.dumps(content))
    return file
