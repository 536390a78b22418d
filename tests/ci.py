"""A machine of a CI system, on which the suite needs no cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.installed import CHECKOUT, PATIENCE
from tests.suites import DOUBLES, STEPS

FEATURE = """
Feature: Things
  @thing-one
  Scenario: One
    Given a thing

  @thing-two
  Scenario: Two
    Given a thing
"""

COMMAND = """#!/bin/sh
# The real command, on features, steps and an adapter that need no cluster.
case $1 in
run) shift; set -- run things.feature --steps words -D provider=doubles:Factory "$@" ;;
image) exec touch "$2" ;;
esac
exec {python} -m ccm_scenarios.cli "$@"
"""

CLIENT = """#!/bin/sh
# Of a cluster or a cloud: writes down how it is called, prints what is asked for, and knows no file that is neither
# here nor in the suite's checkout.
echo " $@ " >> {root}/$(basename "$0")-calls
for word; do
    case $word in
    --from-env-file=*) test -f "${{word#*=}}" || exit 1 ;;
    *.yaml | *.json)
        file=${{word#*=}}; file=${{file#file://}}
        test -s "$file" || test -s "{checkout}/$file" || exit 1 ;;
    view) echo "{{}}" ;;
    token) echo t0k3n ;;
    esac
done
"""

ENGINE = """#!/bin/sh
# Loads archives that there are.
case $1 in load) test -f "$3" ;; esac
"""

KUBETEST2 = """#!/bin/sh
# Parses as kubetest2 does: flags, then what its exec tester runs, in which it replaces variables.
export KUBECONFIG={root}/kubeconfig
while [ "$1" != -- ]; do echo "$1" >> flags; shift; done
shift
for word; do shift; set -- "$@" "$(eval "echo \\"$word\\"")"; done
exec "$@"
"""


@dataclass(frozen=True)
class Runner:
    """A machine of a CI system, in a directory of its own."""

    root: Path

    def run(self, script: str, shell: str = "bash", **variables: str) -> None:
        """Run a script as a step of a job.

        Raises:
            AssertionError: it failed.
        """
        inherited = {key: value for key, value in os.environ.items() if key not in ("ARTIFACTS", "KUBECONFIG")}
        path = {"PATH": f"{self.root / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": f"{self.root}:{CHECKOUT}"}
        done = subprocess.run(
            [shell, "-e", "-c", script],
            cwd=self.root,
            env={**inherited, **path, "XDG_CACHE_HOME": str(self.root / "cache"), **variables},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, script + done.stdout + done.stderr

    def scenarios(self, reports: str) -> list[str]:
        """Names of those that passed, from a directory of reports."""
        features = json.loads((self.root / reports / "cucumber" / "ccm-scenarios.json").read_text())
        assert (self.root / reports / "junit_ccm.xml").is_file()
        elements = [element for feature in features for element in feature["elements"]]
        return [e["name"] for e in elements if all(s["result"]["status"] == "passed" for s in e["steps"])]


def make(root: Path) -> Runner:
    """It, in an empty directory, with the suite's command and a kubeconfig."""
    (root / "words").mkdir()
    (root / "bin").mkdir()
    files = {
        "things.feature": FEATURE,
        "words/things.py": f"import doubles\n{STEPS}",
        "doubles.py": DOUBLES.replace('"double"', '"mycloud"'),
        "kubeconfig": "",
        "bin/ccm-scenarios": COMMAND.format(python=sys.executable),
        "bin/kubetest2": KUBETEST2.format(root=root),
        **{f"bin/{tool}": CLIENT.format(root=root, checkout=CHECKOUT) for tool in ("kubectl", "aws", "gcloud")},
        "bin/pip": "#!/bin/sh\necho $@ >> installed\n",
        "bin/docker": ENGINE,
        "cloud.env": "",
    }
    for name, content in files.items():
        (root / name).write_text(content)
    for program in (root / "bin").iterdir():
        program.chmod(0o755)
    return Runner(root)
