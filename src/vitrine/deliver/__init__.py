"""What may leave, and how it gets there: into the lake, into a table, into SAP."""

from vitrine.deliver.deliver import TARGETS, deliver
from vitrine.deliver.report import DeliveryReport

__all__ = ["TARGETS", "DeliveryReport", "deliver"]
