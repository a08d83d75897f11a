"""The contract's table (one row a technique) and the workshop where each case is carried out once.

A test that takes `case` runs over technique × family; `Quantize`'s rows cross bits and runtimes.
`saved_case` leaves out those whose folder would be like another's, `bert_case` takes one family,
`changing_case` those that change weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from engine.context import Context
from engine.data.splits import Examples, Splits
from engine.events import Emit
from engine.finishing import save
from engine.models.model import Model, open_model
from engine.run import Comparison, Measurement
from engine.tasks.classification import Classification
from engine.technique import Technique
from engine.techniques.distill import Distill
from engine.techniques.fine_tune import FineTune
from engine.techniques.low_rank import LowRank
from engine.techniques.prune import Prune
from engine.techniques.quantize import Quantize
from engine.techniques.train_head import TrainHead
from engine.techniques.vocabulary import Vocabulary

FAMILIES = ("bert", "distilbert", "roberta")
LABELS = ("animal", "food", "place")
RUNTIMES = ("torch", "onnxruntime", "openvino")
STRUCTURES = ("weights", "feed-forward neurons", "attention heads", "layers")
TABLE: dict[type[Technique], tuple[Technique, ...]] = {
    TrainHead: (TrainHead(epochs=1, learning_rate=1e-3), TrainHead(epochs=1, whole_model=False)),
    Prune: (
        *(Prune(structure=structure, sparsity=0.5) for structure in STRUCTURES),
        *(Prune(structure=structure, sparsity=0.3, importance="activation") for structure in STRUCTURES),
        *(Prune(structure=structure, sparsity=0.3, importance="magnitude") for structure in STRUCTURES),
        Prune(structure="weights", sparsity=0.5, recovery_minutes=5, recovery_epochs=1),
    ),
    LowRank: (LowRank(energy=0.95, calibration_texts=16),),
    Vocabulary: (Vocabulary(keep=0.8),),
    FineTune: (
        FineTune(epochs=1, learning_rate=1e-3),
        FineTune(epochs=1, learning_rate=1e-3, adapt="LoRA", rank=4),
    ),
    Distill: (
        Distill(layers=0.5, epochs=1, learning_rate=1e-3),
        Distill(layers=1.0, width=0.5, epochs=1, learning_rate=1e-3),
    ),
    Quantize: (
        *(Quantize(bits=bits, runtime=runtime, calibration_texts=16) for runtime in RUNTIMES for bits in (32, 16, 8)),
        Quantize(bits=4, runtime="openvino", calibration_texts=16),
    ),
}
REAL_SIZES = {
    "bert": {"vocabulary": 30_000, "layers": 4, "hidden": 256, "feed_forward": 1024},
    "distilbert": {"vocabulary": 16_000, "layers": 4, "hidden": 256, "feed_forward": 1024},
    "roberta": {"vocabulary": 8_000, "layers": 4, "hidden": 256, "feed_forward": 1024},
}
"""What `Quantize` is given: at such sizes every estimate is right to 2 %; the graph outweighs smaller models."""
ONE_FAMILY_IS_ENOUGH = {*TABLE[TrainHead][1:], *TABLE[Prune][4:]}
NEED_NOT_BE_SAVED = {*TABLE[Prune][4:-1]}
"""Other ways to judge importance: what is left has the same shapes."""
FEWER_HEADS = TABLE[Prune][2]
"""Saved for ONNX Runtime in one family; `test_fewer_heads…` saves it for OpenVINO in all."""


@dataclass(frozen=True)
class Case:
    """A technique as set, and the family of the model that it is applied to."""

    technique: Technique
    family: str

    def __str__(self) -> str:
        settings = self.technique.model_dump(exclude_defaults=True, exclude={"calibration_texts"}).values()
        return "-".join([self.family, self.technique.name, *(str(value) for value in settings)])


CASES = [
    Case(technique, family)
    for rows in TABLE.values()
    for technique in rows
    for family in (FAMILIES[:1] if technique in ONE_FAMILY_IS_ENOUGH else FAMILIES)
]
CASES_BY_ARGUMENT = {
    "case": CASES,
    "saved_case": [
        case
        for case in CASES
        if case.technique not in NEED_NOT_BE_SAVED and (case.technique != FEWER_HEADS or case.family == "bert")
    ],
    "bert_case": [case for case in CASES if case.family == "bert"],
    "changing_case": [case for case in CASES if not isinstance(case.technique, Quantize)],
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for `case` each of them, and one that asks for `family` each family."""
    for argument in CASES_BY_ARGUMENT.keys() & set(metafunc.fixturenames):
        metafunc.parametrize(argument, CASES_BY_ARGUMENT[argument], ids=str)
    if "family" in metafunc.fixturenames:
        metafunc.parametrize("family", FAMILIES)


@dataclass(frozen=True)
class Applied:
    """What came of a case: the original, and the model in memory; `folder` writes it when first asked for."""

    before: Model
    model: Model
    context: Context

    @cached_property
    def folder(self) -> Path:
        """Where it is saved."""
        return save(self.model, self.context.scratch / "saved", self.context)


