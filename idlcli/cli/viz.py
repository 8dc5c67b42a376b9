import typer
from idlcli.cli.options import make_app

app = make_app()
