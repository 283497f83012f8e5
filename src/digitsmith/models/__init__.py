"""One ONNX file: checked, loaded, run."""
