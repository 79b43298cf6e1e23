"""What a campaign leaves for people: the page, the memo of one that is stuck, the safety case of
one that converged; all from the records."""

from bumperlane.report.memo import write_memo
from bumperlane.report.page import write_report
from bumperlane.report.safety_case import write_safety_case

__all__ = ["write_memo", "write_report", "write_safety_case"]
