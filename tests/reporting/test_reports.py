"""The reports of real behave runs: every outcome, every kind of hook error, aborts."""

from __future__ import annotations

import base64
import json
import re
import signal
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.reporting.harness import SECRET, Outcome, Suite

OUTCOMES = """\
    @aws @core
    Feature: Every outcome
      Has a description
      of two lines.

      @id-passes
      Scenario: passes
        Given a pass
        And 3 passes

      Scenario: fails
        Given a pass
        Then it fails
        And it fails

      Scenario: errs
        Then it errs
        And a pass

      Scenario: skipped by a step
        Given a pass
        When it skips itself: no UDP here
        Then it fails

      @hook-skips
      Scenario: skipped by a hook
        Given a pass

      @marked-before
      Scenario: skipped before its turn
        Given a pass

      Scenario: undefined
        Given a pass
        Given nobody wrote this

      Scenario: pending
        Then it is pending

      Scenario: without steps

      Scenario: with a clean-up error
        Given a clean-up that errs
        And a clean-up of the scenario that errs

      @hook-errs-before
      Scenario: with an error in before_scenario
        Given a pass

      @hook-errs-after
      Scenario: with an error in after_scenario
        Given a pass

      Scenario: with an error in before_step
        Given 91 passes

      Scenario: with an error in after_step
        Given 92 passes

      @tag-errs
      Scenario: with an error in before_tag
        Given a pass

      @never
      Scenario: not selected
        Given a pass
    """

OUTCOME_HOOKS = """
    def setup(context):
        for feature in context._runner.features:
            for scenario in feature.walk_scenarios():
                if "marked-before" in scenario.tags:
                    scenario.mark_skipped("routes are not declared")

    def before_scenario(context, scenario):
        if "hook-skips" in scenario.tags:
            scenario.skip("lb-udp is not declared")
        if "hook-errs-before" in scenario.tags:
            raise ValueError("no namespace for hunter2/sword+fish")

    def after_scenario(context, scenario):
        if "hook-errs-after" in scenario.tags:
            raise ValueError("namespace stuck")

    def before_step(context, step):
        if step.name == "91 passes":
            raise ValueError("before the step")

    def after_step(context, step):
        if step.name == "92 passes":
            raise ValueError("after the step")

    def before_tag(context, tag):
        if tag == "tag-errs":
            raise ValueError("bad tag")
    """


HOOK_OF_91 = """
        def before_step(context, step):
            if step.name == "91 passes":
                raise ValueError("before the step")
        """


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    suite = Suite(tmp_path_factory.mktemp("outcomes") / "suite")
    return suite.environment(OUTCOME_HOOKS).feature("outcomes", OUTCOMES).run("--tags=not @never")


def test_every_outcome_is_told_in_both_reports(outcomes: Outcome) -> None:
    assert outcomes.verdicts() == {
        "passes": ("passed", "passed"),
        "fails": ("failed", "failure"),
        "errs": ("failed", "error"),
        "skipped by a step": ("skipped", "skipped"),
        "skipped by a hook": ("skipped", "skipped"),
        "skipped before its turn": ("skipped", "skipped"),
        "undefined": ("undefined", "error"),
        "pending": ("pending", "error"),
        "without steps": ("skipped", "skipped"),
        "with a clean-up error": ("failed", "error"),
        "with an error in before_scenario": ("failed", "error"),
        "with an error in after_scenario": ("failed", "error"),
        "with an error in before_step": ("failed", "error"),
        "with an error in after_step": ("failed", "error"),
        "with an error in before_tag": ("failed", "error"),
    }
    assert (outcomes.code, outcomes.result) == (1, "FAILURE")


