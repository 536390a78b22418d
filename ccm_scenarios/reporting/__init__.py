"""What a run leaves behind: Cucumber JSON, JUnit, evidence; all of it redacted.

`Reports` is the one entry; environment.py installs it in before_all.
"""

from ccm_scenarios.reporting.evidence import EvidenceStore
from ccm_scenarios.reporting.redact import Redactor
from ccm_scenarios.reporting.reports import Reports, reports_directory

__all__ = ["EvidenceStore", "Redactor", "Reports", "reports_directory"]
