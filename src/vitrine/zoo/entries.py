"""The table of entries: what is trained, how, and where it comes from.

`build` is a call of something in `vitrine.zoo.networks`; it is looked up when a network is made, so that the table can be
read without torch.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from vitrine.errors import NotFound, sentence

if TYPE_CHECKING:
    from torch import nn

SEEDS = "course study"
BOOSTED = "boosted"
SEVERAL = "several:Several"
CONVOLUTIONAL, RECURRENT, TRANSFORMER, BASELINE = "convolutional", "recurrent", "transformer", "baseline"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained.

    `schedule`: `constant`; `one-cycle` rises to `rate` in the first fifth and falls to nothing in a straight line; `cosine`
    falls as one, at once; `warm-cosine` after it rose in the first sixth; `two-warm-cosines` does so twice.
    `shift` in pixels, `erase` the share of pictures with an erased rectangle. `smoothing` of labels. `mirror`: answer
    with the mean over the picture and its mirror image; where there is a `shift`, of test pictures both are moved by a
    pixel too. `bf16` where the processor has it.
    """

    epochs: int
    batch: int
    optimizer: str
    rate: float
    schedule: str = "constant"
    weight_decay: float = 0.0
    smoothing: float = 0.0
    clip_norm: float | None = None
    flip: bool = False
    shift: int = 0
    erase: float = 0.0
    mirror: bool = False
    bf16: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the zoo. `parameters`: None where training decides; `says` is one line for people."""

    name: str
    family: str
    says: str
    build: str
    recipe: Recipe
    parameters: int | None
    paper: str = SEEDS
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def boosted(self) -> bool:
        """Whether this is a row of trees (`vitrine.zoo.boosted`) instead of a network."""
        return self.build == BOOSTED

    @property
    def several(self) -> bool:
        """Whether this is several networks of another entry that answer together (`vitrine.zoo.networks.several`)."""
        return self.build == SEVERAL

    @property
    def views(self) -> int:
        """Of how many views of a test picture the answer is the mean: those that the network learnt from, in small."""
        if not self.recipe.mirror:
            return 1
        return 10 if self.recipe.shift else 2

    def network(self) -> "nn.Module":
        """The network with fresh weights, drawn from torch's random numbers."""
        module, _, name = self.build.partition(":")
        network: nn.Module = getattr(importlib.import_module(f"vitrine.zoo.networks.{module}"), name)(**self.arguments)
        return network


_FAST = Recipe(
    12, 128, "sgd", 0.1, "warm-cosine", weight_decay=5e-4, smoothing=0.1, flip=True, shift=1, mirror=True, bf16=True
)
_LONG = Recipe(
    30, 128, "sgd", 0.1, "warm-cosine", weight_decay=5e-4, smoothing=0.1, flip=True, shift=2, erase=0.5, mirror=True, bf16=True
)  # fmt: skip
_READ = Recipe(
    30, 128, "adamw", 3e-3, "one-cycle", weight_decay=0.02, smoothing=0.1, clip_norm=1.0, flip=True, shift=1, mirror=True,
    bf16=True,
)  # fmt: skip

_PLAIN = Recipe(20, 100, "adamw", 1e-3, "cosine", weight_decay=0.01)

_HE = "arXiv 1512.03385"

ENTRIES = (
    Entry("linear-pixels", BASELINE, sentence("logistic regression on pixels"), "linear:pixels", _PLAIN, 7_850, "–"),
    Entry("linear-gradients", BASELINE, sentence("logistic regression on histograms of gradients"), "linear:gradients",
          _PLAIN, 12_970, "Dalal and Triggs 2005 (CVPR)"),
    Entry("boosted-trees", BASELINE, sentence("gradient boosting on pixels, ten trees a round"), BOOSTED,
          Recipe(300, 55_000, "boosting", 0.1), None, "Chen and Guestrin 2016 (KDD)"),
    Entry(
        "cnn-course", CONVOLUTIONAL, sentence("six tanh convolutions, as described"), "seeds:cnn",
        Recipe(150, 100, "rmsprop", 1e-3, bf16=True), 306_906,
    ),
    Entry(
        "rnn-course", RECURRENT, sentence("SimpleRNN 256-128-64, as described"), "seeds:RowByRow",
        Recipe(60, 65, "sgd", 1e-2), 135_498,
    ),
    Entry(
        "bilstm-course", RECURRENT, sentence("bidirectional LSTM 256-128, as described"), "seeds:BiLstm",
        Recipe(20, 64, "adam", 1e-3, bf16=True), 1_340_042,
    ),
    Entry("resnet-fast", CONVOLUTIONAL, sentence("made for the record: 94 % in minutes on two cores"), "residual:resnet9",
          _FAST, 1_042_800, _HE, {"width": 48, "stem_pool": True}),
    Entry("resnet9", CONVOLUTIONAL, sentence("nine layers with two residual blocks"), "residual:resnet9",
          _LONG, 1_943_712, _HE, {"width": 32}),
    Entry("resnet9-long", CONVOLUTIONAL, sentence("resnet9 for twice as long, in two cycles"), "residual:resnet9",
          replace(_LONG, epochs=60, schedule="two-warm-cosines"), 1_943_712, "arXiv 1608.03983", {"width": 32}),
    Entry("resnet9-three", CONVOLUTIONAL, sentence("three resnet9 that answer together"), SEVERAL,
          _LONG, 3 * 1_943_712, "arXiv 1612.01474", {"of": "resnet9", "members": 3}),
    Entry("wrn-16-4", CONVOLUTIONAL, sentence("wide residual network; hours on a CPU, for a GPU"), "residual:wide_resnet",
          _LONG, 2_752_218, "arXiv 1605.07146", {"depth": 16, "widen": 4}),
    Entry("lstm-attention", RECURRENT, sentence("LSTM over rows and columns, with attention"), "recurrent:RowsAndColumns",
          _READ, 850_826, "Yang et al. 2016 (NAACL)", {"cell": "lstm"}),
    Entry("gru-attention", RECURRENT, sentence("GRU over rows and columns, with attention"), "recurrent:RowsAndColumns",
          _READ, 669_578, "Yang et al. 2016 (NAACL)", {"cell": "gru"}),
    Entry("vit-small", TRANSFORMER, sentence("vision transformer of 49 patches, behind two convolutions"),
          "transformer:VisionTransformer",
          Recipe(12, 128, "adamw", 1e-3, "one-cycle", weight_decay=0.05, smoothing=0.1, clip_norm=1.0, flip=True, shift=2,
                 erase=0.25, mirror=True, bf16=True), 698_050, "arXiv 2010.11929"),
)  # fmt: skip


def entry(name: str) -> Entry:
    """An entry by name; NotFound, with the nearest name, where there is none."""
    known = {one.name: one for one in ENTRIES}
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(known)}"
        raise NotFound(f"the zoo has no entry '{name}'", hint=hint)
    return known[name]