def test_feature_and_scenario_are_described(outcomes: Outcome) -> None:
    (feature,) = outcomes.cucumber
    assert feature["uri"] == "features/outcomes.feature"
    assert feature["id"] == "every-outcome"
    assert feature["description"] == "Has a description\nof two lines."
    assert [(tag["name"], tag["location"]["line"]) for tag in feature["tags"]] == [("@aws", 1), ("@core", 1)]
    passes = outcomes.element("passes")
    assert passes["id"] == "every-outcome;passes"
    assert [tag["name"] for tag in passes["tags"]] == ["@aws", "@core", "@id-passes"]
    assert passes["steps"][1] == {
        "keyword": "And ",
        "line": 9,
        "name": "3 passes",
        "match": passes["steps"][1]["match"],
        "result": passes["steps"][1]["result"],
    }
    assert passes["steps"][1]["match"]["arguments"] == [{"val": "3", "offset": 0}]
    assert passes["steps"][1]["match"]["location"].startswith("steps/all.py:")
    assert "before" not in passes and "after" not in passes


def test_failures_carry_their_message_errors_their_traceback(outcomes: Outcome) -> None:
    failed = outcomes.element("fails")["steps"]
    assert [step["result"]["status"] for step in failed] == ["passed", "failed", "skipped"]
    assert failed[1]["result"]["error_message"] == "ASSERT FAILED: expected 3 backends, saw 2"
    error = outcomes.element("errs")["steps"][0]["result"]["error_message"]
    assert "Traceback" in error and "ValueError: the cloud refused [redacted]" in error
    failure = outcomes.case("fails").find("failure")
    assert failure is not None and failure.attrib["message"] == "ASSERT FAILED: expected 3 backends, saw 2"
    assert failure.attrib["type"] == "AssertionError" and "Then it fails" in (failure.text or "")


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        ("skipped by a step", "no UDP here"),
        ("skipped by a hook", "lb-udp is not declared"),
        ("skipped before its turn", "routes are not declared"),
    ],
)
def test_a_skip_gives_its_reason(outcomes: Outcome, scenario: str, reason: str) -> None:
    (entry,) = outcomes.element(scenario)["before"]
    assert (entry["result"]["status"], entry["output"]) == ("skipped", [reason])
    skipped = outcomes.case(scenario).find("skipped")
    assert skipped is not None and skipped.attrib["message"] == reason


@pytest.mark.parametrize(
    ("scenario", "where", "message"),
    [
        ("with an error in before_scenario", "before", "before_scenario: .*ValueError: no namespace for .redacted."),
        ("with an error in after_scenario", "after", "after_scenario: .*ValueError: namespace stuck"),
        ("with an error in before_tag", "before", "before_tag: .*ValueError: bad tag"),
        ("with a clean-up error", "after", "clean-up release: .*RuntimeError: the scenario would not go"),
    ],
)
def test_a_hook_that_errs_is_a_failed_entry(outcomes: Outcome, scenario: str, where: str, message: str) -> None:
    entry = outcomes.element(scenario)[where][0]
    assert entry["result"]["status"] == "failed"
    flat = entry["result"]["error_message"].replace("\n", " ")
    assert re.search(message, flat), flat
    assert "site-packages/behave" not in flat and "recorder.py" not in flat
    expected = "steps/all.py:" if "clean-up" in scenario else "environment.py:"
    assert entry["match"]["location"].startswith(expected)
    error = outcomes.case(scenario).find("error")
    assert error is not None and re.search(message, (error.text or "").replace("\n", " "))


def test_every_clean_up_error_is_told(outcomes: Outcome) -> None:
    messages = [entry["result"]["error_message"] for entry in outcomes.element("with a clean-up error")["after"]]
    assert ["the scenario would not go" in each for each in messages] == [True, False]
    assert ["the instance would not go" in each for each in messages] == [False, True]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_step_hook_that_errs_fails_its_step(outcomes: Outcome, when: str) -> None:
    (step,) = outcomes.element(f"with an error in {when}_step")["steps"]
    assert step["result"]["status"] == "failed"
    assert f"ValueError: {when} the step" in step["result"]["error_message"]


