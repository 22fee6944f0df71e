"""The policy on its devices: fp32 weights sharded over the processes, computed in another dtype if wished, AdamW.

FSDP2 shards each decoder layer and the rest, on one process too where it computes in bf16. Knows nothing of objectives.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from trainer.batches.packing import Kind, lay_out
from trainer.batches.plan import Plan
from trainer.model.policy import Batch, PolicyModel, probe, to_batch
from trainer.settings import Settings
from trainer.training.adapters import add_adapters
from trainer.training.processes import Processes

DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


class Engine:
    """A causal model made ready to be trained by `settings`.

    `causal` is taken over: its parameters become sharded fp32 masters (with LoRA: frozen in the dtype they have, with
    fp32 adapters). `trainable` holds the trained ones by name, as sharded DTensors; `initial` what they were, on the
    CPU in the stored dtype (not with LoRA). `kind` is the layout that the model can do, and `why`
    the reason if it is less than was wished.
    """

    def __init__(self, causal: Any, settings: Settings, processes: Processes) -> None:
        self.settings = settings
        self.processes = processes
        self.stored_dtype: torch.dtype = next(causal.parameters()).dtype
        self.adapters = add_adapters(causal, settings.lora, settings.seed) if settings.lora else None
        if settings.gradient_checkpointing:
            causal.gradient_checkpointing_enable({"use_reentrant": False})
        self.policy = PolicyModel(causal).train()
        self._shard()
        wanted = Kind(settings.layout)
        with self.looking():
            found = probe(self.policy, processes.device, wanted, DTYPES[settings.dtype])
        self.kind, self.why = processes.of_first(found)
        self.policy.use(self.kind)
        decayed = [each for each in self.trainable.values() if each.ndim > 1]
        others = [each for each in self.trainable.values() if each.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": settings.weight_decay},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=settings.learning_rate,
            betas=settings.betas,
            eps=settings.eps,
            fused=True,
        )

    @contextlib.contextmanager
    def looking(self) -> Iterator[None]:
        """Forward passes without gradient. After one FSDP keeps a whole copy of what no layer owns (embedding, head),
        which would hide the sharded weights, and later changes to them, from all that follows; here it is let go."""
        with torch.no_grad():
            yield
        if self.sharded:
            self.policy.reshard()  # type: ignore[operator]

    def _shard(self) -> None:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

        mesh = init_device_mesh(self.processes.device.type, (self.processes.count,))
        dtype = DTYPES[self.settings.dtype]
        precision = MixedPrecisionPolicy(
            param_dtype=None if dtype == torch.float32 and not self.adapters else dtype, reduce_dtype=torch.float32
        )
        causal = self.policy.causal
        splits = set(getattr(causal, "_no_split_modules", None) or [])
        layers = [module for module in causal.modules() if type(module).__name__ in splits]
        self.initial: dict[str, Tensor] = {}
        # one process that computes in what its weights are kept in has nothing to share and nothing to cast
        self.sharded = self.processes.count > 1 or dtype != torch.float32 or self.adapters is not None
        # layer by layer, so that no more than one layer is whole in fp32 at a time
        for module in [*layers, self.policy]:
            for parameter in module.parameters():
                if parameter.requires_grad and parameter.dtype != torch.float32:
                    parameter.data = parameter.data.float()
            if self.sharded:
                fully_shard(module, mesh=mesh, mp_policy=precision)
        self.trainable = {name: each for name, each in self.policy.named_parameters() if each.requires_grad}
        # buffers are not sharded
        self.policy.to(self.processes.device)
        if not self.adapters:
            self.initial = {
                name: local(each).to("cpu", self.stored_dtype, copy=True) for name, each in self.trainable.items()
            }

    def batch(self, plan: Plan, step: int, number: int) -> tuple[Batch, bool]:
        """Return this process's micro-batch at place `number` of a step, and True if it counts."""
        step_batches = plan.steps[step]
        mine = step_batches[number * self.processes.count + self.processes.rank]
        # an idle process computes the smallest of the others' micro-batches, for nothing
        stand_in = mine or min((batch for batch in step_batches if batch), key=len)
        return to_batch(lay_out(plan.examples, stand_in, plan.kind), self.processes.device), bool(mine)

    def batches(self, plan: Plan, step: int) -> int:
        """Micro-batches of a step on each process."""
        return len(plan.steps[step]) // self.processes.count

    def norm_of_gradient(self) -> float:
        """The gradient's norm over all processes; gradients are scaled down to the settings' clip where it is above."""
        norm = nn.utils.clip_grad_norm_(list(self.trainable.values()), self.settings.clip)
        return float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)

    def update(self, learning_rate: float) -> None:
        """Take a step of AdamW."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()

    def forget_gradient(self) -> None:
        """Free the gradients."""
        self.optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """Return this process's shards of the trained weights and of AdamW's moments, on the CPU."""
        found = {}
        for name, parameter in self.trainable.items():
            held = {"weight": parameter, **self.optimizer.state.get(parameter, {})}
            for part in ("weight", "exp_avg", "exp_avg_sq"):
                if part in held:
                    found[f"{part}/{name}"] = local(held[part]).detach().to("cpu", copy=True).contiguous()
        return found

    def restore(self, shards: dict[str, Tensor], steps: int) -> None:
        """Restore what `state` returned, after `steps` optimizer steps."""
        for name, parameter in self.trainable.items():
            with torch.no_grad():
                local(parameter).copy_(shards[f"weight/{name}"])
            if not steps:
                continue
            held: dict[str, Any] = {"step": torch.tensor(float(steps), device=self.processes.device)}
            for part in ("exp_avg", "exp_avg_sq"):
                moment = torch.zeros_like(parameter)
                local(moment).copy_(shards[f"{part}/{name}"])
                held[part] = moment
            self.optimizer.state[parameter] = held


def local(tensor: Any) -> Tensor:
    """Return this process's part of a sharded tensor."""
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor
