"""All settings with their defaults and meanings; `vitrine.toml`, `VITRINE_*` variables and flags stand above them.

Later wins: default, `vitrine.toml`, environment (`VITRINE_LEARN__PRECISION=0.95`).
"""

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from vitrine.errors import InputError, NotFound

FILE = "vitrine.toml"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StorageSettings(_Section):
    """Where things are kept; relative paths are inside the workspace."""

    catalog: str = Field("sqlite:///.vitrine/catalog.sqlite", description="SQLAlchemy URL of the catalog")
    photos: str = Field(
        ".vitrine/photos", description="folder or fsspec URL for cleaned photos, e.g. s3://bucket/prefix"
    )
    tracking: str = Field("sqlite:///.vitrine/mlflow.sqlite", description="MLflow tracking and registry URI")


class Columns(_Section):
    """Which column of a label table holds what; attribute columns are found by their own names."""

    key: str = Field("sku", description="the product's key")
    photo: str = Field("photo", description="photo file(s), relative to the photos folder; several with '|'")
    view: str = Field("view", description="side, front, back, detail, worn …")
    style: str = Field("style_id", description="ties colorways of one design")
    name: str = Field("name", description="product name")
    description: str = Field("description", description="product text")
    brand: str = Field("brand", description="brand")
    price: str = Field("price", description="price")
    stock: str = Field("stock", description="pieces in stock")
    weight: str = Field("business_weight", description="what an answer is worth to the business, e.g. pieces sold")


class CleaningSettings(_Section):
    """What is done to a photo before anything looks at it; originals are never touched."""

    border: bool = Field(True, description="cut uniform frames around the picture")
    noise: bool = Field(True, description="smooth sensor noise where there is noise")
    max_side: int = Field(640, ge=0, description="longest side kept, in pixels; 0 keeps the size")
    quality: int = Field(90, ge=50, le=100, description="JPEG quality of the cleaned copy")


class EmbedderSettings(_Section):
    """What turns a photo into numbers; each part's vector stands beside the others, normalized on its own."""

    color_shape: bool = Field(True, description="color and shape features, no weights needed")
    model: str | None = Field(None, description="ONNX, TFLite or OpenVINO IR file of a network")
    sha256: str | None = Field(None, description="SHA-256 that the model file must have")
    output: str | None = Field(None, description="values of the network to read, with commas; empty = as it proposes")
    size: int | None = Field(None, description="input side in pixels; empty = what the network declares")
    resize: Literal["pad", "squash", "crop"] = Field("pad", description="how a photo becomes square")
    channels: Literal["RGB", "BGR"] = Field("RGB", description="order of the colors that the network expects")
    mean: tuple[float, float, float] | None = Field(None, description="channel means subtracted (0..255 scale)")
    std: tuple[float, float, float] | None = Field(None, description="channel deviations divided by (0..255 scale)")
    mirror: bool = Field(False, description="average with the mirrored photo, at twice the cost")
    center: float | None = Field(
        None, gt=0.2, lt=1.0, description="look at this share of the middle as well, e.g. 0.7, at twice the cost"
    )
    precision: Literal["f32", "bf16"] = Field("f32", description="arithmetic of the network, part of its identity")


class LearnSettings(_Section):
    """How heads are trained and what a certificate promises."""

    precision: float = Field(0.97, gt=0.5, lt=1.0, description="wanted precision of what is published")
    confidence: float = Field(0.95, gt=0.5, lt=1.0, description="confidence of the certificate")
    head: Literal["auto", "linear", "network", "xgboost"] = Field(
        "auto", description="kind of head; auto keeps the best one"
    )
    min_rows: int = Field(10, ge=2, description="training products a value needs to be learnt")
    salt: str = Field("", description="changes which families go to train, calibrate and test")
    seed: int = Field(0, description="seed of everything random in training")
    threads: int = Field(0, ge=0, description="processor threads; 0 = all")


class AuditSettings(_Section):
    """How many published answers people are asked blind, for each attribute."""

    first: int = Field(150, ge=1, description="after each certification, and weekly while the answers speak against it")
    weekly: float = Field(20, ge=0, description="in each week after that")
    sample: int = Field(10, ge=0, description="products at a time of which people are asked all, for certificates")


class LookAlikeSettings(_Section):
    """How similar products are found."""

    index: Literal["exact", "ivf", "pgvector"] = Field(
        "exact",
        description="exact scan; ivf (extra ann) from some 500,000 products; pgvector with a catalog in PostgreSQL",
    )
    attribute: str = Field("", description="what a probability speaks of; empty = the first attribute learnt")


class ReceiveSettings(_Section):
    """What a photo of a delivery is held against, and how often the answer may be wrong."""

    brand: str = Field("brand", description="the attribute that says a product's brand")
    false_alarms: float = Field(0.05, gt=0.0, lt=0.5, description="matching deliveries called a mismatch, at most")
    false_matches: float = Field(0.05, gt=0.0, lt=0.5, description="other brands or products called a match, at most")
    strangers: float = Field(0.1, gt=0.0, lt=0.5, description="brands that were never learnt called a match, at most")
    confidence: float = Field(0.95, gt=0.5, lt=1.0, description="confidence with which these are proven")