def test_a_hook_of_a_nested_step_is_told_at_the_step_that_called_it(suite: Suite) -> None:
    suite.environment(
        """
        from behave import given
        def setup(context):
            @given("a nested step")
            def nested(context):
                context.execute_steps("Given 91 passes")
        """
        + HOOK_OF_91
    )
    run = suite.feature("a", "Feature: F\n  Scenario: s\n    Given a nested step\n").run()
    (step,) = run.element("s")["steps"]
    assert "ValueError: before the step" in step["result"]["error_message"]


def test_no_secret_is_written_anywhere(outcomes: Outcome) -> None:
    written = [path.read_bytes() for path in outcomes.reports.rglob("*") if path.is_file()]
    assert any(b"[redacted]" in each for each in written)
    for spelling in (SECRET, quote(SECRET, safe="")):
        assert not any(spelling.encode() in each for each in written)
        assert spelling not in outcomes.output


def test_a_skip_reason_is_redacted(suite: Suite) -> None:
    suite.environment(f"def before_scenario(context, scenario):\n    scenario.skip('no right for {SECRET}')\n")
    run = suite.feature("a", SECOND).run()
    assert run.element("three")["before"][0]["output"] == ["no right for [redacted]"]
    skipped = run.case("three").find("skipped")
    assert skipped is not None and skipped.attrib["message"] == "no right for [redacted]"


def test_rules_backgrounds_outlines_and_data(suite: Suite) -> None:
    run = suite.feature(
        "rich",
        """\
        Feature: Häuser — 家
          Background:
            Given a pass

          Scenario Outline: carries <protocol>
            Given <count> passes

            Examples: Transport
              | protocol | count |
              | TCP      | 1     |
              | UDP      | 2     |

          Scenario: twice
            Given a table and a text
              | port | name |
              | 80   | Tür  |

          Scenario: twice
            Given a pass

          Rule: Names are kept
            Background:
              Given 2 passes

            @inner
            Scenario: twice
              Some words.
              Given 3 passes
              Given a pass
                \"\"\"
                {"a": 1}
                \"\"\"
        """,
    ).run()
    assert (run.code, run.result) == (0, "SUCCESS")
    (feature,) = run.cucumber
    assert [element["id"] for element in feature["elements"]] == [
        "häuser-家;carries-protocol;transport;2",
        "häuser-家;carries-protocol;transport;3",
        "häuser-家;twice",
        "häuser-家;twice;2",
        "häuser-家;names-are-kept;twice",
    ]
    udp, table, inner = feature["elements"][1], feature["elements"][2], feature["elements"][4]
    assert (udp["keyword"], udp["line"]) == ("Scenario Outline", 11)
    assert [step["name"] for step in udp["steps"]] == ["a pass", "2 passes"]
    assert table["steps"][1]["rows"] == [{"cells": ["port", "name"]}, {"cells": ["80", "Tür"]}]
    assert [step["name"] for step in inner["steps"]] == ["a pass", "2 passes", "3 passes", "a pass"]
    assert inner["description"] == "Rule: Names are kept\n\nSome words."
    assert inner["steps"][3]["doc_string"]["value"] == '{"a": 1}'
    assert [case.attrib["name"] for case in run.junit.iter("testcase")].count("twice") == 3
    assert "家" in run.cucumber_text and "家" in run.junit_text


def test_features_of_one_name_have_ids_of_their_own(suite: Suite) -> None:
    text = "Feature: Same\n  Scenario: same\n    Given a pass\n"
    run = suite.feature("a", text).feature("b", text).run()
    ids = [(feature["id"], feature["elements"][0]["id"]) for feature in run.cucumber]
    assert ids == [("same", "same;same"), ("same;2", "same;2;same")]


