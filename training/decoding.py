"""Responses to a batch of prompts, without work that no answer needs.

`transformers`' `generate` reads each prompt at the width of the longest, repeats keys and values
for every query head, copies the whole cache at each token, and goes on with rows that have ended.
Here what all prompts begin with is read once, the rest in groups of similar length, and a row that
has ended leaves the batch. For models of the families named in `FAMILIES`; others `generate`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any, cast

import torch
from transformers import AttentionInterface, AttentionMaskInterface, DynamicCache, PreTrainedModel
from transformers.cache_utils import Cache, DynamicLayer
from transformers.masking_utils import eager_mask

FAMILIES = frozenset({"gemma", "granite", "llama", "mistral", "olmo2", "qwen2", "qwen3", "smollm3"})
"""`model_type`s whose attention is causal, scaled, and no more: no caps, sinks or state."""
GROUPED = "errata_grouped"
CHUNK = 128  # columns by which a cache grows
SHARED = 64  # tokens to be saved, else what the prompts have in common is read with each
WIDTH = {"cpu": 1024, "cuda": 16384}  # tokens read at once; more fill no more of the processor

Pick = Callable[[torch.Tensor, Sequence[int]], torch.Tensor]
"""Tokens (rows,) from logits (rows, vocabulary) and the responses that the rows belong to."""


def decodes(model: PreTrainedModel) -> bool:
    """Whether `decode` gives the answers that `generate` would."""
    config = cast(Any, model.config)
    layers = DynamicCache(config=config).layers  # none where all are of the plain kind
    return (
        config.model_type in FAMILIES
        and all(type(layer) is DynamicLayer for layer in layers)
        and getattr(config, "rope_parameters", {}).get("rope_type", "default")
        in ("default", "linear", "llama3", "yarn")  # others look at the longest text of a batch
    )


def attend_in_groups(model: PreTrainedModel) -> None:
    """On a CPU in place of `eager`; the answers are the same but for rounding."""
    AttentionInterface.register(GROUPED, grouped_attention)
    AttentionMaskInterface.register(GROUPED, eager_mask)
    cast(Any, model).set_attn_implementation(GROUPED)


def grouped_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Eager attention in which the query heads of a group read the same keys and values.

    Grouped-query attention after Ainslie et al. 2023 (arXiv 2305.13245). `query`: (rows, heads,
    tokens, size); `key` and `value`: (rows, groups, width, size); `attention_mask`: added,
    (rows, 1, tokens, width). Returns (rows, tokens, heads, size).
    """
    rows, heads, tokens, size = query.shape
    groups, width = key.shape[1:3]
    asked = query.reshape(rows, groups, -1, size)  # (rows, groups, heads of a group * tokens, size)
    weights = torch.matmul(asked, key.transpose(2, 3)) * scaling
    if attention_mask is not None:
        weights.view(rows, groups, -1, tokens, width).add_(attention_mask[:, :, None])
    weights = torch.softmax(weights, dim=-1, dtype=torch.float32).to(query.dtype)
    seen = torch.matmul(weights, value).view(rows, heads, tokens, -1)
    return seen.transpose(1, 2).contiguous(), None


class RoomLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Keys and values of one layer, in room for more of them: a token adds a column."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, filled: int) -> None:
        """`keys` and `values`: (rows, groups, room, size), of which `filled` columns are."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.room = (keys, values)
        self.filled = filled
        self.dtype, self.device = keys.dtype, keys.device
        self.is_initialized = True
        self.show()

    def show(self) -> None:
        self.keys, self.values = (each[:, :, : self.filled] for each in self.room)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        first, self.filled = self.filled, self.filled + key_states.shape[2]
        if self.filled > self.room[0].shape[2]:
            more = max(CHUNK, self.filled - self.room[0].shape[2])
            self.room = (
                torch.nn.functional.pad(self.room[0], (0, 0, 0, more)),
                torch.nn.functional.pad(self.room[1], (0, 0, 0, more)),
            )
        for each, new in zip(self.room, (key_states, value_states), strict=True):
            each[:, :, first : self.filled] = new
        self.show()
        return pair(self)

    def keep(self, moved: torch.Tensor, holes: torch.Tensor, rows: int) -> None:
        """The rows `moved` take the places `holes`; `rows` are left. No other is copied."""
        for each in self.room:
            each[holes] = each[moved]
        self.room = (self.room[0][:rows], self.room[1][:rows])
        self.show()


def decode(
    model: PreTrainedModel,
    prompts: Sequence[list[int]],
    longest: int,
    ends: frozenset[int],
    pick: Pick,
    copies: int = 1,
) -> list[list[int]]:
    """Token ids of `copies` responses to each prompt, side by side, each up to its end mark.

    `longest`: of a response, in tokens.
    """
    logits, cache, mask = read_prompts(model, prompts, copies)
    rows = list(range(len(prompts) * copies))  # the response that each row of the batch makes
    said: list[list[int]] = [[] for _ in rows]
    for made in range(1, longest + 1):
        tokens = pick(logits, rows)
        for row, token in zip(rows, tokens.tolist(), strict=True):
            said[row].append(token)
        going = [at for at, row in enumerate(rows) if said[row][-1] not in ends]
        if not going or made == longest:
            break
        if len(going) < len(rows):
            kept = close_up(going, cache, tokens.device)
            rows = [rows[at] for at in kept.tolist()]
            tokens, mask = tokens[kept], mask[kept]
        mask = torch.nn.functional.pad(mask, (0, 1))
        positions = torch.tensor([[len(prompts[row // copies]) + made - 1] for row in rows])
        logits = forward(model, tokens[:, None], positions, mask, cache)
    return said


def close_up(going: list[int], cache: Cache, device: torch.device) -> torch.Tensor:
    """Leaves in the cache the rows that go on; the last of them take the places that are free.

    Returns what stands at each place now. (rows,)
    """
    left = len(going)
    free = sorted(set(range(left)) - set(going))
    kept = torch.arange(left)
    kept[free] = torch.tensor([at for at in going if at >= left], dtype=torch.long)
    kept, holes = kept.to(device), torch.tensor(free, dtype=torch.long, device=device)
    for layer in cache.layers:
        cast(RoomLayer, layer).keep(kept[holes], holes, left)
    return kept


def read_prompts(
    model: PreTrainedModel, prompts: Sequence[list[int]], copies: int
) -> tuple[torch.Tensor, Cache, torch.Tensor]:
    """Logits after each prompt, the cache, and what is added to the attention to each column.

    (rows, vocabulary), and (rows, 1, 1, width). Each prompt makes `copies` rows. A row holds what
    all prompts begin with, then padding, then what is its own.
    """
    alike = takewhile(lambda column: len(set(column)) == 1, zip(*prompts, strict=False))
    shared = min(len(list(alike)), min(map(len, prompts)) - 1)  # one token is left of each
    if shared * (len(prompts) - 1) < SHARED:
        shared = 0
    begun = DynamicCache()
    if shared:
        asked, columns = torch.tensor([prompts[0][:shared]]), torch.arange(shared)[None]
        forward(model, asked, columns, look_back(model, torch.ones(1, shared), shared), begun)
    own = [ids[shared:] for ids in prompts]
    widest = max(map(len, own))
    room: list[tuple[torch.Tensor, ...]] = []  # of each layer, for keys and for values
    logits = []
    for first, last in groups(own, WIDTH.get(model.device.type, WIDTH["cpu"])):
        group = own[first:last]
        wide = max(map(len, group))
        cache = DynamicCache()
        for at, layer in enumerate(begun.layers):
            keys, values = pair(layer)
            cache.update(repeated(keys, len(group)), repeated(values, len(group)), at)
        ids = torch.tensor([[0] * (wide - len(each)) + each for each in group])
        own_at = shared + torch.tensor([range(len(each) - wide, len(each)) for each in group])
        mask = look_back(model, filled(group, wide, shared), wide)
        logits.append(forward(model, ids, own_at.clamp(min=0), mask, cache))
        rows = slice(first * copies, last * copies)
        for at, layer in enumerate(cache.layers):
            if at == len(room):
                shape = (len(prompts) * copies, pair(layer)[0].shape[1], shared + widest + CHUNK)
                room.append(tuple(e.new_zeros(*shape, e.shape[-1]) for e in pair(layer)))
            for each, read in zip(room[at], pair(layer), strict=True):
                read = read.repeat_interleave(copies, 0)
                each[rows, :, :shared] = read[:, :, :shared]
                each[rows, :, shared + widest - wide : shared + widest] = read[:, :, shared:]
    layers: list[Any] = [RoomLayer(keys, values, shared + widest) for keys, values in room]
    mask = look_back(model, filled(own, widest, shared), 1).repeat_interleave(copies, 0)
    return torch.cat(logits).repeat_interleave(copies, 0), Cache(layers=layers), mask


def groups(prompts: Sequence[list[int]], tokens: int) -> list[tuple[int, int]]:
    """First and past the last of each group of prompts that are read at once.

    A group is at most `tokens` large, padding included, or one prompt.
    """
    found, first, wide = [], 0, 0
    for at, ids in enumerate(prompts):
        wide = max(wide, len(ids))
        if at > first and wide * (at + 1 - first) > tokens:
            found.append((first, at))
            first, wide = at, len(ids)
    return [*found, (first, len(prompts))]


def filled(prompts: Sequence[list[int]], wide: int, shared: int) -> torch.Tensor:
    """1 where a column holds a token, 0 where it pads. (prompts, shared + wide)"""
    rows = [[1] * shared + [0] * (wide - len(ids)) + [1] * len(ids) for ids in prompts]
    return torch.tensor(rows)


def look_back(model: PreTrainedModel, filled: torch.Tensor, tokens: int) -> torch.Tensor:
    """What is added to the attention: 0 for what the last `tokens` see, lowest for the rest.

    `filled`: (rows, width). Returns (rows, 1, tokens, width).
    """
    width = filled.shape[1]
    past = torch.arange(width)[None] <= torch.arange(width - tokens, width)[:, None]
    seen = (filled[:, None, None] > 0) & past
    lowest = torch.finfo(model.dtype).min
    mask = torch.zeros(seen.shape, dtype=model.dtype).masked_fill(~seen, lowest)
    return mask.to(model.device)


def forward(
    model: PreTrainedModel,
    ids: torch.Tensor,
    positions: torch.Tensor,
    mask: torch.Tensor,
    cache: Cache,
) -> torch.Tensor:
    """Logits after the last token of each row; the cache grows. (rows, vocabulary), float32"""
    said = cast(Any, model)(
        input_ids=ids.to(model.device),
        position_ids=positions.to(model.device),
        attention_mask=mask,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    logits: torch.Tensor = said.logits[:, -1].float()
    return logits


def pair(layer: Any) -> tuple[torch.Tensor, torch.Tensor]:
    return layer.keys, layer.values


def repeated(one: torch.Tensor, rows: int) -> torch.Tensor:
    return one.expand(rows, *one.shape[1:])
