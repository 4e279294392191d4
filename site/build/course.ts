import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import Eleventy, { type EleventyConfig } from '@11ty/eleventy';
import { javascriptLanguage, tsxLanguage, typescriptLanguage } from '@codemirror/lang-javascript';
import { classHighlighter, highlightCode } from '@lezer/highlight';
import * as autograd from '@tapegrad/autograd';
import * as nn from '@tapegrad/nn';
import * as tensor from '@tapegrad/tensor';
import * as vae from '@tapegrad/vae';
import { bundled, nameOf, type Programs, programsIn } from './programs.ts';

/* The course: Markdown of `docs/course` in the page that Vite built for it. */

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = join(root, 'docs/course');
const repository = 'https://github.com/tapegrad/tapegrad/blob/main/';

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const languages: Record<string, typeof javascriptLanguage> = {
  js: javascriptLanguage,
  ts: typescriptLanguage,
  tsx: tsxLanguage,
};

/** Code with its words in spans, by kind. */
function highlighted(code: string, language: string): string {
  const parser = languages[language]?.parser;
  if (!parser) return escaped(code);
  let html = '';
  highlightCode(
    code,
    parser.parse(code),
    classHighlighter,
    (text, classes) => {
      html += classes ? `<span class="${classes}">${escaped(text)}</span>` : escaped(text);
    },
    () => {
      html += '\n';
    },
  );
  return html;
}

