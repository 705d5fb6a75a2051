"""The zoo's runs on drawn garments: they learn, go on, are judged once, and the table can be checked against the weights."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra 'train' is not installed: make test EXTRAS=train")

import torch

from command import vitrine
from vitrine.errors import InputError, NotFound, Refused
from vitrine.zoo.classify_task import answer
from vitrine.zoo.cost import multiply_adds, parameters
from vitrine.zoo.data import Part
from vitrine.zoo.drawn import draw_garments
from vitrine.zoo.entries import ENTRIES, Entry, entry
from vitrine.zoo.group import draw_map, group, pixels, seen_by_network
from vitrine.zoo.queue import run_units
from vitrine.zoo.results import find, read
from vitrine.zoo.run import Unit, judge_unit, train_unit, trained_network, verify_unit

GARMENTS = draw_garments(train=360, test=200, seed=1)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def short(name: str, epochs: int) -> Entry:
    known = entry(name)
    return replace(known, recipe=replace(known.recipe, epochs=epochs, batch=32))


@pytest.mark.parametrize("known", [one for one in ENTRIES if not one.boosted], ids=lambda known: known.name)
def test_every_network_has_the_parameters_that_the_table_says_and_answers(known: Entry) -> None:
    network = known.network()
    assert parameters(network) == known.parameters
    assert network(torch.rand(3, 1, 28, 28)).shape == (3, 10)


def test_the_course_networks_have_the_published_totals() -> None:
    totals = {name: parameters(entry(f"{name}-course").network()) for name in ("cnn", "rnn", "bilstm")}
    assert totals == {"cnn": 306_906, "rnn": 135_498, "bilstm": 1_340_042}


def test_the_course_cnn_drops_the_described_share_and_nothing_when_it_answers() -> None:
    torch.manual_seed(0)
    dropouts = [one for one in entry("cnn-course").network().modules() if hasattr(one, "share")]
    pictures = torch.ones(50, 32, 14, 14).to(memory_format=torch.channels_last)
    for dropout, share in zip(dropouts, (0.2, 0.3, 0.4), strict=True):
        left = dropout.train()(pictures)
        assert float((left == 0).float().mean()) == pytest.approx(share, abs=0.005)
        assert float(left.mean()) == pytest.approx(1.0, abs=0.01)
        assert torch.equal(dropout.eval()(pictures), pictures)


def test_the_cost_of_a_recurrent_layer_counts_every_row() -> None:
    # 28 rows through layers of 28→256, 256→128, 128→64 with their own state, and 64→10 at the end
    wanted = 28 * (256 * (28 + 256) + 128 * (256 + 128) + 64 * (128 + 64)) + 640
    assert multiply_adds(entry("rnn-course").network()) == wanted


def test_a_fast_network_learns_drawn_garments_and_the_weights_prove_it(tmp_path: Path) -> None:
    unit = Unit(short("resnet-fast", 8), 0, tmp_path)
    evidence = judge_unit(unit, GARMENTS, train_unit(unit, GARMENTS))
    result = evidence.result
    assert result.accuracy > 0.9 and result.n == 200
    assert sum(map(sum, evidence.confusion)) == 200
    assert sum(evidence.confusion[k][k] for k in range(10)) == round(200 * result.accuracy)
    assert result.best_epoch == max(evidence.history, key=lambda e: (e["score"], -e["epoch"]))["epoch"]
    assert verify_unit(unit, GARMENTS) == result
    assert "resnet-fast,0,convolutional" in (tmp_path / "results.csv").read_text(encoding="utf-8")


def test_weights_that_are_not_those_of_the_table_are_refused(tmp_path: Path) -> None:
    unit = Unit(short("rnn-course", 1), 0, tmp_path)
    judge_unit(unit, GARMENTS, train_unit(unit, GARMENTS))
    path = unit.weights
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(Refused, match="the table says"):
        verify_unit(unit, GARMENTS)


def test_a_run_goes_on_and_test_is_read_once_for_each_state(tmp_path: Path) -> None:
    unit = Unit(short("rnn-course", 3), 0, tmp_path)
    judged, waiting = run_units([unit], GARMENTS, minutes=0, judge_unfinished=False)
    assert (judged, waiting) == ([], [unit]) and read(tmp_path) == []
    judged, waiting = run_units([unit], GARMENTS, minutes=0, judge_unfinished=True)
    assert [(one.result.epochs, one.result.planned, one.result.looks) for one in judged] == [(1, 3, 1)]
    judged, waiting = run_units([unit], GARMENTS, minutes=None, judge_unfinished=False)
    assert [(one.result.epochs, one.result.looks) for one in judged] == [(3, 2)] and waiting == []
    again, _ = run_units([unit], GARMENTS, minutes=None, judge_unfinished=False)
    assert again == judged and find(tmp_path, "rnn-course", 0) == judged[0]
    assert (tmp_path / "mlflow.sqlite").exists()


def test_an_answer_is_the_mean_over_the_views_that_are_named() -> None:
    class First(torch.nn.Module):
        """Sure of class 0 by the pixel in the corner, which each view moves or mirrors away."""

        def __init__(self) -> None:
            super().__init__()
            self.unused = torch.nn.Parameter(torch.zeros(1))

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            corner = pictures[:, 0, 0, 0]
            return torch.stack([corner * 100, torch.full_like(corner, 50)], 1)

    picture = np.zeros((1, 28, 28), np.uint8)
    picture[0, 0, 0] = 255
    part = Part(picture, np.zeros(1, np.int64))
    shares = [float(answer(First(), part, views=views)[0, 0]) for views in (1, 2, 10)]
    # mirrored or moved right or down, the corner is dark; moved left or up, it is outside
    assert shares == pytest.approx([1.0, 0.5, 0.1])


def test_a_network_that_is_to_answer_from_more_views_is_judged_anew_and_the_look_is_counted(tmp_path: Path) -> None:
    known = short("resnet-fast", 1)
    plain = Unit(replace(known, recipe=replace(known.recipe, mirror=False)), 0, tmp_path)
    training = train_unit(plain, GARMENTS)
    assert (judge_unit(plain, GARMENTS, training).result.views, plain.entry.views) == (1, 1)
    ten = Unit(known, 0, tmp_path)
    judged = judge_unit(ten, GARMENTS, training).result
    assert (judged.views, judged.looks) == (10, 2)
    assert verify_unit(ten, GARMENTS) == judged


def test_two_cycles_are_one_cycle_and_then_another(tmp_path: Path) -> None:
    def history(schedule: str, epochs: int) -> list[tuple[float, float]]:
        known = short("linear-pixels", epochs)
        one = replace(known, recipe=replace(known.recipe, schedule=schedule, rate=0.05))
        trained = train_unit(Unit(one, 0, tmp_path / schedule), GARMENTS)
        return [(epoch.loss, round(epoch.rate / 0.05, 3)) for epoch in trained.history]

    once, twice = history("warm-cosine", 3), history("two-warm-cosines", 6)
    assert twice[:3] == once
    rates = [rate for _, rate in twice]
    assert rates[:3] == rates[3:]
    assert rates[2] == 0
    assert twice[5][0] < twice[2][0]


def test_another_set_does_not_continue_a_run(tmp_path: Path) -> None:
    unit = Unit(short("rnn-course", 2), 0, tmp_path)
    train_unit(unit, GARMENTS, go_on=lambda: False)
    with pytest.raises(Refused, match="holds a training with data"):
        train_unit(unit, draw_garments(train=360, test=200, seed=2))


def test_boosted_trees_learn_go_on_and_are_verified(tmp_path: Path) -> None:
    known = entry("boosted-trees")
    unit = Unit(replace(known, recipe=replace(known.recipe, epochs=6)), 0, tmp_path)
    first = train_unit(unit, GARMENTS, go_on=lambda: False).history
    training = train_unit(unit, GARMENTS)
    losses = [epoch.loss for epoch in training.history]
    assert len(first) == 1 and training.history[0] == first[0] and training.finished == "epochs"
    assert len(losses) == 6 and losses == sorted(losses, reverse=True), "each round adds to those before"
    result = judge_unit(unit, GARMENTS, training).result
    assert result.accuracy > 0.7 and result.parameters > 60 and verify_unit(unit, GARMENTS) == result
    with pytest.raises(Refused, match="another training"):
        train_unit(unit, draw_garments(train=360, test=200, seed=2))


def test_several_networks_answer_together_once_all_are_trained(tmp_path: Path) -> None:
    three = replace(entry("resnet9-three"), arguments={"of": "linear-pixels", "members": 3})
    unit = Unit(three, 1, tmp_path)
    assert [member.seed for member in unit.members] == [3, 4, 5]
    judged, waiting = run_units([unit], GARMENTS, minutes=0, judge_unfinished=True)
    assert (judged, waiting) == ([], [unit]), "one member of three says nothing about them"
    judged, waiting = run_units([unit], GARMENTS, minutes=None, judge_unfinished=False)
    together, alone = (
        judged[0].result,
        [judge_unit(one, GARMENTS, train_unit(one, GARMENTS)).result for one in unit.members],
    )
    assert waiting == [] and verify_unit(unit, GARMENTS) == together
    assert (together.parameters, together.multiply_adds) == (3 * 7_850, 3 * 7_840)
    assert together.cpu_seconds == pytest.approx(sum(one.cpu_seconds for one in alone))
    scores = [answer(trained_network(one), GARMENTS.test, views=together.views) for one in unit.members]
    wanted = (np.mean(scores, axis=0).argmax(1) == GARMENTS.test.labels).mean()
    assert together.accuracy == pytest.approx(wanted, abs=1 / len(GARMENTS.test))  # one tie in float32
    with pytest.raises(InputError, match="several networks"):
        seen_by_network(unit, GARMENTS.test)


def test_a_name_that_is_none_is_answered_with_the_nearest() -> None:
    with pytest.raises(NotFound) as error:
        entry("resnet-fats")
    assert error.value.hint == "did you mean 'resnet-fast'?"


def test_the_commands_run_show_and_verify(tmp_path: Path) -> None:
    def zoo(*words: str, expect: int = 0) -> str:
        return vitrine("zoo", *words, "--folder", tmp_path, "--drawn", expect=expect).stdout

    zoo("run", "rnn-course", "--minutes", "0", "--threads", "1", expect=1)  # not finished: the answer is no
    said = json.loads(zoo("run", "rnn-course", "--minutes", "0", "--judge", "--threads", "1", "--json"))
    assert said["waiting"] == ["rnn-course, seed 0"] and said["judged"][0]["epochs"] == 1
    assert json.loads(zoo("results", "--json"))[0]["entry"] == "rnn-course"
    assert "ankle boot" in zoo("results", "rnn-course")
    assert json.loads(zoo("verify", "rnn-course", "--json"))["accuracy"] == said["judged"][0]["accuracy"]
    zoo("verify", "resnet9", expect=2)


def test_what_a_trained_network_sees_groups_better_than_pixels(tmp_path: Path) -> None:
    unit = Unit(short("resnet-fast", 6), 0, tmp_path)
    judge_unit(unit, GARMENTS, train_unit(unit, GARMENTS))
    part = GARMENTS.test
    seen = seen_by_network(unit, part)
    by_network, by_pixels = group("network", seen, part.labels), group("pixels", pixels(part), part.labels)
    assert by_network.ari > by_pixels.ari + 0.1 and by_network.nmi > by_pixels.nmi
    draw_map(seen, part.labels, tmp_path / "map.svg")
    assert "<svg" in (tmp_path / "map.svg").read_text(encoding="utf-8")
    with pytest.raises(NotFound, match="does not exist"):
        seen_by_network(Unit(unit.entry, 1, tmp_path), part)
