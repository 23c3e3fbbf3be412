"""The verbs of `glasshouse look`; without one, the model is looked into as it reads a prompt."""

from typing import Any

import typer
from typer.core import TyperGroup

from glasshouse.cli.look import features, inside, probe, steer, train_sae

_INSIDE = "MODEL"
"""The verb that nobody names: no model is called so in earnest, and it is in no list."""


class _LookGroup(TyperGroup):
    """A group that hands on to one of its commands whatever begins with none of their names."""

    @property
    def inside(self) -> Any:
        """The command for what begins with no verb."""
        return self.commands[_INSIDE]

    def list_commands(self, ctx: Any) -> list[str]:
        """The verbs that have names."""
        return [name for name in super().list_commands(ctx) if name != _INSIDE]

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Begin with the verb that is named, with help, or with a look."""
        asks_for_help = args[:1] in (["--help"], ["-h"])
        if asks_for_help or (args and args[0] in self.list_commands(parent)):
            return super().make_context(info_name, args, parent=parent, **extra)
        return self.inside.make_context(info_name, args, parent=parent, **extra)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Show what a look takes, and the verbs behind it."""
        verbs: Any = {name: self.commands[name] for name in self.list_commands(ctx)}
        shown = _Shown(
            name=self.name,
            params=self.inside.params,
            help=self.inside.help,
            commands=verbs,
            rich_markup_mode=self.rich_markup_mode,
            subcommand_metavar="",
        )
        TyperGroup.format_help(shown, ctx, formatter)


class _Shown(TyperGroup):
    """A look and the verbs as one page of help."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Both ways to call it."""
        pieces = [piece for piece in super().collect_usage_pieces(ctx) if piece]
        return [*pieces, "| VERB MODEL ..."]


app = typer.Typer(
    cls=_LookGroup,
    rich_markup_mode="rich",
    help="Look inside a model: values and a page; dictionaries, features, steering, probes.",
)
_PANEL = "Verbs, with --help of their own"
app.command(_INSIDE)(inside.look)
app.command("train-sae", rich_help_panel=_PANEL)(train_sae.train_sae)
app.command("features", rich_help_panel=_PANEL)(features.features)
app.command("steer", rich_help_panel=_PANEL)(steer.steer)
app.command("probe", rich_help_panel=_PANEL)(probe.probe)
