"""`resnets train`: from a folder of images to a model file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from resnets.data.dataset import Dataset
from resnets.data.findings import DataReport
from resnets.errors import ConfigError, Interrupted, WeightsError
from resnets.evaluation.evaluation import Evaluation
from resnets.recipes.settings import TrainingSettings
from resnets.training.checkpoints import clean, newest_valid
from resnets.training.choices import Choice
from resnets.training.conclusion import REPORT, Background, conclude
from resnets.training.data_manifest import read_groups, write_groups
from resnets.training.events import Checking, EpochRecord, RunStarted, Watcher
from resnets.training.interruption import Interruption
from resnets.training.loop import fit
from resnets.training.memory import check_memory, explain_out_of_memory
from resnets.training.planning import Prepared, complete, expected_memory, found, prepare
from resnets.training.preparation import build_session, make_loaders, make_network
from resnets.training.run_folder import RunFolder
from resnets.training.run_places import refuse_run_in_data
from resnets.training.session import Session, farewell
from resnets.training.tensorboard_log import TensorBoardLog
from resnets.training.threads import threads_restored, use_threads


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """What a training gives.

    Attributes:
        folder: of the run.
        model: path of the model file.
        history: one record per epoch.
        evaluation: of the images that were kept aside: the test split where there is one, else
            validation; None where there is neither.
        choices: what was decided by rule.
        data_report: what the check of the data found; None for a resumed run.
        seconds: of the run, over all its resumptions.
    """

    folder: Path
    model: Path
    history: tuple[EpochRecord, ...]
    evaluation: Evaluation | None
    choices: tuple[Choice, ...]
    data_report: DataReport | None
    seconds: float

    @property
    def report(self) -> Path:
        """Path of the report, a page for any browser."""
        return self.folder / REPORT

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {
            "folder": str(self.folder),
            "model": str(self.model),
            "report": str(self.report),
            "seconds": round(self.seconds, 3),
            "epochs": [record.to_dict() for record in self.history],
            "evaluation": self.evaluation.to_dict() if self.evaluation else None,
            "choices": [vars(choice) for choice in self.choices],
        }


def train(  # noqa: PLR0913 - one argument for each option of the command
    data: str | Path | Dataset | None = None,
    *,
    model: str | Path | None = None,
    output: str | Path | None = None,
    resume: bool = False,
    settings: TrainingSettings | None = None,
    check: bool = True,
    device: str | None = None,
    tensorboard: bool = False,
    time_threads: bool = False,
    watch: Watcher | None = None,
) -> TrainingResult:
    """Train a network on a folder of images, and write a model file that needs no further word.

    What neither the arguments nor `settings` say is chosen from the data, by rules that do not depend on
    chance or load: the same call gives the same run. SIGTERM and Ctrl-C end it after the step, saved.

    Args:
        data: a data set, as for `open_dataset`, or one that is open already; `settings.data` if it is
            left out.
        model: what to train, as in `settings.model`, which it replaces.
        output: folder of the run. [a new one in runs/train]
        resume: go on with the run in `output`, whose own settings hold; `data` may say where the images
            are now.
        settings: of the training.
        check: decode and compare all images first.
        device: 'cpu', 'cuda' or 'cuda:1'. [a GPU, if there is one]
        tensorboard: write events for TensorBoard into the run, too; needs `resnets[train]`.
        time_threads: where nothing says how many threads compute a step, try one and all, and take what
            is faster, as the command does. It depends on what else the machine does, and the last digits
            of a training depend on it. [PyTorch's number]
        watch: is told what happens.

    Raises:
        ConfigError: if settings make no sense, or do not fit the data.
        DataError: if the data cannot be used.
        WeightsError: if there is nothing to resume, or it belongs to other data.
        Interrupted: if it was asked to end; `resume` goes on.
        NonFiniteError: if a loss or a gradient is not finite.
        MemoryLimitError: if there is not enough memory.
        OutputError: if something cannot be written.
    """
    place = None if output is None else Path(output)
    told = watch or (lambda _: None)
    with Interruption() as interruption, torch.random.fork_rng(), threads_restored():
        run = open_run(place, settings=settings, model=model) if resume else None
        given = run.read_settings() if run else settings or TrainingSettings()
        given = complete(given, data=data, model=model)
        opened = data if isinstance(data, Dataset) else None
        if run is None:
            refuse_run_in_data(place, opened.root if opened else given.data)
        prepared = prepare(
            given,
            opened=opened,
            check=check and not resume,
            groups=read_groups(run.path) if run else None,
            device=device,
            interruption=interruption,
            watch=told,
        )
        run = run or RunFolder.create(place, name=Path(prepared.settings.data).resolve().name)
        with run, run.log_to_file(), status_kept(run):
            return carry_out(
                run,
                prepared,
                resume=resume,
                tensorboard=tensorboard,
                time_threads=time_threads,
                interruption=interruption,
                watch=told,
            )


def open_run(
    place: Path | None, *, settings: TrainingSettings | None, model: str | Path | None
) -> RunFolder:
    """Open the run that is to go on.

    Raises:
        ConfigError: if there are settings besides the run's own.
    """
    problems = []
    if place is None:
        problems.append("resume needs output: the folder of the run")
    if settings is not None or model is not None:
        problems.append("a resumed run keeps its settings and its model: start a new one to change them")
    if problems or place is None:
        raise ConfigError("the training", problems)
    return RunFolder.open(place)


def carry_out(
    run: RunFolder,
    prepared: Prepared,
    *,
    resume: bool,
    tensorboard: bool,
    time_threads: bool,
    interruption: Interruption,
    watch: Watcher,
) -> TrainingResult:
    """Train, evaluate, and write everything down.

    Args:
        run: where.
        prepared: what.
        resume: go on from the newest checkpoint, if there is one.
        tensorboard: write events for TensorBoard, too.
        time_threads: take as many threads as are fast.
        interruption: ends the run early.
        watch: is told what happens.

    Raises:
        WeightsError: if the run to resume has other data.
    """
    settings, dataset = prepared.settings, prepared.dataset
    if resume and (changes := run.data_changes(dataset)):
        raise WeightsError(
            f"the run in {run.path} cannot go on with other data than it began with: "
            + "; ".join(changes)
        )
    network = make_network(settings, dataset, device=prepared.device)
    warning = check_memory(expected_memory(network, settings), settings, prepared.machine)
    timed = use_threads(
        network,
        settings,
        earlier=run.threads() if resume else None,
        timed=time_threads,
        on_step=interruption.check,
    )
    prepared = replace(prepared, choices=(*prepared.choices, *timed))
    run.write_environment(device=prepared.device)
    if not resume:
        report = prepared.data_report
        run.write_manifest(dataset, digests=report.evidence.images.file_digests if report else ())
        write_groups(run.path, dataset.groups)
        if report is not None:
            run.write_findings(report.findings)
        run.write_choices(prepared.choices)
        run.write_settings(settings)
    choices, findings = run.read_choices() if resume else prepared.choices, run.read_findings()

    def read_on(what: str, done: int, total: int) -> None:
        interruption.check(farewell(run))
        watch(Checking(what, done, total))

    loaders = make_loaders(settings, dataset, prepared.machine, on_progress=read_on)
    with ExitStack() as stack:
        stack.enter_context(closing(loaders))
        session = build_session(
            settings,
            dataset,
            loaders,
            network=network,
            run=run,
            interruption=interruption,
            watchers=[watch],
        )
        resumed = go_on(session, run) if resume else False
        if tensorboard:
            written = stack.enter_context(TensorBoardLog(run.path, first_step=session.steps_done))
            session.watchers.append(written)
        notes = (*loaders.notes, *((warning,) if warning else ()), *found(findings or ()))
        session.tell(started(session, prepared, notes=notes, resumed=resumed))
        try:
            fit(session)
        except (RuntimeError, MemoryError) as error:
            if explained := explain_out_of_memory(error, settings):
                raise explained from error
            raise
    background = Background(dataset, choices, findings, prepared.machine)
    evaluation = conclude(session, background)
    return TrainingResult(
        folder=run.path,
        model=run.model_path,
        history=tuple(run.history()),
        evaluation=evaluation,
        choices=choices,
        data_report=prepared.data_report,
        seconds=session.seconds(),
    )


def started(
    session: Session, prepared: Prepared, *, notes: tuple[str, ...], resumed: bool
) -> RunStarted:
    """Say what is about to happen."""
    return RunStarted(
        folder=session.run.path,
        model=prepared.settings.model,
        device=prepared.device.type,
        num_parameters=sum(p.numel() for p in session.learner.network.parameters()),
        num_images={name: len(split) for name, split in prepared.dataset.splits.items()},
        num_classes=session.num_classes,
        choices=tuple((choice.key, choice.value, choice.reason) for choice in prepared.choices),
        notes=notes,
        resumed_epoch=session.position.epoch if resumed else None,
        resumed_step=session.position.step,
    )


def go_on(session: Session, run: RunFolder) -> bool:
    """Restore a session from the newest checkpoint that is whole; without one it starts anew."""
    clean(run.checkpoints)
    checkpoint = newest_valid(run.checkpoints)
    if checkpoint is not None:
        session.restore(checkpoint)
    is_unfinished = session.position.step == session.loader.num_steps  # validated and recorded again
    run.truncate(session.steps_done - is_unfinished)
    return checkpoint is not None


@contextmanager
def status_kept(run: RunFolder) -> Iterator[None]:
    """Write down how a run ends."""
    run.write_status("running")
    try:
        yield
    except Interrupted as error:
        run.write_status("interrupted", str(error))
        raise
    except BaseException as error:
        run.write_status("failed", f"{type(error).__name__}: {error}")
        raise
    run.write_status("done")