class ExportSettings(_Section):
    """Where answers that may leave go, and in which form; relative paths are inside the workspace."""

    lake: str = Field("lake", description="folder or fsspec URL of the lake, e.g. s3://bucket/lake")
    keep: int = Field(3, ge=1, description="versions of the lake that are kept for readers still at work on them")
    table: str = Field("", description="the .csv or .xlsx file of `vitrine export table`")
    columns: str = Field("columns.toml", description="which column of that table holds what")


class SapSettings(_Section):
    """How attributes get into SAP; the password is in VITRINE_SAP_PASSWORD or in `password_file`, never here."""

    mapping: str = Field("sap.toml", description="which attribute is which characteristic, and which value is which")
    way: Literal["idoc", "odata"] = Field("idoc", description="idoc writes CLFMAS02 files, odata calls a service")
    folder: str = Field("sap-outbox", description="where IDoc files are put for the ALE inbox")
    service: str = Field("", description="URL of the OData service, ending in API_CLFN_PRODUCT_SRV or your own")
    characteristics: str = Field("", description="URL of the service with characteristics; empty = beside the service")
    user: str = Field("", description="user of the OData service")
    password_file: str = Field("", description="file with the password, where the variable is not set")
    client: str = Field("", description="SAP client, e.g. 100; empty = the service's own")
    timeout: float = Field(30, gt=0, description="seconds to wait for an answer of the service")
    retries: int = Field(5, ge=0, description="tries more after 429, 5xx or no answer, waiting longer each time")


class Settings(BaseSettings):
    """The whole configuration, section by section."""

    model_config = SettingsConfigDict(
        env_prefix="VITRINE_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    storage: StorageSettings = StorageSettings()
    columns: Columns = Columns()
    cleaning: CleaningSettings = CleaningSettings()
    embedder: EmbedderSettings = EmbedderSettings()
    learn: LearnSettings = LearnSettings()
    audit: AuditSettings = AuditSettings()
    lookalike: LookAlikeSettings = LookAlikeSettings()
    receive: ReceiveSettings = ReceiveSettings()
    export: ExportSettings = ExportSettings()
    sap: SapSettings = SapSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment stands above the file."""
        return (env_settings, init_settings)


def load(folder: Path) -> Settings:
    """The settings of the workspace in `folder`; a mistake in them is an InputError naming section and key."""
    path = folder / FILE
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(
            f"{folder} is no Vitrine workspace: it has no {FILE}",
            hint="vitrine init --table labels.csv makes one here",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from None
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{path} or environment: {place} = {first.get('input')!r}: {first['msg']}",
            hint="vitrine config show lists every setting, its value and where it comes from",
        ) from None


def inside(folder: Path, url: str) -> str:
    """`sqlite:///relative` is relative to `folder`, not to where the command was called; other URLs stay as they are."""
    prefix = "sqlite:///"
    if url.startswith(prefix) and not url.startswith(prefix + "/"):
        return prefix + str(folder / url.removeprefix(prefix))
    return url


def write(folder: Path, changes: dict[str, dict[str, Any]]) -> Path:
    """Write `vitrine.toml` with every setting, its meaning as a comment, and `changes` in place of defaults."""
    lines = ["# Settings of this Vitrine workspace. A line with '#' shows a default."]
    for section, model in sections():
        lines += ["", f"[{section}]"]
        for name, field in model.model_fields.items():
            given = changes.get(section, {})
            value = given.get(name, field.default)
            shown = f"{name} = {_toml(value)}" if name in given else f"# {name} = {_toml(value)}"
            lines.append(f"{shown}  # {field.description}" if name in given else f"{shown}  ({field.description})")
    path = folder / FILE
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def origins(folder: Path) -> list[tuple[str, str, Any, str, str]]:
    """(section, name, value, origin, meaning) of every setting; origin is default, vitrine.toml or a variable."""
    settings = load(folder)
    given = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
    rows = []
    for section, model in sections():
        for name, field in model.model_fields.items():
            variable = f"VITRINE_{section}__{name}".upper()
            origin = "default"
            if name in given.get(section, {}):
                origin = FILE
            if variable in {key.upper() for key in os.environ}:
                origin = variable
            value = getattr(getattr(settings, section), name)
            rows.append((section, name, value, origin, field.description or ""))
    return rows


def sections() -> list[tuple[str, type[_Section]]]:
    """The sections of the settings by name, in the order of the file."""
    return [
        ("storage", StorageSettings),
        ("columns", Columns),
        ("cleaning", CleaningSettings),
        ("embedder", EmbedderSettings),
        ("learn", LearnSettings),
        ("audit", AuditSettings),
        ("lookalike", LookAlikeSettings),
        ("receive", ReceiveSettings),
        ("export", ExportSettings),
        ("sap", SapSettings),
    ]


def _toml(value: Any) -> str:
    if value is None:
        return '""'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
