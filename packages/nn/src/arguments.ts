import { described } from '@tapegrad/tensor';

/** Checks a setting, such as a learning rate. @throws unless it is a finite number from 0 */
export function assertNotNegative(what: string, name: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) return;
  throw new Error(`${what}: ${name} is a number from 0, got ${described(value)}`);
}
