/**
 * Reading Python's pickles, strictly: numbers, text, tuples, lists and dictionaries, and otherwise only what the
 * caller knows by name. A pickle is a program for a stack machine that can call any Python function it names. Here
 * it can call only the functions in `globals`; anything else that it names stays a name. Opcodes:
 * https://github.com/python/cpython/blob/main/Lib/pickletools.py
 */

export type Pickled = null | boolean | number | bigint | string | Uint8Array | object;

/** What a pickle may name, as `module.name`: a function to be called with its arguments, or a value. */
export type Globals = ReadonlyMap<string, ((...args: Pickled[]) => Pickled) | object>;

export interface PickleOptions {
  readonly globals: Globals;
  /** Returns the object that is stored outside the pickle under this id. */
  readonly persistent: (id: Pickled) => Pickled;
}

/** A dictionary; keys are compared as values. */
export class Dictionary extends Map<Pickled, Pickled> {}

/**
 * An object of a class, or the result of a function, that the caller does not know. Only its name is kept, so that the
 * objects next to it can be read.
 */
export class Opaque {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

class Mark {}

/** The most arguments of a function. */
const MOST_ARGUMENTS = 16;

/**
 * Reads a pickle.
 * @throws one line about anything that is not allowed, not known or cut short
 */
export function readPickle(data: Uint8Array, { globals, persistent }: PickleOptions): Pickled {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const stack: (Pickled | Mark)[] = [];
  const memo = new Map<number, Pickled>();
  let at = 0;

  const take = (length: number): Uint8Array => {
    if (at + length > data.length) throw new Error('the pickle ends in the middle');
    at += length;
    return data.subarray(at - length, at);
  };
  const number = (bytes: 1 | 2 | 4): number => {
    take(bytes);
    return bytes === 1
      ? view.getUint8(at - 1)
      : bytes === 2
        ? view.getUint16(at - 2, true)
        : view.getUint32(at - 4, true);
  };
  const text = (length: number): string => {
    const bytes = take(length);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw new Error('the pickle has text that is none');
    }
  };
  const line = (): string => {
    const end = data.indexOf(10, at);
    if (end < 0) throw new Error('the pickle ends in the middle');
    const result = text(end - at);
    at++;
    return result;
  };
  const pop = (): Pickled => {
    const value = stack.pop();
    if (value === undefined || value instanceof Mark) throw new Error('the pickle takes what is not there');
    return value;
  };
  const top = (): Pickled => {
    const value = pop();
    stack.push(value);
    return value;
  };
  const sinceMark = (): Pickled[] => {
    const start = stack.findLastIndex((value) => value instanceof Mark);
    if (start < 0) throw new Error('the pickle takes what is not there');
    return stack.splice(start).slice(1) as Pickled[];
  };
  const tuple = (length: number): Pickled[] => Array.from({ length }, pop).reverse();
  const setItems = (target: Pickled, items: Pickled[]) => {
    if (target instanceof Opaque) return;
    if (!(target instanceof Dictionary)) throw new Error('the pickle sets items of what is no dictionary');
    for (let i = 0; i + 1 < items.length; i += 2) target.set(items[i]!, items[i + 1]!);
  };
  const append = (target: Pickled, items: Pickled[]) => {
    if (target instanceof Opaque) return;
    if (!Array.isArray(target)) throw new Error('the pickle appends to what is no list');
    for (const item of items) target.push(item);
  };
  const named = (module: Pickled, name: Pickled): Pickled => {
    if (typeof module !== 'string' || typeof name !== 'string')
      throw new Error('the pickle names what has no name');
    return globals.get(`${module}.${name}`) ?? new Opaque(`${module}.${name}`);
  };
  const call = (fn: Pickled, args: Pickled): Pickled => {
    if (fn instanceof Opaque) return fn;
    if (typeof fn !== 'function' || !Array.isArray(args) || args.length > MOST_ARGUMENTS)
      throw new Error('the pickle calls what is no function');
    return fn(...args);
  };
  const remember = (index: number) => memo.set(index, top());
  const recall = (index: number) => {
    const value = memo.get(index);
    if (value === undefined) throw new Error('the pickle recalls what it has not stored');
    stack.push(value);
  };
  /** Two's complement, least byte first. */
  const long = (bytes: Uint8Array): number | bigint => {
    const bits = bytes.toReversed().reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    const value = BigInt.asIntN(8 * bytes.length, bits);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  };

  const opcodes: Readonly<Record<number, () => unknown>> = {
    128: () => number(1), // PROTO
    149: () => take(8), // FRAME
    [code('(')]: () => stack.push(new Mark()),
    [code('0')]: pop,
    [code('N')]: () => stack.push(null),
    136: () => stack.push(true),
    137: () => stack.push(false),
    [code('J')]: () => stack.push(number(4) | 0),
    [code('K')]: () => stack.push(number(1)),
    [code('M')]: () => stack.push(number(2)),
    138: () => stack.push(long(take(number(1)))),
    [code('G')]: () => {
      take(8);
      stack.push(view.getFloat64(at - 8));
    },
    [code('X')]: () => stack.push(text(number(4))),
    140: () => stack.push(text(number(1))),
    [code('C')]: () => stack.push(take(number(1)).slice()),
    [code('B')]: () => stack.push(take(number(4)).slice()),
    [code(')')]: () => stack.push([]),
    133: () => stack.push(tuple(1)),
    134: () => stack.push(tuple(2)),
    135: () => stack.push(tuple(3)),
    [code('t')]: () => stack.push(sinceMark()),
    [code(']')]: () => stack.push([]),
    [code('l')]: () => stack.push(sinceMark()),
    [code('a')]: () => {
      const item = pop();
      append(top(), [item]);
    },
    [code('e')]: () => {
      const items = sinceMark();
      append(top(), items);
    },
    [code('}')]: () => stack.push(new Dictionary()),
    [code('s')]: () => {
      const [key, value] = tuple(2) as [Pickled, Pickled];
      setItems(top(), [key, value]);
    },
    [code('u')]: () => {
      const items = sinceMark();
      setItems(top(), items);
    },
    [code('q')]: () => remember(number(1)),
    [code('r')]: () => remember(number(4)),
    148: () => remember(memo.size),
    [code('h')]: () => recall(number(1)),
    [code('j')]: () => recall(number(4)),
    [code('c')]: () => stack.push(named(line(), line())),
    147: () => stack.push(named(...(tuple(2) as [Pickled, Pickled]))),
    [code('R')]: () => {
      const [fn, args] = tuple(2) as [Pickled, Pickled];
      stack.push(call(fn, args));
    },
    129: () => {
      const [type, args] = tuple(2) as [Pickled, Pickled];
      stack.push(call(type, args));
    }, // NEWOBJ
    // Sets, as lists: they occur only in parts that are not read.
    143: () => stack.push([]), // EMPTY_SET
    144: () => {
      const items = sinceMark();
      append(top(), items);
    }, // ADDITEMS
    145: () => stack.push(sinceMark()), // FROZENSET
    // Attributes set on an object, such as the _metadata of a state_dict(). They are not needed.
    [code('b')]: pop,
    [code('Q')]: () => stack.push(persistent(pop())),
  };

  for (;;) {
    const opcode = number(1);
    if (opcode === code('.')) return pop();
    const run = opcodes[opcode];
    if (!run)
      throw new Error(
        `the pickle has opcode 0x${opcode.toString(16)}, which tensors in dictionaries do not need`,
      );
    run();
  }
}

function code(letter: string): number {
  return letter.charCodeAt(0);
}
