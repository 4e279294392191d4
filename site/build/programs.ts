import { rolldown } from 'rolldown';

/** Programs of the course: the code of each, by the name in its first line. */
export type Programs = ReadonlyMap<string, string>;

const FENCE = /^```ts run\n([\s\S]*?)^```$/gm;

/** The programs of some pages. */
export function programsIn(pages: Iterable<string>): Programs {
  const found = new Map<string, string>();
  for (const page of pages) {
    for (const [, code] of page.matchAll(FENCE)) found.set(nameOf(code!), code!);
  }
  return found;
}

/** `slope.ts` of a program that begins with `// slope.ts`. */
export const nameOf = (code: string): string => /^\/\/ (\S+\.ts)/.exec(code)?.[1] ?? '';

/** A program as one piece of JavaScript, with the programs that it imports in it; the packages' imports stay. */
export async function bundled(code: string, programs: Programs): Promise<string> {
  const bundle = await rolldown({
    input: 'entry.ts',
    external: /^(@tapegrad\/|tapegrad\/|node:)/,
    treeshake: false,
    plugins: [
      {
        name: 'programs',
        resolveId: (id) =>
          id === 'entry.ts' || programs.has(id.replace('./', '')) ? id.replace('./', '') : null,
        load: (id) => ({ code: id === 'entry.ts' ? code : programs.get(id)!, moduleType: 'ts' }),
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'esm', comments: false });
  await bundle.close();
  return output[0].code;
}