/** `2-the-graph.md` as the site has it; what is not part of the course, where the repository has it. */
function linkTo(href: string): string {
  if (/^(https?:|#|mailto:)/.test(href)) return href;
  const [path, hash = ''] = href.split(/(?=#)/) as [string, string?];
  if (/^[\w-]+\.md$/.test(path))
    return `${path === 'README.md' ? './' : path.replace(/\.md$/, '.html')}${hash}`;
  if (path.startsWith('images/')) return href;
  return repository + relative(root, join(folder, path)).replaceAll('\\', '/') + hash;
}

interface Token {
  type: string;
  tag: string;
  content: string;
  info: string;
  children?: Token[] | null;
  attrGet(name: string): string | null;
  attrSet(name: string, value: string): void;
}

/** What of markdown-it is used. */
export interface MarkdownIt {
  readonly core: { readonly ruler: { push(name: string, rule: (state: { tokens: Token[] }) => void): void } };
  readonly renderer: {
    readonly rules: Record<string, ((tokens: Token[], at: number) => string) | undefined>;
  };
}

const packages: Record<string, object> = {
  '@tapegrad/autograd': autograd,
  '@tapegrad/nn': nn,
  '@tapegrad/tensor': tensor,
  '@tapegrad/vae': vae,
};

/** Why a program does not run in the page, as a sentence; nothing where it does. */
function obstacleTo(script: string): string | undefined {
  for (const [, names, from] of script.matchAll(/^import \{([^}]*)\} from ["']([^"']+)["'];?$/gm)) {
    if (/^(node:|tapegrad\/)/.test(from!)) return 'This one works with files: it runs in Node.';
    const known = packages[from!];
    const missing = names!.split(',').some((name) => !(name.trim().split(' as ')[0]! in (known ?? {})));
    if (known && missing) return 'This one needs the packages as you edited them above: it runs in Node.';
  }
  return undefined;
}

/** Programs with a button, links into the site, and names for headings. */
function extend(markdown: MarkdownIt, scripts: ReadonlyMap<string, string>): void {
  markdown.renderer.rules.fence = (tokens, at) => {
    const { info, content } = tokens[at]!;
    const [language = '', what = ''] = info.split(' ');
    const code = highlighted(content.replace(/\n$/, ''), language);
    if (language === 'text')
      return `<pre tabindex="0" class="printed${what === 'varies' ? ' varies' : ''}"><code>${code}</code></pre>\n`;
    const pre = `<pre tabindex="0"><code>${code}</code></pre>`;
    const script = what === 'run' && scripts.get(content);
    if (!script) return `${pre}\n`;
    const obstacle = obstacleTo(script);
    if (obstacle) return `${pre}\n<p class="hint">${obstacle}</p>\n`;
    const name = nameOf(content);
    return (
      `<div class="program" id="program-${name.replace(/\.ts$/, '')}">${pre}<template>${escaped(script)}</template>` +
      `<button type="button" hidden><span>Run here</span><span class="visually-hidden">: ${name}</span></button><output hidden></output></div>\n`
    );
  };
  markdown.core.ruler.push('site', ({ tokens }) => {
    tokens.forEach((token, i) => {
      if (token.type === 'heading_open') {
        const text = tokens[i + 1]!.content.toLowerCase().replace(/[^\p{L}\d]+/gu, '-');
        token.attrSet('id', text.replace(/^-|-$/g, ''));
      }
      for (const child of token.children ?? []) {
        const attribute = { link_open: 'href', image: 'src' }[child.type];
        if (attribute) child.attrSet(attribute, linkTo(child.attrGet(attribute)!));
      }
    });
  });
}

/** Pages in their order: the first is the table of contents. */
function pagesOf(): { file: string; title: string; text: string }[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.md'))
    .sort((a, b) =>
      a === 'README.md' ? -1 : b === 'README.md' ? 1 : a.localeCompare(b, 'en', { numeric: true }),
    )
    .map((file) => {
      const text = readFileSync(join(folder, file), 'utf8');
      const title = /^# (.+)$/m.exec(text)?.[1] ?? file;
      return { file, title: title.replaceAll('`', ''), text };
    });
}

const fileOf = (page: string) => linkTo(page).replace('./', 'index.html');

/** Writes the course into the built site, in the place of the page that holds the frame. */
export async function buildCourse(dist: string): Promise<void> {
  const frame = join(dist, 'course/index.html');
  if (!existsSync(folder) || !existsSync(frame)) return;
  const template = readFileSync(frame, 'utf8');
  const pages = pagesOf();
  const programs: Programs = programsIn(pages.map(({ text }) => text));
  const scripts = new Map<string, string>();
  for (const code of programs.values()) scripts.set(code, await bundled(code, programs));
  const eleventy = new Eleventy(
    relative(process.cwd(), folder),
    relative(process.cwd(), join(dist, 'course')),
    {
      quietMode: true,
      configPath: false,
      config(config: EleventyConfig) {
        config.setUseGitIgnore(false);
        config.amendLibrary('md', (markdown: MarkdownIt) => extend(markdown, scripts));
        config.addPassthroughCopy({ [relative(process.cwd(), join(folder, 'images'))]: 'images' });
        config.addGlobalData('permalink', () => (data) => fileOf(data.page.inputPath.split(/[\\/]/).at(-1)!));
        config.addTransform('frame', function (content) {
          const file = this.page.inputPath.split(/[\\/]/).at(-1)!;
          const at = pages.findIndex((page) => page.file === file);
          const link = (page: (typeof pages)[number], text: string, current = false) =>
            `<a href="${linkTo(page.file)}"${current ? ' aria-current="page"' : ''}>${escaped(text)}</a>`;
          const contents = pages.map(
            (page, i) => `<li>${link(page, i === 0 ? 'The course' : page.title, i === at)}</li>`,
          );
          const [before, after] = [pages[at - 1], pages[at + 1]];
          const pager = `<nav class="pager" aria-label="Next and previous page"><span>${before ? link(before, `← ${before.title}`) : ''}</span><span>${after ? link(after, `${after.title} →`) : ''}</span></nav>`;
          return template
            .replace('<title>The course', () => `<title>${escaped(pages[at]!.title)}`)
            .replace('<!--contents-->', () => `<ol>${contents.join('')}</ol>`)
            .replace('<!--content-->', () => content + pager);
        });
        return { markdownTemplateEngine: false, htmlTemplateEngine: false, templateFormats: ['md'] };
      },
    },
  );
  await eleventy.write();
}
