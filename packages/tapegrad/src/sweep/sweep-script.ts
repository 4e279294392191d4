import { posix } from 'node:path';

/** The input for a scheduler's script. */
export interface ScriptRequest {
  readonly model: string;
  /** The arguments of `tapegrad sweep MODEL` that make the grid, including `--out`. */
  readonly args: readonly string[];
  readonly out: string;
  /** How many tasks the array has; each runs an equal share of the grid. */
  readonly tasks: number;
  readonly points: number;
}

/** Puts text in single quotes unless it is safe without. */
export const shellQuoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

const command = (program: string, { model, args, tasks }: ScriptRequest, index: string): string =>
  `${program} sweep ${[model, ...args].map(shellQuoted).join(' ')} --task "$${index}" --of ${tasks}`;

const counted = ({ points, tasks }: ScriptRequest): string =>
  tasks === points ? `${points} runs, a task each` : `${points} runs in ${tasks} tasks`;

export interface SlurmRequest extends ScriptRequest {
  /** What wrote the script, a checkout or an installation: Node, and the command's file. */
  readonly node: string;
  readonly bin: string;
}

/** A Slurm array. A minute before the time limit the run under way is told to stop, with a checkpoint. */
export function slurmScript(request: SlurmRequest): string {
  return `#!/bin/bash
# ${counted(request)}. Submit with sbatch; submitted again, it goes on where it stopped.
#SBATCH --job-name=tapegrad-${request.model}
#SBATCH --array=0-${request.tasks - 1}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@60
#SBATCH --requeue
# For a GPU a task: #SBATCH --gres=gpu:1

set -euo pipefail
# The installation that wrote this, where the node has it too, else the tapegrad on the PATH; or what TAPEGRAD names.
node=${shellQuoted(request.node)}
bin=${shellQuoted(request.bin)}
if [ -n "\${TAPEGRAD:-}" ]; then tapegrad=("$TAPEGRAD")
elif [ -f "$bin" ] && [ -x "$node" ]; then tapegrad=("$node" "$bin")
elif [ -f "$bin" ] && command -v node >/dev/null; then tapegrad=(node "$bin")
elif command -v tapegrad >/dev/null; then tapegrad=(tapegrad)
else
  echo "no tapegrad on $(hostname): neither $bin nor one on the PATH; say with TAPEGRAD where it is" >&2
  exit 127
fi
exec ${command(`"\${tapegrad[@]}"`, request, 'SLURM_ARRAY_TASK_ID')}
`;
}

export interface KubernetesRequest extends ScriptRequest {
  readonly image: string;
  /** A claim for a volume that all pods can write at once. */
  readonly claim: string;
  readonly parallelism: number;
}

/** An indexed Job. Scalars in double quotes are written as JSON, which is valid YAML. */
export function kubernetesJob(request: KubernetesRequest): string {
  const { model, tasks, image, claim, parallelism, out } = request;
  const folder = posix.resolve('/work', out);
  return `# ${counted(request)}. Start with kubectl apply -f; a pod that fails is started again and goes on where it stopped.
# The image needs tapegrad on its PATH; the claim, mounted at the sweep's folder, a volume that all pods write (ReadWriteMany).
apiVersion: batch/v1
kind: Job
metadata:
  name: ${JSON.stringify(`tapegrad-${model}`)}
spec:
  completionMode: Indexed
  completions: ${tasks}
  parallelism: ${Math.min(parallelism, tasks)}
  backoffLimit: ${2 * tasks}
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 60
      containers:
        - name: sweep
          image: ${JSON.stringify(image)}
          workingDir: /work
          command: ["/bin/sh", "-c"]
          args:
            - ${JSON.stringify(`exec ${command('tapegrad', request, 'JOB_COMPLETION_INDEX')}`)}
          volumeMounts:
            - name: runs
              mountPath: ${JSON.stringify(folder)}
      volumes:
        - name: runs
          persistentVolumeClaim:
            claimName: ${JSON.stringify(claim)}
`;
}
