"""How a network is fine-tuned, in plain values: every one is part of the training's identity."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from vitrine.errors import InputError
from vitrine.finetune.augment import Augmentation

OptimizerName = Literal["adamw", "adam", "nadam", "adamax", "sgd", "rmsprop"]
Schedule = Literal["cosine", "plateau"]
Objective = Literal["contrastive", "proxy"]
FAMILY = "family"
ALL = "all"


@dataclass(frozen=True, slots=True)
class Stage:
    """So many epochs in which the heads and the last `blocks` blocks learn; None is all of them."""

    epochs: int
    blocks: int | None

    def __str__(self) -> str:
        return f"{self.epochs}:{ALL if self.blocks is None else self.blocks}"

    def frozen(self, of: int) -> int:
        """How many of a network's blocks do not learn."""
        return 0 if self.blocks is None else max(0, of - self.blocks)


@dataclass(frozen=True, slots=True)
class Metric:
    """An objective on distances beside the attributes: `over` is an attribute or `family`, `weight` multiplies its loss."""

    objective: Objective
    over: str
    weight: float = 0.5


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that changes what fine-tuning gives, but the data and the start.

    `rate` is the heads'; blocks learn at `backbone_share` of it, and each block below the last at `depth_decay` of the one
    above. `views`: while lower blocks are frozen, every photo is augmented so often (at most once for each look at it)
    and what they make of it is kept; 0 augments anew in every epoch. `balanced` draws rare values more often, by the square
    root of how common they are. `keep` weighs the distance of the embedding from the start's, so that what it knew is not
    lost.
    """

    stages: tuple[Stage, ...] = (Stage(1, 0), Stage(5, 6))
    size: int | None = None
    batch: int = 64
    accumulate: int = 1
    optimizer: OptimizerName = "adamw"
    rate: float = 2e-3
    backbone_share: float = 0.2
    depth_decay: float = 0.85
    weight_decay: float = 0.02
    schedule: Schedule = "cosine"
    patience: int | None = 6
    smoothing: float = 0.1
    dropout: float = 0.2
    views: int = 4
    balanced: bool = False
    keep: float = 0.0
    metric: Metric | None = None
    augmentation: Augmentation = field(default_factory=Augmentation)
    bf16: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name, allowed in (("optimizer", OptimizerName), ("schedule", Schedule)):
            if getattr(self, name) not in get_args(allowed):
                raise InputError(f"{name} is {getattr(self, name)!r}; it can be {', '.join(get_args(allowed))}")
        for name in ("rate", "batch", "accumulate"):
            if getattr(self, name) <= 0:
                raise InputError(f"{name} is {getattr(self, name)}; it must be above 0")
        if self.metric is not None and self.metric.objective not in get_args(Objective):
            known = ", ".join(get_args(Objective))
            raise InputError(f"the metric objective is {self.metric.objective!r}; it can be {known}")
        if self.metric is not None and (self.augmentation.mixup or self.augmentation.cutmix):
            raise InputError("a mixed picture belongs to no group", hint="leave out --mixup and --cutmix, or --metric")

    @property
    def looks(self) -> int:
        """Views of each photo in a batch: two where families attract, since most have a single photo."""
        return 2 if self.metric is not None and self.metric.over == FAMILY else 1

    @property
    def epochs(self) -> int:
        """Of all stages."""
        return sum(stage.epochs for stage in self.stages)

    def stage(self, epoch: int) -> Stage:
        """The stage of epoch 1, 2 …"""
        for stage in self.stages:
            if epoch <= stage.epochs:
                return stage
            epoch -= stage.epochs
        raise ValueError(f"there is no epoch {epoch} beyond the last stage")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for an identity, MLflow and JSON."""
        return asdict(self) | {"stages": [str(stage) for stage in self.stages]}


def read_stage(text: str) -> Stage:
    """A stage as written on a command line, `EPOCHS:BLOCKS`.

    >>> read_stage("2:0"), read_stage("6:all")
    (Stage(epochs=2, blocks=0), Stage(epochs=6, blocks=None))
    """
    epochs, _, blocks = text.partition(":")
    if not epochs.isdigit() or int(epochs) < 1 or not (blocks.isdigit() or blocks == ALL):
        raise InputError(
            f"the stage {text!r} is no EPOCHS:BLOCKS", hint="for example --stage 2:0 --stage 10:6 --stage 6:all"
        )
    return Stage(int(epochs), None if blocks == ALL else int(blocks))
