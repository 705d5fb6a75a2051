"""The dozen MLflow calls in use: runs, parameters, metrics, files, registered models and their aliases.

The truth about champions lives in the catalog; MLflow's aliases mirror it for those who look there.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

# Before mlflow is imported: nothing about a user's work leaves the machine.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")

from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from vitrine.errors import StorageError

# What it says while creating its tables is of no use to a person who waits for training.
logging.getLogger("mlflow").setLevel(logging.WARNING)

CHAMPION = "champion"
CHALLENGER = "challenger"


class Tracker:
    """One MLflow tracking server or database, and one experiment in it."""

    def __init__(self, uri: str, artifacts: Path, *, experiment: str = "vitrine") -> None:
        """Use the tracking store at `uri`; files go to `artifacts` where the store is a database."""
        self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        self._artifacts = artifacts
        self._experiment = experiment
        self._uri = uri

    def log(
        self,
        name: str,
        *,
        parameters: Mapping[str, object],
        metrics: Mapping[str, float],
        history: Sequence[Mapping[str, float]] = (),
        folder: Path | None = None,
    ) -> str:
        """Record a finished run with its files; returns the run id. StorageError when the store cannot be used.

        `history` holds what was measured in step 1, 2 …, for the curves.
        """
        try:
            run = self._client.create_run(self._experiment_id(), run_name=name)
            run_id: str = run.info.run_id
            moment = run.info.start_time
            shown = [Param(key, str(value)[:500]) for key, value in parameters.items()]
            measured = [Metric(key, float(value), moment, 0) for key, value in metrics.items() if value == value]
            self._client.log_batch(run_id, metrics=measured, params=shown)
            for step, figures in enumerate(history, 1):
                curve = [Metric(key, float(value), moment, step) for key, value in figures.items() if value == value]
                self._client.log_batch(run_id, metrics=curve)
            if folder is not None:
                self._client.log_artifacts(run_id, str(folder))
            self._client.set_terminated(run_id)
        except (MlflowException, OSError) as error:
            raise StorageError(f"MLflow at {self._uri} could not record the run: {error}") from error
        return run_id

    def register(self, model: str, run_id: str, *, alias: str, tags: Mapping[str, str]) -> None:
        """Make the run's files a version of the registered `model` and point `alias` at it."""
        try:
            self._create_registered(model)
            source = self._client.get_run(run_id).info.artifact_uri
            version = self._client.create_model_version(model, source=source, run_id=run_id, tags=dict(tags))
            self._client.set_registered_model_alias(model, alias, version.version)
        except (MlflowException, OSError) as error:
            raise StorageError(f"MLflow at {self._uri} could not register '{model}': {error}") from error

    def point(self, model: str, alias: str, tag: str, value: str) -> None:
        """Point `alias` at the version of `model` whose `tag` has `value`."""
        for version in self._client.search_model_versions(f"name = '{model}'"):
            if version.tags.get(tag) == value:
                self._client.set_registered_model_alias(model, alias, version.version)
                return
        raise StorageError(f"MLflow at {self._uri} has no version of '{model}' with {tag} = {value}")

    def _create_registered(self, model: str) -> None:
        try:
            self._client.create_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _experiment_id(self) -> str:
        found = self._client.get_experiment_by_name(self._experiment)
        if found is not None:
            return str(found.experiment_id)
        location = self._artifacts.resolve().as_uri() if self._uri.startswith("sqlite") else None
        return str(self._client.create_experiment(self._experiment, artifact_location=location))
