"""The files for CI systems run the suite as they say: each is played here, on a double of a cluster."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from behave.parser import parse_file

from tests.ci import FEATURE, Runner, make
from tests.installed import CHECKOUT


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A machine of a CI system."""
    return make(tmp_path)


def load(name: str) -> Any:
    return yaml.safe_load((CHECKOUT / name).read_text())


def steps(job: dict[str, Any], context: dict[str, str]) -> list[str]:
    """The scripts of a GitHub job, with its expressions replaced.

    Raises:
        KeyError: one of them is not known.
    """
    return [filled(step["run"], context) for step in job["steps"] if "run" in step]


def filled(text: str, context: dict[str, str]) -> str:
    """A text of a GitHub workflow with its expressions replaced."""
    return re.sub(r"\$\{\{ *(.*?) *\}\}", lambda found: context[found[1]], text)


def test_the_github_workflow(runner: Runner) -> None:
    workflow = load(".github/workflows/behaviours.yml")
    inputs = workflow[True]["workflow_call"]["inputs"]  # YAML reads `on` as true
    given = {"tags": "@mycloud", "cluster": 'cp kubeconfig "$KUBECONFIG_UNDER_TEST"'}
    assert {name for name, each in inputs.items() if each.get("required")} == set(given)
    for index, shard in enumerate(["1/2", "2/2"]):
        context = {f"inputs.{name}": given.get(name, each.get("default", "")) for name, each in inputs.items()}
        context |= {"github.workspace": str(runner.root), "strategy.job-index": str(index), "matrix.shard": shard}
        job = workflow["jobs"]["run"]
        environment = {name: filled(value, context) for name, value in job["env"].items()}
        for script in steps(job, context):
            runner.run(script, **environment)
        assert len(runner.scenarios(f"shard-{index}")) == 1
    for script in steps(workflow["jobs"]["report"], context):
        runner.run(script)
    assert runner.scenarios("joint") == ["One", "Two"]
    assert (runner.root / "installed").read_text() == "install ccm-scenarios\n" * 3


def test_the_github_workflow_refers_to_what_there_is() -> None:
    workflow = load(".github/workflows/behaviours.yml")
    text = (CHECKOUT / ".github/workflows/behaviours.yml").read_text()
    inputs = workflow[True]["workflow_call"]["inputs"]
    assert set(re.findall(r"inputs\.([a-z-]+)", text)) == set(inputs)
    assert json.loads(inputs["shards"]["default"]) == ["1/1"]
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job.get("needs", "run") in workflow["jobs"]
        assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step)


def test_the_gitlab_template(runner: Runner) -> None:
    template = load("ci/gitlab/behaviours.gitlab-ci.yml")
    jobs = {name: job for name, job in template.items() if name != "variables"}
    for job in jobs.values():
        assert job.get("extends", ".ccm-scenarios:cluster") in jobs
        assert set(job.get("needs", ())) <= set(jobs)
    count = jobs["behaviours"]["parallel"]
    for index in range(1, count + 1):
        known = {"CI_PROJECT_DIR": str(runner.root), "CI_NODE_INDEX": str(index), "CI_NODE_TOTAL": str(count)}
        own = jobs["behaviours"]["variables"]
        variables = {name: _expanded(value, known) for name, value in {**template["variables"], **own}.items()}
        (runner.root / "kubeconfig-under-test").touch()
        runner.run("\n".join(jobs["behaviours"]["script"]), **variables, **known)
        assert _expanded(jobs["behaviours"]["artifacts"]["paths"][0], known) == f"shard-{index}"
        assert len(runner.scenarios(f"shard-{index}")) == 1
    runner.run("\n".join(jobs["report"]["script"]), **template["variables"])
    assert (runner.root / jobs["report"]["artifacts"]["reports"]["junit"]).is_file()
    with pytest.raises(AssertionError, match="make a cluster here"):
        runner.run("\n".join(jobs[".ccm-scenarios:cluster"]["before_script"]))


def _expanded(text: str, variables: dict[str, str]) -> str:
    return re.sub(r"\$([A-Z_]+)", lambda found: variables.get(found[1], found[0]), text)


def test_the_prow_jobs(runner: Runner) -> None:
    jobs = load("ci/prow/ccm-scenarios.yaml")
    periodic, (presubmit,) = jobs["periodics"][0], next(iter(jobs["presubmits"].values()))
    assert periodic["decorate"] and presubmit["decorate"]
    assert presubmit["spec"] == periodic["spec"]
    (container,) = periodic["spec"]["containers"]
    (mount,) = container["volumeMounts"]
    script = shlex.join([*container["command"], *container["args"]])
    runner.run(script.replace(mount["mountPath"], str(runner.root)), ARTIFACTS=str(runner.root / "artifacts"))
    assert runner.scenarios("artifacts") == ["One", "Two"]
    assert json.loads((runner.root / "artifacts" / "finished.json").read_text())["passed"]


