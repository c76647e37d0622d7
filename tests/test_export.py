"""`errata export`: what it writes answers as the run's model did, or is refused by name."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import Done, errata
from tiny_models import write_tiny_model
from weighty_run import weighty_run

from errata.agents.errors import ExportError
from errata.agents.weights import exporter
from errata.graph.commands.export import certify, choose, export
from errata.graph.run_folder import RunFolder
from errata.graph.watcher import NoWatcher
from errata.training.export_jobs import Exported, ExportJob
from errata.training.jobs import LoraSettings, ModelRef

pytestmark = pytest.mark.model
KINDS = ["lora", "dora", "pissa", "corda"]
ROWS = [list(range(4 + at, 40 + at)) for at in range(5)]  # token ids
README = "---\nlicense: mit\n---\n# Tiny\n"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("secret-place") / "tiny"
    write_tiny_model(folder)
    (folder / "README.md").write_text(README)
    return str(folder)


@pytest.fixture(scope="module")
def finished(base: str, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return weighty_run(tmp_path_factory.mktemp("runs"), base)


@pytest.fixture(scope="module")
def merged(finished: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub-ready folder, by the command line."""
    out = tmp_path_factory.mktemp("exports") / "hub"
    done = exported(finished, "--to", "hub-folder", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "100.0% of 6 dev" in " ".join(done.stdout.split())
    return out


def exported(run: RunFolder, *words: object) -> Done:
    given = (run.name, "--runs", run.path.parent, *words)
    return errata("export", *given, OMP_NUM_THREADS="1")


def logits(model: Any) -> Any:
    import torch

    with torch.no_grad():
        return model.eval()(torch.tensor(ROWS)).logits


def adapter_of(kind: str, base: str, folder: Path) -> tuple[str, Any]:
    """An adapter of a kind, a few steps away from its beginning; and its own logits."""
    import torch

    from errata.training.adapters.lora import save, save_beginning, trainable
    from errata.training.train import ADAPTERS

    given = {"adapter": kind, "rank": 4, "alpha": 8, "precision": "float32"}
    settings = LoraSettings.model_validate(given)
    adapter = ADAPTERS[kind]  # type: ignore[index]
    adapted = trainable(ModelRef(base=base), settings, torch.float32, adapter, ROWS)
    save_beginning(adapted, folder)
    weights = [each for each in adapted.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-2)
    for _ in range(4):
        ids = torch.tensor(ROWS)
        adapted(ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    own = logits(adapted)
    save(adapted, base, folder / "adapter", folder if adapter.takes_from_base else None)
    return str(folder / "adapter"), own


@pytest.mark.parametrize("kind", KINDS)
def test_merged_weights_give_the_logits_of_base_and_adapter(
    kind: str, base: str, tmp_path: Path
) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from errata.training.export import write

    adapter, own = adapter_of(kind, base, tmp_path)
    out = tmp_path / "merged"
    model = ModelRef(base=base, adapter=adapter)
    told = write(ExportJob(model=model, to="merged", folder=out, max_new_tokens=12))
    assert told.dtype == "float32"
    untouched = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    there = logits(AutoModelForCausalLM.from_pretrained(out))
    beside = logits(PeftModel.from_pretrained(untouched, adapter))
    scale = float(beside.abs().max())
    assert float((there - beside).abs().max()) < 1e-5 * scale
    assert torch.allclose(there, own, atol=1e-4 * scale)


def test_weights_are_rounded_once_to_the_bases_own_number_format(base: str, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from errata.training.export import write

    half = tmp_path / "half"
    shutil.copytree(base, half)
    AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).save_pretrained(half)
    adapter, _ = adapter_of("lora", str(half), tmp_path)
    model = ModelRef(base=str(half), adapter=adapter)
    out = tmp_path / "merged"
    told = write(ExportJob(model=model, to="merged", folder=out, max_new_tokens=12))
    assert told.dtype == "bfloat16"
    there = AutoModelForCausalLM.from_pretrained(out).state_dict()
    from errata.training.adapters.lora import merged as merge

    exact = merge(str(half), adapter, torch.float32).state_dict()
    assert {weights.dtype for weights in there.values()} == {torch.bfloat16}
    assert all(torch.equal(there[name], exact[name].to(torch.bfloat16)) for name in there)


def test_what_the_base_recommends_for_chatting_does_not_come_along(
    base: str, tmp_path: Path
) -> None:
    from errata.training.export import write

    chatty = tmp_path / "chatty"
    shutil.copytree(base, chatty)
    said = {
        "do_sample": True,
        "temperature": 0.6,
        "repetition_penalty": 1.3,
        "eos_token_id": [2, 3],
    }
    (chatty / "generation_config.json").write_text(json.dumps(said))
    adapter, _ = adapter_of("lora", str(chatty), tmp_path)
    model = ModelRef(base=str(chatty), adapter=adapter)
    for to in ("merged", "adapter"):
        out = tmp_path / "out" / to
        job = ExportJob(model=model, to=to, folder=out, max_new_tokens=12)  # type: ignore[arg-type]
        assert write(job).ends == ("<|im_end|>", "<|stop|>")
        told = json.loads((out / "generation_config.json").read_text())
        told.pop("transformers_version")
        told.pop("_from_model_config", None)
        assert told == {"do_sample": False, "eos_token_id": [2, 3], "pad_token_id": 0}
    named = json.loads((tmp_path / "out" / "adapter" / "adapter_config.json").read_text())
    assert named["base_model_name_or_path"] == "chatty"  # of a folder no more than its name


def test_a_base_without_a_chat_template_gets_one_that_says_what_the_student_read(
    base: str, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    from errata.training.chat import prompt_ids
    from errata.training.export import write
    from errata.training.models import load_tokenizer

    plain = tmp_path / "plain"
    shutil.copytree(base, plain)
    (plain / "chat_template.jinja").unlink()
    adapter, _ = adapter_of("lora", str(plain), tmp_path)
    model = ModelRef(base=str(plain), adapter=adapter)
    write(ExportJob(model=model, to="adapter", folder=tmp_path / "out", max_new_tokens=12))
    asked = [{"role": "system", "content": "Be."}, {"role": "user", "content": "How?"}]
    there = AutoTokenizer.from_pretrained(tmp_path / "out")
    ids = there.apply_chat_template(asked, add_generation_prompt=True)["input_ids"]
    assert load_tokenizer(str(plain)).chat_template is None
    assert ids == prompt_ids(load_tokenizer(str(plain)), "How?", "Be.")


def test_an_ollama_export_holds_weights_and_a_modelfile_or_is_refused(
    base: str, tmp_path: Path
) -> None:
    from errata.training.export import write
    from errata.training.modelfile import NoModelfile

    copy = tmp_path / "base"
    shutil.copytree(base, copy)
    adapter, _ = adapter_of("lora", str(copy), tmp_path)
    model = ModelRef(base=str(copy), adapter=adapter)
    job = ExportJob(
        model=model, to="ollama", folder=tmp_path / "out", system="Be brief.", max_new_tokens=12
    )
    write(job)
    lines = (tmp_path / "out" / "Modelfile").read_text().splitlines()
    assert lines[0] == "FROM ."
    assert {'SYSTEM """Be brief."""', 'PARAMETER stop """<|im_end|>"""'} < set(lines)
    assert (tmp_path / "out" / "model.safetensors").is_file()
    template = copy / "chat_template.jinja"
    template.write_text("{{ strftime_now('%d') }}" + template.read_text())
    with pytest.raises(NoModelfile, match="today's date"):
        write(job.model_copy(update={"folder": tmp_path / "dated"}))
    assert not (tmp_path / "dated").exists()


@pytest.mark.process
@pytest.mark.slow
def test_an_export_answers_by_plain_transformers_as_the_run_did_and_says_so(
    merged: Path, finished: RunFolder
) -> None:
    told = json.loads((merged / "certificate.json").read_text())
    assert told["passed"] is True
    assert told["engine"]["name"] == "transformers"
    assert told["agreement"]["equal_texts"] == told["agreement"]["equal_verdicts"] == 1
    assert told["agreement"]["questions"] == 6
    assert told["system"] == "Be brief."
    there = {path.name for path in merged.iterdir()} - {"certificate.json"}
    assert told["files"].keys() == there
    assert told["seal"] == finished.manifest.sealing().short  # type: ignore[union-attr]
    assert [path.name for path in merged.parent.iterdir()] == ["hub"]


@pytest.mark.process
@pytest.mark.slow
def test_a_card_says_what_the_report_knows_and_nothing_private(
    merged: Path, finished: RunFolder
) -> None:
    from huggingface_hub import ModelCard

    card = ModelCard.load(merged / "README.md")
    [result] = card.data.eval_results
    assert (result.dataset_type, result.metric_type, result.metric_value) == (
        "sevens",
        "accuracy",
        100.0,
    )
    assert (card.data.license, card.data.library_name) == ("mit", "transformers")
    assert card.data.base_model is None  # a folder of somebody's machine
    report = json.loads((finished.path / "report.json").read_text())
    low, high = (100 * bound for bound in report["test"]["gain"]["ci95"])
    assert f"+100.0 ({low:+.1f} to {high:+.1f})" in card.text
    assert "adapter merged" in card.text
    assert "Be brief." in card.text
    for line in finished.manifest.read().lines:
        assert (line.sha256 in card.text) == (
            line.path.startswith("exam/") or "training" in line.path
        )
    for path in merged.iterdir():
        said = path.read_bytes()
        for private in ("secret-place", str(finished.path.parent), "private-"):
            in_ids = path.name == "certificate.json" and private == "private-"
            assert in_ids or private.encode() not in said, path


def chosen_of(finished: RunFolder) -> Any:
    return choose(finished, "best", None)


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("damage", ["a changed weight", "no chat template"])
def test_a_damaged_export_gets_no_certificate(
    damage: str, merged: Path, finished: RunFolder, tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    copy = tmp_path / "copy"
    shutil.copytree(merged, copy)
    if damage == "no chat template":
        (copy / "chat_template.jinja").unlink()
    else:
        weights = load_file(copy / "model.safetensors")
        name = next(name for name in weights if name.endswith("layers.1.mlp.down_proj.weight"))
        weights[name] = torch.zeros_like(weights[name])
        save_file(weights, copy / "model.safetensors", {"format": "pt"})
    exported = Exported(dtype="float32", architecture="LlamaForCausalLM", ends=())
    given = (chosen_of(finished), exported, tmp_path / "logs", NoWatcher())
    found = certify(copy, "hub-folder", *given)
    assert found.passed is False
    if damage == "no chat template":
        assert "does not answer: " in found.why
        assert found.agreement is None
    else:
        assert "does not answer as the run's model did" in found.why
        assert found.agreement is not None
        assert len(found.agreement.differences) > 3


@pytest.mark.process
@pytest.mark.slow
def test_an_export_that_answers_otherwise_is_kept_under_another_name_with_exit_code_2(
    finished: RunFolder, base: str, tmp_path: Path
) -> None:
    """Its adapter is put on another base than it was trained on."""
    run = RunFolder(tmp_path / "runs" / "weighty")
    shutil.copytree(finished.path, run.path)
    weights = Path(base) / "model.safetensors"
    kept = weights.read_bytes()
    changed = bytearray(kept)
    changed[-60_000:-20_000] = bytes(40_000)
    try:
        weights.write_bytes(changed)
        done = exported(run, "--to", "adapter", "--questions", 3, "--out", tmp_path / "e")
    finally:
        weights.write_bytes(kept)
    assert done.returncode == 2
    [sentence] = [line for line in done.stderr.splitlines() if line.startswith("errata: ")]
    assert "does not answer as the run's model did" in sentence
    there = tmp_path / "e.does-not-answer-alike"
    assert str(there) in sentence
    assert sorted(path.name for path in tmp_path.iterdir()) == [there.name, "runs"]
    told = json.loads((there / "certificate.json").read_text())
    assert (told["passed"], told["engine"]["name"]) == (False, "peft")
    assert told["agreement"]["questions"] == 3
    assert not list(there.glob("trained.json"))


def test_what_cannot_be_exported_is_said_before_anything_is_written(
    finished: RunFolder, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    for out, which, said in (
        (tmp_path / "there", "best", "is there already: name another folder"),
        (tmp_path / "new", "0", "no model of its own to export, round 0 is its base"),
        (tmp_path / "new", "7", "--round 7: .* there are 0, 1, and the words best and last"),
    ):
        with pytest.raises(ExportError, match=said):
            export(finished, "merged", out, NoWatcher(), which)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


OLLAMA = """#!{python}
import json, pathlib, sys
log = pathlib.Path({log!r})
with log.open("a") as file:
    file.write(json.dumps(sys.argv[1:]) + chr(10))
"""


@pytest.mark.process
def test_ollama_is_asked_where_it_is_there_and_its_model_is_taken_out_again(
    finished: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    asked: list[Any] = []
    chosen = chosen_of(finished)
    answers = {made.question_id: made.response for made in chosen.answers}
    said = {question.prompt: answers[question.id] for question in chosen.questions}

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.say({"version": "0.99.1"})

        def do_POST(self) -> None:
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(given)
            if self.path == "/api/show":
                self.say({"details": {"quantization_level": "F16"}})
            else:
                text = said[given["messages"][0]["content"]]
                self.say({"message": {"content": f" {text}\n"}})

        def say(self, reply: Any) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(reply).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    program = tmp_path / "bin" / "ollama"
    program.parent.mkdir()
    log = tmp_path / "log"
    program.write_text(OLLAMA.format(python=sys.executable, log=str(log)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    exported = Exported(dtype="float32", architecture="LlamaForCausalLM", ends=())
    with HTTPServer(("127.0.0.1", 0), Server) as http:
        thread = Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{http.server_port}")
        try:
            given = (chosen, exported, tmp_path / "logs", NoWatcher())
            found = certify(tmp_path, "ollama", *given)
        finally:
            http.shutdown()
            thread.join()
    assert found.passed
    assert found.engine is not None
    assert (found.engine.name, found.engine.dtype) == ("ollama", "F16")
    assert found.not_checked == ()
    create, remove = (json.loads(line) for line in log.read_text().splitlines())
    assert create[0] == "create"
    assert remove == ["rm", create[1]]
    assert [one["messages"][0]["role"] for one in asked[1:]] == ["user"] * 6
    assert all("options" not in one for one in asked)  # the Modelfile's parameters are asked


def test_a_training_child_is_not_needed_to_say_that_a_base_is_gone(tmp_path: Path) -> None:
    from errata.agents.errors import ModelError

    model = ModelRef(base=str(tmp_path / "gone"), adapter=str(tmp_path))
    job = ExportJob(model=model, to="merged", folder=tmp_path / "x", max_new_tokens=1)
    with pytest.raises(ModelError, match="is no model folder"):
        exporter.write_export(job, tmp_path)
