"""`vitrine init`: make a workspace, with a taxonomy proposed from a label table or a folder per value."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Encoding, Folder
from vitrine.embed.weights import DEFAULT
from vitrine.errors import InputError

if TYPE_CHECKING:
    from vitrine.intake.propose import Proposal, ProposedAttribute

_CENTER = 0.7  # photos in folders are of all kinds: on real shoe brands 0.84 became 0.88 (docs/LOG.md)


def init(
    table: Annotated[Path | None, typer.Option("--table", help="Label table: CSV, TSV, JSONL, Parquet, XLSX.")] = None,
    folders: Annotated[str | None, typer.Option("--folders", help="Photos sorted in one folder a value.")] = None,
    attribute: Annotated[str | None, typer.Option("--attribute", help="With --folders: what the folders say.")] = None,
    taxonomy: Annotated[Path | None, typer.Option("--taxonomy", help="Take this taxonomy.toml, propose none.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="Column with the product key.")] = None,
    photo: Annotated[str | None, typer.Option("--photo", help="Column with the photo files.")] = None,
    weights: Annotated[
        str, typer.Option("--weights", help="Network for embeddings: an ONNX, TFLite or IR file, hf://…")
    ] = DEFAULT,
    workspace: Folder = Path("."),
    encoding: Encoding = "utf-8",
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a workspace here: write vitrine.toml and propose taxonomy.toml.

    [dim]vitrine init --table labels.csv[/]

    [dim]vitrine init --folders photos/ --attribute brand[/]
    """
    from vitrine.embed.build import propose_network
    from vitrine.intake.propose import propose, taxonomy_toml
    from vitrine.intake.table import read_table
    from vitrine.workspace import create

    changes: dict[str, dict[str, Any]] = {}
    proposal: Proposal | None = None
    if table is not None:
        proposal = propose(read_table(table, encoding=encoding), key=key, photo=photo)
        changes["columns"] = proposal.columns.model_dump(exclude_defaults=True)
        attributes: tuple[ProposedAttribute, ...] = proposal.attributes
    elif folders is not None:
        if not attribute:
            raise InputError("--folders needs --attribute", hint="for example --attribute brand")
        attributes = (_folders_attribute(folders, attribute),)
    elif taxonomy is None:
        raise InputError(
            "nothing to begin with", hint="vitrine init --table labels.csv, or --folders PHOTOS --attribute NAME"
        )
    changes["embedder"] = propose_network(weights)
    if folders is not None:
        changes["embedder"]["center"] = _CENTER
    text = taxonomy.read_text(encoding="utf-8") if taxonomy else taxonomy_toml(attributes, min_rows=10)
    made = create(workspace, text, changes, force=force)
    report = {
        "workspace": str(made.folder),
        "taxonomy": made.taxonomy.id,
        "attributes": {name: len(one.values) for name, one in made.taxonomy.attributes.items()},
        "embedder": made.embedder.id,
        "typos": {a.name: dict(a.typos) for a in attributes if a.typos} if taxonomy is None else {},
        "rare": _rare(attributes) if taxonomy is None else {},
        "left_out": dict(proposal.left_out) if proposal else {},
    }
    if as_json:
        output.show_json(report)
    else:
        _show(report)


def _folders_attribute(folders: str, attribute: str) -> "ProposedAttribute":
    from vitrine.intake.propose import propose_attribute
    from vitrine.intake.source import PhotoSource

    names = Counter(path.rpartition("/")[0].rpartition("/")[2] for path in PhotoSource(folders).list() if "/" in path)
    if len(names) < 2:
        raise InputError(f"{folders} has {len(names)} folders with photos; at least two values are needed")
    return propose_attribute(attribute, names)


def _rare(attributes: "tuple[ProposedAttribute, ...]") -> dict[str, list[str]]:
    rare = {a.name: [value.name for value in a.values if value.count < 10] for a in attributes}
    return {name: values for name, values in rare.items() if values}


def _show(report: dict[str, Any]) -> None:
    rare, typos = report["rare"], report["typos"]
    rows = [(name, count, len(rare.get(name, []))) for name, count in report["attributes"].items()]
    output.show_table("Taxonomy proposed", ["attribute", "values", "too rare to learn"], rows)
    for name, pairs in typos.items():
        for typo, meant in pairs.items():
            output.say(f"likely typo in {name}: '{typo}' for '{meant}'")
    for name, reason in report["left_out"].items():
        output.say(f"not an attribute: {name} ({reason})")
    output.say(f"embedder: {report['embedder']}")
    output.say(f"wrote {report['workspace']}/vitrine.toml and taxonomy.toml; look at them, then:")
    output.say("  vitrine ingest PHOTOS --table labels.csv")
