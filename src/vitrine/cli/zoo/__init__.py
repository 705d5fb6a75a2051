"""`vitrine zoo …`: the study of small networks on Fashion-MNIST."""

import typer

from vitrine.cli.zoo import group, runs, show, study

zoo = typer.Typer(no_args_is_help=True, help="Small networks on Fashion-MNIST under one protocol, with their evidence.")

zoo.command("list")(show.list_entries)
for command in (runs.fetch, runs.run, show.results, runs.verify, study.study, group.group):
    zoo.command()(command)
