import { type ModelSpec, models } from '@tapegrad/vae';
import { UserError } from './errors.ts';
import { nearestName } from './suggest.ts';

/** @throws UserError if there is no model of this name */
export function specOf(name: string): ModelSpec {
  const spec = models.get(name);
  if (!spec) throw new UserError(noModel(name));
  return spec;
}

/** The error text for an unknown model. */
export function noModel(name: string): string {
  const known = [...models.keys()];
  const near = nearestName(name, known);
  return `no model is named '${name}'${near ? `; did you mean '${near}'?` : ''} (known: ${known.join(', ')})`;
}
