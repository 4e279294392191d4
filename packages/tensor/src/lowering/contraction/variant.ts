import { type Launch, type LaunchContext, subgroupSize } from '../launch.ts';
import { type Operands, product, type Task } from './task.ts';

/** What the choice depends on besides the task. */
export type Adapter = Pick<LaunchContext, 'kind' | 'software' | 'subgroups' | 'matrices' | 'tuned' | 'brief'>;

/** How a variant is going to compute a task. */
export interface Plan {
  readonly task: Task;
  /** Launches' worth of partial sums: each workgroup sums one of so many parts, which are added up afterwards, in a fixed order. */
  readonly parts: number;
  /** Whether the launch makes C transposed, in memory for it; it is turned, and what follows is merged, by a second launch. */
  readonly turned?: boolean;
  /** Summed elements of a turn of its loop, where the kernel unrolls more of them for some tasks than for others. */
  readonly turn?: number;
  /** How long it takes by an estimate that compares alternatives. */
  readonly cycles?: number;
}

/** One way to compute contractions. Whether it fits a task, on an adapter, is decided in `plan` and nowhere else. */
export interface Variant<P extends Plan = Plan> {
  readonly name: string;
  /**
   * How the task would be computed; undefined where this variant cannot do it, or the adapter lacks what it needs.
   * `parts` that the sums are to be cut into; the default is the variant's own idea of it.
   */
  plan(task: Task, adapter: Adapter, parts?: number): P | undefined;
  /** The launch. With several parts, C is memory for all of them, one after the other. */
  launch(plan: P, operands: Operands): Launch;
}

/** Whether there is anything to add up: the plain kernel alone is sure to do with nothing. */
export const hasSums = ({ sums }: Task) => product(sums) > 0;

/**
 * Lanes of a workgroup that is one subgroup, or as many as fill the widest register several times. Undefined where lanes
 * are to exchange values and the adapter has no subgroups of one known size.
 */
export const lanesOf = (adapter: Adapter, exchange: boolean): number | undefined =>
  exchange ? subgroupSize(adapter) : 32;
