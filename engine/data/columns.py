"""Which column holds the text and which the label: by name where it is telling, else by content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from engine.errors import Refused

TEXT_NAMES = (
    "text", "sentence", "review", "content", "body", "definition", "comment", "message", "tweet",
    "document", "description", "question", "utterance", "input", "title",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "category", "class", "target", "sentiment", "intent", "topic", "emotion",
    "tag", "rating", "stars", "kind",
)  # fmt: skip
PAIR_NAMES = (
    ("sentence1", "sentence2"), ("sentence_1", "sentence_2"), ("text1", "text2"), ("text_a", "text_b"),
    ("sentence_a", "sentence_b"), ("query", "answer"), ("query", "answers"), ("query", "positive"),
    ("query", "passage"), ("question", "answer"), ("anchor", "positive"), ("definition", "word"),
)  # fmt: skip
SEARCHED_NAMES = ("answer", "answers", "positive", "passage", "word")
"""Second columns that need no score: what stands there answers what stands first."""
SCORE_NAMES = ("score", "similarity", "similarity_score", "relatedness", "relatedness_score")
MOST_LABELS = 200
LONGEST_LABEL = 100
"""Characters; longer values are cut where they are counted."""
CLEARLY_LONGER = 2.0
"""How many times as long as any other a column must be to be the text, its name saying nothing."""


@dataclass
class Column:
    """What was seen of one column, in bounded memory however long its cells are."""

    filled: int = 0
    characters: int = 0
    with_spaces: int = 0
    numbers: int = 0
    hashes: set[int] = field(default_factory=set)
    values: Counter[str] = field(default_factory=Counter)
    """How often each value occurs; given up (cleared) once there are too many for labels."""

    def add(self, text: str, *, number: bool) -> None:
        """Count one filled cell; `number` says that it is one or reads like one."""
        self.filled += 1
        self.characters += len(text)
        self.with_spaces += any(character.isspace() for character in text[:LONGEST_LABEL])
        self.numbers += number
        self.hashes.add(hash(text))
        if len(self.hashes) <= 5 * MOST_LABELS:
            self.values[text[:LONGEST_LABEL]] += 1
        else:
            self.values.clear()

    @property
    def length(self) -> float:
        """Mean characters of a filled cell."""
        return self.characters / max(self.filled, 1)

    @property
    def reads_like_text(self) -> bool:
        """Words rather than names, numbers or identifiers."""
        return self.numbers < self.filled / 2 and self.with_spaces > self.filled / 2

    @property
    def reads_like_labels(self) -> bool:
        """Few short values, most of which come again."""
        distinct = len(self.hashes)
        return 2 <= distinct <= min(MOST_LABELS, max(2, self.filled // 2)) and self.length <= 60


@dataclass(frozen=True)
class Wanted:
    """What data are for, and their columns, as far as they are named or found."""

    task: str | None = None
    text: str | None = None
    label: str | None = None
    other: str | None = None
    score: str | None = None


def choose(columns: dict[str, Column], wanted: Wanted, where: str) -> Wanted:
    """The task and its columns: what is named stays, the rest is found. `Refused` where it is unclear.

    Two columns with the names of a pair are for sentence similarity where they come with scores or
    no column holds labels, a table of texts alone for language modelling, everything else for classification.
    """
    for given in (wanted.text, wanted.label, wanted.other, wanted.score):
        if given is not None and given not in columns:
            raise Refused(f"{where} has no column '{given}'. Its columns are {listed(columns)}. Choose one of these.")
    task = wanted.task or _task_of(columns, wanted)
    if task == "language modelling":
        text = wanted.text or (next(iter(columns)) if len(columns) == 1 else _text_column(columns, where))
        return Wanted(task, text)
    if task == "sentence similarity":
        return _pair(columns, wanted, where)
    text, label = choose_columns(columns, wanted.text, wanted.label, where)
    return Wanted(task, text, label)


def _task_of(columns: dict[str, Column], wanted: Wanted) -> str:
    if wanted.label is not None:
        return "classification"
    if wanted.other is not None or wanted.score is not None:
        return "sentence similarity"
    named = _named_pair(columns)
    if named is not None and _first_named(SCORE_NAMES, columns):
        return "sentence similarity"
    if named is not None and named[1].strip().casefold() in SEARCHED_NAMES and not _has_labels(columns, wanted):
        return "sentence similarity"
    return "language modelling" if len(columns) == 1 else "classification"


def _has_labels(columns: dict[str, Column], wanted: Wanted) -> bool:
    """Whether text and label are clear: a question and one of few answers is for classification."""
    try:
        choose_columns(columns, wanted.text, wanted.label, "")
    except Refused:
        return False
    return True


def _named_pair(columns: Collection[str]) -> tuple[str, str] | None:
    folded = {name.strip().casefold(): name for name in columns}
    return next(((folded[a], folded[b]) for a, b in PAIR_NAMES if a in folded and b in folded), None)


def _pair(columns: dict[str, Column], wanted: Wanted, where: str) -> Wanted:
    text, other = _named_pair(columns) or (None, None)
    text, other = wanted.text or text, wanted.other or other
    if text is None or other is None:
        raise Refused(
            f"{where} has the columns {listed(columns)}; which two hold the texts that belong together is unclear. "
            "Choose both."
        )
    score = wanted.score or _first_named(SCORE_NAMES, [name for name in columns if name not in (text, other)])
    if score is not None and columns[score].numbers < columns[score].filled:
        raise Refused(f"Column '{score}' of {where} holds scores that are no numbers. Choose another score column.")
    return Wanted("sentence similarity", text, other=other, score=score)


def choose_columns(columns: dict[str, Column], text: str | None, label: str | None, where: str) -> tuple[str, str]:
    """The names of the text and the label column; `Refused`, naming the candidates, if unclear."""
    if text is not None and text == label:
        raise Refused(f"Column '{text}' of {where} cannot be both text and label. Choose two columns.")
    if len(columns) < 2:
        raise Refused(
            f"{where} has only the column {listed(columns)}; a text and a label column are needed. "
            "Check the file and what separates its columns."
        )
    text = text or _text_column({n: c for n, c in columns.items() if n != label}, where)
    return text, label or _label_column({n: c for n, c in columns.items() if n != text}, where)


def listed(names: Collection[str], most: int = 12) -> str:
    """Names in quotation marks, cut short where there are many."""
    shown = [f"'{name[:LONGEST_LABEL]}'" for name in list(names)[:most]]
    return ", ".join(shown) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def _text_column(columns: dict[str, Column], where: str) -> str:
    # Words first; where no column has any (single words, Chinese), whatever is not a number.
    like_text = [name for name, column in columns.items() if column.reads_like_text]
    strings = [name for name, column in columns.items() if column.numbers < column.filled / 2]
    named = _first_named(TEXT_NAMES, like_text) or _first_named(TEXT_NAMES, strings)
    if named is not None:
        return named
    candidates = like_text or strings
    by_length = sorted(candidates, key=lambda name: columns[name].length, reverse=True)
    if not by_length:
        raise Refused(f"No column of {where} looks like text; there are {listed(columns)}. Choose the text column.")
    first, *others = by_length
    if others and columns[first].length < CLEARLY_LONGER * columns[others[0]].length:
        raise Refused(f"{where} has several columns that may be the text: {listed(by_length)}. Choose the text column.")
    return first


def _label_column(columns: dict[str, Column], where: str) -> str:
    candidates = [name for name, column in columns.items() if column.reads_like_labels]
    named = _first_named(LABEL_NAMES, candidates) or _first_named(LABEL_NAMES, columns)
    if named is not None:
        return named
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise Refused(
            f"{where} has several columns that may be the label: {listed(candidates)}. Choose the label column."
        )
    raise Refused(
        f"No column of {where} looks like labels (2 to {MOST_LABELS} values that come again); "
        f"besides the text there are {listed(columns)}. Choose the label column."
    )


def _first_named(wanted: tuple[str, ...], names: Collection[str]) -> str | None:
    """Of `names`, the one that comes first in `wanted`; upper and lower case alike."""
    ranked = {name.strip().casefold(): name for name in names}
    return next((ranked[name] for name in wanted if name in ranked), None)
