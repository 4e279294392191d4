import { graphOf, noGrad, walk } from '@tapegrad/autograd';
import {
  internalsOf,
  labelsInForce,
  type OpCall,
  observe,
  onesLike,
  scope,
  type Tensor,
  withOrigins,
} from '@tapegrad/tensor';
import type { ProgramText, Ran } from './program-text.ts';

/* What happens while a program runs. All that depends on how the engine lets itself be watched is in this file. */

/** Ops that are looked at, at most. */
const MOST = 2000;

export interface WatchedCall {
  readonly call: OpCall<Tensor>;
  /** What the graph calls the output's node. */
  readonly name: string | undefined;
  /** The node whose rule ran it, on the way back. */
  readonly backwardOf: string | undefined;
}

export interface Watched extends Ran {
  readonly calls: readonly WatchedCall[];
  readonly roots: readonly Tensor[];
  /** Of the last root, for every tensor that its graph leads to. */
  readonly gradients: ReadonlyMap<Tensor, Tensor>;
  /** Ends of the graphs: the tensors that require grad. */
  readonly leaves: readonly Tensor[];
}

const labelOfRule = /^backward of (.*)$/;

/** Runs a program, and notes every op of it, forwards and backwards. What is noted is retained. */
export function watch(program: ProgramText): Watched {
  const calls: Omit<WatchedCall, 'name'>[] = [];
  const roots: Tensor[] = [];
  const gradients = new Map<Tensor, Tensor>();
  const leaves = new Set<Tensor>();
  let [isMuted, isWalking] = [false, false];
  const seen = (call: OpCall<Tensor>) => {
    if (isMuted) return;
    if (calls.length >= MOST)
      throw new Error(
        `the program runs more than ${MOST.toLocaleString('en')} ops: make it smaller to look at them`,
      );
    const label = labelsInForce().findLast((text) => labelOfRule.test(text));
    // What the walk does besides the rules: it brings the gradients that it hands out to their full shapes.
    if (isWalking && !label) return;
    for (const tensor of [call.output, ...call.inputs]) internalsOf(tensor).retain();
    calls.push({ call, backwardOf: label && labelOfRule.exec(label)![1] });
  };
  const ran = withOrigins(() =>
    observe(seen, () =>
      scope(() =>
        program((root, options) => {
          roots.push(root);
          internalsOf(root).retain();
          const graph = graphOf(root);
          const targets = [...new Set([...graph.computed, ...graph.ends])];
          // The same walk, asked for the gradients on the way too; and then the one that the program asked for.
          isWalking = true;
          noGrad(() =>
            walk(graph, targets, options?.gradient ?? onesLike(root)).forEach((gradient, i) => {
              if (!gradient) return;
              internalsOf(gradient).retain();
              gradients.set(targets[i]!, gradient);
            }),
          );
          isWalking = false;
          for (const leaf of graph.ends) leaves.add(leaf);
          isMuted = true;
          try {
            root.backward(options);
          } finally {
            isMuted = false;
          }
        }),
      ),
    ),
  );
  // The graph gives a tensor its node after those who watch have heard of it.
  const nameOf = ({ output }: OpCall<Tensor>) =>
    (internalsOf(output).history as { name?: string } | undefined)?.name;
  const named = calls.map((watched) => ({ ...watched, name: nameOf(watched.call) }));
  return { ...ran, calls: named, roots, gradients, leaves: [...leaves] };
}
