"""The questions of the course study, each as a table of variations that differ in one thing.

A variation is trained with several seeds on the pictures to learn from, and judged on validation: studies never read test.
"""

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from vitrine.errors import NotFound
from vitrine.zoo.data import CLASSES
from vitrine.zoo.entries import Entry, entry


@dataclass(frozen=True, slots=True)
class Variation:
    """One line of a study: an entry of the zoo with something changed.

    With `taught` it starts from the weights that this entry learns on all pictures of the classes outside the study.
    """

    label: str
    entry: Entry
    taught: Entry | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """A question, what the course study says about it, and the variations that answer it, the first to compare with.

    `rows` pictures of `classes` are learnt from, so that a study takes minutes instead of days.
    """

    name: str
    question: str
    claim: str
    variations: tuple[Variation, ...]
    rows: int = 10_000
    classes: tuple[str, ...] = CLASSES


def _vary(study: str, base: str, label: str, *, arguments: dict[str, Any] | None = None, **recipe: Any) -> Variation:
    """`base` with other arguments of its network and another recipe, under a name of its own."""
    known = entry(base)
    changed = replace(
        known,
        name=f"{study}/{label.replace(' ', '-')}",
        arguments=known.arguments if arguments is None else arguments,
        recipe=replace(known.recipe, **recipe),
    )
    return Variation(label, changed)


def _sizes(*sizes: int) -> dict[str, Any]:
    return {"sizes": sizes}


_HELD_BACK = ("t-shirt", "coat", "shirt", "sneaker", "ankle boot")


def _transfer(labels: int) -> Study:
    """Learn five classes from `labels` pictures of each, afresh or from weights that know the other five."""
    name, base = f"transfer-{labels}", "resnet-fast"
    few: dict[str, Any] = {"epochs": 20, "batch": 20, "rate": 0.05}
    taught = _vary(name, base, "taught", epochs=4).entry
    variations = [_vary(name, base, "from scratch", **few)]
    for label, frozen in (("from other classes", False), ("from other classes, last layer only", True)):
        entry_of = _vary(name, base, label, arguments={"base": base, "frozen": frozen}, **few).entry
        variations.append(Variation(label, replace(entry_of, build="started:Started"), taught))
    question = f"Five classes from {labels} pictures of each: do weights that know the other five help?"
    return Study(name, question, "asked next", tuple(variations), labels * len(_HELD_BACK), _HELD_BACK)


STUDIES = (
    Study(
        "activation", "tanh or ReLU in the CNN?", "tanh was chosen",
        tuple(_vary("activation", "cnn-course", one, arguments={"activation": one}, epochs=10)
              for one in ("tanh", "relu")),
    ),
    Study(
        "optimizer", "RMSprop or Adam for the CNN?", "RMSprop was chosen",
        tuple(_vary("optimizer", "cnn-course", one, optimizer=one, epochs=10)
              for one in ("rmsprop", "adam", "nadam", "adamax")),
    ),
    Study(
        "rate", "Which learning rate for the SimpleRNN?", "0.01",
        tuple(_vary("rate", "rnn-course", f"{one:g}", rate=one, epochs=10) for one in (0.01, 0.001, 0.03, 0.1)),
    ),
    Study(
        "batch", "Which batch for the SimpleRNN?", "65",
        tuple(_vary("batch", "rnn-course", str(one), batch=one, epochs=10) for one in (65, 16, 256)),
    ),
    Study(
        "collapse", "Why does the SimpleRNN fall to 10 % after 40 epochs, and what helps?", "it falls after 40 epochs",
        (
            _vary("collapse", "rnn-course", "as described", epochs=30),
            _vary("collapse", "rnn-course", "rate 0.1", rate=0.1, epochs=30),
            _vary("collapse", "rnn-course", "rate 0.1 and clipped gradients", rate=0.1, clip_norm=1.0, epochs=30),
            _vary("collapse", "rnn-course", "rate 0.1 falling to 0", rate=0.1, schedule="cosine", epochs=30),
        ),
    ),
    Study(
        "depth-cnn", "Do more layers help the CNN?", "they help",
        tuple(_vary("depth-cnn", "cnn-course", f"{2 * one} convolutions", arguments={"blocks": one}, epochs=10)
              for one in (3, 1, 2)),
    ),
    Study(
        "depth-rnn", "Do more layers hurt the SimpleRNN?", "they hurt",
        tuple(_vary("depth-rnn", "rnn-course", f"{len(one)} layer{'s' * (len(one) > 1)}", arguments=_sizes(*one), epochs=10)
              for one in ((256, 128, 64), (64,), (128, 64), (256, 256, 128, 64), (256, 256, 256, 128, 64))),
    ),
    Study(
        "cell", "Is an LSTM worse than a SimpleRNN?", "the LSTM was worse",
        (
            _vary("cell", "rnn-course", "SimpleRNN, SGD", epochs=15),
            _vary("cell", "rnn-course", "LSTM, SGD", arguments={"cell": "lstm"}, epochs=15),
            _vary("cell", "rnn-course", "SimpleRNN, Adam", optimizer="adam", rate=1e-3, epochs=15),
            _vary("cell", "rnn-course", "LSTM, Adam", arguments={"cell": "lstm"}, optimizer="adam", rate=1e-3, epochs=15),
        ),
    ),
    _transfer(20),
    _transfer(200),
)  # fmt: skip


# on photos, by cross-validation (see `vitrine.zoo.brands`)
BRANDS = "brands"
BRANDS_QUESTION = "What do augmentation, optimizer, depth and length do on few photos of three brands?"


def study(name: str) -> Study:
    """A study by name; NotFound, with the nearest name, where there is none."""
    known = {one.name: one for one in STUDIES}
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(known)}, {BRANDS}"
        raise NotFound(f"the zoo has no study '{name}'", hint=hint)
    return known[name]
