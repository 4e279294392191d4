/*
 * The uniforms of a kernel are declared once, as fields with their WGSL types. From the declaration come the struct that
 * is put before the kernel's source, the type of the values that a launch has to give, and how they are packed.
 */

/** The types of WGSL that uniforms have here. In uniforms, the elements of an array lie 16 bytes apart: so they are vec4s. */
export type UniformType = Scalar | `vec${2 | 3 | 4}${Suffix}` | `array<vec4${Suffix}, ${number}>`;

type Scalar = 'u32' | 'i32' | 'f32';
type Suffix = 'u' | 'i' | 'f';

/** Names of fields, as the WGSL writes them after `params.`, with their types, in their order. */
export type UniformFields = Readonly<Record<string, UniformType>>;

type ValueOf<T extends UniformType> = T extends Scalar
  ? number
  : T extends `vec2${Suffix}`
    ? readonly [number, number]
    : T extends `vec3${Suffix}`
      ? readonly [number, number, number]
      : T extends `vec4${Suffix}`
        ? readonly [number, number, number, number]
        : readonly number[];

/** A value for each field. Those of an array are listed flat; where there are fewer than it holds, the rest is 0. */
export type UniformValues<F extends UniformFields> = { readonly [K in keyof F]: ValueOf<F[K]> };

/** Where a field lies. */
interface Place {
  readonly name: string;
  /** The first of its 4-byte words, and how many there are. */
  readonly word: number;
  readonly words: number;
  readonly isFloat: boolean;
}

/** Words of the largest struct of an op's launch: its slot is 256 bytes, the alignment that every device accepts for its offset. */
const MOST_WORDS = 64;

/** Where a struct's words are put together: eager programs pack one for every launch. */
let integers = new Uint32Array(MOST_WORDS);
let floats = new Float32Array(integers.buffer);

/** Equal structs have equal numbers: shorter than their text where it identifies a kernel. */
const numbers = new Map<string, number>();

function numberOf(wgsl: string): number {
  const known = numbers.get(wgsl) ?? numbers.size;
  numbers.set(wgsl, known);
  return known;
}

/**
 * Every struct has this field, in a gap if there is one: it is 0, which no compiler knows. What goes through an exclusive-or
 * with it is hidden from what a compiler takes for granted: see `shaders/prelude.wgsl`.
 */
const OPAQUE_ZERO = 'opaque_zero';

/** Where in a list of fields another word makes the struct the least larger. */
function withOpaqueZero(fields: UniformFields): [string, UniformType][] {
  const own = Object.entries(fields);
  const lists = [...own, undefined].map((_, at) => own.toSpliced(at, 0, [OPAQUE_ZERO, 'u32']));
  const sizes = lists.map((list) => layoutOf(list).words);
  return lists[sizes.indexOf(Math.min(...sizes))]!;
}

/** Where the fields lie, and the size in words, padded to whole vec4s as some compilers have it. */
function layoutOf(fields: readonly (readonly [string, UniformType])[]): { places: Place[]; words: number } {
  let next = 0;
  const places = fields.map(([name, type]) => {
    const { words, align, isFloat } = sizesOf(type);
    const word = Math.ceil(next / align) * align;
    next = word + words;
    return { name, word, words, isFloat };
  });
  return { places, words: Math.ceil(next / 4) * 4 };
}

/** The struct that a declaration makes. */
export class UniformStruct<F extends UniformFields = UniformFields> {
  readonly fields: F;
  /** `struct Params { … }` and the variable `params`. */
  readonly wgsl: string;
  readonly id: number;
  /** Its size in 4-byte words. */
  readonly words: number;
  readonly #places: readonly Place[];

  /** @throws if the fields take more than 256 bytes, or more words than `most` */
  constructor(fields: F, most = MOST_WORDS) {
    this.fields = fields;
    const all = withOpaqueZero(fields);
    const { places, words } = layoutOf(all);
    this.#places = places.filter(({ name }) => name !== OPAQUE_ZERO);
    this.words = words;
    if (words > most) {
      throw new Error(
        `uniforms: ${this.words} words are more than ${most}: ${Object.keys(fields).join(', ')}`,
      );
    }
    if (words > integers.length) {
      integers = new Uint32Array(words);
      floats = new Float32Array(integers.buffer);
    }
    this.wgsl = [
      'struct Params {',
      ...all.map(([name, type]) => `  ${name}: ${type},`),
      '}',
      '@group(0) @binding(0) var<uniform> params: Params;',
    ].join('\n');
    this.id = numberOf(this.wgsl);
  }

  /** The first word of a field. */
  wordOf(field: keyof F): number {
    return this.#places.find(({ name }) => name === field)!.word;
  }

  /**
   * The values as they lie in memory. Integers are taken modulo 2³².
   * @throws if an array gets more values than it holds
   */
  pack(values: UniformValues<F>): Uint32Array<ArrayBuffer> {
    integers.fill(0, 0, this.words);
    for (const { name, word, words, isFloat } of this.#places) {
      const value = values[name]!;
      const target = isFloat ? floats : integers;
      if (typeof value === 'number') target[word] = value;
      else if (value.length > words)
        throw new Error(`uniforms: ${name} holds ${words} numbers, got ${value.length}`);
      else for (let i = 0; i < value.length; i++) target[word + i] = value[i]!;
    }
    return integers.slice(0, this.words);
  }

  /** This struct with more fields after its own: for what a pass merges into a kernel. */
  with<G extends UniformFields>(more: G): UniformStruct<F & G> {
    return new UniformStruct({ ...this.fields, ...more });
  }
}

/** Size and alignment of a type in words; the rules are under "Alignment and Size" in the WGSL specification. */
function sizesOf(type: UniformType): { words: number; align: number; isFloat: boolean } {
  const isFloat = /f(32)?(,|$)/.test(type);
  const [, width, count = '1'] = /vec(\d)\w(?:, (\d+))?/.exec(type) ?? [undefined, '1'];
  const words = Number(width) * Number(count);
  return { words, align: width === '3' ? 4 : Number(width), isFloat };
}
