"""All checks, in the order in which they run and are shown."""

from vitrine.checks.blank import blank
from vitrine.checks.blurred import blurred
from vitrine.checks.conflicting_labels import conflicting_labels
from vitrine.checks.family_across_splits import family_across_splits
from vitrine.checks.likely_wrong_label import likely_wrong_label
from vitrine.checks.missing_photo import missing_photo
from vitrine.checks.off_taxonomy import off_taxonomy
from vitrine.checks.put_aside import put_aside
from vitrine.checks.rare_value import rare_value
from vitrine.checks.seen import Check
from vitrine.checks.too_small import too_small
from vitrine.checks.twin import twin
from vitrine.checks.unreadable import unreadable
from vitrine.checks.wrong_view import wrong_view

CHECKS = (
    Check("unreadable", "error", "Files that are no photo", unreadable),
    Check("missing-photo", "error", "Photos that are not there", missing_photo),
    Check("bad-row", "error", "Rows and cells put aside", put_aside),
    Check("off-taxonomy", "error", "Values that the taxonomy does not have", off_taxonomy),
    Check("conflicting-labels", "error", "Labels that contradict each other", conflicting_labels),
    Check("family-across-splits", "error", "Families torn between the parts", family_across_splits),
    Check("likely-wrong-label", "warning", "Labels that the pictures contradict", likely_wrong_label),
    Check("wrong-view", "warning", "Views that the pictures contradict", wrong_view),
    Check("too-small", "warning", "Photos too small to tell anything", too_small),
    Check("blank", "warning", "Photos that show nothing", blank),
    Check("blurred", "warning", "Photos out of focus", blurred),
    Check("twin", "note", "Photos that are the same picture", twin),
    Check("rare-value", "note", "Values too rare to learn", rare_value),
)
