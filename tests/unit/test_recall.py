"""Recall@1: the nearest of another family, attribute by attribute and in everything."""

import numpy as np

from vitrine.finetune.recall import recall_at_1

EMBEDDINGS = np.array([[1, 0], [0.99, 0.1], [0.98, 0.2], [0, 1], [0.1, 0.99], [0.2, 0.98]], np.float32)
FAMILY = np.array([0, 0, 1, 2, 3, 4])


def test_the_own_family_is_no_answer() -> None:
    """Row 0's nearest is row 1 of its own family, which counts not; row 2 of another family has another value."""
    heel = np.array([[0], [0], [1], [2], [2], [2]])
    assert recall_at_1(EMBEDDINGS, FAMILY, heel, ["heel"]) == {"heel": 3 / 6, "fine": 3 / 6}


def test_fine_wants_every_attribute_and_a_missing_one_contradicts_nothing() -> None:
    targets = np.array([[0, 0], [0, 0], [0, 1], [1, 5], [1, -1], [1, 5]])
    found = recall_at_1(EMBEDDINGS, FAMILY, targets, ["heel", "color"])
    assert found["heel"] == 1.0
    assert found["color"] == 2 / 5  # rows 3 and 5 find each other past the unlabelled row between them
    assert found["fine"] == 3 / 6


def test_what_cannot_be_compared_is_left_out() -> None:
    targets = np.array([[0, -1], [0, -1], [0, -1], [0, -1], [0, -1], [0, 3]])
    assert recall_at_1(EMBEDDINGS, FAMILY, targets, ["heel", "color"]) == {"heel": 1.0, "fine": 1.0}
    assert recall_at_1(EMBEDDINGS[:2], FAMILY[:2], targets[:2], ["heel", "color"]) == {}


def test_the_length_of_an_embedding_says_nothing() -> None:
    heel = np.array([[0], [0], [1], [2], [2], [1]])
    scaled = EMBEDDINGS * np.array([[1], [9], [3], [0.1], [2], [5]], np.float32)
    assert recall_at_1(scaled, FAMILY, heel, ["heel"]) == recall_at_1(EMBEDDINGS, FAMILY, heel, ["heel"])
