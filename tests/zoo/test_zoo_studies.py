"""Studies: every variation trains, what is known is not trained again, and differences come with their intervals."""

from dataclasses import replace
from pathlib import Path

import pytest

from vitrine.errors import NotFound, StorageError
from vitrine.zoo.data import CLASSES, fewer, only, per_class
from vitrine.zoo.drawn import draw_garments
from vitrine.zoo.entries import Entry
from vitrine.zoo.outcomes import Outcome, findings, keep, read
from vitrine.zoo.studies import STUDIES, Variation, study

GARMENTS = draw_garments(train=240, test=120, seed=1)


def _one_epoch(entry: Entry) -> Entry:
    return replace(entry, recipe=replace(entry.recipe, epochs=1))


def outcome(variation: str, seed: int, *scores: float) -> Outcome:
    return Outcome(variation, seed, scores, 1.0, "gs-0", "v0")


def test_a_finding_compares_seed_by_seed_with_the_first_variation() -> None:
    found = findings(
        [
            outcome("tanh", 0, 0.5, 0.80), outcome("relu", 0, 0.9, 0.83),
            outcome("tanh", 1, 0.5, 0.70), outcome("relu", 1, 0.6, 0.75),
        ]
    )  # fmt: skip
    tanh, relu = found
    assert (tanh.variation, tanh.seeds, tanh.gain) == ("tanh", 2, None)
    assert tanh.last == pytest.approx(0.75) and tanh.over_seeds == pytest.approx(12.706 * 0.05, rel=1e-3)
    assert relu.best == pytest.approx(0.825) and relu.last == pytest.approx(0.79)
    # the seeds scatter by 10 points, their differences by 2: pairs say more
    assert relu.gain == pytest.approx(0.04) and relu.gain_over_seeds == pytest.approx(12.706 * 0.01, rel=1e-3)


def test_one_seed_has_no_interval() -> None:
    assert findings([outcome("tanh", 0, 0.8)])[0].over_seeds is None


def test_outcomes_are_kept_and_a_damaged_file_is_named(tmp_path: Path) -> None:
    kept = [outcome("rate 0.1", 0, 0.1, 0.2), outcome("rate 1", 0, 0.3, 0.4)]
    keep(tmp_path, "rate", kept)
    assert [(one.variation, list(one.scores)) for one in read("rate", tmp_path)] == [
        ("rate 0.1", [0.1, 0.2]),
        ("rate 1", [0.3, 0.4]),
    ]
    (tmp_path / "studies" / "rate.json").write_text("[{", encoding="utf-8")
    with pytest.raises(StorageError, match=r"rate\.json is damaged"):
        read("rate", tmp_path)


def test_fewer_pictures_keep_the_shares_of_the_classes() -> None:
    small = fewer(GARMENTS, 100)
    assert set(per_class(small.train.labels).values()) == {10}
    assert small.data_id != GARMENTS.data_id and small.test is GARMENTS.test
    assert fewer(GARMENTS, 10_000) is GARMENTS


def test_a_network_that_starts_from_others_weights_learns_its_last_layer_or_all(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="the extra 'train' is not installed: make test EXTRAS=train")
    from vitrine.training.loop import BEST, checkpoint
    from vitrine.zoo.entries import entry
    from vitrine.zoo.networks.started import Started

    taught = entry("resnet-fast").network()
    checkpoint.save(tmp_path / BEST, taught.state_dict())
    pictures = torch.rand(8, 1, 28, 28)
    before = {name: one.clone() for name, one in taught.state_dict().items()}
    for frozen in (True, False):
        network = Started("resnet-fast", str(tmp_path), frozen=frozen).train()
        learnt = [one for one in network.parameters() if one.requires_grad]
        rate = torch.optim.SGD(learnt, 0.1)
        torch.nn.functional.cross_entropy(network(pictures), torch.arange(8)).backward()
        rate.step()
        after = network.network.state_dict()
        same = [name for name, one in before.items() if torch.equal(one, after[name])]
        assert len(before) - len(same) == 1 if frozen else not same


def test_a_study_of_some_classes_learns_and_chooses_by_these_alone() -> None:
    some = only(GARMENTS, {"shirt", "coat"})
    assert {name for name, count in per_class(some.train.labels).items() if count} == {"shirt", "coat"}
    assert set(some.validation.labels) == set(some.train.labels) and some.test is GARMENTS.test
    assert some.data_id != GARMENTS.data_id and only(GARMENTS, CLASSES) is GARMENTS


def test_a_study_that_is_none_is_answered_with_the_nearest() -> None:
    with pytest.raises(NotFound) as error:
        study("optimiser")
    assert error.value.hint == "did you mean 'optimizer'?"


def test_names_of_variations_are_unique_and_differ_from_entries() -> None:
    names = [one.entry.name for known in STUDIES for one in known.variations]
    assert len(names) == len(set(names)) and all("/" in name for name in names)


def test_every_variation_of_every_study_trains_and_is_not_trained_again(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="the extra 'train' is not installed: make test EXTRAS=train")
    from vitrine.zoo.run_study import run_study

    torch.set_num_threads(1)
    trained: list[str] = []
    for known in STUDIES:
        short = tuple(
            Variation(one.label, _one_epoch(one.entry), _one_epoch(one.taught) if one.taught else None)
            for one in known.variations
        )
        small = replace(known, variations=short, rows=100)
        outcomes = run_study(
            small, GARMENTS, tmp_path, seeds=1, on_epoch=lambda unit, _: trained.append(unit.entry.name)
        )
        assert [one.variation for one in outcomes] == [one.label for one in known.variations]
        assert all(0 <= score <= 1 for one in outcomes for score in one.scores)
        before = len(trained)
        assert (
            run_study(small, GARMENTS, tmp_path, seeds=1, on_epoch=lambda unit, _: trained.append("again")) == outcomes
        )
        assert len(trained) == before
    assert not list((tmp_path / "runs").iterdir()), "a study keeps no weights"
