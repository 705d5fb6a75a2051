"""A model: a predictor with its certificates and the identities of what made it, kept as a folder without pickle."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vitrine.errors import NotFound, Refused, StorageError
from vitrine.learn.calibrate import Calibrator
from vitrine.learn.certify import Certificate
from vitrine.learn.head import Classifier
from vitrine.learn.learnt import Basis, Learnt
from vitrine.learn.predictor import Predictor
from vitrine.learn.projection import Projection
from vitrine.taxonomy import Taxonomy

_MANIFEST = "model.json"


@dataclass(frozen=True, slots=True)
class Certificates:
    """What one attribute may publish: the certificate in force, those of single values, and the one of `all together`."""

    own: Certificate
    values: Mapping[str, Certificate]
    together: Certificate


@dataclass(frozen=True)
class Model:
    """A predictor, its certificates per attribute and for whole products, and what it was made of.

    `embedder_id` is the embedder whose vectors it reads; `reports` holds, per attribute, what training tried.
    """

    dataset_id: str
    embedder_id: str
    taxonomy_id: str
    predictor: Predictor
    certificates: Mapping[str, Certificates]
    product: Certificate | None
    reports: Mapping[str, Any]

    @cached_property
    def model_id(self) -> str:
        """`md-…`, by the content of every part."""
        return "md-" + _hash([self.dataset_id, self.taxonomy_id, self.head_ids])

    @property
    def attributes(self) -> list[str]:
        """The attributes it decides, in taxonomy order."""
        return list(self.predictor.classifiers)

    @cached_property
    def head_ids(self) -> Mapping[str, str]:
        """`hd-…` of every attribute: changes when its answers could, so also with the heads it is decided together with."""
        predictor = self.predictor
        own = {
            name: [name, one.id, predictor.calibrators[name].to_json()] for name, one in predictor.classifiers.items()
        }
        common = [self.embedder_id, predictor.projection.id]
        return {
            name: "hd-"
            + _hash([name, common, [own[o] for o in predictor.grammar.tied_to(name)], certificates.own.to_json()])
            for name, certificates in self.certificates.items()
        }

    def check_embedder(self, embedder_id: str) -> None:
        """Refuse vectors of another embedder than the one it was trained on."""
        if embedder_id != self.embedder_id:
            raise Refused(
                f"model {self.model_id} reads vectors of {self.embedder_id}, this workspace makes {embedder_id}",
                hint="vitrine train learns on the present vectors; or set [embedder] back in vitrine.toml",
            )


def save(model: Model, learnt: Mapping[str, Learnt], folder: Path) -> Path:
    """Write the model and what its heads learnt under `folder/<model_id>`, whole or not at all.

    A model that is there already is left alone.
    """
    final = folder / model.model_id
    if (final / _MANIFEST).exists():
        return final
    temporary = folder / f".{model.model_id}.{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        model.predictor.projection.save(temporary / "projection")
        for name, classifier in model.predictor.classifiers.items():
            classifier.save(temporary / "heads" / _folder_name(name))
            learnt[name].save_answers(temporary / "heads" / _folder_name(name))
        # written last: its presence means the model is whole
        (temporary / _MANIFEST).write_text(json.dumps(_manifest(model), ensure_ascii=False, indent=1), encoding="utf-8")
        os.replace(temporary, final)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise StorageError(f"model {model.model_id} could not be written to {folder}: {error}") from error
    return final


def load(model_id: str, folder: Path, taxonomy: Taxonomy) -> Model:
    """Read a model; NotFound when it is not there, Refused when the taxonomy has changed since it was trained."""
    path = folder / model_id
    data = _read_manifest(path)
    if data["taxonomy_id"] != taxonomy.id:
        raise Refused(
            f"model {model_id} was trained on taxonomy {data['taxonomy_id']}, taxonomy.toml is now {taxonomy.id}",
            hint="vitrine train learns the changed taxonomy",
        )
    projection = Projection.load(path / "projection")
    classifiers = {name: Classifier.load(path / "heads" / _folder_name(name)) for name in data["heads"]}
    calibrators = {name: Calibrator.from_json(head["calibrator"]) for name, head in data["heads"].items()}
    return Model(
        dataset_id=data["dataset_id"],
        embedder_id=data["embedder_id"],
        taxonomy_id=data["taxonomy_id"],
        predictor=Predictor.build(projection, classifiers, calibrators, taxonomy),
        certificates={name: _certificates(head) for name, head in data["heads"].items()},
        product=Certificate.from_json(data["product"]) if data["product"] else None,
        reports=data["reports"],
    )


def load_basis(model_id: str, folder: Path) -> Basis:
    """What a model's heads learnt, to train another one on; NotFound when it is not there.

    The taxonomy may have changed since: `Basis.kept` says which heads still fit it.
    """
    path = folder / model_id
    data = _read_manifest(path)
    learnt = {
        name: Learnt.load(
            path / "heads" / _folder_name(name), Calibrator.from_json(head["calibrator"]), data["reports"][name]
        )
        for name, head in data["heads"].items()
    }
    return Basis(model_id, Projection.load(path / "projection"), learnt)


def load_certificates(model_id: str, folder: Path) -> tuple[dict[str, Certificates], Certificate | None]:
    """The certificates of a model by head_id, and the one for whole products; NotFound when it is not there.

    The taxonomy may have changed since: an attribute has the name that it had when the model was trained.
    """
    data = _read_manifest(folder / model_id)
    heads = {head["head_id"]: _certificates(head) for head in data["heads"].values()}
    return heads, Certificate.from_json(data["product"]) if data["product"] else None


def _read_manifest(path: Path) -> dict[str, Any]:
    if not (path / _MANIFEST).is_file():
        raise NotFound(f"model {path.name} is not in {path.parent}", hint="vitrine models lists those that are")
    data: dict[str, Any] = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
    return data


def _manifest(model: Model) -> dict[str, Any]:
    heads = {
        name: {
            "head_id": model.head_ids[name],
            "calibrator": model.predictor.calibrators[name].to_json(),
            "certificate": certificates.own.to_json(),
            "values": {value: one.to_json() for value, one in certificates.values.items()},
            "together": certificates.together.to_json(),
        }
        for name, certificates in model.certificates.items()
    }
    return {
        "model_id": model.model_id,
        "dataset_id": model.dataset_id,
        "embedder_id": model.embedder_id,
        "taxonomy_id": model.taxonomy_id,
        "heads": heads,
        "product": model.product.to_json() if model.product else None,
        "reports": model.reports,
    }


def _certificates(head: Mapping[str, Any]) -> Certificates:
    values = {value: Certificate.from_json(one) for value, one in head["values"].items()}
    return Certificates(Certificate.from_json(head["certificate"]), values, Certificate.from_json(head["together"]))


def _folder_name(attribute: str) -> str:
    """An attribute's name is a person's text, a folder's name is not."""
    return hashlib.sha256(attribute.encode()).hexdigest()[:16]


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:12]