def test_durations_are_nanoseconds(suite: Suite) -> None:
    suite.environment(
        """
        from behave import given
        def setup(context):
            import time
            @given("a wait")
            def wait(context):
                time.sleep(0.2)
        """
    )
    run = suite.feature("f", "Feature: F\n  Scenario: s\n    Given a wait\n").run()
    assert 200_000_000 <= run.element("s")["steps"][0]["result"]["duration"] < 2_000_000_000
    assert 0.2 <= float(run.case("s").attrib["time"]) < 2


FEATURE = """\
    Feature: First
      Scenario: one
        Given a pass

      Rule: Ruled
        Scenario: two
          Given a pass
    """
SECOND = "Feature: Second\n  Scenario: three\n    Given a pass\n"


@pytest.mark.parametrize(
    ("hook", "element", "not_run"),
    [
        ("before_feature", "before_feature of First", {"one", "two"}),
        ("after_feature", "after_feature of First", set()),
        ("before_rule", "before_rule of Ruled", {"two"}),
        ("after_rule", "after_rule of Ruled", set()),
    ],
)
def test_a_hook_around_scenarios_that_errs_is_an_element(
    suite: Suite, hook: str, element: str, not_run: set[str]
) -> None:
    suite.environment(
        f"""
        def {hook}(context, owner):
            if owner.name in ("First", "Ruled"):
                raise ValueError("no route table")
        """
    )
    run = suite.feature("a", FEATURE).feature("b", SECOND).run()
    verdicts = run.verdicts()
    assert verdicts.pop(element) == ("failed", "error")
    assert verdicts == {
        name: ("skipped", "skipped") if name in not_run else ("passed", "passed") for name in ("one", "two", "three")
    }
    assert "no route table" in run.element(element)["steps"][0]["result"]["error_message"]
    for name in not_run:
        assert "failed" in run.element(name)["before"][0]["output"][0]
    assert (run.code, run.result) == (1, "FAILURE")


@pytest.mark.parametrize(
    ("layer", "element"),
    [
        ("feature", "clean-up release of First"),
        ("rule", "clean-up release of Ruled"),
        ("testrun", "clean-up release"),
    ],
)
def test_a_clean_up_around_scenarios_that_errs_is_an_element(suite: Suite, layer: str, element: str) -> None:
    feature = FEATURE.replace(
        "Scenario: two\n          Given a pass", f"Scenario: two\n          Given a clean-up of the {layer} that errs"
    )
    run = suite.feature("a", feature).run()
    assert run.verdicts() == {
        "one": ("passed", "passed"),
        "two": ("passed", "passed"),
        element: ("failed", "error"),
    }
    assert (run.code, run.result) == (1, "FAILURE")


def test_an_error_in_after_all_is_an_element(suite: Suite) -> None:
    suite.environment("def after_all(context):\n    raise ValueError('the cluster stayed')\n")
    run = suite.feature("a", SECOND).run()
    assert run.verdicts() == {"three": ("passed", "passed"), "after_all": ("failed", "error")}
    assert (run.code, run.result) == (1, "FAILURE")


@pytest.mark.parametrize("raised", ["ValueError('no cluster')", "KeyboardInterrupt", "SystemExit(2)"])
def test_an_error_in_before_all_is_an_element(suite: Suite, raised: str) -> None:
    run = suite.environment(f"def setup(context):\n    raise {raised}\n").feature("a", SECOND).run()
    assert run.verdicts() == {"three": ("skipped", "skipped"), "before_all": ("failed", "error")}
    assert run.element("three")["before"][0]["output"] == ["not run: the run ended before"]
    assert (run.code, run.result) == (1, "FAILURE")


def test_an_error_that_nobody_watched_makes_the_run_red(suite: Suite) -> None:
    suite.environment(
        """
        watched = before_all
        def before_all(context):
            watched(context)
            raise ValueError("after the watch")
        """
    )
    run = suite.feature("a", SECOND).run()
    assert run.verdicts() == {"three": ("skipped", "skipped"), "hook": ("failed", "error")}


