"""`resnets train`: from a folder of images to a model file."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from resnets.data.dataset import Dataset
from resnets.data.findings import DataReport
from resnets.errors import WeightsError
from resnets.evaluation.evaluation import Evaluation
from resnets.recipes.settings import TrainingSettings
from resnets.training.beginning import Beginning, Wish, agree_on_data, begin
from resnets.training.checkpoints import clean, load_checkpoint, newest_valid
from resnets.training.choices import Choice
from resnets.training.conclusion import REPORT, Background, conclude
from resnets.training.data_manifest import write_groups
from resnets.training.events import Checking, EpochRecord, RunStarted, Watcher
from resnets.training.loop import fit
from resnets.training.machine import find_device, forked_rng
from resnets.training.meeting import joined
from resnets.training.memory import check_memory, explain_out_of_memory
from resnets.training.planning import Prepared, expected_memory, found
from resnets.training.preparation import build_session, make_loaders, make_network
from resnets.training.processes import Processes
from resnets.training.run_folder import RunFolder
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
            validation; None where there is neither, and in all processes but the first.
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

    Where `torchrun` has started several processes, they train one network together, and the first of
    them does all the writing. They need an `output`; if the run in it has begun, they go on with it, as
    after one of them was killed.

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
        WorkerError: if another process of the training ended, or cannot be reached.
    """
    told = watch or (lambda _: None)
    wish = Wish(
        data=data,
        model=model,
        output=None if output is None else Path(output),
        resume=resume,
        settings=settings,
        check=check,
        device=device,
    )
    with (
        forked_rng(device),
        threads_restored(),
        joined(find_device(device)) as processes,
        ExitStack() as held,
    ):
        begun = begin(wish, processes, held, watch=told)
        return carry_out(
            begun, processes, tensorboard=tensorboard, time_threads=time_threads, watch=told
        )


def carry_out(
    begun: Beginning,
    processes: Processes,
    *,
    tensorboard: bool,
    time_threads: bool,
    watch: Watcher,
) -> TrainingResult:
    """Train, evaluate, and write everything down.

    Args:
        begun: what is decided.
        processes: that train together.
        tensorboard: write events for TensorBoard, too.
        time_threads: take as many threads as are fast.
        watch: is told what happens.

    Raises:
        WeightsError: if the run to resume has other data.
    """
    run, prepared, resume = begun.run, begun.prepared, begun.resume
    settings, dataset = prepared.settings, prepared.dataset
    if resume:
        processes.from_first(lambda: _refuse_changed_data(run, dataset))
    network = make_network(settings, dataset, device=prepared.device)
    warning = check_memory(expected_memory(network, settings), settings, prepared.machine)
    timed = use_threads(
        network,
        settings,
        earlier=run.threads() if resume else None,
        timed=time_threads,
        on_step=processes.interruption.check,
    )
    prepared = replace(prepared, choices=(*prepared.choices, *timed))
    processes.from_first(lambda: _write_beginning(run, prepared, resume=resume))
    choices, findings = run.read_choices() if resume else prepared.choices, run.read_findings()

    def read_on(what: str, done: int, total: int) -> None:
        processes.interruption.check(farewell(run))
        watch(Checking(what, done, total))

    loaders = processes.together(
        lambda: make_loaders(
            settings, dataset, prepared.machine, processes=processes, on_progress=read_on
        )
    )
    with ExitStack() as stack:
        stack.enter_context(closing(loaders))
        agree_on_data(processes, dataset, loaders)
        session = build_session(
            settings,
            dataset,
            loaders,
            network=network,
            run=run,
            processes=processes,
            watchers=[watch],
        )
        resumed = go_on(session, run) if resume else False
        if tensorboard and processes.is_first:
            written = stack.enter_context(TensorBoardLog(run.path, first_step=session.steps_done))
            session.watchers.append(written)
        notes = (*loaders.notes, *((warning,) if warning else ()), *found(findings or ()))
        session.tell(started(session, prepared, notes=notes, resumed=resumed))
        try:
            with processes.explained():
                fit(session)
        except (RuntimeError, MemoryError) as error:
            if explained := explain_out_of_memory(error, settings):
                raise explained from error
            raise
    background = Background(dataset, choices, findings, prepared.machine)
    evaluations: list[Evaluation | None] = []
    processes.from_first(lambda: evaluations.append(conclude(session, background)))
    return TrainingResult(
        folder=run.path,
        model=run.model_path,
        history=tuple(run.history()),
        evaluation=evaluations[0] if evaluations else None,
        choices=choices,
        data_report=prepared.data_report,
        seconds=session.seconds(),
    )


def _refuse_changed_data(run: RunFolder, dataset: Dataset) -> None:
    if changes := run.data_changes(dataset):
        raise WeightsError(
            f"the run in {run.path} cannot go on with other data than it began with: "
            + "; ".join(changes)
        )


def _write_beginning(run: RunFolder, prepared: Prepared, *, resume: bool) -> None:
    """Write down with what a run begins, or goes on."""
    run.write_environment(device=prepared.device)
    if resume:
        return
    report = prepared.data_report
    digests = report.evidence.images.file_digests if report else ()
    run.write_manifest(prepared.dataset, digests=digests)
    write_groups(run.path, prepared.dataset.groups)
    if report is not None:
        run.write_findings(report.findings)
    run.write_choices(prepared.choices)
    run.write_settings(prepared.settings)


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

    def read() -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        clean(run.checkpoints)
        checkpoint = newest_valid(run.checkpoints)
        return None if checkpoint is None else load_checkpoint(checkpoint.path)

    # The first process alone needs to reach the disk that the run is on.
    saved = session.processes.from_first(read)
    if saved is not None:
        session.restore(*saved)
    is_unfinished = session.position.step == session.loader.num_steps  # validated and recorded again
    if session.processes.is_first:
        run.truncate(session.steps_done - is_unfinished)
    return saved is not None
