"""The report of a campaign: one self-contained HTML file, written from the ledger and the store."""

from bumperlane.report.page import write_report

__all__ = ["write_report"]