def test_the_kubetest2_script(runner: Runner) -> None:
    script = f"{CHECKOUT / 'ci/kubetest2/run.sh'} kind --cluster-name=x"
    runner.run(script, TAGS="@mycloud", ARTIFACTS=str(runner.root / "artifacts"))
    assert runner.scenarios("artifacts") == ["One", "Two"]
    flags = (runner.root / "flags").read_text().split()
    assert flags == ["kind", "--up", "--down", "--cluster-name=x", "--test=exec"]


def test_the_sonobuoy_plugin(runner: Runner) -> None:
    plugin = load("ci/sonobuoy/ccm-scenarios.yaml")
    assert plugin["sonobuoy-config"] == {"driver": "Job", "plugin-name": "ccm-scenarios", "result-format": "junit"}
    (variable,) = plugin["spec"]["env"]
    shell, option, script = plugin["spec"]["command"] + plugin["spec"]["args"]
    assert option == "-c"
    (runner.root / "results").mkdir()
    here = script.replace("/tmp/results", str(runner.root / "results")).replace(
        "/tmp/sonobuoy/config", str(runner.root)
    )
    runner.run(here, shell=shell, ARTIFACTS=str(runner.root / "results"))
    assert runner.scenarios("results") == ["One", "Two"]
    told = Path((runner.root / "results" / "done").read_text().strip())
    assert (variable["value"], told.name) == ("/tmp/results", "junit_ccm.xml")
    assert told.is_file()
    config = yaml.safe_load(plugin["config-map"]["kubeconfig"])
    (context,) = config["contexts"]
    assert config["current-context"] == context["name"]


@pytest.mark.parametrize("name", ["ci/sonobuoy/ccm-scenarios.yaml", "ci/kubernetes/in-cluster.yaml"])
def test_what_a_pod_of_the_cluster_runs_needs_no_client_outside(name: str) -> None:
    assert "--tags='not @needs.load-balancer'" in (CHECKOUT / name).read_text()
    features = [parse_file(str(path)) for path in (CHECKOUT / "features").rglob("*.feature")]
    scenarios = [scenario for feature in features for scenario in feature.walk_scenarios()]
    run = [scenario for scenario in scenarios if "needs.load-balancer" not in scenario.effective_tags]
    assert run
    for scenario in run:
        cells = [cell for step in scenario.all_steps for row in step.table or () for cell in row.cells]
        texts = [step.name for step in scenario.all_steps] + cells
        assert not [text for text in texts if "outside the cluster" in text], scenario.name


def test_the_indexed_job_for_clusters_elsewhere(runner: Runner) -> None:
    (shards,) = yaml.safe_load_all((CHECKOUT / "ci/kubernetes/job.yaml").read_text())
    assert play_all(runner, shards) == ["One", "Two"]


OTHERS = """
  @thing-three
  Scenario: Three
    Given a thing

  @thing-alone @serial
  Scenario: Alone
    Given a thing

  @thing-balanced @needs.load-balancer
  Scenario: Balanced
    Given a thing
"""


def test_the_indexed_job_for_its_own_cluster(runner: Runner) -> None:
    (runner.root / "things.feature").write_text(FEATURE + OTHERS)
    documents = yaml.safe_load_all((CHECKOUT / "ci/kubernetes/in-cluster.yaml").read_text())
    (shards,) = (document for document in documents if document["kind"] == "Job")
    assert play_all(runner, shards) == ["One", "Two", "Three"]


def play_all(runner: Runner, shards: dict[str, Any]) -> list[str]:
    """Run all Pods of an Indexed Job, one after another, and then the one that joins their reports; returns what is in
    the joint ones."""
    count = shards["spec"]["completions"]
    (container,) = shards["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "SHARDS", "value": str(count)}]
    (runner.root / "kubeconfig").touch()
    for index in range(count):
        (runner.root / str(index)).touch()  # a kubeconfig of its own
        play(runner, container, JOB_COMPLETION_INDEX=str(index), SHARDS=str(count))
        assert len(runner.scenarios(f"shard-{index}")) == 1
    (report,) = yaml.safe_load_all((CHECKOUT / "ci/kubernetes/report.yaml").read_text())
    play(runner, report["spec"]["template"]["spec"]["containers"][0])
    return runner.scenarios("joint")


def play(runner: Runner, container: dict[str, Any], **variables: str) -> None:
    shell, _, script = container["command"] + container["args"]
    for mount in container["volumeMounts"]:
        script = script.replace(mount["mountPath"], str(runner.root))
    runner.run(script, shell=shell, **variables)


def test_what_fails_ends_no_other_shard() -> None:
    for name in ("job.yaml", "in-cluster.yaml"):
        documents = yaml.safe_load_all((CHECKOUT / "ci/kubernetes" / name).read_text())
        (spec,) = (document["spec"] for document in documents if document["kind"] == "Job")
        assert spec["backoffLimitPerIndex"] == 0
        assert "backoffLimit" not in spec
        assert spec["parallelism"] == spec["completions"]


def test_one_kubeconfig_for_all_who_run_in_the_cluster() -> None:
    documents = yaml.safe_load_all((CHECKOUT / "ci/kubernetes/in-cluster.yaml").read_text())
    (config,) = (document for document in documents if document["kind"] == "ConfigMap")
    assert config["data"] == load("ci/sonobuoy/ccm-scenarios.yaml")["config-map"]
