"""The export dialog: what can be chosen for which model."""

import pytest

from gui.export import ExportDialog


@pytest.mark.parametrize("writes", [True, False])
def test_a_text_generator_is_not_offered_for_onnx_runtime(shown, sample, writes):
    dialog = shown(ExportDialog(sample.writer_run() if writes else sample.run()))
    assert dialog.choices["onnxruntime"].isEnabled() is not writes
    dialog.show_refusal("The folder is not empty.")
    assert dialog.choices["onnxruntime"].isEnabled() is not writes
    assert dialog.choices["openvino"].isEnabled() and dialog.go.isEnabled()
