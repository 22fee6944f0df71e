"""Keep the import path that users' task files were copied with; the bridge is `spot_eval.tasks.lm_eval_bridge`."""

from spot_eval.tasks.lm_eval_bridge import *  # noqa: F403
