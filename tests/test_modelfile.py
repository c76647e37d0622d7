"""The Modelfile says in Go's template language what the tokenizer's chat template says."""

from __future__ import annotations

from typing import Any

import pytest
from tiny_models import TEMPLATE

from errata.training.modelfile import Found, NoModelfile, evaluate, go_template, modelfile

pytestmark = pytest.mark.model  # transformers renders the chat templates

CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are helpful.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA = (
    "{% for message in messages %}{% set content = '<|start_header_id|>' + message['role'] + "
    "'<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.first %}{{ bos_token }}{% endif %}{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"
    "{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}"
    "{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
)
INSIDE = (
    "{% set s = messages[0].content if messages[0].role == 'system' else '' %}"
    "{% for m in messages %}{% if m.role == 'user' %}[INST] "
    "{% if s and loop.index <= 2 %}{{ s }}\n\n{% endif %}{{ m.content }} [/INST]"
    "{% elif m.role == 'assistant' %}{{ m.content }}</s>{% endif %}{% endfor %}"
)
NUMBERED = "{% for m in messages %}<{{ loop.index }}>{{ m.content }}{% endfor %}"
LONGER = (  # as ChatML, and otherwise after the fourth message
    "{% for m in messages %}{% if loop.index == 5 %}!{% endif %}<{{ m.role }}>{{ m.content }}\n"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)
BRACES = (
    "{% for m in messages %}{{ '{{' + m.role + '}} {' }}{{ m.content }}{{ '}' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '{{assistant}} {' }}{% endif %}"
)


def found_in(template: str, system: str | None = None, bos: str = "<s>") -> Found:
    from transformers.utils.chat_template_utils import render_jinja_template

    def render(messages: list[dict[str, str]], opens: bool) -> str:
        given: dict[str, Any] = {"chat_template": template, "bos_token": bos}
        texts, _ = render_jinja_template([messages], add_generation_prompt=opens, **given)
        return str(texts[0])

    return go_template(render, bos, system)


@pytest.mark.parametrize("template", [TEMPLATE, CHATML, LLAMA, GEMMA, INSIDE, BRACES])
def test_a_template_of_a_known_form_becomes_one_of_gos(template: str) -> None:
    found = found_in(template)
    said = evaluate(
        found.template,
        [
            {"role": "user", "content": "One {{ .Content }}"},
            {"role": "assistant", "content": "Two"},
            {"role": "user", "content": "Three"},
        ],
    )
    assert [said.count(word) for word in ("One {{ .Content }}", "Two", "Three")] == [1, 1, 1]
    assert "<s>" not in said  # Ollama puts it there by itself
    assert ("strips each message" in " ".join(found.notes)) == ("trim" in template)
    assert ("leaves out any system" in " ".join(found.notes)) == (template in (GEMMA, INSIDE))


def test_chatml_is_said_as_a_person_would_say_it() -> None:
    assert found_in(TEMPLATE).template == (
        '{{ range .Messages }}{{ if eq .Role "system" }}<|im_start|>system\n{{ .Content }}'
        '<|im_end|>\n{{ else if eq .Role "user" }}<|im_start|>user\n{{ .Content }}<|im_end|>\n'
        '{{ else if eq .Role "assistant" }}<|im_start|>assistant\n{{ .Content }}<|im_end|>\n'
        "{{ end }}{{ end }}<|im_start|>assistant\n"
    )


def test_braces_that_go_would_read_as_its_own_are_said_as_text() -> None:
    assert '{{ "{{" }}user}} {{ "{" }}{{ .Content }}}' in found_in(BRACES).template


@pytest.mark.parametrize(
    ("template", "system", "said"),
    [
        (NUMBERED, None, "no fixed text around each message"),
        (LONGER, None, "does not treat all messages of a role alike"),
        (GEMMA, "Be brief.", "no place of its own for the system prompt"),
        (INSIDE, "Be brief.", "no place of its own for the system prompt"),
        ("always the same", None, "a message comes out 0 times"),
    ],
)
def test_a_template_of_another_form_is_refused_with_what_to_do(
    template: str, system: str | None, said: str
) -> None:
    with pytest.raises(NoModelfile, match=said) as refused:
        found_in(template, system)
    assert "--to merged" in str(refused.value)


@pytest.mark.parametrize(
    ("system", "stands"), [(None, "You are helpful."), ("Be brief.", "Be brief.")]
)
def test_the_system_prompt_of_the_run_or_else_the_templates_own_stands_in_the_file(
    system: str | None, stands: str
) -> None:
    text = modelfile(found_in(CHATML, system), ["<|im_end|>"], 128, 100_000)
    assert text.startswith("FROM .\nTEMPLATE ")
    lines = text.splitlines()
    assert f'SYSTEM """{stands}"""' in lines
    assert lines[-6:] == [
        'PARAMETER stop """<|im_end|>"""',
        "PARAMETER temperature 0",
        "PARAMETER repeat_penalty 1",
        "PARAMETER seed 0",
        "PARAMETER num_predict 128",
        "PARAMETER num_ctx 8192",
    ]
    assert "SYSTEM" not in modelfile(found_in(TEMPLATE), [], 128, 4096)


def test_a_text_that_a_modelfile_cannot_hold_is_refused() -> None:
    for system in ('three """ quotes', "a bell \a"):
        with pytest.raises(NoModelfile, match="the system prompt holds three quotes"):
            modelfile(Found("x", system, ()), [], 1, 1)


def test_nothing_but_the_words_in_use_is_evaluated() -> None:
    with pytest.raises(ValueError, match="is not known here"):
        evaluate("{{ call .Secret }}", [])
