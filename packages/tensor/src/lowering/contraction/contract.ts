import { every, innermost, within } from '../../context.ts';
import type { LaunchContext } from '../launch.ts';
import { piecesOf, WorkLimit } from './pieces.ts';
import { addParts, turn } from './split.ts';
import { choose } from './table.ts';
import { type Contraction, type Operands, outputsOf, type Task, taskOf } from './task.ts';

/** On the stack of interceptors: notes the contractions that are asked for. */
class SeenContractions {
  readonly tasks: Task[] = [];
}

/** The contractions that `queue` asks for, in their order: what there is to tune. */
export function contractionsOf(queue: () => unknown): Task[] {
  const seen = new SeenContractions();
  within(seen, queue);
  return seen.tasks;
}

/** Queues the launches that compute a contraction, reading A and B and writing C. */
export function contract(gpu: LaunchContext, contraction: Contraction, operands: Operands): void {
  if (outputsOf(contraction) === 0) return;
  const task = taskOf(contraction, operands);
  for (const { tasks } of every(SeenContractions)) tasks.push(task);
  const pieces = gpu.kind === 'gpu' ? piecesOf(task, innermost(WorkLimit)) : [task];
  for (const piece of pieces) contractPiece(gpu, taskOf(piece, operands), operands);
}

function contractPiece(gpu: LaunchContext, task: Task, operands: Operands): void {
  const [a, b, c] = operands;
  const { variant, plan } = choose(task, gpu);
  if (plan.turned) {
    const transposed = gpu.scratch('float32', c.size);
    gpu.launch(variant.launch(plan, [a, b, transposed]));
    gpu.launch(turn(transposed, task, c));
    return;
  }
  if (plan.parts === 1) {
    gpu.launch(variant.launch(plan, operands));
    return;
  }
  const partial = gpu.scratch('float32', plan.parts * c.size);
  gpu.launch(variant.launch(plan, [a, b, partial]));
  gpu.launch(addParts(gpu.kind, partial, c));
}
