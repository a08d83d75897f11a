"""A causal decoder as an OpenVINO graph, written layer by layer from the network's own weights.

`transformers.exporters` traces such a model symbolically: 27 s for 4 layers, so minutes for 30. The
few operations of a decoder written out here take a second, share the network's memory, keep a tied
head once, and give each product the name of its torch module, by which NNCF is told what to leave.
Inputs and outputs are named as in optimum-intel and OpenVINO GenAI: input_ids, attention_mask,
position_ids [batch, tokens] and beam_idx [batch] in, logits [batch, tokens, vocabulary] out; the
key-value cache is in the graph's own variables. A classifier has input_ids and attention_mask in,
logits [batch, labels] out, and keeps nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import openvino
from openvino import opset13 as ops
from openvino.op.util import Variable, VariableInfo

from engine.errors import Refused
from engine.runtimes.decoder_size import MODEL_TYPES

if TYPE_CHECKING:
    from torch import nn

POINT = 40
"""Binary places of a number that is kept as a whole one."""
CHANGING_POSITIONS = ("dynamic", "longrope")
"""Rotary variants whose frequencies change with the text's length."""


def decoder_graph(network: Any) -> openvino.Model:
    """The graph of a causal `transformers` network in 32 bits; its constants share the network's memory.

    Stateful for a language model; one with a `score` head becomes a classifier. Raises `Refused` where the
    architecture has a part that is not written out here.
    """
    kind = network.config.model_type
    if kind not in MODEL_TYPES:
        raise Refused(
            f"OpenVINO's writer here knows models of type {', '.join(MODEL_TYPES)}, not '{kind}'. Choose PyTorch."
        )
    return _Builder(network).gpt2() if kind == "gpt2" else _Builder(network).rotary()