class Workshop:
    """Builds each original once, carries out each case once."""

    def __init__(self, tiny_models: ModuleType, place: Path) -> None:
        self._tiny_models = tiny_models
        self._place = place
        self._originals: dict[tuple[object, ...], Path] = {}
        self._applied: dict[Case, Applied] = {}
        rows = tiny_models.texts(160)
        everything = Examples(tuple(text for text, _ in rows), tuple(LABELS.index(label) for _, label in rows))
        train, *rest = everything.batches(96)
        validation, test = rest[0].batches(32)
        self.data = Splits(LABELS, train, validation, test, key="tiny")

    def original(self, family: str, **settings: int | bool) -> Path:
        """The folder of a tiny model whose biases and norms are as uneven as a trained model's."""
        key = (family, *sorted(settings.items()))
        if key not in self._originals:
            folder = self._tiny_models.build(self._place / f"original-{len(self._originals)}", family, **settings)
            self._originals[key] = _unevened(folder)
        return self._originals[key]

    def open(self, case: Case) -> Model:
        """A new copy of the case's original; one without a head where the technique makes the original."""
        sizes = REAL_SIZES[case.family] if isinstance(case.technique, Quantize) else {"layers": 2}
        folder = self.original(case.family, head=not case.technique.prepares, **sizes)
        return open_model(folder, labels=LABELS if case.technique.prepares else (), seed=3)

    def context(
        self, case: Case, emit: Emit = lambda _: None, cancelled: Callable[[], bool] = lambda: False
    ) -> Context:
        """What a run would hand to the technique, but for trials: those find nothing."""
        scratch = self._place / f"scratch-{len(list(self._place.iterdir()))}"
        scratch.mkdir()
        context = Context(
            emit, cancelled, self.data, Classification(), scratch, seed=3, teacher=lambda: self.open(case)
        )

        def trial(_: Path, precision: str) -> tuple[Measurement, Comparison]:
            context.check()
            return Measurement(runtime="none", precision=precision), Comparison()

        context.trial = trial
        return context

    def applied(self, case: Case) -> Applied:
        """The case carried out and saved."""
        if case not in self._applied:
            before, context = self.open(case), self.context(case)
            model = case.technique.apply(before.copy(), context)
            self._applied[case] = Applied(before, model, context)
        return self._applied[case]


def _unevened(folder: Path) -> Path:
    """No two vectors alike: an exporter would store equal ones once, which no trained model has."""
    import torch
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    noise = torch.Generator().manual_seed(1)
    for vector in (value for value in weights.values() if value.dim() == 1):
        vector.add_(torch.randn(vector.shape, generator=noise), alpha=0.02)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="session")
def workshop(tiny_models: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """One for the whole session."""
    return Workshop(tiny_models, tmp_path_factory.mktemp("contract"))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """These models are too small to share, and sums in another order are not the same to the last bit."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session", autouse=True)
def shared_exports() -> Iterator[None]:
    """Translate each network once for ONNX and once for OpenVINO: the three bit widths start from the same graph."""
    from engine.runtimes import onnx_runtime, openvino_runtime

    def once(export: Callable[..., Any], copied: Callable[[Any], Any]) -> Callable[..., Any]:
        made: dict[str, Any] = {}

        def exported(model: Model, calibration: Any) -> Any:
            key = _fingerprint(model)
            if key not in made:
                made[key] = export(model, calibration)
            return copied(made[key])

        return exported

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_runtime, "_export", once(onnx_runtime._export, _copied_proto))
        patch.setattr(openvino_runtime, "_export", once(openvino_runtime._export, lambda graph: graph.clone()))
        yield


def _fingerprint(model: Model) -> str:
    """A hash over the family and every weight."""
    from safetensors.torch import save as serialized

    weights = {name: value.clone() for name, value in model.network.state_dict().items()}
    return sha256(model.profile.family.encode() + serialized(weights)).hexdigest()


def _copied_proto(graph: Any) -> Any:
    copied = type(graph)()
    copied.CopyFrom(graph)
    return copied


@pytest.fixture
def table() -> dict[type[Technique], tuple[Technique, ...]]:
    """Technique → its rows."""
    return TABLE


@pytest.fixture
def real_sizes() -> dict[str, dict[str, int]]:
    """Family → settings of a model as large as people use."""
    return REAL_SIZES


@pytest.fixture
def saved_cases() -> list[Case]:
    """Those that have a folder of their own."""
    return CASES_BY_ARGUMENT["saved_case"]


@pytest.fixture
def row_case() -> Callable[..., Case]:
    """The first case of a technique and family whose settings are these."""

    def find(technique: type[Technique], family: str, **settings: object) -> Case:
        rows = (row for row in TABLE[technique] if settings.items() <= row.model_dump().items())
        return Case(next(rows), family)

    return find
