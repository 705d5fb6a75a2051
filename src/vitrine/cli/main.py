"""The command `vitrine`: joins the groups of commands, and is the only place that turns errors into exits."""

import sys

import typer

from vitrine import __version__
from vitrine.cli import (
    backup,
    check,
    classify,
    configure,
    decisions,
    demo,
    desk,
    discontinue,
    export,
    finetune,
    ingest,
    init,
    learn,
    lookalike,
    market,
    output,
    receive,
    serve,
    similar,
    taxonomy,
    users,
    watch,
    weigh,
    zoo,
)
from vitrine.cli.run import run as run_plan
from vitrine.errors import VitrineError

app = typer.Typer(
    name="vitrine",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Photos in; certified attributes out. Offline.\n\n"
    "Begin with [bold]vitrine demo[/], or in a folder of your own: init, ingest, check, train, evaluate, classify.",
)

# What the help shows together, in the order in which people need it: commands and groups of commands.
PANELS = {
    "From photos to attributes": (
        demo.demo,
        init.init,
        ingest.ingest,
        check.check,
        learn.train,
        learn.evaluate,
        learn.promote,
        learn.models,
        classify.classify,
        discontinue.discontinue,
    ),
    "People decide": (
        serve.serve,
        desk.audit,
        learn.retrain,
        weigh.weigh,
        ("decisions", decisions.decisions),
        ("taxonomy", taxonomy.taxonomy),
        ("users", users.users),
    ),
    "A photo as a question": (
        similar.similar,
        ("lookalike", lookalike.lookalike),
        receive.receive,
        receive.orders,
        ("receipts", receive.receipts),
    ),
    "By itself, and out again": (watch.watch, run_plan, ("export", export.export)),
    "Sellers and orders": (("market", market.market),),
    "Networks": (finetune.finetune, ("zoo", zoo.zoo)),
    "The house": (configure.doctor, ("config", configure.config), backup.backup, backup.restore, backup.tidy),
}
for panel, members in PANELS.items():
    for member in members:
        if isinstance(member, tuple):
            app.add_typer(member[1], name=member[0], rich_help_panel=panel)
        else:
            app.command(rich_help_panel=panel)(member)


@app.callback(invoke_without_command=True)
def version(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Show the version and exit.", is_eager=True),
) -> None:
    """Answer --version."""
    if version:
        print(f"vitrine {__version__}")
        raise typer.Exit


def run() -> None:
    """Run the command line; exit 0 done, 1 the answer is no, 2 wrong use or input, 3 a part is missing."""
    try:
        app()
    except VitrineError as error:
        output.show_error(error, as_json="--json" in sys.argv)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        output.say("\ninterrupted; run the same command again, it continues where it stopped")
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
