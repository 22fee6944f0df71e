#!/usr/bin/env bash
# One run as an array of jobs on Slurm: eight GPUs that need no word with each other, then one small job that merges.
#
#     array=$(sbatch --parsable slurm_array.sh ckpt/ spot)
#     sbatch --dependency=afterok:$array --array=1-1 slurm_array.sh merge
#
# A job that is lost or preempted is submitted again (sbatch --array=3 slurm_array.sh …): it goes on where it stopped.
# The number of shards stays 8 whatever part of the array runs, so it stands in SHARDS and not in the array.
#SBATCH --job-name=spot-eval
#SBATCH --array=1-8
#SBATCH --gpus=1
#SBATCH --cpus-per-task=8
#SBATCH --time=08:00:00
set -euo pipefail

SHARDS=${SHARDS:-8}
RUNS=${RUNS:-runs/array}

if [ "$1" = merge ]; then
    exec spot-eval merge "$RUNS"/shard-* --out "$RUNS/whole"
fi
exec spot-eval run --model "$1" --suite "$2" --engine "${ENGINE:-vllm}" \
    --shard "$SLURM_ARRAY_TASK_ID/$SHARDS" --out "$RUNS/shard-$SLURM_ARRAY_TASK_ID"