class _Builder:
    """One graph being written: its inputs, what all layers share, and the cache variables so far."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.ids = _input("input_ids", "i64", [-1, -1])
        self.mask = _input("attention_mask", "i64", [-1, -1])
        self.writes = network.can_generate()
        self.positions = _input("position_ids", "i64", [-1, -1]) if self.writes else self._places()
        self.beams = _input("beam_idx", "i32", [-1])
        self.batch = ops.gather(ops.shape_of(self.ids, output_type="i64"), _whole([0]), _whole(0))
        self.sinks: list[Any] = []
        self.allowed = self._allowed()

    def gpt2(self) -> openvino.Model:
        """GPT-2: learned positions, LayerNorm, one matrix for query, key and value (Radford et al. 2019)."""
        body = self.network.transformer
        words = _constant(body.wte.weight)
        places = _constant(body.wpe.weight)
        hidden = ops.add(_row(words, self.ids, "transformer.wte"), _row(places, self.positions, "transformer.wpe"))
        for index, layer in enumerate(body.h):
            name = f"transformer.h.{index}"
            inner = _layer_norm(hidden, layer.ln_1)
            joined = _product(inner, layer.attn.c_attn, f"{name}.attn.c_attn")
            query, key, value = ops.split(joined, _whole(-1), 3).outputs()
            heads = [_to_heads(part, layer.attn.head_dim) for part in (query, key, value)]
            mixed = self._attend(index, *heads, layer.attn.scaling, layer.attn.head_dim)
            hidden = ops.add(hidden, _product(mixed, layer.attn.c_proj, f"{name}.attn.c_proj"))
            inner = _product(_layer_norm(hidden, layer.ln_2), layer.mlp.c_fc, f"{name}.mlp.c_fc")
            inner = _activation(inner, self.network.config.activation_function)
            hidden = ops.add(hidden, _product(inner, layer.mlp.c_proj, f"{name}.mlp.c_proj"))
        return self._finish(_layer_norm(hidden, body.ln_f), body.wte.weight, words)

    def rotary(self) -> openvino.Model:
        """Llama and its relatives (arXiv:2302.13971): RMSNorm, rotary positions, grouped heads, gated feed-forward."""
        body = self.network.model
        words = _constant(body.embed_tokens.weight)
        hidden = _row(words, self.ids, "model.embed_tokens")
        turn = self._turns(body.rotary_emb)
        for index, layer in enumerate(body.layers):
            name, attention, gated = f"model.layers.{index}", layer.self_attn, layer.mlp
            inner = _rms_norm(hidden, layer.input_layernorm)
            query, key, value = (
                _product(inner, getattr(attention, part), f"{name}.self_attn.{part}")
                for part in ("q_proj", "k_proj", "v_proj")
            )
            size = attention.head_dim
            heads = (
                _rotated(_to_heads(query, size, getattr(attention, "q_norm", None)), turn, size),
                _rotated(_to_heads(key, size, getattr(attention, "k_norm", None)), turn, size),
                _to_heads(value, size),
            )
            mixed = self._attend(index, *heads, attention.scaling, size)
            hidden = ops.add(hidden, _product(mixed, attention.o_proj, f"{name}.self_attn.o_proj"))
            inner = _rms_norm(hidden, layer.post_attention_layernorm)
            gate = _activation(
                _product(inner, gated.gate_proj, f"{name}.mlp.gate_proj"), self.network.config.hidden_act
            )
            inner = ops.multiply(gate, _product(inner, gated.up_proj, f"{name}.mlp.up_proj"))
            hidden = ops.add(hidden, _product(inner, gated.down_proj, f"{name}.mlp.down_proj"))
        return self._finish(_rms_norm(hidden, body.norm), body.embed_tokens.weight, words)

    def _places(self) -> Any:
        """[1, tokens]: 0, 1, 2, …, as `transformers` counts where it is not told, padding or not."""
        tokens = ops.gather(ops.shape_of(self.ids, output_type="i64"), _whole(1), _whole(0))
        return ops.unsqueeze(ops.range(_whole(0), tokens, _whole(1), "i64"), _whole(0))

    def _allowed(self) -> Any:
        """[batch, 1, tokens, past + tokens]: 0 where a token may look, else the least number that 16 bits hold.

        With a mask of booleans OpenVINO's attention over 512 tokens takes 6 times as long.
        """
        total = ops.gather(ops.shape_of(self.mask, output_type="i64"), _whole(1), _whole(0))
        places = ops.range(_whole(0), total, _whole(1), "i64")
        first = ops.subtract(total, ops.gather(ops.shape_of(self.ids, output_type="i64"), _whole(1), _whole(0)))
        rows = ops.range(first, total, _whole(1), "i64")
        causal = ops.less_equal(ops.unsqueeze(places, _whole(0)), ops.unsqueeze(rows, _whole(1)))
        seen = ops.convert(ops.unsqueeze(self.mask, _whole([1, 2])), "boolean")
        allowed = ops.logical_and(ops.unsqueeze(causal, _whole([0, 1])), seen)
        return ops.select(allowed, np.float32(0), np.float32(np.finfo(np.float16).min))

    def _turns(self, rotary: Any) -> tuple[Any, Any]:
        """Cosine and sine [batch, 1, tokens, head] of every position (RoPE, arXiv:2104.09864)."""
        if rotary.rope_type in CHANGING_POSITIONS:
            raise Refused(
                f"This model's rotary positions are of type '{rotary.rope_type}', which change with the length of the "
                "text; OpenVINO's writer here cannot follow that. Choose PyTorch."
            )
        frequencies = _exact(rotary.inv_freq.reshape(1, 1, 1, -1).double().numpy())
        places = ops.convert(ops.unsqueeze(self.positions, _whole([1, 3])), "f32")
        half = ops.multiply(places, frequencies)
        angles = ops.concat([half, half], -1)
        cosine, sine = ops.cos(angles), ops.sin(angles)
        if rotary.attention_scaling == 1:
            return cosine, sine
        scale = _exact(np.array(rotary.attention_scaling))
        return ops.multiply(cosine, scale), ops.multiply(sine, scale)

    def _attend(self, index: int, query: Any, key: Any, value: Any, scale: float, size: int) -> Any:
        """Attention over the cache and the new tokens, [batch, tokens, heads × size]."""
        heads, kept = (part.get_partial_shape()[1].get_length() for part in (query.output(0), key.output(0)))
        key = self._cached(f"past_key_values.{index}.keypresent.{index}.key", key, kept, size)
        value = self._cached(f"past_key_values.{index}.valuepresent.{index}.value", value, kept, size)
        if heads != kept:
            key, value = (_repeated(part, kept, heads // kept, size) for part in (key, value))
        mixed = ops.scaled_dot_product_attention(query, key, value, self.allowed, np.float32(scale))
        return ops.reshape(ops.transpose(mixed, _whole([0, 2, 1, 3])), _whole([0, 0, heads * size]), True)

    def _cached(self, name: str, new: Any, heads: int, size: int) -> Any:
        """What the variable `name` holds with `new` [batch, heads, tokens, size] after it; a classifier has none."""
        if not self.writes:
            return new
        info = VariableInfo()
        info.variable_id, info.data_type = name, openvino.Type.f32
        info.data_shape = openvino.PartialShape([-1, heads, -1, size])
        variable = Variable(info)
        shape = ops.concat([self.batch, _whole([heads]), _whole([0]), _whole([size])], 0)
        past = ops.read_value(ops.broadcast(np.float32(0), shape), variable)
        whole = ops.concat([ops.gather(past, self.beams, _whole(0)), new], 2)
        self.sinks.append(ops.assign(whole, variable))
        return whole

    def _finish(self, hidden: Any, embeddings: nn.Parameter, words: Any) -> openvino.Model:
        if not self.writes:
            return self._classified(hidden)
        head = self.network.lm_head
        tied = head.weight.data_ptr() == embeddings.data_ptr()
        logits = _product(hidden, head, "lm_head", words if tied else None)
        logits.output(0).get_tensor().set_names({"logits"})
        return _graph([logits], self.sinks, [self.ids, self.mask, self.positions, self.beams], "decoder")

    def _classified(self, hidden: Any) -> openvino.Model:
        """Logits of the last token that is no padding by its id, wherever padding lies, as `transformers` takes it."""
        real = ops.convert(ops.not_equal(self.ids, _whole(self.network.config.pad_token_id)), "i64")
        last = ops.reduce_max(ops.multiply(self._places(), real), _whole([1]), True)
        logits = _product(ops.gather(hidden, last, _whole(1), 1), self.network.score, "score")
        logits = ops.squeeze(logits, _whole([1]))
        logits.output(0).get_tensor().set_names({"logits"})
        return _graph([logits], [], [self.ids, self.mask], "classifier")


def _graph(results: list[Any], sinks: list[Any], inputs: list[Any], name: str) -> openvino.Model:
    # Its own stub says that Model is no Model.
    model = openvino.Model([ops.result(node) for node in results], sinks, inputs, name)  # type: ignore
    model.validate_nodes_and_infer_types()
    return model


def _input(name: str, kind: str, shape: list[int]) -> Any:
    node = ops.parameter(shape, getattr(openvino.Type, kind), name)
    node.output(0).get_tensor().set_names({name})
    return node


def _whole(value: int | list[int] | np.ndarray) -> Any:
    return ops.constant(np.asarray(value, dtype=np.int64))


def _constant(weight: Any) -> Any:
    """A constant that points into the tensor's memory where that is 32 bits and dense."""
    return ops.constant(weight.detach().float().contiguous().numpy(), shared_memory=True)


