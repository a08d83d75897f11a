"""Where each architecture keeps its layers, heads, feed-forward parts and embeddings.

Data only: a new family is one more entry of `FAMILIES`. Knows no task and imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from engine.errors import Refused

Kind = Literal["encoder", "decoder"]


@dataclass(frozen=True)
class Family:
    """Dotted names inside a `transformers` model; layer parts are relative to one layer."""

    name: str
    model_types: tuple[str, ...]
    """Values of `model_type` in config.json that this family covers."""
    body: str
    """The name of what lies under a head; a bare model's checkpoint lacks this prefix."""
    layers: str
    word_embeddings: str
    embeddings: tuple[str, ...]
    """Prefixes of all that turns tokens and their places into the first numbers."""
    query: str
    key: str
    value: str
    """One name for all three where they are fused: query, key and value one after the other."""
    attention_output: str
    feed_forward_in: str
    feed_forward_out: str
    head: tuple[str, ...]
    """Prefixes of what comes after the layers: pooler, classifier, output head."""
    layers_key: str
    heads_key: str
    feed_forward_key: str
    hidden_key: str
    kind: Kind = "encoder"
    classifier: str = "classifier"
    feed_forward_gate: str | None = None
    """The second projection into the feed-forward part, whose outputs gate the first's one by one."""
    feed_forward_times: int | None = None
    """Feed-forward width over hidden size where config.json leaves the width out."""
    positions_key: str = "max_position_embeddings"
    kv_heads_key: str | None = None
    """Says how many heads keys and values have, where several query heads share one; None: as many."""
    head_size_key: str | None = None
    """Says how large a head is, so that fewer heads load with `from_pretrained`; None: config.json cannot."""
    heads_divide_hidden: bool = False
    """Whether the config refuses a number of heads that does not divide the hidden size, needed or not."""
    fused_width: str | None = None
    """The attribute of a layer that says how wide the query is within a fused projection."""
    transposed: bool = False
    """Whether the layers' weights are stored [in, out] (`Conv1D`), not [out, in]."""
    final_norm: str | None = None
    """The norm after the last layer, where it is no layer's own."""
    head_norms: tuple[str, ...] = ()
    """Norms within a layer that are as wide as one attention head, not as the stream."""
    square: tuple[str, ...] = ()
    """Matrices after the layers from hidden to hidden: a pooler, or what stands before a classifier."""
    output_head: str | None = None
    """From hidden to vocabulary: what a language model writes with."""
    tied: bool = False
    """Whether the output head reads the word embeddings where config.json does not say."""
    buffers: tuple[str, ...] = ()
    """Ends of names of tensors in old checkpoints that are no parameters and are never saved again."""
    unsupported: tuple[str, ...] = ()
    """Settings that, switched on in config.json, make another architecture of it."""

    @property
    def bare(self) -> Family:
        """The names in a network that is the body alone, without a head."""
        prefix = f"{self.body}."
        return replace(
            self,
            layers=self.layers.removeprefix(prefix),
            word_embeddings=self.word_embeddings.removeprefix(prefix),
            embeddings=tuple(name.removeprefix(prefix) for name in self.embeddings),
            final_norm=self.final_norm and self.final_norm.removeprefix(prefix),
            square=tuple(name.removeprefix(prefix) for name in self.square),
            head=(),
            output_head=None,
        )

    @property
    def attention(self) -> tuple[str, ...]:
        """The projections of attention, inputs first; fused ones once."""
        return tuple(dict.fromkeys((self.query, self.key, self.value, self.attention_output)))

    @property
    def fused(self) -> bool:
        """Whether query, key and value are one projection."""
        return self.query == self.key

    @property
    def feed_forward_inputs(self) -> tuple[str, ...]:
        """The projections into the feed-forward part: row i of each belongs to neuron i."""
        return (self.feed_forward_gate, self.feed_forward_in) if self.feed_forward_gate else (self.feed_forward_in,)

    @property
    def feed_forward(self) -> tuple[str, ...]:
        """The projections of the feed-forward part, inputs first."""
        return (*self.feed_forward_inputs, self.feed_forward_out)

    @property
    def head_size_in_config(self) -> bool:
        """Whether config.json can say how large a head is."""
        return self.head_size_key is not None

    def says_heads(self, heads: int, hidden: int) -> bool:
        """Whether config.json can say `heads` heads of unchanged size, so that `from_pretrained` rebuilds them."""
        return self.head_size_in_config and not (self.heads_divide_hidden and hidden % heads)


