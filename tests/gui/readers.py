"""Read an exported folder as a stranger would: only the runtime's own library, never the engine.

`python readers.py FOLDER TEXTS.json` prints the answers as a JSON list of labels.
"""

import json
import sys
from pathlib import Path

import numpy as np


def batches(folder: Path, texts: list[str]):
    """Padded arrays of 32 texts each, by the folder's own tokenizer.json."""
    from tokenizers import Tokenizer

    config = json.loads((folder / "config.json").read_text())
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(config["max_position_embeddings"])
    tokenizer.enable_padding(pad_id=config["pad_token_id"])
    for start in range(0, len(texts), 32):
        found = tokenizer.encode_batch(texts[start : start + 32])
        ids = np.array([each.ids for each in found], dtype=np.int64)
        mask = np.array([each.attention_mask for each in found], dtype=np.int64)
        yield {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def with_onnx_runtime(folder: Path, texts: list[str]):
    """Logits, by onnxruntime alone."""
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    names = {each.name for each in session.get_inputs()}
    for batch in batches(folder, texts):
        yield session.run(None, {name: batch[name] for name in names})[0]


def with_openvino(folder: Path, texts: list[str]):
    """Logits, by openvino alone."""
    import openvino

    model = openvino.Core().compile_model(folder / "openvino_model.xml", "CPU")
    names = {name for each in model.inputs for name in each.names}
    for batch in batches(folder, texts):
        yield model({name: batch[name] for name in names & batch.keys()})[0]


def with_transformers(folder: Path, texts: list[str]):
    """Logits, by transformers alone."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for start in range(0, len(texts), 32):
        with torch.inference_mode():
            batch = tokenizer(texts[start : start + 32], padding=True, truncation=True, return_tensors="pt")
            yield model(**batch).logits.float().numpy()


def main(folder: Path, texts: list[str]) -> list[str]:
    """The label of each text."""
    if (folder / "model.onnx").is_file():
        logits = with_onnx_runtime(folder, texts)
    elif (folder / "openvino_model.xml").is_file():
        logits = with_openvino(folder, texts)
    else:
        logits = with_transformers(folder, texts)
    labels = json.loads((folder / "config.json").read_text())["id2label"]
    return [labels[str(index)] for index in np.concatenate(list(logits)).argmax(axis=1)]


if __name__ == "__main__":
    answers = main(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()))
    assert "engine" not in sys.modules
    print(json.dumps(answers))
