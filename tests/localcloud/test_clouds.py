"""Which clouds a local cloud can be, and what each is made of."""

from __future__ import annotations

import pytest

from ccm_scenarios.errors import UsageError
from ccm_scenarios.localcloud import clouds
from ccm_scenarios.localcloud.binaries import for_ccm
from ccm_scenarios.localcloud.binaries.catalogue import CATALOGUE, select


def test_every_package_with_a_platform_is_a_cloud() -> None:
    assert clouds.names() == ("aws", "gcp")
    assert clouds.DEFAULT in clouds.names()


def test_what_is_no_cloud_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"cannot be 'azure', but one of: aws, gcp; .* -D kubeconfig=FILE"):
        clouds.find("azure")


@pytest.mark.parametrize("name", clouds.names())
def test_a_cloud_is_made_of_its_own_controller_manager_and_no_other(name: str) -> None:
    wanted = for_ccm(clouds.find(name).component)
    ccms = {component.name for component in CATALOGUE if component.ccm}
    assert ccms.intersection(wanted) == {clouds.find(name).component}
    assert set(wanted) | ccms == {component.name for component in CATALOGUE}


def test_without_words_the_components_of_the_usual_cloud_are_made() -> None:
    assert {one.name for one in select(None)} == set(for_ccm(clouds.find(clouds.DEFAULT).component))