def _bert_like(
    name: str, body: str, model_types: tuple[str, ...], head: tuple[str, ...], square: tuple[str, ...]
) -> Family:
    """BERT's layout, which RoBERTa keeps under another name."""
    return Family(
        name=name,
        model_types=model_types,
        body=body,
        layers=f"{body}.encoder.layer",
        word_embeddings=f"{body}.embeddings.word_embeddings",
        embeddings=(f"{body}.embeddings",),
        query="attention.self.query",
        key="attention.self.key",
        value="attention.self.value",
        attention_output="attention.output.dense",
        feed_forward_in="intermediate.dense",
        feed_forward_out="output.dense",
        head=head,
        square=square,
        layers_key="num_hidden_layers",
        heads_key="num_attention_heads",
        feed_forward_key="intermediate_size",
        hidden_key="hidden_size",
    )


def _llama_like(name: str, model_types: tuple[str, ...], *, heads_divide_hidden: bool = False) -> Family:
    """Llama's layout: rotary positions, grouped queries, a gated feed-forward part, RMS norms."""
    return Family(
        name=name,
        model_types=model_types,
        kind="decoder",
        body="model",
        layers="model.layers",
        word_embeddings="model.embed_tokens",
        embeddings=("model.embed_tokens",),
        query="self_attn.q_proj",
        key="self_attn.k_proj",
        value="self_attn.v_proj",
        attention_output="self_attn.o_proj",
        feed_forward_gate="mlp.gate_proj",
        feed_forward_in="mlp.up_proj",
        feed_forward_out="mlp.down_proj",
        final_norm="model.norm",
        head_norms=("self_attn.q_norm", "self_attn.k_norm"),
        output_head="lm_head",
        head=("lm_head", "score"),
        classifier="score",
        layers_key="num_hidden_layers",
        heads_key="num_attention_heads",
        kv_heads_key="num_key_value_heads",
        head_size_key="head_dim",
        heads_divide_hidden=heads_divide_hidden,
        feed_forward_key="intermediate_size",
        hidden_key="hidden_size",
        buffers=("rotary_emb.inv_freq",),
    )


FAMILIES: tuple[Family, ...] = (
    _bert_like("BERT", "bert", ("bert",), ("bert.pooler", "classifier"), ("bert.pooler.dense",)),
    _bert_like(
        "RoBERTa",
        "roberta",
        ("roberta", "xlm-roberta", "camembert"),
        ("classifier",),
        ("classifier.dense", "roberta.pooler.dense"),
    ),
    Family(
        name="DistilBERT",
        model_types=("distilbert",),
        body="distilbert",
        layers="distilbert.transformer.layer",
        word_embeddings="distilbert.embeddings.word_embeddings",
        embeddings=("distilbert.embeddings",),
        query="attention.q_lin",
        key="attention.k_lin",
        value="attention.v_lin",
        attention_output="attention.out_lin",
        feed_forward_in="ffn.lin1",
        feed_forward_out="ffn.lin2",
        head=("pre_classifier", "classifier"),
        square=("pre_classifier",),
        layers_key="n_layers",
        heads_key="n_heads",
        feed_forward_key="hidden_dim",
        hidden_key="dim",
    ),
    Family(
        name="GPT-2",
        model_types=("gpt2",),
        kind="decoder",
        body="transformer",
        layers="transformer.h",
        word_embeddings="transformer.wte",
        embeddings=("transformer.wte", "transformer.wpe"),
        query="attn.c_attn",
        key="attn.c_attn",
        value="attn.c_attn",
        fused_width="attn.split_size",
        attention_output="attn.c_proj",
        feed_forward_in="mlp.c_fc",
        feed_forward_out="mlp.c_proj",
        transposed=True,
        final_norm="transformer.ln_f",
        output_head="lm_head",
        tied=True,
        head=("lm_head", "score"),
        classifier="score",
        layers_key="n_layer",
        heads_key="n_head",
        feed_forward_key="n_inner",
        feed_forward_times=4,
        hidden_key="n_embd",
        positions_key="n_positions",
        buffers=(".attn.bias", ".attn.masked_bias"),
        unsupported=("add_cross_attention", "scale_attn_by_inverse_layer_idx"),
    ),
    _llama_like("Llama", ("llama",), heads_divide_hidden=True),
    _llama_like("Mistral", ("mistral",)),
    _llama_like("Qwen", ("qwen2", "qwen3")),
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