def test_a_known_problem_is_told_without_traceback(suite: Suite) -> None:
    suite.environment(
        """
        from ccm_scenarios.errors import EnvironmentProblem
        def setup(context):
            raise EnvironmentProblem("runc is missing: apt-get install runc")
        """
    )
    error = suite.feature("a", SECOND).run().case("before_all").find("error")
    assert error is not None and error.attrib["message"] == "runc is missing: apt-get install runc"
    assert "Traceback" not in (error.text or "")


def test_nothing_selected_is_no_green_report(suite: Suite) -> None:
    run = suite.feature("a", SECOND).run("--tags=@nobody")
    assert run.verdicts() == {"selection": ("failed", "error")}
    assert run.result == "FAILURE"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--tags=@aws"], {"one", "two"}),
        (["--tags=@aws", "--show-skipped"], {"one", "two"}),
        (["--name=one", "--show-skipped"], {"one"}),
    ],
)
def test_what_was_not_selected_is_not_reported(suite: Suite, options: list[str], expected: set[str]) -> None:
    run = suite.feature("a", "    @aws\n" + FEATURE).feature("b", SECOND).run(*options)
    assert run.verdicts() == dict.fromkeys(expected, ("passed", "passed"))


def test_a_scenario_chosen_by_its_line_is_reported_alone(suite: Suite) -> None:
    run = suite.feature("a", FEATURE).run(path="features/a.feature:2")
    assert run.verdicts() == {"one": ("passed", "passed")}


def test_a_dry_run_writes_nothing(suite: Suite) -> None:
    run = suite.feature("a", SECOND).run("--dry-run")
    assert run.code == 0
    assert not (suite.root / "reports").exists()


def test_stopping_early_tells_what_did_not_run(suite: Suite) -> None:
    run = suite.feature("a", FEATURE.replace("Given a pass", "Then it fails", 1)).feature("b", SECOND).run("--stop")
    assert run.verdicts() == {
        "one": ("failed", "failure"),
        "two": ("skipped", "skipped"),
        "three": ("skipped", "skipped"),
    }


def test_any_formatter_may_be_chosen_beside(suite: Suite) -> None:
    suite.environment("def after_all(context):\n    context.reports.finish(failed=context.failed)\n")
    run = suite.feature("a", FEATURE).run("-f", "json", "-o", "behave.json", "-f", "progress3")
    assert run.verdicts() == {"one": ("passed", "passed"), "two": ("passed", "passed")}
    assert json.loads((suite.root / "behave.json").read_text())[0]["status"] == "passed"
    assert run.result == "SUCCESS"


def test_another_formatters_crash_leaves_whole_and_red_reports(suite: Suite) -> None:
    # behave 1.3.3's progress formatter raises KeyError on a clean-up error.
    feature = SECOND.replace("Given a pass", "Given a clean-up that errs")
    run = suite.feature("a", feature).run("-f", "progress")
    assert run.verdicts() == {"three": ("failed", "error"), "run": ("failed", "error")}
    assert run.result == "FAILURE" and run.code != 0


def test_the_environments_verdict_counts(suite: Suite) -> None:
    suite.environment("def after_all(context):\n    context.reports.finish(failed=True)\n")
    run = suite.feature("a", SECOND).run()
    assert run.verdicts() == {"three": ("passed", "passed"), "verdict": ("failed", "error")}
    assert run.result == "FAILURE"


EVIDENCE = """
    def after_step(context, step):
        if step.status.has_failed():
            files = {"events": f"LoadBalancer with hunter2/sword+fish", "log": "\\x1b[31mred\\x00" + "x" * 100_000}
            context.reports.add_evidence(context.scenario, "lb-provisioned", files)
"""


