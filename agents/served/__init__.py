"""The student on vLLM servers: asked by token ids over HTTP, here or elsewhere."""
