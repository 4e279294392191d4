import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/*
 * The pages of the course as the tools see them: Markdown with fenced blocks. What a fence says after the language:
 *
 *     ts run                          a program, named by its first line: `// slope.ts`
 *     text                            what the block before it prints; `text varies`: with other numbers
 *     ts source=PATH#NAME             cut from the source (also wgsl)
 *     diff edit=PATH                  an edit of the source, made in a copy; programs after it run there
 *     sh check                        `npx tsc --noEmit`, in that copy
 */

export const root = join(import.meta.dirname, '../..');
export const folder = join(root, 'docs/course');

/** A fenced block: what its fence says, its lines, and where they are. */
export interface Block {
  readonly language: string;
  readonly words: readonly string[];
  readonly content: string;
  /** The number of the line after the fence, counted from 0, and of the closing fence. */
  readonly start: number;
  readonly end: number;
}

export interface Page {
  /** The file's name without its ending. */
  readonly name: string;
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
}

/** @throws if a fence is not closed */
export function blocksOf(text: string, path: string): Block[] {
  const lines = text.split('\n');
  const blocks: Block[] = [];
  for (let i = 0; i < lines.length; i++) {
    const info = /^```(.+)$/.exec(lines[i]!)?.[1];
    if (!info) continue;
    const end = lines.indexOf('```', i + 1);
    if (end < 0) throw new Error(`${path}:${i + 1}: this fence is not closed`);
    const [language, ...words] = info.split(' ');
    blocks.push({
      language: language!,
      words,
      content: lines.slice(i + 1, end).join('\n'),
      start: i + 1,
      end,
    });
    i = end;
  }
  return blocks;
}

export function readPage(name: string): Page {
  const path = join(folder, `${name}.md`);
  const text = readFileSync(path, 'utf8').replaceAll('\r\n', '\n');
  return { name, path, text, blocks: blocksOf(text, path) };
}

/** The pages in their order. */
export const pageNames = (): string[] =>
  readdirSync(folder)
    .filter((file) => /^\d.*\.md$/.test(file))
    .map((file) => file.replace('.md', ''))
    .sort();

/** The value of `key=value` on a fence. */
export const wordOf = ({ words }: Block, key: string): string | undefined =>
  words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);

/** A page's text with the content of some blocks replaced. */
export function withContents(page: Page, contents: ReadonlyMap<Block, string>): string {
  const lines = page.text.split('\n');
  for (const block of [...page.blocks].reverse()) {
    const content = contents.get(block);
    if (content !== undefined) lines.splice(block.start, block.end - block.start, ...content.split('\n'));
  }
  return lines.join('\n');
}