def _exact(values: np.ndarray) -> Any:
    """32-bit numbers kept as whole ones: in a file of 16 bits they would be rounded, and far positions turn wrong."""
    whole = _whole(np.rint(values * 2.0**POINT).astype(np.int64))
    return ops.divide(ops.convert(whole, "f32"), ops.convert(_whole(2**POINT), "f32"))


def _row(table: Any, index: Any, name: str) -> Any:
    found = ops.gather(table, index, _whole(0))
    found.set_friendly_name(name)
    return found


def _product(inner: Any, layer: Any, name: str, weight: Any = None) -> Any:
    """What a Linear or GPT-2's Conv1D makes of `inner`; the MatMul bears the module's name."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    if isinstance(layer, nn.Sequential):  # a low-rank pair
        for part, half in layer.named_children():
            inner = _product(inner, half, f"{name}.{part}")
        return inner
    turned = layer.weight.T if isinstance(layer, Conv1D) else layer.weight
    found = ops.matmul(inner, weight or _constant(turned), False, True)
    found.set_friendly_name(name)
    if layer.bias is None:
        return found
    return ops.add(found, _constant(layer.bias.reshape(1, 1, -1)))


def _to_heads(part: Any, size: int, norm: Any = None) -> Any:
    """[batch, tokens, heads × size] → [batch, heads, tokens, size], each head normed where the model does so."""
    width = (part if isinstance(part, openvino.Output) else part.output(0)).get_partial_shape()[2].get_length()
    heads = ops.reshape(part, _whole([0, 0, width // size, size]), True)
    if norm is not None:
        heads = _rms_norm(heads, norm)
    return ops.transpose(heads, _whole([0, 2, 1, 3]))


def _repeated(part: Any, heads: int, times: int, size: int) -> Any:
    """Each head `times` over, for the query heads that share it (arXiv:2305.13245).

    A product with ones, because OpenVINO's processor plugin knows this form and takes it into its attention, where
    no head is copied; it does not know the exporter's.
    """
    ones = ops.constant(np.ones((1, 1, times, 1, 1), dtype=np.float32))
    wide = ops.multiply(ops.unsqueeze(part, _whole(2)), ones)
    return ops.reshape(wide, _whole([0, heads * times, -1, size]), True)


def _rotated(heads: Any, turn: tuple[Any, Any], size: int) -> Any:
    cosine, sine = turn
    left, right = ops.variadic_split(heads, _whole(3), _whole([size // 2, size // 2])).outputs()
    crossed = ops.concat([ops.multiply(right, np.float32(-1)), left], -1)
    return ops.add(ops.multiply(heads, cosine), ops.multiply(crossed, sine))


def _rms_norm(hidden: Any, norm: Any) -> Any:
    """arXiv:1910.07467."""
    size = ops.reduce_mean(ops.power(hidden, np.float32(2)), _whole([-1]), True)
    share = ops.divide(np.float32(1), ops.sqrt(ops.add(size, np.float32(norm.variance_epsilon))))
    return ops.multiply(ops.multiply(hidden, share), _constant(norm.weight))


def _layer_norm(hidden: Any, norm: nn.LayerNorm) -> Any:
    centred = ops.mvn(hidden, _whole([-1]), True, norm.eps, "inside_sqrt")
    return ops.add(ops.multiply(centred, _constant(norm.weight)), _constant(norm.bias))


def _activation(inner: Any, name: str) -> Any:
    if name in ("silu", "swish"):
        return ops.swish(inner)
    if name == "gelu":
        return ops.gelu(inner, "erf")
    if name in ("gelu_new", "gelu_pytorch_tanh", "gelu_fast"):
        return ops.gelu(inner, "tanh")
    if name == "relu":
        return ops.relu(inner)
    raise Refused(f"OpenVINO's writer here does not know the activation '{name}'. Choose PyTorch.")
