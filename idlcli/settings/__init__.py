"""Every hyperparameter of every command: its name, default, range and help stand here and nowhere else."""

from idlcli.settings.cae import CaeSettings as CaeSettings
from idlcli.settings.common import TrainSettings as TrainSettings
from idlcli.settings.data import ArithmeticSettings as ArithmeticSettings
from idlcli.settings.data import FacesSettings as FacesSettings
from idlcli.settings.gan import GanSettings as GanSettings
from idlcli.settings.judge import JudgeSettings as JudgeSettings
from idlcli.settings.seq2seq import Seq2seqSettings as Seq2seqSettings
from idlcli.settings.vae import VaeSettings as VaeSettings

COMMANDS = {
    "data build faces": FacesSettings,
    "data build arithmetic": ArithmeticSettings,
    "vae train": VaeSettings,
    "cae train": CaeSettings,
    "gan train": GanSettings,
    "seq2seq train": Seq2seqSettings,
    "judge train": JudgeSettings,
}
"""The settings class of each command that has one."""

RUN_KINDS = {command.split()[0]: kind for command, kind in COMMANDS.items() if command.endswith(" train")}
"""The settings class of each kind of run."""
