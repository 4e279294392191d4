import { deflateRawSync } from 'node:zlib';
import { type Color, classColors, darkClassColors } from '@tapegrad/plot';
import type { Section } from './blocks.ts';
import type { LivingData } from './client/living/types.ts';
import type { PageData } from './client/types.ts';
import { html, jsonFor, Markup } from './markup.ts';

export interface Page {
  readonly title: string;
  /** Below the title. */
  readonly summary: Markup;
  readonly sections: readonly Section[];
  readonly data: PageData;
  /** For a page that computes. */
  readonly living?: LivingData;
}

/**
 * A page in one file: styles, script, images and data are inside, and a policy forbids it to fetch anything. Whatever
 * comes from people or files is escaped.
 */
export async function renderPage({ title, summary, sections, data, living }: Page): Promise<string> {
  const { script, styles, licence, livingScript } = await assets();
  const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
  const page = html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${styles}</style>
</head>
<body>
<a class="skip" href="#main">to the content</a>
<header class="masthead"><h1>${title}</h1>${summary}</header>
<nav class="toc" aria-label="contents"><ol>${sections.map(({ id, title: name, isLiving }) => html`<li${isLiving ? hidden : ''}><a href="#${id}">${name}</a></li>`)}</ol></nav>
<main id="main">
${sections.map(({ id, title: name, body, isLiving }) => html`<section id="${id}"${isLiving ? hidden : ''} aria-labelledby="${id}-title"><h2 id="${id}-title">${name}</h2>${body}</section>\n`)}</main>
<noscript><p class="note">The planes of points and the sliders need JavaScript.</p></noscript>
<footer>Written by Tapegrad. Charts by Vega and uPlot; uPlot’s licence is in the source of this page.</footer>
${living && html`<script type="application/json" id="living-data">${jsonFor(living)}</script>\n<script type="text/plain" id="living-script">${livingScript()}</script>\n`}<script type="application/json" id="data">${jsonFor(data)}</script>
<script>
/* uPlot: ${licence} */
${script}</script>
</body>
</html>
`;
  return page.text;
}

/** What the living part shows when it lives. */
const hidden = html` data-living hidden`;

interface Assets {
  readonly script: Markup;
  readonly styles: Markup;
  readonly licence: Markup;
  readonly livingScript: () => Markup;
}

let made: Assets | undefined;

/** Assembled once per process. */
async function assets(): Promise<Assets> {
  if (made) return made;
  // Half a megabyte of text, which commands that write no page do without.
  const { pageAssets, livingScript } = await import('./assets.ts');
  const { script, styles, licence } = pageAssets();
  // A script ends at the first `</script`, wherever that is.
  const inside = (text: string) => new Markup(text.replaceAll('</script', '<\\/script'));
  let living: Markup | undefined;
  const palette = (colors: readonly Color[]) => colors.map((color, i) => `--class-${i}: ${color};`);
  made = {
    script: inside(script),
    livingScript: () => {
      // A quarter of a megabyte that many readers have no use for: it is inflated where there is a GPU.
      living ??= new Markup(deflateRawSync(livingScript(), { level: 9 }).toString('base64'));
      return living;
    },
    styles: new Markup(
      `:root { ${palette(classColors).join(' ')} }\n` +
        `@media (prefers-color-scheme: dark) { :root { ${palette(darkClassColors).join(' ')} } }\n` +
        styles,
    ),
    licence: new Markup(licence),
  };
  return made;
}
