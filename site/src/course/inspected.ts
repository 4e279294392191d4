/** A value as Node's console shows it, as far as the course's programs print such. */
export function inspected(value: unknown, isInside = false): string {
  if (typeof value === 'string') return isInside ? `'${value}'` : value;
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    const values = [...(value as unknown as Iterable<number>)];
    return `${value.constructor.name}(${values.length}) ${list(values.map((item) => inspected(item, true)))}`;
  }
  if (Array.isArray(value)) return list(value.map((item) => inspected(item, true)));
  if (value && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    const entries = Object.entries(value).map(([name, item]) => `${name}: ${inspected(item, true)}`);
    return entries.length > 0 ? `{ ${entries.join(', ')} }` : '{}';
  }
  return Object.is(value, -0) ? '-0' : String(value);
}

const list = (items: readonly string[]) => (items.length > 0 ? `[ ${items.join(', ')} ]` : '[]');
