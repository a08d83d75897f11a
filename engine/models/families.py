"""Where each architecture keeps its layers, heads, feed-forward parts and embeddings.

Data only: a new family is one more entry of `FAMILIES`. Knows no task and imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.errors import Refused


@dataclass(frozen=True)
class Family:
    """Dotted names inside a `transformers` model; layer parts are relative to one layer."""

    name: str
    model_types: tuple[str, ...]
    """Values of `model_type` in config.json that this family covers."""
    body: str
    """The encoder's name in a model with a head; a bare encoder's checkpoint lacks this prefix."""
    layers: str
    word_embeddings: str
    query: str
    key: str
    value: str
    attention_output: str
    feed_forward_in: str
    feed_forward_out: str
    head: tuple[str, ...]
    """Prefixes of what comes after the layers: pooler, classifier."""
    layers_key: str
    heads_key: str
    feed_forward_key: str
    hidden_key: str
    classifier: str = "classifier"
    kind: str = "encoder"
    """"encoder" (sees the whole text) or "decoder" (sees what comes before, and can write)."""
    head_size_in_config: bool = False
    """Whether config.json can say how large a head is, so that fewer heads load with `from_pretrained`."""

    @property
    def bare(self) -> Family:
        """The names in a network that is the body alone, without a head."""
        prefix = f"{self.body}."
        return replace(
            self,
            layers=self.layers.removeprefix(prefix),
            word_embeddings=self.word_embeddings.removeprefix(prefix),
            head=(),
        )

    @property
    def attention(self) -> tuple[str, ...]:
        """The four projections of attention, inputs first."""
        return (self.query, self.key, self.value, self.attention_output)

    @property
    def feed_forward(self) -> tuple[str, ...]:
        """The two projections of the feed-forward part."""
        return (self.feed_forward_in, self.feed_forward_out)


def _bert_like(name: str, body: str, model_types: tuple[str, ...], head: tuple[str, ...]) -> Family:
    """BERT's layout, which RoBERTa keeps under another name."""
    return Family(
        name=name,
        model_types=model_types,
        body=body,
        layers=f"{body}.encoder.layer",
        word_embeddings=f"{body}.embeddings.word_embeddings",
        query="attention.self.query",
        key="attention.self.key",
        value="attention.self.value",
        attention_output="attention.output.dense",
        feed_forward_in="intermediate.dense",
        feed_forward_out="output.dense",
        head=head,
        layers_key="num_hidden_layers",
        heads_key="num_attention_heads",
        feed_forward_key="intermediate_size",
        hidden_key="hidden_size",
    )


FAMILIES: tuple[Family, ...] = (
    _bert_like("BERT", "bert", ("bert",), ("bert.pooler", "classifier")),
    _bert_like("RoBERTa", "roberta", ("roberta", "xlm-roberta", "camembert"), ("classifier",)),
    Family(
        name="DistilBERT",
        model_types=("distilbert",),
        body="distilbert",
        layers="distilbert.transformer.layer",
        word_embeddings="distilbert.embeddings.word_embeddings",
        query="attention.q_lin",
        key="attention.k_lin",
        value="attention.v_lin",
        attention_output="attention.out_lin",
        feed_forward_in="ffn.lin1",
        feed_forward_out="ffn.lin2",
        head=("pre_classifier", "classifier"),
        layers_key="n_layers",
        heads_key="n_heads",
        feed_forward_key="hidden_dim",
        hidden_key="dim",
    ),
)


def family_of(model_type: str) -> Family:
    """The family of a config's `model_type`; raises `Refused` naming those that are known."""
    for family in FAMILIES:
        if model_type in family.model_types:
            return family
    known = ", ".join(family.name for family in FAMILIES)
    raise Refused(
        f"This model is of type '{model_type}', which Bozzetto cannot take apart yet; it knows {known}. "
        "Choose a model of one of these."
    )