def test_evidence_is_written_embedded_and_linked(suite: Suite) -> None:
    feature = "Feature: F\n  Scenario: s\n    Given a pass\n    Then it errs\n    And a pass\n"
    run = suite.environment(EVIDENCE).feature("a", feature).run("-f", "json", "-o", "behave.json")
    passed, failed, skipped = run.element("s")["steps"]
    events, log = failed["embeddings"]
    assert (events["name"], events["mime_type"]) == ("events", "text/plain")
    assert base64.b64decode(events["data"]) == b"LoadBalancer with [redacted]"
    embedded = base64.b64decode(log["data"])
    assert embedded.startswith(b"red") and len(embedded) < 40_000
    assert "embeddings" not in passed and "embeddings" not in skipped
    out = run.case("s").find("system-out")
    assert out is not None and out.text == "Evidence: evidence/lb-provisioned"
    folder = run.reports / "evidence" / "lb-provisioned"
    assert sorted(path.name for path in folder.iterdir()) == ["events.txt", "log.txt"]
    assert (folder / "events.txt").read_text() == "LoadBalancer with [redacted]"


def test_what_a_step_attaches_is_at_that_step(suite: Suite) -> None:
    suite.environment(
        """
        from behave import given
        def setup(context):
            @given("a plot")
            def plot(context):
                context.attach("image/png", b"\\x89PNG hunter2")
                context.attach("text/plain", b"with hunter2/sword+fish")
        """
    )
    feature = "Feature: F\n  Scenario: s\n    Given a pass\n    And a plot\n    Then it fails\n"
    run = suite.feature("a", feature).run("-f", "json", "-o", "behave.json")
    first, second, third = run.element("s")["steps"]
    assert [base64.b64decode(each["data"]) for each in second["embeddings"]] == [b"\x89PNG hunter2", b"with [redacted]"]
    assert "embeddings" not in first and "embeddings" not in third


def test_evidence_of_a_clean_up_error_is_kept(suite: Suite) -> None:
    suite.environment(
        """
        def after_scenario(context, scenario):
            context.reports.add_evidence(scenario, "left-over", {"cloud": "i-1 still there"})
            raise ValueError("left over")
        """
    )
    run = suite.feature("a", SECOND).run()
    embedded = [each for entry in run.element("three")["after"] for each in entry.get("embeddings", ())]
    assert [base64.b64decode(each["data"]) for each in embedded] == [b"i-1 still there"]


def test_messages_with_any_characters_make_valid_files(suite: Suite) -> None:
    suite.environment(
        """
        from behave import given
        def setup(context):
            @given("noise")
            def noise(context):
                assert False, "a\\x00b\\x1b[31mc\\x0bd ]]> <&> \\ud800 \\U0001f980"
        """
    )
    run = suite.feature("a", "Feature: F\n  Scenario: s\n    Given noise\n").run()
    assert run.verdicts() == {"s": ("failed", "failure")}
    assert "🦀" in run.cucumber_text and "🦀" in run.junit_text


def test_a_retried_scenario_shows_its_last_attempt(suite: Suite) -> None:
    suite.environment(
        """
        from behave.contrib.scenario_autoretry import patch_scenario_with_autoretry
        attempts = []

        def setup(context):
            for feature in context._runner.features:
                for scenario in feature.scenarios:
                    patch_scenario_with_autoretry(scenario, max_attempts=2)

        def first_attempt_errs():
            if len(attempts) == 1:
                raise ValueError("first attempt")

        def before_scenario(context, scenario):
            attempts.append(scenario)
            context.add_cleanup(first_attempt_errs)
        """
    )
    run = suite.feature("a", SECOND).run()
    assert run.verdicts() == {"three": ("passed", "passed")}
    assert "after" not in run.element("three")


