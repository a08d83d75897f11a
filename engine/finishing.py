"""The last step of a run and of an export: save, load in a fresh process, judge, certify."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.artifact import answers_file, check_hashes, copy_tokenizer, hashes_of, write_certificate
from engine.checking import lost_in_words
from engine.context import Context
from engine.errors import Refused
from engine.files import sha256_of
from engine.measure.referee import Baseline, Judgement, Referee
from engine.models.headers import WEIGHTS
from engine.models.model import Model
from engine.recipe import Limits
from engine.run import Certificate, Status
from engine.runtimes import runtime_named
from engine.tasks.base import Task

CALIBRATION_EXAMPLES = 256
PARITY_EXAMPLES = 64


def save(model: Model, target: Path, context: Context) -> Path:
    """Write `model` at `target` as its storage says; what a trial already wrote is moved there unchanged."""
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    if model.saved is not None:
        shutil.move(model.saved, target)
        return target
    target.mkdir()
    examples = context.data.train.first(CALIBRATION_EXAMPLES)
    batches = context.task.calibration(examples, context.task.encoder(model.folder))
    runtime = runtime_named(model.storage.runtime)
    runtime.save(model, target, batches, lambda message: context.progress(0, 0, message))
    return target


def keep_weights(model: Model, folder: Path, original: Path) -> None:
    """Keep the weights in 32 bits beside a result in fewer, so that it can be exported in another format.

    Where no step changed them, the kept original's file is linked rather than copied.
    """
    from safetensors.torch import save_file

    if model.storage.runtime == "torch" and model.storage.bits == 32:
        return
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().contiguous().clone() for name, value in model.network.state_dict().items()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    whole = (original / WEIGHTS).is_file()  # else transformers wrote it in shards, being very large
    if whole and sha256_of(folder / WEIGHTS) == sha256_of(original / WEIGHTS):
        (folder / WEIGHTS).unlink()
        _link(original / WEIGHTS, folder / WEIGHTS)
    model.network.config.save_pretrained(folder)
    copy_tokenizer(model.folder, folder)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(source, target)


def judge(
    folder: Path, model: Model, context: Context, referee: Referee, recipe: dict[str, Any], environment: dict[str, str]
) -> Judgement:
    """Measure the saved folder, see that it answers as `model` does, and put the certificate in it.

    Hashes are taken before and after: what was measured is what is there.
    """
    hashes = hashes_of(folder)
    judgement = referee.judge(folder, f"{model.storage.bits} bits", context.progress)
    check_hashes(folder, hashes)
    check_parity(model, judgement.answers, context)
    certify(folder, judgement, referee.baseline, hashes, recipe, environment)
    return judgement


def check_parity(model: Model, answers: np.ndarray, context: Context) -> None:
    """Raise `Refused` where a folder's `answers` [rows, figures] are not those of the network it was written from.

    The task's disparity is held to what the bits allow, so a wrong translation is not taken for a
    loss of quality.
    """
    task = context.task
    examples = context.data.test.first(PARITY_EXAMPLES)
    examples = replace(examples, corpus=examples.corpus[:1])  # what is searched is not asked again
    wanted = task.in_memory(model.network, model.folder, context.check).answers(examples, lambda _: context.check())
    disparity = task.disparity(wanted[: len(examples)], answers[: len(examples)])
    if not disparity <= task.parity[model.storage.bits]:  # so that NaN is not taken for alike
        raise Refused(
            f"The saved folder does not answer as the model it was written from (they differ by {disparity:.2f}, where "
            f"{task.parity[model.storage.bits]:g} is rounding). It is not offered as a result. "
            "Choose another runtime or more bits."
        )


def certify(
    folder: Path,
    judgement: Judgement,
    baseline: Baseline,
    hashes: dict[str, str],
    recipe: dict[str, Any],
    environment: dict[str, str],
) -> None:
    """Write `bozzetto.json` into the folder."""
    certificate = Certificate(
        recipe=recipe,
        environment=environment,
        baseline=baseline.measurement,
        optimized=judgement.measurement,
        comparison=judgement.comparison,
        sha256=hashes,
    )
    write_certificate(folder, certificate)


def keep_answers(folder: Path, answers: np.ndarray) -> None:
    """Keep a model's vectors in the run's folder, so that "Try it" need not make them again."""
    np.save(answers_file(folder), answers.astype(np.float32))


def write_changed(path: Path, changed: list[dict[str, Any]]) -> None:
    """The changed answers, worst first, one JSON object a line."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in changed)


def within(limits: Limits, judgement: Judgement, task: Task) -> tuple[Status, str]:
    """FINISHED, or which limit the measured folder breaks, in a sentence."""
    floor, found = limits.max_quality_loss, judgement.comparison.quality
    if floor is not None and found and -100 * found.value > floor:
        return Status.FLOOR_BROKEN, (
            f"The quality floor was broken when the finished folder was measured: {lost_in_words(found, task, 2)} "
            f"on test {task.nouns}, more than the {floor:g} allowed. The folder is kept, but it is not a result."
        )
    size = judgement.measurement.size_bytes or 0
    if limits.max_size_mb is not None and size > limits.max_size_mb * 1e6:
        return Status.OVER_LIMIT, (
            f"The folder is {size / 1e6:.1f} MB, above the limit of {limits.max_size_mb:g} MB. "
            "Use fewer bits or take out more; the folder is kept."
        )
    return Status.FINISHED, ""