HANGING = """\
    Feature: Long
      Scenario: done
        Given a pass

      Scenario: running
        Given a clean-up that errs
        When it says ready and hangs
        Then it fails

      Scenario: waiting
        Given a pass
    """


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_whole_and_red_reports(suite: Suite, number: int) -> None:
    run = suite.feature("a", HANGING).feature("b", SECOND).interrupt(number)
    assert run.verdicts() == {
        "done": ("passed", "passed"),
        "running": ("failed", "error"),
        "waiting": ("skipped", "skipped"),
        "three": ("skipped", "skipped"),
        "interrupted": ("failed", "error"),
    }
    steps = run.element("running")["steps"]
    assert [step["result"]["status"] for step in steps] == ["passed", "failed", "skipped"]
    assert "KeyboardInterrupt" in steps[1]["result"]["error_message"]
    assert "the instance would not go" in run.element("running")["after"][0]["result"]["error_message"]
    assert (run.code, run.result) == (1, "FAILURE")


def test_a_killed_run_leaves_whole_and_red_reports(suite: Suite) -> None:
    run = suite.feature("a", HANGING).interrupt(signal.SIGKILL)
    assert run.verdicts() == {
        "done": ("passed", "passed"),
        "running": ("failed", "error"),
        "waiting": ("skipped", "skipped"),
        "run": ("failed", "error"),
    }
    assert not (run.reports / "finished.json").exists()
    assert json.loads((run.reports / "started.json").read_text())["timestamp"] > 1_700_000_000


def test_an_interrupted_clean_up_leaves_whole_and_red_reports(suite: Suite) -> None:
    suite.environment("def after_scenario(context, scenario):\n    context.add_cleanup(interrupt, 2, None)\n")
    run = suite.feature("a", FEATURE).run()
    assert run.verdicts()["interrupted"] == ("failed", "error")
    assert run.verdicts()["two"] == ("skipped", "skipped")
    assert run.code != 0 and run.result == "FAILURE"


def test_a_second_run_takes_the_place_of_the_first(suite: Suite) -> None:
    suite.environment(EVIDENCE).feature("a", SECOND.replace("a pass", "it errs").replace("Given", "Then")).run()
    run = suite.feature("a", SECOND).run()
    assert run.verdicts() == {"three": ("passed", "passed")}
    assert [path.name for path in (run.reports / "evidence").iterdir()] == [".ccm-scenarios"]
    names = {path.relative_to(run.reports).as_posix() for path in run.reports.rglob("*") if path.is_file()}
    ours = {"cucumber/ccm-scenarios.json", "junit_ccm.xml", "started.json", "finished.json"}
    assert names == ours | {"evidence/.ccm-scenarios"}


def test_artifacts_of_others_stay(suite: Suite, tmp_path: Path) -> None:
    artifacts = tmp_path / "artifacts"
    (artifacts / "evidence" / "theirs").mkdir(parents=True)
    (artifacts / "evidence" / "theirs" / "log").write_text("log")
    (artifacts / "junit_other.xml").write_text("<testsuites/>")
    run = suite.feature("a", SECOND).run(ARTIFACTS=str(artifacts))
    assert run.verdicts() == {"three": ("passed", "passed")}
    assert (artifacts / "evidence" / "theirs" / "log").read_text() == "log"
    assert (artifacts / "junit_other.xml").read_text() == "<testsuites/>"
    assert not (suite.root / "reports").exists()


def test_a_directory_that_cannot_be_written_is_a_clear_error(suite: Suite) -> None:
    (suite.root / "reports").write_text("a file is in the way")
    run = suite.feature("a", SECOND).run()
    assert run.code == 1 and "cannot write reports to" in run.output


def test_a_disk_that_fills_up_does_not_stop_the_run(suite: Suite) -> None:
    # The folder of the JSON becomes a file: every later write fails, as on a full disk.
    suite.environment(
        """
        import shutil
        def before_scenario(context, scenario):
            shutil.rmtree("reports/latest/cucumber")
            Path("reports/latest/cucumber").write_text("")
        def after_all(context):
            print("CLEANED UP")
        """
    )
    run = suite.feature("a", SECOND).run()
    assert "CLEANED UP" in run.output and "Traceback" not in run.output
    assert "cannot write" in run.output and run.code == 1
    assert run.case("three").find("error") is None
